//! Retained messages in slices, while other things happen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{client, connect, shard, take_output};
use crate::access::{Admission, Identity, Policy, Principal, Rights};
use crate::limits::Limits;
use crate::qos::QoS;
use crate::shard::{CloseCause, ConnectionKey, Shard};
use crate::time::Time;
use crate::topic::{TopicFilter, TopicName};

const NOW: Time = Time::ZERO;

/// Bytes of a retained message in an output, at QoS 0 and above.
const SIZE: usize = 100;

/// A PUBLISH to a topic of seven letters such as `t/00042`.
fn publish(first: u8, number: u32, fill: u8) -> Vec<u8> {
    let topic = format!("t/{number:05}");
    let identifier: &[u8] = if first & 0x06 == 0 { &[] } else { &[0, 9] };
    let length = SIZE - 2 - topic.len() - 2 - identifier.len();
    let header = [first, 98, 0, 7];
    [&header[..], topic.as_bytes(), identifier, &vec![fill; length]].concat()
}

/// A shard where so many messages are retained, with their publisher.
fn filled(count: u32, first: u8, change: impl FnOnce(&mut Limits)) -> (Shard, ConnectionKey) {
    let mut shard = shard(change);
    let publisher = client(&mut shard, NOW, b'p', 0);
    for number in 0..count {
        shard.handle_bytes(NOW, publisher, &publish(first, number, b'o'));
        take_output(&mut shard, publisher);
    }
    (shard, publisher)
}

fn subscribe(shard: &mut Shard, key: ConnectionKey, qos: u8) {
    shard.handle_bytes(NOW, key, &[0x82, 8, 0, 1, 0, 3, b't', b'/', b'+', qos]);
}

/// One turn of a driver: returns what a connection gets in it, message by message.
fn turn(shard: &mut Shard, key: ConnectionKey) -> Vec<(u32, u8)> {
    shard.handle_replays(NOW);
    shard.take_dirty(&mut Vec::new());
    while shard.poll_closed().is_some() {}
    messages(&take_output(shard, key))
}

/// The numbers and payloads of the messages in an output.
fn messages(mut bytes: &[u8]) -> Vec<(u32, u8)> {
    let mut found = Vec::new();
    while let [first, length, rest @ ..] = bytes {
        let (packet, rest) = rest.split_at(usize::from(*length));
        if first >> 4 == 3 {
            let number = std::str::from_utf8(&packet[4..9]).expect("digits").parse();
            found.push((number.expect("digits"), packet[packet.len() - 1]));
        }
        bytes = rest;
    }
    found
}

/// All turns until there is nothing to do.
fn turns(shard: &mut Shard, key: ConnectionKey) -> Vec<(u32, u8)> {
    let mut all = messages(&take_output(shard, key));
    while shard.has_work() {
        all.extend(turn(shard, key));
    }
    all
}

#[test]
fn every_message_comes_once_and_the_output_stays_small() {
    let (mut shard, _) = filled(20_000, 0x31, |limits| limits.replay_bytes_max = 10_000);
    let readers = [b'a', b'b', b'c'].map(|letter| client(&mut shard, NOW, letter, 0));
    for reader in readers {
        subscribe(&mut shard, reader, 0);
    }
    let mut got = [(); 3].map(|()| BTreeMap::new());
    for _ in 0..20_000 {
        shard.handle_replays(NOW);
        shard.take_dirty(&mut Vec::new());
        assert!(shard.statistics().output_bytes <= 3 * (10_000 + 100));
        for (reader, got) in readers.into_iter().zip(&mut got) {
            for (number, _) in messages(&take_output(&mut shard, reader)) {
                *got.entry(number).or_insert(0) += 1;
            }
        }
    }
    for got in got {
        assert_eq!((got.len(), got.values().max()), (20_000, Some(&1)));
    }
    let statistics = shard.statistics();
    assert_eq!((statistics.replays, statistics.dropped_output_full), (0, 0));
    assert!(!shard.has_work());
}

