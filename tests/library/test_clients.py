"""Clients over HTTP with the secret key, as their staff see them, and their reports."""

from __future__ import annotations

import secrets
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest

from mpp_supabase import ReportError, SheetError
from mpp_supabase.demo.client import Town
from mpp_supabase.demo.play import moved_edition
from mpp_supabase.errors import (
    AccessClosed,
    EditionNotFound,
    ImportRefused,
    InvalidField,
    InvitationUnknown,
    NotAllowed,
    OrganisationUnknown,
    ParticipationUnknown,
    WrongAudience,
    refusal,
)
from mpp_supabase.project import find_project
from mpp_supabase.reports import write_report
from mpp_supabase.reports.wording import Words
from mpp_supabase.sheets import read_guests, read_leagues
from supabase_embedded import StackStatus
from tests.support import clock
from tests.support.spreadsheets import write_sheet
from tests.support.waiting import LIMIT
from tests.support.world import Person, World, new_code
from tests.support.world_clients import VIEWS, Client, new_client, pages, played_client, running_edition


@pytest.fixture(scope="module")
def played(world: World) -> Client:
    """A client whose people have played; tests read it and change nothing."""
    return played_client(world)


@pytest.fixture
def fresh(world: World) -> Client:
    """A client with two leagues and nobody in them."""
    return new_client(
        world,
        running_edition(world, days=1),
        ((f"Ormes {secrets.token_hex(3)}", "Lyon"), (f"Saules {secrets.token_hex(3)}", "Nantes")),
    )


def refused(person: Person, function: str, **arguments: Any) -> str:
    """The code with which a function refuses somebody; nothing when it answers."""
    answer = person.world.http.post(
        f"/rest/v1/rpc/{function}",
        json=arguments,
        headers={"Authorization": f"Bearer {person.token}", "Content-Profile": "api"},
    )
    return "" if answer.is_success else str(answer.json()["code"])


# Organisations


def test_an_organisation_is_made_corrected_and_listed(world: World) -> None:
    code = f"t-{secrets.token_hex(5)}"
    made = world.ops.clients.set(code, name="Exemple", kind="university", language="en")
    assert (made.name, made.kind, made.language) == ("Exemple", "university", "en")
    corrected = world.ops.clients.set(code, name="Exemple & fils")
    assert (corrected.organisation_id, corrected.name, corrected.kind) == (
        made.organisation_id,
        "Exemple & fils",
        "university",
    )
    assert corrected in list(world.ops.clients.iterate())
    with pytest.raises(InvalidField):
        world.ops.clients.set("No Code", name="Exemple")
    with pytest.raises(OrganisationUnknown):
        world.ops.clients.get("t-nobody")


def test_taking_part_keeps_what_is_left_out(world: World) -> None:
    edition = running_edition(world)
    client = new_client(world, edition, expected_players=120, carries_name=True)
    id_ = client.organisation.organisation_id
    again = world.ops.clients.take_part(id_, edition.code, asks_phone=True)
    part = world.ops.clients.participation(client.code, edition.code)
    assert again == part.participation_id == client.part.participation_id
    assert (part.expected_players, part.asks_phone, part.carries_name) == (120, True, True)
    with pytest.raises(EditionNotFound):
        world.ops.clients.take_part(id_, "no-such-edition")
    with pytest.raises(ParticipationUnknown, match="does not take part"):
        world.ops.clients.participation(client.code, running_edition(world).code)


def test_a_territory_is_replaced_as_a_whole_and_wrong_codes_change_nothing(world: World) -> None:
    client = new_client(world, running_edition(world), kind="local_authority")
    id_ = client.organisation.organisation_id
    assert world.ops.clients.set_territory(id_, departments=["69", "2A"], postcodes=["01000"]) == 3
    with pytest.raises(InvalidField):
        world.ops.clients.set_territory(id_, departments=["99Z"])
    assert {(each.kind, each.code) for each in world.ops.clients.territory(id_)} == {
        ("department", "69"),
        ("department", "2A"),
        ("postcode", "01000"),
    }
    assert world.ops.clients.set_territory(id_) == 0
    assert world.ops.clients.territory(id_) == []


# Leagues


