"""The keys of a stack: API keys as hosted Supabase makes them, the ES256 signing key, the older HS256 keys.

Every key is random and made once per stack; nothing here prints or logs one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

TEN_YEARS = 10 * 365 * 86_400


@dataclass(frozen=True)
class Keys:
    """The secrets of one stack.

    ``signing`` holds private ES256 JWKs, the newest first: the first signs, all of them verify.
    """

    publishable: str
    secret: str
    anon: str
    service_role: str
    jwt_secret: str
    signing: tuple[dict[str, Any], ...]

    @classmethod
    def generate(cls) -> Keys:
        """Fresh random keys."""
        jwt_secret = secrets.token_urlsafe(40)
        return cls(
            publishable=api_key("publishable"),
            secret=api_key("secret"),
            anon=role_token("anon", jwt_secret, TEN_YEARS),
            service_role=role_token("service_role", jwt_secret, TEN_YEARS),
            jwt_secret=jwt_secret,
            signing=(signing_key(),),
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Keys:
        """Read back what :meth:`to_dict` wrote."""
        return cls(**{**data, "signing": tuple(data["signing"])})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for stack.json."""
        return {**asdict(self), "signing": list(self.signing)}

    def rotated(self) -> Keys:
        """The same keys with a new signing key; the one before it still verifies, older ones no longer do."""
        return Keys(**{**asdict(self), "signing": (signing_key(), *self.signing[:1])})

    def auth_keys(self) -> list[dict[str, Any]]:
        """The signing keys as the Auth server takes them: private JWKs, of which only the first may sign."""
        return [
            {**key, "use": "sig", "key_ops": ["sign", "verify"] if number == 0 else ["verify"]}
            for number, key in enumerate(self.signing)
        ]

    def jwks(self) -> str:
        """What PostgREST verifies with: the public halves, and the HS256 key for the older API keys."""
        public = [
            {
                **{name: key[name] for name in ("kty", "crv", "x", "y", "kid", "alg")},
                "use": "sig",
                "key_ops": ["verify"],
            }
            for key in self.signing
        ]
        shared = {"kty": "oct", "k": _base64url(self.jwt_secret.encode()), "alg": "HS256"}
        return json.dumps({"keys": [*public, shared]})


def api_key(kind: str) -> str:
    """A new sb_publishable_… or sb_secret_… key: 128 random bits and a checksum."""
    body = f"sb_{kind}_{secrets.token_urlsafe(16)}"
    return f"{body}_{_base64url(hashlib.sha256(body.encode()).digest())[:8]}"


def role_token(role: str, jwt_secret: str, seconds: int) -> str:
    """An HS256 JWT for a database role, valid for ``seconds`` from now."""
    import jwt

    now = int(time.time())
    return jwt.encode({"iss": "supabase", "role": role, "iat": now, "exp": now + seconds}, jwt_secret, "HS256")


def signing_key() -> dict[str, Any]:
    """A new private ES256 key as a JWK with its own kid."""
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    public = private.public_numbers
    numbers = {"x": public.x, "y": public.y, "d": private.private_value}
    return {
        "kty": "EC",
        "crv": "P-256",
        "alg": "ES256",
        "kid": str(uuid.uuid4()),
        **{name: _base64url(number.to_bytes(32, "big")) for name, number in numbers.items()},
    }


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
