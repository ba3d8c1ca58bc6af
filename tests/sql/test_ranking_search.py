"""Finding a player, a league, a class or a school in the ranking by name."""

from __future__ import annotations

import pytest

from tests.support.game import Person


@pytest.fixture
def edition(game):
    return game.edition(league_min_players=1)


def find(person: Person, edition, scope: str, query: str, **more) -> list[str]:
    return [r["label"] for r in person.table("search_ranking", edition_id=edition.id, scope=scope, query=query, **more)]


def test_a_player_is_found_by_how_the_alias_begins_without_case_and_accents(game, edition):
    league = game.league(edition)
    for alias in ("Écureuil 12", "ecureuil roux", "Renard des écureuils", "Éclair"):
        game.player(league, game.registered(alias))
    assert sorted(find(game.anon, edition, "player", "ÉCUREUIL")) == ["ecureuil roux", "Écureuil 12"]
    assert find(game.anon, edition, "player", "ecureuil 1") == ["Écureuil 12"]
    assert sorted(find(game.anon, edition, "player", "éc")) == ["ecureuil roux", "Éclair", "Écureuil 12"]


def test_a_league_is_found_by_the_beginning_of_each_word_in_any_order(game, edition):
    for name in ("Les Marcheuses du Ruisseau", "Les Ruisseaux d'Été", "L'équipe du pré"):
        game.league(edition, name=name)
    assert sorted(find(game.anon, edition, "league", "ruiss")) == ["Les Marcheuses du Ruisseau", "Les Ruisseaux d'Été"]
    assert find(game.anon, edition, "league", "ruisseau march") == ["Les Marcheuses du Ruisseau"]
    assert find(game.anon, edition, "league", "equipe") == ["L'équipe du pré"]
    assert find(game.anon, edition, "league", "cheuses") == []


def test_the_highest_of_many_come_first_whatever_their_names(game, edition):
    league = game.league(edition)
    for number in range(6):
        person = game.player(league, game.registered(f"Bouleau {number}"))
        for _ in range(number):
            game.validate(person, edition, "t-soup")
    assert find(game.anon, edition, "player", "bouleau", results=2) == ["Bouleau 5", "Bouleau 4"]


def test_rows_and_ranks_are_those_of_the_page(game, edition):
    league = game.league(edition)
    for number in range(5):
        person = game.player(league, game.registered(f"Renard {number}"))
        for _ in range(number % 3):
            game.validate(person, edition, "t-soup")
    for scope in ("player", "league"):
        page = game.anon.table("ranking_page", edition_id=edition.id, scope=scope)
        query = "renard" if scope == "player" else page[0]["label"]
        named = [r for r in page if scope == "league" or r["label"].startswith("Renard")]
        assert game.anon.table("search_ranking", edition_id=edition.id, scope=scope, query=query) == named


def test_classes_and_schools_are_found_with_the_rank_within_their_level(game):
    edition = game.edition(audience="school", ranking_basis="average", league_max_players=40)
    made = game.class_(edition, pupils=("Ada",), name="CM2 Coccinelles")
    (line,) = game.anon.table("search_ranking", edition_id=edition.id, scope="class", query="cocci")
    assert line == game.anon.table("ranking_page", edition_id=edition.id, scope="class")[0]
    assert (line["subject_id"], line["level_rank"]) == (made.id, 1)
    (school,) = game.anon.table("ranking_page", edition_id=edition.id, scope="school")
    for query in (school["label"].split()[-1], school["city"]):
        assert game.anon.table("search_ranking", edition_id=edition.id, scope="school", query=query) == [school]
    assert find(game.anon, edition, "league", "cocci") == []


def test_who_opted_out_is_not_found_nor_a_league_that_did(game, edition):
    league = game.league(edition, name="Les Cachottiers")
    person = game.player(league, game.registered("Furet"))
    assert find(game.anon, edition, "player", "furet") == ["Furet"]
    person.call("set_listing", scope="player", subject_id=person.player_id, listed=False)
    league.ambassador.call("set_listing", scope="league", subject_id=league.id, listed=False)
    for somebody in (game.anon, person, league.ambassador):
        assert find(somebody, edition, "player", "furet") == []
        assert find(somebody, edition, "league", "cachottiers") == []


def test_nobody_is_found_by_a_name_that_the_frozen_ranking_does_not_show(game, edition):
    league = game.league(edition, name="Les Anciens")
    person = game.player(league, game.registered("Ancien nom"))
    game.close(edition)
    game.freeze(edition)
    game.run("update mpp.player set alias = 'Nouveau nom' where id = %s", (person.player_id,))
    game.run("update mpp.league set name = 'Les Nouveaux' where id = %s", (league.id,))
    assert [r["label"] for r in game.anon.table("ranking_page", edition_id=edition.id) if r["label"] == "Ancien nom"]
    for scope, query in (("player", "nouveau"), ("player", "ancien"), ("league", "nouveaux"), ("league", "anciens")):
        assert find(game.anon, edition, scope, query) == []


def test_a_private_edition_is_searched_by_whoever_plays_it(game):
    client = game.organisation()
    edition = game.edition(organisation=client)
    league = game.client_league(game.participation(client, edition), edition, "Les Marcheuses")
    assert find(game.anon, edition, "league", "marcheuses") == []
    assert find(game.registered(), edition, "league", "marcheuses") == []
    assert find(league.ambassador, edition, "league", "marcheuses") == ["Les Marcheuses"]
    assert find(game.service, edition, "league", "marcheuses") == ["Les Marcheuses"]


@pytest.mark.parametrize("scope", ["player", "league"])
def test_a_search_reads_no_table_from_end_to_end(game, edition, scope):
    """Both go by an index, whatever plan a table without statistics would get."""
    league = game.league(edition, name="Les Marcheuses")
    game.player(league, game.registered("Renard"))
    whole = (
        "select pg_stat_get_xact_numscans('mpp.player'::regclass) + pg_stat_get_xact_numscans('mpp.league'::regclass)"
        " + pg_stat_get_xact_numscans('mpp.score'::regclass)"
    )
    before = game.one(whole)
    assert find(game.anon, edition, scope, "marcheuses" if scope == "league" else "renard")
    assert game.one(whole) == before


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"scope": "team"}, "scope"),
        ({"scope": None}, "scope"),
        ({"query": "a"}, "query"),
        ({"query": ""}, "query"),
        ({"query": None}, "query"),
        ({"query": "!!!"}, "query"),
        ({"query": "a" * 401}, "query"),
        ({"results": 0}, "results"),
        ({"results": 51}, "results"),
        ({"results": None}, "results"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused_by_its_field(game, edition, given, field):
    with game.refused("MP010") as caught:
        game.anon.table("search_ranking", **{"edition_id": edition.id, "scope": "league", "query": "les"} | given)
    assert field in str(caught.value)


@pytest.mark.parametrize("query", ["l'e & !x", "a|b (c) <-> d", "\\' or 1=1 --", "le% _s", "日本 ab", "100%", "-- ab"])
def test_what_is_typed_is_text_and_no_query_language(game, edition, query):
    game.league(edition, name="Les Marcheuses")
    for scope in ("player", "league", "class", "school"):
        assert find(game.anon, edition, scope, query) == []
