"""Which mail server to use, and in whose name.

One place is asked, as a whole: the environment when it names MPP_SMTP_HOST, else `.env`, else, for the local stack
only, its mailbox. Mails of a hosted project never end in a local mailbox because nobody set the server.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from mpp_supabase.config import Settings, is_near
from mpp_supabase.errors import ConfigError
from mpp_supabase.typed import is_mail_address

HOST = "MPP_SMTP_HOST"
NAMES = (
    HOST,
    "MPP_SMTP_PORT",
    "MPP_SMTP_USER",
    "MPP_SMTP_PASSWORD",
    "MPP_SMTP_SECURITY",
    "MPP_SMTP_FROM",
    "MPP_MAIL_DOMAIN",
    "MPP_MAIL_LEASE",
    "MPP_MAIL_UNSUBSCRIBE_URL",
    "MPP_MAIL_GUARDIAN_URL",
    "MPP_APP_URL",
    "MPP_CLIENT_SPACE_URL",
)
SECURITIES = ("starttls", "ssl", "none")
PORTS = {"starttls": 587, "ssl": 465, "none": 25}
LEASE_SECONDS = 900
"""How long a mail is in its sender's hand: longer than any server goes on with a mail whose sender is gone."""


@dataclass(frozen=True, slots=True)
class MailSettings:
    """A mail server, the sender, and where links lead: unsubscribing, guardians' page, the app, the space of clients.

    Without the last two, mails have no button. `mailbox_url` is where mails can be looked up.
    """

    host: str
    port: int
    security: str
    sender_name: str
    sender: str
    domain: str
    unsubscribe_url: str
    guardian_url: str
    user: str | None = None
    password: SecretStr | None = field(default=None, repr=False)
    lease_seconds: int = LEASE_SECONDS
    mailbox_url: str | None = None
    source: str = "the program"
    app_url: str = ""
    client_space_url: str = ""


def load_mail_settings(project: Settings, env_file: str | Path = ".env") -> MailSettings:
    """Return the settings of the environment, else of `env_file`, else the mailbox of the local stack.

    Raises ConfigError when none is configured or a value is wrong; no message shows a password.
    """
    if os.environ.get(HOST):
        return _read({name: os.environ.get(name, "") for name in NAMES}, "the environment", project)
    path = Path(env_file)
    found = _dotenv(path) if path.is_file() else {}
    if found.get(HOST):
        return _read(found, path.name, project)
    lonely = next((name for name in NAMES if name.startswith("MPP_SMTP") and os.environ.get(name)), None)
    if lonely:
        raise ConfigError(f"{lonely} is set, but {HOST} is not.", f"Set {HOST} beside it, or unset {lonely}.")
    return _local_mailbox(project, found)


def _dotenv(path: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path.name} cannot be read ({type(error).__name__}).", "Make it a readable UTF-8 file."
        ) from None
    return {name: values.get(name) or "" for name in NAMES}


def _local_mailbox(project: Settings, found: Mapping[str, str]) -> MailSettings:
    nothing = ConfigError(
        f"No mail server is configured for {project.url}.", f"Set {HOST}, MPP_SMTP_FROM and the rest of docs/mail.md."
    )
    from mpp_supabase.local_stack import running_stack

    stack = running_stack()
    if stack is None or stack.api_url != project.url:
        raise nothing
    return MailSettings(
        host="127.0.0.1",
        port=stack.ports.smtp,
        security="none",
        sender_name="Ma Petite Planète",
        sender="bonjour@ma-petite-planete.test",
        domain="ma-petite-planete.test",
        unsubscribe_url=f"{project.url}/functions/v1/unsubscribe",
        guardian_url=f"{project.url}/functions/v1/guardian",
        lease_seconds=_number("MPP_MAIL_LEASE", os.environ.get("MPP_MAIL_LEASE", ""), LEASE_SECONDS, 86_400),
        mailbox_url=stack.values["MAILPIT_URL"],
        source="the mailbox of the local stack",
        **_links({name: os.environ.get(name) or found.get(name, "") for name in _LINKS}, "the environment or .env"),
    )


