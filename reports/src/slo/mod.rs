//! Conditions on what a run measured: `delivery:p(99)<50ms`, `lost==0`.
//!
//! The syntax is k6's where it has one. docs/measuring.md teaches it.

mod error;
mod judge;
mod junit;
mod metric;
mod parse;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use error::ThresholdError;
pub use judge::Observed;
pub use junit::write_junit;
pub use metric::LATENCIES;

use metric::Counter;

/// A condition on one figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    metric: Metric,
    operator: Operator,
    /// In the unit of the metric: microseconds, a count, a rate per second, a share from 0 to 1.
    limit: f64,
    abort: Option<Duration>,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
enum Metric {
    /// A latency, by its name in [`LATENCIES`].
    Latency(&'static str, Statistic),
    Counter(&'static Counter, Reading),
}

/// What is taken of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Statistic {
    Average,
    Least,
    Greatest,
    /// A percentile, as a share from 0 to 1.
    Quantile(f64),
    /// Samples.
    Count,
}

/// How a counter is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Count,
    /// For each second of the measured part.
    Rate,
    /// Of what the counter is a part of.
    Share,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Threshold {
    /// After which time of the measured part the run ends as soon as the threshold does not hold; `None`
    /// when it is judged at the end.
    pub fn aborts_after(&self) -> Option<Duration> {
        self.abort
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The unit of its figures: `us`, `/s`, or empty for a count or a share.
    pub fn unit(&self) -> &'static str {
        match self.metric {
            Metric::Latency(_, Statistic::Count)
            | Metric::Counter(_, Reading::Count | Reading::Share) => "",
            Metric::Latency(..) => "us",
            Metric::Counter(_, Reading::Rate) => "/s",
        }
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        parse::threshold(text)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
