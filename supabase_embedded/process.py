"""Processes that outlive the command that starts them: start, recognise, stop.

A process is known by its pid and the moment it started, so that a pid given to another program is never signalled.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .errors import StackError

LOG_BYTES = 5_000_000
LOG_GENERATIONS = 2

_children: set[int] = set()


@dataclass(frozen=True)
class Process:
    """A process we started: its pid, and a token of the moment it started."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs (a zombie, or another program with the same pid, does not count)."""
        return self.started != "" and start_token(self.pid) == self.started

    def signal(self, number: int) -> None:
        """Send a signal if the process is still ours."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def start_token(pid: int) -> str:
    """A string that changes when the pid is given to another process; empty when no live process has it."""
    if pid <= 0:
        return ""
    if pid in _children:
        # Our own dead child would stay as a zombie while this Python lives.
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0]:
                _children.discard(pid)
    if sys.platform.startswith("linux"):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return ""
        fields = stat[stat.rindex(")") + 2 :].split()
        return "" if fields[0] in "ZX" else f"{_boot_id()}:{fields[19]}"
    shown = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = shown.stdout.strip().partition(" ")
    return "" if not state or state.startswith("Z") else started.strip()


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return ""


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block is done.

    By handlers and not by a signal mask: the processes started inside would inherit a mask and never stop.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda received, _: arrived.append(received))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for received in dict.fromkeys(arrived):
            signal.raise_signal(received)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path | str = "/",
    user: tuple[int, int] | None = None,
) -> Process:
    """Start a daemon in its own session, its output appended to ``log``; ``user`` is (uid, gid) to drop to.

    Call it ``uninterrupted`` until the process is noted where whoever cleans up finds it.
    """
    with open_log(log) as output:
        try:
            child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                close_fds=True,
                **drop_to(user),
            )
        except PermissionError as error:
            raise StackError(
                f"{command[0]} may not be run by the user of the stack ({error.strerror}).",
                "Check that the file is executable and that every directory above it can be entered.",
            ) from error
    # The Popen object would warn that its child still runs when it is collected; the pid is all we keep.
    child.returncode = 0
    # In this order: the token of a child of ours that has ended already would take away the exit code from `wait`.
    started = Process(child.pid, start_token(child.pid))
    _children.add(child.pid)
    return started


def drop_to(user: tuple[int, int] | None) -> dict[str, Any]:
    """The subprocess arguments that run a command as (uid, gid) with no other group."""
    return {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}


def open_log(path: Path) -> BinaryIO:
    """Open a log for appending, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def rotate(path: Path, *, in_use: bool = False) -> None:
    """Move a log that has grown past LOG_BYTES aside, keeping LOG_GENERATIONS of them.

    A log ``in_use`` stays where it is, because a process holds it open: its end is copied, and it is emptied. What is
    written between the two is lost.
    """
    if not path.exists() or path.stat().st_size < LOG_BYTES:
        return
    for generation in range(LOG_GENERATIONS, 0, -1):
        older = path.with_name(f"{path.name}.{generation}")
        newer = path if generation == 1 else path.with_name(f"{path.name}.{generation - 1}")
        if newer == path and in_use:
            _empty(path, older)
        elif newer.exists():
            newer.replace(older)


def _empty(path: Path, into: Path) -> None:
    try:
        into.unlink(missing_ok=True)
        with path.open("rb") as log, open_log(into) as copy:
            log.seek(-LOG_BYTES, os.SEEK_END)
            shutil.copyfileobj(log, copy)
    finally:
        # Also when there is no room for the copy.
        os.truncate(path, 0)


def keep_short(logs: Path, *, every: float = 5.0) -> None:
    """Rotate, for ever, the logs in a directory while they are written to."""
    while True:
        time.sleep(every)
        for path in logs.glob("*.log"):
            with contextlib.suppress(OSError):
                rotate(path, in_use=True)


def tail(path: Path, lines: int = 20) -> list[str]:
    """The last lines of a log, oldest first; empty when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 400 * max(lines, 1)))
            return log.read().decode("utf-8", "replace").splitlines()[-lines:] if lines else []
    except OSError:
        return []


def follow(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield (log, line) for every line written from now on, for ever; a log that is rotated is followed on."""
    positions = {path: path.stat().st_size for path in paths}
    while True:
        quiet = True
        for path in paths:
            with contextlib.suppress(FileNotFoundError), path.open("rb") as log:
                if os.fstat(log.fileno()).st_size < positions[path]:
                    positions[path] = 0
                log.seek(positions[path])
                for line in log:
                    if not line.endswith(b"\n"):
                        break
                    positions[path] += len(line)
                    quiet = False
                    yield path, line.decode("utf-8", "replace").rstrip("\n")
        if quiet:
            time.sleep(0.2)


def stop(process: Process, *, with_signal: int = signal.SIGTERM, seconds: float = 10.0) -> None:
    """Ask a process to end and wait; after ``seconds`` kill it. Another program with its pid is left alone."""
    process.signal(with_signal)
    if not wait_until(lambda: not process.alive, seconds):
        process.signal(signal.SIGKILL)
        wait_until(lambda: not process.alive, 5)


def wait(process: Process, seconds: float) -> int | None:
    """Wait for a child of this Python to end and give its exit code; None when it still runs after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(process.pid, os.WNOHANG)
        if done:
            _children.discard(process.pid)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    return None


def wait_until(condition: Callable[[], bool], seconds: float, *, every: float = 0.02) -> bool:
    """Poll a condition until it holds (True) or the time is over (False)."""
    deadline = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
