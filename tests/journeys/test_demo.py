"""`mpp demo`, small: a whole edition is played on the stack of the tests, frozen and proven."""

from __future__ import annotations

from pathlib import Path

from mpp_supabase.demo import Plan, play
from mpp_supabase.project import find_project
from supabase_embedded import StackStatus


def test_a_small_edition_is_played_frozen_and_proven(stack: StackStatus, tmp_path: Path) -> None:
    plan = Plan.of(0.02)
    outcome = play(stack.env(), find_project().files, tmp_path, plan, lambda *_: None)
    assert outcome.mismatches == []
    assert outcome.validations > plan.validations / 2
    assert outcome.statistics is not None
    # Those who have played.
    assert outcome.statistics.players > plan.players / 2
    assert outcome.players[0].rank == outcome.leagues[0].rank == 1
    assert outcome.report.stat().st_size > 1000
