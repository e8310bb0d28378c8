//! What the Server writes at MQTT 5.0, byte for byte.

use super::{identifier, packet};
use crate::QoS;
use crate::codec::properties::{Forwarded, ReasonProperties, UserProperties};
use crate::codec::{
    Acknowledgement, Auth, ConnackProperties, ConnectReturnCode, PacketType, PublishHeader,
    PublishHeaderV5, ReasonCode, encode_acknowledgement, encode_connack_v5, encode_disconnect,
    encode_puback, encode_pubcomp, encode_pubrec, encode_pubrel, encode_suback_v5,
    encode_unsuback_v5,
};

/// What `write` appends to a buffer that holds something.
#[track_caller]
fn check(expected: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
    let mut out = b"before".to_vec();
    write(&mut out);
    assert_eq!(out.strip_prefix(b"before"), Some(expected));
}

fn because(reason_string: &str) -> ReasonProperties<'_> {
    Some(reason_string).into()
}

#[test]
fn connack_without_properties() {
    let none = ConnackProperties::default();
    check(b"\x20\x03\x00\x00\x00", |out| encode_connack_v5(false, ReasonCode::Success, &none, out));
    check(b"\x20\x03\x01\x00\x00", |out| encode_connack_v5(true, ReasonCode::Success, &none, out));
    check(b"\x20\x03\x00\x87\x00", |out| {
        encode_connack_v5(false, ReasonCode::NotAuthorized, &none, out);
    });
}

#[test]
fn connack_with_every_property() {
    let properties = ConnackProperties {
        session_expiry_interval_seconds: Some(3600),
        receive_maximum: Some(20),
        maximum_qos: Some(QoS::AtLeastOnce),
        retain_available: Some(false),
        maximum_packet_size: Some(65_536),
        assigned_client_identifier: Some("id"),
        topic_alias_maximum: Some(10),
        reason_string: Some("r"),
        user_properties: &[("k", "v"), ("k", "w")],
        wildcard_subscription_available: Some(true),
        subscription_identifier_available: Some(false),
        shared_subscription_available: Some(true),
        server_keep_alive_seconds: Some(60),
        response_information: Some("info"),
        server_reference: Some("other"),
        authentication_method: Some("m"),
        authentication_data: Some(b"\xff"),
    };
    let expected = b"\x00\x00\x4b\x11\x00\x00\x0e\x10\x21\x00\x14\x24\x01\x25\x00\
        \x27\x00\x01\x00\x00\x12\x00\x02id\x22\x00\x0a\x1f\x00\x01r\
        \x26\x00\x01k\x00\x01v\x26\x00\x01k\x00\x01w\x28\x01\x29\x00\x2a\x01\x13\x00\x3c\
        \x1a\x00\x04info\x1c\x00\x05other\x15\x00\x01m\x16\x00\x01\xff";
    check(&packet(0x20, expected), |out| {
        encode_connack_v5(false, ReasonCode::Success, &properties, out);
    });
}

/// 3.2.2.3.4: the property is 0 or 1.
#[test]
fn a_maximum_qos_of_2_is_not_written() {
    let properties =
        ConnackProperties { maximum_qos: Some(QoS::ExactlyOnce), ..ConnackProperties::default() };
    check(b"\x20\x03\x00\x00\x00", |out| {
        encode_connack_v5(false, ReasonCode::Success, &properties, out);
    });
}

#[test]
fn properties_of_more_than_127_bytes_have_a_length_of_two() {
    let long = "é".repeat(100);
    let properties =
        ConnackProperties { reason_string: Some(&long), ..ConnackProperties::default() };
    let body = [b"\x00\x80\xcb\x01\x1f\x00\xc8", long.as_bytes()].concat();
    check(&packet(0x20, &body), |out| {
        encode_connack_v5(false, ReasonCode::UnspecifiedError, &properties, out);
    });
}

#[test]
fn acknowledgements_are_as_short_as_they_can_be() {
    for (packet, first) in [
        (PacketType::Puback, 0x40),
        (PacketType::Pubrec, 0x50),
        (PacketType::Pubrel, 0x62),
        (PacketType::Pubcomp, 0x70),
    ] {
        let number = identifier(0x1234);
        let mut acknowledgement = Acknowledgement {
            packet_identifier: number,
            reason: ReasonCode::Success,
            properties: ReasonProperties::NONE,
        };
        check(&[first, 2, 0x12, 0x34], |out| encode_acknowledgement(packet, &acknowledgement, out));
        acknowledgement.reason = ReasonCode::PacketIdentifierNotFound;
        check(&[first, 3, 0x12, 0x34, 0x92], |out| {
            encode_acknowledgement(packet, &acknowledgement, out);
        });
        acknowledgement.properties = because("r");
        check(&[first, 8, 0x12, 0x34, 0x92, 4, 0x1f, 0, 1, b'r'], |out| {
            encode_acknowledgement(packet, &acknowledgement, out);
        });
        acknowledgement.reason = ReasonCode::Success;
        check(&[first, 8, 0x12, 0x34, 0, 4, 0x1f, 0, 1, b'r'], |out| {
            encode_acknowledgement(packet, &acknowledgement, out);
        });
        let short = [encode_puback, encode_pubrec, encode_pubrel, encode_pubcomp];
        let short = short.map(|encode| encode(number));
        assert!(short.iter().any(|bytes| bytes[0] == first));
    }
}

