//! MQTT 5.0 3.3: PUBLISH, its flags, topic and answer.

use crate::support::everywhere;
use crate::support::packets::{
    PINGREQ, Publish as Publish311, field, packet, puback, pubcomp, pubrec, pubrel,
};
use crate::v5::packets::{Publish, acknowledgement};
use crate::v5::properties::id;
use crate::v5::{on_one_shard, settle5};

/// [MQTT-3.3.1-1] A PUBLISH that is sent again has DUP = 1.
#[test]
fn mqtt5_3_3_1_1_redelivery_has_dup() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.begin5("subscriber");
        subscriber.subscribe5("a", 2);
        for qos in 1..3 {
            publisher.publish5_surely(&Publish::new("a", [qos]).qos(qos, 0));
        }
        let first = [subscriber.receive5(), subscriber.receive5()];
        assert!(first.iter().all(|message| !message.duplicate), "{first:?}");
        let mut subscriber = server.resume5("subscriber");
        for message in first {
            assert_eq!(subscriber.receive5(), message.duplicate());
        }
    });
}

/// [MQTT-3.3.1-2] At QoS 0 DUP is 0: the broker keeps to it, and a Client that does not is closed.
#[test]
fn mqtt5_3_3_1_2_qos_0_has_no_dup() {
    on_one_shard(|server| {
        server.disconnects5(&Publish::new("a", "x").duplicate().bytes(), 0x81);
    });
}

/// [MQTT-3.3.1-3] DUP of a delivery does not come from the DUP of the publication.
#[test]
fn mqtt5_3_3_1_3_dup_is_not_passed_on() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a", 2);
        for qos in 1..3 {
            publisher.publish5_surely(&Publish::new("a", "x").qos(qos, 0).duplicate());
            let message = subscriber.receive5_surely();
            assert_eq!((message.duplicate, message.qos), (false, qos));
        }
    });
}

/// [MQTT-3.3.1-4] QoS 3 is malformed.
#[test]
fn mqtt5_3_3_1_4_qos_3_is_malformed() {
    on_one_shard(|server| server.disconnects5(&Publish::new("a", "x").qos(3, 1).bytes(), 0x81));
}

/// [MQTT-3.3.2-1] The topic is the first field, and a string.
#[test]
fn mqtt5_3_3_2_1_topic_is_a_string() {
    on_one_shard(|server| {
        for body in [&[][..], &[0], &[0, 1], &[0, 3, b'a', 0]] {
            server.disconnects5(&packet(0x30, &[body]), 0x81);
        }
        server.disconnects5(&packet(0x30, &[&field(b"\xff"), &[0]]), 0x81);
    });
}

/// [MQTT-3.3.2-2] A Topic Name has no wildcards.
#[test]
fn mqtt5_3_3_2_2_topic_has_no_wildcards() {
    on_one_shard(|server| {
        for topic in ["#", "+", "a/#", "a/+/b", "a+", "#a"] {
            server.disconnects5(&Publish::new(topic, "x").bytes(), 0x90);
        }
    });
}

/// [MQTT-3.3.2-3] The topic of a delivery matches the subscription, and is that of the publication.
#[test]
fn mqtt5_3_3_2_3_topic_matches_the_filter() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a/+/c", 0);
        subscriber.subscribe5("d/#", 0);
        for topic in ["a/c", "a/b/c/d", "a/b", "a/b/c", "e/d", "d", "d/", "A/b/c", "a//c"] {
            publisher.publish5(topic, topic);
        }
        for topic in ["a/b/c", "d", "d/", "a//c"] {
            subscriber.expect_message5(topic, topic);
        }
        settle5(&mut publisher, &mut subscriber);
        subscriber.expect_silence();
    });
}

/// [MQTT-3.3.4-1] The answer to a PUBLISH is that of its QoS: none, PUBACK, PUBREC; with Reason
/// Code 0 where somebody may get the message, and 0x10 where nobody does.
#[test]
fn mqtt5_3_3_4_1_answer_is_that_of_the_qos() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        publisher.publish5_surely(&Publish::new("a", "x"));
        publisher.send(&Publish::new("a", "x").qos(1, 7).bytes());
        publisher.expect(&acknowledgement(0x40, 7, 0x10));
        publisher.send(&Publish::new("a", "x").qos(2, 8).bytes());
        publisher.expect(&acknowledgement(0x50, 8, 0x10));
        publisher.send(&pubrel(8));
        publisher.expect(&pubcomp(8));
        subscriber.subscribe5("a", 0);
        publisher.send(&Publish::new("a", "x").qos(1, 7).bytes());
        publisher.expect(&puback(7));
        publisher.send(&Publish::new("a", "x").qos(2, 8).bytes());
        publisher.expect(&pubrec(8));
        publisher.send(&pubrel(8));
        publisher.expect(&pubcomp(8));
        publisher.expect_silence();
    });
}

