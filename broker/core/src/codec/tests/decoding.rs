//! Packets byte for byte, MQTT 2 and 3.

use super::packets::{self, SIZE_MAX};
use super::{AnyPacket, decode, good, read};
use crate::QoS;
use crate::codec::properties::{PropertyError, PublishProperties, WillProperties};
use crate::codec::{
    Acknowledgement, Connect, ConnectProperties, DecodeError, Disconnect, PacketIdentifier,
    PacketType, ProtocolVersion, ReasonCode, Will, split,
};
use crate::topic::TopicName;

fn topic(name: &str) -> TopicName<'_> {
    TopicName::new(name).expect("a Topic Name")
}

fn identifier(number: u16) -> PacketIdentifier {
    PacketIdentifier::new(number).expect("not zero")
}

/// The CONNECT of a Client that says as little as it can.
const BARE_CONNECT: Connect<'static> = Connect {
    protocol: ProtocolVersion::V4,
    clean_session: true,
    keep_alive_seconds: 10,
    client_identifier: "a",
    will: None,
    user_name: None,
    password: None,
    properties: ConnectProperties::NONE,
};

/// A Will at QoS 2 that is retained.
const fn will<'a>(topic: TopicName<'a>, payload: &'a [u8]) -> Will<'a> {
    let (qos, properties) = (QoS::ExactlyOnce, WillProperties::NONE);
    Will { topic, payload, qos, retain: true, properties }
}

#[track_caller]
fn check_connect(bytes: &[u8], expected: Connect<'_>) {
    match read(bytes, SIZE_MAX) {
        Ok(Some(AnyPacket::Connect(connect))) => assert_eq!(connect, expected),
        other => panic!("not a CONNECT: {other:?}"),
    }
}

/// `flags` are QoS, RETAIN and DUP.
#[track_caller]
fn check_publish(
    bytes: &[u8],
    flags: (QoS, bool, bool),
    (name, number, payload): (&str, Option<u16>, &[u8]),
) {
    let Ok(Some(AnyPacket::Publish(publish))) = read(bytes, SIZE_MAX) else {
        panic!("not a PUBLISH: {:?}", read(bytes, SIZE_MAX));
    };
    assert_eq!((publish.qos(), publish.retain(), publish.duplicate()), flags);
    assert_eq!(publish.topic, Some(topic(name)));
    assert_eq!(publish.packet_identifier, number.map(identifier));
    assert_eq!((publish.payload, publish.properties), (payload, PublishProperties::NONE));
}

#[track_caller]
fn check_subscribe(bytes: &[u8], number: u16, expected: &[(&str, QoS)]) {
    match read(bytes, SIZE_MAX) {
        Ok(Some(AnyPacket::Subscribe(subscribe))) => {
            let entries = subscribe.entries();
            let entries = entries.map(|e| (e.target.whole().as_str(), e.options.qos));
            assert_eq!(entries.collect::<Vec<_>>(), expected);
            assert_eq!(subscribe.packet_identifier, identifier(number));
        }
        other => panic!("not a SUBSCRIBE: {other:?}"),
    }
}

#[track_caller]
fn check_unsubscribe(bytes: &[u8], number: u16, expected: &[&str]) {
    match read(bytes, SIZE_MAX) {
        Ok(Some(AnyPacket::Unsubscribe(unsubscribe))) => {
            let entries = unsubscribe.entries().map(|target| target.whole().as_str());
            assert_eq!(entries.collect::<Vec<_>>(), expected);
            assert_eq!(unsubscribe.packet_identifier, identifier(number));
        }
        other => panic!("not an UNSUBSCRIBE: {other:?}"),
    }
}

#[test]
fn the_table_is_accepted_and_rejected_as_it_says() {
    for example in packets::all() {
        let outcome = read(example.bytes, SIZE_MAX)
            .map(|packet| assert!(packet.is_some(), "incomplete: {}", example.name));
        assert_eq!(outcome, example.outcome, "{}", example.name);
    }
}

