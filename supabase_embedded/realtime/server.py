"""Sockets and channels: who listens to which topic, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import http
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg_pool import PoolTimeout
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from supabase_embedded.realtime.database import Database, Message, Snapshot
from supabase_embedded.realtime.frames import VERSIONS, Frame, FrameError, decoded
from supabase_embedded.storage.errors import Refusal
from supabase_embedded.storage.tokens import Tokens

log = logging.getLogger("embedded.realtime")

#: Sockets at once, channels of one, joins and renewals of one in ten seconds, and other messages of one in a second.
MOST_SOCKETS = 4000
MOST_CHANNELS = 100
MOST_JOINS = 200
MOST_MESSAGES = 300

#: The largest message of a client, and what may wait for a client that reads slowly, in bytes.
LARGEST_FRAME = 64 << 10
MOST_UNREAD = 512 << 10
#: What may wait for the answer to a join, in messages.
MOST_HELD = 500

#: The most messages that a join replays, as hosted.
MOST_REPLAYED = 25

#: How often tokens are looked at, in seconds: an open channel ends so long after its token at most.
EXPIRY_EVERY = 1.0

_PREFIX = "realtime:"


@dataclass(eq=False)
class Channel:
    """One topic on one socket.

    ``held`` are the messages that come before the join is answered. ``saw`` is what its answer saw: what was committed
    before is replayed or past, and the feed may still be about to bring it.
    """

    topic: str
    join_ref: str | None
    expires: float | None = None
    held: list[Message] | None = field(default_factory=list)
    saw: Snapshot | None = None


@dataclass(eq=False)
class Socket:
    """A connection: its serializer, the claims that the API key stands for, and its channels by topic."""

    connection: ServerConnection
    version: str
    key_claims: dict[str, Any]
    channels: dict[str, Channel] = field(default_factory=dict)

    def send(self, frame: Frame) -> None:
        """Send without waiting; a client that does not read is given up."""
        self.send_text(frame.encoded(self.version))

    def send_text(self, text: str) -> None:
        """Send what is encoded already."""
        broadcast([self.connection], text)
        self.give_up_slow()

    def give_up_slow(self) -> None:
        """Cut the connection when too much waits in it."""
        transport = self.connection.transport
        if transport.get_write_buffer_size() > MOST_UNREAD:
            log.warning("a client that does not read was disconnected")
            transport.abort()


class Allowance:
    """So many in so many seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._left, self._until = most, 0.0

    def take(self) -> bool:
        """Whether there is one left."""
        now = time.monotonic()
        if now >= self._until:
            self._left, self._until = self._most, now + self._seconds
        self._left -= 1
        return self._left >= 0


