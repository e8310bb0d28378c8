//! PUBLISH packets that come in one read, against the same ones read one by one.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{client, connect, shard, take_output};
use crate::codec::split;
use crate::shard::{ConnectionKey, Shard};
use crate::time::Time;

const NOW: Time = Time::from_millis(1);

/// What the sessions are like that get the publications: CONNECT behind the name of the protocol, and SUBSCRIBE.
const SUBSCRIBERS: [(&[u8], &[u8]); 12] = [
    (b"\x04\x02\x00\x00\x00\x01a", b"\x82\x06\x00\x01\x00\x01t\x00"),
    (b"\x04\x02\x00\x00\x00\x01b", b"\x82\x06\x00\x01\x00\x01t\x01"),
    (b"\x04\x02\x00\x00\x00\x01c", b"\x82\x06\x00\x01\x00\x01#\x02"),
    (b"\x05\x02\x00\x00\x00\x00\x01d", b"\x82\x07\x00\x01\x00\x00\x01t\x00"),
    (b"\x05\x02\x00\x00\x00\x00\x01e", b"\x82\x07\x00\x01\x00\x00\x01t\x01"),
    // A Subscription Identifier.
    (b"\x05\x02\x00\x00\x00\x00\x01f", b"\x82\x09\x00\x01\x02\x0b\x07\x00\x01+\x01"),
    // Topic Aliases.
    (b"\x05\x02\x00\x00\x03\x22\x00\x01\x00\x01g", b"\x82\x07\x00\x01\x00\x00\x01#\x01"),
    // A Maximum Packet Size of 24 bytes, at QoS 1 and 0.
    (b"\x05\x02\x00\x00\x05\x27\x00\x00\x00\x18\x00\x01h", b"\x82\x07\x00\x01\x00\x00\x01#\x01"),
    (b"\x05\x02\x00\x00\x05\x27\x00\x00\x00\x18\x00\x01i", b"\x82\x07\x00\x01\x00\x00\x01#\x00"),
    // A Receive Maximum of two.
    (b"\x05\x02\x00\x00\x03\x21\x00\x02\x00\x01j", b"\x82\x07\x00\x01\x00\x00\x01t\x02"),
    // The RETAIN flag as it was published.
    (b"\x05\x02\x00\x00\x00\x00\x01k", b"\x82\x07\x00\x01\x00\x00\x01#\x09"),
    // A session that outlives its connection, which ends at once.
    (b"\x04\x00\x00\x00\x00\x01l", b"\x82\x06\x00\x01\x00\x01t\x01"),
];

/// Two that share a subscription.
const SHARING: [(&[u8], &[u8]); 2] = [
    (b"\x05\x02\x00\x00\x00\x00\x01m", b"\x82\x10\x00\x01\x00\x00\x0a$share/g/t\x01"),
    (b"\x05\x02\x00\x00\x00\x00\x01n", b"\x82\x10\x00\x01\x00\x00\x0a$share/g/#\x00"),
];

/// Those before this one stay connected.
const AWAY: usize = 11;

struct Side {
    shard: Shard,
    /// One of 3.1.1; one of 5.0 that subscribed to all but what it publishes itself.
    publishers: [ConnectionKey; 2],
    subscribers: Vec<ConnectionKey>,
}

#[derive(Clone, Debug)]
enum Step {
    /// Topic, first byte and length of the payload of each.
    Publish(usize, Vec<(u8, u8, usize)>),
    /// What waits for a subscriber is written, and so many of its messages are acknowledged.
    Read(usize, usize),
}

impl Side {
    fn new(are_sharing: bool) -> Self {
        let mut shard = shard(|limits| {
            limits.output_bytes_max = 300;
            limits.inflight_max = 5;
            limits.queued_messages_max = 4;
        });
        let open = |shard: &mut Shard, rest: &[u8], subscribe: &[u8]| {
            let key = shard.open(NOW);
            let body = [b"\x00\x04MQTT", rest].concat();
            let length = u8::try_from(body.len()).unwrap();
            shard.handle_bytes(NOW, key, &[&[0x10, length][..], &body, subscribe].concat());
            take_output(shard, key);
            key
        };
        let mut open_all = |clients: &[(&[u8], &[u8])]| {
            let open = |&(rest, subscribe): &(&[u8], &[u8])| open(&mut shard, rest, subscribe);
            clients.iter().map(open).collect::<Vec<_>>()
        };
        let mut subscribers = open_all(&SUBSCRIBERS);
        if are_sharing {
            subscribers.extend(open_all(&SHARING));
        }
        shard.handle_bytes(NOW, subscribers[AWAY], b"\xe0\x00");
        let both = b"\x82\x07\x00\x01\x00\x00\x01#\x05";
        let publishers = [
            client(&mut shard, NOW, b'x', 0),
            open(&mut shard, b"\x05\x02\x00\x00\x00\x00\x01y", both),
        ];
        Self { shard, publishers, subscribers }
    }

    /// What a Client got, all that is no acknowledgement first, since the order of the two may differ.
    fn take(&mut self, key: ConnectionKey) -> Vec<Vec<u8>> {
        let output = take_output(&mut self.shard, key);
        let mut packets = packets(&output);
        packets.sort_by_key(|packet| packet[0] >> 4 != 3);
        packets
    }
}

