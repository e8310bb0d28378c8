//! Any bytes, read as the Control Packets of a Client of MQTT 3.1.1 and of MQTT 5.0.

#![no_main]

use std::ops::Range;

use broker_core::{codec, topic};
use libfuzzer_sys::fuzz_target;

#[path = "../../core/src/codec/tests/any_packet.rs"]
mod any_packet;

use any_packet::AnyPacket;
use codec::properties::{Forwarded, UserProperties};
use codec::{
    Acknowledgement, PacketType, ProtocolVersion, Publish, PublishHeader, PublishHeaderV5, split,
};

const SIZE_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    loop {
        match split(rest, SIZE_MAX) {
            Err(_) => break,
            Ok(None) => {
                check_incomplete(rest);
                break;
            }
            Ok(Some((frame, after))) => {
                let size = frame.header.size();
                assert_eq!(rest.len(), size + after.len());
                assert_eq!(frame.body.len(), frame.header.remaining_length);
                let early = split(&rest[..size - 1], SIZE_MAX);
                assert_eq!(early, Ok(None), "a packet was there before its last byte");
                for version in [ProtocolVersion::V4, ProtocolVersion::V5] {
                    if let Ok(packet) = any_packet::decode(frame, version) {
                        check(packet, version, rest[..size].as_ptr_range_of_addresses());
                    }
                }
                rest = after;
            }
        }
    }
});

/// What is not whole yet was not whole before.
fn check_incomplete(bytes: &[u8]) {
    for cut in 0..bytes.len().min(8) {
        assert_eq!(split(&bytes[..cut], SIZE_MAX), Ok(None));
    }
}

/// What holds for every packet that is accepted: valid by construction, borrowed from the input.
fn check(packet: AnyPacket<'_>, version: ProtocolVersion, within: Range<usize>) {
    let borrowed = |bytes: &[u8]| {
        let range = bytes.as_ptr_range_of_addresses();
        assert!(bytes.is_empty() || (within.start <= range.start && range.end <= within.end));
    };
    let text = |text: &str| {
        borrowed(text.as_bytes());
        assert!(!text.contains('\0'));
    };
    let user = |properties: UserProperties<'_>| {
        for (name, value) in properties {
            text(name);
            text(value);
        }
    };
    match packet {
        AnyPacket::Connect(connect) => {
            let properties = connect.properties;
            text(connect.client_identifier);
            connect.user_name.into_iter().for_each(text);
            let alone = connect.password.is_some() && connect.user_name.is_none();
            assert!(!alone || connect.protocol == ProtocolVersion::V5);
            assert!(properties.receive_maximum > 0);
            assert_ne!(properties.maximum_packet_size, Some(0));
            properties.authentication_method.into_iter().for_each(text);
            let method = properties.authentication_method;
            assert!(properties.authentication_data.is_none() || method.is_some());
            user(properties.user_properties);
            if let Some(will) = connect.will {
                borrowed(will.payload);
                check_name(will.topic);
                check_forwarded(will.properties.forwarded, borrowed);
            }
        }
        AnyPacket::Publish(publish) => {
            borrowed(publish.payload);
            check_forwarded(publish.properties.forwarded, borrowed);
            check_publish(publish, version);
        }
        AnyPacket::Subscribe(subscribe) => {
            assert!(subscribe.entries().count() > 0);
            let number = subscribe.properties.subscription_identifier;
            assert!(number.is_none_or(|number| (1..1 << 28).contains(&number)));
            user(subscribe.properties.user_properties);
            for entry in subscribe.entries() {
                text(entry.target.whole().as_str());
                check_target(entry.target);
                assert!(!entry.options.no_local || !entry.target.is_shared());
            }
        }
        AnyPacket::Unsubscribe(unsubscribe) => {
            assert!(unsubscribe.entries().count() > 0);
            user(unsubscribe.user_properties);
            for target in unsubscribe.entries() {
                text(target.whole().as_str());
                check_target(target);
            }
        }
        AnyPacket::Acknowledgement(packet, acknowledgement) => {
            assert!((4..=7).contains(&(packet as u8)));
            assert_ne!(acknowledgement.packet_identifier.get(), 0);
            acknowledgement.properties.reason_string.into_iter().for_each(text);
            user(acknowledgement.properties.user_properties);
            check_written_again(packet, &acknowledgement, version);
        }
        AnyPacket::Pingreq => {}
        AnyPacket::Disconnect(disconnect) => {
            disconnect.properties.reason_string.into_iter().for_each(text);
            user(disconnect.properties.user_properties);
        }
        AnyPacket::Auth(auth) => {
            assert_eq!(version, ProtocolVersion::V5);
            text(auth.authentication_method);
            user(auth.properties.user_properties);
        }
    }
}

