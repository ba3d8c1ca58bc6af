"""Commands for clients and their reports on a real stack: what they print, where, and how they end."""

from __future__ import annotations

import csv
import io
import re
import secrets
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from mpp_cli.exits import Exit
from tests.support import clock
from tests.support.spreadsheets import write_sheet
from tests.support.waiting import LIMIT
from tests.support.world import World
from tests.support.world_clients import Client, new_client, played_client, running_edition

from .conftest import Mpp


@pytest.fixture(scope="module")
def played(world: World) -> Client:
    """A client whose people have played; tests read it and change nothing."""
    return played_client(world)


@pytest.fixture
def fresh(world: World) -> Client:
    """A client without a league, in an edition that may still be joined."""
    return new_client(world, running_edition(world, days=1))


def test_a_client_is_created_shown_corrected_and_listed(mpp: Mpp, world: World) -> None:
    code = f"t-{secrets.token_hex(5)}"
    created = mpp("client", "create", code, "--name", "Exemple SA", "--kind", "university", "--json")
    assert (created.code, created.json()["kind"]) == (Exit.OK, "university")
    assert mpp("client", "create", code, "--name", "Autre").code == Exit.REFUSED
    assert mpp("client", "create", code, "--name", "Autre", "--kind", "shop").code == Exit.USAGE
    assert mpp("client", "correct", code).code == Exit.USAGE
    assert "Exemple SA (university, en)" in mpp("client", "correct", code, "--language", "en").err
    assert code in mpp("client", "list").out
    edition = running_edition(world)
    part = mpp("client", "take-part", code, edition.code, "--expected", 30, "--asks-phone", "--carries-name", "--json")
    assert (part.json()["expected_players"], part.json()["asks_phone"], part.json()["carries_name"]) == (30, True, True)
    assert "30" in mpp("client", "take-part", code, edition.code, "--plain-name").out
    shown = mpp("client", "show", code)
    assert edition.code in shown.out
    assert mpp("client", "show", code, "--json").json()["participations"][0]["carries_name"] is False
    assert mpp("client", "list", "--edition", edition.code, "--csv").out.count(code) == 1


def test_what_is_not_there_is_refused_and_named(mpp: Mpp, fresh: Client, played: Client) -> None:
    edition = fresh.edition.code
    refused: tuple[tuple[tuple[object, ...], str], ...] = (
        (("client", "show", "t-nobody"), "no organisation t-nobody"),
        (("client", "overview", "t-nobody", edition), "no organisation t-nobody"),
        (("client", "overview", fresh.code, played.edition.code), "does not take part"),
        (("client", "take-part", fresh.code, "no-edition"), "no-edition"),
        (
            ("client", "territory", "add", fresh.code, "--department", "69"),
            "a client of kind company follows no schools",
        ),
        (("client", "participants", "remove", fresh.code, edition, "x@example.org", "--yes"), "not invited by"),
        (("award", "list", edition, "--client", "t-nobody"), "no organisation t-nobody"),
        (("client", "staff", "remove", fresh.code, "nobody@example.org", "--yes"), "does not work for"),
        (("client", "task", "done", "2147483000"), "There is no task 2147483000."),
        (("report", "weekly", edition, "--client", "t-nobody", "-o", "x"), "no organisation t-nobody"),
    )
    for command, words in refused:
        ended = mpp(*command)
        assert (ended.code, ended.out, words in ended.err) == (Exit.REFUSED, "", True), (command, ended.err)
    misunderstood: tuple[tuple[object, ...], ...] = (
        ("client", "leagues", "import", fresh.code, edition),
        ("client", "leagues", "import", fresh.code, edition, "--league", ":Lyon"),
        ("client", "invite", fresh.code, "a@example.org", "--until", "soon"),
        ("client", "invite", fresh.code, "a@example.org", "--until", "2027-01-01T10:00"),
        ("client", "invite", fresh.code, "a@example.org", "--until", "2027-01-01", "--role", "king"),
        ("client", "territory", "set", fresh.code, "--none", "--rne", "0759999L"),
        ("client", "territory", "set", fresh.code),
        ("client", "territory", "add", fresh.code),
        ("report", "weekly", edition, "-o", "x"),
        ("report", "weekly", edition, "--all", "-o", "x", "--format", "doc"),
        ("report", "final", edition, "--all", "-o", "x", "--language", "de"),
    )
    for command in misunderstood:
        assert mpp(*command).code == Exit.USAGE, command


