//! A shared subscription whose home is another shard.

use std::sync::Arc;

use super::{client, take_output};
use crate::limits::Limits;
use crate::shard::{ConnectionKey, Shard, ShardGroup};
use crate::time::Time;

const NOW: Time = Time::ZERO;
const SUBACK: [u8; 6] = [0x90, 4, 0, 1, 0, 0];

/// Two shards, and a letter for a Client of each.
fn shards() -> (Vec<Shard>, [u8; 2], Arc<ShardGroup>) {
    let group = Arc::new(ShardGroup::new(2, 42));
    let shard = |index| Shard::new(Arc::clone(&group), index, Limits::default(), None);
    let letter = |shard| {
        let mut letters = b'a'..=b'z';
        letters.find(|&letter| group.shard_of(&char::from(letter).to_string()) == shard)
    };
    let letters = [letter(0), letter(1)].map(|letter| letter.expect("one of many letters"));
    ((0..2).map(shard).collect(), letters, group)
}

/// A SUBSCRIBE to `t`, and to `t` shared with a home on a shard.
fn subscribe(group: &ShardGroup, home: usize) -> Vec<u8> {
    let names = (0..10).map(|number| format!("$share/{number}/t"));
    let name = names.into_iter().find(|name| group.shard_of(name) == home).expect("one of ten");
    [&[0x82, 19, 0, 1, 0, 1, b't', 0, 0, 10][..], name.as_bytes(), &[0]].concat()
}

fn hand_on(shards: &mut [Shard], from: usize) {
    for forward in shards[from].take_forwards(1 - from).expect("there is mail") {
        shards[1 - from].handle_forward(NOW, forward);
    }
}

/// `subscriber` of shard 0 has what a publisher on shard 1 publishes.
fn publish(shards: &mut [Shard], publisher: ConnectionKey) {
    shards[1].handle_bytes(NOW, publisher, b"\x30\x04\x00\x01tx");
}

/// Whoever has seen the SUBACK finds the subscription in force: the home knows of it before.
#[test]
fn suback_waits_for_the_home_of_a_shared_subscription() {
    let (mut shards, letters, group) = shards();
    let subscriber = client(&mut shards[0], NOW, letters[0], 0);
    let publisher = client(&mut shards[1], NOW, letters[1], 0);
    shards[0].handle_bytes(NOW, subscriber, &subscribe(&group, 1));
    assert_eq!(take_output(&mut shards[0], subscriber), [], "the home does not know yet");
    hand_on(&mut shards, 0);
    assert_eq!(take_output(&mut shards[0], subscriber), [], "its answer is on its way");
    hand_on(&mut shards, 1);
    assert_eq!(take_output(&mut shards[0], subscriber), SUBACK);
    publish(&mut shards, publisher);
    hand_on(&mut shards, 1);
    let got = take_output(&mut shards[0], subscriber);
    assert_eq!(got, b"\x30\x04\x00\x01tx".repeat(2), "by both subscriptions");
}

/// In order, each once.
#[test]
fn what_comes_together_reaches_another_shard() {
    let (mut shards, letters, _) = shards();
    let subscriber = client(&mut shards[0], NOW, letters[0], 0);
    let publisher = client(&mut shards[1], NOW, letters[1], 0);
    shards[0].handle_bytes(NOW, subscriber, b"\x82\x06\x00\x01\x00\x01t\x01");
    take_output(&mut shards[0], subscriber);
    let three = b"\x30\x04\x00\x01ta\x30\x04\x00\x01tb\x30\x04\x00\x01tc";
    shards[1].handle_bytes(NOW, publisher, three);
    hand_on(&mut shards, 1);
    assert_eq!(take_output(&mut shards[0], subscriber), three);
    let acknowledged = b"\x32\x06\x00\x01t\x00\x07a\x32\x06\x00\x01t\x00\x08b";
    shards[1].handle_bytes(NOW, publisher, acknowledged);
    assert_eq!(take_output(&mut shards[1], publisher), b"\x40\x02\x00\x07\x40\x02\x00\x08");
    hand_on(&mut shards, 1);
    let got = take_output(&mut shards[0], subscriber);
    assert_eq!(got, b"\x32\x06\x00\x01t\x00\x01a\x32\x06\x00\x01t\x00\x02b");
}

#[test]
fn suback_is_immediate_where_the_home_is_here() {
    let (mut shards, letters, group) = shards();
    let subscriber = client(&mut shards[0], NOW, letters[0], 0);
    shards[0].handle_bytes(NOW, subscriber, &subscribe(&group, 0));
    assert_eq!(take_output(&mut shards[0], subscriber), SUBACK);
}

/// The answer of the home finds nobody, and nothing stays of it.
#[test]
fn a_client_that_went_gets_no_suback() {
    let (mut shards, letters, group) = shards();
    let subscriber = client(&mut shards[0], NOW, letters[0], 0);
    shards[0].handle_bytes(NOW, subscriber, &subscribe(&group, 1));
    shards[0].handle_closed(NOW, subscriber, crate::CloseCause::Lost);
    hand_on(&mut shards, 0);
    hand_on(&mut shards, 1);
    assert_eq!(take_output(&mut shards[0], subscriber), []);
    assert!(shards[0].awaited_subacks.is_empty());
}
