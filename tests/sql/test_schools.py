"""Schools: their codes, added once, found by a part of their name, loaded from the directory; and their teachers."""

from __future__ import annotations

import string
import threading
import uuid
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.crowd import connect, is_waiting
from tests.support.game import DAY, EVERY_LEVEL, HOUR, TERMS, Game, Jsonb, Person
from tests.support.waiting import join, wait_until

BERLIN = {"name": "Schule am Wald", "city": "Musterstadt", "postcode": "77694", "country": "DE", "levels": ["college"]}
LETTERS = [letter for letter in string.ascii_uppercase if letter not in "IOQ"]


def rne(number: int) -> str:
    """The code with this number: the remainder by 23 names the letter, of which there are 23 without I, O and Q."""
    quotient, remainder = divmod(number, 23)
    assert quotient * 23 + remainder == number
    return f"{number:07d}{LETTERS[remainder]}"


def described(number: int, **more: Any) -> dict[str, Any]:
    """Arguments of add_school."""
    return {"rne": rne(number), "name": f"École {number}", "city": "Exempleville", "postcode": "01000",
            "levels": ["maternelle", "elementaire"], "country": "FR", **more}  # fmt: skip


def unused(game: Game, first: int, count: int = 1) -> int:
    """Where so many numbers in a row, from this one on, are no school's: a database may be used twice."""
    found = game.rows("select left(rne, 7)::int as number from mpp.school where rne >= %s", (str(first),))
    taken = {row["number"] for row in found}
    while taken.intersection(range(first, first + count)):
        first += count
    return first


def load(game: Game, *schools: dict[str, Any]) -> tuple[int, int, int]:
    (outcome,) = game.service.table("import_schools", schools=Jsonb(list(schools)))
    return outcome["added"], outcome["changed"], outcome["unchanged"]


@pytest.fixture
def teacher(game: Game) -> Person:
    return game.teacher()


# the code


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 9_999_999), letter=st.sampled_from(string.ascii_uppercase))
@example(number=750655, letter="E")
@example(number=750654, letter="D")
@example(number=22, letter="Z")
@example(number=0, letter="A")
@example(number=9_999_999, letter="A")
def test_the_letter_of_a_code_checks_its_digits(game, number, letter):
    code = f"{number:07d}{letter}"
    assert game.one("select private.is_rne(%s)", (code,)) is (rne(number) == code)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(code=st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12))
@example(code="0750655e")
@example(code="750655E")
@example(code="00750655E")
@example(code="0750655E\n")
@example(code="٠٧٥٠٦٥٥E")
@example(code="")
def test_what_has_another_shape_is_no_code(game, code):
    expected = len(code) == 8 and code.isascii() and code[:7].isdigit() and code == rne(int(code[:7]))
    assert game.one("select private.is_rne(%s)", (code,)) is expected


@pytest.mark.parametrize("code", ["0750655A", "0750655", "750655E", "E0750655", "0750655I", "0750655é", "x" * 100])
def test_a_school_with_a_wrong_code_is_refused(game, teacher, code):
    with game.refused("MP010"):
        teacher.call("add_school", **described(1, rne=code))


def test_a_code_is_read_in_small_letters_and_with_spaces(game):
    teacher = game.teacher()
    school = teacher.call("add_school", **described(9_990_001, rne=" 9990001" + rne(9_990_001)[-1].lower() + " "))
    assert game.one("select rne from mpp.school where id = %s", (school,)) == rne(9_990_001)


# adding


def test_a_school_is_added_as_described_with_its_levels_in_order(game):
    teacher = game.teacher()
    school = teacher.call(
        "add_school", **described(9_990_002, name="  Les  Lilas ", levels=["college", "maternelle", "college"])
    )
    (row,) = game.anon.view("schools", school_id=school)
    assert (row["rne"], row["name"], row["levels"]) == (rne(9_990_002), "Les Lilas", ["maternelle", "college"])
    assert (row["country"], row["postcode"], row["city"]) == ("FR", "01000", "Exempleville")
    assert "created_by" not in row


