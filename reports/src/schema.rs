//! `summary.json`: the versioned record of one run.
//!
//! Scripts may rely on every key here; a key that changes its meaning changes [`SCHEMA`]. Keys that
//! were added later are empty or absent in the files of before.
//! Latencies are microseconds, sizes bytes, CPU time seconds, rates per second.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Connecting;

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
    /// The same, for each QoS at which deliveries were owed.
    #[serde(default)]
    pub ledger: Vec<Contract>,
    /// How long it took.
    pub latency: Latency,
    /// How long each step of the protocol took.
    #[serde(default)]
    pub legs: Legs,
    /// How quickly connections were opened.
    #[serde(default, skip_serializing_if = "Connecting::is_empty")]
    pub connecting: Connecting,
    /// Whether the figures mean anything, and why. Absent where nobody judged.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// What was asked of the run, and whether it held.
    #[serde(default)]
    pub thresholds: Vec<ThresholdResult>,
    /// CPU time of the measured part.
    pub cpu: Cpu,
    /// Peak resident memory.
    pub memory: Memory,
    /// The generators whose runs were added up; empty for a run of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generators: Vec<Generator>,
    /// What the broker's process spent in the measured part; absent when it is not on this machine.
    #[serde(default)]
    pub broker: Option<BrokerUse>,
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
    /// The name of the scenario; `shared`, `pairs`, `fan-in` or `fan-out` where flags made it.
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
    /// Time between two publications of one publisher; 0 in a closed loop.
    pub period_seconds: f64,
    /// In a closed loop, publications of one publisher that were on their way at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
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
    /// The whole scenario as TOML, to run it again; absent in runs before there were scenarios.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
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
    /// Publications of QoS 1 and 2, of the warm-up too, that the broker never acknowledged to the end.
    #[serde(default)]
    pub unacknowledged: u64,
    /// Deliveries that the sent publications owe.
    pub expected: u64,
    /// Deliveries that came, each publication counted once for each subscriber.
    pub delivered: u64,
    /// Deliveries that were owed and never came: `expected - delivered - late_after_drain`.
    pub lost: u64,
    /// Deliveries that came again.
    pub duplicate: u64,
    /// Those of them with DUP = 1: the broker knows that it may repeat itself.
    #[serde(default)]
    pub duplicate_with_dup: u64,
    /// Messages with this run's stamp whose payload is not the one that was published. They are in
    /// no other count, so each is lost as well.
    #[serde(default)]
    pub corrupted: u64,
    /// Deliveries that came after the end of the measured part, while the drain waited for them.
    /// They are in `delivered` too.
    #[serde(default)]
    pub late_in_drain: u64,
    /// Deliveries that came when the drain was over. They are neither delivered nor lost.
    #[serde(default)]
    pub late_after_drain: u64,
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
    /// Network Connections that their clients ended by plan.
    #[serde(default)]
    pub left: u64,
    /// Sessions that should have outlived a Network Connection and were gone when their clients came
    /// back.
    #[serde(default)]
    pub sessions_lost: u64,
    /// Deliveries to clients of which it is not known what they are owed: they are away at times and
    /// have no session, or read too slowly, or their publisher breaks off. They are in no other count.
    #[serde(default)]
    pub not_judged: u64,
    /// Deliveries that came again, as they may: to several subscriptions of one client that match, or
    /// on another Network Connection of a session. They are not in `duplicate`.
    #[serde(default)]
    pub repeated: u64,
    /// Retained messages that are owed for certain to clients that subscribe under load.
    #[serde(default)]
    pub retained_expected: u64,
    /// Those of them that did not come.
    #[serde(default)]
    pub retained_missing: u64,
    /// Will Messages that are owed, for each subscriber, because clients broke off by plan.
    #[serde(default)]
    pub wills_expected: u64,
    /// Those of them that came.
    #[serde(default)]
    pub wills: u64,
}

