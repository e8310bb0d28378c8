//! Messages that sessions keep until their Clients have them.

use std::rc::Rc;

use smallvec::SmallVec;

use crate::message::Message;
use crate::qos::QoS;

/// A message with what goes along with it, as the sessions of one shard keep it together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What was published.
    pub message: Message,
    /// Subscription Identifiers that go along.
    pub identifiers: SmallVec<[u32; 1]>,
}

impl From<Message> for Kept {
    /// Without Subscription Identifiers.
    fn from(message: Message) -> Self {
        Self { message, identifiers: SmallVec::new() }
    }
}

/// One message on its way to one Client, at QoS 1 or 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message. Counted without atomics: each of those waits until all that was written before,
    /// to a session that is in no cache, has arrived.
    pub kept: Rc<Kept>,
    /// The lower of its QoS and the subscription's.
    pub qos: QoS,
    /// The RETAIN flag that it is sent with.
    pub retain: bool,
}

impl Delivery {
    /// Bytes that it counts for while it waits.
    pub fn size(&self) -> usize {
        self.kept.message.size() + size_of_val(&*self.kept.identifiers)
    }
}
