//! Several brokers under one load, round by round: figures with their spread, and ratios within rounds.
//!
//! ```text
//! spread  the figures of several rounds in one
//! paste   report.md
//! csv     every round as a row
//! ```

mod csv;
mod paste;
mod spread;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub(crate) use spread::Spread;

use crate::markdown::{cell, table};
use crate::page::render_html_rounds;
use crate::text::{absent, cpu_per_delivery, delivery_rate, harmless};
use crate::units::{bytes, count, float, microseconds, rate, share};
use crate::{MARKDOWN_FILE, PAGE_FILE, Run, Summary, WriteError};

/// The value of [`Rounds::schema`].
pub const ROUNDS_SCHEMA: &str = "kelvin/rounds/v1";

/// The comparison for programs.
pub const ROUNDS_FILE: &str = "compare.json";
/// The table of the comparison, as it is printed.
pub const ROUNDS_TABLE_FILE: &str = "compare.md";
/// Every round as a row, for a spreadsheet.
pub const ROUNDS_CSV_FILE: &str = "rounds.csv";

/// One load on several brokers, in turn and again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rounds {
    /// Always [`ROUNDS_SCHEMA`] in a file that this version writes.
    pub schema: String,
    /// The load, as typed after `loadgen`.
    pub load: String,
    /// The command line that made the comparison; empty in files of before.
    #[serde(default)]
    pub command: String,
    /// The brokers in the order given. Ratios refer to the first.
    pub sides: Vec<Side>,
    /// What could not be measured.
    pub failures: Vec<RoundFailure>,
}

/// One broker and its rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub about: String,
    /// What it says about its version; empty when it says nothing.
    pub version: String,
    /// Number of the round, from 1, and what was measured in it.
    pub runs: Vec<(u32, Summary)>,
}

/// A round of a broker without a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundFailure {
    /// Which broker.
    pub broker: String,
    /// Which round, from 1.
    pub round: u32,
    /// Why.
    pub reason: String,
}

/// A figure of a run; `None` where it is not known or too few samples support it.
pub(crate) type Figure = fn(&Summary) -> Option<f64>;

