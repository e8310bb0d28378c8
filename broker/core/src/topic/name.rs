//! Topic Names and what makes a topic string invalid.

use std::fmt;

/// Longest topic that its two-byte length can announce, [MQTT-4.7.3-3].
pub(super) const TOPIC_BYTES_MAX: usize = 65_535;

/// A string that cannot be a Topic Name or a Topic Filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicError {
    /// No character at all.
    #[error("a topic has at least one character [MQTT-4.7.3-1]")]
    Empty,
    /// Contains U+0000.
    #[error("a topic holds no null character [MQTT-4.7.3-2]")]
    NullCharacter,
    /// More than 65,535 bytes.
    #[error("a topic has at most 65,535 bytes [MQTT-4.7.3-3]")]
    TooLong,
    /// `+` or `#` in a Topic Name.
    #[error("a Topic Name holds no wildcard [MQTT-3.3.2-2]")]
    WildcardInName,
    /// `#` that is not the whole of the last level.
    #[error("'#' stands alone in the last level of a Topic Filter [MQTT-4.7.1-2]")]
    MultiLevelWildcard,
    /// `+` that is not the whole of its level.
    #[error("'+' stands alone in its level of a Topic Filter [MQTT-4.7.1-3]")]
    SingleLevelWildcard,
    /// A Shared Subscription without a `ShareName`.
    #[error("a ShareName has at least one character and no wildcard [MQTT-4.8.2-1, -2]")]
    ShareName,
    /// A `ShareName` without a Topic Filter behind it.
    #[error("'$share/' is followed by a ShareName, '/' and a Topic Filter [MQTT-4.8.2-2]")]
    ShareFilter,
}

/// A Topic Name, MQTT 4.7: what a PUBLISH is published to. Valid by construction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicName<'a>(&'a str);

impl<'a> TopicName<'a> {
    /// Checks `topic` against MQTT 4.7.
    pub fn new(topic: &'a str) -> Result<Self, TopicError> {
        let bytes = topic.as_bytes();
        if bytes.is_empty() {
            return Err(TopicError::Empty);
        }
        if bytes.len() > TOPIC_BYTES_MAX {
            return Err(TopicError::TooLong);
        }
        if !holds_forbidden(bytes) {
            return Ok(Self(topic));
        }
        Err(if bytes.contains(&0) { TopicError::NullCharacter } else { TopicError::WildcardInName })
    }

    /// Takes a string that was a Topic Name before, such as that of a stored message.
    pub(crate) fn new_unchecked(topic: &'a str) -> Self {
        debug_assert!(Self::new(topic).is_ok(), "not a Topic Name: {topic:?}");
        Self(topic)
    }

    /// The name.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The levels between the `/`, empty ones included.
    pub fn levels(self) -> impl Iterator<Item = &'a str> {
        levels(self.0)
    }

    /// Whether wildcards at the first level of a filter pass it by, [MQTT-4.7.2-1].
    pub fn is_hidden(self) -> bool {
        self.0.starts_with('$')
    }

    /// Whether its first level is `$SYS`, where the broker alone publishes.
    pub fn is_reserved(self) -> bool {
        let below = self.0.strip_prefix("$SYS");
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }
}

/// Whether there is U+0000, `+` or `#`: eight bytes at a time, the last eight once more rather than
/// a loop over what is left.
#[inline]
fn holds_forbidden(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().any(|byte| matches!(byte, 0 | b'+' | b'#'));
    };
    let words = bytes.as_chunks::<8>().0.iter();
    words.fold(forbidden_in(*last), |found, word| found | forbidden_in(*word)) != 0
}

/// Not zero if and only if one of the bytes is U+0000, `+` or `#`.
#[inline]
const fn forbidden_in(bytes: [u8; 8]) -> u64 {
    /// The one bit in which `+` differs from `#`.
    const DIFFERENCE: u8 = b'+' ^ b'#';
    let word = u64::from_ne_bytes(bytes);
    let wildcards =
        (word | u64::from_ne_bytes([DIFFERENCE; 8])) ^ u64::from_ne_bytes([b'+' | DIFFERENCE; 8]);
    zero_in(word) | zero_in(wildcards)
}

/// Not zero if and only if one of the eight bytes is. Only the lowest of them borrows for certain.
#[inline]
const fn zero_in(word: u64) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    word.wrapping_sub(LOW) & !word & HIGH
}

/// The levels of a topic. They are short: looking at each byte beats setting up a search.
pub(super) fn levels(topic: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(topic);
    std::iter::from_fn(move || {
        let topic = rest.take()?;
        let Some(end) = topic.bytes().position(|byte| byte == b'/') else {
            return Some(topic);
        };
        rest = topic.get(end + 1..);
        topic.get(..end)
    })
}

impl fmt::Debug for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
