"""Who may do what with profile pictures, asked of the database as Storage asks it for each request."""

from __future__ import annotations

import contextlib
import tomllib
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest

from tests.support import ROOT
from tests.support.game import Game, Jsonb, Person, refused
from tests.support.refusal_details import only_times

from .test_client_privileges import disable

OK, NOTHING, DENIED = "OK", "nothing", "42501"

PEOPLE = (
    "anon", "anonymous", "unregistered", "outsider", "other_league", "mate", "ambassador", "expelled", "gone",
    "disabled", "owner", "staff", "service",
)  # fmt: skip


class Pictures:
    """A player with a picture that was checked and an upload that was not, and somebody of every kind."""

    def __init__(self, game: Game) -> None:
        self.game = game
        edition = game.edition()
        league = game.league(edition)
        owner = game.player(league)
        expelled, gone, disabled = (game.player(league) for _ in range(3))
        self.people = {
            "anon": game.anon,
            "anonymous": game.anonymous(),
            "unregistered": game.signed_in(),
            "outsider": game.registered(),
            "other_league": game.player(game.league(edition)),
            "mate": game.player(league),
            "ambassador": league.ambassador,
            "expelled": expelled,
            "gone": gone,
            "disabled": disabled,
            "owner": owner,
            "staff": game.staff(),
            "service": game.service,
        }
        assert tuple(self.people) == PEOPLE
        league.ambassador.call("expel_player", player_id=expelled.player_id, reason="insults")
        gone.call("leave_league", league_id=league.id)
        disable(game, disabled)
        self.owner, self.league, self.edition = owner, league, edition
        self.shown = self.checked(owner)
        self.waiting = self.upload(owner)

    @contextlib.contextmanager
    def asking(self, person: Person, operation: str) -> Iterator[psycopg.Connection]:
        """A transaction as Storage opens it."""
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
        replaced = " on conflict (bucket_id, name) do update set version = excluded.version" if upsert else ""
        query = f"insert into storage.objects (bucket_id, name, version) values ('profile-pictures', %s, '2'){replaced}"
        with self.asking(person, operation) as db:
            return OK if db.execute(query, (name,)).rowcount else NOTHING

    def read(self, person: Person, name: str, operation: str = "get_authenticated") -> str:
        with self.asking(person, operation) as db:
            query = "select from storage.objects where bucket_id = 'profile-pictures' and name = %s"
            return OK if db.execute(query, (name,)).rowcount else NOTHING

    def move(self, person: Person, name: str, to: str, bucket: str = "profile-pictures") -> str:
        query = (
            "update storage.objects set bucket_id = %s, name = %s where bucket_id = 'profile-pictures' and name = %s"
        )
        with self.asking(person, "move") as db:
            return OK if db.execute(query, (bucket, to, name)).rowcount else NOTHING

    def remove(self, person: Person, name: str) -> str:
        with self.asking(person, "delete") as db:
            query = "delete from storage.objects where bucket_id = 'profile-pictures' and name = %s"
            return OK if db.execute(query, (name,)).rowcount else NOTHING

    def new_name(self, person: Person, ending: str = "jpg") -> str:
        return f"{person.account}/new/{uuid.uuid4().hex}.{ending}"

    def upload(self, person: Person, ending: str = "jpg") -> str:
        name = self.new_name(person, ending)
        assert self.put(person, name) == OK
        return name

    def record(self, upload: str, problem: str | None = None) -> bool:
        """Do what the worker does with an upload."""
        checked = str(self.game.one("select private.checked_path(%s)", (upload,)))
        if problem is None:
            self.put(self.game.service, checked, upsert=True)
        taken = bool(
            self.game.service.call("record_upload", bucket_id="profile-pictures", path=upload, problem=problem)
        )
        self.remove(self.game.service, upload)
        return taken

    def checked(self, person: Person) -> str:
        """The path of a new picture that was checked."""
        upload = self.upload(person)
        assert self.record(upload)
        return str(self.game.one("select private.checked_path(%s)", (upload,)))

    def files(self) -> set[str]:
        return {row["name"] for row in self.game.rows("select name from storage.objects")}


@pytest.fixture
def pictures(game: Game) -> Pictures:
    return Pictures(game)


