//! What the clients of a group do, resolved: no text is left that has to be understood.

use std::sync::Arc;

use super::Pattern;
use super::file::{Arrival, Leave, Meeting};
use crate::mqtt::{QoS, Version};
use crate::payload::StampPlace;
use crate::transport::Endpoint;

/// Clients that do the same. Times are nanoseconds since the load began, the warm-up first.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name, different from those of the others.
    pub name: String,
    /// A short form of the name, different from the others, for Client Identifiers.
    pub label: String,
    /// How many; at least one.
    pub clients: u32,
    /// Client Identifier; `None` for one that this run alone uses.
    pub identifier: Option<Pattern>,
    /// Version of MQTT.
    pub version: Version,
    /// Where its clients find the broker; `None` for where the scenario says.
    pub endpoint: Option<Endpoint>,
    /// What each client says about itself.
    pub connection: Connection,
    /// Unacknowledged publications of a client at most.
    pub inflight_max: u16,
    /// Whether Topic Aliases are used and allowed.
    pub topic_alias: bool,
    /// Bytes per second that a client reads at most.
    pub read_bytes_per_second: Option<u32>,
    /// How they connect.
    pub connect: Connecting,
    /// When they are there.
    pub presence: Presence,
    /// What each publishes.
    pub publish: Vec<Publication>,
    /// What each subscribes to.
    pub subscribe: Vec<Subscription>,
}

/// What each client says in its CONNECT.
#[derive(Clone, Debug)]
pub struct Connection {
    /// User Name; empty for none.
    pub user: Pattern,
    /// Password; empty for none.
    pub password: Pattern,
    /// Clean Session, or Clean Start from MQTT 5 on.
    pub clean: bool,
    /// Session Expiry Interval of MQTT 5.
    pub session_expiry_seconds: Option<u32>,
    /// Keep Alive; 0 for none.
    pub keep_alive_seconds: u16,
    /// Will Message.
    pub will: Option<Will>,
}

/// A Will Message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Topic Name.
    pub topic: Pattern,
    /// Payload; `None` for a stamp that times its arrival.
    pub payload: Option<Pattern>,
    /// QoS.
    pub qos: QoS,
    /// Whether it is published with RETAIN = 1.
    pub retain: bool,
}

/// How the clients of a group connect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connecting {
    /// One beside the other.
    pub arrival: Meeting,
    /// Mean time between two of them; 0 for as fast as the broker answers.
    pub interval_ns: u64,
}

/// When clients are connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// From when on; `None` for before the load.
    pub start_ns: Option<u64>,
    /// Until when; `None` for after the load.
    pub stop_ns: Option<u64>,
    /// And when not, in between.
    pub absence: Absence,
    /// How they go.
    pub leave: Leave,
}

/// When clients are away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Never.
    Never,
    /// Again and again, each client at its own times.
    Churn {
        /// How long each stays.
        stay_ns: u64,
        /// How long it is away.
        away_ns: u64,
    },
    /// All at the same times.
    Storm {
        /// When they go, in ascending order.
        at_ns: Arc<[u64]>,
        /// How long they are away, all of them.
        away_ns: u64,
        /// And over which time they come back after that.
        back_over_ns: u64,
    },
}

/// What each client of a group publishes.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Topic Name; `%rand_N` is drawn for each publication.
    pub topic: Pattern,
    /// QoS.
    pub qos: QoS,
    /// Whether with RETAIN = 1.
    pub retain: bool,
    /// Mean time between two publications of one client; 0 in a closed loop.
    pub period_ns: u64,
    /// In a closed loop, how many publications of one client may be on their way; `None` in open loop.
    pub window: Option<u32>,
    /// When, within the period.
    pub arrival: Arrival,
    /// Publications of one burst; 1 for other arrivals.
    pub burst: u32,
    /// What a payload is.
    pub payload: Payload,
    /// User Properties.
    pub user_properties: Vec<(Pattern, Pattern)>,
}

/// What a payload is.
#[derive(Clone, Debug)]
pub struct Payload {
    /// Where the stamp is.
    pub stamp_place: StampPlace,
    /// Size in bytes; of those that differ the greatest.
    pub bytes: usize,
    /// What is in it, beside a stamp in the payload.
    pub body: Body,
}

/// What is in a payload.
#[derive(Clone, Debug)]
pub enum Body {
    /// A temperature.
    Temperature,
    /// A text with placeholders; `%rand_N` is drawn for each client.
    Text(Pattern),
    /// Bytes as they are.
    Bytes(Arc<[u8]>),
}

/// What each client of a group subscribes to.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Topic Filter, without a Share Name; `%rand_N` is drawn for each client.
    pub filter: Pattern,
    /// QoS.
    pub qos: QoS,
    /// Share Name.
    pub share: Option<String>,
}

impl Group {
    /// Whether its clients are connected from before the load until after it.
    pub fn stays(&self) -> bool {
        let Presence { start_ns, stop_ns, absence, .. } = &self.presence;
        start_ns.is_none() && stop_ns.is_none() && *absence == Absence::Never
    }

    /// Whether its sessions outlive their connections.
    pub fn is_persistent(&self) -> bool {
        let Connection { clean, session_expiry_seconds, .. } = &self.connection;
        match self.version {
            Version::V31 | Version::V311 => !clean,
            Version::V5 => !clean && session_expiry_seconds.is_some_and(|expiry| expiry > 0),
        }
    }

    /// Whether the Will Message carries a stamp.
    pub fn has_stamped_will(&self) -> bool {
        self.connection.will.as_ref().is_some_and(|will| will.payload.is_none())
    }

    /// Whether a subscription of it is shared.
    pub fn is_sharing(&self) -> bool {
        self.subscribe.iter().any(|subscription| subscription.share.is_some())
    }

    /// Publications per second of all its clients; those of a closed loop have no rate of their own.
    pub fn publications_per_second(&self) -> f64 {
        let each = self
            .publish
            .iter()
            .filter(|publication| publication.window.is_none())
            .map(|publication| 1e9 / crate::units::fraction(publication.period_ns.max(1)));
        f64::from(self.clients) * each.sum::<f64>()
    }
}
