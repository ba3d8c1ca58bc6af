"""Made-up clients for the tests of reports; every figure is different from every other, so that a mix-up shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from mpp_supabase.models import (
    Award,
    ClientDay,
    ClientDepartment,
    ClientLeague,
    ClientOverview,
    ClientTheme,
    ClientUnit,
    ClientWeek,
    EditionTotals,
    FollowedEdition,
    FollowedOrganisation,
    FollowUp,
    GeneralRank,
    TerritoryClass,
)
from mpp_supabase.reports import AttentionReason, ClientReport

EDITION = FollowedEdition(
    code="adult-2026-06",
    title={"fr": "Édition de juin 2026"},
    starts_at=datetime(2026, 5, 31, 22, tzinfo=UTC),
    ends_at=datetime(2026, 6, 21, 22, tzinfo=UTC),
    time_zone="Europe/Paris",
    frozen_at=None,
    audience="adult",
)
LEAGUE_NAMES = (
    "Les Colibris du 3e",
    "Vélo, boulot, dodo",
    "La Brigade verte",
    "Compost & Cie",
    "Zéro faux pas",
    "Les Écureuils de la compta",
    "Sobriété heureuse",
    "Team Géranium",
    "Les Marmottes du support",
    "Plan B comme bambou",
    "Les Tomates cerises",
    "Mission hérisson",
)
NEEDING: dict[int, tuple[AttentionReason, ...]] = {8: ("few_active",), 10: ("no_ambassador", "falling"), 11: ("quiet",)}
THEMES = (
    ("food", "Alimentation", 1210, 4217),
    ("mobility", "Mobilité", 1043, 4180),
    ("waste", "Zéro déchet", 688, 2011),
    ("energy", "Énergie", 437, 1302),
    ("water", "Eau", 301, 902),
    ("digital", "Numérique", 199, 598),
    ("biodiversity", "Biodiversité", 88, 264),
    ("culture", "Culture et transmission", 34, 102),
    ("clothing", "Mode", 0, 0),
    ("civic", "Argent et citoyenneté", 0, 0),
)
DEPARTMENTS = (
    ("75", 61),
    ("92", 33),
    ("93", 24),
    ("94", 17),
    ("69", 21),
    ("59", 9),
    ("13", 8),
    ("2A", 5),
    ("974", 6),
    ("44", None),
    ("33", None),
)


def changed(report: ClientReport, **changes: Any) -> ClientReport:
    """The report with other values, each by its name in the report, the follow-up or its overview."""
    found = {name: changes.pop(name) for name in [*changes] if name in FollowUp.model_fields}
    seen = {name: changes.pop(name) for name in [*changes] if name in ClientOverview.model_fields}
    sums = found.get("overview", report.overview)
    found["overview"] = sums.model_copy(update=seen)
    return replace(report, **changes, follow_up=report.follow_up.model_copy(update=found))


def organisation(code: str, name: str, kind: str = "company") -> FollowedOrganisation:
    """A client that reads French."""
    return FollowedOrganisation(code=code, name=name, kind=kind, language="fr")


def league(
    rank: int | None,
    name: str,
    players: int | None,
    active_players: int | None,
    validations: int | None,
    points: int | None,
    points_per_player: Decimal | None,
    **more: Any,
) -> ClientLeague:
    """A league of a client; of `more` the columns that are seldom asked for."""
    nothing = dict.fromkeys(("unit", "points_this_week", "points_last_week", "last_validated_at", "has_ambassador"))
    return ClientLeague(
        league_id=uuid5(UUID(int=1), name),
        rank=rank,
        name=name,
        players=players,
        active_players=active_players,
        active_players_ever=active_players,
        validations=validations,
        points=points,
        points_per_player=points_per_player,
        value=points,
        **{**nothing, "attention": (), **more},
    )


def unit(
    rank: int, label: str, leagues: int, players: int | None, points: int, points_per_player: Decimal | None
) -> ClientUnit:
    """A unit of a client."""
    return ClientUnit(
        subject_id=label,
        label=label,
        rank=rank,
        leagues=leagues,
        players=players,
        points=points,
        points_per_player=points_per_player,
        value=points,
    )


def week(
    number: int,
    first_day: date,
    new_players: int | None,
    active_players: int | None,
    validations: int | None,
    points: int | None,
) -> ClientWeek:
    """A week of a client, from its first day on."""
    return ClientWeek(
        week=number,
        first_day=first_day,
        last_day=first_day + timedelta(6),
        new_players=new_players,
        active_players=active_players,
        validations=validations,
        points=points,
        validations_change=None,
        points_change=None,
    )


def theme(code: str, name: str, validations: int, points: int) -> ClientTheme:
    """A theme, under its French name in both languages."""
    return ClientTheme(theme=code, name={"fr": name}, validations=validations, points=points)


def departments(*players: tuple[str, int | None]) -> tuple[ClientDepartment, ...]:
    """Departments by code with their players."""
    return tuple(ClientDepartment(department=code, players=number) for code, number in players)


def award(title: str, who: Iterable[str], reason: str, scope: str = "league") -> tuple[Award, ...]:
    """An award and those who share it: a row for each."""
    return tuple(
        Award(
            award_id=number,
            edition_id=1,
            place=1,
            rule=title,
            scope=scope,
            title={"fr": title},
            description={"fr": reason},
            subject_id=uuid5(UUID(int=2), name),
            label=name,
            league_label=None,
            value=None,
            granted_at=EDITION.ends_at,
        )
        for number, name in enumerate(who)
    )


def best(name: str, rank: int, points: int, points_per_player: Decimal) -> GeneralRank:
    """The place of a league in the general ranking."""
    return GeneralRank(name=name, rank=rank, points=points, points_per_player=points_per_player)


def overview(**known: Any) -> ClientOverview:
    """The sums of a client; what is not said is not known."""
    nothing = dict.fromkeys(ClientOverview.model_fields)
    return ClientOverview(**{**nothing, "participation_id": 1, "organisation_id": 1, "leagues": 0, **known})


def company(**changes: Any) -> ClientReport:
    """A company with 200 players, 12 leagues and 4,000 challenges at the end of its second week."""
    leagues = tuple(
        league(
            rank=number + 1,
            name=name,
            unit=("Siège", "Agence de Lyon", "Atelier")[number % 3],
            players=19 - number % 4,
            active_players=17 - number,
            validations=612 - 45 * number,
            points=2011 - 147 * number,
            points_per_player=Decimal(2011 - 147 * number) / (19 - number % 4),
            points_this_week=801 - 61 * number,
            attention=NEEDING.get(number, ()),
        )
        for number, name in enumerate(LEAGUE_NAMES)
    )
    days = tuple(
        ClientDay(day=date(2026, 6, 1) + timedelta(n), validations=143 + (n * 89) % 211, points=512 + (n * 233) % 701)
        for n in range(14)
    )
    found = FollowUp(
        as_of=datetime(2026, 6, 15, 6, tzinfo=UTC),
        organisation=organisation("exemple-industries", "Exemple Industries"),
        edition=EDITION,
        overview=overview(
            week=2,
            week_first=date(2026, 6, 8),
            week_last=date(2026, 6, 14),
            expected_players=250,
            players=203,
            players_change=14,
            active_players=151,
            active_players_change=-11,
            active_players_ever=188,
            leagues=12,
            leagues_change=0,
            validations=4000,
            validations_change=1769,
            points=13576,
            points_change=6142,
            points_per_player=Decimal("66.876"),
            points_per_player_change=Decimal("27.543"),
        ),
        weeks=(
            week(1, date(2026, 6, 1), 189, 162, 2231, 7434),
            week(2, date(2026, 6, 8), 14, 151, 1769, 6142),
        ),
        days=days,
        leagues=leagues,
        units=(
            unit(1, "Siège", 4, 71, 5001, Decimal("70.44")),
            unit(2, "Agence de Lyon", 4, 68, 4413, Decimal("64.90")),
            unit(3, "Atelier", 4, 64, 4162, Decimal("65.03")),
        ),
        themes=tuple(theme(*each) for each in THEMES),
        map=departments(*DEPARTMENTS),
        territory=(),
        general=(),
        edition_totals=EditionTotals(players=12_931, leagues=1043, points=731_210),
        edition_compared=EditionTotals(players=12_345, leagues=987, points=718_603),
    )
    return changed(ClientReport("weekly", found), **changes)


def final(**changes: Any) -> ClientReport:
    """The company's report after the end, with its awards."""
    ended = company(
        kind="final",
        edition=EDITION.model_copy(update={"frozen_at": datetime(2026, 6, 22, 5, tzinfo=UTC)}),
        week=None,
        week_first=None,
        week_last=None,
        as_of=datetime(2026, 6, 22, 6, tzinfo=UTC),
        general=(
            best(LEAGUE_NAMES[0], 17, 2011, Decimal("105.84")),
            best(LEAGUE_NAMES[1], 58, 1864, Decimal("103.56")),
        ),
        awards=(
            *award("Grand Zizou de l’écologie", [LEAGUE_NAMES[0]], "1re du classement des ligues"),
            *award("Roue d’or", [LEAGUE_NAMES[1]], "le plus de défis de mobilité"),
            *award("Sans faute", [LEAGUE_NAMES[4]], "aucun malus"),
        ),
    )
    return changed(ended, **changes)


