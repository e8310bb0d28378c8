//! MQTT 5.0 3.1.2.11: what a Client says of its own limits in CONNECT.

use crate::support::everywhere;
use crate::support::packets::{PINGREQ, PINGRESP, field, packet, puback, pubrec};
use crate::v5::packets::{
    Connect, Publish, acknowledgement, body, disconnect, subscribe, unsubscribe,
};
use crate::v5::properties::{Properties, id};
use crate::v5::{on_one_shard, settle5};

/// A CONNECT that announces the size of the largest packet.
fn at_most(connect: Connect, size: u32) -> Connect {
    connect.with(|properties| properties.four_bytes(id::MAXIMUM_PACKET_SIZE, size))
}

/// [MQTT-3.1.2-24] No packet is larger than the Client's Maximum Packet Size: one byte decides.
#[test]
fn mqtt5_3_1_2_24_maximum_packet_size_is_kept() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut small = server.accepted5(&at_most(server.connect5("small"), 100), false);
        let mut large = server.client5("large");
        small.subscribe5("a", 2);
        large.subscribe5("a", 2);
        for qos in 0..3_u8 {
            // Fixed header, topic, Packet Identifier, Property Length.
            let header = 2 + 3 + if qos > 0 { 2 } else { 0 } + 1;
            for size in [99, 100, 101, 5000] {
                let payload = vec![qos; size - header];
                publisher.publish5_surely(&Publish::new("a", &payload).qos(qos, 0));
                assert_eq!(large.receive5_surely().payload, payload);
                if size <= 100 {
                    assert_eq!(small.receive5_surely().payload, payload);
                }
            }
        }
        settle5(&mut publisher, &mut small);
        small.expect_silence();
        server.wait_for("drops to count", |statistics| statistics.dropped_too_large == 6);
    });
}

/// [MQTT-3.1.2-24] Neither is a CONNACK: a Client that cannot take it is not let in.
#[test]
fn mqtt5_3_1_2_24_connack_fits_too() {
    on_one_shard(|server| {
        let (_, connack) = server.connacked5(&server.connect5("client"));
        let size = u32::try_from(5 + connack.properties.bytes().len() - 1).expect("it is short");
        server.accepted5(&at_most(server.connect5("client"), size), false).expect_silence();
        server.refuses5(&at_most(server.connect5("client"), size - 1).bytes(), 0x95);
        // Not even the refusal fits.
        let mut client = server.open();
        client.send(&at_most(server.connect5("client"), 2).bytes());
        client.expect_closed();
        server.wait_for("the answer to count", |statistics| statistics.answers_too_large == 1);
    });
}

/// [MQTT-3.1.2-25] A message that is too large counts as delivered: the next ones come, and it
/// takes no room in the window and no part in a later redelivery.
#[test]
fn mqtt5_3_1_2_25_too_large_counts_as_delivered() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let connect = server.connect5("small").resume().expiry(1000);
        let connect = at_most(connect, 50).with(|p| p.two_bytes(id::RECEIVE_MAXIMUM, 2));
        let mut small = server.accepted5(&connect, false);
        small.subscribe5("a", 1);
        for number in 0..6_u8 {
            publisher.publish5_surely(&Publish::new("a", [number; 60]).qos(1, 0));
            publisher.publish5_surely(&Publish::new("a", [number]).qos(1, 0));
        }
        for number in 0..6_u8 {
            assert_eq!(small.receive5_surely().payload, [number]);
        }
        small.expect_silence();
        drop(small);
        server.wait_for_connections(1);
        // Those that waited in the session as well.
        for number in 0..3_u8 {
            publisher.publish5_surely(&Publish::new("a", [number; 60]).qos(1, 0));
            publisher.publish5_surely(&Publish::new("a", [number]).qos(1, 0));
        }
        let mut small = server.accepted5(&connect, true);
        for number in 0..3_u8 {
            assert_eq!(small.receive5_surely().payload, [number]);
        }
        small.expect_silence();
    });
}

