//! History of figures, and where their level changed.
//!
//! E-divisive (Matteson and James: A Nonparametric Approach for Multiple Change Point Analysis, 2014; what Hunter,
//! now Apache Otava, builds on): the split of greatest energy distance, believed when a permutation test says so, then
//! the same in both parts. No distribution is assumed. A creep shows as changes of level along the way.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::interval::median;
use super::random::Random;

/// Points on each side of a change at least.
const SEGMENT_MIN: usize = 3;

/// Rows that are looked at, the last ones: the work grows with their square.
const ROWS_MAX: usize = 300;

/// Permutations of a test, and how many may be as extreme by luck: p is 0.001 at most.
const PERMUTATIONS: u32 = 1_999;
const EXTREME_MAX: u32 = 1;

/// What comes before the figures of a row.
const KEYS: [&str; 3] = ["commit", "date", "machine"];

/// Why a history could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrendError {
    /// A file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is no table.
    #[error("{}: {reason}", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// One commit on one machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryRow {
    /// The commit.
    pub commit: String,
    /// When, RFC 3339.
    pub date: String,
    /// Where.
    pub machine: String,
    /// One for each metric of the history; absent where it was not measured.
    pub values: Vec<Option<f64>>,
}

/// A table of figures over commits: `commit,date,machine`, then a column for each metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Names of the metrics.
    pub metrics: Vec<String>,
    /// Oldest first.
    pub rows: Vec<HistoryRow>,
}

/// A place where the level of a metric changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePoint {
    /// The first row of the new level.
    pub row: usize,
    /// Median before.
    pub before: f64,
    /// Median after.
    pub after: f64,
}

impl History {
    /// Reads a history.
    ///
    /// # Errors
    /// [`TrendError`] names the file, and the row where it is no history.
    pub fn read(path: &Path) -> Result<Self, TrendError> {
        let text = fs::read_to_string(path)
            .map_err(|source| TrendError::File { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|reason| TrendError::Form { path: path.to_owned(), reason })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let titles = reader.headers().map_err(|error| error.to_string())?.clone();
        if titles.len() < KEYS.len() || !titles.iter().zip(KEYS).all(|(is, key)| is == key) {
            return Err(format!("a history begins with the columns {}", KEYS.join(",")));
        }
        let metrics = titles.iter().skip(KEYS.len()).map(str::to_owned).collect();
        let row = |record: Result<csv::StringRecord, csv::Error>| {
            let record = record.map_err(|error| error.to_string())?;
            let key = |at: usize| record.get(at).unwrap_or_default().to_owned();
            let values = record.iter().skip(KEYS.len()).map(number).collect::<Result<_, _>>()?;
            Ok(HistoryRow { commit: key(0), date: key(1), machine: key(2), values })
        };
        let rows = reader.records().map(row).collect::<Result<_, String>>()?;
        Ok(Self { metrics, rows })
    }

    /// Appends figures; new metrics get a column that is empty in older rows.
    pub fn append(&mut self, row: HistoryRow, figures: &[(String, f64)]) {
        for (name, _) in figures {
            if !self.metrics.contains(name) {
                self.metrics.push(name.clone());
            }
        }
        let value = |metric: &String| figures.iter().find(|(n, _)| n == metric).map(|(_, v)| *v);
        let values = self.metrics.iter().map(value).collect();
        self.rows.push(HistoryRow { values, ..row });
    }

    /// Writes it whole, beside the old one, and puts it in its place.
    ///
    /// # Errors
    /// [`TrendError::File`].
    pub fn write(&self, path: &Path) -> Result<(), TrendError> {
        let write = |aside: &Path| -> io::Result<()> {
            let file = OpenOptions::new().write(true).create(true).truncate(true).open(aside)?;
            let mut writer = csv::Writer::from_writer(file);
            writer.write_record(KEYS.into_iter().chain(self.metrics.iter().map(String::as_str)))?;
            for row in &self.rows {
                let keys = [&row.commit, &row.date, &row.machine].map(Clone::clone);
                let values = (0..self.metrics.len()).map(|at| {
                    row.values.get(at).copied().flatten().map_or(String::new(), |v| v.to_string())
                });
                writer.write_record(keys.into_iter().chain(values))?;
            }
            writer.flush()?;
            fs::rename(aside, path)
        };
        let aside = path.with_extension("new");
        write(&aside).map_err(|source| TrendError::File { path: path.to_owned(), source })
    }

    /// The figures of a metric with their rows, of one machine and the last 300 only.
    pub fn column(&self, metric: usize, machine: &str) -> Vec<(usize, f64)> {
        let values = self.rows.iter().enumerate().filter(|(_, row)| row.machine == machine);
        let values = values.filter_map(|(at, row)| Some((at, row.values.get(metric).copied()??)));
        let all: Vec<(usize, f64)> = values.collect();
        all.get(all.len().saturating_sub(ROWS_MAX)..).unwrap_or_default().to_vec()
    }

    /// The machines, in the order in which they appear.
    pub fn machines(&self) -> Vec<&str> {
        let mut machines = Vec::new();
        for row in &self.rows {
            if !machines.contains(&row.machine.as_str()) {
                machines.push(row.machine.as_str());
            }
        }
        machines
    }

    /// Where the level of a metric changed on a machine.
    pub fn changes(&self, metric: usize, machine: &str) -> Vec<ChangePoint> {
        let column = self.column(metric, machine);
        let values: Vec<f64> = column.iter().map(|(_, value)| *value).collect();
        let mut changes = change_points(&values, 1);
        for change in &mut changes {
            change.row = column.get(change.row).map_or(change.row, |(row, _)| *row);
        }
        changes
    }
}

fn number(cell: &str) -> Result<Option<f64>, String> {
    match cell.trim() {
        "" => Ok(None),
        text => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(format!("{text} is no number")),
        },
    }
}