def answered(pictures: Pictures, act: Callable[[], str]) -> str:
    """What becomes of an act, which is then undone: OK, nothing, or the SQLSTATE."""
    try:
        with pictures.game.db.transaction(force_rollback=True):
            return act()
    except psycopg.Error as error:
        return error.sqlstate or "?" if only_times(error.diag.message_detail) else f"DETAIL {error.diag.message_detail}"


def test_each_operation_is_for_whom_it_is_meant(pictures: Pictures) -> None:
    shown, waiting, new = pictures.shown, pictures.waiting, pictures.new_name(pictures.owner)
    league = {"owner", "mate", "ambassador", "service"}
    mine, service = {"owner", "service"}, {"service"}
    free = f"{shown[:-5]}{'10'[shown[-5] == '1']}.jpg"
    acts: dict[str, tuple[Callable[[Person], str], set[str], str]] = {
        "read": (lambda p: pictures.read(p, shown), league, NOTHING),
        "list": (lambda p: pictures.read(p, shown, "list"), league, NOTHING),
        "sign": (lambda p: pictures.read(p, shown, "sign"), service, NOTHING),
        "sign many": (lambda p: pictures.read(p, shown, "sign_many"), service, NOTHING),
        "read what nobody has checked": (lambda p: pictures.read(p, waiting), mine, NOTHING),
        "sign what nobody has checked": (lambda p: pictures.read(p, waiting, "sign"), service, NOTHING),
        "upload": (lambda p: pictures.put(p, new), mine, DENIED),
        "sign an upload": (lambda p: pictures.put(p, new, "sign_upload_url"), service, DENIED),
        "upload as checked": (
            lambda p: pictures.put(p, f"{pictures.owner.account}/{uuid.uuid4().hex}.jpg"), service, DENIED,
        ),
        "upload over the checked one": (lambda p: pictures.put(p, shown, upsert=True), service, DENIED),
        "upload over what is being checked": (lambda p: pictures.put(p, waiting, upsert=True), service, DENIED),
        "remove": (lambda p: pictures.remove(p, shown), mine, NOTHING),
        "remove what nobody has checked": (lambda p: pictures.remove(p, waiting), mine, NOTHING),
        "call it checked": (lambda p: pictures.move(p, waiting, free), set(), NOTHING),
    }  # fmt: skip
    before = pictures.files()
    for name, (act, allowed, otherwise) in acts.items():
        found = {who: answered(pictures, lambda p=person, act=act: act(p)) for who, person in pictures.people.items()}
        if name == "call it checked":
            # The rows of Storage do not change names, for the secret key either.
            assert found.pop("service") == DENIED
        assert found == {who: OK if who in allowed else otherwise for who in found}, name
        assert pictures.files() == before, name


def test_a_league_is_left_behind_with_its_pictures_at_once(pictures: Pictures) -> None:
    mate = pictures.people["mate"]
    assert pictures.read(mate, pictures.shown) == OK
    pictures.league.ambassador.call("expel_player", player_id=mate.player_id, reason="insults")
    assert pictures.read(mate, pictures.shown) == NOTHING
    assert pictures.read(pictures.people["ambassador"], pictures.checked(mate)) == NOTHING


def test_an_anonymous_session_sees_and_writes_nothing_whatever_its_account(pictures: Pictures) -> None:
    for who in ("mate", "owner"):
        person = Person(pictures.game.db, "authenticated", pictures.people[who].account, is_anonymous=True)
        assert pictures.read(person, pictures.shown) == NOTHING
        assert pictures.read(person, pictures.waiting) == NOTHING
        assert pictures.remove(person, pictures.shown) == NOTHING
        with refused(DENIED):
            pictures.put(person, pictures.new_name(person))


def test_families_of_a_class_see_no_pictures_and_teachers_those_of_each_other(game: Game, pictures: Pictures) -> None:
    class_ = game.class_(game.edition(audience="school"))
    picture = pictures.checked(class_.teacher)
    assert pictures.read(game.family(class_), picture) == NOTHING
    assert pictures.read(game.teacher(), picture) == NOTHING
    assert pictures.read(class_.teacher, picture) == OK


