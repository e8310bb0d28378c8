//! Large packets: received in place as a driver does it that reads from sockets, cut anywhere.

use std::io::IoSlice;
use std::sync::Arc;

use broker_core::{ConnectionKey, LARGE_PACKET_MIN, Limits, Message, QoS, Shard, ShardGroup, Time};
use proptest::collection::vec;
use proptest::prelude::*;

const NOW: Time = Time::from_millis(1);

/// Room on the word of a fixed header alone.
const UNEARNED_BYTES_MAX: usize = 256 << 10;

fn shard(change: impl FnOnce(&mut Limits)) -> Shard {
    let mut limits = Limits::default();
    limits.packet_bytes_max = 256 << 20;
    change(&mut limits);
    Shard::new(Arc::new(ShardGroup::new(1, 1)), 0, limits, None)
}

/// A Client whose session ends with it, at 3.1.1 or 5.0.
fn client(shard: &mut Shard, version: u8, name: u8) -> ConnectionKey {
    let key = shard.open(NOW);
    let properties: &[u8] = if version == 5 { &[0] } else { &[] };
    let body = [b"\x00\x04MQTT", &[version, 2, 0, 0][..], properties, &[0, 1, name]].concat();
    let length = u8::try_from(body.len()).expect("a short packet");
    shard.handle_bytes(NOW, key, &[&[0x10, length][..], &body].concat());
    assert!(shard.is_client(key));
    output(shard, key);
    key
}

fn subscribe(shard: &mut Shard, key: ConnectionKey, qos: u8) {
    shard.handle_bytes(NOW, key, &[b"\x82\x06\x00\x01\x00\x01t", &[qos][..]].concat());
    output(shard, key);
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    broker_core::codec::encode_remaining_length(body.len(), &mut packet);
    packet.extend_from_slice(body);
    packet
}

/// A PUBLISH to `t` of 3.1.1.
fn publish(qos: u8, retain: bool, payload: &[u8]) -> Vec<u8> {
    let identifier: &[u8] = if qos > 0 { &[0, 9] } else { &[] };
    let first = 0x30 | qos << 1 | u8::from(retain);
    packet(first, &[b"\x00\x01t", identifier, payload].concat())
}

/// A PUBLISH to `t` of so many bytes in all. None has 130: with a Remaining Length of 127 it has 129,
/// with one of 128 it has 131 (and so on where the Remaining Length gets a third and fourth byte).
fn publish_of_size(size: usize, fill: u8) -> Vec<u8> {
    let header = match size {
        ..=0x81 => 2,
        0x83..=0x4002 => 3,
        0x4004..=0x20_0003 => 4,
        _ => 5,
    };
    let packet = publish(0, false, &vec![fill; size - header - 3]);
    assert_eq!(packet.len(), size);
    packet
}

/// All that waits for a connection, as if it were written.
fn output(shard: &mut Shard, key: ConnectionKey) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(output) = shard.output(key).filter(|output| output.pending() > 0) {
        let mut slices = [IoSlice::new(&[]); 16];
        let count = output.slices(&mut slices);
        let before = bytes.len();
        slices[..count].iter().for_each(|slice| bytes.extend_from_slice(slice));
        shard.advance(key, bytes.len() - before);
    }
    bytes
}

/// Where the last slice of a connection's output lies.
fn place(shard: &Shard, key: ConnectionKey) -> usize {
    let mut slices = [IoSlice::new(&[]); 16];
    let count = shard.output(key).expect("it is open").slices(&mut slices);
    slices[count - 1].as_ptr() as usize
}

/// Receives bytes in place where the shard has a buffer for them, elsewhere from a buffer of the
/// test's; answers the bytes of the latter.
fn receive(shard: &mut Shard, key: ConnectionKey, mut bytes: &[u8]) -> usize {
    let mut copied = 0;
    while !bytes.is_empty() {
        let buffered = shard.packet_buffer(key).map(|buffer| {
            let room = buffer.capacity() - buffer.len();
            assert!(room > 0, "there is room");
            let (taken, rest) = bytes.split_at(room.min(bytes.len()));
            let place = buffer.as_ptr();
            buffer.extend_from_slice(taken);
            assert_eq!(buffer.as_ptr(), place, "it does not move");
            (taken.len(), rest)
        });
        let is_in_packet = if let Some((count, rest)) = buffered {
            bytes = rest;
            shard.handle_appended(NOW, key, count)
        } else {
            copied += bytes.len();
            shard.handle_bytes(NOW, key, std::mem::take(&mut bytes))
        };
        assert_eq!(is_in_packet, shard.packet_buffer(key).is_some(), "it says so");
    }
    copied
}

