"""Tokens of callers, and the tokens inside signed links."""

from __future__ import annotations

import hmac
import json
import re
import time
from typing import Any, Literal

import jwt

from supabase_embedded.storage.errors import Refusal, denied

_BEARER = re.compile(r"bearer (\S+)", re.IGNORECASE)

Scope = Literal["download", "upload"]


class Tokens:
    """Checks tokens by the stack's public keys and its shared secret; signs links with a key of its own."""

    def __init__(self, jwks: str, secret: str) -> None:
        self._keys = {str(key.get("kid", "")): jwt.PyJWK(key) for key in json.loads(jwks)["keys"]}
        self._secret = secret
        # Not the secret itself: a link must never pass for a token of the API.
        self._link_key = hmac.digest(secret.encode(), b"signed links to files", "sha256")

    def claims_of(self, authorization: str) -> dict[str, Any]:
        """The claims of an Authorization header. Raises Refusal (403)."""
        match = _BEARER.fullmatch(authorization.strip())
        if match is None:
            raise denied("headers must have required property 'authorization'")
        try:
            header = jwt.get_unverified_header(match[1])
            key = self._keys.get(str(header.get("kid", "")))
            options: Any = {"verify_aud": False, "verify_iat": False, "require": ["exp"]}
            if key is not None and key.key_type != "oct":
                # The algorithm is the key's, never the one that the token asks for.
                return jwt.decode(match[1], key.key, algorithms=[key.algorithm_name], options=options)
            return jwt.decode(match[1], self._secret, algorithms=["HS256"], options=options)
        except jwt.PyJWTError as error:
            raise denied(f"invalid JWT: {error}") from None

    def sign(self, scope: Scope, path: str, seconds: int, **more: Any) -> str:
        """The token of a link to one file (bucket and name) for one purpose."""
        now = int(time.time())
        return jwt.encode(
            {**more, "url": path, "scope": scope, "iat": now, "exp": now + seconds}, self._link_key, "HS256"
        )

    def opened(self, scope: Scope, path: str, token: str) -> dict[str, Any]:
        """What a link's token says, for this file and purpose. Raises Refusal (400)."""
        try:
            claims = jwt.decode(token, self._link_key, algorithms=["HS256"], options={"require": ["exp"]})
        except jwt.ExpiredSignatureError:
            raise Refusal(400, "ExpiredToken", "The provided token has expired.") from None
        except jwt.PyJWTError as error:
            raise Refusal(400, "InvalidJWT", str(error)) from None
        if claims.get("scope") != scope or claims.get("url") != path:
            raise Refusal(400, "InvalidSignature", "Invalid signature")
        return claims
