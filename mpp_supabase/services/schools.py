"""Schools: the Ministry's directory, search, and corrections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from uuid import UUID

from mpp_supabase.errors import ImportRefused, InvalidField, SchoolUnknown
from mpp_supabase.files.school_directory import MAX_PROBLEMS, DirectoryProblem, DirectorySchool, read_directory
from mpp_supabase.models import DirectoryImport, Model, School
from mpp_supabase.services._service import Service, parse_row, query
from mpp_supabase.transport import LONG_SECONDS

BATCH = 2_000
"""Schools sent at a time: a fraction of a second of work for the database, and some 300 kB."""
NAME_LENGTH = 120
CITY_LENGTH = 80


class Schools(Service):
    """Schools of the game. Searching and changing them needs the secret key."""

    def search(
        self, text: str, *, country: str | None = None, level: str | None = None, limit: int = 20
    ) -> list[School]:
        """Return up to `limit` (1 to 100) schools whose code, postcode, city or name holds every word of `text`.

        Case and accents do not matter; one word must have three letters. Raises InvalidField.
        """
        arguments = {"query": text, "country": country, "level": level, "results": limit}
        return self._read_rows(School, "search_schools", arguments)

    def get(self, who: UUID | str) -> School:
        """Return a school by id or RNE. Raises SchoolUnknown, also for one that was taken off the lists."""
        try:
            column, value = "school_id", str(who if isinstance(who, UUID) else UUID(who))
        except ValueError:
            column, value = "rne", "".join(str(who).split()).upper()
        found = self._first(School, query(School, "schools", "school_id", ((column, "eq", value),)))
        if found is None:
            raise SchoolUnknown(f"There is no school {who}.", "Find it with `mpp school search TEXT`, or add it.")
        return found

    def add(
        self, name: str, city: str, postcode: str, levels: Sequence[str], *, country: str = "FR", rne: str | None = None
    ) -> School:
        """Add a school and return it; one that is known (same RNE, or abroad same name and place) is left as it is.

        Raises InvalidField: a wrong RNE or postcode, an unknown level, no RNE in France.
        """
        arguments = {
            "name": name,
            "city": city,
            "postcode": postcode,
            "levels": list(levels),
            "country": country,
            "rne": rne,
        }
        return self.get(str(self._transport.call("add_school", arguments, idempotent=True)))

    def correct(
        self,
        school_id: UUID | str,
        *,
        name: str | None = None,
        city: str | None = None,
        postcode: str | None = None,
        levels: Sequence[str] | None = None,
        hidden: bool | None = None,
    ) -> None:
        """Correct a school, or take it off the lists (`hidden`); what is None stays.

        The classes of a hidden school leave the rankings with it. False puts them back, but for editions that are
        frozen.

        The next import of the directory writes its name, place and levels again. Raises SchoolUnknown, InvalidField,
        NameTaken.
        """
        arguments = {
            "school_id": str(school_id),
            "name": name,
            "city": city,
            "postcode": postcode,
            "levels": None if levels is None else list(levels),
            "is_hidden": hidden,
        }
        self._transport.call("correct_school", arguments, idempotent=True)

    def import_directory(
        self, path: str | Path, *, dry_run: bool = False, on_progress: Callable[[int, int], None] | None = None
    ) -> DirectoryImport:
        """Load the Ministry's directory, 2,000 schools at a time; doing it again changes nothing.

        Rows that are wrong are collected and do not hold up the others. A load that breaks off keeps the batches it
        sent: do it again. With `dry_run` the file is read and nothing is sent. `on_progress` gets the lines done and
        all lines. Raises DirectoryError when the file is no directory; TransportError, OpsOnly.
        """
        directory = read_directory(path)
        load = _Load()
        batch: list[DirectorySchool] = []
        for school in directory:
            if (problem := _too_long(school)) is not None:
                load.problems.append(problem)
                continue
            load.schools += 1
            batch.append(school)
            if len(batch) == BATCH:
                if not dry_run:
                    self._send(batch, load)
                batch = []
                if on_progress is not None:
                    on_progress(school.line, directory.lines)
        if batch and not dry_run:
            self._send(batch, load)
        if on_progress is not None:
            on_progress(directory.lines, directory.lines)
        problems = sorted([*directory.problems, *load.problems], key=lambda problem: problem.line)
        return DirectoryImport(
            schools=load.schools,
            added=load.added,
            changed=load.changed,
            unchanged=load.unchanged,
            left_out=dict(directory.left_out.most_common()),
            problem_count=directory.problem_count + len(load.problems),
            problems=tuple(problems[:MAX_PROBLEMS]),
            dry_run=dry_run,
        )

    @staticmethod
    def _leave_out(school: DirectorySchool, reason: str, fix: str, load: _Load) -> None:
        load.problems.append(DirectoryProblem(school.line, "", school.name, reason, fix))
        load.schools -= 1

    def _send(self, batch: list[DirectorySchool], load: _Load) -> None:
        try:
            answer = self._transport.call(
                "import_schools", {"schools": list(_rows(batch))}, idempotent=True, timeout=LONG_SECONDS
            )
        except ImportRefused as refused:
            # A batch is taken whole or not at all: the others are loaded without those that the database names.
            refused_rows = {fault.row - 1: fault for fault in refused.faults if fault.row is not None}
            for place, fault in refused_rows.items():
                reason = f"the database refuses it ({fault.fault.replace('_', ' ')})"
                self._leave_out(batch[place], reason, refused.hint, load)
            if rest := [school for place, school in enumerate(batch) if place not in refused_rows]:
                self._send(rest, load)
            return
        except InvalidField as refused:
            # It names a field and no row: find the row by halves.
            if len(batch) == 1:
                self._leave_out(batch[0], f"the database refuses it ({refused.message})", refused.hint, load)
                return
            half = len(batch) // 2
            self._send(batch[:half], load)
            self._send(batch[half:], load)
            return
        outcome = parse_row(_Outcome, answer)
        load.added += outcome.added
        load.changed += outcome.changed
        load.unchanged += outcome.unchanged


class _Outcome(Model):
    added: int
    changed: int
    unchanged: int


class _Load:
    """The counts of a load under way."""

    def __init__(self) -> None:
        self.schools = self.added = self.changed = self.unchanged = 0
        self.problems: list[DirectoryProblem] = []


def _too_long(school: DirectorySchool) -> DirectoryProblem | None:
    for what, text, most in (("name", school.name, NAME_LENGTH), ("city", school.city, CITY_LENGTH)):
        if len(text) > most:
            return DirectoryProblem(
                school.line, "", school.rne, f"the {what} has {len(text)} characters", f"shorten it to {most}"
            )
    return None


def _rows(batch: Iterable[DirectorySchool]) -> Iterable[dict[str, object]]:
    for school in batch:
        yield {
            "rne": school.rne,
            "name": school.name,
            "levels": list(school.levels),
            "country": school.country,
            "postcode": school.postcode,
            "city": school.city,
            "commune": school.commune,
            "department": school.department,
        }
