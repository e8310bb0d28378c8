//! What a subscription says of its deliveries.

use std::num::NonZeroU32;

use crate::qos::QoS;

/// What a subscription says of its deliveries, MQTT 5.0 3.8.3.1 and 3.8.2.1.2. Before 5.0 it is
/// the QoS alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeliveryOptions {
    /// Highest QoS of a delivery.
    pub qos: QoS,
    /// Whether the Client's own publications are left out, [MQTT-3.8.3-3].
    pub no_local: bool,
    /// Whether deliveries keep the RETAIN flag of the publication, [MQTT-3.3.1-12].
    pub retain_as_published: bool,
    /// Goes along with each delivery, [MQTT-3.3.4-3].
    pub identifier: Option<NonZeroU32>,
}

impl From<QoS> for DeliveryOptions {
    fn from(qos: QoS) -> Self {
        Self { qos, ..Self::default() }
    }
}
