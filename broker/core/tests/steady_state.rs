//! What a delivery asks of the allocator once everything has grown to its size: nothing. The way is
//! the whole one of a shard: receive, route, deliver, flush, and the acknowledgements back.

use std::io::IoSlice;
use std::sync::Arc;

use broker_core::{ConnectionKey, Limits, SHARED_PAYLOAD_MIN, Shard, ShardGroup, Time};

#[path = "support/allocations.rs"]
mod allocations;

use allocations::Allocations;

const NOW: Time = Time::from_millis(1);
const SUBSCRIBERS: u8 = 100;
/// Enough for queues, buffers and pools to come to their final sizes.
const WARM_UP: usize = 50;
const TURNS: usize = 200;
/// The two counters before the bytes of an `Arc<[u8]>`.
const SHARED_HEADER: usize = 2 * size_of::<usize>();

/// Bytes of a message that sessions share: its counters, what refers to topic, payload and properties, and
/// Subscription Identifiers.
const MESSAGE: usize = 112;

/// A shard, a publisher and subscribers that acknowledge all they get.
struct Fixture {
    shard: Shard,
    publisher: ConnectionKey,
    subscribers: Vec<ConnectionKey>,
    dirty: Vec<ConnectionKey>,
    received: Vec<u8>,
    answers: Vec<(ConnectionKey, [u8; 4])>,
}

impl Fixture {
    fn new(version: u8, qos: u8) -> Self {
        let subscribe = match version {
            5 => [&b"\x82\x07\x00\x01\x00\x00\x01t"[..], &[qos]].concat(),
            _ => [&b"\x82\x06\x00\x01\x00\x01t"[..], &[qos]].concat(),
        };
        Self::subscribed(version, |_| subscribe.clone())
    }

    /// With Subscription Identifiers, at QoS 1.
    fn identified(identifier: impl Fn(u8) -> u8) -> Self {
        Self::subscribed(5, |number| {
            [&b"\x82\x09\x00\x01\x02\x0b"[..], &[identifier(number)], b"\x00\x01t\x01"].concat()
        })
    }

    fn subscribed(version: u8, subscribe: impl Fn(u8) -> Vec<u8>) -> Self {
        let mut shard = Shard::new(Arc::new(ShardGroup::new(1, 1)), 0, Limits::default(), None);
        let publisher = connect(&mut shard, version, "publisher");
        let mut subscribers = Vec::new();
        for number in 0..SUBSCRIBERS {
            let key = connect(&mut shard, version, &format!("display-{number}"));
            shard.handle_bytes(NOW, key, &subscribe(number));
            subscribers.push(key);
        }
        let mut fixture = Self {
            shard,
            publisher,
            subscribers,
            dirty: Vec::new(),
            received: Vec::new(),
            answers: Vec::new(),
        };
        fixture.exchange();
        fixture
    }

    /// Publishes, and lets everybody answer until nothing is left to say.
    fn turn(&mut self, publications: &[u8]) {
        self.shard.handle_bytes(NOW, self.publisher, publications);
        self.exchange();
    }

    fn exchange(&mut self) {
        while self.shard.has_work() {
            self.flush();
            while let Some((key, answer)) = self.answers.pop() {
                self.shard.handle_bytes(NOW, key, &answer);
            }
        }
    }

    fn flush(&mut self) {
        self.shard.take_dirty(&mut self.dirty);
        for &key in &self.dirty {
            self.received.clear();
            while let Some(output) = self.shard.output(key).filter(|output| output.pending() > 0) {
                let mut slices = [IoSlice::new(&[]); 16];
                let count = output.slices(&mut slices);
                let before = self.received.len();
                slices[..count].iter().for_each(|slice| self.received.extend_from_slice(slice));
                self.shard.advance(key, self.received.len() - before);
            }
            answer(key, &self.received, &mut self.answers);
        }
    }

    /// What `TURNS` turns ask of the allocator.
    fn measure(&mut self, publications: &[u8]) -> Allocations {
        self.measure_turns(|fixture| fixture.turn(publications))
    }

