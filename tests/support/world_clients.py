"""A client on the running stack for the tests of services and commands: an edition in its second week."""

from __future__ import annotations

import itertools
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from mpp_supabase import Edition, MadeLeague, Organisation, Participation
from tests.support import clock

from .world import Person, World

VIEWS = (
    *("client_overview", "client_weekly", "client_daily", "client_leagues", "client_ranking", "client_themes"),
    *("client_map", "client_territory", "client_ambassadors"),
)
_numbers = itertools.count(1)


def running_edition(world: World, days: int = 9, **changes: Any) -> Edition:
    """An edition that began some days ago and may still be joined."""
    until = clock.now() + timedelta(days=2)
    return world.edition(
        name="client", starts_in=timedelta(days=-days), registration_closes_on=f"{until:%Y-%m-%d}", **changes
    )


@dataclass
class Client:
    """An organisation that takes part in an edition, and who plays in its leagues."""

    world: World
    organisation: Organisation
    part: Participation
    edition: Edition
    leagues: list[MadeLeague] = field(default_factory=list)
    players: list[list[Person]] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The organisation's code."""
        return self.organisation.code

    def plays(self, person: Person, card: str, times: int, days_ago: float) -> None:
        """Load validations of somebody at a moment in the past, as the staff do."""
        row = self.world.database.execute(
            "select c.id from api.challenges c where c.edition_id = %s and c.code = %s", (self.edition.id, card)
        ).fetchone()
        assert row is not None
        at = clock.now() - timedelta(days=days_ago)
        self.world.database.execute(
            "select api.import_validations(%s, %s, %s, %s, %s)",
            (
                self.edition.code,
                [person.player_id(self.edition)] * times,
                [row[0]] * times,
                [at] * times,
                [uuid.uuid4() for _ in range(times)],
            ),
        )

    def staff(self, role: str = "viewer", since: float = -30, until: float = 30) -> Person:
        """Somebody who works for the client from `since` to `until` days from now."""
        person = self.world.signed_in()
        self.world.database.execute(
            "insert into mpp.staff (organisation_id, account_id, role, access_from, access_until)"
            " values (%s, %s, %s, private.clock() + %s, private.clock() + %s)",
            (
                self.organisation.organisation_id,
                person.account.id,
                role,
                timedelta(days=since),
                timedelta(days=until),
            ),
        )
        return person

    def mails(self, template: str) -> list[tuple[Any, ...]]:
        """Key, address, account and data of the mails of a template that are queued for the client's people."""
        return self.world.database.execute(
            "select m.key, m.address, m.account_id, m.data from mpp.outbox m where m.template = %s"
            " and m.data ->> 'organisation' = %s order by m.id",
            (template, self.organisation.name),
        ).fetchall()


def new_client(
    world: World,
    edition: Edition,
    leagues: Sequence[tuple[str, str]] = (),
    *,
    kind: str = "company",
    **settings: Any,
) -> Client:
    """A client that takes part in an edition, with leagues of (name, unit)."""
    number = next(_numbers)
    organisation = world.ops.clients.set(
        f"t-{secrets.token_hex(5)}", name=f"Exemple {number} {secrets.token_hex(3)}", kind=kind
    )
    world.ops.clients.take_part(organisation.organisation_id, edition.code, **settings)
    part = world.ops.clients.participation(organisation.code, edition.code)
    client = Client(world, organisation, part, edition)
    if leagues:
        client.leagues = world.ops.clients.create_leagues(
            part.participation_id, [{"name": name, "unit": unit} for name, unit in leagues]
        )
    return client


def played_client(world: World) -> Client:
    """Two leagues of six and five people in their second week, a third one empty."""
    mark = secrets.token_hex(3)
    leagues = ((f"Pins {mark}", "Lyon"), (f"Chênes {mark}", "Nantes"), (f"Vide {mark}", "Lyon"))
    client = new_client(world, running_edition(world), leagues, expected_players=20)
    for league, size in zip(client.leagues, (6, 5), strict=False):
        people = [world.person(f"P{secrets.token_hex(4)}") for _ in range(size)]
        for person in people:
            person.call("join_league", join_code=league.join_code)
        client.players.append(people)
    for people in client.players:
        for place, person in enumerate(people):
            client.plays(person, "w-bike", 1 + place % 3, 5)
            client.plays(person, "w-walk", 2, 0.01)
    return client


def pages(path: Path) -> dict[str, list[list[Any]]]:
    """The cells of a workbook by sheet."""
    from openpyxl import load_workbook

    return {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in load_workbook(path)}


__all__ = ["VIEWS", "Client", "new_client", "pages", "played_client", "running_edition"]
