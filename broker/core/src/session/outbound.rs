//! QoS 1 and 2 as sender, MQTT 4.3.2, 4.3.3 and 4.4: an inflight window and a queue behind it.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::codec::PacketIdentifier;
use crate::message::Message;
use crate::qos::QoS;

/// Packet Identifiers there are.
const IDENTIFIERS: u64 = 65_535;

/// One message on its way to one Client, at QoS 1 or 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message, shared with the other sessions that have it.
    pub message: Arc<Message>,
    /// The lower of its QoS and the subscription's.
    pub qos: QoS,
    /// The RETAIN flag that it is sent with.
    pub retain: bool,
    /// Subscription Identifiers that go along.
    pub identifiers: SmallVec<[u32; 1]>,
}

impl Delivery {
    /// Bytes that it counts for while it waits.
    pub fn size(&self) -> usize {
        self.message.size() + size_of_val(&*self.identifiers)
    }
}

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing<'a> {
    /// A PUBLISH; with DUP = 1 when it was sent on an earlier Network Connection, [MQTT-4.4.0-1].
    Publish {
        /// Its identifier.
        identifier: PacketIdentifier,
        /// The message.
        delivery: &'a Delivery,
        /// Whether it was sent before.
        duplicate: bool,
    },
    /// A PUBREL, again.
    Pubrel(PacketIdentifier),
}

/// The sending half of a session.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    /// In the order of sending, hence with rising serial numbers.
    inflight: VecDeque<Inflight>,
    /// How many at the end of `inflight` were not sent yet on this Network Connection.
    unsent: usize,
    /// `None` when nothing waits, as in nearly all sessions: an empty one is not paid for.
    queue: Option<Box<Queue>>,
    /// Serial number of the next message; its identifier follows from it.
    next: u64,
}

/// Messages that wait, in order.
#[derive(Clone, Debug, Default)]
struct Queue {
    deliveries: VecDeque<Delivery>,
    /// The sum of their sizes.
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Inflight {
    serial: u64,
    /// `None` once a PUBREC has come: only PUBREL and PUBCOMP are left.
    delivery: Option<Delivery>,
    /// Whether its PUBREL went before its turn on this Network Connection.
    early: bool,
}

impl Inflight {
    const fn identifier(&self) -> PacketIdentifier {
        identifier(self.serial)
    }
}

const fn identifier(serial: u64) -> PacketIdentifier {
    match PacketIdentifier::new((serial % IDENTIFIERS) as u16 + 1) {
        Some(identifier) => identifier,
        None => PacketIdentifier::FIRST,
    }
}

impl Outbound {
    /// Takes a message in. It may be sent at once when the Client is `connected`, nothing waits
    /// before it and the window is open.
    pub fn offer(&mut self, delivery: Delivery, connected: bool, limits: QueueLimits) -> Offered {
        if connected && self.is_open(limits) {
            return Offered::Send(self.start(delivery));
        }
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
        self.queued() == 0 && self.unsent == 0 && self.has_room(limits)
    }

    /// Begins anew on another Network Connection: what is in flight is to be sent again, in the
    /// old order, [MQTT-4.4.0-1] and [MQTT-4.6.0-1].
    pub fn resume(&mut self) {
        self.unsent = self.inflight.len();
        self.inflight.iter_mut().for_each(|inflight| inflight.early = false);
    }

    /// The next thing to send, if the window is open. `wanted` says of a message that has not been
    /// sent yet whether it still is; those that are not are passed over.
    pub fn next(
        &mut self,
        limits: QueueLimits,
        mut wanted: impl FnMut(&Delivery) -> bool,
    ) -> Option<Outgoing<'_>> {
        while self.inflight.get(self.inflight.len() - self.unsent).is_some_and(|next| next.early) {
            self.unsent -= 1;
        }
        if !self.has_room(limits) {
            return self.early_pubrel();
        }
        let duplicate = self.unsent > 0;
        let index = self.inflight.len() - self.unsent;
        if duplicate {
            self.unsent -= 1;
        } else {
            let delivery = loop {
                let queue = self.queue.as_deref_mut()?;
                let delivery = queue.deliveries.pop_front()?;
                queue.bytes -= delivery.size();
                if wanted(&delivery) {
                    break delivery;
                }
            };
            self.start(delivery);
        }
        let inflight = self.inflight.get(index)?;
        let identifier = inflight.identifier();
        Some(match &inflight.delivery {
            Some(delivery) => Outgoing::Publish { identifier, delivery, duplicate },
            None => Outgoing::Pubrel(identifier),
        })
    }

