//! CONNECT, in three versions of MQTT.

use bytes::{BufMut, Bytes, BytesMut};
use mqttbytes::{v4, v5};

use super::{EncodeError, QoS, Version};

/// Everything that a CONNECT says.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    /// Version of MQTT.
    pub version: Version,
    /// Client Identifier.
    pub identifier: String,
    /// Clean Session, or Clean Start from MQTT 5 on.
    pub clean: bool,
    /// Keep Alive; 0 for none.
    pub keep_alive_seconds: u16,
    /// User Name; empty for none.
    pub user: String,
    /// Password; empty for none.
    pub password: String,
    /// Will Message.
    pub will: Option<WillMessage>,
    /// Session Expiry Interval of MQTT 5.
    pub session_expiry_seconds: Option<u32>,
    /// Topic Alias Maximum of MQTT 5: aliases that the broker may use; 0 for none.
    pub topic_alias_maximum: u16,
    /// Maximum Packet Size of MQTT 5: what the client takes.
    pub packet_bytes_max: u32,
}

/// A Will Message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WillMessage {
    pub topic: String,
    pub payload: String,
    pub qos: QoS,
    pub retain: bool,
}

impl Connect {
    /// The whole packet.
    pub(crate) fn encode(&self) -> Result<BytesMut, EncodeError> {
        match self.version {
            Version::V31 => self.encode_v3().map(|packet| renamed(&packet)),
            Version::V311 => self.encode_v3(),
            Version::V5 => self.encode_v5(),
        }
    }

    fn encode_v3(&self) -> Result<BytesMut, EncodeError> {
        // Detour: mqttbytes patches the Connect Flags at an index counted from the start of the
        // buffer, so the buffer must be empty. Its result counts without the fixed header: ignored.
        let mut buffer = BytesMut::with_capacity(32);
        let mut packet = v4::Connect::new(self.identifier.as_str());
        packet.keep_alive = self.keep_alive_seconds;
        packet.clean_session = self.clean;
        packet.last_will = self.will.as_ref().map(|will| {
            v4::LastWill::new(
                will.topic.as_str(),
                will.payload.as_str(),
                will.qos.to_mqttbytes(),
                will.retain,
            )
        });
        packet.login =
            self.has_login().then(|| v4::Login::new(self.user.as_str(), self.password.as_str()));
        packet.write(&mut buffer).map_err(EncodeError::Refused)?;
        Ok(buffer)
    }

    fn encode_v5(&self) -> Result<BytesMut, EncodeError> {
        // Detour: an empty buffer, as above.
        let mut buffer = BytesMut::with_capacity(64);
        let mut packet = v5::Connect::new(self.identifier.as_str());
        packet.keep_alive = self.keep_alive_seconds;
        packet.clean_session = self.clean;
        packet.last_will = self.will.as_ref().map(|will| v5::LastWill {
            topic: will.topic.clone(),
            message: Bytes::from(will.payload.clone()),
            qos: will.qos.to_mqttbytes(),
            retain: will.retain,
            properties: None,
        });
        packet.login =
            self.has_login().then(|| v5::Login::new(self.user.as_str(), self.password.as_str()));
        packet.properties = Some(v5::ConnectProperties {
            session_expiry_interval: self.session_expiry_seconds,
            receive_maximum: None,
            max_packet_size: Some(self.packet_bytes_max),
            topic_alias_max: (self.topic_alias_maximum > 0).then_some(self.topic_alias_maximum),
            request_response_info: None,
            request_problem_info: None,
            user_properties: Vec::new(),
            authentication_method: None,
            authentication_data: None,
        });
        packet.write(&mut buffer).map_err(EncodeError::Refused)?;
        Ok(buffer)
    }

    fn has_login(&self) -> bool {
        !self.user.is_empty() || !self.password.is_empty()
    }
}

