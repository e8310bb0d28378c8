//! From a publication to everybody who wants it.

use std::rc::Rc;
use std::sync::Arc;

use super::Shard;
use super::event::EventKinds;
use super::forward::{Forward, Forwarded};
use super::group::ShardGroup;
use super::outgoing::{Form, Outgoing};
use super::shared::Groups;
use crate::access::Identity;
use crate::limits::Limits;
use crate::message::{Message, Publication};
use crate::payload::Packet;
use crate::qos::QoS;
use crate::session::SessionKey;
use crate::topic::cache::{MatchCache, Resolved};
use crate::topic::{
    DeliveryOptions, Match, Matches, Retained, RetainedLimit, SubscriptionTree, TopicFilter,
    TopicName,
};

/// What a shard knows by topic.
#[derive(Debug)]
pub(super) struct Topics {
    pub(super) subscriptions: SubscriptionTree<SessionKey>,
    pub(super) groups: Groups,
    pub(super) retained: Retained,
    cache: MatchCache<SessionKey>,
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
            groups: Groups::new(seed),
            retained: Retained::new(seed, limit),
            cache: MatchCache::new(),
        }
    }

    /// Subscriptions that this shard holds, those to its groups included.
    pub(super) fn len(&self) -> usize {
        self.subscriptions.len() + self.groups.subscriptions()
    }

    pub(super) fn subscribe(
        &mut self,
        filter: TopicFilter<'_>,
        session: SessionKey,
        options: DeliveryOptions,
        group: &ShardGroup,
    ) {
        self.subscriptions.insert(filter, session, options);
        self.cache.invalidate(filter, |topic| group.hash(topic));
    }

    /// Forgets who gets what, for the case that rights have changed.
    pub(super) fn forget_matches(&mut self) {
        self.cache.clear();
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
}

/// Where a publication comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    /// The session of this shard whose Client published it.
    pub(super) publisher: Option<SessionKey>,
    /// Who answers for it when it is retained, under a policy.
    pub(super) origin: Option<&'a Arc<Identity>>,
    /// The packet that brought it, if that has a buffer of its own.
    pub(super) packet: Option<&'a Arc<Packet>>,
    /// The publication in owned form, if nobody's Client published it.
    pub(super) owned: Option<&'a Message>,
}

/// Whether anybody gets a publication, as far as this shard knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Routed {
    Somewhere,
    Nowhere,
}

impl Shard {
    /// Delivers a publication to the subscribers of this shard and hands it to the shards that
    /// have others.
    pub(super) fn route(&mut self, publication: Publication<'_>, source: Source<'_>) -> Routed {
        let hash = self.group.hash(publication.topic.as_bytes());
        let Source { publisher, origin, packet, owned } = source;
        let resolved = self.resolve(hash, publication.topic);
        let topic = &resolved.topic;
        let mut outgoing = match owned {
            Some(message) => Outgoing::of(message),
            None => Outgoing::new(publication, topic, packet, publisher),
        };
        let retained_version = if publication.retain {
            let version = self.group.next_retained_version();
            self.retain(outgoing.message(), version, origin.cloned());
            version
        } else {
            self.send_retained_first(publication.topic);
            0
        };
        self.fan_out(&resolved.matches, &mut outgoing);
        let shared = self.fan_out_shared(hash, &mut outgoing);
        let forwarded = self.forward(hash, retained_version, origin, &mut outgoing);
        if shared || forwarded || !resolved.matches.is_empty() {
            Routed::Somewhere
        } else {
            Routed::Nowhere
        }
    }

    /// Takes in what another shard sent.
    pub(super) fn handle_forwarded(&mut self, forwarded: Forwarded) {
        match forwarded {
            Forwarded::Group(change) => self.apply_group_change(&change),
            Forwarded::Joined(subscribing) => self.note_joined(subscribing),
            Forwarded::Publication { message, retained_version, origin } => {
                if retained_version > 0 {
                    self.retain(&message, retained_version, origin);
                }
                self.route_forwarded(&message);
            }
            Forwarded::Member { session, options, message } => {
                self.deliver_to_member(session, options, &message);
            }
        }
    }

