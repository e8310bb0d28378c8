//! What to do: the command line resolved, completed with defaults, and checked.

use std::path::PathBuf;

use crate::cli::{Cli, Format, Topology};
use crate::mqtt::{QoS, TOPIC_BYTES_MAX};
use crate::payload::{PAYLOAD_BYTES_MIN, PUBLISHERS_MAX};
use crate::rate::{Rate, RateError};
use crate::units::{SECOND_NS, fraction, nanoseconds};

/// Clients when nothing else is said.
const CLIENTS_DEFAULT: u32 = 100;

/// Clients at most: far above what one machine's ports and memory allow.
const CLIENTS_MAX: u32 = 1_000_000;

/// Payload at most: the Remaining Length field holds 256 MiB, the rest is the Topic Name.
const PAYLOAD_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// Publisher-subscriber pairs at most: the ledger takes 8 bytes for each, 8 GiB together.
const PAIRS_MAX: u64 = 1 << 30;

/// Longest warm-up or measured part: the stamp holds 208 days of nanoseconds.
const TIME_MAX_NS: u64 = 30 * 86_400 * SECOND_NS;

/// Where %i stands for the number of the client.
pub const CLIENT_NUMBER: &str = "%i";

/// A run, resolved and valid.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The command line, for the record.
    pub command: String,
    /// Which broker.
    pub target: Target,
    /// Who receives what from whom.
    pub topology: Topology,
    /// Clients that publish; at least one.
    pub publishers: u32,
    /// Clients that subscribe; at least one.
    pub subscribers: u32,
    /// Topic Name, with `%i` where each publisher has its own.
    pub topic: String,
    /// QoS of the publications.
    pub qos: QoS,
    /// QoS of the subscriptions.
    pub sub_qos: QoS,
    /// Whether publications carry RETAIN = 1.
    pub retain: bool,
    /// Payload size.
    pub payload_bytes: usize,
    /// How often, as typed.
    pub rate: Rate,
    /// Time between two publications of one publisher.
    pub period_ns: u64,
    /// Load before the measured part.
    pub warmup_ns: u64,
    /// The measured part.
    pub duration_ns: u64,
    /// How long deliveries that are owed are waited for.
    pub drain_ns: u64,
    /// Connections opened per second at most.
    pub connect_rate: Option<f64>,
    /// Threads of the generator.
    pub threads: u16,
    /// Seed of the temperatures and of the order of the publishers.
    pub seed: u64,
    /// Folder in which the run gets its own.
    pub out: PathBuf,
    /// Name of the run.
    pub name: String,
    /// What is printed at the end.
    pub format: Format,
    /// No progress.
    pub quiet: bool,
}

/// Which broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One of this process, with so many threads.
    Embedded {
        /// Threads of the broker.
        shards: u16,
    },
    /// Anyone's.
    External {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
}

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

impl Scenario {
    /// Resolves what was typed. `command` is kept for the record.
    pub fn resolve(cli: &Cli, command: String) -> Result<Self, ScenarioError> {
        let topology = cli.clients.topology;
        let (publishers, subscribers) = counts(cli)?;
        let topic = topic(cli)?;
        let period_ns = cli.messages.rate.period_ns(publishers)?;
        let (warmup_ns, duration_ns) = times(cli)?;
        let publications = (warmup_ns + duration_ns) / period_ns + 1;
        if publications > u64::from(u32::MAX) {
            return Err(ScenarioError::Sequences);
        }
        Ok(Self {
            command,
            target: target(cli)?,
            topology,
            publishers,
            subscribers,
            topic,
            qos: qos(cli.messages.qos),
            sub_qos: qos(cli.messages.sub_qos),
            retain: !cli.messages.no_retain,
            payload_bytes: payload_bytes(cli.messages.size)?,
            rate: cli.messages.rate,
            period_ns,
            warmup_ns,
            duration_ns,
            drain_ns: drain_ns(cli)?,
            connect_rate: cli.clients.connect_rate,
            threads: cli.clients.threads,
            seed: cli.messages.seed,
            out: cli.output.out.clone(),
            name: cli.output.name.clone().unwrap_or_else(|| topology.name().to_owned()),
            format: cli.output.format,
            quiet: cli.output.quiet,
        })
    }

    /// All clients.
    pub fn clients(&self) -> u32 {
        self.publishers + self.subscribers
    }

    /// Publications per second, all publishers together.
    pub fn publications_per_second(&self) -> f64 {
        f64::from(self.publishers) * 1e9 / fraction(self.period_ns)
    }
}

