//! Finding the subscribers of a Topic Name, and the retained messages of a Topic Filter.

use std::hash::BuildHasher;
use std::hint::black_box;

use broker_core::topic::cache::MatchCache;
use broker_core::topic::{
    Matches, Retained, RetainedLimit, SubscriptionTree, TopicFilter, TopicName,
};
use broker_core::{Message, QoS};
use foldhash::quality::FixedState;

use super::Scenario;
use super::packets::READING;

const SEED: u64 = 1;

/// Look-ups in one run.
const OPERATIONS: usize = 1_000;

pub(crate) fn add(scenarios: &mut Vec<Scenario>) {
    for filters in [10, 1_000, 100_000] {
        let name = format!("match/cold/{filters}");
        scenarios.push(Scenario::new(name, OPERATIONS, move || cold(filters)));
        let name = format!("match/warm/{filters}");
        scenarios.push(Scenario::new(name, OPERATIONS, move || warm(filters)));
    }
    scenarios.push(Scenario::new("subscribe/1000", OPERATIONS, subscribing));
    scenarios.push(Scenario::new("retained/exact/1000", OPERATIONS, || {
        retained("site/7/device/7/temperature", 1)
    }));
    scenarios.push(Scenario::new("retained/wildcard/1000", 1, || retained("site/7/#", 10)));
}

fn device_topic(device: usize) -> String {
    format!("site/{}/device/{device}/temperature", device % 100)
}

/// A filter for each device, of four kinds in turn, and one that matches all of them.
fn tree(filters: usize) -> SubscriptionTree<u32> {
    let mut tree = SubscriptionTree::new(SEED);
    for device in 0..filters {
        let site = device % 100;
        let filter = match device % 4 {
            0 => device_topic(device),
            1 => format!("site/+/device/{device}/temperature"),
            2 => format!("site/{site}/device/{device}/#"),
            _ => format!("+/+/device/{device}/#"),
        };
        insert(&mut tree, &filter, device);
    }
    insert(&mut tree, "site/+/device/+/temperature", filters);
    tree
}

fn insert(tree: &mut SubscriptionTree<u32>, filter: &str, subscriber: usize) {
    let filter = TopicFilter::new(filter).expect("a Topic Filter");
    let subscriber = u32::try_from(subscriber).expect("fewer than 2^32 filters");
    tree.insert(filter, subscriber, QoS::AtLeastOnce);
}

/// Names of devices that lie far apart.
fn names(filters: usize) -> Vec<String> {
    (0..OPERATIONS).map(|n| device_topic(n.wrapping_mul(0x9e37_79b1) % filters)).collect()
}

fn topic_name(text: &str) -> TopicName<'_> {
    TopicName::new(text).expect("a Topic Name")
}

/// In the tree, which is walked for each name.
fn cold(filters: usize) -> impl FnMut() -> usize {
    let (tree, names) = (tree(filters), names(filters));
    let mut found = Matches::default();
    move || {
        for name in &names {
            tree.matches(black_box(topic_name(name)), &mut found);
            assert_eq!(found.len(), 2);
        }
        0
    }
}

/// In the match cache, which knows all of the names.
fn warm(filters: usize) -> impl FnMut() -> usize {
    let (tree, hasher) = (tree(filters), FixedState::with_seed(SEED));
    let names: Vec<String> = names(filters).into_iter().take(10).collect();
    let mut cache = MatchCache::new();
    move || {
        for name in names.iter().cycle().take(OPERATIONS) {
            let hash = hasher.hash_one(black_box(name.as_str()));
            let resolved = cache.resolve(hash, topic_name(name), &tree, |_| true);
            assert_eq!(black_box(resolved).matches.len(), 2);
        }
        0
    }
}

/// SUBSCRIBE and UNSUBSCRIBE of one filter among many.
fn subscribing() -> impl FnMut() -> usize {
    let mut tree = tree(1_000);
    move || {
        for _ in 0..OPERATIONS {
            let filter = TopicFilter::new(black_box("site/7/device/new/temperature"));
            let filter = filter.expect("a Topic Filter");
            assert!(tree.insert(filter, u32::MAX, QoS::AtLeastOnce));
            assert!(tree.remove(filter, u32::MAX));
        }
        0
    }
}

/// What is retained for a filter, in a store of a thousand messages.
fn retained(filter: &'static str, expected: usize) -> impl FnMut() -> usize {
    let limit = RetainedLimit { messages_max: 10_000, bytes_max: 1 << 24, levels_max: 100 };
    let mut store = Retained::new(SEED, limit);
    for (device, version) in (0..1_000).zip(1..) {
        let topic = device_topic(device);
        let message = Message::new(topic_name(&topic), READING, QoS::AtMostOnce, true);
        assert!(store.set(&message, version).is_ok());
    }
    move || {
        let filter = TopicFilter::new(black_box(filter)).expect("a Topic Filter");
        let mut found = 0;
        for _ in 0..OPERATIONS {
            found += visit(&store, filter);
        }
        assert_eq!(found, expected * OPERATIONS);
        0
    }
}

fn visit(store: &Retained, filter: TopicFilter<'_>) -> usize {
    let mut found = 0;
    store.matches(filter, |message| found += usize::from(black_box(message).retain));
    found
}
