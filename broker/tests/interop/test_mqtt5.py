"""MQTT 5.0 with Eclipse Paho's client."""

import pytest
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from harness.broker import Address
from harness.paho_client import Client, forget_session, properties, unique
from harness.waiting import poll

NEVER = 0xFFFFFFFF


def client5(
    address: Address,
    client_id: str | None = None,
    *,
    clean_start: bool = True,
    manual_acknowledgement: bool = False,
    **values: object,
) -> Client:
    """A client of MQTT 5.0 with these properties in its CONNECT."""
    return Client(
        address,
        client_id,
        clean_session=clean_start,
        protocol=MQTTProtocolVersion.MQTTv5,
        manual_acknowledgement=manual_acknowledgement,
        connect_properties=properties(PacketTypes.CONNECT, **values) if values else None,
    )


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_properties_are_passed_on(address: Address, topic: str, qos: int) -> None:
    """[MQTT-3.3.2-4], [MQTT-3.3.2-15] to [MQTT-3.3.2-20]"""
    sent = {
        "PayloadFormatIndicator": 1,
        "ContentType": "text/plain",
        "ResponseTopic": topic + "/answers",
        "CorrelationData": bytes(range(256)),
        "UserProperty": [("b", "1"), ("a", "2"), ("b", "1"), ("", "")],
    }
    with client5(address) as publisher, client5(address) as subscriber, Client(address) as old:
        subscriber.subscribe((topic, 2))
        old.subscribe((topic, 2))
        publisher.deliver(topic, b"payload", qos, **sent)
        (message,) = subscriber.receive()
        assert (message.payload, message.qos) == (b"payload", qos)
        assert {name: message.value(name) for name in sent} == sent
        assert [(m.payload, m.qos) for m in old.receive()] == [(b"payload", qos)]
        old.deliver(topic, b"from 3.1.1", qos)
        (message,) = subscriber.receive()
        assert message.properties is None or message.properties.isEmpty()


def test_retained_messages_expire(address: Address, topic: str) -> None:
    """[MQTT-3.3.2-5], [MQTT-3.3.2-6]"""

    def retained() -> dict[str, object]:
        with client5(address) as late:
            late.subscribe((topic + "/#", 1))
            messages = late.receive_until_marker(late)
            return {m.topic.split("/")[-1]: m.value("MessageExpiryInterval") for m in messages}

    with client5(address) as publisher:
        publisher.deliver(topic + "/short", b"x", 1, retain=True, MessageExpiryInterval=1)
        publisher.deliver(topic + "/long", b"x", 1, retain=True, MessageExpiryInterval=1000)
        publisher.deliver(topic + "/ever", b"x", 1, retain=True)
        poll(lambda: "short" not in retained(), lambda: f"still there: {retained()}")
        left = retained()
        assert set(left) == {"long", "ever"} and left["ever"] is None
        assert isinstance(left["long"], int) and 900 < left["long"] < 1000
        for name in left:
            publisher.deliver(f"{topic}/{name}", b"", 1, retain=True)


def test_queued_messages_expire(address: Address, topic: str) -> None:
    client_id = unique("expire")
    with client5(address, client_id, SessionExpiryInterval=1000) as client:
        client.subscribe((topic, 1))
    with client5(address) as publisher:
        publisher.deliver(topic, b"short", 1, MessageExpiryInterval=1)
        publisher.deliver(topic, b"long", 1, MessageExpiryInterval=1000)
        clock = topic + "/clock"
        publisher.deliver(clock, b"x", 1, retain=True, MessageExpiryInterval=2)

        def is_over() -> bool:
            with client5(address) as late:
                late.subscribe((clock, 1))
                return late.receive_until_marker(late) == []

        poll(is_over, lambda: "the retained message is still there")
    with client5(address, client_id, clean_start=False) as client:
        (message,) = client.receive()
        assert message.payload == b"long"
        left = message.value("MessageExpiryInterval")
        assert isinstance(left, int) and 900 < left < 1000


def test_will_waits_for_its_delay(address: Address, topic: str) -> None:
    """[MQTT-3.1.2-8], [MQTT-3.1.3-9]"""
    client_id = unique("victim")
    with client5(address) as watcher:
        watcher.subscribe((topic, 1))

        def lose(delay: int) -> None:
            client = client5(address, client_id, clean_start=False, SessionExpiryInterval=1000)
            client.will(topic, str(delay).encode(), 1, WillDelayInterval=delay)
            client.connect().abort()

        lose(1000)
        assert watcher.receive_until_marker(watcher) == []
        # Back in time: it is dropped, and the next one comes.
        lose(1)
        (message,) = watcher.receive()
        assert message.payload == b"1"
        assert watcher.receive_until_marker(watcher) == []
        forget_session(address, client_id)


