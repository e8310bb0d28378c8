"""mosquitto_pub and mosquitto_sub: the matrix' scenarios over one transport."""

import functools
import re
import subprocess

import scenario

from harness import mosquitto
from harness.broker import Address
from harness.mosquitto import Subscriber
from harness.paho_client import unique

VERSIONS = {"3.1": "mqttv31", "3.1.1": "mqttv311", "5": "mqttv5"}


class Version:
    """The programs at one version."""

    def __init__(self, address: Address, version: str) -> None:
        self.address = address
        self.options = ("-V", VERSIONS[version])

    def publish(self, topic: str, *arguments: str, lines: int = 0) -> None:
        """One `mosquitto_pub`; `lines` makes it publish as many numbers from its input."""
        if lines:
            arguments = (*arguments, "-l")
        text = b"".join(payload + b"\n" for payload in scenario.payloads(lines))
        mosquitto.publish(
            self.address, *self.options, "-t", topic, *arguments, standard_input=text
        )

    def subscriber(self, topic: str, *arguments: str) -> Subscriber:
        return Subscriber(self.address, *self.options, "-q", "2", "-t", topic, *arguments)


def quality(qos: int, at: Version, topic: str) -> None:
    with at.subscriber(topic) as subscriber:
        at.publish(topic, "-q", str(qos), lines=10)
        expected = [f"0 {qos} {topic} {number}" for number in range(10)]
        assert subscriber.messages(10) == expected


def retained(at: Version, topic: str) -> None:
    at.publish(topic, "-q", "1", "-r", "-m", "old")
    with at.subscriber(topic) as late:
        assert late.messages(1) == [f"1 1 {topic} old"]
    at.publish(topic, "-q", "1", "-r", "-n")
    with at.subscriber(topic) as later:
        at.publish(topic, "-q", "1", "-m", "new")
        assert later.messages(1) == [f"0 1 {topic} new"]


def will(at: Version, topic: str) -> None:
    with at.subscriber(topic) as watcher:
        last = ("--will-topic", topic, "--will-payload", "gone", "--will-qos", "1")
        with at.subscriber(f"{topic}/other", *last) as victim:
            victim.process.kill()
        assert watcher.messages(1) == [f"0 1 {topic} gone"]


def session(at: Version, topic: str) -> None:
    # At 5.0, -c stands for a session that does not expire.
    kept = ["-i", unique("kept"), "-c", "-q", "1", "-t", topic]
    # -E: ends once it is subscribed.
    mosquitto.run_subscriber(at.address, *at.options, *kept, "-E")
    at.publish(topic, "-q", "1", lines=3)
    lines = mosquitto.run_subscriber(at.address, *at.options, *kept, "-C", "3")
    assert lines == [payload.decode() for payload in scenario.payloads(3)]
    mosquitto.run_subscriber(at.address, *at.options, *kept[:2], *kept[3:], "-E")


def shared(at: Version, topic: str) -> None:
    with at.subscriber(f"$share/group/{topic}") as one:
        with at.subscriber(f"$share/group/{topic}") as other:
            at.publish(topic, "-q", "1", lines=20)
            messages = one.messages(10) + other.messages(10)
    expected = [f"0 1 {topic} {number}" for number in range(20)]
    assert sorted(messages) == sorted(expected)


def main() -> None:
    help_text = subprocess.run(["mosquitto_sub", "--help"], capture_output=True, text=True).stdout
    release = re.search(r"version (\S+)", help_text)
    scenario.introduce("mosquitto clients", release[1] if release else "?")
    address = scenario.address()
    for version in scenario.VERSIONS:
        at = Version(address, version)
        for qos in range(3):
            scenario.run(version, f"qos{qos}", functools.partial(quality, qos, at))
        for function in (retained, will, session, shared):
            scenario.run(version, function.__name__, functools.partial(function, at))


if __name__ == "__main__":
    main()
