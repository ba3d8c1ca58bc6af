"""The edges of the clock: the last instant before, the first one in; and 21 civil days across a clock change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.game import DAY, HOUR, SECRET_WORD, Jsonb, translated

MICROSECOND = timedelta(microseconds=1)
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def edition(game):
    """An edition to come, which opens in a day and lasts two."""
    return game.edition("registration", starts=-13 * DAY, ends=-11 * DAY)


def test_an_edition_runs_from_its_first_instant_to_just_before_its_end(game, edition):
    person = game.player(game.league(edition))
    for at, runs in (
        (edition.starts_at - MICROSECOND, False),
        (edition.starts_at, True),
        (edition.ends_at - MICROSECOND, True),
        (edition.ends_at, False),
    ):
        game.clock(at)
        if runs:
            receipt = game.validate(person, edition, "t-soup")
            game.cancel(person, receipt)
            kept = game.validate(person, edition, "t-soup")
            assert person.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)["unlocked"] is True
        else:
            with game.refused("MP022"):
                game.validate(person, edition, "t-soup")
            with game.refused("MP022"):
                person.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)
    with game.refused("MP022"):
        game.cancel(person, kept)
    assert game.score(person.player_id) == 4
    assert game.faults(edition) == []


def test_an_edition_is_frozen_from_its_end_on(game, edition):
    game.clock(edition.ends_at - MICROSECOND)
    with game.refused("MP026"):
        game.freeze(edition)
    game.clock(edition.ends_at)
    assert game.freeze(edition) == edition.ends_at


def test_an_edition_is_closed_from_its_start_to_just_before_its_end(game, edition):
    for at in (edition.starts_at - MICROSECOND, edition.ends_at):
        game.clock(at)
        with game.refused("MP022"):
            game.close(edition)
    game.clock(edition.ends_at - MICROSECOND)
    game.close(edition)
    assert game.one("select ends_at from mpp.edition where id = %s", (edition.id,)) == edition.ends_at - MICROSECOND


def test_one_joins_until_just_before_registration_closes(game):
    edition = game.edition(registration=DAY)
    league, person, other = game.league(edition), game.registered(), game.registered()
    game.clock(game.now + DAY)
    for call in (
        lambda: person.call("join_league", join_code=league.join_code),
        lambda: person.call("create_league", edition_id=edition.id, name="Too late"),
    ):
        with game.refused("MP023"):
            call()
    game.clock(game.now + DAY - MICROSECOND)
    person.call("join_league", join_code=league.join_code)
    other.call("create_league", edition_id=edition.id, name="Just in time")


def test_a_window_is_open_from_its_first_instant_to_just_before_its_last(game):
    edition = game.edition()
    person = game.player(game.league(edition))
    flash = game.rows(
        "select opens_at, closes_at from mpp.edition_challenge where id = %s", (edition.challenges["t-flash"],)
    )[0]
    for code, opens, early in (("t-flash", flash["opens_at"], "MP040"), ("t-window", flash["opens_at"], "MP041")):
        game.clock(opens - MICROSECOND)
        with game.refused(early):
            game.validate(person, edition, code)
        game.clock(flash["closes_at"])
        with game.refused("MP041"):
            game.validate(person, edition, code)
        game.clock(opens)
        game.cancel(person, game.validate(person, edition, code))
        game.clock(flash["closes_at"] - MICROSECOND)
        game.validate(person, edition, code)


def test_a_boost_multiplies_from_its_first_instant_to_just_before_its_last(game):
    edition = game.edition()
    person = game.player(game.league(edition))
    row = game.rows(
        "select opens_at, closes_at from mpp.edition_challenge where id = %s", (edition.challenges["t-boost"],)
    )[0]
    for at, points in (
        (row["opens_at"] - MICROSECOND, 2),
        (row["opens_at"], 6),
        (row["closes_at"] - MICROSECOND, 6),
        (row["closes_at"], 2),
    ):
        game.clock(at)
        receipt = game.validate(person, edition, "t-boost")
        assert receipt["points"] == points
        game.cancel(person, receipt)


def test_maintenance_begins_at_its_first_instant_and_is_over_at_its_last(game):
    person = game.registered()
    starts, ends = game.now + HOUR, game.now + 2 * HOUR
    game.service.call("announce_maintenance", starts_at=starts, ends_at=ends, message=translated("Moving"))
    for at, refuses in ((starts - MICROSECOND, False), (starts, True), (ends - MICROSECOND, True), (ends, False)):
        game.clock(at)
        if refuses:
            with game.refused("MP011"):
                person.call("update_profile", alias="renamed")
        else:
            person.call("update_profile", alias="renamed")


def test_rules_are_fixed_from_the_first_instant_of_an_edition(game, edition):
    change = "update mpp.edition set ranking_basis = 'average' where id = %s"
    points = "update mpp.edition_challenge set points = 9 where edition_id = %s and kind = 'standard'"
    game.clock(edition.starts_at)
    for statement in (change, points):
        with game.refused("MP025"):
            game.run(statement, (edition.id,))
    game.clock(edition.starts_at - MICROSECOND)
    for statement in (change, points):
        game.run(statement, (edition.id,))


def test_a_wrong_guess_is_forgotten_after_an_hour(game):
    edition = game.edition(unlock_guesses_per_hour=1)
    person = game.player(game.league(edition))
    game.clock(game.now)
    person.call("unlock_challenge", edition_id=edition.id, word="wrong")
    game.clock(game.now + HOUR - MICROSECOND)
    with game.refused("MP046"):
        person.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)
    game.clock(game.now + HOUR)
    assert person.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)["unlocked"] is True


def test_a_request_that_waited_is_judged_by_the_clock_and_not_by_its_start(game, edition):
    person = game.player(game.league(edition))
    game.clock(edition.starts_at)
    # The transaction began before the edition's start.
    assert game.now < edition.starts_at
    game.validate(person, edition, "t-soup")


@pytest.mark.parametrize(
    ("first_day", "hours"), [("2026-03-09", 21 * 24 - 1), ("2026-10-05", 21 * 24 + 1), ("2026-06-01", 21 * 24)]
)
def test_an_edition_lasts_21_civil_days_also_across_a_clock_change(game, tmp_path, first_day, hours):
    from mpp_supabase.files.edition_file import read_edition_file

    path = tmp_path / "edition.yaml"
    path.write_text(
        f"""
