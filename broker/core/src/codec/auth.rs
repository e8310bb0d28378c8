//! AUTH, MQTT 5.0 3.15.

use super::error::DecodeError;
use super::packet_type::PacketType;
use super::properties::{
    Property, PropertyError, PropertyIdentifier, PropertyReader, PropertySet, PropertyWriter,
    ReasonProperties, UserProperties, write_packet, write_with_length,
};
use super::reader::Reader;
use super::reason::ReasonCode;

/// An AUTH: a step of an enhanced authentication, MQTT 5.0 4.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Of a Client [`ReasonCode::ContinueAuthentication`] or [`ReasonCode::ReAuthenticate`]; of a
    /// Server the first of them or [`ReasonCode::Success`], 3.15.2.1.
    pub reason: ReasonCode,
    /// The method, the same throughout.
    pub authentication_method: &'a str,
    /// The data of this step.
    pub authentication_data: Option<&'a [u8]>,
    /// Reason String and User Properties.
    pub properties: ReasonProperties<'a>,
}

impl<'a> Auth<'a> {
    /// Reads the body of an AUTH that a Client sends.
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        // Nothing at all stands for Success, which a Client does not send, 3.15.2.1.
        let code = if reader.is_empty() { ReasonCode::Success.code() } else { reader.u8()? };
        let of_client = [ReasonCode::ContinueAuthentication, ReasonCode::ReAuthenticate];
        let Some(reason) = of_client.into_iter().find(|reason| reason.code() == code) else {
            return Err(DecodeError::ReasonCode { packet: PacketType::Auth, code });
        };
        let auth = Self::decode_properties(reason, &mut reader)?;
        reader.finish()?;
        Ok(auth)
    }

    fn decode_properties(reason: ReasonCode, packet: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut reader = PropertyReader::new(packet, PropertySet::AUTH)?;
        let user_properties = UserProperties::new(reader.rest());
        let (mut method, mut authentication_data, mut reason_string) = (None, None, None);
        while let Some(property) = reader.next()? {
            match property {
                Property::AuthenticationMethod(string) => method = Some(string),
                Property::AuthenticationData(data) => authentication_data = Some(data),
                Property::ReasonString(string) => reason_string = Some(string),
                _ => {}
            }
        }
        Ok(Self {
            reason,
            authentication_method: method.ok_or(PropertyError::NoAuthenticationMethod)?,
            authentication_data,
            properties: ReasonProperties { reason_string, user_properties },
        })
    }

    /// Appends the AUTH that a Server sends.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_packet(0xf0, out, |out| {
            out.push(self.reason.code());
            write_with_length(out, |out| {
                let mut writer = PropertyWriter(out);
                let method = Some(self.authentication_method);
                writer.string(PropertyIdentifier::AuthenticationMethod, method);
                writer.binary(PropertyIdentifier::AuthenticationData, self.authentication_data);
                self.properties.write(out);
            });
        });
    }
}
