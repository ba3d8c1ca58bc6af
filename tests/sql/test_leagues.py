"""Leagues: creating, joining, teams, open leagues and phones, leaving, expelling, handing over, listing, reports."""

from __future__ import annotations

import re
import uuid

import pytest

from tests.support.game import League, Person

PHONE = "+33612345678"


@pytest.fixture
def edition(game):
    return game.edition()


@pytest.fixture
def league(game, edition):
    return game.league(edition)


def members(person: Person, league: League) -> set:
    return {row["player_id"] for row in person.view("league_members", league_id=league.id)}


# creating


def test_who_creates_a_league_plays_in_it_and_is_its_ambassador(game, edition):
    person = game.registered()
    league = person.call("create_league", edition_id=edition.id, name=" Les  Verts ", category="colleagues")
    (mine,) = person.view("my_leagues")
    assert (mine["league_id"], mine["name"], mine["category"]) == (league, "Les Verts", "colleagues")
    assert (mine["is_ambassador"], mine["is_co_ambassador"], mine["is_open"], mine["listed"]) == (
        True,
        False,
        False,
        True,
    )
    assert (mine["players"], mine["league_min_players"], mine["league_max_players"]) == (1, 6, 24)
    assert [row["name"] for row in person.rows("select name from api.league_teams order by name")] == [
        "Team 1",
        "Team 2",
    ]
    (player,) = person.view("my_players")
    assert (player["league_id"], player["edition_id"], player["listed"]) == (league, edition.id, True)


def test_teams_are_named_in_the_language_of_the_request(game, edition):
    person = game.registered()
    person.headers = {"accept-language": "fr-FR,fr;q=0.9"}
    person.call("create_league", edition_id=edition.id, name="Verts")
    assert {row["name"] for row in person.view("league_teams")} == {"Équipe 1", "Équipe 2"}


def test_a_league_has_as_many_teams_as_the_edition_says(game):
    league = game.league(game.edition("registration", teams_per_league=5))
    assert len(league.teams) == 5


def test_a_join_code_has_fifty_bits_and_no_letters_that_look_alike(game, edition):
    codes = {game.league(edition).join_code for _ in range(5)}
    assert len(codes) == 5
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{10}", code) for code in codes)


def test_a_league_name_is_taken_once_in_an_edition_whatever_its_case(game, edition):
    game.league(edition, name="Les Verts")
    person = game.registered()
    with game.refused("MP038"):
        person.call("create_league", edition_id=edition.id, name="LES VERTS")
    assert person.view("my_players") == []
    person.call("create_league", edition_id=game.edition().id, name="Les Verts")


@pytest.mark.parametrize("name", [None, "", "  ", "\u200b", "x" * 61, "x" * 10_000, "a\u2060b", "a\u202eb"])
def test_a_league_name_that_is_not_valid_is_refused(game, edition, name):
    person = game.registered()
    with game.refused("MP010"):
        person.call("create_league", edition_id=edition.id, name=name)


def test_one_plays_in_one_league_of_an_edition(game, edition, league):
    person = game.player(league)
    other = game.league(edition)
    with game.refused("MP030"):
        person.call("create_league", edition_id=edition.id, name="Second")
    for code in (other.join_code, league.join_code):
        with game.refused("MP030"):
            person.call("join_league", join_code=code)
    game.player(game.league(game.edition()), person)


# joining


def test_joining_by_code_takes_a_place_in_the_smallest_team(game, league):
    people = [game.player(league) for _ in range(5)]
    teams = game.rows(
        "select team_id, count(*) as players from mpp.player where league_id = %s group by 1", (league.id,)
    )
    assert [s["players"] for s in teams] == [3, 3]
    assert members(people[0], league) == {p.player_id for p in [*people, league.ambassador]}


def test_a_code_may_be_typed_in_small_letters_with_spaces_hyphens_and_lookalikes(game, league):
    game.run("update mpp.join_code set code = '0123456ABC' where league_id = %s", (league.id,))
    for typed in ("0123456ABC", "0123456abc", " 01234-56abc ", "oi23456ABC", "OL23456ABC"):
        game.player(league.__class__(league.id, league.edition, typed, league.ambassador, league.teams))


