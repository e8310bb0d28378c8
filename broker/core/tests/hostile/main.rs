//! The functions that `broker/fuzz` runs under libFuzzer, on its seeds and on mutations of them that are
//! the same each time: what the fuzzer has found stays found, without the fuzzer.

#[path = "../support/allocations.rs"]
mod allocations;
#[path = "../../src/codec/tests/any_packet.rs"]
mod any_packet;
mod connection;
mod control_packet;
mod mutate;
#[path = "../../src/codec/tests/packets.rs"]
mod packets;
#[path = "../../src/codec/tests/packets_v5.rs"]
mod packets_v5;
mod seeds;
mod topic_filter;

use broker_core::{codec, topic};
use codec::ProtocolVersion;

use connection::World;
use mutate::Mutator;
use packets::Example;

/// Mutations for each target: as many as take a few seconds in a build without optimization.
const MUTATIONS: usize = 10_000;

#[test]
fn control_packets_hold_what_is_promised() {
    let tables: [(_, Vec<Example>); 2] = [
        (ProtocolVersion::V4, packets::all().collect()),
        (ProtocolVersion::V5, packets_v5::all().collect()),
    ];
    for (version, table) in tables {
        for Example { name, bytes, outcome } in &table {
            let accepted = control_packet::check(bytes, version);
            assert!(accepted > 0 || outcome.is_err(), "{name} is not accepted");
        }
        let mut mutator = Mutator::new(seeds::packets().map(|example| example.bytes.to_vec()));
        for _ in 0..MUTATIONS {
            control_packet::check(&mutator.next(), version);
        }
    }
}

#[test]
fn topics_match_as_they_should() {
    let mut mutator = Mutator::new(seeds::TOPICS.iter().map(|text| text.as_bytes().to_vec()));
    for text in seeds::TOPICS {
        topic_filter::check(text);
    }
    for _ in 0..MUTATIONS {
        topic_filter::check(&String::from_utf8_lossy(&mutator.next()));
    }
}

#[test]
fn a_hostile_connection_hurts_nobody_and_leaves_nothing() {
    let seeds = seeds::connections();
    let mut world = World::new();
    let mut mutator = Mutator::new(seeds.clone());
    let mutations = (0..MUTATIONS).map(|_| mutator.next());
    let last = seeds.into_iter().chain(mutations).map(|input| world.check(&input)).last();
    let statistics = last.unwrap_or_default();
    let (came_in, violated) = (statistics.connects_accepted, statistics.protocol_violations);
    assert!(
        came_in > MUTATIONS as u64 / 4 && violated > 0,
        "they reach the broker: {statistics:?}"
    );
}
