//! The protocol state of one Network Connection.

use std::fmt;
use std::sync::Arc;

use super::aliases::{InboundAliases, OutboundAliases};
use super::exchange::Authentication;
use super::output::Output;
use crate::access::Admission;
use crate::codec::{DecodeError, PacketType, ProtocolVersion, ReasonCode};
use crate::qos::QoS;
use crate::session::{SessionKey, Will};
use crate::time::Time;

slotmap::new_key_type! {
    /// A Network Connection within its shard. Never stands for another one later.
    pub struct ConnectionKey;
}

/// The shard's half of a Network Connection.
///
/// Two cache lines with the generation of its key. What a delivery looks at lies at the front, and so
/// in one of them.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Connection {
    pub(super) output: Output,
    /// Topic Aliases to the Client, if it takes any.
    pub(super) outbound_aliases: Option<Box<OutboundAliases>>,
    /// Longest packet that the Client takes, MQTT 5.0 section 3.1.2.11.4.
    pub(super) packet_bytes_max: u32,
    /// QoS 1 and 2 messages that the Client takes before it acknowledges one, MQTT 5.0 section
    /// 3.1.2.11.3.
    pub(super) receive_maximum: u16,
    pub(super) protocol: ProtocolVersion,
    /// Whether it is on the list of connections to be flushed.
    pub(super) dirty: bool,
    pub(super) phase: Phase,
    /// The keep alive of the Client; 0 for none.
    pub(super) keep_alive_seconds: u16,
    /// QoS 2 publications of the Client that began on this Network Connection and are not released
    /// yet, MQTT 5.0 section 4.9.
    pub(super) receiving: u16,
    pub(super) last_received: Time,
    /// The front of a packet whose end has not come yet.
    pub(super) partial: Vec<u8>,
    /// `None` until there is any of it.
    pub(super) rare: Option<Box<Rare>>,
    /// When the timer that runs for it fires; an earlier one on the heap is out of date.
    pub(super) timer: Time,
}

const _: () = assert!(size_of::<Connection>() <= 120);

/// What most Network Connections have nothing of.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// What was made of the credentials of the CONNECT to come.
    pub(super) admission: Option<Box<Admission>>,
    /// The enhanced authentication of a Client that asked for one.
    pub(super) authentication: Option<Box<Authentication>>,
    pub(super) will: Option<Box<Will>>,
    /// Topic Aliases of the Client.
    pub(super) inbound_aliases: Option<Box<InboundAliases>>,
}

/// How far a Network Connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Only a CONNECT may come, [MQTT-3.1.0-1].
    AwaitingConnect,
    /// The CONNECT waits for the end of an enhanced authentication: only AUTH and DISCONNECT may
    /// come, [MQTT-3.1.2-30].
    Authenticating,
    Connected(SessionKey),
    /// What waits is written, then the driver removes it.
    Closed,
}

impl Connection {
    pub(super) fn new(now: Time) -> Self {
        Self {
            output: Output::default(),
            outbound_aliases: None,
            packet_bytes_max: u32::MAX,
            receive_maximum: u16::MAX,
            protocol: ProtocolVersion::V4,
            dirty: false,
            phase: Phase::AwaitingConnect,
            keep_alive_seconds: 0,
            receiving: 0,
            last_received: now,
            partial: Vec::new(),
            rare: None,
            timer: now,
        }
    }

    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// What was made of the credentials. It is needed once, and nothing is kept for it.
    pub(super) fn take_admission(&mut self) -> Option<Box<Admission>> {
        let rare = self.rare.as_mut()?;
        let admission = rare.admission.take();
        let Rare { admission: _, authentication, will, inbound_aliases } = &**rare;
        if authentication.is_none() && will.is_none() && inbound_aliases.is_none() {
            self.rare = None;
        }
        admission
    }

