//! MQTT 3.1.2.4: Clean Session.

use crate::support::packets::{Publish, pubcomp, pubrec, pubrel};
use crate::support::{everywhere, settle};

/// [MQTT-3.1.2-4] With Clean Session 0 the Client goes on with its session, if there is one, and
/// the session is kept after it has left.
#[test]
fn mqtt_3_1_2_4_session_is_resumed() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        server.begin("subscriber").subscribe("a", 0);
        for round in 0..3_u8 {
            let mut subscriber = server.resume("subscriber");
            publisher.publish("a", [round]);
            subscriber.expect_message("a", [round]);
        }
    });
}

/// [MQTT-3.1.2-5] What comes at QoS 1 and 2 while the Client is away is kept for it, in order.
#[test]
fn mqtt_3_1_2_5_messages_are_kept_while_the_client_is_away() {
    everywhere(|server| {
        let mut subscriber = server.begin("subscriber");
        let mut publisher = server.client("publisher");
        subscriber.subscribe("a/#", 2);
        drop(subscriber);
        server.wait_for_connections(1);
        for number in 0..20_u8 {
            publisher.publish_surely(&Publish::new("a/b", [number]).qos(1 + number % 2, 0));
        }
        publisher.publish("other", "nobody asked for this");
        let mut subscriber = server.resume("subscriber");
        for number in 0..20 {
            let message = subscriber.receive_publish();
            assert_eq!(message.payload, [number]);
            assert_eq!(message.qos, 1 + number % 2);
            assert!(!message.duplicate && !message.retain, "it is sent for the first time");
        }
        subscriber.expect_silence();
    });
}

/// [MQTT-3.1.2-6] With Clean Session 1 nothing of an older session is left, and the new one ends
/// with its connection.
#[test]
fn mqtt_3_1_2_6_clean_session_leaves_nothing() {
    everywhere(|server| {
        let mut subscriber = server.begin("subscriber");
        let mut publisher = server.client("publisher");
        subscriber.subscribe("a", 2);
        publisher.publish_surely(&Publish::new("a", "unacknowledged").qos(1, 0));
        subscriber.receive_publish();
        subscriber.send(&Publish::new("b", "not released").qos(2, 9).bytes());
        subscriber.expect(&pubrec(9));
        drop(subscriber);
        server.wait_for_connections(1);
        publisher.publish_surely(&Publish::new("a", "queued").qos(1, 0));
        let mut subscriber = server.client("subscriber");
        publisher.publish("a", "unsubscribed");
        settle(&mut publisher, &mut subscriber);
        subscriber.expect_silence();
        // The identifier of the exchange that was left open stands for a new message.
        publisher.subscribe("b", 0);
        subscriber.send(&Publish::new("b", "new").qos(2, 9).bytes());
        subscriber.expect(&pubrec(9));
        publisher.expect_message("b", "new");
        subscriber.send(&pubrel(9));
        subscriber.expect(&pubcomp(9));
        // And the clean session ends with its connection.
        subscriber.subscribe("a", 1);
        drop(subscriber);
        server.wait_for_connections(1);
        publisher.publish_surely(&Publish::new("a", "lost").qos(1, 0));
        server.begin("subscriber").expect_silence();
    });
}

/// [MQTT-3.1.2-7] Retained messages stay when the session that published them ends.
#[test]
fn mqtt_3_1_2_7_retained_messages_outlive_the_session() {
    everywhere(|server| {
        let mut subscriber = server.client("subscriber");
        let mut publisher = server.client("publisher");
        publisher.retain("a", "old");
        settle(&mut publisher, &mut subscriber);
        drop(publisher);
        server.wait_for_connections(1);
        subscriber.subscribe("a", 0);
        assert_eq!(subscriber.receive_publish(), Publish::new("a", "old").retain());
    });
}
