//! The sending half of a session against a naive model.

use std::cell::LazyCell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{
    Delivery, IDENTIFIERS, Offered, Outbound, PacketIdentifier, QoS, QueueLimits, Sent, churn,
    delivery, next_wanted, retransmissions, sent,
};

/// What is done to a session, by the Client and by the broker.
#[derive(Clone, Debug)]
enum Step {
    /// A message comes; QoS 2 or 1.
    Offer(bool),
    /// The shard sends what waits; with or without messages that have expired.
    Next { some_expired: bool },
    /// An acknowledgement for one of those in flight.
    Acknowledge(Acknowledgement, Index),
    /// An acknowledgement for any identifier.
    Stray(Acknowledgement, u16),
    /// The Client leaves.
    Disconnect,
    /// The Client comes back, with a Receive Maximum of its own.
    Connect { window: u16 },
}

#[derive(Clone, Copy, Debug)]
enum Acknowledgement {
    Puback,
    Pubrec,
    Pubcomp,
    /// PUBREC with a Reason Code of failure.
    Refusal,
}

fn any_step() -> impl Strategy<Value = Step> {
    use Acknowledgement::{Puback, Pubcomp, Pubrec, Refusal};
    let acknowledgement = || prop_oneof![4 => Just(Puback), 4 => Just(Pubrec), 4 => Just(Pubcomp), 1 => Just(Refusal)];
    prop_oneof![
        8 => any::<bool>().prop_map(Step::Offer),
        4 => prop::bool::weighted(0.2).prop_map(|some_expired| Step::Next { some_expired }),
        6 => (acknowledgement(), any::<Index>()).prop_map(|(a, i)| Step::Acknowledge(a, i)),
        1 => (acknowledgement(), 1_u16..).prop_map(|(a, id)| Step::Stray(a, id)),
        1 => Just(Step::Disconnect),
        1 => (1_u16..12).prop_map(|window| Step::Connect { window }),
    ]
}

#[derive(Clone, Debug)]
struct Inflight {
    identifier: PacketIdentifier,
    delivery: Delivery,
    /// Whether a PUBREC came.
    received: bool,
    /// Whether it was sent on this Network Connection, in its turn.
    sent: bool,
    /// Whether its PUBREL went past a closed window.
    early: bool,
}

/// The same as [`Outbound`] in plain lists.
struct Model {
    /// In the order of sending.
    inflight: Vec<Inflight>,
    queue: Vec<Delivery>,
    connected: bool,
    limits: QueueLimits,
}

/// Every third message is one that expires.
fn expires(delivery: &Delivery) -> bool {
    delivery.kept.message.payload.iter().map(|&digit| u32::from(digit - b'0')).sum::<u32>() % 3 == 0
}

impl Model {
    fn is_open(&self) -> bool {
        self.inflight.iter().filter(|inflight| inflight.sent).count()
            < usize::from(self.limits.window)
    }

    fn send(&mut self, identifier: PacketIdentifier, delivery: Delivery) {
        let in_use = self.inflight.iter().any(|other| other.identifier == identifier);
        assert!(!in_use, "{identifier:?} is in use [MQTT-2.3.1-4]");
        self.inflight.push(Inflight {
            identifier,
            delivery,
            received: false,
            sent: true,
            early: false,
        });
    }

    fn offer(&mut self, delivery: Delivery, offered: Offered) {
        let bytes: usize = self.queue.iter().map(|waiting| waiting.kept.message.size()).sum();
        let first = self.queue.is_empty() && self.inflight.iter().all(|inflight| inflight.sent);
        if self.connected && self.is_open() && first {
            self.send(sent(offered), delivery);
        } else if self.queue.len() < self.limits.messages_max
            && bytes + delivery.kept.message.size() <= self.limits.bytes_max
        {
            assert_eq!(offered, Offered::Queued);
            self.queue.push(delivery);
        } else {
            assert_eq!(offered, Offered::Dropped);
        }
    }

    /// Holds what the session sends next against what it should.
    fn next(&mut self, next: Option<Sent>, some_expired: bool) {
        while let Some(first) = self.inflight.iter_mut().find(|i| !i.sent).filter(|i| i.early) {
            first.sent = true;
        }
        if !self.is_open() {
            // The window is for PUBLISH alone, 5.0 [MQTT-3.3.4-10].
            let mut pubrels = self.inflight.iter_mut().filter(|i| !i.sent && i.received);
            let early = pubrels.find(|inflight| !inflight.early);
            assert_eq!(next, early.as_deref().map(sent_again), "only a PUBREL may pass");
            if let Some(early) = early {
                early.early = true;
            }
            return;
        }
        if let Some(again) = self.inflight.iter_mut().find(|inflight| !inflight.sent) {
            again.sent = true;
            assert_eq!(next, Some(sent_again(again)), "in the old order [MQTT-4.6.0-1]");
            return;
        }
        while some_expired && self.queue.first().is_some_and(expires) {
            self.queue.remove(0);
        }
        match next {
            None => assert!(self.queue.is_empty(), "{:?} waits", self.queue),
            Some(Sent::Publish { identifier, delivery, duplicate: false }) => {
                assert_eq!(delivery, self.queue.remove(0), "first come, first served");
                self.send(identifier, delivery);
            }
            Some(other) => panic!("{other:?} was not to be sent again"),
        }
    }