    pub(super) fn authentication(&mut self) -> Option<&mut Box<Authentication>> {
        self.rare.as_mut()?.authentication.as_mut()
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
    /// The Client sent DISCONNECT and wants its Will published, MQTT 5.0 3.14.2.1.
    DisconnectWithWill,
    /// The Client closed the Network Connection, or it failed.
    Lost,
    /// The Client broke the protocol.
    Violation(Violation),
    /// The CONNECT was answered with this code; before 5.0 with the return code nearest to it.
    Refused(ReasonCode),
    /// Another Network Connection brought the same Client Identifier, [MQTT-3.1.4-2].
    TakenOver,
    /// Nothing came for one and a half times the keep alive, [MQTT-3.1.2-24].
    KeepAliveTimeout,
    /// No CONNECT came in time, or its authentication was not over.
    ConnectTimeout,
    /// A re-authentication failed, [MQTT-4.12.1-2].
    AuthenticationFailed(ReasonCode),
    /// The embedder closed it, for this reason.
    Dismissed(ReasonCode),
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
    /// An AUTH that is no step of an authentication.
    #[error("AUTH came without an authentication to go on with [MQTT-4.12.0-7]")]
    UnexpectedAuth,
    /// An AUTH of another method than that of the CONNECT.
    #[error("AUTH names another method than the CONNECT [MQTT-4.12.0-5]")]
    AuthenticationMethod,
    /// Something else than AUTH and DISCONNECT before the CONNACK.
    #[error("{0:?} came before the authentication was over [MQTT-3.1.2-30]")]
    NotAuthenticated(PacketType),
    /// A publication above the Maximum QoS of the Server.
    #[error("a publication at {0:?} is above the Maximum QoS [MQTT-3.2.2-11]")]
    QoSNotSupported(QoS),
    /// RETAIN = 1 where no messages are retained.
    #[error("RETAIN is set and messages are not retained here [MQTT-3.2.2-14]")]
    RetainNotSupported,
    /// A subscription with wildcards where there are none.
    #[error("there are no wildcard subscriptions here, MQTT 5.0 section 3.2.2.3.11")]
    WildcardSubscription,
    /// A Subscription Identifier where there are none.
    #[error("there are no Subscription Identifiers here, MQTT 5.0 section 3.2.2.3.12")]
    SubscriptionIdentifier,
    /// A Shared Subscription where there are none.
    #[error("there are no Shared Subscriptions here, MQTT 5.0 section 3.2.2.3.13")]
    SharedSubscription,
    /// A Topic Alias above the Topic Alias Maximum of the Server.
    #[error("Topic Alias {0} is above the Topic Alias Maximum [MQTT-3.3.2-9]")]
    TopicAliasTooHigh(u16),
    /// A Topic Alias that stands for nothing.
    #[error("Topic Alias {0} stands for no topic yet, MQTT 5.0 section 3.3.2.3.4")]
    TopicAliasUnknown(u16),
    /// More QoS 2 publications than the Receive Maximum of the Server.
    #[error("more publications are open than the Receive Maximum of {0} [MQTT-3.3.4-7]")]
    ReceiveMaximum(u16),
    /// A session that was to end with its Network Connection is not to any more.
    #[error("DISCONNECT changes a Session Expiry Interval of zero, MQTT 5.0 section 3.14.2.2.2")]
    SessionExpiry,
    /// The protocol below MQTT was broken, such as by a WebSocket text frame, [MQTT-6.0.0-1].
    #[error("the rules of TLS or WebSocket were broken")]
    Transport,
}

impl Violation {
    /// What a DISCONNECT of MQTT 5.0 says about it.
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            Self::Malformed(error) => error.reason_code(),
            Self::TopicAliasTooHigh(_) => ReasonCode::TopicAliasInvalid,
            Self::TopicTooLong { .. } => ReasonCode::TopicNameInvalid,
            Self::Transport => ReasonCode::MalformedPacket,
            Self::ReceiveMaximum(_) => ReasonCode::ReceiveMaximumExceeded,
            Self::QoSNotSupported(_) => ReasonCode::QoSNotSupported,
            Self::RetainNotSupported => ReasonCode::RetainNotSupported,
            Self::WildcardSubscription => ReasonCode::WildcardSubscriptionsNotSupported,
            Self::SubscriptionIdentifier => ReasonCode::SubscriptionIdentifiersNotSupported,
            Self::SharedSubscription => ReasonCode::SharedSubscriptionsNotSupported,
            Self::NotConnected(_)
            | Self::NotAuthenticated(_)
            | Self::SecondConnect
            | Self::UnexpectedAuth
            | Self::AuthenticationMethod
            | Self::TopicAliasUnknown(_)
            | Self::SessionExpiry => ReasonCode::ProtocolError,
        }
    }
}

impl CloseCause {
    /// What the Server says in a DISCONNECT of MQTT 5.0; `None` when it says nothing.
    pub(super) const fn reason_code(&self) -> Option<ReasonCode> {
        match self {
            Self::Disconnect
            | Self::DisconnectWithWill
            | Self::Lost
            | Self::Refused(_)
            | Self::ConnectTimeout => None,
            Self::Violation(violation) => Some(violation.reason_code()),
            Self::AuthenticationFailed(reason) | Self::Dismissed(reason) => Some(*reason),
            Self::TakenOver => Some(ReasonCode::SessionTakenOver),
            Self::KeepAliveTimeout => Some(ReasonCode::KeepAliveTimeout),
            Self::Revoked => Some(ReasonCode::NotAuthorized),
            Self::Shutdown => Some(ReasonCode::ServerShuttingDown),
        }
    }
}

impl fmt::Display for CloseCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnect | Self::DisconnectWithWill => f.write_str("the client disconnected"),
            Self::Lost => f.write_str("the connection was lost"),
            Self::Violation(violation) => write!(f, "protocol violation: {violation}"),
            Self::Refused(code) => write!(f, "refused with {:#04x}: {code:?}", code.code()),
            Self::TakenOver => f.write_str("another connection took the client identifier over"),
            Self::KeepAliveTimeout => f.write_str("the keep alive time ran out"),
            Self::ConnectTimeout => {
                f.write_str("no CONNECT came in time, or its authentication took too long")
            }
            Self::AuthenticationFailed(code) => {
                write!(f, "the re-authentication failed with {:#04x}: {code:?}", code.code())
            }
            Self::Dismissed(code) => {
                write!(f, "closed by the server with {:#04x}: {code:?}", code.code())
            }
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
