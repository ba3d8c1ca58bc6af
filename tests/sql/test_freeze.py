"""The freeze: from then on nothing of a ranking changes, and its seal proves it."""

from __future__ import annotations

import pytest

from tests.support.game import HOUR

RANKINGS = ("player_ranking", "team_ranking", "league_ranking", "edition_statistics")


@pytest.fixture
def edition(game):
    return game.edition(league_min_players=1)


@pytest.fixture
def played(game, edition):
    """Two leagues with points, a pending collective, one who opted out; returns the players of the first."""
    first, second = game.league(edition, name="First"), game.league(edition, name="Second")
    people = [game.player(first, game.registered(f"p{n}"), team=n % 2) for n in range(4)]
    for number, person in enumerate(people):
        for _ in range(number):
            game.validate(person, edition, "t-soup")
    game.validate(people[0], edition, "t-picnic")
    game.validate(second.ambassador, edition, "t-bike")
    people[1].call("set_listing", scope="player", subject_id=people[1].player_id, listed=False)
    return first, second, people


def shown(game, edition):
    """Everything the public sees of a ranking, but for the moment of a count."""
    return {
        view: sorted(str(row | {"counted_at": None}) for row in game.anon.view(view, edition_id=edition.id))
        for view in RANKINGS
    }


def frozen(game, edition):
    game.close(edition)
    return game.freeze(edition)


def test_only_an_edition_that_is_over_is_frozen(game):
    for phase in ("draft", "registration", "running"):
        edition = game.edition(phase)
        with game.refused("MP026"):
            game.freeze(edition)
        assert game.one("select frozen_at from mpp.edition where id = %s", (edition.id,)) is None


def test_freezing_changes_nothing_that_is_shown_and_is_done_once(game, edition, played):
    game.close(edition)
    # The freeze counts; counted before, nothing is new.
    game.service.call("count_edition", edition_code=edition.code)
    before = shown(game, edition)
    at = game.freeze(edition)
    assert shown(game, edition) == before
    game.clock(game.now + HOUR)
    assert game.freeze(edition) == at
    assert (
        game.one("select count(*) from mpp.audit where action = 'edition.freeze' and subject = %s", (edition.code,))
        == 1
    )
    seal = game.one("select seal from mpp.edition where id = %s", (edition.id,))
    (trace,) = game.service.view("audit_log", action="edition.freeze", subject=edition.code)
    assert trace["details"]["seal"] == seal
    assert game.one("select count(*) from mpp.score_delta where edition_id = %s", (edition.id,)) == 0
    assert game.anon.view("editions", id=edition.id)[0]["phase"] == "frozen"
    assert game.faults(edition) == []


def test_the_frozen_ranking_is_the_sum_of_the_credited_validations(game, edition, played):
    frozen(game, edition)
    for row in game.rows(
        "select s.points, coalesce((select sum(v.points) from mpp.validation v where v.state = 'credited'"
        " and s.subject_id in (v.player_id, v.team_id, v.league_id)), 0) as earned from mpp.score s"
        " where s.edition_id = %s",
        (edition.id,),
    ):
        assert row["points"] == row["earned"]


@pytest.mark.parametrize(
    "change",
    [
        "points = points + 1",
        "players = players + 1",
        "tie_order = tie_order + 1",
        "by_average = not by_average, points = points",
        "at_least_players = 9",
        "edition_id = %(other)s",
        "scope = 'team'",
    ],
)
def test_a_score_of_a_frozen_edition_refuses_to_change(game, edition, played, change):
    frozen(game, edition)
    other = game.edition()
    with game.refused("MP024"):
        game.run(
            f"update mpp.score set {change} where edition_id = %(edition)s and scope = 'league'",
            {"edition": edition.id, "other": other.id},
        )


def test_who_was_not_listed_at_the_freeze_is_never_listed_again(game, edition, played):
    _, _, people = played
    frozen(game, edition)
    with game.refused("MP024"):
        game.run("update mpp.score set listed = true where subject_id = %s", (people[1].player_id,))
    with game.refused("MP024"):
        people[1].call("set_listing", scope="player", subject_id=people[1].player_id, listed=True)
    game.run("update mpp.player set listed = true where id = %s", (people[1].player_id,))
    assert game.anon.view("player_ranking", subject_id=people[1].player_id) == []
    assert game.faults(edition) == []


