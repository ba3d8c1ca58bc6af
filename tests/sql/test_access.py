"""What ends an access ends what it knew, and whoever is not live reads and does nothing more."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from tests.support.game import DAY, HOUR, Jsonb

#: What happens to an account in Auth: it is disabled, deleted softly (its row stays), deleted.
ENDS = {
    "disabled": "update auth.users set banned_until = private.clock() + interval '10 years' where id = %s",
    "deleted softly": "update auth.users set deleted_at = private.clock() where id = %s",
    "deleted": "delete from auth.users where id = %s",
}


def end(game, person, how: str) -> None:
    """Do this to the account of a person."""
    assert game.run(ENDS[how], (person.account,)) == 1


def join_code(game, league) -> str:
    """The code of a league as it is now."""
    return str(game.one("select code from mpp.join_code where league_id = %s", (league.id,)))


def class_codes(game, class_) -> list[str]:
    """The code of a class as it is now, or none."""
    return [row["code"] for row in game.rows("select code from mpp.class_code where league_id = %s", (class_.id,))]


@pytest.fixture
def edition(game):
    return game.edition()


@pytest.fixture
def private_edition(game):
    """A private edition, its client, and the client's part in it."""
    client = game.organisation(kind="company")
    edition = game.edition(organisation=client)
    return edition, client, game.participation(client, edition)


# who is live


@pytest.mark.parametrize("how", ENDS)
def test_an_account_that_has_ended_reads_nothing_of_its_own_with_a_token_that_is_still_valid(game, edition, how):
    league = game.league(edition)
    player = game.player(league)
    teacher = game.class_(game.edition(audience="school"), pupils=("Lina",)).teacher
    employee = game.employed(game.organisation(), "owner")
    game.participation(
        game.one("select organisation_id from mpp.staff where account_id = %s", (employee.account,)), edition
    )
    staff = game.staff()
    shown = {
        player: ["my_profile", "my_players", "my_leagues", "my_consents", "league_members", "league_teams"],
        teacher: ["my_teacher", "my_classes", "league_members", "my_consents"],
        employee: ["my_organisations", "client_organisations", "client_participations", "client_overview"],
        staff: ["audit_log", "ops_leagues"],
    }
    for person, views in shown.items():
        assert [name for name in views if not person.view(name)] == [], "seen while live"
        end(game, person, how)
        assert [name for name in views if person.view(name)] == []


@pytest.mark.parametrize("how", ENDS)
def test_an_account_that_has_ended_commands_nothing(game, edition, how):
    league = game.league(edition)
    player = game.player(league)
    staff = game.staff()
    end(game, player, how)
    end(game, staff, how)
    with game.refused("MP001"):
        game.validate(player, edition, "t-soup")
    with game.refused("MP001"):
        player.call("claim_class", code="wrong")
    with game.refused("MP001"):
        player.table("my_rank", edition_id=edition.id)
    with game.refused("MP006"):
        staff.call("close_edition", edition_code=edition.code, reason="No")


def test_a_token_of_an_account_that_was_deleted_registers_nobody(game):
    person = game.signed_in()
    end(game, person, "deleted")
    with game.refused("MP001"):
        person.call("register", **game.profile())


def test_an_account_is_live_again_when_it_is_enabled_or_its_time_is_over(game, edition):
    player = game.player(game.league(edition))
    game.run("update auth.users set banned_until = %s where id = %s", (game.now + HOUR, player.account))
    assert player.view("my_players") == []
    game.clock(game.now + 2 * HOUR)
    assert len(player.view("my_players")) == 1
    game.run("update auth.users set banned_until = null where id = %s", (player.account,))
    assert len(player.view("my_players")) == 1


# private editions


