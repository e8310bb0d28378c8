//! What a CONNECT says is what was typed.

use std::sync::mpsc;

use crate::loadgen::loadgen;
use crate::scripted::{Broker, Script};

/// A CONNACK of MQTT 3 and one of MQTT 5.
const OLD: &[u8] = b"\x20\x02\x00\x00";
const NEW: &[u8] = b"\x20\x03\x00\x00\x00";

/// The CONNECT packets of two clients, that of the publisher first, without Client Identifier.
fn connects(options: &str, connack: fn(usize) -> Option<&'static [u8]>) -> [Vec<u8>; 2] {
    let (sender, seen) = mpsc::channel();
    let broker = Broker::start(Script { connack, seen: Some(sender), ..Script::default() });
    let run = loadgen(&format!(
        "--clients 2 --rate 100ms -d 100ms --warmup 0s --connect-rate 100 --quiet {options} {}",
        broker.options()
    ));
    run.summary(0);
    let mut connects = seen.try_iter().filter(|packet| packet[0] == 0x10).map(|packet| {
        let tag = packet.windows(7).position(|bytes| bytes == b"kelvin-").unwrap();
        let rest = packet[tag..].to_vec();
        // kelvin-, three characters of the run, -p-0 or -s-0
        [&packet[2..tag - 2], &rest[14..]].concat()
    });
    [connects.next().unwrap(), connects.next().unwrap()]
}

#[test]
fn each_version_has_its_name_and_level() {
    let [publisher, subscriber] = connects("", |_| Some(OLD));
    assert_eq!(publisher, b"\0\x04MQTT\x04\x02\0\x3c");
    assert_eq!(subscriber, publisher);
    assert_eq!(connects("-V 3.1", |_| Some(OLD))[0], b"\0\x06MQIsdp\x03\x02\0\x3c");
    let maximum_packet_size = b"\x05\x27\0\x10\0\0";
    let expected = [&b"\0\x04MQTT\x05\x02\0\x3c"[..], maximum_packet_size].concat();
    assert_eq!(connects("-V 5", |_| Some(NEW))[0], expected);
}

#[test]
fn logins_and_wills_are_those_of_each_client() {
    let options = "-u user%i -P pass%i --will-topic w/%i --will-payload gone%i --will-qos 1 \
                   --will-retain --no-clean -k 2m";
    let [publisher, subscriber] = connects(options, |_| Some(OLD));
    let expected = b"\0\x04MQTT\x04\xec\0\x78\0\x03w/0\0\x05gone0\0\x05user0\0\x05pass0";
    assert_eq!(publisher, expected);
    assert_eq!(subscriber, expected, "each kind is numbered from 0");
}

#[test]
fn mqtt_5_says_how_long_sessions_live_and_whether_aliases_may_come() {
    let [publisher, _] = connects("-V 5 --session-expiry 1m --topic-alias -k 0", |_| Some(NEW));
    let properties = b"\x0d\x11\0\0\0\x3c\x27\0\x10\0\0\x22\0\x10";
    assert_eq!(publisher, [&b"\0\x04MQTT\x05\x02\0\0"[..], properties].concat());
}
