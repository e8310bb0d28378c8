//! The two halves of a session.

mod model;

use std::rc::Rc;

use smallvec::SmallVec;

use super::{Delivery, Filters, Inbound, Kept, Offered, Outbound, Outgoing, QueueLimits};
use crate::codec::PacketIdentifier;
use crate::message::Message;
use crate::qos::QoS;

const IDENTIFIERS: usize = 65_535;

const ROOMY: QueueLimits = QueueLimits { window: 20, messages_max: 100, bytes_max: 1 << 20 };

/// A delivery with a payload that tells it apart.
fn delivery(number: usize, qos: QoS) -> Delivery {
    let payload = number.to_string().as_bytes().into();
    let message =
        Message { topic: "a".into(), payload, properties: None, expires: None, qos, retain: false };
    Delivery { kept: Rc::new(message.into()), qos, retain: false }
}

/// One thing to send, kept after the session has gone on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sent {
    Publish { identifier: PacketIdentifier, delivery: Delivery, duplicate: bool },
    Pubrel(PacketIdentifier),
}

/// The next thing to send.
fn next(outbound: &mut Outbound, limits: QueueLimits) -> Option<Sent> {
    next_wanted(outbound, limits, |_| true)
}

fn next_wanted(
    outbound: &mut Outbound,
    limits: QueueLimits,
    wanted: impl FnMut(&Delivery) -> bool,
) -> Option<Sent> {
    outbound.next(limits, wanted).map(|outgoing| match outgoing {
        Outgoing::Publish { identifier, delivery, duplicate } => {
            Sent::Publish { identifier, delivery, duplicate }
        }
        Outgoing::Pubrel(identifier) => Sent::Pubrel(identifier),
    })
}

