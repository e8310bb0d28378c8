//! The command line: what was typed, not yet what it means.

mod compare;
mod duet;
mod search;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use compare::CompareArgs;
pub use duet::DuetArgs;
pub use search::SearchArgs;

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use reports::arguments::MergeArgs;
use reports::slo::Threshold;
use serde::{Deserialize, Serialize};

use crate::mqtt::Version;
use crate::rate::Rate;

const EXAMPLES: &str = "\
Examples:
  loadgen --clients 5000 --rate 3s
      2,500 sensors and 2,500 displays on one topic, against the embedded broker
  loadgen --clients 200 --rate 1s -h 127.0.0.1 -p 1883
      the same pattern, smaller, against a broker of yours
  loadgen --topology pairs --clients 20 --rate 200000/s --broker mqtt://127.0.0.1:1883
      ten pairs, each with its own topic, 200,000 publications a second in total
  loadgen --topology fan-in --clients 1001 --rate 1/s/client --format json
      1,000 publishers to one subscriber, each once a second; summary.json on stdout
  loadgen --clients 5000 --rate 3s -V 5 --payload plain
      the main job with bare numbers as payloads, the stamp in the Correlation Data of MQTT 5
  loadgen --clients 1000 --rate 1s --broker mqtts://localhost --cafile ca.pem -u sensor%i -P secret
      over TLS, with a user name for each client
  loadgen --scenario churn --clients 1000 --broker mqtt://127.0.0.1:1883
      a scenario that comes with loadgen (see: loadgen scenarios); or a file of yours
  loadgen --clients 1000 --rate 1s -h localhost --threshold 'delivery:p(99)<50ms' --threshold 'lost==0'
      exit status 99 unless both hold; --junit FILE tells a CI system
  loadgen --topology pairs --clients 20 --rate max --window 100 -h 127.0.0.1
      a closed loop: how much the broker carries when each pair has 100 messages on their way
  loadgen compare kelvin mosquitto --rounds 3 -- --clients 1000 --rate 1s
      the same load against two brokers in turn, three times, in one table
  loadgen search --slo 'delivery:p(99)<50ms' --slo 'lost==0' -- --clients 1000 -d 10s -h localhost
      the highest rate at which both hold
  loadgen calibrate
      what this generator can do on this machine, which the verdicts of later runs cite

Every run ends with a verdict: VALID, GENERATOR-LIMITED, BROKER-LIMITED or UNSTABLE, and why.

Exit status: 0 done; 2 usage; 3 the run could not be carried out; 4 the generator was the limit,
so that the figures are its own; 99 a threshold failed; 130 interrupted (what was measured until
then is still written).";

const MERGE_HELP: &str = "\
Example:
  loadgen merge left=reports/runs/20261124T070000Z-left right=reports/runs/20261124T070001Z-right

Exit status: 0 done; 2 usage; 3 a run cannot be read, or the runs do not add up (and why).";

/// Flags that only the scenario without a file takes.
const FILES: [&str; 2] = ["scenario", "replay"];

