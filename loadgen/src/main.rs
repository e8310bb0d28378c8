//! The load generator.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Parser;
use loadgen::cli::Cli;
use loadgen::run::{Outcome, RunError, run};
use loadgen::scenario::Scenario;
use loadgen::secrets::redacted;
use loadgen::signals::{INTERRUPTED, interrupt};

/// Fewer page faults and less locking than the system's with thousands of small objects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The allocator as reports name it: the crate, and the C sources that its feature `v2` chooses.
const ALLOCATOR_NAME: &str = "mimalloc 0.1.52 (v2)";

/// The run could not be carried out.
const FAILED: u8 = 3;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let scenario = match Scenario::resolve(&cli, command_line()) {
        Ok(scenario) => scenario,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(2);
        }
    };
    match carry_out(scenario, cli.output.prometheus) {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            complain(&error.to_string());
            match error.downcast_ref() {
                Some(RunError::Interrupted) => ExitCode::from(INTERRUPTED),
                _ => ExitCode::from(FAILED),
            }
        }
    }
}

fn carry_out(scenario: Scenario, prometheus: Option<SocketAddr>) -> Result<Outcome> {
    let interrupt = interrupt().map_err(|error| anyhow!("signals cannot be watched: {error}"))?;
    Ok(run(scenario, ALLOCATOR_NAME, prometheus, interrupt)?)
}

fn command_line() -> String {
    // The path of the binary says nothing about the run.
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    redacted(std::iter::once("loadgen".to_owned()).chain(words)).join(" ")
}

#[expect(clippy::print_stderr, reason = "the one line that says why there is no result")]
fn complain(message: &str) {
    eprintln!("error: {message}");
}
