//! Past a limit: what the Client is told, and what counts.

use std::time::Duration;

use broker::Limits;

use crate::support::packets::{Connect, Publish, pubrec, suback, subscribe};
use crate::support::{Server, everywhere_with, limits, settle};
use crate::v5::packets::{
    Connect as Connect5, Publish as Publish5, suback as suback5, subscribe as subscribe5,
};
use crate::v5::properties::{Properties, id};

#[test]
fn a_packet_that_is_too_large_closes() {
    let limits = limits(|limits| {
        limits.connect_packet_bytes_max = 100;
        limits.packet_bytes_max = 1000;
    });
    everywhere_with(&limits, |server| {
        for connect in
            [Connect::new(&"x".repeat(100)).bytes(), Connect5::new(&"x".repeat(100)).bytes()]
        {
            let mut stranger = server.open();
            stranger.send(&connect);
            stranger.expect_closed();
        }
        server.wait_for("strangers", |s| s.protocol_violations == 2);
        let mut client = server.client("client");
        client.send(&Publish::new("a", vec![0; 1000 - 6]).bytes());
        client.expect_silence();
        client.send(&Publish::new("a", vec![0; 1000 - 5]).bytes());
        client.expect_closed();
        let mut client = server.client5("client");
        client.send(&Publish5::new("a", vec![0; 1000]).bytes());
        client.expect_disconnect(0x95);
        server.wait_for("violations", |s| s.protocol_violations == 4);
    });
}

#[test]
fn a_message_beyond_the_receive_maximum_closes() {
    everywhere_with(&limits(|limits| limits.receive_maximum = 2), |server| {
        let mut client = server.client("client");
        for identifier in 1..=3 {
            client.send(&Publish::new("a", "x").qos(2, identifier).bytes());
        }
        client.expect(&pubrec(1));
        client.expect(&pubrec(2));
        client.expect_closed();
        let mut client = server.client5("client");
        for identifier in 1..=3 {
            client.send(&Publish5::new("a", "x").qos(2, identifier).bytes());
        }
        client.receive();
        client.receive();
        client.expect_disconnect(0x93);
        server.wait_for("violations", |s| s.protocol_violations == 2);
    });
}

#[test]
fn an_alias_above_the_maximum_closes() {
    everywhere_with(&limits(|limits| limits.topic_alias_max = 2), |server| {
        let mut client = server.client5("client");
        client.send(&Publish5::new("a", "x").alias(2).bytes());
        client.expect_silence();
        client.send(&Publish5::new("a", "x").alias(3).bytes());
        client.expect_disconnect(0x94);
        server.wait_for("a violation", |s| s.protocol_violations == 1);
    });
}

#[test]
fn silence_beyond_the_longest_keep_alive_closes() {
    let limits = limits(|limits| limits.keep_alive_max = Duration::from_secs(1));
    everywhere_with(&limits, |server| {
        let (mut client, connack) = server.connacked5(&server.connect5("client").keep_alive(9));
        assert_eq!(connack.properties.number(id::SERVER_KEEP_ALIVE), Some(1));
        client.expect_disconnect(0x8d);
        server.wait_for("a time-out", |s| s.keep_alive_timeouts == 1);
    });
}

#[test]
fn a_subscription_too_many_is_refused() {
    everywhere_with(&limits(|limits| limits.subscriptions_max = 1), |server| {
        let mut client = server.client("client");
        client.send(&subscribe(1, &[("a", 1), ("b", 1), ("a", 0)]));
        client.expect(&suback(1, &[1, 0x80, 0]));
        let mut client = server.client5("other");
        client.send(&subscribe5(1, &Properties::new(), &[("a", 1), ("b", 1), ("a", 0)]));
        client.expect(&suback5(1, &[1, 0x97, 0]));
        server.wait_for("refusals", |s| (s.subscriptions_refused, s.subscriptions) == (2, 2));
    });
}