/// A column of figures: title, figure, how it is shown.
type Column = (&'static str, Figure, fn(f64) -> String);

const COLUMNS: [Column; 6] = [
    ("deliveries/s", delivery_rate, rate),
    ("p50", |summary| summary.latency.delivery.from_due.supported()[0], microseconds),
    ("p99", p99, microseconds),
    ("max", |summary| summary.latency.delivery.from_due.supported()[5], microseconds),
    ("broker CPU per delivery", broker_cpu, microseconds),
    ("broker memory", broker_memory, |size| bytes(nearest(size))),
];

/// The columns of ratios to the first broker: title and figure.
const RATIOS: [(&str, Figure); 2] = [("CPU ratio", broker_cpu), ("p99 ratio", p99)];

impl Rounds {
    /// Writes `compare.json`, `compare.md`, `report.md`, `rounds.csv` and `report.html`.
    ///
    /// The page's charts are of the runs in `directory`; a run that is not there has no lines in them.
    ///
    /// # Errors
    /// [`WriteError::File`] names the file and the cause.
    pub fn write(&self, directory: &Path) -> Result<(), WriteError> {
        let page = render_html_rounds(self, &self.runs(directory));
        for (name, text) in [
            (ROUNDS_FILE, self.json()),
            (ROUNDS_TABLE_FILE, self.markdown()),
            (MARKDOWN_FILE, self.report()),
            (ROUNDS_CSV_FILE, self.csv()),
            (PAGE_FILE, page),
        ] {
            let path = directory.join(name);
            fs::write(&path, text).map_err(|source| WriteError::File { path, source })?;
        }
        Ok(())
    }

    /// The runs of each side, in the order of its rounds, with what they left in `directory`.
    fn runs(&self, directory: &Path) -> Vec<Vec<Run>> {
        let found = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut found: Vec<Run> = found.filter_map(|entry| Run::read(&entry.path()).ok()).collect();
        let mut run = |side: &Side, summary: &Summary| {
            // One run begins when the one before has ended, so none begins at the moment of another.
            let place = found.iter().position(|run| run.summary.started == summary.started);
            let run = place.map(|place| found.swap_remove(place));
            let run = run.unwrap_or_else(|| Run::alone(summary.clone()));
            Run { name: side.name.clone(), ..run }
        };
        let sides = self.sides.iter();
        sides
            .map(|side| side.runs.iter().map(|(_, summary)| run(side, summary)).collect())
            .collect()
    }

    /// The whole as JSON, with a last line end.
    pub fn json(&self) -> String {
        // Strings, numbers and lists: nothing in it can fail to be JSON.
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").unwrap_or_default()
    }

    /// A markdown table, what the figures mean, and the rounds that failed.
    ///
    /// A figure is the median over the rounds, with the least and the greatest in brackets when there were
    /// several. A ratio is formed within each round, then treated in the same way; it is absent for the first
    /// broker and where either side has no such figure.
    pub fn markdown(&self) -> String {
        let failures = self.failures.iter().map(|failure| {
            let (broker, reason) = (harmless(&failure.broker), harmless(&failure.reason));
            format!("- {broker} in round {}: {reason}\n", failure.round)
        });
        let parts = [self.markdown_table(), "\n".to_owned(), self.legend()];
        parts.into_iter().chain(failures).collect()
    }

    /// The table alone.
    fn markdown_table(&self) -> String {
        let mut rows = vec![self.titles()];
        rows.extend(self.sides.iter().map(|side| self.row(side)));
        table(&rows)
    }

    fn titles(&self) -> Vec<String> {
        let mut titles = vec!["broker".to_owned(), "delivered".to_owned(), "lost".to_owned()];
        titles.extend(COLUMNS.iter().map(|(title, ..)| (*title).to_owned()));
        if self.sides.len() > 1 {
            titles.extend(RATIOS.iter().map(|(title, _)| (*title).to_owned()));
        }
        titles
    }

    fn row(&self, side: &Side) -> Vec<String> {
        let sum = |figure: fn(&Summary) -> u64| side.runs.iter().map(|(_, run)| figure(run)).sum();
        let (delivered, expected): (u64, u64) =
            (sum(|run| run.counts.delivered), sum(|run| run.counts.expected));
        let mut cells = vec![cell(&side.name)];
        if side.runs.is_empty() {
            cells.extend([absent(), absent()]);
        } else {
            cells.extend([share(delivered, expected), count(sum(|run| run.counts.lost))]);
        }
        cells.extend(COLUMNS.iter().map(|(_, figure, shown)| spread(side.spread(*figure), *shown)));
        if self.sides.len() > 1 {
            cells.extend(RATIOS.iter().map(|(_, figure)| self.ratio(side, *figure)));
        }
        cells
    }

    fn ratio(&self, side: &Side, figure: Figure) -> String {
        spread(self.ratios(side, figure), |ratio| match ratio {
            10.0.. => format!("{ratio:.0} x"),
            _ => format!("{ratio:.2} x"),
        })
    }

    /// A figure of a side by that of the first in the same round; `None` for the first itself, and where no round
    /// has both.
    pub(crate) fn ratios(&self, side: &Side, figure: Figure) -> Option<Spread> {
        let first = self.sides.first().filter(|first| first.name != side.name)?;
        let ratios = side.runs.iter().filter_map(|(round, run)| {
            let (_, base) = first.runs.iter().find(|(other, _)| other == round)?;
            let base = figure(base).filter(|base| *base > 0.0)?;
            Some(figure(run)? / base)
        });
        Spread::of(ratios.collect())
    }

    /// Rounds that were measured of at least one broker.
    pub(crate) fn count(&self) -> usize {
        self.sides.iter().map(|side| side.runs.len()).max().unwrap_or(0)
    }

    fn legend(&self) -> String {
        let rounds = self.count();
        let mut lines = vec![format!(
            "`loadgen {}`, {rounds} round(s) in turn. Figures are medians (least to greatest); latencies \
             count from the due time.\n",
            harmless(&self.load)
        )];
        if let [first, _, ..] = &self.sides[..] {
            lines.push(format!("Ratios are to {} in the same round.\n", harmless(&first.name)));
        }
        lines.push("\n".to_owned());
        lines.extend(self.sides.iter().map(|side| {
            let (name, about) = (harmless(&side.name), harmless(&side.about));
            match side.version.as_str() {
                "" => format!("- {name}: {about}\n"),
                version => format!("- {name}: {about} ({})\n", harmless(version)),
            }
        }));
        lines.concat()
    }
}

fn p99(summary: &Summary) -> Option<f64> {
    summary.latency.delivery.from_due.supported()[2]
}

pub(crate) fn broker_cpu(summary: &Summary) -> Option<f64> {
    cpu_per_delivery(summary.cpu.broker_seconds?, summary.counts.delivered)
}

pub(crate) fn broker_memory(summary: &Summary) -> Option<f64> {
    summary.memory.broker_bytes.map(float)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size that was an integer before; as saturates"
)]
fn nearest(value: f64) -> u64 {
    value.round() as u64
}

