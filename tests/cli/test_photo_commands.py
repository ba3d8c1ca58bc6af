"""`mpp photo`: from the command to the rows of the database and the files of Storage."""

from __future__ import annotations

import httpx

from mpp_cli.exits import Exit
from tests.library.test_image import picture, written
from tests.support.waiting import LIMIT
from tests.support.world import World

from .conftest import Mpp


def test_a_photo_is_looked_at_approved_used_and_removed(mpp: Mpp, world: World) -> None:
    owner = world.person("Owner")
    league = world.league(world.edition(), owner)
    row = owner.call("share_photo", league_id=league, caption="Our garden", text_number=1)
    reference = row["reference"]
    sent = world.http.post(
        f"/storage/v1/object/photos/{row['upload_path']}.jpg",
        content=written(picture(), "JPEG"),
        headers={"Authorization": f"Bearer {owner.token}", "content-type": "image/jpeg"},
    )
    assert sent.status_code == 200, sent.text
    checked = mpp("photo", "check")
    assert checked.code == Exit.OK, checked.err
    assert "1 upload taken, 0 refused; 0 files removed." in checked.err
    listed = mpp("photo", "list", "--state", "submitted")
    assert reference in listed.out
    assert "Our garden" in listed.out
    shown = mpp("photo", "show", reference)
    assert httpx.get(shown.out.strip(), timeout=LIMIT).headers["content-type"] == "image/jpeg"
    early = mpp("photo", "use", reference, "--for", "Newsletter")
    assert early.code == Exit.REFUSED
    assert mpp("photo", "approve", reference).code == Exit.OK
    assert mpp("photo", "use", reference, "--for", "Newsletter").code == Exit.OK
    owner.call("withdraw_photo", photo_id=row["photo_id"])
    due = mpp("photo", "removals")
    assert reference in due.out
    assert "withdrawn" in due.out
    assert "Newsletter" in due.out
    removed = mpp("photo", "remove", reference, "--reason", "withdrawn", "--yes")
    assert f"{reference} is removed. It was used for: Newsletter" in removed.err
    assert reference not in mpp("photo", "removals").out
    assert reference in mpp("photo", "removals", "--done").out
    again = mpp("photo", "remove", reference, "--reason", "withdrawn", "--yes")
    assert again.code == Exit.REFUSED
    assert mpp("photo", "refuse", reference).code == Exit.REFUSED
