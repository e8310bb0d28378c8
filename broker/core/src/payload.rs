//! Payloads: bytes that many hold and nobody copies.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// What was published, shared by reference between queues, outputs, retained messages and shards.
///
/// A small payload is copied once, out of the buffer that it was received into. A large one stays
/// in that buffer, which was made for its packet alone, see
/// [`Shard::packet_buffer`](crate::Shard::packet_buffer).
#[derive(Clone)]
pub struct Payload(Bytes);

// Two words, as a reference to a slice has: every message holds one.
#[derive(Clone)]
enum Bytes {
    Copied(Arc<[u8]>),
    InPacket(Arc<Packet>),
}

/// A PUBLISH in a buffer of its own.
#[derive(Debug)]
pub(crate) struct Packet {
    /// The packet, and perhaps the front of what was received behind it.
    bytes: Vec<u8>,
    payload: Range<usize>,
}

impl Packet {
    /// `payload` is where in `bytes` the payload lies.
    pub(crate) const fn new(bytes: Vec<u8>, payload: Range<usize>) -> Self {
        Self { bytes, payload }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    // Kept apart from where small payloads pass.
    #[inline(never)]
    fn payload(&self) -> &[u8] {
        self.bytes.get(self.payload.clone()).unwrap_or_default()
    }

    /// Whether the payload is worth the whole buffer: who holds it holds that, and limits count the
    /// payload. Topic and properties may be as long.
    pub(crate) fn is_mostly_payload(&self) -> bool {
        self.payload.len() >= self.bytes.capacity() / 2
    }
}

impl Payload {
    /// That of a PUBLISH, with its whole packet.
    pub(crate) const fn of(packet: Arc<Packet>) -> Self {
        Self(Bytes::InPacket(packet))
    }
}

impl Deref for Payload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Copied(bytes) => bytes,
            Bytes::InPacket(packet) => packet.payload(),
        }
    }
}

impl<T: Into<Arc<[u8]>>> From<T> for Payload {
    fn from(bytes: T) -> Self {
        Self(Bytes::Copied(bytes.into()))
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_two_words() {
        assert_eq!(size_of::<Payload>(), size_of::<Arc<[u8]>>());
    }

    #[test]
    fn a_payload_in_its_packet_is_that_part_of_it() {
        let bytes = vec![1, 2, 3, 4, 5];
        let place = bytes.as_ptr();
        let payload = Payload::of(Arc::new(Packet::new(bytes, 1..4)));
        assert_eq!(payload, Payload::from([2, 3, 4]));
        assert_eq!(payload.as_ptr(), place.wrapping_add(1));
        assert_eq!(format!("{payload:?}"), "[2, 3, 4]");
    }
}
