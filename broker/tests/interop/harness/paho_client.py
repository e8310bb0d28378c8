"""One client of Eclipse Paho's library, with every wait under a deadline."""

import itertools
import socket
import uuid
from dataclasses import dataclass, field

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from .broker import Address
from .waiting import DEADLINE_SECONDS, Signal

_numbers = itertools.count()

# What Paho calls them.
TRANSPORTS = {
    "tcp": "tcp",
    "tls": "tcp",
    "ws": "websockets",
    "wss": "websockets",
    "unix": "unix",
}


def unique(prefix: str) -> str:
    """A Client Identifier that nobody used before, of at most 23 characters as MQTT 3.1 demands."""
    return f"{prefix[:8]}-{uuid.uuid4().hex[:8]}-{next(_numbers) % 10_000}"


def properties(packet: int, **values: object) -> Properties:
    """Properties of MQTT 5.0 for one of `PacketTypes`, by their names without spaces."""
    made = Properties(packet)
    for name, value in values.items():
        setattr(made, name, value)
    return made


@dataclass(frozen=True)
class Message:
    """One PUBLISH as it arrived."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    properties: Properties | None = field(default=None, compare=False)
    packet_identifier: int = field(default=0, compare=False)

    def value(self, name: str) -> object:
        """A property by its name without spaces; `None` when it is not there."""
        return getattr(self.properties, name, None)


class Client:
    """A context manager: connects on entry, sends DISCONNECT on exit. Never reconnects itself."""

    def __init__(
        self,
        address: Address,
        client_id: str | None = None,
        *,
        clean_session: bool = True,
        protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
        keep_alive_seconds: int = 60,
        manual_acknowledgement: bool = False,
        connect_properties: Properties | None = None,
    ) -> None:
        is_5 = protocol == MQTTProtocolVersion.MQTTv5
        self.client_id = unique("paho") if client_id is None else client_id
        self.received: list[Message] = []
        self.session_present: bool | None = None
        self.connack_properties: Properties | None = None
        self.disconnect_reason: int | None = None
        self._address = address
        self._keep_alive_seconds = keep_alive_seconds
        self._connect_options = (
            {"clean_start": clean_session, "properties": connect_properties} if is_5 else {}
        )
        self._taken = 0
        self._connack: paho.ReasonCode | None = None
        self._closed = False
        self._subscribed: dict[int, list[int]] = {}
        self._unsubscribed: set[int] = set()
        self._signal = Signal()
        self.paho = paho.Client(
            CallbackAPIVersion.VERSION2,
            self.client_id,
            clean_session=None if is_5 else clean_session,
            protocol=protocol,
            reconnect_on_failure=False,
            manual_ack=manual_acknowledgement,
            transport=TRANSPORTS[address.transport],
        )
        if address.transport in ("tls", "wss"):
            self.paho.tls_set(address.authority)
        self.paho.on_connect = self._on_connect
        self.paho.on_disconnect = self._on_disconnect
        self.paho.on_message = self._on_message
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_unsubscribe = self._on_unsubscribe

    # Callbacks, on Paho's thread.

    def _on_connect(self, _client, _data, flags, reason_code, connack_properties) -> None:
        with self._signal:
            self.connack_properties = connack_properties
            self._connack = reason_code
            self.session_present = flags.session_present

    def _on_disconnect(self, _client, _data, _flags, reason_code, _properties) -> None:
        with self._signal:
            self.disconnect_reason = reason_code.value
            self._closed = True

    def _on_message(self, _client, _data, message) -> None:
        with self._signal:
            self.received.append(
                Message(
                    message.topic,
                    message.payload,
                    message.qos,
                    bool(message.retain),
                    message.dup,
                    getattr(message, "properties", None),
                    message.mid,
                )
            )

    def _on_subscribe(self, _client, _data, mid, reason_codes, _properties) -> None:
        with self._signal:
            self._subscribed[mid] = [code.value for code in reason_codes]

    def _on_unsubscribe(self, _client, _data, mid, _codes, _properties) -> None:
        with self._signal:
            self._unsubscribed.add(mid)

    # What a test calls.

    def will(
        self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, **values: object
    ) -> "Client":
        """Sets the Will Message, at 5.0 with these properties; before `connect`."""
        made = properties(PacketTypes.WILLMESSAGE, **values) if values else None
        self.paho.will_set(topic, payload, qos, retain, made)
        return self

    def connect(self) -> "Client":
        """Returns once CONNACK accepted the connection."""
        is_unix = self._address.transport == "unix"
        self.paho.connect(
            self._address.socket if is_unix else self._address.host,
            self._address.port,
            self._keep_alive_seconds,
            **self._connect_options,
        )
        self.paho.loop_start()
        self._signal.wait(
            lambda: self._connack is not None or self._closed,
            lambda: f"no CONNACK for {self.client_id}",
        )
        assert self._connack is not None, f"{self.client_id}: closed before CONNACK"
        assert not self._connack.is_failure, f"{self.client_id}: {self._connack}"
        return self

    def subscribe(
        self, *filters: tuple[str, int | SubscribeOptions], **values: object
    ) -> list[int]:
        """One SUBSCRIBE, at 5.0 with these properties; returns the codes of its SUBACK."""
        made = properties(PacketTypes.SUBSCRIBE, **values) if values else None
        _, mid = self.paho.subscribe(list(filters), properties=made)
        self._signal.wait(lambda: mid in self._subscribed, lambda: f"no SUBACK for {filters[:3]}")
        return self._subscribed[mid]

    def unsubscribe(self, *filters: str) -> None:
        """One UNSUBSCRIBE; returns with its UNSUBACK."""
        _, mid = self.paho.unsubscribe(list(filters))
        self._signal.wait(lambda: mid in self._unsubscribed, lambda: f"no UNSUBACK for {filters}")

    def publish(
        self,
        topic: str,
        payload: bytes | None,
        qos: int = 0,
        retain: bool = False,
        **values: object,
    ) -> paho.MQTTMessageInfo:
        """Hands over one PUBLISH, at 5.0 with these properties; `delivered` waits for its
        acknowledgement."""
        made = properties(PacketTypes.PUBLISH, **values) if values else None
        return self.paho.publish(topic, payload, qos, retain, made)

    def deliver(
        self,
        topic: str,
        payload: bytes | None,
        qos: int = 0,
        retain: bool = False,
        **values: object,
    ) -> None:
        """Publishes and waits for PUBACK or PUBCOMP (QoS 0: until it is written)."""
        self.delivered(self.publish(topic, payload, qos, retain, **values))

    def delivered(self, *infos: paho.MQTTMessageInfo) -> None:
        """Waits until each publication is acknowledged."""
        for info in infos:
            info.wait_for_publish(DEADLINE_SECONDS)
            assert info.is_published(), f"no acknowledgement for Packet Identifier {info.mid}"

    def receive(self, count: int = 1, seconds: float = DEADLINE_SECONDS) -> list[Message]:
        """The next `count` messages, in the order of arrival."""
        end = self._taken + count
        self._signal.wait(
            lambda: len(self.received) >= end,
            lambda: (
                f"{self.client_id} has {len(self.received) - self._taken} of {count} messages,"
                f" the last is {str(self.received[-1:])[:200]}"
            ),
            seconds,
        )
        messages = self.received[self._taken : end]
        self._taken = end
        return messages

    def receive_until_marker(self, publisher: "Client", qos: int = 1) -> list[Message]:
        """All that arrives before a message that `publisher` sends now: shows that no more came.

        The marker takes the way of the publisher's earlier messages, so it cannot overtake them.
        """
        topic = f"marker/{uuid.uuid4().hex}"
        self.subscribe((topic, qos))
        publisher.deliver(topic, b"marker", qos)
        self._signal.wait(
            lambda: any(message.topic == topic for message in self.received[self._taken :]),
            lambda: f"{self.client_id} got no marker",
        )
        self.unsubscribe(topic)
        messages = self.received[self._taken :]
        before = list(itertools.takewhile(lambda message: message.topic != topic, messages))
        self._taken += len(before) + 1
        return before

    def abort(self) -> None:
        """Closes the socket without DISCONNECT, as a crash does."""
        sock = self.paho.socket()
        assert sock is not None, f"{self.client_id} is not connected"
        # Paho's WebSocket is a wrapper around the socket.
        sock = getattr(sock, "_socket", sock)
        sock.shutdown(socket.SHUT_RDWR)
        self.wait_until_closed()

    def wait_until_closed(self) -> None:
        """Returns once the Network Connection is closed, whoever closed it."""
        self._signal.wait(lambda: self._closed, lambda: f"{self.client_id} is still connected")

    def disconnect(self) -> None:
        """DISCONNECT, and the end of Paho's thread."""
        self.paho.disconnect()
        self.paho.loop_stop()

    def __enter__(self) -> "Client":
        return self.connect()

    def __exit__(self, *_: object) -> None:
        self.disconnect()


def forget_session(address: Address, client_id: str) -> None:
    """Ends a session that a test leaves behind: CONNECT with Clean Session 1."""
    Client(address, client_id).connect().disconnect()
