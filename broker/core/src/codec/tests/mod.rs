//! What the codec accepts, rejects and writes.

mod any_packet;
mod decoding;
mod differential;
mod encoding;
mod packets;
mod packets_v5;
mod properties;
mod v5;

// For the two files that the fuzz package includes as well.
use crate::{codec, topic};

use any_packet::{AnyPacket, decode};
use packets::Example;

use crate::codec::{DecodeError, ProtocolVersion};

/// Takes one packet off `bytes` and reads it, as a connection of MQTT 3.1.1 does.
fn read(bytes: &[u8], size_max: usize) -> Result<Option<AnyPacket<'_>>, DecodeError> {
    codec::split(bytes, size_max)?.map(|(frame, _)| decode(frame, ProtocolVersion::V4)).transpose()
}

/// The packets of the table that a Server accepts.
fn good() -> impl Iterator<Item = Example> {
    packets::all().filter(|example| example.outcome.is_ok())
}