/// Simulates MQTT publishers and subscribers in open loop and measures what each message went
/// through: latency, loss, duplicates and order for every publisher-subscriber pair.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "loadgen",
    version,
    after_help = EXAMPLES,
    disable_help_flag = true,
    // -V is the version of MQTT.
    disable_version_flag = true,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    // Wider lines are hard to read, whatever the terminal.
    max_term_width = 100
)]
pub struct Cli {
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
    /// Print the version of loadgen
    #[arg(long, action = clap::ArgAction::Version)]
    pub version: Option<bool>,
    /// What to run.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Which broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// How TLS is spoken.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// What each client says about itself.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Who publishes and subscribes.
    #[command(flatten)]
    pub clients: ClientArgs,
    /// What is published, and how often.
    #[command(flatten)]
    pub messages: MessageArgs,
    /// How long.
    #[command(flatten)]
    pub time: TimeArgs,
    /// What is asked of the figures.
    #[command(flatten)]
    pub judgement: JudgementArgs,
    /// What the run leaves.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What to do instead of one run.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of one run.
#[derive(Clone, Debug, Subcommand)]
#[command(disable_help_flag = true)]
pub enum Command {
    /// Run one load against several brokers in turn and print one table
    Compare(CompareArgs),
    /// Tell whether one broker needs more CPU time than another, on a machine that is not quiet
    Duet(DuetArgs),
    /// Find the highest rate at which a condition holds
    Search(SearchArgs),
    /// Measure what this generator can do on this machine, against a sink in its own process, and
    /// keep it for the verdicts of later runs
    Calibrate(CalibrateArgs),
    /// Add up the runs of several generators against one broker, and write a run of all of them
    ///
    /// Counts add up, percentiles come from the merged histograms, and thresholds that all runs
    /// share are judged by the sum. Prints where the run is.
    #[command(after_help = MERGE_HELP)]
    Merge {
        /// Which runs.
        #[command(flatten)]
        arguments: MergeArgs,
        /// Print help
        #[arg(long, action = clap::ArgAction::Help)]
        help: Option<bool>,
    },
    /// List the scenarios that come with loadgen
    Scenarios {
        /// What else to do with them.
        #[command(subcommand)]
        action: Option<ScenariosAction>,
    },
}

/// How a calibration is done.
#[derive(Args, Clone, Debug)]
pub struct CalibrateArgs {
    /// How long each of its two parts is measured
    #[arg(short = 'd', long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
}

/// What is asked of the figures.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Judgement (docs/measuring.md has the rules and the syntax)")]
pub struct JudgementArgs {
    /// What must hold, repeatable: delivery:p(99)<50ms, connect:p(95)<1s, lost==0, lost<0.1%,
    /// delivered:rate>100k/s; with ,abort the run ends as soon as it does not
    #[arg(long, value_name = "CONDITION")]
    pub threshold: Vec<Threshold>,
    /// JUnit XML with a test case for each threshold and one for the verdict
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// What to do with the shipped scenarios.
#[derive(Clone, Debug, Subcommand)]
pub enum ScenariosAction {
    /// Print the file of one, to be changed and given to --scenario
    Show {
        /// Its name
        name: String,
    },
}

/// What to run.
#[derive(Args, Clone, Debug)]
#[command(
    next_help_heading = "Scenario (without one, publishers and subscribers as the flags say)"
)]
pub struct SourceArgs {
    /// A scenario that comes with loadgen, or a file; other flags replace what it says
    #[arg(long, value_name = "NAME|FILE")]
    pub scenario: Option<String>,
    /// Run again what this summary.json, or the folder that it is in, is about; other flags replace
    /// what it says
    #[arg(long, value_name = "FILE", conflicts_with = "scenario")]
    pub replay: Option<PathBuf>,
}

/// Which broker.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Broker (the embedded one when none is named)")]
pub struct BrokerArgs {
    /// The broker to load: mqtt://HOST:PORT, the same with mqtts, ws and wss (and /PATH), or unix:
    /// and a path [default ports: 1883, 8883, 8083, 8084; path of ws and wss: /mqtt]
    #[arg(long, value_name = "URL", conflicts_with_all = ["host", "port"])]
    pub broker: Option<String>,
    /// Host of the broker to load
    #[arg(short = 'h', long, value_name = "HOST")]
    pub host: Option<String>,
    /// Port of the broker to load [default: 1883]
    #[arg(short = 'p', long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Threads of the embedded broker
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub broker_shards: u16,
    /// Process of the broker, whose CPU time and memory are told [default: the one of this machine
    /// that listens on its port]
    #[arg(long, value_name = "PID")]
    pub broker_pid: Option<u32>,
}

/// How TLS is spoken.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS (mqtts:// and wss://)")]
pub struct TlsArgs {
    /// PEM file of the authorities that may vouch for the broker [default: those of the system]
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub cafile: Option<PathBuf>,
    /// PEM file of the client's certificate chain
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// PEM file of its private key
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Trust whatever certificate the broker shows
    #[arg(long)]
    pub insecure: bool,
}

