//! Every Control Packet that a Client sends, read by one function, as a connection does it.
//!
//! Names nothing but what the including module imports, as the table of packets.

use super::codec::{
    Connect, DecodeError, Frame, PacketIdentifier, PacketType, Publish, Subscribe, Unsubscribe,
    decode_acknowledgement,
};

/// A Control Packet of a Client.
#[derive(Clone, Copy, Debug)]
pub(super) enum AnyPacket<'a> {
    /// CONNECT.
    Connect(Connect<'a>),
    /// PUBLISH.
    Publish(Publish<'a>),
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Acknowledgement(PacketType, PacketIdentifier),
    /// SUBSCRIBE.
    Subscribe(Subscribe<'a>),
    /// UNSUBSCRIBE.
    Unsubscribe(Unsubscribe<'a>),
    /// PINGREQ or DISCONNECT.
    Bare(PacketType),
}

/// Reads the packet that `frame` holds.
pub(super) fn decode(frame: Frame<'_>) -> Result<AnyPacket<'_>, DecodeError> {
    let packet = frame.header.packet;
    Ok(match packet {
        PacketType::Connect => AnyPacket::Connect(Connect::decode(frame.body)?),
        PacketType::Publish => AnyPacket::Publish(Publish::decode(frame)?),
        PacketType::Puback | PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp => {
            AnyPacket::Acknowledgement(packet, decode_acknowledgement(frame.body)?)
        }
        PacketType::Subscribe => AnyPacket::Subscribe(Subscribe::decode(frame.body)?),
        PacketType::Unsubscribe => AnyPacket::Unsubscribe(Unsubscribe::decode(frame.body)?),
        PacketType::Pingreq | PacketType::Disconnect if frame.body.is_empty() => {
            AnyPacket::Bare(packet)
        }
        PacketType::Pingreq | PacketType::Disconnect => return Err(DecodeError::TrailingBytes),
        server => unreachable!("split let a packet of a Server pass: {server:?}"),
    })
}
