//! From what was measured to `summary.json`.

use std::time::SystemTime;

use hdrhistogram::Histogram;
use reports::{
    BrokerUse, Config, Counts, Cpu, Delivery, Latency, Legs, Machine, Memory, Percentiles, SCHEMA,
    Summary, ThresholdResult, Verdict, rfc3339,
};

use super::ledger::{contracts, counts};
use crate::payload::StampPlace;
use crate::plan::Plan;
use crate::recorder::{
    Connecting, Counters, Leg, LegHistograms, Opened, Reasons, Refused, RetainedCount,
};
use crate::scenario::Scenario;
use crate::system::Usage;
use crate::units::{fraction, grouped, nearest, seconds};

/// Share of what becomes owed that must arrive, lest the backlog grows.
const KEPT_UP_SHARE: f64 = 0.95;

/// Everything that a run measured.
#[derive(Debug)]
pub(crate) struct Measured {
    /// When it began.
    pub started: SystemTime,
    /// False when it was cut short.
    pub complete: bool,
    /// Where it ran.
    pub machine: Machine,
    /// How long the measured part was.
    pub length_ns: u64,
    /// Publications that the schedule called for.
    pub offered: u64,
    /// Running totals of all workers.
    pub counters: Counters,
    /// From due to arrival.
    pub from_due: Histogram<u64>,
    /// From sent to arrival.
    pub from_send: Histogram<u64>,
    /// From due to sent.
    pub send_lag: Histogram<u64>,
    /// How long each step of the protocol took.
    pub legs: LegHistograms,
    /// How quickly connections were opened.
    pub connecting: Connecting,
    /// Reasons that the broker gave.
    pub reasons: Reasons,
    /// Retained messages that were owed.
    pub retained: RetainedCount,
    /// Why the first connection was not opened under load.
    pub connect_failure: Option<String>,
    /// CPU time of the measured part.
    pub usage: Usage,
    /// What the broker's process spent.
    pub broker: Option<BrokerUse>,
    /// What the run is worth.
    pub verdict: Verdict,
    /// What was asked of it.
    pub thresholds: Vec<ThresholdResult>,
    /// Deliveries in the measured part, whenever they were due.
    pub throughput: Throughput,
    /// Peak memory.
    pub memory: Memory,
    /// Why the first connection ended during the run.
    pub disconnect_reason: Option<String>,
    /// What else went wrong.
    pub warnings: Vec<String>,
}

/// What went on in the measured part, whenever it was due: under a broker that does not keep up,
/// what arrives then was due long before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Throughput {
    /// Deliveries that arrived.
    pub arrived: u64,
    /// Deliveries that were owed at the end.
    pub backlog: u64,
    /// Median delivery latency of the last second in which something arrived.
    pub last_wait_ns: u64,
}

/// Sums up a run.
pub(crate) fn summarize(scenario: &Scenario, plan: &Plan, measured: &Measured) -> Summary {
    let counts = Counts {
        retained_expected: measured.retained.owed,
        retained_missing: measured.retained.missing,
        ..counts(measured.offered, &measured.counters)
    };
    Summary {
        schema: SCHEMA.to_owned(),
        started: rfc3339(measured.started),
        complete: measured.complete,
        config: config(scenario, plan, measured),
        machine: measured.machine.clone(),
        counts,
        ledger: contracts(scenario, &measured.counters),
        latency: Latency {
            delivery: Delivery {
                from_due: Percentiles::from_histogram(&measured.from_due),
                from_send: Percentiles::from_histogram(&measured.from_send),
            },
            connect: leg(&measured.legs, Leg::Connect),
            send_lag: Percentiles::from_histogram(&measured.send_lag),
        },
        legs: legs(&measured.legs),
        connecting: connecting(&measured.connecting),
        verdict: Some(measured.verdict.clone()),
        thresholds: measured.thresholds.clone(),
        cpu: Cpu {
            broker_seconds: measured.usage.broker_seconds,
            generator_seconds: measured.usage.generator_seconds,
        },
        memory: measured.memory,
        generators: Vec::new(),
        broker: measured.broker,
        warnings: warnings(scenario, measured),
    }
}

fn leg(legs: &LegHistograms, leg: Leg) -> Percentiles {
    legs.get(leg).map_or_else(Percentiles::default, Percentiles::from_histogram)
}

fn legs(all: &LegHistograms) -> Legs {
    Legs {
        tcp_connect: leg(all, Leg::TcpConnect),
        tls_handshake: leg(all, Leg::TlsHandshake),
        web_socket_handshake: leg(all, Leg::WebSocketHandshake),
        connack: leg(all, Leg::ConnAck),
        suback: leg(all, Leg::SubAck),
        retained: leg(all, Leg::Retained),
        puback: leg(all, Leg::PubAck),
        pubrec: leg(all, Leg::PubRec),
        pubcomp: leg(all, Leg::PubComp),
        pingresp: leg(all, Leg::PingResp),
        queued: leg(all, Leg::Queued),
        will: leg(all, Leg::Will),
        read_lag: leg(all, Leg::ReadLag),
    }
}

