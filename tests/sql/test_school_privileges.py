"""Every command of a school, every view and every policy, tried by every kind of person that a school knows."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.game import (
    EVERY_LEVEL,
    HOUR,
    LEVELS,
    TERMS,
    Class,
    Edition,
    Game,
    Jsonb,
    Person,
    school_document,
    translated,
)

from .conftest import SharedScene
from .test_client_privileges import ALL_TABLES as CLIENT_TABLES
from .test_client_privileges import ALL_VIEWS as CLIENT_VIEWS
from .test_trust_privileges import TABLES as TRUST_TABLES
from .test_trust_privileges import VIEWS as TRUST_VIEWS

PEOPLE = (
    "anon", "anonymous", "unregistered", "player", "teacher", "co_teacher", "other_teacher", "removed_teacher",
    "family", "parent", "other_family", "staff", "service",
)  # fmt: skip

OK = "00000"
DENIED = "42501"


@dataclass
class Scene:
    """Two classes of one school, a teacher who was in the first one, and somebody of every kind."""

    game: Game
    edition: Edition
    over: Edition
    school: uuid.UUID
    hidden_school: uuid.UUID
    ours: Class
    theirs: Class
    people: dict[str, Person]
    validation: uuid.UUID
    invitation: str
    league: uuid.UUID
    league_edition: int
    marks: dict[str, Any] = field(default_factory=dict)

    @property
    def private_standing(self) -> int:
        """A private edition with a standing of schools."""
        return int(self.marks["private"])

    @property
    def lina(self) -> uuid.UUID:
        return self.ours.pupils["Lina"]

    def account(self, name: str) -> uuid.UUID:
        account = self.people[name].account
        assert account is not None
        return account


@pytest.fixture
def scene(shared_scene: SharedScene) -> Iterator[Scene]:
    with shared_scene.scene(build, build) as scene:
        yield scene


@pytest.fixture
def game(scene: Scene) -> Game:
    return scene.game


def build(game: Game) -> Scene:
    edition = game.edition(audience="school", ranking_basis="average", league_min_players=2, teams_per_league=3)
    over = game.edition("closed", audience="school")
    school = game.school(name="École des Essais")
    hidden = game.school(name="École cachée")
    game.service.call("correct_school", school_id=hidden, is_hidden=True)
    code = f"t-{uuid.uuid4().hex[:8]}"
    game.run("insert into mpp.curriculum_theme (code, name) values (%s, %s)", (code, Jsonb(translated("Living"))))
    game.run(
        "update mpp.challenge set curriculum = array[%s] where code = any(array['t-soup', 't-flash-soon'])", (code,)
    )
    # A theme of a card that is in a draft only.
    game.run(
        "insert into mpp.curriculum_theme (code, name) values (%s, %s)", (f"{code}-soon", Jsonb(translated("Soon")))
    )
    card = game.one(
        "insert into mpp.challenge (code, theme, title, description, curriculum)"
        " values (%s, 't-theme', %s, %s, array[%s]) returning id",
        (f"{code}-card", Jsonb(translated("Soon")), Jsonb(translated("Soon")), f"{code}-soon"),
    )
    game.run(
        "insert into mpp.edition_challenge (edition_id, challenge_id, kind, points, levels)"
        " values (%s, %s, 'standard', 1, array['college'])",
        (game.edition("draft", audience="school").id, card),
    )
    ours = game.class_(
        edition, school_id=school, name=f"Ours {uuid.uuid4().hex[:6]}", pupils=("Lina", "Marie-Lou"), teams=["A", "B"]
    )
    theirs = game.class_(edition, school_id=school, name=f"Theirs {uuid.uuid4().hex[:6]}", pupils=("Noé",))
    co_teacher, removed = game.teacher(), game.teacher()
    for colleague in (removed, co_teacher):
        colleague.call("accept_class", code=ours.teacher.call("invite_co_teacher", class_id=ours.id))
    ours.teacher.call("remove_co_teacher", class_id=ours.id, teacher_id=removed.account)
    # Which the removed colleague knew.
    ours.code = game.one("select code from mpp.class_code where league_id = %s", (ours.id,))
    parent = game.signed_in()
    assert parent.call("claim_class", code=ours.code)["claimed"]
    adults = game.edition()
    league = game.league(adults)
    client = game.one("insert into mpp.organisation (code, name) values (%s, 'A client') returning id", (f"o-{code}",))
    private = game.edition(audience="school", organisation=client)
    game.run(
        "insert into mpp.school_standing (edition_id, level, rank, school_id, classes, points, players, value,"
        " tie_order) values (%s, null, 1, %s, 1, 1, 1, 1, 1)",
        (private.id, school),
    )
    people = {
        "anon": game.anon,
        "anonymous": game.anonymous(),
        "unregistered": game.signed_in(),
        "player": game.player(league),
        "teacher": ours.teacher,
        "co_teacher": co_teacher,
        "other_teacher": theirs.teacher,
        "removed_teacher": removed,
        "family": game.family(ours),
        "parent": parent,
        "other_family": game.family(theirs),
        "staff": game.staff(),
        "service": game.service,
    }
    assert tuple(people) == PEOPLE
    (first, *_) = ours.teacher.table(
        "validate_for_pupils", class_id=ours.id, challenge_id=edition.challenges["t-soup"], request_key=uuid.uuid4(),
        pupil_ids=[ours.pupils["Lina"]],
    )  # fmt: skip
    theirs.teacher.table(
        "validate_for_pupils", class_id=theirs.id, challenge_id=edition.challenges["t-bike"], request_key=uuid.uuid4()
    )
    ours.teacher.call("choose_class_challenges", class_id=ours.id, challenge_ids=some(edition, "t-soup", "t-bike"))
    people["family"].call("claim_class", code="0000000000")
    invitation = ours.teacher.call("invite_co_teacher", class_id=ours.id)
    return Scene(
        game, edition, over, school, hidden, ours, theirs, people, first["validation_id"], invitation, league.id,
        adults.id,
        {"curriculum": code, "private": private.id, "frozen": game.edition("frozen", audience="school").code},
    )  # fmt: skip


def some(edition: Edition, *codes: str) -> list[int]:
    return [edition.challenges[code] for code in codes]


Arguments = Callable[[Scene], dict[str, Any]]


def row(arguments: Arguments, rest: str, **exceptions: str) -> tuple[Arguments, dict[str, str]]:
    """What everybody is answered: ``rest``, but for the exceptions."""
    assert set(exceptions) <= set(PEOPLE)
    return arguments, {name: exceptions.get(name, rest) for name in PEOPLE}


#: Without an account, or on an anonymous one: the same for every command but claim_class.
OUTSIDE = {"anon": DENIED, "anonymous": "MP002", "family": "MP002", "other_family": "MP002"}
#: For commands of the teachers of a class, which the staff may call too; the rest is told MP008.
TEACH = {**OUTSIDE, "teacher": OK, "co_teacher": OK, "staff": OK, "service": OK}
PRINCIPAL = {**TEACH, "co_teacher": "MP008"}
#: For anybody who is registered as a teacher, and not for machines; the rest is told MP009.
TEACHERS = ("teacher", "co_teacher", "other_teacher", "removed_teacher")
AS_TEACHER = {**OUTSIDE, **dict.fromkeys(TEACHERS, OK)}
STAFF = {"anon": DENIED, "staff": OK, "service": OK}


def pupils(*names: str) -> Jsonb:
    return Jsonb([{"first_name": name} for name in names])


COMMANDS: dict[str, tuple[Arguments, dict[str, str]]] = {
    "forget_pupils": row(lambda s: {"edition_code": s.marks["frozen"]}, "MP006", **STAFF),
    "register_teacher": row(
        lambda s: {"first_name": "Tess", "last_name": "Exemple", "role": "Enseignante", "terms_version": TERMS},
        OK,
        **OUTSIDE,
        **dict.fromkeys(TEACHERS, "MP004"),
        service=DENIED,
    ),
    "update_teacher": row(lambda s: {"role": "Directrice"}, "MP009", **AS_TEACHER, service=DENIED),
    "search_schools": row(lambda s: {"query": "essais"}, OK, **OUTSIDE),
    "add_school": row(
        lambda s: {
            "name": "Schule am Wald", "city": "Musterstadt", "postcode": "77694", "country": "DE", "levels": ["college"]
        },
        "MP009",
        **AS_TEACHER,
        staff=OK,
        service=OK,
    ),
    "correct_school": row(lambda s: {"school_id": s.school, "name": "Renamed"}, "MP006", **STAFF),
    "import_schools": row(
        lambda s: {
            "schools": Jsonb(
                [{"rne": "0000001B", "name": "Imported", "levels": ["lycee"], "country": "FR", "postcode": "01000",
                  "city": "Exempleville"}]
            )
        },
        DENIED,
        service=OK,
    ),
    "create_class": row(
        lambda s: {"edition_id": s.edition.id, "school_id": s.school, "name": "New", "level": "college"},
        "MP009",
        **AS_TEACHER,
    ),
    "update_class": row(lambda s: {"class_id": s.ours.id, "name": "Renamed"}, "MP008", **TEACH),
    "add_pupils": row(lambda s: {"class_id": s.ours.id, "pupils": pupils("Zoé")}, "MP008", **TEACH),
    "remove_pupil": row(lambda s: {"pupil_id": s.lina}, "MP008", **TEACH),
    "choose_class_challenges": row(lambda s: {"class_id": s.ours.id, "challenge_ids": None}, "MP008", **TEACH),
    "renew_class_code": row(lambda s: {"class_id": s.ours.id}, "MP008", **TEACH),
    "revoke_class_code": row(lambda s: {"class_id": s.ours.id}, "MP008", **TEACH),
    "claim_class": row(lambda s: {"code": s.theirs.code}, OK, anon=DENIED, service=DENIED),
    "invite_co_teacher": row(lambda s: {"class_id": s.ours.id}, "MP008", **TEACH),
    "accept_class": row(lambda s: {"code": s.invitation}, "MP009", **AS_TEACHER, service=DENIED),
    "hand_over_class": row(
        lambda s: {"class_id": s.ours.id, "teacher_id": s.account("co_teacher")}, "MP008", **PRINCIPAL
    ),
    # A colleague may go by themselves.
    "remove_co_teacher": row(
        lambda s: {"class_id": s.ours.id, "teacher_id": s.account("co_teacher")}, "MP008", **TEACH
    ),
    "class_teachers": row(lambda s: {"class_id": s.ours.id}, "MP008", **TEACH),
    "validate_for_pupils": row(
        lambda s: {
            "class_id": s.ours.id,
            "challenge_id": s.edition.challenges["t-bike"],
            "request_key": uuid.uuid4(),
        },
        "MP008",
        **TEACH,
    ),
    "cancel_for_pupils": row(
        lambda s: {"class_id": s.ours.id, "validation_ids": [s.validation]}, "MP008", **TEACH
    ),
    "import_class_sheet": row(
        lambda s: {
            "class_id": s.ours.id, "pupil_ids": [s.lina], "challenge_ids": some(s.edition, "t-bike"), "times": [1],
            "done_on": [None],
        },
        "MP008",
        **TEACH,
    ),
}  # fmt: skip

#: Commands of players and ambassadors turned on a class or a pupil. Teachers are the ambassadors of a class.
NOT_A_PLAYER = {**OUTSIDE, "unregistered": "MP003", "staff": "MP003", "service": DENIED}
LEAD = {
    **OUTSIDE, "unregistered": "MP003", "teacher": OK, "co_teacher": OK, "staff": OK, "service": OK, "parent": "MP003",
}  # fmt: skip
OF_LEAGUES: dict[str, tuple[Arguments, dict[str, str]]] = {
    "create_team": row(lambda s: {"league_id": s.ours.id, "name": "New"}, "MP007", **LEAD),
    "rename_team": row(lambda s: {"team_id": s.ours.teams[0], "name": "New"}, "MP007", **LEAD),
    "choose_team": row(
        lambda s: {"team_id": s.ours.teams[1], "player_id": s.lina},
        "MP005",
        **NOT_A_PLAYER | {"parent": "MP003", "teacher": OK, "co_teacher": OK},
    ),
    "set_listing": row(
        lambda s: {"scope": "league", "subject_id": s.ours.id, "listed": False},
        "MP007",
        **LEAD,
    ),
    "expel_player": row(
        lambda s: {"player_id": s.lina, "reason": "why"},
        "MP007",
        **LEAD | dict.fromkeys(("teacher", "co_teacher", "staff", "service"), "MP005"),
    ),
    "set_co_ambassador": row(
        lambda s: {"player_id": s.lina, "granted": True},
        "MP007",
        **LEAD | dict.fromkeys(("teacher", "staff", "service"), "MP005") | {"co_teacher": "MP007"},
    ),
    "hand_over_league": row(
        lambda s: {"league_id": s.ours.id, "player_id": s.lina},
        "MP007",
        **LEAD | dict.fromkeys(("teacher", "staff", "service"), "MP005") | {"co_teacher": "MP007"},
    ),
    "renew_join_code": row(
        lambda s: {"league_id": s.ours.id},
        "MP007",
        **LEAD | dict.fromkeys(("teacher", "co_teacher", "staff", "service"), "MP005"),
    ),
    "join_league": row(lambda s: {"league_id": s.ours.id}, "MP031", **NOT_A_PLAYER, parent="MP003"),
    "leave_league": row(lambda s: {"league_id": s.ours.id}, "MP035", **NOT_A_PLAYER, parent="MP003"),
    "report_conduct": row(
        lambda s: {"player_id": s.lina, "reason": "why"}, "MP005", **NOT_A_PLAYER, parent="MP003"
    ),
    "validate_challenge": row(
        lambda s: {
            "player_id": s.lina, "challenge_id": s.edition.challenges["t-bike"], "request_key": uuid.uuid4(),
        },
        "MP005",
        **NOT_A_PLAYER,
        parent="MP003",
    ),
    "cancel_validation": row(
        lambda s: {"validation_id": s.validation, "reason": "why"},
        "MP005",
        **NOT_A_PLAYER | {"parent": "MP003", "staff": OK, "service": OK},
    ),
    "create_league": row(
        # Teachers who do not play have given no alias.
        lambda s: {"edition_id": s.edition.id, "name": "New"},
        "MP003",
        **NOT_A_PLAYER,
        parent="MP003",
        player="MP028",
    ),
    "update_profile": row(lambda s: {"alias": "renamed"}, "MP003", **NOT_A_PLAYER, parent="MP003", player=OK),
    "my_rank": row(lambda s: {"edition_id": s.edition.id}, "MP035", anon=DENIED, service=DENIED),
    # The score of a pupil is nobody's to look up.
    "ranking_around": row(lambda s: {"subject_id": s.lina}, "MP005", staff=OK, service=OK),
    "ranking_page": row(lambda s: {"edition_id": s.edition.id, "scope": "class"}, OK),
    "search_ranking": row(lambda s: {"edition_id": s.edition.id, "scope": "class", "query": "CM2"}, OK),
    "apply_edition": row(lambda s: {"document": school_document("t-privileges")}, "MP006", **STAFF),
    "freeze_edition": row(lambda s: {"edition_code": s.over.code}, "MP006", **STAFF),
}  # fmt: skip

READS = ("search_schools", "class_teachers", "ranking_around", "ranking_page", "search_ranking")


@pytest.mark.parametrize("command", [*COMMANDS, *OF_LEAGUES])
def test_a_command_is_for_whom_it_is_meant(game, scene, command):
    arguments, expected = (COMMANDS | OF_LEAGUES)[command]
    for name, person in scene.people.items():
        given = arguments(scene)
        if expected[name] == OK:
            with game.db.transaction(force_rollback=True):
                before = game.fingerprint()
                person.table(command, **given)
                # Who is in the class already takes no invitation.
                idle = (command, name) in (
                    ("claim_class", "other_family"), ("accept_class", "teacher"), ("accept_class", "co_teacher")
                )  # fmt: skip
                assert (command in READS or idle) == (game.fingerprint() == before), (command, name)
        else:
            try:
                with game.refused(expected[name]):
                    person.table(command, **given)
            except (AssertionError, pytest.fail.Exception) as failure:
                raise AssertionError(f"{command} by {name}: {failure}") from failure


@pytest.mark.parametrize("command", [name for name, (_, answers) in COMMANDS.items() if answers["teacher"] == OK])
def test_a_teacher_who_is_disabled_is_out_at_once(game, scene, command):
    game.run(
        "update auth.users set banned_until = private.clock() + interval '1 day' where id = %s",
        (scene.account("teacher"),),
    )
    with game.refused("MP001"):
        scene.people["teacher"].table(command, **COMMANDS[command][0](scene))


@pytest.mark.parametrize("name", ["teacher", "co_teacher", "family", "parent"])
def test_who_is_disabled_reads_no_class_any_more(game, scene, name):
    person = scene.people[name]
    assert person.view("league_members")
    game.run("update auth.users set banned_until = private.clock() + interval '1 day' where id = %s", (person.account,))
    for view in ("my_classes", "league_members", "league_teams", "league_validations", "class_challenges"):
        assert person.view(view) == [], view
    game.run("update auth.users set banned_until = private.clock() where id = %s", (person.account,))
    # A family that was out needs the new code of the class.
    assert bool(person.view("league_members")) == (name in ("teacher", "co_teacher"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_request_without_a_subject_is_not_signed_in(game, scene, command):
    nobody = Person(game.db, "authenticated")
    with game.refused("MP001", "MP006", DENIED):
        nobody.table(command, **COMMANDS[command][0](scene))


def test_nobody_hands_a_class_to_somebody_else_or_speaks_for_another_teacher(game, scene):
    teacher = scene.people["teacher"]
    for name in ("player", "other_teacher", "removed_teacher", "parent"):
        with game.refused("MP005"):
            teacher.call("hand_over_class", class_id=scene.ours.id, teacher_id=scene.account(name))
    with game.refused("MP006"):
        teacher.call(
            "create_class", edition_id=scene.edition.id, school_id=scene.school, name="For you", level="college",
            teacher_id=scene.account("co_teacher"),
        )  # fmt: skip
    for person in (scene.people["staff"], scene.people["service"]):
        with game.refused("MP009"):
            person.call(
                "create_class", edition_id=scene.edition.id, school_id=scene.school, name="For you", level="college",
                teacher_id=scene.account("player"),
            )  # fmt: skip


#: What is named in a request to one's own class must be of that class.
STOLEN: list[tuple[str, Arguments]] = [
    ("add_pupils", lambda s: {"pupils": Jsonb([{"pupil_id": str(s.lina), "first_name": "Taken"}])}),
    ("add_pupils", lambda s: {"pupils": Jsonb([{"first_name": "New", "team_id": str(s.ours.teams[0])}])}),
    ("validate_for_pupils", lambda s: {"pupil_ids": [s.lina], **bike(s)}),
    ("validate_for_pupils", lambda s: {"pupil_ids": [s.lina, s.theirs.pupils["Noé"]], **bike(s)}),
    ("validate_for_pupils", lambda s: {"team_id": s.ours.teams[0], **bike(s)}),
    ("cancel_for_pupils", lambda s: {"validation_ids": [s.validation]}),
    (
        "import_class_sheet",
        lambda s: {"pupil_ids": [s.lina], "challenge_ids": some(s.edition, "t-bike"), "times": [1], "done_on": [None]},
    ),
]


def bike(scene: Scene) -> dict[str, Any]:
    return {"challenge_id": scene.edition.challenges["t-bike"], "request_key": uuid.uuid4()}


@pytest.mark.parametrize(("command", "arguments"), STOLEN)
def test_what_is_named_to_ones_own_class_must_be_of_that_class(game, scene, command, arguments):
    with game.refused("MP083", "MP070"):
        scene.people["other_teacher"].table(command, class_id=scene.theirs.id, **arguments(scene))


# views


def same_for(names: Any, seen: Any) -> dict[str, Any]:
    return dict.fromkeys(names, seen)


def by_class(of_ours: set, of_theirs: set, **more: Any) -> dict[str, Any]:
    """What those of each class see; the staff see both."""
    return {
        "anon": DENIED, **same_for(("teacher", "co_teacher", "family", "parent"), of_ours),
        **same_for(("other_teacher", "other_family"), of_theirs), **same_for(("staff", "service"), of_ours | of_theirs),
        **more,
    }  # fmt: skip


#: By view: the key column, the column that tells rows of the scene, and who sees what; who is missing sees nothing.
def visible(scene: Scene) -> dict[str, tuple[str, dict[str, Any]]]:
    ours, theirs = set(scene.ours.pupils.values()), set(scene.theirs.pupils.values())
    classes = {scene.ours.id, scene.theirs.id}
    listed = {c for c in scene.edition.challenges if c not in ("t-flash-over", "t-flash-soon")}
    of_level = {c for c in scene.edition.challenges if "elementaire" in LEVELS.get(c, EVERY_LEVEL)}
    teachers = {name: {scene.account(name)} for name in TEACHERS}
    nothing: dict[str, Any] = {}
    denied = {"anon": DENIED, "service": DENIED}
    everyone = lambda seen: same_for(PEOPLE, seen)  # noqa: E731
    return {
        "schools": ("school_id", everyone({scene.school})),
        "editions": ("id", everyone({scene.edition.id, scene.over.id})),
        "challenges": ("code", everyone(listed) | same_for(("staff", "service"), set(scene.edition.challenges))),
        "curriculum_themes": (
            "code",
            everyone({scene.marks["curriculum"]})
            | same_for(("staff", "service"), {scene.marks["curriculum"], f"{scene.marks['curriculum']}-soon"}),
        ),
        "my_teacher": ("id", {**denied, **teachers}),
        "my_classes": ("class_id", by_class({scene.ours.id}, {scene.theirs.id}, **denied, staff=set())),
        "class_challenges": (
            "class_and_code",
            by_class(
                {(scene.ours.id, c) for c in listed & of_level}, {(scene.theirs.id, c) for c in listed & of_level},
                # A flash challenge to come is announced to nobody.
                **same_for(("staff", "service"), {(k, c) for k in classes for c in of_level - {"t-flash-soon"}}),
            ),
        ),
        "league_members": ("player_id", by_class(ours, theirs)),
        "league_teams": ("team_id", by_class(set(scene.ours.teams), set(scene.theirs.teams))),
        "league_validations": ("player_id", by_class({scene.lina}, theirs)),
        "class_ranking": ("subject_id", everyone(classes)),
        "school_ranking": ("subject_id", everyone({scene.school})),
        "edition_statistics": ("classes", everyone({2})),
        "ops_classes": ("class_id", {"anon": DENIED, **same_for(("staff", "service"), classes)}),
        "teacher_statistics": ("role", {"anon": DENIED, **same_for(("staff", "service"), {"Enseignante"})}),
        # Nothing of a class is a league, a player or a team of the public game.
        "player_ranking": ("subject_id", nothing),
        "team_ranking": ("subject_id", nothing),
        "league_ranking": ("subject_id", nothing),
        "my_leagues": ("league_id", denied),
        "my_players": ("player_id", denied),
        "open_leagues": ("league_id", {"anon": DENIED}),
        "ops_leagues": ("league_id", {"anon": DENIED}),
        "conduct_reports": ("id", {"anon": DENIED}),
        "misuse": ("player_id", {"anon": DENIED}),
        "my_profile": ("id", {**denied, "player": {scene.account("player")}}),
        "my_consents": ("purpose", {**denied, **same_for((*TEACHERS, "player"), {"terms"})}),
        "audit_log": (
            "subject", {"anon": DENIED, **same_for(("staff", "service"), {str(scene.hidden_school)})},
        ),
        "maintenance_windows": ("id", nothing),
        "terms_versions": ("version", everyone({TERMS})),
    }  # fmt: skip


SCOPES = (
    "challenges", "player_ranking", "team_ranking", "league_ranking", "class_ranking", "school_ranking",
    "edition_statistics", "my_players", "my_leagues", "my_classes", "open_leagues", "ops_leagues", "ops_classes",
    "league_validations", "conduct_reports", "misuse",
)  # fmt: skip


def shown(scene: Scene, view: str, key: str, person: Person) -> set:
    """Keys of the rows of the scene that a person sees."""
    rows = person.view(view, **({"edition_id": scene.edition.id} if view in SCOPES else {}))
    ours = {
        "schools": lambda r: r["school_id"] in (scene.school, scene.hidden_school),
        "editions": lambda r: r["id"] in (scene.edition.id, scene.over.id),
        "class_challenges": lambda r: r["class_id"] in (scene.ours.id, scene.theirs.id),
        "league_members": lambda r: r["league_id"] in (scene.ours.id, scene.theirs.id),
        "league_teams": lambda r: r["league_id"] in (scene.ours.id, scene.theirs.id),
        "curriculum_themes": lambda r: r["code"].startswith(scene.marks["curriculum"]),
        "audit_log": lambda r: r["subject"] in (str(scene.hidden_school), str(scene.ours.id)),
        "maintenance_windows": lambda r: False,
        "terms_versions": lambda r: r["version"] == TERMS,
    }.get(view, lambda r: True)
    if view == "class_challenges":
        return {(r["class_id"], r["code"]) for r in rows if ours(r)}
    return {r[key] for r in rows if ours(r)}


def test_every_view_is_in_the_table(game, scene):
    found = {
        r["name"]
        for r in game.rows(
            "select relname as name from pg_class where relnamespace = 'api'::regnamespace and relkind = 'v'"
        )
    }
    # Names that staff took away concern leagues of adults too: test_privileges shows who reads them.
    assert found == set(visible(scene)) | CLIENT_VIEWS | TRUST_VIEWS | {"name_changes"}
    assert CLIENT_VIEWS.isdisjoint(visible(scene))


def test_every_view_shows_everybody_what_is_theirs_to_see_and_nothing_else(game, scene):
    for view, (key, seen) in visible(scene).items():
        for name, person in scene.people.items():
            expected = seen.get(name, set())
            if expected == DENIED:
                with game.refused(DENIED):
                    person.view(view)
                continue
            assert shown(scene, view, key, person) == expected, f"{view} by {name}"


def test_only_teachers_are_shown_the_class_code(game, scene):
    for name in ("teacher", "co_teacher"):
        (mine,) = scene.people[name].view("my_classes")
        assert (mine["class_code"], mine["is_teacher"]) == (scene.ours.code, True)
    for name in ("family", "parent"):
        (followed,) = scene.people[name].view("my_classes")
        assert (followed["class_code"], followed["is_teacher"]) == (None, False)
        assert (followed["pupils"], followed["points"], followed["has_chosen"]) == (2, 2, True)


def test_what_a_family_reads_names_no_adult_and_no_account(game, scene):
    accounts = {str(p.account) for p in scene.people.values() if p.account}
    for view in (
        "my_classes", "class_challenges", "league_members", "league_teams", "league_validations", "class_ranking",
        "school_ranking",
    ):  # fmt: skip
        said = str(scene.people["family"].view(view))
        assert not any(name in said for name in ("Exemple'", "Tess", *accounts)), view


def test_the_public_rankings_name_no_pupil(game, scene):
    for view in ("class_ranking", "school_ranking", "edition_statistics", "player_ranking", "team_ranking"):
        said = str(game.anon.view(view, edition_id=scene.edition.id))
        for name in ("Lina", "Marie-Lou", "Noé"):
            assert name not in said, view
    # Not even the score rows themselves, which every caller's policy lets through.
    labels = game.rows("select label from mpp.score where edition_id = %s and scope = 'player'", (scene.edition.id,))
    assert {r["label"] for r in labels} == {"—"}
    # They are not taken for players who are no more.
    pupil = next(iter(scene.ours.pupils.values()))
    (line,) = game.service.table("ranking_around", subject_id=pupil, neighbours=0)
    assert line["label"] == "—"


# the policies by themselves


def through_policies(scene: Scene) -> dict[str, tuple[str, dict[str, set]]]:
    """By table: a query of keys of the scene, and what each person is shown; whoever is missing is shown nothing."""
    ours, theirs = set(scene.ours.pupils.values()), set(scene.theirs.pupils.values())
    classes = {scene.ours.id, scene.theirs.id}
    account = scene.account
    both = f"('{scene.ours.id}', '{scene.theirs.id}')"
    people = [account(n) for n in PEOPLE if n not in ("anon", "service")]
    accounts = "(" + ", ".join(f"'{a}'" for a in people) + ")"
    own = {n: {account(n)} for n in (*TEACHERS, "player")}

    def members(of_ours: set, of_theirs: set, **more: set) -> dict[str, set]:
        seen = by_class(of_ours, of_theirs, **more)
        return {name: keys for name, keys in seen.items() if name not in ("anon", "service")}

    def everybody(seen: set, staff: set = frozenset()) -> dict[str, set]:  # type: ignore[assignment]
        return {**same_for(PEOPLE, seen), "staff": seen | staff}

    flash = {"t-flash-over", "t-flash-soon"}
    return {
        "school": (
            f"select id from mpp.school where id in ('{scene.school}', '{scene.hidden_school}')",
            everybody({scene.school}),
        ),
        "teacher": (
            f"select account_id from mpp.teacher where account_id in {accounts}",
            {**{n: {account(n)} for n in TEACHERS}, "staff": {account(n) for n in TEACHERS}},
        ),
        "profile": (
            f"select id from mpp.profile where id in {accounts}",
            {**own, "staff": {a for v in own.values() for a in v}},
        ),
        "consent": (
            f"select account_id from mpp.consent where account_id in {accounts}",
            {**own, "staff": {a for v in own.values() for a in v}},
        ),
        "league": (f"select id from mpp.league where id in {both}", members({scene.ours.id}, {scene.theirs.id})),
        "team": (
            f"select id from mpp.team where league_id in {both}",
            members(set(scene.ours.teams), set(scene.theirs.teams)),
        ),
        "player": (f"select id from mpp.player where edition_id = {scene.edition.id}", members(ours, theirs)),
        "ambassador": (
            f"select account_id from mpp.ambassador where league_id in {both}",
            members({account("teacher"), account("co_teacher")}, {account("other_teacher")}),
        ),
        "validation": (
            f"select player_id from mpp.validation where edition_id = {scene.edition.id}",
            members({scene.lina}, theirs),
        ),
        "family": (
            f"select account_id from mpp.family where league_id in {both}",
            {
                **{n: {account(n)} for n in ("family", "parent", "other_family")},
                "staff": {account(n) for n in ("family", "parent", "other_family")},
            },
        ),
        "class_challenge": (
            f"select challenge_id from mpp.class_challenge where league_id in {both}",
            members(set(some(scene.edition, "t-soup", "t-bike")), set()),
        ),
        "class_code": (
            f"select league_id from mpp.class_code where league_id in {both}",
            {
                **same_for(("teacher", "co_teacher"), {scene.ours.id}), "other_teacher": {scene.theirs.id},
                "staff": classes,
            },
        ),
        "class_guess": ("select account_id from mpp.class_guess", {}),
        "class_invitation": (f"select league_id from mpp.class_invitation where league_id in {both}", {}),
        "class_request": (f"select request_key from mpp.class_request where league_id in {both}", {}),
        "curriculum_theme": (
            f"select code from mpp.curriculum_theme where starts_with(code, '{scene.marks['curriculum']}')",
            everybody({scene.marks["curriculum"]}, {f"{scene.marks['curriculum']}-soon"}),
        ),
        "edition_challenge": (
            "select k.code from mpp.edition_challenge c join mpp.challenge k on k.id = c.challenge_id"
            f" where c.edition_id = {scene.edition.id}",
            everybody(set(scene.edition.challenges) - flash, flash),
        ),
        "score": (
            f"select scope from mpp.score where edition_id = {scene.edition.id}",
            everybody({"league"}, {"team", "player"}),
        ),
        "score_count": (
            f"select scope from mpp.score_count where edition_id = {scene.edition.id}",
            everybody({"league", "elementaire"}),
        ),
        "score_delta": (
            f"select level from mpp.score_delta where edition_id = {scene.edition.id}",
            everybody({"elementaire"}),
        ),
        "school_standing": (
            f"select edition_id from mpp.school_standing where edition_id = {scene.private_standing}",
            everybody(set(), {scene.private_standing}),
        ),
        "join_code": (f"select league_id from mpp.join_code where league_id in {both}", {}),
        "player_contact": (f"select player_id from mpp.player_contact where player_id in ('{scene.lina}')", {}),
        "conduct_report": (f"select id from mpp.conduct_report where league_id in {both}", {}),
        "unlock": (f"select player_id from mpp.unlock where player_id = '{scene.lina}'", {}),
        "ops_member": ("select account_id from mpp.ops_member", {}),
        "audit": (
            f"select subject from mpp.audit where subject = '{scene.hidden_school}'",
            {"staff": {str(scene.hidden_school)}},
        ),
    }  # fmt: skip


#: Of these the rows that count for a school are those of the adult game, which test_privileges tries.
ELSEWHERE = {
    "account_proof", "challenge", "theme", "edition", "organisation", "maintenance_window", "name_change",
    "terms_version", "unlock_guess",
}  # fmt: skip


def test_policies_alone_show_what_is_theirs_to_see_even_where_a_view_forgets_to_ask(game, scene):
    game.run("select private.fold_scores(%s, true)", (scene.edition.id,))
    game.run(
        "insert into mpp.score_delta (edition_id, subjects, level) values (%s, 0, 'elementaire')", (scene.edition.id,)
    )
    game.run("grant usage on schema mpp to anon, authenticated")
    game.run("grant select on all tables in schema mpp to anon, authenticated")
    expected = through_policies(scene)
    tables = game.rows(
        "select relname as name from pg_class where relnamespace = 'mpp'::regnamespace and relkind in ('r', 'p')"
    )
    assert {r["name"] for r in tables} == set(expected) | ELSEWHERE | CLIENT_TABLES | set(TRUST_TABLES)
    for table, (query, seen) in expected.items():
        if seen:
            assert game.rows(query), table
        for name, person in scene.people.items():
            if name != "service":
                found = {next(iter(r.values())) for r in person.rows(query)}
                if table == "score_count":
                    found &= {"league", "elementaire"}
                assert found == seen.get(name, set()), f"{table} by {name}"


def test_a_pupil_or_a_class_that_is_asked_for_by_id_is_shown_to_nobody_else(game, scene):
    """What a curious teacher of the same school tries."""
    for name in ("other_teacher", "removed_teacher", "other_family", "player", "unregistered", "anonymous"):
        person = scene.people[name]
        for view, column in (
            ("league_members", "league_id"), ("league_teams", "league_id"), ("league_validations", "league_id"),
            ("class_challenges", "class_id"), ("my_classes", "class_id"),
        ):  # fmt: skip
            assert person.view(view, **{column: scene.ours.id}) == [], (view, name)
        assert person.view("league_members", player_id=scene.lina) == []
        assert person.view("league_validations", player_id=scene.lina) == []


def test_a_class_that_opted_out_is_shown_to_its_own_people_and_the_staff_only(game, scene):
    scene.ours.teacher.call("set_listing", scope="league", subject_id=scene.ours.id, listed=False)
    for name, person in scene.people.items():
        own = name in ("teacher", "co_teacher", "family", "parent", "staff", "service")
        assert {r["subject_id"] for r in person.view("class_ranking", edition_id=scene.edition.id)} == {scene.theirs.id}
        if own:
            assert person.table("ranking_around", subject_id=scene.ours.id)
        else:
            with game.refused("MP005"):
                person.table("ranking_around", subject_id=scene.ours.id)


def test_a_frozen_class_is_still_read_by_its_own_people_only(game, scene):
    game.close(scene.edition)
    game.freeze(scene.edition)
    for name in ("teacher", "family", "parent"):
        assert len(scene.people[name].view("league_members", league_id=scene.ours.id)) == 2
    for name in ("other_teacher", "removed_teacher", "other_family"):
        assert scene.people[name].view("league_members", league_id=scene.ours.id) == []
    with game.refused("MP024"):
        scene.people["teacher"].table("add_pupils", class_id=scene.ours.id, pupils=pupils("Late"))
    at = game.now + HOUR
    game.clock(at)
    assert scene.people["teacher"].one("select api.renew_class_code(%s)", (scene.ours.id,)) != scene.ours.code
