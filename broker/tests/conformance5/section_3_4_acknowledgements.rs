//! MQTT 5.0 3.4 to 3.7: PUBACK, PUBREC, PUBREL and PUBCOMP.

use crate::support::everywhere;
use crate::support::packets::{packet, puback, pubcomp, pubrec, pubrel};
use crate::v5::on_one_shard;
use crate::v5::packets::{Connect, Publish, acknowledgement, body};
use crate::v5::properties::{Properties, id};

/// Reason Codes of PUBACK and PUBREC, 3.4.2.1 and 3.5.2.1.
const OF_PUBLICATION: [u8; 9] = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
/// Reason Codes of PUBREL and PUBCOMP, 3.6.2.1 and 3.7.2.1.
const OF_RELEASE: [u8; 2] = [0x00, 0x92];

/// An acknowledgement with a Reason String and User Properties.
fn wordy(first: u8, identifier: u16, reason: u8) -> Vec<u8> {
    let properties = Properties::new()
        .user("a", "1")
        .string(id::REASON_STRING, "because")
        .user("a", "1")
        .bytes();
    packet(first, &[&identifier.to_be_bytes(), &[reason], &properties])
}

/// Sends every Reason Code that there is not, to be closed for it.
fn refuses_other_codes(first: u8, codes: &[u8]) {
    on_one_shard(|server| {
        for reason in (0..=255).filter(|reason| !codes.contains(reason)) {
            let mut client = server.client5("client");
            client.subscribe5("a", 2);
            client.send(&Publish::new("a", "x").qos(2, 9).bytes());
            let message = client.receive5();
            client.expect(&pubrec(9));
            client.send(&acknowledgement(first, message.identifier, reason));
            client.expect_disconnect(0x82);
        }
    });
}

/// [MQTT-3.4.2-1] PUBACK has one of its Reason Codes: the broker sends no other one, takes each,
/// with properties or without, and no other one.
#[test]
fn mqtt5_3_4_2_1_reason_codes_of_puback() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a", 2);
        for topic in ["nobody", "a"] {
            publisher.send(&Publish::new(topic, "x").qos(1, 5).bytes());
            let packet = publisher.receive();
            let code = body(&packet).get(2).copied().unwrap_or(0);
            assert!(OF_PUBLICATION.contains(&code), "{packet:02x?}");
        }
        assert_eq!(subscriber.receive5_surely().payload, b"x");
        for code in OF_PUBLICATION {
            for make in [acknowledgement, wordy] {
                publisher.publish5_surely(&Publish::new("a", [code]).qos(1, 0));
                let message = subscriber.receive5();
                assert_eq!(message.payload, [code]);
                subscriber.send(&make(0x40, message.identifier, code));
            }
        }
        subscriber.expect_silence();
    });
    refuses_other_codes(0x40, &OF_PUBLICATION);
}

/// [MQTT-3.5.2-1] PUBREC has one of its Reason Codes; below 0x80 the exchange goes on, from there
/// on it is over.
#[test]
fn mqtt5_3_5_2_1_reason_codes_of_pubrec() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a", 2);
        for topic in ["nobody", "a"] {
            publisher.send(&Publish::new(topic, "x").qos(2, 5).bytes());
            let packet = publisher.receive();
            let code = body(&packet).get(2).copied().unwrap_or(0);
            assert!(OF_PUBLICATION.contains(&code), "{packet:02x?}");
            publisher.send(&pubrel(5));
            publisher.expect(&pubcomp(5));
        }
        assert_eq!(subscriber.receive5_surely().payload, b"x");
        for code in OF_PUBLICATION {
            for make in [acknowledgement, wordy] {
                publisher.publish5_surely(&Publish::new("a", [code]).qos(2, 0));
                let message = subscriber.receive5();
                subscriber.send(&make(0x50, message.identifier, code));
                if code < 0x80 {
                    subscriber.expect(&pubrel(message.identifier));
                    subscriber.send(&make(0x70, message.identifier, 0));
                }
                subscriber.expect_silence();
            }
        }
    });
    refuses_other_codes(0x50, &OF_PUBLICATION);
}

/// [MQTT-3.6.1-1] The flags of a PUBREL are 0010.
#[test]
fn mqtt5_3_6_1_1_flags_of_pubrel() {
    on_one_shard(|server| {
        for flags in (0..16).filter(|flags| *flags != 2) {
            server.disconnects5(&[0x60 | flags, 2, 0, 1], 0x81);
        }
        let mut client = server.client5("client");
        client.subscribe5("a", 2);
        client.send(&Publish::new("a", "x").qos(2, 9).bytes());
        let message = client.receive5();
        client.expect(&pubrec(9));
        client.send(&pubrec(message.identifier));
        assert_eq!(client.receive()[0], 0x62);
    });
}