def test_leagues_are_made_once_and_their_units_corrected(fresh: Client) -> None:
    clients, id_ = fresh.world.ops.clients, fresh.part.participation_id
    name = fresh.leagues[0].name
    (again,) = clients.create_leagues(id_, [{"name": name.upper(), "unit": "Paris"}])
    assert (again.league_id, again.is_new, again.join_code) == (
        fresh.leagues[0].league_id,
        False,
        fresh.leagues[0].join_code,
    )
    assert {code.name: code.unit for code in clients.join_codes(id_)} == {
        name: "Paris",
        fresh.leagues[1].name: "Nantes",
    }
    other = new_client(fresh.world, fresh.edition)
    with pytest.raises(ImportRefused, match="another league of this edition has it"):
        clients.create_leagues(other.part.participation_id, [{"name": name}])
    assert clients.join_codes(other.part.participation_id) == []
    school = new_client(fresh.world, fresh.world.school_edition(), kind="local_authority")
    with pytest.raises(WrongAudience):
        clients.create_leagues(school.part.participation_id, [{"name": "Une classe"}])


def test_a_list_of_leagues_says_first_what_it_would_make(world: World, tmp_path: Path) -> None:
    client = new_client(world, running_edition(world, days=1), carries_name=True)
    name = secrets.token_hex(4)
    file = write_sheet(tmp_path / "l.xlsx", ("Ligue", "Service", "Chef"), (name, "Paie", "X"), (f"{name} 2", None, "Y"))
    planned = world.ops.clients.import_leagues(client.part, file, leagues=[{"name": f"{name} 3"}], dry_run=True)
    assert [made.is_new for made in planned.leagues] == [True] * 3
    assert planned.ignored == ("Chef",)
    assert world.ops.clients.join_codes(client.part.participation_id) == []
    done = world.ops.clients.import_leagues(client.part, file)
    assert [(made.name, made.unit, made.is_new) for made in done.leagues] == [
        (f"{client.organisation.name} · {name}", "Paie", True),
        (f"{client.organisation.name} · {name} 2", None, True),
    ]
    again = world.ops.clients.import_leagues(client.part, file, dry_run=True)
    assert [made.is_new for made in again.leagues] == [False, False]


@pytest.mark.parametrize("dry_run", [True, False])
def test_every_name_of_a_list_that_is_refused_is_told_by_cell(fresh: Client, tmp_path: Path, dry_run: bool) -> None:
    clients = fresh.world.ops.clients
    before = clients.join_codes(fresh.part.participation_id)
    rows = (("Ligue", "Unité"), ("MPP support", "Lyon"), ("Les Ormes", "MPP officiel"), ("https://evil.example", None))
    with pytest.raises(SheetError) as refused:
        clients.import_leagues(fresh.part, write_sheet(tmp_path / "l.csv", *rows), dry_run=dry_run)
    assert [(problem.cell, problem.value, problem.problem) for problem in refused.value.problems] == [
        ("A2", "MPP support", "the name is not valid: it is the name of the association"),
        ("B3", "MPP officiel", "the unit is not valid: it is the name of the association"),
        ("A4", "https://evil.example", "the name is not valid: it holds a link"),
    ]
    assert refused.value.problems[0].fix == "choose a name of your own"
    with pytest.raises(InvalidField, match="MPP is not valid as a league's name: it is the name of the association"):
        clients.import_leagues(fresh.part, leagues=[{"name": "MPP"}], dry_run=dry_run)
    assert clients.join_codes(fresh.part.participation_id) == before


def test_a_dry_run_of_leagues_says_which_name_another_client_has(fresh: Client) -> None:
    other = new_client(fresh.world, fresh.edition)
    with pytest.raises(InvalidField, match="another league of this edition has it"):
        fresh.world.ops.clients.import_leagues(other.part, leagues=[{"name": fresh.leagues[0].name}], dry_run=True)


# Files of clients

