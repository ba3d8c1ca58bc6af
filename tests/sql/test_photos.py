"""Photos for communication: who shares them, who reads them, what the staff do with them, and how they are removed."""

from __future__ import annotations

import contextlib
import tomllib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.support import ROOT
from tests.support.game import DAY, Game, League, Person, refused
from tests.support.refusal_details import only_times

from .test_client_privileges import disable

OK, NOTHING, DENIED = "OK", "nothing", "42501"

PEOPLE = (
    "anon", "anonymous", "unregistered", "outsider", "other_ambassador", "member", "co_ambassador", "sharer", "staff",
    "service",
)  # fmt: skip


@dataclass
class Shared:
    """A photo, and where its files go."""

    id: uuid.UUID
    reference: str
    upload: str
    checked: str


class Photos:
    """A league with two ambassadors, one of whom shared photos, and somebody of every kind."""

    def __init__(self, game: Game) -> None:
        self.game = game
        edition = game.edition()
        self.league = game.league(edition)
        member, co_ambassador = game.player(self.league), game.player(self.league)
        self.league.ambassador.call("set_co_ambassador", player_id=co_ambassador.player_id, granted=True)
        self.people = {
            "anon": game.anon,
            "anonymous": game.anonymous(),
            "unregistered": game.signed_in(),
            "outsider": game.registered(),
            "other_ambassador": game.league(edition).ambassador,
            "member": member,
            "co_ambassador": co_ambassador,
            "sharer": self.league.ambassador,
            "staff": game.staff(),
            "service": game.service,
        }
        assert tuple(self.people) == PEOPLE
        self.sharer, self.staff = self.league.ambassador, self.people["staff"]

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
        query = f"insert into storage.objects (bucket_id, name, version) values ('photos', %s, '2'){replaced}"
        with self.asking(person, operation) as db:
            return OK if db.execute(query, (name,)).rowcount else NOTHING

    def read(self, person: Person, name: str, operation: str = "get_authenticated") -> str:
        with self.asking(person, operation) as db:
            query = "select from storage.objects where bucket_id = 'photos' and name = %s"
            return OK if db.execute(query, (name,)).rowcount else NOTHING

    def remove_file(self, person: Person, name: str) -> str:
        with self.asking(person, "delete") as db:
            query = "delete from storage.objects where bucket_id = 'photos' and name = %s"
            return OK if db.execute(query, (name,)).rowcount else NOTHING

    def move(self, person: Person, name: str, to: str) -> str:
        with self.asking(person, "move") as db:
            query = "update storage.objects set name = %s where bucket_id = 'photos' and name = %s"
            return OK if db.execute(query, (to, name)).rowcount else NOTHING

    def share(self, person: Person | None = None, caption: str = "A garden", league: League | None = None) -> Shared:
        """Share a photo whose file is still expected."""
        row = (person or self.sharer).call(
            "share_photo", league_id=(league or self.league).id, caption=caption, text_number=1
        )
        digits = row["photo_id"].hex
        checked = f"{(person or self.sharer).account}/{digits}.jpg"
        return Shared(row["photo_id"], row["reference"], f"{row['upload_path']}.jpg", checked)

    def check(self, shared: Shared, problem: str | None = None) -> bool:
        """Do what the worker does."""
        service = self.game.service
        if problem is None:
            self.put(service, shared.checked, upsert=True)
        taken = service.call("record_upload", bucket_id="photos", path=shared.upload, problem=problem)
        self.remove_file(service, shared.upload)
        return bool(taken)

    def submitted(self) -> Shared:
        shared = self.share()
        assert self.put(self.sharer, shared.upload) == OK
        assert self.check(shared)
        return shared

    def used(self) -> Shared:
        shared = self.submitted()
        self.staff.call("decide_photo", reference=shared.reference, state="approved")
        self.staff.call("decide_photo", reference=shared.reference, state="used", used_for="Newsletter")
        return shared

    def state(self, shared: Shared) -> str | None:
        rows = self.game.rows("select state::text from mpp.photo where id = %s", (shared.id,))
        return str(rows[0]["state"]) if rows else None

    def due(self) -> list[dict[str, Any]]:
        """What must be removed."""
        return [row for row in self.staff.view("photo_removals") if row["done_at"] is None]

    def days_after(self, at: datetime, days: int) -> datetime:
        """The same hour so many days later, in Paris."""
        return self.game.one("select private.days_after(%s, %s)", (at, days))  # type: ignore[no-any-return]

    def stray(self) -> set[str]:
        return {row["path"] for row in self.game.service.table("uploads_to_remove")}


