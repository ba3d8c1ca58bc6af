"""Many at once on a school: each test has an edition of its own, on committed data."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.crowd import EDITION, LEAGUE, Crowd, assert_proven, at_once, codes, committed, meanwhile, open_lines
from tests.support.game import Connection, Game, Jsonb

from .test_schools import BERLIN, described, unused


@pytest.fixture
def game(arena_url: str) -> Iterator[Game]:
    with committed(arena_url) as game:
        yield game


@pytest.fixture
def lines(arena_url: str) -> Iterator[list[Connection]]:
    with open_lines(arena_url) as lines:
        yield lines


NAMES = ("Ada", "Eve", "Lou", "Max", "Noé", "Tom", "Zoé", "Ali")


def one_name(number: int) -> str:
    """A first name that no other number has."""
    return "".join("abcdefghijklmnopqrstuvwxyz"[int(digit)] for digit in str(number)).capitalize()


def test_the_same_school_added_by_twenty_teachers_at_once_is_one(game, arena_url):
    teachers = [game.teacher() for _ in range(20)]
    game.db.commit()
    for asked in (described(unused(game, 9_989_000)), BERLIN | {"name": f"Schule {uuid.uuid4().hex[:8]}"}):
        answers = at_once(arena_url, [lambda db, t=t, a=asked: t.on(db).call("add_school", **a) for t in teachers])
        assert codes(answers) == {"00000": 20}
        assert len({school for _, school in answers}) == 1
        assert game.one("select count(*) from mpp.school where name = %s", (asked["name"],)) == 1
        game.db.commit()


def test_schools_added_by_one_teacher_at_once_are_five(game, arena_url):
    teacher = game.teacher()
    game.db.commit()
    base = unused(game, 9_980_000, 10)
    answers = at_once(
        arena_url, [lambda db, n=n: teacher.on(db).call("add_school", **described(base + n)) for n in range(10)]
    )
    assert codes(answers) == {"00000": 5, "MP085": 5}


def test_one_batch_of_the_directory_loaded_four_times_at_once_is_added_once(game, arena_url):
    base = unused(game, 9_970_000, 100)
    batch = Jsonb([described(base + n) for n in range(100)])
    game.db.commit()
    answers = at_once(
        arena_url, [lambda db: game.service.on(db).table("import_schools", schools=batch)[0]["added"]] * 4
    )
    assert codes(answers) == {"00000": 4}
    assert sum(added for _, added in answers) == 100


def test_an_invitation_wanted_by_twenty_colleagues_at_once_goes_to_one(game, arena_url):
    class_ = game.class_(game.edition(audience="school"))
    code = class_.teacher.call("invite_co_teacher", class_id=class_.id)
    colleagues = [game.teacher() for _ in range(20)]
    game.db.commit()
    answers = at_once(arena_url, [lambda db, t=t: t.on(db).call("accept_class", code=code) for t in colleagues])
    assert codes(answers) == {"00000": 1, "MP082": 19}
    assert game.one("select count(*) from mpp.ambassador where league_id = %s", (class_.id,)) == 2


def test_a_class_handed_over_to_several_at_once_has_one_teacher(game, arena_url):
    class_ = game.class_(game.edition(audience="school"))
    colleagues = [game.teacher() for _ in range(6)]
    for colleague in colleagues:
        colleague.call("accept_class", code=class_.teacher.call("invite_co_teacher", class_id=class_.id))
    game.db.commit()
    answers = at_once(
        arena_url,
        [
            lambda db, t=t: class_.teacher.on(db).call("hand_over_class", class_id=class_.id, teacher_id=t.account)
            for t in colleagues
        ],
    )
    assert codes(answers) == {"00000": 1, "MP008": 5}
    assert game.one("select count(*) from mpp.ambassador where league_id = %s and is_principal", (class_.id,)) == 1


def test_one_request_thirty_times_at_once_validates_once(game, arena_url):
    edition = game.edition(audience="school")
    class_ = game.class_(edition, pupils=NAMES)
    game.db.commit()
    for code, points in (("t-soup", 2), ("t-picnic", 5)):
        given = {"class_id": class_.id, "challenge_id": edition.challenges[code], "request_key": uuid.uuid4()}
        answers = at_once(arena_url, [lambda db, g=given: class_.teacher.on(db).table("validate_for_pupils", **g)] * 30)
        assert codes(answers) == {"00000": 30}
        assert all(answer == answers[0] for answer in answers)
        assert {row["points"] for row in answers[0][1]} == {points}
        game.db.commit()
    assert game.score(class_.id) == len(NAMES) * 7
    assert_proven(game, edition)


def test_one_key_used_by_several_classes_at_once_serves_one(game, arena_url):
    edition = game.edition(audience="school")
    teacher, school = game.teacher(), game.school()
    classes = [game.class_(edition, teacher, school_id=school, pupils=("Ada",)) for _ in range(8)]
    game.db.commit()
    key = uuid.uuid4()
    answers = at_once(
        arena_url,
        [
            lambda db, c=c: teacher.on(db).table(
                "validate_for_pupils", class_id=c.id, challenge_id=edition.challenges["t-soup"], request_key=key
            )
            for c in classes
        ],
    )
    assert codes(answers) == {"00000": 1, "MP044": 7}
    assert game.one("select sum(points) from mpp.score where edition_id = %s and scope = 'league'", (edition.id,)) == 2
    assert_proven(game, edition)


def test_the_limit_holds_against_many_requests_and_sheets_at_once(game, arena_url):
    edition = game.edition(audience="school")
    class_ = game.class_(edition, pupils=NAMES)
    pupils = list(class_.pupils.values())
    game.db.commit()
    bike = edition.challenges["t-bike"]
    whole = lambda db: class_.teacher.on(db).table(  # noqa: E731
        "validate_for_pupils", class_id=class_.id, challenge_id=bike, request_key=uuid.uuid4()
    )
    sheet = lambda db: class_.teacher.on(db).table(  # noqa: E731
        "import_class_sheet", class_id=class_.id, pupil_ids=pupils, challenge_ids=[bike] * 8, times=[2] * 8,
        done_on=[None] * 8,
    )  # fmt: skip
    answers = at_once(arena_url, [whole, sheet] * 6)
    assert set(codes(answers)) <= {"00000", "MP042"}
    assert game.score(class_.id) == 8 * 2 * 4
    assert_proven(game, edition)


def test_classes_made_by_one_teacher_at_once_are_twelve(game, arena_url):
    edition = game.edition(audience="school")
    teacher, school = game.teacher(), game.school()
    game.db.commit()
    answers = at_once(
        arena_url,
        [
            lambda db, n=n: teacher.on(db).call(
                "create_class", edition_id=edition.id, school_id=school, name=f"Class {n}", level="college"
            )
            for n in range(20)
        ],
    )
    assert codes(answers) == {"00000": 12, "MP039": 8}


def test_a_list_of_the_same_names_sent_twice_at_once_is_added_once(game, arena_url):
    class_ = game.class_(game.edition(audience="school"))
    game.db.commit()
    asked = Jsonb([{"first_name": name} for name in NAMES])
    answers = at_once(
        arena_url, [lambda db: class_.teacher.on(db).table("add_pupils", class_id=class_.id, pupils=asked)] * 6
    )
    assert codes(answers) == {"00000": 1, "MP070": 5}
    assert game.one("select count(*) from mpp.player where league_id = %s", (class_.id,)) == len(NAMES)


def test_pupils_added_at_once_never_pass_the_limit_of_the_class(game, arena_url):
    class_ = game.class_(game.edition(audience="school", league_min_players=1, league_max_players=10))
    game.db.commit()
    answers = at_once(
        arena_url,
        [
            lambda db, n=n: class_.teacher.on(db).table(
                "add_pupils", class_id=class_.id,
                pupils=Jsonb([{"first_name": one_name(100 + 3 * n + i)} for i in range(3)]),
            )
            for n in range(8)
        ],
    )  # fmt: skip
    assert codes(answers) == {"00000": 3, "MP032": 5}
    assert game.one("select count(*) from mpp.player where league_id = %s", (class_.id,)) == 9


def test_a_team_named_by_several_lists_at_once_is_made_once(game, arena_url):
    class_ = game.class_(game.edition(audience="school"), pupils=("Ada",))
    game.db.commit()
    answers = at_once(
        arena_url,
        [
            lambda db, n=n: class_.teacher.on(db).table(
                "add_pupils", class_id=class_.id, pupils=Jsonb([{"first_name": one_name(n), "team": "Ours"}])
            )
            for n in range(200, 208)
        ],
    )
    assert codes(answers) == {"00000": 8}
    assert game.one("select count(*) from mpp.team where league_id = %s", (class_.id,)) == 2


def test_twenty_wrong_codes_at_once_are_limited_to_ten(game, arena_url):
    family = game.anonymous()
    game.db.commit()
    answers = at_once(
        arena_url, [lambda db, n=n: family.on(db).call("claim_class", code=f"WRONG{n:05d}") for n in range(20)]
    )
    assert codes(answers) == {"00000": 10, "MP046": 10}
    assert sorted(a["guesses_left"] for code, a in answers if code == "00000") == list(range(10))


def test_no_class_slips_into_a_school_that_is_being_hidden(game, arena_url):
    edition = game.edition(audience="school")
    teachers = [game.teacher() for _ in range(6)]
    for _ in range(4):
        school = game.school()
        game.db.commit()
        answers = at_once(
            arena_url,
            [
                lambda db, s=school: game.service.on(db).call("correct_school", school_id=s, is_hidden=True),
                *[
                    lambda db, t=t, s=school: t.on(db).call(
                        "create_class",
                        edition_id=edition.id,
                        school_id=s,
                        name=f"Class of {one_name(teachers.index(t))}",
                        level="college",
                    )
                    for t in teachers
                ],
            ],
        )
        assert answers[0][0] == "00000"
        assert set(codes(answers)) <= {"00000", "MP080"}
        assert game.one("select count(*) from mpp.league where school_id = %s and listed", (school,)) == 0
        game.db.commit()
    assert_proven(game, edition)


# what happens while a request waits


def test_a_code_renewed_while_a_family_waits_opens_nothing(game, lines):
    class_ = game.class_(game.edition(audience="school"))
    family = game.anonymous()
    code, answer = meanwhile(
        game, lines, LEAGUE, (class_.edition.id, class_.id),
        lambda db: family.on(db).call("claim_class", code=class_.code),
        lambda: class_.teacher.call("renew_class_code", class_id=class_.id),
    )  # fmt: skip
    assert (code, answer["claimed"], answer["guesses_left"]) == ("00000", False, 9)
    assert game.one("select count(*) from mpp.family where league_id = %s", (class_.id,)) == 0


def test_a_colleague_removed_while_waiting_does_nothing_more(game, lines):
    edition = game.edition(audience="school")
    class_ = game.class_(edition, pupils=("Ada",))
    colleague = game.teacher()
    given: dict[str, dict[str, Any]] = {
        "validate_for_pupils": {"challenge_id": edition.challenges["t-soup"], "request_key": uuid.uuid4()},
        "add_pupils": {"pupils": Jsonb([{"first_name": "Eve"}])},
        "renew_class_code": {},
        "choose_class_challenges": {"challenge_ids": None},
    }
    for command, more in given.items():
        colleague.call("accept_class", code=class_.teacher.call("invite_co_teacher", class_id=class_.id))
        code, _ = meanwhile(
            game, lines, LEAGUE, (edition.id, class_.id),
            lambda db, c=command, m=more: colleague.on(db).table(c, class_id=class_.id, **m),
            lambda: class_.teacher.call("remove_co_teacher", class_id=class_.id, teacher_id=colleague.account),
        )  # fmt: skip
        assert code == "MP008", command
    assert game.score(class_.id) == 0


@pytest.mark.parametrize(
    "ended", ["banned_until = private.clock() + interval '1 year'", "deleted_at = private.clock()"]
)
@pytest.mark.parametrize("command", ["renew_class_code", "invite_co_teacher"])
def test_a_teacher_put_out_while_waiting_does_nothing_more(game, lines, command, ended):
    class_ = game.class_(game.edition(audience="school"), pupils=("Ada",))
    code, _ = meanwhile(
        game, lines, LEAGUE, (class_.edition.id, class_.id),
        lambda db: class_.teacher.on(db).call(command, class_id=class_.id),
        lambda: game.run(f"update auth.users set {ended} where id = %s", (class_.teacher.account,)),
    )  # fmt: skip
    assert code == "MP001"


@pytest.mark.parametrize("adult", [False, True])
def test_who_registers_as_a_teacher_while_their_age_is_corrected_is_as_old_as_that(game, lines, adult):
    person = game.registered(birth_date="1990-06-15" if not adult else game.child(17))
    right = "1990-06-15" if adult else game.child(17)
    given = {"first_name": "A", "last_name": "B", "role": "Pirate", "terms_version": "2026-01"}
    code, _ = meanwhile(
        game, lines, "select api.correct_birth_date(%s, %s, 'a letter')", (person.account, right),
        lambda db: person.on(db).call("register_teacher", **given), lambda: None,
    )  # fmt: skip
    assert code == ("00000" if adult else "MP053")


def test_an_age_corrected_while_somebody_registers_as_a_teacher_is_refused(game, lines):
    person = game.registered(birth_date="1990-06-15")
    given = {"first_name": "A", "last_name": "B", "role": "Pirate", "terms_version": "2026-01"}
    younger = "select api.correct_birth_date(%s, %s, 'a letter')"
    birth_date = game.child(17)
    code, _ = meanwhile(
        game, lines, "select from mpp.profile p where p.id = %s for key share", (person.account,),
        lambda db: db.execute(younger, (person.account, birth_date)),
        lambda: person.call("register_teacher", **given),
    )  # fmt: skip
    assert code == "MP053"


def test_an_edition_closed_or_frozen_while_a_class_waits_takes_nothing_more(game, lines):
    for freezing, expected in ((False, "MP022"), (True, "MP024")):
        edition = game.edition(audience="school")
        class_ = game.class_(edition, pupils=("Ada",))

        def end(edition=edition, freezing=freezing) -> None:  # type: ignore[no-untyped-def]
            game.close(edition)
            if freezing:
                game.freeze(edition)

        code, _ = meanwhile(
            game, lines, EDITION, (edition.id,),
            lambda db, c=class_, e=edition: c.teacher.on(db).table(
                "validate_for_pupils", class_id=c.id, challenge_id=e.challenges["t-soup"], request_key=uuid.uuid4()
            ),
            end,
        )  # fmt: skip
        assert code == expected
        assert_proven(game, edition)


# crowds


def test_everything_that_changes_a_class_at_once_leaves_right_scores(game, lines):
    edition = game.edition(audience="school", league_min_players=2, league_max_players=15)
    teacher, school = game.teacher(), game.school()
    classes = [game.class_(edition, teacher, "lycee", NAMES, school_id=school, teams=["A", "B"]) for _ in range(3)]
    colleague = game.teacher()
    for class_ in classes:
        colleague.call("accept_class", code=teacher.call("invite_co_teacher", class_id=class_.id))
    game.db.commit()
    crowd = Crowd(lines)
    playable = [edition.challenges[c] for c in ("t-soup", "t-bike", "t-picnic", "t-swap", "t-plane", "t-boost")]

    def pupils_of(db: Connection, class_: Any) -> list[Any]:
        rows = teacher.on(db).view("league_members", league_id=class_.id)
        return [row["player_id"] for row in rows]

    def whole(db: Connection, chance: random.Random) -> None:
        more = chance.choice(({}, {"team_id": None}))
        class_ = chance.choice(classes)
        if chance.random() < 0.3:
            more = {"team_id": chance.choice(class_.teams)}
        chance.choice((teacher, colleague)).on(db).table(
            "validate_for_pupils", class_id=class_.id, challenge_id=chance.choice(playable), request_key=uuid.uuid4(),
            **more,
        )  # fmt: skip

    def sheet(db: Connection, chance: random.Random) -> None:
        class_ = chance.choice(classes)
        asked = [(p, c) for p in pupils_of(db, class_) for c in chance.sample(playable, 3)]
        if asked:
            teacher.on(db).table(
                "import_class_sheet", class_id=class_.id, pupil_ids=[p for p, _ in asked],
                challenge_ids=[c for _, c in asked], times=[1] * len(asked), done_on=[None] * len(asked),
                dry_run=chance.random() < 0.2,
            )  # fmt: skip

    def take_back(db: Connection, chance: random.Random) -> None:
        class_ = chance.choice(classes)
        rows = teacher.on(db).rows(
            "select validation_id from api.league_validations where league_id = %s and state <> 'cancelled'"
            " order by random() limit 6",
            (class_.id,),
        )
        if rows:
            colleague.on(db).table(
                "cancel_for_pupils", class_id=class_.id, validation_ids=[row["validation_id"] for row in rows]
            )

    def come_and_go(db: Connection, chance: random.Random) -> None:
        class_ = chance.choice(classes)
        deed = chance.random()
        if deed < 0.4:
            pupil = {"first_name": one_name(chance.randrange(1000, 9999)), "team": chance.choice("AB")}
            teacher.on(db).table("add_pupils", class_id=class_.id, pupils=Jsonb([pupil]))
        elif pupils := pupils_of(db, class_):
            one = chance.choice(pupils)
            if deed < 0.7:
                teacher.on(db).call("remove_pupil", pupil_id=one)
            else:
                moved = {"pupil_id": str(one), "team_id": str(chance.choice(class_.teams))}
                colleague.on(db).table("add_pupils", class_id=class_.id, pupils=Jsonb([moved]))

    def steer(db: Connection, chance: random.Random) -> None:
        class_ = chance.choice(classes)
        deed = chance.randrange(4)
        if deed == 0:
            teacher.on(db).call("set_listing", scope="league", subject_id=class_.id, listed=chance.random() < 0.5)
        elif deed == 1:
            chosen = chance.choice((None, chance.sample(playable, 4)))
            colleague.on(db).call("choose_class_challenges", class_id=class_.id, challenge_ids=chosen)
        elif deed == 2:
            teacher.on(db).call("update_class", class_id=class_.id, name=f"Class {uuid.uuid4().hex[:6]}")
        else:
            assert game.service.on(db).table("verify_scores", edition_code=edition.code) == []
        crowd.wait_for_more(5, 300)

    for work, number in ((whole, 3), (sheet, 2), (take_back, 1), (come_and_go, 2), (steer, 1)):
        for _ in range(number):
            crowd.add(work, until=lambda: crowd.has_done(300))
    with crowd.at_work():
        pass
    assert crowd.answers["00000"] > 100
    assert set(crowd.answers) <= {"00000", "MP032", "MP042", "MP070", "MP083", "MP084", "MP008", "MP010"}
    assert_proven(game, edition)
    assert all(
        game.one("select count(*) from mpp.player where league_id = %s", (class_.id,)) <= 15 for class_ in classes
    )
    game.close(edition)
    game.freeze(edition)
    assert game.faults(edition) == []


def test_nothing_is_validated_after_a_freeze_in_forty_rounds(game, lines):
    teacher, school = game.teacher(), game.school()
    game.db.commit()
    total: Counter[str] = Counter()
    for number in range(40):
        edition = game.edition(audience="school")
        class_ = game.class_(edition, teacher, school_id=school, pupils=NAMES)
        game.db.commit()
        frozen: list[bool] = []
        crowd = Crowd(lines)
        for _ in range(2):
            crowd.add(
                lambda db, chance, c=class_, e=edition: teacher.on(db).table(
                    "validate_for_pupils", class_id=c.id, request_key=uuid.uuid4(),
                    challenge_id=e.challenges[chance.choice(("t-soup", "t-picnic"))],
                ),
                until=lambda f=frozen: bool(f),
            )  # fmt: skip
        with crowd.at_work():
            crowd.wait_for_attempts(1 + random.Random(number).randrange(6))
            game.close(edition)
            game.db.commit()
            at = game.freeze(edition)
            game.db.commit()
            shown = game.anon.view("class_ranking", edition_id=edition.id)
            game.db.commit()
            crowd.wait_for_attempts(2)
            frozen.append(True)
        total += crowd.answers
        assert game.one("select count(*) from mpp.validation where edition_id = %s and changed_at >= %s",
                        (edition.id, at)) == 0  # fmt: skip
        assert game.anon.view("class_ranking", edition_id=edition.id) == shown
        assert_proven(game, edition)
        game.db.commit()
    assert total["00000"] > 40
    assert set(total) <= {"00000", "MP022", "MP024", "MP042"}


def test_an_account_deleted_while_its_class_is_handed_to_it_leaves_a_class_with_one_teacher_or_none(game, arena_url):
    for _ in range(6):
        class_ = game.class_(game.edition(audience="school"), pupils=("Ada",))
        heir = game.teacher()
        heir.call("accept_class", code=class_.teacher.call("invite_co_teacher", class_id=class_.id))
        game.db.commit()

        def delete(db: Connection, account: uuid.UUID | None = heir.account) -> int:
            return db.execute("delete from auth.users where id = %s", (account,)).rowcount

        answers = at_once(
            arena_url,
            [
                lambda db, c=class_, h=heir: c.teacher.on(db).call(
                    "hand_over_class", class_id=c.id, teacher_id=h.account
                ),
                delete,
            ],
        )
        assert answers[1] == ("00000", 1)
        assert answers[0][0] in ("00000", "MP005"), answers
        rows = game.rows("select account_id, is_principal from mpp.ambassador where league_id = %s", (class_.id,))
        assert rows == [{"account_id": class_.teacher.account, "is_principal": True}]
        game.db.commit()


def test_a_pupil_removed_while_validated_is_either_in_or_gone(game, arena_url):
    edition = game.edition(audience="school")
    class_ = game.class_(edition, pupils=("Ada", "Eve", "Lou"))
    game.db.commit()
    answers = at_once(
        arena_url,
        [
            lambda db: class_.teacher.on(db).call("remove_pupil", pupil_id=class_.pupils["Ada"]),
            *[
                lambda db: class_.teacher.on(db).table(
                    "validate_for_pupils", class_id=class_.id, challenge_id=edition.challenges["t-soup"],
                    request_key=uuid.uuid4(),
                )
            ] * 6,
        ],
    )  # fmt: skip
    assert codes(answers) == {"00000": 7}
    assert_proven(game, edition)
