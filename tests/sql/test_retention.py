"""How long addresses are kept: each rule to the microsecond, in pieces, and what must stay."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.game import DAY, Edition, Game

MICROSECOND = timedelta(microseconds=1)
MAILS, LINKS, BOUNCES = "mails", "unsubscribe links of addresses without account", "bounces"
NAMES = "names that were taken away"
STAFF, GUESTS, REQUESTS = "invitations of staff", "invited participants", "contact requests"
HELD = "held contact requests"
GUARDIANS = "questions to guardians"
ERASURES, ASKED = "mails about an erasure", "requests about one's own data"


@pytest.fixture(autouse=True)
def nothing_old(game: Game) -> None:
    """Begin without what committed tests left."""
    while any(row["rows"] for row in game.service.table("purge_expired", how_many=100_000)):
        pass


def purge(game: Game, **more: Any) -> dict[str, int]:
    """Purge one piece; the rows that went, by rule."""
    return {row["what"]: row["rows"] for row in game.service.table("purge_expired", **more)}


def only(rule: str, rows: int) -> dict[str, int]:
    rules = (MAILS, ERASURES, ASKED, LINKS, NAMES, BOUNCES, STAFF, GUESTS, GUARDIANS, HELD, REQUESTS)
    return dict.fromkeys(rules, 0) | {rule: rows}


def address() -> str:
    return f"{uuid.uuid4().hex[:12]}@example.org"


def mail(game: Game, at: datetime, state: str = "sent") -> int:
    """A mail queued, and sent if it was, at this instant."""
    key = uuid.uuid4().hex
    return int(
        game.one(
            "insert into mpp.outbox (key, message_part, purpose, address, template, language, state, queued_at,"
            " sent_at) values (%s, %s, 'invitation', %s, 'player_invitation', 'fr', %s, %s, %s) returning id",
            (key, key + key[:8], address(), state, at, at if state == "sent" else None),
        )
    )


def ago(game: Game, span: str) -> datetime:
    """The instant so long ago by the calendar of the association, whose days are those of Paris."""
    return game.one(  # type: ignore[no-any-return]
        "select (private.clock() at time zone 'Europe/Paris' - %s::interval) at time zone 'Europe/Paris'", (span,)
    )


def year_ago(game: Game, years: int = 1) -> datetime:
    return ago(game, f"{years} years")


@pytest.fixture
def still(game: Game) -> datetime:
    """Stop the clock, so that an instant can be hit."""
    at: datetime = game.one("select private.clock()")
    game.clock(at)
    return at


@pytest.mark.parametrize("state", ["sent", "dropped", "failed"])
def test_a_mail_is_kept_a_year(game, still, state):
    mail(game, year_ago(game), state)
    kept = mail(game, year_ago(game) + MICROSECOND, state)
    assert purge(game) == only(MAILS, 1)
    assert game.one("select count(*) from mpp.outbox where id = %s", (kept,)) == 1


def test_the_last_mail_to_an_erased_account_is_kept_thirty_days(game, still):
    """It is all that is left of the address."""
    month = ago(game, "30 days")
    for template in ("account_erased", "name_changed"):
        for at in (month, month + MICROSECOND):
            game.run("update mpp.outbox set template = %s where id = %s", (template, mail(game, at)))
    waits = mail(game, month, "queued")
    game.run("update mpp.outbox set template = 'account_erased' where id = %s", (waits,))
    assert purge(game) == only(ERASURES, 1)


def test_a_request_about_ones_own_data_is_kept_three_years_after_it_was_handled(game, still):
    for at in (year_ago(game, 3), year_ago(game, 3) + MICROSECOND, None):
        game.run(
            "insert into mpp.privacy_request (kind, state, channel, address, asked_at, due_at, handled_at) values"
            " ('access', %s, 'letter', %s, %s, %s, %s)",
            ("open" if at is None else "done", address() if at is None else None, year_ago(game, 5), still, at),
        )
    assert purge(game) == only(ASKED, 1)


def test_a_mail_that_waits_is_kept_whatever_its_age(game, still):
    mail(game, year_ago(game, 5), "queued")
    assert purge(game) == only(MAILS, 0)


def test_links_and_bounces_are_kept_three_years_but_those_of_accounts_stay(game, still):
    account = game.registered().account
    for at in (year_ago(game, 3), year_ago(game, 3) + MICROSECOND):
        game.run(
            "insert into mpp.unsubscribe_token (digest, purpose, account_id, address, made_at)"
            " values (%(a)s, 'invitation', null, %(address)s, %(at)s),"
            " (%(b)s, 'newsletter', %(account)s, null, %(at)s)",
            {"a": uuid.uuid4().bytes, "b": uuid.uuid4().bytes, "address": address(), "account": account, "at": at},
        )
        game.run(
            "insert into mpp.mail_bounce (address, is_hard, reason, bounced_at) values (%s, true, '550', %s)",
            (address(), at),
        )
    assert purge(game) == only(LINKS, 1) | {BOUNCES: 1}
    assert game.one("select count(*) from mpp.unsubscribe_token where account_id = %s", (account,)) == 2


def test_an_invitation_of_staff_is_kept_thirty_days_after_it_ended_or_was_taken(game, still):
    organisation = game.organisation()
    month = ago(game, "30 days")
    for expires, accepted in (
        (month, None), (month + MICROSECOND, None), (still + DAY, month), (month, month + MICROSECOND),
    ):  # fmt: skip
        game.run(
            "insert into mpp.staff_invitation (organisation_id, email, role, access_from, access_until, code_digest,"
            " expires_at, accepted_at) values (%s, %s, 'viewer', private.clock(), private.clock() + interval '1"
            " day', %s, %s, %s)",
            (organisation, address(), uuid.uuid4().bytes, expires, accepted),
        )
    assert purge(game) == only(STAFF, 2)


def test_invited_participants_are_kept_ninety_days_after_their_edition(game):
    edition: Edition = game.edition()
    part = game.participation(game.organisation(), edition)
    league = game.client_league(part, edition)
    game.run(
        "insert into mpp.participant (participation_id, email, league_id) values (%s, %s, %s)",
        (part, address(), league.id),
    )
    over = game.one(
        "select (ends_at at time zone 'Europe/Paris' + interval '90 days') at time zone 'Europe/Paris'"
        " from mpp.edition where id = %s",
        (edition.id,),
    )
    game.clock(over - MICROSECOND)
    assert purge(game, dry_run=True)[GUESTS] == 0
    game.clock(over)
    assert purge(game)[GUESTS] == 1
    assert game.one("select count(*) from mpp.participant where participation_id = %s", (part,)) == 0


def test_a_request_is_kept_three_years_after_the_last_word(game, still):
    old, handled = year_ago(game, 3), year_ago(game, 2)
    for received, at in ((old, None), (old + MICROSECOND, None), (old, handled)):
        game.run(
            "insert into mpp.contact_request (kind, name, email, message, language, received_at, handled_at, state)"
            " values ('quote', 'A visitor', %s, 'Hello', 'en', %s, %s, 'answered')",
            (address(), received, at),
        )
    assert purge(game) == only(REQUESTS, 1)


def test_a_held_request_that_nobody_takes_up_is_kept_thirty_days(game, still):
    old = ago(game, "30 days")
    for received, held, state in (
        (old, True, "new"), (old, True, "spam"), (old + MICROSECOND, True, "new"), (old, False, "new"),
        (old, True, "in_progress"), (old, True, "answered"),
    ):  # fmt: skip
        game.run(
            "insert into mpp.contact_request (kind, name, email, message, language, received_at, is_held, state)"
            " values ('quote', 'A visitor', %s, 'Hello', 'en', %s, %s, %s)",
            (address(), received, held, state),
        )
    assert purge(game) == only(HELD, 2)


def test_a_dry_run_counts_all_and_batches_end(game, still):
    for _ in range(5):
        mail(game, year_ago(game))
    assert purge(game, dry_run=True, how_many=1) == only(MAILS, 5)
    assert [purge(game, how_many=2)[MAILS] for _ in range(4)] == [2, 2, 1, 0]
    assert game.one("select count(*) from mpp.audit where action = 'purge' and details = '{\"rows\": 2}'") == 2


def test_who_unsubscribed_is_never_forgotten(game, still):
    game.run(
        "insert into mpp.mail_suppression (purpose, address, since) values ('invitation', %s, %s)",
        (address(), year_ago(game, 20)),
    )
    assert purge(game) == only(MAILS, 0)
    assert (
        game.one("select count(*) from mpp.mail_suppression where since < private.clock() - interval '19 years'") == 1
    )


def test_how_much_is_kept_is_said_with_every_rule(game):
    kept = {row["what"]: row["kept"] for row in game.service.table("purge_expired", dry_run=True)}
    assert kept == {
        MAILS: timedelta(days=365), LINKS: timedelta(days=3 * 365), BOUNCES: timedelta(days=3 * 365),
        STAFF: timedelta(days=30), GUESTS: timedelta(days=90), HELD: timedelta(days=30), GUARDIANS: timedelta(days=30),
        NAMES: timedelta(days=3 * 365), ERASURES: timedelta(days=30), ASKED: timedelta(days=3 * 365),
        REQUESTS: timedelta(days=3 * 365),
    }  # fmt: skip


@pytest.mark.parametrize("how_many", [0, -1, 100_001, None])
def test_how_many_is_bounded(game, how_many):
    with game.refused("MP010"):
        purge(game, how_many=how_many)
