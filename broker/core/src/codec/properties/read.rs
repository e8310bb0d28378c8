//! Properties, read one by one, MQTT 5.0 2.2.2.

use super::error::PropertyError;
use super::identifier::{PropertyIdentifier, PropertySet};
use crate::codec::error::DecodeError;
use crate::codec::reader::Reader;
use crate::topic::TopicName;

/// What the payload is, MQTT 5.0 3.3.2.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PayloadFormat {
    /// Any bytes.
    Unspecified = 0,
    /// UTF-8.
    Utf8 = 1,
}

/// A property that a Client may send. Its value is one that the property may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Property<'a> {
    PayloadFormatIndicator(PayloadFormat),
    MessageExpiryInterval(u32),
    ContentType(&'a str),
    ResponseTopic(TopicName<'a>),
    CorrelationData(&'a [u8]),
    SubscriptionIdentifier(u32),
    SessionExpiryInterval(u32),
    AuthenticationMethod(&'a str),
    AuthenticationData(&'a [u8]),
    RequestProblemInformation(bool),
    WillDelayInterval(u32),
    RequestResponseInformation(bool),
    ServerReference(&'a str),
    ReasonString(&'a str),
    ReceiveMaximum(u16),
    TopicAliasMaximum(u16),
    TopicAlias(u16),
    User(&'a str, &'a str),
    MaximumPacketSize(u32),
}

impl<'a> Property<'a> {
    fn read(identifier: PropertyIdentifier, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match identifier {
            PropertyIdentifier::PayloadFormatIndicator => {
                let utf8 = flag(identifier, reader)?;
                let format = if utf8 { PayloadFormat::Utf8 } else { PayloadFormat::Unspecified };
                Self::PayloadFormatIndicator(format)
            }
            PropertyIdentifier::MessageExpiryInterval => Self::MessageExpiryInterval(reader.u32()?),
            PropertyIdentifier::ContentType => Self::ContentType(reader.string()?),
            PropertyIdentifier::ResponseTopic => {
                let topic = TopicName::new(reader.string()?);
                Self::ResponseTopic(topic.map_err(PropertyError::ResponseTopic)?)
            }
            PropertyIdentifier::CorrelationData => Self::CorrelationData(reader.binary()?),
            PropertyIdentifier::SubscriptionIdentifier => {
                let value = reader.variable_byte_integer()?;
                Self::SubscriptionIdentifier(not_zero(identifier, value)?)
            }
            PropertyIdentifier::SessionExpiryInterval => Self::SessionExpiryInterval(reader.u32()?),
            PropertyIdentifier::AuthenticationMethod => {
                Self::AuthenticationMethod(reader.string()?)
            }
            PropertyIdentifier::AuthenticationData => Self::AuthenticationData(reader.binary()?),
            PropertyIdentifier::RequestProblemInformation => {
                Self::RequestProblemInformation(flag(identifier, reader)?)
            }
            PropertyIdentifier::WillDelayInterval => Self::WillDelayInterval(reader.u32()?),
            PropertyIdentifier::RequestResponseInformation => {
                Self::RequestResponseInformation(flag(identifier, reader)?)
            }
            PropertyIdentifier::ServerReference => Self::ServerReference(reader.string()?),
            PropertyIdentifier::ReasonString => Self::ReasonString(reader.string()?),
            PropertyIdentifier::ReceiveMaximum => {
                Self::ReceiveMaximum(not_zero(identifier, reader.u16()?)?)
            }
            PropertyIdentifier::TopicAliasMaximum => Self::TopicAliasMaximum(reader.u16()?),
            PropertyIdentifier::TopicAlias => match reader.u16()? {
                0 => return Err(PropertyError::ZeroTopicAlias.into()),
                alias => Self::TopicAlias(alias),
            },
            PropertyIdentifier::UserProperty => Self::User(reader.string()?, reader.string()?),
            PropertyIdentifier::MaximumPacketSize => {
                Self::MaximumPacketSize(not_zero(identifier, reader.u32()?)?)
            }
            PropertyIdentifier::AssignedClientIdentifier
            | PropertyIdentifier::ServerKeepAlive
            | PropertyIdentifier::ResponseInformation
            | PropertyIdentifier::MaximumQoS
            | PropertyIdentifier::RetainAvailable
            | PropertyIdentifier::WildcardSubscriptionAvailable
            | PropertyIdentifier::SubscriptionIdentifierAvailable
            | PropertyIdentifier::SharedSubscriptionAvailable => {
                return Err(PropertyError::NotAllowed(identifier).into());
            }
        })
    }
}

/// A byte that is 0 or 1.
fn flag(property: PropertyIdentifier, reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(PropertyError::Value { property, value: u32::from(other) }.into()),
    }
}

fn not_zero<N: PartialEq + From<u8>>(
    property: PropertyIdentifier,
    number: N,
) -> Result<N, PropertyError> {
    if number == N::from(0) {
        return Err(PropertyError::Value { property, value: 0 });
    }
    Ok(number)
}

/// The properties of one packet, checked as they are read.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct PropertyReader<'a> {
    reader: Reader<'a>,
    allowed: PropertySet,
    seen: PropertySet,
}

impl<'a> PropertyReader<'a> {
    /// Takes the properties off the front of `packet`, with their length.
    pub(in super::super) fn new(
        packet: &mut Reader<'a>,
        allowed: PropertySet,
    ) -> Result<Self, DecodeError> {
        Ok(Self { reader: packet.properties()?, allowed, seen: PropertySet::default() })
    }

    /// The encoded properties that were not read yet.
    pub(in super::super) const fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    /// The next property; `None` at the end.
    pub(in super::super) fn next(&mut self) -> Result<Option<Property<'a>>, DecodeError> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        self.read().map(Some).map_err(|error| match error {
            DecodeError::Truncated => PropertyError::Overrun.into(),
            other => other,
        })
    }

    fn read(&mut self) -> Result<Property<'a>, DecodeError> {
        let identifier = read_identifier(&mut self.reader)?;
        if !self.allowed.contains(identifier) {
            return Err(PropertyError::NotAllowed(identifier).into());
        }
        if self.seen.contains(identifier) && !PropertySet::REPEATABLE.contains(identifier) {
            return Err(PropertyError::Repeated(identifier).into());
        }
        self.seen.insert(identifier);
        Property::read(identifier, &mut self.reader)
    }
}

fn read_identifier(reader: &mut Reader<'_>) -> Result<PropertyIdentifier, DecodeError> {
    let code = reader.variable_byte_integer()?;
    Ok(PropertyIdentifier::from_code(code).ok_or(PropertyError::Unknown(code))?)
}

/// Properties that were checked before. Ends where they cannot be read.
#[derive(Clone, Debug)]
pub(super) struct CheckedProperties<'a>(Reader<'a>);

impl<'a> CheckedProperties<'a> {
    pub(super) const fn new(encoded: &'a [u8]) -> Self {
        Self(Reader::new(encoded))
    }
}

impl<'a> Iterator for CheckedProperties<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        let identifier = read_identifier(&mut self.0).ok()?;
        Property::read(identifier, &mut self.0).ok()
    }
}

/// Errors when the payload is not what its Payload Format Indicator says.
pub(in super::super) fn check_payload_format(
    format: Option<PayloadFormat>,
    payload: &[u8],
) -> Result<(), DecodeError> {
    match format {
        Some(PayloadFormat::Utf8) if std::str::from_utf8(payload).is_err() => {
            Err(DecodeError::PayloadFormat)
        }
        _ => Ok(()),
    }
}
