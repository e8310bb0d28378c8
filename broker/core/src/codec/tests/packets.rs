//! One table of Control Packets, byte for byte: what a Server accepts and what it must reject.
//!
//! Unit tests, property tests and the fuzzer's corpus draw on it. It names nothing but what the
//! including module imports, so that the fuzz package can include this file.

use super::codec::DecodeError;
use super::topic::TopicError;

/// The packet size limit under which the table holds.
pub(super) const SIZE_MAX: usize = 256;

/// One packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Example {
    /// What is special about it.
    pub(super) name: &'static str,
    /// The packet, or as much of it as is needed to reject it.
    pub(super) bytes: &'static [u8],
    /// Whether a Server accepts it, and why not.
    pub(super) outcome: Result<(), DecodeError>,
}

pub(super) const fn good(name: &'static str, bytes: &'static [u8]) -> Example {
    let outcome = Ok(());
    Example { name, bytes, outcome }
}

pub(super) const fn bad(name: &'static str, bytes: &'static [u8], error: DecodeError) -> Example {
    let outcome = Err(error);
    Example { name, bytes, outcome }
}

const fn bad_topic(name: &'static str, bytes: &'static [u8], error: TopicError) -> Example {
    bad(name, bytes, DecodeError::Topic(error))
}

/// Every packet of the table.
pub(super) fn all() -> impl Iterator<Item = Example> {
    let tables: [&'static [Example]; 7] = [
        CONNECT,
        PUBLISH,
        OTHERS,
        FIXED_HEADER,
        MALFORMED_CONNECT,
        MALFORMED_PUBLISH,
        MALFORMED_OTHERS,
    ];
    tables.into_iter().flatten().copied()
}

/// A PUBLISH of exactly `SIZE` bytes, between 131 and 16,386.
const fn publish_of_size<const SIZE: usize>() -> [u8; SIZE] {
    let mut bytes = [b'x'; SIZE];
    let remaining = SIZE - 3;
    bytes[0] = 0x30;
    bytes[1] = 0x80 | (remaining % 128).to_le_bytes()[0];
    bytes[2] = (remaining / 128).to_le_bytes()[0];
    bytes[3] = 0;
    bytes[4] = 1;
    bytes[5] = b't';
    bytes
}

const LARGEST: &[u8] = &publish_of_size::<SIZE_MAX>();
const ONE_TOO_LARGE: &[u8] = &publish_of_size::<{ SIZE_MAX + 1 }>();

const CONNECT: &[Example] = &[
    good(
        "CONNECT with nothing in it",
        b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",
    ),
    good(
        "CONNECT of a sensor",
        b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x0a\x00\x01a",
    ),
    good(
        "CONNECT with everything in it, the password not UTF-8",
        b"\x10\x29\x00\x04MQTT\x04\xf6\x00\x3c\x00\x08sensor-1\x00\x04gone\x00\x03bye\x00\x03ann\x00\x03\xff\x00\xfe",
    ),
    good(
        "CONNECT with Clean Session 0 and the longest Keep Alive",
        b"\x10\x0d\x00\x04MQTT\x04\x00\xff\xff\x00\x01a",
    ),
    good(
        "CONNECT with an empty user name",
        b"\x10\x0f\x00\x04MQTT\x04\x82\x00\x0a\x00\x01a\x00\x00",
    ),
    good(
        "CONNECT with an empty password",
        b"\x10\x12\x00\x04MQTT\x04\xc2\x00\x0a\x00\x01a\x00\x01u\x00\x00",
    ),
    good(
        "CONNECT with an empty Will Message at QoS 0",
        b"\x10\x12\x00\x04MQTT\x04\x06\x00\x0a\x00\x01a\x00\x01t\x00\x00",
    ),
    good(
        "CONNECT with a retained Will Message at QoS 1",
        b"\x10\x13\x00\x04MQTT\x04\x2e\x00\x0a\x00\x01a\x00\x01t\x00\x01x",
    ),
    good(
        "CONNECT with U+FEFF and U+10FFFF [MQTT-1.5.3-3]",
        b"\x10\x13\x00\x04MQTT\x04\x02\x00\x0a\x00\x07\xef\xbb\xbf\xf4\x8f\xbf\xbf",
    ),
    good(
        "CONNECT with a control character and a non-character, which a Server may accept",
        b"\x10\x10\x00\x04MQTT\x04\x02\x00\x0a\x00\x04\x01\xef\xbf\xbf",
    ),
    good(
        "CONNECT of MQTT 3.1",
        b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x0a\x00\x01a",
    ),
    good(
        "CONNECT of MQTT 3.1 with everything in it",
        b"\x10\x2b\x00\x06MQIsdp\x03\xf6\x00\x3c\x00\x08sensor-1\x00\x04gone\x00\x03bye\x00\x03ann\x00\x03\xff\x00\xfe",
    ),
    good(
        "CONNECT of MQTT 3.1 without the credentials that its flags announce",
        b"\x10\x0f\x00\x06MQIsdp\x03\xc2\x00\x0a\x00\x01a",
    ),
    good(
        "CONNECT of MQTT 3.1 without the password that its flags announce",
        b"\x10\x12\x00\x06MQIsdp\x03\xc2\x00\x0a\x00\x01a\x00\x01u",
    ),
];

