//! What to do: the command line resolved, completed with defaults, and checked.

mod connection;
mod error;
mod options;
mod sides;

use std::path::PathBuf;

pub use connection::{Connection, Will};
use connection::{connection, tls, user_properties};
pub use error::ScenarioError;
pub use options::RunOptions;
use sides::sides;

use crate::cli::{Cli, Format, PayloadKind, Topology};
use crate::mqtt::{QoS, TOPIC_BYTES_MAX, Version};
use crate::payload::{PAYLOAD_BYTES_MIN, PLAIN_BYTES_MAX, StampPlace};
use crate::rate::Rate;
use crate::transport::{Endpoint, EndpointError, Scheme, TlsOptions};
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
    /// What was asked for about TLS.
    pub tls: TlsOptions,
    /// Version of MQTT.
    pub version: Version,
    /// What each client says about itself.
    pub connection: Connection,
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
    /// Payload size; of plain payloads the greatest.
    pub payload_bytes: usize,
    /// Where the stamp is.
    pub stamp_place: StampPlace,
    /// Unacknowledged publications of a publisher at most.
    pub inflight_max: u16,
    /// User Properties of every publication, with `%i` where each publisher has its own.
    pub user_properties: Vec<(String, String)>,
    /// Whether Topic Aliases are used and allowed.
    pub topic_alias: bool,
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
    /// What is asked of the run beside its load.
    pub options: RunOptions,
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
    External(Endpoint),
}

impl Target {
    /// What is spoken below MQTT.
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Embedded { .. } => Scheme::Tcp,
            Self::External(endpoint) => endpoint.scheme,
        }
    }
}

