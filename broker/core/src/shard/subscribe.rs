//! SUBSCRIBE and UNSUBSCRIBE, MQTT 3.8 and 3.10.

use std::num::NonZeroU32;

use super::Shard;
use super::connection::{CloseCause, ConnectionKey, Violation};
use super::event::{Client, Event};
use super::forward::Change;
use crate::codec::properties::ReasonProperties;
use crate::codec::{
    ReasonCode, RetainHandling, Subscribe, SubscribeEntry, Unsubscribe, encode_suback,
    encode_suback_v5, encode_unsuback, encode_unsuback_v5,
};
use crate::features::Features;
use crate::message::Message;
use crate::qos::QoS;
use crate::session::{QueueLimits, SessionKey};
use crate::topic::{DeliveryOptions, SubscriptionTarget, TopicFilter};

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
        let outcomes: Vec<_> = subscribe
            .entries()
            .map(|entry| self.subscribe(key, session, entry.target, options(entry)))
            .collect();
        self.put_suback(key, &subscribe, &outcomes);
        for (entry, outcome) in subscribe.entries().zip(outcomes) {
            let Outcome::Granted { is_new } = outcome else { continue };
            let wanted = match entry.options.retain_handling {
                RetainHandling::Send => true,
                RetainHandling::SendIfNew => is_new,
                RetainHandling::DoNotSend => false,
            };
            if wanted && !entry.target.is_shared() {
                self.send_retained(session, entry.target.whole(), options(entry));
            }
        }
        Ok(())
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

    fn put_suback(&mut self, key: ConnectionKey, subscribe: &Subscribe<'_>, outcomes: &[Outcome]) {
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
        self.links.put(key, &suback, None);
    }

    fn subscribe(
        &mut self,
        connection: ConnectionKey,
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
            session.filters.insert(filter.as_str().into());
        }
        if let Some(observer) = &mut self.observer {
            let client = Client { identifier: &session.client_identifier, connection };
            observer(&Event::Subscribed { client, filter, qos: options.qos });
        }
        if is_new {
            self.group.add_interest(self.home(target), target.filter());
        }
        if target.is_shared() {
            self.change_group(filter.as_str(), key, Change::Join { options, online: true });
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
            if !session.filters.swap_remove(filter.as_str()) {
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

    /// Sends the retained messages that a new subscription matches, [MQTT-3.3.1-6]. The queue has
    /// room for them beyond its limit: they must come all, and share their bytes with the store.
    fn send_retained(
        &mut self,
        session: SessionKey,
        filter: TopicFilter<'_>,
        options: DeliveryOptions,
    ) {
        let now = self.now;
        let mut found: Vec<Message> = Vec::new();
        let reader = self.policy.as_ref().map(|_| self.sessions.get(session));
        let may = |message: &Message| match reader {
            Some(session) => session.is_some_and(|session| session.may_receive(message.topic())),
            None => true,
        };
        self.topics.retained.matches(filter, |message| {
            if !message.is_expired(now) && may(message) {
                found.push(message.clone());
            }
        });
        let limits = self.queue_limits(self.links.online(session));
        let identifiers = found.len() * size_of::<u32>();
        let limits = QueueLimits {
            messages_max: limits.messages_max.saturating_add(found.len()),
            bytes_max: limits.bytes_max.saturating_add(self.topics.retained.bytes() + identifiers),
            ..limits
        };
        for message in found {
            self.deliver_retained(session, &message, options, limits);
        }
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