fn connecting(connecting: &Connecting) -> reports::Connecting {
    let told = |opened: &Opened| reports::Opened::new(opened.count, seconds(opened.length_ns()));
    reports::Connecting {
        before_load: told(&connecting.before_load),
        under_load: told(&connecting.under_load),
    }
}

fn config(scenario: &Scenario, plan: &Plan, measured: &Measured) -> Config {
    let overview = &scenario.overview;
    Config {
        command: scenario.command.clone(),
        broker: scenario.target.to_string(),
        protocol: overview.protocol.clone(),
        transport: scenario.transports(),
        topology: scenario.title.clone(),
        topic: overview.topic.clone(),
        publishers: overview.publishers,
        subscribers: overview.subscribers,
        qos: overview.qos.number(),
        sub_qos: overview.sub_qos.number(),
        retain: overview.retain,
        payload_bytes: u32::try_from(overview.payload_bytes).unwrap_or(u32::MAX),
        period_seconds: seconds(overview.period_ns),
        window: overview.window,
        publications_per_second: scenario.publications_per_second(),
        deliveries_per_second: plan.deliveries_per_second(),
        warmup_seconds: seconds(scenario.warmup_ns),
        duration_seconds: seconds(scenario.duration_ns),
        measured_seconds: seconds(measured.length_ns),
        connect_rate: scenario.connect_rate,
        threads: u32::from(scenario.threads),
        seed: scenario.seed,
        scenario: Some(scenario.record.clone()),
    }
}

fn warnings(scenario: &Scenario, measured: &Measured) -> Vec<String> {
    let counters = &measured.counters;
    let mut warnings = measured.warnings.clone();
    let mut warn = |count: u64, text: &str| {
        if count > 0 {
            warnings.push(format!("{} {text}", grouped(count)));
        }
    };
    let reason = measured.disconnect_reason.as_deref().unwrap_or("no reason is known");
    warn(
        counters.disconnected,
        &format!("connection(s) ended during the run; the first: {reason}"),
    );
    let reason = measured.connect_failure.as_deref().unwrap_or("no reason is known");
    warn(
        counters.connect_failed,
        &format!("connection(s) could not be opened under load; the first: {reason}"),
    );
    warn(
        counters.sessions_lost,
        "session(s) were gone when their clients came back, and what waited in them is lost",
    );
    warn(
        measured.retained.missing,
        "retained message(s) did not come to clients that subscribed under load",
    );
    warn(
        counters.wills_owed.saturating_sub(counters.wills),
        "Will Message(s) of clients that broke off did not come",
    );
    warn(
        measured.offered.saturating_sub(counters.measured_sent),
        "publication(s) were due and never sent: the broker did not take them, or their \
         connection had ended",
    );
    warn(
        counters.ambiguous,
        "message(s) came so late that nobody knows whether they came twice: they are in no count",
    );
    warn(counters.misrouted, "message(s) reached a subscriber that is not owed them");
    warn(counters.foreign, "message(s) on a measured topic came from another program or run");
    warn(
        counters.corrupted,
        "message(s) of this run came with another payload than was published: each is lost as well",
    );
    warn(
        counters.late_after_drain,
        "deliver(ies) came after the drain: they are neither delivered nor lost; --drain waits longer",
    );
    warn(
        counters.given_up,
        "deliver(ies) of the closed loop did not come within a second, nor anything after them: given up, so \
         that the window could go on",
    );
    warn(counters.impossible, "message(s) arrived before they were due: a clock is wrong");
    warn(counters.unexpected, "acknowledgement(s) came for which no publication waited");
    warn(counters.not_subscribed, "subscription(s) were refused");
    warn(
        counters.unaliased,
        "publisher(s) sent Topic Names in spite of --topic-alias: the broker allows no Topic Alias",
    );
    warnings.extend(reasons(&measured.reasons));
    warnings.extend(kind(scenario));
    warnings.extend(overload(measured));
    warnings
}

/// What the kind of the load leaves unsaid.
fn kind(scenario: &Scenario) -> Option<String> {
    if scenario.overview.window.is_some() {
        return Some(
            "closed loop: latency is that of a saturated broker, from when the window allowed a publication; \
             while the broker stalls nothing is due, so that no stall is in it (coordinated omission)"
                .to_owned(),
        );
    }
    (scenario.overview.stamp_place == StampPlace::Nowhere).then(|| {
        format!(
            "plain payloads have no stamp at MQTT {}: deliveries are only counted, and latency and \
             order are not known; -V 5 has room for a stamp beside the payload",
            scenario.overview.protocol
        )
    })
}

