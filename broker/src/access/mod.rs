//! Who may come in and what they may do there.
//!
//! [`Access`] is the trait that decides; [`FileAccess`] decides by a password file and an ACL
//! file. Without either the broker lets everybody do everything.

mod acl;
mod control;
mod error;
mod files;
mod passwords;
mod stored_hash;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use broker_core::codec::ReasonCode;
use broker_core::topic::{TopicFilter, TopicName};
use broker_core::{Authenticator, Identity, Principal, QoS, Rights};

pub(crate) use control::AccessControl;
pub use error::AccessFileError;
pub use files::{AccessFiles, FileAccess};
pub use passwords::PasswordFile;

/// What a Client brings to be let in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credentials<'a> {
    /// The Client Identifier; empty when the broker is to assign one.
    pub client_identifier: &'a str,
    /// The user name: that of the CONNECT, or `common_name` where the listener says so.
    pub user_name: Option<&'a str>,
    /// Whether the user name, or that there is none, is the certificate's word: it needs no
    /// password. See [`Tls::use_identity_as_username`](crate::Tls::use_identity_as_username).
    pub is_certified: bool,
    /// The password of the CONNECT.
    pub password: Option<&'a [u8]>,
    /// The common name in the subject of the certificate that the Client has shown, which comes
    /// from an authority that the listener trusts.
    pub common_name: Option<&'a str>,
    /// The URL of the listener that it came by, as in
    /// [`Broker::local_urls`](crate::Broker::local_urls).
    pub listener: &'a str,
    /// Where the Network Connection comes from; `None` for a process on this machine that has no
    /// network address.
    pub peer: Option<SocketAddr>,
}

/// Why a Client is not let in: Reason Code of MQTT 5.0, and return code before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// User name or password are wrong: 0x86, 4.
    BadUserNameOrPassword,
    /// This Client may not come in: 0x87, 5.
    NotAuthorized,
    /// Nobody may come in with this Client Identifier: 0x85, 2.
    ClientIdentifierNotValid,
    /// It is kept out by an administrator: 0x8A, 5.
    Banned,
    /// Nobody can tell at the moment: 0x88, 3.
    Unavailable,
    /// There is too much to do; it may try again later: 0x89, 3.
    Busy,
    /// It is to use another Server for now, this one if it is known: 0x9C, 3.
    UseAnotherServer(Option<Arc<str>>),
    /// It is to use another Server from now on, this one if it is known: 0x9D, 3.
    ServerMoved(Option<Arc<str>>),
}

impl From<Refusal> for broker_core::Refusal {
    fn from(refusal: Refusal) -> Self {
        let (reason, server_reference) = match refusal {
            Refusal::BadUserNameOrPassword => (ReasonCode::BadUserNameOrPassword, None),
            Refusal::NotAuthorized => (ReasonCode::NotAuthorized, None),
            Refusal::ClientIdentifierNotValid => (ReasonCode::ClientIdentifierNotValid, None),
            Refusal::Banned => (ReasonCode::Banned, None),
            Refusal::Unavailable => (ReasonCode::ServerUnavailable, None),
            Refusal::Busy => (ReasonCode::ServerBusy, None),
            Refusal::UseAnotherServer(server) => (ReasonCode::UseAnotherServer, server),
            Refusal::ServerMoved(server) => (ReasonCode::ServerMoved, server),
        };
        Self { reason, server_reference }
    }
}

/// Why a Client that is in is sent away: Reason Code of MQTT 5.0; earlier versions are told nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dismissal {
    /// An administrator wants it so: 0x98.
    AdministrativeAction,
    /// It has used up what it may: 0x97.
    QuotaExceeded,
    /// It publishes too fast: 0x96.
    MessageRateTooHigh,
    /// It was there for as long as it may be: 0xA0.
    MaximumConnectTime,
    /// It is to use another Server for now, this one if it is known: 0x9C.
    UseAnotherServer(Option<Arc<str>>),
    /// It is to use another Server from now on, this one if it is known: 0x9D.
    ServerMoved(Option<Arc<str>>),
}

