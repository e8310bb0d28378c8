//! SUBSCRIBE and UNSUBSCRIBE, MQTT 3.8 and 3.10.

use super::Shard;
use super::connection::ConnectionKey;
use super::event::{Client, Event};
use super::shared::Change;
use crate::codec::{
    ReasonCode, RetainHandling, Subscribe, Unsubscribe, encode_suback, encode_unsuback,
};
use crate::message::Message;
use crate::session::SessionKey;
use crate::topic::{SharedFilter, SubscriptionOptions, TopicFilter};

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
    ) {
        let identifier = subscribe.subscription_identifier;
        let outcomes: Vec<_> = subscribe
            .entries()
            .map(|entry| self.subscribe(key, session, entry.filter, entry.options(identifier)))
            .collect();
        let codes = subscribe.entries().zip(&outcomes).map(|(entry, outcome)| match outcome {
            Outcome::Refused(code) => *code,
            Outcome::Granted { .. } => ReasonCode::granted(entry.qos),
        });
        let mut suback = Vec::new();
        let protocol = self.links.protocol(key);
        let codes: Vec<_> = codes.collect();
        encode_suback(protocol, subscribe.packet_identifier, &codes, &mut suback);
        self.links.put(key, &suback, None);
        for (entry, outcome) in subscribe.entries().zip(outcomes) {
            let Outcome::Granted { is_new } = outcome else { continue };
            let wanted = match entry.retain_handling {
                RetainHandling::SendAtSubscribe => true,
                RetainHandling::SendIfNew => is_new,
                RetainHandling::DoNotSend => false,
            };
            if wanted && SharedFilter::parse(entry.filter.as_str()).is_none() {
                self.send_retained(session, entry.filter, entry.options(identifier));
            }
        }
    }

    fn subscribe(
        &mut self,
        connection: ConnectionKey,
        key: SessionKey,
        filter: TopicFilter<'_>,
        options: SubscriptionOptions,
    ) -> Outcome {
        let shared = match SharedFilter::parse(filter.as_str()) {
            Some(Err(_)) => return Outcome::Refused(ReasonCode::TopicFilterInvalid),
            Some(Ok(shared)) => Some(shared),
            None => None,
        };
        let Some(session) = self.sessions.get_mut(key) else {
            return Outcome::Refused(ReasonCode::UnspecifiedError);
        };
        let is_new = !session.filters.contains(filter.as_str());
        if is_new && session.filters.len() >= self.limits.subscriptions_max {
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
        let home = shared.map_or(self.index, |_| self.group.shard_of(filter.as_str()));
        if is_new {
            let matched = shared.map_or(filter, |shared| shared.filter);
            self.group.add_interest(home, matched);
        }
        if shared.is_some() {
            let join = Change::Join { options, online: true };
            self.change_group(filter.as_str(), key, join);
        } else {
            self.topics.subscribe(filter, key, options, &self.group);
        }
        Outcome::Granted { is_new }
    }

    pub(super) fn handle_unsubscribe(
        &mut self,
        connection: ConnectionKey,
        key: SessionKey,
        unsubscribe: Unsubscribe<'_>,
    ) {
        let mut codes = Vec::new();
        for filter in unsubscribe.entries() {
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
        let mut unsuback = Vec::new();
        let protocol = self.links.protocol(connection);
        encode_unsuback(protocol, unsubscribe.packet_identifier, &codes, &mut unsuback);
        self.links.put(connection, &unsuback, None);
    }

    /// Takes back what [`subscribe`](Self::subscribe) did outside of the session.
    pub(super) fn drop_subscription(&mut self, filter: TopicFilter<'_>, session: SessionKey) {
        if let Some(Ok(shared)) = SharedFilter::parse(filter.as_str()) {
            let home = self.group.shard_of(filter.as_str());
            self.change_group(filter.as_str(), session, Change::Leave);
            self.group.remove_interest(home, shared.filter);
        } else {
            self.topics.unsubscribe(filter, session, &self.group);
            self.group.remove_interest(self.index, filter);
        }
    }

    /// Sends the retained messages that a new subscription matches, [MQTT-3.3.1-6].
    fn send_retained(
        &mut self,
        session: SessionKey,
        filter: TopicFilter<'_>,
        options: SubscriptionOptions,
    ) {
        let now = self.now;
        let mut found: Vec<Message> = Vec::new();
        self.topics.retained.matches(filter, |message| {
            if !message.is_expired(now) {
                found.push(message.clone());
            }
        });
        for message in found {
            self.deliver_retained(session, &message, options);
        }
    }
}
