//! What can be compared, by name.

use crate::Counts;

/// Names of the latencies that a threshold can be about. `delivery` is from due.
pub const LATENCIES: [&str; 15] = [
    "delivery",
    "delivery.from_due",
    "delivery.from_send",
    "send_lag",
    "connect",
    "tcp_connect",
    "tls_handshake",
    "web_socket_handshake",
    "connack",
    "suback",
    "puback",
    "pubrec",
    "pubcomp",
    "pingresp",
    "read_lag",
];

/// Those that are known while the run goes on.
pub(super) const KNOWN_EARLY: [&str; 3] = ["delivery", "delivery.from_due", "send_lag"];

/// A counter that a threshold can be about.
#[derive(Debug)]
pub(super) struct Counter {
    /// Its name, as in `summary.json`.
    pub(super) name: &'static str,
    pub(super) value: fn(&Counts) -> u64,
    /// What it is a part of.
    pub(super) whole: Option<fn(&Counts) -> u64>,
}

impl PartialEq for Counter {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// All of them.
pub(super) const COUNTERS: [Counter; 17] = [
    part("offered", |counts| counts.offered, None),
    part("sent", |counts| counts.sent, Some(|counts| counts.offered)),
    part("unacknowledged", |counts| counts.unacknowledged, Some(|counts| counts.sent)),
    part("expected", |counts| counts.expected, None),
    part("delivered", |counts| counts.delivered, Some(|counts| counts.expected)),
    part("lost", |counts| counts.lost, Some(|counts| counts.expected)),
    part("duplicate", |counts| counts.duplicate, Some(|counts| counts.expected)),
    part("duplicate_with_dup", |counts| counts.duplicate_with_dup, Some(|counts| counts.expected)),
    part("reordered", |counts| counts.reordered, Some(|counts| counts.expected)),
    part("corrupted", |counts| counts.corrupted, Some(|counts| counts.expected)),
    part("late_in_drain", |counts| counts.late_in_drain, Some(|counts| counts.expected)),
    part("late_after_drain", |counts| counts.late_after_drain, Some(|counts| counts.expected)),
    part("retained", |counts| counts.retained, None),
    part("foreign", |counts| counts.foreign, None),
    part("connected", |counts| counts.connected, None),
    part(
        "connect_failed",
        |counts| counts.connect_failed,
        Some(|counts| counts.connected + counts.connect_failed),
    ),
    part("disconnected", |counts| counts.disconnected, Some(|counts| counts.connected)),
];

const fn part(
    name: &'static str,
    value: fn(&Counts) -> u64,
    whole: Option<fn(&Counts) -> u64>,
) -> Counter {
    Counter { name, value, whole }
}