@pytest.mark.parametrize("code", ["", "x", "0000000000", "'; drop table", "%", "__________"])
def test_an_unknown_code_opens_nothing(game, league, code):
    person = game.registered()
    with game.refused("MP031"):
        person.call("join_league", join_code=code)


def test_joining_takes_a_code_or_a_league_but_not_both_nor_none(game, league):
    person = game.registered()
    with game.refused("MP010"):
        person.call("join_league")
    with game.refused("MP010"):
        person.call("join_league", join_code=league.join_code, league_id=league.id)


def test_a_closed_league_is_not_entered_by_its_id(game, league):
    person = game.registered()
    with game.refused("MP031"):
        person.call("join_league", league_id=league.id, phone=PHONE)
    with game.refused("MP031"):
        person.call("join_league", league_id=uuid.uuid4(), phone=PHONE)


def test_a_full_league_takes_nobody_more_until_somebody_leaves(game):
    edition = game.edition(league_min_players=2, league_max_players=3)
    league = game.league(edition)
    ana, _ = game.player(league), game.player(league)
    late = game.registered()
    with game.refused("MP032") as caught:
        late.call("join_league", join_code=league.join_code)
    assert "3 players" in str(caught.value)
    ana.call("leave_league", league_id=league.id)
    game.player(league, late)


def test_whoever_left_after_playing_keeps_a_place_in_the_league(game):
    edition = game.edition(league_min_players=2, league_max_players=3)
    league = game.league(edition)
    ana, ben = game.player(league), game.player(league)
    game.validate(ana, edition, "t-soup")
    ana.call("leave_league", league_id=league.id)
    late = game.registered()
    with game.refused("MP032"):
        late.call("join_league", join_code=league.join_code)
    assert ana.call("join_league", join_code=league.join_code) == ana.player_id
    # An account that is deleted and comes back is somebody else.
    ana.call("leave_league", league_id=league.id)
    game.run("delete from auth.users where id = %s", (ana.account,))
    with game.refused("MP032"):
        late.call("join_league", join_code=league.join_code)
    ben.call("leave_league", league_id=league.id)
    game.player(league, late)


def test_the_renewed_code_opens_the_league_and_the_old_one_no_longer_does(game, league):
    fresh = league.ambassador.call("renew_join_code", league_id=league.id)
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{10}", fresh)
    person = game.registered()
    with game.refused("MP031"):
        person.call("join_league", join_code=league.join_code)
    person.call("join_league", join_code=fresh)


def test_the_join_code_is_shown_to_the_ambassadors_and_the_staff_only(game, league):
    member, helper = game.player(league), game.player(league)
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    for person in (league.ambassador, helper):
        assert person.view("my_leagues")[0]["join_code"] == league.join_code
    assert member.view("my_leagues")[0]["join_code"] is None
    for person in (game.staff(), game.service):
        assert person.view("ops_leagues", league_id=league.id)[0]["join_code"] == league.join_code


def test_nobody_joins_once_registration_is_over(game):
    for phase in ("closed", "frozen"):
        edition = game.edition()
        league = game.league(edition)
        game.close(edition)
        if phase == "frozen":
            game.freeze(edition)
        person = game.registered()
        with game.refused("MP024" if phase == "frozen" else "MP023"):
            person.call("join_league", join_code=league.join_code)
        with game.refused("MP024" if phase == "frozen" else "MP023"):
            person.call("create_league", edition_id=edition.id, name="Late")


# open leagues


def test_an_open_league_needs_a_phone_in_international_form(game, edition):
    person = game.registered()
    for phone in (None, "", "  "):
        with game.refused("MP033"):
            person.call("create_league", edition_id=edition.id, name="Open", is_open=True, phone=phone)
    league = game.league(edition, is_open=True, phone=PHONE)
    for phone in (None, "", " "):
        with game.refused("MP033"):
            person.call("join_league", league_id=league.id, phone=phone)
        with game.refused("MP033"):
            person.call("join_league", join_code=league.join_code, phone=phone)
    for phone in ("612345678", "+0612345678", "+33", "abc", "+336123456781234567"):
        with game.refused("MP010"):
            person.call("join_league", league_id=league.id, phone=phone)
    person.call("join_league", league_id=league.id, phone=" +33 6.12-34(56)78 ")
    assert (
        game.one(
            "select phone from mpp.player_contact c join mpp.player p on p.id = c.player_id where account_id = %s",
            (person.account,),
        )
        == PHONE
    )


