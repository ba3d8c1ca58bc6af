"""Live messages: who may listen to which topic, what they say, and what they never say."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.support.game import Game, Person


def listens(game: Game, person: Person, topic: str, about: str | None = None, extension: str = "broadcast") -> bool:
    """Whether row-level security shows a person a message, as Realtime asks when somebody joins ``topic``."""
    (row,) = game.rows(
        "insert into realtime.messages (topic, extension, private, event) values (%s, %s, true, 'probe') returning id",
        (about or topic, extension),
    )
    game.run("select set_config('realtime.topic', %s, true)", (topic,))
    return bool(person.rows("select id from realtime.messages where id = %s", (row["id"],)))


def messages(game: Game, topic: str) -> list[dict[str, Any]]:
    """Every message of a topic, oldest first, without the id that Realtime adds."""
    rows = game.rows(
        "select event, payload, private, extension from realtime.messages where topic = %s order by number", (topic,)
    )
    for row in rows:
        assert (row.pop("private"), row.pop("extension")) == (True, "broadcast")
        uuid.UUID(row["payload"].pop("id"))
    return rows


def clear(game: Game) -> None:
    """Forget what was sent while the test set itself up."""
    game.run("delete from realtime.messages")


def test_a_league_is_listened_to_by_those_who_are_in_it_now(game):
    edition = game.edition()
    league, other = game.league(edition), game.league(edition)
    member, expelled = game.player(league), game.player(league)
    topic = f"league:{league.id}"
    people = {
        "anon": game.anon, "anonymous": game.anonymous(), "newcomer": game.registered(), "other": other.ambassador,
        "staff": game.staff(), "ambassador": league.ambassador, "member": member, "expelled": expelled,
    }  # fmt: skip
    may = {name for name, person in people.items() if listens(game, person, topic)}
    assert may == {"staff", "ambassador", "member", "expelled"}
    league.ambassador.call("expel_player", player_id=expelled.player_id, reason="insults")
    member.call("leave_league", league_id=league.id)
    may = {name for name, person in people.items() if listens(game, person, topic)}
    assert may == {"staff", "ambassador"}
    game.run(
        "update auth.users set banned_until = now() + interval '1 day' where id = %s", (league.ambassador.account,)
    )
    assert not listens(game, league.ambassador, topic)


def test_a_class_is_listened_to_by_its_teachers_and_families(game):
    edition = game.edition(audience="school")
    class_, other = game.class_(edition, pupils=("Lina",)), game.class_(edition)
    family, stranger = game.family(class_), game.family(other)
    topic = f"league:{class_.id}"
    for person, may in ((class_.teacher, True), (family, True), (stranger, False), (other.teacher, False)):
        assert listens(game, person, topic) is may
    class_.teacher.call("renew_class_code", class_id=class_.id)
    assert not listens(game, family, topic)


def test_a_client_is_listened_to_by_its_staff_while_they_have_access(game):
    edition = game.edition()
    mine, theirs = game.organisation(), game.organisation()
    part = game.participation(mine, edition)
    game.participation(theirs, edition)
    league = game.client_league(part, edition)
    viewer, rival = game.employed(mine), game.employed(theirs, "manager")
    former = game.employed(mine, until=timedelta(days=-1))
    topic = f"client:{part}"
    for person, may in (
        (viewer, True), (rival, False), (former, False), (league.ambassador, False), (game.anon, False),
        (game.registered(), False), (game.staff(), True),
    ):  # fmt: skip
        assert listens(game, person, topic) is may
    assert not listens(game, viewer, f"league:{league.id}")


@pytest.mark.parametrize("spelling", [
    "LEAGUE:{id}", "league:{id} ", " league:{id}", "league:{id}\n", "league:{upper}", "league:{{{id}}}", "league:",
    "league:{hex}", "league:{id}:x", "league:%", "client:{id}", "realtime:league:{id}", "{id}",
])  # fmt: skip
def test_a_topic_has_one_spelling(game, spelling):
    league = game.league(game.edition())
    id_ = str(league.id)
    topic = spelling.format(id=id_, upper=id_.upper() + "A", hex=league.id.hex)
    assert not listens(game, league.ambassador, topic)


@pytest.mark.parametrize("number", ["0{}", "{} ", "+{}", "{}.0", "99999999999999999999", "٣", "-1", "0", ""])
def test_the_topic_of_a_client_has_one_spelling(game, number):
    edition, client = game.edition(), game.organisation()
    part = game.participation(client, edition)
    assert not listens(game, game.employed(client), f"client:{number.format(part)}")


def test_a_right_to_one_topic_shows_no_other_and_no_presence(game):
    edition = game.edition()
    league, other = game.league(edition), game.league(edition)
    topic = f"league:{league.id}"
    assert listens(game, league.ambassador, topic)
    assert not listens(game, league.ambassador, topic, about=f"league:{other.id}")
    assert not listens(game, league.ambassador, topic, extension="presence")


def test_nobody_sends_but_the_database(game):
    league = game.league(game.edition())
    topic = f"league:{league.id}"
    game.run("select set_config('realtime.topic', %s, true)", (topic,))
    clear(game)
    for person in (game.anon, game.registered(), league.ambassador, game.staff()):
        for extension in ("broadcast", "presence"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), game.db.transaction(), person.acting() as db:
                db.execute(
                    "insert into realtime.messages (topic, extension, private) values (%s, %s, true)",
                    (topic, extension),
                )
        with pytest.raises(psycopg.errors.InsufficientPrivilege), game.db.transaction(), person.acting() as db:
            db.execute("select private.tell_league(%s, 'validations', '{}', now())", (league.id,))
    assert messages(game, topic) == []


def test_a_validation_is_told_to_its_league_in_numbers_and_its_end_too(game):
    edition = game.edition()
    league, other = game.league(edition), game.league(edition)
    clear(game)
    receipt = game.validate(league.ambassador, edition, "t-bike")
    said = {
        "count": 1, "validation_id": str(receipt["validation_id"]), "player_id": str(league.ambassador.player_id),
        "points": receipt["points"],
    }  # fmt: skip
    (message,) = messages(game, f"league:{league.id}")
    assert message["event"] == "validations"
    assert message["payload"].pop("team_id") in {str(team) for team in league.teams}
    assert message["payload"] == {**said, "state": "credited"}
    key = receipt["validation_id"]
    game.validate(league.ambassador, edition, "t-bike", key)
    assert len(messages(game, f"league:{league.id}")) == 1, "the same key is told once"
    game.cancel(league.ambassador, receipt)
    (_, message) = messages(game, f"league:{league.id}")
    assert (message["payload"]["validation_id"], message["payload"]["state"]) == (str(key), "cancelled")
    assert messages(game, f"league:{other.id}") == []


def test_a_refused_validation_is_told_to_nobody(game):
    edition = game.edition()
    league = game.league(edition)
    clear(game)
    with game.refused("MP040"):
        league.ambassador.call(
            "validate_challenge", player_id=league.ambassador.player_id, challenge_id=0, request_key=uuid.uuid4()
        )
    assert messages(game, f"league:{league.id}") == []


def test_a_class_is_told_how_many_and_never_a_name(game):
    edition = game.edition(audience="school")
    class_ = game.class_(edition)
    clear(game)
    game.pupils(class_, "Zélinda", "Quirino M")
    class_.teacher.table(
        "validate_for_pupils", class_id=class_.id, challenge_id=edition.challenges["t-soup"], request_key=uuid.uuid4()
    )
    class_.teacher.call("choose_class_challenges", class_id=class_.id, challenge_ids=[edition.challenges["t-soup"]])
    found = messages(game, f"league:{class_.id}")
    assert {"event": "validations", "payload": {"count": 2}} in found
    assert {"event": "members", "payload": {"joined": 2, "left": 0, "changed": 0}} in found
    assert {"event": "challenges", "payload": {}} in found
    said = json.dumps(game.rows("select topic, event, payload from realtime.messages"), default=str, ensure_ascii=False)
    for name in ("Zélinda", "Quirino", class_.teacher.rows("select last_name from api.my_teacher")[0]["last_name"]):
        assert name not in said


def test_members_teams_and_names_are_told_without_saying_who(game):
    edition = game.edition()
    league = game.league(edition)
    topic = f"league:{league.id}"
    clear(game)

    def told() -> list[dict[str, Any]]:
        found = messages(game, topic)
        clear(game)
        return found

    player = game.player(league)
    assert {"event": "members", "payload": {"joined": 1, "left": 0, "changed": 0}} in told()
    team = game.one("select team_id from mpp.player where id = %s", (player.player_id,))
    (elsewhere,) = [t for t in league.teams if t != team][:1]
    player.call("choose_team", team_id=elsewhere)
    assert told() == [{"event": "members", "payload": {"joined": 0, "left": 0, "changed": 1}}]
    league.ambassador.call("rename_team", team_id=team, name="Les Mésanges")
    assert told() == [{"event": "teams", "payload": {}}]
    league.ambassador.call("hand_over_league", league_id=league.id, player_id=player.player_id)
    assert {"event": "ambassadors", "payload": {}} in told()
    league.ambassador.call("leave_league", league_id=league.id)
    assert {"event": "members", "payload": {"joined": 0, "left": 1, "changed": 0}} in told()
    player.call("set_listing", scope="league", subject_id=league.id, listed=False)
    assert told() == [{"event": "league", "payload": {}}]


def test_the_page_of_a_client_is_told_once_in_five_seconds(game):
    edition, client = game.edition(), game.organisation()
    part = game.participation(client, edition)
    first, second = game.client_league(part, edition), game.client_league(part, edition)
    for _ in range(3):
        game.player(first)
    topic, now = f"client:{part}", game.now
    game.run("delete from mpp.client_tick")
    clear(game)
    for seconds, ticks in ((0, 1), (1, 1), (4, 1), (5, 2), (6, 2), (11, 3)):
        game.clock(now + timedelta(seconds=seconds))
        for league in (first, second):
            receipt = game.validate(league.ambassador, edition, "t-bike")
            game.cancel(league.ambassador, receipt)
        assert messages(game, topic) == [{"event": "figures", "payload": {"again_in": 6}}] * ticks
    game.clock(now - timedelta(hours=1))
    game.validate(first.ambassador, edition, "t-bike")
    assert len(messages(game, topic)) == 4, "a clock that was set back silences nobody"


def test_the_page_of_a_client_hears_nothing_of_fewer_than_five_people(game):
    """The moment at which its figures change would say what the one person does whom it invited."""
    edition, client = game.edition(), game.organisation()
    part = game.participation(client, edition)
    league = game.client_league(part, edition)
    for _ in range(3):
        game.player(league)
    game.validate(league.ambassador, edition, "t-bike")
    assert messages(game, f"client:{part}") == []
    game.player(league)
    assert messages(game, f"client:{part}") == [{"event": "figures", "payload": {"again_in": 6}}]


def test_a_load_of_many_leagues_is_told_to_none(game):
    edition = game.edition()
    leagues = [game.league(edition) for _ in range(21)]
    for together, told in ((leagues[:20], 20), (leagues, 0)):
        clear(game)
        game.service.call(
            "import_validations", edition_code=edition.code,
            player_ids=[league.ambassador.player_id for league in together],
            challenge_ids=[edition.challenges["t-bike"]] * len(together),
            done_at=[game.now - timedelta(minutes=1)] * len(together),
            request_keys=[uuid.uuid4() for _ in together],
        )  # fmt: skip
        assert sum(bool(messages(game, f"league:{league.id}")) for league in leagues) == told


def test_a_validation_goes_on_where_nothing_can_be_sent(game):
    edition = game.edition()
    league = game.league(edition)
    game.run("alter role postgres set client_min_messages = error")
    game.run("revoke insert on realtime.messages from postgres")
    receipt = game.validate(league.ambassador, edition, "t-bike")
    assert receipt["state"] == "credited"
