//! Who subscribed to a Topic Name, in trees of a thousand to a million Topic Filters.
//!
//! Each measured look-up asks for the next of [`ASKED`] names that lie far apart, so that a large
//! tree is met as traffic meets it, with most of it out of the processor's caches. `same_names` asks
//! for the same few names with the same subscribers whatever else is subscribed: what a filter that
//! does not match costs. `publish` is what a publication pays: the match cache and, behind it, the
//! tree; `churn` the same while subscriptions come and go.

use std::cell::{LazyCell, RefCell};
use std::fmt::Write as _;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::io::Write as _;
use std::rc::Rc;

use benches::CpuTime;
use broker_core::QoS;
use broker_core::topic::cache::{MatchCache, Resolved};
use broker_core::topic::{Matches, SubscriptionTree, TopicFilter, TopicName};
use criterion::{Criterion, criterion_group, criterion_main};
use foldhash::quality::FixedState;

/// Topic Names that are asked for in turn.
const ASKED: usize = 1 << 16;
const SITES: usize = 100;
const SEED: u64 = 1;

type Tree = SubscriptionTree<u32>;

/// The Topic Filter of one device.
type FilterOf = fn(&mut String, usize) -> std::fmt::Result;

/// A kind of filters, one per device, and how many subscribers each name has then.
const KINDS: &[(&str, FilterOf, usize)] = &[
    ("exact", exact, 1),
    ("single_level", single_level, 1),
    ("multi_level", multi_level, 1),
    ("mixed", mixed, 3),
];

fn exact(filter: &mut String, device: usize) -> std::fmt::Result {
    write!(filter, "site/{}/device/{device}/temperature", device % SITES)
}

fn single_level(filter: &mut String, device: usize) -> std::fmt::Result {
    write!(filter, "site/+/device/{device}/temperature")
}

fn multi_level(filter: &mut String, device: usize) -> std::fmt::Result {
    write!(filter, "site/{}/device/{device}/#", device % SITES)
}

fn mixed(filter: &mut String, device: usize) -> std::fmt::Result {
    match device % 4 {
        0 => exact(filter, device),
        1 => single_level(filter, device),
        2 => multi_level(filter, device),
        _ => write!(filter, "+/+/device/{device}/#"),
    }
}

fn filter(text: &str) -> TopicFilter<'_> {
    TopicFilter::new(text).expect("a Topic Filter")
}

fn name(text: &str) -> TopicName<'_> {
    TopicName::new(text).expect("a Topic Name")
}

/// Resident memory of this process in bytes, on Linux.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or_default() * rustix::param::page_size()
}

/// A tree with a filter for each device; in the mixed one, two more that match every name.
fn build(filter_of: FilterOf, filters: usize, subscribers: usize) -> Tree {
    let mut tree = Tree::new(SEED);
    let mut text = String::new();
    for device in 0..filters {
        text.clear();
        filter_of(&mut text, device).expect("a string takes all");
        let subscriber = u32::try_from(device).expect("fewer than 2^32 devices");
        tree.insert(filter(&text), subscriber, QoS::AtMostOnce);
    }
    for (number, wide) in (0..).zip(["#", "site/+/device/+/temperature"]).take(subscribers - 1) {
        tree.insert(filter(wide), u32::MAX - number, QoS::AtMostOnce);
    }
    tree
}

/// Names of devices that lie far apart.
fn asked(filters: usize) -> Vec<String> {
    let devices = (0..ASKED).map(|number| number.wrapping_mul(0x9e37_79b1) % filters);
    let name = |device| {
        let mut text = String::new();
        exact(&mut text, device).expect("a string takes all");
        text
    };
    devices.map(name).collect()
}

fn matching(criterion: &mut Criterion<CpuTime>) {
    for &(kind, filter_of, subscribers) in KINDS {
        let mut group = criterion.benchmark_group(format!("topic_matching/{kind}"));
        for (label, filters) in [("1k", 1_000), ("1m", 1_000_000)] {
            let prepared = LazyCell::new(|| {
                let before = resident();
                let tree = build(filter_of, filters, subscribers);
                let taken = resident().saturating_sub(before) / filters;
                if filters == 1_000_000 {
                    writeln!(std::io::stderr(), "{kind}: {taken} bytes per filter")
                        .expect("stderr takes a line");
                }
                let names = asked(filters);
                let mut found = Matches::default();
                for topic in &names {
                    tree.matches(name(topic), &mut found);
                    assert_eq!(found.len(), subscribers, "{kind} {topic}");
                }
                (tree, names)
            });
            group.bench_function(label, |bencher| {
                let (tree, names) = &*prepared;
                let names: Vec<_> = names.iter().map(|topic| name(topic)).collect();
                let mut names = names.iter().cycle();
                let mut found = Matches::default();
                bencher.iter(|| {
                    let topic = *names.next().expect("endless");
                    tree.matches(black_box(topic), &mut found);
                    found.len()
                });
            });
        }
        group.finish();
    }
}

/// The same names and subscribers among more and more filters that do not match.
fn same_names(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("topic_matching/same_names");
    for (label, filters) in SIZES {
        let tree = LazyCell::new(|| build(mixed, filters, 3));
        let names = asked(1_000);
        let names: Vec<_> = names.iter().take(NAMES).map(|topic| name(topic)).collect();
        group.bench_function(label, |bencher| {
            let tree = &*tree;
            let mut names = names.iter().cycle();
            let mut found = Matches::default();
            bencher.iter(|| {
                let topic = *names.next().expect("endless");
                tree.matches(black_box(topic), &mut found);
                assert_eq!(found.len(), 3);
            });
        });
    }
    group.finish();
}

