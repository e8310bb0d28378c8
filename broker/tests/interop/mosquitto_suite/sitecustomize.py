"""Lets mosquitto's own broker tests drive Kelvin: Python imports this by itself when the folder is on PYTHONPATH.

The scripts stay as they are. Three functions of their helper `mosq_test` are replaced: the one that starts mosquitto starts
Kelvin (`KELVIN`) with the settings of the same meaning; those that compare packets read them whole and leave out what the
specifications leave to a broker (`without_choices`).
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

try:
    from settings import NotApplicable, translate
except ImportError:
    from .settings import NotApplicable, translate

# The exit status of a script that needs a setting that Kelvin does not have; the reason is its last line.
NOT_APPLICABLE_STATUS = 77
START_SECONDS = 20.0

CONNACK, PUBACK, PUBREC, PUBCOMP, DISCONNECT = 0x20, 0x40, 0x50, 0x70, 0xE0
NO_MATCHING_SUBSCRIBERS = 0x10
# No error when an exchange goes on after a new connection (MQTT 5.0, 3.7.2.1).
PACKET_IDENTIFIER_NOT_FOUND = 0x92
REASON_STRING = 0x1F
# Properties of CONNACK that tell what a broker is able to do (MQTT 5.0, 3.2.2.3), and the length of each.
ABILITIES = {0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}


def end(status: int, *words: object) -> None:
    """Past every `except` and `finally` of the script, which would report a failure of their own."""
    print(*words, flush=True)
    os._exit(status)


def connack_without_abilities(packet: bytes) -> bytes:
    kept, rest = packet[2:4], packet[5:]
    while rest and rest[0] in ABILITIES:
        rest = rest[1 + ABILITIES[rest[0]] :]
    # mosquitto's own stand before and after its answers.
    for identifier, length in ABILITIES.items():
        if len(rest) > length and rest[-1 - length] == identifier:
            rest = rest[: -1 - length]
    return kept + rest


def without_choices(packet: bytes) -> bytes:
    """The packet without abilities, Reason Strings, and Reason Codes that mean success all the same."""
    kind = packet[0] if packet else None
    if kind == CONNACK and len(packet) > 4:
        return connack_without_abilities(packet)
    if kind == DISCONNECT and len(packet) > 4 and packet[4] == REASON_STRING:
        return bytes([DISCONNECT, 1, packet[2]])
    if kind in (PUBACK, PUBREC) and packet[1] == 3 and packet[4] == NO_MATCHING_SUBSCRIBERS:
        return bytes([kind, 2]) + packet[2:4]
    if kind == PUBCOMP and packet[1] == 3 and packet[4] == PACKET_IDENTIFIER_NOT_FOUND:
        return bytes([kind, 2]) + packet[2:4]
    return packet


def receive_exactly(sock: socket.socket, length: int) -> bytes:
    """`length` bytes, or fewer when the broker closes."""
    data = b""
    while len(data) < length:
        part = sock.recv(length - len(data))
        if not part:
            break
        data += part
    return data


def receive_packet(sock: socket.socket) -> bytes:
    """One Control Packet; what came of it when the broker closes."""
    packet = receive_exactly(sock, 2)
    length, shift = (packet[1] & 0x7F, 7) if len(packet) == 2 else (0, 0)
    while packet and packet[-1] & 0x80 and shift <= 21:
        packet += receive_exactly(sock, 1)
        length |= (packet[-1] & 0x7F) << shift
        shift += 7
    return packet + receive_exactly(sock, length)


def says_why_it_closes(packet: bytes) -> bool:
    """A refusing CONNACK, or a DISCONNECT: a broker of 5.0 may send one before it closes."""
    return packet[:1] == bytes([DISCONNECT]) or (packet[:1] == bytes([CONNACK]) and packet[3] >= 0x80)


def split(data: bytes) -> list[bytes]:
    """Packets whose Remaining Length has one byte."""
    packets = []
    while data:
        packets.append(data[: 2 + data[1]])
        data = data[2 + data[1] :]
    return packets


def adapt(mosq_test) -> None:
    """Replaces what is bound to mosquitto."""

    def expect_packet(sock, name, expected):
        received = receive_packet(sock)
        if not expected and says_why_it_closes(received):
            received = receive_packet(sock)
        if without_choices(received) == without_choices(expected):
            return True
        mosq_test.packet_matches(name, received, expected)
        raise mosq_test.TestError

    def receive_unordered(sock, one, other, error):
        # Either argument may be several packets.
        expected = [without_choices(packet) for packet in split(one) + split(other)]
        received = [without_choices(receive_packet(sock)) for _ in expected]
        if sorted(received) != sorted(expected):
            print(f"{error}: received {received}, expected in any order {expected}")
            raise ValueError(error)

    def start_broker(
        filename, cmd=None, port=0, use_conf=False, expect_fail=False, nolog=False, **_options
    ):
        conf = None
        if cmd and "-c" in cmd:
            conf = Path(cmd[cmd.index("-c") + 1])
        elif use_conf or (cmd is None and not port):
            conf = Path(filename.replace(".py", ".conf"))
        port = port or 1888
        try:
            text = translate(conf.read_text() if conf else "", port)
        except NotApplicable as reason:
            end(NOT_APPLICABLE_STATUS, reason)
        config = Path(f"{filename}-{port}.toml")
        config.write_text(text)
        process = subprocess.Popen(
            [os.environ["KELVIN"], "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection(("localhost", port)).close()
                return process
            except ConnectionRefusedError:
                time.sleep(0.01)
        if expect_fail:
            return process
        process.kill()
        end(1, "Kelvin does not start:", process.communicate()[1].decode(), text)

    mosq_test.expect_packet = expect_packet
    mosq_test.receive_unordered = receive_unordered
    mosq_test.start_broker = start_broker


if "KELVIN" in os.environ and Path("../mosq_test.py").exists():
    sys.path.insert(0, os.path.realpath(".."))
    import mosq_test as _mosq_test

    adapt(_mosq_test)
