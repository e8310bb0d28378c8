//! The tree of subscriptions against a list that is searched from end to end.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::QoS;
use crate::topic::{Match, SubscriptionTree};

#[derive(Clone, Debug)]
enum Step {
    Insert(Index, u8, QoS),
    Remove(Index, u8),
    Match(String),
}

fn any_qos() -> impl Strategy<Value = QoS> {
    select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][..])
}

/// Steps over a few filters, so that more subscribers than fit in the small form meet at one.
fn any_steps() -> impl Strategy<Value = (Vec<String>, Vec<Step>)> {
    let step = prop_oneof![
        4 => (any::<Index>(), 0..40_u8, any_qos()).prop_map(|(f, s, qos)| Step::Insert(f, s, qos)),
        2 => (any::<Index>(), 0..40_u8).prop_map(|(f, s)| Step::Remove(f, s)),
        1 => super::any_name().prop_map(Step::Match),
    ];
    (vec(super::any_filter(), 1..8), vec(step, 1..250))
}

type List = BTreeMap<(String, u8), QoS>;

fn search(list: &List, topic: &str) -> Vec<Match<u8>> {
    let mut best = BTreeMap::new();
    for ((filter, subscriber), &qos) in list {
        if super::filter(filter).matches(super::name(topic)) {
            let known = best.entry(*subscriber).or_insert(qos);
            *known = qos.max(*known);
        }
    }
    best.into_iter().map(|(subscriber, qos)| Match { subscriber, qos }).collect()
}

fn sorted(tree: &SubscriptionTree<u8>, topic: &str) -> Vec<Match<u8>> {
    let mut found = vec![Match { subscriber: 255, qos: QoS::AtMostOnce }];
    tree.matches(super::name(topic), &mut found);
    found.sort_unstable();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_tree_finds_what_the_list_finds((filters, steps) in any_steps()) {
        let mut tree = SubscriptionTree::new(3);
        let mut list = List::new();
        for step in steps {
            match step {
                Step::Insert(index, subscriber, qos) => {
                    let filter = index.get(&filters);
                    let added = tree.insert(super::filter(filter), subscriber, qos);
                    let new = list.insert((filter.clone(), subscriber), qos).is_none();
                    prop_assert_eq!(added, new);
                }
                Step::Remove(index, subscriber) => {
                    let filter = index.get(&filters);
                    let removed = tree.remove(super::filter(filter), subscriber);
                    prop_assert_eq!(removed, list.remove(&(filter.clone(), subscriber)).is_some());
                }
                Step::Match(topic) => prop_assert_eq!(sorted(&tree, &topic), search(&list, &topic)),
            }
            prop_assert_eq!(tree.len(), list.len());
            prop_assert_eq!(tree.is_empty(), list.is_empty());
        }
        for (filter, subscriber) in list.into_keys() {
            prop_assert!(tree.remove(super::filter(&filter), subscriber));
        }
        prop_assert_eq!(tree.nodes(), 0);
        prop_assert!(tree.is_empty());
    }

    /// No node is kept but for the levels of the filters that are there.
    #[test]
    fn nodes_are_those_of_the_filters(filters in vec(super::any_filter(), 0..12)) {
        let mut tree = SubscriptionTree::new(3);
        let mut paths = std::collections::BTreeSet::new();
        for filter in &filters {
            tree.insert(super::filter(filter), 1_u8, QoS::AtMostOnce);
            tree.insert(super::filter("x/y/z"), 1, QoS::AtMostOnce);
            tree.remove(super::filter("x/y/z"), 1);
            let ends = filter.match_indices('/').map(|(end, _)| end).chain([filter.len()]);
            paths.extend(ends.map(|end| &filter[..end]));
        }
        prop_assert_eq!(tree.nodes(), paths.len());
    }
}

/// [MQTT-3.3.5-1]: one delivery, at the highest QoS.
#[test]
fn overlapping_subscriptions_deliver_once_at_the_highest_qos() {
    let mut tree = SubscriptionTree::new(3);
    tree.insert(super::filter("a/b"), 1_u8, QoS::AtMostOnce);
    tree.insert(super::filter("a/+"), 1, QoS::ExactlyOnce);
    tree.insert(super::filter("#"), 1, QoS::AtLeastOnce);
    tree.insert(super::filter("#"), 2, QoS::AtMostOnce);
    let expected = [
        Match { subscriber: 1, qos: QoS::ExactlyOnce },
        Match { subscriber: 2, qos: QoS::AtMostOnce },
    ];
    assert_eq!(sorted(&tree, "a/b"), expected);
}

/// [MQTT-3.8.4-3]: the same Topic Filter again replaces the subscription, its QoS may fall.
#[test]
fn the_same_filter_again_replaces_the_qos() {
    let mut tree = SubscriptionTree::new(3);
    assert!(tree.insert(super::filter("a"), 1_u8, QoS::ExactlyOnce));
    assert!(!tree.insert(super::filter("a"), 1, QoS::AtMostOnce));
    assert_eq!(sorted(&tree, "a"), [Match { subscriber: 1, qos: QoS::AtMostOnce }]);
}

#[test]
fn thousands_of_subscribers_come_and_go_in_any_order() {
    let mut tree = SubscriptionTree::new(3);
    let filter = super::filter("temperature");
    let subscribers = 0..3_000_u32;
    for subscriber in subscribers.clone() {
        tree.insert(filter, subscriber, QoS::AtMostOnce);
    }
    let mut found = Vec::new();
    tree.matches(super::name("temperature"), &mut found);
    found.sort_unstable();
    assert!(found.iter().map(|found| found.subscriber).eq(subscribers));
    // 7 and 3,000 have no common divisor: this visits each subscriber once.
    for step in 0..3_000 {
        assert!(tree.remove(filter, step * 7 % 3_000));
        assert!(!tree.remove(filter, step * 7 % 3_000));
    }
    assert_eq!(tree.nodes(), 0);
}

#[test]
fn removing_what_is_not_there_changes_nothing() {
    let mut tree = SubscriptionTree::new(3);
    tree.insert(super::filter("a/b"), 1_u8, QoS::AtMostOnce);
    for (filter, subscriber) in [("a/b", 2), ("a", 1), ("a/b/c", 1), ("a/+", 1), ("x", 1)] {
        assert!(!tree.remove(super::filter(filter), subscriber));
    }
    assert_eq!((tree.len(), tree.nodes()), (1, 2));
}

#[test]
fn a_filter_of_many_levels_costs_no_stack() {
    let longest = "/".repeat(65_535);
    let mut tree = SubscriptionTree::new(3);
    tree.insert(super::filter(&longest), 1_u8, QoS::AtMostOnce);
    assert_eq!(sorted(&tree, &longest).len(), 1);
    assert!(tree.remove(super::filter(&longest), 1));
    assert_eq!(tree.nodes(), 0);
}
