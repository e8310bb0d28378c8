//! Any bytes, read as the Control Packets of a Client.

#![no_main]

use std::ops::Range;

use broker_core::{codec, topic};
use libfuzzer_sys::fuzz_target;

#[path = "../../core/src/codec/tests/any_packet.rs"]
mod any_packet;

use any_packet::AnyPacket;
use codec::{PacketType, split};

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
                if let Ok(packet) = any_packet::decode(frame) {
                    check(packet, rest[..size].as_ptr_range_of_addresses());
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
fn check(packet: AnyPacket<'_>, within: Range<usize>) {
    let borrowed = |bytes: &[u8]| {
        let range = bytes.as_ptr_range_of_addresses();
        assert!(within.start <= range.start && range.end <= within.end);
    };
    match packet {
        AnyPacket::Connect(connect) => {
            borrowed(connect.client_identifier.as_bytes());
            assert!(!connect.client_identifier.contains('\0'));
            assert!(connect.user_name.is_none_or(|name| !name.contains('\0')));
            assert!(connect.password.is_none() || connect.user_name.is_some());
            if let Some(will) = connect.will {
                borrowed(will.payload);
                check_name(will.topic);
            }
        }
        AnyPacket::Publish(publish) => {
            let publication = publish.publication;
            borrowed(publication.payload);
            borrowed(publication.topic.as_str().as_bytes());
            check_name(publication.topic);
            let acknowledged = publication.qos != broker_core::QoS::AtMostOnce;
            assert_eq!(publish.packet_identifier.is_some(), acknowledged);
            assert!(acknowledged || !publish.duplicate);
        }
        AnyPacket::Subscribe(subscribe) => {
            assert!(subscribe.entries().count() > 0);
            for (filter, _) in subscribe.entries() {
                borrowed(filter.as_str().as_bytes());
                assert!(topic::TopicFilter::new(filter.as_str()).is_ok());
            }
        }
        AnyPacket::Unsubscribe(unsubscribe) => {
            assert!(unsubscribe.entries().count() > 0);
            for filter in unsubscribe.entries() {
                borrowed(filter.as_str().as_bytes());
                assert!(topic::TopicFilter::new(filter.as_str()).is_ok());
            }
        }
        AnyPacket::Acknowledgement(packet, identifier) => {
            assert!(
                (PacketType::Puback as u8..=PacketType::Pubcomp as u8).contains(&(packet as u8))
            );
            assert_ne!(identifier.get(), 0);
        }
        AnyPacket::Bare(packet) => {
            assert!(matches!(packet, PacketType::Pingreq | PacketType::Disconnect));
        }
    }
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
