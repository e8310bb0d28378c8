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

use broker_core::codec::ConnectReturnCode;
use broker_core::topic::{TopicFilter, TopicName};
use broker_core::{Identity, Principal, QoS, Rights};

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
    /// The user name of the CONNECT.
    pub user_name: Option<&'a str>,
    /// The password of the CONNECT.
    pub password: Option<&'a [u8]>,
    /// Where the Network Connection comes from; `None` for a process on this machine that has no
    /// network address.
    pub peer: Option<SocketAddr>,
}

/// Why a Client is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// User name or password are wrong: return code 4.
    BadUserNameOrPassword,
    /// This Client may not come in: return code 5.
    NotAuthorized,
    /// Nobody can tell at the moment: return code 3.
    Unavailable,
}

impl From<Refusal> for ConnectReturnCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::BadUserNameOrPassword => Self::BadUserNameOrPassword,
            Refusal::NotAuthorized => Self::NotAuthorized,
            Refusal::Unavailable => Self::ServerUnavailable,
        }
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
