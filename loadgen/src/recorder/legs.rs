//! How long each step of the protocol took.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::histogram::{histogram, merge};

/// A step of the protocol that is timed by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leg {
    /// The whole connection, from the first SYN to the CONNACK.
    Connect,
    TcpConnect,
    TlsHandshake,
    WebSocketHandshake,
    /// From CONNECT.
    ConnAck,
    /// From SUBSCRIBE.
    SubAck,
    /// From PUBLISH, QoS 1.
    PubAck,
    /// From PUBLISH, QoS 2.
    PubRec,
    /// From PUBREL.
    PubComp,
    /// From PINGREQ.
    PingResp,
    /// From SUBSCRIBE to a message that was stored before it.
    Retained,
    /// From CONNACK to a message that waited in a session.
    Queued,
    /// From the planned end of a connection to the arrival of its Will Message.
    Will,
    /// From the moment that a timer was ready to be read to its reading: what arrives waits as long.
    ReadLag,
}

impl Leg {
    /// Its name in `summary.json` and in thresholds.
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::TcpConnect => "tcp_connect",
            Self::TlsHandshake => "tls_handshake",
            Self::WebSocketHandshake => "web_socket_handshake",
            Self::ConnAck => "connack",
            Self::SubAck => "suback",
            Self::PubAck => "puback",
            Self::PubRec => "pubrec",
            Self::PubComp => "pubcomp",
            Self::PingResp => "pingresp",
            Self::Retained => "retained",
            Self::Queued => "queued",
            Self::Will => "will",
            Self::ReadLag => "read_lag",
        }
    }
}

/// A histogram of nanoseconds for each leg that was taken: most runs take a few of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct LegHistograms(BTreeMap<Leg, Histogram<u64>>);

impl LegHistograms {
    pub(crate) fn record(&mut self, leg: Leg, latency_ns: u64) {
        self.0.entry(leg).or_insert_with(histogram).saturating_record(latency_ns);
    }

    /// Adds another worker's.
    pub(crate) fn add(&mut self, other: &Self) {
        for (leg, theirs) in &other.0 {
            merge(self.0.entry(*leg).or_insert_with(histogram), theirs);
        }
    }

    /// Every leg that was taken, with its name.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, &Histogram<u64>)> {
        self.0.iter().map(|(leg, histogram)| (leg.name(), histogram))
    }

    /// The samples of a leg, if it was taken.
    pub(crate) fn get(&self, leg: Leg) -> Option<&Histogram<u64>> {
        self.0.get(&leg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legs_of_workers_add_up() {
        let mut one = LegHistograms::default();
        one.record(Leg::PubAck, 5_000);
        let mut other = one.clone();
        other.record(Leg::PingResp, 9_000);
        one.add(&other);
        let count = |leg| one.get(leg).map_or(0, Histogram::len);
        assert_eq!((count(Leg::PubAck), count(Leg::PingResp), count(Leg::SubAck)), (2, 1, 0));
    }
}
