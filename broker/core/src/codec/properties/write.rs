//! Properties and lengths, written, MQTT 5.0 2.2.2.

use super::identifier::PropertyIdentifier;
use crate::codec::fixed_header::encode_remaining_length;

/// Appends a packet: its first byte, the Remaining Length and what `body` appends.
pub(in super::super) fn write_packet(
    first: u8,
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>),
) {
    out.push(first);
    write_with_length(out, body);
}

/// Appends what `body` appends, behind its length as a variable byte integer.
pub(in super::super) fn write_with_length(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    body(out);
    let end = out.len();
    encode_remaining_length(end - start, out);
    // The length was appended behind the body: it goes to the front.
    let length_size = out.len() - end;
    if let Some(written) = out.get_mut(start..) {
        written.rotate_right(length_size);
    }
}

/// Appends bytes behind their two-byte length, cut to 65,535 bytes.
pub(in super::super) fn write_binary(bytes: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    debug_assert_eq!(usize::from(length), bytes.len(), "a field has at most 65,535 bytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend(bytes.iter().take(usize::from(length)));
}

/// Appends a string behind its two-byte length, cut to 65,535 bytes at a character.
pub(in super::super) fn write_string(string: &str, out: &mut Vec<u8>) {
    let end = (0..=string.len().min(usize::from(u16::MAX)))
        .rfind(|&end| string.is_char_boundary(end))
        .unwrap_or_default();
    write_binary(string.as_bytes().get(..end).unwrap_or_default(), out);
}

/// Appends properties one by one, each if it is there.
pub(in super::super) struct PropertyWriter<'a>(pub(in super::super) &'a mut Vec<u8>);

impl PropertyWriter<'_> {
    pub(in super::super) fn flag(&mut self, identifier: PropertyIdentifier, value: Option<bool>) {
        self.byte(identifier, value.map(u8::from));
    }

    pub(in super::super) fn byte(&mut self, identifier: PropertyIdentifier, value: Option<u8>) {
        self.bytes(identifier, value.map(|byte| [byte]));
    }

    pub(in super::super) fn two_bytes(
        &mut self,
        identifier: PropertyIdentifier,
        value: Option<u16>,
    ) {
        self.bytes(identifier, value.map(u16::to_be_bytes));
    }

    pub(in super::super) fn four_bytes(
        &mut self,
        identifier: PropertyIdentifier,
        value: Option<u32>,
    ) {
        self.bytes(identifier, value.map(u32::to_be_bytes));
    }

    fn bytes<const N: usize>(&mut self, identifier: PropertyIdentifier, value: Option<[u8; N]>) {
        if let Some(bytes) = value {
            self.0.push(identifier as u8);
            self.0.extend_from_slice(&bytes);
        }
    }

    pub(in super::super) fn string(&mut self, identifier: PropertyIdentifier, value: Option<&str>) {
        if let Some(string) = value {
            self.0.push(identifier as u8);
            write_string(string, self.0);
        }
    }

    pub(in super::super) fn binary(
        &mut self,
        identifier: PropertyIdentifier,
        value: Option<&[u8]>,
    ) {
        if let Some(bytes) = value {
            self.0.push(identifier as u8);
            write_binary(bytes, self.0);
        }
    }

    pub(in super::super) fn user_properties<'b>(
        &mut self,
        properties: impl IntoIterator<Item = (&'b str, &'b str)>,
    ) {
        for (name, value) in properties {
            self.0.push(PropertyIdentifier::UserProperty as u8);
            write_string(name, self.0);
            write_string(value, self.0);
        }
    }
}
