"""What the database holds about a person, as its owner and the staff get it."""

from __future__ import annotations

import json
import re

import pytest

from tests.support import ROOT
from tests.support.game import Game, Person

SOURCE = (ROOT / "sql" / "schema" / "97_export.sql").read_text(encoding="utf-8")

#: Tables that lead to an account and are not in the export, and why.
LEFT_OUT = {
    "partner_export": "who of the staff made a list: an act of theirs, which is in the audit",
}
#: Columns that lead to an account without making the row a row about it, and why.
NOT_ABOUT = {
    "privacy_request.handled_by": "somebody of the staff who answered",
    "name_change.changed_by": "somebody of the staff",
    "staff_invitation.invited_by": "who invited; the invitation is about the address",
    "contact_request.handled_by": "somebody of the staff who answered",
    "validation.cancelled_by": "somebody of the staff or of the league",
    "partner_export.exported_by": "somebody of the staff",
    "ambassador.player_id": "the player of the account that the row has anyway",
    "outbox.claimed_by": "a worker, no person",
    "photo_removal.photo_id": "whoever asks for a removal leaves no trace of themselves",
}
#: Columns of exported tables that are taken out, and why.
TAKEN_OUT = {
    "guardian_request.token_digest": "a secret",
    "guardian_consent.address_digest": "a digest; the address is in the request",
    "staff_invitation.code_digest": "a secret",
    "staff_invitation.invited_by": "somebody else",
    "privacy_request.handled_by": "somebody else",
    "conduct_report.reported_by": "somebody else",
    "conduct_report.player_id": "somebody else, where the account reported them",
    "name_change.changed_by": "somebody else",
    "contact_request.handled_by": "somebody else",
    "validation.validated_by": "somebody else, or the account itself",
    "validation.cancelled_by": "somebody else",
    "validation.credit_number": "an order of the whole game",
    "school.created_by": "the account itself",
    "school.search_text": "made from the other columns",
}


def export(person: Person) -> dict:
    return person.call("export_my_data")["data"]


def test_every_table_that_leads_to_an_account_is_in_the_export_or_says_why_not(game: Game) -> None:
    """By what a column refers to, or by its name where a row outlives the account."""
    columns = game.rows(
        "select distinct c.relname || '.' || a.attname as name, c.relname as table"
        " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " left join pg_constraint f on f.conrelid = c.oid and f.contype = 'f' and a.attnum = any (f.conkey)"
        " and f.confrelid in ('auth.users'::regclass, 'mpp.profile'::regclass, 'mpp.player'::regclass)"
        " where c.relnamespace = 'mpp'::regnamespace and c.relkind in ('r', 'p')"
        " and (f.oid is not null or a.attname in ('account_id', 'player_id', 'email', 'address', 'actor_id')"
        " or (a.atttypid = 'uuid'::regtype and a.attname like '%%\\_by')) and c.relname <> 'terms_version'"
    )
    read = set(re.findall(r"\bmpp\.(\w+)", SOURCE))
    missing = {row["name"] for row in columns if row["table"] not in read | set(LEFT_OUT)} - set(NOT_ABOUT)
    assert missing == set()
    known = {row["name"] for row in columns}
    assert {name for name in NOT_ABOUT if name.split(".")[0] not in ("outbox", "photo_removal")} <= known
    assert set(LEFT_OUT) <= {row["table"] for row in columns}


def test_whole_rows_are_exported_but_for_columns_that_say_why() -> None:
    """`to_jsonb` of a row has every column that it will ever have; what is taken out is named."""
    taken = set()
    for table_part in re.findall(
        r"to_jsonb\((\w+)\)((?: - (?:array\[[^\]]*\]|'\w+'))*)(.*?)from mpp\.(\w+)", SOURCE, re.DOTALL
    ):
        for column in re.findall(r"'(\w+)'", table_part[1]):
            if column != "account_id":
                taken.add(f"{table_part[3] if table_part[3] != 'edition' else 'player'}.{column}")
    assert taken == {name for name in TAKEN_OUT if not name.startswith("validation.")} | {
        name for name in taken if name.startswith("validation.")
    }
    assert {name for name in taken if name.startswith("validation.")} <= set(TAKEN_OUT)


def test_a_player_gets_what_is_held_about_them_and_nothing_about_anybody_else(game: Game) -> None:
    edition = game.edition(league_min_players=1)
    league = game.league(edition)
    ada = game.player(league, game.registered("Ada export", last_name="Secretname", postcode="75011"))
    other = game.player(league, game.registered("Other export", last_name="Foreignname"))
    game.validate(ada, edition, "t-soup")
    game.validate(other, edition, "t-bike")
    found = export(ada)
    assert found["profile"]["last_name"] == "Secretname"
    assert [(p["edition"], p["alias"]) for p in found["player"]] == [(edition.code, "Ada export")]
    assert [v["challenge"] for v in found["validation"]] == ["t-soup"]
    assert found["score"][0]["points"] == 2
    assert {c["purpose"] for c in found["consent"]} >= {"terms"}
    text = json.dumps(found)
    for foreign in (
        other.account,
        other.player_id,
        league.ambassador.account,
        "Other export",
        "Foreignname",
        league.join_code,
    ):
        assert str(foreign) not in text


