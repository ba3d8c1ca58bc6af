"""apply_edition: one document sets up an edition, shows its differences, and is all or nothing."""

from __future__ import annotations

import copy
import uuid

import pytest

from mpp_supabase import read_edition_file
from tests.support import ROOT
from tests.support.game import DAY, EVERY_LEVEL, Game, document, school_document, translated


@pytest.fixture
def code() -> str:
    return f"t-{uuid.uuid4().hex[:10]}"


def apply(game: Game, file: dict, **more) -> list[dict]:
    return game.service.table("apply_edition", document=file, **more)


def changed(game: Game, file: dict, **more) -> set[tuple[str, str]]:
    return {(c["action"], c["path"]) for c in apply(game, file, **more)}


def changed_document(file: dict, path: str, value: object) -> dict:
    """A copy of the document with the value at a dotted path; numbers are places in a list."""
    copied = copy.deepcopy(file)
    *way, last = path.split(".")
    place = copied
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    if last.isdigit():
        place[int(last)] = value
    else:
        place[last] = value
    return copied


def test_a_document_makes_an_edition_with_all_six_kinds(game, code):
    file = document(code)
    assert {action for action, _ in changed(game, file)} == {"add"}
    (edition,) = game.service.view("editions", code=code)
    assert (edition["phase"], edition["audience"], edition["time_zone"]) == ("draft", "public", "Europe/Paris")
    assert (edition["ranking_basis"], edition["teams_per_league"], edition["is_private"]) == ("total", 2, False)
    assert (edition["league_min_players"], edition["league_max_players"]) == (6, 24)
    assert edition["ends_at"] - edition["starts_at"] == 21 * DAY
    rows = {r["code"]: r for r in game.service.view("challenges", edition_id=edition["id"])}
    assert {r["kind"] for r in rows.values()} == {"standard", "collective", "boost", "hidden", "flash", "malus"}
    assert (rows["f-collective"]["quorum"], rows["f-boost"]["boost_factor"]) == (4, 2)
    assert (rows["f-malus"]["points"], rows["f-malus"]["repeat_limit"], rows["f-standard"]["repeat_limit"]) == (
        -5,
        None,
        2,
    )
    assert rows["f-flash"]["closes_at"] - rows["f-flash"]["opens_at"] == DAY
    assert game.one("select count(*) from mpp.audit where action = 'edition.apply' and subject = %s", (code,)) == 1


def test_applying_the_same_document_again_changes_nothing(game, code):
    file = document(code)
    apply(game, file)
    before = game.fingerprint()
    assert apply(game, file) == []
    assert game.fingerprint() == before


def test_a_dry_run_shows_the_same_differences_and_writes_nothing(game, code):
    file = document(code)
    before = game.fingerprint()
    shown = apply(game, file, dry_run=True)
    assert game.fingerprint() == before
    assert game.service.view("editions", code=code) == []
    assert shown == apply(game, file)
    later = changed_document(file, "challenges.0.points", 5)
    assert apply(game, later, dry_run=True) == apply(game, later) != []
    assert apply(game, later, dry_run=True) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("edition.title", translated("Other"), "edition.title"),
        ("edition.time_zone", "UTC", "edition.time_zone"),
        ("rules.ranking", "average", "rules.ranking"),
        ("rules.league_size.min", 5, "rules.league_size_min"),
        ("rules.league_size.max", 30, "rules.league_size_max"),
        ("rules.teams_per_league", 3, "rules.teams_per_league"),
        ("rules.unlock_guesses_per_hour", 3, "rules.unlock_guesses_per_hour"),
        ("themes.0.title", translated("Renamed"), "themes.t-theme.name"),
        ("challenges.0.points", 3, "challenges.f-standard.points"),
        ("challenges.0.repeat", None, "challenges.f-standard.repeat"),
        ("challenges.0.proof", True, "challenges.f-standard.proof"),
        ("challenges.0.goals", [1, 2], "challenges.f-standard.goals"),
        ("challenges.0.title", translated("Renamed"), "challenges.f-standard.title"),
        ("challenges.0.description", translated("Renamed"), "challenges.f-standard.description"),
        ("challenges.1.quorum", 5, "challenges.f-collective.quorum"),
        ("challenges.2.factor", 3, "challenges.f-boost.factor"),
    ],
)
def test_a_change_is_shown_with_its_path_and_both_values(game, code, path, value, said):
    file = document(code)
    apply(game, file)
    (change,) = apply(game, changed_document(file, path, value))
    assert (change["action"], change["path"], change["after"]) == ("change", said, value)
    assert change["before"] != change["after"]
    assert apply(game, changed_document(file, path, value)) == []


