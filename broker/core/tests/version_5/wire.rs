//! The Control Packets of these tests, written and read apart from the broker's codec.

use std::time::Duration;

/// A property: its identifier, and its value as it is encoded.
pub(crate) type Property = (u8, Vec<u8>);

pub(crate) const MESSAGE_EXPIRY: u8 = 0x02;
pub(crate) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0b;
pub(crate) const SESSION_EXPIRY: u8 = 0x11;
pub(crate) const ASSIGNED_IDENTIFIER: u8 = 0x12;
pub(crate) const WILL_DELAY: u8 = 0x18;
pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
pub(crate) const ALIAS_MAXIMUM: u8 = 0x22;
pub(crate) const ALIAS: u8 = 0x23;
pub(crate) const USER: u8 = 0x26;
pub(crate) const PACKET_MAXIMUM: u8 = 0x27;

pub(crate) fn seconds(identifier: u8, seconds: u32) -> Property {
    (identifier, seconds.to_be_bytes().to_vec())
}

pub(crate) fn two_bytes(identifier: u8, value: u16) -> Property {
    (identifier, value.to_be_bytes().to_vec())
}

pub(crate) fn variable(identifier: u8, value: u32) -> Property {
    let mut bytes = Vec::new();
    put_variable(value as usize, &mut bytes);
    (identifier, bytes)
}

pub(crate) fn user(name: &str, value: &str) -> Property {
    (USER, [string(name.as_bytes()), string(value.as_bytes())].concat())
}

/// A packet of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Connack {
        present: bool,
        code: u8,
        properties: Vec<Property>,
    },
    Publish(Publish),
    /// PUBACK, PUBREC, PUBREL or PUBCOMP by its first byte, with identifier and Reason Code.
    Acknowledgement(u8, u16, u8),
    Suback(u16, Vec<u8>),
    Unsuback(u16, Vec<u8>),
    Pingresp,
    Disconnect(u8),
}

/// An Application Message on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) duplicate: bool,
    /// 0 at QoS 0.
    pub(crate) identifier: u16,
    pub(crate) properties: Vec<Property>,
}

pub(crate) fn publish(topic: &str, payload: impl AsRef<[u8]>) -> Publish {
    let payload = payload.as_ref().to_vec();
    Publish { topic: topic.to_owned(), payload, ..Publish::default() }
}

impl Publish {
    pub(crate) fn at(self, qos: u8, identifier: u16) -> Self {
        Self { qos, identifier, ..self }
    }

    pub(crate) fn retained(self) -> Self {
        Self { retain: true, ..self }
    }

    pub(crate) fn with(mut self, property: Property) -> Self {
        self.properties.push(property);
        self
    }

    /// The values of one kind of property, as they are encoded.
    pub(crate) fn all(&self, identifier: u8) -> Vec<&[u8]> {
        let kind = self.properties.iter().filter(|(other, _)| *other == identifier);
        kind.map(|(_, value)| &**value).collect()
    }

    pub(crate) fn expiry(&self) -> Option<Duration> {
        let value: [u8; 4] = (*self.all(MESSAGE_EXPIRY).first()?).try_into().expect("four bytes");
        Some(Duration::from_secs(u32::from_be_bytes(value).into()))
    }

    pub(crate) fn encode(&self, version: u8) -> Vec<u8> {
        let first = 0x30 | u8::from(self.duplicate) << 3 | self.qos << 1 | u8::from(self.retain);
        let mut body = string(self.topic.as_bytes());
        if self.qos > 0 {
            body.extend(self.identifier.to_be_bytes());
        }
        if version == 5 {
            body.extend(encode_properties(&self.properties));
        }
        body.extend(&self.payload);
        packet(first, &body)
    }
}

pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    put_variable(body.len(), &mut bytes);
    bytes.extend(body);
    bytes
}

fn put_variable(mut value: usize, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}

pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a short string");
    [&length.to_be_bytes(), bytes].concat()
}

