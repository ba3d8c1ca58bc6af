"""Random play in its short form; `python -m bench.random_play` plays for longer."""

from __future__ import annotations

from tests.support.random_play import RandomPlay, play


def test_whatever_sixteen_writers_do_at_random_the_scores_stay_proven(arena_url: str) -> None:
    outcome = play(arena_url, 800, 1, parts=20, people=48, leagues=4)
    assert outcome.faults == []
    assert outcome.deadlocks == 0
    assert outcome.answers.total() == 800
    assert outcome.proofs == 20
    never = {deed for deed in RandomPlay.SHARES if not outcome.succeeded(deed)}
    assert never == set(), "each thing that people may do has been done"
