//! MQTT 5.0 3.2: CONNACK.

use std::time::Duration;

use broker::Limits;

use crate::support::packets::{PINGREQ, PINGRESP, field};
use crate::support::{Server, everywhere, everywhere_with};
use crate::v5::packets::{Connack, Connect, Publish, body, disconnect};
use crate::v5::properties::{Properties, id};
use crate::v5::{NEVER, on_one_shard};

/// A CONNECT that asks for an authentication method, of which there is none.
fn with_method(connect: Connect) -> Connect {
    connect.with(|properties| properties.string(id::AUTHENTICATION_METHOD, "GS2-KRB5"))
}

/// CONNECT packets that are refused, with their Reason Codes.
fn refused() -> Vec<(Vec<u8>, u8)> {
    vec![
        (Connect::new("").bytes_with(0x03, &field(b"client")), 0x81),
        (Connect::new("").bytes_with(0x02, &[]), 0x81),
        (Connect::new("a").with(|p| p.two_bytes(id::RECEIVE_MAXIMUM, 0)).bytes(), 0x82),
        (Connect::new("a").will(Publish::new("a/+", "")).bytes(), 0x90),
        (with_method(Connect::new("a")).bytes(), 0x8c),
    ]
}

/// [MQTT-3.2.0-1] CONNACK is the first packet, though messages wait in the session.
#[test]
fn mqtt5_3_2_0_1_connack_is_first() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        server.begin5("client").subscribe5("a", 1);
        server.wait_for_connections(1);
        for _ in 0..10 {
            publisher.publish5_surely(&Publish::new("a", "x").qos(1, 0));
        }
        let mut client = server.open();
        let connect = server.connect5("client").resume().expiry(NEVER);
        client.send(&[&connect.bytes()[..], &PINGREQ].concat());
        assert_eq!(client.receive()[0], 0x20);
        for _ in 0..10 {
            assert_eq!(client.receive5().payload, b"x");
        }
        client.expect(&PINGRESP);
    });
}

/// [MQTT-3.2.0-2] There is one CONNACK, though the Client sends CONNECT again.
#[test]
fn mqtt5_3_2_0_2_there_is_one_connack() {
    everywhere(|server| {
        let connect = server.connect5("client").bytes();
        let mut client = server.open();
        client.send(&[&connect[..], &connect].concat());
        assert_eq!(client.receive()[0], 0x20);
        client.expect_disconnect(0x82);
    });
}

/// [MQTT-3.2.2-1] All acknowledge flags but Session Present are zero.
#[test]
fn mqtt5_3_2_2_1_reserved_flags_are_zero() {
    on_one_shard(|server| {
        server.accepted5(&Connect::new("client").expiry(NEVER), false);
        server.wait_for_connections(0);
        let (_, connack) = server.connacked5(&Connect::new("client").resume());
        assert_eq!(connack.flags, 1);
        for (connect, reason) in refused() {
            server.refuses5(&connect, reason);
        }
    });
}

/// [MQTT-3.2.2-2] Clean Start = 1: Session Present is 0, session or none.
#[test]
fn mqtt5_3_2_2_2_clean_start_has_no_session_present() {
    everywhere(|server| {
        drop(server.begin5("client"));
        let clean = server.connect5("client").expiry(NEVER);
        let older = server.accepted5(&clean, false);
        drop(server.accepted5(&clean, false));
        drop(older);
        server.wait_for_connections(0);
        drop(server.accepted5(&clean, false));
    });
}

/// [MQTT-3.2.2-3] Clean Start = 0: Session Present says whether there was a session.
#[test]
fn mqtt5_3_2_2_3_session_present_is_true() {
    everywhere(|server| {
        drop(server.begin5("client"));
        let older = server.resume5("client");
        drop(server.resume5("client"));
        drop(older);
        server.wait_for_connections(0);
        drop(server.accepted5(&server.connect5("client").resume(), true));
        server.wait_for("the session to end", |statistics| statistics.sessions == 0);
        drop(server.begin5("client"));
        // One of 3.1.1 is one as well.
        drop(server.begin("other"));
        drop(server.resume5("other"));
    });
}

/// [MQTT-3.2.2-6] A refusal has Session Present 0, though there is a session; which stays.
#[test]
fn mqtt5_3_2_2_6_refusal_has_no_session_present() {
    everywhere(|server| {
        drop(server.begin5("client"));
        server.wait_for_connections(0);
        server.refuses5(&with_method(server.connect5("client").resume()).bytes(), 0x8c);
        drop(server.resume5("client"));
    });
}

/// [MQTT-3.2.2-7] After a Reason Code of 0x80 or more the connection is closed.
#[test]
fn mqtt5_3_2_2_7_refusal_closes() {
    everywhere(|server| {
        for (connect, reason) in refused() {
            // Checks the end of the connection.
            server.refuses5(&connect, reason);
        }
    });
}

/// [MQTT-3.2.2-8] Reason Codes are those that there are for CONNACK.
#[test]
fn mqtt5_3_2_2_8_reason_codes_are_those_of_connack() {
    const CODES: [u8; 22] = [
        0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95,
        0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
    ];
    on_one_shard(|server| {
        let connect = Connect::new("client").will(Publish::new("a", "x")).user_name("user");
        let whole = connect.bytes();
        // Each bit of it turned, in turn: whatever is wrong, the answer is one of the codes.
        for bit in 8 * (2 + 7)..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mut client = server.open();
            client.send(&bytes);
            client.stream().shutdown(std::net::Shutdown::Write).expect("it is open");
            if let Some(connack) = client.next() {
                assert_eq!(connack[0], 0x20);
                assert!(CODES.contains(&body(&connack)[1]), "{connack:02x?} to {bytes:02x?}");
            }
        }
    });
}

