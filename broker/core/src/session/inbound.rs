//! QoS 2 as receiver, MQTT 4.3.3: which publications have been taken and not yet been released.

use std::collections::BTreeSet;

use crate::codec::PacketIdentifier;

/// Packet Identifiers between PUBLISH and PUBREL; 65,535 of them at most.
#[derive(Clone, Debug, Default)]
pub struct Inbound {
    received: BTreeSet<PacketIdentifier>,
}

impl Inbound {
    /// Notes a PUBLISH. False when it came before and must not be passed on again,
    /// [MQTT-4.3.3-2].
    pub fn receive(&mut self, identifier: PacketIdentifier) -> bool {
        self.received.insert(identifier)
    }

    /// Notes the PUBREL, after which the identifier stands for a new message.
    pub fn release(&mut self, identifier: PacketIdentifier) -> bool {
        self.received.remove(&identifier)
    }

    /// Publications that have been taken and not yet been released.
    pub fn len(&self) -> usize {
        self.received.len()
    }

    /// Whether no exchange is open.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }
}
