//! Packets that no Client should send.

use crate::support::packets::{PINGRESP, Publish, pubrec, subscribe, unsubscribe};
use crate::support::{everywhere, everywhere_with, limits, settle};
use crate::v5;
use crate::v5::properties::{Properties, id};

/// CVE-2021-28166: packets that only a Server sends.
#[test]
fn packets_of_a_server_close() {
    everywhere(|server| {
        let packets =
            [vec![0x20, 2, 0, 0], vec![0x90, 3, 0, 1, 0], vec![0xb0, 2, 0, 1], PINGRESP.to_vec()];
        for bytes in packets {
            let mut stranger = server.open();
            stranger.send(&bytes);
            stranger.expect_closed();
            let mut client = server.client("client");
            client.send(&bytes);
            client.expect_closed();
        }
        server.wait_for("violations to count", |s| s.protocol_violations == 8);
    });
}

/// CVE-2023-28366: QoS 2 messages that are never released, again and again under one identifier.
#[test]
fn repeated_qos_2_identifiers_hold_one_message() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        witness.subscribe("a", 0);
        let mut client = server.client("client");
        let message = Publish::new("a", vec![b'x'; 1000]).qos(2, 1).bytes();
        for _ in 0..20 {
            client.send(&message.repeat(50));
            for _ in 0..50 {
                client.expect(&pubrec(1));
            }
        }
        client.publish("a", "next");
        assert_eq!(witness.receive_publish().payload, vec![b'x'; 1000]);
        witness.expect_message("a", "next");
        server.wait_for("duplicates to count", |s| s.duplicates_received == 999);
    });
}

/// CVE-2021-34432: a PUBLISH to nothing. And U+0000, in every place that names a topic.
#[test]
fn cve_2021_34432_empty_topics_and_null_characters_close() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        let mut other = server.client("other");
        for topic in ["", "\0", "a\0b", "a/\0"] {
            let will = server.connect("client").will(topic, "x").bytes();
            let mut stranger = server.open();
            stranger.send(&will);
            stranger.expect_closed();
            let packets = [
                Publish::new(topic, "x").bytes(),
                Publish::new(topic, "x").qos(1, 1).retain().bytes(),
                Publish::new(topic, "x").qos(2, 1).bytes(),
                subscribe(1, &[("a", 0), (topic, 0)]),
                unsubscribe(1, &[topic]),
            ];
            for bytes in packets {
                let mut client = server.client("client");
                client.send(&bytes);
                client.expect_closed();
            }
        }
        settle(&mut other, &mut witness);
        server.wait_for("violations to count", |s| s.protocol_violations == 24);
        assert_eq!(server.statistics().retained_messages, 0);
    });
}

/// mosquitto#3052, mosquitto#3319: names with a `$` are names; a wildcard in front does not match them, and
/// `$share` in a Topic Name means nothing.
#[test]
fn mosquitto_3052_dollar_topics_are_topics() {
    everywhere(|server| {
        let mut subscriber = server.client("subscriber");
        let mut publisher = server.client("publisher");
        let names = ["$", "$x", "$/a", "$share", "$share/", "$share/g", "$share/g/a", "$queue/a"];
        subscriber.subscribe("#", 0);
        subscriber.subscribe("+/a", 0);
        subscriber.subscribe("$x", 0);
        for name in names {
            publisher.publish_surely(&Publish::new(name, name).qos(1, 0).retain());
        }
        settle(&mut publisher, &mut server.client("between"));
        subscriber.expect_message("$x", "$x");
        subscriber.expect_message("settle", "all is there");
        subscriber.expect_silence();
        // Names of shares that are none close, of MQTT 5.0 at least; there is no word for it before.
        for filter in ["$share//a", "$share/+/a", "$share/#/a", "$share/g", "$share/g/"] {
            server
                .disconnects5(&v5::packets::subscribe(1, &Properties::new(), &[(filter, 0)]), 0x8f);
        }
        publisher.expect_silence();
    });
}