impl Scenario {
    /// Resolves what was typed. `command` is kept for the record.
    pub fn resolve(cli: &Cli, command: String) -> Result<Self, ScenarioError> {
        let topology = cli.clients.topology;
        let (publishers, subscribers) = sides(cli)?;
        let topic = topic(cli)?;
        let period_ns = cli.messages.rate.period_ns(publishers)?;
        let (warmup_ns, duration_ns) = times(cli)?;
        let publications = (warmup_ns + duration_ns) / period_ns + 1;
        if publications > u64::from(u32::MAX) {
            return Err(ScenarioError::Sequences);
        }
        let target = target(cli)?;
        let version = cli.connection.mqtt_version;
        Ok(Self {
            command,
            tls: tls(cli, &target)?,
            target,
            version,
            connection: connection(cli)?,
            topology,
            publishers,
            subscribers,
            topic,
            qos: qos(cli.messages.qos),
            sub_qos: qos(cli.messages.sub_qos),
            retain: !cli.messages.no_retain,
            payload_bytes: payload_bytes(cli)?,
            stamp_place: stamp_place(cli.messages.payload, version),
            inflight_max: inflight_max(cli)?,
            user_properties: user_properties(cli)?,
            topic_alias: topic_alias(cli)?,
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
            options: RunOptions::new(cli),
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
    let host = arguments.host.as_deref().unwrap_or("127.0.0.1");
    Ok(Target::External(Endpoint::tcp(host, arguments.port)))
}

fn external(url: &str) -> Result<Target, ScenarioError> {
    endpoint(url).map(Target::External)
}

/// The broker that a URL names.
pub(crate) fn endpoint(url: &str) -> Result<Endpoint, ScenarioError> {
    Endpoint::parse(url).map_err(|error| match error {
        EndpointError::Scheme => ScenarioError::Transport(url.to_owned()),
        EndpointError::Login => ScenarioError::Login,
        EndpointError::Form => ScenarioError::Broker(url.to_owned()),
    })
}

fn stamp_place(payload: PayloadKind, version: Version) -> StampPlace {
    match (payload, version) {
        (PayloadKind::Stamped, _) => StampPlace::Payload,
        (PayloadKind::Plain, Version::V5) => StampPlace::Correlation,
        (PayloadKind::Plain, Version::V31 | Version::V311) => StampPlace::Nowhere,
    }
}

fn inflight_max(cli: &Cli) -> Result<u16, ScenarioError> {
    match cli.messages.inflight {
        Some(_) if cli.messages.qos == 0 => Err(ScenarioError::InflightAtQos0),
        inflight => Ok(inflight.unwrap_or(u16::MAX)),
    }
}

fn topic_alias(cli: &Cli) -> Result<bool, ScenarioError> {
    match (cli.messages.topic_alias, cli.connection.mqtt_version) {
        (true, Version::V31 | Version::V311) => Err(ScenarioError::NeedsVersion5("--topic-alias")),
        (wanted, _) => Ok(wanted),
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

fn payload_bytes(cli: &Cli) -> Result<usize, ScenarioError> {
    match cli.messages.size {
        Some(_) if cli.messages.payload == PayloadKind::Plain => Err(ScenarioError::PlainSize),
        None if cli.messages.payload == PayloadKind::Plain => Ok(PLAIN_BYTES_MAX),
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

    fn sides_of(arguments: &str) -> Result<(u32, u32), ScenarioError> {
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
        assert_eq!(sides_of("--clients 7"), Ok((4, 3)));
    }

    #[test]
    fn sides_can_be_given() {
        assert_eq!(sides_of("--clients 10 --publishers 3"), Ok((3, 7)));
        assert_eq!(sides_of("--clients 10 --subscribers 3"), Ok((7, 3)));
        assert_eq!(sides_of("--publishers 100 --subscribers 2500"), Ok((100, 2500)));
        assert_eq!(sides_of("--publishers 5"), Ok((5, 5)));
        assert_eq!(sides_of("--topology fan-in --clients 1001"), Ok((1000, 1)));
        assert_eq!(sides_of("--topology fan-in --publishers 9"), Ok((9, 1)));
        assert_eq!(sides_of("--topology fan-out --clients 1001"), Ok((1, 1000)));
        assert_eq!(sides_of("--topology fan-out --subscribers 9"), Ok((1, 9)));
        assert_eq!(sides_of("--topology pairs --clients 20"), Ok((10, 10)));
    }

    #[test]
    fn contradictions_name_the_cure() {
        let error = sides_of("--clients 20 --publishers 10 --subscribers 5").unwrap_err();
        assert!(error.to_string().contains("leave one of the three out"), "{error}");
        let error = sides_of("--clients 5 --publishers 10").unwrap_err();
        assert!(error.to_string().contains("raise --clients"), "{error}");
        assert_eq!(sides_of("--clients 5 --publishers 5"), Err(ScenarioError::TooFew));
        assert_eq!(sides_of("--clients 1"), Err(ScenarioError::TooFew));
        assert_eq!(sides_of("--clients 0"), Err(ScenarioError::TooFew));
        assert_eq!(sides_of("--topology pairs --clients 21"), Err(ScenarioError::Odd(22)));
        let error = sides_of("--topology pairs --publishers 3 --subscribers 4").unwrap_err();
        assert!(error.to_string().contains("--topology shared"), "{error}");
        let error = sides_of("--topology fan-in --subscribers 3").unwrap_err();
        assert!(error.to_string().contains("has one subscriber, not 3"), "{error}");
        assert!(matches!(sides_of("--clients 100000"), Err(ScenarioError::Pairs { .. })));
        assert!(matches!(sides_of("--clients 4000000"), Err(ScenarioError::TooMany(_))));
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
        let target = |arguments| match resolve(arguments)?.target {
            Target::External(endpoint) => Ok(endpoint.to_string()),
            Target::Embedded { .. } => panic!("not embedded"),
        };
        for (arguments, expected) in [
            ("--broker mqtt://a:1884", "mqtt://a:1884"),
            ("--broker wss://a", "wss://a:8084/mqtt"),
            ("--broker unix:/run/mqtt", "unix:/run/mqtt"),
            ("-h b", "mqtt://b:1883"),
            ("-h ::1", "mqtt://[::1]:1883"),
            ("-p 9", "mqtt://127.0.0.1:9"),
        ] {
            assert_eq!(target(arguments).as_deref(), Ok(expected));
        }
        let error = target("--broker http://a:1").unwrap_err();
        assert_eq!(error, ScenarioError::Transport("http://a:1".into()));
        assert_eq!(target("--broker mqtt://u:p@a"), Err(ScenarioError::Login));
        assert!(matches!(target("--broker mqtt://"), Err(ScenarioError::Broker(_))));
    }

    #[test]
    fn plain_payloads_have_their_stamp_where_the_version_has_room_for_it() {
        let place = |arguments| resolve(arguments).map(|scenario| scenario.stamp_place);
        assert_eq!(place(""), Ok(StampPlace::Payload));
        assert_eq!(place("-V 5"), Ok(StampPlace::Payload));
        assert_eq!(place("-V 5 --payload plain"), Ok(StampPlace::Correlation));
        assert_eq!(place("--payload plain"), Ok(StampPlace::Nowhere));
        assert_eq!(place("--payload plain --size 40"), Err(ScenarioError::PlainSize));
    }

    #[test]
    fn what_makes_no_sense_together_names_the_cure() {
        for (arguments, cure) in [
            ("--topic-alias", "-V 5"),
            ("--session-expiry 9", "-V 5"),
            ("--user-property a=b", "-V 5"),
            ("-V 5 --user-property ab", "NAME=VALUE"),
            ("--inflight 9", "--qos 1"),
            ("--password x", "--user"),
            ("--user=", "leave it out"),
            ("--insecure", "--broker mqtts://"),
            ("--broker ws://a --cafile b", "--broker wss://"),
            ("--will-topic a/+", "wildcard"),
        ] {
            let error = resolve(arguments).map(drop).unwrap_err().to_string();
            assert!(error.contains(cure), "{arguments}: {error}");
        }
        assert!(resolve("-V 5 --password x").is_ok(), "MQTT 5 has passwords alone");
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
