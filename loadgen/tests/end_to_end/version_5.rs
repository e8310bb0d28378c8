//! MQTT 5 against a scripted broker: its limits are kept, its reasons are told, its aliases and
//! identifiers are understood.

use std::sync::mpsc;

use reports::Summary;

use crate::loadgen::{Run, loadgen};
use crate::scripted::{Broker, Script};

/// One publisher, 30 publications, all measured.
const ONE_PUBLISHER: &str =
    "-V 5 --topology fan-out --subscribers 2 --rate 20ms -d 600ms --warmup 0s --drain 1s --quiet";

/// Bytes of a stamped payload.
const PAYLOAD_BYTES: usize = 33;

fn script() -> Script {
    Script { connack: |_| Some(b"\x20\x03\x00\x00\x00"), ..Script::default() }
}

fn run(options: &str, script: Script) -> Run {
    let broker = Broker::start(script);
    loadgen(&format!("{ONE_PUBLISHER} {options} {}", broker.options()))
}

fn error_of(options: &str, script: Script) -> String {
    run(options, script).error().to_owned()
}

fn has_warning(summary: &Summary, text: &str) -> bool {
    summary.warnings.iter().any(|warning| warning.contains(text))
}

/// A PUBLISH of QoS 0 with these properties and the payload of another packet.
fn publish(topic: &str, properties: &[u8], packet: &[u8]) -> Vec<u8> {
    let topic_length = u8::try_from(topic.len()).unwrap();
    let properties_length = u8::try_from(properties.len()).unwrap();
    let body = [
        &[0, topic_length][..],
        topic.as_bytes(),
        &[properties_length],
        properties,
        &packet[packet.len() - PAYLOAD_BYTES..],
    ]
    .concat();
    [&[0x30, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}

#[test]
fn a_broker_that_behaves_loses_nothing() {
    let summary = run("", script()).summary(0);
    assert_eq!((summary.counts.delivered, summary.counts.lost), (60, 0));
    assert_eq!(summary.config.protocol, "5");
    assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
}

#[test]
fn a_refused_connect_brings_the_reason_and_the_words_of_the_broker() {
    let connack = |_| Some(&b"\x20\x08\x00\x87\x05\x1f\x00\x02no"[..]);
    let error = error_of("", Script { connack, ..script() });
    assert!(error.ends_with("refused CONNECT: not authorized (reason code 0x87): no"), "{error}");
}

#[test]
fn a_broker_that_does_not_know_mqtt_5_is_told_from_one_that_refuses() {
    let connack = |_| Some(&b"\x20\x02\x00\x01"[..]);
    let error = error_of("", Script { connack, ..script() });
    assert!(
        error.contains("unacceptable protocol version (return code 1); try another -V"),
        "{error}"
    );
}

#[test]
fn an_auth_that_nobody_asked_for_ends_the_handshake() {
    let connack = |_| Some(&b"\xf0\x00"[..]);
    let error = error_of("", Script { connack, ..script() });
    assert!(error.contains("sent an AUTH, although no Authentication Method"), "{error}");
}

#[test]
fn a_connack_without_properties_is_malformed_and_does_not_hang() {
    let connack = |_| Some(&b"\x20\x02\x00\x00"[..]);
    let error = error_of("", Script { connack, ..script() });
    assert!(error.contains("malformed properties"), "{error}");
}

#[test]
fn a_refused_subscription_brings_the_reason() {
    let error = error_of("", Script { suback: Some(0x87), ..script() });
    let expected = "the broker refused the subscription: not authorized (reason code 0x87)";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn what_the_broker_does_not_take_is_an_error_with_the_cure() {
    let connack = |_| Some(&b"\x20\x05\x00\x00\x02\x24\x00"[..]);
    let error = error_of("--qos 1", Script { connack, ..script() });
    assert!(error.contains("takes publications of QoS 0 at most; use --qos 0"), "{error}");
    let connack = |_| Some(&b"\x20\x05\x00\x00\x02\x25\x00"[..]);
    let error = error_of("", Script { connack, ..script() });
    assert!(error.contains("takes no publications with RETAIN = 1; use --no-retain"), "{error}");
    let connack = |_| Some(&b"\x20\x08\x00\x00\x05\x27\x00\x00\x00\x14"[..]);
    let error = error_of("", Script { connack, ..script() });
    assert!(error.contains("takes packets of 20 bytes at most, and these are 49"), "{error}");
}

#[test]
fn no_more_is_in_flight_than_the_receive_maximum_or_the_option_allows() {
    let connack = |_| Some(&b"\x20\x06\x00\x00\x03\x21\x00\x02"[..]);
    let summary = run("--qos 1", Script { connack, ..script() }).summary(0);
    assert_eq!(summary.counts.sent, 2, "nothing was acknowledged");
    assert!(has_warning(&summary, "28 publication(s) were due and never sent"));
    let summary = run("--qos 2 --inflight 3", script()).summary(0);
    assert_eq!(summary.counts.sent, 3);
}

#[test]
fn refused_publications_are_counted_by_reason() {
    let answer = |packet: &[u8]| {
        let identifier = 4 + usize::from(packet[3]);
        let code = if packet[identifier + 1].is_multiple_of(3) { 0x87 } else { 0x97 };
        vec![0x40, 3, packet[identifier], packet[identifier + 1], code]
    };
    let summary = run("--qos 1", Script { answer, ..script() }).summary(0);
    assert_eq!(summary.counts.sent, 30);
    let warning = "10 publication(s) were refused: not authorized (reason code 0x87)";
    assert!(has_warning(&summary, warning), "{:?}", summary.warnings);
    let warning = "20 publication(s) were refused: quota exceeded (reason code 0x97)";
    assert!(has_warning(&summary, warning), "{:?}", summary.warnings);
}

#[test]
fn a_disconnect_of_the_broker_is_counted_and_shown_with_its_reason() {
    for (packet, reason) in [
        (&b"\xe0\x00"[..], "normal disconnection (reason code 0x00)"),
        (b"\xe0\x01\x8e", "session taken over (reason code 0x8e)"),
        (b"\xe0\x07\x8b\x05\x1f\x00\x02hm", "server shutting down (reason code 0x8b): hm"),
    ] {
        let route =
            Box::new(move |number, subscriber, message: &[u8]| match (number, subscriber) {
                (9, 1) => vec![packet.to_vec()],
                _ => vec![message.to_vec()],
            });
        let script = Script { route, close_after: Some((9, vec![1])), ..script() };
        let summary = run("", script).summary(0);
        assert_eq!((summary.counts.disconnected, summary.counts.lost), (1, 21));
        let ended = format!("the first: the broker sent DISCONNECT: {reason}");
        assert!(has_warning(&summary, &ended), "{:?}", summary.warnings);
        assert!(has_warning(&summary, "the broker sent DISCONNECT on 1 connection(s): "));
    }
}

#[test]
fn topic_aliases_of_the_broker_are_understood() {
    let route = Box::new(|number, _, packet: &[u8]| {
        let topic = if number == 0 { "temperature" } else { "" };
        vec![publish(topic, b"\x23\x00\x03", packet)]
    });
    let summary = run("--topic-alias", Script { route, ..script() }).summary(0);
    assert_eq!((summary.counts.delivered, summary.counts.disconnected), (60, 0));

    let (sender, seen) = mpsc::channel();
    let route = Box::new(|_, _, packet: &[u8]| vec![publish("", b"\x23\x00\x03", packet)]);
    let script = Script { route, seen: Some(sender), ..script() };
    let summary = run("--topic-alias", script).summary(0);
    assert_eq!((summary.counts.delivered, summary.counts.disconnected), (0, 2));
    let ended = "the first: the broker used the Topic Alias 3, which stands for no topic";
    assert!(has_warning(&summary, ended), "{:?}", summary.warnings);
    let told = seen.try_iter().filter(|packet| packet == b"\xe0\x01\x94").count();
    assert_eq!(told, 2, "the broker is told why");
}

#[test]
fn a_malformed_packet_is_answered_with_a_reason() {
    let (sender, seen) = mpsc::channel();
    let route = Box::new(|number, subscriber, packet: &[u8]| match (number, subscriber) {
        (4, 0) => vec![b"\x30\x05\x00\x01t\x02\x7f".to_vec()],
        _ => vec![packet.to_vec()],
    });
    let summary = run("", Script { route, seen: Some(sender), ..script() }).summary(0);
    assert_eq!((summary.counts.disconnected, summary.counts.lost), (1, 26));
    assert!(has_warning(&summary, "malformed PUBLISH"), "{:?}", summary.warnings);
    assert!(seen.try_iter().any(|packet| packet == b"\xe0\x01\x81"));
}

#[test]
fn a_topic_alias_is_sent_once_its_topic_was() {
    let (sender, seen) = mpsc::channel();
    let script = Script {
        connack: |_| Some(b"\x20\x06\x00\x00\x03\x22\x00\x05"),
        route: Box::new(|_, _, packet: &[u8]| vec![publish("temperature", b"", packet)]),
        seen: Some(sender),
        ..script()
    };
    let summary = run("--topic-alias", script).summary(0);
    assert_eq!((summary.counts.sent, summary.counts.lost), (30, 0));
    let publications: Vec<_> = seen.try_iter().filter(|packet| packet[0] == 0x31).collect();
    assert_eq!(publications.len(), 30);
    let first = [&b"\0\x0btemperature"[..], b"\x03\x23\x00\x01"].concat();
    assert!(publications[0][2..].starts_with(&first));
    assert!(publications[1..].iter().all(|packet| packet[2..].starts_with(b"\0\0\x03\x23\0\x01")));
}

#[test]
fn several_subscription_identifiers_leave_the_payload_whole() {
    let identifiers = b"\x0b\x01\x0b\x02\x0b\x83\x01\x0b\x04";
    let route = Box::new(|_, _, packet: &[u8]| vec![publish("temperature", identifiers, packet)]);
    let summary = run("", Script { route, ..script() }).summary(0);
    assert_eq!((summary.counts.delivered, summary.counts.foreign), (60, 0));
}

#[test]
fn the_keep_alive_of_the_server_holds() {
    let (sender, seen) = mpsc::channel();
    let script = Script {
        connack: |_| Some(b"\x20\x06\x00\x00\x03\x13\x00\x01"),
        seen: Some(sender),
        ..script()
    };
    let broker = Broker::start(script);
    let options = "-V 5 --clients 2 --rate 2s -d 2s --warmup 0s --quiet -k 60";
    loadgen(&format!("{options} {}", broker.options())).summary(0);
    assert!(seen.try_iter().any(|packet| packet == b"\xc0\x00"), "the subscribers fell silent");
}

#[test]
fn a_plain_payload_is_the_exact_number_with_the_stamp_beside_it() {
    let (sender, seen) = mpsc::channel();
    let script = Script { seen: Some(sender), ..script() };
    let summary = run("--payload plain --user-property site=%i", script).summary(0);
    assert_eq!((summary.counts.delivered, summary.counts.foreign), (60, 0));
    assert_eq!(summary.latency.delivery.from_due.count, 60);
    let publications: Vec<_> = seen.try_iter().filter(|packet| packet[0] == 0x31).collect();
    assert_eq!(publications.len(), 30);
    for packet in publications {
        let properties = 2 + 2 + "temperature".len();
        let length = usize::from(packet[properties]);
        let (properties, payload) = packet[properties + 1..].split_at(length);
        assert!(properties.starts_with(b"\x09\0\x1e"), "Correlation Data of 30 bytes");
        assert!(properties.ends_with(b"\x26\0\x04site\0\x010"));
        let number: u8 = std::str::from_utf8(payload).unwrap().parse().unwrap();
        assert!((1..=40).contains(&number));
    }
}
