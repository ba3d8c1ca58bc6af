"""Every command of a client space, every view and every policy, tried by every kind of person that a client knows.

What clients A and B do in one edition is A's and B's own: staff of B are told the same as passers-by. Outside their
dates staff read why, and nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.support.crowd import committed
from tests.support.game import DAY, Game, Jsonb, League, Person
from tests.support.refusal_details import only_times

from .conftest import SharedScene
from .test_mail import COMMANDS as MAIL_COMMANDS

PEOPLE = (
    "anon", "anonymous", "player", "ambassador", "viewer_a", "manager_a", "owner_a", "early_a", "late_a", "removed_a",
    "disabled_a", "viewer_b", "manager_b", "owner_b", "owner_of_both", "ops", "service",
)  # fmt: skip

OK = "00000"
DENIED = "42501"

INSIDE_A = ("viewer_a", "manager_a", "owner_a", "owner_of_both")
INSIDE_B = ("viewer_b", "manager_b", "owner_b", "owner_of_both")


class Scene:
    """Clients A and B in a running, a school and a frozen edition, and somebody of every kind; `parts` by client."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.a, self.b = game.organisation(), game.organisation()
        self.edition = game.edition(league_min_players=1)
        self.schools = game.edition(audience="school")
        self.over = game.edition(league_min_players=1)
        #: What each id of an organisation or a participation belongs to.
        self.owner: dict[int, str] = {}
        self.leagues: dict[str, League] = {}
        self.parts: dict[str, int] = {}
        self.tasks: dict[str, int] = {}
        self.contact = self._contact()
        for letter, organisation in (("A", self.a), ("B", self.b)):
            self._take_part(letter, organisation)
        game.close(self.over)
        game.freeze(self.over)
        game.service.call("grant_awards", edition_code=self.over.code)
        self.part_without_leagues = game.participation(self.a, game.edition())
        self.owner[self.part_without_leagues] = "A"
        self.people = self._people()
        assert tuple(self.people) == PEOPLE
        self.invited = f"{uuid.uuid4().hex}@example.org"
        for organisation in (self.a, self.b):
            game.service.call(
                "invite_staff", organisation_id=organisation, email=self.invited, access_until=game.now + DAY
            )
        self.accounts = {person.account: name for name, person in self.people.items() if person.account}

    def _contact(self) -> int:
        self.game.service.call(
            "send_contact_request", kind="quote", name="Camille Exemple", email="camille@example.org", message="Bonjour"
        )
        return int(self.game.one("select max(id) from mpp.contact_request"))

    def _take_part(self, letter: str, organisation: int) -> None:
        game = self.game
        part, at_school, over = (game.participation(organisation, e) for e in (self.edition, self.schools, self.over))
        # Organisations and participations count apart: negative ones are organisations.
        self.owner |= {-organisation: letter, part: letter, at_school: letter, over: letter}
        self.parts[letter] = part
        postcode = {"A": "01000", "B": "02000"}[letter]
        game.service.call("set_territory", organisation_id=organisation, codes={"postcode": [postcode]})
        game.class_(self.schools, school_id=game.school(postcode=postcode), pupils=("Lina",))
        for edition, participation in ((self.over, over), (self.edition, part)):
            league = game.client_league(participation, edition, unit=f"Site {letter}")
            # A client of fewer than five people has no figures by day or theme.
            for _ in range(4):
                game.player(league)
            game.validate(league.ambassador, edition, "t-bike")
        self.leagues[letter] = league
        game.service.call(
            "invite_participants", participation_id=part, participants=Jsonb([{"email": f"{letter}@example.org"}])
        )
        game.service.call("plan_participation", participation_id=part)
        self.tasks[letter] = game.one(
            "select id from mpp.task where participation_id = %s and owner = 'client' and day is not null limit 1",
            (part,),
        )

    def _people(self) -> dict[str, Person]:
        game, a, b = self.game, self.a, self.b
        both = game.employed(a, "owner")
        game.employed(b, "owner", person=both)
        people = {
            "anon": game.anon,
            "anonymous": game.anonymous(),
            "player": game.player(self.leagues["A"]),
            "ambassador": self.leagues["A"].ambassador,
            "viewer_a": game.employed(a, "viewer"),
            "manager_a": game.employed(a, "manager"),
            "owner_a": game.employed(a, "owner"),
            "early_a": game.employed(a, "owner", since=DAY, until=60 * DAY),
            "late_a": game.employed(a, "owner", since=-60 * DAY, until=-DAY),
            "removed_a": game.employed(a, "owner"),
            "disabled_a": game.employed(a, "owner"),
            "viewer_b": game.employed(b, "viewer"),
            "manager_b": game.employed(b, "manager"),
            "owner_b": game.employed(b, "owner"),
            "owner_of_both": both,
            "ops": game.staff(),
            "service": game.service,
        }
        removed = people["removed_a"].account
        game.service.call("remove_staff", organisation_id=a, account_id=removed)
        assert game.rows("select from mpp.staff where account_id = %s", (removed,)) == []
        disable(game, people["disabled_a"])
        return people

    def account(self, name: str) -> uuid.UUID:
        account = self.people[name].account
        assert account is not None
        return account


