//! What the operating system grants and what it has spent: descriptors, CPU time, memory.

mod limits;
mod process;
mod usage;

pub(crate) use limits::{LimitError, raise_open_files};
pub(crate) use process::listening_process;
pub(crate) use usage::{BrokerProcess, Usage, peak_bytes, resident_bytes};
