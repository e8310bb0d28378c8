//! QoS 1 and 2 as sender, MQTT 4.3.2, 4.3.3 and 4.4: an inflight window and a queue behind it.

use std::collections::VecDeque;

use crate::codec::PacketIdentifier;
use crate::message::Message;
use crate::qos::QoS;

/// Packet Identifiers there are.
const IDENTIFIERS: u64 = 65_535;

/// One message on its way to one Client, at QoS 1 or 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// The lower of its QoS and the subscription's.
    pub qos: QoS,
    /// Whether it is sent as a retained message, [MQTT-3.3.1-8].
    pub retain: bool,
}

/// How much may be in flight and wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Messages that are sent and not yet acknowledged.
    pub window: u16,
    /// Messages that wait.
    pub messages_max: usize,
    /// Bytes of topic and payload that wait.
    pub bytes_max: usize,
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

/// What to send again after a reconnect, [MQTT-4.4.0-1].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retransmission<'a> {
    /// PUBLISH with DUP = 1.
    Publish(PacketIdentifier, &'a Delivery),
    /// PUBREL.
    Pubrel(PacketIdentifier),
}

/// The sending half of a session.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    /// In the order of sending, hence with rising serial numbers.
    inflight: VecDeque<Inflight>,
    queue: VecDeque<Delivery>,
    queue_bytes: usize,
    /// Serial number of the next message; its identifier follows from it.
    next: u64,
}

#[derive(Clone, Debug)]
struct Inflight {
    serial: u64,
    /// `None` once a PUBREC has come: only PUBREL and PUBCOMP are left.
    delivery: Option<Delivery>,
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
        if connected && self.queue.is_empty() && self.has_room(limits) {
            return Offered::Send(self.start(delivery));
        }
        let bytes = self.queue_bytes + delivery.message.size();
        if self.queue.len() >= limits.messages_max || bytes > limits.bytes_max {
            return Offered::Dropped;
        }
        self.queue_bytes = bytes;
        self.queue.push_back(delivery);
        Offered::Queued
    }

    /// The next message that waits, if the window is open: now in flight, to be sent.
    pub fn next(&mut self, limits: QueueLimits) -> Option<(PacketIdentifier, &Delivery)> {
        if !self.has_room(limits) {
            return None;
        }
        let delivery = self.queue.pop_front()?;
        self.queue_bytes -= delivery.message.size();
        let identifier = self.start(delivery);
        let delivery = self.inflight.back()?.delivery.as_ref()?;
        Some((identifier, delivery))
    }

    /// A PUBACK. False when no QoS 1 message waits for it.
    pub fn acknowledge(&mut self, identifier: PacketIdentifier) -> bool {
        let at_least_once = |delivery: &Option<Delivery>| {
            delivery.as_ref().is_some_and(|delivery| delivery.qos == QoS::AtLeastOnce)
        };
        self.complete(identifier, at_least_once)
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

    /// What has been sent and not been acknowledged, in the order of sending, [MQTT-4.6.0-1].
    pub fn retransmissions(&self) -> impl Iterator<Item = Retransmission<'_>> {
        self.inflight.iter().map(|inflight| match &inflight.delivery {
            Some(delivery) => Retransmission::Publish(inflight.identifier(), delivery),
            None => Retransmission::Pubrel(inflight.identifier()),
        })
    }

    /// Removes messages that the Client may not have, from the queue and with `sent` from those in
    /// flight too; returns how many.
    pub fn revoke(&mut self, sent: bool, keep: impl Fn(&Message) -> bool) -> usize {
        let before = self.queue.len() + self.inflight.len();
        self.queue.retain(|delivery| keep(&delivery.message));
        self.queue_bytes = self.queue.iter().map(|delivery| delivery.message.size()).sum();
        if sent {
            self.inflight.retain(|i| i.delivery.as_ref().is_none_or(|d| keep(&d.message)));
        }
        before - self.queue.len() - self.inflight.len()
    }

    /// Messages that are sent and not yet acknowledged.
    pub fn inflight(&self) -> usize {
        self.inflight.len()
    }

    /// Messages that wait.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    fn has_room(&self, limits: QueueLimits) -> bool {
        self.inflight.len() < usize::from(limits.window)
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
        self.inflight.push_back(Inflight { serial, delivery: Some(delivery) });
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
        self.inflight.remove(index);
        true
    }

    /// Clients acknowledge in order, so that the first is nearly always the one.
    fn position(&self, identifier: PacketIdentifier) -> Option<usize> {
        self.inflight.iter().position(|inflight| inflight.identifier() == identifier)
    }
}
