"""Families: whoever gives the code of a class reads that class, and writes nothing anywhere."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.support import clock
from tests.support.game import DAY, HOUR, TERMS, Class, Edition, Game, Jsonb, Person


@pytest.fixture
def edition(game: Game) -> Edition:
    return game.edition(audience="school")


@pytest.fixture
def class_(game: Game, edition: Edition) -> Class:
    return game.class_(edition, pupils=("Lina", "Noé"))


def claim(person: Person, code: str | None) -> dict[str, Any]:
    (answer,) = person.table("claim_class", code=code)
    return answer


def reads(person: Person, class_: Class) -> bool:
    """Whether the person reads anything of the class; all views agree."""
    seen = {
        view: bool(person.view(view, **{key: class_.id}))
        for view, key in (("my_classes", "class_id"), ("league_members", "league_id"), ("league_teams", "league_id"),
                          ("class_challenges", "class_id"))
    }  # fmt: skip
    assert len(set(seen.values())) == 1, seen
    return seen["my_classes"]


def test_a_family_gives_the_code_and_reads_the_class(game, edition, class_):
    family = game.anonymous()
    assert not reads(family, class_)
    assert claim(family, class_.code) == {"class_id": class_.id, "claimed": True, "guesses_left": 10}
    assert reads(family, class_)
    class_.teacher.table(
        "validate_for_pupils", class_id=class_.id, challenge_id=edition.challenges["t-soup"], request_key=uuid.uuid4()
    )
    (page,) = family.view("my_classes")
    assert (page["points"], page["validations"], page["pupils"], page["is_teacher"]) == (4, 2, 2, False)
    assert {r["name"] for r in family.view("league_members")} == {"Lina", "Noé"}
    assert {(r["name"], r["challenge_code"]) for r in family.view("league_validations")} == {
        ("Lina", "t-soup"), ("Noé", "t-soup"),
    }  # fmt: skip
    assert family.view("league_teams")[0]["points"] == 4
    (soup,) = family.view("class_challenges", code="t-soup")
    assert (soup["pupils_credited"], soup["points_earned"]) == (2, 4)


def test_a_code_is_read_in_small_letters_with_spaces_hyphens_and_look_alikes(game, class_):
    written = class_.code.lower().replace("0", "o").replace("1", "l")
    for code in (f" {written[:4]}-{written[4:7]} {written[7:]} ", written.upper(), class_.code):
        person = game.anonymous()
        assert claim(person, code)["claimed"], code


def test_giving_the_code_again_changes_nothing(game, class_):
    family = game.family(class_)
    before = game.fingerprint()
    assert claim(family, class_.code)["claimed"]
    assert game.fingerprint() == before


def test_teachers_players_and_anybody_signed_in_may_follow_a_class(game, edition, class_):
    player = game.player(game.league(game.edition()))
    for person in (player, game.teacher(), game.signed_in(), game.staff()):
        assert claim(person, class_.code)["claimed"]
        (page,) = person.view("my_classes")
        assert (page["class_id"], page["is_teacher"], page["class_code"]) == (class_.id, False, None)
        assert "class" not in str(person.view("my_leagues"))


def test_ten_wrong_codes_are_answered_and_then_no_more_for_an_hour(game, class_):
    family = game.anonymous()
    for left in range(9, -1, -1):
        wrong = ("", None, "0000000000", "x" * 500, "'; --", class_.code[:-1], "🦊")[left % 7]
        assert claim(family, wrong) == {"class_id": None, "claimed": False, "guesses_left": left}
    for code in ("0000000000", class_.code):
        with game.refused("MP046"):
            claim(family, code)
    # Another account is another count.
    assert claim(game.anonymous(), class_.code)["claimed"]
    game.clock(clock.now() + HOUR)
    assert claim(family, "0000000000")["guesses_left"] == 9
    assert claim(family, class_.code) == {"class_id": class_.id, "claimed": True, "guesses_left": 9}
    # What is older than an hour is not kept.
    assert game.one("select count(*) from mpp.class_guess where account_id = %s", (family.account,)) == 1


def test_the_hour_of_each_wrong_code_passes_by_itself(game, class_):
    family = game.anonymous()
    start = clock.now()
    for minute in range(10):
        game.clock(start + minute * HOUR / 60)
        claim(family, "wrong")
    game.clock(start + HOUR)
    assert claim(family, "wrong")["guesses_left"] == 0
    with game.refused("MP046"):
        claim(family, "wrong")


def test_a_code_renewed_puts_the_families_out_until_they_give_the_new_one(game, class_):
    family, other = game.family(class_), game.family(class_)
    fresh = class_.teacher.call("renew_class_code", class_id=class_.id)
    assert fresh != class_.code
    assert class_.teacher.view("my_classes")[0]["class_code"] == fresh
    for person in (family, other):
        assert not reads(person, class_)
        assert not claim(person, class_.code)["claimed"]
    assert claim(family, fresh)["claimed"]
    assert reads(family, class_)
    assert not reads(other, class_)


def test_a_code_revoked_opens_to_nobody_until_it_is_renewed(game, class_):
    family = game.family(class_)
    class_.teacher.call("revoke_class_code", class_id=class_.id)
    assert not reads(family, class_)
    assert not claim(family, class_.code)["claimed"]
    assert class_.teacher.view("my_classes")[0]["class_code"] is None
    class_.teacher.call("revoke_class_code", class_id=class_.id)
    fresh = class_.teacher.call("renew_class_code", class_id=class_.id)
    assert claim(family, fresh)["claimed"]


def test_the_code_of_a_frozen_class_still_opens_and_is_still_renewed(game, edition, class_):
    game.close(edition)
    game.freeze(edition)
    family = game.family(class_)
    assert reads(family, class_)
    class_.teacher.call("renew_class_code", class_id=class_.id)
    assert not reads(family, class_)
    class_.teacher.call("revoke_class_code", class_id=class_.id)


def test_an_account_follows_ten_classes(game, edition):
    teacher, school = game.teacher(), game.school()
    classes = [game.class_(edition, teacher, school_id=school, pupils=(f"P{'abcdefghijk'[n]}",)) for n in range(11)]
    family = game.anonymous()
    for class_ in classes[:10]:
        assert claim(family, class_.code)["claimed"]
    with game.refused("MP086"):
        claim(family, classes[10].code)
    # One of the ten again is no eleventh.
    assert claim(family, classes[3].code)["claimed"]
    assert len(family.view("my_classes")) == 10
    assert len(family.view("league_members")) == 10


def test_a_family_reads_its_class_and_no_other(game, edition, class_):
    other = game.class_(edition, school_id=class_.school, pupils=("Tom",))
    for family in (game.family(class_), game.signed_in()):
        claim(family, class_.code)
        assert reads(family, class_)
        assert not reads(family, other)
        for view in ("league_members", "league_validations", "league_teams", "class_challenges", "my_classes"):
            assert str(other.id) not in str(family.view(view)), view
        assert family.view("league_members", first_name="Tom") == []
        assert family.view("ops_classes") == []


def test_nothing_of_another_family_is_shown(game, class_):
    family, other = game.family(class_), game.family(class_)
    for view in ("my_classes", "league_members", "class_challenges"):
        assert str(other.account) not in str(family.view(view))


def test_the_row_of_a_family_goes_with_its_account(game, class_):
    family = game.family(class_)
    claim(family, "wrong")
    game.run("delete from auth.users where id = %s", (family.account,))
    for table in ("family", "class_guess"):
        assert game.one(f"select count(*) from mpp.{table} where account_id = %s", (family.account,)) == 0
    with game.refused("MP001"):
        claim(family, class_.code)


def test_a_disabled_family_enters_no_more(game, class_):
    family = game.anonymous()
    game.run("update auth.users set banned_until = private.clock() + interval '1 day' where id = %s", (family.account,))
    with game.refused("MP001"):
        claim(family, class_.code)


def test_nobody_enters_during_maintenance(game, class_):
    family = game.anonymous()
    game.run(
        "insert into mpp.maintenance_window (starts_at, ends_at, message)"
        " values (private.clock() - interval '1 hour', private.clock() + interval '1 hour', %s)",
        (Jsonb({"fr": "Pause", "en": "Pause"}),),
    )
    with game.refused("MP011"):
        claim(family, class_.code)
    with game.refused("MP011"):
        class_.teacher.call("renew_class_code", class_id=class_.id)


def commands(game: Game) -> list[dict[str, Any]]:
    """Every command of api with a value of its type for each argument."""
    return game.rows(
        "select p.proname as name, p.provolatile as kind, p.proargnames[1 : p.pronargs] as arguments,"
        " array(select format_type(t, null) from unnest(p.proargtypes) with ordinality x (t, n) order by n) as types"
        " from pg_proc p where p.pronamespace = 'api'::regnamespace order by 1"
    )


def test_a_family_writes_nothing_anywhere(game, edition, class_):
    """Every command of the API, with what a family knows: the ids of its class, its team, a pupil, a challenge."""
    rows = class_.teacher.table(
        "validate_for_pupils", class_id=class_.id, challenge_id=edition.challenges["t-soup"], request_key=uuid.uuid4()
    )
    family, parent = game.family(class_), game.signed_in()
    claim(parent, class_.code)
    pupil = class_.pupils["Lina"]
    known = {
        "class_id": class_.id, "league_id": class_.id, "subject_id": class_.id, "pupil_id": pupil, "player_id": pupil,
        "team_id": class_.teams[0], "challenge_id": edition.challenges["t-soup"], "edition_id": edition.id,
        "validation_id": rows[0]["validation_id"], "validation_ids": [rows[0]["validation_id"]], "pupil_ids": [pupil],
        "challenge_ids": [edition.challenges["t-bike"]], "school_id": class_.school, "code": class_.code,
        "teacher_id": class_.teacher.account, "edition_code": edition.code, "request_key": uuid.uuid4(),
        "terms_version": TERMS, "pupils": Jsonb([{"first_name": "Mallory"}]), "level": "college", "scope": "league",
    }  # fmt: skip
    by_type = {
        "text": "x", "uuid": pupil, "integer": 1, "bigint": 1, "boolean": True, "date": "1990-01-01",
        "timestamp with time zone": game.now + DAY, "jsonb": Jsonb([]), "text[]": ["college"], "uuid[]": [pupil],
        "integer[]": [1], "date[]": [None], "timestamp with time zone[]": [game.now], "api.league_category": "friends",
        "api.consent_purpose": "newsletter", "api.ranking_scope": "league",
    }  # fmt: skip
    harmless = {
        "claim_class", "erase_my_account", "export_my_data", "my_rank", "ranking_around", "ranking_page", "read_clock",
        "search_ranking", "search_schools", "register", "register_teacher", "request_photo_removal", "unsubscribe",
        "who_am_i",
    }  # fmt: skip
    tried = 0
    for person in (family, parent):
        for command in commands(game):
            if command["name"] in harmless:
                continue
            given = {
                name: known.get(name, by_type.get(type_))
                for name, type_ in zip(command["arguments"] or [], command["types"], strict=True)
            }
            # Whatever the refusal: that something changed is what would be wrong.
            with game.refused(
                "42501", "MP001", "MP002", "MP003", "MP005", "MP006", "MP007", "MP008", "MP009", "MP010", "MP035",
                "MP062", "MP063", "MP065", "MP071", "MP082", "MP090", "MP093",
            ):  # fmt: skip
                person.table(command["name"], **given)
            tried += 1
    assert tried > 80