@pytest.mark.parametrize("how", ["expelled", "left", "disabled", "deleted softly"])
def test_who_is_out_of_a_private_edition_reads_nothing_of_it(game, private_edition, how):
    edition, _, part = private_edition
    league = game.client_league(part, edition)
    player = game.player(league)
    game.validate(player, edition, "t-soup")
    assert player.view("editions", id=edition.id)
    assert player.view("player_ranking", edition_id=edition.id)
    assert player.table("my_rank", edition_id=edition.id)
    if how == "expelled":
        league.ambassador.call("expel_player", player_id=player.player_id, reason="Shouts")
    elif how == "left":
        player.call("leave_league", league_id=league.id)
    else:
        end(game, player, how)
    assert player.view("editions", id=edition.id) == []
    assert player.view("player_ranking", edition_id=edition.id) == []
    assert player.view("challenges", edition_id=edition.id) == []
    with game.refused("MP035", "MP001"):
        player.table("my_rank", edition_id=edition.id)
    with game.refused("MP005"):
        player.table("ranking_around", subject_id=league.ambassador.player_id)


def test_who_left_a_public_edition_still_sees_their_own_place(game, edition):
    league = game.league(edition)
    player = game.player(league)
    game.validate(player, edition, "t-soup")
    player.call("leave_league", league_id=league.id)
    assert player.table("my_rank", edition_id=edition.id)


@pytest.mark.parametrize("others", [0, 1, 3])
def test_a_client_does_not_learn_that_the_one_person_it_invited_came_to_a_private_edition(
    game, private_edition, others
):
    edition, client, part = private_edition
    manager = game.employed(client, "manager")
    big = game.client_league(part, edition, "Big")
    for _ in range(6):
        game.player(big)
    middle = game.client_league(part, edition, "Middle")
    for _ in range(4):
        game.player(middle)
    (made,) = game.service.table(
        "create_client_leagues", participation_id=part, leagues=Jsonb([{"name": "Small", "unit": None}])
    )

    def answers() -> tuple[object, ...]:
        rows = manager.view("client_leagues", participation_id=part)
        small = [row for row in rows if row["league_id"] == made["league_id"]]
        return (
            small,
            manager.view("client_ambassadors", participation_id=part),
            [(row["league_id"], row["players"] is None) for row in rows],
            [(row["league_id"], row["listed"]) for row in manager.view("client_join_codes", participation_id=part)],
        )

    before = answers()
    assert before[0][0]["has_ambassador"] is None
    assert before[0][0]["attention"] == ["few_players"]
    assert [row["league"] for row in before[1]] == ["Big"]
    first = game.registered()
    first.player_id = first.call("join_league", join_code=made["join_code"])
    game.validate(first, edition, "t-soup")
    for _ in range(others):
        game.registered().call("join_league", join_code=made["join_code"])
    assert answers() == before
    # Nobody else can have opted it out.
    first.call("set_listing", scope="league", subject_id=made["league_id"], listed=False)
    assert answers() == before
    assert manager.view("client_leagues", league_id=big.id)[0]["has_ambassador"] is True


def test_a_client_does_not_learn_whether_anybody_came_to_its_private_edition(game, private_edition):
    edition, client, part = private_edition
    manager = game.employed(client, "manager")
    (made,) = game.service.table(
        "create_client_leagues", participation_id=part, leagues=Jsonb([{"name": "Only", "unit": "Site"}])
    )
    views = ("overview", "leagues", "weekly", "daily", "ranking", "themes", "map", "ambassadors", "awards")

    def answers() -> dict[str, object]:
        report = manager.call("client_report", participation_id=part)
        report.pop("as_of")
        return {"report": report, "statistics": manager.view("edition_statistics", edition_id=edition.id)} | {
            name: manager.view(f"client_{name}", participation_id=part) for name in views
        }

    game.service.call("count_edition", edition_code=edition.code)
    before = answers()
    first = game.registered()
    first.player_id = first.call("join_league", join_code=made["join_code"])
    game.validate(first, edition, "t-soup")
    game.service.call("count_edition", edition_code=edition.code)
    assert first.view("edition_statistics", edition_id=edition.id)[0]["challenges"] == 1
    assert answers() == before
    first.call("set_listing", scope="league", subject_id=made["league_id"], listed=False)
    assert answers() == before


