"""The challenges in play: what is listed to whom and when, and what a card may be."""

from __future__ import annotations

import pytest

from tests.support.game import CHALLENGES, HOUR, SECRET_WORD

#: Listed to everybody while the edition runs: not the hidden one, and of the flash ones the one inside its window.
LISTED = set(CHALLENGES) - {"t-hidden", "t-flash-over", "t-flash-soon"}


def codes(person, edition):
    return {row["code"] for row in person.view("challenges", edition_id=edition.id)}


def test_everybody_sees_the_challenges_of_a_running_edition_without_hidden_ones_and_flashes_to_come(game):
    edition = game.edition()
    player = game.player(game.league(edition))
    for person in (game.anon, game.anonymous(), game.signed_in(), game.registered(), player):
        assert codes(person, edition) == LISTED


def test_the_staff_see_every_challenge(game):
    for edition in (game.edition(), game.edition("draft")):
        for person in (game.staff(), game.service):
            assert codes(person, edition) == set(CHALLENGES)


def test_no_challenge_is_listed_before_the_edition_starts(game):
    player = game.player(game.league(early := game.edition("registration")))
    for person in (game.anon, game.registered(), player):
        assert codes(person, early) == set()
        assert codes(person, game.edition("draft")) == set()


def test_the_challenges_of_an_edition_stay_listed_after_its_end(game):
    for phase in ("closed", "frozen"):
        assert codes(game.anon, game.edition(phase)) == LISTED


def test_what_is_found_is_listed_to_who_found_it(game):
    edition = game.edition()
    league = game.league(edition)
    finder = game.player(league)
    finder.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)
    assert codes(finder, edition) == LISTED | {"t-hidden"}
    for person in (game.anon, league.ambassador, game.player(league), game.registered()):
        assert codes(person, edition) == LISTED


def test_the_ids_of_challenges_do_not_tell_how_many_are_hidden_or_to_come(game):
    shown = sorted(row["id"] for row in game.anon.view("challenges", edition_id=game.edition().id))
    # Numbers in a row would have a gap for each that is not shown.
    assert shown[-1] - shown[0] > 2 * len(CHALLENGES)


def test_a_validation_of_a_hidden_challenge_does_not_tell_team_mates_its_title(game):
    edition = game.edition()
    league = game.league(edition)
    finder = game.player(league)
    finder.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)
    game.validate(finder, edition, "t-hidden")
    row = finder.view("league_validations", player_id=finder.player_id)[0]
    assert row["challenge_code"] == "t-hidden"
    row = league.ambassador.view("league_validations", player_id=finder.player_id)[0]
    assert (row["challenge_id"], row["challenge_code"], row["title"], row["points"]) == (None, None, None, 6)


def test_no_digest_of_a_secret_word_can_be_read(game):
    edition = game.edition()
    player = game.player(game.league(edition))
    for person in (game.anon, player, game.staff(), game.service):
        for row in person.view("challenges", edition_id=edition.id):
            assert "secret" not in str(row.keys())
        with game.refused("42501"):
            person.rows("select secret_digest from mpp.edition_challenge")


def test_a_listed_challenge_shows_its_rules_and_its_texts(game):
    edition = game.edition()
    shown = {row["code"]: row for row in game.anon.view("challenges", edition_id=edition.id)}
    bike = shown["t-bike"]
    assert (bike["kind"], bike["points"], bike["points_now"], bike["repeat_limit"], bike["needs_proof"]) == (
        "standard", 4, 4, 2, False,
    )  # fmt: skip
    assert bike["title"] == {"fr": "t-bike (fr)", "en": "t-bike"}
    assert (bike["theme"], bike["theme_name"]["en"], bike["goals"]) == ("t-theme", "Theme", [11])
    assert (shown["t-picnic"]["quorum"], shown["t-photo"]["needs_proof"], shown["t-plane"]["points"]) == (3, True, -5)
    assert shown["t-plane"]["repeat_limit"] is None


def test_points_now_are_multiplied_inside_the_window_of_a_boost_only(game):
    shown = {row["code"]: row for row in game.anon.view("challenges", edition_id=game.edition().id)}
    assert (shown["t-boost"]["points"], shown["t-boost"]["boost_factor"], shown["t-boost"]["points_now"]) == (2, 3, 6)
    assert shown["t-boost-over"]["points_now"] == 2


def test_a_card_that_no_visible_challenge_shows_is_as_secret_as_its_challenge(game):
    game.edition()
    for person in (game.anon, game.registered()):
        seen = {row["code"] for row in person.view("challenges")}
        assert "t-hidden" not in seen


VALID = {
    "kind": "standard",
    "points": 4,
    "repeat_limit": 1,
    "quorum": None,
    "boost_factor": None,
    "opens": None,
    "closes": None,
    "secret": None,
}


def put(game, edition, **changes):
    row = {**VALID, **changes}
    game.run(
        "update mpp.edition_challenge set kind = %(kind)s, points = %(points)s, repeat_limit = %(repeat_limit)s,"
        " quorum = %(quorum)s, boost_factor = %(boost_factor)s, opens_at = %(opens)s, closes_at = %(closes)s,"
        " secret_digest = %(secret)s where id = %(id)s",
        {**row, "id": edition.challenges["t-bike"]},
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"points": 0},
        {"points": 21},
        {"points": -1},
        {"kind": "malus", "points": 1},
        {"kind": "malus", "points": -21},
        {"kind": "malus", "points": 0},
        {"kind": "collective"},
        {"kind": "collective", "quorum": 1},
        {"quorum": 2},
        {"kind": "boost", "boost_factor": 2},
        {"boost_factor": 2},
        {"kind": "hidden"},
        {"secret": b"x"},
        {"kind": "flash"},
        {"repeat_limit": 0},
        {"kind": "boost", "boost_factor": 6, "opens": "now", "closes": "tomorrow"},
        {"kind": "boost", "boost_factor": 1, "opens": "now", "closes": "tomorrow"},
        {"opens": "now"},
        {"closes": "now"},
        {"opens": "tomorrow", "closes": "now"},
        {"opens": "today", "closes": "today"},
    ],
    ids=str,
)
def test_a_challenge_that_breaks_the_rules_of_its_kind_cannot_be_stored(game, changes):
    edition = game.edition("draft")
    with pytest.raises(Exception, match=r"violates check constraint"):
        put(game, edition, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"points": 20},
        {"repeat_limit": None},
        {"kind": "malus", "points": -20},
        {"kind": "collective", "quorum": 2},
        {"kind": "boost", "boost_factor": 5, "opens": "now", "closes": "tomorrow"},
        {"kind": "hidden", "secret": b"x"},
        {"kind": "flash", "opens": "now", "closes": "tomorrow"},
        {"opens": "now", "closes": "tomorrow"},
    ],
    ids=str,
)
def test_a_challenge_of_each_kind_can_be_stored(game, changes):
    put(game, game.edition("draft"), **changes)


def test_a_secret_word_opens_one_challenge_of_an_edition(game):
    edition = game.edition("draft")
    with pytest.raises(Exception, match="edition_challenge_secret_once"):
        put(
            game,
            edition,
            kind="hidden",
            secret=game.one("select private.secret_digest(%s, %s)", (edition.code, SECRET_WORD)),
        )


def test_a_window_closes_at_its_last_instant(game):
    edition = game.edition()
    player = game.player(game.league(edition))
    game.clock(game.now + HOUR)
    with game.refused("MP041"):
        game.validate(player, edition, "t-flash")
    assert game.validate(player, edition, "t-later")["points"] == 1