    /// A PUBREL that is to be sent again: it need not wait for the window, which is for PUBLISH
    /// alone, 5.0 [MQTT-3.3.4-10].
    fn early_pubrel(&mut self) -> Option<Outgoing<'_>> {
        let unsent = self.inflight.range_mut(self.inflight.len() - self.unsent..);
        let pubrel = unsent.filter(|next| next.delivery.is_none()).find(|next| !next.early)?;
        pubrel.early = true;
        Some(Outgoing::Pubrel(pubrel.identifier()))
    }

    /// A PUBACK. False when no QoS 1 message waits for it.
    pub fn acknowledge(&mut self, identifier: PacketIdentifier) -> bool {
        let at_least_once = |delivery: &Option<Delivery>| {
            delivery.as_ref().is_some_and(|delivery| delivery.qos == QoS::AtLeastOnce)
        };
        self.complete(identifier, at_least_once)
    }

    /// A message that the Client refused with a Reason Code of failure: it is done with.
    pub fn refuse(&mut self, identifier: PacketIdentifier) -> bool {
        self.complete(identifier, Option::is_some)
    }

    /// A PUBREC: the message is the Client's and need not be kept. False when no QoS 2 message
    /// waits for it.
    pub fn receive(&mut self, identifier: PacketIdentifier) -> bool {
        let Some(index) = self.position(identifier) else {
            return false;
        };
        let delivery = &mut self.inflight[index].delivery;
        let exactly_once = delivery.as_ref().is_none_or(|d| d.qos == QoS::ExactlyOnce);
        if exactly_once {
            *delivery = None;
        }
        exactly_once
    }

    /// A PUBCOMP. False when no PUBREL waits for it.
    pub fn finish(&mut self, identifier: PacketIdentifier) -> bool {
        self.complete(identifier, Option::is_none)
    }

    /// Removes messages that the Client may not have, from the queue and with `sent` from those in
    /// flight too; returns how many. Not to be used between [`resume`](Self::resume) and the
    /// sending of all that is to be sent again.
    pub fn revoke(&mut self, sent: bool, keep: impl Fn(&Message) -> bool) -> usize {
        let before = self.queued() + self.inflight.len();
        if let Some(queue) = &mut self.queue {
            queue.deliveries.retain(|delivery| keep(&delivery.message));
            queue.bytes = queue.deliveries.iter().map(Delivery::size).sum();
        }
        if sent {
            self.inflight.retain(|i| i.delivery.as_ref().is_none_or(|d| keep(&d.message)));
            self.unsent = self.unsent.min(self.inflight.len());
        }
        before - self.queued() - self.inflight.len()
    }

    /// Whether [`next`](Self::next) may have something, if the window is open.
    pub fn has_unsent(&self) -> bool {
        self.unsent > 0 || self.queued() > 0
    }

    /// How much there is of everything.
    pub fn held(&self) -> Held {
        let (inflight, queued) = (self.inflight.len(), self.queued());
        Held { inflight, queued, queued_bytes: self.queued_bytes() }
    }

    /// The message in flight that has this identifier, until the Client has it.
    pub fn sent(&self, identifier: PacketIdentifier) -> Option<&Delivery> {
        self.inflight.get(self.position(identifier)?)?.delivery.as_ref()
    }

    /// Messages that are sent and not yet acknowledged.
    pub fn inflight(&self) -> usize {
        self.inflight.len()
    }

    /// Messages that wait.
    pub fn queued(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.deliveries.len())
    }

    fn queued_bytes(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.bytes)
    }

    fn has_room(&self, limits: QueueLimits) -> bool {
        self.inflight.len() - self.unsent < usize::from(limits.window)
    }

    fn start(&mut self, delivery: Delivery) -> PacketIdentifier {
        // Serial numbers less than a round apart have different identifiers, so that only a
        // message which has gone without acknowledgement for a whole round makes us search.
        while let Some(oldest) = self.inflight.front()
            && self.next - oldest.serial >= IDENTIFIERS
            && self.inflight.iter().any(|other| other.identifier() == identifier(self.next))
        {
            self.next += 1;
        }
        let serial = self.next;
        self.next += 1;
        self.inflight.push_back(Inflight { serial, delivery: Some(delivery), early: false });
        identifier(serial)
    }

    fn complete(
        &mut self,
        identifier: PacketIdentifier,
        expected: impl FnOnce(&Option<Delivery>) -> bool,
    ) -> bool {
        let Some(index) = self.position(identifier) else {
            return false;
        };
        if !expected(&self.inflight[index].delivery) {
            return false;
        }
        if index >= self.inflight.len() - self.unsent {
            self.unsent -= 1;
        }
        self.inflight.remove(index);
        true
    }

    /// Clients acknowledge in order, so that the first is nearly always the one.
    fn position(&self, identifier: PacketIdentifier) -> Option<usize> {
        self.inflight.iter().position(|inflight| inflight.identifier() == identifier)
    }
}
