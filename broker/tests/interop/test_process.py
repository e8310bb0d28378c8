"""The process: signals, exit statuses, a port in use. Only for the binary of this repository."""

import shlex
import signal
import socket

import pytest

from harness import broker as brokers
from harness.broker import Address, Settings
from harness.paho_client import Client
from harness.program import Program
from harness.waiting import poll

pytestmark = pytest.mark.process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_a_signal_closes_the_connections_and_ends_with_0(
    settings: Settings, topic: str, number: signal.Signals
) -> None:
    assert settings.command
    port = brokers.free_port()
    with brokers.start(settings.command, port) as program:
        clients = [Client(Address("localhost", port)).connect() for _ in range(5)]
        clients[0].subscribe((topic, 1))
        assert program.stop(number) == 0, program.errors[-5:]
        for client in clients:
            client.wait_until_closed()
            client.disconnect()
        poll(lambda: brokers.is_free(port), lambda: f"port {port} is still taken")


def test_a_port_in_use_is_one_line_and_status_3(settings: Settings) -> None:
    assert settings.command
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = shlex.split(settings.command.replace("{port}", str(port)))
        with Program(command) as program:
            assert program.wait_for_exit() == 3
            assert program.lines == []
            (line,) = program.errors
            assert str(port) in line
            assert "in use" in line


def test_help_and_usage(settings: Settings) -> None:
    assert settings.command
    binary = shlex.split(settings.command)[0]
    with Program([binary, "--help"]) as program:
        assert program.wait_for_exit() == 0
        assert any("--port" in line for line in program.lines)
    with Program([binary, "--no-such-option"]) as program:
        assert program.wait_for_exit() == 2
        assert program.lines == []
