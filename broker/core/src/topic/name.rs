//! Topic Names and what makes a topic string invalid.

use std::fmt;

use super::ascii;

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
///
/// Kept as the bytes of a string: no safe way from bytes to a `str` costs less than a look at each
/// of them, and what finds subscribers and writes packets needs the bytes alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicName<'a>(&'a [u8]);

impl<'a> TopicName<'a> {
    /// Checks `topic` against MQTT 4.7.
    pub fn new(topic: &'a str) -> Result<Self, TopicError> {
        Self::from_ascii(topic.as_bytes()).map_or_else(|| Self::from_any(topic), Ok)
    }

    /// Takes bytes that are ASCII and a Topic Name, as nearly all are. `None` says that they may be
    /// one of other characters.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "part of the way of every publication")]
    pub(crate) fn from_ascii(topic: &'a [u8]) -> Option<Self> {
        (topic.len() <= TOPIC_BYTES_MAX && ascii::is_name(topic)).then_some(Self(topic))
    }

    /// [`new`](Self::new) for what [`from_ascii`](Self::from_ascii) did not take.
    pub(crate) fn from_any(topic: &'a str) -> Result<Self, TopicError> {
        let bytes = topic.as_bytes();
        if bytes.is_empty() {
            return Err(TopicError::Empty);
        }
        if bytes.len() > TOPIC_BYTES_MAX {
            return Err(TopicError::TooLong);
        }
        // Without a way out of the loop the compiler looks at many bytes at once.
        if bytes.iter().fold(false, |found, byte| found | matches!(byte, 0 | b'+' | b'#')) {
            let null = bytes.contains(&0);
            return Err(if null { TopicError::NullCharacter } else { TopicError::WildcardInName });
        }
        Ok(Self(bytes))
    }

    /// Takes a string that was a Topic Name before, such as that of a stored message.
    pub(crate) fn new_unchecked(topic: &'a str) -> Self {
        debug_assert!(Self::new(topic).is_ok(), "not a Topic Name: {topic:?}");
        Self(topic.as_bytes())
    }

    /// The name. Looks at each byte again: where bytes do, [`as_bytes`](Self::as_bytes) costs nothing.
    pub fn as_str(self) -> &'a str {
        let name = std::str::from_utf8(self.0);
        debug_assert!(name.is_ok(), "not a Topic Name: {:?}", self.0);
        name.unwrap_or_default()
    }

    /// The name in UTF-8.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The levels between the `/`, empty ones included, in UTF-8.
    pub fn levels(self) -> impl Iterator<Item = &'a [u8]> {
        levels(self.0)
    }

    /// Whether wildcards at the first level of a filter pass it by, [MQTT-4.7.2-1].
    pub fn is_hidden(self) -> bool {
        self.0.starts_with(b"$")
    }

    /// Whether its first level is `$SYS`, where the broker alone publishes.
    pub fn is_reserved(self) -> bool {
        let below = self.0.strip_prefix(b"$SYS");
        below.is_some_and(|below| below.is_empty() || below.starts_with(b"/"))
    }
}

/// The levels of a topic. They are short: looking at each byte beats setting up a search.
pub(super) fn levels(topic: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(topic);
    std::iter::from_fn(move || {
        let topic = rest.take()?;
        let Some(end) = topic.iter().position(|&byte| byte == b'/') else {
            return Some(topic);
        };
        rest = topic.get(end + 1..);
        topic.get(..end)
    })
}

impl fmt::Debug for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
