//! MQTT 3.12: PINGREQ.

use crate::support::everywhere;
use crate::support::packets::{PINGREQ, PINGRESP, packet};

/// [MQTT-3.12.4-1] A PINGREQ is answered by a PINGRESP, each.
#[test]
fn mqtt_3_12_4_1_pingreq_is_answered() {
    everywhere(|server| {
        let mut client = server.client("client");
        client.send(&PINGREQ.repeat(100));
        for _ in 0..100 {
            client.expect(&PINGRESP);
        }
        client.expect_silence();
        // One with a body is no PINGREQ.
        client.send(&packet(0xc0, &[&[0]]));
        client.expect_closed();
    });
}
