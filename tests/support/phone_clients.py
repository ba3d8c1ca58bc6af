"""Clients and their staff, as dashboards: what they do, and everything that one could try on another client."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import psycopg
from pydantic import SecretStr

from mpp_supabase import MPP, Settings
from mpp_supabase.files.edition_file import parse_edition
from mpp_supabase.mail.sending import MailSender
from mpp_supabase.mail.settings import MailSettings
from tests.support import clock

from .phone import DAY, PARIS, Edition, Phone, Place
from .phone_school import LEVELS, Class, account_of, acts, class_of, letters, rne, school_edition, teacher, views

#: What a dashboard that speaks SQL may read.
DASHBOARD_VIEWS = (
    "client_overview", "client_leagues", "client_weekly", "client_daily", "client_ranking", "client_themes",
    "client_map", "client_territory", "client_ambassadors", "client_stages", "client_awards",
    "client_organisations", "client_participations", "client_units",
)  # fmt: skip

#: Rows by view.
Rows = dict[str, list[dict[str, Any]]]

_EDITION = """
edition:
  code: {code}
  audience: public
  title: {{fr: Édition d’essai, en: Trial edition}}
  time_zone: Europe/Paris
  starts_at: {starts}
  days: 28
  {more}
rules:
  league_size: {{min: {least}, max: 24}}
  ranking: {ranking}
themes:
  trial: {{fr: Essai, en: Trial}}
  other: {{fr: Autre, en: Other}}
challenges:
  - {{code: {code}-bike, kind: standard, points: 4, repeat: 9, theme: trial, title: {{fr: Vélo, en: Bike}},
      description: {{fr: À faire, en: To do}}}}
  - {{code: {code}-soup, kind: standard, points: 3, repeat: 9, theme: other, title: {{fr: Soupe, en: Soup}},
      description: {{fr: À faire, en: To do}}}}
"""


def client_edition(
    place: Place, *, starts: timedelta = -10 * DAY, least: int = 6, ranking: str = "total", organisation: str = ""
) -> Edition:
    """A running edition of the test's own; `organisation` is the code of the client it is private to."""
    code = f"trial-{uuid.uuid4().hex[:12]}"
    begins = (clock.now() + starts).astimezone(PARIS)
    text = _EDITION.format(
        code=code, starts=begins.isoformat(sep=" ", timespec="seconds"), least=least, ranking=ranking,
        more=f"organisation: {organisation}" if organisation else f"registration_closes_on: {begins.date() + 20 * DAY}",
    )  # fmt: skip
    place.desk("apply_edition", document=parse_edition(text).document)
    place.desk("open_edition", edition_code=code)
    with psycopg.connect(place.status.db_url) as connection:
        rows = connection.execute(
            "select e.id, k.code, c.id from mpp.edition e join mpp.edition_challenge c on c.edition_id = e.id"
            " join mpp.challenge k on k.id = c.challenge_id where e.code = %s",
            (code,),
        ).fetchall()
    return Edition(rows[0][0], code, {card.removeprefix(f"{code}-"): number for _, card, number in rows})


def player(place: Place, join_code: str, postcode: str = "69003", alias: str = "ana") -> Phone:
    """A phone on which somebody has just registered, and joined the league of this code."""
    phone = place.phone().sign_up()
    (terms,) = phone.rows("terms_versions", is_current=True)
    phone.rpc(
        "register", first_name="Prénom", last_name="Patronyme", alias=alias, country="FR", postcode=postcode,
        birth_date="1990-06-15", terms_version=terms["version"],
    )  # fmt: skip
    phone.player_id = phone.rpc("join_league", join_code=join_code)
    return phone


def earlier(place: Place, edition: Edition, players: list[Phone], days: float, card: str = "bike") -> None:
    """Each of the players did a challenge so many days ago."""
    done_at = (clock.now() - timedelta(days=days)).isoformat()
    place.desk(
        "import_validations", edition_code=edition.code, player_ids=[phone.player_id for phone in players],
        challenge_ids=[edition.challenges[card]] * len(players), done_at=[done_at] * len(players),
        request_keys=[str(uuid.uuid4()) for _ in players],
    )  # fmt: skip


