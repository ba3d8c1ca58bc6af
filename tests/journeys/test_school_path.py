"""What the phones of teachers and families do with a class and are refused, through gateway, Auth and PostgREST."""

from __future__ import annotations

import base64
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from supabase_embedded import StackStatus
from tests.support.phone import Phone, Place, place_of, refused
from tests.support.phone_school import (
    CLASS_VIEWS,
    JOINED,
    LEVELS,
    OF_TRUST,
    Class,
    account_of,
    acts,
    class_of,
    contents,
    family,
    functions,
    letters,
    reads,
    rne,
    school,
    school_edition,
    secrets,
    teacher,
    views,
)  # fmt: skip
from tests.support.refusal_details import only_times

#: Names that nothing else in an answer would hold by chance.
MARKED = ("Zénobie", "Hippolyte", "Ménéhould", "Philibert", "Cunégonde", "Barnabé")
#: What an account does to itself or to the public directory, whoever's class there is.
ONE_S_OWN = {
    "add_school",
    "create_class",
    "register",
    "register_teacher",
    "set_consent",
    "update_profile",
    "update_teacher",
}
STAFF_ONLY = {
    "announce_maintenance", "apply_edition", "cancel_maintenance", "close_edition", "correct_birth_date",
    "correct_school", "forget_pupils", "freeze_edition", "open_edition", "resolve_conduct_report",
}  # fmt: skip
SERVER_ONLY = {"import_schools", "import_validations", "list_accounts", "set_ops_member"}
#: Functions of client spaces and mails have nothing to do with a class; tests/sql tries them on everybody.
OF_CLIENTS = {
    "accept_staff_invitation", "claim_mail", "clear_bounces", "client_report", "client_staff", "complete_task",
    "count_edition", "create_client_leagues", "due_mails", "grant_awards", "handle_contact_request",
    "invite_participants", "invite_staff", "plan_participation", "purge_expired", "queue_league_notes", "queue_mails",
    "queue_newsletter", "record_bounce", "remove_contact_content", "remove_participants", "remove_staff",
    "send_contact_request", "set_organisation", "set_participation", "set_staff", "set_territory", "settle_mail",
    "settle_stranded", "stranded_mails", "territory_schools", "unsubscribe", "weekly_readers", "withdraw_participation",
}  # fmt: skip
#: Functions that write nothing, and the one by which a family enters.
READING = {
    "class_teachers", "my_rank", "ranking_around", "ranking_page", "read_clock", "search_ranking", "search_schools",
    "verify_scores",
}  # fmt: skip
ENTERING = {"claim_class"}


@pytest.fixture(scope="module")
def place(stack: StackStatus) -> Iterator[Place]:
    """The stack of the whole test session."""
    with place_of(stack) as place:
        yield place


def code_of(place: Place, phone: Phone | None, function: str, arguments: dict[str, Any]) -> str:
    """The SQLSTATE of a refused call, which has a sentence, and no details but times."""
    answer = place.raw("POST", f"rpc/{function}", phone, json=arguments)
    assert answer.status_code >= 400, (function, answer.text)
    said = answer.json()
    assert set(said) == {"code", "message", "hint", "details"}, said
    assert said["message"]
    assert only_times(said["details"]), said
    return str(said["code"])


