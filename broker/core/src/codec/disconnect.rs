//! DISCONNECT, MQTT 3.14.

use super::error::DecodeError;
use super::packet_type::PacketType;
use super::properties::{
    Property, PropertyIdentifier, PropertyReader, PropertySet, PropertyWriter, UserProperties,
    write_packet, write_with_length,
};
use super::protocol_version::ProtocolVersion;
use super::reader::Reader;
use super::reason::ReasonCode;

/// A DISCONNECT, borrowed from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why; [`ReasonCode::Success`] for a normal disconnection, when the packet does not say, and
    /// before 5.0.
    pub reason: ReasonCode,
    /// Properties; none before 5.0.
    pub properties: DisconnectProperties<'a>,
}

/// The properties of a DISCONNECT, MQTT 5.0 3.14.2.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisconnectProperties<'a> {
    /// Seconds that the session outlives the Network Connection, instead of what the CONNECT said.
    /// A Client sends it, not a Server, [MQTT-3.14.2-2].
    pub session_expiry_interval_seconds: Option<u32>,
    /// For people who read logs.
    pub reason_string: Option<&'a str>,
    /// User Properties.
    pub user_properties: UserProperties<'a>,
    /// Another Server to use; a Server sends it.
    pub server_reference: Option<&'a str>,
}

impl<'a> Disconnect<'a> {
    /// Reads the body of a DISCONNECT.
    pub fn decode(body: &'a [u8], version: ProtocolVersion) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let mut disconnect =
            Self { reason: ReasonCode::Success, properties: DisconnectProperties::default() };
        if version == ProtocolVersion::V5 && !reader.is_empty() {
            disconnect.reason = decode_reason(reader.u8()?)?;
            if !reader.is_empty() {
                disconnect.properties = DisconnectProperties::decode(&mut reader)?;
            }
        }
        reader.finish()?;
        Ok(disconnect)
    }
}

impl<'a> DisconnectProperties<'a> {
    fn decode(packet: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut reader = PropertyReader::new(packet, PropertySet::DISCONNECT)?;
        let user_properties = UserProperties::new(reader.rest());
        let mut properties = Self { user_properties, ..Self::default() };
        while let Some(property) = reader.next()? {
            match property {
                Property::SessionExpiryInterval(seconds) => {
                    properties.session_expiry_interval_seconds = Some(seconds);
                }
                Property::ReasonString(string) => properties.reason_string = Some(string),
                Property::ServerReference(string) => properties.server_reference = Some(string),
                _ => {}
            }
        }
        Ok(properties)
    }
}

/// The Reason Codes that MQTT 5.0 3.14.2.1 gives to a Client.
fn decode_reason(code: u8) -> Result<ReasonCode, DecodeError> {
    let of_client = matches!(
        code,
        0x00 | 0x04 | 0x80..=0x83 | 0x90 | 0x93..=0x99
    );
    let reason = ReasonCode::from_code(code).filter(|_| of_client);
    reason.ok_or(DecodeError::ReasonCode { packet: PacketType::Disconnect, code })
}

/// Appends a DISCONNECT of MQTT 5.0 as a Server sends it; earlier versions have none.
///
/// A Reason String goes to a Client only if it fits its Maximum Packet Size, [MQTT-3.14.2-3].
pub fn encode_disconnect(
    reason: ReasonCode,
    reason_string: Option<&str>,
    server_reference: Option<&str>,
    out: &mut Vec<u8>,
) {
    write_packet(0xe0, out, |out| {
        out.push(reason.code());
        if reason_string.is_some() || server_reference.is_some() {
            write_with_length(out, |out| {
                let mut writer = PropertyWriter(out);
                writer.string(PropertyIdentifier::ReasonString, reason_string);
                writer.string(PropertyIdentifier::ServerReference, server_reference);
            });
        }
    });
}
