//! Retained messages against a sorted map of all that was ever set.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::topic::retained::RetainedFull;
use crate::topic::{Retained, RetainedLimit};
use crate::{Message, QoS, Time};

pub(super) const ROOMY: RetainedLimit =
    RetainedLimit { messages_max: 10_000, bytes_max: 1 << 20, levels_max: 10 };

pub(super) fn message(topic: &str, payload: &[u8]) -> Message {
    Message::new(super::name(topic), payload, QoS::AtLeastOnce, true)
}

/// One retained publication: topic and payload, which is empty to delete. Its version is its
/// place in the order of publication.
fn any_change() -> impl Strategy<Value = (String, Vec<u8>)> {
    (super::any_name(), vec(any::<u8>(), 0..3))
}

type Map = BTreeMap<String, (u64, Message)>;

fn set(map: &mut Map, message: &Message, version: u64) {
    let entry = map.entry(message.topic.to_string()).or_insert_with(|| (0, message.clone()));
    if entry.0 < version {
        *entry = (version, message.clone());
    }
}

fn find<'a>(map: &'a Map, filter: &str) -> Vec<&'a Message> {
    let filter = super::filter(filter);
    let stored = map.values().map(|(_, message)| message).filter(|m| !m.payload.is_empty());
    stored.filter(|message| filter.matches(super::name(&message.topic))).collect()
}

fn sorted(retained: &Retained, filter: &str) -> Vec<Message> {
    let mut found = Vec::new();
    retained.matches(super::filter(filter), |message| found.push(message.clone()));
    found.sort_by(|a, b| a.topic.cmp(&b.topic));
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_store_finds_what_the_map_finds(
        changes in vec((any_change(), 1..30_u64), 1..60),
        filters in vec(super::any_filter(), 1..10),
    ) {
        let mut retained = Retained::new(5, ROOMY);
        let mut map = Map::new();
        let mut versions = std::collections::BTreeSet::new();
        for ((topic, payload), version) in changes {
            // No two changes have the same version.
            let version = (version..100).find(|&version| versions.insert(version)).expect("free");
            let message = message(&topic, &payload);
            prop_assert_eq!(retained.set(&message, version), Ok(()));
            set(&mut map, &message, version);
            let stored: Vec<_> = map.values().filter(|(_, m)| !m.payload.is_empty()).collect();
            prop_assert_eq!(retained.len(), stored.len());
            prop_assert_eq!(retained.is_empty(), stored.is_empty());
            prop_assert_eq!(retained.bytes(), stored.iter().map(|(_, m)| m.size()).sum::<usize>());
        }
        for filter in filters.iter().map(String::as_str).chain(["#", "$s/#", "a", "+/+"]) {
            let found = sorted(&retained, filter);
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), find(&map, filter));
        }
    }

    /// Shards hear of the same changes in different orders.
    #[test]
    fn stores_agree_whatever_the_order(
        changes in vec(any_change(), 1..40),
        order in any::<proptest::sample::Index>(),
        stride in 1..9_u64,
    ) {
        let numbered: Vec<_> = (1..).zip(&changes).collect();
        let mut shuffled = numbered.clone();
        shuffled.rotate_left(order.index(changes.len()));
        shuffled.sort_by_key(|(version, _)| version * 7 % stride);
        let [first, second] = [numbered, shuffled].map(|changes| {
            let mut retained = Retained::new(5, ROOMY);
            for (version, (topic, payload)) in changes {
                retained.set(&message(topic, payload), version).expect("room");
            }
            retained
        });
        for filter in ["#", "$s/#"] {
            prop_assert_eq!(sorted(&first, filter), sorted(&second, filter));
        }
        prop_assert_eq!((first.len(), first.bytes()), (second.len(), second.bytes()));
    }

    /// The store never holds more than its limit and says so each time.
    #[test]
    fn limits_hold(
        changes in vec(any_change(), 1..60),
        messages_max in 0..6_usize,
        bytes_max in 0..40_usize,
    ) {
        let limit = RetainedLimit { messages_max, bytes_max, ..ROOMY };
        let mut retained = Retained::new(5, limit);
        for (version, (topic, payload)) in (1..).zip(&changes) {
            let message = message(topic, payload);
            let outcome = retained.set(&message, version);
            prop_assert!(retained.len() <= messages_max && retained.bytes() <= bytes_max);
            let found = sorted(&retained, topic);
            match outcome {
                Ok(()) if payload.is_empty() => prop_assert_eq!(found, []),
                Ok(()) => prop_assert_eq!(found, [message]),
                Err(RetainedFull) => prop_assert!(!payload.is_empty()),
            }
        }
    }
}

