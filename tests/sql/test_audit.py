"""The audit log, and who is staff."""

from __future__ import annotations

import uuid

import pytest
from psycopg.types.json import Jsonb

from tests.support.game import DAY, HOUR, document, translated


def traces(game, **equal):
    return game.service.view("audit_log", **equal)


def test_every_privileged_act_leaves_who_did_what_to_what(game):
    edition = game.edition("draft")
    staff = game.staff()
    staff.call("open_edition", edition_code=edition.code)
    league = game.league(edition)
    ana, ben = game.player(league), game.player(league)
    receipt = game.validate(ana, edition, "t-bike")
    window = staff.call(
        "announce_maintenance", starts_at=game.now + HOUR, ends_at=game.now + 2 * HOUR, message=translated("Moving")
    )
    staff.call("cancel_maintenance", id=window)
    staff.call("cancel_validation", validation_id=receipt["validation_id"], reason="why")
    staff.call("hand_over_league", league_id=league.id, player_id=ben.player_id)
    staff.call("expel_player", player_id=ana.player_id, reason="why")
    report = staff.view("conduct_reports", league_id=league.id)[0]["id"]
    staff.call("resolve_conduct_report", id=report, resolution="done")
    staff.call("close_edition", edition_code=edition.code, reason="why")
    staff.call("freeze_edition", edition_code=edition.code)
    staff.table("apply_edition", document=document(f"{edition.code}-b"))
    acts = traces(game, actor_id=staff.account)
    assert [(a["action"], a["subject"]) for a in sorted(acts, key=lambda a: a["id"])] == [
        ("edition.open", edition.code),
        ("maintenance.announce", str(window)),
        ("maintenance.cancel", str(window)),
        ("validation.cancel", str(receipt["validation_id"])),
        ("league.hand_over", str(league.id)),
        ("league.expel", str(league.id)),
        ("conduct.resolve", str(report)),
        ("edition.close", edition.code),
        ("edition.freeze", edition.code),
        ("edition.apply", f"{edition.code}-b"),
    ]
    assert {a["actor_role"] for a in acts} == {"authenticated"}


def test_what_is_done_to_classes_clients_and_mails_leaves_its_trace(game):
    class_ = game.class_(game.edition(audience="school"), pupils=("Lina",))
    colleague = game.teacher()
    colleague.call("accept_class", code=class_.teacher.call("invite_co_teacher", class_id=class_.id))
    game.service.call("remove_co_teacher", class_id=class_.id, teacher_id=colleague.account)
    game.close(class_.edition)
    game.freeze(class_.edition)
    game.service.call("forget_pupils", edition_code=class_.edition.code)

    edition = game.edition(starts=-10 * DAY, ends=11 * DAY)
    client = game.organisation()
    code = game.one("select code from mpp.organisation where id = %s", (client,))
    part = game.participation(client, edition)
    game.client_league(part, edition)
    guests = Jsonb([{"email": "guest@example.org"}])
    game.service.call("invite_participants", participation_id=part, participants=guests, dry_run=True)
    game.service.call("invite_participants", participation_id=part, participants=guests)

    game.league(edition, game.registered(newsletter=True, league_alerts=True))
    issue = {"code": code, "language": "fr", "subject": "Le printemps", "body": "Bonjour"}
    game.run("delete from mpp.outbox")
    game.service.call("queue_newsletter", **issue)
    worker = uuid.uuid4()
    (mail,) = game.service.table("claim_mail", worker=worker, lease_seconds=60, message_domain="example.org")
    game.run(
        "update mpp.outbox set claimed_at = claimed_at - interval '1 hour', claim_expires_at = private.clock()"
        " where id = %s",
        (mail["id"],),
    )
    key = game.one("select key from mpp.outbox where id = %s", (mail["id"],))
    game.service.call("settle_stranded", id=mail["id"], attempt=mail["attempt"], verdict="delivered")
    game.service.call("queue_league_notes", edition_code=edition.code)
    game.service.call("record_bounce", address=f"{code}@example.org", is_hard=True, reason="550")
    game.service.call("clear_bounces", address=f"{code}@example.org")

    before = game.one("select min(id) from mpp.audit where subject = %s", (class_.edition.code,))
    acts = game.rows("select action, subject from mpp.audit where id >= %s", (before,))
    assert {
        ("class.remove_teacher", str(class_.id)), ("edition.forget_pupils", class_.edition.code),
        ("participation.set", str(client)), ("client.invite_participants", code), ("newsletter.queue", code),
        ("mail.settle", key), ("league_notes.queue", edition.code), ("mail.bounce", None),
        ("mail.clear_bounces", None),
    } <= {(act["action"], act["subject"]) for act in acts}  # fmt: skip
    assert [act["action"] for act in acts].count("client.invite_participants") == 1, "a dry run is no act"


