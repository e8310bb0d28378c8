"""`mosquitto_pub`, `mosquitto_sub` and `mosquitto_rr`, in each protocol version."""

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from harness import mosquitto
from harness.broker import Address
from harness.mosquitto import Subscriber
from harness.paho_client import Client, forget_session, unique
from harness.program import Program
from harness.waiting import DEADLINE_SECONDS

DEADLINE = str(int(DEADLINE_SECONDS))


@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_publish_and_subscribe(address: Address, topic: str, qos: str, version: str) -> None:
    common = ("-V", version, "-q", qos, "-t", topic)
    with Subscriber(address, *common, "-C", "3") as subscriber:
        for payload in ("17", "", "hot and cold"):
            mosquitto.publish(address, *common, "-m", payload)
        expected = [f"0 {qos} {topic} {payload}" for payload in ("17", "", "hot and cold")]
        assert subscriber.messages(3) == expected
        assert subscriber.wait_for_exit() == 0


@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_many_lines_in_order(address: Address, topic: str, qos: str) -> None:
    lines = [str(number) for number in range(200)]
    with Subscriber(address, "-q", qos, "-t", topic, text_format="%p") as subscriber:
        text = "\n".join(lines) + "\n"
        mosquitto.publish(address, "-q", qos, "-t", topic, "-l", standard_input=text.encode())
        assert subscriber.messages(len(lines)) == lines


def test_a_large_file(address: Address, topic: str) -> None:
    payload = bytes(range(256)) * 4096
    with Client(address) as subscriber:
        subscriber.subscribe((topic, 1))
        mosquitto.publish(address, "-q", "1", "-t", topic, "-s", standard_input=payload)
        assert subscriber.receive()[0].payload == payload


@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])
def test_retained(address: Address, topic: str, version: str) -> None:
    common = ("-V", version, "-q", "1")
    for name, value in (("a", "1"), ("b", "2"), ("a", "3")):
        mosquitto.publish(address, *common, "-r", "-t", f"{topic}/{name}", "-m", value)
    filters = ("-t", topic + "/#", "-F", mosquitto.FORMAT, "-W", DEADLINE)
    lines = mosquitto.run_subscriber(address, *common, *filters, "-C", "2")
    assert sorted(lines) == [f"1 1 {topic}/a 3", f"1 1 {topic}/b 2"]

    mosquitto.publish(address, *common, "-r", "-n", "-t", topic + "/a")
    with Subscriber(address, *common, "-t", topic + "/#") as subscriber:
        mosquitto.publish(address, *common, "-r", "-t", topic + "/b", "-m", "live")
        assert subscriber.messages(2) == [f"1 1 {topic}/b 2", f"0 1 {topic}/b live"]
    mosquitto.publish(address, *common, "-r", "-n", "-t", topic + "/b")


@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_will_of_a_killed_client(address: Address, topic: str, qos: str) -> None:
    will = ("--will-topic", topic + "/will", "--will-payload", "gone", "--will-qos", qos)
    with Subscriber(address, "-q", "2", "-t", topic + "/will") as watcher:
        with Subscriber(address, "-t", topic, *will) as victim:
            victim.process.kill()
        assert watcher.messages(1) == [f"0 {qos} {topic}/will gone"]


def test_retained_will(address: Address, topic: str) -> None:
    will = ("--will-topic", topic, "--will-payload", "gone", "--will-retain", "--will-qos", "1")
    with Subscriber(address, "-q", "1", "-t", topic) as watcher:
        with Subscriber(address, "-t", topic + "/x", *will) as victim:
            victim.process.kill()
        assert watcher.messages(1) == [f"0 1 {topic} gone"]
    options = ("-q", "1", "-t", topic, "-F", mosquitto.FORMAT, "-C", "1", "-W", DEADLINE)
    assert mosquitto.run_subscriber(address, *options) == [f"1 1 {topic} gone"]
    mosquitto.publish(address, "-q", "1", "-r", "-n", "-t", topic)


def test_no_will_after_disconnect(address: Address, topic: str) -> None:
    """[MQTT-3.14.4-3]: mosquitto_pub ends with DISCONNECT."""
    will = ("--will-topic", topic, "--will-payload", "gone")
    with Subscriber(address, "-t", topic) as watcher:
        mosquitto.publish(address, "-t", topic, "-m", "first", *will)
        mosquitto.publish(address, "-t", topic, "-m", "second")
        assert watcher.messages(2) == [f"0 0 {topic} first", f"0 0 {topic} second"]


@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])
@pytest.mark.parametrize("qos", ["1", "2"])
def test_persistent_session(address: Address, topic: str, qos: str, version: str) -> None:
    client_id = unique("mossub")
    common = ("-V", version, "-q", qos, "-t", topic)
    session = (*common, "-c", "-i", client_id)
    mosquitto.run_subscriber(address, *session, "-E")
    for payload in ("1", "2", "3"):
        mosquitto.publish(address, *common, "-m", payload)
    lines = mosquitto.run_subscriber(
        address, *session, "-F", mosquitto.FORMAT, "-C", "3", "-W", DEADLINE
    )
    assert lines == [f"0 {qos} {topic} {payload}" for payload in ("1", "2", "3")]
    forget_session(address, client_id)


