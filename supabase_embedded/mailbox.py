"""The mailbox of the local stack: takes every mail, sends none on, shows them on a page and through Mailpit's API.

`python -m supabase_embedded.mailbox`, configured by EMBEDDED_MAILBOX_HOST, _HTTP_PORT and _SMTP_PORT.
Mails live in memory, the newest `MOST_MAILS` of them and never more than `MOST_BYTES`. It serves the mail templates
too, because the real Auth server fetches its texts over HTTP.
"""

from __future__ import annotations

import asyncio
import html
import logging
import os
import re
import secrets
import shlex
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from supabase_embedded.auth.mail_texts import template
from supabase_embedded.auth.mails import plain_text

#: How many mails are kept; the oldest go first.
MOST_MAILS = 500
#: Bytes of all mails kept together, and of one mail.
MOST_BYTES = 64 << 20
LARGEST_MAIL = 8 << 20

log = logging.getLogger("embedded.mailbox")


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived: `raw` and the envelope are what the SMTP server got, the rest is read from them."""

    id: str
    raw: bytes
    sender: str
    recipients: tuple[str, ...]
    arrived_at: datetime
    subject: str
    addresses: dict[str, list[dict[str, str]]]
    message_id: str
    text: str
    html: str

    @classmethod
    def read(cls, raw: bytes, sender: str, recipients: tuple[str, ...]) -> Mail:
        """Read a mail. What in it cannot be read is left empty."""
        message = message_from_bytes(raw, policy=policy.default)
        text, document = _part(message, "plain"), _part(message, "html")
        headers = ("From", "To", "Cc", "Bcc", "Reply-To")
        return cls(
            id=secrets.token_urlsafe(12),
            raw=raw,
            sender=sender,
            recipients=recipients,
            arrived_at=datetime.now(UTC),
            subject=_header(message, "Subject"),
            addresses={name: _addresses(message, name) for name in headers},
            message_id=_header(message, "Message-ID").strip("<>"),
            text=text or (plain_text(document) if document else ""),
            html=document,
        )

    def is_to(self, part: str) -> bool:
        """Tell whether a recipient's address contains `part`, in any case of letters."""
        return any(part.lower() in recipient.lower() for recipient in self.recipients)

    def summary(self) -> dict[str, Any]:
        """The mail as an entry of a list, in Mailpit's words."""
        first = {"Name": "", "Address": self.sender}
        return {
            "ID": self.id,
            "MessageID": self.message_id,
            "Read": False,
            "From": next(iter(self.addresses["From"]), first),
            "To": self.addresses["To"] or [{"Name": "", "Address": address} for address in self.recipients],
            "Cc": self.addresses["Cc"],
            "Bcc": self.addresses["Bcc"],
            "ReplyTo": self.addresses["Reply-To"],
            "Subject": self.subject,
            "Created": self.arrived_at.isoformat().replace("+00:00", "Z"),
            "Tags": [],
            "Size": len(self.raw),
            "Attachments": 0,
            "Snippet": " ".join(self.text.split())[:250],
        }

    def details(self) -> dict[str, Any]:
        """The mail with its texts, in Mailpit's words."""
        summary = self.summary()
        del summary["Snippet"], summary["Created"], summary["Read"]
        return summary | {
            "Date": self.arrived_at.isoformat().replace("+00:00", "Z"),
            "ReturnPath": self.sender,
            "Text": self.text,
            "HTML": self.html,
            "Inline": [],
            "Attachments": [],
        }


@dataclass
class Mailbox:
    """The mails kept, the oldest first."""

    mails: list[Mail] = field(default_factory=list)
    accepted: int = 0
    deleted: int = 0
    started: float = field(default_factory=time.monotonic)

    def keep(self, mail: Mail) -> None:
        """Keep a mail, and let the oldest ones go when there are too many."""
        self.mails.append(mail)
        self.accepted += 1
        kept = sum(len(each.raw) for each in self.mails)
        while len(self.mails) > MOST_MAILS or (kept > MOST_BYTES and len(self.mails) > 1):
            kept -= len(self.mails.pop(0).raw)
            self.deleted += 1

    def find(self, mail_id: str) -> Mail | None:
        """The mail of an id, or the newest one for "latest"."""
        if mail_id == "latest":
            return self.mails[-1] if self.mails else None
        return next((mail for mail in self.mails if mail.id == mail_id), None)

    def search(self, query: str) -> list[Mail]:
        """The mails that match every word of a query, the newest first.

        A word may say where to look: to:, from:, subject:, message-id:; otherwise it is looked for everywhere. Quotes
        keep words together.
        """
        try:
            words = shlex.split(query.lower())
        except ValueError:
            words = query.lower().split()
        return [mail for mail in reversed(self.mails) if all(_matches(mail, word) for word in words)]

    def forget(self, ids: set[str] | None) -> None:
        """Forget some mails, or all of them for None."""
        before = len(self.mails)
        self.mails = [] if ids is None else [mail for mail in self.mails if mail.id not in ids]
        self.deleted += before - len(self.mails)


