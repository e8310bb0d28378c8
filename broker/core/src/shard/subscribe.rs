//! SUBSCRIBE and UNSUBSCRIBE, MQTT 3.8 and 3.10.

use super::Shard;
use super::connection::ConnectionKey;
use super::event::{Client, Event};
use super::links::Put;
use crate::codec::{PublishHeader, Subscribe, Unsubscribe, encode_suback, encode_unsuback};
use crate::message::Message;
use crate::qos::QoS;
use crate::session::{Delivery, QueueLimits, SessionKey};
use crate::topic::TopicFilter;

impl Shard {
    pub(super) fn handle_subscribe(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        subscribe: Subscribe<'_>,
    ) {
        let granted: Vec<_> = subscribe
            .entries()
            .map(|(filter, qos)| self.subscribe(key, session, filter, qos).then_some(qos))
            .collect();
        let mut suback = Vec::with_capacity(5 + granted.len());
        encode_suback(subscribe.packet_identifier, &granted, &mut suback);
        self.links.put(key, &suback, None);
        for ((filter, qos), _) in
            subscribe.entries().zip(&granted).filter(|(_, granted)| granted.is_some())
        {
            self.send_retained(session, filter, qos);
        }
    }

    /// False when the Client may not, when the session has too many subscriptions, or when the
    /// filter has too many levels or bytes.
    fn subscribe(
        &mut self,
        connection: ConnectionKey,
        key: SessionKey,
        filter: TopicFilter<'_>,
        qos: QoS,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(key) else {
            return false;
        };
        if self.policy.is_some() {
            let rights = session.access.as_ref().map(|access| &access.rights);
            if !rights.is_some_and(|rights| rights.may_subscribe(filter, qos)) {
                self.statistics.subscriptions_denied += 1;
                return false;
            }
        }
        let known = session.filters.contains(filter.as_str());
        let too_many = session.filters.len() >= self.limits.subscriptions_max
            || filter.as_str().len() > self.limits.topic_bytes_max
            || filter.levels().count() > self.limits.topic_levels_max;
        if !known && too_many {
            self.statistics.subscriptions_refused += 1;
            return false;
        }
        if !known {
            session.filters.insert(filter.as_str().into());
            self.group.add_interest(self.index, filter);
        }
        self.topics.subscribe(filter, key, qos, &self.group);
        if let Some(observer) = &mut self.observer {
            let client = Client { identifier: &session.client_identifier, connection };
            observer(&Event::Subscribed { client, filter, qos });
        }
        true
    }

    pub(super) fn handle_unsubscribe(
        &mut self,
        connection: ConnectionKey,
        key: SessionKey,
        unsubscribe: Unsubscribe<'_>,
    ) {
        for filter in unsubscribe.entries() {
            let Some(session) = self.sessions.get_mut(key) else {
                return;
            };
            if !session.filters.swap_remove(filter.as_str()) {
                continue;
            }
            if let Some(observer) = &mut self.observer {
                let client = Client { identifier: &session.client_identifier, connection };
                observer(&Event::Unsubscribed { client, filter });
            }
            self.drop_subscription(filter, key);
        }
        self.links.put(connection, &encode_unsuback(unsubscribe.packet_identifier), None);
    }

    pub(super) fn drop_subscription(&mut self, filter: TopicFilter<'_>, session: SessionKey) {
        self.topics.unsubscribe(filter, session, &self.group);
        self.group.remove_interest(self.index, filter);
    }

    /// Sends the retained messages that a new subscription matches, [MQTT-3.3.1-6]. The queue has
    /// room for them beyond its limit: they must come all, and share their bytes with the store.
    fn send_retained(&mut self, session: SessionKey, filter: TopicFilter<'_>, granted: QoS) {
        let mut found: Vec<Message> = Vec::new();
        let reader = self.policy.as_ref().map(|_| self.sessions.get(session));
        let may = |message: &Message| match reader {
            Some(session) => session.is_some_and(|session| session.may_receive(message.topic())),
            None => true,
        };
        self.topics.retained.matches(filter, |message| {
            if may(message) {
                found.push(message.clone());
            }
        });
        let limits = self.queue_limits();
        let limits = QueueLimits {
            messages_max: limits.messages_max.saturating_add(found.len()),
            bytes_max: limits.bytes_max.saturating_add(self.topics.retained.bytes()),
            ..limits
        };
        for message in found {
            let qos = message.qos.min(granted);
            if qos == QoS::AtMostOnce {
                self.send_retained_at_most_once(session, &message);
            } else {
                self.deliver(session, Delivery { message, qos, retain: true }, limits);
            }
        }
    }

    fn send_retained_at_most_once(&mut self, session: SessionKey, message: &Message) {
        let header = PublishHeader { retain: true, ..PublishHeader::AT_MOST_ONCE };
        let (packet, payload) = self.encoder.encode_message(header, message);
        match self.links.put_for(session, packet, payload, self.limits.output_bytes_max) {
            Put::Done => self.statistics.deliveries += 1,
            Put::Full => self.statistics.dropped_output_full += 1,
            Put::Offline => {}
        }
    }
}
