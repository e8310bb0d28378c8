//! Reads what criterion measured, from the files that it keeps under `target/criterion`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ReadError;
use crate::read::read_json;
use crate::units::float;

/// Levels of directories: group, function, value, and the measurement in `new`.
const DEPTH_MAX: usize = 4;

/// Directories and files that are looked at; a thousand benches make some fifteen thousand.
const ENTRIES_MAX: usize = 100_000;

/// One benchmark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bench {
    /// Name of its group.
    pub group: String,
    /// Name of the function, where it has one.
    pub function: Option<String>,
    /// The parameter, where it has one.
    pub value: Option<String>,
    /// Median time of one iteration.
    pub median: Interval,
    /// What one iteration processes, per second of median time; where the bench says it.
    pub throughput: Option<Throughput>,
}

/// An estimate with its confidence interval, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The estimate.
    pub estimate_ns: f64,
    /// Lower end of the interval.
    pub lower_ns: f64,
    /// Upper end of the interval.
    pub upper_ns: f64,
    /// Confidence that the interval holds the median, from 0 to 1.
    pub confidence: f64,
}

/// What a bench processes in a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Throughput {
    /// What is counted: `elements`, `bytes` or `bits`.
    pub unit: &'static str,
    /// How many in a second.
    pub per_second: f64,
}

/// Reads every measurement under criterion's directory, sorted by group, function and value.
///
/// # Errors
/// [`ReadError`] when the directory is absent, holds no measurement, or a file in it cannot be read.
pub fn read_benches(directory: &Path) -> Result<Vec<Bench>, ReadError> {
    let mut benches = Vec::new();
    for measurement in measurements(directory)? {
        benches.push(read_bench(&measurement)?);
    }
    if benches.is_empty() {
        return Err(ReadError::NoBenches {
            path: directory.to_owned(),
        });
    }
    benches.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    Ok(benches)
}

/// The parameter as a number where it is one, so that 1000 comes after 20.
fn sort_key(bench: &Bench) -> (&str, Option<&str>, Option<u64>, Option<&str>) {
    let value = bench.value.as_deref();
    (
        &bench.group,
        bench.function.as_deref(),
        value.and_then(|text| text.parse().ok()),
        value,
    )
}

/// The directories `new` that hold a finished measurement.
fn measurements(root: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let mut found = Vec::new();
    let mut seen = 0;
    let mut pending = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = pending.pop() {
        for path in entries(&directory, root)? {
            seen += 1;
            if seen > ENTRIES_MAX {
                return Err(ReadError::NotCriterion {
                    path: root.to_owned(),
                    limit: ENTRIES_MAX,
                });
            }
            if path.is_symlink() || !path.is_dir() {
                continue;
            }
            if path.ends_with("new") && path.join("estimates.json").is_file() {
                found.push(path);
            } else if depth + 1 < DEPTH_MAX {
                pending.push((path, depth + 1));
            }
        }
    }
    Ok(found)
}

fn entries(directory: &Path, root: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let result: io::Result<Vec<PathBuf>> = fs::read_dir(directory).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    });
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound && directory == root => {
            Err(ReadError::NoBenches {
                path: root.to_owned(),
            })
        }
        other => other.map_err(|source| ReadError::File {
            path: directory.to_owned(),
            source,
        }),
    }
}

fn read_bench(measurement: &Path) -> Result<Bench, ReadError> {
    let Identity {
        group_id,
        function_id,
        value_str,
        throughput,
    } = read_json(&measurement.join("benchmark.json"))?;
    let Estimates { median } = read_json(&measurement.join("estimates.json"))?;
    let Estimate {
        confidence_interval,
        point_estimate,
    } = median;
    Ok(Bench {
        group: group_id,
        function: function_id,
        value: value_str,
        median: Interval {
            estimate_ns: point_estimate,
            lower_ns: confidence_interval.lower_bound,
            upper_ns: confidence_interval.upper_bound,
            confidence: confidence_interval.confidence_level,
        },
        throughput: throughput.map(|amount| amount.over(point_estimate)),
    })
}

/// `benchmark.json`, as far as it is used.
#[derive(Deserialize)]
struct Identity {
    group_id: String,
    function_id: Option<String>,
    value_str: Option<String>,
    throughput: Option<Amount>,
}

/// What one iteration processes, as criterion writes it.
#[derive(Deserialize)]
enum Amount {
    Bits(u64),
    Bytes(u64),
    BytesDecimal(u64),
    Elements(u64),
    ElementsAndBytes { elements: u64 },
}

impl Amount {
    fn over(&self, nanoseconds: f64) -> Throughput {
        let (amount, unit) = match *self {
            Self::Bits(amount) => (amount, "bits"),
            Self::Bytes(amount) | Self::BytesDecimal(amount) => (amount, "bytes"),
            Self::Elements(amount) | Self::ElementsAndBytes { elements: amount } => {
                (amount, "elements")
            }
        };
        Throughput {
            unit,
            per_second: float(amount) * 1e9 / nanoseconds,
        }
    }
}

/// `estimates.json`, as far as it is used. Times are nanoseconds.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    confidence_interval: ConfidenceInterval,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct ConfidenceInterval {
    confidence_level: f64,
    lower_bound: f64,
    upper_bound: f64,
}
