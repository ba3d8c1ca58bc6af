"""Editions: their phases, what is fixed once they start, private ones, and maintenance windows."""

from __future__ import annotations

import uuid

import pytest
from psycopg.types.json import Jsonb

from tests.support.game import DAY, HOUR, SECRET_WORD, translated

MESSAGE = translated("We move house")


def phases(person, edition):
    return [row["phase"] for row in person.view("editions", code=edition.code)]


@pytest.mark.parametrize("phase", ["registration", "running", "closed", "frozen"])
def test_everybody_reads_an_open_edition_with_its_phase(game, phase):
    edition = game.edition(phase)
    for person in (game.anon, game.anonymous(), game.signed_in(), game.registered(), game.staff(), game.service):
        assert phases(person, edition) == [phase]


def test_a_draft_is_read_by_the_staff_only(game):
    edition = game.edition("draft")
    for person in (game.anon, game.anonymous(), game.signed_in(), game.registered()):
        assert phases(person, edition) == []
        assert person.view("edition_statistics", edition_id=edition.id) == []
    for person in (game.staff(), game.service):
        assert phases(person, edition) == ["draft"]


def test_nobody_plays_in_a_draft(game):
    edition = game.edition("draft")
    person = game.registered()
    with game.refused("MP021"):
        person.call("create_league", edition_id=edition.id, name="Too early")
    with game.refused("MP020"):
        person.call("create_league", edition_id=-1, name="Nowhere")
    with game.refused("MP020"):
        person.call("create_league", edition_id=None, name="Nowhere")


def test_opening_an_edition_twice_changes_nothing_and_leaves_one_trace(game):
    edition = game.edition("draft")
    game.service.call("open_edition", edition_code=edition.code)
    opened = game.one("select opened_at from mpp.edition where id = %s", (edition.id,))
    game.service.call("open_edition", edition_code=edition.code)
    assert game.one("select opened_at from mpp.edition where id = %s", (edition.id,)) == opened
    assert (
        game.one("select count(*) from mpp.audit where action = 'edition.open' and subject = %s", (edition.code,)) == 1
    )


def test_an_edition_without_challenges_is_not_opened(game):
    edition = game.edition("draft")
    game.run("delete from mpp.edition_challenge where edition_id = %s", (edition.id,))
    with game.refused("MP027"):
        game.service.call("open_edition", edition_code=edition.code)


def test_closing_ends_a_running_edition_now_and_says_why(game):
    edition = game.edition()
    player = game.player(game.league(edition))
    for reason in (None, "", " "):
        with game.refused("MP010"):
            game.service.call("close_edition", edition_code=edition.code, reason=reason)
    game.close(edition)
    row = game.rows("select ends_at, registration_closes_at from mpp.edition where id = %s", (edition.id,))[0]
    assert row["ends_at"] == row["registration_closes_at"] > game.now
    trace = game.rows("select * from mpp.audit where action = 'edition.close' and subject = %s", (edition.code,))
    assert [t["details"]["reason"] for t in trace] == ["end of the test"]
    with game.refused("MP022"):
        game.validate(player, edition, "t-bike")
    with game.refused("MP022"):
        game.close(edition)


@pytest.mark.parametrize("phase", ["draft", "registration"])
def test_only_a_running_edition_is_closed(game, phase):
    edition = game.edition(phase)
    with game.refused("MP022"):
        game.close(edition)


@pytest.mark.parametrize("command", ["open_edition", "close_edition", "freeze_edition", "verify_scores"])
def test_an_unknown_edition_is_named_in_the_refusal(game, command):
    more = {"reason": "why"} if command == "close_edition" else {}
    with game.refused("MP020") as caught:
        game.service.call(command, edition_code="no-such-edition", **more)
    assert "no-such-edition" in str(caught.value)


def test_late_joining_is_allowed_until_registration_closes(game):
    edition = game.edition(registration=HOUR)
    league = game.league(edition)
    game.player(league)
    person = game.registered()
    game.clock(game.now + HOUR)
    with game.refused("MP023"):
        person.call("join_league", join_code=league.join_code)
    with game.refused("MP023"):
        person.call("create_league", edition_id=edition.id, name="Too late")
    assert game.validate(league.ambassador, edition, "t-bike")["points"] == 4


