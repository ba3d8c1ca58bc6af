"""Which keys and tokens open the API, as which role, and which do not. Everything goes through the gateway."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from supabase_embedded import Stack, StackStatus
from supabase_embedded.keys import signing_key
from supabase_embedded.state import State
from tests.support.waiting import LIMIT

WHOAMI = "/rest/v1/rpc/whoami"


def role_of(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    role: str = response.json()["role"]
    return role


def sign(claims: dict[str, Any], key: dict[str, Any], algorithm: str = "ES256", **header: str) -> str:
    headers = {"kid": key["kid"], **header}
    return jwt.encode(claims, jwt.PyJWK(key).key, algorithm, headers=headers)


@pytest.fixture
def current_key(probe: Stack) -> dict[str, Any]:
    key: dict[str, Any] = State.read(probe.home).data["keys"]["signing"][0]
    return key


@pytest.fixture
def claims() -> dict[str, Any]:
    """What Auth puts in a user's token."""
    now = int(time.time())
    return {
        "sub": "6b1a2a52-7c4e-4a8e-9d7e-2f6f0f7a5f10",
        "role": "authenticated",
        "aud": "authenticated",
        "iat": now,
        "exp": now + 3600,
    }


def test_a_request_without_a_key_is_refused_as_hosted_refuses_it(http: httpx.Client) -> None:
    answer = http.get(WHOAMI)
    assert answer.status_code == 401
    assert answer.json() == {
        "message": "No API key found in request",
        "hint": "No `apikey` request header or url param was found.",
    }


@pytest.mark.parametrize("key", ["sb_publishable_wrong", "sb_secret_wrong", "nonsense", "Ünicode"])
def test_an_unknown_key_is_refused_as_hosted_refuses_it(http: httpx.Client, key: str) -> None:
    answer = http.get(WHOAMI, headers={"apikey": key.encode()})
    assert answer.status_code == 401
    assert answer.json()["message"] == "Invalid API key"


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("PUBLISHABLE_KEY", "anon"),
        ("SECRET_KEY", "service_role"),
        ("ANON_KEY", "anon"),
        ("SERVICE_ROLE_KEY", "service_role"),
    ],
)
def test_a_key_stands_for_its_role_wherever_clients_put_it(
    http: httpx.Client, running: StackStatus, name: str, role: str
) -> None:
    key = running.env()[name]
    assert role_of(http.get(WHOAMI, headers={"apikey": key})) == role
    # The SDKs repeat the key as a bearer token while nobody is signed in.
    assert role_of(http.get(WHOAMI, headers={"apikey": key, "authorization": f"Bearer {key}"})) == role
    assert role_of(http.get(WHOAMI, headers={"authorization": f"Bearer {key}"})) == role
    assert role_of(http.get(WHOAMI, params={"apikey": key})) == role


def test_a_secret_key_is_refused_from_a_browser(http: httpx.Client, running: StackStatus) -> None:
    browser = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64)"}
    answer = http.get(WHOAMI, headers={"apikey": running.env()["SECRET_KEY"], **browser})
    assert answer.status_code == 401
    assert answer.json()["message"] == "Forbidden use of secret API key in browser"
    assert role_of(http.get(WHOAMI, headers={"apikey": running.env()["PUBLISHABLE_KEY"], **browser})) == "anon"


def test_a_bearer_key_cannot_outrank_the_api_key(http: httpx.Client, running: StackStatus) -> None:
    keys = running.env()
    for stronger in (keys["SECRET_KEY"], "sb_secret_wrong"):
        answer = http.get(WHOAMI, headers={"apikey": keys["PUBLISHABLE_KEY"], "authorization": f"Bearer {stronger}"})
        assert (answer.status_code, answer.json()["message"]) == (401, "Invalid API key")


def test_the_key_never_reaches_the_database(http: httpx.Client, running: StackStatus) -> None:
    key = running.env()["SECRET_KEY"]
    answer = http.get(WHOAMI, params={"apikey": key}, headers={"apikey": key, "authorization": f"Bearer {key}"})
    assert key not in answer.text


def test_the_query_is_passed_on_as_it_came_without_the_key(http: httpx.Client, running: StackStatus) -> None:
    keys = running.env()
    service = {"apikey": keys["SECRET_KEY"], "prefer": "return=representation"}
    http.post("/rest/v1/note", json=[{"body": "café, (un)"}, {"body": "thé"}], headers=service)
    found = http.get(f"/rest/v1/note?select=body&body=in.(%22caf%C3%A9%2C%20(un)%22)&apikey={keys['PUBLISHABLE_KEY']}")
    # Row level security hides the rows from anon: the filter was understood, and nothing was shown.
    assert (found.status_code, found.json()) == (200, [])
    found = http.get(f"/rest/v1/note?select=body&body=in.(%22caf%C3%A9%2C%20(un)%22)&apikey={keys['SECRET_KEY']}")
    assert found.json() == [{"body": "café, (un)"}]


