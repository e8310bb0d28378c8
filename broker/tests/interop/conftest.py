"""The broker of the session, and what a report of a failure shows of it."""

import uuid
from collections.abc import Iterator

import pytest

from deviations import DEVIATIONS
from harness import broker as brokers
from harness import matrix
from harness.broker import Address, Settings
from harness.program import Program

SETTINGS = Settings.from_environment()
_running: Program | None = None


def pytest_report_header() -> str:
    return f"broker under test: {SETTINGS.command or SETTINGS.name}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what is Kelvin's own promise, and marks the known deviations of other brokers."""
    deviations = DEVIATIONS.get(SETTINGS.name, {})
    for item in items:
        if item.get_closest_marker("process") and not SETTINGS.is_kelvin:
            item.add_marker(pytest.mark.skip(reason="a promise of Kelvin's own binary"))
        name = item.nodeid.split("/")[-1]
        if reason := deviations.get(name):
            item.add_marker(pytest.mark.xfail(reason=reason))


@pytest.fixture(scope="session")
def settings() -> Settings:
    return SETTINGS


@pytest.fixture(scope="session")
def address() -> Iterator[Address]:
    """Where the broker under test listens; started here unless it runs already."""
    global _running
    if SETTINGS.command is None:
        yield Address(SETTINGS.host, SETTINGS.port or 0)
        return
    port = brokers.free_port()
    with brokers.start(SETTINGS.command, port) as program:
        _running = program
        yield Address("localhost", port)
        died = program.process.poll()
        assert died is None, f"the broker ended by itself with status {died}"
        status = program.stop()
        if SETTINGS.is_kelvin:
            assert status == 0, f"status {status} on SIGTERM:\n" + "\n".join(program.errors[-20:])


@pytest.fixture
def topic() -> str:
    """The root of Topic Names that no other test and no other run uses."""
    return f"interop/{uuid.uuid4().hex[:12]}"


@pytest.fixture(autouse=True)
def broker_survives(address: Address) -> Iterator[None]:
    """No test may bring the broker down."""
    yield
    if _running is not None:
        died = _running.process.poll()
        assert died is None, f"the broker ended with status {died}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """On a failure, adds what the broker printed during the test."""
    broker = _running
    lines_before, errors_before = (len(broker.lines), len(broker.errors)) if broker else (0, 0)
    try:
        return (yield)
    except BaseException:
        if broker:
            printed = broker.lines[lines_before:] + broker.errors[errors_before:]
            item.add_report_section("call", "broker", "\n".join(printed[-60:]))
        raise


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The matrix, as one table."""
    runs = config.stash.get(matrix.RUNS, None)
    if runs is None:
        return
    table = matrix.rows(runs)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    terminalreporter.section("clients, transports, versions of MQTT")
    for row in table:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        terminalreporter.write_line("  ".join(cells).rstrip())
