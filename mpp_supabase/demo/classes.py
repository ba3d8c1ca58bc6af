"""Made-up classes of the school demonstration, in schools of the sample directory; their pupils: animals and plants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid5

import psycopg
from psycopg.types.json import Jsonb

from mpp_supabase.demo.people import NAMES, named_statements
from mpp_supabase.demo.plan import LEVELS, PHONE_LEVELS, PUPILS_PER_CLASS, SchoolPlan
from mpp_supabase.files.school_directory import read_directory

TEAMS = ("Les Bourgeons", "Les Racines", "Les Graines")
_ACCOUNTS = UUID("0c2f1d7e-40d2-4b39-9d5e-6a1a4b1c9f20")
_ROLES = ("Professeure des écoles", "Professeur principal", "Professeure documentaliste", "Directeur d’école")
_CLASSES_OF_A_TEACHER = 3
_GRADES = {
    "maternelle": ("Petite section", "Moyenne section", "Grande section"),
    "elementaire": ("CP", "CE1", "CE2", "CM1", "CM2"),
    "college": ("6e", "5e", "4e", "3e"),
    "lycee": ("2de", "1re", "Tle"),
}
#: A collège has more classes that play than a small école maternelle.
_WEIGHTS = {"maternelle": 1.0, "elementaire": 2.0, "college": 4.0, "lycee": 4.0}
_MOST_IN_A_SCHOOL = 10
_SMALLEST, _LARGEST = 20, 34


@dataclass(frozen=True, slots=True)
class PlaceToLearn:
    """A school of the directory."""

    id: UUID
    name: str
    city: str
    levels: tuple[str, ...]


@dataclass(slots=True)
class Classroom:
    """A class that the demonstration makes: where it is, how many pupils, and their ids once they are in it."""

    school: PlaceToLearn
    level: str
    name: str
    size: int
    id: UUID | None = None
    pupils: list[UUID] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Term:
    """All classes: those that are typed in by the staff, and those that teachers make with their phones."""

    staff: list[Classroom]
    phones: list[Classroom]


def schools_of(connection: psycopg.Connection[Any], directory: Path) -> list[PlaceToLearn]:
    """Return the schools of a directory as the database has them."""
    codes = [school.rne for school in read_directory(directory)]
    rows = connection.execute(
        "select school_id, name, city, levels from api.schools where rne = any (%s) order by rne", (codes,)
    )
    return [PlaceToLearn(id_, name, city, tuple(levels)) for id_, name, city, levels in rows]


def enrol(schools: Sequence[PlaceToLearn], plan: SchoolPlan, rng: Random) -> Term:
    """Spread the classes of a plan over its schools: every level, several classes in one school, sizes around 28."""
    chosen = _choose(schools, plan.schools, rng)
    weights = [_weight(school) for school in chosen]
    names: dict[tuple[UUID, str], list[str]] = {}
    counts: dict[UUID, int] = {}

    def classroom(school: PlaceToLearn, level: str, size: int) -> Classroom:
        counts[school.id] = counts.get(school.id, 0) + 1
        free = names.setdefault((school.id, level), _class_names(level, rng))
        return Classroom(school, level, free.pop(), size)

    phones = [
        classroom(next(s for s in chosen if level in s.levels), level, PUPILS_PER_CLASS) for level in PHONE_LEVELS
    ]
    count = plan.classes - len(phones)
    sizes = _sizes(plan.pupils - len(phones) * PUPILS_PER_CLASS, count, rng)
    # Every school has a class before any has several.
    hosts = [school for school in chosen if school.id not in counts][:count]
    while len(hosts) < count:
        (school,) = rng.choices(chosen, weights)
        if counts.get(school.id, 0) + sum(host is school for host in hosts) < _MOST_IN_A_SCHOOL:
            hosts.append(school)
    staff = [classroom(school, rng.choice(school.levels), size) for school, size in zip(hosts, sizes, strict=True)]
    return Term(staff, phones)


def hire(connection: psycopg.Connection[Any], seed: Path, classes: int, rng: Random) -> list[UUID]:
    """Return a teacher's account for each class, some with several; the accounts that are missing are made.

    `seed` is sql/seed/demo.sql. Accounts are teacher-N@demo.invalid, kept from one demonstration to the next.
    """
    teachers: list[int] = []
    number = 0
    while len(teachers) < classes:
        number += 1
        teachers.extend([number] * rng.choice((1, 1, 1, 2, _CLASSES_OF_A_TEACHER)))
    emails = [f"teacher-{each:06d}@demo.invalid" for each in range(1, number + 1)]
    accounts = [uuid5(_ACCOUNTS, email) for email in emails]
    statements = named_statements(seed)
    animals = NAMES["aliases"]
    columns = {
        "accounts": accounts,
        "emails": emails,
        "first_names": [animals[each * 7919 % len(animals)] for each in range(number)],
        "roles": [_ROLES[each % len(_ROLES)] for each in range(number)],
    }
    with connection.transaction():
        for name in ("accounts", "teacher_profiles", "teachers"):
            connection.execute(statements[name], columns)
    return [accounts[each - 1] for each in teachers[:classes]]


def open_classes(
    connection: psycopg.Connection[Any],
    edition_id: int,
    classes: Sequence[tuple[Classroom, UUID]],
    rng: Random,
    advance: Callable[[], None],
) -> None:
    """Make classes and put their pupils in, through the functions that teachers' phones call too."""
    for classroom, teacher in classes:
        teams = list(TEAMS[: rng.choice((1, 2, 2, 3))])
        row = connection.execute(
            "select api.create_class(%s, %s, %s, %s, %s, %s)",
            (edition_id, classroom.school.id, classroom.name, classroom.level, teams, teacher),
        ).fetchone()
        assert row is not None
        classroom.id = row[0]
        pupils = connection.execute(
            "select pupil_id from api.add_pupils(%s, %s)", (classroom.id, Jsonb(register_of(classroom.size, rng)))
        )
        classroom.pupils = [pupil for (pupil,) in pupils]
        advance()


