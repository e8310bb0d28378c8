//! Packets of MQTT 5.0 byte for byte.

use super::{
    AnyPacket, SIZE_MAX, decode, good, identifier, packet, packets_v5, read, read_up_to, topic,
};
use crate::QoS;
use crate::codec::properties::{
    PayloadFormat, PropertyError, PropertyIdentifier, PublishProperties, WillProperties,
};
use crate::codec::{
    Auth, Connect, ConnectProperties, DecodeError, Disconnect, FixedHeader, PacketType,
    ProtocolVersion, Publish, ReasonCode, RetainHandling, SubscriptionOptions, split,
};
use crate::topic::TopicError;

#[test]
fn the_table_is_accepted_and_rejected_as_it_says() {
    for example in packets_v5::all() {
        let outcome = read_up_to(example.bytes, SIZE_MAX)
            .map(|packet| assert!(packet.is_some(), "incomplete: {}", example.name));
        assert_eq!(outcome, example.outcome, "{}", example.name);
    }
}

#[test]
fn names_in_the_table_are_unique() {
    let mut names: Vec<_> = packets_v5::all().map(|example| example.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn every_property_error_has_an_example() {
    let in_table = |wanted: PropertyError| {
        packets_v5::all().any(|example| match example.outcome {
            Err(DecodeError::Property(error)) => {
                std::mem::discriminant(&error) == std::mem::discriminant(&wanted)
            }
            _ => false,
        })
    };
    let user = PropertyIdentifier::UserProperty;
    // A new variant makes this match fail to compile: then it needs an example and a line here.
    let next = |error: PropertyError| match error {
        PropertyError::Unknown(_) => Some(PropertyError::NotAllowed(user)),
        PropertyError::NotAllowed(_) => Some(PropertyError::Overrun),
        PropertyError::Overrun => Some(PropertyError::Repeated(user)),
        PropertyError::Repeated(property) => Some(PropertyError::Value { property, value: 0 }),
        PropertyError::Value { .. } => Some(PropertyError::ZeroTopicAlias),
        PropertyError::ZeroTopicAlias => Some(PropertyError::ResponseTopic(TopicError::Empty)),
        PropertyError::ResponseTopic(_) => Some(PropertyError::SubscriptionIdentifier),
        PropertyError::SubscriptionIdentifier => Some(PropertyError::AuthenticationDataAlone),
        PropertyError::AuthenticationDataAlone => Some(PropertyError::NoAuthenticationMethod),
        PropertyError::NoAuthenticationMethod => None,
    };
    let mut error = Some(PropertyError::Unknown(0));
    while let Some(kind) = error {
        assert!(in_table(kind), "no example of {kind:?}");
        error = next(kind);
    }
}

#[test]
fn every_error_names_its_clause_and_is_answered_with_a_reason_code() {
    for error in packets_v5::all().filter_map(|example| example.outcome.err()) {
        assert!(error.to_string().contains("[MQTT-"), "{error}");
        assert!(error.reason_code().is_error(), "{error}");
    }
}

#[test]
fn errors_are_answered_with_the_reason_code_of_the_specification() {
    for (bytes, reason) in [
        (&b"\x30\xff\xff\xff\x7f"[..], ReasonCode::PacketTooLarge),
        (b"\x30\x04\x00\x02\xff\xff", ReasonCode::MalformedPacket),
        (b"\x36\x00", ReasonCode::MalformedPacket),
        (b"\x30\x06\x00\x03a/#\x00", ReasonCode::TopicNameInvalid),
        (b"\x30\x03\x00\x00\x00", ReasonCode::ProtocolError),
        (b"\x30\x06\x00\x00\x03\x23\x00\x00", ReasonCode::TopicAliasInvalid),
        (b"\x30\x07\x00\x01t\x02\x01\x02x", ReasonCode::ProtocolError),
        (b"\x30\x06\x00\x01t\x02\x0b\x01", ReasonCode::ProtocolError),
        (b"\x30\x06\x00\x01t\x02\x04\x01", ReasonCode::MalformedPacket),
        (b"\x30\x07\x00\x01t\x03\x21\x00\x01", ReasonCode::MalformedPacket),
        (b"\x82\x07\x00\x01\x00\x00\x01a\x40", ReasonCode::MalformedPacket),
        (b"\x82\x08\x00\x01\x00\x00\x02a#\x00", ReasonCode::TopicFilterInvalid),
        (b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x0a\x00\x01a", ReasonCode::UnsupportedProtocolVersion),
        (b"\xd0\x00", ReasonCode::ProtocolError),
    ] {
        let error = read_up_to(bytes, SIZE_MAX).expect_err("malformed");
        assert_eq!(error.reason_code(), reason, "{error}");
    }
}

#[test]
fn connect_is_read_field_by_field() {
    let mut bytes = b"\x00\x04MQTT\x05\xf6\x00\x3c".to_vec();
    bytes.extend_from_slice(
        b"\x2f\x11\x00\x00\x0e\x10\x21\x00\x14\x27\x00\x01\x00\x00\x22\x00\x0a\x19\x01\x17\x00\
          \x26\x00\x01k\x00\x01v\x15\x00\x05SCRAM\x16\x00\x02\xff\x00\x26\x00\x01k\x00\x01w",
    );
    bytes.extend_from_slice(b"\x00\x08sensor-1");
    bytes.extend_from_slice(
        b"\x23\x18\x00\x00\x00\x05\x01\x01\x02\x00\x00\x00\x3c\x03\x00\x04text\x08\x00\x02re\
          \x09\x00\x01\xff\x26\x00\x01k\x00\x01v",
    );
    bytes.extend_from_slice(b"\x00\x04gone\x00\x03bye\x00\x03ann\x00\x02\xff\x00");
    let bytes = packet(0x10, &bytes);
    let Ok(Some(AnyPacket::Connect(connect))) = read(&bytes) else {
        panic!("not a CONNECT: {:?}", read(&bytes));
    };
    assert_eq!(connect.protocol, ProtocolVersion::V5);
    assert!(connect.clean_session);
    assert_eq!((connect.keep_alive_seconds, connect.client_identifier), (60, "sensor-1"));
    assert_eq!((connect.user_name, connect.password), (Some("ann"), Some(&b"\xff\x00"[..])));
    let properties = connect.properties;
    let expected = ConnectProperties {
        session_expiry_interval_seconds: 3600,
        receive_maximum: 20,
        maximum_packet_size: Some(65_536),
        topic_alias_maximum: 10,
        request_response_information: true,
        request_problem_information: false,
        user_properties: properties.user_properties,
        authentication_method: Some("SCRAM"),
        authentication_data: Some(b"\xff\x00"),
    };
    assert_eq!(properties, expected);
    assert!(properties.user_properties.iter().eq([("k", "v"), ("k", "w")]));
    let will = connect.will.expect("a Will");
    assert_eq!((will.topic, will.payload), (topic("gone"), &b"bye"[..]));
    assert_eq!((will.qos, will.retain), (QoS::ExactlyOnce, true));
    let WillProperties { will_delay_interval_seconds, forwarded, .. } = will.properties;
    assert_eq!(will_delay_interval_seconds, 5);
    assert_eq!(will.properties.message_expiry_interval_seconds, Some(60));
    assert_eq!(will.properties.payload_format_indicator, Some(PayloadFormat::Utf8));
    assert_eq!(will.check_payload_format(), Ok(()));
    let passed_on = b"\x01\x01\x03\x00\x04text\x08\x00\x02re\x09\x00\x01\xff\x26\x00\x01k\x00\x01v";
    assert_eq!(forwarded.to_vec(), passed_on);
}

#[test]
fn a_connect_without_properties_has_the_defaults_of_the_specification() {
    let bytes = b"\x10\x0e\x00\x04MQTT\x05\x00\x00\x0a\x00\x00\x01a";
    let expected = Connect {
        protocol: ProtocolVersion::V5,
        clean_session: false,
        keep_alive_seconds: 10,
        client_identifier: "a",
        will: None,
        user_name: None,
        password: None,
        properties: ConnectProperties::NONE,
    };
    assert!(matches!(read(bytes), Ok(Some(AnyPacket::Connect(connect))) if connect == expected));
    let defaults = ConnectProperties::default();
    assert_eq!((defaults.session_expiry_interval_seconds, defaults.receive_maximum), (0, 65_535));
    assert_eq!((defaults.maximum_packet_size, defaults.topic_alias_maximum), (None, 0));
    assert!(defaults.request_problem_information && !defaults.request_response_information);
}

#[test]
fn the_protocol_is_known_when_the_rest_is_not_read() {
    let version = |body| Connect::decode_protocol(body);
    assert_eq!(version(b"\x00\x04MQTT\x05"), Ok(ProtocolVersion::V5));
    assert_eq!(version(b"\x00\x04MQTT\x04\xff"), Ok(ProtocolVersion::V4));
    assert_eq!(version(b"\x00\x06MQIsdp\x03"), Ok(ProtocolVersion::V3));
    assert_eq!(version(b"\x00\x04MQTT\x06"), Err(DecodeError::ProtocolLevel(6)));
    assert_eq!(version(b"\x00\x04MQTT"), Err(DecodeError::Truncated));
}

#[test]
fn publish_is_read_field_by_field() {
    let bytes = b"\x3d\x31\x00\x01t\x00\x0a\x29\x01\x01\x02\x00\x00\x00\x3c\x23\x00\x07\
        \x08\x00\x02re\x09\x00\x02\xff\x00\x26\x00\x01k\x00\x01v\x26\x00\x01k\x00\x01w\
        \x03\x00\x04textxy";
    let Ok(Some(AnyPacket::Publish(publish))) = read(bytes) else {
        panic!("not a PUBLISH: {:?}", read(bytes));
    };
    let properties = publish.properties;
    assert_eq!((publish.topic, publish.payload), (Some(topic("t")), &b"xy"[..]));
    assert_eq!(
        (publish.qos(), publish.retain(), publish.duplicate()),
        (QoS::ExactlyOnce, true, true)
    );
    assert_eq!(publish.packet_identifier, Some(identifier(10)));
    assert_eq!(properties.message_expiry_interval_seconds(), Some(60));
    assert_eq!(properties.topic_alias(), Some(7));
    assert_eq!(properties.payload_format_indicator(), Some(PayloadFormat::Utf8));
    let forwarded = properties.forwarded();
    assert_eq!(forwarded.payload_format_indicator(), Some(PayloadFormat::Utf8));
    assert_eq!(forwarded.response_topic(), Some(topic("re")));
    assert_eq!(forwarded.correlation_data(), Some(&b"\xff\x00"[..]));
    assert_eq!(forwarded.content_type(), Some("text"));
    assert!(forwarded.user_properties().eq([("k", "v"), ("k", "w")]));
}

#[test]
fn a_topic_alias_stands_for_a_topic_name() {
    let bytes = b"\x30\x07\x00\x00\x03\x23\x00\x07x";
    let Ok(Some(AnyPacket::Publish(publish))) = read(bytes) else {
        panic!("not a PUBLISH");
    };
    assert_eq!((publish.topic, publish.properties.topic_alias()), (None, Some(7)));
    assert!(publish.properties.forwarded().is_empty());
    assert_eq!(publish.payload, b"x");
}

#[test]
fn a_payload_that_is_not_the_utf_8_it_promises_can_be_told() {
    let read = |bytes| match read(bytes) {
        Ok(Some(AnyPacket::Publish(publish))) => publish.check_payload_format(),
        other => panic!("not a PUBLISH: {other:?}"),
    };
    assert_eq!(read(b"\x30\x07\x00\x01t\x02\x01\x01\xff"), Err(DecodeError::PayloadFormat));
    assert_eq!(read(b"\x30\x08\x00\x01t\x02\x01\x01\xc3\xa9"), Ok(()));
    assert_eq!(read(b"\x30\x07\x00\x01t\x02\x01\x00\xff"), Ok(()));
    assert_eq!(read(b"\x30\x05\x00\x01t\x00\xff"), Ok(()));
    let reason = DecodeError::PayloadFormat.reason_code();
    assert_eq!(reason, ReasonCode::PayloadFormatInvalid);
}

#[test]
fn before_5_0_nothing_is_read_as_a_property() {
    let (frame, _) = split(b"\x30\x05\x00\x01t\x00x", 100).expect("good").expect("whole");
    let publish = Publish::decode(frame, ProtocolVersion::V4).expect("a PUBLISH");
    assert_eq!((publish.payload, publish.properties), (&b"\x00x"[..], PublishProperties::NONE));
}

#[test]
fn subscription_options_are_read_one_by_one() {
    let bytes = b"\x82\x21\x00\x01\x05\x0b\xff\xff\xff\x7f\x00\x05a/+/c\x2e\x00\x01#\x11\
        \x00\x0a$share/g/x\x0a";
    let Ok(Some(AnyPacket::Subscribe(subscribe))) = read(bytes) else {
        panic!("not a SUBSCRIBE: {:?}", read(bytes));
    };
    assert_eq!(subscribe.properties.subscription_identifier, Some(268_435_455));
    let entries: Vec<_> = subscribe.entries().collect();
    let plain = SubscriptionOptions::default();
    let expected = [
        SubscriptionOptions {
            qos: QoS::ExactlyOnce,
            no_local: true,
            retain_as_published: true,
            retain_handling: RetainHandling::DoNotSend,
        },
        SubscriptionOptions {
            qos: QoS::AtLeastOnce,
            retain_handling: RetainHandling::SendIfNew,
            ..plain
        },
        SubscriptionOptions { qos: QoS::ExactlyOnce, retain_as_published: true, ..plain },
    ];
    assert!(entries.iter().map(|entry| entry.options).eq(expected));
    let names: Vec<_> = entries
        .iter()
        .map(|entry| (entry.target.share_name(), entry.target.filter().as_str()))
        .collect();
    assert_eq!(names, [(None, "a/+/c"), (None, "#"), (Some("g"), "x")]);
    assert_eq!(entries[2].target.whole().as_str(), "$share/g/x");
}

#[test]
fn disconnect_and_auth_are_read_field_by_field() {
    let bytes =
        b"\xe0\x1a\x04\x18\x11\x00\x00\x00\x0a\x1f\x00\x01r\x26\x00\x01k\x00\x01v\x1c\x00\x05other";
    let Ok(Some(AnyPacket::Disconnect(Disconnect { reason, properties }))) = read(bytes) else {
        panic!("not a DISCONNECT: {:?}", read(bytes));
    };
    assert_eq!(reason, ReasonCode::DisconnectWithWillMessage);
    assert_eq!(properties.session_expiry_interval_seconds, Some(10));
    assert_eq!(properties.reason_string, Some("r"));
    assert_eq!(properties.server_reference, Some("other"));
    assert!(properties.user_properties.iter().eq([("k", "v")]));

    let bytes = b"\xf0\x0a\x18\x08\x15\x00\x01m\x16\x00\x01\xff";
    let Ok(Some(AnyPacket::Auth(auth))) = read(bytes) else {
        panic!("not an AUTH: {:?}", read(bytes));
    };
    let Auth { reason, authentication_method, authentication_data, .. } = auth;
    assert_eq!((reason, authentication_method), (ReasonCode::ContinueAuthentication, "m"));
    assert_eq!(authentication_data, Some(&b"\xff"[..]));
}

/// 2.2.2.2 says it of every packet, 3.14.2.1 of this one.
#[test]
fn reason_codes_of_a_disconnect_are_those_of_a_client() {
    let of_client =
        [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
    for code in 0..=u8::MAX {
        let accepted = read(&[0xe0, 1, code]).is_ok();
        assert_eq!(accepted, of_client.contains(&code), "{code:#04x}");
    }
}

#[test]
fn reason_codes_of_acknowledgements_are_those_of_the_packet() {
    let of_publication = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    let of_release = [0x00, 0x92];
    for (first, allowed) in [
        (0x40, &of_publication[..]),
        (0x50, &of_publication),
        (0x62, &of_release),
        (0x70, &of_release),
    ] {
        for code in 0..=u8::MAX {
            let accepted = read(&[first, 3, 0, 1, code]).is_ok();
            assert_eq!(accepted, allowed.contains(&code), "{first:#04x} {code:#04x}");
        }
    }
}

/// [MQTT-1.5.5-1] and the packet type that came with 5.0.
#[test]
fn a_fixed_header_is_checked_against_the_version() {
    let check = |bytes: &[u8], version| {
        let header = FixedHeader::decode(bytes, usize::MAX).expect("good").expect("whole");
        header.check_version(version)
    };
    for version in [ProtocolVersion::V3, ProtocolVersion::V4] {
        assert_eq!(check(b"\xf0\x00", version), Err(DecodeError::ReservedType(15)));
        assert_eq!(check(b"\xc0\x80\x00", version), Ok(()));
    }
    let v5 = ProtocolVersion::V5;
    assert_eq!(check(b"\xf0\x00", v5), Ok(()));
    for (bytes, minimal) in [
        (&b"\xc0\x00"[..], true),
        (b"\x30\x7f", true),
        (b"\x30\xff\x00", false),
        (b"\x30\x80\x01", true),
        (b"\x30\xff\xff\x00", false),
        (b"\x30\x80\x80\x01", true),
        (b"\x30\xff\xff\xff\x00", false),
        (b"\x30\x80\x80\x80\x01", true),
    ] {
        let expected = if minimal { Ok(()) } else { Err(DecodeError::NotMinimal) };
        assert_eq!(check(bytes, v5), expected, "{bytes:?}");
    }
}

/// Every packet, its body cut after each of its bytes and announced as that short.
#[test]
fn a_body_that_ends_too_early_is_an_error_or_a_shorter_packet() {
    for example in good() {
        let (frame, _) = split(example.bytes, SIZE_MAX).expect("good").expect("whole");
        let decoded = decode(frame, ProtocolVersion::V5).expect(example.name);
        let ends = shorter_packets(decoded, frame.body.len());
        for length in 0..frame.body.len() {
            let short = packet(frame.header.first, &frame.body[..length]);
            let expected = match (frame.header.packet, length) {
                (PacketType::Auth, 0) => {
                    Some(DecodeError::ReasonCode { packet: PacketType::Auth, code: 0 })
                }
                (PacketType::Subscribe | PacketType::Unsubscribe, _)
                    if ends.first() == Some(&length) =>
                {
                    Some(DecodeError::NoTopicFilter)
                }
                _ if ends.contains(&length) => None,
                _ => Some(DecodeError::Truncated),
            };
            assert_eq!(read(&short).err(), expected, "{} cut to {length}", example.name);
        }
    }
}

/// Where else the body of a packet, `length` bytes long, could have ended; of a SUBSCRIBE and an
/// UNSUBSCRIBE first where its Topic Filters begin.
fn shorter_packets(packet: AnyPacket<'_>, length: usize) -> Vec<usize> {
    let begins = |sizes: Vec<usize>| {
        let first = length - sizes.iter().sum::<usize>();
        let next = |begin: &mut usize, size: usize| {
            *begin += size;
            Some(*begin - size)
        };
        sizes.into_iter().scan(first, next).collect()
    };
    match packet {
        AnyPacket::Publish(publish) => (length - publish.payload.len()..length).collect(),
        AnyPacket::Acknowledgement(..) => vec![2, 3],
        AnyPacket::Disconnect(_) => vec![0, 1],
        AnyPacket::Subscribe(subscribe) => {
            let sizes = subscribe.entries().map(|e| 3 + e.target.whole().as_str().len());
            begins(sizes.collect())
        }
        AnyPacket::Unsubscribe(unsubscribe) => {
            let sizes = unsubscribe.entries().map(|target| 2 + target.whole().as_str().len());
            begins(sizes.collect())
        }
        AnyPacket::Connect(_) | AnyPacket::Pingreq | AnyPacket::Auth(_) => Vec::new(),
    }
}

#[test]
fn packets_that_follow_each_other_are_told_apart() {
    let stream: Vec<u8> = good().flat_map(|example| example.bytes).copied().collect();
    let mut rest = &stream[..];
    for example in good() {
        let (frame, after) = split(rest, SIZE_MAX).expect("good").expect("whole");
        assert_eq!(&rest[..frame.header.size()], example.bytes, "{}", example.name);
        rest = after;
    }
    assert!(rest.is_empty());
}

#[test]
fn reason_codes_go_out_and_back() {
    for code in 0..=u8::MAX {
        if let Some(reason) = ReasonCode::from_code(code) {
            assert_eq!((reason.code(), reason.is_error()), (code, code >= 0x80));
        }
    }
    let known = (0..=u8::MAX).filter(|&code| ReasonCode::from_code(code).is_some());
    assert_eq!(known.count(), 43);
    assert!(ReasonCode::ALL.is_sorted_by_key(|reason| reason.code()));
}