def disable(game: Game, person: Person) -> None:
    game.run("update auth.users set banned_until = private.clock() + interval '1 day' where id = %s", (person.account,))


@pytest.fixture
def scene(shared_scene: SharedScene) -> Iterator[Scene]:
    with shared_scene.scene(Scene, Scene) as scene:
        yield scene


@pytest.fixture
def game(scene: Scene) -> Game:
    return scene.game


Arguments = Callable[[Scene], dict[str, Any]]
Command = tuple[Arguments, dict[str, str]]


def row(arguments: Arguments, rest: str, **exceptions: str) -> Command:
    """What everybody is answered: ``rest``, but for the exceptions."""
    assert set(exceptions) <= set(PEOPLE)
    return arguments, {name: exceptions.get(name, rest) for name in PEOPLE}


#: The same for whatever is A's; the rest is told that there is no such thing.
OF_A = {
    "anon": DENIED, "anonymous": "MP002", "early_a": "MP091", "late_a": "MP091", "disabled_a": "MP001", "manager_a": OK,
    "owner_a": OK, "owner_of_both": OK, "viewer_a": "MP092", "ops": OK, "service": OK,
}  # fmt: skip
OWNERS_OF_A = {**OF_A, "manager_a": "MP092"}
STAFF = {"anon": DENIED, "ops": OK, "service": OK}

COMMANDS: dict[str, Command] = {
    "set_organisation": row(lambda s: {"code": f"t-{uuid.uuid4().hex[:8]}"}, "MP006", **STAFF),
    "set_participation": row(
        lambda s: {"organisation_id": s.a, "edition_code": s.edition.code, "expected_players": 7}, "MP006", **STAFF
    ),
    "set_territory": row(lambda s: {"organisation_id": s.a, "codes": {"department": ["69"]}}, "MP006", **STAFF),
    "create_client_leagues": row(
        lambda s: {"participation_id": s.parts["A"], "leagues": Jsonb([{"name": f"New {uuid.uuid4().hex[:6]}"}])},
        "MP093",
        **OF_A,
    ),
    "invite_participants": row(
        lambda s: {"participation_id": s.parts["A"], "participants": Jsonb([{"email": "new@example.org"}])},
        "MP093",
        **OF_A,
    ),
    "invite_staff": row(
        lambda s: {"organisation_id": s.a, "email": "new@example.org", "access_until": s.game.now + DAY},
        "MP090",
        **OWNERS_OF_A,
    ),
    "set_staff": row(
        lambda s: {"organisation_id": s.a, "account_id": s.account("viewer_a"), "role": "manager"},
        "MP090",
        **OWNERS_OF_A,
    ),
    "remove_staff": row(
        lambda s: {"organisation_id": s.a, "account_id": s.account("viewer_a")},
        "MP090",
        **OWNERS_OF_A,
    ),
    "remove_participants": row(
        lambda s: {"participation_id": s.parts["A"], "emails": ["a@example.org"]}, "MP093", **OF_A
    ),
    "withdraw_participation": row(lambda s: {"participation_id": s.part_without_leagues}, "MP006", **STAFF),
    "territory_schools": row(lambda s: {"organisation_id": s.a}, "MP006", **STAFF),
    "client_staff": row(lambda s: {"organisation_id": s.a}, "MP090", **OWNERS_OF_A),
    # Nobody's address is the one invited.
    "accept_staff_invitation": row(
        lambda s: {"code": "0000000000"},
        "MP082",
        anon=DENIED,
        service=DENIED,
        anonymous="MP002",
        disabled_a="MP001",
    ),
    "client_report": row(
        lambda s: {"participation_id": s.parts["A"]},
        "MP093",
        anon=DENIED,
        early_a="MP091",
        late_a="MP091",
        **dict.fromkeys((*INSIDE_A, "ops", "service"), OK),
    ),
    "weekly_readers": row(lambda s: {"participation_id": s.parts["A"]}, DENIED, service=OK),
    "plan_participation": row(lambda s: {"participation_id": s.parts["A"]}, "MP093", **OF_A),
    "complete_task": row(lambda s: {"task_id": s.tasks["A"]}, "MP005", **OF_A),
    "grant_awards": row(lambda s: {"edition_code": s.over.code}, "MP006", **STAFF),
    "count_edition": row(lambda s: {"edition_code": s.edition.code}, "MP006", **STAFF),
    "send_contact_request": row(
        lambda s: {"kind": "quote", "name": "N", "email": "n@example.org", "message": "m"},
        OK,
        anonymous="MP002",
        disabled_a="MP001",
    ),
    "handle_contact_request": row(lambda s: {"id": s.contact, "state": "answered"}, "MP006", **STAFF),
    "remove_contact_content": row(lambda s: {"id": s.contact, "reason": "why"}, "MP006", **STAFF),
}

#: With MAIL_COMMANDS every command that test_privileges and test_school_privileges do not try.
ALL_COMMANDS = {*COMMANDS, *MAIL_COMMANDS}

