"""Classes: made by a teacher, filled with first names, shared with a colleague, and left out of the public game."""

from __future__ import annotations

import json
import uuid
from typing import Any

import psycopg
import pytest

from tests.support.game import DAY, HOUR, Class, Edition, Game, Jsonb, Person


@pytest.fixture
def edition(game: Game) -> Edition:
    return game.edition(audience="school", ranking_basis="average", league_min_players=2, league_max_players=30)


@pytest.fixture
def class_(game: Game, edition: Edition) -> Class:
    return game.class_(edition, pupils=("Lina", "Marie-Lou", "Noé"))


def faults(caught) -> list[tuple[int, str, list[str]]]:
    """What a refused list says of its rows."""
    found = json.loads(caught.value.diag.message_detail)["faults"]
    return [(each["row"], each["fault"], each["arguments"]) for each in found]


def add(class_: Class, *pupils: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """The rows of add_pupils."""
    return class_.teacher.table("add_pupils", class_id=class_.id, pupils=Jsonb(list(pupils)), **more)


def named(game: Game, class_: Class) -> dict[str, uuid.UUID]:
    """The pupils of a class by display name, as its teacher reads them."""
    return {r["name"]: r["player_id"] for r in class_.teacher.view("league_members", league_id=class_.id)}


def validate(class_: Class, code: str, **more: Any) -> list[dict[str, Any]]:
    return class_.teacher.table(
        "validate_for_pupils", class_id=class_.id, challenge_id=class_.edition.challenges[code],
        request_key=uuid.uuid4(), **more,
    )  # fmt: skip


def new_class(game: Game, edition: Edition, teacher: Person, **arguments: Any) -> uuid.UUID:
    given = {"edition_id": edition.id, "name": f"Class {uuid.uuid4().hex[:6]}", "level": "elementaire", **arguments}
    if "school_id" not in given:
        given["school_id"] = game.school()
    return teacher.call("create_class", **given)  # type: ignore[no-any-return]


# making one


def test_a_class_starts_with_one_team_a_code_for_families_and_its_teacher(game, edition):
    teacher = game.teacher()
    school = game.school(name="École des Débuts", city="Commenville")
    id_ = new_class(game, edition, teacher, school_id=school, name="  CM2  B ")
    (mine,) = teacher.view("my_classes")
    assert (mine["class_id"], mine["name"], mine["level"]) == (id_, "CM2 B", "elementaire")
    assert (mine["school_label"], mine["city"], mine["pupils"], mine["points"]) == (
        "École des Débuts",
        "Commenville",
        0,
        0,
    )
    assert (mine["is_teacher"], mine["listed"], mine["has_chosen"]) == (True, True, False)
    assert len(mine["class_code"]) == 10
    assert [t["name"] for t in teacher.view("league_teams", league_id=id_)] == ["Team 1"]
    teacher.headers = {"accept-language": "fr-FR,fr;q=0.9"}
    id_ = new_class(game, edition, teacher)
    assert [t["name"] for t in teacher.view("league_teams", league_id=id_)] == ["Équipe 1"]
    (me,) = teacher.table("class_teachers", class_id=id_)
    assert (me["teacher_id"], me["is_principal"], me["is_me"]) == (teacher.account, True, True)


def test_a_class_may_start_with_teams_of_its_own(game, edition):
    teacher = game.teacher()
    id_ = new_class(game, edition, teacher, teams=["Les Ours", " Les  Loups "])
    assert {t["name"] for t in teacher.view("league_teams", league_id=id_)} == {"Les Ours", "Les Loups"}
    for teams, code in (
        (["A", "B", "C"], "MP037"), (["A", "a"], "MP038"), (["A", ""], "MP010"), (["A", None], "MP010"),
        (["x" * 41], "MP010"),
    ):  # fmt: skip
        school = game.school()
        with game.refused(code):
            new_class(game, edition, teacher, teams=teams, school_id=school)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"name": " "}, "MP010"), ({"name": "x" * 61}, "MP010"), ({"name": None}, "MP010"), ({"level": "cp"}, "MP010"),
        ({"level": None}, "MP010"), ({"level": "lycee"}, "MP010"), ({"edition_id": -1}, "MP020"),
        ({"edition_id": None}, "MP020"), ({"school_id": uuid.UUID(int=1)}, "MP080"), ({"school_id": None}, "MP080"),
    ],
    ids=str,
)  # fmt: skip
def test_a_class_that_is_badly_described_is_refused(game, edition, changed, code):
    teacher, school = game.teacher(), game.school(["maternelle", "elementaire"])
    with game.refused(code):
        new_class(game, edition, teacher, **{"school_id": school, **changed})


def test_a_class_is_made_while_its_school_edition_may_be_joined(game):
    teacher, school = game.teacher(), game.school()
    for phase, code in (("draft", "MP021"), ("closed", "MP023"), ("frozen", "MP024")):
        edition = game.edition(phase, audience="school")
        with game.refused(code):
            new_class(game, edition, teacher, school_id=school)
    late = game.edition(audience="school", registration=-HOUR)
    with game.refused("MP023"):
        new_class(game, late, teacher, school_id=school)
    new_class(game, game.edition("registration", audience="school"), teacher, school_id=school)


def test_classes_play_in_school_editions_and_leagues_in_public_ones(game, edition):
    teacher, school = game.teacher(), game.school()
    public, player = game.edition(), game.registered()
    with game.refused("MP028"):
        new_class(game, public, teacher, school_id=school)
    with game.refused("MP028"):
        player.call("create_league", edition_id=edition.id, name="A league")


def test_a_private_edition_is_named_to_no_teacher(game):
    code = f"org-{uuid.uuid4().hex[:8]}"
    client = game.one("insert into mpp.organisation (code, name) values (%s, 'A client') returning id", (code,))
    private = game.edition(audience="school", organisation=client)
    teacher, school = game.teacher(), game.school()
    with game.refused("MP005"):
        new_class(game, private, teacher, school_id=school)
    id_ = new_class(game, private, game.service, school_id=school, teacher_id=teacher.account)
    assert [r["class_id"] for r in teacher.view("my_classes")] == [id_]
    assert [r["id"] for r in teacher.view("editions", id=private.id)] == [private.id]
    assert game.teacher().view("editions", id=private.id) == []


