"""`mpp mail` as the staff use it, and the settings it reads; the mailbox of the local stack by default."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
from collections.abc import Callable
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from mpp_cli import app
from mpp_cli.exits import Exit, code_of
from mpp_supabase import ConfigError, MailSender, MailServerError, load_mail_settings, settle_stranded_mails
from mpp_supabase.mail.evidence import MailboxRecord
from mpp_supabase.mail.settings import NAMES
from supabase_embedded import StackStatus
from tests.support import clock
from tests.support.fickle import FickleServer
from tests.support.waiting import LIMIT, wait_until

from .conftest import MARK, Office, invitation

Start = Callable[..., FickleServer]


def run(office: Office, *arguments: object, **environment: str) -> tuple[int, str]:
    """Run a command to its end, in this process; its exit code, and all it printed."""
    said = io.StringIO()
    with (
        patch.dict(os.environ, office.env | environment),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        code = app.run([str(argument) for argument in arguments])
    return int(code), said.getvalue()


@pytest.mark.needs("home")
def test_send_uses_the_mailbox_of_the_local_stack_when_no_server_is_set(office: Office, stack: StackStatus) -> None:
    httpx.delete(f"{stack.values['MAILPIT_URL']}/api/v1/messages", timeout=LIMIT)
    addresses = set(office.queue_invitations(3).values())
    code, said = run(office, "mail", "send", MPP_HOME=str(stack.home))
    assert (code, "3 sent." in said, "the mailbox of the local stack" in said) == (0, True, True), said
    found = httpx.get(f"{stack.values['MAILPIT_URL']}/api/v1/messages", timeout=LIMIT).json()["messages"]
    assert {mail["To"][0]["Address"] for mail in found} == addresses
    assert run(office, "mail", "send", MPP_HOME=str(stack.home))[1].rstrip().endswith("No mail was due.")


@pytest.mark.needs("home")
def test_a_hosted_project_does_not_send_into_the_local_mailbox(
    office: Office, stack: StackStatus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MPP_HOME", str(stack.home))
    hosted = office.settings.model_copy(update={"url": "https://example.supabase.co"})
    with pytest.raises(ConfigError, match="No mail server is configured"):
        load_mail_settings(hosted, tmp_path / ".env")
    assert load_mail_settings(office.settings, tmp_path / ".env").mailbox_url == stack.values["MAILPIT_URL"]


@pytest.mark.needs("mailbox", "smtp")
def test_the_mailbox_tells_what_it_took_and_what_it_surely_did_not(office: Office, stack: StackStatus) -> None:
    url = stack.values["MAILPIT_URL"]
    kept, unsent = office.queue_invitations(2)
    mails = office.mpp.mails
    # Delivered, and the sender died before it could say so.
    from uuid import uuid4

    from mpp_supabase.mail.composing import compose
    from mpp_supabase.mail.courier import Courier, instant

    settings = office.through(stack.ports.smtp)
    first, second = (mails.claim(uuid4(), 60, MARK) for _ in range(2))
    assert first is not None
    assert second is not None
    courier = Courier(settings)
    assert courier.deliver(first.address, compose(first, settings), instant() + 900).outcome == "sent"
    courier.close()
    office.time_passes()
    forgotten = int(httpx.get(f"{url}/api/v1/info", timeout=LIMIT).json()["RuntimeStats"]["MessagesDeleted"])
    settle_stranded_mails(mails, MailboxRecord(url))
    # A mailbox that has forgotten any mail cannot say no.
    assert office.states() == {kept: "sent", unsent: "uncertain" if forgotten else "queued"}


def test_a_mailbox_that_was_not_up_or_has_forgotten_cannot_say_no(office: Office, server: Start) -> None:
    """A stand-in for a mailbox that started after the claim, one that was emptied, and one that is not there."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    office.queue_invitations(1)
    smtp = server(lambda _: "drop_unkept")
    MailSender(office.mpp.mails, office.through(smtp.port)).run()
    office.time_passes()
    (mail,) = office.mpp.mails.stranded()
    stats: dict[str, Any] = {}

    class Mailpit(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"messages": []} if "search" in self.path else {"RuntimeStats": stats}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            # The mailbox and the database go by one clock.
            return format_datetime(clock.now(), usegmt=True)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Mailpit) as web:
        thread = Thread(target=web.serve_forever)
        thread.start()
        record = MailboxRecord(f"http://127.0.0.1:{web.server_port}")
        verdicts = []
        for uptime, deleted in ((100_000, 0), (0, 0), (100_000, 1)):
            stats.update(Uptime=uptime, MessagesDeleted=deleted)
            verdicts.append(record.about(mail))
        web.shutdown()
        thread.join()
    assert verdicts == ["not_delivered", "unknown", "unknown"]
    assert record.about(mail) == "unknown"