/// The range was checked by the command line.
fn qos(number: u8) -> QoS {
    QoS::from_number(number).unwrap_or(QoS::ExactlyOnce)
}

fn target(cli: &Cli) -> Result<Target, ScenarioError> {
    let arguments = &cli.broker;
    if let Some(url) = &arguments.broker {
        return external(url);
    }
    if arguments.host.is_none() && arguments.port.is_none() {
        return Ok(Target::Embedded { shards: arguments.broker_shards });
    }
    let host = arguments.host.clone().unwrap_or_else(|| "127.0.0.1".to_owned());
    Ok(Target::External { host, port: arguments.port.unwrap_or(1883) })
}

fn external(url: &str) -> Result<Target, ScenarioError> {
    let address = match url.split_once("://") {
        Some(("mqtt" | "tcp", address)) => address,
        Some((scheme, _)) => return Err(ScenarioError::Transport(format!("{scheme}://"))),
        None => url,
    };
    let fault = || ScenarioError::Broker(url.to_owned());
    let address = address.strip_suffix('/').unwrap_or(address);
    // An IPv6 address stands in brackets: its colons do not begin a port.
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| fault())?),
        _ => (address, 1883),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() || host.contains(['/', '@', '[', ']']) {
        return Err(fault());
    }
    Ok(Target::External { host: host.to_owned(), port })
}

fn counts(cli: &Cli) -> Result<(u32, u32), ScenarioError> {
    let arguments = &cli.clients;
    let (publishers, subscribers) = match arguments.topology {
        Topology::Shared | Topology::Pairs => halves(cli)?,
        Topology::FanIn => ends(cli, arguments.subscribers, "subscriber")?,
        Topology::FanOut => {
            let (subscribers, publishers) = ends(cli, arguments.publishers, "publisher")?;
            (publishers, subscribers)
        }
    };
    if publishers == 0 || subscribers == 0 {
        return Err(ScenarioError::TooFew);
    }
    let clients = u64::from(publishers) + u64::from(subscribers);
    if clients > u64::from(CLIENTS_MAX) || publishers >= PUBLISHERS_MAX {
        return Err(ScenarioError::TooMany(clients));
    }
    match arguments.topology {
        Topology::Pairs if publishers != subscribers => match arguments.clients {
            Some(clients) if arguments.publishers.or(arguments.subscribers).is_none() => {
                Err(ScenarioError::Odd(clients + 1))
            }
            _ => Err(ScenarioError::Unequal { publishers, subscribers }),
        },
        Topology::Shared if u64::from(publishers) * u64::from(subscribers) > PAIRS_MAX => {
            Err(ScenarioError::Pairs {
                publishers,
                subscribers,
                pairs: u64::from(publishers) * u64::from(subscribers),
            })
        }
        _ => Ok((publishers, subscribers)),
    }
}

/// Two sides of about the same size, unless one of them is given.
fn halves(cli: &Cli) -> Result<(u32, u32), ScenarioError> {
    let arguments = &cli.clients;
    let clients = arguments.clients.unwrap_or(CLIENTS_DEFAULT);
    let others = |part: &'static str, count: u32| {
        clients.checked_sub(count).ok_or(ScenarioError::Part { part, clients })
    };
    match (arguments.publishers, arguments.subscribers) {
        (Some(publishers), Some(subscribers)) => both(arguments.clients, publishers, subscribers),
        (Some(publishers), None) if arguments.clients.is_some() => {
            Ok((publishers, others("--publishers", publishers)?))
        }
        (None, Some(subscribers)) if arguments.clients.is_some() => {
            Ok((others("--subscribers", subscribers)?, subscribers))
        }
        // One side alone and no total: the other side is as large.
        (Some(one), None) | (None, Some(one)) => Ok((one, one)),
        (None, None) => Ok((clients.div_ceil(2), clients / 2)),
    }
}

/// Many on one side, one on the other: returned in this order.
fn ends(cli: &Cli, ones: Option<u32>, role: &'static str) -> Result<(u32, u32), ScenarioError> {
    let arguments = &cli.clients;
    if let Some(count) = ones
        && count != 1
    {
        return Err(ScenarioError::One { topology: arguments.topology.name(), role, count });
    }
    let many = match arguments.topology {
        Topology::FanIn => arguments.publishers,
        _ => arguments.subscribers,
    };
    match many {
        Some(many) => both(arguments.clients, many, 1),
        None => Ok((arguments.clients.unwrap_or(CLIENTS_DEFAULT).saturating_sub(1), 1)),
    }
}