/// A reader that does not read does not keep the shard busy.
#[test]
fn a_full_output_is_no_work() {
    let (mut shard, _) = filled(100, 0x31, |limits| limits.replay_bytes_max = 1_000);
    let key = client(&mut shard, NOW, b'a', 0);
    subscribe(&mut shard, key, 0);
    shard.take_dirty(&mut Vec::new());
    assert!(!shard.has_work());
    assert_eq!(shard.statistics().replays, 1);
    shard.advance(key, 400);
    assert!(!shard.has_work(), "more than half of it waits");
    shard.advance(key, 105);
    assert!(shard.has_work());
    assert_eq!(turns(&mut shard, key).len(), 95);
}

#[test]
fn a_search_in_vain_takes_many_turns() {
    let (mut shard, publisher) = filled(20_000, 0x31, |_| {});
    shard.handle_bytes(NOW, publisher, &publish(0x31, 0, b'n'));
    let key = client(&mut shard, NOW, b'a', 0);
    shard.handle_bytes(NOW, key, b"\x82\x0a\x00\x01\x00\x05+/+/x\x00");
    let mut count = 0;
    while shard.has_work() {
        assert_eq!(turn(&mut shard, key), []);
        count += 1;
    }
    assert!(count >= 4, "{count}");
    assert_eq!(shard.statistics().replays, 0);
}

/// What happens to a message before its turn, [MQTT-4.6.0-6] and [MQTT-3.3.1-6].
#[test]
fn changes_on_the_way_are_seen() {
    let (mut shard, publisher) = filled(50, 0x31, |limits| limits.replay_bytes_max = 1_000);
    let key = client(&mut shard, NOW, b'a', 0);
    subscribe(&mut shard, key, 0);
    let first = messages(&take_output(&mut shard, key));
    // Those with the highest numbers come first.
    assert_eq!(first.first(), Some(&(49, b'o')));
    assert!(first.len() < 15);
    let mut send = |bytes: &[u8]| {
        shard.handle_bytes(NOW, publisher, bytes);
        messages(&take_output(&mut shard, key))
    };
    // Replaced: the new one comes now, the old one never.
    assert_eq!(send(&publish(0x31, 10, b'n')), [(10, b'n')]);
    // Passed by a message that is not retained: the old one comes before that, and once.
    assert_eq!(send(&publish(0x30, 11, b'l')), [(11, b'o'), (11, b'l')]);
    assert_eq!(send(&publish(0x30, 11, b'm')), [(11, b'm')]);
    // After its turn, too.
    assert_eq!(send(&publish(0x30, 49, b'l')), [(49, b'l')]);
    // New.
    assert_eq!(send(&publish(0x31, 60, b'n')), [(60, b'n')]);
    // Deleted.
    shard.handle_bytes(NOW, publisher, b"\x31\x09\x00\x07t/00012");
    take_output(&mut shard, key);
    let rest: Vec<u32> = turns(&mut shard, key).into_iter().map(|(number, _)| number).collect();
    let seen = first.iter().map(|(number, _)| *number);
    let mut all: Vec<u32> = seen.chain(rest).chain([10, 11, 12]).collect();
    all.sort_unstable();
    assert_eq!(all, (0..50).collect::<Vec<u32>>());
}

#[test]
fn unsubscribing_ends_it() {
    let (mut shard, _) = filled(50, 0x31, |limits| limits.replay_bytes_max = 1_000);
    let key = client(&mut shard, NOW, b'a', 0);
    subscribe(&mut shard, key, 0);
    shard.handle_bytes(NOW, key, b"\xa2\x07\x00\x02\x00\x03t/+");
    assert_eq!(shard.statistics().replays, 0);
    assert!(turns(&mut shard, key).len() < 15);
    // Subscribing again begins again.
    subscribe(&mut shard, key, 0);
    subscribe(&mut shard, key, 0);
    assert_eq!(shard.statistics().replays, 1);
    let got = turns(&mut shard, key);
    assert!(got.len() > 50 && got.len() < 65, "the first slice twice: {}", got.len());
}

