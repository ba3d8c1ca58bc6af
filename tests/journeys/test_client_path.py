"""What the dashboards and phones of a client do, and what they are refused, through gateway, Auth and PostgREST.

Staff of one client try everything of another: each view by each value that only the other's rows have, each function of
the database's catalogue with the other's arguments. A denial leaves every table as it was.
"""

from __future__ import annotations

import contextlib
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from supabase_embedded import StackStatus
from tests.support import clock
from tests.support.phone import DAY, Phone, Place, place_of, refused
from tests.support.phone_clients import (
    DASHBOARD_VIEWS,
    Client,
    Post,
    Whole,
    acts_on,
    client,
    client_edition,
    earlier,
    everything_of,
    marks,
    reads,
    two_clients,
)
from tests.support.phone_school import (
    OF_TRUST,
    account_of,
    class_of,
    contents,
    functions,
    letters,
    rne,
    school_edition,
    teacher,
    views,
)
from tests.support.refusal_details import only_times

#: The views of a client by who reads them; a new one has to be placed here.
FOR_MANAGERS = ("client_join_codes", "client_participants")
FOR_OWNERS = ("client_invitations",)
FOR_ALL_STAFF = (*DASHBOARD_VIEWS, "client_territories")
CLIENT_VIEWS = (*FOR_ALL_STAFF, *FOR_MANAGERS, *FOR_OWNERS)
#: Read also outside one's dates, so that an app can say why there is nothing else.
ALSO_CLOSED = {"client_organisations", "my_organisations"}

#: What an account does to itself, to the public directory or to the desk of the association, whatever client there is.
ONE_S_OWN = {
    "add_school", "claim_class", "create_class", "my_rank", "read_clock", "register", "register_teacher",
    "search_schools", "send_contact_request", "set_consent", "update_profile", "update_teacher",
}  # fmt: skip
SERVER_ONLY = {
    "claim_mail", "due_mails", "import_schools", "import_validations", "list_accounts", "queue_league_notes",
    "queue_mails", "queue_newsletter", "set_ops_member", "settle_mail", "settle_stranded", "stranded_mails",
    "weekly_readers",
}  # fmt: skip
ASSOCIATION_ONLY = {
    "announce_maintenance", "apply_edition", "cancel_maintenance", "clear_bounces", "close_edition",
    "correct_birth_date", "correct_school", "count_edition",
    "forget_pupils", "freeze_edition", "grant_awards", "handle_contact_request", "open_edition",
    "purge_expired",
    "record_bounce", "remove_contact_content", "resolve_conduct_report", "set_organisation",
    "set_participation", "set_territory", "territory_schools", "verify_scores", "withdraw_participation",
}  # fmt: skip
OF_TEACHERS = {
    "add_pupils", "cancel_for_pupils", "choose_class_challenges", "class_teachers", "hand_over_class",
    "import_class_sheet", "invite_co_teacher", "remove_co_teacher", "remove_pupil", "renew_class_code",
    "revoke_class_code", "update_class", "validate_for_pupils",
}  # fmt: skip
#: What staff do with their own client, and what they are told about another's.
OF_STAFF = {
    "client_report": "MP093", "client_staff": "MP090", "complete_task": "MP005", "create_client_leagues": "MP093",
    "invite_participants": "MP093", "invite_staff": "MP090", "plan_participation": "MP093",
    "remove_participants": "MP093", "remove_staff": "MP090", "set_staff": "MP090",
}  # fmt: skip
#: What players do in a league, and what somebody who has a profile is told about a league that is not theirs.
OF_PLAYERS = {
    "cancel_validation": "MP005", "choose_team": "MP005", "create_league": "MP030", "create_team": "MP007",
    "expel_player": "MP007", "hand_over_league": "MP007", "join_league": "MP031", "leave_league": "MP035",
    "rename_team": "MP007", "renew_join_code": "MP007", "report_conduct": "MP005", "set_co_ambassador": "MP007",
    "set_listing": "MP007", "unlock_challenge": "MP035", "validate_challenge": "MP005",
}  # fmt: skip


@pytest.fixture(scope="module")
def place(stack: StackStatus) -> Iterator[Place]:
    """The stack of the whole test session."""
    with place_of(stack) as place:
        yield place


@pytest.fixture(scope="module")
def clients(place: Place) -> tuple[Whole, Whole]:
    """Clients A and B; the tests of the module change nothing of them that another one asserts."""
    return two_clients(place)


def tried_on(place: Place, whole: Whole, phone: Phone) -> dict[str, dict[str, Any]]:
    """What there is to try on a client: every function of the catalogue, but those that concern nobody else."""
    tried = {name: arguments for name, arguments in acts_on(whole, account_of(phone)).items() if name not in ONE_S_OWN}
    assert set(tried) | ONE_S_OWN | OF_TRUST == functions(place), "each function of the API has its place in this test"
    return tried


def code_of(place: Place, phone: Phone | None, function: str, arguments: dict[str, Any]) -> str:
    """The SQLSTATE of a refused call, which has a sentence, and no details but times; nothing for an empty answer."""
    answer = place.raw("POST", f"rpc/{function}", phone, json=arguments)
    if answer.status_code < 300 and answer.text in ("", "[]", "null"):
        return ""
    assert answer.status_code >= 400, (function, answer.text)
    said = answer.json()
    assert set(said) == {"code", "message", "hint", "details"}, said
    assert said["message"]
    assert only_times(said["details"]), said
    return str(said["code"])


def for_a_stranger(*, plays: bool) -> dict[str, str]:
    """What each function answers to somebody who does not work for the client that it is tried on."""
    return {
        **dict.fromkeys(SERVER_ONLY, "42501"), **dict.fromkeys(ASSOCIATION_ONLY, "MP006"),
        **dict.fromkeys(OF_TEACHERS, "MP008"), **OF_STAFF,
        **(OF_PLAYERS if plays else dict.fromkeys(OF_PLAYERS, "MP003")),
        "accept_class": "MP009", "accept_staff_invitation": "MP082", "ranking_around": "MP005",
        # A public edition has no classes.
        "ranking_page": "", "search_ranking": "",
        # The same answer for every token, so that none can be guessed.
        "unsubscribe": "",
    }  # fmt: skip


