"""What the dashboards and phones of a client do, and what they are refused, through gateway, Auth and PostgREST.

Staff of one client try everything of another: each view by each value that only the other's rows have, each function of
the database's catalogue with the other's arguments. A denial leaves every table as it was.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from mpp_supabase.local import StackStatus

from .client import (
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
from .phone import DAY, Phone, Place, place_of, refused
from .school import account_of, class_of, contents, functions, letters, rne, school_edition, teacher, views

#: The views of a client by who reads them; a new one has to be placed here.
FOR_MANAGERS = ("client_join_codes", "client_participants")
FOR_OWNERS = ("client_invitations",)
FOR_ALL_STAFF = (
    *DASHBOARD_VIEWS, "client_organisations", "client_participations", "client_territories", "client_units",
)  # fmt: skip
CLIENT_VIEWS = (*FOR_ALL_STAFF, *FOR_MANAGERS, *FOR_OWNERS)
#: Read also outside one's dates, so that an app can say why there is nothing else.
ALSO_CLOSED = {"client_organisations", "my_organisations"}

#: What an account does to itself, to the public directory or to the desk of the association, whatever client there is.
ONE_S_OWN = {
    "add_school", "claim_class", "create_class", "my_rank", "register", "register_teacher", "search_schools",
    "send_contact_request", "set_consent", "update_profile", "update_teacher",
}  # fmt: skip
SERVER_ONLY = {
    "claim_mail", "due_mails", "import_schools", "import_validations", "queue_mails", "queue_newsletter",
    "set_ops_member", "settle_mail", "settle_stranded", "stranded_mails", "weekly_readers",
}  # fmt: skip
ASSOCIATION_ONLY = {
    "announce_maintenance", "apply_edition", "cancel_maintenance", "clear_bounces", "close_edition", "correct_school",
    "count_edition", "forget_pupils", "freeze_edition", "grant_awards", "handle_contact_request", "open_edition",
    "record_bounce", "remove_contact_content", "resolve_conduct_report", "set_organisation", "set_participation",
    "set_territory", "verify_scores",
}  # fmt: skip
OF_TEACHERS = {
    "add_pupils", "cancel_for_pupils", "choose_class_challenges", "class_teachers", "hand_over_class",
    "import_class_sheet", "invite_co_teacher", "remove_co_teacher", "remove_pupil", "renew_class_code",
    "revoke_class_code", "update_class", "validate_for_pupils",
}  # fmt: skip
#: What staff do with their own client, and what they are told about another's.
OF_STAFF = {
    "client_report": "MP093", "client_staff": "MP090", "complete_task": "MP005", "create_client_leagues": "MP093",
    "invite_participants": "MP093", "invite_staff": "MP090", "plan_participation": "MP093", "set_staff": "MP090",
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
    tried = {name: told for name, told in acts_on(whole, account_of(phone)).items() if name not in ONE_S_OWN}
    assert set(tried) | ONE_S_OWN == functions(place), "each function of the API has its place in this test"
    return tried


def code_of(place: Place, phone: Phone | None, function: str, arguments: dict[str, Any]) -> str:
    """The SQLSTATE of a refused call, which has a sentence and no details; nothing for an empty answer."""
    answer = place.raw("POST", f"rpc/{function}", phone, json=arguments)
    if answer.status_code < 300 and answer.text in ("", "[]", "null"):
        return ""
    assert answer.status_code >= 400, (function, answer.text)
    said = answer.json()
    assert set(said) == {"code", "message", "hint", "details"}, said
    assert said["message"]
    assert said["details"] is None, said
    return str(said["code"])


def for_a_stranger(*, plays: bool) -> dict[str, str]:
    """What each function answers to somebody who does not work for the client that it is tried on."""
    return {
        **dict.fromkeys(SERVER_ONLY, "42501"), **dict.fromkeys(ASSOCIATION_ONLY, "MP006"),
        **dict.fromkeys(OF_TEACHERS, "MP008"), **OF_STAFF,
        **(OF_PLAYERS if plays else dict.fromkeys(OF_PLAYERS, "MP003")),
        "accept_class": "MP009", "accept_staff_invitation": "MP082", "ranking_around": "MP005",
        # The same answer for every token, so that none can be guessed.
        "unsubscribe": "",
    }  # fmt: skip


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
        "account_id": [account_of(phone) for phone in b.client.staff.values()], "code": [b.waiting],
        "league_id": [b.client.leagues["Unlisted"]["league_id"]], "email": [phone.email for phone in b.client.staff.values()],
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
    assert len(asked) > 300
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
        b.client.name, b.client.code, b.waiting, b.class_.row["class_code"], b.client.leagues["Unlisted"]["league_id"],
        *(league["join_code"] for league in b.client.leagues.values()), *(phone.email for phone in b.client.staff.values()),
        *(row["email"] for row in b.owner.rows("client_participants")), *(row["name"] for row in b.owner.rows("client_units")),
        *(account_of(phone) for phone in b.client.staff.values()),
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
    mixed = [
        ("manager", "invite_participants", {
            "participation_id": a.client.part, "participants": [{"email": "x@example.org", "league": league["name"]}],
        }, "MP070"),
        ("manager", "create_client_leagues", {
            "participation_id": a.client.part, "leagues": [{"name": league["name"], "unit": "Pirates"}],
        }, "MP038"),
        ("owner", "set_staff", {
            "organisation_id": a.client.organisation, "account_id": account_of(b.client.staff["viewer"]), "role": "viewer",
        }, "MP005"),
        ("owner", "set_staff", {
            "organisation_id": b.client.organisation, "account_id": account_of(a.client.staff["viewer"]), "role": "viewer",
        }, "MP090"),
    ]  # fmt: skip
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
