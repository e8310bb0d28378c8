//! The sending half of a session against a naive model.

use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{Delivery, Inbound, Offered, Outbound, QueueLimits, Retransmission};
use crate::codec::PacketIdentifier;
use crate::message::Message;
use crate::qos::QoS;

const IDENTIFIERS: usize = 65_535;

const ROOMY: QueueLimits = QueueLimits { window: 20, messages_max: 100, bytes_max: 1 << 20 };

/// A delivery with a payload that tells it apart.
fn delivery(number: usize, qos: QoS) -> Delivery {
    let payload: Arc<[u8]> = number.to_string().as_bytes().into();
    let message = Message { topic: "a".into(), payload, qos, retain: false };
    Delivery { message, qos, retain: false }
}

fn sent(offered: Offered) -> PacketIdentifier {
    match offered {
        Offered::Send(identifier) => identifier,
        other => panic!("{other:?} instead of an identifier"),
    }
}

/// Sends and has acknowledged `count` messages at QoS 1; returns their identifiers.
fn churn(outbound: &mut Outbound, count: usize) -> Vec<u16> {
    let delivery = delivery(0, QoS::AtLeastOnce);
    let exchange = |_| {
        let identifier = sent(outbound.offer(delivery.clone(), true, ROOMY));
        assert!(outbound.acknowledge(identifier));
        identifier.get()
    };
    (0..count).map(exchange).collect()
}

#[test]
fn identifiers_run_from_1_to_65_535_and_round_again() {
    let mut outbound = Outbound::default();
    let identifiers = churn(&mut outbound, IDENTIFIERS + 3);
    let expected: Vec<u16> = (1..=u16::MAX).chain(1..=3).collect();
    assert_eq!(identifiers, expected);
}

#[test]
fn stragglers_keep_their_identifiers_over_many_rounds() {
    let mut outbound = Outbound::default();
    churn(&mut outbound, 5);
    let stragglers: Vec<PacketIdentifier> = (0..3)
        .map(|number| sent(outbound.offer(delivery(number, QoS::ExactlyOnce), true, ROOMY)))
        .collect();
    assert!(outbound.receive(stragglers[1]), "one of them waits for PUBCOMP");
    for _ in 0..3 {
        let round = churn(&mut outbound, IDENTIFIERS - 3);
        assert!(round.iter().all(|id| stragglers.iter().all(|straggler| straggler.get() != *id)));
    }
    let numbers: Vec<_> = outbound.retransmissions().collect();
    assert_eq!(numbers.len(), 3);
    assert_eq!(numbers[1], Retransmission::Pubrel(stragglers[1]));
    assert!(outbound.finish(stragglers[1]));
    assert!(outbound.receive(stragglers[0]) && outbound.finish(stragglers[0]));
    assert!(churn(&mut outbound, IDENTIFIERS).contains(&stragglers[0].get()));
}

#[test]
fn a_window_of_all_identifiers_uses_each_once() {
    let limits = QueueLimits { window: u16::MAX, messages_max: 1, bytes_max: 100 };
    let mut outbound = Outbound::default();
    churn(&mut outbound, 1000);
    let delivery = delivery(0, QoS::AtLeastOnce);
    let more = |outbound: &mut Outbound| outbound.offer(delivery.clone(), true, limits);
    let mut identifiers: Vec<u16> =
        (0..IDENTIFIERS).map(|_| sent(more(&mut outbound)).get()).collect();
    assert_eq!(more(&mut outbound), Offered::Queued);
    assert_eq!(more(&mut outbound), Offered::Dropped);
    // The only free identifier is the one that becomes free.
    let free = PacketIdentifier::new(12_345).expect("not zero");
    assert!(outbound.acknowledge(free));
    assert_eq!(outbound.next(limits).map(|(identifier, _)| identifier), Some(free));
    identifiers.sort_unstable();
    assert_eq!(identifiers, (1..=u16::MAX).collect::<Vec<_>>());
}