class Server:
    """Every socket, and every topic's channels."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens
        self._sockets: set[Socket] = set()
        self._topics: dict[str, dict[Channel, Socket]] = {}

    # -- connecting

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request that opens no socket; None goes on to open it."""
        address = urlsplit(request.path)
        if address.path == "/health":
            well = await self._database.answers()
            return connection.respond(
                http.HTTPStatus.OK if well else http.HTTPStatus.SERVICE_UNAVAILABLE, f"{len(self._sockets)} sockets\n"
            )
        if address.path != "/websocket":
            return connection.respond(http.HTTPStatus.NOT_FOUND, "Realtime is reached by WebSocket at /websocket\n")
        if self._version(address.query) is None:
            return connection.respond(http.HTTPStatus.BAD_REQUEST, f"vsn is one of {', '.join(VERSIONS)}\n")
        if len(self._sockets) >= MOST_SOCKETS:
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections\n")
        try:
            self._tokens.claims_of(request.headers.get("authorization", ""))
        except Refusal:
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "No valid API key\n")
        return None

    @staticmethod
    def _version(query: str) -> str | None:
        asked = parse_qs(query).get("vsn", ["1.0.0"])[-1]
        return asked if asked in VERSIONS else None

    async def serve(self, connection: ServerConnection) -> None:
        """Answer a client until it goes."""
        request = connection.request
        assert request is not None
        claims = self._tokens.claims_of(request.headers.get("authorization", ""))
        version = self._version(urlsplit(request.path).query)
        assert version is not None
        socket = Socket(connection, version, {"role": claims.get("role")})
        joins, messages = Allowance(MOST_JOINS, 10), Allowance(MOST_MESSAGES, 1)
        self._sockets.add(socket)
        try:
            async for data in connection:
                try:
                    frame = decoded(data, version)
                except FrameError:
                    await connection.close(1003, "not a message of this protocol")
                    return
                if not messages.take():
                    await connection.close(1008, "too many messages")
                    return
                await self._handle(socket, frame, joins)
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)
            for channel in list(socket.channels.values()):
                self._remove(socket, channel)

    # -- what clients say

    async def _handle(self, socket: Socket, frame: Frame, joins: Allowance) -> None:
        if frame.topic == "phoenix":
            if frame.event == "heartbeat":
                socket.send(_reply(frame, {}))
            return
        channel = socket.channels.get(frame.topic)
        match frame.event:
            case "phx_join":
                if not joins.take():
                    socket.send(_refusal(frame, "ClientJoinRateLimitReached: Too many joins per second"))
                else:
                    await self._join(socket, frame)
            case "phx_leave":
                if channel:
                    self._remove(socket, channel)
                socket.send(_reply(frame, {}))
                socket.send(Frame(frame.topic, "phx_close", {}, frame.join_ref, frame.join_ref))
            case "access_token":
                token = frame.payload.get("access_token")
                if channel and isinstance(token, str):
                    if joins.take():
                        await self._renew(socket, channel, token)
                    else:
                        self._close(socket, channel, "ClientJoinRateLimitReached: Too many tokens per second")
            case "broadcast":
                socket.send(_refusal(frame, "Unauthorized: Clients do not broadcast here, the database does"))
            case "presence":
                socket.send(_refusal(frame, "Unauthorized: Presence is not shared here"))
            case _:
                socket.send(_refusal(frame, "unmatched topic" if channel is None else "unknown event"))

    async def _join(self, socket: Socket, frame: Frame) -> None:
        config = frame.payload.get("config")
        config = config if isinstance(config, dict) else {}
        options = config.get("broadcast")
        replay = options.get("replay") if isinstance(options, dict) else None
        presence = config.get("presence")
        topic = frame.topic.removeprefix(_PREFIX)
        if not frame.topic.startswith(_PREFIX) or not topic or len(topic) > 255 or "\0" in topic:
            socket.send(_refusal(frame, "unmatched topic"))
            return
        if before := socket.channels.get(frame.topic):
            # As Phoenix: the later join of a topic takes the place of the one before.
            self._remove(socket, before)
            socket.send(Frame(frame.topic, "phx_close", {}, before.join_ref, before.join_ref))
        if len(socket.channels) >= MOST_CHANNELS:
            socket.send(_refusal(frame, "ChannelRateLimitReached: Too many channels"))
            return
        if not config.get("private"):
            socket.send(_refusal(frame, "PrivateOnly: This project only allows private channels"))
            return
        if isinstance(presence, dict) and presence.get("enabled"):
            socket.send(_refusal(frame, "Unauthorized: Presence is not shared here"))
            return
        if config.get("postgres_changes"):
            socket.send(_refusal(frame, "Unauthorized: Changes of tables are not served here, broadcasts are"))
            return
        since, limit = _replay(replay)
        if limit < 0:
            socket.send(_refusal(frame, "UnableToReplayMessages: Replay params are not valid"))
            return
        try:
            claims, expires = self._claims(socket, frame.payload.get("access_token"))
        except Refusal as refusal:
            socket.send(_refusal(frame, f"InvalidJWTToken: {refusal.message}"))
            return
        channel = Channel(frame.topic, frame.join_ref, expires)
        # From here on its messages are held: none falls between what is replayed and what follows.
        socket.channels[frame.topic] = channel
        self._topics.setdefault(topic, {})[channel] = socket
        try:
            allowed = await self._database.may_read(claims, topic, since=since, limit=limit)
        except (psycopg.Error, PoolTimeout, OSError) as error:
            log.warning("a join could not be answered: %s", type(error).__name__)
            self._remove(socket, channel)
            socket.send(_refusal(frame, "DatabaseConnectionRateLimitReached: The database does not answer"))
            return
        except BaseException:
            self._remove(socket, channel)
            raise
        if allowed is None:
            self._remove(socket, channel)
            socket.send(
                _refusal(frame, f"Unauthorized: You do not have permissions to read from this Channel topic: {topic}")
            )
            return
        channel.saw, missed = allowed
        held, channel.held = channel.held or [], None
        socket.send(_reply(frame, {"postgres_changes": []}))
        for message in missed:
            socket.send(_broadcast(message, replayed=True))
        for message in held:
            if not channel.saw.saw(message.transaction_id):
                socket.send(_broadcast(message))

    async def _renew(self, socket: Socket, channel: Channel, token: str) -> None:
        """Ask again with a new token, and close the channel of whoever may no longer listen."""
        try:
            claims, expires = self._claims(socket, token)
            if await self._database.may_read(claims, channel.topic.removeprefix(_PREFIX)) is None:
                self._close(socket, channel, "You do not have permissions to read from this Channel topic")
            else:
                channel.expires = expires
        except Refusal as refusal:
            self._close(socket, channel, f"InvalidJWTToken: {refusal.message}")
        except (psycopg.Error, PoolTimeout, OSError):
            self._close(socket, channel, "The database does not answer")

    def _claims(self, socket: Socket, token: object) -> tuple[dict[str, Any], float | None]:
        """The claims of a token and when it expires; an API key, or none, stands for the socket's. Raises Refusal."""
        if not isinstance(token, str) or not token or token.startswith("sb_"):
            return socket.key_claims, None
        claims = self._tokens.claims_of(f"Bearer {token}")
        return claims, float(claims["exp"])

    # -- what happens to channels

    def _remove(self, socket: Socket, channel: Channel) -> None:
        if socket.channels.get(channel.topic) is channel:
            del socket.channels[channel.topic]
        topic = channel.topic.removeprefix(_PREFIX)
        if channels := self._topics.get(topic):
            channels.pop(channel, None)
            if not channels:
                del self._topics[topic]

    def _close(self, socket: Socket, channel: Channel, why: str) -> None:
        self._remove(socket, channel)
        said = {
            "extension": "system",
            "status": "error",
            "message": why,
            "channel": channel.topic.removeprefix(_PREFIX),
        }
        socket.send(Frame(channel.topic, "system", said, None, channel.join_ref))
        socket.send(Frame(channel.topic, "phx_close", {}, channel.join_ref, channel.join_ref))

    async def end_expired(self) -> None:
        """Close, for ever, the channels whose tokens have expired."""
        while True:
            await asyncio.sleep(EXPIRY_EVERY)
            now = time.time()
            for socket in list(self._sockets):
                for channel in list(socket.channels.values()):
                    if channel.expires is not None and channel.expires <= now:
                        self._close(socket, channel, "InvalidJWTToken: Token has expired")

    async def close_all(self) -> None:
        """End every connection: what was missed is not known, and clients join again."""
        for socket in list(self._sockets):
            with contextlib.suppress(ConnectionClosed):
                await socket.connection.close(1012, "restart")

    def deliver(self, messages: Sequence[Message]) -> None:
        """Send messages to whoever listens to their topics, each encoded once for each version."""
        for message in messages:
            channels = self._topics.get(message.topic)
            if not channels:
                continue
            ready: dict[str, list[Socket]] = {}
            for channel, socket in channels.items():
                if channel.held is None:
                    if channel.saw is None or not channel.saw.saw(message.transaction_id):
                        ready.setdefault(socket.version, []).append(socket)
                elif len(channel.held) < MOST_HELD:
                    channel.held.append(message)
                else:
                    socket.connection.transport.abort()
            frame = _broadcast(message)
            for version, sockets in ready.items():
                broadcast([socket.connection for socket in sockets], frame.encoded(version))
                for socket in sockets:
                    socket.give_up_slow()


