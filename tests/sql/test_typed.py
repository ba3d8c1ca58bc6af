"""What people type, and what is kept of it: one rule for all fields, in the database and in Python."""

from __future__ import annotations

import sys
import unicodedata

import psycopg
import pytest

from mpp_supabase.typed import trimmed

#: Characters that are on no keyboard and in many clipboards, with what is kept of A, the character and B.
PASTED = {
    "\u00a0": "A B",  # a space that does not break
    "\u202f": "A B",  # the narrow one of French
    "\u2009": "A B",
    "\u3000": "A B",
    "\t": "A B",
    "\u200b": "A B",  # a space without width joins no words
    "\u00ad": "AB",  # a soft hyphen
    "\u200d": "AB",  # what joins emoji
    "\ufe0f": "AB",
    "\u2011": "A-B",  # a hyphen that does not break
    "\u2010": "A-B",
}
AROUND = ["\u202a", "\u202c", "\u202d", "\u2066", "\u2069", "\u200e", "\u200f", "\ufeff", "\u2060", "\u061c"]


def test_the_database_and_python_trim_every_character_alike(game):
    assigned = [
        chr(code) for code in range(1, sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cs", "Cn", "Co")
    ]
    rows = game.rows(
        "select c.sign, private.trimmed(c.sign || 'A' || c.sign || ' B' || c.sign) as kept"
        " from unnest(%s::text[]) c (sign)",
        (assigned,),
    )
    assert len(rows) == len(assigned) > 100_000
    wrong = [row["sign"] for row in rows if row["kept"] != trimmed(f"{row['sign']}A{row['sign']} B{row['sign']}")]
    assert wrong == []


@pytest.mark.parametrize(("sign", "kept"), PASTED.items(), ids=repr)
def test_pasted_characters_are_trimmed_or_plain(game, sign, kept):
    assert trimmed(f"A{sign}B") == game.one("select private.trimmed(%s)", (f"A{sign}B",)) == kept
    outside = kept[1:-1].strip()
    assert trimmed(f"{sign}AB{sign}") == f"{outside}AB{outside}"


@pytest.mark.parametrize("sign", AROUND, ids=repr)
def test_direction_characters_go_around_a_text_and_are_refused_inside(game, sign):
    person = game.registered()
    edition = game.edition()
    with game.refused("MP010") as caught:
        person.call("create_league", edition_id=edition.id, name=f"Les{sign}Verts")
    assert "invisible" in caught.value.diag.message_primary
    person.call("create_league", edition_id=edition.id, name=f"{sign} Les \u00a0Verts\u200b{sign}")
    assert [row["name"] for row in game.rows("select name from mpp.league where edition_id = %s", (edition.id,))] == [
        "Les Verts"
    ]


def test_the_lines_of_a_message_are_trimmed_like_any_text(game):
    kept = game.one(
        "select private.clean_text('message', E'\\n\\u202d Hello,\\u00a0you\\u202c \\r\\n\\r\\nBye\\u2028now\\n ', 100)"
    )
    assert kept == "Hello, you\n\nBye\nnow"


@pytest.mark.parametrize("text", ["a\u00a0b", "a\u3000b", "a\u202fb", "a\u200bb", " a", "a\u2028b"], ids=repr)
def test_the_tables_keep_no_line_that_was_not_trimmed(game, text):
    with pytest.raises(psycopg.errors.CheckViolation), game.db.transaction():
        game.one("select %s::mpp.line", (text,))