# the path


@pytest.mark.needs("mailbox", "smtp")
def test_a_client_goes_from_the_contract_to_its_figures(place: Place) -> None:
    post = Post(place)
    # The association: an organisation, its part in an edition, the schools that it follows, and an owner.
    edition, schools = client_edition(place), school_edition(place)
    made = client(place, edition)
    part, own = {"participation_id": made.part}, {"organisation_id": made.organisation}
    at_school = place.desk("set_participation", **own, edition_code=schools.code)
    code = rne(place)
    school = place.desk(
        "add_school", name=f"École {letters()}", city="Exempleville", postcode="01000", levels=["elementaire"], rne=code
    )
    assert place.desk("set_territory", **own, codes={"rne": [code]}) == 1
    until = (clock.now() + 60 * DAY).isoformat()
    owner, manager, viewer = (place.phone() for _ in range(3))
    place.desk("invite_staff", **own, email=owner.email, role="owner", access_until=until)

    # The owner has a mail with a code, which opens the space to that address alone; then invites two colleagues.
    post.deliver()
    (letter,) = post.to(owner.email)
    assert made.name in letter
    with refused("MP082"):
        place.phone().sign_up().rpc("accept_staff_invitation", code=post.code_for(owner.email))
    owner.sign_up()
    assert owner.rows("my_organisations") == owner.rows("client_overview") == []
    assert owner.rpc("accept_staff_invitation", code=post.code_for(owner.email)) == made.organisation
    (mine,) = owner.rows("my_organisations")
    assert (mine["name"], mine["role"], mine["is_open"], mine["closed_because"]) == (made.name, "owner", True, None)
    for phone, role in ((manager, "manager"), (viewer, "viewer")):
        owner.rpc("invite_staff", **own, email=phone.email, role=role)
    assert {row["email"] for row in owner.rows("client_invitations") if row["accepted_at"] is None} == {
        manager.email, viewer.email,
    }  # fmt: skip
    post.deliver()
    for phone in (manager, viewer):
        phone.sign_up().rpc("accept_staff_invitation", code=post.code_for(phone.email))
    assert [(row["email"], row["role"], row["is_me"]) for row in owner.rpc("client_staff", **own)] == [
        (owner.email, "owner", True), (manager.email, "manager", False), (viewer.email, "viewer", False),
    ]  # fmt: skip

    # The manager: leagues under their units, a plan, guests.
    made.make_leagues(("Loutres", "Nantes"), ("Mésanges", "Lyon"), by=manager)
    names = {name: row["name"] for name, row in made.leagues.items()}
    assert sorted(row["name"] for row in viewer.rows("client_units")) == ["Lyon", "Nantes"]
    assert {row["name"]: row["join_code"] for row in manager.rows("client_join_codes")} == {
        row["name"]: row["join_code"] for row in made.leagues.values()
    }
    planned = manager.rpc("plan_participation", **part)
    tasks = viewer.rows("client_stages")
    assert len(tasks) == planned["planned"] + planned["dropped"]
    assert {row["stage"] for row in tasks} >= {"follow_up", "celebrate"}
    (task, *_) = [row for row in tasks if row["owner"] == "client" and row["state"] == "planned"]
    manager.rpc("complete_task", task_id=task["task_id"])
    assert [row["task_id"] for row in viewer.rows("client_stages", state="done")] == [task["task_id"]]
    guests = [f"{uuid.uuid4().hex}@example.org" for _ in range(2)]
    invited = [{"email": guests[0], "league": names["Loutres"]}, {"email": guests[1], "league": names["Mésanges"]}]
    assert manager.rpc("invite_participants", **part, participants=invited)["added"] == 2
    assert {row["email"]: row["league"] for row in manager.rows("client_participants")} == {
        guest["email"]: guest["league"] for guest in invited
    }

    # Guests read the code of their league in the mail; their colleagues have it from them.
    post.deliver()
    for guest, league in zip(guests, ("Loutres", "Mésanges"), strict=True):
        (letter,) = post.to(guest)
        assert made.leagues[league]["join_code"] in letter
    overview = viewer.rows("client_overview", **part)[0]
    assert (overview["leagues"], overview["players"], overview["points"]) == (2, 0, 0)
    otters, tits = made.join("Loutres", 5, "69003", "ana"), made.join("Mésanges", 6, "44000", "bob")
    earlier(place, edition, tits, days=9)
    for phone in otters:
        phone.validate(edition, "bike")
    otters[0].validate(edition, "soup")

    # Every figure, as whoever looks at the dashboard reads it.
    (overview,) = viewer.rows("client_overview", **part)
    figures = ("week", "players", "active_players", "active_players_ever", "validations", "points", "points_change")
    assert [overview[name] for name in figures] == [2, 11, 5, 11, 12, 5 * 4 + 3 + 6 * 4, 5 * 4 + 3]
    leagues = viewer.rows("client_leagues", **part)
    assert [(row["name"], row["unit"], row["rank"], row["players"], row["points"]) for row in leagues] == [
        (names["Mésanges"], "Lyon", 1, 6, 24), (names["Loutres"], "Nantes", 2, 5, 23),
    ]  # fmt: skip
    assert [(row["points_this_week"], row["points_last_week"], row["attention"]) for row in leagues] == [
        (0, 24, ["quiet"]), (23, 0, ["few_players"]),
    ]  # fmt: skip
    weeks = viewer.rows("client_weekly", **part)
    assert [(row["week"], row["active_players"], row["validations"], row["points"]) for row in weeks] == [
        (1, 6, 6, 24), (2, 5, 6, 23),
    ]  # fmt: skip
    days = viewer.rows("client_daily", **part)
    assert sorted((row["validations"], row["points"]) for row in days) == [(6, 23), (6, 24)]
    ranking = viewer.rows("client_ranking", **part)
    assert [(row["scope"], row["label"], row["rank"], row["points"]) for row in ranking] == [
        ("league", names["Mésanges"], 1, 24), ("league", names["Loutres"], 2, 23),
        ("unit", "Lyon", 1, 24), ("unit", "Nantes", 2, 23),
    ]  # fmt: skip
    themes = {row["theme"]: (row["validations"], row["points"]) for row in viewer.rows("client_themes", **part)}
    assert themes == {"trial": (11, 44), "other": (1, 3)}
    assert {row["department"]: row["players"] for row in viewer.rows("client_map", **part)} == {"69": 5, "44": 6}
    assert sorted((row["league"], row["alias"]) for row in viewer.rows("client_ambassadors")) == sorted(
        [(names["Loutres"], "ana"), (names["Mésanges"], "bob")]
    )
    class_ = class_of(place, schools, by=teacher(place), school_id=school)
    class_.validate("bike")
    (followed,) = viewer.rows("client_territory", participation_id=at_school)
    assert (followed["class_id"], followed["rne"], followed["pupils"], followed["points"]) == (class_.id, code, 6, 24)

    # The report says the same, and names nobody.
    report = viewer.rpc("client_report", **part)
    assert report["overview"] == overview
    said = {"weeks": "weekly", "days": "daily", "leagues": "leagues", "themes": "themes", "map": "map"}
    for name, view in said.items():
        assert report[name] == viewer.rows(f"client_{view}", **part), name
    assert report["units"] == [row for row in ranking if row["scope"] == "unit"]
    answers = "".join(place.raw("GET", view, viewer).text for view in FOR_ALL_STAFF) + str(report)
    for phone in (*otters, *tits):
        assert not [secret for secret in (phone.player_id, phone.email, account_of(phone)) if str(secret) in answers]
    assert not [secret for secret in ("Prénom", "Patronyme", *class_.pupils.values()) if secret in answers]

    # Figures move with the next challenge.
    otters[1].validate(edition, "soup")
    (moved,) = viewer.rows("client_overview", **part)
    assert (moved["validations"], moved["points"]) == (13, overview["points"] + 3)
    assert [(row["name"], row["rank"]) for row in viewer.rows("client_leagues", **part)] == [
        (names["Loutres"], 1), (names["Mésanges"], 2),
    ]  # fmt: skip

    # A viewer reads; a manager does not hire; an owner makes no owner. Nothing that is refused changes anything.
    before = contents(place)
    writing = {
        "client_staff": own, "complete_task": {"task_id": task["task_id"]}, "plan_participation": part,
        "create_client_leagues": {**part, "leagues": [{"name": "Pirates"}]},
        "invite_participants": {**part, "participants": [{"email": "p@example.org"}]},
        "invite_staff": {**own, "email": "p@example.org"},
        "set_staff": {**own, "account_id": account_of(viewer), "role": "owner"},
    }  # fmt: skip
    refusals = {name: code_of(place, viewer, name, arguments) for name, arguments in writing.items()}
    assert refusals == dict.fromkeys(writing, "MP092")
    for name in ("client_staff", "invite_staff", "set_staff"):
        assert code_of(place, manager, name, writing[name]) == "MP092", name
    assert code_of(place, owner, "invite_staff", {**writing["invite_staff"], "role": "owner"}) == "MP010"
    assert code_of(place, owner, "set_staff", writing["set_staff"]) == "MP005"
    assert contents(place) == before
    for phone, views_of in ((viewer, FOR_MANAGERS + FOR_OWNERS), (manager, FOR_OWNERS)):
        for view in views_of:
            assert phone.rows(view) == [], view
    for phone in (viewer, manager, owner):
        assert all(phone.rows(view) for view in FOR_ALL_STAFF if view != "client_awards")


