"""Where the setting asks for it, the association's staff and owners of clients need sessions with a second factor."""

from __future__ import annotations

import uuid

import pytest

from tests.support.game import DAY

from . import test_client_privileges as clients
from . import test_privileges as privileges

OK = "00000"


@pytest.fixture
def strict(shared_scene):
    """The people of test_privileges, of whom the staff have no second factor and need one."""
    with shared_scene.scene("second factor", privileges.build) as scene:
        scene.game.require_second_factor()
        yield scene


@pytest.mark.parametrize("command", privileges.COMMANDS)
def test_staff_without_a_second_factor_may_do_what_anybody_with_an_account_may(strict, command):
    arguments, expected = privileges.COMMANDS[command]
    game = strict.game
    staff = strict.people["staff"]
    given = arguments(strict)
    found = clients.answer(game, lambda: staff.table(command, **given))
    if expected["unregistered"] == OK:
        assert found == OK
    elif expected["staff"] == OK:
        # What the staff may as staff: they learn what is missing.
        assert found == "MP013"
    else:
        assert found in (expected["unregistered"], "MP013")
    proven = game.with_second_factor(staff)
    assert clients.answer(game, lambda: proven.table(command, **given)) == expected["staff"]


def test_staff_without_a_second_factor_see_what_anybody_with_an_account_sees(strict):
    game = strict.game
    staff, proven = strict.people["staff"], game.with_second_factor(strict.people["staff"])
    for view, (key, seen) in privileges.visible(strict).items():
        if seen.get("staff") == privileges.DENIED:
            continue
        found = privileges.shown(strict, view, key, staff)
        assert found == seen.get("unregistered", set()), view
        if view != "misuse":
            assert privileges.shown(strict, view, key, proven) == seen.get("staff", set()), view


@pytest.fixture
def client_scene(shared_scene):
    with shared_scene.scene("second factor of clients", clients.Scene) as scene:
        scene.game.require_second_factor()
        yield scene


OWNERS = ("owner_a", "owner_of_both")


@pytest.mark.parametrize("command", clients.COMMANDS)
def test_an_owner_without_a_second_factor_is_refused_in_the_clients_space(client_scene, command):
    arguments, expected = clients.COMMANDS[command]
    game = client_scene.game
    for name in (*OWNERS, "manager_a", "viewer_a", "ops"):
        person = client_scene.people[name]
        given = arguments(client_scene)
        found = clients.answer(game, lambda person=person, given=given: person.table(command, **given))
        if name in ("manager_a", "viewer_a") or expected["player"] == OK:
            assert found == expected[name], name
        elif expected[name] == OK:
            assert found == "MP013", name
        else:
            assert found in (expected[name], "MP013"), name
        proven = game.with_second_factor(person)
        found = clients.answer(game, lambda proven=proven, given=given: proven.table(command, **given))
        assert found == expected[name], name


def test_an_owner_without_a_second_factor_sees_the_name_of_the_client_and_nothing_else(client_scene):
    game = client_scene.game
    views = [
        row["name"]
        for row in game.rows(
            "select relname as name from pg_class where relnamespace = 'api'::regnamespace and relkind = 'v'"
            " and relname like 'client\\_%%' and relname <> 'client_organisations'"
            " and has_table_privilege('authenticated', oid, 'select')"
        )
    ]
    assert len(views) > 10
    owner = client_scene.people["owner_a"]
    proven = game.with_second_factor(owner)
    shown = {view: len(proven.view(view)) for view in views}
    assert shown["client_overview"] > 0
    for view in views:
        assert owner.view(view) == [], view
    (closed,) = owner.view("my_organisations")
    assert (closed["is_open"], closed["closed_because"]) == (False, "second_factor")
    (opened,) = proven.view("my_organisations")
    assert (opened["is_open"], opened["closed_because"]) == (True, None)
    # Managers and viewers need none.
    assert client_scene.people["manager_a"].view("client_overview") != []


def test_without_the_setting_nobody_needs_one(game):
    staff = game.staff()
    assert staff.view("audit_log") != []
    assert game.employed(game.organisation(), "owner").view("my_organisations") != []


def test_the_secret_key_and_dashboards_need_none(game):
    game.require_second_factor()
    assert game.service.view("audit_log") != []