def test_a_dry_run_shows_who_would_get_what_and_sends_nothing(office: Office, server: Start) -> None:
    smtp = server()
    office.queue_invitations(2)
    ((account, _),) = office.subscribers(1, granted=False)
    office.mpp.mails.queue(
        [{"key": "n", "template": "newsletter", "purpose": "newsletter", "data": {}, "account_id": str(account)}]
    )
    before = office.rows("select * from mpp.outbox order by id")
    code, said = run(office, "mail", "send", "--dry-run", **office.smtp_environment(smtp.port))
    assert code == 0
    assert "dropped: no consent" in said
    assert "nothing was sent" in said.lower()
    assert smtp.taken == []
    assert office.rows("select * from mpp.outbox order by id") == before
    # And the run itself says what it dropped, and why.
    code, said = run(office, "mail", "send", **office.smtp_environment(smtp.port))
    assert (code, len(smtp.taken)) == (0, 2)
    assert "2 sent." in said
    assert "1 dropped, not sent: 1 no consent." in said
    assert "dropped" not in run(office, "mail", "send", **office.smtp_environment(smtp.port))[1], "of an earlier run"


def test_limit_sends_so_many_and_list_and_show_tell_without_content(office: Office, server: Start) -> None:
    smtp = server()
    keys = list(office.queue_invitations(3))
    env = office.smtp_environment(smtp.port)
    code, said = run(office, "mail", "send", "--limit", 2, "--json", **env)
    assert (code, len(smtp.taken)) == (0, 2)
    assert '"sent": 2' in said
    code, said = run(office, "mail", "list", "--state", "queued", "--csv")
    assert keys[2] in said
    assert keys[0] not in said
    code, said = run(office, "mail", "show", keys[0])
    assert f"@{MARK}" in said
    for private in ("ABCD-EFGH", f"p0@{MARK}"):
        assert private not in said
    assert run(office, "mail", "show", "nothing")[0] == 1
    assert run(office, "mail", "list", "--state", "lost")[0] == 2


def test_watch_sends_what_is_queued_later_and_ends_after_the_mail_in_hand(office: Office, server: Start) -> None:
    smtp = server(lambda _: "late")
    process = office.command("mail", "send", "--watch", "--every", 0.2, **office.smtp_environment(smtp.port))
    # It watches once it has sent one; the other is queued later.
    (first,) = office.queue_invitations(1)
    wait_until(lambda: office.states()[first] == "sent")
    smtp.answer_late.clear()
    (key,) = office.queue_invitations(1)
    wait_until(lambda: len(smtp.taken) == 2)
    # In the middle of the late answer.
    process.send_signal(signal.SIGTERM)
    smtp.answer_late.set()
    output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, output
    assert office.states() == {first: "sent", key: "sent"}


def test_a_server_that_is_away_costs_no_mail_an_attempt(office: Office) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (key,) = office.queue_invitations(1)
    with pytest.raises(MailServerError, match="does not answer") as caught:
        MailSender(office.mpp.mails, office.through(port), pause=0.01).run()
    assert code_of(caught.value) == Exit.CONNECTION
    assert office.rows("select key, state::text, failures from mpp.outbox") == [(key, "queued", 0)]


def test_one_mail_that_cannot_be_written_does_not_hold_up_the_others(office: Office, server: Start) -> None:
    smtp = server()
    bad = invitation("bad", f"bad@{MARK}", data={"league": "x"})
    office.mpp.mails.queue([bad, invitation("good", f"good@{MARK}")])
    MailSender(office.mpp.mails, office.through(smtp.port)).run()
    assert office.states() == {"bad": "failed", "good": "sent"}
    assert "do not fit" in str(office.mpp.mails.get("bad").reply)


