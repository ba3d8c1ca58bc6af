"""Who may do what with the files of clients, asked of the database as Storage asks it for each request."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from mpp_supabase.services.client_files import LARGEST_FILE, TYPES, file_name_problem
from supabase_embedded.config import Config
from tests.support import ROOT
from tests.support.crowd import is_waiting
from tests.support.game import DAY, Game, Person, refused
from tests.support.refusal_details import only_times
from tests.support.waiting import join, wait_until

from .test_client_privileges import disable

OK = "OK"
#: Row-level security lets the statement run and shows it nothing, or refuses the row it would make.
NOTHING = "nothing"
DENIED = "42501"

PEOPLE = (
    "anon", "anonymous", "player", "viewer_a", "manager_a", "owner_a", "early_a", "late_a", "disabled_a",
    "anonymous_owner_a", "viewer_b", "manager_b", "owner_b", "owner_of_both", "ops", "service",
)  # fmt: skip


class Kits:
    """Organisations A and B, each with a file in its kit and one of its own, and somebody of every kind."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.a, self.b = game.organisation(), game.organisation()
        for organisation in (self.a, self.b):
            for name in ("poster.pdf", "own/logo.png"):
                self.put(game.service, f"{organisation}/{name}")
        both = game.employed(self.a, "owner")
        game.employed(self.b, "owner", person=both)
        owner = game.employed(self.a, "owner")
        self.people = {
            "anon": game.anon,
            "anonymous": game.anonymous(),
            "player": game.registered(),
            "viewer_a": game.employed(self.a, "viewer"),
            "manager_a": game.employed(self.a, "manager"),
            "owner_a": owner,
            "early_a": game.employed(self.a, "owner", since=DAY, until=60 * DAY),
            "late_a": game.employed(self.a, "owner", since=-60 * DAY, until=-DAY),
            "disabled_a": game.employed(self.a, "owner"),
            "anonymous_owner_a": Person(game.db, "authenticated", owner.account, is_anonymous=True, amr=game.by("otp")),
            "viewer_b": game.employed(self.b, "viewer"),
            "manager_b": game.employed(self.b, "manager"),
            "owner_b": game.employed(self.b, "owner"),
            "owner_of_both": both,
            "ops": game.staff(),
            "service": game.service,
        }
        assert tuple(self.people) == PEOPLE
        disable(game, self.people["disabled_a"])

    def of(self, letter: str) -> int:
        return {"a": self.a, "b": self.b}[letter]

    @contextlib.contextmanager
    def asking(self, person: Person, operation: str) -> Iterator[psycopg.Connection[Any]]:
        """A transaction as Storage opens it: role, claims, and which of its requests this is."""
        with person.acting() as db:
            db.execute(
                "select set_config('storage.operation', %s, true),"
                " set_config('storage.allow_delete_query', 'true', true)",
                (f"storage.object.{operation}",),
            )
            yield db
            db.execute(
                "select set_config('storage.operation', '', true), set_config('storage.allow_delete_query', '', true)"
            )

    def put(self, person: Person, name: str, operation: str = "upload", *, upsert: bool = False) -> str:
        """Upload: the row that Storage writes to see whether it may, with ``upsert`` over what is there."""
        replaced = " on conflict (bucket_id, name) do update set version = excluded.version" if upsert else ""
        query = f"insert into storage.objects (bucket_id, name, version) values ('client-files', %s, '2'){replaced}"
        with self.asking(person, operation) as db:
            return OK if db.execute(query, (name,)).rowcount else NOTHING

    def read(self, person: Person, name: str, operation: str = "get_authenticated") -> str:
        with self.asking(person, operation) as db:
            query = "select from storage.objects where bucket_id = 'client-files' and name = %s"
            return OK if db.execute(query, (name,)).rowcount else NOTHING

    def move(self, person: Person, name: str, to: str, bucket: str = "client-files") -> str:
        with self.asking(person, "move") as db:
            query = (
                "update storage.objects set bucket_id = %s, name = %s where bucket_id = 'client-files' and name = %s"
            )
            return OK if db.execute(query, (bucket, to, name)).rowcount else NOTHING

    def remove(self, person: Person, name: str) -> str:
        with self.asking(person, "delete") as db:
            query = "delete from storage.objects where bucket_id = 'client-files' and name = %s"
            return OK if db.execute(query, (name,)).rowcount else NOTHING

    def names(self) -> list[str]:
        """Every file there is, as its row says, past every policy."""
        return [f"{row['bucket_id']}/{row['name']} {row['version']}" for row in self.game.rows(
            "select bucket_id, name, version from storage.objects order by 1, 2"
        )]  # fmt: skip


