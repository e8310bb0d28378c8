//! A publication on its way to its subscribers, and the form in which one of them gets it.

use std::sync::Arc;

use super::output::SHARED_PAYLOAD_MIN;
use crate::message::{Message, Publication};
use crate::payload::{Packet, Payload};
use crate::qos::QoS;
use crate::session::SessionKey;

/// How a publication goes to one subscriber.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form<'a> {
    pub(super) qos: QoS,
    pub(super) retain: bool,
    /// Subscription Identifiers that go along.
    pub(super) identifiers: &'a [u32],
}

/// A publication with what is made of it at most once, and only if somebody needs it.
pub(super) struct Outgoing<'a> {
    pub(super) publication: Publication<'a>,
    pub(super) topic: &'a Arc<str>,
    /// The packet that the payload may stay in.
    pub(super) packet: Option<&'a Arc<Packet>>,
    /// In owned form, shared by all sessions that keep it until it is acknowledged.
    pub(super) message: Option<Arc<Message>>,
    /// Who published it, if that was a Client of this shard.
    pub(super) publisher: Option<SessionKey>,
}

impl<'a> Outgoing<'a> {
    /// A message that is there in owned form, published by nobody here.
    pub(super) fn of(message: &'a Arc<Message>) -> Self {
        Self {
            publication: message.as_publication(),
            topic: &message.topic,
            packet: None,
            message: Some(Arc::clone(message)),
            publisher: None,
        }
    }

    pub(super) fn message(&mut self) -> &Arc<Message> {
        let Publication { payload, properties, expires, qos, retain, .. } = self.publication;
        self.message.get_or_insert_with(|| {
            Arc::new(Message {
                topic: Arc::clone(self.topic),
                payload: match self.packet {
                    Some(packet) => Payload::of(Arc::clone(packet)),
                    None => payload.into(),
                },
                properties: (!properties.is_empty()).then(|| properties.into()),
                expires,
                qos,
                retain,
            })
        })
    }

    /// Makes the owned form when the payload is to be shared between outputs.
    pub(super) fn share_large_payload(&mut self) {
        if self.publication.payload.len() >= SHARED_PAYLOAD_MIN {
            self.message();
        }
    }

    /// The payload when it is to be shared rather than copied.
    pub(super) fn shared_payload(&self) -> Option<&Payload> {
        self.message.as_deref().and_then(Message::shared_payload)
    }
}
