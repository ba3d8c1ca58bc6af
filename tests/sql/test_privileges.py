"""Every command and every view of api tried by every kind of person."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.support.game import HOUR, SECRET_WORD, Edition, Game, Jsonb, League, Person, document, translated

from .conftest import SharedScene
from .test_client_privileges import ALL_COMMANDS as CLIENT_COMMANDS
from .test_client_privileges import ALL_TABLES as CLIENT_TABLES
from .test_client_privileges import ALL_VIEWS as CLIENT_VIEWS
from .test_school_privileges import COMMANDS as SCHOOL_COMMANDS
from .test_trust_privileges import COMMANDS as TRUST_COMMANDS
from .test_trust_privileges import TABLES as TRUST_TABLES
from .test_trust_privileges import VIEWS as TRUST_VIEWS

PEOPLE = (
    "anon", "anonymous", "unregistered", "newcomer", "player", "ambassador", "helper", "outsider", "other", "expelled",
    "staff", "service",
)  # fmt: skip

OK = "00000"
DENIED = "42501"
PHONE = "+33612345678"


@dataclass
class Scene:
    """Two open leagues of a running edition, and somebody of every kind."""

    game: Game
    edition: Edition
    draft: Edition
    over: Edition
    ours: League
    theirs: League
    people: dict[str, Person]
    validation: uuid.UUID
    report: int
    window: int

    def subject(self, name: str) -> uuid.UUID:
        player = self.people[name].player_id
        assert player is not None
        return player


@pytest.fixture
def scene(shared_scene: SharedScene) -> Iterator[Scene]:
    with shared_scene.scene(build, build) as scene:
        yield scene


@pytest.fixture
def game(scene: Scene) -> Game:
    return scene.game


def build(game: Game) -> Scene:
    edition, draft = game.edition(), game.edition("draft")
    over = game.edition("closed")
    ours = game.league(edition, name=f"Ours {uuid.uuid4().hex[:6]}", is_open=True, phone=PHONE)
    theirs = game.league(edition, name=f"Theirs {uuid.uuid4().hex[:6]}")
    people = {
        "anon": game.anon,
        "anonymous": game.anonymous(),
        "unregistered": game.signed_in(),
        "newcomer": game.registered(),
        "player": game.player(ours, phone=PHONE, team=0),
        "ambassador": ours.ambassador,
        "helper": game.player(ours, phone=PHONE, team=0),
        "outsider": game.player(theirs),
        "other": theirs.ambassador,
        "expelled": game.player(ours, phone=PHONE),
        "staff": game.staff(),
        "service": game.service,
    }
    assert tuple(people) == PEOPLE
    people["ambassador"].call("choose_team", team_id=ours.teams[0])
    people["ambassador"].call("set_co_ambassador", player_id=people["helper"].player_id, granted=True)
    people["ambassador"].call("expel_player", player_id=people["expelled"].player_id, reason="why")
    ours.join_code = game.one("select code from mpp.join_code where league_id = %s", (ours.id,))
    # Room for one team more, which no rule of a running edition would make.
    game.run("delete from mpp.team where id = %s", (ours.teams[1],))
    receipt = game.validate(people["player"], edition, "t-bike")
    game.validate(people["player"], edition, "t-picnic")
    game.validate(people["outsider"], edition, "t-bike")
    game.service.call("change_name", kind="league", subject_id=theirs.id, reason="why")
    report = game.one("select id from mpp.conduct_report where league_id = %s", (ours.id,))
    window = game.service.call(
        "announce_maintenance", starts_at=game.now + HOUR, ends_at=game.now + 2 * HOUR, message=translated("Moving")
    )
    return Scene(game, edition, draft, over, ours, theirs, people, receipt["validation_id"], report, window)


Arguments = Callable[[Scene], dict[str, Any]]


def row(arguments: Arguments, rest: str, **exceptions: str) -> tuple[Arguments, dict[str, str]]:
    """What everybody is answered: ``rest``, but for the exceptions."""
    assert set(exceptions) <= set(PEOPLE)
    return arguments, {name: exceptions.get(name, rest) for name in PEOPLE}


#: Without an account, without a profile, and the roles of machines: the same for every command of players.
OUTSIDE = {"anon": DENIED, "service": DENIED, "anonymous": "MP002", "unregistered": "MP003", "staff": "MP003"}
#: For commands of ambassadors, which the staff may call too.
LEADS = {
    "anon": DENIED,
    "anonymous": "MP002",
    "unregistered": "MP003",
    "ambassador": OK,
    "helper": OK,
    "staff": OK,
    "service": OK,
}
PRINCIPAL = {**LEADS, "helper": "MP007"}
STAFF = {"anon": DENIED, "staff": OK, "service": OK}

COMMANDS: dict[str, tuple[Arguments, dict[str, str]]] = {
    "register": row(
        lambda s: s.game.profile(),
        "MP004",
        anon=DENIED,
        service=DENIED,
        anonymous="MP002",
        unregistered=OK,
        staff=OK,
    ),
    "update_profile": row(lambda s: {"alias": "renamed"}, OK, **OUTSIDE),
    "set_consent": row(lambda s: {"purpose": "newsletter", "granted": True}, OK, **OUTSIDE),
    "create_league": row(
        lambda s: {"edition_id": s.edition.id, "name": "New"}, "MP030", **OUTSIDE, newcomer=OK, expelled=OK
    ),
    "join_league": row(
        lambda s: {"join_code": s.ours.join_code, "phone": PHONE}, "MP030", **OUTSIDE, newcomer=OK, expelled="MP034"
    ),
    "create_team": row(lambda s: {"league_id": s.ours.id, "name": "New"}, "MP007", **LEADS),
    "rename_team": row(lambda s: {"team_id": s.ours.teams[0], "name": "New"}, "MP007", **LEADS),
    "choose_team": row(
        lambda s: {"team_id": s.ours.teams[0], "player_id": s.subject("player")},
        "MP005",
        **OUTSIDE,
        player=OK,
        ambassador=OK,
        helper=OK,
    ),
    "leave_league": row(
        lambda s: {"league_id": s.ours.id}, "MP035", **OUTSIDE, player=OK, helper=OK, ambassador="MP036"
    ),
    "expel_player": row(lambda s: {"player_id": s.subject("player"), "reason": "why"}, "MP007", **LEADS),
    "hand_over_league": row(lambda s: {"league_id": s.ours.id, "player_id": s.subject("player")}, "MP007", **PRINCIPAL),
    "set_co_ambassador": row(lambda s: {"player_id": s.subject("player"), "granted": True}, "MP007", **PRINCIPAL),
    "renew_join_code": row(lambda s: {"league_id": s.ours.id}, "MP007", **LEADS),
    "set_listing": row(
        lambda s: {"scope": "league", "subject_id": s.ours.id, "listed": False},
        "MP007",
        **LEADS,
    ),
    "report_conduct": row(
        lambda s: {"player_id": s.subject("player"), "reason": "why"},
        "MP005",
        **OUTSIDE,
        player=OK,
        ambassador=OK,
        helper=OK,
    ),
    "validate_challenge": row(
        lambda s: {
            "player_id": s.subject("player"),
            "challenge_id": s.edition.challenges["t-soup"],
            "request_key": uuid.uuid4(),
        },
        "MP005",
        **OUTSIDE,
        player=OK,
    ),
    "cancel_validation": row(
        lambda s: {"validation_id": s.validation, "reason": "why"},
        "MP005",
        **{**OUTSIDE, "service": OK, "staff": OK},
        player=OK,
    ),
    "unlock_challenge": row(
        lambda s: {"edition_id": s.edition.id, "word": SECRET_WORD}, OK, **OUTSIDE, newcomer="MP035", expelled="MP035"
    ),
    "my_rank": row(
        lambda s: {"edition_id": s.edition.id},
        OK,
        anon=DENIED,
        service=DENIED,
        anonymous="MP035",
        unregistered="MP035",
        newcomer="MP035",
        staff="MP035",
    ),
    "ranking_around": row(lambda s: {"subject_id": s.ours.id}, OK),
    "ranking_page": row(lambda s: {"edition_id": s.edition.id}, OK),
    "search_ranking": row(lambda s: {"edition_id": s.edition.id, "scope": "league", "query": "league"}, OK),
    "read_clock": row(lambda s: {}, OK),
    "apply_edition": row(lambda s: {"document": document("t-privileges")}, "MP006", **STAFF),
    "open_edition": row(lambda s: {"edition_code": s.draft.code}, "MP006", **STAFF),
    "close_edition": row(lambda s: {"edition_code": s.edition.code, "reason": "why"}, "MP006", **STAFF),
    "freeze_edition": row(lambda s: {"edition_code": s.over.code}, "MP006", **STAFF),
    "verify_scores": row(lambda s: {"edition_code": s.edition.code}, "MP006", **STAFF),
    "import_validations": row(
        lambda s: {
            "edition_code": s.edition.code,
            "player_ids": [s.subject("player")],
            "challenge_ids": [s.edition.challenges["t-soup"]],
            "done_at": [s.game.now - HOUR],
            "request_keys": [uuid.uuid4()],
        },
        DENIED,
        service=OK,
    ),
    "announce_maintenance": row(
        lambda s: {
            "starts_at": s.game.now + HOUR,
            "ends_at": s.game.now + 2 * HOUR,
            "message": translated("Moving"),
        },
        "MP006",
        **STAFF,
    ),
    "cancel_maintenance": row(lambda s: {"id": s.window}, "MP006", **STAFF),
    "resolve_conduct_report": row(lambda s: {"id": s.report, "resolution": "done"}, "MP006", **STAFF),
    "change_name": row(
        lambda s: {"kind": "league", "subject_id": s.ours.id, "name": "Other", "reason": "why"}, "MP006", **STAFF
    ),
    "find_people": row(lambda s: {"player_id": s.subject("player"), "reason": "why"}, "MP006", **STAFF),
    "correct_birth_date": row(
        lambda s: {"account_id": s.people["newcomer"].account, "birth_date": "1991-01-01", "reason": "a letter"},
        "MP006",
        **STAFF,
    ),
    "list_accounts": row(lambda s: {"size": 2}, DENIED, service=OK),
    "set_ops_member": row(lambda s: {"member_id": s.people["newcomer"].account, "granted": True}, DENIED, service=OK),
    "who_am_i": row(lambda s: {}, OK),
    "set_account_disabled": row(
        lambda s: {"who": str(s.people["newcomer"].account), "disabled": True}, "MP006", **STAFF
    ),
    "record_factor_removal": row(
        lambda s: {"account_id": s.people["newcomer"].account, "factor_id": factor_of(s, "newcomer"), "reason": "why"},
        DENIED,
        service=OK,
    ),
}

#: What tells nobody more than it tells everybody.
READ_BY_ALL = ("my_rank", "ranking_around", "ranking_page", "read_clock", "search_ranking", "who_am_i")


def factor_of(scene: Scene, name: str) -> uuid.UUID:
    """A second factor of one of the people."""
    factor = uuid.uuid4()
    scene.game.run(
        "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)"
        " values (%s, %s, 'totp', 'verified', now(), now())",
        (factor, scene.people[name].account),
    )
    return factor


def test_every_command_is_in_the_table(game):
    found = {
        r["name"] for r in game.rows("select proname as name from pg_proc where pronamespace = 'api'::regnamespace")
    }
    assert found == set(COMMANDS) | set(SCHOOL_COMMANDS) | CLIENT_COMMANDS | set(TRUST_COMMANDS)
    assert len(found) == len(COMMANDS) + len(SCHOOL_COMMANDS) + len(CLIENT_COMMANDS) + len(TRUST_COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_for_whom_it_is_meant(game, scene, command):
    arguments, expected = COMMANDS[command]
    for name, person in scene.people.items():
        given = arguments(scene)
        if expected[name] == OK:
            with game.db.transaction(force_rollback=True):
                before = game.fingerprint()
                person.table(command, **given)
                reads = command in (
                    "my_rank", "ranking_around", "ranking_page", "read_clock", "search_ranking", "verify_scores",
                    "choose_team", "list_accounts", "who_am_i",
                )  # fmt: skip
                assert reads or game.fingerprint() != before, (command, name)
        else:
            try:
                with game.refused(expected[name]):
                    person.table(command, **given)
            except (AssertionError, pytest.fail.Exception) as failure:
                raise AssertionError(f"{command} by {name}: {failure}") from failure


# views


def same_for(names: Iterable[str], seen: set) -> dict[str, Any]:
    """What each of these people sees."""
    return dict.fromkeys(names, seen)


def visible(scene: Scene) -> dict[str, tuple[str, Callable[[], set], dict[str, set | str]]]:
    """By view: its key column, and what of the scene each person sees in it (the rest: nothing)."""
    ours = {scene.subject(n) for n in ("player", "ambassador", "helper")}
    theirs = {scene.subject(n) for n in ("outsider", "other")}
    everyone = ours | theirs | {scene.subject("expelled")}
    leagues = {scene.ours.id, scene.theirs.id}
    listed = {c for c in scene.edition.challenges if c not in ("t-hidden", "t-flash-over", "t-flash-soon")}
    profiles = {
        n: {scene.people[n].account}
        for n in ("newcomer", "player", "ambassador", "helper", "outsider", "other", "expelled")
    }
    mine = {n: {scene.subject(n)} for n in ("player", "ambassador", "helper", "outsider", "other", "expelled")}

    def by_league(of_ours: set, of_theirs: set, **more: Any) -> dict[str, set | str]:
        return {
            "anon": DENIED, "player": of_ours, "ambassador": of_ours, "helper": of_ours, "outsider": of_theirs,
            "other": of_theirs, "staff": of_ours | of_theirs, "service": of_ours | of_theirs, **more,
        }  # fmt: skip

    def all_of(seen: set) -> dict[str, set | str]:
        return same_for(PEOPLE, seen)

    def staff_only(seen: set) -> dict[str, set | str]:
        return {"anon": DENIED, "staff": seen, "service": seen}

    bikes = {("player", "t-bike"), ("player", "t-picnic")}
    return {
        "editions": (
            "id",
            all_of({scene.edition.id, scene.over.id})
            | same_for(("staff", "service"), {scene.edition.id, scene.over.id, scene.draft.id}),
        ),
        "challenges": ("code", all_of(listed) | same_for(("staff", "service"), set(scene.edition.challenges))),
        "maintenance_windows": ("id", all_of({scene.window})),
        "terms_versions": ("version", all_of({"2026-01"})),
        "player_ranking": ("subject_id", all_of(everyone)),
        "team_ranking": ("subject_id", all_of({*scene.ours.teams, *scene.theirs.teams})),
        "league_ranking": ("subject_id", all_of(leagues)),
        "edition_statistics": ("players", all_of({6})),
        "my_profile": ("id", {"anon": DENIED, "service": DENIED, **profiles}),
        "my_consents": ("purpose", {"anon": DENIED, "service": DENIED, **same_for(profiles, {"terms"})}),
        "my_players": ("player_id", {"anon": DENIED, "service": DENIED, **mine}),
        "my_leagues": (
            "league_id",
            {
                **by_league({scene.ours.id}, {scene.theirs.id}),
                "service": DENIED,
                "staff": set(),
            },
        ),
        "league_members": ("player_id", by_league(ours, theirs)),
        "league_teams": ("team_id", by_league({scene.ours.teams[0]}, set(scene.theirs.teams))),
        "league_validations": ("who", by_league(bikes, {("outsider", "t-bike")})),
        "open_leagues": ("league_id", {**same_for(PEOPLE, {scene.ours.id}), "anon": DENIED}),
        "ops_leagues": ("league_id", staff_only(leagues)),
        "conduct_reports": ("id", staff_only({scene.report})),
        "name_changes": ("subject_id", staff_only({scene.theirs.id})),
        "audit_log": (
            "subject",
            staff_only({scene.edition.code, scene.over.code, str(scene.ours.id), str(scene.window)}),
        ),
        "misuse": ("player_id", staff_only({scene.subject("player")})),
        # The school game, of which these people know nothing.
        "my_teacher": ("id", {"anon": DENIED, "service": DENIED}),
        "my_classes": ("class_id", {"anon": DENIED, "service": DENIED}),
        "class_challenges": ("class_id", {"anon": DENIED}),
        "class_ranking": ("subject_id", {}),
        "school_ranking": ("subject_id", {}),
        "ops_classes": ("class_id", {"anon": DENIED}),
        "teacher_statistics": ("role", {"anon": DENIED}),
        "schools": ("school_id", {}),
        "curriculum_themes": ("code", {}),
    }


#: The column that tells rows of the scene from others, where there is one.
SCOPES = {
    "challenges": "edition_id",
    "player_ranking": "edition_id",
    "team_ranking": "edition_id",
    "league_ranking": "edition_id",
    "edition_statistics": "edition_id",
    "my_players": "edition_id",
    "my_leagues": "edition_id",
    "open_leagues": "edition_id",
    "ops_leagues": "edition_id",
    "league_validations": "edition_id",
    "conduct_reports": "edition_id",
    "misuse": "edition_id",
    "my_classes": "edition_id",
    "class_ranking": "edition_id",
    "school_ranking": "edition_id",
    "ops_classes": "edition_id",
}


def shown(scene: Scene, view: str, key: str, person: Person) -> set:
    """Keys of the rows of the scene that a person sees."""
    rows = person.view(view, **({SCOPES[view]: scene.edition.id} if view in SCOPES else {}))
    if view == "editions":
        rows = [r for r in rows if r["id"] in (scene.edition.id, scene.over.id, scene.draft.id)]
    elif view == "maintenance_windows":
        rows = [r for r in rows if r["id"] == scene.window]
    elif view in ("league_members", "league_teams"):
        rows = [r for r in rows if r["league_id"] in (scene.ours.id, scene.theirs.id)]
    elif view == "audit_log":
        subjects = {scene.edition.code, scene.over.code, str(scene.ours.id), str(scene.window)}
        rows = [r for r in rows if r["subject"] in subjects]
    elif view == "league_validations":
        names = {person.player_id: name for name, person in scene.people.items() if person.player_id}
        return {(names[r["player_id"]], r["challenge_code"]) for r in rows}
    return {r[key] for r in rows}


def test_every_view_is_in_the_table(game, scene):
    found = {
        r["name"]
        for r in game.rows(
            "select relname as name from pg_class where relnamespace = 'api'::regnamespace and relkind = 'v'"
        )
    }
    assert found == set(visible(scene)) | CLIENT_VIEWS | TRUST_VIEWS
    assert CLIENT_VIEWS.isdisjoint(visible(scene))


def test_every_view_shows_everybody_what_is_theirs_to_see_and_nothing_else(game, scene):
    at = game.now - HOUR
    # Enough in one minute to be suspicious.
    game.service.call(
        "import_validations", edition_code=scene.edition.code, player_ids=[scene.subject("player")] * 11,
        challenge_ids=[scene.edition.challenges["t-soup"]] * 11, done_at=[at] * 11,
        request_keys=[uuid.uuid4() for _ in range(11)],
    )  # fmt: skip
    for view, (key, seen) in visible(scene).items():
        for name, person in scene.people.items():
            expected = seen.get(name, set())
            if expected == DENIED:
                with game.refused(DENIED):
                    person.view(view)
                continue
            found = shown(scene, view, key, person)
            if view == "league_validations":
                found = {pair for pair in found if pair[1] != "t-soup"}
            assert found == expected, f"{view} by {name}"


# the policies by themselves


@dataclass
class Beyond:
    """What only the staff may see beside the scene: a private edition, a card of a draft, what is over or to come."""

    organisation: int
    private: int
    private_league: uuid.UUID
    card: int
    window: int

    @classmethod
    def made(cls, scene: Scene) -> Beyond:
        game = scene.game
        code = uuid.uuid4().hex[:8]
        organisation = game.one(
            "insert into mpp.organisation (code, name) values (%s, 'A client') returning id", (f"org-{code}",)
        )
        private = game.edition(organisation=organisation)
        league = game.one(
            "insert into mpp.league (edition_id, name, category) values (%s, 'Inside', 'colleagues') returning id",
            (private.id,),
        )
        game.run("insert into mpp.theme (code, name) values (%s, %s)", (f"t-{code}", Jsonb(translated("Secret"))))
        card = game.one(
            "insert into mpp.challenge (code, theme, title, description) values (%s, %s, %s, %s) returning id",
            (f"t-{code}", f"t-{code}", Jsonb(translated("Secret")), Jsonb(translated("Secret"))),
        )
        game.run(
            "insert into mpp.edition_challenge (edition_id, challenge_id, kind, points) values (%s, %s, 'standard', 1)",
            (scene.draft.id, card),
        )
        window = game.one(
            "insert into mpp.maintenance_window (starts_at, ends_at, message)"
            " values (private.clock() - interval '4 days', private.clock() - interval '3 days', %s) returning id",
            (Jsonb(translated("Long ago")),),
        )
        game.run(
            "insert into mpp.terms_version (version, published_at, effective_at)"
            " values ('2099-01', private.clock() + interval '1 year', private.clock() + interval '1 year')"
        )
        scene.people["outsider"].call("unlock_challenge", edition_id=scene.edition.id, word=SECRET_WORD)
        scene.people["outsider"].call("unlock_challenge", edition_id=scene.edition.id, word="wrong")
        return cls(organisation, private.id, league, card, window)


def through_policies(scene: Scene, beyond: Beyond) -> dict[str, tuple[str, dict[str, set]]]:
    """By table: a query of keys of the scene, and what each person is shown; whoever is missing is shown nothing."""
    people, subject = scene.people, scene.subject
    with_profile = [n for n in PEOPLE if n not in ("anon", "anonymous", "unregistered", "staff", "service")]
    accounts = {n: people[n].account for n in with_profile}
    team = ("player", "ambassador", "helper")
    ours, theirs = {subject(n) for n in team}, {subject("outsider"), subject("other")}
    expelled = {subject("expelled")}
    leagues = {scene.ours.id, scene.theirs.id}
    signed_in = [n for n in PEOPLE if n not in ("anon", "service")]

    def members(of_ours: set, of_theirs: set, **more: set) -> dict[str, set]:
        return {
            **same_for(team, of_ours), **same_for(("outsider", "other"), of_theirs),
            "staff": of_ours | of_theirs, **more,
        }  # fmt: skip

    def everybody(seen: set, staff: set) -> dict[str, set]:
        return {**same_for(PEOPLE, seen), "staff": seen | staff}

    in_play = {scene.edition.id, scene.over.id}
    hidden = {scene.draft.id, beyond.private}
    editions = "select distinct edition_id from mpp.{} where edition_id = any(%s)"
    return {
        "profile": ("select id from mpp.profile", {
            **{n: {account} for n, account in accounts.items()}, "staff": set(accounts.values()),
        }),
        "consent": ("select distinct account_id from mpp.consent", {
            **{n: {account} for n, account in accounts.items()}, "staff": set(accounts.values()),
        }),
        "player": (
            "select id from mpp.player", members(ours, theirs, expelled=expelled, staff=ours | theirs | expelled),
        ),
        "league": ("select id from mpp.league", {
            **same_for(signed_in, {scene.ours.id}), **same_for(("outsider", "other"), leagues),
            "staff": leagues | {beyond.private_league},
        }),
        "team": ("select id from mpp.team", members({scene.ours.teams[0]}, set(scene.theirs.teams))),
        "ambassador": ("select account_id from mpp.ambassador", members(
            {accounts["ambassador"], accounts["helper"]}, {accounts["other"]},
        )),
        "join_code": ("select league_id from mpp.join_code", {
            **same_for(("ambassador", "helper"), {scene.ours.id}), "other": {scene.theirs.id}, "staff": leagues,
        }),
        "player_contact": ("select player_id from mpp.player_contact", {
            "player": {subject("player")}, **same_for(("ambassador", "helper", "staff"), ours),
        }),
        "validation": ("select distinct player_id from mpp.validation", members(
            {subject("player")}, {subject("outsider")},
        )),
        "conduct_report": ("select id from mpp.conduct_report", {"staff": {scene.report}}),
        "audit": (
            f"select subject from mpp.audit where subject = '{scene.draft.code}' or subject = '{scene.ours.id}'",
            {"staff": {str(scene.ours.id)}},
        ),
        "edition": ("select id from mpp.edition", everybody(in_play, hidden)),
        "edition_challenge": (
            f"select k.code from mpp.edition_challenge c join mpp.challenge k on k.id = c.challenge_id"
            f" where c.edition_id = {scene.edition.id}",
            {**everybody(set(scene.edition.challenges) - UNLISTED, UNLISTED),
             "outsider": set(scene.edition.challenges) - UNLISTED | {"t-hidden"}},
        ),
        "challenge": (f"select id from mpp.challenge where id = {beyond.card}", {"staff": {beyond.card}}),
        "theme": (
            f"select code from mpp.theme where code = '{code_of(scene, beyond)}'",
            {"staff": {code_of(scene, beyond)}},
        ),
        "maintenance_window": (
            f"select id from mpp.maintenance_window where id in ({scene.window}, {beyond.window})",
            same_for(PEOPLE, {scene.window}),
        ),
        "terms_version": ("select version from mpp.terms_version", same_for(PEOPLE, {"2026-01"})),
        "score": (
            f"select distinct edition_id from mpp.score where edition_id in ({scene.edition.id}, {beyond.private})",
            everybody({scene.edition.id}, {beyond.private}),
        ),
        "score_count": (editions.format("score_count"), everybody({scene.edition.id}, {beyond.private})),
        "score_delta": (editions.format("score_delta"), everybody({scene.edition.id}, {beyond.private})),
        "account_proof": ("select account_id from mpp.account_proof", {}),
        "ops_member": ("select account_id from mpp.ops_member", {}),
        "organisation": ("select id from mpp.organisation", {"staff": {beyond.organisation}}),
        "unlock": ("select player_id from mpp.unlock", {}),
        "name_change": ("select subject_id from mpp.name_change", {"staff": {scene.theirs.id}}),
        "unlock_guess": ("select account_id from mpp.unlock_guess", {}),
        **{table: (f"select {key} from mpp.{table}", {}) for table, key in OF_SCHOOLS.items()},
    }  # fmt: skip


#: Tables of the school game by their key; test_school_privileges tries them on the people of a school.
OF_SCHOOLS = {
    "school": "id", "teacher": "account_id", "family": "account_id", "class_challenge": "league_id",
    "class_code": "league_id", "class_guess": "account_id", "class_invitation": "league_id",
    "class_request": "request_key", "curriculum_theme": "code", "school_standing": "edition_id",
}  # fmt: skip


UNLISTED = {"t-hidden", "t-flash-over", "t-flash-soon"}


def code_of(scene: Scene, beyond: Beyond) -> str:
    return str(scene.game.one("select code from mpp.challenge where id = %s", (beyond.card,)))


def test_policies_alone_show_what_is_theirs_to_see_even_where_a_view_forgets_to_ask(game, scene):
    beyond = Beyond.made(scene)
    # Half of the counts folded, half of them not: both tables hold every edition of the scene.
    for edition in (scene.edition.id, beyond.private):
        game.run("select private.fold_scores(%s, true)", (edition,))
        game.run("insert into mpp.score_delta (edition_id, subjects) values (%s, 0)", (edition,))
    game.run("grant usage on schema mpp to anon, authenticated")
    game.run("grant select on all tables in schema mpp to anon, authenticated")
    expected = through_policies(scene, beyond)
    tables = game.rows(
        "select relname as name from pg_class where relnamespace = 'mpp'::regnamespace and relkind in ('r', 'p')"
    )
    assert {row["name"] for row in tables} == set(expected) | CLIENT_TABLES | set(TRUST_TABLES)
    for table, (query, seen) in expected.items():
        given = ([scene.edition.id, beyond.private],) if "%s" in query else ()
        known = {next(iter(row.values())) for row in game.rows(query, given)}
        for name, person in scene.people.items():
            if name != "service":
                found = {next(iter(row.values())) for row in person.rows(query, given)}
                assert found <= known
                assert found & ours_of(game, table, query, given) == seen.get(name, set()), f"{table} by {name}"


def ours_of(game: Game, table: str, query: str, given: tuple) -> set:
    """Keys that this transaction has made; a database that others use too holds more."""
    made = f"select * from mpp.{table} t where pg_xact_status(t.xmin::text::xid8) = 'in progress'"
    if "join" in query or table == "terms_version":
        return {next(iter(row.values())) for row in game.rows(query, given)}
    return {next(iter(row.values())) for row in game.rows(query.replace(f"mpp.{table}", f"({made}) as made"), given)}


def test_nobody_but_the_owner_reads_or_writes_a_table_directly(game, scene):
    tables = [
        r["name"]
        for r in game.rows(
            "select oid::regclass::text as name from pg_class where relnamespace = 'mpp'::regnamespace"
            " and relkind in ('r', 'p')"
        )
    ]
    for name in ("anon", "anonymous", "player", "ambassador", "staff", "service"):
        person = scene.people[name]
        for table in tables:
            for statement in (f"select * from {table}", f"delete from {table}"):
                with game.refused(DENIED):
                    person.rows(statement)


def test_nobody_writes_through_a_view(game, scene):
    views = [
        r["name"]
        for r in game.rows(
            "select oid::regclass::text as name from pg_class where relnamespace = 'api'::regnamespace"
            " and relkind = 'v'"
        )
    ]
    for name in ("anon", "player", "ambassador", "staff", "service"):
        for view in views:
            # The second column: the first is often an identity, which nobody sets.
            column = game.one("select attname from pg_attribute where attrelid = %s::regclass and attnum = 2", (view,))
            for statement in (
                f"delete from {view}",
                f"update {view} set {column} = {column}",
                f"insert into {view} ({column}) values (null)",
            ):
                before = game.fingerprint()
                with pytest.raises(psycopg.Error) as caught:
                    scene.people[name].rows(statement)
                # 55000 and 0A000: a view that Postgres could not write through for anybody.
                assert caught.value.sqlstate in (DENIED, "55000", "0A000"), (name, statement, caught.value)
                assert game.fingerprint() == before


def test_nobody_calls_a_rule_of_private_by_its_name(game, scene):
    for name in ("anon", "player", "staff", "service"):
        for call in ("private.is_ops()", "private.my_player_ids()", f"private.freeze_edition('{scene.over.code}')"):
            with game.refused(DENIED):
                scene.people[name].rows(f"select {call}")


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_every_view_answers_as_the_first_question_of_a_connection(database_url, role):
    # Plans that another role made before would hide what this one may not name.
    with psycopg.connect(database_url) as connection:
        person = Person(connection, role, uuid.uuid4() if role == "authenticated" else None)
        for (view,) in connection.execute(
            "select c.relname from pg_class c where c.relnamespace = 'api'::regnamespace and c.relkind = 'v'"
            " and has_table_privilege(%s, c.oid, 'select') order by 1",
            (role,),
        ).fetchall():
            person.view(view)
        connection.rollback()


def test_an_anonymous_account_writes_nothing_whatever_else_it_is(game, scene):
    """Even with a profile, a league and the rights of the staff behind the same account."""
    player = scene.people["player"]
    turned = Person(game.db, "authenticated", player.account, is_anonymous=True)
    turned.player_id = player.player_id
    for command, code in (
        ("update_profile", {"alias": "x"}),
        ("leave_league", {"league_id": scene.ours.id}),
        (
            "validate_challenge",
            {
                "player_id": player.player_id,
                "challenge_id": scene.edition.challenges["t-soup"],
                "request_key": uuid.uuid4(),
            },
        ),
    ):
        with game.refused("MP002"):
            turned.call(command, **code)


def test_a_disabled_account_is_out_at_once(game, scene):
    for name in ("player", "ambassador", "staff"):
        game.run(
            "update auth.users set banned_until = private.clock() + interval '1 day' where id = %s",
            (scene.people[name].account,),
        )
    for command, (arguments, expected) in COMMANDS.items():
        for name in ("player", "ambassador", "staff"):
            if expected[name] == OK and command not in READ_BY_ALL:
                with game.refused("MP001", "MP006", "MP003", "MP005"):
                    scene.people[name].table(command, **arguments(scene))
    assert scene.people["staff"].view("audit_log") == []
    game.run("update auth.users set banned_until = private.clock() where id = %s", (scene.people["player"].account,))
    scene.people["player"].call("update_profile", alias="back")


def test_a_request_without_a_subject_is_not_signed_in(game, scene):
    nobody = Person(game.db, "authenticated")
    for command in (name for name in COMMANDS if name not in READ_BY_ALL):
        arguments, expected = COMMANDS[command]
        if expected["player"] == DENIED:
            continue
        with game.refused("MP001", "MP006"):
            nobody.table(command, **arguments(scene))
    with game.refused("MP001"):
        nobody.table("my_rank", edition_id=scene.edition.id)
    for view in (
        "my_profile",
        "my_players",
        "my_leagues",
        "league_members",
        "league_validations",
        "my_consents",
        "audit_log",
    ):
        assert nobody.view(view) == [], view


def test_a_player_whose_account_is_gone_is_moved_by_an_ambassador_and_nobody_else(game, scene):
    """Nobody is that account any more: a comparison with it must not pass for a yes."""
    moved = scene.subject("player")
    game.run("delete from auth.users where id = %s", (scene.people["player"].account,))
    target = scene.people["ambassador"].call("create_team", league_id=scene.ours.id, name="Other")
    for name in ("newcomer", "outsider", "other", "expelled"):
        with game.refused("MP005"):
            scene.people[name].call("choose_team", team_id=target, player_id=moved)
    scene.people["helper"].call("choose_team", team_id=target, player_id=moved)
    assert game.one("select team_id from mpp.player where id = %s", (moved,)) == target


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_a_request_that_writes_to_anything_but_a_function_is_refused_before_it_is_read(game, role):
    asked = game.one(
        "select setting from pg_roles, unnest(rolconfig) setting where rolname = 'authenticator'"
        " and setting like 'pgrst.db_pre_request=%%'"
    )
    function = asked.partition("=")[2]
    caller = Person(game.db, role)
    for method, path, refused in (
        ("GET", "/editions", False), ("HEAD", "/editions", False), ("POST", "/rpc/register", False),
        ("POST", "/editions", True), ("PATCH", "/editions", True), ("PUT", "/rpc", True), ("DELETE", "/editions", True),
    ):  # fmt: skip
        game.run("select set_config('request.method', %s, true), set_config('request.path', %s, true)", (method, path))
        with game.refused("42501") if refused else contextlib.nullcontext():
            caller.rows(f"select {function}()")