def test_a_user_token_signed_es256_is_that_user(
    http: httpx.Client, running: StackStatus, current_key: dict[str, Any], claims: dict[str, Any]
) -> None:
    bearer = {"authorization": f"Bearer {sign(claims, current_key)}"}
    answer = http.get(WHOAMI, headers={"apikey": running.env()["PUBLISHABLE_KEY"], **bearer})
    assert role_of(answer) == "authenticated"
    assert answer.json()["sub"] == claims["sub"]
    # The token alone does not open the gateway, and a secret key does not change who the user is.
    assert http.get(WHOAMI, headers=bearer).status_code == 401
    answer = http.get(WHOAMI, headers={"apikey": running.env()["SECRET_KEY"], **bearer})
    assert role_of(answer) == "authenticated"


def test_tokens_that_are_expired_or_for_others_are_refused(
    http: httpx.Client, running: StackStatus, current_key: dict[str, Any], claims: dict[str, Any]
) -> None:
    wrong = {
        "expired": {**claims, "exp": int(time.time()) - 60},
        "audience": {**claims, "aud": "another-project"},
        "not yet valid": {**claims, "nbf": int(time.time()) + 3600},
    }
    for why, changed in wrong.items():
        token = sign(changed, current_key)
        answer = http.get(
            WHOAMI, headers={"apikey": running.env()["PUBLISHABLE_KEY"], "authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 401, why


def test_algorithm_confusion_is_refused(
    http: httpx.Client, running: StackStatus, current_key: dict[str, Any], claims: dict[str, Any]
) -> None:
    claims = {**claims, "role": "service_role"}
    public = jwt.PyJWK({name: value for name, value in current_key.items() if name != "d"}).key
    published = http.get("/auth/v1/.well-known/jwks.json").json()["keys"]
    jwk = next(key for key in published if key["kid"] == current_key["kid"])
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = {
        "alg none": unsigned(claims, "none", current_key["kid"]),
        "alg None in another case": unsigned(claims, "NoNe", current_key["kid"]),
        "a stranger's key under our kid": sign(claims, {**signing_key(), "kid": current_key["kid"]}),
        "a stranger's key under its own kid": sign(claims, signing_key()),
        "a stranger's key in the header": jwt.encode(
            claims, jwt.PyJWK(stranger := signing_key()).key, "ES256", headers={"jwk": {**stranger}}
        ),
    }
    secrets = {
        "PEM": pem,
        "PEM without its last line break": pem.rstrip(),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "JWK": json.dumps(jwk).encode(),
        "JWK without spaces": json.dumps(jwk, separators=(",", ":")).encode(),
        "x": base64.urlsafe_b64decode(jwk["x"] + "="),
        "empty": b"",
    }
    for name, secret in secrets.items():
        for kid in (current_key["kid"], None):
            forged[f"HS256 with the public key as {name}, kid {kid}"] = hs256(claims, secret, kid)
    for why, token in forged.items():
        for path in (WHOAMI, "/auth/v1/admin/users"):
            answer = http.get(
                path, headers={"apikey": running.env()["PUBLISHABLE_KEY"], "authorization": f"Bearer {token}"}
            )
            assert answer.status_code in (401, 403), f"{why}: {answer.text}"


def test_rotated_keys_leave_the_tokens_of_the_key_before_valid(
    probe: Stack, running: StackStatus, current_key: dict[str, Any], claims: dict[str, Any]
) -> None:
    def whoami(token: str) -> int:
        headers = {"apikey": running.env()["PUBLISHABLE_KEY"], "authorization": f"Bearer {token}"}
        return httpx.get(running.api_url + WHOAMI, headers=headers, timeout=LIMIT).status_code

    def published() -> set[str]:
        answer = httpx.get(f"{running.api_url}/auth/v1/.well-known/jwks.json", timeout=LIMIT)
        return {key["kid"] for key in answer.json()["keys"] if key.get("kty") == "EC"}

    before = sign(claims, current_key)
    assert whoami(before) == 200
    probe.rotate_keys()
    newest = State.read(probe.home).data["keys"]["signing"][0]
    assert newest["kid"] != current_key["kid"]
    assert published() == {newest["kid"], current_key["kid"]}
    assert whoami(sign(claims, newest)) == 200
    assert whoami(sign({**claims, "sub": "9b1a2a52-7c4e-4a8e-9d7e-2f6f0f7a5f11"}, current_key)) == 200
    probe.rotate_keys()
    assert whoami(sign({**claims, "sub": "8b1a2a52-7c4e-4a8e-9d7e-2f6f0f7a5f11"}, current_key)) == 401


def unsigned(claims: dict[str, Any], algorithm: str, kid: str) -> str:
    parts = ({"alg": algorithm, "typ": "JWT", "kid": kid}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def hs256(claims: dict[str, Any], secret: bytes, kid: str | None) -> str:
    """An HS256 token by hand: PyJWT refuses to sign with a public key."""
    import hashlib
    import hmac

    header = {"alg": "HS256", "typ": "JWT"} | ({"kid": kid} if kid else {})
    signed = unsigned(claims, "HS256", "").split(".")[1]
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    mac = hmac.new(secret, f"{head}.{signed}".encode(), hashlib.sha256).digest()
    return f"{head}.{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
