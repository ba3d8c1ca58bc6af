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


# who did it


def test_what_a_session_did_bears_its_address_as_long_as_the_account_lives(game):
    staff, edition = game.staff(), game.edition("draft")
    address = staff.claims["email"]
    staff.call("open_edition", edition_code=edition.code)
    for reader in (game.service, game.staff()):
        (act,) = reader.view("audit_log", subject=edition.code)
        assert (act["actor"], act["known_by"], act["actor_id"]) == (address, "session", staff.account)
    game.service.call("set_ops_member", member_id=staff.account, granted=False)
    (act,) = game.staff().view("audit_log", subject=edition.code)
    assert act["actor"] == address, "who was staff keeps the name"
    game.run("delete from auth.users where id = %s", (staff.account,))
    (act,) = traces(game, subject=edition.code)
    assert (act["actor"], act["known_by"], act["actor_id"]) == (None, "session", staff.account)


def test_a_name_beside_the_secret_key_is_marked_as_a_claim(game):
    game.service.headers = {"x-mpp-operator": "  ada@example.org\u001b[31m\n"}
    claimed = game.edition()
    game.service.headers = {"x-mpp-operator": " \t "}
    unnamed = game.edition()
    game.service.headers = {"x-mpp-operator": "x" * 500}
    long = game.edition()
    game.service.headers = {}
    (act,) = traces(game, subject=claimed.code)
    assert (act["actor"], act["known_by"], act["actor_id"]) == ("ada@example.org [31m", "claim", None)
    (act,) = traces(game, subject=unnamed.code)
    assert (act["actor"], act["known_by"]) == (None, "key")
    (act,) = traces(game, subject=long.code)
    assert act["actor"] == "x" * 120


def test_nobody_claims_a_name_over_a_session(game):
    staff, edition = game.staff(), game.edition("draft")
    staff.headers = {"x-mpp-operator": "grace@example.org"}
    staff.call("open_edition", edition_code=edition.code)
    (act,) = traces(game, subject=edition.code)
    assert (act["actor"], act["known_by"]) == (staff.claims["email"], "session")
    assert game.one("select claimed_by from mpp.audit where id = %s", (act["id"],)) is None


def test_the_staff_read_addresses_of_staff_only(game):
    league = game.league(game.edition())
    player = game.player(league)
    league.ambassador.call("expel_player", player_id=player.player_id, reason="why")
    owner = game.employed(client := game.organisation(), "owner")
    owner.call("invite_staff", organisation_id=client, email="new@example.org", access_until=game.now + DAY)
    seen = {
        reader: {act["action"]: act["actor"] for act in reader.view("audit_log")}
        for reader in (game.staff(), game.service)
    }
    by_staff, by_key = seen.values()
    assert (by_staff["league.expel"], by_key["league.expel"]) == (None, league.ambassador.claims["email"])
    assert by_staff["client.invite_staff"] == by_key["client.invite_staff"] == owner.claims["email"]


def test_subjects_have_names(game):
    league = game.league(game.edition(), name="Les Tilleuls")
    player = game.player(league)
    league.ambassador.call("expel_player", player_id=player.player_id, reason="why")
    staff = game.staff()
    client = game.organisation()
    game.service.call("set_territory", organisation_id=client, codes={"department": ["69"]})
    game.participation(client, game.edition())
    names = {act["action"]: act["subject_name"] for act in traces(game)}
    assert names["league.expel"] == "Les Tilleuls"
    assert names["ops.grant"] == staff.claims["email"]
    assert names["participation.set"] == game.one("select code from mpp.organisation where id = %s", (client,))


# accounts


@pytest.mark.parametrize("by_address", [True, False])
def test_the_staff_disable_and_enable_an_account_with_a_reason(game, by_address):
    staff, person = game.staff(), game.registered()
    who = f" {person.claims['email'].upper()} " if by_address else str(person.account)
    told = staff.call("set_account_disabled", who=who, disabled=True, reason="a letter")
    assert told["id"] == person.account
    assert told["banned_until"] > game.now + 10_000 * DAY
    with game.refused("MP001"):
        person.call("update_profile", alias="still-here")
    assert staff.call("set_account_disabled", who=who, disabled=False)["banned_until"] is None
    person.call("update_profile", alias=f"back-{uuid.uuid4().hex[:6]}")
    acts = sorted(traces(game, subject=str(person.account)), key=lambda act: act["id"])
    assert [(act["action"], act["actor_id"], act["details"], act["subject_name"]) for act in acts] == [
        ("user.disable", staff.account, {"reason": "a letter"}, person.claims["email"]),
        ("user.enable", staff.account, {}, person.claims["email"]),
        ("profile.update", person.account, {"fields": ["alias"]}, person.claims["email"]),
    ]


def test_accounts_of_staff_are_disabled_and_enabled_with_the_secret_key_only(game):
    staff, other = game.staff(), game.staff()
    for disabled in (True, False):
        with game.refused("MP006"):
            staff.call("set_account_disabled", who=str(other.account), disabled=disabled)
    game.service.call("set_account_disabled", who=str(other.account), disabled=True)
    assert other.view("audit_log") == []


def test_an_account_that_is_not_there_is_not_disabled(game):
    staff = game.staff()
    for who in ("nobody@example.org", str(uuid.uuid4()), "", None, "%"):
        with game.refused("MP005"):
            staff.call("set_account_disabled", who=who, disabled=True)


def test_what_auth_itself_does_to_an_account_is_traced(game):
    person = game.registered()
    game.run("update auth.users set banned_until = private.clock() + interval '1 day' where id = %s", (person.account,))
    game.run("update auth.users set banned_until = null where id = %s", (person.account,))
    game.run("update auth.users set last_sign_in_at = private.clock() where id = %s", (person.account,))
    game.run("update auth.users set deleted_at = private.clock() where id = %s", (person.account,))
    game.run("delete from auth.users where id = %s", (person.account,))
    acts = sorted(traces(game, subject=str(person.account)), key=lambda act: act["id"])
    assert [(act["action"], act["details"]) for act in acts] == [
        ("user.disable", {}), ("user.enable", {}), ("user.delete", {"softly": True}), ("user.delete", {}),
    ]  # fmt: skip
    assert {(act["known_by"], act["actor_id"], act["actor_role"]) for act in acts} == {("server", None, "postgres")}


def test_anonymous_accounts_come_and_go_without_a_trace(game):
    account = game.account(anonymous=True)
    game.run("delete from auth.users where id = %s", (account,))
    assert traces(game, subject=str(account)) == []


def test_the_removal_of_a_second_factor_is_traced_before_it_is_done(game):
    person, other = game.signed_in(), game.signed_in()
    factor = uuid.uuid4()
    game.run(
        "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)"
        " values (%s, %s, 'totp', 'verified', now(), now())",
        (factor, person.account),
    )
    given = {"account_id": person.account, "factor_id": factor, "reason": "lost telephone"}
    for wrong in ({"account_id": other.account}, {"factor_id": uuid.uuid4()}):
        with game.refused("MP005"):
            game.service.call("record_factor_removal", **given | wrong)
    with game.refused("MP010"):
        game.service.call("record_factor_removal", **given | {"reason": " "})
    staff = game.staff()
    with game.refused("42501"):
        staff.call("record_factor_removal", **given)
    game.service.call("record_factor_removal", **given)
    (act,) = traces(game, subject=str(person.account))
    assert (act["action"], act["subject_name"]) == ("user.remove_factor", person.claims["email"])
    assert act["details"] == {"factor_id": str(factor), "reason": "lost telephone"}
