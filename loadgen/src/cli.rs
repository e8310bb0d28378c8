//! The command line: what was typed, not yet what it means.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

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

Exit status: 0 done; 2 usage; 3 the run could not be carried out; 130 interrupted (what was
measured until then is still written).";

/// Simulates MQTT publishers and subscribers in open loop and measures what each message went
/// through: latency, loss, duplicates and order for every publisher-subscriber pair.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "loadgen",
    version,
    after_help = EXAMPLES,
    disable_help_flag = true,
    // Wider lines are hard to read, whatever the terminal.
    max_term_width = 100
)]
pub struct Cli {
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
    /// Which broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// Who publishes and subscribes.
    #[command(flatten)]
    pub clients: ClientArgs,
    /// What is published, and how often.
    #[command(flatten)]
    pub messages: MessageArgs,
    /// How long.
    #[command(flatten)]
    pub time: TimeArgs,
    /// What the run leaves.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Which broker.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Broker (the embedded one when none is named)")]
pub struct BrokerArgs {
    /// The broker to load, as mqtt://host:port
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
}

/// Who publishes and subscribes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Clients")]
pub struct ClientArgs {
    /// Publishers and subscribers together [default: 100]
    #[arg(short = 'c', long, value_name = "N")]
    pub clients: Option<u32>,
    /// Clients that publish [default: half of the clients, the odd one included]
    #[arg(long, value_name = "N")]
    pub publishers: Option<u32>,
    /// Clients that subscribe [default: the other half]
    #[arg(long, value_name = "N")]
    pub subscribers: Option<u32>,
    /// Who receives what from whom
    #[arg(long, value_enum, default_value_t = Topology::Shared)]
    pub topology: Topology,
    /// Connections opened per second at most [default: unlimited]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub connect_rate: Option<f64>,
    /// Threads of the generator
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
}

/// What is published, and how often.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Messages")]
pub struct MessageArgs {
    /// How often: 3s (a period per publisher), 500/s (the total), 10/s/client (per publisher)
    #[arg(long, value_name = "RATE", default_value = "3s")]
    pub rate: Rate,
    /// Topic Name; %i is the number of the client [default: temperature, temperature/%i]
    #[arg(short = 't', long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// QoS of the publications
    #[arg(short = 'q', long, value_name = "0|1|2", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub qos: u8,
    /// QoS of the subscriptions
    #[arg(long, value_name = "0|1|2", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub sub_qos: u8,
    /// Publish with RETAIN = 1, the default
    #[arg(short = 'r', long, overrides_with = "no_retain")]
    pub retain: bool,
    /// Publish with RETAIN = 0
    #[arg(long, overrides_with = "retain")]
    pub no_retain: bool,
    /// Payload size in bytes [default: the smallest, a temperature and a stamp]
    #[arg(short = 's', long, value_name = "BYTES")]
    pub size: Option<u32>,
    /// Seed of the temperatures and of the order of the publishers
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// How long.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Time")]
pub struct TimeArgs {
    /// The measured part
    #[arg(short = 'd', long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// Load before the measured part
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub warmup: Duration,
    /// Wait after the measured part for deliveries that are owed, at most
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub drain: Duration,
}

/// What the run leaves.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Folder in which the run gets its own
    #[arg(long, value_name = "DIR", default_value = "reports/runs", overrides_with = "out")]
    pub out: PathBuf,
    /// Name of the run, at the end of its folder's name [default: the topology]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// What is printed on stdout at the end
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// No progress on stderr
    #[arg(long)]
    pub quiet: bool,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &str) -> Cli {
        Cli::try_parse_from(arguments.split_whitespace()).unwrap()
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documented_invocations_parse() {
        let examples = EXAMPLES.lines().map(str::trim).filter(|line| line.starts_with("loadgen"));
        assert_eq!(examples.map(parse).count(), 4);
    }

    #[test]
    fn defaults_are_those_of_the_temperature_pattern() {
        let cli = parse("loadgen --clients 5000 --rate 3s");
        assert_eq!(cli.clients.clients, Some(5000));
        assert_eq!(cli.messages.rate, Rate::Period(Duration::from_secs(3)));
        assert_eq!((cli.messages.qos, cli.messages.sub_qos), (0, 1));
        assert!(!cli.messages.no_retain);
        assert_eq!(cli.time.duration, Duration::from_secs(30));
        assert_eq!(cli.time.warmup, Duration::from_secs(5));
        assert_eq!(cli.broker.broker, None);
    }

    #[test]
    fn h_is_the_host_and_help_is_long() {
        let cli = parse("loadgen -h 10.0.0.1 -p 1884");
        assert_eq!(cli.broker.host.as_deref(), Some("10.0.0.1"));
        assert_eq!(cli.broker.port, Some(1884));
        let help = Cli::try_parse_from(["loadgen", "--help"]).unwrap_err();
        assert_eq!(help.kind(), clap::error::ErrorKind::DisplayHelp);
    }

    #[test]
    fn retain_is_the_last_that_was_said() {
        assert!(parse("loadgen -r --no-retain").messages.no_retain);
        assert!(!parse("loadgen --no-retain --retain").messages.no_retain);
    }

    #[test]
    fn two_ways_to_name_the_broker_do_not_mix() {
        let arguments = ["loadgen", "--broker", "mqtt://a:1", "-h", "b"];
        assert!(Cli::try_parse_from(arguments).is_err());
    }
}
