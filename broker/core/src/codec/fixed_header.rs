//! The fixed header: packet type, flags, Remaining Length, MQTT 2.2.

use super::error::DecodeError;
use super::packet_type::PacketType;
use super::protocol_version::ProtocolVersion;

/// Most bytes of a fixed header: one of type and flags, four of Remaining Length.
const FIXED_HEADER_MAX: usize = 5;

/// The flag of what is sent again. In MQTT 3.1 PUBREL, SUBSCRIBE and UNSUBSCRIBE have it too.
const DUP: u8 = 0b1000;

/// The first two to five bytes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedHeader {
    /// The kind of the packet.
    pub packet: PacketType,
    /// The whole first byte; a PUBLISH keeps DUP, QoS and RETAIN there.
    pub first: u8,
    /// Bytes of this header.
    pub length: usize,
    /// Bytes that follow it.
    pub remaining_length: usize,
}

impl FixedHeader {
    /// Reads the header at the front of `bytes`; `None` when it is not all there yet.
    ///
    /// Errors as soon as the bytes that are there cannot become a packet of at most `size_max`
    /// bytes which a Client may send. AUTH and the DUP flag of MQTT 3.1 pass, as the version is not
    /// known here: see [`check_version`](Self::check_version).
    pub fn decode(bytes: &[u8], size_max: usize) -> Result<Option<Self>, DecodeError> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        let packet = packet_type(first)?;
        let mut remaining_length = 0;
        for (index, &byte) in bytes.iter().enumerate().take(FIXED_HEADER_MAX).skip(1) {
            remaining_length |= usize::from(byte & 0x7f) << (7 * (index - 1));
            if byte & 0x80 == 0 {
                let header = Self { packet, first, length: index + 1, remaining_length };
                let size = header.size();
                return if size > size_max {
                    Err(DecodeError::TooLarge { size, limit: size_max })
                } else {
                    Ok(Some(header))
                };
            }
        }
        if bytes.len() < FIXED_HEADER_MAX { Ok(None) } else { Err(DecodeError::RemainingLength) }
    }

    /// Checks what depends on the version, which a fixed header alone does not tell: AUTH came with
    /// MQTT 5.0, and so did the rule that a Remaining Length takes as few bytes as it needs; the DUP
    /// flag of packets other than PUBLISH went with MQTT 3.1.
    pub const fn check_version(&self, version: ProtocolVersion) -> Result<(), DecodeError> {
        let reserved = matches!(self.packet, PacketType::Auth);
        match version {
            ProtocolVersion::V4 | ProtocolVersion::V5 if self.is_sent_again() => {
                Err(DecodeError::ReservedFlags(self.first))
            }
            ProtocolVersion::V3 | ProtocolVersion::V4 if reserved => {
                Err(DecodeError::ReservedType(PacketType::Auth as u8))
            }
            ProtocolVersion::V5 if !self.is_minimal() => Err(DecodeError::NotMinimal),
            _ => Ok(()),
        }
    }

    /// Whether a PUBREL, SUBSCRIBE or UNSUBSCRIBE has the DUP flag, MQTT 3.1 section 2.1.
    const fn is_sent_again(&self) -> bool {
        !matches!(self.packet, PacketType::Publish) && self.first & DUP != 0
    }

    /// Whether the last byte of the Remaining Length is needed, MQTT 5.0 1.5.5.
    const fn is_minimal(&self) -> bool {
        self.length <= 2 || self.remaining_length >> (7 * (self.length - 2)) != 0
    }

    /// Bytes of the packet, this header included.
    pub const fn size(&self) -> usize {
        self.length + self.remaining_length
    }
}

/// One whole packet in the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its fixed header.
    pub header: FixedHeader,
    /// What follows the fixed header.
    pub body: &'a [u8],
}