pub(crate) fn encode_properties(properties: &[Property]) -> Vec<u8> {
    let all: Vec<u8> =
        properties.iter().flat_map(|(id, value)| [&[*id][..], value].concat()).collect();
    let mut bytes = Vec::new();
    put_variable(all.len(), &mut bytes);
    bytes.extend(all);
    bytes
}

/// Takes from the front of a slice.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (front, rest) = self.0.split_at(count);
        self.0 = rest;
        front
    }

    fn byte(&mut self) -> u8 {
        self.bytes(1)[0]
    }

    fn number(&mut self) -> u16 {
        u16::from_be_bytes(self.bytes(2).try_into().expect("two bytes"))
    }

    fn variable(&mut self) -> usize {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = usize::from(self.byte());
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
        }
        panic!("a Variable Byte Integer is too long")
    }

    fn string(&mut self) -> &'a [u8] {
        let length = self.number();
        self.bytes(length.into())
    }

    fn properties(&mut self) -> Vec<Property> {
        let length = self.variable();
        let mut cursor = Cursor(self.bytes(length));
        let mut properties = Vec::new();
        while !cursor.0.is_empty() {
            let identifier = cursor.byte();
            let before = cursor.0;
            let length = match identifier {
                0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2a => 1,
                0x13 | 0x21..=0x23 => 2,
                0x02 | 0x11 | 0x18 | 0x27 => 4,
                0x0b => 1 + before.iter().take_while(|&&byte| byte >= 0x80).count(),
                USER => {
                    let name = cursor.string().len();
                    4 + name + cursor.string().len()
                }
                0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => {
                    2 + cursor.string().len()
                }
                other => panic!("{other:#04x} is no property"),
            };
            let (value, rest) = before.split_at(length);
            properties.push((identifier, value.to_vec()));
            cursor.0 = rest;
        }
        properties
    }
}

/// Reads all packets that the broker sent to a Client of `version` (4 or 5).
pub(crate) fn read_all(bytes: &[u8], version: u8) -> Vec<Packet> {
    let mut cursor = Cursor(bytes);
    let mut packets = Vec::new();
    while !cursor.0.is_empty() {
        let first = cursor.byte();
        let length = cursor.variable();
        packets.push(read(first, Cursor(cursor.bytes(length)), version));
    }
    packets
}

fn read(first: u8, mut body: Cursor<'_>, version: u8) -> Packet {
    let is_v5 = version == 5;
    match first >> 4 {
        2 => Packet::Connack {
            present: body.byte() == 1,
            code: body.byte(),
            properties: if is_v5 { body.properties() } else { vec![] },
        },
        3 => {
            let qos = first >> 1 & 3;
            let topic = String::from_utf8(body.string().to_vec()).expect("UTF-8");
            let identifier = if qos > 0 { body.number() } else { 0 };
            let properties = if is_v5 { body.properties() } else { vec![] };
            let (retain, duplicate) = (first & 1 == 1, first & 8 == 8);
            let payload = body.0.to_vec();
            Packet::Publish(Publish {
                topic,
                payload,
                qos,
                retain,
                duplicate,
                identifier,
                properties,
            })
        }
        4..=7 => {
            let identifier = body.number();
            let reason = if body.0.is_empty() { 0 } else { body.byte() };
            Packet::Acknowledgement(first, identifier, reason)
        }
        9 | 11 => {
            let identifier = body.number();
            if is_v5 {
                assert_eq!(body.properties(), []);
            }
            let codes = body.0.to_vec();
            if first >> 4 == 9 {
                Packet::Suback(identifier, codes)
            } else {
                Packet::Unsuback(identifier, codes)
            }
        }
        13 => Packet::Pingresp,
        14 => Packet::Disconnect(body.byte()),
        other => panic!("a broker does not send packets of type {other}"),
    }
}

/// Bytes of the first `count` packets.
pub(crate) fn length(bytes: &[u8], count: usize) -> usize {
    let mut cursor = Cursor(bytes);
    for _ in 0..count {
        cursor.byte();
        let length = cursor.variable();
        cursor.bytes(length);
    }
    bytes.len() - cursor.0.len()
}
