//! Packets that are a type and a Packet Identifier, and PINGRESP that is a type alone:
//! PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK, MQTT 3.4 to 3.7, 3.11 and 3.13.

use super::error::DecodeError;
use super::packet_identifier::PacketIdentifier;
use super::packet_type::PacketType;
use super::properties::{ReasonProperties, write_packet, write_with_length};
use super::protocol_version::ProtocolVersion;
use super::reader::Reader;
use super::reason::ReasonCode;

/// A PINGRESP, whole, MQTT 3.13.
pub const PINGRESP: [u8; 2] = [0xd0, 0];

/// Bytes of a PUBACK that says no more than its identifier: it went well.
pub const PUBACK_BYTES: usize = 4;

/// Takes such a PUBACK from the front of `bytes`; returns its identifier and the bytes after it.
/// `None` says that [`split`](super::split) is to look.
#[inline]
pub fn split_puback(bytes: &[u8]) -> Option<(PacketIdentifier, &[u8])> {
    let [0x40, 2, high, low, rest @ ..] = bytes else { return None };
    Some((PacketIdentifier::new(u16::from_be_bytes([*high, *low]))?, rest))
}

/// A PUBACK, PUBREC, PUBREL or PUBCOMP, borrowed from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement<'a> {
    /// What is acknowledged.
    pub packet_identifier: PacketIdentifier,
    /// How it went; [`ReasonCode::Success`] when the packet does not say, and before 5.0.
    pub reason: ReasonCode,
    /// Reason String and User Properties; none before 5.0.
    pub properties: ReasonProperties<'a>,
}

impl<'a> Acknowledgement<'a> {
    /// Reads the body of a PUBACK, PUBREC, PUBREL or PUBCOMP; `packet` says which.
    pub fn decode(
        packet: PacketType,
        body: &'a [u8],
        version: ProtocolVersion,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_identifier = reader.packet_identifier()?;
        let mut acknowledgement = Self {
            packet_identifier,
            reason: ReasonCode::Success,
            properties: ReasonProperties::NONE,
        };
        if version == ProtocolVersion::V5 && !reader.is_empty() {
            acknowledgement.reason = decode_reason(packet, reader.u8()?)?;
            if !reader.is_empty() {
                acknowledgement.properties = ReasonProperties::decode(&mut reader)?;
            }
        }
        reader.finish()?;
        Ok(acknowledgement)
    }
}

/// The Reason Codes of MQTT 5.0 3.4.2.1 to 3.7.2.1.
fn decode_reason(packet: PacketType, code: u8) -> Result<ReasonCode, DecodeError> {
    let publication = matches!(packet, PacketType::Puback | PacketType::Pubrec);
    let allowed = match code {
        0 => true,
        0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99 => publication,
        0x92 => !publication,
        _ => false,
    };
    let reason = ReasonCode::from_code(code).filter(|_| allowed);
    reason.ok_or(DecodeError::ReasonCode { packet, code })
}

/// Appends a PUBACK, PUBREC, PUBREL or PUBCOMP of MQTT 5.0 as short as it can be: without a Reason
/// Code when that is 0 and there are no properties.
///
/// Reason String and User Properties go to a Client only if it wants them, [MQTT-3.1.2-29], and if
/// they fit its Maximum Packet Size, [MQTT-3.4.2-2] and its likes.
pub fn encode_acknowledgement(
    packet: PacketType,
    acknowledgement: &Acknowledgement<'_>,
    out: &mut Vec<u8>,
) {
    debug_assert!(matches!(packet as u8, 4..=7), "{packet:?} acknowledges no publication");
    let flags = if packet == PacketType::Pubrel { 0b0010 } else { 0 };
    let Acknowledgement { packet_identifier, reason, properties } = acknowledgement;
    write_packet((packet as u8) << 4 | flags, out, |out| {
        out.extend_from_slice(&packet_identifier.get().to_be_bytes());
        let bare = properties.is_empty();
        if !bare || *reason != ReasonCode::Success {
            out.push(reason.code());
        }
        if !bare {
            write_with_length(out, |out| properties.write(out));
        }
    });
}

const fn encode(first: u8, identifier: PacketIdentifier) -> [u8; 4] {
    let [high, low] = identifier.get().to_be_bytes();
    [first, 2, high, low]
}

/// A PUBACK, MQTT 3.4; at 5.0 with Reason Code 0, and so are the next three.
pub const fn encode_puback(identifier: PacketIdentifier) -> [u8; 4] {
    encode(0x40, identifier)
}

/// A PUBREC, MQTT 3.5.
pub const fn encode_pubrec(identifier: PacketIdentifier) -> [u8; 4] {
    encode(0x50, identifier)
}

/// A PUBREL, MQTT 3.6.
pub const fn encode_pubrel(identifier: PacketIdentifier) -> [u8; 4] {
    encode(0x62, identifier)
}

/// A PUBCOMP, MQTT 3.7.
pub const fn encode_pubcomp(identifier: PacketIdentifier) -> [u8; 4] {
    encode(0x70, identifier)
}

/// An UNSUBACK of MQTT 3.1 and 3.1.1, 3.11.
pub const fn encode_unsuback(identifier: PacketIdentifier) -> [u8; 4] {
    encode(0xb0, identifier)
}
