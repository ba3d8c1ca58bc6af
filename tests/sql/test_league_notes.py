"""Notes of a league's week: who gets one, what it says, once a week, and nobody who has left or withdrawn."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from mpp_supabase.mail.letters import write_letter
from tests.support.game import DAY, HOUR, Edition, Game, Person


def consenting(game: Game, **more: Any) -> Person:
    """Somebody who agreed to the alerts of their league."""
    return game.registered(league_alerts=True, **more)


def queue(game: Game, edition: Edition, **more: Any) -> dict[str, Any]:
    """Queue the notes of every league of the edition, leagues counted."""
    leagues = queued = already = 0
    after: uuid.UUID | None = None
    while True:
        batch = game.service.call("queue_league_notes", edition_code=edition.code, after=after, **more)
        leagues, queued, already = leagues + batch["leagues"], queued + batch["queued"], already + batch["already"]
        after = batch["after"]
        if after is None:
            return {"leagues": leagues, "queued": queued, "already": already}


def notes(game: Game) -> dict[uuid.UUID, dict[str, Any]]:
    """Every note in the outbox, by its reader."""
    found = game.rows("select * from mpp.outbox where template = 'league_note'")
    assert all(row["purpose"] == "league_alerts" for row in found)
    return {row["account_id"]: row for row in found}


@pytest.fixture
def edition(game: Game) -> Edition:
    """An edition in the middle of its second week."""
    game.run("delete from mpp.outbox")
    return game.edition(starts=-10 * DAY, ends=11 * DAY)


def test_a_note_goes_to_the_players_of_a_league_who_agreed_and_to_nobody_else(game, edition):
    league = game.league(edition, consenting(game))
    agreed, silent = game.player(league, consenting(game)), game.player(league)
    withdrawn, left = game.player(league, consenting(game)), game.player(league, consenting(game))
    withdrawn.call("set_consent", purpose="league_alerts", granted=False)
    left.call("leave_league", league_id=league.id)
    consenting(game)
    assert queue(game, edition) == {"leagues": 1, "queued": 2, "already": 0}
    assert set(notes(game)) == {league.ambassador.account, agreed.account}
    assert silent.account not in notes(game)


def test_a_note_tells_the_week_of_the_league_and_of_its_reader(game, edition):
    other = game.league(edition)
    league = game.league(edition, consenting(game, language="en"), name="The Owls")
    second = game.player(league, consenting(game, language="fr"))
    for _ in range(2):
        game.validate(second, edition, "t-bike")
    game.validate(league.ambassador, edition, "t-soup")
    cancelled = game.validate(league.ambassador, edition, "t-soup")
    game.cancel(league.ambassador, cancelled)
    game.validate(other.ambassador, edition, "t-soup")
    queue(game, edition)
    note = notes(game)[second.account]
    assert (note["language"], note["league_id"]) == ("fr", league.id)
    assert note["data"] == {
        "league": "The Owls", "edition": "An edition (fr)", "is_class": False, "rank": 1,
        "own_points": 8, "own_change": 8,
        "figures": [
            {"name": "players", "value": 2}, {"name": "validations", "value": 3, "change": 3},
            {"name": "points", "value": 10, "change": 10},
        ],
    }  # fmt: skip
    assert "The Owls" in write_letter("league_note", note["data"], "fr").subject
    english = notes(game)[league.ambassador.account]
    assert (english["language"], english["data"]["edition"], english["data"]["own_points"]) == ("en", "An edition", 2)


def test_the_week_of_a_note_begins_with_the_civil_week_of_the_edition(game, edition):
    league = game.league(edition, consenting(game))
    second = game.player(league, consenting(game))
    opens = game.one("select max(opens) from private.weeks_of(%s, private.clock())", (edition.id,))
    for at in (opens - HOUR, opens):
        game.clock(at)
        game.validate(second, edition, "t-bike")
    game.clock(game.now)
    assert game.one("select count(*) from mpp.validation where validated_at < %s", (opens,)) == 1
    queue(game, edition)
    data = notes(game)[second.account]["data"]
    assert [figure.get("change") for figure in data["figures"]] == [None, 1, 4]
    assert (data["own_points"], data["own_change"]) == (8, 4)


def test_a_league_that_opted_out_has_a_note_without_a_rank(game, edition):
    league = game.league(edition, consenting(game))
    league.ambassador.call("set_listing", scope="league", subject_id=league.id, listed=False)
    queue(game, edition)
    data = notes(game)[league.ambassador.account]["data"]
    assert data["rank"] is None
    assert not any("number" in text for text in write_letter("league_note", data, "en").paragraphs)


def test_teachers_get_the_note_of_their_class_and_it_holds_no_pupil(game):
    game.run("delete from mpp.outbox")
    edition = game.edition(audience="school", ranking_basis="average")
    made = game.class_(edition, game.teacher(class_alerts=True), pupils=["Lina", "Noé"])
    game.class_(edition, pupils=["Zoé"])
    assert queue(game, edition) == {"leagues": 2, "queued": 1, "already": 0}
    data = notes(game)[made.teacher.account]["data"]
    assert data["is_class"] is True
    assert (data["own_points"], data["figures"][0]) == (None, {"name": "pupils", "value": 2})
    assert not {"Lina", "Noé"} & set(str(data).replace("'", " ").split())
    assert "classe" in write_letter("league_note", data, "fr").subject


def test_the_ambassador_of_a_clients_league_gets_the_clients_note_and_its_players_this_one(game, edition):
    part = game.participation(game.organisation(), edition)
    league = game.client_league(part, edition, first=consenting(game))
    player = game.player(league, consenting(game))
    queue(game, edition)
    assert set(notes(game)) == {player.account}


def test_notes_are_queued_once_a_week_in_batches_and_a_dry_run_queues_nothing(game, edition):
    leagues = [game.league(edition, consenting(game)) for _ in range(5)]
    counted = {"leagues": 5, "queued": 5, "already": 0}
    assert queue(game, edition, how_many=2, dry_run=True) == counted
    assert not notes(game)
    # Cut off after the first piece, and begun again.
    assert game.service.call("queue_league_notes", edition_code=edition.code, how_many=2)["queued"] == 2
    assert queue(game, edition, how_many=2, dry_run=True) == {"leagues": 5, "queued": 3, "already": 2}
    assert queue(game, edition, how_many=2) == {"leagues": 5, "queued": 3, "already": 2}
    assert set(notes(game)) == {league.ambassador.account for league in leagues}
    game.clock(game.now + 7 * DAY)
    assert queue(game, edition) == counted


def test_whoever_leaves_or_withdraws_between_queueing_and_sending_gets_nothing(game, edition):
    league = game.league(edition, consenting(game))
    left, withdrawn, stays = (game.player(league, consenting(game)) for _ in range(3))
    queue(game, edition)
    left.call("leave_league", league_id=league.id)
    withdrawn.call("set_consent", purpose="league_alerts", granted=False)
    due = {row["key"].split("/")[-1]: row["obstacle"] for row in game.service.table("due_mails", how_many=100)}
    assert due == {
        str(left.account): "no longer in the league", str(withdrawn.account): "no consent",
        str(stays.account): None, str(league.ambassador.account): None,
    }  # fmt: skip


def test_a_note_is_no_news_before_the_start_nor_a_week_after_the_end(game, edition):
    game.league(edition, consenting(game))
    for at in (edition.starts_at - HOUR, edition.ends_at + 9 * DAY):
        game.clock(at)
        with game.refused("MP022"):
            queue(game, edition)
    game.clock(edition.ends_at + 2 * DAY)
    assert queue(game, edition)["queued"] == 1
    game.clock(edition.ends_at + 9 * DAY)
    assert [row["obstacle"] for row in game.service.table("due_mails", how_many=9)] == ["too late"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"edition_code": "nowhere"}, "MP020"), ({"edition_code": None}, "MP020"), ({"how_many": 0}, "MP010"),
     ({"how_many": 5001}, "MP010"), ({"how_many": None}, "MP010")],
)  # fmt: skip
def test_what_cannot_be_queued_is_refused(game, edition, wrong, code):
    with game.refused(code):
        game.service.call("queue_league_notes", **{"edition_code": edition.code, **wrong})
