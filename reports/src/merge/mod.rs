//! Several generators against one broker, added up into one run.
//!
//! Counts add up and histograms are merged, so that a percentile is that of all samples and never a mean of
//! percentiles. What cannot be added is refused with the setting that differs.

mod broker;
mod error;
mod judged;
mod over_time;
mod settings;

use std::path::Path;
use std::time::{Duration, SystemTime};

pub use error::MergeError;
use hdrhistogram::Histogram;
use jiff::Timestamp;

use crate::run::accumulate;
use crate::slo::Observed;
use crate::{
    Connecting, Counts, Cpu, Delivery, Generator, Latency, Legs, Measured, Memory, Percentiles,
    Run, RunDirectory, Summary, rfc3339,
};

/// Share of the measured part that all runs must have in common, lest the sum of their rates means nothing.
const COMMON_SHARE_MIN: f64 = 0.9;

/// Adds up runs of several generators and writes a run of all of them under `base`.
///
/// The runs must have loaded one broker, and with the same pattern, QoS, payload, period and times. Publishers,
/// subscribers, rates, counts, CPU time and memory of the generators add up. Where all of them watched one process of
/// the broker, its figures are those of the run that saw it work most; thresholds that all runs share are judged
/// again, by the sum. Where that cannot be done, a warning of the merged run says why.
///
/// # Errors
/// [`MergeError`] says what differs, what is missing in which run, or what could not be written.
pub fn merge(runs: &[Run], base: &Path, name: &str) -> Result<RunDirectory, MergeError> {
    let [first, others @ ..] = runs else {
        return Err(MergeError::TooFew);
    };
    if others.is_empty() {
        return Err(MergeError::TooFew);
    }
    settings::compatible(first, others)?;
    let offsets = offsets(runs)?;
    let legs = Merged::of(runs)?;
    let (timeline, intervals) = over_time::merged(runs, &offsets.seconds)?;
    let summary = summary(runs, first, &offsets, &legs);
    let directory = RunDirectory::create(base, name, offsets.started)?;
    let measured = Measured {
        timeline: &timeline,
        distribution: &legs.from_due,
        intervals: &intervals,
        legs: &legs.by_name(),
    };
    directory.write(&summary, &measured)?;
    Ok(directory)
}

/// When the runs began.
struct Offsets {
    /// The first of them.
    started: SystemTime,
    /// How much later each began.
    seconds: Vec<f64>,
}

fn offsets(runs: &[Run]) -> Result<Offsets, MergeError> {
    let times: Vec<Timestamp> = runs
        .iter()
        .map(|run| {
            run.summary.started.parse().map_err(|_| MergeError::Started {
                name: run.name.clone(),
                started: run.summary.started.clone(),
            })
        })
        .collect::<Result<_, _>>()?;
    let first = times.iter().min().copied().unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Offsets {
        started: SystemTime::UNIX_EPOCH + since_epoch(first),
        seconds: times.iter().map(|time| time.duration_since(first).as_secs_f64()).collect(),
    })
}

/// A time before 1970 is a wrong clock, and reads as 1970.
fn since_epoch(time: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millisecond()).unwrap_or_default())
}

/// The merged histograms.
struct Merged {
    from_due: Histogram<u64>,
    from_send: Histogram<u64>,
    send_lag: Histogram<u64>,
    connect: Histogram<u64>,
    /// Steps of the protocol that a run took, in the order of [`Legs::each`].
    steps: Vec<(&'static str, Histogram<u64>)>,
}

impl Merged {
    fn of(runs: &[Run]) -> Result<Self, MergeError> {
        let mut steps = Vec::new();
        for (key, _) in Legs::default().each() {
            let takers: Vec<&Run> = runs.iter().filter(|run| run.has_leg(key)).collect();
            if !takers.is_empty() {
                steps.push((key, merged_leg(&takers, key)?));
            }
        }
        let all: Vec<&Run> = runs.iter().collect();
        Ok(Self {
            from_due: merged_leg(&all, "from_due")?,
            from_send: merged_leg(&all, "from_send")?,
            send_lag: merged_leg(&all, "send_lag")?,
            connect: merged_leg(&all, "connect")?,
            steps,
        })
    }