# another client


def test_staff_of_a_find_nothing_of_b_by_any_value_of_its_rows(place: Place, clients: tuple[Whole, Whole]) -> None:
    a, b = clients
    assert {view for view in views(place) if view.startswith("client_")} == set(CLIENT_VIEWS)
    of_b = everything_of(place, b.owner)
    assert not [view for view in CLIENT_VIEWS if not of_b[view]], "there is something to find in each view"
    known = [everything_of(place, None), *(everything_of(place, phone) for phone in a.client.staff.values())]
    # Also what only B's players know: who they are, their teams and what they did.
    inside = [of_b, everything_of(place, b.client.players["First"][0])]
    marked = marks({view: [*inside[0][view], *inside[1][view]] for view in of_b}, known)
    for column, values in {
        "account_id": [account_of(phone) for phone in b.client.staff.values()],
        "email": [phone.email for phone in b.client.staff.values()],
        "league_id": [b.client.leagues["Unlisted"]["league_id"]], "code": [b.waiting],
        "handled_by": [account_of(b.owner)], "class_code": [b.class_.row["class_code"]],
    }.items():  # fmt: skip
        marked[column] = {*marked.get(column, ()), *values}
    # Some of the values that have to be among them, or the requests would look for nothing.
    for column, value in (
        ("organisation_id", b.client.organisation), ("participation_id", b.client.part), ("participation_id", b.over),
        ("participation_id", b.at_school), ("join_code", b.client.leagues["Unlisted"]["join_code"]),
        ("league_id", b.client.leagues["Unlisted"]["league_id"]), ("name", b.client.name), ("class_id", b.class_.id),
        ("player_id", b.client.players["First"][1].player_id),
    ):  # fmt: skip
        assert str(value) in marked[column], column
    asked = list(reads(place, marked))
    assert len(asked) > 200
    found = Counter[str]()
    for role, phone in a.client.staff.items():
        for view, query in asked:
            answer = place.raw("GET", f"{view}?{query}", phone)
            assert (answer.status_code, answer.text) == (200, "[]"), (role, view, query, answer.text)
    for view, query in asked:
        found[view] += place.raw("GET", f"{view}?{query}", b.owner).text != "[]"
    assert not [view for view in CLIENT_VIEWS if not found[view]], "the same requests find B's rows for B's owner"


