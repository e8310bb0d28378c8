//! UNSUBSCRIBE, MQTT 3.10.

use super::acknowledgement::PacketIdentifier;
use super::error::DecodeError;
use super::reader::Reader;
use crate::topic::TopicFilter;

/// An UNSUBSCRIBE, borrowed from the receive buffer. All of it has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Unsubscribe<'a> {
    /// For the UNSUBACK.
    pub packet_identifier: PacketIdentifier,
    entries: Reader<'a>,
}

impl<'a> Unsubscribe<'a> {
    /// Reads the body of an UNSUBSCRIBE.
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_identifier = reader.packet_identifier()?;
        if reader.is_empty() {
            return Err(DecodeError::NoTopicFilter);
        }
        let entries = reader;
        while !reader.is_empty() {
            decode_entry(&mut reader)?;
        }
        Ok(Self { packet_identifier, entries })
    }

    /// The Topic Filters, in order.
    pub const fn entries(&self) -> UnsubscribeEntries<'a> {
        UnsubscribeEntries(self.entries)
    }
}

/// Iterates over the Topic Filters of an [`Unsubscribe`].
#[derive(Clone, Debug)]
pub struct UnsubscribeEntries<'a>(Reader<'a>);

impl<'a> Iterator for UnsubscribeEntries<'a> {
    type Item = TopicFilter<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        decode_entry(&mut self.0).ok()
    }
}

fn decode_entry<'a>(reader: &mut Reader<'a>) -> Result<TopicFilter<'a>, DecodeError> {
    Ok(TopicFilter::new(reader.utf8()?)?)
}