@pytest.mark.parametrize(
    "change",
    [
        "starts_at = starts_at + interval '1 hour'",
        "ends_at = ends_at + interval '1 hour'",
        "ranking_basis = 'average'",
        "league_min_players = 5",
        "league_max_players = 30",
        "unlock_guesses_per_hour = 5",
        "teams_per_league = 3",
        "audience = 'school'",
        "time_zone = 'UTC'",
        "code = code || '-x'",
        "opened_at = null",
    ],
)
def test_the_rules_of_a_started_edition_are_fixed(game, change):
    edition = game.edition()
    with game.refused("MP025"):
        game.run(f"update mpp.edition set {change} where id = %s", (edition.id,))


def test_a_started_edition_never_changes_hands(game):
    edition = game.edition()
    organisation = new_organisation(game)
    with game.refused("MP025"):
        game.run("update mpp.edition set organisation_id = %s where id = %s", (organisation, edition.id))


def test_texts_and_the_last_day_to_join_a_started_edition_may_still_change(game):
    edition = game.edition()
    game.run(
        "update mpp.edition set title = %s, registration_closes_at = ends_at - interval '1 day' where id = %s",
        (Jsonb(translated("Better")), edition.id),
    )
    assert game.anon.view("editions", id=edition.id)[0]["title"]["en"] == "Better"


def test_an_edition_to_come_may_still_change(game):
    edition = game.edition("registration")
    game.run(
        "update mpp.edition set starts_at = starts_at + interval '1 hour', ends_at = ends_at +"
        " interval '1 day' where id = %s",
        (edition.id,),
    )


@pytest.mark.parametrize(
    "statement",
    [
        "update mpp.edition_challenge set points = 20 where edition_id = %s and kind = 'standard'",
        "delete from mpp.edition_challenge where edition_id = %s",
        "insert into mpp.edition_challenge (edition_id, challenge_id, kind, points)"
        " select %s, min(id), 'standard', 1 from mpp.challenge",
    ],
)
def test_the_challenges_of_a_started_edition_are_fixed(game, statement):
    started = game.edition()
    with game.refused("MP025"):
        game.run(statement, (started.id,))
    early = game.edition("registration")
    if not statement.startswith("insert"):
        assert game.run(statement, (early.id,)) > 0


@pytest.mark.parametrize("statement", ["delete from mpp.edition where id = %s", "truncate mpp.edition cascade"])
def test_editions_are_never_deleted(game, statement):
    edition = game.edition("draft")
    with game.refused("MP061"):
        game.run(statement, (edition.id,) if "%s" in statement else ())


def test_editing_a_card_later_rewrites_no_score(game):
    edition = game.edition()
    player = game.player(game.league(edition))
    game.validate(player, edition, "t-bike")
    game.run("update mpp.challenge set title = %s where code = 't-bike'", (Jsonb(translated("Renamed")),))
    assert game.score(player.player_id) == 4
    assert game.faults(edition) == []


# private editions


def new_organisation(game):
    code = f"org-{uuid.uuid4().hex[:8]}"
    return game.one("insert into mpp.organisation (code, name) values (%s, 'A client') returning id", (code,))


def private_league(game, edition):
    """A league of a private edition, made by the staff's hands, and its join code."""
    league = game.one(
        "insert into mpp.league (edition_id, name, category) values (%s, 'Inside', 'colleagues') returning id",
        (edition.id,),
    )
    game.run("insert into mpp.team (league_id, edition_id, name) values (%s, %s, 'One')", (league, edition.id))
    code = game.one(
        "insert into mpp.join_code (league_id, code) values (%s, private.new_join_code()) returning code", (league,)
    )
    return league, code


def test_a_private_edition_is_seen_from_inside_only(game):
    edition = game.edition(organisation=new_organisation(game))
    league, code = private_league(game, edition)
    inside, hidden = game.registered("inside"), game.registered("hidden")
    for person in (inside, hidden):
        person.player_id = person.call("join_league", join_code=code)
    game.validate(inside, edition, "t-bike")
    hidden.call("set_listing", scope="player", subject_id=hidden.player_id, listed=False)
    outsiders = [
        game.anon,
        game.anonymous(),
        game.signed_in(),
        game.registered(),
        game.player(game.league(game.edition())),
    ]
    for person in outsiders:
        assert person.view("editions", id=edition.id) == []
        for view in ("challenges", "player_ranking", "team_ranking", "league_ranking", "edition_statistics"):
            assert person.view(view, edition_id=edition.id) == [], (person, view)
        assert person.table("ranking_page", edition_id=edition.id) == []
        with game.refused("MP005"):
            person.call("ranking_around", subject_id=league)
    for person in (inside, game.staff(), game.service):
        assert [row["label"] for row in person.table("ranking_page", edition_id=edition.id)] == ["inside"]
        assert person.view("editions", id=edition.id)[0]["is_private"] is True
        assert [row["label"] for row in person.view("player_ranking", edition_id=edition.id)] == ["inside"]
        assert [(row["rank"], row["points"]) for row in person.view("league_ranking", edition_id=edition.id)] == [
            (1, 4)
        ]
        assert person.view("edition_statistics", edition_id=edition.id)[0]["players"] == 1
        assert person.call("ranking_around", subject_id=league)["points"] == 4
        assert "t-bike" in {row["code"] for row in person.view("challenges", edition_id=edition.id)}
    assert [row["label"] for row in hidden.view("player_ranking", edition_id=edition.id)] == ["inside"]
    assert {row["label"] for row in hidden.table("my_rank", edition_id=edition.id)} == {"inside", "hidden"}


