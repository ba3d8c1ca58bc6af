"""The retroplanning: its days, who may make, read and tick it, and the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from psycopg.rows import dict_row

from mpp_supabase import Task, write_calendar
from tests.support.game import DAY
from tests.support.game_clients import DENIED, OK, everybody

EASTERS = {
    2024: "03-31", 2025: "04-20", 2026: "04-05", 2027: "03-28", 2028: "04-16", 2029: "04-01", 2030: "04-21",
    2031: "04-13", 2032: "03-28", 2033: "04-17", 2034: "04-09", 2035: "03-25", 2036: "04-13", 2037: "04-05",
    2038: "04-25", 2039: "04-10", 2040: "04-01",
}  # fmt: skip
FIXED = {(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11)} | {(12, day) for day in range(24, 32)}
SIZES = {"small": 1, "medium": 2, "large": 3}
AUDIENCES = ("public", "school")


@cache
def holidays(year: int) -> frozenset[date]:
    easter = date.fromisoformat(f"{year}-{EASTERS[year]}")
    moving = {easter + timedelta(days=n) for n in (1, 39, 50)}
    return frozenset(moving | {date(year, month, day) for month, day in FIXED})


def works(day: date) -> bool:
    return day.isoweekday() < 6 and day not in holidays(day.year)


def nearest(day: date, step: int) -> date:
    while not works(day):
        day += timedelta(days=step)
    return day


@pytest.fixture(scope="module")
def templates(connection) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The template of each audience and size, in order, with the numbers of that size."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "select t.*, audiences::text[] as audiences from private.task_templates() t order by place"
        ).fetchall()
    connection.rollback()
    return {
        (audience, size): [
            {**row, "ideal": row["ideal"][at - 1], "shortest": row["shortest"][at - 1]}
            for row in rows
            if audience in row["audiences"] and row["ideal"][at - 1] is not None
        ]
        for audience in AUDIENCES
        for size, at in SIZES.items()
    }


def plan(connection, audience: str, size: str, today: date, start: date, last: date, done=()) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "select * from private.plan_days(%s::api.audience, %s, %s::date, %s::date, %s::date, %s::text[])",
            (audience, SIZES[size], today, start, last, list(done)),
        ).fetchall()
    return {row["code"]: row for row in rows}


# the template


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("size", SIZES)
def test_every_template_covers_the_five_stages_in_an_order_that_its_numbers_keep(templates, audience, size):
    tasks = templates[audience, size]
    assert len(tasks) >= 18
    assert list(dict.fromkeys(str(t["stage"]) for t in tasks)) == [
        "checkup", "preparation", "launching", "follow_up", "celebrate",
    ]  # fmt: skip
    for stage in ("checkup", "preparation", "launching", "follow_up", "celebrate"):
        assert any(t["priority"] == 1 for t in tasks if t["stage"] == stage), stage
    ahead = [t for t in tasks if t["anchor"] == "start" and t["ideal"] < 0]
    for earlier, later in pairwise(ahead):
        assert earlier["ideal"] >= -90
        assert earlier["ideal"] <= later["ideal"], (earlier["code"], later["code"])
        assert earlier["shortest"] >= later["shortest"] >= 1, (earlier["code"], later["code"])
    for task in ahead:
        assert task["shortest"] <= -task["ideal"], task["code"]
    for anchor in ("start", "end"):
        days = [t["ideal"] for t in tasks if t["anchor"] == anchor]
        assert days == sorted(days)
    assert {t["anchor"] for t in tasks} == {"start", "end"}
    assert len({t["code"] for t in tasks}) == len(tasks) == len({t["place"] for t in tasks})
    assert {t["owner"] for t in tasks} == {"client", "association"}
    for task in tasks:
        assert 1 <= task["days"] <= 5
        for text in ("title_fr", "title_en", "description_fr", "description_en"):
            assert 5 <= len(task[text]) <= 160, (task["code"], text)


def test_a_larger_organisation_begins_earlier_and_does_no_less(templates):
    for audience in AUDIENCES:
        small, medium, large = ({t["code"]: t for t in templates[audience, size]} for size in SIZES)
        assert set(small) < set(medium) <= set(large)
        for code in small:
            assert small[code]["ideal"] >= medium[code]["ideal"] >= large[code]["ideal"]


# the days


def test_easter_and_the_holidays_around_it_are_known(game):
    for year, day in EASTERS.items():
        assert game.one("select private.easter(%s)", (year,)) == date.fromisoformat(f"{year}-{day}")


def test_no_working_day_is_a_weekend_or_a_public_holiday(game):
    for row in game.rows(
        "select d::date as day, private.working_day(d::date) as ahead, private.working_day(d::date, -1) as back"
        " from generate_series(date '2025-02-01', date '2031-10-01', interval '1 day') d"
    ):
        assert (row["ahead"], row["back"]) == (nearest(row["day"], 1), nearest(row["day"], -1)), row["day"]
    assert game.one("select private.working_day(null)") is None


cases = {
    "audience": st.sampled_from(AUDIENCES),
    "size": st.sampled_from(list(SIZES)),
    "lead": st.one_of(st.integers(0, 30), st.integers(0, 400)),
    "start": st.dates(date(2026, 1, 1), date(2029, 12, 31)),
    "length": st.sampled_from([21, 21, 14, 28]),
}


@settings(max_examples=250)
@given(**cases)
@example(audience="public", size="medium", lead=90, start=date(2026, 6, 1), length=21)
@example(audience="public", size="medium", lead=10, start=date(2026, 6, 1), length=21)
@example(audience="school", size="small", lead=0, start=date(2026, 11, 16), length=21)
@example(audience="public", size="large", lead=1, start=date(2027, 5, 9), length=21)
@example(audience="public", size="medium", lead=15, start=date(2026, 1, 4), length=21)
def test_a_plan_is_never_late_and_loses_only_what_may_be_lost(
    connection, templates, audience, size, lead, start, length
):
    today, last = start - timedelta(days=lead), start + timedelta(days=length - 1)
    first = nearest(today, 1)
    tasks = templates[audience, size]
    days = plan(connection, audience, size, today, start, last)
    assert list(days) == [t["code"] for t in tasks]

    ahead, later = [], []
    for task in tasks:
        dated = days[task["code"]]
        before = task["anchor"] == "start" and task["ideal"] < 0
        anchor = start if task["anchor"] == "start" else last
        task = {
            **task,
            "day": dated["day"],
            "until": dated["until_day"],
            "best": nearest(anchor + timedelta(days=task["ideal"]), -1 if before else 1),
            "latest": nearest(start - timedelta(days=task["shortest"]), -1),
        }
        (ahead if before else later).append(task)

    given_days = [t["day"] for t in ahead + later if t["day"] is not None]
    assert given_days == sorted(given_days)
    assert all(day >= today and works(day) for day in given_days)
    for task in ahead + later:
        assert (task["day"] is None) == (task["until"] is None)
        if task["priority"] == 1:
            assert task["day"] is not None, task["code"]
        if task["day"] is not None:
            assert works(task["until"])
            assert task["until"] >= task["day"]

    # There is time: everything on its best day.
    if all(t["best"] >= today for t in ahead):
        assert all(t["day"] == t["best"] for t in ahead)
    for task in ahead:
        if task["day"] is None:
            # Dropped because it would come too late, or for want of room, and then nothing less important came before.
            assert task["priority"] > 1
            if first <= task["latest"]:
                assert not [
                    t
                    for t in ahead
                    if t["day"] is not None and t["place"] < task["place"] and t["priority"] > task["priority"]
                ]
        else:
            assert task["day"] >= task["best"]
            assert task["day"] <= task["latest"] or (task["priority"] == 1 and first > task["latest"]), task["code"]
            assert task["until"] < start or task["until"] == task["day"]
    # Between Christmas and New Year there are fewer.
    if lead >= 15 and sum(works(today + timedelta(days=n)) for n in range(lead)) >= 8:
        for day in set(given_days):
            assert len([t for t in ahead if t["day"] == day and t["day"] != t["best"]]) <= 2

    # During and after the edition everything keeps its place.
    for task in later:
        if task["anchor"] == "start" and task["ideal"] > length - 1:
            continue
        if task["anchor"] == "start" or last + timedelta(days=task["ideal"]) > start + timedelta(days=14):
            assert task["day"] == max(task["best"], first), task["code"]


def test_with_one_more_day_never_fewer_tasks_fit(connection):
    start, last = date(2026, 9, 28), date(2026, 10, 18)
    kept = [
        sum(
            row["day"] is not None
            for row in plan(connection, "public", "large", start - timedelta(days=lead), start, last).values()
        )
        for lead in range(100)
    ]
    assert kept == sorted(kept)
    assert kept[0] < kept[-1]


def test_once_the_edition_runs_only_what_matters_is_caught_up_and_after_it_only_the_end_is_left(connection, templates):
    start, last = date(2026, 6, 1), date(2026, 6, 21)
    tasks = {t["code"]: t for t in templates["public", "medium"]}
    running = plan(connection, "public", "medium", date(2026, 6, 10), start, last)
    assert running["kickoff-meeting"]["day"] == running["launch-event"]["day"] == date(2026, 6, 10)
    assert running["sponsor-named"]["day"] is None
    assert running["midway-push"]["day"] == date(2026, 6, 11)
    over = plan(connection, "public", "medium", date(2026, 6, 24), start, last)
    left = {code for code, row in over.items() if row["day"] is not None}
    assert left == {"certificates-printed", "final-report", "closing-ceremony", "feedback-asked", "next-edition"}
    assert all(tasks[code]["anchor"] == "end" for code in left)
    late = plan(connection, "public", "medium", date(2026, 12, 24), start, last)
    assert {code for code, row in late.items() if row["day"]} == {"final-report", "closing-ceremony"}
    # Nobody is there before.
    assert late["final-report"]["day"] == date(2027, 1, 4)


def test_what_is_done_takes_no_room(connection):
    start, last = date(2026, 6, 1), date(2026, 6, 21)
    rushed = plan(connection, "public", "medium", start - timedelta(days=10), start, last)
    assert rushed["goals-agreed"]["day"] is None
    done = ("kickoff-meeting", "kit-received", "ambassadors-named", "leagues-created", "units-listed")
    eased = plan(connection, "public", "medium", start - timedelta(days=10), start, last, done)
    assert not set(done) & set(eased)
    assert eased["goals-agreed"]["day"] is not None


# through the API


def stages(person, participation: int) -> list[dict[str, Any]]:
    return sorted(person.view("client_stages", participation_id=participation), key=lambda row: row["place"])


def test_a_plan_made_twice_is_the_same_and_everything_done_stays_done(game, clients):
    # How much is squeezed away depends on where the weekends fall.
    game.begin(datetime(2026, 11, 21, 12, tzinfo=UTC))
    edition = game.edition("registration", starts=100 * DAY, ends=121 * DAY)
    participation = clients.participation(clients.a, edition)
    manager = clients.staff(clients.a, "manager", until=365)
    outcome = manager.call("plan_participation", participation_id=participation)
    rows = stages(manager, participation)
    assert outcome == {"planned": len(rows), "dropped": 0, "done": 0}
    assert len(rows) == 27
    before = game.fingerprint()
    assert manager.call("plan_participation", participation_id=participation) == outcome
    assert game.fingerprint() == before

    task = next(row for row in rows if row["code"] == "goals-agreed")
    manager.call("complete_task", task_id=task["task_id"], done=True)
    done = next(row for row in stages(manager, participation) if row["code"] == "goals-agreed")
    assert (done["state"], done["day"]) == ("done", task["day"])
    assert done["done_at"] is not None
    before = game.fingerprint()
    manager.call("complete_task", task_id=task["task_id"])
    assert game.fingerprint() == before
    # Ten days before the start: what is done keeps its day, the rest is squeezed, some of it away.
    game.clock(edition.starts_at - 10 * DAY)
    outcome = clients["ops"].call("plan_participation", participation_id=participation)
    assert outcome["done"] == 1
    assert outcome["dropped"] >= 3
    squeezed = {row["code"]: row for row in stages(manager, participation)}
    assert squeezed["goals-agreed"]["day"] == task["day"]
    assert squeezed["dry-run"]["state"] == "dropped"
    assert squeezed["dry-run"]["day"] is None
    assert all(
        row["day"] >= (edition.starts_at - 10 * DAY).date() for row in squeezed.values() if row["state"] == "planned"
    )
    manager.call("complete_task", task_id=task["task_id"], done=False)
    assert manager.call("plan_participation", participation_id=participation)["done"] == 0


def test_tasks_move_with_the_edition_and_dropped_ones_come_back(game, clients):
    edition = game.edition("registration", starts=-6 * DAY, ends=15 * DAY)
    participation = clients.participation(clients.a, edition)
    manager = clients["manager_a"]
    assert manager.call("plan_participation", participation_id=participation)["dropped"] > 0
    ids = {row["code"]: row["task_id"] for row in stages(manager, participation)}
    game.run(
        "update mpp.edition set starts_at = starts_at + interval '98 days', ends_at = ends_at + interval '98 days',"
        " registration_closes_at = registration_closes_at + interval '98 days' where id = %s",
        (edition.id,),
    )
    assert manager.call("plan_participation", participation_id=participation)["dropped"] == 0
    rows = stages(manager, participation)
    assert {row["code"]: row["task_id"] for row in rows} == ids
    launch = next(row for row in rows if row["code"] == "launch-event")
    assert launch["day"] >= (edition.starts_at + 98 * DAY).date()


def test_leagues_and_classes_are_there_when_their_codes_are_handed_out(connection):
    """However late the plan is made."""
    starts = date(2026, 6, 1)
    for audience, made, handed_out in (
        ("public", "leagues-created", "invitations-sent"),
        ("school", "classes-created", "letter-to-families"),
    ):
        for size in SIZES.values():
            for late in range(90):
                rows = connection.execute(
                    "select code, day, until_day from private.plan_days(%s, %s, %s, %s, %s) where day is not null",
                    (audience, size, starts - timedelta(days=late), starts, starts + timedelta(days=20)),
                ).fetchall()
                days = {code: (day, until) for code, day, until in rows}
                assert days[made][1] <= days[handed_out][0], (audience, size, late)
                if size > 1:
                    assert "privacy-explained" in days
    connection.rollback()


def test_nothing_is_planned_between_christmas_eve_and_new_year(connection):
    rows = connection.execute(
        "select day, until_day from private.plan_days('public', 2, '2026-11-21', '2026-12-01', '2026-12-21')"
        " where day is not null",
    ).fetchall()
    connection.rollback()
    closed = {date(2026, 12, day) for day in range(24, 32)}
    assert len(rows) > 10
    assert not closed & {day for row in rows for day in row}


def test_a_short_edition_at_the_end_of_a_year_is_launched_on_its_first_day(connection):
    days = plan(connection, "public", "medium", date(2026, 11, 2), date(2026, 12, 30), date(2026, 12, 31))
    connection.rollback()
    assert days["launch-event"]["day"] == days["launch-event"]["until_day"] == date(2026, 12, 30)


def test_a_plan_follows_the_size_and_the_audience(game, clients):
    edition = game.edition("registration", starts=100 * DAY, ends=121 * DAY)
    participation = clients.participation(clients.a, edition, 2500)
    manager = clients["manager_a"]

    def codes() -> set[str]:
        manager.call("plan_participation", participation_id=participation)
        return {row["code"] for row in stages(manager, participation) if row["state"] != "dropped"}

    large = codes()
    assert "dry-run" in large
    sponsor = next(row for row in stages(manager, participation) if row["code"] == "sponsor-named")
    manager.call("complete_task", task_id=sponsor["task_id"])
    clients.participation(clients.a, edition, 199)
    small = codes()
    # Not in the plan of a small one any more, but done is done.
    assert "sponsor-named" in small
    assert "dry-run" not in small
    clients.participation(clients.a, edition, 200)
    assert codes() == large
    schools = game.edition("registration", starts=100 * DAY, ends=121 * DAY, audience="school")
    participation = clients.participation(clients.a, schools, None)
    assert {"classes-created", "diplomas-printed"} <= codes()


PLAN = everybody(
    "MP093", anon=DENIED, anonymous="MP002", viewer_a="MP092", manager_a=OK, owner_a=OK, early_a="MP091",
    late_a="MP091", ops=OK, service=OK,
)  # fmt: skip
TICK_OURS = {name: {"MP093": "MP005"}.get(code, code) for name, code in PLAN.items()}
TICK_THEIRS = {**TICK_OURS, "manager_a": "MP006", "owner_a": "MP006"}


def test_who_may_plan_and_tick_and_a_denial_changes_nothing(game, clients):
    edition = game.edition("registration")
    participation = clients.participation(clients.a, edition)
    clients.participation(clients.b, edition)
    clients["ops"].call("plan_participation", participation_id=participation)
    by_owner = {row["owner"]: row["task_id"] for row in stages(clients["ops"], participation) if row["day"]}
    for name in clients.people:
        assert clients.answers(name, "plan_participation", participation_id=participation) == PLAN[name], name
        for owner, expected in (("client", TICK_OURS), ("association", TICK_THEIRS)):
            assert clients.answers(name, "complete_task", task_id=by_owner[owner]) == expected[name], (name, owner)


def test_what_does_not_exist_is_told_like_what_is_somebody_elses(game, clients):
    edition = game.edition("registration")
    participation = clients.participation(clients.a, edition)
    clients["ops"].call("plan_participation", participation_id=participation)
    task = stages(clients["ops"], participation)[0]["task_id"]
    outsider = clients["owner_b"]
    for function, theirs, nothing in (
        ("plan_participation", {"participation_id": participation}, {"participation_id": 2_000_000_000}),
        ("complete_task", {"task_id": task}, {"task_id": 2_000_000_000}),
    ):
        said = []
        for arguments in (theirs, nothing):
            with game.refused("MP093", "MP005") as caught:
                outsider.call(function, **arguments)
            said.append((caught.value.sqlstate, caught.value.diag.message_primary))
        assert said[0] == said[1]
    for name in ("ops", "service"):
        assert clients.answers(name, "plan_participation", participation_id=2_000_000_000) == "MP093"
        assert clients.answers(name, "complete_task", task_id=2_000_000_000) == "MP005"
    with game.refused("MP010"):
        clients["manager_a"].call("complete_task", task_id=by_code(clients, participation)["goals-agreed"], done=None)


def by_code(clients, participation: int) -> dict[str, int]:
    return {row["code"]: row["task_id"] for row in stages(clients["ops"], participation)}


def test_only_staff_of_the_client_inside_their_dates_read_its_plan(game, clients):
    edition = game.edition("registration")
    for organisation in (clients.a, clients.b):
        clients["ops"].call("plan_participation", participation_id=clients.participation(organisation, edition))
    all_of_a = len(clients["ops"].view("client_stages", organisation_id=clients.a))
    assert all_of_a > 20
    seen = clients.may_read("client_stages", organisation_id=clients.a)
    assert seen == everybody(
        0, anon=DENIED, viewer_a=all_of_a, manager_a=all_of_a, owner_a=all_of_a, ops=all_of_a, service=all_of_a
    )
    for name in ("viewer_a", "manager_a", "owner_a"):
        assert {row["organisation_id"] for row in clients[name].view("client_stages")} == {clients.a}


def test_nobody_plans_during_maintenance_but_the_association(game, clients):
    participation = clients.participation(clients.a, game.edition("registration"))
    game.run(
        "insert into mpp.maintenance_window (starts_at, ends_at, message) values (private.clock() - interval '1 hour',"
        """ private.clock() + interval '1 hour', '{"fr": "x", "en": "x"}')"""
    )
    assert clients.answers("manager_a", "plan_participation", participation_id=participation) == "MP011"
    assert clients.answers("ops", "plan_participation", participation_id=participation) == OK


# the calendar

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def task(**changes: Any) -> Task:
    return Task.model_validate(
        {
            "task_id": 1, "participation_id": 7, "organisation_id": 3, "stage": "preparation", "place": 50,
            "code": "kit-received", "title": {"fr": "Kit reçu", "en": "Kit received"},
            "description": {"fr": "Envoyer le kit.", "en": "Send the kit."}, "owner": "association", "priority": 1,
            "day": "2026-04-13", "until_day": "2026-04-14", "done_at": None, "state": "planned",
            "revision": 0, "changed_at": "2026-02-27T08:00:00Z", "last_day": None, "last_until_day": None, **changes,
        }
    )  # fmt: skip


def events(text: str) -> list[Any]:
    return list(Calendar.from_ical(text).walk("VEVENT"))


def test_the_calendar_is_what_other_programs_read(game, clients):
    edition = game.edition("registration", starts=100 * DAY, ends=121 * DAY)
    participation = clients.participation(clients.a, edition)
    clients["ops"].call("plan_participation", participation_id=participation)
    tasks = [Task.model_validate(row) for row in stages(clients["ops"], participation)]
    for language in ("fr", "en"):
        text = write_calendar(tasks, "Client – Édition", language, AT)
        assert text.encode().endswith(b"END:VCALENDAR\r\n")
        for line in text.encode().split(b"\r\n"):
            assert len(line) <= 75
            assert b"\n" not in line
            assert b"\r" not in line
        calendar = Calendar.from_ical(text)
        assert calendar["version"] == "2.0"
        assert "prodid" in calendar
        assert calendar["x-wr-calname"] == calendar["name"] == "Client – Édition"
        found = {str(event["uid"]): event for event in calendar.walk("VEVENT")}
        assert len(found) == len(tasks)
        for one in tasks:
            event = found[f"{one.code}.{participation}@plan.mpp.invalid"]
            assert event.decoded("dtstart") == one.day
            assert event.decoded("dtend") == one.until_day + timedelta(days=1)
            assert event.decoded("dtstamp") == AT
            assert str(event["summary"]) == one.title[language]
            assert str(event["description"]).startswith(one.description[language] + "\n")
            assert not event.errors


def test_a_calendar_that_is_read_again_moves_what_moved_and_cancels_what_was_dropped(game, clients):
    edition = game.edition("registration", starts=100 * DAY, ends=121 * DAY)
    participation = clients.participation(clients.a, edition, 2500)
    ops = clients["ops"]

    def read() -> dict[str, Any]:
        ops.call("plan_participation", participation_id=participation)
        tasks = [Task.model_validate(row) for row in stages(ops, participation)]
        return {str(event["uid"]): event for event in events(write_calendar(tasks, "x", "fr", AT))}

    first = read()
    assert {str(event["status"]) for event in first.values()} == {"CONFIRMED"}
    assert {int(event["sequence"]) for event in first.values()} == {0}
    assert {uid: int(event["sequence"]) for uid, event in read().items()} == dict.fromkeys(first, 0)

    # A smaller organisation, and nearer: tasks are dropped for both reasons, the others move.
    game.clock(edition.starts_at - 10 * DAY)
    clients.participation(clients.a, edition, 199)
    second = read()
    assert second.keys() == first.keys()
    dropped = {uid for uid, event in second.items() if str(event["status"]) == "CANCELLED"}
    assert f"dry-run.{participation}@plan.mpp.invalid" in dropped
    for uid, event in second.items():
        moved = event.decoded("dtstart") != first[uid].decoded("dtstart")
        if uid in dropped:
            assert not moved
        if uid in dropped or moved:
            assert int(event["sequence"]) == 1
            assert event.decoded("last-modified") >= first[uid].decoded("last-modified")
    assert any(second[uid].decoded("dtstart") != first[uid].decoded("dtstart") for uid in first)

    # Back again: the same events, on a day once more.
    game.clock(edition.starts_at - 100 * DAY)
    clients.participation(clients.a, edition, 2500)
    third = read()
    assert {uid: event.decoded("dtstart") for uid, event in third.items()} == {
        uid: event.decoded("dtstart") for uid, event in first.items()
    }
    assert {str(event["status"]) for event in third.values()} == {"CONFIRMED"}
    assert all(int(third[uid]["sequence"]) == 2 for uid in dropped)


def test_texts_of_the_calendar_are_escaped_and_folded_between_characters():
    odd = "Réunion; virgule, barre \\ et\nligne\r\nBEGIN:VALARM — " + "é漢😀" * 60
    text = write_calendar([task(title={"fr": odd, "en": odd})], odd, "fr", AT)
    for line in text.encode().split(b"\r\n"):
        assert len(line) <= 75
        line.decode()
    (event,) = events(text)
    assert str(event["summary"]) == odd.replace("\r\n", "\n")
    assert not event.subcomponents
    assert text.count("\r\n") == text.count("\n")
    assert "\r" not in text.replace("\r\n", "")


def test_a_dropped_task_is_not_in_the_calendar_unless_it_was_and_a_done_one_is_ticked():
    dropped = {"day": None, "until_day": None, "state": "dropped"}
    assert events(write_calendar([task(**dropped)], "x", "fr", AT)) == []
    before = task(**dropped, last_day="2026-04-13", last_until_day="2026-04-14")
    (event,) = events(write_calendar([before], "x", "fr", AT))
    assert (str(event["status"]), event.decoded("dtstart"), event.decoded("dtend")) == (
        "CANCELLED", date(2026, 4, 13), date(2026, 4, 15),
    )  # fmt: skip
    (event,) = events(write_calendar([task(state="done", done_at=AT)], "x", "en", AT))
    assert str(event["summary"]) == "✓ Kit received"


def test_a_task_keeps_its_uid_when_it_moves_and_another_clients_differs():
    uids = {
        str(events(write_calendar([one], "x", "fr", AT))[0]["uid"])
        for one in (task(), task(day="2026-04-20", until_day="2026-04-20", task_id=99))
    }
    assert len(uids) == 1
    (other,) = events(write_calendar([task(participation_id=8)], "x", "fr", AT))
    assert str(other["uid"]) not in uids


def test_a_calendar_speaks_french_or_english():
    with pytest.raises(ValueError, match="fr or en"):
        write_calendar([], "x", "de", AT)
