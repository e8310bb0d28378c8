//! From a publication to everybody who wants it.

use std::rc::Rc;
use std::sync::Arc;

use slotmap::SlotMap;

use super::Shard;
use super::group::ShardGroup;
use super::links::Put;
use super::output::SHARED_PAYLOAD_MIN;
use crate::access::Identity;
use crate::codec::{PacketIdentifier, PublishHeader};
use crate::limits::Limits;
use crate::message::{Message, Publication};
use crate::qos::QoS;
use crate::session::{Delivery, Session, SessionKey};
use crate::topic::cache::{MatchCache, Resolved};
use crate::topic::{Match, Retained, RetainedLimit, SubscriptionTree, TopicFilter, TopicName};

/// A message on its way to another shard.
#[derive(Clone, Debug)]
pub struct Forward {
    message: Message,
    /// Settles which of two retained messages is the last; 0 when it is not retained.
    retained_version: u64,
    /// Who answers for it when it is retained, under a policy.
    origin: Option<Arc<Identity>>,
}

/// What a shard knows by topic.
pub(super) struct Topics {
    pub(super) subscriptions: SubscriptionTree<SessionKey>,
    pub(super) retained: Retained,
    cache: MatchCache<SessionKey>,
    found: Vec<Match<SessionKey>>,
}

impl Topics {
    pub(super) fn new(seed: u64, limits: &Limits) -> Self {
        let limit = RetainedLimit {
            messages_max: limits.retained_messages_max,
            bytes_max: limits.retained_bytes_max,
            levels_max: limits.topic_levels_max,
        };
        Self {
            subscriptions: SubscriptionTree::new(seed),
            retained: Retained::new(seed, limit),
            cache: MatchCache::new(),
            found: Vec::new(),
        }
    }

    pub(super) fn subscribe(
        &mut self,
        filter: TopicFilter<'_>,
        session: SessionKey,
        qos: QoS,
        group: &ShardGroup,
    ) {
        self.subscriptions.insert(filter, session, qos);
        self.cache.invalidate(filter, |topic| group.hash(topic));
    }

    pub(super) fn unsubscribe(
        &mut self,
        filter: TopicFilter<'_>,
        session: SessionKey,
        group: &ShardGroup,
    ) {
        self.subscriptions.remove(filter, session);
        self.cache.invalidate(filter, |topic| group.hash(topic));
    }

    /// Forgets who gets what, for the case that rights have changed.
    pub(super) fn forget_matches(&mut self) {
        self.cache.clear();
    }

    /// Who gets a publication to `topic`. With `readers` only those that may, which the cache
    /// then remembers with the rest.
    fn resolve(
        &mut self,
        topic: TopicName<'_>,
        hash: u64,
        readers: Option<&SlotMap<SessionKey, Session>>,
    ) -> Rc<Resolved<SessionKey>> {
        if let Some(resolved) = self.cache.get(hash, topic) {
            return Rc::clone(resolved);
        }
        self.subscriptions.matches(topic, &mut self.found);
        if let Some(sessions) = readers {
            self.found.retain(|found| {
                sessions.get(found.subscriber).is_some_and(|session| session.may_receive(topic))
            });
        }
        let matches = self.found.as_slice().into();
        let resolved = Rc::new(Resolved { topic: topic.as_str().into(), matches });
        self.cache.insert(hash, Rc::clone(&resolved));
        resolved
    }
}

/// Encodes a PUBLISH once for all who get it alike.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    packet: Vec<u8>,
    identifier_at: usize,
}

impl Encoder {
    /// The packet, and its payload apart when that is to be shared rather than copied.
    pub(super) fn encode<'a>(
        &'a mut self,
        header: PublishHeader,
        publication: Publication<'_>,
        message: Option<&'a Message>,
    ) -> (&'a [u8], Option<&'a Arc<[u8]>>) {
        let payload = publication.payload;
        self.packet.clear();
        header.encode(publication.topic.as_str(), payload.len(), &mut self.packet);
        self.identifier_at = self.packet.len().saturating_sub(2);
        let shared = message.map(|m| &m.payload).filter(|_| payload.len() >= SHARED_PAYLOAD_MIN);
        if shared.is_none() {
            self.packet.extend_from_slice(payload);
        }
        (&self.packet, shared)
    }

    /// [`encode`](Self::encode) for a message in owned form.
    pub(super) fn encode_message<'a>(
        &'a mut self,
        header: PublishHeader,
        message: &'a Message,
    ) -> (&'a [u8], Option<&'a Arc<[u8]>>) {
        self.encode(header, message.as_publication(), Some(message))
    }

    /// The packet of the last [`encode`](Self::encode), which had an identifier, with another one.
    fn with_identifier(&mut self, identifier: PacketIdentifier) -> &[u8] {
        let place = self.identifier_at..self.identifier_at + 2;
        if let Some(bytes) = self.packet.get_mut(place) {
            bytes.copy_from_slice(&identifier.get().to_be_bytes());
        }
        &self.packet
    }
}

/// A publication with what is made of it at most once, and only if somebody needs it.
struct Outgoing<'a> {
    publication: Publication<'a>,
    topic: &'a Arc<str>,
    message: Option<Message>,
}

