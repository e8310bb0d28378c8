"""aiomqtt: the matrix' scenarios over one transport."""

import asyncio
import functools
import ssl
from collections.abc import Awaitable, Callable
from importlib.metadata import version as installed

import aiomqtt
import scenario
from paho.mqtt.packettypes import PacketTypes

from harness.paho_client import properties, unique
from harness.waiting import DEADLINE_SECONDS

PROTOCOLS = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}
ADDRESS = scenario.address()


def connect(
    protocol: aiomqtt.ProtocolVersion, identifier: str | None = None, **options
) -> aiomqtt.Client:
    encrypted = ADDRESS.transport in ("tls", "wss")
    is_web_socket = ADDRESS.transport in ("ws", "wss")
    is_unix = ADDRESS.transport == "unix"
    if is_web_socket:
        options["websocket_path"] = "/mqtt"
    return aiomqtt.Client(
        ADDRESS.socket if is_unix else ADDRESS.host,
        ADDRESS.port,
        identifier=identifier or unique("aiomqtt"),
        protocol=protocol,
        transport="websockets" if is_web_socket else "unix" if is_unix else "tcp",
        tls_context=ssl.create_default_context(cafile=ADDRESS.authority) if encrypted else None,
        **options,
    )


async def take(subscriber: aiomqtt.Client, count: int) -> list[aiomqtt.Message]:
    messages: list[aiomqtt.Message] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(messages) < count:
            messages.append(await anext(subscriber.messages))
    return messages


async def quality(qos: int, protocol: aiomqtt.ProtocolVersion, topic: str) -> None:
    async with connect(protocol) as subscriber, connect(protocol) as publisher:
        await subscriber.subscribe(topic, qos=qos)
        for payload in scenario.payloads(10):
            await publisher.publish(topic, payload, qos=qos)
        messages = await take(subscriber, 10)
        assert [message.payload for message in messages] == scenario.payloads(10)
        assert {(message.qos, message.retain) for message in messages} == {(qos, False)}


async def retained(protocol: aiomqtt.ProtocolVersion, topic: str) -> None:
    async with connect(protocol) as publisher, connect(protocol) as late:
        await publisher.publish(topic, b"old", qos=1, retain=True)
        await late.subscribe(topic, qos=1)
        (message,) = await take(late, 1)
        assert (message.payload, message.retain) == (b"old", True)
        await publisher.publish(topic, b"", qos=1, retain=True)
        async with connect(protocol) as later:
            await later.subscribe(topic, qos=1)
            await publisher.publish(topic, b"new", qos=1)
            (message,) = await take(later, 1)
            assert (message.payload, message.retain) == (b"new", False)


async def will(protocol: aiomqtt.ProtocolVersion, topic: str) -> None:
    last = aiomqtt.Will(topic, b"gone", qos=1)
    identifier = unique("victim")
    async with connect(protocol) as watcher:
        await watcher.subscribe(topic, qos=1)
        try:
            async with connect(protocol, identifier, will=last) as older:
                # Taken over, and so without DISCONNECT.
                async with connect(protocol, identifier):
                    await take(older, 1)
        except aiomqtt.MqttError:
            pass
        (message,) = await take(watcher, 1)
        assert (message.payload, message.qos, message.retain) == (b"gone", 1, False)


async def session(protocol: aiomqtt.ProtocolVersion, topic: str) -> None:
    identifier = unique("kept")
    kept, clean = {"clean_session": False}, {"clean_session": True}
    if protocol == aiomqtt.ProtocolVersion.V5:
        made = properties(PacketTypes.CONNECT, SessionExpiryInterval=300)
        kept, clean = {"clean_start": False, "properties": made}, {"clean_start": True}
    async with connect(protocol, identifier, **kept) as first:
        await first.subscribe(topic, qos=1)
    async with connect(protocol) as publisher:
        for payload in scenario.payloads(3):
            await publisher.publish(topic, payload, qos=1)
    async with connect(protocol, identifier, **kept) as second:
        messages = await take(second, 3)
        assert [message.payload for message in messages] == scenario.payloads(3)
    async with connect(protocol, identifier, **clean):
        pass


async def shared(protocol: aiomqtt.ProtocolVersion, topic: str) -> None:
    async with connect(protocol) as one, connect(protocol) as other:
        for member in (one, other):
            await member.subscribe(f"$share/group/{topic}", qos=1)
        async with connect(protocol) as publisher:
            for payload in scenario.payloads(20):
                await publisher.publish(topic, payload, qos=1)
        messages = await take(one, 10) + await take(other, 10)
        payloads = sorted(message.payload for message in messages)
        assert payloads == sorted(scenario.payloads(20))


def run(version: str, capability: str, function: Callable[..., Awaitable[None]]) -> None:
    protocol = PROTOCOLS[version]
    scenario.run(version, capability, lambda topic: asyncio.run(function(protocol, topic)))


def main() -> None:
    scenario.introduce("aiomqtt", installed("aiomqtt"))
    for version in scenario.VERSIONS:
        for qos in range(3):
            run(version, f"qos{qos}", functools.partial(quality, qos))
        for function in (retained, will, session, shared):
            run(version, function.__name__, function)


if __name__ == "__main__":
    main()
