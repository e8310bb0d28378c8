//! What the shards of one broker share: seeds, who wants which topics, the order of retained
//! changes. All of it is atomic; no shard waits for another.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use foldhash::quality::FixedState;

use crate::topic::{TopicFilter, TopicName};

/// The shards of one broker.
#[derive(Debug)]
pub struct ShardGroup {
    seed: u64,
    hasher: FixedState,
    interests: Box<[Interest]>,
    retained_version: AtomicU64,
}

impl ShardGroup {
    /// A group of `shards` shards, one at least. `seed` is random in a deployed broker, so that
    /// clients cannot choose names that collide, and fixed where a run is to be repeated.
    pub fn new(shards: usize, seed: u64) -> Self {
        Self {
            seed,
            hasher: FixedState::with_seed(seed),
            interests: (0..shards.max(1)).map(|_| Interest::new(shards > 1)).collect(),
            retained_version: AtomicU64::new(0),
        }
    }

    /// How many shards there are.
    pub const fn shards(&self) -> usize {
        self.interests.len()
    }

    /// The shard on which the session of a Client Identifier lives.
    pub fn shard_of(&self, client_identifier: &str) -> usize {
        let shards = self.shards() as u64;
        usize::try_from(self.hash(client_identifier) % shards).unwrap_or_default()
    }

    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    /// The same for a string and for its bytes.
    pub(super) fn hash(&self, text: impl AsRef<[u8]>) -> u64 {
        let mut state = self.hasher.build_hasher();
        state.write(text.as_ref());
        state.finish()
    }

    /// A number above all that were given out before.
    pub(super) fn next_retained_version(&self) -> u64 {
        self.retained_version.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes a subscription on `shard`; to be called before the SUBACK is sent.
    pub(super) fn add_interest(&self, shard: usize, filter: TopicFilter<'_>) {
        if let Some(counter) = self.interest(shard, filter) {
            counter.fetch_add(1, Ordering::Release);
        }
    }

    /// Takes back one [`add_interest`](Self::add_interest).
    pub(super) fn remove_interest(&self, shard: usize, filter: TopicFilter<'_>) {
        if let Some(counter) = self.interest(shard, filter) {
            counter.fetch_sub(1, Ordering::Release);
        }
    }

    fn interest(&self, shard: usize, filter: TopicFilter<'_>) -> Option<&AtomicU32> {
        let interest = self.interests.get(shard)?;
        match (filter.as_exact(), filter.first_literal_level()) {
            (Some(topic), _) => interest.counter(self.hash(topic.as_bytes())),
            (None, Some(level)) => interest.counter(!self.hash(level)),
            (None, None) => Some(&interest.any_topic),
        }
    }

    /// Whether `shard` may have subscribers of `topic`, whose hash is `hash`. True for some topics
    /// that nobody there wants, never false for one that somebody does.
    pub(super) fn may_want(&self, shard: usize, topic: TopicName<'_>, hash: u64) -> bool {
        let Some(interest) = self.interests.get(shard) else {
            return false;
        };
        let wanted = |counter: Option<&AtomicU32>| {
            counter.is_some_and(|counter| counter.load(Ordering::Acquire) > 0)
        };
        wanted(Some(&interest.any_topic))
            || wanted(interest.counter(hash))
            || wanted(interest.counter(!self.hash(topic.levels().next().unwrap_or_default())))
    }
}

/// Which topics a shard has subscribers for, by hash: subscriptions are counted where the hash of
/// the topic, or of the first level of a filter with wildcards, falls.
#[derive(Debug)]
struct Interest {
    counters: Box<[AtomicU32]>,
    /// Subscriptions whose first level is a wildcard.
    any_topic: AtomicU32,
}

/// Counters of one shard: enough that 10,000 filters leave four of five topics unwanted.
const COUNTERS: usize = 1 << 16;

impl Interest {
    fn new(needed: bool) -> Self {
        let counters = if needed { COUNTERS } else { 0 };
        Self {
            counters: (0..counters).map(|_| AtomicU32::new(0)).collect(),
            any_topic: AtomicU32::new(0),
        }
    }

    fn counter(&self, hash: u64) -> Option<&AtomicU32> {
        let index = usize::try_from(hash % COUNTERS as u64).ok()?;
        self.counters.get(index)
    }
}
