"""mosquitto's own broker tests, from Debian's source package, against Kelvin; see mosquitto_suite/.

A script that needs a setting which Kelvin does not have is skipped, with the setting and the reason.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from harness.broker import TARGET, Settings
from mosquitto_suite.not_applicable import NOT_APPLICABLE, UNSTEADY
from mosquitto_suite.sitecustomize import NOT_APPLICABLE_STATUS

FOLDER = Path(__file__).parent / "mosquitto_suite"
SCRIPTS = TARGET / "interop" / "mosquitto" / "test" / "broker"
# They wait more than they work.
WORKERS = 6
SCRIPT_SECONDS = 150
PORTS_EACH = 4
# Below the ports that Linux gives to clients, and apart from those of another run on the machine.
FIRST_PORT = 10_000 + os.getpid() % 22 * 1_000


def scripts() -> list[tuple[str, int]]:
    """Name and number of ports of each, from mosquitto's own list."""
    try:
        text = (SCRIPTS / "test.py").read_text()
    except FileNotFoundError:
        return []
    return [(name, int(ports)) for ports, name in re.findall(r"^    \((\d), '\./(.+?)'\)", text, re.M)]


def run(broker: str, number: int, name: str, ports: int) -> tuple[int, str]:
    """Exit status and output of one script, whose processes all end with it."""
    first = FIRST_PORT + number * PORTS_EACH
    process = subprocess.Popen(
        [sys.executable, name, *map(str, range(first, first + ports))],
        cwd=SCRIPTS,
        env={
            **os.environ,
            "KELVIN": broker,
            "PYTHONPATH": str(FOLDER),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        start_new_session=True,
    )
    try:
        output = process.communicate(timeout=SCRIPT_SECONDS)[0]
    except subprocess.TimeoutExpired:
        output = f"not done after {SCRIPT_SECONDS} s"
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return process.wait(), output


class Results:
    """What comes of each script; several run at the same time."""

    def __init__(self, broker: str, pool: ThreadPoolExecutor) -> None:
        self._arguments = {
            name: (broker, number, name, ports)
            for number, (name, ports) in enumerate(scripts())
            if name not in UNSTEADY
        }
        self._first: dict[str, Future[tuple[int, str]]] = {
            name: pool.submit(run, *arguments) for name, arguments in self._arguments.items()
        }

    def first(self, name: str) -> tuple[int, str]:
        return self._first[name].result()

    def alone(self, name: str) -> tuple[int, str]:
        """Once more, when nothing else runs."""
        wait(self._first.values())
        return run(*self._arguments[name])


@pytest.fixture(scope="module")
def results(settings: Settings) -> Iterator[Results]:
    if not settings.is_kelvin or settings.command is None:
        pytest.skip("starts Kelvin's own binary, once for each script")
    broker = Path(shlex.split(settings.command)[0]).resolve()
    with ThreadPoolExecutor(WORKERS) as pool:
        yield Results(str(broker), pool)


def test_scripts_are_there() -> None:
    assert len(scripts()) > 150, f"{SCRIPTS} has no scripts: mosquitto_suite/fetch has not run"


def test_no_reason_is_left_over() -> None:
    names = {name for name, _ in scripts()}
    assert NOT_APPLICABLE.keys() | UNSTEADY.keys() <= names


def marks(name: str) -> list[pytest.MarkDecorator]:
    if name in UNSTEADY:
        return [pytest.mark.skip(reason=UNSTEADY[name])]
    return [pytest.mark.xfail(reason=NOT_APPLICABLE[name])] if name in NOT_APPLICABLE else []


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name, _ in scripts()])
def test_script(results: Results, name: str) -> None:
    status, output = results.first(name)
    if status not in (0, NOT_APPLICABLE_STATUS) and name not in NOT_APPLICABLE:
        # Their sleeps and deadlines are short for a machine with other work; a fault is there the second time too.
        status, output = results.alone(name)
    if status == NOT_APPLICABLE_STATUS:
        pytest.skip(output.strip().splitlines()[-1])
    assert status == 0, output
