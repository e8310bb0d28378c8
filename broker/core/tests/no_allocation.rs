//! Reading, writing and finding on the hot path take no memory from the allocator.

use std::rc::Rc;

use broker_core::codec::{
    Acknowledgement, Auth, Connect, Disconnect, PacketIdentifier, PacketType, ProtocolVersion,
    Publish, PublishHeader, PublishHeaderV5, Subscribe, encode_puback, encode_suback, split,
};
use broker_core::topic::cache::{MatchCache, Resolved};
use broker_core::topic::{SubscriptionTree, TopicFilter, TopicName};
use broker_core::{QoS, topic::Matches};

#[path = "support/allocations.rs"]
mod allocations;

#[track_caller]
fn check_none<T>(work: impl FnOnce() -> T) -> T {
    let (found, result) = allocations::during(work);
    assert_eq!(found.count, 0, "{found:?}");
    result
}

#[test]
fn the_allocator_counts() {
    let (found, _boxed) = allocations::during(|| std::hint::black_box(Box::new(1_u64)));
    assert_eq!((found.count, found.bytes, found.largest), (1, 8, 8));
}

#[test]
fn reading_a_publish_allocates_nothing() {
    let mut large = vec![0x32, 0x87, 0x80, 0x04, 0, 3, b'a', b'/', b'b', 0, 10];
    large.resize(11 + 65_536, b'x');
    for bytes in [&b"\x31\x0f\x00\x0btemperature21"[..], b"\x3c\x06\x00\x01t\x00\x01x", &large] {
        let publish = check_none(|| {
            let (frame, rest) = split(bytes, 1 << 20).expect("good").expect("whole");
            assert!(rest.is_empty());
            Publish::decode(frame, ProtocolVersion::V4).expect("a PUBLISH")
        });
        // Topic and payload lie in the buffer that was read.
        let within = bytes.as_ptr_range();
        assert!(within.contains(&publish.payload.as_ptr()));
        assert!(publish.topic.is_some_and(|topic| within.contains(&topic.as_str().as_ptr())));
    }
}

/// Topic Alias, User Property, Message Expiry Interval, Content Type: three segments are passed on.
const PUBLISH_V5: &[u8] = b"\x32\x1e\x00\x01t\x00\x0a\x17\x01\x01\x23\x00\x07\
    \x26\x00\x01k\x00\x01v\x02\x00\x00\x00\x3c\x03\x00\x03txtx";

#[test]
fn reading_and_passing_on_a_publish_of_5_0_allocates_nothing() {
    let mut out = Vec::with_capacity(200);
    check_none(|| {
        let (frame, rest) = split(PUBLISH_V5, 100).expect("good").expect("whole");
        assert!(rest.is_empty());
        let publish = Publish::decode(frame, ProtocolVersion::V5).expect("a PUBLISH");
        let properties = publish.properties;
        assert_eq!(properties.topic_alias(), Some(7));
        assert!(properties.forwarded().user_properties().eq([("k", "v")]));
        assert_eq!(properties.forwarded().content_type(), Some("txt"));
        let delivery = Some((QoS::AtLeastOnce, PacketIdentifier::FIRST));
        let header = PublishHeaderV5 {
            message_expiry_interval_seconds: properties.message_expiry_interval_seconds(),
            forwarded: properties.forwarded(),
            subscription_identifiers: &[1, 2, 3],
            ..PublishHeaderV5::new(PublishHeader { duplicate: false, retain: false, delivery })
        };
        header.encode("t", publish.payload.len(), &mut out);
        out.extend_from_slice(publish.payload);
    });
    let (frame, _) = split(PUBLISH_V5, 100).expect("good").expect("whole");
    let publish = Publish::decode(frame, ProtocolVersion::V5).expect("a PUBLISH");
    let within = PUBLISH_V5.as_ptr_range();
    let segments = publish.properties.forwarded().segments();
    assert!(segments.iter().all(|part| !part.is_empty() && within.contains(&part.as_ptr())));
}

