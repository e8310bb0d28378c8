//! The payload: a temperature that any subscriber can read, then a stamp from which the receiver
//! knows stream, sequence number, due time and send lag.
//!
//! ```text
//! 23 kX3AAAbAAAAE7AAAB9f_Q2cAAAAaq1_
//! │  │  │   │     │        │    └ check of all the others and of the size, 3 characters
//! │  │  │   │     │        └ send lag in µs, 5 characters, saturating (17 minutes)
//! │  │  │   │     └ due time in ns since the run's epoch, 9 characters (208 days)
//! │  │  │   └ sequence number, 6 characters
//! │  │  └ stream, 4 characters
//! │  └ run tag, 3 characters
//! └ temperature, 1 to 40
//! ```
//!
//! Every field is fixed-width base 64, most significant character first. A temperature of one
//! digit is followed by one space more at the end, so that all payloads of a run have one size.
//!
//! A text of the user follows the stamp after a space. A plain payload is the temperature or the text
//! alone; with MQTT 5 the stamp is then the Correlation Data.
//!
//! The stamp of a Will Message, which is written long before it is sent, has the planned end of the
//! connection as due time, in nanoseconds since the load began.

use bytes::BytesMut;

/// Digits of the stamp. None of them means anything in a Topic Filter or ends a word.
const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// Marks a byte that is not in [`ALPHABET`].
const INVALID: u8 = 0x80;

/// Value of each byte as a digit, or [`INVALID`].
const VALUES: [u8; 256] = values();

const TAG_CHARACTERS: usize = 3;
const PUBLISHER_CHARACTERS: usize = 4;
const SEQUENCE_CHARACTERS: usize = 6;
const DUE_CHARACTERS: usize = 9;
const LAG_CHARACTERS: usize = 5;
const CHECK_CHARACTERS: usize = 3;
/// Size of the stamp.
pub(crate) const STAMP_CHARACTERS: usize = TAG_CHARACTERS
    + PUBLISHER_CHARACTERS
    + SEQUENCE_CHARACTERS
    + DUE_CHARACTERS
    + LAG_CHARACTERS
    + CHECK_CHARACTERS;

/// The smallest payload: two digits, a space, the stamp.
pub(crate) const PAYLOAD_BYTES_MIN: usize = 2 + 1 + STAMP_CHARACTERS;

/// The largest plain payload: two digits.
pub(crate) const PLAIN_BYTES_MAX: usize = 2;

/// Publishers that the stamp can tell apart.
pub(crate) const PUBLISHERS_MAX: u32 = 1 << (6 * PUBLISHER_CHARACTERS);

/// The greatest send lag that the stamp can carry; longer lags read as this.
pub(crate) const LAG_MAX_US: u64 = (1 << (6 * LAG_CHARACTERS)) - 1;

/// What of a check is sent.
const CHECK_MASK: u64 = (1 << (6 * CHECK_CHARACTERS)) - 1;

/// Tells the messages of one run from those of another.
pub(crate) type RunTag = [u8; TAG_CHARACTERS];

/// Where the stamp is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampPlace {
    /// In the payload, after the temperature.
    Payload,
    /// In the Correlation Data of MQTT 5; the payload is plain.
    Correlation,
    /// Nowhere: deliveries can only be counted.
    Nowhere,
    /// Of a whole run: in the payload of some, in the Correlation Data of others.
    Mixed,
}

/// What a payload says about its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Number of the publisher, less than [`PUBLISHERS_MAX`].
    pub publisher: u32,
    /// Number of the publication among those of its publisher.
    pub sequence: u32,
    /// When it was due, in nanoseconds since the run's epoch.
    pub due_ns: u64,
    /// How much later it was sent, in microseconds, at most [`LAG_MAX_US`].
    pub lag_us: u64,
}

/// Why a message has no stamp that can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is of this run, and is not what was published.
    Corrupted,
    /// It is of another program or another run.
    Foreign,
}

/// Makes a tag of what distinguishes a run.
pub(crate) fn run_tag(seed: u64, started_ns: u64) -> RunTag {
    digits(scramble(seed ^ scramble(started_ns)))
}

