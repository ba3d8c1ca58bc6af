"""Classes: pupils, teams, validations, colleagues, families' code, spreadsheets and diplomas."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from pydantic import Field

from mpp_supabase.errors import (
    ChallengeNotFound,
    EditionNotFound,
    EditionNotOver,
    ImportFault,
    ImportRefused,
    LeagueFull,
    NotAllowed,
    NotATeacher,
    NotInClass,
    TeamLimit,
)
from mpp_supabase.models import (
    ClassChallenge,
    ClassValidation,
    Edition,
    EditionStatistics,
    LeagueTeam,
    Model,
    NamedPupil,
    Page,
    Pupil,
    PupilValidation,
    RosterImport,
    SchoolClass,
    Teacher,
    TrackingImport,
)
from mpp_supabase.services._service import Service, Where, not_found, parse_row, query
from mpp_supabase.sheets.names import folded
from mpp_supabase.transport import LONG_SECONDS, Query
from mpp_supabase.typed import trimmed

if TYPE_CHECKING:
    from mpp_supabase.diplomas import ClassDiplomas, Figures, Language
    from mpp_supabase.sheets import (
        KnownChallenge,
        KnownPupil,
        Roster,
        RosterPlan,
        SheetError,
        Tracking,
        TrackingPlan,
        TrackingRow,
    )
    from mpp_supabase.sheets.problems import Problems

MAX_NAMED = 100
"""So many rows that the database refuses are named one by one."""


class Classes(Service):
    """Classes and what their teachers do, for any class. Needs the secret key."""

    # The class

    def page(
        self,
        edition_id: int,
        limit: int = 50,
        after: str | None = None,
        *,
        level: str | None = None,
        school_id: UUID | str | None = None,
    ) -> Page[SchoolClass]:
        """Return `limit` classes of an edition by name, from the start or from the cursor `after`."""
        return self._page(SchoolClass, _classes(edition_id, level, school_id), limit, after)

    def iterate(
        self,
        edition_id: int,
        after: str | None = None,
        *,
        level: str | None = None,
        school_id: UUID | str | None = None,
    ) -> Iterator[SchoolClass]:
        """Yield every class of an edition by name."""
        return self._iterate(SchoolClass, _classes(edition_id, level, school_id), after)

    def get(self, class_id: UUID | str) -> SchoolClass:
        """Return a class. Raises NotAllowed when there is none of this id."""
        found = self._first(SchoolClass, query(SchoolClass, "ops_classes", "class_id", (("class_id", "eq", class_id),)))
        if found is None:
            raise NotAllowed(f"There is no class {class_id}.", _LIST)
        return found

    def of_school(self, school_id: UUID | str) -> Iterator[SchoolClass]:
        """Yield the classes that a school has or had, of every edition."""
        return self._iterate(
            SchoolClass, query(SchoolClass, "ops_classes", "name, class_id", (("school_id", "eq", school_id),))
        )

    def create(
        self,
        edition_id: int,
        school_id: UUID | str,
        name: str,
        level: str,
        teacher_id: UUID | str,
        *,
        teams: Sequence[str] = (),
    ) -> UUID:
        """Create a class for a teacher and return its id; without `teams` it has one.

        Raises NotATeacher, WrongAudience, SchoolUnknown, InvalidField (a level the school does not have), NameTaken,
        LeagueLimit, TeamLimit, RegistrationClosed, EditionFrozen.
        """
        arguments = {
            "edition_id": edition_id,
            "school_id": str(school_id),
            "name": name,
            "level": level,
            "teams": list(teams) or None,
            "teacher_id": str(teacher_id),
        }
        try:
            return UUID(str(self._transport.call("create_class", arguments)))
        except NotATeacher as refused:
            refused.hint = (
                "Ask them to register as a teacher in the app: nobody can do it for them. On a local stack a few lines"
                ' do: docs/cli.md, "A class from a spreadsheet".'
            )
            raise

    def update(self, class_id: UUID | str, *, name: str | None = None, level: str | None = None) -> None:
        """Rename a class, or correct its level, which is fixed by its first validation.

        Raises NotAllowed, InvalidField, NameTaken, EditionFrozen.
        """
        with _there(class_id):
            arguments = {"class_id": str(class_id), "name": name, "level": level}
            self._transport.call("update_class", arguments, idempotent=True)

    def set_listed(self, class_id: UUID | str, listed: bool) -> None:
        """Take a class out of every public ranking and statistic, or put it back.

        What the staff take out its teachers cannot put back. Raises NotAllowed; EditionFrozen when it would come back.
        """
        with _there(class_id):
            arguments = {"scope": "league", "subject_id": str(class_id), "listed": listed}
            self._transport.call("set_listing", arguments, idempotent=True)

    # Who is in it

    def pupils(self, class_id: UUID | str) -> Iterator[Pupil]:
        """Yield the pupils of a class, in the order they were added."""
        everybody = self._iterate(Pupil, query(Pupil, "league_members", "joined_at, player_id", _of(class_id)))
        # Of who left after the end only the name is gone.
        return (pupil for pupil in everybody if pupil.first_name != "—")

    def teams(self, class_id: UUID | str) -> Iterator[LeagueTeam]:
        """Yield the teams of a class by name."""
        return self._iterate(LeagueTeam, query(LeagueTeam, "league_teams", "name, team_id", _of(class_id)))

    def find_pupils(self, class_id: UUID | str, names: Iterable[str]) -> list[Pupil]:
        """Return pupils by id or by name ("Lina", "Lina M."; case and accents do not matter), in the order asked for.

        Raises NotInClass, which names everybody who is not found or could be several.
        """
        everybody = list(self.pupils(class_id))
        found: list[Pupil] = []
        faults: list[str] = []
        for name in names:
            meant = _meant(name, everybody)
            if len(meant) == 1:
                found.append(meant[0])
            elif meant:
                faults.append(f"{name} could be {' or '.join(pupil.name for pupil in meant)}")
            else:
                near = _near(name, (pupil.name for pupil in everybody))
                faults.append(f"nobody is called {name}" + (f" (did you mean {near}?)" if near else ""))
        if faults:
            raise NotInClass(
                f"In this class {'; '.join(faults).rstrip('.')}.", f"List them with `mpp class pupils {class_id}`."
            )
        return found

    def find_team(self, class_id: UUID | str, name: str) -> LeagueTeam:
        """Return a team of a class by id or name. Raises NotInClass."""
        teams = list(self.teams(class_id))
        for team in teams:
            if str(team.team_id) == trimmed(name).lower() or folded(team.name) == folded(trimmed(name)):
                return team
        there = ", ".join(team.name for team in teams)
        raise NotInClass(f"This class has no team {name}.", f"Its teams: {there}." if there else "It has no team.")

    def add_pupils(
        self, class_id: UUID | str, pupils: Iterable[Mapping[str, str | None]], *, dry_run: bool = False
    ) -> list[NamedPupil]:
        """Add pupils, all or none: `first_name`, and where needed `initial` and `team` (a name; made when missing).

        An element with `pupil_id` corrects a pupil who is there: when a second Lina comes, both get an initial in one
        call. Raises ImportRefused with every fault of every element (its `row` counts from 1); NotAllowed, LeagueFull,
        TeamLimit, InvalidField (no element, or more than 200), EditionNotRunning, EditionFrozen.
        """
        sent = [{key: value for key, value in pupil.items() if value is not None} for pupil in pupils]
        with _there(class_id):
            arguments = {"class_id": str(class_id), "pupils": sent, "dry_run": dry_run}
            return self._call_rows(NamedPupil, "add_pupils", arguments, idempotent=dry_run)

    def correct_pupil(
        self,
        class_id: UUID | str,
        pupil_id: UUID | str,
        *,
        first_name: str | None = None,
        initial: str | None = None,
        team: str | None = None,
    ) -> NamedPupil:
        """Correct the first name or the initial of a pupil, or move them to another team; what is None stays.

        An initial that no other pupil's first name asks for is dropped. Raises what add_pupils raises.
        """
        element = {"pupil_id": str(pupil_id), "first_name": first_name, "initial": initial, "team": team}
        return self.add_pupils(class_id, [element])[0]

    def remove_pupil(self, pupil_id: UUID | str) -> None:
        """Take a pupil out of their class: the name is deleted for good, the points stay with the class.

        Raises NotAllowed when no class has this pupil.
        """
        with not_found(f"No class has a pupil {pupil_id}.", "List them with `mpp class pupils CLASS`."):
            self._transport.call("remove_pupil", {"pupil_id": str(pupil_id)})

    def forget_pupils(self, edition_code: str) -> int:
        """Delete the first names of all pupils of a frozen edition, for good; return how many.

        Families' codes and access end with them. Points, ranks and classes stay. Raises EditionNotFound, and
        EditionNotOver for one that is not frozen yet.
        """
        arguments = {"edition_code": edition_code}
        try:
            return int(self._transport.call("forget_pupils", arguments, idempotent=True, timeout=LONG_SECONDS))
        except EditionNotOver as refused:
            refused.message = f"Edition {edition_code} is not frozen yet."
            refused.hint = "Its diplomas may still be to come: `mpp edition freeze` it first, once it is over."
            raise

    # Playing

    def challenges(self, class_id: UUID | str) -> Iterator[ClassChallenge]:
        """Yield the challenges of the level of a class by code, those it does not play included."""
        where: Where = (("class_id", "eq", class_id),)
        return self._iterate(ClassChallenge, query(ClassChallenge, "class_challenges", "code, challenge_id", where))

    def find_challenges(self, class_id: UUID | str, codes: Iterable[str]) -> list[ClassChallenge]:
        """Return challenges of the level of a class by code, in the order asked for. Raises ChallengeNotFound."""
        known = {challenge.code: challenge for challenge in self.challenges(class_id)}
        wanted = [trimmed(code).lower() for code in codes]
        faults = []
        for code in (code for code in wanted if code not in known):
            near = _near(code, known)
            faults.append(f"{code}" + (f" (did you mean {near}?)" if near else ""))
        if faults:
            raise ChallengeNotFound(
                f"The level of this class has no challenge {'; '.join(faults)}.",
                f"List them with `mpp class challenges {class_id}`.",
            )
        return [known[code] for code in wanted]

    def choose(self, class_id: UUID | str, challenge_ids: Sequence[int] | None) -> int:
        """Set which challenges of its level a class plays, None for all; return how many.

        What was validated stays. Raises NotAllowed, ChallengeNotFound, EditionNotRunning, EditionFrozen.
        """
        arguments = {
            "class_id": str(class_id),
            "challenge_ids": None if challenge_ids is None else list(challenge_ids),
        }
        with _there(class_id):
            return int(self._transport.call("choose_class_challenges", arguments, idempotent=True))

    def validate(
        self,
        class_id: UUID | str,
        challenge_id: int,
        *,
        pupil_ids: Sequence[UUID | str] | None = None,
        team_id: UUID | str | None = None,
        proof_sent: bool = False,
        request_key: UUID | str | None = None,
    ) -> list[PupilValidation]:
        """Validate a challenge for these pupils, for a team, or for the whole class; a row for each pupil.

        A pupil who was at the limit of the challenge has no validation_id. The same `request_key` does it once,
        however often it is sent. Raises NotAllowed, EditionNotRunning, ChallengeNotFound, ChallengeNotChosen,
        OutsideWindow, RepeatLimit (everybody is at the limit), ProofRequired, RequestKeyReused, NotInClass.
        """
        arguments = {
            "class_id": str(class_id),
            "challenge_id": challenge_id,
            "request_key": str(request_key or uuid4()),
            "pupil_ids": None if pupil_ids is None else [str(pupil) for pupil in pupil_ids],
            "team_id": None if team_id is None else str(team_id),
            "proof_sent": proof_sent,
        }
        with _there(class_id):
            return self._call_rows(PupilValidation, "validate_for_pupils", arguments, idempotent=True)

    def validations(self, class_id: UUID | str, *, challenge_id: int | None = None) -> Iterator[ClassValidation]:
        """Yield the validations of a class that count or may come to count, the latest first."""
        where: Where = (*_of(class_id), ("state", "neq", "cancelled"))
        if challenge_id is not None:
            where += (("challenge_id", "eq", challenge_id),)
        order = "validated_at desc, validation_id desc"
        return self._iterate(ClassValidation, query(ClassValidation, "league_validations", order, where))

    def cancel(self, class_id: UUID | str, validation_ids: Sequence[UUID | str]) -> list[PupilValidation]:
        """Take validations of a class back, all or none, until the ranking is frozen.

        Raises NotAllowed, NotInClass, InvalidField, EditionFrozen.
        """
        arguments = {"class_id": str(class_id), "validation_ids": [str(validation) for validation in validation_ids]}
        with _there(class_id):
            return self._call_rows(PupilValidation, "cancel_for_pupils", arguments, idempotent=True)

    # Families and colleagues

    def renew_code(self, class_id: UUID | str) -> str:
        """Give a class a new code for its families and return it; those who entered are out until they give it.

        Raises NotAllowed when there is no such class.
        """
        with _there(class_id):
            return str(self._transport.call("renew_class_code", {"class_id": str(class_id)}))

    def revoke_code(self, class_id: UUID | str) -> None:
        """Take the code of a class away: families are out at once, and nobody enters until it is renewed.

        Raises NotAllowed when there is no such class.
        """
        with _there(class_id):
            self._transport.call("revoke_class_code", {"class_id": str(class_id)}, idempotent=True)

    def teachers(self, class_id: UUID | str) -> list[Teacher]:
        """Return who runs a class, the principal teacher first."""
        return self._read_rows(Teacher, "class_teachers", {"class_id": str(class_id)})

    def invite_teacher(self, class_id: UUID | str) -> str:
        """Return the code of an invitation for one colleague, good for seven days, in place of an earlier one.

        Raises NotAllowed, EditionFrozen.
        """
        with _there(class_id):
            return str(self._transport.call("invite_co_teacher", {"class_id": str(class_id)}))

    def hand_over(self, class_id: UUID | str, teacher_id: UUID | str) -> None:
        """Make any teacher the principal one of a class; the former one stays as a colleague.

        Raises NotAllowed when there is no such class or teacher, EditionFrozen.
        """
        self.get(class_id)
        with not_found(f"{teacher_id} is not registered as a teacher.", "They register in the app first."):
            arguments = {"class_id": str(class_id), "teacher_id": str(teacher_id)}
            self._transport.call("hand_over_class", arguments, idempotent=True)

    def remove_teacher(self, class_id: UUID | str, teacher_id: UUID | str) -> None:
        """Take a class from a colleague, who knew its code: it gets a new one, and families give that.

        Raises NotAllowed, also for the principal teacher, who hands it over first.
        """
        self.get(class_id)
        hint = f"List them with `mpp class teachers {class_id}`; hand the class over before its principal leaves."
        with not_found(f"{teacher_id} is no colleague who runs this class.", hint):
            arguments = {"class_id": str(class_id), "teacher_id": str(teacher_id)}
            self._transport.call("remove_co_teacher", arguments)

    # Spreadsheets

    def import_roster(
        self,
        class_id: UUID | str,
        path: str | Path,
        *,
        sheet: str | None = None,
        initials: Mapping[str, str] | None = None,
        dry_run: bool = False,
    ) -> RosterImport:
        """Bring a class to what its roster says: everybody in it is added or corrected, in one request or not.

        Nobody is ever removed; the same file again changes nothing. `initials` gives pupils who are in the class the
        initial that tells them from a newcomer ({"Lina": "M"}). Raises SheetError with every problem, by cell; else
        what add_pupils raises.
        """
        from mpp_supabase.sheets import match_roster, read_roster

        known_initials = {
            name: trimmed(initial).removesuffix(".").upper() for name, initial in (initials or {}).items()
        }
        roster = read_roster(path, sheet, initials=known_initials, to_match=True)
        known = self._with_initials(self.get(class_id).class_id, known_initials)
        plan = match_roster(roster, known, to_record=True)
        problems = cast("Problems", roster.problems)
        named: list[NamedPupil] = []
        if plan.pupils:
            try:
                # With faults in the sheet the rest of it is tried all the same, so that all faults are told at once.
                named = self.add_pupils(class_id, plan.pupils, dry_run=dry_run or bool(problems))
            except ImportRefused as refused:
                _note_faults(refused, roster, plan)
            except (TeamLimit, LeagueFull) as refused:
                # Of a part of the sheet these say nothing.
                if not problems:
                    _note_limit(refused, roster, known)
        problems.check()
        corrected = len(plan.to_correct)
        return RosterImport(
            file=roster.file,
            sheet=roster.sheet,
            added=tuple(named[corrected:]),
            corrected=tuple(named[:corrected]),
            unchanged=len(plan.known),
            not_in_file=tuple(pupil.name for pupil in plan.not_in_file),
            dry_run=dry_run,
            read_as=plan.read_as,
            other_sheets=roster.other_sheets,
        )

    def export_roster(self, class_id: UUID | str, path: str | Path, language: str = "fr") -> int:
        """Write the roster of a class as .xlsx or .csv, in the form that import_roster reads; return the pupils.

        Raises SheetError when the file cannot be written.
        """
        from mpp_supabase.sheets import write_roster

        known = self._known_pupils(self.get(class_id).class_id)
        write_roster(path, known, language)
        return len(known)

    def import_tracking(
        self, class_id: UUID | str, path: str | Path, *, sheet: str | None = None, dry_run: bool = False
    ) -> TrackingImport:
        """Record what a filled tracking sheet says, all or nothing; what is recorded already is not counted twice.

        Raises SheetError with every problem, by cell; EditionNotRunning, EditionFrozen.
        """
        from mpp_supabase.sheets import match_tracking, read_tracking

        tracking = read_tracking(path, sheet, to_match=True)
        class_ = self.get(class_id)
        edition = self._edition(class_.edition_id)
        challenges = {challenge.challenge_id: challenge for challenge in self.challenges(class_id)}
        counts = self._counts(class_id)
        zone = ZoneInfo(edition.time_zone)
        plan = match_tracking(
            tracking,
            self._known_pupils(class_id),
            map(_known_challenge, challenges.values()),
            *_days(edition),
            self.read_clock().astimezone(zone).date(),
            counts,
            to_record=True,
        )
        # What is there already needs nobody's leave: not the window's, nor the choice of challenges since.
        rows = [row for row in plan.rows if counts.get((str(row.pupil_id), row.challenge_id), 0) < row.times]
        already = sum(row.times for row in plan.rows) - sum(row.times for row in rows)
        recorded = 0
        if rows:
            try:
                # With faults in the sheet the rest of it is tried all the same, so that all faults are told at once.
                outcome = self._record(class_id, rows, dry_run=dry_run or bool(plan.problems))
            except ImportRefused as refused:
                found = self._in_the_sheet(refused, class_id, tracking, rows, challenges, zone)
                raise _with_the_sheets_own(found, plan) from None
            recorded, already = outcome.recorded, already + outcome.already
        if plan.problems:
            plan.problems.check()
        return TrackingImport(
            file=tracking.file,
            sheet=tracking.sheet,
            pupils=len(tracking.pupils),
            challenges=len(tracking.challenges),
            recorded=recorded,
            already=already,
            dry_run=dry_run,
            read_as=plan.read_as,
            other_sheets=tracking.other_sheets,
        )

    def export_tracking(
        self, class_id: UUID | str, path: str | Path, language: str = "fr", *, marks: bool = True, dates: bool = False
    ) -> int:
        """Write what every pupil did as .xlsx or .csv, in the form that import_tracking reads; return the pupils.

        There is a column for each challenge that the class plays or has validated. Without `marks` it is a template to
        fill in; with `dates` what was done once is marked by its day. Raises SheetError when it cannot be written.
        """
        from mpp_supabase.sheets import write_tracking

        class_ = self.get(class_id)
        known = self._known_pupils(class_id)
        done: dict[tuple[UUID | str, int], int | date] = {}
        if marks:
            done.update(self._days_done(class_) if dates else self._counts(class_id))
        validated = {challenge_id for _, challenge_id in done}
        columns = [c for c in self.challenges(class_id) if c.is_in_play or c.challenge_id in validated]
        write_tracking(path, known, map(_known_challenge, columns), done, language)
        return len(known)

    # Diplomas

    def diplomas(self, class_id: UUID | str, language: str = "fr") -> ClassDiplomas:
        """Return what the diplomas of a class say; its rank is left out while the edition goes on.

        Raises NotAllowed when there is no such class.
        """
        class_ = self.get(class_id)
        edition = self._edition(class_.edition_id)
        ranks = self._ranks(edition, ("subject_id", "eq", class_id))
        return self._diplomas(class_, edition, language, ranks, self._negative(("league_id", "eq", class_id)))

    def write_diplomas(
        self,
        class_id: UUID | str,
        path: str | Path,
        language: str = "fr",
        *,
        figures: str = "challenges",
        fonts: str | Path | None = None,
    ) -> int:
        """Write the diplomas of a class as one PDF: a page for each pupil and the certificate; return the pages.

        `language` is fr, en or de; `figures` is what a pupil's page tells: challenges, points, both or none. Raises
        DiplomaError.
        """
        from mpp_supabase.diplomas import write_diplomas

        pages = self.diplomas(class_id, language)
        return write_diplomas(path, pages, cast("Language", language), figures=cast("Figures", figures), fonts=fonts)

    def write_all_diplomas(
        self,
        edition_id: int,
        directory: str | Path,
        language: str = "fr",
        *,
        figures: str = "challenges",
        fonts: str | Path | None = None,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> list[Path]:
        """Write the diplomas of every class that has pupils, a PDF each, into a directory; return the files.

        `on_progress` gets the stage ("Reading classes", "Printing diplomas"), the classes done and all classes. Raises
        DiplomaError.
        """
        from mpp_supabase.diplomas import write_all

        edition = self._edition(edition_id)
        classes = [class_ for class_ in self.iterate(edition_id) if class_.pupils]
        ranks = self._ranks(edition)
        negative = self._negative(("edition_id", "eq", edition_id))
        pages = []
        for done, class_ in enumerate(classes, start=1):
            pages.append(self._diplomas(class_, edition, language, ranks, negative))
            if on_progress is not None:
                on_progress("Reading classes", done, len(classes))

        def printed(done: int, total: int) -> None:
            if on_progress is not None:
                on_progress("Printing diplomas", done, total)

        return write_all(
            directory,
            pages,
            cast("Language", language),
            figures=cast("Figures", figures),
            fonts=fonts,
            on_progress=printed,
        )

    # What these stand on

    def _edition(self, edition_id: int) -> Edition:
        found = self._first(Edition, query(Edition, "editions", "id", (("id", "eq", edition_id),)))
        if found is None:
            raise EditionNotFound(f"There is no edition {edition_id}.", "List them with `mpp edition list`.")
        return found

    def _known_pupils(self, class_id: UUID | str) -> list[KnownPupil]:
        from mpp_supabase.sheets import KnownPupil

        teams = {team.team_id: team.name for team in self.teams(class_id)}
        return [
            KnownPupil(
                pupil.pupil_id, pupil.first_name, pupil.initial, teams.get(pupil.team_id) if pupil.team_id else None
            )
            for pupil in self.pupils(class_id)
        ]

    def _with_initials(self, class_id: UUID, initials: Mapping[str, str]) -> list[KnownPupil]:
        known = self._known_pupils(class_id)
        for name, initial in initials.items():
            same = [i for i, pupil in enumerate(known) if folded(pupil.first_name) == folded(trimmed(name))]
            if len(same) != 1:
                count = "several pupils are" if same else "nobody is"
                raise NotInClass(
                    f"In this class {count} called {name}.", f"List them with `mpp class pupils {class_id}`."
                )
            known[same[0]] = replace(known[same[0]], initial=initial)
        return known

    def _counts(self, class_id: UUID | str) -> Counter[tuple[UUID | str, int]]:
        """How often each (pupil id, challenge id) is validated, collective ones before their quorum included."""
        counts: Counter[tuple[UUID | str, int]] = Counter()
        for done in self.validations(class_id):
            counts[str(done.pupil_id), done.challenge_id] += 1
        return counts

    def _days_done(self, class_: SchoolClass) -> dict[tuple[UUID | str, int], int | date]:
        zone = ZoneInfo(self._edition(class_.edition_id).time_zone)
        days: dict[tuple[UUID | str, int], list[date]] = {}
        for done in self.validations(class_.class_id):
            day = done.validated_at.astimezone(zone).date()
            days.setdefault((str(done.pupil_id), done.challenge_id), []).append(day)
        return {key: found[0] if len(found) == 1 else len(found) for key, found in days.items()}

    def _record(self, class_id: UUID | str, rows: Sequence[TrackingRow], *, dry_run: bool) -> _Recorded:
        arguments = {
            "class_id": str(class_id),
            "pupil_ids": [str(row.pupil_id) for row in rows],
            "challenge_ids": [row.challenge_id for row in rows],
            "times": [row.times for row in rows],
            "done_on": [row.done_on.isoformat() if row.done_on else None for row in rows],
            "dry_run": dry_run,
        }
        with _there(class_id):
            return parse_row(_Recorded, self._transport.call("import_class_sheet", arguments, idempotent=True))

    def _in_the_sheet(
        self,
        refused: ImportRefused,
        class_id: UUID | str,
        tracking: Tracking,
        rows: Sequence[TrackingRow],
        challenges: Mapping[int, ClassChallenge],
        zone: ZoneInfo,
    ) -> ImportRefused | SheetError:
        """The rows that the database does not take, as cells."""
        from mpp_supabase.sheets import SheetError, SheetProblem

        marks = {mark.cell: mark for mark in tracking.marks}
        problems: list[SheetProblem] = []
        for fault in refused.faults[:MAX_NAMED]:
            if fault.row is None:
                return refused
            row = rows[fault.row - 1]
            challenge, mark = challenges.get(row.challenge_id), marks[row.cell]
            value = f"{mark.done_on:%d/%m/%Y}" if mark.done_on else "x" if mark.times == 1 else str(mark.times)
            wrong, fix = _explained(fault, challenge, zone)
            problems.append(SheetProblem(tracking.file, tracking.sheet, row.cell, value, wrong, fix))
        if not problems:
            return refused
        if (more := len(refused.faults) - len(problems)) > 0:
            wrong = f"{more} more cells that cannot be recorded"
            problems.append(SheetProblem(tracking.file, tracking.sheet, "", "", wrong, "correct these first"))
        return SheetError(tracking.file, problems)

    def _ranks(self, edition: Edition, *where: tuple[str, str, Any]) -> _Ranks | None:
        """Ranks of classes by id, and how many are ranked; None while they still move."""
        if edition.phase not in ("closed", "frozen"):
            return None
        of_edition: Where = (("edition_id", "eq", edition.id),)
        lines = self._iterate(
            _Ranked, query(_Ranked, "class_ranking", "value desc, tie_order, subject_id", (*of_edition, *where))
        )
        counts = self._first(
            EditionStatistics, query(EditionStatistics, "edition_statistics", "edition_id", of_edition)
        )
        return _Ranks({line.subject_id: line.rank for line in lines}, counts.classes if counts else 0)

    def _negative(self, where: tuple[str, str, Any]) -> Counter[UUID]:
        """How many validations of each pupil took points away: a malus is no challenge that a diploma praises."""
        wheres: Where = (where, ("state", "eq", "credited"), ("points", "lt", 0))
        rows = self._iterate(_Negative, query(_Negative, "league_validations", "validation_id", wheres))
        return Counter(row.pupil_id for row in rows)

    def _diplomas(
        self,
        class_: SchoolClass,
        edition: Edition,
        language: str,
        ranks: _Ranks | None,
        negative: Counter[UUID],
    ) -> ClassDiplomas:
        from mpp_supabase.diplomas import ClassDiplomas, PupilDiploma

        pupils = tuple(
            PupilDiploma(pupil.name, max(pupil.validations - negative[pupil.pupil_id], 0), pupil.points)
            for pupil in self.pupils(class_.class_id)
        )
        principal = next((t for t in self.teachers(class_.class_id) if t.is_principal), None)
        starts_on, ends_on = _days(edition)
        rank = ranks.ranks.get(class_.class_id) if ranks is not None else None
        return ClassDiplomas(
            edition=edition.title.get(language) or edition.title["fr"],
            starts_on=starts_on,
            ends_on=ends_on,
            class_name=class_.name,
            school=class_.school_label,
            city=class_.city,
            pupils=pupils,
            teacher=f"{principal.first_name} {principal.last_name}" if principal is not None else None,
            challenges=sum(pupil.challenges or 0 for pupil in pupils),
            points=class_.points,
            rank=rank,
            classes=ranks.classes if ranks is not None and rank is not None else None,
        )


class _Recorded(Model):
    recorded: int
    already: int


class _Ranked(Model):
    rank: int
    subject_id: UUID
    value: int
    tie_order: int


class _Negative(Model):
    validation_id: UUID
    pupil_id: UUID = Field(validation_alias="player_id")


class _Ranks:
    """Where classes stand, by id, among how many."""

    def __init__(self, ranks: dict[UUID, int], classes: int) -> None:
        self.ranks = ranks
        self.classes = classes


_LIST = "List them with `mpp class list EDITION`."


def _there(class_id: UUID | str) -> AbstractContextManager[None]:
    return not_found(f"There is no class {class_id}.", _LIST)


def _of(class_id: UUID | str) -> Where:
    return (("league_id", "eq", class_id),)


def _classes(edition_id: int, level: str | None, school_id: UUID | str | None) -> Query:
    where: Where = (("edition_id", "eq", edition_id),)
    if level is not None:
        where += (("level", "eq", level),)
    if school_id is not None:
        where += (("school_id", "eq", school_id),)
    return query(SchoolClass, "ops_classes", "name, class_id", where)


def _days(edition: Edition) -> tuple[date, date]:
    """The first and the last day of an edition, in its own zone."""
    zone = ZoneInfo(edition.time_zone)
    last_instant = edition.ends_at - timedelta(microseconds=1)
    return edition.starts_at.astimezone(zone).date(), last_instant.astimezone(zone).date()


def _meant(name: str, pupils: Sequence[Pupil]) -> list[Pupil]:
    """The pupils that an id or a name may stand for."""
    said = " ".join(name.replace(":", " ").replace(".", " ").split())
    by_id = [pupil for pupil in pupils if str(pupil.pupil_id) == said.lower()]
    whole = [pupil for pupil in pupils if folded(pupil.name.replace(".", "")) == folded(said)]
    return by_id or whole or [pupil for pupil in pupils if folded(pupil.first_name) == folded(said)]


def _near(said: str, known: Iterable[str]) -> str:
    by_fold = {folded(name): name for name in known}
    return " or ".join(by_fold[name] for name in difflib.get_close_matches(folded(said), by_fold, n=3))


def _known_challenge(challenge: ClassChallenge) -> KnownChallenge:
    from mpp_supabase.sheets import KnownChallenge

    return KnownChallenge(
        challenge.challenge_id, challenge.code, challenge.title, challenge.repeat_limit, challenge.points
    )


def _explained(fault: ImportFault, challenge: ClassChallenge | None, zone: ZoneInfo) -> tuple[str, str]:
    """What is wrong with a mark, in the words of a sheet, and what to do."""
    if fault.fault == "pupil_unknown" or challenge is None:
        return "this pupil is not in the class any more, or this challenge", "read the class again"
    code, about = challenge.code, fault.arguments
    if fault.fault == "not_in_play":
        return f"{code} is not in play for this class", "choose it for the class first, or empty the cell"
    if fault.fault == "challenge_unknown":
        return f"{code} is not open yet", "mark it once it is"
    correct = "correct the mark, or empty the cell"
    if fault.fault == "over_limit":
        return f"{code} counts {about[1]} time(s) per pupil", correct
    if fault.fault == "still_to_come":
        return f"{about[0]} is still to come: it is {about[1]} in {about[2]}", correct
    if fault.fault == "times_impossible":
        return f"{about[0]} times is not between 1 and 99", correct
    if fault.fault == "mark_twice":
        return f"{code} comes twice for this pupil", correct
    if challenge.opens_at is not None and challenge.closes_at is not None and challenge.kind != "boost":
        opens, closes = challenge.opens_at.astimezone(zone), challenge.closes_at.astimezone(zone)
        until = f"{closes:%d/%m/%Y %H:%M}"
        if closes.time() == time():
            # Midnight ends the day before, which is the last one that a teacher can write.
            until = f"the end of {closes - timedelta(microseconds=1):%d/%m/%Y}"
        window = f"{code} counts from {opens:%d/%m/%Y %H:%M} to {until} only"
        if fault.fault == "needs_day":
            return window, f"write the day it was done, such as {opens:%d/%m/%Y}"
        return window, "correct the day, or empty the cell"
    return f"{about[0] if about else 'that day'} is outside the edition", correct


def _with_the_sheets_own(found: ImportRefused | SheetError, plan: TrackingPlan) -> ImportRefused | SheetError:
    """What the database refuses and what is wrong in the sheet itself, in the order of its cells."""
    from mpp_supabase.sheets import SheetError
    from mpp_supabase.sheets.cells import position

    if not plan.problems:
        return found
    if isinstance(found, SheetError):
        for problem in found.problems:
            place = position(problem.cell) if problem.cell else (0, 0)
            plan.problems.add(problem.cell, problem.value, problem.problem, problem.fix, place)
    return plan.problems.error()


def _note_faults(refused: ImportRefused, roster: Roster, plan: RosterPlan) -> None:
    """Note at the cells of the roster what the database says of the pupils of its plan."""
    from mpp_supabase.sheets.cells import position
    from mpp_supabase.sheets.problems import as_fix

    problems = cast("Problems", roster.problems)
    whole = not problems
    for fault in refused.faults:
        entry = plan.entries[fault.row - 1] if fault.row is not None else None
        if fault.fault == "first_name_twice":
            # Of a part of the sheet this says nothing: who would tell them apart may be missing.
            if not whole:
                continue
            problem, fix = "the class has this first name twice", "give each of them an initial of their own"
        elif fault.fault in _WRONG and len(fault.arguments) == 2:
            reason, hint = fault.arguments
            problem, fix = f"{_WRONG[fault.fault]} is not valid: {reason}", as_fix(hint)
        else:
            problem, fix = "this pupil is not in the class any more", "read the class again"
        if entry is None:
            cell, value = "", ""
        elif fault.fault == "team_wrong":
            cell, value = entry.team_cell, entry.team or ""
        elif fault.fault == "initial_wrong" and entry.initial:
            cell, value = entry.initial_cell, entry.initial
        else:
            cell, value = entry.cell, entry.name
        problems.add(cell, value, problem, fix, position(cell) if cell else (0, 0))


_WRONG = {"first_name_wrong": "the first name", "initial_wrong": "the initial", "team_wrong": "the team"}


def _note_limit(refused: TeamLimit | LeagueFull, roster: Roster, known: Sequence[KnownPupil]) -> None:
    """Note at its cells what is too much for the class: its new teams, or the whole sheet."""
    from mpp_supabase.sheets.cells import position

    problems = cast("Problems", roster.problems)
    problem = refused.message.rstrip(".")
    if isinstance(refused, LeagueFull):
        problems.add("", "", problem, "take rows out, or ask for another class", (0, 0))
        return
    there = {folded(pupil.team) for pupil in known if pupil.team}
    for entry in roster.pupils:
        if entry.team and folded(entry.team) not in there:
            cell = entry.team_cell
            problems.add(cell, entry.team, problem, "use fewer names of teams in the sheet", position(cell))