impl Side {
    /// A figure of all its rounds.
    pub(crate) fn spread(&self, figure: Figure) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|(_, run)| figure(run)).collect())
    }

    /// The place, in its list, of the run whose p99 is the middle one.
    pub(crate) fn median_run(&self) -> Option<usize> {
        let mut places: Vec<usize> = (0..self.runs.len()).collect();
        let key = |place: &usize| self.runs.get(*place).and_then(|(_, run)| p99(run));
        places.sort_by(|one, other| {
            let (one, other) =
                (key(one).unwrap_or(f64::INFINITY), key(other).unwrap_or(f64::INFINITY));
            one.total_cmp(&other)
        });
        places.get(places.len().saturating_sub(1) / 2).copied()
    }

    /// The verdicts of its rounds, each with how often it was given.
    pub(crate) fn verdicts(&self) -> String {
        let mut counted: Vec<(&str, usize)> = Vec::new();
        for (_, run) in &self.runs {
            let name = verdict(run);
            match counted.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => counted.push((name, 1)),
            }
        }
        let words: Vec<String> = match &counted[..] {
            [(name, _)] => vec![(*name).to_owned()],
            several => several.iter().map(|(name, count)| format!("{name} × {count}")).collect(),
        };
        if words.is_empty() { absent() } else { words.join(", ") }
    }
}

/// The verdict in a word.
fn verdict(summary: &Summary) -> &'static str {
    match &summary.verdict {
        _ if !summary.complete => "INTERRUPTED",
        Some(verdict) => verdict.verdict.name(),
        None => "not judged",
    }
}

/// Median, and least and greatest when there is more than one.
fn spread(figures: Option<Spread>, shown: impl Fn(f64) -> String) -> String {
    match figures {
        None => absent(),
        Some(Spread { median, count: 1, .. }) => shown(median),
        Some(Spread { median, least, greatest, .. }) => {
            format!("{} ({} to {})", shown(median), shown(least), shown(greatest))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fixture::{TestDirectory, literal, overloaded};

    pub(crate) fn run(cpu_seconds: f64, p99: f64) -> Summary {
        let mut summary = literal();
        summary.cpu.broker_seconds = Some(cpu_seconds);
        summary.latency.delivery.from_due.p99 = Some(p99);
        summary.memory.broker_bytes = Some(26_800_000);
        summary
    }

    /// Two rounds of one broker, one of another, none of a third.
    pub(crate) fn rounds() -> Rounds {
        let side = |name: &str, runs| Side {
            name: name.to_owned(),
            about: format!("{name} of the test"),
            version: if name == "other" { "2.0".to_owned() } else { String::new() },
            runs,
        };
        Rounds {
            schema: ROUNDS_SCHEMA.to_owned(),
            load: "--clients 5000".to_owned(),
            command: "loadgen compare kelvin other -- --clients 5000".to_owned(),
            sides: vec![
                side("kelvin", vec![(1, run(10.0, 20_000.0)), (2, run(20.0, 40_000.0))]),
                side("other", vec![(2, run(60.0, 400_000.0))]),
                side("absent | one", Vec::new()),
            ],
            failures: vec![RoundFailure {
                broker: "absent | one".to_owned(),
                round: 1,
                reason: "it is not installed".to_owned(),
            }],
        }
    }

    #[test]
    fn ratios_are_formed_within_a_round() {
        let text = rounds().markdown();
        let row = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(&format!("| {name}"))).unwrap();
            line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
        };
        let titles = row("broker");
        let cell = |name: &str, title: &str| {
            row(name)[titles.iter().position(|other| other == title).unwrap()].clone()
        };
        // 60 s against the 20 s of the same round, not against the median.
        assert_eq!(cell("other", "CPU ratio"), "3.00 x");
        assert_eq!(cell("other", "p99 ratio"), "10 x");
        assert_eq!(cell("kelvin", "CPU ratio"), "-");
        assert_eq!(cell("kelvin", "p99"), "30.0 ms (20.0 ms to 40.0 ms)");
        assert_eq!(cell("other", "p99"), "400 ms");
        assert_eq!(cell("kelvin", "broker memory"), "26.8 MB (26.8 MB to 26.8 MB)");
    }

    #[test]
    fn what_failed_is_in_the_table_and_below_it() {
        let text = rounds().markdown();
        assert!(text.contains("\n| absent \\| one "), "{text}");
        assert!(text.contains("- absent | one in round 1: it is not installed\n"), "{text}");
        assert!(text.contains("- other: other of the test (2.0)\n"), "{text}");
    }

    #[test]
    fn loss_of_all_rounds_adds_up() {
        let mut rounds = rounds();
        rounds.sides[1].runs = vec![(1, overloaded()), (2, overloaded())];
        let lost = 2 * overloaded().counts.lost;
        assert!(rounds.markdown().contains(&count(lost)), "{}", rounds.markdown());
    }

    #[test]
    fn the_files_read_back() {
        let directory = TestDirectory::new();
        rounds().write(directory.path()).unwrap();
        let text = fs::read_to_string(directory.path().join(ROUNDS_FILE)).unwrap();
        assert_eq!(serde_json::from_str::<Rounds>(&text).unwrap(), rounds());
        let table = fs::read_to_string(directory.path().join(ROUNDS_TABLE_FILE)).unwrap();
        assert_eq!(table, rounds().markdown());
    }
}
