"""Validating and cancelling: the six kinds, repeat limits, proof, windows, request keys."""

from __future__ import annotations

import uuid

import pytest

from tests.support.game import DAY, HOUR, SECRET_WORD, Edition, Game, League, Person


@pytest.fixture
def edition(game: Game) -> Edition:
    return game.edition()


@pytest.fixture
def league(game: Game, edition: Edition) -> League:
    return game.league(edition)


@pytest.fixture
def ana(game: Game, league: League) -> Person:
    return game.player(league, team=0)


def scores(game: Game, person: Person) -> tuple[int, int, int]:
    """Points of the player, of their team and of their league."""
    row = game.rows("select id, team_id, league_id from mpp.player where id = %s", (person.player_id,))[0]
    return game.score(row["id"]), game.score(row["team_id"]), game.score(row["league_id"])


def test_a_validation_gives_its_points_to_the_player_the_team_and_the_league(game, edition, league, ana):
    receipt = game.validate(ana, edition, "t-bike")
    assert (receipt["state"], receipt["points"]) == ("credited", 4)
    assert (receipt["player_points"], receipt["team_points"], receipt["league_points"]) == (4, 4, 4)
    assert scores(game, ana) == (4, 4, 4)
    assert game.score(league.teams[1]) == 0
    assert game.faults(edition) == []


def test_the_same_request_key_gives_the_same_validation_once(game, edition, ana):
    key = uuid.uuid4()
    first = game.validate(ana, edition, "t-bike", key)
    assert game.validate(ana, edition, "t-bike", key) == first
    assert scores(game, ana) == (4, 4, 4)
    assert game.one("select count(*) from mpp.validation where player_id = %s", (ana.player_id,)) == 1


def test_a_request_key_still_answers_after_the_edition_has_closed(game, edition, ana):
    key = uuid.uuid4()
    first = game.validate(ana, edition, "t-bike", key)
    game.close(edition)
    assert game.validate(ana, edition, "t-bike", key) == first


def test_a_request_key_serves_for_one_challenge_only(game, edition, ana):
    key = uuid.uuid4()
    game.validate(ana, edition, "t-bike", key)
    with game.refused("MP044"):
        game.validate(ana, edition, "t-soup", key)


def test_a_request_key_of_another_player_is_refused(game, edition, league, ana):
    key = uuid.uuid4()
    game.validate(ana, edition, "t-bike", key)
    for person in (game.player(league), game.player(game.league(edition))):
        with game.refused("MP044"):
            game.validate(person, edition, "t-bike", key)


def test_a_validation_needs_a_request_key(game, edition, ana):
    with game.refused("MP010"):
        ana.call(
            "validate_challenge", player_id=ana.player_id, challenge_id=edition.challenges["t-bike"], request_key=None
        )


def test_nobody_validates_for_another_player(game, edition, league, ana):
    for person in (league.ambassador, game.player(league), game.registered()):
        with game.refused("MP005"):
            person.call(
                "validate_challenge",
                player_id=ana.player_id,
                challenge_id=edition.challenges["t-bike"],
                request_key=uuid.uuid4(),
            )


def test_a_challenge_of_another_edition_is_not_found(game, edition, ana):
    other = game.edition()
    with game.refused("MP040"):
        game.validate(ana, other, "t-bike")
    with game.refused("MP040"):
        ana.call("validate_challenge", player_id=ana.player_id, challenge_id=2**31 - 1, request_key=uuid.uuid4())


def test_the_repeat_limit_holds_for_each_player(game, edition, league, ana):
    game.validate(ana, edition, "t-bike")
    game.validate(ana, edition, "t-bike")
    with game.refused("MP042") as caught:
        game.validate(ana, edition, "t-bike")
    assert "2 time(s)" in str(caught.value)
    assert game.validate(game.player(league), edition, "t-bike")["player_points"] == 4
    assert game.score(ana.player_id) == 8


