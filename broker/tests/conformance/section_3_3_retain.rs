//! MQTT 3.3.1.3: RETAIN.

use std::collections::BTreeSet;

use crate::support::client::Client;
use crate::support::packets::{PINGREQ, Publish};
use crate::support::{Server, everywhere, limits, settle};

/// What is retained under a topic, as a new subscriber learns.
fn retained(publisher: &mut Client, subscriber: &mut Client, topic: &str) -> Option<Publish> {
    settle(publisher, subscriber);
    subscriber.subscribe(topic, 2);
    subscriber.send(&PINGREQ);
    let packet = subscriber.receive();
    let message = (packet[0] >> 4 == 3).then(|| Publish::parse(&packet));
    if message.is_some() {
        assert_eq!(subscriber.receive(), [0xd0, 0], "one retained message");
    }
    subscriber.unsubscribe(topic);
    message
}

/// Runs a test with a publisher and a subscriber, on two shards where there are two.
fn with_two(test: impl Fn(&mut Client, &mut Client)) {
    everywhere(|server| test(&mut server.client("publisher"), &mut server.client("subscriber")));
}

/// [MQTT-3.3.1-5] RETAIN = 1: the message is stored with its QoS for subscribers to come.
#[test]
fn mqtt_3_3_1_5_retained_message_is_stored_with_its_qos() {
    with_two(|publisher, subscriber| {
        for qos in 0..3 {
            publisher.publish_surely(&Publish::new("a/b", [qos]).qos(qos, 0).retain());
            for topic in ["a/b", "a/+", "#", "+/b/#"] {
                let message = retained(publisher, subscriber, topic).expect("it is retained");
                assert_eq!((message.topic.as_str(), message.qos), ("a/b", qos));
                assert_eq!(message.payload, [qos]);
            }
        }
    });
}

/// [MQTT-3.3.1-6] A new subscription gets the last retained message of each topic that matches.
#[test]
fn mqtt_3_3_1_6_new_subscription_gets_the_last_message_of_each_topic() {
    with_two(|publisher, subscriber| {
        for number in 0..3_u8 {
            for topic in ["a/1", "a/2", "a/3/x", "b"] {
                publisher.retain(topic, [number]);
            }
        }
        settle(publisher, subscriber);
        subscriber.subscribe("a/#", 1);
        let mut found: Vec<_> = (0..3).map(|_| subscriber.receive_publish()).collect();
        found.sort_by(|one, other| one.topic.cmp(&other.topic));
        let expected = ["a/1", "a/2", "a/3/x"].map(|topic| Publish::new(topic, [2]).retain());
        assert_eq!(found, expected);
        subscriber.expect_silence();
    });
}

/// [MQTT-3.3.1-6] However many retained messages there are and however slowly they are read: all
/// come, the output stays small, and other Clients notice nothing.
#[test]
fn mqtt_3_3_1_6_slow_readers_get_all_retained_messages() {
    const MESSAGES: usize = 20_000;
    const READERS: u64 = 200;
    let server = Server::start(2, |builder| builder);
    let mut publisher = server.client("publisher");
    let mut subscriber = server.client("subscriber");
    let packets = (0..MESSAGES).map(|n| Publish::new(&format!("r/{n}"), [b'x'; 200]).retain());
    publisher.send(&packets.flat_map(|packet| packet.bytes()).collect::<Vec<u8>>());
    settle(&mut publisher, &mut subscriber);
    let mut readers: Vec<Client> = (0..READERS).map(|n| server.client(&format!("r{n}"))).collect();
    for reader in &mut readers {
        reader.subscribe("r/#", 0);
    }
    subscriber.subscribe("live", 0);
    let output_max = READERS * (limits(|_| {}).replay_bytes_max as u64 + 300);
    for round in 0..200_u8 {
        publisher.publish("live", [round]);
        subscriber.expect_message("live", [round]);
        assert!(server.statistics().output_bytes <= output_max);
    }
    for reader in readers.iter_mut().step_by(67) {
        let found: BTreeSet<_> = (0..MESSAGES).map(|_| reader.receive_publish().topic).collect();
        assert_eq!(found.len(), MESSAGES);
        reader.expect_silence();
    }
    assert_eq!(server.statistics().dropped_output_full, 0);
}

