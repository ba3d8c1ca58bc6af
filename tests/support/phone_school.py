"""Teachers, families and their classes, as phones: what they do, and everything that one could try on a class."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql

from mpp_supabase.files.edition_file import parse_edition
from tests.support import clock

from .phone import DAY, HOUR, PARIS, Edition, Phone, Place
from .school_codes import SchoolCodes

LEVELS = ["maternelle", "elementaire", "college", "lycee"]
_SIX = ("Lina", "Tom", "Zoé", "Éva", "Marie-Lou", "N’Golo")

_EDITION = """
edition:
  code: {code}
  audience: school
  title: {{fr: Classe d’essai, en: Trial class}}
  time_zone: Europe/Paris
  starts_at: {starts}
  days: 21
rules:
  league_size: {{min: 4, max: 8}}
  teams_per_league: 3
  ranking: average
themes:
  trial: {{fr: Essai, en: Trial}}
curriculum:
  living: {{fr: Vivre ensemble, en: Living together}}
challenges:
"""

_CHALLENGES = {
    "bike": "kind: standard, points: 4, repeat: 2",
    "photo": "kind: standard, points: 3, proof: true, levels: [elementaire, college]",
    "picnic": "kind: collective, points: 5, quorum: 3",
    "boost": "kind: boost, points: 2, factor: 3, window: {{from: {just_over}, until: {soon}}}",
    "flash-over": "kind: flash, points: 3, window: {{from: {long_ago}, until: {just_over}}}",
    "flash-soon": "kind: flash, points: 3, window: {{from: {soon}, until: {later}}}",
    "plane": "kind: malus, points: -5, levels: [lycee]",
}

_codes = SchoolCodes(2_000_000)


def school_edition(place: Place) -> Edition:
    """A running school edition of the test's own: cards of every kind, some for some levels only."""
    code, now = f"trial-{uuid.uuid4().hex[:12]}", clock.now()

    def local(before: timedelta) -> str:
        return (now + before).astimezone(PARIS).isoformat(sep=" ", timespec="seconds")

    times = {
        "starts": local(-7 * DAY), "long_ago": local(-2 * DAY), "just_over": local(-HOUR), "soon": local(HOUR),
        "later": local(2 * DAY),
    }  # fmt: skip
    texts = "theme: trial, curriculum: [living], title: {fr: Carte, en: Card}, description: {fr: À faire, en: To do}"
    cards = [
        f"  - {{code: {code}-{name}, {texts}, {rules.format(**times)}"
        f"{'' if 'levels' in rules else ', levels: [' + ', '.join(LEVELS) + ']'}}}\n"
        for name, rules in _CHALLENGES.items()
    ]
    document = parse_edition(_EDITION.format(code=code, **times) + "".join(cards)).document
    place.desk("apply_edition", document=document)
    place.desk("open_edition", edition_code=code)
    with psycopg.connect(place.status.db_url) as connection:
        rows = connection.execute(
            "select e.id, k.code, c.id from mpp.edition e join mpp.edition_challenge c on c.edition_id = e.id"
            " join mpp.challenge k on k.id = c.challenge_id where e.code = %s",
            (code,),
        ).fetchall()
    return Edition(rows[0][0], code, {card.removeprefix(f"{code}-"): number for _, card, number in rows})


def teacher(place: Place, last_name: str = "Exemple", **more: Any) -> Phone:
    """A phone on which somebody has just made an account with an e-mail address and registered as a teacher."""
    phone = place.phone().sign_up()
    (terms,) = phone.rows("terms_versions", is_current=True)
    phone.rpc(
        "register_teacher", first_name="Tess", last_name=last_name, role="Enseignante",
        terms_version=terms["version"], **more,
    )  # fmt: skip
    return phone


def letters() -> str:
    """Eight letters at random: in a name, digits in a row would look like a telephone number."""
    return uuid.uuid4().hex[:8].translate(str.maketrans("0123456789", "ghijklmnop"))


def rne(place: Place) -> str:
    """A school code that no school has."""
    with psycopg.connect(place.status.db_url) as connection:
        return _codes.draw(connection)


