"""What people type, and what is kept of it: one rule for all fields, in the database and in Python."""

from __future__ import annotations

import sys
import unicodedata
from string import ascii_uppercase

import phonenumbers
import psycopg
import pytest
from psycopg.types.json import Jsonb

from mpp_supabase.sheets.names import is_one_word
from mpp_supabase.typed import holds_mail_address, is_mail_address, trimmed
from tests.support.game import DAY

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
    "\ufb00": "AffB",  # a ligature of a PDF
    "\ufb03": "AffiB",
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


def test_the_database_and_the_sheets_take_the_same_first_names(game):
    signs = [chr(code) for code in range(1, 0x3FFFF) if unicodedata.category(chr(code)) not in ("Cs", "Cn", "Co")]
    forms = [form for sign in signs for form in (sign, f"a{sign}", f"a{sign}a")] + [
        "a'",
        "'a",
        "a--a",
        "a-’a",
        "-a",
        "",
    ]
    rows = game.rows("select w.form, private.is_one_word(w.form) as taken from unnest(%s::text[]) w (form)", (forms,))
    assert len(rows) > 100_000
    assert [row["form"] for row in rows if row["taken"] != is_one_word(row["form"])] == []


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


def test_an_address_is_trimmed_like_any_text(game):
    edition = game.edition("registration")
    client = game.organisation()
    part = game.participation(client, edition)
    game.client_league(part, edition, name="Les Saules")
    until = game.now + 30 * DAY
    pasted = "\u202a\u00a0Ada@Example.ORG\u200b\u202c"
    guests = [{"email": pasted, "league": "\u202dLes\u202fSaules\u202c"}]
    game.service.call("invite_participants", participation_id=part, participants=Jsonb(guests))
    guests.append({"email": "ada@example.org"})
    with game.refused("MP070") as caught:
        game.service.call("invite_participants", participation_id=part, participants=Jsonb(guests))
    assert "its address comes twice" in caught.value.diag.message_primary
    game.service.call("invite_staff", organisation_id=client, email=pasted, role="viewer", access_until=until)
    asked = {"kind": "contact", "name": "Ada", "message": "Hello", "organisation": "\u00a0"}
    game.anon.call("send_contact_request", email=pasted, **asked)
    for table in ("participant", "staff_invitation", "contact_request"):
        assert game.rows(f"select email from mpp.{table}") == [{"email": "ada@example.org"}], table
    for wrong in ("ada\u202a@example.org", "ada\u00a0@example.org", " " * 400 + "ada@example.org"):
        with game.refused("MP070"):
            game.service.call("invite_participants", participation_id=part, participants=Jsonb([{"email": wrong}]))
        with game.refused("MP010"):
            game.service.call("invite_staff", organisation_id=client, email=wrong, role="viewer", access_until=until)
    assert game.service.call("remove_participants", participation_id=part, emails=[pasted]) == 1


LONG = "a" * 64
GOOD_ADDRESSES = [
    "a@b.fr", "ada@example.org", "Ada.Lovelace@Example.ORG", "ada+june@example.org", "o'neil@example.org",
    "!#$%&'*+/=?^_`{|}~-@example.org", "1@2.fr", "a@b-c.d-e.fr", "a@xn--bcher-kva.example", "a@b.c1", "a@b.x-y",
    f"{LONG}@example.org", f"a@{'b' * 63}.fr", f"a@{'b.' * 125}fr",
]  # fmt: skip
BAD_ADDRESSES = [
    "", "a", "@", "a@", "@b.fr", "a@b", "a@b.f", "a@b.1", "a@b.1a", "a@b.c-", "a@@b.fr", "a@b@c.fr", "a@b..fr",
    "a@.b.fr", "a@b.fr.", ".a@b.fr", "a.@b.fr", "a..b@c.fr", "a@-b.fr", "a@b-.fr", "a@b_c.fr", "a b@c.fr",
    "a@b c.fr", " a@b.fr", "a@b.fr ", "a@b.fr\n", "\na@b.fr", "a@b.fr\nbcc:c@d.fr", "a@b.fr,c@d.fr",
    "a@b.fr;c@d.fr", "<a@b.fr>", "Ada <a@b.fr>", '"a b"@c.fr', "a(b)@c.fr", "a@[127.0.0.1]", "a@127.0.0.1",
    "a\\@b.fr", "a:b@c.fr", "élodie@exemple.fr", "a@bücher.fr", "a@b.été", "a\u200b@b.fr", "a\u0301@b.fr",
    "\uff41@b.fr", "a\uff20b.fr", "a@b\u3002fr", f"{LONG}a@example.org", f"a@{'b' * 64}.fr", f"aa@{'b.' * 125}fr",
]  # fmt: skip


