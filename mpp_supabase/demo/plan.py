"""How much the demonstration plays, and what it came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from mpp_supabase.models import EditionStatistics, Mismatch, Neighbour, Standing

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, how much of it is done, and its total."""

PHONES_PER_LEAGUE = 10
PHONE_LEAGUES = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of a demonstration; the documented size of an edition is scale 1 (G6)."""

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
