//! Whether bytes are a Topic Name of ASCII characters, eight bytes at a time.

/// A bit of each byte, the lowest and the highest.
const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// Whether there is a byte, all are ASCII and none is U+0000, `+` or `#`.
///
/// Words overlap rather than that there is a loop over what is left. Most names have up to two.
#[inline]
pub(super) fn is_name(bytes: &[u8]) -> bool {
    let (Some(&first), Some(&last)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return is_short_name(bytes);
    };
    let ends = special_in(first) | special_in(last);
    ends == 0 && (bytes.len() <= 16 || is_plain_between(bytes))
}

/// [`is_name`] for up to seven bytes.
#[inline]
fn is_short_name(bytes: &[u8]) -> bool {
    if let (Some(&first), Some(&last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let [first, last] = [first, last].map(|half| u64::from(u32::from_ne_bytes(half)));
        return special_in((first << 32 | last).to_ne_bytes()) == 0;
    }
    let word = match *bytes {
        [a] => [a; 8],
        [a, b] => [a, b, a, b, a, b, a, b],
        [a, b, c] => [a, b, c, a, b, c, a, b],
        _ => return false,
    };
    special_in(word) == 0
}

/// Whether nothing special is in a name whose first and last words are known.
fn is_plain_between(bytes: &[u8]) -> bool {
    bytes.as_chunks().0.iter().skip(1).all(|&word| special_in(word) == 0)
}

/// Not zero if and only if one of the bytes is U+0000, `+`, `#` or no ASCII.
///
/// Taking one from each byte sets the highest bit of a zero. It also borrows from the byte above and
/// may do more there, but only above a zero, and leaves all else that is ASCII below 0x80.
#[inline]
const fn special_in(bytes: [u8; 8]) -> u64 {
    /// The one bit in which `+` differs from `#`.
    const DIFFERENCE: u8 = b'+' ^ b'#';
    let word = u64::from_ne_bytes(bytes);
    // A wildcard is zero here.
    let wildcards =
        (word | u64::from_ne_bytes([DIFFERENCE; 8])) ^ u64::from_ne_bytes([b'+' | DIFFERENCE; 8]);
    (word.wrapping_sub(LOW) | wildcards.wrapping_sub(LOW)) & HIGH
}