edition:
  code: t-clock-{first_day}
  audience: public
  title: {{fr: Printemps, en: Spring}}
  time_zone: Europe/Paris
  starts_on: {first_day}
themes:
  t-clock: {{fr: Thème, en: Theme}}
challenges:
  - code: t-clock-card
    kind: standard
    theme: t-clock
    points: 4
    title: {{fr: Carte, en: Card}}
    description: {{fr: À faire, en: To do}}
""",
        encoding="utf-8",
    )
    game.service.table("apply_edition", document=read_edition_file(path).document)
    (row,) = game.service.view("editions", code=f"t-clock-{first_day}")
    assert row["ends_at"] - row["starts_at"] == hours * HOUR
    local_start, local_end = row["starts_at"].astimezone(PARIS), row["ends_at"].astimezone(PARIS)
    assert (local_start.hour, local_start.minute, local_end.hour, local_end.minute) == (0, 0, 0, 0)
    assert str(local_start.date()) == first_day
    assert (local_end.date() - local_start.date()).days == 21
    days = game.one(
        "select count(distinct date_trunc('day', t at time zone time_zone)) from mpp.edition,"
        " generate_series(starts_at, ends_at - interval '1 microsecond', interval '1 hour') t where code = %s",
        (f"t-clock-{first_day}",),
    )
    assert days == 21


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (datetime(2026, 3, 9, tzinfo=PARIS), datetime(2026, 3, 30, tzinfo=PARIS)),
        (datetime(2026, 10, 5, tzinfo=PARIS), datetime(2026, 10, 26, tzinfo=PARIS)),
    ],
)
def test_the_day_of_a_clock_change_is_played_to_its_very_end(game, first, last):
    edition = game.edition("draft")
    game.run(
        "update mpp.edition set starts_at = %s, ends_at = %s, registration_closes_at = %s, title = %s where id = %s",
        (first, last, last, Jsonb(translated("Across")), edition.id),
    )
    game.clock(first - HOUR)
    game.service.call("open_edition", edition_code=edition.code)
    person = game.player(game.league(edition))
    game.clock(last.astimezone(UTC) - MICROSECOND)
    game.validate(person, edition, "t-soup")
    game.clock(last.astimezone(UTC))
    with game.refused("MP022"):
        game.validate(person, edition, "t-soup")


@pytest.mark.parametrize(
    ("at", "zone"),
    [
        # The eve of a birthday in Paris, and the birthday already where the request says that it is.
        (datetime(2026, 12, 1, 12, 30, tzinfo=PARIS), "Pacific/Kiritimati"),
        (datetime(2026, 12, 1, 23, 59, tzinfo=PARIS), "UTC-14"),
    ],
)
def test_nobody_is_older_in_the_time_zone_that_a_request_asks_for(game, at, zone):
    game.clock(at)
    game.run("select set_config('timezone', %s, true)", (zone,))
    assert game.one("select clock_timestamp() at time zone %s is not null", (zone,))
    child = game.registered(birth_date="2011-12-02")
    (mine,) = child.view("my_profile")
    assert (mine["is_under_15"], mine["is_minor"]) == (True, True)
    with game.refused("MP056"):
        child.call("set_consent", purpose="partner_sharing", granted=True)
    with game.refused("MP010"):
        game.registered(birth_date="2026-12-02")
    assert game.one("select private.may_be_listed(%s)", (child.account,)) is False


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Pago_Pago"])
def test_nobody_is_younger_in_the_time_zone_that_a_request_asks_for(game, zone):
    game.clock(datetime(2026, 12, 2, 0, 0, tzinfo=PARIS))
    game.run("select set_config('timezone', %s, true)", (zone,))
    (mine,) = game.registered(birth_date="2011-12-02").view("my_profile")
    assert mine["is_under_15"] is False
    assert game.one("select private.today()::text") == "2026-12-02"


def test_an_app_counts_down_by_the_clock_of_the_game(game):
    at = datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    game.clock(at)
    for person in (game.anon, game.anonymous(), game.service):
        assert person.call("read_clock") == at