def authority(**changes: Any) -> ClientReport:
    """A local authority with 30 classes in its territory and no league of its own."""
    levels = ("maternelle", "elementaire", "college", "lycee")
    classes = tuple(
        TerritoryClass(
            class_id=UUID(int=n),
            class_name=f"Classe des {('Hérissons', 'Mésanges', 'Castors', 'Loutres', 'Abeilles')[n % 5]} {n + 1}",
            school_id=UUID(int=n % 4),
            school=f"École des {('Tilleuls', 'Glycines', 'Peupliers', 'Aubépines')[n % 4]}",
            rne=None,
            postcode="01000",
            level=levels[n % 4],
            city=("Aubeval-sur-Loutre", "Saint-Exemple")[n % 2],
            pupils=None if n == 29 else 29 - n % 9,
            points=1900 - 53 * n,
            points_per_pupil=Decimal(1900 - 53 * n) / (29 - n % 9),
            points_this_week=None,
            rank=n + 1,
            general_rank=31 + 17 * n,
            value=1900 - 53 * n,
        )
        for n in range(30)
    )
    nobody = company(
        organisation=organisation("saint-exemple", "Ville de Saint-Exemple", "local_authority"),
        edition=EDITION.model_copy(
            update={"code": "school-2026-06", "title": {"fr": "Édition des écoles"}, "audience": "school"}
        ),
        as_of=datetime(2026, 6, 8, 6, tzinfo=UTC),
        overview=overview(
            week=1,
            week_first=date(2026, 6, 1),
            week_last=date(2026, 6, 7),
            players=0,
            active_players=0,
            active_players_ever=0,
            validations=0,
            points=0,
        ),
        territory=classes,
        **dict.fromkeys(("weeks", "days", "leagues", "units", "themes", "departments"), ()),
    )
    return changed(nobody, **changes)
