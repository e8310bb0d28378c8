"""A Network Connection without a library, for what libraries do not do: silence, exact bytes."""

import socket
import struct

from .broker import Address
from .waiting import DEADLINE_SECONDS

CONNACK_ACCEPTED = b"\x20\x02\x00\x00"
DISCONNECT = b"\xe0\x00"
PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"


def string(text: str) -> bytes:
    """A UTF-8 Encoded String (MQTT 3.1.1, 1.5.3)."""
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def packet(first_byte: int, body: bytes) -> bytes:
    """A Control Packet."""
    length, encoded = len(body), bytearray([first_byte])
    while True:
        length, low = divmod(length, 128)
        encoded.append(low | (0x80 if length else 0))
        if not length:
            return bytes(encoded) + body


def connect(
    client_id: str,
    *,
    keep_alive_seconds: int = 0,
    clean_session: bool = True,
    will: tuple[str, bytes] | None = None,
) -> bytes:
    """CONNECT of MQTT 3.1.1; the Will Message has QoS 0 and RETAIN 0."""
    flags = 0x02 * clean_session | (0x04 if will else 0)
    body = string("MQTT") + struct.pack("!BBH", 4, flags, keep_alive_seconds) + string(client_id)
    if will:
        body += string(will[0]) + struct.pack("!H", len(will[1])) + will[1]
    return packet(0x10, body)


def subscribe(identifier: int, topic_filter: str, qos: int) -> bytes:
    """SUBSCRIBE with one Topic Filter."""
    return packet(0x82, identifier.to_bytes(2) + string(topic_filter) + bytes([qos]))


def publish(
    topic: str, payload: bytes, qos: int = 0, identifier: int = 0, *, dup: bool = False
) -> bytes:
    """PUBLISH with RETAIN 0."""
    middle = identifier.to_bytes(2) if qos else b""
    return packet(0x30 | dup << 3 | qos << 1, string(topic) + middle + payload)


def acknowledgement(first_byte: int, identifier: int) -> bytes:
    """PUBACK (0x40), PUBREC (0x50), PUBREL (0x62) or PUBCOMP (0x70)."""
    return packet(first_byte, identifier.to_bytes(2))


class Connection:
    """A socket under a deadline."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection((address.host, address.port), DEADLINE_SECONDS)
        # Each `send` is a segment of its own.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Writes all of it."""
        self._socket.sendall(data)

    def receive(self, length: int) -> bytes:
        """Exactly `length` bytes, or fewer when the broker closes before."""
        data = b""
        while len(data) < length:
            part = self._socket.recv(length - len(data))
            if not part:
                break
            data += part
        return data

    def receive_packet(self) -> tuple[int, bytes]:
        """The first byte and the body of the next Control Packet."""
        first_byte = self.receive(1)
        length, shift = 0, 0
        while True:
            (byte,) = self.receive(1)
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        return first_byte[0], self.receive(length)

    def open_session(self, connect_packet: bytes) -> None:
        """Sends CONNECT and expects that it is accepted."""
        self.send(connect_packet)
        answer = self.receive(4)
        assert answer == CONNACK_ACCEPTED, f"{connect_packet.hex()} was answered {answer.hex()}"

    def receive_until_closed(self) -> bytes:
        """What still comes until the broker closes, orderly or by a reset."""
        data = b""
        try:
            while part := self._socket.recv(4096):
                data += part
        except ConnectionResetError:
            pass
        return data

    def reset(self) -> None:
        """Closes with RST: the broker's next read fails instead of reading an end."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