def test_leagues_are_imported_listed_and_opened_by_their_codes(mpp: Mpp, fresh: Client, tmp_path: Path) -> None:
    mark = secrets.token_hex(3)
    file = write_sheet(tmp_path / "leagues.csv", ("Ligue", "Unité"), (f"Ormes {mark}", "Lyon"), (f"Pins {mark}", ""))
    where = ("client", "leagues", "import", fresh.code, fresh.edition.code)
    dry = mpp(*where, file, "--dry-run")
    assert "2 new leagues, 0 there already; nothing was written (dry run)." in dry.err
    assert "has no league" in mpp("client", "leagues", "codes", fresh.code, fresh.edition.code).err
    done = mpp(*where, file, "--league", f"Saules {mark}:Nantes", "--json").json()
    assert [(each["name"], each["unit"], each["is_new"]) for each in done] == [
        (f"Saules {mark}", "Nantes", True),
        (f"Ormes {mark}", "Lyon", True),
        (f"Pins {mark}", None, True),
    ]
    assert "0 new leagues, 2 there already." in mpp(*where, file).err
    codes = mpp("client", "leagues", "codes", fresh.code, fresh.edition.code, "--csv").out
    rows = list(csv.DictReader(io.StringIO(codes)))
    assert {row["join_code"] for row in rows} == {each["join_code"] for each in done}
    listed = mpp("client", "leagues", "list", fresh.code, fresh.edition.code)
    assert "nobody runs it, no challenge yet" in listed.out
    pushed = mpp("client", "leagues", "list", fresh.code, fresh.edition.code, "--needing-attention", "--json").json()
    assert len(pushed) == 3


def test_a_broken_file_is_named_by_its_cells_and_nothing_changes(mpp: Mpp, fresh: Client, tmp_path: Path) -> None:
    where = (fresh.code, fresh.edition.code)
    mpp("client", "leagues", "import", *where, "--league", f"Ormes {secrets.token_hex(3)}")
    file = write_sheet(
        tmp_path / "people.xlsx",
        ("E-mail", "Ligue"),
        ("ada", None),
        ("b@example.org", "=A1"),
        ("c@example.org", "x"),
        ("c@example.org", "y"),
    )
    ended = mpp("client", "participants", "import", *where, file, "--yes")
    assert (ended.code, ended.out) == (Exit.FILE_INVALID, "")
    for cell in (
        *("people.xlsx: Classe!A2:", "Classe!B3: a formula", "Classe!A5: the address is there more than once"),
        "Classe!B4: no league of this client",
    ):
        assert cell in ended.err
    assert "5 problems; nothing was changed." in ended.err
    assert mpp("client", "participants", "list", *where).out == ""
    missing = mpp("client", "participants", "import", *where, tmp_path / "absent.xlsx")
    assert (missing.code, "no such file" in missing.err) == (Exit.FILE_INVALID, True)


def test_people_are_invited_once_after_a_question(mpp: Mpp, fresh: Client, tmp_path: Path) -> None:
    where, mark = (fresh.code, fresh.edition.code), secrets.token_hex(4)
    mpp("client", "leagues", "import", *where, "--league", f"Ormes {mark}")
    file = write_sheet(
        tmp_path / "people.csv", ("Nom", "Courriel"), ("X", f"a-{mark}@example.org"), ("Y", f"b-{mark}@example.org")
    )
    dry = mpp("client", "participants", "import", *where, file, "--dry-run")
    assert "2 invited, 0 were before; nothing was written (dry run)." in dry.err
    assert "Not read: Nom." in dry.err
    assert mpp("client", "participants", "import", *where, file).code == Exit.USAGE, "nobody can answer here"
    assert fresh.mails("player_invitation") == []
    assert "2 invited" in mpp("client", "participants", "import", *where, file, "--yes").err
    assert "were invited before" in mpp("client", "participants", "import", *where, file, "--yes").err
    assert mpp("client", "participants", "list", *where).out.count(f"Ormes {mark}") == 2
    assert len(fresh.mails("player_invitation")) == 2


