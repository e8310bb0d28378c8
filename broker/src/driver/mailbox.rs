//! What one thread hands to the shard of another, in batches.

use std::sync::Arc;

use broker_core::{Admission, Forward, Message, Refusal};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::arrival::Arrival;
use super::readiness::Bell;
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
pub(crate) struct Mailboxes(Box<[Mailbox]>);

#[derive(Clone, Debug)]
struct Mailbox {
    sender: mpsc::Sender<Mail>,
    bell: Arc<Bell>,
}

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
    /// One for each shard, which is woken by its bell.
    pub(crate) fn new(bells: impl IntoIterator<Item = Arc<Bell>>) -> (Self, Vec<Inbox>) {
        let (mailboxes, inboxes): (Vec<_>, Vec<_>) = bells
            .into_iter()
            .map(|bell| {
                let (sender, receiver) = mpsc::channel(MAILBOX_BATCHES);
                (Mailbox { sender, bell }, Inbox(receiver))
            })
            .unzip();
        (Self(mailboxes.into()), inboxes)
    }

    pub(crate) fn try_send(&self, shard: usize, mail: Mail) -> Result<(), Undelivered> {
        let Mailbox { sender, bell } = self.0.get(shard).ok_or(Undelivered::Stopped)?;
        sender.try_send(mail).map_err(|error| match error {
            TrySendError::Full(mail) => Undelivered::Full(mail),
            TrySendError::Closed(_) => Undelivered::Stopped,
        })?;
        bell.ring();
        Ok(())
    }

    /// Whether a shard takes another batch.
    pub(crate) fn has_room(&self, shard: usize) -> bool {
        let mailbox = self.0.get(shard);
        mailbox.is_none_or(|Mailbox { sender, .. }| sender.capacity() > 0 || sender.is_closed())
    }

    /// Waits until a shard takes mail.
    pub(crate) async fn wait_for_room(&self, shard: usize) {
        if let Some(mailbox) = self.0.get(shard) {
            // Dropping the permit leaves the room to whoever comes first.
            drop(mailbox.sender.reserve().await);
        }
    }
}

impl Inbox {
    /// Waits for mail. `None` never, for as long as the broker holds the senders.
    pub(crate) async fn receive(&mut self) -> Option<Mail> {
        self.0.recv().await
    }

    /// Mail that is there.
    pub(crate) fn take(&mut self) -> Option<Mail> {
        self.0.try_recv().ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::ReadinessQueue;
    use super::*;

    /// Sleeps of which one without a wake-up is the end of the test.
    const LONG: Duration = Duration::from_mins(1);

    /// A shard that sleeps as soon as it has no mail, and somebody who sends some at any moment of that.
    #[test]
    fn mail_never_waits_for_a_shard_that_sleeps() {
        const LETTERS: usize = 20_000;
        let queue = ReadinessQueue::new().unwrap();
        let (mailboxes, mut inboxes) = Mailboxes::new([queue.bell()]);
        let mut inbox = inboxes.pop().unwrap();
        let (answers, answered) = std::sync::mpsc::channel();
        let sender = std::thread::spawn(move || {
            for letter in 0..LETTERS {
                mailboxes.try_send(0, Mail::Stop).unwrap();
                answered.recv().unwrap();
                for _ in 0..letter % 300 {
                    std::hint::spin_loop();
                }
            }
        });
        let (_registrar, mut readiness) = queue.open().unwrap();
        for _ in 0..LETTERS {
            while inbox.take().is_none() {
                let begun = Instant::now();
                readiness.sleep(LONG, || !inbox.is_empty(), |_, _| {}).unwrap();
                assert!(begun.elapsed() < LONG, "nobody rang");
            }
            answers.send(()).unwrap();
        }
        sender.join().unwrap();
    }
}