@pytest.fixture
def kits(game: Game) -> Kits:
    return Kits(game)


def answered(kits: Kits, act: Any) -> str:
    """What becomes of an act, which is then undone: OK, nothing, or the SQLSTATE."""
    try:
        with kits.game.db.transaction(force_rollback=True):
            return act()
    except psycopg.Error as error:
        return error.sqlstate or "?" if only_times(error.diag.message_detail) else f"DETAIL {error.diag.message_detail}"


INSIDE_A = ("viewer_a", "manager_a", "owner_a", "owner_of_both")
INSIDE_B = ("viewer_b", "manager_b", "owner_b", "owner_of_both")
MANAGERS = {"a": ("manager_a", "owner_a", "owner_of_both"), "b": ("manager_b", "owner_b", "owner_of_both")}
STAFF = {"a": INSIDE_A, "b": INSIDE_B}
ASSOCIATION = ("ops", "service")


@pytest.mark.parametrize("letter", ["a", "b"])
@pytest.mark.parametrize("place", ["poster.pdf", "own/logo.png"])
def test_each_operation_is_for_whom_it_is_meant(kits: Kits, letter: str, place: str) -> None:
    organisation, own = kits.of(letter), place.startswith("own/")
    file, new = f"{organisation}/{place}", f"{organisation}/{'own/' if own else ''}new.pdf"
    readers = {*STAFF[letter], *ASSOCIATION}
    writers = {*(MANAGERS[letter] if own else ()), *ASSOCIATION}
    acts = {
        "read": (lambda p: kits.read(p, file), readers, NOTHING),
        "list": (lambda p: kits.read(p, file, "list"), readers, NOTHING),
        "info": (lambda p: kits.read(p, file, "get_authenticated_info"), readers, NOTHING),
        "sign": (lambda p: kits.read(p, file, "sign"), set(ASSOCIATION), NOTHING),
        "sign many": (lambda p: kits.read(p, file, "sign_many"), set(ASSOCIATION), NOTHING),
        "upload": (lambda p: kits.put(p, new), writers, DENIED),
        "sign an upload": (lambda p: kits.put(p, new, "sign_upload_url"), set(ASSOCIATION), DENIED),
        "upsert": (lambda p: kits.put(p, file, upsert=True), writers, DENIED),
        "rename": (lambda p: kits.move(p, file, new), writers, NOTHING),
        "remove": (lambda p: kits.remove(p, file), writers, NOTHING),
    }
    before = kits.names()
    for name, (act, allowed, otherwise) in acts.items():
        found = {who: answered(kits, lambda person=person, act=act: act(person)) for who, person in kits.people.items()}
        # Who may read a file and not write it is told no; everybody else, that there is nothing.
        assert found == {who: OK if who in allowed else otherwise for who in PEOPLE}, name
        assert kits.names() == before, name


def test_an_upload_over_a_file_says_the_same_whether_it_is_there_or_not(kits: Kits) -> None:
    for who in ("anon", "anonymous", "player", "viewer_a", "owner_a", "early_a", "late_a"):
        said = []
        for name in ("own/logo.png", "own/nothing.png", "poster.pdf", "nothing.pdf"):
            for upsert in (False, True):
                with pytest.raises(psycopg.Error) as caught, kits.game.db.transaction():
                    kits.put(kits.people[who], f"{kits.b}/{name}", upsert=upsert)
                said.append((caught.value.sqlstate, caught.value.diag.message_primary))
        assert set(said) == {(DENIED, 'new row violates row-level security policy for table "objects"')}, who


def test_an_organisation_that_is_not_there_is_as_any_other_to_who_may_not_write(kits: Kits) -> None:
    said = []
    for organisation in (kits.b, 999_999_999):
        with pytest.raises(psycopg.Error) as caught, kits.game.db.transaction():
            kits.put(kits.people["owner_a"], f"{organisation}/own/new.pdf")
        said.append(str(caught.value.diag.message_primary))
    assert said[0] == said[1]


