//! Properties: which packet may carry which, what is passed on, and what holds for any bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{AnyPacket, good, packet, packets_v5, read};
use crate::codec::properties::{Forwarded, PropertyError, PropertyIdentifier};
use crate::codec::{DecodeError, split};

/// Every property with a value that it may have, and who may carry it: `C`ONNECT, `W`ill,
/// `P`UBLISH, `A`cknowledgements, `S`UBSCRIBE, `U`NSUBSCRIBE, `D`ISCONNECT, auth`X`. Table 2-4 of
/// the specification, without what only a Server sends.
const TABLE: [(u8, &[u8], &str); 27] = [
    (0x01, b"\x01", "WP"),
    (0x02, b"\x00\x00\x00\x00", "WP"),
    (0x03, b"\x00\x01t", "WP"),
    (0x08, b"\x00\x01t", "WP"),
    (0x09, b"\x00\x01\xff", "WP"),
    (0x0b, b"\x01", "PS"),
    (0x11, b"\x00\x00\x00\x00", "CD"),
    (0x12, b"\x00\x01i", ""),
    (0x13, b"\x00\x01", ""),
    (0x15, b"\x00\x01m", "CX"),
    (0x16, b"\x00\x01\xff", "CX"),
    (0x17, b"\x01", "C"),
    (0x18, b"\x00\x00\x00\x00", "W"),
    (0x19, b"\x01", "C"),
    (0x1a, b"\x00\x01i", ""),
    (0x1c, b"\x00\x01s", "D"),
    (0x1f, b"\x00\x01r", "ADX"),
    (0x21, b"\x00\x01", "C"),
    (0x22, b"\x00\x00", "C"),
    (0x23, b"\x00\x01", "P"),
    (0x24, b"\x00", ""),
    (0x25, b"\x00", ""),
    (0x26, b"\x00\x01k\x00\x01v", "CWPASUDX"),
    (0x27, b"\x00\x00\x00\x01", "C"),
    (0x28, b"\x00", ""),
    (0x29, b"\x00", ""),
    (0x2a, b"\x00", ""),
];

/// The packet of kind `carrier` with these properties.
fn carry(carrier: char, properties: &[u8]) -> Vec<u8> {
    let mut encoded = packet(0, properties);
    encoded.remove(0);
    let around =
        |first, before: &[u8], after: &[u8]| packet(first, &[before, &encoded[..], after].concat());
    match carrier {
        'C' => around(0x10, b"\x00\x04MQTT\x05\x02\x00\x0a", b"\x00\x01a"),
        'W' => around(0x10, b"\x00\x04MQTT\x05\x06\x00\x0a\x00\x00\x01a", b"\x00\x01t\x00\x01x"),
        'P' => around(0x30, b"\x00\x01t", b"x"),
        'A' => around(0x40, b"\x00\x01\x00", b""),
        'S' => around(0x82, b"\x00\x01", b"\x00\x01a\x00"),
        'U' => around(0xa2, b"\x00\x01", b"\x00\x01a"),
        'D' => around(0xe0, b"\x00", b""),
        _ => around(0xf0, b"\x18", b""),
    }
}

fn error(bytes: &[u8]) -> Option<DecodeError> {
    read(bytes).map(|packet| assert!(packet.is_some())).err()
}

fn property(code: u8, value: &[u8]) -> Vec<u8> {
    [&[code], value].concat()
}

#[test]
fn each_property_is_allowed_in_its_packets_only() {
    for (code, value, carriers) in TABLE {
        let identifier = PropertyIdentifier::from_code(code.into()).expect("in the table");
        for carrier in "CWPASUDX".chars() {
            let error = error(&carry(carrier, &property(code, value)));
            let refused = Some(DecodeError::Property(PropertyError::NotAllowed(identifier)));
            assert_eq!(error == refused, !carriers.contains(carrier), "{identifier:?} {carrier}");
            // What stands alone is complained about otherwise.
            let alone = match (carrier, code) {
                _ if error == refused => refused,
                ('P', 0x0b) => Some(PropertyError::SubscriptionIdentifier.into()),
                ('C', 0x16) => Some(PropertyError::AuthenticationDataAlone.into()),
                ('X', 0x15) => None,
                ('X', _) => Some(PropertyError::NoAuthenticationMethod.into()),
                _ => None,
            };
            assert_eq!(error, alone, "{identifier:?} {carrier}");
        }
    }
}

