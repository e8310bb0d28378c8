//! Reading and writing of each Control Packet, at MQTT 3.1.1 and 5.0.

use std::hint::black_box;

use broker_core::QoS;
use broker_core::codec::properties::{Forwarded, ReasonProperties};
use broker_core::codec::{
    Acknowledgement, Auth, ConnackProperties, Connect, ConnectReturnCode, Disconnect, Frame,
    PacketIdentifier, PacketType, ProtocolVersion, Publish, PublishHeader, PublishHeaderV5,
    ReasonCode, Subscribe, Unsubscribe, encode_acknowledgement, encode_connack, encode_connack_v5,
    encode_disconnect, encode_puback, encode_pubcomp, encode_pubrec, encode_pubrel, encode_suback,
    encode_suback_v5, encode_unsuback, encode_unsuback_v5, split,
};

use super::Scenario;
use super::packets::{READING, TOPIC, packet};

/// How often a packet is read or written: enough for the cost of the loop around it to vanish.
const OPERATIONS: usize = 1_000;

const SIZE_MAX: usize = 1 << 20;

const V4: ProtocolVersion = ProtocolVersion::V4;
const V5: ProtocolVersion = ProtocolVersion::V5;

/// Packets of MQTT 3.1.1: name, first byte, body.
const READ_V4: &[(&str, u8, &[u8])] = &[
    (
        "connect",
        0x10,
        b"\x00\x04MQTT\x04\xf6\x00\x3c\x00\x08sensor-1\x00\x04gone\x00\x03bye\x00\x03ann\x00\x03\xff\x00\xfe",
    ),
    ("publish_qos0", 0x30, b"\x00\x0btemperature21 AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"),
    ("publish_qos1", 0x32, b"\x00\x0btemperature\x00\x0721 AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"),
    ("publish_qos2", 0x34, b"\x00\x0btemperature\x00\x0721 AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"),
    ("puback", 0x40, b"\x00\x07"),
    ("pubrec", 0x50, b"\x00\x07"),
    ("pubrel", 0x62, b"\x00\x07"),
    ("pubcomp", 0x70, b"\x00\x07"),
    ("subscribe", 0x82, b"\x00\x01\x00\x0btemperature\x01\x00\x0fsite/+/device/#\x02"),
    ("unsubscribe", 0xa2, b"\x00\x01\x00\x0btemperature\x00\x0fsite/+/device/#"),
    ("pingreq", 0xc0, b""),
    ("disconnect", 0xe0, b""),
];

/// Packets of MQTT 5.0.
const READ_V5: &[(&str, u8, &[u8])] = &[
    (
        "connect",
        0x10,
        b"\x00\x04MQTT\x05\xf6\x00\x0a/\x11\x00\x00\x0e\x10!\x00\x14'\x00\x01\x00\x00\"\x00\x0a\x19\x01\x17\x00&\x00\x01k\x00\x01v\x15\x00\x05SCRAM\x16\x00\x02\xff\x00&\x00\x01k\x00\x01w\x00\x08sensor-1#\x18\x00\x00\x00\x05\x01\x01\x02\x00\x00\x00<\x03\x00\x04text\x08\x00\x02re\x09\x00\x01\xff&\x00\x01k\x00\x01v\x00\x04gone\x00\x03bye\x00\x03ann\x00\x02\xff\x00",
    ),
    ("publish_qos0", 0x30, b"\x00\x0btemperature\x0021 AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"),
    (
        "publish_properties",
        0x32,
        b"\x00\x01t\x00\x07)\x01\x01\x02\x00\x00\x00<#\x00\x07\x08\x00\x02re\x09\x00\x02\xff\x00&\x00\x01k\x00\x01v&\x00\x01k\x00\x01w\x03\x00\x04textx",
    ),
    ("publish_topic_alias", 0x30, b"\x00\x00\x03#\x00\x01x"),
    ("puback", 0x40, b"\x00\x01\x10"),
    ("pubrec", 0x50, b"\x00\x02\x97\x0e\x1f\x00\x04full&\x00\x01k\x00\x01v"),
    ("pubrel", 0x62, b"\x00\x03\x92"),
    ("pubcomp", 0x70, b"\x01\x00\x92\x04\x1f\x00\x01?"),
    (
        "subscribe",
        0x82,
        b"\x00\x01\x0c\x0b\xff\xff\xff\x7f&\x00\x01k\x00\x01v\x00\x05a/+/c.\x00\x01#\x11\x00\x0c$share/g/x/#\x0a",
    ),
    ("unsubscribe", 0xa2, b"\x00\x01\x07&\x00\x01k\x00\x01v\x00\x01+\x00\x0a$share/g/a"),
    ("pingreq", 0xc0, b""),
    (
        "disconnect",
        0xe0,
        b"\x80\x1c\x11\x00\x00\x00\x0a\x1f\x00\x05tired&\x00\x01k\x00\x01v\x1c\x00\x05other",
    ),
    ("auth", 0xf0, b"\x18\x13\x15\x00\x01m\x16\x00\x01\xff\x1f\x00\x01r&\x00\x01k\x00\x01v"),
];