def test_acts_of_the_secret_key_are_traced_under_its_role(game):
    edition = game.edition()
    (trace,) = traces(game, subject=edition.code)
    assert (trace["action"], trace["actor_id"], trace["actor_role"]) == ("edition.open", None, "service_role")


def test_the_log_is_read_by_the_staff_only(game):
    edition = game.edition()
    player = game.player(game.league(edition))
    for person in (game.anonymous(), game.registered(), player):
        assert person.view("audit_log") == []
    with game.refused("42501"):
        game.anon.view("audit_log")
    for person in (game.staff(), game.service):
        assert person.view("audit_log", subject=edition.code) != []


@pytest.mark.parametrize(
    "statement", ["update mpp.audit set subject = 'x'", "delete from mpp.audit", "truncate mpp.audit"]
)
def test_the_log_is_append_only_for_everybody(game, statement):
    game.edition()
    with game.refused("MP061"):
        game.run(statement)


def test_only_the_secret_key_makes_staff(game):
    person, staff = game.signed_in(), game.staff()
    for someone in (person, staff, game.registered()):
        with game.refused("42501"):
            someone.call("set_ops_member", member_id=person.account, granted=True)
    game.service.call("set_ops_member", member_id=person.account, granted=True)
    game.service.call("set_ops_member", member_id=person.account, granted=True)
    assert person.view("audit_log") != []
    with game.refused("MP005"):
        game.service.call("set_ops_member", member_id="00000000-0000-4000-8000-000000000000", granted=True)


def test_only_an_account_with_a_confirmed_address_becomes_staff(game):
    unconfirmed, anonymous = game.account(), game.account(anonymous=True)
    game.run("update auth.users set email_confirmed_at = null where id = %s", (unconfirmed,))
    for account in (unconfirmed, anonymous):
        with game.refused("MP010"):
            game.service.call("set_ops_member", member_id=account, granted=True)
        game.service.call("set_ops_member", member_id=account, granted=False)


def test_who_is_no_longer_staff_loses_its_rights_at_once(game):
    staff, edition = game.staff(), game.edition("draft")
    assert len(staff.view("editions", id=edition.id)) == 1
    game.service.call("set_ops_member", member_id=staff.account, granted=False)
    assert staff.view("editions", id=edition.id) == []
    assert staff.view("audit_log") == []
    with game.refused("MP006"):
        staff.call("open_edition", edition_code=edition.code)
    acts = [a["action"] for a in traces(game, subject=str(staff.account))]
    assert sorted(acts) == ["ops.grant", "ops.revoke"]


def test_a_deleted_account_is_no_longer_staff(game):
    staff = game.staff()
    game.run("delete from auth.users where id = %s", (staff.account,))
    assert staff.view("audit_log") == []


def test_staff_need_a_confirmed_address_and_a_disabled_one_is_out_at_once(game):
    invited = game.account()
    game.run("update auth.users set email_confirmed_at = null where id = %s", (invited,))
    with game.refused("MP010"):
        game.service.call("set_ops_member", member_id=invited, granted=True)
    staff = game.staff()
    assert staff.view("audit_log")
    game.run("update auth.users set banned_until = private.clock() + interval '1 hour' where id = %s", (staff.account,))
    assert staff.view("audit_log") == []