def test_exports_pages_and_joins_of_staff_of_a_hold_nothing_of_b(place: Place, clients: tuple[Whole, Whole]) -> None:
    a, b = clients
    hidden = {
        b.client.name, b.client.code, b.waiting, b.class_.row["class_code"],
        b.client.leagues["Unlisted"]["league_id"], *(league["join_code"] for league in b.client.leagues.values()),
        *(row["email"] for row in b.owner.rows("client_participants")),
        *(row["name"] for row in b.owner.rows("client_units")),
        *(account_of(phone) for phone in b.client.staff.values()), *(phone.email for phone in b.client.staff.values()),
    }  # fmt: skip
    joined = ("client_organisations", "client_participations", "client_territories", "client_units", *FOR_OWNERS)
    paths = [f"{view}?limit=1000" for view in views(place)]
    paths += [f"{view}?select=*,{other}(*)" for view in views(place) for other in joined if view != other]
    own: Counter[str] = Counter()
    for phone in a.client.staff.values():
        for path in paths:
            accept = "application/json" if "select" in path else "text/csv"
            answer = place.raw("GET", path, phone, headers={"accept": accept})
            assert not {secret for secret in hidden if secret in answer.text}, path
            own[accept] += a.client.name in answer.text
        for method, options in (
            ("GET", {"params": {"participation_id": b.client.part}}),
            ("POST", {"json": {"participation_id": b.over}, "headers": {"accept": "text/csv"}}),
        ):
            answer = place.raw(method, "rpc/client_report", phone, **options)
            assert (answer.status_code, answer.json()["code"]) == (400, "MP093")
    assert all(own.values()), "exports hold one's own"
    assert set(own) == {"application/json", "text/csv"}


@pytest.mark.parametrize("role", ["viewer", "manager", "owner"])
def test_no_function_of_the_catalogue_does_anything_to_b_for_staff_of_a(
    place: Place, clients: tuple[Whole, Whole], role: str
) -> None:
    a, b = clients
    phone = a.client.staff[role]
    tried = tried_on(place, b, phone)
    before = contents(place)
    refusals = {name: code_of(place, phone, name, arguments) for name, arguments in tried.items()}
    assert refusals == for_a_stranger(plays=role == "manager")
    assert contents(place) == before


def test_what_is_a_s_own_takes_nothing_of_b_s(place: Place, clients: tuple[Whole, Whole]) -> None:
    a, b = clients
    league = b.client.leagues["First"]
    part, own = {"participation_id": a.client.part}, {"organisation_id": a.client.organisation}
    guest, pirates = {"email": "x@example.org", "league": league["name"]}, {"name": league["name"], "unit": "Pirates"}
    viewers = [account_of(whole.client.staff["viewer"]) for whole in (a, b)]
    mixed = [
        ("manager", "invite_participants", {**part, "participants": [guest]}, "MP070"),
        ("manager", "create_client_leagues", {**part, "leagues": [pirates]}, "MP070"),
        ("owner", "set_staff", {**own, "account_id": viewers[1], "role": "viewer"}, "MP005"),
        ("owner", "set_staff", {"organisation_id": b.client.organisation, "account_id": viewers[0]}, "MP090"),
    ]
    before = contents(place)
    for role, function, arguments, refusal in mixed:
        assert code_of(place, a.client.staff[role], function, arguments) == refusal, function
    assert contents(place) == before


def test_what_is_b_s_and_what_does_not_exist_are_told_in_the_same_words(
    place: Place, clients: tuple[Whole, Whole]
) -> None:
    a, b = clients
    nobody = 2_000_000_000
    tried = tried_on(place, b, a.owner)
    for function in OF_STAFF:
        (key, _), *_ = tried[function].items()
        said = [
            place.raw("POST", f"rpc/{function}", a.owner, json={**tried[function], key: value}).text
            for value in (tried[function][key], nobody)
        ]
        assert said[0] == said[1], function


def test_no_staff_writes_a_view_of_a_client(place: Place, clients: tuple[Whole, Whole]) -> None:
    a, b = clients
    before, codes = contents(place), Counter[str]()
    for phone in (None, a.owner, b.client.staff["manager"]):
        for view, columns in views(place).items():
            if not view.startswith("client_"):
                continue
            for verb, query, body in (
                ("POST", "", {columns[-1]: None}),
                ("PATCH", f"?{columns[0]}=not.is.null", {columns[-1]: None}),
                ("PUT", f"?{columns[0]}=eq.1", dict.fromkeys(columns)),
                ("DELETE", f"?{columns[0]}=not.is.null", None),
            ):
                answer = place.raw(verb, view + query, phone, json=body)
                assert answer.status_code >= 400, (verb, view, answer.text)
                codes[answer.json()["code"]] += 1
        for table in ("staff", "staff_invitation", "participant", "task", "territory", "unit", "dashboard", "outbox"):
            assert place.raw("GET", table, phone).status_code == 404
            for schema in ("mpp", "private", "auth"):
                assert place.raw("GET", table, phone, headers={"accept-profile": schema}).status_code == 406
    # No right to it; the other codes say of a view, or of a request, that nobody could write in that way.
    assert set(codes) <= {"42501", "55000", "428C9", "0A000", "PGRST105", "21000"}, codes
    assert contents(place) == before


# few people

#: Columns that count people: one to four are suppressed.
COUNTS = {"players", "players_change", "active_players", "active_players_ever", "new_players", "pupils"}


@pytest.fixture(scope="module")
def few(place: Place) -> Client:
    """A client alone in an edition of its own, so that nothing of it is public: leagues of six, seven and three."""
    code = f"client-{uuid.uuid4().hex[:12]}"
    organisation = place.desk("set_organisation", code=code, name=f"Maison {letters()}", kind="local_authority")
    edition = client_edition(place, organisation=code, least=6)
    part = place.desk("set_participation", organisation_id=organisation, edition_code=edition.code)
    made = Client(place, edition, code, "Maison", organisation, part)
    made.make_leagues(("Six", "Nord"), ("Seven", "Nord"), ("Three", "Sud"))
    for league, number, postcode in (("Six", 6, "69003"), ("Seven", 7, "44000"), ("Three", 3, "38000")):
        made.join(league, number, postcode)
    earlier(place, edition, made.players["Seven"][:4], days=9)
    for phone in (*made.players["Six"], *made.players["Three"], *made.players["Seven"][:5]):
        phone.validate(edition, "bike")
    made.staff["viewer"] = made.employ("viewer")
    # One class of a territory, of three pupils.
    schools, rne_code = school_edition(place), rne(place)
    at = place.desk(
        "add_school", name=f"École {letters()}", city="Exempleville", postcode="01000", levels=["elementaire"],
        rne=rne_code,
    )  # fmt: skip
    place.desk("set_participation", organisation_id=organisation, edition_code=schools.code)
    place.desk("set_territory", organisation_id=organisation, codes={"rne": [rne_code]})
    class_of(place, schools, "Lina", "Tom", "Zoé", by=teacher(place), school_id=at).validate("bike")
    return made


