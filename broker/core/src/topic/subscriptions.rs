//! Who subscribed to what: a tree of Topic Filters.

use std::hash::Hash;

use foldhash::fast::FixedState;
use indexmap::IndexMap;
use smallvec::SmallVec;

use super::filter::TopicFilter;
use super::matches::Matches;
use super::name::TopicName;
use super::options::DeliveryOptions;
use super::trie::{NONE, NodeId, ROOT, Trie};
use crate::qos::QoS;

/// Above this a set of subscribers is a hash map, so that one of a hundred thousand leaves fast.
const FEW_MAX: usize = 16;

/// Topic Filters with their subscribers, each known by a key `K` of the caller's.
#[derive(Clone, Debug)]
pub struct SubscriptionTree<K> {
    trie: Trie<Subscribers<K>>,
    len: usize,
}

/// Two words, so that a node of the tree fits a cache line: most filters have one subscriber.
#[derive(Clone, Debug, Default)]
enum Subscribers<K> {
    #[default]
    None,
    One(K, DeliveryOptions),
    #[expect(clippy::box_collection, reason = "one word: a node has room for two")]
    Few(Box<Vec<(K, DeliveryOptions)>>),
    Many(Box<IndexMap<K, DeliveryOptions, FixedState>>),
}

// With the keys of sessions, as large as these.
const _: () = assert!(Trie::<Subscribers<u64>>::NODE_BYTES == 64);

impl<K: Copy + Eq + Hash + Ord> SubscriptionTree<K> {
    /// An empty tree. `seed` is kept from the clients, so that they cannot choose collisions.
    pub fn new(seed: u64) -> Self {
        Self { trie: Trie::new(seed), len: 0 }
    }

    /// Subscriptions in the tree.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody has subscribed to anything.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Levels that are kept for the subscriptions.
    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.trie.len()
    }

    /// Adds a subscription or replaces its options, [MQTT-3.8.4-3]. True when it was not there.
    pub fn insert(
        &mut self,
        filter: TopicFilter<'_>,
        subscriber: K,
        options: impl Into<DeliveryOptions>,
    ) -> bool {
        let node = self.trie.insert(filter.levels());
        let added = self.trie.value_mut(node).insert(subscriber, options.into());
        self.len += usize::from(added);
        added
    }

    /// Removes a subscription. False when there was none.
    pub fn remove(&mut self, filter: TopicFilter<'_>, subscriber: K) -> bool {
        let node = self.trie.find(filter.levels());
        if node == NONE {
            return false;
        }
        let removed = self.trie.value_mut(node).remove(subscriber);
        self.len -= usize::from(removed);
        self.trie.prune(node, Subscribers::is_empty);
        removed
    }

    /// The QoS of a subscription; `None` when there is no such one.
    pub fn qos(&self, filter: TopicFilter<'_>, subscriber: K) -> Option<QoS> {
        let node = self.trie.find(filter.levels());
        if node == NONE { None } else { self.trie.value(node).qos(subscriber) }
    }

    /// Fills `found` with everybody whose subscriptions match `topic`.
    pub fn matches(&self, topic: TopicName<'_>, found: &mut Matches<K>) {
        #[cfg(feature = "slow-down")]
        crate::slow_down::matching();
        found.clear();
        let mut sources = 0;
        let mut collect = |node: NodeId| {
            if node != NONE {
                sources += usize::from(self.trie.value(node).append_to(found));
            }
        };
        let mut here: SmallVec<[NodeId; 16]> = SmallVec::from_slice(&[ROOT]);
        let mut below: SmallVec<[NodeId; 16]> = SmallVec::new();
        let mut hidden = topic.is_hidden();
        for level in topic.levels() {
            for &node in &here {
                if !hidden {
                    collect(self.trie.multi(node));
                    below.extend(Some(self.trie.single(node)).filter(|&id| id != NONE));
                }
                below.extend(Some(self.trie.named_child(node, level)).filter(|&id| id != NONE));
            }
            here.clear();
            std::mem::swap(&mut here, &mut below);
            hidden = false;
        }
        for &node in &here {
            collect(node);
            collect(self.trie.multi(node));
        }
        if sources > 1 {
            found.merge();
        }
    }
}

impl<K: Copy + Hash + Ord> Subscribers<K> {
    const fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    fn insert(&mut self, subscriber: K, options: DeliveryOptions) -> bool {
        match self {
            Self::None => *self = Self::One(subscriber, options),
            Self::One(other, old) if *other == subscriber => {
                *old = options;
                return false;
            }
            &mut Self::One(other, old) => {
                *self = Self::Few(Box::new(vec![(other, old), (subscriber, options)]));
            }
            Self::Few(few) => {
                if let Some((_, old)) = few.iter_mut().find(|(other, _)| *other == subscriber) {
                    *old = options;
                    return false;
                }
                few.push((subscriber, options));
                if few.len() > FEW_MAX {
                    *self = Self::Many(Box::new(few.drain(..).collect()));
                }
            }
            Self::Many(many) => return many.insert(subscriber, options).is_none(),
        }
        true
    }

    fn qos(&self, subscriber: K) -> Option<QoS> {
        match self {
            Self::None => None,
            Self::One(other, options) => (*other == subscriber).then_some(options.qos),
            Self::Few(few) => {
                few.iter().find(|(other, _)| *other == subscriber).map(|(_, options)| options.qos)
            }
            Self::Many(many) => many.get(&subscriber).map(|options| options.qos),
        }
    }

    fn remove(&mut self, subscriber: K) -> bool {
        let is_empty = match self {
            Self::None => return false,
            Self::One(other, _) if *other != subscriber => return false,
            Self::One(..) => true,
            Self::Few(few) => {
                let position = few.iter().position(|(other, _)| *other == subscriber);
                let Some(position) = position else { return false };
                few.swap_remove(position);
                few.is_empty()
            }
            Self::Many(many) => {
                if many.swap_remove(&subscriber).is_none() {
                    return false;
                }
                many.is_empty()
            }
        };
        if is_empty {
            *self = Self::None;
        }
        true
    }

    /// True when there was anything to append.
    #[inline]
    fn append_to(&self, found: &mut Matches<K>) -> bool {
        match self {
            Self::None => return false,
            Self::One(subscriber, options) => found.push(*subscriber, *options),
            Self::Few(few) => few.iter().for_each(|(s, options)| found.push(*s, *options)),
            Self::Many(many) => {
                found.reserve(many.len());
                many.iter().for_each(|(s, options)| found.push(*s, *options));
            }
        }
        true
    }
}