def test_every_school_may_have_a_cm2_a_and_each_only_one(game, edition):
    first, second = game.school(), game.school()
    new_class(game, edition, game.teacher(), school_id=first, name="CM2 A")
    new_class(game, edition, game.teacher(), school_id=second, name="CM2 A")
    teacher = game.teacher()
    with game.refused("MP038"):
        new_class(game, edition, teacher, school_id=first, name="cm2 a")
    other = new_class(game, edition, teacher, school_id=first, name="CM2 B")
    with game.refused("MP038"):
        teacher.call("update_class", class_id=other, name="CM2 A")
    new_class(game, game.edition(audience="school"), teacher, school_id=first, name="CM2 A")


def test_a_teacher_makes_twelve_classes_in_an_edition(game, edition):
    teacher, school = game.teacher(), game.school()
    for number in range(12):
        new_class(game, edition, teacher, school_id=school, name=f"Class {number}")
    with game.refused("MP039"):
        new_class(game, edition, teacher, school_id=school, name="Too many")
    new_class(game, game.edition(audience="school"), teacher, school_id=school, name="Elsewhere")


def test_the_staff_make_a_class_for_a_teacher_and_it_is_written_down(game, edition):
    teacher, school = game.teacher(), game.school()
    for person in (game.staff(), game.service):
        id_ = new_class(game, edition, person, school_id=school, teacher_id=teacher.account)
        assert game.one("select account_id from mpp.ambassador where league_id = %s", (id_,)) == teacher.account
        (trace,) = game.service.view("audit_log", action="class.create", subject=str(id_))
        assert trace["details"]["teacher_id"] == str(teacher.account)


def test_the_level_of_a_class_is_corrected_until_it_has_validated(game, edition, class_):
    teacher = class_.teacher
    teacher.call("choose_class_challenges", class_id=class_.id, challenge_ids=[edition.challenges["t-soup"]])
    teacher.call("update_class", class_id=class_.id, level="college")
    (mine,) = teacher.view("my_classes")
    assert (mine["level"], mine["has_chosen"]) == ("college", False)
    (shown,) = game.anon.view("class_ranking", subject_id=class_.id)
    assert shown["level"] == "college"
    assert game.faults(edition) == []
    validate(class_, "t-soup")
    with game.refused("MP010"):
        teacher.call("update_class", class_id=class_.id, level="lycee")
    # The same again, and the name, are still taken.
    teacher.call("update_class", class_id=class_.id, level="college", name="5e B")
    assert game.anon.view("class_ranking", subject_id=class_.id)[0]["label"] == "5e B"


def test_a_class_has_a_level_that_its_school_has(game, edition):
    class_ = game.class_(edition, school_id=game.school(["elementaire"]))
    for level in ("college", "cp", ""):
        with game.refused("MP010"):
            class_.teacher.call("update_class", class_id=class_.id, level=level)


# pupils


def test_a_pupil_is_a_first_name_and_nothing_else(game, edition, class_):
    rows = game.rows("select * from mpp.player where league_id = %s", (class_.id,))
    for row in rows:
        assert (row["account_id"], row["alias"], row["picture_path"], row["initial"]) == (None, None, None, None)
        assert row["listed"] is False
    members = class_.teacher.view("league_members", league_id=class_.id)
    assert {(m["name"], m["first_name"], m["alias"], m["phone"]) for m in members} == {
        (name, name, None, None) for name in ("Lina", "Marie-Lou", "Noé")
    }


@pytest.mark.parametrize(
    "name", ["Ada", "Jean-Noël", "N'Golo", "N’Golo", "Zoé", "Øyvind", "Łukasz", "李娜", "Анна", "محمد", "Ö",
             "x" * 30]
)  # fmt: skip
def test_first_names_of_every_script_are_taken(game, class_, name):
    (row,) = add(class_, {"first_name": f" {name} "})
    assert (row["first_name"], row["name"]) == (name, name)


@pytest.mark.parametrize(
    "name",
    [
        "Lina Martin", "Lina\tMartin", "Lina\u00a0Martin", "Lina\u3000Martin", "Lina\u2003Martin", "Lina\u1680Martin",
        "Lina2", "Lina٣", "Lina１", "lina@example.org", "lina＠example", "Lina.M", "Lina,Martin", "Lina;Martin",
        "Lina_Martin", "Lina/Martin", "(Lina)", "Lina\u0000"[:4] + "\u0001", "Li\u202ena", "Lina\u2028M",
        "=Lina", "+Lina", "😀", "Lina😀", "-", "'", "—", "", "   ", None, 7, "x" * 31, "Lina|Martin", "Lina·M",
        "<b>Lina</b>", "&amp;", "Lina“", "\u0301", "12/03/2015",
    ],
    ids=repr,
)  # fmt: skip
def test_what_could_hold_more_than_a_first_name_is_refused(game, class_, name):
    with game.refused("MP070"):
        add(class_, {"first_name": name})
    with game.refused("MP070"):
        add(class_, {"first_name": "Ada"}, {"first_name": name})
    with game.refused("MP070"):
        add(class_, {"pupil_id": str(class_.pupils["Lina"]), "first_name": name or ""})


@pytest.mark.parametrize(
    "key",
    ["last_name", "surname", "nom", "email", "mail", "birth_date", "birthdate", "phone", "address", "alias", "listed",
     "account_id", "league_id", "name", "gender", "class", "First_name", "first_name ", "x" * 300],
)  # fmt: skip
def test_anything_else_about_a_pupil_is_refused_by_its_place(game, class_, key):
    for value in ("secret", None, "", 3, {"deep": "secret"}):
        with game.refused("MP070") as caught:
            add(class_, {"first_name": "Ada", key: value})
        assert faults(caught) == [(1, "key_unknown", [])]
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("pupils", [None, {}, [], "Lina", 7, [{"first_name": "A"}] * 201])
def test_a_list_of_pupils_of_another_shape_is_refused(game, class_, pupils):
    with game.refused("MP010"):
        class_.teacher.table("add_pupils", class_id=class_.id, pupils=Jsonb(pupils))


@pytest.mark.parametrize(
    ("pupil", "fault"),
    [("Lina", "not_an_object"), (["Lina"], "not_an_object"), (None, "not_an_object"), ({}, "first_name_wrong")],
)
def test_a_pupil_of_another_shape_is_refused(game, class_, pupil, fault):
    with game.refused("MP070") as caught:
        add(class_, {"first_name": "Ada"}, pupil)
    assert [(row, code) for row, code, _ in faults(caught)] == [(2, fault)]