def school(place: Place, name: str = "École des Essais", city: str = "Exempleville") -> str:
    """A new school with all four levels; returns its id."""
    arguments = {"name": name, "city": city, "postcode": "01000", "levels": LEVELS, "rne": rne(place)}
    return str(place.desk("add_school", **arguments))


@dataclass
class Class:
    """A class as its teacher's phone knows it: pupils by display name, teams by name."""

    id: str
    edition: Edition
    school: str
    teacher: Phone
    pupils: dict[str, str] = field(default_factory=dict)
    teams: dict[str, str] = field(default_factory=dict)

    @property
    def row(self) -> dict[str, Any]:
        """The class in the teacher's my_classes."""
        (row,) = self.teacher.rows("my_classes", class_id=self.id)
        return row

    def add(self, *pupils: dict[str, Any]) -> list[dict[str, Any]]:
        """Add pupils, or correct some; keeps their names and teams."""
        answer: list[dict[str, Any]] = self.teacher.rpc("add_pupils", class_id=self.id, pupils=list(pupils))
        members = self.teacher.rows("league_members", league_id=self.id)
        self.pupils = {row["name"]: row["player_id"] for row in members}
        self.teams = {row["name"]: row["team_id"] for row in self.teacher.rows("league_teams", league_id=self.id)}
        return answer

    def validate(self, name: str, key: str | None = None, **who: Any) -> list[dict[str, Any]]:
        """Validate a challenge: for pupil_ids, for a team_id, or for the whole class."""
        return self.teacher.rpc(  # type: ignore[no-any-return]
            "validate_for_pupils", class_id=self.id, challenge_id=self.edition.challenges[name],
            request_key=key or str(uuid.uuid4()), **who,
        )  # fmt: skip

    def points(self) -> dict[str, int]:
        """Points by pupil, as the class page shows them."""
        return {row["name"]: row["points"] for row in self.teacher.rows("league_members", league_id=self.id)}


def class_of(place: Place, edition: Edition, *names: str, by: Phone | None = None, **more: Any) -> Class:
    """A class of the edition with these pupils (six, if none are named) in two teams."""
    by = by or teacher(place)
    at = more.pop("school_id", None) or school(place)
    id_ = by.rpc(
        "create_class", edition_id=edition.id, school_id=at,
        **{"name": f"Class {letters()}", "level": "elementaire", "teams": ["Verts", "Bleus"], **more},
    )  # fmt: skip
    made = Class(id_, edition, at, by)
    made.add(*({"first_name": name} for name in names or _SIX))
    return made


def family(place: Place, class_: Class) -> Phone:
    """A phone with an anonymous account that gave the code of the class."""
    phone = place.phone()
    phone.client.auth.sign_in_anonymously()
    assert phone.rpc("claim_class", code=class_.row["class_code"])["claimed"]
    return phone


def account_of(phone: Phone) -> str:
    """The id of whoever is signed in."""
    session = phone.client.auth.get_session()
    assert session is not None
    return session.user.id


def secrets(class_: Class) -> set[str]:
    """What only the class may read: ids, code and names of its pupils, teams and validations, and who teaches."""
    done = class_.teacher.rows("league_validations", league_id=class_.id)
    (me,) = class_.teacher.rows("my_teacher")
    return {
        *class_.pupils, *class_.pupils.values(), *class_.teams, *class_.teams.values(), me["id"], me["email"],
        me["last_name"], class_.row["class_code"], *(row["validation_id"] for row in done),
    }  # fmt: skip


def views(place: Place) -> dict[str, list[str]]:
    """Every view of the API with its columns, from the catalogue of the database."""
    with psycopg.connect(place.status.db_url) as connection:
        rows = connection.execute(
            "select c.relname, array_agg(a.attname order by a.attnum) from pg_class c"
            " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
            " where c.relnamespace = 'api'::regnamespace and c.relkind = 'v' group by c.relname order by c.relname"
        ).fetchall()
    return dict(rows)


