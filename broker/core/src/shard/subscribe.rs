//! SUBSCRIBE and UNSUBSCRIBE, MQTT 3.8 and 3.10.

use std::num::NonZeroU32;

use foldhash::quality::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::Shard;
use super::connection::{CloseCause, ConnectionKey, Violation};
use super::event::{Client, Event};
use super::forward::{Change, Subscribing};
use crate::codec::properties::ReasonProperties;
use crate::codec::{
    ReasonCode, RetainHandling, Subscribe, SubscribeEntry, Unsubscribe, encode_suback,
    encode_suback_v5, encode_unsuback, encode_unsuback_v5,
};
use crate::features::Features;
use crate::qos::QoS;
use crate::session::SessionKey;
use crate::topic::{DeliveryOptions, SubscriptionTarget, TopicFilter};

/// SUBACKs that wait until the homes of shared subscriptions on other shards know of the member:
/// whoever has seen the SUBACK finds all subscriptions in force. Each home answers, so that none
/// stays.
pub(super) type AwaitedSubacks = HashMap<Subscribing, AwaitedSuback, FixedState>;

#[derive(Debug, Default)]
pub(super) struct AwaitedSuback {
    /// Answers that are still to come.
    homes: usize,
    suback: Vec<u8>,
}

/// What became of one Topic Filter of a SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Refused(ReasonCode),
    Granted {
        /// Whether the session had no such subscription before.
        is_new: bool,
    },
}

impl Shard {
    pub(super) fn handle_subscribe(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        subscribe: Subscribe<'_>,
    ) -> Result<(), CloseCause> {
        self.check_features(key, &subscribe)?;
        let identifier = subscribe.properties.subscription_identifier;
        let identifier = identifier.and_then(NonZeroU32::new);
        let qos_max = self.features.maximum_qos;
        let options = |entry: SubscribeEntry<'_>| entry.delivery(identifier, qos_max);
        let packet_identifier = subscribe.packet_identifier;
        let subscribing = Subscribing { connection: key, packet_identifier };
        let outcomes: Vec<_> = subscribe
            .entries()
            .map(|entry| self.subscribe(subscribing, session, entry.target, options(entry)))
            .collect();
        let suback = self.encode_suback(key, &subscribe, &outcomes);
        let away = subscribe.entries().zip(&outcomes).filter(|(entry, outcome)| {
            self.home(entry.target) != self.index && matches!(outcome, Outcome::Granted { .. })
        });
        match away.count() {
            0 => self.links.put(key, &suback, None),
            homes => {
                let awaited = self.awaited_subacks.entry(subscribing).or_default();
                awaited.homes += homes;
                awaited.suback.extend(suback);
            }
        }
        for (entry, outcome) in subscribe.entries().zip(outcomes) {
            let Outcome::Granted { is_new } = outcome else { continue };
            let wanted = match entry.options.retain_handling {
                RetainHandling::Send => true,
                RetainHandling::SendIfNew => is_new,
                RetainHandling::DoNotSend => false,
            };
            let (filter, options) = (entry.target.whole(), options(entry));
            if wanted && !entry.target.is_shared() {
                self.begin_replay(session, filter, options);
            } else {
                self.change_replay(session, filter, options);
            }
        }
        self.send_slice(session);
        Ok(())
    }

    /// The home of a shared subscription has answered; the last one lets the SUBACK go.
    pub(super) fn note_joined(&mut self, subscribing: Subscribing) {
        let Entry::Occupied(mut awaited) = self.awaited_subacks.entry(subscribing) else { return };
        awaited.get_mut().homes -= 1;
        if awaited.get().homes == 0 {
            let AwaitedSuback { suback, .. } = awaited.remove();
            if self.is_client(subscribing.connection) {
                self.links.put(subscribing.connection, &suback, None);
            }
        }
    }

    /// At MQTT 5.0, whose Clients have been told, asking for what there is not is a Protocol Error,
    /// 3.2.2.3.11 to 3.2.2.3.13.
    fn check_features(
        &self,
        key: ConnectionKey,
        subscribe: &Subscribe<'_>,
    ) -> Result<(), Violation> {
        if !self.links.protocol(key).has_properties() {
            return Ok(());
        }
        if !self.features.subscription_identifier_available
            && subscribe.properties.subscription_identifier.is_some()
        {
            return Err(Violation::SubscriptionIdentifier);
        }
        match subscribe.entries().find_map(|entry| self.features.lacks(entry.target)) {
            Some(ReasonCode::SharedSubscriptionsNotSupported) => Err(Violation::SharedSubscription),
            Some(_) => Err(Violation::WildcardSubscription),
            None => Ok(()),
        }
    }

    fn encode_suback(
        &self,
        key: ConnectionKey,
        subscribe: &Subscribe<'_>,
        outcomes: &[Outcome],
    ) -> Vec<u8> {
        let qos_max = self.features.maximum_qos;
        let reasons = subscribe.entries().zip(outcomes).map(|(entry, outcome)| match outcome {
            Outcome::Refused(reason) => *reason,
            Outcome::Granted { .. } => ReasonCode::granted(entry.options.qos.min(qos_max)),
        });
        let identifier = subscribe.packet_identifier;
        let mut suback = Vec::new();
        if self.links.protocol(key).has_properties() {
            let reasons: Vec<_> = reasons.collect();
            encode_suback_v5(identifier, &reasons, &ReasonProperties::NONE, &mut suback);
        } else {
            let granted: Vec<_> = subscribe
                .entries()
                .zip(reasons)
                .map(|(entry, reason)| {
                    (!reason.is_error()).then_some(entry.options.qos.min(qos_max))
                })
                .collect();
            encode_suback(identifier, &granted, &mut suback);
        }
        suback
    }