READS = {"client_staff", "client_report", "territory_schools", "weekly_readers"}
#: Answered as before by whoever may: a plan is the same plan, an award is given once.
IDLE = {"plan_participation", "grant_awards"}


def answer(game: Game, act: Callable[[], Any]) -> str:
    """The SQLSTATE of an act whose work is undone; a refusal shows no DETAIL but times."""
    try:
        with game.db.transaction(force_rollback=True):
            act()
    except psycopg.Error as error:
        detail = error.diag.message_detail
        return (error.sqlstate or "?") if only_times(detail) else f"DETAIL {detail}"
    return OK


def test_every_command_is_for_whom_it_is_meant_and_a_denial_changes_nothing(game, scene):
    before = game.fingerprint()
    for command, (arguments, expected) in COMMANDS.items():
        found = {}
        for name, person in scene.people.items():
            given = arguments(scene)
            changed: list[bool] = []

            def act(person=person, command=command, given=given, changed=changed) -> None:
                person.table(command, **given)
                changed.append(game.fingerprint() != before)

            found[name] = answer(game, act)
            if found[name] == OK and command not in IDLE:
                assert changed == [command not in READS], (command, name)
        assert found == expected, command
        assert game.fingerprint() == before, command


def test_what_is_bs_is_told_to_staff_of_a_as_if_there_were_none(game, scene):
    """The same words for B's and for nobody's, so that no id can be told from another."""
    nobody = 2_000_000_000
    for name in ("viewer_a", "manager_a", "owner_a", "player"):
        person = scene.people[name]
        for command, theirs, none in (
            ("create_client_leagues", {"participation_id": scene.parts["B"]}, {"participation_id": nobody}),
            ("invite_participants", {"participation_id": scene.parts["B"]}, {"participation_id": nobody}),
            ("plan_participation", {"participation_id": scene.parts["B"]}, {"participation_id": nobody}),
            ("client_report", {"participation_id": scene.parts["B"]}, {"participation_id": nobody}),
            ("complete_task", {"task_id": scene.tasks["B"]}, {"task_id": nobody}),
            ("invite_staff", {"organisation_id": scene.b}, {"organisation_id": nobody}),
            ("set_staff", {"organisation_id": scene.b}, {"organisation_id": nobody}),
            ("remove_staff", {"organisation_id": scene.b}, {"organisation_id": nobody}),
            ("remove_participants", {"participation_id": scene.parts["B"]}, {"participation_id": nobody}),
            ("client_staff", {"organisation_id": scene.b}, {"organisation_id": nobody}),
        ):
            rest = {
                "create_client_leagues": {"leagues": Jsonb([{"name": "New"}])},
                "invite_participants": {"participants": Jsonb([{"email": "new@example.org"}])},
                "invite_staff": {"email": "new@example.org"},
                "set_staff": {"account_id": scene.account("viewer_b")},
                "remove_staff": {"account_id": scene.account("viewer_b")},
                "remove_participants": {"emails": ["b@example.org"]},
            }.get(command, {})
            said = []
            for arguments in (theirs, none):
                with game.refused("MP090", "MP093", "MP005") as caught:
                    person.table(command, **arguments, **rest)
                said.append((caught.value.sqlstate, str(caught.value.diag.message_primary)))
            assert said[0] == said[1], (command, name)


def test_staff_of_b_are_nobody_to_an_owner_of_a(game, scene):
    for name in ("viewer_b", "owner_b", "player", "ops", "removed_a"):
        for command in ("set_staff", "remove_staff"):
            with game.refused("MP005"):
                scene.people["owner_a"].call(command, organisation_id=scene.a, account_id=scene.account(name))


def test_a_league_of_b_takes_no_guest_of_a(game, scene):
    name = game.one("select name from mpp.league where id = %s", (scene.leagues["B"].id,))
    with game.refused("MP070"):
        scene.people["manager_a"].call(
            "invite_participants", participation_id=scene.parts["A"],
            participants=Jsonb([{"email": "new@example.org", "league": name}]),
        )  # fmt: skip


@pytest.mark.parametrize("command", [name for name, (_, answers) in COMMANDS.items() if "MP091" in answers.values()])
def test_outside_their_dates_staff_are_told_the_dates(game, scene, command):
    for name in ("early_a", "late_a"):
        (mine,) = scene.people[name].view("my_organisations")
        with game.refused("MP091") as caught:
            scene.people[name].table(command, **COMMANDS[command][0](scene))
        for day in (mine["access_from"], mine["access_until"]):
            assert day.strftime("%Y-%m-") in str(caught.value.diag.message_primary), (name, command)


def test_a_request_without_a_subject_is_not_signed_in(game, scene):
    nobody = Person(game.db, "authenticated")
    for command, (arguments, expected) in COMMANDS.items():
        if expected["viewer_a"] != DENIED:
            with game.refused("MP001", "MP006", "MP093"):
                nobody.table(command, **arguments(scene))
    for view, (_, seen) in VIEWS.items():
        if seen["viewer_a"] != DENIED and seen["player"] == set():
            assert nobody.view(view) == [], view


