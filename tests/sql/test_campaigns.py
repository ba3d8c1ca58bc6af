"""Campaigns with partners: who joins, who shares their address, what the partner gets and must forget, the figures."""

from __future__ import annotations

import hashlib

import pytest
from psycopg.types.json import Jsonb

from tests.support.game import DAY, Game, Person, translated
from tests.support.game_trust import Campaign, address, campaign, exported, join


@pytest.fixture
def mission(game) -> Campaign:
    return campaign(game)


def withdrawals(game: Game, mission: Campaign, **more: object) -> set[tuple[str, str]]:
    """The addresses that the partner must still be told to forget, and why."""
    rows = game.service.view("partner_withdrawals", campaign=mission.code, **more)
    return {(row["address"], row["reason"]) for row in rows if row["settled_at"] is None}


# joining


def test_a_code_tells_what_it_invites_to_and_what_is_asked(game, mission):
    for person in (game.anon, game.registered()):
        invitation = person.call("campaign_invitation", code=mission.codes["Zoé Exemple"])
        assert (invitation["campaign"], invitation["creator"]) == (mission.code, "Zoé Exemple")
        assert (invitation["edition_id"], invitation["text_number"]) == (mission.edition.id, 1)
        assert invitation["body"] == translated("We pass your address on")
    # As people type it.
    typed = mission.codes["Zoé Exemple"].lower().replace("0", "o")
    assert game.anon.call("campaign_invitation", code=f" {typed[:5]}-{typed[5:]} ")["campaign"] == mission.code


def test_the_consent_of_a_campaign_is_asked_and_never_required(game, mission):
    yes, no = join(game.registered(), mission, consent=True), game.registered()
    assert no.call("join_campaign", code=mission.codes["Zoé Exemple"], consent=False) == mission.code
    for person, agreed in ((yes, True), (no, False)):
        (mine,) = person.view("my_campaigns")
        assert (mine["code"], mine["agreed"], mine["text_number"]) == (mission.code, agreed, 1)
    (consent,) = yes.view("my_consents", purpose="partner_sharing")
    assert (consent["text_version"], consent["granted"]) == (f"{mission.code}/1", True)
    assert no.view("my_consents", purpose="partner_sharing") == []


def test_nobody_agrees_to_a_text_that_was_not_shown(game, mission):
    person = game.registered()
    for number in (None, 0, 2):
        with game.refused("MP010"):
            person.call("join_campaign", code=mission.codes["Zoé Exemple"], consent=True, text_number=number)
    with game.refused("MP010"):
        person.call("join_campaign", code=mission.codes["Zoé Exemple"], consent=None)
    row = game.service.view("ops_campaigns", code=mission.code)[0]
    again = {"code": mission.code, "partner_code": row["partner"], "edition_code": mission.edition.code}
    assert game.service.call("create_campaign", **again, body=Jsonb(translated("We pass your address on"))) == 1
    assert game.service.call("create_campaign", **again, body=Jsonb(translated("And we write"))) == 2
    with game.refused("MP010"):
        person.call("join_campaign", code=mission.codes["Zoé Exemple"], consent=True, text_number=1)
    person.call("join_campaign", code=mission.codes["Zoé Exemple"], consent=True, text_number=2)
    assert person.view("my_consents", purpose="partner_sharing")[0]["text_version"] == f"{mission.code}/2"


def test_a_code_that_is_none_or_is_over_opens_nothing(game, mission):
    person, code = game.registered(), mission.codes["Zoé Exemple"]
    for wrong in ("", None, "0" * 10, code[:-1], "x" * 5000):
        for name, given in (("campaign_invitation", {}), ("join_campaign", {"consent": False})):
            with game.refused("MP063"):
                person.call(name, code=wrong, **given)
    game.service.call("end_campaign_code", code=code)
    with game.refused("MP063"):
        person.call("join_campaign", code=code, consent=False)
    other = game.service.call("create_campaign_code", campaign=mission.code, creator="Another")
    game.clock(mission.edition.ends_at)
    with game.refused("MP063"):
        person.call("join_campaign", code=other, consent=False)


def test_who_joins_twice_stays_with_the_first_creator_and_the_last_answer(game):
    mission = campaign(game, None, "First", "Second")
    person = join(game.registered(), mission, consent=True, creator="First")
    join(person, mission, consent=False, creator="Second")
    assert exported(game, mission) == []
    figures = game.one("select count(*) from mpp.campaign_guest where account_id = %s", (person.account,))
    assert figures == 1