/// [MQTT-3.1.2-25] A message that fits as it is does not become too large by what the broker adds
/// of its own will.
#[test]
fn mqtt5_3_1_2_25_topic_alias_makes_no_message_too_large() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let connect = at_most(server.connect5("small"), 50);
        let connect = connect.with(|p| p.two_bytes(id::TOPIC_ALIAS_MAXIMUM, 5));
        let mut small = server.accepted5(&connect, false);
        small.subscribe5("a", 1);
        // Told, known, and again.
        for length in [44, 44, 41, 44, 20] {
            let message = Publish::new("a", vec![0; length]);
            publisher.send(&message.bytes());
            assert_eq!(small.receive5().payload, message.payload);
        }
    });
}

/// [MQTT-3.1.2-26] No Topic Alias is above the Client's Topic Alias Maximum.
#[test]
fn mqtt5_3_1_2_26_topic_alias_maximum_is_kept() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let connect = server
            .connect5("subscriber")
            .with(|properties| properties.two_bytes(id::TOPIC_ALIAS_MAXIMUM, 3));
        let mut subscriber = server.accepted5(&connect, false);
        subscriber.subscribe5("a/#", 1);
        for round in 0..3 {
            for number in 0..10_u8 {
                let topic = format!("a/{number}");
                publisher.publish5_surely(&Publish::new(&topic, [number]).qos(round % 2, 0));
                let message = subscriber.receive5_surely();
                assert_eq!(message.payload, [number]);
                if let Some(alias) = message.properties.number(id::TOPIC_ALIAS) {
                    assert!((1..=3).contains(&alias), "alias {alias}");
                }
            }
        }
    });
}

/// [MQTT-3.1.2-27] Without a Topic Alias Maximum, or with zero, there is no Topic Alias.
#[test]
fn mqtt5_3_1_2_27_no_topic_alias_unasked() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let zero = server.connect5("zero").with(|p| p.two_bytes(id::TOPIC_ALIAS_MAXIMUM, 0));
        let mut subscribers = [server.client5("absent"), server.accepted5(&zero, false)];
        for subscriber in &mut subscribers {
            subscriber.subscribe5("a", 0);
        }
        for _ in 0..3 {
            publisher.publish5("a", "x");
            for subscriber in &mut subscribers {
                subscriber.expect_message5("a", "x");
            }
        }
    });
}

/// [MQTT-3.1.2-28] A Client that does not ask for Response Information gets none.
#[test]
fn mqtt5_3_1_2_28_no_response_information_unasked() {
    on_one_shard(|server| {
        let zero = |p: Properties| p.byte(id::REQUEST_RESPONSE_INFORMATION, 0);
        for connect in [Connect::new("client"), Connect::new("client").with(zero)] {
            let (_, connack) = server.connacked5(&connect);
            assert!(!connack.properties.has(id::RESPONSE_INFORMATION), "{connack:02x?}");
        }
    });
}

/// [MQTT-3.1.2-29] With Request Problem Information 0, only PUBLISH, CONNACK and DISCONNECT carry
/// Reason Strings or User Properties.
#[test]
fn mqtt5_3_1_2_29_no_problem_information_unwanted() {
    everywhere(|server| {
        let connect = server
            .connect5("client")
            .with(|properties| properties.byte(id::REQUEST_PROBLEM_INFORMATION, 0));
        let mut client = server.accepted5(&connect, false);
        let properties = Properties::new().user("name", "value");
        // Each of these is answered with a Reason Code that a Reason String might explain.
        client.send(&Publish::new("nobody", "x").qos(1, 1).bytes());
        client.expect(&acknowledgement(0x40, 1, 0x10));
        client.send(&Publish::new("nobody", "x").qos(2, 2).bytes());
        client.expect(&acknowledgement(0x50, 2, 0x10));
        client.send(&acknowledgement(0x62, 9, 0));
        client.expect(&acknowledgement(0x70, 9, 0x92));
        client.send(&pubrec(9));
        client.expect(&acknowledgement(0x62, 9, 0x92));
        client.send(&unsubscribe(3, &properties, &["nothing"]));
        client.expect(&[0xb0, 4, 0, 3, 0, 0x11]);
        client.send(&subscribe(4, &properties, &[("a", 0)]));
        client.expect(&[0x90, 4, 0, 4, 0, 0]);
        // Those of a publication are its own, and are not withheld.
        let message = Publish::new("a", "x").properties(properties);
        client.send(&message.bytes());
        assert_eq!(client.receive5(), message);
    });
}

