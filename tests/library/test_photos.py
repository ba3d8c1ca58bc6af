"""Pictures and photos over HTTP: what a telephone uploads, what the worker makes of it, and who then sees it."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from PIL import Image

from mpp_supabase.errors import PhotoUnknown
from mpp_supabase.services.photos import CheckedUploads, Photos
from mpp_supabase.transport import Transport
from tests.support.waiting import LIMIT
from tests.support.world import Person, World

from .test_image import HEIC, SECRET, SVG, picture, with_position, written

BUCKET = "profile-pictures"
JPEG = written(picture((3000, 2000)), "JPEG", exif=with_position())


@dataclass
class League:
    """A player, a team-mate, and somebody of another league."""

    world: World
    owner: Person
    mate: Person
    other: Person

    def ask(self, who: Person | None, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {who.token}"} if who else {}
        headers |= options.pop("headers", {})
        return self.world.http.request(method, f"/storage/v1/object/{path}", headers=headers, **options)

    def upload(self, who: Person, content: bytes = JPEG, ending: str = "jpg", media_type: str = "image/jpeg") -> str:
        """Upload as an app does; the name in the bucket."""
        name = f"{who.account.id}/new/{uuid.uuid4().hex}.{ending}"
        answer = self.ask(who, "POST", f"{BUCKET}/{name}", content=content, headers={"content-type": media_type})
        assert answer.status_code == 200, answer.text
        return name

    def get(self, who: Person | None, name: str) -> bytes | None:
        """The bytes of a file, None where there is nothing for this person."""
        answer = self.ask(who, "GET", f"{BUCKET}/{name}")
        return answer.content if answer.status_code == 200 else None

    def mine(self, who: Person) -> dict[str, Any] | None:
        found = who.read("my_picture")
        return found[0] if found else None

    def files(self, who: Person) -> set[str]:
        """The files of a person, as their rows say."""
        rows = self.world.database.execute(
            "select name from storage.objects where bucket_id = %s and name like %s", (BUCKET, f"{who.account.id}/%")
        )
        return {name for (name,) in rows}


@pytest.fixture
def league(world: World) -> League:
    edition = world.edition()
    owner, mate, other = (world.person(name) for name in ("Owner", "Mate", "Other"))
    world.league(edition, owner, mate)
    world.league(edition, other, name="Other")
    world.ops.photos.check()
    return League(world, owner, mate, other)


def test_a_picture_is_seen_by_the_league_once_it_was_checked_without_the_place_it_was_taken(league: League) -> None:
    name = league.upload(league.owner)
    assert SECRET in (league.get(league.owner, name) or b"")
    for who in (league.mate, league.other, None):
        assert league.get(who, name) is None
    assert league.mine(league.owner) is None
    assert league.world.ops.photos.check() == CheckedUploads(taken=1, refused=0, removed=0)
    mine = league.mine(league.owner)
    assert mine is not None
    assert mine["problem"] is None
    shown = league.get(league.mate, mine["path"])
    assert shown is not None
    assert SECRET not in shown
    image = Image.open(io.BytesIO(shown))
    assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (512, 341), {})
    for who in (league.other, None):
        assert league.get(who, mine["path"]) is None
    assert league.files(league.owner) == {mine["path"]}
    assert league.world.ops.photos.check() == CheckedUploads(0, 0, 0)


def test_the_next_picture_replaces_the_one_before_file_and_all(league: League) -> None:
    league.upload(league.owner)
    league.world.ops.photos.check()
    first = league.mine(league.owner)
    league.upload(league.owner, written(picture(), "PNG"), "png", "image/png")
    assert league.world.ops.photos.check() == CheckedUploads(taken=1, refused=0, removed=1)
    second = league.mine(league.owner)
    assert first is not None
    assert second is not None
    assert first["path"] != second["path"]
    assert league.files(league.owner) == {second["path"]}
    removed = league.ask(league.owner, "DELETE", f"{BUCKET}/{second['path']}")
    assert removed.status_code == 200
    assert league.mine(league.owner) is None
    assert league.owner.read("my_profile")[0]["picture_path"] is None


@pytest.mark.parametrize(
    ("content", "ending", "media_type", "problem"),
    [
        (b"<!doctype html><script>alert(1)</script>", "jpg", "image/jpeg", "unreadable"),
        (SVG, "png", "image/png", "unreadable"),
        (HEIC, "jpg", "image/jpeg", "unreadable"),
        (written(picture(), "PNG"), "jpg", "image/jpeg", "another_type"),
        (written(Image.new("1", (10_000, 5_000)), "PNG"), "png", "image/png", "too_many_pixels"),
    ],
)  # fmt: skip
def test_what_is_no_image_is_refused_and_removed_and_the_owner_is_told(
    league: League, content: bytes, ending: str, media_type: str, problem: str
) -> None:
    league.upload(league.owner, content, ending, media_type)
    assert league.world.ops.photos.check() == CheckedUploads(taken=0, refused=1, removed=0)
    mine = league.mine(league.owner)
    assert mine is not None
    assert (mine["path"], mine["problem"]) == (None, problem)
    assert league.files(league.owner) == set()


@pytest.mark.parametrize(
    ("ending", "media_type"),
    [("svg", "image/svg+xml"), ("html", "text/html"), ("heic", "image/heic"), ("jpg", "text/html")],
)
def test_storage_takes_no_other_type_at_all(league: League, ending: str, media_type: str) -> None:
    name = f"{league.owner.account.id}/new/{uuid.uuid4().hex}.{ending}"
    answer = league.ask(league.owner, "POST", f"{BUCKET}/{name}", content=SVG, headers={"content-type": media_type})
    assert answer.status_code >= 400
    assert league.files(league.owner) == set()


def test_a_file_that_is_too_large_is_refused_by_storage(league: League) -> None:
    name = f"{league.owner.account.id}/new/{uuid.uuid4().hex}.jpg"
    content = JPEG + bytes(5 << 20)
    answer = league.ask(
        league.owner, "POST", f"{BUCKET}/{name}", content=content, headers={"content-type": "image/jpeg"}
    )
    assert answer.json()["statusCode"] == "413"
    assert league.files(league.owner) == set()


def test_nobody_signs_a_link_to_a_picture(league: League) -> None:
    name = league.upload(league.owner)
    league.world.ops.photos.check()
    mine = league.mine(league.owner)
    assert mine is not None
    for who in (league.owner, league.mate, league.other):
        for path in (name, mine["path"]):
            assert league.ask(who, "POST", f"sign/{BUCKET}/{path}", json={"expiresIn": 60}).status_code == 400


class Killed(BaseException):
    """The worker is gone: nothing of it runs any more."""


@dataclass
class Mortal:
    """A transport that is killed at its `step`-th request, before it is sent or once the server has done it."""

    transport: Transport
    step: int
    after: bool
    made: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*given: Any, **options: Any) -> Any:
            self.made.append(name)
            if len(self.made) == self.step and not self.after:
                raise Killed
            answer = getattr(self.transport, name)(*given, **options)
            if len(self.made) == self.step:
                raise Killed
            return answer

        return ask


def test_a_worker_that_is_killed_anywhere_leaves_nothing_to_see_and_the_next_one_ends_its_work(league: League) -> None:
    league.upload(league.owner)
    league.world.ops.photos.check()
    step, killed = 0, 0
    while True:
        step += 1
        for after in (False, True):
            before = league.mine(league.owner)
            assert before is not None
            name = league.upload(league.owner)
            league.upload(league.mate, b"<html>")
            mortal: Any = Mortal(league.world.ops._transport, step, after)
            try:
                Photos(mortal).check()
            except Killed:
                killed += 1
            else:
                # It was done before the step at which it would have been killed.
                assert step > 8
                assert killed == 2 * (step - 1)
                return
            # What the league sees is one of the two, whole and without the place it was taken.
            now = league.mine(league.owner)
            assert now is not None
            checked = f"{league.owner.account.id}/{name.split('/')[2]}"
            assert now["path"] in (before["path"], checked)
            assert SECRET not in (league.get(league.mate, now["path"]) or SECRET)
            assert league.get(league.mate, name) is None
            league.world.ops.photos.check()
            last = league.mine(league.owner)
            assert last is not None
            assert last["path"] == checked
            assert league.files(league.owner) == {checked}
            assert league.files(league.mate) == set()
            assert (league.mine(league.mate) or {})["problem"] == "unreadable"


def test_what_an_erased_account_leaves_is_removed(league: League) -> None:
    league.upload(league.owner)
    league.world.ops.photos.check()
    league.upload(league.owner)
    league.world.database.execute("delete from auth.users where id = %s", (league.owner.account.id,))
    assert league.world.ops.photos.check().refused == 0
    assert league.files(league.owner) == set()


def test_a_run_takes_as_many_as_it_is_told(league: League) -> None:
    for _ in range(3):
        league.upload(league.owner)
    assert league.world.ops.photos.check(2).taken == 2
    assert league.world.ops.photos.check().taken == 1


def shared(league: League, content: bytes = JPEG) -> dict[str, Any]:
    """A photo of the owner's league whose file was sent: the row of share_photo."""
    (mine,) = league.owner.read("my_leagues")
    row: dict[str, Any] = league.owner.call(
        "share_photo", league_id=mine["league_id"], caption="Our garden", text_number=1
    )
    answer = league.ask(
        league.owner,
        "POST",
        f"photos/{row['upload_path']}.jpg",
        content=content,
        headers={"content-type": "image/jpeg"},
    )
    assert answer.status_code == 200, answer.text
    return row


