//! Topics against the specification's examples and against slower ways to the same answers.

mod ascii;
mod caching;
mod filters;
mod levels;
mod names;
mod retaining;
mod sharing;
mod subscribing;
mod walking;

use std::num::NonZeroU32;

use proptest::prelude::*;
use proptest::sample::select;

use super::{Audience, DeliveryOptions, Matches, SubscriptionTree, TopicFilter, TopicName};
use crate::qos::QoS;

fn name(topic: &str) -> TopicName<'_> {
    TopicName::new(topic).expect("a Topic Name")
}

fn filter(filter: &str) -> TopicFilter<'_> {
    TopicFilter::new(filter).expect("a Topic Filter")
}

/// One delivery, in plain form: subscriber, QoS, retain as published, whose publications, and the
/// Subscription Identifiers in order.
type Found<K> = (K, QoS, bool, Audience, Vec<u32>);

/// What `matches` says, in order.
fn plain<K: Copy + Ord>(matches: &Matches<K>) -> Vec<Found<K>> {
    let found = matches.iter().map(|found| {
        let mut identifiers = matches.identifiers(found).to_vec();
        identifiers.sort_unstable();
        let &super::Match { subscriber, qos, retain_as_published, audience, .. } = found;
        (subscriber, qos, retain_as_published, audience, identifiers)
    });
    let mut found: Vec<_> = found.collect();
    found.sort_unstable();
    found
}

/// The delivery of a subscription that has a QoS and nothing else, as before 5.0.
fn at<K>(subscriber: K, qos: QoS) -> Found<K> {
    (subscriber, qos, false, Audience::All, vec![])
}

/// What `tree` finds, whatever was found before.
fn search_tree(tree: &SubscriptionTree<u8>, topic: &str) -> Vec<Found<u8>> {
    let mut found = Matches::default();
    found.push(
        255,
        DeliveryOptions { identifier: NonZeroU32::new(9), ..DeliveryOptions::default() },
    );
    tree.matches(name(topic), &mut found);
    plain(&found)
}

/// Topic Names of few levels, so that they meet: empty levels, hidden ones, `$` further down.
fn any_name() -> impl Strategy<Value = String> {
    let level = select(&["", "a", "b", "$s", "é"][..]);
    proptest::collection::vec(level, 1..5)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("not empty", |topic| !topic.is_empty())
}

/// Topic Filters over the same levels.
fn any_filter() -> impl Strategy<Value = String> {
    let level = select(&["", "a", "b", "$s", "+", "+"][..]);
    let levels = proptest::collection::vec(level, 0..4);
    (levels, any::<bool>())
        .prop_map(|(mut levels, multi)| {
            levels.extend(multi.then_some("#"));
            levels.join("/")
        })
        .prop_filter("not empty", |filter| !filter.is_empty())
}
