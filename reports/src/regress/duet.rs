//! What `loadgen duet` leaves: pairs, controls, verdict.

use serde::{Deserialize, Serialize};

use super::interval::{RatioInterval, median_sequence};
use super::sprt::{Change, Rule};
use crate::markdown::{cell, table};
use crate::text::harmless;

/// The value of [`DuetReport::schema`].
pub const DUET_SCHEMA: &str = "kelvin/duet/v1";

/// One side of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideCost {
    /// CPU time of the broker under the load, user and system.
    pub cpu_seconds: f64,
    /// Deliveries; of the built-in control divided by 1.05.
    pub deliveries: u64,
    /// Involuntary context switches of the broker.
    pub involuntary_switches: u64,
}

/// One pair: both sides at the same time on one core.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The core.
    pub core: u32,
    /// Whether A started first.
    pub a_first: bool,
    /// Side A.
    pub a: SideCost,
    /// Side B.
    pub b: SideCost,
    /// CPU time of both brokers and both generators.
    pub cpu_seconds: f64,
    /// Wall time of the load.
    pub wall_seconds: f64,
}

impl Pair {
    /// `ln` of B's CPU time per delivery over A's; no number when a side did nothing.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 deliveries")]
    pub fn log_ratio(&self) -> f64 {
        let cost = |side: &SideCost| side.cpu_seconds / side.deliveries as f64;
        (cost(&self.b) / cost(&self.a)).ln()
    }
}

/// Pairs of one comparison and what they say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairSeries {
    /// What the sign test says.
    pub outcome: Change,
    /// Why it broke off before the test had decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
    /// The median ratio, and its confidence sequence (95 % at any stop).
    pub interval: Option<RatioInterval>,
    /// In the order in which they ran.
    pub pairs: Vec<Pair>,
}

impl PairSeries {
    /// Pairs that are over.
    pub fn new(outcome: Change, pairs: Vec<Pair>) -> Self {
        let ratios: Vec<f64> = pairs.iter().map(Pair::log_ratio).collect();
        Self { outcome, broken: None, interval: median_sequence(&ratios), pairs }
    }

    /// Pairs after which it could not go on, and why.
    pub fn broken(reason: String, pairs: Vec<Pair>) -> Self {
        Self { broken: Some(reason), ..Self::new(Change::CannotMeasure, pairs) }
    }

    /// Scaled median absolute deviation of `ln(b/a)`: the noise of one pair; `None` of nothing.
    pub fn noise(&self) -> Option<f64> {
        let ratios: Vec<f64> = self.pairs.iter().map(Pair::log_ratio).collect();
        let middle = super::interval::median(&ratios)?;
        let away: Vec<f64> = ratios.iter().map(|ratio| (ratio - middle).abs()).collect();
        super::interval::median(&away).map(|mad| 1.4826 * mad)
    }
}

/// One load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DuetLoad {
    /// What it is called.
    pub name: String,
    /// As it is typed after loadgen.
    pub load: String,
    /// The verdict.
    pub verdict: Change,
    /// Why, where it is none.
    pub reasons: Vec<String>,
    /// A against another A.
    pub same: PairSeries,
    /// A against A with 5 % more, or B against a slowed B.
    pub control: PairSeries,
    /// A against B.
    pub duet: PairSeries,
}

impl DuetLoad {
    /// Judges. B's figures count only where A is the same as A and 5 % more is found.
    pub fn judge(name: &str, load: &str, [same, control, duet]: [PairSeries; 3]) -> Self {
        let mut reasons = Vec::new();
        for (what, series, wanted) in
            [("A against itself", &same, Change::Same), ("5 % more work", &control, Change::Slower)]
        {
            if series.outcome != wanted && series.broken.is_none() {
                reasons.push(format!("{what} is {}", series.outcome.name()));
            }
        }
        for (what, series) in [("A/A", &same), ("control", &control), ("A/B", &duet)] {
            reasons.extend(series.broken.iter().map(|reason| format!("{what}: {reason}")));
        }
        let verdict = if reasons.is_empty() { duet.outcome } else { Change::CannotMeasure };
        let (name, load) = (name.to_owned(), load.to_owned());
        Self { name, load, verdict, reasons, same, control, duet }
    }
}

/// A whole run of `loadgen duet`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DuetReport {
    /// Always [`DUET_SCHEMA`].
    pub schema: String,
    /// The worst of all loads: slower before undecided before the rest.
    pub verdict: Change,
    /// Side A.
    pub a: String,
    /// Side B.
    pub b: String,
    /// How +5 % was made.
    pub control: String,
    /// How it is decided.
    pub rule: Rule,
    /// One for each load.
    pub loads: Vec<DuetLoad>,
}