def _read(values: Mapping[str, str], place: str, project: Settings) -> MailSettings:
    def wrong(name: str, reason: str, fix: str) -> ConfigError:
        return ConfigError(f"{name} in {place} is wrong: {reason}.", fix)

    host = values[HOST].strip()
    security = values["MPP_SMTP_SECURITY"].strip().lower() or "starttls"
    if security not in SECURITIES:
        raise wrong("MPP_SMTP_SECURITY", "it is not starttls, ssl or none", "Use starttls (port 587) or ssl (465).")
    user, password = values["MPP_SMTP_USER"], values["MPP_SMTP_PASSWORD"]
    if bool(user) != bool(password):
        raise wrong("MPP_SMTP_USER", "a user and a password go together", "Set both, or neither.")
    if security == "none" and not is_near(host):
        raise wrong(
            "MPP_SMTP_SECURITY",
            f"without encryption everybody between here and {host} reads the mails",
            "Use starttls.",
        )
    name, sender = parseaddr(values["MPP_SMTP_FROM"])
    if not is_mail_address(sender) or clean_header(values["MPP_SMTP_FROM"]) != values["MPP_SMTP_FROM"].strip():
        raise wrong("MPP_SMTP_FROM", "it is not an address", 'Write "Ma Petite Planète <bonjour@example.org>".')
    domain = (values["MPP_MAIL_DOMAIN"].strip() or sender.rpartition("@")[2]).lower()
    pages = {}
    for name, function in (("MPP_MAIL_UNSUBSCRIBE_URL", "unsubscribe"), ("MPP_MAIL_GUARDIAN_URL", "guardian")):
        pages[function] = values[name].strip() or f"{project.url}/functions/v1/{function}"
        if not is_web_address(pages[function]):
            raise wrong(name, "it is not an https address without a query", "Use the function's own.")
    return MailSettings(
        host=host,
        port=_number("MPP_SMTP_PORT", values["MPP_SMTP_PORT"], PORTS[security], 65_535),
        security=security,
        sender_name=clean_header(name) or "Ma Petite Planète",
        sender=sender,
        domain=domain,
        unsubscribe_url=pages["unsubscribe"],
        guardian_url=pages["guardian"],
        user=user or None,
        password=SecretStr(password) if password else None,
        lease_seconds=_number("MPP_MAIL_LEASE", values["MPP_MAIL_LEASE"], LEASE_SECONDS, 86_400),
        source=place,
        **_links(values, place),
    )


_LINKS = {"MPP_APP_URL": "app_url", "MPP_CLIENT_SPACE_URL": "client_space_url"}
"""Settings of web addresses, and what they are called in MailSettings."""


def _links(values: Mapping[str, str], place: str) -> dict[str, Any]:
    found = {kept_as: values[name].strip() for name, kept_as in _LINKS.items()}
    for name, kept_as in _LINKS.items():
        if found[kept_as] and not is_web_address(found[kept_as]):
            raise ConfigError(
                f"{name} in {place} is wrong: it is not an https address without a query.",
                "Write it like https://app.example.org/rejoindre, or leave it out.",
            )
    return found


def is_web_address(text: str) -> bool:
    """Whether a text is an address that a mail may lead to: https, or http on this machine, and nothing after the path.

    A code may follow as its query. A name and a password have no place in a mail.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_near(parts.hostname or ""))
    plain = len(text) <= 400 and text.isascii() and not any(c.isspace() or c in '"<>\\^`{|}' for c in text)
    return safe and plain and bool(parts.hostname) and port != 0 and not ("?" in text or "#" in text or "@" in text)


def _number(name: str, text: str, default: int, most: int) -> int:
    if not text.strip():
        return default
    if not text.strip().isdecimal() or not 0 < int(text) <= most:
        raise ConfigError(f"{name} is wrong: it is not a number from 1 to {most}.", f"Correct {name}, or unset it.")
    return int(text)


def clean_header(text: str) -> str:
    """Return text fit for a header: one line, nothing invisible. A line end would begin a header of somebody's own."""
    import unicodedata

    visible = "".join(c if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029" else " " for c in text)
    return " ".join(visible.split())