def test_one_to_four_people_are_withheld_in_every_view_and_by_every_filter(place: Place, few: Client) -> None:
    viewer, part = few.staff["viewer"], {"participation_id": few.part}
    three = few.leagues["Three"]
    # In an edition that nobody else sees, of the three nothing at all; nor of the six, or the total would tell of them.
    suppressed = (
        "rank", "players", "active_players", "active_players_ever", "validations", "points", "points_per_player",
        "value", "points_this_week", "points_last_week", "last_validated_at",
    )  # fmt: skip
    for league in (three, few.leagues["Six"]):
        (row,) = viewer.rows("client_leagues", league_id=league["league_id"])
        assert {row[name] for name in suppressed} == {None}
        (row,) = viewer.rows("client_ranking", scope="league", label=league["name"])
        assert {row[name] for name in ("rank", "players", "points", "points_per_player", "value")} == {None}
    (overview,) = viewer.rows("client_overview", **part)
    answers = [row["players"] for row in viewer.rows("client_leagues", **part)]
    assert (overview["players"], sorted(answers, key=str)) == (16, [7, None, None])
    # A unit is what its leagues show, and is not there when they show nothing.
    units = {row["label"]: row["players"] for row in viewer.rows("client_ranking", scope="unit", **part)}
    assert units == {"Nord": 7}
    assert [row["active_players"] for row in viewer.rows("client_weekly", **part)] == [None, 14]
    assert [(row["pupils"], row["points_per_pupil"]) for row in viewer.rows("client_territory")] == [(None, None)]
    report = viewer.rpc("client_report", **part)
    assert report["leagues"] == viewer.rows("client_leagues", **part)
    assert report["general"] == []

    counted = [(view, column) for view, columns in views(place).items() for column in columns if column in COUNTS]
    counted = [(view, column) for view, column in counted if view.startswith("client_")]
    assert {view for view, _ in counted} == {
        "client_leagues", "client_map", "client_overview", "client_ranking", "client_territory", "client_weekly",
    }  # fmt: skip
    for view, column in counted:
        shown = [row[column] for row in viewer.rows(view)]
        assert not [number for number in shown if number in (1, 2, 3, 4)], (view, column)
        # Nobody knows the three active ones of a league of three from the whole, and so of no other league.
        hidden = view == "client_territory" or (view == "client_leagues" and column.startswith("active"))
        assert [number for number in shown if number] or hidden, "something is shown"
        # A suppressed number is not there to be compared with.
        for query in ("{0}=in.(1,2,3,4)", "and=({0}.gt.0,{0}.lt.5)", "not.or=({0}.lt.1,{0}.gt.4)"):
            query = query.format(column)
            answer = place.raw("GET", f"{view}?{query}", viewer)
            assert (answer.status_code, answer.text) == (200, "[]"), (view, query)
        for query in (f"select={column}.sum()", f"select={column}.avg()", f"select=count(),{column}"):
            answer = place.raw("GET", f"{view}?{query}", viewer)
            assert (answer.status_code, answer.json()["code"]) == (400, "PGRST123"), (view, query)


def test_departments_with_few_people_cannot_be_told_from_the_total(place: Place, few: Client) -> None:
    viewer = few.staff["viewer"]

    def shown() -> dict[str, int | None]:
        return {row["department"]: row["players"] for row in viewer.rows("client_map", participation_id=few.part)}

    # The six join the three, or the total of sixteen would say how many those are.
    assert shown() == {"44": 7, "69": None, "38": None}
    newcomers = few.join("Three", 2, "38000")
    assert shown() == {"44": 7, "69": 6, "38": 5}
    # Whoever opted out is on no map; with them those of 38 are five that nobody tells apart.
    newcomers[0].rpc("set_listing", scope="player", subject_id=newcomers[0].player_id, listed=False)
    assert shown() == {"44": 7, "69": 6, "38": None}
    (total,) = [row["players"] for row in viewer.rows("client_overview", participation_id=few.part)]
    suppressed = total - sum(number for number in shown().values() if number)
    assert suppressed >= 5


# who no longer, not yet, or never really works there


