//! What a Server offers of MQTT, and what it tells Clients of itself.

use std::sync::Arc;

use crate::qos::QoS;

/// What the specification leaves to the Server. A Client of MQTT 5.0 hears of it in the CONNACK,
/// 3.2.2.3; one of an earlier version when it asks for what there is not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own in the CONNACK")]
pub struct Features {
    /// Highest QoS of a publication and of a Will, 3.2.2.3.4. A publication above it closes the
    /// Network Connection, [MQTT-3.2.2-11]; a subscription above it is granted this one,
    /// [MQTT-3.2.2-10].
    pub maximum_qos: QoS,
    /// Whether Clients may retain messages, 3.2.2.3.5. Without it RETAIN = 1 closes the Network
    /// Connection, [MQTT-3.2.2-14].
    pub retain_available: bool,
    /// Whether there are subscriptions with wildcards, 3.2.2.3.11.
    pub wildcard_subscription_available: bool,
    /// Whether there are Subscription Identifiers, 3.2.2.3.12.
    pub subscription_identifier_available: bool,
    /// Whether there are Shared Subscriptions, 3.2.2.3.13.
    pub shared_subscription_available: bool,
    /// Whether a payload that its Payload Format Indicator calls UTF-8 is refused when it is not,
    /// 3.3.2.3.2 and 3.1.3.2.3. Costs a look at every byte of such payloads.
    pub check_payload_format: bool,
    /// What Clients may build Response Topics of, told to those that ask, 3.2.2.3.15.
    pub response_information: Option<Arc<str>>,
    /// Another Server, told to Clients when this one stops or has no room for a session, 4.11.
    pub server_reference: Option<Arc<str>>,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            wildcard_subscription_available: true,
            subscription_identifier_available: true,
            shared_subscription_available: true,
            check_payload_format: false,
            response_information: None,
            server_reference: None,
        }
    }
}
