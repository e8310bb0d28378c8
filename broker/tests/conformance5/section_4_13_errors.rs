//! MQTT 5.0 4.13: handling errors.

use crate::support::everywhere;
use crate::support::packets::{PINGREQ, packet};
use crate::v5::packets::{Connect, Publish, subscribe, unsubscribe};
use crate::v5::properties::{Properties, id};
use crate::v5::{on_one_shard, settle5};

/// [MQTT-4.13.1-1] A Malformed Packet or a Protocol Error closes the connection it came on, which
/// is told the Reason Code that the specification gives, and no other.
#[test]
fn mqtt5_4_13_1_1_errors_close_their_own_connection() {
    everywhere(|server| {
        let mut good = server.client5("good");
        let mut other = server.client5("other");
        let none = Properties::new();
        let violations = [
            // Packet types that there are not, or not from a Client.
            (vec![0x00, 0], 0x81),
            (vec![0x20, 2, 0, 0], 0x82),
            (vec![0x90, 3, 0, 1, 0], 0x82),
            (vec![0xb0, 2, 0, 1], 0x82),
            (vec![0xd0, 0], 0x82),
            // Lengths.
            (vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x01], 0x81),
            (packet(0x30, &[&[0, 9, b'a']]), 0x81),
            (packet(0x40, &[&[1]]), 0x81),
            (packet(0xc0, &[&[0]]), 0x81),
            (Publish::new("a", vec![0; 16 << 20]).bytes()[..10].to_vec(), 0x95),
            // Contents.
            (Publish::new("", "x").bytes(), 0x82),
            (Publish::new("a/#", "x").bytes(), 0x90),
            (Publish::new("a", "x").alias(0).bytes(), 0x94),
            (Publish::new("a", "x").alias(u16::MAX).bytes(), 0x94),
            (Publish::new("a", "x").qos(3, 1).bytes(), 0x81),
            (subscribe(1, &none, &[("a/#/b", 0)]), 0x8f),
            (subscribe(1, &none, &[]), 0x82),
            (unsubscribe(1, &none, &[]), 0x82),
            (server.connect5("bad").bytes(), 0x82),
            (vec![0xf0, 0], 0x82),
        ];
        for (bytes, reason) in violations {
            let mut client = server.client5("bad");
            client.send(&bytes);
            client.expect_disconnect(reason);
            settle5(&mut good, &mut other);
        }
        server.wait_for("violations to count", |s| s.protocol_violations == 20);
    });
}

/// [MQTT-4.13.1-1] A packet whose first bytes are wrong is refused before the rest has come.
#[test]
fn mqtt5_4_13_1_1_errors_are_found_at_once() {
    on_one_shard(|server| {
        server.disconnects5(&[0x30, 0xff, 0xff, 0xff, 0x7f], 0x95);
        server.disconnects5(&[0x81], 0x81);
        server.disconnects5(&[0x20], 0x82);
        let mut client = server.client5("client");
        // What came before in the same bytes is handled.
        client.subscribe5("a", 0);
        client.send(&[&Publish::new("a", "x").bytes()[..], &[0xff]].concat());
        client.expect_message5("a", "x");
        client.expect_disconnect(0x81);
    });
}

/// [MQTT-4.13.2-1] A Reason Code of 0x80 or more in CONNACK or DISCONNECT is followed by the end of
/// the connection; and so it ends where neither can be sent.
#[test]
fn mqtt5_4_13_2_1_connection_ends_with_the_error() {
    everywhere(|server| {
        let errors = [
            Connect::new("a").with(|p| p.two_bytes(id::RECEIVE_MAXIMUM, 0)).bytes(),
            Connect::new("a").with(|p| p.string(id::AUTHENTICATION_METHOD, "x")).bytes(),
            Connect::new("a").will(Publish::new("#", "x")).bytes(),
        ];
        for connect in errors {
            let mut client = server.open();
            client.send(&connect);
            assert!(client.receive()[3] >= 0x80);
            client.expect_closed();
        }
        let mut client = server.client5("client");
        client.send(&server.connect5("client").bytes());
        assert!(client.receive()[2] >= 0x80);
        client.expect_closed();
        let mut client = server.open();
        client.send(&PINGREQ);
        client.expect_closed();
        // The Client may say so itself.
        let mut client = server.client5("client");
        client.send(&[0xe0, 1, 0x82]);
        client.expect_closed();
    });
}