const PUBLISH: &[Example] = &[
    good("PUBLISH of a temperature", b"\x31\x0f\x00\x0btemperature21"),
    good("PUBLISH with an empty payload", b"\x30\x03\x00\x01t"),
    good("PUBLISH with a payload of any bytes", b"\x30\x07\x00\x01t\x00\xff\xc0\x80"),
    good("PUBLISH at QoS 1", b"\x32\x0a\x00\x03a/b\x00\x0aabc"),
    good("PUBLISH at QoS 1, again, retained", b"\x3b\x05\x00\x01t\xff\xff"),
    good("PUBLISH at QoS 2", b"\x34\x06\x00\x01t\x00\x01x"),
    good("PUBLISH at QoS 2, again", b"\x3c\x06\x00\x01t\x00\x01x"),
    good("PUBLISH to empty levels", b"\x30\x06\x00\x03a//x"),
    good("PUBLISH to a hidden topic", b"\x30\x08\x00\x06$SYS/x"),
    good("PUBLISH to U+FEFF", b"\x30\x05\x00\x03\xef\xbb\xbf"),
    good("PUBLISH of the largest size", LARGEST),
];

const OTHERS: &[Example] = &[
    good("PUBACK", b"\x40\x02\x00\x01"),
    good("PUBACK of the highest Packet Identifier", b"\x40\x02\xff\xff"),
    good("PUBREC", b"\x50\x02\x00\x02"),
    good("PUBREL", b"\x62\x02\x00\x03"),
    good("PUBCOMP", b"\x70\x02\x01\x00"),
    good("SUBSCRIBE of a display", b"\x82\x10\x00\x0a\x00\x0btemperature\x01"),
    good(
        "SUBSCRIBE to several Topic Filters",
        b"\x82\x17\x00\x01\x00\x05a/+/c\x00\x00\x01#\x01\x00\x06$SYS/#\x02",
    ),
    good("UNSUBSCRIBE", b"\xa2\x0f\x00\x0a\x00\x0btemperature"),
    good("UNSUBSCRIBE from several Topic Filters", b"\xa2\x0a\xff\xff\x00\x01+\x00\x03a/#"),
    good("PINGREQ", b"\xc0\x00"),
    good(
        "PINGREQ with a longer Remaining Length than needed, which MQTT 3.1.1 does not forbid",
        b"\xc0\x80\x00",
    ),
    good("DISCONNECT", b"\xe0\x00"),
];

