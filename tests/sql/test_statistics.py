"""Totals over all editions, and the map of players: whole, public, and never about a few people."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from tests.support.game import DAY, Edition, Game
from tests.support.game_clients import DENIED, OK, PEOPLE, everybody


def crowd(
    game: Game, edition: Edition, postcode: str | None, number: int, country: str = "FR", born: str = "1990-06-15",
    listed: bool = True,
) -> list[uuid.UUID]:  # fmt: skip
    """So many players of the edition who live there; returns their ids."""
    rows = game.rows(
        "with a as (insert into auth.users (id, email, email_confirmed_at) select i, i || '@example.org',"
        " private.clock()"
        " from (select gen_random_uuid() as i from generate_series(1, %(number)s)) x returning id),"
        " f as (insert into mpp.profile (id, first_name, last_name, alias, country, postcode, birth_date)"
        " select id, 'Ana', 'Belin', 'ana', %(country)s, %(postcode)s, %(born)s from a returning id)"
        " insert into mpp.player (edition_id, account_id, alias, first_name, listed)"
        " select %(edition)s, id, 'ana', 'Ana', %(listed)s from f returning id",
        {
            "number": number, "country": country, "postcode": postcode, "born": born, "edition": edition.id,
            "listed": listed,
        },
    )  # fmt: skip
    return [row["id"] for row in rows]


def cells(person, edition: Edition | None) -> dict[str, int]:
    """The map by area, as somebody sees it."""
    rows = person.view("player_map", edition_id=edition.id) if edition else person.rows(
        "select * from api.player_map where edition_id is null"
    )  # fmt: skip
    assert len({row["area"] for row in rows}) == len(rows)
    return {row["area"]: int(row["players"]) for row in rows}


def lifetime(person) -> dict[str, Any]:
    (row,) = person.view("lifetime_statistics")
    return row


def gained(game: Game, before: dict[str, Any]) -> tuple[int, int, int]:
    after = lifetime(game.anon)
    return tuple(int(after[name] - before[name]) for name in ("editions", "players", "challenges"))  # type: ignore[return-value]


# totals


def test_what_was_played_before_is_in_the_totals_with_its_date(game):
    row = lifetime(game.anon)
    assert (row["past_editions"], row["past_players"], row["past_challenges"]) == (18, 133_380, 1_940_000)
    assert str(row["past_as_of"]) == "2022-11-08"
    assert row["editions"] >= 18 and row["players"] >= 133_380  # noqa: PT018
    (past,) = game.rows("select source from mpp.past_statistics")
    assert "133,380" in past["source"]


def test_a_frozen_edition_adds_its_listed_players_and_their_credited_validations(game):
    before = lifetime(game.anon)
    edition = game.edition()
    assert gained(game, before) == (1, 0, 0)
    league = game.league(edition)
    ana, ben, cleo = (game.player(league, team=0) for _ in range(3))
    game.validate(ana, edition, "t-bike")
    game.cancel(ana, game.validate(ana, edition, "t-soup"))
    game.validate(ana, edition, "t-picnic")  # Below its quorum: pending.
    game.validate(ben, edition, "t-soup")
    game.validate(ben, edition, "t-soup")
    game.validate(cleo, edition, "t-soup")
    cleo.call("set_listing", scope="player", subject_id=cleo.player_id, listed=False)
    game.close(edition)
    assert gained(game, before) == (1, 0, 0)
    game.freeze(edition)
    # Ana, Ben and the ambassador; not Cleo, nor what she did.
    assert gained(game, before) == (1, 3, 3)
    for person in (game.signed_in(), game.service, game.staff()):
        assert lifetime(person) == lifetime(game.anon)


def test_a_running_edition_counts_as_the_staff_last_counted_it(game):
    before = lifetime(game.anon)
    edition = game.edition()
    league = game.league(edition)
    game.validate(league.ambassador, edition, "t-bike")
    at = game.service.call("count_edition", edition_code=edition.code)
    assert gained(game, before) == (1, 1, 1)
    assert lifetime(game.anon)["counted_at"] <= at
    game.player(league)
    assert gained(game, before) == (1, 1, 1)
    game.service.call("count_edition", edition_code=edition.code)
    assert gained(game, before) == (1, 2, 1)


def test_an_edition_tells_the_challenges_done_as_last_counted_and_none_before(game):
    """Done, and not how many cards it has: that would tell how many hidden ones are left to find."""
    edition = game.edition()
    league = game.league(edition)
    shy = game.player(league, game.registered("cleo"))

    def counted(person):
        (row,) = person.view("edition_statistics", edition_id=edition.id)
        return row["challenges"], row["counted_at"]

    for person in (league.ambassador, shy):
        game.validate(person, edition, "t-bike")
    shy.call("set_listing", scope="player", subject_id=shy.player_id, listed=False)
    assert counted(game.anon) == (None, None)
    at = game.service.call("count_edition", edition_code=edition.code)
    game.validate(league.ambassador, edition, "t-soup")
    assert {counted(person) for person in (game.anon, game.signed_in(), shy, game.staff())} == {(1, at)}
    game.close(edition)
    game.freeze(edition)
    assert counted(game.anon)[0] == 2


def test_a_frozen_edition_is_not_counted_again(game):
    edition = game.edition("closed")
    people = crowd(game, edition, "69003", 6)
    game.freeze(edition)
    at = game.service.call("count_edition", edition_code=edition.code)
    game.run("update mpp.player set listed = false where id = %s", (people[0],))
    assert game.service.call("count_edition", edition_code=edition.code) == at
    assert cells(game.anon, edition) == {"FR-69": 6}


def test_in_a_school_edition_pupils_of_listed_classes_count(game):
    before = lifetime(game.anon)
    edition = game.edition(audience="school")
    shown = game.class_(edition, pupils=("Lina", "Marie-Lou", "Noé"))
    hidden = game.class_(edition, pupils=("Zoé",))
    for class_ in (shown, hidden):
        class_.teacher.table(
            "validate_for_pupils", class_id=class_.id, challenge_id=edition.challenges["t-soup"],
            request_key=uuid.uuid4(),
        )  # fmt: skip
    game.run("update mpp.league set listed = false where id = %s", (hidden.id,))
    game.close(edition)
    game.freeze(edition)
    assert gained(game, before) == (1, 3, 3)


def test_drafts_private_editions_and_those_to_come_are_in_no_total(game, clients):
    before = lifetime(game.anon)
    game.edition("draft")
    game.edition("registration")
    private = game.edition("closed", organisation=clients.a)
    crowd(game, private, "69003", 6)
    game.freeze(private)
    assert gained(game, before) == (0, 0, 0)
    for person in (clients["ops"], clients["owner_a"]):
        assert lifetime(person) == before
    whole = cells(game.anon, None)
    assert cells(game.anon, private) == {}
    assert cells(clients["ops"], private) == {"FR-69": 6}
    assert cells(clients["ops"], None) == whole


def test_everybody_reads_and_only_the_association_counts(clients):
    edition = clients.game.edition()
    assert clients.may_read("lifetime_statistics") == everybody(1)
    expected = everybody("MP006", anon=DENIED, ops=OK, service=OK)
    for name in PEOPLE:
        assert clients.answers(name, "count_edition", edition_code=edition.code) == expected[name], name
    assert clients.answers("ops", "count_edition", edition_code="no-such-edition") == "MP020"


# the map


def counted(game: Game, edition: Edition) -> dict[str, int]:
    game.service.call("count_edition", edition_code=edition.code)
    return cells(game.anon, edition)


@pytest.mark.parametrize(
    ("places", "shown"),
    [
        ([], {}),
        ([4], {}),
        ([5], {"FR-01": 5}),
        ([2, 2], {}),
        ([2, 3], {"": 5}),
        ([4, 4, 4], {"": 12}),
        ([5, 9], {"FR-01": 5, "FR-02": 9}),
        # One small place alone would be the difference from the published total.
        ([3, 7, 9], {"": 10, "FR-03": 9}),
        ([7, 3], {"": 10}),
        ([1, 1, 5, 8], {"": 7, "FR-04": 8}),
        ([4, 4, 5, 8], {"": 8, "FR-03": 5, "FR-04": 8}),
        ([1, 2, 3, 4, 5, 6, 7, 8], {"": 10, "FR-05": 5, "FR-06": 6, "FR-07": 7, "FR-08": 8}),
    ],
)
def test_no_cell_has_fewer_than_five_people_nor_does_any_difference(game, places, shown):
    edition = game.edition()
    for department, number in enumerate(places, 1):
        crowd(game, edition, f"{department:02}500", number)
    found = counted(game, edition)
    assert found == shown
    assert all(players >= 5 for players in found.values())
    total = int(game.anon.view("edition_statistics", edition_id=edition.id)[0]["players"])
    assert total == sum(places)
    # The published total less every cell is nothing, or everything when nothing at all is shown.
    assert total - sum(found.values()) in ({0} if found else {total})


def test_places_are_departments_in_france_and_countries_elsewhere(game):
    edition = game.edition()
    for postcode in ("75011", "97400", "98800", "20000", "20167", "20200", "20620", "01000", "95880", "00100"):
        crowd(game, edition, postcode, 5)
    crowd(game, edition, "1000", 5, "BE")
    crowd(game, edition, "75011", 5, "DE")
    assert counted(game, edition) == {
        "FR-75": 5, "FR-974": 5, "FR-988": 5, "FR-2A": 10, "FR-2B": 10, "FR-01": 5, "FR-95": 5, "FR": 5,
        "BE": 5, "DE": 5,
    }  # fmt: skip


def test_only_listed_adults_with_a_profile_are_on_the_map(game):
    edition = game.edition()
    crowd(game, edition, "69003", 6)
    crowd(game, edition, "69003", 7, listed=False)
    start = edition.starts_at.date()
    of_age = start.replace(year=start.year - 18) - timedelta(days=2)
    crowd(game, edition, "69003", 8, born=str(of_age + timedelta(days=30)))
    crowd(game, edition, "69003", 1, born=str(of_age))
    game.run("insert into mpp.player (edition_id, alias, first_name) values (%s, 'gone', 'Gone')", (edition.id,))
    assert counted(game, edition) == {"FR-69": 7}


def test_who_opts_out_or_leaves_is_gone_at_the_next_count(game):
    edition = game.edition()
    people = crowd(game, edition, "69003", 7)
    assert counted(game, edition) == {"FR-69": 7}
    game.run("update mpp.player set listed = false where id = %s", (people[0],))
    game.run("delete from auth.users where id = (select account_id from mpp.player where id = %s)", (people[1],))
    assert counted(game, edition) == {"FR-69": 5}
    game.run("update mpp.player set listed = false where id = %s", (people[2],))
    assert counted(game, edition) == {}


def test_the_map_does_not_move_with_each_player_who_comes_or_goes(game):
    edition = game.edition()
    crowd(game, edition, "69003", 5)
    assert counted(game, edition) == {"FR-69": 5}
    crowd(game, edition, "69003", 1)
    assert cells(game.anon, edition) == {"FR-69": 5}


def test_classes_are_on_the_map_where_their_school_is(game):
    edition = game.edition(audience="school")
    names = ("Lina", "Marie-Lou", "Noé", "Zoé", "Sam")
    for postcode, country in (("69003", "FR"), ("69100", "FR"), ("77694", "DE")):
        school = game.school(postcode=postcode, country=country, **({"rne": None} if country != "FR" else {}))
        game.class_(edition, school_id=school, pupils=names)
    unlisted = game.class_(edition, pupils=names)
    game.run("update mpp.league set listed = false where id = %s", (unlisted.id,))
    hidden = game.school(postcode="33000")
    game.class_(edition, school_id=hidden, pupils=names)
    game.service.call("correct_school", school_id=hidden, is_hidden=True)
    assert counted(game, edition) == {"FR-69": 10, "DE": 5}


def test_the_map_over_all_is_the_sum_of_what_is_published(game):
    before = cells(game.anon, None)
    first, second = game.edition("closed"), game.edition("closed")
    crowd(game, first, "48000", 6)
    crowd(game, second, "48000", 3)
    crowd(game, second, "15000", 9)
    for edition in (first, second):
        game.freeze(edition)
    assert cells(game.anon, second) == {"": 12}
    after = cells(game.anon, None)
    # Not 9 in Lozère: less what the first edition shows, that would be the 3 of the second.
    assert {area: after[area] - before.get(area, 0) for area in after if after[area] != before.get(area, 0)} == {
        "FR-48": 6, "": 12,
    }  # fmt: skip


def test_everybody_reads_the_map_of_a_public_edition_and_nobody_a_profile_by_it(game, clients):
    edition = game.edition("closed", ends=-DAY)
    crowd(game, edition, "69003", 6)
    game.freeze(edition)
    assert clients.may_read("player_map", edition_id=edition.id) == everybody(1)
    assert set(game.anon.view("player_map", edition_id=edition.id)[0]) == {
        "edition_id", "edition_code", "area", "country", "department", "players",
    }  # fmt: skip


def test_freezing_counts_in_the_same_transaction_and_breaks_no_proof(game):
    edition = game.edition("closed")
    crowd(game, edition, "69003", 6)
    assert game.rows("select from mpp.edition_count where edition_id = %s", (edition.id,)) == []
    game.freeze(edition)
    (row,) = game.rows("select * from mpp.edition_count where edition_id = %s", (edition.id,))
    assert (row["players"], row["challenges"]) == (6, 0)
    assert game.faults(edition) == []
