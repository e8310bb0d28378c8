//! Retained messages, MQTT 3.3.1.3: the last one of each Topic Name.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::name::TopicName;
use super::trie::{NONE, ROOT, Trie};
use crate::access::Identity;
use crate::message::Message;
use crate::time::Time;

/// How much a [`Retained`] may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "as they are called in `Limits`")]
pub struct RetainedLimit {
    /// Messages.
    pub messages_max: usize,
    /// Bytes of topic and payload.
    pub bytes_max: usize,
    /// Levels of a Topic Name. Nothing is ever kept of a longer one, its deletion neither.
    pub levels_max: usize,
}

/// The retained message was not stored: the limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetainedFull;

/// The retained messages of all Topic Names.
///
/// Every shard holds all of them and hears of each change in its own order. `version` settles
/// which of two changes from different shards is the last, so that all come to hold the same.
#[derive(Clone, Debug)]
pub struct Retained {
    pub(super) trie: Trie<Option<Entry>>,
    limit: RetainedLimit,
    /// Changes that this store has taken, whatever their version.
    pub(super) changes: u64,
    messages: usize,
    bytes: usize,
    /// Deleted names whose version is kept for a while, oldest first.
    deleted: VecDeque<(u64, Arc<str>)>,
    /// Topics whose message may expire, the first to do so on top.
    expiring: BinaryHeap<Reverse<(Time, Arc<str>)>>,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    version: u64,
    /// Which of the store's changes brought it: a walk that began before leaves it out.
    pub(super) change: u64,
    /// `None` after a deletion, until no older change can be on its way.
    pub(super) message: Option<Message>,
    /// Who answers for it, under a policy.
    origin: Option<Arc<Identity>>,
}

/// Deadlines that may be out of date, besides one for each message.
const EXPIRING_SLACK: usize = 1024;

/// Deletions whose version is remembered.
const DELETED_MAX: usize = 4096;

impl Retained {
    /// An empty store. `seed` as for [`SubscriptionTree`](super::SubscriptionTree::new).
    pub fn new(seed: u64, limit: RetainedLimit) -> Self {
        Self {
            trie: Trie::new(seed),
            limit,
            changes: 0,
            messages: 0,
            bytes: 0,
            deleted: VecDeque::new(),
            expiring: BinaryHeap::new(),
        }
    }

    /// Messages that are stored.
    pub fn len(&self) -> usize {
        self.messages
    }

