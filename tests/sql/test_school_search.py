"""The whole directory of the Ministry, at its size: loaded piece by piece, and searched through its index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mpp_supabase.demo.directory import ROWS, write_directory
from mpp_supabase.files.school_directory import read_directory
from tests.support.game import Connection, Game, Jsonb, Person

BATCH = 4000


@pytest.fixture
def schools(tmp_path: Path) -> list[dict[str, Any]]:
    """A made-up directory of the real size, as import_schools takes it."""
    path = tmp_path / "schools.csv"
    write_directory(path, rows=ROWS)
    return [
        {"rne": s.rne, "name": s.name, "levels": list(s.levels), "country": s.country, "postcode": s.postcode,
         "city": s.city, "department": s.department, "commune": s.commune}
        for s in read_directory(path)
    ]  # fmt: skip


@pytest.fixture
def game(directory_url: str) -> Iterator[Game]:
    """A game in a database of its own: dead rows of this size would slow the other tests down."""
    with psycopg.connect(directory_url) as db:
        yield Game(db)
        db.rollback()


def load(game: Game, schools: list[dict[str, Any]]) -> tuple[int, int, int]:
    """Import all pieces; returns how many were added, changed, and as they were."""
    total = [0, 0, 0]
    for start in range(0, len(schools), BATCH):
        (outcome,) = game.service.table("import_schools", schools=Jsonb(schools[start : start + BATCH]))
        for place, key in enumerate(("added", "changed", "unchanged")):
            total[place] += outcome[key]
    return total[0], total[1], total[2]


def whole_scans(db: Connection) -> int:
    """How often this transaction has read the whole table of schools."""
    row = db.execute("select seq_scan from pg_stat_xact_user_tables where relid = 'mpp.school'::regclass").fetchone()
    return int(row[0]) if row else 0


def queries(schools: list[dict[str, Any]]) -> list[str]:
    """What teachers type: codes, postcodes, cities, parts of names, and words that half of the schools have."""
    typed = [
        "école",
        "ECOLE primaire",
        "saint",
        "lycée",
        "nowhere at all",
        "collège 75",
        "jean mou",
        "st",
        "ste anne",
        "st-jean de la",
    ]
    for school in schools[:: len(schools) // 5]:
        words = school["name"].split()
        typed += [
            school["rne"], school["rne"][:5].lower(), school["postcode"], school["city"], school["name"],
            words[-1][1:] if len(words[-1]) > 3 else school["name"], f"{school['city'].lower()} {words[0]}",
        ]  # fmt: skip
    return typed


# One test, so that the directory is loaded once however the tests are dealt to workers.
def test_the_whole_directory_is_loaded_and_searched_without_reading_it_whole(game, schools):
    assert len(schools) > 45_000
    assert load(game, schools) == (len(schools), 0, 0)
    teacher, before = game.teacher(), whole_scans(game.db)
    for analysed in (False, True):
        if analysed:
            game.run("analyze mpp.school")
            before = whole_scans(game.db)
        for query in queries(schools):
            teacher.table("search_schools", query=query)
    find_each_by_code_and_by_name(teacher, schools[:: len(schools) // 40])
    add_some(teacher, schools[100])
    assert whole_scans(game.db) == before
    load_again(game, schools[: 2 * BATCH])


def find_each_by_code_and_by_name(teacher: Person, schools: list[dict[str, Any]]) -> None:
    for school in schools:
        (row,) = teacher.table("search_schools", query=school["rne"])
        assert (row["name"], row["postcode"], row["city"]) == (school["name"], school["postcode"], school["city"])
        assert set(row["levels"]) == set(school["levels"])
        names = teacher.table("search_schools", query=f"{school['name']} {school['postcode']}", results=100)
        assert school["rne"] in {r["rne"] for r in names}, school


def add_some(teacher: Person, known: dict[str, Any]) -> None:
    """A school that is there already, and two abroad, each of them twice."""
    # A teacher names the postcode; department and commune come from the Ministry's file.
    given = {name: value for name, value in known.items() if name not in ("department", "commune")}
    teacher.call("add_school", **given)
    for name in ("Schule am Wald", "Schule am See") * 2:
        teacher.call("add_school", name=name, city="Musterstadt", postcode="77694", country="DE", levels=["college"])
    assert teacher.view("schools", rne=known["rne"])


def load_again(game: Game, schools: list[dict[str, Any]]) -> None:
    """The same pieces change nothing; what the Ministry corrected is corrected, and found."""
    batch = [dict(school) for school in schools]
    assert load(game, batch) == (0, 0, len(batch))
    batch[7]["name"] = "Renamed by the Ministry"
    assert load(game, batch) == (0, 1, len(batch) - 1)
    rows = game.service.table("search_schools", query="renamed by the ministry")
    assert [r["rne"] for r in rows] == [batch[7]["rne"]]
