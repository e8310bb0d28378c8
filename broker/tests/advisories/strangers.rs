//! What comes before a CONNECT, and Clients that are refused.

use std::time::Duration;

use crate::support::packets::Connect;
use crate::support::{everywhere, everywhere_with, limits};

/// CVE-2017-7651, CVE-2023-0809: a stranger announces a huge packet. It is refused by its header
/// alone, so that nothing is held for it.
#[test]
fn huge_announcements_of_strangers_are_refused_at_once() {
    everywhere(|server| {
        let headers = [
            &[0x10, 0xff, 0xff, 0xff, 0x7f][..],
            // One byte above the limit for a CONNECT of 256 KiB.
            &[0x10, 0x80, 0x80, 0x10],
            &[0x30, 0xff, 0xff, 0xff, 0x7f],
            &[0x10, 0xff, 0xff, 0xff, 0xff, 0x01],
        ];
        for header in headers {
            let mut client = server.open();
            client.send(header);
            client.expect_closed();
        }
        server.wait_for("violations to count", |s| s.protocol_violations == 4);
    });
}

/// Those who say nothing, or never come to the end of their CONNECT, are closed and counted.
#[test]
fn strangers_who_do_not_connect_are_closed() {
    let limits = limits(|limits| limits.connect_timeout = Duration::from_millis(300));
    everywhere_with(&limits, |server| {
        let mut silent = server.open();
        let mut slow = server.open();
        slow.send(&server.connect("slow").bytes()[..9]);
        silent.expect_closed();
        slow.expect_closed();
        server.wait_for("time-outs to count", |s| s.connect_timeouts == 2 && s.connections == 0);
    });
}

/// Connections that end before their CONNECT leave nothing behind, and are counted.
#[test]
fn strangers_who_leave_are_forgotten() {
    everywhere(|server| {
        for length in [0, 1, 5] {
            let mut client = server.open();
            client.send(&server.connect("client").bytes()[..length]);
        }
        server.wait_for("them to count", |s| {
            (s.connections_opened, s.connections_lost, s.connections) == (3, 3, 0)
        });
    });
}

/// CVE-2025-56352: a refused CONNECT left the socket open.
#[test]
fn cve_2025_56352_refused_connects_are_closed() {
    everywhere(|server| {
        let unknown_level = Connect { protocol: ("MQTT", 2), ..server.connect("level") };
        let nameless = Connect { identifier: String::new(), ..server.connect("name") }.kept();
        for (connect, code) in [(unknown_level, 1), (nameless, 2)] {
            for _ in 0..50 {
                let mut client = server.open();
                client.send(&connect.bytes());
                client.expect(&[0x20, 2, 0, code]);
                client.expect_closed();
            }
        }
        server.wait_for("refusals to count", |s| (s.connects_refused, s.connections) == (100, 0));
    });
}
