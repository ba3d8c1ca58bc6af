"""What lies in old editions is not read for the one that is played: docs/decisions/one-table.md."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.game import DAY, HOUR, Edition, Game

#: The tables that grow with every edition, by whole reads of which an old edition would cost the present one something.
GROWING = ("validation", "score", "player")

#: So many scores and players of an old edition that nobody would read them all to find a few.
MANY = 4_000


@pytest.fixture
def played(game: Game) -> Edition:
    """An edition with a few validations and somebody who is not listed, beside one with many rows."""
    old = game.edition(starts=-3 * DAY)
    game.run(
        "with league as (insert into mpp.league (edition_id, name, category)"
        " select %(edition)s, 'League ' || n, 'friends' from generate_series(1, %(leagues)s) n returning id),"
        " team as (insert into mpp.team (league_id, edition_id, name) select id, %(edition)s, 'Team' from league"
        " returning id, league_id)"
        " insert into mpp.player (edition_id, league_id, team_id, alias, first_name, listed)"
        " select %(edition)s, t.league_id, t.id, 'Somebody', 'Somebody', n %% 2 = 0"
        " from team t cross join generate_series(1, 20) n",
        {"edition": old.id, "leagues": MANY // 20},
    )
    busy = game.player(game.league(old))
    game.service.call(
        "import_validations", edition_code=old.code, player_ids=[busy.player_id] * 2_000,
        challenge_ids=[old.challenges["t-soup"]] * 2_000,
        done_at=[old.starts_at + HOUR * (n // 45) for n in range(2_000)],
        request_keys=[row["key"] for row in game.rows("select gen_random_uuid() as key from generate_series(1, 2000)")],
    )  # fmt: skip
    edition = game.edition(league_min_players=1)
    people = [game.player(game.league(edition)) for _ in range(3)]
    people[2].call("set_listing", scope="player", subject_id=people[2].player_id, listed=False)
    for person in people:
        game.validate(person, edition, "t-soup")
    # How large the planner thinks the tables is no part of a transaction: a test that ran before may have told it
    # otherwise.
    game.run("analyze mpp.player, mpp.league, mpp.score, mpp.validation, mpp.profile")
    return edition


def rows_read(game: Game, work: Callable[[], object]) -> dict[str, int]:
    """The rows that some work reads of each growing table by going through the whole of it."""

    def count() -> dict[str, int]:
        return {
            table: game.one("select pg_stat_get_xact_tuples_returned(%s::regclass)", (f"mpp.{table}",))
            for table in GROWING
        }

    before = count()
    work()
    return {table: read - before[table] for table, read in count().items()}


def test_proving_closing_counting_and_freezing_an_edition_reads_no_other(game: Game, played: Edition) -> None:
    none = dict.fromkeys(GROWING, 0)
    assert rows_read(game, lambda: game.rows("select count(*) from mpp.validation"))["validation"] > 2_000
    assert rows_read(game, lambda: game.faults(played)) == none
    assert rows_read(game, lambda: game.close(played)) == none
    assert rows_read(game, lambda: game.service.call("count_edition", edition_code=played.code)) == none
    assert rows_read(game, lambda: game.freeze(played)) == none
    assert rows_read(game, lambda: game.faults(played)) == none
    (counted,) = game.anon.view("edition_statistics", edition_id=played.id)
    # Three ambassadors, and two of the three who joined them.
    assert (counted["players"], counted["challenges"]) == (5, 2)
    assert game.faults() == []


def test_reading_and_playing_an_edition_reads_no_other(game: Game, played: Edition) -> None:
    ana = game.player(game.league(played))

    def play() -> None:
        receipt = game.validate(ana, played, "t-soup")
        ana.table("my_rank", edition_id=played.id)
        for scope in ("player", "team", "league"):
            game.anon.table("ranking_page", edition_id=played.id, scope=scope)
        game.anon.view("edition_statistics", edition_id=played.id)
        game.cancel(ana, receipt)

    assert rows_read(game, play) == dict.fromkeys(GROWING, 0)


def test_the_map_of_a_client_goes_through_no_table(game: Game, played: Edition) -> None:
    participation = game.participation(game.organisation(), played)
    game.client_league(participation, played)
    # A planner that thinks little of indexes, as it does when tables are large and nothing is known of them.
    game.run("set local random_page_cost = 1000")
    query = "select * from private.count_client_map(%s)"
    assert rows_read(game, lambda: game.rows(query, ([participation],))) == dict.fromkeys(GROWING, 0)