#[test]
fn queue_ends_at_its_messages_and_at_its_bytes() {
    let mut outbound = Outbound::default();
    let limits = QueueLimits { window: 1, messages_max: 3, bytes_max: 6 };
    let mut offer = |number| outbound.offer(delivery(number, QoS::AtLeastOnce), false, limits);
    // Two bytes each: topic and one digit.
    assert_eq!([1, 2, 3, 4].map(&mut offer)[2..], [Offered::Queued, Offered::Dropped]);
    let (identifier, first) = outbound.next(limits).expect("the window is open");
    assert_eq!(*first, delivery(1, QoS::AtLeastOnce));
    assert_eq!(outbound.next(limits), None, "the window is closed");
    assert!(outbound.acknowledge(identifier));
    let mut offer = |number| outbound.offer(delivery(number, QoS::AtLeastOnce), true, limits);
    assert_eq!(offer(100), Offered::Dropped, "two bytes are left, not four");
    assert_eq!(offer(5), Offered::Queued, "nobody overtakes those that wait");
    assert_eq!((outbound.inflight(), outbound.queued()), (0, 3));
}

#[test]
fn each_acknowledgement_ends_its_own_exchange_only() {
    let mut outbound = Outbound::default();
    let once = sent(outbound.offer(delivery(1, QoS::AtLeastOnce), true, ROOMY));
    let twice = sent(outbound.offer(delivery(2, QoS::ExactlyOnce), true, ROOMY));
    assert!(!outbound.receive(once) && !outbound.finish(once), "QoS 1 waits for PUBACK");
    assert!(!outbound.acknowledge(twice) && !outbound.finish(twice), "QoS 2 waits for PUBREC");
    assert!(outbound.receive(twice) && outbound.receive(twice), "PUBREC may come again");
    assert!(!outbound.acknowledge(twice));
    assert!(outbound.finish(twice) && !outbound.finish(twice));
    assert!(outbound.acknowledge(once) && !outbound.acknowledge(once));
    assert_eq!(outbound.inflight(), 0);
}

#[test]
fn inbound_takes_a_message_once_until_its_release() {
    let mut inbound = Inbound::default();
    let [one, other] = [1, 2].map(|id| PacketIdentifier::new(id).expect("not zero"));
    assert!(inbound.receive(one) && inbound.receive(other) && !inbound.receive(one));
    assert_eq!(inbound.len(), 2);
    assert!(inbound.release(one) && !inbound.release(one));
    assert!(inbound.receive(one), "the identifier is free again");
    assert!(inbound.release(one) && inbound.release(other) && inbound.is_empty());
}

/// What is done to a session, by the Client and by the broker.
#[derive(Clone, Debug)]
enum Step {
    /// A message comes; QoS 2 or 1.
    Offer(bool),
    /// The shard sends what waits.
    Next,
    /// An acknowledgement for one of those in flight.
    Acknowledge(Acknowledgement, Index),
    /// An acknowledgement for any identifier.
    Stray(Acknowledgement, u16),
    /// The Client leaves or comes back.
    Connect(bool),
}

#[derive(Clone, Copy, Debug)]
enum Acknowledgement {
    Puback,
    Pubrec,
    Pubcomp,
}

fn any_step() -> impl Strategy<Value = Step> {
    use Acknowledgement::{Puback, Pubcomp, Pubrec};
    let acknowledgement = || prop_oneof![Just(Puback), Just(Pubrec), Just(Pubcomp)];
    prop_oneof![
        6 => any::<bool>().prop_map(Step::Offer),
        3 => Just(Step::Next),
        6 => (acknowledgement(), any::<Index>()).prop_map(|(a, i)| Step::Acknowledge(a, i)),
        1 => (acknowledgement(), 1_u16..).prop_map(|(a, id)| Step::Stray(a, id)),
        1 => any::<bool>().prop_map(Step::Connect),
    ]
}

/// The same as [`Outbound`] in plain lists.
#[derive(Default)]
struct Model {
    /// Identifier, message, whether a PUBREC came; in the order of sending.
    inflight: Vec<(PacketIdentifier, Delivery, bool)>,
    queue: Vec<Delivery>,
    connected: bool,
}

impl Model {
    fn send(&mut self, identifier: PacketIdentifier, delivery: Delivery, limits: QueueLimits) {
        assert!(self.inflight.len() < usize::from(limits.window), "the window is closed");
        let in_use = self.inflight.iter().any(|(other, ..)| *other == identifier);
        assert!(!in_use, "{identifier:?} is in use [MQTT-2.3.1-4]");
        self.inflight.push((identifier, delivery, false));
    }

