"""Second factors by authenticator app, as the clients call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import jwt
import pyotp
import pytest
from supabase_auth.errors import AuthApiError

from .conftest import MOST_FACTORS, PASSWORD, AuthServer


@dataclass
class Person:
    """Somebody with an account, an authenticator app, and the tokens of one session."""

    auth: AuthServer
    address: str
    tokens: dict[str, Any]

    @classmethod
    def sign_up(cls, auth: AuthServer, address: str) -> Person:
        return cls(auth, address, auth.sign_up(address).json())

    def elsewhere(self) -> Person:
        """The same person on another device."""
        return Person(self.auth, self.address, self.auth.sign_in(self.address).json())

    @property
    def claims(self) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(self.tokens["access_token"], options={"verify_signature": False})
        return claims

    @property
    def methods(self) -> list[str]:
        return sorted(entry["method"] for entry in self.claims["amr"])

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        return self.auth.call(method, path, body, self.tokens["access_token"])

    def enrol(self, name: str = "telephone") -> tuple[str, str]:
        """Begin a factor: its id and secret."""
        answer = self.call("POST", "/factors", {"factor_type": "totp", "friendly_name": name})
        assert answer.status_code == 200, answer.text
        return answer.json()["id"], answer.json()["totp"]["secret"]

    def ask(self, factor: str) -> str:
        answer = self.call("POST", f"/factors/{factor}/challenge", {})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def answer(self, factor: str, challenge: str, code: str) -> httpx.Response:
        answer = self.call("POST", f"/factors/{factor}/verify", {"challenge_id": challenge, "code": code})
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    def prove(self, factor: str, secret: str) -> httpx.Response:
        return self.answer(factor, self.ask(factor), pyotp.TOTP(secret).now())

    def with_factor(self) -> tuple[str, str]:
        """Enrol a factor and prove it: the session is one of two factors."""
        factor, secret = self.enrol()
        assert self.prove(factor, secret).status_code == 200
        return factor, secret

    def refresh(self) -> httpx.Response:
        answer = self.auth.refresh(self.tokens["refresh_token"])
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer


@pytest.fixture
def ada(auth: AuthServer, address: str) -> Person:
    return Person.sign_up(auth, address)


def test_enrolling_gives_what_an_authenticator_app_needs(ada: Person) -> None:
    answer = ada.call("POST", "/factors", {"factor_type": "totp", "friendly_name": "telephone", "issuer": "MPP"})
    told = answer.json()
    assert (answer.status_code, told["type"], told["friendly_name"]) == (200, "totp", "telephone")
    uri = urlsplit(told["totp"]["uri"])
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", f"/MPP:{ada.address}")
    asked = parse_qs(uri.query)
    assert (asked["secret"], asked["issuer"]) == ([told["totp"]["secret"]], ["MPP"])
    assert len(told["totp"]["secret"]) == 32
    # Clients put the picture into a data address, in which # would begin the fragment.
    assert told["totp"]["qr_code"].startswith("<?xml")
    assert "</svg>" in told["totp"]["qr_code"]
    assert "#" not in told["totp"]["qr_code"]
    [(secret, status)] = ada.auth.rows("select secret, status::text from auth.mfa_factors where id = %s", told["id"])
    assert (secret, status) == (told["totp"]["secret"], "unverified")


def test_without_an_issuer_the_site_is_one(ada: Person) -> None:
    told = ada.call("POST", "/factors", {"factor_type": "totp"}).json()
    assert parse_qs(urlsplit(told["totp"]["uri"]).query)["issuer"] == ["127.0.0.1:3000"]


def test_a_code_of_the_app_makes_the_session_one_of_two_factors(ada: Person) -> None:
    assert (ada.claims["aal"], ada.methods) == ("aal1", ["password"])
    session = ada.claims["session_id"]
    factor, secret = ada.enrol()
    answer = ada.prove(factor, secret)
    assert answer.status_code == 200
    assert (ada.claims["aal"], ada.methods) == ("aal2", ["password", "totp"])
    assert ada.claims["session_id"] == session
    assert [(f["id"], f["status"]) for f in answer.json()["user"]["factors"]] == [(factor, "verified")]
    assert ada.refresh().status_code == 200
    assert (ada.claims["aal"], ada.methods) == ("aal2", ["password", "totp"])


def test_who_signs_in_again_is_asked_for_the_code_by_the_python_client(ada: Person) -> None:
    factor, secret = ada.with_factor()
    client = ada.auth.client()
    client.sign_in_with_password({"email": ada.address, "password": PASSWORD})
    before = client.mfa.get_authenticator_assurance_level()
    assert (before.current_level, before.next_level) == ("aal1", "aal2")
    assert [(f.id, f.friendly_name, f.status) for f in client.mfa.list_factors().totp] == [
        (factor, "telephone", "verified")
    ]
    client.mfa.challenge_and_verify({"factor_id": factor, "code": pyotp.TOTP(secret).now()})
    after = client.mfa.get_authenticator_assurance_level()
    assert (after.current_level, after.next_level) == ("aal2", "aal2")
    assert sorted(entry.method for entry in after.current_authentication_methods) == ["password", "totp"]
    assert client.mfa.unenroll({"factor_id": factor}).id == factor


def test_the_python_client_enrols(ada: Person) -> None:
    client = ada.auth.client()
    client.set_session(ada.tokens["access_token"], ada.tokens["refresh_token"])
    made = client.mfa.enroll({"factor_type": "totp", "friendly_name": "telephone", "issuer": "MPP"})
    assert made.totp is not None
    assert made.totp.qr_code.startswith("data:image/svg+xml;utf-8,<?xml")
    asked = client.mfa.challenge({"factor_id": made.id})
    code = pyotp.TOTP(made.totp.secret).now()
    assert client.mfa.verify({"factor_id": made.id, "challenge_id": asked.id, "code": code}).access_token
    assert client.mfa.get_authenticator_assurance_level().current_level == "aal2"


def test_a_proven_factor_ends_the_sessions_of_one_factor(ada: Person) -> None:
    elsewhere = ada.elsewhere()
    ada.with_factor()
    assert elsewhere.call("GET", "/user").json()["error_code"] == "session_not_found"
    assert elsewhere.refresh().status_code == 400
    assert ada.call("GET", "/user").status_code == 200


def test_factors_that_were_only_begun_are_forgotten_when_one_is_proven(ada: Person) -> None:
    ada.enrol("first")
    factor, secret = ada.enrol("second")
    ada.prove(factor, secret)
    assert [f["friendly_name"] for f in ada.call("GET", "/user").json()["factors"]] == ["second"]


def test_a_factor_that_was_begun_counts_for_nothing(ada: Person) -> None:
    factor, _ = ada.enrol()
    again = ada.elsewhere()
    [shown] = again.call("GET", "/user").json()["factors"]
    assert (shown["id"], shown["status"], shown["factor_type"]) == (factor, "unverified", "totp")
    assert "secret" not in shown
    assert again.call("PUT", "/user", {"password": PASSWORD + "!"}).status_code == 200


def test_a_wrong_code_is_refused(ada: Person) -> None:
    factor, secret = ada.enrol()
    wrong = f"{(int(pyotp.TOTP(secret).now()) + 333_333) % 1_000_000:06d}"
    answer = ada.answer(factor, ada.ask(factor), wrong)
    assert (answer.status_code, answer.json()["error_code"]) == (422, "mfa_verification_failed")
    assert ada.refresh().status_code == 200
    assert ada.claims["aal"] == "aal1"
    empty = ada.answer(factor, ada.ask(factor), "")
    assert (empty.status_code, empty.json()["error_code"]) == (400, "validation_failed")


def test_a_challenge_is_answered_once(ada: Person) -> None:
    factor, secret = ada.enrol()
    challenge = ada.ask(factor)
    assert ada.answer(factor, challenge, pyotp.TOTP(secret).now()).status_code == 200
    again = ada.answer(factor, challenge, pyotp.TOTP(secret).now())
    assert (again.status_code, again.json()["error_code"]) == (422, "mfa_ip_address_mismatch")


def test_a_challenge_belongs_to_its_factor(ada: Person) -> None:
    first, _ = ada.enrol("first")
    second, secret = ada.enrol("second")
    answer = ada.answer(second, ada.ask(first), pyotp.TOTP(secret).now())
    assert (answer.status_code, answer.json()["error_code"]) == (422, "mfa_factor_not_found")


def test_a_challenge_that_is_too_old_is_refused(ada: Person) -> None:
    factor, secret = ada.enrol()
    challenge = ada.ask(factor)
    ada.auth.rows(
        "update auth.mfa_challenges set created_at = created_at - interval '2 hours' where id = %s", challenge
    )
    answer = ada.answer(factor, challenge, pyotp.TOTP(secret).now())
    assert (answer.status_code, answer.json()["error_code"]) == (422, "mfa_challenge_expired")
    assert ada.auth.rows("select 1 from auth.mfa_challenges where id = %s", challenge) == []


def test_nobody_reaches_the_factor_of_another(ada: Person, auth: AuthServer) -> None:
    factor, secret = ada.enrol()
    challenge = ada.ask(factor)
    grace = Person.sign_up(auth, f"grace-{ada.address}")
    refused = [
        grace.call("POST", f"/factors/{factor}/challenge", {}),
        grace.answer(factor, challenge, pyotp.TOTP(secret).now()),
        grace.call("DELETE", f"/factors/{factor}"),
        grace.call("DELETE", "/factors/nonsense"),
    ]
    assert [answer.status_code for answer in refused] == [404] * 4
    codes = [answer.json()["error_code"] for answer in refused]
    assert codes == ["mfa_factor_not_found"] * 3 + ["validation_failed"]
    assert ada.prove(factor, secret).status_code == 200


def test_without_the_second_factor_password_address_and_factors_stay(ada: Person) -> None:
    factor, secret = ada.with_factor()
    again = ada.elsewhere()
    refused = [
        again.call("PUT", "/user", {"password": PASSWORD + "!"}),
        again.call("PUT", "/user", {"email": f"new-{ada.address}"}),
        again.call("POST", "/factors", {"factor_type": "totp", "friendly_name": "mine"}),
        again.call("DELETE", f"/factors/{factor}"),
    ]
    assert [answer.status_code for answer in refused] == [401, 401, 403, 422]
    assert {answer.json()["error_code"] for answer in refused} == {"insufficient_aal"}
    assert again.call("PUT", "/user", {"data": {"alias": "ada"}}).status_code == 200
    assert again.prove(factor, secret).status_code == 200
    assert again.call("PUT", "/user", {"password": PASSWORD + "!"}).status_code == 200


def test_a_session_without_its_factor_is_one_of_one_factor(ada: Person) -> None:
    factor, _ = ada.with_factor()
    answer = ada.call("DELETE", f"/factors/{factor}")
    assert (answer.status_code, answer.json()) == (200, {"id": factor})
    assert ada.refresh().status_code == 200
    assert (ada.claims["aal"], ada.methods) == ("aal1", ["password"])
    assert "factors" not in ada.call("GET", "/user").json()


def test_an_account_has_a_limited_number_of_factors_each_with_a_name_of_its_own(ada: Person) -> None:
    ada.enrol("0")
    same = ada.call("POST", "/factors", {"factor_type": "totp", "friendly_name": "0"})
    assert (same.status_code, same.json()["error_code"]) == (422, "mfa_factor_name_conflict")
    for number in range(1, MOST_FACTORS):
        ada.enrol(str(number))
    over = ada.call("POST", "/factors", {"factor_type": "totp", "friendly_name": "more"})
    assert (over.status_code, over.json()["error_code"]) == (422, "too_many_enrolled_mfa_factors")
    # Those that nobody has challenged make room after a while.
    ada.auth.rows(
        "update auth.mfa_factors set created_at = created_at - interval '2 hours' where user_id = %s",
        ada.tokens["user"]["id"],
    )
    ada.enrol("more")


def test_an_anonymous_account_has_no_second_factor(auth: AuthServer) -> None:
    token = auth.call("POST", "/signup", {}).json()["access_token"]
    answer = auth.call("POST", "/factors", {"factor_type": "totp"}, token)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "no_authorization")


def test_a_factor_takes_a_session(auth: AuthServer) -> None:
    without = auth.call("POST", "/factors", {"factor_type": "totp"})
    assert (without.status_code, without.json()["error_code"]) == (401, "no_authorization")


def test_other_kinds_of_factors_are_refused(ada: Person) -> None:
    kinds = ("phone", "webauthn", "horoscope")
    answers = [ada.call("POST", "/factors", {"factor_type": kind, "friendly_name": "x"}) for kind in kinds]
    assert [(answer.status_code, answer.json()["error_code"]) for answer in answers] == [
        (422, "mfa_phone_enroll_not_enabled"),
        (422, "mfa_webauthn_enroll_not_enabled"),
        (400, "validation_failed"),
    ]


def test_the_association_sees_names_and_removes_a_factor(ada: Person, auth: AuthServer) -> None:
    factor, _ = ada.with_factor()
    account = ada.tokens["user"]["id"]
    admin = auth.admin()
    [seen] = admin.mfa.list_factors({"user_id": account})
    assert (seen.id, seen.friendly_name, seen.status, seen.factor_type) == (factor, "telephone", "verified", "totp")
    renamed = auth.call(
        "PUT", f"/admin/users/{account}/factors/{factor}", {"friendly_name": "lost"}, auth.role_token("service_role")
    )
    assert (renamed.status_code, renamed.json()["friendly_name"]) == (200, "lost")
    assert "secret" not in renamed.json()
    assert admin.mfa.delete_factor({"user_id": account, "id": factor}).id == factor
    assert admin.mfa.list_factors({"user_id": account}) == []
    assert ada.refresh().status_code == 200
    assert (ada.claims["aal"], ada.methods) == ("aal1", ["password"])
    with pytest.raises(AuthApiError, match="Factor not found"):
        admin.mfa.delete_factor({"user_id": account, "id": factor})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_no_person_removes_the_factor_of_another(ada: Person, auth: AuthServer, method: str) -> None:
    factor, _ = ada.with_factor()
    path = f"/admin/users/{ada.tokens['user']['id']}/factors" + (f"/{factor}" if method != "GET" else "")
    answer = ada.call(method, path, {"friendly_name": "mine"} if method == "PUT" else None)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "not_admin")
    assert [f["id"] for f in ada.call("GET", "/user").json()["factors"]] == [factor]


@pytest.mark.parametrize("softly", [False, True])
def test_a_deleted_account_leaves_no_factor(ada: Person, auth: AuthServer, softly: bool) -> None:
    ada.with_factor()
    account = ada.tokens["user"]["id"]
    auth.admin().delete_user(account, should_soft_delete=softly)
    assert auth.rows("select 1 from auth.mfa_factors where user_id = %s", account) == []
    assert auth.rows("select 1 from auth.sessions where user_id = %s", account) == []


def test_a_disabled_account_answers_no_challenge(ada: Person, auth: AuthServer) -> None:
    factor, secret = ada.with_factor()
    again = ada.elsewhere()
    challenge = again.ask(factor)
    auth.admin().update_user_by_id(ada.tokens["user"]["id"], {"ban_duration": "24h"})
    answer = again.answer(factor, challenge, pyotp.TOTP(secret).now())
    assert (answer.status_code, answer.json()["error_code"]) == (403, "user_banned")
    assert again.claims["aal"] == "aal1"
