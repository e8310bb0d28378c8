//! What one connection may take of a turn.

/// Bytes of the buffer that all connections of a shard read into, and so the most that one of them
/// may bring per turn.
const READ_BYTES: u32 = 64 << 10;

/// PUBLISH packets that one read should bring at most. While they are handled nobody else is read, so that a
/// Client which floods the broker with small ones is the latency of the others. Acknowledgements cost little:
/// were they counted, a connection that exchanges both at QoS 2 would read in pieces that are too small.
const PUBLICATIONS_PER_READ: u64 = 512;

/// Output that one read should come to at most. Whoever publishes to thousands is read in smaller
/// pieces, so that others need not wait until all that it sent has been copied and written.
const OUTPUT_PER_READ: u64 = 2 << 20;

/// Less is not worth a system call.
const READ_BYTES_MIN: u32 = 512;

/// Bytes that a connection reads at once: the fewer, the more work came of what it sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(u32);

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
    pub(super) const WHOLE: Self = Self(READ_BYTES);

    pub(super) const fn bytes(self) -> usize {
        self.0 as usize
    }

    /// After `received` bytes took the work from `before` to `after`.
    pub(super) fn next(received: usize, before: Work, after: Work) -> Self {
        let received = received as u64;
        let publications = after.publications.saturating_sub(before.publications);
        let output = after.output.saturating_sub(before.output) as u64;
        let fit = |budget: u64, spent| received.saturating_mul(budget).checked_div(spent);
        let fit = [fit(PUBLICATIONS_PER_READ, publications), fit(OUTPUT_PER_READ, output)];
        let bytes = fit.into_iter().flatten().min().and_then(|bytes| u32::try_from(bytes).ok());
        Self(bytes.unwrap_or(READ_BYTES).clamp(READ_BYTES_MIN, READ_BYTES))
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
        assert_eq!(after(ALL, 1, ALL), ALL, "a large payload");
        assert_eq!(after(ALL, 0, 0), ALL, "a part of a larger one");
        assert_eq!(after(40, 1, 40 * 1_000), 2_097);
        assert_eq!(after(ALL, 1_638, ALL * 1_000), 2_097);
        assert_eq!(after(40, 1, 40 * 100_000), READ_BYTES_MIN as usize);
    }
}