def test_who_opts_out_after_the_freeze_is_in_no_statistic(game, edition, played):
    _, _, people = played
    frozen(game, edition)
    (before,) = game.anon.view("edition_statistics", edition_id=edition.id)
    listed = next(p for p in people if game.anon.view("player_ranking", subject_id=p.player_id))
    points = game.score(listed.player_id)
    listed.call("set_listing", scope="player", subject_id=listed.player_id, listed=False)
    (after,) = game.anon.view("edition_statistics", edition_id=edition.id)
    assert (before["players"] - after["players"], before["points"] - after["points"]) == (1, points)
    rows = game.anon.view("player_ranking", edition_id=edition.id)
    assert (len(rows), sum(row["points"] for row in rows)) == (after["players"], after["points"])


@pytest.mark.parametrize(
    "statement",
    [
        "insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state)"
        " select gen_random_uuid(), edition_id, challenge_id, player_id, team_id, league_id, points, 'credited'"
        " from mpp.validation where edition_id = %s limit 1",
        "update mpp.validation set state = 'cancelled' where edition_id = %s and state = 'credited'",
        "update mpp.validation set state = 'credited' where edition_id = %s and state = 'pending'",
    ],
)
def test_the_ledger_of_a_frozen_edition_is_closed_to_the_deploying_role_too(game, edition, played, statement):
    frozen(game, edition)
    with game.refused("MP024"):
        game.run(statement, (edition.id,))


@pytest.mark.parametrize(
    "change",
    [
        "ends_at = ends_at - interval '1 day'",
        "registration_closes_at = private.clock()",
        "frozen_at = null, seal = null",
        "seal = 'x'",
        "frozen_at = private.clock()",
        "ranking_basis = 'average'",
        "league_max_players = 30",
        "organisation_id = null, code = code || 'x'",
    ],
)
def test_a_frozen_edition_refuses_to_change_but_for_its_title(game, edition, played, change):
    frozen(game, edition)
    with game.refused("MP024", "MP025"):
        game.run(f"update mpp.edition set {change} where id = %s", (edition.id,))
    game.run("""update mpp.edition set title = '{"fr": "Corrigé", "en": "Corrected"}' where id = %s""", (edition.id,))


def test_a_player_who_opts_out_after_the_freeze_disappears_and_changes_no_rank(game, edition, played):
    _, _, people = played
    frozen(game, edition)
    before = {r["subject_id"]: r for r in game.anon.view("player_ranking", edition_id=edition.id)}
    best = people[3]
    best.call("set_listing", scope="player", subject_id=best.player_id, listed=False)
    after = {r["subject_id"]: r for r in game.anon.view("player_ranking", edition_id=edition.id)}
    assert after == {subject: row for subject, row in before.items() if subject != best.player_id}
    assert min(row["rank"] for row in after.values()) == 2
    with game.refused("MP005"):
        game.anon.table("ranking_around", subject_id=best.player_id)
    assert [r["rank"] for r in best.table("my_rank", edition_id=edition.id) if r["is_me"]] == [1]
    assert game.faults(edition) == []


def test_a_league_that_opts_out_after_the_freeze_disappears_and_changes_no_rank(game, edition, played):
    first, second, people = played
    frozen(game, edition)
    before = {r["subject_id"]: r["rank"] for r in game.anon.view("league_ranking", edition_id=edition.id)}
    assert before == {first.id: 1, second.id: 2}
    first.ambassador.call("set_listing", scope="league", subject_id=first.id, listed=False)
    assert [(r["subject_id"], r["rank"]) for r in game.anon.view("league_ranking", edition_id=edition.id)] == [
        (second.id, 2)
    ]
    assert {r["subject_id"] for r in game.anon.view("team_ranking", edition_id=edition.id)} == set(second.teams)
    for row in game.anon.view("player_ranking", edition_id=edition.id):
        assert row["league_label"] in (None, "Second")
    assert game.anon.view("player_ranking", subject_id=people[3].player_id)[0]["rank"] == 1
    assert game.faults(edition) == []


