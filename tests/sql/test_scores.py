"""Scores and their counts: kept in the transaction that earns the points, and proven by verify_scores."""

from __future__ import annotations

import random
import uuid

import pytest


@pytest.fixture
def edition(game):
    return game.edition()


@pytest.fixture
def league(game, edition):
    return game.league(edition)


def counts(game, edition, scope="player"):
    """How many listed subjects stand at each value, folded or not."""
    rows = game.rows(
        "select value, subjects as n from mpp.value_count where edition_id = %s and scope = %s and subjects <> 0"
        " order by value",
        (edition.id, scope),
    )
    return {row["value"]: row["n"] for row in rows}


def order(game, edition, scope="player"):
    """The subjects of a ranking as everybody reads them."""
    return [
        row["subject_id"]
        for row in game.anon.rows(
            f"select subject_id from api.{scope}_ranking where edition_id = %s"
            " order by value desc, tie_order, subject_id",
            (edition.id,),
        )
    ]


def test_everybody_has_a_score_of_zero_from_the_moment_they_join(game, edition, league):
    ana = game.player(league)
    assert {game.score(s) for s in (ana.player_id, league.id, *league.teams)} == {0}
    assert (counts(game, edition), counts(game, edition, "team"), counts(game, edition, "league")) == (
        {0: 2},
        {0: 2},
        {0: 1},
    )


def test_counts_follow_every_move_of_a_score(game, edition, league):
    ana, ben = game.player(league), game.player(league)
    receipt = game.validate(ana, edition, "t-bike")
    game.validate(ben, edition, "t-plane")
    assert counts(game, edition) == {-5: 1, 0: 1, 4: 1}
    game.cancel(ana, receipt)
    assert counts(game, edition) == {-5: 1, 0: 2}
    ben.call("set_listing", scope="player", subject_id=ben.player_id, listed=False)
    assert counts(game, edition) == {0: 2}
    ben.call("set_listing", scope="player", subject_id=ben.player_id, listed=True)
    assert counts(game, edition) == {-5: 1, 0: 2}
    assert game.faults(edition) == []


def test_folding_moves_the_counts_and_changes_none(game, edition, league):
    ana = game.player(league)
    for _ in range(5):
        game.validate(ana, edition, "t-soup")
    before = {scope: counts(game, edition, scope) for scope in ("player", "team", "league")}
    ranks = game.anon.rows("select subject_id, rank from api.player_ranking where edition_id = %s", (edition.id,))
    game.run("select private.fold_scores(%s, true)", (edition.id,))
    assert game.one("select count(*) from mpp.score_delta where edition_id = %s", (edition.id,)) == 0
    assert {scope: counts(game, edition, scope) for scope in before} == before
    assert (
        game.anon.rows("select subject_id, rank from api.player_ranking where edition_id = %s", (edition.id,)) == ranks
    )
    game.validate(ana, edition, "t-soup")
    assert counts(game, edition)[12] == 1
    assert game.faults(edition) == []


def test_equals_stand_in_the_order_in_which_they_got_there(game, edition, league):
    ana, ben, cleo = game.player(league), game.player(league), game.player(league)
    for person in (cleo, ana, ben):
        game.validate(person, edition, "t-bike")
    assert order(game, edition)[:3] == [cleo.player_id, ana.player_id, ben.player_id]
    game.validate(cleo, edition, "t-soup")
    for person in (ben, ana):
        game.validate(person, edition, "t-soup")
    assert order(game, edition)[:3] == [cleo.player_id, ben.player_id, ana.player_id]


def test_a_validation_taken_back_costs_no_place_among_equals(game, edition):
    first, second = game.league(edition), game.league(edition)
    ana, ben = first.ambassador, second.ambassador
    for person in (ana, ben):
        game.validate(person, edition, "t-bike")
    before = [order(game, edition, scope) for scope in ("player", "league", "team")]
    assert before[0] == [ana.player_id, ben.player_id]
    game.cancel(ana, game.validate(ana, edition, "t-soup"))
    assert [order(game, edition, scope) for scope in ("player", "league", "team")] == before
    game.cancel(game.staff(), game.validate(ana, edition, "t-soup"), reason="no proof")
    assert [order(game, edition, scope) for scope in ("player", "league", "team")] == before


def test_who_has_nothing_left_stands_as_if_they_had_never_begun(game, edition, league):
    ana = game.player(league)
    before = order(game, edition)
    game.cancel(ana, game.validate(ana, edition, "t-bike"))
    assert order(game, edition) == before
    assert game.faults(edition) == []


