//! From received bytes to handled packets.

use super::Shard;
use super::connection::{CloseCause, ConnectionKey, Phase, Violation};
use crate::codec::{
    DecodeError, FixedHeader, Frame, PINGRESP, PacketType, Publish, Subscribe, Unsubscribe,
    decode_acknowledgement, encode_puback, encode_pubrec, split,
};
use crate::qos::QoS;
use crate::session::SessionKey;
use crate::time::Time;
use crate::topic::TopicName;

impl Shard {
    /// Handles what was received on a connection, packet by packet. Bytes of a packet that is not
    /// all there yet are kept.
    pub fn handle_bytes(&mut self, now: Time, key: ConnectionKey, bytes: &[u8]) {
        let Some(connection) = self.links.get_mut(key) else {
            return;
        };
        if connection.phase == Phase::Closed {
            return;
        }
        connection.last_received = now;
        self.statistics.bytes_received += bytes.len() as u64;
        let partial = std::mem::take(&mut connection.partial);
        let handled = if partial.is_empty() {
            self.handle_packets(now, key, bytes)
        } else {
            self.handle_continuation(now, key, partial, bytes)
        };
        if let Err(cause) = handled {
            self.close(key, cause);
        }
    }

    /// Completes the packet that began in `partial`, then goes on with the rest of `bytes`.
    fn handle_continuation(
        &mut self,
        now: Time,
        key: ConnectionKey,
        mut partial: Vec<u8>,
        mut bytes: &[u8],
    ) -> Result<(), CloseCause> {
        let size_max = self.packet_bytes_max(key);
        loop {
            let header = FixedHeader::decode(&partial, size_max)?;
            let missing = header.map_or(1, |header| header.size() - partial.len());
            if missing == 0 {
                break;
            }
            let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
            if taken.is_empty() {
                self.keep(key, partial);
                return Ok(());
            }
            partial.extend_from_slice(taken);
            bytes = rest;
        }
        if let Some((frame, _)) = split(&partial, size_max)? {
            self.handle_packet(now, key, frame)?;
        }
        self.handle_packets(now, key, bytes)
    }

    fn handle_packets(
        &mut self,
        now: Time,
        key: ConnectionKey,
        mut bytes: &[u8],
    ) -> Result<(), CloseCause> {
        while let Some((frame, rest)) = split(bytes, self.packet_bytes_max(key))? {
            self.handle_packet(now, key, frame)?;
            bytes = rest;
        }
        if !bytes.is_empty() {
            self.keep(key, bytes.to_vec());
        }
        Ok(())
    }

    fn keep(&mut self, key: ConnectionKey, partial: Vec<u8>) {
        if let Some(connection) = self.links.get_mut(key) {
            connection.partial = partial;
        }
    }

    /// A stranger may send less than a Client.
    fn packet_bytes_max(&self, key: ConnectionKey) -> usize {
        match self.links.phase(key) {
            Phase::Connected(_) => self.limits.packet_bytes_max,
            Phase::AwaitingConnect | Phase::Closed => self.limits.connect_packet_bytes_max,
        }
    }

    fn handle_packet(
        &mut self,
        now: Time,
        key: ConnectionKey,
        frame: Frame<'_>,
    ) -> Result<(), CloseCause> {
        self.statistics.packets_received += 1;
        let packet = frame.header.packet;
        match self.links.phase(key) {
            Phase::Connected(session) => self.handle_client_packet(key, session, frame),
            Phase::AwaitingConnect if packet == PacketType::Connect => {
                self.handle_connect(now, key, frame.body)
            }
            Phase::AwaitingConnect | Phase::Closed => Err(Violation::NotConnected(packet).into()),
        }
    }

    fn handle_client_packet(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        frame: Frame<'_>,
    ) -> Result<(), CloseCause> {
        let body = frame.body;
        match frame.header.packet {
            PacketType::Publish => {
                let publish = Publish::decode(frame)?;
                self.check_topic(publish.publication.topic)?;
                self.handle_publish(key, session, publish);
            }
            PacketType::Puback => self.handle_puback(key, session, decode_acknowledgement(body)?),
            PacketType::Pubrec => self.handle_pubrec(key, session, decode_acknowledgement(body)?),
            PacketType::Pubrel => self.handle_pubrel(key, session, decode_acknowledgement(body)?),
            PacketType::Pubcomp => {
                self.handle_pubcomp(key, session, decode_acknowledgement(body)?);
            }
            PacketType::Subscribe => {
                self.handle_subscribe(key, session, Subscribe::decode(body)?);
            }
            PacketType::Unsubscribe => {
                self.handle_unsubscribe(key, session, Unsubscribe::decode(body)?);
            }
            PacketType::Pingreq => {
                require_empty(body)?;
                self.links.put(key, &PINGRESP, None);
            }
            PacketType::Disconnect => {
                require_empty(body)?;
                return Err(CloseCause::Disconnect);
            }
            PacketType::Connect => return Err(Violation::SecondConnect.into()),
            PacketType::Connack
            | PacketType::Suback
            | PacketType::Unsuback
            | PacketType::Pingresp => {
                return Err(DecodeError::ServerPacket(frame.header.packet as u8).into());
            }
        }
        Ok(())
    }

    fn check_topic(&self, topic: TopicName<'_>) -> Result<(), Violation> {
        let (bytes, bytes_max) = (topic.as_str().len(), self.limits.topic_bytes_max);
        if bytes <= bytes_max { Ok(()) } else { Err(Violation::TopicTooLong { bytes, bytes_max }) }
    }

    /// Passes a publication on and acknowledges it, MQTT 4.3.
    fn handle_publish(&mut self, key: ConnectionKey, session: SessionKey, publish: Publish<'_>) {
        self.statistics.publications_received += 1;
        let publication = publish.publication;
        if let (QoS::ExactlyOnce, Some(identifier)) = (publication.qos, publish.packet_identifier)
            && let Some(session) = self.sessions.get_mut(session)
            && !session.inbound.receive(identifier)
        {
            self.statistics.duplicates_received += 1;
            return self.links.put(key, &encode_pubrec(identifier), None);
        }
        let allowed = self.may_publish(session, publication);
        if allowed {
            let origin = if publication.retain { self.origin(session) } else { None };
            self.route(publication, None, origin.as_ref());
        }
        // One that was not allowed is acknowledged all the same, [MQTT-3.3.5-2].
        if let Some(identifier) = publish.packet_identifier {
            let acknowledgement = match publication.qos {
                QoS::ExactlyOnce => encode_pubrec(identifier),
                QoS::AtMostOnce | QoS::AtLeastOnce => encode_puback(identifier),
            };
            self.links.put(key, &acknowledgement, None);
        }
        if allowed {
            self.emit_published(publication, Some(key));
        }
    }
}

/// PINGREQ and DISCONNECT are a fixed header alone, MQTT 3.12 and 3.14.
const fn require_empty(body: &[u8]) -> Result<(), DecodeError> {
    if body.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
}
