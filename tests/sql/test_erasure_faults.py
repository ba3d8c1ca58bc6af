"""An erasure whose process dies at any point has not begun, and is done when it is run again."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from supabase_embedded import PostgresServer
from tests.support.game import Edition, Game, Jsonb, Person, commit_cards
from tests.support.loaded_postgres import loaded_postgres
from tests.support.waiting import join, wait_until

from .test_erasure import KEPT, where

#: What dies: whoever fires this trigger. It is superuser's, so that it may.
FAULT = """
    create schema fault;
    create function fault.die() returns trigger language plpgsql security definer as $$
    begin
        perform pg_terminate_backend(pg_backend_pid());
        return coalesce(new, old);
    end $$;
    create function fault.wait() returns trigger language plpgsql security definer as $$
    begin
        perform pg_advisory_xact_lock(4711);
        return coalesce(new, old);
    end $$;
    grant usage on schema fault to public;
"""
#: The mark that a fault is on a table: none but these tests makes such triggers.
MARK = "zz_fault"


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server whose processes may die without taking those of other tests with them."""
    with loaded_postgres() as server:
        commit_cards(server.url())
        with server.connect("supabase_admin") as db:
            db.execute(FAULT)
        yield server


@dataclass
class Scene:
    """Somebody who leads, plays, teaches, works for a client, and asked to be erased: committed."""

    game: Game
    edition: Edition
    person: Person


def build(game: Game) -> Scene:
    edition, school_edition = game.edition(), game.edition(audience="school")
    client = game.organisation()
    person = game.registered()
    game.service.call("set_setting", name="erasure_wait", value="0")
    league = game.league(edition, person)
    mate = game.player(league)
    game.validate(person, edition, "t-bike")
    game.validate(mate, edition, "t-bike")
    person.call("report_conduct", player_id=mate.player_id, reason="why")
    person.call("set_consent", purpose="newsletter", granted=True)
    person.call(
        "register_teacher", first_name="Ada", last_name="Exemple", role="x",
        terms_version=game.profile()["terms_version"],
    )  # fmt: skip
    class_ = game.class_(school_edition, person, pupils=("Lina",))
    game.family(class_).call("claim_class", code=class_.code)
    game.staff()
    game.employed(client, "owner", person=person)
    game.run("insert into storage.buckets (id, name) values ('pictures', 'pictures') on conflict do nothing")
    game.run("insert into storage.objects (bucket_id, name) values ('pictures', %s)", (f"{person.account}/face.png",))
    game.run("select private.queue_mail(%s, 'league_note', %s, account_id => %s)",
             (f"note/{person.account}", Jsonb({}), person.account))  # fmt: skip
    return Scene(game, edition, person)


@pytest.fixture
def scene(own_server: PostgresServer) -> Iterator[Scene]:
    with psycopg.connect(own_server.url()) as db:
        scene = build(Game(db))
        db.commit()
        yield scene


def relations(scene: Scene) -> list[str]:
    return [
        row["name"]
        for row in scene.game.rows(
            "select c.oid::regclass::text as name from pg_class c where c.relkind = 'r' and (c.relnamespace in"
            " ('mpp'::regnamespace, 'auth'::regnamespace)) and c.relname not in ('schema_migrations') order by 1"
        )
    ]


def everything(scene: Scene) -> dict[str, list[str]]:
    """Every row of the game and of Auth."""
    found = {
        relation: sorted(row["text"] for row in scene.game.rows(f"select t::text as text from {relation} t"))
        for relation in relations(scene)
    }
    scene.game.db.rollback()
    return found


def erase(url: str, person: Person) -> None:
    """On a connection of its own, as a request is."""
    with psycopg.connect(url, autocommit=False) as db:
        person.on(db).call("erase_my_account")


def written(scene: Scene) -> list[str]:
    """Tables that an erasure writes to: the points at which its process may die."""
    counted = (
        "select relid::regclass::text as name, n_tup_ins + n_tup_upd + n_tup_del as writes"
        " from pg_stat_xact_all_tables where schemaname in ('mpp', 'auth')"
    )
    before = {row["name"]: row["writes"] for row in scene.game.rows(counted)}
    scene.person.call("erase_my_account")
    after = {row["name"]: row["writes"] for row in scene.game.rows(counted)}
    scene.game.db.rollback()
    return sorted(name for name, writes in after.items() if writes > before.get(name, 0))


def ended(scene: Scene) -> None:
    """The account is gone, and nothing leads to it but what is kept on purpose."""
    game, person = scene.game, scene.person
    assert where(game, person.account) <= KEPT | {"file_removal.path"}
    assert game.one("select count(*) from auth.users where id = %s", (person.account,)) == 0
    assert game.one("select count(*) from mpp.audit where action = 'user.erase' and subject = %s",
                    (str(person.account),)) == 1  # fmt: skip
    assert game.one("select count(*) from mpp.outbox where template = 'account_erased'  and address = %s",
                    (f"{person.account.hex}@example.org",)) == 1  # fmt: skip
    assert game.one("select count(*) from mpp.file_removal where path like %s", (f"{person.account}/%",)) == 1
    assert game.faults(scene.edition) == []
    game.db.rollback()


