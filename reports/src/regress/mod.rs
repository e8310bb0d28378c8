//! Whether something got slower, told apart from noise: pure, from figures to verdicts.
//!
//! ```text
//! random    seeded numbers
//! interval  confidence sequence of a median ratio; bootstrap
//! sprt      the sequential test on signs
//! duet      pairs, controls and verdict of two brokers on one core
//! saved     saved runs against saved runs
//! trend     history, and where a level changed
//! ```

mod duet;
mod interval;
mod random;
mod saved;
mod sprt;
mod trend;

pub use duet::{DUET_SCHEMA, DuetLoad, DuetReport, Pair, PairSeries, SideCost};
pub use interval::{RatioInterval, median, median_ratio, median_sequence};
pub use saved::{RUNS_MIN, SAVED_SCHEMA, SavedMetric, SavedReport, compare_saved};
pub use sprt::{Change, Rule, SignTest};
pub use trend::{ChangePoint, History, HistoryRow, TrendError, change_points, read_figures};