def test_challenges_are_added_and_removed(game, code):
    file = document(code)
    apply(game, file)
    fewer = {**file, "challenges": file["challenges"][1:]}
    assert changed(game, fewer) == {("remove", "challenges.f-standard")}
    assert changed(game, file) == {("add", "challenges.f-standard")}


def test_a_secret_word_changes_without_being_shown(game, code):
    file = document(code)
    first = apply(game, file)
    assert "coquelicot" not in str(first)
    (change,) = apply(game, changed_document(file, "challenges.3.secret", "bleuet"))
    assert (change["path"], change["before"], change["after"]) == ("challenges.f-hidden.secret", "•••", "•••")
    assert apply(game, changed_document(file, "challenges.3.secret", " BLEUET ")) == []


def test_a_secret_word_may_move_from_one_challenge_to_another(game, code):
    file = document(code)
    apply(game, file)
    moved = copy.deepcopy(file)
    moved["challenges"][3] = {**moved["challenges"][3], "code": "f-other-hidden"}
    assert changed(game, moved) == {("remove", "challenges.f-hidden"), ("add", "challenges.f-other-hidden")}


BROKEN = [
    ("edition.code", "X"),
    ("edition.audience", "nobody"),
    ("edition.title", {"fr": "seul"}),
    ("edition.title", None),
    ("edition.time_zone", "Europe/Nowhere"),
    ("edition.time_zone", None),
    ("edition.starts_at", "not a date"),
    ("edition.starts_at", None),
    ("edition.ends_at", "2000-01-01T00:00:00Z"),
    ("edition.ends_at", "2026-13-45T00:00:00Z"),
    ("edition.registration_closes_at", "2999-01-01T00:00:00Z"),
    ("edition.registration_closes_at", None),
    ("edition.organisation", "no-such-organisation"),
    ("edition", {}),
    ("edition", None),
    ("rules", None),
    ("rules.ranking", "best"),
    ("rules.league_size.min", 25),
    ("rules.league_size.min", 0),
    ("rules.league_size.max", 100000),
    ("rules.teams_per_league", 0),
    ("rules.teams_per_league", "two"),
    ("rules.unlock_guesses_per_hour", 0),
    ("themes", None),
    ("themes", {}),
    ("themes.0.title", {"en": "alone"}),
    ("themes.0.title", None),
    ("themes.0.code", "Not A Code"),
    ("themes.0.code", None),
    ("challenges", None),
    ("challenges", "many"),
    ("challenges.0.code", "é"),
    ("challenges.0.code", None),
    ("challenges.0.code", "f-malus"),
    ("challenges.0.kind", "standart"),
    ("challenges.0.kind", None),
    ("challenges.0.theme", "no-such-theme"),
    ("challenges.0.theme", None),
    ("challenges.0.points", 0),
    ("challenges.0.points", 21),
    ("challenges.0.points", -1),
    ("challenges.0.points", 2.5),
    ("challenges.0.points", "four"),
    ("challenges.0.points", None),
    ("challenges.0.points", 10**6),
    ("challenges.0.repeat", 0),
    ("challenges.0.proof", "perhaps"),
    ("challenges.0.quorum", 3),
    ("challenges.0.secret", "word"),
    ("challenges.0.factor", 2),
    ("challenges.0.goals", [18]),
    ("challenges.0.goals", "all"),
    ("challenges.0.goals", ["x"]),
    ("challenges.0.title", {"fr": " ", "en": "x"}),
    ("challenges.0.description", None),
    ("challenges.1.quorum", 1),
    ("challenges.1.quorum", None),
    ("challenges.2.window", None),
    ("challenges.2.factor", 9),
    ("challenges.3.secret", None),
    ("challenges.4.window", None),
    ("challenges.5.points", 5),
    ("challenges.4.window.from", "2000-01-01T00:00:00Z"),
    ("challenges.4.window.until", "2999-01-01T00:00:00Z"),
    ("challenges.4.window.until", None),
    ("challenges.4.window.from", "soon"),
    ("challenges.0", None),
    ("challenges.0", "text"),
    ("challenges.0", {}),
    ("themes.0", 7),
]


