//! SUBSCRIBE, MQTT 3.8.

use super::error::DecodeError;
use super::packet_identifier::PacketIdentifier;
use super::properties::{Property, PropertyReader, PropertySet, UserProperties};
use super::protocol_version::ProtocolVersion;
use super::reader::Reader;
use crate::qos::QoS;
use crate::topic::SubscriptionTarget;

const NO_LOCAL: u8 = 0x04;
const RETAIN_AS_PUBLISHED: u8 = 0x08;
const RETAIN_HANDLING_SHIFT: u8 = 4;
const RESERVED: u8 = 0xc0;

/// A SUBSCRIBE, borrowed from the receive buffer. All of it has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Subscribe<'a> {
    /// For the SUBACK.
    pub packet_identifier: PacketIdentifier,
    /// Properties; none before 5.0.
    pub properties: SubscribeProperties<'a>,
    entries: Reader<'a>,
    version: ProtocolVersion,
}

/// The properties of a SUBSCRIBE, MQTT 5.0 3.8.2.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscribeProperties<'a> {
    /// Comes with each message that is sent for these subscriptions; from 1 to 268,435,455.
    pub subscription_identifier: Option<u32>,
    /// User Properties.
    pub user_properties: UserProperties<'a>,
}

/// What a SUBSCRIBE asks for one Topic Filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribeEntry<'a> {
    /// What is subscribed to.
    pub target: SubscriptionTarget<'a>,
    /// How.
    pub options: SubscriptionOptions,
}

/// Subscription Options, MQTT 5.0 3.8.3.1; before 5.0 there is the QoS alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SubscriptionOptions {
    /// The highest QoS at which messages are to be sent.
    pub qos: QoS,
    /// Whether the Client does not want what it publishes itself.
    pub no_local: bool,
    /// Whether messages keep the RETAIN flag that they were published with.
    pub retain_as_published: bool,
    /// When retained messages are sent.
    pub retain_handling: RetainHandling,
}

/// When a subscription brings retained messages, MQTT 5.0 3.3.1.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RetainHandling {
    /// Each time, [MQTT-3.3.1-9].
    #[default]
    Send = 0,
    /// When the subscription did not exist before, [MQTT-3.3.1-10].
    SendIfNew = 1,
    /// Never, [MQTT-3.3.1-11].
    DoNotSend = 2,
}

impl SubscriptionOptions {
    /// What a SUBSCRIBE of MQTT 3.1 and 3.1.1 can ask for.
    pub const fn from_qos(qos: QoS) -> Self {
        let retain_handling = RetainHandling::Send;
        Self { qos, no_local: false, retain_as_published: false, retain_handling }
    }

    /// Reads the byte behind a Topic Filter of MQTT 5.0, 3.8.3.1.
    fn decode(byte: u8) -> Result<Self, DecodeError> {
        if byte & RESERVED != 0 {
            return Err(DecodeError::SubscriptionOptions(byte));
        }
        let qos = QoS::from_bits(byte & 3).ok_or(DecodeError::RequestedQoS(byte))?;
        let retain_handling = match byte >> RETAIN_HANDLING_SHIFT {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return Err(DecodeError::RetainHandling(byte)),
        };
        let no_local = byte & NO_LOCAL != 0;
        let retain_as_published = byte & RETAIN_AS_PUBLISHED != 0;
        Ok(Self { qos, no_local, retain_as_published, retain_handling })
    }
}

impl<'a> Subscribe<'a> {
    /// Reads the body of a SUBSCRIBE.
    pub fn decode(body: &'a [u8], version: ProtocolVersion) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_identifier = reader.packet_identifier()?;
        let properties = match version {
            ProtocolVersion::V3 | ProtocolVersion::V4 => SubscribeProperties::default(),
            ProtocolVersion::V5 => SubscribeProperties::decode(&mut reader)?,
        };
        if reader.is_empty() {
            return Err(DecodeError::NoTopicFilter);
        }
        let entries = reader;
        while !reader.is_empty() {
            decode_entry(&mut reader, version)?;
        }
        Ok(Self { packet_identifier, properties, entries, version })
    }

    /// What is subscribed to and how, in order.
    pub const fn entries(&self) -> SubscribeEntries<'a> {
        SubscribeEntries { reader: self.entries, version: self.version }
    }
}

impl<'a> SubscribeProperties<'a> {
    fn decode(packet: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut reader = PropertyReader::new(packet, PropertySet::SUBSCRIBE)?;
        let user_properties = UserProperties::new(reader.rest());
        let mut subscription_identifier = None;
        while let Some(property) = reader.next()? {
            if let Property::SubscriptionIdentifier(identifier) = property {
                subscription_identifier = Some(identifier);
            }
        }
        Ok(Self { subscription_identifier, user_properties })
    }
}

/// Iterates over the Topic Filters of a [`Subscribe`].
#[derive(Clone, Debug)]
pub struct SubscribeEntries<'a> {
    reader: Reader<'a>,
    version: ProtocolVersion,
}

impl<'a> Iterator for SubscribeEntries<'a> {
    type Item = SubscribeEntry<'a>;

    fn next(&mut self) -> Option<SubscribeEntry<'a>> {
        decode_entry(&mut self.reader, self.version).ok()
    }
}

fn decode_entry<'a>(
    reader: &mut Reader<'a>,
    version: ProtocolVersion,
) -> Result<SubscribeEntry<'a>, DecodeError> {
    let filter = reader.utf8()?;
    match version {
        ProtocolVersion::V3 | ProtocolVersion::V4 => {
            let target = SubscriptionTarget::new_lenient(filter)?;
            let requested = reader.u8()?;
            let qos = QoS::from_bits(requested).ok_or(DecodeError::RequestedQoS(requested))?;
            Ok(SubscribeEntry { target, options: SubscriptionOptions::from_qos(qos) })
        }
        ProtocolVersion::V5 => {
            let target = SubscriptionTarget::new(filter)?;
            let options = SubscriptionOptions::decode(reader.u8()?)?;
            if options.no_local && target.is_shared() {
                return Err(DecodeError::NoLocalOnShared);
            }
            Ok(SubscribeEntry { target, options })
        }
    }
}
