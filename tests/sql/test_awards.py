"""Awards by rule: given once an edition is frozen, to those who are listed, and again among the leagues of a client."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from tests.support.game import DAY, Edition, Game, Person, translated
from tests.support.game_clients import DENIED, OK, PEOPLE, Clients, everybody

Given = set[tuple[str, uuid.UUID]]


def awards(person: Person, edition: Edition) -> Given:
    """Rule and subject of what somebody sees."""
    return {(row["rule"], row["subject_id"]) for row in person.view("awards", edition_id=edition.id)}


def grant(game: Game, edition: Edition) -> int:
    game.close(edition)
    game.freeze(edition)
    return game.service.call("grant_awards", edition_code=edition.code)  # type: ignore[no-any-return]


def of(given: Given, rule: str) -> set[uuid.UUID]:
    return {subject for name, subject in given if name == rule}


def played(game: Game, edition: Edition, player: Person, *cards: str, at: timedelta = timedelta()) -> None:
    """Credited validations, as the ledger holds them."""
    for card in cards:
        game.run(
            "insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state,"
            " validated_at) select gen_random_uuid(), p.edition_id, c.id, p.id, p.team_id, p.league_id, c.points,"
            " 'credited', %s from mpp.player p join mpp.edition_challenge c on c.id = %s where p.id = %s",
            (game.now + at, edition.challenges[card], player.player_id),
        )


def test_the_first_of_the_players_is_the_grand_zizou_and_ties_share_the_title(game):
    edition = game.edition()
    league = game.league(edition)
    ana, ben, cleo, dan = (game.player(league, team=0) for _ in range(4))
    for person in (ana, ben):
        played(game, edition, person, "t-bike", "t-bike")
    played(game, edition, cleo, "t-bike", "t-soup")
    played(game, edition, dan, "t-soup")
    given = grant(game, edition)
    found = awards(game.anon, edition)
    assert given == len(found)
    assert of(found, "grand-zizou") == {ana.player_id, ben.player_id}
    assert of(found, "player-podium") == {ana.player_id, ben.player_id, cleo.player_id}
    assert of(found, "league-champion") == {league.id}
    assert of(found, "team-champion") == {league.teams[0]}
    (row, _) = game.anon.view("awards", edition_id=edition.id, rule="grand-zizou")
    assert row["title"] == {"fr": "Grand Zizou de l’écologie", "en": "Grand Zizou of ecology"}
    assert (row["scope"], row["value"], row["place"]) == ("player", 1, 10)


def test_nobody_wins_without_a_point(game):
    edition = game.edition()
    game.league(edition)
    assert grant(game, edition) == 0
    assert awards(game.anon, edition) == set()


def test_awards_are_given_once_the_edition_is_frozen_and_only_once(game):
    edition = game.edition()
    league = game.league(edition)
    played(game, edition, league.ambassador, "t-bike")
    with game.refused("MP094"):
        game.service.call("grant_awards", edition_code=edition.code)
    game.close(edition)
    with game.refused("MP094"):
        game.service.call("grant_awards", edition_code=edition.code)
    game.freeze(edition)
    assert game.service.call("grant_awards", edition_code=edition.code) > 0
    before = game.fingerprint()
    assert game.service.call("grant_awards", edition_code=edition.code) == 0
    assert game.fingerprint() == before
    assert game.faults(edition) == []
    (trace,) = game.service.view("audit_log", action="edition.awards", subject=edition.code)
    assert trace["details"]["awards"] == len(awards(game.anon, edition))


def test_who_opts_out_leaves_the_list_and_nobody_moves_up(game):
    edition = game.edition()
    league = game.league(edition)
    ana, ben = game.player(league), game.player(league)
    played(game, edition, ana, "t-bike")
    played(game, edition, ben, "t-soup")
    grant(game, edition)
    assert of(awards(game.anon, edition), "grand-zizou") == {ana.player_id}
    ana.call("set_listing", scope="player", subject_id=ana.player_id, listed=False)
    assert game.service.call("grant_awards", edition_code=edition.code) == 0
    for person in (game.anon, ben, game.staff(), game.service):
        assert ana.player_id not in {subject for _, subject in awards(person, edition)}
        assert of(awards(person, edition), "grand-zizou") == set()
    league.ambassador.call("set_listing", scope="league", subject_id=league.id, listed=False)
    assert of(awards(game.anon, edition), "league-champion") == set()
    assert of(awards(game.anon, edition), "team-champion") == set()


def test_an_erased_player_keeps_the_award_and_no_name(game):
    edition = game.edition()
    league = game.league(edition)
    ana = game.player(league, game.registered("ana-the-first"))
    played(game, edition, ana, "t-bike")
    grant(game, edition)
    before = game.anon.view("awards", edition_id=edition.id)
    assert "ana-the-first" in str(before)
    game.run("delete from auth.users where id = %s", (ana.account,))
    after = game.anon.view("awards", edition_id=edition.id)
    erased = {"label": "Joueur·se effacé·e", "league_label": None}
    assert [
        row | ({**erased, "is_erased": True} if row["subject_id"] == ana.player_id else {}) for row in before
    ] == after
    assert of(awards(game.anon, edition), "grand-zizou") == {ana.player_id}


def test_who_opted_out_before_the_end_gets_no_award_and_the_next_one_does(game):
    edition = game.edition()
    league = game.league(edition)
    ana, ben = game.player(league), game.player(league)
    played(game, edition, ana, "t-bike")
    played(game, edition, ben, "t-soup")
    ana.call("set_listing", scope="player", subject_id=ana.player_id, listed=False)
    grant(game, edition)
    assert of(awards(game.anon, edition), "grand-zizou") == {ben.player_id}
    assert game.rows("select from mpp.award where subject_id = %s", (ana.player_id,)) == []


def test_classes_win_within_their_level_and_pupils_nothing(game):
    edition = game.edition(audience="school", league_min_players=1, ranking_basis="average")
    school = game.school()
    first = game.class_(edition, school_id=school, level="elementaire", pupils=("Lina", "Noé"))
    second = game.class_(edition, school_id=school, level="elementaire", pupils=("Zoé",))
    other = game.class_(edition, level="college", pupils=("Sam",))
    for class_, cards in ((first, ("t-bike", "t-soup")), (second, ("t-soup",)), (other, ("t-soup",))):
        for card in cards:
            class_.teacher.table(
                "validate_for_pupils", class_id=class_.id, challenge_id=edition.challenges[card],
                request_key=uuid.uuid4(),
            )  # fmt: skip
    grant(game, edition)
    found = awards(game.anon, edition)
    assert of(found, "class-champion") == {first.id, other.id}
    assert of(found, "school-champion") == {school}
    subjects = {subject for _, subject in found}
    assert not subjects & {pupil for class_ in (first, second, other) for pupil in class_.pupils.values()}
    (row,) = game.anon.view("awards", edition_id=edition.id, rule="school-champion")
    assert row["label"].startswith("École ")
    # A hidden school is not named, whatever its classes are.
    with game.db.transaction(force_rollback=True):
        game.run("update mpp.school set is_hidden = true where id = %s", (school,))
        assert of(awards(game.anon, edition), "school-champion") == set()
    game.service.call("correct_school", school_id=school, is_hidden=True)
    assert of(awards(game.anon, edition), "school-champion") == set()


def test_a_group_of_gold_has_forty_points_a_person_and_the_least_size(game):
    edition = game.edition(league_min_players=2)
    rich, poor, small = (game.league(edition) for _ in range(3))
    for league, times in ((rich, 20), (poor, 19), (small, 40)):
        if league is not small:
            played(game, edition, game.player(league), *["t-soup"] * times)
        played(game, edition, league.ambassador, *["t-soup"] * times)
    grant(game, edition)
    assert of(awards(game.anon, edition), "league-of-gold") == {rich.id}


# every rule, against an independent computation


@dataclass
class World:
    """An edition that was played at random, and what its ledger holds."""

    edition: Edition
    players: dict[uuid.UUID, tuple[uuid.UUID, uuid.UUID]] = field(default_factory=dict)
    leagues: dict[uuid.UUID, int | None] = field(default_factory=dict)
    ledger: list[tuple[uuid.UUID, str, int, int]] = field(default_factory=list)


POINTS = {"t-bike": 4, "t-soup": 2, "t-picnic": 5, "t-swap": 2, "t-plane": -5, "t-photo": 3}
THEMES = {"t-bike": "one", "t-soup": "two", "t-picnic": "one", "t-swap": "one", "t-plane": "one", "t-photo": "three"}


def random_world(game: Game, clients: Clients, seed: int) -> World:
    dice = random.Random(seed)
    for theme in set(THEMES.values()):
        game.run(
            "insert into mpp.theme (code, name) values (%s, %s) on conflict do nothing",
            (f"t-{theme}", Jsonb(translated(theme))),
        )
    game.run("update mpp.challenge set theme = 't-one' where code like 't-%%' and theme = 't-theme'")
    for card, theme in THEMES.items():
        game.run("update mpp.challenge set theme = %s where code = %s", (f"t-{theme}", card))
    edition = game.edition(starts=-20 * DAY, ends=DAY / 4, league_min_players=2)
    world = World(edition)
    parts = [clients.participation(clients.a, edition), clients.participation(clients.b, edition), None]
    people = []
    for part in (*parts, parts[0]):
        league = game.league(edition)
        if part is not None:
            game.run("update mpp.league set participation_id = %s where id = %s", (part, league.id))
        world.leagues[league.id] = part
        for person in (league.ambassador, *(game.player(league, team=n % 2) for n in range(3))):
            team = game.one("select team_id from mpp.player where id = %s", (person.player_id,))
            world.players[person.player_id] = (team, league.id)
            people.append((person, dice.choice((3, 15, 25))))
    for person, number in people:
        # What was taken back earns nothing.
        played(game, edition, person, "t-picnic", "t-plane", "t-photo")
        game.run("update mpp.validation set state = 'cancelled' where player_id = %s", (person.player_id,))
        for _ in range(number):
            card = dice.choices(list(POINTS), weights=(6, 6, 3, 2, dice.choice((0, 0, 1)), 2))[0]
            days_ago = dice.randrange(20)
            played(game, edition, person, card, at=-days_ago * DAY)
            world.ledger.append((person.player_id, card, POINTS[card], days_ago))
    return world


def expected(world: World, part: int | None) -> Given:
    """Every award of one board, computed from the ledger."""
    leagues = {league for league, of_part in world.leagues.items() if part is None or of_part == part}
    players = {player: place for player, place in world.players.items() if place[1] in leagues}
    mine = [entry for entry in world.ledger if entry[0] in players]
    found: Given = set()

    def sums(key: Callable[[uuid.UUID], uuid.UUID], subjects: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
        total = dict.fromkeys(subjects, 0)
        for player, _, points, _ in mine:
            total[key(player)] += points
        return total

    boards = {
        "player": sums(lambda p: p, players),
        "team": sums(lambda p: players[p][0], {team for team, _ in players.values()}),
        "league": sums(lambda p: players[p][1], leagues),
    }
    for rule, scope, last in (
        ("grand-zizou", "player", 1), ("player-podium", "player", 3), ("team-champion", "team", 1),
        ("league-champion", "league", 1),
    ):  # fmt: skip
        board = boards[scope]
        for subject, points in board.items():
            if points > 0 and 1 + sum(other > points for other in board.values()) <= last:
                found.add((rule, subject))
    members: dict[uuid.UUID, int] = defaultdict(int)
    for _, league in players.values():
        members[league] += 1
    found |= {
        ("league-of-gold", league)
        for league, points in boards["league"].items()
        if members[league] >= 2 and round(points / members[league], 2) >= 40
    }
    for player in players:
        cards = [card for who, card, _, _ in mine if who == player]
        days = {ago for who, card, _, ago in mine if who == player and card != "t-plane"}
        if len(cards) >= 10 and "t-plane" not in cards:
            found.add(("faultless", player))
        if {THEMES[card] for card in cards if card != "t-plane"} == {"one", "two", "three"}:
            found.add(("all-themes", player))
        if len(days) * 100 >= 60 * 21:
            found.add(("regular", player))
    together: dict[uuid.UUID, set[str]] = defaultdict(set)
    for player, card, _, _ in mine:
        if card in ("t-picnic", "t-swap"):
            together[players[player][0]].add(card)
    most = max((len(cards) for cards in together.values()), default=0)
    return found | {("team-spirit", team) for team, cards in together.items() if len(cards) == most > 0}


@pytest.mark.parametrize("seed", range(4))
def test_every_award_is_the_one_that_the_ledger_earns(game, clients, seed):
    world = random_world(game, clients, seed)
    game.close(world.edition)
    game.freeze(world.edition)
    # Counted in days of the edition, which are 21 with the one that has begun.
    given = game.service.call("grant_awards", edition_code=world.edition.code)
    found = awards(game.anon, world.edition)
    assert found == expected(world, None)
    total = len(found)
    for name, organisation in (("viewer_a", clients.a), ("viewer_b", clients.b)):
        rows = clients[name].view("client_awards", edition_id=world.edition.id)
        assert {row["organisation_id"] for row in rows} == {organisation}
        (part,) = {row["participation_id"] for row in rows}
        assert {(row["rule"], row["subject_id"]) for row in rows} == expected(world, part)
        total += len(rows)
    assert given == total


# people


def test_who_grants_and_who_reads(game, clients):
    edition = game.edition()
    league = clients.league(clients.participation(clients.a, edition), edition)
    played(game, edition, league.ambassador, "t-bike")
    game.close(edition)
    game.freeze(edition)
    expected_codes = everybody("MP006", anon=DENIED, ops=OK, service=OK)
    for name in PEOPLE:
        assert clients.answers(name, "grant_awards", edition_code=edition.code) == expected_codes[name], name
    assert clients.answers("ops", "grant_awards", edition_code="no-such-edition") == "MP020"
    game.service.call("grant_awards", edition_code=edition.code)
    public = len(game.anon.view("awards", edition_id=edition.id))
    assert public >= 3
    assert clients.may_read("awards", edition_id=edition.id) == everybody(public)
    inside = len(clients["ops"].view("client_awards", edition_id=edition.id))
    assert inside >= 3
    assert clients.may_read("client_awards", edition_id=edition.id) == everybody(
        0, anon=DENIED, viewer_a=inside, manager_a=inside, owner_a=inside, ops=inside, service=inside
    )
    for person in clients.people.values():
        assert game.one("select count(*) from mpp.award where participation_id is null") >= public
        if person.role == "authenticated":
            rows = person.rows("select * from api.awards where edition_id = %s", (edition.id,))
            assert "participation_id" not in rows[0]


def test_a_name_that_opts_out_leaves_the_clients_list_too(game, clients):
    edition = game.edition()
    league = clients.league(clients.participation(clients.a, edition), edition)
    played(game, edition, league.ambassador, "t-bike")
    grant(game, edition)
    rows = clients["viewer_a"].view("client_awards", rule="grand-zizou")
    assert [row["subject_id"] for row in rows] == [league.ambassador.player_id]
    league.ambassador.call("set_listing", scope="player", subject_id=league.ambassador.player_id, listed=False)
    assert clients["viewer_a"].view("client_awards", rule="grand-zizou") == []


def test_awards_of_a_private_edition_are_for_its_players_and_its_client(game, clients):
    edition = game.edition(organisation=clients.a)
    ambassador = game.registered()
    league_id = uuid.uuid4()
    participation = clients.participation(clients.a, edition)
    game.run(
        "insert into mpp.league (id, edition_id, name, category, participation_id)"
        " values (%s, %s, %s, 'colleagues', %s)",
        (league_id, edition.id, f"Private {league_id}", participation),
    )
    game.run("insert into mpp.team (league_id, edition_id, name) values (%s, %s, 'T')", (league_id, edition.id))
    # Five, or the client sees nothing of the league.
    for person in (*(game.registered() for _ in range(4)), ambassador):
        person.player_id = game.one(
            "insert into mpp.player (edition_id, account_id, league_id, team_id, alias, first_name)"
            " select t.edition_id, %s, t.league_id, t.id, 'a', 'A' from mpp.team t where t.league_id = %s returning id",
            (person.account, league_id),
        )
    played(game, edition, ambassador, "t-bike")
    grant(game, edition)
    seen = clients.may_read("awards", edition_id=edition.id)
    assert [seen[name] for name in ("anon", "player", "owner_b", "early_a")] == [0, 0, 0, 0]
    assert len(ambassador.view("awards", edition_id=edition.id)) == seen["ops"] == seen["service"]
    inside = clients.may_read("client_awards", edition_id=edition.id)
    assert inside["viewer_a"] == inside["ops"] > 0
    assert inside["viewer_b"] == inside["late_a"] == inside["early_a"] == 0


def test_the_table_itself_holds_back_what_the_views_do_not_show(game, clients):
    """The views filter too; the policies must hold without them."""
    public, private = game.edition(), game.edition(organisation=clients.a)
    part = clients.participation(clients.a, public)
    clients.participation(clients.a, private)
    for edition, participation in ((public, None), (public, part), (private, None)):
        game.run(
            "insert into mpp.award (edition_id, participation_id, organisation_id, rule, place, scope, title,"
            " description, subject_id, value, granted_at) values (%s, %s, %s, 'r', 1, 'player',"
            """ '{"fr": "x", "en": "x"}', '{"fr": "x", "en": "x"}', gen_random_uuid(), 1, private.clock())""",
            (edition.id, participation, participation and clients.a),
        )
    game.run(
        "insert into mpp.award_round (edition_id, rule, granted_at) values (%s, 'r', private.clock())", (public.id,)
    )
    game.run("grant usage on schema mpp to anon, authenticated")
    for name, person in clients.people.items():
        seen = [
            (row["edition_id"], row["participation_id"])
            for row in person.rows(
                "select edition_id, participation_id from mpp.award where edition_id in (%s, %s)"
                " order by 1, 2 nulls first",
                (public.id, private.id),
            )
        ] if name != "service" else []  # fmt: skip
        if name == "ops":
            assert seen == [(public.id, None), (public.id, part), (private.id, None)]
        elif name in ("viewer_a", "manager_a", "owner_a"):
            # The client of a private edition may see that there is one.
            assert seen == [(public.id, None), (private.id, None)], name
        elif name != "service":
            assert seen == [(public.id, None)], name
        if person.role == "authenticated":
            rounds = person.rows("select from mpp.award_round where edition_id = %s", (public.id,))
            assert len(rounds) == (name == "ops"), name


def test_in_a_private_edition_no_small_league_has_an_award_and_no_value_is_told(game: Game) -> None:
    organisation = game.organisation()
    edition = game.edition(organisation=organisation, league_min_players=1)
    part = game.participation(organisation, edition)
    small, large = game.client_league(part, edition), game.client_league(part, edition)
    for _ in range(5):
        game.player(large)
    played(game, edition, small.ambassador, "t-bike", "t-soup")
    played(game, edition, large.ambassador, "t-soup")
    grant(game, edition)
    found = game.employed(organisation).view("client_awards", participation_id=part)
    assert {row["value"] for row in found} == {None}
    subjects = {row["subject_id"] for row in found if row["scope"] in ("league", "team")}
    assert not subjects & {small.id, *small.teams, *large.teams}