def test_a_pending_validation_moves_nobody_and_its_quorum_counts_from_when_it_was_reached(game, edition, league):
    people = [game.player(league, team=0) for _ in range(3)]
    other = game.league(edition).ambassador
    receipts = [game.validate(person, edition, "t-picnic") for person in people[:2]]
    assert game.score(people[0].player_id) == 0
    game.validate(other, edition, "t-bike")
    game.validate(people[0], edition, "t-bike")
    assert order(game, edition)[:2] == [other.player_id, people[0].player_id]
    game.validate(people[2], edition, "t-picnic")
    # The quorum is lost: what is left is what was there before it.
    game.cancel(people[1], receipts[1])
    assert order(game, edition)[:2] == [other.player_id, people[0].player_id]
    assert game.faults(edition) == []


def test_what_everybody_reads_of_the_order_tells_no_time(game, edition, league):
    game.validate(game.player(league), edition, "t-bike")
    for scope in ("player", "team", "league", "class", "school"):
        found = game.rows(
            "select a.attname from pg_attribute a where a.attrelid = %s::regclass and a.attnum > 0"
            " and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype, 'time'::regtype)",
            (f"api.{scope}_ranking",),
        )
        assert found == [], scope
    assert (
        game.rows(
            "select a.attname from pg_attribute a join pg_type t on t.typrelid = a.attrelid"
            " where t.oid = 'api.standing'::regtype and a.atttypid = 'timestamptz'::regtype"
        )
        == []
    )


def test_the_id_of_a_player_tells_nothing(game, edition, league):
    game.player(league)
    lines = game.anon.view("player_ranking", edition_id=edition.id)
    assert lines
    # The first half of a version 7 is the millisecond in which it was made.
    assert {line["subject_id"].version for line in lines} == {4}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("basis", ["total", "average"])
def test_places_among_equals_are_what_a_plain_model_says(game, basis, seed):
    """Random plays, beside a list of what counts and in which step it was credited."""
    chance = random.Random(seed)
    edition = game.edition(ranking_basis=basis, league_min_players=1)
    leagues = [game.league(edition) for _ in range(2)]
    people = [league.ambassador for league in leagues]
    people += [game.player(league, team=chance.randrange(2)) for league in leagues for _ in range(3)]
    staff = game.staff()
    #: validation: (player, team, league, is_collective)
    ledger: dict[uuid.UUID, tuple[uuid.UUID, uuid.UUID, uuid.UUID, bool]] = {}
    credited: dict[uuid.UUID, int] = {}

    def credit_quorums(step: int) -> None:
        """A team of which two did the swap has it; of a team that has not, nobody."""
        for team in {row[1] for row in ledger.values()}:
            swaps = [key for key, row in ledger.items() if row[1] == team and row[3]]
            if len({ledger[key][0] for key in swaps}) >= 2:
                for key in swaps:
                    credited.setdefault(key, step)
            else:
                for key in swaps:
                    credited.pop(key, None)

    for step in range(1, 60):
        person = chance.choice(people)
        place = game.rows("select team_id, league_id from mpp.player where id = %s", (person.player_id,))[0]
        what = chance.choice(("t-soup", "t-soup", "t-swap", "t-plane", "back", "back", "move"))
        mine = [key for key, row in ledger.items() if row[0] == person.player_id]
        if what == "move":
            team = chance.choice(next(x.teams for x in leagues if x.id == place["league_id"]))
            if team != place["team_id"]:
                person.call("choose_team", team_id=team)
        elif what == "back":
            if mine:
                key = chance.choice(mine)
                game.cancel(staff, {"validation_id": key}, reason="a test")
                del ledger[key]
                credited.pop(key, None)
                credit_quorums(step)
        elif what != "t-swap" or sum(ledger[key][3] for key in mine) < 2:
            key = game.validate(person, edition, what)["validation_id"]
            ledger[key] = (person.player_id, place["team_id"], place["league_id"], what == "t-swap")
            if what == "t-swap":
                credit_quorums(step)
            else:
                credited[key] = step
    last: dict[uuid.UUID, int] = {}
    for key, step in credited.items():
        for subject in ledger[key][:3]:
            last[subject] = max(last.get(subject, 0), step)
    for scope in ("player", "team", "league"):
        rows = game.anon.rows(
            f"select subject_id, value from api.{scope}_ranking where edition_id = %s"
            " order by value desc, tie_order, subject_id",
            (edition.id,),
        )
        # Who was credited in one step was so together.
        found = [(-row["value"], last.get(row["subject_id"], 0)) for row in rows]
        assert found == sorted(found), scope
    assert game.faults(edition) == []