    fn by_name(&self) -> Vec<(&str, &Histogram<u64>)> {
        let mut legs = vec![
            ("from_send", &self.from_send),
            ("send_lag", &self.send_lag),
            ("connect", &self.connect),
        ];
        legs.extend(self.steps.iter().map(|(key, histogram)| (*key, histogram)));
        legs
    }

    /// What thresholds are judged by.
    fn observed(&self, counts: &Counts, seconds: f64) -> Observed<'_> {
        let mut latencies = vec![
            ("delivery", &self.from_due),
            ("delivery.from_send", &self.from_send),
            ("send_lag", &self.send_lag),
            ("connect", &self.connect),
        ];
        latencies.extend(self.steps.iter().map(|(key, histogram)| (*key, histogram)));
        Observed { latencies, counts: *counts, seconds }
    }

    fn step(&self, key: &str) -> Percentiles {
        let step = self.steps.iter().find(|(known, _)| *known == key);
        step.map_or_else(Percentiles::default, |(_, samples)| Percentiles::from_histogram(samples))
    }

    fn legs(&self) -> Legs {
        Legs {
            tcp_connect: self.step("tcp_connect"),
            tls_handshake: self.step("tls_handshake"),
            web_socket_handshake: self.step("web_socket_handshake"),
            connack: self.step("connack"),
            suback: self.step("suback"),
            retained: self.step("retained"),
            puback: self.step("puback"),
            pubrec: self.step("pubrec"),
            pubcomp: self.step("pubcomp"),
            pingresp: self.step("pingresp"),
            queued: self.step("queued"),
            will: self.step("will"),
            read_lag: self.step("read_lag"),
        }
    }
}

fn merged_leg(runs: &[&Run], leg: &'static str) -> Result<Histogram<u64>, MergeError> {
    let mut total = None;
    for run in runs {
        let name = || run.name.clone();
        let histogram = run.leg(leg).ok_or_else(|| MergeError::Leg { name: name(), leg })?;
        if !accumulate(&mut total, &histogram) {
            return Err(MergeError::Sum { name: name() });
        }
    }
    total.ok_or(MergeError::TooFew)
}

fn summary(runs: &[Run], first: &Run, offsets: &Offsets, legs: &Merged) -> Summary {
    let each = || runs.iter().map(|run| &run.summary);
    let counts = each().fold(Counts::default(), |sum, summary| added(&sum, &summary.counts));
    let config = settings::config(runs, &first.summary.config);
    let common = Common::of(runs, offsets);
    let broker = broker::watched(runs, counts.delivered, common.is_enough());
    let observed = legs.observed(&counts, config.measured_seconds);
    let (thresholds, not_judged) = judged::thresholds(runs, &observed);
    let absent = broker.absent.into_iter().chain(not_judged);
    Summary {
        started: rfc3339(offsets.started),
        complete: each().all(|summary| summary.complete),
        config,
        counts,
        latency: Latency {
            delivery: Delivery {
                from_due: Percentiles::from_histogram(&legs.from_due),
                from_send: Percentiles::from_histogram(&legs.from_send),
            },
            connect: Percentiles::from_histogram(&legs.connect),
            send_lag: Percentiles::from_histogram(&legs.send_lag),
        },
        ledger: judged::ledger(runs),
        legs: legs.legs(),
        connecting: Connecting::default(),
        verdict: judged::verdict(runs),
        thresholds,
        broker: broker.process,
        cpu: Cpu {
            broker_seconds: broker.cpu_seconds,
            generator_seconds: each().map(|s| s.cpu.generator_seconds).sum(),
        },
        memory: Memory {
            broker_bytes: broker.memory_bytes,
            generator_bytes: each().fold(0, |sum, s| s.memory.generator_bytes.saturating_add(sum)),
        },
        generators: runs.iter().map(generator).collect(),
        warnings: warnings(runs, &common).into_iter().chain(absent).collect(),
        ..first.summary.clone()
    }
}

