"""The account of the person who is signed in, from nobody in particular to somebody with an address."""

from __future__ import annotations

import pytest
from supabase_auth.errors import AuthApiError

from .conftest import PASSWORD, AuthServer


def test_an_anonymous_account_is_signed_in_and_says_so(auth: AuthServer) -> None:
    client = auth.client()
    answer = client.sign_in_anonymously({"options": {"data": {"alias": "fox"}}})
    assert answer.user is not None
    assert answer.user.is_anonymous
    assert answer.user.user_metadata == {"alias": "fox"}
    assert not answer.user.identities
    claims = client.get_claims()
    assert claims is not None
    assert dict(claims["claims"])["is_anonymous"] is True
    assert [entry["method"] for entry in claims["claims"]["amr"]] == ["anonymous"]
    assert claims["claims"]["role"] == "authenticated"


def test_an_anonymous_account_takes_an_address_at_once_where_none_needs_confirmation(
    auth: AuthServer, address: str
) -> None:
    client = auth.client()
    before = client.sign_in_anonymously().user
    after = client.update_user({"email": address, "password": PASSWORD}).user
    assert before is not None
    assert (after.id, after.email, after.is_anonymous) == (before.id, address, False)
    assert [identity.provider for identity in after.identities or []] == ["email"]
    assert auth.sign_in(address).json()["user"]["id"] == before.id


