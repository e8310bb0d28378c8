//! The command line of `loadgen duet`.

use clap::Args;

use super::Format;

/// Tells whether broker B needs more CPU time per delivery than broker A.
///
/// Both run at the same time on the same core, each with a load generator of its own, so that whatever disturbs the
/// machine strikes both alike. Pair after pair is judged by a sequential test on signs, until it has decided. Before
/// that, A runs against another A, which must be the same, and must be found slower with 5 % added to its figure:
/// otherwise there is no verdict.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  loadgen duet --a 'old/broker --port {port} --quiet' --b 'new/broker --port {port} --quiet'
  loadgen duet --a old.toml --b new.toml --load pairs-qos1 --format json
  loadgen duet --a mosquitto --b ./mosquitto.toml -- --topology fan-out --clients 101 --rate max --window 10
  loadgen duet --a 'broker --port {port} --listen mqtts://127.0.0.1:{tls_port} --tls-cert {cert} --tls-key {key}' --b ...

Loads: pairs-qos0, pairs-qos1, fan-out, temperature, mostly-idle, pairs-tls; without
--load and -- all of them, in turn, pairs-tls only where both brokers name {tls_port}. {cert} and {key} are PEM files of a
self-signed certificate that is made for each start.

CPU time is that of the process that listens on {port}, from the first publication to the last delivery.

How it is judged: a pair is up when B/A is above 1 + margin, down when A/B is. SLOWER when a Wald test (half of the
pairs up against four of five, errors 0.1 % and 5 %) says so of up, FASTER when it does of down, SAME when it denies
both and the interval excludes 5 %, UNDECIDED after --pairs. CANNOT-MEASURE when A against A is not
SAME, when 5 % more is not SLOWER, or when deliveries were lost. The interval is a
confidence sequence of the median ratio: 95 % whenever the test stops. Tail latency, memory and contention across
cores are not seen; a margin below 2 % measures the linker.

Exit status: 0 FASTER or SAME; 99 SLOWER; 5 UNDECIDED or CANNOT-MEASURE; 2 usage; 3 a broker or a load did not run;
130 interrupted.")]
pub struct DuetArgs {
    /// Broker A, the one before: a command with {port}, {dir}, or what `loadgen compare` takes
    #[arg(long, value_name = "CMD|NAME|FILE")]
    pub a: String,
    /// Broker B, the one after
    #[arg(long, value_name = "CMD|NAME|FILE")]
    pub b: String,
    /// A slowed B that must be found beside B [default: A with 5 % added to its figure]
    #[arg(long, value_name = "CMD|NAME|FILE")]
    pub control: Option<String>,
    /// Difference that does not matter, as 2%
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    pub margin: f64,
    /// Pairs at most
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(15..=10_000))]
    pub pairs: u32,
    /// The core to run on [default: all that are allowed, in turn]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..1024))]
    pub core: Option<u32>,
    /// A built-in load, repeatable
    #[arg(long, value_name = "NAME", conflicts_with = "words")]
    pub load: Vec<String>,
    /// What is printed on stdout at the end
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// No progress on stderr
    #[arg(long)]
    pub quiet: bool,
    /// A load of your own, as it would be typed after loadgen, without times
    #[arg(id = "words", last = true, value_name = "LOAD", allow_hyphen_values = true)]
    pub words: Vec<String>,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>();
    match number {
        Ok(percent) if (0.0..=4.0).contains(&percent) => Ok(percent / 100.0),
        // The control of 5 % could not be found otherwise, so that there were never a verdict.
        _ => Err("write percent from 0 to 4, as 2%".to_owned()),
    }
}
