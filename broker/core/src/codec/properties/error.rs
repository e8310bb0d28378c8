//! What a peer can get wrong in the properties of a packet.

use super::identifier::PropertyIdentifier;
use crate::codec::reason::ReasonCode;
use crate::topic::TopicError;

/// A property that a Server may not accept, MQTT 5.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// A number that stands for no property.
    #[error("property identifier {0:#04x} is not known [MQTT-2.2.2.2]")]
    Unknown(u32),
    /// A property of another packet.
    #[error("{0:?} is not a property of this packet [MQTT-2.2.2.2]")]
    NotAllowed(PropertyIdentifier),
    /// The value goes on behind the end of the properties.
    #[error("a property ends behind the Property Length [MQTT-2.2.2.1]")]
    Overrun,
    /// A property that may be there once is there again.
    #[error("{0:?} is there more than once [MQTT-2.2.2.2]")]
    Repeated(PropertyIdentifier),
    /// A number that the property may not have.
    #[error("{property:?} is {value}, which is not allowed [MQTT-2.2.2.2]")]
    Value {
        /// Which.
        property: PropertyIdentifier,
        /// What it says.
        value: u32,
    },
    /// Topic Alias 0.
    #[error("Topic Alias is 0 [MQTT-3.3.2-8]")]
    ZeroTopicAlias,
    /// A Response Topic that is no Topic Name.
    #[error("Response Topic: {0} [MQTT-3.3.2-14]")]
    ResponseTopic(TopicError),
    /// A Subscription Identifier in a PUBLISH of a Client.
    #[error("a Client's PUBLISH carries a Subscription Identifier [MQTT-3.3.4-6]")]
    SubscriptionIdentifier,
    /// Authentication Data without Authentication Method.
    #[error("Authentication Data is there without Authentication Method [MQTT-3.1.2.11.10]")]
    AuthenticationDataAlone,
    /// An AUTH without Authentication Method.
    #[error("AUTH carries no Authentication Method [MQTT-3.15.2.2.2]")]
    NoAuthenticationMethod,
}

impl PropertyError {
    /// What a DISCONNECT or CONNACK says about it.
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Self::Unknown(_) | Self::NotAllowed(_) | Self::Overrun => ReasonCode::MalformedPacket,
            Self::ZeroTopicAlias => ReasonCode::TopicAliasInvalid,
            Self::Repeated(_)
            | Self::Value { .. }
            | Self::ResponseTopic(_)
            | Self::SubscriptionIdentifier
            | Self::AuthenticationDataAlone
            | Self::NoAuthenticationMethod => ReasonCode::ProtocolError,
        }
    }
}