def test_a_teacher_goes_from_signing_up_to_the_ranking(place: Place) -> None:
    edition = school_edition(place)
    tess = teacher(place, subject="SVT")
    (me,) = tess.rows("my_teacher")
    assert (me["last_name"], me["role"], me["subject"], me["email"]) == ("Exemple", "Enseignante", "SVT", tess.email)
    assert tess.rows("my_profile") == [], "a teacher who does not play has no player's profile"

    # The school: found without accents, or added, once.
    name, code = f"École élémentaire Sœur Pâquerette {uuid.uuid4().hex[:6]}", rne(place)
    added = tess.rpc("add_school", name=name, city="L’Haÿ-en-Forêt", postcode="01234", levels=["elementaire"], rne=code)
    assert tess.rpc("add_school", name="Other", city="X", postcode="01234", levels=["lycee"], rne=code.lower()) == added
    for query in (code, f"soeur paquerette {name[-6:]}", f"HAY EN FORET {name[-6:]}", f"Sœur pâq 01234 {name[-6:]}"):
        assert [found["school_id"] for found in tess.rpc("search_schools", query=query)] == [added], query
    assert tess.rpc("search_schools", query=code, level="lycee") == []
    assert tess.rows("schools", school_id=added)[0]["levels"] == ["elementaire"]

    made = Class(
        tess.rpc("create_class", edition_id=edition.id, school_id=added, name="CM2 A", level="elementaire"),
        edition, added, tess,
    )  # fmt: skip
    assert [(row["name"], row["pupils"], row["is_teacher"]) for row in tess.rows("my_classes")] == [("CM2 A", 0, True)]
    with refused("MP010"):
        tess.rpc("create_class", edition_id=edition.id, school_id=added, name="6e", level="college")
    with refused("MP038"):
        tess.rpc("create_class", edition_id=edition.id, school_id=added, name="cm2 a", level="elementaire")

    # Pupils, and a second Lina later.
    made.add({"first_name": "Lina", "initial": "B"}, {"first_name": "Tom", "team": "Verts"}, {"first_name": "Zoé"})
    assert sorted(made.pupils) == ["Lina", "Tom", "Zoé"], "an initial that is not needed is not kept"
    assert list(made.teams) == ["Verts"]
    with refused("MP070") as caught:
        made.add({"first_name": "LINA"})
    assert json.loads(caught.value.details)["faults"] == [{"row": 1, "fault": "first_name_twice", "arguments": []}]
    assert "LINA" not in str(caught.value.json()), "the name of a pupil is in no error, which a log might keep"
    with refused("MP070"):
        made.add({"first_name": "Éva", "last_name": "Martin"})
    answer = made.add(
        {"first_name": "lina", "initial": "m"}, {"pupil_id": made.pupils["Lina"], "initial": "B", "team": "Bleus"}
    )
    assert [row["name"] for row in answer] == ["lina M.", "Lina B."]
    assert sorted(made.pupils) == ["Lina B.", "Tom", "Zoé", "lina M."]
    with refused("MP032"):
        made.add(*({"first_name": f"Zoé-{letter}"} for letter in "ABCDE"))
    assert made.row["pupils"] == 4

    # The challenges of the level, fewer by choice.
    def shown() -> dict[str, bool]:
        rows = tess.rows("class_challenges", class_id=made.id)
        return {row["code"].removeprefix(f"{edition.code}-"): row["is_in_play"] for row in rows}

    assert shown() == dict.fromkeys(("bike", "photo", "picnic", "boost"), True), "no flash and no malus of other levels"
    chosen = [edition.challenges[name] for name in ("bike", "picnic", "photo")]
    assert tess.rpc("choose_class_challenges", class_id=made.id, challenge_ids=chosen) == 3
    assert {name for name, in_play in shown().items() if in_play} == {"bike", "picnic", "photo"}
    with refused("MP084"):
        made.validate("boost")
    tess.rpc("choose_class_challenges", class_id=made.id, challenge_ids=None)

    # One pupil, several, a team, everybody.
    lina_m, lina, tom, zoe = (made.pupils[name] for name in ("lina M.", "Lina B.", "Tom", "Zoé"))
    (one,) = made.validate("bike", pupil_ids=[tom])
    assert (one["pupil_id"], one["state"], one["points"]) == (tom, "credited", 4)
    assert [row["state"] for row in made.validate("picnic", pupil_ids=[tom, zoe])] == ["pending", "pending"]
    assert made.points() == {"Lina B.": 0, "Tom": 4, "Zoé": 0, "lina M.": 0}
    assert {row["pupil_id"] for row in made.validate("boost", team_id=made.teams["Bleus"])} == {lina, lina_m}
    with refused("MP043"):
        made.validate("photo")
    whole = made.validate("photo", proof_sent=True)
    assert {row["pupil_id"] for row in whole} == set(made.pupils.values())
    again = made.validate("bike")
    assert len(again) == 4
    again = made.validate("bike")
    assert [row["validation_id"] is None for row in again if row["pupil_id"] == tom] == [True], "Tom was at the limit"
    with refused("MP042"):
        made.validate("bike")
    for wrong, refusal in (("plane", "MP084"), ("flash-over", "MP041"), ("flash-soon", "MP040")):
        with refused(refusal):
            made.validate(wrong)

    # Taken back, all or none.
    taken = [row["validation_id"] for row in whole]
    with refused("MP083"):
        tess.rpc("cancel_for_pupils", class_id=made.id, validation_ids=[*taken, str(uuid.uuid4())])
    before = made.row["points"]
    assert {row["state"] for row in tess.rpc("cancel_for_pupils", class_id=made.id, validation_ids=taken)} == {
        "cancelled"
    }
    assert made.row["points"] == before - 4 * 3

    # What everybody sees: the class as a number, no pupil, no team.
    points = made.row["points"]
    assert points == sum(made.points().values())
    assert points == sum(row["points"] for row in tess.rows("league_teams", league_id=made.id))
    visitor = place.phone()
    (line,) = visitor.rows("class_ranking", edition_id=edition.id)
    assert (line["rank"], line["level_rank"], line["label"], line["school_label"]) == (1, 1, "CM2 A", name)
    assert (line["points"], line["players"], line["value"]) == (points, 4, round(points * 100 / 4))
    lines = visitor.rows("school_ranking", edition_id=edition.id)
    assert {(row["level"], row["rank"], row["points"]) for row in lines} == {
        (None, 1, points),
        ("elementaire", 1, points),
    }
    for view in ("player_ranking", "team_ranking", "league_ranking"):
        assert visitor.rows(view, edition_id=edition.id) == []
    (mine,) = tess.rpc("ranking_around", subject_id=made.id)
    assert (mine["rank"], mine["is_me"]) == (1, True)
    assert place.desk("verify_scores", edition_code=edition.code) == []

    # A new code for the families, a colleague, and out of the ranking when the teacher wants.
    old = made.row["class_code"]
    assert tess.rpc("renew_class_code", class_id=made.id) == made.row["class_code"] != old
    assert len(tess.rpc("invite_co_teacher", class_id=made.id)) == 10
    tess.rpc("set_listing", scope="league", subject_id=made.id, listed=False)
    assert (
        visitor.rows("class_ranking", edition_id=edition.id)
        == visitor.rows("school_ranking", edition_id=edition.id)
        == []
    )
    assert made.row["points"] == points
    tess.rpc("remove_pupil", pupil_id=lina_m)
    made.add({"pupil_id": tom})
    assert sorted(made.pupils) == ["Lina", "Tom", "Zoé"], "one Lina is left, without an initial"
    assert made.row["points"] == points, "what she earned stays with the class"


