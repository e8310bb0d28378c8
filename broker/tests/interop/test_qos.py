"""QoS 0, 1 and 2, in both directions, with every kind of payload (MQTT 3.1.1, 4.3)."""

import random

import pytest

from harness.broker import Address
from harness.paho_client import Client, forget_session

PAYLOADS = {
    "text": b"21",
    "utf-8": "21 °C, überall".encode(),
    "empty": b"",
    "all-bytes": bytes(range(256)),
    "not-utf-8": b"\xff\xfe\x00\xc3\x28",
    "100-kib": random.Random(100).randbytes(100 * 1024),
    "1-mib": random.Random(1).randbytes(1024 * 1024),
}


@pytest.mark.parametrize("subscribed", [0, 1, 2])
@pytest.mark.parametrize("published", [0, 1, 2])
def test_delivers_at_the_lower_qos(
    address: Address, topic: str, published: int, subscribed: int
) -> None:
    with Client(address) as publisher, Client(address) as subscriber:
        assert subscriber.subscribe((topic, subscribed)) == [subscribed]
        publisher.deliver(topic, b"21", published)
        (message,) = subscriber.receive()
        assert (message.topic, message.payload) == (topic, b"21")
        assert message.qos == min(published, subscribed)  # [MQTT-3.8.4-6]
        assert not message.dup  # [MQTT-3.3.1-1]
        assert not message.retain  # [MQTT-3.3.1-9]
        assert subscriber.receive_until_marker(publisher, qos=2) == []


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("kind", PAYLOADS)
def test_carries_the_payload_unchanged(address: Address, topic: str, kind: str, qos: int) -> None:
    payload = PAYLOADS[kind]
    with Client(address) as publisher, Client(address) as subscriber:
        subscriber.subscribe((topic, 2))
        publisher.deliver(topic, payload, qos)
        (message,) = subscriber.receive()
        assert len(message.payload) == len(payload)
        assert message.payload == payload
        assert message.qos == qos


def test_a_client_receives_what_it_publishes_itself(address: Address, topic: str) -> None:
    with Client(address) as client:
        client.subscribe((topic, 2))
        for qos in (0, 1, 2):
            client.deliver(topic, str(qos).encode(), qos)
            assert [message.payload for message in client.receive()] == [str(qos).encode()]


def test_exactly_once_between_several_publishers_and_subscribers(
    address: Address, topic: str
) -> None:
    count, publishers, subscribers = 100, [], []
    try:
        for _ in range(4):
            publishers.append(Client(address).connect())
            subscribers.append(Client(address).connect())
            subscribers[-1].subscribe((topic, 2))
        infos = [
            (publisher, publisher.publish(topic, f"{index} {number}".encode(), 2))
            for number in range(count)
            for index, publisher in enumerate(publishers)
        ]
        for publisher, info in infos:
            publisher.delivered(info)
        for subscriber in subscribers:
            received = [m.payload.split() for m in subscriber.receive(count * len(publishers))]
            for index in range(len(publishers)):
                numbers = [int(n) for i, n in received if int(i) == index]
                assert numbers == list(range(count)), f"publisher {index}"
            assert subscriber.receive_until_marker(publishers[0], qos=2) == []
    finally:
        for client in publishers + subscribers:
            client.disconnect()


def test_an_unacknowledged_message_comes_again_with_dup(address: Address, topic: str) -> None:
    """[MQTT-4.4.0-1], [MQTT-3.3.1-1]"""
    subscriber = Client(address, clean_session=False, manual_acknowledgement=True).connect()
    subscriber.subscribe((topic, 1))
    with Client(address) as publisher:
        publisher.deliver(topic, b"again", 1)
        (first,) = subscriber.receive()
        assert not first.dup
        subscriber.abort()
        resumed = Client(address, subscriber.client_id, clean_session=False)
        with resumed:
            (second,) = resumed.receive()
            assert (second.payload, second.qos, second.dup) == (b"again", 1, True)
            assert resumed.receive_until_marker(publisher) == []
    forget_session(address, subscriber.client_id)
