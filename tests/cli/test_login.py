"""Staff who are named: signing in, as whom commands come in, and second factors."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pyotp
import pytest

from mpp_cli.exits import Exit
from mpp_supabase import Login, SessionStore
from mpp_supabase.session import StoredSession
from supabase_embedded import StackStatus
from tests.support.waiting import LIMIT
from tests.support.world import PASSWORD, Person, World, new_code

from .conftest import Ended, Mpp
from .test_commands import PROGRAM, environment, read_terminal


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of their own for the sessions of each test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("MPP_HOME", raising=False)
    return tmp_path / "config" / "mpp"


@pytest.fixture
def ada(world: World) -> Iterator[Person]:
    """A member of the staff."""
    person = world.signed_in()
    world.ops.users.set_ops(person.account.id, True)
    yield person
    world.ops.users.set_ops(person.account.id, False)


def name_of(person: Person) -> str:
    assert person.account.email is not None
    return person.account.email


@pytest.fixture
def log_in(mpp: Mpp, monkeypatch: pytest.MonkeyPatch) -> Any:
    def enter(person: Person, *options: str, password: str = PASSWORD) -> Ended:
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
        return mpp("login", name_of(person), "--password-stdin", *options)

    return enter


def stored(world: World) -> StoredSession:
    session = SessionStore().load(world.settings.url)
    assert session is not None
    return session


def age(world: World, **changes: Any) -> None:
    """Change what is kept of the session."""
    store = SessionStore()
    kept = json.loads(store.path.read_text())
    kept["sessions"][world.settings.url] |= changes
    store.path.write_text(json.dumps(kept))


def mailed_code(stack: StackStatus, address: str) -> str:
    """The newest code that was mailed to an address."""
    url = f"{stack.env()['MAILPIT_URL']}/api/v1"
    found = httpx.get(f"{url}/search", params={"query": f"to:{address}"}, timeout=LIMIT).json()["messages"]
    code = re.search(
        r"<strong>(\d{6})</strong>", httpx.get(f"{url}/message/{found[0]['ID']}", timeout=LIMIT).json()["HTML"]
    )
    assert code is not None
    return code[1]


def last_act(world: World, subject: str) -> Any:
    return next(act for act in world.ops.audit.iterate(subject=subject))


class TestSession:
    def test_the_audit_knows_who_did_it_with_a_session(self, mpp: Mpp, log_in: Any, ada: Person, world: World) -> None:
        assert log_in(ada).code == Exit.OK
        target = world.signed_in()
        ended = mpp("user", "disable", target.account.id, "--yes", "--reason", "a letter")
        assert ended.code == Exit.OK, ended.err
        assert f"({name_of(ada)})" in ended.err
        act = last_act(world, str(target.account.id))
        assert (act.action, act.actor, act.known_by, act.actor_id) == (
            "user.disable", name_of(ada), "session", ada.account.id,
        )  # fmt: skip
        shown = mpp("audit", "--subject", target.account.id)
        assert name_of(ada) in shown.out
        assert mpp("user", "enable", name_of(target)).code == Exit.OK

    def test_whoami_says_as_whom_commands_come_in_and_why(
        self, mpp: Mpp, log_in: Any, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = mpp("whoami", "--json").json()
        assert (before["way"], before["reason"], before["role"], before["is_ops"]) == (
            "key", "nobody is signed in", "service_role", True,
        )  # fmt: skip
        log_in(ada)
        signed_in = mpp("whoami", "--json").json()
        assert (signed_in["way"], signed_in["email"], signed_in["is_ops"]) == ("session", name_of(ada), True)
        by_key = mpp("--as", "key", "whoami", "--json").json()
        assert (by_key["way"], by_key["operator"]) == ("key", name_of(ada))
        monkeypatch.setenv("MPP_AS", "key")
        assert mpp("whoami", "--json").json()["way"] == "key"
        assert mpp("--as", "session", "whoami", "--json").json()["way"] == "session"
        text = mpp("whoami").out
        assert f"--as key; {name_of(ada)} is signed in too" in " ".join(text.split())

    def test_the_session_is_for_its_owner_alone_and_in_no_output(
        self, mpp: Mpp, log_in: Any, ada: Person, own_home: Path, world: World
    ) -> None:
        ended = log_in(ada)
        file = own_home / "sessions.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(own_home.stat().st_mode) == 0o700
        kept = stored(world)
        everything = ended.out + ended.err + mpp("--debug", "whoami").out + repr(kept)
        for token in (kept.access_token, kept.refresh_token, PASSWORD):
            assert token not in everything
        os.chmod(file, 0o644)
        refused = mpp("whoami")
        assert (refused.code, "chmod 600" in refused.err) == (Exit.CONNECTION, True)

    def test_a_token_that_ends_is_exchanged_and_the_new_one_kept(
        self, mpp: Mpp, log_in: Any, ada: Person, world: World
    ) -> None:
        log_in(ada)
        before = stored(world)
        age(world, expires_at=0)
        assert mpp("audit", "--limit", 1).code == Exit.OK
        after = stored(world)
        assert after.refresh_token != before.refresh_token
        assert after.is_fresh
        assert stat.S_IMODE(SessionStore().path.stat().st_mode) == 0o600

    def test_a_token_that_the_server_finds_too_old_is_exchanged(
        self, mpp: Mpp, log_in: Any, ada: Person, world: World
    ) -> None:
        """The clock of a laptop may be wrong: the server decides."""
        log_in(ada)
        before = stored(world)
        age(world, access_token=before.access_token[:-6] + "AAAAAA")
        ended = mpp("audit", "--limit", 1)
        assert ended.code == Exit.OK, ended.err
        assert stored(world).refresh_token != before.refresh_token

    def test_a_session_that_has_ended_is_an_error_and_no_key_is_tried(
        self, mpp: Mpp, log_in: Any, ada: Person, world: World
    ) -> None:
        log_in(ada)
        world.database.execute("delete from auth.sessions where user_id = %s", [ada.account.id])
        age(world, expires_at=0)
        ended = mpp("audit", "--limit", 1)
        assert ended.code == Exit.CONNECTION
        assert "has ended" in ended.err
        assert "mpp login" in ended.err
        assert ended.out == ""

    def test_somebody_without_rights_is_refused_though_there_is_a_key(
        self, mpp: Mpp, log_in: Any, world: World
    ) -> None:
        person = world.signed_in()
        ended = log_in(person)
        assert "no rights of the staff" in ended.err
        refused = mpp("maintenance", "cancel", 1)
        assert (refused.code, "[MP006]" in refused.err) == (Exit.REFUSED, True)
        assert mpp("--as", "key", "whoami", "--json").json()["is_ops"] is True

    def test_the_session_of_one_project_is_not_sent_to_another(self, log_in: Any, ada: Person, world: World) -> None:
        log_in(ada)
        assert SessionStore().load("https://elsewhere.example.org") is None

    def test_without_a_session_as_session_ends(self, mpp: Mpp) -> None:
        ended = mpp("--as", "session", "audit")
        assert (ended.code, "Nobody is signed in" in ended.err) == (Exit.CONNECTION, True)

    def test_logout_ends_the_session_here_and_on_the_server_and_no_other(
        self, mpp: Mpp, log_in: Any, ada: Person, world: World
    ) -> None:
        log_in(ada)
        kept = stored(world)
        session = jwt.decode(kept.access_token, options={"verify_signature": False})["session_id"]
        assert mpp("logout").code == Exit.OK
        assert SessionStore().load(world.settings.url) is None
        left = world.database.execute("select id::text from auth.sessions where user_id = %s", [ada.account.id])
        found = [row[0] for row in left.fetchall()]
        assert session not in found
        assert found != [], "the one of the telephone"
        assert "Nobody was signed in" in mpp("logout").err
        assert mpp("whoami", "--json").json()["way"] == "key"

    def test_a_wrong_password_leaves_no_session_and_no_word_of_it(self, log_in: Any, ada: Person, world: World) -> None:
        ended = log_in(ada, password="not the password at all")
        assert (ended.code, "Invalid login credentials" in ended.err) == (Exit.REFUSED, True)
        assert "not the password at all" not in ended.err
        assert SessionStore().load(world.settings.url) is None

    @pytest.mark.needs("mailbox")
    def test_a_code_in_a_mail_signs_in(self, mpp: Mpp, ada: Person, stack: StackStatus) -> None:
        sent = mpp("login", name_of(ada), "--mail")
        assert (sent.code, "A code was sent" in sent.err) == (Exit.USAGE, True)
        ended = mpp("login", name_of(ada), "--mail-code", mailed_code(stack, name_of(ada)))
        assert ended.code == Exit.OK, ended.err
        assert mpp("whoami", "--json").json()["email"] == name_of(ada)
        unknown = mpp("login", f"nobody-{name_of(ada)}", "--mail")
        assert (unknown.code, "no such account" in unknown.err) == (Exit.REFUSED, True)

    def test_what_needs_the_key_uses_it_and_says_for_whom(
        self, mpp: Mpp, log_in: Any, ada: Person, world: World
    ) -> None:
        log_in(ada)
        ended = mpp("user", "list", "--limit", 1)
        assert f"secret key, for {name_of(ada)}" in ended.err
        target = world.signed_in()
        assert mpp("user", "ops", target.account.id, "--yes").code == Exit.OK
        assert mpp("user", "ops", target.account.id, "--revoke").code == Exit.OK
        act = last_act(world, str(target.account.id))
        assert (act.action, act.actor, act.known_by) == ("ops.revoke", name_of(ada), "claim")
        assert f"{name_of(ada)} (claim)" in " ".join(mpp("audit", "--subject", target.account.id).out.split())
        refused = mpp("--as", "session", "user", "list")
        assert (refused.code, "needs the secret key" in refused.err) == (Exit.CONNECTION, True)

    def test_a_session_takes_ids_where_addresses_take_the_key(
        self, mpp: Mpp, log_in: Any, ada: Person, world: World
    ) -> None:
        player = world.person(new_code("alias"))
        log_in(ada)
        by_address = mpp("user", "birth-date", name_of(player), "1991-01-01", "--reason", "a letter", "--yes")
        assert (by_address.code, "--as key" in by_address.err) == (Exit.REFUSED, True)
        by_id = mpp("user", "birth-date", player.account.id, "1991-01-01", "--reason", "a letter", "--yes")
        assert by_id.code == Exit.OK, by_id.err
        assert last_act(world, str(player.account.id)).actor == name_of(ada)

    def test_the_operator_beside_the_key_is_a_claim(
        self, mpp: Mpp, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MPP_OPERATOR", "Zoé de l’accueil")
        target = world.signed_in()
        ended = mpp("user", "disable", target.account.id, "--yes")
        assert "secret key, for Zoé de l’accueil" in ended.err
        act = last_act(world, str(target.account.id))
        assert (act.actor, act.known_by, act.actor_id) == ("Zoé de l’accueil", "claim", None)
        monkeypatch.delenv("MPP_OPERATOR")
        mpp("user", "enable", target.account.id)
        assert last_act(world, str(target.account.id)).known_by == "key"
        assert "the secret key" in mpp("audit", "--subject", target.account.id).out


class TestSecondFactor:
    @pytest.fixture
    def secret(self, log_in: Any, ada: Person, world: World) -> str:
        """Enrols a second factor of ada, who is signed in with it."""
        log_in(ada)
        with Login(world.settings) as person:
            person.resume()
            new = person.begin_factor("telephone")
            person.prove(new.id, pyotp.TOTP(new.secret).now())
            person.keep()
        return new.secret

    @pytest.fixture
    def required(self, world: World) -> Iterator[None]:
        world.ops.rules.set("second_factor", "required")
        yield
        world.ops.rules.set("second_factor", "optional")

    def test_login_asks_for_the_second_factor_where_there_is_one(
        self, mpp: Mpp, log_in: Any, ada: Person, secret: str, world: World
    ) -> None:
        mpp("logout")
        without = log_in(ada)
        assert (without.code, "--code" in without.err) == (Exit.USAGE, True)
        assert SessionStore().load(world.settings.url) is None
        wrong = log_in(ada, "--code", f"{(int(pyotp.TOTP(secret).now()) + 333_333) % 1_000_000:06d}")
        assert (wrong.code, "Invalid TOTP code" in wrong.err) == (Exit.REFUSED, True)
        assert SessionStore().load(world.settings.url) is None
        right = log_in(ada, "--code", pyotp.TOTP(secret).now())
        assert (right.code, "with a second factor" in right.err) == (Exit.OK, True)
        assert mpp("whoami", "--json").json()["has_second_factor"] is True
        assert stored(world).level == "aal2"

    def test_where_it_is_required_a_session_without_one_is_refused_and_told_how_to_go_on(
        self, mpp: Mpp, log_in: Any, ada: Person, required: None, world: World
    ) -> None:
        entered = log_in(ada)
        assert "mpp factor add" in entered.err
        refused = mpp("maintenance", "cancel", 1)
        assert (refused.code, "[MP013]" in refused.err) == (Exit.REFUSED, True)
        me = mpp("whoami", "--json").json()
        assert (me["is_ops"], me["needs_second_factor"]) == (False, True)
        assert mpp("audit", "--json").json() == []

    def test_where_it_is_required_a_session_with_one_goes_on(
        self, mpp: Mpp, ada: Person, secret: str, required: None
    ) -> None:
        assert mpp("whoami", "--json").json()["is_ops"] is True
        assert mpp("audit", "--json").json() != []
        # This exchanges the tokens.
        assert mpp("factor", "list", "--json").json()[0]["name"] == "telephone"
        assert mpp("whoami", "--json").json()["is_ops"] is True

    def test_the_terminal_shows_a_picture_and_asks_for_the_first_code(
        self, mpp: Mpp, log_in: Any, ada: Person, world: World, tmp_path: Path
    ) -> None:
        log_in(ada)
        master, slave = pty.openpty()
        more = {"TERM": "xterm", "COLUMNS": "120", "LINES": "60", "XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"]}
        running = subprocess.Popen(
            [*PROGRAM, "factor", "add", "telephone"],
            env=environment(world, **more), stdin=slave, stdout=slave, stderr=slave,
        )  # fmt: skip
        os.close(slave)
        seen = read_terminal(master, until=b"shows now").decode()
        found = re.search(r"key into it: ([A-Z2-7]{32})", seen)
        assert found is not None, seen
        assert "▄" in seen or "█" in seen
        os.write(master, f"{pyotp.TOTP(found[1]).now()}\n".encode())
        read_terminal(master)
        assert running.wait() == Exit.OK
        os.close(master)
        assert mpp("whoami", "--json").json()["has_second_factor"] is True
        assert mpp("factor", "remove", "telephone", "--yes").code == Exit.OK
        assert mpp("whoami", "--json").json()["has_second_factor"] is False
        assert mpp("factor", "list", "--json").json() == []

    def test_a_lost_factor_is_removed_with_the_key_and_the_trace_says_why(
        self, mpp: Mpp, ada: Person, secret: str, required: None, world: World
    ) -> None:
        assert mpp("whoami", "--json").json()["is_ops"] is True
        (factor,) = mpp("user", "factors", name_of(ada), "--json").json()
        assert (factor["name"], factor["verified"]) == ("telephone", True)
        wrong = mpp("user", "factor-remove", name_of(ada), "tablet", "--reason", "lost", "--yes")
        assert (wrong.code, "telephone" in wrong.err) == (Exit.USAGE, True)
        ended = mpp("user", "factor-remove", name_of(ada), "telephone", "--reason", "lost telephone", "--yes")
        assert ended.code == Exit.OK, ended.err
        act = last_act(world, str(ada.account.id))
        assert (act.action, act.known_by, act.details["reason"]) == ("user.remove_factor", "claim", "lost telephone")
        # What the session still says counts no longer, at once.
        assert mpp("whoami", "--json").json()["is_ops"] is False
        assert mpp("user", "factors", name_of(ada), "--json").json() == []

    def test_a_disabled_account_is_out_at_once(self, mpp: Mpp, log_in: Any, ada: Person, world: World) -> None:
        log_in(ada)
        world.ops.users.disable(str(ada.account.id))
        me = mpp("whoami", "--json").json()
        assert (me["is_ops"], me["account_id"]) == (False, None)
        assert mpp("audit", "--json").json() == []
        world.ops.users.enable(str(ada.account.id))