impl From<Dismissal> for broker_core::Refusal {
    fn from(dismissal: Dismissal) -> Self {
        let (reason, server_reference) = match dismissal {
            Dismissal::AdministrativeAction => (ReasonCode::AdministrativeAction, None),
            Dismissal::QuotaExceeded => (ReasonCode::QuotaExceeded, None),
            Dismissal::MessageRateTooHigh => (ReasonCode::MessageRateTooHigh, None),
            Dismissal::MaximumConnectTime => (ReasonCode::MaximumConnectTime, None),
            Dismissal::UseAnotherServer(server) => (ReasonCode::UseAnotherServer, server),
            Dismissal::ServerMoved(server) => (ReasonCode::ServerMoved, server),
        };
        Self { reason, server_reference }
    }
}

/// Decides who may come in and what they may do, for an embedder.
///
/// All methods but the first allow everything unless they are written. Those who know mosca or
/// aedes find here:
///
/// | there | here |
/// |---|---|
/// | `authenticate` | [`authenticate`](Self::authenticate) |
/// | `authorizePublish` | [`may_publish`](Self::may_publish), also asked for a Will |
/// | `authorizeSubscribe` | [`may_subscribe`](Self::may_subscribe) |
/// | `authorizeForward` | [`may_receive`](Self::may_receive), once for a Client and a topic |
///
/// `broker/examples/authorize.rs` shows them at work.
///
/// ```
/// use broker::{Access, Credentials, Identity, Principal, QoS, Refusal};
/// use broker::topic::TopicName;
///
/// struct OneDoor;
///
/// impl Access for OneDoor {
///     fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, Refusal> {
///         match (credentials.user_name, credentials.password) {
///             (Some("door"), Some(b"open sesame")) => Ok(Principal {
///                 user_name: Some("door".into()),
///                 ..Principal::default()
///             }),
///             _ => Err(Refusal::BadUserNameOrPassword),
///         }
///     }
///
///     fn may_publish(&self, _: &Identity, topic: TopicName<'_>, _: QoS, _: bool) -> bool {
///         topic.as_str().starts_with("door/")
///     }
/// }
///
/// let builder = broker::Broker::builder().access(OneDoor);
/// ```
pub trait Access: Send + Sync + 'static {
    /// Whether a Client may come in, and as whom. Called on a thread of its own, where it may
    /// wait; a few at once at most.
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, Refusal>;

    /// Begins the enhanced authentication of a Client that asks for `method`, MQTT 5.0 section 4.12,
    /// and is asked instead of [`authenticate`](Self::authenticate), on the same threads; `None`,
    /// as it is unless written, when there is no such method: the Client is refused with 0x8C.
    ///
    /// `broker/examples/challenge.rs` has one.
    fn authenticator(
        &self,
        method: &str,
        credentials: &Credentials<'_>,
    ) -> Option<Box<dyn Authenticator>> {
        let _ = (method, credentials);
        None
    }

    /// Whether a Client may publish this way. Asked for each message on the thread of its shard:
    /// it must not wait. A message that is refused is dropped, counted and acknowledged.
    fn may_publish(&self, client: &Identity, topic: TopicName<'_>, qos: QoS, retain: bool) -> bool {
        let _ = (client, topic, qos, retain);
        true
    }

    /// Whether a Client may subscribe. It must not wait. What is refused is answered with 0x80.
    fn may_subscribe(&self, client: &Identity, filter: TopicFilter<'_>, qos: QoS) -> bool {
        let _ = (client, filter, qos);
        true
    }

    /// Whether a Client may receive what is published to a topic. It must not wait. The answer is
    /// remembered until [`Broker::recheck_access`](crate::Broker::recheck_access), so that a
    /// delivery costs nothing.
    fn may_receive(&self, client: &Identity, topic: TopicName<'_>) -> bool {
        let _ = (client, topic);
        true
    }

    /// Whether a Client that came in may be here still. Asked when its CONNECT is accepted and at
    /// [`Broker::recheck_access`](crate::Broker::recheck_access).
    fn admits(&self, client: &Identity) -> bool {
        let _ = client;
        true
    }

    /// The rights of a Client, prepared once for its session; `None`, as it is unless written,
    /// lets the three methods above answer each time.
    fn prepared_rights(&self, client: &Identity) -> Option<Arc<dyn Rights>> {
        let _ = client;
        None
    }
}