def test_a_challenge_without_a_limit_may_be_repeated(game, edition, ana):
    for _ in range(12):
        game.validate(ana, edition, "t-soup")
    assert scores(game, ana) == (24, 24, 24)


def test_a_cancelled_validation_takes_its_points_back_and_makes_room_for_another(game, edition, ana):
    receipt = game.validate(ana, edition, "t-photo", proof_sent=True)
    with game.refused("MP042"):
        game.validate(ana, edition, "t-photo", proof_sent=True)
    cancelled = game.cancel(ana, receipt)
    assert (cancelled["state"], cancelled["player_points"], cancelled["league_points"]) == ("cancelled", 0, 0)
    again = game.validate(ana, edition, "t-photo", proof_sent=True)
    assert again["validation_id"] != receipt["validation_id"]
    assert scores(game, ana) == (3, 3, 3)
    assert game.faults(edition) == []


def test_the_key_of_a_cancelled_validation_does_not_bring_it_back(game, edition, ana):
    receipt = game.validate(ana, edition, "t-bike")
    game.cancel(ana, receipt)
    assert game.validate(ana, edition, "t-bike", receipt["validation_id"])["state"] == "cancelled"
    assert scores(game, ana) == (0, 0, 0)


def test_a_validation_is_cancelled_once(game, edition, ana):
    receipt = game.validate(ana, edition, "t-bike")
    game.cancel(ana, receipt)
    with game.refused("MP045"):
        game.cancel(ana, receipt)


def test_only_the_player_or_the_staff_cancel_a_validation(game, edition, league, ana):
    receipt = game.validate(ana, edition, "t-bike")
    for person in (league.ambassador, game.player(league), game.league(edition).ambassador):
        with game.refused("MP005"):
            game.cancel(person, receipt)
    with game.refused("MP005"):
        ana.call("cancel_validation", validation_id=uuid.uuid4())


def test_a_player_cancels_nothing_after_the_end(game, edition, ana):
    receipt = game.validate(ana, edition, "t-plane")
    game.close(edition)
    with game.refused("MP022"):
        game.cancel(ana, receipt)


def test_the_staff_cancel_until_the_freeze_and_say_why(game, edition, ana):
    receipt, kept = game.validate(ana, edition, "t-bike"), game.validate(ana, edition, "t-soup")
    staff = game.staff()
    game.close(edition)
    for why in (None, "", "  "):
        with game.refused("MP010"):
            game.cancel(staff, receipt, reason=why)
    assert game.cancel(staff, receipt, reason="not plausible")["state"] == "cancelled"
    trace = game.rows("select * from mpp.audit where action = 'validation.cancel' and actor_id = %s", (staff.account,))
    assert [(t["subject"], t["details"]["reason"], t["details"]["points"]) for t in trace] == [
        (str(receipt["validation_id"]), "not plausible", 4)
    ]
    assert scores(game, ana) == (2, 2, 2)
    game.freeze(edition)
    for person in (staff, game.service):
        with game.refused("MP024"):
            game.cancel(person, kept, reason="too late")


def test_a_member_of_the_staff_who_plays_leaves_a_trace_when_cancelling_after_the_end(game, edition, league):
    staff = game.player(league, game.registered())
    game.service.call("set_ops_member", member_id=staff.account, granted=True)
    receipt = game.validate(staff, edition, "t-plane")
    game.close(edition)
    with game.refused("MP010", "MP022"):
        game.cancel(staff, receipt)


# proof and windows


def test_a_challenge_that_asks_for_a_proof_is_refused_without_it(game, edition, ana):
    for declared in ({}, {"proof_sent": False}, {"proof_sent": None}):
        with game.refused("MP043"):
            game.validate(ana, edition, "t-photo", **declared)
    assert game.validate(ana, edition, "t-photo", proof_sent=True)["points"] == 3
    assert game.one("select proof_sent from mpp.validation where player_id = %s", (ana.player_id,)) is True


