"""The commands on a real stack: what they print, where, and how they end."""

from __future__ import annotations

import csv
import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import mpp_supabase.clock
from mpp_cli.exits import Exit
from tests.support.waiting import LIMIT
from tests.support.world import PASSWORD, Played, World, edition_text, new_code

from .conftest import Mpp

PROGRAM = [sys.executable, "-c", "from mpp_cli.app import main; main()"]


def environment(world: World, **more: str) -> dict[str, str]:
    return os.environ | world.env | {"PYTHONPATH": os.pathsep.join(sys.path)} | more


def read_terminal(master: int, until: bytes | None = None) -> bytes:
    """What a program writes to a terminal, until it says something or leaves."""
    seen = b""
    while until is None or until not in seen:
        assert select.select([master], [], [], LIMIT)[0], seen
        try:
            seen += os.read(master, 65536)
        except OSError:
            # Nobody holds the other end any more.
            break
    return seen


class TestApply:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "edition.yaml"
        path.write_text(edition_text(new_code(), timedelta(days=5)))
        return path

    def test_a_dry_run_shows_the_differences_and_writes_nothing(self, mpp: Mpp, world: World, file: Path) -> None:
        before = world.fingerprint()
        ended = mpp("edition", "apply", file, "--dry-run")
        assert ended.code == Exit.OK
        assert "+ edition" in ended.out
        assert "nothing was written" in ended.err
        assert world.fingerprint() == before

    def test_applied_twice_the_second_time_says_no_change(self, mpp: Mpp, world: World, file: Path) -> None:
        assert mpp("edition", "apply", file, "--yes").code == Exit.OK
        before = world.fingerprint()
        ended = mpp("edition", "apply", file, "--yes")
        assert (ended.code, ended.out) == (Exit.OK, "")
        assert "No change" in ended.err
        assert world.fingerprint() == before

    def test_a_change_shows_what_was_and_what_will_be_and_never_a_secret(self, mpp: Mpp, file: Path) -> None:
        mpp("edition", "apply", file, "--yes")
        text = file.read_text().replace("points: 4", "points: 5").replace("secret: coquelicot", "secret: pissenlit")
        file.write_text(text)
        shown = mpp("edition", "apply", file, "--dry-run")
        assert sorted(shown.out.splitlines()) == [
            "~ challenges.w-bike.points: 4 → 5",
            "~ challenges.w-secret.secret: ••• → •••",
        ]
        rows = mpp("edition", "apply", file, "--dry-run", "--json").json()
        assert {"action": "change", "path": "challenges.w-bike.points", "before": 4, "after": 5} in rows
        assert "pissenlit" not in str(rows)

    def test_without_a_terminal_nobody_can_agree(self, mpp: Mpp, world: World, file: Path) -> None:
        before = world.fingerprint()
        ended = mpp("edition", "apply", file)
        assert ended.code == Exit.USAGE
        assert "add --yes" in ended.err
        assert world.fingerprint() == before

    def test_a_file_that_is_not_there_is_an_invalid_file(self, mpp: Mpp, tmp_path: Path) -> None:
        ended = mpp("edition", "apply", tmp_path / "absent.yaml")
        assert ended.code == Exit.FILE_INVALID
        assert "cannot be read" in ended.err

    def test_an_edition_that_started_is_refused_with_its_code(self, mpp: Mpp, world: World, tmp_path: Path) -> None:
        edition = world.edition()
        file = tmp_path / "edition.yaml"
        file.write_text(edition_text(edition.code, timedelta(hours=-2)))
        ended = mpp("edition", "apply", file, "--yes")
        assert ended.code == Exit.REFUSED
        assert "[MP025]" in ended.err


