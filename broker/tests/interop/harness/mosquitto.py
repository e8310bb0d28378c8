"""`mosquitto_pub`, `mosquitto_sub` and `mosquitto_rr`, Debian's package mosquitto-clients."""

import subprocess

from .broker import Address
from .program import Program
from .waiting import DEADLINE_SECONDS

# RETAIN, QoS, Topic Name, payload.
FORMAT = "%r %q %t %p"


def command(name: str, address: Address, arguments: tuple[str, ...]) -> list[str]:
    """The command of one of the programs."""
    where = ["-h", address.host, "-p", str(address.port)]
    if address.transport == "unix":
        where = ["--unix", address.socket]
    elif address.transport == "tls":
        where += ["--cafile", address.authority]
    return [name, *where, *arguments]


def publish(address: Address, *arguments: str, standard_input: bytes | None = None) -> None:
    """One `mosquitto_pub` that has to end with 0."""
    program = command("mosquitto_pub", address, arguments)
    result = subprocess.run(
        program, input=standard_input or b"", capture_output=True, timeout=DEADLINE_SECONDS
    )
    output = (result.stdout + result.stderr).decode(errors="backslashreplace")
    assert result.returncode == 0, f"{' '.join(program)[:300]}: {result.returncode}\n{output}"


def run_subscriber(address: Address, *arguments: str) -> list[str]:
    """One `mosquitto_sub` that ends by itself (`-C`, `-E`) with 0; returns its lines."""
    subscriber = command("mosquitto_sub", address, arguments)
    with Program(subscriber) as program:
        status = program.wait_for_exit()
        output = program.lines + program.errors
        assert status == 0, f"{' '.join(subscriber)}: {status}\n{output}"
        return program.lines


class Subscriber(Program):
    """A running `mosquitto_sub` that is subscribed when the constructor returns."""

    def __init__(self, address: Address, *arguments: str, text_format: str = FORMAT) -> None:
        # -d tells of SUBACK; stdbuf because the client writes to a pipe in blocks.
        options = ("-d", "-F", "message " + text_format, *arguments)
        super().__init__(["stdbuf", "-oL", *command("mosquitto_sub", address, options)])
        self.wait_for_line(lambda line: line.startswith("Subscribed (mid"), "SUBACK")

    def messages(self, count: int) -> list[str]:
        """The first `count` messages in `text_format`."""
        lines = self.wait_for_lines(
            lambda line: line.startswith("message "), count, f"{count} messages"
        )
        return [line.removeprefix("message ") for line in lines]
