"""`mpp statistics`, `mpp mail notes` and `mpp privacy purge` on a real stack."""

from __future__ import annotations

import secrets
import uuid

from mpp_cli.exits import Exit
from tests.support.world import World
from tests.support.world_clients import running_edition

from .conftest import Mpp


def test_totals_hold_what_was_played_before_and_the_map_no_small_place(mpp: Mpp, world: World) -> None:
    edition = running_edition(world)
    counted = mpp("statistics", "count", edition.code)
    assert (counted.code, edition.code in counted.err) == (Exit.OK, True)
    total = mpp("statistics", "total")
    assert "133,380 of them until 2022-11-08" in total.out
    assert mpp("statistics", "total", "--json").json()["past_editions"] == 18
    everywhere = mpp("statistics", "map", "--json").json()
    assert all(cell["players"] >= 5 for cell in everywhere)
    assert mpp("statistics", "map", edition.code).code == Exit.OK
    for verb in ("map", "count"):
        unknown = mpp("statistics", verb, "nowhere-2026")
        assert (unknown.code, "nowhere-2026" in unknown.err) == (Exit.REFUSED, True)


def test_notes_are_counted_then_queued_once(mpp: Mpp, world: World) -> None:
    edition = running_edition(world)
    ambassador = world.person("notes")
    ambassador.call("set_consent", purpose="league_alerts", granted=True)
    ambassador.call(
        "create_league", edition_id=edition.id, name=f"Les Essais {secrets.token_hex(4)}", category="friends"
    )
    dry = mpp("mail", "notes", edition.code, "--dry-run")
    assert "1 leagues: 1 notes to queue, 0 were already; nothing was queued" in dry.err
    assert "1 notes queued, 0 were already" in mpp("mail", "notes", edition.code).err
    assert "0 notes queued, 1 were already" in mpp("mail", "notes", edition.code).err
    assert mpp("mail", "list", "--purpose", "league_alerts", "--csv").out.count("league-note/") == 1
    assert mpp("mail", "notes", "nowhere-2026").code == Exit.REFUSED


def test_a_purge_shows_its_rules_asks_and_is_done(mpp: Mpp, world: World) -> None:
    organisation = world.ops.clients.set(f"t-{secrets.token_hex(5)}", name="Exemple SA")
    world.database.execute(
        "insert into mpp.staff_invitation (organisation_id, email, role, access_from, access_until, code_digest,"
        " expires_at) values (%s, %s, 'viewer', private.clock() - interval '3 days', private.clock(), %s,"
        " private.clock() - interval '31 days')",
        (organisation.organisation_id, f"{uuid.uuid4().hex}@example.org", uuid.uuid4().bytes),
    )
    (due,) = (
        rule for rule in mpp("privacy", "purge", "--dry-run", "--json").json() if rule["what"] == "invitations of staff"
    )
    assert (due["kept"], due["rows"] >= 1) == ("30 days", True)
    refused = mpp("privacy", "purge")
    assert (refused.code, "--yes" in refused.err) == (Exit.USAGE, True)
    done = mpp("privacy", "purge", "--yes", "--json").json()
    assert next(rule["rows"] for rule in done if rule["what"] == due["what"]) == due["rows"]
    assert not any(rule["rows"] for rule in mpp("privacy", "purge", "--json").json())