def test_two_teachers_who_add_the_same_school_get_the_same_school(game):
    first = game.teacher().call("add_school", **described(9_990_003))
    again = game.teacher().call("add_school", **described(9_990_003, name="Written otherwise", levels=["lycee"]))
    assert again == first
    (row,) = game.anon.view("schools", school_id=first)
    assert (row["name"], row["levels"]) == ("École 9990003", ["maternelle", "elementaire"])


def test_a_school_abroad_has_no_code_and_is_the_same_whatever_the_case_and_accents(game):
    school = game.teacher().call("add_school", **BERLIN | {"name": "École française"})
    for name, city in (("Ecole Francaise", "MUSTERSTADT"), ("ÉCOLE  FRANÇAISE", "Musterstadt")):
        assert game.teacher().call("add_school", **BERLIN | {"name": name, "city": city}) == school
    others = [
        game.teacher().call("add_school", **BERLIN | changed)
        for changed in ({"name": "Other"}, {"city": "Beispielstadt"}, {"postcode": "77695"}, {"country": "PL"})
    ]
    assert len({school, *others}) == 5


def test_a_school_abroad_may_have_a_code_and_one_in_france_must(game):
    abroad = game.teacher().call("add_school", **BERLIN | {"rne": rne(9_990_004)})
    assert game.one("select rne from mpp.school where id = %s", (abroad,)) == rne(9_990_004)
    teacher = game.teacher()
    with game.refused("MP010"):
        teacher.call("add_school", **BERLIN | {"country": "FR"})


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""}, {"name": "x" * 121}, {"name": "a\u202eb"}, {"name": None}, {"city": " "}, {"city": "x" * 81},
        {"city": None}, {"postcode": "1000"}, {"postcode": "2A004"}, {"postcode": None}, {"postcode": "01000;"},
        {"levels": []}, {"levels": ["cp"]}, {"levels": ["college", None]}, {"levels": None},
        {"levels": ["college", "cp"]}, {"country": "F"}, {"country": "FRA"}, {"country": None}, {"rne": None},
        {"rne": ""}, {"rne": "   "},
    ],
    ids=str,
)  # fmt: skip
def test_a_school_that_is_badly_described_is_refused(game, teacher, changed):
    with game.refused("MP010"):
        teacher.call("add_school", **described(9_990_005, **changed))


def test_a_teacher_adds_five_schools_a_day_and_the_staff_as_many_as_they_like(game):
    teacher, staff = game.teacher(), game.staff()
    for number in range(5):
        teacher.call("add_school", **described(9_990_010 + number))
    with game.refused("MP085"):
        teacher.call("add_school", **described(9_990_015))
    # What is known is no addition.
    teacher.call("add_school", **described(9_990_010))
    game.teacher().call("add_school", **described(9_990_016))
    game.clock(game.now + DAY + HOUR)
    teacher.call("add_school", **described(9_990_015))
    for number in range(7):
        staff.call("add_school", **described(9_990_020 + number))
        game.service.call("add_school", **described(9_990_030 + number))


def test_the_same_school_added_on_two_connections_at_the_same_instant_is_one(arena_url):
    """The second waits for the first, which has not committed yet, and is given its school."""
    with connect(arena_url) as one, connect(arena_url) as other, connect(arena_url, autocommit=True) as watching:
        game = Game(one)
        first, second = game.teacher(), game.teacher()
        one.commit()
        for asked in (described(unused(game, 9_991_000)), BERLIN | {"name": f"Schule {uuid.uuid4().hex}"}):
            answers: list[uuid.UUID] = []
            # Opens the transaction that the first answer stays in.
            one.execute("select 1")
            added = first.call("add_school", **asked)
            thread = threading.Thread(
                target=lambda asked=asked, answers=answers: answers.append(second.on(other).call("add_school", **asked))
            )
            thread.start()
            wait_until(lambda: is_waiting(watching, other))
            one.commit()
            join(thread)
            other.commit()
            assert answers == [added]


