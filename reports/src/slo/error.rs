//! Why a text is no threshold.

/// Why a text is no threshold. One line that says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdError {
    /// There is no operator in it.
    #[error("there is no comparison in it; write for example delivery:p(99)<50ms or lost==0")]
    NoOperator,
    /// Nothing is measured under this name.
    #[error(
        "nothing is measured under the name `{name}`; did you mean `{nearest}`? Known are {known}"
    )]
    Metric {
        /// The name.
        name: String,
        /// The most similar one.
        nearest: String,
        /// All of them.
        known: String,
    },
    /// A latency without what to take of it.
    #[error("say what of `{0}` is compared: {0}:p(99), or med, avg, min, max, count")]
    NoStatistic(&'static str),
    /// What is to be taken of a metric is unknown.
    #[error("`{method}` cannot be taken of `{metric}`; {possible} can")]
    Method {
        /// What was to be taken.
        method: String,
        /// Of what.
        metric: &'static str,
        /// What can be.
        possible: &'static str,
    },
    /// A percentile outside 0 to 100.
    #[error("`{0}` is no percentile: write p(N) with N from 0 to 100, as in p(99.9)")]
    Percentile(String),
    /// A value that is no number.
    #[error("`{0}` is no number with a unit")]
    Number(String),
    /// A unit that does not fit the metric.
    #[error("`{unit}` is no unit here; {possible}")]
    Unit {
        /// The unit.
        unit: String,
        /// Those that fit.
        possible: &'static str,
    },
    /// A counter that is no part of anything.
    #[error("`{0}` is no part of anything, so that it has no share; compare its count or its rate")]
    NoWhole(&'static str),
    /// Something after the comma that is not `abort`.
    #[error(
        "`{0}` cannot follow a comparison; `abort` can, or `abort=10s` to wait for ten seconds first"
    )]
    Option(String),
    /// A figure that is known at the end only.
    #[error("`{0}` is known at the end only; `abort` needs delivery, send_lag or a counter")]
    KnownAtEnd(&'static str),
}