/// What a broker of MQTT 5 said about what it refused.
fn reasons(reasons: &Reasons) -> impl Iterator<Item = String> {
    reasons.iter().map(|((refused, code), count)| match refused {
        Refused::Publication => {
            format!("{} publication(s) were refused: {code}", grouped(*count))
        }
        Refused::Connection => {
            format!("the broker sent DISCONNECT on {} connection(s): {code}", grouped(*count))
        }
    })
}

/// Says when the broker did not keep up, and by how much.
fn overload(measured: &Measured) -> Option<String> {
    let Throughput { arrived, backlog, last_wait_ns } = measured.throughput;
    let owed = measured.counters.measured_owed;
    let length = seconds(measured.length_ns);
    let per_second = |count: u64| fraction(count) / length;
    let behind = length > 0.0
        && fraction(backlog) > per_second(owed)
        && fraction(arrived) < KEPT_UP_SHARE * fraction(owed);
    behind.then(|| {
        format!(
            "the broker did not keep up: {} deliveries/s of {}/s arrived in the measured part; at \
             its end {} were owed, and those that came last had waited {:.1} s",
            grouped(nearest(per_second(arrived))),
            grouped(nearest(per_second(owed))),
            grouped(backlog),
            seconds(last_wait_ns),
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;
    use crate::mqtt::ReasonCode;
    use crate::recorder::histogram;
    use reports::Judgement;

    fn summary(change: impl FnOnce(&mut Measured)) -> Summary {
        let cli = Cli::try_parse_from(["loadgen", "-c", "4", "-h", "::1"]).unwrap();
        let scenario = Scenario::resolve(&cli, "loadgen -c 4".to_owned()).unwrap();
        let scenario = std::sync::Arc::new(scenario);
        let mut measured = Measured {
            started: SystemTime::UNIX_EPOCH,
            complete: true,
            machine: Machine::detect("none"),
            length_ns: 30_000_000_000,
            offered: 20,
            counters: Counters {
                measured_sent: 20,
                measured_owed: 40,
                measured_delivered: 40,
                ..Counters::default()
            },
            from_due: histogram(),
            from_send: histogram(),
            send_lag: histogram(),
            legs: LegHistograms::default(),
            connecting: Connecting::default(),
            reasons: Reasons::new(),
            retained: RetainedCount::default(),
            connect_failure: None,
            usage: Usage { broker_seconds: Some(1.0), generator_seconds: 1.0 },
            broker: None,
            thresholds: Vec::new(),
            verdict: Verdict { verdict: Judgement::Valid, reasons: Vec::new() },
            throughput: Throughput::default(),
            memory: Memory::default(),
            disconnect_reason: None,
            warnings: Vec::new(),
        };
        change(&mut measured);
        summarize(&scenario, &Plan::new(&scenario, *b"abc").unwrap(), &measured)
    }

    #[test]
    fn a_clean_run_has_no_warning() {
        let summary = summary(|_| {});
        assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
        assert_eq!(summary.config.broker, "mqtt://[::1]:1883");
        assert_eq!((summary.counts.expected, summary.counts.lost), (40, 0));
    }

    #[test]
    fn whatever_makes_a_figure_doubtful_is_a_warning() {
        let summary = summary(|measured| {
            measured.offered = 25;
            measured.usage.generator_seconds = 29.0;
            measured.throughput =
                Throughput { arrived: 900, backlog: 33_000, last_wait_ns: 31_400_000_000 };
            measured.disconnect_reason = Some("it fell".to_owned());
            measured.reasons.insert((Refused::Publication, ReasonCode(0x97)), 1234);
            measured.reasons.insert((Refused::Connection, ReasonCode(0x8b)), 2);
            measured.counters.measured_owed = 30_000;
            measured.counters.measured_delivered = 29_990;
            for counter in [
                &mut measured.counters.disconnected,
                &mut measured.counters.ambiguous,
                &mut measured.counters.misrouted,
                &mut measured.counters.foreign,
                &mut measured.counters.impossible,
                &mut measured.counters.unexpected,
                &mut measured.counters.unaliased,
            ] {
                *counter = 3;
            }
        });
        assert_eq!(summary.counts.lost, 10);
        assert_eq!(summary.warnings.len(), 11, "{:#?}", summary.warnings);
        assert!(summary.warnings[0].ends_with("the first: it fell"));
        assert_eq!(
            summary.warnings[8..10],
            [
                "1,234 publication(s) were refused: quota exceeded (reason code 0x97)",
                "the broker sent DISCONNECT on 2 connection(s): server shutting down (reason code \
                 0x8b)",
            ]
        );
        assert_eq!(
            summary.warnings[10],
            "the broker did not keep up: 30 deliveries/s of 1,000/s arrived in the measured part; \
             at its end 33,000 were owed, and those that came last had waited 31.4 s"
        );
        assert!(summary.warnings[1].starts_with("5 publication(s) were due and never sent"));
    }
}
