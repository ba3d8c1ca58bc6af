"""What this package raises, and nothing else.

    MPPError                        anything said on purpose: code, message, hint
    ├── ConfigError                 a setting is missing or wrong; nothing was sent
    ├── EditionFileError            an edition file is wrong: every problem, with line, field and fix
    ├── CursorError                 what was given as the end of the last page is not one
    ├── TransportError              the server did not answer, or answered what it should not
    │   └── KeyRefused              the API key is not valid there
    ├── AccountError                Supabase Auth refused (address taken, weak password…)
    ├── StorageError                Supabase Storage refused (name taken, no such file, too large…)
    └── Refusal                     a rule of the game said no: one class per SQLSTATE `MP…`
        ├── SignInRequired            MP001
        ├── AnonymousNotAllowed       MP002
        ├── NotRegistered             MP003
        ├── AlreadyRegistered         MP004
        ├── NotAllowed                MP005
        ├── OpsOnly                   MP006
        ├── AmbassadorOnly            MP007
        ├── TeacherOnly               MP008
        ├── NotATeacher               MP009
        ├── InvalidField              MP010
        ├── Maintenance               MP011
        ├── AddressNotProven          MP012
        ├── EditionNotFound           MP020
        ├── EditionNotOpen            MP021
        ├── EditionNotRunning         MP022
        ├── RegistrationClosed        MP023
        ├── EditionFrozen             MP024
        ├── EditionStarted            MP025
        ├── EditionNotOver            MP026
        ├── EditionFileInvalid        MP027
        ├── WrongAudience             MP028
        ├── AlreadyInLeague           MP030
        ├── JoinCodeUnknown           MP031
        ├── LeagueFull                MP032
        ├── PhoneRequired             MP033
        ├── Expelled                  MP034
        ├── NotInLeague               MP035
        ├── AmbassadorMustHandOver    MP036
        ├── TeamLimit                 MP037
        ├── NameTaken                 MP038
        ├── LeagueLimit               MP039
        ├── ChallengeNotFound         MP040
        ├── OutsideWindow             MP041
        ├── RepeatLimit               MP042
        ├── ProofRequired             MP043
        ├── RequestKeyReused          MP044
        ├── AlreadyCancelled          MP045
        ├── TooManyGuesses            MP046
        ├── DailyLimit                MP047
        ├── GuardianConsentRequired   MP050
        ├── TermsVersionUnknown       MP051
        ├── OpenLeagueTooYoung        MP052
        ├── TeacherTooYoung           MP053
        ├── BirthDateLocked           MP054
        ├── LedgerFact                MP060
        ├── AppendOnly                MP061
        ├── ImportRefused             MP070
        ├── SchoolUnknown             MP080
        ├── RepeatedFirstName         MP081
        ├── InvitationUnknown         MP082
        ├── NotInClass                MP083
        ├── ChallengeNotChosen        MP084
        ├── SchoolLimit               MP085
        ├── ClassesFollowed           MP086
        ├── OrganisationUnknown       MP090
        ├── AccessClosed              MP091
        ├── RoleTooLow                MP092
        ├── ParticipationUnknown      MP093
        ├── EditionNotFrozen          MP094
        ├── ContactClosed             MP095
        ├── MailMoved                 MP096
        ├── MailUnknown               MP097
        ├── NewsletterChanged         MP098
        └── ParticipationPlayed       MP099

The classes below Refusal are named by `private.refusals()` in sql/schema and documented in docs/errors.md; a test
compares the three. The files of schools have errors of their own, each beside what reads or writes the file:
`sheets.SheetError`, `school_directory.DirectoryError` and `diplomas.DiplomaError`; those of clients
`reports.ReportError` and `client_files.ClientFileError`; all MPPError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

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


class Refusal(MPPError):
    """A rule of the game said no. The message and hint are the database's, in the language asked for.

    `times` are those that the message tells, by name: {"starts_at": …, "ends_at": …}.
    """

    code = "MP000"

    def __init__(
        self, message: str, hint: str = "", code: str | None = None, times: Mapping[str, datetime] | None = None
    ) -> None:
        super().__init__(message, hint, code)
        self.times: dict[str, datetime] = dict(times or {})


class SignInRequired(Refusal):
    """You are not signed in."""

    code = "MP001"


class AnonymousNotAllowed(Refusal):
    """An anonymous account can only read."""

    code = "MP002"


class NotRegistered(Refusal):
    """This account has no player profile yet."""

    code = "MP003"


class AlreadyRegistered(Refusal):
    """This account already has a profile."""

    code = "MP004"


class NotAllowed(Refusal):
    """That does not exist, or is not yours to use."""

    code = "MP005"


class OpsOnly(Refusal):
    """Only the staff of Ma Petite Planète may do this."""

    code = "MP006"


class AmbassadorOnly(Refusal):
    """Only an ambassador of this league may do this."""

    code = "MP007"


class TeacherOnly(Refusal):
    """Only a teacher of this class may do this."""

    code = "MP008"


class NotATeacher(Refusal):
    """This account is not registered as a teacher."""

    code = "MP009"


class InvalidField(Refusal):
    """%1$s is not valid: %2$s."""

    code = "MP010"


class Maintenance(Refusal):
    """Maintenance in progress until %1$s: nothing can be written."""

    code = "MP011"


class AddressNotProven(Refusal):
    """This session does not prove that the e-mail address is yours."""

    code = "MP012"


class EditionNotFound(Refusal):
    """There is no edition %1$s."""

    code = "MP020"


class EditionNotOpen(Refusal):
    """This edition is not open yet."""

    code = "MP021"


class EditionNotRunning(Refusal):
    """Edition %1$s is not running: it goes from %2$s to %3$s."""

    code = "MP022"


class RegistrationClosed(Refusal):
    """Edition %1$s took new players until %2$s."""

    code = "MP023"


class EditionFrozen(Refusal):
    """The ranking of edition %1$s is frozen."""

    code = "MP024"


class EditionStarted(Refusal):
    """Edition %1$s has started, which fixed %2$s."""

    code = "MP025"


class EditionNotOver(Refusal):
    """Edition %1$s ends at %2$s and cannot be frozen before."""

    code = "MP026"


class EditionFileInvalid(Refusal):
    """The edition cannot be applied: %1$s."""

    code = "MP027"


class WrongAudience(Refusal):
    """Edition %1$s is for another audience."""

    code = "MP028"


class AlreadyInLeague(Refusal):
    """You already play in a league of this edition."""

    code = "MP030"


class JoinCodeUnknown(Refusal):
    """No league has this join code."""

    code = "MP031"


class LeagueFull(Refusal):
    """This league is full (%1$s players)."""

    code = "MP032"


class PhoneRequired(Refusal):
    """A phone number is needed to play in an open league."""

    code = "MP033"


class Expelled(Refusal):
    """You were expelled from this league."""

    code = "MP034"


class NotInLeague(Refusal):
    """You do not play in a league of this edition."""

    code = "MP035"


class AmbassadorMustHandOver(Refusal):
    """The ambassador cannot leave a league that still has players."""

    code = "MP036"


class TeamLimit(Refusal):
    """A league of this edition has %1$s teams at most."""

    code = "MP037"


class NameTaken(Refusal):
    """The name %1$s is already taken here."""

    code = "MP038"


class LeagueLimit(Refusal):
    """You have already created %1$s leagues or classes in this edition."""

    code = "MP039"


class ChallengeNotFound(Refusal):
    """This edition has no such challenge, or it is still hidden."""

    code = "MP040"


class OutsideWindow(Refusal):
    """This challenge is open from %1$s to %2$s."""

    code = "MP041"


class RepeatLimit(Refusal):
    """This challenge counts %1$s time(s) per player."""

    code = "MP042"


class ProofRequired(Refusal):
    """This challenge asks for a proof in the league’s conversation."""

    code = "MP043"


class RequestKeyReused(Refusal):
    """This request key was already used for something else."""

    code = "MP044"


class AlreadyCancelled(Refusal):
    """This validation is already cancelled."""

    code = "MP045"


class TooManyGuesses(Refusal):
    """No guess is left before %1$s."""

    code = "MP046"


class DailyLimit(Refusal):
    """This can be done %1$s times a day, and was."""

    code = "MP047"


class GuardianConsentRequired(Refusal):
    """Under 15, this needs the agreement of a guardian."""

    code = "MP050"


class TermsVersionUnknown(Refusal):
    """Version %1$s of the terms of use is not the current one."""

    code = "MP051"


class OpenLeagueTooYoung(Refusal):
    """Open leagues, in which strangers meet, are for people of %1$s or older."""

    code = "MP052"


class TeacherTooYoung(Refusal):
    """A class is run by an adult: teachers are %1$s or older."""

    code = "MP053"


class BirthDateLocked(Refusal):
    """A birth date by which somebody is under 18, or was, is corrected by Ma Petite Planète."""

    code = "MP054"


class LedgerFact(Refusal):
    """A validation keeps its facts: %1$s."""

    code = "MP060"


class AppendOnly(Refusal):
    """Rows of %1$s are only ever added."""

    code = "MP061"


class ImportRefused(Refusal):
    """%1$s row(s) cannot be imported; the first: %2$s."""

    code = "MP070"


class SchoolUnknown(Refusal):
    """There is no such school."""

    code = "MP080"


class RepeatedFirstName(Refusal):
    """A first name comes twice in the class (pupil %1$s of the list): each needs an initial of their own."""

    code = "MP081"


class InvitationUnknown(Refusal):
    """No invitation has this code, or it was used or has expired."""

    code = "MP082"


class NotInClass(Refusal):
    """A pupil, a team or a validation that was named is not in this class."""

    code = "MP083"


class ChallengeNotChosen(Refusal):
    """This challenge is not in play for this class."""

    code = "MP084"


class SchoolLimit(Refusal):
    """You have added %1$s schools today."""

    code = "MP085"


class ClassesFollowed(Refusal):
    """This account already follows %1$s classes."""

    code = "MP086"


class OrganisationUnknown(Refusal):
    """There is no such organisation, or you do not work for it."""

    code = "MP090"


class AccessClosed(Refusal):
    """Your access, from %1$s to %2$s, %3$s."""

    code = "MP091"


class RoleTooLow(Refusal):
    """Only a %1$s of this organisation may do this."""

    code = "MP092"


class ParticipationUnknown(Refusal):
    """There is no such participation of yours."""

    code = "MP093"


class EditionNotFrozen(Refusal):
    """Edition %1$s is not frozen yet."""

    code = "MP094"


class ContactClosed(Refusal):
    """Too many messages are coming in at the moment."""

    code = "MP095"


class MailMoved(Refusal):
    """Mail %1$s is no longer in your hands."""

    code = "MP096"


class MailUnknown(Refusal):
    """There is no mail %1$s."""

    code = "MP097"


class NewsletterChanged(Refusal):
    """Newsletter %1$s was already queued with another text."""

    code = "MP098"


class ParticipationPlayed(Refusal):
    """People play for this client in edition %1$s (%2$s of its leagues)."""

    code = "MP099"


REFUSALS: dict[str, type[Refusal]] = {
    refusal.code: refusal
    for refusal in (
        SignInRequired,
        AnonymousNotAllowed,
        NotRegistered,
        AlreadyRegistered,
        NotAllowed,
        OpsOnly,
        AmbassadorOnly,
        TeacherOnly,
        NotATeacher,
        InvalidField,
        Maintenance,
        AddressNotProven,
        EditionNotFound,
        EditionNotOpen,
        EditionNotRunning,
        RegistrationClosed,
        EditionFrozen,
        EditionStarted,
        EditionNotOver,
        EditionFileInvalid,
        WrongAudience,
        AlreadyInLeague,
        JoinCodeUnknown,
        LeagueFull,
        PhoneRequired,
        Expelled,
        NotInLeague,
        AmbassadorMustHandOver,
        TeamLimit,
        NameTaken,
        LeagueLimit,
        ChallengeNotFound,
        OutsideWindow,
        RepeatLimit,
        ProofRequired,
        RequestKeyReused,
        AlreadyCancelled,
        TooManyGuesses,
        DailyLimit,
        GuardianConsentRequired,
        TermsVersionUnknown,
        OpenLeagueTooYoung,
        TeacherTooYoung,
        BirthDateLocked,
        LedgerFact,
        AppendOnly,
        ImportRefused,
        SchoolUnknown,
        RepeatedFirstName,
        InvitationUnknown,
        NotInClass,
        ChallengeNotChosen,
        SchoolLimit,
        ClassesFollowed,
        OrganisationUnknown,
        AccessClosed,
        RoleTooLow,
        ParticipationUnknown,
        EditionNotFrozen,
        ContactClosed,
        MailMoved,
        MailUnknown,
        NewsletterChanged,
        ParticipationPlayed,
    )
}
"""Class by SQLSTATE."""


def is_answer(code: str | None) -> bool:
    """Whether an error of PostgREST answers the request; otherwise it may have been done or not: send it again."""
    return code is not None and re.match(ANSWERS, code) is not None


def refusal(code: str, message: str, hint: str = "", details: str | None = None) -> Refusal:
    """Return the error for a SQLSTATE `MP…`; a code this version does not know yet is a plain Refusal that keeps it."""
    return REFUSALS.get(code, Refusal)(message, hint, code, _times(details))


def _times(details: str | None) -> dict[str, datetime]:
    """The times in the details of an answer; none when they are not what this version knows."""
    import json

    try:
        found = json.loads(details or "{}")
        return {str(key): datetime.fromisoformat(value) for key, value in found.items() if value is not None}
    except (ValueError, TypeError, AttributeError):
        return {}
