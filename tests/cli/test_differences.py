"""What staff read before they apply an edition file: everything that counts, a line each."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from mpp_cli.differences import lines
from mpp_supabase import Change

CARD = {
    "kind": "flash",
    "theme": "home",
    "points": 2,
    "repeat": 1,
    "proof": True,
    "quorum": None,
    "factor": None,
    "opens_at": "2026-06-08T16:00:00+00:00",
    "closes_at": "2026-06-09T16:00:00+00:00",
    "goals": [3, 12],
    "title": {"fr": "Zone d’ombre", "en": "Shady business"},
    "description": {"fr": "Texte", "en": "Text"},
}
EDITION = {
    "code": "adult-2026-06",
    "audience": "public",
    "title": {"fr": "Juin", "en": "June"},
    "time_zone": "Europe/Paris",
    "starts_at": "2026-05-31T22:00:00+00:00",
    "ends_at": "2026-06-21T22:00:00+00:00",
    "registration_closes_at": "2026-06-14T22:00:00+00:00",
    "organisation": None,
}


def shown(*changes: Change, width: int | None = None) -> list[str]:
    return [line for line, _ in lines(changes, "Europe/Paris", width)]


def added(path: str, after: Any) -> Change:
    return Change(action="add", path=path, after=after)


def changed(path: str, before: Any, after: Any) -> Change:
    return Change(action="change", path=path, before=before, after=after)


def test_an_added_challenge_is_a_line_with_kind_points_theme_window_and_title() -> None:
    assert shown(added("challenges.zone-d-ombre", CARD)) == [
        "+ zone-d-ombre  flash, 2 points, home, 06-08 18:00 to 06-09 18:00, proof  Shady business"
    ]
    card = CARD | {"kind": "boost", "factor": 3, "repeat": None, "proof": False, "opens_at": None, "closes_at": None}
    removed = Change(action="remove", path="challenges.zone-d-ombre", before=card)
    assert shown(removed) == ["− zone-d-ombre  boost, 2 points, home, unlimited, factor 3  Shady business"]


@pytest.mark.parametrize("width", [40, 80, 100])
def test_an_added_challenge_takes_one_line_of_the_terminal(width: int) -> None:
    card = CARD | {"title": {"fr": "Titre", "en": "長" * 80}}
    (line,) = shown(added("challenges.zone-d-ombre", card), width=width)
    assert cell_len(line) <= width
    assert line.startswith("+ zone-d-ombre  flash, 2 points")
    assert line.endswith("…")


def test_a_new_edition_shows_its_titles_dates_and_rules() -> None:
    rules = {"league_size_min": 6, "league_size_max": 24, "ranking": "total"}
    theme = {"name": {"fr": "Maison", "en": "Home"}}
    assert shown(added("themes.home", theme), added("edition", EDITION), added("rules", rules)) == [
        "+ themes.home  Maison / Home",
        "+ edition  adult-2026-06  Juin / June",
        "+ edition  public, 2026-06-01 00:00 to 2026-06-22 00:00, registration until 2026-06-15 00:00 (Europe/Paris)",
        "+ rules  league_size_max 24, league_size_min 6, ranking total",
    ]


def test_a_change_shows_the_value_that_changes_and_no_other() -> None:
    assert shown(
        changed("challenges.x.title", {"fr": "T", "en": "a"}, {"fr": "T", "en": "b"}),
        changed("challenges.x.title", {"fr": "T", "en": "a"}, {"fr": "T", "en": "a", "de": "c"}),
        changed("challenges.x.points", 4, 5),
        changed("challenges.x.repeat", 3, None),
        changed("edition.starts_at", "2026-05-31T22:00:00+00:00", "2026-06-01T06:00:00+00:00"),
    ) == [
        "~ challenges.x.title.en: a → b",
        "~ challenges.x.title.de: – → c",
        "~ challenges.x.points: 4 → 5",
        "~ challenges.x.repeat: 3 → –",
        "~ edition.starts_at: 2026-06-01 00:00 → 2026-06-01 08:00",
    ]


def test_of_a_long_text_what_changes_is_shown_with_a_little_around_it() -> None:
    before, after = (f"{'a' * 80} {word} {'z' * 80}" for word in ("old", "new"))
    (line,) = shown(changed("challenges.x.description.en", before, after))
    assert line == f"~ challenges.x.description.en: …{'a' * 19} old {'z' * 19}… → …{'a' * 19} new {'z' * 19}…"


def test_a_text_cannot_rewrite_the_terminal() -> None:
    (line,) = shown(changed("challenges.x.title.en", "a", "\x1b[2Jb"))
    assert "\x1b" not in line
