//! What holds for any bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::packets::{self, Example};
use super::{AnyPacket, good, read};
use crate::codec::{
    DecodeError, FixedHeader, Frame, ProtocolVersion, Publish, encode_remaining_length, split,
};
use crate::topic::TopicError;

const LARGE: usize = 1 << 28;

/// Reads packets to the end of `bytes` or the first error, and every entry of each.
fn read_all(bytes: &[u8], size_max: usize) {
    let mut rest = bytes;
    while let Ok(Some((frame, after))) = split(rest, size_max) {
        assert_eq!(frame.header.size() + after.len(), rest.len());
        assert_eq!(frame.body.len(), frame.header.remaining_length);
        assert!(frame.header.size() <= size_max);
        for version in [ProtocolVersion::V4, ProtocolVersion::V5] {
            if let Ok(packet) = super::decode(frame, version) {
                check_entries(packet);
            }
        }
        rest = after;
    }
}

/// The iterators go over all of what was checked when the packet was read.
fn check_entries(packet: AnyPacket<'_>) {
    match packet {
        AnyPacket::Subscribe(subscribe) => assert!(subscribe.entries().count() > 0),
        AnyPacket::Unsubscribe(unsubscribe) => assert!(unsubscribe.entries().count() > 0),
        _ => {}
    }
}

/// A packet of the table with some of its bytes changed, removed or doubled.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), any::<u8>(), 0..4_u8);
    let examples: Vec<_> = packets::all().chain(super::packets_v5::all()).collect();
    (select(examples), vec(change, 0..4)).prop_map(|(example, changes)| {
        let mut bytes = example.bytes.to_vec();
        for (index, byte, kind) in changes {
            if bytes.is_empty() {
                break;
            }
            let index = index.index(bytes.len());
            match kind {
                0 => bytes[index] = byte,
                1 => bytes[index] ^= 1 << (byte % 8),
                2 => drop(bytes.remove(index)),
                _ => bytes.insert(index, byte),
            }
        }
        bytes
    })
}

fn any_good() -> impl Strategy<Value = Example> {
    select(good().collect::<Vec<_>>())
}

/// What [`split`] says, by way of the fixed header alone.
fn split_by_header(
    bytes: &[u8],
    size_max: usize,
) -> Result<Option<(Frame<'_>, &[u8])>, DecodeError> {
    let Some(header) = FixedHeader::decode(bytes, size_max)? else { return Ok(None) };
    let packet = bytes.split_at_checked(header.size());
    Ok(packet.map(|(packet, rest)| (Frame { header, body: &packet[header.length..] }, rest)))
}

/// Whether a PUBLISH may have this topic: UTF-8 first, then what a Topic Name may hold.
fn check_topic(topic: &[u8], version: ProtocolVersion) -> Result<(), DecodeError> {
    let topic = std::str::from_utf8(topic).map_err(|_| DecodeError::Utf8)?;
    if topic.is_empty() {
        let is_v5 = version == ProtocolVersion::V5;
        return Err(if is_v5 { DecodeError::NoTopicName } else { TopicError::Empty.into() });
    }
    if topic.contains('\0') {
        return Err(TopicError::NullCharacter.into());
    }
    if topic.contains(['+', '#']) { Err(TopicError::WildcardInName.into()) } else { Ok(()) }
}

