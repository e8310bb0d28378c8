//! What can happen next.

use proptest::prelude::*;
use proptest::sample::select;

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
    },
    Subscribe {
        client: usize,
        filter: &'static str,
        qos: u8,
    },
    Unsubscribe {
        client: usize,
        filter: &'static str,
    },
    Publish {
        client: usize,
        draft: Draft,
    },
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

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let client = || 0..CLIENTS;
    let bytes = || prop_oneof![1_usize..8, 8_usize..200, Just(usize::MAX)];
    let filter = || select(&FILTERS[..]);
    let will = prop::option::weighted(0.2, any_draft());
    prop_oneof![
        6 => (client(), prop::bool::weighted(0.25), will)
            .prop_map(|(client, clean, will)| Step::Connect { client, clean, will }),
        8 => (client(), filter(), 0_u8..3)
            .prop_map(|(client, filter, qos)| Step::Subscribe { client, filter, qos }),
        2 => (client(), filter()).prop_map(|(client, filter)| Step::Unsubscribe { client, filter }),
        16 => (client(), any_draft()).prop_map(|(client, draft)| Step::Publish { client, draft }),
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