/// CVE-2023-28366, the other half: QoS 2 messages of different identifiers that are never released are no
/// more than the Receive Maximum, before 5.0 as well.
#[test]
fn cve_2023_28366_unreleased_qos_2_messages_are_bounded() {
    everywhere_with(&limits(|limits| limits.receive_maximum = 10), |server| {
        let mut client = server.client("client");
        for number in 1..=10 {
            client.send(&Publish::new("a", "x").qos(2, number).bytes());
            client.expect(&pubrec(number));
        }
        // One that is known is no new one.
        client.send(&Publish::new("a", "x").qos(2, 3).duplicate().bytes());
        client.expect(&pubrec(3));
        client.send(&Publish::new("a", "x").qos(2, 11).bytes());
        client.expect_closed();
        server.wait_for("the violation to count", |s| s.protocol_violations == 1);
    });
}

/// CVE-2023-3592: a CONNECT with a Will whose properties are invalid leaked. Each is refused, and nothing of
/// it is left.
#[test]
fn cve_2023_3592_properties_of_wills_are_validated() {
    everywhere(|server| {
        let invalid = [
            // Not of a Will, twice, of a value that there is not, without an end, unknown.
            (Properties::new().two_bytes(id::TOPIC_ALIAS, 1), 0x81),
            (Properties::new().variable(id::SUBSCRIPTION_IDENTIFIER, 1), 0x81),
            (Properties::new().string(id::CONTENT_TYPE, "a").string(id::CONTENT_TYPE, "b"), 0x82),
            (Properties::new().byte(id::PAYLOAD_FORMAT_INDICATOR, 2), 0x82),
            (Properties::new().string(id::RESPONSE_TOPIC, "a/#"), 0x82),
            (Properties::new().string(id::CONTENT_TYPE, "\0"), 0x81),
            (Properties::new().byte(0x7e, 0), 0x81),
        ];
        let rounds = 20;
        for (properties, reason) in &invalid {
            for _ in 0..rounds {
                let will = v5::packets::Publish::new("w", "gone").properties(properties.clone());
                let connect = server.connect5("client").will(will);
                let mut client = server.open();
                client.send(&connect.bytes());
                let connack = v5::packets::Connack::parse(&client.receive());
                assert_eq!(connack.reason, *reason, "to {properties:02x?}");
                client.expect_closed();
            }
        }
        let refused = rounds * invalid.len() as u64;
        server.wait_for("all to be gone", |s| {
            (s.connections, s.sessions, s.protocol_violations) == (0, 0, refused)
        });
        assert_eq!(server.statistics().wills_published, 0);
    });
}

/// CVE-2024-42644, CVE-2024-42645: what a Client may say of itself at its extremes.
#[test]
fn cve_2024_42644_extreme_properties_do_no_harm() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        for (size, maximum) in [(1, 1), (20, 1), (u32::MAX, u16::MAX)] {
            let connect = server.connect5("client").with(|properties| {
                properties
                    .four_bytes(id::MAXIMUM_PACKET_SIZE, size)
                    .two_bytes(id::RECEIVE_MAXIMUM, maximum)
                    .two_bytes(id::TOPIC_ALIAS_MAXIMUM, maximum)
                    .four_bytes(id::SESSION_EXPIRY_INTERVAL, 1)
            });
            let mut client = server.open();
            client.send_in_vain(&connect.bytes());
            client.send_in_vain(&v5::packets::subscribe(1, &Properties::new(), &[("a/#", 2)]));
            let message = v5::packets::Publish::new("a/b", [b'x'; 100]).qos(2, 0).retain();
            let message = message
                .properties(Properties::new().four_bytes(id::MESSAGE_EXPIRY_INTERVAL, u32::MAX));
            publisher.publish5_surely(&message);
        }
        publisher.expect_silence();
    });
}