def test_a_new_picture_replaces_the_one_before_and_only_files_that_nobody_sees_go(pictures: Pictures) -> None:
    game, owner, mate = pictures.game, pictures.owner, pictures.people["mate"]
    first = pictures.shown
    assert owner.view("my_profile")[0]["picture_path"] == first
    assert pictures.record(pictures.waiting)
    (mine,) = owner.view("my_picture")
    second = mine["path"]
    assert second != first
    assert (pictures.read(mate, first), pictures.read(mate, second)) == (NOTHING, OK)
    assert owner.view("my_profile")[0]["picture_path"] == second
    members = {row["player_id"]: row["picture_path"] for row in mate.view("league_members")}
    assert members[owner.player_id] == second
    assert [row["path"] for row in game.service.table("uploads_to_remove")] == [first]
    pictures.remove(game.service, first)
    assert game.service.table("uploads_to_remove") == []
    assert owner.view("my_picture")[0]["path"] == second


def test_an_upload_that_is_refused_says_why_and_leaves_what_is_shown(pictures: Pictures) -> None:
    assert pictures.record(pictures.waiting, "another_type")
    (mine,) = pictures.owner.view("my_picture")
    assert (mine["path"], mine["problem"]) == (pictures.shown, "another_type")
    mate = pictures.people["mate"]
    assert pictures.record(pictures.upload(mate), "unreadable")
    assert mate.view("my_picture")[0]["path"] is None
    assert mate.view("my_profile")[0]["picture_path"] is None
    assert pictures.people["ambassador"].view("my_picture") == []


def test_removing_the_file_removes_the_picture(pictures: Pictures) -> None:
    assert pictures.remove(pictures.owner, pictures.shown) == OK
    assert pictures.owner.view("my_picture") == []
    assert pictures.owner.view("my_profile")[0]["picture_path"] is None


def test_an_upload_that_its_owner_took_back_is_shown_to_nobody(pictures: Pictures) -> None:
    game, upload = pictures.game, pictures.waiting
    checked = str(game.one("select private.checked_path(%s)", (upload,)))
    # The worker has written the checked file, and has yet to record it.
    pictures.put(game.service, checked)
    assert game.service.table("uploads_to_remove") == []
    pictures.remove(pictures.owner, upload)
    assert game.service.call("record_upload", bucket_id="profile-pictures", path=upload) is False
    assert pictures.owner.view("my_picture")[0]["path"] == pictures.shown
    assert [row["path"] for row in game.service.table("uploads_to_remove")] == [checked]


def test_recording_twice_is_recording_once_and_nothing_is_shown_without_a_file(pictures: Pictures) -> None:
    game = pictures.game
    with game.refused("MP010"):
        game.service.call("record_upload", bucket_id="profile-pictures", path=pictures.waiting)
    for path in (pictures.shown, "", None, "../x", f"{pictures.owner.account}/new/x.jpg"):
        with game.refused("MP010"):
            game.service.call("record_upload", bucket_id="profile-pictures", path=path)
    checked = str(game.one("select private.checked_path(%s)", (pictures.waiting,)))
    pictures.put(game.service, checked)
    for _ in range(2):
        assert game.service.call("record_upload", bucket_id="profile-pictures", path=pictures.waiting) is True
    assert pictures.owner.view("my_picture")[0]["path"] == checked


def test_an_erased_account_leaves_no_picture_and_its_files_are_listed_for_removal(pictures: Pictures) -> None:
    game = pictures.game
    mate = pictures.people["mate"]
    game.run("delete from auth.users where id = %s", (pictures.owner.account,))
    assert game.rows("select from mpp.picture where account_id = %s", (pictures.owner.account,)) == []
    assert pictures.read(mate, pictures.shown) == NOTHING
    assert {row["path"] for row in game.service.table("uploads_to_remove")} == {pictures.shown, pictures.waiting}
    assert game.service.call("record_upload", bucket_id="profile-pictures", path=pictures.waiting) is False
    with refused(DENIED):
        pictures.put(game.service, pictures.new_name(pictures.owner))


