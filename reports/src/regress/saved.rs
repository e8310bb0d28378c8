//! Saved runs against saved runs.

use serde::{Deserialize, Serialize};

use super::interval::{RatioInterval, median_ratio};
use super::sprt::Change;
use crate::Summary;
use crate::junit::{Case, junit};
use crate::markdown::{cell, table};
use crate::text::{cpu_per_delivery, delivery_rate};

/// The value of [`SavedReport::schema`].
pub const SAVED_SCHEMA: &str = "kelvin/saved/v1";

/// Runs of each side that a verdict needs.
pub const RUNS_MIN: usize = 8;

/// Confidence of the intervals.
const CONFIDENCE: f64 = 0.99;

/// A figure: name, how it is read, whether more is better.
type Metric = (&'static str, fn(&Summary) -> Option<f64>, bool);

const METRICS: [Metric; 5] = [
    (
        "broker CPU per delivery",
        |run| cpu_per_delivery(run.cpu.broker_seconds?, run.counts.delivered),
        false,
    ),
    ("deliveries/s", delivery_rate, true),
    ("p50", |run| run.latency.delivery.from_due.supported()[0], false),
    ("p99", |run| run.latency.delivery.from_due.supported()[2], false),
    ("broker memory", memory, false),
];

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 bytes, which is 8 PiB")]
fn memory(run: &Summary) -> Option<f64> {
    run.memory.broker_bytes.map(|bytes| bytes as f64)
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedMetric {
    /// Its name.
    pub name: String,
    /// The verdict.
    pub verdict: Change,
    /// New over base, with a bootstrap interval of 99 %.
    pub interval: Option<RatioInterval>,
    /// Runs that have it: of base, of new.
    pub runs: [usize; 2],
}

/// Runs of two sides, compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedReport {
    /// Always [`SAVED_SCHEMA`].
    pub schema: String,
    /// Relative difference that does not matter.
    pub margin: f64,
    /// Whether the sides took turns, by their start times.
    pub interleaved: bool,
    /// What stands in the way of a verdict.
    pub notes: Vec<String>,
    /// One for each figure that both sides have.
    pub metrics: Vec<SavedMetric>,
}

/// Compares.
pub fn compare_saved(base: &[Summary], new: &[Summary], margin: f64) -> SavedReport {
    let interleaved = take_turns(base, new);
    let enough = base.len() >= RUNS_MIN && new.len() >= RUNS_MIN;
    let mut notes = Vec::new();
    if !enough {
        notes.push(format!(
            "{} and {} runs support no verdict: {RUNS_MIN} of each side in turn are needed (loadgen compare --rounds {RUNS_MIN}), or loadgen duet",
            base.len(),
            new.len()
        ));
    }
    if !interleaved {
        notes.push("the sides did not take turns (by their start times): a machine that drifts looks like a difference".to_owned());
    }
    let same_load = |run: &Summary| {
        base.first().is_none_or(|first| run.config.scenario == first.config.scenario)
    };
    let alike = base.iter().chain(new).all(same_load);
    if !alike {
        notes.push("the runs are not of one load".to_owned());
    }
    let may_judge = enough && interleaved && alike;
    let metrics = METRICS.iter().filter_map(|(name, figure, more_is_better)| {
        let [a, b]: [Vec<f64>; 2] =
            [base, new].map(|runs| runs.iter().filter_map(figure).collect());
        if a.is_empty() || b.is_empty() {
            return None;
        }
        let interval = median_ratio(&a, &b, CONFIDENCE, 1);
        let enough = a.len() >= RUNS_MIN && b.len() >= RUNS_MIN;
        let verdict = match interval {
            Some(interval) if may_judge && enough => judge(interval, margin, *more_is_better),
            _ => Change::Undecided,
        };
        Some(SavedMetric { name: (*name).to_owned(), verdict, interval, runs: [a.len(), b.len()] })
    });
    let metrics = metrics.collect();
    SavedReport { schema: SAVED_SCHEMA.to_owned(), margin, interleaved, notes, metrics }
}

fn judge(interval: RatioInterval, margin: f64, more_is_better: bool) -> Change {
    let (Some(low), Some(high)) = (interval.low, interval.high) else {
        return Change::Undecided;
    };
    let (least, greatest) = (1.0 / (1.0 + margin), 1.0 + margin);
    match (low > greatest, high < least) {
        (true, _) if more_is_better => Change::Faster,
        (true, _) => Change::Slower,
        (_, true) if more_is_better => Change::Slower,
        (_, true) => Change::Faster,
        _ if low >= least && high <= greatest => Change::Same,
        _ => Change::Undecided,
    }
}

/// Whether no side has more than two runs (as in A B B A) in a row.
fn take_turns(base: &[Summary], new: &[Summary]) -> bool {
    let of = |runs: &[Summary], side: bool| -> Vec<(String, bool)> {
        runs.iter().map(|run| (run.started.clone(), side)).collect()
    };
    let mut starts = [of(base, false), of(new, true)].concat();
    starts.sort();
    let three = starts
        .windows(3)
        .any(|three| three.iter().all(|(_, side)| Some(*side) == three.first().map(|(_, s)| *s)));
    !three && !base.is_empty() && !new.is_empty()
}

impl SavedReport {
    /// The worst verdict.
    pub fn verdict(&self) -> Change {
        let any = |change: Change| self.metrics.iter().any(|metric| metric.verdict == change);
        match () {
            () if any(Change::Slower) => Change::Slower,
            () if self.metrics.is_empty() || any(Change::Undecided) => Change::Undecided,
            () if any(Change::Faster) => Change::Faster,
            () => Change::Same,
        }
    }

    /// A markdown table with its notes.
    pub fn markdown(&self) -> String {
        let mut rows = vec![
            ["figure", "runs", "new / base", "99 % interval", "verdict"]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows.extend(self.metrics.iter().map(|metric| {
            let percent = |ratio: f64| format!("{:+.1} %", 100.0 * (ratio - 1.0));
            let bound = |bound: Option<f64>| bound.map_or_else(|| "?".to_owned(), percent);
            let interval = metric.interval;
            vec![
                cell(&metric.name),
                format!("{} + {}", metric.runs[0], metric.runs[1]),
                interval.map_or_else(|| "-".to_owned(), |i| percent(i.ratio)),
                // One run resampled is itself: its width of zero would lie.
                interval.filter(|_| metric.runs.iter().all(|runs| *runs > 1)).map_or_else(
                    || "-".to_owned(),
                    |i| format!("{} to {}", bound(i.low), bound(i.high)),
                ),
                metric.verdict.name().to_owned(),
            ]
        }));
        let notes = self.notes.iter().map(|note| format!("- {note}\n"));
        let margin = format!("\nMargin {:.1} %.\n", 100.0 * self.margin);
        [table(&rows), margin].into_iter().chain(notes).collect()
    }

    /// JUnit XML: a case for each figure; SLOWER fails, UNDECIDED is skipped.
    ///
    /// # Errors
    /// What the writer of XML says.
    pub fn junit(&self) -> std::io::Result<String> {
        let cases = self.metrics.iter().map(|metric| {
            let ratio = metric.interval.map_or(f64::NAN, |interval| interval.ratio);
            Case {
                name: metric.name.clone(),
                status: metric.verdict.into(),
                text: format!("{}: new / base {ratio:.4}", metric.verdict.name()),
            }
        });
        junit("reports compare", "compare", cases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::literal;

    fn runs(count: u32, offset: u32, factor: f64) -> Vec<Summary> {
        (0..count)
            .map(|number| {
                let mut run = literal();
                run.started = format!("2026-11-28T00:{:02}:00Z", 2 * number + offset);
                let noise = 1.0 + 0.002 * f64::from(number % 5);
                run.cpu.broker_seconds = Some(10.0 * factor * noise);
                run
            })
            .collect()
    }

    #[test]
    fn two_single_runs_support_no_verdict() {
        let report = compare_saved(&runs(1, 0, 1.0), &runs(1, 1, 3.0), 0.02);
        assert_eq!(report.verdict(), Change::Undecided);
        assert_eq!(report.verdict().exit_status(), 5);
        assert!(report.markdown().contains("8 of each side"), "{}", report.markdown());
    }

    #[test]
    fn many_runs_in_turn_do() {
        let cpu = |report: &SavedReport| report.metrics[0].verdict;
        let base = runs(12, 0, 1.0);
        let slower = compare_saved(&base, &runs(12, 1, 1.05), 0.02);
        assert_eq!((cpu(&slower), slower.verdict().exit_status()), (Change::Slower, 99));
        assert!(slower.junit().unwrap().contains("<failure"));
        assert_eq!(cpu(&compare_saved(&base, &runs(12, 1, 0.95), 0.02)), Change::Faster);
        assert_eq!(cpu(&compare_saved(&base, &runs(12, 1, 1.0), 0.02)), Change::Same);
    }

    #[test]
    fn one_after_the_other_is_told_and_supports_none() {
        let mut later = runs(12, 1, 1.05);
        for run in &mut later {
            run.started = run.started.replace("T00", "T01");
        }
        let report = compare_saved(&runs(12, 0, 1.0), &later, 0.02);
        assert!(!report.interleaved && report.verdict() == Change::Undecided);
    }
}
