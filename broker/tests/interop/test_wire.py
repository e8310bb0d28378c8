"""What libraries do not do on purpose: packets in pieces, many in one piece, QoS 2 cut in half."""

from harness.broker import Address
from harness.paho_client import Client, forget_session, unique
from harness.raw import (
    CONNACK_ACCEPTED,
    PINGREQ,
    PINGRESP,
    Connection,
    acknowledgement,
    connect,
    publish,
    subscribe,
)

PUBACK, PUBREC, PUBREL, PUBCOMP = 0x40, 0x50, 0x62, 0x70
SESSION_PRESENT = b"\x20\x02\x01\x00"


def test_everything_in_one_segment(address: Address, topic: str) -> None:
    """3.1.4: a client need not wait for CONNACK before it goes on."""
    expected = publish(topic, b"at once")
    with Connection(address) as connection:
        connection.send(
            connect(unique("hasty"))
            + subscribe(1, topic, 0)
            + publish(topic, b"at once") * 3
            + PINGREQ
        )
        answers = [connection.receive_packet() for _ in range(6)]
        assert answers[:2] == [(0x20, b"\x00\x00"), (0x90, b"\x00\x01\x00")]
        assert answers.count((expected[0], expected[2:])) == 3
        assert (PINGRESP[0], b"") in answers


def test_byte_by_byte(address: Address, topic: str) -> None:
    with Connection(address) as connection:
        packets = connect(unique("slow")) + subscribe(1, topic, 2) + publish(topic, b"!" * 200)
        for byte in packets:
            connection.send(bytes([byte]))
        assert connection.receive(4) == CONNACK_ACCEPTED
        assert connection.receive(5) == b"\x90\x03\x00\x01\x02"
        assert connection.receive_packet() == (0x30, publish(topic, b"!" * 200)[3:])


def test_a_large_packet_between_small_ones(address: Address, topic: str) -> None:
    """The large one arrives in many reads, the small ones share reads with its ends."""
    payloads = [b"before", bytes(range(256)) * 2048, b"after"]
    with Connection(address) as connection, Client(address) as subscriber:
        subscriber.subscribe((topic, 1))
        connection.open_session(connect(unique("large")))
        connection.send(b"".join(publish(topic, payload, 1, 9) for payload in payloads))
        assert [message.payload for message in subscriber.receive(3)] == payloads
        assert connection.receive(12) == acknowledgement(PUBACK, 9) * 3


def test_a_publication_of_qos_2_continues_after_a_reconnect(address: Address, topic: str) -> None:
    """[MQTT-4.3.3-2]: sent again with DUP and the same identifier, delivered once."""
    client_id = unique("half")
    session = connect(client_id, clean_session=False)
    with Client(address) as subscriber:
        subscriber.subscribe((topic, 2))
        with Connection(address) as connection:
            connection.open_session(session)
            connection.send(publish(topic, b"once", 2, 7))
            assert connection.receive(4) == acknowledgement(PUBREC, 7)
        with Connection(address) as connection:
            connection.send(session)
            assert connection.receive(4) == SESSION_PRESENT
            connection.send(publish(topic, b"once", 2, 7, dup=True))
            assert connection.receive(4) == acknowledgement(PUBREC, 7)
            for _ in range(2):  # The second PUBREL names an identifier that is free again.
                connection.send(acknowledgement(PUBREL, 7))
                assert connection.receive(4) == acknowledgement(PUBCOMP, 7)
            # The identifier is free: this is a new message.
            connection.send(publish(topic, b"twice", 2, 7))
            assert connection.receive(4) == acknowledgement(PUBREC, 7)
            connection.send(acknowledgement(PUBREL, 7))
            assert connection.receive(4) == acknowledgement(PUBCOMP, 7)
        assert [message.payload for message in subscriber.receive(2)] == [b"once", b"twice"]
        assert subscriber.receive_until_marker(subscriber, qos=2) == []
    forget_session(address, client_id)


def test_a_delivery_of_qos_2_continues_after_a_reconnect(address: Address, topic: str) -> None:
    """[MQTT-4.4.0-1]: PUBLISH again with DUP before PUBREC, PUBREL again after it."""
    client_id = unique("rest")
    session = connect(client_id, clean_session=False)
    with Connection(address) as connection, Client(address) as publisher:
        connection.open_session(session)
        connection.send(subscribe(1, topic, 2))
        assert connection.receive(5) == b"\x90\x03\x00\x01\x02"
        publisher.deliver(topic, b"once", 2)
        first_byte, body = connection.receive_packet()
        identifier = int.from_bytes(body[-6:-4])
        assert (first_byte, body) == (0x34, publish(topic, b"once", 2, identifier)[2:])
    with Connection(address) as connection:
        connection.send(session)
        assert connection.receive(4) == SESSION_PRESENT
        assert connection.receive_packet() == (0x3C, body)
        connection.send(acknowledgement(PUBREC, identifier))
        assert connection.receive(4) == acknowledgement(PUBREL, identifier)
    with Connection(address) as connection:
        connection.send(session)
        assert connection.receive(4) == SESSION_PRESENT
        assert connection.receive(4) == acknowledgement(PUBREL, identifier)
        connection.send(acknowledgement(PUBCOMP, identifier) + PINGREQ)
        assert connection.receive(2) == PINGRESP
    with Connection(address) as connection:
        connection.send(session + PINGREQ)
        assert connection.receive(6) == SESSION_PRESENT + PINGRESP
    forget_session(address, client_id)


def test_a_connection_without_connect_is_closed(address: Address, topic: str) -> None:
    """[MQTT-3.1.0-1]"""
    for first in (PINGREQ, publish(topic, b"x"), subscribe(1, topic, 0), b"GET / HTTP/1.1\r\n\r\n"):
        with Connection(address) as connection:
            connection.send(first)
            assert connection.receive_until_closed() == b"", first