def photo_files(league: League) -> set[str]:
    rows = league.world.database.execute(
        "select name from storage.objects where bucket_id = 'photos' and name like %s",
        (f"{league.owner.account.id}/%",),
    )
    return {name for (name,) in rows}


def test_a_photo_is_seen_by_the_staff_once_it_was_checked_by_a_link_that_is_short(league: League) -> None:
    ops, row = league.world.ops.photos, shared(league)
    assert ops.check() == CheckedUploads(taken=1, refused=0, removed=0)
    photo = ops.get(row["reference"].lower())
    assert (photo.state, photo.caption, photo.is_class) == ("submitted", "Our garden", False)
    assert photo_files(league) == {photo.path}
    address = ops.link(photo)
    shown = httpx.get(address, timeout=LIMIT)
    assert shown.status_code == 200
    assert SECRET not in shown.content
    assert Image.open(io.BytesIO(shown.content)).size == (2048, 1365)
    claims = jwt.decode(parse_qs(urlsplit(address).query)["token"][0], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60
    for who in (league.mate, league.other, None):
        assert league.ask(who, "GET", f"photos/{photo.path}").status_code == 400
        assert league.ask(who, "POST", f"sign/photos/{photo.path}", json={"expiresIn": 60}).status_code == 400


def test_a_photo_is_approved_used_and_removed_with_its_file_once_somebody_shown_asks(league: League) -> None:
    ops, row = league.world.ops.photos, shared(league)
    ops.check()
    ops.decide(row["reference"], "approved")
    ops.decide(row["reference"], "used", used_for="Newsletter")
    answer = league.world.http.post(
        "/rest/v1/rpc/request_photo_removal",
        json={"reference": row["reference"], "note": "It is me"},
        headers={"Content-Profile": "api"},
    )
    assert answer.status_code == 204
    (asked,) = (each for each in ops.removals() if each.reference == row["reference"])
    assert (asked.cause, asked.note, asked.used_for) == ("asked", "It is me", "Newsletter")
    assert ops.remove(row["reference"], "asked") == "Newsletter"
    assert photo_files(league) == set()
    assert row["reference"] not in {each.reference for each in ops.removals()}
    assert row["reference"] in {each.reference for each in ops.removals(done=True)}
    with pytest.raises(PhotoUnknown):
        ops.get(row["reference"])


def test_a_worker_of_photos_that_is_killed_anywhere_is_ended_by_the_next_one(league: League) -> None:
    step = 0
    while True:
        step += 1
        row = shared(league)
        mortal: Any = Mortal(league.world.ops._transport, step, after=step % 2 == 0)
        try:
            Photos(mortal).check()
        except Killed:
            assert league.ask(league.mate, "GET", f"photos/{row['upload_path']}.jpg").status_code == 400
            league.world.ops.photos.check()
        photo = league.world.ops.photos.get(row["reference"])
        assert (photo.state, photo_files(league)) == ("submitted", {photo.path})
        league.world.ops.photos.remove(row["reference"], "a test")
        if step > len(mortal.made):
            assert step > 5
            return


def test_what_an_erased_account_shared_goes_file_and_row(league: League) -> None:
    row = shared(league)
    league.world.ops.photos.check()
    waiting = shared(league)
    league.world.database.execute("delete from auth.users where id = %s", (league.owner.account.id,))
    league.world.ops.photos.check()
    assert photo_files(league) == set()
    references = {photo.reference for photo in league.world.ops.photos.iterate()}
    assert not references & {row["reference"], waiting["reference"]}
