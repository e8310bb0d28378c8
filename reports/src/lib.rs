//! What a run leaves behind: the schema and the writers of its files, and the tables made from them.
//!
//! A run fills a [`Summary`], a list of [`TimelineRow`], one histogram of the whole measured part and one
//! [`IntervalHistogram`] per second; [`RunDirectory`] turns them into files, [`render_text`] into what a
//! person reads at the end. Histograms hold nanoseconds everywhere; each file says which unit it shows.

pub mod arguments;
mod benches;
mod ceiling;
mod comparison;
mod connecting;
mod error;
mod exceptions;
#[cfg(test)]
mod fixture;
mod hgrm;
mod hlog;
pub mod junit;
mod machine;
mod markdown;
mod merge;
mod page;
mod paste;
mod percentiles;
mod read;
pub mod regress;
mod rounds;
mod run;
mod run_directory;
mod schema;
mod search;
pub mod slo;
mod table;
mod text;
mod timeline;
mod units;

pub use benches::{Bench, Estimate, Throughput, read_benches};
pub use ceiling::Ceiling;
pub use comparison::render_comparison;
pub use connecting::{Connecting, Opened};
pub use error::{ReadError, WriteError};
pub use hgrm::write_hgrm;
pub use hlog::{FROM_SEND_TAG, IntervalError, IntervalHistogram, write_hlog};
pub use merge::{MergeError, merge};
pub use page::{render_html, render_html_comparison, render_trend};
pub use paste::render_markdown;
pub use rounds::{
    ROUNDS_CSV_FILE, ROUNDS_FILE, ROUNDS_SCHEMA, ROUNDS_TABLE_FILE, RoundFailure, Rounds, Side,
};
pub use run::{Interval, Run};
pub use run_directory::{
    DISTRIBUTION_FILE, INTERVALS_FILE, LEGS_FILE, MARKDOWN_FILE, Measured, PAGE_FILE, RunDirectory,
    SUMMARY_FILE, TIMELINE_FILE, rfc3339, write_summary,
};
pub use schema::{
    BrokerUse, Config, Contract, Counts, Cpu, Delivery, Finding, Generator, Judgement, Latency,
    Legs, Machine, Memory, Percentiles, Reason, SCHEMA, Summary, ThresholdResult, Verdict,
};
pub use search::{Answer, KNEE_FILE, SEARCH_FILE, SEARCH_SCHEMA, Search, SearchPhase, Trial};
pub use table::render_table;
pub use text::{headline, render_text};
pub use timeline::{Phase, TimelineRow, write_timeline};
