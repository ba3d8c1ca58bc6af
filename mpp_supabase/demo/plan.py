"""How much the demonstration plays, and what it came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from mpp_supabase.demo.client_proof import ClientProof
    from mpp_supabase.demo.school_proof import Proof
    from mpp_supabase.models import ClassStanding, EditionStatistics, Mismatch, Neighbour, SchoolStanding, Standing

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, how much of it is done, and its total."""

PHONES_PER_LEAGUE = 10
PHONE_LEAGUES = 6

LEVELS = ("maternelle", "elementaire", "college", "lycee")
PUPILS_PER_CLASS = 28
PHONE_LEVELS = (*LEVELS, "elementaire")
"""Levels of the classes whose teacher plays by phone; the last one opts out of the ranking."""
FAMILIES_PER_CLASS = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of a demonstration; the documented size of an edition is scale 1."""

    leagues: int
    players: int
    validations: int

    @classmethod
    def of(cls, scale: float) -> Plan:
        """Return the plan for a scale: 1 is 1,000 leagues, 20,000 players and 300,000 validations."""
        leagues = max(5, round(1_000 * scale))
        return cls(leagues, leagues * 20, leagues * 300)


@dataclass(slots=True)
class Outcome:
    """What a demonstration left behind: the edition's code, its final rankings and the proof."""

    edition: str
    report: Path
    players: list[Standing] = field(default_factory=list)
    leagues: list[Standing] = field(default_factory=list)
    one_player: list[Neighbour] = field(default_factory=list)
    statistics: EditionStatistics | None = None
    validations: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SchoolPlan:
    """Sizes of a school demonstration; at scale 1 as many classes as the association expects in one edition (D)."""

    classes: int
    pupils: int
    schools: int

    @classmethod
    def of(cls, scale: float) -> SchoolPlan:
        """Return the plan for a scale: 1 is 650 classes of 28 pupils on average, in 300 schools."""
        classes = max(12, round(650 * scale))
        return cls(classes, classes * PUPILS_PER_CLASS, max(8, round(classes * 300 / 650)))


@dataclass(slots=True)
class SchoolOutcome:
    """What a school demonstration left behind: its rankings, its proofs, and the papers of one class."""

    edition: str
    report: Path
    directory: int = 0
    classes: list[ClassStanding] = field(default_factory=list)
    levels: dict[str, list[ClassStanding]] = field(default_factory=dict)
    schools: list[SchoolStanding] = field(default_factory=list)
    teacher: list[Neighbour] = field(default_factory=list)
    family: list[tuple[str, int, int]] = field(default_factory=list)
    """What a family's phone read of its class: pupils, validations, points."""
    family_challenges: list[tuple[str, int, int]] = field(default_factory=list)
    """What it read of what the class did: challenges, pupils, points."""
    family_class: str = ""
    statistics: EditionStatistics | None = None
    validations: int = 0
    whole_class: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)
    proof: Proof | None = None
    papers: list[Path] = field(default_factory=list)
    papers_class: str = ""
    read_back: tuple[int, int] = (0, 0)
    """Reading the papers of the class back in: what that changed, and what it found to be there already."""
    refusals: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def proven(self) -> bool:
        """Whether every check came out right."""
        agrees = self.proof is not None and not self.proof.differences
        return agrees and not self.mismatches and self.read_back[0] == 0


@dataclass(frozen=True, slots=True)
class ClientPlan:
    """Sizes of a client's demonstration; at scale 1 a company of some size, and the classes of a town."""

    players: int
    validations: int
    guests: int
    classes: int

    @classmethod
    def of(cls, scale: float) -> ClientPlan:
        """Return the plan for a scale: 1 is 200 players with 4,000 validations in 12 leagues, and 30 classes."""
        players = max(72, round(200 * scale))
        return cls(players, players * 20, max(12, round(60 * scale)), max(8, round(30 * scale)))


@dataclass(slots=True)
class ClientOutcome:
    """What a client's demonstration left behind: its reports, its proof, and what its staff read."""

    edition: str
    company: str
    folder: Path
    tasks: int = 0
    invited: int = 0
    validations: int = 0
    classes: int = 0
    followed: int = 0
    queued: int = 0
    mails: int = 0
    awards: int = 0
    overview: dict[str, Any] = field(default_factory=dict)
    leagues: list[dict[str, Any]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    proof: ClientProof | None = None
    seconds_of_a_call: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def proven(self) -> bool:
        """Whether every figure came out right, and every door that must be is closed."""
        return self.proof is not None and not self.proof.differences and not self.mismatches