def test_a_request_that_is_sent_many_times_at_once_counts_once(place: Place) -> None:
    edition = school_edition(place)
    made = class_of(place, edition)
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(4) as pool:
        answers = [done.result() for done in [pool.submit(made.validate, "bike", key) for _ in range(8)]]
    assert all(answer == answers[0] for answer in answers)
    assert made.validate("bike", key) == answers[0]
    assert set(made.points().values()) == {4}
    assert len(made.teacher.rows("league_validations", league_id=made.id)) == 6
    # The same key for something else.
    for who in ({"pupil_ids": [made.pupils["Tom"]]}, {"team_id": made.teams["Verts"]}):
        with refused("MP044"):
            made.validate("bike", key, **who)
    with refused("MP044"):
        made.validate("picnic", key)
    other = class_of(place, edition, by=made.teacher, school_id=made.school)
    with refused("MP044"):
        other.validate("bike", key)
    assert other.row["points"] == 0
    assert made.row["points"] == 24


def test_a_family_follows_its_class_with_the_code_and_nothing_else(place: Place) -> None:
    edition = school_edition(place)
    made = class_of(place, edition)
    made.validate("bike", pupil_ids=[made.pupils["Tom"], made.pupils["Zoé"]])
    made.validate("picnic", pupil_ids=[made.pupils["Tom"]])
    phone = place.phone()
    with refused("42501"):
        phone.rpc("claim_class", code=made.row["class_code"])
    phone.client.auth.sign_in_anonymously()
    for view in CLASS_VIEWS:
        assert phone.rows(view) == [], view
    code = made.row["class_code"]
    typed = f" {code[:5].lower()}-{code[5:]} "
    assert phone.rpc("claim_class", code=typed) == {"class_id": made.id, "claimed": True, "guesses_left": 10}
    assert phone.rpc("claim_class", code=code)["claimed"], "twice is as good as once"

    (row,) = phone.rows("my_classes")
    assert row == {**made.row, "class_code": None, "is_teacher": False}
    for view in ("league_members", "league_teams", "league_validations", "class_challenges"):
        seen = phone.rows(view)
        assert sorted(map(str, seen)) == sorted(map(str, made.teacher.rows(view))), view
        assert seen, view
    done = {(row["name"], row["challenge_code"], row["state"]) for row in phone.rows("league_validations")}
    assert done == {
        ("Tom", f"{edition.code}-bike", "credited"), ("Zoé", f"{edition.code}-bike", "credited"),
        ("Tom", f"{edition.code}-picnic", "pending"),
    }  # fmt: skip
    assert {row["name"]: row["points"] for row in phone.rows("league_members")}["Tom"] == 4
    (card,) = phone.rows("class_challenges", code=f"{edition.code}-bike")
    assert (card["pupils_credited"], card["points_earned"]) == (2, 8)
    # The code brings neither who teaches, nor the code itself, nor an invitation.
    with refused("MP002"):
        phone.rpc("class_teachers", class_id=made.id)
    with refused("MP002"):
        phone.rpc("search_schools", query="Exempleville")
    everything = "".join(place.raw("GET", view, phone).text for view in views(place))
    (me,) = made.teacher.rows("my_teacher")
    for hidden in (code, me["id"], me["email"], "Tess"):
        assert hidden not in everything