class TestEditions:
    def test_the_life_of_an_edition(self, mpp: Mpp, world: World) -> None:
        code = world.edition(opened=False).code
        assert code in mpp("edition", "list", "--phase", "draft").out
        assert "draft" in mpp("edition", "show", code).out
        asked = mpp("edition", "open", code)
        assert (asked.code, "add --yes" in asked.err, "Warning: " in asked.err) == (Exit.USAGE, True, True)
        assert "draft" in mpp("edition", "show", code).out
        assert "phase: running" in mpp("edition", "open", code, "--yes").err
        assert "has been open since" in mpp("edition", "open", code).err
        assert mpp("edition", "freeze", code, "--yes").code == Exit.REFUSED
        for command in (("close", code, "--reason", "A test"), ("freeze", code)):
            refused = mpp("edition", *command)
            assert (refused.code, "add --yes" in refused.err) == (Exit.USAGE, True)
            assert mpp("edition", *command, "--yes").code == Exit.OK
        assert "has been frozen since" in mpp("edition", "freeze", code).err
        assert mpp("edition", "show", code, "--json").json()["phase"] == "frozen"

    def test_keys_of_json_and_columns_of_csv_are_those_of_the_model(self, mpp: Mpp, played: Played) -> None:
        keys = ["edition_id", "code", "players", "teams", "leagues", "points", "classes", "schools"]
        keys += ["challenges", "counted_at"]
        code = played.edition.code
        assert list(mpp("edition", "stats", code, "--json").json()) == keys
        header, row = csv.reader(io.StringIO(mpp("edition", "stats", code, "--csv").out))
        assert (header, row[1:3]) == (keys, [code, "4"])
        assert re.search("Players +4", mpp("edition", "stats", code).out)

    def test_the_challenges_done_are_told_or_how_to_count_them(self, mpp: Mpp, world: World) -> None:
        code = world.edition().code
        before = mpp("edition", "stats", code)
        assert re.search("Challenges done +–", before.out)
        assert f"mpp statistics count {code}" in before.err
        assert mpp("statistics", "count", code).code == Exit.OK
        after = mpp("edition", "stats", code)
        assert re.search("Challenges done +0", after.out)
        assert "statistics count" not in after.err

    def test_challenges_are_listed_with_the_hidden_ones(self, mpp: Mpp, played: Played) -> None:
        listed = mpp("edition", "challenges", played.edition.code, "--json").json()
        assert [c["code"] for c in listed] == ["w-bike", "w-plane", "w-secret", "w-walk"]

    def test_verify_ends_with_four_when_a_score_differs(self, mpp: Mpp, world: World) -> None:
        edition = world.edition()
        league = world.league(edition, world.person("Eve"))
        for verify in (("edition", "verify", edition.code), ("db", "verify", edition.code)):
            ended = mpp(*verify)
            assert (ended.code, ended.out) == (Exit.OK, "")
            assert "equals the sum" in ended.err
        world.database.execute("update mpp.score set points = points + 1 where subject_id = %s", (league,))
        ended = mpp("edition", "verify", edition.code, "--json")
        assert ended.code == Exit.CHECK_FAILED
        assert league in [row["subject_id"] for row in ended.json()]
        world.database.execute("update mpp.score set points = points - 1 where subject_id = %s", (league,))

    def test_an_edition_that_is_not_there_is_refused_with_what_to_do(self, mpp: Mpp) -> None:
        ended = mpp("edition", "show", "no-such-edition")
        assert (ended.code, ended.out) == (Exit.REFUSED, "")
        assert "There is no edition no-such-edition. [MP020]" in ended.err
        assert "mpp edition list" in ended.err