@pytest.fixture
def photos(game: Game) -> Photos:
    return Photos(game)


def answered(photos: Photos, act: Callable[[], str]) -> str:
    """What becomes of an act, which is then undone: OK, nothing, or the SQLSTATE."""
    try:
        with photos.game.db.transaction(force_rollback=True):
            return act()
    except psycopg.Error as error:
        return error.sqlstate or "?" if only_times(error.diag.message_detail) else f"DETAIL {error.diag.message_detail}"


def test_each_operation_on_a_file_is_for_whom_it_is_meant(photos: Photos) -> None:
    checked, expected, waiting = photos.submitted(), photos.share(), photos.share()
    photos.put(photos.sharer, waiting.upload)
    png = expected.upload.replace(".jpg", ".png")
    mine, looking, service = {"sharer", "service"}, {"sharer", "staff", "service"}, {"service"}
    acts: dict[str, tuple[Callable[[Person], str], set[str], str]] = {
        "read": (lambda p: photos.read(p, checked.checked), looking, NOTHING),
        "list": (lambda p: photos.read(p, checked.checked, "list"), looking, NOTHING),
        "sign": (lambda p: photos.read(p, checked.checked, "sign"), {"staff", "service"}, NOTHING),
        "read what nobody has checked": (lambda p: photos.read(p, waiting.upload), mine, NOTHING),
        "sign what nobody has checked": (lambda p: photos.read(p, waiting.upload, "sign"), service, NOTHING),
        "upload": (lambda p: photos.put(p, expected.upload), mine, DENIED),
        "upload a PNG": (lambda p: photos.put(p, png), mine, DENIED),
        "sign an upload": (lambda p: photos.put(p, expected.upload, "sign_upload_url"), service, DENIED),
        "upload a second file": (lambda p: photos.put(p, waiting.upload.replace(".jpg", ".png")), set(), DENIED),
        "upload over what is being checked": (lambda p: photos.put(p, waiting.upload, upsert=True), service, DENIED),
        "upload as checked": (lambda p: photos.put(p, expected.checked), service, DENIED),
        "upload once it was checked": (lambda p: photos.put(p, checked.upload), set(), DENIED),
        "upload what nobody shared": (
            lambda p: photos.put(p, f"{photos.sharer.account}/new/{uuid.uuid4().hex}.jpg"), set(), DENIED,
        ),
        "remove": (lambda p: photos.remove_file(p, checked.checked), service, NOTHING),
        "move": (lambda p: photos.move(p, waiting.upload, expected.upload), set(), NOTHING),
    }  # fmt: skip
    for name, (act, allowed, otherwise) in acts.items():
        found = {who: answered(photos, lambda p=person, act=act: act(p)) for who, person in photos.people.items()}
        if name == "move":
            assert found.pop("service") == DENIED
        assert found == {who: OK if who in allowed else otherwise for who in found}, name


def test_who_runs_a_league_or_class_shares_its_photos_and_nobody_else(game: Game, photos: Photos) -> None:
    refusals = {
        "anon": DENIED, "service": DENIED, "anonymous": "MP002", "unregistered": "MP003", "staff": "MP003",
        "outsider": "MP007", "other_ambassador": "MP007", "member": "MP007",
    }  # fmt: skip
    for who, person in photos.people.items():
        if who in ("sharer", "co_ambassador"):
            photos.share(person)
        else:
            with refused(refusals[who]):
                photos.share(person)
    class_ = game.class_(game.edition(audience="school"))
    photos.share(class_.teacher, league=class_)  # type: ignore[arg-type]
    family, stranger = game.family(class_), game.teacher()
    with game.refused("MP002"):
        photos.share(family, league=class_)  # type: ignore[arg-type]
    with game.refused("MP007"):
        photos.share(stranger, league=class_)  # type: ignore[arg-type]
    assert game.one("select count(*) from mpp.photo") == 3


