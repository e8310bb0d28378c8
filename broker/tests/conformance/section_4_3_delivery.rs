//! MQTT 4.3: Quality of Service levels.

use std::collections::BTreeSet;

use crate::support::everywhere;
use crate::support::packets::{Publish, puback, pubcomp, pubrec, pubrel};

/// [MQTT-4.3.1-1] QoS 0: the broker sends each message once, with QoS 0 and DUP 0.
#[test]
fn mqtt_4_3_1_1_qos_0_is_sent_once() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.begin("subscriber");
        subscriber.subscribe("a", 2);
        publisher.publish("a", "x");
        subscriber.expect_message("a", "x");
        server.resume("subscriber").expect_silence();
    });
}

/// [MQTT-4.3.2-1] QoS 1 as sender: an unused identifier, QoS 1, DUP 0, unacknowledged until the
/// PUBACK comes; another acknowledgement does not do.
#[test]
fn mqtt_4_3_2_1_qos_1_sender() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.begin("subscriber");
        subscriber.subscribe("a", 1);
        let mut identifiers = BTreeSet::new();
        for number in 0..10_u8 {
            publisher.publish_surely(&Publish::new("a", [number]).qos(1, 0));
            let message = subscriber.receive_publish();
            assert_eq!((message.qos, message.duplicate), (1, false));
            assert!(identifiers.insert(message.identifier), "the identifier is in use");
        }
        let first = *identifiers.first().expect("there are ten");
        subscriber.send(&pubcomp(first));
        subscriber.send(&puback(9999));
        subscriber.expect_silence();
        let mut subscriber = server.resume("subscriber");
        for number in 0..10 {
            assert_eq!(subscriber.receive_surely().payload, [number]);
        }
        subscriber.expect_silence();
        server.resume("subscriber").expect_silence();
    });
}

/// [MQTT-4.3.2-2] QoS 1 as receiver: answers with PUBACK; the same identifier afterwards is a new
/// message, DUP or not.
#[test]
fn mqtt_4_3_2_2_qos_1_receiver() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a", 0);
        for payload in ["one", "two", "three"] {
            publisher.send(&Publish::new("a", payload).qos(1, 5).duplicate().bytes());
            publisher.expect(&puback(5));
            subscriber.expect_message("a", payload);
        }
    });
}

/// [MQTT-4.3.3-1] QoS 2 as sender: PUBLISH until PUBREC, then PUBREL until PUBCOMP, and never the
/// PUBLISH again.
#[test]
fn mqtt_4_3_3_1_qos_2_sender() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.begin("subscriber");
        subscriber.subscribe("a", 2);
        publisher.publish_surely(&Publish::new("a", "x").qos(2, 0));
        let message = subscriber.receive_publish();
        assert_eq!((message.qos, message.duplicate), (2, false));
        let identifier = message.identifier;
        // Neither of these is what the exchange waits for.
        subscriber.send(&puback(identifier));
        subscriber.send(&pubcomp(identifier));
        subscriber.expect_silence();
        let mut subscriber = server.resume("subscriber");
        assert_eq!(subscriber.receive_publish(), message.duplicate());
        subscriber.send(&pubrec(identifier));
        subscriber.expect(&pubrel(identifier));
        // PUBREC again, PUBREL again.
        subscriber.send(&pubrec(identifier));
        subscriber.expect(&pubrel(identifier));
        for _ in 0..2 {
            let mut subscriber = server.resume("subscriber");
            subscriber.expect(&pubrel(identifier));
            subscriber.expect_silence();
        }
        let mut subscriber = server.resume("subscriber");
        subscriber.expect(&pubrel(identifier));
        subscriber.send(&pubcomp(identifier));
        subscriber.expect_silence();
        server.resume("subscriber").expect_silence();
    });
}

/// [MQTT-4.3.3-2] QoS 2 as receiver: until the PUBREL each PUBLISH with the identifier is answered
/// by PUBREC and not passed on; PUBREL is answered by PUBCOMP; then the identifier is free.
#[test]
fn mqtt_4_3_3_2_qos_2_receiver() {
    everywhere(|server| {
        let mut publisher = server.begin("publisher");
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a", 0);
        publisher.send(&Publish::new("a", "one").qos(2, 5).bytes());
        publisher.expect(&pubrec(5));
        for _ in 0..3 {
            publisher.send(&Publish::new("a", "one").qos(2, 5).duplicate().bytes());
            publisher.expect(&pubrec(5));
        }
        let mut publisher = server.resume("publisher");
        publisher.send(&Publish::new("a", "one").qos(2, 5).duplicate().bytes());
        publisher.expect(&pubrec(5));
        publisher.send(&pubrel(5));
        publisher.expect(&pubcomp(5));
        publisher.send(&pubrel(5));
        publisher.expect(&pubcomp(5));
        publisher.send(&Publish::new("a", "two").qos(2, 5).duplicate().bytes());
        publisher.expect(&pubrec(5));
        publisher.publish("a", "three");
        for payload in ["one", "two", "three"] {
            subscriber.expect_message("a", payload);
        }
        server.wait_for("duplicates to count", |s| s.duplicates_received == 4);
    });
}
