//! Who a Client is to the broker, and what it may do. Deciding is the embedder's; asking at the
//! right moments is the shard's.

use std::fmt;
use std::sync::Arc;

use crate::codec::ConnectReturnCode;
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// They are good.
    Granted(Principal),
    /// They are not: the CONNECT is answered with this code, if nothing else is wrong with it.
    Refused(ConnectReturnCode),
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
