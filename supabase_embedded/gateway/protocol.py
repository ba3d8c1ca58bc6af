"""HTTP as the gateway speaks it: uvicorn's, with a timeout for requests that do not arrive."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers take longer than ``seconds``, or more than ``largest`` bytes.

    When more than ``most_waiting`` connections wait for a request, the one that has waited longest is closed: whoever
    opens hundreds and begins a request on each keeps out nobody whose request arrives whole. From the headers on, the
    application watches over the body. A WebSocket is a request like any other: nothing behind the gateway speaks it,
    and the application says so.
    """

    seconds: ClassVar[float] = 20.0
    largest: ClassVar[int] = 64_000
    most_waiting: ClassVar[int] = 400
    #: Those that wait for a request, the longest first.
    waiting: ClassVar[dict[BoundedProtocol, None]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._in_headers = False
        self._unread = 0
        self._timer: asyncio.TimerHandle | None = None
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to count what comes before the body."""
        self._in_headers, self._unread = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Hand the request to the application."""
        self._in_headers = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of the headers, or of a body that was refused already, unless this was it."""
        super().data_received(data)
        self._unread += len(data)
        if self._in_headers and self._unread > self.largest:
            self.send_400_response("The headers of the request are too large.")
        elif self._is_answering():
            self._stop_waiting()
        else:
            self._wait()

    def on_response_complete(self) -> None:
        """Wait no longer than for headers for what is left of a body, or for the next request."""
        super().on_response_complete()
        if not self._is_answering():
            self._wait()

    def _is_answering(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(self.seconds, self._give_up)
            self.waiting[self] = None
            if len(self.waiting) > self.most_waiting:
                next(iter(self.waiting))._give_up()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.waiting.pop(self, None)

    def _give_up(self) -> None:
        self._stop_waiting()
        if not self._is_answering():
            self.transport.close()

    def _should_upgrade(self) -> bool:
        return False

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: the application's answer says it, and a log is no place for what anybody may try."""
