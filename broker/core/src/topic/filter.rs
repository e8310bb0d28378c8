//! Topic Filters.

use std::fmt;

use super::name::{TOPIC_BYTES_MAX, TopicError, TopicName};

/// The level that matches any one level.
pub(super) const SINGLE_LEVEL: &[u8] = b"+";
/// The level that matches all levels from here on, none included.
pub(super) const MULTI_LEVEL: &[u8] = b"#";

/// A Topic Filter, MQTT 4.7: what a SUBSCRIBE subscribes to. Valid by construction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicFilter<'a>(&'a str);

impl<'a> TopicFilter<'a> {
    /// Checks `filter` against MQTT 4.7.
    pub fn new(filter: &'a str) -> Result<Self, TopicError> {
        if filter.is_empty() {
            return Err(TopicError::Empty);
        }
        if filter.len() > TOPIC_BYTES_MAX {
            return Err(TopicError::TooLong);
        }
        // Most filters are plain names; see `TopicName::from_any` for why this loop looks so.
        let special = filter.bytes().fold(false, |found, b| found | matches!(b, 0 | b'+' | b'#'));
        if special {
            check_special(filter)?;
        }
        Ok(Self(filter))
    }

    /// Takes a string that was a Topic Filter before, such as that of a stored subscription.
    pub(crate) fn new_unchecked(filter: &'a str) -> Self {
        debug_assert!(Self::new(filter).is_ok(), "not a Topic Filter: {filter:?}");
        Self(filter)
    }

    /// The filter.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The levels between the `/`, empty ones included, in UTF-8.
    pub fn levels(self) -> impl Iterator<Item = &'a [u8]> {
        super::name::levels(self.0.as_bytes())
    }

    /// The Topic Name that is the only one this filter matches; `None` when it has a wildcard.
    pub fn as_exact(self) -> Option<TopicName<'a>> {
        let wildcard = self.0.bytes().any(|b| b == b'+' || b == b'#');
        (!wildcard).then(|| TopicName::new_unchecked(self.0))
    }

    /// The first level, unless it is a wildcard.
    pub fn first_literal_level(self) -> Option<&'a [u8]> {
        self.levels().next().filter(|&level| level != SINGLE_LEVEL && level != MULTI_LEVEL)
    }

    /// Whether it matches `topic`, level by level. The tree answers the same for many filters.
    pub fn matches(self, topic: TopicName<'_>) -> bool {
        if topic.is_hidden() && self.first_literal_level().is_none() {
            return false;
        }
        let mut names = topic.levels();
        for level in self.levels() {
            if level == MULTI_LEVEL {
                return true;
            }
            match names.next() {
                Some(name) if level == SINGLE_LEVEL || level == name => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }

    /// Whether some Topic Name matches both filters.
    pub fn overlaps(self, other: TopicFilter<'_>) -> bool {
        if self.hides_from(other) || other.hides_from(self) {
            return false;
        }
        let (mut ours, mut theirs) = (self.levels(), other.levels());
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) | (Some(MULTI_LEVEL), _) | (_, Some(MULTI_LEVEL)) => return true,
                (Some(our), Some(their))
                    if our == SINGLE_LEVEL || their == SINGLE_LEVEL || our == their => {}
                _ => return false,
            }
        }
    }

    /// Whether this filter matches every Topic Name that `other` matches, as far as comparing
    /// level by level can tell: never true wrongly.
    pub fn covers(self, other: TopicFilter<'_>) -> bool {
        if other.hides_from(self) {
            return false;
        }
        let (mut ours, mut theirs) = (self.levels(), other.levels());
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) | (Some(MULTI_LEVEL), _) => return true,
                (Some(our), Some(their))
                    if our == their || (our == SINGLE_LEVEL && their != MULTI_LEVEL) => {}
                _ => return false,
            }
        }
    }

    /// Whether it begins with a `$` level that the leading wildcard of `other` passes by.
    fn hides_from(self, other: TopicFilter<'_>) -> bool {
        self.0.starts_with('$') && other.first_literal_level().is_none()
    }
}

/// A Topic Filter that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnedTopicFilter(Box<str>);

impl OwnedTopicFilter {
    /// The filter.
    pub fn as_filter(&self) -> TopicFilter<'_> {
        TopicFilter::new_unchecked(&self.0)
    }
}

impl From<TopicFilter<'_>> for OwnedTopicFilter {
    fn from(filter: TopicFilter<'_>) -> Self {
        Self(filter.0.into())
    }
}

/// Checks a filter that holds a wildcard or U+0000.
fn check_special(filter: &str) -> Result<(), TopicError> {
    let bytes = filter.as_bytes();
    let mut before = b'/';
    for (index, &byte) in bytes.iter().enumerate() {
        let begins_level = before == b'/';
        let after = bytes.get(index + 1);
        match byte {
            0 => return Err(TopicError::NullCharacter),
            b'#' if !begins_level || after.is_some() => {
                return Err(TopicError::MultiLevelWildcard);
            }
            b'+' if !begins_level || after.is_some_and(|&after| after != b'/') => {
                return Err(TopicError::SingleLevelWildcard);
            }
            _ => before = byte,
        }
    }
    Ok(())
}

impl fmt::Debug for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
