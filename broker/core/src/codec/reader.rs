//! Fields of a Control Packet, read from the front, MQTT 1.5.

use super::error::DecodeError;
use super::packet_identifier::PacketIdentifier;

/// What is left of a packet's body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (field, rest) = self.0.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(field)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.0.split_first().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(u16::from_be_bytes(*bytes))
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// A number of one to four bytes, as few as it needs, MQTT 5.0 1.5.5.
    pub(super) fn variable_byte_integer(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let minimal = byte != 0 || shift == 0;
                return if minimal { Ok(value) } else { Err(DecodeError::NotMinimal) };
            }
        }
        Err(DecodeError::VariableByteInteger)
    }

    /// The properties and no more, behind their length, MQTT 5.0 2.2.2.
    pub(super) fn properties(&mut self) -> Result<Self, DecodeError> {
        let length = self.variable_byte_integer()?;
        let length = usize::try_from(length).map_err(|_| DecodeError::Truncated)?;
        self.take(length).map(Self)
    }

    /// Two bytes that are not zero, [MQTT-2.3.1-1], 5.0 [MQTT-2.2.1-3].
    pub(super) fn packet_identifier(&mut self) -> Result<PacketIdentifier, DecodeError> {
        PacketIdentifier::new(self.u16()?).ok_or(DecodeError::ZeroPacketIdentifier)
    }

    /// Bytes behind a two-byte length.
    pub(super) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// UTF-8 behind a two-byte length; a topic checks for U+0000 itself, MQTT 1.5.3, 5.0 1.5.4.
    pub(super) fn utf8(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.binary()?).map_err(|_| DecodeError::Utf8)
    }

    /// A UTF-8 encoded string, MQTT 1.5.3, 5.0 1.5.4.
    pub(super) fn string(&mut self) -> Result<&'a str, DecodeError> {
        let string = self.utf8()?;
        if string.as_bytes().contains(&0) {
            return Err(DecodeError::NullCharacter);
        }
        Ok(string)
    }

    /// Errors when bytes are left.
    pub(super) const fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
    }
}
