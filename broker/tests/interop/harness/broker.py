"""The broker under test: one that runs already, or one started from a command."""

import os
import shlex
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from .program import Program
from .waiting import Late, poll

ROOT = Path(__file__).resolve().parents[4]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
KELVIN = f"{shlex.quote(str(TARGET / 'release' / 'broker'))} --port {{port}}"
KELVIN_TEMPERATURE_SERVER = (
    f"{shlex.quote(str(TARGET / 'release' / 'examples' / 'temperature_server'))} {{port}}"
)


@dataclass(frozen=True)
class Settings:
    """What the environment says about the broker to test; see README.md."""

    command: str | None
    temperature_server: str | None
    host: str = "localhost"
    port: int | None = None

    @staticmethod
    def from_environment() -> "Settings":
        """`PORT` (and `HOST`) beat `BROKER`; with neither it is Kelvin's release binary."""
        temperature_server = os.environ.get("TEMPERATURE_SERVER")
        if port := os.environ.get("PORT"):
            host = os.environ.get("HOST", "localhost")
            return Settings(None, temperature_server, host, int(port))
        settings = Settings(os.environ.get("BROKER", KELVIN), temperature_server)
        if settings.is_kelvin and temperature_server is None:
            settings = replace(settings, temperature_server=KELVIN_TEMPERATURE_SERVER)
        return settings

    @property
    def is_kelvin(self) -> bool:
        """Whether this suite starts Kelvin's own binary, whose exit status is then a promise."""
        return self.command is not None and self.name == "broker"

    @property
    def name(self) -> str:
        """For the heading and for the table of deviations."""
        if self.command is None:
            return f"{self.host}:{self.port}"
        return Path(shlex.split(self.command)[0]).name


@dataclass(frozen=True)
class Address:
    """Where the broker listens, and what it speaks there: tcp, tls, ws, wss or unix."""

    host: str
    port: int
    transport: str = "tcp"
    socket: str = ""
    """Path of a Unix socket."""
    authority: str = ""
    """PEM file of who issued the broker's certificate."""

    @property
    def url(self) -> str:
        """As MQTT.js takes it, for TCP."""
        return f"mqtt://{self.host}:{self.port}"


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_free(port: int) -> bool:
    """Whether nobody listens on the port on any address of this machine."""
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((address, port))
        except OSError:
            return False
    return True


def accepts(address: Address) -> bool:
    """Whether a TCP connection can be opened."""
    try:
        socket.create_connection((address.host, address.port), 1).close()
    except OSError:
        return False
    return True


def start(command: str, port: int) -> Program:
    """Starts a broker and returns once it accepts; an error carries what it printed."""
    program = Program(shlex.split(command.replace("{port}", str(port))))
    try:
        poll(
            lambda: accepts(Address("localhost", port)) or program.process.poll() is not None,
            lambda: f"{command} does not accept on port {port}",
        )
        if program.process.poll() is not None:
            status = program.wait_for_exit()
            output = "\n".join(program.lines + program.errors)
            raise AssertionError(f"{command} ended with status {status}:\n{output}")
    except (AssertionError, Late):
        program.__exit__()
        raise
    return program