    fn subscribe(
        &mut self,
        subscribing: Subscribing,
        key: SessionKey,
        target: SubscriptionTarget<'_>,
        options: DeliveryOptions,
    ) -> Outcome {
        if let Some(reason) = self.features.lacks(target) {
            self.statistics.subscriptions_refused += 1;
            return Outcome::Refused(reason);
        }
        let filter = target.whole();
        let Some(session) = self.sessions.get_mut(key) else {
            return Outcome::Refused(ReasonCode::UnspecifiedError);
        };
        if self.policy.is_some() {
            let rights = session.access.as_ref().map(|access| &access.rights);
            if !rights.is_some_and(|rights| rights.may_subscribe(target.filter(), options.qos)) {
                self.statistics.subscriptions_denied += 1;
                return Outcome::Refused(ReasonCode::NotAuthorized);
            }
        }
        let is_new = !session.filters.contains(filter.as_str());
        let refused = session.filters.len() >= self.limits.subscriptions_max
            || filter.as_str().len() > self.limits.topic_bytes_max
            || filter.levels().count() > self.limits.topic_levels_max;
        if is_new && refused {
            self.statistics.subscriptions_refused += 1;
            return Outcome::Refused(ReasonCode::QuotaExceeded);
        }
        if is_new {
            session.filters.insert(filter.as_str());
        }
        if let Some(observer) = &mut self.observer {
            let connection = subscribing.connection;
            let client = Client { identifier: &session.client_identifier, connection };
            observer(&Event::Subscribed { client, filter, qos: options.qos });
        }
        if is_new {
            self.group.add_interest(self.home(target), target.filter());
        }
        if target.is_shared() {
            let change = Change::Join { options, online: true, subscribing };
            self.change_group(filter.as_str(), key, change);
        } else {
            self.topics.subscribe(filter, key, options, &self.group);
        }
        Outcome::Granted { is_new }
    }

    pub(super) fn handle_unsubscribe(
        &mut self,
        connection: ConnectionKey,
        key: SessionKey,
        unsubscribe: &Unsubscribe<'_>,
    ) {
        let mut codes = Vec::new();
        for filter in unsubscribe.entries().map(SubscriptionTarget::whole) {
            let Some(session) = self.sessions.get_mut(key) else { return };
            if !session.filters.remove(filter.as_str()) {
                codes.push(ReasonCode::NoSubscriptionExisted);
                continue;
            }
            if let Some(observer) = &mut self.observer {
                let client = Client { identifier: &session.client_identifier, connection };
                observer(&Event::Unsubscribed { client, filter });
            }
            self.drop_subscription(filter, key);
            codes.push(ReasonCode::Success);
        }
        let identifier = unsubscribe.packet_identifier;
        if self.links.protocol(connection).has_properties() {
            let mut unsuback = Vec::new();
            encode_unsuback_v5(identifier, &codes, &ReasonProperties::NONE, &mut unsuback);
            self.links.put(connection, &unsuback, None);
        } else {
            self.links.put(connection, &encode_unsuback(identifier), None);
        }
    }

    /// Takes back what [`subscribe`](Self::subscribe) did outside of the session.
    pub(super) fn drop_subscription(&mut self, filter: TopicFilter<'_>, session: SessionKey) {
        let Ok(target) = SubscriptionTarget::new_lenient(filter.as_str()) else { return };
        self.cancel_replay(session, filter);
        if target.is_shared() {
            self.change_group(filter.as_str(), session, Change::Leave);
        } else {
            self.topics.unsubscribe(filter, session, &self.group);
        }
        self.group.remove_interest(self.home(target), target.filter());
    }

    /// The shard that holds a subscription of a session of this shard.
    fn home(&self, target: SubscriptionTarget<'_>) -> usize {
        if target.is_shared() { self.group.shard_of(target.whole().as_str()) } else { self.index }
    }
}

impl SubscribeEntry<'_> {
    fn delivery(&self, identifier: Option<NonZeroU32>, qos_max: QoS) -> DeliveryOptions {
        DeliveryOptions {
            qos: self.options.qos.min(qos_max),
            no_local: self.options.no_local,
            retain_as_published: self.options.retain_as_published,
            identifier,
        }
    }
}

impl Features {
    /// Why there is no such subscription, if there is none.
    fn lacks(&self, target: SubscriptionTarget<'_>) -> Option<ReasonCode> {
        if target.is_shared() && !self.shared_subscription_available {
            Some(ReasonCode::SharedSubscriptionsNotSupported)
        } else if target.filter().as_exact().is_none() && !self.wildcard_subscription_available {
            Some(ReasonCode::WildcardSubscriptionsNotSupported)
        } else {
            None
        }
    }
}
