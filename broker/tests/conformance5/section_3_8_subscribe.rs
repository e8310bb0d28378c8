//! MQTT 5.0 3.8 and 3.9: SUBSCRIBE and SUBACK.

use crate::support::everywhere;
use crate::support::packets::{Publish as Publish311, field, packet};
use crate::v5::packets::{Connect, Publish, suback, subscribe};
use crate::v5::properties::{Properties, id};
use crate::v5::{NEVER, on_one_shard, settle5};

/// A Subscription Option.
const NO_LOCAL: u8 = 0x04;

/// A SUBSCRIBE to one filter without properties.
fn subscribe_to(filter: &str, options: u8) -> Vec<u8> {
    subscribe(1, &Properties::new(), &[(filter, options)])
}

/// [MQTT-3.8.1-1] The flags of a SUBSCRIBE are 0010.
#[test]
fn mqtt5_3_8_1_1_flags_of_subscribe() {
    on_one_shard(|server| {
        let packet = subscribe_to("a", 0);
        for flags in (0..16).filter(|flags| *flags != 2) {
            server.disconnects5(&[&[0x80 | flags], &packet[1..]].concat(), 0x81);
        }
    });
}

/// [MQTT-3.8.3-1] A Topic Filter is a string.
#[test]
fn mqtt5_3_8_3_1_topic_filter_is_utf8() {
    on_one_shard(|server| {
        for filter in [&b"\xff"[..], b"a/\xed\xa0\x80", b"a\0"] {
            server.disconnects5(&packet(0x82, &[&[0, 1, 0], &field(filter), &[0]]), 0x81);
        }
        for body in [&[0, 1, 0, 0][..], &[0, 1, 0, 0, 1, b'a'], &[0, 1, 0, 0, 2, b'a', 0]] {
            server.disconnects5(&packet(0x82, &[body]), 0x81);
        }
    });
}

/// [MQTT-3.8.3-2] There is a Topic Filter; a SUBSCRIBE without one is a Protocol Error.
#[test]
fn mqtt5_3_8_3_2_there_is_a_filter() {
    on_one_shard(|server| {
        server.disconnects5(&subscribe(1, &Properties::new(), &[]), 0x82);
        let properties = Properties::new().user("a", "b");
        server.disconnects5(&subscribe(1, &properties, &[]), 0x82);
    });
}

/// [MQTT-3.8.3-3] No Local: the Client does not get what it publishes itself; others do, and it
/// gets what others publish.
#[test]
fn mqtt5_3_8_3_3_no_local_leaves_own_messages_out() {
    everywhere(|server| {
        let mut client = server.begin5("client");
        let mut other = server.client5("other");
        let mut old = server.client("old");
        client.subscribe5("a", 2 | NO_LOCAL);
        other.subscribe5("a", 2);
        for qos in 0..3 {
            client.publish5_surely(&Publish::new("a", "own").qos(qos, 0));
            assert_eq!(other.receive5_surely().payload, b"own");
        }
        other.unsubscribe5("a");
        for qos in 0..3 {
            other.publish5_surely(&Publish::new("a", "other").qos(qos, 0));
            assert_eq!(client.receive5_surely().payload, b"other");
            old.publish_surely(&Publish311::new("a", "old").qos(qos, 0));
            assert_eq!(client.receive5_surely().payload, b"old");
        }
        // It is the Client that counts, not the Network Connection.
        let mut client = server.resume5("client");
        client.publish5_surely(&Publish::new("a", "own").qos(1, 0));
        // Another subscription that matches brings it.
        client.subscribe5_as(4, "+", 1);
        client.publish5("a", "both");
        let message = client.receive5();
        assert_eq!(message.payload, b"both");
        assert_eq!(message.properties.numbers(id::SUBSCRIPTION_IDENTIFIER), [4]);
        client.expect_silence();
    });
}

