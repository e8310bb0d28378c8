//! A Client cannot make the broker build trees that are far larger than what it sends.

use std::io::IoSlice;
use std::sync::Arc;

use broker_core::codec::encode_remaining_length;
use broker_core::{ConnectionKey, Limits, Shard, ShardGroup, Time};

/// A shard with one Client.
fn connected() -> (Shard, ConnectionKey) {
    let mut shard = Shard::new(Arc::new(ShardGroup::new(1, 42)), 0, Limits::default(), None);
    let connection = shard.open(Time::ZERO);
    let connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a";
    assert_eq!(exchange(&mut shard, connection, connect), b"\x20\x02\x00\x00");
    (shard, connection)
}

/// Sends bytes and returns the answer.
fn exchange(shard: &mut Shard, connection: ConnectionKey, bytes: &[u8]) -> Vec<u8> {
    shard.handle_bytes(Time::ZERO, connection, bytes);
    let mut slices = [IoSlice::new(&[]); 8];
    let output = shard.output(connection).expect("it is open");
    let count = output.slices(&mut slices);
    let answer: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter()).copied().collect();
    shard.advance(connection, answer.len());
    answer
}

fn packet(first: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let mut packet = vec![first];
    encode_remaining_length(body.len(), &mut packet);
    packet.extend_from_slice(&body);
    packet
}

fn subscribe(filter: &str) -> Vec<u8> {
    let length = u16::try_from(filter.len()).expect("a Topic Filter").to_be_bytes();
    packet(0x82, &[b"\x00\x01", &length, filter.as_bytes(), b"\x00"])
}

fn retain(topic: &str, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(topic.len()).expect("a Topic Name").to_be_bytes();
    packet(0x31, &[&length, topic.as_bytes(), payload])
}

#[test]
fn a_filter_of_too_many_levels_is_refused_and_the_client_stays() {
    let (mut shard, connection) = connected();
    let levels_max = Limits::default().topic_levels_max;
    let most = "/".repeat(levels_max - 1);
    assert_eq!(exchange(&mut shard, connection, &subscribe(&most)), b"\x90\x03\x00\x01\x00");
    let one_more = "/".repeat(levels_max);
    assert_eq!(exchange(&mut shard, connection, &subscribe(&one_more)), b"\x90\x03\x00\x01\x80");
    let statistics = shard.statistics();
    assert_eq!((statistics.subscriptions, statistics.subscriptions_refused), (1, 1));
    assert_eq!(exchange(&mut shard, connection, b"\xc0\x00"), b"\xd0\x00");
}

#[test]
fn a_topic_of_too_many_levels_is_delivered_and_not_retained() {
    let (mut shard, connection) = connected();
    exchange(&mut shard, connection, &subscribe("#"));
    let publish = retain(&"/".repeat(60_000), b"x");
    let mut delivered = publish.clone();
    delivered[0] = 0x30;
    assert_eq!(exchange(&mut shard, connection, &publish), delivered);
    let statistics = shard.statistics();
    assert_eq!((statistics.retained_messages, statistics.dropped_retained_full), (0, 1));
}