def test_consent_is_withdrawn_as_easily_as_given_for_one_campaign_or_all(game, mission):
    other = campaign(game, mission.edition)
    person = join(join(game.registered(), mission, consent=True), other, consent=True)
    person.call("set_consent", purpose="partner_sharing", granted=False, campaign=mission.code)
    assert {c["code"]: c["agreed"] for c in person.view("my_campaigns")} == {mission.code: False, other.code: True}
    person.call("set_consent", purpose="partner_sharing", granted=True, campaign=mission.code)
    person.call("set_consent", purpose="partner_sharing", granted=False)
    assert {c["agreed"] for c in person.view("my_campaigns")} == {False}
    stranger = game.registered()
    for given in ({"campaign": mission.code}, {"campaign": "nothing"}):
        with game.refused("MP063"):
            stranger.call("set_consent", purpose="partner_sharing", granted=True, **given)
    with game.refused("MP010"):
        stranger.call("set_consent", purpose="partner_sharing", granted=True)


@pytest.mark.parametrize(("age", "country", "limit"), [(12, "FR", "15"), (14, "FR", "15"), (15, "DE", "16")])
def test_too_young_somebody_joins_without_sharing_and_is_told_why(game, mission, age, country, limit):
    place = {"country": country, "postcode": {"FR": "75011", "DE": "10115"}[country]}
    child = game.registered(birth_date=game.child(age), **place)
    with game.refused("MP056") as caught:
        child.call("join_campaign", code=mission.codes["Zoé Exemple"], consent=True, text_number=1)
    assert limit in str(caught.value)
    assert "alias" not in str(caught.value)
    join(child, mission, consent=False)
    for given in ({"campaign": mission.code}, {}):
        with game.refused("MP056"):
            child.call("set_consent", purpose="partner_sharing", granted=True, **given)
    child.call("set_consent", purpose="partner_sharing", granted=False)
    game.staff().call("record_guardian_consent", account_id=child.account, granted=True, reason="a letter")
    with game.refused("MP056"):
        child.call("set_consent", purpose="partner_sharing", granted=True, campaign=mission.code)


# the export


def test_the_partner_gets_exactly_those_who_agreed_to_it_and_may(game, mission):
    other = campaign(game, mission.edition)
    league = game.league(mission.edition)
    today = str(game.one("select (private.today() - interval '15 years')::date"))

    def somebody(alias: str, birth_date: str = "1990-06-15") -> Person:
        return game.registered(alias, birth_date=birth_date)

    people = {
        "adult": join(somebody("adult"), mission, consent=True),
        "refusing": join(somebody("refusing"), mission, consent=False),
        "withdrew before": join(somebody("before"), mission, consent=True),
        "withdraws after": join(somebody("after"), mission, consent=True),
        "15 today": join(somebody("fifteen", today), mission, consent=True),
        "17": join(somebody("seventeen", game.child(17)), mission, consent=True),
        "14": join(somebody("fourteen", game.child(14)), mission, consent=False),
        "without campaign": somebody("without"),
        "other campaign": join(somebody("other"), other, consent=True),
        "erased": join(somebody("erased"), mission, consent=True),
        "disabled": join(somebody("disabled"), mission, consent=True),
        "expelled": join(game.player(league, somebody("expelled")), mission, consent=True),
        "agreed again": join(somebody("again"), mission, consent=True),
        "turned out to be 14": join(somebody("younger"), mission, consent=True),
        "unconfirmed": join(somebody("unconfirmed"), mission, consent=True),
        "both campaigns": join(join(somebody("both"), mission, consent=True), other, consent=True),
        "only the other of both": join(join(somebody("only"), other, consent=True), mission, consent=False),
    }
    for name in ("withdrew before", "agreed again"):
        people[name].call("set_consent", purpose="partner_sharing", granted=False)
    people["agreed again"].call("set_consent", purpose="partner_sharing", granted=True, campaign=mission.code)
    league.ambassador.call("expel_player", player_id=people["expelled"].player_id, reason="why")
    game.run("delete from auth.users where id = %s", (people["erased"].account,))
    game.run(
        "update auth.users set banned_until = private.clock() + interval '1 day' where id = %s",
        (people["disabled"].account,),
    )
    game.run("update auth.users set email_confirmed_at = null where id = %s", (people["unconfirmed"].account,))
    game.staff().call(
        "correct_birth_date",
        account_id=people["turned out to be 14"].account,
        birth_date=game.child(14),
        reason="asked",
    )
    found = exported(game, mission)
    names = {name for name, person in people.items() if address(person) in found}
    assert names == {"adult", "withdraws after", "15 today", "17", "expelled", "agreed again", "both campaigns"}
    assert len(found) == len(names)
    others = ("other campaign", "both campaigns", "only the other of both")
    assert exported(game, other) == sorted(address(people[name]) for name in others)
    # And what the partner must be told afterwards.
    people["withdraws after"].call("set_consent", purpose="partner_sharing", granted=False)
    assert withdrawals(game, mission) == {(address(people["withdraws after"]), "withdrawn")}
    assert len(exported(game, mission)) == 6


