//! Why a file of a run could not be written or read.

use std::io;
use std::path::PathBuf;

/// Why a run's files could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The directory of the run, or the one above it, could not be made.
    #[error("cannot make the directory {}: {source}", path.display())]
    CreateDirectory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Every name that a run of this second may have is taken.
    #[error("{} and its {tried} numbered names are all taken: choose another name or directory", path.display())]
    NamesTaken {
        /// The first name tried.
        path: PathBuf,
        /// Numbered names tried after it.
        tried: u32,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The files are there, and the reports could not be made from them.
    #[error("the run is written, but no report could be made of it: {0}")]
    Report(#[from] ReadError),
}

/// Why a record of a run or of a bench could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or directory could not be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is larger than any that is written here.
    #[error("{} is larger than {limit_bytes} bytes: it is not a record of a run or bench", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is read at most.
        limit_bytes: u64,
    },
    /// A file is not the JSON that it should be.
    #[error("{} is not the JSON expected there: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        source: serde_json::Error,
    },
    /// A timeline is not the table that it should be.
    #[error("{} is not the table expected there: {source}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        source: csv::Error,
    },
    /// A file of histograms is no log of HdrHistogram.
    #[error("{} is no log of histograms: {reason}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// A summary is of a schema that this version does not know.
    #[error(
        "{} has the schema `{found}`, and this version reads `{expected}`: read it with the version \
         that wrote it", path.display()
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: String,
        /// The one that is known.
        expected: &'static str,
    },
    /// A directory holds no measurements of criterion.
    #[error("no measurements of criterion under {}: run `cargo bench` first, or name its directory", path.display())]
    NoBenches {
        /// The directory.
        path: PathBuf,
    },
    /// A directory is nested deeper, or holds more, than criterion writes.
    #[error("{} is no directory of criterion: it holds more than {limit} entries or levels", path.display())]
    NotCriterion {
        /// The directory.
        path: PathBuf,
        /// The bound that was hit.
        limit: usize,
    },
}