# where schools are


def place_of(game: Game, code: str) -> tuple[str | None, str | None]:
    (row,) = game.rows("select department, commune from mpp.school where rne = %s", (code,))
    return row["department"], row["commune"]


@pytest.mark.parametrize(
    ("given", "department"),
    [
        ({"postcode": "33220", "department": "24"}, "24"),
        ({"postcode": "01590", "department": "39", "commune": "39283"}, "39"),
        ({"postcode": "05110", "commune": "04066"}, "04"),
        ({"postcode": "97110", "department": "971", "commune": "97120"}, "971"),
        ({"postcode": "20000", "commune": "2A004"}, "2A"),
        ({"postcode": "97420", "commune": "97407"}, "974"),
        ({"postcode": "35170"}, "35"),
    ],
)
def test_the_department_is_the_one_of_the_file_then_of_the_commune_then_of_the_postcode(game, given, department):
    load(game, described(9_994_001, **given))
    assert place_of(game, rne(9_994_001)) == (department, given.get("commune"))


def test_a_correction_of_the_postcode_keeps_what_the_file_said(game):
    load(game, described(9_994_001, postcode="33220", department="24"))
    school = game.one("select id from mpp.school where rne = %s", (rne(9_994_001),))
    game.service.call("correct_school", school_id=school, postcode=" 33 221 ")
    assert place_of(game, rne(9_994_001)) == ("24", None)
    assert load(game, described(9_994_001, postcode="33220", department="33")) == (0, 1, 0)
    assert place_of(game, rne(9_994_001)) == ("33", None)


@pytest.mark.parametrize(
    "wrong", [{"department": "96"}, {"department": "035"}, {"commune": "35"}, {"commune": "00001"},
              {"country": "DE", "commune": "35047"}, {"country": "ZZ"}]
)  # fmt: skip
def test_a_place_that_cannot_be_is_refused(game, wrong):
    with game.refused("MP070"):
        load(game, described(9_994_001, **wrong))


# searching


#: No country: what other tests left in a database that is used twice is somewhere else.
HERE = "TV"


def found(person: Person, query: str, **more: Any) -> list[str]:
    return [row["name"] for row in person.table("search_schools", query=query, **{"country": HERE, **more})]


@pytest.fixture
def directory(game: Game) -> Person:
    """A teacher before a small directory."""
    load(
        game,
        described(9_992_001, country=HERE, name="École élémentaire Saint-Exupéry", city="Orléans", postcode="45000",
                  levels=["elementaire"]),
        described(9_992_002, country=HERE, name="Collège du Sacré-Cœur", city="L'Haÿ-les-Roses", postcode="94240",
                  levels=["college"]),
        described(9_992_003, country=HERE, name="Lycée Ænigma", city="Orléans", postcode="45100", levels=["lycee"]),
        described(9_992_004, country=HERE, name="École maternelle Jean Moulin", city="Lyon 3e", postcode="69003",
                  levels=["maternelle"]),
        described(9_992_005, country=HERE, name="École primaire n° 12 d'Ys", city="Ys", postcode="29000"),
    )  # fmt: skip
    teacher = game.teacher()
    teacher.call("add_school", **BERLIN | {"name": "Große Straße Grundschule", "country": HERE})
    return teacher


