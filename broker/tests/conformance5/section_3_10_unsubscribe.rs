//! MQTT 5.0 3.10 and 3.11: UNSUBSCRIBE and UNSUBACK.

use crate::section_3_8_subscribe::answers_fit;
use crate::support::everywhere;
use crate::support::packets::{field, packet, pubcomp, pubrec, pubrel};
use crate::v5::packets::{Publish, unsuback, unsubscribe};
use crate::v5::properties::{Properties, id};
use crate::v5::{on_one_shard, settle5};

/// An UNSUBSCRIBE without properties.
fn unsubscribe_from(filters: &[&str]) -> Vec<u8> {
    unsubscribe(1, &Properties::new(), filters)
}

/// [MQTT-3.10.1-1] The flags of an UNSUBSCRIBE are 0010.
#[test]
fn mqtt5_3_10_1_1_flags_of_unsubscribe() {
    on_one_shard(|server| {
        let packet = unsubscribe_from(&["a"]);
        for flags in (0..16).filter(|flags| *flags != 2) {
            server.disconnects5(&[&[0xa0 | flags], &packet[1..]].concat(), 0x81);
        }
    });
}

/// [MQTT-3.10.3-1] A Topic Filter is a string.
#[test]
fn mqtt5_3_10_3_1_topic_filter_is_utf8() {
    on_one_shard(|server| {
        for filter in [&b"\xff"[..], b"a/\xed\xa0\x80", b"a\0"] {
            server.disconnects5(&packet(0xa2, &[&[0, 1, 0], &field(filter)]), 0x81);
        }
        for body in [&[0, 1, 0, 0][..], &[0, 1, 0, 0, 2, b'a'], &[0, 1, 9, 0, 1, b'a']] {
            server.disconnects5(&packet(0xa2, &[body]), 0x81);
        }
    });
}

/// [MQTT-3.10.3-2] There is a Topic Filter; an UNSUBSCRIBE without one is a Protocol Error.
#[test]
fn mqtt5_3_10_3_2_there_is_a_filter() {
    on_one_shard(|server| {
        server.disconnects5(&unsubscribe_from(&[]), 0x82);
        server.disconnects5(&unsubscribe(1, &Properties::new().user("a", "b"), &[]), 0x82);
        // A property of another packet.
        let properties = Properties::new().variable(id::SUBSCRIPTION_IDENTIFIER, 1);
        server.disconnects5(&unsubscribe(1, &properties, &["a"]), 0x81);
    });
}

/// [MQTT-3.10.4-1] The filter that is the same character by character is deleted, and no other.
#[test]
fn mqtt5_3_10_4_1_same_filter_is_deleted() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5_as(1, "a/+", 0);
        subscriber.subscribe5_as(2, "$share/g/a/+", 0);
        for filter in ["a/b", "a/#", "A/+", "a/+/", "a/", "$share/h/a/+", "$share/g/a/b"] {
            subscriber.send(&unsubscribe_from(&[filter]));
            subscriber.expect(&unsuback(1, &[0x11]));
        }
        publisher.publish5("a/b", "x");
        let mut numbers = [subscriber.receive5(), subscriber.receive5()]
            .map(|message| message.properties.numbers(id::SUBSCRIPTION_IDENTIFIER));
        numbers.sort();
        assert_eq!(numbers, [[1], [2]]);
        subscriber.unsubscribe5("a/+");
        publisher.publish5("a/b", "y");
        let message = subscriber.receive5();
        assert_eq!(message.properties.numbers(id::SUBSCRIPTION_IDENTIFIER), [2]);
        subscriber.unsubscribe5("$share/g/a/+");
        settle5(&mut publisher, &mut subscriber);
        publisher.publish5("a/b", "z");
        settle5(&mut publisher, &mut subscriber);
        subscriber.expect_silence();
    });
}

/// [MQTT-3.10.4-2] No new messages are added for the subscription.
#[test]
fn mqtt5_3_10_4_2_no_new_messages() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a", 2);
        subscriber.unsubscribe5("a");
        for qos in 0..3 {
            publisher.publish5_surely(&Publish::new("a", "x").qos(qos, 0));
        }
        settle5(&mut publisher, &mut subscriber);
        subscriber.expect_silence();
    });
}