def test_an_anonymous_account_writes_nothing_even_if_it_worked_for_a_client(game, scene):
    turned = Person(game.db, "authenticated", scene.account("owner_a"), is_anonymous=True, amr=game.by("otp"))
    for command, (arguments, expected) in COMMANDS.items():
        if expected["owner_a"] == OK and command != "client_report":
            with game.refused("MP002"):
                turned.table(command, **arguments(scene))


def test_an_anonymous_account_that_somebody_put_on_a_staff_reads_nothing(game, scene):
    person = scene.people["owner_a"]
    assert person.view("client_overview")
    game.run("update auth.users set is_anonymous = true where id = %s", (scene.account("owner_a"),))
    for view in VIEWS:
        assert person.view(view) == [], view
    with game.refused("MP093"):
        person.call("client_report", participation_id=scene.parts["A"])


# views

A, B, BOTH = {"A"}, {"B"}, {"A", "B"}
Seen = dict[str, set[str] | str]


def seen_by(of_a: tuple[str, ...], of_b: tuple[str, ...], **more: Any) -> Seen:
    """Whose rows each person sees: the staff of each client its own, the association all, the rest nothing."""
    seen: Seen = {name: ({"A"} if name in of_a else set()) | ({"B"} if name in of_b else set()) for name in PEOPLE}
    return {**seen, "anon": DENIED, "ops": BOTH, "service": BOTH, **more}


INSIDE = seen_by(INSIDE_A, INSIDE_B)
MANAGERS = seen_by(("manager_a", "owner_a", "owner_of_both"), ("manager_b", "owner_b", "owner_of_both"))
OWNERS = seen_by(("owner_a", "owner_of_both"), ("owner_b", "owner_of_both"))
#: Outside their dates people still read for whom they work; removed or disabled they do not.
EMPLOYED = seen_by((*INSIDE_A, "early_a", "late_a"), INSIDE_B)

#: By view: the column that says whose a row is, and whose rows everybody sees.
VIEWS: dict[str, tuple[str, Seen]] = {
    "my_organisations": ("organisation_id", {**EMPLOYED, "ops": set(), "service": DENIED}),
    "client_organisations": ("organisation_id", EMPLOYED),
    "client_participations": ("organisation_id", INSIDE),
    "client_units": ("organisation_id", INSIDE),
    "client_territories": ("organisation_id", INSIDE),
    "client_invitations": ("organisation_id", OWNERS),
    "client_participants": ("participation_id", MANAGERS),
    "client_join_codes": ("participation_id", MANAGERS),
    "client_overview": ("participation_id", INSIDE),
    "client_leagues": ("participation_id", INSIDE),
    "client_weekly": ("participation_id", INSIDE),
    "client_daily": ("participation_id", INSIDE),
    "client_ranking": ("participation_id", INSIDE),
    "client_themes": ("participation_id", INSIDE),
    "client_map": ("participation_id", INSIDE),
    "client_territory": ("participation_id", INSIDE),
    "client_ambassadors": ("participation_id", INSIDE),
    "client_stages": ("organisation_id", INSIDE),
    "client_awards": ("participation_id", INSIDE),
}

#: Views that are the same for everybody or the association's: test_awards, test_contact, test_statistics and test_mail
#: try them on every person.
ELSEWHERE = {"awards", "player_map", "lifetime_statistics", "contact_requests", "ops_outbox", "mail_bounces"}
ALL_VIEWS = {*VIEWS, *ELSEWHERE}


def whose(scene: Scene, key: str, rows: list[dict[str, Any]]) -> set[str]:
    """The clients that rows belong to; "?" for one that is not of the scene."""
    sign = -1 if key == "organisation_id" else 1
    return {scene.owner.get(sign * r[key], "?") for r in rows}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_shows_everybody_what_is_theirs_to_see_and_nothing_else(game, scene, view):
    key, expected = VIEWS[view]
    found: Seen = {}
    for name, person in scene.people.items():
        rows: list[dict[str, Any]] = []
        code = answer(game, lambda person=person, rows=rows: rows.extend(person.view(view)))
        found[name] = code if code != OK else whose(scene, key, rows)
        if name in ("ops", "service") and found[name] != code:
            found[name] = set(found[name]) - {"?"}
    assert found == expected


@pytest.mark.parametrize("view", VIEWS)
def test_asking_for_bs_rows_by_id_finds_nothing_for_staff_of_a(game, scene, view):
    key, expected = VIEWS[view]
    ids = [abs(i) for i, letter in scene.owner.items() if letter == "B" and (i < 0) == (key == "organisation_id")]
    for name in ("viewer_a", "manager_a", "owner_a", "early_a", "late_a", "disabled_a", "removed_a", "player"):
        query = f"select * from api.{view} where {key} = any(%s)"
        assert scene.people[name].rows(query, (ids,)) == [], name
        counted = f"select count(*) from api.{view} where {key} = any(%s)"
        assert scene.people[name].one(counted, (ids,)) == 0, name
    if expected["ops"]:
        assert scene.people["ops"].rows(query, (ids,))