@pytest.mark.parametrize(("path", "value"), BROKEN, ids=lambda part: str(part)[:40])
def test_a_broken_document_is_refused_whole(game, code, path, value):
    file = document(code)
    for existing in (False, True):
        if existing:
            apply(game, file)
        with game.refused("MP027"):
            apply(game, changed_document(file, path, value))


def test_two_words_that_compare_equal_are_refused(game, code):
    file = document(code)
    twin = {**file["challenges"][3], "code": "f-twin", "secret": "Coqueli-cot"}
    with game.refused("MP027"):
        apply(game, {**file, "challenges": [*file["challenges"], twin]})


@pytest.mark.parametrize(
    "file", [{}, {"edition": {"code": "t-empty"}}, {"edition": [], "themes": [], "challenges": []}]
)
def test_a_document_without_its_parts_is_refused(game, file):
    with game.refused("MP027"):
        apply(game, file)
    with game.refused("MP027"):
        game.service.table("apply_edition", document=None)


def test_an_organisation_makes_the_edition_private(game, code):
    organisation = f"org-{uuid.uuid4().hex[:8]}"
    game.run("insert into mpp.organisation (code, name) values (%s, 'A client')", (organisation,))
    apply(game, changed_document(document(code), "edition.organisation", organisation))
    assert game.service.view("editions", code=code)[0]["is_private"] is True


def test_rules_and_challenges_are_fixed_once_the_edition_has_started(game, code):
    file = document(code)
    apply(game, file)
    game.service.call("open_edition", edition_code=code)
    game.run("alter table mpp.edition disable trigger user")
    game.run("update mpp.edition set starts_at = starts_at - interval '2 days' where code = %s", (code,))
    game.run("alter table mpp.edition enable trigger user")
    start = game.one("select starts_at from mpp.edition where code = %s", (code,)).isoformat()
    file = changed_document(file, "edition.starts_at", start)
    assert apply(game, file) == []
    for path, value in (
        ("challenges.0.points", 5),
        ("challenges.1.quorum", 2),
        ("challenges.3.secret", "other"),
        ("rules.ranking", "average"),
        ("rules.teams_per_league", 4),
        ("rules.league_size.max", 30),
        ("rules.unlock_guesses_per_hour", 2),
        ("edition.ends_at", "2999-01-01T00:00:00Z"),
        ("challenges", file["challenges"][:3]),
        ("edition.starts_at", game.now.isoformat()),
    ):
        with game.refused("MP025"):
            apply(game, changed_document(file, path, value))
        with game.refused("MP025"):
            apply(game, changed_document(file, path, value), dry_run=True)
    file = changed_document(file, "challenges.0.title", translated("Corrected"))
    assert changed(game, file) == {("change", "challenges.f-standard.title")}
    later = file["edition"]["ends_at"]
    assert changed(game, changed_document(file, "edition.registration_closes_at", later)) == {
        ("change", "edition.registration_closes_at")
    }


def test_a_frozen_edition_is_not_applied_again(game, code):
    file = document(code)
    apply(game, file)
    game.run(
        "update mpp.edition set starts_at = private.clock() - interval '3 days', ends_at = private.clock() -"
        " interval '1 hour',"
        " registration_closes_at = private.clock() - interval '1 day' where code = %s",
        (code,),
    )
    game.service.call("open_edition", edition_code=code)
    game.service.call("freeze_edition", edition_code=code)
    with game.refused("MP024", "MP025", "MP027"):
        apply(game, file)


