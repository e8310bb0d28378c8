//! Why a command line makes no run.

use super::{CLIENTS_MAX, PAIRS_MAX, PAYLOAD_BYTES_MAX};
use crate::payload::PAYLOAD_BYTES_MIN;
use crate::rate::RateError;

/// Why a command line makes no run. Each message says what to type instead.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// `--broker` is no URL of a broker over TCP.
    #[error("'{0}' is not a broker; write mqtt://host:port, for example mqtt://127.0.0.1:1883")]
    Broker(String),
    /// A transport that is not there.
    #[error("'{0}' is not supported; only MQTT over TCP is, as mqtt://host:port")]
    Transport(String),
    /// `--clients`, `--publishers` and `--subscribers` contradict each other.
    #[error(
        "--publishers {publishers} and --subscribers {subscribers} make {sum} clients, but \
         --clients says {clients}; leave one of the three out"
    )]
    Sum {
        /// `--publishers`.
        publishers: u32,
        /// `--subscribers`.
        subscribers: u32,
        /// Both.
        sum: u64,
        /// `--clients`.
        clients: u32,
    },
    /// More publishers or subscribers than clients.
    #[error("{part} needs fewer than --clients {clients}; raise --clients or lower {part}")]
    Part {
        /// The option.
        part: &'static str,
        /// `--clients`.
        clients: u32,
    },
    /// Nobody publishes or nobody subscribes.
    #[error("a run needs at least one publisher and one subscriber; try --clients 2")]
    TooFew,
    /// Too many clients.
    #[error("{0} clients are more than the {CLIENTS_MAX} that one generator takes")]
    TooMany(u64),
    /// An odd number of clients in pairs.
    #[error("--topology pairs needs an even number of clients; try --clients {0}")]
    Odd(u32),
    /// Unequal sides in pairs.
    #[error(
        "--topology pairs needs as many publishers as subscribers, not {publishers} and \
         {subscribers}; give --clients alone, or --topology shared"
    )]
    Unequal {
        /// Publishers.
        publishers: u32,
        /// Subscribers.
        subscribers: u32,
    },
    /// Fan-in with several subscribers, fan-out with several publishers.
    #[error("--topology {topology} has one {role}, not {count}; use --topology shared for more")]
    One {
        /// The topology.
        topology: &'static str,
        /// Publisher or subscriber.
        role: &'static str,
        /// How many were asked for.
        count: u32,
    },
    /// Pairs on one topic.
    #[error("--topology pairs needs a topic for each pair; write %i into --topic, as in '{0}/%i'")]
    PairsTopic(String),
    /// Not a Topic Name.
    #[error("'{topic}' is not a Topic Name: {reason}")]
    Topic {
        /// `--topic`.
        topic: String,
        /// Why.
        reason: &'static str,
    },
    /// The stamp does not fit.
    #[error(
        "--size {0} is too small for a temperature and the stamp; the smallest is \
         {PAYLOAD_BYTES_MIN}"
    )]
    SizeTooSmall(u32),
    /// Too large.
    #[error("--size {0} is more than the {PAYLOAD_BYTES_MAX} bytes that loadgen sends")]
    SizeTooLarge(u32),
    /// The rate makes no period.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// `--duration` of nothing.
    #[error("--duration must be longer than nothing")]
    NoDuration,
    /// Too long a time.
    #[error("--{0} must be at most 30 days")]
    TooLong(&'static str),
    /// More publications than sequence numbers.
    #[error(
        "each publisher would publish more than 4,294,967,295 times; shorten --duration, lower \
         --rate or spread it over more --publishers"
    )]
    Sequences,
    /// Too many pairs for the ledger.
    #[error(
        "{publishers} publishers and {subscribers} subscribers on one topic are {pairs} pairs, and \
         the record of who received what takes 8 bytes for each; the limit is {PAIRS_MAX} pairs, \
         so lower --clients or use --topology pairs, fan-in or fan-out"
    )]
    Pairs {
        /// Publishers.
        publishers: u32,
        /// Subscribers.
        subscribers: u32,
        /// Their product.
        pairs: u64,
    },
}
