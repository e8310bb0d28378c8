//! Properties of MQTT 5.0 by hand.

use crate::support::packets::field;

/// The identifiers, MQTT 5.0 2.2.2.2.
pub(crate) mod id {
    pub(crate) const PAYLOAD_FORMAT_INDICATOR: u8 = 0x01;
    pub(crate) const MESSAGE_EXPIRY_INTERVAL: u8 = 0x02;
    pub(crate) const CONTENT_TYPE: u8 = 0x03;
    pub(crate) const RESPONSE_TOPIC: u8 = 0x08;
    pub(crate) const CORRELATION_DATA: u8 = 0x09;
    pub(crate) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0b;
    pub(crate) const SESSION_EXPIRY_INTERVAL: u8 = 0x11;
    pub(crate) const ASSIGNED_CLIENT_IDENTIFIER: u8 = 0x12;
    pub(crate) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(crate) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(crate) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(crate) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub(crate) const WILL_DELAY_INTERVAL: u8 = 0x18;
    pub(crate) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub(crate) const RESPONSE_INFORMATION: u8 = 0x1a;
    pub(crate) const SERVER_REFERENCE: u8 = 0x1c;
    pub(crate) const REASON_STRING: u8 = 0x1f;
    pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(crate) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(crate) const TOPIC_ALIAS: u8 = 0x23;
    pub(crate) const MAXIMUM_QOS: u8 = 0x24;
    pub(crate) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(crate) const USER_PROPERTY: u8 = 0x26;
    pub(crate) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(crate) const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 0x28;
    pub(crate) const SUBSCRIPTION_IDENTIFIER_AVAILABLE: u8 = 0x29;
    pub(crate) const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 0x2a;
}

/// The properties of a packet in their order, each with the bytes of its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties(Vec<(u8, Vec<u8>)>);

impl Properties {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn add(mut self, identifier: u8, value: Vec<u8>) -> Self {
        self.0.push((identifier, value));
        self
    }

    pub(crate) fn byte(self, identifier: u8, value: u8) -> Self {
        self.add(identifier, vec![value])
    }

    pub(crate) fn two_bytes(self, identifier: u8, value: u16) -> Self {
        self.add(identifier, value.to_be_bytes().to_vec())
    }

    pub(crate) fn four_bytes(self, identifier: u8, value: u32) -> Self {
        self.add(identifier, value.to_be_bytes().to_vec())
    }

    pub(crate) fn variable(self, identifier: u8, value: usize) -> Self {
        self.add(identifier, variable_byte_integer(value))
    }

    /// A string, or what should be one.
    pub(crate) fn string(self, identifier: u8, value: impl AsRef<[u8]>) -> Self {
        self.add(identifier, field(value.as_ref()))
    }

    pub(crate) fn user(self, name: &str, value: &str) -> Self {
        self.add(id::USER_PROPERTY, [field(name.as_bytes()), field(value.as_bytes())].concat())
    }

    /// Behind their length.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let each = self.0.iter().map(|(identifier, value)| [&[*identifier], &value[..]].concat());
        let properties = each.collect::<Vec<_>>().concat();
        [variable_byte_integer(properties.len()), properties].concat()
    }

    /// Takes properties off the front of a packet's body.
    pub(crate) fn take(body: &mut &[u8]) -> Self {
        let length = take_variable_byte_integer(body);
        let (mut properties, rest) = body.split_at(length);
        *body = rest;
        let mut taken = Self::default();
        while let Some((&identifier, rest)) = properties.split_first() {
            let (value, rest) = rest.split_at(value_size(identifier, rest));
            taken.0.push((identifier, value.to_vec()));
            properties = rest;
        }
        taken
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn has(&self, identifier: u8) -> bool {
        self.0.iter().any(|(other, _)| *other == identifier)
    }

    /// The number of a property that is there once at most; none when it is not there.
    pub(crate) fn number(&self, identifier: u8) -> Option<u32> {
        let numbers = self.numbers(identifier);
        assert!(numbers.len() < 2, "property {identifier:#04x} is there {} times", numbers.len());
        numbers.first().copied()
    }

    /// The numbers of a property, in their order.
    pub(crate) fn numbers(&self, identifier: u8) -> Vec<u32> {
        let values = self.0.iter().filter(|(other, _)| *other == identifier);
        values.map(|(_, value)| number(identifier, value)).collect()
    }

    /// The string of a property.
    pub(crate) fn text(&self, identifier: u8) -> Option<String> {
        let (_, value) = self.0.iter().find(|(other, _)| *other == identifier)?;
        Some(String::from_utf8(value[2..].to_vec()).expect("a string is UTF-8"))
    }

    /// All but those of one kind.
    pub(crate) fn without(mut self, identifier: u8) -> Self {
        self.0.retain(|(other, _)| *other != identifier);
        self
    }
}

/// The shortest encoding of a number, MQTT 5.0 1.5.5.
pub(crate) fn variable_byte_integer(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let digit = u8::try_from(value % 128).expect("below 128");
        value /= 128;
        bytes.push(if value > 0 { digit | 0x80 } else { digit });
        if value == 0 {
            return bytes;
        }
    }
}

fn take_variable_byte_integer(bytes: &mut &[u8]) -> usize {
    let size = 1 + bytes.iter().take_while(|byte| **byte & 0x80 != 0).count();
    let (digits, rest) = bytes.split_at(size);
    *bytes = rest;
    digits.iter().rev().fold(0, |value, digit| value << 7 | usize::from(digit & 0x7f))
}

fn value_size(identifier: u8, bytes: &[u8]) -> usize {
    let string = |at: usize| 2 + usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    match identifier {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => 1,
        0x13 | 0x21 | 0x22 | 0x23 => 2,
        0x02 | 0x11 | 0x18 | 0x27 => 4,
        0x0b => 1 + bytes.iter().take_while(|byte| **byte & 0x80 != 0).count(),
        0x26 => string(0) + string(string(0)),
        0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => string(0),
        _ => panic!("{identifier:#04x} is no property"),
    }
}

fn number(identifier: u8, mut value: &[u8]) -> u32 {
    if identifier == id::SUBSCRIPTION_IDENTIFIER {
        let number = take_variable_byte_integer(&mut value);
        return u32::try_from(number).expect("four bytes hold 28 bits");
    }
    value.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