def test_people_of_a_group_chat_are_invited_and_the_other_lines_named(mpp: Mpp, fresh: Client, tmp_path: Path) -> None:
    where, mark = (fresh.code, fresh.edition.code), secrets.token_hex(4)
    mpp("client", "leagues", "import", *where, "--league", f"Ormes {mark}")
    chat = tmp_path / "chat.txt"
    lines = (f"Lea: a-{mark}@example.org", "Tom: merci !", f"Tom: <b-{mark}@example.org>, c-{mark}@example.org")
    chat.write_text("".join(f"[12/03/2026 14:02] {line}\n" for line in lines), encoding="utf-8")
    dry = mpp("client", "participants", "import", *where, chat, "--dry-run")
    assert "3 invited, 0 were before; nothing was written (dry run)." in dry.err
    assert "Lines without an address: A2." in dry.err


def test_staff_are_invited_listed_changed_and_removed(mpp: Mpp, world: World, fresh: Client) -> None:
    person = world.signed_in()
    first, last = clock.now() - timedelta(days=2), clock.now() + timedelta(days=30)
    invited = mpp(
        *("client", "invite", fresh.code, person.account.email, "--role", "manager"),
        *("--from", f"{first:%Y-%m-%d}", "--until", f"{last:%Y-%m-%d}"),
    )
    assert (invited.code, "is invited as manager" in invited.err) == (Exit.OK, True), invited.err
    (invitation,) = mpp("client", "staff", "list", fresh.code, "--invited", "--json").json()
    assert invitation["access_until"] > f"{last:%Y-%m-%d}T21", "the last day is whole, in Paris"
    ((_, _, _, data),) = fresh.mails("staff_invitation")
    person.call("accept_staff_invitation", code=data["code"])
    assert str(person.account.email) in mpp("client", "staff", "list", fresh.code).out
    assert mpp("client", "staff", "set", fresh.code, person.account.email).code == Exit.USAGE
    changed = mpp("client", "staff", "set", fresh.code, person.account.email, "--role", "viewer")
    assert changed.code == Exit.OK
    (member,) = mpp("client", "staff", "list", fresh.code, "--json").json()
    assert (member["role"], member["access_until"]) == ("viewer", invitation["access_until"])
    assert mpp("client", "staff", "remove", fresh.code, person.account.id, "--yes").code == Exit.OK
    assert "Nobody works for" in mpp("client", "staff", "list", fresh.code).err
    again = mpp("client", "invite", fresh.code, "waits@example.org", "--until", f"{last:%Y-%m-%d}")
    assert again.code == Exit.OK
    assert mpp("client", "staff", "remove", fresh.code, "Waits@example.org").code == Exit.USAGE, "nobody can answer"
    taken_back = mpp("client", "staff", "remove", fresh.code, "Waits@example.org\u200b", "--yes")
    assert (taken_back.code, "is cancelled" in taken_back.err) == (Exit.OK, True)
    assert re.search(r"waits@example.org +over", mpp("client", "staff", "list", fresh.code, "--invited").out)


def test_dates_of_access_are_whole_days_and_reversed_ones_lose_nobody(mpp: Mpp, fresh: Client) -> None:
    person = fresh.staff("viewer", since=-2)
    who = str(person.account.email)

    def set_(*options: str) -> tuple[Exit, str]:
        ended = mpp("client", "staff", "set", fresh.code, who, *options)
        return Exit(ended.code), " ".join(ended.err.split())

    code, said = set_("--from", "2030-03-01", "--until", "2030-03-31")
    assert (code, "from 2030-03-01 to 2030-03-31." in said) == (Exit.OK, True), said
    listed = mpp("client", "staff", "list", fresh.code).out
    assert "2030-03-01" in listed
    assert "2030-03-31" in listed
    assert "2030-04-01" not in listed
    (member,) = mpp("client", "staff", "list", fresh.code, "--json").json()
    assert member["access_until"].startswith("2030-03-31T22:00"), "the end of the last day, in Paris"
    for options, words in (
        (("--from", "2031-02-01", "--until", "2031-01-01"), "2031-01-01: the access begins on 2031-02-01"),
        (("--until", "2030-02-01"), "2030-02-01: the access begins on 2030-03-01"),
        (("--from", "2030-04-01"), "2030-04-01: the access ends on 2030-03-31"),
        (("--from", "2020-01-01", "--until", "2020-02-01"), "2020-02-01: it has passed"),
    ):
        code, said = set_(*options)
        assert code == Exit.USAGE
        assert options[-2] in said
        assert "client staff remove" in said
        assert all(word in said for word in words.split()), said
        assert mpp("client", "staff", "list", fresh.code, "--json").json() == [member]
    late = mpp("client", "invite", fresh.code, "x@example.org", "--until", "2020-02-01")
    assert (late.code, "2020-02-01: it has passed" in " ".join(late.err.split())) == (Exit.USAGE, True), late.err
    invited = mpp("client", "invite", fresh.code, "x@example.org", "--from", "2030-01-01", "--until", "2030-01-31")
    assert "from 2030-01-01 to 2030-01-31;" in invited.err