def test_nobody_is_named_in_what_a_client_follows(game, scene):
    """Neither accounts nor players, addresses, first names or pupils; ambassadors by alias alone."""
    game.run("update mpp.profile set first_name = 'Prénom', last_name = 'Patronyme'")
    game.run("update mpp.player set first_name = 'Prénom' where account_id is not null")
    secrets = [str(row["id"]) for row in game.rows("select id from mpp.player")]
    secrets += [str(account) for account in scene.accounts]
    secrets += [row["email"] for row in game.rows("select email from auth.users where email is not null")]
    for view, (_, seen) in VIEWS.items():
        # What the owners typed themselves, and awards, which name players by alias as the ranking does.
        if seen["viewer_a"] and view not in ("client_invitations", "client_participants", "client_awards"):
            said = str(scene.people["owner_a"].view(view))
            assert not [secret for secret in (*secrets, "Prénom", "Patronyme", "Lina") if secret in said], view
    report = str(scene.people["owner_a"].call("client_report", participation_id=scene.parts["A"]))
    assert not [secret for secret in (*secrets, "Prénom", "Patronyme", "Lina") if secret in report]


def test_staff_read_the_reason_before_and_after_their_dates(scene):
    expected = {
        "early_a": (False, "not_yet"), "late_a": (False, "over"), "viewer_a": (True, None), "owner_b": (True, None),
    }  # fmt: skip
    for name, (is_open, because) in expected.items():
        (mine,) = scene.people[name].view("my_organisations")
        assert (mine["is_open"], mine["closed_because"]) == (is_open, because), name
        assert mine["organisation_id"] == (scene.b if name.endswith("b") else scene.a)
    for name in ("removed_a", "disabled_a", "player", "ops"):
        assert scene.people[name].view("my_organisations") == [], name


@pytest.mark.parametrize(
    ("since", "until", "is_open"),
    [("0 s", "1 day", True), ("1 us", "1 day", False), ("-1 day", "0 s", False), ("-1 day", "1 us", True)],
)
def test_access_opens_and_closes_at_the_microsecond(game, scene, since, until, is_open):
    """Both for what is read, which goes by the start of the request, and for commands, which go by the clock."""
    game.clock(game.now)  # stands still from here on: else two readings of the clock differ by more than is asked about
    game.run(
        "update mpp.staff set access_from = private.clock() + %s::interval, access_until = private.clock() +"
        " %s::interval"
        " where account_id = %s",
        (since, until, scene.account("manager_a")),
    )
    person = scene.people["manager_a"]
    assert bool(person.view("client_overview")) is is_open
    assert bool(person.view("client_participants")) is is_open
    (mine,) = person.view("my_organisations")
    assert (mine["is_open"], mine["closed_because"] is None) == (is_open, is_open)
    for command in ("create_client_leagues", "plan_participation", "client_report"):
        given = COMMANDS[command][0](scene)
        assert answer(game, lambda c=command, g=given: person.table(c, **g)) == (OK if is_open else "MP091"), command


def test_a_change_of_role_or_dates_counts_from_the_next_request_on(game, scene):
    person, account = scene.people["manager_a"], scene.account("manager_a")
    assert person.view("client_participants")
    scene.people["owner_a"].call("set_staff", organisation_id=scene.a, account_id=account, role="viewer")
    assert person.view("client_participants") == []
    assert person.view("client_overview")
    with game.refused("MP092"):
        person.table("plan_participation", participation_id=scene.parts["A"])
    scene.people["owner_a"].call("remove_staff", organisation_id=scene.a, account_id=account)
    assert person.view("client_overview") == person.view("my_organisations") == []
    with game.refused("MP093"):
        person.table("plan_participation", participation_id=scene.parts["A"])


# the policies by themselves

NOBODY: Seen = {name: set() for name in PEOPLE}
ASSOCIATION: Seen = {**NOBODY, "ops": BOTH}


def by_policy(seen: Seen) -> Seen:
    """The same as through a view, but that anon may ask here; the service is bound by no policy."""
    return {name: set() if who == DENIED else who for name, who in seen.items() if name != "service"}


#: By table: an expression for whose a row is, and whose rows each person is shown.
TABLES: dict[str, tuple[str, Seen]] = {
    "organisation": ("-id", EMPLOYED),
    "unit": ("-organisation_id", INSIDE),
    "participation": ("-organisation_id", INSIDE),
    "territory": ("-organisation_id", INSIDE),
    "task": ("-organisation_id", INSIDE),
    "staff_invitation": ("-organisation_id", OWNERS),
    "participant": ("participation_id", MANAGERS),
    "award": ("participation_id", ASSOCIATION),
    # Which logins there are is for those who make them.
    "dashboard": ("-organisation_id", NOBODY),
}

#: Whose rows belong to no client or to one person: each is in a test of its own below.
UNOWNED = {
    "staff", "contact_request", "award_round", "outbox", "mail_bounce", "newsletter", "unsubscribe_token",
    "mail_suppression", "past_statistics", "edition_count", "map_cell",
    "client_map_cell",
}  # fmt: skip
ALL_TABLES = {*TABLES, *UNOWNED}


def opened_wide(game: Game) -> None:
    """As if somebody had granted the tables: only the policies are left."""
    game.run("grant usage on schema mpp to anon, authenticated")
    game.run("grant select on all tables in schema mpp to anon, authenticated")


