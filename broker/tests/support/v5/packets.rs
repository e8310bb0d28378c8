//! Control Packets of MQTT 5.0 by hand.

use super::properties::{Properties, id};
use crate::support::packets::{field, packet};

/// A PUBACK, PUBREC, PUBREL or PUBCOMP with a Reason Code.
pub(crate) fn acknowledgement(first: u8, identifier: u16, reason: u8) -> Vec<u8> {
    packet(first, &[&identifier.to_be_bytes(), &[reason]])
}

/// A SUBSCRIBE of filters with their Subscription Options.
pub(crate) fn subscribe(
    identifier: u16,
    properties: &Properties,
    filters: &[(&str, u8)],
) -> Vec<u8> {
    let entries: Vec<u8> = filters
        .iter()
        .flat_map(|(filter, options)| [field(filter.as_bytes()), vec![*options]].concat())
        .collect();
    packet(0x82, &[&identifier.to_be_bytes(), &properties.bytes(), &entries])
}

/// A SUBACK without properties.
pub(crate) fn suback(identifier: u16, reasons: &[u8]) -> Vec<u8> {
    packet(0x90, &[&identifier.to_be_bytes(), &[0], reasons])
}

pub(crate) fn unsubscribe(identifier: u16, properties: &Properties, filters: &[&str]) -> Vec<u8> {
    let entries: Vec<u8> = filters.iter().flat_map(|filter| field(filter.as_bytes())).collect();
    packet(0xa2, &[&identifier.to_be_bytes(), &properties.bytes(), &entries])
}

/// An UNSUBACK without properties.
pub(crate) fn unsuback(identifier: u16, reasons: &[u8]) -> Vec<u8> {
    packet(0xb0, &[&identifier.to_be_bytes(), &[0], reasons])
}

pub(crate) fn disconnect(reason: u8, properties: &Properties) -> Vec<u8> {
    packet(0xe0, &[&[reason], &properties.bytes()])
}

pub(crate) fn auth(reason: u8, properties: &Properties) -> Vec<u8> {
    packet(0xf0, &[&[reason], &properties.bytes()])
}

/// What follows the fixed header of a packet.
pub(crate) fn body(packet: &[u8]) -> &[u8] {
    let length = packet[1..].iter().take_while(|byte| **byte & 0x80 != 0).count();
    &packet[2 + length..]
}

/// A CONNACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connack {
    pub(crate) flags: u8,
    pub(crate) reason: u8,
    pub(crate) properties: Properties,
}

impl Connack {
    pub(crate) fn parse(packet: &[u8]) -> Self {
        assert_eq!(packet[0], 0x20, "not a CONNACK: {packet:02x?}");
        let mut rest = &body(packet)[2..];
        let properties = Properties::take(&mut rest);
        assert!(rest.is_empty(), "bytes behind the properties of a CONNACK: {rest:02x?}");
        let [flags, reason] = [body(packet)[0], body(packet)[1]];
        Self { flags, reason, properties }
    }
}

/// A DISCONNECT as it was received: Reason Code and properties.
pub(crate) fn parse_disconnect(packet: &[u8]) -> (u8, Properties) {
    assert_eq!(packet[0], 0xe0, "not a DISCONNECT: {packet:02x?}");
    let Some((&reason, mut rest)) = body(packet).split_first() else {
        return (0, Properties::new());
    };
    let properties = if rest.is_empty() { Properties::new() } else { Properties::take(&mut rest) };
    assert!(rest.is_empty(), "bytes behind the properties of a DISCONNECT: {rest:02x?}");
    (reason, properties)
}

/// An AUTH as it was received: Reason Code and properties.
pub(crate) fn parse_auth(packet: &[u8]) -> (u8, Properties) {
    assert_eq!(packet[0], 0xf0, "not an AUTH: {packet:02x?}");
    let mut rest = &body(packet)[1..];
    let properties = Properties::take(&mut rest);
    assert!(rest.is_empty(), "bytes behind the properties of an AUTH: {rest:02x?}");
    (body(packet)[0], properties)
}

/// A PUBLISH to send, or as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) duplicate: bool,
    /// Goes on the wire above QoS 0 only.
    pub(crate) identifier: u16,
    pub(crate) properties: Properties,
}

impl Publish {
    /// A message at QoS 0 without properties.
    pub(crate) fn new(topic: &str, payload: impl AsRef<[u8]>) -> Self {
        Self {
            topic: topic.to_owned(),
            payload: payload.as_ref().to_vec(),
            qos: 0,
            retain: false,
            duplicate: false,
            identifier: 0,
            properties: Properties::new(),
        }
    }

    pub(crate) fn qos(self, qos: u8, identifier: u16) -> Self {
        Self { qos, identifier, ..self }
    }

    pub(crate) fn retain(self) -> Self {
        Self { retain: true, ..self }
    }

