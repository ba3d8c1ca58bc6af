"""What PostgREST holds every phone to, on a stack of its own: maintenance and locks would disturb other tests."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from mpp_supabase.files.edition_file import parse_edition
from mpp_supabase.local_stack import stack_settings
from supabase_embedded import Ports, Stack
from tests.support import clock
from tests.support.phone import HOUR, PARIS, Place, edition_text, place_of, refused, run_javascript
from tests.support.phone_school import contents, views


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A stack of this module alone."""
    home = Path(tempfile.mkdtemp(prefix="mpp-tests-"))
    stack = Stack(stack_settings(home=home), Ports.free())
    try:
        status = stack.start()
        clock.move_database(status.db_url)
        with place_of(status) as place:
            yield place
    finally:
        stack.reset()
        shutil.rmtree(home)


def test_maintenance_refuses_writes_until_its_end_and_reads_go_on(place: Place) -> None:
    edition = place.edition()
    ana = place.player("ana")
    league = ana.create_league(edition)
    now = clock.now()
    window = place.desk(
        "announce_maintenance", starts_at=(now - HOUR).isoformat(), ends_at=(now + HOUR).isoformat(),
        message={"fr": "Nous déménageons", "en": "We move house"},
    )  # fmt: skip
    try:
        end = f"{(now + HOUR).astimezone(PARIS):%Y-%m-%d %H:%M:%S} (Europe/Paris)"
        with refused("MP011") as caught:
            ana.validate(edition, "bike")
        assert caught.value.message == f"Maintenance in progress until {end}: nothing can be written."
        assert datetime.fromisoformat(json.loads(caught.value.details)["until"]) == now + HOUR
        newcomer = place.phone()
        for write in (lambda: newcomer.register("bob"), lambda: ana.rpc("leave_league", league_id=league["league_id"])):
            with refused("MP011"):
                write()
        (shown,) = place.phone().rows("maintenance_windows", is_active=True)
        assert shown["message"]["fr"] == "Nous déménageons"
        assert [row["alias"] for row in ana.rows("league_members")] == ["ana"]
        assert ana.points(edition) == 0
        seen = run_javascript(place.status, "maintenance")
        assert seen == {"code": "MP011", "message": caught.value.message, "windows": 1}
    finally:
        place.desk("cancel_maintenance", id=window)
    assert ana.validate(edition, "bike")["player_points"] == 4


def test_a_list_is_cut_at_a_thousand_rows_and_paged_by_key(place: Place) -> None:
    code = f"long-{uuid.uuid4().hex[:8]}"
    document = parse_edition(edition_text(code)).document
    card = document["challenges"][0]
    document["challenges"] = [{**card, "code": f"{code}-{number}"} for number in range(1050)]
    place.desk("apply_edition", document=document)
    place.desk("open_edition", edition_code=code)
    visitor = place.phone()
    edition = visitor.rows("editions", code=code)[0]["id"]

    def page(after: int) -> list[int]:
        query = visitor.client.table("challenges").select("id").eq("edition_id", edition).gt("id", after)
        return [row["id"] for row in query.order("id").limit(5000).execute().data]

    first = page(0)
    second = page(first[-1])
    assert (len(first), len(second), page(second[-1])) == (1000, 50, [])
    assert len({*first, *second}) == 1050
    counted = place.raw("GET", f"challenges?select=id&edition_id=eq.{edition}", headers={"prefer": "count=exact"})
    assert (counted.status_code, counted.headers["content-range"]) == (206, "0-999/1050")


def test_a_visitor_waits_for_three_seconds_at_most(place: Place) -> None:
    with psycopg.connect(place.status.db_url) as holder:
        holder.execute("lock table mpp.edition in access exclusive mode")
        answer = place.raw("GET", "editions")
        holder.rollback()
        roles = holder.execute("select rolname, rolconfig from pg_roles where rolname in ('anon', 'authenticated')")
        limits = {name: [line for line in config if line.startswith("statement_timeout")] for name, config in roles}
    assert answer.json() == {
        "code": "57014", "details": None, "hint": None, "message": "canceling statement due to statement timeout",
    }  # fmt: skip
    assert limits == {"anon": ["statement_timeout=3s"], "authenticated": ["statement_timeout=8s"]}