/// [MQTT-3.1.4-1] Limits of zero, flags other than 0 and 1, and properties that are there twice are
/// Protocol Errors, 3.1.2.11; so is Authentication Data without a method.
#[test]
fn mqtt5_3_1_4_1_properties_of_connect_are_checked() {
    on_one_shard(|server| {
        let errors = [
            Properties::new().two_bytes(id::RECEIVE_MAXIMUM, 0),
            Properties::new().four_bytes(id::MAXIMUM_PACKET_SIZE, 0),
            Properties::new().byte(id::REQUEST_RESPONSE_INFORMATION, 2),
            Properties::new().byte(id::REQUEST_PROBLEM_INFORMATION, 2),
            Properties::new().string(id::AUTHENTICATION_DATA, [1, 2, 3]),
            Properties::new()
                .four_bytes(id::SESSION_EXPIRY_INTERVAL, 1)
                .four_bytes(id::SESSION_EXPIRY_INTERVAL, 1),
            Properties::new().two_bytes(id::RECEIVE_MAXIMUM, 1).two_bytes(id::RECEIVE_MAXIMUM, 1),
        ];
        for properties in errors {
            server.refuses5(&Connect::new("client").with(|_| properties).bytes(), 0x82);
        }
        let malformed = [
            Properties::new().two_bytes(id::TOPIC_ALIAS, 1),
            Properties::new().string(id::RESPONSE_TOPIC, "a"),
            Properties::new().string(id::ASSIGNED_CLIENT_IDENTIFIER, "a"),
            Properties::new().byte(0x55, 1),
        ];
        for properties in malformed {
            server.refuses5(&Connect::new("client").with(|_| properties).bytes(), 0x81);
        }
    });
}

/// [MQTT-3.1.4-1] A CONNECT that is not of the format that section 3.1 describes is refused.
#[test]
fn mqtt5_3_1_4_1_format_of_connect_is_checked() {
    on_one_shard(|server| {
        let connect = Connect::new("client").user_name("user").password(b"word");
        let whole = connect.bytes();
        for length in 1 + 2 + 4 + 1..whole.len() - 2 {
            server.refuses5(&packet(0x10, &[&body(&whole)[..length]]), 0x81);
        }
        server.refuses5(&packet(0x10, &[body(&whole), &[0]]), 0x81);
        let will = Publish::new("a", "x").properties(Properties::new().byte(0x23, 1));
        server.refuses5(&connect.will(will).bytes(), 0x81);
    });
}

/// [MQTT-3.1.4-2] What a CONNECT asks for and the broker does not have is refused with its Reason
/// Code: an authentication method, room for one more session.
#[test]
fn mqtt5_3_1_4_2_what_cannot_be_had_is_refused() {
    let mut limits = broker::Limits::default();
    limits.sessions_max = 1;
    let server = crate::support::Server::start(1, |builder| builder.limits(limits));
    let method = Properties::new().string(id::AUTHENTICATION_METHOD, "SCRAM-SHA-1");
    server.refuses5(&Connect::new("client").with(|_| method).bytes(), 0x8c);
    let first = server.client5("first");
    server.refuses5(&Connect::new("second").bytes(), 0x97);
    drop(first);
    server.wait_for_connections(0);
    server.client5("second").expect_silence();
}

/// [MQTT-3.1.4-3] Another Network Connection of the same Client ends the one that there is, which
/// is told so; whatever the versions.
#[test]
fn mqtt5_3_1_4_3_session_is_taken_over() {
    everywhere(|server| {
        let mut older = server.client5("client");
        let mut newer = server.client5("client");
        older.expect_disconnect(0x8e);
        newer.expect_silence();
        let mut old = server.client("client");
        newer.expect_disconnect(0x8e);
        old.expect_silence();
        let mut newer = server.client5("client");
        old.expect_closed();
        newer.expect_silence();
    });
}

