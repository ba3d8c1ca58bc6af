"""From a claimed mail to the bytes that go to the server: text and HTML, headers, unsubscribe link.

Nothing in a mail is fetched from anywhere: no image, no font, no link that counts. What people typed cannot become a
header (one line, nothing invisible) nor HTML (escaped).

The headers are written here and not by `EmailMessage`, which takes `=?utf-8?q?=0D=0A…?=` in a value for an encoded
word, decodes it and so lets a name end the line it stands in. Before a mail leaves, its bytes are read once more.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from datetime import datetime
from email import policy
from email.header import decode_header
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

from mpp_supabase import clock
from mpp_supabase.mail.letters import Letter, LetterError, Links, write_letter
from mpp_supabase.mail.outbox import ClaimedMail
from mpp_supabase.mail.settings import MailSettings, clean_header
from mpp_supabase.mail.wording import WORDING, Language
from mpp_supabase.typed import is_mail_address

_DIRECTORY = Path(__file__).with_name("templates")
_ALWAYS = {
    "from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type", "content-language",
}  # fmt: skip
_WAY_OUT = {"list-unsubscribe", "list-unsubscribe-post"}


def compose(mail: ClaimedMail, settings: MailSettings, *, now: datetime | None = None) -> bytes:
    """Return the mail as it is handed to the server, lines ended by CRLF.

    Raises LetterError when its template or data are wrong, or its address is none.
    """
    if not is_mail_address(mail.address):
        raise LetterError("The address of the mail is not valid.", "Correct it and queue the mail again.")
    language = cast(Language, mail.language)
    letter = write_letter(
        mail.template, mail.data, language, Links(settings.app_url, settings.client_space_url, settings.guardian_url)
    )
    link = f"{settings.unsubscribe_url}?token={mail.unsubscribe_token}" if mail.unsubscribe_token else ""
    message = EmailMessage(policy=policy.SMTP)
    text, page = render(letter, mail, language, link)
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    # The language is one of ours; these are the only headers that the library writes, beside MIME's own.
    message["Content-Language"] = language
    fields = [
        ("From", f"{encoded(settings.sender_name)} <{settings.sender}>"),
        ("To", mail.address),
        ("Subject", encoded(letter.subject)),
        ("Date", format_datetime(now or clock.now())),
        ("Message-ID", f"<{mail.message_id}>"),
        ("Auto-Submitted", "auto-generated"),
    ]
    if link:
        fields += [("List-Unsubscribe", f"<{link}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]
    finished = "".join(f"{name}: {value}\r\n" for name, value in fields).encode("ascii") + message.as_bytes()
    inspect(finished)
    return finished


def encoded(text: str) -> str:
    """Return the text as the value of a header: as it is when it is plain words, else in encoded ones (RFC 2047).

    Only what was encoded here is ever decoded: a name that looks like an encoded word arrives as it was typed.
    """
    line = clean_header(text)
    if len(line) <= 60 and re.fullmatch(r"[A-Za-z0-9]+( [A-Za-z0-9]+)*", line):
        return line
    # An encoded word has 75 characters at most, and holds whole ones: 45 bytes are 60 in base64.
    words, word = [], b""
    for character in line:
        encoded = character.encode("utf-8")
        if len(word) + len(encoded) > 45:
            words.append(word)
            word = b""
        word += encoded
    words.append(word)
    return "\r\n ".join(f"=?utf-8?B?{base64.b64encode(word).decode('ascii')}?=" for word in words)


def inspect(message: bytes) -> None:
    """Raise LetterError unless the finished mail has our headers, each once, and its body begins where they end.

    It knows nothing about how the mail was built: whatever goes wrong there, what a server gets is one mail of ours.
    """
    fault = _fault(message)
    if fault:
        raise LetterError(f"The mail is not fit to leave: {fault}.", "Correct the names in it and queue it again.")


def _fault(message: bytes) -> str:
    if b"\0" in message or re.search(rb"\r(?!\n)|(?<!\r)\n", message):
        return "it holds a NUL or a line end that is none"
    head, _, body = message.partition(b"\r\n\r\n")
    if not head.isascii() or re.search(rb"[^\t\r\n -~]", head):
        return "its headers hold other characters than printable ASCII"
    if any(len(line) > 998 for line in head.split(b"\r\n")):
        return "a line of its headers is too long"
    if re.match(rb"[ \t]", head) or re.search(rb"\r\n[ \t]+(\r\n|$)", head):
        return "a line of its headers is blank"
    fields = [line.partition(b":") for line in re.sub(rb"\r\n(?=[ \t])", b"", head).split(b"\r\n")]
    found = Counter(name.decode("ascii").lower() for name, _, _ in fields)
    if not _ALWAYS <= set(found) <= _ALWAYS | _WAY_OUT or max(found.values()) > 1:
        return "its headers are not the ones of our mails, each once"
    if not all(value.strip() for _, _, value in fields):
        return "a header is empty"
    for _, _, value in fields:
        for part, charset in decode_header(value.decode("ascii")):
            shown = part if isinstance(part, str) else part.decode(charset or "ascii", "replace")
            if re.search(r"[\x00-\x1f\x7f]", shown):
                return "a header hides a line end"
    boundary = re.search(rb'(?i)^content-type: multipart/alternative;\s+boundary="([^"\r\n]+)"', head, re.MULTILINE)
    if boundary is None or not body.startswith(b"--" + boundary[1] + b"\r\n"):
        return "its body does not begin where its headers end"
    return ""


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
        "why": letter.why or getattr(words, f"why_{mail.purpose}"),
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
