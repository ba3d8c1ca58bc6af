"""What may be chosen in options is what the database knows."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, get_args

import psycopg
import pytest

from mpp_cli import choices
from mpp_cli.exits import Exit
from mpp_supabase import Scope
from mpp_supabase.diplomas.pages import Figures
from mpp_supabase.diplomas.wording import Language as DiplomaLanguage
from mpp_supabase.mail.wording import Language as MailLanguage
from mpp_supabase.reports.files import Format
from mpp_supabase.reports.wording import Language as ReportLanguage

from .conftest import Mpp

IN_THE_DATABASE = {
    "contact_state": choices.RequestState,
    "edition_phase": choices.Phase,
    "mail_purpose": choices.MailPurpose,
    "mail_state": choices.MailState,
    "name_kind": choices.NameKind,
    "organisation_kind": choices.OrganisationKind,
    "staff_role": choices.StaffRole,
}


@pytest.mark.parametrize(("name", "choice"), IN_THE_DATABASE.items(), ids=list(IN_THE_DATABASE))
def test_a_choice_is_a_type_of_the_database(db: psycopg.Connection[Any], name: str, choice: type[StrEnum]) -> None:
    (known,) = db.execute(f"select enum_range(null::api.{name})::text[]").fetchone() or ()  # type: ignore[arg-type]
    assert list(choice) == known


@pytest.mark.parametrize(
    ("choice", "known"),
    [
        (choices.Figures, get_args(Figures)),
        (choices.Language, get_args(MailLanguage)),
        (choices.Language, get_args(ReportLanguage)),
        (choices.ReportFormat, get_args(Format)),
        (choices.SchoolLanguage, get_args(DiplomaLanguage)),
        (choices.Scope, tuple(Scope)),
    ],
)
def test_a_choice_is_one_of_the_package(choice: type[StrEnum], known: tuple[str, ...]) -> None:
    assert tuple(choice) == known


def test_a_level_is_understood_as_it_is_spelt_in_french(db: psycopg.Connection[Any]) -> None:
    (known,) = db.execute("select private.school_levels()").fetchone() or ()
    assert list(choices.Level) == known
    assert [choices.Level(text) for text in ("maternelle", "Élémentaire", "collège ", "LYCÉE")] == known


def test_whoever_mistypes_a_choice_reads_all_of_them(mpp: Mpp) -> None:
    for wrong in (
        ("client", "create", "exemple", "--name", "Exemple SA", "--kind", "shop"),
        ("ranking", "classes", "nowhere-2026", "--level", "prepa"),
        ("mail", "list", "--purpose", "greeting"),
        ("report", "weekly", "nowhere-2026", "--all", "-o", "x", "--format", "html", "--format", "doc"),
    ):
        ended = mpp(*wrong)
        assert (ended.code, ended.out) == (Exit.USAGE, "")
        assert f"Invalid value for '{wrong[-2]}': there is no such choice ({wrong[-1]}); use one of: " in ended.err
