//! CONNECT, MQTT 3.1.

use super::error::DecodeError;
use super::reader::Reader;
use crate::message::Publication;
use crate::qos::QoS;
use crate::topic::TopicName;

/// The protocol that a Client speaks, by name and level, MQTT 3.1.2.1 and 3.1.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolVersion {
    /// MQTT 3.1: `MQIsdp`, level 3.
    V3,
    /// MQTT 3.1.1: `MQTT`, level 4.
    V4,
}

/// A CONNECT, borrowed from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The protocol.
    pub protocol: ProtocolVersion,
    /// Whether the session begins empty and ends with the Network Connection, MQTT 3.1.2.4.
    pub clean_session: bool,
    /// Seconds that may pass between two packets of the Client; 0 for any, MQTT 3.1.2.10.
    pub keep_alive_seconds: u16,
    /// Client Identifier; may be empty, MQTT 3.1.3.1.
    pub client_identifier: &'a str,
    /// What to publish when the Network Connection ends without a DISCONNECT.
    pub will: Option<Will<'a>>,
    /// User name.
    pub user_name: Option<&'a str>,
    /// Password: any bytes.
    pub password: Option<&'a [u8]>,
}

/// A Will Message, MQTT 3.1.2.5.
pub type Will<'a> = Publication<'a>;

const RESERVED: u8 = 0x01;
const CLEAN_SESSION: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_QOS_SHIFT: u8 = 3;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USER_NAME: u8 = 0x80;
/// Will QoS and Will Retain, which are zero without a Will.
const WILL_DETAILS: u8 = 0x38;

impl<'a> Connect<'a> {
    /// Reads the body of a CONNECT.
    ///
    /// [`DecodeError::ProtocolLevel`] is the one that a Server answers, with return code 1.
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let protocol = decode_protocol(&mut reader)?;
        let flags = reader.u8()?;
        check_flags(flags)?;
        let keep_alive_seconds = reader.u16()?;
        let client_identifier = reader.string()?;
        let will = if flags & WILL == 0 { None } else { Some(decode_will(flags, &mut reader)?) };
        // MQTT 3.1 alone lets the credentials that its flags announce be missing at the end.
        let missing = |reader: &Reader<'_>| protocol == ProtocolVersion::V3 && reader.is_empty();
        let user_name =
            if flags & USER_NAME == 0 || missing(&reader) { None } else { Some(reader.string()?) };
        let password =
            if flags & PASSWORD == 0 || missing(&reader) { None } else { Some(reader.binary()?) };
        reader.finish()?;
        let clean_session = flags & CLEAN_SESSION != 0;
        Ok(Self {
            protocol,
            clean_session,
            keep_alive_seconds,
            client_identifier,
            will,
            user_name,
            password,
        })
    }
}

fn decode_protocol(reader: &mut Reader<'_>) -> Result<ProtocolVersion, DecodeError> {
    let name = reader.binary()?;
    let level = reader.u8()?;
    match (name, level) {
        (b"MQTT", 4) => Ok(ProtocolVersion::V4),
        (b"MQIsdp", 3) => Ok(ProtocolVersion::V3),
        (b"MQTT" | b"MQIsdp", level) => Err(DecodeError::ProtocolLevel(level)),
        _ => Err(DecodeError::ProtocolName),
    }
}

fn check_flags(flags: u8) -> Result<(), DecodeError> {
    if flags & RESERVED != 0 {
        return Err(DecodeError::ConnectFlag);
    }
    if flags & WILL == 0 && flags & WILL_DETAILS != 0 {
        return Err(DecodeError::WillFlags);
    }
    if flags & PASSWORD != 0 && flags & USER_NAME == 0 {
        return Err(DecodeError::PasswordWithoutUserName);
    }
    Ok(())
}

fn decode_will<'a>(flags: u8, reader: &mut Reader<'a>) -> Result<Will<'a>, DecodeError> {
    let qos = QoS::from_bits((flags >> WILL_QOS_SHIFT) & 3).ok_or(DecodeError::WillFlags)?;
    let topic = TopicName::new(reader.utf8()?)?;
    let payload = reader.binary()?;
    Ok(Will { topic, payload, qos, retain: flags & WILL_RETAIN != 0 })
}
