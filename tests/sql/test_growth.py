"""What one account can make the database grow by is bounded, and what looks like filling it is seen."""

from __future__ import annotations

import uuid

import pytest

from tests.support.game import DAY, Jsonb

#: Tables that functions write to, and what bounds the rows that one account can make there.
BOUNDS = {
    "account_proof": "one row an account",
    "ambassador": "one row a league and account",
    "audit": "200 acts a day (MP047); the association's own are not bounded",
    "award": "the association",
    "award_round": "the association",
    "challenge": "the association",
    "campaign": "the association",
    "campaign_code": "the association",
    "campaign_guest": "one an account and campaign",
    "campaign_text": "the association",
    "class_challenge": "the challenges of an edition",
    "class_code": "one a class",
    "class_guess": "ten an hour, deleted by the next",
    "class_invitation": "one a class",
    "class_request": "1,000 a day and class (MP047)",
    "conduct_report": "one open report about a player; an expulsion takes a player out for good",
    "consent": "20 a day (MP047), and as many withdrawals",
    "contact_request": "no account: so many an hour (92_contact)",
    "curriculum_theme": "the association",
    "edition": "the association",
    "edition_challenge": "the association",
    "edition_count": "counted at the freeze",
    "family": "ten classes an account (MP086)",
    "guardian_consent": "two a question and link; the rest is the association's",
    "guardian_request": "three a day and ten in all a child (MP047), five a day a mailbox",
    "join_code": "one a league",
    "league": "three leagues or twelve classes an edition (MP039), 2,000 a client",
    "mail_bounce": "the secret key",
    "mail_suppression": "one a purpose and reader",
    "maintenance_window": "the association",
    "client_map_cell": "counted at the freeze",
    "map_cell": "counted at the freeze",
    "newsletter": "the association",
    "ops_member": "the secret key",
    "organisation": "the association",
    "outbox": "with invitations: five a day and mailbox, three a guest; the rest is the association's",
    "participant": "twice the expected players of a client, 400 at least",
    "participation": "the association",
    "partner": "the association",
    "partner_address": "one an export and person",
    "name_change": "the association",
    "partner_export": "the association",
    "partner_withdrawal": "one an export and person",
    "photo": "ten a day (MP047), a hundred in all",
    "photo_removal": "three a photo",
    "picture": "one an account; three uploads wait at most",
    "past_statistics": "the association",
    "player": "one an edition; pupils twice the size of a class",
    "player_contact": "one a player",
    "file_removal": "one a file of an erased account",
    "privacy_request": "five erasures a day (MP047); the rest is the association's",
    "profile": "one an account",
    "school": "five a day (MP085)",
    "school_standing": "counted at the freeze",
    "score": "one a player, team and league",
    "score_count": "one a value",
    "score_delta": "one a validation or cancellation, folded by the next writers",
    "staff": "one an account and client",
    "staff_invitation": "one an address, fifty a day and client",
    "task": "the tasks of a plan",
    "teacher": "one an account",
    "team": "the teams of a league (MP037)",
    "terms_version": "the association",
    "territory": "the association",
    "theme": "the association",
    "unit": "500 a client",
    "unlock": "the hidden challenges of an edition",
    "unlock_guess": "so many an hour (MP046), deleted by the next",
    "unsubscribe_token": "one a mail",
    "validation": "the limit of a challenge, and 20 taken back a day (MP047); without a limit 50 a day (MP047)",
}


@pytest.fixture
def edition(game):
    return game.edition()


def test_every_table_that_functions_write_to_has_a_bound(game):
    written = {
        row["name"]
        for row in game.rows(
            "select distinct m[1] as name from pg_proc, regexp_matches(prosrc, 'insert into mpp\\.([a-z_]+)', 'g') m"
            " where pronamespace = 'private'::regnamespace"
        )
    }
    assert written - set(BOUNDS) == set(), "say what bounds the rows that one account can make here"
    assert set(BOUNDS) - written <= {"past_statistics"}


def test_to_and_fro_ends_after_twenty_validations_taken_back_in_a_day(game, edition):
    player = game.player(game.league(edition))
    for _ in range(20):
        game.cancel(player, game.validate(player, edition, "t-bike"))
    receipt = game.validate(player, edition, "t-bike")
    with game.refused("MP047"):
        game.cancel(player, receipt)
    # The staff still may, and tomorrow the player.
    game.cancel(game.staff(), receipt, reason="Too many")
    last = game.validate(player, edition, "t-bike")
    game.clock(game.now + DAY + DAY)
    assert game.cancel(player, last)["state"] == "cancelled"


def test_a_challenge_without_a_limit_is_done_fifty_times_a_day_at_most(game, edition):
    player = game.player(game.league(edition))
    for _ in range(40):
        game.validate(player, edition, "t-soup")
    # What was taken back is kept, so that it counts.
    game.cancel(player, game.validate(player, edition, "t-soup"))
    for _ in range(8):
        game.validate(player, edition, "t-soup")
    key = uuid.uuid4()
    last = game.validate(player, edition, "t-soup", key=key)
    with game.refused("MP047"):
        game.validate(player, edition, "t-soup")
    assert game.validate(player, edition, "t-soup", key=key) == last
    game.validate(player, edition, "t-plane")
    game.clock(game.now + DAY + DAY)
    game.validate(player, edition, "t-soup")