/// [MQTT-3.6.2-1] PUBREL has one of its Reason Codes: 0x92 where the broker knows of no message.
#[test]
fn mqtt5_3_6_2_1_reason_codes_of_pubrel() {
    everywhere(|server| {
        let mut client = server.client5("client");
        client.send(&pubrec(77));
        client.expect(&acknowledgement(0x62, 77, 0x92));
        for code in OF_RELEASE {
            for make in [acknowledgement, wordy] {
                client.send(&Publish::new("a", "x").qos(2, 9).bytes());
                client.expect(&acknowledgement(0x50, 9, 0x10));
                client.send(&make(0x62, 9, code));
                client.expect(&pubcomp(9));
            }
        }
    });
    refuses_other_codes(0x62, &OF_RELEASE);
}

/// [MQTT-3.7.2-1] PUBCOMP has one of its Reason Codes: 0x92 where the broker knows of no message.
#[test]
fn mqtt5_3_7_2_1_reason_codes_of_pubcomp() {
    everywhere(|server| {
        let mut client = server.client5("client");
        client.send(&pubrel(77));
        client.expect(&acknowledgement(0x70, 77, 0x92));
        client.subscribe5("a", 2);
        for code in OF_RELEASE {
            for make in [acknowledgement, wordy] {
                client.send(&Publish::new("a", "x").qos(2, 9).bytes());
                let message = client.receive5();
                client.expect(&pubrec(9));
                client.send(&pubrec(message.identifier));
                client.expect(&pubrel(message.identifier));
                client.send(&make(0x70, message.identifier, code));
                client.send(&pubrel(9));
                client.expect(&pubcomp(9));
            }
        }
        client.expect_silence();
    });
    refuses_other_codes(0x70, &OF_RELEASE);
}

/// What a Client with the smallest packets gets as acknowledgements of both directions: nothing
/// but the bare packets, though each has a Reason Code that could be explained.
fn acknowledgements_fit() {
    everywhere(|server| {
        let connect = Connect::new(&server.identifier("small"));
        let connect = connect.with(|p| p.four_bytes(id::MAXIMUM_PACKET_SIZE, 16));
        let mut small = server.accepted5(&connect, false);
        small.send(&Publish::new("nobody", "x").qos(1, 1).bytes());
        small.expect(&acknowledgement(0x40, 1, 0x10));
        small.send(&Publish::new("nobody", "x").qos(2, 2).bytes());
        small.expect(&acknowledgement(0x50, 2, 0x10));
        small.send(&pubrec(3));
        small.expect(&acknowledgement(0x62, 3, 0x92));
        small.send(&pubrel(4));
        small.expect(&acknowledgement(0x70, 4, 0x92));
    });
}

/// [MQTT-3.4.2-2] No Reason String makes a PUBACK too large.
#[test]
fn mqtt5_3_4_2_2_reason_string_of_puback_fits() {
    acknowledgements_fit();
}

/// [MQTT-3.4.2-3] No User Property makes a PUBACK too large.
#[test]
fn mqtt5_3_4_2_3_user_property_of_puback_fits() {
    acknowledgements_fit();
}

/// [MQTT-3.5.2-2] No Reason String makes a PUBREC too large.
#[test]
fn mqtt5_3_5_2_2_reason_string_of_pubrec_fits() {
    acknowledgements_fit();
}

/// [MQTT-3.5.2-3] No User Property makes a PUBREC too large.
#[test]
fn mqtt5_3_5_2_3_user_property_of_pubrec_fits() {
    acknowledgements_fit();
}

/// [MQTT-3.6.2-2] No Reason String makes a PUBREL too large.
#[test]
fn mqtt5_3_6_2_2_reason_string_of_pubrel_fits() {
    acknowledgements_fit();
}

/// [MQTT-3.6.2-3] No User Property makes a PUBREL too large.
#[test]
fn mqtt5_3_6_2_3_user_property_of_pubrel_fits() {
    acknowledgements_fit();
}

/// [MQTT-3.7.2-2] No Reason String makes a PUBCOMP too large.
#[test]
fn mqtt5_3_7_2_2_reason_string_of_pubcomp_fits() {
    acknowledgements_fit();
}

/// [MQTT-3.7.2-3] No User Property makes a PUBCOMP too large.
#[test]
fn mqtt5_3_7_2_3_user_property_of_pubcomp_fits() {
    acknowledgements_fit();
}

/// [MQTT-3.4.2-1] An acknowledgement that is cut short or too long is malformed.
#[test]
fn mqtt5_3_4_2_1_format_of_acknowledgements() {
    on_one_shard(|server| {
        let bodies: [&[u8]; 5] = [&[], &[0], &[0, 1, 0, 1], &[0, 1, 0, 0, 0], &[0, 1, 0, 9, 0x1f]];
        for first in [0x40, 0x50, 0x62, 0x70] {
            for body in bodies {
                server.disconnects5(&packet(first, &[body]), 0x81);
            }
        }
        // A Property Length of zero may be there.
        let mut client = server.client5("client");
        client.subscribe5("a", 1);
        client.send(&Publish::new("a", "x").qos(1, 9).bytes());
        let message = client.receive5();
        client.expect(&puback(9));
        client.send(&packet(0x40, &[&message.identifier.to_be_bytes(), &[0, 0]]));
        client.expect_silence();
    });
}