/// What was owed at one QoS and what came, judged by what MQTT promises there.
///
/// Counts mean what they mean in [`Counts`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// QoS of the deliveries: the lower one of publication and subscription `[MQTT-3.8.4-6]`.
    pub qos: u8,
    /// Deliveries that the sent publications owe.
    pub expected: u64,
    /// Deliveries that came, each publication counted once for each subscriber.
    pub delivered: u64,
    /// Deliveries that were owed and never came.
    pub lost: u64,
    /// Deliveries that came again.
    pub duplicate: u64,
    /// Those of them with DUP = 1.
    pub duplicate_with_dup: u64,
    /// Deliveries that came after a later one of the same publisher.
    pub reordered: u64,
    /// Messages whose payload is not the one that was published.
    pub corrupted: u64,
    /// Deliveries that came when the drain was over.
    pub late_after_drain: u64,
    /// What MQTT does not allow at this QoS. Empty when the broker kept its promise.
    pub findings: Vec<Finding>,
}

/// Something that MQTT does not allow at a QoS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `lost`, `duplicate`, `reordered` or `corrupted`.
    pub code: String,
    /// How often.
    pub count: u64,
    /// What it breaks, as a sentence that names the clause.
    pub text: String,
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

/// How long each step of the protocol took, from what was asked to its answer. A step that the run
/// did not take has no samples. The connection as a whole is in [`Latency::connect`].
///
/// Acknowledgements of publications are of the measured part, all others of the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Legs {
    /// From the first SYN to the TCP connection.
    pub tcp_connect: Percentiles,
    /// The TLS handshake.
    pub tls_handshake: Percentiles,
    /// The upgrade to WebSocket.
    pub web_socket_handshake: Percentiles,
    /// From CONNECT to CONNACK.
    pub connack: Percentiles,
    /// From SUBSCRIBE to SUBACK.
    pub suback: Percentiles,
    /// From SUBSCRIBE to a message with RETAIN = 1.
    pub retained: Percentiles,
    /// QoS 1, from PUBLISH to PUBACK.
    pub puback: Percentiles,
    /// QoS 2, from PUBLISH to PUBREC.
    pub pubrec: Percentiles,
    /// QoS 2, from PUBREL to PUBCOMP.
    pub pubcomp: Percentiles,
    /// From PINGREQ to PINGRESP.
    pub pingresp: Percentiles,
    /// From CONNACK to a message that waited in the session.
    pub queued: Percentiles,
    /// From the planned end of a Network Connection to the arrival of its Will Message.
    pub will: Percentiles,
    /// How long what had arrived waited for the generator to read it, sampled: so much of the delivery latency is its own.
    pub read_lag: Percentiles,
}

impl Legs {
    /// Each leg with its key, in the order of a connection's life.
    pub fn each(&self) -> [(&'static str, &Percentiles); 13] {
        [
            ("tcp_connect", &self.tcp_connect),
            ("tls_handshake", &self.tls_handshake),
            ("web_socket_handshake", &self.web_socket_handshake),
            ("connack", &self.connack),
            ("suback", &self.suback),
            ("retained", &self.retained),
            ("puback", &self.puback),
            ("pubrec", &self.pubrec),
            ("pubcomp", &self.pubcomp),
            ("pingresp", &self.pingresp),
            ("queued", &self.queued),
            ("will", &self.will),
            ("read_lag", &self.read_lag),
        ]
    }
}

/// A latency distribution in microseconds.
///
/// A percentile that fewer than 10 samples exceed is `null`: it would say more about luck than
/// about the broker. So p50 needs 20 samples, p99 1,000, p99.99 100,000. Files of before have a
/// number there; [`Percentiles::supported`] leaves it out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Samples.
    pub count: u64,
    /// Least sample. Absent in files of before.
    #[serde(default)]
    pub min: Option<f64>,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// 50th percentile.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 99.9th percentile.
    pub p999: Option<f64>,
    /// 99.99th percentile.
    pub p9999: Option<f64>,
    /// Greatest sample.
    pub max: Option<f64>,
}

/// Whether the figures mean anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The judgement.
    pub verdict: Judgement,
    /// Why: what speaks for the judgement first. What was looked at and found in order is here too.
    pub reasons: Vec<Reason>,
}

