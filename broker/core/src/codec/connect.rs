//! CONNECT, MQTT 3.1.

use super::error::DecodeError;
use super::properties::{
    Property, PropertyError, PropertyReader, PropertySet, UserProperties, WillProperties,
    check_payload_format,
};
use super::protocol_version::ProtocolVersion;
use super::reader::Reader;
use crate::qos::QoS;
use crate::topic::TopicName;

/// A CONNECT, borrowed from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The protocol.
    pub protocol: ProtocolVersion,
    /// Whether the session begins empty, and before 5.0 also whether it ends with the Network
    /// Connection, MQTT 3.1.2.4; at 5.0 this is Clean Start.
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
    /// Properties; those that are not there, all of them before 5.0, have their default.
    pub properties: ConnectProperties<'a>,
}

/// A Will Message, MQTT 3.1.2.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Where it is to be published.
    pub topic: TopicName<'a>,
    /// What is to be published.
    pub payload: &'a [u8],
    /// QoS of the publication.
    pub qos: QoS,
    /// Whether it is to be retained.
    pub retain: bool,
    /// Its properties.
    pub properties: WillProperties<'a>,
}

impl Will<'_> {
    /// Checks that the payload is UTF-8 if its Payload Format Indicator says so. Nothing obliges a
    /// Server to do this, MQTT 5.0 3.1.3.2.3.
    pub fn check_payload_format(&self) -> Result<(), DecodeError> {
        check_payload_format(self.properties.payload_format_indicator, self.payload)
    }
}

/// The properties of a CONNECT, MQTT 5.0 3.1.2.11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectProperties<'a> {
    /// Seconds that the session outlives the Network Connection; `0xffff_ffff` for ever, 0 (not at
    /// all) when it is not there, 3.1.2.11.2.
    pub session_expiry_interval_seconds: u32,
    /// Publications at QoS 1 and 2 that the Client takes without having acknowledged them, never
    /// 0; 65,535 when it is not there, 3.1.2.11.3.
    pub receive_maximum: u16,
    /// Bytes of the largest packet that the Client takes, never 0, 3.1.2.11.4.
    pub maximum_packet_size: Option<u32>,
    /// The highest Topic Alias that the Client takes; 0 for none, 3.1.2.11.5.
    pub topic_alias_maximum: u16,
    /// Whether the Client wants Response Information, 3.1.2.11.6.
    pub request_response_information: bool,
    /// Whether Reason String and User Properties may come on packets other than PUBLISH, CONNACK
    /// and DISCONNECT; true when it is not there, 3.1.2.11.7.
    pub request_problem_information: bool,
    /// User Properties, 3.1.2.11.8.
    pub user_properties: UserProperties<'a>,
    /// The method of an enhanced authentication, 3.1.2.11.9.
    pub authentication_method: Option<&'a str>,
    /// Its data; only there with a method, 3.1.2.11.10.
    pub authentication_data: Option<&'a [u8]>,
}

impl Default for ConnectProperties<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

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
    /// Reads no more of a CONNECT than its protocol: how an error in the rest is to be answered.
    ///
    /// [`DecodeError::ProtocolLevel`] is the one that a Server answers, with return code 1.
    pub fn decode_protocol(body: &[u8]) -> Result<ProtocolVersion, DecodeError> {
        decode_protocol(&mut Reader::new(body))
    }

    /// Reads the body of a CONNECT.
    ///
    /// [`DecodeError::ProtocolLevel`] is the one that a Server answers, with return code 1.
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let protocol = decode_protocol(&mut reader)?;
        let flags = reader.u8()?;
        check_flags(flags, protocol)?;
        let keep_alive_seconds = reader.u16()?;
        let properties = match protocol {
            ProtocolVersion::V3 | ProtocolVersion::V4 => ConnectProperties::NONE,
            ProtocolVersion::V5 => ConnectProperties::decode(&mut reader)?,
        };
        let client_identifier = reader.string()?;
        let will = match flags & WILL {
            0 => None,
            _ => Some(decode_will(flags, protocol, &mut reader)?),
        };
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
            properties,
        })
    }
}

