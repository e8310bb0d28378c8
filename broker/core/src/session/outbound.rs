//! QoS 1 and 2 as sender, MQTT 4.3.2, 4.3.3 and 4.4: an inflight window and a queue behind it.

use std::collections::VecDeque;

use super::kept::Delivery;
use super::window::{Inflight, Window};
use crate::codec::PacketIdentifier;
use crate::message::Message;
use crate::qos::QoS;

/// How much may be in flight and wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Messages that are sent and not yet acknowledged.
    pub window: u16,
    /// Messages that wait.
    pub messages_max: usize,
    /// Bytes of topic, payload, properties and Subscription Identifiers that wait.
    pub bytes_max: usize,
}

/// How much a session holds for its Client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Messages that are sent and not yet acknowledged.
    pub inflight: usize,
    /// Messages that wait.
    pub queued: usize,
    /// Bytes of topic, payload, properties and Subscription Identifiers that wait.
    pub queued_bytes: usize,
}

/// What became of a message that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is in flight: send it with this identifier.
    Send(PacketIdentifier),
    /// It waits for an acknowledgement or for the Client to come back.
    Queued,
    /// The queue is full.
    Dropped,
}

/// What to send next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A PUBLISH; with DUP = 1 when it was sent on an earlier Network Connection, [MQTT-4.4.0-1].
    Publish {
        /// Its identifier.
        identifier: PacketIdentifier,
        /// The message.
        delivery: Delivery,
        /// Whether it was sent before.
        duplicate: bool,
    },
    /// A PUBREL, again.
    Pubrel(PacketIdentifier),
}

/// The sending half of a session.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    window: Window,
    /// `None` when nothing waits, as in nearly all sessions: an empty one is not paid for.
    queue: Option<Box<Queue>>,
}

/// Messages that wait, in order.
#[derive(Clone, Debug, Default)]
struct Queue {
    deliveries: VecDeque<Delivery>,
    /// The sum of their sizes.
    bytes: usize,
}

impl Outbound {
    /// Takes a message in. It may be sent at once when the Client is `connected`, nothing waits
    /// before it and the window is open.
    #[inline]
    pub fn offer(&mut self, delivery: Delivery, connected: bool, limits: QueueLimits) -> Offered {
        if connected && self.is_open(limits) {
            return Offered::Send(self.window.push(delivery));
        }
        self.queue_up(delivery, limits)
    }

    #[inline(never)]
    fn queue_up(&mut self, delivery: Delivery, limits: QueueLimits) -> Offered {
        let bytes = self.queued_bytes() + delivery.size();
        if self.queued() >= limits.messages_max || bytes > limits.bytes_max {
            return Offered::Dropped;
        }
        let queue = self.queue.get_or_insert_default();
        queue.bytes = bytes;
        queue.deliveries.push_back(delivery);
        Offered::Queued
    }

    /// Whether a message that is offered to a connected Client now would be sent at once.
    pub fn is_open(&self, limits: QueueLimits) -> bool {
        self.queued() == 0 && !self.window.has_unsent() && self.has_room(limits)
    }

    /// Begins anew on another Network Connection: what is in flight is to be sent again, in the
    /// old order, [MQTT-4.4.0-1] and [MQTT-4.6.0-1].
    pub fn resume(&mut self) {
        self.window.resume();
    }

    /// The next thing to send, if the window is open. `wanted` says of a message that has not been
    /// sent yet whether it still is; those that are not are passed over.
    pub fn next(
        &mut self,
        limits: QueueLimits,
        mut wanted: impl FnMut(&Delivery) -> bool,
    ) -> Option<Outgoing> {
        while self.window.unsent_mut().first().is_some_and(Inflight::is_early) {
            self.window.send_next();
        }
        if !self.has_room(limits) {
            return self.early_pubrel();
        }
        if self.window.has_unsent() {
            let index = self.window.send_next();
            let inflight = self.window.as_slice().get(index)?;
            let identifier = inflight.identifier();
            return Some(match inflight.delivery() {
                Some(delivery) => Outgoing::Publish { identifier, delivery, duplicate: true },
                None => Outgoing::Pubrel(identifier),
            });
        }
        let queue = self.queue.as_deref_mut()?;
        loop {
            let delivery = queue.deliveries.pop_front()?;
            queue.bytes -= delivery.size();
            if wanted(&delivery) {
                let identifier = self.window.push(delivery.clone());
                return Some(Outgoing::Publish { identifier, delivery, duplicate: false });
            }
        }
    }