def test_disconnect_with_will_message(address: Address, topic: str) -> None:
    """3.14.2.1: Reason Code 0x04."""
    with client5(address) as watcher:
        watcher.subscribe((topic, 1))
        client = client5(address).will(topic, b"gone", 1, UserProperty=[("a", "b")]).connect()
        client.paho.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=4))
        (message,) = watcher.receive()
        assert (message.payload, message.value("UserProperty")) == (b"gone", [("a", "b")])
        client.wait_until_closed()
        client.paho.loop_stop()


@pytest.mark.parametrize("qos", [1, 2])
def test_session_is_resumed(address: Address, topic: str, qos: int) -> None:
    client_id = unique("resume")
    with client5(address, client_id, SessionExpiryInterval=NEVER) as first:
        assert first.session_present is False
        first.subscribe((topic, qos), SubscriptionIdentifier=7)
    with client5(address) as publisher:
        for number in range(50):
            publisher.deliver(topic, str(number).encode(), qos)
        with client5(address, client_id, clean_start=False) as second:
            assert second.session_present is True
            messages = second.receive(50)
            assert [m.payload for m in messages] == [str(n).encode() for n in range(50)]
            assert all(m.value("SubscriptionIdentifier") == [7] for m in messages)
    # The second CONNECT had no Session Expiry Interval.
    with client5(address, client_id, clean_start=False) as third:
        assert third.session_present is False


def test_session_expires(address: Address, topic: str) -> None:
    """[MQTT-4.1.0-2]; also when DISCONNECT says so, 3.14.2.2.2."""
    client_id = unique("expires")

    def is_kept() -> bool:
        with client5(address, client_id, clean_start=False, SessionExpiryInterval=1) as client:
            return client.session_present is True

    with client5(address, client_id, SessionExpiryInterval=NEVER) as client:
        client.subscribe((topic, 1))
    assert is_kept()
    poll(lambda: not is_kept(), lambda: "the session is still there", pause_seconds=1.5)
    client = client5(address, client_id, SessionExpiryInterval=NEVER).connect()
    client.paho.disconnect(
        properties=properties(PacketTypes.DISCONNECT, SessionExpiryInterval=0)
    )
    client.wait_until_closed()
    client.paho.loop_stop()
    assert not is_kept()


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_shared_subscription(address: Address, topic: str, qos: int) -> None:
    """4.8.2; Clients of 3.1.1 are members, too."""
    with (
        client5(address) as publisher,
        client5(address) as one,
        client5(address) as two,
        Client(address) as three,
        client5(address) as other,
    ):
        members = (one, two, three)
        for member in members:
            member.subscribe((f"$share/group/{topic}", 2))
        other.subscribe((topic, 0))
        expected = [str(number).encode() for number in range(30)]
        for payload in expected:
            publisher.deliver(topic, payload, qos)
        other.receive(30)
        messages = [message for member in members for message in member.receive(10)]
        assert sorted((m.payload for m in messages), key=int) == expected
        assert {message.qos for message in messages} == {qos}


def test_subscription_identifiers(address: Address, topic: str) -> None:
    """[MQTT-3.3.4-3], [MQTT-3.3.4-4]; more than one copy is allowed."""
    with client5(address) as publisher, client5(address) as subscriber:
        subscriber.subscribe((topic + "/#", 1), SubscriptionIdentifier=268_435_455)
        subscriber.subscribe((topic + "/+", 1), SubscriptionIdentifier=1)
        subscriber.subscribe((topic + "/a", 1))
        publisher.deliver(topic + "/a", b"x", 1)
        messages = subscriber.receive() + subscriber.receive_until_marker(publisher)
        found = [n for m in messages for n in m.value("SubscriptionIdentifier") or []]
        assert sorted(found) == [1, 268_435_455]