def test_a_phone_is_seen_by_the_person_the_ambassadors_and_the_staff_only(game, edition):
    league = game.league(edition, is_open=True, phone="+33600000001")
    ana = game.player(league, phone=PHONE)
    ben, helper = game.player(league, phone="+33600000002"), game.player(league, phone="+33600000003")
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    for person in (ana, league.ambassador, helper, game.staff(), game.service):
        assert person.view("league_members", player_id=ana.player_id)[0]["phone"] == PHONE
    assert ben.view("league_members", player_id=ana.player_id)[0]["phone"] is None
    assert league.ambassador.view("league_members", league_id=league.id) != []


def test_no_phone_is_kept_for_a_league_that_is_not_open(game, league):
    person = game.player(league, phone=PHONE)
    assert game.rows("select 1 from mpp.player_contact where player_id = %s", (person.player_id,)) == []
    assert league.ambassador.view("league_members", player_id=person.player_id)[0]["phone"] is None


def test_the_ambassador_of_a_league_that_is_no_longer_open_reads_no_phone(game, edition):
    league = game.league(edition, is_open=True, phone="+33600000001")
    ana = game.player(league, phone=PHONE)
    game.run("update mpp.league set is_open = false where id = %s", (league.id,))
    assert league.ambassador.view("league_members", player_id=ana.player_id)[0]["phone"] is None


def test_who_leaves_takes_their_phone_along(game, edition):
    league = game.league(edition, is_open=True, phone=PHONE)
    ana = game.player(league, phone=PHONE)
    ana.call("leave_league", league_id=league.id)
    assert game.rows("select 1 from mpp.player_contact where player_id = %s", (ana.player_id,)) == []


def test_open_leagues_with_room_are_offered_to_people_with_an_account(game):
    edition = game.edition(league_min_players=1, league_max_players=2)
    league = game.league(edition, is_open=True, phone=PHONE)
    game.league(edition)
    unlisted = game.league(edition, is_open=True, phone=PHONE)
    unlisted.ambassador.call("set_listing", scope="league", subject_id=unlisted.id, listed=False)
    person = game.registered()
    for someone in (person, game.signed_in(), game.staff(), game.service):
        (offer,) = someone.view("open_leagues", edition_id=edition.id)
        assert (offer["league_id"], offer["players"], offer["league_max_players"]) == (league.id, 1, 2)
    person.call("join_league", league_id=league.id, phone=PHONE)
    assert game.registered().view("open_leagues", edition_id=edition.id) == []


def test_open_leagues_are_not_offered_once_registration_is_over(game):
    edition = game.edition()
    game.league(edition, is_open=True, phone=PHONE)
    person = game.registered()
    assert len(person.view("open_leagues", edition_id=edition.id)) == 1
    game.close(edition)
    game.run("update mpp.edition set registration_closes_at = ends_at where id = %s", (edition.id,))
    assert person.view("open_leagues", edition_id=edition.id) == []


# teams


def test_an_ambassador_names_and_adds_teams_up_to_the_limit_of_the_edition(game):
    edition = game.edition("registration", teams_per_league=2)
    league = game.league(edition)
    with game.refused("MP037"):
        league.ambassador.call("create_team", league_id=league.id, name="Third")
    game.run("update mpp.edition set teams_per_league = 3 where id = %s", (edition.id,))
    third = league.ambassador.call("create_team", league_id=league.id, name="Third")
    league.ambassador.call("rename_team", team_id=league.teams[0], name=" First  ones ")
    names = {row["team_id"]: row["name"] for row in league.ambassador.view("league_teams")}
    assert (names[third], names[league.teams[0]]) == ("Third", "First ones")
    assert {r["label"] for r in game.anon.view("team_ranking", edition_id=edition.id)} == {
        "First ones",
        "Team 2",
        "Third",
    }
    assert game.faults(edition) == []