def test_an_award_does_not_name_the_only_player_of_a_small_league_of_a_private_edition(game):
    client = game.organisation(kind="company")
    edition = game.edition(organisation=client)
    part = game.participation(client, edition)
    lone = game.client_league(part, edition, "Small")
    big = game.client_league(part, edition, "Big")
    winners = [game.player(big) for _ in range(4)] + [big.ambassador]
    for _ in range(12):
        game.validate(lone.ambassador, edition, "t-soup")
    for person in winners:
        game.validate(person, edition, "t-bike")
    game.clock(edition.ends_at + DAY)
    game.freeze(edition)
    game.service.call("grant_awards", edition_code=edition.code)
    manager = game.employed(client, "manager", until=60 * DAY)
    awards = manager.view("client_awards", participation_id=part)
    assert {row["league_label"] for row in awards if row["scope"] == "player"} <= {"Big"}
    assert lone.ambassador.player_id not in {row["subject_id"] for row in awards}


# codes and invitations


@pytest.mark.parametrize("how", ENDS)
def test_a_teacher_whose_account_ends_does_not_come_back_by_the_class_code(game, how):
    class_ = game.class_(game.edition(audience="school"), pupils=("Lina", "Tom"))
    colleague = game.teacher()
    colleague.call("accept_class", code=class_.teacher.call("invite_co_teacher", class_id=class_.id))
    invitation = colleague.call("invite_co_teacher", class_id=class_.id)
    sockpuppet = game.family(class_)
    assert sockpuppet.view("league_members", league_id=class_.id)
    end(game, colleague, how)
    fresh = game.anonymous()
    assert not fresh.call("claim_class", code=class_.code)["claimed"]
    assert sockpuppet.view("league_members", league_id=class_.id) == []
    other = game.teacher()
    with game.refused("MP082"):
        other.call("accept_class", code=invitation)
    # The teacher who stays hands out the new one.
    (code,) = class_codes(game, class_)
    assert class_.teacher.view("my_classes")[0]["class_code"] == code
    assert fresh.call("claim_class", code=code)["claimed"]


@pytest.mark.parametrize("how", ENDS)
def test_the_only_teacher_leaves_no_way_into_the_class_behind(game, how):
    class_ = game.class_(game.edition(audience="school"), pupils=("Lina",))
    family = game.family(class_)
    end(game, class_.teacher, how)
    assert not game.anonymous().call("claim_class", code=class_.code)["claimed"]
    assert family.view("league_members", league_id=class_.id) == []


def test_disabling_a_family_ends_the_code_that_it_knew(game):
    class_ = game.class_(game.edition(audience="school"), pupils=("Lina",))
    family = game.family(class_)
    end(game, family, "disabled")
    assert not game.anonymous().call("claim_class", code=class_.code)["claimed"]


def test_cleaning_out_an_anonymous_account_puts_no_class_out(game):
    class_ = game.class_(game.edition(audience="school"), pupils=("Lina",))
    family, other = game.family(class_), game.family(class_)
    end(game, family, "deleted")
    assert class_codes(game, class_) == [class_.code]
    assert other.view("league_members", league_id=class_.id)


@pytest.mark.parametrize("who", ["ambassador", "co-ambassador", "player"])
@pytest.mark.parametrize("how", ["disabled", "deleted softly", "expelled"])
def test_whoever_is_put_out_of_a_league_does_not_come_back_by_its_code(game, edition, who, how):
    league = game.league(edition)
    person = game.player(league)
    game.player(league)
    if who == "co-ambassador":
        league.ambassador.call("set_co_ambassador", player_id=person.player_id, granted=True)
    elif who == "ambassador":
        league.ambassador.call("hand_over_league", league_id=league.id, player_id=person.player_id)
    if how == "expelled":
        game.staff().call("expel_player", player_id=person.player_id, reason="Shouts")
    else:
        end(game, person, how)
    fresh = game.registered()
    with game.refused("MP031"):
        fresh.call("join_league", join_code=league.join_code)
    fresh.call("join_league", join_code=join_code(game, league))


