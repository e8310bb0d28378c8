//! QoS 2 as receiver, MQTT 4.3.3: which publications have been taken and not yet been released.

use std::collections::BTreeSet;

use crate::codec::PacketIdentifier;

/// Packet Identifiers between PUBLISH and PUBREL; 65,535 of them at most.
#[derive(Clone, Debug, Default)]
pub struct Inbound {
    /// `None` until there is the first: most Clients publish nothing at QoS 2. Kept then.
    received: Option<Box<Received>>,
}

#[derive(Clone, Debug, Default)]
struct Received(BTreeSet<PacketIdentifier>);

impl Inbound {
    /// Notes a PUBLISH. False when it came before and must not be passed on again,
    /// [MQTT-4.3.3-2].
    pub fn receive(&mut self, identifier: PacketIdentifier) -> bool {
        self.received.get_or_insert_default().0.insert(identifier)
    }

    /// Notes the PUBREL, after which the identifier stands for a new message.
    pub fn release(&mut self, identifier: PacketIdentifier) -> bool {
        self.received.as_mut().is_some_and(|received| received.0.remove(&identifier))
    }

    /// Publications that have been taken and not yet been released.
    pub fn len(&self) -> usize {
        self.received.as_ref().map_or(0, |received| received.0.len())
    }

    /// Whether no exchange is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