EXUPERY, COEUR, LYCEE = "École élémentaire Saint-Exupéry", "Collège du Sacré-Cœur", "Lycée Ænigma"
MOULIN, YS, GROSSE = "École maternelle Jean Moulin", "École primaire n° 12 d'Ys", "Große Straße Grundschule"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (rne(9_992_001), {EXUPERY}),
        (rne(9_992_001).lower(), {EXUPERY}),
        ("9992002", {COEUR}),
        ("45000", {EXUPERY}),
        ("450", {EXUPERY}),
        ("45", None),
        ("orléans", {EXUPERY, LYCEE}),
        ("ORLEANS lycee", {LYCEE}),
        ("exupery", {EXUPERY}),
        ("ST EXUPÉRY", {EXUPERY}),
        ("ste-exupéry", {EXUPERY}),
        ("sainte exupery orleans", {EXUPERY}),
        ("st. exupéry", {EXUPERY}),
        ("saint exupéry", {EXUPERY}),
        ("Saint-Exupéry Orléans 45000", {EXUPERY}),
        # In the middle of a word.
        ("xupé", {EXUPERY}),
        ("oulin", {MOULIN}),
        ("oeu", {COEUR}),
        ("cœur", {COEUR}),
        ("SACRE COEUR", {COEUR}),
        ("hay les roses", {COEUR}),
        ("L’Haÿ", {COEUR}),
        ("aenigma", {LYCEE}),
        ("Ænig", {LYCEE}),
        ("GROSSE strasse", {GROSSE}),
        ("straße", {GROSSE}),
        # Short words narrow what the long ones find.
        ("ys primaire", {YS}),
        ("lyon 3e", {MOULIN}),
        ("lyon 4e", set()),
        ("école 12", {YS}),
        ("école", {EXUPERY, MOULIN, YS}),
        ("  école  ", {EXUPERY, MOULIN, YS}),
        ("nowhere", set()),
        ("%%%exup%%%", {EXUPERY}),
        ("___", None),
        ("", None),
        (" a b ", None),
        ("n° 12", None),
        ("x" * 401, None),
        ("é\u0301\u0301\u0301cole", {EXUPERY, MOULIN, YS}),
        ("'; drop table mpp.school; --", set()),
    ],
)
def test_a_school_is_found_by_any_part_of_its_code_place_or_name(game, directory, query, names):
    if names is None:
        with game.refused("MP010"):
            found(directory, query)
    else:
        assert set(found(directory, query)) == names


def test_a_search_takes_thirty_words_eight_of_them_short_and_counts_each_once(game, directory):
    words = "ecole elementaire saint exupery orleans 45000"
    assert found(directory, f"{words} {words} ec ole sai") == [EXUPERY]
    assert found(directory, f"{'o ' * 150} {words}") == [EXUPERY]
    long = [f"{a}{b}{b}" for a in "abcdef" for b in "vwxyz"]
    assert found(directory, " ".join(long)) == []
    with game.refused("MP010"):
        found(directory, " ".join([*long, "moulin"]))
    short = "zq xy wz jk qp vb nm hg"
    assert found(directory, f"ville {short}") == []
    with game.refused("MP010"):
        found(directory, f"ville {short} fd")


OFFICIAL = (
    "Section d'enseignement professionnel du Lycée polyvalent Ste-Anne - Lycée des métiers du bois de la construction"
)


def test_a_school_is_found_by_its_whole_official_name_and_its_town(game, directory):
    load(game, described(9_992_006, country=HERE, name=OFFICIAL, city="St Jacques-de-la-Lande", postcode="35136"))
    for query in (
        f"{OFFICIAL} St Jacques-de-la-Lande", f"{OFFICIAL} 35136 saint jacques de la lande", "sainte anne st jacques",
        "saint-anne saint-jacques-de-la-lande", "lycee sainte-anne",
    ):  # fmt: skip
        assert found(directory, query) == [OFFICIAL], query


def test_a_search_is_narrowed_by_country_and_level_and_number(game, directory):
    assert set(found(directory, "ecole", level="maternelle")) == {MOULIN, YS}
    assert found(directory, "grosse strasse", country="FR") == []
    assert GROSSE in found(directory, "grosse strasse", country=None)
    assert len(found(directory, "ecole", results=2)) == 2
    for wrong in ({"results": 0}, {"results": 101}, {"results": None}, {"level": "cp"}):
        with game.refused("MP010"):
            found(directory, "ecole", **wrong)


