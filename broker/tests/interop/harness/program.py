"""A program in the background whose lines are read while it runs."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from .waiting import DEADLINE_SECONDS, Signal


class Program:
    """Starts `command`; its standard output and error are kept as lines, in the order of each.

    A context manager: on exit the program is killed when it still runs.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: dict[str, str] | None = None,
        directory: Path | None = None,
        standard_input: bool = False,
    ) -> None:
        self.command = list(command)
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._signal = Signal()
        self._open_streams = 2
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE if standard_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            cwd=directory,
            env={**os.environ, **(environment or {})},
        )
        for stream, lines in (
            (self.process.stdout, self.lines),
            (self.process.stderr, self.errors),
        ):
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()

    def _read(self, stream: TextIO, lines: list[str]) -> None:
        for line in stream:
            with self._signal:
                lines.append(line.rstrip("\n"))
        with self._signal:
            self._open_streams -= 1

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE_SECONDS)
        if self.process.stdin:
            self.process.stdin.close()

    def wait_for_line(self, matches: Callable[[str], bool], what: str) -> str:
        """The first line of standard output that matches."""
        return self.wait_for_lines(matches, 1, what)[0]

    def wait_for_lines(self, matches: Callable[[str], bool], count: int, what: str) -> list[str]:
        """The first `count` lines of standard output that match; fails when the program ends."""

        def found() -> list[str]:
            return [line for line in self.lines if matches(line)]

        self._signal.wait(
            lambda: len(found()) >= count or self._open_streams == 0,
            lambda: self._missing(what),
        )
        if len(found()) < count:
            raise AssertionError(f"{self.command[0]} ended: {self._missing(what)}")
        return found()[:count]

    def _missing(self, what: str) -> str:
        output = "\n".join(self.lines[-20:] + self.errors[-20:])
        return f"{' '.join(self.command)} did not print {what}; its last lines:\n{output}"

    def wait_for_exit(self) -> int:
        """The exit status; all lines have been read when it returns."""
        status = self.process.wait(DEADLINE_SECONDS)
        self._signal.wait(lambda: self._open_streams == 0, lambda: "its output to end")
        return status

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends the signal and returns the exit status."""
        self.process.send_signal(number)
        return self.wait_for_exit()