def test_an_anonymous_account_becomes_lasting_when_its_address_is_confirmed(strict: AuthServer, address: str) -> None:
    client = strict.client()
    before = client.sign_in_anonymously().user
    waiting = client.update_user({"email": address}).user
    assert before is not None
    assert waiting.is_anonymous
    assert waiting.new_email == address
    assert not waiting.email
    body = {"email": address, "token": strict.mail(address).code, "type": "email_change"}
    answer = strict.call("POST", "/verify", body)
    assert answer.status_code == 200
    user = answer.json()["user"]
    assert (user["id"], user["email"], user["is_anonymous"]) == (before.id, address, False)
    assert user["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert [identity["provider"] for identity in user["identities"]] == ["email"]


def test_an_anonymous_account_cannot_take_a_password_alone(auth: AuthServer) -> None:
    token = auth.call("POST", "/signup", {}).json()["access_token"]
    answer = auth.call("PUT", "/user", {"password": PASSWORD}, token)
    assert (answer.status_code, answer.json()["error_code"]) == (422, "validation_failed")


def test_an_address_of_somebody_else_is_refused(auth: AuthServer, address: str) -> None:
    auth.sign_up(address)
    anonymous = auth.call("POST", "/signup", {}).json()
    answer = auth.call("PUT", "/user", {"email": address.upper()}, anonymous["access_token"])
    assert (answer.status_code, answer.json()["error_code"]) == (422, "email_exists")
    seen = auth.call("GET", "/user", token=anonymous["access_token"]).json()
    assert (seen["email"], seen["is_anonymous"]) == ("", True)


def test_no_mail_goes_to_an_address_of_somebody_else(strict: AuthServer, address: str) -> None:
    strict.admin().create_user({"email": address, "password": PASSWORD, "email_confirm": True})
    anonymous = strict.call("POST", "/signup", {}).json()
    answer = strict.call("PUT", "/user", {"email": address}, anonymous["access_token"])
    assert (answer.status_code, answer.json()["error_code"]) == (422, "email_exists")
    assert strict.mailbox.mails(address) == []


def test_a_new_password_ends_the_other_sessions(auth: AuthServer, address: str) -> None:
    first, second = auth.sign_up(address).json(), auth.sign_in(address).json()
    answer = auth.call("PUT", "/user", {"password": "a quite new password"}, first["access_token"])
    assert answer.status_code == 200
    assert auth.refresh(first["refresh_token"]).status_code == 200
    assert auth.refresh(second["refresh_token"]).status_code == 400
    assert auth.sign_in(address).status_code == 400
    assert auth.sign_in(address, "a quite new password").status_code == 200


@pytest.mark.parametrize(
    ("password", "status", "code"),
    [(PASSWORD, 422, "same_password"), ("short", 422, "weak_password"), ("x" * 73, 400, "validation_failed")],
)
def test_a_password_that_cannot_be_is_refused(
    auth: AuthServer, address: str, password: str, status: int, code: str
) -> None:
    token = auth.sign_up(address).json()["access_token"]
    answer = auth.call("PUT", "/user", {"password": password}, token)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert auth.sign_in(address).status_code == 200


def test_metadata_is_merged_and_null_removes(auth: AuthServer, address: str) -> None:
    client = auth.client()
    client.sign_up({"email": address, "password": PASSWORD, "options": {"data": {"alias": "ada", "city": "Lille"}}})
    user = client.update_user({"data": {"alias": "grace", "city": None}}).user
    assert user.user_metadata["alias"] == "grace"
    assert "city" not in user.user_metadata


def test_nobody_gives_themselves_app_metadata(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    answer = auth.call("PUT", "/user", {"app_metadata": {"role": "admin"}}, token)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "not_admin")
    auth.call("PUT", "/user", {"role": "service_role", "data": {"role": "service_role"}}, token)
    seen = auth.call("GET", "/user", token=token).json()
    assert seen["role"] == "authenticated"
    assert seen["app_metadata"] == {"provider": "email", "providers": ["email"]}


def test_a_change_of_address_needs_both_mailboxes(strict: AuthServer, address: str) -> None:
    strict.sign_up(address)
    body = {"email": address, "token": strict.mail(address).code, "type": "signup"}
    token = strict.call("POST", "/verify", body).json()["access_token"]
    target = f"new-{address}"
    waiting = strict.call("PUT", "/user", {"email": target}, token).json()
    assert (waiting["email"], waiting["new_email"]) == (address, target)
    old_mail, new_mail = strict.mail(address, 2), strict.mail(target)
    half = strict.call("POST", "/verify", {"token_hash": new_mail.token_hash, "type": "email_change"}).json()
    assert half["msg"].startswith("Confirmation link accepted")
    assert strict.call("GET", "/user", token=token).json()["email"] == address
    used = strict.call("POST", "/verify", {"token_hash": new_mail.token_hash, "type": "email_change"})
    assert used.status_code == 403
    whole = strict.call("POST", "/verify", {"email": address, "token": old_mail.code, "type": "email_change"})
    assert whole.json()["user"]["email"] == target
    assert strict.sign_in(target).status_code == 200
    assert strict.sign_in(address).status_code == 400


def test_without_a_token_nothing_is_shown_or_changed(auth: AuthServer) -> None:
    for method, path in (("GET", "/user"), ("PUT", "/user"), ("POST", "/logout"), ("GET", "/reauthenticate")):
        answer = auth.call(method, path, {} if method == "PUT" else None)
        assert (answer.status_code, answer.json()["error_code"]) == (401, "no_authorization")


def test_what_this_stack_does_not_offer_is_refused_by_name(strict: AuthServer, address: str) -> None:
    strict.admin().create_user({"email": address, "password": PASSWORD, "email_confirm": True})
    client = strict.client()
    client.sign_in_with_password({"email": address, "password": PASSWORD})
    token = client.get_session()
    assert token is not None
    refused = [
        strict.call("GET", "/authorize?provider=google"),
        strict.call("GET", "/user/identities/authorize?provider=google", token=token.access_token),
        strict.call("POST", "/factors", {"factor_type": "totp", "friendly_name": "x"}, token.access_token),
    ]
    assert [answer.json()["error_code"] for answer in refused] == [
        "validation_failed",
        "manual_linking_disabled",
        "mfa_totp_enroll_not_enabled",
    ]
    with pytest.raises(AuthApiError):
        client.mfa.enroll({"factor_type": "totp", "friendly_name": "x", "issuer": "x"})