def test_a_search_puts_first_the_names_that_begin_with_it(game, directory):
    load(
        game,
        described(9_992_010, name="Moulin Rouge", country=HERE),
        described(9_992_011, name="Au Moulin", country=HERE),
    )
    assert found(directory, "moulin") == ["Moulin Rouge", "Au Moulin", MOULIN]


def test_a_search_that_finds_hundreds_answers_as_many_as_asked_for(game, directory):
    load(game, *(described(9_993_000 + n, name=f"École {n}", country=HERE) for n in range(600)))
    assert len(found(directory, "ecole")) == 20
    assert len(found(directory, "ecole", results=100)) == 100
    assert found(directory, "ecole 9993599") == ["École 599"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(query=st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30))
def test_whatever_is_typed_is_answered_or_refused(game, query):
    with game.db.transaction(force_rollback=True):
        teacher = game.teacher()
        try:
            teacher.table("search_schools", query=query)
        except psycopg.Error as error:
            if error.sqlstate != "MP010":
                raise


def test_a_hidden_school_is_found_and_used_by_nobody(game, directory):
    (row,) = directory.table("search_schools", query="exupery", country=HERE)
    game.service.call("correct_school", school_id=row["school_id"], is_hidden=True)
    assert found(directory, "exupery") == []
    assert directory.view("schools", school_id=row["school_id"]) == []
    edition = game.edition(audience="school")
    with game.refused("MP080"):
        directory.call(
            "create_class", edition_id=edition.id, school_id=row["school_id"], name="CM1", level="elementaire"
        )
    game.service.call("correct_school", school_id=row["school_id"], is_hidden=False)
    assert found(directory, "exupery") == [EXUPERY]


# the directory


def test_importing_a_batch_twice_changes_nothing(game):
    batch = [described(9_994_000 + n) for n in range(20)]
    assert load(game, *batch) == (20, 0, 0)
    before = game.fingerprint()
    assert load(game, *batch) == (0, 0, 20)
    assert game.fingerprint() == before
    batch[3] = {**batch[3], "name": "Renamed"}
    batch[4] = {**batch[4], "levels": ["lycee"]}
    assert load(game, *batch, described(9_994_100)) == (1, 2, 18)
    assert load(game, *reversed(batch)) == (0, 0, 20)


def test_an_import_keeps_the_id_of_a_school_that_a_teacher_added_first(game):
    school = game.teacher().call("add_school", **described(9_994_200, name="As the teacher wrote it"))
    assert load(game, described(9_994_200, name="As the Ministry writes it")) == (0, 1, 0)
    assert game.anon.view("schools", school_id=school)[0]["name"] == "As the Ministry writes it"


def test_a_school_the_staff_took_off_the_lists_stays_off_after_an_import(game):
    load(game, described(9_994_300))
    school = game.one("select id from mpp.school where rne = %s", (rne(9_994_300),))
    game.service.call("correct_school", school_id=school, is_hidden=True)
    load(game, described(9_994_300, name="Again"))
    assert game.anon.view("schools", school_id=school) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rne": "9994401X"}, "9994401X"), ({"rne": None}, "nothing"), ({"rne": rne(9_994_400)}, "twice"),
        ({"name": ""}, "the name"), ({"name": "x" * 121}, "the name"), ({"city": None}, "the city"),
        ({"country": "France"}, "the country"), ({"postcode": "abc"}, "the postcode"), ({"levels": []}, "the levels"),
        ({"levels": ["cp"]}, "the levels"), ({"levels": [None]}, "the levels"), ({"levels": None}, "the levels"),
    ],
    ids=str,
)  # fmt: skip
def test_a_batch_with_a_wrong_row_is_refused_whole_and_the_row_is_named(game, changed, said):
    with game.refused("MP070") as caught:
        load(game, described(9_994_400), described(9_994_401, **changed), described(9_994_402))
    assert said in str(caught.value)
    assert "row 2" in str(caught.value) or said == "twice"