fn generator(run: &Run) -> Generator {
    let summary = &run.summary;
    Generator {
        name: run.name.clone(),
        started: summary.started.clone(),
        command: summary.config.command.clone(),
        seed: summary.config.seed,
        delivered: summary.counts.delivered,
        machine: summary.machine.clone(),
    }
}

fn added(one: &Counts, other: &Counts) -> Counts {
    let sum = |count: fn(&Counts) -> u64| count(one).saturating_add(count(other));
    Counts {
        offered: sum(|counts| counts.offered),
        sent: sum(|counts| counts.sent),
        expected: sum(|counts| counts.expected),
        delivered: sum(|counts| counts.delivered),
        lost: sum(|counts| counts.lost),
        unacknowledged: sum(|counts| counts.unacknowledged),
        duplicate: sum(|counts| counts.duplicate),
        duplicate_with_dup: sum(|counts| counts.duplicate_with_dup),
        corrupted: sum(|counts| counts.corrupted),
        late_in_drain: sum(|counts| counts.late_in_drain),
        late_after_drain: sum(|counts| counts.late_after_drain),
        reordered: sum(|counts| counts.reordered),
        retained: sum(|counts| counts.retained),
        foreign: sum(|counts| counts.foreign),
        impossible: sum(|counts| counts.impossible),
        connected: sum(|counts| counts.connected),
        connect_failed: sum(|counts| counts.connect_failed),
        disconnected: sum(|counts| counts.disconnected),
        left: sum(|counts| counts.left),
        sessions_lost: sum(|counts| counts.sessions_lost),
        not_judged: sum(|counts| counts.not_judged),
        repeated: sum(|counts| counts.repeated),
        retained_expected: sum(|counts| counts.retained_expected),
        retained_missing: sum(|counts| counts.retained_missing),
        wills_expected: sum(|counts| counts.wills_expected),
        wills: sum(|counts| counts.wills),
    }
}

/// The time that all measured parts have in common.
struct Common {
    /// Seconds of it; none are less than none.
    seconds: f64,
    /// The longest measured part.
    longest: f64,
}

impl Common {
    fn of(runs: &[Run], offsets: &Offsets) -> Self {
        let windows = || {
            runs.iter().zip(&offsets.seconds).map(|(run, offset)| {
                let end = over_time::measured_end(run) + offset;
                (end - run.summary.config.measured_seconds, end)
            })
        };
        let start = windows().map(|(start, _)| start).fold(f64::NEG_INFINITY, f64::max);
        let end = windows().map(|(_, end)| end).fold(f64::INFINITY, f64::min);
        let longest = windows().map(|(start, end)| end - start).fold(0.0, f64::max);
        Self { seconds: (end - start).max(0.0), longest }
    }

    fn is_enough(&self) -> bool {
        self.seconds >= self.longest * COMMON_SHARE_MIN
    }
}