/// [MQTT-3.8.3-4] No Local on a Shared Subscription is a Protocol Error.
#[test]
fn mqtt5_3_8_3_4_no_local_on_shared_is_a_protocol_error() {
    on_one_shard(|server| {
        server.disconnects5(&subscribe_to("$share/group/a", NO_LOCAL), 0x82);
        let filters = [("a", NO_LOCAL), ("$share/group/a", 1 | NO_LOCAL)];
        server.disconnects5(&subscribe(1, &Properties::new(), &filters), 0x82);
    });
}

/// [MQTT-3.8.3-5] Reserved bits of the Subscription Options are malformed; QoS 3 and Retain Handling
/// 3 are Protocol Errors, 3.8.3.1.
#[test]
fn mqtt5_3_8_3_5_options_are_checked() {
    on_one_shard(|server| {
        for options in [0x40, 0x80, 0xc1] {
            server.disconnects5(&subscribe_to("a", options), 0x81);
        }
        for options in [0x03, 0x07, 0x30, 0x31] {
            server.disconnects5(&subscribe_to("a", options), 0x82);
        }
        let all = (0..0x30_u8).filter(|options| options & 3 != 3);
        let mut client = server.client5("client");
        for options in all {
            client.subscribe5("a", options);
        }
    });
}

/// [MQTT-3.8.4-1] SUBSCRIBE is answered with SUBACK, before any message of the subscription.
#[test]
fn mqtt5_3_8_4_1_subscribe_is_answered() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        publisher.retain5("a", "x");
        settle5(&mut publisher, &mut subscriber);
        subscriber.send(&subscribe_to("a", 0));
        subscriber.expect(&suback(1, &[0]));
        assert_eq!(subscriber.receive5(), Publish::new("a", "x").retain());
    });
}

/// [MQTT-3.8.4-2] With the same Packet Identifier, one that is in use for something else as well.
#[test]
fn mqtt5_3_8_4_2_suback_has_the_identifier() {
    everywhere(|server| {
        let mut client = server.client5("client");
        client.send(&Publish::new("a", "x").qos(2, 0x0102).bytes());
        assert_eq!(client.receive()[0], 0x50);
        client.send(&subscribe(0x0102, &Properties::new(), &[("b", 1)]));
        client.expect(&suback(0x0102, &[1]));
    });
}

/// [MQTT-3.8.4-3] A filter that is subscribed to already has its subscription replaced: QoS,
/// options and identifier.
#[test]
fn mqtt5_3_8_4_3_subscription_is_replaced() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5_as(1, "a/#", 2 | NO_LOCAL);
        subscriber.subscribe5_as(2, "a/#", 1);
        publisher.publish5_surely(&Publish::new("a/b", "x").qos(2, 0));
        let message = subscriber.receive5_surely();
        assert_eq!(message.qos, 1);
        assert_eq!(message.properties.numbers(id::SUBSCRIPTION_IDENTIFIER), [2]);
        subscriber.publish5("a/b", "own");
        assert_eq!(subscriber.receive5().payload, b"own");
        subscriber.subscribe5("a/#", 0);
        publisher.publish5_surely(&Publish::new("a/b", "x").qos(2, 0));
        subscriber.expect_message5("a/b", "x");
        subscriber.expect_silence();
    });
}