@pytest.mark.parametrize(
    "batch", [None, {}, "many", 7, [7], ["x"], [[]], [{"rne": {}}], [{**described(9_994_500), "levels": "college"}]]
)
def test_a_batch_of_another_shape_is_refused(game, batch):
    with game.refused("MP010", "MP070"):
        game.service.table("import_schools", schools=Jsonb(batch))


def test_an_import_of_nothing_does_nothing(game):
    assert load(game) == (0, 0, 0)


# corrections


def test_the_staff_correct_a_school_and_it_is_written_down(game):
    school = game.school(name="Ecole Fautive")
    staff = game.staff()
    staff.call("correct_school", school_id=school, name="École Juste")
    staff.call("correct_school", school_id=school, city="Ailleurs", postcode="02000")
    staff.call("correct_school", school_id=school, levels=["lycee", "college"])
    (row,) = game.anon.view("schools", school_id=school)
    assert (row["name"], row["city"], row["postcode"]) == ("École Juste", "Ailleurs", "02000")
    assert row["levels"] == ["college", "lycee"]
    assert [r["school_id"] for r in game.teacher().table("search_schools", query="juste ailleurs")] == [school]
    assert len(game.service.view("audit_log", action="school.correct", subject=str(school))) == 3


def test_a_correction_that_makes_two_schools_one_or_no_sense_is_refused(game):
    game.service.call("add_school", **BERLIN)
    other = game.service.call("add_school", **BERLIN | {"name": "Other"})
    with game.refused("MP038"):
        game.service.call("correct_school", school_id=other, name="SCHULE AM WALD")
    for wrong in ({"name": " "}, {"postcode": "?"}, {"levels": ["cp"]}, {"city": "a\nb\u202ec"}, {"levels": []}):
        with game.refused("MP010"):
            game.service.call("correct_school", school_id=other, **wrong)
    with game.refused("MP080"):
        game.service.call("correct_school", school_id=uuid.uuid4(), name="Nowhere")


def test_a_renamed_school_is_read_so_in_its_rankings(game):
    edition = game.edition(audience="school")
    class_ = game.class_(edition, pupils=("Lina",))
    game.service.call("correct_school", school_id=class_.school, name="Renamed")
    assert game.anon.view("class_ranking", subject_id=class_.id)[0]["school_label"] == "Renamed"
    assert game.anon.view("school_ranking", subject_id=class_.school)[0]["label"] == "Renamed"


# teachers


def test_a_teacher_registers_once_with_consents_and_reads_only_their_own_record(game):
    teacher = game.signed_in()
    given = {"first_name": "Tess", "last_name": "Exemple", "role": "Directrice", "subject": "SVT", "language": "de"}
    teacher.call("register_teacher", **given, terms_version=TERMS, class_alerts=True)
    (me,) = teacher.view("my_teacher")
    assert {key: me[key] for key in given} == given
    assert me["id"] == teacher.account
    assert me["email"].endswith("@example.org")
    assert {r["purpose"] for r in teacher.view("my_consents")} == {"terms", "league_alerts"}
    assert teacher.view("my_profile") == []
    assert game.teacher().view("my_teacher")[0]["id"] != teacher.account
    with game.refused("MP004"):
        teacher.call("register_teacher", **given, terms_version=TERMS)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"first_name": ""}, "MP010"), ({"last_name": "a\u200bb\u202ec"}, "MP010"), ({"role": None}, "MP010"),
        ({"role": "x" * 81}, "MP010"), ({"subject": "x" * 81}, "MP010"), ({"language": "it"}, "MP010"),
        ({"language": None}, "MP010"), ({"terms_version": "1999-01"}, "MP051"), ({"terms_version": None}, "MP051"),
    ],
    ids=str,
)  # fmt: skip
def test_a_registration_that_is_wrong_is_refused(game, changed, code):
    given = {"first_name": "Tess", "last_name": "Exemple", "role": "Enseignante", "terms_version": TERMS}
    person = game.signed_in()
    with game.refused(code):
        person.call("register_teacher", **given | changed)


