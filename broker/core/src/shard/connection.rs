//! The protocol state of one Network Connection.

use std::fmt;
use std::sync::Arc;

use super::output::Output;
use crate::access::Admission;
use crate::codec::{ConnectReturnCode, DecodeError, PacketType};
use crate::message::Message;
use crate::session::SessionKey;
use crate::time::Time;

slotmap::new_key_type! {
    /// A Network Connection within its shard. Never stands for another one later.
    pub struct ConnectionKey;
}

/// The shard's half of a Network Connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) output: Output,
    pub(super) phase: Phase,
    /// Whether it is on the list of connections to be flushed.
    pub(super) dirty: bool,
    /// The front of a packet whose end has not come yet.
    pub(super) partial: Vec<u8>,
    /// What was made of the credentials of the CONNECT to come.
    pub(super) admission: Option<Box<Admission>>,
    pub(super) will: Option<Box<Message>>,
    pub(super) last_received: Time,
    /// When the timer that runs for it fires; an earlier one on the heap is out of date.
    pub(super) timer: Time,
    /// One and a half times the keep alive of the Client in milliseconds; 0 for no limit.
    pub(super) silence_max_ms: u32,
}

/// How far a Network Connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Only a CONNECT may come, [MQTT-3.1.0-1].
    AwaitingConnect,
    Connected(SessionKey),
    /// What waits is written, then the driver removes it.
    Closed,
}

impl Connection {
    pub(super) fn new(now: Time) -> Self {
        Self {
            output: Output::default(),
            phase: Phase::AwaitingConnect,
            dirty: false,
            partial: Vec::new(),
            admission: None,
            will: None,
            last_received: now,
            timer: now,
            silence_max_ms: 0,
        }
    }
}

/// A Network Connection that has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Which.
    pub key: ConnectionKey,
    /// Why.
    pub cause: CloseCause,
    /// Whose; `None` before an accepted CONNECT.
    pub client_identifier: Option<Arc<str>>,
}

/// Why a Network Connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCause {
    /// The Client sent DISCONNECT.
    Disconnect,
    /// The Client closed the Network Connection, or it failed.
    Lost,
    /// The Client broke the protocol.
    Violation(Violation),
    /// The CONNECT was answered with this code.
    Refused(ConnectReturnCode),
    /// Another Network Connection brought the same Client Identifier, [MQTT-3.1.4-2].
    TakenOver,
    /// Nothing came for one and a half times the keep alive, [MQTT-3.1.2-24].
    KeepAliveTimeout,
    /// No CONNECT came in time.
    ConnectTimeout,
    /// The policy does not allow the Client to be here any more.
    Revoked,
    /// The broker stops.
    Shutdown,
}

/// What a Client may not do, with the clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Bytes that are no packet.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// Something else before the CONNECT.
    #[error("{0:?} came before CONNECT [MQTT-3.1.0-1]")]
    NotConnected(PacketType),
    /// A Topic Name longer than the limit.
    #[error("a Topic Name has {bytes} bytes, the limit is {bytes_max}")]
    TopicTooLong {
        /// What it has.
        bytes: usize,
        /// What it may have.
        bytes_max: usize,
    },
    /// A second CONNECT.
    #[error("a second CONNECT came [MQTT-3.1.0-2]")]
    SecondConnect,
    /// The protocol below MQTT was broken, such as by a WebSocket text frame, [MQTT-6.0.0-1].
    #[error("the rules of TLS or WebSocket were broken")]
    Transport,
}

impl fmt::Display for CloseCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnect => f.write_str("the client disconnected"),
            Self::Lost => f.write_str("the connection was lost"),
            Self::Violation(violation) => write!(f, "protocol violation: {violation}"),
            Self::Refused(code) => write!(f, "refused with return code {}: {code:?}", *code as u8),
            Self::TakenOver => f.write_str("another connection took the client identifier over"),
            Self::KeepAliveTimeout => f.write_str("the keep alive time ran out"),
            Self::ConnectTimeout => f.write_str("no CONNECT came in time"),
            Self::Revoked => f.write_str("its access was withdrawn"),
            Self::Shutdown => f.write_str("the broker stops"),
        }
    }
}

impl From<Violation> for CloseCause {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl From<DecodeError> for CloseCause {
    fn from(error: DecodeError) -> Self {
        Self::Violation(error.into())
    }
}