class TestRankings:
    def test_a_ranking_for_people_names_rank_label_league_and_points(self, mpp: Mpp, played: Played) -> None:
        lines = mpp("ranking", "players", played.edition.code).out.splitlines()
        assert [line.split()[:3] for line in lines[2:]] == [
            ["1", "Ada", "Premiers"],
            ["2", "Bob", "Premiers"],
            ["2", "Cléo", "Seconds"],
            ["4", "=Dan", "Seconds"],
        ]

    def test_a_name_is_found_in_the_ranking_with_its_rank(self, mpp: Mpp, played: Played) -> None:
        code = played.edition.code
        first = mpp("ranking", "players", code, "--limit", 1, "--json").json()[0]
        assert first in mpp("ranking", "find", code, first["label"][:3].upper(), "--json").json()
        league = mpp("ranking", "leagues", code, "--limit", 1, "--json").json()[0]
        assert mpp("ranking", "find", code, league["label"], "--in", "league", "--json").json() == [league]
        assert "Nobody of that name" in mpp("ranking", "find", code, "nobody is called this").err
        assert "fewer than two letters" in mpp("ranking", "find", code, "a").err

    def test_a_ranking_in_csv_runs_no_formula(self, mpp: Mpp, played: Played) -> None:
        rows = list(csv.DictReader(io.StringIO(mpp("ranking", "players", played.edition.code, "--csv").out)))
        assert [row["label"] for row in rows] == ["Ada", "Bob", "Cléo", "'=Dan"]

    def test_a_page_ends_with_the_cursor_of_the_next(self, mpp: Mpp, played: Played) -> None:
        code = played.edition.code
        labels, after = [], ()
        for _ in range(4):
            ended = mpp("ranking", "players", code, "--limit", 1, "--json", *after)
            labels += [row["label"] for row in ended.json()]
            after = ("--after", ended.err.split("--after ")[1].split()[0]) if "--after" in ended.err else ()
        assert (labels, after) == (["Ada", "Bob", "Cléo", "=Dan"], ())
        assert [row["label"] for row in mpp("ranking", "players", code, "-n", 1, "--all", "--json").json()] == labels

    def test_a_cursor_that_is_none_is_a_usage_error(self, mpp: Mpp, played: Played) -> None:
        ended = mpp("ranking", "teams", played.edition.code, "--after", "nonsense")
        assert ended.code == Exit.USAGE

    def test_teams_leagues_and_neighbours(self, mpp: Mpp, played: Played) -> None:
        code = played.edition.code
        assert [row["points"] for row in mpp("ranking", "leagues", code, "--json").json()] == [17, 8]
        assert len(mpp("ranking", "teams", code, "--json").json()) == 4
        around = mpp("ranking", "around", played.bob.player_id(played.edition), "--neighbours", 1)
        assert "▶ Bob" in around.out
        assert "=Dan" not in around.out

    def test_a_draft_shows_only_to_the_secret_key(self, mpp: Mpp, world: World) -> None:
        code = world.edition(opened=False).code
        assert mpp("ranking", "players", code).code == Exit.REFUSED
        assert mpp("ranking", "players", code, "--private").code == Exit.OK

    def test_watch_shows_once_and_needs_a_terminal_otherwise(self, mpp: Mpp, played: Played) -> None:
        assert "Premiers" in mpp("watch", played.edition.code, "--once").out
        unseen = mpp("watch", played.edition.code)
        assert (unseen.code, unseen.err.strip()) == (
            Exit.USAGE,
            "mpp: there is no terminal to refresh here; add --once.",
        )
        assert mpp("watch", played.edition.code, "--once", "--scope", "planet").code == Exit.USAGE

    def test_watch_ends_cleanly_with_ctrl_c(self, world: World, played: Played) -> None:
        master, slave = pty.openpty()
        running = subprocess.Popen(
            [*PROGRAM, "watch", played.edition.code, "--every", "0.5"],
            env=environment(world, TERM="xterm", COLUMNS="100", LINES="30"),
            stdout=slave,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(slave)
        seen = read_terminal(master, until=b"Premiers")
        running.send_signal(signal.SIGINT)
        read_terminal(master)
        _, err = running.communicate(timeout=LIMIT)
        os.close(master)
        assert b"Premiers" in seen
        assert running.returncode == Exit.INTERRUPTED
        assert "Traceback" not in err


class TestLeagues:
    def test_leagues_and_members_are_listed(self, mpp: Mpp, played: Played) -> None:
        code = played.edition.code
        assert [row["name"] for row in mpp("league", "list", code, "--json").json()] == ["Premiers", "Seconds"]
        first = mpp("league", "list", code, "--limit", 1)
        assert "--after" in first.err
        shown = mpp("league", "show", played.first_league).out
        assert "Premiers" in shown
        assert "by code" in shown
        assert "False" not in shown
        shown = mpp("league", "members", played.first_league).out
        assert "Ada" in shown
        assert "ambassador" in shown
        assert mpp("league", "members", played.edition.id).code == Exit.USAGE
        assert mpp("league", "show", "0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77").code == Exit.REFUSED

    def test_a_player_is_expelled_reported_and_the_report_closed(self, mpp: Mpp, world: World) -> None:
        edition = world.edition()
        ada, bob, cleo = (world.person(alias) for alias in ("Ada", "Bob", "Cléo"))
        league = world.league(edition, ada, bob, cleo)
        player = bob.player_id(edition)
        assert mpp("league", "expel", player, "--reason", "Insults").code == Exit.USAGE
        assert mpp("league", "expel", player, "--reason", "Insults", "--yes").code == Exit.OK
        (report,) = mpp("league", "reports", edition.code, "--unresolved", "--json").json()
        assert report["reason"] == "Insults"
        assert mpp("league", "resolve", report["id"], "--note", "Right").code == Exit.OK
        assert mpp("league", "reports", edition.code, "--unresolved", "--json").json() == []
        assert f"no open report {report['id']}." in mpp("league", "resolve", report["id"], "--note", "Right").err
        assert f"no player {player} in a league." in mpp("league", "expel", player, "--reason", "a", "--yes").err
        assert f"no player {player} in league {league}" in mpp("league", "hand-over", league, player).err
        nobody = "0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77"
        assert f"{nobody} is in no ranking" in mpp("ranking", "around", nobody).err
        assert mpp("league", "hand-over", league, cleo.player_id(edition)).code == Exit.OK
        assert mpp("league", "show", league, "--json").json()["ambassador_player_id"] == cleo.player_id(edition)

    def test_a_burst_is_listed_and_a_validation_taken_back(self, mpp: Mpp, world: World) -> None:
        edition = world.edition()
        ada = world.person("Ada")
        world.league(edition, ada)
        keys = ada.validate(edition, "w-bike", 11)
        assert "burst" in mpp("misuse", edition.code).out
        assert mpp("validation", "cancel", keys[0], "--reason", "Too fast", "--yes").code == Exit.OK
        assert "Nothing suspicious" in mpp("misuse", edition.code).err
        trace = mpp("audit", "--subject", keys[0])
        assert "validation.cancel" in trace.out
        again = mpp("validation", "cancel", keys[0], "--reason", "Too fast", "--yes")
        assert (again.code, "[MP045]" in again.err) == (Exit.REFUSED, True)


class TestUsers:
    def test_an_account_from_creation_to_staff(self, mpp: Mpp, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
        email = f"{new_code('user')}@example.org"
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
        created = mpp("user", "create", email, "--password-stdin", "--json")
        assert created.json()["email"] == email
        assert PASSWORD not in created.out + created.err
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
        again = mpp("user", "create", email, "--password-stdin")
        assert (again.code, "[email_exists]" in again.err) == (Exit.REFUSED, True)
        assert mpp("user", "create", f"x{email}").code == Exit.USAGE
        assert mpp("user", "disable", email, "--yes").code == Exit.OK
        state = {row["email"]: row["disabled_until"] for row in mpp("user", "list", "--json").json()}
        assert state[email] is not None
        found = mpp("user", "list", "--search", email.upper(), "--json")
        assert ([row["email"] for row in found.json()], "More:" in found.err) == ([email], False)
        first = mpp("user", "list", "-n", 1, "--json")
        assert (len(first.json()), "More:" in first.err) == (1, True)
        assert len(mpp("user", "list", "-n", 1, "--all", "--json").json()) > 1
        assert "No account has" in mpp("user", "list", "--search", "no such address").err
        assert mpp("user", "enable", email).code == Exit.OK
        assert mpp("user", "ops", email).code == Exit.USAGE
        assert mpp("user", "ops", email, "--yes").code == Exit.OK
        assert mpp("user", "ops", email, "--revoke").code == Exit.OK
        assert mpp("user", "disable", "nobody@example.org", "--yes").code == Exit.REFUSED
        nobody_plays = mpp("user", "birth-date", email, "2011-05-17", "--reason", "a letter", "--yes")
        assert (nobody_plays.code, "Nobody plays under" in nobody_plays.err) == (Exit.REFUSED, True)

    def test_a_birth_date_is_corrected_after_a_question(self, mpp: Mpp, world: World) -> None:
        ada = world.person("Ada")
        correct = ("user", "birth-date", str(ada.account.email).upper(), "1991-05-17", "--reason", "her letter")
        asked = mpp(*correct)
        assert (asked.code, "add --yes" in asked.err) == (Exit.USAGE, True)
        assert ada.read("my_profile")[0]["birth_date"] == "1990-01-01"
        done = mpp(*correct, "--yes")
        assert (done.code, f"The birth date of {ada.account.email} is 1991-05-17." in done.err) == (Exit.OK, True)
        assert ada.read("my_profile")[0]["birth_date"] == "1991-05-17"
        trace = mpp("audit", "--subject", ada.account.id).out
        assert ("profile.correct_birth_date" in trace, "1991" in trace) == (True, False)

    def test_an_invitation_is_sent(self, mpp: Mpp) -> None:
        email = f"{new_code('user')}@example.org"
        ended = mpp("user", "invite", email)
        assert "unconfirmed" in ended.out
        assert email in ended.err


class TestMaintenance:
    def test_a_window_is_announced_by_length_or_end_and_cancelled(self, mpp: Mpp) -> None:
        text = ("--fr", "Mise à jour", "--en", "Update")
        ended = mpp("maintenance", "announce", "--from", "2099-06-10T22:00+02:00", "--until", "90m", *text)
        number = ended.out.strip()
        assert number.isdigit()
        assert "2099-06-10 20:00 UTC to 2099-06-10 21:30 UTC" in ended.err
        assert number in [str(row["id"]) for row in mpp("maintenance", "list", "--json").json()]
        assert mpp("maintenance", "cancel", number).code == Exit.OK
        again = mpp("maintenance", "cancel", number)
        assert (again.code, f"no maintenance window {number}. [MP005]" in again.err) == (Exit.REFUSED, True)

    @pytest.mark.parametrize(
        ("starts", "ends", "code"),
        [
            ("tomorrow", "2h", Exit.USAGE),
            ("2099-06-10T22:00", "2h", Exit.USAGE),
            ("2099-06-10T22:00Z", "a long h", Exit.USAGE),
            ("2099-06-10T22:00Z", "2099-06-10T21:00Z", Exit.REFUSED),
        ],
    )
    def test_a_wrong_time_is_refused(self, mpp: Mpp, starts: str, ends: str, code: Exit) -> None:
        assert mpp("maintenance", "announce", "--from", starts, "--until", ends, "--fr", "a", "--en", "b").code == code


class TestAudit:
    def test_acts_are_listed_latest_first_and_paged(self, mpp: Mpp, world: World) -> None:
        world.edition()
        ended = mpp("audit", "--limit", 1, "--action", "edition.open", "--json")
        assert [row["action"] for row in ended.json()] == ["edition.open"]
        assert "nothing" not in mpp("audit", "--action", "no.such.act", "--csv").out
        assert "No such act" in mpp("audit", "--action", "no.such.act").err


class TestDatabase:
    def test_a_database_that_is_up_to_date_takes_no_migration(self, world: World) -> None:
        ended = subprocess.run(
            [*PROGRAM, "db", "push", "--dry-run"], env=environment(world), capture_output=True, text=True, check=False
        )
        assert ended.returncode == Exit.OK, ended.stderr
        assert "up to date" in ended.stdout + ended.stderr
        assert world.database.info.password not in ended.stdout + ended.stderr

    def test_lint_and_advisors_find_nothing(self, world: World) -> None:
        ended = subprocess.run(
            [*PROGRAM, "db", "lint"], env=environment(world), capture_output=True, text=True, check=False
        )
        assert ended.returncode == Exit.OK, ended.stdout + ended.stderr

    def test_a_database_that_does_not_answer_or_is_no_address_is_one_line(
        self, mpp: Mpp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DB_URL", "postgres://postgres:hunter2@127.0.0.1:9/postgres")
        ended = mpp("db", "lint")
        assert (ended.code, "cannot be reached" in ended.err, "hunter2" in ended.err) == (Exit.CONNECTION, True, False)
        monkeypatch.setenv("DB_URL", "mysql://hunter2")
        ended = mpp("db", "lint")
        assert (ended.code, "hunter2" in ended.err) == (Exit.CONNECTION, False)
        assert "Write postgres://USER:PASSWORD@HOST:PORT/postgres." in ended.err

    def test_a_password_or_a_database_that_is_wrong_is_said(
        self, mpp: Mpp, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        info = world.database.info
        place = f"{info.host}:{info.port}"
        monkeypatch.setenv("DB_URL", f"postgres://{info.user}:hunter2@{place}/{info.dbname}")
        for command in (("db", "lint"), ("db", "push", "--dry-run"), ("db", "push", "--yes")):
            ended = mpp(*command)
            assert (ended.code, "hunter2" in ended.err) == (Exit.CONNECTION, False)
            assert f"does not accept the password of {info.user}" in ended.err
        monkeypatch.setenv("DB_URL", f"postgres://{info.user}:{info.password}@{place}/no_such_database")
        ended = mpp("db", "lint")
        assert (ended.code, '"no_such_database" does not exist' in ended.err) == (Exit.CONNECTION, True)


class TestTrouble:
    def test_messages_go_to_stderr_and_say_which_project(self, mpp: Mpp, world: World) -> None:
        ended = mpp("edition", "list", "--json")
        assert ended.err.splitlines()[0] == f"Using the environment: {world.settings.url} (secret key)"
        ended.json()

    def test_two_formats_at_once_are_refused(self, mpp: Mpp) -> None:
        assert mpp("edition", "list", "--json", "--csv").code == Exit.USAGE

    @pytest.mark.parametrize(
        "arguments", [("editon",), ("edition", "lst"), ("edition", "show"), ("ranking", "players", "x", "--limit", "0")]
    )
    def test_what_is_not_understood_ends_with_two(self, mpp: Mpp, arguments: tuple[str, ...]) -> None:
        ended = mpp(*arguments)
        assert ended.code == Exit.USAGE
        assert "Traceback" not in ended.err

    def test_no_answer_ends_with_three_and_one_message(self, mpp: Mpp, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:9")
        ended = mpp("edition", "list")
        assert ended.code == Exit.CONNECTION
        assert "does not answer" in ended.err

    def test_a_wrong_key_ends_with_three_and_is_not_shown(self, mpp: Mpp, monkeypatch: pytest.MonkeyPatch) -> None:
        wrong = "sb_secret_" + "x" * 31
        monkeypatch.setenv("SUPABASE_SECRET_KEY", wrong)
        for ended in (mpp("edition", "list"), mpp("--debug", "edition", "list")):
            assert ended.code == Exit.CONNECTION
            assert "does not accept the secret key" in ended.err
            assert wrong not in ended.err + ended.out

    def test_without_the_secret_key_the_publishable_one_is_not_tried(
        self, mpp: Mpp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SUPABASE_SECRET_KEY")
        ended = mpp("edition", "list")
        assert ended.code == Exit.CONNECTION
        assert "needs the secret key" in ended.err

    def test_an_unexpected_error_is_one_line_and_debug_shows_where(
        self, mpp: Mpp, monkeypatch: pytest.MonkeyPatch, world: World
    ) -> None:
        key = world.env["SUPABASE_SECRET_KEY"]

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError(f"boom {key} postgres://u:hunter2@h/d")

        monkeypatch.setattr("mpp_cli.connection.staff", broken)
        ended = mpp("edition", "list")
        assert ended.code == Exit.UNEXPECTED
        assert len(ended.err.splitlines()) == 2
        assert "boom" in ended.err
        debug = mpp("--debug", "edition", "list")
        assert "Traceback" in debug.err
        for text in (ended.err, debug.err):
            assert key not in text
            assert "hunter2" not in text

    def test_a_reader_who_leaves_is_no_error_to_shout_about(self, world: World, played: Played) -> None:
        command = " ".join(f"'{part}'" for part in [*PROGRAM, "ranking", "players", played.edition.code, "--all"])
        ended = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command} | true"],
            env=environment(world),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in ended.stderr
        assert ended.returncode in (Exit.OK, Exit.PIPE_CLOSED)

    def test_a_full_disk_is_said(self, world: World, played: Played) -> None:
        with Path("/dev/full").open("w") as full:
            ended = subprocess.run(
                [*PROGRAM, "ranking", "players", played.edition.code, "--json"],
                env=environment(world),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert ended.returncode == Exit.OUTPUT
        assert "could not be written" in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_ctrl_c_is_said_and_ends_with_130(self, mpp: Mpp, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("mpp_cli.connection.staff", interrupted)
        ended = mpp("edition", "list")
        assert ended.code == Exit.INTERRUPTED
        assert ended.err.split() == ["Interrupted."]

    def test_no_color_is_respected_on_a_terminal(self, world: World, tmp_path: Path) -> None:
        file = tmp_path / "edition.yaml"
        file.write_text(edition_text(new_code(), timedelta(days=5)))
        shown = {}
        for name, more in {"plain": {"NO_COLOR": "1"}, "coloured": {"NO_COLOR": ""}}.items():
            master, slave = pty.openpty()
            running = subprocess.Popen(
                [*PROGRAM, "edition", "apply", str(file), "--dry-run"],
                env=environment(world, TERM="xterm", **more),
                stdout=slave,
                stderr=subprocess.DEVNULL,
            )
            os.close(slave)
            shown[name] = read_terminal(master)
            running.wait(timeout=LIMIT)
            os.close(master)
        assert b"+ edition" in shown["plain"]
        assert b"\x1b[" not in shown["plain"]
        assert b"\x1b[32m+ edition" in shown["coloured"]


def test_maintenance_from_now_begins_by_the_clock_of_the_database(
    world: World, mpp: Mpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that is a year late, or early, announces what begins at once all the same."""
    real = mpp_supabase.clock.now
    for years in (-1, 1):
        monkeypatch.setattr(mpp_supabase.clock, "now", lambda years=years: real() + years * timedelta(days=365))
        ended = mpp("maintenance", "announce", "--from", "now", "--until", "2h", "--fr", "Pause", "--en", "Break")
        number = int(ended.out)
        try:
            (window,) = [w for w in world.ops.maintenance.iterate() if w.id == number]
            assert window.is_active
            assert window.ends_at - window.starts_at == timedelta(hours=2)
        finally:
            world.ops.maintenance.cancel(number)