/// [MQTT-3.3.4-2] Where subscriptions overlap, one copy has the highest QoS of them.
#[test]
fn mqtt5_3_3_4_2_overlap_has_the_highest_qos() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        for (filter, qos) in [("a/#", 0), ("a/b", 1), ("+/b", 2), ("#", 1)] {
            subscriber.subscribe5(filter, qos);
        }
        for qos in 0..3 {
            publisher.publish5_surely(&Publish::new("a/b", "x").qos(qos, 0));
            assert_eq!(subscriber.receive5_surely().qos, qos);
        }
        subscriber.expect_silence();
    });
}

/// [MQTT-3.3.4-3] The identifiers of all subscriptions that match go along.
#[test]
fn mqtt5_3_3_4_3_subscription_identifiers_go_along() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        for number in [1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455] {
            subscriber.subscribe5_as(number, "a", 1);
            for qos in 0..2 {
                publisher.publish5_surely(&Publish::new("a", "x").qos(qos, 0));
                let message = subscriber.receive5_surely();
                let numbers = message.properties.numbers(id::SUBSCRIPTION_IDENTIFIER);
                assert_eq!(numbers, [u32::try_from(number).expect("28 bits")]);
            }
        }
        // A subscription without one takes its place.
        subscriber.subscribe5("a", 0);
        publisher.publish5("a", "x");
        subscriber.expect_message5("a", "x");
    });
}

/// [MQTT-3.3.4-4] A single copy carries all of them, the same number as often as it was given, and
/// none for a subscription that has none.
#[test]
fn mqtt5_3_3_4_4_one_copy_has_all_identifiers() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5_as(3, "a/b", 0);
        subscriber.subscribe5_as(1, "a/+", 2);
        subscriber.subscribe5_as(3, "a/#", 1);
        subscriber.subscribe5("#", 0);
        subscriber.subscribe5_as(300, "+/b", 0);
        subscriber.subscribe5_as(9, "a/c", 0);
        for qos in 0..3 {
            publisher.publish5_surely(&Publish::new("a/b", "x").qos(qos, 0));
            let message = subscriber.receive5_surely();
            let mut numbers = message.properties.numbers(id::SUBSCRIPTION_IDENTIFIER);
            numbers.sort_unstable();
            assert_eq!(numbers, [1, 3, 3, 300]);
        }
        subscriber.expect_silence();
    });
}

/// [MQTT-3.3.4-6] A Client's PUBLISH has no Subscription Identifier.
#[test]
fn mqtt5_3_3_4_6_client_sends_no_subscription_identifier() {
    use crate::v5::properties::Properties;
    on_one_shard(|server| {
        let properties = Properties::new().variable(id::SUBSCRIPTION_IDENTIFIER, 1);
        server.disconnects5(&Publish::new("a", "x").properties(properties).bytes(), 0x82);
    });
}

/// [MQTT-3.3.4-7] A Client with more publications under way than the broker's Receive Maximum is
/// told so and closed; those that are acknowledged do not count.
#[test]
fn mqtt5_3_3_4_7_receive_maximum_of_the_broker_holds() {
    let mut limits = broker::Limits::default();
    limits.receive_maximum = 3;
    crate::support::everywhere_with(&limits, |server| {
        let mut client = server.client5("client");
        for _ in 0..4 {
            for identifier in 1..=3 {
                client.send(&Publish::new("a", "x").qos(2, identifier).bytes());
                client.expect(&acknowledgement(0x50, identifier, 0x10));
            }
            // The same once more is no other one, and QoS 1 is acknowledged at once.
            client.send(&Publish::new("a", "x").qos(2, 2).duplicate().bytes());
            assert_eq!(client.receive()[0], 0x50);
            for identifier in 4..10 {
                client.send(&Publish::new("a", "x").qos(1, identifier).bytes());
                assert_eq!(client.receive()[0], 0x40);
            }
            for identifier in 1..=3 {
                client.send(&pubrel(identifier));
                client.expect(&pubcomp(identifier));
            }
        }
        for identifier in 1..=4 {
            client.send(&Publish::new("a", "x").qos(2, identifier).bytes());
        }
        for _ in 1..=3 {
            assert_eq!(client.receive()[0], 0x50);
        }
        client.expect_disconnect(0x93);
    });
}

