"""Names that the staff take away, and what the staff learn by mail of an expulsion."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.game import DAY, Game, Person


def mails(game: Game, template: str) -> list[dict[str, Any]]:
    return game.rows("select account_id, data, key from mpp.outbox where template = %s order by id", (template,))


def claim(game: Game) -> dict[str, Any] | None:
    found = game.service.table(
        "claim_mail", worker=game.one("select gen_random_uuid()"), lease_seconds=60, message_domain="example.org"
    )
    return found[0] if found else None


def rename(game: Game, kind: str, subject: object, name: str | None = "Un autre nom", **more: Any) -> dict[str, Any]:
    return game.service.call(  # type: ignore[no-any-return]
        "change_name", kind=kind, subject_id=subject, name=name, reason="It insults somebody", **more
    )


def label(game: Game, subject: object) -> str:
    return game.one("select label from mpp.score where subject_id = %s", (subject,))  # type: ignore[no-any-return]


@pytest.fixture
def named(game: Game) -> dict[str, tuple[Any, Person, str]]:
    """By kind: what bears a bad name, its owner, and where the name stands."""
    league = game.league(game.edition(), game.registered(alias="Vilain"), name="Vilaine ligue")
    league.ambassador.call("rename_team", team_id=league.teams[0], name="Vilaine équipe")
    teacher = game.teacher()
    school = teacher.call(
        "add_school", name="Vilaine école", city="Londres", postcode="SW7 2DG", levels=["college"], country="GB"
    )
    class_ = game.class_(
        game.edition(audience="school"), teacher, level="college", school_id=school, name="Vilaine classe"
    )
    return {
        "league": (league.id, league.ambassador, "select name from mpp.league where id = %s"),
        "team": (league.teams[0], league.ambassador, "select name from mpp.team where id = %s"),
        "alias": (league.ambassador.player_id, league.ambassador, "select alias from mpp.player where id = %s"),
        "class": (class_.id, teacher, "select name from mpp.league where id = %s"),
        "school": (school, teacher, "select name from mpp.school where id = %s"),
    }


KINDS = ("league", "team", "alias", "class", "school")


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_replaced_and_its_owner_told_the_new_one_and_the_reason(game, named, kind):
    subject, owner, where = named[kind]
    was = game.one(where, (subject,))
    told = rename(game, kind, subject)
    assert (told["name"], told["told"]) == ("Un autre nom", 1)
    assert game.one(where, (subject,)) == "Un autre nom"
    if kind != "school":
        assert label(game, subject) == "Un autre nom"
    (mail,) = mails(game, "name_changed")
    assert mail["account_id"] == owner.account
    more = {"league": "Vilaine ligue"} if kind == "team" else {}
    assert mail["data"] == {"kind": kind, "name": "Un autre nom", "reason": "It insults somebody", **more}
    (kept,) = game.staff().view("name_changes")
    assert (kept["kind"], kept["old_name"], kept["new_name"], kept["reason"]) == (
        kind, was, "Un autre nom", "It insults somebody",
    )  # fmt: skip
    (act,) = game.rows("select subject, details from mpp.audit where action = 'name.rename'")
    assert act["subject"] == str(owner.account if kind == "alias" else subject)
    assert act["details"] == {"kind": kind, "change": kept["id"], "reason": "It insults somebody", "told": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_hidden_under_one_that_says_nothing(game, named, kind):
    subject, _, where = named[kind]
    told = rename(game, kind, subject, name=None)
    if kind == "school":
        assert told["name"] is None
        assert game.one("select is_hidden from mpp.school where id = %s", (subject,))
        assert mails(game, "name_changed")[0]["data"] == {"kind": "school", "reason": "It insults somebody"}
    else:
        assert "ilain" not in told["name"]
        assert game.one(where, (subject,)) == told["name"]
    assert game.one("select count(*) from mpp.audit where action = 'name.hide'") == 1


def test_what_was_taken_away_is_not_taken_again_and_the_staff_may_give_it_back(game, named):
    for kind in ("team", "alias", "class"):
        rename(game, kind, named[kind][0])
    _, player, _ = named["alias"]
    again = {
        "team": lambda name: player.call("rename_team", team_id=named["team"][0], name=name),
        "alias": lambda name: player.call("update_profile", alias=name),
        "class": lambda name: named["class"][1].call("update_class", class_id=named["class"][0], name=name),
    }
    for kind, old in (("team", "VILAINE equipe"), ("alias", "vilain"), ("class", "Vilaine Classe")):
        with game.refused("MP010") as caught:
            again[kind](old)
        assert "took this name away" in caught.value.diag.message_primary
        again[kind]("Tout va bien")
        assert rename(game, kind, named[kind][0], name=old)["name"] == old


def test_a_name_leaves_a_frozen_edition_too_and_nothing_else_of_it_changes(game):
    edition = game.edition()
    league = game.league(edition, game.registered(alias="Vilain"), name="Vilaine ligue")
    game.validate(league.ambassador, edition, "t-bike")
    game.clock(edition.ends_at + DAY)
    game.freeze(edition)
    before = game.rows(
        "select subject_id, points, tie_order, listed from mpp.score where edition_id = %s order by 1", (edition.id,)
    )
    player = league.ambassador.player_id
    for kind, subject in (("alias", player), ("team", league.teams[0]), ("league", league.id)):
        rename(game, kind, subject, name=f"Bon nom {kind}")
        assert label(game, subject) == f"Bon nom {kind}"
    assert game.one("select league_label from mpp.score where subject_id = %s", (player,)) == "Bon nom league"
    assert game.faults(edition) == []
    assert before == game.rows(
        "select subject_id, points, tie_order, listed from mpp.score where edition_id = %s order by 1", (edition.id,)
    )


def test_an_alias_is_named_by_its_account_too_and_only_where_the_person_bears_it(game):
    over, now = game.edition(), game.edition()
    person = game.registered(alias="Gentil")
    game.league(over, person)
    first = person.player_id
    game.clock(over.ends_at - DAY)
    game.close(over)
    game.freeze(over)
    game.begin(game.now)
    person.call("update_profile", alias="Vilain")
    game.league(now, person)
    assert rename(game, "alias", person.account)["subject_id"] == person.account
    assert (label(game, first), label(game, person.player_id)) == ("Gentil", "Un autre nom")


def test_a_name_of_nobody_or_of_another_kind_is_refused_and_so_is_one_that_is_taken(game, named):
    other = game.league(game.edition(), name="Autre ligue")
    for kind, subject in (
        ("league", named["class"][0]), ("class", named["league"][0]), ("team", named["league"][0]),
        ("alias", named["league"][0]), ("school", named["league"][0]), ("alias", None),
        ("alias", game.class_(game.edition(audience="school"), pupils=("Lina",)).pupils["Lina"]),
    ):  # fmt: skip
        with game.refused("MP005"):
            rename(game, kind, subject)
    with game.refused("MP010"):
        rename(game, "pupil", other.id)
    with game.refused("MP010"):
        game.service.call("change_name", kind="league", subject_id=other.id, name="Nom", reason=" ")
    game.run("update mpp.league set edition_id = edition_id where id = %s", (other.id,))
    second = game.league(other.edition, name="Encore une")
    with game.refused("MP038"):
        rename(game, "league", second.id, name="AUTRE ligue")


def test_the_alias_that_was_taken_away_goes_with_the_account(game, named):
    player, person, _ = named["alias"]
    rename(game, "alias", player)
    game.run("delete from auth.users where id = %s", (person.account,))
    assert game.rows("select from mpp.name_change") == []


def test_names_that_were_taken_away_are_kept_three_years(game, named):
    rename(game, "league", named["league"][0])
    purged = {row["what"]: row["rows"] for row in game.service.table("purge_expired")}
    assert purged["names that were taken away"] == 0
    game.clock(game.now + 3 * 366 * DAY)
    purged = {row["what"]: row["rows"] for row in game.service.table("purge_expired")}
    assert purged["names that were taken away"] == 1


def test_whoever_no_longer_runs_the_league_is_not_told(game, named):
    league, ambassador, _ = named["league"]
    heir = game.registered()
    heir.player_id = heir.call(
        "join_league", join_code=game.one("select code from mpp.join_code where league_id = %s", (league,))
    )
    rename(game, "league", league)
    ambassador.call("hand_over_league", league_id=league, player_id=heir.player_id)
    heir.call("set_co_ambassador", player_id=ambassador.player_id, granted=False)
    assert claim(game) is None
    assert game.one("select reply from mpp.outbox") == "no longer an ambassador"


# expulsions


def test_the_staff_learn_of_an_expulsion_by_mail_with_the_names(game):
    edition = game.edition()
    league = game.league(edition, game.registered(alias="Iris"), name="Les Iris")
    player = game.player(league, game.registered(alias="Chardon"))
    first, second = game.staff(), game.staff()
    league.ambassador.call("expel_player", player_id=player.player_id, reason="Insults")
    queued = mails(game, "expulsion")
    assert {mail["account_id"] for mail in queued} == {first.account, second.account}
    report = game.one("select id from mpp.conduct_report")
    assert [mail["data"] for mail in queued] == [{"report": report}] * 2, "the queue holds no name"
    mail = claim(game)
    assert mail["data"] == {
        "report": report, "player": "Chardon", "league": "Les Iris", "edition": edition.code, "reason": "Insults",
        "by": "Iris",
    }  # fmt: skip
    (shown,) = first.view("conduct_reports")
    assert (shown["alias"], shown["league"]) == ("Chardon", "Les Iris")


def test_whoever_of_the_staff_expels_somebody_is_not_told_and_their_colleagues_are(game):
    league = game.league(game.edition())
    player = game.player(league)
    staff, colleague = game.staff(), game.staff()
    staff.call("expel_player", player_id=player.player_id, reason="Insults")
    assert [mail["account_id"] for mail in mails(game, "expulsion")] == [colleague.account]
    assert "by" not in claim(game)["data"]


def test_an_expulsion_is_told_to_nobody_who_has_left_the_staff_and_names_nobody_who_was_erased(game):
    league = game.league(game.edition())
    player = game.player(league, game.registered(alias="Chardon"))
    gone, staff = game.staff(), game.staff()
    league.ambassador.call("expel_player", player_id=player.player_id, reason="Insults")
    game.service.call("set_ops_member", member_id=gone.account, granted=False)
    game.run("delete from auth.users where id = %s", (player.account,))
    assert claim(game)["data"]["player"] == "—"
    assert claim(game) is None
    assert {(row["account_id"], row["state"], row["reply"]) for row in game.rows("select * from mpp.outbox")} == {
        (gone.account, "dropped", "no longer of the staff"),
        (staff.account, "sending", None),
    }