/// `ceil(random * 40)` of one publication: 1 to 40, the same whenever the seed is.
pub(crate) fn temperature(seed: u64, publisher: u32, sequence: u32) -> u8 {
    let random = scramble(seed ^ (u64::from(publisher) << 32 | u64::from(sequence)));
    // The high half scaled to 40 values: no modulo, and the remainder shifts each by under 2^-26.
    let scaled = ((random >> 32) * 40) >> 32;
    u8::try_from(scaled).unwrap_or(39) + 1
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014): each input bit reaches each output bit.
pub(crate) fn scramble(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Appends a payload of exactly `size` bytes, or of [`PAYLOAD_BYTES_MIN`] when that is more. A `body`
/// follows the stamp, for which `size` has room.
pub(crate) fn write(
    out: &mut BytesMut,
    temperature: u8,
    (tag, stamp): (RunTag, &Stamp),
    body: &[u8],
    size: usize,
) {
    let (start, size) = (out.len(), size.max(PAYLOAD_BYTES_MIN));
    write_plain(out, temperature);
    let text = stamp_text(tag, stamp, &out[start..], checked_size(size, body));
    out.extend_from_slice(b" ");
    out.extend_from_slice(&text);
    if !body.is_empty() {
        out.extend_from_slice(b" ");
        out.extend_from_slice(body);
    }
    out.resize(start + size, b' ');
}

/// What stands for the size in a check: a text after the stamp is in it too.
#[inline]
fn checked_size(size: usize, body: &[u8]) -> usize {
    let body = body.trim_ascii();
    if body.is_empty() { size } else { size ^ text_check(body) }
}

#[cold]
fn text_check(body: &[u8]) -> usize {
    let all = body.iter().fold(0, |all, byte| scramble(all ^ u64::from(*byte)));
    usize::try_from(all >> 34).unwrap_or(0)
}

/// A plain payload and its size.
pub(crate) fn plain(temperature: u8) -> ([u8; PLAIN_BYTES_MAX], usize) {
    match temperature {
        10.. => ([b'0' + temperature / 10, b'0' + temperature % 10], 2),
        _ => ([b'0' + temperature, 0], 1),
    }
}

/// Appends a plain payload.
pub(crate) fn write_plain(out: &mut BytesMut, temperature: u8) {
    let (digits, size) = plain(temperature);
    out.extend_from_slice(&digits[..size]);
}

/// The stamp as it is sent, for a payload of `size` bytes that begins with `temperature`.
pub(crate) fn stamp_text(
    tag: RunTag,
    stamp: &Stamp,
    temperature: &[u8],
    size: usize,
) -> [u8; STAMP_CHARACTERS] {
    let stamp = &Stamp { lag_us: stamp.lag_us.min(LAG_MAX_US), ..*stamp };
    let mut text = [0; STAMP_CHARACTERS];
    let mut rest = &mut text[..];
    for field in [
        &tag[..],
        &digits::<PUBLISHER_CHARACTERS>(u64::from(stamp.publisher)),
        &digits::<SEQUENCE_CHARACTERS>(u64::from(stamp.sequence)),
        &digits::<DUE_CHARACTERS>(stamp.due_ns),
        &digits::<LAG_CHARACTERS>(stamp.lag_us),
        &digits::<CHECK_CHARACTERS>(check(tag, stamp, temperature, size)),
    ] {
        let (place, after) = rest.split_at_mut(field.len());
        place.copy_from_slice(field);
        rest = after;
    }
    text
}

/// What the check field holds. A message that was damaged in any field passes once in 262,144 times.
#[inline]
fn check(tag: RunTag, stamp: &Stamp, temperature: &[u8], size: usize) -> u64 {
    let bytes = temperature.iter().chain(&tag).fold(0, |all, byte| all << 8 | u64::from(*byte));
    let who = u64::from(stamp.publisher) << 32 | u64::from(stamp.sequence);
    let first = fold(who ^ 0xa076_1d64_78bd_642f, stamp.due_ns ^ 0xe703_7ed1_a0b4_28db);
    fold(first ^ stamp.lag_us ^ (size as u64) << 32, bytes ^ 0x8ebc_6af0_9c88_c6e3) >> 32
}

/// The halves of a product, mixed: the step of wyhash, which takes one multiplication.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the halves")]
    let halves = (product as u64, (product >> 64) as u64);
    halves.0 ^ halves.1
}

/// Reads the stamp of a payload of the run `tag`, and that all of the payload is as it was published.
#[inline]
pub(crate) fn read(payload: &[u8], tag: RunTag) -> Result<Stamp, Unread> {
    let ([_, b' ', text @ ..] | [_, _, b' ', text @ ..]) = payload else {
        return Err(unread(payload, tag));
    };
    let temperature = &payload[..payload.len() - text.len() - 1];
    match parse_stamp(text, tag) {
        Some((stamp, checked))
            if checked
                == check(
                    tag,
                    &stamp,
                    temperature,
                    checked_size(payload.len(), &text[STAMP_CHARACTERS..]),
                ) & CHECK_MASK =>
        {
            Ok(stamp)
        }
        _ => Err(unread(payload, tag)),
    }
}