@pytest.mark.parametrize(
    "element",
    [{"pupil_id": "x"}, {"pupil_id": "00000000-0000-0000-0000-000000000000"}, {"pupil_id": "7"},
     {"first_name": "Ada", "team_id": "x"}, {"first_name": "Ada", "team_id": "00000000-0000-0000-0000-000000000000"}],
)  # fmt: skip
def test_a_pupil_or_a_team_that_is_not_of_the_class_is_refused(game, class_, element):
    with game.refused("MP070") as caught:
        add(class_, element)
    assert faults(caught) == [(1, "pupil_unknown" if "pupil_id" in element else "team_unknown", [])]


def test_a_pupil_and_a_team_of_another_class_are_refused_like_those_that_do_not_exist(game, edition, class_):
    other = game.class_(edition, pupils=("Ada",))
    for element, fault in (
        ({"pupil_id": str(other.pupils["Ada"])}, "pupil_unknown"),
        ({"first_name": "Eve", "team_id": str(other.teams[0])}, "team_unknown"),
    ):
        with game.refused("MP070") as caught:
            add(class_, element)
        assert faults(caught) == [(1, fault, [])]


def test_the_same_pupil_is_not_corrected_twice_in_one_call(game, class_):
    lina = str(class_.pupils["Lina"])
    with game.refused("MP070") as caught:
        add(class_, {"pupil_id": lina, "first_name": "Ada"}, {"pupil_id": lina, "first_name": "Eve"})
    assert faults(caught) == [(1, "pupil_twice", []), (2, "pupil_twice", [])]


def test_a_second_lina_arrives_later_and_results_stay_with_the_right_child(game, edition, class_):
    first = class_.pupils["Lina"]
    validate(class_, "t-soup", pupil_ids=[first])
    for alone in ({"first_name": "Lina"}, {"first_name": "Lina", "initial": "M"}, {"first_name": "LÍNA"}):
        with game.refused("MP070") as caught:
            add(class_, {"first_name": "Ada"}, alone)
        assert faults(caught) == [(2, "first_name_twice", [])]
    rows = add(class_, {"pupil_id": str(first), "initial": "M"}, {"first_name": "Lina", "initial": "b."})
    assert [(r["name"], r["initial"]) for r in rows] == [("Lina M.", "M"), ("Lina B.", "B")]
    second = rows[1]["pupil_id"]
    validate(class_, "t-bike", pupil_ids=[second])
    assert (game.score(first), game.score(second), game.score(class_.id)) == (2, 4, 6)
    shown = {(r["name"], r["challenge_code"]) for r in class_.teacher.view("league_validations", league_id=class_.id)}
    assert shown == {("Lina M.", "t-soup"), ("Lina B.", "t-bike")}
    # When one of them leaves, the other is simply Lina again.
    class_.teacher.call("remove_pupil", pupil_id=first)
    assert named(game, class_)["Lina"] == second
    assert game.score(class_.id) == 6


def test_three_of_one_name_each_need_an_initial_of_their_own(game, class_):
    for initials, rows in (
        (("A", "B", "A"), [1, 3]), (("A", "B", "a."), [1, 3]), (("A", "B", None), [1, 2, 3]), (("É", "E", "F"), [1, 2]),
    ):  # fmt: skip
        with game.refused("MP070") as caught:
            add(class_, *({"first_name": "Ada", "initial": i} for i in initials))
        assert faults(caught) == [(row, "first_name_twice", []) for row in rows]
    rows = add(class_, *({"first_name": "Ada", "initial": i} for i in ("A", "Ab", "É.")))
    assert [r["name"] for r in rows] == ["Ada A.", "Ada AB.", "Ada E."]


def test_initials_may_be_exchanged_in_one_call(game, class_):
    one, two, three = (
        r["pupil_id"] for r in add(class_, *({"first_name": "Ada", "initial": i} for i in ("A", "B", "C")))
    )
    rows = add(class_, {"pupil_id": str(one), "initial": "B"}, {"pupil_id": str(two), "initial": "A"})
    assert [r["name"] for r in rows] == ["Ada B.", "Ada A."]
    add(
        class_, {"pupil_id": str(one), "initial": "C"}, {"pupil_id": str(three), "initial": "D"},
        {"first_name": "Ada", "initial": "B"},
    )  # fmt: skip
    assert {n for n in named(game, class_) if n.startswith("Ada")} == {"Ada A.", "Ada B.", "Ada C.", "Ada D."}


def test_first_names_may_be_exchanged_in_one_call(game, class_):
    lina, noe = class_.pupils["Lina"], class_.pupils["Noé"]
    add(class_, {"pupil_id": str(lina), "first_name": "Noé"}, {"pupil_id": str(noe), "first_name": "Lina"})
    assert named(game, class_) == {"Noé": lina, "Lina": noe, "Marie-Lou": class_.pupils["Marie-Lou"]}


def test_an_initial_that_is_not_needed_is_not_kept(game, class_):
    (row,) = add(class_, {"first_name": "Ada", "initial": "L"})
    assert (row["name"], row["initial"]) == ("Ada", None)
    assert game.one("select initial from mpp.player where id = %s", (row["pupil_id"],)) is None
    one, two = add(class_, {"first_name": "Eve", "initial": "A"}, {"first_name": "eve", "initial": "B"})
    add(class_, {"pupil_id": str(two["pupil_id"]), "first_name": "Yves"})
    assert {"Eve", "Yves"} <= set(named(game, class_))
    assert game.one("select initial from mpp.player where id = %s", (one["pupil_id"],)) is None


@pytest.mark.parametrize("initial", ["ABC", "1", "M1", "Martin", "@", "!", "😀", "١", 7, "A B"])
def test_an_initial_is_one_letter_or_two(game, class_, initial):
    with game.refused("MP070") as caught:
        add(class_, {"first_name": "Ada", "initial": initial})
    assert [(row, fault) for row, fault, _ in faults(caught)] == [(1, "initial_wrong")]


def test_the_same_first_name_in_two_classes_needs_no_initial(game, edition, class_):
    other = game.class_(edition, pupils=("Lina",))
    assert list(other.pupils) == ["Lina"]
    assert "Lina" in named(game, class_)


def test_a_class_holds_as_many_pupils_as_the_edition_says(game):
    edition = game.edition(audience="school", league_min_players=1, league_max_players=3)
    class_ = game.class_(edition, pupils=("Ada", "Eve"))
    with game.refused("MP032"):
        game.pupils(class_, "Lou", "Max")
    game.pupils(class_, "Lou")
    with game.refused("MP032"):
        game.pupils(class_, "Max")
    # A correction is no addition.
    add(class_, {"pupil_id": str(class_.pupils["Lou"]), "first_name": "Louis"})


