//! Any bytes, read as a stream of Control Packets of a Client.

use std::ops::Range;

use super::allocations;
use super::any_packet::{self, AnyPacket};
use super::codec::properties::{Forwarded, UserProperties};
use super::codec::{
    self, Acknowledgement, Frame, PacketType, ProtocolVersion, Publish, PublishHeader,
    PublishHeaderV5, split,
};
use super::topic;

const SIZE_MAX: usize = 1 << 20;

/// Reads `bytes` as a connection of `version` does; a CONNECT says its own. Returns how many packets
/// were accepted.
///
/// Panics when one is there before its last byte, is not valid, or lies outside of the bytes that it
/// came in; when reading takes memory; when it is not the same once it is written and read again.
pub(crate) fn check(bytes: &[u8], version: ProtocolVersion) -> usize {
    let mut rest = bytes;
    let mut accepted = 0;
    while let Ok(Some((frame, after))) = split(rest, SIZE_MAX) {
        let size = frame.header.size();
        assert_eq!(rest.len(), size + after.len());
        assert_eq!(frame.body.len(), frame.header.remaining_length);
        let early = split(&rest[..size - 1], SIZE_MAX);
        assert_eq!(early, Ok(None), "a packet was there before its last byte");
        accepted += usize::from(check_frame(frame, version, addresses(&rest[..size])));
        rest = after;
    }
    if split(rest, SIZE_MAX) == Ok(None) {
        check_incomplete(rest);
    }
    accepted
}

/// What is not whole yet was not whole before.
fn check_incomplete(bytes: &[u8]) {
    for cut in 0..bytes.len().min(8) {
        assert_eq!(split(&bytes[..cut], SIZE_MAX), Ok(None));
    }
}

fn check_frame(frame: Frame<'_>, version: ProtocolVersion, within: Range<usize>) -> bool {
    let size = within.len();
    let (taken, decoded) = allocations::during(|| {
        let decoded = any_packet::decode(frame, version);
        if let Ok(packet) = decoded {
            check_views(packet, version, &within);
        }
        decoded
    });
    assert_eq!(taken.count, 0, "reading a packet of {size} bytes took memory: {taken:?}");
    let Ok(packet) = decoded else { return false };
    match packet {
        AnyPacket::Acknowledgement(packet, acknowledgement) => {
            check_acknowledgement_again(packet, &acknowledgement, version);
        }
        AnyPacket::Publish(publish) => check_publish_again(publish, size),
        AnyPacket::Connect(connect) => {
            if let Some(will) = connect.will {
                check_copy(will.properties.forwarded, size);
            }
        }
        _ => {}
    }
    true
}

/// What holds for every packet that is accepted: valid by construction, borrowed from the input.
fn check_views(packet: AnyPacket<'_>, version: ProtocolVersion, within: &Range<usize>) {
    let borrowed = |bytes: &[u8]| {
        let range = addresses(bytes);
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
        AnyPacket::Connect(connect) => check_connect(&connect, borrowed),
        AnyPacket::Publish(publish) => {
            borrowed(publish.payload);
            check_publish(publish, version);
            check_forwarded(publish.properties.forwarded(), borrowed);
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
        }
        AnyPacket::Pingreq => {}
        AnyPacket::Disconnect(disconnect) => {
            disconnect.properties.reason_string.into_iter().for_each(text);
            user(disconnect.properties.user_properties);
        }
        AnyPacket::Auth(auth) => {
            assert_eq!(version, ProtocolVersion::V5);
            text(auth.authentication_method);
            auth.authentication_data.into_iter().for_each(borrowed);
            user(auth.properties.user_properties);
        }
    }
}