const FIXED_HEADER: &[Example] = &[
    bad("type 0", b"\x00\x00", DecodeError::ReservedType(0)),
    bad("type 15", b"\xf0\x00", DecodeError::ReservedType(15)),
    bad("CONNACK", b"\x20\x02\x00\x00", DecodeError::ServerPacket(2)),
    bad("SUBACK", b"\x90\x03\x00\x01\x00", DecodeError::ServerPacket(9)),
    bad("UNSUBACK", b"\xb0\x02\x00\x01", DecodeError::ServerPacket(11)),
    bad("PINGRESP", b"\xd0\x00", DecodeError::ServerPacket(13)),
    bad("CONNECT with flags", b"\x11", DecodeError::ReservedFlags(0x11)),
    bad("PUBACK with flags", b"\x42\x02\x00\x01", DecodeError::ReservedFlags(0x42)),
    bad("PUBREC with flags", b"\x58\x02\x00\x01", DecodeError::ReservedFlags(0x58)),
    bad("PUBREL without its flag", b"\x60\x02\x00\x01", DecodeError::ReservedFlags(0x60)),
    bad("PUBREL with RETAIN", b"\x63\x02\x00\x01", DecodeError::ReservedFlags(0x63)),
    bad("PUBCOMP with flags", b"\x74\x02\x00\x01", DecodeError::ReservedFlags(0x74)),
    bad(
        "SUBSCRIBE without its flag",
        b"\x80\x06\x00\x01\x00\x01a\x00",
        DecodeError::ReservedFlags(0x80),
    ),
    bad(
        "UNSUBSCRIBE without its flag",
        b"\xa0\x05\x00\x01\x00\x01a",
        DecodeError::ReservedFlags(0xa0),
    ),
    bad("PINGREQ with flags", b"\xcf\x00", DecodeError::ReservedFlags(0xcf)),
    bad("DISCONNECT with flags", b"\xe1\x00", DecodeError::ReservedFlags(0xe1)),
    bad(
        "Remaining Length of five bytes",
        b"\x30\xff\xff\xff\xff\x7f",
        DecodeError::RemainingLength,
    ),
    bad(
        "Remaining Length of five bytes that stands for zero",
        b"\xc0\x80\x80\x80\x80\x00",
        DecodeError::RemainingLength,
    ),
    bad(
        "Remaining Length whose fifth byte is still to come",
        b"\x30\x80\x80\x80\x80",
        DecodeError::RemainingLength,
    ),
    bad(
        "the longest Remaining Length, nothing else there yet",
        b"\x30\xff\xff\xff\x7f",
        DecodeError::TooLarge { size: 268_435_460, limit: SIZE_MAX },
    ),
    bad(
        "one byte too large",
        ONE_TOO_LARGE,
        DecodeError::TooLarge { size: SIZE_MAX + 1, limit: SIZE_MAX },
    ),
];