    /// The same of turns of another kind.
    fn measure_turns(&mut self, mut turn: impl FnMut(&mut Self)) -> Allocations {
        (0..WARM_UP).for_each(|_| turn(self));
        let before = self.shard.statistics().deliveries;
        let (found, ()) = allocations::during(|| (0..TURNS).for_each(|_| turn(self)));
        let statistics = self.shard.statistics();
        assert_eq!(statistics.deliveries - before, TURNS as u64 * u64::from(SUBSCRIBERS));
        assert_eq!((statistics.messages_inflight, statistics.dropped_output_full), (0, 0));
        found
    }
}

fn connect(shard: &mut Shard, version: u8, client_identifier: &str) -> ConnectionKey {
    let mut body = [&b"\x00\x04MQTT"[..], &[version, 2, 0, 60]].concat();
    body.extend((version == 5).then_some(0));
    let length = |bytes: usize| u8::try_from(bytes).expect("a short packet");
    body.extend([0, length(client_identifier.len())]);
    body.extend_from_slice(client_identifier.as_bytes());
    let key = shard.open(NOW);
    shard.handle_bytes(NOW, key, &[&[0x10, length(body.len())], &*body].concat());
    key
}

/// Puts what a Client answers to each packet of a stream into `answers`.
fn answer(key: ConnectionKey, mut stream: &[u8], answers: &mut Vec<(ConnectionKey, [u8; 4])>) {
    while let Some(&first) = stream.first() {
        let (mut remaining, mut header) = (0, 1);
        loop {
            let byte = stream[header];
            remaining |= usize::from(byte & 0x7f) << (7 * (header - 1));
            header += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (packet, rest) = stream.split_at(header + remaining);
        let body = &packet[header..];
        // The topic `t` and its length are three bytes.
        let answer = match first {
            0x32 => Some([0x40, 2, body[3], body[4]]),
            0x34 => Some([0x50, 2, body[3], body[4]]),
            0x50 => Some([0x62, 2, body[0], body[1]]),
            0x62 => Some([0x70, 2, body[0], body[1]]),
            _ => None,
        };
        answers.extend(answer.map(|answer| (key, answer)));
        stream = rest;
    }
}

/// A PUBLISH to `t`.
fn publish(version: u8, qos: u8, payload: &[u8]) -> Vec<u8> {
    let mut body = b"\x00\x01t".to_vec();
    body.extend_from_slice(if qos > 0 { &[0, 9] } else { &[] });
    body.extend((version == 5).then_some(0));
    body.extend_from_slice(payload);
    let mut packet = vec![0x30 | qos << 1];
    broker_core::codec::encode_remaining_length(body.len(), &mut packet);
    packet.extend_from_slice(&body);
    packet
}

#[test]
fn a_delivery_at_qos_0_allocates_nothing() {
    for version in [4, 5] {
        for (subscribed, published) in [(0, 0), (1, 0), (0, 1), (0, 2)] {
            let packet = publish(version, published, b"21.5");
            let found = Fixture::new(version, subscribed).measure(&packet);
            assert_eq!(found.count, 0, "version {version}, {subscribed}, {published}: {found:?}");
        }
    }
}

/// A session keeps the message until it is acknowledged: for all subscribers together one allocation for the payload
/// with its two counters, and one for what refers to it, to the topic and to the properties.
#[test]
fn a_publication_at_qos_1_or_2_allocates_its_message_once_and_a_delivery_nothing() {
    for version in [4, 5] {
        for qos in [1, 2] {
            let found = Fixture::new(version, qos).measure(&publish(version, qos, b"21.5"));
            assert_eq!(found.count, 2 * TURNS as u64, "version {version}, QoS {qos}: {found:?}");
            let payload = SHARED_HEADER + 8;
            assert_eq!(found.bytes, TURNS * (payload + MESSAGE), "counters, 4 bytes, padding");
        }
    }
}

/// Sessions that differ in their Subscription Identifiers keep a reference to the message each of their own, and no
/// copy of the payload.
#[test]
fn subscription_identifiers_that_are_the_same_are_kept_once() {
    let publication = publish(5, 1, b"21.5");
    let same = Fixture::identified(|_| 7).measure(&publication);
    assert_eq!(same.count, 2 * TURNS as u64, "{same:?}");
    let different = Fixture::identified(|number| number + 1).measure(&publication);
    let each = u64::from(SUBSCRIBERS);
    assert_eq!(different.count, (1 + each) * TURNS as u64, "{different:?}");
    let bytes = TURNS * (SHARED_HEADER + 8 + usize::from(SUBSCRIBERS) * MESSAGE);
    assert_eq!(different.bytes, bytes);
}

#[test]
fn a_large_payload_is_copied_once_for_all_subscribers() {
    let payload = vec![b'x'; 64 << 10];
    for qos in [0, 1, 2] {
        let mut fixture = Fixture::new(4, qos);
        let found = fixture.measure(&publish(4, qos, &payload));
        assert_eq!(found.count, 2 * TURNS as u64, "QoS {qos}: {found:?}");
        assert_eq!(found.bytes, TURNS * (payload.len() + SHARED_HEADER + MESSAGE));
    }
}

/// Besides the message that refers to it: the buffer of the packet, which is read into and written from, with the room
/// for what comes behind it, and what counts who holds it. Nothing else has the size of a payload.
#[test]
fn a_large_payload_that_is_received_in_place_is_copied_nowhere() {
    const READ_AHEAD: usize = 512;
    const BUFFER: usize = SHARED_HEADER + 5 * size_of::<usize>();
    let payload = vec![b'x'; 64 << 10];
    for qos in [0, 1, 2] {
        let packet = publish(4, qos, &payload);
        let mut fixture = Fixture::new(4, qos);
        let mut copied = 0;
        let found = fixture.measure_turns(|fixture| {
            // What a small read brings, and the rest as the socket would give it.
            let (front, rest) = packet.split_at(100);
            assert!(fixture.shard.handle_bytes(NOW, fixture.publisher, front));
            copied += front.len();
            let buffer = fixture.shard.packet_buffer(fixture.publisher).expect("a large packet");
            buffer.extend_from_slice(rest);
            assert!(!fixture.shard.handle_appended(NOW, fixture.publisher, rest.len()));
            fixture.exchange();
        });
        assert_eq!(found.count, 3 * TURNS as u64, "QoS {qos}: {found:?}");
        assert_eq!(found.bytes, TURNS * (packet.len() + READ_AHEAD + BUFFER + MESSAGE));
        let statistics = fixture.shard.statistics();
        let in_place = statistics.bytes_received_in_place;
        assert_eq!(in_place, ((WARM_UP + TURNS) * packet.len() - copied) as u64);
    }
}

#[test]
fn outputs_share_a_payload_from_the_threshold_on() {
    for (size, shares) in [(SHARED_PAYLOAD_MIN - 1, false), (SHARED_PAYLOAD_MIN, true)] {
        for qos in [0, 1, 2] {
            let Fixture { mut shard, publisher, subscribers, .. } = Fixture::new(4, qos);
            shard.handle_bytes(NOW, publisher, &publish(4, qos, &vec![b'x'; size]));
            let mut places: Vec<_> = subscribers
                .iter()
                .map(|&key| {
                    let output = shard.output(key).expect("a connection");
                    let mut slices = [IoSlice::new(&[]); 4];
                    let count = output.slices(&mut slices);
                    assert_eq!(count, if shares { 2 } else { 1 });
                    slices[count - 1].as_ptr()
                })
                .collect();
            places.sort_unstable();
            places.dedup();
            assert_eq!(
                places.len(),
                if shares { 1 } else { usize::from(SUBSCRIBERS) },
                "{size} at {qos}"
            );
        }
    }
}