/// Receives the front of a packet and the rest in place; where the buffer lies.
fn receive_in_two(shard: &mut Shard, key: ConnectionKey, packet: &[u8]) -> std::ops::Range<usize> {
    shard.handle_bytes(NOW, key, &packet[..100]);
    let buffer = shard.packet_buffer(key).expect("a large packet began");
    let start = buffer.as_ptr() as usize;
    let place = start..start + buffer.capacity();
    assert_eq!(receive(shard, key, &packet[100..]), 0, "all of the rest in place");
    place
}

#[test]
fn outputs_sessions_and_retained_messages_hold_the_buffer_that_was_read_into() {
    for qos in [0, 1, 2] {
        let mut shard = shard(|_| {});
        let publisher = client(&mut shard, 4, b'p');
        let subscribers = [b'a', b'b', b'c'].map(|name| {
            let key = client(&mut shard, 4, name);
            subscribe(&mut shard, key, qos);
            key
        });
        let packet = publish(qos, true, &vec![7; 64 << 10]);
        let buffer = receive_in_two(&mut shard, publisher, &packet);
        for key in subscribers {
            assert!(buffer.contains(&place(&shard, key)), "QoS {qos}");
        }
        let late = client(&mut shard, 4, b'l');
        shard.handle_bytes(NOW, late, &[b"\x82\x06\x00\x01\x00\x01t", &[qos][..]].concat());
        shard.handle_replays(NOW);
        assert!(buffer.contains(&place(&shard, late)), "retained, QoS {qos}");
        let received = output(&mut shard, late);
        assert!(received.ends_with(&packet[packet.len() - (64 << 10)..]));
        let statistics = shard.statistics();
        assert_eq!(statistics.bytes_received_in_place, packet.len() as u64 - 100);
        assert_eq!(statistics.retained_bytes, (64 << 10) + 1, "the payload counts, not its buffer");
    }
}

#[test]
fn another_shard_gets_the_buffer_that_was_read_into() {
    let group = Arc::new(ShardGroup::new(2, 1));
    let mut shards =
        [0, 1].map(|index| Shard::new(Arc::clone(&group), index, Limits::default(), None));
    let [here, there] = &mut shards;
    let (publisher, subscriber) = (client(here, 4, b'p'), client(there, 4, b's'));
    subscribe(there, subscriber, 0);
    let buffer = receive_in_two(here, publisher, &publish(0, false, &vec![7; 64 << 10]));
    for forward in here.take_forwards(1).expect("there is a subscriber") {
        there.handle_forward(NOW, forward);
    }
    assert!(buffer.contains(&place(there, subscriber)));
}

/// A retained message of one byte does not hold the whole packet, which no limit would count.
#[test]
fn a_small_payload_in_a_large_packet_is_copied_out() {
    let mut shard = shard(|_| {});
    let (publisher, subscriber) = (client(&mut shard, 5, b'p'), client(&mut shard, 4, b's'));
    subscribe(&mut shard, subscriber, 0);
    let payload = vec![7; 3000];
    // User Property `k` with 60,000 bytes: 5 bytes around them.
    let mut body = b"\x00\x01t".to_vec();
    broker_core::codec::encode_remaining_length(60_000 + 6, &mut body);
    body.extend([0x26, 0, 1, b'k', 0xea, 0x60]);
    body.extend(vec![b'v'; 60_000]);
    body.extend(&payload);
    let buffer = receive_in_two(&mut shard, publisher, &packet(0x30, &body));
    assert!(!buffer.contains(&place(&shard, subscriber)));
    assert_eq!(output(&mut shard, subscriber), publish(0, false, &payload));
}

#[test]
fn a_peer_that_announces_much_gets_room_for_what_it_sends() {
    let mut shard = shard(|_| {});
    let key = client(&mut shard, 4, b'p');
    // 268,435,455 bytes, the longest there are.
    shard.handle_bytes(NOW, key, &[0x30, 0xff, 0xff, 0xff, 0x7f]);
    assert!(shard.packet_buffer(key).is_none(), "longer than this shard takes with its header");
    let key = client(&mut shard, 4, b'q');
    assert!(shard.handle_bytes(NOW, key, &[0x30, 0xf0, 0xff, 0xff, 0x7f, 0, 1, b't']));
    let mut received = 8;
    while received < 40 << 20 {
        let buffer = shard.packet_buffer(key).expect("it goes on");
        assert_eq!(buffer.len(), received);
        assert!(buffer.capacity() <= UNEARNED_BYTES_MAX.max(4 * received), "at {received}");
        let count = 12_345.min(buffer.capacity() - received);
        buffer.extend(std::iter::repeat_n(0, count));
        assert!(shard.handle_appended(NOW, key, count));
        received += count;
    }
    shard.handle_closed(NOW, key, broker_core::CloseCause::Lost);
    assert!(shard.packet_buffer(key).is_none(), "the buffer goes with the connection");
}