/// The warnings of each run under its name, and when the runs did not load the broker together.
fn warnings(runs: &[Run], common: &Common) -> Vec<String> {
    let mut warnings: Vec<String> = runs
        .iter()
        .flat_map(|run| run.summary.warnings.iter().map(|text| format!("{}: {text}", run.name)))
        .collect();
    if !common.is_enough() {
        warnings.push(format!(
            "the runs measured together for only {:.1} s of {:.1} s: their rates were not there at \
             one time",
            common.seconds, common.longest
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Judgement;
    use crate::fixture::{TestDirectory, histogram, leave_run, overloaded};

    /// A run of half of the clients, whose deliveries took so long.
    fn half(latency_ns: u64, started: &str, change: impl FnOnce(&mut Summary)) -> Run {
        let mut summary = overloaded();
        summary.started = started.to_owned();
        summary.complete = true;
        summary.config.measured_seconds = 2.0;
        summary.counts.lost = 5;
        change(&mut summary);
        let base = TestDirectory::new();
        let seconds = vec![histogram([latency_ns; 99]); 2];
        let run = Run::read(&leave_run(base.path(), &summary, &seconds)).unwrap();
        Run { name: format!("half-{latency_ns}"), ..run }
    }

    const STARTED: &str = "2026-11-24T07:00:00.000Z";

    #[test]
    fn counts_add_up_and_percentiles_are_those_of_all_samples() {
        let limited = |summary: &mut Summary| {
            "other".clone_into(&mut summary.config.topic);
            if let Some(verdict) = &mut summary.verdict {
                verdict.verdict = Judgement::GeneratorLimited;
            }
        };
        let runs = [half(1_000_000, STARTED, |_| {}), half(900_000_000, STARTED, limited)];
        let base = TestDirectory::new();
        let directory = merge(&runs, base.path(), "both").unwrap();
        let both = Run::read(directory.path()).unwrap();
        let one = &runs[0].summary;
        assert_eq!(both.summary.counts.delivered, 2 * one.counts.delivered);
        assert_eq!(both.summary.counts.lost, 10);
        assert_eq!(both.summary.config.publishers, 2 * one.config.publishers);
        assert_eq!(both.summary.config.topic, "other, temperature");
        assert_eq!(both.summary.generators.len(), 2);
        let contract = &both.summary.ledger[0];
        assert_eq!(contract.delivered, 2 * one.ledger[0].delivered);
        let verdict = both.summary.verdict.as_ref().unwrap();
        assert_eq!(verdict.verdict, Judgement::GeneratorLimited, "the worst of both");
        assert!(verdict.reasons[0].text.starts_with("half-1000000: "), "{verdict:?}");
        let due = both.leg("from_due").unwrap();
        assert_eq!(due.len(), 4 * 99);
        assert!(
            due.value_at_quantile(0.49) < 2_000_000 && due.value_at_quantile(0.51) > 800_000_000
        );
        let seconds: Vec<u64> =
            both.intervals.iter().filter_map(|i| Some(i.histogram()?.len())).collect();
        assert_eq!(seconds, [198; 4], "from due and from send");
        let row = both.timeline.last().unwrap();
        assert_eq!((row.delivered, row.connected), (2 * 2_083_333, 10_000));
        assert!(row.p50_us.unwrap() < 2_000.0 && row.p99_us.unwrap() > 800_000.0, "{row:?}");
        assert!(!both.summary.warnings.iter().any(|text| text.contains("together")));
    }

    #[test]
    fn what_did_not_do_the_same_is_refused_by_name() {
        let base = TestDirectory::new();
        let first = half(1_000_000, STARTED, |_| {});
        let refused = |other: Run| {
            merge(&[first.clone(), other], base.path(), "x").map(|_| ()).unwrap_err().to_string()
        };
        let other = half(2_000_000, STARTED, |summary| summary.config.qos = 1);
        assert_eq!(
            refused(other),
            "half-1000000 and half-2000000 cannot be added up: the QoS of publications is 0 in one and 1 \
             in the other"
        );
        let other = half(2_000_000, "yesterday", |_| {});
        assert!(refused(other).contains("`yesterday`, which is no time"));
        let mut other = half(2_000_000, STARTED, |_| {});
        other.legs.clear();
        assert!(refused(other).contains("no histogram of the leg `from_due`"));
        assert!(merge(std::slice::from_ref(&first), base.path(), "x").is_err());
    }

    fn watching(pid: u32, seconds: f64) -> impl FnOnce(&mut Summary) {
        move |summary| {
            summary.broker = Some(crate::BrokerUse {
                pid,
                bytes_per_connection: Some(1_000),
                ..crate::BrokerUse::default()
            });
            summary.cpu.broker_seconds = Some(seconds);
            summary.memory.broker_bytes = Some(9_000_000);
        }
    }

    fn merged_summary(runs: &[Run]) -> Summary {
        let base = TestDirectory::new();
        Run::read(merge(runs, base.path(), "both").unwrap().path()).unwrap().summary
    }

    #[test]
    fn one_process_that_all_watched_is_told_once() {
        let both = merged_summary(&[
            half(1_000_000, STARTED, watching(7, 3.0)),
            half(2_000_000, STARTED, watching(7, 3.2)),
            half(3_000_000, STARTED, |_| {}),
        ]);
        let broker = both.broker.unwrap();
        assert_eq!((broker.pid, broker.bytes_per_connection), (7, None));
        assert_eq!(both.cpu.broker_seconds, Some(3.2));
        assert_eq!(both.memory.broker_bytes, Some(9_000_000));
        let each = broker.cpu_us_per_delivery.unwrap();
        let deliveries = crate::units::float(both.counts.delivered);
        assert!((each - 3.2e6 / deliveries).abs() < 1e-9, "{each}");
    }

    #[test]
    fn several_processes_or_several_times_are_no_broker_s_figures() {
        let both = merged_summary(&[
            half(1_000_000, STARTED, watching(7, 3.0)),
            half(2_000_000, STARTED, watching(8, 3.2)),
        ]);
        assert_eq!(
            (both.broker, both.cpu.broker_seconds, both.memory.broker_bytes),
            Default::default()
        );
        let said = |summary: &Summary, part: &str| {
            assert!(summary.warnings.iter().any(|text| text.contains(part)), "{summary:?}");
        };
        said(&both, "half-1000000 watched process 7 (");
        let both = merged_summary(&[
            half(1_000_000, STARTED, watching(7, 3.0)),
            half(2_000_000, "2026-11-24T07:01:00.000Z", watching(7, 3.0)),
        ]);
        assert_eq!(both.cpu.broker_seconds, None);
        said(&both, "did not measure at one time");
    }

    fn asked(thresholds: &[&str], aborted: bool) -> impl FnOnce(&mut Summary) {
        let thresholds = thresholds.iter().map(|text| crate::ThresholdResult {
            threshold: (*text).to_owned(),
            observed: Some(0.0),
            limit: 0.0,
            unit: String::new(),
            passed: true,
            aborted,
        });
        let thresholds: Vec<_> = thresholds.collect();
        move |summary| summary.thresholds = thresholds
    }

    #[test]
    fn thresholds_of_all_are_judged_by_the_sum() {
        let wanted = ["lost<=5", "delivery:max<10ms"];
        let both = merged_summary(&[
            half(1_000_000, STARTED, asked(&wanted, false)),
            half(2_000_000, STARTED, asked(&wanted, false)),
        ]);
        let judged: Vec<_> =
            both.thresholds.iter().map(|t| (t.observed.unwrap().round(), t.passed)).collect();
        // Each lost five and passed; together they lost ten.
        assert_eq!(judged[0], (10.0, false));
        assert!(judged[1].1, "{judged:?}");
        let both = merged_summary(&[
            half(1_000_000, STARTED, asked(&wanted, false)),
            half(2_000_000, STARTED, asked(&["lost<=5"], false)),
        ]);
        assert!(both.thresholds.is_empty());
        assert!(both.warnings.last().unwrap().contains("not have the same thresholds"), "{both:?}");
        let both = merged_summary(&[
            half(1_000_000, STARTED, asked(&["lost<=99"], true)),
            half(2_000_000, STARTED, asked(&["lost<=99"], false)),
        ]);
        assert!(both.thresholds[0].aborted && !both.thresholds[0].passed);
    }

    #[test]
    fn embedded_brokers_do_not_add_up() {
        let base = TestDirectory::new();
        let embedded = |summary: &mut Summary| summary.config.broker = "embedded".to_owned();
        let runs = [half(1_000_000, STARTED, embedded), half(2_000_000, STARTED, embedded)];
        let error = merge(&runs, base.path(), "x").unwrap_err();
        assert!(matches!(error, MergeError::Embedded { .. }), "{error}");
    }

    #[test]
    fn runs_of_different_times_stand_beside_each_other_with_a_warning() {
        let runs =
            [half(1_000_000, STARTED, |_| {}), half(2_000_000, "2026-11-24T07:01:00.000Z", |_| {})];
        let base = TestDirectory::new();
        let both = Run::read(merge(&runs, base.path(), "both").unwrap().path()).unwrap();
        assert_eq!(both.timeline.last().map(|row| row.t_seconds), Some(65.0));
        assert_eq!(both.intervals.len(), 8);
        let warning = both.summary.warnings.last().unwrap();
        assert!(warning.contains("together for only 0.0 s of 2.0 s"), "{warning}");
    }
}
