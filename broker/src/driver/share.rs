//! What one connection may take of a turn.

use std::num::NonZeroU32;

use broker_core::LARGE_PACKET_MIN;

/// Bytes of the buffer that all connections of a shard read into, and so the most that one of them
/// may bring per turn.
const READ_BYTES: u32 = 64 << 10;

/// PUBLISH packets that one read should bring at most. While they are handled nobody else is read, so that a
/// Client which floods the broker with small ones is the latency of the others. Acknowledgements cost little:
/// were they counted, a connection that exchanges both at QoS 2 would read in pieces that are too small.
const PUBLICATIONS_PER_READ: u64 = 512;

/// Output that one read should come to at most. Whoever publishes to thousands is read in smaller
/// pieces, so that others need not wait until all that it sent has been copied and written: some 2 ms.
const OUTPUT_PER_READ: u64 = 8 << 20;

/// Less is not worth a system call.
const READ_BYTES_MIN: u32 = 512;

/// Bytes of a large packet that are read at once, into its own buffer. They cost one copy by the
/// system and no other work, some 50 µs.
pub(super) const IN_PLACE_BYTES: usize = 256 << 10;

/// Bytes that a connection reads at once: the fewer, the more work came of what it sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(NonZeroU32);

/// Where the next bytes of a connection are read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// The buffer that all share, so much of it.
    Scratch(Share),
    /// The buffer of the large packet that the connection is in the middle of.
    Packet,
}

/// What has been done so far, as counters that grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    /// PUBLISH packets handled.
    pub(super) publications: u64,
    /// Bytes put into outputs.
    pub(super) output: usize,
}

impl Share {
    /// Of a connection that has sent nothing yet.
    pub(super) const WHOLE: Self = Self::of(READ_BYTES);

    /// Of one that sends large packets: enough to see how the next one begins, so that the rest of it
    /// can be read in place.
    pub(super) const FRONT: Self = Self::of(READ_BYTES_MIN);

    const fn of(bytes: u32) -> Self {
        match NonZeroU32::new(bytes) {
            Some(bytes) => Self(bytes),
            None => Self(NonZeroU32::MIN),
        }
    }

    pub(super) const fn bytes(self) -> usize {
        self.0.get() as usize
    }

    /// After `received` bytes took the work from `before` to `after`.
    pub(super) fn next(received: usize, before: Work, after: Work) -> Self {
        let received = received as u64;
        let publications = after.publications.saturating_sub(before.publications);
        let output = after.output.saturating_sub(before.output) as u64;
        if publications > 0 && received >= publications.saturating_mul(LARGE_PACKET_MIN as u64) {
            return Self::FRONT;
        }
        let fit = |budget: u64, spent| received.saturating_mul(budget).checked_div(spent);
        let fit = [fit(PUBLICATIONS_PER_READ, publications), fit(OUTPUT_PER_READ, output)];
        let bytes = fit.into_iter().flatten().min().and_then(|bytes| u32::try_from(bytes).ok());
        Self::of(bytes.unwrap_or(READ_BYTES).clamp(READ_BYTES_MIN, READ_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: usize = READ_BYTES as usize;

    fn after(received: usize, publications: u64, output: usize) -> usize {
        let before = Work { publications: 7, output: 9 };
        let after = Work { publications: 7 + publications, output: 9 + output };
        Share::next(received, before, after).bytes()
    }

    #[test]
    fn who_causes_much_work_reads_little_at_once() {
        assert_eq!(after(4, 0, 0), ALL, "an acknowledgement");
        assert_eq!(after(40, 1, 40), 20_480);
        assert_eq!(after(ALL, 1_638, ALL), 20_485);
        assert_eq!(after(20_000, 1, 20_000), ALL, "a middling payload");
        assert_eq!(after(ALL, 0, 0), ALL, "a part of a large one");
        assert_eq!(after(40, 1, 40 * 1_000), 8_388);
        assert_eq!(after(ALL, 1_638, ALL * 1_000), 8_388);
        assert_eq!(after(40, 1, 40 * 100_000), READ_BYTES_MIN as usize);
    }

    #[test]
    fn who_sends_large_packets_is_asked_first_how_the_next_begins() {
        assert_eq!(after(LARGE_PACKET_MIN, 1, LARGE_PACKET_MIN), Share::FRONT.bytes());
        assert_eq!(after(2 * LARGE_PACKET_MIN, 2, 0), Share::FRONT.bytes());
        assert_eq!(after(2 * LARGE_PACKET_MIN, 3, 0), ALL, "some of them are smaller");
    }

    #[test]
    fn a_connection_keeps_its_room_in_four_bytes() {
        assert_eq!(size_of::<Room>(), 4);
    }
}
