//! MQTT 3.8 and 3.9: SUBSCRIBE and SUBACK.

use broker::Limits;

use crate::support::packets::{Publish, field, packet, suback, subscribe};
use crate::support::{everywhere, everywhere_with, settle};

/// [MQTT-3.8.1-1] The flags of SUBSCRIBE are 0010; the broker closes where they are not.
#[test]
fn mqtt_3_8_1_1_subscribe_flags_are_checked() {
    everywhere(|server| {
        for flags in (0..16).filter(|flags| *flags != 2) {
            let mut bytes = subscribe(1, &[("a", 0)]);
            bytes[0] = 0x80 | flags;
            let mut client = server.client("client");
            client.send(&bytes);
            client.expect_closed();
        }
    });
}

/// [MQTT-3.8.3-1] Topic Filters are UTF-8 encoded strings.
#[test]
fn mqtt_3_8_3_1_topic_filter_is_utf8() {
    everywhere(|server| {
        for filter in [&b"\xff"[..], b"a/\xed\xa0\x80", b"\0"] {
            let mut client = server.client("client");
            client.send(&packet(0x82, &[&[0, 1], &field(b"fine"), &[0], &field(filter), &[0]]));
            client.expect_closed();
        }
        let mut client = server.client("client");
        client.subscribe("Wärme/℃", 0);
        client.publish("Wärme/℃", "21");
        client.expect_message("Wärme/℃", "21");
    });
}

/// [MQTT-3.8.3-2] Filters with wildcards are supported.
#[test]
fn mqtt_3_8_3_2_wildcards_are_supported() {
    everywhere(|server| {
        let mut client = server.client("client");
        for filter in ["#", "+", "+/+", "a/#", "/+", "+/"] {
            client.subscribe(filter, 0);
        }
    });
}

/// [MQTT-3.8.3-3] A SUBSCRIBE without a filter is a protocol violation.
#[test]
fn mqtt_3_8_3_3_no_filter_closes() {
    everywhere(|server| {
        let mut client = server.client("client");
        client.send(&subscribe(1, &[]));
        client.expect_closed();
        server.wait_for("the violation to count", |s| s.protocol_violations == 1);
    });
}

/// [MQTT-3.8.3-4] Reserved bits beside the requested QoS, or QoS 3, make the broker close.
#[test]
fn mqtt_3_8_3_4_reserved_bits_of_requested_qos_close() {
    everywhere(|server| {
        for requested in [3, 4, 0x10, 0x80, 0xfc, 0xff] {
            let mut client = server.client("client");
            client.send(&subscribe(1, &[("a", 0), ("b", requested)]));
            client.expect_closed();
        }
        // The QoS is missing.
        let mut client = server.client("client");
        client.send(&packet(0x82, &[&[0, 1], &field(b"a")]));
        client.expect_closed();
    });
}

/// [MQTT-3.8.4-1] A SUBSCRIBE is answered by a SUBACK.
#[test]
fn mqtt_3_8_4_1_subscribe_is_answered() {
    everywhere(|server| {
        let mut client = server.client("client");
        client.send(&subscribe(1, &[("a", 0)]));
        client.expect(&suback(1, &[0]));
        client.expect_silence();
    });
}

/// [MQTT-3.8.4-2] The SUBACK has the identifier of the SUBSCRIBE.
#[test]
fn mqtt_3_8_4_2_suback_has_the_identifier_of_the_subscribe() {
    everywhere(|server| {
        let mut client = server.client("client");
        let identifiers = [1, 7, 65_535, 256];
        let packets = identifiers.map(|identifier| subscribe(identifier, &[("a", 1)]));
        client.send(&packets.concat());
        for identifier in identifiers {
            client.expect(&suback(identifier, &[1]));
        }
    });
}