def test_a_standard_challenge_with_a_window_is_open_only_inside(game, edition, ana):
    assert game.validate(ana, edition, "t-window")["points"] == 1
    with game.refused("MP041"):
        game.validate(ana, edition, "t-later")


def test_a_boost_multiplies_inside_its_window_and_gives_plain_points_outside(game, edition, ana):
    assert game.validate(ana, edition, "t-boost")["points"] == 6
    assert game.validate(ana, edition, "t-boost-over")["points"] == 2
    assert scores(game, ana) == (8, 8, 8)


def test_a_flash_is_open_only_inside_its_window_and_unknown_before(game, edition, ana):
    assert game.validate(ana, edition, "t-flash")["points"] == 3
    with game.refused("MP041"):
        game.validate(ana, edition, "t-flash-over")
    with game.refused("MP040"):
        game.validate(ana, edition, "t-flash-soon")


def test_a_malus_is_repeatable_and_may_bring_a_score_below_zero(game, edition, ana):
    for _ in range(3):
        game.validate(ana, edition, "t-plane")
    assert scores(game, ana) == (-15, -15, -15)
    assert game.faults(edition) == []


# collective


def test_a_collective_challenge_waits_for_its_quorum_and_then_credits_all_who_did_it(game, edition, league, ana):
    ben, cleo = game.player(league, team=0), game.player(league, team=0)
    for person in (ana, ben):
        receipt = game.validate(person, edition, "t-picnic")
        assert (receipt["state"], receipt["player_points"]) == ("pending", 0)
    receipt = game.validate(cleo, edition, "t-picnic")
    assert (receipt["state"], receipt["team_points"], receipt["league_points"]) == ("credited", 15, 15)
    assert [game.score(p.player_id) for p in (ana, ben, cleo)] == [5, 5, 5]
    assert game.faults(edition) == []


def test_whoever_does_a_collective_challenge_after_the_quorum_is_credited_at_once(game, edition, league, ana):
    for _ in range(2):
        game.validate(game.player(league, team=0), edition, "t-picnic")
    game.validate(ana, edition, "t-picnic")
    late = game.player(league, team=0)
    receipt = game.validate(late, edition, "t-picnic")
    assert (receipt["state"], receipt["player_points"], receipt["team_points"]) == ("credited", 5, 20)


def test_a_quorum_is_made_of_team_mates_only(game, edition, league, ana):
    other_team = [game.player(league, team=1) for _ in range(2)]
    for person in (ana, *other_team):
        assert game.validate(person, edition, "t-picnic")["state"] == "pending"
    elsewhere = game.player(game.league(edition))
    assert game.validate(elsewhere, edition, "t-picnic")["state"] == "pending"
    assert game.score(league.id) == 0


def test_a_quorum_counts_people_not_validations(game, edition, league, ana):
    for _ in range(2):
        assert game.validate(ana, edition, "t-swap")["state"] == "pending"
    ben = game.player(league, team=0)
    assert game.validate(ben, edition, "t-swap")["team_points"] == 6


def test_falling_under_the_quorum_takes_the_credit_back_from_all_and_reaching_it_again_gives_it(
    game, edition, league, ana
):
    ben, cleo = game.player(league, team=0), game.player(league, team=0)
    done = {p: game.validate(p, edition, "t-picnic") for p in (ana, ben, cleo)}
    receipt = game.cancel(ben, done[ben])
    assert (receipt["state"], receipt["team_points"]) == ("cancelled", 0)
    assert [game.score(p.player_id) for p in (ana, ben, cleo)] == [0, 0, 0]
    states = game.rows("select state from mpp.validation where league_id = %s order by state", (league.id,))
    assert [s["state"] for s in states] == ["pending", "pending", "cancelled"]
    assert game.faults(edition) == []
    game.validate(ben, edition, "t-picnic")
    assert [game.score(p.player_id) for p in (ana, ben, cleo)] == [5, 5, 5]
    assert game.score(league.id) == 15
    assert game.faults(edition) == []


