"""Real faults on a real stack: whoever sends again with the same request key counts once."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from mpp_supabase import MPP, Settings, TransportError
from tests.support.faults import line_to
from tests.support.world import World


def clients(world: World, url: str) -> MPP:
    """A client of the staff that speaks through this address."""
    keys = {"publishable_key": world.settings.publishable_key, "secret_key": world.settings.secret_key}
    return MPP.connect(Settings(url=url, source="the tests", **keys))


@pytest.fixture(scope="module")
def lesson(world: World) -> dict[str, Any]:
    """A class of two and a card that counts five times."""
    edition = world.school_edition()
    class_ = world.class_(edition, "Lina", "Tom")
    (card,) = world.ops.classes.find_challenges(class_.class_id, ["s-walk"])
    return {"class_id": class_.class_id, "challenge_id": card.challenge_id, "code": edition.code}


def recorded(world: World, lesson: dict[str, Any]) -> int:
    """How many validations of the class the ledger holds."""
    query = "select count(*) from mpp.validation where league_id = %s"
    row = world.database.execute(query, (lesson["class_id"],)).fetchone()
    assert row is not None
    return int(row[0])


def validate(mpp: MPP, lesson: dict[str, Any], key: uuid.UUID) -> set[Any]:
    """Validate for the whole class; the ids of the receipts."""
    rows = mpp.classes.validate(lesson["class_id"], lesson["challenge_id"], request_key=key)
    return {row.validation_id for row in rows}


def test_a_validation_whose_answer_was_lost_twice_counts_once(world: World, lesson: dict[str, Any]) -> None:
    before = recorded(world, lesson)
    with line_to(world.settings.url, "/rpc/validate_for_pupils") as line, clients(world, line.url) as mpp:
        line.losses = 2
        key = uuid.uuid4()
        receipt = validate(mpp, lesson, key)
        assert line.lost == 2
        assert validate(mpp, lesson, key) == receipt
    assert len(receipt) == 2
    assert recorded(world, lesson) == before + 2
    assert world.ops.editions.verify(lesson["code"]) == []


def test_a_write_without_a_key_is_not_sent_again_when_its_answer_was_lost(world: World) -> None:
    starts = datetime(2099, 1, 1, tzinfo=UTC)
    words = {"fr": "Essai", "en": f"Trial {uuid.uuid4()}"}
    with line_to(world.settings.url, "/rpc/announce_maintenance") as line, clients(world, line.url) as mpp:
        line.losses = 1
        with pytest.raises(TransportError) as raised:
            mpp.maintenance.announce(starts, starts.replace(hour=1), words)
        assert "look, then try again" in raised.value.hint
        assert line.lost == 1
    (announced,) = [window for window in world.ops.maintenance.iterate() if window.message["en"] == words["en"]]
    world.ops.maintenance.cancel(announced.id)


def test_a_validation_whose_database_connection_is_killed_is_sent_again(world: World, lesson: dict[str, Any]) -> None:
    before = recorded(world, lesson)
    receipt: list[set[Any]] = []
    waiting = (
        "select pid from pg_stat_activity where wait_event_type = 'Lock' and query ilike '%validate_for_pupils%'"
        " and pid <> pg_backend_pid()"
    )
    with psycopg.connect(world.env["SUPABASE_DB_URL"]) as holder, clients(world, world.settings.url) as mpp:
        # The score row of a class is its lock.
        holder.execute("select 1 from mpp.score where subject_id = %s for update", (lesson["class_id"],))
        sender = threading.Thread(target=lambda: receipt.append(validate(mpp, lesson, uuid.uuid4())))
        sender.start()
        while not (found := world.database.execute(waiting).fetchall()):
            assert sender.is_alive()
        world.database.execute("select pg_terminate_backend(%s)", (found[0][0],))
        holder.rollback()
        sender.join()
    assert len(receipt[0]) == 2
    assert recorded(world, lesson) == before + 2
