"""Refusals: their codes, their words in both languages, and that nothing else ever comes out of a command."""

from __future__ import annotations

import json
import re
import string
from datetime import datetime

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.game import DAY, Person
from tests.support.refusal_details import only_times


def refusals(game):
    return game.rows("select * from private.refusals()")


def test_every_refusal_has_a_code_a_name_and_words_in_both_languages(game):
    rows = refusals(game)
    assert len(rows) >= 30
    for row in rows:
        assert re.fullmatch(r"MP[0-9]{3}", row["code"])
        assert re.fullmatch(r"[A-Z][A-Za-z]+", row["name"])
        assert all(row[column].strip() for column in ("message_en", "message_fr", "hint_en", "hint_fr"))


def test_codes_and_names_are_used_once(game):
    rows = refusals(game)
    assert len({r["code"] for r in rows}) == len({r["name"] for r in rows}) == len(rows)


def test_both_languages_use_the_same_arguments(game):
    for row in refusals(game):
        english, french = (
            set(re.findall(r"%(\d)\$s", row[f"message_{language}"] + row[f"hint_{language}"]))
            for language in ("en", "fr")
        )
        assert english == french, row["code"]


def test_every_code_that_a_function_uses_is_known_and_every_known_code_is_used(game):
    sources = game.rows(
        "select p.prosrc from pg_proc p where p.pronamespace in ('private'::regnamespace, 'api'::regnamespace)"
        " and p.proname <> 'refusals'"
    )
    used = set(re.findall(r"'(MP[0-9]{3})'", " ".join(row["prosrc"] for row in sources)))
    assert used == {row["code"] for row in refusals(game)}


def test_every_error_that_a_command_documents_exists(game):
    known = {row["code"] for row in refusals(game)}
    for row in game.rows(
        "select p.proname as name, obj_description(p.oid, 'pg_proc') as comment from pg_proc p"
        " where p.pronamespace = 'api'::regnamespace"
    ):
        for code in re.findall(r"MP[0-9]{3}", row["comment"] or ""):
            assert code in known, (row["name"], code)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "You are not signed in."),
        ("en-GB,en;q=0.9", "You are not signed in."),
        ("fr", "Vous n’êtes pas connecté·e."),
        ("fr-CH, fr;q=0.9, en;q=0.8", "Vous n’êtes pas connecté·e."),
        ("de", "You are not signed in."),
    ],
)
def test_a_refusal_speaks_the_language_of_the_request(game, header, said):
    person = Person(game.db, "authenticated")
    person.headers = {"accept-language": header} if header else {}
    with game.refused("MP001") as caught:
        person.call("leave_league", league_id="00000000-0000-4000-8000-000000000000")
    assert caught.value.diag.message_primary == said
    assert caught.value.diag.message_hint


def test_arguments_of_a_refusal_are_text_and_never_a_format(game):
    with game.refused("MP020") as caught:
        game.service.call("freeze_edition", edition_code="%s %1$s %n")
    assert "%s %1$s %n" in caught.value.diag.message_primary


def test_the_times_of_a_refusal_are_in_its_detail_and_nothing_else_is(game):
    edition = game.edition(starts=-30 * DAY, ends=-DAY)
    player = game.signed_in()
    with game.refused("MP022") as caught:
        game.service.call("close_edition", edition_code=edition.code, reason="A test")
    detail = json.loads(caught.value.diag.message_detail)
    assert {key: datetime.fromisoformat(value) for key, value in detail.items()} == {
        "starts_at": edition.starts_at, "ends_at": edition.ends_at,
    }  # fmt: skip
    # No other key gets in, whoever passes it; what never ends has no time; without times there is no detail.
    for times, kept in (
        ({"until": "2026-11-30T12:00:00+01:00", "row": "Secret"}, {"until": "2026-11-30T11:00:00.000000Z"}),
        ({"until": "infinity"}, {"until": None}),
        ({"row": "Secret"}, {}),
    ):
        with pytest.raises(psycopg.Error) as error, game.db.transaction(force_rollback=True):
            game.db.execute("select private.refuse('MP011', %s, 'then')", (Jsonb(times),))
        assert json.loads(error.value.diag.message_detail or "") == kept
    with game.refused("MP003") as caught:
        player.call("update_profile", alias="x")
    assert caught.value.diag.message_detail is None


def test_instants_are_said_in_paris_time_with_the_zone(game):
    assert game.one("select private.format_instant('2026-07-01T10:00:00Z')") == "2026-07-01 12:00:00 (Europe/Paris)"
    assert game.one("select private.format_instant('2026-12-01T10:00:00Z')") == "2026-12-01 11:00:00 (Europe/Paris)"


