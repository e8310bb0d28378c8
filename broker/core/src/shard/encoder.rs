//! Outgoing PUBLISH packets, each form encoded once for all who get it alike.

use std::sync::Arc;

use super::output::SHARED_PAYLOAD_MIN;
use crate::codec::{PacketIdentifier, PublishHeader, PublishOptions};
use crate::message::{Message, Publication};
use crate::qos::QoS;
use crate::time::Time;

/// What the deliveries of one publication differ in, for those that have no Subscription
/// Identifier and no Topic Alias: so few forms that each is encoded once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flavour {
    /// QoS of the delivery.
    pub(super) qos: QoS,
    /// With RETAIN = 1.
    pub(super) retain: bool,
    /// With properties: MQTT 5.0.
    pub(super) properties: bool,
}

impl Flavour {
    const COUNT: usize = 12;

    const fn index(self) -> usize {
        self.qos as usize * 4 + self.retain as usize * 2 + self.properties as usize
    }
}

/// A packet, and its payload apart when that is shared rather than copied.
pub(super) type Packet<'a> = (&'a [u8], Option<&'a Arc<[u8]>>);

/// Encodes into buffers that it keeps.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    flavours: [Encoded; Flavour::COUNT],
    single: Encoded,
}

#[derive(Debug, Default)]
struct Encoded {
    packet: Vec<u8>,
    identifier_at: usize,
    is_current: bool,
}

impl Encoder {
    /// To be called before the first [`flavoured`](Self::flavoured) packet of a publication.
    pub(super) fn begin(&mut self) {
        for encoded in &mut self.flavours {
            encoded.is_current = false;
        }
    }

    /// The packet of the current publication in one flavour, its payload left out if `apart`.
    pub(super) fn flavoured(
        &mut self,
        flavour: Flavour,
        identifier: Option<PacketIdentifier>,
        now: Time,
        publication: &Publication<'_>,
        apart: bool,
    ) -> &[u8] {
        let encoded = &mut self.flavours[flavour.index()];
        if !encoded.is_current {
            let Flavour { qos, retain, properties } = flavour;
            let first = PacketIdentifier::FIRST;
            let delivery = identifier.map(|_| (qos, first));
            let header = PublishHeader { duplicate: false, retain, delivery };
            let options = properties.then(|| PublishOptions::of(publication, now));
            encoded.encode(header, options.as_ref(), publication, apart);
            encoded.is_current = true;
        }
        if let Some(identifier) = identifier {
            encoded.set_identifier(identifier);
        }
        &encoded.packet
    }

    /// A packet for one Client, its payload left out if `apart`. `options` are there for MQTT 5.0
    /// alone.
    pub(super) fn single(
        &mut self,
        header: PublishHeader,
        options: Option<&PublishOptions<'_>>,
        publication: &Publication<'_>,
        apart: bool,
    ) -> &[u8] {
        self.single.encode(header, options, publication, apart);
        &self.single.packet
    }
}

impl Encoded {
    fn encode(
        &mut self,
        header: PublishHeader,
        options: Option<&PublishOptions<'_>>,
        publication: &Publication<'_>,
        apart: bool,
    ) {
        let payload = publication.payload;
        self.packet.clear();
        self.identifier_at =
            header.encode(publication.topic, options, payload.len(), &mut self.packet);
        if !apart {
            self.packet.extend_from_slice(payload);
        }
    }

    fn set_identifier(&mut self, identifier: PacketIdentifier) {
        let place = self.identifier_at..self.identifier_at + 2;
        if let Some(bytes) = self.packet.get_mut(place) {
            bytes.copy_from_slice(&identifier.get().to_be_bytes());
        }
    }
}

impl Message {
    /// The payload when it is large enough to be shared between outputs.
    pub(super) fn shared_payload(&self) -> Option<&Arc<[u8]>> {
        Some(&self.payload).filter(|payload| payload.len() >= SHARED_PAYLOAD_MIN)
    }
}