def test_a_disabled_player_does_not_come_back_to_a_league_they_played_in_before(game, edition):
    league, later = game.league(edition), game.league(edition)
    player = game.player(league)
    game.validate(player, edition, "t-soup")
    player.call("leave_league", league_id=league.id)
    game.player(later, player)
    end(game, player, "disabled")
    assert join_code(game, league) != league.join_code
    assert join_code(game, later) != later.join_code


@pytest.mark.parametrize("how", ["is one no longer", "leaves", "is deleted"])
def test_a_co_ambassador_who_stops_knows_the_code_no_longer(game, edition, how):
    league = game.league(edition)
    helper = game.player(league)
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    if how == "leaves":
        helper.call("leave_league", league_id=league.id)
    elif how == "is deleted":
        end(game, helper, "deleted")
    else:
        league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=False)
    fresh = game.registered()
    with game.refused("MP031"):
        fresh.call("join_league", join_code=league.join_code)


def test_a_player_who_leaves_puts_nobody_elses_code_out(game, edition):
    league = game.league(edition)
    game.player(league).call("leave_league", league_id=league.id)
    assert join_code(game, league) == league.join_code
    league.ambassador.call("leave_league", league_id=league.id)
    assert join_code(game, league) == league.join_code, "an empty league keeps the code that leads to it"


@pytest.mark.parametrize("how", ["removed", "made a viewer", *ENDS])
def test_a_manager_who_goes_takes_no_code_of_the_clients_leagues_along(game, edition, how):
    client = game.organisation()
    part = game.participation(client, edition)
    league = game.client_league(part, edition)
    game.service.call(
        "invite_participants", participation_id=part, participants=Jsonb([{"email": "guest@example.org"}])
    )
    manager, owner = game.employed(client, "manager"), game.employed(client, "owner")
    assert manager.view("client_join_codes")[0]["join_code"] == league.join_code
    if how == "removed":
        owner.call("remove_staff", organisation_id=client, account_id=manager.account)
    elif how == "made a viewer":
        owner.call("set_staff", organisation_id=client, account_id=manager.account, role="viewer")
    else:
        end(game, manager, how)
    code = join_code(game, league)
    assert code != league.join_code
    assert owner.view("client_join_codes")[0]["join_code"] == code
    # The mail that has not left invites by the new code.
    (mail,) = game.rows(
        "select data ->> 'join_code' as code from mpp.outbox"
        " where template = 'player_invitation' and organisation_id = %s",
        (client,),
    )
    assert mail["code"] == code


@pytest.mark.parametrize("touched", ["create_client_leagues", "invite_participants", "purge_expired"])
def test_what_a_manager_knew_whose_dates_are_over_ends_with_the_next_call(game, edition, touched):
    client = game.organisation()
    part = game.participation(client, edition)
    league = game.client_league(part, edition)
    owner = game.employed(client, "owner")
    manager = game.employed(client, "manager")
    owner.call("set_staff", organisation_id=client, account_id=manager.account, access_until=game.now + HOUR)
    # Until then they read on.
    assert manager.view("client_join_codes")[0]["join_code"] == league.join_code

    def touch() -> None:
        if touched == "purge_expired":
            game.service.table("purge_expired", how_many=100)
        elif touched == "invite_participants":
            guests = Jsonb([{"email": "guest@example.org"}])
            owner.call("invite_participants", participation_id=part, participants=guests)
        else:
            owner.table("create_client_leagues", participation_id=part, leagues=Jsonb([{"name": "Another"}]))

    touch()
    assert join_code(game, league) == league.join_code
    game.clock(game.now + HOUR)
    assert manager.view("client_join_codes") == []
    touch()
    code = join_code(game, league)
    assert code != league.join_code
    person = game.registered()
    with game.refused("MP031"):
        person.call("join_league", join_code=league.join_code)
    # Once, and again when they were given more time and that is over too.
    touch()
    assert join_code(game, league) == code
    game.service.call("set_staff", organisation_id=client, account_id=manager.account, access_until=game.now + 2 * HOUR)
    game.clock(game.now + 2 * HOUR)
    touch()
    assert join_code(game, league) != code


