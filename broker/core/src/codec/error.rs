//! What a peer can get wrong on the wire.

use super::packet_type::PacketType;
use super::properties::PropertyError;
use super::reason::ReasonCode;
use crate::topic::TopicError;

/// Bytes that are not a Control Packet which a Server may accept.
///
/// The Server closes the Network Connection, [MQTT-4.8.0-1], at 5.0 after a DISCONNECT or CONNACK
/// with the [`reason_code`](Self::reason_code), [MQTT-4.13.1-1]. The message names the clause: of
/// 3.1.1, and behind a slash that of 5.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Packet type 0; before 5.0 also 15.
    #[error("Control Packet type {0} is reserved [MQTT-2.2.1]")]
    ReservedType(u8),
    /// A packet that only a Server sends.
    #[error("Control Packet type {0} is sent by a Server only [MQTT-2.2.1]")]
    ServerPacket(u8),
    /// Fixed header flags other than those of the packet type.
    #[error("fixed header {0:#04x} carries reserved flags [MQTT-2.2.2-2 / MQTT-2.1.3-1]")]
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
    #[error("string is not well-formed UTF-8 [MQTT-1.5.3-1 / MQTT-1.5.4-1]")]
    Utf8,
    /// A string that contains U+0000.
    #[error("string holds a null character [MQTT-1.5.3-2 / MQTT-1.5.4-2]")]
    NullCharacter,
    /// Packet Identifier 0.
    #[error("Packet Identifier is zero [MQTT-2.3.1-1 / MQTT-2.2.1-3]")]
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
    #[error("Will flags contradict each other [MQTT-3.1.2-13, -14, -15 / MQTT-3.1.2-11, -12, -13]")]
    WillFlags,
    /// A password without a user name.
    #[error("password flag is set without the user name flag [MQTT-3.1.2-22]")]
    PasswordWithoutUserName,
    /// A SUBSCRIBE or UNSUBSCRIBE without a Topic Filter.
    #[error(
        "packet holds no Topic Filter [MQTT-3.8.3-3, MQTT-3.10.3-2 / MQTT-3.8.3-2, MQTT-3.10.3-2]"
    )]
    NoTopicFilter,
    /// Requested QoS 3; before 5.0 also reserved bits beside it.
    #[error("requested QoS byte {0:#04x} is reserved [MQTT-3.8.3-4 / MQTT-3.8.3.1]")]
    RequestedQoS(u8),
    /// Reserved bits of the Subscription Options.
    #[error("Subscription Options {0:#04x} carry reserved bits [MQTT-3.8.3-5]")]
    SubscriptionOptions(u8),
    /// Retain Handling 3.
    #[error("Retain Handling of Subscription Options {0:#04x} is 3 [MQTT-3.8.3.1]")]
    RetainHandling(u8),
    /// No Local on a Shared Subscription.
    #[error("No Local is set on a Shared Subscription [MQTT-3.8.3-4]")]
    NoLocalOnShared,
    /// A variable byte integer of more than four bytes.
    #[error("variable byte integer takes more than four bytes [MQTT-1.5.5]")]
    VariableByteInteger,
    /// A variable byte integer that is longer than it need be.
    #[error("variable byte integer is not encoded in the fewest bytes [MQTT-1.5.5-1]")]
    NotMinimal,
    /// A PUBLISH with neither Topic Name nor Topic Alias.
    #[error("PUBLISH has neither Topic Name nor Topic Alias [MQTT-3.3.2.1]")]
    NoTopicName,
    /// A payload that is not the UTF-8 that its Payload Format Indicator promises.
    #[error("payload is not UTF-8 as its Payload Format Indicator says [MQTT-3.3.2.3.2]")]
    PayloadFormat,
    /// A Reason Code that a Client does not send in this packet.
    #[error("reason code {code:#04x} is none of a Client's {packet:?} [MQTT-2.4]")]
    ReasonCode {
        /// Which packet.
        packet: PacketType,
        /// What it says.
        code: u8,
    },
    /// A property that a Server may not accept.
    #[error(transparent)]
    Property(#[from] PropertyError),
}

impl DecodeError {
    /// What a DISCONNECT or CONNACK of MQTT 5.0 says about it, 4.13.
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            Self::TooLarge { .. } => ReasonCode::PacketTooLarge,
            Self::ProtocolName | Self::ProtocolLevel(_) => ReasonCode::UnsupportedProtocolVersion,
            Self::PayloadFormat => ReasonCode::PayloadFormatInvalid,
            Self::Topic(error) => topic_reason_code(*error),
            Self::Property(error) => error.reason_code(),
            Self::ServerPacket(_)
            | Self::ZeroPacketIdentifier
            | Self::NoTopicFilter
            | Self::RequestedQoS(_)
            | Self::RetainHandling(_)
            | Self::NoLocalOnShared
            | Self::NoTopicName
            | Self::ReasonCode { .. } => ReasonCode::ProtocolError,
            Self::ReservedType(_)
            | Self::ReservedFlags(_)
            | Self::RemainingLength
            | Self::Truncated
            | Self::TrailingBytes
            | Self::Utf8
            | Self::NullCharacter
            | Self::PublishQoS
            | Self::DuplicateAtMostOnce
            | Self::ConnectFlag
            | Self::WillFlags
            | Self::PasswordWithoutUserName
            | Self::SubscriptionOptions(_)
            | Self::VariableByteInteger
            | Self::NotMinimal => ReasonCode::MalformedPacket,
        }
    }
}

const fn topic_reason_code(error: TopicError) -> ReasonCode {
    match error {
        TopicError::NullCharacter | TopicError::TooLong => ReasonCode::MalformedPacket,
        TopicError::WildcardInName => ReasonCode::TopicNameInvalid,
        // The Will Topic, or a Topic Filter: an empty Topic Name of a PUBLISH is `NoTopicName`.
        TopicError::Empty => ReasonCode::ProtocolError,
        TopicError::MultiLevelWildcard
        | TopicError::SingleLevelWildcard
        | TopicError::ShareName
        | TopicError::ShareFilter => ReasonCode::TopicFilterInvalid,
    }
}
