//! Large packets: a PUBLISH that does not come whole is received into a buffer of its own, which then
//! becomes the payload that all its receivers share. Between the socket that it comes from and those
//! that it goes to nobody copies it.

use std::sync::Arc;

use super::Shard;
use super::connection::{CloseCause, ConnectionKey, Phase};
use crate::codec::{FixedHeader, Frame, PacketType, ProtocolVersion, Publish};
use crate::payload::Packet;
use crate::time::Time;

/// Bytes of a PUBLISH from which on it gets a buffer of its own as soon as its fixed header is there.
///
/// What is saved are two copies of a packet that came in parts, and what is paid for it are more and
/// smaller reads. The two meet between 24,000 bytes, where a threshold below costs 5 % of the CPU time
/// of a delivery, and 32 KiB, where it spares 11 % (docs/performance.md).
pub const LARGE_PACKET_MIN: usize = 32 << 10;

/// Room for what comes behind a large packet in the same read: the fixed header of the next one or a
/// few acknowledgements, so that neither takes a read of its own.
const READ_AHEAD: usize = 512;

/// Room that a packet gets on the word of its fixed header alone, in bytes. A longer one gets four
/// times what has come of it, and that is then moved: at 16 MiB a third of the packet in all, at worst
/// (just above a step) a third more than the packet.
const UNEARNED_BYTES_MAX: usize = 256 << 10;

/// Whether what follows this fixed header belongs into a buffer of its own.
pub(super) fn is_large(header: &FixedHeader, phase: Phase) -> bool {
    header.packet == PacketType::Publish
        && header.size() >= LARGE_PACKET_MIN
        && matches!(phase, Phase::Connected(_))
}

/// Appends to the front of a large packet of `size` bytes, and has room for one more at least while
/// there are fewer.
pub(super) fn extend(buffer: &mut Vec<u8>, bytes: &[u8], size: usize) {
    let received = buffer.len() + bytes.len();
    if buffer.capacity() <= received {
        let earned = (4 * received).max(UNEARNED_BYTES_MAX);
        buffer.reserve_exact(earned.min(size + READ_AHEAD) - buffer.len());
    }
    buffer.extend_from_slice(bytes);
}

/// The packet at the front of a buffer.
fn frame(buffer: &[u8], header: FixedHeader) -> Frame<'_> {
    Frame { header, body: buffer.get(header.length..header.size()).unwrap_or_default() }
}

impl Shard {
    /// The buffer of a large PUBLISH whose end has not come yet, if a connection is in the middle of
    /// one. What is received next is best appended there, as far as its capacity goes, and is then
    /// told to [`handle_appended`](Self::handle_appended). There is room for one byte at least.
    pub fn packet_buffer(&mut self, key: ConnectionKey) -> Option<&mut Vec<u8>> {
        let size_max = self.limits.packet_bytes_max;
        let connection = self.links.get_mut(key)?;
        let header = FixedHeader::decode(&connection.partial, size_max).ok()??;
        let has_room = connection.partial.len() < connection.partial.capacity();
        (has_room && is_large(&header, connection.phase)).then_some(&mut connection.partial)
    }

    /// Handles the last `count` bytes of a connection's [`packet_buffer`](Self::packet_buffer), which
    /// were received there. Answers as [`handle_bytes`](Self::handle_bytes) does.
    pub fn handle_appended(&mut self, now: Time, key: ConnectionKey, count: usize) -> bool {
        let Some(partial) = self.begin_receiving(now, key, count) else { return false };
        self.statistics.bytes_received_in_place += count as u64;
        let handled = self.handle_continuation(key, partial, &[]);
        self.end_receiving(key, handled)
    }

    /// Handles a large PUBLISH that is all there. Its buffer is given back, for the next packet may
    /// have begun behind it.
    pub(super) fn handle_large(
        &mut self,
        key: ConnectionKey,
        state: (Phase, ProtocolVersion),
        header: FixedHeader,
        buffer: Vec<u8>,
    ) -> Result<Arc<Packet>, CloseCause> {
        // Decoded here and again where it is handled: a borrowed payload ends when its buffer is to
        // be shared.
        let payload_length = Publish::decode(frame(&buffer, header), state.1)?.payload.len();
        let payload = header.size() - payload_length..header.size();
        let packet = Arc::new(Packet::new(buffer, payload));
        let shared = Some(&packet).filter(|packet| packet.is_mostly_payload());
        self.handle_packet(key, state, frame(packet.bytes(), header), shared)?;
        Ok(packet)
    }
}
