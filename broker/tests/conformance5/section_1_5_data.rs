//! MQTT 5.0 1.5: how data is represented.

use crate::support::everywhere;
use crate::support::packets::{field, packet};
use crate::v5::on_one_shard;
use crate::v5::packets::{Connect, Publish, disconnect, subscribe};
use crate::v5::properties::{Properties, id};

/// No UTF-8: a lone continuation byte, an overlong form, a surrogate, a truncated sequence.
const ILL_FORMED: [&[u8]; 4] = [b"a\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"a\xe2\x82"];

/// Packets that hold `string` where a string belongs, one for each place that a Client can reach.
fn packets_with(string: &[u8]) -> Vec<Vec<u8>> {
    let topic = field(string);
    let properties = |identifier| Properties::new().string(identifier, string);
    let name = [&[id::USER_PROPERTY], &field(string)[..], &field(b"value")].concat();
    let value = [&[id::USER_PROPERTY], &field(b"name")[..], &field(string)].concat();
    let with_user = |property: &[u8]| {
        let length = u8::try_from(property.len()).expect("a short property");
        packet(0x30, &[&field(b"a"), &[length], property])
    };
    vec![
        packet(0x30, &[&topic, &[0]]),
        packet(0x82, &[&[0, 1, 0], &topic, &[0]]),
        packet(0xa2, &[&[0, 1, 0], &topic]),
        Publish::new("a", "").properties(properties(id::CONTENT_TYPE)).bytes(),
        Publish::new("a", "").properties(properties(id::RESPONSE_TOPIC)).bytes(),
        disconnect(0, &properties(id::REASON_STRING)),
        with_user(&name),
        with_user(&value),
    ]
}

/// [MQTT-1.5.4-1] A string that is not well-formed UTF-8 makes the packet malformed.
#[test]
fn mqtt5_1_5_4_1_ill_formed_utf8_is_malformed() {
    on_one_shard(|server| {
        for string in ILL_FORMED {
            for packet in packets_with(string) {
                server.disconnects5(&packet, 0x81);
            }
            let connect = Connect::new("");
            server.refuses5(&connect.bytes_with(0x02, &field(string)), 0x81);
        }
    });
}

/// [MQTT-1.5.4-2] So does U+0000.
#[test]
fn mqtt5_1_5_4_2_null_character_is_malformed() {
    on_one_shard(|server| {
        for packet in packets_with(b"a\0b") {
            server.disconnects5(&packet, 0x81);
        }
        server.refuses5(&Connect::new("").bytes_with(0x02, &field(b"a\0b")), 0x81);
    });
}

/// [MQTT-1.5.4-3] U+FEFF is a character like any other, at the front of a string as well.
#[test]
fn mqtt5_1_5_4_3_byte_order_mark_is_kept() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("\u{feff}a", 0);
        let properties = Properties::new().user("\u{feff}name", "\u{feff}value");
        let message = Publish::new("\u{feff}a", "x").properties(properties);
        publisher.publish5("a", "not this one");
        publisher.send(&message.bytes());
        assert_eq!(subscriber.receive5(), message);
    });
}

/// [MQTT-1.5.5-1] A variable byte integer of more bytes than it needs makes the packet malformed:
/// a Remaining Length, a Property Length, a Subscription Identifier.
#[test]
fn mqtt5_1_5_5_1_variable_byte_integer_is_minimal() {
    on_one_shard(|server| {
        server.disconnects5(&[0xc0, 0x80, 0], 0x81);
        server.disconnects5(&[0x30, 0x85, 0x80, 0, 0, 1, b'a', 0, b'x'], 0x81);
        server.disconnects5(&packet(0x30, &[&field(b"a"), &[0x80, 0], b"x"]), 0x81);
        let long = [&[0, 1, 3, id::SUBSCRIPTION_IDENTIFIER, 0x85, 0], &field(b"a")[..], &[0]];
        server.disconnects5(&packet(0x82, &[&long.concat()]), 0x81);
        // More than four bytes are none at all.
        let five = [&[0, 1, 6, id::SUBSCRIPTION_IDENTIFIER], &[0xff; 4][..], &[1], &field(b"a")];
        server.disconnects5(&packet(0x82, &[&five.concat(), &[0]]), 0x81);
        // The same in the packet that brings the version.
        let connect = Connect::new("client").bytes();
        let length = connect[1];
        let longer = [&connect[..1], &[length | 0x80, 0], &connect[2..]].concat();
        let mut client = server.open();
        client.send(&longer);
        assert_ne!(client.next().map(|connack| connack[3]), Some(0), "accepted");
    });
}

/// [MQTT-1.5.7-1] Both strings of a pair follow the rules of strings.
#[test]
fn mqtt5_1_5_7_1_both_strings_of_a_pair_are_checked() {
    on_one_shard(|server| {
        for (name, value) in [("a\0", "b"), ("a", "b\0")] {
            let properties = Properties::new().user(name, value);
            let filters = [("a", 0)];
            server.disconnects5(&subscribe(1, &properties, &filters), 0x81);
            let message = Publish::new("a", "x").properties(properties.clone());
            server.disconnects5(&message.bytes(), 0x81);
            server.refuses5(&Connect::new("a").with(|_| properties.clone()).bytes(), 0x81);
            let will = Publish::new("a", "x").properties(properties);
            server.refuses5(&Connect::new("a").will(will).bytes(), 0x81);
        }
    });
}
