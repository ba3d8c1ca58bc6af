"""A rank-1 player and a team-mate erase their accounts: every table, view, report and list, before and after."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.support.game import Edition, Game, League, Person

from .conftest import SharedScene
from .test_erasure import WITHOUT_FOREIGN_KEY

PSEUDONYM = "Joueur·se effacé·e"

#: Where rows may be added that name nobody: the trace, the mail to the address, the request.
ADDS = {"audit", "outbox", "privacy_request"}
#: What the lists of a running edition are counted from; opting out changes them too.
COUNTS = {"score_count", "score_delta"}
#: Views of what was done, by whom: they keep who was erased, for the staff.
TRACES = {"audit_log", "ops_outbox", "privacy_requests"}
#: Views of accounts, for the staff.
OF_ACCOUNTS = TRACES | {"conduct_reports"}
#: What says who somebody is, in a line of somebody who is erased.
NAMES = {"label", "league_label", "alias", "first_name", "name", "picture_path", "is_erased"}

Rows = list[dict[str, Any]]


@dataclass
class Scene:
    """A league of a client in an edition of twelve: the best, a team-mate, one who opted out, and those who stay."""

    game: Game
    edition: Edition
    part: int
    league: League
    best: Person
    mate: Person
    hidden: Person
    readers: dict[str, Person]

    @property
    def leaving(self) -> tuple[Person, ...]:
        return (self.best, self.mate, self.hidden)

    @property
    def ids(self) -> set[str]:
        return {str(person.account) for person in self.leaving} | {str(person.player_id) for person in self.leaving}


def build(game: Game, *, frozen: bool) -> Scene:
    staff = game.staff()
    client, edition = game.organisation(), game.edition()
    part = game.participation(client, edition)
    league = game.client_league(part, edition)
    best, mate, hidden = (
        game.player(league, game.registered(name), team=0) for name in ("tournesol", "coquelicot", "bleuet")
    )
    stays = [game.player(league, team=0) for _ in range(5)]
    elsewhere = game.league(edition)
    stays += [game.player(elsewhere) for _ in range(2)]
    for person, cards in ((best, ("t-bike", "t-soup", "t-window")), (mate, ("t-bike",)), (hidden, ("t-bike",))):
        for card in cards:
            game.validate(person, edition, card)
    for person in stays:
        game.validate(person, edition, "t-soup")
    hidden.call("set_listing", scope="player", subject_id=hidden.player_id, listed=False)
    # They leave traces of other kinds: a consent, a report about somebody, one about them, a challenge that is found.
    for person in (best, mate):
        person.call("set_consent", purpose="newsletter", granted=True)
        person.call("report_conduct", player_id=stays[0].player_id, reason="why")
        stays[0].call("report_conduct", player_id=person.player_id, reason="why")
    if frozen:
        game.close(edition)
        game.freeze(edition)
        game.service.call("grant_awards", edition_code=edition.code)
    readers = {
        "anon": game.anon, "ambassador": league.ambassador, "team-mate": stays[0],
        "manager": game.employed(client, "manager"), "staff": staff,
    }  # fmt: skip
    return Scene(game, edition, part, league, best, mate, hidden, readers)


@pytest.fixture
def frozen(shared_scene: SharedScene) -> Iterator[Scene]:
    with shared_scene.scene("frozen", lambda game: build(game, frozen=True)) as scene:
        yield scene


@pytest.fixture
def running(shared_scene: SharedScene) -> Iterator[Scene]:
    with shared_scene.scene("running", lambda game: build(game, frozen=False)) as scene:
        yield scene


def tables(scene: Scene) -> dict[str, list[str]]:
    """Every row of every table that is not about those who leave.

    Where a row outlives the account it was made by, it counts without that account.
    """
    outlive = {place.split(".")[0] for place in WITHOUT_FOREIGN_KEY}
    names = scene.game.rows(
        "select c.relname as name from pg_class c"
        " where c.relnamespace = 'mpp'::regnamespace and c.relkind in ('r', 'p') order by 1"
    )
    found = {}
    for table in (row["name"] for row in names):
        texts = [text for (text,) in scene.game.db.execute(f"select t::text from mpp.{table} t").fetchall()]
        if table in outlive:
            for person in scene.leaving:
                texts = [text.replace(str(person.account), "") for text in texts]
        found[table] = sorted(text for text in texts if not any(id_ in text for id_ in scene.ids))
    return found


Seen = dict[tuple[str, str], Rows]


def views(scene: Scene) -> Seen:
    """What every reader is shown by every view, list and report."""
    found: Seen = {}
    every = scene.game.rows(
        "select c.relname as name from pg_class c where c.relnamespace = 'api'::regnamespace and c.relkind = 'v'"
    )
    for reader, person in scene.readers.items():
        for view in (row["name"] for row in every):
            with readable():
                found[reader, view] = person.view(view)
        for name, ask in lists(scene).items():
            with readable():
                found[reader, name] = ask(person)
    return found


def nameless(scene: Scene, seen: Seen) -> Seen:
    """The same, without the names of those who leave."""
    return {key: sorted((named_nobody(row, scene) for row in rows), key=str) for key, rows in seen.items()}


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """What somebody may not read is not there, before and after."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate != "42501" and not str(error.sqlstate).startswith("MP"):
            raise


