"""What a phone does and is refused, through the Python client `supabase` with the publishable key."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from supabase_embedded import StackStatus
from tests.support.faults import line_to
from tests.support.phone import DAY, WORD, Place, place_of, refused


@pytest.fixture(scope="module")
def place(stack: StackStatus) -> Iterator[Place]:
    """The stack of the whole test session."""
    with place_of(stack) as place:
        yield place


def test_two_phones_play_an_edition(place: Place) -> None:
    edition = place.edition()
    ana = place.player("ana")
    (profile,) = ana.rows("my_profile")
    assert (profile["alias"], profile["email"], profile["is_minor"]) == ("ana", ana.email, False)
    league = ana.create_league(edition, category="family")
    assert league["is_ambassador"]
    bob = place.player("bob").join(league)
    assert bob.rows("my_leagues") == [
        {**league, "players": 2, "join_code": None, "is_ambassador": False},
    ]
    # Each was put in a team of their own; they meet in the first, which the ambassador names.
    first, second = sorted(ana.rows("league_teams", league_id=league["league_id"]), key=lambda team: team["name"])
    assert (first["players"], second["players"]) == (1, 1)
    bob.rpc("choose_team", team_id=first["team_id"])
    ana.rpc("choose_team", team_id=first["team_id"])
    ana.rpc("rename_team", team_id=first["team_id"], name="Les Mésanges")

    def receipt(points: int, player: int, together: int, state: str = "credited") -> dict[str, object]:
        totals = {"player_points": player, "team_points": together, "league_points": together}
        return {"state": state, "points": points, **totals}

    def without_id(answer: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in answer.items() if key != "validation_id"}

    bike = ana.validate(edition, "bike")
    assert without_id(bike) == receipt(4, 4, 4)
    assert without_id(ana.validate(edition, "picnic")) == receipt(5, 4, 4, "pending")
    assert without_id(bob.validate(edition, "picnic")) == receipt(5, 5, 14), "both are credited at the quorum of two"
    assert without_id(ana.validate(edition, "boost")) == receipt(6, 15, 20), "points × factor inside the window"
    assert without_id(ana.validate(edition, "boost-over")) == receipt(2, 17, 22), "plain points outside"
    shown = {card["id"] for card in ana.rows("challenges", edition_id=edition.id)}
    assert edition.challenges["hidden"] not in shown
    assert not ana.rpc("unlock_challenge", edition_id=edition.id, word="coquelicot")["unlocked"]
    assert ana.rpc("unlock_challenge", edition_id=edition.id, word=WORD.upper()) == {
        "challenge_id": edition.challenges["hidden"], "unlocked": True, "guesses_left": 9,
    }  # fmt: skip
    assert without_id(ana.validate(edition, "hidden")) == receipt(6, 23, 28)
    assert without_id(ana.validate(edition, "flash")) == receipt(3, 26, 31)
    assert without_id(bob.validate(edition, "plane")) == receipt(-5, 0, 26)
    assert without_id(bob.validate(edition, "plane")) == receipt(-5, -5, 21), "a malus repeats"

    # Taken back, and done again under a new key, twice sent.
    cancelled = ana.rpc("cancel_validation", validation_id=bike["validation_id"])
    assert without_id(cancelled) == receipt(4, 22, 17, "cancelled")
    key = str(uuid.uuid4())
    again = ana.validate(edition, "bike", key)
    assert again == {"validation_id": key, **receipt(4, 26, 21)}
    assert ana.validate(edition, "bike", key) == again, "the same request key: the same validation, once"
    picnic = bob.rows("league_validations", player_id=bob.player_id, challenge_id=edition.challenges["picnic"])[0]
    lost = bob.rpc("cancel_validation", validation_id=picnic["validation_id"])
    assert without_id(lost) == receipt(5, -10, 11, "cancelled"), "under the quorum nobody keeps the credit"

    # The league page, live.
    members = {row["first_name"] + "/" + row["alias"]: row for row in bob.rows("league_members")}
    assert {name: (row["points"], row["is_me"]) for name, row in members.items()} == {
        "Ana/ana": (21, False), "Ana/bob": (-10, True),
    }  # fmt: skip
    assert {row["name"]: row["players"] for row in bob.rows("league_teams")} == {"Les Mésanges": 2, second["name"]: 0}
    done = bob.client.table("league_validations").select("alias,challenge_code,title,state,points")
    latest = done.order("validated_at", desc=True).limit(3).execute().data
    assert [(row["alias"], row["challenge_code"].split("-")[-1], row["state"]) for row in latest] == [
        ("ana", "bike", "credited"), ("bob", "plane", "credited"), ("bob", "plane", "credited"),
    ]  # fmt: skip
    hidden = [row for row in bob.rows("league_validations") if row["title"] is None]
    assert [(row["points"], row["challenge_id"]) for row in hidden] == [(6, None)], "bob has not found that challenge"

    # The ranks, after a refreshed session.
    before = ana.client.auth.get_session()
    after = ana.client.auth.refresh_session().session
    assert before is not None
    assert after is not None
    assert after.refresh_token != before.refresh_token
    around = ana.rpc("my_rank", edition_id=edition.id)
    assert [(row["rank"], row["label"], row["points"], row["is_me"]) for row in around] == [
        (1, "ana", 21, True), (2, "bob", -10, False),
    ]  # fmt: skip
    around = bob.rpc("my_rank", edition_id=edition.id, neighbours=1)
    assert [(row["rank"], row["subject_id"], row["is_me"]) for row in around] == [
        (1, ana.player_id, False), (2, bob.player_id, True),
    ]  # fmt: skip
    (team, empty) = ana.rpc("my_rank", edition_id=edition.id, scope="team")
    assert (team["label"], team["points"], team["players"], empty["points"]) == ("Les Mésanges", 11, 2, 0)
    (own,) = ana.rpc("my_rank", edition_id=edition.id, scope="league")
    assert (own["rank"], own["label"], own["points"]) == (1, league["name"], 11)
    assert place.phone().rows("league_ranking", edition_id=edition.id)[0]["points"] == 11
    assert place.desk("verify_scores", edition_code=edition.code) == []


def test_a_challenge_is_refused_outside_its_rules_and_nothing_is_written(place: Place) -> None:
    edition = place.edition()
    ana, _, _ = place.league_of_two(edition)
    key = ana.validate(edition, "bike")["validation_id"]
    with refused("MP042"):
        ana.validate(edition, "bike")
    with refused("MP043"):
        ana.validate(edition, "photo")
    for name in ("market", "flash-over"):
        with refused("MP041") as caught:
            ana.validate(edition, name)
        assert "(Europe/Paris)" in caught.value.message
    for name in ("flash-soon", "hidden"):
        with refused("MP040"):
            ana.validate(edition, name)
    with refused("MP044"):
        ana.validate(edition, "flash", key)
    with refused("MP005"):
        ana.rpc("cancel_validation", validation_id=str(uuid.uuid4()))
    assert len(ana.rows("league_validations")) == 1
    assert ana.points(edition) == 4
    ana.validate(edition, "photo", proof_sent=True)
    ana.rpc("cancel_validation", validation_id=key)
    with refused("MP045"):
        ana.rpc("cancel_validation", validation_id=key)


def test_a_refusal_speaks_the_language_of_the_phone(place: Place) -> None:
    edition = place.edition()
    ana = place.player()
    sent = {"edition_id": edition.id}
    french = place.raw("POST", "rpc/my_rank", ana, json=sent, headers={"accept-language": "fr-FR,fr;q=0.9"})
    english = place.raw("POST", "rpc/my_rank", ana, json=sent)
    assert french.status_code == english.status_code == 400
    assert french.json() == {
        "code": "MP035", "message": "Vous ne jouez dans aucune ligue de cette édition.",
        "hint": "Rejoignez une ligue, ou créez-en une.", "details": None,
    }  # fmt: skip
    assert english.json()["message"] == "You do not play in a league of this edition."


def test_a_league_is_joined_with_its_code_while_there_is_room(place: Place) -> None:
    edition = place.edition()
    ana, bob, league = place.league_of_two(edition)
    zoe = place.player("zoe")
    for wrong in ("ABCDEFGHJK", league["league_id"], ""):
        with refused("MP031"):
            zoe.rpc("join_league", join_code=wrong)
    with refused("MP031"):
        zoe.rpc("join_league", league_id=league["league_id"])
    typed = league["join_code"].lower()
    zoe.rpc("join_league", join_code=f" {typed[:5]}-{typed[5:]} ")
    with refused("MP030"):
        zoe.rpc("join_league", join_code=league["join_code"])
    late = place.player("lea")
    with refused("MP032") as caught:
        late.join(league)
    assert "3" in caught.value.message
    assert late.rows("my_players") == []
    bob.rpc("leave_league", league_id=league["league_id"])
    late.join(league)
    fresh = ana.rpc("renew_join_code", league_id=league["league_id"])
    zoe.rpc("leave_league", league_id=league["league_id"])
    with refused("MP031"):
        bob.join(league)
    bob.join({"join_code": fresh})
    with refused("MP007"):
        bob.rpc("renew_join_code", league_id=league["league_id"])


def test_nobody_joins_after_the_last_day_of_registration(place: Place) -> None:
    edition = place.edition(joining_ends=-2 * DAY)
    ana = place.player()
    with refused("MP023"):
        ana.create_league(edition)
    assert ana.rows("my_leagues") == []


def test_nothing_is_validated_before_the_start_nor_after_the_end(place: Place) -> None:
    planned = place.edition(starts=3 * DAY, joining_ends=5 * DAY)
    ana = place.player()
    ana.create_league(planned)
    assert ana.rows("challenges", edition_id=planned.id) == []
    with refused("MP022"):
        ana.validate(planned, "bike")
    running = place.edition()
    ana.create_league(running)
    done = ana.validate(running, "bike")
    place.desk("close_edition", edition_code=running.code, reason="the test is over")
    with refused("MP022"):
        ana.validate(running, "flash")
    with refused("MP022"):
        ana.rpc("cancel_validation", validation_id=done["validation_id"])
    assert ana.points(running) == 4
    with refused("MP021"):
        ana.create_league(place.edition(opened=False))


def test_who_opted_out_is_in_no_row_and_no_count_and_still_sees_themselves(place: Place) -> None:
    edition = place.edition()
    ana, bob, league = place.league_of_two(edition)
    other = place.player("eve")
    other.create_league(edition)
    for phone, name in ((ana, "hidden"), (bob, "bike"), (other, "flash")):
        phone.rpc("unlock_challenge", edition_id=edition.id, word=WORD)
        phone.validate(edition, name)
    visitor = place.phone()

    def public() -> dict[str, int]:
        rows = visitor.rows("player_ranking", edition_id=edition.id)
        return {row["label"]: row["rank"] for row in rows}

    def counted() -> tuple[int, ...]:
        (row,) = visitor.rows("edition_statistics", edition_id=edition.id)
        return row["players"], row["teams"], row["leagues"], row["points"]

    assert (public(), counted()) == ({"ana": 1, "bob": 2, "eve": 3}, (3, 4, 2, 13))
    ana.rpc("set_listing", scope="player", subject_id=ana.player_id, listed=False)
    assert (public(), counted()) == ({"bob": 1, "eve": 2}, (2, 4, 2, 7))
    assert [row["label"] for row in bob.rpc("my_rank", edition_id=edition.id)] == ["bob", "eve"]
    for phone in (visitor, bob):
        with refused("MP005"):
            phone.rpc("ranking_around", subject_id=ana.player_id)
    (me, *_) = ana.rpc("my_rank", edition_id=edition.id)
    assert (me["is_me"], me["points"], me["rank"]) == (True, 6, 1)
    with refused("MP005"):
        bob.rpc("set_listing", scope="player", subject_id=ana.player_id, listed=True)
    with refused("MP007"):
        bob.rpc("set_listing", scope="league", subject_id=league["league_id"], listed=False)

    ana.rpc("set_listing", scope="league", subject_id=league["league_id"], listed=False)
    # The league's name and its teams are gone; its players decide for themselves.
    assert (public(), counted()) == ({"bob": 1, "eve": 2}, (2, 2, 1, 7))
    assert [row["points"] for row in visitor.rows("league_ranking", edition_id=edition.id)] == [3]
    for view in ("player_ranking", "team_ranking"):
        assert league["name"] not in {row["league_label"] for row in visitor.rows(view, edition_id=edition.id)}
    with refused("MP005"):
        visitor.rpc("ranking_around", subject_id=league["league_id"])
    assert bob.rpc("my_rank", edition_id=edition.id, scope="league")[0]["points"] == 10
    assert {row["alias"]: row["points"] for row in bob.rows("league_members")} == {"ana": 6, "bob": 4}


def test_nobody_reads_the_profile_or_the_league_of_others(place: Place) -> None:
    edition = place.edition()
    ana, bob, league = place.league_of_two(edition)
    ana.validate(edition, "bike")
    stranger = place.player("eve")
    account = ana.rows("my_profile")[0]["id"]
    for phone in (bob, stranger):
        assert phone.rows("my_profile", id=account) == []
        assert [row["alias"] for row in phone.rows("my_profile")] != ["ana"]
    for view in ("my_leagues", "league_teams", "league_members", "league_validations"):
        assert stranger.rows(view, league_id=league["league_id"]) == []
        assert stranger.rows(view) == []
    for view in ("my_profile", "my_players", "my_leagues", "my_consents", "league_members", "league_validations"):
        with refused("42501"):
            place.phone().rows(view)
    for function, arguments in (
        ("create_team", {"league_id": league["league_id"], "name": "Spies"}),
        ("renew_join_code", {"league_id": league["league_id"]}),
        ("expel_player", {"player_id": bob.player_id, "reason": "because"}),
    ):
        with refused("MP007"):
            stranger.rpc(function, **arguments)
    stranger.player_id = ana.player_id
    with refused("MP005"):
        stranger.validate(edition, "bike")
    with refused("MP005"):
        stranger.rpc("report_conduct", player_id=bob.player_id, reason="because")
    for function in ("verify_scores", "open_edition", "freeze_edition"):
        with refused("MP006"):
            stranger.rpc(function, edition_code=edition.code)


def test_no_phone_writes_a_table_or_a_view(place: Place) -> None:
    edition = place.edition()
    ana, _, league = place.league_of_two(edition)
    done = ana.validate(edition, "bike")
    for phone in (None, ana):
        for table in ("validation", "score", "player", "edition", "ops_member"):
            assert place.raw("POST", table, phone, json={"points": 100}).status_code == 404
            for schema in ("mpp", "private", "auth", "public"):
                for verb, header, body in (("POST", "content-profile", {}), ("GET", "accept-profile", None)):
                    answer = place.raw(verb, table, phone, headers={header: schema}, json=body)
                    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST106")
        for view, column, value in (
            ("player_ranking", "subject_id", ana.player_id),
            ("my_players", "player_id", ana.player_id),
            ("my_leagues", "league_id", league["league_id"]),
            ("league_validations", "validation_id", done["validation_id"]),
            ("editions", "code", edition.code),
            ("audit_log", "subject", "nobody-at-all"),
        ):
            for verb in ("POST", "PATCH", "DELETE"):
                body = {column: value} if verb != "DELETE" else None
                query = f"?{column}=eq.{value}" if verb != "POST" else ""
                answer = place.raw(verb, view + query, phone, json=body)
                # 55000: Postgres finds that the view cannot be written by anyone before it looks at who asks.
                assert answer.json()["code"] in ("42501", "55000"), (verb, view, answer.text)
                assert str(value) not in answer.text, (verb, view, answer.text)
    assert ana.points(edition) == 4
    assert ana.rows("league_validations")[0]["state"] == "credited"


def test_an_anonymous_account_reads_what_is_public_and_writes_nothing(place: Place) -> None:
    edition = place.edition()
    _, _, league = place.league_of_two(edition)
    phone = place.phone()
    assert phone.client.auth.sign_in_anonymously().user is not None
    assert [row["phase"] for row in phone.rows("editions", code=edition.code)] == ["running"]
    assert len(phone.rows("challenges", edition_id=edition.id)) == 8, "neither hidden nor flash out of its window"
    assert len(phone.rows("player_ranking", edition_id=edition.id)) == 2
    with refused("MP002"):
        phone.rpc(
            "register", first_name="A", last_name="B", alias="c", country="FR", postcode="75011",
            birth_date="1990-06-15", terms_version="2026-01",
        )  # fmt: skip
    with refused("MP002"):
        phone.join(league)
    with refused("MP002"):
        phone.create_league(edition)
    with refused("MP002"):
        phone.rpc("unlock_challenge", edition_id=edition.id, word=WORD)
    assert phone.rows("my_profile") == []
    not_registered = place.phone().sign_up()
    with refused("MP003"):
        not_registered.join(league)


def test_an_expelled_player_is_out_at_once_with_the_same_token(place: Place) -> None:
    edition = place.edition()
    ana, bob, league = place.league_of_two(edition)
    ana.validate(edition, "bike")
    key = bob.validate(edition, "bike")["validation_id"]
    session = bob.client.auth.get_session()
    assert len(bob.rows("league_members")) == 2
    with refused("MP007"):
        bob.rpc("expel_player", player_id=ana.player_id, reason="revenge")
    ana.rpc("expel_player", player_id=bob.player_id, reason="insults")

    for view in ("my_leagues", "league_teams", "league_members"):
        assert bob.rows(view) == []
    assert [row["player_id"] for row in bob.rows("league_validations")] == [bob.player_id], "only their own"
    with refused("MP035"):
        bob.validate(edition, "flash")
    with refused("MP035"):
        bob.rpc("cancel_validation", validation_id=key)
    # The code that they knew is no more, and the new one does not let them in.
    with refused("MP031"):
        bob.rpc("join_league", join_code=league["join_code"])
    (renewed,) = ana.rows("my_leagues")
    with refused("MP034"):
        bob.rpc("join_league", join_code=renewed["join_code"])
    assert bob.client.auth.get_session() == session
    assert [row["alias"] for row in ana.rows("league_members")] == ["ana"]
    (own,) = ana.rpc("my_rank", edition_id=edition.id, scope="league")
    assert own["points"] == 8, "what was earned stays where it was earned"


def test_a_phone_whose_answers_are_lost_sends_again_and_counts_once(stack: StackStatus) -> None:
    with (
        line_to(stack.api_url, "/rpc/validate_challenge") as line,
        place_of(replace(stack, values={**stack.values, "API_URL": line.url})) as place,
    ):
        edition = place.edition()
        phone = place.player()
        phone.create_league(edition)
        line.losses = 2
        assert phone.validate(edition, "bike")["player_points"] == 4
        assert line.lost == 2
        assert phone.points(edition) == 4
