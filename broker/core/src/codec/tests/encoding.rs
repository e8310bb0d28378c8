//! What the Server writes, byte for byte.

use crate::QoS;
use crate::codec::{
    ConnectReturnCode, PINGRESP, PacketIdentifier, PublishHeader, encode_connack, encode_puback,
    encode_pubcomp, encode_pubrec, encode_pubrel, encode_remaining_length, encode_suback,
    encode_unsuback, split,
};

fn identifier(number: u16) -> PacketIdentifier {
    PacketIdentifier::new(number).expect("not zero")
}

#[track_caller]
fn check_publish(header: PublishHeader, topic: &str, payload: &[u8], expected: &[u8]) {
    let mut out = b"before".to_vec();
    header.encode(topic, payload.len(), &mut out);
    out.extend_from_slice(payload);
    assert_eq!(out.strip_prefix(b"before"), Some(expected));
}

#[test]
fn connack() {
    assert_eq!(encode_connack(false, ConnectReturnCode::Accepted), *b"\x20\x02\x00\x00");
    assert_eq!(encode_connack(true, ConnectReturnCode::Accepted), *b"\x20\x02\x01\x00");
    for (code, number) in [
        (ConnectReturnCode::UnacceptableProtocolVersion, 1),
        (ConnectReturnCode::IdentifierRejected, 2),
        (ConnectReturnCode::ServerUnavailable, 3),
        (ConnectReturnCode::BadUserNameOrPassword, 4),
        (ConnectReturnCode::NotAuthorized, 5),
    ] {
        assert_eq!(encode_connack(false, code), [0x20, 2, 0, number]);
    }
}

#[test]
fn acknowledgements() {
    let number = identifier(0x1234);
    assert_eq!(encode_puback(number), *b"\x40\x02\x12\x34");
    assert_eq!(encode_pubrec(number), *b"\x50\x02\x12\x34");
    assert_eq!(encode_pubrel(number), *b"\x62\x02\x12\x34");
    assert_eq!(encode_pubcomp(number), *b"\x70\x02\x12\x34");
    assert_eq!(encode_unsuback(number), *b"\xb0\x02\x12\x34");
    assert_eq!(PINGRESP, *b"\xd0\x00");
}

#[test]
fn suback_has_a_return_code_for_each_topic_filter() {
    let granted = [Some(QoS::AtMostOnce), Some(QoS::AtLeastOnce), Some(QoS::ExactlyOnce), None];
    let mut out = Vec::new();
    encode_suback(identifier(10), &granted, &mut out);
    assert_eq!(out, b"\x90\x06\x00\x0a\x00\x01\x02\x80");
}

#[test]
fn publish_carries_its_flags_and_its_packet_identifier() {
    let plain = PublishHeader::AT_MOST_ONCE;
    check_publish(plain, "temperature", b"21", b"\x30\x0f\x00\x0btemperature21");
    let retain = true;
    check_publish(PublishHeader { retain, ..plain }, "t", b"", b"\x31\x03\x00\x01t");
    let delivery = Some((QoS::AtLeastOnce, identifier(0x1234)));
    let once = PublishHeader { delivery, ..plain };
    check_publish(once, "t", b"xy", b"\x32\x07\x00\x01t\x12\x34xy");
    let delivery = Some((QoS::ExactlyOnce, identifier(65_535)));
    let again = PublishHeader { duplicate: true, retain: true, delivery };
    check_publish(again, "é", b"x", b"\x3d\x07\x00\x02\xc3\xa9\xff\xffx");
}

/// MQTT 2.2.3, table 2.4.
#[test]
fn remaining_length_at_the_borders_of_its_sizes() {
    for (length, expected) in [
        (0, &b"\x00"[..]),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (321, b"\xc1\x02"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (2_097_151, b"\xff\xff\x7f"),
        (2_097_152, b"\x80\x80\x80\x01"),
        (268_435_455, b"\xff\xff\xff\x7f"),
    ] {
        let mut out = Vec::new();
        encode_remaining_length(length, &mut out);
        assert_eq!(out, expected, "{length}");
    }
}

#[test]
fn packet_identifiers_go_round_without_zero() {
    assert_eq!(PacketIdentifier::new(0), None);
    assert_eq!(PacketIdentifier::FIRST.get(), 1);
    let mut number = PacketIdentifier::FIRST;
    for expected in 2..=u16::MAX {
        number = number.next();
        assert_eq!(number.get(), expected);
    }
    assert_eq!(number.next(), PacketIdentifier::FIRST);
}

/// The Server's packets are no Client's packets.
#[test]
fn a_server_does_not_accept_what_a_server_writes() {
    let connack = encode_connack(false, ConnectReturnCode::Accepted);
    let unsuback = encode_unsuback(PacketIdentifier::FIRST);
    for bytes in [&connack[..], &unsuback, &PINGRESP] {
        assert!(split(bytes, 100).is_err(), "{bytes:?}");
    }
}