@pytest.mark.parametrize("kind", ["exact", "planned", "estimated"])
def test_a_count_says_nothing_about_the_rows_of_others(place: Place, kind: str) -> None:
    edition = place.edition()
    ana, bob = place.player("ana"), place.player("bob")
    ana.create_league(edition)
    league = bob.create_league(edition)
    many, then = 500, clock.now() - 2 * HOUR
    place.desk(
        "import_validations", edition_code=edition.code, player_ids=[bob.player_id] * many,
        challenge_ids=[edition.challenges["plane"]] * many, request_keys=[str(uuid.uuid4()) for _ in range(many)],
        done_at=[(then - timedelta(seconds=second)).isoformat() for second in range(many)],
    )  # fmt: skip
    with psycopg.connect(place.status.db_url, autocommit=True) as connection:
        connection.execute("set role mpp_owner")
        connection.execute("analyze mpp.validation, mpp.player, mpp.league, mpp.team, mpp.profile")

    def counted(query: str) -> tuple[int, str | None]:
        answer = place.raw("HEAD", query, ana, headers={"prefer": f"count={kind}"})
        return answer.status_code, answer.headers.get("content-range")

    nobody = uuid.uuid4()
    for view, column, somebody in (
        ("league_validations", "league_id", league["league_id"]),
        ("league_validations", "player_id", bob.player_id),
        ("league_members", "league_id", league["league_id"]),
        ("league_members", "first_name", "Ana"),
        ("my_players", "player_id", bob.player_id),
        ("my_profile", "alias", "bob"),
    ):
        # Ana is called Ana: leave out her own rows.
        own = f"&player_id=neq.{ana.player_id}" if view.startswith("league") else ""
        about = counted(f"{view}?{column}=eq.{somebody}{own}")
        assert about == counted(f"{view}?{column}=eq.{nobody}{own}"), (view, column)
    for view in ("my_profile", "my_players", "my_leagues", "league_members", "league_validations"):
        answer = place.raw("HEAD", view, headers={"prefer": f"count={kind}"})
        assert (answer.status_code, answer.headers.get("content-range")) == (401, None)


def test_nobody_aggregates_or_reads_plans(place: Place) -> None:
    ana = place.player("ana")
    for select in ("points.sum()", "count()", "label.max()"):
        answer = place.raw("GET", f"player_ranking?select={select}", ana)
        assert (answer.status_code, answer.json()["code"]) == (400, "PGRST123")
    for media in ("application/vnd.pgrst.plan+json", "application/vnd.pgrst.plan+text; options=analyze"):
        answer = place.raw("GET", "my_profile", ana, headers={"accept": media})
        assert (answer.status_code, answer.json()["code"]) == (415, "PGRST107")


def test_nobody_writes_to_a_view_and_no_view_says_it_can_be_written_to(place: Place) -> None:
    ana = place.player("ana")
    secret = {"apikey": place.status.env()["SECRET_KEY"]}
    before = contents(place)
    for view, columns in views(place).items():
        for verb, address, body in (
            ("POST", view, {}),
            ("POST", view, {columns[0]: None}),
            ("PUT", f"{view}?{columns[0]}=eq.1", {columns[0]: 1}),
            ("PATCH", f"{view}?{columns[0]}=is.null", {columns[0]: None}),
            ("DELETE", f"{view}?{columns[0]}=is.null", None),
        ):
            for status, phone, headers in ((401, None, {}), (403, ana, {}), (403, None, secret)):
                answer = place.raw(verb, address, phone, json=body, headers=headers)
                assert answer.status_code in (status, 405), (verb, address, answer.text)
    assert contents(place) == before
    # What generators of types and of documentation are told; views that are not for the secret key are left out.
    paths = place.raw("GET", "", headers=secret).json()["paths"]
    assert {verb for view in views(place) for verb in paths.get(f"/{view}", ())} == {"get"}


def test_an_error_shows_no_details(place: Place) -> None:
    edition = place.edition()
    ana = place.player("ana")
    league = ana.create_league(edition)
    asked = {
        "22P02": ("GET", "player_ranking?edition_id=eq.abc", None),
        "42703": ("GET", "player_ranking?no_such_column=eq.1", None),
        "42501": ("GET", "my_profile", None),
        "MP038": ("POST", "rpc/create_league", {"edition_id": edition.id, "name": league["name"]}),
        "MP004": ("POST", "rpc/register", {
            "first_name": "A", "last_name": "B", "alias": "c", "country": "FR", "postcode": "75011",
            "birth_date": "1990-01-01", "terms_version": "2026-01",
        }),
        "MP010": ("POST", "rpc/update_profile", {"postcode": "not a postcode"}),
    }  # fmt: skip
    other = place.player("bob")
    for code, (verb, path, body) in asked.items():
        phone = other if code == "MP038" else ana
        answer = place.raw(verb, path, None if code == "42501" else phone, json=body)
        assert answer.json()["code"] == code, answer.text
        assert answer.json()["details"] is None, answer.text