def test_subscription_options(address: Address, topic: str) -> None:
    """No Local, Retain As Published and Retain Handling, 3.8.3.1."""
    with client5(address) as one, client5(address) as two:
        one.subscribe((topic, SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True)))
        two.subscribe((topic, SubscribeOptions(qos=1)))
        one.deliver(topic, b"own", 1, retain=True)
        assert [(m.payload, m.retain) for m in two.receive()] == [(b"own", False)]
        two.deliver(topic, b"other", 1, retain=True)
        assert [(m.payload, m.retain) for m in one.receive()] == [(b"other", True)]
        two.receive()
        for handling, count in ((0, 1), (1, 0), (2, 0)):
            options = SubscribeOptions(qos=1, retainHandling=handling)
            assert two.subscribe((topic, options)) == [1]
            assert len(two.receive_until_marker(two)) == count
        one.deliver(topic, b"", 1, retain=True)


def test_topic_alias_to_the_broker(address: Address, topic: str) -> None:
    """3.3.2.3.4"""
    with client5(address) as publisher, client5(address) as subscriber:
        maximum = getattr(publisher.connack_properties, "TopicAliasMaximum", 0)
        if maximum == 0:
            pytest.skip("the broker takes no Topic Alias")
        subscriber.subscribe((topic + "/#", 2))
        for name in ("a", "b"):
            publisher.deliver(f"{topic}/{name}", b"told", 1, TopicAlias=maximum)
            for qos in (0, 1, 2):
                publisher.deliver("", b"by alias", qos, TopicAlias=maximum)
            messages = subscriber.receive(4)
            assert {message.topic for message in messages} == {f"{topic}/{name}"}
            assert all(message.value("TopicAlias") is None for message in messages)


def test_receive_maximum(address: Address, topic: str) -> None:
    """[MQTT-3.3.4-9]"""
    subscriber = client5(address, manual_acknowledgement=True, ReceiveMaximum=2)
    with client5(address) as publisher, subscriber:
        subscriber.subscribe((topic, 1))
        # QoS 0 is not held back.
        subscriber.subscribe((topic + "/free", 0))
        for number in range(5):
            publisher.deliver(topic, str(number).encode(), 1)
        publisher.deliver(topic + "/free", b"free", 1)
        arrived = subscriber.receive(3)
        assert [message.payload for message in arrived] == [b"0", b"1", b"free"]
        for expected in (b"2", b"3", b"4"):
            first = next(message for message in arrived if message.qos == 1)
            arrived.remove(first)
            subscriber.paho.ack(first.packet_identifier, 1)
            arrived += subscriber.receive()
            assert arrived[-1].payload == expected


def test_maximum_packet_size(address: Address, topic: str) -> None:
    """[MQTT-3.1.2-24], [MQTT-3.1.2-25]"""
    with client5(address) as publisher, client5(address, MaximumPacketSize=500) as subscriber:
        subscriber.subscribe((topic, 2))
        for qos in (0, 1, 2):
            publisher.deliver(topic, bytes(1000), qos)
            publisher.deliver(topic, b"small", qos)
        assert [message.payload for message in subscriber.receive(3)] == [b"small"] * 3


def test_take_over_is_told(address: Address) -> None:
    """[MQTT-3.1.4-3]: Reason Code 0x8E."""
    client_id = unique("taken")
    old = client5(address, client_id).connect()
    with client5(address, client_id):
        old.wait_until_closed()
        assert old.disconnect_reason == 0x8E
    old.paho.loop_stop()


def test_assigned_client_identifier(address: Address) -> None:
    """[MQTT-3.2.2-16]"""
    with client5(address, "") as one, client5(address, "") as two:
        names = [client.connack_properties.AssignedClientIdentifier for client in (one, two)]
        assert all(names) and names[0] != names[1]


def test_request_and_response(address: Address, topic: str) -> None:
    """4.10: the answer goes where the request says, with its Correlation Data."""
    with client5(address) as asking, client5(address) as answering:
        asking.subscribe((topic + "/answers", 1))
        answering.subscribe((topic + "/questions", 1))
        for number in range(5):
            correlation = bytes([0, number, 255])
            asking.deliver(
                topic + "/questions",
                str(number).encode(),
                1,
                ResponseTopic=topic + "/answers",
                CorrelationData=correlation,
            )
            (question,) = answering.receive()
            answering.deliver(
                question.value("ResponseTopic"),
                question.payload * 2,
                1,
                CorrelationData=question.value("CorrelationData"),
            )
            (answer,) = asking.receive()
            assert answer.payload == str(number).encode() * 2
            assert answer.value("CorrelationData") == correlation