def test_wrong_codes_are_counted_for_each_account(place: Place) -> None:
    edition = school_edition(place)
    made = class_of(place, edition)
    phone, neighbour = place.phone(), place.phone()
    for each in (phone, neighbour):
        each.client.auth.sign_in_anonymously()
    # Neither a colleague's invitation nor the id of the class opens it.
    wrong = [made.teacher.rpc("invite_co_teacher", class_id=made.id), made.id, "", "' or true --", *["AAAAAAAAAA"] * 6]
    left = [phone.rpc("claim_class", code=code) for code in wrong]
    assert left == [{"class_id": None, "claimed": False, "guesses_left": 9 - number} for number in range(10)]
    with refused("MP046") as caught:
        phone.rpc("claim_class", code=made.row["class_code"])
    assert "(Europe/Paris)" in caught.value.message
    assert phone.rows("my_classes") == []
    # A whole school shares one address: another phone is not held up.
    assert neighbour.rpc("claim_class", code=made.row["class_code"])["claimed"]


def test_a_family_writes_nothing(place: Place) -> None:
    edition = school_edition(place)
    made = class_of(place, edition)
    made.validate("bike")
    phone, colleague = family(place, made), teacher(place)
    tried = acts(made, account_of(colleague))
    placed = set(tried) | READING | ENTERING | OF_CLIENTS | OF_TRUST
    assert placed == functions(place), "each function of the API has its place in this test"
    before = contents(place)
    refusals = {name: code_of(place, phone, name, arguments) for name, arguments in tried.items()}
    assert refusals == {
        name: "42501" if name in SERVER_ONLY else "MP006" if name in STAFF_ONLY else "MP002" for name in tried
    }
    refusals = {name: code_of(place, None, name, arguments) for name, arguments in tried.items()}
    assert set(refusals.values()) == {"42501"}, "who is not signed in reaches no function that writes"
    assert contents(place) == before


