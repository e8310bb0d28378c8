//! What `loadgen duet` leaves: pairs, controls, verdict.

use serde::{Deserialize, Serialize};

use super::interval::{RatioInterval, median_sequence};
use super::sprt::{Change, Rule};
use crate::markdown::{cell, table};
use crate::text::harmless;

/// The value of [`DuetReport::schema`].
pub const DUET_SCHEMA: &str = "kelvin/duet/v1";

/// Involuntary switches of the sides may differ by this factor at most.
const SWITCHES_FACTOR_MAX: f64 = 2.0;

/// Below so many switches a pair the factor says nothing.
const SWITCHES_MIN: f64 = 20.0;

/// Wall time of a pair may be this many times the CPU time spent in it at most.
const WALL_FACTOR_MAX: f64 = 10.0;

/// In one of so many pairs it may be more.
const WALL_SHARE: usize = 4;

/// The difference that must be found, and so must not be hidden: that of the control.
const FOUND: f64 = 1.05;

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

    /// Why the pairs do not support what they say.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts: Vec<String> = self.broken.iter().cloned().collect();
        // Who waits for a core has more noise, alike on both sides. Noise takes signs to one half, where the test
        // accepts that nothing differs: it hides a difference and makes none.
        if matches!(self.outcome, Change::Slower | Change::Faster) || self.hides_nothing() {
            return doubts;
        }
        let slow = |pair: &&Pair| pair.wall_seconds > WALL_FACTOR_MAX * pair.cpu_seconds;
        let slow = self.pairs.iter().filter(slow).count();
        // Signs make nothing of a few outliers.
        if WALL_SHARE * slow > self.pairs.len() {
            doubts.push(format!(
                "{slow} pair(s) took more than {WALL_FACTOR_MAX:.0} x their CPU time: the core was somebody else's, or the load is too light"
            ));
        }
        doubts
    }

    /// Whether the interval excludes a difference that must be found, however noisy the pairs are.
    fn hides_nothing(&self) -> bool {
        let Some(RatioInterval { low: Some(low), high: Some(high), .. }) = self.interval else {
            return false;
        };
        1.0 / FOUND < low && high < FOUND
    }

    /// Whether one side was interrupted far more often than the other.
    ///
    /// Of two that are the same it says that the machine was not fair to them. Of two that differ it may be
    /// the difference: a broker that wastes 5 % of its CPU time was interrupted 119 times beside 57.
    fn unfairness(&self) -> Option<String> {
        // Medians, as signs make nothing of one pair in which a side was interrupted 383 times.
        let middle = |of: fn(&Pair) -> u64| middle(self.pairs.iter().map(of));
        let (a, b) = (middle(|p| p.a.involuntary_switches), middle(|p| p.b.involuntary_switches));
        let (least, greatest) = (a.min(b), a.max(b));
        (greatest >= SWITCHES_MIN && greatest > SWITCHES_FACTOR_MAX * least).then(|| format!(
            "the brokers were interrupted {a:.0} and {b:.0} times a pair: more than {SWITCHES_FACTOR_MAX:.0} x apart"
        ))
    }

    /// Scaled median absolute deviation of `ln(b/a)`: the noise of one pair; `None` of nothing.
    pub fn noise(&self) -> Option<f64> {
        let ratios: Vec<f64> = self.pairs.iter().map(Pair::log_ratio).collect();
        let middle = super::interval::median(&ratios)?;
        let away: Vec<f64> = ratios.iter().map(|ratio| (ratio - middle).abs()).collect();
        super::interval::median(&away).map(|mad| 1.4826 * mad)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of switches")]
fn middle(figures: impl Iterator<Item = u64>) -> f64 {
    let figures: Vec<f64> = figures.map(|figure| figure as f64).collect();
    super::interval::median(&figures).unwrap_or(0.0)
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
            reasons.extend(series.doubts().into_iter().map(|doubt| format!("{what}: {doubt}")));
        }
        reasons.extend(same.unfairness().map(|doubt| format!("A/A: {doubt}")));
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

    fn series(outcome: Change, ratio: f64, switches: u64, wall: f64) -> PairSeries {
        let side = |cpu_seconds, involuntary_switches| SideCost {
            cpu_seconds,
            deliveries: 1_000,
            involuntary_switches,
        };
        let pair = Pair {
            core: 0,
            a_first: true,
            a: side(0.2, 100),
            b: side(0.2 * ratio, switches),
            cpu_seconds: 1.0,
            wall_seconds: wall,
        };
        PairSeries::new(outcome, vec![pair; 15])
    }

    fn judged(same: PairSeries, control: Change, duet: PairSeries) -> Change {
        DuetLoad::judge("x", "", [same, series(control, 1.05, 100, 1.0), duet]).verdict
    }

    fn quiet(change: Change) -> PairSeries {
        series(change, 1.0, 100, 1.0)
    }

    #[test]
    fn a_verdict_needs_both_controls() {
        let judged = |same, control| judged(quiet(same), control, quiet(Change::Same));
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
    fn pairs_that_waited_for_their_core_may_hide_a_difference_and_make_none() {
        // The interval of fifteen pairs goes from the second least to the second greatest.
        let waited = |change, spread: f64, wall| {
            let mut pairs = series(change, 1.0, 100, wall).pairs;
            pairs.iter_mut().step_by(4).for_each(|pair| pair.b.cpu_seconds *= 1.0 + spread);
            PairSeries::new(change, pairs)
        };
        let duet = |change, spread, wall| {
            judged(quiet(Change::Same), Change::Slower, waited(change, spread, wall))
        };
        assert_eq!(duet(Change::Same, 0.06, 9.0), Change::Same);
        assert_eq!(duet(Change::Same, 0.06, 10.1), Change::CannotMeasure);
        assert_eq!(duet(Change::Same, 0.04, 10.1), Change::Same);
        assert_eq!(duet(Change::Same, -0.06, 10.1), Change::CannotMeasure);
        assert_eq!(duet(Change::Slower, 0.06, 10.1), Change::Slower);
        assert_eq!(duet(Change::Faster, 0.06, 10.1), Change::Faster);
        let itself = |spread| {
            let same = waited(Change::Same, spread, 10.1);
            judged(same, Change::Slower, quiet(Change::Same))
        };
        assert_eq!(itself(0.06), Change::CannotMeasure);
        assert_eq!(itself(0.04), Change::Same);
    }

    #[test]
    fn interruptions_of_the_same_broker_must_be_alike() {
        let same = |switches| {
            let same = series(Change::Same, 1.0, switches, 1.0);
            judged(same, Change::Slower, series(Change::Slower, 1.1, 500, 1.0))
        };
        let mut once = series(Change::Same, 1.0, 100, 1.0);
        once.pairs[2].b.involuntary_switches = 10_000;
        assert_eq!(judged(once, Change::Slower, quiet(Change::Same)), Change::Same);
        assert_eq!(same(190), Change::Slower);
        assert_eq!(same(201), Change::CannotMeasure);
        assert_eq!(same(49), Change::CannotMeasure);
    }

    #[test]
    fn the_table_says_why_and_the_worst_load_decides() {
        let bad = DuetLoad::judge(
            "pairs",
            "",
            [Change::Slower, Change::Slower, Change::Same].map(|c| series(c, 1.05, 100, 1.0)),
        );
        let good = DuetLoad::judge(
            "shared",
            "",
            [Change::Same, Change::Slower, Change::Same].map(|c| series(c, 1.0, 100, 1.0)),
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
