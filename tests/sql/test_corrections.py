"""What is written about a person is corrected by its owner, or by the staff for them; the audit keeps which fields."""

from __future__ import annotations

import pytest

from tests.support.game import Game, Person

#: A new value for every field of a profile that its owner gave.
NEW = {
    "first_name": "Noor", "last_name": "Zed", "alias": "renamed", "country": "BE", "postcode": "69001",
    "language": "de", "sector": "health", "acquisition_channel": "friends",
}  # fmt: skip
OF_TEACHERS = {"role": "director", "subject": "maths"}


def profile(game: Game, person: Person) -> dict:
    (row,) = game.rows("select * from mpp.profile where id = %s", (person.account,))
    return row


def traces(game: Game, person: Person) -> list[dict]:
    return game.rows(
        "select actor_id, action, details from mpp.audit where subject = %s and action like 'profile.%%' order by id",
        (str(person.account),),
    )


def test_every_field_that_a_person_gave_can_be_corrected_by_them_and_by_the_staff(game):
    """A new column of the profile is one of these, or one that the game writes itself."""
    columns = {
        row["name"]
        for row in game.rows(
            "select attname as name from pg_attribute where attrelid = 'mpp.profile'::regclass and attnum > 0"
            " and not attisdropped"
        )
    }
    theirs = set(NEW) | {"birth_date", "picture_path"}
    assert columns - theirs == {
        "id", "created_at", "guardian_consent_at", "terms_published_at", "birth_date_before",
    }  # fmt: skip
    for function, fields in (("update_profile", theirs), ("correct_profile", theirs - {"picture_path"})):
        taken = game.one("select proargnames from pg_proc where oid = (%s)::regproc", (f"api.{function}",))
        assert set(taken) >= fields, function


@pytest.mark.parametrize("field", [*NEW, "birth_date"])
def test_a_correction_leaves_the_name_of_the_field_and_no_value(game, field):
    person, staff = game.registered(sector="energy"), game.staff()
    fields = {field: {**NEW, "birth_date": "1990-06-16"}[field]}
    if field == "country":
        fields["postcode"] = "1000"
    person.call("update_profile", **fields)
    other = game.registered(sector="energy")
    changed = staff.call("correct_profile", account_id=other.account, reason="her letter", **fields)
    assert set(changed) == set(fields)
    for each in (person, other):
        assert str(profile(game, each)[field]) == fields[field]
    (own,), (theirs,) = traces(game, person), traces(game, other)
    assert (own["actor_id"], own["action"]) == (person.account, "profile.update")
    assert set(own["details"]["fields"]) == set(fields)
    assert (theirs["actor_id"], theirs["details"]["reason"]) == (staff.account, "her letter")
    if field == "birth_date":
        assert theirs["action"] == "profile.correct_birth_date"
    else:
        assert theirs["action"] == "profile.correct"
        assert set(theirs["details"]["fields"]) == set(fields)
    assert repr(fields[field]) not in str([own, theirs])


def test_what_stays_as_it_was_leaves_no_trace(game):
    person, staff = game.registered(), game.staff()
    same = {key: profile(game, person)[key] for key in ("first_name", "last_name", "alias", "language")}
    person.call("update_profile", **same)
    assert staff.call("correct_profile", account_id=person.account, reason="why", **same) == []
    assert traces(game, person) == []


def test_a_picture_is_taken_away_by_its_owner_with_a_trace(game):
    person = game.registered()
    person.call("update_profile", picture_path=f"{person.account}/face.png")
    person.call("update_profile", picture_path="")
    assert [trace["details"] for trace in traces(game, person)] == [{"fields": ["picture_path"]}] * 2


def test_a_teacher_corrects_what_is_written_about_them_and_so_do_the_staff(game):
    teacher, staff = game.teacher(), game.staff()
    teacher.call("update_teacher", **OF_TEACHERS)
    assert [trace["details"]["fields"] for trace in traces(game, teacher)] == [["role", "subject"]]
    changed = staff.call(
        "correct_profile", account_id=teacher.account, reason="why", last_name="Zed", role="other", subject=""
    )
    assert changed == ["last_name", "role", "subject"]
    (row,) = game.rows("select role, subject from mpp.teacher where account_id = %s", (teacher.account,))
    assert row == {"role": "other", "subject": None}
    # Somebody who does not play has no alias, and who does not teach no role.
    with game.refused("MP010"):
        staff.call("correct_profile", account_id=teacher.account, reason="why", alias="new")
    player = game.registered()
    with game.refused("MP010"):
        staff.call("correct_profile", account_id=player.account, reason="why", role="new")


def test_starting_to_play_corrects_nothing(game):
    teacher = game.teacher()
    teacher.call("register", **game.profile(alias="starts"))
    assert traces(game, teacher) == []


def test_the_staff_correct_a_birth_date_across_the_ages_that_its_owner_may_not(game):
    person, staff = game.registered(birth_date=game.child(14)), game.staff()
    with game.refused("MP054"):
        person.call("update_profile", birth_date=game.child(15))
    assert staff.call("correct_profile", account_id=person.account, reason="a letter", birth_date=game.child(15)) == [
        "birth_date"
    ]


def test_the_staff_say_why_and_name_somebody_who_has_a_profile(game):
    person, staff, unregistered = game.registered(), game.staff(), game.signed_in()
    with game.refused("MP010"):
        staff.call("correct_profile", account_id=person.account, reason=" ", last_name="Zed")
    with game.refused("MP005"):
        staff.call("correct_profile", account_id=unregistered.account, reason="why", last_name="Zed")
    with game.refused("MP010"):
        staff.call("correct_profile", account_id=person.account, reason="why", language="it")
    with game.refused("MP006"):
        person.call("correct_profile", account_id=person.account, reason="why", last_name="Zed")


def test_one_account_corrects_itself_two_hundred_times_a_day(game):
    person = game.registered()
    game.run(
        "insert into mpp.audit (actor_id, actor_role, action, subject)"
        " select %s, 'authenticated', 'profile.update', 'x' from generate_series(1, 199)",
        (person.account,),
    )
    person.call("update_profile", first_name="Once")
    with game.refused("MP047"):
        person.call("update_profile", first_name="Twice")


def test_an_address_that_the_staff_change_leaves_a_trace_without_it(game):
    person, anonymous, staff = game.registered(), game.anonymous(), game.staff()
    game.service.call("record_address_correction", account_id=person.account, reason="left her employer")
    trace = game.rows("select subject, details from mpp.audit where action = 'user.correct_address'")
    assert trace == [{"subject": str(person.account), "details": {"reason": "left her employer"}}]
    with game.refused("MP010"):
        game.service.call("record_address_correction", account_id=person.account, reason=" ")
    with game.refused("MP005"):
        game.service.call("record_address_correction", account_id=anonymous.account, reason="why")
    with game.refused("42501"):
        staff.call("record_address_correction", account_id=person.account, reason="why")