#[test]
fn reading_the_other_packets_of_5_0_allocates_nothing() {
    let stream = b"\x10\x15\x00\x04MQTT\x05\x02\x00\x0a\x07\x26\x00\x01k\x00\x01v\x00\x01a\
        \x40\x08\x00\x01\x97\x04\x1f\x00\x01r\x82\x12\x00\x01\x02\x0b\x01\
        \x00\x0ast/+/group\x2e\xf0\x06\x18\x04\x15\x00\x01m\xe0\x01\x04";
    let packets = check_none(|| {
        let (mut rest, mut packets) = (&stream[..], 0);
        while let Some((frame, after)) = split(rest, 100).expect("good packets") {
            let version = ProtocolVersion::V5;
            assert!(frame.header.check_version(version).is_ok());
            match frame.header.packet {
                PacketType::Connect => {
                    let connect = Connect::decode(frame.body).expect("a CONNECT");
                    assert_eq!(connect.properties.user_properties.iter().count(), 1);
                }
                PacketType::Subscribe => {
                    let subscribe = Subscribe::decode(frame.body, version).expect("a SUBSCRIBE");
                    assert_eq!(subscribe.entries().count(), 1);
                }
                PacketType::Disconnect => {
                    assert!(Disconnect::decode(frame.body, version).is_ok());
                }
                PacketType::Auth => assert!(Auth::decode(frame.body).is_ok()),
                packet => assert!(Acknowledgement::decode(packet, frame.body, version).is_ok()),
            }
            (rest, packets) = (after, packets + 1);
        }
        packets
    });
    assert_eq!(packets, 5);
}

#[test]
fn reading_the_other_packets_allocates_nothing() {
    let stream = b"\x40\x02\x00\x01\x50\x02\x00\x02\x62\x02\x00\x03\x70\x02\x00\x04\xc0\x00\
        \x10\x0d\x00\x04MQTT\x04\x02\x00\x0a\x00\x01a\x82\x08\x00\x01\x00\x03a/+\x01\xe0\x00";
    let packets = check_none(|| {
        let (mut rest, mut packets) = (&stream[..], 0);
        while let Some((frame, after)) = split(rest, 100).expect("good packets") {
            match frame.header.packet {
                PacketType::Connect => assert!(Connect::decode(frame.body).is_ok()),
                PacketType::Subscribe => {
                    let subscribe =
                        Subscribe::decode(frame.body, ProtocolVersion::V4).expect("a SUBSCRIBE");
                    assert_eq!(subscribe.entries().count(), 1);
                }
                PacketType::Pingreq | PacketType::Disconnect => assert!(frame.body.is_empty()),
                packet => {
                    let version = ProtocolVersion::V4;
                    assert!(Acknowledgement::decode(packet, frame.body, version).is_ok());
                }
            }
            (rest, packets) = (after, packets + 1);
        }
        packets
    });
    assert_eq!(packets, 8);
}

#[test]
fn rejecting_allocates_nothing() {
    check_none(|| {
        assert!(
            split(b"\x36\x00", 100)
                .expect("a frame")
                .is_some_and(|(frame, _)| { Publish::decode(frame, ProtocolVersion::V4).is_err() })
        );
        assert!(split(b"\x00\x00", 100).is_err());
    });
}

#[test]
fn writing_into_a_buffer_with_room_allocates_nothing() {
    let mut out = Vec::with_capacity(200);
    let delivery = Some((QoS::AtLeastOnce, PacketIdentifier::FIRST));
    check_none(|| {
        let header = PublishHeader { duplicate: false, retain: false, delivery };
        header.encode("temperature", 2, &mut out);
        out.extend_from_slice(b"21");
        out.extend_from_slice(&encode_puback(PacketIdentifier::FIRST));
        encode_suback(PacketIdentifier::FIRST, &[Some(QoS::AtLeastOnce), None], &mut out);
    });
    let expected = b"\x32\x11\x00\x0btemperature\x00\x0121\x40\x02\x00\x01\x90\x04\x00\x01\x01\x80";
    assert_eq!(out, expected);
}

#[test]
fn finding_the_subscribers_of_a_topic_allocates_nothing() {
    let mut tree = SubscriptionTree::new(7);
    for filter in ["a/+/c", "a/#", "#", "a/b/c", "$SYS/#", "+/+/+"] {
        let filter = TopicFilter::new(filter).expect("a Topic Filter");
        for subscriber in 0..20_u32 {
            tree.insert(filter, subscriber, QoS::AtMostOnce);
        }
    }
    let topic = TopicName::new("a/b/c").expect("a Topic Name");
    let mut found = Matches::default();
    tree.matches(topic, &mut found);
    check_none(|| tree.matches(topic, &mut found));
    assert_eq!(found.len(), 20);
    let mut cache = MatchCache::new();
    let resolved = Resolved { topic: "a/b/c".into(), matches: found };
    cache.insert(1, Rc::new(resolved));
    let hit = check_none(|| cache.get(1, topic).map(|resolved| resolved.matches.len()));
    assert_eq!(hit, Some(20));
}
