"""How tests wait: for a condition, never for seconds, so that none depends on how fast or how busy the machine is.

LIMIT only ends a test that would never end. Nothing may hang on its length; tests/support/test_waiting.py looks for
other limits, and for sleeps.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: The one time limit of the tests, in seconds.
LIMIT = 300


def wait_until(condition: Callable[[], bool], otherwise: Callable[[], object] = lambda: "it never happened") -> None:
    """Wait until the condition holds. ``otherwise`` is what to say of a wait without end."""
    until = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < until, otherwise()
        time.sleep(0.02)


def join(*threads: threading.Thread) -> None:
    """Wait for threads to end."""
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive(), "a thread did not come to an end"


def pause(seconds: float) -> None:
    """Let others go on for a moment. It only mixes what happens at once: the test must be right in every order."""
    time.sleep(seconds)