/// [MQTT-3.8.4-4] Replacing it sends the retained messages again, as Retain Handling 0 says, and
/// loses nothing.
#[test]
fn mqtt5_3_8_4_4_replacing_loses_nothing() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        publisher.retain5("b", "retained");
        subscriber.subscribe5("a", 1);
        settle5(&mut publisher, &mut subscriber);
        let messages = (1..=200).map(|n: u16| Publish::new("a", n.to_be_bytes()).qos(1, n).bytes());
        publisher.send(&messages.collect::<Vec<_>>().concat());
        for number in 0..50_u16 {
            subscriber.send(&subscribe(1000 + number, &Properties::new(), &[("a", 1), ("b", 0)]));
        }
        let (mut received, mut retained) = (Vec::new(), 0);
        while received.len() < 200 || retained < 50 {
            let packet = subscriber.receive();
            if packet[0] >> 4 != 3 {
                assert_eq!(packet[0], 0x90, "a SUBACK");
                continue;
            }
            let message = Publish::parse(&packet);
            if message.topic == "b" {
                retained += 1;
                continue;
            }
            received.push(u16::from_be_bytes([message.payload[0], message.payload[1]]));
            subscriber.send(&crate::support::packets::puback(message.identifier));
        }
        assert!(received.into_iter().eq(1..=200), "in order and each once");
    });
}

/// [MQTT-3.8.4-5] Several filters in one SUBSCRIBE are as several SUBSCRIBEs, with one SUBACK.
#[test]
fn mqtt5_3_8_4_5_several_filters_in_one_packet() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        let properties = Properties::new().variable(id::SUBSCRIPTION_IDENTIFIER, 8);
        let filters = [("a", 0), ("b", 1), ("$share/g/c", 1), ("d/+", 2), ("a", 1)];
        subscriber.send(&subscribe(3, &properties, &filters));
        subscriber.expect(&suback(3, &[0, 1, 1, 2, 1]));
        for (topic, qos) in [("a", 1), ("b", 1), ("c", 1), ("d/e", 2)] {
            publisher.publish5_surely(&Publish::new(topic, topic).qos(2, 0));
            let message = subscriber.receive5_surely();
            assert_eq!((message.topic.as_str(), message.qos), (topic, qos));
            assert_eq!(message.properties.numbers(id::SUBSCRIPTION_IDENTIFIER), [8]);
        }
        subscriber.expect_silence();
    });
}

/// [MQTT-3.8.4-6] SUBACK has a Reason Code for each filter.
#[test]
fn mqtt5_3_8_4_6_suback_has_a_code_for_each() {
    everywhere(|server| {
        let mut client = server.client5("client");
        for count in [1, 2, 127, 128, 1000] {
            let names: Vec<String> = (0..count).map(|number| format!("a/{number}")).collect();
            let filters: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
            client.send(&subscribe(1, &Properties::new(), &filters));
            client.expect(&suback(1, &vec![1; count]));
        }
    });
}

/// [MQTT-3.8.4-7] The code is the QoS that is granted, or says that there is no subscription.
#[test]
fn mqtt5_3_8_4_7_code_is_the_granted_qos() {
    let mut limits = broker::Limits::default();
    limits.subscriptions_max = 3;
    crate::support::everywhere_with(&limits, |server| {
        let mut client = server.client5("client");
        let filters = [("a", 0), ("b", 1), ("c", 2), ("d", 1), ("a", 2)];
        client.send(&subscribe(1, &Properties::new(), &filters));
        client.expect(&suback(1, &[0, 1, 2, 0x97, 2]));
        client.publish5("d", "x");
        client.expect_silence();
        client.publish5("a", "x");
        client.expect_message5("a", "x");
    });
}

/// [MQTT-3.8.4-8] A delivery has the lower QoS of publication and subscription.
#[test]
fn mqtt5_3_8_4_8_qos_is_the_lower_one() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        for granted in 0..3 {
            subscriber.subscribe5("a", granted);
            for published in 0..3 {
                publisher.publish5_surely(&Publish::new("a", "x").qos(published, 0));
                assert_eq!(subscriber.receive5_surely().qos, published.min(granted));
            }
        }
    });
}

