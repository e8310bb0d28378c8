//! PUBLISH, MQTT 3.3.

use std::fmt;

use super::error::DecodeError;
use super::fixed_header::{Frame, encode_remaining_length, remaining_length_size};
use super::packet_identifier::PacketIdentifier;
use super::properties::{
    Forwarded, PropertyIdentifier, PropertyWriter, PublishProperties, check_payload_format,
};
use super::protocol_version::ProtocolVersion;
use super::reader::Reader;
use crate::qos::QoS;
use crate::topic::TopicName;

const DUP: u8 = 0x08;
const QOS_SHIFT: u8 = 1;
const RETAIN: u8 = 0x01;

/// A PUBLISH, borrowed from the receive buffer.
///
/// It is written down for each packet, so it is kept small: 64 bytes, of which one without
/// properties fills 43.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Where it is published. `None` only at 5.0 and only with a Topic Alias, which stands for it.
    pub topic: Option<TopicName<'a>>,
    /// What is published.
    pub payload: &'a [u8],
    /// Present exactly when QoS is above 0, [MQTT-2.3.1-5].
    pub packet_identifier: Option<PacketIdentifier>,
    /// Properties; none before 5.0.
    pub properties: PublishProperties<'a>,
    flags: Flags,
}

const _: () = assert!(size_of::<Publish<'_>>() <= 64);

impl<'a> Publish<'a> {
    /// Reads a PUBLISH. Allocates nothing; topic, payload and properties stay where they are.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is read stays in registers")]
    pub fn decode(frame: Frame<'a>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        #[cfg(feature = "slow-down")]
        crate::slow_down::codec();
        match version {
            ProtocolVersion::V3 | ProtocolVersion::V4 => {
                Self::read(frame, read_topic, |packet| Ok((PublishProperties::none(), packet)))
            }
            ProtocolVersion::V5 => {
                let publish = Self::read(frame, read_topic_or_none, PublishProperties::decode)?;
                if publish.topic.is_none() && publish.properties.topic_alias().is_none() {
                    return Err(DecodeError::NoTopicName);
                }
                Ok(publish)
            }
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "one copy for each version, without branches on it")]
    fn read(
        frame: Frame<'a>,
        topic: impl FnOnce(&'a [u8]) -> Result<Option<TopicName<'a>>, DecodeError>,
        properties: impl FnOnce(Reader<'a>) -> Result<(PublishProperties<'a>, Reader<'a>), DecodeError>,
    ) -> Result<Self, DecodeError> {
        let flags = Flags::new(frame.header.first)?;
        let mut reader = Reader::new(frame.body);
        let topic = topic(reader.binary()?)?;
        let packet_identifier =
            if flags.is_acknowledged() { Some(reader.packet_identifier()?) } else { None };
        let (properties, reader) = properties(reader)?;
        Ok(Self { topic, payload: reader.rest(), packet_identifier, properties, flags })
    }

    /// QoS of the publication.
    #[inline]
    pub const fn qos(&self) -> QoS {
        self.flags.qos()
    }

    /// Whether it is to be retained.
    #[inline]
    pub const fn retain(&self) -> bool {
        self.flags.0 & RETAIN != 0
    }

    /// Whether this may be a re-delivery, MQTT 3.3.1.1.
    #[inline]
    pub const fn duplicate(&self) -> bool {
        self.flags.0 & DUP != 0
    }

    /// Checks that the payload is UTF-8 if its Payload Format Indicator says so. Nothing obliges a
    /// Server to do this, MQTT 5.0 3.3.2.3.2.
    pub fn check_payload_format(&self) -> Result<(), DecodeError> {
        check_payload_format(self.properties.payload_format_indicator(), self.payload)
    }
}

impl fmt::Debug for Publish<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("topic", &self.topic)
            .field("payload", &self.payload)
            .field("qos", &self.qos())
            .field("retain", &self.retain())
            .field("duplicate", &self.duplicate())
            .field("packet_identifier", &self.packet_identifier)
            .field("properties", &self.properties)
            .finish()
    }
}

/// The first byte of a PUBLISH, with flags that may be together.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Flags(u8);

impl Flags {
    const QOS: u8 = 3 << QOS_SHIFT;
    /// QoS 3 and a DUP flag at QoS 0: a bit for each of the sixteen that there could be.
    const REFUSED: u16 = {
        let (mut refused, mut flags) = (0, 0);
        while flags < 16 {
            let qos = flags & Self::QOS;
            if qos == Self::QOS || qos == 0 && flags & DUP != 0 {
                refused |= 1 << flags;
            }
            flags += 1;
        }
        refused
    };

    #[inline]
    const fn new(first: u8) -> Result<Self, DecodeError> {
        if Self::REFUSED >> (first & 0x0f) & 1 == 0 {
            Ok(Self(first))
        } else if first & Self::QOS == 0 {
            Err(DecodeError::DuplicateAtMostOnce)
        } else {
            Err(DecodeError::PublishQoS)
        }
    }

    const fn is_acknowledged(self) -> bool {
        self.0 & Self::QOS != 0
    }

    const fn qos(self) -> QoS {
        match (self.0 & Self::QOS) >> QOS_SHIFT {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        }
    }
}

/// UTF-8, [MQTT-1.5.3-1], and a Topic Name, [MQTT-3.3.2-2]: of ASCII by one look at many bytes at once.
#[inline]
fn read_topic(topic: &[u8]) -> Result<Option<TopicName<'_>>, DecodeError> {
    match TopicName::from_ascii(topic) {
        None => read_any_topic(topic).map(Some),
        found => Ok(found),
    }
}

