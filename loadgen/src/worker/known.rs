//! Deliveries that were read before.
//!
//! A publication reaches each of its subscribers in the same bytes at QoS 0: what the first delivery of it was found to be,
//! in full, is what the next 2,499 are. Comparing them with the first costs less than a fifth of decoding and checking them again,
//! and misses nothing: one bit of difference, and the frame is read like any other.

use crate::mqtt::Version;
use crate::payload::Stamp;

/// Bytes of the longest frame that is remembered; its Remaining Length has one byte.
const FRAME_BYTES_MAX: usize = 128;

/// Frames that are remembered: several times what is under way at once when the schedule is kept.
const FRAMES: usize = 1 << FRAME_BITS;
const FRAME_BITS: u32 = 8;

/// A PUBLISH of QoS 0 that is neither retained nor a duplicate.
const FIRST_BYTE: u8 = 0x30;

/// Recent frames and what they carry, each in the one place that its last bytes give it.
#[derive(Debug)]
pub(super) struct Known {
    /// Empty where no frame comes twice.
    frames: Box<[Frame]>,
}

#[derive(Clone, Debug)]
struct Frame {
    length: u8,
    version: Version,
    bytes: [u8; FRAME_BYTES_MAX],
    stamp: Stamp,
}

impl Known {
    /// Remembers frames if publications have several subscribers.
    pub(super) fn new(fans_out: bool) -> Self {
        let none = Frame {
            length: 0,
            version: Version::V311,
            bytes: [0; FRAME_BYTES_MAX],
            stamp: Stamp { publisher: 0, sequence: 0, due_ns: 0, lag_us: 0 },
        };
        Self { frames: vec![none; if fans_out { FRAMES } else { 0 }].into_boxed_slice() }
    }

    /// What the frame at the front of `bytes` carries, and its length, when it was read before.
    #[inline]
    pub(super) fn find(&self, version: Version, bytes: &[u8]) -> Option<(Stamp, usize)> {
        let frame = frame(bytes)?;
        let known = self.frames.get(place(frame)?)?;
        let same = usize::from(known.length) == frame.len()
            && known.version == version
            && known.bytes[..frame.len()] == *frame;
        same.then_some((known.stamp, frame.len()))
    }

    /// Remembers a whole PUBLISH with a Topic Name, not an alias, that was found to carry `stamp`.
    #[inline]
    pub(super) fn learn(&mut self, version: Version, bytes: &[u8], stamp: Stamp) {
        let Some((frame, place)) = frame(bytes).and_then(|frame| Some((frame, place(frame)?)))
        else {
            return;
        };
        if let Some(known) = self.frames.get_mut(place)
            && let Ok(length) = u8::try_from(frame.len())
        {
            known.bytes[..frame.len()].copy_from_slice(frame);
            (known.length, known.version, known.stamp) = (length, version, stamp);
        }
    }
}

/// The frame at the front of `bytes`, if it is whole and of the kind that is remembered.
#[inline]
fn frame(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [FIRST_BYTE, remaining, ..] if usize::from(*remaining) <= FRAME_BYTES_MAX - 2 => {
            bytes.get(..usize::from(*remaining) + 2)
        }
        _ => None,
    }
}

/// The last bytes differ most between publications: the stamp ends with its check.
#[inline]
fn place(frame: &[u8]) -> Option<usize> {
    let last = u64::from_le_bytes(*frame.last_chunk()?);
    usize::try_from(last.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - FRAME_BITS)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(sequence: u32) -> Stamp {
        Stamp { publisher: 1, sequence, due_ns: 2, lag_us: 3 }
    }

    #[test]
    fn a_frame_is_known_once_it_was_learnt_whatever_follows_it() {
        let mut known = Known::new(true);
        let frame = b"\x30\x0a\x00\x01t2345678";
        assert_eq!(known.find(Version::V311, frame), None);
        known.learn(Version::V311, frame, stamp(7));
        assert_eq!(
            known.find(Version::V311, b"\x30\x0a\x00\x01t2345678rest"),
            Some((stamp(7), 12))
        );
        assert_eq!(
            known.find(Version::V5, frame),
            None,
            "the same bytes mean something else there"
        );
        assert_eq!(known.find(Version::V311, &frame[..11]), None, "not whole");
    }

    #[test]
    fn what_needs_an_answer_or_is_old_is_never_known() {
        let mut known = Known::new(true);
        for first in [0x31, 0x32, 0x34, 0x38, 0x40] {
            let frame = [first, 10, 0, 1, b't', 0, 1, 2, 3, 4, 5, 6];
            known.learn(Version::V311, &frame, stamp(0));
            assert_eq!(known.find(Version::V311, &frame), None);
        }
    }

    #[test]
    fn where_no_frame_comes_twice_none_is_remembered() {
        let mut known = Known::new(false);
        let frame = b"\x30\x0a\x00\x01t2345678";
        known.learn(Version::V311, frame, stamp(0));
        assert_eq!(known.find(Version::V311, frame), None);
    }

    proptest! {
        #[test]
        fn a_frame_that_differs_in_a_bit_is_not_known(
            body in proptest::collection::vec(any::<u8>(), 6..=126),
            place in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let mut frame = vec![FIRST_BYTE, u8::try_from(body.len()).unwrap()];
            frame.extend_from_slice(&body);
            let mut known = Known::new(true);
            known.learn(Version::V311, &frame, stamp(1));
            prop_assert_eq!(known.find(Version::V311, &frame), Some((stamp(1), frame.len())));
            let place = place.index(frame.len());
            frame[place] ^= 1 << bit;
            prop_assert_eq!(known.find(Version::V311, &frame), None);
        }
    }
}