def test_a_teacher_gets_no_pupil(game: Game) -> None:
    edition = game.edition(audience="school", league_max_players=40)
    class_ = game.class_(edition, pupils=("Zoélie", "Barnabé"))
    class_.teacher.table(
        "validate_for_pupils", class_id=class_.id, challenge_id=edition.challenges["t-soup"],
        pupil_ids=[class_.pupils["Zoélie"]], request_key=game.one("select gen_random_uuid()"),
    )  # fmt: skip
    found = export(class_.teacher)
    assert found["validations_for_pupils"] == 1
    assert [row["league"] for row in found["ambassador"]]
    text = json.dumps(found, ensure_ascii=False)
    assert "Zoélie" not in text
    assert str(class_.pupils["Zoélie"]) not in text


def test_a_family_on_an_anonymous_account_gets_what_there_is(game: Game) -> None:
    edition = game.edition(audience="school", league_max_players=40)
    class_ = game.class_(edition, pupils=("Zoélie",))
    family = game.anonymous()
    family.call("claim_class", code=class_.code)
    found = export(family)
    assert [row["league_id"] for row in found["family"]] == [str(class_.id)]
    assert found["account"]["is_anonymous"] is True
    assert "Zoélie" not in json.dumps(found, ensure_ascii=False)


def test_an_address_that_nobody_confirmed_opens_nothing(game: Game) -> None:
    person = game.registered()
    address = game.one("select email from auth.users where id = %s", (person.account,))
    game.run(
        "insert into mpp.contact_request (kind, name, email, message, language, received_at)"
        " values ('contact', 'Ada', %s, 'hello', 'fr', private.clock())",
        (address,),
    )
    game.run("update auth.users set email_confirmed_at = now() where id = %s", (person.account,))
    assert export(person)["contact_request"][0]["message"] == "hello"
    game.run("update auth.users set email_confirmed_at = null where id = %s", (person.account,))
    assert "contact_request" not in export(person)


def test_long_tables_are_cut_at_the_latest_rows_and_say_so(game: Game) -> None:
    person = game.registered()
    game.run(
        "insert into mpp.audit (actor_id, actor_role, action, subject)"
        " select %s, 'authenticated', 'test.' || n, 'x' from generate_series(1, 5003) n",
        (person.account,),
    )
    before = game.one(
        "select count(*) from mpp.audit where actor_id = %s or subject = %s", (person.account, str(person.account))
    )
    found = export(person)["audit"]
    assert (len(found["rows"]), found["left_out"]) == (5000, before - 5000)
    assert found["rows"][-1]["action"] == "test.5003"


def test_the_staff_export_with_a_reason_that_the_audit_keeps(game: Game) -> None:
    person, staff = game.registered("Ada staff"), game.staff()
    document = staff.call("export_person", account_id=person.account, reason="her letter")
    assert document["data"]["profile"]["alias"] == "Ada staff"
    (trace,) = game.rows("select * from mpp.audit where action = 'user.export'")
    assert (trace["actor_id"], trace["subject"], trace["details"]) == (
        staff.account, str(person.account), {"reason": "her letter"},
    )  # fmt: skip
    # The person sees that it was done, and not by whom.
    (seen,) = [row for row in export(person)["audit"] if row["action"] == "user.export"]
    assert seen["is_mine"] is False
    assert str(staff.account) not in json.dumps(export(person))


@pytest.mark.parametrize("who", ["visitor", "player", "other", "manager"])
def test_nobody_else_exports_a_person(game: Game, who: str) -> None:
    person = game.registered()
    caller = {
        "visitor": lambda: game.anon,
        "player": lambda: person,
        "other": game.registered,
        "manager": lambda: game.employed(game.organisation(), "owner"),
    }[who]()
    with game.refused("42501" if who == "visitor" else "MP006"):
        caller.call("export_person", account_id=person.account, reason="why")
    if who == "visitor":
        with game.refused("42501"):
            caller.call("export_my_data")


def test_an_unknown_account_and_a_missing_reason_are_refused(game: Game) -> None:
    staff, person = game.staff(), game.registered()
    with game.refused("MP005"):
        staff.call("export_person", account_id="0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77", reason="why")
    with game.refused("MP010"):
        staff.call("export_person", account_id=person.account, reason=" ")