def lists(scene: Scene) -> dict[str, Callable[[Person], Rows]]:
    """Functions that show figures of the edition."""
    edition, other = scene.edition.id, scene.readers["team-mate"].player_id
    pages: dict[str, Callable[[Person], Rows]] = {
        f"ranking_page {scope}": lambda p, scope=scope: p.table("ranking_page", edition_id=edition, scope=scope)  # type: ignore[misc]
        for scope in ("player", "team", "league")
    }
    return {
        **pages,
        "ranking_around": lambda p: p.table("ranking_around", subject_id=other, neighbours=20),
        "my_rank": lambda p: p.table("my_rank", edition_id=edition, neighbours=20),
        "search_ranking": lambda p: p.table(
            "search_ranking", edition_id=edition, scope="league", query=scene.game.one(
                "select name from mpp.league where id = %s", (scene.league.id,))),
        "client_report": lambda p: [p.call("client_report", participation_id=scene.part)],
        "weekly_readers": lambda p: p.table("weekly_readers", participation_id=scene.part),
        "verify_scores": lambda p: p.table("verify_scores", edition_code=scene.edition.code),
    }  # fmt: skip


def named_nobody(row: Any, scene: Scene) -> Any:
    """The same, without what names somebody who leaves, at any depth."""
    if isinstance(row, list):
        return [named_nobody(each, scene) for each in row]
    if not isinstance(row, dict):
        return row
    theirs = any(str(row.get(key)) in scene.ids for key in ("subject_id", "player_id"))
    return {key: named_nobody(value, scene) for key, value in row.items() if not (theirs and key in NAMES)}


def erase(scene: Scene) -> None:
    for person in scene.leaving:
        assert person.call("erase_my_account")["is_erased"]


def differing(before: dict[Any, Any], after: dict[Any, Any]) -> set[Any]:
    assert set(before) == set(after)
    return {key for key in before if before[key] != after[key]}


def check_that_there_is_enough(seen: Seen) -> None:
    """What is compared is there to be compared."""
    shown = {view for (_, view), rows in seen.items() if rows}
    assert shown >= {
        "player_ranking", "team_ranking", "league_ranking", "edition_statistics", "lifetime_statistics",
        "client_overview", "client_leagues", "client_ranking", "client_weekly", "client_daily", "client_themes",
        "league_members", "league_validations", "conduct_reports", "client_report", "ranking_page player",
        "ranking_around", "my_rank", "search_ranking",
    }  # fmt: skip


def test_a_frozen_edition_stays_as_it_was_for_every_reader(frozen):
    game = frozen.game
    # A report says when it was made.
    game.clock(game.one("select private.clock()"))
    kept, seen = tables(frozen), nameless(frozen, views(frozen))
    check_that_there_is_enough(seen)
    (first, *_) = game.anon.table("ranking_page", edition_id=frozen.edition.id, scope="player")
    assert first["subject_id"] == frozen.best.player_id
    assert first["rank"] == 1
    awards = game.anon.view("awards", subject_id=frozen.best.player_id)
    assert awards

    erase(frozen)

    after = tables(frozen)
    assert differing(kept, after) <= ADDS
    for table in ADDS:
        assert set(after[table]) >= set(kept[table])
    now = views(frozen)
    assert {view for _, view in differing(seen, nameless(frozen, now))} <= OF_ACCOUNTS
    leads_nowhere(frozen, now)

    # The line is there, in its place, under a name that leads nowhere.
    (line, *_) = game.anon.table("ranking_page", edition_id=frozen.edition.id, scope="player")
    assert {**line, "label": None, "league_label": None} == {**first, "label": None, "league_label": None}
    assert (line["label"], line["league_label"]) == (PSEUDONYM, None)
    named = game.anon.view("awards", subject_id=frozen.best.player_id)
    assert [award["award_id"] for award in named] == [award["award_id"] for award in awards]
    assert {award["label"] for award in named} == {PSEUDONYM}
    (mate,) = game.anon.view("player_ranking", subject_id=frozen.mate.player_id)
    assert mate["label"] == PSEUDONYM
    # Who had opted out is nowhere.
    public = [rows for (reader, _), rows in now.items() if reader in ("anon", "manager")]
    assert str(frozen.hidden.player_id) not in str(public)
    assert game.one("select listed from mpp.player where id = %s", (frozen.hidden.player_id,)) is False