@pytest.mark.parametrize(
    "name",
    [
        "{me}/new/x.jpg", "{me}/new/{hex}.svg", "{me}/new/{hex}.html", "{me}/new/{hex}", "{me}/{hex}.jpg",
        "{me}/{hex}.png", "{me}/new/new/{hex}.jpg", "{me}/new/../{hex}.jpg", "{other}/new/{hex}.jpg", "new/{hex}.jpg",
        "{ME}/new/{hex}.jpg", "{me}/new/{HEX}.jpg", "{me}/new/{hex}.jpg\n", "{me}/new/{hex}.jpg/x",
        "x{me}/new/{hex}.jpg",
    ],
)  # fmt: skip
def test_an_upload_has_a_name_of_one_form_in_the_folder_of_its_owner(pictures: Pictures, name: str) -> None:
    me, digits = pictures.owner.account, uuid.uuid4().hex.replace("0", "a")
    path = name.format(
        me=me, other=pictures.people["mate"].account, hex=digits, ME=str(me).upper(), HEX=f"A{digits[1:].upper()}"
    )
    with refused(DENIED):
        pictures.put(pictures.owner, path)


def test_three_uploads_wait_at_most(pictures: Pictures) -> None:
    for ending in ("png", "webp"):
        pictures.upload(pictures.owner, ending)
    for person in (pictures.owner, pictures.game.service):
        with refused(DENIED) as caught:
            pictures.put(person, pictures.new_name(pictures.owner))
        assert "Three pictures" in str(caught.value)
    pictures.upload(pictures.people["mate"])
    pictures.remove(pictures.owner, pictures.waiting)
    pictures.upload(pictures.owner)


def test_a_picture_comes_from_no_other_bucket_and_goes_to_none(pictures: Pictures) -> None:
    game = pictures.game
    game.run("insert into storage.buckets (id, name) values ('elsewhere', 'elsewhere')")
    with refused(DENIED):
        pictures.move(game.service, pictures.shown, pictures.shown, "elsewhere")


def test_nothing_is_uploaded_or_removed_during_maintenance_and_reading_goes_on(pictures: Pictures) -> None:
    game = pictures.game
    hour, message = timedelta(hours=1), Jsonb({"fr": "Entretien", "en": "Maintenance"})
    game.run(
        "insert into mpp.maintenance_window (starts_at, ends_at, message) values (%s, %s, %s)",
        (game.now - hour, game.now + hour, message),
    )
    with refused(DENIED):
        pictures.upload(pictures.owner)
    assert pictures.remove(pictures.owner, pictures.shown) == NOTHING
    assert pictures.read(pictures.people["mate"], pictures.shown) == OK


def test_what_the_worker_does_is_for_the_secret_key_alone(pictures: Pictures) -> None:
    for who, person in pictures.people.items():
        record = {"bucket_id": "profile-pictures", "path": pictures.waiting}
        for function, given in (("uploads_to_check", {}), ("uploads_to_remove", {}), ("record_upload", record)):
            if who != "service":
                with refused(DENIED):
                    person.call(function, **given)
    assert [row["path"] for row in pictures.game.service.table("uploads_to_check")] == [pictures.waiting]
    for function in ("uploads_to_check", "uploads_to_remove"):
        for how_many in (0, 1001, None):
            with pictures.game.refused("MP010"):
                pictures.game.service.table(function, how_many=how_many)


def test_everybody_reads_their_own_picture_and_no_other_row(pictures: Pictures) -> None:
    for who, person in pictures.people.items():
        if who in ("anon", "service"):
            with refused(DENIED):
                person.view("my_picture")
        else:
            assert [row["path"] for row in person.view("my_picture")] == ([pictures.shown] if who == "owner" else []), (
                who
            )


def test_the_limits_are_the_same_in_the_database_and_in_config(game: Game) -> None:
    (bucket,) = game.rows("select * from storage.buckets where id = 'profile-pictures'")
    said = tomllib.loads((ROOT / "supabase/config.toml").read_text())["storage"]["buckets"]["profile-pictures"]
    assert said == {"public": False, "file_size_limit": "5MiB", "allowed_mime_types": bucket["allowed_mime_types"]}
    assert (bucket["public"], bucket["file_size_limit"]) == (False, 5 << 20)