def test_what_ends_by_itself_takes_no_invitation_to_come_back_along(game):
    client = game.organisation()
    manager = game.employed(client, "manager", until=HOUR)
    game.clock(game.now + HOUR)
    address = game.one("select email from auth.users where id = %s", (manager.account,))
    game.service.call("invite_staff", organisation_id=client, email=address, access_until=game.now + 30 * DAY)
    game.service.table("purge_expired", how_many=100)
    assert game.rows(
        "select 1 from mpp.staff_invitation where organisation_id = %s and expires_at > private.clock()", (client,)
    )


def test_a_viewer_who_goes_changes_no_code(game, edition):
    client = game.organisation()
    league = game.client_league(game.participation(client, edition), edition)
    viewer, owner = game.employed(client, "viewer"), game.employed(client, "owner")
    owner.call("remove_staff", organisation_id=client, account_id=viewer.account)
    owner.call("set_staff", organisation_id=client, account_id=game.employed(client, "manager").account, role="manager")
    assert join_code(game, league) == league.join_code


@pytest.mark.parametrize("how", ENDS)
def test_the_invitations_of_an_owner_whose_account_ends_are_void_for_good(game, how):
    client = game.organisation()
    owner = game.employed(client, "owner")
    owner.call("invite_staff", organisation_id=client, email="new@example.org")
    end(game, owner, how)
    if how == "disabled":
        game.run("update auth.users set banned_until = null where id = %s", (owner.account,))
    assert game.rows(
        "select 1 from mpp.staff_invitation where organisation_id = %s and expires_at > private.clock()", (client,)
    ) == []  # fmt: skip
    assert game.rows("select 1 from mpp.outbox where organisation_id = %s and state = 'queued'", (client,)) == []


@pytest.mark.parametrize("how", ENDS)
def test_an_invitation_that_waits_for_staff_whose_account_ends_is_void(game, how):
    client = game.organisation()
    viewer = game.employed(client, "viewer")
    game.service.call(
        "invite_staff", organisation_id=client, email=f"{viewer.account.hex}@example.org", role="owner",
        access_until=game.now + 30 * DAY,
    )  # fmt: skip
    end(game, viewer, how)
    assert game.rows(
        "select 1 from mpp.staff_invitation where organisation_id = %s and expires_at > private.clock()", (client,)
    ) == []  # fmt: skip


# who follows an ambassador


def test_the_league_of_a_deleted_ambassador_goes_to_the_co_ambassador(game, edition):
    league = game.league(edition)
    game.player(league)
    helper = game.player(league)
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    end(game, league.ambassador, "deleted")
    assert [row["is_ambassador"] for row in helper.view("my_leagues")] == [True]


def test_without_a_co_ambassador_it_goes_to_the_player_who_was_there_first(game, edition):
    league = game.league(edition)
    newcomer, first, disabled = (game.registered() for _ in range(3))
    # In the edition before all others, and in this league after them.
    game.player(game.league(edition), newcomer)
    newcomer.call(
        "leave_league", league_id=game.one("select league_id from mpp.player where id = %s", (newcomer.player_id,))
    )
    game.player(league, disabled)
    end(game, disabled, "disabled")
    league.join_code = join_code(game, league)
    game.player(league, first)
    game.player(league, newcomer)
    end(game, league.ambassador, "deleted")
    assert [row["is_ambassador"] for row in first.view("my_leagues")] == [True]
    assert [row["is_ambassador"] for row in newcomer.view("my_leagues")] == [False]
    assert game.one("select player_id from mpp.ambassador where league_id = %s", (league.id,)) == first.player_id


def test_a_league_that_is_left_without_anybody_is_run_by_who_comes(game, edition):
    league = game.league(edition)
    end(game, league.ambassador, "deleted")
    comer = game.registered()
    comer.call("join_league", join_code=join_code(game, league))
    assert [row["is_ambassador"] for row in comer.view("my_leagues")] == [True]


# leaving


