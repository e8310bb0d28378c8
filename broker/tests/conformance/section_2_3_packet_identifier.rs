//! MQTT 2.3.1: Packet Identifiers.

use std::collections::BTreeSet;

use crate::support::everywhere;
use crate::support::packets::{
    Publish, packet, puback, pubcomp, pubrec, pubrel, suback, subscribe, unsuback, unsubscribe,
};

/// [MQTT-2.3.1-1] SUBSCRIBE, UNSUBSCRIBE and PUBLISH above QoS 0 have an identifier that is not 0.
#[test]
fn mqtt_2_3_1_1_zero_identifier_closes() {
    everywhere(|server| {
        let packets = [
            subscribe(0, &[("a", 0)]),
            unsubscribe(0, &["a"]),
            Publish::new("a", "x").qos(1, 0).bytes(),
            Publish::new("a", "x").qos(2, 0).bytes(),
            puback(0),
            pubrel(0),
            // No identifier at all.
            packet(0x32, &[&[0, 1, b'a']]),
            packet(0x82, &[]),
        ];
        for bytes in packets {
            let mut client = server.client("client");
            client.send(&bytes);
            client.expect_closed();
        }
    });
}

/// [MQTT-2.3.1-4] The broker gives each message above QoS 0 an identifier that no other message
/// in flight has, and keeps it when it sends the message again.
#[test]
fn mqtt_2_3_1_4_server_identifiers_are_unused_and_kept() {
    everywhere(|server| {
        let mut subscriber = server.begin("subscriber");
        let mut publisher = server.client("publisher");
        subscriber.subscribe("a", 2);
        for number in 0..40_u8 {
            publisher.publish_surely(&Publish::new("a", [number]).qos(1 + number % 2, 1));
        }
        let messages: Vec<Publish> = (0..40).map(|_| subscriber.receive_publish()).collect();
        let identifiers: BTreeSet<u16> = messages.iter().map(|m| m.identifier).collect();
        assert_eq!(identifiers.len(), 40, "an identifier came twice");
        assert!(!identifiers.contains(&0), "0 is no identifier");
        let mut subscriber = server.resume("subscriber");
        for message in messages {
            assert_eq!(subscriber.receive_publish(), message.duplicate());
        }
    });
}

/// [MQTT-2.3.1-5] A PUBLISH of QoS 0 has no identifier.
#[test]
fn mqtt_2_3_1_5_qos_0_has_no_identifier() {
    everywhere(|server| {
        let mut subscriber = server.client("subscriber");
        let mut publisher = server.client("publisher");
        subscriber.subscribe("a", 2);
        publisher.publish("a", "xy");
        subscriber.expect(&[0x30, 5, 0, 1, b'a', b'x', b'y']);
    });
}

/// [MQTT-2.3.1-6] PUBACK, PUBREC and PUBREL carry the identifier of their PUBLISH.
#[test]
fn mqtt_2_3_1_6_acknowledgements_carry_the_identifier_of_the_publish() {
    everywhere(|server| {
        let mut client = server.client("client");
        for identifier in [1, 2, 255, 256, 0x1234, 65_535] {
            client.send(&Publish::new("b", "x").qos(1, identifier).bytes());
            client.expect(&puback(identifier));
            client.send(&Publish::new("b", "x").qos(2, identifier).bytes());
            client.expect(&pubrec(identifier));
            client.send(&pubrel(identifier));
            client.expect(&pubcomp(identifier));
        }
        client.subscribe("a", 2);
        client.send(&Publish::new("a", "x").qos(2, 77).bytes());
        let packets = [client.receive(), client.receive()];
        let message = packets.iter().find(|packet| packet[0] >> 4 == 3).expect("it is delivered");
        let identifier = Publish::parse(message).identifier;
        client.send(&pubrec(identifier));
        client.expect(&pubrel(identifier));
    });
}

/// [MQTT-2.3.1-7] SUBACK and UNSUBACK carry the identifier of what they answer.
#[test]
fn mqtt_2_3_1_7_suback_and_unsuback_carry_the_identifier_of_the_request() {
    everywhere(|server| {
        let mut client = server.client("client");
        for identifier in [1, 255, 256, 65_535] {
            client.send(&subscribe(identifier, &[("a", 1)]));
            client.expect(&suback(identifier, &[1]));
            client.send(&unsubscribe(identifier, &["a"]));
            client.expect(&unsuback(identifier));
        }
    });
}