/// What a Client gets as SUBACK and UNSUBACK that takes no byte more than the bare ones.
pub(crate) fn answers_fit() {
    everywhere(|server| {
        let connect = Connect::new(&server.identifier("small"));
        let connect = connect.with(|p| p.four_bytes(id::MAXIMUM_PACKET_SIZE, 16));
        let mut small = server.accepted5(&connect, false);
        let long = "a/".repeat(300);
        small.send(&subscribe(1, &Properties::new(), &[("a", 1), (&long, 0)]));
        small.expect(&suback(1, &[1, 0x97]));
        small.send(&crate::v5::packets::unsubscribe(2, &Properties::new(), &["b"]));
        small.expect(&crate::v5::packets::unsuback(2, &[0x11]));
    });
}

/// [MQTT-3.9.2-1] No Reason String makes a SUBACK too large.
#[test]
fn mqtt5_3_9_2_1_reason_string_of_suback_fits() {
    answers_fit();
}

/// [MQTT-3.9.2-2] No User Property makes a SUBACK too large.
#[test]
fn mqtt5_3_9_2_2_user_property_of_suback_fits() {
    answers_fit();
}

/// [MQTT-3.9.3-1] The codes are in the order of the filters.
#[test]
fn mqtt5_3_9_3_1_codes_are_in_order() {
    everywhere(|server| {
        let mut client = server.client5("client");
        let long = "a/".repeat(300);
        let filters = [("a", 2), (&long, 1), ("b", 0), ("c", 1), (&long, 0), ("a", 0)];
        client.send(&subscribe(1, &Properties::new(), &filters));
        client.expect(&suback(1, &[2, 0x97, 0, 1, 0x97, 0]));
    });
}

/// [MQTT-3.9.3-2] The codes are those that there are for SUBACK; to a Client of 3.1.1, its 0x80.
#[test]
fn mqtt5_3_9_3_2_codes_are_those_of_suback() {
    everywhere(|server| {
        let long = "a/".repeat(300);
        let mut client = server.client5("client");
        for options in 0..3 {
            client.send(&subscribe_to("a", options));
            client.expect(&suback(1, &[options]));
            client.send(&subscribe_to(&long, options));
            client.expect(&suback(1, &[0x97]));
        }
        let mut old = server.client("old");
        old.send(&crate::support::packets::subscribe(1, &[(&long, 0), ("a", 1)]));
        old.expect(&crate::support::packets::suback(1, &[0x80, 1]));
    });
}

/// [MQTT-3.8.4-3] Subscriptions are those of the session, whatever the version that the Client
/// comes back with: a Client of 3.1.1 goes on with what one of 5.0 subscribed to.
#[test]
fn mqtt5_3_8_4_3_subscriptions_cross_versions() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        server.begin5("client").subscribe5_as(9, "a", 1 | NO_LOCAL);
        server.wait_for_connections(1);
        publisher.publish5_surely(&Publish::new("a", "1").qos(1, 0));
        let mut old = server.resume("client");
        let message = old.receive_surely();
        assert_eq!(message, Publish311::new("a", "1").qos(1, message.identifier));
        publisher.publish5("a", "2");
        old.expect_message("a", "2");
        let mut new = server.accepted5(&server.connect5("client").resume().expiry(NEVER), true);
        publisher.publish5("a", "3");
        assert_eq!(new.receive5().properties.numbers(id::SUBSCRIPTION_IDENTIFIER), [9]);
    });
}

/// [MQTT-3.8.3-5] Subscription Identifier 0, one above 268,435,455, and two of them are errors,
/// 3.8.2.1.2.
#[test]
fn mqtt5_3_8_3_5_subscription_identifier_is_checked() {
    on_one_shard(|server| {
        let number = |value| Properties::new().variable(id::SUBSCRIPTION_IDENTIFIER, value);
        server.disconnects5(&subscribe(1, &number(0), &[("a", 0)]), 0x82);
        server.disconnects5(&subscribe(1, &number(268_435_456), &[("a", 0)]), 0x81);
        let two = number(1).variable(id::SUBSCRIPTION_IDENTIFIER, 2);
        server.disconnects5(&subscribe(1, &two, &[("a", 0)]), 0x82);
    });
}
