//! MQTT 3.1.0 and 3.1.2: the first packet, protocol, Connect flags, keep alive.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::everywhere;
use crate::support::packets::{
    Connect, DISCONNECT, PINGREQ, Publish, field, puback, pubcomp, pubrec, pubrel, subscribe,
    unsubscribe,
};

/// [MQTT-3.1.0-1] The first packet of a Client is a CONNECT; anything else closes.
#[test]
fn mqtt_3_1_0_1_first_packet_must_be_connect() {
    everywhere(|server| {
        let packets = [
            Publish::new("a", "x").bytes(),
            Publish::new("a", "x").qos(2, 1).bytes(),
            puback(1),
            pubrec(1),
            pubrel(1),
            pubcomp(1),
            subscribe(1, &[("a", 0)]),
            unsubscribe(1, &["a"]),
            PINGREQ.to_vec(),
            DISCONNECT.to_vec(),
        ];
        for bytes in packets {
            let mut client = server.open();
            client.send(&bytes);
            client.expect_closed();
        }
    });
}

/// [MQTT-3.1.0-2] A second CONNECT is a protocol violation: the broker closes.
#[test]
fn mqtt_3_1_0_2_second_connect_closes() {
    everywhere(|server| {
        for other in ["client", "other"] {
            let mut client = server.client("client");
            client.send(&server.connect(other).bytes());
            client.expect_closed();
        }
        // In one write as well.
        let connect = server.connect("client").bytes();
        let mut client = server.open();
        client.send(&[connect.clone(), connect].concat());
        client.expect(&[0x20, 2, 0, 0]);
        client.expect_closed();
    });
}

/// [MQTT-3.1.2-1] A CONNECT with another protocol name is not taken for MQTT: the broker closes
/// and sends nothing.
#[test]
fn mqtt_3_1_2_1_wrong_protocol_name_closes() {
    everywhere(|server| {
        for name in ["", "M", "mqtt", "MQTTX", "MQIsdq", "HTTP"] {
            let mut client = server.open();
            client.send(&Connect { protocol: (name, 4), ..server.connect("client") }.bytes());
            client.expect_closed();
        }
    });
}

/// [MQTT-3.1.2-2] A protocol level that the broker does not speak is answered with return code 1,
/// then the broker closes. The form of the answer to a level above 5 is that of 5.0: [MQTT-3.1.2-2]
/// there.
#[test]
fn mqtt_3_1_2_2_unknown_protocol_level_is_refused() {
    everywhere(|server| {
        for protocol in [("MQTT", 0), ("MQTT", 3), ("MQTT", 0x84), ("MQTT", 0x80), ("MQIsdp", 4)] {
            let mut client = server.open();
            client.send(&Connect { protocol, ..server.connect("client") }.bytes());
            client.expect(&[0x20, 2, 0, 1]);
            client.expect_closed();
        }
    });
}

/// [MQTT-3.1.2-3] The reserved Connect flag is 0; the broker closes where it is not.
#[test]
fn mqtt_3_1_2_3_reserved_connect_flag_closes() {
    everywhere(|server| {
        let connect = server.connect("client");
        let mut client = server.open();
        client.send(&connect.bytes_with(connect.flags() | 1, &connect.payload()));
        client.expect_closed();
    });
}

/// A CONNECT with these flags and payload fields is no CONNECT: the broker closes, silently.
fn refused(flags: u8, fields: &[&str]) {
    everywhere(|server| {
        let identifier = server.identifier("client");
        let fields = fields.iter().flat_map(|text| field(text.as_bytes()));
        let payload: Vec<u8> = field(identifier.as_bytes()).into_iter().chain(fields).collect();
        let mut client = server.open();
        client.send(&Connect::new("").bytes_with(flags, &payload));
        client.expect_closed();
    });
}

