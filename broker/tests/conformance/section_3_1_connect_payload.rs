//! MQTT 3.1.3 and 3.1.4: the payload of CONNECT and the response.

use crate::support::everywhere;
use crate::support::packets::{Connect, Publish, field, packet, subscribe};

/// [MQTT-3.1.3-1] Client Identifier, Will Topic, Will Message, User Name, Password: in this order.
#[test]
fn mqtt_3_1_3_1_payload_fields_are_read_in_order() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        witness.subscribe("#", 0);
        let connect = server.connect("client").will("second", "third");
        let connect = connect.user_name("fourth").password(b"fifth");
        drop(server.accepted(&connect, false));
        witness.expect_message("second", "third");
    });
}

/// [MQTT-3.1.3-2] Session State belongs to the Client Identifier and to no other.
#[test]
fn mqtt_3_1_3_2_client_identifier_names_the_session() {
    everywhere(|server| {
        server.begin("client").subscribe("a", 1);
        let mut other = server.begin("other");
        let mut again = server.resume("client");
        other.publish_surely(&Publish::new("a", "x").qos(1, 0));
        assert_eq!(again.receive_surely().payload, b"x");
        other.expect_silence();
    });
}

/// [MQTT-3.1.3-3] The Client Identifier is there and comes first.
#[test]
fn mqtt_3_1_3_3_missing_client_identifier_closes() {
    everywhere(|server| {
        for payload in [&[][..], &[0], &[0, 5, b'a']] {
            let mut client = server.open();
            client.send(&Connect::new("").bytes_with(0x02, payload));
            client.expect_closed();
        }
    });
}

/// [MQTT-3.1.3-4] The Client Identifier is a UTF-8 encoded string.
#[test]
fn mqtt_3_1_3_4_client_identifier_is_utf8() {
    everywhere(|server| {
        let mut client = server.open();
        client.send(&Connect::new("").bytes_with(0x02, &field(b"a\xff")));
        client.expect_closed();
        server.accepted(&Connect::new("Température-日本"), false).expect_silence();
    });
}

/// [MQTT-3.1.3-5] Identifiers of 1 to 23 letters and digits are allowed; here longer ones too.
#[test]
fn mqtt_3_1_3_5_letters_and_digits_are_allowed() {
    everywhere(|server| {
        let characters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for identifier in ["a", &characters[..23], &characters[23..46], &characters[46..]] {
            server.accepted(&Connect::new(identifier), false).expect_silence();
        }
        server.accepted(&Connect::new(&characters.repeat(1000)), false).expect_silence();
    });
}

/// [MQTT-3.1.3-6] A Client without an identifier gets one of its own.
#[test]
fn mqtt_3_1_3_6_empty_identifier_gets_a_unique_one() {
    everywhere(|server| {
        let mut clients: Vec<_> =
            (0..20).map(|_| server.accepted(&Connect::new(""), false)).collect();
        for client in &mut clients {
            client.subscribe("a", 0);
        }
        let mut publisher = server.client("publisher");
        publisher.publish("a", "to all");
        for client in &mut clients {
            client.expect_message("a", "to all");
        }
    });
}

/// [MQTT-3.1.3-8] No identifier and Clean Session 0: return code 2, then the broker closes.
#[test]
fn mqtt_3_1_3_8_empty_identifier_with_a_kept_session_is_refused() {
    everywhere(|server| {
        let mut client = server.open();
        client.send(&Connect::new("").kept().bytes());
        client.expect(&[0x20, 2, 0, 2]);
        client.expect_closed();
    });
}

/// [MQTT-3.1.3-9] An identifier that the broker rejects is answered with return code 2, then the
/// broker closes. MQTT 3.1 knows no empty identifier.
#[test]
fn mqtt_3_1_3_9_rejected_identifier_is_refused() {
    everywhere(|server| {
        let mut client = server.open();
        client.send(&Connect { protocol: ("MQIsdp", 3), ..Connect::new("") }.bytes());
        client.expect(&[0x20, 2, 0, 2]);
        client.expect_closed();
    });
}

