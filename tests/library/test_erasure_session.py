"""An erasure through Auth and PostgREST, as an app asks for it: how recent the sign-in is, and how sessions end."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
import pytest

from tests.support.world import PASSWORD, World


class App:
    """An app in which somebody has signed in."""

    def __init__(self, world: World, email: str) -> None:
        self._world = world
        self.email = email
        self.tokens: dict[str, Any] = {}

    def sign_up(self) -> httpx.Response:
        return self._auth("signup", {"email": self.email, "password": PASSWORD})

    def sign_in(self) -> httpx.Response:
        return self._auth("token?grant_type=password", {"email": self.email, "password": PASSWORD})

    def refresh(self) -> httpx.Response:
        return self._auth("token?grant_type=refresh_token", {"refresh_token": self.tokens["refresh_token"]})

    def call(self, function: str, **arguments: Any) -> httpx.Response:
        return self._world.http.post(f"/rest/v1/rpc/{function}", json=arguments, headers=self._headers())

    def rows(self, view: str) -> Any:
        return self._world.http.get(f"/rest/v1/{view}", headers=self._headers()).json()

    def user(self) -> httpx.Response:
        return self._world.http.get("/auth/v1/user", headers=self._headers())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    def _auth(self, path: str, body: dict[str, str]) -> httpx.Response:
        answer = self._world.http.post(f"/auth/v1/{path}", json=body)
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer


@pytest.fixture
def app(world: World) -> App:
    app = App(world, f"{secrets.token_hex(6)}@example.org")
    assert app.sign_up().status_code == 200
    assert app.sign_in().status_code == 200
    registered = app.call(
        "register", first_name="Ada", last_name="Test", alias="to-erase", country="FR", postcode="75011",
        birth_date="1990-01-01", terms_version=world.terms(),
    )  # fmt: skip
    assert registered.status_code == 200, registered.text
    return app


def age_the_sign_in(world: World, app: App) -> None:
    """The same session, had it been opened a day ago; Auth tells it in the next token."""
    world.database.execute(
        "update auth.mfa_amr_claims c set updated_at = c.updated_at - interval '1 day'"
        " from auth.sessions s join auth.users u on u.id = s.user_id where s.id = c.session_id and u.email = %s",
        (app.email,),
    )


def test_a_token_that_was_renewed_erases_nothing_until_its_owner_signs_in_again(world: World, app: App) -> None:
    age_the_sign_in(world, app)
    assert app.refresh().status_code == 200
    refused = app.call("erase_my_account")
    assert (refused.status_code, refused.json()["code"]) == (400, "MP064")
    assert app.rows("my_profile")[0]["alias"] == "to-erase"
    assert app.sign_in().status_code == 200
    assert app.call("erase_my_account").json()["is_erased"] is True


def test_every_session_ends_with_the_account_and_nothing_leads_back(world: World, app: App) -> None:
    phone = App(world, app.email)
    assert phone.sign_in().status_code == 200
    account = app.tokens["user"]["id"]
    assert app.call("erase_my_account").status_code == 200
    for session in (app, phone):
        assert session.rows("my_profile") == []
        assert session.call("keep_my_account").json()["code"] == "MP001"
        assert session.user().status_code == 403
        assert session.refresh().status_code == 400
        assert session.sign_in().status_code == 400
    left = world.database.execute(
        "select count(*) from auth.sessions where user_id::text = %(id)s union all"
        " select count(*) from auth.refresh_tokens where user_id = %(id)s union all"
        " select count(*) from auth.identities where user_id::text = %(id)s",
        {"id": account},
    ).fetchall()
    assert left == [(0,)] * 3
    # The address is free, and whoever takes it begins anew.
    assert phone.sign_up().status_code == 200
    assert phone.sign_in().status_code == 200
    assert phone.tokens["user"]["id"] != account
    assert phone.rows("my_profile") == []
    assert phone.rows("my_consent_history") == []
    assert phone.rows("my_privacy_requests") == []