const MALFORMED_CONNECT: &[Example] = &[
    bad("CONNECT without a body", b"\x10\x00", DecodeError::Truncated),
    bad(
        "CONNECT with another protocol name",
        b"\x10\x0d\x00\x04mqtt\x04\x02\x00\x0a\x00\x01a",
        DecodeError::ProtocolName,
    ),
    bad(
        "CONNECT with an empty protocol name",
        b"\x10\x09\x00\x00\x04\x02\x00\x0a\x00\x01a",
        DecodeError::ProtocolName,
    ),
    bad(
        "CONNECT of MQTT with the level of MQTT 3.1",
        b"\x10\x0d\x00\x04MQTT\x03\x02\x00\x0a\x00\x01a",
        DecodeError::ProtocolLevel(3),
    ),
    bad(
        "CONNECT of MQTT 3.1 with the level of MQTT 3.1.1",
        b"\x10\x0f\x00\x06MQIsdp\x04\x02\x00\x0a\x00\x01a",
        DecodeError::ProtocolLevel(4),
    ),
    bad(
        "CONNECT of a level that does not exist",
        b"\x10\x0d\x00\x04MQTT\x63\x02\x00\x0a\x00\x01a",
        DecodeError::ProtocolLevel(0x63),
    ),
    bad(
        "CONNECT of a bridge that marks its level",
        b"\x10\x0d\x00\x04MQTT\x84\x02\x00\x0a\x00\x01a",
        DecodeError::ProtocolLevel(0x84),
    ),
    bad(
        "CONNECT with the reserved flag",
        b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x0a\x00\x01a",
        DecodeError::ConnectFlag,
    ),
    bad(
        "CONNECT with Will QoS and no Will",
        b"\x10\x0d\x00\x04MQTT\x04\x0a\x00\x0a\x00\x01a",
        DecodeError::WillFlags,
    ),
    bad(
        "CONNECT with Will Retain and no Will",
        b"\x10\x0d\x00\x04MQTT\x04\x22\x00\x0a\x00\x01a",
        DecodeError::WillFlags,
    ),
    bad(
        "CONNECT with Will QoS 3",
        b"\x10\x12\x00\x04MQTT\x04\x1e\x00\x0a\x00\x01a\x00\x01t\x00\x00",
        DecodeError::WillFlags,
    ),
    bad(
        "CONNECT with a password and no user name",
        b"\x10\x10\x00\x04MQTT\x04\x42\x00\x0a\x00\x01a\x00\x01p",
        DecodeError::PasswordWithoutUserName,
    ),
    bad(
        "CONNECT of MQTT 3.1 with a password and no user name",
        b"\x10\x12\x00\x06MQIsdp\x03\x42\x00\x0a\x00\x01a\x00\x01p",
        DecodeError::PasswordWithoutUserName,
    ),
    bad(
        "CONNECT whose Will Topic is empty",
        b"\x10\x11\x00\x04MQTT\x04\x06\x00\x0a\x00\x01a\x00\x00\x00\x00",
        DecodeError::Topic(TopicError::Empty),
    ),
    bad(
        "CONNECT whose Will Topic has a wildcard",
        b"\x10\x12\x00\x04MQTT\x04\x06\x00\x0a\x00\x01a\x00\x01#\x00\x00",
        DecodeError::Topic(TopicError::WildcardInName),
    ),
    bad(
        "CONNECT whose Will Topic holds U+0000",
        b"\x10\x12\x00\x04MQTT\x04\x06\x00\x0a\x00\x01a\x00\x01\x00\x00\x00",
        DecodeError::Topic(TopicError::NullCharacter),
    ),
    bad(
        "CONNECT whose Will Topic is not UTF-8",
        b"\x10\x12\x00\x04MQTT\x04\x06\x00\x0a\x00\x01a\x00\x01\xff\x00\x00",
        DecodeError::Utf8,
    ),
    bad(
        "CONNECT without the Will Message that its flags announce",
        b"\x10\x0d\x00\x04MQTT\x04\x06\x00\x0a\x00\x01a",
        DecodeError::Truncated,
    ),
    bad(
        "CONNECT of MQTT 3.1.1 without the user name that its flags announce",
        b"\x10\x0d\x00\x04MQTT\x04\x82\x00\x0a\x00\x01a",
        DecodeError::Truncated,
    ),
    bad(
        "CONNECT of MQTT 3.1 with half a user name",
        b"\x10\x10\x00\x06MQIsdp\x03\x82\x00\x0a\x00\x01a\x00",
        DecodeError::Truncated,
    ),
    bad(
        "CONNECT with a byte too many",
        b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x0a\x00\x01a\x00",
        DecodeError::TrailingBytes,
    ),
    bad(
        "CONNECT with U+0000 in the Client Identifier",
        b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x0a\x00\x03a\x00b",
        DecodeError::NullCharacter,
    ),
    bad(
        "CONNECT with U+0000 in the user name",
        b"\x10\x10\x00\x04MQTT\x04\x82\x00\x0a\x00\x01a\x00\x01\x00",
        DecodeError::NullCharacter,
    ),
    bad(
        "CONNECT whose user name is not UTF-8",
        b"\x10\x10\x00\x04MQTT\x04\x82\x00\x0a\x00\x01a\x00\x01\x80",
        DecodeError::Utf8,
    ),
    bad(
        "the lowest surrogate",
        b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x0a\x00\x03\xed\xa0\x80",
        DecodeError::Utf8,
    ),
    bad(
        "the highest surrogate",
        b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x0a\x00\x03\xed\xbf\xbf",
        DecodeError::Utf8,
    ),
    bad(
        "a surrogate pair",
        b"\x10\x12\x00\x04MQTT\x04\x02\x00\x0a\x00\x06\xed\xa0\xbd\xed\xb8\x80",
        DecodeError::Utf8,
    ),
    bad(
        "U+0000 in two bytes",
        b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x0a\x00\x02\xc0\x80",
        DecodeError::Utf8,
    ),
    bad(
        "'/' in two bytes",
        b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x0a\x00\x02\xc0\xaf",
        DecodeError::Utf8,
    ),
    bad(
        "'/' in three bytes",
        b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x0a\x00\x03\xe0\x80\xaf",
        DecodeError::Utf8,
    ),
    bad(
        "'/' in four bytes",
        b"\x10\x10\x00\x04MQTT\x04\x02\x00\x0a\x00\x04\xf0\x80\x80\xaf",
        DecodeError::Utf8,
    ),
    bad(
        "U+110000",
        b"\x10\x10\x00\x04MQTT\x04\x02\x00\x0a\x00\x04\xf4\x90\x80\x80",
        DecodeError::Utf8,
    ),
    bad(
        "a character of five bytes",
        b"\x10\x11\x00\x04MQTT\x04\x02\x00\x0a\x00\x05\xf8\x88\x80\x80\x80",
        DecodeError::Utf8,
    ),
    bad(
        "a character that the string cuts",
        b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x0a\x00\x02\xe2\x82",
        DecodeError::Utf8,
    ),
];