class _Taker:
    """What the SMTP server does with a mail."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = Mail.read(bytes(envelope.content), envelope.mail_from or "", tuple(envelope.rcpt_tos))
        self._mailbox.keep(mail)
        log.info("mail %s, %d bytes", mail.id, len(mail.raw))
        return "250 Message accepted"


def create_app(smtp_port: int, host: str = "127.0.0.1", mailbox: Mailbox | None = None) -> Starlette:
    """Build the web application; while it runs, its SMTP server listens on `host` and `smtp_port`."""
    kept = mailbox or Mailbox()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        from aiosmtpd.smtp import SMTP

        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(_Taker(kept), data_size_limit=LARGEST_MAIL, enable_SMTPUTF8=True, hostname="localhost"),
            host,
            smtp_port,
        )
        app.state.mailbox = kept
        yield
        server.close()

    # The page shows one-time codes: another site must not read it by naming this machine.
    trusted = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", host])
    return Starlette(routes=_ROUTES, lifespan=lifespan, middleware=[trusted])


async def list_mails(request: Request) -> Response:
    """GET /api/v1/messages, newest first, by `start` and `limit`."""
    mailbox = _mailbox(request)
    return _page(request, mailbox, list(reversed(mailbox.mails)))


async def search_mails(request: Request) -> Response:
    """GET /api/v1/search?query=to:somebody."""
    mailbox = _mailbox(request)
    return _page(request, mailbox, mailbox.search(request.query_params.get("query", "")))


async def show_mail(request: Request) -> Response:
    """GET /api/v1/message/{id}; "latest" is the newest."""
    mail = _mailbox(request).find(request.path_params["mail_id"])
    return JSONResponse(mail.details()) if mail else _no_mail()


async def show_raw(request: Request) -> Response:
    """GET /api/v1/message/{id}/raw: the mail as it arrived."""
    mail = _mailbox(request).find(request.path_params["mail_id"])
    return PlainTextResponse(mail.raw) if mail else _no_mail()


async def delete_mails(request: Request) -> Response:
    """DELETE /api/v1/messages: the ones of {"IDs": […]}, or all."""
    try:
        body = await request.json() if await request.body() else {}
        ids = body.get("IDs") if isinstance(body, dict) else None
    except ValueError:
        return JSONResponse({"Error": "The body is not JSON"}, 400)
    _mailbox(request).forget({str(mail_id) for mail_id in ids} if isinstance(ids, list) and ids else None)
    return PlainTextResponse("ok")


async def show_info(request: Request) -> Response:
    """GET /api/v1/info: since when it remembers (seconds), and how many mails it took and forgot."""
    mailbox = _mailbox(request)
    stats = {
        "Uptime": time.monotonic() - mailbox.started,
        "SMTPAccepted": mailbox.accepted,
        "MessagesDeleted": mailbox.deleted,
    }
    return JSONResponse({"Messages": len(mailbox.mails), "RuntimeStats": stats})


async def ready(request: Request) -> Response:
    """GET /readyz, /livez: that the mailbox runs."""
    return PlainTextResponse("ok")


async def mail_template(request: Request) -> Response:
    """GET /templates/{name}.html: the text of a mail, for the real Auth server."""
    try:
        return HTMLResponse(template(request.path_params["name"]))
    except KeyError:
        return PlainTextResponse("no such template", 404)


async def show_list_page(request: Request) -> Response:
    """GET /: the mails as a page."""
    rows = "".join(
        f"<tr><td>{mail.arrived_at:%Y-%m-%d %H:%M:%S}</td><td>{html.escape(', '.join(mail.recipients))}</td>"
        f'<td><a href="/view/{mail.id}">{html.escape(mail.subject) or "–"}</a></td></tr>'
        for mail in reversed(_mailbox(request).mails)
    )
    empty = '<tr><td colspan="3">Aucun message. / No mail yet.</td></tr>'
    head = "<tr><th>UTC</th><th>À / To</th><th>Objet / Subject</th></tr>"
    return _html("Boîte aux lettres / Mailbox", f"<table>{head}{rows or empty}</table>")


async def show_mail_page(request: Request) -> Response:
    """GET /view/{id}: one mail as a page, links alive."""
    mail = _mailbox(request).find(request.path_params["mail_id"])
    if mail is None:
        return PlainTextResponse("No such mail", 404)
    text = re.sub(r"https?://[^\s<]+", r'<a href="\g<0>">\g<0></a>', html.escape(mail.text))
    about = html.escape(f"{mail.arrived_at:%Y-%m-%d %H:%M:%S} UTC, {mail.sender} → {', '.join(mail.recipients)}")
    back = '<p><a href="/">←</a></p>'
    return _html(html.escape(mail.subject) or "–", f"{back}<p>{about}</p><pre>{text}</pre>")


def _html(title: str, body: str) -> Response:
    page = f'<!doctype html><html lang="fr"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}
    return HTMLResponse(f"{page}<h1>{title}</h1>{body}", headers=headers)


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2b1f}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #cdd8cf}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f3f7f3;padding:1rem}"
)


def _page(request: Request, mailbox: Mailbox, found: list[Mail]) -> Response:
    try:
        start = max(int(request.query_params.get("start", "0")), 0)
        limit = max(int(request.query_params.get("limit", "50")), 0)
    except ValueError:
        return JSONResponse({"Error": "start and limit must be numbers"}, 400)
    shown = [mail.summary() for mail in found[start : start + limit]]
    return JSONResponse(
        {
            "total": len(mailbox.mails),
            "unread": len(mailbox.mails),
            "count": len(shown),
            "messages_count": len(found),
            "messages_unread": len(found),
            "start": start,
            "tags": [],
            "messages": shown,
        }
    )


def _no_mail() -> Response:
    return JSONResponse({"Error": "Message not found"}, 404)


def _mailbox(request: Request) -> Mailbox:
    mailbox: Mailbox = request.app.state.mailbox
    return mailbox


def _matches(mail: Mail, word: str) -> bool:
    place, _, wanted = word.partition(":")
    match place:
        case "to":
            return mail.is_to(wanted)
        case "from":
            return wanted in mail.sender.lower() or any(wanted in each["Address"] for each in mail.addresses["From"])
        case "subject":
            return wanted in mail.subject.lower()
        case "message-id":
            return wanted.strip("<>") == mail.message_id.lower()
    return word in f"{mail.subject}\n{mail.text}\n{mail.sender}".lower() or mail.is_to(word)


def _part(message: EmailMessage, kind: str) -> str:
    try:
        part = message.get_body((kind,))
        content = part.get_content() if part is not None else ""
    except (LookupError, ValueError, TypeError, AttributeError):
        return ""
    return content if isinstance(content, str) else ""


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, ""))
    except (LookupError, ValueError, TypeError, IndexError, AttributeError):
        return ""


def _addresses(message: EmailMessage, name: str) -> list[dict[str, str]]:
    return [
        {"Name": person, "Address": address} for person, address in getaddresses([_header(message, name)]) if address
    ]


_ROUTES = [
    Route("/", show_list_page),
    Route("/view/{mail_id}", show_mail_page),
    Route("/readyz", ready),
    Route("/livez", ready),
    Route("/templates/{name}.html", mail_template),
    Route("/api/v1/messages", list_mails, methods=["GET"]),
    Route("/api/v1/messages", delete_mails, methods=["DELETE"]),
    Route("/api/v1/info", show_info),
    Route("/api/v1/search", search_mails),
    Route("/api/v1/message/{mail_id}", show_mail),
    Route("/api/v1/message/{mail_id}/raw", show_raw),
]


def main() -> int:
    """Run the mailbox until stopped. Returns the exit code."""
    import uvicorn

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    host = os.environ.get("EMBEDDED_MAILBOX_HOST", "127.0.0.1")
    try:
        http_port = int(os.environ.get("EMBEDDED_MAILBOX_HTTP_PORT", "54324"))
        smtp_port = int(os.environ.get("EMBEDDED_MAILBOX_SMTP_PORT", "54325"))
    except ValueError as error:
        print(f"mailbox: a port is not a number: {error}", file=sys.stderr)
        return 1
    config = uvicorn.Config(
        create_app(smtp_port, host),
        host=host,
        port=http_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