/// [MQTT-3.10.4-3] Deliveries that have begun are completed, on another Network Connection as well.
#[test]
fn mqtt5_3_10_4_3_deliveries_are_completed() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.begin5("subscriber");
        subscriber.subscribe5("a", 2);
        for qos in [1, 2, 2] {
            publisher.publish5_surely(&Publish::new("a", [qos]).qos(qos, 0));
        }
        let messages = [(); 3].map(|()| subscriber.receive5());
        subscriber.send(&pubrec(messages[2].identifier));
        subscriber.expect(&pubrel(messages[2].identifier));
        subscriber.unsubscribe5("a");
        let mut subscriber = server.resume5("subscriber");
        for message in &messages[..2] {
            assert_eq!(subscriber.receive5(), message.clone().duplicate());
        }
        subscriber.expect(&pubrel(messages[2].identifier));
        subscriber.send(&pubcomp(messages[2].identifier));
        subscriber.expect_silence();
    });
}

/// [MQTT-3.10.4-4] UNSUBSCRIBE is answered with UNSUBACK.
#[test]
fn mqtt5_3_10_4_4_unsubscribe_is_answered() {
    everywhere(|server| {
        let mut client = server.client5("client");
        client.subscribe5("a", 0);
        client.unsubscribe5("a");
        client.send(&unsubscribe(5, &Properties::new().user("a", "b"), &["a"]));
        client.expect(&unsuback(5, &[0x11]));
    });
}

/// [MQTT-3.10.4-5] With the same Packet Identifier, though nothing is deleted.
#[test]
fn mqtt5_3_10_4_5_unsuback_has_the_identifier() {
    everywhere(|server| {
        let mut client = server.client5("client");
        for identifier in [1, 0x0102, u16::MAX] {
            client.send(&unsubscribe(identifier, &Properties::new(), &["a"]));
            client.expect(&unsuback(identifier, &[0x11]));
        }
    });
}

/// [MQTT-3.10.4-6] Several filters in one UNSUBSCRIBE are as several, with one UNSUBACK.
#[test]
fn mqtt5_3_10_4_6_several_filters_in_one_packet() {
    everywhere(|server| {
        let mut client = server.client5("client");
        for filter in ["a", "b", "c"] {
            client.subscribe5(filter, 0);
        }
        client.send(&unsubscribe_from(&["a", "c", "a"]));
        client.expect(&unsuback(1, &[0, 0, 0x11]));
        for topic in ["a", "c", "b"] {
            client.publish5(topic, topic);
        }
        client.expect_message5("b", "b");
        client.expect_silence();
    });
}

/// [MQTT-3.11.2-1] No Reason String makes an UNSUBACK too large.
#[test]
fn mqtt5_3_11_2_1_reason_string_of_unsuback_fits() {
    answers_fit();
}

/// [MQTT-3.11.2-2] No User Property makes an UNSUBACK too large.
#[test]
fn mqtt5_3_11_2_2_user_property_of_unsuback_fits() {
    answers_fit();
}

/// [MQTT-3.11.3-1] The codes are in the order of the filters.
#[test]
fn mqtt5_3_11_3_1_codes_are_in_order() {
    everywhere(|server| {
        let mut client = server.client5("client");
        client.subscribe5("a", 0);
        client.subscribe5("$share/g/a", 0);
        client.send(&unsubscribe_from(&["b", "a", "$share/h/a", "$share/g/a", "a"]));
        client.expect(&unsuback(1, &[0x11, 0, 0x11, 0, 0x11]));
    });
}

/// [MQTT-3.11.3-2] The codes are those that there are for UNSUBACK: 0x00 and 0x11 here.
#[test]
fn mqtt5_3_11_3_2_codes_are_those_of_unsuback() {
    everywhere(|server| {
        let mut client = server.client5("client");
        let names: Vec<String> = (0..300).map(|number| format!("a/{number}")).collect();
        for name in names.iter().step_by(3) {
            client.subscribe5(name, 1);
        }
        let filters: Vec<_> = names.iter().map(String::as_str).collect();
        client.send(&unsubscribe_from(&filters));
        let codes: Vec<u8> =
            (0..300).map(|number| if number % 3 == 0 { 0 } else { 0x11 }).collect();
        client.expect(&unsuback(1, &codes));
    });
}
