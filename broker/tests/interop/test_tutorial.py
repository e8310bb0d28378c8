"""The tutorial's programs with MQTT.js, as they stand in tutorial/, in their real rhythm of 3 s."""

import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import broker as brokers
from harness.broker import Address, Settings
from harness.paho_client import Client
from harness.program import Program

TUTORIAL = Path(__file__).parent / "tutorial"
TUTORIAL_PORT = 1883
TEMPERATURE = re.compile(r"([1-9]|[1-3][0-9]|40)")


def node(name: str, url: str | None) -> Program:
    """Starts one of the programs; without a URL it takes its own default."""
    environment = {"MQTT_URL": url} if url else {"MQTT_URL": ""}
    return Program(["node", str(TUTORIAL / f"{name}.js")], environment=environment)


def clear(address: Address) -> None:
    """`temperature` is the one Topic Name that tests share."""
    with Client(address) as client:
        client.deliver("temperature", b"", 1, retain=True)


@pytest.fixture
def tutorial_address(address: Address) -> Iterator[Address]:
    clear(address)
    yield address
    clear(address)


def displays_show_what_the_sensor_sends(url: str | None) -> None:
    """One sensor, two displays; the second one is late and begins with the retained value."""
    with ExitStack() as stack:
        early = stack.enter_context(node("display", url))
        early.wait_for_line(lambda line: line == "subscribed", "subscribed")
        sensor = stack.enter_context(node("sensor", url))
        first = sensor.wait_for_line(lambda line: line.startswith("sent "), "a temperature")
        assert TEMPERATURE.fullmatch(first.removeprefix("sent "))
        shown = first.replace("sent", "temperature")
        early.wait_for_line(lambda line: line == shown, shown)

        late = stack.enter_context(node("display", url))
        late.wait_for_line(lambda line: line == shown, f"the retained {shown}")

        both = sensor.wait_for_lines(lambda line: line.startswith("sent "), 2, "2 temperatures")
        expected = [line.replace("sent", "temperature") for line in both]
        for display in (early, late):
            lines = display.wait_for_lines(
                lambda line: line.startswith("temperature "), 2, "2 temperatures"
            )
            assert lines == expected


def test_sensor_and_displays(tutorial_address: Address) -> None:
    displays_show_what_the_sensor_sends(tutorial_address.url)


def test_unchanged_on_the_standard_port(settings: Settings) -> None:
    """No setting at all: the programs find the broker where the tutorial has it."""
    if settings.command is None:
        pytest.skip("the broker under test is not started here")
    if not brokers.is_free(TUTORIAL_PORT):
        pytest.skip("port 1883 is taken")
    with brokers.start(settings.command, TUTORIAL_PORT):
        displays_show_what_the_sensor_sends(None)


def test_the_server_of_the_tutorial(settings: Settings) -> None:
    """The embedded server tells what happens and publishes to `other` from inside."""
    if settings.temperature_server is None:
        pytest.skip("TEMPERATURE_SERVER names no program")
    port = brokers.free_port()
    address = Address("localhost", port)
    command = shlex.split(settings.temperature_server.replace("{port}", str(port)))
    with ExitStack() as stack:
        server = stack.enter_context(Program(command))
        server.wait_for_line(lambda line: line.startswith("ready"), "ready")
        other = stack.enter_context(node("other", address.url))
        other.wait_for_line(lambda line: line == "subscribed", "subscribed")
        display = stack.enter_context(node("display", address.url))
        display.wait_for_line(lambda line: line == "subscribed", "subscribed")
        sensor = stack.enter_context(node("sensor", address.url))

        sent = sensor.wait_for_line(lambda line: line.startswith("sent "), "a temperature")
        value = sent.removeprefix("sent ")
        display.wait_for_line(lambda line: line == f"temperature {value}", f"temperature {value}")
        other.wait_for_line(
            lambda line: re.fullmatch(rf"other .*\b{value}", line) is not None, "its answer"
        )

        connected = server.wait_for_lines(
            lambda line: line.startswith("client connected "), 3, "3 clients"
        )
        identifiers = {line.removeprefix("client connected ") for line in connected}
        assert len(identifiers) == 3
        published = server.wait_for_line(
            lambda line: line.startswith(f"published temperature {value} by "), "the publication"
        )
        assert published.rsplit(" by ", 1)[1] in identifiers