def test_python_and_the_database_agree_on_what_an_address_is(game):
    for address, good in (
        (a, is_good) for found, is_good in ((GOOD_ADDRESSES, True), (BAD_ADDRESSES, False)) for a in found
    ):
        assert game.one("select private.is_mail_address(%s)", (address,)) is good, address
        assert is_mail_address(address) is good, address
    # Every character, in each of the places where an address may have one.
    for place in ("{}@b.fr", "a{}a@b.fr", "a@{}b.fr", "a@b{}b.fr", "a@b.{}r", "a@b.f{}", "a@b.fr{}"):
        texts = [place.format(chr(code)) for code in range(1, 0x250)]
        kept = game.rows(
            "select t.text from unnest(%s::text[]) t (text) where private.is_mail_address(t.text)", (texts,)
        )
        assert {row["text"] for row in kept} == {text for text in texts if is_mail_address(text)}, place


def test_where_no_address_belongs_every_one_is_found():
    for address in GOOD_ADDRESSES:
        assert holds_mail_address(address), address
        assert holds_mail_address(f"Write to <{address}>, please"), address
    # Also those that no mail would reach; and what is none is left alone.
    assert all(map(holds_mail_address, ("élodie@exemple.fr", "a@b_c.fr", "a@b.été")))
    assert not any(map(holds_mail_address, ("", "@", "a@b", "@home.fr", "Rendez-vous @ 14.30", "a @ b.fr", "1@2.3")))


def test_an_initial_is_trimmed_like_any_text(game):
    class_ = game.class_(game.edition(audience="school"))
    pupils = Jsonb([{"first_name": "Lina", "initial": initial} for initial in ("\u202a\u00a0m.\u202c", "B")])
    rows = class_.teacher.table("add_pupils", class_id=class_.id, pupils=pupils)
    assert sorted(row["initial"] for row in rows) == ["B", "M"]


def test_the_lines_of_a_message_are_trimmed_like_any_text(game):
    kept = game.one(
        "select private.clean_text('message', E'\\n\\u202d Hello,\\u00a0you\\u202c \\r\\n\\r\\nBye\\u2028now\\n ', 100)"
    )
    assert kept == "Hello, you\n\nBye\nnow"


@pytest.mark.parametrize("text", ["a\u00a0b", "a\u3000b", "a\u202fb", "a\u200bb", " a", "a\u2028b"], ids=repr)
def test_the_tables_keep_no_line_that_was_not_trimmed(game, text):
    with pytest.raises(psycopg.errors.CheckViolation), game.db.transaction():
        game.one("select %s::mpp.line", (text,))


PHONES = [
    ("+33 (0)6 12 34 56 78", "FR", "+33612345678"),
    ("\u202d+33 6 12 34 56 78\u202c", "FR", "+33612345678"),
    ("\u202a+33\u00a06\u202f12\u201134\u201156\u201178\u202c", "BE", "+33612345678"),
    ("0033 6 12 34 56 78", "DE", "+33612345678"),
    ("0033 (0)6.12.34.56.78", "FR", "+33612345678"),
    ("+33 06 12 34 56 78", "FR", "+33612345678"),
    ("06 12 34 56 78", "FR", "+33612345678"),
    ("06/12/34/56/78", "FR", "+33612345678"),
    ("0692 12 34 56", "FR", "+262692123456"),
    ("0639 12 34 56", "FR", "+262639123456"),
    ("0690 12 34 56", "FR", "+590690123456"),
    ("0694 20 12 34", "FR", "+594694201234"),
    ("0696 12 34 56", "FR", "+596696123456"),
    ("0470 12 34 56", "BE", "+32470123456"),
    ("078 123 45 67", "CH", "+41781234567"),
    ("0151 23456789", "DE", "+4915123456789"),
    ("07400 123456", "GB", "+447400123456"),
    ("+44 (0)7400 123456", "FR", "+447400123456"),
    ("06 12345678", "NL", "+31612345678"),
    ("+39 06 1234 5678", "FR", "+390612345678"),
    ("02 512 34 56", "BE", "+3225123456"),
    ("04 223 12 34", "BE", "+3242231234"),
    ("621 123 456", "LU", "+352621123456"),
    ("26 12 34 56", "LU", "+35226123456"),
    ("612 34 56 78", "ES", "+34612345678"),
    ("912 345 678", "PT", "+351912345678"),
    ("333 123 4567", "IT", "+393331234567"),
    ("06 1234 5678", "IT", "+390612345678"),
    ("(514) 555-0123", "CA", "+15145550123"),
    ("0650-123456", "MA", "+212650123456"),
    ("0550 12 34 56", "DZ", "+213550123456"),
    ("0650-123456 7", "AT", "+436501234567"),
    ("+221 77 123 45 67", "BE", "+221771234567"),
    ("+377 6 12 34 56 78", "MC", "+377612345678"),
    ("+1 (202) 555-0123", "US", "+12025550123"),
]


