//! MQTT 3.3: PUBLISH, RETAIN apart.

use crate::support::everywhere;
use crate::support::packets::{
    DISCONNECT, PINGREQ, PINGRESP, Publish, field, packet, puback, pubcomp, pubrec, pubrel,
};

/// [MQTT-3.3.1-1] DUP is 1 when the broker sends a message again.
#[test]
fn mqtt_3_3_1_1_redelivery_has_dup() {
    everywhere(|server| {
        let mut subscriber = server.begin("subscriber");
        let mut publisher = server.client("publisher");
        subscriber.subscribe("a", 2);
        publisher.publish_surely(&Publish::new("a", "one").qos(1, 0));
        publisher.publish_surely(&Publish::new("a", "two").qos(2, 0));
        let messages = [subscriber.receive_publish(), subscriber.receive_publish()];
        for _ in 0..2 {
            let mut subscriber = server.resume("subscriber");
            for message in messages.clone() {
                assert!(!message.duplicate);
                assert_eq!(subscriber.receive_publish(), message.duplicate());
            }
        }
    });
}

/// [MQTT-3.3.1-2] DUP is 0 at QoS 0; the broker closes where it is not.
#[test]
fn mqtt_3_3_1_2_dup_at_qos_0_closes() {
    everywhere(|server| {
        let mut client = server.client("client");
        client.send(&Publish::new("a", "x").duplicate().bytes());
        client.expect_closed();
    });
}

/// [MQTT-3.3.1-3] DUP of what a Client publishes is not passed on.
#[test]
fn mqtt_3_3_1_3_dup_is_not_passed_on() {
    everywhere(|server| {
        let mut subscriber = server.client("subscriber");
        let mut publisher = server.client("publisher");
        subscriber.subscribe("a", 2);
        for qos in 1..3 {
            publisher.publish_surely(&Publish::new("a", "x").qos(qos, 0).duplicate());
            let message = subscriber.receive_surely();
            assert_eq!((message.duplicate, message.qos), (false, qos));
        }
    });
}

/// [MQTT-3.3.1-4] QoS 3 makes the broker close.
#[test]
fn mqtt_3_3_1_4_qos_3_closes() {
    everywhere(|server| {
        for first in [0x36, 0x37, 0x3e, 0x3f] {
            let mut client = server.client("client");
            client.send(&packet(first, &[&field(b"a"), &[0, 1], b"x"]));
            client.expect_closed();
        }
    });
}

/// [MQTT-3.3.2-1] The Topic Name comes first and is a UTF-8 encoded string.
#[test]
fn mqtt_3_3_2_1_topic_name_must_be_present() {
    everywhere(|server| {
        for body in [&[][..], &[0], &[0, 2, b'a'], &[0, 1, 0xff], &[0, 0]] {
            let mut client = server.client("client");
            client.send(&packet(0x30, &[body]));
            client.expect_closed();
        }
    });
}

/// [MQTT-3.3.2-2] A Topic Name holds no wildcards; the broker closes where it does.
#[test]
fn mqtt_3_3_2_2_wildcard_in_topic_name_closes() {
    everywhere(|server| {
        for topic in ["+", "#", "a/+", "a/#", "a+", "#a", "a/b+c/d"] {
            let mut client = server.client("client");
            client.publish(topic, "x");
            client.expect_closed();
        }
    });
}

/// [MQTT-3.3.2-3] What a Client gets has a Topic Name that its filter matches: the name it was
/// published under.
#[test]
fn mqtt_3_3_2_3_delivered_topic_name_matches_the_filter() {
    everywhere(|server| {
        let mut subscriber = server.client("subscriber");
        let mut publisher = server.client("publisher");
        subscriber.subscribe("a/+/c/#", 0);
        for topic in ["a", "a/b", "a/b/x", "b/b/c", "a/b/c", "a//c", "a/b/c/d/e"] {
            publisher.publish(topic, "x");
        }
        for topic in ["a/b/c", "a//c", "a/b/c/d/e"] {
            subscriber.expect_message(topic, "x");
        }
        subscriber.expect_silence();
    });
}

/// [MQTT-3.3.4-1] QoS 0 is answered by nothing, QoS 1 by PUBACK, QoS 2 by PUBREC.
#[test]
fn mqtt_3_3_4_1_response_follows_the_qos() {
    everywhere(|server| {
        let mut client = server.client("client");
        client.publish("a", "x");
        client.expect_silence();
        client.send(&Publish::new("a", "x").qos(1, 5).bytes());
        client.expect(&puback(5));
        client.send(&Publish::new("a", "x").qos(2, 6).bytes());
        client.expect(&pubrec(6));
        client.send(&pubrel(6));
        client.expect(&pubcomp(6));
        // The same in one write, and answered before the connection ends.
        let packets = [
            Publish::new("a", "x").qos(1, 7).bytes(),
            Publish::new("a", "x").qos(2, 8).bytes(),
            pubrel(8),
            PINGREQ.to_vec(),
            DISCONNECT.to_vec(),
        ];
        client.send(&packets.concat());
        for answer in [puback(7), pubrec(8), pubcomp(8), PINGRESP.to_vec()] {
            client.expect(&answer);
        }
        client.expect_closed();
    });
}

/// [MQTT-3.3.5-1] Where several subscriptions of a Client match, it gets the message at the
/// highest QoS among them; here once.
#[test]
fn mqtt_3_3_5_1_overlapping_subscriptions_deliver_at_the_highest_qos() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        for (filter, qos) in [("a/#", 0), ("a/b", 2), ("+/b", 1), ("#", 0)] {
            subscriber.subscribe(filter, qos);
        }
        for published in 0..3 {
            publisher.publish_surely(&Publish::new("a/b", "x").qos(published, 0));
            assert_eq!(subscriber.receive_surely().qos, published);
            publisher.publish("marker", "next");
            subscriber.expect_message("marker", "next");
        }
        subscriber.unsubscribe("a/b");
        publisher.publish_surely(&Publish::new("a/b", "x").qos(2, 0));
        assert_eq!(subscriber.receive_surely().qos, 1);
    });
}

/// [MQTT-3.6.1-1] The flags of PUBREL are 0010; the broker closes where they are not.
#[test]
fn mqtt_3_6_1_1_pubrel_flags_are_checked() {
    everywhere(|server| {
        for flags in (0..16).filter(|flags| *flags != 2) {
            let mut client = server.client("client");
            client.send(&Publish::new("a", "x").qos(2, 1).bytes());
            client.expect(&pubrec(1));
            client.send(&[0x60 | flags, 2, 0, 1]);
            client.expect_closed();
        }
    });
}