def test_team_names_are_checked_and_taken_once_in_a_league(game, league):
    ambassador = league.ambassador
    for name in (None, "", "x" * 41, "\u200b"):
        with game.refused("MP010"):
            ambassador.call("rename_team", team_id=league.teams[0], name=name)
    with game.refused("MP038"):
        ambassador.call("rename_team", team_id=league.teams[0], name="TEAM 2")
    edition = game.edition("registration", teams_per_league=2)
    roomy = game.league(edition)
    game.run("update mpp.edition set teams_per_league = 3 where id = %s", (edition.id,))
    with game.refused("MP038"):
        roomy.ambassador.call("create_team", league_id=roomy.id, name="team 1")
    for name in (None, "", "x" * 41):
        with game.refused("MP010"):
            roomy.ambassador.call("create_team", league_id=roomy.id, name=name)


def test_points_stay_in_the_team_where_they_were_earned(game, edition, league):
    ana = game.player(league, team=0)
    game.validate(ana, edition, "t-bike")
    ana.call("choose_team", team_id=league.teams[1])
    game.validate(ana, edition, "t-soup")
    assert [game.score(s) for s in (*league.teams, league.id, ana.player_id)] == [4, 2, 6, 6]
    assert game.faults(edition) == []


def test_the_ambassador_moves_players_between_teams_and_players_only_themselves(game, edition, league):
    ana, ben = game.player(league, team=0), game.player(league, team=0)
    league.ambassador.call("choose_team", team_id=league.teams[1], player_id=ana.player_id)
    assert game.one("select team_id from mpp.player where id = %s", (ana.player_id,)) == league.teams[1]
    with game.refused("MP005"):
        ana.call("choose_team", team_id=league.teams[1], player_id=ben.player_id)
    stranger = game.league(edition).ambassador
    with game.refused("MP005"):
        stranger.call("choose_team", team_id=league.teams[1], player_id=ben.player_id)
    with game.refused("MP005"):
        stranger.call("choose_team", team_id=league.teams[1])
    with game.refused("MP005"):
        ana.call("choose_team", team_id=uuid.uuid4())


# leaving


def test_who_leaves_keeps_their_points_leaves_those_of_the_league_and_sees_it_no_more(game, edition, league):
    ana = game.player(league, team=0)
    game.validate(ana, edition, "t-bike")
    ana.call("leave_league", league_id=league.id)
    assert [game.score(s) for s in (ana.player_id, league.teams[0], league.id)] == [4, 4, 4]
    for view in ("my_leagues", "league_members", "league_teams"):
        assert ana.view(view) == [], view
    assert ana.view("my_players")[0]["league_id"] is None
    assert ana.player_id not in members(league.ambassador, league)
    with game.refused("MP035"):
        game.validate(ana, edition, "t-bike")
    with game.refused("MP035"):
        ana.call("leave_league", league_id=league.id)
    other = game.league(edition)
    game.player(other, ana, team=0)
    game.validate(ana, edition, "t-bike")
    assert [game.score(s) for s in (ana.player_id, league.id, other.id)] == [8, 4, 4]
    assert game.faults(edition) == []


def test_who_left_takes_nothing_back_from_the_league_they_left(game, edition, league):
    ana = game.player(league, team=0)
    receipt = game.validate(ana, edition, "t-bike")
    ana.call("leave_league", league_id=league.id)
    with game.refused("MP035"):
        game.cancel(ana, receipt)
    game.player(game.league(edition), ana)
    with game.refused("MP035"):
        game.cancel(ana, receipt)


def test_the_ambassador_hands_over_before_leaving(game, league):
    ana = game.player(league)
    with game.refused("MP036"):
        league.ambassador.call("leave_league", league_id=league.id)
    league.ambassador.call("hand_over_league", league_id=league.id, player_id=ana.player_id)
    league.ambassador.call("leave_league", league_id=league.id)
    assert ana.view("my_leagues")[0]["is_ambassador"] is True
    assert league.ambassador.view("my_leagues") == []


def test_the_last_player_of_a_league_may_leave(game, league):
    league.ambassador.call("leave_league", league_id=league.id)
    assert league.ambassador.view("my_leagues") == []


def test_nobody_leaves_another_league_than_their_own(game, edition, league):
    for person in (game.player(game.league(edition)), game.registered()):
        with game.refused("MP035"):
            person.call("leave_league", league_id=league.id)


# expelling