/// [MQTT-3.3.1-10], [MQTT-3.3.1-11]
#[test]
fn an_empty_payload_deletes() {
    let mut retained = Retained::new(5, ROOMY);
    retained.set(&message("a", b"1"), 1).expect("room");
    retained.set(&message("a", b""), 2).expect("a deletion needs no room");
    assert_eq!(sorted(&retained, "#"), []);
    assert_eq!((retained.len(), retained.bytes()), (0, 0));
}

#[test]
fn an_older_change_that_comes_late_is_passed_over() {
    let mut retained = Retained::new(5, ROOMY);
    retained.set(&message("a", b"new"), 2).expect("room");
    retained.set(&message("a", b"old"), 1).expect("passed over");
    assert_eq!(sorted(&retained, "a"), [message("a", b"new")]);
    retained.set(&message("a", b""), 4).expect("deleted");
    retained.set(&message("a", b"between"), 3).expect("passed over");
    assert_eq!(sorted(&retained, "a"), []);
}

/// [MQTT-3.3.1-7]: a message that cannot be kept still ends the one before it.
#[test]
fn a_message_that_finds_no_room_leaves_nothing_stale() {
    let mut retained = Retained::new(5, RetainedLimit { messages_max: 2, bytes_max: 6, ..ROOMY });
    retained.set(&message("a", b"1234"), 1).expect("room");
    assert_eq!(retained.set(&message("a", b"123456"), 3), Err(RetainedFull));
    assert_eq!(sorted(&retained, "a"), []);
    assert_eq!((retained.len(), retained.bytes()), (0, 0));
    retained.set(&message("a", b"late"), 2).expect("passed over");
    assert_eq!(sorted(&retained, "a"), []);
}

/// Nothing is refused that takes no more room than what it replaces.
#[test]
fn a_full_store_still_replaces_and_deletes() {
    let mut retained = Retained::new(5, RetainedLimit { messages_max: 1, bytes_max: 5, ..ROOMY });
    retained.set(&message("a", b"1234"), 1).expect("room");
    retained.set(&message("a", b"4321"), 2).expect("the same room");
    assert_eq!(retained.set(&message("b", b"1"), 3), Err(RetainedFull));
    assert_eq!(sorted(&retained, "#"), [message("a", b"4321")]);
    retained.set(&message("a", b""), 4).expect("deleted");
    retained.set(&message("b", b"1"), 5).expect("room again");
    assert_eq!(sorted(&retained, "#"), [message("b", b"1")]);
}

fn expiring(topic: &str, payload: &[u8], millis: u64) -> Message {
    Message { expires: Some(Time::from_millis(millis)), ..message(topic, payload) }
}

/// MQTT 5.0 3.3.2.3.3
#[test]
fn a_message_is_there_until_it_expires() {
    let mut retained = Retained::new(5, ROOMY);
    retained.set(&expiring("a", b"1", 10), 1).expect("room");
    retained.set(&expiring("b", b"22", 5), 2).expect("room");
    retained.set(&message("c", b"333"), 3).expect("room");
    assert_eq!(retained.next_expiry(), Some(Time::from_millis(5)));
    assert_eq!(retained.expire(Time::from_millis(4)), 0);
    assert_eq!(retained.expire(Time::from_millis(5)), 1);
    assert_eq!(sorted(&retained, "#"), [expiring("a", b"1", 10), message("c", b"333")]);
    assert_eq!((retained.len(), retained.bytes()), (2, 6));
    // Another time to live, or none: the old one means nothing.
    retained.set(&expiring("a", b"2", 20), 4).expect("room");
    assert_eq!(retained.expire(Time::from_millis(10)), 0);
    retained.set(&message("a", b"3"), 5).expect("room");
    assert_eq!(retained.expire(Time::from_millis(1000)), 0);
    assert_eq!(sorted(&retained, "a"), [message("a", b"3")]);
    assert_eq!(retained.next_expiry(), None);
}

