"""Topic Filters, wildcards, `$` topics, SUBSCRIBE, UNSUBSCRIBE (MQTT 3.1.1, 3.8 to 3.11, 4.7)."""

import pytest

from harness.broker import Address
from harness.paho_client import Client

# Filter and Topic Name below the root of the test, and whether they match (4.7.1).
CASES = [
    ("sport/tennis", "sport/tennis", True),
    ("sport/tennis", "sport/Tennis", False),
    ("sport/#", "sport", True),
    ("sport/#", "sport/", True),
    ("sport/#", "sport/tennis/player/ranking", True),
    ("sport/#", "sports", False),
    ("sport/+", "sport", False),
    ("sport/+", "sport/", True),
    ("sport/+", "sport/tennis", True),
    ("sport/+", "sport/tennis/player", False),
    ("+/tennis/+", "sport/tennis/player", True),
    ("+/tennis/#", "sport/tennis", True),
    ("+", "sport", True),
    ("+/+", "/finance", True),
    ("/+", "/finance", True),
    ("+", "/finance", False),
    ("a//b", "a//b", True),
    ("a/+/b", "a//b", True),
    ("a//b", "a/b", False),
    ("°/+", "°/grün", True),
]


@pytest.mark.parametrize(("pattern", "name", "matches"), CASES)
def test_matching(address: Address, topic: str, pattern: str, name: str, matches: bool) -> None:
    with Client(address) as client:
        client.subscribe((f"{topic}/{pattern}", 1))
        client.deliver(f"{topic}/{name}", b"x", 1)
        arrived = [message.topic for message in client.receive_until_marker(client)]
        assert arrived == ([f"{topic}/{name}"] if matches else [])


@pytest.mark.parametrize("pattern", ["#", "+/+", "+/#"])
def test_wildcards_do_not_reach_dollar_topics(address: Address, topic: str, pattern: str) -> None:
    """[MQTT-4.7.2-1]; whether a client may publish to such a topic is up to the broker."""
    name = "$interop/" + topic.rsplit("/", 1)[1]
    plain = name.removeprefix("$")
    with Client(address) as publisher, Client(address) as subscriber:
        subscriber.subscribe((pattern, 1))
        publisher.publish(name, b"hidden", 0)
        publisher.deliver(plain, b"seen", 1)
        subscriber.receive()
        while subscriber.received[-1].topic != plain:
            subscriber.receive()
        assert [m.topic for m in subscriber.received if m.topic.startswith("$")] == []


@pytest.mark.parametrize("qos", [(0, 2), (2, 0), (1, 2), (2, 1)], ids="{0[0]}-{0[1]}".format)
def test_overlapping_filters_keep_the_highest_qos(
    address: Address, topic: str, qos: tuple[int, int]
) -> None:
    """[MQTT-3.3.5-1]; further copies are allowed, at the QoS of theirs."""
    with Client(address) as publisher, Client(address) as subscriber:
        subscriber.subscribe((topic + "/#", qos[0]), (topic + "/+", qos[1]))
        publisher.deliver(topic + "/x", b"x", 2)
        messages = subscriber.receive() + subscriber.receive_until_marker(publisher, qos=2)
        assert max(message.qos for message in messages) == 2
        assert len(messages) <= 2


def test_subscribing_again_replaces_the_qos(address: Address, topic: str) -> None:
    """[MQTT-3.8.4-3]"""
    with Client(address) as client:
        for qos in (2, 0, 1):
            assert client.subscribe((topic, qos)) == [qos]
            client.deliver(topic, b"x", 2)
            assert [message.qos for message in client.receive()] == [qos]
        assert client.receive_until_marker(client, qos=2) == []


def test_many_filters_in_one_packet(address: Address, topic: str) -> None:
    """[MQTT-3.8.4-5]: one return code for each, in their order."""
    filters = [(f"{topic}/{number}", number % 3) for number in range(100)]
    with Client(address) as client:
        assert client.subscribe(*filters) == [qos for _, qos in filters]


def test_unsubscribe(address: Address, topic: str) -> None:
    """[MQTT-3.10.4-1] to [MQTT-3.10.4-6]"""
    with Client(address) as publisher, Client(address) as subscriber:
        subscriber.subscribe((topic + "/+", 1), (topic + "/a", 1), (topic + "/b", 1))
        subscriber.unsubscribe(topic + "/+", topic + "/never-subscribed")
        publisher.deliver(topic + "/c", b"c", 1)
        publisher.deliver(topic + "/a", b"a", 1)
        arrived = subscriber.receive_until_marker(publisher)
        assert [message.payload for message in arrived] == [b"a"]
        subscriber.unsubscribe(topic + "/a", topic + "/b")
        publisher.deliver(topic + "/a", b"a", 1)
        publisher.deliver(topic + "/b", b"b", 1)
        assert subscriber.receive_until_marker(publisher) == []


def test_a_filter_is_unsubscribed_character_by_character(address: Address, topic: str) -> None:
    """[MQTT-3.10.4-1]: a wildcard does not unsubscribe what it matches."""
    with Client(address) as client:
        client.subscribe((topic + "/a", 1))
        client.unsubscribe(topic + "/#", topic + "/+")
        client.deliver(topic + "/a", b"still", 1)
        assert [message.payload for message in client.receive()] == [b"still"]
