"""A function that writes answers a GET before it starts: the same to everybody, whatever they ask."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from supabase_embedded import StackStatus
from tests.support.phone import Place, place_of

#: What a caller may send for each type so that PostgREST and Postgres take it and the function starts.
SENT = {
    "text": "a",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "bool": "true",
    "date": "2026-01-05",
    "timestamptz": "2026-01-05T12:00:00Z",
    "json": "{}",
    "jsonb": "{}",
}


@pytest.fixture(scope="module")
def place(stack: StackStatus) -> Iterator[Place]:
    """The stack of the whole test session."""
    with place_of(stack) as place:
        yield place


@pytest.fixture(scope="module")
def writers(stack: StackStatus) -> dict[str, dict[str, str]]:
    """The functions of schema api that write, and arguments for each."""
    with psycopg.connect(stack.db_url) as db:
        rows = db.execute(
            "select p.proname, array("
            "    select array[p.proargnames[t.place], y.typname::text]"
            "    from unnest(p.proargtypes) with ordinality t (type, place) join pg_type y on y.oid = t.type"
            " ) from pg_proc p where p.pronamespace = 'api'::regnamespace and p.provolatile = 'v'"
        ).fetchall()
    return {
        name: {argument: SENT.get(kind, "{}" if kind.startswith("_") else "1") for argument, kind in arguments}
        for name, arguments in rows
    }


def test_a_function_that_writes_is_refused_by_get_before_it_starts(
    place: Place, writers: dict[str, dict[str, str]]
) -> None:
    phone = place.player()
    assert {"join_league", "claim_class", "unlock_challenge"} <= set(writers)
    for caller in (None, phone):
        wrong = {}
        for name, arguments in writers.items():
            answer = place.raw("GET", f"rpc/{name}", caller, params=arguments)
            if (answer.status_code, answer.json().get("message")) != (405, "This function writes."):
                wrong[name] = answer.text
            assert place.raw("HEAD", f"rpc/{name}", caller, params=arguments).status_code == 405, name
        assert wrong == {}


def test_a_code_that_is_right_and_one_that_is_wrong_get_the_same_answer_by_get(place: Place) -> None:
    league = place.player("ana").create_league(place.edition())
    bob = place.player("bob")
    for written in ("join_league", "join%5Fleague", "%6aoin_league"):
        answers = {
            place.raw("GET", f"rpc/{written}", bob, params={"join_code": code}).text
            for code in (league["join_code"], "XXXX")
        }
        assert len(answers) == 1, answers
        assert "This function writes." in answers.pop()


def test_what_only_reads_still_answers_by_get(place: Place) -> None:
    bob, edition = place.player("bob"), place.edition()
    page = place.raw("GET", "rpc/ranking_page", bob, params={"edition_id": edition.id, "scope": "player"})
    assert page.status_code == 200, page.text