/// Reads a stamp beside its payload, likewise.
#[inline]
pub(crate) fn read_beside(text: &[u8], payload: &[u8], tag: RunTag) -> Result<Stamp, Unread> {
    match parse_stamp(text, tag) {
        Some((stamp, checked))
            if checked == check(tag, &stamp, payload, payload.len()) & CHECK_MASK =>
        {
            Ok(stamp)
        }
        _ if text.starts_with(&tag) => Err(Unread::Corrupted),
        _ => Err(Unread::Foreign),
    }
}

/// Tells damage from what others publish: where the stamp would be is this run's tag, or a stamp that
/// no tag makes right.
#[cold]
fn unread(payload: &[u8], tag: RunTag) -> Unread {
    let damaged = |start: usize| {
        let Some(text) = payload.get(start..) else { return false };
        if text.starts_with(&tag) {
            return true;
        }
        let Some(its_tag) = text.first_chunk::<TAG_CHARACTERS>() else { return false };
        if payload[start - 1] != b' ' {
            return false;
        }
        let temperature = &payload[..start - 1];
        parse_stamp(text, *its_tag).is_some_and(|(stamp, checked)| {
            checked != check(*its_tag, &stamp, temperature, payload.len()) & CHECK_MASK
        })
    };
    if damaged(2) || damaged(3) { Unread::Corrupted } else { Unread::Foreign }
}

/// Whether this is a temperature and nothing else.
pub(crate) fn is_plain(payload: &[u8]) -> bool {
    matches!(payload, [b'1'..=b'9'] | [b'1'..=b'3', b'0'..=b'9'] | b"40")
}

/// The stamp of the run `tag` at the front of `text` and its check; `None` for anything else.
#[inline]
fn parse_stamp(text: &[u8], tag: RunTag) -> Option<(Stamp, u64)> {
    let stamp: &[u8; STAMP_CHARACTERS] = text.first_chunk()?;
    let (its_tag, rest) = stamp.split_first_chunk::<TAG_CHARACTERS>()?;
    let (publisher, rest) = rest.split_first_chunk::<PUBLISHER_CHARACTERS>()?;
    let (sequence, rest) = rest.split_first_chunk::<SEQUENCE_CHARACTERS>()?;
    let (due_ns, rest) = rest.split_first_chunk::<DUE_CHARACTERS>()?;
    let (lag_us, rest) = rest.split_first_chunk::<LAG_CHARACTERS>()?;
    let checked = rest.first_chunk::<CHECK_CHARACTERS>()?;
    if *its_tag != tag {
        return None;
    }
    let stamp = Stamp {
        publisher: u32::try_from(number(publisher)?).ok()?,
        sequence: u32::try_from(number(sequence)?).ok()?,
        due_ns: number(due_ns)?,
        lag_us: number(lag_us)?,
    };
    Some((stamp, number(checked)?))
}

/// The low `6 * N` bits of `value`.
#[inline]
fn digits<const N: usize>(mut value: u64) -> [u8; N] {
    let mut text = [0; N];
    for character in text.iter_mut().rev() {
        *character = ALPHABET[(value & 63) as usize];
        value >>= 6;
    }
    text
}

#[inline]
fn number<const N: usize>(text: &[u8; N]) -> Option<u64> {
    let mut value = 0;
    let mut faults = 0;
    for &character in text {
        let digit = VALUES[usize::from(character)];
        faults |= digit;
        value = value << 6 | u64::from(digit);
    }
    (faults & INVALID == 0).then_some(value)
}

