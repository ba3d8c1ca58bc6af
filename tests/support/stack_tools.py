"""What the tests of the stack look at: its recorded processes, the live ones, a port taken by another program."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from supabase_embedded import Stack
from supabase_embedded.process import Process
from supabase_embedded.state import State


def processes_of(stack: Stack) -> dict[str, Process]:
    """The processes recorded in a stack's stack.json."""
    return State.read(stack.home).processes


def alive_below(home: Path) -> list[str]:
    """The command lines of live processes that work for the stack in ``home``, whoever started them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            works_in = os.readlink(entry / "cwd")
        except OSError:
            continue
        if command and (str(home) in command or works_in.startswith(str(home))):
            found.append(command)
    return found


def take(port: int) -> socket.socket:
    """Listen on a port as another program would."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener
