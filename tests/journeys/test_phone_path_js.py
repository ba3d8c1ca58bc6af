"""The same path through supabase-js, under node."""

from __future__ import annotations

from supabase_embedded import StackStatus
from tests.support.faults import line_to
from tests.support.phone import DAY, WORD, place_of, run_javascript
from tests.support.phone_school import school, school_edition


def test_phones_play_an_edition_through_supabase_js(stack: StackStatus) -> None:
    with place_of(stack) as place, line_to(stack.api_url, "/rpc/validate_challenge") as line:
        playing = place.edition()
        late = place.edition(joining_ends=-2 * DAY)
        planned = place.edition(starts=3 * DAY, joining_ends=5 * DAY)
        # The first two answers are lost: sent again with the same key, the validation counts once.
        line.losses = 2
        seen = run_javascript(stack, "play", url=line.url, word=WORD, playing=playing, late=late, planned=planned)
        assert line.lost == 2
        assert place.desk("verify_scores", edition_code=playing.code) == []
    # Who stands second is one of two who have nothing yet.
    first, second = seen.pop("rank")
    assert (first, second[0], second[2:]) == ([1, "ana", 27, True], 2, [0, False])
    assert second[1] in ("bob", "carol")
    assert seen == {
        "wrongCode": "MP031",
        # state, points, and then the player's, the team's and the league's
        "bike": ["credited", 4, 4, 4, 4],
        "alone": ["pending", 5, 4, 4, 4],
        "together": ["credited", 5, 5, 14, 14],
        "boost": ["credited", 6, 15, 20, 20],
        "hiddenBefore": "MP040",
        "unlocked": True,
        "hidden": ["credited", 6, 21, 26, 26],
        "flash": ["credited", 3, 24, 29, 29],
        "malus": ["credited", -5, 0, 24, 24],
        "proof": "MP043",
        "proved": ["credited", 3, 27, 27, 27],
        "repeat": "MP042",
        "wrongWindow": ["MP041", "MP041"],
        "tooEarly": "MP040",
        "cancelled": ["cancelled", 4, 23, 23, 23],
        "again": ["credited", 4, 27, 27, 27],
        "sameKey": True,
        "otherUse": "MP044",
        "full": "MP032",
        "late": "MP023",
        "notRunning": "MP022",
        "refreshed": True,
        "members": [["ana", 27], ["bob", 0], ["carol", 0]],
        "latest": [
            ["ana", 4, "credited"],
            ["ana", 3, "credited"],
            ["bob", -5, "credited"],
            ["ana", 3, "credited"],
            ["ana", 6, "credited"],
            ["ana", 6, "credited"],
            ["bob", 5, "credited"],
            ["ana", 5, "credited"],
            ["ana", 4, "cancelled"],
        ],
        "listed": [[1, "ana"], [2, "carol"]],
        "counted": 2,
        "stillSeesThemselves": ["bob", 0, True],
        "others": [0, 1],
        "expelled": [0, "MP035"],
        "backAgain": ["MP031", "MP034"],
        "table": 404,
        "schema": "PGRST106",
        "anonymousReads": 8,
        "anonymousWrites": "MP002",
        "signedOut": "42501",
    }


def test_a_class_plays_through_supabase_js(stack: StackStatus) -> None:
    with place_of(stack) as place, line_to(stack.api_url, "/rpc/validate_for_pupils") as line:
        playing = school_edition(place)
        line.losses = 2
        seen = run_javascript(stack, "school", url=line.url, playing=playing, school=school(place))
        assert line.lost == 2
        assert place.desk("verify_scores", edition_code=playing.code) == []
    assert seen == {
        "notYet": "MP009",
        "secondLina": "MP070",
        "linas": ["Lina B.", "Lina M."],
        "once": [4, 1],
        "pending": "pending",
        "taken": "cancelled",
        "before": 0,
        "wrong": [False, 9],
        "claimed": True,
        # name, pupils, points, is_teacher, class_code
        "row": ["CM2", 4, 12, False, None],
        "members": [["Lina B.", 0], ["Lina M.", 4], ["Tom", 4], ["Zoé", 4]],
        "latest": [["Tom", "pending"]],
        "familyWrites": ["MP002", "MP002", "42501"],
        "stranger": [0, "MP008"],
        "accepted": True,
        "usedUp": "MP082",
        "teachers": [["Exemple", True, True], ["Collègue", False, False]],
        "removed": [0, "MP008"],
        "out": 0,
        "stillOut": 0,
        "ranked": [1, "CM2", 12, 4],
    }
