//! CONNACK, MQTT 3.2.

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

/// A CONNACK. `session_present` goes with [`ConnectReturnCode::Accepted`] only, [MQTT-3.2.2-4].
pub const fn encode_connack(session_present: bool, code: ConnectReturnCode) -> [u8; 4] {
    debug_assert!(!session_present || matches!(code, ConnectReturnCode::Accepted));
    [0x20, 2, session_present as u8, code as u8]
}