@pytest.mark.parametrize(("typed", "country", "number"), PHONES)
def test_a_telephone_number_is_kept_as_its_network_knows_it(game, typed, country, number):
    assert game.one("select private.phone_number(%s, %s)", (typed, country)) == number
    assert game.one("select private.phone_number(%s, null)", (number,)) == number
    # A library that knows the numbers of the world reads the same.
    parsed = phonenumbers.parse(trimmed(typed), country)
    assert phonenumbers.is_possible_number(parsed)
    assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number or country == "FR"


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("06 12 34 56 78", "BE"), ("0470 12 34 5", "BE"), ("+32 612345678", "BE"), ("06 12 34 56 78", "LU"),
        ("06 12 34 56 78", "MC"), ("06 12 34 56 78", "ES"), ("77 123 45 67", "SN"), ("06 12 34 56 78", "SN"),
        ("06 12 34 56 78", None), ("01 12 34 56 78", "CH"), ("+999 123456789", "FR"), ("+210 123456789", "FR"),
        ("+800 12345678", "FR"), ("+1 123 456 7890", "US"), ("078 123 45 67 8", "CH"), ("0112", "DE"),
        ("612345678", "BE"),
    ],
)  # fmt: skip
def test_a_number_that_cannot_be_one_of_the_country_is_refused(game, typed, country):
    assert game.one("select private.phone_number(%s, %s)", (typed, country)) is None


def test_the_codes_of_countries_are_those_that_the_itu_gave(game):
    """Every example of a library that knows the numbers of the world is a number, and no other code is one."""
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    examples = [
        phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        for region in phonenumbers.SUPPORTED_REGIONS
        for kind in kinds
        if (example := phonenumbers.example_number_for_type(region, kind))
    ]
    refused = [n for n in examples if len(n) >= 8 and game.one("select private.phone_number(%s, null)", (n,)) != n]
    assert refused == []
    given = {str(code) for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items() if regions != ("001",)}
    free = [str(code) for code in range(100, 1000) if not {str(code), str(code)[:2], str(code)[:1]} & given]
    kept = [code for code in free if game.one("select private.phone_number(%s, null)", (f"+{code}23456789",))]
    assert len(free) > 50
    assert kept == []


@pytest.mark.parametrize(
    "typed", ["+330612345678"[:11], "+33061234567", "06 12 34 56", "+33 6 12 34 56 789", "612345678", "+0612345678",
              "06 12 34 56 78 ou 01", "0\u0666 12 34 56 78", "+", "", "tel", "+33 (0)"]
)  # fmt: skip
def test_what_nobody_can_call_is_no_telephone_number(game, typed):
    assert game.one("select private.phone_number(%s, 'FR')", (typed,)) is None


def test_a_league_keeps_the_number_that_its_ambassador_can_call(game):
    league = game.league(game.edition(), is_open=True, phone="+33 (0)6 12 34 56 78")
    abroad = game.registered(country="BE", postcode="1000")
    with game.refused("MP010"):
        abroad.call("join_league", league_id=league.id, phone="06 12 34 56 78")
    abroad.call("join_league", league_id=league.id, phone="\u202d0470 12 34 56\u202c")
    rows = game.rows(
        "select c.phone from mpp.player_contact c join mpp.player p on p.id = c.player_id where p.league_id = %s"
        " order by 1",
        (league.id,),
    )
    assert [row["phone"] for row in rows] == ["+32470123456", "+33612345678"]


