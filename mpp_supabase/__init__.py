"""Ma Petite Planète on Supabase: the association's hands on the game that lives in the database.

    from mpp_supabase import MPP
    with MPP.connect() as mpp:
        print(mpp.editions.get("adult-2026-06").phase)

Every public name is below; each is loaded when it is first used, so importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpp_supabase.awards import Award, ClientAward
    from mpp_supabase.client import MPP
    from mpp_supabase.config import Settings, load_settings
    from mpp_supabase.contacts import ContactRequest
    from mpp_supabase.diplomas import DiplomaError
    from mpp_supabase.edition_file import EditionFile, parse_edition, read_edition_file
    from mpp_supabase.errors import (
        AccountError,
        ConfigError,
        CursorError,
        EditionFileError,
        EditionNotFound,
        FileProblem,
        KeyRefused,
        MPPError,
        Refusal,
        RepeatedFirstName,
        TransportError,
    )
    from mpp_supabase.mail.courier import MailServerError
    from mpp_supabase.mail.evidence import mail_evidence
    from mpp_supabase.mail.newsletters import NewsletterError, newsletter_page, read_newsletter
    from mpp_supabase.mail.outbox import Bounce, DueMail, OutboxMail
    from mpp_supabase.mail.sending import MailSender, settle_stranded_mails
    from mpp_supabase.mail.settings import MailSettings, load_mail_settings
    from mpp_supabase.models import (
        Account,
        AuditEntry,
        Challenge,
        Change,
        ClassChallenge,
        ClassStanding,
        ClassValidation,
        ClientAmbassador,
        ClientDepartment,
        ClientLeague,
        ClientOverview,
        ClientTheme,
        ClientUnit,
        ClientWeek,
        ConductReport,
        DirectoryImport,
        Edition,
        EditionStatistics,
        FollowUp,
        JoinCode,
        League,
        LeagueMember,
        LeaguesImport,
        LeagueTeam,
        MadeLeague,
        MaintenanceWindow,
        Mismatch,
        Misuse,
        NamedPupil,
        Neighbour,
        Organisation,
        Page,
        Participant,
        ParticipantsImport,
        Participation,
        Pupil,
        PupilValidation,
        RosterImport,
        School,
        SchoolClass,
        SchoolStanding,
        Scope,
        StaffInvitation,
        StaffMember,
        Standing,
        Teacher,
        Territory,
        TerritoryClass,
        TrackingImport,
    )
    from mpp_supabase.plans import PlanOutcome, Task, write_calendar
    from mpp_supabase.privacy import Expired
    from mpp_supabase.reports import ReportError
    from mpp_supabase.school_directory import DirectoryError, DirectoryProblem
    from mpp_supabase.sheets import SheetError, SheetProblem, write_roster
    from mpp_supabase.statistics import LifetimeStatistics, MapCell

__version__ = "0.1.0"

__all__ = [
    "MPP",
    "Account",
    "AccountError",
    "AuditEntry",
    "Award",
    "Bounce",
    "Challenge",
    "Change",
    "ClassChallenge",
    "ClassStanding",
    "ClassValidation",
    "ClientAmbassador",
    "ClientAward",
    "ClientDepartment",
    "ClientLeague",
    "ClientOverview",
    "ClientTheme",
    "ClientUnit",
    "ClientWeek",
    "ConductReport",
    "ConfigError",
    "ContactRequest",
    "CursorError",
    "DiplomaError",
    "DirectoryError",
    "DirectoryImport",
    "DirectoryProblem",
    "DueMail",
    "Edition",
    "EditionFile",
    "EditionFileError",
    "EditionNotFound",
    "EditionStatistics",
    "Expired",
    "FileProblem",
    "FollowUp",
    "JoinCode",
    "KeyRefused",
    "League",
    "LeagueMember",
    "LeagueTeam",
    "LeaguesImport",
    "LifetimeStatistics",
    "MPPError",
    "MadeLeague",
    "MailSender",
    "MailServerError",
    "MailSettings",
    "MaintenanceWindow",
    "MapCell",
    "Mismatch",
    "Misuse",
    "NamedPupil",
    "Neighbour",
    "NewsletterError",
    "Organisation",
    "OutboxMail",
    "Page",
    "Participant",
    "ParticipantsImport",
    "Participation",
    "PlanOutcome",
    "Pupil",
    "PupilValidation",
    "Refusal",
    "RepeatedFirstName",
    "ReportError",
    "RosterImport",
    "School",
    "SchoolClass",
    "SchoolStanding",
    "Scope",
    "Settings",
    "SheetError",
    "SheetProblem",
    "StaffInvitation",
    "StaffMember",
    "Standing",
    "Task",
    "Teacher",
    "Territory",
    "TerritoryClass",
    "TrackingImport",
    "TransportError",
    "__version__",
    "load_mail_settings",
    "load_settings",
    "mail_evidence",
    "newsletter_page",
    "parse_edition",
    "read_edition_file",
    "read_newsletter",
    "settle_stranded_mails",
    "write_calendar",
    "write_roster",
]

_HOMES = {
    "awards": ("Award", "ClientAward"),
    "client": ("MPP",),
    "config": ("Settings", "load_settings"),
    "contacts": ("ContactRequest",),
    "diplomas": ("DiplomaError",),
    "edition_file": ("EditionFile", "parse_edition", "read_edition_file"),
    "errors": (
        "AccountError",
        "ConfigError",
        "CursorError",
        "EditionFileError",
        "EditionNotFound",
        "FileProblem",
        "KeyRefused",
        "MPPError",
        "Refusal",
        "RepeatedFirstName",
        "TransportError",
    ),
    "mail.courier": ("MailServerError",),
    "mail.evidence": ("mail_evidence",),
    "mail.newsletters": ("NewsletterError", "newsletter_page", "read_newsletter"),
    "mail.outbox": ("Bounce", "DueMail", "OutboxMail"),
    "mail.sending": ("MailSender", "settle_stranded_mails"),
    "mail.settings": ("MailSettings", "load_mail_settings"),
    "models": (
        "Account",
        "AuditEntry",
        "Challenge",
        "Change",
        "ClassChallenge",
        "ClassStanding",
        "ClassValidation",
        "ClientAmbassador",
        "ClientDepartment",
        "ClientLeague",
        "ClientOverview",
        "ClientTheme",
        "ClientUnit",
        "ClientWeek",
        "ConductReport",
        "DirectoryImport",
        "Edition",
        "EditionStatistics",
        "FollowUp",
        "JoinCode",
        "League",
        "LeagueMember",
        "LeagueTeam",
        "LeaguesImport",
        "MadeLeague",
        "MaintenanceWindow",
        "Mismatch",
        "Misuse",
        "NamedPupil",
        "Neighbour",
        "Organisation",
        "Page",
        "Participant",
        "ParticipantsImport",
        "Participation",
        "Pupil",
        "PupilValidation",
        "RosterImport",
        "School",
        "SchoolClass",
        "SchoolStanding",
        "Scope",
        "StaffInvitation",
        "StaffMember",
        "Standing",
        "Teacher",
        "Territory",
        "TerritoryClass",
        "TrackingImport",
    ),
    "plans": ("PlanOutcome", "Task", "write_calendar"),
    "reports": ("ReportError",),
    "school_directory": ("DirectoryError", "DirectoryProblem"),
    "sheets": ("SheetError", "SheetProblem", "write_roster"),
    "privacy": ("Expired",),
    "statistics": ("LifetimeStatistics", "MapCell"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
