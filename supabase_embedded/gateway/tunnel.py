"""WebSockets: the gateway checks the API key of the request that opens one, then only passes bytes on, both ways."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import ClassVar

log = logging.getLogger("embedded.gateway")

#: Sockets at once; who comes after them is answered 503.
MOST_TUNNELS = 4000

#: What may wait for a side that reads slowly, in bytes, before the other side is read no more.
MOST_WAITING = 128 << 10

#: How long the service behind may take to be reached, in seconds.
CONNECT_SECONDS = 5.0


class _Side(asyncio.Protocol):
    """One end of a tunnel: what comes in goes to the other end, and its pace is the other end's."""

    def __init__(self, other: asyncio.Transport | None = None, *, lost: Callable[[], None] = lambda: None) -> None:
        self.other = other
        self._lost = lost
        self.transport: asyncio.Transport | None = None
        #: What comes before the other end is there.
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        transport.set_write_buffer_limits(high=MOST_WAITING)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)
        elif sum(map(len, self.early)) < MOST_WAITING:
            self.early.append(data)
        elif self.transport is not None:
            self.transport.abort()

    def pause_writing(self) -> None:
        if self.other is not None and not self.other.is_closing():
            self.other.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other.is_closing():
            self.other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.close()
        self._lost()


class Tunnels:
    """The open ones. ``port`` is where the service listens on this machine."""

    open: ClassVar[int] = 0
    _tasks: ClassVar[set[asyncio.Task[None]]] = set()

    @classmethod
    def begin(cls, client: asyncio.Transport, head: bytes, port: int) -> None:
        """Take a client's connection over, and send the head of its request to the service."""
        side = _Side(lost=cls._ended)
        cls.open += 1
        client.set_protocol(side)
        side.connection_made(client)
        if cls.open > MOST_TUNNELS:
            answer(client, 503, "Too many connections")
            return
        task = asyncio.get_running_loop().create_task(cls._connect(side, client, head, port))
        cls._tasks.add(task)
        task.add_done_callback(cls._tasks.discard)

    @classmethod
    def _ended(cls) -> None:
        cls.open -= 1

    @staticmethod
    async def _connect(side: _Side, client: asyncio.Transport, head: bytes, port: int) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                service, _ = await asyncio.get_running_loop().create_connection(
                    lambda: _Side(client), "127.0.0.1", port
                )
        except (OSError, TimeoutError):
            log.warning("/realtime/v1: the service does not answer")
            answer(client, 503, "The service behind this path does not answer")
            return
        if client.is_closing():
            service.close()
            return
        service.write(head + b"".join(side.early))
        side.early.clear()
        side.other = service


def answer(client: asyncio.Transport, status: int, message: str) -> None:
    """Answer the request that would have opened a socket, and close the connection."""
    body = json.dumps({"message": message}).encode()
    client.write(
        f"HTTP/1.1 {status} {message}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        "access-control-allow-origin: *\r\nconnection: close\r\n\r\n".encode()
        + body
    )
    client.close()