@pytest.mark.parametrize("who", ["owner_of_both", "ops", "service"])
def test_a_file_never_changes_hands(kits: Kits, who: str) -> None:
    person = kits.people[who]
    before = kits.names()
    with refused(DENIED) as caught:
        kits.move(person, f"{kits.a}/own/logo.png", f"{kits.b}/own/logo-of-a.png")
    assert "stays in its organisation" in str(caught.value)
    assert kits.names() == before


@pytest.mark.parametrize("who", ["manager_a", "ops", "service"])
def test_a_file_goes_to_no_other_bucket_and_none_comes_from_one(kits: Kits, who: str) -> None:
    kits.game.run("insert into storage.buckets (id, name) values ('elsewhere', 'elsewhere')")
    kits.game.run(
        "create policy elsewhere on storage.objects to authenticated using (bucket_id = 'elsewhere')"
        " with check (bucket_id = 'elsewhere')"
    )
    kits.game.run("insert into storage.objects (bucket_id, name) values ('elsewhere', 'page.html')")
    person, before = kits.people[who], kits.names()
    with refused(DENIED):
        kits.move(person, f"{kits.a}/own/logo.png", "logo.png", "elsewhere")
    with refused(DENIED), kits.asking(person, "move") as db:
        db.execute(
            "update storage.objects set bucket_id = 'client-files', name = %s where bucket_id = 'elsewhere'",
            (f"{kits.a}/own/page.pdf",),
        )
    assert kits.names() == before


def test_a_manager_moves_nothing_into_the_kit_or_out_of_it(kits: Kits) -> None:
    manager = kits.people["manager_a"]
    with refused(DENIED):
        kits.move(manager, f"{kits.a}/own/logo.png", f"{kits.a}/logo.png")
    assert kits.move(manager, f"{kits.a}/poster.pdf", f"{kits.a}/own/poster.pdf") == NOTHING
    assert kits.move(kits.people["ops"], f"{kits.a}/poster.pdf", f"{kits.a}/own/poster.pdf") == OK


BAD_NAMES = (
    "", "/", "poster.pdf", "{o}", "{o}/", "{o}/poster", "{o}/.pdf", "/{o}/x.pdf", "{o}//x.pdf", "{o}/own//x.pdf",
    "0{o}/x.pdf", "+{o}/x.pdf", "-{o}/x.pdf", " {o}/x.pdf", "{o} /x.pdf", "{o}/ x.pdf", "{o}/x.pdf ", "{o}/x .pdf",
    "{o}/x..pdf", "{o}/../{p}/x.pdf", "{o}/./x.pdf", "{o}/own/../x.pdf", "../{o}/x.pdf", "{o}/..%2f{p}/x.pdf",
    "{o}.0/x.pdf", "{o}e0/x.pdf", "0x1/x.pdf", "1_0/x.pdf", "٣/x.pdf", "１/x.pdf", "²/x.pdf", "{o}\n/x.pdf",
    "{o}/x.pdf\n", "{o}/x\n.pdf", "{o}/x.pdf\n{p}/y.pdf", "{o}/x.html", "{o}/x.svg", "{o}/x.pdf.html", "{o}/x.PHP",
    "{o}/x.pdf/y", "{o}/a/b/x.pdf", "{o}/Own/x.pdf", "{o}/OWN/x.pdf", "{o}/own.pdf/x.pdf", "{o}/été.pdf",
    "{o}/x\u200b.pdf",
    "{o}/x\\y.pdf", "{o}/x%2Fy.pdf", "{o}/x;y.pdf", "{o}/x?y.pdf", "{o}/x#y.pdf", "{o}/-x.pdf", "{o}/_x.pdf",
    "99999999999999999999/x.pdf", "2147483648/x.pdf", "1000000000/x.pdf", "{o}/" + "x" * 160 + ".pdf", "NaN/x.pdf",
)  # fmt: skip


@pytest.mark.parametrize("pattern", BAD_NAMES)
def test_a_name_that_is_none_belongs_to_nobody_and_raises_nothing(kits: Kits, pattern: str) -> None:
    name = pattern.replace("{o}", str(kits.a)).replace("{p}", str(kits.b))
    assert kits.game.one("select private.file_organisation(%s)", (name,)) is None
    before = kits.names()
    for who in ("anon", "player", "manager_a", "owner_of_both", "ops", "service"):
        assert kits.read(kits.people[who], name) == NOTHING
        with refused(DENIED):
            kits.put(kits.people[who], name)
    assert kits.names() == before