#[test]
fn names_in_the_table_are_unique() {
    let mut names: Vec<_> = packets::all().map(|example| example.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn every_error_has_an_example() {
    let in_table = |wanted: DecodeError| {
        let both = packets::all().chain(super::packets_v5::all());
        let mut kinds = both.filter_map(|example| example.outcome.err());
        kinds.any(|error| std::mem::discriminant(&error) == std::mem::discriminant(&wanted))
    };
    // A new variant makes this match fail to compile: then it needs an example and a line here.
    let next = |error: DecodeError| match error {
        DecodeError::ReservedType(_) => Some(DecodeError::ServerPacket(2)),
        DecodeError::ServerPacket(_) => Some(DecodeError::ReservedFlags(0)),
        DecodeError::ReservedFlags(_) => Some(DecodeError::RemainingLength),
        DecodeError::RemainingLength => Some(DecodeError::TooLarge { size: 0, limit: 0 }),
        DecodeError::TooLarge { .. } => Some(DecodeError::Truncated),
        DecodeError::Truncated => Some(DecodeError::TrailingBytes),
        DecodeError::TrailingBytes => Some(DecodeError::Utf8),
        DecodeError::Utf8 => Some(DecodeError::NullCharacter),
        DecodeError::NullCharacter => Some(DecodeError::ZeroPacketIdentifier),
        DecodeError::ZeroPacketIdentifier => Some(DecodeError::PublishQoS),
        DecodeError::PublishQoS => Some(DecodeError::DuplicateAtMostOnce),
        DecodeError::DuplicateAtMostOnce => Some(crate::topic::TopicError::Empty.into()),
        DecodeError::Topic(_) => Some(DecodeError::ProtocolName),
        DecodeError::ProtocolName => Some(DecodeError::ProtocolLevel(0)),
        DecodeError::ProtocolLevel(_) => Some(DecodeError::ConnectFlag),
        DecodeError::ConnectFlag => Some(DecodeError::WillFlags),
        DecodeError::WillFlags => Some(DecodeError::PasswordWithoutUserName),
        DecodeError::PasswordWithoutUserName => Some(DecodeError::NoTopicFilter),
        DecodeError::NoTopicFilter => Some(DecodeError::RequestedQoS(3)),
        DecodeError::RequestedQoS(_) => Some(DecodeError::SubscriptionOptions(0)),
        DecodeError::SubscriptionOptions(_) => Some(DecodeError::RetainHandling(0)),
        DecodeError::RetainHandling(_) => Some(DecodeError::NoLocalOnShared),
        DecodeError::NoLocalOnShared => Some(DecodeError::VariableByteInteger),
        DecodeError::VariableByteInteger => Some(DecodeError::NotMinimal),
        DecodeError::NotMinimal => Some(DecodeError::NoTopicName),
        DecodeError::NoTopicName => {
            Some(DecodeError::ReasonCode { packet: PacketType::Auth, code: 0 })
        }
        DecodeError::ReasonCode { .. } => Some(PropertyError::Unknown(0).into()),
        // The properties have a table of their own; the payload is checked apart.
        DecodeError::Property(_) | DecodeError::PayloadFormat => None,
    };
    let mut error = Some(DecodeError::ReservedType(0));
    while let Some(kind) = error {
        assert!(in_table(kind), "no example of {kind:?}");
        error = next(kind);
    }
}

#[test]
fn every_message_to_the_peer_names_a_clause_or_a_limit() {
    for error in packets::all().filter_map(|example| example.outcome.err()) {
        let message = error.to_string();
        assert!(message.contains("[MQTT-") || message.contains("limit"), "{message}");
    }
}

#[test]
fn connect_is_read_field_by_field() {
    let bare = BARE_CONNECT;
    check_connect(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x0a\x00\x01a", bare);
    check_connect(
        b"\x10\x0d\x00\x04MQTT\x04\x00\xff\xfe\x00\x01a",
        Connect { clean_session: false, keep_alive_seconds: 65_534, ..bare },
    );
    check_connect(
        b"\x10\x0f\x00\x04MQTT\x04\x82\x00\x0a\x00\x01a\x00\x00",
        Connect { user_name: Some(""), ..bare },
    );
    check_connect(
        b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x0a\x00\x01a",
        Connect { protocol: ProtocolVersion::V3, ..bare },
    );
    let full = Connect {
        protocol: ProtocolVersion::V4,
        clean_session: true,
        keep_alive_seconds: 60,
        client_identifier: "sensor-1",
        will: Some(will(topic("gone"), b"bye")),
        user_name: Some("ann"),
        password: Some(b"\xff\x00\xfe"),
        properties: ConnectProperties::NONE,
    };
    check_connect(
        b"\x10\x29\x00\x04MQTT\x04\xf6\x00\x3c\x00\x08sensor-1\x00\x04gone\x00\x03bye\x00\x03ann\x00\x03\xff\x00\xfe",
        full,
    );
}

#[test]
fn will_flags_are_read_one_by_one() {
    for (flags, qos, retain) in [
        (0x06, QoS::AtMostOnce, false),
        (0x0e, QoS::AtLeastOnce, false),
        (0x16, QoS::ExactlyOnce, false),
        (0x26, QoS::AtMostOnce, true),
        (0x2e, QoS::AtLeastOnce, true),
    ] {
        let mut bytes = *b"\x10\x12\x00\x04MQTT\x04\x06\x00\x0a\x00\x01a\x00\x01t\x00\x00";
        bytes[9] = flags;
        let will = Some(Will { qos, retain, ..will(topic("t"), b"") });
        check_connect(&bytes, Connect { will, ..BARE_CONNECT });
    }
}

#[test]
fn publish_is_read_field_by_field() {
    check_publish(
        b"\x31\x0f\x00\x0btemperature21",
        (QoS::AtMostOnce, true, false),
        ("temperature", None, b"21"),
    );
    check_publish(
        b"\x32\x0a\x00\x03a/b\x00\x0aabc",
        (QoS::AtLeastOnce, false, false),
        ("a/b", Some(10), b"abc"),
    );
    check_publish(
        b"\x3d\x05\x00\x01t\xff\xfe",
        (QoS::ExactlyOnce, true, true),
        ("t", Some(65_534), b""),
    );
}

/// [MQTT-1.5.3-3]
#[test]
fn a_byte_order_mark_is_kept() {
    let bytes = b"\x30\x05\x00\x03\xef\xbb\xbf";
    let Ok(Some(AnyPacket::Publish(publish))) = read(bytes, SIZE_MAX) else {
        panic!("not a PUBLISH");
    };
    assert_eq!(publish.topic.map(TopicName::as_str), Some("\u{feff}"));
}

#[test]
fn subscribe_and_unsubscribe_give_their_entries_in_order() {
    check_subscribe(
        b"\x82\x10\x00\x0a\x00\x0btemperature\x01",
        10,
        &[("temperature", QoS::AtLeastOnce)],
    );
    check_subscribe(
        b"\x82\x17\x00\x01\x00\x05a/+/c\x00\x00\x01#\x01\x00\x06$SYS/#\x02",
        1,
        &[("a/+/c", QoS::AtMostOnce), ("#", QoS::AtLeastOnce), ("$SYS/#", QoS::ExactlyOnce)],
    );
    check_unsubscribe(b"\xa2\x0a\xff\xff\x00\x01+\x00\x03a/#", 65_535, &["+", "a/#"]);
}

#[test]
fn acknowledgements_carry_their_packet_identifier() {
    for (first, expected) in [
        (0x40, PacketType::Puback),
        (0x50, PacketType::Pubrec),
        (0x62, PacketType::Pubrel),
        (0x70, PacketType::Pubcomp),
    ] {
        match read(&[first, 2, 0x12, 0x34], SIZE_MAX) {
            Ok(Some(AnyPacket::Acknowledgement(packet, acknowledgement))) => {
                let Acknowledgement { packet_identifier, reason, .. } = acknowledgement;
                assert_eq!((packet, packet_identifier.get()), (expected, 0x1234));
                assert_eq!(reason, ReasonCode::Success);
            }
            other => panic!("not an acknowledgement: {other:?}"),
        }
    }
}

#[test]
fn packets_without_a_body_are_known_by_their_type() {
    assert!(matches!(read(b"\xc0\x00", SIZE_MAX), Ok(Some(AnyPacket::Pingreq))));
    match read(b"\xe0\x00", SIZE_MAX) {
        Ok(Some(AnyPacket::Disconnect(Disconnect { reason, .. }))) => {
            assert_eq!(reason, ReasonCode::Success);
        }
        other => panic!("not a DISCONNECT: {other:?}"),
    }
}

/// [MQTT-2.2.2-2] for every first byte that there is, before the version is known: DUP of MQTT 3.1 passes.
#[test]
fn each_first_byte_is_allowed_or_not() {
    for first in 0..=u8::MAX {
        let expected = match first {
            0x10
            | 0x30..=0x3f
            | 0x40
            | 0x50
            | 0x62
            | 0x6a
            | 0x70
            | 0x82
            | 0x8a
            | 0xa2
            | 0xaa
            | 0xc0
            | 0xe0
            | 0xf0 => Ok(None),
            0x00..=0x0f => Err(DecodeError::ReservedType(0)),
            0x20..=0x2f => Err(DecodeError::ServerPacket(2)),
            0x90..=0x9f => Err(DecodeError::ServerPacket(9)),
            0xb0..=0xbf => Err(DecodeError::ServerPacket(11)),
            0xd0..=0xdf => Err(DecodeError::ServerPacket(13)),
            _ => Err(DecodeError::ReservedFlags(first)),
        };
        assert_eq!(split(&[first], SIZE_MAX), expected, "{first:#04x}");
    }
}

/// Every packet, its body cut after each of its bytes and announced as that short.
#[test]
fn a_body_that_ends_too_early_is_an_error_or_a_shorter_packet() {
    for example in good() {
        let Ok(Some((frame, _))) = split(example.bytes, SIZE_MAX) else {
            panic!("incomplete: {}", example.name);
        };
        let packet = decode(frame, ProtocolVersion::V4).expect(example.name);
        let ends = shorter_packets(packet, frame.body.len());
        for length in 0..frame.body.len() {
            let mut bytes = vec![frame.header.first];
            crate::codec::encode_remaining_length(length, &mut bytes);
            bytes.extend_from_slice(&frame.body[..length]);
            let error = read(&bytes, SIZE_MAX).err();
            let nothing_left = matches!(frame.header.first, 0x82 | 0xa2) && length == 2;
            let expected = match length {
                _ if nothing_left => Some(DecodeError::NoTopicFilter),
                _ if ends.contains(&length) => None,
                _ => Some(DecodeError::Truncated),
            };
            assert_eq!(error, expected, "{} cut to {length}", example.name);
        }
    }
}

/// Where else the body of `packet`, `length` bytes long, could have ended.
fn shorter_packets(packet: AnyPacket<'_>, length: usize) -> Vec<usize> {
    let sum = |end: &mut usize, size: usize| {
        *end += size;
        Some(*end)
    };
    match packet {
        AnyPacket::Publish(publish) => (length - publish.payload.len()..length).collect(),
        AnyPacket::Subscribe(subscribe) => {
            let sizes = subscribe.entries().map(|e| 3 + e.target.whole().as_str().len());
            sizes.scan(2, sum).collect()
        }
        AnyPacket::Unsubscribe(unsubscribe) => {
            let sizes = unsubscribe.entries().map(|t| 2 + t.whole().as_str().len());
            sizes.scan(2, sum).collect()
        }
        AnyPacket::Connect(connect) if connect.protocol == ProtocolVersion::V3 => {
            // MQTT 3.1 lets the credentials at the end be missing.
            let password = connect.password.map(|password| length - 2 - password.len());
            let before_password = password.unwrap_or(length);
            let user_name = connect.user_name.map(|name| before_password - 2 - name.len());
            user_name.into_iter().chain(password).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn packets_that_follow_each_other_are_told_apart() {
    let stream: Vec<u8> = good().flat_map(|example| example.bytes).copied().collect();
    let mut rest = &stream[..];
    for example in good() {
        let Ok(Some((frame, after))) = split(rest, SIZE_MAX) else {
            panic!("lost at {}", example.name);
        };
        assert_eq!(frame.header.size(), example.bytes.len(), "{}", example.name);
        assert_eq!(&rest[..frame.header.size()], example.bytes, "{}", example.name);
        rest = after;
    }
    assert_eq!(split(rest, SIZE_MAX), Ok(None));
}

/// MQTT 3.1 lets a Client set the flags of user name and password and leave the fields out at the
/// end of the packet.
#[test]
fn mqtt_3_1_lets_announced_credentials_be_missing() {
    let bare = Connect { protocol: ProtocolVersion::V3, ..BARE_CONNECT };
    check_connect(b"\x10\x0f\x00\x06MQIsdp\x03\x82\x00\x0a\x00\x01a", bare);
    check_connect(b"\x10\x0f\x00\x06MQIsdp\x03\xc2\x00\x0a\x00\x01a", bare);
    let user_name = Some("u");
    check_connect(
        b"\x10\x12\x00\x06MQIsdp\x03\xc2\x00\x0a\x00\x01a\x00\x01u",
        Connect { user_name, ..bare },
    );
}
