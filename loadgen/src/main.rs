//! The load generator.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Parser;
use loadgen::calibrate::calibrate;
use loadgen::cli::{
    CalibrateArgs, Cli, Command, CompareArgs, DuetArgs, ScenariosAction, SearchArgs,
};
use loadgen::compare::{self, CompareError, Compared};
use loadgen::duet::{self, DuetError};
use loadgen::run::{Outcome, RunError, dry_run, run};
use loadgen::scenario::{Scenario, list, shipped};
use loadgen::search::{self, SearchError};
use loadgen::secrets::command_line;
use loadgen::signals::{INTERRUPTED, interrupt};
use reports::Answer;
use reports::arguments::MergeArgs;
use tokio::sync::watch;

/// Fewer page faults and less locking than the system's with thousands of small objects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The allocator as reports name it: the crate, and the C sources that its feature `v2` chooses.
const ALLOCATOR_NAME: &str = "mimalloc 0.1.52 (v2)";

/// What was typed makes no sense.
const USAGE: u8 = 2;

/// The generator was the limit: what was measured is itself.
const GENERATOR_LIMITED: u8 = 4;

/// A threshold failed, as k6 has it.
const THRESHOLD_FAILED: u8 = 99;

/// The run could not be carried out.
const FAILED: u8 = 3;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        Some(Command::Calibrate(arguments)) => return ended(calibration(arguments)),
        Some(Command::Compare(arguments)) => return compare(arguments),
        Some(Command::Merge { arguments, .. }) => return merge(arguments),
        Some(Command::Duet(arguments)) => return duet(arguments),
        Some(Command::Search(arguments)) => return search(arguments),
        Some(Command::Scenarios { action }) => return scenarios(action.as_ref()),
        None => {}
    }
    let scenario = match Scenario::resolve(&cli, own_command()) {
        Ok(scenario) => scenario,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(USAGE);
        }
    };
    if scenario.options.dry_run {
        return ended(dry_run(&scenario).map(|()| Outcome::Complete).map_err(Into::into));
    }
    ended(carry_out(scenario, cli.output.prometheus))
}

fn ended(outcome: Result<Outcome>) -> ExitCode {
    match outcome {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::ThresholdFailed) => ExitCode::from(THRESHOLD_FAILED),
        Ok(Outcome::GeneratorLimited) => ExitCode::from(GENERATOR_LIMITED),
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

fn scenarios(action: Option<&ScenariosAction>) -> ExitCode {
    let text = match action {
        None => Ok(list()),
        Some(ScenariosAction::Show { name }) => shipped(name).map(|found| found.text.to_owned()),
    };
    match text {
        Ok(text) => print(&text),
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(USAGE)
        }
    }
}

fn merge(arguments: &MergeArgs) -> ExitCode {
    match arguments.carry_out() {
        Ok(directory) => print(&format!("{}\n", directory.path().display())),
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(FAILED)
        }
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        // A reader that went away has read enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("it cannot be printed: {error}"));
            ExitCode::from(FAILED)
        }
        _ => ExitCode::SUCCESS,
    }
}

fn compare(args: &CompareArgs) -> ExitCode {
    let compared = if args.list {
        compare::list().map(|()| Compared::Complete).map_err(anyhow::Error::from)
    } else {
        watched().and_then(|interrupt| Ok(compare::compare(args, own_command(), &interrupt)?))
    };
    match compared {
        Ok(Compared::Complete) => ExitCode::SUCCESS,
        Ok(Compared::Partly) => ExitCode::from(FAILED),
        Ok(Compared::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            complain(&error.to_string());
            match error.downcast_ref::<CompareError>() {
                Some(error) if error.is_usage() => ExitCode::from(USAGE),
                _ => ExitCode::from(FAILED),
            }
        }
    }
}

fn duet(args: &DuetArgs) -> ExitCode {
    match watched().and_then(|interrupt| Ok(duet::duet(args, &interrupt)?)) {
        Ok(change) => ExitCode::from(change.exit_status()),
        Err(error) => {
            complain(&error.to_string());
            match error.downcast_ref::<DuetError>() {
                Some(DuetError::Interrupted) => ExitCode::from(INTERRUPTED),
                Some(error) if error.is_usage() => ExitCode::from(USAGE),
                _ => ExitCode::from(FAILED),
            }
        }
    }
}

fn search(args: &SearchArgs) -> ExitCode {
    let answer = watched().and_then(|interrupt| Ok(search::search(args, &interrupt)?));
    match answer {
        Ok(Answer::Highest | Answer::AtLeast) => ExitCode::SUCCESS,
        Ok(Answer::GeneratorLimit | Answer::NotAsked) => ExitCode::from(GENERATOR_LIMITED),
        Ok(Answer::NotEven) => ExitCode::from(THRESHOLD_FAILED),
        Ok(Answer::Unconfirmed | Answer::TooFew | Answer::Broken) => ExitCode::from(FAILED),
        Ok(Answer::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            complain(&error.to_string());
            match error.downcast_ref::<SearchError>() {
                Some(error) if error.is_usage() => ExitCode::from(USAGE),
                _ => ExitCode::from(FAILED),
            }
        }
    }
}

fn carry_out(scenario: Scenario, prometheus: Option<SocketAddr>) -> Result<Outcome> {
    Ok(run(scenario, ALLOCATOR_NAME, prometheus, watched()?)?.outcome)
}

fn calibration(arguments: &CalibrateArgs) -> Result<Outcome> {
    calibrate(arguments, ALLOCATOR_NAME, &watched()?)?;
    Ok(Outcome::Complete)
}

fn watched() -> Result<watch::Receiver<bool>> {
    interrupt().map_err(|error| anyhow!("signals cannot be watched: {error}"))
}

/// This command. The path of the binary says nothing about the run.
fn own_command() -> String {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    command_line(std::iter::once("loadgen".to_owned()).chain(words))
}

#[expect(clippy::print_stderr, reason = "the one line that says why there is no result")]
fn complain(message: &str) {
    eprintln!("error: {message}");
}
