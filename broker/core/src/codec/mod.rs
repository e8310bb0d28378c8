//! Bytes to Control Packets and back, MQTT 2 and 3, of 3.1, 3.1.1 and 5.0.
//!
//! Decoding yields views that borrow from the receive buffer: it allocates nothing and copies no
//! payload. One file per packet; what versions differ in is told by [`ProtocolVersion`].

mod acknowledgement;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod error;
mod fixed_header;
mod packet_identifier;
mod packet_type;
mod protocol_version;
mod publish;
mod publish_run;
mod reader;
mod reason;
mod suback;
mod subscribe;
mod unsubscribe;

pub mod properties;

pub use acknowledgement::{
    Acknowledgement, PINGRESP, PUBACK_BYTES, encode_acknowledgement, encode_puback, encode_pubcomp,
    encode_pubrec, encode_pubrel, encode_unsuback, split_puback,
};
pub use auth::Auth;
pub use connack::{ConnackProperties, encode_connack, encode_connack_v5};
pub use connect::{Connect, ConnectProperties, Will};
pub use disconnect::{Disconnect, DisconnectProperties, encode_disconnect};
pub use error::DecodeError;
pub use fixed_header::{FixedHeader, Frame, encode_remaining_length, split};
pub use packet_identifier::PacketIdentifier;
pub use packet_type::PacketType;
pub use protocol_version::ProtocolVersion;
pub use publish::{Publish, PublishHeader, PublishHeaderV5};
pub(crate) use publish_run::{PublishRun, RUN_MAX, RunPacket, each_packet, extent};
pub use reason::{ConnectReturnCode, ReasonCode};
pub use suback::{encode_suback, encode_suback_v5, encode_unsuback_v5};
pub use subscribe::{
    RetainHandling, Subscribe, SubscribeEntries, SubscribeEntry, SubscribeProperties,
    SubscriptionOptions,
};
pub use unsubscribe::{Unsubscribe, UnsubscribeEntries};

#[cfg(test)]
mod tests;