def test_an_expelled_player_is_out_at_once_and_never_comes_back(game, edition, league):
    ana = game.player(league, team=0)
    receipt = game.validate(ana, edition, "t-bike")
    league.ambassador.call("expel_player", player_id=ana.player_id, reason="  insults  ")
    for view in ("my_leagues", "league_members", "league_teams"):
        assert ana.view(view) == [], view
    assert {row["player_id"] for row in ana.view("league_validations")} == {ana.player_id}
    for code, call in (
        ("MP035", lambda: game.validate(ana, edition, "t-bike")),
        ("MP035", lambda: game.cancel(ana, receipt)),
        # The code that they knew is no more, for them and for a friend of theirs.
        ("MP031", lambda: ana.call("join_league", join_code=league.join_code)),
        ("MP005", lambda: ana.call("choose_team", team_id=league.teams[1])),
        ("MP005", lambda: ana.call("report_conduct", player_id=league.ambassador.player_id, reason="unfair")),
    ):
        with game.refused(code):
            call()
    fresh = league.ambassador.call("renew_join_code", league_id=league.id)
    with game.refused("MP034"):
        ana.call("join_league", join_code=fresh)
    game.player(game.league(edition), ana)
    assert game.score(league.id) == 4


def test_an_expelled_player_does_not_come_back_through_an_open_door(game, edition):
    league = game.league(edition, is_open=True, phone=PHONE)
    ana = game.player(league, phone=PHONE)
    league.ambassador.call("expel_player", player_id=ana.player_id, reason="insults")
    with game.refused("MP034"):
        ana.call("join_league", league_id=league.id, phone=PHONE)


def test_the_association_is_told_of_an_expulsion(game, edition, league):
    ana = game.player(league)
    league.ambassador.call("expel_player", player_id=ana.player_id, reason="  insults  ")
    for person in (game.staff(), game.service):
        (report,) = person.view("conduct_reports", league_id=league.id)
        assert (report["kind"], report["reason"]) == ("expulsion", "insults")
        assert (report["player_id"], report["account_id"]) == (ana.player_id, ana.account)
        assert (report["reported_by"], report["resolved_at"]) == (league.ambassador.account, None)
    trace = game.rows("select * from mpp.audit where action = 'league.expel' and subject = %s", (str(league.id),))
    assert [(t["actor_id"], t["actor_role"]) for t in trace] == [(league.ambassador.account, "authenticated")]
    assert league.ambassador.view("conduct_reports") == []


def test_an_expulsion_says_why(game, league):
    ana = game.player(league)
    for reason in (None, "", "  ", "x" * 501):
        with game.refused("MP010"):
            league.ambassador.call("expel_player", player_id=ana.player_id, reason=reason)


def test_nobody_expels_themselves_and_a_co_ambassador_not_the_principal(game, league):
    helper, ana = game.player(league), game.player(league)
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    for person, target in ((league.ambassador, league.ambassador), (helper, helper), (helper, league.ambassador)):
        with game.refused("MP005"):
            person.call("expel_player", player_id=target.player_id, reason="why")
    with game.refused("MP007"):
        ana.call("expel_player", player_id=helper.player_id, reason="why")
    helper.call("expel_player", player_id=ana.player_id, reason="why")
    league.ambassador.call("expel_player", player_id=helper.player_id, reason="why")
    assert helper.view("my_leagues") == []


def test_the_staff_may_expel_the_ambassador(game, league):
    ana = game.player(league)
    game.staff().call("expel_player", player_id=league.ambassador.player_id, reason="why")
    assert league.ambassador.view("my_leagues") == []
    game.service.call("hand_over_league", league_id=league.id, player_id=ana.player_id)
    assert ana.view("my_leagues")[0]["is_ambassador"] is True


# handing over, co-ambassadors


def test_handing_over_leaves_the_former_ambassador_as_co_ambassador(game, league):
    ana = game.player(league)
    league.ambassador.call("hand_over_league", league_id=league.id, player_id=ana.player_id)
    assert (ana.view("my_leagues")[0]["is_ambassador"], ana.view("my_leagues")[0]["is_co_ambassador"]) == (True, False)
    former = league.ambassador.view("my_leagues")[0]
    assert (former["is_ambassador"], former["is_co_ambassador"]) == (False, True)
    with game.refused("MP007"):
        league.ambassador.call("hand_over_league", league_id=league.id, player_id=league.ambassador.player_id)
    assert (
        game.one("select count(*) from mpp.audit where action = 'league.hand_over' and subject = %s", (str(league.id),))
        == 1
    )


