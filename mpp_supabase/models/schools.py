"""Schools, teachers, classes and pupils."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from mpp_supabase.files.school_directory import DirectoryProblem
from mpp_supabase.models.base import Model


class School(Model):
    """A school. `levels` are of maternelle, elementaire, college, lycee; only schools abroad have no RNE."""

    school_id: UUID
    rne: str | None
    name: str
    levels: tuple[str, ...]
    country: str
    postcode: str
    city: str


class SchoolClass(Model):
    """A class as the staff see it: a league of a school. Without a `class_code` no family can enter."""

    class_id: UUID
    edition_id: int
    edition_code: str
    name: str
    level: str
    school_id: UUID
    rne: str | None
    school_label: str
    postcode: str
    city: str
    country: str
    listed: bool
    class_code: str | None
    points: int
    pupils: int
    teams: int
    families: int
    has_chosen: bool
    created_at: datetime


class Teacher(Model):
    """A teacher of a class, the principal one or a colleague."""

    teacher_id: UUID
    first_name: str
    last_name: str
    is_principal: bool


class Pupil(Model):
    """A pupil of a class, with the points earned there; `name` is the first name, with its initial if needed."""

    class_id: UUID = Field(validation_alias="league_id")
    pupil_id: UUID = Field(validation_alias="player_id")
    team_id: UUID | None
    first_name: str
    initial: str | None
    name: str
    points: int
    validations: int
    joined_at: datetime


class NamedPupil(Model):
    """A pupil who was added or corrected; without an id when it was a dry run."""

    pupil_id: UUID | None
    first_name: str
    initial: str | None
    name: str
    team_id: UUID | None


class ClassChallenge(Model):
    """A challenge of the level of a class: whether the class plays it, and what it earned with it."""

    class_id: UUID
    challenge_id: int
    code: str
    kind: str
    theme: str
    title: dict[str, str]
    points: int
    boost_factor: int | None
    opens_at: datetime | None
    closes_at: datetime | None
    repeat_limit: int | None
    quorum: int | None
    needs_proof: bool
    curriculum: tuple[str, ...]
    is_in_play: bool
    pupils_credited: int
    points_earned: int


class ClassValidation(Model):
    """A validation in a class: state pending, credited or cancelled."""

    validation_id: UUID
    class_id: UUID = Field(validation_alias="league_id")
    team_id: UUID | None
    pupil_id: UUID = Field(validation_alias="player_id")
    name: str | None
    challenge_id: int
    challenge_code: str
    points: int
    state: str
    proof_sent: bool
    validated_at: datetime


class PupilValidation(Model):
    """What a validation or cancellation left for one pupil; without an id for a pupil who was at the limit."""

    pupil_id: UUID
    validation_id: UUID | None
    state: str | None
    points: int | None


class DirectoryImport(Model):
    """What loading a directory of schools did. `left_out` counts rows that are no schools of the game, by reason.

    `problems` names the first bad rows, `problem_count` counts all of them; `schools` are the good ones.
    """

    schools: int
    added: int
    changed: int
    unchanged: int
    left_out: dict[str, int]
    problem_count: int
    problems: tuple[DirectoryProblem, ...]
    dry_run: bool


class RosterImport(Model):
    """What importing a roster did. `not_in_file` are pupils of the class whom the file does not name: they stay.

    `read_as` are initials that the class could not confirm: the cell, what it says and who was meant ("B7", "Lina B.",
    "Lina"). `other_sheets` are the names of those that were not read.
    """

    file: str
    sheet: str
    added: tuple[NamedPupil, ...]
    corrected: tuple[NamedPupil, ...]
    unchanged: int
    not_in_file: tuple[str, ...]
    dry_run: bool
    read_as: tuple[tuple[str, str, str], ...] = ()
    other_sheets: tuple[str, ...] = ()


class TrackingImport(Model):
    """What importing a tracking sheet did: validations recorded, and those that were there already.

    `read_as` and `other_sheets` as in RosterImport.
    """

    file: str
    sheet: str
    pupils: int
    challenges: int
    recorded: int
    already: int
    dry_run: bool
    read_as: tuple[tuple[str, str, str], ...] = ()
    other_sheets: tuple[str, ...] = ()
