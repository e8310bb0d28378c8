//! Session State, MQTT 3.1.2.4 and 4.1: what outlives the Network Connection.

mod filters;
mod inbound;
mod outbound;
#[cfg(test)]
mod tests;
mod will;

use std::sync::Arc;
use std::time::Duration;

use crate::access::SessionAccess;

pub use filters::Filters;
pub use inbound::Inbound;
pub use outbound::{Delivery, Held, Offered, Outbound, Outgoing, QueueLimits};
pub use will::Will;

use crate::time::Time;

slotmap::new_key_type! {
    /// A session within its shard. Never stands for another session later.
    pub struct SessionKey;
}

/// How long a session outlives its Network Connection, MQTT 5.0 section 3.1.2.11.2. Clean
/// Session = 1 of MQTT 3.1.1 is [`SessionExpiry::WithConnection`], 0 is [`SessionExpiry::Never`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionExpiry {
    /// Not at all.
    WithConnection,
    /// For this time.
    After(Duration),
    /// For as long as the broker runs.
    Never,
}

impl SessionExpiry {
    /// Reads a Session Expiry Interval.
    pub const fn from_seconds(seconds: u32) -> Self {
        match seconds {
            0 => Self::WithConnection,
            u32::MAX => Self::Never,
            seconds => Self::After(Duration::from_secs(seconds as u64)),
        }
    }

    /// The same, or `max` if that is sooner; zero is no bound.
    #[must_use]
    pub fn at_most(self, max: Duration) -> Self {
        match self {
            Self::After(time) if !max.is_zero() => Self::After(time.min(max)),
            Self::Never if !max.is_zero() => Self::After(max),
            _ => self,
        }
    }
}

/// The state of one session. Subscriptions lie in the shard's tree; here are their filters, for
/// the day that the session ends.
#[derive(Debug)]
pub struct Session {
    /// The Client Identifier that it belongs to.
    pub client_identifier: Arc<str>,
    /// How long it outlives its Network Connection.
    pub expiry: SessionExpiry,
    /// Whose it is and what it may do, under a policy.
    pub access: Option<SessionAccess>,
    /// Topic Filters that are subscribed to, those of shared subscriptions with their `$share`.
    pub filters: Filters,
    /// QoS 1 and 2 messages to the Client.
    pub outbound: Outbound,
    /// QoS 2 messages from the Client.
    pub inbound: Inbound,
    /// While nobody is connected, if then anything is to happen.
    pub absence: Option<Box<Absence>>,
}

/// What is to happen while nobody is connected. Apart from the session, which most Clients are
/// connected to.
#[derive(Debug, Default)]
pub struct Absence {
    /// When the session ends.
    pub ends: Option<Time>,
    /// The Will Message that waits, and until when, MQTT 5.0 section 3.1.3.2.2.
    pub will: Option<(Time, Box<Will>)>,
    /// When the timer that runs for it fires; another one is out of date.
    pub timer: Time,
}

impl Session {
    /// A session without subscriptions and messages.
    pub fn new(client_identifier: Arc<str>) -> Self {
        Self {
            client_identifier,
            expiry: SessionExpiry::WithConnection,
            access: None,
            filters: Filters::default(),
            outbound: Outbound::default(),
            inbound: Inbound::default(),
            absence: None,
        }
    }
}
