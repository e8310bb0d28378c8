//! How a subscription is to be served.

use std::num::NonZeroU32;

use crate::qos::QoS;

/// What a Client asks for with a subscription, MQTT 5.0 section 3.8.3.1. Before 5.0 it is the QoS
/// alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SubscriptionOptions {
    /// Highest QoS of a delivery.
    pub qos: QoS,
    /// Whether the Client's own publications are left out, [MQTT-3.8.3-3].
    pub no_local: bool,
    /// Whether deliveries keep the RETAIN flag of the publication, [MQTT-3.3.1-12].
    pub retain_as_published: bool,
    /// Goes along with each delivery, [MQTT-3.3.4-3].
    pub identifier: Option<NonZeroU32>,
}

impl From<QoS> for SubscriptionOptions {
    fn from(qos: QoS) -> Self {
        Self { qos, ..Self::default() }
    }
}