def test_a_teacher_corrects_what_they_said_of_themselves(game):
    teacher = game.teacher(subject="Maths")
    teacher.call("update_teacher", last_name="Nouvelle")
    teacher.call("update_teacher", role="Documentaliste", language="en")
    (me,) = teacher.view("my_teacher")
    assert (me["first_name"], me["last_name"], me["role"]) == ("Tess", "Nouvelle", "Documentaliste")
    assert (me["subject"], me["language"]) == ("Maths", "en")
    teacher.call("update_teacher", subject="")
    assert teacher.view("my_teacher")[0]["subject"] is None
    with game.refused("MP010"):
        teacher.call("update_teacher", language="it")


def test_a_teacher_who_also_registers_as_a_player_is_both(game):
    teacher = game.teacher()
    edition = game.edition()
    with game.refused("MP003"):
        teacher.call("create_league", edition_id=edition.id, name="Before")
    teacher.call("register", **game.profile(alias="tess-plays", first_name="Tess"))
    league = game.league(edition, teacher)
    assert teacher.view("my_profile")[0]["alias"] == "tess-plays"
    assert len(teacher.view("my_teacher")) == 1
    class_ = game.class_(game.edition(audience="school"), teacher, pupils=("Lina",))
    assert [r["league_id"] for r in teacher.view("my_leagues")] == [league.id]
    assert [r["class_id"] for r in teacher.view("my_classes")] == [class_.id]
    with game.refused("MP004"):
        teacher.call("register", **game.profile(alias="again"))
    # The new alias reaches the league and not the pupils.
    teacher.call("update_profile", alias="tess-renamed")
    assert {r["alias"] for r in teacher.view("league_members", league_id=class_.id)} == {None}
    assert {r["alias"] for r in teacher.view("league_members", league_id=league.id)} == {"tess-renamed"}


def test_a_player_who_also_registers_as_a_teacher_keeps_their_profile(game):
    edition = game.edition()
    league = game.league(edition, game.registered("ana-plays"))
    player = league.ambassador
    player.call("register_teacher", first_name="Other", last_name="Name", role="Enseignante", terms_version=TERMS)
    assert player.view("my_profile")[0]["alias"] == "ana-plays"
    assert player.view("my_teacher")[0]["first_name"] == "Ana"
    class_ = game.class_(game.edition(audience="school"), player, pupils=("Lina",))
    game.validate(player, edition, "t-soup")
    assert game.score(league.id) == 2
    player.call("update_teacher", first_name="Anna")
    assert player.view("league_members", league_id=league.id)[0]["first_name"] == "Anna"
    assert player.view("league_members", league_id=class_.id)[0]["first_name"] == "Lina"


def test_the_staff_count_teachers_by_role_and_see_no_name(game):
    for subject in ("SVT", "SVT", None):
        game.teacher(role="Rôle d'essai", subject=subject)
    rows = game.staff().view("teacher_statistics", role="Rôle d'essai")
    assert {(r["subject"], r["teachers"]) for r in rows} == {("SVT", 2), (None, 1)}
    assert "Tess" not in str(rows)


def test_every_level_of_a_school_is_one_of_the_four(game):
    with pytest.raises(psycopg.errors.CheckViolation), game.db.transaction():
        game.db.execute(
            "insert into mpp.school (name, levels, country, postcode, city) values ('X', '{cp}', 'DE', '12345', 'Y')"
        )
    assert set(EVERY_LEVEL) == {"maternelle", "elementaire", "college", "lycee"}
