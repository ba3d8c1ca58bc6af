"""Made-up clients for the tests of reports; every figure is different from every other, so that a mix-up shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from mpp_supabase.reports import (
    AttentionReason,
    Award,
    ClientReport,
    Comparison,
    Day,
    Department,
    Edition,
    Figure,
    GeneralRank,
    League,
    Organisation,
    TerritoryClass,
    Theme,
    Totals,
    Unit,
    Week,
)

EDITION = Edition(
    code="adult-2026-06",
    title="Édition de juin 2026",
    starts_at=datetime(2026, 5, 31, 22, tzinfo=UTC),
    ends_at=datetime(2026, 6, 21, 22, tzinfo=UTC),
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


def company(**changes: Any) -> ClientReport:
    """A company with 200 players, 12 leagues and 4,000 challenges at the end of its second week."""
    leagues = tuple(
        League(
            rank=number + 1,
            name=name,
            unit=("Siège", "Agence de Lyon", "Atelier")[number % 3],
            players=19 - number % 4,
            active_players=17 - number,
            validations=612 - 45 * number,
            points=2011 - 147 * number,
            points_per_player=Decimal(2011 - 147 * number) / (19 - number % 4),
            change=801 - 61 * number,
            attention=NEEDING.get(number, ()),
        )
        for number, name in enumerate(LEAGUE_NAMES)
    )
    report = ClientReport(
        kind="weekly",
        organisation=Organisation("exemple-industries", "Exemple Industries"),
        edition=EDITION,
        as_of=datetime(2026, 6, 15, 6, tzinfo=UTC),
        week=2,
        week_first=date(2026, 6, 8),
        week_last=date(2026, 6, 14),
        totals=Totals(
            players=Figure(203, 14),
            active_players=Figure(151, -11),
            leagues=Figure(12, 0),
            validations=Figure(4000, 1769),
            points=Figure(13576, 6142),
            points_per_player=Figure(Decimal("66.876"), Decimal("27.543")),
            expected=250,
        ),
        weeks=(
            Week(1, date(2026, 6, 1), date(2026, 6, 7), 189, 162, 2231, 7434),
            Week(2, date(2026, 6, 8), date(2026, 6, 14), 14, 151, 1769, 6142),
        ),
        days=tuple(
            Day(date(2026, 6, 1) + timedelta(n), 143 + (n * 89) % 211, 512 + (n * 233) % 701) for n in range(14)
        ),
        leagues=leagues,
        units=(
            Unit(1, "Siège", 4, 71, 5001, Decimal("70.44")),
            Unit(2, "Agence de Lyon", 4, 68, 4413, Decimal("64.90")),
            Unit(3, "Atelier", 4, 64, 4162, Decimal("65.03")),
        ),
        themes=tuple(Theme(*theme) for theme in THEMES),
        departments=tuple(Department(*department) for department in DEPARTMENTS),
    )
    return replace(report, **changes)


def final(**changes: Any) -> ClientReport:
    """The company's report after the end, with its awards."""
    return company(
        **{
            "kind": "final",
            "week": None,
            "week_first": None,
            "week_last": None,
            "as_of": datetime(2026, 6, 22, 6, tzinfo=UTC),
            "awards": (
                Award("Grand Zizou de l’écologie", (LEAGUE_NAMES[0],), "1re du classement des ligues"),
                Award("Roue d’or", (LEAGUE_NAMES[1],), "le plus de défis de mobilité"),
                Award("Sans faute", (LEAGUE_NAMES[4],), "aucun malus"),
            ),
            "general": (
                GeneralRank(LEAGUE_NAMES[0], 17, 1043, 2011, Decimal("105.84")),
                GeneralRank(LEAGUE_NAMES[1], 58, 1043, 1864, Decimal("103.56")),
            ),
            "comparison": (
                Comparison("points_per_player", Decimal("66.88"), Decimal("58.21")),
                Comparison("validations_per_player", Decimal("19.70"), Decimal("15.03")),
                Comparison("active_share", Decimal("0.744"), Decimal("0.613")),
            ),
        }
        | changes
    )


def authority(**changes: Any) -> ClientReport:
    """A local authority with 30 classes in its territory and no league of its own."""
    levels = ("maternelle", "elementaire", "college", "lycee")
    classes = tuple(
        TerritoryClass(
            name=f"Classe des {('Hérissons', 'Mésanges', 'Castors', 'Loutres', 'Abeilles')[n % 5]} {n + 1}",
            school=f"École des {('Tilleuls', 'Glycines', 'Peupliers', 'Aubépines')[n % 4]}",
            level=levels[n % 4],
            city=("Aubeval-sur-Loutre", "Saint-Exemple")[n % 2],
            pupils=None if n == 29 else 29 - n % 9,
            points=1900 - 53 * n,
            points_per_pupil=Decimal(1900 - 53 * n) / (29 - n % 9),
            rank=n + 1,
            national_rank=31 + 17 * n,
        )
        for n in range(30)
    )
    nothing = Figure(0)
    report = ClientReport(
        kind="weekly",
        organisation=Organisation("saint-exemple", "Ville de Saint-Exemple", "local_authority"),
        edition=replace(EDITION, code="school-2026-06", title="Édition des écoles"),
        as_of=datetime(2026, 6, 8, 6, tzinfo=UTC),
        week=1,
        week_first=date(2026, 6, 1),
        week_last=date(2026, 6, 7),
        totals=Totals(nothing, nothing, nothing, nothing, nothing, Figure(Decimal(0))),
        territory=classes,
    )
    return replace(report, **changes)