/// Detour: mqttbytes knows no MQTT 3.1. Its CONNECT is that of 3.1.1 but for the name of the
/// protocol and its level, so those are replaced.
fn renamed(packet: &[u8]) -> BytesMut {
    const NAME_AND_LEVEL: &[u8] = b"\x00\x04MQTT\x04";
    const OLD_NAME_AND_LEVEL: &[u8] = b"\x00\x06MQIsdp\x03";
    let header = packet.iter().skip(1).take_while(|byte| **byte & 0x80 != 0).count() + 2;
    let body = packet.get(header + NAME_AND_LEVEL.len()..).unwrap_or_default();
    let mut remaining = OLD_NAME_AND_LEVEL.len() + body.len();
    let mut renamed = BytesMut::with_capacity(packet.len() + 3);
    renamed.put_u8(0x10);
    while remaining >= 0x80 {
        renamed.put_u8(0x80 | u8::try_from(remaining & 0x7f).unwrap_or(0));
        remaining >>= 7;
    }
    renamed.put_u8(u8::try_from(remaining).unwrap_or(0));
    renamed.put_slice(OLD_NAME_AND_LEVEL);
    renamed.put_slice(body);
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(version: Version) -> Connect {
        Connect {
            version,
            identifier: "kelvin-abc-p-1".to_owned(),
            clean: true,
            keep_alive_seconds: 60,
            user: String::new(),
            password: String::new(),
            will: None,
            session_expiry_seconds: None,
            topic_alias_maximum: 0,
            packet_bytes_max: 1000,
        }
    }

    fn full(version: Version) -> Connect {
        let will = WillMessage {
            topic: "w".to_owned(),
            payload: "gone".to_owned(),
            qos: QoS::AtLeastOnce,
            retain: true,
        };
        Connect {
            clean: false,
            user: "u".to_owned(),
            password: "p".to_owned(),
            will: Some(will),
            session_expiry_seconds: Some(9),
            topic_alias_maximum: 4,
            ..plain(version)
        }
    }

    #[test]
    fn a_connect_is_whole_and_the_fault_that_it_avoids_is_there() {
        let packet = plain(Version::V311).encode().unwrap();
        assert_eq!(packet[..12], *b"\x10\x1a\x00\x04MQTT\x04\x02\x00\x3c");
        assert_eq!(packet[12..], *b"\x00\x0ekelvin-abc-p-1");

        let mut used = BytesMut::from(&b"\xc0\x00"[..]);
        v4::Connect::new("a").write(&mut used).unwrap();
        assert_ne!(used[4..10], *b"\x00\x04MQTT", "mqttbytes no longer damages a later CONNECT");
        let mut used = BytesMut::from(&b"\xc0\x00"[..]);
        v5::Connect::new("a").write(&mut used).unwrap();
        assert_ne!(used[4..10], *b"\x00\x04MQTT", "nor that of MQTT 5");
    }

    #[test]
    fn everything_that_a_connect_says_is_in_it() {
        let rest = b"\0\x0ekelvin-abc-p-1\0\x01w\0\x04gone\0\x01u\0\x01p";
        let packet = full(Version::V311).encode().unwrap();
        assert_eq!(packet[..12], *b"\x10\x29\0\x04MQTT\x04\xec\0\x3c");
        assert_eq!(packet[12..], *rest);
        let packet = full(Version::V5).encode().unwrap();
        assert_eq!(packet[..12], *b"\x10\x38\0\x04MQTT\x05\xec\0\x3c");
        assert_eq!(packet[12..26], *b"\x0d\x11\0\0\0\x09\x27\0\0\x03\xe8\x22\0\x04");
        assert_eq!(packet[26..], *b"\0\x0ekelvin-abc-p-1\0\0\x01w\0\x04gone\0\x01u\0\x01p");
    }

    #[test]
    fn mqtt_3_1_has_its_own_name_and_mqttbytes_does_not_know_it() {
        let mut packet = plain(Version::V31).encode().unwrap();
        assert_eq!(packet[..14], *b"\x10\x1c\x00\x06MQIsdp\x03\x02\x00\x3c");
        assert_eq!(packet[14..], *b"\x00\x0ekelvin-abc-p-1");
        let read = v4::read(&mut packet, 1000);
        assert_eq!(read, Err(mqttbytes::Error::InvalidProtocol), "mqttbytes knows MQTT 3.1 now");

        // The Remaining Length takes a second byte where that of 3.1.1 takes one.
        let mut long = full(Version::V31);
        long.password = "p".repeat(86);
        let packet = long.encode().unwrap();
        assert_eq!(packet[..11], *b"\x10\x80\x01\x00\x06MQIsdp");
        assert_eq!(packet.len(), 128 + 3);
        assert!(packet.ends_with(b"pp"));
    }
}
