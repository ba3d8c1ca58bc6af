"""The mailbox takes every mail and shows it to people and programs on this machine only."""

from __future__ import annotations

import contextlib
import os
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from supabase_embedded import mailbox
from supabase_embedded.mailbox import Mail, Mailbox
from supabase_embedded.state import Ports
from tests.support import ROOT
from tests.support.waiting import LIMIT, wait_until


@dataclass(frozen=True)
class Running:
    """A mailbox process: its ports and a connection to its page."""

    smtp_port: int
    http: httpx.Client

    def send(self, to: str = "ada@example.org", subject: str = "Bonjour", **parts: str) -> None:
        """Send a mail with a text or an HTML part."""
        message = EmailMessage()
        message["From"] = "Ma Petite Planète <bonjour@example.org>"
        message["To"] = to
        message["Subject"] = subject
        message.set_content(parts.get("text", "Une planète"))
        if "html" in parts:
            message.set_content(parts["html"], subtype="html")
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=LIMIT) as server:
            server.send_message(message)

    def messages(self, query: str | None = None) -> list[dict[str, object]]:
        """The entries of the list, or of a search."""
        if query is None:
            answer = self.http.get("/api/v1/messages")
        else:
            answer = self.http.get("/api/v1/search", params={"query": query})
        found: list[dict[str, object]] = answer.json()["messages"]
        return found


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A mailbox process on free ports."""
    ports = Ports.free()
    environment = {"EMBEDDED_MAILBOX_HTTP_PORT": str(ports.mailbox), "EMBEDDED_MAILBOX_SMTP_PORT": str(ports.smtp)}
    log = tmp_path_factory.mktemp("mailbox") / "log"
    with log.open("w") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", "supabase_embedded.mailbox"],
            env=os.environ | environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    with httpx.Client(base_url=f"http://127.0.0.1:{ports.mailbox}", timeout=LIMIT) as http:
        try:
            _wait(http, started, log)
            yield Running(ports.smtp, http)
        finally:
            started.terminate()
            assert started.wait(LIMIT) in (0, -15)


@pytest.fixture
def box(process: Running) -> Running:
    """The mailbox, emptied."""
    process.http.delete("/api/v1/messages")
    return process


def test_a_mail_is_listed_and_read(box: Running) -> None:
    box.send(text="Votre code : 123456\n")
    [entry] = box.messages()
    assert entry["Subject"] == "Bonjour"
    assert entry["From"] == {"Name": "Ma Petite Planète", "Address": "bonjour@example.org"}
    assert entry["To"] == [{"Name": "", "Address": "ada@example.org"}]
    assert entry["Snippet"] == "Votre code : 123456"
    whole = box.http.get(f"/api/v1/message/{entry['ID']}").json()
    assert whole["Text"].strip() == "Votre code : 123456"
    assert whole["HTML"] == ""
    assert box.http.get("/api/v1/message/latest").json()["ID"] == entry["ID"]
    assert "Subject: Bonjour" in box.http.get(f"/api/v1/message/{entry['ID']}/raw").text


def test_an_html_mail_has_a_text_with_its_links(box: Running) -> None:
    box.send(html='<p>Suivez <a href="http://x.example/?a=1&amp;b=2">ce lien</a></p><p>Merci</p>')
    whole = box.http.get("/api/v1/message/latest").json()
    assert "ce lien: http://x.example/?a=1&b=2" in whole["Text"]
    assert "<p>" not in whole["Text"]
    assert "&amp;b=2" in whole["HTML"]


def test_mails_are_searched_by_recipient_sender_subject_and_word(box: Running) -> None:
    box.send(to="ada@example.org", subject="Ligue du lundi", text="bravo")
    box.send(to="Grace <grace@example.org>", subject="Défi", text="encore")
    queries = {
        "to:ADA@example.org": 1,
        "to:example.org": 2,
        'subject:"ligue du"': 1,
        "from:bonjour@": 2,
        "encore": 1,
        "to:grace défi": 1,
        "to:ada défi": 0,
        '"unbalanced': 0,
        "": 2,
    }
    assert {query: len(box.messages(query)) for query in queries} == queries


def test_the_newest_mail_comes_first_and_pages_end(box: Running) -> None:
    for number in range(3):
        box.send(subject=f"n{number}")
    page = box.http.get("/api/v1/messages", params={"start": 1, "limit": 1}).json()
    assert [entry["Subject"] for entry in page["messages"]] == ["n1"]
    assert (page["total"], page["count"], page["start"]) == (3, 1, 1)
    assert box.http.get("/api/v1/messages", params={"limit": "x"}).status_code == 400


def test_mails_are_deleted_by_id_or_all(box: Running) -> None:
    for number in range(3):
        box.send(subject=f"n{number}")
    first = box.messages()[-1]["ID"]
    box.http.request("DELETE", "/api/v1/messages", json={"IDs": [first]})
    assert [entry["Subject"] for entry in box.messages()] == ["n2", "n1"]
    box.http.delete("/api/v1/messages")
    assert box.messages() == []
    assert box.http.get(f"/api/v1/message/{first}").status_code == 404
    assert box.http.get("/api/v1/message/latest").status_code == 404


def test_the_page_shows_mails_to_people_and_runs_nothing_of_theirs(box: Running) -> None:
    box.send(subject="<script>alert(1)</script>", text="Lien : http://x.example/verify?token=a&type=b <b>")
    page = box.http.get("/")
    assert "&lt;script&gt;" in page.text
    assert "<script" not in page.text
    mail_id = box.messages()[0]["ID"]
    view = box.http.get(f"/view/{mail_id}")
    assert '<a href="http://x.example/verify?token=a&amp;type=b">' in view.text
    assert "<b>" not in view.text
    assert "default-src 'none'" in view.headers["Content-Security-Policy"]
    box.http.delete("/api/v1/messages")
    assert "Aucun message" in box.http.get("/").text


def test_another_site_cannot_read_the_mailbox_by_naming_this_machine(box: Running) -> None:
    box.send()
    assert box.http.get("/api/v1/messages", headers={"Host": "evil.example"}).status_code == 400
    assert "Access-Control-Allow-Origin" not in box.http.get("/api/v1/messages", headers={"Origin": "http://x"}).headers


def test_a_mail_that_is_too_large_is_refused(box: Running) -> None:
    with pytest.raises(smtplib.SMTPException):
        box.send(text="x" * (mailbox.LARGEST_MAIL + 1000))
    assert box.messages() == []
    box.send()
    assert len(box.messages()) == 1


def test_a_mail_that_is_no_mail_is_kept_as_it_came(box: Running) -> None:
    headers = b"Subject: =?broken?Q?=FF=\r\nContent-Type: text/plain; charset=nope"
    with smtplib.SMTP("127.0.0.1", box.smtp_port, timeout=LIMIT) as server:
        server.sendmail("x@example.org", ["ada@example.org"], headers + b"\r\n\r\n\xff\xfe")
    [entry] = box.messages("to:ada@example.org")
    assert box.http.get(f"/api/v1/message/{entry['ID']}").status_code == 200
    assert box.http.get(f"/view/{entry['ID']}").status_code == 200


def test_the_real_auth_server_finds_its_templates(box: Running) -> None:
    assert "{{ .ConfirmationURL }}" in box.http.get("/templates/invite.html").text
    assert box.http.get("/templates/nothing.html").status_code == 404
    assert box.http.get("/templates/..%2Fsettings.html").status_code == 404


def test_the_mailbox_keeps_the_newest_within_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "MOST_MAILS", 3)
    monkeypatch.setattr(mailbox, "MOST_BYTES", 10_000)
    kept = Mailbox()
    for number in range(5):
        kept.keep(Mail.read(f"Subject: n{number}\r\n\r\nx".encode(), "a@example.org", ("b@example.org",)))
    assert [mail.subject for mail in kept.mails] == ["n2", "n3", "n4"]
    kept.keep(Mail.read(b"Subject: big\r\n\r\n" + b"x" * 9_990, "a@example.org", ("b@example.org",)))
    assert [mail.subject for mail in kept.mails] == ["big"]


def _wait(http: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(httpx.HTTPError):
            return http.get("/readyz").status_code == 200
        return False

    wait_until(is_ready, log.read_text)
