//! The cache against the tree that it spares, under names whose hashes collide.

use std::num::NonZeroU32;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::QoS;
use crate::topic::cache::{MatchCache, Resolved};
use crate::topic::{DeliveryOptions, Matches, SubscriptionTree};

#[derive(Clone, Debug)]
enum Step {
    Subscribe(String, u8),
    Unsubscribe(String, u8),
    Ask(String),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (super::any_filter(), 0..4_u8).prop_map(|(f, s)| Step::Subscribe(f, s)),
        1 => (super::any_filter(), 0..4_u8).prop_map(|(f, s)| Step::Unsubscribe(f, s)),
        4 => super::any_name().prop_map(Step::Ask),
    ]
}

/// From a hash that tells names apart to one that does not.
fn any_hash() -> impl Strategy<Value = fn(&str) -> u64> {
    let spread = |text: &str| text.bytes().fold(7, |hash, b| hash * 31 + u64::from(b));
    let by_length = |text: &str| text.len() as u64;
    let same_slot = |text: &str| (text.len() as u64) << 40;
    let hashes: &[fn(&str) -> u64] = &[spread, by_length, same_slot, |_| 0];
    select(hashes.to_vec())
}

fn resolve(tree: &SubscriptionTree<u8>, topic: &str) -> Matches<u8> {
    let mut found = Matches::default();
    tree.matches(super::name(topic), &mut found);
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn an_answer_is_never_stale(steps in vec(any_step(), 1..200), hash in any_hash()) {
        let mut tree = SubscriptionTree::new(9);
        let mut cache = MatchCache::new();
        for step in steps {
            match step {
                Step::Subscribe(filter, subscriber) => {
                    tree.insert(super::filter(&filter), subscriber, QoS::AtMostOnce);
                    cache.invalidate(super::filter(&filter), hash);
                }
                Step::Unsubscribe(filter, subscriber) => {
                    tree.remove(super::filter(&filter), subscriber);
                    cache.invalidate(super::filter(&filter), hash);
                }
                Step::Ask(topic) => {
                    let expected = resolve(&tree, &topic);
                    let key = hash(&topic);
                    if let Some(known) = cache.get(key, super::name(&topic)) {
                        prop_assert_eq!(&*known.topic, &*topic);
                        prop_assert_eq!(super::plain(&known.matches), super::plain(&expected));
                    } else {
                        cache.insert(key, resolved(&topic, expected));
                    }
                    // What was just asked for is known until something changes.
                    prop_assert!(cache.get(key, super::name(&topic)).is_some());
                }
            }
        }
    }
}

fn resolved<K>(topic: &str, matches: Matches<K>) -> Rc<Resolved<K>> {
    Rc::new(Resolved { topic: topic.into(), matches })
}

/// A million matches, of which every `stride`th has a Subscription Identifier.
fn million(stride: u32) -> Matches<u32> {
    let mut matches = Matches::default();
    for subscriber in 0..1_000_000 {
        let identifier = NonZeroU32::new(1).filter(|_| subscriber % stride == 0);
        matches.push(subscriber, DeliveryOptions { identifier, ..DeliveryOptions::default() });
    }
    matches
}

#[test]
fn a_change_to_one_name_leaves_the_others() {
    let mut cache = MatchCache::new();
    let hash = |text: &str| text.len() as u64;
    for topic in ["a", "bb"] {
        cache.insert(hash(topic), resolved::<u8>(topic, Matches::default()));
    }
    cache.invalidate(super::filter("a"), hash);
    assert!(cache.get(1, super::name("a")).is_none());
    assert!(cache.get(2, super::name("bb")).is_some());
    cache.invalidate(super::filter("x/+"), hash);
    assert!(cache.get(2, super::name("bb")).is_some());
    cache.invalidate(super::filter("+"), hash);
    assert!(cache.get(2, super::name("bb")).is_none());
}

/// What changed is remembered for a while, and nothing is taken to hold beyond that.
#[test]
fn an_entry_that_missed_many_changes_is_forgotten() {
    let mut cache = MatchCache::new();
    for (changes, holds) in [(16, true), (16, true), (17, false)] {
        cache.insert(1, resolved::<u8>("a", Matches::default()));
        for _ in 0..changes {
            cache.invalidate(super::filter("x/+"), |_| 1);
        }
        assert_eq!(cache.get(1, super::name("a")).is_some(), holds, "{changes}");
    }
}

/// How many of `entries` the cache still holds, besides us.
fn held<K>(entries: &[Rc<Resolved<K>>]) -> impl Iterator<Item = &Rc<Resolved<K>>> {
    entries.iter().filter(|entry| Rc::strong_count(entry) > 1)
}

#[test]
fn the_cache_holds_a_bounded_number_of_names() {
    let mut cache = MatchCache::new();
    let mut entries = Vec::new();
    for number in 0..100_000_u64 {
        let entry = resolved::<u8>(&format!("t/{number}"), Matches::default());
        cache.insert(number, Rc::clone(&entry));
        entries.push(entry);
    }
    assert_eq!(held(&entries).count(), 1 << 16);
}

/// A cache that grows keeps what it held, and has room for names in proportion.
#[test]
fn names_seldom_displace_each_other_until_the_cache_is_as_large_as_may_be() {
    let mut cache = MatchCache::new();
    let mut entries = Vec::new();
    for number in 1..=4_096_u64 {
        let entry = resolved::<u8>(&format!("t/{number}"), Matches::default());
        // Multiplied once the numbers would be spread evenly, which is better than what hashes do.
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (mixed ^ (mixed >> 32)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16;
        cache.insert(hash, Rc::clone(&entry));
        entries.push((hash, entry));
        if number.is_power_of_two() {
            let found = |(hash, entry): &&(u64, Rc<Resolved<u8>>)| {
                let topic = entry.topic.to_string();
                cache.get(*hash, super::name(&topic)).is_some()
            };
            let found = entries.iter().filter(found).count();
            assert!(found * 100 >= entries.len() * 90, "{found} of {number}");
        }
    }
}

#[test]
fn the_cache_holds_a_bounded_number_of_matches() {
    let mut cache = MatchCache::new();
    let matches = million(u32::MAX);
    let mut entries = Vec::new();
    for number in 0..10 {
        let entry = resolved(&format!("t/{number}"), matches.clone());
        cache.insert(number, Rc::clone(&entry));
        entries.push(entry);
        let matches: usize = held(&entries).map(|entry| entry.matches.len()).sum();
        assert!(matches <= 4 << 20, "{matches} matches are held");
    }
    assert!(held(&entries).count() > 0);
    // Replacing an entry does not count it twice.
    for _ in 0..100 {
        cache.insert(9, resolved("t/9", matches.clone()));
    }
    assert!(cache.get(8, super::name("t/8")).is_some());
}

/// Each match may have thousands of Subscription Identifiers.
#[test]
fn the_cache_counts_identifiers_as_well() {
    let mut cache = MatchCache::new();
    let matches = million(1);
    let mut entries = Vec::new();
    for number in 0..6 {
        let entry = resolved(&format!("t/{number}"), matches.clone());
        cache.insert(number, Rc::clone(&entry));
        entries.push(entry);
        assert!(held(&entries).count() <= 2, "4 Mi matches and identifiers at most");
    }
}
