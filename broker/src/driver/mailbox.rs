//! What one thread hands to the shard of another, in batches.

use broker_core::{Admission, Forward, Message, Refusal};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::arrival::Arrival;
use crate::transport::Detached;

/// Batches that wait for one shard. A shard that cannot hand its batch on stops reading until it
/// can, so that publishers are slowed by TCP.
const MAILBOX_BATCHES: usize = 1024;

/// One batch for a shard.
#[derive(Debug)]
pub(crate) enum Mail {
    /// All that another shard had for this one at the end of its turn.
    Forwards(Vec<Forward>),
    /// A message from inside.
    Publish(Message),
    /// A connection whose Client Identifier belongs here.
    Connection(Box<HandedOver>),
    /// A Client to be sent away.
    Dismiss(Box<str>, Refusal),
    /// The broker stops.
    Stop,
}

/// A connection between two shards.
#[derive(Debug)]
pub(crate) struct HandedOver {
    pub(crate) stream: Detached,
    pub(crate) arrival: Arrival,
    /// What was read to find out where it belongs: a CONNECT and perhaps more.
    pub(crate) received: Vec<u8>,
    /// What was made of its credentials, under access control.
    pub(crate) admission: Option<Admission>,
}

/// The mailboxes of all shards, to send to.
#[derive(Clone, Debug)]
pub(crate) struct Mailboxes(Box<[mpsc::Sender<Mail>]>);

/// One shard's own mailbox.
#[derive(Debug)]
pub(crate) struct Inbox(mpsc::Receiver<Mail>);

/// Mail that was not taken.
#[derive(Debug)]
pub(crate) enum Undelivered {
    Full(Mail),
    Stopped,
}

impl Mailboxes {
    pub(crate) fn new(shards: usize) -> (Self, Vec<Inbox>) {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..shards).map(|_| mpsc::channel(MAILBOX_BATCHES)).unzip();
        (Self(senders.into()), receivers.into_iter().map(Inbox).collect())
    }

    pub(crate) fn try_send(&self, shard: usize, mail: Mail) -> Result<(), Undelivered> {
        let mailbox = self.0.get(shard).ok_or(Undelivered::Stopped)?;
        mailbox.try_send(mail).map_err(|error| match error {
            TrySendError::Full(mail) => Undelivered::Full(mail),
            TrySendError::Closed(_) => Undelivered::Stopped,
        })
    }

    /// Whether a shard takes another batch.
    pub(crate) fn has_room(&self, shard: usize) -> bool {
        self.0.get(shard).is_none_or(|mailbox| mailbox.capacity() > 0 || mailbox.is_closed())
    }

    /// Waits until a shard takes mail.
    pub(crate) async fn wait_for_room(&self, shard: usize) {
        if let Some(mailbox) = self.0.get(shard) {
            // Dropping the permit leaves the room to whoever comes first.
            drop(mailbox.reserve().await);
        }
    }
}

impl Inbox {
    /// `None` never, for as long as the broker holds the senders.
    pub(crate) async fn receive(&mut self) -> Option<Mail> {
        self.0.recv().await
    }
}