def test_a_child_who_runs_a_league_shares_no_photo(game: Game, photos: Photos) -> None:
    child = game.registered(birth_date=game.child(14))
    league = game.league(game.edition(), child)
    with game.refused("MP074"):
        photos.share(child, league=league)


def test_the_declaration_that_holds_is_recorded_and_no_other_is_taken(game: Game, photos: Photos) -> None:
    shared = photos.share()
    assert photos.sharer.view("my_photos", id=shared.id)[0]["text_number"] == 1
    game.run("insert into mpp.photo_text (number, body) select 2, body from mpp.photo_text where number = 1")
    for number in (1, 3, None):
        with game.refused("MP072"):
            photos.sharer.call("share_photo", league_id=photos.league.id, caption="x", text_number=number)
    assert {row["number"] for row in photos.people["outsider"].view("photo_texts")} == {1, 2}


@pytest.mark.parametrize("caption", ["", None, "See www.example.org", "x" * 201, "a\x07bell", "back\u202eward"])
def test_a_caption_is_held_to_the_rule_of_public_names(photos: Photos, caption: str | None) -> None:
    with photos.game.refused("MP010"):
        photos.sharer.call("share_photo", league_id=photos.league.id, caption=caption, text_number=1)


@pytest.mark.parametrize(
    "caption",
    ["Lina plants a tree", "The garden of LINA.", "Chloé et Léo", "chloe", "With Jean Paul", "JEAN-PAUL’s tree"],
)
def test_a_caption_never_names_a_pupil_of_the_class(game: Game, photos: Photos, caption: str) -> None:
    class_ = game.class_(game.edition(audience="school"))
    game.pupils(class_, "Lina", "Chloé", "Jean-Paul")
    with game.refused("MP073"):
        photos.share(class_.teacher, caption, class_)  # type: ignore[arg-type]
    for good in ("Linaria in the garden", "Our class plants trees", "Paul's tree"):
        photos.share(class_.teacher, good, class_)  # type: ignore[arg-type]


def test_ten_photos_a_day_and_taking_one_back_makes_no_room(game: Game, photos: Photos) -> None:
    for _ in range(9):
        photos.share()
    photos.sharer.call("withdraw_photo", photo_id=photos.share().id)
    with game.refused("MP047"):
        photos.share()
    photos.share(photos.people["co_ambassador"])
    game.clock(game.now + DAY + timedelta(seconds=1))
    photos.share()


def test_who_runs_the_league_no_more_sends_no_file_for_it(photos: Photos) -> None:
    shared = photos.share(photos.people["co_ambassador"])
    player = photos.people["co_ambassador"].player_id
    photos.sharer.call("set_co_ambassador", player_id=player, granted=False)
    with refused(DENIED):
        photos.put(photos.people["co_ambassador"], shared.upload)


def test_a_disabled_account_and_one_whose_photo_was_refused_read_nothing(photos: Photos) -> None:
    shared = photos.submitted()
    disable(photos.game, photos.sharer)
    assert photos.read(photos.sharer, shared.checked) == NOTHING
    assert photos.read(photos.staff, shared.checked) == OK
    photos.staff.call("decide_photo", reference=shared.reference, state="refused")
    assert photos.read(photos.staff, shared.checked) == NOTHING
    assert photos.stray() == {shared.checked}