impl Outgoing<'_> {
    fn message(&mut self) -> &Message {
        let Publication { payload, qos, retain, .. } = self.publication;
        self.message.get_or_insert_with(|| Message {
            topic: Arc::clone(self.topic),
            payload: payload.into(),
            qos,
            retain,
        })
    }
}

impl Shard {
    /// Delivers a publication to the subscribers of this shard and hands it to the shards that
    /// have others. `message` is the publication in owned form, if there is one already.
    pub(super) fn route(
        &mut self,
        publication: Publication<'_>,
        message: Option<Message>,
        origin: Option<&Arc<Identity>>,
    ) {
        let hash = self.group.hash(publication.topic.as_str());
        let readers = self.policy.is_some().then_some(&self.sessions);
        let resolved = self.topics.resolve(publication.topic, hash, readers);
        let mut outgoing = Outgoing { publication, topic: &resolved.topic, message };
        let retained_version = if publication.retain {
            let version = self.group.next_retained_version();
            self.retain(outgoing.message(), version, origin.cloned());
            version
        } else {
            0
        };
        self.fan_out(&resolved.matches, &mut outgoing);
        self.forward(hash, retained_version, origin, &mut outgoing);
    }

    /// Delivers what another shard published.
    pub(super) fn route_forward(&mut self, forward: Forward) {
        let Forward { message, retained_version, origin } = forward;
        if retained_version > 0 {
            self.retain(&message, retained_version, origin);
        }
        let publication = message.as_publication();
        let hash = self.group.hash(publication.topic.as_str());
        let readers = self.policy.is_some().then_some(&self.sessions);
        let resolved = self.topics.resolve(publication.topic, hash, readers);
        let message = Some(message.clone());
        let mut outgoing = Outgoing { publication, topic: &resolved.topic, message };
        self.fan_out(&resolved.matches, &mut outgoing);
    }

    fn retain(&mut self, message: &Message, version: u64, origin: Option<Arc<Identity>>) {
        if self.topics.retained.set_from(message, version, origin).is_err() {
            self.statistics.dropped_retained_full += 1;
        }
    }

    fn fan_out(&mut self, matches: &[Match<SessionKey>], outgoing: &mut Outgoing<'_>) {
        let published = outgoing.publication.qos;
        if published == QoS::AtMostOnce {
            return self.fan_out_at_most_once(matches, |_| true, outgoing);
        }
        self.fan_out_at_most_once(matches, |found| found.qos == QoS::AtMostOnce, outgoing);
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let mut these = matches
                .iter()
                .filter(|found| found.qos.min(published) == qos)
                .map(|found| found.subscriber)
                .peekable();
            if these.peek().is_some() {
                self.fan_out_acknowledged(these, qos, outgoing.message());
            }
        }
    }

    fn fan_out_at_most_once(
        &mut self,
        matches: &[Match<SessionKey>],
        wanted: impl Fn(&Match<SessionKey>) -> bool,
        outgoing: &mut Outgoing<'_>,
    ) {
        let publication = outgoing.publication;
        if matches.is_empty() {
            return;
        }
        let large = publication.payload.len() >= SHARED_PAYLOAD_MIN;
        let message = large.then(|| outgoing.message());
        let (packet, payload) =
            self.encoder.encode(PublishHeader::AT_MOST_ONCE, publication, message);
        let pending_max = self.limits.output_bytes_max;
        let (mut delivered, mut dropped) = (0, 0);
        for found in matches.iter().filter(|&found| wanted(found)) {
            match self.links.put_for(found.subscriber, packet, payload, pending_max) {
                Put::Done => delivered += 1,
                Put::Full => dropped += 1,
                Put::Offline => {}
            }
        }
        self.statistics.deliveries += delivered;
        self.statistics.dropped_output_full += dropped;
    }

    fn fan_out_acknowledged(
        &mut self,
        subscribers: impl Iterator<Item = SessionKey>,
        qos: QoS,
        message: &Message,
    ) {
        let delivery = Some((qos, PacketIdentifier::FIRST));
        let header = PublishHeader { duplicate: false, retain: false, delivery };
        let payload = self.encoder.encode_message(header, message).1.cloned();
        let limits = self.queue_limits();
        for subscriber in subscribers {
            let delivery = Delivery { message: message.clone(), qos, retain: false };
            if let Some((key, identifier)) = self.offer(subscriber, delivery, limits) {
                let packet = self.encoder.with_identifier(identifier);
                self.links.put(key, packet, payload.as_ref());
                self.statistics.deliveries += 1;
            }
        }
    }

    fn forward(
        &mut self,
        hash: u64,
        retained_version: u64,
        origin: Option<&Arc<Identity>>,
        outgoing: &mut Outgoing<'_>,
    ) {
        let (topic, here) = (outgoing.publication.topic, self.index);
        for shard in (0..self.forwards.len()).filter(|&shard| shard != here) {
            if retained_version == 0 && !self.group.may_want(shard, topic, hash) {
                continue;
            }
            let message = outgoing.message().clone();
            self.forwards[shard].push(Forward {
                message,
                retained_version,
                origin: origin.cloned(),
            });
            self.statistics.forwarded += 1;
        }
    }
}