def test_a_team_and_a_league_count_their_players(game, edition, league):
    ana = game.player(league, team=1)
    game.player(league, team=1)

    def players():
        return [
            game.one("select players from mpp.score where subject_id = %s", (s,)) for s in (league.id, *league.teams)
        ]

    assert players() == [3, 1, 2]
    ana.call("leave_league", league_id=league.id)
    assert players() == [2, 1, 1]
    game.player(league, ana, team=0)
    assert players() == [3, 2, 1]


def test_who_played_and_left_still_counts_in_the_average_of_what_they_left(game, edition, league):
    ana = game.player(league, team=1)
    game.validate(ana, edition, "t-bike")
    ana.call("leave_league", league_id=league.id)
    assert game.one("select players from mpp.score where subject_id = %s", (league.id,)) == 2
    assert game.one("select players from mpp.score where subject_id = %s", (league.teams[1],)) == 1


@pytest.mark.parametrize("statement", ["delete from mpp.score", "truncate mpp.score"])
def test_scores_are_never_taken_away(game, league, statement):
    with game.refused("MP061"):
        game.run(statement)


def test_verify_finds_nothing_in_an_edition_that_was_played(game, edition, league):
    for code in ("t-bike", "t-soup", "t-plane", "t-picnic", "t-boost", "t-flash"):
        game.validate(league.ambassador, edition, code)
    assert game.faults(edition) == []
    assert [f for f in game.faults() if f["edition_code"] == edition.code] == []


def played(game, edition, league):
    """Three players with a credited quorum and points; returns them."""
    people = [game.player(league, team=0) for _ in range(3)]
    for person in people:
        game.validate(person, edition, "t-bike")
        game.validate(person, edition, "t-picnic")
    game.run("select private.fold_scores(%s, true)", (edition.id,))
    assert game.faults(edition) == []
    return people


TAMPERING = {
    "points of a player": ("score", "update mpp.score set points = points + 1 where subject_id = %(player)s"),
    "points of a team": ("score", "update mpp.score set points = points - 1 where subject_id = %(team)s"),
    "order of a player": ("score", "update mpp.score set tie_order = 0 where subject_id = %(player)s"),
    "order in the ledger": (
        "validation",
        "update mpp.validation set credit_number = nextval('mpp.credit_number') where player_id = %(player)s",
    ),
    "points of a league": ("score", "update mpp.score set points = 0 where subject_id = %(league)s"),
    "points in the ledger": (
        "validation",
        "update mpp.validation set points = 5 where player_id = %(player)s and points = 4",
    ),
    "state in the ledger": (
        "validation",
        "update mpp.validation set state = 'cancelled' where player_id = %(player)s and points = 4",
    ),
    "owner in the ledger": (
        "validation",
        "update mpp.validation set player_id = %(other)s where player_id = %(player)s and points = 4",
    ),
    "a row out of the ledger": ("validation", "delete from mpp.validation where player_id = %(player)s and points = 4"),
    "a score taken away": ("score", "delete from mpp.score where subject_id = %(player)s"),
    "a count": (
        None,
        "update mpp.score_count set subjects = subjects + 1 where edition_id = %(edition)s and scope = 'player'",
    ),
    "a count taken away": (None, "delete from mpp.score_count where edition_id = %(edition)s and scope = 'league'"),
    "a move that nobody made": (None, "insert into mpp.score_delta (edition_id, player_to) values (%(edition)s, 99)"),
    "a listing": ("score", "update mpp.score set listed = false where subject_id = %(player)s"),
    "a credit below the quorum": (
        "validation",
        "update mpp.validation set state = 'cancelled' where player_id = %(player)s and points = 5;"
        "update mpp.score set points = points - 5 where subject_id in (%(player)s, %(team)s, %(league)s)",
    ),
    "a quorum that was reached and not credited": (
        "validation",
        "update mpp.validation set state = 'pending' where points = 5 and team_id = %(team)s;"
        "update mpp.score set points = points - 5 where subject_id in (%(player)s, %(other)s, %(third)s);"
        "update mpp.score set points = points - 15 where subject_id in (%(team)s, %(league)s)",
    ),
}


def tamper(game, statements, **names):
    """Run statements with every trigger of ours off, as somebody with the keys of the house would."""
    for table in ("score", "validation"):
        game.run(f"alter table mpp.{table} disable trigger user")
    for statement in statements.split(";"):
        assert game.run(statement, names) > 0
    for table in ("score", "validation"):
        game.run(f"alter table mpp.{table} enable trigger user")