def test_python_and_the_database_take_the_same_names(kits: Kits) -> None:
    good = (
        "a.pdf", "A.PDF", "Guide 2026 (v1.2)_final-2.docx", "own/logo.png", "posters/June 1.webp", "1.csv", "x.tar.zip",
        "9" * 40 + "/x.mp4", "x" * 120 + ".jpeg", "a-b/c.ics", "b/d.odt", "b/d.odp", "b/d.txt", "b/d.xlsx", "b/d.pptx",
        "b/d.jpg",
    )  # fmt: skip
    bad = [name.removeprefix("{o}/") for name in BAD_NAMES if name.startswith("{o}/") and "{o}" not in name[3:]]
    assert len(bad) > 20
    for name in (*good, *bad):
        taken = kits.game.one("select private.file_organisation(%s)", (f"{kits.a}/{name}",)) == kits.a
        assert taken == (file_name_problem(kits.a, name) is None), name
        assert taken == (name in good), name


def test_the_limits_are_the_same_in_the_database_in_config_and_in_python(game: Game) -> None:
    import tomllib

    (bucket,) = game.rows("select * from storage.buckets where id = 'client-files'")
    assert bucket["public"] is False
    assert bucket["file_size_limit"] == LARGEST_FILE == Config.read(ROOT / "supabase/config.toml").largest_file
    assert set(bucket["allowed_mime_types"]) == set(TYPES.values())
    assert not {kind for kind in bucket["allowed_mime_types"] if "html" in kind or "svg" in kind or "*" in kind}
    said = tomllib.loads((ROOT / "supabase/config.toml").read_text())["storage"]["buckets"]["client-files"]
    assert said == {"public": False, "file_size_limit": "50MiB", "allowed_mime_types": bucket["allowed_mime_types"]}


def test_nobody_but_the_secret_key_sees_or_makes_a_bucket(kits: Kits) -> None:
    for who, person in kits.people.items():
        with person.acting() as db:
            seen = db.execute("select from storage.buckets").rowcount
        assert (seen > 0) == (who == "service"), who
        if who != "service":
            with refused(DENIED), person.acting() as db:
                db.execute("insert into storage.buckets (id, name, public) values ('mine', 'mine', true)")
            with person.acting() as db:
                assert db.execute("update storage.buckets set public = true").rowcount == 0, who


def test_files_are_bounded_for_each_organisation_and_for_its_own(kits: Kits) -> None:
    for number in range(39):
        kits.put(kits.people["manager_a"], f"{kits.a}/own/{number}.pdf")
    with refused(DENIED) as caught:
        kits.put(kits.people["manager_a"], f"{kits.a}/own/one-more.pdf")
    assert "40 of them its own" in str(caught.value)
    assert kits.put(kits.people["manager_a"], f"{kits.a}/own/0.pdf", upsert=True) == OK
    for number in range(200 - 41):
        kits.put(kits.people["service"], f"{kits.a}/{number}.pdf")
    with refused(DENIED):
        kits.put(kits.people["service"], f"{kits.a}/one-more.pdf")
    assert kits.put(kits.people["service"], f"{kits.b}/one-more.pdf") == OK


def test_in_a_maintenance_clients_read_and_do_not_write(kits: Kits) -> None:
    game = kits.game
    game.run(
        "insert into mpp.maintenance_window (starts_at, ends_at, message)"
        " values (private.clock() - interval '1 hour', private.clock() + interval '1 hour', '{\"fr\": \"x\","
        ' "en": "x"}\')'
    )
    assert kits.read(kits.people["manager_a"], f"{kits.a}/own/logo.png") == OK
    with refused(DENIED):
        kits.put(kits.people["manager_a"], f"{kits.a}/own/new.pdf")
    assert kits.remove(kits.people["manager_a"], f"{kits.a}/own/logo.png") == NOTHING
    assert kits.put(kits.people["ops"], f"{kits.a}/new.pdf") == OK


