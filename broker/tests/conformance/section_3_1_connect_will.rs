//! MQTT 3.1.2.5 to 3.1.2.7: the Will Message.

use std::net::Shutdown;

use crate::support::packets::{Connect, DISCONNECT, Publish, field};
use crate::support::{Server, everywhere, settle};

/// [MQTT-3.1.2-8] The Will is published when the connection ends without a DISCONNECT: closed,
/// reset, by a violation, by a take-over.
#[test]
fn mqtt_3_1_2_8_will_is_published_when_the_connection_ends() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        witness.subscribe("will/topic", 0);
        let connect = server.connect("client").will("will/topic", "gone");
        drop(server.accepted(&connect, false));
        witness.expect_message("will/topic", "gone");

        let client = server.accepted(&connect, false);
        client.stream().shutdown(Shutdown::Write).expect("it is open");
        witness.expect_message("will/topic", "gone");

        let mut client = server.accepted(&connect, false);
        client.send(&[0xff]);
        witness.expect_message("will/topic", "gone");

        let older = server.accepted(&connect, false);
        let newer = server.accepted(&connect, false);
        witness.expect_message("will/topic", "gone");
        drop(older);
        drop(newer);
        witness.expect_message("will/topic", "gone");
        server.wait_for("wills to count", |statistics| statistics.wills_published == 5);
    });
}

/// [MQTT-3.1.2-9] With the Will Flag, topic and message are there, and the Will QoS is used.
#[test]
fn mqtt_3_1_2_9_will_fields_are_present_and_used() {
    everywhere(|server| {
        let identifier = field(server.identifier("client").as_bytes());
        for fields in [vec![], field(b"topic"), [field(b"topic"), vec![0, 9]].concat()] {
            let mut client = server.open();
            client.send(&Connect::new("").bytes_with(0x06, &[identifier.clone(), fields].concat()));
            client.expect_closed();
        }
        let mut witness = server.client("witness");
        witness.subscribe("will/topic", 2);
        for qos in 0..3 {
            let connect = server.connect("client").will("will/topic", [0, 255, qos]);
            drop(server.accepted(&connect.will_details(qos, false), false));
            let will = witness.receive_surely();
            assert_eq!((will.qos, &will.payload[..]), (qos, &[0, 255, qos][..]));
        }
    });
}

/// [MQTT-3.1.2-10] A Will that was published, or given up by DISCONNECT, is gone.
#[test]
fn mqtt_3_1_2_10_will_is_published_once() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        witness.subscribe("will/topic", 0);
        let kept = server.connect("client").kept();
        drop(server.accepted(&kept.will("will/topic", "gone"), false));
        witness.expect_message("will/topic", "gone");
        // The session goes on without a Will of its own.
        drop(server.resume("client"));
        server.wait_for_connections(1);
        let mut client = server.resume("client");
        settle(&mut client, &mut witness);
        witness.expect_silence();
    });
}

/// [MQTT-3.1.2-12] Without the Will Flag nothing is published when the connection ends.
#[test]
fn mqtt_3_1_2_12_no_will_without_the_flag() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        witness.subscribe("#", 0);
        drop(server.client("client"));
        server.wait_for_connections(1);
        let mut client = server.client("client");
        client.publish("marker", "first");
        witness.expect_message("marker", "first");
        assert_eq!(server.statistics().wills_published, 0);
    });
}

/// Lets a Client end without a word, then subscribes on another shard.
fn leave_will(server: &Server, retain: bool) -> Option<Publish> {
    let mut late = server.client("late");
    let connect = server.connect("client").will("will/topic", "gone").will_details(1, retain);
    late.subscribe("will/topic", 0);
    drop(server.accepted(&connect, false));
    // The living subscriber gets it without RETAIN in any case.
    late.expect_message("will/topic", "gone");
    late.unsubscribe("will/topic");
    let mut client = server.client("client");
    settle(&mut client, &mut late);
    late.subscribe("will/topic", 1);
    late.send(&[0xc0, 0]);
    let packet = late.receive();
    (packet[0] >> 4 == 3).then(|| Publish::parse(&packet))
}

/// [MQTT-3.1.2-16] Without Will Retain the Will is not retained.
#[test]
fn mqtt_3_1_2_16_will_without_retain_is_not_retained() {
    everywhere(|server| assert_eq!(leave_will(server, false), None));
}

/// [MQTT-3.1.2-17] With Will Retain it is.
#[test]
fn mqtt_3_1_2_17_will_with_retain_is_retained() {
    everywhere(|server| {
        let will = leave_will(server, true).expect("it is retained");
        assert_eq!(will, Publish::new("will/topic", "gone").qos(1, will.identifier).retain());
    });
}

/// [MQTT-3.14.4-3] DISCONNECT takes the Will back.
#[test]
fn mqtt_3_14_4_3_disconnect_discards_the_will() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        witness.subscribe("#", 0);
        let connect = server.connect("client").will("will/topic", "gone");
        let mut client = server.accepted(&connect, false);
        client.send(&DISCONNECT);
        client.expect_closed();
        let mut client = server.client("client");
        client.publish("marker", "first");
        witness.expect_message("marker", "first");
        server.wait_for("the end to count", |statistics| statistics.disconnects == 1);
        assert_eq!(server.statistics().wills_published, 0);
    });
}
