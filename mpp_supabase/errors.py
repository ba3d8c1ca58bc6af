"""What this package raises, and nothing else.

    MPPError                        anything said on purpose: code, message, hint
    ├── ConfigError                 a setting is missing or wrong; nothing was sent
    ├── EditionFileError            an edition file is wrong: every problem, with line, field and fix
    ├── CursorError                 what was given as the end of the last page is not one
    ├── TransportError              the server did not answer, or answered what it should not
    │   ├── KeyRefused              the API key is not valid there
    │   └── SessionEnded            nobody is signed in, or no longer
    ├── AccountError                Supabase Auth refused (address taken, weak password…)
    ├── StorageError                Supabase Storage refused (name taken, no such file, too large…)
    └── Refusal                     a rule of the game said no: one class for each SQLSTATE `MP…`

The classes of refusals have the names that `private.refusals()` gives them in sql/schema; docs/errors.md lists them,
and a test compares the three. The files of schools have errors of their own, each beside what reads or writes the
file: `sheets.SheetError`, `school_directory.DirectoryError` and `diplomas.DiplomaError`; those of clients
`reports.ReportError` and `client_files.ClientFileError`; all MPPError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

ANSWERS = r"^(MP\d{3}|PGRST[123]\d\d|(22|23|42)[0-9A-Z]{3}|55000|57014)$"
"""The codes of docs/errors.md: an error of PostgREST with another one, or with none, is no answer."""


class MPPError(Exception):
    """Base of everything this package raises: what happened (`message`), its `code`, and what to do next (`hint`)."""

    code: str = ""

    def __init__(self, message: str, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return self.message


class ConfigError(MPPError):
    """A setting is missing or wrong. Nothing was sent anywhere."""

    code = "config"


class TransportError(MPPError):
    """The server could not be reached, or answered something that is not its contract."""

    code = "transport"


class KeyRefused(TransportError):
    """The server does not accept this API key. There is no fallback to another key."""

    code = "key"


class SessionEnded(TransportError):
    """Nobody is signed in, or the session has ended. There is no fallback to the secret key."""

    code = "session"


class CursorError(MPPError):
    """A cursor that no page of this list gave."""

    code = "cursor"


class AccountError(MPPError):
    """Supabase Auth refused an act on an account; `code` is its own error code, such as `email_exists`."""

    code = "account"


class StorageError(MPPError):
    """Supabase Storage refused an act on a file; `code` is its own error code, such as `NoSuchKey`."""

    code = "storage"


@dataclass(frozen=True, slots=True, order=True)
class FileProblem:
    """One thing wrong in a file: where (line and column from 1; 0 for the whole file), in which field, and the fix."""

    file: str
    line: int
    column: int
    field: str
    wrong: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        subject = f"{self.field}: {self.wrong}" if self.field else self.wrong
        return f"{place}: {subject} — {self.fix}"


class EditionFileError(MPPError):
    """An edition file is wrong. `problems` lists everything found, in file order; `str()` is one line for each."""

    code = "edition_file"

    def __init__(self, file: str, problems: list[FileProblem]) -> None:
        count = f"{len(problems)} problem" + ("s" if len(problems) != 1 else "")
        super().__init__(f"{file}: {count}", "Correct the file; nothing was changed.")
        self.file = file
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


REFUSALS: dict[str, type[Refusal]] = {}
"""Class by SQLSTATE."""


class Refusal(MPPError):
    """A rule of the game said no. The message and hint are the database's, in the language asked for.

    `times` are those that the message tells, by name: {"starts_at": …, "ends_at": …}.
    """

    code = "MP000"

    def __init_subclass__(cls, code: str) -> None:
        super().__init_subclass__()
        cls.code = code
        REFUSALS[code] = cls

    def __init__(
        self, message: str, hint: str = "", code: str | None = None, times: Mapping[str, datetime] | None = None
    ) -> None:
        super().__init__(message, hint, code)
        self.times: dict[str, datetime] = dict(times or {})


class SignInRequired(Refusal, code="MP001"):
    """You are not signed in."""


class AnonymousNotAllowed(Refusal, code="MP002"):
    """An anonymous account can only read."""


class NotRegistered(Refusal, code="MP003"):
    """This account has no player profile yet."""


class AlreadyRegistered(Refusal, code="MP004"):
    """This account already has a profile."""


class NotAllowed(Refusal, code="MP005"):
    """That does not exist, or is not yours to use."""


class OpsOnly(Refusal, code="MP006"):
    """Only the staff of Ma Petite Planète may do this."""


class AmbassadorOnly(Refusal, code="MP007"):
    """Only an ambassador of this league may do this."""


class TeacherOnly(Refusal, code="MP008"):
    """Only a teacher of this class may do this."""


class NotATeacher(Refusal, code="MP009"):
    """This account is not registered as a teacher."""


class InvalidField(Refusal, code="MP010"):
    """%1$s is not valid: %2$s."""


class Maintenance(Refusal, code="MP011"):
    """Maintenance in progress until %1$s: nothing can be written."""


class AddressNotProven(Refusal, code="MP012"):
    """This session does not prove that the e-mail address is yours."""


class SecondFactorRequired(Refusal, code="MP013"):
    """This takes a session with a second factor."""


class EditionNotFound(Refusal, code="MP020"):
    """There is no edition %1$s."""


class EditionNotOpen(Refusal, code="MP021"):
    """This edition is not open yet."""


class EditionNotRunning(Refusal, code="MP022"):
    """Edition %1$s is not running: it goes from %2$s to %3$s."""


class RegistrationClosed(Refusal, code="MP023"):
    """Edition %1$s took new players until %2$s."""


class EditionFrozen(Refusal, code="MP024"):
    """The ranking of edition %1$s is frozen."""


class EditionStarted(Refusal, code="MP025"):
    """Edition %1$s has started, which fixed %2$s."""


class EditionNotOver(Refusal, code="MP026"):
    """Edition %1$s ends at %2$s and cannot be frozen before."""


class EditionFileInvalid(Refusal, code="MP027"):
    """The edition cannot be applied: %1$s."""


class WrongAudience(Refusal, code="MP028"):
    """Edition %1$s is for another audience."""


class AlreadyInLeague(Refusal, code="MP030"):
    """You already play in a league of this edition."""


class JoinCodeUnknown(Refusal, code="MP031"):
    """No league has this join code."""


class LeagueFull(Refusal, code="MP032"):
    """This league is full (%1$s players)."""


class PhoneRequired(Refusal, code="MP033"):
    """A phone number is needed to play in an open league."""


class Expelled(Refusal, code="MP034"):
    """You were expelled from this league."""


class NotInLeague(Refusal, code="MP035"):
    """You do not play in a league of this edition."""


class AmbassadorMustHandOver(Refusal, code="MP036"):
    """The ambassador cannot leave a league that still has players."""


class TeamLimit(Refusal, code="MP037"):
    """A league of this edition has %1$s teams at most."""


class NameTaken(Refusal, code="MP038"):
    """The name %1$s is already taken here."""


class LeagueLimit(Refusal, code="MP039"):
    """You have already created %1$s leagues or classes in this edition."""


class ChallengeNotFound(Refusal, code="MP040"):
    """This edition has no such challenge, or it is still hidden."""


class OutsideWindow(Refusal, code="MP041"):
    """This challenge is open from %1$s to %2$s."""


class RepeatLimit(Refusal, code="MP042"):
    """This challenge counts %1$s time(s) per player."""


class ProofRequired(Refusal, code="MP043"):
    """This challenge asks for a proof in the league’s conversation."""


class RequestKeyReused(Refusal, code="MP044"):
    """This request key was already used for something else."""


class AlreadyCancelled(Refusal, code="MP045"):
    """This validation is already cancelled."""


class TooManyGuesses(Refusal, code="MP046"):
    """No guess is left before %1$s."""


class DailyLimit(Refusal, code="MP047"):
    """This can be done %1$s times a day, and was."""


class GuardianConsentRequired(Refusal, code="MP050"):
    """Below the age of consent, appearing in the public ranking takes the agreement of a guardian."""


class TermsVersionUnknown(Refusal, code="MP051"):
    """Version %1$s of the terms of use is not the current one."""


class OpenLeagueTooYoung(Refusal, code="MP052"):
    """Open leagues, in which strangers meet, are for people of %1$s or older."""


class TeacherTooYoung(Refusal, code="MP053"):
    """A class is run by an adult: teachers are %1$s or older."""


class BirthDateLocked(Refusal, code="MP054"):
    """A birth date that takes somebody across the age of 15 or 18 is corrected by Ma Petite Planète."""


class TermsDue(Refusal, code="MP055"):
    """Version %1$s of the terms of use holds since %2$s: accept it to go on."""


class PartnerTooYoung(Refusal, code="MP056"):
    """Nothing of somebody under %1$s is shared with partners."""


class PhoneTooYoung(Refusal, code="MP057"):
    """No phone number of somebody under %1$s is kept."""


class BirthDateCorrected(Refusal, code="MP058"):
    """This birth date was corrected once already."""


class GuardianNotNeeded(Refusal, code="MP059"):
    """From the age of %1$s on nobody needs a guardian for this."""


class GuardianLinkUnknown(Refusal, code="MP062"):
    """This link is not known, or has expired, or was used."""


class CampaignUnknown(Refusal, code="MP063"):
    """No campaign that goes on has this code."""


class SignInTooOld(Refusal, code="MP064"):
    """This takes a sign-in of the last %1$s minutes."""


class NoErasureWaiting(Refusal, code="MP065"):
    """No erasure of this account is waiting."""


class PrivacyRequestClosed(Refusal, code="MP066"):
    """Request %1$s is not open: it is %2$s."""


class LedgerFact(Refusal, code="MP060"):
    """A validation keeps its facts: %1$s."""


class AppendOnly(Refusal, code="MP061"):
    """Rows of %1$s are only ever added."""


@dataclass(frozen=True, slots=True)
class ImportFault:
    """What is wrong with a row of an import: its number (from 1; None for no single row), a code and what it is about.

    The codes are those of `private.import_faults()`.
    """

    row: int | None
    fault: str
    arguments: tuple[str, ...] = ()


class ImportRefused(Refusal, code="MP070"):
    """%1$s row(s) cannot be imported; the first: %2$s."""

    #: The first thousand of them, in the order of the rows.
    faults: tuple[ImportFault, ...] = ()


class PhotoUnknown(Refusal, code="MP071"):
    """There is no such photo."""


class PhotoTextChanged(Refusal, code="MP072"):
    """What is declared about photos has changed: text %1$s holds now."""


class CaptionNamesPupil(Refusal, code="MP073"):
    """This caption holds the first name of a pupil of the class."""


class PhotoTooYoung(Refusal, code="MP074"):
    """Photos are shared from the age of %1$s."""


class SchoolUnknown(Refusal, code="MP080"):
    """There is no such school."""


class InvitationUnknown(Refusal, code="MP082"):
    """No invitation has this code, or it was used or has expired."""


class NotInClass(Refusal, code="MP083"):
    """A pupil, a team or a validation that was named is not in this class."""


class ChallengeNotChosen(Refusal, code="MP084"):
    """This challenge is not in play for this class."""


class SchoolLimit(Refusal, code="MP085"):
    """You have added %1$s schools today."""


class ClassesFollowed(Refusal, code="MP086"):
    """This account already follows %1$s classes."""


class OrganisationUnknown(Refusal, code="MP090"):
    """There is no such organisation, or you do not work for it."""


class AccessClosed(Refusal, code="MP091"):
    """Your access, from %1$s to %2$s, %3$s."""


class RoleTooLow(Refusal, code="MP092"):
    """Only a %1$s of this organisation may do this."""


class ParticipationUnknown(Refusal, code="MP093"):
    """There is no such participation of yours."""


class EditionNotFrozen(Refusal, code="MP094"):
    """Edition %1$s is not frozen yet."""


class ContactClosed(Refusal, code="MP095"):
    """Too many messages are coming in at the moment."""


class MailMoved(Refusal, code="MP096"):
    """Mail %1$s is no longer in your hands."""


class MailUnknown(Refusal, code="MP097"):
    """There is no mail %1$s."""


class NewsletterChanged(Refusal, code="MP098"):
    """Newsletter %1$s was already queued with another text."""


class ParticipationPlayed(Refusal, code="MP099"):
    """People play for this client in edition %1$s (%2$s of its leagues)."""


def is_answer(code: str | None) -> bool:
    """Whether an error of PostgREST answers the request; otherwise it may have been done or not: send it again."""
    return code is not None and re.match(ANSWERS, code) is not None


def refusal(code: str, message: str, hint: str = "", details: str | None = None) -> Refusal:
    """Return the error for a SQLSTATE `MP…`; a code this version does not know yet is a plain Refusal that keeps it."""
    found = _details(details)
    times = {key: value for key, value in found.items() if key != "faults"}
    error = REFUSALS.get(code, Refusal)(message, hint, code, _times(times))
    if isinstance(error, ImportRefused):
        error.faults = tuple(
            ImportFault(each["row"], each["fault"], tuple(map(str, each["arguments"])))
            for each in found.get("faults", ())
        )
    return error


def _details(details: str | None) -> dict[str, Any]:
    """What the details of an answer hold; nothing when they are not what this version knows."""
    import json

    try:
        found = json.loads(details or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _times(found: Mapping[str, Any]) -> dict[str, datetime]:
    try:
        return {key: datetime.fromisoformat(value) for key, value in found.items() if value is not None}
    except (ValueError, TypeError):
        return {}
