"""aiomqtt, at 3.1.1 and 5.0."""

import asyncio

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes

from harness.broker import Address
from harness.paho_client import properties, unique
from harness.waiting import DEADLINE_SECONDS

VERSIONS = [aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5]


def client(
    address: Address, version: aiomqtt.ProtocolVersion, identifier: str | None = None, **options
) -> aiomqtt.Client:
    identifier = identifier or unique("aiomqtt")
    return aiomqtt.Client(
        address.host, address.port, identifier=identifier, protocol=version, **options
    )


async def take(subscriber: aiomqtt.Client, count: int) -> list[aiomqtt.Message]:
    """The next `count` messages."""
    messages: list[aiomqtt.Message] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(messages) < count:
            messages.append(await anext(subscriber.messages))
    return messages


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("version", VERSIONS)
def test_publish_and_subscribe(
    address: Address, topic: str, version: aiomqtt.ProtocolVersion, qos: int
) -> None:
    async def run() -> None:
        async with client(address, version) as publisher, client(address, version) as subscriber:
            await subscriber.subscribe(topic + "/#", qos=qos)
            for number in range(50):
                await publisher.publish(f"{topic}/{number % 3}", str(number), qos=qos)
            messages = await take(subscriber, 50)
            assert [int(message.payload) for message in messages] == list(range(50))
            assert {message.qos for message in messages} == {qos}

    asyncio.run(run())


@pytest.mark.parametrize("version", VERSIONS)
def test_retained_and_will(
    address: Address, topic: str, version: aiomqtt.ProtocolVersion
) -> None:
    async def run() -> None:
        async with client(address, version) as one:
            await one.publish(topic, "retained", qos=1, retain=True)
            await one.subscribe(topic, qos=1)
            (message,) = await take(one, 1)
            assert (message.payload, message.retain) == (b"retained", True)
            will = aiomqtt.Will(topic, b"gone", qos=1, retain=True)
            identifier = unique("aiowill")
            with pytest.raises(aiomqtt.MqttError):
                async with client(address, version, identifier, will=will) as older:
                    async with client(address, version, identifier):
                        # Taken over, and so without DISCONNECT.
                        await take(older, 1)
            (message,) = await take(one, 1)
            assert (message.payload, message.retain) == (b"gone", False)
            await one.publish(topic, b"", qos=1, retain=True)

    asyncio.run(run())


def test_session_and_properties(address: Address, topic: str) -> None:
    """MQTT 5.0: a session that is kept, and User Properties in order."""
    version, identifier = aiomqtt.ProtocolVersion.V5, unique("aiokept")
    kept = properties(PacketTypes.CONNECT, SessionExpiryInterval=1000)
    users = [("b", "1"), ("a", "2"), ("b", "1")]

    async def run() -> None:
        async with client(address, version, identifier, properties=kept) as first:
            await first.subscribe(topic, qos=1)
        async with client(address, version) as publisher:
            made = properties(PacketTypes.PUBLISH, UserProperty=users, ContentType="text/plain")
            await publisher.publish(topic, "while away", qos=1, properties=made)
        async with client(address, version, identifier, clean_start=False) as second:
            (message,) = await take(second, 1)
            assert message.payload == b"while away"
            assert message.properties.UserProperty == users
            assert message.properties.ContentType == "text/plain"

    asyncio.run(run())


def test_shared_subscription(address: Address, topic: str) -> None:
    async def run() -> None:
        old, new = VERSIONS
        async with client(address, old) as one, client(address, new) as two:
            for member in (one, two):
                await member.subscribe(f"$share/group/{topic}", qos=1)
            async with client(address, new) as publisher:
                for number in range(20):
                    await publisher.publish(topic, str(number), qos=1)
            messages = await take(one, 10) + await take(two, 10)
            assert sorted(int(message.payload) for message in messages) == list(range(20))

    asyncio.run(run())
