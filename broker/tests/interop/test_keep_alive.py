"""Keep Alive (MQTT 3.1.1, 3.1.2.10). The clock is the broker's: only early closes are timed."""

import time

from harness.broker import Address
from harness.paho_client import Client, unique
from harness.raw import PINGREQ, PINGRESP, Connection, connect


def test_a_silent_client_is_closed_and_its_will_sent(address: Address, topic: str) -> None:
    """[MQTT-3.1.2-24]"""
    with Client(address) as watcher, Connection(address) as connection:
        watcher.subscribe((topic, 1))
        packet = connect(unique("silent"), keep_alive_seconds=1, will=(topic, b"gone"))
        connection.open_session(packet)
        start = time.monotonic()
        assert connection.receive_until_closed() == b""
        assert time.monotonic() - start >= 1.0, "closed before its Keep Alive had passed"
        assert [message.payload for message in watcher.receive()] == [b"gone"]


def test_a_client_that_pings_stays_and_one_without_keep_alive_too(
    address: Address, topic: str
) -> None:
    """[MQTT-3.12.4-1]; 3 s are twice the 1.5 s that end a Keep Alive of 1 s."""
    with Connection(address) as pinging, Connection(address) as silent, Client(address) as client:
        pinging.open_session(connect(unique("pings"), keep_alive_seconds=1))
        silent.open_session(connect(unique("zero"), keep_alive_seconds=0))
        # Any Control Packet counts, not only PINGREQ.
        end = time.monotonic() + 3.0
        publish = b"\x30\x04\x00\x01x!"
        client.subscribe((topic, 1))
        while time.monotonic() < end:
            pinging.send(PINGREQ)
            assert pinging.receive(2) == PINGRESP
            time.sleep(0.5)
            pinging.send(publish)
            time.sleep(0.5)
        silent.send(PINGREQ)
        assert silent.receive(2) == PINGRESP


def test_the_library_keeps_itself_alive(address: Address, topic: str) -> None:
    """Paho pings on its own and outlives a silent client with the same Keep Alive.

    Paho looks once a second whether to ping, so below 3 s it would rightly be closed itself.
    """
    with Client(address, keep_alive_seconds=3) as client, Connection(address) as silent:
        client.subscribe((topic, 1))
        silent.open_session(connect(unique("silent"), keep_alive_seconds=3))
        assert silent.receive_until_closed() == b""
        client.deliver(topic, b"alive", 1)
        assert [message.payload for message in client.receive()] == [b"alive"]