def test_somebody_is_fifteen_for_the_export_from_midnight_in_paris(game, mission):
    """Who registered as an adult and was corrected by the staff, who agreed at fifteen: only the day counts."""
    person = join(game.registered(birth_date="1990-01-01"), mission, consent=True)
    birth_date = game.one("select (private.today() - interval '15 years')::date + 1")
    # As an import or a hand in the database would leave it.
    game.run("alter table mpp.profile disable trigger profile_protect_from_partners")
    game.run("update mpp.profile set birth_date = %s where id = %s", (birth_date, person.account))
    game.run("alter table mpp.profile enable trigger profile_protect_from_partners")
    midnight = game.one("select (private.today() + 1)::timestamp at time zone 'Europe/Paris'")
    game.clock(midnight - DAY / 86400)
    assert exported(game, mission) == []
    game.clock(midnight)
    assert exported(game, mission) == [address(person)]


def test_each_export_is_recorded_with_who_when_how_many_and_which(game, mission):
    staff = game.staff()
    people = [join(game.registered(), mission, consent=True) for _ in range(3)]
    made = staff.call("export_campaign", campaign=mission.code)
    lines = sorted(address(person) for person in people)
    assert [row["email"] for row in made["rows"]] == lines
    assert set(made["rows"][0]) == {"email", "agreed_at", "text_version"}
    assert made["digest"] == hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    (kept,) = staff.view("partner_exports", campaign=mission.code)
    assert (kept["exported_by"], kept["people"], kept["digest"]) == (staff.account, 3, made["digest"])
    assert kept["exported_at"] == made["exported_at"]
    (act,) = staff.view("audit_log", action="partner.export", subject=mission.code)
    assert act["details"] == {"export": made["export_id"], "people": 3, "digest": made["digest"]}
    assert act["actor_id"] == staff.account
    nothing = game.service.call("export_campaign", campaign=campaign(game).code)
    assert (nothing["rows"], nothing["digest"]) == ([], hashlib.sha256(b"").hexdigest())
    with game.refused("MP010"):
        staff.call("export_campaign", campaign="nothing")


@pytest.mark.parametrize(
    "statement",
    [
        "update mpp.partner_export set people = 0",
        "delete from mpp.partner_export",
        "update mpp.campaign_text set number = 2",
    ],
)
def test_what_a_partner_got_and_what_was_asked_is_never_rewritten(game, mission, statement):
    exported(game, mission)
    with game.refused("MP061"):
        game.run(statement)


# withdrawing after an export


def test_whoever_leaves_after_an_export_is_on_the_list_of_what_the_partner_must_be_told(game, mission):
    adult, erased, younger = (join(game.registered(), mission, consent=True) for _ in range(3))
    exported(game, mission)
    adult.call("set_consent", purpose="partner_sharing", granted=False)
    game.run("delete from auth.users where id = %s", (erased.account,))
    game.staff().call("correct_birth_date", account_id=younger.account, birth_date=game.child(12), reason="asked")
    assert withdrawals(game, mission) == {
        (address(adult), "withdrawn"), (address(erased), "erased"), (address(younger), "too_young"),
    }  # fmt: skip
    assert str(erased.account) not in str(game.rows("select * from mpp.partner_withdrawal"))
    # The day that the child is old enough gives nothing back: somebody else had agreed for them.
    game.clock(game.now + 4 * 366 * DAY)
    assert exported(game, mission) == []


def test_the_address_that_the_partner_has_is_the_one_to_forget(game, mission):
    person = join(game.registered(), mission, consent=True)
    old = exported(game, mission)
    game.run("update auth.users set email = %s where id = %s", (f"new-{old[0]}", person.account))
    exported(game, mission)
    person.call("set_consent", purpose="partner_sharing", granted=False)
    assert {a for a, _ in withdrawals(game, mission)} == {old[0], f"new-{old[0]}"}