def banned(place: Place, phone: Phone) -> Phone:
    """Disable the account of a phone, as the association's staff do in Auth; the phone keeps its token."""
    key = place.status.env()["SECRET_KEY"]
    answer = place.http.put(
        f"{place.status.api_url}/auth/v1/admin/users/{account_of(phone)}", json={"ban_duration": "876000h"},
        headers={"apikey": key, "authorization": f"Bearer {key}"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return phone


@pytest.fixture(scope="module")
def outsiders(place: Place, clients: tuple[Whole, Whole]) -> dict[str, Phone]:
    """Owners of A whose access is closed, one for each reason."""
    asked = clients[0].client
    removed, anonymous = asked.employ("owner"), place.phone()
    place.desk("remove_staff", organisation_id=asked.organisation, account_id=account_of(removed))
    anonymous.client.auth.sign_in_anonymously()
    # Nothing of ours puts an anonymous account on a staff; a mistake at the desk of the database could.
    asked.hire(anonymous, "owner")
    return {
        "early": asked.employ("owner", since=DAY, until=60 * DAY),
        "late": asked.employ("owner", since=-60 * DAY, until=-DAY),
        "removed": removed,
        "banned": banned(place, asked.employ("owner")),
        "anonymous": anonymous,
    }


REASONS = ("early", "late", "removed", "banned", "anonymous")


@pytest.mark.parametrize("reason", REASONS)
def test_whose_access_is_closed_reads_nothing_of_the_client(
    place: Place, clients: tuple[Whole, Whole], outsiders: dict[str, Phone], reason: str
) -> None:
    a, phone = clients[0], outsiders[reason]
    found = everything_of(place, phone)
    assert [view for view in CLIENT_VIEWS if found[view]] == (
        ["client_organisations"] if reason in ("early", "late") else []
    )
    assert bool(found["my_organisations"]) is (reason in ("early", "late"))
    # Nothing that only the client knows, in whatever view: neither by asking for all nor by asking for it by name.
    stranger = place.phone().sign_up()
    marked = marks(everything_of(place, a.owner), [everything_of(place, None), everything_of(place, stranger), found])
    for view, query in reads(place, marked):
        answer = place.raw("GET", f"{view}?{query}", phone)
        assert view in ALSO_CLOSED or (answer.status_code, answer.text) == (200, "[]"), (view, query, answer.text)
    for view in CLIENT_VIEWS:
        count = place.raw("HEAD", view, phone, headers={"prefer": "count=exact"}).headers["content-range"]
        assert count == ("0-0/1" if found[view] else "*/0"), view


@pytest.mark.parametrize("reason", REASONS)
def test_whose_access_is_closed_does_nothing_with_the_client(
    place: Place, clients: tuple[Whole, Whole], outsiders: dict[str, Phone], reason: str
) -> None:
    phone = outsiders[reason]
    tried = tried_on(place, clients[0], phone)
    expected = for_a_stranger(plays=False)
    if reason in ("early", "late"):
        expected |= dict.fromkeys(OF_STAFF, "MP091")
    elif reason in ("banned", "anonymous"):
        said = "MP001" if reason == "banned" else "MP002"
        to_all = {
            *SERVER_ONLY,
            *ASSOCIATION_ONLY,
            "client_report",
            "ranking_around",
            "ranking_page",
            "search_ranking",
            "unsubscribe",
        }
        expected |= {name: said for name in expected if name not in to_all}
        if reason == "anonymous":
            # On the staff, by a mistake, and without an address that was proven.
            expected["client_report"] = "MP012"
    before = contents(place)
    refusals = {name: code_of(place, phone, name, arguments) for name, arguments in tried.items()}
    assert refusals == expected
    assert contents(place) == before


def test_staff_are_told_why_there_is_nothing_to_see_in_their_language(
    place: Place, clients: tuple[Whole, Whole], outsiders: dict[str, Phone]
) -> None:
    a = clients[0].client

    def refusal(phone: Phone, function: str, **headers: str) -> dict[str, Any]:
        arguments = {"client_report": {"participation_id": a.part}, "client_staff": {"organisation_id": a.organisation}}
        answer = place.raw("POST", f"rpc/{function}", phone, json=arguments[function], headers=headers)
        assert answer.status_code == 400
        said: dict[str, Any] = answer.json()
        return said

    for reason, because in (("early", "not_yet"), ("late", "over")):
        phone = outsiders[reason]
        (mine,) = phone.rows("my_organisations")
        assert (mine["is_open"], mine["closed_because"], mine["name"]) == (False, because, a.name)
        for function in ("client_report", "client_staff"):
            english = refusal(phone, function)
            french = refusal(phone, function, **{"accept-language": "fr-FR,fr;q=0.9"})
            assert english["code"] == french["code"] == "MP091"
            ends = {"not_yet": ("is not open yet.", "n’est pas encore ouvert."), "over": ("is over.", "est terminé.")}
            assert english["message"].startswith("Your access, from ")
            assert english["message"].endswith(ends[because][0])
            assert french["message"].startswith("Votre accès, du ")
            assert french["message"].endswith(ends[because][1])
            for day in (mine["access_from"], mine["access_until"]):
                # The day in Paris may be the next one.
                assert any(text in english["message"] for text in (day[:8], day[:4])), english
                assert any(text in french["message"] for text in (day[:8], day[:4])), french
    for reason, function, in_english, in_french in (
        ("removed", "client_staff", "There is no such organisation", "Cette organisation n’existe pas"),
        ("removed", "client_report", "There is no such participation", "Cette participation n’existe pas chez vous."),
        ("banned", "client_staff", "You are not signed in.", "Vous n’êtes pas connecté·e."),
        ("anonymous", "client_staff", "An anonymous account can only read.", "Un compte anonyme ne peut que lire."),
    ):  # fmt: skip
        assert refusal(outsiders[reason], function)["message"].startswith(in_english)
        french = refusal(outsiders[reason], function, **{"accept-language": "fr"})
        assert french["message"].startswith(in_french)
        assert french["hint"]
    # Auth says so too, when the phone wants its next token.
    session = outsiders["banned"].client.auth.get_session()
    assert session is not None
    answer = place.http.post(
        f"{place.status.api_url}/auth/v1/token?grant_type=refresh_token", json={"refresh_token": session.refresh_token},
        headers={"apikey": place.status.env()["PUBLISHABLE_KEY"]},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["error_code"]) == (400, "user_banned")


# the login of a dashboard that speaks SQL

_PASSWORD = uuid.uuid4().hex


@pytest.fixture(scope="module")
def logins(place: Place, clients: tuple[Whole, Whole]) -> Iterator[dict[str, str]]:
    """Connection strings of logins made as docs/operations.md says: one of A's, and one that no client is bound to."""
    names = {name: f"dashboard_{name}_{uuid.uuid4().hex[:8]}" for name in ("bound", "unbound")}
    with psycopg.connect(place.status.db_url, autocommit=True) as db:
        for name in names.values():
            made = sql.SQL("create role {} login password {} in role mpp_dashboard")
            db.execute(made.format(sql.Identifier(name), _PASSWORD))
        db.execute(
            "insert into mpp.dashboard (role_name, organisation_id)"
            " select %s, id from mpp.organisation where code = %s",
            (names["bound"], clients[0].client.code),
        )
    yield {name: make_conninfo(place.status.db_url, user=role, password=_PASSWORD) for name, role in names.items()}
    with psycopg.connect(place.status.db_url, autocommit=True) as db:
        db.execute("delete from mpp.dashboard where role_name = %s", (names["bound"],))
        for name in names.values():
            db.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def read_by(url: str, *before: str) -> dict[str, list[Any]]:
    """What a login reads in each view after these statements, times in UTC as PostgREST tells them."""
    with psycopg.connect(url, autocommit=True) as db:
        for statement in ("set time zone 'UTC'", *before):
            db.execute(statement.encode())
        return {
            view: [row for (row,) in db.execute(f"select to_jsonb(v) from api.{view} v".encode())]
            for view in DASHBOARD_VIEWS
        }


def in_any_order(rows: list[Any]) -> list[str]:
    return sorted(str(sorted(row.items())) for row in rows)


def test_a_login_reads_what_the_owner_of_its_client_reads_and_nothing_of_another(
    place: Place, clients: tuple[Whole, Whole], logins: dict[str, str]
) -> None:
    a, b = clients
    for view, rows in read_by(logins["bound"]).items():
        assert in_any_order(rows) == in_any_order(a.owner.rows(view)) != [], view
    assert not any(read_by(logins["unbound"]).values())
    # Whatever it says of itself.
    for claims in (
        f'{{"sub": "{account_of(b.owner)}", "role": "authenticated"}}',
        '{"role": "service_role"}',
        '{"role": "postgres"}',
    ):
        forged = (
            f"set request.jwt.claims = '{claims}'",
            f"select set_config('request.jwt.claim.sub', '{account_of(b.owner)}', false)",
            "set request.jwt.claim.role = 'service_role'",
            'set request.headers = \'{"apikey": "x"}\'',
        )
        assert {view: len(rows) for view, rows in read_by(logins["bound"], *forged).items()} == {
            view: len(a.owner.rows(view)) for view in DASHBOARD_VIEWS
        }
        assert not any(read_by(logins["unbound"], *forged).values())
    with psycopg.connect(logins["bound"], autocommit=True) as db:
        db.execute("set time zone 'UTC'")
        report = db.execute("select api.client_report(%s)", (a.client.part,)).fetchone()
        assert report is not None
        assert report[0]["overview"] == a.owner.rpc("client_report", participation_id=a.client.part)["overview"]
        for part in (b.client.part, b.over, b.at_school):
            with pytest.raises(psycopg.Error) as caught:
                db.execute("select api.client_report(%s)", (part,))
            assert caught.value.sqlstate == "MP093"


def test_a_login_writes_nothing_and_becomes_nobody_else(
    place: Place, clients: tuple[Whole, Whole], logins: dict[str, str]
) -> None:
    before = contents(place)
    with psycopg.connect(place.status.db_url) as db:
        everything = db.execute(
            "select c.oid::regclass::text from pg_class c where c.relkind in ('r', 'p', 'v') and c.relnamespace in"
            " ('api'::regnamespace, 'mpp'::regnamespace, 'auth'::regnamespace)"
        ).fetchall()
        roles = db.execute(
            "select rolname from pg_roles where rolname not like 'pg\\_%' and rolname not like 'dashboard\\_%'"
        ).fetchall()
        procedures = db.execute(
            "select p.oid::regprocedure::text, p.pronargs from pg_proc p where p.pronamespace in"
            " ('api'::regnamespace, 'private'::regnamespace) and p.prorettype <> 'trigger'::regtype"
        ).fetchall()
    readable = {f"api.{view}" for view in DASHBOARD_VIEWS}
    refusals = Counter[str]()

    def denied(statement: str) -> None:
        with pytest.raises(psycopg.Error) as caught:
            db.execute(statement.encode())
        refusals[caught.value.sqlstate or "?"] += 1

    with psycopg.connect(logins["bound"], autocommit=True) as db:
        for (relation,) in everything:
            if relation not in readable:
                denied(f"select 1 from {relation}")
            for statement in ("delete from {}", "insert into {} default values", "truncate {}"):
                denied(statement.format(relation))
        assert set(refusals) <= {"42501", "55000", "0A000", "428C9", "42809"}, refusals
        refusals.clear()
        for (role,) in roles:
            if role != "mpp_dashboard":
                denied(f'set role "{role}"')
            denied(f'set session authorization "{role}"')
            denied(f'grant "{role}" to current_user')
        for name, arguments in procedures:
            if name != "api.client_report(integer)":
                function = name[: name.index("(")]
                denied(f"select {function}({', '.join(['null'] * arguments)})")
        for statement in (
            "create schema mine", "create temporary table mine (x integer)", "create domain pg_temp.date as text",
            "create table api.mine (x integer)", "create table public.mine (x integer)",
            "create function api.mine() returns integer language sql as 'select 1'", "create role another",
            "alter role current_user bypassrls", "alter role current_user createrole",
            "copy (select 1) to program 'true'", "copy api.client_overview to '/tmp/mine'",
            "select pg_read_file('postgresql.conf')",
            "set session_replication_role = replica", "alter view api.client_overview set (security_invoker = false)",
            "set row_security = off; select * from api.client_stages",
        ):  # fmt: skip
            denied(statement)
        # What it may read it cannot hand on: Postgres answers with a warning and grants nothing.
        db.execute("grant select on api.client_overview to anon")
        assert db.execute("select has_table_privilege('anon', 'api.client_overview', 'select')").fetchone() == (False,)
        assert set(refusals) <= {"42501", "42704", "42883"}, refusals
        # Who has become the group is no client's any more.
        db.execute("reset row_security")
        db.execute("set role mpp_dashboard")
        assert not any(db.execute(f"select 1 from api.{view}".encode()).fetchall() for view in DASHBOARD_VIEWS)
    assert contents(place) == before


def test_a_login_that_is_no_longer_bound_reads_nothing_at_once(
    place: Place, clients: tuple[Whole, Whole], logins: dict[str, str]
) -> None:
    with (
        psycopg.connect(logins["bound"], autocommit=True) as dashboard,
        psycopg.connect(place.status.db_url, autocommit=True) as db,
    ):
        assert dashboard.execute("select 1 from api.client_stages limit 1").fetchall()
        ((name, organisation),) = db.execute(
            "delete from mpp.dashboard where organisation_id = %s returning role_name, organisation_id",
            (clients[0].client.organisation,),
        ).fetchall()
        try:
            for view in DASHBOARD_VIEWS:
                assert dashboard.execute(f"select 1 from api.{view}".encode()).fetchall() == [], view
        finally:
            db.execute("insert into mpp.dashboard values (%s, %s)", (name, organisation))


# pages and counts

#: Columns by which each view of a client is paged: together they are unique.
PAGED_BY = {
    "client_ambassadors": ("participation_id", "league_id"), "client_awards": ("place", "award_id"),
    "client_daily": ("participation_id", "day"), "client_invitations": ("organisation_id", "invitation_id"),
    "client_join_codes": ("name", "league_id"), "client_leagues": ("value", "league_id"),
    "client_map": ("participation_id", "department"), "client_organisations": ("organisation_id", "code"),
    "client_overview": ("organisation_id", "participation_id"), "client_participants": ("participation_id", "email"),
    "client_participations": ("organisation_id", "participation_id"), "client_ranking": ("value", "subject_id"),
    "client_stages": ("place", "task_id"), "client_territories": ("organisation_id", "code"),
    "client_territory": ("value", "class_id"), "client_themes": ("participation_id", "theme"),
    "client_units": ("organisation_id", "unit_id"), "client_weekly": ("participation_id", "week"),
}  # fmt: skip


def after(row: dict[str, Any], columns: tuple[str, str], than: str) -> str:
    """The filter of the page after a row."""
    values = [f'"{row[column]}"' for column in columns]
    first, second = columns
    return f"or=({first}.{than}.{values[0]},and({first}.eq.{values[0]},{second}.{than}.{values[1]}))"


@pytest.mark.parametrize(("direction", "than"), [("asc", "gt"), ("desc", "lt")])
def test_pages_by_key_go_through_a_and_never_reach_b(
    place: Place, clients: tuple[Whole, Whole], direction: str, than: str
) -> None:
    a, b = clients
    assert set(PAGED_BY) == set(CLIENT_VIEWS)
    for view, columns in PAGED_BY.items():
        order = ",".join(f"{column}.{direction}" for column in columns)
        own = a.owner.rows(view)
        seen: list[dict[str, Any]] = []
        page = a.owner.client.table(view).select("*").limit(7)
        for column in columns:
            page = page.order(column, desc=direction == "desc")
        rows: list[dict[str, Any]] = page.execute().data
        while rows:
            seen += rows
            assert len(seen) <= len(own), view
            rows = place.raw("GET", f"{view}?{after(rows[-1], columns, than)}&order={order}&limit=7", a.owner).json()
        assert in_any_order(seen) == in_any_order(own), view
        assert len({tuple(row[column] for column in columns) for row in own}) == len(own), view
        # From each row of B, whichever way: rows of A alone.
        for row in b.owner.rows(view)[:8]:
            answer = place.raw("GET", f"{view}?{after(row, columns, than)}&order={order}", a.owner).json()
            assert {*in_any_order(answer)} <= {*in_any_order(own)}, view
        beyond = place.raw("GET", f"{view}?order={order}&offset={len(own)}", a.owner)
        assert (beyond.status_code, beyond.json()) == (200, []), view


def unlike(value: int | str) -> int | str:
    """A value of the same type that no row has."""
    if isinstance(value, int):
        return 2_000_000_000
    of_types: dict[Callable[[str], object], str] = {
        uuid.UUID: str(uuid.uuid4()), date.fromisoformat: "2001-01-01", datetime.fromisoformat: "2001-01-01T00:00:00Z",
    }  # fmt: skip
    for fits, nobody in of_types.items():
        with contextlib.suppress(ValueError):
            fits(value)
            return nobody
    return "nothing-of-anybody"


@pytest.mark.parametrize("kind", ["exact", "planned", "estimated"])
def test_a_count_says_nothing_about_b(place: Place, clients: tuple[Whole, Whole], kind: str) -> None:
    a, b = clients
    # One that is large, so that an estimate would know it from nobody.
    large = client(place, a.client.edition)
    large.make_leagues(*((f"N{number}", f"Unité {number}") for number in range(60)))
    place.desk("plan_participation", participation_id=large.part)
    guests = [{"email": f"{uuid.uuid4().hex}@example.org"} for _ in range(60)]
    place.desk("invite_participants", participation_id=large.part, participants=guests)
    with psycopg.connect(place.status.db_url, autocommit=True) as connection:
        connection.execute("set role mpp_owner")
        connection.execute(
            "analyze mpp.organisation, mpp.participation, mpp.unit, mpp.territory, mpp.task, mpp.staff, mpp.award,"
            " mpp.staff_invitation, mpp.participant, mpp.league, mpp.validation, mpp.player, mpp.score, mpp.ambassador"
        )

    def counted(query: str) -> tuple[int, str | None]:
        answer = place.raw("HEAD", query, a.owner, headers={"prefer": f"count={kind}"})
        return answer.status_code, answer.headers.get("content-range")

    compared = 0
    for view in CLIENT_VIEWS:
        own = a.owner.rows(view)
        for column, value in b.owner.rows(view)[0].items():
            if isinstance(value, int | str) and value not in [row[column] for row in own]:
                theirs, none = (quote(str(asked), safe="") for asked in (value, unlike(value)))
                said = [counted(f"{view}?{column}=eq.{asked}") for asked in (theirs, none)]
                assert said[0] == said[1], (view, column, value)
                compared += 1
        for column, value in (("organisation_id", large.organisation), ("participation_id", large.part)):
            if column in own[0]:
                assert counted(f"{view}?{column}=eq.{value}") == counted(f"{view}?{column}=eq.2000000000"), view
        if kind == "exact":
            assert counted(view) == (200, f"0-{len(own) - 1}/{len(own)}"), view
    assert compared > 30