/// An acknowledgement is the same when it is written and read again.
fn check_written_again(
    packet: PacketType,
    acknowledgement: &Acknowledgement<'_>,
    version: ProtocolVersion,
) {
    let mut out = Vec::new();
    codec::encode_acknowledgement(packet, acknowledgement, &mut out);
    let (frame, rest) = split(&out, SIZE_MAX).expect("written right").expect("whole");
    assert!(rest.is_empty());
    let again = Acknowledgement::decode(packet, frame.body, version);
    assert_eq!(again.as_ref(), Ok(acknowledgement));
}

fn check_target(target: topic::SubscriptionTarget<'_>) {
    assert!(topic::TopicFilter::new(target.whole().as_str()).is_ok());
    assert!(topic::TopicFilter::new(target.filter().as_str()).is_ok());
    let name = target.share_name();
    assert!(name.is_none_or(|name| !name.is_empty() && !name.contains(['/', '+', '#'])));
}

fn check_forwarded(forwarded: Forwarded<'_>, borrowed: impl Fn(&[u8])) {
    forwarded.segments().into_iter().for_each(borrowed);
    assert_eq!(forwarded.to_vec().len(), forwarded.len());
    forwarded.response_topic().into_iter().for_each(check_name);
}

/// What is passed on to a subscriber of 5.0 is read as what came in.
fn check_publish(publish: Publish<'_>, version: ProtocolVersion) {
    let acknowledged = publish.qos != broker_core::QoS::AtMostOnce;
    assert_eq!(publish.packet_identifier.is_some(), acknowledged);
    assert!(acknowledged || !publish.duplicate);
    assert_ne!(publish.properties.topic_alias, Some(0));
    let Some(name) = publish.topic else {
        assert!(version == ProtocolVersion::V5 && publish.properties.topic_alias.is_some());
        return;
    };
    check_name(name);
    let properties = publish.properties;
    let header = PublishHeaderV5 {
        header: PublishHeader {
            duplicate: publish.duplicate,
            retain: publish.retain,
            delivery: publish.packet_identifier.map(|identifier| (publish.qos, identifier)),
        },
        topic_alias: properties.topic_alias,
        message_expiry_interval_seconds: properties.message_expiry_interval_seconds,
        forwarded: properties.forwarded,
        subscription_identifiers: &[],
    };
    let mut out = Vec::new();
    header.encode(name.as_str(), publish.payload.len(), &mut out);
    out.extend_from_slice(publish.payload);
    assert_eq!(out.len(), header.packet_size(name.as_str(), publish.payload.len()));
    let (frame, _) = split(&out, usize::MAX).expect("written right").expect("whole");
    let again = Publish::decode(frame, ProtocolVersion::V5).expect("written right");
    let flat = properties.forwarded.to_vec();
    let forwarded = Forwarded::from_encoded(&flat);
    let again_flat = again.properties.forwarded.to_vec();
    assert_eq!(again_flat, flat);
    let properties = codec::properties::PublishProperties { forwarded, ..properties };
    let again_properties = codec::properties::PublishProperties { forwarded, ..again.properties };
    assert_eq!(
        Publish { properties: again_properties, ..again },
        Publish { properties, ..publish }
    );
}

fn check_name(name: topic::TopicName<'_>) {
    assert!(!name.as_str().is_empty() && !name.as_str().contains(['\0', '+', '#']));
}

trait Addresses {
    /// Where the bytes lie.
    fn as_ptr_range_of_addresses(&self) -> Range<usize>;
}

impl Addresses for [u8] {
    fn as_ptr_range_of_addresses(&self) -> Range<usize> {
        let Range { start, end } = self.as_ptr_range();
        start.addr()..end.addr()
    }
}