    /// Whether the acknowledgement is one that was waited for.
    fn acknowledge(&mut self, kind: Acknowledgement, identifier: PacketIdentifier) -> bool {
        let position = self.inflight.iter().position(|other| other.identifier == identifier);
        let Some(index) = position else { return false };
        let Inflight { delivery, received, .. } = &mut self.inflight[index];
        let fits = match kind {
            Acknowledgement::Puback => delivery.qos == QoS::AtLeastOnce,
            Acknowledgement::Pubrec => delivery.qos == QoS::ExactlyOnce,
            Acknowledgement::Pubcomp => *received,
            Acknowledgement::Refusal => !*received,
        };
        match kind {
            _ if !fits => {}
            Acknowledgement::Pubrec => *received = true,
            Acknowledgement::Puback | Acknowledgement::Pubcomp | Acknowledgement::Refusal => {
                self.inflight.remove(index);
            }
        }
        fits
    }
}

fn sent_again(inflight: &Inflight) -> Sent {
    let Inflight { identifier, delivery, received, .. } = inflight.clone();
    if received {
        Sent::Pubrel(identifier)
    } else {
        Sent::Publish { identifier, delivery, duplicate: true }
    }
}

fn acknowledge(outbound: &mut Outbound, kind: Acknowledgement, id: PacketIdentifier) -> bool {
    match kind {
        Acknowledgement::Puback => outbound.acknowledge(id),
        Acknowledgement::Pubrec => outbound.receive(id),
        Acknowledgement::Pubcomp => outbound.finish(id),
        Acknowledgement::Refusal => outbound.refuse(id),
    }
}

fn take(outbound: &mut Outbound, model: &mut Model, number: usize, step: &Step) {
    match *step {
        Step::Offer(exactly_once) => {
            let qos = if exactly_once { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
            let delivery = Delivery { retain: number % 2 == 1, ..delivery(number, qos) };
            let offered = outbound.offer(delivery.clone(), model.connected, model.limits);
            model.offer(delivery, offered);
        }
        Step::Next { some_expired } => {
            let wanted = |delivery: &Delivery| !(some_expired && expires(delivery));
            let next = next_wanted(outbound, model.limits, wanted);
            model.next(next, some_expired);
        }
        Step::Acknowledge(kind, index) => {
            if !model.inflight.is_empty() {
                let identifier = index.get(&model.inflight).identifier;
                let known = acknowledge(outbound, kind, identifier);
                assert_eq!(known, model.acknowledge(kind, identifier));
            }
        }
        Step::Stray(kind, identifier) => {
            let identifier = PacketIdentifier::new(identifier).expect("not zero");
            let known = acknowledge(outbound, kind, identifier);
            assert_eq!(known, model.acknowledge(kind, identifier));
        }
        Step::Disconnect => model.connected = false,
        Step::Connect { window } => {
            outbound.resume();
            model.connected = true;
            model.limits.window = window;
            model.inflight.iter_mut().for_each(|i| (i.sent, i.early) = (false, false));
        }
    }
}

fn run(outbound: &mut Outbound, steps: Vec<Step>, limits: QueueLimits) {
    let mut model = Model { inflight: vec![], queue: vec![], connected: false, limits };
    for (number, step) in steps.into_iter().enumerate() {
        take(outbound, &mut model, number, &step);
        let again: Vec<_> = model.inflight.iter().map(sent_again).collect();
        assert_eq!(retransmissions(outbound), again);
        assert_eq!(outbound.inflight(), model.inflight.len());
        assert_eq!(outbound.queued(), model.queue.len());
    }
}

/// A session that has given out nearly all identifiers once.
fn before_the_wrap() -> Outbound {
    thread_local! {
        static BEFORE_THE_WRAP: LazyCell<Outbound> = LazyCell::new(|| {
            let mut outbound = Outbound::default();
            churn(&mut outbound, IDENTIFIERS - 20);
            outbound
        });
    }
    BEFORE_THE_WRAP.with(|outbound| (**outbound).clone())
}

proptest! {
    #[test]
    fn outbound_does_what_plain_lists_do(
        steps in vec(any_step(), 0..120),
        window in prop_oneof![1_u16..6, 6_u16..40],
        messages_max in 0_usize..8,
        bytes_max in 0_usize..24,
        late in any::<bool>(),
    ) {
        let limits = QueueLimits { window, messages_max, bytes_max };
        let mut outbound = if late { before_the_wrap() } else { Outbound::default() };
        run(&mut outbound, steps, limits);
    }
}