def test_a_player_who_left_a_league_sees_what_they_did_in_it_and_nothing_else(game, edition):
    league = game.league(edition)
    player = game.player(league)
    game.validate(league.ambassador, edition, "t-soup")
    receipt = game.validate(player, edition, "t-soup")
    player.call("leave_league", league_id=league.id)
    seen = player.view("league_validations")
    assert [row["validation_id"] for row in seen] == [receipt["validation_id"]]
    assert seen[0]["challenge_code"] == "t-soup"


@pytest.mark.parametrize("now_in_another", [False, True])
def test_a_retry_after_leaving_gets_the_receipt_without_the_points_of_the_league(game, edition, now_in_another):
    league = game.league(edition)
    player = game.player(league)
    key = uuid.uuid4()
    first = game.validate(player, edition, "t-soup", key)
    player.call("leave_league", league_id=league.id)
    if now_in_another:
        game.player(game.league(edition), player)
    again = game.validate(player, edition, "t-soup", key)
    assert again == {**first, "team_points": None, "league_points": None}
    with game.refused("MP044"):
        game.validate(player, edition, "t-bike", key)
    if not now_in_another:
        with game.refused("MP035"):
            game.validate(player, edition, "t-soup")


# ages


def test_nobody_under_fifteen_makes_or_joins_an_open_league(game, edition):
    child = game.registered(birth_date=game.child(12))
    with game.refused("MP052"):
        game.league(edition, child, is_open=True, phone="+33612345678")
    league = game.league(edition, is_open=True, phone="+33612345678")
    with game.refused("MP052"):
        child.call("join_league", league_id=league.id, phone="+33612345678")
    with game.refused("MP052"):
        child.call("join_league", join_code=league.join_code, phone="+33612345678")
    game.player(game.league(edition), child)
    adolescent = game.registered(birth_date=game.child(15))
    adolescent.call("join_league", league_id=league.id, phone="+33612345678")


def test_nobody_becomes_younger_than_fifteen_in_an_open_league(game, edition):
    league = game.league(edition, is_open=True, phone="+33612345678")
    player = game.registered()
    player.call("join_league", league_id=league.id, phone="+33612345678")
    younger = {"account_id": player.account, "birth_date": game.child(12), "reason": "a letter"}
    staff = game.staff()
    with game.refused("MP052"):
        staff.call("correct_birth_date", **younger)
    player.call("leave_league", league_id=league.id)
    staff.call("correct_birth_date", **younger)


def test_nobody_under_eighteen_registers_as_a_teacher(game):
    given = {"first_name": "A", "last_name": "B", "role": "Pirate", "terms_version": "2026-01"}
    for age in (10, 17):
        minor = game.registered(birth_date=game.child(age))
        with game.refused("MP053"):
            minor.call("register_teacher", **given)
    game.registered(birth_date=game.child(18)).call("register_teacher", **given)


def test_a_teacher_who_says_later_that_they_are_a_child_is_refused(game):
    teacher = game.teacher()
    with game.refused("MP053"):
        teacher.call("register", **game.profile(birth_date=game.child(10)))
    teacher.call("register", **game.profile(birth_date=game.child(18)))
    staff = game.staff()
    with game.refused("MP053"):
        staff.call("correct_birth_date", account_id=teacher.account, birth_date=game.child(17), reason="a letter")


def test_ages_are_of_the_day_in_paris(game, edition):
    """Half past midnight in Paris is the day before in London."""
    league = game.league(edition, is_open=True, phone="+33612345678")
    fifteen_on = (game.now + timedelta(days=2)).date()
    person = game.registered(birth_date=f"{fifteen_on.year - 15}-{fifteen_on:%m-%d}")
    game.clock(game.one("select (%s::date - interval '30 minutes') at time zone 'Europe/Paris'", (fifteen_on,)))
    with game.refused("MP052"):
        person.call("join_league", league_id=league.id, phone="+33612345678")
    game.clock(game.one("select (%s::date + interval '30 minutes') at time zone 'Europe/Paris'", (fifteen_on,)))
    person.call("join_league", league_id=league.id, phone="+33612345678")
