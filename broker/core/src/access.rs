//! Who a Client is to the broker, and what it may do. Deciding is the embedder's; asking at the
//! right moments is the shard's.

use std::fmt;
use std::sync::Arc;

use crate::codec::ReasonCode;
use crate::qos::QoS;
use crate::topic::{TopicFilter, TopicName};

/// Who has proved what on a Network Connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// The user name that was proved; `None` for an anonymous Client.
    pub user_name: Option<Arc<str>>,
    /// What tells two proofs of one user name apart, such as a hash of what the password was held
    /// against: a policy that finds another one now may withdraw what it granted then.
    pub mark: u64,
    /// Whether the name is that of a certificate which the transport has checked.
    pub is_certified: bool,
}

/// A Client: who it says it is, and who it has proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its Client Identifier.
    pub client_identifier: Arc<str>,
    /// Its proof.
    pub principal: Principal,
}

/// What one Client may do. One object for each session, so that rules can be prepared once.
///
/// Publishing is asked for each message and must be quick. The answer of
/// [`may_receive`](Self::may_receive) for a topic is remembered with the subscriptions that match
/// it, until [`Shard::recheck_access`](crate::Shard::recheck_access): it costs a delivery nothing.
pub trait Rights: Send + Sync {
    /// Whether it may publish to `topic` this way. Asked of a Will when it is due.
    fn may_publish(&self, topic: TopicName<'_>, qos: QoS, retain: bool) -> bool;

    /// Whether it may subscribe to `filter`. It still gets only what it may receive.
    fn may_subscribe(&self, filter: TopicFilter<'_>, qos: QoS) -> bool;

    /// Whether it may receive what is published to `topic`, retained messages included.
    fn may_receive(&self, topic: TopicName<'_>) -> bool;
}

/// Gives rights to Clients whose credentials have been checked.
pub trait Policy: Send + Sync {
    /// The rights of a Client as of now; `None` when it may not be here, or not any more.
    fn rights(&self, client: &Arc<Identity>) -> Option<Arc<dyn Rights>>;
}

/// What was made of the credentials in a CONNECT, before the shard sees it.
#[derive(Debug)]
pub enum Admission {
    /// They are good.
    Granted(Principal),
    /// They are not: the CONNECT is answered with this, if nothing else is wrong with it.
    Refused(Refusal),
    /// The Client asks for an enhanced authentication by a method that there is: this decides.
    Authenticator(Box<dyn Authenticator>),
}

/// Why a Client is not let in, or not any longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What a CONNACK of MQTT 5.0 says, 3.2.2.2; before 5.0 the return code nearest to it. In a
    /// DISCONNECT, [`ReasonCode::NotAuthorized`] stands for a code that has no place there.
    pub reason: ReasonCode,
    /// Another Server to go to, with [`ReasonCode::UseAnotherServer`] and
    /// [`ReasonCode::ServerMoved`], 4.11.
    pub server_reference: Option<Arc<str>>,
}

impl From<ReasonCode> for Refusal {
    fn from(reason: ReasonCode) -> Self {
        Self { reason, server_reference: None }
    }
}

/// The Server's part in the enhanced authentication of one Client, MQTT 5.0 section 4.12: one
/// object for each Network Connection, for as long as that lasts.
///
/// A step is taken apart from the shard, which goes on meanwhile: it may wait, within the time that
/// a CONNECT has. There is one at a time, and no more of them than the Client sends packets.
pub trait Authenticator: Send {
    /// Begins, with the Authentication Data of the CONNECT or of the AUTH that asks for
    /// re-authentication.
    fn start(&mut self, data: Option<&[u8]>) -> Step;

    /// Goes on with what the Client has answered to [`Step::Continue`].
    fn proceed(&mut self, data: Option<&[u8]>) -> Step;
}

impl fmt::Debug for dyn Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}

/// What comes of one step of an enhanced authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The Client is to go on: it gets an AUTH with this Authentication Data.
    Continue(Vec<u8>),
    /// The Client has proved who it is.
    Success {
        /// Who.
        principal: Principal,
        /// Authentication Data of the CONNACK, or of the AUTH that ends a re-authentication.
        data: Option<Vec<u8>>,
    },
    /// It has not: the Network Connection ends with this, [MQTT-4.12.0-4], [MQTT-4.12.1-2].
    Refuse(Refusal),
}

/// A session's identity and rights.
#[derive(Clone)]
pub struct SessionAccess {
    /// Whose session it is.
    pub identity: Arc<Identity>,
    /// What it may do.
    pub rights: Arc<dyn Rights>,
}

impl fmt::Debug for SessionAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionAccess").field("identity", &self.identity).finish_non_exhaustive()
    }
}