@pytest.mark.parametrize("table", TABLES)
def test_policies_alone_show_what_is_theirs_to_see_even_where_a_view_forgets_to_ask(game, scene, table):
    key, expected = TABLES[table]
    opened_wide(game)
    for name, organisation in (("t_login_a", scene.a), ("t_login_b", scene.b)):
        game.run("insert into mpp.dashboard (role_name, organisation_id) values (%s, %s)", (name, organisation))
    query = f"select distinct {key} as owner from mpp.{table} where {key} = any(%s)"
    ids = list(scene.owner)
    assert {scene.owner[r["owner"]] for r in game.rows(query, (ids,))} == BOTH
    found = {
        name: {scene.owner[r["owner"]] for r in person.rows(query, (ids,))}
        for name, person in scene.people.items()
        if name != "service"
    }
    assert found == by_policy(expected)


def test_policies_alone_show_the_staff_themselves_and_to_owners_their_colleagues(game, scene):
    opened_wide(game)
    of_a = {"viewer_a", "manager_a", "owner_a", "early_a", "late_a", "disabled_a", "owner_of_both"}
    of_b = {"viewer_b", "manager_b", "owner_b", "owner_of_both"}
    expected = {
        **{name: {name} for name in (*of_a, *of_b)}, "owner_a": of_a, "owner_b": of_b, "owner_of_both": of_a | of_b,
        "disabled_a": set(), "ops": of_a | of_b,
    }  # fmt: skip
    for name, person in scene.people.items():
        if name != "service":
            rows = person.rows("select account_id from mpp.staff where account_id = any(%s)", (list(scene.accounts),))
            assert {scene.accounts[r["account_id"]] for r in rows} == expected.get(name, set()), name


def test_policies_alone_show_what_belongs_to_no_client_to_those_it_is_for(game, scene):
    game.service.call("record_bounce", address="gone@example.org", is_hard=True)
    game.service.call("count_edition", edition_code=scene.edition.code)
    game.run("insert into mpp.map_cell (edition_id, country, players) values (%s, 'BE', 5)", (scene.edition.id,))
    game.run("insert into mpp.client_map_cell (participation_id) values (%s)", (scene.parts["A"],))
    game.run("insert into mpp.mail_suppression (purpose, address) values ('invitation', 'no@example.org')")
    game.run(
        "insert into mpp.unsubscribe_token (digest, purpose, address) values ('x', 'invitation', 'no@example.org')"
    )
    game.run("insert into mpp.newsletter (code, language, subject, body) values ('t-issue', 'fr', 'x', 'x')")
    game.run("insert into mpp.dashboard (role_name, organisation_id) values ('t_login', %s)", (scene.a,))
    opened_wide(game)
    everybody, association, nobody = set(PEOPLE) - {"service"}, {"ops"}, set[str]()
    for table, readers in {
        "past_statistics": everybody, "edition_count": everybody, "map_cell": everybody, "award_round": association,
        "outbox": association, "mail_bounce": association, "contact_request": association, "newsletter": nobody,
        "unsubscribe_token": nobody, "mail_suppression": nobody, "dashboard": nobody,
        "client_map_cell": nobody,
    }.items():  # fmt: skip
        assert game.rows(f"select from mpp.{table} limit 1"), table
        found = {
            name
            for name, person in scene.people.items()
            if name != "service" and person.rows(f"select 1 as one from mpp.{table} limit 1")
        }
        assert found == readers, table


def test_to_work_for_a_client_shows_nothing_of_the_people_in_its_leagues(game, scene):
    opened_wide(game)
    ours = scene.leagues["A"].id
    people = f"(select p.id from mpp.player p where p.edition_id = {scene.edition.id})"
    for table, where in {
        "league": f"id = '{ours}'", "team": f"league_id = '{ours}'", "player": "true", "validation": "true",
        "profile": "true", "join_code": f"league_id = '{ours}'", "ambassador": "true", "player_contact": "true",
        "consent": "true", "conduct_report": "true", "unlock": f"player_id in {people}", "audit": "true",
    }.items():  # fmt: skip
        for name in (*INSIDE_A, "early_a", "late_a", "disabled_a", "removed_a", *INSIDE_B):
            assert scene.people[name].rows(f"select 1 as one from mpp.{table} where {where}") == [], (table, name)


def test_a_client_reads_what_its_private_edition_is_and_not_who_stands_where_in_it(game, scene):
    private = game.edition(organisation=scene.a)
    part = game.participation(scene.a, private)
    league = game.client_league(part, private)
    game.validate(league.ambassador, private, "t-bike")
    for name, knows in (
        ("viewer_a", True),
        ("viewer_b", False),
        ("early_a", False),
        ("late_a", False),
        ("player", False),
    ):
        person = scene.people[name]
        assert bool(person.view("editions", id=private.id)) is knows, name
        assert bool(person.view("client_participations", edition_id=private.id)) is knows, name
        assert bool(person.view("client_leagues", participation_id=part)) is knows, name
        for view in ("player_ranking", "league_ranking", "team_ranking"):
            assert person.view(view, edition_id=private.id) == [], (view, name)
    assert game.anon.view("editions", id=private.id) == []
    with game.refused("MP010"):
        game.participation(scene.b, private)


