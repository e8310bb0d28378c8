//! What a peer can get wrong on the wire.

use crate::topic::TopicError;

/// Bytes that are not a Control Packet which a Server may accept.
///
/// The Server closes the Network Connection, [MQTT-4.8.0-1]; the message names the clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Packet type 0 or 15.
    #[error("Control Packet type {0} is reserved [MQTT-2.2.1]")]
    ReservedType(u8),
    /// A packet that only a Server sends.
    #[error("Control Packet type {0} is sent by a Server only [MQTT-2.2.1]")]
    ServerPacket(u8),
    /// Fixed header flags other than those of the packet type.
    #[error("fixed header {0:#04x} carries reserved flags [MQTT-2.2.2-2]")]
    ReservedFlags(u8),
    /// A Remaining Length of five bytes.
    #[error("Remaining Length takes more than four bytes [MQTT-2.2.3]")]
    RemainingLength,
    /// A packet above the limit of this Server.
    #[error("Control Packet of {size} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// As announced.
        size: usize,
        /// As configured.
        limit: usize,
    },
    /// The packet ends before its fields do.
    #[error("Control Packet ends within a field [MQTT-2.2.3]")]
    Truncated,
    /// The packet goes on after its last field.
    #[error("Control Packet holds bytes after its last field [MQTT-2.2.3]")]
    TrailingBytes,
    /// A string that is not UTF-8.
    #[error("string is not well-formed UTF-8 [MQTT-1.5.3-1]")]
    Utf8,
    /// A string that contains U+0000.
    #[error("string holds a null character [MQTT-1.5.3-2]")]
    NullCharacter,
    /// Packet Identifier 0.
    #[error("Packet Identifier is zero [MQTT-2.3.1-1]")]
    ZeroPacketIdentifier,
    /// QoS 3 of a PUBLISH.
    #[error("QoS of a PUBLISH is 3 [MQTT-3.3.1-4]")]
    PublishQoS,
    /// DUP = 1 with QoS 0.
    #[error("DUP is set on a PUBLISH of QoS 0 [MQTT-3.3.1-2]")]
    DuplicateAtMostOnce,
    /// A Topic Name or Topic Filter that is none.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// A protocol name other than `MQTT` and `MQIsdp`.
    #[error("protocol name is not MQTT [MQTT-3.1.2-1]")]
    ProtocolName,
    /// A protocol level that this Server does not speak.
    #[error("protocol level {0} is not supported [MQTT-3.1.2-2]")]
    ProtocolLevel(u8),
    /// Bit 0 of the Connect flags.
    #[error("reserved Connect flag is set [MQTT-3.1.2-3]")]
    ConnectFlag,
    /// Will QoS 3, or Will QoS or Will Retain without a Will.
    #[error("Will flags contradict each other [MQTT-3.1.2-13, -14, -15]")]
    WillFlags,
    /// A password without a user name.
    #[error("password flag is set without the user name flag [MQTT-3.1.2-22]")]
    PasswordWithoutUserName,
    /// A SUBSCRIBE or UNSUBSCRIBE without a Topic Filter.
    #[error("packet holds no Topic Filter [MQTT-3.8.3-3, MQTT-3.10.3-2]")]
    NoTopicFilter,
    /// Requested QoS 3, or reserved bits beside it.
    #[error("requested QoS byte {0:#04x} is reserved [MQTT-3.8.3-4]")]
    RequestedQoS(u8),
}
