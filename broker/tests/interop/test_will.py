"""The Will Message (MQTT 3.1.1, 3.1.2.5)."""

import pytest

from harness.broker import Address
from harness.paho_client import Client, unique
from harness.raw import DISCONNECT, Connection, connect, packet, string

VIOLATIONS = {
    "second-connect": connect("second"),  # [MQTT-3.1.0-2]
    "reserved-type": b"\xf0\x00",  # 2.2.1
    "qos-3": packet(0x36, string("x") + b"\x00\x01"),  # [MQTT-3.3.1-4]
    "packet-identifier-0": packet(0x32, string("x") + b"\x00\x00"),  # [MQTT-2.3.1-1]
    "wildcard-in-a-topic-name": packet(0x30, string("a/#")),  # [MQTT-3.3.2-2]
    "not-utf-8": packet(0x30, b"\x00\x02\xc3\x28"),  # [MQTT-1.5.3-1]
    "five-byte-remaining-length": b"\x30\xff\xff\xff\xff\x01",  # 2.2.3
}


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_sent_when_the_connection_breaks(address: Address, topic: str, qos: int) -> None:
    """[MQTT-3.1.2-8]"""
    with Client(address) as subscriber:
        subscriber.subscribe((topic, 2))
        Client(address).will(topic, b"gone", qos).connect().abort()
        (message,) = subscriber.receive()
        assert (message.payload, message.qos, message.retain) == (b"gone", qos, False)
        assert subscriber.receive_until_marker(subscriber, qos=2) == []


def test_sent_when_the_connection_is_reset(address: Address, topic: str) -> None:
    with Client(address) as subscriber, Connection(address) as connection:
        subscriber.subscribe((topic, 1))
        connection.open_session(connect(unique("reset"), will=(topic, b"gone")))
        connection.reset()
        assert [message.payload for message in subscriber.receive()] == [b"gone"]


@pytest.mark.parametrize("kind", VIOLATIONS)
def test_sent_when_the_client_breaks_the_protocol(address: Address, topic: str, kind: str) -> None:
    """3.1.2.5: also when it is the Server that closes because of a protocol error."""
    with Client(address) as subscriber, Connection(address) as connection:
        subscriber.subscribe((topic, 1))
        connection.open_session(connect(unique("faulty"), will=(topic, b"gone")))
        connection.send(VIOLATIONS[kind])
        assert connection.receive_until_closed() == b""  # [MQTT-4.8.0-1]
        assert [message.payload for message in subscriber.receive()] == [b"gone"]


def test_discarded_by_disconnect(address: Address, topic: str) -> None:
    """[MQTT-3.14.4-3]"""
    client_id = unique("polite")
    with Client(address) as subscriber:
        subscriber.subscribe((topic, 1))
        with Connection(address) as connection:
            connection.open_session(connect(client_id, will=(topic, b"gone")))
            connection.send(DISCONNECT)
            assert connection.receive_until_closed() == b""
        with Client(address, client_id) as again:
            again.deliver(topic, b"after", 1)
            assert [message.payload for message in subscriber.receive()] == [b"after"]


def test_retained(address: Address, topic: str) -> None:
    """[MQTT-3.1.2-17]"""
    with Client(address) as watcher, Client(address) as late:
        watcher.subscribe((topic, 1))
        Client(address).will(topic, b"offline", 1, retain=True).connect().abort()
        assert [(m.payload, m.retain) for m in watcher.receive()] == [(b"offline", False)]
        late.subscribe((topic, 1))
        assert [(m.payload, m.retain) for m in late.receive()] == [(b"offline", True)]
        late.deliver(topic, b"", 1, retain=True)


def test_an_empty_retained_will_deletes(address: Address, topic: str) -> None:
    with Client(address) as watcher, Client(address) as late:
        watcher.deliver(topic, b"online", 1, retain=True)
        watcher.subscribe((topic, 1))
        assert [message.payload for message in watcher.receive()] == [b"online"]
        Client(address).will(topic, b"", 1, retain=True).connect().abort()
        assert [message.payload for message in watcher.receive()] == [b""]
        late.subscribe((topic, 1))
        assert late.receive_until_marker(watcher) == []