def test_the_worker_records_once_what_became_of_an_upload(photos: Photos) -> None:
    game, shared = photos.game, photos.share()
    photos.put(photos.sharer, shared.upload)
    with game.refused("MP010"):
        game.service.call("record_upload", bucket_id="photos", path=shared.upload)
    photos.put(game.service, shared.checked)
    assert photos.stray() == set()
    for _ in range(2):
        assert game.service.call("record_upload", bucket_id="photos", path=shared.upload) is True
    assert game.service.call("record_upload", bucket_id="photos", path=shared.upload, problem="unreadable") is False
    assert photos.state(shared) == "submitted"
    # The upload was recorded, and its worker was cut off before it removed it.
    assert photos.stray() == {shared.upload}
    for operation in ("get_authenticated", "sign"):
        assert photos.read(photos.staff, shared.upload, operation) == NOTHING
    assert game.service.table("uploads_to_check") == []
    other = photos.share()
    photos.put(photos.sharer, other.upload)
    assert photos.check(other, "another_type")
    (mine,) = photos.sharer.view("my_photos", id=other.id)
    assert (mine["state"], mine["problem"]) == ("faulty", "another_type")
    with game.refused("MP010"):
        game.service.call("record_upload", bucket_id="client-files", path=shared.upload)


def test_a_photo_that_was_taken_back_meanwhile_is_shown_to_nobody(photos: Photos) -> None:
    shared = photos.share()
    photos.put(photos.sharer, shared.upload)
    photos.sharer.call("withdraw_photo", photo_id=shared.id)
    photos.put(photos.game.service, shared.checked)
    assert photos.game.service.call("record_upload", bucket_id="photos", path=shared.upload) is False
    for person in (photos.sharer, photos.staff):
        assert photos.read(person, shared.checked) == NOTHING
    assert photos.stray() == {shared.upload, shared.checked}


DECIDING = [("submitted", "approved"), ("submitted", "refused"), ("approved", "used"), ("approved", "refused")]


def test_the_staff_approve_then_use_or_refuse_and_nothing_else(photos: Photos) -> None:
    for first in ("submitted", "approved"):
        for then in ("expected", "submitted", "approved", "used", "refused", "faulty", None):
            with photos.game.db.transaction(force_rollback=True):
                shared = photos.submitted()
                if first == "approved":
                    photos.staff.call("decide_photo", reference=shared.reference, state="approved")
                given = {"reference": shared.reference, "state": then, "used_for": "Newsletter"}
                if (first, then) in DECIDING:
                    photos.staff.call("decide_photo", **given)
                    assert photos.state(shared) == then
                else:
                    with photos.game.refused("MP010"):
                        photos.staff.call("decide_photo", **given)
    shared = photos.used()
    photos.staff.call("decide_photo", reference=shared.reference, state="used", used_for="Poster")
    assert photos.staff.view("ops_photos", id=shared.id)[0]["used_for"] == "Newsletter; Poster"
    with photos.game.refused("MP071"):
        photos.staff.call("decide_photo", reference="0000000000", state="approved")


def test_anybody_asks_for_a_removal_by_the_reference_and_learns_nothing(photos: Photos) -> None:
    shared = photos.used()
    for who, person in photos.people.items():
        with photos.game.db.transaction(force_rollback=True):
            typed = f" {shared.reference[:5].lower()}-{shared.reference[5:]} "
            said = person.call("request_photo_removal", reference=typed, note="I am on it")
            assert said == person.call("request_photo_removal", reference="0000000000", note="I am on it"), who
            (due,) = photos.due()
            assert (due["reference"], due["cause"], due["note"]) == (shared.reference, "asked", "I am on it")
            assert due["used_for"] == "Newsletter"
            assert due["due_at"] == photos.days_after(due["asked_at"], 7)
    for who, person in photos.people.items():
        if who not in ("staff", "service"):
            for view in ("photo_removals", "ops_photos"):
                assert answered(photos, lambda p=person, v=view: str(p.view(v))) in ("[]", DENIED)


def test_requests_about_a_photo_are_bounded_and_keep_it_from_being_used(photos: Photos) -> None:
    shared = photos.submitted()
    for _ in range(5):
        photos.game.anon.call("request_photo_removal", reference=shared.reference)
    assert len(photos.due()) == 3
    for wrong in ("", None, "x" * 5000, "0" * 10):
        photos.game.anon.call("request_photo_removal", reference=wrong)
    assert len(photos.due()) == 3
    with photos.game.refused("MP010"):
        photos.staff.call("decide_photo", reference=shared.reference, state="approved")
    assert photos.staff.view("ops_photos", id=shared.id)[0]["remove_by"] is not None
    photos.staff.call("decide_photo", reference=shared.reference, state="refused")