/// A change that is older than what expired does not bring anything back.
#[test]
fn an_older_change_that_comes_after_the_expiry_is_passed_over() {
    let mut retained = Retained::new(5, ROOMY);
    retained.set(&expiring("a", b"new", 10), 2).expect("room");
    assert_eq!(retained.expire(Time::from_millis(10)), 1);
    retained.set(&message("a", b"old"), 1).expect("passed over");
    assert_eq!(sorted(&retained, "#"), []);
    retained.set(&message("a", b"newest"), 3).expect("room");
    assert_eq!(sorted(&retained, "#"), [message("a", b"newest")]);
}

/// Messages that are replaced or deleted before their time leave no deadlines behind.
#[test]
fn deadlines_do_not_pile_up() {
    const DEADLINES_MAX: usize = 1_100;
    let mut retained = Retained::new(5, ROOMY);
    let mut versions = 1..;
    let mut set = |retained: &mut Retained, message: &Message| {
        retained.set(message, versions.next().expect("endless")).expect("room");
    };
    for number in 0..5_000 {
        set(&mut retained, &expiring("a", b"1", 1_000_000 + number));
        assert!(retained.deadlines() <= DEADLINES_MAX, "each a later time");
    }
    for _ in 0..5_000 {
        set(&mut retained, &message("a", b"1"));
        set(&mut retained, &expiring("a", b"1", 2_000_000));
        assert!(retained.deadlines() <= DEADLINES_MAX, "one and the same time");
    }
    for number in 0..5_000 {
        set(&mut retained, &expiring(&format!("x/{number}"), b"1", 3_000_000));
    }
    for number in 0..5_000 {
        set(&mut retained, &message(&format!("x/{number}"), b""));
    }
    assert!(retained.deadlines() <= DEADLINES_MAX, "all deleted");
    assert_eq!(retained.expire(Time::from_millis(4_000_000)), 1);
    assert_eq!((retained.len(), retained.deadlines()), (0, 0));
}

/// The versions of deletions are kept for a while only.
#[test]
fn deletions_do_not_pile_up() {
    let mut retained = Retained::new(5, ROOMY);
    for version in 0..10_000_u64 {
        retained.set(&message(&format!("x/{version}"), b""), version).expect("deleted");
        assert!(retained.nodes() <= 4_097);
    }
    // A message that came after a deletion stays when the deletion is forgotten.
    retained.set(&message("y", b""), 10_000).expect("deleted");
    retained.set(&message("y", b"1"), 10_001).expect("room");
    for version in 10_002..15_000_u64 {
        retained.set(&message(&format!("x/{version}"), b""), version).expect("deleted");
    }
    assert_eq!(sorted(&retained, "#"), [message("y", b"1")]);
    assert!(retained.nodes() <= 4_098);
}

/// Each level costs memory that the limit on bytes does not see.
#[test]
fn a_name_of_too_many_levels_leaves_no_trace() {
    let mut retained = Retained::new(5, ROOMY);
    let (most, one_more) = ("a/".repeat(9) + "b", "a/".repeat(10) + "b");
    assert_eq!(retained.set(&message(&one_more, b"1"), 1), Err(RetainedFull));
    assert_eq!(retained.set(&message(&one_more, b""), 2), Ok(()));
    assert_eq!(retained.nodes(), 0);
    assert_eq!(retained.set(&message(&most, b"1"), 3), Ok(()));
    assert_eq!(sorted(&retained, "#"), [message(&most, b"1")]);
}
