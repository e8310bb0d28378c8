//! Which properties there are and which packet may carry which, MQTT 5.0 2.2.2.2.

/// The kind of a property, MQTT 5.0 2.2.2.2, table 2-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PropertyIdentifier {
    /// Byte: whether the payload is UTF-8. PUBLISH, Will.
    PayloadFormatIndicator = 0x01,
    /// Four bytes, seconds. PUBLISH, Will.
    MessageExpiryInterval = 0x02,
    /// String. PUBLISH, Will.
    ContentType = 0x03,
    /// String, a Topic Name. PUBLISH, Will.
    ResponseTopic = 0x08,
    /// Binary. PUBLISH, Will.
    CorrelationData = 0x09,
    /// Variable byte integer. PUBLISH, SUBSCRIBE.
    SubscriptionIdentifier = 0x0b,
    /// Four bytes, seconds. CONNECT, CONNACK, DISCONNECT.
    SessionExpiryInterval = 0x11,
    /// String. CONNACK.
    AssignedClientIdentifier = 0x12,
    /// Two bytes, seconds. CONNACK.
    ServerKeepAlive = 0x13,
    /// String. CONNECT, CONNACK, AUTH.
    AuthenticationMethod = 0x15,
    /// Binary. CONNECT, CONNACK, AUTH.
    AuthenticationData = 0x16,
    /// Byte. CONNECT.
    RequestProblemInformation = 0x17,
    /// Four bytes, seconds. Will.
    WillDelayInterval = 0x18,
    /// Byte. CONNECT.
    RequestResponseInformation = 0x19,
    /// String. CONNACK.
    ResponseInformation = 0x1a,
    /// String. CONNACK, DISCONNECT.
    ServerReference = 0x1c,
    /// String. CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH.
    ReasonString = 0x1f,
    /// Two bytes. CONNECT, CONNACK.
    ReceiveMaximum = 0x21,
    /// Two bytes. CONNECT, CONNACK.
    TopicAliasMaximum = 0x22,
    /// Two bytes. PUBLISH.
    TopicAlias = 0x23,
    /// Byte. CONNACK.
    MaximumQoS = 0x24,
    /// Byte. CONNACK.
    RetainAvailable = 0x25,
    /// Two strings, any number of times. Every packet that has properties.
    UserProperty = 0x26,
    /// Four bytes. CONNECT, CONNACK.
    MaximumPacketSize = 0x27,
    /// Byte. CONNACK.
    WildcardSubscriptionAvailable = 0x28,
    /// Byte. CONNACK.
    SubscriptionIdentifierAvailable = 0x29,
    /// Byte. CONNACK.
    SharedSubscriptionAvailable = 0x2a,
}

impl PropertyIdentifier {
    /// Reads the number; `None` when the specification gives it no meaning.
    pub const fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            0x01 => Self::PayloadFormatIndicator,
            0x02 => Self::MessageExpiryInterval,
            0x03 => Self::ContentType,
            0x08 => Self::ResponseTopic,
            0x09 => Self::CorrelationData,
            0x0b => Self::SubscriptionIdentifier,
            0x11 => Self::SessionExpiryInterval,
            0x12 => Self::AssignedClientIdentifier,
            0x13 => Self::ServerKeepAlive,
            0x15 => Self::AuthenticationMethod,
            0x16 => Self::AuthenticationData,
            0x17 => Self::RequestProblemInformation,
            0x18 => Self::WillDelayInterval,
            0x19 => Self::RequestResponseInformation,
            0x1a => Self::ResponseInformation,
            0x1c => Self::ServerReference,
            0x1f => Self::ReasonString,
            0x21 => Self::ReceiveMaximum,
            0x22 => Self::TopicAliasMaximum,
            0x23 => Self::TopicAlias,
            0x24 => Self::MaximumQoS,
            0x25 => Self::RetainAvailable,
            0x26 => Self::UserProperty,
            0x27 => Self::MaximumPacketSize,
            0x28 => Self::WildcardSubscriptionAvailable,
            0x29 => Self::SubscriptionIdentifierAvailable,
            0x2a => Self::SharedSubscriptionAvailable,
            _ => return None,
        })
    }
}

