//! The seconds of several runs on one clock.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::MergeError;
use crate::run::accumulate;
use crate::{FROM_SEND_TAG, IntervalHistogram, Phase, Run, TimelineRow};

/// What all runs did in one second.
#[derive(Default)]
struct Second {
    /// The last row of each run in it, by the number of the run.
    rows: BTreeMap<usize, TimelineRow>,
    latency: Option<Histogram<u64>>,
    from_send: Option<Histogram<u64>>,
}

/// When the measured part of a run ended, in seconds since its start.
pub(super) fn measured_end(run: &Run) -> f64 {
    let measured = run.timeline.iter().filter(|row| row.phase == Phase::Measure);
    measured.map(|row| row.t_seconds).fold(0.0, f64::max)
}

/// A timeline and the intervals of all runs together. `offsets` are the seconds that each began later than the
/// first.
pub(super) fn merged(
    runs: &[Run],
    offsets: &[f64],
) -> Result<(Vec<TimelineRow>, Vec<IntervalHistogram>), MergeError> {
    let mut seconds: BTreeMap<u64, Second> = BTreeMap::new();
    for (number, (run, offset)) in runs.iter().zip(offsets).enumerate() {
        for row in &run.timeline {
            let second = seconds.entry(second_of(row.t_seconds + offset)).or_default();
            let before = second.rows.remove(&number);
            second.rows.insert(number, before.map_or_else(|| row.clone(), |b| joined(&b, row)));
        }
        for interval in &run.intervals {
            let end = (interval.start + interval.length).as_secs_f64() + offset;
            let histogram = interval.histogram();
            let second = seconds.entry(second_of(end)).or_default();
            let total = match interval.tag.as_deref() {
                None => &mut second.latency,
                Some(FROM_SEND_TAG) => &mut second.from_send,
                Some(_) => continue,
            };
            if !histogram.is_some_and(|histogram| accumulate(total, &histogram)) {
                return Err(MergeError::Sum { name: run.name.clone() });
            }
        }
    }
    let rows = seconds.iter().filter(|(_, second)| !second.rows.is_empty());
    let timeline = rows.map(|(&number, second)| second.row(number)).collect();
    let mut intervals = Vec::new();
    for (&number, second) in &seconds {
        let start = Duration::from_secs(number.saturating_sub(1));
        let length = Duration::from_secs(1);
        let from_due = second.latency.iter();
        let from_due = from_due.map(|latency| IntervalHistogram::new(start, length, latency));
        let from_send = second.from_send.iter();
        let from_send = from_send
            .map(|latency| IntervalHistogram::tagged(FROM_SEND_TAG, start, length, latency));
        for interval in from_due.chain(from_send) {
            let fault = |_| MergeError::Sum { name: format!("second {number}") };
            intervals.push(interval.map_err(fault)?);
        }
    }
    Ok((timeline, intervals))
}

/// The whole second that a moment ends in.
fn second_of(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and no run began before the first"
    )]
    let second = (seconds - 1e-6).max(0.0).ceil() as u64;
    second
}

/// Two rows of one run that end in the same second: counts add up, the state is the later one.
fn joined(before: &TimelineRow, row: &TimelineRow) -> TimelineRow {
    let mut joined = row.clone();
    add_counts(&mut joined, before);
    joined
}

fn add_counts(sum: &mut TimelineRow, row: &TimelineRow) {
    for (sum, count) in [
        (&mut sum.offered, row.offered),
        (&mut sum.sent, row.sent),
        (&mut sum.expected, row.expected),
        (&mut sum.delivered, row.delivered),
        (&mut sum.duplicate, row.duplicate),
        (&mut sum.reordered, row.reordered),
        (&mut sum.retained, row.retained),
        (&mut sum.disconnected, row.disconnected),
    ] {
        *sum = sum.saturating_add(count);
    }
}

impl Second {
    fn row(&self, number: u64) -> TimelineRow {
        let phase = [Phase::Measure, Phase::Warmup, Phase::Connect]
            .into_iter()
            .find(|phase| self.rows.values().any(|row| row.phase == *phase))
            .unwrap_or(Phase::Drain);
        let mut sum = TimelineRow::new(crate::units::float(number), phase);
        for row in self.rows.values() {
            add_counts(&mut sum, row);
            sum.connected = sum.connected.saturating_add(row.connected);
            sum.backlog = sum.backlog.saturating_add(row.backlog);
            // The highest of the generators: a row has no histogram of it.
            sum.send_lag_p99_us = higher(sum.send_lag_p99_us, row.send_lag_p99_us);
            // Every generator beside the broker sees the same process.
            sum.broker_cpu_percent = higher(sum.broker_cpu_percent, row.broker_cpu_percent);
            sum.broker_rss_bytes = sum.broker_rss_bytes.max(row.broker_rss_bytes);
            sum.generator_cpu_percent = total(sum.generator_cpu_percent, row.generator_cpu_percent);
            sum.generator_rss_bytes = match (sum.generator_rss_bytes, row.generator_rss_bytes) {
                (Some(one), Some(other)) => Some(one.saturating_add(other)),
                (one, other) => one.or(other),
            };
        }
        if let Some(latency) = &self.latency {
            let lag = sum.send_lag_p99_us;
            sum.set_latency(latency, latency);
            sum.send_lag_p99_us = lag;
        }
        sum
    }
}

fn higher(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

fn total(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(|one, other| one + other)
}