/// All that is sent again on another Network Connection.
fn retransmissions(outbound: &Outbound) -> Vec<Sent> {
    let mut outbound = outbound.clone();
    outbound.resume();
    let limits = QueueLimits { window: u16::MAX, ..ROOMY };
    let count = outbound.inflight();
    (0..count).filter_map(|_| next(&mut outbound, limits)).collect()
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
    let numbers = retransmissions(&outbound);
    assert_eq!(numbers.len(), 3);
    assert_eq!(numbers[1], Sent::Pubrel(stragglers[1]));
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
    let sent = Sent::Publish { identifier: free, delivery, duplicate: false };
    assert_eq!(next(&mut outbound, limits), Some(sent));
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
    let first = next(&mut outbound, limits).expect("the window is open");
    let Sent::Publish { identifier, delivery: message, duplicate: false } = first else {
        panic!("{first:?} is no new PUBLISH")
    };
    assert_eq!(message, delivery(1, QoS::AtLeastOnce));
    assert_eq!(next(&mut outbound, limits), None, "the window is closed");
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

/// [MQTT-4.4.0-1] and [MQTT-3.3.4-9]: a Client that comes back with a smaller Receive Maximum gets
/// what was in flight in portions of that size, in the old order, and nothing new before it.
#[test]
fn what_was_in_flight_goes_first_and_within_a_smaller_window() {
    let mut outbound = Outbound::default();
    let old: Vec<_> = (0..4)
        .map(|number| sent(outbound.offer(delivery(number, QoS::AtLeastOnce), true, ROOMY)))
        .collect();
    let limits = QueueLimits { window: 2, ..ROOMY };
    outbound.resume();
    assert_eq!(outbound.offer(delivery(4, QoS::AtLeastOnce), true, limits), Offered::Queued);
    for number in 0..5 {
        let kept = number < 4;
        let received = next(&mut outbound, limits);
        let Some(Sent::Publish { identifier, delivery: message, duplicate }) = received else {
            panic!("{received:?} is no PUBLISH")
        };
        assert_eq!(message, delivery(number, QoS::AtLeastOnce));
        assert_eq!(duplicate, kept, "only what was sent before is a duplicate");
        assert!(!kept || Some(&identifier) == old.get(number));
        if number > 0 {
            assert_eq!(next(&mut outbound, limits), None, "the window is closed");
            let oldest = retransmissions(&outbound).into_iter().next();
            let Some(Sent::Publish { identifier, .. }) = oldest else { panic!("{oldest:?}") };
            assert!(outbound.acknowledge(identifier));
        }
    }
    assert_eq!((outbound.inflight(), outbound.queued()), (1, 0));
    assert_eq!(next(&mut outbound, limits), None);
}

/// An acknowledgement for something that was sent before the reconnect and not again yet.
#[test]
fn what_is_acknowledged_before_it_is_sent_again_is_not_sent_again() {
    let mut outbound = Outbound::default();
    let [first, second, third] = [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtLeastOnce]
        .map(|qos| sent(outbound.offer(delivery(0, qos), true, ROOMY)));
    outbound.resume();
    assert!(outbound.acknowledge(first) && outbound.receive(second));
    assert_eq!(next(&mut outbound, ROOMY), Some(Sent::Pubrel(second)));
    assert!(outbound.acknowledge(third));
    assert_eq!(next(&mut outbound, ROOMY), None);
    assert!(outbound.finish(second));
    let new = outbound.offer(delivery(1, QoS::AtLeastOnce), true, ROOMY);
    assert!(matches!(new, Offered::Send(_)), "nothing is left to be sent before it: {new:?}");
}

#[test]
fn messages_that_are_not_wanted_any_more_are_passed_over() {
    let limits = QueueLimits { bytes_max: 6, ..ROOMY };
    let mut outbound = Outbound::default();
    for number in 0..3 {
        let offered = outbound.offer(delivery(number, QoS::AtLeastOnce), false, limits);
        assert_eq!(offered, Offered::Queued);
    }
    outbound.resume();
    let last = delivery(2, QoS::AtLeastOnce);
    let found = next_wanted(&mut outbound, limits, |message| *message == last);
    let identifier = PacketIdentifier::FIRST;
    let expected = Sent::Publish { identifier, delivery: last.clone(), duplicate: false };
    assert_eq!(found, Some(expected));
    assert_eq!((outbound.inflight(), outbound.queued()), (1, 0));
    // It was sent: from now on its time does not matter.
    outbound.resume();
    let again = Sent::Publish { identifier, delivery: last, duplicate: true };
    assert_eq!(next_wanted(&mut outbound, limits, |_| false), Some(again));
    // The bytes of those that were passed over are free again.
    for number in 0..3 {
        let offered = outbound.offer(delivery(number, QoS::AtLeastOnce), false, limits);
        assert_eq!(offered, Offered::Queued);
    }
    assert_eq!(next_wanted(&mut outbound, limits, |_| false), None);
    assert_eq!(outbound.queued(), 0);
}

/// PUBACK and PUBREC with a Reason Code of 0x80 or more, MQTT 5.0 4.3.2 and 4.3.3.
#[test]
fn a_refused_message_is_done_with_until_its_pubrel() {
    let mut outbound = Outbound::default();
    let [once, twice, released] = [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]
        .map(|qos| sent(outbound.offer(delivery(0, qos), true, ROOMY)));
    assert!(outbound.receive(released));
    assert!(!outbound.refuse(released), "it is the Client's already");
    assert!(outbound.refuse(once) && outbound.refuse(twice));
    assert!(!outbound.refuse(once) && !outbound.refuse(twice));
    assert_eq!(retransmissions(&outbound), [Sent::Pubrel(released)]);
}

/// A message goes along with an identifier for each of the subscriptions that it matches.
#[test]
fn subscription_identifiers_count_as_bytes_that_wait() {
    let mut outbound = Outbound::default();
    let limits = QueueLimits { bytes_max: 1000, ..ROOMY };
    let delivery = delivery(1, QoS::AtLeastOnce);
    let message = delivery.kept.message.clone();
    let kept = Kept { message, identifiers: SmallVec::from_elem(1, 1000) };
    let identified = Delivery { kept: Rc::new(kept), ..delivery };
    assert_eq!(outbound.offer(identified, false, limits), Offered::Dropped);
    assert_eq!((outbound.queued(), outbound.inflight()), (0, 0));
}

/// A list and the table that it becomes are one set to whoever uses them.
#[test]
fn filters_are_a_set_however_many_they_are() {
    let mut filters = Filters::default();
    let names: Vec<String> = (0..40).map(|number| format!("a/{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        assert!(!filters.contains(name) && !filters.remove(name));
        assert!(filters.insert(name) && !filters.insert(name));
        assert_eq!(filters.len(), number + 1);
        assert!(names[..=number].iter().all(|name| filters.contains(name)));
        let mut all: Vec<&str> = filters.iter().collect();
        all.sort_unstable_by_key(|name| (name.len(), *name));
        assert_eq!(all, names[..=number]);
    }
    filters.retain(|filter| filter.ends_with('7'));
    assert_eq!(filters.iter().collect::<Vec<_>>(), ["a/7", "a/17", "a/27", "a/37"]);
    for name in ["a/17", "a/7", "a/37", "a/27"] {
        assert!(filters.remove(name) && !filters.remove(name) && !filters.contains(name));
    }
    assert!(filters.is_empty());
}
