"""The keys that sign and check tokens: ES256 for people, HS256 by the shared secret for the older API keys."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from supabase_embedded.auth.errors import Refusal, forbidden


def public_jwks(keys: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The public halves of private JWKs, without the shared secret: what `/.well-known/jwks.json` shows."""
    published = []
    for key in keys:
        if key.get("kty") == "oct":
            continue
        public = {name: key[name] for name in ("kty", "crv", "x", "y", "n", "e", "kid", "alg") if name in key}
        published.append(public | {"use": "sig", "key_ops": ["verify"]})
    return {"keys": published}


class KeySet:
    """Signs access tokens with one key and checks them against several, so that keys can be rotated."""

    def __init__(self, keys: Sequence[Mapping[str, Any]], jwt_secret: str) -> None:
        """Take private JWKs; none means HS256 by `jwt_secret`. Raises ValueError unless exactly one may sign."""
        if not keys:
            encoded = base64.urlsafe_b64encode(jwt_secret.encode()).rstrip(b"=").decode()
            keys = [{"kty": "oct", "k": encoded, "kid": "", "alg": "HS256", "key_ops": ["sign", "verify"]}]
        signing = [key for key in keys if "sign" in key.get("key_ops", [])]
        if len(signing) != 1:
            raise ValueError(f"GOTRUE_JWT_KEYS has {len(signing)} keys with key_ops sign: exactly one must have it")
        try:
            parsed = {str(key.get("kid", "")): jwt.PyJWK(dict(key)) for key in keys}
        except (jwt.PyJWTError, ValueError, KeyError):
            # The cause would quote the key.
            raise ValueError("GOTRUE_JWT_KEYS holds a key that cannot be read") from None
        self.jwks = public_jwks(keys)
        self._signing_id = str(signing[0].get("kid", ""))
        self._signing = parsed[self._signing_id]
        self._checking = parsed
        self._secret = jwt_secret
        self._methods = {key.algorithm_name for key in parsed.values()}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Make a token of these claims."""
        headers = {"kid": self._signing_id} if self._signing_id else None
        return jwt.encode(dict(claims), self._signing.key, self._signing.algorithm_name, headers=headers)

    def claims_of(self, token: str) -> dict[str, Any]:
        """Check a token's signature and expiry and return its claims.

        The algorithm is the one of the key, never the one the token asks for. Raises Refusal (403 bad_jwt).
        """
        try:
            header = jwt.get_unverified_header(token)
            key = self._checking.get(str(header.get("kid", "")))
            if key is not None:
                return self._decode(token, key.key, key.algorithm_name)
            if header.get("alg") == "HS256" and "HS256" in self._methods:
                return self._decode(token, self._secret, "HS256")
        except jwt.PyJWTError as error:
            raise _bad_token(str(error)) from None
        raise _bad_token("no key for it")

    @staticmethod
    def _decode(token: str, key: Any, algorithm: str) -> dict[str, Any]:
        # The audience depends on the endpoint: tokens of API keys have none.
        options: Any = {"verify_aud": False, "verify_iat": False, "require": ["exp"]}
        return jwt.decode(token, key, algorithms=[algorithm], options=options)


def _bad_token(reason: str) -> Refusal:
    return forbidden("bad_jwt", f"invalid JWT: unable to parse or verify signature, {reason}")