#[test]
fn a_stranger_and_a_small_packet_get_no_buffer() {
    let mut shard = shard(|_| {});
    let stranger = shard.open(NOW);
    assert!(!shard.handle_bytes(NOW, stranger, &[0x30, 0xff, 0xff, 0x03]));
    assert!(shard.packet_buffer(stranger).is_none());
    let key = client(&mut shard, 4, b'p');
    for (size, large) in [(LARGE_PACKET_MIN - 1, false), (LARGE_PACKET_MIN, true)] {
        let packet = publish_of_size(size, 0);
        assert_eq!(shard.handle_bytes(NOW, key, &packet[..50]), large);
        assert_eq!(shard.packet_buffer(key).is_some(), large);
        assert!(!shard.handle_bytes(NOW, key, &packet[50..]));
    }
    let unsubscribe = [&[0xa2, 0x80, 0x80, 0x04, 0, 1][..], &[0; 9]].concat();
    assert!(!shard.handle_bytes(NOW, key, &unsubscribe), "an UNSUBSCRIBE stays where it is");
}

#[test]
fn mqtt_3_3_2_2_a_malformed_topic_in_a_large_packet_closes_the_connection() {
    for body in [b"\x00\x02t\x00", b"\x00\x02t#", b"\x00\x02t\xff", b"\xff\xffzz"] {
        let mut shard = shard(|_| {});
        let (publisher, subscriber) = (client(&mut shard, 4, b'p'), client(&mut shard, 4, b's'));
        subscribe(&mut shard, subscriber, 0);
        let body = [&body[..], &vec![b'x'; 40_000]].concat();
        receive(&mut shard, publisher, &packet(0x30, &body)[..200]);
        receive(&mut shard, publisher, &packet(0x30, &body)[200..]);
        let closed = shard.poll_closed().expect("it is closed");
        assert_eq!(closed.key, publisher);
        assert_eq!(shard.statistics().protocol_violations, 1);
        assert!(!shard.handle_appended(NOW, publisher, 1), "nothing is taken any more");
        assert_eq!(output(&mut shard, subscriber), b"");
    }
}

/// From inside, a payload is what it was.
#[test]
fn a_message_from_inside_has_the_payload_it_was_given() {
    let bytes: Arc<[u8]> = vec![7; 40_000].into();
    let topic = broker_core::topic::TopicName::new("t").expect("a topic");
    let message = Message::new(topic, Arc::clone(&bytes), QoS::AtMostOnce, false);
    assert_eq!(message.payload.as_ptr(), bytes.as_ptr());
    let mut shard = shard(|_| {});
    let subscriber = client(&mut shard, 4, b's');
    subscribe(&mut shard, subscriber, 0);
    shard.publish(NOW, &message);
    assert_eq!(place(&shard, subscriber), bytes.as_ptr() as usize);
}

fn any_size() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 5..130_usize,
        4 => 131..200_usize,
        4 => LARGE_PACKET_MIN - 2..LARGE_PACKET_MIN + 3,
        4 => (64 << 10) - 600..(64 << 10) + 600_usize,
        2 => UNEARNED_BYTES_MAX - 600..UNEARNED_BYTES_MAX + 600,
        1 => 1_000_000..1_500_000_usize,
    ]
}

/// How a stream is cut: as sockets do it, most often at the end of a whole read.
fn any_piece() -> impl Strategy<Value = usize> {
    prop_oneof![1..20_usize, 500..530_usize, Just(512), Just(64 << 10), 1..300_000_usize]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn packets_are_the_same_however_their_bytes_are_cut(
        sizes in vec(any_size(), 1..12),
        pieces in vec(any_piece(), 1..20),
    ) {
        let mut shard = shard(|limits| limits.output_bytes_max = 1 << 30);
        let publisher = client(&mut shard, 4, b'p');
        let subscriber = client(&mut shard, 4, b's');
        subscribe(&mut shard, subscriber, 0);
        let fills = 1_u8..;
        let packets = sizes.iter().zip(fills).map(|(&size, fill)| publish_of_size(size, fill));
        let stream = packets.collect::<Vec<_>>().concat();
        let (mut rest, mut received) = (&*stream, Vec::new());
        for &piece in pieces.iter().cycle() {
            let (front, behind) = rest.split_at(piece.min(rest.len()));
            receive(&mut shard, publisher, front);
            received.extend(output(&mut shard, subscriber));
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        assert!(received == stream, "{} bytes came of {}", received.len(), stream.len());
        let statistics = shard.statistics();
        prop_assert_eq!(statistics.packets_received, 3 + sizes.len() as u64);
        prop_assert_eq!(statistics.publications_received, sizes.len() as u64);
        prop_assert!(shard.packet_buffer(publisher).is_none());
    }
}
