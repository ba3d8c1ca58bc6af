"""Which tokens count, and what stands in them."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from supabase_embedded.keys import signing_key

from .conftest import PASSWORD, AuthServer


def test_the_published_keys_check_a_token_and_no_secret_is_among_them(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    answer = auth.call("GET", "/.well-known/jwks.json")
    keys = answer.json()["keys"]
    assert "public" in answer.headers["Cache-Control"]
    assert [key["kty"] for key in keys] == ["EC"]
    assert not any(secret in key for key in keys for secret in ("d", "k"))
    header = jwt.get_unverified_header(token)
    assert header["alg"] == "ES256"
    published = next(key for key in keys if key["kid"] == header["kid"])
    claims = jwt.decode(
        token, jwt.PyJWK(published).key, algorithms=["ES256"], audience="authenticated", issuer=auth.url
    )
    assert claims["email"] == address


def test_the_client_checks_a_token_by_the_published_keys(auth: AuthServer, address: str) -> None:
    client = auth.client()
    client.sign_up({"email": address, "password": PASSWORD})
    answer = client.get_claims()
    assert answer is not None
    assert dict(answer["claims"])["email"] == address


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    key = jwt.PyJWK(auth.call("GET", "/.well-known/jwks.json").json()["keys"][0]).key
    for secret in (
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
    ):
        for kid in ({"kid": header["kid"]}, {}):
            forged = _hs256({"alg": "HS256", "typ": "JWT"} | kid, claims | {"role": "service_role"}, secret)
            assert _refused(auth, forged)


def test_a_token_without_a_signature_is_refused(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    kid = jwt.get_unverified_header(token)["kid"]
    body = token.split(".")[1]
    for algorithm in ("none", "None", "nOnE"):
        header = _encoded(json.dumps({"alg": algorithm, "typ": "JWT", "kid": kid}).encode())
        assert _refused(auth, f"{header}.{body}.")


def test_a_token_of_another_key_is_refused(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    other = jwt.PyJWK(signing_key()).key
    for kid in (header["kid"], "unknown"):
        assert _refused(auth, jwt.encode(claims, other, "ES256", headers={"kid": kid}))
    assert _refused(auth, jwt.encode(claims, "x" * 40, "HS256"))


def test_a_token_that_was_changed_is_refused(auth: AuthServer, address: str) -> None:
    header, body, signature = auth.sign_up(address).json()["access_token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = _encoded(json.dumps(claims | {"role": "service_role"}).encode())
    assert _refused(auth, f"{header}.{changed}.{signature}")


def test_an_expired_token_is_refused(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    signing = auth.keys.auth_keys()[0]

    def signed(**changes: object) -> str:
        return jwt.encode(claims | changes, jwt.PyJWK(signing).key, "ES256", headers={"kid": signing["kid"]})

    assert auth.call("GET", "/user", token=signed()).status_code == 200
    assert _refused(auth, signed(exp=int(time.time()) - 1))


def test_a_token_for_another_audience_is_refused(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    signing = auth.keys.auth_keys()[0]
    other = jwt.encode(claims | {"aud": "elsewhere"}, jwt.PyJWK(signing).key, "ES256", headers={"kid": signing["kid"]})
    # Supabase Auth takes the audience of the token for the one of the request, so there this token passes.
    assert auth.call("GET", "/user", token=other).status_code == (400 if auth.backend == "ours" else 200)


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_a_token_of_an_api_key_is_nobody(auth: AuthServer, role: str) -> None:
    answer = auth.call("GET", "/user", token=auth.role_token(role))
    assert (answer.status_code, answer.json()["error_code"]) == (403, "bad_jwt")


def test_the_hook_in_the_database_completes_the_claims(strict: AuthServer, address: str) -> None:
    client = strict.client()
    session = client.sign_in_anonymously().session
    assert session is not None
    assert _claims(session.access_token)["met_by"] == "anonymous"
    refreshed = client.refresh_session().session
    assert refreshed is not None
    assert _claims(refreshed.access_token)["met_by"] == "token_refresh"
    strict.sign_up(address)
    body = {"email": address, "token": strict.mail(address).code, "type": "signup"}
    assert _claims(strict.call("POST", "/verify", body).json()["access_token"])["met_by"] == "otp"
    assert _claims(strict.sign_in(address).json()["access_token"])["met_by"] == "password"


def test_the_hook_can_refuse_a_person(strict: AuthServer, address: str) -> None:
    refused = f"refused-{address}"
    strict.admin().create_user({"email": refused, "password": PASSWORD, "email_confirm": True})
    answer = strict.sign_in(refused)
    assert (answer.status_code, answer.json()["msg"]) == (403, "Not this season")
    assert _sessions(strict, refused) == 0


def test_claims_that_lack_something_are_refused(strict: AuthServer, address: str) -> None:
    broken = f"broken-{address}"
    strict.admin().create_user({"email": broken, "password": PASSWORD, "email_confirm": True})
    answer = strict.sign_in(broken)
    assert answer.status_code == 500
    assert "sub is required" in answer.json()["msg"]
    assert _sessions(strict, broken) == 0


def _refused(server: AuthServer, token: str) -> bool:
    """Whether neither a person's nor an admin's door opens for a token, and both say the same."""
    answers = [server.call("GET", "/user", token=token), server.call("GET", "/admin/users", token=token)]
    return all((each.status_code, each.json()["error_code"]) == (403, "bad_jwt") for each in answers)


def _sessions(server: AuthServer, address: str) -> int:
    query = "select 1 from auth.sessions s join auth.users u on u.id = s.user_id where u.email = %s"
    return len(server.rows(query, address))


def _claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _hs256(header: dict[str, str], claims: dict[str, Any], secret: bytes) -> str:
    # By hand: PyJWT itself refuses a public key as a secret.
    import hashlib
    import hmac

    signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
    return f"{signed}.{_encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"
