"""What the matrix' programs in Python share: where the broker is, and how results are told."""

import os
import traceback
from collections.abc import Callable

from harness.broker import Address

VERSIONS = os.environ["VERSIONS"].split()
PREFIX = os.environ["PREFIX"]


def address() -> Address:
    """Where the broker listens, for the transport that the environment names."""
    return Address(
        os.environ["HOST"],
        int(os.environ["PORT"]),
        transport=os.environ["TRANSPORT"],
        socket=os.environ["SOCKET"],
        authority=os.environ["AUTHORITY"],
    )


def payloads(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def introduce(name: str, release: str) -> None:
    print("client", name, release, sep="\t", flush=True)


def run(version: str, capability: str, scenario: Callable[[str], None]) -> None:
    """Runs `scenario` with a topic of its own and prints what came of it."""
    try:
        scenario(f"{PREFIX}/{version}/{capability}")
    except Exception as error:  # noqa: BLE001: whatever a client's library raises
        place = traceback.extract_tb(error.__traceback__)[-1]
        detail = f"{type(error).__name__}: {error} ({place.name}: {place.line})"
        print(version, capability, "fail", " ".join(detail.split()), sep="\t", flush=True)
    else:
        print(version, capability, "pass", "", sep="\t", flush=True)
