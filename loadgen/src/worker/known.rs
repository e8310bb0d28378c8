//! Deliveries that were read before.
//!
//! A publication reaches each of its subscribers in the same bytes, at QoS 1 but for the Packet Identifier: what the first
//! delivery of it was found to be, in full, is what the next 2,499 are. Comparing them with the first costs less than a fifth
//! of decoding and checking them again, and misses nothing: one bit of difference, and the frame is read like any other.

use std::num::NonZeroU16;

use crate::mqtt::Version;
use crate::payload::Stamp;

/// Bytes of the longest frame that is remembered; its Remaining Length has one byte.
const FRAME_BYTES_MAX: usize = 128;

/// Frames that are remembered, the last ones: several times what is under way at once. A closed loop has hundreds of
/// them in one read.
const FRAMES: usize = 1_024;

/// Places where a frame is looked for by its last bytes, several for each.
const PLACES: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 12;

/// A PUBLISH of QoS 0 or 1 that is neither retained nor a duplicate.
const AT_MOST_ONCE: u8 = 0x30;
const AT_LEAST_ONCE: u8 = 0x32;

/// Recent frames and what they carry, in the order in which they were learnt: in which every other subscriber gets
/// them, too.
#[derive(Debug)]
pub(super) struct Known {
    /// A ring. Empty where no frame comes twice.
    frames: Box<[Frame]>,
    /// Where the next frame is learnt.
    end: usize,
    /// Where the next frame is looked for first.
    expected: usize,
    /// Where frames with such last bytes were learnt.
    places: Box<[u16]>,
}

#[derive(Clone, Debug)]
struct Frame {
    length: u8,
    version: Version,
    bytes: [u8; FRAME_BYTES_MAX],
    stamp: Stamp,
}

/// What a frame that was read before carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) stamp: Stamp,
    /// Bytes of the frame.
    pub(super) length: usize,
    /// At QoS 1, what is to be acknowledged.
    pub(super) identifier: Option<NonZeroU16>,
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
        let (frames, places) = if fans_out { (FRAMES, PLACES) } else { (0, 0) };
        Self {
            frames: vec![none; frames].into_boxed_slice(),
            end: 0,
            expected: 0,
            places: vec![0; places].into_boxed_slice(),
        }
    }

    /// What the frame at the front of `bytes` carries, when it was read before.
    #[inline]
    pub(super) fn find(&mut self, version: Version, bytes: &[u8]) -> Option<Found> {
        let frame = frame(bytes)?;
        let found = match self.frames.get(self.expected) {
            Some(expected) if expected.is(version, frame) => self.expected,
            _ => usize::from(*self.places.get(place(frame)?)?),
        };
        let known = self.frames.get(found).filter(|known| known.is(version, frame))?;
        let identifier = match identifier_at(frame) {
            None => None,
            Some(at) => {
                let bytes = *frame.get(at..)?.first_chunk()?;
                Some(NonZeroU16::new(u16::from_be_bytes(bytes))?)
            }
        };
        self.expected = (found + 1) % FRAMES;
        Some(Found { stamp: known.stamp, length: frame.len(), identifier })
    }

    /// Remembers a whole PUBLISH with a Topic Name, not an alias, that was found to carry `stamp`.
    #[inline]
    pub(super) fn learn(&mut self, version: Version, bytes: &[u8], stamp: Stamp) {
        if let Some(frame) = frame(bytes)
            && let Some(place) = place(frame).and_then(|place| self.places.get_mut(place))
            && let Some(known) = self.frames.get_mut(self.end)
            && let (Ok(length), Ok(end)) = (u8::try_from(frame.len()), u16::try_from(self.end))
        {
            known.bytes[..frame.len()].copy_from_slice(frame);
            (known.length, known.version, known.stamp) = (length, version, stamp);
            *place = end;
            self.end = (self.end + 1) % FRAMES;
            self.expected = self.end;
        }
    }
}

impl Frame {
    #[inline]
    fn is(&self, version: Version, frame: &[u8]) -> bool {
        usize::from(self.length) == frame.len()
            && self.version == version
            && match identifier_at(frame) {
                None => self.bytes[..frame.len()] == *frame,
                Some(at) => {
                    self.bytes[..at] == frame[..at]
                        && self.bytes[at + 2..frame.len()] == frame[at + 2..]
                }
            }
    }
}