/// Above QoS 0 the window opens the way, and what is left waits for a Client that keeps its
/// session.
#[test]
fn the_window_opens_the_way_and_a_session_goes_on() {
    let (mut shard, publisher) = filled(50, 0x33, |limits| {
        limits.inflight_max = 10;
        limits.queued_messages_max = 3;
    });
    let resume = b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x01a";
    let key = shard.open(NOW);
    shard.handle_bytes(NOW, key, resume);
    subscribe(&mut shard, key, 1);
    assert_eq!(turns(&mut shard, key).len(), 10);
    shard.handle_bytes(NOW, key, &[0x40, 2, 0, 1]);
    assert_eq!(turns(&mut shard, key).len(), 1);
    // Live messages have the queue for themselves.
    for fill in [b'x', b'y', b'z'] {
        shard.handle_bytes(NOW, publisher, &publish(0x32, 70, fill));
    }
    assert_eq!(shard.statistics().dropped_queue_full, 0);
    shard.handle_closed(NOW, key, CloseCause::Lost);
    assert_eq!(shard.statistics().replays, 1);
    let key = shard.open(NOW);
    shard.handle_bytes(NOW, key, resume);
    assert_eq!(turns(&mut shard, key).len(), 10, "sent again");
    let mut count = 11;
    for identifier in 2..=53 {
        shard.handle_bytes(NOW, key, &[0x40, 2, 0, identifier]);
        count += turns(&mut shard, key).len();
    }
    assert_eq!(count, 50 + 3);
    assert_eq!(shard.statistics().replays, 0);
    shard.handle_closed(NOW, key, CloseCause::Disconnect);
}

/// A session that ends takes its replays along.
#[test]
fn the_end_of_a_session_ends_it() {
    let (mut shard, _) = filled(50, 0x31, |limits| limits.replay_bytes_max = 1_000);
    let key = client(&mut shard, NOW, b'a', 0);
    subscribe(&mut shard, key, 0);
    shard.handle_closed(NOW, key, CloseCause::Lost);
    assert_eq!(shard.statistics().replays, 0);
}

#[test]
fn what_expires_before_its_turn_does_not_come() {
    let mut shard = shard(|limits| limits.replay_bytes_max = 1_000);
    for number in 0..50_u8 {
        let topic = format!("t/{number:05}");
        let topic = TopicName::new(&topic).expect("a Topic Name");
        let expires = (number < 25).then(|| Time::from_millis(10));
        let message = crate::Message::new(topic, [b'o'; 89], QoS::AtMostOnce, true);
        shard.publish(NOW, &crate::Message { expires, ..message });
    }
    let key = client(&mut shard, NOW, b'a', 0);
    subscribe(&mut shard, key, 0);
    let mut got = messages(&take_output(&mut shard, key));
    let later = Time::from_millis(10);
    while shard.has_work() {
        shard.handle_replays(later);
        shard.take_dirty(&mut Vec::new());
        got.extend(messages(&take_output(&mut shard, key)));
    }
    assert_eq!(got.len(), 25);
}

/// Everybody may do everything until the rules change; then nobody may read `t/00000` and others
/// below 25.
struct Rules(Arc<AtomicBool>);

impl Policy for Rules {
    fn rights(&self, _: &Arc<Identity>) -> Option<Arc<dyn Rights>> {
        Some(Arc::new(Self(Arc::clone(&self.0))))
    }
}

impl Rights for Rules {
    fn may_publish(&self, _: TopicName<'_>, _: QoS, _: bool) -> bool {
        true
    }

    fn may_subscribe(&self, _: TopicFilter<'_>, _: QoS) -> bool {
        true
    }

    fn may_receive(&self, topic: TopicName<'_>) -> bool {
        !self.0.load(Ordering::Relaxed) || topic.as_str() >= "t/00025"
    }
}

#[test]
fn rights_are_those_of_the_moment() {
    let strict = Arc::new(AtomicBool::new(false));
    let policy = Arc::new(Rules(Arc::clone(&strict)));
    let mut shard = shard(|limits| limits.replay_bytes_max = 1_000).with_policy(policy);
    let mut admitted = |letter| {
        let key = shard.open(NOW);
        shard.admit(key, Admission::Granted(Principal::default()));
        shard.handle_bytes(NOW, key, &connect(letter, 0));
        take_output(&mut shard, key);
        key
    };
    let (publisher, key) = (admitted(b'p'), admitted(b'a'));
    for number in 0..50 {
        shard.handle_bytes(NOW, publisher, &publish(0x31, number, b'o'));
    }
    subscribe(&mut shard, key, 0);
    strict.store(true, Ordering::Relaxed);
    shard.recheck_access();
    let got = turns(&mut shard, key);
    assert_eq!(got.len(), 25);
    assert!(got.iter().all(|(number, _)| *number >= 25));
}