def texts(game, code):
    """What an edition says of its cards."""
    edition = game.service.view("editions", code=code)[0]["id"]
    return {
        row["code"]: {name: row[name] for name in ("theme", "theme_name", "title", "description", "goals")}
        for row in game.service.view("challenges", edition_id=edition)
    }


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("challenges.0.title", translated("Elsewhere")),
        ("challenges.0.description", translated("Do it elsewhere")),
        ("challenges.0.goals", [12, 13]),
    ],
)
def test_a_file_changes_no_text_of_another_edition_that_has_its_cards(game, code, opened, path, value):
    first, second = document(code), document(code + "-b")
    apply(game, first)
    if opened:
        game.service.call("open_edition", edition_code=code)
    before = texts(game, code)
    changes = apply(game, changed_document(second, path, value))
    assert {c["path"] for c in changes if c["path"].startswith("challenges.f-standard")} == {"challenges.f-standard"}
    assert texts(game, code) == before
    field = path.rsplit(".", 1)[1]
    assert texts(game, code + "-b")["f-standard"][field] == value
    # Its own file still corrects it, and says what changes and nothing else.
    (change,) = apply(game, changed_document(first, path, value))
    assert (change["action"], change["path"]) == ("change", f"challenges.f-standard.{field}")
    assert (change["before"], change["after"]) == (before["f-standard"][field], value)
    assert changed(game, first) == {("change", f"challenges.f-standard.{field}")}
    assert texts(game, code + "-b")["f-standard"][field] == value


def test_editions_that_say_the_same_share_a_card_and_none_is_kept_that_nobody_shows(game, code):
    file = changed_document(document(code), "challenges.0.code", f"{code}-card")
    other = changed_document(file, "edition.code", code + "-b")
    cards = "select count(*) from mpp.challenge where code = %s"
    apply(game, file)
    apply(game, other)
    assert game.one(cards, (f"{code}-card",)) == 1
    apply(game, changed_document(other, "challenges.0.title", translated("Another")))
    assert game.one(cards, (f"{code}-card",)) == 2
    apply(game, other)
    assert game.one(cards, (f"{code}-card",)) == 1


def test_texts_of_a_card_are_corrected_after_the_start_and_its_rules_are_not(game, code):
    file = document(code)
    apply(game, file)
    game.service.call("open_edition", edition_code=code)
    ids = {r["code"]: r["id"] for r in game.service.view("challenges")}
    game.clock(game.now + 2 * DAY)
    corrected = changed_document(file, "challenges.0.title", translated("Corrected"))
    assert changed(game, corrected) == {("change", "challenges.f-standard.title")}
    assert texts(game, code)["f-standard"]["title"] == translated("Corrected")
    assert {r["code"]: r["id"] for r in game.service.view("challenges")} == ids
    with game.refused("MP025"):
        apply(game, changed_document(corrected, "challenges.0.points", 5))


def test_the_name_of_a_theme_that_an_opened_edition_shows_stays(game, code):
    theme = f"{code}-theme"
    file = document(code, themes=[{"code": theme, "title": translated("Theme")}])
    for card in file["challenges"]:
        card["theme"] = theme
    other = changed_document(
        changed_document(file, "edition.code", code + "-b"), "themes.0.title", translated("Another name")
    )
    apply(game, file)
    assert ("change", f"themes.{theme}.name") in changed(game, other, dry_run=True)
    game.service.call("open_edition", edition_code=code)
    with game.refused("MP027") as refusal:
        apply(game, other)
    assert theme in str(refusal.value)
    assert code in str(refusal.value)
    assert texts(game, code)["f-standard"]["theme_name"] == translated("Theme")
    # Its own file may correct it, for nobody else shows it.
    assert changed(game, changed_document(file, "themes.0.title", translated("Corrected"))) == {
        ("change", f"themes.{theme}.name")
    }


def test_the_name_of_a_curriculum_theme_that_an_opened_edition_shows_stays(game, code):
    theme = f"{code}-living"
    file = school_document(code, curriculum=[{"code": theme, "title": translated("The living world")}])
    for card in file["challenges"]:
        card["curriculum"] = [theme]
    apply(game, file)
    game.service.call("open_edition", edition_code=code)
    other = changed_document(
        changed_document(file, "edition.code", code + "-b"), "curriculum.0.title", translated("Another name")
    )
    with game.refused("MP027"):
        apply(game, other)


# school editions


