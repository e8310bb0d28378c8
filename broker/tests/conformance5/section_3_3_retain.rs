//! MQTT 5.0 3.3.1.3: RETAIN, Retain Handling and Retain As Published.

use crate::support::client::Client;
use crate::support::everywhere;
use crate::support::packets::{PINGREQ, PINGRESP, Publish as Publish311};
use crate::v5::packets::Publish;
use crate::v5::properties::Properties;
use crate::v5::settle5;

/// Subscription Options.
const RETAIN_AS_PUBLISHED: u8 = 0x08;
const SEND_IF_NEW: u8 = 0x10;
const DO_NOT_SEND: u8 = 0x20;

/// What a subscription brings at once.
fn brought(subscriber: &mut Client, filter: &str, options: u8) -> Vec<Publish> {
    subscriber.subscribe5(filter, options);
    subscriber.send(&PINGREQ);
    let mut messages = Vec::new();
    loop {
        let packet = subscriber.receive();
        if packet == PINGRESP {
            return messages;
        }
        messages.push(Publish::parse(&packet));
    }
}

/// Runs a test with a publisher and a subscriber, on two shards where there are two.
fn with_two(test: impl Fn(&mut Client, &mut Client)) {
    everywhere(|server| test(&mut server.client5("publisher"), &mut server.client5("subscriber")));
}

/// [MQTT-3.3.1-5] RETAIN = 1: the message takes the place of the one that was retained, with its
/// QoS and its properties.
#[test]
fn mqtt5_3_3_1_5_retained_message_is_stored() {
    with_two(|publisher, subscriber| {
        for qos in [0, 1, 2, 0] {
            let properties = Properties::new().user("qos", &qos.to_string());
            let message = Publish::new("a/b", [qos]).properties(properties).retain();
            publisher.publish5_surely(&message.clone().qos(qos, 0));
            settle5(publisher, subscriber);
            let found = brought(subscriber, "a/#", 2);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0], message.qos(qos, found[0].identifier));
            subscriber.unsubscribe5("a/#");
        }
    });
}

/// [MQTT-3.3.1-6] RETAIN = 1 without payload is delivered as any message, and removes what was
/// retained.
#[test]
fn mqtt5_3_3_1_6_empty_payload_removes() {
    with_two(|publisher, subscriber| {
        publisher.retain5("a", "old");
        publisher.retain5("b", "stays");
        settle5(publisher, subscriber);
        assert_eq!(brought(subscriber, "a", 0), [Publish::new("a", "old").retain()]);
        publisher.retain5("a", "");
        subscriber.expect_message5("a", "");
        settle5(publisher, subscriber);
        assert_eq!(brought(subscriber, "#", 0), [Publish::new("b", "stays").retain()]);
        subscriber.unsubscribe5("#");
    });
}

/// [MQTT-3.3.1-7] A message without payload is not retained, properties or none.
#[test]
fn mqtt5_3_3_1_7_empty_payload_is_not_stored() {
    with_two(|publisher, subscriber| {
        let properties = Properties::new().user("a", "b");
        publisher.publish5_surely(&Publish::new("a", "").properties(properties).retain());
        settle5(publisher, subscriber);
        assert_eq!(brought(subscriber, "a", 0), []);
    });
}

/// [MQTT-3.3.1-8] RETAIN = 0 neither stores, replaces nor removes.
#[test]
fn mqtt5_3_3_1_8_without_retain_nothing_changes() {
    with_two(|publisher, subscriber| {
        publisher.publish5("a", "not this");
        publisher.retain5("b", "this");
        for payload in ["nor this", ""] {
            publisher.publish5_surely(&Publish::new("b", payload).qos(1, 0));
        }
        settle5(publisher, subscriber);
        assert_eq!(brought(subscriber, "a", 0), []);
        assert_eq!(brought(subscriber, "b", 0), [Publish::new("b", "this").retain()]);
    });
}

