"""Coming back, staying, leaving."""

from __future__ import annotations

import jwt
import pytest
from supabase_auth.errors import AuthApiError

from .conftest import PASSWORD, AuthServer


def test_a_person_signs_in_with_a_password(auth: AuthServer, address: str) -> None:
    auth.sign_up(address)
    client = auth.client()
    answer = client.sign_in_with_password({"email": address, "password": PASSWORD})
    assert answer.session is not None
    assert answer.user is not None
    assert answer.user.last_sign_in_at is not None
    assert client.get_session() is not None


def test_a_wrong_password_and_an_unknown_address_get_one_answer(auth: AuthServer, address: str) -> None:
    auth.sign_up(address)
    wrong, unknown = auth.sign_in(address, "not the password"), auth.sign_in(f"no-{address}")
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.json() == unknown.json()
    assert wrong.json() == {"code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials"}
    with pytest.raises(AuthApiError, match="Invalid login credentials"):
        auth.client().sign_in_with_password({"email": address, "password": "not the password"})


def test_an_unknown_way_to_sign_in_is_refused(auth: AuthServer) -> None:
    answer = auth.call("POST", "/token?grant_type=telepathy", {})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_credentials")


def test_a_refresh_token_gives_a_new_pair_of_the_same_session(auth: AuthServer, address: str) -> None:
    first = auth.sign_up(address).json()
    second = auth.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["user"]["email"] == address
    before, after = (jwt.decode(pair["access_token"], options={"verify_signature": False}) for pair in (first, second))
    assert after["session_id"] == before["session_id"]
    assert after["amr"] == before["amr"]
    client = auth.client()
    client.set_session(second["access_token"], second["refresh_token"])
    refreshed = client.refresh_session()
    assert refreshed.session is not None
    assert refreshed.session.refresh_token not in (first["refresh_token"], second["refresh_token"])


def test_a_lost_answer_is_given_again(auth: AuthServer, address: str) -> None:
    first = auth.sign_up(address).json()["refresh_token"]
    second = auth.refresh(first).json()["refresh_token"]
    auth.let_hours_pass(first)
    assert auth.refresh(first).json()["refresh_token"] == second
    assert auth.refresh(second).status_code == 200


def test_an_older_token_within_the_reuse_interval_is_let_pass(auth: AuthServer, address: str) -> None:
    first = auth.sign_up(address).json()["refresh_token"]
    auth.refresh(auth.refresh(first).json()["refresh_token"])
    assert auth.refresh(first).status_code == 200


def test_a_stolen_token_used_later_ends_the_whole_session(auth: AuthServer, address: str) -> None:
    first = auth.sign_up(address).json()["refresh_token"]
    second = auth.refresh(first).json()["refresh_token"]
    third = auth.refresh(second).json()["refresh_token"]
    auth.let_hours_pass(first)
    stolen = auth.refresh(first)
    assert (stolen.status_code, stolen.json()["error_code"]) == (400, "refresh_token_already_used")
    auth.let_hours_pass(first)
    for token in (third, second, first):
        assert auth.refresh(token).json()["error_code"] == "refresh_token_already_used"
    assert auth.sign_in(address).status_code == 200


def test_twenty_refreshes_at_once_agree_on_one_new_token(auth: AuthServer, address: str) -> None:
    first = auth.sign_up(address).json()["refresh_token"]
    session = "auth.sessions where id = (select session_id from auth.refresh_tokens where token = %s)"
    answers = auth.at_once(20, lambda: auth.refresh(first), session, first)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("abcdefghijkl", "refresh_token_not_found"),
        ("short", "validation_failed"),
        ("ABCDEFGHIJKL", "validation_failed"),
        ("", "validation_failed"),
    ],
)
def test_a_made_up_refresh_token_is_refused(auth: AuthServer, token: str, code: str) -> None:
    answer = auth.refresh(token)
    assert (answer.status_code, answer.json()["error_code"]) == (400, code)


@pytest.mark.parametrize(
    ("scope", "alive"),
    [("global", [False, False, False]), ("local", [False, True, True]), ("others", [True, False, False])],
)
def test_signing_out_ends_the_sessions_of_its_scope(
    auth: AuthServer, address: str, scope: str, alive: list[bool]
) -> None:
    sessions = [auth.sign_up(address).json(), auth.sign_in(address).json(), auth.sign_in(address).json()]
    assert auth.call("POST", f"/logout?scope={scope}", token=sessions[0]["access_token"]).status_code == 204
    for session, expected in zip(sessions, alive, strict=True):
        assert (auth.refresh(session["refresh_token"]).status_code == 200) is expected
        assert (auth.call("GET", "/user", token=session["access_token"]).status_code == 200) is expected


def test_an_access_token_of_an_ended_session_no_longer_counts(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    auth.call("POST", "/logout", token=token)
    answer = auth.call("GET", "/user", token=token)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "session_not_found")


def test_an_unknown_scope_ends_nothing(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    assert auth.call("POST", "/logout?scope=galaxy", token=token).json()["error_code"] == "validation_failed"
    assert auth.call("GET", "/user", token=token).status_code == 200


def test_the_client_signs_out(auth: AuthServer, address: str) -> None:
    client = auth.client()
    client.sign_up({"email": address, "password": PASSWORD})
    client.sign_out()
    assert client.get_session() is None
    assert (
        auth.rows("select 1 from auth.sessions s join auth.users u on u.id = s.user_id where email = %s", address) == []
    )
