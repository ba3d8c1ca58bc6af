"""Live pages through the official Python client: who hears of a league, a class and a client, and for how long."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from mpp_supabase import MPP, LiveMessage, Settings, TransportError
from supabase_embedded import StackStatus
from tests.support.phone import Phone, Place, place_of
from tests.support.phone_clients import client
from tests.support.phone_school import class_of, family, school_edition, teacher
from tests.support.waiting import LIMIT


@pytest.fixture(scope="module")
def place(stack: StackStatus) -> Iterator[Place]:
    """The stack of the whole test session."""
    with place_of(stack) as place:
        yield place


class Page:
    """An open page: what somebody hears on one topic."""

    def __init__(self, place: Place, phone: Phone | None, topic: str) -> None:
        self.client = AsyncRealtimeClient(f"{place.status.api_url}/realtime/v1", place.status.env()["PUBLISHABLE_KEY"])
        self.phone = phone
        self.topic = topic
        self.states: list[RealtimeSubscribeStates] = []
        self.heard: list[tuple[str, dict[str, Any]]] = []

    async def open(self) -> bool:
        """Join; whether it was allowed."""
        session = self.phone.client.auth.get_session() if self.phone else None
        if session:
            await self.client.set_auth(session.access_token)
        options: Any = {"config": {"private": True, "broadcast": {"ack": False, "self": False}, "presence": None}}
        channel = self.client.channel(self.topic, options)
        channel.on_broadcast("*", lambda message: self.heard.append((message["event"], message["payload"])))  # type: ignore[arg-type, return-value]
        await channel.subscribe(lambda state, _: self.states.append(state))
        return self.states == [RealtimeSubscribeStates.SUBSCRIBED]

    async def hears(self, event: str, **payload: Any) -> dict[str, Any]:
        """Wait for a message that says this."""
        async with asyncio.timeout(LIMIT):
            while True:
                for heard, said in self.heard:
                    if heard == event and payload.items() <= said.items():
                        return said
                await asyncio.sleep(0.01)


def run(scenario: Callable[[], Awaitable[None]], *pages: Page) -> None:
    """Run a scenario, and close the pages at its end."""

    async def whole() -> None:
        try:
            await scenario()
        finally:
            for page in pages:
                await page.client.close()

    asyncio.run(whole())


def may_open(place: Place, phone: Phone | None, topic: str) -> bool:
    """Whether somebody may open a page."""
    page = Page(place, phone, topic)
    allowed: list[bool] = []

    async def scenario() -> None:
        allowed.append(await page.open())

    run(scenario, page)
    return allowed[0]


def test_a_league_hears_of_itself_and_nobody_else_does(place: Place) -> None:
    edition = place.edition()
    ana, bob, league = place.league_of_two(edition)
    stranger, _, _ = place.league_of_two(edition)
    topic = f"league:{league['league_id']}"
    page = Page(place, bob, topic)

    async def scenario() -> None:
        assert await page.open()
        receipt = await asyncio.to_thread(ana.validate, edition, "bike")
        said = await page.hears("validations", count=1, state="credited", player_id=ana.player_id)
        assert said["validation_id"] == receipt["validation_id"]
        shown = {row["validation_id"] for row in bob.rows("league_validations", league_id=league["league_id"])}
        assert said["validation_id"] in shown, "who hears of it reads it"
        await asyncio.to_thread(ana.rpc, "expel_player", player_id=bob.player_id, reason="insults")
        await page.hears("members", left=1)
        # The page is still open. A new token is asked about, and closes it.
        session = bob.client.auth.refresh_session().session
        assert session is not None
        await page.client.set_auth(session.access_token)
        async with asyncio.timeout(LIMIT):
            while page.states[-1] is RealtimeSubscribeStates.SUBSCRIBED:
                await asyncio.sleep(0.01)

    run(scenario, page)
    for phone in (None, stranger, bob, place.player("newcomer")):
        assert not may_open(place, phone, topic)
    assert may_open(place, ana, topic)


def test_a_class_is_heard_by_its_teacher_and_family_without_a_name(place: Place) -> None:
    edition = school_edition(place)
    class_, other = class_of(place, edition, "Zélinda"), class_of(place, edition)
    topic = f"league:{class_.id}"
    page = Page(place, family(place, class_), topic)

    async def scenario() -> None:
        assert await page.open()
        await asyncio.to_thread(class_.add, {"first_name": "Quirino"})
        await page.hears("members", joined=1)
        assert "Quirino" not in str(page.heard)

    run(scenario, page)
    assert may_open(place, class_.teacher, topic)
    for phone in (None, family(place, other), other.teacher, teacher(place)):
        assert not may_open(place, phone, topic)


def test_a_client_hears_of_its_own_figures(place: Place) -> None:
    mine = client(place)
    theirs = client(place, mine.edition)
    viewer, rival = mine.employ("viewer"), theirs.employ("owner")
    mine.make_leagues(("Les Hiboux", None))
    player, *_ = mine.join("Les Hiboux", 5)
    topic = f"client:{mine.part}"
    page = Page(place, viewer, topic)

    async def scenario() -> None:
        assert await page.open()
        # As if nothing had changed for long: the player has only just joined.
        with psycopg.connect(place.status.db_url) as db:
            db.execute("delete from mpp.client_tick where participation_id = %s", (mine.part,))
        await asyncio.to_thread(player.validate, mine.edition, "bike")
        await page.hears("figures", again_in=6)

    run(scenario, page)
    for phone in (None, rival, player):
        assert not may_open(place, phone, topic)


def test_the_package_follows_a_league_through_a_lost_connection(place: Place) -> None:
    edition = place.edition()
    ana, _, league = place.league_of_two(edition)
    env = place.status.env()
    settings = Settings(url=env["API_URL"], secret_key=SecretStr(env["SECRET_KEY"]))
    heard: queue.Queue[LiveMessage] = queue.Queue()

    def follow() -> None:
        with MPP.connect(settings) as mpp:
            for message in mpp.live.league(league["league_id"]):
                heard.put(message)
                if message.payload.get("state") == "cancelled":
                    return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    team = ana.rows("league_teams", league_id=league["league_id"])[0]["team_id"]
    while heard.empty():
        # Nothing tells from when on it listens.
        ana.rpc("rename_team", team_id=team, name="Les Mésanges")
    kill_realtime(place)
    second = ana.validate(edition, "boost")
    ana.rpc("cancel_validation", validation_id=second["validation_id"])
    thread.join(LIMIT)
    assert not thread.is_alive()
    said = [(m.payload["state"], m.payload["validation_id"]) for m in list(heard.queue) if m.event == "validations"]
    assert said[-2:] == [("credited", second["validation_id"]), ("cancelled", second["validation_id"])]
    assert len(said) == len(set(said)), "nothing twice"


def kill_realtime(place: Place) -> None:
    """Kill the server; its supervisor starts it again."""
    from pathlib import Path

    from supabase_embedded.state import State

    os.kill(State.read(Path(place.status.home)).processes["realtime"].pid, signal.SIGKILL)


def test_the_package_says_that_listening_is_refused(place: Place) -> None:
    edition = place.edition()
    _, _, league = place.league_of_two(edition)
    env = place.status.env()
    settings = Settings(url=env["API_URL"], publishable_key=SecretStr(env["PUBLISHABLE_KEY"]))
    with (
        MPP.connect(settings, role="publishable") as mpp,
        pytest.raises(TransportError, match="may not be listened to"),
    ):
        next(mpp.live.league(league["league_id"]))
