"""Terms of use: published and announced, accepted again, and what an account may do until then; the log of consents."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb

from tests.support.game import DAY, HOUR, TERMS, translated

PARIS = ZoneInfo("Europe/Paris")
NEW = "2030-01"
ADDRESSES = Jsonb({"fr": "https://example.org/cgu", "en": "https://example.org/terms"})


def day(game, days: int) -> str:
    """The civil day in Paris that many days from today."""
    return str(game.one("select private.today() + %s", (days,)))


def due(person) -> tuple[str | None, datetime | None]:
    (profile,) = person.view("my_profile")
    return profile["terms_due"], profile["terms_due_since"]


# publishing


def test_a_version_is_announced_before_it_holds(game):
    person, effective = game.registered(), day(game, 20)
    assert game.staff().call("publish_terms", version=NEW, effective_on=effective, address=ADDRESSES) is True
    (announced,) = game.anon.view("terms_versions", version=NEW)
    midnight = datetime.fromisoformat(effective).replace(tzinfo=PARIS)
    assert (announced["effective_at"], announced["is_current"], announced["body"]) == (midnight, False, None)
    assert announced["address"] == {"fr": "https://example.org/cgu", "en": "https://example.org/terms"}
    assert due(person) == (None, None)
    game.clock(midnight - timedelta(seconds=1))
    assert due(person) == (None, None)
    game.clock(midnight)
    assert due(person) == (NEW, midnight)
    assert game.anon.view("terms_versions", version=NEW)[0]["is_current"]
    with game.refused("MP051"):
        game.signed_in().call("register", **game.profile(terms_version=TERMS))
    late = game.registered(terms_version=NEW)
    assert due(late) == (None, None)
    (act,) = game.service.view("audit_log", action="terms.publish", subject=NEW)
    # Written in the zone of the session, whichever that is.
    assert datetime.fromisoformat(act["details"]["effective_at"]) == midnight


def test_publishing_the_same_again_changes_nothing_and_another_text_is_refused(game):
    staff, effective = game.staff(), day(game, 20)
    given = {"version": NEW, "effective_on": effective, "body": Jsonb({**translated("The terms"), "de": "Bedingungen"})}
    assert staff.call("publish_terms", **given) is True
    before = game.fingerprint()
    assert staff.call("publish_terms", **given) is False
    assert game.fingerprint() == before
    for other in ({"body": Jsonb(translated("Other"))}, {"effective_on": day(game, 21)}):
        with game.refused("MP010"):
            staff.call("publish_terms", **{**given, **other})


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "next"}, {"version": None}, {"effective_on": None}, {"address": None},
        {"body": Jsonb(translated("Both"))}, {"address": Jsonb({"fr": "https://example.org"})},
        {"address": Jsonb({"fr": "https://example.org", "en": "http://example.org"})},
        {"address": Jsonb({"fr": "https://example.org", "en": "https://exa mple.org"})},
        {"address": Jsonb({"fr": "https://example.org", "en": "https://example.org", "it": "https://example.org"})},
        {"address": Jsonb({"fr": 1, "en": "https://example.org"})}, {"address": Jsonb([])},
    ],
)  # fmt: skip
def test_terms_that_are_not_whole_are_not_published(game, wrong):
    given = {"version": NEW, "effective_on": day(game, 20), "address": ADDRESSES, **wrong}
    with game.refused("MP010"):
        game.service.call("publish_terms", **given)


def test_how_long_before_terms_are_announced_is_a_setting(game):
    staff = game.staff()
    with game.refused("MP010"):
        staff.call("publish_terms", version=NEW, effective_on=day(game, 14), address=ADDRESSES)
    staff.call("set_setting", name="terms_notice_days", value="3")
    staff.call("publish_terms", version=NEW, effective_on=day(game, 3), address=ADDRESSES)


def test_a_version_does_not_hold_before_one_that_was_published_earlier(game):
    game.service.call("publish_terms", version=NEW, effective_on=day(game, 30), address=ADDRESSES)
    with game.refused("MP010"):
        game.service.call("publish_terms", version="2030-02", effective_on=day(game, 29), address=ADDRESSES)
    # A fault is mended by a version of the same day, which then is the one to accept.
    person = game.registered()
    game.service.call("publish_terms", version="2030-01.1", effective_on=day(game, 30), address=ADDRESSES)
    game.clock(game.now + 31 * DAY)
    assert due(person)[0] == "2030-01.1"


@pytest.mark.parametrize(
    "statement",
    [
        "update mpp.terms_version set published_at = published_at",
        "delete from mpp.terms_version",
        "truncate mpp.terms_version",
    ],
)
def test_what_was_published_is_never_rewritten(game, statement):
    with game.refused("MP061"):
        game.run(statement)


# announcing


def test_everybody_concerned_is_told_once_by_mail_in_batches(game):
    people = [game.registered(), game.registered(language="de"), game.teacher()]
    game.service.call("publish_terms", version=NEW, effective_on=day(game, 20), address=ADDRESSES)
    ahead = game.registered()
    ahead.call("accept_terms", version=NEW)

    def announce() -> tuple[int, int]:
        queued, already, after = 0, 0, None
        while True:
            batch = game.service.call("queue_terms_notices", version=NEW, after=after, how_many=2)
            queued, already, after = queued + batch["queued"], already + batch["already"], batch["after"]
            if after is None:
                return queued, already

    queued, _ = announce()
    assert queued >= len(people)
    assert announce() == (0, queued)
    mails = {m["account_id"]: m for m in game.rows("select * from mpp.outbox where template = 'terms_notice'")}
    assert {person.account for person in people} <= set(mails)
    assert ahead.account not in mails
    french, german = mails[people[0].account], mails[people[1].account]
    assert (french["language"], french["data"]["link"]) == ("fr", "https://example.org/cgu")
    assert (german["language"], german["data"]["link"]) == ("en", "https://example.org/terms")
    assert {m["purpose"] for m in mails.values()} == {"service"}


def test_only_the_version_published_last_is_announced(game):
    game.service.call("publish_terms", version=NEW, effective_on=day(game, 20), address=ADDRESSES)
    for version in (TERMS, "nothing", None):
        with game.refused("MP010"):
            game.service.call("queue_terms_notices", version=version)
    with game.refused("MP010"):
        game.service.call("queue_terms_notices", version=NEW, how_many=0)


# accepting again


def test_who_has_not_accepted_reads_and_does_not_write(game):
    edition = game.edition()
    league = game.league(edition)
    person = game.player(league)
    person.call("set_consent", purpose="newsletter", granted=True)
    teacher = game.teacher()
    game.terms("2030-02", -HOUR)
    for write in (
        lambda: game.validate(person, edition, "t-bike"),
        lambda: person.call("set_consent", purpose="league_alerts", granted=True),
        lambda: league.ambassador.call("renew_join_code", league_id=league.id),
        lambda: person.call("report_conduct", player_id=league.ambassador.player_id, reason="why"),
        lambda: person.call("set_listing", scope="player", subject_id=person.player_id, listed=True),
        lambda: teacher.call(
            "add_school", name="École", city="Ville", postcode="1000", levels=["college"], country="BE"
        ),
        lambda: person.call("ask_guardian", email="parent@example.org"),
    ):
        with game.refused("MP055") as caught:
            write()
        assert "2030-02" in str(caught.value)
    assert person.view("league_members", league_id=league.id) != []
    assert teacher.view("my_teacher")[0]["terms_due"] == "2030-02"
    # What is a right of theirs stays one.
    person.call("set_consent", purpose="newsletter", granted=False)
    person.call("set_listing", scope="player", subject_id=person.player_id, listed=False)
    person.call("update_profile", first_name="Corrected")
    person.call("leave_league", league_id=league.id)
    person.call("accept_terms", version="2030-02")
    assert due(person) == (None, None)
    person.call("set_consent", purpose="league_alerts", granted=True)


def test_what_an_account_may_do_until_it_accepts_is_a_setting(game):
    person = game.registered()
    game.terms(NEW, -HOUR)
    with game.refused("MP055"):
        person.call("set_consent", purpose="newsletter", granted=True)
    game.staff().call("set_setting", name="terms_due", value="allowed")
    person.call("set_consent", purpose="newsletter", granted=True)
    assert due(person)[0] == NEW


def test_terms_are_accepted_as_they_hold_or_are_announced_and_not_as_they_were(game):
    person = game.registered()
    game.terms(NEW, -HOUR)
    game.terms("2099-01", HOUR)
    for version in (TERMS, "2050-01", "", None):
        with game.refused("MP051") as caught:
            person.call("accept_terms", version=version)
        assert NEW in str(caught.value.diag.message_hint)
    person.call("accept_terms", version="2099-01")
    assert due(person) == (None, None)
    game.clock(game.now + 2 * HOUR)
    assert due(person) == (None, None)
    # An older one takes nothing back.
    assert [c["text_version"] for c in person.view("my_consents", purpose="terms")] == ["2099-01"]


def test_accepting_twice_is_one_line_of_the_log(game):
    person = game.registered()
    game.terms(NEW, -HOUR)
    for _ in range(2):
        person.call("accept_terms", version=NEW)
    history = [(c["purpose"], c["text_version"], c["granted"]) for c in person.view("my_consent_history")]
    assert sorted(history) == [("terms", TERMS, True), ("terms", NEW, True)]


def test_a_teacher_who_registers_to_play_accepts_for_both(game):
    teacher = game.teacher()
    game.terms(NEW, -HOUR)
    teacher.call("register", **game.profile(terms_version=NEW))
    assert due(teacher) == (None, None)
    assert teacher.view("my_teacher")[0]["terms_due"] is None


# settings


def test_a_setting_takes_only_what_it_says(game):
    staff = game.staff()
    for name, value in (
        ("terms_due", "blocked"),
        ("terms_due", None),
        ("terms_due", "allowed\n"),
        ("consent_ages", "FR=14"),
        ("nothing", "1"),
    ):
        with game.refused("MP010"):
            staff.call("set_setting", name=name, value=value)
    staff.call("set_setting", name="terms_due", value="allowed")
    (act,) = staff.view("audit_log", action="setting.set", subject="terms_due")
    assert act["details"] == {"from": "read_only", "to": "allowed"}
    before = game.fingerprint()
    staff.call("set_setting", name="terms_due", value="allowed")
    assert game.fingerprint() == before
    person = game.registered()
    with game.refused("MP006"):
        person.call("set_setting", name="terms_due", value="read_only")
    assert person.view("settings") == []


# the log


def test_the_owner_reads_the_whole_history_of_every_purpose(game):
    person, other = game.registered(newsletter=True), game.registered()
    for granted in (False, True):
        person.call("set_consent", purpose="newsletter", granted=granted)
    person.call("set_consent", purpose="league_alerts", granted=True)
    history = sorted(person.view("my_consent_history"), key=lambda c: c["id"])
    assert [(c["purpose"], c["granted"], c["channel"]) for c in history] == [
        ("terms", True, "app"), ("newsletter", True, "app"), ("newsletter", False, "app"), ("newsletter", True, "app"),
        ("league_alerts", True, "app"),
    ]  # fmt: skip
    assert {c["purpose"] for c in other.view("my_consent_history")} == {"terms"}


def test_every_purpose_is_withdrawn_after_the_last_one_that_may_be_given_in_a_day(game):
    person = game.registered()
    for turn in range(19):
        person.call("set_consent", purpose="newsletter", granted=turn % 2 == 0)
    with game.refused("MP047"):
        person.call("set_consent", purpose="league_alerts", granted=True)
    person.call("set_consent", purpose="newsletter", granted=False)
    assert not {c["purpose"]: c["granted"] for c in person.view("my_consents")}["newsletter"]