#[test]
fn suback_and_unsuback_have_a_reason_code_for_each_topic_filter() {
    let reasons = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce].map(ReasonCode::granted);
    check(b"\x90\x06\x00\x0a\x00\x00\x01\x02", |out| {
        encode_suback_v5(identifier(10), &reasons, &ReasonProperties::NONE, out);
    });
    check(b"\x90\x09\x00\x0a\x05\x1f\x00\x02no\x87", |out| {
        let reasons = [ReasonCode::NotAuthorized];
        encode_suback_v5(identifier(10), &reasons, &because("no"), out);
    });
    check(b"\xb0\x05\x00\x0a\x00\x00\x11", |out| {
        let reasons = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
        encode_unsuback_v5(identifier(10), &reasons, &ReasonProperties::NONE, out);
    });
}

#[test]
fn disconnect_and_auth() {
    check(b"\xe0\x01\x8e", |out| encode_disconnect(ReasonCode::SessionTakenOver, None, None, out));
    check(b"\xe0\x0a\x9d\x08\x1c\x00\x05other", |out| {
        encode_disconnect(ReasonCode::ServerMoved, None, Some("other"), out);
    });
    check(b"\xe0\x06\x81\x04\x1f\x00\x01r", |out| {
        encode_disconnect(ReasonCode::MalformedPacket, Some("r"), None, out);
    });
    let auth = Auth {
        reason: ReasonCode::ContinueAuthentication,
        authentication_method: "m",
        authentication_data: Some(b"\xff"),
        properties: ReasonProperties { reason_string: Some("r"), ..ReasonProperties::NONE },
    };
    check(b"\xf0\x0e\x18\x0c\x15\x00\x01m\x16\x00\x01\xff\x1f\x00\x01r", |out| auth.encode(out));
    assert_eq!(UserProperties::NONE.iter().count(), 0);
}

#[track_caller]
fn check_publish(header: PublishHeaderV5<'_>, topic: &str, expected: &[u8]) {
    let mut out = b"before".to_vec();
    let identifier_at = header.encode(topic, 2, &mut out);
    out.extend_from_slice(b"21");
    assert_eq!(out.strip_prefix(b"before"), Some(expected));
    let expected_at = header.header.delivery.map(|_| b"before".len() + 2 + 2 + topic.len());
    assert_eq!(identifier_at, expected_at);
    if let (Some(at), Some((_, number))) = (identifier_at, header.header.delivery) {
        assert_eq!(out[at..at + 2], number.get().to_be_bytes());
    }
}

#[test]
fn publish_carries_its_properties() {
    let plain = PublishHeaderV5::new(PublishHeader::AT_MOST_ONCE);
    check_publish(plain, "t", b"\x30\x06\x00\x01t\x0021");
    let alias = PublishHeaderV5 { topic_alias: Some(7), ..plain };
    check_publish(alias, "t", b"\x30\x09\x00\x01t\x03\x23\x00\x0721");
    check_publish(alias, "", b"\x30\x08\x00\x00\x03\x23\x00\x0721");
    let delivery = Some((QoS::AtLeastOnce, identifier(0x1234)));
    let header = PublishHeader { duplicate: true, retain: true, delivery };
    let full = PublishHeaderV5 {
        header,
        topic_alias: Some(7),
        message_expiry_interval_seconds: Some(60),
        forwarded: Forwarded::from_encoded(b"\x01\x01\x26\x00\x01k\x00\x01v"),
        subscription_identifiers: &[1, 127, 128, 268_435_455],
    };
    check_publish(
        full,
        "t",
        b"\x3b\x25\x00\x01t\x12\x34\x1d\x23\x00\x07\x02\x00\x00\x00\x3c\x01\x01\
          \x26\x00\x01k\x00\x01v\x0b\x01\x0b\x7f\x0b\x80\x01\x0b\xff\xff\xff\x7f21",
    );
}

#[test]
fn reason_codes_have_return_codes_where_3_1_1_has_some() {
    for code in [
        ConnectReturnCode::Accepted,
        ConnectReturnCode::UnacceptableProtocolVersion,
        ConnectReturnCode::IdentifierRejected,
        ConnectReturnCode::ServerUnavailable,
        ConnectReturnCode::BadUserNameOrPassword,
        ConnectReturnCode::NotAuthorized,
    ] {
        assert_eq!(ReasonCode::from(code).as_connect_return_code(), Some(code));
    }
    assert_eq!(
        ReasonCode::ServerBusy.as_connect_return_code(),
        Some(ConnectReturnCode::ServerUnavailable)
    );
    assert_eq!(ReasonCode::MalformedPacket.as_connect_return_code(), None);
}

/// The tables of 3.2.2.2 and 3.14.2.1, without what a Client says alone and without success.
#[test]
fn refusals_say_what_their_packet_has_a_code_for() {
    const CONNACK: [u8; 21] = [
        0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97,
        0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
    ];
    const DISCONNECT: [u8; 27] = [
        0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96,
        0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
    ];
    for reason in ReasonCode::ALL {
        let code = reason.code();
        assert_eq!(CONNACK.contains(&code), reason.in_connack() == reason, "{reason:?}");
        assert!(CONNACK.contains(&reason.in_connack().code()), "{reason:?}");
        assert_eq!(DISCONNECT.contains(&code), reason.in_disconnect() == reason, "{reason:?}");
        assert!(DISCONNECT.contains(&reason.in_disconnect().code()), "{reason:?}");
    }
}
