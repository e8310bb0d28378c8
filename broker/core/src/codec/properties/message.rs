//! The properties of an Application Message: of a PUBLISH and of a Will, MQTT 5.0 3.3.2.3 and 3.1.3.2.

use super::error::PropertyError;
use super::forwarded::Forwarded;
use super::identifier::PropertySet;
use super::read::{PayloadFormat, Property, PropertyReader};
use crate::codec::error::DecodeError;
use crate::codec::reader::Reader;

/// The properties of a PUBLISH that a Client sends, MQTT 5.0 3.3.2.3. None before 5.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishProperties<'a> {
    /// Whether the payload is UTF-8, 3.3.2.3.2. Is in `forwarded` as well.
    pub payload_format_indicator: Option<PayloadFormat>,
    /// Seconds until the message is worth nothing, 3.3.2.3.3.
    pub message_expiry_interval_seconds: Option<u32>,
    /// The number that stands for the Topic Name on this Network Connection, never 0, 3.3.2.3.4.
    pub topic_alias: Option<u16>,
    /// All other properties, to be passed on. Says what they are, too.
    pub forwarded: Forwarded<'a>,
}

impl<'a> PublishProperties<'a> {
    /// No properties.
    pub const NONE: Self = Self {
        payload_format_indicator: None,
        message_expiry_interval_seconds: None,
        topic_alias: None,
        forwarded: Forwarded::NONE,
    };

    /// Takes the properties off the front of `packet`. Most publications have none: a length of 0.
    #[inline]
    pub(in super::super) fn decode(packet: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if packet.rest().first() == Some(&0) {
            packet.u8()?;
            return Ok(Self::NONE);
        }
        Self::decode_some(packet)
    }

    fn decode_some(packet: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut reader = PropertyReader::new(packet, PropertySet::PUBLISH)?;
        let mut properties = Self::NONE;
        let all = reader.rest();
        properties.forwarded = Forwarded::from_encoded(all);
        let mut start = 0;
        while let Some(property) = reader.next()? {
            let end = all.len() - reader.rest().len();
            match property {
                Property::PayloadFormatIndicator(format) => {
                    properties.payload_format_indicator = Some(format);
                }
                Property::MessageExpiryInterval(seconds) => {
                    properties.message_expiry_interval_seconds = Some(seconds);
                    properties.forwarded.leave_out(start, end);
                }
                Property::TopicAlias(alias) => {
                    properties.topic_alias = Some(alias);
                    properties.forwarded.leave_out(start, end);
                }
                Property::SubscriptionIdentifier(_) => {
                    return Err(PropertyError::SubscriptionIdentifier.into());
                }
                _ => {}
            }
            start = end;
        }
        Ok(properties)
    }
}

/// The properties of a Will, MQTT 5.0 3.1.3.2. None before 5.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WillProperties<'a> {
    /// Seconds from the end of the Network Connection to the publication, unless the session ends
    /// before, 3.1.3.2.2.
    pub will_delay_interval_seconds: u32,
    /// Whether the payload is UTF-8, 3.1.3.2.3. Is in `forwarded` as well.
    pub payload_format_indicator: Option<PayloadFormat>,
    /// Seconds until the message, once published, is worth nothing, 3.1.3.2.4.
    pub message_expiry_interval_seconds: Option<u32>,
    /// All other properties, to be passed on. Says what they are, too.
    pub forwarded: Forwarded<'a>,
}

impl<'a> WillProperties<'a> {
    /// No properties.
    pub const NONE: Self = Self {
        will_delay_interval_seconds: 0,
        payload_format_indicator: None,
        message_expiry_interval_seconds: None,
        forwarded: Forwarded::NONE,
    };

    /// Takes the properties off the front of `packet`.
    pub(in super::super) fn decode(packet: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut reader = PropertyReader::new(packet, PropertySet::WILL)?;
        let mut properties = Self::NONE;
        let all = reader.rest();
        properties.forwarded = Forwarded::from_encoded(all);
        let mut start = 0;
        while let Some(property) = reader.next()? {
            let end = all.len() - reader.rest().len();
            match property {
                Property::WillDelayInterval(seconds) => {
                    properties.will_delay_interval_seconds = seconds;
                    properties.forwarded.leave_out(start, end);
                }
                Property::MessageExpiryInterval(seconds) => {
                    properties.message_expiry_interval_seconds = Some(seconds);
                    properties.forwarded.leave_out(start, end);
                }
                Property::PayloadFormatIndicator(format) => {
                    properties.payload_format_indicator = Some(format);
                }
                _ => {}
            }
            start = end;
        }
        Ok(properties)
    }
}
