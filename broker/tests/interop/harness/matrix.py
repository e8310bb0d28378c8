"""The matrix: every client on each transport and at each version that it speaks, against one list of capabilities.

Each client is a program under `matrix/`. It finds in its environment TRANSPORT, VERSIONS (with spaces between), HOST, PORT,
SOCKET (of a Unix socket), AUTHORITY (PEM file of the issuer of the broker's certificate) and PREFIX (begins its Topic Names),
and prints lines of fields with tabs between: first `client`, its name, its release; then version, capability, `pass` or
`fail`, and what failed.
"""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .broker import ROOT, TARGET

FOLDER = Path(__file__).resolve().parent.parent / "matrix"
TRANSPORTS = ("tcp", "tls", "ws", "wss", "unix")
CAPABILITIES = ("qos0", "qos1", "qos2", "retained", "will", "session", "shared")
BUILT = TARGET / "interop"
# Generous: the slowest needs a tenth of it on a quiet machine.
PROGRAM_SECONDS = 240
# Programs at the same time.
WORKERS = 3


@dataclass(frozen=True)
class Client:
    """A program of the matrix, and what its library can do at all."""

    name: str
    command: tuple[str, ...]
    transports: tuple[str, ...]
    versions: tuple[str, ...]
    extra: tuple[str, ...] = ()
    """Capabilities of its own."""


def node(name: str) -> tuple[str, ...]:
    return ("node", str(FOLDER / name))


def python(name: str) -> tuple[str, ...]:
    return (sys.executable, str(FOLDER / name))


OLD_AND_NEW = ("3.1.1", "5")
ALL = ("3.1", *OLD_AND_NEW)
# What is no Unix socket.
NETWORK = ("tcp", "tls", "ws", "wss")

CLIENTS = (
    Client("MQTT.js", node("mqttjs.js"), NETWORK, ALL),
    Client(
        "MQTT.js in Chromium", node("browser.js"), ("ws", "wss"), OLD_AND_NEW, ("tutorial",)
    ),
    Client("paho-mqtt", python("paho_python.py"), TRANSPORTS, ALL),
    Client("aiomqtt", python("aiomqtt_client.py"), TRANSPORTS, OLD_AND_NEW),
    # Debian's build has no WebSocket.
    Client("mosquitto clients", python("mosquitto_clients.py"), ("tcp", "tls", "unix"), ALL),
    Client("Paho C", (str(BUILT / "paho_c"),), NETWORK, ALL),
    Client(
        "rumqttc", (str(BUILT / "rumqttc/release/rumqttc-matrix"),), TRANSPORTS, OLD_AND_NEW
    ),
)


@dataclass
class Run:
    """What one client did over one transport."""

    client: Client
    transport: str
    release: str = ""
    results: dict[tuple[str, str], str] = field(default_factory=dict)
    """By version and capability: empty when it passed, else what failed."""
    trouble: str = ""
    """Why the program did not come to its end, and what it printed besides results."""

    def failure(self, version: str, capability: str) -> str:
        """Empty when the client has shown the capability."""
        if (version, capability) in self.results:
            return self.results[version, capability]
        return f"no result; {self.trouble or 'the program ended without it'}"


RUNS = pytest.StashKey[list[Run]]()
"""Where a session keeps what the clients did, for the table at its end."""


@dataclass(frozen=True)
class Listeners:
    """A broker on every transport."""

    host: str
    ports: dict[str, int]
    socket: Path
    authority: Path


def run(client: Client, transport: str, listeners: Listeners) -> Run:
    """Runs the program of `client` to its end, or to the deadline."""
    prefix = f"interop/{uuid.uuid4().hex[:12]}"
    environment = {
        **os.environ,
        "TRANSPORT": transport,
        "VERSIONS": " ".join(client.versions),
        "HOST": listeners.host,
        "PORT": str(listeners.ports.get(transport, 1883)),
        "SOCKET": str(listeners.socket),
        "AUTHORITY": str(listeners.authority),
        "PREFIX": prefix,
        "CHROMIUM": chromium() or "",
        "PYTHONPATH": str(FOLDER.parent),
    }
    done = Run(client, transport)
    try:
        process = subprocess.run(
            client.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PROGRAM_SECONDS,
        )
        output, status = process.stdout, f"status {process.returncode}"
    except subprocess.TimeoutExpired as late:
        output, status = late.stdout or b"", f"not done after {PROGRAM_SECONDS} s"
    except OSError as error:
        output, status = b"", str(error)
    others = []
    for line in output.decode(errors="backslashreplace").splitlines():
        match line.split("\t"):
            case ["client", _, release]:
                done.release = release
            case [version, capability, "pass", *_]:
                done.results[version, capability] = ""
            case [version, capability, "fail", *detail]:
                done.results[version, capability] = " ".join(detail) or "failed"
            case _:
                others.append(line)
    if status != "status 0":
        done.trouble = "\n".join([status, *others[-30:]])
    return done


def chromium() -> str | None:
    """The browser of this machine."""
    named = os.environ.get("CHROMIUM")
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return named or next((path for path in found if path), None)


def run_all(listeners: Listeners) -> list[Run]:
    """Every client on each of its transports, several at the same time."""
    offered = {*listeners.ports, "unix"}
    pairs = [
        (client, transport)
        for client in CLIENTS
        for transport in client.transports
        if transport in offered
    ]
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda pair: run(*pair, listeners), pairs))


def cell(run: Run, capability: str) -> str:
    """The versions at which it passed, and those at which it did not."""
    passed = [v for v in run.client.versions if not run.failure(v, capability)]
    failed = [v for v in run.client.versions if run.failure(v, capability)]
    return " ".join([*passed, *(f"NOT {version}" for version in failed)])


def rows(runs: Iterable[Run]) -> list[list[str]]:
    """The table: one row for each client and transport, its versions in the cells."""
    by_pair = {(run.client.name, run.transport): run for run in runs}
    table = [["client", "transport", *CAPABILITIES]]
    for client in CLIENTS:
        for transport in TRANSPORTS:
            done = by_pair.get((client.name, transport))
            if done:
                name = f"{client.name} {done.release}".strip()
                cells = [cell(done, capability) for capability in CAPABILITIES]
            elif transport in client.transports:
                continue
            else:
                name, cells = client.name, ["-"] * len(CAPABILITIES)
            table.append([name, transport, *cells])
    return table


def document(runs: Iterable[Run]) -> str:
    """`docs/interop.md`."""
    head, *body = rows(runs)
    lines = [
        "# Clients that nobody here wrote",
        "",
        "Written by `UPDATE_INTEROP=1 broker/tests/interop/run -k matrix`, after every client did all this against the release build.",
        "A cell has the versions of MQTT at which the client passed; `-` stands where the client does not have the transport.",
        "`.ci/run` runs it for every commit.",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in body),
        "",
        "`qos0`, `qos1`, `qos2`: published, granted and delivered at that QoS, in order. `retained`: kept, delivered with RETAIN 1,",
        "cleared. `will`: sent when the Network Connection breaks. `session`: resumed with what came meanwhile. `shared`: each",
        "message to one of two members. In Chromium the page also does what the tutorial's sensor and display do, from another",
        "origin than the broker's. [The suite](../broker/tests/interop/README.md) has what each of them does in detail.",
        "",
    ]
    return "\n".join(lines)


def write_document(runs: Iterable[Run]) -> Path:
    path = ROOT / "docs" / "interop.md"
    path.write_text(document(runs))
    return path
