//! How far the enhanced authentication of a Network Connection is, MQTT 5.0 section 4.12.

use crate::access::Authenticator;

/// The enhanced authentication of one Network Connection.
#[derive(Debug)]
pub(super) struct Authentication {
    /// That of the CONNECT, which holds throughout, [MQTT-4.12.0-5].
    pub(super) method: Box<str>,
    /// `None` while it takes a step.
    pub(super) authenticator: Option<Box<dyn Authenticator>>,
    pub(super) turn: Turn,
    /// The body of the CONNECT for as long as it waits.
    pub(super) connect: Vec<u8>,
}

/// Who is to do something next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The Client, which may ask for re-authentication: nothing is under way.
    Settled,
    /// The Client, which has got an AUTH.
    Client,
    /// The authenticator.
    Server,
}
