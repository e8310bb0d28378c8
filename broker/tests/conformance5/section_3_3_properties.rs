//! MQTT 5.0 3.3.2.3: the properties of PUBLISH.

use crate::support::client::Client;
use crate::support::packets::{field, packet};
use crate::support::{Server, everywhere, everywhere_with};
use crate::v5::packets::{Publish, disconnect};
use crate::v5::properties::{Properties, id};
use crate::v5::{on_one_shard, settle5};

/// Publishes a message with these properties in each way that it can go to a subscriber: at each
/// QoS, with a small and a large payload, retained, and out of a session; and holds what arrives
/// against what was sent.
fn arrives_unaltered(properties: &Properties) {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.begin5("subscriber");
        subscriber.subscribe5("a", 2);
        for payload in [vec![], vec![7; 10_000]] {
            for qos in 0..3 {
                let message = Publish::new("a", &payload).properties(properties.clone());
                publisher.publish5_surely(&message.qos(qos, 0));
                let message = subscriber.receive5_surely();
                assert_eq!((message.qos, &message.payload), (qos, &payload));
                assert_eq!(&message.properties, properties);
            }
        }
        drop(subscriber);
        server.wait_for_connections(1);
        let message = Publish::new("a", "x").properties(properties.clone());
        publisher.publish5_surely(&message.clone().qos(2, 0));
        let mut subscriber = server.resume5("subscriber");
        assert_eq!(&subscriber.receive5_surely().properties, properties);
        publisher.publish5_surely(&message.retain());
        assert_eq!(&subscriber.receive5().properties, properties);
        subscriber.subscribe5("a", 0);
        let message = subscriber.receive5();
        assert_eq!((message.retain, &message.properties), (true, properties));
    });
}

/// [MQTT-3.3.2-4] Payload Format Indicator is passed on unaltered.
#[test]
fn mqtt5_3_3_2_4_payload_format_is_passed_on() {
    for format in 0..2 {
        arrives_unaltered(&Properties::new().byte(id::PAYLOAD_FORMAT_INDICATOR, format));
    }
}

/// [MQTT-3.3.2-15] Response Topic is passed on unaltered.
#[test]
fn mqtt5_3_3_2_15_response_topic_is_passed_on() {
    arrives_unaltered(&Properties::new().string(id::RESPONSE_TOPIC, "answers/\u{feff}/1"));
}

/// [MQTT-3.3.2-16] Correlation Data, which is any bytes, is passed on unaltered.
#[test]
fn mqtt5_3_3_2_16_correlation_data_is_passed_on() {
    for data in [vec![], vec![0, 0xff, 0x80], vec![0; 65_535]] {
        arrives_unaltered(&Properties::new().string(id::CORRELATION_DATA, data));
    }
}

/// [MQTT-3.3.2-17] User Properties are passed on unaltered, however many.
#[test]
fn mqtt5_3_3_2_17_user_properties_are_passed_on() {
    arrives_unaltered(&Properties::new().user("", "").user("name", "välue"));
    let many = (0..500).fold(Properties::new(), |all, n| all.user(&format!("n{n}"), "value"));
    arrives_unaltered(&many);
}

/// [MQTT-3.3.2-18] And in their order, the same name more than once, among the other properties.
#[test]
fn mqtt5_3_3_2_18_user_properties_keep_their_order() {
    arrives_unaltered(
        &Properties::new()
            .user("b", "1")
            .string(id::CONTENT_TYPE, "text/plain")
            .user("a", "2")
            .user("b", "1")
            .byte(id::PAYLOAD_FORMAT_INDICATOR, 0)
            .user("b", "0")
            .string(id::RESPONSE_TOPIC, "r")
            .user("a", "1"),
    );
}

/// [MQTT-3.3.2-20] Content Type is passed on unaltered.
#[test]
fn mqtt5_3_3_2_20_content_type_is_passed_on() {
    arrives_unaltered(&Properties::new().string(id::CONTENT_TYPE, "text/plain; charset=utf-8"));
    arrives_unaltered(&Properties::new().string(id::CONTENT_TYPE, ""));
}