/// [MQTT-3.2.2-16] An identifier that the broker assigns is in no other session, connected or not,
/// and only an empty one is answered with it.
#[test]
fn mqtt5_3_2_2_16_assigned_identifier_is_new() {
    everywhere(|server| {
        let connect = Connect::new("").expiry(NEVER);
        let mut assigned = Vec::new();
        for _ in 0..10 {
            let (mut client, connack) = server.connacked5(&connect);
            assert_eq!((connack.flags, connack.reason), (0, 0));
            assigned.push(connack.properties.text(id::ASSIGNED_CLIENT_IDENTIFIER));
            client.send(&disconnect(0, &Properties::new()));
            client.expect_closed();
        }
        assert!(assigned.iter().all(Option::is_some), "{assigned:?}");
        assigned.sort();
        assigned.dedup();
        assert_eq!(assigned.len(), 10);
        let (_, connack) = server.connacked5(&server.connect5("client"));
        assert!(!connack.properties.has(id::ASSIGNED_CLIENT_IDENTIFIER), "{connack:02x?}");
    });
}

/// [MQTT-3.2.2-19] No Reason String makes a CONNACK too large for the Client.
#[test]
fn mqtt5_3_2_2_19_reason_string_fits() {
    on_one_shard(|server| {
        let mut client = server.open();
        let small = Connect::new("a").with(|p| p.four_bytes(id::MAXIMUM_PACKET_SIZE, 5));
        client.send(&with_method(small).bytes());
        client.expect(&[0x20, 3, 0, 0x8c, 0]);
        client.expect_closed();
    });
}

/// [MQTT-3.2.2-20] Nor does a User Property.
#[test]
fn mqtt5_3_2_2_20_user_property_fits() {
    on_one_shard(|server| {
        let (_, connack) = server.connacked5(&Connect::new("a"));
        let size = 4 + connack.properties.bytes().len();
        let size = u32::try_from(size).expect("it is short");
        let small = Connect::new("a").with(|p| p.four_bytes(id::MAXIMUM_PACKET_SIZE, size));
        let (_, connack) = server.connacked5(&small);
        assert_eq!(connack.reason, 0);
        assert!(!connack.properties.has(id::USER_PROPERTY), "{connack:02x?}");
    });
}

/// [MQTT-3.2.2-22] Without Server Keep Alive, that of the Client holds: 0 is for ever, 1 is not.
#[test]
fn mqtt5_3_2_2_22_keep_alive_of_the_client_holds() {
    everywhere(|server| {
        let (mut patient, connack) = server.connacked5(&server.connect5("patient"));
        assert!(!connack.properties.has(id::SERVER_KEEP_ALIVE), "{connack:02x?}");
        let (mut client, connack) = server.connacked5(&server.connect5("client").keep_alive(1));
        assert!(!connack.properties.has(id::SERVER_KEEP_ALIVE), "{connack:02x?}");
        client.expect_disconnect(0x8d);
        patient.expect_silence();
    });
}

/// [MQTT-3.2.2-22] Where the broker has its own, it says so and holds the Client to it, 3.2.2.3.14;
/// a Client of 3.1.1, which cannot be told, has what it asked for.
#[test]
fn mqtt5_3_2_2_22_server_keep_alive_is_told_and_holds() {
    let mut limits = Limits::default();
    limits.keep_alive_max = Some(Duration::from_secs(1));
    everywhere_with(&limits, |server| {
        let mut old = server.client("old");
        for (asked, told) in [(0, Some(1)), (1, None), (60, Some(1)), (u16::MAX, Some(1))] {
            let connect = server.connect5("client").keep_alive(asked);
            let (_, connack) = server.connacked5(&connect);
            assert_eq!(connack.properties.number(id::SERVER_KEEP_ALIVE), told, "for {asked}");
        }
        server.client5("client").expect_disconnect(0x8d);
        old.expect_silence();
    });
}

/// [MQTT-3.2.2-22] The CONNACK tells the limits of the broker where they are not the default of the
/// specification, 3.2.2.3: Receive Maximum, Maximum Packet Size, Topic Alias Maximum; and nothing
/// that it supports is said to be missing.
#[test]
fn mqtt5_3_2_2_22_limits_are_told() {
    let mut limits = Limits::default();
    limits.receive_maximum = 17;
    limits.packet_bytes_max = 12_345;
    limits.topic_alias_max = 5;
    let server = Server::start(1, |builder| builder.limits(limits));
    let (_, Connack { properties, .. }) = server.connacked5(&Connect::new("client"));
    assert_eq!(properties.number(id::RECEIVE_MAXIMUM), Some(17));
    assert_eq!(properties.number(id::MAXIMUM_PACKET_SIZE), Some(12_345));
    assert_eq!(properties.number(id::TOPIC_ALIAS_MAXIMUM), Some(5));
    let supported = [
        id::MAXIMUM_QOS,
        id::RETAIN_AVAILABLE,
        id::WILDCARD_SUBSCRIPTION_AVAILABLE,
        id::SUBSCRIPTION_IDENTIFIER_AVAILABLE,
        id::SHARED_SUBSCRIPTION_AVAILABLE,
    ];
    for identifier in supported {
        assert!(properties.number(identifier).is_none_or(|n| n == 1), "{identifier:#04x}");
    }
    for identifier in [id::SERVER_REFERENCE, id::AUTHENTICATION_METHOD, id::REASON_STRING] {
        assert!(!properties.has(identifier), "{identifier:#04x}");
    }
}