def test_cancelling_above_the_quorum_leaves_the_others_credited(game, edition, league, ana):
    people = [ana, *(game.player(league, team=0) for _ in range(3))]
    receipts = [game.validate(p, edition, "t-picnic") for p in people]
    assert game.cancel(people[0], receipts[0])["team_points"] == 15
    assert [game.score(p.player_id) for p in people] == [0, 5, 5, 5]


def test_cancelling_a_pending_validation_moves_no_points(game, edition, league, ana):
    receipt = game.validate(ana, edition, "t-picnic")
    assert game.cancel(ana, receipt)["state"] == "cancelled"
    for _ in range(2):
        assert game.validate(game.player(league, team=0), edition, "t-picnic")["state"] == "pending"


def test_who_changed_team_still_counts_for_the_quorum_of_the_team_where_it_was_done(game, edition, league, ana):
    game.validate(ana, edition, "t-picnic")
    ana.call("choose_team", team_id=league.teams[1])
    receipts = [game.validate(game.player(league, team=0), edition, "t-picnic") for _ in range(2)]
    assert [r["state"] for r in receipts] == ["pending", "credited"]
    assert (game.score(league.teams[0]), game.score(league.teams[1]), game.score(ana.player_id)) == (15, 0, 5)
    assert game.faults(edition) == []


# hidden


def test_a_hidden_challenge_is_neither_listed_nor_open_until_its_word_is_found(game, edition, ana):
    listed = {row["code"] for row in ana.view("challenges", edition_id=edition.id)}
    assert "t-hidden" not in listed
    with game.refused("MP040"):
        game.validate(ana, edition, "t-hidden")
    found = ana.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)
    assert found == {"challenge_id": edition.challenges["t-hidden"], "unlocked": True, "guesses_left": 10}
    assert "t-hidden" in {row["code"] for row in ana.view("challenges", edition_id=edition.id)}
    assert game.validate(ana, edition, "t-hidden")["points"] == 6


def test_a_hidden_challenge_is_unlocked_for_the_player_who_found_it_only(game, edition, league, ana):
    ana.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)
    ben = game.player(league)
    assert "t-hidden" not in {row["code"] for row in ben.view("challenges", edition_id=edition.id)}
    with game.refused("MP040"):
        game.validate(ben, edition, "t-hidden")


@pytest.mark.parametrize("word", ["été indien", "ETE INDIEN", "  Ete-indien ", "ÉtéIndien", "E\u0301te\u0301 indien"])
def test_case_accents_spaces_and_hyphens_of_a_secret_word_do_not_matter(game, edition, ana, word):
    assert ana.call("unlock_challenge", edition_id=edition.id, word=word)["unlocked"] is True


def test_wrong_guesses_are_limited_for_an_account_and_an_hour(game, edition, league, ana):
    for left in range(9, -1, -1):
        answer = ana.call("unlock_challenge", edition_id=edition.id, word=f"no {left}")
        assert answer == {"challenge_id": None, "unlocked": False, "guesses_left": left}
    for word in ("no", SECRET_WORD):
        with game.refused("MP046"):
            ana.call("unlock_challenge", edition_id=edition.id, word=word)
    assert game.player(league).call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)["unlocked"] is True
    game.clock(game.now + HOUR + HOUR / 60)
    assert ana.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)["unlocked"] is True


def test_leaving_the_league_does_not_give_new_guesses(game, edition, league, ana):
    for n in range(10):
        ana.call("unlock_challenge", edition_id=edition.id, word=f"no {n}")
    ana.call("leave_league", league_id=league.id)
    game.player(game.league(edition), ana)
    with game.refused("MP046"):
        ana.call("unlock_challenge", edition_id=edition.id, word="again")


def test_right_guesses_are_not_limited_and_no_word_is_a_wrong_guess(game, edition, ana):
    for _ in range(12):
        assert ana.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)["guesses_left"] == 10
    for word in (None, "", "x" * 100_000):
        assert ana.call("unlock_challenge", edition_id=edition.id, word=word)["unlocked"] is False


