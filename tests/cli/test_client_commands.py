"""Commands for clients and their reports on a real stack: what they print, where, and how they end."""

from __future__ import annotations

import csv
import io
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mpp_cli.exits import Exit
from tests.service.clients import Client, new_client, played_client, running_edition
from tests.service.sheets import write_sheet
from tests.service.world import World

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
        (("client", "territory", fresh.code, "--department", "99Z"), "[MP010]"),
        (("client", "staff", "remove", fresh.code, "nobody@example.org", "--yes"), "does not work for"),
        (("client", "task", "done", "2147483000"), "[MP005]"),
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
        ("client", "territory", fresh.code, "--none", "--rne", "0759999L"),
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
    pushed = mpp("client", "leagues", "list", fresh.code, fresh.edition.code, "--needing-a-push", "--json").json()
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
        ("c@example.org", None),
    )
    ended = mpp("client", "participants", "import", *where, file, "--yes")
    assert (ended.code, ended.out) == (Exit.FILE_INVALID, "")
    for cell in ("people.xlsx: Classe!A2:", "Classe!B3: a formula", "Classe!A5: the address is there more than once"):
        assert cell in ended.err
    assert "3 problems; nothing was changed." in ended.err
    assert mpp("client", "participants", "list", *where).out == ""
    absent = mpp("client", "participants", "import", *where, tmp_path / "absent.xlsx")
    assert (absent.code, "no such file" in absent.err) == (Exit.FILE_INVALID, True)


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


def test_staff_are_invited_listed_changed_and_removed(mpp: Mpp, world: World, fresh: Client) -> None:
    person = world.signed_in()
    first, last = datetime.now(UTC) - timedelta(days=2), datetime.now(UTC) + timedelta(days=30)
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


def test_a_territory_is_set_and_its_classes_listed(mpp: Mpp, world: World) -> None:
    edition = world.school_edition()
    school = world.school()
    world.class_(edition, "Lina", "Noé", "Ana", "Tom", "Zoé", school=school, name="CE2 Z")
    client = new_client(world, edition, kind="local_authority")
    assert "follows no school" in mpp("client", "territory", client.code).err
    assert "codes." in mpp("client", "territory", client.code, "--rne", school.rne, "--postcode", "97999").err
    assert mpp("client", "territory", client.code, "--csv").out.count("\n") == 3
    listed = mpp("client", "territory", client.code, "--edition", edition.code)
    assert "CE2 Z" in listed.out
    assert "Lina" not in listed.out
    assert "0 codes." in mpp("client", "territory", client.code, "--none").err


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
    assert (weeks.code, f"mpp client territory {client.code} --edition {edition.code}" in weeks.err) == (Exit.OK, True)


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
