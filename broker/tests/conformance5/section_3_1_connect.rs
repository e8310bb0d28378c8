//! MQTT 5.0 3.1.0 to 3.1.2: CONNECT, its flags, Clean Start and the session.

use crate::support::everywhere;
use crate::support::packets::{
    Connect as Connect311, PINGREQ, field, packet, puback, pubrec, pubrel,
};
use crate::v5::packets::{Connect, Publish, disconnect, subscribe};
use crate::v5::properties::{Properties, id};
use crate::v5::{NEVER, on_one_shard, settle5};

/// [MQTT-3.1.0-1] The first packet is a CONNECT; any other one closes the connection, without a
/// word as there is nobody to talk to, [MQTT-3.14.0-1].
#[test]
fn mqtt5_3_1_0_1_first_packet_is_connect() {
    on_one_shard(|server| {
        let none = Properties::new();
        let packets = [
            Publish::new("a", "x").bytes(),
            subscribe(1, &none, &[("a", 0)]),
            puback(1),
            pubrec(1),
            pubrel(1),
            PINGREQ.to_vec(),
            disconnect(0, &none),
            vec![0xf0, 0],
        ];
        for packet in packets {
            let mut client = server.open();
            client.send(&packet);
            client.expect_closed();
        }
    });
}

/// [MQTT-3.1.0-2] A second CONNECT is a Protocol Error.
#[test]
fn mqtt5_3_1_0_2_second_connect_is_a_protocol_error() {
    on_one_shard(|server| {
        server.disconnects5(&server.connect5("offender").bytes(), 0x82);
        server.disconnects5(&server.connect5("other").bytes(), 0x82);
        server.disconnects5(&Connect311::new("offender").bytes(), 0x82);
    });
}

/// [MQTT-3.1.2-1] A protocol name other than MQTT is not accepted.
#[test]
fn mqtt5_3_1_2_1_protocol_name_is_mqtt() {
    on_one_shard(|server| {
        for name in ["", "mqtt", "MQTT5", "MQIsdp", "HTTP"] {
            let mut client = server.open();
            let payload = [&[5, 2, 0, 0, 0], &field(b"client")[..]].concat();
            client.send(&packet(0x10, &[&field(name.as_bytes()), &payload]));
            if let Some(connack) = client.next() {
                assert!(matches!(connack[..], [0x20, _, 0, 1 | 0x84, ..]), "{connack:02x?}");
                client.expect_closed();
            }
        }
    });
}

/// [MQTT-3.1.2-2] A protocol version that there is none of is refused as such: a newer one in the
/// form of 5.0, an older one in that of 3.1.1. The highest bit marks a bridge.
#[test]
fn mqtt5_3_1_2_2_unknown_version_is_refused() {
    on_one_shard(|server| {
        let newer: &[u8] = &[0x20, 3, 0, 0x84, 0];
        let older: &[u8] = &[0x20, 2, 0, 1];
        let of = |versions: &'static [u8], answer| versions.iter().map(move |v| (*v, answer));
        let cases = of(&[6, 7, 0x7f, 0x85, 0xff], newer).chain(of(&[0, 1, 3, 0x80, 0x84], older));
        for (version, answer) in cases {
            let mut client = server.open();
            let payload = [&[version, 2, 0, 0, 0], &field(b"client")[..]].concat();
            client.send(&packet(0x10, &[&field(b"MQTT"), &payload]));
            client.expect(answer);
            client.expect_closed();
        }
        server.wait_for("refusals to count", |statistics| statistics.connects_refused == 10);
    });
}

/// [MQTT-3.1.2-3] The reserved Connect Flag is zero.
#[test]
fn mqtt5_3_1_2_3_reserved_flag_is_checked() {
    on_one_shard(|server| {
        for flags in [0x01, 0x03] {
            server.refuses5(&Connect::new("").bytes_with(flags, &field(b"client")), 0x81);
        }
    });
}

/// [MQTT-3.1.2-4] Clean Start = 1 discards the session that there is, with its subscriptions and
/// messages.
#[test]
fn mqtt5_3_1_2_4_clean_start_discards_the_session() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.begin5("subscriber");
        subscriber.subscribe5("a", 1);
        drop(subscriber);
        server.wait_for_connections(1);
        publisher.publish5_surely(&Publish::new("a", "old").qos(1, 0));
        let mut subscriber = server.client5("subscriber");
        settle5(&mut publisher, &mut subscriber);
        publisher.publish5_surely(&Publish::new("a", "new").qos(1, 0));
        settle5(&mut publisher, &mut subscriber);
        subscriber.expect_silence();
    });
}

/// [MQTT-3.1.2-5] Clean Start = 0 goes on with the session that there is.
#[test]
fn mqtt5_3_1_2_5_session_is_resumed() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.begin5("subscriber");
        subscriber.subscribe5_as(7, "a", 2);
        drop(subscriber);
        server.wait_for_connections(1);
        for qos in 1..3 {
            publisher.publish5_surely(&Publish::new("a", [qos]).qos(qos, 0));
        }
        let mut subscriber = server.resume5("subscriber");
        for qos in 1..3 {
            let message = subscriber.receive5_surely();
            assert_eq!((message.qos, &message.payload[..]), (qos, &[qos][..]));
            assert_eq!(message.properties.numbers(id::SUBSCRIPTION_IDENTIFIER), [7]);
        }
        publisher.publish5("a", "live");
        let live = subscriber.receive5();
        assert_eq!(live.properties.numbers(id::SUBSCRIPTION_IDENTIFIER), [7]);
    });
}