def test_unlocking_is_for_players_of_a_running_edition(game, edition, ana):
    stranger = game.registered()
    with game.refused("MP035"):
        stranger.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)
    early = game.edition("registration")
    player = game.player(game.league(early))
    with game.refused("MP022"):
        player.call("unlock_challenge", edition_id=early.id, word=SECRET_WORD)
    game.close(edition)
    with game.refused("MP022"):
        ana.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)


def test_who_plays_in_no_league_any_more_unlocks_nothing(game, edition, league, ana):
    league.ambassador.call("expel_player", player_id=ana.player_id, reason="insults")
    with game.refused("MP035"):
        ana.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)


# the ledger keeps its facts


def test_nothing_is_validated_outside_the_running_phase(game):
    early = game.edition("registration")
    person = game.player(game.league(early))
    with game.refused("MP022"):
        game.validate(person, early, "t-bike")
    late = game.edition()
    person = game.player(game.league(late))
    game.close(late)
    with game.refused("MP022"):
        game.validate(person, late, "t-bike")
    game.freeze(late)
    with game.refused("MP022"):
        game.validate(person, late, "t-bike")


@pytest.mark.parametrize(
    "change",
    [
        "points = 20",
        "player_id = gen_random_uuid()",
        "team_id = gen_random_uuid()",
        "league_id = gen_random_uuid()",
        "edition_id = edition_id + 1",
        "challenge_id = challenge_id + 1",
        "id = gen_random_uuid()",
        "proof_sent = not proof_sent",
        "validated_at = validated_at - interval '1 day'",
    ],
)
def test_a_fact_of_the_ledger_is_never_rewritten_not_even_by_the_deploying_role(game, edition, ana, change):
    receipt = game.validate(ana, edition, "t-bike")
    with game.refused("MP060"):
        game.run(f"update mpp.validation set {change} where id = %s", (receipt["validation_id"],))


def test_a_cancelled_validation_stays_cancelled(game, edition, ana):
    receipt = game.validate(ana, edition, "t-bike")
    game.cancel(ana, receipt)
    with game.refused("MP060"):
        game.run("update mpp.validation set state = 'credited' where id = %s", (receipt["validation_id"],))


@pytest.mark.parametrize("statement", ["delete from mpp.validation", "truncate mpp.validation"])
def test_rows_of_the_ledger_are_never_taken_away(game, edition, ana, statement):
    game.validate(ana, edition, "t-bike")
    with game.refused("MP060"):
        game.run(statement)


# many at once


def rows_to_import(game: Game, edition: Edition, rows: list[tuple]) -> dict:
    """Arguments of import_validations from (person, code, done_at)."""
    return {
        "edition_code": edition.code,
        "player_ids": [person.player_id for person, _, _ in rows],
        "challenge_ids": [edition.challenges[code] for _, code, _ in rows],
        "done_at": [at for _, _, at in rows],
        "request_keys": [uuid.uuid4() for _ in rows],
    }


def test_an_import_follows_the_rules_of_the_game_at_the_instants_they_were_done(game, edition, league, ana):
    ben, cleo = game.player(league, team=0), game.player(league, team=0)
    at = game.now - HOUR / 2
    columns = rows_to_import(
        game,
        edition,
        [
            (ana, "t-bike", at),
            (ana, "t-bike", at),
            (ben, "t-photo", at),
            (ana, "t-plane", at),
            (ana, "t-boost", at),
            (ben, "t-boost", at - 5 * HOUR),
            (ben, "t-flash", at),
            (ben, "t-flash-over", at - 4 * HOUR),
            (ana, "t-picnic", at),
            (ben, "t-picnic", at),
            (cleo, "t-picnic", at),
            (ana, "t-swap", at),
        ],
    )
    assert game.service.call("import_validations", **columns) == 12
    assert [game.score(p.player_id) for p in (ana, ben, cleo)] == [8 - 5 + 6 + 5, 3 + 2 + 3 + 3 + 5, 5]
    assert game.score(league.id) == game.score(league.teams[0]) == 14 + 16 + 5
    assert game.faults(edition) == []
    assert game.service.call("import_validations", **columns) == 0
    assert game.score(league.id) == 35