PLACES = [
    ("FR", "75011 ", ("FR", "75011")),
    ("FR", "\u00a075011", ("FR", "75011")),
    ("FR", "75 011", ("FR", "75011")),
    ("FR", "20000", ("FR", "20000")),
    ("GB", " sw1a 1aa", ("GB", "SW1A 1AA")),
    ("NL", "1012 jx", ("NL", "1012 JX")),
    ("BE", "1000", ("BE", "1000")),
    ("MC", "98000", ("MC", "98000")),
    ("CI", "00000", ("CI", "00000")),  # a country without postcodes
    ("XK", "10000", ("XK", "10000")),
    ("RE", "97400", ("FR", "97400")),
    ("GP", "97110", ("FR", "97110")),
    ("MQ", "97200", ("FR", "97200")),
    ("GF", "97300", ("FR", "97300")),
    ("YT", "97600", ("FR", "97600")),
    ("PM", "97500", ("FR", "97500")),
    ("BL", "97133", ("FR", "97133")),
    ("MF", "97150", ("FR", "97150")),
    ("NC", "98800", ("FR", "98800")),
    ("PF", "98714", ("FR", "98714")),
    ("WF", "98600", ("FR", "98600")),
    ("FR", "97400", ("FR", "97400")),
    # As people write them in a form and on an envelope.
    ("fr", "75011", ("FR", "75011")),
    (" uk ", "sw1a 1aa", ("GB", "SW1A 1AA")),
    ("Angleterre", "SW1A 1AA", ("GB", "SW1A 1AA")),
    ("Deutschland", "10115", ("DE", "10115")),
    ("Österreich", "A-1010", ("AT", "1010")),
    ("Vereinigtes Königreich", "SW1A 1AA", ("GB", "SW1A 1AA")),
    ("États-Unis", "90210", ("US", "90210")),
    ("FR", "F-75011", ("FR", "75011")),
    ("FR", "fr 75011", ("FR", "75011")),
    ("DE", "D-10115", ("DE", "10115")),
    ("DE", "D‑10115 Berlin", ("DE", "10115")),
    ("LU", "L-1234", ("LU", "1234")),
    ("CH", "CH-8001 Zürich", ("CH", "8001")),
    ("FR", "75011 CEDEX 11", ("FR", "75011")),
    ("FR", "92 057 Paris La Défense Cedex", ("FR", "92057")),
    ("RE", "F-97490 Sainte-Clotilde CEDEX", ("FR", "97490")),
    ("AD", "AD500", ("AD", "AD500")),
    ("LV", "LV-1001", ("LV", "LV-1001")),
]


@pytest.mark.parametrize(("country", "postcode", "kept"), PLACES)
def test_a_place_is_a_country_of_the_list_and_a_postcode_of_it(game, country, postcode, kept):
    person = game.registered(country=country, postcode=postcode)
    assert tuple(person.view("my_profile")[0][name] for name in ("country", "postcode")) == kept
    other = game.registered(country="AU", postcode="2000")
    other.call("update_profile", country=country, postcode=postcode)
    assert tuple(other.view("my_profile")[0][name] for name in ("country", "postcode")) == kept


@pytest.mark.parametrize(
    ("country", "postcode"),
    [("ZZ", "75011"), ("AA", "1000"), ("EU", "1000"), ("Atlantide", "75011"),
     ("FR", "D-75011"), ("FR", "75011X"), ("FR", "00000"), ("FR", "96000"), ("FR", "7501"),
     ("FR", "98000"), ("FR", "SW1A 1AA"), ("RE", "75011"), ("GP", "97400"), ("BE", "0999"), ("BE", "10000"),
     ("DE", "00000"), ("DE", "1234"), ("CH", "800"), ("GB", "?"), ("GB", ""), ("A ", "1000"), ("F", "75011")],
)  # fmt: skip
def test_unknown_countries_and_impossible_postcodes_are_refused(game, country, postcode):
    person = game.signed_in()
    with game.refused("MP010"):
        person.call("register", **game.profile(country=country, postcode=postcode))
    teacher = game.teacher()
    with game.refused("MP010"):
        teacher.call(
            "add_school", name="École", city="Ys", postcode=postcode, country=country, levels=["college"],
            rne="0759999L",
        )  # fmt: skip


def test_overseas_france_is_a_department_of_the_map(game):
    edition = game.edition()
    league = game.league(edition)
    for _ in range(6):
        game.player(league, game.registered(country="RE", postcode="97400"))
    game.service.call("count_edition", edition_code=edition.code)
    areas = {row["area"]: row["players"] for row in game.anon.view("player_map", edition_id=edition.id)}
    assert "RE" not in areas
    assert areas.get("FR-974", 0) >= 6 or sum(areas.values()) == 7


def test_the_list_of_countries_is_that_of_iso(game):
    codes = [a + b for a in ascii_uppercase for b in ascii_uppercase]
    rows = game.rows("select c.code from unnest(%s::text[]) c (code) where private.is_country(c.code)", (codes,))
    known = {row["code"] for row in rows}
    callable_ = {code for code in phonenumbers.SUPPORTED_REGIONS if code not in ("AC", "TA")}
    # The library leaves out places where nobody lives for long.
    assert known - callable_ == {"AQ", "BV", "GS", "HM", "PN", "TF", "UM"}
    assert callable_ <= known