/// [MQTT-3.3.2-13] Response Topic is a string.
#[test]
fn mqtt5_3_3_2_13_response_topic_is_utf8() {
    on_one_shard(|server| {
        for topic in [&b"\xff"[..], b"a\0b"] {
            let properties = Properties::new().string(id::RESPONSE_TOPIC, topic);
            server.disconnects5(&Publish::new("a", "").properties(properties).bytes(), 0x81);
        }
    });
}

/// [MQTT-3.3.2-14] Response Topic has no wildcards, and is no empty topic.
#[test]
fn mqtt5_3_3_2_14_response_topic_has_no_wildcards() {
    on_one_shard(|server| {
        for topic in ["#", "+", "a/#", "a/+/b", ""] {
            let properties = Properties::new().string(id::RESPONSE_TOPIC, topic);
            server.disconnects5(&Publish::new("a", "").properties(properties).bytes(), 0x82);
        }
    });
}

/// [MQTT-3.3.2-19] Content Type is a string.
#[test]
fn mqtt5_3_3_2_19_content_type_is_utf8() {
    on_one_shard(|server| {
        for text in [&b"\xff"[..], b"a\0b"] {
            let properties = Properties::new().string(id::CONTENT_TYPE, text);
            server.disconnects5(&Publish::new("a", "").properties(properties).bytes(), 0x81);
        }
    });
}

/// Waits until a message that is worth something for one second is worth nothing any more.
fn let_a_second_pass(server: &Server, publisher: &mut Client) {
    let expired = server.statistics().expired;
    publisher.publish5_surely(&Publish::new("clock", "x").expiry(1).retain());
    server.wait_for("a retained message to expire", |s| s.expired > expired);
}

/// [MQTT-3.3.2-5] A message whose time is over is not delivered: neither one that waits in a
/// session nor one that is retained.
#[test]
fn mqtt5_3_3_2_5_expired_messages_are_deleted() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.begin5("subscriber");
        subscriber.subscribe5("a", 2);
        drop(subscriber);
        server.wait_for_connections(1);
        for qos in 1..3 {
            publisher.publish5_surely(&Publish::new("a", "short").expiry(1).qos(qos, 0));
            publisher.publish5_surely(&Publish::new("a", "long").expiry(1000).qos(qos, 0));
            publisher.publish5_surely(&Publish::new("a", "ever").qos(qos, 0));
        }
        publisher.publish5_surely(&Publish::new("b", "short").expiry(1).retain());
        publisher.publish5_surely(&Publish::new("c", "long").expiry(1000).retain());
        let_a_second_pass(server, &mut publisher);
        let mut subscriber = server.resume5("subscriber");
        for payload in ["long", "ever", "long", "ever"] {
            assert_eq!(subscriber.receive5().payload, payload.as_bytes());
        }
        for topic in ["b", "clock", "c"] {
            subscriber.subscribe5(topic, 0);
        }
        assert_eq!(subscriber.receive5().topic, "c");
        subscriber.expect_silence();
    });
}

/// [MQTT-3.3.2-5] Nor one that waits for acknowledgements of others.
#[test]
fn mqtt5_3_3_2_5_messages_behind_the_window_expire() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let connect = server
            .connect5("subscriber")
            .with(|properties| properties.two_bytes(id::RECEIVE_MAXIMUM, 1));
        let mut subscriber = server.accepted5(&connect, false);
        subscriber.subscribe5("a", 1);
        publisher.publish5_surely(&Publish::new("a", "first").qos(1, 0));
        publisher.publish5_surely(&Publish::new("a", "short").expiry(1).qos(1, 0));
        publisher.publish5_surely(&Publish::new("a", "last").expiry(1000).qos(1, 0));
        let_a_second_pass(server, &mut publisher);
        for payload in ["first", "last"] {
            assert_eq!(subscriber.receive5_surely().payload, payload.as_bytes());
        }
        subscriber.expect_silence();
    });
}

