"""Terms, consents, guardians, partners and settings: every command, view and policy, tried by every kind of person."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.support.game import TERMS, Game, Person, translated
from tests.support.game_trust import Campaign, campaign, guardian_token, join, refuse_picture, submitted_photo

from .conftest import SharedScene

PEOPLE = (
    "anon", "anonymous", "unregistered", "guest", "refusing", "gone", "child", "outsider", "staff", "service",
)  # fmt: skip
PLAYERS = ("guest", "refusing", "gone", "child", "outsider")

OK = "00000"
DENIED = "42501"


@dataclass
class Scene:
    """A campaign that was exported, a child whose guardian is asked, and somebody of every kind."""

    game: Game
    mission: Campaign
    people: dict[str, Person]
    token: str
    withdrawal: int
    later: str
    request: int
    league: uuid.UUID
    photo: dict[str, Any]
    unwanted: dict[str, Any]

    @property
    def code(self) -> str:
        return next(iter(self.mission.codes.values()))


def build(game: Game) -> Scene:
    mission = campaign(game)
    people = {
        "anon": game.anon,
        "anonymous": game.anonymous(),
        "unregistered": game.signed_in(),
        "guest": join(game.registered(), mission, consent=True),
        "refusing": join(game.registered(), mission, consent=False),
        "gone": join(game.registered(), mission, consent=True),
        "child": game.registered(birth_date=game.child(12)),
        "outsider": game.registered(),
        "staff": game.staff(),
        "service": game.service,
    }
    assert tuple(people) == PEOPLE
    game.service.call("export_campaign", campaign=mission.code)
    people["gone"].call("set_consent", purpose="partner_sharing", granted=False)
    people["child"].call("ask_guardian", email="guardian@example.org")
    token = guardian_token(game, people["child"])
    refuse_picture(game, people["guest"])
    league = game.league(mission.edition, people["guest"])
    photo, unwanted = submitted_photo(game, league), submitted_photo(game, league)
    game.anon.call("request_photo_removal", reference=unwanted["reference"])
    withdrawal = game.service.view("partner_withdrawals", campaign=mission.code)[0]["id"]
    game.service.call("set_setting", name="erasure_wait", value="7")
    people["gone"].call("erase_my_account")
    request = game.service.call(
        "record_privacy_request", kind="access", channel="mail", note="a copy", account_id=people["guest"].account
    )
    folder = uuid.uuid4()
    game.run("insert into mpp.file_removal (bucket_id, path) values ('pictures', %s)", (f"{folder}/face.png",))
    return Scene(
        game, mission, people, token, withdrawal, str(game.one("select private.today() + 30")), request,
        league.id, photo, unwanted,
    )  # fmt: skip


@pytest.fixture
def scene(shared_scene: SharedScene) -> Iterator[Scene]:
    with shared_scene.scene(build, build) as scene:
        yield scene


@pytest.fixture
def game(scene: Scene) -> Game:
    return scene.game


Arguments = Callable[[Scene], dict[str, Any]]


def row(arguments: Arguments, rest: str, **exceptions: str) -> tuple[Arguments, dict[str, str]]:
    """What everybody is answered: ``rest``, but for the exceptions."""
    assert set(exceptions) <= set(PEOPLE)
    return arguments, {name: exceptions.get(name, rest) for name in PEOPLE}


OUTSIDE = {"anon": DENIED, "service": DENIED, "anonymous": "MP002", "unregistered": "MP003", "staff": "MP003"}
STAFF = {"anon": DENIED, "staff": OK, "service": OK}

COMMANDS: dict[str, tuple[Arguments, dict[str, str]]] = {
    "publish_terms": row(
        lambda s: {"version": "2031-01", "effective_on": s.later, "body": Jsonb(translated("Terms"))}, "MP006", **STAFF
    ),
    "queue_terms_notices": row(lambda s: {"version": TERMS}, DENIED, service=OK),
    "accept_terms": row(lambda s: {"version": TERMS}, OK, **OUTSIDE),
    "set_setting": row(lambda s: {"name": "terms_due", "value": "allowed"}, "MP006", **STAFF),
    "create_campaign": row(
        lambda s: {
            "code": "another", "partner_code": "another", "partner_name": "Another",
            "edition_code": s.mission.edition.code, "body": Jsonb(translated("Text")),
        },
        "MP006", **STAFF,
    ),
    "create_campaign_code": row(lambda s: {"campaign": s.mission.code, "creator": "New"}, "MP006", **STAFF),
    "end_campaign_code": row(lambda s: {"code": s.code}, "MP006", **STAFF),
    "campaign_invitation": row(lambda s: {"code": s.code}, OK, service=DENIED),
    "join_campaign": row(
        lambda s: {"code": s.code, "consent": True, "text_number": 1}, OK, **OUTSIDE, child="MP056"
    ),
    "export_campaign": row(lambda s: {"campaign": s.mission.code}, "MP006", **STAFF),
    "settle_partner_withdrawals": row(lambda s: {"ids": [s.withdrawal], "note": "mail"}, "MP006", **STAFF),
    "campaign_figures": row(lambda s: {"campaign": s.mission.code}, "MP006", **STAFF),
    "ask_guardian": row(lambda s: {"email": "other@example.org"}, "MP059", **OUTSIDE, child=OK),
    "guardian_question": row(lambda s: {"token": s.token}, OK, service=DENIED),
    "guardian_decide": row(lambda s: {"token": s.token, "granted": True}, OK, service=DENIED),
    "record_guardian_consent": row(
        lambda s: {"account_id": s.people["child"].account, "granted": True, "reason": "a letter"}, "MP006", **STAFF
    ),
    "erase_my_account": row(lambda s: {}, OK, **{**OUTSIDE, "unregistered": OK, "staff": OK}),
    "keep_my_account": row(lambda s: {}, "MP065", anon=DENIED, service=DENIED, anonymous="MP002", gone=OK),
    "erase_person": row(
        lambda s: {"account_id": s.people["child"].account, "reason": "a letter"}, "MP006", **STAFF
    ),
    "export_my_data": row(lambda s: {}, OK, anon=DENIED, service=DENIED),
    "export_person": row(
        lambda s: {"account_id": s.people["child"].account, "reason": "a letter"}, "MP006", **STAFF
    ),
    "correct_profile": row(
        lambda s: {"account_id": s.people["child"].account, "reason": "a letter", "last_name": "Other"},
        "MP006", **STAFF,
    ),
    "record_address_correction": row(
        lambda s: {"account_id": s.people["child"].account, "reason": "a letter"}, DENIED, service=OK
    ),
    "record_privacy_request": row(
        lambda s: {"kind": "access", "channel": "letter", "note": "a copy", "account_id": s.people["child"].account},
        "MP006", **STAFF,
    ),
    "settle_privacy_request": row(lambda s: {"request_id": s.request, "outcome": "sent"}, "MP006", **STAFF),
    "files_to_remove": row(lambda s: {}, DENIED, service=OK),
    "erase_due_account": row(lambda s: {}, "MP006", **STAFF),
    "share_photo": row(
        lambda s: {"league_id": s.league, "caption": "A tree", "text_number": 1}, "MP007", **OUTSIDE, guest=OK
    ),
    "withdraw_photo": row(
        lambda s: {"photo_id": s.photo["photo_id"]}, "MP071", **{**OUTSIDE, "staff": "MP003"}, guest=OK
    ),
    "request_photo_removal": row(lambda s: {"reference": s.photo["reference"], "note": "my face"}, OK),
    "decide_photo": row(lambda s: {"reference": s.photo["reference"], "state": "approved"}, "MP006", **STAFF),
    "remove_photo": row(lambda s: {"reference": s.photo["reference"], "reason": "asked"}, "MP006", **STAFF),
    "uploads_to_check": row(lambda s: {}, DENIED, service=OK),
    "uploads_to_remove": row(lambda s: {}, DENIED, service=OK),
    "record_upload": row(
        lambda s: {"bucket_id": "profile-pictures", "path": f"{s.people['guest'].account}/new/{'0' * 32}.jpg"},
        DENIED, service=OK,
    ),
}  # fmt: skip

READS = {
    "campaign_invitation", "campaign_figures", "export_my_data", "guardian_question", "uploads_to_check",
    "uploads_to_remove",
}  # fmt: skip
#: Who says nothing new.
IDLE = {("accept_terms", name) for name in PLAYERS} | {
    ("join_campaign", "guest"),
    ("queue_terms_notices", "service"),
    ("erase_my_account", "gone"),
    ("erase_due_account", "staff"),
    ("erase_due_account", "service"),
    # Of an upload that is gone.
    ("record_upload", "service"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_for_whom_it_is_meant(game, scene, command):
    arguments, expected = COMMANDS[command]
    for name, person in scene.people.items():
        given = arguments(scene)
        if expected[name] == OK:
            with game.db.transaction(force_rollback=True):
                before = game.fingerprint()
                person.table(command, **given)
                reads = command in READS or (command, name) in IDLE
                assert reads == (game.fingerprint() == before), (command, name)
        else:
            try:
                with game.refused(expected[name]):
                    person.table(command, **given)
            except (AssertionError, pytest.fail.Exception) as failure:
                raise AssertionError(f"{command} by {name}: {failure}") from failure


def visible(scene: Scene) -> dict[str, tuple[str, dict[str, set | str]]]:
    """By view: its key column, and what of the scene each person sees in it (the rest: nothing)."""
    mine: dict[str, set | str] = {"anon": DENIED, "service": DENIED}
    agreed = ("guest", "gone")
    mission = {scene.mission.code}

    def staff(seen: set) -> dict[str, set | str]:
        return {"anon": DENIED, "staff": seen, "service": seen}

    def all_of(names: Iterable[str], seen: set) -> dict[str, set | str]:
        return dict.fromkeys(names, seen)

    settings = {"erasure_wait", "recent_sign_in", "terms_due", "terms_notice_days", "consent_ages"}
    return {
        "my_consent_history": ("purpose", {
            **mine, **all_of(PLAYERS, {"terms"}), **all_of(agreed, {"terms", "partner_sharing"}),
        }),
        "my_guardian_requests": ("address", {**mine, "child": {"guardian@example.org"}}),
        "my_guardian_consents": ("granted", mine),
        "my_campaigns": ("code", {**mine, **all_of(("guest", "refusing", "gone"), mission)}),
        "settings": ("name", staff(settings)),
        "my_privacy_requests": ("kind", {**mine, "gone": {"erasure"}, "guest": {"access"}}),
        "privacy_requests": ("kind", staff({"erasure", "access"})),
        "ops_campaigns": ("code", staff(mission)),
        "my_photos": ("id", {**mine, "guest": {scene.photo["photo_id"], scene.unwanted["photo_id"]}}),
        "ops_photos": ("id", staff({scene.photo["photo_id"], scene.unwanted["photo_id"]})),
        "photo_removals": ("reference", staff({scene.unwanted["reference"]})),
        "photo_texts": ("number", {"anon": DENIED, "service": {1}, **all_of((*PLAYERS, "staff"), {1})}),
        "my_picture": ("problem", {**mine, "guest": {"unreadable"}}),
        "ops_campaign_codes": ("campaign", staff(mission)),
        "partner_exports": ("campaign", staff(mission)),
        "partner_withdrawals": ("campaign", staff(mission)),
    }  # fmt: skip


VIEWS = {
    "my_consent_history", "my_guardian_requests", "my_guardian_consents", "my_campaigns", "settings", "ops_campaigns",
    "ops_campaign_codes", "partner_exports", "partner_withdrawals", "my_privacy_requests", "privacy_requests",
    "my_picture", "my_photos", "ops_photos", "photo_removals", "photo_texts",
}  # fmt: skip


def test_every_view_shows_everybody_what_is_theirs_to_see_and_nothing_else(game, scene):
    assert set(visible(scene)) == VIEWS
    for view, (key, seen) in visible(scene).items():
        for name, person in scene.people.items():
            expected = seen.get(name, set())
            if expected == DENIED:
                with game.refused(DENIED):
                    person.view(view)
                continue
            found = {r[key] for r in person.view(view)}
            if key in ("code", "campaign"):
                found &= {scene.mission.code}
            assert found >= expected if view == "settings" and expected else found == expected, f"{view} by {name}"


#: A query of keys by table, and who is shown the rows of the scene.
TABLES = {
    "setting": ("select name from mpp.setting where name = 'terms_due'", ("staff",)),
    "partner": (
        "select p.id from mpp.partner p where p.name like 'Partner %%'",
        ("guest", "refusing", "gone", "staff"),
    ),
    "campaign": ("select code from mpp.campaign", ("guest", "refusing", "gone", "staff")),
    "campaign_text": ("select campaign_id from mpp.campaign_text", ("guest", "refusing", "gone", "staff")),
    "campaign_code": ("select id from mpp.campaign_code", ("staff",)),
    "campaign_guest": ("select account_id from mpp.campaign_guest", ("guest", "refusing", "gone")),
    "partner_export": ("select id from mpp.partner_export", ("staff",)),
    "partner_address": ("select address from mpp.partner_address", ()),
    "partner_withdrawal": ("select id from mpp.partner_withdrawal", ("staff",)),
    "guardian_request": ("select id from mpp.guardian_request", ("child",)),
    "guardian_consent": ("select id from mpp.guardian_consent", ("child", "staff")),
    "privacy_request": ("select kind from mpp.privacy_request where kind = 'erasure'", ("gone", "staff")),
    "file_removal": ("select path from mpp.file_removal", ()),
    "photo": ("select id from mpp.photo", ("guest", "staff")),
    "photo_removal": ("select reference from mpp.photo_removal", ("staff",)),
    "photo_text": ("select number from mpp.photo_text", (*PLAYERS, "staff")),
    "picture": ("select account_id from mpp.picture", ("guest",)),
}


def test_policies_alone_show_what_is_theirs_to_see_even_where_a_view_forgets_to_ask(game, scene):
    game.anon.call("guardian_decide", token=scene.token, granted=True)
    game.run("grant usage on schema mpp to anon, authenticated")
    game.run("grant select on all tables in schema mpp to anon, authenticated")
    for table, (query, readers) in TABLES.items():
        known = {next(iter(r.values())) for r in game.rows(query)}
        assert known, table
        for name, person in scene.people.items():
            if name == "service":
                continue
            found = {next(iter(r.values())) for r in person.rows(query)}
            if name in readers:
                own = {person.account} if table == "campaign_guest" else known
                assert found == own, f"{table} by {name}"
            else:
                assert found == set(), f"{table} by {name}"


def test_what_an_id_or_a_code_is_asked_for_is_shown_to_nobody_else(game, scene):
    outsider = scene.people["outsider"]
    assert outsider.view("my_campaigns", code=scene.mission.code) == []
    with game.refused("MP063"):
        outsider.call("set_consent", purpose="partner_sharing", granted=True, campaign=scene.mission.code)
    unknown = uuid.uuid4().hex * 2
    with game.refused("MP062"):
        outsider.call("guardian_decide", token=unknown, granted=True)
