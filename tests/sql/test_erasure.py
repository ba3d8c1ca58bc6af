"""What is left of an account that was deleted: nothing by which one finds it again, but where a rule asks for it."""

from __future__ import annotations

import uuid

import pytest
from psycopg.types.json import Jsonb

from tests.support.game import SECRET_WORD
from tests.support.game_trust import campaign, join

#: Append-only and kept as proof (docs/privacy.md).
KEPT = {
    "audit.actor_id", "audit.subject", "audit.details", "consent.account_id", "guardian_consent.account_id",
    "partner_export.exported_by",
}  # fmt: skip
#: Columns that hold an account without a foreign key, so that the rows outlive it.
WITHOUT_FOREIGN_KEY = {
    "conduct_report.account_id",
    "conduct_report.reported_by",
    "contact_request.handled_by",
    "league.created_by",
    "school.created_by",
    "validation.cancelled_by",
    "validation.validated_by",
}
#: Ids of rows, of requests and of senders of mail: no account.
OTHERS = {
    "award.subject_id",
    "class_request.answered",
    "class_request.pupil_ids",
    "class_request.request_key",
    "league.id",
    "name_change.subject_id",
    "outbox.claimed_by",
    "photo.id",
    "player.id",
    "school.id",
    "score.school_id",
    "score.subject_id",
    "team.id",
    "unlock.player_id",
    "validation.id",
    "validation.league_id",
    "validation.player_id",
    "validation.team_id",
}


def columns(game, condition: str = "true") -> list[tuple[str, str]]:
    """The tables of the game and their columns."""
    return [
        (row["relation"], row["attribute"])
        for row in game.rows(
            "select c.relname as relation, a.attname as attribute from pg_class c"
            " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
            " where c.relnamespace = 'mpp'::regnamespace and c.relkind in ('r', 'p')"
            f" and {condition} order by 1, 2"
        )
    ]


def where(game, account: uuid.UUID) -> set[str]:
    """Every column of the game in which the id of an account stands, alone or inside a text."""
    each = " union all ".join(
        f"select '{relation}.{attribute}' as place from mpp.{relation} t"
        f" where strpos(t.{attribute}::text, %(account)s) > 0"
        for relation, attribute in columns(game)
    )
    return {row["place"] for row in game.rows(f"select distinct place from ({each}) found", {"account": str(account)})}


def test_every_column_of_ids_refers_to_something_or_is_known_not_to(game):
    """A new column that holds an account is a foreign key, or is emptied by private.forget_account and listed here."""
    loose = columns(
        game,
        "a.atttypid in ('uuid'::regtype, 'uuid[]'::regtype) and not exists (select from pg_constraint k"
        " where k.conrelid = c.oid and k.contype = 'f' and a.attnum = any (k.conkey))",
    )
    kept = KEPT - {"audit.subject", "audit.details"}
    assert {f"{relation}.{attribute}" for relation, attribute in loose} == WITHOUT_FOREIGN_KEY | OTHERS | kept