/// What each client says about itself.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection (%i is the number of the client among its kind)")]
pub struct ConnectionArgs {
    /// Version of MQTT [default: 3.1.1]
    #[arg(short = 'V', long, value_enum, value_name = "3.1|3.1.1|5", hide_possible_values = true)]
    pub mqtt_version: Option<Version>,
    /// User Name, with %i where each client has its own; any other % stands for itself, and %%i for
    /// a %i that is meant
    #[arg(short = 'u', long, value_name = "NAME")]
    pub user: Option<String>,
    /// Password, with %i where each client has its own, or %c (Client Identifier) or %u (User Name);
    /// any other % stands for itself, and %%i for a %i that is meant
    #[arg(short = 'P', long, value_name = "PASSWORD")]
    pub password: Option<String>,
    /// Ask for a new session, the default
    #[arg(long, overrides_with = "no_clean")]
    pub clean: bool,
    /// Ask for a session that outlives the connection; the broker keeps it after the run
    #[arg(long, overrides_with = "clean")]
    pub no_clean: bool,
    /// How long the broker keeps the session, as 1h or in seconds; needs -V 5 [default: 0]
    #[arg(long, value_name = "TIME", value_parser = seconds_u32)]
    pub session_expiry: Option<u32>,
    /// Keep Alive, as 1m or in seconds; 0 for none [default: 60]
    #[arg(short = 'k', long, value_name = "TIME", value_parser = seconds_u16)]
    pub keepalive: Option<u16>,
    /// Topic Name of a Will Message, with %i where each client has its own
    #[arg(long, value_name = "TOPIC", conflicts_with_all = FILES)]
    pub will_topic: Option<String>,
    /// Its payload [default: empty]
    #[arg(long, value_name = "TEXT", requires = "will_topic")]
    pub will_payload: Option<String>,
    /// Its QoS [default: 0]
    #[arg(long, value_name = "0|1|2", requires = "will_topic", value_parser = clap::value_parser!(u8).range(0..=2))]
    pub will_qos: Option<u8>,
    /// Publish it with RETAIN = 1
    #[arg(long, requires = "will_topic")]
    pub will_retain: bool,
}

/// Who publishes and subscribes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Clients")]
pub struct ClientArgs {
    /// All clients together; those of a scenario keep their proportions [default: 100]
    #[arg(short = 'c', long, value_name = "N")]
    pub clients: Option<u32>,
    /// Clients that publish [default: half of the clients, the odd one included]
    #[arg(long, value_name = "N", conflicts_with_all = FILES)]
    pub publishers: Option<u32>,
    /// Clients that subscribe [default: the other half]
    #[arg(long, value_name = "N", conflicts_with_all = FILES)]
    pub subscribers: Option<u32>,
    /// Who receives what from whom [default: shared]
    #[arg(long, value_enum, conflicts_with_all = FILES)]
    pub topology: Option<Topology>,
    /// Connections opened per second at most [default: unlimited]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub connect_rate: Option<f64>,
    /// Source addresses of the connections, in turn: each has about 28,000 ports for one broker
    /// [default: the system's choice; of a broker on 127.0.0.1 as many of 127.0.0.0/8 as are needed]
    #[arg(long, value_name = "ADDRESS,...", value_delimiter = ',')]
    pub ifaddr: Vec<IpAddr>,
    /// Threads of the generator [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
}

