//! A bounded cache from Topic Names to what was found for them.
//!
//! Publishers say the same few names again and again; a hit costs one hash and one comparison.

use std::collections::VecDeque;
use std::fmt;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;

use super::filter::{OwnedTopicFilter, TopicFilter};
use super::matches::{Match, Matches};
use super::name::TopicName;
use super::subscriptions::SubscriptionTree;

/// Slots at first and at most, a power of two each. Two names that share one displace each other.
const SLOTS_MIN: usize = 1 << 10;
const SLOTS_MAX: usize = 1 << 16;

/// Slots per name, of 24 bytes each: with fewer there are twice as many from then on. Of names that are all
/// asked for alike some 97 of a hundred are found then; a walk costs more than ten hits.
const SLOTS_PER_NAME: usize = 16;

/// Matches and their identifiers that all entries together may hold before the cache starts anew.
const MATCHES_MAX: usize = 4 << 20;

/// Changes to filters with wildcards that an entry may have missed and still be looked at. Each costs
/// a comparison of a filter with the entry's name, once; a walk through a large tree costs some thirty.
const CHANGES_KEPT: usize = 16;

/// What was found for one Topic Name.
#[derive(Debug)]
pub struct Resolved<K> {
    /// The name, shared with every message that is kept under it.
    pub topic: Arc<str>,
    /// Who subscribed, as [`SubscriptionTree::matches`](super::SubscriptionTree::matches) says.
    pub matches: Matches<K>,
}

/// A direct-mapped cache of [`Resolved`] names, by a hash that the caller computes.
pub struct MatchCache<K> {
    slots: Vec<Option<Entry<K>>>,
    /// Slots that are taken.
    names: usize,
    /// Matches and identifiers of all names together.
    held: usize,
    /// Changes to filters with wildcards so far.
    changes: u64,
    /// The filters of the last of them.
    changed: VecDeque<OwnedTopicFilter>,
}

struct Entry<K> {
    hash: u64,
    /// The value of `changes` when it was last known to hold.
    checked: u64,
    resolved: Rc<Resolved<K>>,
}

impl<K> MatchCache<K> {
    /// An empty cache; it takes memory at its first entry.
    pub const fn new() -> Self {
        Self { slots: Vec::new(), names: 0, held: 0, changes: 0, changed: VecDeque::new() }
    }

    /// What is known of `topic`.
    pub fn get(&mut self, hash: u64, topic: TopicName<'_>) -> Option<&Rc<Resolved<K>>> {
        let Self { slots, changes, changed, .. } = self;
        let slot = slot(hash, slots.len());
        let entry = slots.get_mut(slot)?.as_mut()?;
        if entry.hash != hash || *entry.resolved.topic.as_bytes() != *topic.as_bytes() {
            return None;
        }
        if entry.checked != *changes {
            let missed = usize::try_from(*changes - entry.checked).unwrap_or(usize::MAX);
            let first = changed.len().checked_sub(missed)?;
            if changed.range(first..).any(|filter| filter.as_filter().matches(topic)) {
                return None;
            }
            entry.checked = *changes;
        }
        Some(&entry.resolved)
    }

    /// What `tree` finds for `topic` and `keep` keeps, from the cache when it is known.
    pub fn resolve(
        &mut self,
        hash: u64,
        topic: TopicName<'_>,
        tree: &SubscriptionTree<K>,
        keep: impl Fn(&Match<K>) -> bool,
    ) -> Rc<Resolved<K>>
    where
        K: Copy + Hash + Ord,
    {
        if let Some(resolved) = self.get(hash, topic) {
            return Rc::clone(resolved);
        }
        let mut matches = Matches::default();
        tree.matches(topic, &mut matches);
        matches.retain(keep);
        matches.shrink_to_fit();
        let resolved = Rc::new(Resolved { topic: topic.as_str().into(), matches });
        self.insert(hash, Rc::clone(&resolved));
        resolved
    }

    /// Remembers what was found for a Topic Name.
    pub fn insert(&mut self, hash: u64, resolved: Rc<Resolved<K>>) {
        if self.slots.len() < SLOTS_MAX && self.names * SLOTS_PER_NAME >= self.slots.len() {
            self.grow();
        }
        if self.held + resolved.matches.weight() > MATCHES_MAX {
            self.clear();
        }
        self.held += resolved.matches.weight();
        let entry = Entry { hash, checked: self.changes, resolved };
        let slot = slot(hash, self.slots.len());
        match self.slots[slot].replace(entry) {
            Some(old) => self.held -= old.resolved.matches.weight(),
            None => self.names += 1,
        }
    }

    /// Makes room for more names. None is displaced: who shares a slot then did before.
    fn grow(&mut self) {
        let count = (2 * self.slots.len()).max(SLOTS_MIN);
        let mut slots = Vec::new();
        slots.resize_with(count, || None);
        for entry in self.slots.drain(..).flatten() {
            let slot = slot(entry.hash, count);
            slots[slot] = Some(entry);
        }
        self.slots = slots;
    }

    /// Forgets what a change to the subscriptions of `filter` makes wrong. `hash` gives the hash
    /// of a Topic Name. Names that a filter with wildcards matches are found out when they are asked
    /// for.
    pub fn invalidate(&mut self, filter: TopicFilter<'_>, hash: impl FnOnce(&str) -> u64) {
        let Some(topic) = filter.as_exact() else {
            return self.note_change(filter);
        };
        let hash = hash(filter.as_str());
        let slot = slot(hash, self.slots.len());
        if self.get(hash, topic).is_some()
            && let Some(old) = self.slots[slot].take()
        {
            self.names -= 1;
            self.held -= old.resolved.matches.weight();
        }
    }

    fn note_change(&mut self, filter: TopicFilter<'_>) {
        if self.names == 0 {
            return;
        }
        if self.changed.len() == CHANGES_KEPT {
            self.changed.pop_front();
        }
        self.changed.push_back(filter.into());
        self.changes += 1;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        if self.names > 0 {
            self.slots.fill_with(|| None);
        }
        (self.names, self.held) = (0, 0);
    }
}

impl<K> Default for MatchCache<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> fmt::Debug for MatchCache<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MatchCache").field("matches", &self.held).finish_non_exhaustive()
    }
}

/// The low bits choose among `slots`, a power of two or none at all; the whole hash is compared on a hit.
fn slot(hash: u64, slots: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
    let low = hash as usize;
    low & slots.wrapping_sub(1)
}