def test_pupils_go_to_the_smallest_team_unless_one_is_named(game, edition):
    class_ = game.class_(edition, teams=["A", "B"])
    add(class_, {"first_name": "Ada", "team": "a"}, {"first_name": "Eve", "team_id": str(class_.teams[0])})
    rows = add(class_, {"first_name": "Lou"}, {"first_name": "Max"}, {"first_name": "Noé"})
    assert [r["team_id"] for r in rows] == [class_.teams[1], class_.teams[1], class_.teams[0]]


def test_the_one_empty_team_takes_the_first_name_and_others_are_made(game, edition):
    class_ = game.class_(edition)
    rows = add(
        class_, {"first_name": "Ada", "team": "Ours"}, {"first_name": "Eve", "team": "Loups"},
        {"first_name": "Lou", "team": "ours"}, {"first_name": "Max"},
    )  # fmt: skip
    teams = {t["name"]: t for t in class_.teacher.view("league_teams", league_id=class_.id)}
    assert {name: t["players"] for name, t in teams.items()} == {"Ours": 2, "Loups": 2}
    assert rows[0]["team_id"] == rows[2]["team_id"] == class_.teams[0]
    with game.refused("MP037"):
        add(class_, {"first_name": "Zoé", "team": "Third"})
    with game.refused("MP070") as caught:
        add(class_, {"first_name": "Zoé", "team": "x" * 41})
    assert faults(caught) == [(1, "team_wrong", ["it has 41 characters", "Use 40 characters at most."])]


def test_a_team_that_has_pupils_keeps_its_name(game, edition, class_):
    add(class_, {"first_name": "Ada", "team": "Ours"})
    assert {t["name"] for t in class_.teacher.view("league_teams", league_id=class_.id)} == {"Team 1", "Ours"}


def test_a_dry_run_shows_the_same_and_writes_nothing(game, edition, class_):
    lina = str(class_.pupils["Lina"])
    asked = (
        {"pupil_id": lina, "initial": "M"}, {"first_name": "Lina", "initial": "B"},
        {"first_name": "Ada", "team": "Ours"},
    )  # fmt: skip
    before = game.fingerprint()
    shown = add(class_, *asked, dry_run=True)
    assert game.fingerprint() == before
    assert [r["pupil_id"] for r in shown] == [class_.pupils["Lina"], None, None]
    done = add(class_, *asked)
    assert [(r["name"], r["initial"]) for r in shown] == [(r["name"], r["initial"]) for r in done]
    with game.refused("MP070"):
        add(class_, {"first_name": "Noé"}, dry_run=True)


def test_a_list_with_one_wrong_pupil_adds_nobody(game, class_):
    before = game.fingerprint()
    with game.refused("MP070"):
        add(class_, {"first_name": "Ada"}, {"first_name": "Eve", "email": "x"})
    assert game.fingerprint() == before


def test_every_fault_of_a_list_comes_in_one_answer_in_the_order_of_the_list(game, class_):
    """Also what only the whole list shows, among the pupils who have no fault of their own."""
    lina = str(class_.pupils["Lina"])
    with game.refused("MP070") as caught:
        add(
            class_,
            {"first_name": "Ada"}, {"first_name": "Zoe Martin", "initial": "Martin", "team": "06 12 34 56 78"},
            {"first_name": "Noé"}, {"pupil_id": lina, "initial": "M"}, {"first_name": "ada"}, {"first_name": "Eve"},
            {"pupil_id": "x", "team_id": "x", "email": ""}, {"pupil_id": lina},
        )  # fmt: skip
    assert [(row, fault) for row, fault, _ in faults(caught)] == [
        (1, "first_name_twice"), (2, "first_name_wrong"), (2, "initial_wrong"), (2, "team_wrong"),
        (3, "first_name_twice"), (4, "pupil_twice"), (5, "first_name_twice"),
        (7, "key_unknown"), (7, "pupil_unknown"), (7, "team_unknown"),
        (8, "pupil_twice"),
    ]  # fmt: skip
    assert str(caught.value).startswith("11 row(s) cannot be imported; the first: row 1: its first name comes twice")


def test_pupils_are_added_and_corrected_while_the_edition_is_not_over(game):
    coming = game.class_(game.edition("registration", audience="school"))
    game.pupils(coming, "Ada")
    class_ = game.class_(game.edition(audience="school"), pupils=("Ada",))
    game.close(class_.edition)
    with game.refused("MP022"):
        game.pupils(class_, "Late")
    with game.refused("MP022"):
        add(class_, {"pupil_id": str(class_.pupils["Ada"]), "first_name": "Eve"})
    game.freeze(class_.edition)
    with game.refused("MP024"):
        game.pupils(class_, "Late")


# what is typed about a pupil is not said back: messages end up in a log


@pytest.mark.parametrize(
    "pupils",
    [
        [{"first_name": "Zoe Secret"}], [{"first_name": "secret@example.org"}], [{"first_name": "Secret99"}],
        [{"first_name": "Secret" * 9}], [{"first_name": "Sec\u202eret"}], [{"first_name": ["Secret"]}],
        [{"first_name": "Ada", "initial": "Secret"}], [{"first_name": "Ada", "initial": "S3cret"}],
        [{"first_name": "Ada", "team": "secret@example.org"}], [{"first_name": "Ada", "team": "Secret" * 9}],
        [{"first_name": "Ada", "team": "Secret 12/03/2015"}], [{"first_name": "Ada", "team": {"Secret": 1}}],
        [{"first_name": "Ada", "email": "secret@example.org"}], [{"first_name": "Ada", "last_name": "Secret"}],
        [{"first_name": "Secret"}, {"first_name": "SECRET"}], [{"pupil_id": "Secret"}],
        [{"first_name": "Ada", "team_id": "Secret"}], ["Secret"], {"Secret": "Secret"},
        [{"first_name": "Ada", "Secret 3 rue du Lac": ""}], [{"Secret": "Ada"}],
    ],
    ids=str,
)  # fmt: skip
def test_a_refusal_never_repeats_what_was_typed_about_a_pupil(game, class_, pupils):
    for language in ("en", "fr"):
        class_.teacher.headers = {"accept-language": language}
        with game.refused("MP010", "MP070") as caught:
            class_.teacher.table("add_pupils", class_id=class_.id, pupils=Jsonb(pupils))
        diag = caught.value.diag
        said = f"{diag.message_primary} {diag.message_hint} {diag.message_detail}".lower()
        assert "secret" not in said
        assert "s3cret" not in said