def test_several_filters_and_unsubscribe(address: Address, topic: str) -> None:
    filters = ("-t", topic + "/+/x", "-t", topic + "/y/#", "-U", topic + "/y/#")
    with Subscriber(address, "-q", "1", *filters) as subscriber:
        subscriber.wait_for_line(lambda line: "received UNSUBACK" in line, "UNSUBACK")
        for name in ("y/z", "a/x"):
            mosquitto.publish(address, "-q", "1", "-t", f"{topic}/{name}", "-m", name)
        assert subscriber.messages(1) == [f"0 1 {topic}/a/x a/x"]


def test_properties(address: Address, topic: str) -> None:
    """MQTT 5.0: Content Type, Correlation Data, Payload Format, Response Topic, User Properties."""
    sent = {
        "content-type": "text/plain",
        "correlation-data": "42",
        "payload-format-indicator": "1",
        "response-topic": topic + "/answers",
    }
    common = ("-V", "mqttv5", "-q", "1", "-t", topic)
    options = [word for name, value in sent.items() for word in ("-D", "publish", name, value)]
    for name, value in (("b", "1"), ("a", "2"), ("b", "1")):
        options += ["-D", "publish", "user-property", name, value]
    with Subscriber(address, *common, text_format="%C|%D|%F|%R|%P|%p") as subscriber:
        mosquitto.publish(address, *common, "-m", "payload", *options)
        expected = f"text/plain|42|1|{topic}/answers|b:1 a:2 b:1|payload"
        assert subscriber.messages(1) == [expected]


def test_message_expiry_interval(address: Address, topic: str) -> None:
    common = ("-V", "mqttv5", "-q", "1", "-t", topic)
    expiry = ("-D", "publish", "message-expiry-interval", "1000")
    mosquitto.publish(address, *common, "-r", "-m", "x", *expiry)
    options = ("-F", "%r %E", "-C", "1", "-W", DEADLINE)
    (line,) = mosquitto.run_subscriber(address, *common, *options)
    retain, left = line.split()
    assert retain == "1" and 900 < int(left) <= 1000
    mosquitto.publish(address, *common, "-r", "-n")


def test_subscription_identifier_and_topic_alias(address: Address, topic: str) -> None:
    common = ("-V", "mqttv5", "-t", topic)
    identifier = ("-D", "subscribe", "subscription-identifier", "268435455")
    with Subscriber(address, *common, *identifier, text_format="%S %t %p") as subscriber:
        alias = ("-D", "publish", "topic-alias", "1")
        mosquitto.publish(address, *common, *alias, "-m", "x")
        assert subscriber.messages(1) == [f"268435455 {topic} x"]


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_shared_subscription(address: Address, topic: str, version: str) -> None:
    group = ("-V", version, "-q", "1", "-t", f"$share/group/{topic}")
    lines = [str(number) for number in range(20)]
    with (
        Subscriber(address, *group, text_format="%p") as one,
        Subscriber(address, *group, text_format="%p") as two,
    ):
        text = "\n".join(lines) + "\n"
        mosquitto.publish(address, "-q", "1", "-t", topic, "-l", standard_input=text.encode())
        # Members take turns.
        assert sorted(one.messages(10) + two.messages(10), key=int) == lines


def test_session_expiry(address: Address, topic: str) -> None:
    client_id = unique("mosexp")
    common = ("-V", "mqttv5", "-q", "1", "-t", topic)
    mosquitto.run_subscriber(address, *common, "-c", "-x", "1000", "-i", client_id, "-E")
    mosquitto.publish(address, *common, "-m", "kept")
    session = (*common, "-c", "-i", client_id, "-W", DEADLINE)
    assert mosquitto.run_subscriber(address, *session, "-x", "0", "-C", "1") == ["kept"]
    forget_session(address, client_id)


def test_request_and_response(address: Address, topic: str) -> None:
    """`mosquitto_rr` asks, a Client of Paho's answers by what the request says."""
    with Client(address, protocol=MQTTProtocolVersion.MQTTv5) as responder:
        responder.subscribe((topic + "/questions", 1))
        options = ("-V", "mqttv5", "-q", "1", "-t", topic + "/questions", "-e", topic + "/answers")
        command = mosquitto.command(
            "mosquitto_rr", address, (*options, "-m", "how warm", "-W", DEADLINE)
        )
        with Program(command) as asking:
            (question,) = responder.receive()
            assert question.payload == b"how warm"
            answer_to = question.value("ResponseTopic")
            assert answer_to == topic + "/answers"
            correlation = question.value("CorrelationData")
            values = {} if correlation is None else {"CorrelationData": correlation}
            responder.deliver(str(answer_to), b"21 degrees", 1, **values)
            assert asking.wait_for_exit() == 0
            assert asking.lines == ["21 degrees"]