def _reply(frame: Frame, response: dict[str, Any], status: str = "ok") -> Frame:
    join_ref = frame.join_ref or (frame.ref if frame.event == "phx_join" else None)
    return Frame(frame.topic, "phx_reply", {"status": status, "response": response}, frame.ref, join_ref)


def _refusal(frame: Frame, reason: str) -> Frame:
    return _reply(frame, {"reason": reason}, "error")


def _broadcast(message: Message, *, replayed: bool = False) -> Frame:
    meta: dict[str, Any] = {"id": message.id} | ({"replayed": True} if replayed else {})
    payload = {"type": "broadcast", "event": message.event, "payload": message.payload, "meta": meta}
    return Frame(_PREFIX + message.topic, "broadcast", payload)


def _replay(asked: object) -> tuple[float | None, int]:
    """Since when (seconds) and how many at most; a limit below zero for what is no replay."""
    if asked is None:
        return None, 0
    if not isinstance(asked, dict):
        return None, -1
    since, limit = asked.get("since"), asked.get("limit", MOST_REPLAYED)
    numbers = (isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n < 1e14 for n in (since, limit))
    if not all(numbers) or limit < 1:
        return None, -1
    assert isinstance(since, int | float)
    return since / 1000, min(int(limit), MOST_REPLAYED)
