//! Our codec and mqttbytes, which loadgen speaks with, read and write each other's packets.
//!
//! They disagree where mqttbytes 0.6.0 departs from MQTT 3.1.1; each of these has a test below:
//!
//! - It reads what a Server must reject: reserved flags, Packet Identifier 0 in
//!   acknowledgements, SUBSCRIBE and UNSUBSCRIBE, no Topic Filter, wildcards in a Topic Name,
//!   U+0000, empty topics, bytes after the last field, DUP at QoS 0, a password without a user
//!   name, reserved bits beside a requested QoS. It knows packets of the Server besides.
//! - It rejects what is allowed: MQTT 3.1, a password that is not UTF-8.
//! - It loses what is there: a user name and password that are both empty.
//! - Its CONNECT is right only in an empty buffer, and a write that fails leaves half a packet.

use bytes::{Bytes, BytesMut};
use mqttbytes::v4;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::packets::{self, SIZE_MAX};
use super::{AnyPacket, read};
use crate::QoS;
use crate::codec::{
    Connect, ConnectReturnCode, DecodeError, PINGRESP, PacketIdentifier, PacketType,
    ProtocolVersion, PublishHeader, SubscribeEntry, Will, encode_connack, encode_puback,
    encode_pubcomp, encode_pubrec, encode_pubrel, encode_suback, encode_unsuback, split,
};

const LARGE: usize = 1 << 20;

fn theirs(bytes: &[u8]) -> Result<v4::Packet, mqttbytes::Error> {
    let mut stream = BytesMut::from(bytes);
    let packet = v4::read(&mut stream, LARGE)?;
    assert!(stream.is_empty(), "more than one packet");
    Ok(packet)
}

fn ours(bytes: &[u8]) -> AnyPacket<'_> {
    read(bytes, LARGE).expect("a good packet").expect("a whole packet")
}

const fn their_qos(qos: QoS) -> mqttbytes::QoS {
    match qos {
        QoS::AtMostOnce => mqttbytes::QoS::AtMostOnce,
        QoS::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
        QoS::ExactlyOnce => mqttbytes::QoS::ExactlyOnce,
    }
}

fn qos() -> impl Strategy<Value = QoS> {
    (0..3_u8).prop_map(|bits| QoS::from_bits(bits).expect("below 3"))
}

fn identifier() -> impl Strategy<Value = PacketIdentifier> {
    (1..=u16::MAX).prop_map(|number| PacketIdentifier::new(number).expect("not zero"))
}

fn topic() -> impl Strategy<Value = String> {
    "[a-z/$ é\u{feff}𝄞]{1,40}"
}

fn filter() -> impl Strategy<Value = String> {
    "([a-zé]{0,3}|\\+)(/([a-zé]{0,3}|\\+)){0,4}(/#)?".prop_filter("not empty", |s| !s.is_empty())
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300)
}

prop_compose! {
    fn will()(topic in topic(), message in payload(), qos in qos(), retain in any::<bool>())
        -> v4::LastWill
    {
        v4::LastWill::new(topic, message, their_qos(qos), retain)
    }
}

prop_compose! {
    /// Without empty user names and passwords, see above.
    fn connect()(
        client_id in "[a-zA-Z0-9 é]{0,30}",
        keep_alive in any::<u16>(),
        clean_session in any::<bool>(),
        last_will in option::of(will()),
        login in option::of(("[a-zé]{1,9}", "[a-zé]{0,9}")),
    ) -> v4::Connect {
        v4::Connect {
            protocol: mqttbytes::Protocol::V4,
            keep_alive,
            client_id,
            clean_session,
            last_will,
            login: login.map(|(user, password)| v4::Login::new(user, password)),
        }
    }
}

/// What mqttbytes would have written to get `connect`.
fn as_their_connect(connect: &Connect<'_>) -> v4::Connect {
    let will = connect.will.map(|will| {
        let Will { topic, payload, qos, retain, .. } = will;
        v4::LastWill::new(topic.as_str(), payload, their_qos(qos), retain)
    });
    let password = String::from_utf8(connect.password.unwrap_or_default().to_vec());
    v4::Connect {
        protocol: mqttbytes::Protocol::V4,
        keep_alive: connect.keep_alive_seconds,
        client_id: connect.client_identifier.into(),
        clean_session: connect.clean_session,
        last_will: will,
        login: connect.user_name.map(|user_name| v4::Login {
            username: user_name.into(),
            password: password.expect("UTF-8"),
        }),
    }
}

