//! Why runs do not add up.

use crate::{ReadError, WriteError};

/// Why runs could not be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Less than two.
    #[error("merging needs at least two runs")]
    TooFew,
    /// The runs did not do the same.
    #[error(
        "{first} and {other} cannot be added up: {what} is {first_value} in one and {other_value} in the other"
    )]
    Differs {
        /// Name of the first run.
        first: String,
        /// Name of the run that differs.
        other: String,
        /// What differs.
        what: &'static str,
        /// Its value in the first.
        first_value: String,
        /// Its value in the other.
        other_value: String,
    },
    /// Embedded brokers are as many as runs.
    #[error(
        "{name} ran against a broker of its own, the embedded one: only runs against one broker add up"
    )]
    Embedded {
        /// Name of the run.
        name: String,
    },
    /// A run has no histogram of a leg.
    #[error(
        "{name} has no histogram of the leg `{leg}` that can be read: run it again with this version"
    )]
    Leg {
        /// Name of the run.
        name: String,
        /// Name of the leg.
        leg: &'static str,
    },
    /// Counts beyond what a histogram holds.
    #[error("the histograms of {name} do not add up with the others")]
    Sum {
        /// Name of the run.
        name: String,
    },
    /// The start of a run is no time.
    #[error("{name} began at `{started}`, which is no time")]
    Started {
        /// Name of the run.
        name: String,
        /// What stands in its summary.
        started: String,
    },
    /// A run could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The merged run could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
