"""Two clients on a local stack, from contract to final report: a company that plays, a town that follows classes."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

import httpx
import psycopg
from pydantic import SecretStr

from mpp_supabase import clock
from mpp_supabase.client import MPP
from mpp_supabase.config import Settings
from mpp_supabase.demo.classes import Classroom, enrol, hire, open_classes, schools_of
from mpp_supabase.demo.client_proof import ClientProof, department_of, prove_client, prove_territory
from mpp_supabase.demo.habits import Card, days_of_play
from mpp_supabase.demo.lessons import sheets_of
from mpp_supabase.demo.people import NAMES, named_statements
from mpp_supabase.demo.phones import connect, rows_of
from mpp_supabase.demo.plan import PUPILS_PER_CLASS, ClientOutcome, ClientPlan, Progress, SchoolPlan
from mpp_supabase.demo.play import moved_edition, timed
from mpp_supabase.demo.school import cards_by_level
from mpp_supabase.mail.sending import MailSender
from mpp_supabase.mail.settings import MailSettings
from mpp_supabase.models import Edition, MadeLeague, Participation
from mpp_supabase.services.client_files import BUCKET

VIEWS = (
    "client_overview",
    "client_weekly",
    "client_daily",
    "client_leagues",
    "client_ranking",
    "client_themes",
    "client_map",
    "client_territory",
)
"""What somebody who works for a client reads."""

UNITS = ("Lyon", "Nantes", "Atelier", "Siège")
_LEAGUES = (
    "Les Loutres",
    "Les Mésanges",
    "Les Tilleuls",
    "Les Fougères",
    "Les Colibris",
    "Les Castors",
    "Les Genêts",
    "Les Hérons",
    "Les Bouleaux",
    "Les Orties",
    "Les Truites",
    "Les Frênes",
)
_QUIET = (3, 7)
"""Leagues that stopped more than a week ago."""
_ALONE = 10
"""A league that nobody runs."""
_OPTED_OUT = 11
"""A league that left the ranking."""
_ACCOUNTS = UUID("7d4a6c1e-1b5f-4d92-8c34-5a0f6e2b9d71")
_POSTCODES = ("69003", "69007", "69100", "44000", "44200", "38000", "75011", "01000")
_OTHERS_FOLLOWED = 6
_KIT_REPORT = "reports/final-report.pdf"
"""Classes outside the territory."""


def play_client(
    env: Mapping[str, str], files: Path, reports: Path, plan: ClientPlan, mail: MailSettings, on_progress: Progress
) -> ClientOutcome:
    """Play an edition for two clients and return what it came to.

    `env` holds the names of `mpp stack status --json`; `files` is the project's folder; `mail` sends to the mailbox of
    the local stack. Each call makes organisations and editions of its own. Raises the errors of mpp_supabase.
    """
    now = clock.now()
    stamp = f"{now:%Y%m%d-%H%M%S}"
    rng = Random(stamp)
    outcome = ClientOutcome(f"client-demo-{stamp}", f"company-{stamp}", reports / f"client-demo-{stamp}")
    outcome.folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        url=env["API_URL"], publishable_key=SecretStr(env["PUBLISHABLE_KEY"]), secret_key=SecretStr(env["SECRET_KEY"])
    )
    # Nothing is prepared: a pooler in transaction mode would not find it again.
    with (
        MPP.connect(settings) as mpp,
        psycopg.connect(env["DB_URL"], autocommit=True, prepare_threshold=None) as db,
        httpx.Client(timeout=30) as http,
    ):
        town = Town(mpp, db, env, http, files, stamp, rng)
        with timed(outcome, "contracts"):
            on_progress("Editions, organisations and their staff", 0, 1)
            edition = _edition(mpp, files / "catalogue" / "adult-2026-09.yaml", outcome.edition, now)
            school = _edition(mpp, files / "catalogue" / "school-2026-11.yaml", f"{outcome.edition}-school", now)
            company = mpp.clients.set(outcome.company, name="Exemple Industries", kind="company")
            mpp.clients.take_part(
                company.organisation_id, edition.code, expected_players=plan.players + 20, carries_name=True
            )
            part = mpp.clients.participation(company.code, edition.code)
            authority = mpp.clients.set(f"authority-{stamp}", name="Métropole d’Exempleville", kind="local_authority")
            mpp.clients.take_part(authority.organisation_id, school.code)
            follows = mpp.clients.participation(authority.code, school.code)
            planned = mpp.plans.plan(part.participation_id)
            outcome.tasks = planned.planned + planned.dropped + planned.done
            (outcome.folder / "plan.ics").write_bytes(mpp.plans.ics(part.participation_id, "fr").encode())
            on_progress("Editions, organisations and their staff", 1, 1)

        with timed(outcome, "leagues and people"):
            made = _leagues(mpp, part)
            ambassadors = [n for n in range(len(made)) if n != _ALONE]
            for done, number in enumerate(ambassadors):
                on_progress("Ambassadors join by phone", done, len(ambassadors))
                town.ambassador(made[number], number)
            on_progress("Ambassadors join by phone", len(ambassadors), len(ambassadors))
            members = town.register_players(edition, made, plan.players - len(ambassadors))
            outcome.invited = _invite_everybody(mpp, part, outcome.folder, made, plan)

        with timed(outcome, "play"):
            on_progress("Three weeks of challenges", 0, plan.validations)
            outcome.validations = town.play(edition, members, plan.validations, now)
            on_progress("Three weeks of challenges", plan.validations, plan.validations)

        with timed(outcome, "classes of a territory"):
            outcome.classes, schools = town.classes(school, plan, now, on_progress)
            followed_codes = town.territory(schools)
            mpp.clients.set_territory(
                authority.organisation_id,
                departments=followed_codes["departments"],
                postcodes=followed_codes["postcodes"],
                schools=followed_codes["schools"],
            )
            followed = town.followed(schools)

        with timed(outcome, "staff, and mails"):
            on_progress("Invitations, weekly mails, and phones of staff", 0, 1)
            readers = town.hire_staff(company.organisation_id, authority.organisation_id, mail, outcome)
            for each in (part, follows):
                outcome.queued += mpp.mails.queue(mpp.reports.weekly_mails(each.participation_id))
            outcome.mails += MailSender(mpp.mails, mail).run().outcomes["sent"]
            on_progress("Invitations, weekly mails, and phones of staff", 1, 1)

        with timed(outcome, "proof"):
            on_progress("Computing every figure again", 0, 2)
            seen = readers["inside"].views()
            outcome.proof = prove_client(db, edition, part.participation_id, seen, clock.now())
            on_progress("Computing every figure again", 1, 2)
            classes = readers["authority"].views()["client_territory"]
            outcome.followed = len(classes)
            territory = prove_territory(db, school, followed, classes, clock.now())
            outcome.proof.compared.update(territory.compared)
            outcome.proof.agree.update(territory.agree)
            outcome.proof.differences += territory.differences
            _closed_doors(readers, part.participation_id, outcome.proof)
            outcome.overview = seen["client_overview"][0]
            outcome.leagues = seen["client_leagues"]
            on_progress("Computing every figure again", 2, 2)

        with timed(outcome, "reports"):
            start = time.perf_counter()
            mpp.reports.follow(part.participation_id)
            outcome.seconds_of_a_call = time.perf_counter() - start
            outcome.files += mpp.reports.write(
                "weekly",
                [part, follows],
                outcome.folder,
                on_progress=lambda n, all_: on_progress("Weekly reports", n, all_),
            )
            on_progress("Freezing, and giving the awards", 0, 2)
            for code in (edition.code, school.code):
                mpp.editions.close(code, "End of the demonstration")
                mpp.editions.freeze(code)
                outcome.awards += mpp.awards.grant(code)
                outcome.mismatches += mpp.editions.verify(code)
            on_progress("Freezing, and giving the awards", 2, 2)
            finals = mpp.reports.write(
                "final",
                [part, follows],
                outcome.folder,
                on_progress=lambda n, all_: on_progress("Final reports", n, all_),
            )
            outcome.files += finals
            pdfs = [file for file in finals if file.suffix == ".pdf"]
            for client, pdf in zip((part, follows), pdfs, strict=True):
                mpp.files.add(client.organisation_id, [pdf], name=_KIT_REPORT)
            _closed_kit(readers, part.organisation_id, pdfs[0], outcome.proof)
    return outcome


def _edition(mpp: MPP, file: Path, code: str, now: datetime) -> Edition:
    mpp.editions.apply(moved_edition(file, code, now))
    mpp.editions.open(code)
    return mpp.editions.get(code)


def _leagues(mpp: MPP, part: Participation) -> list[MadeLeague]:
    wanted = [{"name": name, "unit": UNITS[number % len(UNITS)]} for number, name in enumerate(_LEAGUES)]
    return mpp.clients.create_leagues(part.participation_id, wanted)


def _invite_everybody(mpp: MPP, part: Participation, folder: Path, made: Sequence[MadeLeague], plan: ClientPlan) -> int:
    """Invite with a spreadsheet as a client sends it, twice: the second time changes nothing."""
    file = folder / "participants.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, delimiter=";")
        rows.writerow(("Nom", "Adresse e-mail", "Ligue"))
        for number in range(plan.guests):
            league = made[number % len(made)].name if number % 3 else ""
            rows.writerow((f"Personne {number}", f"guest-{number}-{part.participation_id}@demo.invalid", league))
    first = mpp.clients.import_participants(part, file)
    again = mpp.clients.import_participants(part, file)
    return first.invited + again.invited


def _closed_doors(readers: Mapping[str, Reader], participation_id: int, proof: ClientProof) -> None:
    """Nobody sees a client but its own staff inside their dates."""
    for who in ("before", "after", "elsewhere", "player"):
        rows = [row for view in readers[who].views().values() for row in view]
        proof.same(
            "closed doors", f"rows for {who}", [r for r in rows if r.get("participation_id") == participation_id], []
        )
        refused = "MP091" if who in ("before", "after") else "MP093"
        proof.same("closed doors", f"the report for {who}", readers[who].report(participation_id), refused)
    proof.same("closed doors", "the report inside", readers["inside"].report(participation_id), "")


def _closed_kit(readers: Mapping[str, Reader], organisation_id: int, report: Path, proof: ClientProof) -> None:
    """Nobody reads the files of a client but its own staff inside their dates."""
    path = f"{organisation_id}/{_KIT_REPORT}"
    for who in ("before", "after", "elsewhere", "player"):
        proof.same("closed doors", f"the kit for {who}", readers[who].file(path), None)
    proof.same("closed doors", "the kit inside", readers["inside"].file(path) == report.read_bytes(), True)


class Reader:
    """A phone or a browser of somebody with an account, who speaks HTTP and has the publishable key."""

    def __init__(self, env: Mapping[str, str], http: httpx.Client, email: str) -> None:
        self.email = email
        self.client = connect(env, http)
        signed = self.client.auth.sign_up({"email": email, "password": uuid4().hex})
        assert signed.user is not None
        self.account = signed.user.id

    def must(self, function: str, **arguments: Any) -> Any:
        """What a function answers; a refusal ends the demonstration."""
        return self.client.rpc(function, arguments).execute().data

    def read(self, function: str, **arguments: Any) -> Any:
        """What a function that only reads answers."""
        return self.client.rpc(function, arguments, get=True).execute().data

    def views(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that the client's views show."""
        return {view: rows_of(self.client.table(view).select("*").execute()) for view in VIEWS}

    def file(self, path: str) -> bytes | None:
        """A file of a kit; nothing when Storage knows of none."""
        from storage3.exceptions import StorageApiError

        try:
            return self.client.storage.from_(BUCKET).download(path)
        except StorageApiError:
            return None

    def report(self, participation_id: int) -> str:
        """The code with which the report of a client is refused; nothing when it is given."""
        from postgrest.exceptions import APIError

        try:
            self.read("client_report", participation_id=participation_id)
        except APIError as error:
            return str(error.code)
        return ""


