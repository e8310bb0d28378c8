//! Reason Codes, MQTT 5.0 2.4.

use crate::qos::QoS;

/// How an operation ended, MQTT 5.0 2.4. Below 0x80 it succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReasonCode {
    /// Success; on a DISCONNECT a normal disconnection (3.14.2.1), on a SUBACK a granted QoS 0
    /// (3.9.3).
    Success = 0x00,
    /// A subscription with QoS 1 at most, 3.9.3.
    GrantedQoS1 = 0x01,
    /// A subscription with QoS 2 at most, 3.9.3.
    GrantedQoS2 = 0x02,
    /// The Client leaves and wants its Will Message published, 3.14.2.1.
    DisconnectWithWillMessage = 0x04,
    /// Accepted, but nobody subscribes to it, 3.4.2.1 and 3.5.2.1.
    NoMatchingSubscribers = 0x10,
    /// There was no subscription to end, 3.11.3.
    NoSubscriptionExisted = 0x11,
    /// The authentication goes on, 3.15.2.1.
    ContinueAuthentication = 0x18,
    /// The Client authenticates anew, 3.15.2.1.
    ReAuthenticate = 0x19,
    /// The sender does not want to say more, or nothing else fits.
    UnspecifiedError = 0x80,
    /// Bytes that cannot be parsed, 1.2 and 4.13.1.
    MalformedPacket = 0x81,
    /// Something that the protocol does not allow, 1.2 and 4.13.1.
    ProtocolError = 0x82,
    /// Allowed, but not accepted by this receiver.
    ImplementationSpecificError = 0x83,
    /// The Server does not speak this version, 3.2.2.2.
    UnsupportedProtocolVersion = 0x84,
    /// A Client Identifier that the Server does not allow, 3.2.2.2.
    ClientIdentifierNotValid = 0x85,
    /// User name or password are not accepted, 3.2.2.2.
    BadUserNameOrPassword = 0x86,
    /// The Client may not do this.
    NotAuthorized = 0x87,
    /// The service is not available, 3.2.2.2.
    ServerUnavailable = 0x88,
    /// Too much to do; try again later.
    ServerBusy = 0x89,
    /// The Client is kept out by an administrator, 3.2.2.2.
    Banned = 0x8a,
    /// The Server stops, 3.14.2.1.
    ServerShuttingDown = 0x8b,
    /// An authentication method that is not supported or not the current one.
    BadAuthenticationMethod = 0x8c,
    /// Nothing came for one and a half times the Keep Alive, 3.14.2.1.
    KeepAliveTimeout = 0x8d,
    /// Another Network Connection brought the same Client Identifier, 3.14.2.1.
    SessionTakenOver = 0x8e,
    /// A Topic Filter that is not accepted.
    TopicFilterInvalid = 0x8f,
    /// A Topic Name that is not accepted.
    TopicNameInvalid = 0x90,
    /// The Packet Identifier is taken.
    PacketIdentifierInUse = 0x91,
    /// The Packet Identifier is not known, 3.6.2.1 and 3.7.2.1.
    PacketIdentifierNotFound = 0x92,
    /// More publications without acknowledgement than the Receive Maximum, 3.14.2.1.
    ReceiveMaximumExceeded = 0x93,
    /// A Topic Alias of 0 or above the Topic Alias Maximum, 3.14.2.1.
    TopicAliasInvalid = 0x94,
    /// A packet above the Maximum Packet Size.
    PacketTooLarge = 0x95,
    /// Publications come too fast, 3.14.2.1.
    MessageRateTooHigh = 0x96,
    /// A limit of an implementation or an administrator is exceeded.
    QuotaExceeded = 0x97,
    /// An administrator closed the Network Connection, 3.14.2.1.
    AdministrativeAction = 0x98,
    /// The payload is not what its Payload Format Indicator says.
    PayloadFormatInvalid = 0x99,
    /// The Server does not retain messages.
    RetainNotSupported = 0x9a,
    /// A QoS above the Maximum QoS of the Server.
    QoSNotSupported = 0x9b,
    /// The Client should use another Server for now.
    UseAnotherServer = 0x9c,
    /// The Client should use another Server from now on.
    ServerMoved = 0x9d,
    /// The Server has no Shared Subscriptions.
    SharedSubscriptionsNotSupported = 0x9e,
    /// Connections come too fast.
    ConnectionRateExceeded = 0x9f,
    /// The Network Connection was open for as long as it may be, 3.14.2.1.
    MaximumConnectTime = 0xa0,
    /// The Server has no Subscription Identifiers.
    SubscriptionIdentifiersNotSupported = 0xa1,
    /// The Server has no wildcard subscriptions.
    WildcardSubscriptionsNotSupported = 0xa2,
}