fn both(
    clients: Option<u32>,
    publishers: u32,
    subscribers: u32,
) -> Result<(u32, u32), ScenarioError> {
    let sum = u64::from(publishers) + u64::from(subscribers);
    match clients {
        Some(clients) if u64::from(clients) != sum => {
            Err(ScenarioError::Sum { publishers, subscribers, sum, clients })
        }
        _ => Ok((publishers, subscribers)),
    }
}

fn topic(cli: &Cli) -> Result<String, ScenarioError> {
    let topology = cli.clients.topology;
    let Some(topic) = &cli.messages.topic else {
        return Ok(match topology {
            Topology::Shared | Topology::FanOut => "temperature".to_owned(),
            Topology::Pairs | Topology::FanIn => format!("temperature/{CLIENT_NUMBER}"),
        });
    };
    let fault = |reason| Err(ScenarioError::Topic { topic: topic.clone(), reason });
    // The number of a client takes at most seven digits in place of the two characters of %i.
    let bytes = topic.len() + 5 * topic.matches(CLIENT_NUMBER).count();
    if topic.is_empty() {
        return fault("it is empty");
    }
    if bytes > TOPIC_BYTES_MAX {
        return fault("it is longer than the 65,535 bytes that MQTT allows");
    }
    if topic.contains(['+', '#']) {
        return fault("it holds a wildcard; publications need plain topics, with %i for a number");
    }
    if topic.contains('\0') {
        return fault("it holds the character U+0000");
    }
    match topology {
        Topology::Pairs if !topic.contains(CLIENT_NUMBER) => {
            Err(ScenarioError::PairsTopic(topic.clone()))
        }
        Topology::Shared | Topology::FanIn if !whole_levels(topic) => {
            fault("%i must be a whole level, as in a/%i/b, so that + can stand for it")
        }
        _ => Ok(topic.clone()),
    }
}

/// Whether `%i` only occurs as a level of its own.
fn whole_levels(topic: &str) -> bool {
    topic.split('/').all(|level| level == CLIENT_NUMBER || !level.contains(CLIENT_NUMBER))
}

fn payload_bytes(size: Option<u32>) -> Result<usize, ScenarioError> {
    match size {
        None => Ok(PAYLOAD_BYTES_MIN),
        Some(size) if size > PAYLOAD_BYTES_MAX => Err(ScenarioError::SizeTooLarge(size)),
        Some(size) => match usize::try_from(size) {
            Ok(bytes) if bytes >= PAYLOAD_BYTES_MIN => Ok(bytes),
            _ => Err(ScenarioError::SizeTooSmall(size)),
        },
    }
}

fn drain_ns(cli: &Cli) -> Result<u64, ScenarioError> {
    match nanoseconds(cli.time.drain) {
        TIME_MAX_NS.. => Err(ScenarioError::TooLong("drain")),
        drain_ns => Ok(drain_ns),
    }
}

