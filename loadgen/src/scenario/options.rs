//! What is asked of a run beside its load.

use std::net::IpAddr;
use std::path::PathBuf;

use reports::slo::Threshold;

use crate::cli::Cli;

/// What is asked of a run beside its load.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// What must hold.
    pub thresholds: Vec<Threshold>,
    /// Where JUnit XML goes.
    pub junit: Option<PathBuf>,
    /// The broker's process, when the user knows better.
    pub broker_pid: Option<u32>,
    /// Source addresses of the connections; empty when the system chooses.
    pub source_addresses: Vec<IpAddr>,
    /// Whether only the plan is printed.
    pub dry_run: bool,
    /// Whether nothing is printed at the end.
    pub silent: bool,
}

impl RunOptions {
    pub(super) fn new(cli: &Cli) -> Self {
        Self {
            thresholds: cli.judgement.threshold.clone(),
            junit: cli.judgement.junit.clone(),
            broker_pid: cli.broker.broker_pid,
            source_addresses: cli.clients.ifaddr.clone(),
            dry_run: cli.output.dry_run,
            silent: false,
        }
    }
}
