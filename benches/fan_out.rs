//! One publisher and its subscribers in one shard, without a socket.
//!
//! A turn is what the driver does: bytes of the publisher in, then the outputs of all connections
//! that got something out, which here go nowhere. Throughput is in deliveries.

use std::io::IoSlice;
use std::sync::Arc;

use benches::{CpuTime, READING, TOPIC};
use broker_core::{ConnectionKey, Limits, Shard, ShardGroup, Time};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const NOW: Time = Time::from_millis(1);

/// A shard with its publisher and its subscribers connected.
struct Fixture {
    shard: Shard,
    publisher: ConnectionKey,
    subscribers: Vec<ConnectionKey>,
    dirty: Vec<ConnectionKey>,
}

impl Fixture {
    fn new(subscribers: usize, qos: u8) -> Self {
        let group = Arc::new(ShardGroup::new(1, 1));
        let mut shard = Shard::new(group, 0, Limits::default(), None);
        let publisher = open(&mut shard, "publisher");
        let keys = (0..subscribers).map(|number| {
            let subscriber = open(&mut shard, &format!("display-{number}"));
            shard.handle_bytes(NOW, subscriber, &benches::subscribe(TOPIC, qos));
            subscriber
        });
        let keys = keys.collect();
        let mut fixture = Self { shard, publisher, subscribers: keys, dirty: Vec::new() };
        let acknowledged = fixture.flush();
        assert_eq!(acknowledged, 4 + subscribers * (4 + 5), "CONNACK and SUBACK of each");
        fixture
    }

    /// One turn; returns how many bytes went out.
    fn turn(&mut self, bytes: &[u8]) -> usize {
        self.shard.handle_bytes(NOW, self.publisher, bytes);
        self.flush()
    }

    /// What the subscribers answer to a turn, each in one read.
    fn acknowledge(&mut self, pubacks: &[u8]) {
        for &subscriber in &self.subscribers {
            self.shard.handle_bytes(NOW, subscriber, pubacks);
        }
    }

    fn flush(&mut self) -> usize {
        let mut sent = 0;
        self.shard.take_dirty(&mut self.dirty);
        for &connection in &self.dirty {
            let mut slices = [IoSlice::new(&[]); 16];
            while let Some(output) = self.shard.output(connection).filter(|o| o.pending() > 0) {
                let count = output.slices(&mut slices);
                let written: usize = slices[..count].iter().map(|slice| slice.len()).sum();
                assert!(written > 0);
                self.shard.advance(connection, written);
                sent += written;
                slices = [IoSlice::new(&[]); 16];
            }
        }
        sent
    }
}

fn open(shard: &mut Shard, client_identifier: &str) -> ConnectionKey {
    let key = shard.open(NOW);
    shard.handle_bytes(NOW, key, &benches::connect(client_identifier));
    key
}

/// Measures turns of `messages` publications to so many subscribers.
fn bench(
    criterion: &mut Criterion<CpuTime>,
    name: &str,
    subscribers: usize,
    messages: usize,
    payload: &[u8],
) {
    let packet = benches::publish(TOPIC, payload, None);
    let bytes = packet.repeat(messages);
    let deliveries = subscribers * messages;
    let mut group = criterion.benchmark_group("fan_out");
    group.throughput(Throughput::Elements(deliveries as u64));
    group.bench_function(name, |bencher| {
        // A subscription of QoS 1, as a display has it; the publications are of QoS 0.
        let mut fixture = Fixture::new(subscribers, 1);
        assert_eq!(fixture.turn(&bytes), deliveries * packet.len());
        bencher.iter(|| fixture.turn(&bytes));
        assert_eq!(fixture.shard.statistics().dropped_output_full, 0);
    });
    group.finish();
}

fn subscribers(criterion: &mut Criterion<CpuTime>) {
    for subscribers in [1, 100, 2_500] {
        for messages in [1, 16] {
            let name = format!("{subscribers}_subscribers/{messages}_per_turn");
            bench(criterion, &name, subscribers, messages, READING);
        }
    }
}

/// From few messages a turn to all that one read of 64 KiB may bring: what the batch is worth until its
/// output leaves the processor's caches.
fn turns(criterion: &mut Criterion<CpuTime>) {
    for messages in [16, 128, 1_150] {
        let name = format!("1000_subscribers/{messages}_per_turn");
        bench(criterion, &name, 1_000, messages, READING);
    }
}

/// At QoS 1, with the acknowledgements: few subscribers, and more than the processor's caches hold.
fn acknowledged(criterion: &mut Criterion<CpuTime>) {
    for subscribers in [1_000, 10_000] {
        for messages in [1, 5] {
            let packet = benches::publish(TOPIC, READING, Some(1));
            let bytes = packet.repeat(messages);
            let deliveries = subscribers * messages;
            let mut group = criterion.benchmark_group("fan_out");
            group.throughput(Throughput::Elements(deliveries as u64));
            let name = format!("{subscribers}_subscribers/qos1/{messages}_per_turn");
            group.bench_function(name, |bencher| {
                let mut fixture = Fixture::new(subscribers, 1);
                let mut identifiers = (1..=u16::MAX).cycle();
                bencher.iter(|| {
                    let sent = fixture.turn(&bytes);
                    assert_eq!(sent, deliveries * packet.len() + messages * 4);
                    let pubacks: Vec<u8> = identifiers
                        .by_ref()
                        .take(messages)
                        .flat_map(|identifier| [[0x40, 2], identifier.to_be_bytes()].concat())
                        .collect();
                    fixture.acknowledge(&pubacks);
                });
                assert_eq!(fixture.shard.statistics().acknowledgements_unknown, 0);
            });
            group.finish();
        }
    }
}

/// On both sides of `SHARED_PAYLOAD_MIN`, from which on a payload is shared and not copied.
fn payloads(criterion: &mut Criterion<CpuTime>) {
    for size in [256, 1_024, 2_047, 2_048, 16_384] {
        let name = format!("100_subscribers/payload_{size}");
        bench(criterion, &name, 100, 16, &vec![b'x'; size]);
    }
}

criterion_group! {
    name = fan_out;
    config = benches::criterion();
    targets = subscribers, turns, acknowledged, payloads
}
criterion_main!(fan_out);