def test_an_erasure_that_dies_at_any_table_it_writes_to_has_not_begun(own_server, scene):
    points = written(scene)
    assert {"auth.users", "mpp.profile", "mpp.player", "mpp.score", "mpp.audit", "mpp.outbox", "mpp.file_removal",
            "mpp.privacy_request", "mpp.ambassador", "mpp.staff", "mpp.conduct_report"} <= set(points)  # fmt: skip
    before = everything(scene)
    with own_server.connect("supabase_admin") as admin:
        for point in points:
            for moment in ("before", "after"):
                admin.execute(
                    f"create trigger {MARK} {moment} insert or update or delete on {point}"
                    " for each row execute function fault.die()".encode()
                )
                with pytest.raises(psycopg.OperationalError):
                    erase(own_server.url(), scene.person)
                admin.execute(f"drop trigger {MARK} on {point}".encode())
                assert everything(scene) == before, (point, moment)
        # At the very end, when all is written and not yet committed.
        admin.execute(
            f"create constraint trigger {MARK} after delete on auth.users deferrable initially deferred"
            " for each row execute function fault.die()".encode()
        )
        with pytest.raises(psycopg.OperationalError):
            erase(own_server.url(), scene.person)
        admin.execute(f"drop trigger {MARK} on auth.users".encode())
        assert everything(scene) == before
    erase(own_server.url(), scene.person)
    ended(scene)


def test_an_erasure_whose_answer_was_lost_is_done_once(own_server, scene):
    erase(own_server.url(), scene.person)
    after = everything(scene)
    with pytest.raises(psycopg.DatabaseError) as caught:
        erase(own_server.url(), scene.person)
    assert caught.value.sqlstate == "MP001"
    assert scene.game.one("select private.erase_account(%s, 'again')", (scene.person.account,)) is False
    scene.game.db.commit()
    assert everything(scene) == after
    ended(scene)


def test_accounts_whose_time_has_come_are_erased_by_the_run_after_one_that_died(own_server, scene):
    game = scene.game
    others = [game.registered() for _ in range(2)]
    game.service.call("set_setting", name="erasure_wait", value="1")
    people = [scene.person, *others]
    for person in people:
        person.call("erase_my_account")
    game.run("update mpp.privacy_request set erases_at = private.clock() where state = 'waiting'")
    game.db.commit()

    def left() -> int:
        count = game.one("select count(*) from auth.users where id = any (%s)", ([p.account for p in people],))
        game.db.rollback()
        return int(count)

    def run() -> int:
        """As the command does it: one account a transaction, until there is none."""
        with psycopg.connect(own_server.url()) as db:
            erased = 0
            while Person(db, "service_role").call("erase_due_account"):
                db.commit()
                erased += 1
            return erased

    with own_server.connect("supabase_admin") as admin:
        # The second account of the run meets it.
        admin.execute(
            f"create trigger {MARK} before delete on auth.users for each row"
            f" when (old.id = '{others[0].account}') execute function fault.die()".encode()
        )
        with pytest.raises(psycopg.OperationalError):
            run()
        admin.execute(f"drop trigger {MARK} on auth.users".encode())
    assert left() == 2
    assert [run(), run()] == [2, 0]
    assert left() == 0
    ended(scene)


def test_a_process_that_is_killed_without_a_word_leaves_all_as_it_was(own_server, scene):
    """kill -9: Postgres recovers from its log, and the erasure that was half written is not there."""
    before = everything(scene)
    with own_server.connect("supabase_admin") as admin:
        admin.execute(
            f"create trigger {MARK} after update on mpp.player for each row execute function fault.wait()".encode()
        )
        admin.execute("select pg_advisory_lock(4711)")
        raised: list[BaseException] = []
        pids: list[int] = []

        def request() -> None:
            try:
                with psycopg.connect(own_server.url()) as db:
                    pids.append(db.info.backend_pid)
                    scene.person.on(db).call("erase_my_account")
            except psycopg.OperationalError as error:
                raised.append(error)

        thread = threading.Thread(target=request)
        thread.start()
        at_the_point = (
            "select wait_event_type = 'Lock' and wait_event = 'advisory' from pg_stat_activity where pid = %s"
        )
        wait_until(lambda: bool(pids) and admin.execute(at_the_point, (pids[0],)).fetchone() == (True,))
        # The one process of this request, by its id.
        os.kill(pids[0], signal.SIGKILL)
        join(thread)
        assert len(raised) == 1

    def recovered() -> bool:
        try:
            with own_server.connect("supabase_admin") as db:
                db.execute(f"drop trigger {MARK} on mpp.player".encode())
        except psycopg.OperationalError:
            return False
        return True

    wait_until(recovered)
    with psycopg.connect(own_server.url()) as db:
        again = Scene(Game(db), scene.edition, scene.person.on(db))
        assert everything(again) == before
        erase(own_server.url(), again.person)
        ended(again)