@pytest.mark.parametrize(
    ("element", "field"),
    [
        ({"first_name": "Zoe Martin"}, "first_name"), ({"first_name": "Zoe1"}, "first_name"),
        ({"first_name": ""}, "first_name"), ({"first_name": "Zoe", "initial": "Martin"}, "initial"),
        ({"first_name": "Zoe", "team": "0612345678"}, "team"), ({"first_name": True}, "first_name"),
    ],
    ids=str,
)  # fmt: skip
def test_a_refusal_names_the_field_and_the_place_in_the_list(game, class_, element, field):
    with game.refused("MP070") as caught:
        add(class_, {"first_name": "Ada"}, {"first_name": "Eve"}, element)
    ((row, fault, (reason, hint)),) = faults(caught)
    assert (row, fault) == (3, f"{field}_wrong")
    assert reason.startswith("it ")
    assert hint


def test_a_first_name_that_comes_twice_is_told_by_its_places(game, class_):
    with game.refused("MP070") as caught:
        add(class_, *({"first_name": name} for name in ("Ada", "Eve", "ada", "Lou", "Àda")))
    assert faults(caught) == [(row, "first_name_twice", []) for row in (1, 3, 5)]


@pytest.mark.parametrize("value", [True, 7, 1.5, [], ["Martin 2015"], {}, {"a": "b"}])
@pytest.mark.parametrize("key", ["first_name", "initial", "team", "team_id", "pupil_id"])
def test_what_is_no_text_has_no_business_in_a_list_of_names(game, class_, key, value):
    with game.refused("MP070"):
        add(class_, {"first_name": "Ada", key: value})
    # Nothing is as good as left out.
    (row,) = add(class_, {"first_name": "Ada", "initial": None, "team": None, "team_id": None, "pupil_id": None})
    assert row["name"] == "Ada"


PERSONAL = [
    "lina.martin@example.org", "a@b", "0612345678", "06 12 34 56 78", "+33 6 12 34 56 78", "Martin 12/03/2015",
    "née le 3.4.15", "2015-03-12", "Lina 12-3-15",
]  # fmt: skip


@pytest.mark.parametrize("name", PERSONAL)
def test_an_address_a_date_or_a_telephone_number_names_no_class_and_no_team(game, edition, class_, name):
    teacher, school = class_.teacher, game.school()
    for refused in (
        lambda: new_class(game, edition, teacher, school_id=school, name=name),
        lambda: new_class(game, edition, teacher, school_id=school, teams=["Ours", name]),
        lambda: teacher.call("update_class", class_id=class_.id, name=name),
        lambda: teacher.call("create_team", league_id=class_.id, name=name),
        lambda: teacher.call("rename_team", team_id=class_.teams[0], name=name),
        lambda: add(class_, {"first_name": "Ada", "team": name}),
    ):
        with game.refused("MP010", "MP070"):
            refused()
    # A league of adults is theirs to name; only links and telephone numbers are refused there too.
    league = game.league(game.edition())
    if "@" not in name and "12 34" not in name and "0612" not in name:
        league.ambassador.call("rename_team", team_id=league.teams[0], name=name)


@pytest.mark.parametrize(
    "name", ["CM2 A", "6e 3", "CE1-CE2", "Les 3 Mousquetaires", "Groupe 1/2", "CP-CE1 n° 12", "5eB2", "Terminale 7.2"]
)
def test_plain_names_of_classes_and_teams_are_taken(game, edition, class_, name):
    class_.teacher.call("update_class", class_id=class_.id, name=name)
    class_.teacher.call("rename_team", team_id=class_.teams[0], name=name)


@pytest.mark.parametrize("name", ["CM2 A 2026-2027", "CM2 A (2026/2027)", "CE1 2026-27", "2026–2027 : 6e B"])
def test_a_class_may_be_called_by_its_school_year(game, class_, name):
    class_.teacher.call("update_class", class_id=class_.id, name=name)


def test_pupils_do_not_come_and_go_without_end(game):
    edition = game.edition(audience="school", league_min_players=1, league_max_players=3)
    class_ = game.class_(edition, pupils=("Ada", "Eve", "Lou"))
    for name in ("Ada", "Eve", "Lou"):
        class_.teacher.call("remove_pupil", pupil_id=class_.pupils[name])
    game.pupils(class_, "Max", "Noé", "Tom")
    class_.teacher.call("remove_pupil", pupil_id=class_.pupils["Max"])
    with game.refused("MP032"):
        game.pupils(class_, "Zoé")
    # Who is there may still be corrected.
    add(class_, {"pupil_id": str(class_.pupils["Noé"]), "first_name": "Noah"})
    # Another class of the same edition is another count.
    game.class_(edition, pupils=("Ada", "Eve", "Lou"))


# what the tables refuse to everyone


@pytest.mark.parametrize(
    "change",
    [
        "first_name = 'Lina Martin'", "first_name = 'lina@example.org'", "first_name = 'Lina3'",
        "first_name = 'Li\u200bna'",
        "first_name = repeat('x', 31)", "first_name = E'Lina\\u00a0M'", "listed = true", "picture_path = 'a.png'",
        "initial = 'ABC'", "initial = '1'", "initial = '.'", "account_id = (select id from mpp.profile limit 1)",
        "first_name = E'Lina\\u2003M'", "first_name = 'Lina_M'",
    ],
)  # fmt: skip
def test_the_table_of_players_refuses_a_pupil_with_more_than_a_first_name_to_everybody(game, class_, change):
    with pytest.raises(psycopg.errors.CheckViolation), game.db.transaction():
        game.db.execute(f"update mpp.player set {change} where id = %s".encode(), (class_.pupils["Lina"],))


def test_the_table_of_players_refuses_two_pupils_of_one_name_to_everybody(game, class_):
    with pytest.raises(psycopg.errors.UniqueViolation), game.db.transaction():
        game.db.execute("update mpp.player set first_name = 'LÏNA' where id = %s", (class_.pupils["Noé"],))


@pytest.mark.parametrize(
    "change", ["level = null", "school_id = null", "category = 'friends'", "is_open = true", "level = 'cp'"]
)
def test_the_table_of_leagues_refuses_half_a_class_to_everybody(game, class_, change):
    with pytest.raises(psycopg.errors.CheckViolation), game.db.transaction():
        game.db.execute(f"update mpp.league set {change} where id = %s".encode(), (class_.id,))


