//! The tree of subscriptions against a list that is searched from end to end.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Found, at, search_tree};
use crate::QoS;
use crate::topic::{Audience, DeliveryOptions, Matches, SubscriptionTree};

#[derive(Clone, Debug)]
enum Step {
    Insert(Index, u8, DeliveryOptions),
    Remove(Index, u8),
    Match(String),
}

fn any_qos() -> impl Strategy<Value = QoS> {
    select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][..])
}

/// Half of them with a QoS and nothing else, as before 5.0.
fn any_options() -> impl Strategy<Value = DeliveryOptions> {
    let all = (any_qos(), any::<bool>(), any::<bool>(), 0..5_u32).prop_map(
        |(qos, no_local, retain_as_published, identifier)| {
            let identifier = NonZeroU32::new(identifier);
            DeliveryOptions { qos, no_local, retain_as_published, identifier }
        },
    );
    prop_oneof![any_qos().prop_map(DeliveryOptions::from), all]
}

/// Steps over a few filters, so that more subscribers than fit in the small form meet at one.
fn any_steps() -> impl Strategy<Value = (Vec<String>, Vec<Step>)> {
    let step = prop_oneof![
        4 => (any::<Index>(), 0..40_u8, any_options()).prop_map(|(f, s, o)| Step::Insert(f, s, o)),
        2 => (any::<Index>(), 0..40_u8).prop_map(|(f, s)| Step::Remove(f, s)),
        1 => super::any_name().prop_map(Step::Match),
    ];
    (vec(super::any_filter(), 1..8), vec(step, 1..250))
}

type List = BTreeMap<(String, u8), DeliveryOptions>;

/// How a publication of `publisher` is to reach a subscriber: the highest QoS, whether RETAIN is
/// kept, the identifiers; `None` when it is not to.
type Reach = Option<(QoS, bool, Vec<u32>)>;

/// Looks at one subscription after the other.
fn reach(list: &List, topic: &str, subscriber: u8, publisher: Option<u8>) -> Reach {
    let mut reach: Reach = None;
    for ((filter, other), options) in list {
        let own = options.no_local && publisher == Some(subscriber);
        if *other != subscriber || own || !super::filter(filter).matches(super::name(topic)) {
            continue;
        }
        let (qos, keep, identifiers) = reach.get_or_insert((QoS::AtMostOnce, false, vec![]));
        *qos = options.qos.max(*qos);
        *keep |= options.retain_as_published;
        identifiers.extend(options.identifier.map(NonZeroU32::get));
        identifiers.sort_unstable();
    }
    reach
}

/// What [`Matches`] says of the same; there must not be two of one subscriber that are meant.
fn reach_by_tree(found: &Matches<u8>, subscriber: u8, publisher: Option<u8>) -> Reach {
    let mut meant =
        found.iter().filter(|f| f.subscriber == subscriber && f.is_for(publisher)).map(|f| {
            let mut identifiers = found.identifiers(f).to_vec();
            identifiers.sort_unstable();
            (f.qos, f.retain_as_published, identifiers)
        });
    let first = meant.next();
    assert!(meant.next().is_none(), "{subscriber} gets it twice [MQTT-3.3.5-1]");
    first
}

/// Holds what the tree finds for `topic` against the list: publications of the subscriber itself,
/// of another one and of nobody here.
fn check(tree: &SubscriptionTree<u8>, list: &List, topic: &str) {
    let mut found = Matches::default();
    tree.matches(super::name(topic), &mut found);
    for subscriber in 0..40 {
        for publisher in [Some(subscriber), Some(subscriber ^ 1), None] {
            let expected = reach(list, topic, subscriber, publisher);
            let reached = reach_by_tree(&found, subscriber, publisher);
            assert_eq!(reached, expected, "{publisher:?} to {subscriber}");
        }
    }
    assert_eq!(super::plain(&found), search_tree(tree, topic), "what was found before is gone");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_tree_finds_what_the_list_finds((filters, steps) in any_steps()) {
        let mut tree = SubscriptionTree::new(3);
        let mut list = List::new();
        for step in steps {
            match step {
                Step::Insert(index, subscriber, options) => {
                    let filter = index.get(&filters);
                    let added = tree.insert(super::filter(filter), subscriber, options);
                    let new = list.insert((filter.clone(), subscriber), options).is_none();
                    prop_assert_eq!(added, new);
                }
                Step::Remove(index, subscriber) => {
                    let filter = index.get(&filters);
                    let removed = tree.remove(super::filter(filter), subscriber);
                    prop_assert_eq!(removed, list.remove(&(filter.clone(), subscriber)).is_some());
                }
                Step::Match(topic) => check(&tree, &list, &topic),
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
    let expected = [at(1, QoS::ExactlyOnce), at(2, QoS::AtMostOnce)];
    assert_eq!(search_tree(&tree, "a/b"), expected);
}

/// [MQTT-3.8.4-3]: the same Topic Filter again replaces the subscription, its QoS may fall.
#[test]
fn the_same_filter_again_replaces_the_qos() {
    let mut tree = SubscriptionTree::new(3);
    assert!(tree.insert(super::filter("a"), 1_u8, QoS::ExactlyOnce));
    assert!(!tree.insert(super::filter("a"), 1, QoS::AtMostOnce));
    assert_eq!(search_tree(&tree, "a"), [at(1, QoS::AtMostOnce)]);
}

/// Subscriptions of one Client, with and without its own publications, MQTT 5.0 3.8.3.1: only what
/// is meant for a publisher counts, its QoS, flag and identifiers.
#[test]
fn no_local_leaves_out_its_own_subscription_only() {
    let mut tree = SubscriptionTree::new(3);
    let options = |qos, no_local, identifier| DeliveryOptions {
        qos,
        no_local,
        retain_as_published: no_local,
        identifier: NonZeroU32::new(identifier),
    };
    tree.insert(super::filter("a/#"), 1_u8, options(QoS::ExactlyOnce, true, 7));
    assert_eq!(search_tree(&tree, "a/b"), [(1, QoS::ExactlyOnce, true, Audience::Others, vec![7])]);
    tree.insert(super::filter("a/b"), 1, options(QoS::AtLeastOnce, false, 5));
    tree.insert(super::filter("a/+"), 1, options(QoS::AtMostOnce, false, 5));
    let expected: [Found<u8>; 2] = [
        (1, QoS::AtLeastOnce, false, Audience::Own, vec![5, 5]),
        (1, QoS::ExactlyOnce, true, Audience::Others, vec![5, 5, 7]),
    ];
    assert_eq!(search_tree(&tree, "a/b"), expected);
    assert!(tree.remove(super::filter("a/#"), 1));
    let both = (1, QoS::AtLeastOnce, false, Audience::All, vec![5, 5]);
    assert_eq!(search_tree(&tree, "a/b"), [both]);
}

#[test]
fn thousands_of_subscribers_come_and_go_in_any_order() {
    let mut tree = SubscriptionTree::new(3);
    let filter = super::filter("temperature");
    let subscribers = 0..3_000_u32;
    for subscriber in subscribers.clone() {
        tree.insert(filter, subscriber, QoS::AtMostOnce);
    }
    let mut found = Matches::default();
    tree.matches(super::name("temperature"), &mut found);
    let found = super::plain(&found);
    assert!(found.iter().map(|found| found.0).eq(subscribers));
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
    assert_eq!(search_tree(&tree, &longest).len(), 1);
    assert!(tree.remove(super::filter(&longest), 1));
    assert_eq!(tree.nodes(), 0);
}