/// Both mean the same packet.
fn assert_same(ours: AnyPacket<'_>, theirs: &v4::Packet) {
    let ours = match ours {
        AnyPacket::Connect(connect) => {
            let mut connect = as_their_connect(&connect);
            let empty = |login: &v4::Login| login.username.is_empty() && login.password.is_empty();
            connect.login = connect.login.filter(|login| !empty(login));
            v4::Packet::Connect(connect)
        }
        AnyPacket::Publish(publish) => v4::Packet::Publish(v4::Publish {
            dup: publish.duplicate(),
            qos: their_qos(publish.qos()),
            retain: publish.retain(),
            topic: publish.topic.expect("a Topic Name").as_str().into(),
            pkid: publish.packet_identifier.map_or(0, PacketIdentifier::get),
            payload: Bytes::copy_from_slice(publish.payload),
        }),
        AnyPacket::Acknowledgement(packet, acknowledgement) => {
            let pkid = acknowledgement.packet_identifier.get();
            match packet {
                PacketType::Puback => v4::Packet::PubAck(v4::PubAck { pkid }),
                PacketType::Pubrec => v4::Packet::PubRec(v4::PubRec { pkid }),
                PacketType::Pubrel => v4::Packet::PubRel(v4::PubRel { pkid }),
                _ => v4::Packet::PubComp(v4::PubComp { pkid }),
            }
        }
        AnyPacket::Subscribe(subscribe) => {
            let pkid = subscribe.packet_identifier.get();
            let entries = subscribe.entries().map(|SubscribeEntry { target, options }| {
                let filter = target.whole().as_str().into();
                v4::SubscribeFilter::new(filter, their_qos(options.qos))
            });
            let filters = entries.collect();
            v4::Packet::Subscribe(v4::Subscribe { pkid, filters })
        }
        AnyPacket::Unsubscribe(unsubscribe) => v4::Packet::Unsubscribe(v4::Unsubscribe {
            pkid: unsubscribe.packet_identifier.get(),
            topics: unsubscribe.entries().map(|t| t.whole().as_str().into()).collect(),
        }),
        AnyPacket::Pingreq => v4::Packet::PingReq,
        AnyPacket::Disconnect(_) => v4::Packet::Disconnect,
        AnyPacket::Auth(auth) => panic!("AUTH at 3.1.1: {auth:?}"),
    };
    assert_eq!(ours, *theirs);
}

