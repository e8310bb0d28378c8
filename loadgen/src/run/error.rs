//! Why a run could not be carried out.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use reports::WriteError;

use super::target::TargetError;
use crate::preflight::PreflightError;
use crate::scenario::PlanError;
use crate::system::LimitError;
use crate::units::grouped;
use crate::worker::{ConnectError, WorkerError};

/// Why a run could not be carried out. One line for the user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Too many clients for the limit of open files.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The plan cannot work.
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    /// The broker could not be started or found.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// What the groups do does not go together.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The main thread has no runtime.
    #[error("the generator could not be started: {0}")]
    Start(#[source] io::Error),
    /// Metrics cannot be served.
    #[error("metrics cannot be served at {address}: {source}; name another --prometheus address")]
    Prometheus {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// A worker could not go on.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A connection could not be opened.
    #[error("{source}{}", connected(*.opened, *.clients))]
    Connect {
        /// Connections that were opened before.
        opened: u64,
        /// Clients of the run.
        clients: u64,
        /// Why the first one failed.
        source: ConnectError,
    },
    /// Connections ended before the load began.
    #[error("{count} of {clients} connections ended before the load began; the first: {reason}")]
    Lost {
        /// How many.
        count: u64,
        /// Clients of the run.
        clients: u64,
        /// Why the first one ended.
        reason: String,
    },
    /// Not everybody was connected or subscribed in time.
    #[error(
        "only {done} of {all} clients were {what} within {seconds} s; is the broker overloaded?"
    )]
    Deadline {
        /// `connected` or `subscribed`.
        what: &'static str,
        /// How many were.
        done: u64,
        /// How many should have been.
        all: u64,
        /// How long was waited.
        seconds: u64,
    },
    /// All connections ended during the load.
    #[error("every connection ended during the run{}; what was measured until then is in {}",
        .reason.as_ref().map_or(String::new(), |reason| format!(" (the first: {reason})")),
        .path.display())]
    AllGone {
        /// Why the first one ended.
        reason: Option<String>,
        /// Where the files are.
        path: PathBuf,
    },
    /// The run was interrupted before the load began, so there is nothing to write.
    #[error("interrupted before the load began: nothing was measured")]
    Interrupted,
    /// The files could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The summary could not be printed.
    #[error("the summary cannot be printed: {0}")]
    Print(#[source] io::Error),
}

fn connected(opened: u64, clients: u64) -> String {
    match opened {
        0 => String::new(),
        _ => format!(" ({} of {} clients were connected)", grouped(opened), grouped(clients)),
    }
}
