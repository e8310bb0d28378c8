"""MQTT 3.1 (MQIsdp, level 3), 3.1.1 (MQTT, level 4) and 5.0 (level 5), alone and with each other."""

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from harness.broker import Address
from harness.paho_client import Client, forget_session, unique
from harness.raw import Connection, packet, string

OLD_VERSIONS = [MQTTProtocolVersion.MQTTv31, MQTTProtocolVersion.MQTTv311]
VERSIONS = [*OLD_VERSIONS, MQTTProtocolVersion.MQTTv5]


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("to", VERSIONS)
@pytest.mark.parametrize("sender", VERSIONS)
def test_versions_talk_to_each_other(
    address: Address,
    topic: str,
    sender: MQTTProtocolVersion,
    to: MQTTProtocolVersion,
    qos: int,
) -> None:
    with Client(address, protocol=sender) as publisher, Client(address, protocol=to) as subscriber:
        subscriber.subscribe((topic, qos))
        publisher.deliver(topic, b"across", qos)
        assert [(m.payload, m.qos) for m in subscriber.receive()] == [(b"across", qos)]


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_session_is_kept(address: Address, topic: str, version: MQTTProtocolVersion) -> None:
    client_id = unique("kept")
    with Client(address, client_id, clean_session=False, protocol=version) as client:
        client.subscribe((topic, 1))
    with Client(address) as publisher:
        publisher.deliver(topic, b"while away", 1)
    with Client(address, client_id, clean_session=False, protocol=version) as client:
        assert [message.payload for message in client.receive()] == [b"while away"]
        # Level 3 has no Session Present flag: the byte is reserved there (MQTT 3.1, 3.2).
        assert client.session_present is (version == MQTTProtocolVersion.MQTTv311)
    forget_session(address, client_id)


def test_an_empty_client_identifier_is_given_a_name(address: Address, topic: str) -> None:
    """[MQTT-3.1.3-6]; two such clients are two clients."""
    with Client(address, "") as one, Client(address, "") as two:
        one.subscribe((topic, 0))
        two.subscribe((topic, 0))
        two.publish(topic, b"both")
        assert [message.payload for message in one.receive()] == [b"both"]
        assert [message.payload for message in two.receive()] == [b"both"]


def test_an_empty_client_identifier_needs_clean_session(address: Address) -> None:
    """[MQTT-3.1.3-8]: return code 0x02, then the connection is closed."""
    with Connection(address) as connection:
        connection.send(packet(0x10, string("MQTT") + b"\x04\x00\x00\x3c" + string("")))
        assert connection.receive_until_closed() == b"\x20\x02\x00\x02"


def test_an_unknown_level_is_refused(address: Address) -> None:
    """[MQTT-3.1.2-2]: return code 0x01, or Reason Code 0x84 to who may be newer, then the end."""
    answers = {2: b"\x20\x02\x00\x01", 7: b"\x20\x03\x00\x84\x00"}
    for level, expected in answers.items():
        with Connection(address) as connection:
            name = string("MQTT") + bytes([level]) + b"\x02\x00\x3c"
            connection.send(packet(0x10, name + string(unique("level"))))
            assert connection.receive_until_closed() == expected
