//! SUBACK, MQTT 3.9.

use super::acknowledgement::PacketIdentifier;
use super::fixed_header::encode_remaining_length;
use crate::qos::QoS;

/// Stands for a refused subscription.
const FAILURE: u8 = 0x80;

/// Appends a SUBACK with one return code per Topic Filter, `None` for a refused one,
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