def test_rights_end_with_the_dates_and_with_the_role(kits: Kits) -> None:
    game, manager = kits.game, kits.people["manager_a"]
    assert kits.put(manager, f"{kits.a}/own/1.pdf") == OK
    game.run("update mpp.staff set role = 'viewer' where account_id = %s", (manager.account,))
    assert kits.remove(manager, f"{kits.a}/own/1.pdf") == NOTHING
    assert kits.read(manager, f"{kits.a}/own/1.pdf") == OK
    game.run("update mpp.staff set access_until = private.clock() where account_id = %s", (manager.account,))
    assert kits.read(manager, f"{kits.a}/own/1.pdf") == NOTHING


def test_a_file_outlives_who_uploaded_it_and_names_nobody(kits: Kits) -> None:
    game, manager = kits.game, kits.people["manager_a"]
    kits.put(manager, f"{kits.a}/own/1.pdf")
    game.run("update storage.objects set owner_id = %s where name = %s", (str(manager.account), f"{kits.a}/own/1.pdf"))
    game.run("delete from auth.users where id = %s", (manager.account,))
    assert kits.read(kits.people["viewer_a"], f"{kits.a}/own/1.pdf") == OK
    (row,) = game.rows("select * from storage.objects where name = %s", (f"{kits.a}/own/1.pdf",))
    # The number of an account that is no more, and nothing else of the person.
    assert row["owner_id"] == str(manager.account)
    assert game.rows("select from auth.users where id = %s", (manager.account,)) == []
    assert kits.read(manager, f"{kits.a}/own/1.pdf") == NOTHING


def test_an_organisation_that_has_files_cannot_be_deleted_before_them(game: Game) -> None:
    organisation = game.organisation()
    other = Person(game.db, "service_role")
    kits = Kits(game)
    name = f"{organisation}/poster.pdf"
    kits.put(other, name)
    with game.refused("23503") as caught:
        game.run("delete from mpp.organisation where id = %s", (organisation,))
    assert "mpp client files remove" in str(caught.value.diag.message_hint)
    # SQL alone cannot remove a file either: its bytes would stay.
    with refused(DENIED):
        game.run("delete from storage.objects where name = %s", (name,))
    assert kits.remove(kits.people["ops"], name) == OK
    game.run("delete from mpp.organisation where id = %s", (organisation,))


def test_two_uploads_at_once_cannot_both_be_the_last_one(arena_url: str) -> None:
    with psycopg.connect(arena_url, autocommit=True) as setting:
        code = f"t-{uuid.uuid4().hex[:12]}"
        (organisation,) = setting.execute(
            "insert into mpp.organisation (code, name) values (%s, 'Race') returning id", (code,)
        ).fetchone() or (0,)
        insert = "insert into storage.objects (bucket_id, name) values ('client-files', %s)"
        try:
            for number in range(39):
                setting.execute(insert, (f"{organisation}/own/{number}.pdf",))
            outcomes: list[str] = []
            with psycopg.connect(arena_url) as first, psycopg.connect(arena_url) as second:
                first.execute(insert, (f"{organisation}/own/first.pdf",))

                def follow() -> None:
                    try:
                        second.execute(insert, (f"{organisation}/own/second.pdf",))
                        outcomes.append(OK)
                    except psycopg.Error as error:
                        outcomes.append(error.sqlstate or "?")

                waiting = threading.Thread(target=follow)
                waiting.start()
                wait_until(lambda: is_waiting(setting, second), lambda: "the second does not wait for the first")
                first.commit()
                join(waiting)
            assert outcomes == [DENIED]
        finally:
            with setting.transaction():
                setting.execute("set local storage.allow_delete_query = 'true'")
                setting.execute("delete from storage.objects where name like %s", (f"{organisation}/%",))
            setting.execute("delete from mpp.organisation where id = %s", (organisation,))


def test_what_postgres_may_not_do_to_storage_hosted_it_may_not_do_here(db: Any) -> None:
    for statement in (
        "alter table storage.objects add column colour text",
        "alter table storage.objects disable row level security",
        "create index on storage.objects (owner)",
        "create table storage.mine ()",
        "create function storage.mine() returns integer language sql as 'select 1'",
        "drop function storage.foldername(text)",
        "drop table storage.objects cascade",
        "comment on table storage.objects is 'mine'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
            db.execute(statement)
    db.execute("create policy mine on storage.objects for select to authenticated using (bucket_id = 'mine')")
    db.execute("alter policy mine on storage.objects using (bucket_id = 'yours')")
    db.execute("drop policy mine on storage.objects")
