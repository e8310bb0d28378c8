//! A shard with a clock of the test's, and its parts against plain ways to the same result.

mod acknowledging;
mod bounds;
mod joining;
mod output;
mod replaying;
mod running;
mod timing;

use std::io::IoSlice;
use std::sync::Arc;

use super::{ConnectionKey, Shard, ShardGroup};
use crate::limits::Limits;
use crate::time::Time;

/// A shard that is a broker by itself.
fn shard(change: impl FnOnce(&mut Limits)) -> Shard {
    let mut limits = Limits::default();
    change(&mut limits);
    Shard::new(Arc::new(ShardGroup::new(1, 42)), 0, limits, None)
}

/// A CONNECT of a clean session for a Client Identifier of one letter.
fn connect(identifier: u8, keep_alive_seconds: u16) -> Vec<u8> {
    let [high, low] = keep_alive_seconds.to_be_bytes();
    [b"\x10\x0d\x00\x04MQTT\x04\x02", &[high, low, 0, 1, identifier][..]].concat()
}

/// A connected Client.
fn client(shard: &mut Shard, now: Time, identifier: u8, keep_alive_seconds: u16) -> ConnectionKey {
    let key = shard.open(now);
    shard.handle_bytes(now, key, &connect(identifier, keep_alive_seconds));
    assert_eq!(take_output(shard, key), [0x20, 2, 0, 0]);
    key
}

/// All that waits for a connection, as if it were written.
fn take_output(shard: &mut Shard, key: ConnectionKey) -> Vec<u8> {
    let Some(output) = shard.output(key) else { return Vec::new() };
    let mut slices = vec![IoSlice::new(&[]); 1000];
    let count = output.slices(&mut slices);
    let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter()).copied().collect();
    shard.advance(key, bytes.len());
    bytes
}