impl ReasonCode {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 43] = [
        Self::Success,
        Self::GrantedQoS1,
        Self::GrantedQoS2,
        Self::DisconnectWithWillMessage,
        Self::NoMatchingSubscribers,
        Self::NoSubscriptionExisted,
        Self::ContinueAuthentication,
        Self::ReAuthenticate,
        Self::UnspecifiedError,
        Self::MalformedPacket,
        Self::ProtocolError,
        Self::ImplementationSpecificError,
        Self::UnsupportedProtocolVersion,
        Self::ClientIdentifierNotValid,
        Self::BadUserNameOrPassword,
        Self::NotAuthorized,
        Self::ServerUnavailable,
        Self::ServerBusy,
        Self::Banned,
        Self::ServerShuttingDown,
        Self::BadAuthenticationMethod,
        Self::KeepAliveTimeout,
        Self::SessionTakenOver,
        Self::TopicFilterInvalid,
        Self::TopicNameInvalid,
        Self::PacketIdentifierInUse,
        Self::PacketIdentifierNotFound,
        Self::ReceiveMaximumExceeded,
        Self::TopicAliasInvalid,
        Self::PacketTooLarge,
        Self::MessageRateTooHigh,
        Self::QuotaExceeded,
        Self::AdministrativeAction,
        Self::PayloadFormatInvalid,
        Self::RetainNotSupported,
        Self::QoSNotSupported,
        Self::UseAnotherServer,
        Self::ServerMoved,
        Self::SharedSubscriptionsNotSupported,
        Self::ConnectionRateExceeded,
        Self::MaximumConnectTime,
        Self::SubscriptionIdentifiersNotSupported,
        Self::WildcardSubscriptionsNotSupported,
    ];

    /// The byte that stands for it on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Reads the byte; `None` when the specification gives it no meaning.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Whether the operation failed.
    pub const fn is_error(self) -> bool {
        self.code() >= 0x80
    }

    /// The code that a DISCONNECT of a Server says instead, if it has no place there, 3.14.2.1.
    #[must_use]
    pub const fn in_disconnect(self) -> Self {
        match self {
            Self::Success
            | Self::GrantedQoS1
            | Self::GrantedQoS2
            | Self::DisconnectWithWillMessage
            | Self::NoMatchingSubscribers
            | Self::NoSubscriptionExisted
            | Self::ContinueAuthentication
            | Self::ReAuthenticate
            | Self::UnsupportedProtocolVersion
            | Self::ClientIdentifierNotValid
            | Self::BadUserNameOrPassword
            | Self::ServerUnavailable
            | Self::Banned
            | Self::BadAuthenticationMethod
            | Self::PacketIdentifierInUse
            | Self::PacketIdentifierNotFound => Self::NotAuthorized,
            _ => self,
        }
    }

    /// The code that a CONNACK of a refusal says instead, if it has no place there, 3.2.2.2.
    #[must_use]
    pub const fn in_connack(self) -> Self {
        match self.code() {
            0x80..=0x8a | 0x8c | 0x90 | 0x95 | 0x97 | 0x99..=0x9d | 0x9f => self,
            0x8b => Self::ServerUnavailable,
            _ => Self::UnspecifiedError,
        }
    }

    /// What a SUBACK says of a subscription with at most `qos`, 3.9.3.
    pub const fn granted(qos: QoS) -> Self {
        match qos {
            QoS::AtMostOnce => Self::Success,
            QoS::AtLeastOnce => Self::GrantedQoS1,
            QoS::ExactlyOnce => Self::GrantedQoS2,
        }
    }

    /// What a CONNACK of MQTT 3.1 and 3.1.1 says instead.
    ///
    /// `None` when those versions have no code for it: the Network Connection is then closed
    /// without a CONNACK, MQTT 3.1.1 3.2.2.3.
    pub const fn as_connect_return_code(self) -> Option<ConnectReturnCode> {
        match self {
            Self::Success => Some(ConnectReturnCode::Accepted),
            Self::UnsupportedProtocolVersion => {
                Some(ConnectReturnCode::UnacceptableProtocolVersion)
            }
            Self::ClientIdentifierNotValid => Some(ConnectReturnCode::IdentifierRejected),
            Self::BadUserNameOrPassword => Some(ConnectReturnCode::BadUserNameOrPassword),
            Self::NotAuthorized | Self::Banned => Some(ConnectReturnCode::NotAuthorized),
            Self::ServerUnavailable
            | Self::ServerBusy
            | Self::ServerShuttingDown
            | Self::QuotaExceeded
            | Self::UseAnotherServer
            | Self::ServerMoved
            | Self::ConnectionRateExceeded => Some(ConnectReturnCode::ServerUnavailable),
            _ => None,
        }
    }
}

impl From<ConnectReturnCode> for ReasonCode {
    fn from(code: ConnectReturnCode) -> Self {
        match code {
            ConnectReturnCode::Accepted => Self::Success,
            ConnectReturnCode::UnacceptableProtocolVersion => Self::UnsupportedProtocolVersion,
            ConnectReturnCode::IdentifierRejected => Self::ClientIdentifierNotValid,
            ConnectReturnCode::ServerUnavailable => Self::ServerUnavailable,
            ConnectReturnCode::BadUserNameOrPassword => Self::BadUserNameOrPassword,
            ConnectReturnCode::NotAuthorized => Self::NotAuthorized,
        }
    }
}

/// Whether and why not a Client may come in, MQTT 3.2.2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ConnectReturnCode {
    /// The connection is accepted.
    Accepted = 0,
    /// The Server does not speak the requested protocol level.
    UnacceptableProtocolVersion = 1,
    /// The Client Identifier is not allowed.
    IdentifierRejected = 2,
    /// The MQTT service is unavailable.
    ServerUnavailable = 3,
    /// User name or password are malformed.
    BadUserNameOrPassword = 4,
    /// The Client is not authorized to connect.
    NotAuthorized = 5,
}
