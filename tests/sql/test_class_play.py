"""Playing at school: a teacher validates for pupils, takes back, chooses challenges and brings in a tracking sheet."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support import clock
from tests.support.game import DAY, HOUR, Class, Edition, Game, Jsonb, Person

MICROSECOND = timedelta(microseconds=1)
PARIS = ZoneInfo("Europe/Paris")
Row = dict[str, Any]


@pytest.fixture
def edition(game: Game) -> Edition:
    return game.edition(audience="school", ranking_basis="average", league_min_players=2, league_max_players=40)


@pytest.fixture
def class_(game: Game, edition: Edition) -> Class:
    """Two teams: Ada, Eve and Lou in the first, Max and Noé in the second."""
    made = game.class_(edition, level="lycee", teams=["A", "B"])
    game.pupils(made, "Ada", "Eve", "Lou", team="A")
    game.pupils(made, "Max", "Noé", team="B")
    return made


def validate(class_: Class, code: str, *names: str, by: Person | None = None, **more: Any) -> list[Row]:
    """The rows of validate_for_pupils: for these pupils, or for whom ``more`` says."""
    if names:
        more["pupil_ids"] = [class_.pupils[name] for name in names]
    more.setdefault("request_key", uuid.uuid4())
    return (by or class_.teacher).table(
        "validate_for_pupils", class_id=class_.id, challenge_id=class_.edition.challenges[code], **more
    )


def cancel(class_: Class, rows: Sequence[Row], by: Person | None = None) -> list[Row]:
    """The rows of cancel_for_pupils."""
    ids = [row["validation_id"] for row in rows]
    return (by or class_.teacher).table("cancel_for_pupils", class_id=class_.id, validation_ids=ids)


def choose(class_: Class, *codes: str) -> int:
    chosen = [class_.edition.challenges[code] for code in codes] or None
    return class_.teacher.call("choose_class_challenges", class_id=class_.id, challenge_ids=chosen)  # type: ignore[no-any-return]


def who(class_: Class, rows: Sequence[Row]) -> dict[str, tuple[str | None, int | None]]:
    """State and points by pupil."""
    names = {pupil: name for name, pupil in class_.pupils.items()}
    return {names[row["pupil_id"]]: (row["state"], row["points"]) for row in rows}


def states(game: Game, class_: Class, code: str) -> Counter[str]:
    rows = game.rows(
        "select state from mpp.validation where league_id = %s and challenge_id = %s",
        (class_.id, class_.edition.challenges[code]),
    )
    return Counter(row["state"] for row in rows)


# one, several, a team, everybody


def test_a_challenge_is_validated_for_one_several_a_team_or_the_whole_class(game, edition, class_):
    assert who(class_, validate(class_, "t-soup", "Ada")) == {"Ada": ("credited", 2)}
    assert who(class_, validate(class_, "t-soup", "Eve", "Noé")) == dict.fromkeys(("Eve", "Noé"), ("credited", 2))
    of_team = who(class_, validate(class_, "t-soup", team_id=class_.teams[1]))
    assert of_team == dict.fromkeys(("Max", "Noé"), ("credited", 2))
    everybody = who(class_, validate(class_, "t-soup"))
    assert everybody == dict.fromkeys(class_.pupils, ("credited", 2))
    assert {name: game.score(pupil) for name, pupil in class_.pupils.items()} == {
        "Ada": 4, "Eve": 4, "Lou": 2, "Max": 4, "Noé": 6,
    }  # fmt: skip
    assert [game.score(team) for team in class_.teams] == [10, 10]
    assert game.score(class_.id) == 20
    assert game.faults(edition) == []


def test_what_was_validated_says_by_whom_and_to_nobody_but_the_database(game, class_):
    validate(class_, "t-soup", "Ada")
    assert game.one("select validated_by from mpp.validation where league_id = %s", (class_.id,)) == (
        class_.teacher.account
    )
    validate(class_, "t-soup", "Eve", by=game.service)
    (shown, *_) = class_.teacher.view("league_validations", league_id=class_.id)
    assert not {"validated_by", "cancelled_by"} & set(shown)


def test_pupils_named_twice_are_validated_once(game, class_):
    assert len(validate(class_, "t-soup", "Ada", "Ada")) == 1
    assert game.score(class_.id) == 2


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"pupil_ids": []}, "MP010"), ({"pupil_ids": [uuid.UUID(int=1)] * 1001}, "MP010"),
        ({"pupil_ids": [None]}, "MP083"), ({"pupil_ids": [uuid.UUID(int=1)]}, "MP083"),
        ({"team_id": uuid.UUID(int=1)}, "MP083"), ({"request_key": None}, "MP010"),
        ({"pupil_ids": [uuid.UUID(int=1)], "team_id": uuid.UUID(int=1)}, "MP010"), ({"class_id": None}, "MP008"),
        ({"class_id": uuid.UUID(int=1)}, "MP008"), ({"challenge_id": None}, "MP040"), ({"challenge_id": -1}, "MP040"),
    ],
    ids=str,
)  # fmt: skip
def test_a_request_that_makes_no_sense_is_refused(game, class_, more, code):
    given = {
        "class_id": class_.id, "challenge_id": class_.edition.challenges["t-soup"], "request_key": uuid.uuid4(), **more,
    }  # fmt: skip
    with game.refused(code):
        class_.teacher.table("validate_for_pupils", **given)


def test_an_empty_class_or_team_validates_nothing(game, edition, class_):
    empty = game.class_(edition)
    with game.refused("MP010"):
        validate(empty, "t-soup")
    for name in ("Max", "Noé"):
        class_.teacher.call("remove_pupil", pupil_id=class_.pupils[name])
    with game.refused("MP010"):
        validate(class_, "t-soup", team_id=class_.teams[1])
    with game.refused("MP083"):
        validate(class_, "t-soup", "Ada", "Noé")


# the same request again


def test_a_request_sent_twice_is_done_once_and_answered_the_same(game, class_):
    for more in ({}, {"team_id": class_.teams[0]}, {"pupil_ids": [class_.pupils["Ada"]]}):
        key = uuid.uuid4()
        first = validate(class_, "t-soup", request_key=key, **more)
        before = game.fingerprint()
        assert validate(class_, "t-soup", request_key=key, **more) == first
        assert validate(class_, "t-soup", request_key=key, by=game.service, **more) == first
        assert game.fingerprint() == before
    assert game.score(class_.id) == 2 * (5 + 3 + 1)


def test_a_request_answers_for_the_same_pupils_after_one_came_and_one_left(game, class_):
    key = uuid.uuid4()
    first = validate(class_, "t-soup", request_key=key)
    game.pupils(class_, "Zoé")
    class_.teacher.call("remove_pupil", pupil_id=class_.pupils["Ada"])
    assert validate(class_, "t-soup", request_key=key) == first
    assert game.score(class_.id) == 10
    assert game.score(class_.pupils["Zoé"]) == 0


def test_a_request_sent_again_after_a_cancellation_or_the_end_shows_how_it_stands(game, class_):
    key = uuid.uuid4()
    first = validate(class_, "t-soup", "Ada", request_key=key)
    cancel(class_, first)
    assert who(class_, validate(class_, "t-soup", "Ada", request_key=key)) == {"Ada": ("cancelled", 2)}
    game.close(class_.edition)
    assert who(class_, validate(class_, "t-soup", "Ada", request_key=key)) == {"Ada": ("cancelled", 2)}
    assert game.score(class_.id) == 0


def test_a_request_that_left_somebody_out_says_so_again(game, class_):
    validate(class_, "t-photo", "Ada", proof_sent=True)
    key = uuid.uuid4()
    first = validate(class_, "t-photo", request_key=key, proof_sent=True)
    assert who(class_, first)["Ada"] == (None, None)
    assert who(class_, first)["Eve"] == ("credited", 3)
    assert validate(class_, "t-photo", request_key=key, proof_sent=True) == first


def test_a_key_serves_one_request(game, edition, class_):
    other = game.class_(edition, pupils=("Tom",))
    key = uuid.uuid4()
    validate(class_, "t-soup", "Ada", request_key=key)
    for code, more in (
        ("t-swap", {"pupil_ids": [class_.pupils["Ada"]]}), ("t-soup", {}), ("t-soup", {"team_id": class_.teams[0]}),
        ("t-soup", {"pupil_ids": [class_.pupils["Eve"]]}),
    ):  # fmt: skip
        with game.refused("MP044"):
            validate(class_, code, request_key=key, **more)
    with game.refused("MP044"):
        validate(other, "t-soup", request_key=key)


def test_the_key_of_a_player_and_the_key_of_a_class_do_not_meet(game, class_):
    edition = game.edition()
    ana = game.player(game.league(edition))
    key = uuid.uuid4()
    validate(class_, "t-soup", "Ada", request_key=key)
    assert game.validate(ana, edition, "t-soup", key)["points"] == 2


# limits, kinds, windows


def test_pupils_at_their_limit_are_left_as_they_are(game, edition, class_):
    validate(class_, "t-bike", "Ada")
    validate(class_, "t-bike", "Ada", "Eve")
    rows = validate(class_, "t-bike")
    assert [row["validation_id"] is None for row in rows] == [True, False, False, False, False]
    validate(class_, "t-bike")
    with game.refused("MP042"):
        validate(class_, "t-bike")
    with game.refused("MP042"):
        validate(class_, "t-bike", "Ada")
    assert game.score(class_.id) == 5 * 2 * 4
    assert game.faults(edition) == []


def test_a_cancelled_validation_does_not_count_for_the_limit(game, class_):
    rows = validate(class_, "t-window", "Ada")
    with game.refused("MP042"):
        validate(class_, "t-window", "Ada")
    cancel(class_, rows)
    validate(class_, "t-window", "Ada")
    assert game.score(class_.id) == 1


def test_a_proof_is_asked_for_where_the_card_wants_one(game, class_):
    for sent in (False, None):
        with game.refused("MP043"):
            validate(class_, "t-photo", "Ada", proof_sent=sent)
    validate(class_, "t-photo", "Ada", proof_sent=True)
    assert class_.teacher.view("league_validations", league_id=class_.id)[0]["proof_sent"] is True


def test_a_card_is_for_the_classes_of_its_levels(game, edition):
    for level, code, taken in (
        ("elementaire", "t-photo", False), ("maternelle", "t-plane", False), ("college", "t-photo", True),
        ("lycee", "t-plane", True), ("college", "t-plane", False), ("maternelle", "t-soup", True),
    ):  # fmt: skip
        class_ = game.class_(edition, level=level, pupils=("Ada",))
        if taken:
            validate(class_, code, "Ada", proof_sent=True)
        else:
            with game.refused("MP084"):
                validate(class_, code, "Ada", proof_sent=True)
        shown = {row["code"] for row in class_.teacher.view("class_challenges", class_id=class_.id)}
        assert (code in shown) is taken


def test_windows_boosts_flashes_and_maluses_count_as_for_everybody(game, edition, class_):
    assert who(class_, validate(class_, "t-window", "Ada")) == {"Ada": ("credited", 1)}
    for code, refusal in (
        ("t-later", "MP041"), ("t-flash-over", "MP041"),
        # What nobody may list yet is not announced.
        ("t-flash-soon", "MP040"),
    ):  # fmt: skip
        with game.refused(refusal):
            validate(class_, code, "Ada")
    assert who(class_, validate(class_, "t-boost", "Ada")) == {"Ada": ("credited", 6)}
    assert who(class_, validate(class_, "t-boost-over", "Ada")) == {"Ada": ("credited", 2)}
    assert who(class_, validate(class_, "t-flash", "Ada")) == {"Ada": ("credited", 3)}
    assert who(class_, validate(class_, "t-plane", "Ada")) == {"Ada": ("credited", -5)}
    assert game.score(class_.pupils["Ada"]) == 1 + 6 + 2 + 3 - 5
    assert game.faults(edition) == []


def test_a_window_is_open_from_its_first_instant_to_just_before_its_end(game, edition, class_):
    opens, closes = game.now - HOUR, game.now + HOUR
    for at, points in (
        (opens - MICROSECOND, 2), (opens, 6), (closes - MICROSECOND, 6), (closes, 2),
    ):  # fmt: skip
        game.clock(at)
        rows = validate(class_, "t-boost", "Ada")
        assert who(class_, rows) == {"Ada": ("credited", points)}
        cancel(class_, rows)
        for code, refusal in (("t-window", "MP041"), ("t-flash", "MP040" if at < opens else "MP041")):
            if points == 6:
                cancel(class_, validate(class_, code, "Ada"))
            else:
                with game.refused(refusal):
                    validate(class_, code, "Ada")


def test_a_class_plays_from_the_first_instant_to_just_before_the_end(game):
    edition = game.edition("registration", audience="school", starts=-13 * DAY, ends=-11 * DAY)
    class_ = game.class_(edition, pupils=("Ada",))
    kept: list[Row] = []
    for at, runs in (
        (edition.starts_at - MICROSECOND, False), (edition.starts_at, True), (edition.ends_at - MICROSECOND, True),
        (edition.ends_at, False),
    ):  # fmt: skip
        game.clock(at)
        if runs:
            cancel(class_, validate(class_, "t-soup", "Ada"))
            kept = validate(class_, "t-soup", "Ada")
            choose(class_)
        else:
            with game.refused("MP022"):
                validate(class_, "t-soup", "Ada")
            if at == edition.ends_at:
                with game.refused("MP022"):
                    choose(class_)
            else:
                choose(class_)
    with game.refused("MP022"):
        cancel(class_, kept)
    # The staff may, until the freeze.
    assert who(class_, cancel(class_, kept, by=game.staff())) == {"Ada": ("cancelled", 2)}
    game.freeze(edition)
    for person in (class_.teacher, game.service):
        with game.refused("MP024"):
            validate(class_, "t-soup", "Ada", by=person)
        with game.refused("MP024"):
            cancel(class_, kept, by=person)
    assert game.score(class_.id) == 2
    assert game.faults(edition) == []


# collective challenges


def test_a_collective_challenge_is_credited_to_the_team_that_reaches_its_quorum(game, edition, class_):
    assert who(class_, validate(class_, "t-picnic", "Ada", "Eve")) == dict.fromkeys(("Ada", "Eve"), ("pending", 5))
    # Two in one team and two in the other are no three.
    validate(class_, "t-picnic", "Max", "Noé")
    assert states(game, class_, "t-picnic") == {"pending": 4}
    assert game.score(class_.id) == 0
    assert who(class_, validate(class_, "t-picnic", "Lou")) == {"Lou": ("credited", 5)}
    assert (game.score(class_.teams[0]), game.score(class_.teams[1]), game.score(class_.id)) == (15, 0, 15)
    assert game.faults(edition) == []


def test_the_whole_class_validates_a_collective_challenge_at_one_touch(game, edition, class_):
    rows = validate(class_, "t-picnic")
    assert Counter(row["state"] for row in rows) == {"credited": 3, "pending": 2}
    assert game.score(class_.id) == 15
    rows = validate(class_, "t-swap")
    assert Counter(row["state"] for row in rows) == {"credited": 5}
    assert game.faults(edition) == []


def test_a_team_that_falls_below_the_quorum_loses_all_of_it(game, edition, class_):
    rows = validate(class_, "t-picnic", "Ada", "Eve", "Lou")
    (one,) = [row for row in rows if row["pupil_id"] == class_.pupils["Eve"]]
    assert who(class_, cancel(class_, [one])) == {"Eve": ("cancelled", 5)}
    assert states(game, class_, "t-picnic") == {"pending": 2, "cancelled": 1}
    assert game.score(class_.id) == 0
    validate(class_, "t-picnic", "Eve")
    assert states(game, class_, "t-picnic") == {"credited": 3, "cancelled": 1}
    assert game.score(class_.id) == 15
    assert game.faults(edition) == []


def test_a_pupil_who_left_still_counts_for_the_quorum(game, edition, class_):
    validate(class_, "t-picnic", "Ada", "Eve")
    class_.teacher.call("remove_pupil", pupil_id=class_.pupils["Ada"])
    validate(class_, "t-picnic", "Lou")
    assert states(game, class_, "t-picnic") == {"credited": 3}
    assert game.faults(edition) == []


def test_what_a_pupil_earned_stays_with_the_team_it_was_earned_in(game, edition, class_):
    validate(class_, "t-picnic", "Ada", "Eve", "Lou")
    add_to = {"pupil_id": str(class_.pupils["Ada"]), "team_id": str(class_.teams[1])}
    class_.teacher.table("add_pupils", class_id=class_.id, pupils=Jsonb([add_to]))
    validate(class_, "t-soup", "Ada")
    assert [game.score(team) for team in class_.teams] == [15, 2]
    # A team validates for who is in it now.
    assert set(who(class_, validate(class_, "t-soup", team_id=class_.teams[1]))) == {"Ada", "Max", "Noé"}
    assert game.faults(edition) == []


# taking back


def test_validations_are_taken_back_all_or_none(game, edition, class_):
    mine = validate(class_, "t-soup")
    other = game.class_(edition, pupils=("Tom",))
    theirs = validate(other, "t-soup", "Tom")
    for stranger in (theirs, [{"validation_id": uuid.uuid4()}], [{"validation_id": None}]):
        with game.refused("MP083"):
            cancel(class_, [*mine, *stranger])
    assert who(class_, cancel(class_, mine)) == dict.fromkeys(class_.pupils, ("cancelled", 2))
    assert game.score(class_.id) == 0
    before = game.fingerprint()
    assert who(class_, cancel(class_, mine)) == dict.fromkeys(class_.pupils, ("cancelled", 2))
    assert game.fingerprint() == before
    for ids in ([], None, [uuid.uuid4()] * 1001):
        with game.refused("MP010"):
            class_.teacher.table("cancel_for_pupils", class_id=class_.id, validation_ids=ids)
    assert game.faults(edition) == []


def test_what_the_staff_take_back_is_written_down_once(game, class_):
    rows = validate(class_, "t-soup", "Ada")
    cancel(class_, rows, by=game.staff())
    cancel(class_, rows, by=game.staff())
    (trace,) = game.service.view("audit_log", action="class.cancel", subject=str(class_.id))
    assert trace["details"]["validations"] == [str(rows[0]["validation_id"])]


# the choice of challenges


def test_a_class_plays_what_its_teacher_chose_and_keeps_what_it_did(game, edition, class_):
    validate(class_, "t-soup", "Ada")
    assert choose(class_, "t-bike", "t-swap", "t-bike") == 2
    with game.refused("MP084"):
        validate(class_, "t-soup", "Ada")
    validate(class_, "t-bike", "Ada")
    shown = {
        row["code"]: (row["is_in_play"], row["pupils_credited"], row["points_earned"])
        for row in class_.teacher.view("class_challenges", class_id=class_.id)
    }
    assert shown["t-soup"] == (False, 1, 2)
    assert shown["t-bike"] == (True, 1, 4)
    assert shown["t-swap"] == (True, 0, 0)
    assert choose(class_, "t-soup") == 1
    validate(class_, "t-soup", "Ada")
    of_level = choose(class_)
    assert of_level == len(edition.challenges)
    validate(class_, "t-swap", "Ada")
    assert game.score(class_.id) == 2 + 4 + 2
    assert game.faults(edition) == []


def test_a_choice_is_of_the_level_and_the_edition(game, edition):
    class_ = game.class_(edition, level="elementaire", pupils=("Ada",))
    elsewhere = game.edition(audience="school")
    for ids in (
        [edition.challenges["t-plane"]], [elsewhere.challenges["t-soup"]], [-1], [None],
        [edition.challenges["t-soup"], edition.challenges["t-plane"]],
    ):  # fmt: skip
        with game.refused("MP040"):
            class_.teacher.call("choose_class_challenges", class_id=class_.id, challenge_ids=ids)
    for ids in ([], [edition.challenges["t-soup"]] * 301):
        with game.refused("MP010"):
            class_.teacher.call("choose_class_challenges", class_id=class_.id, challenge_ids=ids)


def test_the_teacher_of_a_class_to_come_reads_its_challenges_and_nobody_else_does(game):
    edition = game.edition("registration", audience="school")
    class_ = game.class_(edition, pupils=("Ada",))
    assert choose(class_, "t-soup") == 1
    assert {row["code"] for row in class_.teacher.view("class_challenges", is_in_play=True)} == {"t-soup"}
    assert game.family(class_).view("class_challenges") == []
    assert game.teacher().view("challenges", edition_id=edition.id) == []
    assert game.anon.view("challenges", edition_id=edition.id) == []


def test_a_choice_in_one_class_is_none_in_another(game, edition, class_):
    other = game.class_(edition, class_.teacher, level="lycee", school_id=class_.school, pupils=("Tom",))
    choose(class_, "t-bike")
    validate(other, "t-soup", "Tom")


# the tracking sheet


def sheet(class_: Class, *rows: tuple[Any, ...], by: Person | None = None, **more: Any) -> tuple[int, int]:
    """Import rows of (pupil, challenge, times, day); returns how many were recorded, and how many were there."""
    columns: list[list[Any]] = [[], [], [], []]
    for pupil, code, *rest in rows:
        times, day = [*rest, *(1, None)[len(rest) :]]
        columns[0].append(class_.pupils.get(pupil, pupil))
        columns[1].append(class_.edition.challenges.get(code, code))
        columns[2].append(times)
        columns[3].append(day)
    (outcome,) = (by or class_.teacher).table(
        "import_class_sheet", class_id=class_.id, pupil_ids=columns[0], challenge_ids=columns[1], times=columns[2],
        done_on=columns[3], **more,
    )  # fmt: skip
    return outcome["recorded"], outcome["already"]


def civil(game: Game, days: int) -> date:
    """The civil day in Paris so many days from now."""
    return (game.now.astimezone(PARIS) + days * DAY).date()


def test_a_sheet_is_recorded_and_tops_up_what_is_there(game, edition, class_):
    validate(class_, "t-soup", "Ada")
    rows = [("Ada", "t-soup", 3), ("Eve", "t-soup", 2), ("Eve", "t-bike"), ("Noé", "t-plane", 4)]
    assert sheet(class_, *rows) == (2 + 2 + 1 + 4, 1)
    assert game.score(class_.id) == 6 + 4 + 4 - 20
    before = game.fingerprint()
    assert sheet(class_, *rows) == (0, 10)
    assert sheet(class_, ("Ada", "t-soup", 1)) == (0, 1)
    assert game.fingerprint() == before
    assert sheet(class_, ("Ada", "t-soup", 5), ("Lou", "t-soup")) == (3, 3)
    assert game.faults(edition) == []


def test_what_was_taken_back_is_recorded_again_by_a_sheet(game, class_):
    cancel(class_, validate(class_, "t-soup", "Ada"))
    assert sheet(class_, ("Ada", "t-soup")) == (1, 0)
    assert game.score(class_.id) == 2


def test_a_day_is_recorded_at_noon_where_it_can_be(game, edition, class_):
    first, yesterday, today = (civil(game, days) for days in (-7, -1, 0))
    sheet(class_, ("Ada", "t-soup", 1, first), ("Eve", "t-soup", 1, yesterday), ("Lou", "t-soup", 1, today))
    at = {
        row["player_id"]: row["validated_at"]
        for row in game.rows("select player_id, validated_at from mpp.validation where league_id = %s", (class_.id,))
    }
    for name, day in (("Ada", first), ("Eve", yesterday), ("Lou", today)):
        done = at[class_.pupils[name]]
        assert done.astimezone(PARIS).date() == day, name
        assert edition.starts_at <= done <= clock.now(), name
    assert at[class_.pupils["Eve"]].astimezone(PARIS).hour == 12


@pytest.mark.parametrize("days", [-8, -400, 1, 13, 15, 4000])
def test_a_day_outside_the_edition_or_in_the_future_is_refused(game, class_, days):
    with game.refused("MP070") as caught:
        sheet(class_, ("Ada", "t-soup", 1, civil(game, days)))
    assert str(civil(game, days)) in str(caught.value)


@pytest.mark.parametrize("day", ["infinity", "-infinity", "5874897-12-31", "4713-01-01 BC", "0001-01-01"])
def test_a_day_that_no_calendar_shows_is_refused_like_any_other(game, class_, day):
    with game.refused("MP070"):
        class_.teacher.rows(
            "select * from api.import_class_sheet(%s, %s, %s, '{1}', array[%s]::date[])",
            (class_.id, [class_.pupils["Ada"]], [class_.edition.challenges["t-soup"]], day),
        )


def test_a_day_must_touch_the_window_of_its_challenge(game, class_):
    # The window was open on the day before yesterday only, and the boost multiplied on that day.
    opens = (game.now.astimezone(PARIS) - 2 * DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    for code in ("t-window", "t-flash", "t-boost"):
        game.run("alter table mpp.edition_challenge disable trigger user")
        game.run(
            "update mpp.edition_challenge set opens_at = %s, closes_at = %s where id = %s",
            (opens, opens + DAY, class_.edition.challenges[code]),
        )
    for code in ("t-window", "t-flash"):
        for day in (civil(game, -3), civil(game, -1), None):
            with game.refused("MP070"):
                sheet(class_, ("Ada", code, 1, day))
        assert sheet(class_, ("Ada", code, 1, civil(game, -2))) == (1, 0)
    sheet(class_, ("Ada", "t-boost", 1, civil(game, -2)))
    sheet(class_, ("Eve", "t-boost", 1, civil(game, -3)), ("Lou", "t-boost"))
    points = {
        row["name"]: row["points"]
        for row in class_.teacher.view("league_validations", league_id=class_.id, challenge_code="t-boost")
    }
    assert points == {"Ada": 6, "Eve": 2, "Lou": 2}


def test_an_undated_mark_of_an_open_window_counts_as_done_now(game, class_):
    assert sheet(class_, ("Ada", "t-window"), ("Ada", "t-flash"), ("Ada", "t-boost", 2)) == (4, 0)
    assert game.score(class_.id) == 1 + 3 + 12
    with game.refused("MP070") as caught:
        sheet(class_, ("Ada", "t-flash-soon"))
    assert "t-flash-soon" not in str(caught.value)


def test_a_sheet_reaches_the_quorum_of_each_team(game, edition, class_):
    validate(class_, "t-picnic", "Ada")
    everybody = [(name, "t-picnic") for name in class_.pupils]
    assert sheet(class_, *everybody) == (4, 1)
    assert states(game, class_, "t-picnic") == {"credited": 3, "pending": 2}
    assert game.score(class_.id) == 15
    assert sheet(class_, *everybody) == (0, 5)
    (tom,) = game.pupils(class_, "Tom", team="B")
    assert sheet(class_, (tom, "t-picnic")) == (1, 0)
    assert states(game, class_, "t-picnic") == {"credited": 6}
    assert game.faults(edition) == []


def test_a_dry_run_counts_the_same_and_writes_nothing(game, edition, class_):
    rows = [(name, code) for name in class_.pupils for code in ("t-soup", "t-picnic", "t-plane")]
    before = game.fingerprint()
    assert sheet(class_, *rows, dry_run=True) == (15, 0)
    assert game.fingerprint() == before
    assert sheet(class_, *rows) == (15, 0)
    assert sheet(class_, *rows, dry_run=True) == (0, 15)
    with game.refused("MP070"):
        sheet(class_, ("Ada", "t-bike", 3), dry_run=True)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((uuid.UUID(int=7), "t-bike"), "its pupil"), ((None, "t-bike"), "its pupil"),
        (("Ada", -1), "its challenge"), (("Ada", None), "its challenge"), (("Ada", "t-bike", 3), "2 time(s)"),
        (("Ada", "t-soup", 0), "0 times"), (("Ada", "t-soup", -1), "-1 times"), (("Ada", "t-soup", 100), "100 times"),
        (("Ada", "t-soup", None), "no times"), (("Eve", "t-soup"), "twice"),
        (("Ada", "t-later"), "window"), (("Ada", "t-flash-over"), "window"),
    ],
    ids=str,
)  # fmt: skip
def test_a_sheet_with_one_fault_records_nothing_and_names_the_row(game, class_, row, said):
    with game.refused("MP070") as caught:
        sheet(class_, ("Lou", "t-soup"), ("Eve", "t-soup"), row)
    assert said in str(caught.value)
    assert ("row 2" if said == "twice" else "row 3") in str(caught.value)


def test_a_sheet_with_many_faults_says_how_many(game, class_):
    with game.refused("MP070") as caught:
        sheet(class_, ("Lou", "t-soup"), *[("Ada", "t-bike", 3)] * 4, ("Lou", "t-bike", 3))
    assert "5" in str(caught.value)
    # Each of them for programs, by row.
    assert json.loads(caught.value.diag.message_detail)["faults"] == [
        *({"row": row, "fault": "mark_twice", "arguments": ["t-bike"]} for row in range(2, 6)),
        {"row": 6, "fault": "over_limit", "arguments": ["t-bike", 2]},
    ]


def test_a_sheet_is_of_what_the_class_plays(game, class_):
    choose(class_, "t-bike")
    with game.refused("MP070"):
        sheet(class_, ("Ada", "t-soup"))
    small = game.class_(class_.edition, level="maternelle", pupils=("Tom",))
    with game.refused("MP070"):
        sheet(small, ("Tom", "t-plane"))


@pytest.mark.parametrize("lengths", [(0, 0, 0, 0), (1, 1, 1, 0), (1, 2, 1, 1), (1, 1, None, 1), (20001,) * 4])
def test_columns_of_a_sheet_are_of_one_length(game, class_, lengths):
    pupil, challenge = class_.pupils["Ada"], class_.edition.challenges["t-soup"]
    columns = [
        None if length is None else [value] * length
        for value, length in zip((pupil, challenge, 1, None), lengths, strict=True)
    ]
    with game.refused("MP010"):
        class_.teacher.table(
            "import_class_sheet", class_id=class_.id, pupil_ids=columns[0], challenge_ids=columns[1], times=columns[2],
            done_on=columns[3],
        )  # fmt: skip


def test_a_sheet_of_more_marks_than_a_class_can_have_is_refused(game, class_):
    many = [class_.pupils["Ada"]] * 203
    with game.refused("MP010"):
        class_.teacher.table(
            "import_class_sheet", class_id=class_.id, pupil_ids=many, times=[99] * 203, done_on=[None] * 203,
            challenge_ids=[class_.edition.challenges["t-soup"]] * 203,
        )  # fmt: skip


def test_after_the_end_only_the_staff_bring_in_a_sheet_until_the_freeze(game, edition, class_):
    today = civil(game, 0)
    game.close(edition)
    for by in (None, game.teacher()):
        with game.refused("MP022", "MP008"):
            sheet(class_, ("Ada", "t-soup"), by=by)
    game.clock(clock.now() + 3 * DAY)
    staff = game.staff()
    assert sheet(class_, ("Ada", "t-soup"), ("Eve", "t-soup", 1, today), by=staff) == (2, 0)
    with game.refused("MP070"):
        sheet(class_, ("Lou", "t-soup", 1, today + 2 * DAY), by=staff)
    assert game.one("select max(validated_at) < ends_at from mpp.validation v join mpp.edition e on e.id = v.edition_id"
                    " where e.id = %s group by ends_at", (edition.id,))  # fmt: skip
    game.freeze(edition)
    for by in (staff, game.service, class_.teacher):
        with game.refused("MP024"):
            sheet(class_, ("Lou", "t-soup"), by=by)
    assert game.score(class_.id) == 4
    assert game.faults(edition) == []


def test_no_sheet_is_brought_in_before_the_start(game):
    class_ = game.class_(game.edition("registration", audience="school"), pupils=("Ada",))
    for by in (None, game.service):
        with game.refused("MP022"):
            sheet(class_, ("Ada", "t-soup"), by=by)


def test_a_pupil_who_moved_team_keeps_what_was_earned_and_earns_in_the_new_one(game, edition, class_):
    rows = [(name, "t-swap") for name in ("Ada", "Eve", "Max")]
    assert sheet(class_, *rows) == (3, 0)
    moved = {"pupil_id": str(class_.pupils["Ada"]), "team": "B"}
    class_.teacher.table("add_pupils", class_id=class_.id, pupils=Jsonb([moved]))
    assert sheet(class_, *rows) == (0, 3)
    assert [game.score(team) for team in class_.teams] == [4, 0]
    assert sheet(class_, ("Ada", "t-swap", 2)) == (1, 1)
    assert [game.score(team) for team in class_.teams] == [4, 4]
    assert game.faults(edition) == []


def test_a_mark_of_a_day_that_has_begun_in_noumea_only_is_told_which_day_it_is(game, edition):
    class_ = game.class_(edition, pupils=("Ada",))
    at = datetime.combine(edition.starts_at.date() + 3 * DAY, time(20), PARIS)
    game.clock(at)
    with game.refused("MP070") as caught:
        sheet(class_, ("Ada", "t-soup", 1, at.date() + DAY))
    assert f"it is {at.date()} in Europe/Paris" in str(caught.value)
    assert sheet(class_, ("Ada", "t-soup", 1, at.date())) == (1, 0)


def test_a_whole_sheet_of_a_large_class_is_recorded_once(game, edition):
    class_ = game.class_(edition, level="lycee")
    letters = "abcdefghijklmnopqrst"
    game.pupils(class_, *(f"P{a}{b}" for a in letters[:2] for b in letters))
    codes = [c for c in edition.challenges if c not in ("t-later", "t-flash-soon", "t-flash-over")]
    rows = [(name, code) for name in class_.pupils for code in codes]
    assert sheet(class_, *rows) == (len(rows), 0)
    assert sheet(class_, *rows) == (0, len(rows))
    assert game.faults(edition) == []


def test_a_class_that_plays_as_a_class_does_is_no_misuse(game, class_):
    # Seven days, five pupils: ten a day for each of them may be.
    sheet(class_, *((name, "t-soup", 69) for name in class_.pupils))
    assert game.service.view("misuse", edition_id=class_.edition.id) == []


def test_a_class_that_races_is_shown_to_the_staff_whole_and_names_no_pupil(game, edition, class_):
    sheet(class_, *((name, "t-soup", 75) for name in class_.pupils))
    for _ in range(3):
        cancel(class_, validate(class_, "t-bike", "Ada"))
    (row,) = game.staff().view("misuse", edition_id=edition.id)
    assert (row["pattern"], row["player_id"], row["alias"], row["league_id"], row["subject_id"]) == (
        "class rate", None, None, class_.id, class_.id,
    )  # fmt: skip
    assert (row["validations"], row["points"]) == (375, 750)
