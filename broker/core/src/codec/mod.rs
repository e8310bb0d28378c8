//! Bytes to Control Packets and back, MQTT 2 and 3.
//!
//! Decoding yields views that borrow from the receive buffer: it allocates nothing and copies no
//! payload. One file per packet; what versions differ in is told by [`ProtocolVersion`].

mod acknowledgement;
mod connack;
mod connect;
mod error;
mod fixed_header;
mod publish;
mod reader;
mod suback;
mod subscribe;
mod unsubscribe;

pub use acknowledgement::{
    PINGRESP, PacketIdentifier, decode_acknowledgement, encode_puback, encode_pubcomp,
    encode_pubrec, encode_pubrel, encode_unsuback,
};
pub use connack::{ConnectReturnCode, encode_connack};
pub use connect::{Connect, ProtocolVersion, Will};
pub use error::DecodeError;
pub use fixed_header::{FixedHeader, Frame, PacketType, encode_remaining_length, split};
pub use publish::{PUBLISH_HEADER_MAX, Publish, PublishHeader};
pub use suback::encode_suback;
pub use subscribe::{Subscribe, SubscribeEntries};
pub use unsubscribe::{Unsubscribe, UnsubscribeEntries};

#[cfg(test)]
mod tests;
