//! Session State, MQTT 3.1.2.4 and 4.1: what outlives the Network Connection.

mod inbound;
mod outbound;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use foldhash::fast::FixedState;
use indexmap::IndexSet;

use crate::access::SessionAccess;

pub use inbound::Inbound;
pub use outbound::{Delivery, Offered, Outbound, QueueLimits, Retransmission};

slotmap::new_key_type! {
    /// A session within its shard. Never stands for another session later.
    pub struct SessionKey;
}

/// The state of one session. Subscriptions lie in the shard's tree; here are their filters, for
/// the day that the session ends.
#[derive(Debug)]
pub struct Session {
    /// The Client Identifier that it belongs to.
    pub client_identifier: Arc<str>,
    /// Whether it ends with its Network Connection, MQTT 3.1.2.4.
    pub clean: bool,
    /// Whose it is and what it may do, under a policy.
    pub access: Option<SessionAccess>,
    /// Topic Filters that are subscribed to.
    pub filters: IndexSet<Box<str>, FixedState>,
    /// QoS 1 and 2 messages to the Client.
    pub outbound: Outbound,
    /// QoS 2 messages from the Client.
    pub inbound: Inbound,
}

impl Session {
    /// A session without subscriptions and messages.
    pub fn new(client_identifier: Arc<str>, clean: bool) -> Self {
        Self {
            client_identifier,
            clean,
            access: None,
            filters: IndexSet::with_hasher(FixedState::default()),
            outbound: Outbound::default(),
            inbound: Inbound::default(),
        }
    }
}