/// [MQTT-3.3.4-9] No more than the Client's Receive Maximum of messages are under way to it.
#[test]
fn mqtt5_3_3_4_9_receive_maximum_of_the_client_holds() {
    everywhere(|server| {
        for maximum in [1, 2, 7] {
            let mut publisher = server.client5("publisher");
            let connect = server
                .connect5("subscriber")
                .with(|properties| properties.two_bytes(id::RECEIVE_MAXIMUM, maximum));
            let mut subscriber = server.accepted5(&connect, false);
            subscriber.subscribe5("a", 2);
            let mut open = Vec::new();
            for number in 0..20_u8 {
                publisher.publish5_surely(&Publish::new("a", [number]).qos(1 + number % 2, 0));
                if open.len() < usize::from(maximum) {
                    open.push(subscriber.receive5());
                }
            }
            for number in 0..20_u8 {
                settle5(&mut publisher, &mut subscriber);
                subscriber.expect_silence();
                let message = open.remove(0);
                assert_eq!(message.payload, [number]);
                match (message.qos, number % 4) {
                    (1, 0) => subscriber.send(&puback(message.identifier)),
                    // A refusal frees its place as well, and PUBREC alone does not.
                    (1, _) => subscriber.send(&acknowledgement(0x40, message.identifier, 0x97)),
                    (_, 1) => subscriber.send(&acknowledgement(0x50, message.identifier, 0x80)),
                    _ => {
                        subscriber.send(&pubrec(message.identifier));
                        subscriber.expect(&pubrel(message.identifier));
                        subscriber.expect_silence();
                        subscriber.send(&pubcomp(message.identifier));
                    }
                }
                if usize::from(number) + usize::from(maximum) < 20 {
                    open.push(subscriber.receive5());
                }
            }
            subscriber.expect_silence();
        }
    });
}

/// [MQTT-3.3.4-10] Packets other than PUBLISH at QoS 1 and 2 do not wait for acknowledgements.
#[test]
fn mqtt5_3_3_4_10_other_packets_do_not_wait() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let connect = server
            .connect5("subscriber")
            .with(|properties| properties.two_bytes(id::RECEIVE_MAXIMUM, 1));
        let mut subscriber = server.accepted5(&connect, false);
        subscriber.subscribe5("a", 2);
        for _ in 0..3 {
            publisher.publish5_surely(&Publish::new("a", "x").qos(2, 0));
        }
        let open = subscriber.receive5();
        publisher.publish5("a", "at QoS 0");
        subscriber.expect_message5("a", "at QoS 0");
        subscriber.send(&PINGREQ);
        subscriber.expect(&[0xd0, 0]);
        subscriber.subscribe5("b", 0);
        subscriber.publish5_surely(&Publish::new("c", "x").qos(1, 0));
        subscriber.publish5_surely(&Publish::new("c", "x").qos(2, 0));
        subscriber.unsubscribe5("b");
        subscriber.send(&pubrec(open.identifier));
        subscriber.expect(&pubrel(open.identifier));
        subscriber.send(&pubcomp(open.identifier));
        assert_eq!(subscriber.receive5_surely().payload, b"x");
    });
}

/// [MQTT-3.3.4-10] Neither do the PUBRELs of a session that is gone on with, though they are more
/// than the Receive Maximum that the Client has now.
#[test]
fn mqtt5_3_3_4_10_pubrels_of_a_session_do_not_wait() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.begin5("subscriber");
        subscriber.subscribe5("a", 2);
        for _ in 0..4 {
            publisher.publish5_surely(&Publish::new("a", "x").qos(2, 0));
        }
        let identifiers = [(); 4].map(|()| subscriber.receive5().identifier);
        for identifier in identifiers {
            subscriber.send(&pubrec(identifier));
            subscriber.expect(&pubrel(identifier));
        }
        let connect = server
            .connect5("subscriber")
            .resume()
            .with(|properties| properties.two_bytes(id::RECEIVE_MAXIMUM, 1));
        let mut subscriber = server.accepted5(&connect, true);
        for identifier in identifiers {
            subscriber.expect(&pubrel(identifier));
        }
        for identifier in identifiers {
            subscriber.send(&pubcomp(identifier));
        }
        publisher.publish5_surely(&Publish::new("a", "new").qos(1, 0));
        assert_eq!(subscriber.receive5_surely().payload, b"new");
    });
}

/// [MQTT-3.3.4-1] A publication crosses versions: to 3.1.1 it loses its properties, to 5.0 it gains
/// none, at each QoS.
#[test]
fn mqtt5_3_3_4_1_publications_cross_versions() {
    use crate::v5::properties::Properties;
    everywhere(|server| {
        let mut new = server.client5("new");
        let mut old = server.client("old");
        new.subscribe5_as(5, "to/new", 2);
        old.subscribe("to/old", 2);
        for qos in 0..3 {
            old.publish_surely(&Publish311::new("to/new", [qos]).qos(qos, 0));
            let message = new.receive5_surely();
            assert_eq!((message.qos, &message.payload[..]), (qos, &[qos][..]));
            let expected = Properties::new().variable(id::SUBSCRIPTION_IDENTIFIER, 5);
            assert_eq!(message.properties, expected);
            let properties = Properties::new()
                .byte(id::PAYLOAD_FORMAT_INDICATOR, 1)
                .string(id::CORRELATION_DATA, [0, 1])
                .user("a", "b");
            let message = Publish::new("to/old", [qos]).properties(properties).expiry(100);
            new.publish5_surely(&message.qos(qos, 0));
            let message = old.receive_surely();
            let expected = Publish311::new("to/old", [qos]).qos(qos, message.identifier);
            assert_eq!(message, expected);
        }
    });
}
