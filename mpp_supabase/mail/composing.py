"""From a claimed mail to the bytes that go to the server: text and HTML, headers, unsubscribe link.

Nothing in a mail is fetched from anywhere: no image, no font, no link that counts. What people typed cannot become a
header (one line, nothing invisible) nor HTML (escaped).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

from mpp_supabase.mail.letters import Letter, LetterError, Links, write_letter
from mpp_supabase.mail.outbox import ClaimedMail
from mpp_supabase.mail.settings import MailSettings, clean_header, is_address
from mpp_supabase.mail.wording import WORDING, Language

_DIRECTORY = Path(__file__).with_name("templates")


def compose(mail: ClaimedMail, settings: MailSettings, *, now: datetime | None = None) -> bytes:
    """Return the mail as it is handed to the server, lines ended by CRLF.

    Raises LetterError when its template or data are wrong, or its address is none.
    """
    if not is_address(mail.address):
        raise LetterError("The address of the mail is not valid.", "Correct it and queue the mail again.")
    language = cast(Language, mail.language)
    letter = write_letter(mail.template, mail.data, language, Links(settings.app_url, settings.client_space_url))
    link = f"{settings.unsubscribe_url}?token={mail.unsubscribe_token}" if mail.unsubscribe_token else ""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(settings.sender_name, addr_spec=settings.sender)
    message["To"] = Address(addr_spec=mail.address)
    message["Subject"] = clean_header(letter.subject)
    message["Date"] = format_datetime(now or datetime.now(UTC))
    message["Message-ID"] = f"<{mail.message_id}>"
    message["Auto-Submitted"] = "auto-generated"
    text, page = render(letter, mail, language, link)
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    message["Content-Language"] = language
    headers = b""
    if link:
        # Written by hand: the library folds a long address into encoded words, which no mail program takes for a link.
        headers = f"List-Unsubscribe: <{link}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode("ascii")
    return headers + message.as_bytes()


def render(letter: Letter, mail: ClaimedMail, language: Language, unsubscribe_link: str) -> tuple[str, str]:
    """Return the text and the HTML of a letter."""
    words = WORDING[language]
    greeting = words.greeting_named.format(first_name=mail.first_name) if mail.first_name else words.greeting
    if letter.markdown:
        # The staff greet in their own words.
        greeting = ""
    values = {
        "letter": letter,
        "words": words,
        "language": language,
        "greeting": greeting,
        "why": getattr(words, f"why_{mail.purpose}"),
        "unsubscribe_link": unsubscribe_link,
        "body_html": _from_markdown(letter.markdown),
    }
    environment = _environment()
    text = environment.get_template("mail.txt").render(values)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n", environment.get_template("mail.html").render(values)


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(_DIRECTORY),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


@cache
def _markdown() -> Any:
    from markdown_it import MarkdownIt

    # Raw HTML comes out as text.
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    # Mail programs know no style sheet: each element carries its own style.
    for name, style in _STYLES.items():
        parser.add_render_rule(name, _styled(style))
    parser.add_render_rule("image", _without_image)
    return parser


_STYLES = {
    "heading_open": "margin:24px 0 8px;font-size:18px;line-height:1.3;color:#1c2b1f",
    "paragraph_open": "margin:0 0 16px",
    "bullet_list_open": "margin:0 0 16px;padding-left:20px",
    "ordered_list_open": "margin:0 0 16px;padding-left:20px",
    "blockquote_open": "margin:0 0 16px;padding:4px 16px;border-left:4px solid #dbe6dd",
    "link_open": "color:#1f6b3a",
}


def _styled(style: str) -> Any:
    def rule(self: Any, tokens: Any, place: int, options: Any, env: Any) -> str:
        tokens[place].attrSet("style", style)
        return str(self.renderToken(tokens, place, options, env))

    return rule


def _without_image(self: Any, tokens: Any, place: int, options: Any, env: Any) -> str:
    # An image is fetched, and tells who read the mail: what it shows is said in words instead.
    return str(self.renderInlineAsText(tokens[place].children, options, env))


def _from_markdown(body: str) -> Any:
    from markupsafe import Markup

    # The only markup in it is what the renderer above writes.
    return Markup(_markdown().render(body)) if body else ""  # noqa: S704
