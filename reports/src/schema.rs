//! `summary.json`: the versioned record of one run.
//!
//! Scripts may rely on every key here; a key that changes its meaning changes [`SCHEMA`].
//! Latencies are microseconds, sizes bytes, CPU time seconds, rates per second.

use serde::{Deserialize, Serialize};

/// The value of [`Summary::schema`].
pub const SCHEMA: &str = "kelvin/run/v1";

/// One run, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Always [`SCHEMA`] in a file that this version writes.
    pub schema: String,
    /// Start of the run, RFC 3339 in UTC.
    pub started: String,
    /// False when the run was interrupted: the figures then cover what was measured until then.
    pub complete: bool,
    /// What was asked for.
    pub config: Config,
    /// Where it ran.
    pub machine: Machine,
    /// What was owed and what came.
    pub counts: Counts,
    /// How long it took.
    pub latency: Latency,
    /// CPU time of the measured part.
    pub cpu: Cpu,
    /// Peak resident memory.
    pub memory: Memory,
    /// The generators whose runs were added up; empty for a run of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generators: Vec<Generator>,
    /// What went wrong or makes a figure doubtful, as sentences.
    pub warnings: Vec<String>,
}

/// One of several generators whose runs were added up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generator {
    /// Name of its run.
    pub name: String,
    /// Start of its run, RFC 3339 in UTC.
    pub started: String,
    /// Its command line.
    pub command: String,
    /// Its seed.
    pub seed: u64,
    /// Deliveries that it counted.
    pub delivered: u64,
    /// Where it ran.
    pub machine: Machine,
}

/// What was asked for, after defaults and derived figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The command line.
    pub command: String,
    /// `embedded`, or the URL of the broker.
    pub broker: String,
    /// Version of MQTT: `3.1`, `3.1.1` or `5`. Runs before MQTT 5 have no such key.
    #[serde(default = "before_versions")]
    pub protocol: String,
    /// `tcp`, `tls`, `ws`, `wss` or `unix`. Runs before there were several have no such key.
    #[serde(default = "before_transports")]
    pub transport: String,
    /// `shared`, `pairs`, `fan-in` or `fan-out`.
    pub topology: String,
    /// Topic Name, with `%i` where each client has its own.
    pub topic: String,
    /// Clients that publish.
    pub publishers: u32,
    /// Clients that subscribe.
    pub subscribers: u32,
    /// QoS of the publications.
    pub qos: u8,
    /// QoS of the subscriptions.
    pub sub_qos: u8,
    /// Whether publications carry RETAIN = 1.
    pub retain: bool,
    /// Payload size.
    pub payload_bytes: u32,
    /// Time between two publications of one publisher.
    pub period_seconds: f64,
    /// Offered publications per second, all publishers together.
    pub publications_per_second: f64,
    /// Deliveries per second that follow from it.
    pub deliveries_per_second: f64,
    /// Load before the measured part.
    pub warmup_seconds: f64,
    /// The measured part, as asked.
    pub duration_seconds: f64,
    /// The measured part, as it was.
    pub measured_seconds: f64,
    /// CONNECT packets per second at most; absent when unlimited.
    pub connect_rate: Option<f64>,
    /// Threads of the generator.
    pub threads: u32,
    /// Seed of the temperatures and of the phases.
    pub seed: u64,
}

/// What a run spoke before there was a choice.
fn before_versions() -> String {
    "3.1.1".to_owned()
}

fn before_transports() -> String {
    "tcp".to_owned()
}

/// Where a run took place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Kernel name and release.
    pub os: String,
    /// CPU model.
    pub cpu: String,
    /// CPUs that this process may use.
    pub cores: u32,
    /// Physical memory.
    pub memory_bytes: u64,
    /// File descriptors that this process may open.
    pub open_files_max: u64,
    /// Version of Kelvin.
    pub version: String,
    /// Git commit that the binary was built from, or `unknown`.
    pub commit: String,
    /// Memory allocator of the binary.
    pub allocator: String,
}

/// What was owed and what came. Publications count when they were due in the measured part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Publications that the schedule called for.
    pub offered: u64,
    /// Publications that were written to a socket.
    pub sent: u64,
    /// Deliveries that the sent publications owe.
    pub expected: u64,
    /// Deliveries that came, each publication counted once for each subscriber.
    pub delivered: u64,
    /// `expected - delivered`, after the drain.
    pub lost: u64,
    /// Deliveries that came again.
    pub duplicate: u64,
    /// Deliveries that came after a later one of the same publisher.
    pub reordered: u64,
    /// Messages that came with RETAIN = 1: old, and in no other count.
    pub retained: u64,
    /// Messages on a measured topic without this run's stamp.
    pub foreign: u64,
    /// Samples that cannot be: received before they were due.
    pub impossible: u64,
    /// Network Connections that were opened.
    pub connected: u64,
    /// Network Connections that could not be opened or were refused.
    pub connect_failed: u64,
    /// Network Connections that the broker closed during the run.
    pub disconnected: u64,
}

/// How long it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// From a publication to its arrival at one subscriber.
    pub delivery: Delivery,
    /// From the start of the TCP connection to the CONNACK.
    pub connect: Percentiles,
    /// From the moment that a publication was due to the moment that it was sent.
    pub send_lag: Percentiles,
}

/// Delivery latency, read two ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// From the moment that the publication was due: a stall of anybody shows.
    pub from_due: Percentiles,
    /// From the moment that the publication was sent: what most tools print.
    pub from_send: Percentiles,
}

/// A latency distribution in microseconds. All zero when `count` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Samples.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// 50th percentile.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p999: f64,
    /// 99.99th percentile.
    pub p9999: f64,
    /// Greatest sample.
    pub max: f64,
}

/// CPU time, user and system together, in the measured part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    /// The broker's; absent when it is not on this machine.
    pub broker_seconds: Option<f64>,
    /// The generator's.
    pub generator_seconds: f64,
}

/// Peak resident memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The broker's process; absent when it is not on this machine or embedded.
    pub broker_bytes: Option<u64>,
    /// The generator's process, an embedded broker included.
    pub generator_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::literal;

    #[test]
    fn a_run_from_before_there_was_a_choice_spoke_mqtt_3_1_1_over_tcp() {
        let mut record = serde_json::to_value(literal()).unwrap();
        let config = record["config"].as_object_mut().unwrap();
        assert!(config.remove("protocol").is_some());
        assert!(config.remove("transport").is_some());
        let read: Summary = serde_json::from_value(record).unwrap();
        assert_eq!(read, literal());
    }
}
