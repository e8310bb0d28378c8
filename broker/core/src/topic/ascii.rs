//! Whether bytes are a Topic Name of ASCII characters, many bytes at a time.

/// Whether there is a byte, all are ASCII and none is U+0000, `+` or `#`.
///
/// What is looked at first and last overlaps, rather than that there is a loop over what is left.
#[inline]
pub(super) fn is_name(bytes: &[u8]) -> bool {
    match bytes.len() {
        8..=16 => ends_are_plain::<8>(bytes),
        _ => is_name_of_other_length(bytes),
    }
}

#[inline(never)]
fn is_name_of_other_length(bytes: &[u8]) -> bool {
    match bytes.len() {
        16.. => ends_are_plain::<16>(bytes) && (bytes.len() <= 32 || is_plain_between(bytes)),
        4.. => ends_are_plain::<4>(bytes),
        1.. => !bytes.iter().copied().any(is_special),
        0 => false,
    }
}

/// Whether nothing special is among the first `N` bytes and the last, of at least as many.
#[inline]
fn ends_are_plain<const N: usize>(bytes: &[u8]) -> bool {
    let ends = bytes.first_chunk::<N>().zip(bytes.last_chunk::<N>());
    ends.is_some_and(|(first, last)| !(any_special(first) | any_special(last)))
}

/// Whether nothing special is between the first and the last sixteen bytes.
fn is_plain_between(bytes: &[u8]) -> bool {
    !bytes.as_chunks::<16>().0.iter().skip(1).any(any_special)
}

/// Without a way out of the loop, and with its length known, the compiler looks at all bytes at once.
#[inline]
fn any_special<const N: usize>(bytes: &[u8; N]) -> bool {
    bytes.iter().fold(false, |found, &byte| found | is_special(byte))
}

/// U+0000, `+`, `#` or no ASCII, in signed terms, as vectors of bytes are compared.
#[inline]
const fn is_special(byte: u8) -> bool {
    /// The one bit in which `+` differs from `#`.
    const DIFFERENCE: u8 = b'+' ^ b'#';
    byte.cast_signed() <= 0 || byte | DIFFERENCE == b'+'
}
