"""A line between a client and a server that loses answers on command."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class Line:
    """Passes connections on to a server. Of the next `losses` requests that name `word`, the answer is lost."""

    def __init__(self, target: str, word: str) -> None:
        address = urlsplit(target)
        self.losses = 0
        self.lost = 0
        self._target = (address.hostname or "127.0.0.1", address.port or 80)
        self._word = word.encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def accept(self) -> None:
        """Serve until the line is closed."""
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(near,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._target) as far, contextlib.suppress(OSError):
            losing = threading.Event()
            answers = threading.Thread(target=self._answer, args=(far, near, losing), daemon=True)
            answers.start()
            while sent := near.recv(65_536):
                if self.losses and self._word in sent:
                    self.losses -= 1
                    losing.set()
                far.sendall(sent)
            far.shutdown(socket.SHUT_WR)
            answers.join()

    def _answer(self, far: socket.socket, near: socket.socket, losing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while got := far.recv(65_536):
                if losing.is_set():
                    # The server has done it, and nobody learns of it.
                    self.lost += 1
                    break
                near.sendall(got)
            near.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def line_to(target: str, word: str) -> Iterator[Line]:
    """A line to the server at this address, until the block ends."""
    line = Line(target, word)
    thread = threading.Thread(target=line.accept)
    thread.start()
    try:
        yield line
    finally:
        line.close()
        thread.join()
