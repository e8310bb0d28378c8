//! PUBLISH of a Client and the acknowledgements of both directions, MQTT 3.3 to 3.7 and 4.3.

use std::sync::Arc;

use super::Shard;
use super::connection::{CloseCause, ConnectionKey, Violation};
use super::event::EventKinds;
use super::route::{Routed, Source};
use crate::codec::properties::ReasonProperties;
use crate::codec::{
    Acknowledgement, PUBACK_BYTES, PacketIdentifier, PacketType, Publish, ReasonCode,
    encode_acknowledgement, encode_puback, encode_pubcomp, encode_pubrec, encode_pubrel,
    split_puback,
};
use crate::message::Publication;
use crate::payload::Packet;
use crate::qos::QoS;
use crate::session::SessionKey;
use crate::topic::TopicName;

impl Shard {
    /// Passes a publication on and acknowledges it, MQTT 4.3. `packet` is what it came in, if that
    /// has a buffer of its own.
    pub(super) fn handle_publish(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        publish: &Publish<'_>,
        packet: Option<&Arc<Packet>>,
    ) -> Result<(), CloseCause> {
        self.statistics.publications_received += 1;
        self.statistics.payload_bytes_received += publish.payload.len() as u64;
        self.check_publication(publish)?;
        let alias = match publish.properties.topic_alias() {
            None => None,
            Some(alias) => Some(self.resolve_alias(key, alias, publish.topic)?),
        };
        let topic = match (publish.topic, &alias) {
            (Some(topic), _) => topic,
            (None, Some(topic)) => TopicName::new_unchecked(topic),
            (None, None) => return Err(Violation::TopicAliasUnknown(0).into()),
        };
        self.check_topic(topic)?;
        if let (QoS::ExactlyOnce, Some(identifier)) = (publish.qos(), publish.packet_identifier)
            && !self.receive_exactly_once(key, session, identifier)?
        {
            self.statistics.duplicates_received += 1;
            self.put_acknowledgement(key, PacketType::Pubrec, identifier, ReasonCode::Success);
            return Ok(());
        }
        if !self.may_publish(session, topic, publish.qos(), publish.retain()) {
            self.deny(key, session, publish, ReasonCode::NotAuthorized);
            return Ok(());
        }
        if self.features.check_payload_format
            && let Err(error) = publish.check_payload_format()
        {
            self.statistics.payloads_invalid += 1;
            if publish.qos() == QoS::AtMostOnce {
                return Err(error.into());
            }
            self.deny(key, session, publish, error.reason_code());
            return Ok(());
        }
        let routed = self.pass_on(key, session, topic, publish, packet);
        let reason = match routed {
            Routed::Somewhere => ReasonCode::Success,
            Routed::Nowhere => ReasonCode::NoMatchingSubscribers,
        };
        self.acknowledge(key, publish, reason);
        Ok(())
    }

    /// Acknowledges what is not passed on all the same, [MQTT-3.3.5-2]; at 5.0 with the reason,
    /// which ends an exchange of QoS 2.
    fn deny(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        publish: &Publish<'_>,
        reason: ReasonCode,
    ) {
        if let (Some(identifier), true) =
            (publish.packet_identifier, self.links.protocol(key).has_properties())
            && let Some(session) = self.sessions.get_mut(session)
            && session.inbound.release(identifier)
            && let Some(connection) = self.links.get_mut(key)
        {
            connection.receiving = connection.receiving.saturating_sub(1);
        }
        self.acknowledge(key, publish, reason);
    }

    /// Refuses what this Server does not have.
    pub(super) fn check_publication(&self, publish: &Publish<'_>) -> Result<(), Violation> {
        if publish.qos() > self.features.maximum_qos {
            Err(Violation::QoSNotSupported(publish.qos()))
        } else if publish.retain() && !self.features.retain_available {
            Err(Violation::RetainNotSupported)
        } else {
            Ok(())
        }
    }

    pub(super) fn check_topic(&self, topic: TopicName<'_>) -> Result<(), Violation> {
        let (bytes, bytes_max) = (topic.as_bytes().len(), self.limits.topic_bytes_max);
        if bytes <= bytes_max { Ok(()) } else { Err(Violation::TopicTooLong { bytes, bytes_max }) }
    }

    fn acknowledge(&mut self, key: ConnectionKey, publish: &Publish<'_>, reason: ReasonCode) {
        let packet = match publish.qos() {
            QoS::ExactlyOnce => PacketType::Pubrec,
            QoS::AtMostOnce | QoS::AtLeastOnce => PacketType::Puback,
        };
        if let Some(identifier) = publish.packet_identifier {
            self.put_acknowledgement(key, packet, identifier, reason);
        }
    }

    fn pass_on(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        topic: TopicName<'_>,
        publish: &Publish<'_>,
        packet: Option<&Arc<Packet>>,
    ) -> Routed {
        let forwarded = publish.properties.forwarded();
        let copied;
        let properties = if let Some(slice) = forwarded.as_slice() {
            slice
        } else {
            copied = forwarded.to_vec();
            &copied
        };
        let expiry = publish.properties.message_expiry_interval_seconds();
        let expiry = expiry.map(|s| self.now + std::time::Duration::from_secs(u64::from(s)));
        let publication = Publication {
            topic,
            payload: publish.payload,
            properties,
            expires: expiry,
            qos: publish.qos(),
            retain: publish.retain(),
        };
        let origin = if publish.retain() { self.origin(session) } else { None };
        let (publisher, origin) = (Some(session), origin.as_ref());
        let source = Source { publisher, origin, packet, owned: None };
        let routed = self.route(publication, source);
        self.emit_published(publication, Some(key));
        routed
    }