def test_no_phone_writes_a_view_of_a_class(place: Place) -> None:
    edition = school_edition(place)
    made = class_of(place, edition)
    made.validate("bike")
    phones = [None, family(place, made), teacher(place), made.teacher]
    before, codes = contents(place), Counter[str]()
    for phone in phones:
        for view, columns in views(place).items():
            for verb, query, body in (
                ("POST", "", {columns[-1]: None}),
                ("PATCH", f"?{columns[0]}=not.is.null", {columns[-1]: None}),
                ("PUT", f"?{columns[0]}=eq.1", dict.fromkeys(columns)),
                ("DELETE", f"?{columns[0]}=not.is.null", None),
            ):
                answer = place.raw(verb, view + query, phone, json=body)
                assert answer.status_code >= 400, (verb, view, answer.text)
                codes[answer.json()["code"]] += 1
                assert made.id not in answer.text
        for table in (
            "league",
            "player",
            "family",
            "class_code",
            "class_invitation",
            "class_guess",
            "teacher",
            "school",
        ):
            # Every writing is refused before anybody looks what is written.
            for verb, status in (("GET", 404), ("POST", 403 if phone else 401)):
                assert place.raw(verb, table, phone, json={}).status_code == status
                for schema in ("mpp", "private", "auth"):
                    profile = {"accept-profile": schema, "content-profile": schema}
                    assert place.raw(verb, table, phone, json={}, headers=profile).status_code == 406
    # No right to it; the other codes say of a view, or of a request, that nobody could write in that way.
    assert set(codes) <= {"42501", "55000", "428C9", "0A000", "PGRST105", "21000"}, codes
    assert contents(place) == before


def test_nobody_sees_anything_of_another_class(place: Place) -> None:
    edition = school_edition(place)
    watched = class_of(
        place, edition, *MARKED, by=teacher(place, "Patronyme-à-cacher"), teams=["Xylophages", "Wapitis"]
    )  # fmt: skip
    watched.validate("bike")
    watched.validate("picnic", pupil_ids=[watched.pupils["Barnabé"]])
    hidden = secrets(watched)
    assert len(hidden) == 6 * 2 + 2 * 2 + 4 + 7
    # Somebody of the same school, families of both of their classes, a player, an account with nothing, and visitors.
    neighbour = class_of(place, edition, by=teacher(place), school_id=watched.school)
    neighbour.validate("bike")
    fresh = place.phone()
    fresh.client.auth.sign_in_anonymously()
    others = [neighbour.teacher, family(place, neighbour), fresh, None]
    # A reader of the class meets every one of these secrets but those that are its teacher's alone.
    seen = "".join(place.raw("GET", path, watched.teacher).text for path in reads(place, watched))
    assert not {secret for secret in hidden if secret not in seen}, "the requests look where the secrets are"

    for phone in others:
        for path in reads(place, watched):
            answer = place.raw("GET", path, phone)
            # A refusal may say again what was typed.
            found = {secret for secret in hidden if secret in answer.text and secret not in path}
            assert not found, (path, found)
            if watched.id in answer.text:
                assert path.startswith("class_ranking?"), (path, answer.text)
    for view in CLASS_VIEWS:
        column = "class_id" if view in ("my_classes", "class_challenges") else "league_id"
        for phone in others[:3]:
            assert phone is not None
            assert phone.rows(view, **{column: watched.id}) == [], view
            paths = [f"{view}?select=*,{joined}(*)&limit=100" for joined in JOINED]
            for path in (*paths, f"class_ranking?select=*,{view}!inner(*)&subject_id=eq.{watched.id}"):
                answer = place.raw("GET", path, phone)
                assert not {secret for secret in hidden if secret in answer.text}, path
                assert answer.status_code >= 400 or watched.id not in answer.text, path


