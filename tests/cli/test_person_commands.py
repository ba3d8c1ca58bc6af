"""`mpp person`, `mpp validation list` and `mpp name`: from what the staff were told to the person, and what they do."""

from __future__ import annotations

from mpp_cli.exits import Exit
from tests.support.world import World, new_code

from .conftest import Mpp

NOBODY = "0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77"


class TestPerson:
    def test_a_burst_leads_to_the_person_and_to_what_must_be_cancelled(self, mpp: Mpp, world: World) -> None:
        edition = world.edition()
        ada, bob = world.person("Ada"), world.person("Bob")
        league = world.league(edition, ada, bob, name="Les Tilleuls")
        keys = ada.validate(edition, "w-bike", 11)
        (burst,) = mpp("misuse", edition.code, "--json").json()
        found = mpp("person", "show", "--player", burst["player_id"], "--reason", "a burst", "--json")
        (person,) = found.json()
        assert (person["email"], person["account_id"]) == (ada.account.email, str(ada.account.id))
        (place,) = person["places"]
        assert (place["league"], place["role"], place["league_id"]) == ("Les Tilleuls", "ambassador", league)
        shown = mpp("person", "show", "--address", ada.account.email, "--reason", "a mail")
        assert ada.account.email in shown.out
        assert "Les Tilleuls" in shown.out
        both = mpp("person", "show", "--league", league, "--reason", "a report")
        assert ada.account.email in both.out
        assert bob.account.email in both.out
        listed = mpp("validation", "list", burst["player_id"], bob.player_id(edition), "--all", "--json").json()
        assert {row["validation_id"] for row in listed} == set(keys)
        first = mpp("validation", "list", burst["player_id"], "--limit", 10)
        assert "--after" in first.err
        assert "w-bike" in first.out
        assert mpp("validation", "cancel", listed[0]["validation_id"], "--reason", "Too fast", "--yes").code == Exit.OK
        states = [row["state"] for row in mpp("validation", "list", burst["player_id"], "--json").json()]
        assert states.count("cancelled") == 1
        looks = mpp("audit", "--action", "person.show", "--json").json()
        assert [look["details"]["by"] for look in looks[:3]] == ["league", "address", "player"]

    def test_what_is_asked_is_one_thing_with_a_reason(self, mpp: Mpp) -> None:
        assert mpp("person", "show", "--alias", "Ada").code == Exit.USAGE
        assert mpp("person", "show", "--reason", "why").code == Exit.USAGE
        assert mpp("person", "show", "--alias", "Ada", "--name", "Ada", "--reason", "why").code == Exit.USAGE
        assert mpp("person", "show", "--player", "Ada", "--reason", "why").code == Exit.USAGE
        assert "Nobody was found" in mpp("person", "show", "--player", NOBODY, "--reason", "why").err
        assert "Nothing was validated" in mpp("validation", "list", NOBODY).err
        assert mpp("validation", "list", "Ada").code == Exit.USAGE


class TestNames:
    def test_a_name_is_replaced_or_hidden_and_the_list_tells(self, mpp: Mpp, world: World) -> None:
        edition = world.edition()
        ada = world.person("Ada")
        bad = f"Vilaine {new_code('ligue')}"
        league = world.league(edition, ada, name=bad)
        rename = ("name", "rename", "league", league, "Les Tilleuls", "--reason", "It insults somebody")
        assert mpp(*rename).code == Exit.USAGE
        renamed = mpp(*rename, "--yes")
        assert "is called Les Tilleuls; 1 person will be told by mail" in renamed.err
        assert mpp("league", "show", league, "--json").json()["name"] == "Les Tilleuls"
        player = ada.player_id(edition)
        hidden = mpp("name", "hide", "alias", player, "--reason", "It is a surname", "--yes")
        assert "The alias is called" in hidden.err
        (change, before) = mpp("name", "list", "--json").json()[:2]
        assert (change["kind"], change["old_name"], change["reason"]) == ("alias", "Ada", "It is a surname")
        assert (before["old_name"], before["new_name"]) == (bad, "Les Tilleuls")
        assert bad in mpp("name", "list").out
        assert {mail["template"] for mail in mpp("mail", "list", "--json").json()} >= {"name_changed"}

    def test_what_is_not_there_and_kinds_that_are_none_are_named(self, mpp: Mpp) -> None:
        wrong = mpp("name", "hide", "team", NOBODY, "--reason", "why", "--yes")
        assert (wrong.code, f"There is no team {NOBODY}" in wrong.err) == (Exit.REFUSED, True)
        assert "league, team, alias" in mpp("name", "hide", "pupil", NOBODY, "--reason", "why", "--yes").err


class TestReports:
    def test_an_expulsion_is_listed_with_names_and_mailed_to_the_staff(self, mpp: Mpp, world: World) -> None:
        edition = world.edition()
        ada, bob, staff = world.person("Ada"), world.person("Bob"), world.signed_in()
        assert mpp("user", "ops", staff.account.id, "--yes").code == Exit.OK
        world.league(edition, ada, bob, name="Les Tilleuls")
        ada.call("expel_player", player_id=bob.player_id(edition), reason="Insults")
        shown = mpp("league", "reports", edition.code)
        assert "Bob" in shown.out
        assert "Les Tilleuls" in shown.out
        (report,) = mpp("league", "reports", edition.code, "--json").json()
        people = mpp("person", "show", "--report", report["id"], "--reason", "the report", "--json").json()
        assert [(p["found_as"], p["alias"]) for p in people] == [("reported", "Bob"), ("reporter", "Ada")]
        mails = [mail for mail in mpp("mail", "list", "--json").json() if mail["template"] == "expulsion"]
        assert str(staff.account.id) in {mail["account_id"] for mail in mails}
        assert mpp("user", "ops", staff.account.id, "--revoke").code == Exit.OK