def test_nobody_makes_a_league_of_their_own_in_a_private_edition(game):
    edition = game.edition(organisation=new_organisation(game))
    person = game.registered()
    with game.refused("MP005"):
        person.call("create_league", edition_id=edition.id, name="Intruders")


def test_an_open_league_of_a_private_edition_is_not_entered_by_its_id(game):
    edition = game.edition(organisation=new_organisation(game))
    league, _ = private_league(game, edition)
    game.run("update mpp.league set is_open = true where id = %s", (league,))
    person = game.registered()
    assert person.view("open_leagues", edition_id=edition.id) == []
    with game.refused("MP031"):
        person.call("join_league", league_id=league, phone="+33612345678")


def test_an_edition_that_becomes_private_before_it_starts_leaves_the_public_ranking(game):
    edition = game.edition("registration")
    league = game.league(edition)
    assert len(game.anon.view("league_ranking", edition_id=edition.id)) == 1
    game.run("update mpp.edition set organisation_id = %s where id = %s", (new_organisation(game), edition.id))
    assert game.anon.view("league_ranking", edition_id=edition.id) == []
    assert game.anon.rows("select * from api.player_ranking where edition_id = %s", (edition.id,)) == []
    assert len(league.ambassador.view("league_ranking", edition_id=edition.id)) == 1
    game.run("update mpp.edition set organisation_id = null where id = %s", (edition.id,))
    assert len(game.anon.view("league_ranking", edition_id=edition.id)) == 1
    assert game.faults(edition) == []


# maintenance


def announce(game, starts=-HOUR, ends=HOUR):
    return game.service.call(
        "announce_maintenance", starts_at=game.now + starts, ends_at=game.now + ends, message=MESSAGE
    )


def player_commands(game):
    """Every command of players as (who, function, arguments), each of which would succeed now."""
    edition = game.edition(unlock_guesses_per_hour=50)
    league, other = game.league(edition), game.league(edition)
    ambassador, ana, ben = league.ambassador, game.player(league, team=0), game.player(league)
    receipt = game.validate(ana, edition, "t-bike")
    newcomer, unregistered = game.registered(), game.signed_in()
    return edition, [
        (unregistered, "register", game.profile()),
        (ana, "update_profile", {"alias": "other"}),
        (ana, "set_consent", {"purpose": "newsletter", "granted": True}),
        (newcomer, "create_league", {"edition_id": edition.id, "name": "New"}),
        (newcomer, "join_league", {"join_code": other.join_code}),
        (ambassador, "rename_team", {"team_id": league.teams[0], "name": "Renamed"}),
        (ana, "choose_team", {"team_id": league.teams[1]}),
        (ana, "leave_league", {"league_id": league.id}),
        (ambassador, "expel_player", {"player_id": ben.player_id, "reason": "why"}),
        (ambassador, "hand_over_league", {"league_id": league.id, "player_id": ben.player_id}),
        (ambassador, "set_co_ambassador", {"player_id": ben.player_id, "granted": True}),
        (ambassador, "renew_join_code", {"league_id": league.id}),
        (ana, "set_listing", {"scope": "player", "subject_id": ana.player_id, "listed": False}),
        (ambassador, "set_listing", {"scope": "league", "subject_id": league.id, "listed": False}),
        (ana, "report_conduct", {"player_id": ben.player_id, "reason": "why"}),
        (
            ana, "validate_challenge",
            {"player_id": ana.player_id, "challenge_id": edition.challenges["t-soup"], "request_key": uuid.uuid4()},
        ),
        (ana, "cancel_validation", {"validation_id": receipt["validation_id"]}),
        (ana, "unlock_challenge", {"edition_id": edition.id, "word": SECRET_WORD}),
    ]  # fmt: skip