impl<'a> ConnectProperties<'a> {
    /// What holds without properties.
    pub const NONE: Self = Self {
        session_expiry_interval_seconds: 0,
        receive_maximum: u16::MAX,
        maximum_packet_size: None,
        topic_alias_maximum: 0,
        request_response_information: false,
        request_problem_information: true,
        user_properties: UserProperties::NONE,
        authentication_method: None,
        authentication_data: None,
    };

    /// Takes the properties off the front of `packet`.
    fn decode(packet: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut reader = PropertyReader::new(packet, PropertySet::CONNECT)?;
        let user_properties = UserProperties::new(reader.rest());
        let mut properties = Self { user_properties, ..Self::NONE };
        while let Some(property) = reader.next()? {
            properties.set(property);
        }
        if properties.authentication_data.is_some() && properties.authentication_method.is_none() {
            return Err(PropertyError::AuthenticationDataAlone.into());
        }
        Ok(properties)
    }

    const fn set(&mut self, property: Property<'a>) {
        match property {
            Property::SessionExpiryInterval(value) => self.session_expiry_interval_seconds = value,
            Property::ReceiveMaximum(value) => self.receive_maximum = value,
            Property::MaximumPacketSize(value) => self.maximum_packet_size = Some(value),
            Property::TopicAliasMaximum(value) => self.topic_alias_maximum = value,
            Property::RequestResponseInformation(value) => {
                self.request_response_information = value;
            }
            Property::RequestProblemInformation(value) => self.request_problem_information = value,
            Property::AuthenticationMethod(value) => self.authentication_method = Some(value),
            Property::AuthenticationData(value) => self.authentication_data = Some(value),
            // User Properties are found when they are asked for; others do not get here.
            _ => {}
        }
    }
}

fn decode_protocol(reader: &mut Reader<'_>) -> Result<ProtocolVersion, DecodeError> {
    let name = reader.binary()?;
    let level = reader.u8()?;
    match (name, level) {
        (b"MQTT", 4) => Ok(ProtocolVersion::V4),
        (b"MQTT", 5) => Ok(ProtocolVersion::V5),
        (b"MQIsdp", 3) => Ok(ProtocolVersion::V3),
        (b"MQTT" | b"MQIsdp", level) => Err(DecodeError::ProtocolLevel(level)),
        _ => Err(DecodeError::ProtocolName),
    }
}

fn check_flags(flags: u8, protocol: ProtocolVersion) -> Result<(), DecodeError> {
    if flags & RESERVED != 0 {
        return Err(DecodeError::ConnectFlag);
    }
    if flags & WILL == 0 && flags & WILL_DETAILS != 0 {
        return Err(DecodeError::WillFlags);
    }
    // MQTT 5.0 lets a password come without a user name, 3.1.2.9.
    if protocol < ProtocolVersion::V5 && flags & PASSWORD != 0 && flags & USER_NAME == 0 {
        return Err(DecodeError::PasswordWithoutUserName);
    }
    Ok(())
}

fn decode_will<'a>(
    flags: u8,
    protocol: ProtocolVersion,
    reader: &mut Reader<'a>,
) -> Result<Will<'a>, DecodeError> {
    let qos = QoS::from_bits((flags >> WILL_QOS_SHIFT) & 3).ok_or(DecodeError::WillFlags)?;
    let properties = match protocol {
        ProtocolVersion::V3 | ProtocolVersion::V4 => WillProperties::NONE,
        ProtocolVersion::V5 => WillProperties::decode(reader)?,
    };
    let topic = TopicName::new(reader.utf8()?)?;
    let payload = reader.binary()?;
    Ok(Will { topic, payload, qos, retain: flags & WILL_RETAIN != 0, properties })
}
