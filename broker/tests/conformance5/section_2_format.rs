//! MQTT 5.0 2: the format of Control Packets.

use std::collections::BTreeSet;

use crate::support::everywhere;
use crate::support::packets::{field, packet, puback, pubcomp, pubrec, pubrel};
use crate::v5::on_one_shard;
use crate::v5::packets::{Connect, Publish, body, suback, subscribe, unsuback, unsubscribe};
use crate::v5::properties::Properties;

/// [MQTT-2.1.3-1] Reserved flags of the fixed header are as the specification lists them.
#[test]
fn mqtt5_2_1_3_1_reserved_flags_are_checked() {
    on_one_shard(|server| {
        let filter = [&[0, 1, 0], &field(b"a")[..]].concat();
        let packets: [(u8, &[u8]); 9] = [
            (0x40, &[0, 1]),
            (0x50, &[0, 1]),
            (0x62, &[0, 1]),
            (0x70, &[0, 1]),
            (0x82, &[&filter[..], &[0]].concat()),
            (0xa2, &filter),
            (0xc0, &[]),
            (0xe0, &[]),
            (0xf0, &[0x18, 0]),
        ];
        for (first, body) in packets {
            for flags in (0..16).filter(|flags| *flags != first & 0x0f) {
                server.disconnects5(&packet(first & 0xf0 | flags, &[body]), 0x81);
            }
        }
        let connect = Connect::new("client").bytes();
        for flags in 1..16 {
            let mut client = server.open();
            client.send(&[&[0x10 | flags], &connect[1..]].concat());
            client.expect_closed();
        }
    });
}

/// [MQTT-2.2.1-2] A PUBLISH at QoS 0 has no Packet Identifier.
#[test]
fn mqtt5_2_2_1_2_qos_0_has_no_packet_identifier() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a", 2);
        publisher.publish5("a", "x");
        subscriber.expect(&[0x30, 5, 0, 1, b'a', 0, b'x']);
        subscriber.subscribe5("b", 0);
        publisher.publish5_surely(&Publish::new("b", "x").qos(2, 0));
        subscriber.expect(&[0x30, 5, 0, 1, b'b', 0, b'x']);
    });
}

/// [MQTT-2.2.1-3] A Packet Identifier of a Client is not zero.
#[test]
fn mqtt5_2_2_1_3_packet_identifier_zero_is_a_violation() {
    on_one_shard(|server| {
        let none = Properties::new();
        server.disconnects5(&Publish::new("a", "x").qos(1, 0).bytes(), 0x82);
        server.disconnects5(&Publish::new("a", "x").qos(2, 0).bytes(), 0x82);
        server.disconnects5(&subscribe(0, &none, &[("a", 0)]), 0x82);
        server.disconnects5(&unsubscribe(0, &none, &["a"]), 0x82);
        for acknowledgement in [puback(0), pubrec(0), pubrel(0), pubcomp(0)] {
            server.disconnects5(&acknowledgement, 0x82);
        }
    });
}

/// [MQTT-2.2.1-4] The broker gives each message under way an identifier of its own, not zero.
#[test]
fn mqtt5_2_2_1_4_identifiers_in_flight_differ() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a", 2);
        let mut open = BTreeSet::new();
        for number in 0..200_u8 {
            publisher.publish5_surely(&Publish::new("a", [number]).qos(1 + number % 2, 0));
            let message = subscriber.receive5();
            assert_ne!(message.identifier, 0);
            assert!(open.insert(message.identifier), "{} is in use", message.identifier);
            if message.qos == 1 && number % 3 == 0 {
                subscriber.send(&puback(message.identifier));
                open.remove(&message.identifier);
            }
        }
    });
}