def test_what_a_client_follows_is_shown(mpp: Mpp, played: Client) -> None:
    where = (played.code, played.edition.code)
    overview = mpp("client", "overview", *where)
    assert "Players" in overview.out
    assert mpp("client", "overview", *where, "--json").json()["points"] == 106
    weeks = mpp("client", "weekly", *where, "--json").json()
    assert [week["points"] for week in weeks] == [84, 22]
    # The change of a week that is on would compare it with a whole one.
    assert "-62" not in mpp("client", "weekly", *where).out
    assert weeks[1]["points_change"] == -62
    assert played.leagues[0].name in mpp("client", "ranking", *where).out
    units = mpp("client", "ranking", *where, "--units", "--json").json()
    assert [(unit["label"], unit["points"]) for unit in units] == [("Lyon", 60), ("Nantes", 46)]
    assert mpp("client", "themes", *where, "--json").json()[0]["points"] == 106
    assert mpp("client", "map", *where, "--csv").out.splitlines() == ["department,players", "75,11"]
    ambassadors = mpp("client", "ambassadors", *where, "--json").json()
    assert len(ambassadors) == 2
    assert "account" not in str(ambassadors)


def test_a_territory_is_changed_after_a_question_and_its_classes_listed(mpp: Mpp, world: World) -> None:
    edition = world.school_edition()
    school = world.school()
    world.class_(edition, "Lina", "Noé", "Ana", "Tom", "Zoé", school=school, name="CE2 Z")
    client = new_client(world, edition, kind="local_authority")
    where = ("client", "territory")
    assert "follows no school" in mpp(*where, "show", client.code).err
    added = mpp(*where, "set", client.code, "--rne", school.rne, "--department", "2a")
    assert (added.code, "follows 2 codes." in added.err) == (Exit.OK, True), added.err
    assert f"rne {school.rne}: 1 school." in added.err
    assert "department 2A" in added.err
    rows = mpp(*where, "show", client.code, "--json").json()
    # Other tests may have put a school into the department.
    assert [(row["kind"], row["code"]) for row in rows] == [("department", "2A"), ("rne", school.rne)]
    assert rows[1]["schools"] == 1
    listed = mpp(*where, "classes", client.code, edition.code)
    assert "CE2 Z" in listed.out
    assert "Lina" not in listed.out
    more = mpp(*where, "add", client.code, "--postcode", "97490", "--rne", school.rne)
    assert (more.code, "follows 3 codes." in more.err) == (Exit.OK, True), more.err
    assert "department 2A" not in more.err, "what an earlier command added is not told again"
    as_in_the_directory = mpp(*where, "add", client.code, "--department", "02a", "--department", " 02A\u00a0")
    assert "Nothing to do" in as_in_the_directory.err
    asked = mpp(*where, "set", client.code, "--rne", school.rne)
    assert (asked.code, "No longer followed: department 2A, postcode 97490." in asked.err) == (Exit.USAGE, True)
    assert len(mpp(*where, "show", client.code, "--json").json()) == 3, "nobody could answer"
    assert "follows 1 code." in mpp(*where, "set", client.code, "--rne", school.rne, "--yes").err
    gone = mpp(*where, "remove", client.code, "--rne", school.rne, "--postcode", "01000", "--yes")
    assert "Not followed: postcode 01000." in gone.err
    assert "follows 0 codes." in gone.err
    assert "Nothing to do" in mpp(*where, "set", client.code, "--none").err
    wrong = mpp(*where, "add", client.code, "--department", "20", "--department", "96")
    assert (wrong.code, "department 20, department 96" in wrong.err) == (Exit.REFUSED, True)


