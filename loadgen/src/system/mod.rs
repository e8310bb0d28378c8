//! What the operating system grants and what it has spent: descriptors, CPU time, memory.

mod broker_use;
mod limits;
mod process;
mod threads;
mod usage;

pub(crate) use broker_use::BrokerSample;
pub(crate) use limits::{LimitError, descriptors, raise_open_files};
pub(crate) use process::listening_process;
pub(crate) use threads::{ThreadTime, own_threads};
pub(crate) use usage::{BrokerProcess, Usage, peak_bytes, resident_bytes};
