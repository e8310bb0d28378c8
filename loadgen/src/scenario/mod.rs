//! What to do: a scenario from a file, from the command line or from an earlier run; resolved,
//! completed, checked.
//!
//! ```text
//! file          the format, as it is written
//! shipped       files that come with the binary
//! command_line  the file that flags make when no scenario is named
//! overrides     what flags mean in a file
//! overview      the whole of it in a few figures
//! pattern       placeholders
//! resolve       from a group of the file to what its clients do
//! ```

mod command_line;
mod error;
mod fault;
mod file;
mod group;
mod options;
mod overrides;
mod overview;
mod pattern;
mod resolve;
mod shipped;
mod sides;

use std::path::{Path, PathBuf};
use std::{fmt, fs};

pub use error::{PlanError, ScenarioError};
pub use fault::GroupError;
pub use file::{Arrival, Bytes, File, Leave, Meeting, Moment, Text, Time};
pub use group::{
    Absence, Body, Connecting, Connection, Group, Payload, Presence, Publication, Subscription,
    Will,
};
pub use options::RunOptions;
pub use overview::Overview;
pub(crate) use pattern::Names;
pub use pattern::{Pattern, PatternError};
use resolve::Context;
pub use shipped::{SHIPPED, Shipped, list, shipped};

use crate::cli::{Cli, Format, Topology};
use crate::mqtt::Version;
use crate::payload::StampPlace;
use crate::transport::{Endpoint, EndpointError, Scheme, TlsOptions};
use crate::units::SECOND_NS;

/// Clients when nothing else is said.
const CLIENTS_DEFAULT: u32 = 100;

/// Clients at most: far above what one machine's ports and memory allow.
const CLIENTS_MAX: u32 = 1_000_000;

/// Publisher-subscriber pairs at most: the ledger takes 8 bytes for each, 8 GiB together.
pub(crate) const PAIRS_MAX: u64 = 1 << 30;

/// Longest warm-up or measured part: the stamp holds 208 days of nanoseconds.
const TIME_MAX_NS: u64 = 30 * 86_400 * SECOND_NS;

/// Times when nothing is said.
const WARMUP_SECONDS: u64 = 5;
const DURATION_SECONDS: u64 = 30;
const DRAIN_SECONDS: u64 = 5;

/// A run, resolved and valid.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The command line, for the record.
    pub command: String,
    /// Which broker.
    pub target: Target,
    /// What was asked for about TLS.
    pub tls: TlsOptions,
    /// What it is called: the topology, the shipped scenario, or the name of the file.
    pub title: String,
    /// The clients.
    pub groups: Vec<Group>,
    /// Load before the measured part.
    pub warmup_ns: u64,
    /// The measured part.
    pub duration_ns: u64,
    /// How long deliveries that are owed are waited for.
    pub drain_ns: u64,
    /// Connections opened per second at most before the load.
    pub connect_rate: Option<f64>,
    /// Threads of the generator.
    pub threads: u16,
    /// Seed of everything that is random.
    pub seed: u64,
    /// The whole of it as a file, to run it again.
    pub record: String,
    /// Figures of all groups together.
    pub overview: Overview,
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

impl fmt::Display for Target {
    /// `embedded`, or the URL of the broker.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { .. } => f.write_str("embedded"),
            Self::External(endpoint) => endpoint.fmt(f),
        }
    }
}

impl Scenario {
    /// Resolves what was typed. `command` is kept for the record.
    pub fn resolve(cli: &Cli, command: String) -> Result<Self, ScenarioError> {
        let (title, file) = read(cli)?;
        let target = target(cli, &file)?;
        let (warmup_ns, duration_ns, drain_ns) = times(&file)?;
        let all_new = file
            .groups
            .iter()
            .all(|group| group.version.is_some_and(|version| version.0 == Version::V5));
        let broker = match &target {
            Target::Embedded { .. } => None,
            Target::External(endpoint) => Some(endpoint.clone()),
        };
        let groups = groups(&file, &Context { broker, warmup_ns, duration_ns, all_new })?;
        let overview = Overview::of(&file, &groups);
        Ok(Self {
            command,
            tls: tls(cli, &target, &groups)?,
            target,
            groups,
            warmup_ns,
            duration_ns,
            drain_ns,
            connect_rate: file.connect_rate,
            threads: file.threads.unwrap_or(1).clamp(1, 256),
            seed: file.seed.unwrap_or(1),
            record: file.record(),
            overview,
            out: cli.output.out.clone(),
            name: cli.output.name.clone().unwrap_or_else(|| title.clone()),
            title,
            format: cli.output.format,
            quiet: cli.output.quiet,
            options: RunOptions::new(cli),
        })
    }