@pytest.mark.parametrize("kind", TAMPERING)
def test_verify_finds_tampering_with(game, edition, league, kind):
    ana, ben, cleo = played(game, edition, league)
    tamper(
        game, TAMPERING[kind][1], player=ana.player_id, other=ben.player_id, third=cleo.player_id, team=league.teams[0],
        league=league.id, edition=edition.id,
    )  # fmt: skip
    faults = game.faults(edition)
    assert faults != []
    assert {f["edition_code"] for f in faults} == {edition.code}


def test_verify_names_the_subject_and_both_figures(game, edition, league):
    ana, *_ = played(game, edition, league)
    tamper(game, "update mpp.score set points = 100 where subject_id = %(player)s", player=ana.player_id)
    fault = next(f for f in game.faults(edition) if f["fault"] == "points")
    assert (fault["scope"], fault["subject_id"], fault["expected"], fault["found"]) == ("player", ana.player_id, 9, 100)


def test_verify_of_one_edition_does_not_speak_of_another(game, edition, league):
    ana, *_ = played(game, edition, league)
    tamper(game, "update mpp.score set points = 100 where subject_id = %(player)s", player=ana.player_id)
    assert game.faults(game.edition()) == []
    assert {f["edition_code"] for f in game.faults() if f["edition_code"].startswith("t-")} >= {edition.code}


def test_writing_the_ledger_directly_moves_the_scores_too(game, edition, league):
    ana = game.player(league, team=0)
    insert = (
        "insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state)"
        " values (%(id)s, %(edition)s, %(challenge)s, %(player)s, %(team)s, %(league)s, 4, %(state)s)"
    )
    row = {
        "edition": edition.id,
        "challenge": edition.challenges["t-bike"],
        "player": ana.player_id,
        "team": league.teams[0],
        "league": league.id,
    }
    credited, pending = uuid.uuid4(), uuid.uuid4()
    game.run(insert, {**row, "id": credited, "state": "credited"})
    game.run(insert, {**row, "id": pending, "state": "pending"})
    assert [game.score(s) for s in (ana.player_id, league.teams[0], league.id)] == [4, 4, 4]
    game.run("update mpp.validation set state = 'credited' where id = %s", (pending,))
    assert game.score(league.id) == 8
    game.run("update mpp.validation set state = 'cancelled' where league_id = %s", (league.id,))
    assert [game.score(s) for s in (ana.player_id, league.teams[0], league.id)] == [0, 0, 0]
    assert game.faults(edition) == []


def test_a_validation_belongs_to_one_edition_and_one_league(game, edition, league):
    ana, other = game.player(league, team=0), game.league(game.edition())
    insert = (
        "insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state)"
        " values (gen_random_uuid(), %s, %s, %s, %s, %s, 4, 'credited')"
    )
    for row in (
        (other.edition.id, edition.challenges["t-bike"], ana.player_id, league.teams[0], league.id),
        (edition.id, other.edition.challenges["t-bike"], ana.player_id, league.teams[0], league.id),
        (edition.id, edition.challenges["t-bike"], other.ambassador.player_id, league.teams[0], league.id),
        (edition.id, edition.challenges["t-bike"], ana.player_id, other.teams[0], league.id),
        (edition.id, edition.challenges["t-bike"], ana.player_id, league.teams[0], other.id),
    ):
        with game.refused("MP060"):
            game.run(insert, row)


@pytest.mark.parametrize(
    "write",
    [
        "delete from mpp.player where id = %(player)s",
        "delete from mpp.team where id = %(team)s",
        "delete from mpp.edition_challenge where id = %(challenge)s",
        "update mpp.player set id = gen_random_uuid() where id = %(player)s",
        "update mpp.player set edition_id = %(other)s where id = %(player)s",
        "update mpp.team set edition_id = %(other)s where id = %(team)s",
        "truncate mpp.player cascade",
        "truncate mpp.team cascade",
        "truncate mpp.edition_challenge cascade",
    ],
)
def test_what_the_ledger_refers_to_stays(game, edition, league, write):
    ana = game.player(league, team=0)
    game.validate(ana, edition, "t-bike")
    game.run("alter table mpp.edition_challenge disable trigger edition_challenge_keep_rules")
    given = {
        "player": ana.player_id,
        "team": league.teams[0],
        "challenge": edition.challenges["t-bike"],
        "other": game.edition().id,
    }
    with game.refused("MP060"):
        game.run(write, given)


def test_what_the_ledger_refers_to_and_is_not_there_is_found(game, edition, league):
    ana = game.player(league, team=0)
    game.validate(ana, edition, "t-bike")
    game.run("alter table mpp.edition_challenge disable trigger user")
    game.run("delete from mpp.edition_challenge where id = %s", (edition.challenges["t-bike"],))
    assert [fault["fault"] for fault in game.faults(edition)] == ["a validation of nobody, or of nothing"]
