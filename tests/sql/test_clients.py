"""Clients: organisations, their part in an edition, territories, leagues, guests, and the staff they invite."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from mpp_supabase.mail.letters import write_letter
from tests.support.crowd import at_once, codes, committed, connect, meanwhile, open_lines
from tests.support.game import DAY, HOUR, Connection, Edition, Game, Jsonb, Person

MICROSECOND = timedelta(microseconds=1)


def fresh() -> str:
    return uuid.uuid4().hex[:8]


def leagues(*names: str, unit: str | None = None) -> Jsonb:
    return Jsonb([{"name": name, **({"unit": unit} if unit else {})} for name in names])


def guests(*addresses: str, league: str | None = None) -> Jsonb:
    return Jsonb([{"email": address, **({"league": league} if league else {})} for address in addresses])


@pytest.fixture
def edition(game: Game) -> Edition:
    return game.edition()


@pytest.fixture
def client(game: Game) -> int:
    return game.organisation(name="Exemple SA")


@pytest.fixture
def part(game: Game, client: int, edition: Edition) -> int:
    return game.participation(client, edition, expected_players=300)


@pytest.fixture
def manager(game: Game, client: int) -> Person:
    return game.employed(client, "manager")


@pytest.fixture
def owner(game: Game, client: int) -> Person:
    return game.employed(client, "owner")


# organisations


def test_an_organisation_is_made_and_corrected_by_its_code_and_what_is_left_out_stays(game):
    code = f"t-{fresh()}"
    made = game.service.call(
        "set_organisation", code=code, name=" Ville  d’Exemple ", kind="local_authority", language="en"
    )
    again = game.service.call("set_organisation", code=code)
    assert again == made
    (row,) = game.rows("select name, kind::text, language from mpp.organisation where id = %s", (made,))
    assert row == {"name": "Ville d’Exemple", "kind": "local_authority", "language": "en"}
    assert game.service.call("set_organisation", code=code, name="Exempleville", language="fr") == made
    (row,) = game.rows("select name, kind::text, language from mpp.organisation where id = %s", (made,))
    assert row == {"name": "Exempleville", "kind": "local_authority", "language": "fr"}
    assert game.one("select count(*) from mpp.audit where action = 'organisation.set' and subject = %s", (code,)) == 3


def test_an_organisation_without_a_name_is_called_by_its_code(game):
    code = f"t-{fresh()}"
    made = game.service.call("set_organisation", code=code)
    (row,) = game.rows("select name, kind::text, language from mpp.organisation where id = %s", (made,))
    assert row == {"name": code, "kind": "company", "language": "fr"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": None}, {"code": ""}, {"code": "ab"}, {"code": "Capital"}, {"code": "a b c"}, {"code": "x" * 41},
        {"code": "été"}, {"name": " "}, {"name": "x" * 121}, {"name": "a\u202eb"}, {"language": "de"}, {"language": ""},
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_organisation_is_said_by_name(game, wrong):
    with game.refused("MP010") as caught:
        game.service.call("set_organisation", **{"code": f"t-{fresh()}", **wrong})
    assert next(iter(wrong)) in caught.value.diag.message_primary


# participations


def test_a_client_takes_part_once_in_an_edition_and_its_settings_change(game, client, edition):
    part = game.participation(client, edition, expected_players=120, asks_phone=True)
    assert game.participation(client, edition) == part
    (row,) = game.service.view("client_participations", participation_id=part)
    assert (row["expected_players"], row["asks_phone"], row["carries_name"]) == (120, True, False)
    assert (row["edition_code"], row["organisation_name"]) == (edition.code, "Exemple SA")
    assert game.participation(client, edition, expected_players=80, asks_phone=False, carries_name=True) == part
    (row,) = game.service.view("client_participations", participation_id=part)
    assert (row["expected_players"], row["asks_phone"], row["carries_name"]) == (80, False, True)


@pytest.mark.parametrize("expected", [0, -1, 1_000_001, 2_147_483_647])
def test_expected_players_are_a_number_of_people(game, client, edition, expected):
    with game.refused("MP010"):
        game.participation(client, edition, expected_players=expected)


def test_a_private_edition_is_for_its_own_client(game, client):
    private = game.edition(organisation=client)
    assert game.participation(client, private)
    other = game.organisation()
    with game.refused("MP010"):
        game.participation(other, private)
    with game.refused("MP090"):
        game.service.call("set_participation", organisation_id=2_000_000_000, edition_code=private.code)
    with game.refused("MP020"):
        game.service.call("set_participation", organisation_id=client, edition_code="no-such-edition")


# territories


def test_a_territory_is_what_was_last_said(game, client):
    def of_client() -> set[tuple[str, str]]:
        return {(row["kind"], row["code"]) for row in game.service.view("client_territories", organisation_id=client)}

    def say(codes: Any) -> Any:
        return game.service.call("set_territory", organisation_id=client, codes=Jsonb(codes))

    first = {"postcode": ["69003", "69003"], "department": ["69", "2A", "971"], "rne": ["0690001A"]}
    with game.refused("MP010"):
        say(first)
    first["rne"] = ["0000001B"]
    assert say(first) == 5
    assert of_client() == {
        ("postcode", "69003"), ("department", "69"), ("department", "2A"), ("department", "971"), ("rne", "0000001B"),
    }  # fmt: skip
    assert say({"department": ["01"]}) == 1
    assert of_client() == {("department", "01")}
    # One code needs no list around it.
    assert say({"postcode": "01000"}) == 1
    assert say({}) == 0
    assert of_client() == set()


@pytest.mark.parametrize(
    "codes",
    [
        None, [], 1, "69", {"postcode": ["6900"]}, {"postcode": ["2A004"]}, {"department": ["20A"]},
        {"department": ["2C"]}, {"department": ["970"]}, {"department": ["979"]}, {"department": [69]} | {"rne": ["x"]},
        {"rne": ["0000001A"]}, {"rne": [None]}, {"region": ["84"]}, {"postcode": [None]}, {"postcode": [["69003"]]},
        {"postcode": {"69003": 1}}, {"postcode": None}, {"department": ["20"]}, {"department": ["00"]},
        {"department": ["96"]}, {"postcode": ["00100"]}, {"postcode": ["96000"]}, {"postcode": ["97999"]},
    ],
)  # fmt: skip
def test_a_wrong_code_changes_nothing_of_a_territory(game, client, codes):
    game.service.call("set_territory", organisation_id=client, codes={"department": ["01"]})
    with game.refused("MP010"):
        game.service.call("set_territory", organisation_id=client, codes=Jsonb(codes))


def test_every_wrong_code_of_a_territory_is_named(game, client):
    with game.refused("MP010") as caught:
        game.service.call(
            "set_territory", organisation_id=client, codes=Jsonb({"department": ["01", "20", "96"], "postcode": ["1"]})
        )
    said = str(caught.value.diag.message_primary)
    assert all(wrong in said for wrong in ("department 20", "department 96", "postcode 1"))


def test_codes_are_added_to_a_territory_and_taken_away(game, client):
    def say(change: str | None, **codes: Any) -> Any:
        return game.service.call("set_territory", organisation_id=client, codes=Jsonb(codes), change=change)

    assert say("replace", department=["69", "01"]) == 2
    assert say("add", department=["69", "2A"], postcode=["38000"]) == 4
    assert say("remove", department=["01", "75"]) == 3
    assert say("remove") == 3
    assert {(row["kind"], row["code"]) for row in game.service.view("client_territories", organisation_id=client)} == {
        ("department", "69"), ("department", "2A"), ("postcode", "38000"),
    }  # fmt: skip
    with game.refused("MP010"):
        say(None, department=["69"])
    acts = game.rows(
        "select action from mpp.audit where action like 'territory.%%' and subject = %s order by id", (str(client),)
    )
    assert [act["action"] for act in acts] == [
        "territory.set", "territory.add", "territory.remove", "territory.remove",
    ]  # fmt: skip


def test_a_territory_says_how_many_schools_each_code_has(game, client):
    for postcode in ("38000", "38000", "38190", "20600"):
        game.school(postcode=postcode)
    game.run("update mpp.school set is_hidden = true where id = %s", (game.school(postcode="38000"),))
    game.service.call(
        "set_territory", organisation_id=client,
        codes=Jsonb({"department": ["38", "2B", "2A"], "postcode": ["38190"], "rne": ["0000001B"]}),
    )  # fmt: skip
    found = {
        (row["kind"], row["code"]): row["schools"]
        for row in game.service.table("territory_schools", organisation_id=client)
    }
    assert (found["department", "2B"], found["postcode", "38190"], found["rne", "0000001B"]) == (1, 1, 0)
    assert (found["department", "38"], found["department", "2A"]) == (3, 0)


def described(number: int, city: str, **more: object) -> dict[str, object]:
    """A school of the directory in Bruz or beside it."""
    return {
        "rne": f"{number:07d}{'ABCDEFGHJKLMNPRSTUVWXYZ'[number % 23]}", "name": f"School {number}", "country": "FR",
        "levels": ["elementaire"], "postcode": "35170", "city": city, "department": "35", **more,
    }  # fmt: skip


TOWN = [
    described(9_996_001, "Bruz", commune="35047"),
    described(9_996_002, "Bruz", commune="35047", postcode="35171", levels=["college"]),
    described(9_996_003, "Bruz", commune="35047", postcode="35174", levels=["lycee"]),
    described(9_996_004, "Elsewhere", commune="35001", postcode="35172", levels=["lycee"]),
    # A second ordinary postcode of the town: nobody forgot its school by a CEDEX.
    described(9_996_005, "Bruz", commune="35047", postcode="35175"),
    described(9_996_006, "Bruz", commune="35047", postcode="35175", levels=["college"]),
    described(9_996_007, "Bruz", commune="35047", postcode="35175"),
]


def follow(game, client: int, **codes: list[str]) -> dict[tuple[str, str], dict[str, object]]:
    game.service.call("set_territory", organisation_id=client, codes=Jsonb(codes))
    rows = game.service.table("territory_schools", organisation_id=client)
    return {(row["kind"], row["code"]): row for row in rows}


def test_a_commune_is_all_schools_of_it_whatever_their_postcode(game, client):
    game.service.table("import_schools", schools=Jsonb(TOWN))
    found = follow(game, client, commune=["35047"])["commune", "35047"]
    assert (found["schools"], found["missed"]) == (6, [])
    with game.refused("MP010"):
        follow(game, client, commune=["35"])


def test_a_postcode_says_which_schools_of_its_town_have_another(game, client):
    game.service.table("import_schools", schools=Jsonb(TOWN))
    found = follow(game, client, postcode=["35170"])["postcode", "35170"]
    assert (found["schools"], found["communes"]) == (1, ["35047"])
    assert found["missed"] == [
        f"{one['rne']} {one['name']} ({one['postcode']} Bruz)" for one in TOWN[1:3]
    ]  # fmt: skip
    # What something else of the territory names is not missed.
    found = follow(game, client, postcode=["35170", "35171"], rne=[str(TOWN[2]["rne"])])["postcode", "35170"]
    assert found["missed"] == []
    assert follow(game, client, postcode=["35170"], commune=["35047"])["postcode", "35170"]["missed"] == []


def test_a_town_without_a_code_is_known_by_its_name(game, client):
    schools = [{name: value for name, value in one.items() if name != "commune"} for one in TOWN]
    game.service.table("import_schools", schools=Jsonb(schools))
    found = follow(game, client, postcode=["35170"])["postcode", "35170"]
    assert (found["communes"], len(found["missed"])) == ([], 2)


def test_the_districts_of_paris_are_paris(game, client):
    districts = [
        described(9_996_010, "Paris", commune="75111", postcode="75011", department="75"),
        described(9_996_011, "Paris", commune="75112", postcode="75012", department="75"),
    ]
    game.service.table("import_schools", schools=Jsonb(districts))
    found = follow(game, client, commune=["75056", "75111", "69123"])
    assert [found["commune", code]["schools"] for code in ("75056", "75111", "69123")] == [2, 1, 0]


@pytest.mark.parametrize("kind", ["company", "university", "association"])
def test_only_who_answers_for_schools_follows_some(game, kind):
    client = game.organisation(kind=kind)
    schools = game.edition(audience="school")
    for change in ("replace", "add"):
        with game.refused("MP010") as caught:
            game.service.call("set_territory", organisation_id=client, codes={"department": ["69"]}, change=change)
        assert f"a client of kind {kind} follows no schools" in str(caught.value.diag.message_primary)
    with game.refused("MP028"):
        game.participation(client, schools)
    assert game.participation(client, game.edition())
    for follower in ("local_authority", "public_administration", "school_network"):
        other = game.organisation(kind=follower)
        assert game.participation(other, schools)
        assert game.service.call("set_territory", organisation_id=other, codes={"department": ["69"]}) == 1
        with game.refused("MP010") as caught:
            game.service.call("set_organisation", code=code_of(game, other), kind=kind)
        assert "kind is not valid" in str(caught.value.diag.message_primary)


# leagues


def test_a_list_of_leagues_sent_twice_makes_each_once_with_the_same_code(game, part, manager):
    first = manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord", "Sud"))
    again = manager.table("create_client_leagues", participation_id=part, leagues=leagues("SUD", "Nord", "Est", "Est"))
    assert [row["is_new"] for row in first] == [True, True]
    assert [(row["name"].lower(), row["is_new"]) for row in again] == [
        ("sud", False), ("nord", False), ("est", True), ("est", False),
    ]  # fmt: skip
    assert {row["league_id"]: row["join_code"] for row in first}.items() <= {
        row["league_id"]: row["join_code"] for row in again
    }.items()
    assert game.one("select count(*) from mpp.league where participation_id = %s", (part,)) == 3
    made = {row["league_id"] for row in again}
    assert len({row["join_code"] for row in again}) == len(made) == 3
    listed = manager.view("client_join_codes", participation_id=part)
    assert {row["join_code"] for row in listed} == {row["join_code"] for row in again}
    for league in made:
        assert game.one("select count(*) from mpp.team where league_id = %s", (league,)) == 2
        assert game.score(league) == 0


def test_a_list_sent_twelve_times_at_once_makes_each_league_once(arena_url):
    with committed(arena_url) as game:
        edition = game.edition()
        part = game.participation(game.organisation(), edition)
        organisation = game.one("select organisation_id from mpp.participation where id = %s", (part,))
        people = [game.employed(organisation, "manager") for _ in range(12)]
        names = [f"League {n} {fresh()}" for n in range(8)]
        game.db.commit()

        def work(place: int) -> Any:
            # Each in an order of its own, which must not become a deadlock.
            asked = Jsonb([{"name": n, "unit": "Site"} for n in names[place % 8 :] + names[: place % 8]])
            return lambda db: people[place].on(db).table("create_client_leagues", participation_id=part, leagues=asked)

        answers = at_once(arena_url, [work(place) for place in range(12)])
        assert codes(answers) == {"00000": 12}, answers
        made = [row for _, rows in answers for row in rows if row["is_new"]]
        assert sorted(row["name"] for row in made) == sorted(names)
        by_name = {row["name"]: row["join_code"] for row in made}
        assert all(row["join_code"] == by_name[row["name"]] for _, rows in answers for row in rows)
        assert game.one("select count(*) from mpp.unit where organisation_id = %s", (organisation,)) == 1
        assert game.one("select count(*) from mpp.league where participation_id = %s", (part,)) == 8


def test_names_carry_the_organisation_where_it_asks_for_it(game, client, edition, part, manager):
    game.participation(client, edition, carries_name=True)
    (made,) = manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))
    assert made["name"] == "Exemple SA · Nord"
    (again,) = manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))
    assert (again["league_id"], again["is_new"]) == (made["league_id"], False)
    with game.refused("MP070"):
        manager.table("create_client_leagues", participation_id=part, leagues=leagues("x" * 55))
    game.service.call("set_organisation", code=code_of(game, client), name="x" * 100)
    with game.refused("MP070"):
        manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))


def code_of(game: Game, client: int) -> str:
    return str(game.one("select code from mpp.organisation where id = %s", (client,)))


def test_a_unit_is_made_once_corrected_and_kept(game, client, part, manager):
    def send(unit: str | None) -> dict[str, Any]:
        (row,) = manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord", unit=unit))
        return row

    assert send("Usine")["unit"] == "Usine"
    assert send(None)["is_new"] is False
    assert unit_of(game, "Nord", part) == "Usine"
    assert send("USINE")["unit"] == "Usine"
    assert send("Siège")["unit"] == "Siège"
    assert unit_of(game, "Nord", part) == "Siège"
    assert {row["name"] for row in manager.view("client_units", organisation_id=client)} == {"Usine", "Siège"}


def unit_of(game: Game, league: str, part: int) -> str | None:
    return game.one(  # type: ignore[no-any-return]
        "select u.name from mpp.league l left join mpp.unit u on u.id = l.unit_id"
        " where l.name = %s and l.participation_id = %s",
        (league, part),
    )


@pytest.mark.parametrize(
    ("kind", "category", "team"),
    [
        ("company", "colleagues", "Team 1"),
        ("university", "students", "Team 1"),
        ("association", "association", "Team 1"),
    ],
)
def test_leagues_are_of_the_category_and_the_language_of_their_client(game, edition, kind, category, team):
    part = game.participation(game.organisation(kind=kind, language="en"), edition)
    (made,) = game.service.table("create_client_leagues", participation_id=part, leagues=leagues(f"L {fresh()}"))
    assert game.one("select category::text from mpp.league where id = %s", (made["league_id"],)) == category
    assert team in [
        r["name"] for r in game.rows("select name from mpp.team where league_id = %s", (made["league_id"],))
    ]


def test_a_name_that_another_league_has_makes_none_of_the_list(game, edition, part, manager):
    taken = game.one("select name from mpp.league where id = %s", (game.league(edition).id,))
    with game.refused("MP070"):
        manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord", taken))
    assert game.one("select count(*) from mpp.league where participation_id = %s", (part,)) == 0


@pytest.mark.parametrize("wrong", [None, {}, [], [{"name": f"L{n}"} for n in range(501)]])
def test_leagues_come_as_a_list_of_five_hundred_at_most(game, part, manager, wrong):
    with game.refused("MP010"):
        manager.table("create_client_leagues", participation_id=part, leagues=Jsonb(wrong))


@pytest.mark.parametrize(
    "wrong",
    [["Nord"], [1], [None], [{}], [{"name": ""}], [{"name": None}], [{"name": "x" * 61}],
     [{"name": "a\u202eb"}], [{"name": "Nord"}, {"name": " "}], [{"name": "Nord", "unit": " "}],
     [{"name": "Nord", "unit": "x" * 61}]],
)  # fmt: skip
def test_what_is_wrong_in_a_list_of_leagues_makes_none(game, part, manager, wrong):
    with game.refused("MP070"):
        manager.table("create_client_leagues", participation_id=part, leagues=Jsonb(wrong))


def test_the_faults_of_a_list_of_leagues_come_in_one_answer(game, part, manager):
    asked = [{"name": "Nord"}, {"name": " "}, "Sud", {"name": "MPP", "unit": 1}, {"name": "Est", "unit": "www.fr"}]
    with game.refused("MP070") as caught:
        manager.table("create_client_leagues", participation_id=part, leagues=Jsonb(asked))
    assert [(f["row"], f["fault"]) for f in json.loads(caught.value.diag.message_detail or "")["faults"]] == [
        (2, "league_name_wrong"), (3, "not_an_object"), (4, "league_name_wrong"), (4, "unit_wrong"), (5, "unit_wrong"),
    ]  # fmt: skip
    assert game.one("select count(*) from mpp.league where participation_id = %s", (part,)) == 0


def test_a_dry_run_says_which_leagues_would_be_made_and_makes_none(game, client, edition, part, manager):
    (made,) = manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord", unit="Usine"))
    before = game.rows("select action from mpp.audit order by id")
    asked = leagues("Sud", "NORD", "sud", unit="Siège")
    dry = manager.table("create_client_leagues", participation_id=part, leagues=asked, dry_run=True)
    assert [(row["name"], row["unit"], row["is_new"], row["league_id"], row["join_code"]) for row in dry] == [
        ("Sud", "Siège", True, None, None),
        ("NORD", "Siège", False, made["league_id"], made["join_code"]),
        ("sud", "Siège", False, None, None),
    ]
    assert game.one("select count(*) from mpp.league where participation_id = %s", (part,)) == 1
    assert unit_of(game, "Nord", part) == "Usine"
    assert [row["name"] for row in manager.view("client_units", organisation_id=client)] == ["Usine"]
    assert game.rows("select action from mpp.audit order by id") == before
    taken = game.one("select name from mpp.league where id = %s", (game.league(edition).id,))
    with game.refused("MP070"):
        manager.table("create_client_leagues", participation_id=part, leagues=leagues(taken), dry_run=True)


def test_leagues_are_made_while_people_may_still_join(game, client, edition):
    cases = {
        "MP021": game.edition("draft"), "MP023": game.edition(registration=-HOUR), "MP024": game.edition("frozen"),
        "MP028": game.edition(audience="school"),
    }  # fmt: skip
    for code, other in cases.items():
        part = game.participation(client, other)
        with game.refused(code):
            game.service.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))


def test_a_client_has_two_thousand_leagues_at_most(game, edition, part, manager):
    game.run(
        "insert into mpp.league (edition_id, name, category, participation_id)"
        " select %s, %s || n, 'colleagues', %s from generate_series(1, 1999) n",
        (edition.id, f"L {fresh()} ", part),
    )
    with game.refused("MP039"):
        manager.table("create_client_leagues", participation_id=part, leagues=leagues("One", "Two"))
    assert len(manager.table("create_client_leagues", participation_id=part, leagues=leagues("One"))) == 1


# players


def test_whoever_joins_a_league_first_runs_it_and_the_next_does_not(game, part, edition):
    league = game.client_league(part, edition)
    second = game.player(league)
    runs = game.rows("select account_id, is_principal from mpp.ambassador where league_id = %s", (league.id,))
    assert runs == [{"account_id": league.ambassador.account, "is_principal": True}]
    assert league.ambassador.view("my_leagues", league_id=league.id)[0]["join_code"] == league.join_code
    assert second.view("my_leagues", league_id=league.id)[0]["join_code"] is None


def test_twenty_who_join_at_once_have_one_ambassador(arena_url):
    with committed(arena_url) as game:
        edition = game.edition()
        part = game.participation(game.organisation(), edition)
        asked = leagues(f"League {fresh()}")
        (made,) = game.service.table("create_client_leagues", participation_id=part, leagues=asked)
        people = [game.registered() for _ in range(20)]
        game.db.commit()

        def join(person: Person) -> Any:
            return lambda db: person.on(db).call("join_league", join_code=made["join_code"])

        assert codes(at_once(arena_url, [join(person) for person in people])) == {"00000": 20}
        principals = game.rows(
            "select is_principal from mpp.ambassador where league_id = %s and is_principal", (made["league_id"],)
        )
        assert len(principals) == 1


def phones_seen(person: Person, league: uuid.UUID) -> dict[uuid.UUID, str | None]:
    return {row["player_id"]: row["phone"] for row in person.view("league_members", league_id=league)}


def test_a_phone_that_a_client_asks_for_may_be_left_out_and_is_seen_by_the_ambassador_alone(game, client, edition):
    part = game.participation(client, edition, asks_phone=True)
    league = game.client_league(part, edition)
    given = game.player(league, phone="+33 6 12 34 56 78")
    silent = game.player(league)
    newcomer = game.registered()
    with game.refused("MP010"):
        game.player(league, newcomer, phone="612345678")
    assert given.player_id is not None
    assert phones_seen(league.ambassador, league.id)[given.player_id] == "+33612345678"
    assert phones_seen(given, league.id)[given.player_id] == "+33612345678"
    assert phones_seen(silent, league.id)[given.player_id] is None
    # The client itself reads no member at all.
    for role in ("viewer", "manager", "owner"):
        assert game.employed(client, role).view("league_members", league_id=league.id) == []
    # Once the client does not ask any more, nobody but the person has use for it.
    game.participation(client, edition, asks_phone=False)
    assert phones_seen(league.ambassador, league.id)[given.player_id] is None
    assert phones_seen(given, league.id)[given.player_id] == "+33612345678"


def test_nobody_under_fifteen_gives_or_sees_a_phone_that_a_client_asks_for(game, client, edition):
    league = game.client_league(game.participation(client, edition, asks_phone=True), edition)
    adult = game.player(league, phone="+33 6 12 34 56 78")
    children = [game.registered(birth_date=game.child(age)) for age in (12, 14)]
    for child in children:
        with game.refused("MP057"):
            game.player(league, child, phone="+33 6 11 11 11 11")
        game.player(league, child)
        assert phones_seen(child, league.id)[child.player_id] is None
    adolescent = game.player(league, game.registered(birth_date=game.child(15)), phone="+33 6 15 15 15 15")
    assert game.one("select count(*) from mpp.player_contact") == 2
    league.ambassador.call("set_co_ambassador", player_id=children[0].player_id, granted=True)
    assert set(phones_seen(children[0], league.id).values()) == {None}
    assert phones_seen(league.ambassador, league.id)[adolescent.player_id] == "+33615151515"
    # Nor once it turns out how young somebody is.
    game.staff().call("correct_birth_date", account_id=adult.account, birth_date=game.child(14), reason="a letter")
    assert phones_seen(league.ambassador, league.id)[adult.player_id] is None
    assert game.one("select count(*) from mpp.player_contact") == 1


def test_a_phone_that_nobody_asked_for_is_not_kept(game, part, edition):
    league = game.client_league(part, edition)
    game.player(league, phone="+33612345678")
    assert game.rows("select from mpp.player_contact") == []


# guests


def test_a_dry_run_says_what_would_be_and_writes_nothing(game, part, manager):
    manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))
    before = game.fingerprint()
    asked = guests("a@example.org", "b@example.org")
    outcome = manager.call("invite_participants", participation_id=part, participants=asked, dry_run=True)
    assert outcome == {"added": 2, "changed": 0, "unchanged": 0}
    assert game.fingerprint() == before
    assert manager.call("invite_participants", participation_id=part, participants=asked)["added"] == 2


def invitations(game: Game, part: int) -> list[dict[str, Any]]:
    return game.rows("select * from mpp.outbox where key like %s order by id", (f"invitation:{part}:%",))


def test_the_same_list_again_changes_nothing_and_sends_no_second_mail(game, part, manager):
    manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))
    asked = guests("a@example.org", " B@Example.ORG ")
    manager.call("invite_participants", participation_id=part, participants=asked)
    before = game.fingerprint()
    outcome = manager.call("invite_participants", participation_id=part, participants=asked)
    assert outcome == {"added": 0, "changed": 0, "unchanged": 2}
    assert game.fingerprint() == before
    more = guests("b@example.org", "c@example.org")
    assert manager.call("invite_participants", participation_id=part, participants=more)["added"] == 1
    assert [mail["address"] for mail in invitations(game, part)] == ["a@example.org", "b@example.org", "c@example.org"]
    assert {row["email"] for row in manager.view("client_participants", participation_id=part)} == {
        "a@example.org", "b@example.org", "c@example.org",
    }  # fmt: skip


def test_a_list_sent_at_once_by_ten_invites_each_once(arena_url):
    with committed(arena_url) as game:
        client = game.organisation()
        part = game.participation(client, game.edition())
        game.service.table(
            "create_client_leagues", participation_id=part, leagues=leagues(f"A {fresh()}", f"B {fresh()}")
        )
        people = [game.employed(client, "manager") for _ in range(10)]
        game.db.commit()
        asked = guests(*(f"{n}@example.org" for n in range(20)))

        def invite(person: Person) -> Any:
            return lambda db: person.on(db).call("invite_participants", participation_id=part, participants=asked)

        answers = at_once(arena_url, [invite(person) for person in people])
        assert codes(answers) == {"00000": 10}, answers
        assert sorted(answer["added"] for _, answer in answers) == [0] * 9 + [20]
        assert len(invitations(game, part)) == 20
        spread = game.rows(
            "select count(*) as n from mpp.participant where participation_id = %s group by league_id", (part,)
        )
        assert [row["n"] for row in spread] == [10, 10]


def test_an_invitation_is_a_letter_with_the_code_of_its_league(game, client, edition, part, manager):
    made = {
        row["name"]: row
        for row in manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord", "Sud"))
    }
    manager.call("invite_participants", participation_id=part, participants=guests("a@example.org", league="sud"))
    (mail,) = invitations(game, part)
    assert (mail["purpose"], mail["template"], mail["language"]) == ("invitation", "player_invitation", "fr")
    assert (mail["address"], mail["account_id"], mail["state"]) == ("a@example.org", None, "queued")
    assert mail["useful_until"] == edition.ends_at
    assert "a@example" not in mail["key"]
    assert mail["data"]["join_code"] == made["Sud"]["join_code"]
    assert mail["data"]["time_zone"] == "Europe/Paris"
    for language in ("fr", "en"):
        letter = write_letter(mail["template"], mail["data"], language)
        assert "Sud" in letter.subject
        assert "Exemple SA" in letter.paragraphs[0]
        assert letter.code == made["Sud"]["join_code"]
    # Which opens the league to whoever has it.
    guest = game.registered()
    guest.call("join_league", join_code=letter.code)
    assert guest.view("my_leagues")[0]["league_id"] == made["Sud"]["league_id"]


def test_a_league_is_named_with_or_without_the_name_of_the_client(game, client, edition, part, manager):
    game.participation(client, edition, carries_name=True)
    manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord", "Sud"))
    asked = Jsonb(
        [{"email": "a@example.org", "league": " nord "}, {"email": "b@example.org", "league": "Exemple SA · Sud"}]
    )
    manager.call("invite_participants", participation_id=part, participants=asked)
    found = {r["email"]: r["league"] for r in manager.view("client_participants", participation_id=part)}
    assert found == {"a@example.org": "Exemple SA · Nord", "b@example.org": "Exemple SA · Sud"}


@pytest.mark.parametrize("seed", range(4))
def test_guests_without_a_league_go_to_the_emptiest_one_after_the_other(game, part, manager, seed):
    chance = random.Random(seed)
    names = [f"L{n}" for n in range(chance.randrange(1, 8))]
    manager.table("create_client_leagues", participation_id=part, leagues=leagues(*names))
    order = [
        row["name"]
        for row in game.rows("select name from mpp.league where participation_id = %s order by created_at, id", (part,))
    ]
    expected = dict.fromkeys(order, 0)
    for call in range(4):
        rows = []
        for n in range(chance.randrange(1, 30)):
            named = chance.choice(names) if chance.random() < 0.3 else None
            rows.append({"email": f"{call}-{n}@example.org", "league": named})
        manager.call("invite_participants", participation_id=part, participants=Jsonb(rows))
        # Those with a league first, then each of the others to the emptiest.
        for row in sorted(rows, key=lambda row: row["league"] is None):
            expected[row["league"] or min(order, key=lambda name: expected[name])] += 1
    found = dict.fromkeys(order, 0)
    for row in manager.view("client_participants", participation_id=part):
        found[row["league"]] += 1
    assert found == expected


def test_inviting_many_people_to_many_leagues_reads_each_league_a_few_times(game, part, manager):
    names = [f"L{n}" for n in range(150)]
    manager.table("create_client_leagues", participation_id=part, leagues=leagues(*names))
    read = (
        "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) from pg_stat_xact_user_tables"
        " where schemaname = 'mpp' and relname in ('league', 'participant')"
    )
    asked = [{"email": f"{n}@example.org", "league": names[n] if n % 3 == 0 else None} for n in range(150)]
    # Which join the planner takes hangs on when autovacuum last came by; what the function asks for does not.
    # Nor may a plan be kept from the tests before.
    game.run("set local enable_nestloop = off")
    game.run("discard plans")
    before = game.one(read)
    assert manager.call("invite_participants", participation_id=part, participants=Jsonb(asked))["added"] == 150
    # Less than every guest asks of every league, and of its own: 150 times 150.
    assert game.one(read) - before < 150 * 100


def test_inviting_many_people_looks_into_the_mails_of_all_together(game, part, manager):
    """Not once a guest and once more for each of their mails: 2,000 guests would take longer than a page may."""
    manager.table("create_client_leagues", participation_id=part, leagues=leagues("L"))
    # Nor may a plan be kept from the tests before.
    game.run("set local enable_nestloop = off")
    game.run("discard plans")
    looked = "select idx_scan + seq_scan from pg_stat_xact_user_tables where relid = 'mpp.outbox'::regclass"
    before = game.one(looked)
    asked = [{"email": f"{n}@example.org"} for n in range(150)]
    assert manager.call("invite_participants", participation_id=part, participants=Jsonb(asked))["added"] == 150
    # One look each at the most, whether the new mail is there already.
    assert game.one(looked) - before < 2 * 150


def test_inviting_makes_no_other_client_wait(arena_url):
    with committed(arena_url) as game:
        edition = game.edition()
        parts, managers = [], []
        for _ in range(2):
            client = game.organisation()
            parts.append(game.participation(client, edition))
            game.service.table("create_client_leagues", participation_id=parts[-1], leagues=leagues(f"L {fresh()}"))
            managers.append(game.employed(client, "manager"))
        owner = game.employed(game.organisation(), "owner")
        organisation = game.one("select organisation_id from mpp.staff where account_id = %s", (owner.account,))
        game.db.commit()
        with connect(arena_url) as first, connect(arena_url, autocommit=True) as second:
            first.execute("select 1")
            mine = guests(*(f"{fresh()}@example.org" for _ in range(5)))
            managers[0].on(first).call("invite_participants", participation_id=parts[0], participants=mine)
            # It has not ended, and nothing of it is in the way: the second would wait for ever.
            theirs = guests(*(f"{fresh()}@example.org" for _ in range(5)))
            answer = managers[1].on(second).call("invite_participants", participation_id=parts[1], participants=theirs)
            assert answer["added"] == 5
            owner.on(second).call("invite_staff", organisation_id=organisation, email=f"{fresh()}@example.org")
            first.rollback()


def test_guests_without_a_league_are_spread_evenly(game, part, manager):
    manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord", "Sud", "Est"))
    manager.call(
        "invite_participants", participation_id=part, participants=guests(*(f"{n}@example.org" for n in range(10)))
    )
    rows = manager.view("client_participants", participation_id=part)
    assert sorted(sum(r["league"] == name for r in rows) for name in ("Nord", "Sud", "Est")) == [3, 3, 4]


@pytest.mark.parametrize(
    ("rows", "place", "because"),
    [
        ([{"email": "a@example.org"}, {"email": "nobody"}], 2, "address is not one"),
        ([{"email": "a@example.org"}, {"email": "A@example.org "}], 1, "comes twice"),
        ([{"email": "a@example.org"}, {}], 2, "address is not one"),
        ([{"email": "a@example.org\nBcc: b@example.org"}], 1, "address is not one"),
        ([{"email": "a@example.org, b@example.org"}], 1, "address is not one"),
        (["a@example.org"], 1, "not an object"),
        ([{"email": "a@example.org"}, None], 2, "not an object"),
        ([{"email": "a@example.org", "league": "Ouest"}], 1, "none of the client"),
        ([{"email": "a@example.org", "league": ""}], 1, "none of the client"),
    ],
)
def test_a_bad_row_is_named_by_its_place_and_nobody_is_invited(game, part, manager, rows, place, because):
    manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))
    for dry_run in (True, False):
        with game.refused("MP070") as caught:
            manager.call("invite_participants", participation_id=part, participants=Jsonb(rows), dry_run=dry_run)
        said = caught.value.diag.message_primary
        assert f"row {place}: " in said
        assert because in said
        # Addresses stay out of logs.
        assert "@" not in said


def test_guests_need_a_list_and_a_league(game, part, manager):
    with game.refused("MP010"):
        manager.call("invite_participants", participation_id=part, participants=guests("a@example.org"))
    manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))
    too_many = [{"email": f"{n}@example.org"} for n in range(2001)]
    for wrong in (None, {}, [], "a@example.org", too_many):
        with game.refused("MP010"):
            manager.call("invite_participants", participation_id=part, participants=Jsonb(wrong))


def test_no_more_are_invited_than_twice_those_expected_and_the_same_again_is_not_more(game, client, edition, manager):
    part = game.participation(client, edition, expected_players=210)
    manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))
    everybody = [f"{n}@example.org" for n in range(420)]
    manager.call("invite_participants", participation_id=part, participants=guests(*everybody[:300]))
    with game.refused("MP010"):
        manager.call(
            "invite_participants", participation_id=part, participants=guests(*everybody[300:], "x@example.org")
        )
    assert manager.call("invite_participants", participation_id=part, participants=guests(*everybody)) == {
        "added": 120, "changed": 0, "unchanged": 300,
    }  # fmt: skip
    assert manager.call("invite_participants", participation_id=part, participants=guests(*everybody))["added"] == 0
    with game.refused("MP010"):
        manager.call("invite_participants", participation_id=part, participants=guests("x@example.org"))
    game.participation(client, edition, expected_players=211)
    assert (
        manager.call("invite_participants", participation_id=part, participants=guests("x@example.org"))["added"] == 1
    )


def test_a_small_client_may_invite_four_hundred(game, client, edition, manager):
    part = game.participation(client, edition, expected_players=1)
    manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))
    everybody = guests(*(f"{n}@example.org" for n in range(401)))
    with game.refused("MP010"):
        manager.call("invite_participants", participation_id=part, participants=everybody, dry_run=True)
    everybody.obj.pop()
    outcome = manager.call("invite_participants", participation_id=part, participants=everybody, dry_run=True)
    assert outcome["added"] == 400


def test_whether_a_guest_came_is_not_told(game, part, edition, manager):
    league = game.client_league(part, edition)
    guest = game.registered()
    address = game.one("select email from auth.users where id = %s", (guest.account,))
    manager.call("invite_participants", participation_id=part, participants=guests(address, "b@example.org"))
    before = manager.view("client_participants", participation_id=part)
    game.player(league, guest)
    assert manager.view("client_participants", participation_id=part) == before


def test_guests_are_taken_off_the_list_with_the_mail_that_has_not_left(game, client, part, manager):
    manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord", "Sud"))
    asked = guests("a@example.org", "b@example.org", "c@example.org", league="Nord")
    manager.call("invite_participants", participation_id=part, participants=asked)
    game.run("update mpp.outbox set state = 'sent', sent_at = private.clock() where address = 'b@example.org'")

    def remove(*emails: str) -> Any:
        return manager.call("remove_participants", participation_id=part, emails=list(emails))

    for wrong in (None, []):
        with game.refused("MP010"):
            manager.call("remove_participants", participation_id=part, emails=wrong)
    assert remove(" A@Example.org ", "b@example.org", "nobody@example.org") == 2
    assert remove("a@example.org") == 0
    assert [row["email"] for row in manager.view("client_participants", participation_id=part)] == ["c@example.org"]
    assert [mail["address"] for mail in invitations(game, part)] == ["b@example.org", "c@example.org"]
    assert game.one("select count(*) from mpp.audit where action = 'client.remove_participants'") == 1
    # Invited again, elsewhere: whoever was sent a code before is sent the new one.
    again = guests("a@example.org", "b@example.org", league="Sud")
    assert manager.call("invite_participants", participation_id=part, participants=again)["added"] == 2
    waiting = [mail for mail in invitations(game, part) if mail["state"] == "queued"]
    assert [(mail["address"], mail["data"]["league"]) for mail in waiting] == [
        ("c@example.org", "Nord"), ("a@example.org", "Sud"), ("b@example.org", "Sud"),
    ]  # fmt: skip


def test_nobody_is_written_to_more_than_three_times(game, part, manager):
    manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))
    for _ in range(3):
        manager.call("invite_participants", participation_id=part, participants=guests("a@example.org"))
        game.run("update mpp.outbox set state = 'sent', sent_at = private.clock() where state = 'queued'")
        manager.call("remove_participants", participation_id=part, emails=["a@example.org"])
    with game.refused("MP070") as caught:
        manager.call("invite_participants", participation_id=part, participants=guests("a@example.org"))
    assert "three invitations were sent there already" in str(caught.value.diag.message_primary)
    assert len(invitations(game, part)) == 3


# withdrawal


def test_a_client_that_nobody_plays_for_is_taken_out_of_an_edition_and_may_come_back(
    game, client, edition, part, manager
):
    made = manager.table("create_client_leagues", participation_id=part, leagues=leagues("Nord", "Sud", unit="Lyon"))
    manager.call("invite_participants", participation_id=part, participants=guests("a@example.org"))
    manager.call("plan_participation", participation_id=part)
    other = game.edition()
    kept = game.participation(client, other)
    manager.table("create_client_leagues", participation_id=kept, leagues=leagues("Est", unit="Nantes"))
    assert game.service.call("withdraw_participation", participation_id=part) == 2
    assert manager.view("client_participations", participation_id=part) == []
    assert invitations(game, part) == []
    for table in ("participant", "task", "league"):
        assert game.rows(f"select from mpp.{table} where participation_id = %s", (part,)) == []
    assert [row["name"] for row in manager.view("client_units")] == ["Nantes"]
    guest = game.registered()
    with game.refused("MP031"):
        guest.call("join_league", join_code=made[0]["join_code"])
    ids = [row["league_id"] for row in made]
    assert game.rows("select from mpp.score where subject_id = any(%s) and listed", (ids,)) == []
    assert game.rows("select * from private.verify_scores(%s)", (edition.code,)) == []
    (trace,) = game.rows("select subject, details from mpp.audit where action = 'participation.withdraw'")
    assert (trace["subject"], trace["details"]["edition"]) == (code_of(game, client), edition.code)
    # The names are free again.
    again = game.participation(client, edition)
    fresh_ = manager.table("create_client_leagues", participation_id=again, leagues=leagues("Nord", "Sud"))
    assert [row["is_new"] for row in fresh_] == [True, True]
    with game.refused("MP093"):
        game.service.call("withdraw_participation", participation_id=part)


def test_a_client_stays_in_an_edition_once_somebody_has_joined_or_it_is_frozen(game, client, edition, part):
    league = game.client_league(part, edition)
    before = game.fingerprint()
    with game.refused("MP099") as caught:
        game.service.call("withdraw_participation", participation_id=part)
    assert "1 of its leagues" in str(caught.value.diag.message_primary)
    assert game.fingerprint() == before
    assert league.id
    over = game.edition()
    frozen = game.participation(client, over)
    game.close(over)
    game.freeze(over)
    with game.refused("MP024"):
        game.service.call("withdraw_participation", participation_id=frozen)


def test_a_guest_who_joins_while_the_client_is_withdrawn_finds_no_code_or_keeps_it_in(arena_url):
    with committed(arena_url) as game:
        edition = game.edition()
        part = game.participation(game.organisation(), edition)
        made = game.service.table("create_client_leagues", participation_id=part, leagues=leagues(f"A {fresh()}"))
        guests_ = [game.registered() for _ in range(6)]
        game.db.commit()
        code = made[0]["join_code"]

        def join(person: Person) -> Any:
            return lambda db: person.on(db).call("join_league", join_code=code)

        def withdraw(db: Any) -> Any:
            return game.service.on(db).call("withdraw_participation", participation_id=part)

        answers = at_once(arena_url, [*map(join, guests_[:3]), withdraw, *map(join, guests_[3:])])
        found = codes(answers)
        there = game.one("select count(*) from mpp.player where league_id = %s", (made[0]["league_id"],))
        withdrawn = not game.rows("select from mpp.participation where id = %s", (part,))
        assert (there == 0) is withdrawn
        assert found == ({"00000": 1, "MP031": 6} if withdrawn else {"00000": 6, "MP099": 1}), answers


def test_a_client_is_withdrawn_behind_whoever_locks_several_of_its_leagues(arena_url):
    with committed(arena_url) as game, open_lines(arena_url) as lines:
        part = game.participation(game.organisation(), game.edition())
        made = game.service.table(
            "create_client_leagues", participation_id=part, leagues=leagues(*(f"{n} {fresh()}" for n in "ABCDEFGHIJ"))
        )
        ids = [row["league_id"] for row in made]
        # Two whose locks are in another order than they are.
        first, second = game.rows(
            "select a.id as first, b.id as second from mpp.league a join mpp.league b on a.id > b.id"
            " where a.id = any(%(ids)s) and b.id = any(%(ids)s) and uuid_hash(a.id) & 1023 < uuid_hash(b.id) & 1023",
            {"ids": ids},
        )[0].values()
        lock = "select private.lock_leagues(array[%s]::uuid[])"
        answer = meanwhile(
            game, lines, lock, (first,),
            lambda db: game.service.on(db).call("withdraw_participation", participation_id=part),
            lambda: game.db.execute(lock, (second,)),
        )  # fmt: skip
        assert answer == ("00000", 10)


def test_all_that_changes_a_participation_at_once_deadlocks_with_nothing(arena_url):
    with committed(arena_url) as game:
        client = game.organisation()
        part = game.participation(client, game.edition())
        manager = game.employed(client, "manager")
        game.service.table("create_client_leagues", participation_id=part, leagues=leagues(f"A {fresh()}"))
        game.db.commit()

        def does(command: str, **arguments: Any) -> Any:
            person = game.service if command == "withdraw_participation" else manager
            return lambda db: person.on(db).table(command, participation_id=part, **arguments)

        answers = at_once(
            arena_url,
            [
                does("remove_participants", emails=["a@example.org"]),
                does("invite_participants", participants=guests("a@example.org")),
                does("plan_participation"),
                does("withdraw_participation"),
                does("create_client_leagues", leagues=leagues(f"B {fresh()}")),
                does("remove_participants", emails=["a@example.org"]),
                does("plan_participation"),
                does("invite_participants", participants=guests("b@example.org")),
            ],
        )
        # Whoever comes after the withdrawal finds nothing any more; nobody waits for somebody who waits for them.
        assert set(codes(answers)) <= {"00000", "MP093"}, answers
        assert game.rows("select from mpp.participation where id = %s", (part,)) == []


# staff


def address_of(game: Game, person: Person) -> str:
    return str(game.one("select email from auth.users where id = %s", (person.account,)))


def code_in_mail(game: Game, address: str) -> str:
    """The code of the last invitation that was queued for an address."""
    mails = game.rows(
        "select data from mpp.outbox where template = 'staff_invitation' and address = %s order by id desc", (address,)
    )
    return str(mails[0]["data"]["code"])


def employment(game: Game, client: int, person: Person) -> dict[str, Any] | None:
    rows = game.rows(
        "select role::text, access_from, access_until from mpp.staff where organisation_id = %s and account_id = %s",
        (client, person.account),
    )
    return rows[0] if rows else None


def invite(game: Game, by: Person, client: int, person: Person, role: str = "viewer", **more: Any) -> str:
    """Invite somebody by their address; returns the code from the mail."""
    address = address_of(game, person)
    given = {"access_until": game.now + 20 * DAY, **more}
    by.call("invite_staff", organisation_id=client, email=f" {address.upper()} ", role=role, **given)
    return code_in_mail(game, address)


def test_an_invitation_is_a_letter_whose_code_opens_the_space_to_its_reader(game, client, owner):
    person = game.signed_in()
    code = invite(game, owner, client, person, "manager", access_from=game.now - DAY)
    (mail,) = game.rows("select * from mpp.outbox where address = %s", (address_of(game, person),))
    assert (mail["purpose"], mail["template"], mail["state"]) == ("invitation", "staff_invitation", "queued")
    assert code not in mail["key"]
    for language in ("fr", "en"):
        letter = write_letter(mail["template"], mail["data"], language)
        assert letter.code == code
        assert "Exemple SA" in letter.subject
    assert game.rows("select from mpp.staff_invitation i where i::text like %s", (f"%{code}%",)) == []
    (waiting,) = owner.view("client_invitations", organisation_id=client)
    assert (waiting["email"], waiting["role"], waiting["accepted_at"]) == (address_of(game, person), "manager", None)
    assert person.view("client_organisations") == []
    assert person.call("accept_staff_invitation", code=code) == client
    assert employment(game, client, person) == {
        "role": "manager", "access_from": game.now - DAY, "access_until": game.now + 20 * DAY,
    }  # fmt: skip
    assert [row["organisation_id"] for row in person.view("client_organisations")] == [client]
    (taken,) = owner.view("client_invitations", organisation_id=client)
    assert taken["accepted_at"] is not None
    with game.refused("MP082"):
        person.call("accept_staff_invitation", code=code)


def test_a_code_is_read_as_people_type_it(game, client, owner):
    person = game.signed_in()
    code = invite(game, owner, client, person)
    typed = f" {code[:5].lower()}-{code[5:]} ".replace("0", "o").replace("1", "l")
    assert person.call("accept_staff_invitation", code=typed) == client


def test_only_the_confirmed_address_that_was_invited_takes_it(game, client, owner):
    person = game.signed_in()
    code = invite(game, owner, client, person)
    thief = game.signed_in()
    with game.refused("MP082"):
        thief.call("accept_staff_invitation", code=code)
    # Signing up with the address of somebody else is not enough.
    game.run("update auth.users set email_confirmed_at = null where id = %s", (person.account,))
    with game.refused("MP082"):
        person.call("accept_staff_invitation", code=code)
    game.run("update auth.users set email_confirmed_at = private.clock() where id = %s", (person.account,))
    # What the token or the profile says of an address counts for nothing.
    liar = Person(game.db, "authenticated", thief.account, email=address_of(game, person))
    with game.refused("MP082"):
        liar.call("accept_staff_invitation", code=code)
    for wrong in (None, "", "0" * 10, code + "0", code[:-1], "x" * 5000):
        with game.refused("MP082"):
            person.call("accept_staff_invitation", code=wrong)
    assert person.call("accept_staff_invitation", code=code) == client


def test_of_twenty_at_once_one_takes_the_invitation(arena_url):
    with committed(arena_url) as game:
        client = game.organisation()
        person = game.signed_in()
        code = invite(game, game.service, client, person)
        game.db.commit()

        def accept(db: Any) -> Any:
            return person.on(db).call("accept_staff_invitation", code=code)

        answers = at_once(arena_url, [accept] * 20)
        assert codes(answers) == {"00000": 1, "MP082": 19}
        assert game.one("select count(*) from mpp.staff where account_id = %s", (person.account,)) == 1


@pytest.mark.parametrize(("late", "answer"), [(-MICROSECOND, None), (timedelta(), "MP082"), (DAY, "MP082")])
def test_an_invitation_is_good_for_thirty_days_and_never_longer_than_the_access(game, client, late, answer):
    for until, expires in ((60 * DAY, 30 * DAY), (3 * DAY, 3 * DAY)):
        with game.db.transaction(force_rollback=True):
            person = game.signed_in()
            game.clock(game.now)
            code = invite(game, game.service, client, person, access_until=game.now + until)
            game.clock(game.now + expires + late)
            if answer:
                with game.refused(answer):
                    person.call("accept_staff_invitation", code=code)
            else:
                assert person.call("accept_staff_invitation", code=code) == client


def test_a_second_invitation_replaces_the_first(game, client):
    person = game.signed_in()
    first = invite(game, game.service, client, person, "viewer")
    second = invite(game, game.service, client, person, "manager")
    assert first != second
    with game.refused("MP082"):
        person.call("accept_staff_invitation", code=first)
    person.call("accept_staff_invitation", code=second)
    # Both mails were queued, each with a key of its own.
    assert game.one("select count(*) from mpp.outbox where address = %s", (address_of(game, person),)) == 2
    assert game.one("select count(*) from mpp.staff_invitation where organisation_id = %s", (client,)) == 1
    found = employment(game, client, person)
    assert found
    assert found["role"] == "manager"
    # And one after that changes what they have.
    person.call("accept_staff_invitation", code=invite(game, game.service, client, person, "owner"))
    found = employment(game, client, person)
    assert found
    assert found["role"] == "owner"


def test_an_invitation_of_one_client_opens_no_other(game, client, owner):
    person, other = game.signed_in(), game.organisation()
    code = invite(game, owner, client, person)
    assert person.call("accept_staff_invitation", code=code) == client
    assert employment(game, other, person) is None


def test_an_owner_makes_no_owner_and_gives_no_longer_than_they_have(game, client, owner):
    def ask(**arguments: Any) -> Any:
        return owner.call("invite_staff", organisation_id=client, email=f"{fresh()}@example.org", **arguments)

    with game.refused("MP010"):
        ask(role="owner")
    for wrong in (
        {"access_until": game.now + 30 * DAY + MICROSECOND}, {"access_from": game.now - 30 * DAY - MICROSECOND},
        {"access_from": game.now + 31 * DAY}, {"access_from": game.now + DAY, "access_until": game.now + DAY},
        {"access_until": "infinity"}, {"access_from": "-infinity"}, {"role": None},
    ):  # fmt: skip
        with game.refused("MP010"):
            ask(**wrong)
    ask(access_from=game.now - 30 * DAY, access_until=game.now + 30 * DAY)
    # Without an end: theirs.
    ask()
    assert [r["access_until"] for r in owner.view("client_invitations", organisation_id=client)] == [
        game.now + 30 * DAY
    ] * 2  # fmt: skip


def test_the_association_says_until_when_and_may_make_owners(game, client):
    def ask(**arguments: Any) -> Any:
        return game.service.call("invite_staff", organisation_id=client, email="o@example.org", **arguments)

    for wrong in ({}, {"access_until": "infinity"}, {"access_until": game.now, "access_from": game.now}):
        with game.refused("MP010"):
            ask(role="owner", **wrong)
    ask(role="owner", access_from=game.now + 100 * DAY, access_until=game.now + 500 * DAY)
    (row,) = game.service.view("client_invitations", organisation_id=client)
    assert (row["role"], row["access_until"]) == ("owner", game.now + 500 * DAY)


@pytest.mark.parametrize("address", [None, "", "nobody", "a@b", "a@example.org\nBcc: b@example.org", "é@example.org"])
def test_what_is_no_address_is_not_invited(game, client, owner, address):
    with game.refused("MP010"):
        owner.call("invite_staff", organisation_id=client, email=address)


def test_an_owner_does_not_invite_another_owner_into_less(game, client, owner):
    other = game.employed(client, "owner")
    with game.refused("MP010"):
        invite(game, owner, client, other, "viewer")
    assert invite(game, game.service, client, other, "viewer")


def test_an_owner_does_not_replace_an_invitation_as_owner_that_the_association_sent(game, client, owner):
    address = f"{fresh()}@example.org"
    given = {"organisation_id": client, "email": address, "access_until": game.now + DAY}
    game.service.call("invite_staff", role="owner", **given)
    # Long enough ago for another invitation to go there.
    game.run(
        "update mpp.staff_invitation set invited_at = invited_at - interval '2 hours' where email = %s", (address,)
    )
    with game.refused("MP010") as caught:
        owner.call("invite_staff", **given)
    assert "invited it as an owner" in str(caught.value.diag.message_hint)
    assert [row["role"] for row in game.service.view("client_invitations", email=address)] == ["owner"]
    # Nobody waits for what was taken or has expired.
    game.run("update mpp.staff_invitation set expires_at = private.clock() where email = %s", (address,))
    assert owner.call("invite_staff", **given)


def test_an_owner_writes_to_an_address_once_an_hour(game, client, owner):
    owner.call("invite_staff", organisation_id=client, email="a@example.org")
    with game.refused("MP010"):
        owner.call("invite_staff", organisation_id=client, email="A@example.org")
    owner.call("invite_staff", organisation_id=client, email="b@example.org")
    game.run("update mpp.staff_invitation set invited_at = invited_at - interval '1 hour'")
    owner.call("invite_staff", organisation_id=client, email="a@example.org")
    # The association is not held to it.
    for _ in range(2):
        game.service.call("invite_staff", organisation_id=client, email="a@example.org", access_until=game.now + DAY)


def test_fifty_invitations_of_owners_wait_at_most(game, client, owner):
    game.run(
        "insert into mpp.staff_invitation (organisation_id, email, role, access_from, access_until, code_digest,"
        " expires_at, invited_at) select %s, n || '@example.org', 'viewer', private.clock(), private.clock() +"
        " interval '1 day',"
        " sha256(gen_random_uuid()::text::bytea), private.clock() + interval '1 day', private.clock() -"
        " interval '1 day'"
        " from generate_series(1, 50) n",
        (client,),
    )
    with game.refused("MP010"):
        owner.call("invite_staff", organisation_id=client, email="more@example.org")
    # One of them again is not one more; what has expired or was taken does not wait.
    owner.call("invite_staff", organisation_id=client, email="7@example.org")
    for change in ("expires_at = private.clock() - interval '1 second'", "accepted_at = private.clock()"):
        with game.db.transaction(force_rollback=True):
            game.run(f"update mpp.staff_invitation set {change} where email = '8@example.org'")
            owner.call("invite_staff", organisation_id=client, email="more@example.org")


def take_back(game: Game, person: Person, client: int, email: str | None) -> None:
    """Take an invitation of this address back, by its number."""
    rows = game.rows("select id from mpp.staff_invitation where organisation_id = %s and email = %s", (client, email))
    person.call("remove_staff", organisation_id=client, invitation_id=rows[0]["id"] if rows else 0)


def test_an_owner_invites_fifty_addresses_a_day_whatever_became_of_them(game, client, owner):
    for n in range(50):
        until = game.now + timedelta(minutes=1)
        owner.call("invite_staff", organisation_id=client, email=f"{n}@example.org", access_until=until)
        if n % 2:
            take_back(game, owner, client, f"{n}@example.org")
    game.clock(game.now + timedelta(hours=2))
    with game.refused("MP010"):
        owner.call("invite_staff", organisation_id=client, email="more@example.org")
    # The association, and other clients, are not held up by it.
    game.service.call("invite_staff", organisation_id=client, email="ops@example.org", access_until=game.now + DAY)
    game.clock(game.now + DAY + timedelta(minutes=1))
    owner.call("invite_staff", organisation_id=client, email="more@example.org")


def test_a_client_writes_five_invitations_a_day_to_a_mailbox_whatever_its_tag(
    game, client, owner, part, edition, manager
):
    game.client_league(part, edition)
    mailbox = fresh()
    for n in range(3):
        owner.call("invite_staff", organisation_id=client, email=f"{mailbox}+{n}@example.org")
    owner.call("invite_staff", organisation_id=client, email=f"{mailbox}@example.org")
    with game.refused("MP070"):
        manager.call("invite_participants", participation_id=part,
            participants=guests(f"{mailbox}+x@example.org", "b@example.org", f"{mailbox}+y@example.org"))  # fmt: skip
    asked = guests(f"{mailbox.upper()}+x@example.org", "b@example.org")
    assert manager.call("invite_participants", participation_id=part, participants=asked)["added"] == 2
    # Those who were invited before do not count again.
    assert manager.call("invite_participants", participation_id=part, participants=asked)["unchanged"] == 2
    with game.refused("MP010"):
        owner.call("invite_staff", organisation_id=client, email=f"{mailbox}+9@example.org")
    # Gmail reads over dots, and has two names.
    for n in range(5):
        dotted = f"{mailbox[: n + 1]}.{mailbox[n + 1 :]}@{'gmail' if n % 2 else 'googlemail'}.com"
        owner.call("invite_staff", organisation_id=client, email=dotted)
    with game.refused("MP010"):
        owner.call("invite_staff", organisation_id=client, email=f"{mailbox}@gmail.com")
    # The same name elsewhere is another mailbox, and so is one that begins with a plus.
    owner.call("invite_staff", organisation_id=client, email=f"{mailbox}@example.net")
    owner.call("invite_staff", organisation_id=client, email=f"+{mailbox}@example.org")
    # The association answers for what it sends, and the day ends.
    game.service.call("invite_participants", participation_id=part, participants=guests(f"{mailbox}+8@example.org"))
    game.clock(game.now + DAY + timedelta(minutes=1))
    owner.call("invite_staff", organisation_id=client, email=f"{mailbox}+9@example.org")


def test_twenty_invitations_at_once_of_one_address_are_one_mail(arena_url):
    with committed(arena_url) as game:
        client = game.organisation()
        owners = [game.employed(client, "owner") for _ in range(4)]
        address = f"{fresh()}@example.org"
        game.db.commit()

        def ask(place: int) -> Callable[[Connection], Any]:
            return lambda db: owners[place % 4].on(db).call("invite_staff", organisation_id=client, email=address)

        assert codes(at_once(arena_url, [ask(n) for n in range(20)])) == {"00000": 1, "MP010": 19}
        assert game.one("select count(*) from mpp.outbox where address = %s", (address,)) == 1


def test_a_mailbox_gets_five_invitations_a_day_of_all_clients_and_none_learns_of_the_others(arena_url):
    with committed(arena_url) as game:
        owned = [(client, game.employed(client, "owner")) for client in [game.organisation() for _ in range(9)]]
        mailbox = fresh()
        game.run("update mpp.outbox set next_attempt_at = 'infinity' where state = 'queued'")
        for place, (client, owner) in enumerate(owned):
            owner.call("invite_staff", organisation_id=client, email=f"{mailbox}+{place}@example.org")
        game.db.commit()

        def claim(db: Connection) -> Any:
            worker = {"worker": uuid.uuid4(), "lease_seconds": 60, "message_domain": "example.org"}
            return game.service.on(db).table("claim_mail", **worker)

        answers = at_once(arena_url, [claim] * 9)
        assert codes(answers) == {"00000": 9}
        assert sum(len(mails) for _, mails in answers) == 5
        states = game.rows(
            "select state::text, count(*) from mpp.outbox where address like %s group by state", (f"{mailbox}+%",)
        )
        assert {row["state"]: row["count"] for row in states} == {"sending": 5, "dropped": 4}
        for _, owner in owned:
            assert len(owner.view("client_invitations")) == 1


def test_what_others_wrote_to_a_mailbox_refuses_no_client_its_list(game, part, edition, manager):
    game.client_league(part, edition)
    mailbox, other = fresh(), game.organisation()
    for n in range(5):
        game.employed(other, "owner").call("invite_staff", organisation_id=other, email=f"{mailbox}+{n}@example.org")
    asked = guests(*(f"{mailbox}+{n}@example.org" for n in range(5)))
    assert manager.call("invite_participants", participation_id=part, participants=asked, dry_run=True)["added"] == 5


def test_who_was_written_to_counts_after_they_are_taken_off_the_list(game, part, edition, manager):
    game.client_league(part, edition)
    first = [f"{fresh()}@example.org" for _ in range(600)]
    manager.call("invite_participants", participation_id=part, participants=guests(*first))
    game.run("update mpp.outbox set state = 'sent', sent_at = queued_at where template = 'player_invitation'")
    manager.call("remove_participants", participation_id=part, emails=first)
    with game.refused("MP010"):
        manager.call("invite_participants", participation_id=part, participants=guests(f"{fresh()}@example.org"))
    # A mail that has not left is none.
    assert manager.call("invite_participants", participation_id=part, participants=guests(first[0]))["added"] == 1


def test_who_refuses_invitations_gets_none_of_clients_and_those_of_the_association(game, client, owner):
    mailbox = fresh()
    game.run("delete from mpp.outbox")

    def claim() -> dict[str, Any] | None:
        found = game.service.table("claim_mail", worker=uuid.uuid4(), lease_seconds=60, message_domain="example.org")
        return found[0] if found else None

    owner.call("invite_staff", organisation_id=client, email=f"{mailbox}+a@example.org")
    mail = claim()
    assert mail
    game.anon.call("unsubscribe", token=mail["unsubscribe_token"])
    for address in (f"{mailbox}+a@example.org", f"{mailbox}+b@example.org", f"{mailbox}@example.org"):
        other = game.organisation()
        game.employed(other, "owner").call("invite_staff", organisation_id=other, email=address)
        assert claim() is None
    assert game.one("select count(*) from mpp.outbox where reply = 'unsubscribed'") == 3
    game.service.call(
        "invite_staff", organisation_id=client, email=f"{mailbox}@example.org", access_until=game.now + DAY
    )
    mail = claim()
    assert mail
    assert (mail["purpose"], mail["unsubscribe_token"]) == ("service", None)


# the grounds of an invitation


@pytest.mark.parametrize(
    "change",
    [
        "delete from mpp.staff where account_id = %s", "update mpp.staff set role = 'manager' where account_id = %s",
        "update mpp.staff set access_until = private.clock() - interval '1 second' where account_id = %s",
        "update mpp.staff set access_from = private.clock() + interval '1 day' where account_id = %s",
        "update auth.users set banned_until = private.clock() + interval '1 day' where id = %s",
        "update auth.users set deleted_at = private.clock() where id = %s", "delete from auth.users where id = %s",
    ],
)  # fmt: skip
def test_an_invitation_is_worth_nothing_once_its_owner_is_none(game, client, owner, change):
    person = game.signed_in()
    code = invite(game, owner, client, person, "manager")
    game.run(change, (owner.account,))
    with game.refused("MP082"):
        person.call("accept_staff_invitation", code=code)
    assert employment(game, client, person) is None
    # That of the association holds, whoever of it sent it.
    assert person.call("accept_staff_invitation", code=invite(game, game.staff(), client, person)) == client


def test_an_invitation_gives_no_more_than_its_owner_has_when_it_is_taken(game, client, owner):
    person = game.signed_in()
    code = invite(game, owner, client, person, access_from=game.now - 20 * DAY)
    game.run(
        "update mpp.staff set access_from = %s, access_until = %s where account_id = %s",
        (game.now - DAY, game.now + DAY, owner.account),
    )
    person.call("accept_staff_invitation", code=code)
    assert employment(game, client, person) == {
        "role": "viewer", "access_from": game.now - DAY, "access_until": game.now + DAY,
    }  # fmt: skip


@pytest.mark.parametrize("change", [{"access_until": "1 day"}, {"role": "viewer"}, {"access_from": "-40 days"}])
def test_an_older_invitation_does_not_bring_back_what_was_taken_away(game, client, change):
    person = game.employed(client, "viewer")
    code = invite(game, game.service, client, person, "manager", access_until=game.now + 300 * DAY)
    moments = {"1 day": DAY, "-40 days": -40 * DAY}
    asked = {name: game.now + moments[value] if value in moments else value for name, value in change.items()}
    game.service.call("set_staff", organisation_id=client, account_id=person.account, **asked)
    before = employment(game, client, person)
    with game.refused("MP082"):
        person.call("accept_staff_invitation", code=code)
    assert employment(game, client, person) == before
    assert [state for _, state in mails_to(game, address_of(game, person))] == ["dropped"]
    # One that comes after it is good.
    code = invite(game, game.service, client, person, "manager", access_until=game.now + 300 * DAY)
    assert person.call("accept_staff_invitation", code=code) == client


def test_an_owner_neither_replaces_nor_withdraws_an_invitation_of_an_owner(game, client, owner):
    person = game.signed_in()
    code = invite(game, game.service, client, person, "owner")
    with game.refused("MP010"):
        invite(game, owner, client, person, "viewer")
    with game.refused("MP005"):
        take_back(game, owner, client, address_of(game, person))
    assert person.call("accept_staff_invitation", code=code) == client
    # Nor does one of theirs make less of somebody who is an owner meanwhile.
    other = game.signed_in()
    code = invite(game, owner, client, other, "viewer")
    game.run("alter table mpp.staff disable trigger staff_changed")
    game.employed(client, "owner", person=other)
    game.run("alter table mpp.staff enable trigger staff_changed")
    with game.refused("MP082"):
        other.call("accept_staff_invitation", code=code)


def mails_to(game: Game, address: str) -> list[tuple[dict[str, Any], str]]:
    rows = game.rows("select data, state from mpp.outbox where address = %s order by id", (address,))
    return [(row["data"], row["state"]) for row in rows]


def test_an_invitation_is_withdrawn_with_its_mail(game, client, owner):
    person, address = game.signed_in(), f"{fresh()}@example.org"
    code = invite(game, owner, client, person)
    owner.call("invite_staff", organisation_id=client, email=address)
    take_back(game, owner, client, address_of(game, person))
    with game.refused("MP082"):
        person.call("accept_staff_invitation", code=code)
    assert mails_to(game, address_of(game, person)) == [({}, "dropped")]
    assert [state for _, state in mails_to(game, address)] == ["queued"]
    for gone in (address_of(game, person), "nobody@example.org", None):
        with game.refused("MP005"):
            take_back(game, owner, client, gone)
    # Taken is taken: then it is an account that is removed.
    invite(game, game.service, client, person)
    person.call("accept_staff_invitation", code=code_in_mail(game, address_of(game, person)))
    with game.refused("MP005"):
        take_back(game, owner, client, address_of(game, person))
    assert employment(game, client, person)


def test_a_second_invitation_takes_the_first_mail_back(game, client):
    person = game.signed_in()
    first, second = invite(game, game.service, client, person), invite(game, game.service, client, person)
    assert mails_to(game, address_of(game, person)) == [({}, "dropped"), (ANY, "queued")]
    assert first != second


def test_whose_account_was_deleted_softly_works_for_nobody(game, client):
    person, ops = game.employed(client, "owner"), game.staff()
    assert person.view("client_organisations")
    game.run("update auth.users set deleted_at = private.clock() where id in (%s, %s)", (person.account, ops.account))
    for view in ("my_organisations", "client_organisations", "client_units", "client_invitations", "client_overview"):
        assert person.view(view) == [], view
    with game.refused("MP001"):
        person.table("client_staff", organisation_id=client)
    with game.refused("MP001"):
        ops.table("client_staff", organisation_id=client)
    assert ops.view("client_organisations") == []


# names


@pytest.mark.parametrize(
    "name",
    [
        "=?utf-8?q?=0D=0AReply-To:ceo@evil.example?=", "a =?UTF-8?B?DQpCY2M6?= b", "Gagnez sur https://evil.example",
        "www.evil.example", "WWW.evil.example", "ｈｔｔｐ：//evil.example", "Ma Petite Planète",
        "Ma petite planete – support", "M a-P e t i t e   Planète",
        "MPP", "MPP officiel", "Support MPP", "Ма Реtitе Plаnètе", "Ma P3tite Plan3te",
    ],
)  # fmt: skip
def test_a_name_holds_no_link_and_is_not_that_of_the_association(game, part, edition, manager, name):
    for wrong in ({"name": name}, {"name": "Nord", "unit": name}):
        with game.refused("MP070"):
            manager.table("create_client_leagues", participation_id=part, leagues=Jsonb([wrong]))
    player = game.registered()
    with game.refused("MP010"):
        player.table("create_league", edition_id=edition.id, name=name, category="friends")
    league = game.client_league(part, edition)
    with game.refused("MP010"):
        league.ambassador.call("rename_team", team_id=league.teams[0], name=name)
    if "=?" not in name:
        # The association may where it types one name; in a list it passes on what others typed.
        game.service.call("rename_team", team_id=league.teams[0], name=name)
    with game.refused("MP070"):
        game.service.table("create_client_leagues", participation_id=part, leagues=Jsonb([{"name": name}]))


@pytest.mark.parametrize(
    "name",
    ["Équipe MPP Lyon", "Les petites planètes", "Service R&D", "Comité d’entreprise : Lyon/Paris", "A=B? Oui !",
     "L’équipe n° 1", "Support informatique", "Wwwaouh", "3.14", "Team e=mc²"],
)  # fmt: skip
def test_honest_names_stay_as_they_are(game, part, manager, name):
    (row,) = manager.table(
        "create_client_leagues", participation_id=part, leagues=Jsonb([{"name": name, "unit": name}])
    )
    assert (row["name"], row["unit"]) == (name, name)


def test_a_name_is_not_that_of_another_client(game, client, part, edition, manager):
    code = uuid.uuid4().hex[:8]
    game.organisation(name=f"Élan {code}")
    player = game.registered()
    for name in (f"élan {code}", f"ELAN {code}", f"Élan {code} · Lyon", f"Élan {code}: Lyon"):
        with game.refused("MP070"):
            manager.table("create_client_leagues", participation_id=part, leagues=Jsonb([{"name": name}]))
        with game.refused("MP010"):
            player.table("create_league", edition_id=edition.id, name=name, category="friends")
    own = game.one("select name from mpp.organisation where id = %s", (client,))
    for name in (f"Les amis de Élan {code}", f"Élan {code}nois", own, f"{own} · Lyon"):
        manager.table("create_client_leagues", participation_id=part, leagues=Jsonb([{"name": name}]))


@pytest.mark.parametrize(
    "wrong", [{"name": ["a"]}, {"name": {"a": 1}}, {"name": 1}, {"name": True}, {"name": "a", "unit": ["a"]}]
)
def test_a_name_is_a_text(game, part, manager, wrong):
    with game.refused("MP070"):
        manager.table("create_client_leagues", participation_id=part, leagues=Jsonb([wrong]))


def test_a_guest_is_a_text(game, part, edition, manager):
    league = game.client_league(part, edition)
    for wrong in ({"email": ["a@example.org"]}, {"email": "a@example.org", "league": [str(league.id)]}):
        with game.refused("MP070"):
            manager.call("invite_participants", participation_id=part, participants=Jsonb([wrong]))


def test_a_client_has_five_hundred_units_at_most_and_the_making_is_audited(game, client, part, manager):
    game.run(
        "insert into mpp.unit (organisation_id, name) select %s, 'U' || n from generate_series(1, 499) n", (client,)
    )

    def make(name: str, unit: str) -> None:
        manager.table("create_client_leagues", participation_id=part, leagues=Jsonb([{"name": name, "unit": unit}]))

    make("A", "U500")
    with game.refused("MP010"):
        make("B", "U501")
    make("B", "u7")
    make("B", "U8")
    acts = game.rows(
        "select details from mpp.audit where action = 'client.create_leagues' and actor_id = %s order by id",
        (manager.account,),
    )
    assert [(act["details"]["added"], act["details"]["units"]) for act in acts] == [(1, 1), (1, 0)]


# who works for a client


def test_who_works_for_a_client_is_listed_to_its_owners(game, client, owner):
    viewer = game.employed(client, "viewer")
    rows = owner.table("client_staff", organisation_id=client)
    assert [(r["account_id"], r["role"], r["is_me"]) for r in rows] == [
        (owner.account, "owner", True), (viewer.account, "viewer", False),
    ]  # fmt: skip
    assert [r["email"] for r in rows] == [address_of(game, owner), address_of(game, viewer)]
    assert len(game.service.table("client_staff", organisation_id=client)) == 2
    with game.refused("MP090"):
        game.service.table("client_staff", organisation_id=2_000_000_000)


def test_an_owner_changes_managers_and_viewers_inside_their_own_dates(game, client, owner):
    viewer = game.employed(client, "viewer")

    def change(**arguments: Any) -> None:
        owner.call("set_staff", organisation_id=client, account_id=viewer.account, **arguments)

    change(role="manager")
    change(access_until=game.now + 30 * DAY)
    change(access_from=game.now - 30 * DAY)
    before = employment(game, client, viewer)
    assert before == {"role": "manager", "access_from": game.now - 30 * DAY, "access_until": game.now + 30 * DAY}
    for wrong in (
        {"access_until": game.now + 30 * DAY + MICROSECOND}, {"access_from": game.now - 30 * DAY - MICROSECOND},
        {"access_until": "infinity"}, {"access_from": "-infinity"},
    ):  # fmt: skip
        with game.refused("MP010"):
            change(**wrong)
    with game.refused("MP005"):
        change(role="owner")
    assert employment(game, client, viewer) == before


def test_an_owner_changes_neither_themselves_nor_another_owner(game, client, owner):
    other = game.employed(client, "owner")
    for person in (owner, other):
        for change in ({"role": "viewer"}, {"access_until": game.now - 90 * DAY}, {"access_until": game.now + DAY}):
            with game.refused("MP005"):
                owner.call("set_staff", organisation_id=client, account_id=person.account, **change)
    game.service.call("set_staff", organisation_id=client, account_id=other.account, role="viewer")
    found = employment(game, client, other)
    assert found
    assert found["role"] == "viewer"


def test_dates_that_the_association_gave_are_not_in_the_way_of_a_new_role(game, client, owner):
    longer = game.employed(client, "viewer", since=-90 * DAY, until=20 * DAY)
    owner.call("set_staff", organisation_id=client, account_id=longer.account, role="manager")
    found = employment(game, client, longer)
    assert found
    assert (found["role"], found["access_from"]) == ("manager", game.now - 90 * DAY)


def test_whoever_is_taken_away_does_not_come_back_by_an_invitation_that_waits(game, client, owner):
    viewer = game.employed(client, "viewer")
    code = invite(game, owner, client, viewer, "manager")
    owner.call("remove_staff", organisation_id=client, account_id=viewer.account)
    assert employment(game, client, viewer) is None
    with game.refused("MP082"):
        viewer.call("accept_staff_invitation", code=code)
    with game.refused("MP005"):
        owner.call("set_staff", organisation_id=client, account_id=viewer.account, role="viewer")


def test_what_concerns_access_is_in_the_audit(game, client, owner):
    person = game.signed_in()
    code = invite(game, owner, client, person)
    person.call("accept_staff_invitation", code=code)
    owner.call("set_staff", organisation_id=client, account_id=person.account, role="manager")
    game.service.call("set_territory", organisation_id=client, codes={"department": ["01"]})
    acts = game.rows(
        "select action, actor_id from mpp.audit where subject in (%s, %s) and action <> 'organisation.set' order by id",
        (code_of(game, client), str(client)),
    )
    assert [(a["action"], a["actor_id"]) for a in acts] == [
        ("client.invite_staff", owner.account), ("client.accept_invitation", person.account),
        ("client.set_staff", owner.account), ("territory.set", None),
    ]  # fmt: skip
    # Neither codes nor addresses.
    said = str(game.rows("select details from mpp.audit where actor_id in (%s, %s)", (owner.account, person.account)))
    assert code not in said
    assert "@" not in said


def test_nobody_acts_for_a_client_during_maintenance_but_the_association(game, client, part, owner):
    game.run(
        "insert into mpp.maintenance_window (starts_at, ends_at, message) values (private.clock() - interval '1 hour',"
        """ private.clock() + interval '1 hour', '{"fr": "x", "en": "x"}')"""
    )
    for command, arguments in (
        ("create_client_leagues", {"participation_id": part, "leagues": leagues("Nord")}),
        ("invite_participants", {"participation_id": part, "participants": guests("a@example.org")}),
        ("invite_staff", {"organisation_id": client, "email": "a@example.org"}),
        ("set_staff", {"organisation_id": client, "account_id": owner.account}),
        ("accept_staff_invitation", {"code": "0000000000"}),
    ):
        with game.refused("MP011"):
            owner.table(command, **arguments)
    game.service.table("create_client_leagues", participation_id=part, leagues=leagues("Nord"))
    # Reading goes on.
    assert owner.view("client_overview")
    assert owner.call("client_report", participation_id=part)
    assert owner.table("client_staff", organisation_id=client)


def test_the_dates_of_a_refusal_are_said_in_both_languages(game, client):
    late = game.employed(client, "owner", since=-60 * DAY, until=-DAY)
    said = {}
    for language in ("fr", "en"):
        late.headers = {"accept-language": language}
        with game.refused("MP091") as caught:
            late.table("client_staff", organisation_id=client)
        said[language] = str(caught.value.diag.message_primary)
    assert said["fr"].startswith("Votre accès, du ")
    assert said["fr"].endswith(", est terminé.")
    assert said["en"].startswith("Your access, from ")
    assert said["en"].endswith(", is over.")


def test_a_refusal_says_the_last_day_and_whether_it_has_passed_or_the_first_is_to_come(game, client):
    late = game.employed(client, "owner")
    game.run(
        "update mpp.staff set access_from = '2025-11-01 00:00 Europe/Paris',"
        " access_until = '2025-12-01 00:00 Europe/Paris' where account_id = %s",
        (late.account,),
    )
    with game.refused("MP091") as caught:
        late.table("client_staff", organisation_id=client)
    assert caught.value.diag.message_primary == "Your access, from 2025-11-01 to 2025-11-30, is over."
    early = game.employed(client, "owner")
    game.run(
        "update mpp.staff set access_from = '2099-03-01 12:30 Europe/Paris',"
        " access_until = '2099-04-01 00:00 Europe/Paris' where account_id = %s",
        (early.account,),
    )
    with game.refused("MP091") as caught:
        early.table("client_staff", organisation_id=client)
    assert caught.value.diag.message_primary == (
        "Your access, from 2099-03-01 12:30:00 (Europe/Paris) to 2099-03-31, is not open yet."
    )


@pytest.mark.parametrize("by", ["owner", "service"])
def test_dates_that_end_before_they_begin_or_have_passed_are_refused_and_nobody_is_lost(game, client, owner, by):
    viewer = game.employed(client, "viewer", since=-10 * DAY, until=10 * DAY)
    actor = owner if by == "owner" else game.service
    before = employment(game, client, viewer)
    for wrong in (
        {"access_from": game.now + 2 * DAY, "access_until": game.now + DAY},
        {"access_until": game.now - 20 * DAY},
        {"access_until": game.now - DAY},
        {"access_from": game.now + 20 * DAY},
        {"access_from": game.now + 20 * DAY, "access_until": game.now + 20 * DAY},
    ):
        with game.refused("MP010") as caught:
            actor.call("set_staff", organisation_id=client, account_id=viewer.account, **wrong)
        assert str(caught.value.diag.message_primary).startswith("access_until is not valid: ")
        assert "remove_staff" in str(caught.value.diag.message_hint)
        assert employment(game, client, viewer) == before
        with game.refused("MP010"):
            actor.call(
                "invite_staff", organisation_id=client, email="x@example.org",
                **{"access_from": game.now - 20 * DAY, "access_until": game.now + 10 * DAY, **wrong, "role": "viewer"},
            )  # fmt: skip
    # Of somebody whose dates have passed the role may still change.
    late = game.employed(client, "viewer", since=-10 * DAY, until=-DAY)
    actor.call("set_staff", organisation_id=client, account_id=late.account, role="manager")
    assert (employment(game, client, late) or {})["role"] == "manager"


def test_whoever_is_removed_is_out_and_the_audit_says_so(game, client, owner):
    viewer, other = game.employed(client, "viewer"), game.employed(client, "owner")
    for person in (owner, other):
        with game.refused("MP005"):
            owner.call("remove_staff", organisation_id=client, account_id=person.account)
    for wrong in ({}, {"account_id": viewer.account, "invitation_id": 1}):
        with game.refused("MP010"):
            owner.call("remove_staff", organisation_id=client, **wrong)
    owner.call("remove_staff", organisation_id=client, account_id=viewer.account)
    assert employment(game, client, viewer) is None
    with game.refused("MP005"):
        owner.call("remove_staff", organisation_id=client, account_id=viewer.account)
    game.service.call("remove_staff", organisation_id=client, account_id=other.account)
    assert employment(game, client, other) is None
    acts = game.rows("select action, actor_id from mpp.audit where subject = %s order by id", (str(client),))
    assert [(act["action"], act["actor_id"]) for act in acts] == [
        ("client.remove_staff", owner.account), ("client.remove_staff", None),
    ]  # fmt: skip


def test_an_invitation_that_waits_is_taken_back_with_its_mail(game, client, owner):
    person = game.signed_in()
    code = invite(game, owner, client, person)
    number = game.one("select id from mpp.staff_invitation where organisation_id = %s", (client,))
    elsewhere = game.employed(game.organisation(), "owner")
    with game.refused("MP090"):
        elsewhere.call("remove_staff", organisation_id=client, invitation_id=number)
    theirs = game.one("select organisation_id from mpp.staff where account_id = %s", (elsewhere.account,))
    with game.refused("MP005"):
        elsewhere.call("remove_staff", organisation_id=theirs, invitation_id=number)
    owner.call("remove_staff", organisation_id=client, invitation_id=number)
    assert mails_to(game, address_of(game, person)) == [({}, "dropped")]
    with game.refused("MP082") as caught:
        person.call("accept_staff_invitation", code=code)
    assert "address that was invited" in str(caught.value.diag.message_hint)
    # An invitation of an owner is the association's.
    game.service.call(
        "invite_staff", organisation_id=client, email="o@example.org", role="owner", access_until=game.now + DAY
    )
    number = game.one("select id from mpp.staff_invitation where email = 'o@example.org'")
    with game.refused("MP005"):
        owner.call("remove_staff", organisation_id=client, invitation_id=number)
    game.service.call("remove_staff", organisation_id=client, invitation_id=number)


def test_an_acceptance_and_a_removal_at_once_leave_nobody_inside(arena_url):
    with committed(arena_url) as game:
        client = game.organisation()
        owner, person = game.employed(client, "owner"), game.employed(client, "viewer")
        code = invite(game, game.service, client, person, "manager")
        game.db.commit()
        answers = at_once(
            arena_url,
            [
                lambda db: person.on(db).call("accept_staff_invitation", code=code),
                lambda db: owner.on(db).call("remove_staff", organisation_id=client, account_id=person.account),
            ],
        )
        assert set(codes(answers)) <= {"00000", "MP082"}, answers
        assert employment(game, client, person) is None
