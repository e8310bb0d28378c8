//! Control Packets as they stand on the wire.

use broker_core::codec::encode_remaining_length;

/// The topic of the pattern that everything is measured with.
pub(crate) const TOPIC: &str = "temperature";

/// A temperature and the stamp that loadgen puts behind it, in size.
pub(crate) const READING: &[u8] = b"21 AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// A packet of a first byte and a body.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    encode_remaining_length(body.len(), &mut packet);
    packet.extend_from_slice(body);
    packet
}

/// A string or binary data with its length in front.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    // What is written here has less than 64 KiB.
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

/// A CONNECT of MQTT 3.1.1 with Clean Session.
pub(crate) fn connect(client_identifier: &str) -> Vec<u8> {
    let head: &[u8] = b"\x00\x04MQTT\x04\x02\x00\x3c";
    packet(0x10, &[head, &with_length(client_identifier.as_bytes())].concat())
}

/// A SUBSCRIBE of MQTT 3.1.1 to one Topic Filter.
pub(crate) fn subscribe(filter: &str, qos: u8) -> Vec<u8> {
    packet(0x82, &[b"\x00\x01", &with_length(filter.as_bytes())[..], &[qos]].concat())
}

/// A PUBLISH of MQTT 3.1.1; above QoS 0 with a Packet Identifier.
pub(crate) fn publish(topic: &str, qos: u8, packet_identifier: u16, payload: &[u8]) -> Vec<u8> {
    let identifier = packet_identifier.to_be_bytes();
    let identifier = if qos == 0 { &[][..] } else { &identifier };
    packet(0x30 | qos << 1, &[&with_length(topic.as_bytes()), identifier, payload].concat())
}

/// A PUBACK, PUBREC, PUBREL or PUBCOMP that says no more than it must.
pub(crate) fn acknowledgement(first: u8, packet_identifier: u16) -> Vec<u8> {
    packet(first, &packet_identifier.to_be_bytes())
}