# leaving


def test_a_pupil_who_leaves_loses_the_name_and_leaves_the_points(game, edition, class_):
    lina = class_.pupils["Lina"]
    validate(class_, "t-soup")
    class_.teacher.call("remove_pupil", pupil_id=lina)
    (row,) = game.rows("select first_name, initial, league_id, team_id from mpp.player where id = %s", (lina,))
    assert row == {"first_name": "—", "initial": None, "league_id": None, "team_id": None}
    assert "Lina" not in named(game, class_)
    assert game.score(class_.id) == 6
    # Who played counts in the average.
    assert game.one("select players from mpp.score where subject_id = %s", (class_.id,)) == 3
    assert game.faults(edition) == []
    with game.refused("MP008"):
        class_.teacher.call("remove_pupil", pupil_id=lina)
    # The name is free again, for another child.
    (again,) = game.pupils(class_, "Lina")
    assert game.score(again) == 0


def test_pupils_are_removed_after_the_freeze_too_and_no_rank_moves(game, edition, class_):
    validate(class_, "t-soup")
    game.close(edition)
    game.freeze(edition)
    shown = game.anon.view("class_ranking", edition_id=edition.id)
    for name in ("Lina", "Marie-Lou", "Noé"):
        class_.teacher.call("remove_pupil", pupil_id=class_.pupils[name])
    assert game.one("select count(*) from mpp.player where league_id = %s and first_name <> '—'", (class_.id,)) == 0
    assert game.anon.view("class_ranking", edition_id=edition.id) == shown
    assert game.faults(edition) == []


def test_an_initial_goes_after_the_freeze_too_when_its_twin_leaves(game, edition, class_):
    one, two = add(class_, {"first_name": "Ada", "initial": "A"}, {"first_name": "Ada", "initial": "B"})
    game.close(edition)
    game.freeze(edition)
    class_.teacher.call("remove_pupil", pupil_id=one["pupil_id"])
    class_.teacher.call("remove_pupil", pupil_id=class_.pupils["Lina"])
    assert named(game, class_)["Ada"] == two["pupil_id"]
    assert game.faults(edition) == []


def test_the_staff_remove_a_pupil_and_it_is_written_down(game, class_):
    game.staff().call("remove_pupil", pupil_id=class_.pupils["Lina"])
    (trace,) = game.service.view("audit_log", action="pupil.remove", subject=str(class_.id))
    assert "Lina" not in str(trace)


def test_a_player_of_a_league_is_nobodys_pupil(game, class_):
    player = game.player(game.league(game.edition()))
    for person in (class_.teacher, game.staff(), game.service):
        with game.refused("MP008"):
            person.call("remove_pupil", pupil_id=player.player_id)


# colleagues


def invite(class_: Class, colleague: Person) -> Person:
    assert (
        colleague.call("accept_class", code=class_.teacher.call("invite_co_teacher", class_id=class_.id)) == class_.id
    )
    return colleague


def test_a_colleague_takes_an_invitation_and_runs_the_class_too(game, edition, class_):
    colleague = game.teacher(first_name="Colin")
    code = class_.teacher.call("invite_co_teacher", class_id=class_.id)
    assert colleague.call("accept_class", code=f" {code[:5].lower()}-{code[5:]} ") == class_.id
    assert [r["class_id"] for r in colleague.view("my_classes")] == [class_.id]
    colleague.table(
        "validate_for_pupils", class_id=class_.id, challenge_id=edition.challenges["t-soup"], request_key=uuid.uuid4()
    )
    rows = colleague.table("class_teachers", class_id=class_.id)
    assert [(r["first_name"], r["is_principal"], r["is_me"]) for r in rows] == [
        ("Tess", True, False), ("Colin", False, True),
    ]  # fmt: skip


def test_an_invitation_is_taken_once_for_seven_days_and_replaced_by_the_next(game, class_):
    one, two = game.teacher(), game.teacher()
    first = class_.teacher.call("invite_co_teacher", class_id=class_.id)
    second = class_.teacher.call("invite_co_teacher", class_id=class_.id)
    with game.refused("MP082"):
        one.call("accept_class", code=first)
    one.call("accept_class", code=second)
    # Again by the same colleague is no refusal, by another one it is.
    with game.refused("MP082"):
        two.call("accept_class", code=second)
    third = class_.teacher.call("invite_co_teacher", class_id=class_.id)
    assert one.call("accept_class", code=third) == class_.id
    game.clock(game.now + 7 * DAY + HOUR)
    with game.refused("MP082"):
        two.call("accept_class", code=third)
    for wrong in ("", None, "0000000000", class_.code, "x" * 1000):
        with game.refused("MP082"):
            two.call("accept_class", code=wrong)


def test_an_invitation_still_holds_a_microsecond_before_its_end(game, class_):
    code = class_.teacher.call("invite_co_teacher", class_id=class_.id)
    at = game.one("select expires_at - interval '1 microsecond' from mpp.class_invitation where code = %s", (code,))
    game.clock(at)
    assert game.teacher().call("accept_class", code=code) == class_.id


def test_who_reads_a_class_may_change_after_the_freeze(game, edition, class_):
    colleague = game.teacher()
    game.close(edition)
    game.freeze(edition)
    code = class_.teacher.call("invite_co_teacher", class_id=class_.id)
    assert colleague.call("accept_class", code=code) == class_.id
    class_.teacher.call("hand_over_class", class_id=class_.id, teacher_id=colleague.account)
    colleague.call("remove_co_teacher", class_id=class_.id, teacher_id=class_.teacher.account)
    assert class_.teacher.view("league_members") == []
    assert game.faults(edition) == []


def test_the_names_of_a_frozen_edition_are_forgotten_for_good(game, edition, class_):
    validate(class_, "t-soup")
    family, points = game.family(class_), game.score(class_.id)
    invitation = class_.teacher.call("invite_co_teacher", class_id=class_.id)
    with game.refused("MP026"):
        game.service.call("forget_pupils", edition_code=edition.code)
    game.close(edition)
    game.freeze(edition)
    assert game.service.call("forget_pupils", edition_code=edition.code) == len(class_.pupils)
    assert game.service.call("forget_pupils", edition_code=edition.code) == 0
    names = {r["name"] for r in class_.teacher.view("league_members", league_id=class_.id)}
    assert names == {"—"}
    assert family.view("my_classes") == []
    assert game.anonymous().call("claim_class", code=class_.code)["claimed"] is False
    colleague = game.teacher()
    with game.refused("MP082"):
        colleague.call("accept_class", code=invitation)
    assert game.score(class_.id) == points
    assert game.faults(edition) == []