@pytest.mark.parametrize("kind", ["exact", "planned", "estimated"])
def test_a_count_says_nothing_about_another_class(place: Place, kind: str) -> None:
    edition = school_edition(place)
    watched = class_of(place, edition, *MARKED, level="lycee")
    # As often as a day allows.
    for _ in range(50):
        watched.validate("plane")
    neighbour = class_of(place, edition, by=teacher(place), school_id=watched.school)
    with psycopg.connect(place.status.db_url, autocommit=True) as connection:
        connection.execute("set role mpp_owner")
        connection.execute("analyze mpp.validation, mpp.player, mpp.league, mpp.team, mpp.class_code, mpp.family")

    for phone in (neighbour.teacher, family(place, neighbour)):

        def counted(query: str, phone: Phone = phone) -> tuple[int, str | None]:
            answer = place.raw("HEAD", query, phone, headers={"prefer": f"count={kind}"})
            return answer.status_code, answer.headers.get("content-range")

        for view, column, value, nobody in (
            ("my_classes", "class_id", watched.id, uuid.uuid4()),
            ("my_classes", "class_code", watched.row["class_code"], "AAAAAAAAAA"),
            ("league_members", "league_id", watched.id, uuid.uuid4()),
            ("league_members", "first_name", "Barnabé", "Barnaby"),
            ("league_members", "name", "Barnabé", "Barnaby"),
            ("league_teams", "league_id", watched.id, uuid.uuid4()),
            ("league_validations", "league_id", watched.id, uuid.uuid4()),
            ("league_validations", "player_id", watched.pupils["Barnabé"], uuid.uuid4()),
            ("league_validations", "team_id", next(iter(watched.teams.values())), uuid.uuid4()),
            ("class_challenges", "class_id", watched.id, uuid.uuid4()),
        ):
            assert counted(f"{view}?{column}=eq.{value}") == counted(f"{view}?{column}=eq.{nobody}"), (view, column)


def test_a_teacher_of_the_same_school_changes_nothing_in_the_class_of_another(place: Place) -> None:
    edition = school_edition(place)
    made = class_of(place, edition)
    made.validate("bike")
    stranger = teacher(place)
    own = class_of(place, edition, by=stranger, school_id=made.school)
    player = place.player("eve")
    tried = {name: arguments for name, arguments in acts(made, account_of(stranger)).items() if name not in ONE_S_OWN}
    # With the class of their own, and what is in the class of the other.
    card, pupil, key = edition.challenges["bike"], made.pupils["Tom"], str(uuid.uuid4())
    sheet = ("pupil_ids", "challenge_ids", "times", "done_on")
    (team, done) = next(iter(made.teams.values())), tried["cancel_validation"]["validation_id"]
    mixed = [
        ("validate_for_pupils", {"challenge_id": card, "request_key": key, "pupil_ids": [pupil]}, "MP083"),
        ("validate_for_pupils", {"challenge_id": card, "request_key": key, "team_id": team}, "MP083"),
        ("cancel_for_pupils", {"validation_ids": [done]}, "MP083"),
        ("add_pupils", {"pupils": [{"pupil_id": pupil, "first_name": "Volé"}]}, "MP070"),
        ("add_pupils", {"pupils": [{"first_name": "Volé", "team_id": team}]}, "MP070"),
        ("import_class_sheet", {name: tried["import_class_sheet"][name] for name in sheet}, "MP070"),
        ("hand_over_class", {"teacher_id": account_of(made.teacher)}, "MP005"),
        ("remove_co_teacher", {"teacher_id": account_of(made.teacher)}, "MP005"),
    ]  # fmt: skip
    before = contents(place)
    refusals = {name: code_of(place, stranger, name, arguments) for name, arguments in tried.items()}
    assert refusals == {
        **dict.fromkeys(STAFF_ONLY, "MP006"), **dict.fromkeys(SERVER_ONLY, "42501"),
        **dict.fromkeys(
            (
                "add_pupils", "cancel_for_pupils", "choose_class_challenges", "hand_over_class", "import_class_sheet",
                "invite_co_teacher", "remove_co_teacher", "remove_pupil", "renew_class_code", "revoke_class_code",
                "update_class", "validate_for_pupils",
            ),
            "MP008",
        ),
        **dict.fromkeys(
            ("create_team", "expel_player", "hand_over_league", "rename_team", "renew_join_code", "set_co_ambassador",
             "set_listing"),
            "MP007",
        ),
        **dict.fromkeys(("cancel_validation", "choose_team", "report_conduct", "validate_challenge"), "MP005"),
        "accept_class": "MP082", "create_league": "MP003", "join_league": "MP031", "leave_league": "MP035",
        "unlock_challenge": "MP035",
    }  # fmt: skip
    for name, arguments, refusal in mixed:
        assert code_of(place, stranger, name, {"class_id": own.id, **arguments}) == refusal, name
    assert code_of(place, stranger, "class_teachers", {"class_id": made.id}) == "MP008"
    # A player of the public editions is as much a stranger, and a school edition has no leagues.
    for name in ("choose_team", "set_listing", "expel_player", "report_conduct", "join_league"):
        assert code_of(place, player, name, tried[name]) in ("MP005", "MP007", "MP031"), name
    assert code_of(place, player, "create_league", tried["create_league"]) == "MP028"
    assert contents(place) == before


