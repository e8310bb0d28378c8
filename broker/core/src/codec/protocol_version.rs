//! The versions of MQTT.

/// The protocol that a Client speaks, by name and level, MQTT 3.1.2.1 and 3.1.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProtocolVersion {
    /// MQTT 3.1: `MQIsdp`, level 3.
    V3,
    /// MQTT 3.1.1: `MQTT`, level 4.
    V4,
    /// MQTT 5.0: `MQTT`, level 5.
    V5,
}

impl ProtocolVersion {
    /// Whether packets have properties and acknowledgements Reason Codes: since 5.0.
    pub const fn has_properties(self) -> bool {
        matches!(self, Self::V5)
    }
}
