"""What may be chosen in options: an enum for each choice, and the option that takes one of its values."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

import typer

from mpp_cli import output

_Choice = TypeVar("_Choice", bound=StrEnum)


class Way(StrEnum):
    """How commands of the staff come in: with the session of whoever has signed in, or with the secret key."""

    SESSION = "session"
    KEY = "key"


class PhotoState(StrEnum):
    """What became of a photo that was shared."""

    EXPECTED = "expected"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    USED = "used"
    REFUSED = "refused"
    FAULTY = "faulty"


class PrivacyKind(StrEnum):
    """What people may ask about their own data."""

    ACCESS = "access"
    PORTABILITY = "portability"
    RECTIFICATION = "rectification"
    ERASURE = "erasure"
    RESTRICTION = "restriction"
    OBJECTION = "objection"


class PrivacyChannel(StrEnum):
    """How a request came that did not come by the app."""

    MAIL = "mail"
    LETTER = "letter"
    TELEPHONE = "telephone"


class Language(StrEnum):
    """Languages of clients, mails and reports."""

    FR = "fr"
    EN = "en"


class SchoolLanguage(StrEnum):
    """Languages of the spreadsheets and diplomas of classes."""

    FR = "fr"
    EN = "en"
    DE = "de"


class Level(StrEnum):
    """Levels of classes."""

    MATERNELLE = "maternelle"
    ELEMENTAIRE = "elementaire"
    COLLEGE = "college"
    LYCEE = "lycee"

    @classmethod
    def _missing_(cls, value: object) -> Level | None:
        """A level as it is spelt in French, with accents and a capital."""
        plain = str(value).strip().lower().translate(str.maketrans("éèçà", "eeca"))
        return next((level for level in cls if level.value == plain), None)


class DataFormat(StrEnum):
    """How the data of a person are written."""

    JSON = "json"
    HTML = "html"


class RankedName(StrEnum):
    """What is found in a ranking by name."""

    PLAYER = "player"
    LEAGUE = "league"
    CLASS = "class"
    SCHOOL = "school"


class Figures(StrEnum):
    """What a page of diplomas tells."""

    CHALLENGES = "challenges"
    POINTS = "points"
    BOTH = "both"
    NONE = "none"


class Scope(StrEnum):
    """What a ranking ranks."""

    PLAYER = "player"
    TEAM = "team"
    LEAGUE = "league"
    CLASS = "class"
    SCHOOL = "school"


class Phase(StrEnum):
    """Where an edition stands."""

    DRAFT = "draft"
    REGISTRATION = "registration"
    RUNNING = "running"
    CLOSED = "closed"
    FROZEN = "frozen"


class OrganisationKind(StrEnum):
    """What a client is."""

    COMPANY = "company"
    LOCAL_AUTHORITY = "local_authority"
    PUBLIC_ADMINISTRATION = "public_administration"
    SCHOOL_NETWORK = "school_network"
    UNIVERSITY = "university"
    ASSOCIATION = "association"


class StaffRole(StrEnum):
    """What somebody who works for a client may do."""

    VIEWER = "viewer"
    MANAGER = "manager"
    OWNER = "owner"


class ReportFormat(StrEnum):
    """The files of a report."""

    HTML = "html"
    PDF = "pdf"
    XLSX = "xlsx"


class MailState(StrEnum):
    """What became of a mail."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"
    UNCERTAIN = "uncertain"


class MailPurpose(StrEnum):
    """What a mail is for."""

    SERVICE = "service"
    INVITATION = "invitation"
    WEEKLY_REPORT = "weekly_report"
    LEAGUE_ALERTS = "league_alerts"
    NEWSLETTER = "newsletter"


class Verdict(StrEnum):
    """What somebody decides about a mail that may have been delivered or not."""

    SENT = "sent"
    AGAIN = "again"
    FAILED = "failed"


class RequestState(StrEnum):
    """What became of a contact request."""

    NEW = "new"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    SPAM = "spam"


class NameKind(StrEnum):
    """What bears a name that may have to go."""

    LEAGUE = "league"
    TEAM = "team"
    ALIAS = "alias"
    CLASS = "class"
    SCHOOL = "school"


def argument(choices: type[_Choice], *, metavar: str, help: str) -> Any:
    """An argument that is one of these choices."""
    return typer.Argument(metavar=metavar, help=help, parser=_reader(choices), autocompletion=lambda: list(choices))


def option(choices: type[_Choice], *names: str, metavar: str, help: str, envvar: str | None = None) -> Any:
    """An option that takes one of these choices, and names them all to whoever mistypes it."""
    return typer.Option(
        *names,
        metavar=metavar,
        help=help,
        envvar=envvar,
        parser=_reader(choices),
        autocompletion=lambda: list(choices),
    )


def _reader(choices: type[_Choice]) -> Callable[[str], _Choice]:
    def read(text: str) -> _Choice:
        try:
            return choices(text)
        except ValueError:
            raise typer.BadParameter(
                f"there is no such choice ({output.clean(text)[:40]}); use one of: {', '.join(choices)}"
            ) from None

    return read