    fn route_forwarded(&mut self, message: &Message) {
        let publication = message.as_publication();
        let hash = self.group.hash(&*message.topic);
        if !message.retain {
            self.send_retained_first(publication.topic);
        }
        let resolved = self.resolve(hash, publication.topic);
        let mut outgoing = Outgoing::of(message);
        self.fan_out(&resolved.matches, &mut outgoing);
        self.fan_out_shared(hash, &mut outgoing);
    }

    /// Who gets a publication to `topic`; under a policy only those that may, which the cache then
    /// remembers with the rest.
    pub(super) fn resolve(&mut self, hash: u64, topic: TopicName<'_>) -> Rc<Resolved<SessionKey>> {
        #[cfg(feature = "slow-down")]
        crate::slow_down::route();
        let Self { topics, sessions, policy, .. } = self;
        let Topics { cache, subscriptions, .. } = topics;
        let readers = policy.as_ref().map(|_| &*sessions);
        cache.resolve(hash, topic, subscriptions, |found| match readers {
            None => true,
            Some(sessions) => {
                sessions.get(found.subscriber).is_some_and(|session| session.may_receive(topic))
            }
        })
    }

    fn retain(&mut self, message: &Message, version: u64, origin: Option<Arc<Identity>>) {
        if self.topics.retained.set_from(message, version, origin).is_err() {
            self.statistics.dropped_retained_full += 1;
        }
    }

    fn fan_out(&mut self, matches: &Matches<SessionKey>, outgoing: &mut Outgoing<'_>) {
        if matches.is_empty() {
            return;
        }
        let publisher = outgoing.publisher;
        let Publication { qos, retain, .. } = outgoing.publication;
        self.encoder.begin();
        outgoing.share_large_payload();
        let form_for = |found: &Match<SessionKey>| Form {
            qos: found.qos.min(qos),
            retain: found.retain_as_published && retain,
            identifiers: matches.identifiers(found),
        };
        let wanted = matches.iter().filter(|found| found.is_for(publisher));
        if self.tells(EventKinds::DELIVERED) {
            for found in wanted {
                self.deliver_alone(found.subscriber, form_for(found), outgoing);
            }
            return;
        }
        let before = self.statistics.deliveries;
        for found in wanted {
            #[cfg(feature = "slow-down")]
            crate::slow_down::delivery();
            let form = form_for(found);
            let subscriber = found.subscriber;
            if !form.identifiers.is_empty() {
                self.deliver(subscriber, form, outgoing);
            } else if form.qos == QoS::AtMostOnce {
                self.deliver_common(subscriber, form.retain, outgoing);
            } else {
                self.deliver_acknowledged(subscriber, form.qos, form.retain, outgoing);
            }
        }
        let delivered = self.statistics.deliveries - before;
        self.statistics.payload_bytes_sent += delivered * outgoing.publication.payload.len() as u64;
    }

    /// Hands a publication to the shards that want it; whether there are any.
    #[inline]
    pub(super) fn forward(
        &mut self,
        hash: u64,
        retained_version: u64,
        origin: Option<&Arc<Identity>>,
        outgoing: &mut Outgoing<'_>,
    ) -> bool {
        self.forwards.len() > 1 && self.forward_to_others(hash, retained_version, origin, outgoing)
    }

    #[inline(never)]
    fn forward_to_others(
        &mut self,
        hash: u64,
        retained_version: u64,
        origin: Option<&Arc<Identity>>,
        outgoing: &mut Outgoing<'_>,
    ) -> bool {
        let (topic, here) = (outgoing.publication.topic, self.index);
        let mut forwarded = false;
        for shard in (0..self.forwards.len()).filter(|&shard| shard != here) {
            let wanted = self.group.may_want(shard, topic, hash);
            if !wanted && retained_version == 0 {
                continue;
            }
            let message = outgoing.shared();
            let origin = origin.cloned();
            let forward = Forwarded::Publication { message, retained_version, origin };
            self.forwards[shard].push(Forward(forward));
            self.statistics.forwarded += 1;
            forwarded |= wanted;
        }
        forwarded
    }
}