const MALFORMED_PUBLISH: &[Example] = &[
    bad("PUBLISH at QoS 3", b"\x36\x05\x00\x01t\x00\x01", DecodeError::PublishQoS),
    bad("PUBLISH at QoS 3, again, retained", b"\x3f\x05\x00\x01t\x00\x01", DecodeError::PublishQoS),
    bad("PUBLISH at QoS 0, again", b"\x38\x03\x00\x01t", DecodeError::DuplicateAtMostOnce),
    bad("PUBLISH without a body", b"\x30\x00", DecodeError::Truncated),
    bad("PUBLISH with half a topic length", b"\x30\x01\x00", DecodeError::Truncated),
    bad(
        "PUBLISH whose topic is longer than the packet",
        b"\x30\x04\x00\x03ab",
        DecodeError::Truncated,
    ),
    bad(
        "PUBLISH at QoS 1 without a Packet Identifier",
        b"\x32\x03\x00\x01t",
        DecodeError::Truncated,
    ),
    bad(
        "PUBLISH at QoS 2 with half a Packet Identifier",
        b"\x34\x04\x00\x01t\x01",
        DecodeError::Truncated,
    ),
    bad(
        "PUBLISH at QoS 1 with Packet Identifier 0",
        b"\x32\x05\x00\x01t\x00\x00",
        DecodeError::ZeroPacketIdentifier,
    ),
    bad(
        "PUBLISH at QoS 2 with Packet Identifier 0",
        b"\x34\x06\x00\x01t\x00\x00x",
        DecodeError::ZeroPacketIdentifier,
    ),
    bad_topic("PUBLISH to nowhere", b"\x30\x03\x00\x00x", TopicError::Empty),
    bad_topic("PUBLISH to every level", b"\x30\x04\x00\x01#x", TopicError::WildcardInName),
    bad_topic("PUBLISH to any level", b"\x30\x07\x00\x05a/+/b", TopicError::WildcardInName),
    bad_topic(
        "PUBLISH to a level with '+' in it",
        b"\x30\x05\x00\x03a+b",
        TopicError::WildcardInName,
    ),
    bad_topic(
        "PUBLISH to a topic with U+0000",
        b"\x30\x05\x00\x03a\x00b",
        TopicError::NullCharacter,
    ),
    bad("PUBLISH to a surrogate", b"\x30\x05\x00\x03\xed\xa0\x80", DecodeError::Utf8),
    bad("PUBLISH to an overlong '+'", b"\x30\x04\x00\x02\xc0\xab", DecodeError::Utf8),
];

