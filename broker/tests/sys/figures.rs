//! Which topics there are, and what they say.

use std::collections::BTreeSet;

use broker::Statistics;

use crate::support::packets::{Publish, suback, subscribe};
use crate::support::{Server, settle};
use crate::watcher::{Watcher, watched};

/// What mosquitto 2.0.11 of Debian 12 published below `$SYS/broker` within twelve seconds, with
/// `sys_interval 1`: `mosquitto_sub -t '$SYS/#' -F %t | sort -u`. What it has besides is no figure:
/// `log/…` and `connection/…/state` of bridges.
const OF_MOSQUITTO: &str = include_str!("mosquitto_2_0_11.txt");

/// What is told of memory where the system tells it.
fn is_known(topic: &str) -> bool {
    cfg!(target_os = "linux") || !topic.starts_with("heap/")
}

#[test]
fn every_topic_of_mosquitto_is_there_and_every_figure_by_its_name() {
    let of_mosquitto = OF_MOSQUITTO.lines().filter(|topic| is_known(topic)).map(str::to_owned);
    let figures = Statistics::default();
    let named = figures.iter().map(|(name, _)| format!("statistics/{name}"));
    // One of mosquitto 1, which dashboards read still.
    let old = std::iter::once("messages/inflight".to_owned());
    let expected: BTreeSet<String> = of_mosquitto.chain(named).chain(old).collect();
    watched(|server| {
        let mut watcher = Watcher::new(server);
        watcher.wait_until("all topics", |watcher| watcher.figures.len() >= expected.len());
        let found: BTreeSet<String> = watcher.figures.keys().cloned().collect();
        assert_eq!(found, expected);
        let version = watcher.says("version").expect("it is there");
        assert_eq!(version, format!("kelvin version {}", env!("CARGO_PKG_VERSION")));
        let uptime = watcher.says("uptime").and_then(|uptime| uptime.strip_suffix(" seconds"));
        assert!(uptime.is_some_and(|seconds| seconds.parse::<u64>().is_ok()), "{uptime:?}");
    });
}

#[test]
fn clients_and_subscriptions_are_those_of_all_shards() {
    watched(|server| {
        let mut watcher = Watcher::new(server);
        watcher.wait_for(&[("clients/connected", "1"), ("subscriptions/count", "1")]);
        let mut away = server.begin("away");
        away.subscribe("a", 1);
        let mut here = server.client("here");
        here.send(&subscribe(1, &[("b", 0), ("c", 0), ("$share/group/d", 0)]));
        here.expect(&suback(1, &[0, 0, 0]));
        watcher.wait_for(&[
            ("clients/total", "3"),
            ("clients/connected", "3"),
            ("clients/active", "3"),
            ("clients/disconnected", "0"),
            ("subscriptions/count", "4"),
            ("shared_subscriptions/count", "1"),
        ]);
        drop(away);
        drop(here);
        watcher.wait_for(&[
            ("clients/total", "2"),
            ("clients/connected", "1"),
            ("clients/disconnected", "1"),
            ("clients/inactive", "1"),
            ("clients/maximum", "3"),
            ("subscriptions/count", "2"),
            ("shared_subscriptions/count", "0"),
            ("statistics/connections_lost", "2"),
        ]);
    });
}

#[test]
fn messages_are_counted_on_their_way() {
    watched(|server| {
        let mut watcher = Watcher::new(server);
        let mut away = server.begin("away");
        away.subscribe("a", 1);
        drop(away);
        server.wait_for_connections(1);
        let mut reader = server.client("reader");
        reader.subscribe("a", 1);
        let mut publisher = server.client("publisher");
        for _ in 0..3 {
            publisher.publish_surely(&Publish::new("a", "12345").qos(1, 0));
        }
        settle(&mut publisher, &mut server.client("other"));
        // Those of the reader and of the one that is away.
        watcher.wait_for(&[
            ("publish/messages/received", "4"),
            ("publish/bytes/received", "27"),
            ("messages/inflight", "3"),
            ("statistics/messages_queued", "3"),
            ("statistics/bytes_queued", "18"),
        ]);
        for _ in 0..3 {
            reader.receive_surely();
        }
        watcher.wait_for(&[("messages/inflight", "0")]);
        // What is retained are the figures themselves.
        watcher.wait_until("the store to be told", |watcher| {
            let stored = watcher.number("retained messages/count") + 3;
            stored > 50
                && watcher.number("store/messages/count") == stored
                && watcher.number("messages/stored") == stored
        });
        let mut back = server.resume("away");
        for _ in 0..3 {
            assert_eq!(back.receive_surely().payload, b"12345");
        }
        watcher.wait_for(&[("messages/inflight", "0"), ("statistics/messages_queued", "0")]);
        watcher.wait_until("averages", |watcher| {
            ["messages/received", "messages/sent", "publish/received", "publish/sent"]
                .iter()
                .chain(&["bytes/received", "bytes/sent", "sockets", "connections"])
                .all(|name| {
                    watcher.says(&format!("load/{name}/1min")).is_some_and(|says| says != "0.00")
                })
        });
        let sent = watcher.number("publish/bytes/sent");
        assert!(sent >= 45, "the reader and the one who came back got 30, `settle` 12: {sent}");
    });
}

#[test]
fn what_a_full_queue_drops_is_told() {
    let limits = crate::support::limits(|limits| limits.queued_messages_max = 1);
    for shards in [1, 2, 4] {
        let server = Server::start(shards, |builder| {
            builder.limits(limits.clone()).sys_interval(std::time::Duration::from_millis(50))
        });
        let mut watcher = Watcher::new(&server);
        server.begin("away").subscribe("a", 1);
        server.wait_for_connections(1);
        let mut publisher = server.client("publisher");
        for _ in 0..3 {
            publisher.publish_surely(&Publish::new("a", "x").qos(1, 0));
        }
        watcher
            .wait_for(&[("publish/messages/dropped", "2"), ("statistics/dropped_queue_full", "2")]);
    }
}

#[test]
fn what_does_not_change_is_not_published_again() {
    watched(|server| {
        let mut watcher = Watcher::new(server);
        let mut uptimes = 0;
        while uptimes < 3 {
            let before = watcher.figures.clone();
            let (topic, message) = watcher.next();
            let is_first = !before.contains_key(&topic);
            // A publication may cross the subscription, and come after its own retained message.
            assert!(
                is_first
                    || message.retain
                    || watcher.says(&topic) != before.get(&topic).map(String::as_str),
                "{topic}"
            );
            uptimes += u32::from(topic == "uptime" && !message.retain);
        }
        assert!(watcher.figures.contains_key("version"));
    });
}

#[test]
fn an_embedded_broker_publishes_none_unless_told_to() {
    let server = Server::start(2, |builder| builder);
    let mut client = server.client("client");
    client.subscribe("$SYS/#", 0);
    client.expect_silence();
    assert_eq!(server.statistics().retained_messages, 0);
}