def test_a_league_is_handed_over_to_one_of_its_players_only(game, edition, league):
    stranger = game.player(game.league(edition))
    for target in (stranger.player_id, uuid.uuid4(), None):
        with game.refused("MP005"):
            league.ambassador.call("hand_over_league", league_id=league.id, player_id=target)


def test_a_league_is_not_handed_over_to_a_deleted_account(game, league):
    ana = game.player(league)
    game.run("delete from auth.users where id = %s", (ana.account,))
    with game.refused("MP005"):
        league.ambassador.call("hand_over_league", league_id=league.id, player_id=ana.player_id)
    with game.refused("MP005"):
        league.ambassador.call("set_co_ambassador", player_id=ana.player_id, granted=True)


def test_a_co_ambassador_runs_the_league_but_appoints_nobody(game, league):
    helper, ana = game.player(league), game.player(league)
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    mine = helper.view("my_leagues")[0]
    assert (mine["is_ambassador"], mine["is_co_ambassador"]) == (False, True)
    helper.call("rename_team", team_id=league.teams[0], name="By the helper")
    for call in (
        lambda: helper.call("set_co_ambassador", player_id=ana.player_id, granted=True),
        lambda: helper.call("set_co_ambassador", player_id=helper.player_id, granted=False),
        lambda: helper.call("hand_over_league", league_id=league.id, player_id=helper.player_id),
    ):
        with game.refused("MP007"):
            call()
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=False)
    assert helper.view("my_leagues")[0]["is_co_ambassador"] is False
    with game.refused("MP007"):
        helper.call("rename_team", team_id=league.teams[0], name="Again")


def test_the_principal_does_not_step_down_as_a_co_ambassador_would(game, league):
    league.ambassador.call("set_co_ambassador", player_id=league.ambassador.player_id, granted=False)
    league.ambassador.call("set_co_ambassador", player_id=league.ambassador.player_id, granted=True)
    assert league.ambassador.view("my_leagues")[0]["is_ambassador"] is True


def test_a_co_ambassador_who_leaves_runs_nothing_any_more(game, league):
    helper = game.player(league)
    league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
    helper.call("leave_league", league_id=league.id)
    assert helper.view("my_leagues") == []
    with game.refused("MP007"):
        helper.call("renew_join_code", league_id=league.id)


def test_a_league_has_one_principal_ambassador(game, league):
    ana = game.player(league)
    with pytest.raises(Exception, match="ambassador_one_principal"):
        game.run(
            "insert into mpp.ambassador (league_id, account_id, player_id, is_principal) values (%s, %s, %s, true)",
            (league.id, ana.account, ana.player_id),
        )


def test_a_league_that_loses_its_ambassador_goes_to_its_first_co_ambassador(game, edition):
    for loss in ("expelled", "deleted"):
        league = game.league(edition)
        first, second, member = game.player(league), game.player(league), game.player(league)
        for helper in (first, second):
            league.ambassador.call("set_co_ambassador", player_id=helper.player_id, granted=True)
        if loss == "expelled":
            game.service.call("expel_player", player_id=league.ambassador.player_id, reason="why")
        else:
            game.run("delete from auth.users where id = %s", (league.ambassador.account,))
        assert first.view("my_leagues")[0]["is_ambassador"] is True, loss
        assert (second.view("my_leagues")[0]["is_ambassador"], second.view("my_leagues")[0]["is_co_ambassador"]) == (
            False,
            True,
        )
        assert member.view("my_leagues")[0]["is_ambassador"] is False


def test_whoever_joins_a_league_that_nobody_runs_runs_it(game, edition, league):
    league.ambassador.call("leave_league", league_id=league.id)
    first, second = game.player(league), game.player(league)
    assert first.view("my_leagues")[0]["is_ambassador"] is True
    assert second.view("my_leagues")[0]["is_ambassador"] is False
    game.player(league, league.ambassador)
    assert league.ambassador.view("my_leagues")[0]["is_ambassador"] is False