def test_a_withdrawal_is_settled_with_a_trace_and_its_address_goes(game, mission):
    staff = game.staff()
    people = [join(game.registered(), mission, consent=True) for _ in range(2)]
    exported(game, mission)
    for person in people:
        person.call("set_consent", purpose="partner_sharing", granted=False)
    ids = [row["id"] for row in staff.view("partner_withdrawals", campaign=mission.code)]
    for note in (None, " "):
        with game.refused("MP010"):
            staff.call("settle_partner_withdrawals", ids=ids, note=note)
    assert staff.call("settle_partner_withdrawals", ids=ids[:1], note="mail of today") == 1
    assert staff.call("settle_partner_withdrawals", ids=ids, note="second mail") == 1
    assert withdrawals(game, mission) == set()
    rows = staff.view("partner_withdrawals", campaign=mission.code)
    assert {(r["address"], r["outcome"], r["note"]) for r in rows} == {
        (None, "partner_told", "mail of today"), (None, "partner_told", "second mail"),
    }  # fmt: skip
    acts = staff.view("audit_log", action="partner.settle")
    assert {act["actor_id"] for act in acts} == {staff.account}
    for person in people:
        for relation in ("partner_withdrawal", "partner_address"):
            assert address(person) not in str(game.rows(f"select * from mpp.{relation}"))
    # The partner has nothing of them any more: withdrawing again is no news.
    people[0].call("set_consent", purpose="partner_sharing", granted=True, campaign=mission.code)
    people[0].call("set_consent", purpose="partner_sharing", granted=False)
    assert withdrawals(game, mission) == set()


def test_who_agrees_again_before_the_partner_was_told_is_off_the_list(game, mission):
    person = join(game.registered(), mission, consent=True)
    exported(game, mission)
    for granted in (False, True):
        person.call("set_consent", purpose="partner_sharing", granted=granted, campaign=mission.code)
    assert withdrawals(game, mission) == set()
    (row,) = game.service.view("partner_withdrawals", campaign=mission.code)
    assert (row["outcome"], row["address"]) == ("agreed_again", None)
    person.call("set_consent", purpose="partner_sharing", granted=False)
    assert withdrawals(game, mission) == {(address(person), "withdrawn")}


# figures


def test_figures_of_a_creator_name_nobody_and_withhold_few(game):
    mission = campaign(game, None, "Many", "Few", "Nobody", "Split", "Shy")
    league = game.league(mission.edition)
    for number in range(6):
        person = game.player(league) if number < 5 else game.registered()
        join(person, mission, consent=True, creator="Many")
        if number < 5:
            game.validate(person, mission.edition, "t-bike")
    for _ in range(4):
        join(game.registered(), mission, consent=True, creator="Few")
    for number in range(8):
        join(game.registered(), mission, consent=number < 6, creator="Split")
    for _ in range(3):
        join(game.registered(), mission, consent=False, creator="Shy")
    figures = {row["creator"]: row for row in game.service.table("campaign_figures", campaign=mission.code)}
    # That none of a few agreed tells about each of them.
    assert (figures["Shy"]["joined"], figures["Shy"]["agreed"], figures["Shy"]["players"]) == (None, None, None)
    assert figures["Nobody"] == {"creator": "Nobody", "joined": 0, "agreed": 0, "players": 0, "validations": 0}
    assert figures["Few"] == {"creator": "Few", "joined": None, "agreed": None, "players": None, "validations": None}
    # One of six does not play: five players would tell.
    assert (figures["Many"]["joined"], figures["Many"]["agreed"]) == (6, 6)
    assert (figures["Many"]["players"], figures["Many"]["validations"]) == (None, None)
    # Two of eight refused.
    assert (figures["Split"]["joined"], figures["Split"]["agreed"], figures["Split"]["players"]) == (8, None, 0)
    for _ in range(4):
        join(game.registered(), mission, consent=True, creator="Many")
    many = next(r for r in game.service.table("campaign_figures", campaign=mission.code) if r["creator"] == "Many")
    assert (many["joined"], many["players"], many["validations"]) == (10, 5, 5)


def test_a_creator_has_one_code_and_a_campaign_one_edition(game, mission):
    assert (
        game.service.call("create_campaign_code", campaign=mission.code, creator="zoé exemple")
        == mission.codes["Zoé Exemple"]
    )
    row = game.service.view("ops_campaigns", code=mission.code)[0]
    elsewhere = game.edition()
    body = Jsonb(translated("Text"))
    for given, code in (
        ({"code": mission.code, "partner_code": row["partner"], "edition_code": elsewhere.code}, "MP010"),
        ({"code": "A b", "partner_code": row["partner"], "edition_code": elsewhere.code}, "MP010"),
        ({"code": "new-one", "partner_code": "unnamed", "edition_code": elsewhere.code}, "MP010"),
        ({"code": "new-one", "partner_code": "U!", "partner_name": "x", "edition_code": elsewhere.code}, "MP010"),
        ({"code": "new-one", "partner_code": row["partner"], "edition_code": "nothing"}, "MP020"),
        (
            {
                "code": "new-one",
                "partner_code": row["partner"],
                "edition_code": elsewhere.code,
                "body": Jsonb({"fr": "x"}),
            },
            "MP010",
        ),
    ):
        with game.refused(code):
            game.service.call("create_campaign", **{"body": body, **given})