/// [MQTT-3.3.1-7] A retained message of QoS 0 takes the place of what was retained before.
#[test]
fn mqtt_3_3_1_7_qos_0_replaces_what_was_retained() {
    with_two(|publisher, subscriber| {
        publisher.publish_surely(&Publish::new("a", "old").qos(2, 0).retain());
        publisher.retain("a", "new");
        let message = retained(publisher, subscriber, "a");
        assert_eq!(message, Some(Publish::new("a", "new").retain()));
    });
}

/// [MQTT-3.3.1-8] RETAIN is 1 on what is sent because of a new subscription.
#[test]
fn mqtt_3_3_1_8_retained_message_has_retain() {
    with_two(|publisher, subscriber| {
        publisher.publish_surely(&Publish::new("a", "x").qos(1, 0).retain());
        let message = retained(publisher, subscriber, "a").expect("it is retained");
        assert_eq!((message.retain, message.duplicate), (true, false));
    });
}

/// [MQTT-3.3.1-8] A retained message that waits in a session keeps RETAIN = 1, and when it is
/// sent again.
#[test]
fn mqtt_3_3_1_8_retain_is_kept_on_redelivery() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.begin("subscriber");
        publisher.publish_surely(&Publish::new("a", "x").qos(1, 0).retain());
        settle(&mut publisher, &mut subscriber);
        subscriber.subscribe("a", 1);
        let message = subscriber.receive_publish();
        assert!(message.retain);
        let again = server.resume("subscriber").receive_publish();
        assert_eq!(again, message.duplicate());
    });
}

/// [MQTT-3.3.1-9] RETAIN is 0 on what an established subscription gets.
#[test]
fn mqtt_3_3_1_9_established_subscription_gets_no_retain() {
    with_two(|publisher, subscriber| {
        subscriber.subscribe("a", 2);
        for qos in 0..3 {
            publisher.publish_surely(&Publish::new("a", "x").qos(qos, 0).retain());
            let message = subscriber.receive_surely();
            assert_eq!((message.retain, message.qos), (false, qos));
        }
    });
}

/// [MQTT-3.3.1-10] RETAIN = 1 without payload is delivered as any message, and removes what was
/// retained.
#[test]
fn mqtt_3_3_1_10_empty_payload_is_delivered_and_removes() {
    with_two(|publisher, subscriber| {
        publisher.retain("a", "old");
        publisher.retain("b", "stays");
        settle(publisher, subscriber);
        subscriber.subscribe("a", 0);
        assert_eq!(subscriber.receive_publish(), Publish::new("a", "old").retain());
        publisher.retain("a", "");
        subscriber.expect_message("a", "");
        subscriber.unsubscribe("a");
        assert_eq!(retained(publisher, subscriber, "a"), None);
        assert!(retained(publisher, subscriber, "b").is_some());
    });
}

/// [MQTT-3.3.1-11] A message without payload is never retained.
#[test]
fn mqtt_3_3_1_11_empty_payload_is_not_stored() {
    with_two(|publisher, subscriber| {
        for qos in 0..3 {
            publisher.publish_surely(&Publish::new("a", "").qos(qos, 0).retain());
            assert_eq!(retained(publisher, subscriber, "a"), None);
        }
    });
}

/// [MQTT-3.3.1-12] RETAIN = 0 neither stores, replaces nor removes.
#[test]
fn mqtt_3_3_1_12_without_retain_nothing_changes() {
    with_two(|publisher, subscriber| {
        publisher.publish_surely(&Publish::new("a", "not this").qos(1, 0));
        assert_eq!(retained(publisher, subscriber, "a"), None);
        publisher.retain("a", "this");
        publisher.publish_surely(&Publish::new("a", "nor this").qos(1, 0));
        publisher.publish_surely(&Publish::new("a", "").qos(1, 0));
        let message = retained(publisher, subscriber, "a").expect("it is retained");
        assert_eq!(message.payload, b"this");
    });
}
