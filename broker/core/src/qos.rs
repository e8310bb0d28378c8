//! Quality of Service levels, MQTT 4.3.

/// How surely an Application Message arrives, MQTT 4.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(clippy::enum_variant_names, reason = "these are the names of the specification")]
pub enum QoS {
    /// QoS 0: no acknowledgement, no retry.
    #[default]
    AtMostOnce = 0,
    /// QoS 1: acknowledged by PUBACK, may arrive again.
    AtLeastOnce = 1,
    /// QoS 2: a four-part exchange, arrives once.
    ExactlyOnce = 2,
}

impl QoS {
    /// Reads the two bits of a fixed header, a Subscribe option or the Connect flags.
    ///
    /// `None` for 3, which the specification forbids in each of these places.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// The two bits that stand for this level on the wire.
    pub const fn bits(self) -> u8 {
        self as u8
    }
}
