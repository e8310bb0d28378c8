//! Whether something got slower, told apart from noise: pure, from figures to verdicts.
//!
//! ```text
//! random    seeded numbers
//! interval  confidence sequence of a median ratio; bootstrap
//! sprt      the sequential test on signs
//! duet      pairs, controls and verdict of two brokers on one core
//! ```

mod duet;
mod interval;
mod random;
mod sprt;

pub use duet::{DUET_SCHEMA, DuetLoad, DuetReport, Pair, PairSeries, SideCost};
pub use interval::{RatioInterval, median, median_ratio, median_sequence};
pub use sprt::{Change, Rule, SignTest};
