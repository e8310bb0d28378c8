//! Control Packets on the client's side: everything that goes through mqttbytes, and nothing else
//! in this crate names it.
//!
//! mqttbytes 0.6 has faults. Each way around one is marked `Detour` and has a test that shows the
//! fault, so that a version without it can be noticed:
//!
//! - a CONNECT is damaged unless its buffer is empty: [`connect`] encodes into its own;
//! - a failed write leaves half a packet: [`Encoder::append`] takes it back;
//! - a Topic Name over 65,535 bytes is cut silently: [`PublishTemplate::new`] refuses it;
//! - `read` may report a whole but damaged packet as "need more bytes": [`Decoder::next`] frames
//!   with `check` first, and takes any error after that as final;
//! - `read` allocates for each PUBLISH: [`Publish`] is a view of ours over the receive buffer.

mod decode;
mod encode;

pub(crate) use decode::{DecodeError, Decoder, Incoming, Publish, ReturnCode};
pub(crate) use encode::{EncodeError, Encoder, PublishTemplate, TOPIC_BYTES_MAX, connect};

/// How surely a message is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