fn times(cli: &Cli) -> Result<(u64, u64), ScenarioError> {
    let warmup_ns = nanoseconds(cli.time.warmup);
    let duration_ns = nanoseconds(cli.time.duration);
    if duration_ns == 0 {
        return Err(ScenarioError::NoDuration);
    }
    if warmup_ns > TIME_MAX_NS {
        return Err(ScenarioError::TooLong("warmup"));
    }
    if duration_ns > TIME_MAX_NS {
        return Err(ScenarioError::TooLong("duration"));
    }
    Ok((warmup_ns, duration_ns))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn resolve(arguments: &str) -> Result<Scenario, ScenarioError> {
        let words = ["loadgen"].into_iter().chain(arguments.split_whitespace());
        Scenario::resolve(&Cli::parse_from(words), arguments.to_owned())
    }

    fn sides(arguments: &str) -> Result<(u32, u32), ScenarioError> {
        resolve(arguments).map(|scenario| (scenario.publishers, scenario.subscribers))
    }

    #[test]
    fn the_main_job_is_half_and_half_on_one_topic() {
        let scenario = resolve("--clients 5000 --rate 3s").unwrap();
        assert_eq!((scenario.publishers, scenario.subscribers), (2500, 2500));
        assert_eq!(scenario.topic, "temperature");
        assert_eq!(scenario.period_ns, 3_000_000_000);
        assert!(scenario.retain);
        assert_eq!(scenario.target, Target::Embedded { shards: 1 });
        assert!((scenario.publications_per_second() - 833.333).abs() < 0.001);
    }

    #[test]
    fn the_odd_client_publishes() {
        assert_eq!(sides("--clients 7"), Ok((4, 3)));
    }

    #[test]
    fn sides_can_be_given() {
        assert_eq!(sides("--clients 10 --publishers 3"), Ok((3, 7)));
        assert_eq!(sides("--clients 10 --subscribers 3"), Ok((7, 3)));
        assert_eq!(sides("--publishers 100 --subscribers 2500"), Ok((100, 2500)));
        assert_eq!(sides("--publishers 5"), Ok((5, 5)));
        assert_eq!(sides("--topology fan-in --clients 1001"), Ok((1000, 1)));
        assert_eq!(sides("--topology fan-in --publishers 9"), Ok((9, 1)));
        assert_eq!(sides("--topology fan-out --clients 1001"), Ok((1, 1000)));
        assert_eq!(sides("--topology fan-out --subscribers 9"), Ok((1, 9)));
        assert_eq!(sides("--topology pairs --clients 20"), Ok((10, 10)));
    }

    #[test]
    fn contradictions_name_the_cure() {
        let error = sides("--clients 20 --publishers 10 --subscribers 5").unwrap_err();
        assert!(error.to_string().contains("leave one of the three out"), "{error}");
        let error = sides("--clients 5 --publishers 10").unwrap_err();
        assert!(error.to_string().contains("raise --clients"), "{error}");
        assert_eq!(sides("--clients 5 --publishers 5"), Err(ScenarioError::TooFew));
        assert_eq!(sides("--clients 1"), Err(ScenarioError::TooFew));
        assert_eq!(sides("--clients 0"), Err(ScenarioError::TooFew));
        assert_eq!(sides("--topology pairs --clients 21"), Err(ScenarioError::Odd(22)));
        let error = sides("--topology pairs --publishers 3 --subscribers 4").unwrap_err();
        assert!(error.to_string().contains("--topology shared"), "{error}");
        let error = sides("--topology fan-in --subscribers 3").unwrap_err();
        assert!(error.to_string().contains("has one subscriber, not 3"), "{error}");
        assert!(matches!(sides("--clients 100000"), Err(ScenarioError::Pairs { .. })));
        assert!(matches!(sides("--clients 4000000"), Err(ScenarioError::TooMany(_))));
    }

    #[test]
    fn topics_fit_their_topology() {
        assert_eq!(resolve("--topology pairs").unwrap().topic, "temperature/%i");
        assert_eq!(resolve("--topology fan-in").unwrap().topic, "temperature/%i");
        let error = resolve("--topology pairs --topic a").unwrap_err();
        assert_eq!(error, ScenarioError::PairsTopic("a".into()));
        assert!(resolve("--topology pairs --topic a%i").is_ok());
        assert!(resolve("--topology fan-in --topic a").is_ok());
        assert!(matches!(resolve("--topic a%i"), Err(ScenarioError::Topic { .. })));
        assert!(matches!(resolve("--topic a/+"), Err(ScenarioError::Topic { .. })));
        assert!(matches!(resolve("--topic="), Err(ScenarioError::Topic { .. })));
    }

    #[test]
    fn brokers_are_named_by_url_or_host_and_port() {
        let external = |host: &str, port| Target::External { host: host.to_owned(), port };
        let target = |arguments| resolve(arguments).map(|scenario| scenario.target);
        assert_eq!(target("--broker mqtt://a:1884"), Ok(external("a", 1884)));
        assert_eq!(target("--broker mqtt://a/"), Ok(external("a", 1883)));
        assert_eq!(target("--broker a:7"), Ok(external("a", 7)));
        assert_eq!(target("--broker mqtt://[::1]:7"), Ok(external("::1", 7)));
        assert_eq!(target("--broker mqtt://[::1]"), Ok(external("::1", 1883)));
        assert_eq!(target("-h b"), Ok(external("b", 1883)));
        assert_eq!(target("-p 9"), Ok(external("127.0.0.1", 9)));
        let error = target("--broker mqtts://a:1").unwrap_err();
        assert_eq!(error, ScenarioError::Transport("mqtts://".into()));
        assert!(matches!(target("--broker mqtt://"), Err(ScenarioError::Broker(_))));
        assert!(matches!(target("--broker mqtt://a:b"), Err(ScenarioError::Broker(_))));
    }

    #[test]
    fn limits_are_checked() {
        assert_eq!(resolve("--size 10").unwrap_err(), ScenarioError::SizeTooSmall(10));
        assert_eq!(resolve("--size 100").unwrap().payload_bytes, 100);
        assert_eq!(resolve("-d 0s").unwrap_err(), ScenarioError::NoDuration);
        assert_eq!(resolve("-d 31days").unwrap_err(), ScenarioError::TooLong("duration"));
        let error = resolve("-c 2 --rate 900000/ms -d 1h").unwrap_err();
        assert_eq!(error, ScenarioError::Sequences);
    }
}
