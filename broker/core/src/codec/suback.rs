//! SUBACK, MQTT 3.9, and UNSUBACK of MQTT 5.0, 3.11.

use super::fixed_header::encode_remaining_length;
use super::packet_identifier::PacketIdentifier;
use super::properties::{ReasonProperties, write_packet, write_with_length};
use super::reason::ReasonCode;
use crate::qos::QoS;

/// Stands for a refused subscription.
const FAILURE: u8 = 0x80;

/// Appends a SUBACK of MQTT 3.1 or 3.1.1 with one return code per Topic Filter, `None` for a refused one,
/// [MQTT-3.9.3-1].
pub fn encode_suback(
    packet_identifier: PacketIdentifier,
    granted: &[Option<QoS>],
    out: &mut Vec<u8>,
) {
    out.push(0x90);
    encode_remaining_length(2 + granted.len(), out);
    out.extend_from_slice(&packet_identifier.get().to_be_bytes());
    out.extend(granted.iter().map(|qos| qos.map_or(FAILURE, QoS::bits)));
}

/// Appends a SUBACK of MQTT 5.0 with one Reason Code per Topic Filter, [MQTT-3.9.3-1].
pub fn encode_suback_v5(
    packet_identifier: PacketIdentifier,
    reasons: &[ReasonCode],
    properties: &ReasonProperties<'_>,
    out: &mut Vec<u8>,
) {
    encode_v5(0x90, packet_identifier, reasons, properties, out);
}

/// Appends an UNSUBACK of MQTT 5.0 with one Reason Code per Topic Filter, [MQTT-3.11.3-1].
pub fn encode_unsuback_v5(
    packet_identifier: PacketIdentifier,
    reasons: &[ReasonCode],
    properties: &ReasonProperties<'_>,
    out: &mut Vec<u8>,
) {
    encode_v5(0xb0, packet_identifier, reasons, properties, out);
}

fn encode_v5(
    first: u8,
    packet_identifier: PacketIdentifier,
    reasons: &[ReasonCode],
    properties: &ReasonProperties<'_>,
    out: &mut Vec<u8>,
) {
    write_packet(first, out, |out| {
        out.extend_from_slice(&packet_identifier.get().to_be_bytes());
        write_with_length(out, |out| properties.write(out));
        out.extend(reasons.iter().map(|reason| reason.code()));
    });
}