/// [MQTT-3.1.3-10] The Will Topic is a UTF-8 encoded string, and a Topic Name.
#[test]
fn mqtt_3_1_3_10_will_topic_is_utf8() {
    everywhere(|server| {
        for topic in [&b"\xff"[..], b"", b"a\0", b"a/+", b"#"] {
            let payload = [field(b"client"), field(topic), field(b"x")].concat();
            let mut client = server.open();
            client.send(&Connect::new("").bytes_with(0x06, &payload));
            client.expect_closed();
        }
    });
}

/// [MQTT-3.1.3-11] The User Name is a UTF-8 encoded string.
#[test]
fn mqtt_3_1_3_11_user_name_is_utf8() {
    everywhere(|server| {
        for user_name in [&b"\xff"[..], b"a\0"] {
            let payload = [field(b"client"), field(user_name)].concat();
            let mut client = server.open();
            client.send(&Connect::new("").bytes_with(0x82, &payload));
            client.expect_closed();
        }
    });
}

/// [MQTT-3.1.4-1] A CONNECT that is not as section 3.1 wants it is answered by closing, without a
/// CONNACK.
#[test]
fn mqtt_3_1_4_1_malformed_connect_closes_without_connack() {
    everywhere(|server| {
        let good = server.connect("client").bytes();
        for length in 2..good.len() {
            let mut client = server.open();
            client.send(&packet(0x10, &[&good[2..length]]));
            client.expect_closed();
        }
        let mut client = server.open();
        client.send(&packet(0x10, &[&good[2..], b"more"]));
        client.expect_closed();
    });
}

/// [MQTT-3.1.4-2] Another Client with the same identifier takes over; the first one is closed.
#[test]
fn mqtt_3_1_4_2_same_identifier_closes_the_older_connection() {
    everywhere(|server| {
        for (old, new) in [(false, false), (false, true), (true, false), (true, true)] {
            let connect = |kept: bool| {
                let connect = server.connect("client");
                if kept { connect.kept() } else { connect }
            };
            let mut first = server.accepted(&connect(old), false);
            first.expect_silence();
            let mut second = server.accepted(&connect(new), old && new);
            first.expect_closed();
            second.expect_silence();
            // Ends the session for the next round.
            server.client("client").expect_silence();
        }
        server.wait_for("the take-overs to count", |statistics| statistics.take_overs >= 7);
    });
}

/// [MQTT-3.1.4-3] The Clean Session flag is acted upon.
#[test]
fn mqtt_3_1_4_3_clean_session_is_processed() {
    everywhere(|server| {
        server.begin("client").subscribe("a", 1);
        server.resume("client").expect_silence();
        server.client("client").expect_silence();
        server.wait_for_connections(0);
        server.begin("client").expect_silence();
    });
}

/// [MQTT-3.1.4-4] A valid CONNECT is answered by a CONNACK with return code 0.
#[test]
fn mqtt_3_1_4_4_valid_connect_is_accepted() {
    everywhere(|server| {
        for protocol in [("MQTT", 4), ("MQIsdp", 3)] {
            let mut client = server.open();
            client.send(&Connect { protocol, ..server.connect("client") }.bytes());
            client.expect(&[0x20, 2, 0, 0]);
            client.expect_silence();
        }
    });
}

/// [MQTT-3.1.4-5] What follows a CONNECT that is refused is not processed.
#[test]
fn mqtt_3_1_4_5_nothing_is_processed_after_a_refused_connect() {
    everywhere(|server| {
        let refused = [
            Connect { protocol: ("MQTT", 3), ..server.connect("client") },
            Connect::new("").kept(),
        ];
        let mut witness = server.client("witness");
        witness.subscribe("#", 0);
        for connect in refused {
            let publish = Publish::new("a", "too late").retain().bytes();
            let mut client = server.open();
            client.send(&[connect.bytes(), subscribe(1, &[("a", 0)]), publish].concat());
            assert_eq!(client.receive()[0], 0x20);
            client.expect_closed();
        }
        // It lives on the shard that refused the others, so that its message comes after theirs.
        let mut client = server.client("client");
        client.publish("marker", "next");
        witness.expect_message("marker", "next");
        client.subscribe("a", 0);
        client.expect_silence();
    });
}