fn packets(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        let (_, rest) = split(bytes, usize::MAX).unwrap().unwrap();
        packets.push(bytes[..bytes.len() - rest.len()].to_vec());
        bytes = rest;
    }
    packets
}

/// PUBLISH packets, each with an identifier of its own.
fn publications(items: &[(u8, u8, usize)], has_properties: bool, next: &mut u16) -> Vec<Vec<u8>> {
    let one = |&(topic, first, length): &(u8, u8, usize)| {
        let mut body = vec![0, 1, topic];
        if first & 6 != 0 {
            *next += 1;
            body.extend(next.to_be_bytes());
        }
        body.extend(has_properties.then_some(0));
        body.extend(vec![b'a' + u8::try_from(length % 26).unwrap(); length]);
        let mut packet = vec![first];
        crate::codec::encode_remaining_length(body.len(), &mut packet);
        [packet, body].concat()
    };
    items.iter().map(one).collect()
}

/// What a Client answers to each message it got.
fn answers(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let answer = |packet: &Vec<u8>| {
        let at = if packet[1] < 0x80 { 2 } else { 3 };
        let at = at + 2 + usize::from(packet[at + 1]);
        let identifier = packet.get(at..at + 2).filter(|_| packet[0] & 6 != 0)?;
        let first = if packet[0] & 6 == 2 { 0x40 } else { 0x50 };
        Some([&[first, 2][..], identifier].concat())
    };
    packets.iter().filter(|packet| packet[0] >> 4 == 3).filter_map(answer).collect()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let first = prop_oneof![6 => Just(0x30), 6 => Just(0x32), 1 => Just(0x34), 1 => Just(0x31)];
    let item = (
        prop_oneof![8 => Just(b't'), 1 => Just(b'u')],
        first,
        prop_oneof![4 => 0..20_usize, 1 => 100..300_usize],
    );
    let alike = (item.clone(), 1..40_usize).prop_map(|(item, count)| vec![item; count]);
    let burst = prop_oneof![vec(item, 1..8), alike];
    let burst = vec(burst, 1..3).prop_map(|bursts| bursts.concat());
    let step = prop_oneof![
        2 => (0..2_usize, burst).prop_map(|(who, items)| Step::Publish(who, items)),
        3 => (0..AWAY, 0..6_usize).prop_map(|(who, count)| Step::Read(who, count)),
    ];
    vec(step, 1..30)
}

proptest! {
    #[test]
    fn packets_read_together_come_to_the_same_as_one_by_one(
        steps in steps(),
        are_sharing in any::<bool>(),
    ) {
        let [mut together, mut alone] = [(); 2].map(|()| Side::new(are_sharing));
        let mut next = 0;
        for step in steps {
            match step {
                Step::Publish(who, items) => {
                    let packets = publications(&items, who == 1, &mut next);
                    together.shard.handle_bytes(NOW, together.publishers[who], &packets.concat());
                    for packet in &packets {
                        alone.shard.handle_bytes(NOW, alone.publishers[who], packet);
                    }
                    for who in 0..2 {
                        let key = together.publishers[who];
                        prop_assert_eq!(together.take(key), alone.take(alone.publishers[who]));
                    }
                }
                Step::Read(who, count) => {
                    let got = together.take(together.subscribers[who]);
                    prop_assert_eq!(&got, &alone.take(alone.subscribers[who]));
                    let answers = answers(&got).into_iter().take(count).collect::<Vec<_>>().concat();
                    for side in [&mut together, &mut alone] {
                        side.shard.handle_bytes(NOW, side.subscribers[who], &answers);
                    }
                }
            }
            prop_assert_eq!(together.shard.statistics(), alone.shard.statistics());
        }
        for side in [&mut together, &mut alone] {
            let key = side.shard.open(NOW);
            side.shard.handle_bytes(NOW, key, &connect_again());
            side.subscribers[AWAY] = key;
        }
        for who in 0..together.subscribers.len() {
            prop_assert_eq!(together.take_all(who), alone.take_all(who));
        }
    }
}

impl Side {
    fn take_all(&mut self, who: usize) -> Vec<u8> {
        take_output(&mut self.shard, self.subscribers[who])
    }
}

/// The session that was away, by another connection.
fn connect_again() -> Vec<u8> {
    let mut packet = connect(b'l', 0);
    // Without Clean Session.
    packet[9] = 0;
    packet
}

/// Each is counted and acknowledged, [MQTT-3.3.5-2], and what is behind them is passed on.
#[test]
fn packets_that_may_not_be_published_are_refused_one_by_one() {
    let mut shard = shard(|_| {});
    let publisher = client(&mut shard, NOW, b'p', 0);
    let subscriber = client(&mut shard, NOW, b's', 0);
    shard.handle_bytes(NOW, subscriber, b"\x82\x06\x00\x01\x00\x01t\x00");
    take_output(&mut shard, subscriber);
    let refused = b"\x32\x0b\x00\x06$SYS/x\x00\x07a".repeat(3);
    let passed = b"\x30\x04\x00\x01ta\x30\x04\x00\x01tb";
    shard.handle_bytes(NOW, publisher, &[&refused[..], passed].concat());
    assert_eq!(take_output(&mut shard, publisher), b"\x40\x02\x00\x07".repeat(3));
    assert_eq!(take_output(&mut shard, subscriber), passed);
    let statistics = shard.statistics();
    assert_eq!((statistics.publications_denied, statistics.publications_received), (3, 5));
}
