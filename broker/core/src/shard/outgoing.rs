//! A publication on its way to its subscribers, and the form in which one of them gets it.

use std::rc::Rc;
use std::sync::Arc;

use super::output::SHARED_PAYLOAD_MIN;
use crate::message::{Message, Publication};
use crate::payload::{Packet, Payload};
use crate::qos::QoS;
use crate::session::{Kept, SessionKey};

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
    topic: &'a Arc<str>,
    /// The packet that the payload may stay in.
    packet: Option<&'a Arc<Packet>>,
    /// In owned form, if it came so.
    owned: Option<&'a Message>,
    /// As the sessions of this shard keep it until it is acknowledged.
    kept: Option<Rc<Kept>>,
    /// The same with Subscription Identifiers, those of the last session that has any.
    identified: Option<Rc<Kept>>,
    /// For other shards.
    shared: Option<Arc<Message>>,
    /// Who published it, if that was a Client of this shard.
    pub(super) publisher: Option<SessionKey>,
}

impl<'a> Outgoing<'a> {
    /// A publication that came in `packet`, if that has a buffer of its own. `topic` is its Topic Name.
    pub(super) const fn new(
        publication: Publication<'a>,
        topic: &'a Arc<str>,
        packet: Option<&'a Arc<Packet>>,
        publisher: Option<SessionKey>,
    ) -> Self {
        let (owned, kept, identified, shared) = (None, None, None, None);
        Self { publication, topic, packet, owned, kept, identified, shared, publisher }
    }

    /// A message that is there in owned form, published by nobody here.
    pub(super) fn of(message: &'a Message) -> Self {
        let outgoing = Self::new(message.as_publication(), &message.topic, None, None);
        Self { owned: Some(message), ..outgoing }
    }

    /// In owned form.
    pub(super) fn message(&mut self) -> &Message {
        match self.owned {
            Some(owned) => owned,
            None => &self.kept().message,
        }
    }

    fn kept(&mut self) -> &Rc<Kept> {
        // Taken out and put back, since what makes it looks at the rest.
        let kept = self.kept.take().unwrap_or_else(|| Rc::new(self.to_message().into()));
        self.kept.insert(kept)
    }

    /// [`kept_with`](Self::kept_with) no Subscription Identifiers.
    #[inline]
    pub(super) fn kept_plain(&mut self) -> Option<&Rc<Kept>> {
        if self.kept.is_none() {
            self.keep();
        }
        self.kept.as_ref()
    }

    /// Once for all deliveries, and so no part of what each of them does.
    #[inline(never)]
    fn keep(&mut self) {
        self.kept();
    }

    /// As a session keeps it that has these Subscription Identifiers for it.
    pub(super) fn kept_with(&mut self, identifiers: &[u32]) -> &Rc<Kept> {
        if identifiers.is_empty() {
            return self.kept();
        }
        let known = self.identified.as_ref().filter(|kept| *kept.identifiers == *identifiers);
        let keep = || Kept { message: self.to_message(), identifiers: identifiers.into() };
        let kept = known.map_or_else(|| Rc::new(keep()), Rc::clone);
        self.identified.insert(kept)
    }

    /// For other shards.
    pub(super) fn shared(&mut self) -> Arc<Message> {
        let shared = self.shared.take().unwrap_or_else(|| Arc::new(self.to_message()));
        Arc::clone(self.shared.insert(shared))
    }

    /// A copy that shares what others have of it already.
    fn to_message(&self) -> Message {
        if let Some(message) = self.known() {
            return message.clone();
        }
        let Publication { payload, properties, expires, qos, retain, .. } = self.publication;
        Message {
            topic: Arc::clone(self.topic),
            payload: match self.packet {
                Some(packet) => Payload::of(Arc::clone(packet)),
                None => payload.into(),
            },
            properties: (!properties.is_empty()).then(|| properties.into()),
            expires,
            qos,
            retain,
        }
    }

    fn known(&self) -> Option<&Message> {
        let kept = || self.kept.as_ref().or(self.identified.as_ref());
        let owned = self.owned.or_else(|| kept().map(|kept| &kept.message));
        owned.or(self.shared.as_deref())
    }

    /// Makes the owned form when the payload is to be shared between outputs.
    pub(super) fn share_large_payload(&mut self) {
        if self.is_large() {
            self.message();
        }
    }

    const fn is_large(&self) -> bool {
        self.publication.payload.len() >= SHARED_PAYLOAD_MIN
    }

    /// The payload when it is to be shared rather than copied.
    pub(super) fn shared_payload(&self) -> Option<&Payload> {
        // Most are small, and each delivery asks.
        if self.is_large() { self.known().map(|message| &message.payload) } else { None }
    }
}
