//! Why a command line makes no run.

use super::command_line::PAYLOAD_BYTES_MAX;
use super::fault::GroupError;
use super::{CLIENTS_MAX, PAIRS_MAX};
use crate::payload::PAYLOAD_BYTES_MIN;
use crate::rate::RateError;

/// Why a command line makes no run. Each message says what to type instead.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// `--broker` is no URL of a broker.
    #[error("'{0}' is not a broker; write mqtt://host:port, for example mqtt://127.0.0.1:1883")]
    Broker(String),
    /// A transport that is not there.
    #[error(
        "the transport of '{0}' is not supported; write mqtt://, mqtts://, ws://, wss:// or unix:/path"
    )]
    Transport(String),
    /// User and password in the URL, where every process list shows them.
    #[error("user and password do not belong in the URL; use --user and --password")]
    Login,
    /// An option of TLS for a broker without TLS.
    #[error(
        "{option} is for brokers with TLS{}; write --broker {scheme}://host:port",
        if *.embedded { ", and the embedded one has none" } else { "" }
    )]
    NoTls {
        /// The option.
        option: &'static str,
        /// What to write instead.
        scheme: &'static str,
        /// Whether no broker was named.
        embedded: bool,
    },
    /// An option of MQTT 5.
    #[error("{0} needs MQTT 5; add -V 5 or leave it out")]
    NeedsVersion5(&'static str),
    /// A password without a user.
    #[error("--password needs --user before MQTT 5; add --user, or -V 5")]
    PasswordAlone,
    /// An empty user or password, which is no user or password.
    #[error("--{0} is empty; leave it out")]
    Empty(&'static str),
    /// A text that MQTT has no room for.
    #[error(
        "--{0} is longer than the 65,535 bytes that MQTT allows, or holds the character U+0000"
    )]
    Text(&'static str),
    /// A Will Message to several topics.
    #[error("--will-topic '{0}' is not a Topic Name: it is empty or holds a wildcard")]
    WillTopic(String),
    /// Not a User Property.
    #[error("'{0}' is not a User Property; write --user-property NAME=VALUE")]
    UserProperty(String),
    /// Nothing is in flight at QoS 0.
    #[error("--inflight bounds publications of QoS 1 and 2; add --qos 1, or leave it out")]
    InflightAtQos0,
    /// The size of plain payloads.
    #[error("--size is for stamped payloads, a plain one is the bare temperature; leave one out")]
    PlainSize,
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
    /// No shipped scenario of this name, and no file.
    #[error("there is no scenario {name}; {hint}")]
    NoScenario {
        /// What was typed.
        name: String,
        /// What was meant.
        hint: String,
    },
    /// A file that is no scenario.
    #[error("{origin}: {reason}")]
    File {
        /// Name of the file or of the shipped scenario.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A summary without a scenario.
    #[error("{0} cannot be replayed: it is of a version that did not record its scenario")]
    NoRecord(String),
    /// A record without its User Names and Passwords.
    #[error(
        "{0} was recorded without its user names and passwords; give them with --user and \
         --password"
    )]
    Redacted(String),
    /// A group that makes no sense.
    #[error("group {group}: {fault}")]
    Group {
        /// Its name, or its number.
        group: String,
        /// What is wrong.
        fault: GroupError,
    },
    /// No clients at all.
    #[error(
        "the scenario has no [[group]]; write one with name, clients, and publish or subscribe"
    )]
    NoGroup,
    /// Payloads without a stamp beside others.
    #[error(
        "payload = \"plain\" has no stamp unless all groups speak MQTT 5, and could not be told from \
         the other publications of the scenario; write version = 5 for all, or payload = \"stamped\""
    )]
    BlindAmongOthers,
    /// Fewer clients than groups.
    #[error("--clients {clients} are fewer than the {groups} groups of the scenario need")]
    TooFewForGroups {
        /// `--clients`.
        clients: u32,
        /// How many groups.
        groups: usize,
    },
    /// Groups that cannot grow.
    #[error(
        "every group of the scenario has one client, so --clients {clients} says nothing about \
         which is to grow; leave it out or change the file"
    )]
    AllOnes {
        /// `--clients`.
        clients: u32,
    },
    /// What the plan of the groups together does not allow.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// What groups cannot do together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Too many pairs for the ledger.
    #[error(
        "the topics of this scenario and who receives them make more than {PAIRS_MAX} pairs, and \
         the record of who received what takes 8 bytes for each; lower --clients, or let each \
         client subscribe to less"
    )]
    Pairs,
    /// A closed loop without news of what arrived.
    #[error(
        "rate max at QoS 0 goes on when publications arrive, and no subscriber on the thread of the \
         publisher of {topic} receives them (--threads {threads}); subscribe to it, use --threads 1, or \
         publish at QoS 1"
    )]
    Unheard {
        /// Topic Name.
        topic: String,
        /// Threads of the generator.
        threads: u16,
    },
    /// Too many Topic Names.
    #[error(
        "the clients of this scenario publish to more than {0} topics, counted for each client; \
         lower --clients or N of %rand_N"
    )]
    Streams(u32),
    /// A message that could come as that of either subscription.
    #[error(
        "a client of group {0} has a shared subscription and another one that both match the topic \
         {1}: nobody could say which of them a message came for; give them different topics"
    )]
    SharedTwice(String, String),
}
