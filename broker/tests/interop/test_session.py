"""Session State: Clean Session 0 and 1, take-over (MQTT 3.1.1, 3.1.2.4, 3.1.4, 4.1)."""

import pytest

from harness.broker import Address
from harness.paho_client import Client, forget_session, unique


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("way", ["disconnect", "abort"])
def test_messages_wait_in_order(address: Address, topic: str, way: str, qos: int) -> None:
    client_id, count = unique("away"), 100
    first = Client(address, client_id, clean_session=False).connect()
    assert first.session_present is False  # [MQTT-3.2.2-3]
    first.subscribe((topic, qos))
    getattr(first, way)()
    with Client(address) as publisher:
        payloads = [str(number).encode() for number in range(count)]
        publisher.delivered(*[publisher.publish(topic, payload, qos) for payload in payloads])
        with Client(address, client_id, clean_session=False) as second:
            assert second.session_present is True  # [MQTT-3.2.2-2]
            messages = second.receive(count)
            assert [message.payload for message in messages] == payloads
            assert {message.qos for message in messages} == {qos}
            # The subscription is part of the session, too.
            publisher.deliver(topic, b"live", qos)
            assert [message.payload for message in second.receive()] == [b"live"]
            assert second.receive_until_marker(publisher, qos) == []
    forget_session(address, client_id)


def test_acknowledged_messages_do_not_come_again(address: Address, topic: str) -> None:
    client_id = unique("done")
    with Client(address) as publisher:
        with Client(address, client_id, clean_session=False) as first:
            first.subscribe((topic, 2))
            for qos in (1, 2):
                publisher.deliver(topic, b"once", qos)
            first.receive(2)
        with Client(address, client_id, clean_session=False) as second:
            assert second.session_present is True
            assert second.receive_until_marker(publisher, qos=2) == []
    forget_session(address, client_id)


def test_clean_session_wipes(address: Address, topic: str) -> None:
    """[MQTT-3.1.2-6]"""
    client_id = unique("wiped")
    with Client(address, client_id, clean_session=False) as first:
        first.subscribe((topic, 1))
    with Client(address) as publisher:
        publisher.deliver(topic, b"nobody's", 1)
        with Client(address, client_id) as clean:
            assert clean.session_present is False  # [MQTT-3.2.2-1]
            assert clean.receive_until_marker(publisher) == []
        with Client(address, client_id, clean_session=False) as third:
            assert third.session_present is False
            publisher.deliver(topic, b"nobody's either", 1)
            assert third.receive_until_marker(publisher) == []
    forget_session(address, client_id)


def test_clean_session_leaves_nothing(address: Address, topic: str) -> None:
    client_id = unique("clean")
    with Client(address, client_id) as first:
        first.subscribe((topic, 1))
    with Client(address, client_id, clean_session=False) as second:
        assert second.session_present is False
    forget_session(address, client_id)


def test_unsubscribe_holds_after_a_resume(address: Address, topic: str) -> None:
    client_id = unique("unsub")
    with Client(address, client_id, clean_session=False) as first:
        first.subscribe((topic + "/a", 1), (topic + "/b", 1))
        first.unsubscribe(topic + "/a")
    with Client(address) as publisher:
        publisher.deliver(topic + "/a", b"a", 1)
        publisher.deliver(topic + "/b", b"b", 1)
        with Client(address, client_id, clean_session=False) as second:
            assert [message.payload for message in second.receive()] == [b"b"]
            assert second.receive_until_marker(publisher) == []
    forget_session(address, client_id)


@pytest.mark.parametrize("clean_session", [True, False])
def test_take_over_closes_the_old_connection(
    address: Address, topic: str, clean_session: bool
) -> None:
    """[MQTT-3.1.4-2]; the old client did not send DISCONNECT, so its Will Message is due."""
    client_id = unique("double")
    with Client(address) as watcher:
        watcher.subscribe((topic + "/will", 1))
        old = Client(address, client_id, clean_session=clean_session)
        old.will(topic + "/will", b"taken over", 1).connect()
        old.subscribe((topic, 1))
        with Client(address, client_id, clean_session=clean_session) as new:
            old.wait_until_closed()
            assert new.session_present is not clean_session
            assert [message.payload for message in watcher.receive()] == [b"taken over"]
            if clean_session:
                new.subscribe((topic, 1))
            watcher.deliver(topic, b"to the new one", 1)
            assert [message.payload for message in new.receive()] == [b"to the new one"]
            assert watcher.receive_until_marker(new) == []
        assert old.received == []
        old.disconnect()
    forget_session(address, client_id)


def test_take_over_hands_on_what_is_unacknowledged(address: Address, topic: str) -> None:
    client_id = unique("handed")
    old = Client(address, client_id, clean_session=False, manual_acknowledgement=True).connect()
    old.subscribe((topic, 1))
    with Client(address) as publisher:
        for number in range(5):
            publisher.deliver(topic, str(number).encode(), 1)
        old.receive(5)
        with Client(address, client_id, clean_session=False) as new:
            messages = new.receive(5)
            assert [message.payload for message in messages] == [b"0", b"1", b"2", b"3", b"4"]
            assert all(message.dup for message in messages)
            assert new.receive_until_marker(publisher) == []
        old.wait_until_closed()
    forget_session(address, client_id)


def test_many_take_overs_in_a_row(address: Address, topic: str) -> None:
    """Every client but the last is closed, and the last one works."""
    client_id = unique("many")
    clients = [Client(address, client_id).connect() for _ in range(20)]
    for client in clients[:-1]:
        client.wait_until_closed()
    last = clients[-1]
    last.subscribe((topic, 1))
    last.deliver(topic, b"here", 1)
    assert [message.payload for message in last.receive()] == [b"here"]
    for client in clients:
        client.disconnect()