/// [MQTT-3.8.4-3] The same filter again replaces the subscription: its QoS changes, retained
/// messages come again, and each message still comes once.
#[test]
fn mqtt_3_8_4_3_same_filter_replaces_the_subscription() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        publisher.publish_surely(&Publish::new("a", "old").qos(2, 0).retain());
        settle(&mut publisher, &mut subscriber);
        for qos in [0, 2, 1, 0] {
            subscriber.subscribe("a", qos);
            let message = subscriber.receive_surely();
            assert_eq!((message.qos, message.retain), (qos, true));
            publisher.publish_surely(&Publish::new("a", "new").qos(2, 0));
            let message = subscriber.receive_surely();
            assert_eq!((message.qos, message.retain), (qos, false));
            settle(&mut publisher, &mut subscriber);
        }
        server.wait_for("one subscription", |statistics| statistics.subscriptions == 1);
    });
}

/// [MQTT-3.8.4-4] Several filters in one packet are as several packets, with one SUBACK.
#[test]
fn mqtt_3_8_4_4_several_filters_get_one_suback() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        subscriber.send(&subscribe(3, &[("a", 1), ("b/+", 0), ("c/#", 2), ("a", 2)]));
        subscriber.expect(&suback(3, &[1, 0, 2, 2]));
        for (topic, qos) in [("a", 2), ("b/x", 0), ("c", 2)] {
            publisher.publish_surely(&Publish::new(topic, "x").qos(2, 0));
            let message = subscriber.receive_surely();
            assert_eq!((message.topic.as_str(), message.qos), (topic, qos));
        }
        subscriber.expect_silence();
    });
}

/// [MQTT-3.8.4-5] The SUBACK has a return code for each filter: the QoS that was granted, or
/// failure.
#[test]
fn mqtt_3_8_4_5_suback_has_a_code_for_each_filter() {
    let mut limits = Limits::default();
    limits.subscriptions_max = 300;
    everywhere_with(&limits, |server| {
        let names: Vec<String> = (0..301).map(|number| format!("topic/{number}")).collect();
        let filters: Vec<(&str, u8)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let mut client = server.client("client");
        client.send(&subscribe(1, &filters));
        client.expect(&suback(1, &[&[1; 300][..], &[0x80]].concat()));
        // One that is there already may still be replaced.
        client.send(&subscribe(2, &[("topic/0", 2), ("new", 0)]));
        client.expect(&suback(2, &[2, 0x80]));
        client.publish("new", "x");
        client.publish("topic/0", "x");
        client.expect_message("topic/0", "x");
        server.wait_for("refusals to count", |s| s.subscriptions_refused == 2);
    });
}

/// [MQTT-3.8.4-6] A message comes at the lower of the QoS it was published with and the QoS that
/// was granted.
#[test]
fn mqtt_3_8_4_6_delivered_qos_is_the_minimum() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        for granted in 0..3 {
            subscriber.subscribe("a", granted);
            for published in 0..3 {
                publisher.publish_surely(&Publish::new("a", "x").qos(published, 0));
                assert_eq!(subscriber.receive_surely().qos, granted.min(published));
            }
        }
        // Retained messages as well.
        subscriber.unsubscribe("a");
        for published in 0..3 {
            publisher.publish_surely(&Publish::new("a", "x").qos(published, 0).retain());
            settle(&mut publisher, &mut subscriber);
            for granted in 0..3 {
                subscriber.subscribe("a", granted);
                assert_eq!(subscriber.receive_surely().qos, granted.min(published));
                subscriber.unsubscribe("a");
            }
        }
    });
}

/// [MQTT-3.9.3-1] The return codes are in the order of the filters.
#[test]
fn mqtt_3_9_3_1_return_codes_are_in_order() {
    everywhere(|server| {
        let mut client = server.client("client");
        client.send(&subscribe(1, &[("c", 2), ("a", 0), ("b", 1), ("d", 0), ("a/+", 2)]));
        client.expect(&suback(1, &[2, 0, 1, 0, 2]));
    });
}

/// [MQTT-3.9.3-2] Return codes are 0, 1, 2 and 0x80, and no other.
#[test]
fn mqtt_3_9_3_2_return_codes_are_the_listed_ones() {
    let mut limits = Limits::default();
    limits.subscriptions_max = 3;
    everywhere_with(&limits, |server| {
        let mut client = server.client("client");
        client.send(&subscribe(1, &[("a", 0), ("b", 1), ("c", 2), ("d", 0), ("e", 2)]));
        client.expect(&suback(1, &[0, 1, 2, 0x80, 0x80]));
    });
}