    fn offer(&mut self, delivery: Delivery, offered: Offered, limits: QueueLimits) {
        let bytes: usize = self.queue.iter().map(|waiting| waiting.message.size()).sum();
        let open = self.inflight.len() < usize::from(limits.window);
        if self.connected && open && self.queue.is_empty() {
            self.send(sent(offered), delivery, limits);
        } else if self.queue.len() < limits.messages_max
            && bytes + delivery.message.size() <= limits.bytes_max
        {
            assert_eq!(offered, Offered::Queued);
            self.queue.push(delivery);
        } else {
            assert_eq!(offered, Offered::Dropped);
        }
    }

    /// Whether the acknowledgement is one that was waited for.
    fn acknowledge(&mut self, kind: Acknowledgement, identifier: PacketIdentifier) -> bool {
        let position = self.inflight.iter().position(|(other, ..)| *other == identifier);
        let Some(index) = position else { return false };
        let (_, delivery, received) = &mut self.inflight[index];
        let fits = match kind {
            Acknowledgement::Puback => delivery.qos == QoS::AtLeastOnce,
            Acknowledgement::Pubrec => delivery.qos == QoS::ExactlyOnce,
            Acknowledgement::Pubcomp => *received,
        };
        match kind {
            _ if !fits => {}
            Acknowledgement::Pubrec => *received = true,
            Acknowledgement::Puback | Acknowledgement::Pubcomp => drop(self.inflight.remove(index)),
        }
        fits
    }

    fn retransmissions(&self) -> Vec<Retransmission<'_>> {
        let again = self.inflight.iter().map(|(identifier, delivery, received)| {
            if *received {
                Retransmission::Pubrel(*identifier)
            } else {
                Retransmission::Publish(*identifier, delivery)
            }
        });
        again.collect()
    }
}

fn acknowledge(outbound: &mut Outbound, kind: Acknowledgement, id: PacketIdentifier) -> bool {
    match kind {
        Acknowledgement::Puback => outbound.acknowledge(id),
        Acknowledgement::Pubrec => outbound.receive(id),
        Acknowledgement::Pubcomp => outbound.finish(id),
    }
}

fn run(outbound: &mut Outbound, steps: Vec<Step>, limits: QueueLimits) {
    let mut model = Model::default();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Offer(exactly_once) => {
                let qos = if exactly_once { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
                let delivery = delivery(number, qos);
                let offered = outbound.offer(delivery.clone(), model.connected, limits);
                model.offer(delivery, offered, limits);
            }
            Step::Next => {
                let next = outbound.next(limits).map(|(id, delivery)| (id, delivery.clone()));
                let open = model.inflight.len() < usize::from(limits.window);
                assert_eq!(next.is_some(), open && !model.queue.is_empty());
                if let Some((identifier, delivery)) = next {
                    assert_eq!(delivery, model.queue.remove(0), "first come, first served");
                    model.send(identifier, delivery, limits);
                }
            }
            Step::Acknowledge(kind, index) => {
                if !model.inflight.is_empty() {
                    let identifier = index.get(&model.inflight).0;
                    let known = acknowledge(outbound, kind, identifier);
                    assert_eq!(known, model.acknowledge(kind, identifier));
                }
            }
            Step::Stray(kind, identifier) => {
                let identifier = PacketIdentifier::new(identifier).expect("not zero");
                let known = acknowledge(outbound, kind, identifier);
                assert_eq!(known, model.acknowledge(kind, identifier));
            }
            Step::Connect(connected) => model.connected = connected,
        }
        assert_eq!(outbound.retransmissions().collect::<Vec<_>>(), model.retransmissions());
        assert_eq!(outbound.inflight(), model.inflight.len());
        assert_eq!(outbound.queued(), model.queue.len());
    }
}

/// A session that has given out nearly all identifiers once.
static BEFORE_THE_WRAP: LazyLock<Outbound> = LazyLock::new(|| {
    let mut outbound = Outbound::default();
    churn(&mut outbound, IDENTIFIERS - 20);
    outbound
});

proptest! {
    #[test]
    fn outbound_does_what_plain_lists_do(
        steps in vec(any_step(), 0..120),
        window in 1_u16..6,
        messages_max in 0_usize..8,
        bytes_max in 0_usize..24,
        late in any::<bool>(),
    ) {
        let limits = QueueLimits { window, messages_max, bytes_max };
        let mut outbound = if late { BEFORE_THE_WRAP.clone() } else { Outbound::default() };
        run(&mut outbound, steps, limits);
    }
}
