//! Who is to get a publication, and how: the overlapping subscriptions of each made into one.

use std::num::NonZeroU32;
use std::ops::Deref;

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

impl<K> Matches<K> {
    /// The Subscription Identifiers that go along with one of these matches, [MQTT-3.3.4-5].
    pub fn identifiers(&self, found: &Match<K>) -> &[u32] {
        let start = found.identifiers_start as usize;
        let range = start..start + usize::from(found.identifiers_count);
        self.identifiers.get(range).unwrap_or_default()
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
        self.add(subscriber, options.qos, options.retain_as_published, audience, start);
    }

    /// Makes the matches of each subscriber into one, or into two when some of them leave its own
    /// publications out.
    pub(super) fn merge(&mut self) {
        self.entries.sort_unstable();
        let old = std::mem::replace(self, Self { entries: Vec::new(), identifiers: Vec::new() });
        self.reserve(old.entries.len());
        for group in old.entries.chunk_by(|a, b| a.subscriber == b.subscriber) {
            let local = group.iter().filter(|found| found.audience == Audience::All).count();
            if local == 0 || local == group.len() {
                let audience = if local == 0 { Audience::Others } else { Audience::All };
                self.add_merged(group, |_| true, audience, &old);
            } else {
                self.add_merged(group, |_| true, Audience::Others, &old);
                let is_local = |found: &Match<K>| found.audience == Audience::All;
                self.add_merged(group, is_local, Audience::Own, &old);
            }
        }
    }

    fn add_merged(
        &mut self,
        group: &[Match<K>],
        wanted: impl Fn(&Match<K>) -> bool,
        audience: Audience,
        old: &Self,
    ) {
        let start = self.identifiers.len();
        let (mut qos, mut retain_as_published) = (QoS::AtMostOnce, false);
        for found in group.iter().filter(|found| wanted(found)) {
            qos = qos.max(found.qos);
            retain_as_published |= found.retain_as_published;
            self.identifiers.extend_from_slice(old.identifiers(found));
        }
        if let Some(first) = group.first() {
            self.add(first.subscriber, qos, retain_as_published, audience, start);
        }
    }

    fn add(
        &mut self,
        subscriber: K,
        qos: QoS,
        retain_as_published: bool,
        audience: Audience,
        start: usize,
    ) {
        self.entries.push(Match {
            subscriber,
            qos,
            retain_as_published,
            audience,
            identifiers_start: u32::try_from(start).unwrap_or(u32::MAX),
            identifiers_count: u16::try_from(self.identifiers.len() - start).unwrap_or(u16::MAX),
        });
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