def test_the_classes_of_a_hidden_school_come_back_with_it(game, edition, class_):
    other = game.class_(edition, school_id=class_.school, level="college")
    game.service.call("set_listing", scope="league", subject_id=other.id, listed=False)
    for hidden, listed in ((True, set()), (False, {class_.id})):
        game.service.call("correct_school", school_id=class_.school, is_hidden=hidden)
        shown = {r["subject_id"] for r in game.anon.view("class_ranking", edition_id=edition.id)}
        assert shown == listed, "what the staff held back by itself stays so"


def test_what_the_staff_do_in_a_class_leaves_a_trace(game, edition, class_):
    lina = class_.pupils["Lina"]
    game.service.call("renew_class_code", class_id=class_.id)
    game.service.call("revoke_class_code", class_id=class_.id)
    game.service.call("invite_co_teacher", class_id=class_.id)
    game.service.table("add_pupils", class_id=class_.id, pupils=Jsonb([{"first_name": "Basile"}]))
    soup = edition.challenges["t-soup"]
    game.service.table(
        "validate_for_pupils", class_id=class_.id, challenge_id=soup, request_key=uuid.uuid4(), pupil_ids=[lina]
    )
    game.service.call(
        "import_class_sheet", class_id=class_.id, pupil_ids=[lina], challenge_ids=[soup], times=[2], done_on=[None]
    )
    class_.teacher.call("renew_class_code", class_id=class_.id)
    acts = [r["action"] for r in game.service.view("audit_log", subject=str(class_.id))]
    assert sorted(acts) == [
        "class.add_pupils", "class.import_sheet", "class.invite", "class.renew_code", "class.revoke_code",
        "class.validate",
    ]  # fmt: skip


def test_a_class_is_handed_over_to_a_colleague_and_the_former_teacher_stays(game, class_):
    colleague = invite(class_, game.teacher())
    class_.teacher.call("hand_over_class", class_id=class_.id, teacher_id=colleague.account)
    rows = {r["teacher_id"]: r["is_principal"] for r in colleague.table("class_teachers", class_id=class_.id)}
    assert rows == {colleague.account: True, class_.teacher.account: False}
    with game.refused("MP008"):
        class_.teacher.call("hand_over_class", class_id=class_.id, teacher_id=class_.teacher.account)
    colleague.call("remove_co_teacher", class_id=class_.id, teacher_id=class_.teacher.account)
    assert class_.teacher.view("my_classes") == []
    assert game.service.view("audit_log", action="class.hand_over", subject=str(class_.id))


def test_a_colleague_who_is_removed_sees_and_does_nothing_more(game, class_):
    colleague = invite(class_, game.teacher())
    class_.teacher.call("remove_co_teacher", class_id=class_.id, teacher_id=colleague.account)
    for view in ("my_classes", "league_members", "league_teams", "league_validations", "class_challenges"):
        assert colleague.view(view) == [], view
    with game.refused("MP008"):
        colleague.table("class_teachers", class_id=class_.id)
    with game.refused("MP005"):
        class_.teacher.call("remove_co_teacher", class_id=class_.id, teacher_id=colleague.account)


def test_a_principal_teacher_hands_over_before_going_and_a_colleague_just_goes(game, class_):
    colleague = invite(class_, game.teacher())
    with game.refused("MP005"):
        class_.teacher.call("remove_co_teacher", class_id=class_.id, teacher_id=class_.teacher.account)
    with game.refused("MP008"):
        colleague.call("remove_co_teacher", class_id=class_.id, teacher_id=class_.teacher.account)
    colleague.call("remove_co_teacher", class_id=class_.id, teacher_id=colleague.account)
    assert colleague.view("my_classes") == []


def test_the_colleague_takes_over_when_the_teacher_deletes_the_account(game, edition, class_):
    first, second = invite(class_, game.teacher()), invite(class_, game.teacher())
    game.run("delete from auth.users where id = %s", (class_.teacher.account,))
    rows = {r["teacher_id"]: r["is_principal"] for r in first.table("class_teachers", class_id=class_.id)}
    assert rows == {first.account: True, second.account: False}
    assert game.one("select count(*) from mpp.teacher where account_id = %s", (class_.teacher.account,)) == 0
    assert set(named(game, Class(class_.id, edition, class_.school, first, "", []))) == set(class_.pupils)


def test_the_staff_give_a_class_that_lost_its_teacher_to_another(game, edition, class_):
    game.run("delete from auth.users where id = %s", (class_.teacher.account,))
    assert game.staff().table("class_teachers", class_id=class_.id) == []
    heir, player = game.teacher(), game.registered()
    with game.refused("MP005"):
        game.service.call("hand_over_class", class_id=class_.id, teacher_id=player.account)
    game.service.call("hand_over_class", class_id=class_.id, teacher_id=heir.account)
    assert [r["class_id"] for r in heir.view("my_classes")] == [class_.id]
    assert game.faults(edition) == []


def test_a_class_that_nobody_teaches_any_more_is_shown_to_no_family(game, edition, class_):
    family, heir = game.family(class_), game.teacher()
    kept = game.class_(edition, class_.teacher, pupils=("Ada",))
    colleague, other_family = invite(kept, game.teacher()), game.family(kept)
    game.run("delete from auth.users where id = %s", (class_.teacher.account,))
    assert not family_reads(family, class_)
    assert not game.anonymous().call("claim_class", code=class_.code)["claimed"]
    # The other class has a colleague, who hands out its new code.
    assert not family_reads(other_family, kept)
    assert other_family.call("claim_class", code=colleague.view("my_classes")[0]["class_code"])["claimed"]
    assert family_reads(other_family, kept)
    # Given to another teacher, it lives again.
    game.service.call("hand_over_class", class_id=class_.id, teacher_id=heir.account)
    fresh = heir.call("renew_class_code", class_id=class_.id)
    assert family.call("claim_class", code=fresh)["claimed"]
    assert game.faults(edition) == []


def test_an_invitation_to_a_class_goes_with_the_teacher_who_made_it(game, class_):
    """It would let in whoever made it, under another account."""
    code = class_.teacher.call("invite_co_teacher", class_id=class_.id)
    game.run("delete from auth.users where id = %s", (class_.teacher.account,))
    heir = game.teacher()
    with game.refused("MP082"):
        heir.call("accept_class", code=code)