def test_a_claim_alone_is_no_second_factor(game):
    """The token outlives what it says: a factor that was removed, a session that has ended."""
    game.require_second_factor()
    staff = game.with_second_factor(game.staff())
    session = staff.claims["session_id"]
    assert staff.view("audit_log") != []
    game.run("update auth.sessions set aal = 'aal1' where id = %s", (session,))
    assert staff.view("audit_log") == []
    game.run("update auth.sessions set aal = 'aal2' where id = %s", (session,))
    staff.claims["aal"] = "aal1"
    assert staff.view("audit_log") == []
    staff.claims["aal"] = "aal2"
    game.run("delete from auth.sessions where id = %s", (session,))
    assert staff.view("audit_log") == []


def test_the_session_of_somebody_else_is_no_second_factor(game):
    game.require_second_factor()
    staff, other = game.staff(), game.with_second_factor(game.staff())
    staff.claims = {**staff.claims, "aal": "aal2", "session_id": other.claims["session_id"]}
    assert staff.view("audit_log") == []


def test_a_login_that_speaks_sql_claims_no_second_factor(game):
    """Claims count where PostgREST has verified them: not for a login that writes them itself."""
    staff = game.with_second_factor(game.staff())
    staff.role = "anon"
    with game.refused("42501"):
        staff.call("set_setting", name="second_factor", value="optional")


def test_the_setting_is_changed_by_the_staff_and_leaves_a_trace(game):
    staff = game.staff()
    staff.call("set_setting", name="second_factor", value="required")
    with game.refused("MP013"):
        staff.call("set_setting", name="second_factor", value="optional")
    with game.refused("MP010"):
        game.service.call("set_setting", name="second_factor", value="perhaps")
    game.with_second_factor(staff).call("set_setting", name="second_factor", value="optional")
    acts = game.service.view("audit_log", subject="second_factor")
    assert [(act["actor_id"], act["details"]["to"]) for act in sorted(acts, key=lambda act: act["id"])] == [
        (staff.account, "required"), (staff.account, "optional"),
    ]  # fmt: skip


def test_an_app_learns_what_a_session_lacks(game):
    staff, owner = game.staff(), game.employed(game.organisation(), "owner")
    player = game.registered()
    game.require_second_factor()
    told = {name: who.call("who_am_i") for name, who in (("staff", staff), ("owner", owner), ("player", player))}
    assert {name: (me["is_ops"], me["proves_address"], me["has_second_factor"], me["needs_second_factor"])
            for name, me in told.items()} == {
        "staff": (False, True, False, True), "owner": (False, True, False, True), "player": (False, True, False, False),
    }  # fmt: skip
    assert told["staff"]["account_id"] == staff.account
    assert told["staff"]["email"] == f"{staff.account.hex}@example.org"
    me = game.with_second_factor(staff).call("who_am_i")
    assert (me["is_ops"], me["has_second_factor"], me["needs_second_factor"]) == (True, True, False)
    assert (game.service.call("who_am_i")["role"], game.anon.call("who_am_i")["role"]) == ("service_role", "anon")
    assert game.service.call("who_am_i")["is_ops"] is True


def test_an_owner_takes_an_invitation_without_a_second_factor_and_then_needs_one(game):
    game.require_second_factor()
    organisation = game.organisation()
    person = game.signed_in()
    game.service.call(
        "invite_staff", organisation_id=organisation, email=person.claims["email"], role="owner",
        access_until=game.now + 30 * DAY,
    )  # fmt: skip
    mail = game.one("select data from mpp.outbox where address = %s", (person.claims["email"],))
    person.call("accept_staff_invitation", code=mail["code"])
    with game.refused("MP013"):
        person.table("client_staff", organisation_id=organisation)
    assert game.with_second_factor(person).table("client_staff", organisation_id=organisation) != []


def test_whoever_plays_needs_none(game):
    staff = game.staff()
    staff.call("register", **game.profile(alias=f"staff-{uuid.uuid4().hex[:6]}"))
    game.require_second_factor()
    edition = game.edition()
    league = game.league(edition)
    staff.call("join_league", join_code=league.join_code)
    assert len(staff.view("my_players", edition_id=edition.id)) == 1
