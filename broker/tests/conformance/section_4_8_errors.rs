//! MQTT 4.8: handling errors.

use broker::Limits;

use crate::support::packets::{Connect, Publish, packet, subscribe};
use crate::support::{everywhere, everywhere_with, settle};

/// [MQTT-4.8.0-1] A protocol violation closes the connection it came on, and no other.
#[test]
fn mqtt_4_8_0_1_violation_closes_its_own_connection() {
    everywhere(|server| {
        let mut good = server.client("good");
        let mut other = server.client("other");
        let violations = [
            vec![0x00, 0],
            vec![0xf0, 0],
            vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x01],
            vec![0x30, 0x80, 0x80, 0x80, 0x80],
            packet(0x30, &[&[0, 9, b'a']]),
            packet(0x40, &[&[1]]),
            packet(0x40, &[&[0, 1, 0]]),
            packet(0x62, &[&[]]),
            subscribe(1, &[("a/#/b", 0)]),
            Publish::new("", "x").bytes(),
        ];
        let count = violations.len() as u64;
        for bytes in violations {
            let mut client = server.client("bad");
            client.send(&bytes);
            client.expect_closed();
            settle(&mut good, &mut other);
            settle(&mut other, &mut good);
        }
        server.wait_for("violations to count", |s| s.protocol_violations == count);
    });
}

/// [MQTT-4.8.0-2] Where the broker cannot do what a packet asks for, for the moment, it closes:
/// here it has no room for another session.
#[test]
fn mqtt_4_8_0_2_no_room_for_a_session_closes() {
    let mut limits = Limits::default();
    limits.sessions_max = 1;
    everywhere_with(&limits, |server| {
        let first = server.client("first");
        let same_shard = (0..).map(|number| format!("x{number}"));
        let mut refused = None;
        for identifier in same_shard.take(100) {
            let mut client = server.open();
            client.send(&Connect::new(&identifier).bytes());
            let connack = client.receive();
            if connack[3] == 3 {
                refused = Some(client);
                break;
            }
            assert_eq!(connack, [0x20, 2, 0, 0]);
        }
        refused.expect("one of them lives where there is no room").expect_closed();
        drop(first);
        server.wait_for_connections(0);
        server.client("first").expect_silence();
    });
}
