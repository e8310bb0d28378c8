//! The properties of an Application Message: of a PUBLISH and of a Will, MQTT 5.0 3.3.2.3 and 3.1.3.2.

use std::fmt;
use std::num::NonZeroU32;

use super::error::PropertyError;
use super::forwarded::Forwarded;
use super::identifier::PropertySet;
use super::read::{PayloadFormat, Property, PropertyReader};
use crate::codec::error::DecodeError;
use crate::codec::reader::Reader;

/// The properties of a PUBLISH that a Client sends, MQTT 5.0 3.3.2.3. None before 5.0.
///
/// Most publications have none, and say so in one word: nothing else of this is written then.
#[derive(Clone, Copy)]
pub struct PublishProperties<'a>(Option<SomeProperties<'a>>);

/// Properties that were checked, and where those lie that are not passed on.
#[derive(Clone, Copy)]
struct SomeProperties<'a> {
    /// As they are encoded, without their length.
    encoded: &'a [u8],
    /// Indices of their values, behind an identifier of one byte.
    message_expiry_interval: Option<NonZeroU32>,
    topic_alias: Option<NonZeroU32>,
}

impl<'a> PublishProperties<'a> {
    /// No properties.
    pub const NONE: Self = Self(None);

    /// [`NONE`](Self::NONE), written as one word: the constant the compiler copies whole.
    #[inline]
    pub(in super::super) const fn none() -> Self {
        Self(None)
    }

    /// Takes the properties off the front of `packet`; returns what is behind them as well. Most
    /// publications have none: a length of 0.
    #[inline]
    pub(in super::super) fn decode(packet: Reader<'a>) -> Result<(Self, Reader<'a>), DecodeError> {
        match packet.rest().split_first() {
            Some((0, rest)) => Ok((Self::none(), Reader::new(rest))),
            _ => Self::decode_some(packet),
        }
    }

    #[inline(never)]
    fn decode_some(mut packet: Reader<'a>) -> Result<(Self, Reader<'a>), DecodeError> {
        let mut reader = PropertyReader::new(&mut packet, PropertySet::PUBLISH)?;
        let encoded = reader.rest();
        let (mut message_expiry_interval, mut topic_alias) = (None, None);
        let mut start = 0;
        while let Some(property) = reader.next()? {
            match property {
                Property::MessageExpiryInterval(_) => message_expiry_interval = value_at(start),
                Property::TopicAlias(_) => topic_alias = value_at(start),
                Property::SubscriptionIdentifier(_) => {
                    return Err(PropertyError::SubscriptionIdentifier.into());
                }
                _ => {}
            }
            start = encoded.len() - reader.rest().len();
        }
        let some = SomeProperties { encoded, message_expiry_interval, topic_alias };
        Ok((Self(Some(some)), packet))
    }

    /// Whether the payload is UTF-8, 3.3.2.3.2. Is in [`forwarded`](Self::forwarded) as well.
    pub fn payload_format_indicator(&self) -> Option<PayloadFormat> {
        self.forwarded().payload_format_indicator()
    }

    /// Seconds until the message is worth nothing, 3.3.2.3.3.
    #[inline]
    pub fn message_expiry_interval_seconds(&self) -> Option<u32> {
        let some = self.0.as_ref()?;
        some.value(some.message_expiry_interval?).map(u32::from_be_bytes)
    }

    /// The number that stands for the Topic Name on this Network Connection, never 0, 3.3.2.3.4.
    #[inline]
    pub fn topic_alias(&self) -> Option<u16> {
        let some = self.0.as_ref()?;
        some.value(some.topic_alias?).map(u16::from_be_bytes)
    }

    /// All other properties, to be passed on. Says what they are, too.
    #[inline]
    pub fn forwarded(&self) -> Forwarded<'a> {
        self.0.as_ref().map_or(Forwarded::NONE, SomeProperties::forwarded)
    }
}

/// Where the value of a property lies that begins at `start`; a packet is not as long as to need more.
fn value_at(start: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(start + 1).unwrap_or(u32::MAX))
}

impl<'a> SomeProperties<'a> {
    fn value<const N: usize>(&self, at: NonZeroU32) -> Option<[u8; N]> {
        self.encoded.get(at.get() as usize..)?.first_chunk().copied()
    }

    fn forwarded(&self) -> Forwarded<'a> {
        let cut = |at: Option<NonZeroU32>, length| {
            at.map_or((0, 0), |at| (at.get() - 1, at.get() + length))
        };
        let cuts = [cut(self.message_expiry_interval, 4), cut(self.topic_alias, 2)];
        Forwarded::with_cuts(self.encoded, cuts)
    }
}

/// Whether they say the same and what is passed on is the same.
impl PartialEq for PublishProperties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.message_expiry_interval_seconds() == other.message_expiry_interval_seconds()
            && self.topic_alias() == other.topic_alias()
            && self.forwarded() == other.forwarded()
    }
}

impl Eq for PublishProperties<'_> {}

impl fmt::Debug for PublishProperties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishProperties")
            .field("message_expiry_interval_seconds", &self.message_expiry_interval_seconds())
            .field("topic_alias", &self.topic_alias())
            .field("forwarded", &self.forwarded())
            .finish()
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