/// Figures by name. JSON: an object of numbers. CSV: `name,value`, or a name and several columns, which become
/// `name.column`.
///
/// # Errors
/// [`TrendError`] names the file and what is wrong with it.
pub fn read_figures(path: &Path) -> Result<Vec<(String, f64)>, TrendError> {
    let text = fs::read_to_string(path)
        .map_err(|source| TrendError::File { path: path.to_owned(), source })?;
    parse_figures(&text).map_err(|reason| TrendError::Form { path: path.to_owned(), reason })
}

fn parse_figures(text: &str) -> Result<Vec<(String, f64)>, String> {
    if text.trim_start().starts_with('{') {
        let figures: std::collections::BTreeMap<String, f64> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        return Ok(figures.into_iter().collect());
    }
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let titles = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut figures = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let name = record.get(0).unwrap_or_default();
        for (title, cell) in titles.iter().zip(&record).skip(1) {
            let whole = if titles.len() == 2 { name.to_owned() } else { format!("{name}.{title}") };
            figures.extend(number(cell)?.map(|value| (whole, value)));
        }
    }
    Ok(figures)
}

/// Where the level of a series changes, in order. The same series and seed give the same answer.
pub fn change_points(values: &[f64], seed: u64) -> Vec<ChangePoint> {
    let mut starts = Vec::new();
    split(values, 0, &mut Random::new(seed), &mut starts);
    starts.sort_unstable();
    let level = |from: usize, to: usize| values.get(from..to).and_then(median).unwrap_or(0.0);
    let at = |index: usize| starts.get(index).copied();
    (0..starts.len())
        .filter_map(|index| {
            let row = at(index)?;
            let from = index.checked_sub(1).and_then(at).unwrap_or(0);
            let to = at(index + 1).unwrap_or(values.len());
            Some(ChangePoint { row, before: level(from, row), after: level(row, to) })
        })
        .collect()
}

fn split(values: &[f64], offset: usize, random: &mut Random, starts: &mut Vec<usize>) {
    let Some((place, energy)) = best_split(values) else {
        return;
    };
    // Differences of rounding are no change.
    let scale = values.iter().fold(0.0_f64, |scale, value| scale.max(value.abs()));
    if energy <= 1e-9 * scale {
        return;
    }
    let mut shuffled = values.to_vec();
    let mut extreme = 0;
    for _ in 0..PERMUTATIONS {
        for last in (1..shuffled.len()).rev() {
            shuffled.swap(last, random.below(last + 1));
        }
        extreme += u32::from(best_split(&shuffled).is_some_and(|(_, other)| other >= energy));
        if extreme > EXTREME_MAX {
            return;
        }
    }
    starts.push(offset + place);
    let (left, right) = values.split_at(place);
    split(left, offset, random, starts);
    split(right, offset + place, random, starts);
}