def family_reads(person: Person, class_: Class) -> bool:
    return bool(person.view("league_members", league_id=class_.id))


def test_a_removed_colleague_comes_back_by_no_code_they_knew(game, class_):
    colleague, family, accomplice = invite(class_, game.teacher()), game.family(class_), game.anonymous()
    (known,) = (row["class_code"] for row in colleague.view("my_classes"))
    # A second account of theirs follows the class as a family, and so do they; an invitation lies ready.
    assert colleague.call("claim_class", code=known)["claimed"]
    assert accomplice.call("claim_class", code=known)["claimed"]
    ready = colleague.call("invite_co_teacher", class_id=class_.id)
    class_.teacher.call("remove_co_teacher", class_id=class_.id, teacher_id=colleague.account)
    for person in (colleague, accomplice, family):
        assert not family_reads(person, class_)
        assert not person.call("claim_class", code=known)["claimed"]
    with game.refused("MP082"):
        colleague.call("accept_class", code=ready)
    # Families enter again by the code that the teacher now reads.
    (fresh,) = (row["class_code"] for row in class_.teacher.view("my_classes"))
    assert fresh != known
    assert family.call("claim_class", code=fresh)["claimed"]
    assert family_reads(family, class_)


def test_a_class_without_a_code_stays_so_when_a_colleague_is_removed(game, class_):
    colleague = invite(class_, game.teacher())
    class_.teacher.call("revoke_class_code", class_id=class_.id)
    class_.teacher.call("remove_co_teacher", class_id=class_.id, teacher_id=colleague.account)
    assert class_.teacher.view("my_classes")[0]["class_code"] is None


def test_an_invitation_of_the_former_teacher_ends_with_the_handing_over(game, class_):
    colleague, third = invite(class_, game.teacher()), game.teacher()
    ready = class_.teacher.call("invite_co_teacher", class_id=class_.id)
    class_.teacher.call("hand_over_class", class_id=class_.id, teacher_id=colleague.account)
    with game.refused("MP082"):
        third.call("accept_class", code=ready)


# out of the public game


def test_a_class_is_in_no_ranking_of_players_teams_and_leagues(game, edition, class_):
    validate(class_, "t-soup")
    staff = game.staff()
    for person in (game.anon, class_.teacher, staff, game.service):
        for view in ("player_ranking", "team_ranking", "league_ranking"):
            assert person.view(view, edition_id=edition.id) == [], view
    assert class_.teacher.view("my_leagues") == []
    assert staff.view("ops_leagues", edition_id=edition.id) == []
    assert [r["class_id"] for r in staff.view("ops_classes", edition_id=edition.id)] == [class_.id]
    assert game.registered().view("open_leagues", edition_id=edition.id) == []
    for scope in ("maternelle", "elementaire"):
        with game.refused("MP010"):
            class_.teacher.table("my_rank", edition_id=edition.id, scope=scope)


def test_a_class_that_opts_out_is_in_no_ranking_and_no_count(game, edition, class_):
    other = game.class_(edition, school_id=class_.school, pupils=("Ada", "Eve"))
    validate(class_, "t-bike")
    validate(other, "t-soup")
    class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=False)
    (shown,) = game.anon.view("class_ranking", edition_id=edition.id)
    assert (shown["subject_id"], shown["rank"], shown["level_rank"]) == (other.id, 1, 1)
    rows = game.anon.view("school_ranking", edition_id=edition.id)
    assert {(r["level"], r["classes"], r["points"], r["players"]) for r in rows} == {
        (None, 1, 4, 2), ("elementaire", 1, 4, 2),
    }  # fmt: skip
    (count,) = game.anon.view("edition_statistics", edition_id=edition.id)
    assert (count["classes"], count["schools"], count["players"], count["points"]) == (1, 1, 2, 4)
    assert game.faults(edition) == []
    # Its own people still read what they earned, and how they would stand.
    (mine,) = class_.teacher.view("my_classes")
    assert (mine["points"], mine["listed"]) == (12, False)
    assert class_.teacher.table("ranking_around", subject_id=class_.id)[0]["rank"] == 1
    class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=True)
    assert len(game.anon.view("class_ranking", edition_id=edition.id)) == 2
    assert game.faults(edition) == []


def test_what_the_staff_take_out_of_the_rankings_its_teacher_does_not_put_back(game, edition, class_):
    staff = game.staff()
    for person in (staff, game.service):
        person.call("set_listing", scope="league", subject_id=class_.id, listed=False)
        assert game.anon.view("class_ranking", edition_id=edition.id) == []
        with game.refused("MP010"):
            class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=True)
        # Out it may go again, which changes nothing of who took it out.
        class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=False)
        with game.refused("MP010"):
            class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=True)
        person.call("set_listing", scope="league", subject_id=class_.id, listed=True)
        assert len(game.anon.view("class_ranking", edition_id=edition.id)) == 1
    # What its teacher took out, the staff may hold back as well.
    class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=False)
    staff.call("set_listing", scope="league", subject_id=class_.id, listed=False)
    with game.refused("MP010"):
        class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=True)
    assert len(game.service.view("audit_log", action="league.list", subject=str(class_.id))) == 5
    assert game.faults(edition) == []


def test_a_league_of_adults_is_held_back_in_the_same_way(game):
    edition = game.edition()
    league = game.league(edition)
    game.staff().call("set_listing", scope="league", subject_id=league.id, listed=False)
    assert game.anon.view("league_ranking", edition_id=edition.id) == []
    with game.refused("MP010"):
        league.ambassador.call("set_listing", scope="league", subject_id=league.id, listed=True)
    for person in (game.staff(), game.service):
        with game.refused("MP005", "MP001", "MP003", "MP007"):
            person.call("set_listing", scope="player", subject_id=league.ambassador.player_id, listed=False)
    with pytest.raises(psycopg.errors.CheckViolation), game.db.transaction():
        game.db.execute("update mpp.league set listed = true where id = %s", (league.id,))
    assert game.faults(edition) == []


def test_a_class_opts_out_after_the_freeze_but_not_in(game, edition, class_):
    game.close(edition)
    game.freeze(edition)
    class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=False)
    assert game.anon.view("class_ranking", edition_id=edition.id) == []
    with game.refused("MP024"):
        class_.teacher.call("set_listing", scope="league", subject_id=class_.id, listed=True)
    assert game.faults(edition) == []
