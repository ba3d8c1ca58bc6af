"""Rankings: ranks, ties, order, averages, neighbours, opting out, statistics."""

from __future__ import annotations

import uuid

import pytest

from tests.support.game import HOUR, League, Person


@pytest.fixture
def edition(game):
    return game.edition(league_min_players=1)


@pytest.fixture
def league(game, edition):
    return game.league(edition)


def ranking(person: Person, scope: str, edition) -> list[dict]:
    return person.rows(
        f"select * from api.{scope}_ranking where edition_id = %s order by value desc, tie_order, subject_id",
        (edition.id,),
    )


def opt_out(person: Person, league: League | None = None, *, listed: bool = False) -> None:
    scope, subject = ("league", league.id) if league else ("player", person.player_id)
    person.call("set_listing", scope=scope, subject_id=subject, listed=listed)


def contest(game, edition, league, points: list[int]) -> list[Person]:
    """Players with these points (even ones), who got there in this order, one a minute."""
    people = []
    for minute, score in enumerate(points):
        person = game.player(league, game.registered(f"p{minute}"))
        game.clock(game.now + minute * HOUR / 60)
        for _ in range(score // 2):
            game.validate(person, edition, "t-soup")
        people.append(person)
    return people


def test_equal_points_share_a_rank_and_stand_in_the_order_they_got_there(game, edition, league):
    contest(game, edition, league, [6, 8, 6, 2, 6])
    rows = ranking(game.anon, "player", edition)
    assert [(r["rank"], r["label"], r["points"]) for r in rows][:5] == [
        (1, "p1", 8), (2, "p0", 6), (2, "p2", 6), (2, "p4", 6), (5, "p3", 2),
    ]  # fmt: skip
    assert [r["rank"] for r in rows] == [1, 2, 2, 2, 5, 6]


def test_ranks_agree_with_the_window_function_for_every_scope(game, edition):
    for number in range(3):
        league = game.league(edition)
        contest(game, edition, league, [2 * number, 4, 0, 6])
        game.validate(league.ambassador, edition, "t-plane")
    for scope in ("player", "team", "league"):
        for row in game.anon.rows(
            f"select rank, rank() over (order by value desc) as expected from api.{scope}_ranking where"
            f" edition_id = %s",
            (edition.id,),
        ):
            assert row["rank"] == row["expected"], scope


def test_teams_and_leagues_are_ranked_with_their_points_players_and_average(game, edition):
    first, second = game.league(edition, name="First"), game.league(edition, name="Second")
    ana, ben = game.player(first, team=0), game.player(first, team=1)
    game.validate(ana, edition, "t-bike")
    game.validate(ben, edition, "t-soup")
    game.validate(second.ambassador, edition, "t-soup")
    rows = ranking(game.anon, "league", edition)
    assert [(r["rank"], r["label"], r["points"], r["players"], r["points_per_player"]) for r in rows] == [
        (1, "First", 6, 3, 2), (2, "Second", 2, 1, 2),
    ]  # fmt: skip
    teams = {(r["league_label"], r["label"]): r for r in ranking(game.anon, "team", edition)}
    assert {key: (r["rank"], r["points"]) for key, r in teams.items() if r["points"]} in (
        {("First", "Team 1"): (1, 4), ("First", "Team 2"): (2, 2), ("Second", "Team 1"): (2, 2)},
        {("First", "Team 1"): (1, 4), ("First", "Team 2"): (2, 2), ("Second", "Team 2"): (2, 2)},
    )


def test_a_ranking_by_average_compares_points_per_player_and_shows_both(game):
    edition = game.edition(ranking_basis="average", league_min_players=2)
    small, big = game.league(edition, name="Small"), game.league(edition, name="Big")
    for _ in range(3):
        game.player(big)
    game.player(small)
    game.validate(small.ambassador, edition, "t-bike")
    for _ in range(3):
        game.validate(big.ambassador, edition, "t-soup")
    rows = ranking(game.anon, "league", edition)
    assert [(r["rank"], r["label"], r["points"], r["points_per_player"], r["value"]) for r in rows] == [
        (1, "Small", 4, 2, 200), (2, "Big", 6, 1.5, 150),
    ]  # fmt: skip
    assert sorted(r["value"] for r in ranking(game.anon, "player", edition))[-2:] == [4, 6]
    assert game.faults(edition) == []


def test_a_small_league_counts_as_if_it_had_the_least_size_of_the_edition(game):
    edition = game.edition(ranking_basis="average", league_min_players=4, teams_per_league=2)
    league = game.league(edition)
    game.validate(league.ambassador, edition, "t-bike")
    (row,) = ranking(game.anon, "league", edition)
    assert (row["players"], row["points_per_player"], row["value"]) == (1, 4, 100)
    assert max(r["value"] for r in ranking(game.anon, "team", edition)) == 200


def test_a_player_joining_changes_the_average_of_the_league(game):
    edition = game.edition(ranking_basis="average", league_min_players=1)
    league = game.league(edition)
    game.validate(league.ambassador, edition, "t-bike")
    game.player(league)
    assert ranking(game.anon, "league", edition)[0]["value"] == 200
    assert game.faults(edition) == []


def test_the_basis_may_change_until_the_edition_starts(game):
    edition = game.edition("registration", league_min_players=2)
    league = game.league(edition)
    game.run("update mpp.edition set ranking_basis = 'average', league_min_players = 4 where id = %s", (edition.id,))
    row = game.rows("select by_average, at_least_players from mpp.score where subject_id = %s", (league.id,))[0]
    assert (row["by_average"], row["at_least_players"]) == (True, 4)
    row = game.rows("select by_average, at_least_players from mpp.score where subject_id = %s", (league.teams[0],))[0]
    assert (row["by_average"], row["at_least_players"]) == (True, 2)
    row = game.rows("select by_average from mpp.score where subject_id = %s", (league.ambassador.player_id,))[0]
    assert row["by_average"] is False


# opting out


def test_who_opted_out_is_in_no_row_no_count_no_rank_and_no_neighbour_list_but_sees_themselves(game, edition, league):
    best, second, third = contest(game, edition, league, [8, 6, 4])
    opt_out(best)
    everybody = (game.anon, game.anonymous(), game.registered(), second, league.ambassador)
    for person in everybody:
        rows = ranking(person, "player", edition)
        assert [(r["rank"], r["label"]) for r in rows][:2] == [(1, "p1"), (2, "p2")]
        assert person.view("edition_statistics", edition_id=edition.id)[0]["players"] == 3
        with game.refused("MP005"):
            person.call("ranking_around", subject_id=best.player_id)
    around = game.anon.table("ranking_around", subject_id=second.player_id, neighbours=5)
    assert best.player_id not in {r["subject_id"] for r in around}
    assert best.player_id not in {r["subject_id"] for r in third.table("my_rank", edition_id=edition.id)}
    mine = best.table("my_rank", edition_id=edition.id)
    assert [(r["rank"], r["subject_id"], r["is_me"]) for r in mine][:2] == [
        (1, best.player_id, True), (1, second.player_id, False),
    ]  # fmt: skip
    assert [r["rank"] for r in ranking(game.anon, "league", edition)] == [1]
    assert game.score(league.id) == 18
    opt_out(best, listed=True)
    assert ranking(game.anon, "player", edition)[0]["label"] == "p0"
    assert game.faults(edition) == []


def test_a_league_that_opted_out_is_in_no_row_with_its_teams_and_its_name_nowhere(game, edition):
    hidden, other = game.league(edition, name="Hidden league"), game.league(edition)
    ana = game.player(hidden, game.registered("ana"))
    game.validate(ana, edition, "t-bike")
    opt_out(hidden.ambassador, hidden)
    for person in (game.anon, game.registered(), other.ambassador):
        assert [r["subject_id"] for r in ranking(person, "league", edition)] == [other.id]
        assert {r["subject_id"] for r in ranking(person, "team", edition)} == set(other.teams)
        assert "Hidden league" not in str(ranking(person, "player", edition))
        row = next(r for r in ranking(person, "player", edition) if r["label"] == "ana")
        assert (row["league_label"], row["rank"]) == (None, 1)
        statistics = person.view("edition_statistics", edition_id=edition.id)[0]
        assert (statistics["leagues"], statistics["teams"], statistics["players"]) == (1, 2, 3)
        for subject in (hidden.id, hidden.teams[0]):
            with game.refused("MP005"):
                person.call("ranking_around", subject_id=subject)
    for scope, subject in (
        ("league", hidden.id),
        ("team", game.one("select team_id from mpp.player where id = %s", (ana.player_id,))),
    ):
        mine = ana.table("my_rank", edition_id=edition.id, scope=scope)
        assert [(r["rank"], r["points"]) for r in mine if r["is_me"]] == [(1, 4)]
        assert [r["subject_id"] for r in mine if r["is_me"]] == [subject]
    assert hidden.ambassador.view("my_leagues")[0]["listed"] is False
    opt_out(hidden.ambassador, hidden, listed=True)
    assert ranking(game.anon, "league", edition)[0]["label"] == "Hidden league"
    assert (
        next(r for r in ranking(game.anon, "player", edition) if r["label"] == "ana")["league_label"] == "Hidden league"
    )
    assert game.faults(edition) == []


def test_joining_a_league_that_opted_out_does_not_give_its_name_away(game, edition):
    hidden = game.league(edition, name="Hidden league")
    opt_out(hidden.ambassador, hidden)
    ana = game.player(hidden)
    assert game.anon.view("player_ranking", subject_id=ana.player_id)[0]["league_label"] is None
    assert "Hidden league" not in str(game.anon.view("player_ranking", edition_id=edition.id))


def test_points_of_who_opted_out_move_no_public_rank(game, edition, league):
    ana, ben = contest(game, edition, league, [4, 2])
    opt_out(ana)
    game.validate(ana, edition, "t-bike")
    assert ranking(game.anon, "player", edition)[0]["rank"] == 1
    assert game.anon.view("player_ranking", subject_id=ben.player_id)[0]["rank"] == 1
    assert game.faults(edition) == []


def test_one_lists_oneself_and_an_ambassador_the_league(game, edition, league):
    ana, ben = game.player(league), game.player(league)
    for person in (ben, league.ambassador, game.registered()):
        with game.refused("MP005"):
            person.call("set_listing", scope="player", subject_id=ana.player_id, listed=False)
    for person in (ana, game.league(edition).ambassador, game.registered()):
        with game.refused("MP007"):
            person.call("set_listing", scope="league", subject_id=league.id, listed=False)
    with game.refused("MP010"):
        league.ambassador.call("set_listing", scope="team", subject_id=league.teams[0], listed=False)
    with game.refused("MP010"):
        ana.call("set_listing", scope="player", subject_id=ana.player_id, listed=None)
    helper = ben
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    opt_out(helper, league)


def test_opting_out_twice_is_the_same_as_once(game, edition, league):
    ana = game.player(league)
    for _ in range(2):
        opt_out(ana)
    assert game.faults(edition) == []


# neighbours


def labels(rows):
    return [(r["rank"], r["label"], r["is_me"]) for r in rows]


def test_my_rank_shows_as_many_neighbours_above_and_below_as_asked(game, edition, league):
    people = contest(game, edition, league, [10, 8, 6, 6, 6, 4, 2])
    rows = people[3].table("my_rank", edition_id=edition.id, neighbours=2)
    assert labels(rows) == [(2, "p1", False), (3, "p2", False), (3, "p3", True), (3, "p4", False), (6, "p5", False)]
    assert labels(people[3].table("my_rank", edition_id=edition.id, neighbours=0)) == [(3, "p3", True)]
    assert labels(people[0].table("my_rank", edition_id=edition.id, neighbours=1)) == [
        (1, "p0", True),
        (2, "p1", False),
    ]
    assert [r["label"] for r in people[6].table("my_rank", edition_id=edition.id)][:4] == ["p3", "p4", "p5", "p6"]
    assert len(people[3].table("my_rank", edition_id=edition.id)) == 7
    assert len(people[3].table("my_rank", edition_id=edition.id, neighbours=50)) == 8


def test_neighbours_are_the_rows_beside_in_the_ranking(game, edition, league):
    people = contest(game, edition, league, [2, 4, 4, 0, 4, 6, 4, 0])
    whole = [r["subject_id"] for r in ranking(game.anon, "player", edition)]
    for person in people:
        place = whole.index(person.player_id)
        around = [r["subject_id"] for r in game.anon.table("ranking_around", subject_id=person.player_id, neighbours=2)]
        assert around == whole[max(0, place - 2) : place + 3]


@pytest.mark.parametrize("neighbours", [-1, 51, None])
def test_as_many_neighbours_as_fit_on_a_screen(game, edition, league, neighbours):
    with game.refused("MP010"):
        league.ambassador.table("my_rank", edition_id=edition.id, neighbours=neighbours)
    with game.refused("MP010"):
        game.anon.table("ranking_around", subject_id=league.id, neighbours=neighbours)


def test_my_rank_is_for_players_of_the_edition(game, edition, league):
    for person in (game.registered(), game.signed_in(), game.anonymous(), game.staff()):
        with game.refused("MP035"):
            person.table("my_rank", edition_id=edition.id)
    with game.refused("MP035"):
        league.ambassador.table("my_rank", edition_id=-1)


def test_who_left_their_league_still_has_a_rank_but_no_team_and_no_league(game, edition, league):
    ana = game.player(league)
    game.validate(ana, edition, "t-bike")
    ana.call("leave_league", league_id=league.id)
    (mine, *_) = ana.table("my_rank", edition_id=edition.id)
    assert (mine["rank"], mine["points"], mine["league_label"]) == (1, 4, None)
    for scope in ("team", "league"):
        with game.refused("MP035"):
            ana.table("my_rank", edition_id=edition.id, scope=scope)


def test_a_rank_around_nobody_is_refused(game):
    for person in (game.anon, game.registered(), game.service):
        with game.refused("MP005"):
            person.table("ranking_around", subject_id="00000000-0000-4000-8000-000000000000")


def test_the_staff_see_the_rank_of_who_opted_out(game, edition, league):
    ana = game.player(league)
    opt_out(ana)
    for person in (game.staff(), game.service):
        assert [r["is_me"] for r in person.table("ranking_around", subject_id=ana.player_id, neighbours=0)] == [True]
        assert ana.player_id not in {r["subject_id"] for r in ranking(person, "player", edition)}


# statistics, paging


def test_statistics_count_who_is_listed_and_their_points(game, edition):
    first = game.league(edition)
    game.league(edition)
    ana = game.player(first)
    game.validate(ana, edition, "t-bike")
    game.validate(first.ambassador, edition, "t-plane")
    for person in (game.anon, game.anonymous(), ana, game.staff(), game.service):
        (row,) = person.view("edition_statistics", edition_id=edition.id)
        assert (row["code"], row["players"], row["teams"], row["leagues"], row["points"]) == (edition.code, 3, 4, 2, -1)


def nodes(plan):
    """Every node of a plan."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


@pytest.mark.parametrize("scope", ["player", "team", "league", "class"])
@pytest.mark.parametrize("asked", ["order by rank desc limit 5", "and rank = 2", "and rank > 1 order by label"])
def test_whoever_sorts_or_filters_by_rank_has_the_ranks_added_up_once(game, edition, league, scope, asked):
    contest(game, edition, league, [6, 8, 6, 2, 6])
    # What the planner takes for tables that nobody has analysed yet: one row, and for one row anything will do.
    for shortcut in ("hashjoin", "mergejoin", "material"):
        game.run(f"set local enable_{shortcut} = off")
    plan = game.anon.one(
        "explain (analyze, timing off, costs off, format json)"
        f" select * from api.{scope}_ranking where edition_id = %s {asked}",
        (edition.id,),
    )[0]["Plan"]
    tables = ("score_count", "score_delta")
    counted = [node for node in nodes(plan) if node.get("Relation Name") in tables or node["Node Type"] == "WindowAgg"]
    assert len(counted) >= 3
    assert {node["Actual Loops"] for node in counted} <= {0, 1}


@pytest.mark.parametrize("asked", ["rank = 2", "rank between 2 and 4", "rank > 100"])
def test_a_rank_is_found_where_it_is(game, edition, league, asked):
    contest(game, edition, league, [6, 8, 6, 2, 6])
    whole = ranking(game.anon, "player", edition)
    found = game.anon.rows(
        f"select * from api.player_ranking where edition_id = %s and {asked}"
        " order by value desc, tie_order, subject_id",
        (edition.id,),
    )
    wanted = {"rank = 2": (2, 2), "rank between 2 and 4": (2, 4), "rank > 100": (101, 999)}[asked]
    assert found == [row for row in whole if wanted[0] <= row["rank"] <= wanted[1]]


def test_an_edition_nobody_plays_counts_zero(game, edition):
    (row,) = game.anon.view("edition_statistics", edition_id=edition.id)
    assert (row["players"], row["teams"], row["leagues"], row["points"]) == (0, 0, 0, 0)


def test_pages_by_the_last_row_show_everybody_once(game, edition, league):
    contest(game, edition, league, [4, 2, 4, 4, 0, 2, 6])
    whole = ranking(game.anon, "player", edition)
    pages, last = [], None
    while True:
        page = game.anon.rows(
            "select * from api.player_ranking where edition_id = %(edition)s"
            " and (%(value)s::int is null or value < %(value)s or (value = %(value)s and (tie_order,"
            " subject_id) > (%(at)s, %(id)s)))"
            " order by value desc, tie_order, subject_id limit 3",
            {
                "edition": edition.id,
                "value": last and last["value"],
                "at": last and last["tie_order"],
                "id": last and last["subject_id"],
            },
        )
        if not page:
            break
        pages += page
        last = page[-1]
    assert pages == whole


def pages(person: Person, edition, scope: str, size: int, **more) -> list[dict]:
    """All rows of a ranking, page after page."""
    rows: list[dict] = []
    cursor: dict = {}
    while True:
        page = person.table("ranking_page", edition_id=edition.id, scope=scope, page_size=size, **more, **cursor)
        rows += page
        if len(page) < size:
            return rows
        cursor = {f"after_{column}": page[-1][column] for column in ("value", "tie_order", "subject_id")}


def same_columns(rows: list[dict], like: list[dict]) -> list[dict]:
    return [{name: row[name] for name in row if name in like[0]} for row in rows]


@pytest.mark.parametrize("basis", ["total", "average"])
def test_pages_hold_the_rows_of_the_views_wherever_they_begin(game, basis):
    edition = game.edition(league_min_players=1, ranking_basis=basis)
    for number in range(4):
        contest(game, edition, game.league(edition), [2 * number, 4, 0, 6, 2 * number])
    hidden = game.league(edition)
    contest(game, edition, hidden, [8, 2])
    opt_out(hidden.ambassador, hidden)
    opt_out(contest(game, edition, game.league(edition), [4, 4])[0])

    def agree() -> None:
        for scope in ("player", "team", "league"):
            whole = ranking(game.anon, scope, edition)
            for size in (1, 2, 3, 7, 1000):
                assert same_columns(pages(game.anon, edition, scope, size), whole) == same_columns(
                    whole, pages(game.anon, edition, scope, 1000)
                ), (scope, size)

    agree()
    game.run("select private.fold_scores(%s, true)", (edition.id,))
    agree()
    game.close(edition)
    game.freeze(edition)
    # Who leaves a frozen ranking leaves a gap: the ranks of the others stay.
    second = ranking(game.anon, "player", edition)[1]["subject_id"]
    leaver = game.one("select account_id from mpp.player where id = %s", (second,))
    game.run("delete from auth.users where id = %s", (leaver,))
    agree()


def test_pages_of_classes_and_schools_hold_the_rows_of_the_views(game):
    edition = game.edition(audience="school", ranking_basis="average", league_max_players=40)
    for level, times in (("elementaire", 1), ("college", 2), ("college", 2), ("lycee", 3)):
        class_ = game.class_(edition, level=level, pupils=("Ada", "Bob"))
        for _ in range(times):
            class_.teacher.table(
                "validate_for_pupils",
                class_id=class_.id,
                challenge_id=edition.challenges["t-soup"],
                pupil_ids=[class_.pupils["Ada"]],
                request_key=uuid.uuid4(),
            )
    whole = ranking(game.anon, "class", edition)
    assert len({row["value"] for row in whole}) == 3
    for size in (1, 2, 50):
        found = pages(game.anon, edition, "class", size)
        assert same_columns(found, whole) == same_columns(whole, found)
        for level in ("elementaire", "college", "lycee", "maternelle"):
            found = pages(game.anon, edition, "class", size, level=level)
            of_level = [row for row in whole if row["level"] == level]
            assert same_columns(found, whole) == same_columns(of_level, pages(game.anon, edition, "class", 50))
        for level in (None, "college"):
            schools = game.anon.rows(
                "select * from api.school_ranking where edition_id = %s and level is not distinct from %s"
                " order by value desc, tie_order, subject_id",
                (edition.id, level),
            )
            found = pages(game.anon, edition, "school", size, level=level)
            assert [(r["rank"], r["subject_id"], r["classes"], r["value"]) for r in found] == [
                (r["rank"], r["subject_id"], r["classes"], r["value"]) for r in schools
            ]
    assert pages(game.anon, edition, "league", 50) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"scope": "town"}, "scope"),
        ({"scope": None}, "scope"),
        ({"level": "college"}, "level"),
        ({"scope": "class", "level": "nursery"}, "level"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": 1001}, "page_size"),
        ({"page_size": None}, "page_size"),
        ({"after_value": 3}, "after_value"),
        ({"after_tie_order": 3}, "after_value"),
    ],
)
def test_a_page_that_cannot_be_asked_for_is_refused_by_its_field(game, edition, given, field):
    with game.refused("MP010") as caught:
        game.anon.table("ranking_page", edition_id=edition.id, **given)
    assert field in str(caught.value)


def test_misuse_shows_bursts_and_daily_rates_to_the_staff_only(game, edition, league):
    ana, ben, cleo = game.player(league, game.registered("burst")), game.player(league), game.player(league)
    midnight = game.one(
        "select (date_trunc('day', private.clock() at time zone 'Europe/Paris') - interval '2 days') at time"
        " zone 'Europe/Paris'"
    )
    for person, number, apart in ((ana, 11, HOUR / 3600), (ben, 41, HOUR / 2), (cleo, 10, HOUR / 3600)):
        game.service.call(
            "import_validations",
            edition_code=edition.code,
            player_ids=[person.player_id] * number,
            challenge_ids=[edition.challenges["t-soup"]] * number,
            done_at=[midnight + n * apart for n in range(number)],
            request_keys=[game.one("select gen_random_uuid()") for _ in range(number)],
        )
    for person in (game.staff(), game.service):
        seen = {(r["player_id"], r["pattern"]): r for r in person.view("misuse", edition_id=edition.id)}
        assert set(seen) == {(ana.player_id, "burst"), (ben.player_id, "daily rate")}
        row = seen[ana.player_id, "burst"]
        assert (row["alias"], row["validations"], row["points"], row["league_id"]) == ("burst", 11, 22, league.id)
    assert ana.view("misuse") == []