def test_a_class_has_no_door_of_a_league(place: Place) -> None:
    edition = school_edition(place)
    made = class_of(place, edition)
    made.validate("bike")
    tried = acts(made, account_of(made.teacher))
    before = contents(place)
    for name, refusal in (
        ("renew_join_code", "MP005"), ("set_co_ambassador", "MP005"), ("hand_over_league", "MP005"),
        ("expel_player", "MP005"), ("report_conduct", "MP005"), ("validate_challenge", "MP005"),
        ("cancel_validation", "MP005"), ("join_league", "MP031"), ("leave_league", "MP035"),
        ("unlock_challenge", "MP035"), ("remove_co_teacher", "MP005"),
    ):  # fmt: skip
        assert code_of(place, made.teacher, name, tried[name]) == refusal, name
    assert contents(place) == before


def test_families_are_out_at_once_when_the_code_is_renewed(place: Place) -> None:
    edition = school_edition(place)
    made = class_of(place, edition)
    made.validate("bike")
    phone = family(place, made)
    old = made.row["class_code"]
    session = phone.client.auth.get_session()
    assert session is not None
    claims = json.loads(base64.urlsafe_b64decode(session.access_token.split(".")[1] + "=="))
    assert claims["is_anonymous"]
    assert len(phone.rows("league_members")) == 6

    fresh = made.teacher.rpc("renew_class_code", class_id=made.id)

    def sees_nothing() -> None:
        for view in CLASS_VIEWS:
            assert phone.rows(view) == [], view

    sees_nothing()
    again = phone.client.auth.get_session()
    assert again is not None
    assert again.access_token == session.access_token, "with the very token it had before"
    renewed = phone.client.auth.refresh_session().session
    assert renewed is not None
    assert renewed.access_token != session.access_token
    sees_nothing()
    assert not phone.rpc("claim_class", code=old)["claimed"]
    sees_nothing()
    assert phone.rpc("claim_class", code=fresh)["claimed"]
    assert len(phone.rows("league_members")) == 6
    made.teacher.rpc("revoke_class_code", class_id=made.id)
    sees_nothing()
    assert made.row["class_code"] is None
    assert not phone.rpc("claim_class", code=fresh)["claimed"]