/// [MQTT-3.1.4-4] A take-over goes on with the session, or begins a new one, as Clean Start says.
#[test]
fn mqtt5_3_1_4_4_clean_start_is_heeded_on_take_over() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut older = server.begin5("client");
        older.subscribe5("a", 1);
        let mut newer = server.resume5("client");
        older.expect_disconnect(0x8e);
        publisher.publish5_surely(&Publish::new("a", "x").qos(1, 0));
        assert_eq!(newer.receive5_surely().payload, b"x");
        let mut newest = server.accepted5(&server.connect5("client").expiry(100), false);
        newer.expect_disconnect(0x8e);
        settle5(&mut publisher, &mut newest);
        publisher.publish5_surely(&Publish::new("a", "y").qos(1, 0));
        settle5(&mut publisher, &mut newest);
        newest.expect_silence();
    });
}

/// [MQTT-3.1.4-5] A CONNECT that is valid is answered with Reason Code 0.
#[test]
fn mqtt5_3_1_4_5_connect_is_acknowledged() {
    everywhere(|server| {
        let connect = server
            .connect5("client")
            .with(|properties| {
                properties
                    .four_bytes(id::SESSION_EXPIRY_INTERVAL, 1)
                    .two_bytes(id::RECEIVE_MAXIMUM, 1)
                    .four_bytes(id::MAXIMUM_PACKET_SIZE, 1000)
                    .two_bytes(id::TOPIC_ALIAS_MAXIMUM, 1)
                    .byte(id::REQUEST_RESPONSE_INFORMATION, 1)
                    .byte(id::REQUEST_PROBLEM_INFORMATION, 1)
                    .user("name", "value")
                    .user("name", "value")
            })
            .keep_alive(100)
            .will(Publish::new("will", "gone").properties(Properties::new().user("a", "b")))
            .user_name("user")
            .password(b"\0\xff");
        let mut client = server.accepted5(&connect, false);
        client.send(&disconnect(0, &Properties::new()));
        client.expect_closed();
    });
}

/// [MQTT-3.1.4-6] What follows a refused CONNECT is not looked at.
#[test]
fn mqtt5_3_1_4_6_nothing_is_processed_after_a_refusal() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("#", 0);
        let method = Properties::new().string(id::AUTHENTICATION_METHOD, "none");
        let refused = [
            Connect::new("").bytes_with(0x03, &field(b"client")),
            Connect::new("client").with(|_| method).bytes(),
        ];
        for connect in refused {
            let mut client = server.open();
            client.send(&[&connect[..], &Publish::new("a", "x").bytes(), &PINGREQ].concat());
            assert!(client.receive()[3] >= 0x80);
            client.expect_closed();
        }
        let mut marker = server.client5("marker");
        marker.publish5("marker", "x");
        witness.expect_message5("marker", "x");
    });
}

/// [MQTT-3.1.4-6] What follows one that is accepted is, without waiting for the CONNACK.
#[test]
fn mqtt5_3_1_4_6_packets_may_follow_at_once() {
    everywhere(|server| {
        let mut client = server.open();
        let message = Publish::new("a", "x").qos(1, 2);
        let bytes = [
            server.connect5("client").bytes(),
            subscribe(1, &Properties::new(), &[("a", 1)]),
            message.bytes(),
            PINGREQ.to_vec(),
        ];
        client.send(&bytes.concat());
        assert_eq!(client.receive()[..4], [0x20, client_length(server), 0, 0]);
        client.expect(&[0x90, 4, 0, 1, 0, 1]);
        assert_eq!(client.receive5().payload, b"x");
        client.expect(&puback(2));
        client.expect(&PINGRESP);
    });
}

/// The length of a CONNACK to an ordinary CONNECT.
fn client_length(server: &crate::support::Server) -> u8 {
    let (_, connack) = server.connacked5(&server.connect5("other"));
    u8::try_from(2 + connack.properties.bytes().len()).expect("it is short")
}