def test_a_pupil_does_a_challenge_without_a_limit_fifty_times_a_day_at_most(game):
    edition = game.edition(audience="school")
    class_ = game.class_(edition, pupils=("Lina", "Noé"))
    lina, noe = class_.pupils.values()
    asked = {"class_id": class_.id, "challenge_id": edition.challenges["t-soup"]}

    def validate(*pupils: uuid.UUID) -> list[dict]:
        return class_.teacher.table(
            "validate_for_pupils", **asked, request_key=uuid.uuid4(), pupil_ids=list(pupils) or None
        )

    for _ in range(50):
        validate(lina)
    with game.refused("MP047"):
        validate(lina)
    # A touch for the whole class leaves her as she is.
    done = {row["pupil_id"]: row["validation_id"] for row in validate()}
    assert done[lina] is None
    assert done[noe] is not None


def test_consents_are_given_twenty_times_a_day_and_always_withdrawn(game):
    person = game.registered()
    given = 1 + game.one("select count(*) from mpp.consent where account_id = %s", (person.account,))
    for number in range(given, 21):
        person.call("set_consent", purpose="newsletter", granted=number % 2 == given % 2)
    latest = person.view("my_consents", purpose="newsletter")[0]["granted"]
    if latest:
        person.call("set_consent", purpose="newsletter", granted=False)
    with game.refused("MP047"):
        person.call("set_consent", purpose="newsletter", granted=True)
    person.call("set_consent", purpose="newsletter", granted=False)
    assert person.view("my_consents", purpose="newsletter")[0]["granted"] is False


def test_a_league_is_handed_to_and_fro_two_hundred_times_a_day_at_most(game, edition):
    league = game.league(edition)
    first, other = league.ambassador, game.player(league)
    game.run(
        "insert into mpp.audit (actor_id, actor_role, action) select %s, 'authenticated', 'league.hand_over'"
        " from generate_series(1, 199)",
        (first.account,),
    )
    first.call("hand_over_league", league_id=league.id, player_id=other.player_id)
    other.call("hand_over_league", league_id=league.id, player_id=first.player_id)
    with game.refused("MP047"):
        first.call("hand_over_league", league_id=league.id, player_id=other.player_id)
    # The association is not held to it.
    staff = game.staff()
    game.run(
        "insert into mpp.audit (actor_id, actor_role, action)"
        " select %s, 'authenticated', 'x' from generate_series(1, 300)",
        (staff.account,),
    )
    staff.call("hand_over_league", league_id=league.id, player_id=other.player_id)


def test_a_class_sends_a_thousand_requests_a_day_at_most(game):
    edition = game.edition(audience="school")
    class_ = game.class_(edition, pupils=("Lina",))
    challenge = edition.challenges["t-soup"]
    game.run(
        "insert into mpp.class_request (request_key, league_id, challenge_id, answered)"
        " select gen_random_uuid(), %s, %s, '{}' from generate_series(1, 1000)",
        (class_.id, challenge),
    )
    asked = {"class_id": class_.id, "challenge_id": challenge, "request_key": uuid.uuid4()}
    with game.refused("MP047"):
        class_.teacher.table("validate_for_pupils", **asked)
    game.staff().table("validate_for_pupils", **asked)


def test_a_class_takes_two_thousand_validations_back_a_day_at_most(game):
    edition = game.edition(audience="school")
    class_ = game.class_(edition, pupils=("Lina",))
    (made,) = class_.teacher.table(
        "validate_for_pupils", class_id=class_.id, challenge_id=edition.challenges["t-soup"], request_key=uuid.uuid4()
    )
    game.run(
        "insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state,"
        " changed_at, cancelled_by) select gen_random_uuid(), v.edition_id, v.challenge_id, v.player_id, v.team_id,"
        " v.league_id, v.points, 'cancelled', private.clock(), %s from mpp.validation v, generate_series(1, 2000)"
        " where v.league_id = %s",
        (class_.teacher.account, class_.id),
    )
    with game.refused("MP047"):
        class_.teacher.table("cancel_for_pupils", class_id=class_.id, validation_ids=[made["validation_id"]])
    game.staff().table("cancel_for_pupils", class_id=class_.id, validation_ids=[made["validation_id"]])


def test_what_fills_logs_is_seen_as_misuse(game, edition):
    league = game.league(edition)
    player = game.player(league)
    for number in range(11):
        game.cancel(player, game.validate(player, edition, "t-bike"))
        player.call("set_consent", purpose="newsletter", granted=number % 2 == 0)
    for heir in (player, league.ambassador) * 5 + (player,):
        by = league.ambassador if heir is player else player
        by.call("hand_over_league", league_id=league.id, player_id=heir.player_id)
    seen = {
        (row["pattern"], row["subject_id"]): row["validations"]
        for row in game.service.view("misuse", edition_id=edition.id)
    }
    assert seen[("taken back", player.player_id)] == 11
    assert seen[("consents", player.player_id)] >= 11
    assert seen[("hand-overs", league.id)] == 11
    assert league.ambassador.view("misuse") == []


def test_a_player_who_corrects_a_few_mistakes_is_not_seen(game, edition):
    player = game.player(game.league(edition))
    for _ in range(3):
        game.cancel(player, game.validate(player, edition, "t-bike"))
    assert game.service.view("misuse", edition_id=edition.id) == []


def test_a_clients_staff_act_two_hundred_times_a_day_at_most(game, edition):
    client = game.organisation()
    part = game.participation(client, edition)
    manager = game.employed(client, "manager")
    game.run(
        "insert into mpp.audit (actor_id, actor_role, action)"
        " select %s, 'authenticated', 'x' from generate_series(1, 200)",
        (manager.account,),
    )
    with game.refused("MP047"):
        manager.table("create_client_leagues", participation_id=part, leagues=Jsonb([{"name": "One", "unit": None}]))
