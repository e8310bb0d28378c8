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
    pub median: Estimate,
    /// What one iteration processes, per second of median time; where the bench says it.
    pub throughput: Option<Throughput>,
}

/// An estimate with its confidence interval, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate.
    pub point_ns: f64,
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
        return Err(ReadError::NoBenches { path: directory.to_owned() });
    }
    benches.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    Ok(benches)
}

/// The parameter as a number where it is one, so that 1000 comes after 20.
fn sort_key(bench: &Bench) -> (&str, Option<&str>, Option<u64>, Option<&str>) {
    let value = bench.value.as_deref();
    (&bench.group, bench.function.as_deref(), value.and_then(|text| text.parse().ok()), value)
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
                return Err(ReadError::NotCriterion { path: root.to_owned(), limit: ENTRIES_MAX });
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
    let result: io::Result<Vec<PathBuf>> = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound && directory == root => {
            Err(ReadError::NoBenches { path: root.to_owned() })
        }
        other => other.map_err(|source| ReadError::File { path: directory.to_owned(), source }),
    }
}

fn read_bench(measurement: &Path) -> Result<Bench, ReadError> {
    let Identity { group_id, function_id, value_str, throughput } =
        read_json(&measurement.join("benchmark.json"))?;
    let Estimates { median } = read_json(&measurement.join("estimates.json"))?;
    let Median { confidence_interval, point_estimate } = median;
    Ok(Bench {
        group: group_id,
        function: function_id,
        value: value_str,
        median: Estimate {
            point_ns: point_estimate,
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
        Throughput { unit, per_second: float(amount) * 1e9 / nanoseconds }
    }
}

/// `estimates.json`, as far as it is used. Times are nanoseconds.
#[derive(Deserialize)]
struct Estimates {
    median: Median,
}

#[derive(Deserialize)]
struct Median {
    confidence_interval: ConfidenceInterval,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct ConfidenceInterval {
    confidence_level: f64,
    lower_bound: f64,
    upper_bound: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::TestDirectory;

    /// Writes the two files that criterion 0.8 leaves of a bench, without what is not read.
    fn measured(root: &Path, directory: &str, identity: &str, median: f64) {
        let new = root.join(directory).join("new");
        fs::create_dir_all(&new).unwrap();
        fs::write(new.join("benchmark.json"), identity).unwrap();
        let (lower, upper) = (median * 0.9, median * 1.1);
        let estimate = format!(
            r#"{{"confidence_interval": {{"confidence_level": 0.95, "lower_bound": {lower},
                "upper_bound": {upper}}}, "point_estimate": {median}, "standard_error": 0.1}}"#
        );
        let text = format!(r#"{{"mean": {estimate}, "median": {estimate}, "slope": null}}"#);
        fs::write(new.join("estimates.json"), text).unwrap();
    }

    fn identity(group: &str, function: &str, value: &str, throughput: &str) -> String {
        format!(
            r#"{{"group_id": "{group}", "function_id": {function}, "value_str": {value},
                "throughput": {throughput}, "title": "not read"}}"#
        )
    }

    #[test]
    fn measurements_are_found_at_each_depth_and_sorted() {
        let root = TestDirectory::new();
        let root = root.path();
        let of = |function, value, throughput| identity("topic", function, value, throughput);
        let elements = r#"{"Elements": 2}"#;
        let both = r#"{"ElementsAndBytes": {"elements": 3, "bytes": 9}}"#;
        measured(root, "topic/exact/1000", &of("\"exact\"", "\"1000\"", elements), 40.0);
        measured(root, "topic/exact/20", &of("\"exact\"", "\"20\"", both), 30.0);
        measured(root, "topic/plus", &of("\"plus\"", "null", r#"{"BytesDecimal": 5}"#), 50.0);
        measured(root, "alone", &identity("alone", "null", "null", "null"), 1.5);
        // What criterion also leaves, and an unfinished measurement.
        fs::create_dir_all(root.join("report")).unwrap();
        fs::create_dir_all(root.join("topic/exact/20/base")).unwrap();
        fs::create_dir_all(root.join("topic/unfinished/new")).unwrap();

        let benches = read_benches(root).unwrap();
        let seen: Vec<_> = benches
            .iter()
            .map(|b| (b.group.as_str(), b.function.as_deref(), b.value.as_deref()))
            .collect();
        assert_eq!(
            seen,
            [
                ("alone", None, None),
                ("topic", Some("exact"), Some("20")),
                ("topic", Some("exact"), Some("1000")),
                ("topic", Some("plus"), None),
            ]
        );
        let throughputs: Vec<_> = benches.iter().map(|b| b.throughput).collect();
        let of = |unit, per_second| Some(Throughput { unit, per_second });
        assert_eq!(throughputs, [None, of("elements", 1e8), of("elements", 5e7), of("bytes", 1e8)]);
        let Estimate { point_ns, lower_ns, upper_ns, confidence } = benches[0].median;
        assert!((point_ns - 1.5).abs() < 1e-9 && (confidence - 0.95).abs() < 1e-9);
        assert!(lower_ns < point_ns && point_ns < upper_ns);
    }

    #[test]
    fn a_directory_without_measurements_says_what_to_do() {
        let root = TestDirectory::new();
        for path in [root.path().to_owned(), root.path().join("absent")] {
            let error = read_benches(&path).unwrap_err();
            assert!(matches!(error, ReadError::NoBenches { .. }), "{error}");
            assert!(error.to_string().contains("cargo bench"), "{error}");
        }
    }

    #[test]
    fn a_damaged_file_is_named() {
        let root = TestDirectory::new();
        measured(root.path(), "alone", "{}", 1.0);
        let error = read_benches(root.path()).unwrap_err();
        assert!(matches!(error, ReadError::Json { .. }), "{error}");
        assert!(error.to_string().contains("alone/new/benchmark.json"), "{error}");
    }
}
