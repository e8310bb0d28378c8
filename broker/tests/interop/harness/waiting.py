"""Waiting with a deadline for a condition: the only way that this suite waits."""

import threading
import time
from collections.abc import Callable

# Generous: a test that passes never comes near it, and a busy machine must not fail one.
DEADLINE_SECONDS = 10.0


class Late(AssertionError):
    """The condition did not hold before the deadline."""


class Signal:
    """A lock over state that other threads change inside `with`, and that a test waits for."""

    def __init__(self) -> None:
        self._condition = threading.Condition()

    def __enter__(self) -> "Signal":
        self._condition.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._condition.notify_all()
        self._condition.release()

    def wait(
        self,
        holds: Callable[[], bool],
        missing: Callable[[], str],
        seconds: float = DEADLINE_SECONDS,
    ) -> None:
        """Returns once `holds()`; raises `Late` with the text of `missing()` otherwise."""
        with self._condition:
            if not self._condition.wait_for(holds, seconds):
                raise Late(f"after {seconds:.0f} s: {missing()}")


def poll(
    attempt: Callable[[], bool],
    missing: Callable[[], str],
    seconds: float = DEADLINE_SECONDS,
    pause_seconds: float = 0.02,
) -> None:
    """For what cannot signal, such as a port that begins to accept: tries until it holds."""
    end = time.monotonic() + seconds
    while not attempt():
        if time.monotonic() > end:
            raise Late(f"after {seconds:.0f} s: {missing()}")
        time.sleep(pause_seconds)