def test_a_newsletter_goes_from_a_file_to_those_who_agreed_once(office: Office, server: Start, tmp_path: Path) -> None:
    smtp = server()
    french = {address for _, address in office.subscribers(3)}
    office.subscribers(2, language="en")
    office.subscribers(2, granted=False)
    file = tmp_path / "Lettre de printemps.md"
    file.write_text("# Le printemps !\n\nBonjour **à vous**.\n", encoding="utf-8")
    page = tmp_path / "page.html"
    assert run(office, "mail", "newsletter", file, "-l", "fr", "--preview", page)[0] == 0
    assert "<strong>à vous</strong>" in page.read_text(encoding="utf-8")
    assert office.states() == {}
    code, said = run(office, "mail", "newsletter", file, "-l", "fr")
    assert (code, "add --yes" in said) == (2, True)
    assert "3 queued, 0 were already" in run(office, "mail", "newsletter", file, "-l", "fr", "--yes")[1]
    assert "0 queued, 3 were already" in run(office, "mail", "newsletter", file, "-l", "fr", "--yes")[1]
    assert run(office, "mail", "send", **office.smtp_environment(smtp.port))[0] == 0
    assert {mail.recipient for mail in smtp.taken} == french
    assert {str(mail.message["Subject"]) for mail in smtp.taken} == {"Le printemps !"}
    file.write_text("# Le printemps !\n\nAutre chose.\n", encoding="utf-8")
    code, said = run(office, "mail", "newsletter", file, "-l", "fr", "--yes")
    assert (code, "MP098" in said) == (1, True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no heading", "no subject"),
        (b"# Only a subject", "says nothing"),
        (b"# \xff\n\nx", "not UTF-8"),
        (b"", "no subject"),
    ],
)
def test_a_newsletter_file_that_cannot_be_is_refused(
    office: Office, tmp_path: Path, content: bytes, reason: str
) -> None:
    file = tmp_path / "x.md"
    file.write_bytes(content)
    code, said = run(office, "mail", "newsletter", file, "-l", "fr", "--yes")
    assert (code, reason in said) == (5, True), said
    assert run(office, "mail", "newsletter", tmp_path / "gone.md", "-l", "fr")[0] == 5
    assert run(office, "mail", "newsletter", file, "-l", "de")[0] == 2


def test_bounces_are_noted_listed_and_cleared(office: Office, server: Start) -> None:
    smtp = server()
    assert run(office, "mail", "bounce", f"p0@{MARK}", "--hard", "--reason", "550 5.1.1")[0] == 0
    assert run(office, "mail", "bounce", f"p1@{MARK}", "--soft")[0] == 0
    assert run(office, "mail", "bounce", "nobody", "--hard")[0] == 1
    code, said = run(office, "mail", "bounce", f"p2@{MARK}")
    assert (code, "--hard" in said, "--soft" in said) == (2, True, True)
    listed = run(office, "mail", "bounces")[1]
    assert f"p0@{MARK}" in listed
    assert "hard" in listed
    office.queue_invitations(2)
    MailSender(office.mpp.mails, office.through(smtp.port)).run()
    assert [mail.recipient for mail in smtp.taken] == [f"p1@{MARK}"]
    assert run(office, "mail", "allow", f"p0@{MARK}")[0] == 0
    assert run(office, "mail", "allow", f"p0@{MARK}")[0] == 1
    office.queue_invitations(1)
    MailSender(office.mpp.mails, office.through(smtp.port)).run()
    assert smtp.to(f"p0@{MARK}")


def test_a_bounce_is_hard_or_soft_and_the_question_names_both(office: Office) -> None:
    code, said = run(office, "mail", "bounce", "ada@example.org")
    assert (code, "--hard (no such address)" in said, "--soft" in said) == (2, True, True), said


# settings