    /// All clients.
    pub fn clients(&self) -> u32 {
        self.groups.iter().map(|group| group.clients).sum()
    }

    /// What is spoken below MQTT, as reports name it: `tcp`, or `tcp, ws` where groups differ.
    pub fn transports(&self) -> String {
        let scheme = |group: &Group| {
            group.endpoint.as_ref().map_or_else(|| self.target.scheme(), |door| door.scheme)
        };
        let mut names: Vec<_> = self.groups.iter().map(|group| scheme(group).transport()).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }

    /// Publications per second, all publishers together.
    pub fn publications_per_second(&self) -> f64 {
        self.groups.iter().map(Group::publications_per_second).sum()
    }
}

/// The name of the scenario and the scenario, with everything in it that was typed.
fn read(cli: &Cli) -> Result<(String, File), ScenarioError> {
    let source = &cli.source;
    let (title, mut file) = match (&source.scenario, &source.replay) {
        (Some(name), _) => named(name)?,
        (None, Some(path)) => recorded(path)?,
        (None, None) => {
            let topology = cli.clients.topology.unwrap_or(Topology::Shared);
            return Ok((topology.name().to_owned(), command_line::file(cli)?));
        }
    };
    overrides::apply(&mut file, cli)?;
    if file.is_redacted() {
        return Err(ScenarioError::Redacted(title));
    }
    Ok((title, file))
}

/// A shipped scenario, or a file.
fn named(name: &str) -> Result<(String, File), ScenarioError> {
    let path = Path::new(name);
    let is_path = path.extension().is_some() || name.contains('/');
    let (title, text) = if is_path {
        let text = fs::read_to_string(path).map_err(|error| ScenarioError::File {
            origin: name.to_owned(),
            reason: format!("it cannot be read: {error}"),
        })?;
        let title = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        (title, text)
    } else {
        let shipped = shipped(name)?;
        (shipped.name.to_owned(), shipped.text.to_owned())
    };
    let fault = |reason| ScenarioError::File { origin: name.to_owned(), reason };
    let mut file = File::parse(&text).map_err(fault)?;
    // Paths in it are relative to the folder that it is in.
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    for entry in file.groups.iter_mut().flat_map(|group| &mut group.publish) {
        if let Some(path) = &mut entry.file {
            *path = folder.join(&*path);
        }
    }
    Ok((title, file))
}

/// The scenario of an earlier run.
fn recorded(path: &Path) -> Result<(String, File), ScenarioError> {
    let origin = path.display().to_string();
    let fault = |reason: String| ScenarioError::File { origin: origin.clone(), reason };
    let summary = reports::Summary::read(path).map_err(|error| fault(error.to_string()))?;
    let record = summary.config.scenario;
    let record = record.ok_or_else(|| ScenarioError::NoRecord(origin.clone()))?;
    Ok((summary.config.topology, File::parse(&record).map_err(fault)?))
}

fn groups(file: &File, context: &Context) -> Result<Vec<Group>, ScenarioError> {
    let clients = overrides::clients(&file.groups);
    if file.groups.is_empty() {
        return Err(ScenarioError::NoGroup);
    }
    if clients > u64::from(CLIENTS_MAX) {
        return Err(ScenarioError::TooMany(clients));
    }
    let mut groups = Vec::with_capacity(file.groups.len());
    for (number, written) in (1..).zip(&file.groups) {
        let group = match written.name.as_str() {
            "" => format!("number {number}"),
            name => name.to_owned(),
        };
        let is_known = groups.iter().any(|other: &Group| other.name == written.name);
        let resolved =
            if is_known { Err(GroupError::SameName) } else { resolve::group(written, context) };
        groups.push(resolved.map_err(|fault| ScenarioError::Group { group, fault })?);
    }
    let mut publications = groups.iter().flat_map(|group| &group.publish);
    let blind = |one: &Publication| one.payload.stamp_place == StampPlace::Nowhere;
    if publications.clone().any(blind) && !publications.all(blind) {
        return Err(ScenarioError::BlindAmongOthers);
    }
    for number in 0..groups.len() {
        groups[number].label = label(&groups, number);
    }
    Ok(groups)
}

/// The shortest beginning of a group's name that no other group's name has.
fn label(groups: &[Group], number: usize) -> String {
    let name = &groups[number].name;
    let is_alone = |label: &str| {
        let mut others = groups.iter().enumerate().filter(|(other, _)| *other != number);
        others.all(|(_, other)| !other.name.starts_with(label))
    };
    let ends = name.char_indices().skip(1).map(|(at, _)| at);
    let mut labels = ends.map(|end| &name[..end]);
    labels.find(|label| is_alone(label)).unwrap_or(name).to_owned()
}