/// [MQTT-3.3.1-9] Retain Handling 0: retained messages come with every SUBSCRIBE.
#[test]
fn mqtt5_3_3_1_9_retained_messages_come_each_time() {
    with_two(|publisher, subscriber| {
        publisher.retain5("a/1", "x");
        publisher.retain5("a/2", "y");
        settle5(publisher, subscriber);
        for _ in 0..3 {
            let mut found = brought(subscriber, "a/+", 0);
            found.sort_by(|one, other| one.topic.cmp(&other.topic));
            let expected = [("a/1", "x"), ("a/2", "y")].map(|(t, p)| Publish::new(t, p).retain());
            assert_eq!(found, expected);
        }
    });
}

/// [MQTT-3.3.1-10] Retain Handling 1: they come when the subscription is new, and not when it is
/// there already, in the session as well.
#[test]
fn mqtt5_3_3_1_10_retained_messages_come_with_a_new_subscription() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.begin5("subscriber");
        publisher.retain5("a", "x");
        settle5(&mut publisher, &mut subscriber);
        assert_eq!(brought(&mut subscriber, "a", SEND_IF_NEW).len(), 1);
        assert_eq!(brought(&mut subscriber, "a", SEND_IF_NEW), []);
        assert_eq!(brought(&mut subscriber, "a", 1 | SEND_IF_NEW), []);
        // Another filter is another subscription.
        assert_eq!(brought(&mut subscriber, "a/#", SEND_IF_NEW).len(), 1);
        let mut subscriber = server.resume5("subscriber");
        assert_eq!(brought(&mut subscriber, "a", SEND_IF_NEW), []);
        subscriber.unsubscribe5("a");
        assert_eq!(brought(&mut subscriber, "a", SEND_IF_NEW).len(), 1);
    });
}

/// [MQTT-3.3.1-11] Retain Handling 2: they do not come.
#[test]
fn mqtt5_3_3_1_11_retained_messages_are_not_wanted() {
    with_two(|publisher, subscriber| {
        publisher.retain5("a", "x");
        settle5(publisher, subscriber);
        for _ in 0..2 {
            assert_eq!(brought(subscriber, "a", DO_NOT_SEND), []);
        }
        publisher.retain5("a", "live");
        subscriber.expect_message5("a", "live");
    });
}

/// [MQTT-3.3.1-12] Without Retain As Published, RETAIN is 0 on what an established subscription
/// gets.
#[test]
fn mqtt5_3_3_1_12_retain_is_cleared() {
    with_two(|publisher, subscriber| {
        subscriber.subscribe5("a", 2);
        for qos in 0..3 {
            publisher.publish5_surely(&Publish::new("a", "x").qos(qos, 0).retain());
            let message = subscriber.receive5_surely();
            assert_eq!((message.retain, message.qos), (false, qos));
        }
    });
}

/// [MQTT-3.3.1-13] With it, RETAIN is that of the publication, from a Client of 3.1.1 as well, on
/// redelivery and out of a queue.
#[test]
fn mqtt5_3_3_1_13_retain_is_as_published() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut old = server.client("old");
        let mut subscriber = server.begin5("subscriber");
        subscriber.subscribe5("a", 2 | RETAIN_AS_PUBLISHED);
        for retain in [true, false] {
            for qos in 0..3 {
                let message = Publish { retain, ..Publish::new("a", "x").qos(qos, 0) };
                publisher.publish5_surely(&message);
                assert_eq!(subscriber.receive5_surely().retain, retain);
                let message = Publish311 { retain, ..Publish311::new("a", "x").qos(qos, 0) };
                old.publish_surely(&message);
                assert_eq!(subscriber.receive5_surely().retain, retain);
            }
            let message = Publish { retain, ..Publish::new("a", "x").qos(1, 0) };
            publisher.publish5_surely(&message);
            assert_eq!(subscriber.receive5().retain, retain);
            subscriber = server.resume5("subscriber");
            let again = subscriber.receive5_surely();
            assert_eq!((again.duplicate, again.retain), (true, retain));
            drop(subscriber);
            server.wait_for_connections(2);
            publisher.publish5_surely(&message);
            subscriber = server.resume5("subscriber");
            assert_eq!(subscriber.receive5_surely().retain, retain);
        }
    });
}