def test_a_change_of_audience_is_shown_with_its_path_and_goes_with_levels(game, code):
    public, school = document(code), school_document(code)
    del public["challenges"][3]
    apply(game, public)
    shown = {c["path"]: (c["before"], c["after"]) for c in apply(game, school, dry_run=True)}
    assert shown["edition.audience"] == ("public", "school")
    assert shown["challenges.f-standard.levels"] == (None, ["maternelle", "elementaire"])
    assert {c["path"] for c in apply(game, school)} == set(shown)
    assert apply(game, school) == []
    back = {c["path"]: (c["before"], c["after"]) for c in apply(game, public)}
    assert back["edition.audience"] == ("school", "public")
    assert back["challenges.f-standard.levels"] == (["maternelle", "elementaire"], None)


def test_a_school_document_gives_each_challenge_its_levels_and_curriculum_themes(game, code):
    file = changed_document(school_document(code), "challenges.0.levels", ["college", "maternelle", "college"])
    assert ("add", "curriculum.t-living") in changed(game, file)
    edition = game.service.view("editions", code=code)[0]
    assert edition["audience"] == "school"
    rows = {r["code"]: r for r in game.service.view("challenges", edition_id=edition["id"])}
    assert rows["f-standard"]["levels"] == ["maternelle", "college"]
    assert rows["f-malus"]["levels"] == EVERY_LEVEL
    assert {tuple(r["curriculum"]) for r in rows.values()} == {("t-living",)}
    themes = {r["code"]: r["name"]["en"] for r in game.service.view("curriculum_themes")}
    assert themes["t-living"] == "The living world"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("curriculum.0.title", translated("Renamed"), "curriculum.t-living.name"),
        ("challenges.0.levels", ["lycee"], "challenges.f-standard.levels"),
        ("challenges.0.curriculum", [], "challenges.f-standard.curriculum"),
        ("challenges.0.points", 3, "challenges.f-standard.points"),
    ],
)
def test_a_change_of_a_school_edition_is_shown_with_its_path_and_both_values(game, code, path, value, said):
    file = school_document(code)
    apply(game, file)
    (change,) = apply(game, changed_document(file, path, value))
    assert (change["action"], change["path"], change["after"]) == ("change", said, value)
    assert change["before"] != change["after"]
    assert apply(game, changed_document(file, path, value)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("challenges.0.levels", None),
        ("challenges.0.levels", []),
        ("challenges.0.levels", "college"),
        ("challenges.0.levels", ["cp"]),
        ("challenges.0.levels", ["cp", "college"]),
        ("challenges.0.levels", ["college", None]),
        ("challenges.0.curriculum", ["no-such-theme"]),
        ("challenges.0.curriculum", "t-living"),
        ("curriculum", "many"),
        ("curriculum", []),
        ("curriculum.0.title", {"fr": "seul"}),
        ("curriculum.0.code", "Not A Code"),
        ("edition.audience", "public"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_a_broken_school_document_is_refused_whole(game, code, path, value):
    file = school_document(code)
    with game.refused("MP027"):
        apply(game, changed_document(file, path, value))
    # A document that no longer declares its curriculum themes may still use those there are.
    if path != "curriculum" or value == "many":
        apply(game, file)
        with game.refused("MP027"):
            apply(game, changed_document(file, path, value))


def test_a_school_edition_has_no_hidden_challenge(game, code):
    file = school_document(code)
    hidden = {**file["challenges"][0], "code": "f-hidden", "kind": "hidden", "secret": "coquelicot", "repeat": 1}
    with game.refused("MP027") as caught:
        apply(game, {**file, "challenges": [*file["challenges"], hidden]})
    assert "hidden" in str(caught.value)


def test_a_public_edition_has_no_levels(game, code):
    with game.refused("MP027") as caught:
        apply(game, changed_document(document(code), "challenges.0.levels", ["college"]))
    assert "levels" in str(caught.value)


@pytest.mark.parametrize("name", ["school-2026-03", "school-2026-11"])
def test_the_school_editions_of_the_catalogue_apply_and_applying_them_again_changes_nothing(game, name):
    file = read_edition_file(ROOT / "catalogue" / f"{name}.yaml").document
    assert apply(game, file)
    before = game.fingerprint()
    assert apply(game, file) == []
    assert game.fingerprint() == before
    edition = game.service.view("editions", code=file["edition"]["code"])[0]
    rows = game.service.view("challenges", edition_id=edition["id"])
    for level in EVERY_LEVEL:
        assert sum(level in row["levels"] for row in rows) >= 32, level
