//! UNSUBSCRIBE, MQTT 3.10.

use super::error::DecodeError;
use super::packet_identifier::PacketIdentifier;
use super::properties::{PropertyReader, PropertySet, UserProperties};
use super::protocol_version::ProtocolVersion;
use super::reader::Reader;
use crate::topic::SubscriptionTarget;

/// An UNSUBSCRIBE, borrowed from the receive buffer. All of it has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Unsubscribe<'a> {
    /// For the UNSUBACK.
    pub packet_identifier: PacketIdentifier,
    /// User Properties; none before 5.0.
    pub user_properties: UserProperties<'a>,
    entries: Reader<'a>,
    version: ProtocolVersion,
}

impl<'a> Unsubscribe<'a> {
    /// Reads the body of an UNSUBSCRIBE.
    pub fn decode(body: &'a [u8], version: ProtocolVersion) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_identifier = reader.packet_identifier()?;
        let user_properties = match version {
            ProtocolVersion::V3 | ProtocolVersion::V4 => UserProperties::NONE,
            ProtocolVersion::V5 => decode_properties(&mut reader)?,
        };
        if reader.is_empty() {
            return Err(DecodeError::NoTopicFilter);
        }
        let entries = reader;
        while !reader.is_empty() {
            decode_entry(&mut reader, version)?;
        }
        Ok(Self { packet_identifier, user_properties, entries, version })
    }

    /// What is no longer subscribed to, in order.
    pub const fn entries(&self) -> UnsubscribeEntries<'a> {
        UnsubscribeEntries { reader: self.entries, version: self.version }
    }
}

/// MQTT 5.0 3.10.2.1.
fn decode_properties<'a>(packet: &mut Reader<'a>) -> Result<UserProperties<'a>, DecodeError> {
    let mut reader = PropertyReader::new(packet, PropertySet::UNSUBSCRIBE)?;
    let user_properties = UserProperties::new(reader.rest());
    while reader.next()?.is_some() {}
    Ok(user_properties)
}

/// Iterates over the Topic Filters of an [`Unsubscribe`].
#[derive(Clone, Debug)]
pub struct UnsubscribeEntries<'a> {
    reader: Reader<'a>,
    version: ProtocolVersion,
}

impl<'a> Iterator for UnsubscribeEntries<'a> {
    type Item = SubscriptionTarget<'a>;

    fn next(&mut self) -> Option<SubscriptionTarget<'a>> {
        decode_entry(&mut self.reader, self.version).ok()
    }
}

fn decode_entry<'a>(
    reader: &mut Reader<'a>,
    version: ProtocolVersion,
) -> Result<SubscriptionTarget<'a>, DecodeError> {
    let filter = reader.utf8()?;
    Ok(match version {
        ProtocolVersion::V3 | ProtocolVersion::V4 => SubscriptionTarget::new_lenient(filter)?,
        ProtocolVersion::V5 => SubscriptionTarget::new(filter)?,
    })
}