/// The split with the greatest energy, with exponent 1; `None` when the series is too short for two parts.
#[expect(clippy::cast_precision_loss, reason = "some hundreds of points")]
fn best_split(values: &[f64]) -> Option<(usize, f64)> {
    let distance = |of: f64, to: &[f64]| to.iter().map(|other| (of - other).abs()).sum::<f64>();
    let total = values.len();
    // Sums of distances within the left part, within the right part, and between both.
    let (mut left, mut between) = (0.0, 0.0);
    let mut right: f64 = values
        .iter()
        .enumerate()
        .filter_map(|(at, v)| Some(distance(*v, values.get(at + 1..)?)))
        .sum();
    let mut best: Option<(usize, f64)> = None;
    for (at, value) in values.iter().enumerate() {
        let (to_left, to_right) =
            (distance(*value, values.get(..at)?), distance(*value, values.get(at + 1..)?));
        left += to_left;
        right -= to_right;
        between += to_right - to_left;
        let (m, n) = (at + 1, total - at - 1);
        if m < SEGMENT_MIN || n < SEGMENT_MIN {
            continue;
        }
        let (m, n) = (m as f64, n as f64);
        let energy =
            2.0 * between / (m * n) - 2.0 * left / (m * (m - 1.0)) - 2.0 * right / (n * (n - 1.0));
        let energy = energy * m * n / (m + n);
        if best.is_none_or(|(_, other)| energy > other) {
            best = Some((at + 1, energy));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_creep_of_three_thousandths_a_step_is_found() {
        let creep: Vec<f64> =
            std::iter::successors(Some(1e6), |v| Some(v * 1.003)).take(20).collect();
        assert!(!change_points(&creep, 1).is_empty());
        let mut late = vec![1e6; 20];
        late.extend(creep);
        let changes = change_points(&late, 1);
        assert!(changes.first().is_some_and(|c| c.row >= 20 && c.after > c.before), "{changes:?}");
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        let mut random = Random::new(5);
        let noisy: Vec<f64> =
            (0..40).map(|at| if at < 25 { 100.0 } else { 103.0 } + random.unit()).collect();
        let changes = change_points(&noisy, 1);
        assert_eq!(changes.iter().map(|change| change.row).collect::<Vec<_>>(), [25]);
    }

    #[test]
    fn noise_is_no_change() {
        let found: usize = (0..40)
            .map(|seed| {
                let mut random = Random::new(1_000 + seed);
                let noise: Vec<f64> = (0..40)
                    .map(|_| {
                        let u = random.unit();
                        100.0 + 0.5 * (2.0 * u - 1.0) / (2.0 * u * (1.0 - u)).sqrt()
                    })
                    .collect();
                change_points(&noise, seed).len()
            })
            .sum();
        assert_eq!(found, 0);
        assert!(change_points(&[7.0; 60], 1).is_empty());
        assert!(change_points(&[1.0, 2.0], 1).is_empty());
    }

    #[test]
    fn rows_are_appended_and_read_back() {
        let mut history = History::default();
        let row = |commit: &str| HistoryRow {
            commit: commit.to_owned(),
            machine: "m".to_owned(),
            ..HistoryRow::default()
        };
        history.append(row("a"), &parse_figures("name,value\nx,1.5\n").unwrap());
        history.append(
            row("b"),
            &parse_figures("scenario,instructions,allocations\nx,10,\ny,20,0\n").unwrap(),
        );
        history.append(row("c"), &parse_figures("{\"x\": 2}").unwrap());
        assert_eq!(history.metrics, ["x", "x.instructions", "y.instructions", "y.allocations"]);
        let directory = crate::fixture::TestDirectory::new();
        let path = directory.path().join("history.csv");
        history.write(&path).unwrap();
        let read = History::read(&path).unwrap();
        assert_eq!(read.column(0, "m"), [(0, 1.5), (2, 2.0)]);
        assert_eq!(read.column(2, "m"), [(1, 20.0)]);
        assert!(History::parse("a,b\n").is_err() && parse_figures("n,v\nx,many\n").is_err());
    }
}