#: Terms, guardians, partners, settings and what staff do to accounts and names have nothing to do with a class or a
#: client; tests/sql tries them on all.
OF_TRUST = {
    "accept_terms", "ask_guardian", "campaign_figures", "campaign_invitation", "create_campaign",
    "create_campaign_code", "end_campaign_code", "export_campaign", "guardian_decide", "guardian_question",
    "join_campaign", "publish_terms", "queue_terms_notices", "record_guardian_consent", "set_setting",
    "settle_partner_withdrawals",
    "change_name", "find_people", "record_factor_removal", "set_account_disabled", "who_am_i",
    "record_address_correction",
    "decide_photo", "remove_photo", "request_photo_removal", "share_photo", "withdraw_photo",
    "uploads_to_check", "uploads_to_remove", "record_upload",
    "erase_due_account", "erase_my_account", "erase_person", "export_my_data", "export_person", "keep_my_account",
    "correct_profile", "files_to_remove", "record_privacy_request", "settle_privacy_request",
}  # fmt: skip


def functions(place: Place) -> set[str]:
    """Every function of the API, from the catalogue of the database."""
    with psycopg.connect(place.status.db_url) as connection:
        rows = connection.execute("select p.proname from pg_proc p where p.pronamespace = 'api'::regnamespace")
        return {name for (name,) in rows}


def contents(place: Place) -> dict[str, tuple[int, Any]]:
    """How many rows each table of the game holds, and a sum over their values: equal when nothing was written."""
    with psycopg.connect(place.status.db_url) as connection:
        tables = connection.execute(
            "select c.relname from pg_class c where c.relnamespace = 'mpp'::regnamespace and c.relkind in ('r', 'p')"
        ).fetchall()
        each = sql.SQL(" union all ").join(
            sql.SQL("select {name}, count(*), sum(hashtextextended(t::text, 0)::numeric) from mpp.{table} t").format(
                name=sql.Literal(table), table=sql.Identifier(table)
            )
            for (table,) in tables
        )
        return {name: (count, digest) for name, count, digest in connection.execute(each)}


def reads(place: Place, class_: Class) -> Iterator[str]:
    """Paths of requests that look for the class in every view: all rows, and filters by each of its values."""
    pupil, team = next(iter(class_.pupils.values())), next(iter(class_.teams.values()))
    looked_for = {
        "class_id": class_.id, "league_id": class_.id, "subject_id": class_.id, "school_id": class_.school,
        "player_id": pupil, "pupil_id": pupil, "team_id": team, "class_code": class_.row["class_code"],
        "name": next(iter(class_.pupils)), "first_name": next(iter(class_.pupils)), "id": account_of(class_.teacher),
    }  # fmt: skip
    for view, columns in views(place).items():
        yield f"{view}?limit=1000"
        for column in columns:
            value = looked_for.get(column)
            if value is None or (column == "id" and view in ("challenges", "editions", "audit_log", "conduct_reports")):
                continue
            yield f"{view}?{column}=eq.{value}"
            yield f"{view}?{column}=in.({value},{uuid.uuid4()})"
            yield f"{view}?or=({column}.eq.{value},{column}.is.null)"
            yield f"{view}?not.{column}=is.null&{column}=not.eq.{uuid.uuid4()}"


#: Views of a class, and what PostgREST might join them with.
CLASS_VIEWS = ("my_classes", "class_challenges", "league_members", "league_teams", "league_validations")
JOINED = (
    *CLASS_VIEWS,
    "class_ranking",
    "school_ranking",
    "schools",
    "my_players",
    "my_leagues",
    "ops_classes",
    "my_teacher",
)