/// [MQTT-3.1.2-6] Clean Start = 0 without a session begins one.
#[test]
fn mqtt5_3_1_2_6_session_is_created() {
    everywhere(|server| {
        let mut client = server.accepted5(&server.connect5("client").resume(), false);
        client.subscribe5("a", 1);
        let mut publisher = server.client5("publisher");
        publisher.publish5("a", "x");
        client.expect_message5("a", "x");
    });
}

/// Flags that announce less or more than the payload has.
fn refuses_flags(cases: &[(u8, Vec<Vec<u8>>)]) {
    on_one_shard(|server| {
        for (flags, fields) in cases {
            let payload = [vec![field(b"client")], fields.clone()].concat().concat();
            server.refuses5(&Connect::new("").bytes_with(*flags, &payload), 0x81);
        }
    });
}

/// [MQTT-3.1.2-16] Without its flag there is no User Name.
#[test]
fn mqtt5_3_1_2_16_user_name_without_flag_is_malformed() {
    refuses_flags(&[(0x02, vec![field(b"user")]), (0x42, vec![field(b"user"), field(b"word")])]);
}

/// [MQTT-3.1.2-17] With its flag there is a User Name.
#[test]
fn mqtt5_3_1_2_17_flag_without_user_name_is_malformed() {
    refuses_flags(&[(0x82, vec![]), (0xc2, vec![field(b"user")]), (0x82, vec![vec![0, 9]])]);
}

/// [MQTT-3.1.2-18] Without its flag there is no Password.
#[test]
fn mqtt5_3_1_2_18_password_without_flag_is_malformed() {
    refuses_flags(&[(0x82, vec![field(b"user"), field(b"word")])]);
}

/// [MQTT-3.1.2-19] With its flag there is a Password, which at 5.0 needs no User Name.
#[test]
fn mqtt5_3_1_2_19_flag_without_password_is_malformed() {
    refuses_flags(&[(0x42, vec![]), (0xc2, vec![field(b"user")]), (0x42, vec![vec![0, 9, 1]])]);
    on_one_shard(|server| {
        server.accepted5(&Connect::new("client").password(b"\0\xff"), false).expect_silence();
    });
}

/// [MQTT-3.1.2-22] A Client that is silent for one and a half times its Keep Alive is closed, told
/// why, and its Will is published.
#[test]
fn mqtt5_3_1_2_22_keep_alive_runs_out() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("will", 0);
        let connect = server.connect5("client").keep_alive(1).will(Publish::new("will", "gone"));
        let mut client = server.accepted5(&connect, false);
        client.expect_disconnect(0x8d);
        witness.expect_message5("will", "gone");
        witness.expect_silence();
    });
}

/// [MQTT-3.1.2-23] A session with a Session Expiry Interval outlives its Network Connection.
#[test]
fn mqtt5_3_1_2_23_session_is_kept_for_its_interval() {
    everywhere(|server| {
        for seconds in [1000, NEVER - 1, NEVER] {
            let connect = server.connect5("client").expiry(seconds);
            server.accepted5(&connect, false).subscribe5("a", 1);
            server.wait_for_connections(0);
            drop(server.accepted5(&server.connect5("client").resume(), true));
            server.wait_for("the session to end", |statistics| statistics.sessions == 0);
        }
    });
}

/// [MQTT-3.1.2-23] Without one, or with zero, it does not; and a later CONNECT or DISCONNECT
/// changes what an earlier one said, 3.1.2.11.2 and 3.14.2.2.2.
#[test]
fn mqtt5_3_1_2_23_expiry_is_that_of_the_last_packet() {
    everywhere(|server| {
        for connect in [server.connect5("client"), server.connect5("client").expiry(0)] {
            drop(server.accepted5(&connect, false));
            server.wait_for_connections(0);
            drop(server.accepted5(&server.connect5("client").resume(), false));
            server.wait_for_connections(0);
        }
        let interval = |seconds| Properties::new().four_bytes(id::SESSION_EXPIRY_INTERVAL, seconds);
        // DISCONNECT ends what CONNECT would have kept.
        server.begin5("client").send(&disconnect(0, &interval(0)));
        server.wait_for_connections(0);
        // And keeps what CONNECT would have ended in a moment.
        let mut client = server.accepted5(&server.connect5("client").resume().expiry(1), false);
        client.send(&disconnect(0, &interval(1000)));
        server.wait_for_connections(0);
        let mut other = server.accepted5(&server.connect5("other").expiry(1), false);
        other.send(&disconnect(0, &Properties::new()));
        server.wait_for("the shorter one to end", |statistics| statistics.sessions == 1);
        drop(server.resume5("client"));
        server.wait_for_connections(0);
        drop(server.resume5("client"));
    });
}

/// [MQTT-3.1.2-23] A DISCONNECT cannot keep a session that was to end with its Network Connection,
/// 3.14.2.2.2.
#[test]
fn mqtt5_3_1_2_23_session_without_interval_cannot_be_kept() {
    on_one_shard(|server| {
        let interval = Properties::new().four_bytes(id::SESSION_EXPIRY_INTERVAL, 100);
        server.disconnects5(&disconnect(0, &interval), 0x82);
        drop(server.accepted5(&server.connect5("offender").resume(), false));
        // Zero is no change.
        let mut client = server.client5("client");
        let interval = Properties::new().four_bytes(id::SESSION_EXPIRY_INTERVAL, 0);
        client.send(&disconnect(0, &interval));
        client.expect_closed();
    });
}