# the login of a dashboard

PASSWORD = uuid.uuid4().hex


@dataclass
class Logins:
    """Committed clients A and B, and connections as logins bound to A, to nobody, and not of mpp_dashboard at all."""

    scene: Scene
    url: str
    bound: str
    unbound: str
    stranger: str

    def connect(self, role: str) -> psycopg.Connection[Any]:
        return psycopg.connect(make_conninfo(self.url, user=role, password=PASSWORD), autocommit=True)


@pytest.fixture(scope="module")
def logins(arena_url: str) -> Iterator[Logins]:
    with committed(arena_url) as game:
        scene = Scene(game)
        name = uuid.uuid4().hex[:8]
        made = Logins(scene, arena_url, f"t_bound_{name}", f"t_unbound_{name}", f"t_stranger_{name}")
        for role in (made.bound, made.unbound, made.stranger):
            game.db.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(role), PASSWORD))
        for role in (made.bound, made.unbound):
            game.db.execute(sql.SQL("grant mpp_dashboard to {}").format(sql.Identifier(role)))
        game.run("insert into mpp.dashboard (role_name, organisation_id) values (%s, %s)", (made.bound, scene.a))
        game.db.commit()
        yield made
        game.db.rollback()
        game.run("delete from mpp.dashboard where role_name = %s", (made.bound,))
        for role in (made.bound, made.unbound, made.stranger):
            game.db.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))
        game.db.commit()


#: What a dashboard reads, by the column that says whose a row is.
DASHBOARD_VIEWS = {
    view: VIEWS[view][0]
    for view in (
        "client_overview", "client_leagues", "client_weekly", "client_daily", "client_ranking", "client_themes",
        "client_map", "client_territory", "client_ambassadors", "client_stages", "client_awards",
        "client_organisations", "client_participations", "client_units",
    )
}  # fmt: skip


NOTHING: dict[str, set[str]] = {view: set() for view in DASHBOARD_VIEWS}


def relations(logins: Logins, kinds: str, schema: str) -> list[str]:
    return [
        row["name"]
        for row in logins.scene.game.rows(
            "select c.oid::regclass::text as name from pg_class c where c.relnamespace = %s::regnamespace"
            " and c.relkind = any(%s) order by 1",
            (schema, list(kinds)),
        )
    ]


def owners_seen(logins: Logins, role: str, *before: str) -> dict[str, set[str]]:
    """By view, whose rows a login sees after these statements."""
    with logins.connect(role) as db:
        for statement in before:
            db.execute(statement.encode())
        return {
            view: {
                logins.scene.owner.get(row[0] * (-1 if key == "organisation_id" else 1), "?")
                for row in db.execute(f"select {key} from api.{view}".encode())
            }
            for view, key in DASHBOARD_VIEWS.items()
        }


def test_a_dashboard_reads_the_views_of_its_own_client_and_nothing_of_another(logins):
    assert owners_seen(logins, logins.bound) == dict.fromkeys(DASHBOARD_VIEWS, A)


#: Types that functions name; SQL's own words for the others (integer, text…) are no names that anybody could take.
TYPES = ("date", "timestamptz", "jsonb", "uuid", "regclass", "text", "name", "int4", "int8", "bool", "bytea")


def test_a_type_that_a_login_makes_is_not_the_one_that_our_functions_name(logins):
    """Whoever speaks SQL may have temporary objects; a check of theirs must not run as the owner of our functions."""
    game = logins.scene.game
    login = sql.Identifier(logins.bound)
    database = sql.Identifier(game.one("select current_database()"))
    game.db.execute(sql.SQL("grant temporary on database {} to {}").format(database, login))
    game.db.commit()
    try:
        with logins.connect(logins.bound) as db:
            ran: list[str] = []
            db.add_notice_handler(lambda notice: ran.append(notice.message_primary or ""))
            for type_ in TYPES:
                db.execute(
                    f"create function pg_temp.spy_{type_}(v pg_catalog.{type_}) returns pg_catalog.bool"
                    " language plpgsql as $$ begin raise notice 'ran as %', current_user; return true; end $$".encode()
                )
                db.execute(
                    f"create domain pg_temp.{type_} as pg_catalog.{type_} check (pg_temp.spy_{type_}(value))".encode()
                )
            # The trap works where a name is looked for as the login does.
            db.execute("select '2026-01-01'::date")
            assert ran == [f"ran as {logins.bound}"]
            ran.clear()
            for view in DASHBOARD_VIEWS:
                db.execute(f"select * from api.{view}".encode())
            db.execute("select api.client_report(%s)", (logins.scene.parts["A"],))
            assert ran == []
    finally:
        game.db.execute(sql.SQL("revoke temporary on database {} from {}").format(database, login))
        game.db.commit()


def test_a_dashboard_bound_to_no_client_reads_nothing(logins):
    assert owners_seen(logins, logins.unbound) == NOTHING