/// [MQTT-3.3.2-6] A delivery says how much of the interval is left: all of it at once, less after
/// a wait in a session, among the retained messages, or as a Will.
#[test]
fn mqtt5_3_3_2_6_remaining_interval_is_told() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.begin5("subscriber");
        subscriber.subscribe5("a", 1);
        for seconds in [1000, u32::MAX] {
            publisher.publish5_surely(&Publish::new("a", "x").expiry(seconds));
            let left = subscriber.receive5().properties.number(id::MESSAGE_EXPIRY_INTERVAL);
            assert_eq!(left, Some(seconds));
        }
        drop(subscriber);
        server.wait_for_connections(1);
        publisher.publish5_surely(&Publish::new("a", "x").expiry(1000).qos(1, 0));
        publisher.publish5_surely(&Publish::new("b", "x").expiry(1000).retain());
        let_a_second_pass(server, &mut publisher);
        let mut subscriber = server.resume5("subscriber");
        let queued = subscriber.receive5_surely();
        subscriber.subscribe5("b", 0);
        for message in [queued, subscriber.receive5()] {
            let left = message.properties.number(id::MESSAGE_EXPIRY_INTERVAL);
            assert!(left.is_some_and(|left| (900..1000).contains(&left)), "{left:?} are left");
        }
    });
}

/// [MQTT-3.3.2-7] Topic Aliases, in either direction, end with the Network Connection.
#[test]
fn mqtt5_3_3_2_7_aliases_are_those_of_the_connection() {
    everywhere(|server| {
        let mut publisher = server.begin5("publisher");
        publisher.publish5_surely(&Publish::new("a", "x").alias(1));
        let mut other = server.client5("other");
        other.send(&Publish::new("", "x").alias(1).bytes());
        other.expect_disconnect(0x82);
        let mut publisher = server.resume5("publisher");
        publisher.send(&Publish::new("", "x").alias(1).bytes());
        publisher.expect_disconnect(0x82);

        let mut publisher = server.client5("publisher");
        let connect = server
            .connect5("subscriber")
            .resume()
            .expiry(1000)
            .with(|properties| properties.two_bytes(id::TOPIC_ALIAS_MAXIMUM, 10));
        let mut subscriber = server.accepted5(&connect, false);
        subscriber.subscribe5("a", 1);
        for _ in 0..3 {
            publisher.publish5_surely(&Publish::new("a", "x").qos(1, 0));
        }
        let first = [(); 3].map(|()| subscriber.receive5());
        assert_eq!(first[0].topic, "a");
        // What was sent by alias is sent again with its topic.
        let mut subscriber = server.accepted5(&connect, true);
        assert_eq!(subscriber.receive5().topic, "a");
    });
}

/// [MQTT-3.3.2-8] Topic Alias 0 is invalid.
#[test]
fn mqtt5_3_3_2_8_alias_zero_is_invalid() {
    on_one_shard(|server| {
        server.disconnects5(&Publish::new("a", "x").alias(0).bytes(), 0x94);
    });
}

/// [MQTT-3.3.2-9] So is one above the broker's Topic Alias Maximum.
#[test]
fn mqtt5_3_3_2_9_alias_above_the_maximum_is_invalid() {
    for maximum in [0, 5] {
        let mut limits = broker::Limits::default();
        limits.topic_alias_max = maximum;
        let server = Server::start(1, |builder| builder.limits(limits));
        for alias in [maximum + 1, u16::MAX] {
            server.disconnects5(&Publish::new("a", "x").alias(alias).bytes(), 0x94);
        }
    }
}

