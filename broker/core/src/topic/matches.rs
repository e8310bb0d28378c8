//! Who is to get a publication, and how: the overlapping subscriptions of each made into one.

use std::num::NonZeroU32;
use std::ops::{Deref, Range};

use super::options::DeliveryOptions;
use crate::qos::QoS;

/// A subscriber to which a Topic Name is to be delivered.
///
/// There is one for each subscriber, or two for different publishers, see [`Audience`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match<K> {
    /// Who.
    pub subscriber: K,
    /// The highest QoS of all its subscriptions that match, [MQTT-3.3.5-1].
    pub qos: QoS,
    /// Whether one of them wants the RETAIN flag as it was published, [MQTT-3.3.1-12].
    pub retain_as_published: bool,
    /// Of whose publications this holds.
    pub audience: Audience,
    identifiers_start: u32,
    identifiers_count: u16,
}

/// Whose publications a [`Match`] is for. Subscriptions without local messages, MQTT 5.0 section
/// 3.8.3.1, make the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Everybody's.
    All,
    /// All but those of the subscriber itself.
    Others,
    /// Only those of the subscriber itself.
    Own,
}

/// The matches of one Topic Name. Dense: a fan-out walks it from end to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matches<K> {
    entries: Vec<Match<K>>,
    identifiers: Vec<u32>,
}

impl<K: Copy + PartialEq> Match<K> {
    /// Whether a publication of `publisher` is to be delivered.
    pub fn is_for(&self, publisher: Option<K>) -> bool {
        match self.audience {
            Audience::All => true,
            Audience::Others => publisher != Some(self.subscriber),
            Audience::Own => publisher == Some(self.subscriber),
        }
    }
}

impl<K> Match<K> {
    fn identifiers_range(&self) -> Range<usize> {
        let start = self.identifiers_start as usize;
        start..start + usize::from(self.identifiers_count)
    }

    fn set_identifiers(&mut self, start: usize, end: usize) {
        self.identifiers_start = u32::try_from(start).unwrap_or(u32::MAX);
        self.identifiers_count = u16::try_from(end - start).unwrap_or(u16::MAX);
    }
}

impl<K> Matches<K> {
    /// The Subscription Identifiers that go along with one of these matches, [MQTT-3.3.4-5].
    pub fn identifiers(&self, found: &Match<K>) -> &[u32] {
        self.identifiers.get(found.identifiers_range()).unwrap_or_default()
    }

    /// Matches and identifiers: a measure for the memory that they take.
    pub(super) fn weight(&self) -> usize {
        self.entries.len() + self.identifiers.len()
    }

    /// Forgets everything but keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.identifiers.clear();
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Match<K>) -> bool) {
        self.entries.retain(keep);
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.entries.shrink_to_fit();
        self.identifiers.shrink_to_fit();
    }

    pub(super) fn reserve(&mut self, additional: usize) {
        self.entries.reserve(additional);
    }
}

impl<K: Copy + Ord> Matches<K> {
    /// Adds one subscription as a match of its own.
    pub(super) fn push(&mut self, subscriber: K, options: DeliveryOptions) {
        let start = self.identifiers.len();
        self.identifiers.extend(options.identifier.map(NonZeroU32::get));
        let audience = if options.no_local { Audience::Others } else { Audience::All };
        let mut found = Match {
            subscriber,
            qos: options.qos,
            retain_as_published: options.retain_as_published,
            audience,
            identifiers_start: 0,
            identifiers_count: 0,
        };
        found.set_identifiers(start, self.identifiers.len());
        self.entries.push(found);
    }

    /// Makes the matches of each subscriber into one, or into two when some of them leave its own
    /// publications out. In place: there are never more than before.
    pub(super) fn merge(&mut self) {
        self.entries.sort_unstable();
        let (mut start, mut count) = (0, 0);
        while let Some(&first) = self.entries.get(start) {
            let group = self.entries[start..].iter();
            let group = group.take_while(|found| found.subscriber == first.subscriber);
            let all = group.clone().count();
            let local = group.filter(|found| found.audience == Audience::All).count();
            let range = start..start + all;
            start = range.end;
            if local == 0 || local == all {
                self.entries[count] = self.merged(range, |_| true, first.audience);
                count += 1;
            } else {
                let is_local = |found: &Match<K>| found.audience == Audience::All;
                let others = self.merged(range.clone(), |_| true, Audience::Others);
                let own = self.merged(range, is_local, Audience::Own);
                self.entries[count] = others;
                self.entries[count + 1] = own;
                count += 2;
            }
        }
        self.entries.truncate(count);
    }

    /// One match for those of a subscriber that are `wanted`. Its identifiers are copied to the end
    /// unless they lie together already.
    fn merged(
        &mut self,
        range: Range<usize>,
        wanted: impl Fn(&Match<K>) -> bool,
        audience: Audience,
    ) -> Match<K> {
        let mut merged = self.entries[range.start];
        if range.len() == 1 {
            return merged;
        }
        let start = self.identifiers.len();
        (merged.qos, merged.retain_as_published) = (QoS::AtMostOnce, false);
        for found in self.entries[range].iter().filter(|found| wanted(found)) {
            merged.qos = merged.qos.max(found.qos);
            merged.retain_as_published |= found.retain_as_published;
            self.identifiers.extend_from_within(found.identifiers_range());
        }
        merged.audience = audience;
        merged.set_identifiers(start, self.identifiers.len());
        merged
    }
}

impl<K> Default for Matches<K> {
    fn default() -> Self {
        Self { entries: Vec::new(), identifiers: Vec::new() }
    }
}

impl<K> Deref for Matches<K> {
    type Target = [Match<K>];

    fn deref(&self) -> &Self::Target {
        &self.entries
    }
}