def test_a_newcomer_is_not_handed_the_phone_numbers_of_a_league_that_lost_its_ambassador(game, edition):
    league = game.league(edition, is_open=True, phone=PHONE)
    first = game.player(league, phone=PHONE)
    game.service.call("expel_player", player_id=league.ambassador.player_id, reason="why")
    newcomer = game.registered()
    newcomer.call("join_league", league_id=league.id, phone=PHONE)
    assert newcomer.view("my_leagues")[0]["is_ambassador"] is False
    assert {r["phone"] for r in newcomer.view("league_members") if not r["is_me"]} == {None}
    # It goes to whoever has been there longest.
    assert game.service.view("ops_leagues", league_id=league.id)[0]["ambassador_player_id"] == first.player_id


# reports


def test_a_member_reports_a_player_of_the_league_and_the_staff_resolve_it(game, edition, league):
    ana, ben = game.player(league), game.player(league)
    ana.call("report_conduct", player_id=ben.player_id, reason="cheats")
    staff = game.staff()
    (report,) = staff.view("conduct_reports", league_id=league.id)
    assert (report["kind"], report["reason"], report["reported_by"]) == ("report", "cheats", ana.account)
    for person in (ana, ben, league.ambassador):
        assert person.view("conduct_reports") == []
    for note in (None, "", "x" * 501):
        with game.refused("MP010"):
            staff.call("resolve_conduct_report", id=report["id"], resolution=note)
    staff.call("resolve_conduct_report", id=report["id"], resolution="spoken with both")
    (report,) = staff.view("conduct_reports", league_id=league.id)
    assert (report["resolution"], report["resolved_at"] is not None) == ("spoken with both", True)
    for number in (report["id"], -1):
        with game.refused("MP005"):
            staff.call("resolve_conduct_report", id=number, resolution="again")
    assert (
        game.one("select count(*) from mpp.audit where action = 'conduct.resolve' and actor_id = %s", (staff.account,))
        == 1
    )
    # One open report about somebody is enough; another may follow once it is resolved.
    for _ in range(2):
        ana.call("report_conduct", player_id=ben.player_id, reason="cheats again")
    assert len(staff.view("conduct_reports", league_id=league.id)) == 2
    # A report bars nobody from coming back.
    ben.call("leave_league", league_id=league.id)
    game.player(league, ben)


def test_one_reports_players_of_ones_own_league_with_a_reason(game, edition, league):
    ana = game.player(league)
    for person in (game.player(game.league(edition)), game.registered()):
        with game.refused("MP005"):
            person.call("report_conduct", player_id=ana.player_id, reason="why")
    for reason in (None, "", "x" * 501):
        with game.refused("MP010"):
            league.ambassador.call("report_conduct", player_id=ana.player_id, reason=reason)


# the league page


def test_the_league_page_shows_members_teams_and_validations_to_the_league_only(game, edition, league):
    ana = game.player(league, game.registered("ana", first_name="Ana"), team=0)
    game.validate(ana, edition, "t-bike")
    game.validate(ana, edition, "t-picnic")
    ben = game.player(league, team=1)
    row = ben.view("league_members", player_id=ana.player_id)[0]
    assert (row["alias"], row["first_name"], row["points"], row["validations"]) == ("ana", "Ana", 4, 1)
    assert (row["is_ambassador"], row["is_me"], row["team_id"]) == (False, False, league.teams[0])
    assert ana.view("league_members", player_id=ana.player_id)[0]["is_me"] is True
    assert ben.view("league_members", player_id=league.ambassador.player_id)[0]["is_ambassador"] is True
    shown = ben.rows(
        "select challenge_code, points, state, first_name from api.league_validations order by challenge_code"
    )
    assert [(r["challenge_code"], r["points"], r["state"], r["first_name"]) for r in shown] == [
        ("t-bike", 4, "credited", "Ana"), ("t-picnic", 5, "pending", "Ana"),
    ]  # fmt: skip
    assert {row["team_id"]: row["players"] for row in ben.view("league_teams")}.keys() == set(league.teams)
    stranger = game.player(game.league(edition))
    for person in (stranger, game.registered(), game.anonymous()):
        for view in ("league_members", "league_validations", "league_teams"):
            assert person.view(view, league_id=league.id) == [], view


