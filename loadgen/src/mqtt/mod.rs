//! Control Packets on the client's side: everything that goes through mqttbytes, and nothing else
//! in this crate names it.
//!
//! mqttbytes 0.6 has faults. Each way around one is marked `Detour` and has a test that shows the
//! fault, so that a version without it can be noticed:
//!
//! - a CONNECT is damaged unless its buffer is empty: [`Connect::encode`] uses its own;
//! - MQTT 3.1 is unknown: the CONNECT of 3.1.1 gets the other name and level;
//! - a failed write leaves half a packet: [`Encoder::append`] takes it back;
//! - a Topic Name over 65,535 bytes is cut silently: [`PublishTemplate::new`] refuses it;
//! - `read` may report a whole but damaged packet as "need more bytes": [`Decoder::next`] frames
//!   with `check` first, and takes any error after that as final;
//! - `read` allocates for each PUBLISH: [`Publish`] is a view of ours over the receive buffer;
//! - of MQTT 5, `read` takes payload for properties in a PUBLISH with three Subscription Identifiers:
//!   the view has its own [`properties`]; and so have all other packets, because `read` lets a
//!   property run past the Property Length;
//! - of MQTT 5, AUTH and the short forms of DISCONNECT are refused, and CONNACK in the form of MQTT 3
//!   with which an older broker refuses: `decode_v5` reads them.

mod connect;
mod decode;
mod decode_v5;
mod encode;
mod incoming;
mod properties;
mod reason;

pub(crate) use connect::{Connect, WillMessage};
pub(crate) use decode::Decoder;
pub(crate) use encode::{EncodeError, Encoder, PublicationForm, PublishTemplate, TOPIC_BYTES_MAX};
pub(crate) use incoming::{ConnAck, DecodeError, Incoming, Publish, ServerLimits, Topic};
pub(crate) use reason::{Reason, ReasonCode, Refusal, ReturnCode};

/// A version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 3.1, the version before OASIS; protocol name `MQIsdp`, level 3.
    V31,
    /// 3.1.1, level 4.
    V311,
    /// 5.0, level 5.
    V5,
}

impl Version {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::V31 => "3.1",
            Self::V311 => "3.1.1",
            Self::V5 => "5",
        }
    }
}

/// How surely a message is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::enum_variant_names, reason = "the names that MQTT gives them")]
pub enum QoS {
    /// 0: at most once.
    AtMostOnce,
    /// 1: at least once.
    AtLeastOnce,
    /// 2: exactly once.
    ExactlyOnce,
}

impl QoS {
    /// The QoS of a number; `None` above 2.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// 0, 1 or 2.
    pub fn number(self) -> u8 {
        match self {
            Self::AtMostOnce => 0,
            Self::AtLeastOnce => 1,
            Self::ExactlyOnce => 2,
        }
    }

    fn to_mqttbytes(self) -> mqttbytes::QoS {
        match self {
            Self::AtMostOnce => mqttbytes::QoS::AtMostOnce,
            Self::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
            Self::ExactlyOnce => mqttbytes::QoS::ExactlyOnce,
        }
    }
}
