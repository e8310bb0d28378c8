//! From a publication to everybody who wants it.

use std::rc::Rc;
use std::sync::Arc;

use super::Shard;
use super::delivery::Form;
use super::group::ShardGroup;
use super::output::SHARED_PAYLOAD_MIN;
use super::shared::{GroupChange, Groups};
use crate::access::Identity;
use crate::limits::Limits;
use crate::message::{Message, Publication};
use crate::session::SessionKey;
use crate::topic::cache::{MatchCache, Resolved};
use crate::topic::{
    DeliveryOptions, Matches, Retained, RetainedLimit, SubscriptionTree, TopicFilter, TopicName,
};

/// What one shard sends to another, in order.
#[derive(Clone, Debug)]
pub struct Forward(pub(super) Forwarded);

#[derive(Clone, Debug)]
pub(super) enum Forwarded {
    /// For the subscribers there.
    Publication {
        message: Message,
        /// Settles which of two retained messages is the last; 0 when it is not retained.
        retained_version: u64,
        /// Who answers for it when it is retained, under a policy.
        origin: Option<Arc<Identity>>,
    },
    /// For one member of a shared subscription, picked by the group's home.
    Member { session: SessionKey, options: DeliveryOptions, message: Message },
    /// To the home of a shared subscription.
    Group(GroupChange),
}

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

/// A publication with what is made of it at most once, and only if somebody needs it.
pub(super) struct Outgoing<'a> {
    pub(super) publication: Publication<'a>,
    topic: &'a Arc<str>,
    message: Option<Message>,
    /// Who published it, if that was a Client of this shard.
    publisher: Option<SessionKey>,
}

impl<'a> Outgoing<'a> {
    /// A message that is there in owned form, published by nobody here.
    pub(super) fn of(message: &'a Message) -> Self {
        Self {
            publication: message.as_publication(),
            topic: &message.topic,
            message: Some(message.clone()),
            publisher: None,
        }
    }

    pub(super) fn message(&mut self) -> &Message {
        let Publication { payload, properties, expires, qos, retain, .. } = self.publication;
        self.message.get_or_insert_with(|| Message {
            topic: Arc::clone(self.topic),
            payload: payload.into(),
            properties: (!properties.is_empty()).then(|| properties.into()),
            expires,
            qos,
            retain,
        })
    }

    /// Makes the owned form when the payload is to be shared between outputs.
    pub(super) fn share_large_payload(&mut self) {
        if self.publication.payload.len() >= SHARED_PAYLOAD_MIN {
            self.message();
        }
    }

    /// The payload when it is to be shared rather than copied.
    pub(super) fn shared_payload(&self) -> Option<&Arc<[u8]>> {
        self.message.as_ref().and_then(Message::shared_payload)
    }
}

/// Where a publication comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    /// The session of this shard whose Client published it.
    pub(super) publisher: Option<SessionKey>,
    /// Who answers for it when it is retained, under a policy.
    pub(super) origin: Option<&'a Arc<Identity>>,
}

/// Whether anybody gets a publication, as far as this shard knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Routed {
    Somewhere,
    Nowhere,
}

impl Shard {
    /// Delivers a publication to the subscribers of this shard and hands it to the shards that
    /// have others. `message` is the publication in owned form, if there is one already.
    pub(super) fn route(
        &mut self,
        publication: Publication<'_>,
        message: Option<Message>,
        source: Source<'_>,
    ) -> Routed {
        let hash = self.group.hash(publication.topic.as_str());
        let Source { publisher, origin } = source;
        let resolved = self.resolve(hash, publication.topic);
        let mut outgoing = Outgoing { publication, topic: &resolved.topic, message, publisher };
        let retained_version = if publication.retain {
            let version = self.group.next_retained_version();
            self.retain(outgoing.message(), version, origin.cloned());
            version
        } else {
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
            Forwarded::Publication { message, retained_version, origin } => {
                if retained_version > 0 {
                    self.retain(&message, retained_version, origin);
                }
                self.route_forwarded(&message);
            }
            Forwarded::Member { session, options, message } => {
                self.encoder.begin();
                self.deliver_shared(session, options, &mut Outgoing::of(&message));
            }
        }
    }

    fn route_forwarded(&mut self, message: &Message) {
        let publication = message.as_publication();
        let hash = self.group.hash(&message.topic);
        let resolved = self.resolve(hash, publication.topic);
        let (topic, message) = (&resolved.topic, Some(message.clone()));
        let mut outgoing = Outgoing { publication, topic, message, publisher: None };
        self.fan_out(&resolved.matches, &mut outgoing);
        self.fan_out_shared(hash, &mut outgoing);
    }

    /// Who gets a publication to `topic`; under a policy only those that may, which the cache then
    /// remembers with the rest.
    fn resolve(&mut self, hash: u64, topic: TopicName<'_>) -> Rc<Resolved<SessionKey>> {
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
        for found in matches.iter().filter(|found| found.is_for(publisher)) {
            let form = Form {
                qos: found.qos.min(qos),
                retain: found.retain_as_published && retain,
                identifiers: matches.identifiers(found),
            };
            self.deliver(found.subscriber, form, outgoing);
        }
    }

    fn forward(
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
            let message = outgoing.message().clone();
            let origin = origin.cloned();
            let forward = Forwarded::Publication { message, retained_version, origin };
            self.forwards[shard].push(Forward(forward));
            self.statistics.forwarded += 1;
            forwarded |= wanted;
        }
        forwarded
    }
}