def test_who_takes_part_where_it_makes_no_sense_is_refused_or_asked_about(mpp: Mpp, world: World) -> None:
    schools, leagues = world.school_edition(), running_edition(world)
    company = new_client(world, leagues)
    refused = mpp("client", "take-part", company.code, schools.code)
    assert (refused.code, "[MP028]" in refused.err) == (Exit.REFUSED, True)
    authority = new_client(world, schools, kind="local_authority")
    assert mpp("client", "take-part", authority.code, leagues.code).code == Exit.USAGE, "nobody can answer"
    assert mpp("client", "take-part", authority.code, leagues.code, "--yes").code == Exit.OK
    assert mpp("client", "take-part", authority.code, leagues.code, "--expected", "9").code == Exit.OK, "asked once"


def test_what_was_a_mistake_is_taken_back(mpp: Mpp, fresh: Client, played: Client, tmp_path: Path) -> None:
    where, mark = (fresh.code, fresh.edition.code), secrets.token_hex(4)
    mpp("client", "leagues", "import", *where, "--league", f"Ormes {mark}:Lyon", "--league", f"Pins {mark}")
    file = write_sheet(
        tmp_path / "people.csv",
        ("Courriel", "Ligue"),
        *((f"{name}-{mark}@example.org", f"Ormes {mark}") for name in "abc"),
    )
    mpp("client", "participants", "import", *where, file, "--yes")
    listed = mpp("client", "participants", "list", *where, "--json").json()
    assert [row["mail_state"] for row in listed] == ["queued"] * 3
    remove = ("client", "participants", "remove", *where)
    both = mpp(*remove, f"a-{mark}@example.org", "nobody@example.org", "--yes")
    assert (both.code, "nobody@example.org" in both.err) == (Exit.REFUSED, True)
    assert len(mpp("client", "participants", "list", *where, "--json").json()) == 3
    # As it comes out of a mail program.
    removed = mpp(*remove, f"A-{mark}@example.org\u200b", "--yes")
    assert "1 person removed; 0 invitations had left before." in removed.err
    assert len(fresh.mails("player_invitation")) == 2
    # Another league in the file moves nobody, and is said.
    file = write_sheet(tmp_path / "moved.csv", ("Courriel", "Ligue"), (f"b-{mark}@example.org", f"Pins {mark}"))
    moved = mpp("client", "participants", "import", *where, file, "--yes")
    assert f"B2: b-{mark}@example.org stays in Ormes {mark}, not Pins {mark}: invited there before." in moved.err
    assert "`mpp client participants remove` them first" in moved.err
    corrected = mpp("client", "leagues", "import", *where, "--league", f"Ormes {mark}:Nantes", "--dry-run")
    assert "unit corrected, was Lyon" in corrected.out
    assert "1 there already, of which 1 with another unit; nothing was written" in corrected.err
    mpp("client", "leagues", "import", *where, "--league", f"Ormes {mark}:Nantes")
    unchanged = mpp("client", "leagues", "import", *where, "--league", f"Ormes {mark}", "--json").json()
    assert [(row["unit"], row["is_corrected"]) for row in unchanged] == [("Nantes", False)]
    stays = mpp("client", "withdraw", played.code, played.edition.code, "--yes")
    assert (stays.code, "[MP099]" in stays.err) == (Exit.REFUSED, True)
    assert mpp("client", "withdraw", *where).code == Exit.USAGE, "nobody can answer"
    gone = mpp("client", "withdraw", *where, "--yes")
    assert (gone.code, "2 empty leagues closed." in gone.err) == (Exit.OK, True), gone.err
    assert fresh.mails("player_invitation") == []
    assert "does not take part" in mpp("client", "overview", *where).err


def test_the_awards_of_a_client_are_asked_for_by_its_code(mpp: Mpp, played: Client) -> None:
    listed = mpp("award", "list", played.edition.code, "--client", played.code)
    assert (listed.code, "No award in" in listed.err) == (Exit.OK, True)


def test_a_plan_is_made_written_as_a_calendar_and_ticked_off(mpp: Mpp, fresh: Client, tmp_path: Path) -> None:
    where = (fresh.code, fresh.edition.code)
    assert "There is no plan yet" in mpp("client", "plan", *where, "--keep").err
    made = mpp("client", "plan", *where, "--ics", tmp_path / "plan.ics", "--json")
    assert made.code == Exit.OK, made.err
    tasks = made.json()
    assert (tmp_path / "plan.ics").read_bytes().count(b"BEGIN:VEVENT\r\n") == sum(
        task["day"] is not None for task in tasks
    )
    assert mpp("client", "task", "done", tasks[0]["task_id"]).code == Exit.OK
    assert mpp("client", "plan", *where, "--keep", "--json").json()[0]["state"] == "done"
    assert mpp("client", "task", "done", tasks[0]["task_id"], "--undo").code == Exit.OK
    assert mpp("client", "plan", *where, "--ics", tmp_path / "no" / "plan.ics").code == Exit.OUTPUT