class Town:
    """The people of the demonstration, and what they do."""

    def __init__(
        self,
        mpp: MPP,
        db: psycopg.Connection[Any],
        env: Mapping[str, str],
        http: httpx.Client,
        files: Path,
        stamp: str,
        rng: Random,
    ) -> None:
        self._mpp, self._db, self._env, self._http = mpp, db, env, http
        self._files, self._stamp, self._rng = files, stamp, rng
        terms = connect(env, http).table("terms_versions").select("version").eq("is_current", True)
        self._terms = rows_of(terms.execute())[0]["version"]
        self._ambassadors: list[Reader] = []

    def ambassador(self, league: MadeLeague, number: int) -> None:
        """Let a phone join a league first, and so run it; most agree to alerts, one opts the league out."""
        phone = Reader(self._env, self._http, f"ambassador-{self._stamp}-{number}@demo.invalid")
        phone.must(
            "register",
            first_name="Sittelle",
            last_name="Démo",
            alias=f"Sittelle {number + 1}",
            country="FR",
            postcode=_POSTCODES[number % len(_POSTCODES)],
            birth_date="1985-03-02",
            terms_version=self._terms,
        )
        phone.must("join_league", join_code=league.join_code)
        if number % 3:
            phone.must("set_consent", purpose="league_alerts", granted=True)
        if number == _OPTED_OUT:
            phone.must("set_listing", scope="league", subject_id=str(league.league_id), listed=False)
        self._ambassadors.append(phone)

    def register_players(self, edition: Edition, leagues: Sequence[MadeLeague], count: int) -> dict[UUID, list[UUID]]:
        """Put the other players into the leagues, most of them before the start; return players by league."""
        rng, statements = self._rng, named_statements(self._files / "sql" / "seed" / "demo.sql")
        ids = [league.league_id for league in leagues if league.league_id is not None]
        teams: dict[UUID, list[UUID]] = {}
        for team, league in self._db.execute("select id, league_id from mpp.team where league_id = any (%s)", (ids,)):
            teams.setdefault(league, []).append(team)
        emails = [f"client-{number:05d}@demo.invalid" for number in range(1, count + 1)]
        accounts = [uuid5(_ACCOUNTS, email) for email in emails]
        words = [NAMES["aliases"][number * 7919 % len(NAMES["aliases"])] for number in range(count)]
        homes = [ids[number % len(ids)] for number in range(count)]
        players = [UUID(int=rng.getrandbits(128), version=4) for _ in emails]
        columns: dict[str, dict[str, Any]] = {
            "accounts": {"accounts": accounts, "emails": emails},
            "profiles": {
                "accounts": accounts,
                "first_names": words,
                "aliases": [f"{word} {number}" for number, word in enumerate(words)],
                "postcodes": [rng.choice(_POSTCODES) for _ in emails],
                "birth_dates": [f"{rng.randrange(1960, 2004)}-05-04" for _ in emails],
            },
            "players": {
                "edition_id": edition.id,
                "players": players,
                "accounts": accounts,
                "player_leagues": homes,
                "player_teams": [rng.choice(teams[home]) for home in homes],
                "aliases": [f"{word} {number}" for number, word in enumerate(words)],
                "first_names": words,
                "listed": [rng.random() > 0.03 for _ in emails],
            },
        }
        with self._db.transaction():
            for name, values in columns.items():
                self._db.execute(statements[name], values)
            # They came over four weeks, from ten days before the start on.
            self._db.execute(
                "update mpp.league set created_at = %s where id = any (%s)",
                (edition.starts_at - timedelta(days=12), ids),
            )
            self._db.execute(
                "update mpp.player p set joined_at = x.at from unnest(%s::uuid[], %s::timestamptz[]) x (id, at)"
                " where p.id = x.id",
                (players, [edition.starts_at + timedelta(days=rng.triangular(-10, 18, -2)) for _ in players]),
            )
        self._db.execute("analyze mpp.profile, mpp.league, mpp.team, mpp.player, mpp.score")
        members: dict[UUID, list[UUID]] = {league: [] for league in ids}
        for player, home in self._db.execute("select id, league_id from mpp.player where league_id = any (%s)", (ids,)):
            members[home].append(player)
        return members

    def play(self, edition: Edition, members: Mapping[UUID, list[UUID]], total: int, now: datetime) -> int:
        """Play `total` validations; two leagues stopped nine days ago."""
        cards = [
            Card(*row)
            for row in self._db.execute(
                "select id, kind::text, points, repeat_limit, opens_at, closes_at from api.challenges"
                " where edition_id = %s order by code",
                (edition.id,),
            )
        ]
        groups = list(members.values())
        quiet = [groups[number] for number in _QUIET]
        lively = [group for group in groups if group not in quiet]
        zone, stopped = ZoneInfo(edition.time_zone), now - timedelta(days=9)
        share = total * sum(map(len, quiet)) // (2 * sum(map(len, groups)))
        done = 0
        for some, until, count in ((quiet, stopped, share), (lively, now, total - share)):
            for day in days_of_play(some, cards, edition.starts_at, until, zone, count, self._rng):
                row = self._db.execute(
                    "select api.import_validations(%s, %s, %s, %s, %s)",
                    (edition.code, day.players, day.challenges, day.done_at, day.keys),
                ).fetchone()
                done += int(row[0]) if row else 0
        self._db.execute("analyze mpp.validation, mpp.score")
        return done

    def classes(
        self, edition: Edition, plan: ClientPlan, now: datetime, on_progress: Progress
    ) -> tuple[int, list[UUID]]:
        """Make classes and fill their sheets; return how many, and the schools of those inside the territory."""
        directory = self._files / "catalogue" / "directory-sample.csv"
        self._mpp.schools.import_directory(directory, on_progress=lambda _done, _lines: None)
        count = plan.classes + _OTHERS_FOLLOWED
        term = enrol(
            schools_of(self._db, directory),
            SchoolPlan(count, count * PUPILS_PER_CLASS, max(8, count // 2)),
            self._rng,
        )
        rooms: list[Classroom] = [*term.phones, *term.staff]
        teachers = hire(self._db, self._files / "sql" / "seed" / "demo.sql", len(rooms), self._rng)
        done = 0

        def tick() -> None:
            nonlocal done
            done += 1
            on_progress("Classes of a territory", done, 2 * len(rooms))

        open_classes(self._db, edition.id, list(zip(rooms, teachers, strict=True)), self._rng, tick)
        cards, zone = cards_by_level(self._db, edition.id), ZoneInfo(edition.time_zone)
        for room in rooms:
            sheets, _ = sheets_of(room.pupils, cards[room.level], edition.starts_at, now, zone, self._rng)
            for sheet in sheets:
                self._db.execute(
                    "select api.import_class_sheet(%s, %s, %s, %s, %s)",
                    (room.id, sheet.pupils, sheet.challenges, sheet.times, sheet.done_on),
                )
            tick()
        self._db.execute("analyze mpp.validation, mpp.score, mpp.player")
        inside: list[UUID] = []
        for school in dict.fromkeys(room.school.id for room in rooms):
            if sum(room.school.id in inside for room in rooms) < plan.classes:
                inside.append(school)
        return len(rooms), inside

    def territory(self, schools: Sequence[UUID]) -> dict[str, list[str]]:
        """Codes that name these schools: one department, some postcodes, and the RNE of the others."""
        rows = self._db.execute(
            "select id, rne, postcode from mpp.school where id = any (%s)", (list(schools),)
        ).fetchall()
        by_id = {row[0]: (row[1], row[2]) for row in rows}
        ordered = [by_id[school] for school in schools]
        return {
            "departments": [department_of(ordered[0][1])],
            "postcodes": sorted({postcode for _, postcode in ordered[1:4]}),
            "schools": sorted(rne for rne, _ in ordered[4:]),
        }

    def followed(self, schools: Sequence[UUID]) -> set[UUID]:
        """The schools that those codes name, found by hand."""
        codes = self.territory(schools)
        return {
            id_
            for id_, rne, postcode in self._db.execute(
                "select id, rne, postcode from mpp.school where country = 'FR' and not is_hidden"
            )
            if rne in codes["schools"]
            or postcode in codes["postcodes"]
            or department_of(postcode) in codes["departments"]
        }

    def hire_staff(self, company: int, authority: int, mail: MailSettings, outcome: ClientOutcome) -> dict[str, Reader]:
        """Invite staff by mail, let them read it and accept with their own account; two have other dates."""
        now = clock.now()
        readers = {
            name: Reader(self._env, self._http, f"{name}-{self._stamp}@demo.invalid")
            for name in ("inside", "before", "after", "authority")
        }
        readers["elsewhere"], readers["player"] = readers["authority"], self._ambassadors[0]
        month = timedelta(days=30)
        for name, organisation, opens in (
            ("inside", company, None),
            ("before", company, now + timedelta(days=3)),
            ("after", company, None),
            ("authority", authority, None),
        ):
            self._mpp.clients.invite(
                organisation, readers[name].email, "owner", access_from=opens, access_until=now + month
            )
        outcome.mails += MailSender(self._mpp.mails, mail).run().outcomes["sent"]
        for name in ("inside", "before", "after", "authority"):
            readers[name].must("accept_staff_invitation", code=self._code_for(readers[name].email, mail))
        # As if a month had passed: nobody can be given dates that are over.
        self._db.execute(
            "update mpp.staff set access_from = %s, access_until = %s where organisation_id = %s and account_id = %s",
            (now - month, now - timedelta(days=1), company, readers["after"].account),
        )
        return readers

    def _code_for(self, address: str, mail: MailSettings) -> str:
        """The code in the mail that came to an address."""
        found = self._http.get(f"{mail.mailbox_url}/api/v1/search", params={"query": f"to:{address}"}).json()
        whole = self._http.get(f"{mail.mailbox_url}/api/v1/message/{found['messages'][0]['ID']}").json()
        codes: list[str] = re.findall(r"^\s*([0-9A-HJKMNP-TV-Z]{10})\s*$", whole["Text"], re.MULTILINE)
        return codes[0]