#[test]
fn a_topic_that_is_too_long_is_refused_with_its_code() {
    everywhere_with(&limits(|limits| limits.topic_bytes_max = 3), |server| {
        let mut client = server.client("client");
        client.send(&subscribe(1, &[("abc", 0), ("abcd", 0)]));
        client.expect(&suback(1, &[0, 0x80]));
        client.publish("abcd", "x");
        client.expect_closed();
        let mut client = server.client5("client");
        client.send(&subscribe5(1, &Properties::new(), &[("abc", 0), ("abcd", 0)]));
        client.expect(&suback5(1, &[0, 0x97]));
        client.send(&Publish5::new("abcd", "x").bytes());
        client.expect_disconnect(0x90);
        server.wait_for("refusals", |s| (s.subscriptions_refused, s.protocol_violations) == (2, 2));
    });
}

#[test]
fn a_topic_of_too_many_levels_is_refused_or_not_retained() {
    everywhere_with(&limits(|limits| limits.topic_levels_max = 2), |server| {
        let mut client = server.client("client");
        client.send(&subscribe(1, &[("#", 0), ("a/b", 0), ("a/b/c", 0)]));
        client.expect(&suback(1, &[0, 0, 0x80]));
        let mut other = server.client5("other");
        other.send(&subscribe5(1, &Properties::new(), &[("a/b/c", 0)]));
        other.expect(&suback5(1, &[0x97]));
        other.retain5("a/b/c", "x");
        client.expect_message("a/b/c", "x");
        server.wait_for("refusals", |s| {
            (s.subscriptions_refused, s.dropped_retained_full, s.retained_messages) == (2, 1, 0)
        });
    });
}

#[test]
fn a_session_too_many_is_refused() {
    let mut limits = Limits::default();
    limits.sessions_max = 1;
    let server = Server::start(1, |builder| builder.limits(limits));
    let mut first = server.client("first");
    let mut second = server.open();
    second.send(&Connect::new("second").bytes());
    second.expect(&[0x20, 2, 0, 3]);
    second.expect_closed();
    server.refuses5(&Connect5::new("third").bytes(), 0x97);
    server.wait_for("refusals", |s| (s.connects_refused, s.sessions) == (2, 1));
    first.expect_silence();
}

/// The topic counts as well. What finds no room is delivered, and takes the place of nothing.
#[test]
fn retained_bytes_have_an_end() {
    everywhere_with(&limits(|limits| limits.retained_bytes_max = 20), |server| {
        let mut client = server.client("client");
        client.subscribe("#", 0);
        for (topic, payload) in [("a/1", "1234567"), ("a/2", "1234567"), ("a/3", "x")] {
            client.publish(topic, "first");
            client.expect_message(topic, "first");
            client.send(&Publish::new(topic, payload).retain().bytes());
            client.expect_message(topic, payload);
        }
        server.wait_for("the counts", |s| {
            let counts = (s.dropped_retained_full, s.retained_messages, s.retained_bytes);
            counts == (1, 2, 20)
        });
        client.send(&Publish::new("a/1", "").retain().bytes());
        client.expect_message("a/1", "");
        client.send(&Publish::new("a/3", "y").retain().bytes());
        client.expect_message("a/3", "y");
        server.wait_for("room", |s| (s.retained_messages, s.retained_bytes) == (2, 14));
    });
}

#[test]
fn what_is_not_acknowledged_holds_the_rest_up() {
    everywhere_with(&limits(|limits| limits.inflight_max = 2), |server| {
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a", 1);
        let mut publisher = server.client("publisher");
        for _ in 0..5 {
            publisher.publish_surely(&Publish::new("a", "x").qos(1, 0));
        }
        settle(&mut publisher, &mut server.client("other"));
        server.wait_for("the rest", |s| (s.messages_inflight, s.messages_queued) == (2, 3));
        for _ in 0..5 {
            subscriber.receive_surely();
        }
        subscriber.expect_silence();
        server.wait_for("nothing", |s| (s.messages_inflight, s.messages_queued) == (0, 0));
    });
}