#[test]
fn each_property_but_user_property_is_there_once() {
    for (code, value, carriers) in TABLE {
        let identifier = PropertyIdentifier::from_code(code.into()).expect("in the table");
        for carrier in carriers.chars() {
            let once = property(code, value);
            let error = error(&carry(carrier, &[&once[..], &once].concat()));
            let repeated = Some(DecodeError::Property(PropertyError::Repeated(identifier)));
            let first_complaint = carrier == 'P' && code == 0x0b;
            let expected = code != 0x26 && !first_complaint;
            assert_eq!(error == repeated, expected, "{identifier:?} {carrier}: {error:?}");
        }
    }
}

/// In each packet the last property is cut short, by the Property Length and not by the packet.
#[test]
fn no_property_reaches_beyond_the_property_length() {
    for (code, value, carriers) in TABLE {
        for carrier in carriers.chars() {
            let whole = property(code, value);
            for length in 1..whole.len() {
                let error = error(&carry(carrier, &whole[..length]));
                let overrun = Some(DecodeError::Property(PropertyError::Overrun));
                assert_eq!(error, overrun, "{code:#04x} cut to {length} in {carrier}");
            }
        }
    }
}

#[test]
fn every_other_identifier_is_unknown() {
    let known: Vec<_> = TABLE.iter().map(|&(code, ..)| u32::from(code)).collect();
    for code in 0..300 {
        assert_eq!(PropertyIdentifier::from_code(code).is_some(), known.contains(&code));
        if let Some(identifier) = PropertyIdentifier::from_code(code) {
            assert_eq!(u32::from(identifier as u8), code);
        } else {
            let mut encoded = Vec::new();
            crate::codec::encode_remaining_length(code as usize, &mut encoded);
            for carrier in "CWPASUDX".chars() {
                let unknown = Some(DecodeError::Property(PropertyError::Unknown(code)));
                assert_eq!(error(&carry(carrier, &encoded)), unknown, "{code} in {carrier}");
            }
        }
    }
}

/// One encoded property of a PUBLISH.
fn any_property() -> impl Strategy<Value = Vec<u8>> {
    let code = select(&[0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26, 0x26][..]);
    (code, vec(b'a'..=b'z', 1..9)).prop_map(|(code, text)| {
        let value = match code {
            0x01 => text[..1].iter().map(|byte| byte & 1).collect(),
            0x02 => [&text[..1], b"\x01\x02\x03"].concat(),
            0x23 => [b"\x01", &text[..1]].concat(),
            0x26 => [&string(&text)[..], &string(b"v")].concat(),
            _ => string(&text),
        };
        property(code, &value)
    })
}

fn string(text: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(text.len()).expect("short").to_be_bytes();
    [&[high, low], text].concat()
}

/// Properties of a PUBLISH in any order, each but the User Property once at most.
fn any_properties() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(any_property(), 0..9).prop_map(|mut properties| {
        let mut seen = Vec::new();
        properties.retain(|property| {
            let again = property[0] != 0x26 && seen.contains(&property[0]);
            seen.push(property[0]);
            !again
        });
        properties
    })
}

fn is_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

fn any_good() -> impl Strategy<Value = &'static [u8]> {
    select(good().map(|example| example.bytes).collect::<Vec<_>>())
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let examples: Vec<_> = packets_v5::all().map(|example| example.bytes).collect();
    (select(examples), vec((any::<Index>(), any::<u8>()), 0..4)).prop_map(|(bytes, changes)| {
        let mut bytes = bytes.to_vec();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        bytes
    })
}

