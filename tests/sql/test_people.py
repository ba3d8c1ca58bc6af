"""How the staff find a person, and what the audit keeps of each look."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.support.game import DAY, Edition, Game, League, Person


@pytest.fixture
def edition(game: Game) -> Edition:
    return game.edition()


@pytest.fixture
def lou(game: Game) -> Person:
    return game.registered(alias="Tournesol-Zéphyr", first_name="Lou", last_name="Exemple-Zèbre")


@pytest.fixture
def league(game: Game, edition: Edition, lou: Person) -> League:
    return game.league(edition, lou, name="Les Zéphyrs du test")


def find(game: Game, **asked: object) -> list[dict]:
    """Whom the staff find, without the audit in the way."""
    return game.service.table("find_people", reason="a mail of theirs", **asked)


def accounts(found: list[dict]) -> list:
    return [row["account_id"] for row in found]


@pytest.mark.parametrize(
    ("by", "typed"),
    [
        ("alias", "tournesol-zephyr"), ("alias", " TOURNESOL-Z"), ("name", "exem"), ("name", "Exemple-Zèbre"),
        ("name", "lou EXEMPLE"), ("name", "exemple zebre lou"),
    ],
)  # fmt: skip
def test_a_person_is_found_by_how_their_name_begins_whatever_its_accents(game, lou, league, by, typed):
    (row,) = find(game, **{by: typed})
    assert row["account_id"] == lou.account
    assert (row["email"], row["first_name"], row["last_name"], row["alias"]) == (
        lou.claims["email"], "Lou", "Exemple-Zèbre", "Tournesol-Zéphyr",
    )  # fmt: skip
    (place,) = row["places"]
    assert place == place | {
        "edition": league.edition.code, "league": "Les Zéphyrs du test", "league_id": str(league.id),
        "role": "ambassador", "player_id": str(lou.player_id), "alias": "Tournesol-Zéphyr", "listed": True, "points": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("by", "typed"), [("name", "lou zebra"), ("name", "lou"), ("name", "zebre"), ("alias", "zephyr"), ("alias", "%o")]
)
def test_nobody_is_found_by_another_name_or_the_middle_of_one(game, lou, by, typed):
    assert find(game, **{by: typed}) == []


def test_a_person_is_found_from_whatever_the_staff_were_told(game, edition, lou, league):
    member, stranger = game.player(league), game.player(game.league(edition))
    lou.call("report_conduct", player_id=member.player_id, reason="why")
    report = game.one("select max(id) from mpp.conduct_report")
    game.one("select private.queue_mail('to-lou', 'newsletter', '{}', account_id => %s)", (lou.account,))
    alone = {
        "address": lou.claims["email"].upper(), "player_id": lou.player_id, "account_id": lou.account,
        "mail_key": "to-lou",
    }  # fmt: skip
    for by, asked in alone.items():
        assert accounts(find(game, **{by: asked})) == [lou.account], by
    for asked in (str(league.id), league.join_code, league.join_code.lower(), "les zephyrs du TEST"):
        found = {row["account_id"]: row["found_as"] for row in find(game, league=asked)}
        assert found == {lou.account: "ambassador", member.account: "player"}, asked
    found = {row["account_id"]: row["found_as"] for row in find(game, report_id=report)}
    assert found == {member.account: "reported", lou.account: "reporter"}
    (row,) = find(game, player_id=member.player_id)
    assert (row["open_reports"], row["is_minor"], row["is_disabled"]) == (1, False, False)
    assert stranger.account not in found


def test_a_teacher_is_found_by_the_class_and_a_pupil_never(game):
    class_ = game.class_(game.edition(audience="school"), pupils=("Lina",))
    for asked in (class_.code, str(class_.id)):
        (row,) = find(game, league=asked)
        assert (row["account_id"], row["found_as"], row["alias"]) == (class_.teacher.account, "teacher", None)
        assert [place["role"] for place in row["places"]] == ["teacher"]
    assert find(game, player_id=class_.pupils["Lina"]) == []
    assert find(game, name="Lina") == []


def test_an_alias_leads_to_the_person_also_as_a_frozen_edition_shows_it(game, lou):
    over = game.edition("closed", starts=-30 * DAY, registration=-1 * DAY)
    game.run(
        "insert into mpp.player (edition_id, account_id, alias, first_name) values (%s, %s, 'Tournesol-Zéphyr', 'Lou')",
        (over.id, lou.account),
    )
    game.freeze(over)
    lou.call("update_profile", alias="Capucine")
    assert accounts(find(game, alias="tournesol")) == [lou.account]
    assert accounts(find(game, alias="capucine")) == [lou.account]


def test_somebody_whose_account_is_disabled_is_found_and_whoever_was_erased_is_not(game, lou, league):
    game.run("update auth.users set banned_until = private.clock() + interval '1 year' where id = %s", (lou.account,))
    assert find(game, alias="tournesol")[0]["is_disabled"]
    game.run("delete from auth.users where id = %s", (lou.account,))
    for by, asked in (("alias", "tournesol"), ("player_id", lou.player_id), ("account_id", lou.account)):
        assert find(game, **{by: asked}) == []


def test_a_look_shows_as_many_as_were_asked_for_and_fifty_at_most(game, edition):
    league = game.league(edition, game.registered(alias="Zinnia 0"))
    for number in range(1, 4):
        game.player(league, game.registered(alias=f"Zinnia {number}"))
    for asked in ({"alias": "zinnia"}, {"league": league.join_code}, {"name": "Belin"}):
        assert len(find(game, **asked, how_many=2)) == 2
    assert find(game, league=league.join_code, how_many=1)[0]["found_as"] == "ambassador"
    for how_many in (0, 51, None):
        with game.refused("MP010"):
            find(game, alias="zinnia", how_many=how_many)


@pytest.mark.parametrize("asked", [{}, {"alias": "lou", "name": "lou"}, {"alias": "x"}, {"name": ""}, {"league": " "}])
def test_a_look_is_for_one_thing_that_is_long_enough(game, asked):
    with game.refused("MP010"):
        find(game, **asked)


def test_a_look_needs_a_reason(game, lou):
    for reason in (None, "  "):
        with game.refused("MP010") as caught:
            game.service.table("find_people", alias="tournesol", reason=reason)
        assert "reason" in caught.value.diag.message_primary


def test_the_audit_keeps_who_looked_for_what_why_and_whom_it_showed(game, lou, league):
    staff = game.staff()
    member = game.player(league)
    staff.table("find_people", reason="a letter of 3 March", alias="Tournesol")
    staff.table("find_people", reason="their mail", address=lou.claims["email"])
    staff.table("find_people", reason="a call", name="Exemple-Zèbre")
    staff.table("find_people", reason="a report", league=league.join_code)
    staff.table("find_people", reason="a report", alias="nobody-is-called-so")
    kept = game.rows("select actor_id, details from mpp.audit where action = 'person.show' order by id")
    assert {row["actor_id"] for row in kept} == {staff.account}
    looks = [row["details"] for row in kept]
    assert [(look["by"], look["shown"], look["reason"]) for look in looks] == [
        ("alias", 1, "a letter of 3 March"), ("address", 1, "their mail"), ("name", 1, "a call"),
        ("league", 2, "a report"), ("alias", 0, "a report"),
    ]  # fmt: skip
    assert looks[0]["accounts"] == [str(lou.account)]
    assert set(looks[3]["accounts"]) == {str(lou.account), str(member.account)}
    assert looks[3]["asked"] == league.join_code
    assert looks[0]["asked_sha256"] == hashlib.sha256(b"tournesol").hexdigest()
    for personal in ("tournesol", "zephyr", "zebre", "zèbre", lou.claims["email"]):
        assert personal not in json.dumps(looks, ensure_ascii=False).lower(), "the audit is for good"


def test_names_are_found_by_their_indexes(game):
    game.db.execute("set local enable_seqscan = off")
    for index, condition in (
        ("profile_alias", "mpp.profile p where p.alias is not null and private.folded(p.alias)"),
        ("player_alias", "mpp.player p where p.account_id is not null and private.folded(p.alias)"),
        ("profile_last_name", "mpp.profile p where private.folded(p.last_name)"),
    ):
        column = condition.split(" and ")[-1].split("where ")[-1]
        plan = "\n".join(
            row["QUERY PLAN"] for row in game.rows(f"explain select from {condition} ~>=~ 'lou' and {column} ~<~ 'loz'")
        )
        assert index in plan, plan