BROKEN_GUESTS = [
    ("no address", (("Mail",), ("ada",)), "A2: not an e-mail address (ada)"),
    ("two at signs", (("Mail",), ("a@@example.org",)), "A2: not an e-mail address (a@@example.org)"),
    ("two addresses", (("Mail",), ("a@example.org b@example.org",)), "A2: several addresses in one cell"),
    ("no header above", (("Mail",), ("a@example.org", "Ventes")), "B2: something under no header"),
    ("a number", (("Mail",), (12,)), "A2: not an e-mail address (12)"),
    (
        "twice",
        (("Mail", "Ligue"), ("a@example.org", "Ormes"), ("A@example.org", "Pins")),
        "A3: the address is there more than once (first in A2), with another league",
    ),
    ("a league alone", (("Mail", "Ligue"), (None, "Ormes")), "A2: no address, though B2 names a league"),
    ("a formula", (("Mail", "Ligue"), ("a@example.org", "=A1")), "B2: a formula"),
    ("a sign", (("Mail", "Ligue"), ("a@example.org", "@SUM(A1)")), "B2: begins with @, as formulas do"),
    ("two columns", (("Mail", "E-mail"), ("a@example.org", "b@example.org")), "B1: a second column e-mail"),
    ("nobody", (("Mail", "Ligue"),), "A2: no address below the header"),
    ("no header", (("Nom", "Prénom"), ("X", "Y")), "no header row with a column e-mail"),
    ("a long name", (("Mail", "Ligue"), ("a@example.org", "x" * 61)), "B2: longer than 60 characters"),
]


@pytest.mark.parametrize(
    ("rows", "words"), [case[1:] for case in BROKEN_GUESTS], ids=[case[0] for case in BROKEN_GUESTS]
)
@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_a_broken_list_of_guests_is_refused_with_its_cell(
    rows: tuple[tuple[object, ...], ...], words: str, ending: str, tmp_path: Path
) -> None:
    file = write_sheet(tmp_path / f"guests.{ending}", *rows)
    with pytest.raises(SheetError) as error:
        read_guests(file)
    # A .csv has no formulas but what looks like one.
    if ending == "csv":
        words = words.replace("begins with @, as formulas do", "a formula")
    assert words in str(error.value)


def test_every_bad_cell_is_named_at_once_and_what_hides_is_refused(tmp_path: Path) -> None:
    from openpyxl import Workbook

    workbook = Workbook()
    sheet = workbook.worksheets[0]
    for row in (("Invités",), ("Mail", "Ligue"), ("ada", "Ormes"), ("b@example.org", "=A1"), ("c@example.org", "")):
        sheet.append(row)
    sheet.row_dimensions[5].hidden = True
    sheet.merge_cells("C3:D3")
    sheet["C3"] = "x"
    workbook.save(tmp_path / "guests.xlsx")
    with pytest.raises(SheetError) as error:
        read_guests(tmp_path / "guests.xlsx")
    assert [problem.cell for problem in error.value.problems] == ["A3", "C3:D3", "C3", "B4", "5:5"]


def test_an_unknown_league_is_named_with_the_one_that_is_near(fresh: Client, tmp_path: Path) -> None:
    name = fresh.leagues[0].name
    file = write_sheet(
        tmp_path / "guests.csv",
        ("Nom", "E-mail", "Ligue"),
        ("X", "a@example.org", name.replace("Ormes", "Orme")),
        ("Y", "b@example.org", "Tout autre chose"),
        ("Z", "c@example.org", name.lower()),
    )
    with pytest.raises(SheetError) as error:
        fresh.world.ops.clients.import_participants(fresh.part, file)
    assert [problem.cell for problem in error.value.problems] == ["C2", "C3"]
    assert f"write {name}" in str(error.value)
    assert fresh.mails("player_invitation") == []