/// Properties by their identifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct PropertySet(u64);

impl PropertySet {
    /// What a CONNECT may carry, 3.1.2.11.
    pub(in super::super) const CONNECT: Self = Self::of(&[
        PropertyIdentifier::SessionExpiryInterval,
        PropertyIdentifier::ReceiveMaximum,
        PropertyIdentifier::MaximumPacketSize,
        PropertyIdentifier::TopicAliasMaximum,
        PropertyIdentifier::RequestResponseInformation,
        PropertyIdentifier::RequestProblemInformation,
        PropertyIdentifier::UserProperty,
        PropertyIdentifier::AuthenticationMethod,
        PropertyIdentifier::AuthenticationData,
    ]);
    /// What a Will may carry, 3.1.3.2.
    pub(in super::super) const WILL: Self = Self::of(&[
        PropertyIdentifier::WillDelayInterval,
        PropertyIdentifier::PayloadFormatIndicator,
        PropertyIdentifier::MessageExpiryInterval,
        PropertyIdentifier::ContentType,
        PropertyIdentifier::ResponseTopic,
        PropertyIdentifier::CorrelationData,
        PropertyIdentifier::UserProperty,
    ]);
    /// What a PUBLISH may carry, 3.3.2.3.
    pub(in super::super) const PUBLISH: Self = Self::of(&[
        PropertyIdentifier::PayloadFormatIndicator,
        PropertyIdentifier::MessageExpiryInterval,
        PropertyIdentifier::TopicAlias,
        PropertyIdentifier::ResponseTopic,
        PropertyIdentifier::CorrelationData,
        PropertyIdentifier::UserProperty,
        PropertyIdentifier::SubscriptionIdentifier,
        PropertyIdentifier::ContentType,
    ]);
    /// What a PUBACK, PUBREC, PUBREL or PUBCOMP may carry, 3.4.2.2 to 3.7.2.2.
    pub(in super::super) const ACKNOWLEDGEMENT: Self =
        Self::of(&[PropertyIdentifier::ReasonString, PropertyIdentifier::UserProperty]);
    /// What a SUBSCRIBE may carry, 3.8.2.1.
    pub(in super::super) const SUBSCRIBE: Self =
        Self::of(&[PropertyIdentifier::SubscriptionIdentifier, PropertyIdentifier::UserProperty]);
    /// What an UNSUBSCRIBE may carry, 3.10.2.1.
    pub(in super::super) const UNSUBSCRIBE: Self = Self::of(&[PropertyIdentifier::UserProperty]);
    /// What a DISCONNECT may carry, 3.14.2.2.
    pub(in super::super) const DISCONNECT: Self = Self::of(&[
        PropertyIdentifier::SessionExpiryInterval,
        PropertyIdentifier::ReasonString,
        PropertyIdentifier::UserProperty,
        PropertyIdentifier::ServerReference,
    ]);
    /// What an AUTH may carry, 3.15.2.2.
    pub(in super::super) const AUTH: Self = Self::of(&[
        PropertyIdentifier::AuthenticationMethod,
        PropertyIdentifier::AuthenticationData,
        PropertyIdentifier::ReasonString,
        PropertyIdentifier::UserProperty,
    ]);
    /// What may come more than once in a packet of a Client.
    pub(super) const REPEATABLE: Self = Self::of(&[PropertyIdentifier::UserProperty]);

    /// A loop over an index, because iterators are not `const`.
    const fn of(identifiers: &[PropertyIdentifier]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < identifiers.len() {
            bits |= 1 << identifiers[index] as u8;
            index += 1;
        }
        Self(bits)
    }

    pub(in super::super) const fn contains(self, identifier: PropertyIdentifier) -> bool {
        self.0 & (1 << identifier as u8) != 0
    }

    pub(super) const fn insert(&mut self, identifier: PropertyIdentifier) {
        self.0 |= 1 << identifier as u8;
    }
}