    /// Whether nothing is retained.
    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Bytes of topic and payload that are stored.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Levels that are kept for the messages and for what was deleted.
    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.trie.len()
    }

    /// Deadlines that are kept.
    #[cfg(test)]
    pub(super) fn deadlines(&self) -> usize {
        self.expiring.len()
    }

    /// Stores `message` as the last one of its topic, or deletes that with an empty payload,
    /// [MQTT-3.3.1-10]. A change older than what is there is passed over. A message that finds no
    /// room deletes too: the one before it is not the last any more, [MQTT-3.3.1-7].
    pub fn set(&mut self, message: &Message, version: u64) -> Result<(), RetainedFull> {
        self.set_from(message, version, None)
    }

    /// [`set`](Self::set) with who answers for the message, for [`revoke`](Self::revoke).
    pub fn set_from(
        &mut self,
        message: &Message,
        version: u64,
        origin: Option<Arc<Identity>>,
    ) -> Result<(), RetainedFull> {
        let topic = TopicName::new_unchecked(&message.topic);
        let delete = message.payload.is_empty();
        if topic.levels().count() > self.limit.levels_max {
            return if delete { Ok(()) } else { Err(RetainedFull) };
        }
        let node = self.trie.find(topic.levels());
        let old = if node == NONE { None } else { self.trie.value(node).as_ref() };
        if old.is_some_and(|entry| entry.version > version) {
            return Ok(());
        }
        let old = old.and_then(|entry| entry.message.as_ref());
        let known_expiry = old.and_then(|message| message.expires);
        if let Some(old) = old {
            self.messages -= 1;
            self.bytes -= old.size();
        }
        let fits = self.messages < self.limit.messages_max
            && self.bytes + message.size() <= self.limit.bytes_max;
        let stored = (fits && !delete).then(|| message.clone());
        if let Some(stored) = &stored {
            self.messages += 1;
            self.bytes += stored.size();
        }
        let deleted = stored.is_none();
        let expires = message.expires.filter(|_| !deleted && message.expires != known_expiry);
        let node = if node == NONE { self.trie.insert(topic.levels()) } else { node };
        self.changes += 1;
        let change = self.changes;
        *self.trie.value_mut(node) = Some(Entry { version, change, message: stored, origin });
        if deleted {
            self.remember_deletion(version, message);
        }
        if let Some(expires) = expires {
            self.expiring.push(Reverse((expires, Arc::clone(&message.topic))));
        }
        self.bound_expiring();
        if fits || delete { Ok(()) } else { Err(RetainedFull) }
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn next_expiry(&self) -> Option<Time> {
        self.expiring.peek().map(|Reverse((time, _))| *time)
    }

    /// Deletes the messages whose time is over; returns how many those were, MQTT 5.0 section
    /// 3.3.2.3.3. Every shard does so by itself: the version stays.
    pub fn expire(&mut self, now: Time) -> u64 {
        let mut expired = 0;
        while self.next_expiry().is_some_and(|time| time <= now) {
            let Some(Reverse((time, topic))) = self.expiring.pop() else { break };
            if self.expires(&topic) != Some(time) {
                continue;
            }
            let node = self.trie.find(TopicName::new_unchecked(&topic).levels());
            if let Some(entry) = self.trie.value_mut(node)
                && let Some(message) = entry.message.take()
            {
                self.messages -= 1;
                self.bytes -= message.size();
                expired += 1;
                let version = entry.version;
                self.remember_deletion(version, &message);
            }
        }
        expired
    }

    fn expires(&self, topic: &str) -> Option<Time> {
        let node = self.trie.find(TopicName::new_unchecked(topic).levels());
        if node == NONE {
            return None;
        }
        self.trie.value(node).as_ref()?.message.as_ref()?.expires
    }

    /// Drops deadlines of messages that are gone, once they are the greater part.
    fn bound_expiring(&mut self) {
        if self.expiring.len() <= 2 * self.messages + EXPIRING_SLACK {
            return;
        }
        let mut expiring = std::mem::take(&mut self.expiring).into_vec();
        expiring.retain(|Reverse((time, topic))| self.expires(topic) == Some(*time));
        // A message that was replaced and came back has its deadline twice.
        expiring.sort_unstable();
        expiring.dedup();
        self.expiring = expiring.into();
    }

    /// Removes the messages with an origin that `keep` does not want; returns how many. Those that
    /// nobody answers for stay.
    pub fn revoke(&mut self, mut keep: impl FnMut(&Message, &Arc<Identity>) -> bool) -> usize {
        let mut removed = Vec::new();
        let mut stack = vec![ROOT];
        while let Some(node) = stack.pop() {
            if let Some(Entry { message: Some(message), origin: Some(origin), .. }) =
                self.trie.value(node)
                && !keep(message, origin)
            {
                removed.push(message.clone());
            }
            stack.extend(self.trie.children(node));
        }
        for message in &removed {
            let node = self.trie.find(message.topic().levels());
            if let Some(entry) = self.trie.value_mut(node) {
                entry.message = None;
                entry.origin = None;
                let version = entry.version;
                self.messages -= 1;
                self.bytes -= message.size();
                self.remember_deletion(version, message);
            }
        }
        removed.len()
    }

    fn remember_deletion(&mut self, version: u64, message: &Message) {
        self.deleted.push_back((version, message.topic.clone()));
        if self.deleted.len() <= DELETED_MAX {
            return;
        }
        let Some((version, topic)) = self.deleted.pop_front() else {
            return;
        };
        let node = self.trie.find(TopicName::new_unchecked(&topic).levels());
        if node == NONE {
            return;
        }
        let value = self.trie.value_mut(node);
        if value.as_ref().is_some_and(|e| e.version == version && e.message.is_none()) {
            *value = None;
            self.trie.prune(node, Option::is_none);
        }
    }
}
