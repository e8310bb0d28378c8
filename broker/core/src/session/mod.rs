//! Session State, MQTT 3.1.2.4 and 4.1: what outlives the Network Connection.

mod filters;
mod inbound;
mod kept;
mod outbound;
#[cfg(test)]
mod tests;
mod will;
mod window;

use std::sync::Arc;
use std::time::Duration;

use crate::access::SessionAccess;

pub use filters::Filters;
pub use inbound::Inbound;
pub use kept::{Delivery, Kept};
pub use outbound::{Held, Offered, Outbound, Outgoing, QueueLimits};
pub use will::Will;

use crate::time::Time;

slotmap::new_key_type! {
    /// A session within its shard. Never stands for another session later.
    pub struct SessionKey;
}

/// How long a session outlives its Network Connection, MQTT 5.0 section 3.1.2.11.2: milliseconds,
/// so that it takes one word of each session. Clean Session = 1 of MQTT 3.1.1 is
/// [`SessionExpiry::WITH_CONNECTION`], 0 is [`SessionExpiry::NEVER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionExpiry(u64);

impl SessionExpiry {
    /// Not at all.
    pub const WITH_CONNECTION: Self = Self(0);
    /// For as long as the broker runs.
    pub const NEVER: Self = Self(u64::MAX);

    /// Reads a Session Expiry Interval.
    pub const fn from_seconds(seconds: u32) -> Self {
        if seconds == u32::MAX { Self::NEVER } else { Self(seconds as u64 * 1000) }
    }

    /// The same, or `max` if that is sooner; zero is no bound.
    #[must_use]
    pub fn at_most(self, max: Duration) -> Self {
        if max.is_zero() {
            return self;
        }
        let max = u64::try_from(max.as_millis()).unwrap_or(u64::MAX).max(1);
        self.min(Self(max))
    }

    /// The time, if it is one.
    pub fn time(self) -> Option<Duration> {
        let is_time = self != Self::WITH_CONNECTION && self != Self::NEVER;
        is_time.then(|| Duration::from_millis(self.0))
    }
}

/// The state of one session. Subscriptions lie in the shard's tree; here are their filters, for
/// the day that the session ends.
///
/// Two cache lines with the generation of its key. What a delivery and its acknowledgement touch lies
/// at the front, and so in one of them.
#[derive(Debug)]
#[repr(C)]
pub struct Session {
    /// QoS 1 and 2 messages to the Client.
    pub outbound: Outbound,
    /// QoS 2 messages from the Client.
    pub inbound: Inbound,
    /// The Client Identifier that it belongs to.
    pub client_identifier: Arc<str>,
    /// How long it outlives its Network Connection.
    pub expiry: SessionExpiry,
    /// Whose it is and what it may do, under a policy.
    pub access: Option<Box<SessionAccess>>,
    /// Topic Filters that are subscribed to, those of shared subscriptions with their `$share`.
    pub filters: Filters,
    /// While nobody is connected, if then anything is to happen.
    pub absence: Option<Box<Absence>>,
}

const _: () = assert!(size_of::<Session>() <= 120);

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
            expiry: SessionExpiry::WITH_CONNECTION,
            access: None,
            filters: Filters::default(),
            outbound: Outbound::default(),
            inbound: Inbound::default(),
            absence: None,
        }
    }
}