pub(crate) fn add(scenarios: &mut Vec<Scenario>) {
    for (number, version, packets) in [(4, V4, READ_V4), (5, V5, READ_V5)] {
        for &(name, first, body) in packets {
            let name = format!("decode/v{number}/{name}");
            scenarios.push(Scenario::new(name, OPERATIONS, move || decoding(version, first, body)));
        }
    }
    add_encoding_v4(scenarios);
    add_encoding_v5(scenarios);
}

fn decoding(version: ProtocolVersion, first: u8, body: &'static [u8]) -> impl FnMut() -> usize {
    let packet = packet(first, body);
    move || {
        let mut read = 0;
        for _ in 0..OPERATIONS {
            if let Ok(Some((frame, _))) = split(black_box(&packet), SIZE_MAX) {
                read += usize::from(decode(frame, version));
            }
        }
        assert_eq!(read, OPERATIONS, "these are good packets");
        0
    }
}

/// What a shard does with a packet before it acts on it; whether it is a good one.
fn decode(frame: Frame<'_>, version: ProtocolVersion) -> bool {
    let (packet, body) = (frame.header.packet, frame.body);
    if frame.header.check_version(version).is_err() {
        return false;
    }
    match packet {
        PacketType::Connect => black_box(Connect::decode(body)).is_ok(),
        PacketType::Publish => black_box(Publish::decode(frame, version)).is_ok(),
        PacketType::Subscribe => Subscribe::decode(body, version)
            .is_ok_and(|subscribe| black_box(subscribe.entries().count()) > 0),
        PacketType::Unsubscribe => Unsubscribe::decode(body, version)
            .is_ok_and(|unsubscribe| black_box(unsubscribe.entries().count()) > 0),
        PacketType::Pingreq => body.is_empty(),
        PacketType::Disconnect => black_box(Disconnect::decode(body, version)).is_ok(),
        PacketType::Auth => black_box(Auth::decode(body)).is_ok(),
        _ => black_box(Acknowledgement::decode(packet, body, version)).is_ok(),
    }
}

/// A scenario that writes a packet over and over into the same buffer.
fn encoding(
    scenarios: &mut Vec<Scenario>,
    name: &str,
    encode: impl Fn(PacketIdentifier, &mut Vec<u8>) + 'static,
) {
    scenarios.push(Scenario::new(format!("encode/{name}"), OPERATIONS, move || {
        let identifier = PacketIdentifier::new(7).expect("seven is not zero");
        let mut out = Vec::with_capacity(4096);
        move || {
            let mut written = 0;
            for _ in 0..OPERATIONS {
                out.clear();
                encode(black_box(identifier), black_box(&mut out));
                written += out.len();
            }
            written
        }
    }));
}