/// [MQTT-3.1.2-11] Without the Will Flag, Will QoS and Will Retain are 0 and no Will is there.
#[test]
fn mqtt_3_1_2_11_no_will_flag_and_yet_a_will_closes() {
    refused(0x02, &["will/topic", "will"]);
    refused(0x2a, &[]);
}

/// [MQTT-3.1.2-13] Without the Will Flag, Will QoS is 0.
#[test]
fn mqtt_3_1_2_13_will_qos_without_will_closes() {
    refused(0x02 | 1 << 3, &[]);
    refused(0x02 | 2 << 3, &[]);
    refused(0x02 | 3 << 3, &[]);
}

/// [MQTT-3.1.2-14] Will QoS is 0, 1 or 2, never 3.
#[test]
fn mqtt_3_1_2_14_will_qos_3_closes() {
    refused(0x06 | 3 << 3, &["will/topic", "will"]);
    everywhere(|server| {
        for qos in 0..3 {
            let connect = server.connect("client").will("will/topic", "x").will_details(qos, false);
            server.accepted(&connect, false).expect_silence();
        }
    });
}

/// [MQTT-3.1.2-15] Without the Will Flag, Will Retain is 0.
#[test]
fn mqtt_3_1_2_15_will_retain_without_will_closes() {
    refused(0x22, &[]);
}

/// [MQTT-3.1.2-18] Without the User Name Flag there is no user name in the payload.
#[test]
fn mqtt_3_1_2_18_user_name_without_flag_closes() {
    refused(0x02, &["user"]);
}

/// [MQTT-3.1.2-19] With the User Name Flag there is one.
#[test]
fn mqtt_3_1_2_19_missing_user_name_closes() {
    refused(0x82, &[]);
    everywhere(|server| {
        for user_name in ["", "user", "Jürgen"] {
            let connect = server.connect("client").user_name(user_name);
            server.accepted(&connect, false).expect_silence();
        }
    });
}

/// [MQTT-3.1.2-20] Without the Password Flag there is no password in the payload.
#[test]
fn mqtt_3_1_2_20_password_without_flag_closes() {
    refused(0x82, &["user", "password"]);
}

/// [MQTT-3.1.2-21] With the Password Flag there is one; it may hold any bytes.
#[test]
fn mqtt_3_1_2_21_missing_password_closes() {
    refused(0xc2, &["user"]);
    everywhere(|server| {
        for password in [&b""[..], b"secret", b"\0\xff\xed\xa0\x80"] {
            let connect = server.connect("client").user_name("user").password(password);
            server.accepted(&connect, false).expect_silence();
        }
    });
}

/// [MQTT-3.1.2-22] Without the User Name Flag there is no Password Flag.
#[test]
fn mqtt_3_1_2_22_password_without_user_name_closes() {
    refused(0x42, &["password"]);
    refused(0x42, &["user", "password"]);
}

/// [MQTT-3.1.2-24] When nothing came for one and a half times the keep alive, the broker closes
/// as if the network had failed: the Will goes out.
#[test]
fn mqtt_3_1_2_24_silence_beyond_the_keep_alive_closes() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        witness.subscribe("will/topic", 0);
        let start = Instant::now();
        let connect = server.connect("client").keep_alive(1).will("will/topic", "gone");
        let mut client = server.accepted(&connect, false);
        client.expect_closed();
        assert!(start.elapsed() >= Duration::from_secs(1), "closed before the keep alive passed");
        witness.expect_message("will/topic", "gone");
        server.wait_for("the end to count", |statistics| statistics.keep_alive_timeouts == 1);
    });
}

/// [MQTT-3.1.2-24] A Client that pings in time stays, and so does one that asked for no keep
/// alive.
#[test]
fn mqtt_3_1_2_24_a_client_in_time_stays() {
    everywhere(|server| {
        let mut client = server.accepted(&server.connect("client").keep_alive(1), false);
        let mut silent = server.client("silent");
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(500));
            client.expect_silence();
        }
        silent.expect_silence();
    });
}