/// What is published, and how often.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Messages")]
pub struct MessageArgs {
    /// How often: 3s (a period per publisher), 500/s (the total), 10/s/client (per publisher), or max
    /// (a closed loop: as soon as the window allows) [default: 3s]
    #[arg(long, value_name = "RATE", overrides_with = "rate")]
    pub rate: Option<Rate>,
    /// With --rate max, publications that a publisher has on their way at most: not with all their
    /// subscribers yet, or not acknowledged [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub window: Option<u32>,
    /// Topic Name; %i is the number of the client [default: temperature, temperature/%i]
    #[arg(short = 't', long, value_name = "TOPIC", conflicts_with_all = FILES)]
    pub topic: Option<String>,
    /// QoS of the publications [default: 0]
    #[arg(short = 'q', long, value_name = "0|1|2", value_parser = clap::value_parser!(u8).range(0..=2))]
    pub qos: Option<u8>,
    /// QoS of the subscriptions [default: 1]
    #[arg(long, value_name = "0|1|2", value_parser = clap::value_parser!(u8).range(0..=2))]
    pub sub_qos: Option<u8>,
    /// Publish with RETAIN = 1, the default
    #[arg(short = 'r', long, overrides_with = "no_retain")]
    pub retain: bool,
    /// Publish with RETAIN = 0
    #[arg(long, overrides_with = "retain")]
    pub no_retain: bool,
    /// What a payload is [default: stamped]
    #[arg(long, value_enum, conflicts_with_all = FILES)]
    pub payload: Option<PayloadKind>,
    /// Payload size in bytes [default: the smallest, a temperature and a stamp]
    #[arg(short = 's', long, value_name = "BYTES")]
    pub size: Option<u32>,
    /// Unacknowledged publications of QoS 1 and 2 that a publisher has at most [default: 65535]
    #[arg(short = 'F', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub inflight: Option<u16>,
    /// User Property of every publication, repeatable, with %i for the number of the publisher;
    /// needs -V 5
    #[arg(long, value_name = "NAME=VALUE", conflicts_with_all = FILES)]
    pub user_property: Vec<String>,
    /// Send a Topic Alias instead of the Topic Name after the first publication, and let the broker
    /// do so; needs -V 5
    #[arg(long)]
    pub topic_alias: bool,
    /// Seed of everything that is random: a run with the same seed does the same [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// How long.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Time")]
pub struct TimeArgs {
    /// The measured part [default: 30s]
    #[arg(short = 'd', long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// Load before the measured part [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub warmup: Option<Duration>,
    /// Wait after the measured part for deliveries that are owed, at most [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub drain: Option<Duration>,
}

/// What the run leaves.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Folder in which the run gets its own
    #[arg(long, value_name = "DIR", default_value = "reports/runs", overrides_with = "out")]
    pub out: PathBuf,
    /// Name of the run, at the end of its folder's name [default: the scenario, or the topology]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// What is printed on stdout at the end
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Print the plan in numbers, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// No progress on stderr
    #[arg(long)]
    pub quiet: bool,
    /// Serve metrics for Prometheus while the run lasts, at /metrics of this address and port
    #[arg(long, value_name = "ADDR")]
    pub prometheus: Option<SocketAddr>,
}

/// Who receives what from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Topology {
    /// Everybody on one topic: each subscriber receives from every publisher
    Shared,
    /// Client i publishes to its own topic, subscriber i receives it
    Pairs,
    /// All but one publish, each to its own topic; one subscribes to all
    FanIn,
    /// One publishes; all others subscribe
    FanOut,
}

impl Topology {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Pairs => "pairs",
            Self::FanIn => "fan-in",
            Self::FanOut => "fan-out",
        }
    }
}

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayloadKind {
    /// A temperature, then a stamp
    Stamped,
    /// The bare temperature, as 23; with -V 5 the stamp is in the Correlation Data, else deliveries
    /// are only counted
    Plain,
}

impl ValueEnum for Version {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::V31, Self::V311, Self::V5]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let value = PossibleValue::new(self.name());
        Some(match self {
            Self::V5 => value.alias("5.0"),
            Self::V31 | Self::V311 => value,
        })
    }
}

/// What is printed on stdout at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A summary to read
    Human,
    /// summary.json
    Json,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if f64::is_finite(number) && number > 0.0 => Ok(number),
        _ => Err("must be a number greater than zero".to_owned()),
    }
}

/// A time in whole seconds: `90`, `1m 30s`.
fn seconds(text: &str) -> Result<u64, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match time.subsec_nanos() {
        0 => Ok(time.as_secs()),
        _ => Err("must be whole seconds".to_owned()),
    }
}

fn seconds_u16(text: &str) -> Result<u16, String> {
    u16::try_from(seconds(text)?).map_err(|_| "must be at most 65535 seconds (18h)".to_owned())
}

fn seconds_u32(text: &str) -> Result<u32, String> {
    u32::try_from(seconds(text)?)
        .map_err(|_| "must be at most 4294967295 seconds, which is for ever".to_owned())
}

#[cfg(test)]
mod tests;