def test_the_report_of_a_dashboard_is_that_of_its_own_client(logins):
    with logins.connect(logins.bound) as db:
        report = db.execute("select api.client_report(%s)", (logins.scene.parts["A"],)).fetchone()[0]  # type: ignore[index]
        assert report["overview"]["participation_id"] == logins.scene.parts["A"]
        for part in (logins.scene.parts["B"], 2_000_000_000):
            with pytest.raises(psycopg.Error) as caught:
                db.execute("select api.client_report(%s)", (part,))
            assert caught.value.sqlstate == "MP093"


def test_a_dashboard_gains_nothing_by_claims_that_it_writes_itself(logins):
    scene = logins.scene
    for name in ("owner_b", "owner_of_both", "ops", "early_a"):
        claims = f'{{"sub": "{scene.account(name)}", "role": "authenticated"}}'
        for settings in (
            [f"set request.jwt.claims = '{claims}'"],
            [f"set request.jwt.claims = '{claims}'", f"set request.jwt.claim.sub = '{scene.account(name)}'"],
            [f"set \"request.jwt.claim.sub\" = '{scene.account(name)}'", "set request.jwt.claims = ''"],
            ['set request.jwt.claims = \'{"role": "service_role"}\'', "set request.jwt.claim.role = 'service_role'"],
        ):
            assert owners_seen(logins, logins.bound, *settings) == dict.fromkeys(DASHBOARD_VIEWS, A), settings
            assert owners_seen(logins, logins.unbound, *settings) == NOTHING, settings
        with logins.connect(logins.bound) as db:
            db.execute(f"set request.jwt.claims = '{claims}'".encode())
            with pytest.raises(psycopg.Error) as caught:
                db.execute("select api.client_report(%s)", (scene.parts["B"],))
            assert caught.value.sqlstate == "MP093"


@pytest.mark.parametrize("role", ["authenticated", "anon", "service_role", "postgres", "mpp_owner", "supabase_admin"])
def test_a_dashboard_becomes_nobody_else(logins, role):
    with logins.connect(logins.bound) as db:
        for statement in (f"set role {role}", f"set session authorization {role}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(statement.encode())
        db.execute("set role mpp_dashboard")
        # Which of its members asks is no longer known then.
        assert db.execute("select * from api.client_overview").fetchall() == []


def test_a_dashboard_is_denied_everything_else_of_ours(logins):
    readable = {f"api.{view}" for view in DASHBOARD_VIEWS}
    denied = [v for v in relations(logins, "v", "api") if v not in readable] + relations(logins, "rp", "mpp")
    assert len(denied) > 60
    with logins.connect(logins.bound) as db, logins.connect(logins.stranger) as stranger:
        for relation in denied:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(f"select 1 from {relation}".encode())
        for relation in readable:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                stranger.execute(f"select 1 from {relation}".encode())
            for statement in (f"delete from {relation}", f"insert into {relation} default values"):
                with pytest.raises(psycopg.Error) as caught:
                    db.execute(statement.encode())
                # 55000 and 0A000: a view that Postgres could not write through for anybody.
                assert caught.value.sqlstate in (DENIED, "55000", "0A000", "428C9"), statement
        granted = db.execute(
            "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
            " where n.nspname in ('api', 'mpp', 'private', 'request') and has_function_privilege(p.oid, 'execute')"
            " and has_schema_privilege(n.oid, 'usage')"
        ).fetchall()
        assert granted == [("api.client_report(integer)",)]
        for schema in ("api", "mpp", "private", "public"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(f"create table {schema}.mine (x integer)".encode())
        for name in ("mpp.league", "auth.users"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(f"select * from {name}".encode())
        assert db.execute("select count(*) from pg_stats where schemaname in ('mpp', 'auth')").fetchone() == (0,)
        # Numbers of rows that others made.
        sequences = "select count(*), count(last_value) from pg_sequences where schemaname = 'mpp'"
        total, told = db.execute(sequences.encode()).fetchone()
        assert (total > 10, told) == (True, 0)


def test_what_a_dashboard_may_read_is_what_its_role_is_granted(logins):
    granted = logins.scene.game.rows(
        "select c.oid::regclass::text as name from pg_class c where c.relnamespace = 'api'::regnamespace"
        " and has_table_privilege('mpp_dashboard', c.oid, 'select') order by 1"
    )
    assert {row["name"] for row in granted} == {f"api.{view}" for view in DASHBOARD_VIEWS}


def test_a_binding_that_ends_ends_at_once(logins):
    game = logins.scene.game
    game.run("update mpp.dashboard set organisation_id = %s where role_name = %s", (logins.scene.b, logins.bound))
    game.db.commit()
    try:
        assert owners_seen(logins, logins.bound)["client_overview"] == B
        game.run("delete from mpp.dashboard where role_name = %s", (logins.bound,))
        game.db.commit()
        assert owners_seen(logins, logins.bound)["client_overview"] == set()
    finally:
        game.run(
            "insert into mpp.dashboard (role_name, organisation_id) values (%s, %s) on conflict (role_name)"
            " do update set organisation_id = excluded.organisation_id",
            (logins.bound, logins.scene.a),
        )
        game.db.commit()
