"""Registering, correcting a profile, consents, and what is shown of a person to whom."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.support.game import HOUR, TERMS, Person, refused

PARIS = ZoneInfo("Europe/Paris")

#: What league mates never see of each other.
PRIVATE = {"last_name", "email", "postcode", "birth_date", "country", "sector", "acquisition_channel"}


def test_registering_makes_a_profile_that_the_person_reads(game):
    person = game.signed_in()
    assert person.view("my_profile") == []
    answer = person.call(
        "register",
        **game.profile(
            first_name="  Zoé ", last_name="D’Été", alias="zo", country="BE", postcode="1000", birth_date="2001-02-03",
            language="de", sector="Energy", acquisition_channel="friend", picture_path=f"{person.account}/me.jpg",
        ),
    )  # fmt: skip
    assert answer == person.account
    (profile,) = person.view("my_profile")
    assert profile["id"] == person.account
    assert (profile["first_name"], profile["last_name"], profile["alias"]) == ("Zoé", "D’Été", "zo")
    assert (profile["country"], profile["postcode"], str(profile["birth_date"])) == ("BE", "1000", "2001-02-03")
    assert (profile["language"], profile["sector"], profile["acquisition_channel"]) == ("de", "Energy", "friend")
    assert profile["picture_path"] == f"{person.account}/me.jpg"
    assert profile["email"] == f"{person.account.hex}@example.org"
    assert (profile["is_minor"], profile["is_under_15"]) == (False, False)


@pytest.mark.parametrize(
    ("age", "minor", "under_15"), [(14, True, True), (15, True, False), (17, True, False), (18, False, False)]
)
def test_minors_are_flagged_under_18_and_under_15(game, age, minor, under_15):
    (profile,) = game.registered(birth_date=game.child(age)).view("my_profile")
    assert (profile["is_minor"], profile["is_under_15"]) == (minor, under_15)


def test_registering_accepts_the_terms_and_only_the_consents_given(game):
    plain = game.registered()
    assert [(c["purpose"], c["granted"], c["text_version"]) for c in plain.view("my_consents")] == [
        ("terms", True, TERMS)
    ]
    keen = game.registered(league_alerts=True, newsletter=True)
    assert {c["purpose"] for c in keen.view("my_consents")} == {"terms", "league_alerts", "newsletter"}


def test_registering_twice_is_refused(game):
    person = game.registered()
    with game.refused("MP004"):
        person.call("register", **game.profile(alias="other"))


def test_only_the_current_terms_are_accepted(game):
    person = game.signed_in()
    for version in (None, "", "2020-01", "2099-01"):
        with game.refused("MP051"):
            person.call("register", **game.profile(terms_version=version))
    game.terms("2026-11", -HOUR)
    game.terms("2099-01", HOUR)
    with game.refused("MP051") as caught:
        person.call("register", **game.profile())
    assert "2026-11" in str(caught.value.diag.message_hint)
    person.call("register", **game.profile(terms_version="2026-11"))


def test_everybody_reads_the_terms_that_hold_and_those_announced(game):
    game.terms("2099-01", HOUR)
    for person in (game.anon, game.anonymous(), game.registered(), game.service):
        assert {row["version"]: row["is_current"] for row in person.view("terms_versions")} == {
            TERMS: True, "2099-01": False,
        }  # fmt: skip


INVALID = [
    ("first_name", None),
    ("first_name", ""),
    ("first_name", "   "),
    ("first_name", "x" * 61),
    ("first_name", "a\u2060b"),
    ("first_name", "a\u202eb"),
    ("last_name", None),
    ("last_name", "x\ufeffx"),
    ("alias", None),
    ("alias", "x" * 31),
    ("alias", "a\u0007b"),
    ("alias", "ad\u2066min"),
    ("country", None),
    ("country", "Atlantide"),
    ("country", "FRA"),
    ("postcode", None),
    ("postcode", "7500"),
    ("postcode", "2A004"),
    ("postcode", "75 01"),
    ("birth_date", None),
    ("birth_date", "2999-01-01"),
    ("birth_date", "1901-01-01"),
    ("language", None),
    ("language", "es"),
    ("sector", "x" * 81),
    ("sector", "\u200b"),
    ("acquisition_channel", ""),
    ("picture_path", "elsewhere/me.jpg"),
    ("picture_path", "../me.jpg"),
    ("picture_path", "00000000-0000-4000-8000-000000000000/me.jpg"),
]


@pytest.mark.parametrize(("field", "value"), INVALID)
def test_a_field_that_is_not_valid_is_named(game, field, value):
    person = game.signed_in()
    with game.refused("MP010") as caught:
        person.call("register", **game.profile(**{field: value}))
    assert str(caught.value).startswith(f"{field} is not valid")


@pytest.mark.parametrize(
    ("day", "wrong"),
    [(None, "it is empty"), ("2999-01-01", "still to come"), ("1901-01-01", "years old")],
)
def test_what_is_wrong_with_a_date_of_birth_is_said_without_it(game, day, wrong):
    with game.refused("MP010") as caught:
        game.signed_in().call("register", **game.profile(birth_date=day))
    said = f"{caught.value.diag.message_primary} {caught.value.diag.message_hint}"
    assert wrong in said
    # A date that is well written is not answered with how to write one, nor said back.
    assert ("YYYY-MM-DD" in said) == (day is None)
    assert str(day) not in said


def test_a_baby_does_not_register(game):
    person = game.signed_in()
    with game.refused("MP010"):
        person.call("register", **game.profile(birth_date=game.child(2)))
    person.call("register", **game.profile(birth_date=game.child(3)))


def test_a_picture_lies_in_the_persons_own_folder(game):
    person = game.registered()
    for path in (
        f"{person.account}/../other/me.jpg",
        f"{person.account}/",
        f"{person.account}/.hidden",
        f"{person.account}/a/b.jpg",
        f"x{person.account}/me.jpg",
        f"{person.account}/{'x' * 300}",
    ):
        with game.refused("MP010"):
            person.call("update_profile", picture_path=path)
    person.call("update_profile", picture_path=f"{person.account}/me.jpg")


def test_names_are_stored_in_one_form_of_unicode_with_single_spaces(game):
    person = game.registered(first_name="Zoe\u0301  Anne", alias=" a  b ")
    (profile,) = person.view("my_profile")
    assert (profile["first_name"], profile["alias"]) == ("Zo\u00e9 Anne", "a b")


def test_correcting_a_profile_keeps_what_is_left_out_and_an_empty_text_clears_an_option(game):
    person = game.registered(sector="Energy", acquisition_channel="friend")
    before = person.view("my_profile")[0]
    person.call("update_profile", first_name="Bea")
    assert person.view("my_profile")[0] == {**before, "first_name": "Bea"}
    person.call(
        "update_profile", last_name="Curie", alias="bee", country="DE", postcode="10115", birth_date="1991-01-01",
        language="de", sector="", acquisition_channel="", picture_path=f"{person.account}/b.png",
    )  # fmt: skip
    after = person.view("my_profile")[0]
    assert (after["last_name"], after["alias"], after["country"], after["postcode"]) == ("Curie", "bee", "DE", "10115")
    assert (str(after["birth_date"]), after["language"]) == ("1991-01-01", "de")
    assert (after["sector"], after["acquisition_channel"]) == (None, None)
    assert after["picture_path"].endswith("/b.png")
    person.call("update_profile", picture_path="", sector="Health", acquisition_channel="press")
    after = person.view("my_profile")[0]
    assert (after["picture_path"], after["sector"], after["acquisition_channel"]) == (None, "Health", "press")


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, v in INVALID if v])
def test_a_correction_is_checked_as_registering_is(game, field, value):
    person = game.registered()
    with game.refused("MP010"):
        person.call("update_profile", **{field: value})


@pytest.mark.parametrize(("age", "across"), [(12, (15, 16, 18)), (14, (15, 18)), (15, (14, 18)), (17, (14, 18))])
def test_a_minor_does_not_grow_up_by_editing_a_form(game, age, across):
    person = game.registered(birth_date=game.child(age))
    for new in ("1990-01-01", *(game.child(other) for other in across)):
        with game.refused("MP054") as caught:
            person.call("update_profile", birth_date=new)
        assert "alias" not in str(caught.value)
    person.call("update_profile", alias="still-allowed", birth_date=game.child(age))


@pytest.mark.parametrize(("age", "corrected"), [(12, 13), (14, 11), (15, 17), (17, 16), (18, 40), (40, 18)])
def test_a_birth_date_is_corrected_once_by_its_owner(game, age, corrected):
    person = game.registered(birth_date=game.child(age))
    # The same date is no correction.
    person.call("update_profile", birth_date=game.child(age))
    person.call("update_profile", birth_date=game.child(corrected))
    assert str(person.view("my_profile")[0]["birth_date"]) == game.child(corrected)
    for again in (game.child(age), "1970-01-01"):
        with game.refused("MP058"):
            person.call("update_profile", birth_date=again)
    game.staff().call("correct_birth_date", account_id=person.account, birth_date=game.child(age), reason="a letter")
    person.call("update_profile", birth_date=game.child(corrected))


@pytest.mark.parametrize("limit", [15, 18])
def test_the_limits_of_age_fall_at_midnight_in_paris(game, limit):
    birthday = datetime(2011, 3, 29, tzinfo=PARIS)
    midnight = birthday.replace(year=2011 + limit)
    minor, other = (game.registered(birth_date=str((birthday - timedelta(days=days)).date())) for days in (0, 3))
    game.clock(midnight - timedelta(seconds=1))
    with game.refused("MP054"):
        minor.call("update_profile", birth_date=str((birthday - timedelta(days=1)).date()))
    flag = "is_under_15" if limit == 15 else "is_minor"
    assert minor.view("my_profile")[0][flag]
    game.clock(midnight)
    assert not minor.view("my_profile")[0][flag]
    with game.refused("MP054"):
        other.call("update_profile", birth_date=str((birthday + timedelta(days=1)).date()))
    minor.call("update_profile", birth_date=str((birthday - timedelta(days=1)).date()))


def test_a_correction_makes_nobody_old_enough_later_either(game):
    """Until the staff have looked, somebody is as old as the later of the two dates says."""
    edition = game.edition()
    child = game.registered(birth_date=game.child(12))
    tomorrow = str(game.one("select (private.today() - interval '15 years')::date + 1"))
    child.call("update_profile", birth_date=tomorrow)
    game.clock(game.now + timedelta(days=2))
    (profile,) = child.view("my_profile")
    assert (str(profile["birth_date"]), profile["is_under_15"], profile["needs_guardian"]) == (tomorrow, True, True)
    with game.refused("MP052"):
        child.call("create_league", edition_id=edition.id, name="Open", is_open=True, phone="+33612345678")
    game.staff().call("correct_birth_date", account_id=child.account, birth_date=tomorrow, reason="a letter")
    assert not child.view("my_profile")[0]["is_under_15"]


@pytest.mark.parametrize("age", [10, 15, 17])
def test_a_mistyped_year_locks_no_adult_out(game, age):
    person = game.registered(birth_date="1990-05-17")
    with game.refused("MP054"):
        person.call("update_profile", birth_date=game.child(age))
    person.call("update_profile", birth_date="1990-05-18")
    assert str(person.view("my_profile")[0]["birth_date"]) == "1990-05-18"


def test_the_staff_correct_the_birth_date_of_a_minor_with_a_reason(game):
    staff, person = game.staff(), game.registered(birth_date=game.child(12))
    staff.call("correct_birth_date", account_id=person.account, birth_date="1990-05-17", reason="a letter")
    assert str(person.view("my_profile")[0]["birth_date"]) == "1990-05-17"
    act = staff.view("audit_log", subject=str(person.account))[0]
    assert (act["action"], act["details"]) == ("profile.correct_birth_date", {"reason": "a letter"})
    for wrong in ({"reason": " "}, {"birth_date": "2990-01-01"}, {"birth_date": None}):
        with game.refused("MP010"):
            staff.call(
                "correct_birth_date",
                **{"account_id": person.account, "birth_date": "1991-01-01", "reason": "x"} | wrong,
            )
    for nobody in (uuid.uuid4(), game.teacher().account):
        with game.refused("MP005"):
            staff.call("correct_birth_date", account_id=nobody, birth_date="1990-05-17", reason="a letter")
    with game.refused("MP006"):
        person.call("correct_birth_date", account_id=person.account, birth_date="1990-05-17", reason="mine")


def test_a_corrected_name_shows_in_leagues_and_rankings(game):
    edition = game.edition()
    league = game.league(edition)
    person = game.player(league)
    person.call("update_profile", alias="renamed", first_name="Rena", picture_path=f"{person.account}/r.jpg")
    member = league.ambassador.view("league_members", player_id=person.player_id)[0]
    assert (member["alias"], member["first_name"]) == ("renamed", "Rena")
    assert member["picture_path"] == f"{person.account}/r.jpg"
    assert game.anon.view("player_ranking", subject_id=person.player_id)[0]["label"] == "renamed"


def test_a_corrected_name_does_not_show_in_a_frozen_edition(game):
    edition = game.edition()
    person = game.player(game.league(edition), game.registered("as-frozen"))
    game.close(edition)
    game.freeze(edition)
    person.call("update_profile", alias="renamed")
    assert game.anon.view("player_ranking", subject_id=person.player_id)[0]["label"] == "as-frozen"
    assert game.faults(edition) == []


def test_a_league_sees_first_name_and_picture_and_nothing_more_of_a_person(game):
    edition = game.edition()
    league = game.league(edition)
    person = game.player(league, game.registered(last_name="Secretlastname", postcode="69003"))
    mate = game.player(league)
    for view in ("league_members", "league_validations", "league_teams", "my_leagues", "player_ranking"):
        for row in mate.view(view):
            assert not PRIVATE & set(row), view
            assert "Secretlastname" not in str(row)
    assert [row["id"] for row in mate.view("my_profile")] == [mate.account]
    assert [row["id"] for row in league.ambassador.view("my_profile")] == [league.ambassador.account]
    assert person.view("my_profile")[0]["postcode"] == "69003"


def test_the_public_sees_aliases_and_leagues_only(game):
    edition = game.edition()
    game.player(game.league(edition), game.registered("only-alias", first_name="Hiddenfirst", last_name="Hiddenlast"))
    for view in ("player_ranking", "team_ranking", "league_ranking"):
        rows = game.anon.view(view, edition_id=edition.id)
        assert rows != []
        assert "Hidden" not in str(rows)
        assert not (PRIVATE | {"first_name", "picture_path", "phone", "account_id"}) & set(rows[0])


# consents


def test_a_consent_is_given_and_withdrawn_and_the_log_keeps_both(game):
    person = game.registered()
    for granted in (True, False, True):
        person.call("set_consent", purpose="newsletter", granted=granted)
        assert {c["purpose"]: c["granted"] for c in person.view("my_consents")}["newsletter"] is granted
    log = game.rows(
        "select * from mpp.consent where account_id = %s and purpose = 'newsletter' order by id", (person.account,)
    )
    assert [(c["granted"], c["text_version"], c["channel"]) for c in log] == [
        (True, TERMS, "app"), (False, TERMS, "app"), (True, TERMS, "app"),
    ]  # fmt: skip


def test_saying_the_same_again_adds_nothing_to_the_log(game):
    person = game.registered()
    for granted in (True, True, False, False):
        person.call("set_consent", purpose="newsletter", granted=granted)
    query = "select granted from mpp.consent where account_id = %s and purpose = 'newsletter' order by id"
    assert [c["granted"] for c in game.rows(query, (person.account,))] == [True, False]


def test_the_terms_are_neither_accepted_nor_left_as_a_consent(game):
    person = game.registered()
    for granted in (True, False, None):
        with game.refused("MP010"):
            person.call("set_consent", purpose="terms", granted=granted)
    with game.refused("MP010"):
        person.call("set_consent", purpose="newsletter", granted=None)
    with game.refused("MP010"):
        person.call("set_consent", purpose=None, granted=True)


def test_nobody_reads_the_consents_of_another(game):
    person, other = game.registered(newsletter=True), game.registered()
    assert {c["purpose"] for c in other.view("my_consents")} == {"terms"}
    assert {c["purpose"] for c in person.view("my_consents")} == {"terms", "newsletter"}
    # A member of the staff without a profile has consented to nothing, whoever else did.
    assert game.staff().view("my_consents") == []
    assert game.staff().view("my_profile") == []


@pytest.mark.parametrize(
    "statement", ["update mpp.consent set granted = true", "delete from mpp.consent", "truncate mpp.consent"]
)
def test_the_log_of_consents_is_append_only_for_everybody(game, statement):
    game.registered()
    with game.refused("MP061"):
        game.run(statement)


# under 15 and the public ranking


def test_under_15_a_player_is_in_no_public_ranking_without_a_guardian(game):
    edition = game.edition()
    league = game.league(edition)
    child = game.player(league, game.registered(birth_date=game.child(14)))
    assert game.anon.view("player_ranking", subject_id=child.player_id) == []
    assert game.anon.view("edition_statistics", edition_id=edition.id)[0]["players"] == 1
    with game.refused("MP050"):
        child.call("set_listing", scope="player", subject_id=child.player_id, listed=True)
    child.call("set_listing", scope="player", subject_id=child.player_id, listed=False)
    game.run("update mpp.profile set guardian_consent_at = private.clock() where id = %s", (child.account,))
    child.call("set_listing", scope="player", subject_id=child.player_id, listed=True)
    assert len(game.anon.view("player_ranking", subject_id=child.player_id)) == 1
    game.run("update mpp.profile set guardian_consent_at = null where id = %s", (child.account,))
    assert game.anon.view("player_ranking", subject_id=child.player_id) == []
    assert game.faults(edition) == []


def test_at_15_a_player_is_listed(game):
    person = game.player(game.league(game.edition()), game.registered(birth_date=game.child(15)))
    assert len(game.anon.view("player_ranking", subject_id=person.player_id)) == 1


def test_who_turns_out_to_be_under_15_leaves_the_public_ranking(game):
    edition = game.edition()
    person = game.player(game.league(edition))
    game.staff().call("correct_birth_date", account_id=person.account, birth_date=game.child(12), reason="asked")
    assert game.anon.view("player_ranking", subject_id=person.player_id) == []
    assert game.faults(edition) == []


# accounts that are gone


def test_a_deleted_account_leaves_its_points_and_its_rank_under_no_name(game):
    edition = game.edition()
    league = game.league(edition, is_open=True, phone="+33612345678")
    person = game.player(league, game.registered("vanishing", first_name="Vanessa"), phone="+33687654321")
    league.ambassador.call("set_co_ambassador", player_id=person.player_id, granted=True)
    other = game.player(league, phone="+33687654322")
    other.call("report_conduct", player_id=person.player_id, reason="why")
    game.validate(person, edition, "t-bike")
    game.run("delete from auth.users where id = %s", (person.account,))
    assert game.score(person.player_id) == game.score(league.id) == 4
    assert game.anon.view("player_ranking", subject_id=person.player_id) == []
    assert game.anon.view("league_ranking", subject_id=league.id)[0]["points"] == 4
    row = game.rows(
        "select account_id, alias, first_name, picture_path from mpp.player where id = %s", (person.player_id,)
    )[0]
    assert (row["account_id"], row["alias"], row["first_name"], row["picture_path"]) == (None, "—", "—", None)
    assert game.rows("select 1 from mpp.player_contact where player_id = %s", (person.player_id,)) == []
    assert game.rows("select 1 from mpp.ambassador where player_id = %s", (person.player_id,)) == []
    assert game.rows("select 1 from mpp.profile where id = %s", (person.account,)) == []
    assert [
        r["account_id"]
        for r in game.rows("select account_id from mpp.conduct_report where player_id = %s", (person.player_id,))
    ] == [None]
    for table in ("player", "score", "profile"):
        assert "vanishing" not in str(game.rows(f"select * from mpp.{table}"))
    assert game.faults(edition) == []


def test_a_deleted_account_changes_nothing_of_a_frozen_edition_but_its_name(game):
    edition = game.edition()
    league = game.league(edition)
    best, hidden = (game.player(league, game.registered(name)) for name in ("the-best", "the-hidden"))
    others = [game.player(league) for _ in range(8)]
    game.validate(best, edition, "t-bike")
    game.validate(hidden, edition, "t-bike")
    for other in others:
        game.validate(other, edition, "t-soup")
    hidden.call("set_listing", scope="player", subject_id=hidden.player_id, listed=False)
    game.close(edition)
    game.freeze(edition)
    game.service.call("grant_awards", edition_code=edition.code)

    def figures():
        """All that everybody reads of the edition, without the names of players."""
        views = {
            view: game.anon.rows(f"select * from api.{view} where edition_id = %s order by {order}", (edition.id,))
            for view, order in {
                "player_ranking": "value desc, tie_order, subject_id",
                "team_ranking": "value desc, tie_order, subject_id",
                "league_ranking": "value desc, tie_order, subject_id",
                "awards": "award_id",
                "edition_statistics": "edition_id",
                "player_map": "area",
            }.items()
        }
        views["lifetime_statistics"] = game.anon.rows("select * from api.lifetime_statistics")
        views["around"] = game.anon.table("ranking_around", subject_id=others[0].player_id, neighbours=20)
        players = {row["subject_id"] for row in views["player_ranking"]}
        for row in (line for rows in views.values() for line in rows if line.get("subject_id") in players):
            row.pop("label")
            row.pop("league_label", None)
            row.pop("is_erased", None)
        return views

    before = figures()
    assert len(before["player_ranking"]) == before["edition_statistics"][0]["players"] == 10
    for person in (best, hidden):
        game.run("delete from auth.users where id = %s", (person.account,))
        assert figures() == before
    (row,) = game.anon.view("player_ranking", subject_id=best.player_id)
    assert (row["rank"], row["points"], row["label"], row["league_label"]) == (1, 4, "Joueur·se effacé·e", None)

    def names(reader):
        """What the erased player is called wherever a ranking or an award shows the line."""
        shown = [
            *reader.view("player_ranking", subject_id=best.player_id),
            *reader.view("awards", subject_id=best.player_id),
            *reader.table("ranking_page", edition_id=edition.id, scope="player"),
            *reader.table("ranking_around", subject_id=others[0].player_id, neighbours=20),
            *reader.table("ranking_around", subject_id=best.player_id, neighbours=0),
        ]
        lines = [line["label"] for line in shown if line["subject_id"] == best.player_id]
        assert len(lines) == len(awarded) + 4
        return set(lines)

    awarded = game.anon.view("awards", subject_id=best.player_id)
    visitor = game.anon.on(game.db)
    for language, name in {
        "fr-FR,fr;q=0.9": "Joueur·se effacé·e", "DE": "Gelöschte Person", "en-GB": "Erased player",
        "it": "Joueur·se effacé·e", "it, de;q=0.8, en;q=0.5": "Gelöschte Person", "den": "Joueur·se effacé·e",
    }.items():  # fmt: skip
        visitor.headers = {"accept-language": language}
        assert names(visitor) == {name}
    others[0].call("update_profile", language="de")
    others[0].headers = {"accept-language": "en"}
    assert names(others[0]) == {"Gelöschte Person"}
    # Their league keeps what it saw, under that name: they are no pupil, whose name would be a dash.
    for view, columns in (
        ("league_members", ("alias", "first_name", "name")),
        ("league_validations", ("alias", "first_name", "name")),
    ):
        (line,) = others[0].view(view, player_id=best.player_id)
        assert {line[column] for column in columns} == {"Gelöschte Person"}
    assert game.anon.view("player_ranking", subject_id=hidden.player_id) == []
    # Whatever happens to the league later gives nothing back.
    game.run("update mpp.league set category = category where id = %s", (league.id,))
    assert game.anon.view("player_ranking", subject_id=best.player_id) == [row]
    for name in ("the-best", "the-hidden"):
        assert name not in str(game.rows("select label from mpp.score where edition_id = %s", (edition.id,)))
    assert game.faults(edition) == []


def test_the_token_of_a_deleted_account_does_nothing(game):
    person = game.player(league := game.league(edition := game.edition()))
    game.run("delete from auth.users where id = %s", (person.account,))
    for call in (
        lambda: person.call("register", **game.profile()),
        lambda: person.call("update_profile", alias="x"),
        lambda: game.validate(person, edition, "t-bike"),
        lambda: person.call("join_league", join_code=league.join_code),
    ):
        with game.refused("MP001", "MP003"):
            call()
    for view in ("my_profile", "my_players", "my_leagues", "league_members", "league_validations", "league_teams"):
        assert person.view(view) == [], view


def test_nothing_is_decided_from_what_the_token_says_about_the_person(game, database_url):
    edition = game.edition("draft")
    liar = Person(
        game.db, "authenticated", game.account(), user_metadata={"role": "ops", "is_ops": True},
        app_metadata={"role": "service_role", "ops": True}, is_anonymous=False,
    )  # fmt: skip
    with game.refused("MP006"):
        liar.call("open_edition", edition_code=edition.code)
    liar.claims["role"] = "service_role"
    with game.refused("MP006"):
        liar.call("open_edition", edition_code=edition.code)
    assert liar.view("audit_log") == []
    with psycopg.connect(database_url) as other, refused("MP001"):
        Person(other, "authenticated").call("register", **game.profile())


def test_a_disabled_account_writes_nothing_with_the_token_it_still_has(game):
    person = game.registered()
    game.run(
        "update auth.users set banned_until = private.clock() + interval '1 hour' where id = %s", (person.account,)
    )
    with game.refused("MP001"):
        person.call("update_profile", alias="Still here")


def test_a_text_too_long_to_be_a_name_is_refused_before_it_is_worked_on(game):
    person = game.registered()
    with game.refused("MP010"):
        person.call("update_profile", first_name=" a" * 2_000_000)
