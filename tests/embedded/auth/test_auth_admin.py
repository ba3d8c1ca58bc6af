"""The association's own tools."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from supabase_auth.errors import AuthApiError

from .conftest import PASSWORD, AuthServer


def test_an_account_is_made_read_changed_and_deleted(auth: AuthServer, address: str) -> None:
    admin = auth.admin()
    made = admin.create_user(
        {
            "email": address.upper(),
            "password": PASSWORD,
            "email_confirm": True,
            "user_metadata": {"alias": "ada"},
            "app_metadata": {"client": "school-7"},
        }
    ).user
    assert made.email == address
    assert made.email_confirmed_at is not None
    assert made.user_metadata["alias"] == "ada"
    assert made.app_metadata == {"provider": "email", "providers": ["email"], "client": "school-7"}
    assert [identity.provider for identity in made.identities or []] == ["email"]
    assert auth.sign_in(address).status_code == 200
    assert admin.get_user_by_id(made.id).user.email == address
    changed = admin.update_user_by_id(
        made.id, {"user_metadata": {"alias": None, "city": "Lille"}, "app_metadata": {"client": "school-8"}}
    ).user
    assert (changed.user_metadata.get("alias"), changed.user_metadata["city"]) == (None, "Lille")
    assert changed.app_metadata["client"] == "school-8"
    admin.delete_user(made.id)
    assert auth.sign_in(address).status_code == 400
    with pytest.raises(AuthApiError, match="User not found"):
        admin.get_user_by_id(made.id)


def test_an_account_can_be_made_with_an_id_and_a_hash_from_elsewhere(auth: AuthServer, address: str) -> None:
    auth.sign_up(address)
    [(kept,)] = auth.rows("select encrypted_password from auth.users where email = %s", address)
    own = str(uuid4())
    body = {"email": f"moved-{address}", "id": own, "password_hash": kept, "email_confirm": True}
    made = auth.call("POST", "/admin/users", body, auth.role_token("service_role"))
    assert made.json()["id"] == own
    assert auth.sign_in(f"moved-{address}").json()["user"]["id"] == own


def test_an_unconfirmed_account_waits_for_confirmation(strict: AuthServer, address: str) -> None:
    made = strict.admin().create_user({"email": address, "password": PASSWORD}).user
    assert made.email_confirmed_at is None
    assert strict.sign_in(address).json()["error_code"] == "email_not_confirmed"
    strict.admin().update_user_by_id(made.id, {"email_confirm": True})
    assert strict.sign_in(address).status_code == 200


def test_a_taken_address_is_refused(auth: AuthServer, address: str) -> None:
    auth.sign_up(address)
    with pytest.raises(AuthApiError, match="already been registered"):
        auth.admin().create_user({"email": address, "password": PASSWORD})


def test_accounts_are_listed_by_page_the_newest_first(auth: AuthServer, address: str) -> None:
    admin = auth.admin()
    made = [admin.create_user({"email": f"{number}-{address}"}).user.id for number in range(5)]
    pages = [[user.id for user in admin.list_users(page=page, per_page=2)] for page in (1, 2)]
    assert pages == [[made[4], made[3]], [made[2], made[1]]]
    answer = auth.call("GET", "/admin/users?page=1&per_page=2", token=auth.role_token("service_role"))
    assert int(answer.headers["X-Total-Count"]) >= 5
    assert 'rel="next"' in answer.headers["Link"]
    assert answer.json()["aud"] == "authenticated"
    found = auth.call("GET", f"/admin/users?filter=3-{address}", token=auth.role_token("service_role")).json()["users"]
    assert [user["email"] for user in found] == [f"3-{address}"]


def test_a_page_that_is_no_number_is_refused(auth: AuthServer) -> None:
    answer = auth.call("GET", "/admin/users?page=first", token=auth.role_token("service_role"))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


def test_a_disabled_account_is_out_at_once_until_it_is_enabled(auth: AuthServer, address: str) -> None:
    session = auth.sign_up(address).json()
    admin, user_id = auth.admin(), session["user"]["id"]
    admin.update_user_by_id(user_id, {"ban_duration": "24h"})
    assert auth.sign_in(address).json()["error_code"] == "user_banned"
    assert auth.refresh(session["refresh_token"]).json()["error_code"] == "user_banned"
    assert auth.call("GET", "/user", token=session["access_token"]).json()["error_code"] == "user_banned"
    assert admin.get_user_by_id(user_id).user.model_dump().get("email") == address
    admin.update_user_by_id(user_id, {"ban_duration": "none"})
    assert auth.sign_in(address).status_code == 200


def test_a_disabled_account_does_not_get_in_by_a_link(auth: AuthServer, address: str) -> None:
    user_id = auth.sign_up(address).json()["user"]["id"]
    auth.call("POST", "/otp", {"email": address})
    auth.admin().update_user_by_id(user_id, {"ban_duration": "1h30m"})
    answer = auth.call("POST", "/verify", {"token_hash": auth.mail(address).token_hash, "type": "email"})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "user_banned")


def test_a_duration_that_is_none_is_refused(auth: AuthServer, address: str) -> None:
    user_id = auth.sign_up(address).json()["user"]["id"]
    body = {"ban_duration": "for ever"}
    answer = auth.call("PUT", f"/admin/users/{user_id}", body, auth.role_token("service_role"))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")
    assert auth.sign_in(address).status_code == 200


def test_a_new_password_from_the_association_ends_every_session(auth: AuthServer, address: str) -> None:
    session = auth.sign_up(address).json()
    auth.admin().update_user_by_id(session["user"]["id"], {"password": "given by the office"})
    assert auth.refresh(session["refresh_token"]).status_code == 400
    assert auth.sign_in(address, "given by the office").status_code == 200


def test_an_address_is_changed_at_once(auth: AuthServer, address: str) -> None:
    user_id = auth.sign_up(address).json()["user"]["id"]
    auth.admin().update_user_by_id(user_id, {"email": f"new-{address}", "email_confirm": True})
    assert auth.sign_in(f"new-{address}").status_code == 200
    assert auth.rows("select email from auth.identities where user_id = %s", user_id) == [(f"new-{address}",)]


def test_soft_deletion_leaves_a_row_that_names_nobody(auth: AuthServer, address: str) -> None:
    session = auth.sign_up(address, data={"alias": "ada"}).json()
    user_id = session["user"]["id"]
    auth.admin().delete_user(user_id, should_soft_delete=True)
    [(row,)] = auth.rows("select to_jsonb(u)::text from auth.users u where id = %s", user_id)
    assert address not in row
    assert "alias" not in row
    assert '"deleted_at": null' not in row
    assert auth.refresh(session["refresh_token"]).status_code == 400
    assert auth.sign_in(address).status_code == 400
    assert auth.sign_up(address).status_code == 200


def test_an_invited_person_takes_the_account_and_chooses_a_password(strict: AuthServer, address: str) -> None:
    admin = strict.admin()
    options: Any = {"data": {"alias": "ada"}, "redirect_to": "https://app.mapetiteplanete.example/invited"}
    invited = admin.invite_user_by_email(address, options).user
    assert invited.invited_at is not None
    assert invited.email_confirmed_at is None
    assert invited.user_metadata["alias"] == "ada"
    mail = strict.mail(address)
    assert mail.subject.startswith("Vous êtes invité")
    assert "redirect_to=https://app.mapetiteplanete.example/invited" in mail.link
    client = strict.client()
    answer = client.verify_otp({"token_hash": mail.token_hash, "type": "invite"})
    assert answer.user is not None
    assert (answer.user.id, answer.user.email) == (invited.id, address)
    client.update_user({"password": PASSWORD})
    assert strict.sign_in(address).status_code == 200
    with pytest.raises(AuthApiError, match="already been registered"):
        admin.invite_user_by_email(address)


def test_signing_up_with_an_invited_address_shows_nothing_of_the_invitation(strict: AuthServer, address: str) -> None:
    strict.admin().invite_user_by_email(address, {"data": {"alias": "ada"}})
    answer = strict.sign_up(address).json()
    assert (answer["user_metadata"], answer["identities"]) == ({}, [])
    assert strict.sign_in(address).status_code == 400


def test_an_invitation_can_be_sent_again(strict: AuthServer, address: str) -> None:
    admin = strict.admin()
    first = admin.invite_user_by_email(address).user
    assert admin.invite_user_by_email(address).user.id == first.id
    mail = strict.mail(address, 2)
    assert strict.call("POST", "/verify", {"token_hash": mail.token_hash, "type": "invite"}).status_code == 200


@pytest.mark.parametrize("kind", ["signup", "invite", "magiclink", "recovery"])
def test_a_link_is_made_without_sending_a_mail(strict: AuthServer, address: str, kind: str) -> None:
    admin = strict.admin()
    if kind in ("magiclink", "recovery"):
        admin.create_user({"email": address, "password": PASSWORD, "email_confirm": True})
    params: Any = {"type": kind, "email": address, "password": PASSWORD}
    made = admin.generate_link(params)
    assert made.user.email == address
    assert made.properties.verification_type == kind
    assert made.properties.hashed_token in made.properties.action_link
    assert strict.mailbox.mails(address) == []
    body = {"email": address, "token": made.properties.email_otp, "type": kind}
    answer = strict.call("POST", "/verify", body)
    assert answer.status_code == 200
    assert answer.json()["user"]["id"] == made.user.id
    assert strict.call("POST", "/verify", body).status_code == 403


def test_a_magic_link_for_an_unknown_address_makes_the_account(strict: AuthServer, address: str) -> None:
    made = strict.admin().generate_link({"type": "magiclink", "email": address})
    assert made.properties.verification_type == "signup"
    assert "access_token" in strict.http.get(made.properties.action_link).headers["Location"]


def test_links_of_a_change_of_address(strict: AuthServer, address: str) -> None:
    admin, target = strict.admin(), f"new-{address}"
    admin.create_user({"email": address, "password": PASSWORD, "email_confirm": True})
    for kind in ("email_change_current", "email_change_new"):
        params: Any = {"type": kind, "email": address, "new_email": target}
        made = admin.generate_link(params)
        assert made.properties.verification_type == kind
    answer = strict.call(
        "POST", "/verify", {"email": target, "token": made.properties.email_otp, "type": "email_change"}
    )
    assert answer.json()["msg"].startswith("Confirmation link accepted")


def test_a_link_for_nobody_is_refused(strict: AuthServer, address: str) -> None:
    with pytest.raises(AuthApiError, match="not found"):
        strict.admin().generate_link({"type": "recovery", "email": address})
    body = {"type": "telepathy", "email": address}
    answer = strict.call("POST", "/admin/generate_link", body, strict.role_token("service_role"))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/users"),
        ("POST", "/admin/users"),
        ("GET", "/admin/users/{id}"),
        ("PUT", "/admin/users/{id}"),
        ("DELETE", "/admin/users/{id}"),
        ("POST", "/invite"),
        ("POST", "/admin/generate_link"),
    ],
)
def test_only_service_role_tokens_open_the_tools(auth: AuthServer, address: str, method: str, path: str) -> None:
    session = auth.sign_up(address).json()
    body = {"email": f"x-{address}", "type": "invite"} if method in ("POST", "PUT") else None
    url = path.format(id=session["user"]["id"])
    refused = [
        auth.call(method, url, body).status_code,
        auth.call(method, url, body, session["access_token"]).status_code,
        auth.call(method, url, body, auth.role_token("anon")).status_code,
        auth.call(method, url, body, auth.role_token("service_role", seconds=-60)).status_code,
        auth.call(method, url, body, auth.role_token("service_role")[:-6] + "AAAAAA").status_code,
    ]
    assert refused == [401, 403, 403, 403, 403]
    assert auth.sign_in(address).status_code == 200
    assert auth.rows("select 1 from auth.users where email = %s", f"x-{address}") == []


def test_an_id_that_is_none_is_refused(auth: AuthServer) -> None:
    token = auth.role_token("service_role")
    for wrong in ("7", str(uuid4())):
        assert auth.call("GET", f"/admin/users/{wrong}", token=token).status_code == 404


def test_a_ban_ends_by_itself(auth: AuthServer, address: str) -> None:
    user_id = auth.sign_up(address).json()["user"]["id"]
    auth.admin().update_user_by_id(user_id, {"ban_duration": "1h"})
    assert auth.sign_in(address).status_code == 400
    auth.rows("update auth.users set banned_until = banned_until - interval '1 hour' where id = %s", user_id)
    assert auth.sign_in(address).status_code == 200