/// What we accept and mqttbytes' v4 cannot: MQTT 3.1 and 5.0, a password that is not UTF-8.
fn beyond_mqttbytes(packet: AnyPacket<'_>) -> bool {
    let AnyPacket::Connect(connect) = packet else {
        return false;
    };
    let password = connect.password.unwrap_or_default();
    connect.protocol != ProtocolVersion::V4 || std::str::from_utf8(password).is_err()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn their_connect_is_ours(connect in connect()) {
        let mut bytes = BytesMut::new();
        connect.write(&mut bytes).expect("a valid packet");
        assert_same(ours(&bytes), &v4::Packet::Connect(connect));
    }

    #[test]
    fn their_publish_is_ours_and_ours_is_theirs(
        (topic, payload, qos, identifier) in (topic(), payload(), qos(), identifier()),
        (duplicate, retain) in any::<(bool, bool)>(),
    ) {
        let delivery = (qos != QoS::AtMostOnce).then_some((qos, identifier));
        let duplicate = duplicate && delivery.is_some();
        let publish = v4::Publish {
            dup: duplicate,
            qos: their_qos(qos),
            retain,
            topic: topic.clone(),
            pkid: delivery.map_or(0, |(_, identifier)| identifier.get()),
            payload: payload.clone().into(),
        };
        let mut bytes = BytesMut::new();
        publish.write(&mut bytes).expect("a valid packet");
        assert_same(ours(&bytes), &v4::Packet::Publish(publish));
        let header = PublishHeader { duplicate, retain, delivery };
        let mut out = Vec::new();
        header.encode(&topic, payload.len(), &mut out);
        out.extend_from_slice(&payload);
        prop_assert_eq!(&out[..], &bytes[..]);
    }

    #[test]
    fn their_subscribe_and_unsubscribe_are_ours(
        identifier in identifier(),
        entries in vec((filter(), qos()), 1..6),
    ) {
        let pkid = identifier.get();
        let mut bytes = BytesMut::new();
        let filters = entries.iter().cloned();
        let filters = filters.map(|(path, qos)| v4::SubscribeFilter::new(path, their_qos(qos)));
        let subscribe = v4::Subscribe { pkid, filters: filters.collect() };
        subscribe.write(&mut bytes).expect("a valid packet");
        assert_same(ours(&bytes), &v4::Packet::Subscribe(subscribe));
        bytes.clear();
        let topics = entries.into_iter().map(|(filter, _)| filter).collect();
        let unsubscribe = v4::Unsubscribe { pkid, topics };
        unsubscribe.write(&mut bytes).expect("a valid packet");
        assert_same(ours(&bytes), &v4::Packet::Unsubscribe(unsubscribe));
    }

    #[test]
    fn acknowledgements_are_the_same_both_ways(identifier in identifier()) {
        let pkid = identifier.get();
        let mut bytes = BytesMut::new();
        v4::PubAck { pkid }.write(&mut bytes).expect("a valid packet");
        v4::PubRec { pkid }.write(&mut bytes).expect("a valid packet");
        v4::PubRel { pkid }.write(&mut bytes).expect("a valid packet");
        v4::PubComp { pkid }.write(&mut bytes).expect("a valid packet");
        let encoders = [encode_puback, encode_pubrec, encode_pubrel, encode_pubcomp];
        prop_assert_eq!(&encoders.map(|encode| encode(identifier)).concat()[..], &bytes[..]);
        for packet in bytes.chunks(4) {
            assert_same(ours(packet), &theirs(packet).expect("a valid packet"));
        }
        let unsuback = v4::Packet::UnsubAck(v4::UnsubAck { pkid });
        prop_assert_eq!(theirs(&encode_unsuback(identifier)), Ok(unsuback));
    }

    #[test]
    fn our_suback_is_theirs(identifier in identifier(), granted in vec(option::of(qos()), 1..200)) {
        let mut bytes = Vec::new();
        encode_suback(identifier, &granted, &mut bytes);
        let code = |qos: &Option<QoS>| {
            qos.map_or(v4::SubscribeReasonCode::Failure, |qos| {
                v4::SubscribeReasonCode::Success(their_qos(qos))
            })
        };
        let suback = v4::SubAck::new(identifier.get(), granted.iter().map(code).collect());
        prop_assert_eq!(theirs(&bytes), Ok(v4::Packet::SubAck(suback)));
    }

    /// Whatever we let in, mqttbytes reads as the same packet.
    #[test]
    fn what_we_accept_they_read_the_same(
        example in proptest::sample::select(packets::all().collect::<Vec<_>>()),
        index in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = example.bytes.to_vec();
        let index = index.index(bytes.len());
        bytes[index] = byte;
        if let Ok(Some(packet)) = read(&bytes, SIZE_MAX)
            && !beyond_mqttbytes(packet)
        {
            let (frame, _) = split(&bytes, SIZE_MAX).expect("read before").expect("whole");
            let bytes = &bytes[..frame.header.size()];
            assert_same(packet, &theirs(bytes).expect("a packet that we accept"));
        }
    }
}

#[test]
fn our_connack_and_pingresp_are_theirs() {
    for (code, their_code) in [
        (ConnectReturnCode::Accepted, v4::ConnectReturnCode::Success),
        (
            ConnectReturnCode::UnacceptableProtocolVersion,
            v4::ConnectReturnCode::RefusedProtocolVersion,
        ),
        (ConnectReturnCode::IdentifierRejected, v4::ConnectReturnCode::BadClientId),
        (ConnectReturnCode::ServerUnavailable, v4::ConnectReturnCode::ServiceUnavailable),
        (ConnectReturnCode::BadUserNameOrPassword, v4::ConnectReturnCode::BadUserNamePassword),
        (ConnectReturnCode::NotAuthorized, v4::ConnectReturnCode::NotAuthorized),
    ] {
        let connack = v4::ConnAck::new(their_code, false);
        assert_eq!(theirs(&encode_connack(false, code)), Ok(v4::Packet::ConnAck(connack)));
    }
    let present = v4::ConnAck::new(v4::ConnectReturnCode::Success, true);
    let bytes = encode_connack(true, ConnectReturnCode::Accepted);
    assert_eq!(theirs(&bytes), Ok(v4::Packet::ConnAck(present)));
    assert_eq!(theirs(&PINGRESP), Ok(v4::Packet::PingResp));
}

