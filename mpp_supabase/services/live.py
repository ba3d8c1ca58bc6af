"""What happens in a league or at a client, as it happens: private broadcast of Supabase Realtime."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mpp_supabase.errors import TransportError
from mpp_supabase.transport import Transport

if TYPE_CHECKING:
    from realtime import AsyncRealtimeChannel, AsyncRealtimeClient, RealtimeSubscribeStates

#: The most messages that Realtime replays to whoever comes back.
REPLAYED = 25

#: How many messages are remembered, to know those that come again.
REMEMBERED = 1000

#: How often the token is looked at, in seconds, and how often a lost connection is tried again.
RENEW_EVERY = 60.0
RETRIES = 1_000_000

#: How long Realtime may take to say who may listen, in seconds.
JOIN_SECONDS = 30.0


@dataclass(frozen=True)
class LiveMessage:
    """Something that has changed: the `event` and what is said of it. docs/api.md lists the events.

    The event `missed` is this package's own: the connection was away for too long to know what happened meanwhile,
    and the page is to be read again.
    """

    event: str
    payload: dict[str, Any]


class Live:
    """Listening to leagues and clients."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def league(self, league_id: UUID) -> Iterator[LiveMessage]:
        """Yield what changes in a league or class from now on, until the right to listen ends.

        A lost connection is made again, and what was missed comes first, each message once. Raises TransportError when
        listening is refused, or ends because the right has gone.
        """
        return self._follow(f"league:{league_id}")

    def client(self, participation_id: int) -> Iterator[LiveMessage]:
        """Yield when the figures of a client's part in an edition have changed, as `league` does."""
        return self._follow(f"client:{participation_id}")

    def _follow(self, topic: str) -> Iterator[LiveMessage]:
        with asyncio.Runner() as runner:
            listener = _Listener(self._transport, topic)
            try:
                runner.run(listener.open())
                while True:
                    yield runner.run(listener.next())
            finally:
                runner.run(listener.close())


class _Listener:
    """One topic through the official client, which makes lost connections again."""

    def __init__(self, transport: Transport, topic: str) -> None:
        self._transport = transport
        self._topic = topic
        self._news: asyncio.Queue[LiveMessage | TransportError] = asyncio.Queue()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._joined = 0
        self._replayed = self._known_again = 0
        self._client: AsyncRealtimeClient | None = None
        self._channel: AsyncRealtimeChannel | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Join the channel. Raises TransportError."""
        import logging

        from realtime import AsyncRealtimeClient

        # It says in its log what is told below by an error, or mended by itself.
        logging.getLogger("realtime").setLevel(logging.CRITICAL)
        self._client = AsyncRealtimeClient(
            f"{self._transport.url}/realtime/v1", self._transport.key, max_retries=RETRIES, timeout=int(JOIN_SECONDS)
        )
        if (token := await asyncio.to_thread(self._token)) is not None:
            await self._client.set_auth(token)
        options: Any = {
            "config": {
                "private": True,
                # Since the first of January 1970: no clock of ours is compared with the server's.
                "broadcast": {"ack": False, "self": False, "replay": {"since": 1, "limit": REPLAYED}},
                "presence": {"key": "", "enabled": False},
            }
        }
        self._channel = self._client.channel(self._topic, options)
        self._channel.on_broadcast("*", self._heard)  # type: ignore[arg-type]
        try:
            await self._channel.subscribe(self._changed)
        except Exception as error:
            raise TransportError(f"{self._transport.url} does not serve Realtime ({type(error).__name__}).") from error
        self._renewing = asyncio.create_task(self._renew())

    async def next(self) -> LiveMessage:
        """Wait for the next message. Raises TransportError."""
        news = await self._news.get()
        if isinstance(news, TransportError):
            raise news
        return news

    async def close(self) -> None:
        """Leave."""
        if self._renewing is not None:
            self._renewing.cancel()
        if self._client is not None:
            with contextlib.suppress(Exception):
                await self._client.close()

    def _token(self) -> str | None:
        session = self._transport.session
        return session.access_token() if session is not None else None

    async def _renew(self) -> None:
        """Show Realtime each new token before the one that it knows expires."""
        shown = self._client.access_token if self._client else None
        while True:
            await asyncio.sleep(RENEW_EVERY)
            try:
                token = await asyncio.to_thread(self._token)
            except TransportError as error:
                self._news.put_nowait(error)
                return
            if token is not None and token != shown and self._client is not None:
                shown = token
                with contextlib.suppress(Exception):
                    await self._client.set_auth(token)

    def _changed(self, state: RealtimeSubscribeStates, error: Exception | None) -> None:
        said = str(error or "")
        if state == "SUBSCRIBED":
            self._joined += 1
            self._replayed = self._known_again = 0
        elif state == "CLOSED" or any(reason in said for reason in ("Unauthorized", "InvalidJWT", "permissions")):
            self._news.put_nowait(TransportError(f"{self._topic} may not be listened to, or not any more."))

    def _heard(self, message: dict[str, Any]) -> None:
        id_ = str(message.get("meta", {}).get("id", ""))
        is_known = id_ in self._known
        self._known[id_] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        if message.get("meta", {}).get("replayed"):
            self._replayed += 1
            self._known_again += is_known
            # What was before the first join is no news.
            if self._joined == 1:
                return
            if self._replayed == REPLAYED and self._known_again == 0:
                self._news.put_nowait(LiveMessage("missed", {}))
        if not is_known:
            payload = {name: value for name, value in message["payload"].items() if name != "id"}
            self._news.put_nowait(LiveMessage(message["event"], payload))
