//! MQTT 3.10: UNSUBSCRIBE.

use crate::support::everywhere;
use crate::support::packets::{
    Publish, field, packet, pubcomp, pubrec, pubrel, unsuback, unsubscribe,
};

/// [MQTT-3.10.1-1] The flags of UNSUBSCRIBE are 0010; the broker closes where they are not.
#[test]
fn mqtt_3_10_1_1_unsubscribe_flags_are_checked() {
    everywhere(|server| {
        for flags in (0..16).filter(|flags| *flags != 2) {
            let mut bytes = unsubscribe(1, &["a"]);
            bytes[0] = 0xa0 | flags;
            let mut client = server.client("client");
            client.send(&bytes);
            client.expect_closed();
        }
    });
}

/// [MQTT-3.10.3-1] Topic Filters are UTF-8 encoded strings, one right after the other.
#[test]
fn mqtt_3_10_3_1_topic_filters_are_packed_utf8() {
    everywhere(|server| {
        let good = field(b"a");
        for bad in [field(b"\xff"), vec![0], vec![0, 5, b'a'], field(b"a\0")] {
            let mut client = server.client("client");
            client.send(&packet(0xa2, &[&[0, 1], &good, &bad]));
            client.expect_closed();
        }
        let mut client = server.client("client");
        client.send(&unsubscribe(1, &["ä", "b", "c/#"]));
        client.expect(&unsuback(1));
    });
}

/// [MQTT-3.10.3-2] An UNSUBSCRIBE without a filter is a protocol violation.
#[test]
fn mqtt_3_10_3_2_no_filter_closes() {
    everywhere(|server| {
        let mut client = server.client("client");
        client.send(&unsubscribe(1, &[]));
        client.expect_closed();
        server.wait_for("the violation to count", |s| s.protocol_violations == 1);
    });
}

/// [MQTT-3.10.4-1] Filters are compared character by character: only the very same one is ended.
#[test]
fn mqtt_3_10_4_1_only_the_same_filter_is_ended() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a/+", 0);
        for filter in ["a/b", "a/#", "+/+", "#", "A/+", "a/+/", "/a/+"] {
            subscriber.unsubscribe(filter);
        }
        publisher.publish("a/b", "still");
        subscriber.expect_message("a/b", "still");
        subscriber.unsubscribe("a/+");
        publisher.publish("a/b", "no more");
        subscriber.subscribe("marker", 0);
        publisher.publish("marker", "next");
        subscriber.expect_message("marker", "next");
    });
}

/// [MQTT-3.10.4-2] After an UNSUBSCRIBE no new message is taken for the Client.
#[test]
fn mqtt_3_10_4_2_no_new_messages_after_unsubscribe() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("marker", 0);
        subscriber.subscribe("a", 2);
        subscriber.unsubscribe("a");
        for qos in 0..3 {
            publisher.publish_surely(&Publish::new("a", "x").qos(qos, 0));
        }
        publisher.publish("marker", "next");
        subscriber.expect_message("marker", "next");
    });
}

/// [MQTT-3.10.4-3] What has been sent at QoS 1 or 2 is brought to its end, over a reconnect too.
#[test]
fn mqtt_3_10_4_3_started_deliveries_are_completed() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.begin("subscriber");
        subscriber.subscribe("a", 2);
        publisher.publish_surely(&Publish::new("a", "two").qos(2, 0));
        publisher.publish_surely(&Publish::new("a", "one").qos(1, 0));
        let two = subscriber.receive_publish();
        let one = subscriber.receive_publish();
        subscriber.unsubscribe("a");
        let mut subscriber = server.resume("subscriber");
        assert_eq!(subscriber.receive_publish(), two.clone().duplicate());
        assert_eq!(subscriber.receive_surely(), one.duplicate());
        subscriber.send(&pubrec(two.identifier));
        subscriber.expect(&pubrel(two.identifier));
        subscriber.send(&pubcomp(two.identifier));
        subscriber.expect_silence();
        server.resume("subscriber").expect_silence();
    });
}

/// [MQTT-3.10.4-4] An UNSUBSCRIBE is answered by an UNSUBACK with its identifier.
#[test]
fn mqtt_3_10_4_4_unsubscribe_is_answered() {
    everywhere(|server| {
        let mut client = server.client("client");
        client.subscribe("a", 0);
        client.send(&unsubscribe(0xabcd, &["a"]));
        client.expect(&unsuback(0xabcd));
    });
}

/// [MQTT-3.10.4-5] It is answered even where nothing was subscribed to.
#[test]
fn mqtt_3_10_4_5_unknown_filter_is_answered() {
    everywhere(|server| {
        let mut client = server.client("client");
        client.send(&unsubscribe(5, &["never/subscribed"]));
        client.expect(&unsuback(5));
    });
}

/// [MQTT-3.10.4-6] Several filters in one packet are as several packets, with one UNSUBACK.
#[test]
fn mqtt_3_10_4_6_several_filters_get_one_unsuback() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        for filter in ["a", "b", "c", "d"] {
            subscriber.subscribe(filter, 0);
        }
        subscriber.send(&unsubscribe(9, &["a", "unknown", "c", "a", "d"]));
        subscriber.expect(&unsuback(9));
        for topic in ["a", "c", "d", "b"] {
            publisher.publish(topic, "x");
        }
        subscriber.expect_message("b", "x");
        subscriber.expect_silence();
        server.wait_for("one subscription", |statistics| statistics.subscriptions == 1);
    });
}