def test_a_league_may_still_opt_out_when_one_of_its_players_wanted_back_in(game, edition, played):
    first, _, people = played
    frozen(game, edition)
    game.run("update mpp.player set listed = true where id = %s", (people[1].player_id,))
    first.ambassador.call("set_listing", scope="league", subject_id=first.id, listed=False)
    assert "First" not in str(game.anon.view("player_ranking", edition_id=edition.id))
    assert game.anon.view("player_ranking", subject_id=people[1].player_id) == []


TAMPERING = {
    "points of a score": (
        "score",
        "update mpp.score set points = points + 1 where edition_id = %s and scope = 'league'",
    ),
    "players of a score": (
        "score",
        "update mpp.score set players = players + 1 where edition_id = %s and scope = 'team'",
    ),
    "order of a score": (
        "score",
        "update mpp.score set tie_order = tie_order + 1 where edition_id = %s and scope = 'player'",
    ),
    "a score taken away": ("score", "delete from mpp.score where edition_id = %s and scope = 'team' and points = 0"),
    "a count": (None, "update mpp.score_count set subjects = subjects + 1 where edition_id = %s"),
    "a count taken away": (None, "delete from mpp.score_count where edition_id = %s and scope = 'player'"),
    "a move": (None, "insert into mpp.score_delta (edition_id, player_to) values (%s, 99)"),
    "points in the ledger": (
        "validation",
        "update mpp.validation set points = 9 where edition_id = %s and state = 'credited'",
    ),
    "the ledger": ("validation", "delete from mpp.validation where edition_id = %s and state = 'credited'"),
    "the seal": ("edition", "update mpp.edition set seal = '1:1:1:1:1' where id = %s"),
}


@pytest.mark.parametrize("kind", TAMPERING)
def test_the_proof_breaks_when_a_frozen_edition_is_tampered_with(game, edition, played, kind):
    frozen(game, edition)
    table, statement = TAMPERING[kind]
    if table:
        game.run(f"alter table mpp.{table} disable trigger user")
    assert game.run(statement, (edition.id,)) > 0
    if table:
        game.run(f"alter table mpp.{table} enable trigger user")
    assert [f for f in game.faults(edition) if f["edition_code"] == edition.code] != []


def test_the_ledger_and_the_scores_changed_together_still_break_the_seal(game, edition, played):
    _, second, _ = played
    frozen(game, edition)
    for table in ("validation", "score"):
        game.run(f"alter table mpp.{table} disable trigger user")
    game.run("update mpp.validation set points = 20 where league_id = %s", (second.id,))
    game.run(
        "update mpp.score set points = 20, value = 20 where edition_id = %s and subject_id in"
        " (select unnest(array[v.player_id, v.team_id, v.league_id]) from mpp.validation v where v.league_id = %s)",
        (edition.id, second.id),
    )
    assert [f["fault"] for f in game.faults(edition)] == ["the seal of the frozen ranking is broken"]


def test_names_and_listing_are_not_part_of_the_seal(game, edition, played):
    frozen(game, edition)
    seal = game.one("select private.seal_of(%s)", (edition.id,))
    game.run("update mpp.score set label = '—', listed = false, is_public = false where edition_id = %s", (edition.id,))
    assert game.one("select private.seal_of(%s)", (edition.id,)) == seal
    assert game.faults(edition) == []


def test_another_edition_goes_on_after_a_freeze(game, edition, played):
    frozen(game, edition)
    other = game.edition()
    person = game.player(game.league(other))
    game.validate(person, other, "t-bike")
    assert game.score(person.player_id) == 4


def test_who_is_forgotten_in_a_frozen_and_a_running_edition_at_once_leaves_right_counts(game):
    over, running = game.edition(), game.edition()
    person = game.registered()
    for edition in (over, running):
        game.player(game.league(edition), person)
        game.validate(person, edition, "t-soup")
    game.close(over)
    game.freeze(over)
    game.run("delete from mpp.profile where id = %s", (person.account,))
    assert game.faults(over) == game.faults(running) == []