fn target(cli: &Cli, file: &File) -> Result<Target, ScenarioError> {
    let arguments = &cli.broker;
    if let Some(url) = &arguments.broker {
        return external(url);
    }
    if arguments.host.is_some() || arguments.port.is_some() {
        let host = arguments.host.as_deref().unwrap_or("127.0.0.1");
        return Ok(Target::External(Endpoint::tcp(host, arguments.port)));
    }
    match &file.broker {
        Some(url) => external(url),
        None => Ok(Target::Embedded { shards: arguments.broker_shards }),
    }
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

/// Resolved and checked.
fn tls(cli: &Cli, target: &Target, groups: &[Group]) -> Result<TlsOptions, ScenarioError> {
    let arguments = &cli.tls;
    let options = TlsOptions {
        authorities: arguments.cafile.clone(),
        identity: arguments.cert.clone().zip(arguments.key.clone()),
        insecure: arguments.insecure,
    };
    let scheme = target.scheme();
    match options.given() {
        Some(option) if !(scheme.is_secure() || takes_tls(groups)) => Err(ScenarioError::NoTls {
            option,
            scheme: scheme.secured(),
            embedded: matches!(target, Target::Embedded { .. }),
        }),
        _ => Ok(options),
    }
}

/// Whether a group has a door of its own that speaks TLS.
fn takes_tls(groups: &[Group]) -> bool {
    groups.iter().filter_map(|group| group.endpoint.as_ref()).any(|door| door.scheme.is_secure())
}

/// Warm-up, measured part, drain.
fn times(file: &File) -> Result<(u64, u64, u64), ScenarioError> {
    let ns = |time: Option<Text<Time>>, default: u64| {
        time.map_or(default * SECOND_NS, |time| time.0.ns())
    };
    let warmup_ns = ns(file.warmup, WARMUP_SECONDS);
    let duration_ns = ns(file.duration, DURATION_SECONDS);
    let drain_ns = ns(file.drain, DRAIN_SECONDS);
    check_times(warmup_ns, duration_ns, drain_ns)?;
    Ok((warmup_ns, duration_ns, drain_ns))
}

fn check_times(warmup_ns: u64, duration_ns: u64, drain_ns: u64) -> Result<(), ScenarioError> {
    if duration_ns == 0 {
        return Err(ScenarioError::NoDuration);
    }
    for (option, time_ns) in [("warmup", warmup_ns), ("duration", duration_ns), ("drain", drain_ns)]
    {
        if time_ns > TIME_MAX_NS {
            return Err(ScenarioError::TooLong(option));
        }
    }
    Ok(())
}

/// A group of one client with these keys and this warm-up, for the tests of others.
#[cfg(test)]
pub(crate) fn tests_group(keys: &str, warmup_ns: u64) -> Group {
    let text = format!("[[group]]\nname = 'g'\nclients = 1\n{keys}");
    let file = File::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let context = Context { broker: None, warmup_ns, duration_ns: SECOND_NS, all_new: false };
    resolve::group(&file.groups[0], &context).unwrap_or_else(|error| panic!("{error}"))
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
        resolve(arguments)
            .map(|scenario| (scenario.overview.publishers, scenario.overview.subscribers))
    }

    #[test]
    fn the_main_job_is_half_and_half_on_one_topic() {
        let scenario = resolve("--clients 5000 --rate 3s").unwrap();
        assert_eq!((scenario.overview.publishers, scenario.overview.subscribers), (2500, 2500));
        assert_eq!(scenario.overview.topic, "temperature");
        assert_eq!(scenario.overview.period_ns, 3_000_000_000);
        assert!(scenario.overview.retain);
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
        assert_eq!(resolve("--topology pairs").unwrap().overview.topic, "temperature/%i");
        assert_eq!(resolve("--topology fan-in").unwrap().overview.topic, "temperature/%i");
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
        let place = |arguments| resolve(arguments).map(|scenario| scenario.overview.stamp_place);
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
        assert_eq!(resolve("--size 100").unwrap().overview.payload_bytes, 100);
        assert_eq!(resolve("-d 0s").unwrap_err(), ScenarioError::NoDuration);
        assert_eq!(resolve("-d 31days").unwrap_err(), ScenarioError::TooLong("duration"));
        let error = resolve("-c 2 --rate 900000/ms -d 1h").unwrap_err();
        assert_eq!(error, ScenarioError::Sequences);
    }
}