    /// False when the publication came before and must not be passed on again.
    fn receive_exactly_once(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        identifier: PacketIdentifier,
    ) -> Result<bool, Violation> {
        let receive_maximum = self.limits.receive_maximum;
        let Some(session) = self.sessions.get_mut(session) else { return Ok(false) };
        let Some(connection) = self.links.get_mut(key) else { return Ok(false) };
        if !session.inbound.receive(identifier) {
            return Ok(false);
        }
        if connection.receiving >= receive_maximum {
            // It is not taken: sent again on another Network Connection, it is to be.
            session.inbound.release(identifier);
            return Err(Violation::ReceiveMaximum(receive_maximum));
        }
        connection.receiving += 1;
        Ok(true)
    }

    /// The topic that an alias stands for, from now on `topic` if there is one, MQTT 5.0
    /// 3.3.2.3.4.
    fn resolve_alias(
        &mut self,
        key: ConnectionKey,
        alias: u16,
        topic: Option<TopicName<'_>>,
    ) -> Result<Arc<str>, Violation> {
        if alias > self.limits.topic_alias_max {
            return Err(Violation::TopicAliasTooHigh(alias));
        }
        let unknown = Violation::TopicAliasUnknown(alias);
        let connection = self.links.get_mut(key).ok_or(unknown)?;
        let aliases = connection.rare_mut().inbound_aliases.get_or_insert_default();
        if let Some(topic) = topic {
            aliases.set(alias, topic);
        }
        aliases.get(alias).ok_or(unknown)
    }

    /// PUBACK, PUBREC, PUBREL or PUBCOMP of the Client.
    pub(super) fn handle_acknowledgement(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        packet: PacketType,
        acknowledgement: &Acknowledgement<'_>,
    ) {
        let identifier = acknowledgement.packet_identifier;
        if self.tells(EventKinds::ACKNOWLEDGED) {
            self.emit_acknowledged(key, session, packet, acknowledgement);
        }
        match packet {
            PacketType::Pubrel => {
                let known = self.apply(session, |session| session.inbound.release(identifier));
                if let Some(connection) = self.links.get_mut(key) {
                    // One of an earlier Network Connection counts as well, and no further than zero,
                    // as in the quota of the Client, MQTT 5.0 section 4.9.
                    connection.receiving = connection.receiving.saturating_sub(1);
                }
                // In any case, [MQTT-4.3.3-2]: the Client may have kept what this session lost.
                self.put_acknowledgement(key, PacketType::Pubcomp, identifier, found(known));
            }
            PacketType::Pubrec if acknowledgement.reason.is_error() => {
                self.settle(key, session, |session| session.outbound.refuse(identifier));
            }
            PacketType::Pubrec => {
                let known = self.apply(session, |session| session.outbound.receive(identifier));
                self.put_acknowledgement(key, PacketType::Pubrel, identifier, found(known));
            }
            PacketType::Pubcomp => {
                self.settle(key, session, |session| session.outbound.finish(identifier));
            }
            _ => self.settle(key, session, |session| session.outbound.acknowledge(identifier)),
        }
    }

    /// PUBACK packets that follow each other at the front of `bytes`, as a Client sends them that got
    /// many messages in one read; returns what is behind them. `None` when each is to be looked at.
    pub(super) fn handle_pubacks<'a>(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        mut bytes: &'a [u8],
    ) -> Option<&'a [u8]> {
        if self.tells(EventKinds::ACKNOWLEDGED) || self.limits.packet_bytes_max < PUBACK_BYTES {
            return None;
        }
        let state = self.sessions.get_mut(session)?;
        let before = state.outbound.inflight();
        let (mut count, mut known) = (0, 0);
        while let Some((identifier, rest)) = split_puback(bytes) {
            count += 1;
            known += u64::from(state.outbound.acknowledge(identifier));
            bytes = rest;
        }
        self.held.inflight -= before - state.outbound.inflight();
        self.statistics.packets_received += count;
        self.statistics.acknowledgements_unknown += count - known;
        self.go_on_sending(key, session);
        Some(bytes)
    }

    /// Appends an acknowledgement; its Reason Code is said at 5.0 alone.
    pub(super) fn put_acknowledgement(
        &mut self,
        key: ConnectionKey,
        packet: PacketType,
        packet_identifier: PacketIdentifier,
        reason: ReasonCode,
    ) {
        if reason != ReasonCode::Success && self.links.protocol(key).has_properties() {
            let properties = ReasonProperties::NONE;
            let acknowledgement = Acknowledgement { packet_identifier, reason, properties };
            let mut bytes = Vec::with_capacity(5);
            encode_acknowledgement(packet, &acknowledgement, &mut bytes);
            return self.links.put(key, &bytes, None);
        }
        let bytes = match packet {
            PacketType::Pubrec => encode_pubrec(packet_identifier),
            PacketType::Pubrel => encode_pubrel(packet_identifier),
            PacketType::Pubcomp => encode_pubcomp(packet_identifier),
            _ => encode_puback(packet_identifier),
        };
        self.links.put(key, &bytes, None);
    }
}

/// What a PUBREL or PUBCOMP says, MQTT 5.0 3.6.2.1 and 3.7.2.1.
const fn found(known: bool) -> ReasonCode {
    if known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound }
}
