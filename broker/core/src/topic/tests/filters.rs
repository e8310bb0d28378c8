//! What is a Topic Filter, and what it matches, MQTT 4.7.

use crate::QoS;
use crate::topic::{Retained, RetainedLimit, SubscriptionTree, TopicError, TopicFilter};

/// Topic Filter, Topic Name, whether the one matches the other.
const MATCHES: &[(&str, &str, bool)] = &[
    // MQTT 4.7.1.2, [MQTT-4.7.1-2]
    ("sport/tennis/player1/#", "sport/tennis/player1", true),
    ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
    ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
    ("sport/tennis/player1/#", "sport/tennis/player10", false),
    ("sport/#", "sport", true),
    ("sport/#", "sport/", true),
    ("sport/#", "sports", false),
    ("#", "a", true),
    ("#", "/", true),
    ("#", "a/b/c", true),
    ("/#", "/", true),
    ("/#", "/a/b", true),
    ("/#", "a", false),
    // MQTT 4.7.1.3, [MQTT-4.7.1-3]
    ("sport/tennis/+", "sport/tennis/player1", true),
    ("sport/tennis/+", "sport/tennis/player1/ranking", false),
    ("sport/+", "sport", false),
    ("sport/+", "sport/", true),
    ("+", "a", true),
    ("+", "a/b", false),
    ("+/+", "/finance", true),
    ("/+", "/finance", true),
    ("+", "/finance", false),
    ("+/tennis/#", "sport/tennis", true),
    ("+/tennis/#", "sport/tennis/a/b", true),
    ("+/tennis/#", "tennis", false),
    ("sport/+/player1", "sport/tennis/player1", true),
    ("sport/+/player1", "sport//player1", true),
    ("sport/+/player1", "sport/tennis/player2", false),
    ("+/+/+", "//", true),
    ("+/#", "a", true),
    ("+/#", "/", true),
    // MQTT 4.7.2, [MQTT-4.7.2-1]
    ("#", "$SYS/a", false),
    ("+/monitor/Clients", "$SYS/monitor/Clients", false),
    ("+/#", "$SYS/a", false),
    ("+", "$SYS", false),
    ("$SYS/#", "$SYS", true),
    ("$SYS/#", "$SYS/monitor/Clients", true),
    ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
    ("$SYS/+/Clients", "$SYS/monitor/Clients", true),
    ("a/+", "a/$b", true),
    ("a/#", "a/$b/c", true),
    ("+/#", "a/$SYS", true),
    ("/+", "/$SYS", true),
    // MQTT 4.7.3, [MQTT-4.7.3-4]
    ("ACCOUNTS", "Accounts", false),
    ("Accounts payable", "Accounts payable", true),
    ("finance", "/finance", false),
    ("finance", "finance/", false),
    ("é", "e\u{301}", false),
    ("é/+", "é/b", true),
    ("/", "/", true),
    ("a//b", "a/b", false),
    ("a//b", "a//b", true),
    ("a/b", "a/b/c", false),
    ("a/b/c", "a/b", false),
];

#[test]
fn filters_match_as_the_specification_says() {
    for &(filter, topic, expected) in MATCHES {
        let filter = super::filter(filter);
        assert_eq!(filter.matches(super::name(topic)), expected, "{filter} {topic}");
    }
}

#[test]
fn the_tree_matches_as_the_specification_says() {
    for &(filter, topic, expected) in MATCHES {
        let mut tree = SubscriptionTree::new(1);
        tree.insert(super::filter(filter), 7, QoS::AtLeastOnce);
        let found = super::search_tree(&tree, topic);
        let one = super::at(7, QoS::AtLeastOnce);
        assert_eq!(found, if expected { vec![one] } else { vec![] }, "{filter} {topic}");
    }
}

#[test]
fn retained_messages_match_as_the_specification_says() {
    let limit = RetainedLimit { messages_max: 1, bytes_max: 100, levels_max: 10 };
    for &(filter, topic, expected) in MATCHES {
        let mut retained = Retained::new(1, limit);
        let topic = super::name(topic);
        let message = crate::Message::new(topic, *b"x", QoS::AtMostOnce, true);
        retained.set(&message, 1).expect("room for one");
        let mut found = 0;
        retained.matches(super::filter(filter), |_| found += 1);
        assert_eq!(found, usize::from(expected), "{filter} {topic}");
    }
}

#[test]
fn topic_filters_are_as_the_specification_says() {
    for filter in
        ["#", "+", "/", "+/+", "/+", "a/#", "a/+/#", "+/a/+", "//#", "$SYS/#", "a b", "é/+"]
    {
        assert_eq!(TopicFilter::new(filter).map(TopicFilter::as_str), Ok(filter));
    }
    for (filter, error) in [
        ("", TopicError::Empty),
        ("a\0", TopicError::NullCharacter),
        ("sport/tennis#", TopicError::MultiLevelWildcard),
        ("sport/tennis/#/ranking", TopicError::MultiLevelWildcard),
        ("#/", TopicError::MultiLevelWildcard),
        ("##", TopicError::MultiLevelWildcard),
        ("#+", TopicError::MultiLevelWildcard),
        ("a#/b", TopicError::MultiLevelWildcard),
        ("sport+", TopicError::SingleLevelWildcard),
        ("+a", TopicError::SingleLevelWildcard),
        ("++", TopicError::SingleLevelWildcard),
        ("a/+b/c", TopicError::SingleLevelWildcard),
    ] {
        assert_eq!(TopicFilter::new(filter), Err(error), "{filter:?}");
    }
    assert!(TopicFilter::new(&"t".repeat(65_535)).is_ok());
    assert_eq!(TopicFilter::new(&"t".repeat(65_536)), Err(TopicError::TooLong));
}

#[test]
fn a_filter_without_wildcards_is_a_name() {
    let exact = |text| super::filter(text).as_exact().map(crate::topic::TopicName::as_str);
    assert_eq!(exact("a/b"), Some("a/b"));
    assert_eq!(exact("/"), Some("/"));
    assert_eq!(exact("a/+"), None);
    assert_eq!(exact("#"), None);
}

#[test]
fn the_first_level_is_literal_or_not() {
    let first = |text| super::filter(text).first_literal_level();
    assert_eq!(first("a/+"), Some(&b"a"[..]));
    assert_eq!(first("/a"), Some(&b""[..]));
    assert_eq!(first("+/a"), None);
    assert_eq!(first("#"), None);
}
