"""The page behind the link in the mail to a guardian: what it shows, what its buttons do, and what opens nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from supabase_embedded import StackStatus
from tests.support import clock
from tests.support.phone import Phone, Place, place_of
from tests.support.waiting import LIMIT

pytestmark = pytest.mark.needs("functions")


@pytest.fixture(scope="module")
def place(stack: StackStatus) -> Iterator[Place]:
    """The stack of the whole test session."""
    with place_of(stack) as place:
        yield place


@pytest.fixture
def child(place: Place) -> Phone:
    """Somebody of twelve with a name that is none of a page's."""
    phone = place.phone().sign_up()
    (terms,) = phone.rows("terms_versions", is_current=True)
    phone.rpc(
        "register", first_name="<b>Ana</b> & co", last_name="Belin", alias="pomme", country="FR", postcode="75011",
        birth_date=f"{clock.now().year - 12}-01-01", terms_version=terms["version"],
    )  # fmt: skip
    return phone


def asked(place: Place, child: Phone) -> str:
    """The address of the page, with the token of the mail."""
    address = f"{uuid.uuid4().hex}@example.org"
    child.rpc("ask_guardian", email=address)
    with psycopg.connect(place.status.db_url) as connection:
        row = connection.execute("select data ->> 'token' from mpp.outbox where address = %s", (address,)).fetchone()
    assert row is not None
    return f"{place.status.api_url}/functions/v1/guardian?token={row[0]}"


def agrees(child: Phone) -> bool:
    return child.rows("my_profile")[0]["guardian_consent_at"] is not None


def test_a_guardian_agrees_and_withdraws_on_one_page(place: Place, child: Phone) -> None:
    page = asked(place, child)
    shown = httpx.get(page, headers={"Accept-Language": "en"}, timeout=LIMIT)
    assert (shown.status_code, shown.headers["content-language"]) == (200, "en")
    assert "I am a guardian and I agree" in shown.text
    assert "I do not agree" in shown.text
    # What a child typed is text.
    assert "<b>" not in shown.text
    assert "&#60;b&#62;Ana&#60;/b&#62; &#38; co" in shown.text
    assert page.rpartition("=")[2] not in shown.text
    assert "script" not in shown.text
    # Looking decides nothing: link checkers look.
    assert httpx.head(page, timeout=LIMIT).status_code == 200
    assert not agrees(child)
    done = httpx.post(page, data={"granted": "true"}, headers={"Accept-Language": "fr"}, timeout=LIMIT)
    assert "Retirer mon accord" in done.text
    assert agrees(child)
    again = httpx.post(page, data={"granted": "false"}, headers={"Accept-Language": "en"}, timeout=LIMIT)
    assert "does not appear in the public ranking any more" in again.text
    assert "<form" not in again.text
    assert not agrees(child)
    # A button of a page that was left open.
    late = httpx.post(page, data={"granted": "true"}, headers={"Accept-Language": "en"}, timeout=LIMIT)
    assert "does not appear in the public ranking any more" in late.text
    assert not agrees(child)


@pytest.mark.parametrize("body", ["", "granted=", "granted=maybe", "x" * 5000])
def test_a_form_that_says_nothing_decides_nothing(place: Place, child: Phone, body: str) -> None:
    page = asked(place, child)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    shown = httpx.post(page, content=body, headers=headers, timeout=LIMIT)
    assert (shown.status_code, "<form" in shown.text) == (200, True)
    assert child.rows("my_guardian_consents") == []


@pytest.mark.parametrize("token", ["", "0" * 64, "z" * 64, "' or true --"])
def test_a_link_that_is_not_whole_opens_nothing(place: Place, token: str) -> None:
    address = f"{place.status.api_url}/functions/v1/guardian"
    for method in ("GET", "POST"):
        form = {"granted": "true"} if method == "POST" else None
        shown = httpx.request(method, address, params={"token": token}, data=form, timeout=LIMIT)
        assert (shown.status_code, "<form" in shown.text) == (404, False)
    assert httpx.put(address, params={"token": token}, timeout=LIMIT).status_code == 405
