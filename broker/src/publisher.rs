//! What an embedder does from inside the broker: publish, send Clients away.

use std::sync::Arc;

use broker_core::topic::{TopicError, TopicName};
use broker_core::{Message, QoS, ShardGroup};

use crate::access::Dismissal;
use crate::driver::mailbox::{Mail, Mailboxes, Undelivered};

/// Publishes as no Client's and sends Clients away, from any thread and without waiting.
#[derive(Clone, Debug)]
pub struct Publisher {
    group: Arc<ShardGroup>,
    mailboxes: Mailboxes,
}

/// Why a message was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The topic is no Topic Name.
    #[error("cannot publish: {0}")]
    Topic(#[from] TopicError),
    /// The shard that is to take it has more to do than it can.
    #[error("cannot publish: the broker is overloaded; try again later")]
    Overloaded,
    /// The broker has stopped.
    #[error("cannot publish: the broker has stopped")]
    Stopped,
}

impl Publisher {
    pub(crate) const fn new(group: Arc<ShardGroup>, mailboxes: Mailboxes) -> Self {
        Self { group, mailboxes }
    }

    /// Publishes at QoS 0, not retained.
    pub fn publish(&self, topic: &str, payload: impl AsRef<[u8]>) -> Result<(), PublishError> {
        self.publish_with(topic, payload, QoS::AtMostOnce, false)
    }

    /// Publishes. Messages of one topic stay in order.
    pub fn publish_with(
        &self,
        topic: &str,
        payload: impl AsRef<[u8]>,
        qos: QoS,
        retain: bool,
    ) -> Result<(), PublishError> {
        let message = Message::new(TopicName::new(topic)?, payload.as_ref(), qos, retain);
        let shard = self.group.shard_of(topic);
        self.mailboxes.try_send(shard, Mail::Publish(message)).map_err(Into::into)
    }

    /// Closes the Network Connection of a Client, if it has one. Its Will is published; its session
    /// is kept for as long as if the connection were lost, and it may come back: that is for
    /// [`Access`](crate::Access) to prevent.
    pub fn dismiss(
        &self,
        client_identifier: &str,
        dismissal: Dismissal,
    ) -> Result<(), DismissError> {
        let shard = self.group.shard_of(client_identifier);
        let mail = Mail::Dismiss(client_identifier.into(), dismissal.into());
        self.mailboxes.try_send(shard, mail).map_err(Into::into)
    }
}

/// Why a Client was not sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DismissError {
    /// The shard that it is on has more to do than it can.
    #[error("cannot dismiss a client: the broker is overloaded; try again later")]
    Overloaded,
    /// The broker has stopped.
    #[error("cannot dismiss a client: the broker has stopped")]
    Stopped,
}

impl From<Undelivered> for DismissError {
    fn from(undelivered: Undelivered) -> Self {
        match undelivered {
            Undelivered::Full(_) => Self::Overloaded,
            Undelivered::Stopped => Self::Stopped,
        }
    }
}

impl From<Undelivered> for PublishError {
    fn from(undelivered: Undelivered) -> Self {
        match undelivered {
            Undelivered::Full(_) => Self::Overloaded,
            Undelivered::Stopped => Self::Stopped,
        }
    }
}