@dataclass
class Client:
    """A client in a running edition: its organisation and participation, and what the desk knows of its leagues."""

    place: Place
    edition: Edition
    code: str
    name: str
    organisation: int
    part: int
    staff: dict[str, Phone] = field(default_factory=dict)
    #: By name, the rows that create_client_leagues answered.
    leagues: dict[str, dict[str, Any]] = field(default_factory=dict)
    players: dict[str, list[Phone]] = field(default_factory=dict)

    def make_leagues(self, *leagues: tuple[str, str | None], by: Phone | None = None) -> None:
        """Make leagues, each with its unit or none; by the desk, unless somebody of the staff is named."""
        given = [{"name": f"{name} {letters()}", "unit": unit} for name, unit in leagues]
        call = by.rpc if by else self.place.desk
        made = {row["name"]: row for row in call("create_client_leagues", participation_id=self.part, leagues=given)}
        for (name, _), sent in zip(leagues, given, strict=True):
            self.leagues[name] = made[str(sent["name"])]

    def join(self, league: str, number: int, postcode: str = "69003", alias: str = "ana") -> list[Phone]:
        """So many people join a league by its code; the first of all runs it."""
        code = self.leagues[league]["join_code"]
        came = [player(self.place, code, postcode, alias) for _ in range(number)]
        self.players.setdefault(league, []).extend(came)
        return came

    def employ(self, role: str, since: timedelta = -30 * DAY, until: timedelta = 30 * DAY) -> Phone:
        """Somebody new who works for the client, from and until so far from now; without the mail of an invitation."""
        return self.hire(self.place.phone().sign_up(), role, since, until)

    def hire(self, phone: Phone, role: str, since: timedelta = -30 * DAY, until: timedelta = 30 * DAY) -> Phone:
        """Put whoever is signed in on the staff."""
        now = clock.now()
        with psycopg.connect(self.place.status.db_url) as connection:
            connection.execute(
                "insert into mpp.staff (organisation_id, account_id, role, access_from, access_until)"
                " values (%s, %s, %s, %s, %s)",
                (self.organisation, account_of(phone), role, now + since, now + until),
            )
        return phone

    def views(self, phone: Phone, names: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
        """What somebody reads in these views of this participation, or of this organisation."""
        return {
            name: [
                row
                for row in phone.rows(name)
                if row.get("participation_id", self.part) == self.part
                and row.get("organisation_id", self.organisation) == self.organisation
            ]
            for name in names
        }


def client(place: Place, edition: Edition | None = None, **more: Any) -> Client:
    """An organisation that takes part in an edition, one of its own if none is given."""
    edition = edition or client_edition(place)
    code, name = f"client-{uuid.uuid4().hex[:12]}", f"Maison {letters()}"
    organisation = place.desk("set_organisation", code=code, name=name, kind="local_authority", language="fr")
    part = place.desk(
        "set_participation", organisation_id=organisation, edition_code=edition.code, expected_players=100, **more
    )
    return Client(place, edition, code, name, organisation, part)


@dataclass
class Whole:
    """A client with something in every view: `over` is its part in a frozen edition, `class_` one of its territory."""

    client: Client
    over: int
    at_school: int
    class_: Class
    #: The code of an invitation of staff that nobody has taken yet, from the mail that waits.
    waiting: str

    @property
    def owner(self) -> Phone:
        """Its owner's dashboard."""
        return self.client.staff["owner"]


def two_clients(place: Place) -> tuple[Whole, Whole]:
    """Two clients with everything that there is, in the same three editions."""
    running, over, schools = client_edition(place), client_edition(place), school_edition(place)
    made = [_whole(place, running, over, schools, number) for number in range(2)]
    place.desk("close_edition", edition_code=over.code, reason="End of the test")
    place.desk("freeze_edition", edition_code=over.code)
    place.desk("grant_awards", edition_code=over.code)
    return made[0], made[1]


def _whole(place: Place, running: Edition, over: Edition, schools: Edition, number: int) -> Whole:
    asked = client(place, running)
    parts = [
        place.desk("set_participation", organisation_id=asked.organisation, edition_code=edition.code)
        for edition in (over, schools)
    ]
    for role in ("viewer", "manager", "owner"):
        asked.staff[role] = asked.employ(role)
    manager, owner = asked.staff["manager"], asked.staff["owner"]
    # Who works for a client also plays: the manager in a league of their own.
    (terms,) = manager.rows("terms_versions", is_current=True)
    manager.rpc(
        "register", first_name="Prénom", last_name="Patronyme", alias="manager", country="FR",
        postcode=f"{31 + number}000", birth_date="1990-06-15", terms_version=terms["version"],
    )  # fmt: skip
    units = [f"Unité {letters()}" for _ in range(2)]
    asked.make_leagues(("First", units[0]), ("Second", units[1]), ("Unlisted", None), by=manager)
    # Client B is larger, so that a sum over both would show.
    people = asked.join("First", 4 + number, f"{31 + number}000", f"alias {letters()}")
    people += asked.join("Second", 5 + number, f"{41 + number}000", f"alias {letters()}")
    people.append(manager)
    manager.player_id = manager.rpc("join_league", join_code=asked.leagues["First"]["join_code"])
    asked.players["First"].append(manager)
    (runs,) = asked.join("Unlisted", 1)
    runs.rpc("set_listing", scope="league", subject_id=asked.leagues["Unlisted"]["league_id"], listed=False)
    for phone in (*people, runs):
        phone.validate(running, "bike")
    earlier(place, running, people, days=9)
    # The edition that is over: one league, in which the same people played.
    before = Client(place, over, asked.code, asked.name, asked.organisation, parts[0])
    before.make_leagues(("Former", units[0]))
    code = before.leagues["Former"]["join_code"]
    for phone in people[:5]:
        done = Phone(phone.client, phone.rpc("join_league", join_code=code))
        done.validate(over, "bike")
        done.validate(over, "soup")
    manager.rpc(
        "invite_participants", participation_id=asked.part,
        participants=[{"email": f"{uuid.uuid4().hex}@example.org"} for _ in range(2)],
    )  # fmt: skip
    for part in (asked.part, parts[1]):
        manager.rpc("plan_participation", participation_id=part)
    owner.rpc("invite_staff", organisation_id=asked.organisation, email=f"{uuid.uuid4().hex}@example.org")
    with psycopg.connect(place.status.db_url) as connection:
        ((waiting,),) = connection.execute(
            "select o.data ->> 'code' from mpp.staff_invitation i"
            " join mpp.outbox o on o.key like 'staff:' || i.id || ':%%' where i.organisation_id = %s",
            (asked.organisation,),
        ).fetchall()
    code = rne(place)
    at = place.desk(
        "add_school", name=f"École {letters()}", city="Exempleville", postcode="01000", levels=LEVELS, rne=code
    )
    place.desk("set_territory", organisation_id=asked.organisation, codes={"rne": [code]})
    class_ = class_of(place, schools, by=teacher(place, "Patronyme"), school_id=at)
    class_.validate("bike")
    return Whole(asked, parts[0], parts[1], class_, waiting)


def everything_of(place: Place, phone: Phone | None) -> Rows:
    """Every row of every view that somebody may read."""
    found = {}
    for view in views(place):
        answer = place.raw("GET", f"{view}?limit=1000", phone)
        found[view] = answer.json() if answer.status_code == 200 else []
    return found


def marks(theirs: Rows, others: list[Rows]) -> dict[str, set[str]]:
    """By column, the values by which somebody's rows can be asked for and that are in nobody else's.

    Texts, identifiers and times; numbers only where the column is an identifier, because two clients may have the same
    number of anything else.
    """

    def values(rows: Rows) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for row in (row for view in rows.values() for row in view):
            for column, value in row.items():
                if isinstance(value, str) or (column.endswith("_id") and isinstance(value, int)):
                    found.setdefault(column, set()).add(str(value))
        return found

    known = [values(other) for other in others]
    left = {
        column: found - {value for other in known for value in other.get(column, ())}
        for column, found in values(theirs).items()
    }
    return {column: found for column, found in left.items() if found}


def reads(place: Place, marked: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """View and filter of requests that look for these values in every view that has such a column."""
    with psycopg.connect(place.status.db_url) as connection:
        columns = connection.execute(
            "select c.relname, a.attname, format_type(a.atttypid, null) from pg_class c"
            " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
            " where c.relnamespace = 'api'::regnamespace and c.relkind = 'v' order by c.relname, a.attnum"
        ).fetchall()
    for view, column, type_ in columns:
        fits = _FITS.get(type_)
        found = [value for value in sorted(marked.get(column, ())) if fits is not None and re.match(fits, value)]
        if found:
            listed = _quoted(",".join(f'"{value}"' for value in found[:50]))
            yield view, f"{column}=eq.{_quoted(found[0])}"
            yield view, f"or=({column}.in.({listed}))"


#: What may be compared with a column of this type; no words with an enum or a translated text.
_FITS = {
    "integer": "[0-9]+$", "bigint": "[0-9]+$", "uuid": "[0-9a-f-]{36}$", "text": "", "mpp.line": "",
    "date": "[0-9-]{10}$", "timestamp with time zone": "[0-9]{4}-.*T", "mpp.school_level": "",
}  # fmt: skip


def _quoted(value: str) -> str:
    return quote(value, safe='",')


def acts_on(whole: Whole, another: str) -> dict[str, dict[str, Any]]:
    """Arguments by which each function of the API would touch the client; `another` is the account that tries."""
    asked, class_ = whole.client, whole.class_
    league, first = asked.leagues["First"], asked.players["First"]
    with psycopg.connect(asked.place.status.db_url) as connection:

        def one(query: str, *values: Any) -> Any:
            row = connection.execute(query.encode(), values).fetchone()
            assert row is not None, query
            return row[0]

        team = one("select id::text from mpp.team where league_id = %s limit 1", league["league_id"])
        done = one("select id::text from mpp.validation where player_id = %s limit 1", first[1].player_id)
        mail = one("select max(o.id) from mpp.outbox o where o.key like %s", f"invitation:{asked.part}:%")
    (task, *_) = [row for row in whole.owner.rows("client_stages", organisation_id=asked.organisation) if row["day"]]
    own, part = {"organisation_id": asked.organisation}, {"participation_id": asked.part}
    ends = (clock.now() + DAY).isoformat()
    other = first[1].player_id
    return {
        **acts(class_, another),
        "accept_staff_invitation": {"code": whole.waiting},
        "cancel_validation": {"validation_id": done},
        "choose_team": {"team_id": team, "player_id": other},
        "claim_mail": {"worker": str(uuid.uuid4()), "lease_seconds": 60, "message_domain": "example.org"},
        "class_teachers": {"class_id": class_.id},
        "clear_bounces": {"address": whole.owner.email},
        "client_report": part,
        "client_staff": own,
        "complete_task": {"task_id": task["task_id"]},
        "count_edition": {"edition_code": asked.edition.code},
        "create_client_leagues": {**part, "leagues": [{"name": "Pirates"}]},
        "create_league": {"edition_id": asked.edition.id, "name": "Pirates"},
        "create_team": {"league_id": league["league_id"], "name": "Pirates"},
        "due_mails": {"how_many": 100},
        "expel_player": {"player_id": other, "reason": "because"},
        "grant_awards": {"edition_code": asked.edition.code},
        "hand_over_league": {"league_id": league["league_id"], "player_id": other},
        "handle_contact_request": {"id": 1, "state": "spam"},
        "invite_participants": {**part, "participants": [{"email": "pirate@example.org"}]},
        "invite_staff": {**own, "email": "pirate@example.org", "access_until": ends},
        "join_league": {"league_id": league["league_id"]},
        "leave_league": {"league_id": league["league_id"]},
        "my_rank": {"edition_id": asked.edition.id, "scope": "league"},
        "plan_participation": part,
        "purge_expired": {"how_many": 100},
        "queue_league_notes": {"edition_code": asked.edition.code},
        "queue_mails": {"mails": [{"key": "pirate", "template": "player_invitation", "address": "p@example.org"}]},
        "queue_newsletter": {"code": "pirate", "language": "fr", "subject": "x", "body": "x"},
        "ranking_around": {"subject_id": asked.leagues["Unlisted"]["league_id"]},
        "ranking_page": {"edition_id": asked.edition.id, "scope": "class"},
        "search_ranking": {"edition_id": asked.edition.id, "scope": "league", "query": "unlisted"},
        "record_bounce": {"address": whole.owner.email, "is_hard": True},
        "remove_contact_content": {"id": 1, "reason": "because"},
        "remove_participants": {**part, "emails": ["pirate@example.org"]},
        "remove_staff": {**own, "account_id": account_of(asked.staff["viewer"])},
        "rename_team": {"team_id": team, "name": "Pirates"},
        "renew_join_code": {"league_id": league["league_id"]},
        "report_conduct": {"player_id": other, "reason": "because"},
        "set_co_ambassador": {"player_id": other, "granted": True},
        "set_listing": {"scope": "league", "subject_id": league["league_id"], "listed": False},
        "set_organisation": {"code": asked.code, "name": "Pirates"},
        "set_participation": {**own, "edition_code": asked.edition.code, "expected_players": 7},
        "set_staff": {**own, "account_id": account_of(asked.staff["viewer"]), "role": "manager"},
        "set_territory": {**own, "codes": {"department": ["01"]}},
        "settle_mail": {"id": mail, "attempt": 1, "worker": str(uuid.uuid4()), "outcome": "sent"},
        "settle_stranded": {"id": mail, "attempt": 1, "verdict": "given_up"},
        "stranded_mails": {},
        "territory_schools": own,
        "unsubscribe": {"token": whole.waiting},
        "validate_challenge": {
            "player_id": other, "challenge_id": asked.edition.challenges["bike"], "request_key": str(uuid.uuid4()),
        },
        "verify_scores": {"edition_code": asked.edition.code},
        "weekly_readers": part,
        "withdraw_participation": part,
    }  # fmt: skip


@dataclass
class Post:
    """The mails of the stack: sent by the association's sender, read in the mailbox."""

    place: Place

    def deliver(self) -> None:
        """Send what waits in the outbox."""
        env, ports = self.place.status.env(), self.place.status.ports
        project = Settings(
            url=env["API_URL"],
            publishable_key=SecretStr(env["PUBLISHABLE_KEY"]),
            secret_key=SecretStr(env["SECRET_KEY"]),
        )
        mailbox = MailSettings(
            host="127.0.0.1", port=ports.smtp, security="none", sender_name="Ma Petite Planète",
            sender="bonjour@example.org", domain="example.org",
            unsubscribe_url=f"{env['API_URL']}/functions/v1/unsubscribe",
            guardian_url=f"{env['API_URL']}/functions/v1/guardian",
        )  # fmt: skip
        with MPP.connect(project) as mpp:
            MailSender(mpp.mails, mailbox).run()

    def to(self, address: str) -> list[str]:
        """The texts of the mails that came to an address, the newest first."""
        base = f"{self.place.status.env()['MAILPIT_URL']}/api/v1"
        found = self.place.http.get(f"{base}/search", params={"query": f"to:{address}"}).json()["messages"]
        return [self.place.http.get(f"{base}/message/{mail['ID']}").json()["Text"] for mail in found]

    def code_for(self, address: str) -> str:
        """The code in the newest mail to an address."""
        codes: list[str] = re.findall(r"^\s*([0-9A-HJKMNP-TV-Z]{10})\s*$", self.to(address)[0], re.MULTILINE)
        return codes[0]
