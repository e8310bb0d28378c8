//! What happens at the limits, byte by byte.

use super::{client, shard, take_output};
use crate::time::Time;

const NOW: Time = Time::ZERO;

/// SUBSCRIBE to `t` at a QoS.
fn subscribe(qos: u8) -> [u8; 8] {
    [0x82, 6, 0, 1, 0, 1, b't', qos]
}

/// PUBLISH to `t` at QoS 0 of 100 bytes in all.
fn publish(number: u8) -> Vec<u8> {
    [&[0x30, 98, 0, 1, b't'][..], &[number; 95]].concat()
}

#[test]
fn output_takes_qos_0_up_to_its_limit() {
    let mut shard = shard(|limits| limits.output_bytes_max = 1000);
    let slow = client(&mut shard, NOW, b's', 0);
    shard.handle_bytes(NOW, slow, &subscribe(0));
    take_output(&mut shard, slow);
    let publisher = client(&mut shard, NOW, b'p', 0);
    for number in 0..25 {
        shard.handle_bytes(NOW, publisher, &publish(number));
    }
    assert_eq!(shard.output(slow).map(crate::Output::pending), Some(1000));
    assert_eq!(shard.statistics().dropped_output_full, 15);
    // The oldest are kept; what is written makes room.
    shard.advance(slow, 250);
    shard.handle_bytes(NOW, publisher, &[publish(25), publish(26), publish(27)].concat());
    let numbers: Vec<u8> = take_output(&mut shard, slow)[50..].chunks(100).map(|p| p[5]).collect();
    assert_eq!(numbers, [3, 4, 5, 6, 7, 8, 9, 25, 26]);
    assert_eq!(shard.statistics().dropped_output_full, 16);
}

#[test]
fn a_message_above_the_limit_passes_when_nothing_waits() {
    let mut shard = shard(|limits| limits.output_bytes_max = 50);
    let key = client(&mut shard, NOW, b'a', 0);
    shard.handle_bytes(NOW, key, &subscribe(0));
    take_output(&mut shard, key);
    shard.handle_bytes(NOW, key, &[publish(1), publish(2)].concat());
    assert_eq!(take_output(&mut shard, key), publish(1));
    assert_eq!(shard.statistics().dropped_output_full, 1);
}

#[test]
fn retained_messages_wait_for_room_below_the_limit() {
    let mut shard = shard(|limits| limits.output_bytes_max = 250);
    let key = client(&mut shard, NOW, b'a', 0);
    for topic in b'0'..=b'8' {
        let mut retained = publish(topic);
        (retained[0], retained[4]) = (0x31, topic);
        shard.handle_bytes(NOW, key, &retained);
    }
    shard.handle_bytes(NOW, key, &[0x82, 6, 0, 1, 0, 1, b'#', 0]);
    // They are added up to the limit, and when half of it is free.
    let mut turns = vec![take_output(&mut shard, key).len()];
    while shard.has_work() {
        shard.handle_replays(NOW);
        shard.take_dirty(&mut Vec::new());
        turns.push(take_output(&mut shard, key).len());
    }
    assert_eq!(turns, [5 + 300, 300, 300, 0]);
    assert_eq!(shard.statistics().dropped_output_full, 0);
}

#[test]
fn subscriptions_are_refused_above_their_limit_and_counted() {
    let mut shard = shard(|limits| limits.subscriptions_max = 1);
    let key = client(&mut shard, NOW, b'a', 0);
    let two = [0x82, 10, 0, 7, 0, 1, b't', 1, 0, 1, b'u', 1];
    shard.handle_bytes(NOW, key, &two);
    assert_eq!(take_output(&mut shard, key), [0x90, 4, 0, 7, 1, 0x80]);
    assert_eq!(shard.statistics().subscriptions_refused, 1);
    assert_eq!(shard.statistics().subscriptions, 1);
}
