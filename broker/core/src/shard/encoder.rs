//! Outgoing PUBLISH packets, each form encoded once for all who get it alike.

use crate::codec::properties::Forwarded;
use crate::codec::{PacketIdentifier, PublishHeader, PublishHeaderV5};
use crate::message::Publication;
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

/// Encodes into buffers that it keeps.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    flavours: [Encoded; Flavour::COUNT],
    single: Encoded,
}

#[derive(Debug, Default)]
struct Encoded {
    packet: Vec<u8>,
    identifier_at: Option<usize>,
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
    #[inline]
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
            encoded.encode_flavour(flavour, identifier, now, publication, apart);
        }
        if let Some(identifier) = identifier {
            encoded.set_identifier(identifier);
        }
        &encoded.packet
    }

    /// A packet for one Client, its payload left out if `apart`.
    pub(super) fn single(
        &mut self,
        form: &PacketForm<'_>,
        publication: &Publication<'_>,
        apart: bool,
    ) -> &[u8] {
        self.single.encode(form, publication, apart);
        &self.single.packet
    }
}

/// What a packet has besides topic and payload.
#[derive(Clone, Copy, Debug)]
pub(super) enum PacketForm<'a> {
    /// MQTT 3.1 and 3.1.1.
    V4(PublishHeader),
    /// MQTT 5.0; the topic is left out when an alias stands for it.
    V5 { header: PublishHeaderV5<'a>, names_topic: bool },
}

/// A header of MQTT 5.0 with the properties of the publication itself.
pub(super) fn header_v5<'a>(
    header: PublishHeader,
    publication: &Publication<'a>,
    now: Time,
) -> PublishHeaderV5<'a> {
    PublishHeaderV5 {
        message_expiry_interval_seconds: publication.expiry_seconds(now),
        forwarded: Forwarded::from_encoded(publication.properties),
        ..PublishHeaderV5::new(header)
    }
}

impl Encoded {
    /// Once for all deliveries that have this flavour, and so no part of what each of them does.
    #[inline(never)]
    fn encode_flavour(
        &mut self,
        flavour: Flavour,
        identifier: Option<PacketIdentifier>,
        now: Time,
        publication: &Publication<'_>,
        apart: bool,
    ) {
        let delivery = identifier.map(|identifier| (flavour.qos, identifier));
        let header = PublishHeader { duplicate: false, retain: flavour.retain, delivery };
        let form = if flavour.properties {
            PacketForm::V5 { header: header_v5(header, publication, now), names_topic: true }
        } else {
            PacketForm::V4(header)
        };
        self.encode(&form, publication, apart);
        self.is_current = true;
    }

    fn encode(&mut self, form: &PacketForm<'_>, publication: &Publication<'_>, apart: bool) {
        let (topic, payload) = (publication.topic.as_bytes(), publication.payload);
        self.packet.clear();
        self.identifier_at = match form {
            PacketForm::V4(header) => {
                header.encode(topic, payload.len(), &mut self.packet);
                header.delivery.map(|_| self.packet.len() - 2)
            }
            PacketForm::V5 { header, names_topic } => {
                let topic = if *names_topic { topic } else { &[] };
                header.encode(topic, payload.len(), &mut self.packet)
            }
        };
        if !apart {
            self.packet.extend_from_slice(payload);
        }
    }

    fn set_identifier(&mut self, identifier: PacketIdentifier) {
        if let Some(start) = self.identifier_at
            && let Some(bytes) = self.packet.get_mut(start..start + 2)
        {
            bytes.copy_from_slice(&identifier.get().to_be_bytes());
        }
    }
}