def test_a_member_who_opted_out_of_the_public_ranking_still_shows_in_the_league(game, edition, league):
    ana = game.player(league)
    ana.call("set_listing", scope="player", subject_id=ana.player_id, listed=False)
    assert ana.player_id in members(league.ambassador, league)


def test_points_earned_in_another_league_do_not_show_on_the_page_of_this_one(game, edition, league):
    ana = game.player(league)
    game.validate(ana, edition, "t-bike")
    ana.call("leave_league", league_id=league.id)
    other = game.league(edition)
    game.player(other, ana)
    row = other.ambassador.view("league_members", player_id=ana.player_id)[0]
    assert (row["points"], row["validations"]) == (0, 0)
    assert ana.player_id not in {r["player_id"] for r in other.ambassador.view("league_validations")}


def test_the_staff_see_every_league_with_its_size_and_ambassador(game, edition, league):
    game.validate(league.ambassador, edition, "t-bike")
    for person in (game.staff(), game.service):
        (row,) = person.view("ops_leagues", league_id=league.id)
        assert (row["edition_code"], row["points"], row["players"], row["is_short"]) == (edition.code, 4, 1, True)
        assert row["ambassador_player_id"] == league.ambassador.player_id
    assert league.ambassador.view("ops_leagues") == []


@pytest.mark.parametrize("column", ["edition_id", "id"])
def test_a_league_never_changes_edition(game, league, column):
    other = game.edition()
    value = other.id if column == "edition_id" else uuid.uuid4()
    with pytest.raises(Exception, match="foreign key"):
        game.run(f"update mpp.league set {column} = %s where id = %s", (value, league.id))


def test_nothing_of_a_league_changes_once_the_edition_is_frozen(game, edition, league):
    ana, ben = game.player(league, team=0), game.player(league, team=0)
    game.close(edition)
    game.freeze(edition)
    ambassador = league.ambassador
    for person, command, arguments in (
        (ambassador, "rename_team", {"team_id": league.teams[0], "name": "Late"}),
        (ambassador, "create_team", {"league_id": league.id, "name": "Late"}),
        (ana, "choose_team", {"team_id": league.teams[1]}),
        (ana, "leave_league", {"league_id": league.id}),
        (ambassador, "expel_player", {"player_id": ana.player_id, "reason": "late"}),
        (ambassador, "hand_over_league", {"league_id": league.id, "player_id": ben.player_id}),
        (ambassador, "set_co_ambassador", {"player_id": ben.player_id, "granted": True}),
        (ambassador, "renew_join_code", {"league_id": league.id}),
        (ana, "set_listing", {"scope": "player", "subject_id": ana.player_id, "listed": True}),
        (ambassador, "set_listing", {"scope": "league", "subject_id": league.id, "listed": True}),
        (game.service, "expel_player", {"player_id": ana.player_id, "reason": "late"}),
    ):
        with game.refused("MP024"):
            person.call(command, **arguments)


def test_an_account_creates_three_leagues_in_an_edition_and_no_more(game):
    edition = game.edition()
    founder = game.registered()
    for number in range(3):
        league = founder.call("create_league", edition_id=edition.id, name=f"League {number}")
        founder.call("leave_league", league_id=league)
    with game.refused("MP039"):
        founder.call("create_league", edition_id=edition.id, name="League 4")


def test_an_open_league_that_everybody_left_is_not_offered(game):
    edition = game.edition()
    league = game.league(edition, is_open=True, phone="+33611111111")
    newcomer = game.registered()
    assert [row["league_id"] for row in newcomer.view("open_leagues", edition_id=edition.id)] == [league.id]
    league.ambassador.call("leave_league", league_id=league.id)
    assert newcomer.view("open_leagues", edition_id=edition.id) == []


def test_one_open_report_about_a_player_is_kept_however_often_it_is_sent(game):
    edition = game.edition()
    league = game.league(edition)
    one, other = game.player(league), game.player(league)
    for _ in range(3):
        one.call("report_conduct", player_id=other.player_id, reason="Rude")
    assert len(game.service.view("conduct_reports", league_id=league.id)) == 1
