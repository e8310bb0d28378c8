//! Clients of one shard, without a socket.
//!
//! A turn is what the driver does: the bytes of one connection in, then the output of all that got some.

use std::io::IoSlice;
use std::sync::Arc;

use broker_core::{ConnectionKey, Limits, Shard, ShardGroup, Time};

use super::Scenario;
use super::packets::{READING, TOPIC, acknowledgement, connect, publish, subscribe};

const SEED: u64 = 1;
const NOW: Time = Time::from_millis(1);

/// Messages in one run of what is done message by message.
const MESSAGES: usize = 100;

/// A payload that is shared by the outputs rather than copied into each.
const LARGE: [u8; 16_384] = [b'x'; 16_384];

/// Messages that come together, and how often they do.
const RUN: usize = 16;
const RUNS: usize = 8;

pub(crate) fn add(scenarios: &mut Vec<Scenario>) {
    for qos in [0, 1] {
        for subscribers in [1, 10, 100] {
            let name = format!("fan_out/qos{qos}/{subscribers}");
            let deliveries = MESSAGES * subscribers;
            scenarios
                .push(Scenario::new(name, deliveries, move || fan_out(subscribers, qos, READING)));
        }
    }
    scenarios.push(Scenario::new("fan_out/large/100", MESSAGES * 100, || fan_out(100, 0, &LARGE)));
    for (qos, subscribers) in [(0, 1), (0, 100), (1, 1), (1, 100)] {
        let name = format!("run/qos{qos}/{subscribers}");
        let deliveries = RUNS * RUN * subscribers;
        scenarios.push(Scenario::new(name, deliveries, move || runs(subscribers, qos)));
    }
    scenarios.push(Scenario::new("exchange/qos1", MESSAGES, || exchange(1)));
    scenarios.push(Scenario::new("exchange/qos2", MESSAGES, || exchange(2)));
    scenarios.push(Scenario::new("join/1000", 1_000, joining));
}

/// A shard with its connections.
struct Broker {
    shard: Shard,
    dirty: Vec<ConnectionKey>,
}

impl Broker {
    fn new() -> Self {
        let group = Arc::new(ShardGroup::new(1, SEED));
        Self { shard: Shard::new(group, 0, Limits::default(), None), dirty: Vec::new() }
    }

    fn open(&mut self, client_identifier: &str) -> ConnectionKey {
        let key = self.shard.open(NOW);
        self.turn(key, &connect(client_identifier));
        key
    }

    /// One turn; returns how many bytes went out.
    fn turn(&mut self, key: ConnectionKey, bytes: &[u8]) -> usize {
        self.shard.handle_bytes(NOW, key, bytes);
        let mut sent = 0;
        self.shard.take_dirty(&mut self.dirty);
        for key in self.dirty.drain(..) {
            loop {
                let mut slices = [IoSlice::new(&[]); 16];
                let Some(output) = self.shard.output(key).filter(|output| output.pending() > 0)
                else {
                    break;
                };
                let count = output.slices(&mut slices);
                let written: usize = slices[..count].iter().map(|slice| slice.len()).sum();
                self.shard.advance(key, written);
                sent += written;
            }
        }
        sent
    }
}

/// A broker with a publisher and so many subscribers.
fn subscribed(subscribers: usize, qos: u8) -> (Broker, ConnectionKey, Vec<ConnectionKey>) {
    let mut broker = Broker::new();
    let publisher = broker.open("publisher");
    let mut keys = Vec::new();
    for number in 0..subscribers {
        let key = broker.open(&format!("display-{number}"));
        broker.turn(key, &subscribe(TOPIC, qos));
        keys.push(key);
    }
    (broker, publisher, keys)
}

/// Messages of one publisher that come together, to so many subscribers, each of which acknowledges all in one read.
fn runs(subscribers: usize, qos: u8) -> impl FnMut() -> usize {
    let (mut broker, publisher, keys) = subscribed(subscribers, qos);
    let run = publish(TOPIC, qos, 1, READING).repeat(RUN);
    let mut packet_identifier = 0;
    move || {
        let mut sent = 0;
        for _ in 0..RUNS {
            let bytes = broker.turn(publisher, &run);
            assert!(bytes >= subscribers * run.len(), "everybody gets all");
            sent += bytes;
            if qos > 0 {
                let mut answers = Vec::new();
                for _ in 0..RUN {
                    packet_identifier += 1;
                    answers.extend(acknowledgement(0x40, packet_identifier));
                }
                for &key in &keys {
                    broker.turn(key, &answers);
                }
            }
        }
        sent
    }
}

/// Messages of one publisher to so many subscribers, which acknowledge theirs.
fn fan_out(subscribers: usize, qos: u8, payload: &'static [u8]) -> impl FnMut() -> usize {
    let (mut broker, publisher, keys) = subscribed(subscribers, qos);
    let message = publish(TOPIC, qos, 1, payload);
    let mut packet_identifier = 0;
    move || {
        let mut sent = 0;
        for _ in 0..MESSAGES {
            let bytes = broker.turn(publisher, &message);
            assert!(bytes >= subscribers * message.len(), "everybody gets it");
            sent += bytes;
            if qos > 0 {
                packet_identifier += 1;
                for &key in &keys {
                    broker.turn(key, &acknowledgement(0x40, packet_identifier));
                }
            }
        }
        assert_eq!(broker.shard.statistics().dropped_output_full, 0);
        sent
    }
}

/// The whole way of messages at QoS 1 or 2, from one Client to another.
fn exchange(qos: u8) -> impl FnMut() -> usize {
    let mut broker = Broker::new();
    let publisher = broker.open("publisher");
    let subscriber = broker.open("subscriber");
    broker.turn(subscriber, &subscribe(TOPIC, qos));
    let message = publish(TOPIC, qos, 1, READING);
    let mut packet_identifier = 0;
    move || {
        let mut sent = 0;
        for _ in 0..MESSAGES {
            sent += broker.turn(publisher, &message);
            packet_identifier += 1;
            if qos == 1 {
                sent += broker.turn(subscriber, &acknowledgement(0x40, packet_identifier));
            } else {
                sent += broker.turn(publisher, &acknowledgement(0x62, 1));
                sent += broker.turn(subscriber, &acknowledgement(0x50, packet_identifier));
                sent += broker.turn(subscriber, &acknowledgement(0x70, packet_identifier));
            }
        }
        // PUBACK and PUBLISH, or PUBREC, PUBLISH, PUBCOMP and PUBREL.
        let acknowledgements = if qos == 1 { 4 } else { 12 };
        assert_eq!(sent, MESSAGES * (message.len() + acknowledgements));
        sent
    }
}

/// Clients that come and subscribe, each to a topic of its own; what they hold is theirs to keep.
fn joining() -> impl FnMut() -> usize {
    let mut broker = Broker::new();
    let mut joined = 0;
    move || {
        let mut sent = 0;
        for _ in 0..1_000 {
            let key = broker.shard.open(NOW);
            sent += broker.turn(key, &connect(&format!("display-{joined:06}")));
            sent += broker.turn(key, &subscribe(&format!("display/{joined:06}"), 1));
            joined += 1;
        }
        assert_eq!(sent, 1_000 * (4 + 5), "CONNACK and SUBACK");
        sent
    }
}