def register_of(size: int, rng: Random) -> list[dict[str, str]]:
    """Return so many different names: first names, and an initial where one of them comes twice."""
    animals = NAMES["aliases"]
    twice = rng.sample(animals, max(rng.choice((0, 0, 1, 1, 2)), size - len(animals)))
    once = rng.sample([name for name in animals if name not in twice], size - 2 * len(twice))
    pupils = [{"first_name": name} for name in once]
    for name in twice:
        pupils += [{"first_name": name, "initial": initial} for initial in rng.sample("ABCDEFGHLMNPRST", 2)]
    rng.shuffle(pupils)
    return pupils


def _weight(school: PlaceToLearn) -> float:
    return sum(_WEIGHTS[level] for level in school.levels)


def _choose(schools: Sequence[PlaceToLearn], count: int, rng: Random) -> list[PlaceToLearn]:
    """Schools in any order, rather large than small; the first of them so that every level is there."""
    shuffled = sorted(schools, key=lambda school: rng.random() ** (1 / _weight(school)), reverse=True)
    first = [next(school for school in shuffled if school.levels == (level,)) for level in LEVELS]
    return (first + [school for school in shuffled if school not in first])[:count]


def _class_names(level: str, rng: Random) -> list[str]:
    names = [
        f"{grade} {number}" if level == "lycee" else f"{grade} {'ABCDE'[number - 1]}"
        for number in range(1, 6)
        for grade in _GRADES[level]
    ]
    # The A classes are taken before the B classes; they are popped from the end.
    step = len(_GRADES[level])
    rounds = [rng.sample(names[start : start + step], step) for start in range(0, len(names), step)]
    return [name for names_of_a_round in reversed(rounds) for name in names_of_a_round]


def _sizes(pupils: int, classes: int, rng: Random) -> list[int]:
    """Pupils of each class: between 20 and 34 around the mean, adding up exactly."""
    sizes = [pupils // classes] * classes
    for index in range(pupils - sum(sizes)):
        sizes[index] += 1
    for _ in range(classes * 8):
        giver, taker = rng.randrange(classes), rng.randrange(classes)
        if sizes[giver] > _SMALLEST and sizes[taker] < _LARGEST:
            sizes[giver] -= 1
            sizes[taker] += 1
    return sizes