def test_a_missing_league_is_named_once_with_all_its_cells_beside_every_other_fault(tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [("E-mail", "Ligue"), ("ada", "Ormes")]
    rows += [(f"p{number}@example.org", "Saules" if number % 2 else "saules") for number in range(30)]
    rows += [("x@example.org", "Pins"), ("y@example.org", "Chênes")]
    file = write_sheet(tmp_path / "guests.csv", *rows)
    with pytest.raises(SheetError) as error:
        read_guests(file, leagues=["Ormes", "Pins"])
    first, second, third = error.value.problems
    assert (first.cell, first.problem) == ("A2", "not an e-mail address")
    assert second.cell == ", ".join(f"B{row}" for row in range(3, 23)) + " and 10 more"
    assert (second.value, second.problem) == ("saules", "no league of this client")
    assert (third.cell, third.value) == ("B34", "Chênes")


def test_a_name_that_does_not_fit_after_the_clients_is_named_with_both(world: World, tmp_path: Path) -> None:
    organisation = world.ops.clients.set(
        f"t-{secrets.token_hex(5)}", name="Une entreprise au nom bien assez long pour lui"
    )
    edition = running_edition(world)
    world.ops.clients.take_part(organisation.organisation_id, edition.code, carries_name=True)
    part = world.ops.clients.participation(organisation.code, edition.code)
    file = write_sheet(tmp_path / "l.csv", ("Ligue",), ("Pins",), ("Direction des affaires générales",))
    with pytest.raises(SheetError) as error:
        world.ops.clients.import_leagues(part, file, dry_run=True)
    (problem,) = error.value.problems
    assert problem.cell == "A3"
    assert "with “Une entreprise au nom bien assez long pour lui · ” before it, it has 81 characters" in problem.problem
    assert "use 11 characters at most" in problem.fix
    with pytest.raises(InvalidField) as refused:
        world.ops.clients.import_leagues(part, leagues=[{"name": "Direction des affaires générales"}])
    assert "81 characters" in str(refused.value)
    assert "--plain-name" in refused.value.hint
    assert world.ops.clients.join_codes(part.participation_id) == []


def test_a_unit_that_a_list_corrects_is_told_and_one_it_leaves_out_stays(fresh: Client) -> None:
    name, clients = fresh.leagues[0].name, fresh.world.ops.clients
    before = {code.name: code.unit for code in clients.join_codes(fresh.part.participation_id)}[name]
    for dry_run in (True, False):
        (made,) = clients.import_leagues(fresh.part, leagues=[{"name": name, "unit": "Brest"}], dry_run=dry_run).leagues
        assert (made.is_new, made.is_corrected, made.unit_before, made.unit) == (False, True, before, "Brest")
    for league in ({"name": name}, {"name": name, "unit": "BREST"}):
        (made,) = clients.import_leagues(fresh.part, leagues=[league]).leagues
        assert (made.is_corrected, made.unit_before, (made.unit or "").casefold()) == (False, None, "brest")


def test_a_broken_list_of_leagues_is_refused(tmp_path: Path) -> None:
    file = write_sheet(
        tmp_path / "l.xlsx",
        ("Ligue", "Unité"),
        ("Ormes", 3),
        ("ormes", "x"),
        (None, "Lyon"),
        (3.5, "y"),
        ("Pins", "=A1"),
    )
    with pytest.raises(SheetError) as error:
        read_leagues(file)
    assert [problem.cell for problem in error.value.problems] == ["A3", "A4", "A5", "B6"]
    good = read_leagues(write_sheet(tmp_path / "g.csv", ("Nom de la ligue",), ("Ormes",), ("Pins",)))
    assert [league.name for league in good.leagues] == ["Ormes", "Pins"]


def test_guests_are_invited_once_each_and_a_dry_run_writes_nothing(fresh: Client, tmp_path: Path) -> None:
    clients = fresh.world.ops.clients
    mark = secrets.token_hex(4)
    file = write_sheet(
        tmp_path / "guests.xlsx",
        ("Nom", "Adresse e-mail", "Ligue"),
        ("Secret", f"Ada-{mark}@Example.org", fresh.leagues[1].name),
        ("Secret", f"bob-{mark}@example.org", None),
        ("Secret", f"cleo-{mark}@example.org", None),
    )
    checked = clients.import_participants(fresh.part, file, dry_run=True)
    assert (checked.invited, checked.unchanged, checked.ignored) == (3, 0, ("Nom",))
    assert fresh.mails("player_invitation") == []
    assert clients.import_participants(fresh.part, file).invited == 3
    again = clients.import_participants(fresh.part, file)
    assert (again.invited, again.unchanged) == (0, 3)
    mails = fresh.mails("player_invitation")
    assert {address for _, address, _, _ in mails} == {f"{name}-{mark}@example.org" for name in ("ada", "bob", "cleo")}
    codes = {league.name: league.join_code for league in fresh.leagues}
    for _, _, account, data in mails:
        assert account is None
        assert data["join_code"] == codes[data["league"]]
        assert "Secret" not in str(data)
    listed = {one.email: one.league for one in clients.participants(fresh.part.participation_id)}
    assert listed[f"ada-{mark}@example.org"] == fresh.leagues[1].name
    assert sorted(listed.values()) == sorted([fresh.leagues[0].name] + [fresh.leagues[1].name] * 2) or sorted(
        listed.values()
    ) == sorted([fresh.leagues[0].name] * 2 + [fresh.leagues[1].name]), "spread over the leagues"


# Staff


def test_staff_are_invited_by_mail_let_in_changed_and_removed(world: World, fresh: Client) -> None:
    clients, id_ = world.ops.clients, fresh.organisation.organisation_id
    person, other = world.signed_in(), world.signed_in()
    until = clock.now() + timedelta(days=20)
    clients.invite(id_, str(person.account.email), "manager", access_until=until)
    ((_, address, _, data),) = fresh.mails("staff_invitation")
    assert address == person.account.email
    # A code is of use to nobody else.
    assert refused(other, "accept_staff_invitation", code=data["code"]) == InvitationUnknown.code
    assert person.call("accept_staff_invitation", code=data["code"]) == id_
    assert refused(person, "accept_staff_invitation", code=data["code"]) == InvitationUnknown.code
    (member,) = clients.staff(id_)
    assert (member.email, member.role, member.access_until) == (person.account.email, "manager", until)
    (invitation,) = clients.invitations(id_)
    assert invitation.accepted_at is not None
    clients.set_staff(id_, member.account_id, role="viewer", access_until=until + timedelta(days=5))
    assert [one.role for one in clients.staff(id_)] == ["viewer"]
    assert len(person.read("client_overview")) == 1
    clients.remove_staff(id_, member.account_id)
    assert person.read("client_overview") == []
    with pytest.raises(NotAllowed):
        clients.remove_staff(id_, member.account_id)


def test_a_client_is_seen_by_its_own_staff_inside_their_dates_and_by_nobody_else(played: Client) -> None:
    id_ = played.part.participation_id
    inside, before, after = played.staff(), played.staff(since=1), played.staff(since=-9, until=-1)
    elsewhere = new_client(played.world, played.edition).staff("owner")
    for view in VIEWS:
        rows = inside.read(view, participation_id=f"eq.{id_}")
        assert rows or view in ("client_territory",), view
        for stranger in (before, after, elsewhere, played.players[0][1]):
            assert stranger.read(view, participation_id=f"eq.{id_}") == [], view
    assert refused(inside, "client_report", participation_id=id_) == ""
    assert {refused(person, "client_report", participation_id=id_) for person in (before, after)} == {AccessClosed.code}
    assert refused(elsewhere, "client_report", participation_id=id_) == ParticipationUnknown.code
    assert refused(played.players[0][0], "client_report", participation_id=id_) == ParticipationUnknown.code
    assert refusal(AccessClosed.code, "").__class__ is AccessClosed


def test_join_codes_are_for_managers_and_organisations_for_their_staff(played: Client) -> None:
    viewer, manager = played.staff(), played.staff("manager")
    late = played.staff("manager", since=-9, until=-1)
    assert {row["join_code"] for row in manager.read("client_join_codes")} == {one.join_code for one in played.leagues}
    for person in (viewer, late, played.players[0][0], new_client(played.world, played.edition).staff("owner")):
        assert person.read("client_join_codes", participation_id=f"eq.{played.part.participation_id}") == []
    assert [row["code"] for row in late.read("client_organisations")] == [played.code]
    assert played.players[0][0].read("client_organisations") == []
    for person in (manager, played.players[0][0]):
        assert refused(person, "weekly_readers", participation_id=played.part.participation_id) in ("42501", "PGRST202")


# Reports


def test_a_follow_up_says_what_the_ledger_says(played: Client) -> None:
    found = played.world.ops.reports.follow(played.part.participation_id)
    overview = found.overview
    assert (overview.week, overview.players, overview.active_players, overview.active_players_ever) == (2, 11, 11, 11)
    assert (overview.leagues, overview.validations) == (3, 11 * 2 + 12 + 9)
    assert overview.points == 4 * (12 + 9) + 22
    assert overview.points_per_player == Decimal("9.64")
    assert [(week.week, week.validations, week.points) for week in found.weeks] == [(1, 21, 84), (2, 22, 22)]
    first, second, empty = found.leagues
    assert (first.rank, first.players, first.points, first.points_this_week) == (1, 6, 60, 12)
    assert (second.rank, second.players, second.points) == (2, 5, 46)
    assert (empty.rank, empty.players, empty.points, empty.has_ambassador) == (3, None, 0, False)
    assert {"no_ambassador", "not_started"} <= set(empty.attention)
    assert [(unit.label, unit.leagues, unit.points) for unit in found.units] == [("Lyon", 2, 60), ("Nantes", 1, 46)]
    assert [(place.department, place.players) for place in found.departments] == [("75", 11)]


def test_a_report_says_what_the_views_say(played: Client, tmp_path: Path) -> None:
    inside = played.staff()
    rows = {view: inside.read(view, participation_id=f"eq.{played.part.participation_id}") for view in VIEWS}
    report = played.world.ops.reports.weekly(played.part.participation_id)
    (overview,) = rows["client_overview"]
    for name in ("players", "active_players", "leagues", "validations", "points"):
        assert getattr(report.overview, name) == overview[name], name
        assert getattr(report.overview, f"{name}_change") == overview[f"{name}_change"], name
    assert float(str(report.overview.points_per_player)) == overview["points_per_player"]
    assert report.overview.expected_players == 20
    assert [(week.week, week.validations, week.points, week.active_players) for week in report.weeks] == [
        (row["week"], row["validations"], row["points"], row["active_players"]) for row in rows["client_weekly"]
    ]
    found = report.follow_up
    assert [(one.rank, one.name, one.points, one.players, one.attention) for one in found.leagues] == [
        (row["rank"], row["name"], row["points"], row["players"], tuple(row["attention"]))
        for row in rows["client_leagues"]
    ]
    assert [(one.rank, one.label, one.points) for one in found.units] == [
        (row["rank"], row["label"], row["points"]) for row in rows["client_ranking"] if row["scope"] == "unit"
    ]
    assert {one.theme: one.points for one in report.themes} == {r["theme"]: r["points"] for r in rows["client_themes"]}
    assert {str(one.day): one.points for one in report.days if one.validations} == {
        row["day"]: row["points"] for row in rows["client_daily"]
    }
    assert len(report.days) == 10, "days without a validation too"
    # Who was active in a week that is on is not compared with a whole one.
    (page,) = write_report(tmp_path, report, "en", ("html",))
    assert "on the week before" not in page.read_text(encoding="utf-8")
    (file,) = write_report(tmp_path, report, "en", ("xlsx",))
    cells = [cell for rows_ in pages(file).values() for row in rows_ for cell in row]
    assert {106, 43, played.leagues[0].name} <= set(cells)


def test_a_report_of_200_players_and_4000_challenges_is_written(
    world: World, stack: StackStatus, tmp_path: Path
) -> None:
    code, files = new_code("big"), find_project().files
    world.ops.editions.apply(moved_edition(files / "catalogue" / "adult-2026-09.yaml", code, clock.now()))
    world.ops.editions.open(code)
    edition = world.ops.editions.get(code)
    names = [(f"Grande {number} {secrets.token_hex(3)}", f"U{number % 4}") for number in range(12)]
    client = new_client(world, edition, names, expected_players=200)
    with httpx.Client(timeout=LIMIT) as http:
        # Ids are drawn from it: others in each edition, for a database that is used twice.
        chance = Random(edition.id)
        town = Town(world.ops, world.database, stack.env(), http, files, secrets.token_hex(3), chance)
        members = town.register_players(edition, client.leagues, 200)
        done = town.play(edition, members, 4_000, clock.now())
    assert done == 4_000
    report = world.ops.reports.weekly(client.part.participation_id)
    written = write_report(tmp_path, report, "fr")
    assert report.overview.players == 200
    # Some of the 4,000 wait for their team.
    assert 3_500 < int(report.overview.validations or 0) <= 4_000
    assert [file.suffix for file in written] == [".html", ".pdf", ".xlsx"]


def test_a_client_that_fails_is_named_and_does_not_hold_up_the_others(played: Client, tmp_path: Path) -> None:
    soon = new_client(played.world, played.world.edition(starts_in=timedelta(days=3)))
    steps: list[tuple[int, int]] = []
    with pytest.raises(ReportError) as error:
        played.world.ops.reports.write(
            "weekly", [soon.part, played.part], tmp_path, "fr", ("html",), on_progress=lambda *step: steps.append(step)
        )
    assert error.value.problems == (f"{soon.organisation.name}: {soon.edition.code} has not started.",)
    assert soon.organisation.name in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == [f"{played.code}-{played.edition.code}-week-2-fr.html"]
    assert steps == [(1, 2), (2, 2)]


def test_the_final_report_has_the_awards_and_the_comparison_once_the_edition_is_over(
    world: World, tmp_path: Path
) -> None:
    client = played_client(world)
    id_ = client.part.participation_id
    with pytest.raises(ReportError, match="is not over"):
        world.ops.reports.final(id_)
    world.ops.editions.close(client.edition.code, "Test")
    world.ops.editions.freeze(client.edition.code)
    world.ops.awards.grant(client.edition.code)
    report = world.ops.reports.final(id_)
    assert report.kind == "final"
    (file,) = write_report(tmp_path, report, "en", ("xlsx",))
    sheets = pages(file)
    front = next(iter(sheets.values()))
    assert next(row for row in front if row[0] == "Active players")[1] == 11
    heading, *rows = sheets["Ranking of the leagues"]
    assert [row[heading.index("Active players")] for row in rows] == [6, 5, "suppressed"]
    assert ["Champion league", client.leagues[0].name] in [row[:2] for row in sheets["Awards"][1:]]
    assert {one.measure: float(str(one.own)) for one in report.comparison} == {
        "points_per_player": pytest.approx(106 / 11),
        "players_per_league": pytest.approx(11 / 2),
    }
    assert Words("en")("attention") not in sheets


def test_the_mails_of_a_week_go_to_staff_inside_their_dates_and_to_ambassadors_who_agreed(world: World) -> None:
    client = played_client(world)
    inside, late = client.staff(), client.staff(since=-9, until=-1)
    willing, silent = client.players[0][0], client.players[1][0]
    willing.call("set_consent", purpose="league_alerts", granted=True)
    silent.call("set_consent", purpose="league_alerts", granted=True)
    silent.call("set_consent", purpose="league_alerts", granted=False)
    client.players[0][1].call("set_consent", purpose="league_alerts", granted=True)
    mails = world.ops.reports.weekly_mails(client.part.participation_id, {_league_of(client): 7})
    assert {(mail["template"], mail["account_id"]) for mail in mails} == {
        ("weekly_report", str(inside.account.id)),
        ("ambassador_note", str(willing.account.id)),
    }
    assert str(late.account.id) not in str(mails)
    by_template = {mail["template"]: mail for mail in mails}
    figures = {figure["name"]: figure["value"] for figure in by_template["weekly_report"]["data"]["figures"]}
    assert figures == {"players": 11, "active_players": 11, "leagues": 3, "validations": 43, "points": 106}
    assert client.leagues[2].name in str(by_template["weekly_report"]["data"]["needs_attention"])
    note = by_template["ambassador_note"]["data"]
    assert (note["league"], note["rank"]) == (client.leagues[0].name, 7)
    assert world.ops.mails.queue(mails) == 2
    assert world.ops.mails.queue(world.ops.reports.weekly_mails(client.part.participation_id)) == 0


def test_the_mails_can_be_written(world: World) -> None:
    from mpp_supabase.mail.letters import write_letter

    client = played_client(world)
    client.staff()
    client.players[0][0].call("set_consent", purpose="league_alerts", granted=True)
    for mail in world.ops.reports.weekly_mails(client.part.participation_id):
        letter = write_letter(mail["template"], mail["data"], mail["language"])
        assert letter.figures
        assert letter.subject


def _league_of(client: Client) -> UUID:
    league = client.leagues[0].league_id
    assert league is not None
    return league


# Territory


def test_an_authority_follows_the_classes_of_its_territory_and_reads_no_pupil(world: World) -> None:
    edition = world.school_edition()
    near, far = world.school(), world.school()
    mine = world.class_(edition, "Lina", "Noé", "Zoé", "Ana", "Tom", school=near, name="CE2 A")
    small = world.class_(edition, "Isaure", school=near, name="CE2 B")
    world.class_(edition, "Ysée", school=far, name="CE2 C")
    client = new_client(world, edition, kind="local_authority")
    assert near.rne is not None
    world.ops.clients.set_territory(client.organisation.organisation_id, schools=[near.rne])
    (walk,) = world.ops.classes.find_challenges(mine.class_id, ["s-walk"])
    world.ops.classes.validate(mine.class_id, walk.challenge_id)
    found = world.ops.reports.follow(client.part.participation_id)
    assert [(one.name, one.rank, one.pupils, one.points) for one in found.territory] == [
        ("CE2 A", 1, 5, 10),
        ("CE2 B", 2, None, 0),
    ]
    assert small.class_id == found.territory[1].class_id
    viewer = client.staff()
    text = (
        str([viewer.read(view) for view in VIEWS])
        + viewer.world.ops.reports.follow(client.part.participation_id).model_dump_json()
    )
    assert not any(name in text for name in ("Lina", "Noé", "Isaure", "Ysée"))
    assert viewer.read("league_members") == []
    report = world.ops.reports.weekly(client.part.participation_id)
    assert report.follows_only
    assert report.weeks == ()
    assert [one.points_this_week for one in report.follow_up.territory] == [10, None]


def test_an_authority_is_one_before_its_first_class_and_reads_what_its_classes_won(
    world: World, tmp_path: Path
) -> None:
    edition = world.school_edition()
    near, far = world.school(), world.school()
    client = new_client(world, edition, kind="local_authority")
    client.staff()
    assert near.rne is not None
    world.ops.clients.set_territory(client.organisation.organisation_id, schools=[near.rne])
    report = world.ops.reports.weekly(client.part.participation_id)
    assert report.follows_only
    assert report.follow_up.territory == ()
    (mail,) = world.ops.reports.weekly_mails(client.part.participation_id)
    assert {one["name"]: one["value"] for one in mail["data"]["figures"]} == {
        "classes": 0, "schools": 0, "points": 0
    }  # fmt: skip
    assert "ligue" not in str(mail["data"]["advice"])

    mine = world.class_(edition, "Lina", "Noé", "Zoé", "Ana", "Tom", school=near, name="CE2 A")
    other = world.class_(edition, "Mia", "Léo", "Eve", "Ian", "Max", school=far, name="CE2 Z")
    for class_, card in ((mine, "s-walk"), (other, "s-walk")):
        (walk,) = world.ops.classes.find_challenges(class_.class_id, [card])
        world.ops.classes.validate(class_.class_id, walk.challenge_id)
    figures = _figures_of(world, client)
    assert figures == {"classes": 1, "schools": 1, "pupils": 5, "points": 10}
    world.class_(edition, "Isaure", school=near, name="CE2 B")
    # Fewer than five: their number is told by no sum.
    assert _figures_of(world, client) == {"classes": 2, "schools": 1, "points": 10}

    world.ops.editions.close(edition.code, "Test")
    early = world.ops.reports.final(client.part.participation_id)
    assert (early.provisional, early.awards) == (True, ())
    world.ops.editions.freeze(edition.code)
    world.ops.awards.grant(edition.code)
    late = world.ops.reports.final(client.part.participation_id)
    assert not late.provisional
    assert not late.shows_players
    (file,) = write_report(tmp_path, late, "fr", ("xlsx",))
    won = [row[:2] for row in pages(file)["Le palmarès"][1:]]
    assert ["Classe championne de son niveau", f"CE2 A ({near.name})"] in won
    assert "CE2 Z" not in str(won)


def _figures_of(world: World, client: Client) -> dict[str, int]:
    (mail,) = world.ops.reports.weekly_mails(client.part.participation_id)
    return {one["name"]: one["value"] for one in mail["data"]["figures"]}


def test_the_comparison_of_the_only_client_of_an_edition_is_with_itself(world: World) -> None:
    client = played_client(world)
    # In the sums of the client, and in neither side of the comparison.
    hidden = client.leagues[1].league_id
    client.players[1][0].call("set_listing", scope="league", subject_id=str(hidden), listed=False)
    world.ops.editions.close(client.edition.code, "Test")
    world.ops.editions.freeze(client.edition.code)
    report = world.ops.reports.final(client.part.participation_id)
    assert report.opted_out == 1
    assert len(report.comparison) == 2
    assert [float(one.own) for one in report.comparison] == [float(one.edition) for one in report.comparison]