/// Reads a packet and all that its iterators give.
fn check_all(bytes: &[u8]) {
    match read(bytes) {
        Ok(Some(AnyPacket::Subscribe(subscribe))) => assert!(subscribe.entries().count() > 0),
        Ok(Some(AnyPacket::Unsubscribe(unsubscribe))) => {
            assert!(unsubscribe.entries().count() > 0);
        }
        Ok(Some(AnyPacket::Connect(connect))) => {
            assert!(connect.properties.user_properties.iter().count() < bytes.len());
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// [MQTT-3.3.2-17], [MQTT-3.3.2-18]: unaltered, and in order.
    #[test]
    fn all_is_passed_on_but_topic_alias_and_message_expiry_interval(
        properties in any_properties(),
    ) {
        let bytes = carry('P', &properties.concat());
        let Ok(Some(AnyPacket::Publish(publish))) = read(&bytes) else {
            panic!("not a PUBLISH: {:?}", read(&bytes));
        };
        let forwarded = publish.properties.forwarded();
        let kept = properties.iter().filter(|property| !matches!(property[0], 0x02 | 0x23));
        let expected = kept.cloned().collect::<Vec<_>>().concat();
        prop_assert_eq!(forwarded.segments().concat(), &expected[..]);
        prop_assert_eq!(forwarded.to_vec(), &expected[..]);
        prop_assert_eq!(&*forwarded.to_arc(), &expected[..]);
        prop_assert_eq!(forwarded.len(), expected.len());
        for segment in forwarded.segments().into_iter().filter(|segment| !segment.is_empty()) {
            prop_assert!(is_within(segment, &bytes), "a copy was made");
        }
        let stored = Forwarded::from_encoded(&expected);
        prop_assert_eq!(stored.response_topic(), forwarded.response_topic());
        prop_assert_eq!(stored.content_type(), forwarded.content_type());
        prop_assert_eq!(stored.correlation_data(), forwarded.correlation_data());
        prop_assert_eq!(stored.payload_format_indicator(), forwarded.payload_format_indicator());
        prop_assert!(stored.user_properties().eq(forwarded.user_properties()));
        let users = properties.iter().filter(|property| property[0] == 0x26).count();
        prop_assert_eq!(forwarded.user_properties().count(), users);
        let alias = properties.iter().any(|property| property[0] == 0x23);
        prop_assert_eq!(publish.properties.topic_alias().is_some(), alias);
        let expiry = properties.iter().any(|property| property[0] == 0x02);
        let read_expiry = publish.properties.message_expiry_interval_seconds();
        prop_assert_eq!(read_expiry.is_some(), expiry);
    }

    #[test]
    fn no_properties_make_it_panic(
        carrier in select("CWPASUDX".chars().collect::<Vec<_>>()),
        bytes in vec(prop_oneof![0..4_u8, 0..0x2b_u8, any::<u8>()], 0..60),
    ) {
        let packet = carry(carrier, &bytes);
        check_all(&packet);
        let stored = Forwarded::from_encoded(&bytes);
        prop_assert!(stored.user_properties().count() <= bytes.len());
        prop_assert!(stored.content_type().is_none_or(|text| text.len() < bytes.len()));
    }

    #[test]
    fn no_damage_to_a_packet_makes_it_panic(bytes in mutated()) {
        check_all(&bytes);
    }

    #[test]
    fn a_packet_is_not_there_until_its_last_byte_is(bytes in any_good(), more in any::<u8>()) {
        for cut in 0..bytes.len() {
            prop_assert_eq!(split(&bytes[..cut], 1 << 20), Ok(None));
        }
        let longer = [bytes, &[more]].concat();
        let (frame, rest) = split(&longer, 1 << 20).expect("good").expect("whole");
        prop_assert_eq!(frame.header.size(), bytes.len());
        prop_assert_eq!(rest, [more]);
    }
}