/// [MQTT-2.2.1-5] PUBACK, PUBREC, PUBREL and PUBCOMP name the identifier of their PUBLISH.
#[test]
fn mqtt5_2_2_1_5_acknowledgements_name_the_publication() {
    everywhere(|server| {
        let mut client = server.client5("client");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a", 2);
        for identifier in [1, 0x1234, u16::MAX] {
            client.send(&Publish::new("a", "x").qos(1, identifier).bytes());
            client.expect(&puback(identifier));
            client.send(&Publish::new("a", "x").qos(2, identifier).bytes());
            client.expect(&pubrec(identifier));
            client.send(&pubrel(identifier));
            client.expect(&pubcomp(identifier));
            assert_eq!(subscriber.receive5_surely().qos, 1);
            // Checks the PUBREL.
            assert_eq!(subscriber.receive5_surely().qos, 2);
        }
    });
}

/// [MQTT-2.2.1-6] SUBACK and UNSUBACK name the identifier of what they answer.
#[test]
fn mqtt5_2_2_1_6_suback_and_unsuback_name_the_request() {
    everywhere(|server| {
        let mut client = server.client5("client");
        let none = Properties::new();
        for identifier in [1, 0x1234, u16::MAX] {
            client.send(&subscribe(identifier, &none, &[("a", 0)]));
            client.expect(&suback(identifier, &[0]));
            client.send(&unsubscribe(identifier, &none, &["a"]));
            client.expect(&unsuback(identifier, &[0]));
        }
    });
}

/// [MQTT-2.2.2-1] Where there are no properties, a Property Length of zero says so: the broker
/// sends it, and a packet without it is malformed.
#[test]
fn mqtt5_2_2_2_1_property_length_is_there() {
    on_one_shard(|server| {
        let mut client = server.client5("client");
        client.send(&subscribe(1, &Properties::new(), &[("a", 1)]));
        client.expect(&[0x90, 4, 0, 1, 0, 1]);
        client.send(&Publish::new("a", "").qos(1, 2).bytes());
        assert_eq!(body(&client.receive()).last(), Some(&0), "a PUBLISH without payload");
        client.expect(&puback(2));
        client.send(&unsubscribe(3, &Properties::new(), &["a"]));
        client.expect(&[0xb0, 4, 0, 3, 0, 0]);
        server.disconnects5(&packet(0x30, &[&field(b"a")]), 0x81);
        server.disconnects5(&packet(0x82, &[&[0, 1]]), 0x81);
        server.disconnects5(&packet(0xa2, &[&[0, 1]]), 0x81);
        server.refuses5(&packet(0x10, &[&field(b"MQTT"), &[5, 2, 0, 0]]), 0x81);
    });
}

/// [MQTT-2.2.2-1] A property of another packet, one that there is none of, and one that is longer
/// than the Property Length are malformed; one that is there twice is a Protocol Error, 2.2.2.2.
#[test]
fn mqtt5_2_2_2_1_properties_are_those_of_the_packet() {
    use crate::v5::properties::id;
    on_one_shard(|server| {
        let malformed = [
            Properties::new().four_bytes(id::WILL_DELAY_INTERVAL, 1),
            Properties::new().two_bytes(id::SERVER_KEEP_ALIVE, 1),
            Properties::new().byte(0x7f, 0),
            Properties::new().byte(0, 0),
            Properties::new().byte(id::MESSAGE_EXPIRY_INTERVAL, 0),
        ];
        for properties in malformed {
            server.disconnects5(&Publish::new("a", "").properties(properties).bytes(), 0x81);
        }
        let twice = [
            Properties::new().byte(id::PAYLOAD_FORMAT_INDICATOR, 0),
            Properties::new().four_bytes(id::MESSAGE_EXPIRY_INTERVAL, 9),
            Properties::new().string(id::CONTENT_TYPE, "x"),
            Properties::new().string(id::RESPONSE_TOPIC, "x"),
            Properties::new().string(id::CORRELATION_DATA, "x"),
            Properties::new().two_bytes(id::TOPIC_ALIAS, 1),
        ];
        for once in twice {
            let one = once.bytes();
            let length = u8::try_from(2 * (one.len() - 1)).expect("short properties");
            let both = [&[length], &one[1..], &one[1..]].concat();
            server.disconnects5(&packet(0x30, &[&field(b"a"), &both]), 0x82);
        }
    });
}