fn add_encoding_v4(scenarios: &mut Vec<Scenario>) {
    encoding(scenarios, "v4/connack", |_, out| {
        out.extend_from_slice(&encode_connack(false, black_box(ConnectReturnCode::Accepted)));
    });
    encoding(scenarios, "v4/publish_qos0", |_, out| {
        PublishHeader::AT_MOST_ONCE.encode(black_box(TOPIC), READING.len(), out);
        out.extend_from_slice(black_box(READING));
    });
    encoding(scenarios, "v4/publish_qos1", |identifier, out| {
        let delivery = Some((QoS::AtLeastOnce, identifier));
        let header = PublishHeader { duplicate: false, retain: false, delivery };
        header.encode(black_box(TOPIC), READING.len(), out);
        out.extend_from_slice(black_box(READING));
    });
    encoding(scenarios, "v4/puback", |id, out| out.extend_from_slice(&encode_puback(id)));
    encoding(scenarios, "v4/pubrec", |id, out| out.extend_from_slice(&encode_pubrec(id)));
    encoding(scenarios, "v4/pubrel", |id, out| out.extend_from_slice(&encode_pubrel(id)));
    encoding(scenarios, "v4/pubcomp", |id, out| out.extend_from_slice(&encode_pubcomp(id)));
    encoding(scenarios, "v4/suback", |id, out| {
        encode_suback(id, black_box(&[Some(QoS::AtLeastOnce), None]), out);
    });
    encoding(scenarios, "v4/unsuback", |id, out| out.extend_from_slice(&encode_unsuback(id)));
}

fn add_encoding_v5(scenarios: &mut Vec<Scenario>) {
    encoding(scenarios, "v5/connack", |_, out| {
        let properties = ConnackProperties {
            receive_maximum: Some(100),
            assigned_client_identifier: Some("kelvin-1"),
            topic_alias_maximum: Some(16),
            ..ConnackProperties::default()
        };
        encode_connack_v5(false, ReasonCode::Success, black_box(&properties), out);
    });
    encoding(scenarios, "v5/publish_properties", |identifier, out| {
        let delivery = Some((QoS::AtLeastOnce, identifier));
        let header = PublishHeader { duplicate: false, retain: false, delivery };
        let header = PublishHeaderV5 {
            topic_alias: Some(3),
            message_expiry_interval_seconds: Some(60),
            forwarded: Forwarded::from_encoded(b"\x03\x00\x04text"),
            subscription_identifiers: &[1, 200],
            ..PublishHeaderV5::new(header)
        };
        black_box(&header).encode(black_box(TOPIC), READING.len(), out);
        out.extend_from_slice(black_box(READING));
    });
    for (name, packet) in [
        ("v5/puback", PacketType::Puback),
        ("v5/pubrec", PacketType::Pubrec),
        ("v5/pubrel", PacketType::Pubrel),
        ("v5/pubcomp", PacketType::Pubcomp),
    ] {
        encoding(scenarios, name, move |packet_identifier, out| {
            let reason = ReasonCode::Success;
            let properties =
                ReasonProperties { reason_string: Some("so it is"), ..ReasonProperties::NONE };
            let acknowledgement = Acknowledgement { packet_identifier, reason, properties };
            encode_acknowledgement(packet, black_box(&acknowledgement), out);
        });
    }
    encoding(scenarios, "v5/suback", |id, out| {
        let reasons = [ReasonCode::granted(QoS::AtLeastOnce), ReasonCode::NotAuthorized];
        encode_suback_v5(id, black_box(&reasons), &ReasonProperties::NONE, out);
    });
    encoding(scenarios, "v5/unsuback", |id, out| {
        encode_unsuback_v5(id, black_box(&[ReasonCode::Success]), &ReasonProperties::NONE, out);
    });
    encoding(scenarios, "v5/disconnect", |_, out| {
        encode_disconnect(ReasonCode::ServerBusy, black_box(Some("busy")), None, out);
    });
    encoding(scenarios, "v5/auth", |_, out| {
        let auth = Auth {
            reason: ReasonCode::ContinueAuthentication,
            authentication_method: "SCRAM",
            authentication_data: Some(b"challenge"),
            properties: ReasonProperties::NONE,
        };
        black_box(&auth).encode(out);
    });
}