/// Bytes of which many are UTF-8, and many a Topic Name.
fn any_topic() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        8 => "[a-z/]{1,12}".prop_map(String::into_bytes),
        2 => "[é\u{feff}𝄞\u{7f}\u{1}]{1,3}".prop_map(String::into_bytes),
        1 => select(vec![&b"\0"[..], b"+", b"#", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xff"])
            .prop_map(<[u8]>::to_vec),
    ];
    vec(part, 0..5).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The short way and the long one.
    #[test]
    fn a_packet_is_what_its_fixed_header_says(
        bytes in prop_oneof![mutated(), vec(any::<u8>(), 0..9)],
        size_max in prop_oneof![0..140_usize, Just(LARGE)],
    ) {
        prop_assert_eq!(split(&bytes, size_max), split_by_header(&bytes, size_max));
    }

    /// [MQTT-1.5.3-1], [MQTT-1.5.3-2], [MQTT-3.3.2-2], [MQTT-4.7.3-1]; 5.0 [MQTT-1.5.4-1], [MQTT-1.5.4-2].
    #[test]
    fn the_topic_of_a_publish_is_checked_whatever_its_bytes(topic in any_topic(), qos in 0..2_u8) {
        let length = u8::try_from(topic.len()).expect("a short topic");
        let identifier = &[0, 7][..2 * usize::from(qos)];
        let body = [&[0, length], &topic[..], identifier, b"\0payload"].concat();
        let mut bytes = vec![0x30 | qos << 1];
        encode_remaining_length(body.len(), &mut bytes);
        bytes.extend_from_slice(&body);
        let (frame, _) = split(&bytes, LARGE).expect("a good header").expect("a whole packet");
        for version in [ProtocolVersion::V4, ProtocolVersion::V5] {
            let read = Publish::decode(frame, version);
            prop_assert_eq!(read.map(drop), check_topic(&topic, version));
            let name = read.ok().and_then(|publish| publish.topic);
            prop_assert!(name.is_none_or(|name| name.as_bytes() == topic));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200), size_max in 0..300_usize) {
        read_all(&bytes, size_max);
        read_all(&bytes, LARGE);
    }

    #[test]
    fn no_damage_to_a_packet_makes_it_panic(bytes in mutated()) {
        read_all(&bytes, packets::SIZE_MAX);
        read_all(&bytes, LARGE);
    }

    /// A packet with a first byte that is allowed and a length that fits its body, so that the
    /// bytes of the body get to each decoder.
    #[test]
    fn no_body_makes_it_panic(
        first in select(&[0x10, 0x30, 0x32, 0x34, 0x40, 0x62, 0x82, 0xa2, 0xc0, 0xe0, 0xf0][..]),
        body in vec(prop_oneof![0..4_u8, any::<u8>()], 0..60),
    ) {
        let mut bytes = vec![first];
        encode_remaining_length(body.len(), &mut bytes);
        bytes.extend_from_slice(&body);
        read_all(&bytes, LARGE);
    }

    /// Bytes that come later change nothing about what came before.
    #[test]
    fn a_decision_stands_when_more_bytes_come(bytes in mutated(), more in vec(any::<u8>(), 0..9)) {
        for cut in 0..=bytes.len() {
            let (early, late) = (split(&bytes[..cut], LARGE), split(&bytes, LARGE));
            match early {
                Ok(None) => {}
                Ok(Some((frame, _))) => {
                    let late = late.map(|found| found.map(|(frame, _)| frame));
                    prop_assert_eq!(late, Ok(Some(frame)));
                }
                Err(error) => prop_assert_eq!(late, Err(error)),
            }
        }
        let longer = [&bytes[..], &more].concat();
        if let Ok(Some((frame, _))) = split(&bytes, LARGE) {
            let again = split(&longer, LARGE).map(|found| found.map(|(frame, _)| frame));
            prop_assert_eq!(again, Ok(Some(frame)));
        }
    }

    #[test]
    fn a_stream_gives_the_same_packets_however_it_is_cut(
        examples in vec(any_good(), 1..8),
        cuts in vec(1..40_usize, 1..40),
    ) {
        let stream: Vec<u8> = examples.iter().flat_map(|example| example.bytes).copied().collect();
        let (mut buffer, mut fed, mut found) = (Vec::new(), 0, Vec::new());
        for size in cuts.iter().cycle() {
            let end = (fed + size).min(stream.len());
            buffer.extend_from_slice(&stream[fed..end]);
            fed = end;
            while let Some((frame, rest)) = split(&buffer, packets::SIZE_MAX).expect("good") {
                found.push(buffer[..frame.header.size()].to_vec());
                buffer = rest.to_vec();
            }
            if fed == stream.len() {
                break;
            }
        }
        prop_assert!(buffer.is_empty());
        let expected: Vec<_> = examples.iter().map(|example| example.bytes.to_vec()).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn remaining_length_goes_out_and_back(length in remaining_length()) {
        check_remaining_length(length);
    }

    /// No limit lets a larger packet in, and none keeps a smaller one out.
    #[test]
    fn the_size_limit_is_exact(example in any_good()) {
        let size = example.bytes.len();
        prop_assert!(read(example.bytes, size).is_ok_and(|packet| packet.is_some()));
        let limit = size - 1;
        let error = DecodeError::TooLarge { size, limit };
        prop_assert_eq!(read(example.bytes, limit).err(), Some(error));
    }
}

fn remaining_length() -> impl Strategy<Value = usize> {
    let border = select(&[0, 1 << 7, 1 << 14, 1 << 21, 1 << 28][..]);
    prop_oneof![
        (border, -3..3_isize).prop_map(|(border, near): (usize, isize)| {
            border.saturating_add_signed(near).min(LARGE - 1)
        }),
        0..LARGE,
    ]
}

#[track_caller]
fn check_remaining_length(length: usize) {
    let mut bytes = vec![0x30];
    encode_remaining_length(length, &mut bytes);
    let header = FixedHeader::decode(&bytes, usize::MAX).expect("allowed").expect("whole");
    assert_eq!(header.remaining_length, length);
    assert_eq!(header.length, bytes.len());
    for cut in 0..bytes.len() {
        assert_eq!(FixedHeader::decode(&bytes[..cut], usize::MAX), Ok(None));
    }
}

#[test]
fn every_short_remaining_length_goes_out_and_back() {
    (0..40_000).for_each(check_remaining_length);
}

#[test]
fn a_packet_is_not_there_until_its_last_byte_is() {
    for example in good() {
        let whole = split(example.bytes, packets::SIZE_MAX).expect("a good packet");
        for cut in 0..example.bytes.len() {
            let early = split(&example.bytes[..cut], packets::SIZE_MAX);
            assert_eq!(early, Ok(None), "{} cut at {cut}", example.name);
        }
        let longer = [example.bytes, b"\xff\x00"].concat();
        let (frame, rest) = split(&longer, packets::SIZE_MAX).expect("good").expect("whole");
        assert_eq!(Some((frame, &b""[..])), whole, "{}", example.name);
        assert_eq!(rest, b"\xff\x00");
    }
}
