"""Paho for Python and aiomqtt's foundation: the matrix' scenarios over one transport."""

import functools
from collections.abc import Callable
from importlib.metadata import version as installed

import scenario
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

from harness.paho_client import Client, properties, unique

PROTOCOLS = {
    "3.1": MQTTProtocolVersion.MQTTv31,
    "3.1.1": MQTTProtocolVersion.MQTTv311,
    "5": MQTTProtocolVersion.MQTTv5,
}
Connect = Callable[..., Client]


def quality(qos: int, connect: Connect, topic: str) -> None:
    with connect() as subscriber, connect() as publisher:
        subscriber.subscribe((topic, qos))
        for payload in scenario.payloads(10):
            publisher.deliver(topic, payload, qos)
        messages = subscriber.receive(10)
        assert [message.payload for message in messages] == scenario.payloads(10)
        assert {(message.qos, message.retain) for message in messages} == {(qos, False)}


def retained(connect: Connect, topic: str) -> None:
    with connect() as publisher, connect() as late, connect() as later:
        publisher.deliver(topic, b"old", 1, retain=True)
        late.subscribe((topic, 1))
        (message,) = late.receive()
        assert (message.payload, message.qos, message.retain) == (b"old", 1, True)
        publisher.deliver(topic, b"", 1, retain=True)
        later.subscribe((topic, 1))
        publisher.deliver(topic, b"new", 1)
        (message,) = later.receive()
        assert (message.payload, message.retain) == (b"new", False)


def will(connect: Connect, topic: str) -> None:
    with connect() as watcher:
        watcher.subscribe((topic, 1))
        connect().will(topic, b"gone", 1).connect().abort()
        (message,) = watcher.receive()
        assert (message.payload, message.qos, message.retain) == (b"gone", 1, False)


def session(connect: Connect, topic: str) -> None:
    kept = {"client_id": unique("kept"), "clean_session": False}
    if connect.keywords["protocol"] == MQTTProtocolVersion.MQTTv5:
        kept["connect_properties"] = properties(PacketTypes.CONNECT, SessionExpiryInterval=300)
    with connect(**kept) as first:
        assert not first.session_present
        first.subscribe((topic, 1))
    with connect() as publisher:
        for payload in scenario.payloads(3):
            publisher.deliver(topic, payload, 1)
    with connect(**kept) as second:
        # MQTT 3.1 has no Session Present.
        if connect.keywords["protocol"] != MQTTProtocolVersion.MQTTv31:
            assert second.session_present
        assert [message.payload for message in second.receive(3)] == scenario.payloads(3)
    with connect(client_id=kept["client_id"]):
        pass


def shared(connect: Connect, topic: str) -> None:
    with connect() as one, connect() as other, connect() as publisher:
        for member in (one, other):
            member.subscribe((f"$share/group/{topic}", 1))
        for payload in scenario.payloads(20):
            publisher.deliver(topic, payload, 1)
        messages = one.receive(10) + other.receive(10)
        assert sorted(message.payload for message in messages) == sorted(scenario.payloads(20))


def main() -> None:
    scenario.introduce("paho-mqtt", installed("paho-mqtt"))
    address = scenario.address()
    for version in scenario.VERSIONS:
        connect = functools.partial(Client, address, protocol=PROTOCOLS[version])
        for qos in range(3):
            scenario.run(version, f"qos{qos}", functools.partial(quality, qos, connect))
        for function in (retained, will, session, shared):
            scenario.run(version, function.__name__, functools.partial(function, connect))


if __name__ == "__main__":
    main()
