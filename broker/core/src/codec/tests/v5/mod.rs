//! What the codec accepts, rejects and writes of MQTT 5.0.

mod decoding;
mod differential;
mod encoding;
mod properties;

use super::packets::{Example, SIZE_MAX};
use super::{AnyPacket, decode, packets_v5};
use crate::codec::{self, DecodeError, PacketIdentifier, ProtocolVersion};
use crate::topic::TopicName;

/// Takes one packet off `bytes` and reads it, as a connection of MQTT 5.0 does.
fn read(bytes: &[u8]) -> Result<Option<AnyPacket<'_>>, DecodeError> {
    read_up_to(bytes, 1 << 20)
}

fn read_up_to(bytes: &[u8], size_max: usize) -> Result<Option<AnyPacket<'_>>, DecodeError> {
    let found = codec::split(bytes, size_max)?;
    found.map(|(frame, _)| decode(frame, ProtocolVersion::V5)).transpose()
}

/// The packets of the table that a Server accepts.
fn good() -> impl Iterator<Item = Example> {
    packets_v5::all().filter(|example| example.outcome.is_ok())
}

fn identifier(number: u16) -> PacketIdentifier {
    PacketIdentifier::new(number).expect("not zero")
}

fn topic(name: &str) -> TopicName<'_> {
    TopicName::new(name).expect("a Topic Name")
}

/// A packet of a first byte and a body.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    codec::encode_remaining_length(body.len(), &mut bytes);
    bytes.extend_from_slice(body);
    bytes
}