def acts(class_: Class, another: str) -> dict[str, dict[str, Any]]:
    """Arguments by which each function of the API that writes would touch the class; `another` is an account."""
    pupil, team = next(iter(class_.pupils.values())), next(iter(class_.teams.values()))
    edition, card = class_.edition, class_.edition.challenges["bike"]
    done = class_.teacher.rows("league_validations", league_id=class_.id)[0]["validation_id"]
    now = clock.now().isoformat()
    return {
        "accept_class": {"code": class_.row["class_code"]},
        "add_pupils": {"class_id": class_.id, "pupils": [{"first_name": "Intrus"}]},
        "add_school": {
            "name": "École Pirate", "city": "Exempleville", "postcode": "01000", "levels": ["lycee"], "rne": "2999999U",
        },
        "announce_maintenance": {"starts_at": now, "ends_at": now, "message": {"fr": "x", "en": "x"}},
        "apply_edition": {"document": {"edition": {"code": edition.code}}},
        "cancel_for_pupils": {"class_id": class_.id, "validation_ids": [done]},
        "cancel_maintenance": {"id": 1},
        "cancel_validation": {"validation_id": done},
        "choose_class_challenges": {"class_id": class_.id, "challenge_ids": [card]},
        "choose_team": {"team_id": team, "player_id": pupil},
        "close_edition": {"edition_code": edition.code, "reason": "because"},
        "correct_birth_date": {"account_id": str(uuid.uuid4()), "birth_date": "1990-01-01", "reason": "because"},
        "correct_school": {"school_id": class_.school, "name": "École Pirate"},
        "create_class": {"edition_id": edition.id, "school_id": class_.school, "name": "Pirate", "level": "lycee"},
        "create_league": {"edition_id": edition.id, "name": "Pirates"},
        "create_team": {"league_id": class_.id, "name": "Pirates"},
        "expel_player": {"player_id": pupil, "reason": "because"},
        "forget_pupils": {"edition_code": edition.code},
        "freeze_edition": {"edition_code": edition.code},
        "hand_over_class": {"class_id": class_.id, "teacher_id": another},
        "hand_over_league": {"league_id": class_.id, "player_id": pupil},
        "import_class_sheet": {
            "class_id": class_.id, "pupil_ids": [pupil], "challenge_ids": [card], "times": [2], "done_on": [None],
        },
        "import_schools": {"schools": []},
        "import_validations": {
            "edition_code": edition.code, "player_ids": [pupil], "challenge_ids": [card], "done_at": [now],
            "request_keys": [str(uuid.uuid4())],
        },
        "invite_co_teacher": {"class_id": class_.id},
        "join_league": {"league_id": class_.id},
        "leave_league": {"league_id": class_.id},
        "list_accounts": {"search": "@"},
        "open_edition": {"edition_code": edition.code},
        "register": {
            "first_name": "A", "last_name": "B", "alias": "c", "country": "FR", "postcode": "75011",
            "birth_date": "1990-06-15", "terms_version": "2026-01",
        },
        "register_teacher": {"first_name": "A", "last_name": "B", "role": "Pirate", "terms_version": "2026-01"},
        "remove_co_teacher": {"class_id": class_.id, "teacher_id": account_of(class_.teacher)},
        "remove_pupil": {"pupil_id": pupil},
        "rename_team": {"team_id": team, "name": "Pirates"},
        "renew_class_code": {"class_id": class_.id},
        "renew_join_code": {"league_id": class_.id},
        "report_conduct": {"player_id": pupil, "reason": "because"},
        "resolve_conduct_report": {"id": 1, "resolution": "because"},
        "revoke_class_code": {"class_id": class_.id},
        "set_co_ambassador": {"player_id": pupil, "granted": True},
        "set_consent": {"purpose": "newsletter", "granted": True},
        "set_listing": {"scope": "league", "subject_id": class_.id, "listed": False},
        "set_ops_member": {"member_id": another, "granted": True},
        "unlock_challenge": {"edition_id": edition.id, "word": "été"},
        "update_class": {"class_id": class_.id, "name": "Pirates"},
        "update_profile": {"first_name": "Pirate"},
        "update_teacher": {"role": "Pirate"},
        "validate_challenge": {"player_id": pupil, "challenge_id": card, "request_key": str(uuid.uuid4())},
        "validate_for_pupils": {"class_id": class_.id, "challenge_id": card, "request_key": str(uuid.uuid4())},
    }  # fmt: skip