def test_weekly_reports_are_written_for_everybody_and_failures_named(mpp: Mpp, played: Client, tmp_path: Path) -> None:
    done = mpp("report", "weekly", played.edition.code, "--all", "-o", tmp_path / "all")
    assert (done.code, len(done.out.splitlines())) == (Exit.OK, 3), done.err
    assert {Path(line).suffix for line in done.out.splitlines()} == {".html", ".pdf", ".xlsx"}
    one = mpp(
        *("report", "weekly", played.edition.code, "--client", played.code, "-o", tmp_path / "one"),
        *("--language", "en", "--format", "html"),
    )
    (page,) = (Path(line) for line in one.out.splitlines())
    assert played.leagues[0].name in page.read_text(encoding="utf-8")
    assert page.name.endswith("week-2-en.html")
    final = mpp("report", "final", played.edition.code, "--client", played.code, "-o", tmp_path / "final")
    assert (final.code, final.out) == (Exit.REFUSED, "")
    assert f"{played.edition.code} is not over." in final.err
    soon = new_client(played.world, played.world.edition(starts_in=timedelta(days=3)))
    new_client(played.world, soon.edition)
    for command in (
        ("report", "weekly", soon.edition.code, "--all", "-o", tmp_path / "soon"),
        ("mail", "weekly", soon.edition.code),
    ):
        early = mpp(*command)
        assert (early.code, early.out, early.err.count("has not started")) == (Exit.REFUSED, "", 1)
        assert "mpp mail send" not in early.err
    (tmp_path / "file").write_text("")
    blocked = mpp("report", "weekly", played.edition.code, "--all", "-o", tmp_path / "file", "--format", "html")
    assert blocked.code == Exit.OUTPUT


def test_an_authority_sees_the_sums_of_its_territory_and_no_company(mpp: Mpp, world: World) -> None:
    edition = world.school_edition()
    school = world.school()
    client = new_client(world, edition, kind="local_authority")
    where = (client.code, edition.code)
    assert "No class of its territory has joined yet" in mpp("client", "overview", *where).err
    assert school.rne is not None
    world.ops.clients.set_territory(client.organisation.organisation_id, schools=[school.rne])
    class_ = world.class_(edition, "Lina", "Noé", "Zoé", "Ana", "Tom", school=school, name="CE2 A")
    world.class_(edition, "Isaure", school=school, name="CE2 B")
    (walk,) = world.ops.classes.find_challenges(class_.class_id, ["s-walk"])
    world.ops.classes.validate(class_.class_id, walk.challenge_id)
    shown = mpp("client", "overview", *where)
    assert "5  (without 1 class of fewer than 5)" in shown.out
    assert "Leagues" not in shown.out
    sums = mpp("client", "overview", *where, "--json").json()
    assert {name: sums[name] for name in ("classes", "schools", "pupils", "points", "points_this_week")} == {
        "classes": 2, "schools": 1, "pupils": 5, "points": 10, "points_this_week": 10,
    }  # fmt: skip
    assert sums["points_per_pupil"] == 2.0
    weeks = mpp("client", "weekly", *where)
    assert (weeks.code, f"mpp client territory classes {client.code} {edition.code}" in weeks.err) == (Exit.OK, True)


def test_the_mails_of_a_week_are_queued_once(mpp: Mpp, world: World) -> None:
    client = played_client(world)
    client.staff()
    client.players[0][0].call("set_consent", purpose="league_alerts", granted=True)
    dry = mpp("mail", "weekly", client.edition.code, "--dry-run", "--json")
    assert dry.json() == [{"client": client.code, "reports": 1, "notes": 1, "queued": 0}]
    assert client.mails("weekly_report") == []
    assert mpp("mail", "weekly", client.edition.code, "--json").json()[0]["queued"] == 2
    assert mpp("mail", "weekly", client.edition.code, "--client", client.code, "--json").json()[0]["queued"] == 0
    assert len(client.mails("weekly_report")) == 1
    soon = new_client(world, world.edition(starts_in=timedelta(days=3)))
    failed = mpp("mail", "weekly", soon.edition.code)
    assert (failed.code, "has not started" in failed.err) == (Exit.REFUSED, True)