def commands(game):
    return game.rows(
        "select p.oid, p.proname as name, p.pronargs as number, pg_get_function_identity_arguments(p.oid) as arguments"
        " from pg_proc p where p.pronamespace = 'api'::regnamespace order by 2"
    )


def values_by_type(game) -> dict[str, list[str]]:
    """Values that make trouble, by the type of an argument."""
    long = "x" * 5000
    texts = ["''", f"'{long}'", "E'\\u202e'", "'%%s'", "'﷽'", "'null'"]
    return {
        "text": texts,
        "uuid": ["gen_random_uuid()"],
        "integer": ["-1", "0", "2147483647"],
        "bigint": ["-1", "9223372036854775807"],
        "boolean": ["true", "false"],
        "date": ["'infinity'", "'0001-01-01 BC'", "'9999-12-31'"],
        "timestamp with time zone": ["'infinity'", "'-infinity'", "'0001-01-01 BC'"],
        "jsonb": ["'{}'", "'[]'", "'null'", "'1'", """'{"fr": 1, "en": 2}'"""],
        "uuid[]": ["'{}'", "array[null]::uuid[]"],
        "integer[]": ["'{}'", "array[null]::integer[]"],
        "timestamp with time zone[]": ["'{}'", "array['infinity']::timestamptz[]"],
    }


def answers(person: Person, call: str) -> str:
    """SQLSTATE of a call, or 00000."""
    try:
        with person.db.transaction(force_rollback=True):
            person.rows(call)
    except psycopg.Error as error:
        detail = error.diag.message_detail
        return error.sqlstate or "?" if only_times(detail) else f"DETAIL: {detail}"
    return "00000"


def test_no_command_answers_null_or_odd_arguments_with_anything_but_a_refusal_of_its_own(game):
    edition = game.edition()
    player = game.player(game.league(edition))
    people = {"player": player, "staff": game.staff(), "service": game.service, "new": game.signed_in()}
    troubles = values_by_type(game)
    for command in commands(game):
        types = [
            row["type"]
            for row in game.rows(
                "select format_type(t.oid, null) as type from pg_proc p, unnest(p.proargtypes) with"
                " ordinality u (oid, n)"
                " join pg_type t on t.oid = u.oid where p.oid = %s order by u.n",
                (command["oid"],),
            )
        ]
        calls = [["null"] * len(types)]
        for place, kind in enumerate(types):
            for value in troubles.get(kind, []):
                arguments = ["null"] * len(types)
                arguments[place] = value
                calls.append(arguments)
        for name, person in people.items():
            for arguments in calls:
                cast = ", ".join(f"{a}::{t}" for a, t in zip(arguments, types, strict=True))
                code = answers(person, f"select * from api.{command['name']}({cast})")
                assert code in ("00000", "42501") or code.startswith("MP"), (name, command["name"], cast[:200], code)


def test_labels_cannot_hold_characters_that_hide(game):
    person = game.registered()
    for code in (
        0x01,
        0x1B,
        0x7F,
        0x9F,
        0x034F,
        0x061C,
        0x115F,
        0x200E,
        0x200F,
        0x202A,
        0x202E,
        0x2060,
        0x2066,
        0x206F,
        0xFEFF,
    ):
        with game.refused("MP010"):
            person.call("update_profile", alias=f"a{chr(code)}b")
    with game.refused("MP010"):
        person.call("update_profile", alias="a" + chr(0x301) * 6)
    # What keyboards add to emoji and to pasted words is dropped.
    for code in (0xAD, 0x200C, 0x200D, 0xFE0F):
        person.call("update_profile", alias=f"a{chr(code)}b")
        assert person.view("my_profile")[0]["alias"] == "ab"
    # What separates words becomes one space.
    for code in (0x09, 0x0A, 0x20):
        person.call("update_profile", alias=f"a{chr(code)}{chr(code)}b")
        assert person.view("my_profile")[0]["alias"] == "a b"
    for shown in ("Zoé", "山田", "Ömer", "a" * 30, "a" + string.punctuation.replace("@", "")[:29]):
        person.call("update_profile", alias=shown)


def test_every_fault_of_an_import_has_a_text_in_both_languages_and_every_text_a_use(game):
    texts = game.rows("select code, message_en, message_fr from private.import_faults()")
    assert all(row["message_en"] and row["message_fr"] for row in texts)
    bodies = " ".join(row["prosrc"] for row in game.rows(
        "select prosrc from pg_proc where pronamespace = 'private'::regnamespace and proname <> 'import_faults'"
    ))  # fmt: skip
    used = re.findall(r"""then '\["(\w+)"\]'|jsonb_build_array\('(\w+)'|'fault', '(\w+)'""", bodies)
    codes = {code for found in used for code in found if code}
    assert codes >= {row["code"] for row in texts}
