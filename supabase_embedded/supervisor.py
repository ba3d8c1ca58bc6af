"""The supervisor of a running stack: it starts again a service that has died, and keeps the logs short.

`python -m supabase_embedded.supervisor`, with the stack's settings as JSON in EMBEDDED_SUPERVISOR. It ends
by itself when the stack is no longer its own. A service that only does not answer is left alone: somebody may be
looking at it. `Stack.start` starts that one again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from supabase_embedded import health, process
from supabase_embedded.errors import StackError
from supabase_embedded.settings import StackSettings
from supabase_embedded.stack import Stack
from supabase_embedded.state import Ports, State

#: How often to look, in seconds, and the longest pause before trying again what fails to start.
EVERY = 1.0
LONGEST_PAUSE = 60.0

log = logging.getLogger("embedded.supervisor")


def main() -> None:
    """Watch over a stack until it is stopped."""
    settings = StackSettings.from_json(os.environ.pop("EMBEDDED_SUPERVISOR"))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    stack = Stack(settings)
    threading.Thread(target=process.keep_short, args=[stack.logs], daemon=True).start()
    if "replica" in State.read(stack.home).services:
        threading.Thread(target=pass_on_changes, args=[stack], daemon=True).start()
    pause, lately = EVERY, frozenset[str]()
    while is_ours(stack.home):
        try:
            revived = stack.revive() if has_dead(stack.home) else []
        except StackError as error:
            log.warning("%s %s", error.message, error.hint)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            for name in revived:
                log.warning("%s had ended and was started again", name)
            pause, lately = after(pause, lately, revived)
        time.sleep(pause)


def pass_on_changes(stack: Stack) -> None:
    """Have the PostgREST of the replica read the schema and the settings again when that of the primary does, for ever.

    No connection to a standby can listen. And the standby must have the change before it is read there.
    """
    import psycopg

    ports = Ports(**State.read(stack.home).data["ports"])
    while True:
        with contextlib.suppress(psycopg.Error, StackError):
            status = State.read(stack.home).status().env()
            with psycopg.connect(status["DB_URL"], autocommit=True, connect_timeout=5) as primary:
                primary.execute("listen pgrst")
                # Nobody knows what was said before.
                said = {""}
                while True:
                    changed = primary.execute("select pg_current_wal_lsn()").fetchone()
                    with psycopg.connect(status["REPLICA_DB_URL"], autocommit=True, connect_timeout=5) as replica:
                        while replica.execute("select pg_last_wal_replay_lsn() < %s::pg_lsn", changed).fetchone() == (
                            True,
                        ):
                            time.sleep(0.05)
                    found = State.read(stack.home).processes.get("postgrest_replica")
                    # One that has only begun to start would end by the signal, and reads all by itself.
                    if found is not None and health.answers("postgrest_replica", ports):
                        if said & {"", "reload config"}:
                            found.signal(signal.SIGUSR2)
                        if said & {"", "reload schema"}:
                            found.signal(signal.SIGUSR1)
                    said = {notify.payload for notify in primary.notifies(stop_after=1)}
                    said |= {notify.payload for notify in primary.notifies(timeout=0)}
        time.sleep(EVERY)


def after(pause: float, lately: frozenset[str], revived: Sequence[str]) -> tuple[float, frozenset[str]]:
    """The next pause, and who was revived lately: what dies again and again is started less and less often."""
    if lately.intersection(revived):
        pause = min(2 * pause, LONGEST_PAUSE)
    elif not revived:
        pause = max(pause / 2, EVERY)
    return pause, lately.union(revived) if revived or pause > EVERY else frozenset()


def is_ours(home: Path) -> bool:
    """Whether this process is the supervisor that the stack knows."""
    try:
        supervisor = State.read(home).processes.get("supervisor")
    except StackError:
        return False
    return supervisor is not None and supervisor.pid == os.getpid()


def has_dead(home: Path) -> bool:
    """Whether a service has ended, without taking the stack's lock to see it."""
    state = State.read(home)
    running = state.processes
    return state.complete and not all(name in running and running[name].alive for name in state.services)


if __name__ == "__main__":
    main()
