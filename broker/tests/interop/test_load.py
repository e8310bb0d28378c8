"""Order and many of everything: messages, topics, clients (MQTT 3.1.1, 4.6)."""

import pytest

from harness.broker import Address
from harness.paho_client import Client


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_thousand_messages_keep_their_order(address: Address, topic: str, qos: int) -> None:
    """[MQTT-4.6.0-6]"""
    payloads = [str(number).encode() for number in range(1_000)]
    with Client(address) as publisher, Client(address) as subscriber:
        subscriber.subscribe((topic, qos))
        infos = [publisher.publish(topic, payload, qos) for payload in payloads]
        assert [m.payload for m in subscriber.receive(len(payloads), seconds=30)] == payloads
        publisher.delivered(*infos)
        assert subscriber.receive_until_marker(publisher, qos) == []


def test_topics_keep_their_order_beside_each_other(address: Address, topic: str) -> None:
    names = [f"{topic}/{number}" for number in range(10)]
    with Client(address) as publisher, Client(address) as subscriber:
        subscriber.subscribe((topic + "/+", 1))
        for number in range(50):
            publisher.delivered(*[publisher.publish(n, str(number).encode(), 1) for n in names])
        messages = subscriber.receive(50 * len(names))
        for name in names:
            numbers = [int(message.payload) for message in messages if message.topic == name]
            assert numbers == list(range(50)), name


def test_two_thousand_topics(address: Address, topic: str) -> None:
    """Each with a subscription of its own; the waves stay below the 1,000 that mosquitto queues."""
    names = [f"{topic}/{number % 40}/{number}" for number in range(2_000)]
    with Client(address) as publisher, Client(address) as subscriber:
        for start in range(0, len(names), 100):
            subscriber.subscribe(*[(name, 1) for name in names[start : start + 100]])
        for start in range(0, len(names), 500):
            wave = names[start : start + 500]
            publisher.delivered(*[publisher.publish(name, name.encode(), 1) for name in wave])
            messages = subscriber.receive(len(wave))
            assert sorted(message.topic for message in messages) == sorted(wave)
            assert all(message.topic.encode() == message.payload for message in messages)
        for start in range(0, len(names), 100):
            subscriber.unsubscribe(*names[start : start + 100])
        publisher.deliver(names[0], b"nobody", 1)
        assert subscriber.receive_until_marker(publisher) == []


def test_two_thousand_retained_messages(address: Address, topic: str) -> None:
    names = [f"{topic}/{number % 40}/{number}" for number in range(2_000)]
    with Client(address) as publisher:
        publisher.delivered(*[publisher.publish(n, n.encode(), 1, retain=True) for n in names])
        for group in range(40):
            with Client(address) as subscriber:
                subscriber.subscribe((f"{topic}/{group}/#", 1))
                messages = subscriber.receive(50)
                assert {message.topic for message in messages} == set(names[group::40])
                assert all(message.retain for message in messages)
        publisher.delivered(*[publisher.publish(name, b"", 1, retain=True) for name in names])
    with Client(address) as subscriber:
        subscriber.subscribe((topic + "/#", 1))
        assert subscriber.receive_until_marker(subscriber) == []


def test_two_hundred_clients_at_once(address: Address, topic: str) -> None:
    """Each publishes once and hears all: 40,000 deliveries, and nothing twice."""
    clients: list[Client] = []
    try:
        for _ in range(200):
            clients.append(Client(address).connect())
            clients[-1].subscribe((topic, len(clients) % 3))
        for index, client in enumerate(clients):
            client.publish(topic, str(index).encode(), 1)
        expected = {str(index).encode() for index in range(len(clients))}
        for client in clients:
            messages = client.receive(len(clients), seconds=30)
            assert {message.payload for message in messages} == expected
    finally:
        for client in clients:
            client.disconnect()