@pytest.mark.parametrize(
    ("code", "offset"),
    [
        ("t-later", -HOUR),
        ("t-flash-soon", -HOUR),
        ("t-flash-over", -HOUR / 2),
        ("t-bike", HOUR),
        ("t-bike", -8 * DAY),
        ("t-bike", None),
    ],
)
def test_one_row_that_breaks_a_rule_stops_the_whole_import(game, edition, ana, code, offset):
    at = None if offset is None else game.now + offset
    columns = rows_to_import(game, edition, [(ana, "t-soup", game.now - HOUR), (ana, code, at)])
    with game.refused("MP070") as caught:
        game.service.call("import_validations", **columns)
    assert "row 2" in str(caught.value)


def test_an_import_counts_what_is_already_there_against_the_repeat_limit(game, edition, ana):
    game.validate(ana, edition, "t-bike")
    at = game.now - HOUR
    with game.refused("MP070"):
        game.service.call("import_validations", **rows_to_import(game, edition, [(ana, "t-bike", at)] * 2))
    assert game.service.call("import_validations", **rows_to_import(game, edition, [(ana, "t-bike", at)])) == 1


def test_an_import_refuses_strangers_unknown_challenges_doubled_keys_and_ragged_columns(game, edition, league, ana):
    at = game.now - HOUR
    good = rows_to_import(game, edition, [(ana, "t-soup", at), (ana, "t-soup", at)])
    key = uuid.uuid4()
    stranger = game.player(game.league(game.edition()))
    for change, code in (
        ({"request_keys": [key, key]}, "MP070"),
        ({"request_keys": [key, None]}, "MP070"),
        ({"player_ids": [ana.player_id, stranger.player_id]}, "MP070"),
        ({"player_ids": [ana.player_id, None]}, "MP070"),
        ({"challenge_ids": [edition.challenges["t-soup"], -1]}, "MP070"),
        ({"done_at": [at]}, "MP010"),
        ({"edition_code": "no-such-edition"}, "MP020"),
    ):
        with game.refused(code):
            game.service.call("import_validations", **{**good, **change})


def test_an_import_is_taken_after_the_end_but_not_before_the_start_nor_after_the_freeze(game, edition, ana):
    at = game.now - HOUR
    game.close(edition)
    assert game.service.call("import_validations", **rows_to_import(game, edition, [(ana, "t-soup", at)])) == 1
    game.freeze(edition)
    with game.refused("MP022", "MP024"):
        game.service.call("import_validations", **rows_to_import(game, edition, [(ana, "t-soup", at)]))
    early = game.edition("registration")
    person = game.player(game.league(early))
    with game.refused("MP022", "MP070"):
        game.service.call("import_validations", **rows_to_import(game, early, [(person, "t-soup", at)]))


def test_an_import_reads_the_rows_of_each_league_and_not_of_all_for_each(game, edition):
    people = [game.league(edition).ambassador for _ in range(40)]
    at = edition.starts_at
    game.service.call(
        "import_validations",
        **rows_to_import(game, edition, [(person, "t-soup", at) for person in people for _ in range(20)]),
    )
    read = (
        "select sum(coalesce(pg_stat_get_xact_tuples_returned(c.oid), 0)) from pg_class c"
        " where c.oid = 'mpp.validation'::regclass"
        " or c.oid in (select i.indexrelid from pg_index i where i.indrelid = 'mpp.validation'::regclass)"
    )
    game.run("discard plans")
    before = game.one(read)
    waiting = rows_to_import(game, edition, [(person, "t-picnic", at) for person in people])
    assert game.service.call("import_validations", **waiting) == 40
    # Forty teams wait for their quorum. Each looks at its league, which has 21 rows, not at the 840 of all leagues.
    assert game.one(read) - before < 40 * 21 * 12
