//! The table of Control Packets of MQTT 5.0, byte for byte: what a Server accepts and what it must
//! reject. See the table of MQTT 3.1.1 for who draws on it.

use super::codec::properties::{PropertyError, PropertyIdentifier};
use super::codec::{DecodeError, PacketType};
use super::packets::{Example, bad, good};
use super::topic::TopicError;

/// Every packet of the table.
pub(super) fn all() -> impl Iterator<Item = Example> {
    let tables: [&'static [Example]; 6] =
        [CONNECT, PUBLISH, OTHERS, MALFORMED_CONNECT, MALFORMED_PUBLISH, MALFORMED_OTHERS];
    tables.into_iter().flatten().copied()
}

const CONNECT: &[Example] = &[
    good("CONNECT without properties", b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x01a"),
    good("CONNECT with everything in it", b"\x10|\x00\x04MQTT\x05\xf6\x00\x0a/\x11\x00\x00\x0e\x10!\x00\x14'\x00\x01\x00\x00\"\x00\x0a\x19\x01\x17\x00&\x00\x01k\x00\x01v\x15\x00\x05SCRAM\x16\x00\x02\xff\x00&\x00\x01k\x00\x01w\x00\x08sensor-1#\x18\x00\x00\x00\x05\x01\x01\x02\x00\x00\x00<\x03\x00\x04text\x08\x00\x02re\x09\x00\x01\xff&\x00\x01k\x00\x01v\x00\x04gone\x00\x03bye\x00\x03ann\x00\x02\xff\x00"),
    good("CONNECT with a password and no user name, 3.1.2.9", b"\x10\x11\x00\x04MQTT\x05B\x00\x0a\x00\x00\x01a\x00\x01p"),
    good("CONNECT with an empty Client Identifier and Clean Start 0", b"\x10\x0d\x00\x04MQTT\x05\x00\x00\x0a\x00\x00\x00"),
    good("CONNECT with a Session Expiry Interval of for ever", b"\x10\x13\x00\x04MQTT\x05\x02\x00\x0a\x05\x11\xff\xff\xff\xff\x00\x01a"),
    good("CONNECT with a Will without properties", b"\x10\x14\x00\x04MQTT\x05\x06\x00\x0a\x00\x00\x01a\x00\x00\x01t\x00\x00"),
    good("CONNECT with an authentication method alone", b"\x10\x12\x00\x04MQTT\x05\x02\x00\x0a\x04\x15\x00\x01m\x00\x01a"),
    good("CONNECT with empty User Properties", b"\x10\x18\x00\x04MQTT\x05\x02\x00\x0a\x0a&\x00\x00\x00\x00&\x00\x00\x00\x00\x00\x01a"),
];

const PUBLISH: &[Example] = &[
    good("PUBLISH without properties", b"0\x05\x00\x01t\x00x"),
    good("PUBLISH with every property", b"0.\x00\x01t)\x01\x01\x02\x00\x00\x00<#\x00\x07\x08\x00\x02re\x09\x00\x02\xff\x00&\x00\x01k\x00\x01v&\x00\x01k\x00\x01w\x03\x00\x04textx"),
    good("PUBLISH at QoS 1", b"2\x07\x00\x01t\x00\x0a\x00x"),
    good("PUBLISH at QoS 2 with properties, again, retained", b"=\x0e\x00\x01t\x00\x0a\x07&\x00\x01k\x00\x01vx"),
    good("PUBLISH to a Topic Alias alone", b"0\x07\x00\x00\x03#\x00\x01x"),
    good("PUBLISH to a Topic Alias alone at QoS 1", b"2\x09\x00\x00\x00\x01\x03#\xff\xffx"),
    good("PUBLISH with an empty payload", b"0\x04\x00\x01t\x00"),
    good("PUBLISH with a payload that looks like properties", b"0\x06\x00\x01t\x00\x01\x02"),
    good("PUBLISH with a Property Length of two bytes", b"0\x8d\x01\x00\x01t\x88\x01&\x00\x01k\x00\x82vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"),
    good("PUBLISH with empty strings and data", b"0\x0b\x00\x01t\x06\x03\x00\x00\x09\x00\x00x"),
];

const OTHERS: &[Example] = &[
    good("PUBACK without a Reason Code", b"@\x02\x00\x01"),
    good("PUBACK with a Reason Code alone", b"@\x03\x00\x01\x10"),
    good("PUBACK with a Property Length of 0", b"@\x04\x00\x01\x00\x00"),
    good("PUBREC with an error and its reason", b"P\x12\x00\x02\x97\x0e\x1f\x00\x04full&\x00\x01k\x00\x01v"),
    good("PUBREL without a Reason Code", b"b\x02\x00\x03"),
    good("PUBREL of an unknown Packet Identifier", b"b\x03\x00\x03\x92"),
    good("PUBCOMP of an unknown Packet Identifier", b"p\x08\x01\x00\x92\x04\x1f\x00\x01?"),
    good("SUBSCRIBE with a QoS alone", b"\x82\x11\x00\x0a\x00\x00\x0btemperature\x01"),
    good("SUBSCRIBE with all options", b"\x82*\x00\x01\x0c\x0b\xff\xff\xff\x7f&\x00\x01k\x00\x01v\x00\x05a/+/c.\x00\x01#\x11\x00\x0c$share/g/x/#\x0a"),
    good("UNSUBSCRIBE", b"\xa2\x10\x00\x01\x00\x00\x0btemperature"),
    good("UNSUBSCRIBE with User Properties from several Topic Filters", b"\xa2\x19\x00\x01\x07&\x00\x01k\x00\x01v\x00\x01+\x00\x0a$share/g/a"),
    good("PINGREQ", b"\xc0\x00"),
    good("DISCONNECT without a Reason Code", b"\xe0\x00"),
    good("DISCONNECT with a Reason Code alone", b"\xe0\x01\x04"),
    good("DISCONNECT with a Property Length of 0", b"\xe0\x02\x00\x00"),
    good("DISCONNECT with every property", b"\xe0\x1e\x80\x1c\x11\x00\x00\x00\x0a\x1f\x00\x05tired&\x00\x01k\x00\x01v\x1c\x00\x05other"),
    good("AUTH that goes on", b"\xf0\x15\x18\x13\x15\x00\x01m\x16\x00\x01\xff\x1f\x00\x01r&\x00\x01k\x00\x01v"),
    good("AUTH that begins anew, without data", b"\xf0\x06\x19\x04\x15\x00\x01m"),
];

const MALFORMED_CONNECT: &[Example] = &[
    bad("CONNECT without a Property Length", b"\x10\x0a\x00\x04MQTT\x05\x02\x00\x0a", DecodeError::Truncated),
    bad("CONNECT whose properties end behind it", b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x0a@\x00\x01a", DecodeError::Truncated),
    bad("CONNECT of MQIsdp at level 5", b"\x10\x10\x00\x06MQIsdp\x05\x02\x00\x0a\x00\x00\x01a", DecodeError::ProtocolLevel(5)),
    bad("CONNECT at level 6", b"\x10\x0e\x00\x04MQTT\x06\x02\x00\x0a\x00\x00\x01a", DecodeError::ProtocolLevel(6)),
    bad("CONNECT with the reserved flag", b"\x10\x0e\x00\x04MQTT\x05\x03\x00\x0a\x00\x00\x01a", DecodeError::ConnectFlag),
    bad("CONNECT with Will QoS 3", b"\x10\x14\x00\x04MQTT\x05\x1e\x00\x0a\x00\x00\x01a\x00\x00\x01t\x00\x00", DecodeError::WillFlags),
    bad("CONNECT with Will Retain and no Will", b"\x10\x0e\x00\x04MQTT\x05\"\x00\x0a\x00\x00\x01a", DecodeError::WillFlags),
    bad("CONNECT whose Will lacks its Property Length", b"\x10\x13\x00\x04MQTT\x05\x06\x00\x0a\x00\x00\x01a\x00\x01t\x00\x00", DecodeError::Truncated),
    bad("CONNECT whose Will Topic has a wildcard", b"\x10\x14\x00\x04MQTT\x05\x06\x00\x0a\x00\x00\x01a\x00\x00\x01#\x00\x00", DecodeError::Topic(TopicError::WildcardInName)),
    bad("CONNECT whose Will Topic is empty", b"\x10\x13\x00\x04MQTT\x05\x06\x00\x0a\x00\x00\x01a\x00\x00\x00\x00\x00", DecodeError::Topic(TopicError::Empty)),
    bad("CONNECT without the user name that its flags announce", b"\x10\x0e\x00\x04MQTT\x05\x82\x00\x0a\x00\x00\x01a", DecodeError::Truncated),
    bad("CONNECT with a byte too many", b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x01a\x00", DecodeError::TrailingBytes),
    bad("CONNECT with a Property Length of five bytes", b"\x10\x12\x00\x04MQTT\x05\x02\x00\x0a\x80\x80\x80\x80\x00\x00\x01a", DecodeError::VariableByteInteger),
    bad("CONNECT with a Property Length that is longer than it need be", b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x0a\x80\x00\x00\x01a", DecodeError::NotMinimal),
    bad("CONNECT with a Remaining Length that is longer than it need be", b"\x10\x8e\x00\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x01a", DecodeError::NotMinimal),
    bad("CONNECT with Receive Maximum 0", b"\x10\x11\x00\x04MQTT\x05\x02\x00\x0a\x03!\x00\x00\x00\x01a", DecodeError::Property(PropertyError::Value { property: PropertyIdentifier::ReceiveMaximum, value: 0 })),
    bad("CONNECT with Maximum Packet Size 0", b"\x10\x13\x00\x04MQTT\x05\x02\x00\x0a\x05'\x00\x00\x00\x00\x00\x01a", DecodeError::Property(PropertyError::Value { property: PropertyIdentifier::MaximumPacketSize, value: 0 })),
    bad("CONNECT with Request Problem Information 2", b"\x10\x10\x00\x04MQTT\x05\x02\x00\x0a\x02\x17\x02\x00\x01a", DecodeError::Property(PropertyError::Value { property: PropertyIdentifier::RequestProblemInformation, value: 2 })),
    bad("CONNECT with Request Response Information 255", b"\x10\x10\x00\x04MQTT\x05\x02\x00\x0a\x02\x19\xff\x00\x01a", DecodeError::Property(PropertyError::Value { property: PropertyIdentifier::RequestResponseInformation, value: 255 })),
    bad("CONNECT with authentication data and no method", b"\x10\x12\x00\x04MQTT\x05\x02\x00\x0a\x04\x16\x00\x01d\x00\x01a", DecodeError::Property(PropertyError::AuthenticationDataAlone)),
    bad("CONNECT with two Session Expiry Intervals", b"\x10\x18\x00\x04MQTT\x05\x02\x00\x0a\x0a\x11\x00\x00\x00\x01\x11\x00\x00\x00\x01\x00\x01a", DecodeError::Property(PropertyError::Repeated(PropertyIdentifier::SessionExpiryInterval))),
    bad("CONNECT with a property of a PUBLISH", b"\x10\x11\x00\x04MQTT\x05\x02\x00\x0a\x03#\x00\x01\x00\x01a", DecodeError::Property(PropertyError::NotAllowed(PropertyIdentifier::TopicAlias))),
    bad("CONNECT with a property of a CONNACK", b"\x10\x12\x00\x04MQTT\x05\x02\x00\x0a\x04\x12\x00\x01x\x00\x01a", DecodeError::Property(PropertyError::NotAllowed(PropertyIdentifier::AssignedClientIdentifier))),
    bad("CONNECT with an unknown property", b"\x10\x10\x00\x04MQTT\x05\x02\x00\x0a\x02\x04\x00\x00\x01a", DecodeError::Property(PropertyError::Unknown(4))),
    bad("CONNECT with an unknown property of two bytes", b"\x10\x11\x00\x04MQTT\x05\x02\x00\x0a\x03\x80\x01\x00\x00\x01a", DecodeError::Property(PropertyError::Unknown(128))),
    bad("CONNECT with a property identifier that is longer than it need be", b"\x10\x12\x00\x04MQTT\x05\x02\x00\x0a\x04\xa1\x00\x00\x01\x00\x01a", DecodeError::NotMinimal),
    bad("CONNECT with a property that ends behind the Property Length", b"\x10\x13\x00\x04MQTT\x05\x02\x00\x0a\x04\x11\x00\x00\x00\x01\x00\x01a", DecodeError::Property(PropertyError::Overrun)),
    bad("CONNECT with U+0000 in a User Property", b"\x10\x15\x00\x04MQTT\x05\x02\x00\x0a\x07&\x00\x01k\x00\x01\x00\x00\x01a", DecodeError::NullCharacter),
    bad("CONNECT with a User Property that is not UTF-8", b"\x10\x15\x00\x04MQTT\x05\x02\x00\x0a\x07&\x00\x01\xff\x00\x01v\x00\x01a", DecodeError::Utf8),
    bad("CONNECT with a User Property without a value", b"\x10\x12\x00\x04MQTT\x05\x02\x00\x0a\x04&\x00\x01k\x00\x01a", DecodeError::Property(PropertyError::Overrun)),
    bad("CONNECT whose Will has Payload Format Indicator 2", b"\x10\x16\x00\x04MQTT\x05\x06\x00\x0a\x00\x00\x01a\x02\x01\x02\x00\x01t\x00\x00", DecodeError::Property(PropertyError::Value { property: PropertyIdentifier::PayloadFormatIndicator, value: 2 })),
    bad("CONNECT whose Will has a Topic Alias", b"\x10\x17\x00\x04MQTT\x05\x06\x00\x0a\x00\x00\x01a\x03#\x00\x01\x00\x01t\x00\x00", DecodeError::Property(PropertyError::NotAllowed(PropertyIdentifier::TopicAlias))),
    bad("CONNECT whose Will has a Response Topic with a wildcard", b"\x10\x1a\x00\x04MQTT\x05\x06\x00\x0a\x00\x00\x01a\x06\x08\x00\x03a/+\x00\x01t\x00\x00", DecodeError::Property(PropertyError::ResponseTopic(TopicError::WildcardInName))),
];

const MALFORMED_PUBLISH: &[Example] = &[
    bad("PUBLISH at QoS 3", b"6\x07\x00\x01t\x00\x01\x00x", DecodeError::PublishQoS),
    bad("PUBLISH at QoS 0 with DUP", b"8\x05\x00\x01t\x00x", DecodeError::DuplicateAtMostOnce),
    bad(
        "PUBLISH at QoS 1 with Packet Identifier 0",
        b"2\x07\x00\x01t\x00\x00\x00x",
        DecodeError::ZeroPacketIdentifier,
    ),
    bad("PUBLISH without a Property Length", b"0\x03\x00\x01t", DecodeError::Truncated),
    bad(
        "PUBLISH whose properties end behind it",
        b"0\x06\x00\x01t\x03\x01\x01",
        DecodeError::Truncated,
    ),
    bad(
        "PUBLISH with neither Topic Name nor Topic Alias",
        b"0\x04\x00\x00\x00x",
        DecodeError::NoTopicName,
    ),
    bad(
        "PUBLISH with a wildcard in its Topic Name",
        b"0\x07\x00\x03a/#\x00x",
        DecodeError::Topic(TopicError::WildcardInName),
    ),
    bad(
        "PUBLISH with U+0000 in its Topic Name",
        b"0\x06\x00\x02a\x00\x00x",
        DecodeError::Topic(TopicError::NullCharacter),
    ),
    bad(
        "PUBLISH with Topic Alias 0",
        b"0\x08\x00\x01t\x03#\x00\x00x",
        DecodeError::Property(PropertyError::ZeroTopicAlias),
    ),
    bad(
        "PUBLISH with two Topic Aliases",
        b"0\x0b\x00\x01t\x06#\x00\x01#\x00\x01x",
        DecodeError::Property(PropertyError::Repeated(PropertyIdentifier::TopicAlias)),
    ),
    bad(
        "PUBLISH with Payload Format Indicator 2",
        b"0\x07\x00\x01t\x02\x01\x02x",
        DecodeError::Property(PropertyError::Value {
            property: PropertyIdentifier::PayloadFormatIndicator,
            value: 2,
        }),
    ),
    bad(
        "PUBLISH with a Subscription Identifier",
        b"0\x07\x00\x01t\x02\x0b\x01x",
        DecodeError::Property(PropertyError::SubscriptionIdentifier),
    ),
    bad(
        "PUBLISH with Subscription Identifier 0",
        b"0\x07\x00\x01t\x02\x0b\x00x",
        DecodeError::Property(PropertyError::Value {
            property: PropertyIdentifier::SubscriptionIdentifier,
            value: 0,
        }),
    ),
    bad(
        "PUBLISH with a Response Topic that has a wildcard",
        b"0\x0b\x00\x01t\x06\x08\x00\x03a/#x",
        DecodeError::Property(PropertyError::ResponseTopic(TopicError::WildcardInName)),
    ),
    bad(
        "PUBLISH with an empty Response Topic",
        b"0\x08\x00\x01t\x03\x08\x00\x00x",
        DecodeError::Property(PropertyError::ResponseTopic(TopicError::Empty)),
    ),
    bad(
        "PUBLISH with U+0000 in its Response Topic",
        b"0\x09\x00\x01t\x04\x08\x00\x01\x00x",
        DecodeError::NullCharacter,
    ),
    bad(
        "PUBLISH with a surrogate in its Content Type",
        b"0\x0b\x00\x01t\x06\x03\x00\x03\xed\xa0\x80x",
        DecodeError::Utf8,
    ),
    bad(
        "PUBLISH with a property that eats payload",
        b"0\x09\x00\x01t\x01\x02\x00\x00\x00\x09",
        DecodeError::Property(PropertyError::Overrun),
    ),
    bad(
        "PUBLISH with a Reason String",
        b"0\x09\x00\x01t\x04\x1f\x00\x01xx",
        DecodeError::Property(PropertyError::NotAllowed(PropertyIdentifier::ReasonString)),
    ),
    bad(
        "PUBLISH with an unknown property",
        b"0\x06\x00\x01t\x01\x7fx",
        DecodeError::Property(PropertyError::Unknown(0x7f)),
    ),
    bad(
        "PUBLISH with a property identifier of five bytes",
        b"0\x0a\x00\x01t\x05\x80\x80\x80\x80\x01x",
        DecodeError::VariableByteInteger,
    ),
    bad(
        "PUBLISH with a Remaining Length that is longer than it need be",
        b"0\x85\x00\x00\x01t\x00x",
        DecodeError::NotMinimal,
    ),
];

const MALFORMED_OTHERS: &[Example] = &[
    bad(
        "PUBACK with a Reason Code of a PUBREL",
        b"@\x03\x00\x01\x92",
        DecodeError::ReasonCode { packet: PacketType::Puback, code: 0x92 },
    ),
    bad(
        "PUBREC with a Reason Code that does not exist",
        b"P\x03\x00\x01\x7f",
        DecodeError::ReasonCode { packet: PacketType::Pubrec, code: 0x7f },
    ),
    bad(
        "PUBREL with a Reason Code of a PUBREC",
        b"b\x03\x00\x01\x97",
        DecodeError::ReasonCode { packet: PacketType::Pubrel, code: 0x97 },
    ),
    bad(
        "PUBCOMP with a Reason Code of a SUBACK",
        b"p\x03\x00\x01\x01",
        DecodeError::ReasonCode { packet: PacketType::Pubcomp, code: 0x01 },
    ),
    bad("PUBACK with Packet Identifier 0", b"@\x02\x00\x00", DecodeError::ZeroPacketIdentifier),
    bad("PUBACK of one byte", b"@\x01\x00", DecodeError::Truncated),
    bad("PUBACK with a byte too many", b"@\x05\x00\x01\x00\x00\x00", DecodeError::TrailingBytes),
    bad(
        "PUBACK whose properties end behind it",
        b"@\x05\x00\x01\x00\x05\x1f",
        DecodeError::Truncated,
    ),
    bad(
        "PUBACK with two Reason Strings",
        b"@\x0a\x00\x01\x00\x06\x1f\x00\x00\x1f\x00\x00",
        DecodeError::Property(PropertyError::Repeated(PropertyIdentifier::ReasonString)),
    ),
    bad(
        "PUBACK with a Server Reference",
        b"@\x07\x00\x01\x00\x03\x1c\x00\x00",
        DecodeError::Property(PropertyError::NotAllowed(PropertyIdentifier::ServerReference)),
    ),
    bad("SUBSCRIBE to nothing", b"\x82\x03\x00\x01\x00", DecodeError::NoTopicFilter),
    bad("SUBSCRIBE without a Property Length", b"\x82\x02\x00\x01", DecodeError::Truncated),
    bad("SUBSCRIBE without options", b"\x82\x06\x00\x01\x00\x00\x01a", DecodeError::Truncated),
    bad(
        "SUBSCRIBE with Packet Identifier 0",
        b"\x82\x07\x00\x00\x00\x00\x01a\x00",
        DecodeError::ZeroPacketIdentifier,
    ),
    bad("SUBSCRIBE with QoS 3", b"\x82\x07\x00\x01\x00\x00\x01a\x03", DecodeError::RequestedQoS(3)),
    bad(
        "SUBSCRIBE with Retain Handling 3",
        b"\x82\x07\x00\x01\x00\x00\x01a0",
        DecodeError::RetainHandling(0x30),
    ),
    bad(
        "SUBSCRIBE with reserved bit 6",
        b"\x82\x07\x00\x01\x00\x00\x01a@",
        DecodeError::SubscriptionOptions(0x40),
    ),
    bad(
        "SUBSCRIBE with reserved bit 7 in its second entry",
        b"\x82\x0b\x00\x01\x00\x00\x01a\x00\x00\x01b\x81",
        DecodeError::SubscriptionOptions(0x81),
    ),
    bad(
        "SUBSCRIBE with No Local to a Shared Subscription",
        b"\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x04",
        DecodeError::NoLocalOnShared,
    ),
    bad(
        "SUBSCRIBE to a Shared Subscription without a name",
        b"\x82\x0f\x00\x01\x00\x00\x09$share//a\x00",
        DecodeError::Topic(TopicError::ShareName),
    ),
    bad(
        "SUBSCRIBE to a Shared Subscription with a wildcard in its name",
        b"\x82\x11\x00\x01\x00\x00\x0b$share/g+/a\x00",
        DecodeError::Topic(TopicError::SingleLevelWildcard),
    ),
    bad(
        "SUBSCRIBE to a Shared Subscription whose name is a wildcard",
        b"\x82\x10\x00\x01\x00\x00\x0a$share/+/a\x00",
        DecodeError::Topic(TopicError::ShareName),
    ),
    bad(
        "SUBSCRIBE to a Shared Subscription without a Topic Filter",
        b"\x82\x0e\x00\x01\x00\x00\x08$share/g\x00",
        DecodeError::Topic(TopicError::ShareFilter),
    ),
    bad(
        "SUBSCRIBE to a Shared Subscription with an empty Topic Filter",
        b"\x82\x0f\x00\x01\x00\x00\x09$share/g/\x00",
        DecodeError::Topic(TopicError::ShareFilter),
    ),
    bad(
        "SUBSCRIBE to 'a#'",
        b"\x82\x08\x00\x01\x00\x00\x02a#\x00",
        DecodeError::Topic(TopicError::MultiLevelWildcard),
    ),
    bad(
        "SUBSCRIBE to an empty Topic Filter",
        b"\x82\x06\x00\x01\x00\x00\x00\x00",
        DecodeError::Topic(TopicError::Empty),
    ),
    bad(
        "SUBSCRIBE with Subscription Identifier 0",
        b"\x82\x09\x00\x01\x02\x0b\x00\x00\x01a\x00",
        DecodeError::Property(PropertyError::Value {
            property: PropertyIdentifier::SubscriptionIdentifier,
            value: 0,
        }),
    ),
    bad(
        "SUBSCRIBE with two Subscription Identifiers",
        b"\x82\x0b\x00\x01\x04\x0b\x01\x0b\x02\x00\x01a\x00",
        DecodeError::Property(PropertyError::Repeated(PropertyIdentifier::SubscriptionIdentifier)),
    ),
    bad(
        "SUBSCRIBE with a Subscription Identifier of five bytes",
        b"\x82\x0d\x00\x01\x06\x0b\x80\x80\x80\x80\x01\x00\x01a\x00",
        DecodeError::VariableByteInteger,
    ),
    bad(
        "SUBSCRIBE with a Subscription Identifier that is longer than it need be",
        b"\x82\x0a\x00\x01\x03\x0b\x81\x00\x00\x01a\x00",
        DecodeError::NotMinimal,
    ),
    bad(
        "SUBSCRIBE with a Reason String",
        b"\x82\x0a\x00\x01\x03\x1f\x00\x00\x00\x01a\x00",
        DecodeError::Property(PropertyError::NotAllowed(PropertyIdentifier::ReasonString)),
    ),
    bad("UNSUBSCRIBE from nothing", b"\xa2\x03\x00\x01\x00", DecodeError::NoTopicFilter),
    bad("UNSUBSCRIBE without a Property Length", b"\xa2\x02\x00\x01", DecodeError::Truncated),
    bad(
        "UNSUBSCRIBE from '$share/g'",
        b"\xa2\x0d\x00\x01\x00\x00\x08$share/g",
        DecodeError::Topic(TopicError::ShareFilter),
    ),
    bad(
        "UNSUBSCRIBE with a Subscription Identifier",
        b"\xa2\x08\x00\x01\x02\x0b\x01\x00\x01a",
        DecodeError::Property(PropertyError::NotAllowed(
            PropertyIdentifier::SubscriptionIdentifier,
        )),
    ),
    bad("PINGREQ with a body", b"\xc0\x01\x00", DecodeError::TrailingBytes),
    bad(
        "PINGREQ with a Remaining Length that is longer than it need be",
        b"\xc0\x80\x00",
        DecodeError::NotMinimal,
    ),
    bad(
        "DISCONNECT with a Reason Code of a Server",
        b"\xe0\x01\x8e",
        DecodeError::ReasonCode { packet: PacketType::Disconnect, code: 0x8e },
    ),
    bad(
        "DISCONNECT with a Reason Code that does not exist",
        b"\xe0\x01\x05",
        DecodeError::ReasonCode { packet: PacketType::Disconnect, code: 0x05 },
    ),
    bad("DISCONNECT with a byte too many", b"\xe0\x03\x00\x00\x00", DecodeError::TrailingBytes),
    bad(
        "DISCONNECT with two Server References",
        b"\xe0\x08\x00\x06\x1c\x00\x00\x1c\x00\x00",
        DecodeError::Property(PropertyError::Repeated(PropertyIdentifier::ServerReference)),
    ),
    bad(
        "DISCONNECT with a Receive Maximum",
        b"\xe0\x05\x00\x03!\x00\x01",
        DecodeError::Property(PropertyError::NotAllowed(PropertyIdentifier::ReceiveMaximum)),
    ),
    bad(
        "AUTH without anything, which stands for success",
        b"\xf0\x00",
        DecodeError::ReasonCode { packet: PacketType::Auth, code: 0x00 },
    ),
    bad(
        "AUTH with success, which only a Server says",
        b"\xf0\x06\x00\x04\x15\x00\x01m",
        DecodeError::ReasonCode { packet: PacketType::Auth, code: 0x00 },
    ),
    bad("AUTH without properties", b"\xf0\x01\x18", DecodeError::Truncated),
    bad(
        "AUTH without a method",
        b"\xf0\x02\x18\x00",
        DecodeError::Property(PropertyError::NoAuthenticationMethod),
    ),
    bad(
        "AUTH with data and no method",
        b"\xf0\x05\x18\x03\x16\x00\x00",
        DecodeError::Property(PropertyError::NoAuthenticationMethod),
    ),
    bad(
        "AUTH with two methods",
        b"\xf0\x08\x18\x06\x15\x00\x00\x15\x00\x00",
        DecodeError::Property(PropertyError::Repeated(PropertyIdentifier::AuthenticationMethod)),
    ),
    bad(
        "AUTH with a byte too many",
        b"\xf0\x07\x18\x04\x15\x00\x01m\x00",
        DecodeError::TrailingBytes,
    ),
    bad("AUTH with flags", b"\xf1\x00", DecodeError::ReservedFlags(0xf1)),
];