/// What a run is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum Judgement {
    /// The generator kept its schedule and the broker kept up: the figures are the broker's.
    Valid,
    /// The generator did not keep its schedule: the figures are its own.
    GeneratorLimited,
    /// The generator kept its schedule, and the broker did not keep up.
    BrokerLimited,
    /// The run did not settle: another one like it may give other figures.
    Unstable,
}

impl Judgement {
    /// As it is written: `VALID`, `GENERATOR-LIMITED`, `BROKER-LIMITED` or `UNSTABLE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::GeneratorLimited => "GENERATOR-LIMITED",
            Self::BrokerLimited => "BROKER-LIMITED",
            Self::Unstable => "UNSTABLE",
        }
    }
}

/// One thing that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule: `send_lag`, `generator_cpu`, `missed_schedule`, `run_queue_wait`, `backlog`,
    /// `deliveries_below_offered`, `trend`, `spread`, `ceiling` or `kept_up`.
    pub code: String,
    /// What it says, as a sentence with its figures.
    pub text: String,
    /// The figures, each under its name with the unit at the end.
    pub evidence: BTreeMap<String, f64>,
}

/// A threshold and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdResult {
    /// As it was typed: `delivery:p(99)<50ms`.
    pub threshold: String,
    /// What was measured, in `unit`; absent when there were too few samples to say.
    pub observed: Option<f64>,
    /// What the threshold asks for, in `unit`.
    pub limit: f64,
    /// `us`, `/s`, or empty for a count or a share.
    pub unit: String,
    /// Whether it held. One that could not be judged did not.
    pub passed: bool,
    /// Whether it ended the run early.
    pub aborted: bool,
}

/// What the broker's process spent in the measured part. What the system does not tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BrokerUse {
    /// Process identifier; of an embedded broker the generator's.
    pub pid: u32,
    /// CPU time, user and system together.
    pub cpu_seconds: Option<f64>,
    /// CPU time outside the kernel.
    pub user_seconds: Option<f64>,
    /// CPU time in the kernel.
    pub system_seconds: Option<f64>,
    /// Microseconds of CPU time for each delivery.
    pub cpu_us_per_delivery: Option<f64>,
    /// CPU time of its threads from the first publication to the last delivery, warm-up and drain included, to the
    /// nanosecond.
    pub loaded_cpu_seconds: Option<f64>,
    /// Greatest resident memory since the process began.
    pub resident_peak_bytes: Option<u64>,
    /// Mean resident memory over the seconds of the measured part.
    pub resident_mean_bytes: Option<u64>,
    /// Resident memory for each connection: what it grew by while the clients connected and subscribed.
    pub bytes_per_connection: Option<u64>,
    /// Times that a thread of it waited of its own accord.
    pub voluntary_context_switches: Option<u64>,
    /// Times that a thread of it was made to wait.
    pub involuntary_context_switches: Option<u64>,
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

    #[test]
    fn a_run_from_before_there_was_a_verdict_reads() {
        let text = include_str!("../tests/data/before_verdicts.json");
        let read: Summary = serde_json::from_str(text).unwrap();
        assert_eq!(read.schema, SCHEMA);
        assert_eq!((read.verdict, read.broker), (None, None));
        assert!(read.ledger.is_empty() && read.thresholds.is_empty());
        assert!(read.legs.each().iter().all(|(_, leg)| leg.count == 0));
        let [p50, .., p9999, max] = read.latency.connect.supported();
        assert!(p50.is_some() && max.is_some());
        assert_eq!(p9999, None, "the file has a number that its samples do not support");
    }

    #[test]
    fn a_judgement_is_written_as_it_is_named() {
        for judgement in [
            Judgement::Valid,
            Judgement::GeneratorLimited,
            Judgement::BrokerLimited,
            Judgement::Unstable,
        ] {
            assert_eq!(serde_json::to_value(judgement).unwrap(), judgement.name());
        }
    }
}
