"""`mpp demo client`: its plan, its second computation of every figure, a small run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from mpp_supabase import Settings, load_mail_settings
from mpp_supabase.demo import ClientPlan, play_client
from mpp_supabase.demo.client_proof import ClientProof
from mpp_supabase.project import find_project
from supabase_embedded import StackStatus


def test_a_plan_of_scale_1_is_a_company_of_200_and_30_classes() -> None:
    assert ClientPlan.of(1) == ClientPlan(players=200, validations=4_000, guests=60, classes=30)
    assert ClientPlan.of(0.01).players == 72, "six in each league"


def test_the_second_computation_finds_every_difference() -> None:
    right: list[dict[str, Any]] = [
        {"id": 1, "points": 5, "attention": ["quiet"]},
        {"id": 2, "points": None, "attention": []},
    ]
    proof = ClientProof()
    proof.rows("leagues", "id", right, right)
    assert (proof.differences, proof.agree) == ([], proof.compared)
    others: tuple[list[dict[str, Any]], ...] = (
        right[:1],
        [*right, {"id": 3, "points": 0, "attention": []}],
        [right[0] | {"points": 6}, right[1]],
        [right[0], right[1] | {"points": 4}],
        [right[0] | {"attention": []}, right[1]],
    )
    for shown in others:
        wrong = ClientProof()
        wrong.rows("leagues", "id", shown, right)
        assert len(wrong.differences) == 1, shown


@pytest.mark.needs("home")
def test_a_small_client_is_played_reported_and_proven(
    stack: StackStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress: dict[str, tuple[int, int]] = {}

    def on_progress(stage: str, done: int, total: int) -> None:
        progress[stage] = (done, total)

    env = stack.env()
    monkeypatch.setenv("MPP_HOME", str(stack.home))
    settings = Settings(
        url=env["API_URL"],
        publishable_key=SecretStr(env["PUBLISHABLE_KEY"]),
        secret_key=SecretStr(env["SECRET_KEY"]),
    )
    mail = load_mail_settings(settings, tmp_path / ".env")
    plan = ClientPlan.of(0.01)
    outcome = play_client(env, find_project().files, tmp_path, plan, mail, on_progress)
    assert outcome.proof is not None
    assert outcome.proof.differences == []
    assert outcome.proven
    assert all(done == total for done, total in progress.values()), progress
    assert outcome.validations == plan.validations
    assert outcome.invited == plan.guests
    # Guests and four of the staff; then staff inside their dates and ambassadors who agreed.
    assert outcome.mails >= plan.guests + 4 + outcome.queued
    with psycopg.connect(stack.db_url) as db:
        states = db.execute(
            "select m.template, m.state::text, count(*) from mpp.outbox m, mpp.participation p"
            " join mpp.organisation o on o.id = p.organisation_id where o.code = %s"
            " and m.key like any (array['invitation:' || p.id || ':%%', 'weekly-report/' || p.id || '/%%',"
            " 'ambassador-note/' || p.id || '/%%']) group by 1, 2",
            (outcome.company,),
        ).fetchall()
    # Of the staff only one is inside their dates; one more works for the authority.
    notes = outcome.queued - 2
    assert sorted(states) == [
        ("ambassador_note", "sent", notes),
        ("player_invitation", "sent", plan.guests),
        ("weekly_report", "sent", 1),
    ]
    assert notes > 2
    assert len(outcome.leagues) == 11, "one opted out"
    reasons = {reason for league in outcome.leagues for reason in league["attention"]}
    assert {"no_ambassador", "quiet"} <= reasons
    assert outcome.proof.compared["closed doors"] == 14, "figures, the report and a file of the kit"
    assert len(outcome.files) == 12
    assert all(path.stat().st_size > 1000 for path in outcome.files)
    assert (outcome.folder / "plan.ics").read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")
