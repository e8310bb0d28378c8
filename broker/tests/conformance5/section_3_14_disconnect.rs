//! MQTT 5.0 3.12 to 3.15: PINGREQ, DISCONNECT and AUTH.

use crate::support::packets::{DISCONNECT, PINGREQ, PINGRESP, packet};
use crate::support::{Server, everywhere};
use crate::v5::on_one_shard;
use crate::v5::packets::{Connect, Publish, auth, disconnect};
use crate::v5::properties::{Properties, id};

/// Reason Codes of a Client's DISCONNECT, 3.14.2.1.
const OF_CLIENT: [u8; 14] =
    [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];

/// [MQTT-3.12.4-1] PINGREQ is answered with PINGRESP; one with a body is malformed.
#[test]
fn mqtt5_3_12_4_1_pingreq_is_answered() {
    everywhere(|server| {
        let mut client = server.client5("client");
        for _ in 0..3 {
            client.send(&PINGREQ);
            client.expect(&PINGRESP);
        }
        client.send(&[0xc0, 1, 0]);
        client.expect_disconnect(0x81);
    });
}

/// [MQTT-3.14.0-1] No DISCONNECT comes before a CONNACK of success: what is wrong before is
/// answered by CONNACK or not at all.
#[test]
fn mqtt5_3_14_0_1_no_disconnect_before_connack() {
    on_one_shard(|server| {
        let large = [0x10, 0xff, 0xff, 0xff, 0x7f];
        let packets: [&[u8]; 7] = [
            &PINGREQ,
            &[0xff],
            &[0],
            &DISCONNECT,
            &large,
            &[0x10, 0x80, 0x80, 0x80, 0x80],
            &[0x11],
        ];
        for packet in packets {
            let mut client = server.open();
            client.send(packet);
            client.expect_closed();
        }
        server.refuses5(&Connect::new("").bytes_with(0x03, &[0, 0]), 0x81);
    });
    let mut limits = broker::Limits::default();
    limits.connect_timeout = std::time::Duration::from_millis(200);
    Server::start(1, |builder| builder.limits(limits)).open().expect_closed();
}

/// [MQTT-3.14.1-1] The flags of a DISCONNECT are zero.
#[test]
fn mqtt5_3_14_1_1_flags_of_disconnect() {
    on_one_shard(|server| {
        for flags in 1..16 {
            server.disconnects5(&[0xe0 | flags, 0], 0x81);
        }
    });
}

/// [MQTT-3.14.2-1] DISCONNECT has one of its Reason Codes: the broker takes those of a Client and
/// no other.
#[test]
fn mqtt5_3_14_2_1_reason_codes_of_disconnect() {
    on_one_shard(|server| {
        for code in 0..=255 {
            let mut client = server.client5("client");
            client.send(&disconnect(code, &Properties::new()));
            if OF_CLIENT.contains(&code) {
                client.expect_closed();
            } else {
                client.expect_disconnect(0x82);
            }
        }
        for bare in [&DISCONNECT[..], &[0xe0, 1, 0], &[0xe0, 1, 4], &[0xe0, 2, 0, 0]] {
            let mut client = server.client5("client");
            client.send(bare);
            client.expect_closed();
        }
        for malformed in [&[0xe0, 2, 0, 1][..], &[0xe0, 3, 0, 0, 0], &[0xe0, 3, 0, 1, 0x1f]] {
            server.disconnects5(malformed, 0x81);
        }
    });
}

/// Each way in which the broker disconnects by itself, with the Reason Code of 3.14.2.1.
fn by_the_broker(limits: u32, check: impl Fn(Properties)) {
    let mut narrow = broker::Limits::default();
    narrow.receive_maximum = 1;
    narrow.packet_bytes_max = 1000;
    let server = Server::start(1, |builder| builder.limits(narrow));
    let connect = server
        .connect5("client")
        .keep_alive(1)
        .with(|properties| properties.four_bytes(id::MAXIMUM_PACKET_SIZE, limits));
    let open = |n| Publish::new("a", "x").qos(2, n).bytes();
    let alias = Publish::new("a", "x").alias(u16::MAX).bytes();
    let packets = [
        (vec![0xff; 5], 0x81),
        (packet(0x30, &[&[0, 5]]), 0x81),
        (connect.bytes(), 0x82),
        (Publish::new("a/+", "x").bytes(), 0x90),
        (alias, 0x94),
        (Publish::new("a", vec![0; 1000]).bytes(), 0x95),
    ];
    for (packet, reason) in packets {
        let mut client = server.accepted5(&connect, false);
        client.send(&packet);
        check(client.expect_disconnect(reason));
    }
    let mut client = server.accepted5(&connect, false);
    client.send(&open(1));
    assert_eq!(client.receive()[0], 0x50);
    client.send(&open(2));
    check(client.expect_disconnect(0x93));
    check(server.accepted5(&connect, false).expect_disconnect(0x8d));
    let mut older = server.accepted5(&connect, false);
    let mut newer = server.accepted5(&connect, false);
    check(older.expect_disconnect(0x8e));
    server.stop();
    check(newer.expect_disconnect(0x8b));
}