/// [MQTT-3.3.2-11] The broker uses no alias above that of the Client, and none before it has told
/// what it stands for.
#[test]
fn mqtt5_3_3_2_11_aliases_to_a_client_are_told_before() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let connect = server
            .connect5("subscriber")
            .with(|properties| properties.two_bytes(id::TOPIC_ALIAS_MAXIMUM, 4));
        let mut subscriber = server.accepted5(&connect, false);
        subscriber.subscribe5("a/#", 2);
        let mut known: [Option<String>; 5] = Default::default();
        for number in 0..60_u8 {
            let topic = format!("a/{}", number % 6);
            publisher.publish5_surely(&Publish::new(&topic, [number]).qos(number % 3, 0));
            let message = subscriber.receive5_surely();
            let alias = message.properties.number(id::TOPIC_ALIAS);
            let meant = match alias {
                None => message.topic,
                Some(alias) => {
                    assert!((1..=4).contains(&alias), "alias {alias}");
                    let slot = &mut known[alias as usize];
                    if !message.topic.is_empty() {
                        *slot = Some(message.topic);
                    }
                    slot.clone().expect("the alias was told")
                }
            };
            assert_eq!((meant, message.payload), (topic, vec![number]));
        }
        assert!(known.iter().any(Option::is_some), "no alias was used");
    });
}

/// [MQTT-3.3.2-12] Every alias up to the broker's maximum is taken, and stands for another topic
/// when it comes with one.
#[test]
fn mqtt5_3_3_2_12_all_aliases_are_taken() {
    let mut limits = broker::Limits::default();
    limits.topic_alias_max = 300;
    everywhere_with(&limits, |server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("#", 2);
        for round in 0..2 {
            for alias in 1..=300 {
                let topic = format!("a/{round}/{alias}");
                publisher.send(&Publish::new(&topic, "told").alias(alias).bytes());
                subscriber.expect_message5(&topic, "told");
            }
            for alias in (1..=300).rev() {
                let message = Publish::new("", "by alias").alias(alias);
                publisher.publish5_surely(&message.qos(u8::try_from(alias % 3).expect("2"), 0));
                let message = subscriber.receive5_surely();
                assert_eq!(message.topic, format!("a/{round}/{alias}"));
                assert!(message.properties.is_empty(), "the alias is the publisher's own");
            }
        }
    });
}

/// [MQTT-3.3.2-12] An alias is taken even with a publication that is refused or known already, and
/// goes along with every other property.
#[test]
fn mqtt5_3_3_2_12_alias_of_a_duplicate_is_taken() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a", 0);
        let message = Publish::new("a", "x").qos(2, 9);
        publisher.send(&message.clone().bytes());
        assert_eq!(publisher.receive()[0], 0x50);
        publisher.send(&message.alias(2).duplicate().bytes());
        assert_eq!(publisher.receive()[0], 0x50);
        let properties = Properties::new().user("a", "b").two_bytes(id::TOPIC_ALIAS, 2);
        let properties = properties.user("c", "d");
        publisher.send(&Publish::new("", "y").properties(properties).bytes());
        subscriber.expect_message5("a", "x");
        let message = subscriber.receive5();
        assert_eq!(message.topic, "a");
        assert_eq!(message.properties, Properties::new().user("a", "b").user("c", "d"));
    });
}

/// [MQTT-3.3.2-1] A PUBLISH with neither Topic Name nor Topic Alias is a Protocol Error; so is an
/// alias that stands for nothing, 3.3.2.3.4.
#[test]
fn mqtt5_3_3_2_1_topic_or_alias_is_there() {
    on_one_shard(|server| {
        server.disconnects5(&Publish::new("", "x").bytes(), 0x82);
        server.disconnects5(&packet(0x32, &[&field(b""), &[0, 1, 0]]), 0x82);
        server.disconnects5(&Publish::new("", "x").alias(1).bytes(), 0x82);
    });
}

/// [MQTT-3.3.2-17] What a Client says in a DISCONNECT goes to nobody.
#[test]
fn mqtt5_3_3_2_17_properties_of_disconnect_go_to_nobody() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("#", 0);
        let mut client = server.client5("client");
        let properties = Properties::new().string(id::REASON_STRING, "bye").user("a", "b");
        client.send(&disconnect(0, &properties));
        client.expect_closed();
        let mut marker = server.client5("marker");
        marker.publish5("marker", "x");
        witness.expect_message5("marker", "x");
        witness.unsubscribe5("#");
        settle5(&mut marker, &mut witness);
    });
}
