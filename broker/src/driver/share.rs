//! What one connection may take of a turn.

use super::READ_BYTES;

/// Output that one read should come to at most. Whoever publishes to thousands is read in smaller
/// pieces, so that others need not wait until all that it sent has been copied and written.
const OUTPUT_PER_READ: usize = 2 << 20;

/// Less is not worth a system call.
const READ_BYTES_MIN: usize = 512;

/// Bytes that a connection reads at once: the fewer, the more output came of what it sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(usize);

impl Share {
    /// Of a connection that has sent nothing yet.
    pub(super) const WHOLE: Self = Self(READ_BYTES);

    pub(super) const fn bytes(self) -> usize {
        self.0
    }

    /// After `received` bytes came to `output` bytes.
    pub(super) fn after(received: usize, output: usize) -> Self {
        match received.saturating_mul(OUTPUT_PER_READ).checked_div(output) {
            None => Self::WHOLE,
            Some(bytes) => Self(bytes.clamp(READ_BYTES_MIN, READ_BYTES)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_causes_much_output_reads_little_at_once() {
        assert_eq!(Share::after(40, 0), Share::WHOLE);
        assert_eq!(Share::after(READ_BYTES, READ_BYTES), Share::WHOLE);
        assert_eq!(Share::after(40, 40 * 1_000).bytes(), 2_097);
        assert_eq!(Share::after(READ_BYTES, READ_BYTES * 1_000).bytes(), 2_097);
        assert_eq!(Share::after(40, 40 * 100_000).bytes(), READ_BYTES_MIN);
        assert_eq!(Share::after(usize::MAX, 1), Share::WHOLE);
    }
}
