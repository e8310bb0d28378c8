//! PUBLISH, MQTT 3.3.

use super::acknowledgement::PacketIdentifier;
use super::error::DecodeError;
use super::fixed_header::{Frame, encode_remaining_length};
use super::reader::Reader;
use crate::message::Publication;
use crate::qos::QoS;
use crate::topic::TopicName;

const DUP: u8 = 0x08;
const QOS_SHIFT: u8 = 1;
const RETAIN: u8 = 0x01;

/// Most bytes of a PUBLISH before its topic and payload: fixed header, topic length, Packet
/// Identifier.
pub const PUBLISH_HEADER_MAX: usize = 5 + 2 + 2;

/// A PUBLISH, borrowed from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Topic, payload, QoS and RETAIN.
    pub publication: Publication<'a>,
    /// Whether this may be a re-delivery, MQTT 3.3.1.1.
    pub duplicate: bool,
    /// Present exactly when QoS is above 0, [MQTT-2.3.1-5].
    pub packet_identifier: Option<PacketIdentifier>,
}

impl<'a> Publish<'a> {
    /// Reads a PUBLISH. Allocates nothing; topic and payload stay where they are.
    pub fn decode(frame: Frame<'a>) -> Result<Self, DecodeError> {
        let first = frame.header.first;
        let qos = QoS::from_bits((first >> QOS_SHIFT) & 3).ok_or(DecodeError::PublishQoS)?;
        let duplicate = first & DUP != 0;
        let mut reader = Reader::new(frame.body);
        let topic = TopicName::new(reader.utf8()?)?;
        let packet_identifier = match qos {
            QoS::AtMostOnce if duplicate => return Err(DecodeError::DuplicateAtMostOnce),
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Some(reader.packet_identifier()?),
        };
        let retain = first & RETAIN != 0;
        let publication = Publication { topic, payload: reader.rest(), qos, retain };
        Ok(Self { publication, duplicate, packet_identifier })
    }
}

/// All of a PUBLISH but its topic and payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishHeader {
    /// Whether this may be a re-delivery.
    pub duplicate: bool,
    /// On a delivery: whether the message is an old, retained one, [MQTT-3.3.1-8].
    pub retain: bool,
    /// QoS and, above 0, the Packet Identifier.
    pub delivery: Option<(QoS, PacketIdentifier)>,
}

impl PublishHeader {
    /// The header of a new message at QoS 0.
    pub const AT_MOST_ONCE: Self = Self { duplicate: false, retain: false, delivery: None };

    /// Appends a PUBLISH up to where its payload of `payload_length` bytes begins.
    pub fn encode(self, topic: &str, payload_length: usize, out: &mut Vec<u8>) {
        let qos = self.delivery.map_or(0, |(qos, _)| qos.bits());
        let flags = if self.duplicate { DUP } else { 0 } | u8::from(self.retain);
        out.push(0x30 | flags | (qos << QOS_SHIFT));
        let identifier_length = if self.delivery.is_some() { 2 } else { 0 };
        encode_remaining_length(2 + topic.len() + identifier_length + payload_length, out);
        let topic_length = u16::try_from(topic.len()).unwrap_or(u16::MAX);
        debug_assert_eq!(usize::from(topic_length), topic.len(), "a Topic Name is shorter");
        out.extend_from_slice(&topic_length.to_be_bytes());
        out.extend_from_slice(topic.as_bytes());
        if let Some((_, identifier)) = self.delivery {
            out.extend_from_slice(&identifier.get().to_be_bytes());
        }
    }
}
