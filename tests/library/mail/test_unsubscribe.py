"""Leaving in one click over HTTP: the address in the mail, without a key, a session or JavaScript."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from mpp_supabase import MailSender
from supabase_embedded import StackStatus
from tests.support.fickle import FickleServer
from tests.support.waiting import LIMIT

from .conftest import MARK, Office

pytestmark = pytest.mark.needs("functions")

Start = Callable[..., FickleServer]
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def link_of(message: EmailMessage) -> str:
    """The address of the header, which the foot of both parts repeats."""
    (link,) = re.findall(r"^<(.+)>$", str(message["List-Unsubscribe"]))
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        assert link in part.get_content()
    return str(link)


def newsletter(office: Office, server: Start, readers: int = 1) -> dict[str, str]:
    """Send a newsletter; return the unsubscribe link by address."""
    office.subscribers(readers)
    smtp = server()
    office.mpp.mails.queue_newsletter("essai", "fr", "Un essai", "Bonjour")
    MailSender(office.mpp.mails, office.through(smtp.port)).run()
    assert len(smtp.taken) == readers
    assert all(str(m.message["List-Unsubscribe-Post"]) == "List-Unsubscribe=One-Click" for m in smtp.taken)
    return {mail.recipient: link_of(mail.message) for mail in smtp.taken}


def subscribed(office: Office) -> set[str]:
    """Who would get the next newsletter."""
    rows = office.rows(
        "select u.email from auth.users u where u.email like %s and (select c.granted from mpp.consent c"
        " where c.account_id = u.id and c.purpose = 'newsletter' order by c.id desc limit 1)",
        f"%@{MARK}",
    )
    return {address for (address,) in rows}


def test_one_click_ends_the_newsletter_for_this_reader_alone(office: Office, server: Start) -> None:
    links = newsletter(office, server, 3)
    leaving, *staying = links
    for _ in range(2):
        answer = httpx.post(links[leaving], data=ONE_CLICK, timeout=LIMIT)
        assert answer.status_code == 200
    assert subscribed(office) == set(staying)
    log = office.rows(
        "select c.channel from mpp.consent c join auth.users u on u.id = c.account_id"
        " where u.email = %s and not c.granted",
        leaving,
    )
    assert log == [("mail",)]
    office.mpp.mails.queue_newsletter("suite", "fr", "La suite", "Bonjour")
    # Also what was queued for them by another way.
    ((account,),) = office.rows("select id from auth.users where email = %s", leaving)
    late = {"key": "late", "template": "newsletter", "purpose": "newsletter", "data": {}, "account_id": str(account)}
    assert office.mpp.mails.queue([late]) == 1
    smtp = server()
    MailSender(office.mpp.mails, office.through(smtp.port)).run()
    assert {mail.recipient for mail in smtp.taken} == set(staying)


def test_an_invited_address_without_an_account_leaves_the_same_way(office: Office, server: Start) -> None:
    smtp = server()
    office.queue_invitations(1)
    MailSender(office.mpp.mails, office.through(smtp.port)).run()
    assert httpx.post(link_of(smtp.taken[0].message), data=ONE_CLICK, timeout=LIMIT).status_code == 200
    office.queue_invitations(1)
    MailSender(office.mpp.mails, office.through(smtp.port)).run()
    assert len(smtp.taken) == 1
    assert sorted(office.states().values()) == ["dropped", "sent"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
def test_opening_the_address_unsubscribes_nobody(office: Office, server: Start, method: str) -> None:
    """Programs that check links open every address of a mail."""
    ((reader, link),) = newsletter(office, server).items()
    answer = httpx.request(method, link, timeout=LIMIT)
    assert answer.status_code == (200 if method in ("GET", "HEAD") else 405)
    assert subscribed(office) == {reader}


@pytest.mark.parametrize(
    ("wanted", "button", "done"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "Me désabonner", "Si le lien était entier"),
        ("en-GB,en;q=0.9", "Unsubscribe me", "If the link was whole"),
        ("de,en;q=0.5", "Unsubscribe me", "If the link was whole"),
        ("", "Me désabonner", "Si le lien était entier"),
    ],
)
def test_the_page_speaks_french_or_english_and_works_without_javascript(
    office: Office, server: Start, wanted: str, button: str, done: str
) -> None:
    ((_, link),) = newsletter(office, server).items()
    page = httpx.get(link, headers={"Accept-Language": wanted}, timeout=LIMIT)
    assert button in page.text
    assert "<script" not in page.text
    assert 'method="post"' in page.text
    assert "src=" not in page.text
    assert "href=" not in page.text
    token = link.partition("token=")[2]
    assert token not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    # What the button sends: the form has no field and no address of its own.
    answer = httpx.post(link, headers={"Accept-Language": wanted}, data={}, timeout=LIMIT)
    assert done in answer.text
    assert subscribed(office) == set()


def test_an_unknown_token_is_answered_like_a_known_one(office: Office, server: Start) -> None:
    ((_, link),) = newsletter(office, server).items()
    address, _, token = link.partition("?token=")
    known = httpx.post(link, data=ONE_CLICK, timeout=LIMIT)
    for other in (f"{address}?token={'0' * 64}", f"{address}?token={token[:-1]}", f"{address}?token=", address,
                  f"{address}?token={'x' * 5000}", f"{address}?token=a'--"):  # fmt: skip
        answer = httpx.post(other, data=ONE_CLICK, timeout=LIMIT)
        assert (answer.status_code, answer.text) == (known.status_code, known.text), other
    # The gateway passes no NUL on, whatever the rest is.
    assert httpx.post(f"{address}?token=%00", data=ONE_CLICK, timeout=LIMIT).status_code == 400
    assert {k: v for k, v in answer.headers.items() if k != "date"} == {
        k: v for k, v in known.headers.items() if k != "date"
    }


@pytest.mark.needs("processes")
def test_the_functions_process_has_the_publishable_key_and_no_secret(stack: StackStatus) -> None:
    """What a fault in a function could give away is what every phone holds already."""
    (functions,) = [service for service in stack.services if service.name == "functions"]
    environment = Path(f"/proc/{functions.pid}/environ").read_text()
    command = Path(f"/proc/{functions.pid}/cmdline").read_text()
    values = stack.env()
    assert values["PUBLISHABLE_KEY"] in environment
    for secret in ("SECRET_KEY", "SERVICE_ROLE_KEY", "JWT_SECRET", "DB_URL"):
        assert values[secret] not in environment
        assert values[secret] not in command
    assert "--no-remote" in command
    (reached,) = [part for part in command.split("\0") if part.startswith("--allow-net")]
    assert set(re.findall(r"[^=,]+(?=:\d)", reached)) == {"127.0.0.1"}


def test_a_function_that_is_not_open_needs_a_key_and_one_that_is_not_there_is_not_found(stack: StackStatus) -> None:
    address = f"{stack.env()['FUNCTIONS_URL']}/nothing"
    assert httpx.post(address, timeout=LIMIT).status_code == 401
    answer = httpx.post(address, headers={"apikey": stack.env()["PUBLISHABLE_KEY"]}, timeout=LIMIT)
    assert answer.status_code == 404
    assert json.loads(answer.text) == {"message": "There is no such function"}