const fn values() -> [u8; 256] {
    let mut values = [INVALID; 256];
    let mut digit = 0_u8;
    while digit < 64 {
        values[ALPHABET[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payload(temperature: u8, tag: RunTag, stamp: &Stamp, size: usize) -> BytesMut {
        let mut out = BytesMut::new();
        write(&mut out, temperature, (tag, stamp), b"", size);
        out
    }

    const STAMP: Stamp = Stamp { publisher: 2499, sequence: 7, due_ns: 1_234_567_890, lag_us: 15 };

    #[test]
    fn a_plain_subscriber_reads_the_temperature_first() {
        let text = payload(23, *b"abc", &STAMP, 0);
        assert!(text.starts_with(b"23 abc"));
        let text = payload(7, *b"abc", &STAMP, 0);
        assert!(text.starts_with(b"7 abc"));
    }

    #[test]
    fn every_payload_of_a_run_has_one_size() {
        for temperature in 1..=40 {
            assert_eq!(payload(temperature, *b"abc", &STAMP, 0).len(), PAYLOAD_BYTES_MIN);
            assert_eq!(payload(temperature, *b"abc", &STAMP, 100).len(), 100);
        }
    }

    #[test]
    fn another_run_and_other_payloads_have_no_stamp() {
        let text = payload(23, *b"abc", &STAMP, 0);
        for other in
            [&text[..], b"23", b"", b"23 degrees", b"a longer text of somebody else, in words"]
        {
            assert_eq!(read(other, *b"abd"), Err(Unread::Foreign));
        }
    }

    #[test]
    fn damage_anywhere_is_told_from_what_others_publish() {
        for temperature in [7, 23] {
            let text = payload(temperature, *b"abc", &STAMP, 50);
            for place in 0..text.len() {
                for bits in [1, 0x80, 0x55] {
                    let mut damaged = text.clone();
                    damaged[place] ^= bits;
                    let read = read(&damaged, *b"abc");
                    assert!(read.is_err(), "byte {place} with {bits:#x}");
                    // Outside the alphabet, the tag itself cannot be told from another program's word.
                    if bits == 1 && !(2..6).contains(&place) {
                        assert_eq!(read, Err(Unread::Corrupted), "byte {place}");
                    }
                }
            }
            let short = &text[..text.len() - 1];
            assert_eq!(read(short, *b"abc"), Err(Unread::Corrupted));
            let mut long = text.clone();
            long.extend_from_slice(b" ");
            assert_eq!(read(&long, *b"abc"), Err(Unread::Corrupted));
        }
    }

    #[test]
    fn a_stamp_beside_another_payload_is_damage() {
        let text = stamp_text(*b"abc", &STAMP, b"23", 2);
        assert_eq!(read_beside(&text, b"23", *b"abc"), Ok(STAMP));
        assert_eq!(read_beside(&text, b"24", *b"abc"), Err(Unread::Corrupted));
        assert_eq!(read_beside(&text, b"23", *b"abd"), Err(Unread::Foreign));
        assert_eq!(read_beside(b"", b"23", *b"abc"), Err(Unread::Foreign));
    }

    #[test]
    fn a_plain_payload_is_the_temperature_and_nothing_else() {
        let mut all = std::collections::HashSet::new();
        for temperature in 1..=40 {
            let mut out = BytesMut::new();
            write_plain(&mut out, temperature);
            assert_eq!(out, temperature.to_string());
            assert!(is_plain(&out));
            all.insert(out);
        }
        let plain = (0..=65_535_u16).filter(|two| is_plain(&two.to_be_bytes())).count()
            + (0..=255_u8).filter(|one| is_plain(&[*one])).count();
        assert_eq!(plain, all.len());
        assert!(!is_plain(b"") && !is_plain(b"100"));
    }

    #[test]
    fn a_lag_beyond_the_field_saturates() {
        let stamp = Stamp { lag_us: u64::MAX, ..STAMP };
        let text = payload(1, *b"abc", &stamp, 0);
        assert_eq!(read(&text, *b"abc").unwrap().lag_us, LAG_MAX_US);
    }

    #[test]
    fn temperatures_are_1_to_40_and_all_occur() {
        let mut seen = [0_u32; 41];
        for sequence in 0..40_000 {
            seen[usize::from(temperature(1, 3, sequence))] += 1;
        }
        assert_eq!(seen[0], 0);
        assert!(seen[1..].iter().all(|&count| (800..1200).contains(&count)), "{seen:?}");
        assert_eq!(temperature(9, 1, 2), temperature(9, 1, 2));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            temperature in 1..=40_u8,
            publisher in 0..PUBLISHERS_MAX,
            sequence: u32,
            due_ns in 0..1_u64 << 54,
            lag_us in 0..=LAG_MAX_US,
            size in 0..200_usize,
            seed: u64,
        ) {
            let stamp = Stamp { publisher, sequence, due_ns, lag_us };
            let tag = run_tag(seed, 5);
            prop_assert_eq!(read(&payload(temperature, tag, &stamp, size), tag), Ok(stamp));
        }

        #[test]
        fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _outcome = read(&bytes, *b"abc");
        }
    }
}
