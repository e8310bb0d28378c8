//! The kinds of Control Packets.

/// The kind of a Control Packet, MQTT 2.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PacketType {
    /// Client requests a connection.
    Connect = 1,
    /// Connect acknowledgement.
    Connack = 2,
    /// Publish message.
    Publish = 3,
    /// Publish acknowledgement, QoS 1.
    Puback = 4,
    /// Publish received, QoS 2 part 1.
    Pubrec = 5,
    /// Publish release, QoS 2 part 2.
    Pubrel = 6,
    /// Publish complete, QoS 2 part 3.
    Pubcomp = 7,
    /// Subscribe request.
    Subscribe = 8,
    /// Subscribe acknowledgement.
    Suback = 9,
    /// Unsubscribe request.
    Unsubscribe = 10,
    /// Unsubscribe acknowledgement.
    Unsuback = 11,
    /// Ping request.
    Pingreq = 12,
    /// Ping response.
    Pingresp = 13,
    /// Client is disconnecting.
    Disconnect = 14,
    /// Authentication exchange, from MQTT 5.0 on.
    Auth = 15,
}
