//! CONNACK, MQTT 3.2.

use super::properties::{PropertyIdentifier, PropertyWriter, write_packet, write_with_length};
use super::reason::{ConnectReturnCode, ReasonCode};
use crate::qos::QoS;

/// A CONNACK of MQTT 3.1 or 3.1.1. `session_present` goes with [`ConnectReturnCode::Accepted`] only, [MQTT-3.2.2-4].
pub const fn encode_connack(session_present: bool, code: ConnectReturnCode) -> [u8; 4] {
    debug_assert!(!session_present || matches!(code, ConnectReturnCode::Accepted));
    [0x20, 2, session_present as u8, code as u8]
}

/// The properties of a CONNACK, MQTT 5.0 3.2.2.3. What is `None` is not written, and the Client
/// goes by the default of the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnackProperties<'a> {
    /// Seconds that the session outlives the Network Connection, when that differs from what the
    /// Client asked for, 3.2.2.3.2.
    pub session_expiry_interval_seconds: Option<u32>,
    /// Publications at QoS 1 and 2 that the Server takes without having acknowledged them, never
    /// 0; default 65,535, 3.2.2.3.3.
    pub receive_maximum: Option<u16>,
    /// Highest QoS of the Server: 0 or 1; default 2, which must not be written, 3.2.2.3.4.
    pub maximum_qos: Option<QoS>,
    /// Whether the Server retains messages; default true, 3.2.2.3.5.
    pub retain_available: Option<bool>,
    /// Bytes of the largest packet that the Server takes, never 0; default any, 3.2.2.3.6.
    pub maximum_packet_size: Option<u32>,
    /// The Client Identifier that the Server chose, 3.2.2.3.7.
    pub assigned_client_identifier: Option<&'a str>,
    /// Highest Topic Alias that the Server takes; default 0, none, 3.2.2.3.8.
    pub topic_alias_maximum: Option<u16>,
    /// For people who read logs, 3.2.2.3.9.
    pub reason_string: Option<&'a str>,
    /// User Properties: names with their values, 3.2.2.3.10.
    pub user_properties: &'a [(&'a str, &'a str)],
    /// Whether the Server has wildcard subscriptions; default true, 3.2.2.3.11.
    pub wildcard_subscription_available: Option<bool>,
    /// Whether the Server has Subscription Identifiers; default true, 3.2.2.3.12.
    pub subscription_identifier_available: Option<bool>,
    /// Whether the Server has Shared Subscriptions; default true, 3.2.2.3.13.
    pub shared_subscription_available: Option<bool>,
    /// Seconds of the Keep Alive that the Client must use instead of its own, 3.2.2.3.14.
    pub server_keep_alive_seconds: Option<u16>,
    /// What the Client may build Response Topics of, 3.2.2.3.15.
    pub response_information: Option<&'a str>,
    /// Another Server to use, 3.2.2.3.16.
    pub server_reference: Option<&'a str>,
    /// Authentication method, 3.2.2.3.17.
    pub authentication_method: Option<&'a str>,
    /// Authentication data, 3.2.2.3.18.
    pub authentication_data: Option<&'a [u8]>,
}

impl ConnackProperties<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        use PropertyIdentifier as Id;
        let maximum_qos = self.maximum_qos.filter(|&qos| qos != QoS::ExactlyOnce).map(QoS::bits);
        let mut writer = PropertyWriter(out);
        writer.four_bytes(Id::SessionExpiryInterval, self.session_expiry_interval_seconds);
        writer.two_bytes(Id::ReceiveMaximum, self.receive_maximum);
        writer.byte(Id::MaximumQoS, maximum_qos);
        writer.flag(Id::RetainAvailable, self.retain_available);
        writer.four_bytes(Id::MaximumPacketSize, self.maximum_packet_size);
        writer.string(Id::AssignedClientIdentifier, self.assigned_client_identifier);
        writer.two_bytes(Id::TopicAliasMaximum, self.topic_alias_maximum);
        writer.string(Id::ReasonString, self.reason_string);
        writer.user_properties(self.user_properties.iter().copied());
        writer.flag(Id::WildcardSubscriptionAvailable, self.wildcard_subscription_available);
        writer.flag(Id::SubscriptionIdentifierAvailable, self.subscription_identifier_available);
        writer.flag(Id::SharedSubscriptionAvailable, self.shared_subscription_available);
        writer.two_bytes(Id::ServerKeepAlive, self.server_keep_alive_seconds);
        writer.string(Id::ResponseInformation, self.response_information);
        writer.string(Id::ServerReference, self.server_reference);
        writer.string(Id::AuthenticationMethod, self.authentication_method);
        writer.binary(Id::AuthenticationData, self.authentication_data);
    }
}

/// Appends a CONNACK of MQTT 5.0. `session_present` goes with [`ReasonCode::Success`] only,
/// [MQTT-3.2.2-6].
pub fn encode_connack_v5(
    session_present: bool,
    reason: ReasonCode,
    properties: &ConnackProperties<'_>,
    out: &mut Vec<u8>,
) {
    debug_assert!(!session_present || reason == ReasonCode::Success);
    write_packet(0x20, out, |out| {
        out.extend_from_slice(&[u8::from(session_present), reason.code()]);
        write_with_length(out, |out| properties.write(out));
    });
}