def test_removing_ends_row_file_and_requests_and_says_where_it_was_published(photos: Photos) -> None:
    shared = photos.used()
    photos.game.anon.call("request_photo_removal", reference=shared.reference, note="my face")
    places = photos.staff.call("remove_photo", reference=shared.reference, reason="asked by somebody shown")
    assert places == "Newsletter"
    assert (photos.state(shared), photos.due(), photos.stray()) == (None, [], {shared.checked})
    assert photos.read(photos.staff, shared.checked) == NOTHING
    assert photos.game.one("select count(*) from mpp.photo_removal where note is not null") == 0
    with photos.game.refused("MP071"):
        photos.staff.call("remove_photo", reference=shared.reference, reason="again")


def test_the_sharer_takes_back_the_consent_and_the_staff_learn_what_to_take_down(photos: Photos) -> None:
    unpublished, published = photos.submitted(), photos.used()
    for person in ("co_ambassador", "member", "outsider"):
        with photos.game.refused("MP071"):
            photos.people[person].call("withdraw_photo", photo_id=published.id)
    for shared in (unpublished, published):
        photos.sharer.call("withdraw_photo", photo_id=shared.id)
        assert photos.read(photos.sharer, shared.checked) == NOTHING
        assert photos.read(photos.staff, shared.checked) == NOTHING
    assert photos.stray() == {unpublished.checked, published.checked}
    (due,) = photos.due()
    assert (due["reference"], due["cause"], due["used_for"]) == (published.reference, "withdrawn", "Newsletter")
    assert photos.staff.call("remove_photo", reference=published.reference, reason="withdrawn") == "Newsletter"
    assert photos.due() == []


def test_an_erased_account_leaves_no_photo_and_the_staff_learn_what_to_take_down(photos: Photos) -> None:
    unpublished, published = photos.submitted(), photos.used()
    photos.game.run("delete from auth.users where id = %s", (photos.sharer.account,))
    assert photos.stray() == {unpublished.checked, published.checked}
    (due,) = photos.due()
    assert (due["reference"], due["cause"], due["used_for"]) == (published.reference, "erased", "Newsletter")
    assert str(photos.sharer.account) not in str(photos.game.rows("select * from mpp.photo_removal"))


def test_the_time_for_a_removal_is_a_setting(photos: Photos) -> None:
    photos.game.service.call("set_setting", name="photo_removal_days", value="2")
    photos.game.anon.call("request_photo_removal", reference=photos.submitted().reference)
    (due,) = photos.due()
    assert due["due_at"] == photos.days_after(due["asked_at"], 2)


def test_everybody_reads_their_own_photos_and_the_staff_all(photos: Photos) -> None:
    shared = photos.submitted()
    for who, person in photos.people.items():
        if who in ("anon", "service"):
            with refused(DENIED):
                person.view("my_photos")
        else:
            assert [row["id"] for row in person.view("my_photos")] == ([shared.id] if who == "sharer" else []), who
        if who == "anon":
            with refused(DENIED):
                person.view("ops_photos")
        else:
            seen = [row["path"] for row in person.view("ops_photos")]
            assert seen == ([shared.checked] if who in ("staff", "service") else []), who
        for function, given in (
            ("decide_photo", {"state": "approved"}), ("remove_photo", {"reason": "why"}),
        ):  # fmt: skip
            if who not in ("staff", "service"):
                with refused(DENIED if who == "anon" else "MP006"):
                    person.call(function, reference=shared.reference, **given)


def test_the_limits_are_the_same_in_the_database_and_in_config(game: Game) -> None:
    (bucket,) = game.rows("select * from storage.buckets where id = 'photos'")
    said = tomllib.loads((ROOT / "supabase/config.toml").read_text())["storage"]["buckets"]["photos"]
    assert said == {"public": False, "file_size_limit": "10MiB", "allowed_mime_types": bucket["allowed_mime_types"]}
    assert (bucket["public"], bucket["file_size_limit"]) == (False, 10 << 20)