/// Takes the packet at the front of `bytes`; returns it and the bytes after it, or `None` when it
/// is not all there yet. Errors as [`FixedHeader::decode`] does.
#[inline]
pub fn split(bytes: &[u8], size_max: usize) -> Result<Option<(Frame<'_>, &[u8])>, DecodeError> {
    if let Some(found) = split_short(bytes, size_max) {
        return Ok(Some(found));
    }
    // In two steps, so that the compiler keeps what is found above in registers.
    let found = split_any(bytes, size_max)?;
    Ok(found)
}

/// [`split`] for a good and whole packet with a Remaining Length of one byte, as nearly all are.
#[inline]
fn split_short(bytes: &[u8], size_max: usize) -> Option<(Frame<'_>, &[u8])> {
    let [first, length @ 0..0x80, rest @ ..] = bytes else { return None };
    let packet = PACKET_TYPES[usize::from(*first)]?;
    let remaining_length = usize::from(*length);
    let (body, rest) = rest.split_at_checked(remaining_length)?;
    let header = FixedHeader { packet, first: *first, length: 2, remaining_length };
    (header.size() <= size_max).then_some((Frame { header, body }, rest))
}

#[inline(never)]
fn split_any(bytes: &[u8], size_max: usize) -> Result<Option<(Frame<'_>, &[u8])>, DecodeError> {
    let Some(header) = FixedHeader::decode(bytes, size_max)? else {
        return Ok(None);
    };
    let Some((packet, rest)) = bytes.split_at_checked(header.size()) else {
        return Ok(None);
    };
    Ok(Some((Frame { header, body: packet.get(header.length..).unwrap_or_default() }, rest)))
}

/// Appends a Remaining Length, MQTT 2.2.3, or another variable byte integer, 5.0 1.5.5. Lengths above 268,435,455 have no encoding; the limits
/// of the Server stay below.
pub fn encode_remaining_length(mut length: usize, out: &mut Vec<u8>) {
    debug_assert!(length < 1 << 28, "Remaining Length {length} has no encoding");
    while length >= 0x80 {
        out.push(0x80 | low_bits(length));
        length >>= 7;
    }
    out.push(low_bits(length));
}

/// Bytes that [`encode_remaining_length`] appends.
pub(super) const fn remaining_length_size(length: usize) -> usize {
    match length {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "masked to seven bits")]
const fn low_bits(length: usize) -> u8 {
    (length & 0x7f) as u8
}

/// What each first byte announces; `None` where a Client may not send it.
const PACKET_TYPES: [Option<PacketType>; 256] = {
    let mut types = [None; 256];
    let mut first = 0_u8;
    loop {
        if let Ok(packet) = packet_type(first) {
            types[first as usize] = Some(packet);
        }
        if first == u8::MAX {
            break types;
        }
        first += 1;
    }
};

/// Reads the first byte of a packet: a type that a Client may send, with the flags of
/// MQTT 2.2.2, or of 3.1. The flags of a PUBLISH are its own matter.
const fn packet_type(first: u8) -> Result<PacketType, DecodeError> {
    let flags = first & 0x0f;
    let (packet, expected) = match first >> 4 {
        1 => (PacketType::Connect, 0),
        3 => (PacketType::Publish, flags),
        4 => (PacketType::Puback, 0),
        5 => (PacketType::Pubrec, 0),
        6 => (PacketType::Pubrel, 0b0010 | flags & DUP),
        7 => (PacketType::Pubcomp, 0),
        8 => (PacketType::Subscribe, 0b0010 | flags & DUP),
        10 => (PacketType::Unsubscribe, 0b0010 | flags & DUP),
        12 => (PacketType::Pingreq, 0),
        14 => (PacketType::Disconnect, 0),
        15 => (PacketType::Auth, 0),
        0 => return Err(DecodeError::ReservedType(0)),
        other => return Err(DecodeError::ServerPacket(other)),
    };
    if flags == expected { Ok(packet) } else { Err(DecodeError::ReservedFlags(first)) }
}