fn check_connect(connect: &codec::Connect<'_>, borrowed: impl Fn(&[u8])) {
    let properties = connect.properties;
    let text = |text: &str| {
        borrowed(text.as_bytes());
        assert!(!text.contains('\0'));
    };
    text(connect.client_identifier);
    connect.user_name.into_iter().for_each(text);
    connect.password.into_iter().for_each(&borrowed);
    let alone = connect.password.is_some() && connect.user_name.is_none();
    assert!(!alone || connect.protocol == ProtocolVersion::V5);
    assert!(properties.receive_maximum > 0);
    assert_ne!(properties.maximum_packet_size, Some(0));
    properties.authentication_method.into_iter().for_each(text);
    let method = properties.authentication_method;
    assert!(properties.authentication_data.is_none() || method.is_some());
    for (name, value) in properties.user_properties {
        text(name);
        text(value);
    }
    if let Some(will) = connect.will {
        borrowed(will.payload);
        check_name(will.topic);
        check_forwarded(will.properties.forwarded, borrowed);
    }
}

fn check_publish(publish: Publish<'_>, version: ProtocolVersion) {
    let acknowledged = publish.qos() != broker_core::QoS::AtMostOnce;
    assert_eq!(publish.packet_identifier.is_some(), acknowledged);
    assert!(acknowledged || !publish.duplicate());
    let alias = publish.properties.topic_alias();
    assert_ne!(alias, Some(0));
    match publish.topic {
        Some(name) => check_name(name),
        None => assert!(version == ProtocolVersion::V5 && alias.is_some()),
    }
}

fn check_target(target: topic::SubscriptionTarget<'_>) {
    assert!(topic::TopicFilter::new(target.whole().as_str()).is_ok());
    assert!(topic::TopicFilter::new(target.filter().as_str()).is_ok());
    let name = target.share_name();
    assert!(name.is_none_or(|name| !name.is_empty() && !name.contains(['/', '+', '#'])));
}

fn check_forwarded(forwarded: Forwarded<'_>, borrowed: impl Fn(&[u8])) {
    forwarded.segments().into_iter().for_each(borrowed);
    forwarded.response_topic().into_iter().for_each(check_name);
}

fn check_name(name: topic::TopicName<'_>) {
    assert!(!name.as_str().is_empty() && !name.as_str().contains(['\0', '+', '#']));
}

/// The copy of properties that is kept takes one piece of memory, no larger than the packet.
fn check_copy(forwarded: Forwarded<'_>, size: usize) -> Vec<u8> {
    let (taken, copy) = allocations::during(|| forwarded.to_vec());
    assert_eq!(copy.len(), forwarded.len());
    assert!(taken.count <= 1 && taken.bytes <= size, "{taken:?} for a packet of {size} bytes");
    copy
}

/// An acknowledgement is the same when it is written and read again.
fn check_acknowledgement_again(
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

/// What is passed on to a subscriber of 5.0 is read as what came in.
fn check_publish_again(publish: Publish<'_>, size: usize) {
    let Some(name) = publish.topic else { return };
    let properties = publish.properties;
    let header = PublishHeaderV5 {
        header: PublishHeader {
            duplicate: publish.duplicate(),
            retain: publish.retain(),
            delivery: publish.packet_identifier.map(|identifier| (publish.qos(), identifier)),
        },
        topic_alias: properties.topic_alias(),
        message_expiry_interval_seconds: properties.message_expiry_interval_seconds(),
        forwarded: properties.forwarded(),
        subscription_identifiers: &[],
    };
    let mut out = Vec::with_capacity(size + 8);
    header.encode(name.as_str(), publish.payload.len(), &mut out);
    out.extend_from_slice(publish.payload);
    let (frame, _) = split(&out, usize::MAX).expect("written right").expect("whole");
    let again = Publish::decode(frame, ProtocolVersion::V5).expect("written right");
    let flat = check_copy(properties.forwarded(), size);
    assert_eq!(again.properties.forwarded().to_vec(), flat);
    assert_eq!(again, publish);
}

/// Where the bytes lie.
fn addresses(bytes: &[u8]) -> Range<usize> {
    let Range { start, end } = bytes.as_ptr_range();
    start.addr()..end.addr()
}