def test_during_maintenance_every_write_of_players_is_refused_and_names_the_end(game):
    _, commands = player_commands(game)
    window = announce(game)
    end = game.one("select private.format_instant(%s)", (game.now + HOUR,))
    for person, command, arguments in commands:
        with game.refused("MP011") as caught:
            person.call(command, **arguments)
        assert end in str(caught.value), command
    game.service.call("cancel_maintenance", id=window)
    for person, command, arguments in commands:
        with game.db.transaction(force_rollback=True):
            person.call(command, **arguments)


def test_teams_are_not_made_during_maintenance(game):
    edition = game.edition("registration", teams_per_league=2)
    league = game.league(edition)
    game.run("update mpp.edition set teams_per_league = 3 where id = %s", (edition.id,))
    announce(game)
    with game.refused("MP011"):
        league.ambassador.call("create_team", league_id=league.id, name="Third")


def test_reads_go_on_during_maintenance(game):
    edition = game.edition()
    ana = game.player(game.league(edition))
    announce(game)
    assert ana.table("my_rank", edition_id=edition.id) != []
    assert game.anon.view("league_ranking", edition_id=edition.id) != []
    assert ana.view("league_members") != []
    assert game.anon.table("ranking_around", subject_id=ana.player_id) != []


def test_the_staff_work_on_during_maintenance(game):
    edition = game.edition()
    league = game.league(edition)
    ana = game.player(league)
    receipt = game.validate(ana, edition, "t-bike")
    announce(game)
    game.cancel(game.staff(), receipt, reason="not plausible")
    game.service.call("expel_player", player_id=ana.player_id, reason="why")


def test_a_window_that_is_over_or_to_come_refuses_nothing(game):
    edition = game.edition()
    ana = game.player(game.league(edition))
    announce(game, HOUR, 2 * HOUR)
    game.run(
        "insert into mpp.maintenance_window (starts_at, ends_at, message) values (%s, %s, %s)",
        (game.now - 2 * HOUR, game.now - HOUR, Jsonb(MESSAGE)),
    )
    game.validate(ana, edition, "t-bike")


def test_of_two_windows_at_once_the_later_end_is_named(game):
    announce(game)
    announce(game, -HOUR, 3 * HOUR)
    end = game.one("select private.format_instant(%s)", (game.now + 3 * HOUR,))
    person = game.signed_in()
    with game.refused("MP011") as caught:
        person.call("register", **game.profile())
    assert end in str(caught.value)


def test_everybody_reads_the_announced_windows_and_which_one_is_active(game):
    everybody = (game.anon, game.anonymous(), game.registered(), game.staff(), game.service)
    now, soon = announce(game), announce(game, HOUR, DAY)
    for person in everybody:
        seen = {row["id"]: row["is_active"] for row in person.view("maintenance_windows")}
        assert (seen[now], seen[soon]) == (True, False)


def test_windows_of_long_ago_are_no_longer_shown_to_people(game):
    old = game.one(
        "insert into mpp.maintenance_window (starts_at, ends_at, message) values (%s, %s, %s) returning id",
        (game.now - 3 * DAY, game.now - 2 * DAY, Jsonb(MESSAGE)),
    )
    for person in (game.anon, game.registered()):
        assert old not in {row["id"] for row in person.view("maintenance_windows")}


@pytest.mark.parametrize(
    ("starts", "ends", "message"),
    [
        (HOUR, HOUR, MESSAGE),
        (HOUR, -HOUR, MESSAGE),
        (-2 * HOUR, -HOUR, MESSAGE),
        (HOUR, 2 * HOUR, {"fr": "seul"}),
        (HOUR, 2 * HOUR, {"fr": "", "en": ""}),
        (HOUR, 2 * HOUR, {"fr": "a", "en": 1}),
        (HOUR, 2 * HOUR, None),
        (None, HOUR, MESSAGE),
        (HOUR, None, MESSAGE),
    ],
)
def test_a_maintenance_window_needs_a_future_a_length_and_a_message(game, starts, ends, message):
    with game.refused("MP010"):
        game.service.call(
            "announce_maintenance",
            starts_at=None if starts is None else game.now + starts,
            ends_at=None if ends is None else game.now + ends,
            message=message,
        )


def test_cancelling_an_unknown_window_is_refused(game):
    with game.refused("MP005"):
        game.service.call("cancel_maintenance", id=-1)
