//! Packets that are a type and a Packet Identifier, and PINGRESP that is a type alone:
//! PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK, MQTT 3.4 to 3.7, 3.11 and 3.13.

use std::fmt;
use std::num::NonZeroU16;

use super::error::DecodeError;
use super::reader::Reader;

/// A PINGRESP, whole, MQTT 3.13.
pub const PINGRESP: [u8; 2] = [0xd0, 0];

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

/// Reads the body of a PUBACK, PUBREC, PUBREL or PUBCOMP.
pub fn decode_acknowledgement(body: &[u8]) -> Result<PacketIdentifier, DecodeError> {
    let mut reader = Reader::new(body);
    let identifier = reader.packet_identifier()?;
    reader.finish()?;
    Ok(identifier)
}

const fn encode(first: u8, identifier: PacketIdentifier) -> [u8; 4] {
    let [high, low] = identifier.get().to_be_bytes();
    [first, 2, high, low]
}

/// A PUBACK, MQTT 3.4.
pub const fn encode_puback(identifier: PacketIdentifier) -> [u8; 4] {
    encode(0x40, identifier)
}

/// A PUBREC, MQTT 3.5.
pub const fn encode_pubrec(identifier: PacketIdentifier) -> [u8; 4] {
    encode(0x50, identifier)
}

/// A PUBREL, MQTT 3.6.
pub const fn encode_pubrel(identifier: PacketIdentifier) -> [u8; 4] {
    encode(0x62, identifier)
}

/// A PUBCOMP, MQTT 3.7.
pub const fn encode_pubcomp(identifier: PacketIdentifier) -> [u8; 4] {
    encode(0x70, identifier)
}

/// An UNSUBACK, MQTT 3.11.
pub const fn encode_unsuback(identifier: PacketIdentifier) -> [u8; 4] {
    encode(0xb0, identifier)
}