    pub(crate) fn duplicate(self) -> Self {
        Self { duplicate: true, ..self }
    }

    pub(crate) fn properties(self, properties: Properties) -> Self {
        Self { properties, ..self }
    }

    pub(crate) fn alias(self, alias: u16) -> Self {
        let properties = self.properties.two_bytes(id::TOPIC_ALIAS, alias);
        Self { properties, ..self }
    }

    pub(crate) fn expiry(self, seconds: u32) -> Self {
        let properties = self.properties.four_bytes(id::MESSAGE_EXPIRY_INTERVAL, seconds);
        Self { properties, ..self }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let flags = u8::from(self.duplicate) << 3 | self.qos << 1 | u8::from(self.retain);
        let identifier = self.identifier.to_be_bytes();
        let identifier = if self.qos > 0 { &identifier[..] } else { &[] };
        let (topic, properties) = (field(self.topic.as_bytes()), self.properties.bytes());
        packet(0x30 | flags, &[&topic, identifier, &properties, &self.payload])
    }

    /// Reads a packet that must be a PUBLISH.
    pub(crate) fn parse(packet: &[u8]) -> Self {
        let first = packet[0];
        assert_eq!(first >> 4, 3, "not a PUBLISH: {packet:02x?}");
        let body = body(packet);
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let (topic, mut rest) = body[2..].split_at(length);
        let qos = first >> 1 & 3;
        let mut identifier = 0;
        if qos > 0 {
            identifier = u16::from_be_bytes([rest[0], rest[1]]);
            rest = &rest[2..];
        }
        let properties = Properties::take(&mut rest);
        Self {
            topic: String::from_utf8(topic.to_vec()).expect("a Topic Name is UTF-8"),
            payload: rest.to_vec(),
            qos,
            retain: first & 1 != 0,
            duplicate: first & 8 != 0,
            identifier,
            properties,
        }
    }
}

/// A CONNECT.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    pub(crate) identifier: String,
    pub(crate) clean_start: bool,
    pub(crate) keep_alive: u16,
    pub(crate) properties: Properties,
    /// Its Topic Name, payload, QoS, RETAIN and properties are those of the Will.
    pub(crate) will: Option<Publish>,
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
}

impl Connect {
    /// Clean Start, no keep alive, no properties.
    pub(crate) fn new(identifier: &str) -> Self {
        Self {
            identifier: identifier.to_owned(),
            clean_start: true,
            keep_alive: 0,
            properties: Properties::new(),
            will: None,
            user_name: None,
            password: None,
        }
    }

    /// With Clean Start 0.
    pub(crate) fn resume(self) -> Self {
        Self { clean_start: false, ..self }
    }

    pub(crate) fn keep_alive(self, keep_alive: u16) -> Self {
        Self { keep_alive, ..self }
    }

    /// Adds properties with a function.
    pub(crate) fn with(self, add: impl FnOnce(Properties) -> Properties) -> Self {
        let properties = add(self.properties);
        Self { properties, ..self }
    }

    /// Session Expiry Interval.
    pub(crate) fn expiry(self, seconds: u32) -> Self {
        self.with(|properties| properties.four_bytes(id::SESSION_EXPIRY_INTERVAL, seconds))
    }

    pub(crate) fn will(self, will: Publish) -> Self {
        Self { will: Some(will), ..self }
    }

    pub(crate) fn user_name(self, user_name: &str) -> Self {
        Self { user_name: Some(user_name.to_owned()), ..self }
    }

    pub(crate) fn password(self, password: &[u8]) -> Self {
        Self { password: Some(password.to_vec()), ..self }
    }

    /// The Connect Flags.
    pub(crate) fn flags(&self) -> u8 {
        let will =
            self.will.as_ref().map_or(0, |will| 0x04 | will.qos << 3 | u8::from(will.retain) << 5);
        will | u8::from(self.clean_start) << 1
            | u8::from(self.password.is_some()) << 6
            | u8::from(self.user_name.is_some()) << 7
    }

    /// The fields of the payload, in order.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut payload = field(self.identifier.as_bytes());
        if let Some(will) = &self.will {
            payload.extend(will.properties.bytes());
            payload.extend(field(will.topic.as_bytes()));
            payload.extend(field(&will.payload));
        }
        if let Some(user_name) = &self.user_name {
            payload.extend(field(user_name.as_bytes()));
        }
        if let Some(password) = &self.password {
            payload.extend(field(password));
        }
        payload
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_with(self.flags(), &self.payload())
    }

    /// With flags and a payload that need not fit each other.
    pub(crate) fn bytes_with(&self, flags: u8, payload: &[u8]) -> Vec<u8> {
        let keep_alive = self.keep_alive.to_be_bytes();
        let properties = self.properties.bytes();
        packet(0x10, &[&field(b"MQTT"), &[5, flags], &keep_alive, &properties, payload])
    }
}
