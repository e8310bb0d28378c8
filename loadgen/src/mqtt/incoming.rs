//! What a client receives, whatever the version, and the parts that all versions share.

use super::{QoS, Reason, ReasonCode, Refusal, ReturnCode};

/// A Control Packet from the broker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    /// An Application Message.
    Publish(Publish<'a>),
    /// The answer to CONNECT.
    ConnAck(ConnAck<'a>),
    /// The answer to SUBSCRIBE.
    SubAck {
        /// Packet Identifier of the SUBSCRIBE.
        identifier: u16,
        /// How many Topic Filters it answers.
        codes: usize,
        /// Why the first was refused that was; `None` when all were granted.
        refusal: Option<Reason<'a>>,
    },
    /// Received: QoS 1, the end.
    PubAck(u16, ReasonCode),
    /// Received: QoS 2, first step.
    PubRec(u16, ReasonCode),
    /// Release: QoS 2, second step of a message to us.
    PubRel(u16),
    /// Complete: QoS 2, the end.
    PubComp(u16),
    /// The answer to PINGREQ.
    PingResp,
    /// The broker of MQTT 5 is about to close the connection.
    Disconnect(Reason<'a>),
}

/// The answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnAck<'a> {
    /// Accepted, within these limits.
    Accepted(ServerLimits),
    /// Refused, in the form of MQTT 3.
    ReturnCode(ReturnCode),
    /// Refused, in the form of MQTT 5.
    Reason(Reason<'a>),
}

impl ConnAck<'_> {
    /// Why, if it is a refusal.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Accepted(_) => None,
            Self::ReturnCode(code) => Some(Refusal::ReturnCode(*code)),
            Self::Reason(reason) => Some(Refusal::Reason(reason.code, reason.text.to_owned())),
        }
    }
}

/// What a broker of MQTT 5 takes, section 3.2.2.3, and any has kept. Any other takes everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerLimits {
    /// Publications of QoS 1 and 2 that may be unacknowledged.
    pub receive_maximum: u16,
    /// QoS of publications at most.
    pub maximum_qos: QoS,
    /// Whether RETAIN = 1 is allowed.
    pub retain_available: bool,
    /// Size of a packet at most.
    pub packet_bytes_max: u32,
    /// Topic Aliases that a client may use.
    pub topic_alias_maximum: u16,
    /// The Keep Alive that holds instead of the client's.
    pub keep_alive_seconds: Option<u16>,
    /// Whether it has a session of an earlier connection.
    pub session_present: bool,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            packet_bytes_max: u32::MAX,
            topic_alias_maximum: 0,
            keep_alive_seconds: None,
            session_present: false,
        }
    }
}

/// An Application Message, borrowed from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Publish<'a> {
    /// QoS of this delivery.
    pub qos: QoS,
    /// DUP = 1: it may have been sent before.
    pub dup: bool,
    /// RETAIN = 1: it was stored before the subscription.
    pub retain: bool,
    /// How the topic is given.
    pub topic: Topic,
    /// Packet Identifier; 0 at QoS 0.
    pub identifier: u16,
    /// Correlation Data of MQTT 5; empty when there is none.
    pub correlation: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

/// How a PUBLISH names its topic. The name itself is of no interest: the stamp says everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// By its name.
    Name,
    /// By its name, for which this Topic Alias stands from now on.
    NameAndAlias(u16),
    /// By a Topic Alias.
    Alias(u16),
}

/// Why the bytes of a broker are no Control Packet for a client. The connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A Remaining Length of more than four bytes.
    #[error("a Remaining Length of more than four bytes")]
    RemainingLength,
    /// A packet longer than the client takes.
    #[error("a packet of {0} bytes is longer than the client takes")]
    TooLong(usize),
    /// A PUBLISH with QoS 3, Packet Identifier 0, or a Topic Name that runs past its end.
    #[error("a malformed PUBLISH")]
    Publish,
    /// mqttbytes refused the packet.
    #[error("a malformed packet: {0:?}")]
    Malformed(mqttbytes::Error),
    /// A packet that only clients send.
    #[error("a packet that only clients send")]
    Direction,
    /// Properties that do not end where they should, or do not belong to their packet.
    #[error("malformed properties")]
    Properties,
    /// An AUTH without an Authentication Method `[MQTT-4.12.0-6]`.
    #[error("an AUTH, although no Authentication Method was asked for")]
    Authentication,
}

/// What follows the fixed header of a frame. `check` has seen where the Remaining Length ends: the
/// first byte without a continuation bit.
#[inline]
pub(super) fn body(frame: &[u8]) -> Option<&[u8]> {
    let rest = frame.get(1..)?;
    let length_bytes = 1 + rest.iter().take(4).position(|byte| byte & 0x80 == 0)?;
    rest.get(length_bytes..)
}

/// The Packet Identifier of a PUBLISH, 0 at QoS 0, and what follows it.
#[inline]
pub(super) fn split_identifier(qos: QoS, bytes: &[u8]) -> Option<(u16, &[u8])> {
    match qos {
        QoS::AtMostOnce => Some((0, bytes)),
        QoS::AtLeastOnce | QoS::ExactlyOnce => {
            let (identifier, rest) = bytes.split_first_chunk()?;
            match u16::from_be_bytes(*identifier) {
                0 => None,
                identifier => Some((identifier, rest)),
            }
        }
    }
}
