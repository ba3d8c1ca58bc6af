"""Writing the mails and handing them to the SMTP server."""

from __future__ import annotations

import asyncio
import html
import re
import smtplib
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formataddr, formatdate, make_msgid
from urllib.parse import quote_plus

from supabase_embedded.auth.errors import unexpected
from supabase_embedded.auth.mail_texts import SUBJECTS, template
from supabase_embedded.auth.settings import AuthSettings

#: Seconds that the SMTP server may take.
SMTP_TIMEOUT = 10.0

_VARIABLE = re.compile(r"\{\{\s*\.(\w+)\s*\}\}")


class Mailer:
    """Sends the mails of `mail_texts` through the SMTP server of the settings."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings

    def link(self, kind: str, token_hash: str, redirect_to: str) -> str:
        """The link that takes the code of this hash: signup, invite, magiclink, recovery or email_change."""
        paths = {
            "signup": self._settings.mailer_urlpaths_confirmation,
            "invite": self._settings.mailer_urlpaths_invite,
            "email_change": self._settings.mailer_urlpaths_email_change,
        }
        path = paths.get(kind, self._settings.mailer_urlpaths_recovery)
        base = path if "://" in path else self._settings.external_url.rstrip("/") + path
        # An address with these characters was not encoded by who gave it.
        target = quote_plus(redirect_to) if any(mark in redirect_to for mark in "&=#") else redirect_to
        return f"{base}?token={quote_plus(token_hash)}&type={kind}&redirect_to={target}"

    async def send(self, name: str, address: str, values: Mapping[str, str]) -> None:
        """Send the mail `name` of `SUBJECTS`, its variables filled from `values`.

        Raises Refusal (500) when the SMTP server does not take it.
        """
        subject = getattr(self._settings, f"mailer_subjects_{name}") or SUBJECTS[name]
        text = fill(template(name), {key: html.escape(value) for key, value in values.items()})
        message = EmailMessage()
        message["From"] = formataddr((self._settings.smtp_sender_name, self._settings.smtp_admin_email))
        message["To"] = address
        message["Subject"] = fill(subject, values)
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain="localhost")
        message.set_content(plain_text(text))
        message.add_alternative(text, subtype="html")
        try:
            await asyncio.to_thread(self._deliver, message)
        except (OSError, smtplib.SMTPException) as error:
            raise unexpected(f"Error sending {name.replace('_', ' ')} email") from error

    def _deliver(self, message: EmailMessage) -> None:
        host, port = self._settings.smtp_host, self._settings.smtp_port
        with smtplib.SMTP(host, port, timeout=SMTP_TIMEOUT) as server:
            if self._settings.smtp_user:
                server.login(self._settings.smtp_user, self._settings.smtp_pass.get_secret_value())
            server.send_message(message)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of `{{ .Name }}`; a name without a value leaves nothing."""
    return _VARIABLE.sub(lambda found: values.get(found[1], ""), text)


def plain_text(document: str) -> str:
    """What an HTML mail says without HTML, links written out."""
    text = re.sub(r'<a\s[^>]*href="([^"]*)"[^>]*>(.*?)</a>', r"\2: \1", document, flags=re.DOTALL | re.IGNORECASE)
    text = re.sub(r"<hr\s*/?>", "---", text, flags=re.IGNORECASE)
    text = re.sub(r"</(h\d|p|div|li)>|<br\s*/?>", "\n", text, flags=re.IGNORECASE)
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    return re.sub(r"\n\s*\n+", "\n\n", text).strip() + "\n"
