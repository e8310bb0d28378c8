//! User Properties, MQTT 5.0 3.1.2.11.8 and its likes.

use std::fmt;

use super::read::{CheckedProperties, Property};

/// The User Properties of a packet, in order, borrowed from the receive buffer.
#[derive(Clone, Copy, Default)]
pub struct UserProperties<'a> {
    /// All properties of the packet, checked.
    encoded: &'a [u8],
}

impl<'a> UserProperties<'a> {
    /// No User Properties.
    pub const NONE: Self = Self { encoded: &[] };

    pub(in super::super) const fn new(encoded: &'a [u8]) -> Self {
        Self { encoded }
    }

    /// Names with their values, in order; a name may come more than once.
    pub fn iter(self) -> UserPropertiesIter<'a> {
        UserPropertiesIter(CheckedProperties::new(self.encoded))
    }
}

impl<'a> IntoIterator for UserProperties<'a> {
    type Item = (&'a str, &'a str);
    type IntoIter = UserPropertiesIter<'a>;

    fn into_iter(self) -> UserPropertiesIter<'a> {
        self.iter()
    }
}

/// Equal when they hold the same names with the same values in the same order.
impl PartialEq for UserProperties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for UserProperties<'_> {}

impl fmt::Debug for UserProperties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Iterates over [`UserProperties`].
#[derive(Clone, Debug)]
pub struct UserPropertiesIter<'a>(CheckedProperties<'a>);

impl<'a> Iterator for UserPropertiesIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.find_map(|property| match property {
            Property::User(name, value) => Some((name, value)),
            _ => None,
        })
    }
}