    /// A PUBREL that is to be sent again: it need not wait for the window, which is for PUBLISH
    /// alone, 5.0 [MQTT-3.3.4-10].
    fn early_pubrel(&mut self) -> Option<Outgoing> {
        let unsent = self.window.unsent_mut().iter_mut();
        let pubrel = unsent.filter(|next| next.is_released()).find(|next| !next.is_early())?;
        pubrel.set_early(true);
        Some(Outgoing::Pubrel(pubrel.identifier()))
    }

    /// A PUBACK. False when no QoS 1 message waits for it.
    #[inline]
    pub fn acknowledge(&mut self, identifier: PacketIdentifier) -> bool {
        self.complete(identifier, |inflight| {
            !inflight.is_released() && inflight.qos() == QoS::AtLeastOnce
        })
    }

    /// A message that the Client refused with a Reason Code of failure: it is done with.
    pub fn refuse(&mut self, identifier: PacketIdentifier) -> bool {
        self.complete(identifier, |inflight| !inflight.is_released())
    }

    /// A PUBREC: the message is the Client's and need not be kept. False when no QoS 2 message
    /// waits for it.
    pub fn receive(&mut self, identifier: PacketIdentifier) -> bool {
        let index = self.window.position(identifier);
        let found = index.and_then(|index| self.window.as_mut_slice().get_mut(index));
        let Some(inflight) = found.filter(|inflight| inflight.qos() == QoS::ExactlyOnce) else {
            return false;
        };
        inflight.release();
        true
    }

    /// A PUBCOMP. False when no PUBREL waits for it.
    pub fn finish(&mut self, identifier: PacketIdentifier) -> bool {
        self.complete(identifier, Inflight::is_released)
    }

    /// Removes messages that the Client may not have, from the queue and with `sent` from those in
    /// flight too; returns how many. Not to be used between [`resume`](Self::resume) and the
    /// sending of all that is to be sent again.
    pub fn revoke(&mut self, sent: bool, keep: impl Fn(&Message) -> bool) -> usize {
        let before = self.queued() + self.inflight();
        if let Some(queue) = &mut self.queue {
            queue.deliveries.retain(|delivery| keep(&delivery.kept.message));
            queue.bytes = queue.deliveries.iter().map(Delivery::size).sum();
        }
        if sent {
            self.window.retain(|inflight| inflight.kept().is_none_or(|kept| keep(&kept.message)));
        }
        before - self.queued() - self.inflight()
    }

    /// Whether [`next`](Self::next) may have something, if the window is open.
    pub fn has_unsent(&self) -> bool {
        self.window.has_unsent() || self.queued() > 0
    }

    /// How much there is of everything.
    pub fn held(&self) -> Held {
        let (inflight, queued) = (self.inflight(), self.queued());
        Held { inflight, queued, queued_bytes: self.queued_bytes() }
    }

    /// The message in flight that has this identifier, and its QoS, until the Client has it.
    pub fn sent(&self, identifier: PacketIdentifier) -> Option<(&Message, QoS)> {
        let inflight = self.window.as_slice().get(self.window.position(identifier)?)?;
        Some((&inflight.kept()?.message, inflight.qos()))
    }

    /// Messages that are sent and not yet acknowledged.
    pub const fn inflight(&self) -> usize {
        self.window.len()
    }

    /// Messages that wait.
    pub fn queued(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.deliveries.len())
    }

    /// Bytes of those that wait.
    pub fn queued_bytes(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.bytes)
    }

    fn has_room(&self, limits: QueueLimits) -> bool {
        self.window.sent() < usize::from(limits.window)
    }

    #[inline]
    fn complete(
        &mut self,
        identifier: PacketIdentifier,
        expected: impl FnOnce(&Inflight) -> bool,
    ) -> bool {
        let index = self.window.position(identifier);
        let found = index.filter(|&index| self.window.as_slice().get(index).is_some_and(expected));
        found.inspect(|&index| self.window.remove(index)).is_some()
    }
}