@pytest.mark.parametrize("frozen", [False, True], ids=["running", "frozen"])
def test_nothing_of_the_game_keeps_the_id_of_a_deleted_account(game, frozen):
    edition, school_edition = game.edition(), game.edition(audience="school")
    client = game.organisation()
    game.participation(client, edition)
    person = game.registered()
    account = person.account
    game.service.call("set_ops_member", member_id=account, granted=True)
    game.anon.call("send_contact_request", kind="contact", name="Ada", email="ada@example.org", message="Hello")
    request = game.one("select max(id) from mpp.contact_request")
    person.call("handle_contact_request", id=request, state="answered")
    mission = campaign(game)
    join(person, mission, consent=True)
    person.call("export_campaign", campaign=mission.code)
    person.call("record_guardian_consent", account_id=account, granted=True, reason="a letter")
    school = person.call(
        "add_school", name="École neuve", city="Exempleville", postcode="1000", levels=["elementaire"], country="BE"
    )
    game.service.call("set_ops_member", member_id=account, granted=False)
    # They play, run a league, and are told about.
    league = game.league(edition, person)
    mate, troublemaker = game.player(league), game.player(league)
    first, second = (game.validate(person, edition, "t-bike") for _ in range(2))
    game.cancel(person, second)
    person.call("unlock_challenge", edition_id=edition.id, word="wrong")
    person.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)
    person.call("set_consent", purpose="newsletter", granted=True)
    person.call("report_conduct", player_id=mate.player_id, reason="why")
    mate.call("report_conduct", player_id=person.player_id, reason="why")
    person.call("expel_player", player_id=troublemaker.player_id, reason="why")
    # They teach, in a class that they then leave, and follow another one.
    person.call(
        "register_teacher",
        first_name="Ada",
        last_name="Exemple",
        role="x",
        terms_version=game.profile()["terms_version"],
    )
    class_ = game.class_(school_edition, person, school_id=school, pupils=("Lina", "Noé"))
    made = person.table(
        "validate_for_pupils",
        class_id=class_.id,
        challenge_id=school_edition.challenges["t-soup"],
        request_key=uuid.uuid4(),
    )
    person.table("cancel_for_pupils", class_id=class_.id, validation_ids=[made[0]["validation_id"]])
    code = person.call("invite_co_teacher", class_id=class_.id)
    colleague = game.teacher()
    colleague.call("accept_class", code=code)
    person.call("hand_over_class", class_id=class_.id, teacher_id=colleague.account)
    colleague.call("remove_co_teacher", class_id=class_.id, teacher_id=account)
    other = game.class_(school_edition, pupils=("Eve",))
    person.call("claim_class", code=other.code)
    # They work for a client, and mails wait for them.
    game.employed(client, "owner", person=person)
    person.call("invite_staff", organisation_id=client, email="bo@example.org", role="viewer",
                access_from=game.now, access_until=game.now + (edition.ends_at - edition.starts_at))  # fmt: skip
    game.run(
        "select private.queue_mail(%s, 'league_note', %s, account_id => %s)", (f"note/{account}", Jsonb({}), account)
    )
    if frozen:
        for each in (edition, school_edition):
            game.close(each)
            game.freeze(each)
    points = game.rows("select subject_id, points, value, tie_order from mpp.score order by subject_id")
    ledger = game.rows("select id, state, points, credit_number from mpp.validation order by id")

    assert where(game, account) >= WITHOUT_FOREIGN_KEY | KEPT - {"audit.details"}
    game.run("delete from auth.users where id = %s", (account,))
    assert where(game, account) <= KEPT
    assert game.rows("select subject_id, points, value, tie_order from mpp.score order by subject_id") == points
    assert game.rows("select id, state, points, credit_number from mpp.validation order by id") == ledger
    assert first["validation_id"] in {row["id"] for row in ledger}
    for each in (edition, school_edition):
        assert game.faults(each) == []


def test_a_deletion_reads_only_what_the_account_left_in_the_ledger(game):
    """However long the ledger is, and whoever filled it."""
    edition = game.edition()
    league = game.league(edition)
    person, other = game.player(league), game.player(league)
    game.validate(person, edition, "t-bike")
    game.validate(other, edition, "t-bike")
    game.run(
        "insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state)"
        " select gen_random_uuid(), v.edition_id, v.challenge_id, v.player_id, v.team_id, v.league_id, v.points,"
        " v.state"
        " from mpp.validation v, generate_series(1, 5000) where v.player_id = %s",
        (other.player_id,),
    )
    read = (
        "select pg_stat_get_xact_tuples_returned(c.oid)"
        " + coalesce((select sum(pg_stat_get_xact_tuples_returned(i.indexrelid))"
        " from pg_index i where i.indrelid = c.oid), 0) from pg_class c where c.oid = 'mpp.validation'::regclass"
    )
    # A planner that thinks the tables small reads them whole, whatever index there is: by itself or for a join. How
    # large it thinks them is no part of a transaction: a test that ran before may have said that they are empty.
    for table in ("validation", "player", "score"):
        game.run(f"analyze mpp.{table}")
    for shortcut in ("seqscan", "hashjoin", "mergejoin"):
        game.run(f"set local enable_{shortcut} = off")
    game.run("discard plans")
    before = game.one(read)
    game.run("delete from auth.users where id = %s", (person.account,))
    assert game.one(read) - before < 100
