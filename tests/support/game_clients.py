"""Two clients, A and B, in one edition, and somebody of every kind who might ask about them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from typing import Any

import psycopg

from tests.support.refusal_details import only_times

from .game import DAY, Edition, Game, League, Person

OK = "00000"
DENIED = "42501"

PEOPLE = (
    "anon", "anonymous", "unregistered", "player",
    "viewer_a", "manager_a", "owner_a", "early_a", "late_a", "viewer_b", "manager_b", "owner_b",
    "ops", "service",
)  # fmt: skip

_numbers = itertools.count(1)


class Clients:
    """Clients A and B with their staff; ``a`` and ``b`` are their ids."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.a, self.b = self.organisation(), self.organisation()
        self.people: dict[str, Person] = {
            "anon": game.anon,
            "anonymous": game.anonymous(),
            "unregistered": game.signed_in(),
            "player": game.registered(),
            "viewer_a": self.staff(self.a, "viewer"),
            "manager_a": self.staff(self.a, "manager"),
            "owner_a": self.staff(self.a, "owner"),
            "early_a": self.staff(self.a, "owner", since=1, until=60),
            "late_a": self.staff(self.a, "owner", since=-60, until=-1),
            "viewer_b": self.staff(self.b, "viewer"),
            "manager_b": self.staff(self.b, "manager"),
            "owner_b": self.staff(self.b, "owner"),
            "ops": game.staff(),
            "service": game.service,
        }
        assert tuple(self.people) == PEOPLE

    def __getitem__(self, name: str) -> Person:
        return self.people[name]

    def organisation(self, **more: Any) -> int:
        """A new organisation; returns its id."""
        return self.game.service.call(  # type: ignore[no-any-return]
            "set_organisation",
            **{
                "code": f"t-{uuid.uuid4().hex[:12]}",
                "name": f"Client {next(_numbers)}",
                "kind": "local_authority",
                **more,
            },
        )

    def staff(self, organisation: int, role: str, since: int = -30, until: int = 30) -> Person:
        """Somebody who works for the organisation from ``since`` to ``until`` days from now."""
        person = self.game.signed_in()
        self.game.run(
            "insert into mpp.staff (organisation_id, account_id, role, access_from, access_until)"
            " values (%s, %s, %s, private.clock() + make_interval(days => %s), private.clock() +"
            " make_interval(days => %s))",
            (organisation, person.account, role, since, until),
        )
        return person

    def participation(self, organisation: int, edition: Edition, expected_players: int | None = 500) -> int:
        """The part of an organisation in an edition; returns its id."""
        return self.game.service.call(  # type: ignore[no-any-return]
            "set_participation",
            organisation_id=organisation,
            edition_code=edition.code,
            expected_players=expected_players,
        )

    def league(self, participation: int, edition: Edition, **more: Any) -> League:
        """A league of the client."""
        league = self.game.league(edition, **more)
        self.game.run("update mpp.league set participation_id = %s where id = %s", (participation, league.id))
        return league

    def answers(self, who: str, function: str, /, **arguments: Any) -> str:
        """The SQLSTATE with which a command answers somebody; nothing is kept. A refusal shows no DETAIL but times."""
        before = self.game.fingerprint()
        code = _code_of(lambda: self.people[who].table(function, **arguments), self.game)
        assert self.game.fingerprint() == before, (who, function)
        return code

    def may_read(self, view: str, **equal: Any) -> dict[str, int | str]:
        """How many rows of a view everybody sees, or the SQLSTATE."""
        seen: dict[str, int | str] = {}
        for name, person in self.people.items():
            rows: list[dict[str, Any]] = []
            code = _code_of(lambda person=person, rows=rows: rows.extend(person.view(view, **equal)), self.game)  # type: ignore[misc]
            seen[name] = len(rows) if code == OK else code
        return seen


def _code_of(act: Callable[[], Any], game: Game) -> str:
    try:
        with game.db.transaction(force_rollback=True):
            act()
    except psycopg.Error as error:
        detail = error.diag.message_detail
        return (error.sqlstate or "?") if only_times(detail) else f"DETAIL {detail}"
    return OK


def everybody(rest: Any, **exceptions: Any) -> dict[str, Any]:
    """What everybody is answered: ``rest``, but for the exceptions."""
    assert set(exceptions) <= set(PEOPLE)
    return {name: exceptions.get(name, rest) for name in PEOPLE}


__all__ = ["DAY", "DENIED", "OK", "PEOPLE", "Clients", "everybody"]