#[test]
fn the_accepted_packets_of_the_table_are_theirs_too() {
    for example in super::good() {
        let packet = ours(example.bytes);
        if !beyond_mqttbytes(packet) {
            assert_same(packet, &theirs(example.bytes).expect(example.name));
        }
    }
}

/// mqttbytes is no judge of what a Server must reject.
#[test]
fn they_read_much_that_is_forbidden() {
    let forbidden: [(&[u8], DecodeError); 14] = [
        (b"\x42\x02\x00\x01", DecodeError::ReservedFlags(0x42)),
        (b"\x60\x02\x00\x01", DecodeError::ReservedFlags(0x60)),
        (b"\xcf\x00", DecodeError::ReservedFlags(0xcf)),
        (b"\x38\x03\x00\x01t", DecodeError::DuplicateAtMostOnce),
        (b"\x40\x02\x00\x00", DecodeError::ZeroPacketIdentifier),
        (b"\x82\x02\x00\x01", DecodeError::NoTopicFilter),
        (b"\x82\x06\x00\x01\x00\x01a\xc0", DecodeError::RequestedQoS(0xc0)),
        (b"\x30\x02\x00\x00", crate::topic::TopicError::Empty.into()),
        (b"\x30\x03\x00\x01+", crate::topic::TopicError::WildcardInName.into()),
        (b"\x30\x03\x00\x01\x00", crate::topic::TopicError::NullCharacter.into()),
        (b"\x40\x03\x00\x01\x10", DecodeError::TrailingBytes),
        (b"\xc0\x01\x00", DecodeError::TrailingBytes),
        (b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x0a\x00\x01a", DecodeError::ConnectFlag),
        (
            b"\x10\x10\x00\x04MQTT\x04\x42\x00\x0a\x00\x01a\x00\x01p",
            DecodeError::PasswordWithoutUserName,
        ),
    ];
    for (bytes, error) in forbidden {
        assert_eq!(read(bytes, LARGE).err(), Some(error), "{bytes:?}");
        assert!(theirs(bytes).is_ok(), "mqttbytes has learned to reject {bytes:?}");
    }
}

#[test]
fn they_reject_some_that_is_allowed() {
    for (bytes, error) in [
        (
            &b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x0a\x00\x01a"[..],
            mqttbytes::Error::InvalidProtocol,
        ),
        (
            b"\x10\x14\x00\x04MQTT\x04\xc2\x00\x0a\x00\x01a\x00\x01u\x00\x02\xff\xfe",
            mqttbytes::Error::TopicNotUtf8,
        ),
    ] {
        assert!(beyond_mqttbytes(ours(bytes)));
        assert_eq!(theirs(bytes), Err(error));
    }
}

#[test]
fn they_lose_an_empty_user_name() {
    let bytes = b"\x10\x0f\x00\x04MQTT\x04\x82\x00\x0a\x00\x01a\x00\x00";
    assert!(matches!(ours(bytes), AnyPacket::Connect(Connect { user_name: Some(""), .. })));
    assert!(matches!(theirs(bytes), Ok(v4::Packet::Connect(v4::Connect { login: None, .. }))));
}

#[test]
fn their_connect_is_damaged_in_a_buffer_that_holds_something() {
    let mut bytes = BytesMut::from(&b"\xc0\x00"[..]);
    v4::Connect::new("a").write(&mut bytes).expect("a valid packet");
    assert_eq!(read(&bytes[2..], LARGE).err(), Some(DecodeError::ProtocolName));
}

#[test]
fn their_failed_write_leaves_half_a_packet() {
    let mut bytes = BytesMut::new();
    let publish = v4::Publish::new("t", mqttbytes::QoS::AtLeastOnce, "");
    assert_eq!(publish.write(&mut bytes), Err(mqttbytes::Error::PacketIdZero));
    assert!(!bytes.is_empty());
}
