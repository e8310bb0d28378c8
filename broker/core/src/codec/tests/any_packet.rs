//! Every Control Packet that a Client sends, read by one function, as a connection does it.
//!
//! Names nothing but what the including module imports, as the table of packets.

use super::codec::{
    Acknowledgement, Auth, Connect, DecodeError, Disconnect, Frame, PacketType, ProtocolVersion,
    Publish, Subscribe, Unsubscribe,
};

/// A Control Packet of a Client.
#[derive(Clone, Copy, Debug)]
pub(super) enum AnyPacket<'a> {
    /// CONNECT.
    Connect(Connect<'a>),
    /// PUBLISH.
    Publish(Publish<'a>),
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Acknowledgement(PacketType, Acknowledgement<'a>),
    /// SUBSCRIBE.
    Subscribe(Subscribe<'a>),
    /// UNSUBSCRIBE.
    Unsubscribe(Unsubscribe<'a>),
    /// PINGREQ.
    Pingreq,
    /// DISCONNECT.
    Disconnect(Disconnect<'a>),
    /// AUTH.
    Auth(Auth<'a>),
}

/// Reads the packet that `frame` holds on a connection of `version`; a CONNECT says its own.
pub(super) fn decode(
    frame: Frame<'_>,
    version: ProtocolVersion,
) -> Result<AnyPacket<'_>, DecodeError> {
    let Frame { header, body } = frame;
    let packet = header.packet;
    if packet == PacketType::Connect {
        let connect = Connect::decode(body)?;
        header.check_version(connect.protocol)?;
        return Ok(AnyPacket::Connect(connect));
    }
    header.check_version(version)?;
    Ok(match packet {
        PacketType::Publish => AnyPacket::Publish(Publish::decode(frame, version)?),
        PacketType::Puback | PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp => {
            AnyPacket::Acknowledgement(packet, Acknowledgement::decode(packet, body, version)?)
        }
        PacketType::Subscribe => AnyPacket::Subscribe(Subscribe::decode(body, version)?),
        PacketType::Unsubscribe => AnyPacket::Unsubscribe(Unsubscribe::decode(body, version)?),
        PacketType::Pingreq if body.is_empty() => AnyPacket::Pingreq,
        PacketType::Pingreq => return Err(DecodeError::TrailingBytes),
        PacketType::Disconnect => AnyPacket::Disconnect(Disconnect::decode(body, version)?),
        PacketType::Auth => AnyPacket::Auth(Auth::decode(body)?),
        server => unreachable!("split let a packet of a Server pass: {server:?}"),
    })
}
