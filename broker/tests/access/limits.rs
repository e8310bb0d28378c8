//! Limits at the door and on topics.

use broker::Limits;

use crate::support::packets::{Publish, suback, subscribe};
use crate::support::{Server, everywhere_with};

#[test]
fn one_connection_more_from_an_address_is_closed_and_counted() {
    let mut limits = Limits::default();
    limits.connections_per_address_max = 2;
    everywhere_with(&limits, |server| {
        let (first, mut second) = (server.client("first"), server.client("second"));
        server.open().expect_closed();
        server.wait_for("a refusal", |s| s.connections_refused_address == 1);
        second.expect_silence();
        drop(first);
        server.wait_for_connections(1);
        server.client("third").expect_silence();
    });
}

#[test]
fn one_connection_more_in_a_second_is_closed_and_counted() {
    let mut limits = Limits::default();
    limits.connections_per_second_max = 3;
    everywhere_with(&limits, |server| {
        let count = |server: &Server| server.statistics().connections_refused_rate;
        // However they fall on the seconds, of many in one burst some are too many.
        let mut clients: Vec<_> = (0..50).map(|_| server.open()).collect();
        server.wait_for("refusals", |s| s.connections_refused_rate > 0);
        crate::support::wait_until("a second that is not used up", || {
            let before = count(server);
            let mut client = server.open();
            client.send_in_vain(&server.connect("late").bytes());
            client.next() == Some(vec![0x20, 2, 0, 0]) && count(server) >= before
        });
        clients.clear();
    });
}

#[test]
fn a_topic_that_is_too_long_is_refused() {
    let mut limits = Limits::default();
    limits.topic_bytes_max = 8;
    limits.topic_levels_max = 3;
    everywhere_with(&limits, |server| {
        let mut client = server.client("client");
        client.send(&subscribe(
            1,
            &[("12345678", 0), ("123456789", 0), ("a/b/c", 1), ("a/b/c/d", 1)],
        ));
        client.expect(&suback(1, &[0, 0x80, 1, 0x80]));
        server.wait_for("refusals", |s| s.subscriptions_refused == 2);
        client.publish("12345678", "as long as it may be");
        client.expect_message("12345678", "as long as it may be");
        client.send(&Publish::new("123456789", "too long").bytes());
        client.expect_closed();
        server.wait_for("a violation", |s| s.protocol_violations == 1);
    });
}
