//! SUBSCRIBE, MQTT 3.8.

use super::acknowledgement::PacketIdentifier;
use super::error::DecodeError;
use super::reader::Reader;
use crate::qos::QoS;
use crate::topic::TopicFilter;

/// A SUBSCRIBE, borrowed from the receive buffer. All of it has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Subscribe<'a> {
    /// For the SUBACK.
    pub packet_identifier: PacketIdentifier,
    entries: Reader<'a>,
}

impl<'a> Subscribe<'a> {
    /// Reads the body of a SUBSCRIBE.
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

    /// Topic Filters with the QoS that is asked for, in order.
    pub const fn entries(&self) -> SubscribeEntries<'a> {
        SubscribeEntries(self.entries)
    }
}

/// Iterates over the Topic Filters of a [`Subscribe`].
#[derive(Clone, Debug)]
pub struct SubscribeEntries<'a>(Reader<'a>);

impl<'a> Iterator for SubscribeEntries<'a> {
    type Item = (TopicFilter<'a>, QoS);

    fn next(&mut self) -> Option<Self::Item> {
        decode_entry(&mut self.0).ok()
    }
}

fn decode_entry<'a>(reader: &mut Reader<'a>) -> Result<(TopicFilter<'a>, QoS), DecodeError> {
    let filter = TopicFilter::new(reader.utf8()?)?;
    let requested = reader.u8()?;
    let qos = QoS::from_bits(requested).ok_or(DecodeError::RequestedQoS(requested))?;
    Ok((filter, qos))
}
