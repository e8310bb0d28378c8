//! MQTT 3.14: DISCONNECT. [MQTT-3.14.4-3] stands with the other tests of the Will.

use crate::support::everywhere;
use crate::support::packets::{DISCONNECT, Publish, packet};

/// [MQTT-3.14.1-1] The reserved bits of DISCONNECT are 0. Where they are not, the Client broke
/// the protocol: it is closed, and its Will goes out.
#[test]
fn mqtt_3_14_1_1_disconnect_flags_are_checked() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        witness.subscribe("will/topic", 0);
        let malformed = (1..16).map(|flags| vec![0xe0 | flags, 0]);
        for bytes in malformed.chain([packet(0xe0, &[&[0]])]) {
            let connect = server.connect("client").will("will/topic", "gone");
            let mut client = server.accepted(&connect, false);
            client.send(&bytes);
            client.expect_closed();
            witness.expect_message("will/topic", "gone");
        }
    });
}

/// [MQTT-3.14.4-2] Nothing that follows a DISCONNECT is processed: that is the Client's duty, and
/// the broker closes at once.
#[test]
fn mqtt_3_14_4_2_nothing_is_processed_after_disconnect() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        witness.subscribe("#", 0);
        let mut client = server.client("client");
        client.send(&[DISCONNECT.to_vec(), Publish::new("a", "too late").bytes()].concat());
        client.expect_closed();
        let mut client = server.client("client");
        client.publish("marker", "next");
        witness.expect_message("marker", "next");
    });
}