def test_a_kit_is_filled_shown_fetched_linked_and_emptied(mpp: Mpp, tmp_path: Path) -> None:
    code = f"t-{secrets.token_hex(5)}"
    mpp("client", "create", code, "--name", "Exemple SA")
    assert f"mpp client files add {code} FILE" in mpp("client", "files", "list", code).err
    poster = tmp_path / "Affiche juin.pdf"
    poster.write_bytes(b"%PDF-1.4 example")
    added = mpp("client", "files", "add", code, poster, "--json")
    assert (added.code, added.json()[0]["size"]) == (Exit.OK, 16)
    # A part that nobody can guess; the commands below know the file without it.
    assert re.fullmatch(r"Affiche juin-[0-9a-f]{16}\.pdf", added.json()[0]["name"])
    assert mpp("client", "files", "add", code, poster, "--name", "guides/start.pdf").code == Exit.OK
    listed = mpp("client", "files", "list", code)
    assert "16 B" in listed.out
    assert listed.out.index("Affiche juin-") < listed.out.index("guides/start.pdf")
    got = mpp("client", "files", "get", code, "guides/start.pdf", "-o", tmp_path / "got.pdf")
    assert (got.code, got.out, (tmp_path / "got.pdf").read_bytes()) == (Exit.OK, "", b"%PDF-1.4 example")
    link = mpp("client", "files", "link", code, "guides/start.pdf", "--for", "45m")
    assert httpx.get(link.out.strip(), timeout=LIMIT).content == b"%PDF-1.4 example"
    unasked = mpp("client", "files", "remove", code, "guides/start.pdf")
    assert (unasked.code, "add --yes" in unasked.err) == (Exit.USAGE, True)
    removed = mpp("client", "files", "remove", code, "guides/start.pdf", "Affiche juin.pdf", "--yes")
    assert (removed.code, removed.err.splitlines()[-1]) == (Exit.OK, "2 files removed from the kit of Exemple SA.")
    assert mpp("client", "files", "list", code, "--json").json() == []


def test_what_a_kit_does_not_take_or_have_is_named(mpp: Mpp, tmp_path: Path) -> None:
    code = f"t-{secrets.token_hex(5)}"
    mpp("client", "create", code, "--name", "Exemple SA")
    good, page = tmp_path / "good.pdf", tmp_path / "page.html"
    for path in (good, page):
        path.write_bytes(b"x")
    mpp("client", "files", "add", code, good)
    files = ("client", "files")
    for command, exit_code, words in (
        ((*files, "list", "t-nobody"), Exit.REFUSED, "no organisation t-nobody"),
        ((*files, "add", "t-nobody", good), Exit.REFUSED, "no organisation t-nobody"),
        ((*files, "add", code, good), Exit.REFUSED, "has a file good.pdf already"),
        ((*files, "add", code, page), Exit.FILE_INVALID, "page.html cannot be the name"),
        ((*files, "add", code, tmp_path), Exit.FILE_INVALID, "is a directory"),
        ((*files, "add", code, page, tmp_path), Exit.FILE_INVALID, "mpp: 2 problems; nothing was changed."),
        ((*files, "add", code, tmp_path / "no.pdf"), Exit.FILE_INVALID, "no.pdf cannot be read"),
        ((*files, "add", code, good, good, "--name", "x.pdf"), Exit.USAGE, "cannot have one name"),
        ((*files, "get", code, "no.pdf"), Exit.REFUSED, "has no file no.pdf"),
        ((*files, "get", code, "good.pdf", "-o", tmp_path), Exit.FILE_INVALID, "is a directory"),
        ((*files, "remove", code, "good.pdf", "no.pdf", "-y"), Exit.REFUSED, "has no file no.pdf"),
        ((*files, "link", code, "no.pdf"), Exit.REFUSED, "has no file no.pdf"),
        *(((*files, "link", code, "good.pdf", "--for", period), Exit.USAGE, "--for")
          for period in ("31d", "0d", "7", "d", "-1d", "1w", "²d", "9" * 30 + "m")),
    ):  # fmt: skip
        ended = mpp(*command)
        assert (ended.code, ended.out, words in ended.err) == (exit_code, "", True), (command, ended.err)
    (kept,) = mpp("client", "files", "list", code, "--json").json()
    assert re.fullmatch(r"good-[0-9a-f]{16}\.pdf", kept["name"])
