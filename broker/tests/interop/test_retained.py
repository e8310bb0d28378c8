"""Retained messages (MQTT 3.1.1, 3.3.1.3)."""

import pytest

from harness.broker import Address
from harness.paho_client import Client, Message


def values(messages: list[Message]) -> list[tuple[str, bytes, bool]]:
    return [(message.topic, message.payload, message.retain) for message in messages]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_new_subscriber_gets_the_last_value(address: Address, topic: str, qos: int) -> None:
    with Client(address) as publisher, Client(address) as subscriber:
        publisher.deliver(topic, b"20", qos, retain=True)
        publisher.deliver(topic, b"21", qos, retain=True)
        # Taken up by the broker: a QoS 0 publication has no acknowledgement of its own.
        publisher.deliver(topic + "/other", b"", 1)
        subscriber.subscribe((topic, 2))
        assert values(subscriber.receive()) == [(topic, b"21", True)]  # [MQTT-3.3.1-8]
        assert subscriber.received[0].qos == qos
        assert subscriber.receive_until_marker(publisher, qos=2) == []
        publisher.deliver(topic, b"", 1, retain=True)


def test_an_established_subscription_gets_it_with_retain_0(address: Address, topic: str) -> None:
    """[MQTT-3.3.1-9]"""
    with Client(address) as publisher, Client(address) as subscriber:
        subscriber.subscribe((topic, 1))
        publisher.deliver(topic, b"live", 1, retain=True)
        assert values(subscriber.receive()) == [(topic, b"live", False)]
        publisher.deliver(topic, b"", 1, retain=True)
        assert values(subscriber.receive()) == [(topic, b"", False)]


def test_an_empty_payload_deletes(address: Address, topic: str) -> None:
    """[MQTT-3.3.1-10], [MQTT-3.3.1-11]"""
    with Client(address) as publisher, Client(address) as subscriber:
        publisher.deliver(topic, b"to go", 1, retain=True)
        publisher.deliver(topic, b"", 1, retain=True)
        subscriber.subscribe((topic, 1))
        assert subscriber.receive_until_marker(publisher) == []


def test_retain_0_leaves_the_retained_message(address: Address, topic: str) -> None:
    """[MQTT-3.3.1-12]"""
    with Client(address) as publisher, Client(address) as subscriber:
        publisher.deliver(topic, b"kept", 1, retain=True)
        publisher.deliver(topic, b"passing", 1)
        publisher.deliver(topic, b"", 1)
        subscriber.subscribe((topic, 1))
        assert values(subscriber.receive()) == [(topic, b"kept", True)]
        assert subscriber.receive_until_marker(publisher) == []
        publisher.deliver(topic, b"", 1, retain=True)


@pytest.mark.parametrize("pattern", ["#", "+/temperature", "+/+", "+/#"])
def test_a_wildcard_subscription_gets_all_that_match(
    address: Address, topic: str, pattern: str
) -> None:
    rooms = [f"{topic}/{room}/temperature" for room in ("attic", "cellar", "hall")]
    with Client(address) as publisher, Client(address) as subscriber:
        for room in rooms:
            publisher.deliver(room, room.encode(), 1, retain=True)
        publisher.deliver(f"interop-other/{topic}/temperature", b"no match", 1)
        subscriber.subscribe((f"{topic}/{pattern}", 1))
        received = values(subscriber.receive(3))
        assert sorted(received) == [(room, room.encode(), True) for room in rooms]
        assert subscriber.receive_until_marker(publisher) == []
        for room in rooms:
            publisher.deliver(room, b"", 1, retain=True)


def test_subscribing_again_sends_it_again(address: Address, topic: str) -> None:
    """[MQTT-3.8.4-3]"""
    with Client(address) as publisher, Client(address) as subscriber:
        publisher.deliver(topic, b"again", 1, retain=True)
        for _ in range(3):
            subscriber.subscribe((topic, 1))
            assert values(subscriber.receive()) == [(topic, b"again", True)]
        publisher.deliver(topic, b"", 1, retain=True)


def test_outlives_its_publisher(address: Address, topic: str) -> None:
    """3.1.2.4: retained messages are not part of the session."""
    with Client(address) as publisher:
        publisher.deliver(topic, b"alone", 1, retain=True)
    with Client(address) as subscriber:
        subscriber.subscribe((topic, 1))
        assert values(subscriber.receive()) == [(topic, b"alone", True)]
        subscriber.deliver(topic, b"", 1, retain=True)


def test_a_large_one(address: Address, topic: str) -> None:
    payload = bytes(range(256)) * 1024
    with Client(address) as publisher, Client(address) as subscriber:
        publisher.deliver(topic, payload, 1, retain=True)
        subscriber.subscribe((topic, 1))
        (message,) = subscriber.receive()
        assert message.payload == payload
        publisher.deliver(topic, b"", 1, retain=True)
