//! What can happen next.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use crate::dialect::{Dialect, Options};

/// Clients of a run; more than the shards, so that some share one.
pub(crate) const CLIENTS: usize = 6;

/// Topic Names that are published to.
pub(crate) const TOPICS: [&str; 6] = ["a", "a/b", "b", "b/c", "a/b/c", "$s/x"];

/// Topic Filters that are subscribed to.
pub(crate) const FILTERS: [&str; 10] =
    ["a", "a/b", "a/+", "+/b", "#", "$s/#", "+", "a/#", "b/c", "+/+"];

/// A message that a Client wants to publish, or leaves as its Will.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft {
    pub(crate) topic: &'static str,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) payload: Payload,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Empty,
    Small,
    /// Large enough to be shared between outputs rather than copied.
    Large,
}

/// One step of a run. What a Client sends or does not read stays on its way until a later step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Opens a connection, whether there is one or not, and sends CONNECT and what was not
    /// acknowledged.
    Connect {
        client: usize,
        clean: bool,
        will: Option<Draft>,
        dialect: Dialect,
    },
    Subscribe {
        client: usize,
        filter: &'static str,
        qos: u8,
        /// Said on a connection of 5.0 alone.
        options: Options,
    },
    Unsubscribe {
        client: usize,
        filter: &'static str,
    },
    Publish {
        client: usize,
        draft: Draft,
    },
    /// Time passes.
    Wait(Duration),
    Ping {
        client: usize,
    },
    Disconnect {
        client: usize,
    },
    /// The connection breaks; what is on its way is lost.
    Break {
        client: usize,
    },
    /// So many bytes of a Client come to the broker.
    Arrive {
        client: usize,
        bytes: usize,
    },
    /// So many bytes of the broker come to a Client.
    Receive {
        client: usize,
        bytes: usize,
    },
    /// A Client sends so many of the acknowledgements that it owes.
    Acknowledge {
        client: usize,
        count: usize,
    },
    /// So many publications go from one shard to another.
    Forward {
        from: usize,
        to: usize,
        count: usize,
    },
}

fn any_draft() -> impl Strategy<Value = Draft> {
    let payload = prop_oneof![1 => Just(Payload::Empty), 6 => Just(Payload::Small), 1 => Just(Payload::Large)];
    (select(&TOPICS[..]), 0_u8..3, prop::bool::weighted(0.3), payload)
        .prop_map(|(topic, qos, retain, payload)| Draft { topic, qos, retain, payload })
}

fn any_dialect() -> impl Strategy<Value = Dialect> {
    let v5 =
        (select(vec![1, 2, 3, u16::MAX]), select(vec![0, 10, 20, u32::MAX]), 0_u16..4, 0_u16..4)
            .prop_map(|(receive_maximum, session_expiry, alias_maximum, aliases)| Dialect::V5 {
                receive_maximum,
                session_expiry,
                alias_maximum,
                aliases,
            });
    prop_oneof![Just(Dialect::V4), v5]
}

fn any_options() -> impl Strategy<Value = Options> {
    (any::<bool>(), any::<bool>(), 0_u32..4).prop_map(
        |(no_local, retain_as_published, identifier)| Options {
            no_local,
            retain_as_published,
            identifier,
        },
    )
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let client = || 0..CLIENTS;
    let bytes = || prop_oneof![1_usize..8, 8_usize..200, Just(usize::MAX)];
    let filter = || select(&FILTERS[..]);
    let will = prop::option::weighted(0.2, any_draft());
    prop_oneof![
        6 => (client(), prop::bool::weighted(0.25), will, any_dialect()).prop_map(
            |(client, clean, will, dialect)| Step::Connect { client, clean, will, dialect }
        ),
        8 => (client(), filter(), 0_u8..3, any_options()).prop_map(
            |(client, filter, qos, options)| Step::Subscribe { client, filter, qos, options }
        ),
        2 => (client(), filter()).prop_map(|(client, filter)| Step::Unsubscribe { client, filter }),
        16 => (client(), any_draft()).prop_map(|(client, draft)| Step::Publish { client, draft }),
        2 => (1_u64..15).prop_map(|seconds| Step::Wait(Duration::from_secs(seconds))),
        1 => client().prop_map(|client| Step::Ping { client }),
        1 => client().prop_map(|client| Step::Disconnect { client }),
        2 => client().prop_map(|client| Step::Break { client }),
        24 => (client(), bytes()).prop_map(|(client, bytes)| Step::Arrive { client, bytes }),
        16 => (client(), bytes()).prop_map(|(client, bytes)| Step::Receive { client, bytes }),
        10 => (client(), 1_usize..6)
            .prop_map(|(client, count)| Step::Acknowledge { client, count }),
        10 => (0_usize..4, 0_usize..4, 1_usize..5)
            .prop_map(|(from, to, count)| Step::Forward { from, to, count }),
    ]
}

/// Whether a filter matches a topic, MQTT 4.7, level by level.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    fn levels(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) | ([], []) => true,
            ([first, filter @ ..], [level, topic @ ..]) => {
                (*first == "+" || first == level) && levels(filter, topic)
            }
            _ => false,
        }
    }
    let hidden = topic.starts_with('$') && filter.starts_with(['#', '+']);
    let filter: Vec<&str> = filter.split('/').collect();
    let topic: Vec<&str> = topic.split('/').collect();
    !hidden && levels(&filter, &topic)
}
