//! MQTT 4.4 and 4.5: redelivery, receipt.

use crate::support::everywhere;
use crate::support::packets::{Publish, puback, pubcomp, pubrec, pubrel};

/// [MQTT-4.4.0-1] When the Client comes back with Clean Session 0, the broker sends PUBLISH and
/// PUBREL packets that were not acknowledged again, with their identifiers; and only then.
#[test]
fn mqtt_4_4_0_1_unacknowledged_packets_are_sent_again() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.begin("subscriber");
        subscriber.subscribe("a", 2);
        for number in 0..6_u8 {
            publisher.publish_surely(&Publish::new("a", [number]).qos(1 + number % 2, 0));
        }
        let messages: Vec<Publish> = (0..6).map(|_| subscriber.receive_publish()).collect();
        let identifier = |number: usize| messages[number].identifier;
        subscriber.send(&puback(identifier(0)));
        subscriber.send(&pubrec(identifier(1)));
        subscriber.expect(&pubrel(identifier(1)));
        subscriber.send(&pubrec(identifier(3)));
        subscriber.expect(&pubrel(identifier(3)));
        subscriber.send(&pubcomp(identifier(3)));
        subscriber.expect_silence();
        let mut subscriber = server.resume("subscriber");
        subscriber.expect(&pubrel(identifier(1)));
        for number in [2, 4, 5] {
            assert_eq!(subscriber.receive_publish(), messages[number].clone().duplicate());
        }
        subscriber.expect_silence();
    });
}

/// [MQTT-4.5.0-1] A message that the broker has acknowledged is in the Session State of all whose
/// subscriptions match, on whatever shard and whether they are there or not.
#[test]
fn mqtt_4_5_0_1_accepted_message_reaches_every_matching_session() {
    everywhere(|server| {
        let names: Vec<String> = (0..12).map(|number| format!("subscriber{number}x")).collect();
        for (number, name) in names.iter().enumerate() {
            let mut subscriber = server.begin(name);
            subscriber.subscribe(["a/b", "a/+", "#", "+/b"][number % 4], 1);
        }
        server.wait_for_connections(0);
        let mut present = server.client("present");
        present.subscribe("a/b", 1);
        let mut publisher = server.client("publisher");
        for number in 0..5_u8 {
            publisher.publish_surely(&Publish::new("a/b", [number]).qos(1, 0));
        }
        for number in 0..5 {
            assert_eq!(present.receive_surely().payload, [number]);
        }
        for name in &names {
            let mut subscriber = server.resume(name);
            for number in 0..5 {
                assert_eq!(subscriber.receive_surely().payload, [number], "for {name}");
            }
        }
    });
}
