"""The retroplanning of a client: tasks dated backwards from the start of an edition, and a calendar of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from mpp_supabase import clock
from mpp_supabase.errors import NotAllowed
from mpp_supabase.models import Model
from mpp_supabase.services._service import Service, not_found, parse_row, query

STAGES = {
    "checkup": {"fr": "Diagnostic", "en": "Checkup"},
    "preparation": {"fr": "Préparation", "en": "Preparation"},
    "launching": {"fr": "Lancement", "en": "Launching"},
    "follow_up": {"fr": "Suivi", "en": "Follow-up"},
    "celebrate": {"fr": "Célébration", "en": "Celebrate"},
}
"""The stages of support in their order, by language."""

OWNERS = {
    "client": {"fr": "à faire par vous", "en": "done by you"},
    "association": {"fr": "à faire par Ma Petite Planète", "en": "done by Ma Petite Planète"},
}


class Task(Model):
    """A task of a plan; `state` is planned, done or dropped, which has no day. `priority` 1 is never dropped.

    `revision` counts its changes, the last at `changed_at`; a dropped task had `last_day` and `last_until_day`.
    """

    task_id: int
    participation_id: int
    organisation_id: int
    stage: str
    place: int
    code: str
    title: dict[str, str]
    description: dict[str, str]
    owner: str
    priority: int
    day: date | None
    until_day: date | None
    done_at: datetime | None
    state: str
    revision: int
    changed_at: datetime
    last_day: date | None
    last_until_day: date | None


class PlanOutcome(Model):
    """How many tasks have a day, have none because time is short, and are done."""

    planned: int
    dropped: int
    done: int


class _Participation(Model):
    participation_id: int
    organisation_name: str
    edition_title: dict[str, str]


class Plans(Service):
    """Plans of clients. With the secret key all of them; a client's manager those of their organisation."""

    def plan(self, participation_id: int) -> PlanOutcome:
        """Make or renew the plan of a participation: never in the past, what is done stays done.

        Tasks keep their ideal day while there is time; otherwise they follow one another from today, and what no longer
        fits is dropped by priority. Raises ParticipationUnknown, AccessClosed, RoleTooLow.
        """
        answer = self._transport.call("plan_participation", {"participation_id": participation_id}, idempotent=True)
        return parse_row(PlanOutcome, answer)

    def tasks(self, participation_id: int) -> list[Task]:
        """Return the tasks of a participation in their order, dropped ones too; none before it is planned."""
        where = (("participation_id", "eq", participation_id),)
        return list(self._iterate(Task, query(Task, "client_stages", "place, task_id", where)))

    def complete(self, task_id: int, done: bool = True) -> None:
        """Say that a task is done, or take that back. Raises NotAllowed, OpsOnly (a task of the association)."""
        with not_found(f"There is no task {task_id}.", "`mpp client plan ORG EDITION --keep` lists those of a client."):
            self._transport.call("complete_task", {"task_id": task_id, "done": done}, idempotent=True)

    def ics(self, participation_id: int, language: str = "fr", *, at: datetime | None = None) -> str:
        """Return the plan as an iCalendar file (RFC 5545): an all-day event for each task that has a day.

        A task keeps its UID when it moves, and its SEQUENCE grows: a calendar that reads the file again moves it too.
        A task that was dropped is in the file as cancelled, on the day that it had. `at` is when the
        file says it was made, now by default. Raises NotAllowed when there is no such participation, ValueError for
        a language other than fr and en.
        """
        where = (("participation_id", "eq", participation_id),)
        found = self._first(_Participation, query(_Participation, "client_participations", "participation_id", where))
        if found is None:
            raise NotAllowed(f"There is no participation {participation_id}.", "List those of the organisation.")
        name = f"{found.organisation_name} – {_text(found.edition_title, language)}"
        return write_calendar(self.tasks(participation_id), name, language, at or clock.now())


def write_calendar(tasks: Iterable[Task], name: str, language: str, at: datetime) -> str:
    """Return an iCalendar file called `name`: CRLF line ends, lines of 75 octets at most. Raises ValueError."""
    if language not in ("fr", "en"):
        raise ValueError("language is fr or en")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Ma Petite Planète//mpp//FR",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{_escaped(name)}",
        f"X-WR-CALNAME:{_escaped(name)}",
    ]
    for task in tasks:
        day, until = task.day or task.last_day, task.until_day or task.last_until_day
        if day is not None and until is not None:
            lines += _event(task, day, until, language, at)
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _event(task: Task, day: date, until: date, language: str, at: datetime) -> list[str]:
    title = _text(task.title, language)
    stage = STAGES[task.stage][language]
    about = f"{_text(task.description, language)}\n{stage}, {OWNERS[task.owner][language]}."
    return [
        "BEGIN:VEVENT",
        f"UID:{task.code}.{task.participation_id}@plan.mpp.invalid",
        f"SEQUENCE:{task.revision}",
        f"DTSTAMP:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"LAST-MODIFIED:{task.changed_at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"STATUS:{'CONFIRMED' if task.day else 'CANCELLED'}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
        # The end is not part of the event.
        f"DTEND;VALUE=DATE:{until + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_escaped('✓ ' + title if task.state == 'done' else title)}",
        f"DESCRIPTION:{_escaped(about)}",
        f"CATEGORIES:{_escaped(stage)}",
        f"PRIORITY:{ {1: 1, 2: 5, 3: 9}[task.priority] }",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _text(translated: dict[str, str], language: str) -> str:
    return translated.get(language) or translated["en"]


def _escaped(text: str) -> str:
    """Text as a value: backslash, semicolon, comma and line breaks are written with a backslash."""
    for plain, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r\n", "\\n"), ("\r", "\\n"), ("\n", "\\n")):
        text = text.replace(plain, written)
    return text


def _folded(line: str) -> str:
    """A line of 75 octets at most, continued with a space; a character is never cut in two."""
    lines: list[str] = []
    part, octets = "", 0
    for character in line:
        size = len(character.encode())
        # The space that begins a continued line counts.
        if octets + size > (74 if lines else 75):
            lines.append(part)
            part, octets = "", 0
        part += character
        octets += size
    return "\r\n ".join([*lines, part])