impl DuetReport {
    /// Loads that are over, and what they say together.
    pub fn new([a, b, control]: [String; 3], rule: Rule, loads: Vec<DuetLoad>) -> Self {
        let verdict = Self::worst(&loads);
        Self { schema: DUET_SCHEMA.to_owned(), verdict, a, b, control, rule, loads }
    }

    fn worst(loads: &[DuetLoad]) -> Change {
        let rank = |change: Change| match change {
            Change::Slower => 4,
            Change::CannotMeasure => 3,
            Change::Undecided => 2,
            Change::Same => 1,
            Change::Faster => 0,
        };
        let verdicts = loads.iter().map(|load| load.verdict);
        verdicts.max_by_key(|change| rank(*change)).unwrap_or(Change::Undecided)
    }

    /// A table, then why there is no verdict where there is none.
    pub fn markdown(&self) -> String {
        let mut rows = vec![
            [
                "load",
                "pairs",
                "CPU ratio",
                "95 % interval",
                "noise of a pair",
                "A/A",
                "+5 %",
                "verdict",
            ]
            .map(str::to_owned)
            .to_vec(),
        ];
        rows.extend(self.loads.iter().map(row));
        let reasons = self.loads.iter().flat_map(|load| {
            load.reasons
                .iter()
                .map(move |reason| format!("- {}: {}\n", load.name, harmless(reason)))
        });
        let legend = format!(
            "\nBroker CPU time per delivery of B (`{}`) over A (`{}`), margin {:.1} %, at most {} pairs; +5 %: {}.\n",
            harmless(&self.b),
            harmless(&self.a),
            100.0 * self.rule.margin,
            self.rule.pairs_max,
            harmless(&self.control)
        );
        [table(&rows), legend].into_iter().chain(reasons).collect()
    }

    /// The whole as JSON, with a last line end.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").unwrap_or_default()
    }
}

fn row(load: &DuetLoad) -> Vec<String> {
    let percent = |ratio: f64| format!("{:+.2} %", 100.0 * (ratio - 1.0));
    let bound = |bound: Option<f64>| bound.map_or_else(|| "?".to_owned(), percent);
    let interval = load.duet.interval;
    vec![
        cell(&load.name),
        load.duet.pairs.len().to_string(),
        interval.map_or_else(|| "-".to_owned(), |interval| percent(interval.ratio)),
        interval
            .map_or_else(|| "-".to_owned(), |i| format!("{} to {}", bound(i.low), bound(i.high))),
        load.same.noise().map_or_else(|| "-".to_owned(), |noise| format!("{:.2} %", 100.0 * noise)),
        load.same.outcome.name().to_owned(),
        load.control.outcome.name().to_owned(),
        load.verdict.name().to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(outcome: Change, ratio: f64) -> PairSeries {
        let side =
            |cpu_seconds| SideCost { cpu_seconds, deliveries: 1_000, involuntary_switches: 100 };
        let pair = Pair {
            core: 0,
            a_first: true,
            a: side(0.2),
            b: side(0.2 * ratio),
            cpu_seconds: 1.0,
            wall_seconds: 1.5,
        };
        PairSeries::new(outcome, vec![pair; 15])
    }

    #[test]
    fn a_verdict_needs_both_controls() {
        let judged = |same, control| {
            let series = [series(same, 1.0), series(control, 1.05), series(Change::Same, 1.0)];
            DuetLoad::judge("x", "", series).verdict
        };
        assert_eq!(judged(Change::Same, Change::Slower), Change::Same);
        for (same, control) in [
            (Change::Slower, Change::Slower),
            (Change::Undecided, Change::Slower),
            (Change::Same, Change::Same),
            (Change::Same, Change::Undecided),
        ] {
            assert_eq!(judged(same, control), Change::CannotMeasure);
        }
    }

    #[test]
    fn the_table_says_why_and_the_worst_load_decides() {
        let bad = DuetLoad::judge(
            "pairs",
            "",
            [Change::Slower, Change::Slower, Change::Same].map(|c| series(c, 1.05)),
        );
        let good = DuetLoad::judge(
            "shared",
            "",
            [Change::Same, Change::Slower, Change::Same].map(|c| series(c, 1.0)),
        );
        let report = |loads| {
            DuetReport::new(["old", "new", "5 % longer"].map(str::to_owned), Rule::default(), loads)
        };
        assert_eq!(report(vec![good.clone()]).verdict, Change::Same);
        let report = report(vec![good, bad]);
        assert_eq!(report.verdict, Change::CannotMeasure);
        let text = report.markdown();
        assert!(text.contains("+5.00 % to +5.00 %"), "{text}");
        assert!(text.contains("- pairs: A against itself is SLOWER\n"), "{text}");
        // To the last digit a float is not the same again.
        let read: DuetReport = serde_json::from_str(&report.json()).unwrap();
        assert_eq!((read.verdict, read.loads.len()), (report.verdict, 2));
    }
}