def test_a_colleague_comes_by_invitation_and_goes_at_once(place: Place) -> None:
    edition = school_edition(place)
    made = class_of(place, edition)
    colleague, late = teacher(place, "Collègue"), teacher(place)
    not_a_teacher, parent = place.phone().sign_up(), family(place, made)
    code = made.teacher.rpc("invite_co_teacher", class_id=made.id)
    for phone, refusal in ((not_a_teacher, "MP009"), (parent, "MP002")):
        assert code_of(place, phone, "accept_class", {"code": code}) == refusal
    assert colleague.rpc("accept_class", code=code.lower()) == made.id
    with refused("MP082"):
        late.rpc("accept_class", code=code)
    teachers = colleague.rpc("class_teachers", class_id=made.id)
    assert [(row["last_name"], row["is_principal"], row["is_me"]) for row in teachers] == [
        ("Exemple", True, False), ("Collègue", False, True),
    ]  # fmt: skip

    # A colleague does all that the teacher does, but send the teacher away.
    mine = Class(made.id, edition, made.school, colleague, made.pupils, made.teams)
    (done, *_) = mine.validate("bike")
    mine.add({"first_name": "Gaël"})
    assert mine.row["class_code"] == made.row["class_code"]
    principal = account_of(made.teacher)
    for name in ("hand_over_class", "remove_co_teacher"):
        with refused("MP008"):
            colleague.rpc(name, class_id=made.id, teacher_id=principal)
    with refused("MP005"):
        made.teacher.rpc("remove_co_teacher", class_id=made.id, teacher_id=principal)

    session = colleague.client.auth.get_session()
    made.teacher.rpc("remove_co_teacher", class_id=made.id, teacher_id=account_of(colleague))
    for view in CLASS_VIEWS:
        assert colleague.rows(view) == [], view
    before = contents(place)
    assert (
        code_of(place, colleague, "cancel_for_pupils", {"class_id": made.id, "validation_ids": [done["validation_id"]]})
        == "MP008"
    )
    for name in ("validate_for_pupils", "add_pupils", "renew_class_code", "invite_co_teacher", "remove_pupil"):
        assert code_of(place, colleague, name, acts(made, principal)[name]) == "MP008"
    with refused("MP008"):
        colleague.rpc("class_teachers", class_id=made.id)
    assert contents(place) == before
    assert colleague.client.auth.get_session() == session
    assert made.row["points"] == 6 * 4, "what the colleague recorded stays"


def test_a_refusal_about_a_class_speaks_the_language_of_the_phone(place: Place) -> None:
    edition = school_edition(place)
    made = class_of(place, edition)
    stranger = teacher(place)
    sent = {"class_id": made.id}
    french = place.raw(
        "POST", "rpc/renew_class_code", stranger, json=sent, headers={"accept-language": "fr-FR,fr;q=0.9"}
    )
    english = place.raw("POST", "rpc/renew_class_code", stranger, json=sent)
    assert french.status_code == english.status_code == 400
    assert french.json() == {
        "code": "MP008", "message": "Seul·e un·e enseignant·e de cette classe peut faire cela.",
        "hint": "Demandez à l’enseignant·e de la classe.", "details": None,
    }  # fmt: skip
    assert english.json()["message"] == "Only a teacher of this class may do this."
    made_in_french = place.raw(
        "POST", "rpc/create_class", made.teacher, headers={"accept-language": "fr"},
        json={"edition_id": edition.id, "school_id": made.school, "name": "CE1", "level": LEVELS[1]},
    ).json()  # fmt: skip
    assert [team["name"] for team in made.teacher.rows("league_teams", league_id=made_in_french)] == ["Équipe 1"]
    assert school(place) != made.school


@pytest.mark.needs("home")
def test_nothing_that_was_typed_about_a_pupil_is_in_a_log(place: Place) -> None:
    """Postgres logs an error with what it stumbled over; the errors of requests are told to who sent them only."""
    tess = teacher(place)
    word, nobody = f"Dupont{letters()}", str(uuid.uuid4())
    bodies = [
        json.dumps({"class_id": class_id, "pupils": [{"first_name": name}]})
        for class_id, name in ((nobody, f"{word}\0"), (nobody, f"{word}\ud800"), (word, "Lina"))
    ]
    bodies += [json.dumps({"class_id": nobody, "pupils": f"[{word}"}), f'{{"class_id": "{nobody}", "pupils": [{word}']
    as_json = {"content-type": "application/json"}
    answers = [place.raw("POST", "rpc/add_pupils", tess, content=body, headers=as_json) for body in bodies]
    answers.append(place.raw("GET", f"league_members?league_id=eq.{word}", tess))
    assert all(400 <= answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
    # What others do wrong is logged, so that the log was not simply asleep.
    other = f"Durand{letters()}"
    with psycopg.connect(place.status.db_url) as connection, pytest.raises(psycopg.errors.InvalidTextRepresentation):
        connection.execute(f"select '{other}'::uuid")
    written = {path.name: path.read_text(errors="replace") for path in (place.status.home / "logs").glob("*.log*")}
    assert other in written["postgres.log"]
    assert [name for name, text in written.items() if word in text] == []