/// MQTT 5.0 lets the Topic Name be empty; a Topic Alias then stands for it.
#[inline]
fn read_topic_or_none(topic: &[u8]) -> Result<Option<TopicName<'_>>, DecodeError> {
    match TopicName::from_ascii(topic) {
        None => read_any_topic_or_none(topic),
        found => Ok(found),
    }
}

#[inline(never)]
fn read_any_topic_or_none(topic: &[u8]) -> Result<Option<TopicName<'_>>, DecodeError> {
    if topic.is_empty() { Ok(None) } else { read_any_topic(topic).map(Some) }
}

#[inline(never)]
fn read_any_topic(topic: &[u8]) -> Result<TopicName<'_>, DecodeError> {
    let topic = std::str::from_utf8(topic).map_err(|_| DecodeError::Utf8)?;
    Ok(TopicName::from_any(topic)?)
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

    /// The first byte: packet type, DUP, QoS and RETAIN.
    fn first(self) -> u8 {
        let qos = self.delivery.map_or(0, |(qos, _)| qos.bits());
        let flags = if self.duplicate { DUP } else { 0 } | u8::from(self.retain);
        0x30 | flags | (qos << QOS_SHIFT)
    }

    /// Appends a PUBLISH of MQTT 3.1 or 3.1.1 up to where its payload of `payload_length` bytes
    /// begins. The Packet Identifier, if there is one, is the last two bytes.
    #[inline]
    pub fn encode(self, topic: impl AsRef<[u8]>, payload_length: usize, out: &mut Vec<u8>) {
        let topic = topic.as_ref();
        out.push(self.first());
        let identifier_length = if self.delivery.is_some() { 2 } else { 0 };
        encode_remaining_length(2 + topic.len() + identifier_length + payload_length, out);
        encode_topic(topic, out);
        if let Some((_, identifier)) = self.delivery {
            out.extend_from_slice(&identifier.get().to_be_bytes());
        }
    }
}

fn encode_topic(topic: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(topic.len()).unwrap_or(u16::MAX);
    debug_assert_eq!(usize::from(length), topic.len(), "a Topic Name is shorter");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(topic);
}

/// All of a PUBLISH of MQTT 5.0 to a subscriber but its topic and payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishHeaderV5<'a> {
    /// What there is before 5.0, too.
    pub header: PublishHeader,
    /// The number that stands for the topic from now on or, with an empty topic, stands for it
    /// already, 3.3.2.3.4. Never 0.
    pub topic_alias: Option<u16>,
    /// Seconds that are left until the message is worth nothing, [MQTT-3.3.2-6].
    pub message_expiry_interval_seconds: Option<u32>,
    /// The properties that the publisher gave the message.
    pub forwarded: Forwarded<'a>,
    /// The identifiers of all subscriptions that the message is sent for, each from 1 to
    /// 268,435,455, [MQTT-3.3.4-3] to [MQTT-3.3.4-5].
    pub subscription_identifiers: &'a [u32],
}

impl PublishHeaderV5<'_> {
    /// A header without properties.
    pub const fn new(header: PublishHeader) -> Self {
        Self {
            header,
            topic_alias: None,
            message_expiry_interval_seconds: None,
            forwarded: Forwarded::NONE,
            subscription_identifiers: &[],
        }
    }

    /// Appends a PUBLISH up to where its payload of `payload_length` bytes begins. Returns the index
    /// in `out` of the Packet Identifier's two bytes, if it has one. `topic` may be empty when the
    /// Topic Alias is known to the Client.
    pub fn encode(
        &self,
        topic: impl AsRef<[u8]>,
        payload_length: usize,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let topic = topic.as_ref();
        debug_assert!(!topic.is_empty() || self.topic_alias.is_some(), "no topic, no alias");
        let properties_length = self.properties_length();
        let remaining_length = self.remaining_length(topic, payload_length, properties_length);
        out.push(self.header.first());
        encode_remaining_length(remaining_length, out);
        encode_topic(topic, out);
        let identifier_at = self.header.delivery.map(|(_, identifier)| {
            let index = out.len();
            out.extend_from_slice(&identifier.get().to_be_bytes());
            index
        });
        encode_remaining_length(properties_length, out);
        let mut writer = PropertyWriter(out);
        writer.two_bytes(PropertyIdentifier::TopicAlias, self.topic_alias);
        writer.four_bytes(
            PropertyIdentifier::MessageExpiryInterval,
            self.message_expiry_interval_seconds,
        );
        match self.forwarded.as_slice() {
            Some(all) => out.extend_from_slice(all),
            None => self.forwarded.segments().iter().for_each(|part| out.extend_from_slice(part)),
        }
        for &identifier in self.subscription_identifiers {
            out.push(PropertyIdentifier::SubscriptionIdentifier as u8);
            encode_remaining_length(identifier as usize, out);
        }
        identifier_at
    }

    fn remaining_length(&self, topic: &[u8], payload: usize, properties: usize) -> usize {
        let identifier = if self.header.delivery.is_some() { 2 } else { 0 };
        2 + topic.len() + identifier + remaining_length_size(properties) + properties + payload
    }

    fn properties_length(&self) -> usize {
        let alias = if self.topic_alias.is_some() { 3 } else { 0 };
        let expiry = if self.message_expiry_interval_seconds.is_some() { 5 } else { 0 };
        let identifiers = self.subscription_identifiers.iter();
        let identifiers = identifiers.map(|&number| 1 + remaining_length_size(number as usize));
        alias + expiry + self.forwarded.len() + identifiers.sum::<usize>()
    }
}