/// [MQTT-3.14.2-2] A DISCONNECT of the broker has no Session Expiry Interval.
#[test]
fn mqtt5_3_14_2_2_no_session_expiry_from_the_broker() {
    by_the_broker(1000, |properties| {
        assert!(!properties.has(id::SESSION_EXPIRY_INTERVAL), "{properties:?}");
    });
}

/// [MQTT-3.14.2-3] No Reason String makes it too large for the Client; where there is room, it says
/// why.
#[test]
fn mqtt5_3_14_2_3_reason_string_fits() {
    by_the_broker(20, |properties| assert!(!properties.has(id::REASON_STRING), "{properties:?}"));
    by_the_broker(1000, |properties| assert!(properties.has(id::REASON_STRING), "{properties:?}"));
}

/// [MQTT-3.14.2-4] Nor does a User Property.
#[test]
fn mqtt5_3_14_2_4_user_property_fits() {
    by_the_broker(20, |properties| assert!(properties.is_empty(), "{properties:?}"));
}

/// [MQTT-3.14.4-1] After its DISCONNECT the broker sends nothing.
#[test]
fn mqtt5_3_14_4_1_nothing_after_disconnect() {
    everywhere(|server| {
        let mut client = server.client5("client");
        client.subscribe5("a", 0);
        let message = Publish::new("a", "x").bytes();
        client
            .send(&[&message[..], &server.connect5("client").bytes(), &message, &PINGREQ].concat());
        client.expect_message5("a", "x");
        client.expect_disconnect(0x82);
    });
}

/// [MQTT-3.14.4-2] After its DISCONNECT the broker closes the connection.
#[test]
fn mqtt5_3_14_4_2_broker_closes_after_disconnect() {
    by_the_broker(1000, |_| {});
}

/// [MQTT-3.14.4-3] DISCONNECT with Reason Code 0 takes the Will back, one with a delay as well.
#[test]
fn mqtt5_3_14_4_3_disconnect_discards_the_will() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("#", 0);
        let delay = Properties::new().four_bytes(id::WILL_DELAY_INTERVAL, 1);
        for properties in [Properties::new(), delay] {
            for bytes in [DISCONNECT.to_vec(), disconnect(0, &Properties::new())] {
                let will = Publish::new("will", "gone").properties(properties.clone());
                let connect = server.connect5("client").expiry(1).will(will);
                let mut client = server.accepted5(&connect, false);
                client.send(&bytes);
                client.expect_closed();
            }
        }
        server.wait_for("the session to end", |statistics| statistics.sessions == 1);
        let mut marker = server.client5("marker");
        marker.publish5("marker", "x");
        witness.expect_message5("marker", "x");
        assert_eq!(server.statistics().wills_published, 0);
    });
}

/// [MQTT-3.15.1-1] The flags of an AUTH are zero.
#[test]
fn mqtt5_3_15_1_1_flags_of_auth() {
    on_one_shard(|server| {
        for flags in 1..16 {
            server.disconnects5(&[0xf0 | flags, 0], 0x81);
        }
    });
}

/// [MQTT-4.12.0-1] A method that the broker does not have is refused as such, with or without data.
#[test]
fn mqtt5_4_12_0_1_unknown_method_is_refused() {
    everywhere(|server| {
        let method = |p: Properties| p.string(id::AUTHENTICATION_METHOD, "SCRAM-SHA-256");
        server.refuses5(&server.connect5("client").with(method).bytes(), 0x8c);
        let data = |p: Properties| method(p).string(id::AUTHENTICATION_DATA, [0, 1]);
        server.refuses5(&server.connect5("client").with(data).bytes(), 0x8c);
    });
}

/// [MQTT-4.12.0-6] A Client without a method gets neither AUTH nor a method in the CONNACK.
#[test]
fn mqtt5_4_12_0_6_no_method_where_there_was_none() {
    everywhere(|server| {
        let (mut client, connack) = server.connacked5(&server.connect5("client"));
        assert!(!connack.properties.has(id::AUTHENTICATION_METHOD), "{connack:02x?}");
        assert!(!connack.properties.has(id::AUTHENTICATION_DATA), "{connack:02x?}");
        client.expect_silence();
    });
}

/// [MQTT-4.12.0-7] Nor may it send AUTH: that is a Protocol Error; at 3.1.1 there is no such packet.
#[test]
fn mqtt5_4_12_0_7_auth_without_method_is_a_protocol_error() {
    everywhere(|server| {
        let method = Properties::new().string(id::AUTHENTICATION_METHOD, "PLAIN");
        for packet in [auth(0x18, &method), auth(0x19, &method), vec![0xf0, 0]] {
            server.disconnects5(&packet, 0x82);
            let mut old = server.client("old");
            old.send(&packet);
            old.expect_closed();
        }
    });
}
