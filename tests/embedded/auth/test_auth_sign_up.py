"""Coming in for the first time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from .conftest import PASSWORD, SITE, AuthServer


def test_a_new_account_is_signed_in_at_once_when_addresses_need_no_confirmation(auth: AuthServer, address: str) -> None:
    client = auth.client()
    answer = client.sign_up({"email": address, "password": PASSWORD, "options": {"data": {"alias": "ada"}}})
    assert answer.session is not None
    assert answer.user is not None
    assert answer.user.email == address
    assert answer.user.email_confirmed_at is not None
    assert answer.user.user_metadata["alias"] == "ada"
    assert answer.user.app_metadata == {"provider": "email", "providers": ["email"]}
    assert [identity.provider for identity in answer.user.identities or []] == ["email"]
    seen = client.get_user()
    assert seen is not None
    assert seen.user.id == answer.user.id


def test_an_access_token_says_who_how_and_until_when(auth: AuthServer, address: str) -> None:
    session = auth.sign_up(address, data={"alias": "ada"}).json()
    claims = jwt.decode(session["access_token"], options={"verify_signature": False})
    assert claims["sub"] == session["user"]["id"]
    assert claims["aud"] == claims["role"] == "authenticated"
    assert claims["iss"] == auth.url
    assert claims["exp"] - claims["iat"] == session["expires_in"] == 3600
    assert session["expires_at"] == claims["exp"]
    assert (claims["email"], claims["phone"], claims["is_anonymous"]) == (address, "", False)
    assert claims["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert claims["user_metadata"]["alias"] == "ada"
    assert claims["aal"] == "aal1"
    assert [entry["method"] for entry in claims["amr"]] == ["password"]
    assert auth.rows("select user_id::text from auth.sessions where id = %s", claims["session_id"]) == [
        (claims["sub"],)
    ]
    assert session["token_type"] == "bearer"


def test_an_address_is_kept_in_lower_case_and_found_in_any(auth: AuthServer, address: str) -> None:
    answer = auth.sign_up(address.upper()).json()
    assert answer["user"]["email"] == address
    assert auth.sign_in(address.title()).status_code == 200
    assert auth.sign_up(address).json()["error_code"] == "user_already_exists"


def test_the_password_is_kept_as_a_bcrypt_hash_of_cost_ten(auth: AuthServer, address: str) -> None:
    auth.sign_up(address)
    [(kept,)] = auth.rows("select encrypted_password from auth.users where email = %s", address)
    assert kept[0:2] + kept[3:7] == "$2$10$"
    assert PASSWORD not in kept


def test_a_second_account_for_an_address_is_refused(auth: AuthServer, address: str) -> None:
    auth.sign_up(address)
    answer = auth.sign_up(address, password="another password")
    assert answer.status_code == 422
    assert answer.json() == {"code": 422, "error_code": "user_already_exists", "msg": "User already registered"}
    assert auth.sign_in(address).status_code == 200


@pytest.mark.parametrize("made", ["invited", "admin", "admin without password", "link"])
def test_signing_up_does_not_take_an_account_that_waits_for_its_person(
    auth: AuthServer, address: str, made: str
) -> None:
    admin = auth.admin()
    if made == "invited":
        user = admin.invite_user_by_email(address).user
    elif made == "link":
        user = admin.generate_link({"type": "invite", "email": address}).user
    else:
        user = admin.create_user({"email": address} | ({"password": PASSWORD} if made == "admin" else {})).user
    answer = auth.sign_up(address, password="another password")
    confirmed = auth.rows("select email_confirmed_at is not null from auth.users where id = %s", user.id)
    sessions = auth.rows("select 1 from auth.sessions where user_id = %s", user.id)
    if auth.backend == "ours":
        assert (answer.status_code, answer.json()["error_code"]) == (422, "user_already_exists")
        assert (confirmed, sessions) == ([(False,)], [])
    else:
        # Supabase Auth confirms it and signs the caller in: with it, addresses must be confirmed.
        assert (answer.status_code, answer.json()["user"]["id"]) == (200, user.id)
        assert (confirmed, len(sessions)) == ([(True,)], 1)
    assert auth.sign_in(address, "another password").status_code == 400


def test_asking_for_a_code_does_not_confirm_an_invited_account(auth: AuthServer, address: str) -> None:
    user = auth.admin().invite_user_by_email(address).user
    assert auth.call("POST", "/otp", {"email": address}).json() == {}
    confirmed = auth.rows("select email_confirmed_at is not null from auth.users where id = %s", user.id)
    # Supabase Auth confirms it at once where addresses need no confirmation; ours when the code comes back.
    assert confirmed == [(auth.backend == "real",)]
    answer = auth.call("POST", "/verify", {"email": address, "token": auth.mail(address, 2).code, "type": "email"})
    assert answer.json()["user"]["id"] == user.id
    assert answer.json()["user"]["email_confirmed_at"]


def test_an_invited_person_still_comes_in_after_a_stranger_tried(auth: AuthServer, address: str) -> None:
    user = auth.admin().invite_user_by_email(address).user
    if auth.backend == "ours":
        assert auth.sign_up(address, password="another password").status_code == 422
    answer = auth.call("POST", "/verify", {"token_hash": auth.mail(address).token_hash, "type": "invite"})
    assert answer.json()["user"]["id"] == user.id


def test_ten_sign_ups_at_once_with_one_address_make_one_account(auth: AuthServer, address: str) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: auth.sign_up(address).status_code, range(10)))
    assert answers.count(200) >= 1
    assert auth.rows("select count(*) from auth.users where email = %s", address) == [(1,)]
    assert auth.rows("select count(*) from auth.identities where email = %s", address) == [(1,)]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"password": "short"}, 422, "weak_password"),
        ({"password": ""}, 400, "validation_failed"),
        ({"password": "x" * 73}, 400, "validation_failed"),
        ({"email": "nobody"}, 400, "validation_failed"),
        ({"email": "a b@example.org"}, 400, "validation_failed"),
        ({"email": "x" * 250 + "@example.org"}, 400, "validation_failed"),
        ({"email": 7}, 400, "bad_json"),
        ({"data": "text"}, 400, "bad_json"),
        ({"phone": "+33612345678", "email": ""}, 400, "phone_provider_disabled"),
    ],
)
def test_a_wrong_sign_up_is_refused_by_name(
    auth: AuthServer, address: str, body: dict[str, object], status: int, code: str
) -> None:
    answer = auth.call("POST", "/signup", {"email": address, "password": PASSWORD} | body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert auth.rows("select 1 from auth.users where email = %s", address) == []


def test_errors_have_two_shapes_by_api_version(auth: AuthServer, address: str) -> None:
    old = auth.sign_up(address, password="short")
    assert old.json() == {
        "code": 422,
        "error_code": "weak_password",
        "msg": "Password should be at least 8 characters.",
        "weak_password": {"reasons": ["length"]},
    }
    new = auth.call("POST", "/signup", {"email": address, "password": "short"}, X_Supabase_Api_Version="2024-01-01")
    assert new.json() == {
        "code": "weak_password",
        "message": "Password should be at least 8 characters.",
        "weak_password": {"reasons": ["length"]},
    }
    assert new.headers["X-Supabase-Api-Version"] == "2024-01-01"


def test_a_body_that_is_no_json_is_refused(auth: AuthServer) -> None:
    answer = auth.http.post(f"{auth.url}/signup", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "bad_json")


def test_a_body_that_is_too_large_is_refused(auth: AuthServer, address: str) -> None:
    answer = auth.sign_up(address, data={"text": "x" * (1 << 20)})
    assert (answer.status_code, answer.json()["error_code"]) == (413, "request_entity_too_large")


def test_an_account_to_confirm_has_no_session_until_its_code_comes_back(strict: AuthServer, address: str) -> None:
    answer = strict.sign_up(address).json()
    assert "access_token" not in answer
    assert answer["email"] == address
    assert "email_confirmed_at" not in answer
    refused = strict.sign_in(address)
    assert (refused.status_code, refused.json()["error_code"]) == (400, "email_not_confirmed")
    mail = strict.mail(address)
    assert mail.subject == "Confirmez votre adresse / Confirm your address"
    verified = strict.client().verify_otp({"email": address, "token": mail.code, "type": "signup"})
    assert verified.session is not None
    assert verified.user is not None
    assert verified.user.email_confirmed_at is not None
    assert strict.sign_in(address).status_code == 200


def test_the_link_of_the_mail_confirms_and_signs_in(strict: AuthServer, address: str) -> None:
    target = "https://app.mapetiteplanete.example/welcome?lang=fr"
    strict.call("POST", f"/signup?redirect_to={target}", {"email": address, "password": PASSWORD})
    followed = strict.http.get(strict.mail(address).link)
    assert followed.status_code == 303
    location = urlsplit(followed.headers["Location"])
    assert location._replace(fragment="").geturl() == target
    fragment = parse_qs(location.fragment)
    assert fragment["type"] == ["signup"]
    assert fragment["token_type"] == ["bearer"]
    seen = strict.call("GET", "/user", token=fragment["access_token"][0]).json()
    assert seen["email"] == address
    assert strict.refresh(fragment["refresh_token"][0]).status_code == 200


def test_a_link_leads_to_no_site_that_is_not_allowed(strict: AuthServer, address: str) -> None:
    for target in (
        "https://evil.example/",
        "https://app.mapetiteplanete.example.evil.example/x",
        "javascript:alert(1)",
    ):
        strict.call("POST", f"/signup?redirect_to={target}", {"email": address, "password": PASSWORD})
    links = [mail["HTML"] for mail in strict.mailbox.mails(address)]
    assert len(links) == 3
    assert not any("evil" in link or "javascript" in link for link in links)
    followed = strict.http.get(strict.mail(address, 3).link)
    assert followed.headers["Location"].startswith(SITE)


def test_signing_up_again_does_not_tell_that_the_address_has_an_account(strict: AuthServer, address: str) -> None:
    first = strict.sign_up(address).json()
    strict.call("POST", "/verify", {"email": address, "token": strict.mail(address).code, "type": "signup"})
    again = strict.sign_up(address, password="another password")
    assert again.status_code == 200
    assert again.json()["email"] == address
    assert again.json()["id"] != first["id"]
    assert "email_confirmed_at" not in again.json()
    assert again.json()["identities"] == []
    assert len(strict.mailbox.mails(address)) == 1
    assert strict.sign_in(address, "another password").status_code == 400


def test_the_confirmation_can_be_sent_again_and_the_first_code_no_longer_works(
    strict: AuthServer, address: str
) -> None:
    strict.sign_up(address)
    first = strict.mail(address)
    strict.client().resend({"type": "signup", "email": address})
    second = strict.mail(address, 2)
    assert first.token_hash != second.token_hash
    refused = strict.call("POST", "/verify", {"token_hash": first.token_hash, "type": "signup"})
    assert (refused.status_code, refused.json()["error_code"]) == (403, "otp_expired")
    accepted = strict.call("POST", "/verify", {"token_hash": second.token_hash, "type": "signup"})
    assert accepted.status_code == 200


def test_settings_and_health_say_what_clients_may_offer(auth: AuthServer, strict: AuthServer) -> None:
    settings = auth.call("GET", "/settings").json()
    assert settings["external"]["email"] is True
    assert settings["external"]["anonymous_users"] is True
    assert settings["external"]["google"] is False
    assert (settings["mailer_autoconfirm"], settings["disable_signup"]) == (True, False)
    assert strict.call("GET", "/settings").json()["mailer_autoconfirm"] is False
    assert auth.call("GET", "/health").json()["name"] == "GoTrue"
