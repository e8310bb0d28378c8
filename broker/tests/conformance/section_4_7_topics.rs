//! MQTT 4.7: Topic Names and Topic Filters.

use crate::support::everywhere;
use crate::support::packets::{Publish, field, packet, subscribe, unsubscribe};

/// Filters that are none: SUBSCRIBE and UNSUBSCRIBE with them make the broker close.
fn invalid(filters: &[&str]) {
    everywhere(|server| {
        for filter in filters {
            for bytes in [subscribe(1, &[("good", 0), (filter, 0)]), unsubscribe(1, &[filter])] {
                let mut client = server.client("client");
                client.send(&bytes);
                client.expect_closed();
            }
        }
    });
}

/// Which of some topics a filter matches: for messages to come and for retained ones.
fn matches(filter: &str, topics: &[&str], expected: &[&str]) {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("the end", 0);
        subscriber.subscribe(filter, 0);
        for topic in topics {
            publisher.retain(topic, "x");
        }
        publisher.publish("the end", "");
        let mut found = Vec::new();
        loop {
            let topic = subscriber.receive_publish().topic;
            if topic == "the end" {
                break;
            }
            found.push(topic);
        }
        assert_eq!(found, expected, "{filter} as messages come");
        subscriber.subscribe(filter, 0);
        let mut found: Vec<_> =
            expected.iter().map(|_| subscriber.receive_publish().topic).collect();
        let mut expected = expected.to_vec();
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{filter} on retained messages");
        subscriber.expect_silence();
    });
}

const TOPICS: [&str; 12] =
    ["a", "a/b", "a/b/c", "b", "/", "/a", "a/", "//", "$a", "$a/b", "a/$b", "A"];

/// [MQTT-4.7.1-1] Wildcards may stand in filters, not in names.
#[test]
fn mqtt_4_7_1_1_wildcards_stand_in_filters_only() {
    matches("a/+", &TOPICS, &["a/b", "a/", "a/$b"]);
    everywhere(|server| {
        for topic in ["a/+", "#"] {
            let mut client = server.client("client");
            client.send(&Publish::new(topic, "x").qos(1, 1).bytes());
            client.expect_closed();
        }
    });
}

/// [MQTT-4.7.1-2] `#` stands alone or after a `/`, and last. It matches its parent too.
#[test]
fn mqtt_4_7_1_2_multi_level_wildcard_stands_last() {
    invalid(&["a#", "#a", "a/#/b", "#/", "##", "a/b#", "+#", "a/#b"]);
    matches("a/#", &TOPICS, &["a", "a/b", "a/b/c", "a/", "a/$b"]);
    matches("#", &TOPICS, &["a", "a/b", "a/b/c", "b", "/", "/a", "a/", "//", "a/$b", "A"]);
    matches("/#", &TOPICS, &["/", "/a", "//"]);
}

/// [MQTT-4.7.1-3] `+` takes the whole of its level, at any level.
#[test]
fn mqtt_4_7_1_3_single_level_wildcard_takes_a_whole_level() {
    invalid(&["a+", "+a", "a/b+", "a/+b/c", "++", "+a/b"]);
    matches("+", &TOPICS, &["a", "b", "A"]);
    matches("+/+", &TOPICS, &["a/b", "/", "/a", "a/", "a/$b"]);
    matches("+/b/+", &TOPICS, &["a/b/c"]);
    matches("/+", &TOPICS, &["/", "/a"]);
    matches("+/", &TOPICS, &["/", "a/"]);
}

/// [MQTT-4.7.2-1] A wildcard in front does not match a name that begins with `$`.
#[test]
fn mqtt_4_7_2_1_leading_wildcard_passes_dollar_by() {
    let topics = ["$a", "$a/b", "a/$b", "$", "a"];
    matches("#", &topics, &["a/$b", "a"]);
    matches("+", &topics, &["a"]);
    matches("+/b", &topics, &[]);
    matches("+/#", &topics, &["a/$b", "a"]);
    matches("$a/#", &topics, &["$a", "$a/b"]);
    matches("$a/+", &topics, &["$a/b"]);
    matches("$a", &topics, &["$a"]);
    matches("a/+", &topics, &["a/$b"]);
}

/// [MQTT-4.7.3-1] Names and filters have one character at least.
#[test]
fn mqtt_4_7_3_1_empty_topic_closes() {
    invalid(&[""]);
    everywhere(|server| {
        for qos in 0..3 {
            let mut client = server.client("client");
            client.send(&Publish::new("", "x").qos(qos, 1).bytes());
            client.expect_closed();
        }
    });
    matches("/", &TOPICS, &["/"]);
    matches(" ", &[" ", "  ", "a"], &[" "]);
}

/// [MQTT-4.7.3-2] Names and filters hold no U+0000.
#[test]
fn mqtt_4_7_3_2_null_character_closes() {
    invalid(&["\0", "a/\0/b", "a\0"]);
    everywhere(|server| {
        for topic in ["\0", "a/b\0"] {
            let mut client = server.client("client");
            client.publish(topic, "x");
            client.expect_closed();
        }
    });
}

/// [MQTT-4.7.3-3] Names and filters have at most 65,535 bytes, all of which count.
#[test]
fn mqtt_4_7_3_3_longest_topic_is_delivered() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        // Of few levels: those of a filter are limited, as 3.9.3 allows.
        let longest = "a".repeat(65_534) + "b";
        let other = "a".repeat(65_534) + "c";
        subscriber.subscribe(&longest, 0);
        publisher.publish(&other, "not this");
        publisher.publish(&longest, "this");
        subscriber.expect_message(&longest, "this");
        // There is no way to say 65,536; a body that ends early is malformed.
        subscriber.send(&packet(0x30, &[&field(longest.as_bytes())[..60_000]]));
        subscriber.expect_closed();
    });
}

/// [MQTT-4.7.3-4] Names and filters are compared as they are: no case, no normal form, no empty
/// levels taken away.
#[test]
fn mqtt_4_7_3_4_topics_are_not_normalized() {
    let composed = "caf\u{e9}";
    let decomposed = "cafe\u{301}";
    let topics = [composed, decomposed, "CAF\u{c9}", "a//b", "a/b", "/a/b", "a/b/", "A/B", "a /b"];
    for topic in topics {
        matches(topic, &topics, &[topic]);
    }
}