const MALFORMED_OTHERS: &[Example] = &[
    bad("PUBACK without a body", b"\x40\x00", DecodeError::Truncated),
    bad("PUBREC with half a Packet Identifier", b"\x50\x01\x01", DecodeError::Truncated),
    bad("PUBREL with a byte too many", b"\x62\x03\x00\x01\x00", DecodeError::TrailingBytes),
    bad("PUBCOMP with a byte too many", b"\x70\x03\x00\x01\x00", DecodeError::TrailingBytes),
    bad("PUBACK of 0", b"\x40\x02\x00\x00", DecodeError::ZeroPacketIdentifier),
    bad("PUBREC of 0", b"\x50\x02\x00\x00", DecodeError::ZeroPacketIdentifier),
    bad("PUBREL of 0", b"\x62\x02\x00\x00", DecodeError::ZeroPacketIdentifier),
    bad("PUBCOMP of 0", b"\x70\x02\x00\x00", DecodeError::ZeroPacketIdentifier),
    bad("SUBSCRIBE without a body", b"\x82\x00", DecodeError::Truncated),
    bad(
        "SUBSCRIBE with Packet Identifier 0",
        b"\x82\x06\x00\x00\x00\x01a\x00",
        DecodeError::ZeroPacketIdentifier,
    ),
    bad("SUBSCRIBE to nothing", b"\x82\x02\x00\x01", DecodeError::NoTopicFilter),
    bad("SUBSCRIBE without a requested QoS", b"\x82\x05\x00\x01\x00\x01a", DecodeError::Truncated),
    bad("SUBSCRIBE at QoS 3", b"\x82\x06\x00\x01\x00\x01a\x03", DecodeError::RequestedQoS(3)),
    bad(
        "SUBSCRIBE with the lowest reserved bit",
        b"\x82\x06\x00\x01\x00\x01a\x04",
        DecodeError::RequestedQoS(0x04),
    ),
    bad(
        "SUBSCRIBE with the highest reserved bit",
        b"\x82\x06\x00\x01\x00\x01a\x81",
        DecodeError::RequestedQoS(0x81),
    ),
    bad(
        "SUBSCRIBE whose second entry is malformed",
        b"\x82\x0a\x00\x01\x00\x01a\x00\x00\x01b\x03",
        DecodeError::RequestedQoS(3),
    ),
    bad_topic(
        "SUBSCRIBE to an empty Topic Filter",
        b"\x82\x05\x00\x01\x00\x00\x00",
        TopicError::Empty,
    ),
    bad_topic(
        "SUBSCRIBE to 'a#'",
        b"\x82\x07\x00\x01\x00\x02a#\x00",
        TopicError::MultiLevelWildcard,
    ),
    bad_topic(
        "SUBSCRIBE to '#/a'",
        b"\x82\x08\x00\x01\x00\x03#/a\x00",
        TopicError::MultiLevelWildcard,
    ),
    bad_topic(
        "SUBSCRIBE to 'a+/b'",
        b"\x82\x09\x00\x01\x00\x04a+/b\x00",
        TopicError::SingleLevelWildcard,
    ),
    bad_topic(
        "SUBSCRIBE to a Topic Filter with U+0000",
        b"\x82\x06\x00\x01\x00\x01\x00\x00",
        TopicError::NullCharacter,
    ),
    bad("SUBSCRIBE to a surrogate", b"\x82\x08\x00\x01\x00\x03\xed\xa0\x80\x00", DecodeError::Utf8),
    bad("UNSUBSCRIBE without a body", b"\xa2\x00", DecodeError::Truncated),
    bad(
        "UNSUBSCRIBE with Packet Identifier 0",
        b"\xa2\x05\x00\x00\x00\x01a",
        DecodeError::ZeroPacketIdentifier,
    ),
    bad("UNSUBSCRIBE from nothing", b"\xa2\x02\x00\x01", DecodeError::NoTopicFilter),
    bad(
        "UNSUBSCRIBE with half a Topic Filter",
        b"\xa2\x07\x00\x01\x00\x01a\x00\x01",
        DecodeError::Truncated,
    ),
    bad_topic(
        "UNSUBSCRIBE from an empty Topic Filter",
        b"\xa2\x04\x00\x01\x00\x00",
        TopicError::Empty,
    ),
    bad_topic(
        "UNSUBSCRIBE from '+a'",
        b"\xa2\x06\x00\x01\x00\x02+a",
        TopicError::SingleLevelWildcard,
    ),
    bad("UNSUBSCRIBE from an overlong '/'", b"\xa2\x06\x00\x01\x00\x02\xc0\xaf", DecodeError::Utf8),
    bad("PINGREQ with a body", b"\xc0\x01\x00", DecodeError::TrailingBytes),
    bad("DISCONNECT with a body", b"\xe0\x01\x00", DecodeError::TrailingBytes),
];