/// Names that are published to again and again; as many as in `same_names`.
const NAMES: usize = 1_000;

const SIZES: [(&str, usize); 4] =
    [("1k", 1_000), ("10k", 10_000), ("100k", 100_000), ("1m", 1_000_000)];

/// A publication's look-up among a million filters: known names, new ones, and known ones while
/// subscriptions come and go, one change for a hundred look-ups.
fn publishing(criterion: &mut Criterion<CpuTime>) {
    let prepared = LazyCell::new(|| RefCell::new(build(mixed, 1_000_000, 3)));
    let hasher = FixedState::with_seed(SEED);
    let names = asked(1_000_000);
    let names: Vec<_> = names.iter().map(|topic| name(topic)).collect();
    let mut group = criterion.benchmark_group("topic_matching/publish");
    let resolve = |cache: &mut MatchCache<u32>, tree: &Tree, topic: TopicName<'_>| {
        let topic = black_box(topic);
        let resolved = cache.resolve(hasher.hash_one(topic.as_bytes()), topic, tree, |_| true);
        assert_eq!(resolved.matches.len(), 3);
    };
    for (label, count) in [("warm", NAMES), ("cold", ASKED)] {
        group.bench_function(label, |bencher| {
            let tree = prepared.borrow();
            let mut cache = MatchCache::new();
            // The first time the tree has just been built.
            names[..count].iter().for_each(|&topic| resolve(&mut cache, &tree, topic));
            let mut names = names[..count].iter().cycle();
            bencher.iter(|| resolve(&mut cache, &tree, *names.next().expect("endless")));
        });
    }
    for (label, changed) in [
        ("churn_exact", "site/7/device/new/temperature"),
        ("churn_wildcard", "site/7/device/new/#"),
    ] {
        group.bench_function(label, |bencher| {
            let mut tree = prepared.borrow_mut();
            let mut cache = MatchCache::new();
            names[..NAMES].iter().for_each(|&topic| resolve(&mut cache, &tree, topic));
            let mut names = names[..NAMES].iter().cycle();
            let (changed, mut turn) = (filter(changed), 0_u32);
            bencher.iter(|| {
                turn += 1;
                if turn.is_multiple_of(100) {
                    if !tree.insert(changed, u32::MAX, QoS::AtLeastOnce) {
                        tree.remove(changed, u32::MAX);
                    }
                    cache.invalidate(changed, |topic| hasher.hash_one(topic.as_bytes()));
                }
                resolve(&mut cache, &tree, *names.next().expect("endless"));
            });
        });
    }
    group.finish();
}

fn changing(criterion: &mut Criterion<CpuTime>) {
    let tree = LazyCell::new(|| build(exact, 100_000, 1));
    criterion.bench_function("topic_matching/insert_and_remove/100k", |bencher| {
        let mut tree = tree.clone();
        let new = filter("site/7/device/new/temperature");
        bencher.iter(|| {
            let added = tree.insert(black_box(new), u32::MAX, QoS::AtLeastOnce);
            let removed = tree.remove(black_box(new), u32::MAX);
            assert!(added && removed);
        });
    });
}

fn caching(criterion: &mut Criterion<CpuTime>) {
    let hasher = FixedState::with_seed(SEED);
    let names = asked(1_000);
    let mut cache = MatchCache::<u32>::new();
    let remember = |cache: &mut MatchCache<u32>, topic: &str| {
        let resolved = Resolved { topic: topic.into(), matches: Matches::default() };
        cache.insert(hasher.hash_one(topic.as_bytes()), Rc::new(resolved));
    };
    for topic in &names {
        remember(&mut cache, topic);
    }
    let hottest = name(&names[1]);
    assert!(cache.get(hasher.hash_one(hottest.as_bytes()), hottest).is_some());
    let mut group = criterion.benchmark_group("topic_matching/cache");
    group.bench_function("hit", |bencher| {
        bencher.iter(|| {
            let topic = black_box(hottest);
            cache.get(hasher.hash_one(topic.as_bytes()), topic).map(|known| known.matches.len())
        });
    });
    group.bench_function("invalidate_exact", |bencher| {
        let exact = filter(&names[1]);
        bencher
            .iter(|| cache.invalidate(black_box(exact), |topic| hasher.hash_one(topic.as_bytes())));
    });
    let wide = filter("site/+/device/#");
    group.bench_function("invalidate_wildcard", |bencher| {
        bencher.iter(|| {
            remember(&mut cache, &names[1]);
            cache.invalidate(black_box(wide), |topic| hasher.hash_one(topic.as_bytes()));
        });
    });
    // A session that ends gives up its filters one by one.
    group.bench_function("invalidate_wildcard_when_empty", |bencher| {
        bencher
            .iter(|| cache.invalidate(black_box(wide), |topic| hasher.hash_one(topic.as_bytes())));
    });
    group.finish();
}

criterion_group! {
    name = topic_matching;
    config = benches::criterion();
    targets = matching, same_names, publishing, changing, caching
}
criterion_main!(topic_matching);
