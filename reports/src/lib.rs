//! What a run leaves behind: the schema and the writers of its files, and the tables made from them.
//!
//! A run fills a [`Summary`], a list of [`TimelineRow`], one histogram of the whole measured part and one
//! [`IntervalHistogram`] per second; [`RunDirectory`] turns them into files, [`render_text`] into what a
//! person reads at the end. Histograms hold nanoseconds everywhere; each file says which unit it shows.

mod machine;
mod percentiles;
mod schema;
pub use schema::{
    Config, Counts, Cpu, Delivery, Latency, Machine, Memory, Percentiles, SCHEMA, Summary,
};
