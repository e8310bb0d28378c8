//! What a packet that is to be acknowledged is known by, MQTT 2.3.1.

use std::fmt;
use std::num::NonZeroU16;

/// A Packet Identifier, MQTT 2.3.1: never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketIdentifier(NonZeroU16);

impl PacketIdentifier {
    /// The first one that a session hands out.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// `None` for zero.
    pub const fn new(identifier: u16) -> Option<Self> {
        match NonZeroU16::new(identifier) {
            Some(identifier) => Some(Self(identifier)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The next number; 1 after 65,535.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(next) => Self(next),
            None => Self::FIRST,
        }
    }
}

impl fmt::Debug for PacketIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