/// The frame at the front of `bytes`, if it is whole and of the kind that is remembered.
#[inline]
fn frame(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [AT_MOST_ONCE | AT_LEAST_ONCE, remaining, ..]
            if usize::from(*remaining) <= FRAME_BYTES_MAX - 2 =>
        {
            bytes.get(..usize::from(*remaining) + 2)
        }
        _ => None,
    }
}

/// Where the Packet Identifier of a frame lies, if it has one, and whole.
#[inline]
fn identifier_at(frame: &[u8]) -> Option<usize> {
    match *frame {
        [AT_LEAST_ONCE, _, high, low, ..] => {
            let at = 4 + usize::from(u16::from_be_bytes([high, low]));
            (at + 2 <= frame.len()).then_some(at)
        }
        _ => None,
    }
}

/// The last bytes differ most between publications: the stamp ends with its check.
#[inline]
fn place(frame: &[u8]) -> Option<usize> {
    let last = u64::from_le_bytes(*frame.last_chunk()?);
    usize::try_from(last.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACE_BITS)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(sequence: u32) -> Stamp {
        Stamp { publisher: 1, sequence, due_ns: 2, lag_us: 3 }
    }

    fn found(sequence: u32, length: usize, identifier: u16) -> Found {
        let identifier = NonZeroU16::new(identifier);
        Found { stamp: stamp(sequence), length, identifier }
    }

    #[test]
    fn a_frame_is_known_once_it_was_learnt_whatever_follows_it() {
        let mut known = Known::new(true);
        let frame = b"\x30\x0a\x00\x01t2345678";
        assert_eq!(known.find(Version::V311, frame), None);
        known.learn(Version::V311, frame, stamp(7));
        let longer = b"\x30\x0a\x00\x01t2345678rest";
        assert_eq!(known.find(Version::V311, longer), Some(found(7, 12, 0)));
        assert_eq!(
            known.find(Version::V5, frame),
            None,
            "the same bytes mean something else there"
        );
        assert_eq!(known.find(Version::V311, &frame[..11]), None, "not whole");
    }

    #[test]
    fn at_qos_1_each_subscriber_has_its_own_packet_identifier() {
        let mut known = Known::new(true);
        let frame =
            |identifier: u8| [&b"\x32\x0f\x00\x01t\x00"[..], &[identifier], b"0123456789"].concat();
        known.learn(Version::V311, &frame(1), stamp(7));
        assert_eq!(known.find(Version::V311, &frame(9)), Some(found(7, 17, 9)));
        assert_eq!(known.find(Version::V311, &frame(0)), None, "[MQTT-2.3.1-1]");
    }

    #[test]
    fn frames_are_found_in_any_order_and_the_oldest_are_forgotten() {
        let mut known = Known::new(true);
        let frame = |number: usize| {
            [&b"\x30\x0b\x00\x01t"[..], &number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()]
                .concat()
        };
        for number in 0..=FRAMES {
            let sequence = u32::try_from(number).unwrap();
            known.learn(Version::V311, &frame(number), stamp(sequence));
        }
        let mut found = |number: usize| known.find(Version::V311, &frame(number)).is_some();
        assert!(!found(0), "the place of the last one");
        assert!((1..=FRAMES).all(&mut found), "one after the other");
        let missed = (1..=FRAMES).rev().filter(|number| !found(*number)).count();
        assert!(missed < FRAMES / 4, "{missed} whose place another one has");
    }

    #[test]
    fn what_has_its_own_answer_or_is_old_is_never_known() {
        let mut known = Known::new(true);
        for first in [0x31, 0x33, 0x34, 0x38, 0x3a, 0x40] {
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
            let mut frame = vec![AT_MOST_ONCE, u8::try_from(body.len()).unwrap()];
            frame.extend_from_slice(&body);
            let mut known = Known::new(true);
            known.learn(Version::V311, &frame, stamp(1));
            prop_assert_eq!(known.find(Version::V311, &frame), Some(found(1, frame.len(), 0)));
            let place = place.index(frame.len());
            frame[place] ^= 1 << bit;
            prop_assert_eq!(known.find(Version::V311, &frame), None);
        }
    }
}
