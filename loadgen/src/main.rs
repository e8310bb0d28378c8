//! The load generator.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Parser;
use loadgen::cli::{Cli, Command, ScenariosAction};
use loadgen::run::{Outcome, RunError, run};
use loadgen::scenario::{Scenario, list, shipped};
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
    if let Some(command) = &cli.command {
        return instead(command);
    }
    let scenario = match Scenario::resolve(&cli, command_line()) {
        Ok(scenario) => scenario,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(2);
        }
    };
    match carry_out(scenario) {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            complain(&error.to_string());
            match error.downcast_ref() {
                Some(RunError::Interrupted) => ExitCode::from(INTERRUPTED),
                Some(RunError::Plan(_)) => ExitCode::from(2),
                _ => ExitCode::from(FAILED),
            }
        }
    }
}

/// What is not a run.
fn instead(command: &Command) -> ExitCode {
    let Command::Scenarios { action } = command;
    let text = match action {
        None => Ok(list()),
        Some(ScenariosAction::Show { name }) => shipped(name).map(|found| found.text.to_owned()),
    };
    match text {
        Ok(text) => match io::stdout().write_all(text.as_bytes()) {
            // A reader that went away has read enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                complain(&format!("it cannot be printed: {error}"));
                ExitCode::from(FAILED)
            }
            _ => ExitCode::SUCCESS,
        },
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(2)
        }
    }
}

fn carry_out(scenario: Scenario) -> Result<Outcome> {
    let interrupt = interrupt().map_err(|error| anyhow!("signals cannot be watched: {error}"))?;
    Ok(run(scenario, ALLOCATOR_NAME, interrupt)?)
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