def test_in_a_running_edition_others_see_what_they_would_see_had_the_person_opted_out(running):
    game = running.game
    game.clock(game.one("select private.clock()"))
    kept = tables(running)
    with game.db.transaction(force_rollback=True):
        for person in running.leaving:
            person.call("set_listing", scope="player", subject_id=person.player_id, listed=False)
        hidden = nameless(running, views(running))
    check_that_there_is_enough(hidden)

    erase(running)

    after = tables(running)
    assert differing(kept, after) <= ADDS | COUNTS
    for table in ADDS:
        assert set(after[table]) >= set(kept[table])
    now = views(running)
    # The staff see that somebody is gone; everybody else sees no more and no less.
    assert {(reader, view) for reader, view in differing(hidden, nameless(running, now)) if reader != "staff"} == set()
    leads_nowhere(running, now)
    for person in running.leaving:
        assert game.anon.view("player_ranking", subject_id=person.player_id) == []
    assert game.faults(running.edition) == []
    # The edition goes on and is frozen without them.
    game.close(running.edition)
    game.freeze(running.edition)
    for person in running.leaving:
        assert game.anon.view("player_ranking", subject_id=person.player_id) == []
    assert game.faults(running.edition) == []


def leads_nowhere(scene: Scene, seen: Seen) -> None:
    """No reader is shown an account or a name of those who left, and their names stand in no table."""
    words = {str(person.account) for person in scene.leaving} | {"tournesol", "coquelicot", "bleuet"}
    for (reader, view), rows in seen.items():
        if view not in TRACES:
            assert not [word for word in words if word in str(rows)], (reader, view)
    names = ("tournesol", "coquelicot", "bleuet")
    for row in scene.game.rows(
        "select c.relname as name from pg_class c"
        " where c.relnamespace = 'mpp'::regnamespace and c.relkind in ('r', 'p')"
    ):
        texts = str(scene.game.rows(f"select t::text from mpp.{row['name']} t"))
        assert not [name for name in names if name in texts], row["name"]


@pytest.mark.parametrize("edition", ["frozen", "running"])
def test_searching_for_an_erased_player_finds_nobody(request, edition):
    scene = request.getfixturevalue(edition)
    asked = {"edition_id": scene.edition.id, "scope": "player", "query": "tournesol"}
    assert scene.game.anon.table("search_ranking", **asked)
    erase(scene)
    for query in ("tournesol", PSEUDONYM):
        assert scene.game.anon.table("search_ranking", **{**asked, "query": query}) == []


def test_a_league_goes_to_the_co_ambassador_else_to_whoever_was_there_first(running):
    game, league = running.game, running.league
    game.service.call("set_co_ambassador", player_id=running.mate.player_id, granted=True)

    def leads() -> uuid.UUID:
        return game.one(  # type: ignore[no-any-return]
            "select account_id from mpp.ambassador where league_id = %s and is_principal", (league.id,)
        )

    codes = [game.one("select code from mpp.join_code where league_id = %s", (league.id,))]
    for leaving, heir in ((league.ambassador, running.mate), (running.mate, running.best)):
        leaving.call("erase_my_account")
        assert leads() == heir.account
        codes.append(game.one("select code from mpp.join_code where league_id = %s", (league.id,)))
    assert len(set(codes)) == 3


def test_a_class_goes_to_its_other_teachers_or_stays_closed(game):
    edition = game.edition(audience="school")
    class_ = game.class_(edition, pupils=("Lina", "Noé"))
    family = game.family(class_)
    colleague = game.teacher()
    colleague.call("accept_class", code=class_.teacher.call("invite_co_teacher", class_id=class_.id))
    pupils = game.rows("select * from mpp.player where league_id = %s order by id", (class_.id,))

    class_.teacher.call("erase_my_account")
    assert [row["class_id"] for row in colleague.view("my_classes")] == [class_.id]
    assert colleague.table(
        "validate_for_pupils", class_id=class_.id, challenge_id=edition.challenges["t-soup"],
        request_key=uuid.uuid4(),
    )  # fmt: skip

    colleague.call("erase_my_account")
    assert game.one("select count(*) from mpp.ambassador where league_id = %s", (class_.id,)) == 0
    for table in ("class_code", "family", "class_invitation"):
        assert game.one(f"select count(*) from mpp.{table} where league_id = %s", (class_.id,)) == 0, table
    assert family.view("my_classes") == []
    # The pupils and their points stay, until the staff give the class to another teacher.
    assert game.rows("select * from mpp.player where league_id = %s order by id", (class_.id,)) == pupils
    assert game.score(class_.id) == 4
    assert game.faults(edition) == []
