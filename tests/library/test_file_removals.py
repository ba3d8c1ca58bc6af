"""Files of erased accounts, in a real Storage: deleted with their bytes, however often that is broken off."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from mpp_supabase import MPP, Settings, StorageError
from tests.support.faults import line_to
from tests.support.world import World

PICTURES = "pictures-of-a-test"


@pytest.fixture
def bucket(world: World) -> Iterator[str]:
    world.http.post("/storage/v1/bucket", json={"id": PICTURES, "name": PICTURES}, headers=keyed(world))
    yield PICTURES
    world.http.post(f"/storage/v1/bucket/{PICTURES}/empty", json={}, headers=keyed(world))
    world.http.delete(f"/storage/v1/bucket/{PICTURES}", headers=keyed(world))


def keyed(world: World) -> dict[str, str]:
    key = world.settings.secret_key
    assert key is not None
    return {"apikey": key.get_secret_value(), "Authorization": f"Bearer {key.get_secret_value()}"}


def upload(world: World, bucket: str, folder: uuid.UUID, count: int) -> list[str]:
    paths = [f"{folder}/{number}.png" for number in range(count)]
    for path in paths:
        sent = world.http.post(f"/storage/v1/object/{bucket}/{path}", content=b"png", headers=keyed(world))
        assert sent.status_code == 200, sent.text
    return paths


def there(world: World, bucket: str, path: str) -> bool:
    return world.http.get(f"/storage/v1/object/{bucket}/{path}", headers=keyed(world)).status_code == 200


def test_files_of_an_erased_account_are_gone_however_often_that_is_broken_off(world: World, bucket: str) -> None:
    person, other = world.signed_in(), world.signed_in()
    paths = upload(world, bucket, person.account.id, 103)
    (kept,) = upload(world, bucket, other.account.id, 1)
    assert world.ops.privacy.remove_files() == 0
    person.call("erase_my_account")
    assert there(world, bucket, paths[0])

    class Killed(BaseException):
        pass

    def killed(_: int) -> None:
        raise Killed

    # Storage has deleted a first hundred, and the command ends before it learns so.
    with pytest.raises(Killed):
        world.ops.privacy.remove_files(killed)
    left = [path for path in paths if there(world, bucket, path)]
    assert len(left) == 3
    # The answer of Storage is lost, and asked for again.
    keys = {"publishable_key": world.settings.publishable_key, "secret_key": world.settings.secret_key}
    with (
        line_to(world.settings.url, "DELETE /storage") as line,
        MPP.connect(Settings(url=line.url, source="the tests", **keys)) as mpp,
    ):
        line.losses = 1
        assert mpp.privacy.remove_files() == 3
        assert line.lost == 1
    assert not any(there(world, bucket, path) for path in paths)
    assert there(world, bucket, kept)
    assert world.ops.privacy.remove_files() == 0
    (waiting,) = world.database.execute("select count(*) from mpp.file_removal").fetchall()
    assert waiting == (0,)


def test_a_file_that_storage_does_not_delete_is_said_and_not_asked_for_without_end(
    world: World, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = world.signed_in()
    (path,) = upload(world, bucket, person.account.id, 1)
    person.call("erase_my_account")
    with monkeypatch.context() as patched:
        patched.setattr(type(world.ops.privacy), "_remove", lambda *_: None)
        with pytest.raises(StorageError, match="1 files stay where they were"):
            world.ops.privacy.remove_files()
    assert there(world, bucket, path)
    assert world.ops.privacy.remove_files() == 1