WORKING = {"MPP_SMTP_HOST": "smtp.example.org", "MPP_SMTP_FROM": "Ma Petite Planète <bonjour@example.org>"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the mail server's variables, and no other."""

    def put(**values: str) -> None:
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    put()
    return put


def test_settings_come_from_the_environment_or_the_env_file_as_a_whole(
    office: Office, environment: Callable[..., None], tmp_path: Path
) -> None:
    environment(**WORKING, MPP_SMTP_USER="u", MPP_SMTP_PASSWORD="hunter2")
    found = load_mail_settings(office.settings, tmp_path / ".env")
    assert (found.port, found.security, found.domain, found.source) == (
        587,
        "starttls",
        "example.org",
        "the environment",
    )
    assert found.unsubscribe_url == f"{office.settings.url}/functions/v1/unsubscribe"
    assert found.guardian_url == f"{office.settings.url}/functions/v1/guardian"
    assert "hunter2" not in repr(found)
    environment()
    file = tmp_path / ".env"
    file.write_text("MPP_SMTP_HOST=other.example.org\nMPP_SMTP_FROM=a@other.org\nMPP_SMTP_SECURITY=ssl\n")
    found = load_mail_settings(office.settings, file)
    assert (found.host, found.port, found.user, found.source) == ("other.example.org", 465, None, ".env")
    environment(**WORKING)
    # A password of the file would go to the server of the environment.
    assert load_mail_settings(office.settings, file).host == "smtp.example.org"


@pytest.mark.parametrize(
    "wrong",
    [
        {"MPP_SMTP_SECURITY": "tls"}, {"MPP_SMTP_SECURITY": "none"}, {"MPP_SMTP_USER": "u"},
        {"MPP_SMTP_PASSWORD": "hunter2"}, {"MPP_SMTP_FROM": ""}, {"MPP_SMTP_FROM": "a@b.org\nBcc: c@d.org"},
        {"MPP_SMTP_PORT": "0"}, {"MPP_SMTP_PORT": "many"}, {"MPP_MAIL_LEASE": "-1"},
        {"MPP_MAIL_GUARDIAN_URL": "http://example.org/g"},
        {"MPP_MAIL_UNSUBSCRIBE_URL": "http://example.org/u"}, {"MPP_MAIL_UNSUBSCRIBE_URL": "https://example.org/u?a=b"},
        {"MPP_APP_URL": "http://example.org"}, {"MPP_APP_URL": "example.org"}, {"MPP_APP_URL": "https://"},
        {"MPP_APP_URL": "https://hunter2@example.org/"}, {"MPP_APP_URL": "https://example.org/a b"},
        {"MPP_APP_URL": "https://example.org:x/"}, {"MPP_APP_URL": "javascript:alert(1)"},
        {"MPP_CLIENT_SPACE_URL": "https://example.org/#a"}, {"MPP_CLIENT_SPACE_URL": "https://example.org/?a=b"},
        {"MPP_CLIENT_SPACE_URL": 'https://example.org/"><b>'},
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_and_its_value_never_shown(
    office: Office, environment: Callable[..., None], tmp_path: Path, wrong: dict[str, str]
) -> None:
    environment(**WORKING | wrong)
    with pytest.raises(ConfigError) as caught:
        load_mail_settings(office.settings, tmp_path / ".env")
    (name,) = wrong
    assert name.replace("PASSWORD", "USER") in str(caught.value)
    assert "hunter2" not in str(caught.value) + caught.value.hint


@pytest.mark.needs("home")
def test_the_app_and_the_space_of_clients_are_read_beside_the_server(
    office: Office,
    stack: StackStatus,
    environment: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MPP_HOME", str(stack.home))
    file = tmp_path / ".env"
    file.write_text("MPP_APP_URL=https://app.example.org/\nMPP_CLIENT_SPACE_URL=http://localhost:3000/espace\n")
    environment()
    # The mailbox of the local stack needs no server, and its mails may lead somewhere all the same.
    found = load_mail_settings(office.settings, file)
    assert found.mailbox_url
    assert (found.app_url, found.client_space_url) == ("https://app.example.org/", "http://localhost:3000/espace")
    assert load_mail_settings(office.settings, tmp_path / "none").app_url == ""
    environment(**WORKING | {"MPP_APP_URL": " https://other.example.org/a "})
    # One place is read as a whole.
    found = load_mail_settings(office.settings, file)
    assert (found.app_url, found.client_space_url) == ("https://other.example.org/a", "")


def test_a_password_without_a_server_is_not_ignored(
    office: Office, environment: Callable[..., None], tmp_path: Path
) -> None:
    environment(MPP_SMTP_PASSWORD="hunter2")
    with pytest.raises(ConfigError, match="MPP_SMTP_HOST is not"):
        load_mail_settings(office.settings, tmp_path / ".env")
