//! One load against several brokers, in turn and again and again: A B C A B C.
//!
//! Machines drift: what runs an hour later runs on another machine. So the brokers take turns, each
//! round has one figure of every broker, and ratios are formed within a round.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use reports::{PAGE_FILE, ROUNDS_SCHEMA, RoundFailure, Rounds, Side, WriteError};
use tokio::sync::watch;

use crate::cli::{CompareArgs, Format};
use crate::trial::{
    self, Description, DescriptionError, Ended, Load, LoadError, Owner, Pin, Request,
};

/// The brokers are named before the load.
const OWNER: Owner = Owner { name: "comparison", has_broker: true, further: &[] };

/// Why brokers cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// A broker is not described, or wrongly.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// Two have one name.
    #[error("two brokers are called {0}; write NAME=FILE or NAME=URL to tell them apart")]
    Twice(String),
    /// The load is none.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// No round of any broker could be measured.
    #[error("no broker could be measured; the first failure: {0}")]
    Nothing(String),
    /// CPUs that cannot be used.
    #[error("{0}")]
    Cpus(#[source] io::Error),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The table could not be printed.
    #[error("the table cannot be printed: {0}")]
    Print(#[source] io::Error),
}

impl CompareError {
    /// Whether what was typed is at fault.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Description(_) | Self::Twice(_) | Self::Cpus(_) => true,
            Self::Load(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// How a comparison that could be carried out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Every broker in every round.
    Complete,
    /// Some rounds failed; the table says which.
    Partly,
    /// By a signal; what was measured until then is written.
    Interrupted,
}

/// Compares brokers, and leaves the runs, a table and a page of them. `command` is the command line, to be told.
pub fn compare(
    args: &CompareArgs,
    command: String,
    interrupt: &watch::Receiver<bool>,
) -> Result<Compared, CompareError> {
    let descriptions = descriptions(&args.brokers)?;
    let load_pin = Pin::to(args.load_cpus.as_deref()).map_err(CompareError::Cpus)?;
    let broker_pin = Pin::to(args.broker_cpus.as_deref()).map_err(CompareError::Cpus)?;
    let load = Load::new(&args.load, OWNER)?.on(load_pin);
    let directory = directory(&args.out)?;
    let mut rounds = Rounds {
        schema: ROUNDS_SCHEMA.to_owned(),
        load: load.line(),
        command,
        sides: descriptions.iter().map(Description::side).collect(),
        failures: Vec::new(),
    };
    let mut interrupted = false;
    'rounds: for round in 1..=args.rounds {
        for (place, description) in descriptions.iter().enumerate() {
            if *interrupt.borrow() {
                interrupted = true;
                break 'rounds;
            }
            note(args.quiet, &format!("round {round} of {}: {}", args.rounds, description.name));
            let name = format!("{}-{round}", description.name);
            let request =
                Request { directory: &directory, name: &name, rate: None, thresholds: &[] };
            match trial::measure((description, &broker_pin), &load, &request, interrupt) {
                Ok(summary) => {
                    note(args.quiet, &format!("  {}", reports::headline(&summary)));
                    add(&mut rounds.sides, place, round, summary);
                }
                Err(Ended::Interrupted) => {
                    interrupted = true;
                    break 'rounds;
                }
                Err(Ended::Failed(reason)) => {
                    note(false, &format!("{} in round {round}: {reason}", description.name));
                    let broker = description.name.clone();
                    rounds.failures.push(RoundFailure { broker, round, reason });
                }
            }
        }
    }
    finish(&rounds, &directory, args)?;
    Ok(match (interrupted, rounds.failures.is_empty()) {
        (true, _) => Compared::Interrupted,
        (false, true) => Compared::Complete,
        (false, false) => Compared::Partly,
    })
}

fn add(sides: &mut [Side], place: usize, round: u32, summary: reports::Summary) {
    if let Some(side) = sides.get_mut(place) {
        side.runs.push((round, summary));
    }
}

fn descriptions(brokers: &[String]) -> Result<Vec<Description>, CompareError> {
    let all: Vec<Description> =
        brokers.iter().map(|broker| Description::find(broker)).collect::<Result<_, _>>()?;
    for (place, description) in all.iter().enumerate() {
        if all.iter().take(place).any(|other| other.name == description.name) {
            return Err(CompareError::Twice(description.name.clone()));
        }
    }
    Ok(all)
}

fn directory(base: &Path) -> Result<PathBuf, CompareError> {
    let directory = reports::RunDirectory::create(base, "compare", std::time::SystemTime::now())?;
    Ok(directory.path().to_owned())
}

fn finish(rounds: &Rounds, directory: &Path, args: &CompareArgs) -> Result<(), CompareError> {
    rounds.write(directory)?;
    note(args.quiet, &format!("files in {}; look at {}", directory.display(), PAGE_FILE));
    if let (true, Some(failure)) =
        (rounds.sides.iter().all(|side| side.runs.is_empty()), rounds.failures.first())
    {
        return Err(CompareError::Nothing(format!("{}: {}", failure.broker, failure.reason)));
    }
    let text = match args.format {
        Format::Human => rounds.markdown(),
        Format::Json => rounds.json(),
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CompareError::Print(error)),
        _ => Ok(()),
    }
}

/// Prints the brokers that are known without a file, each with its version where it is installed.
pub fn list() -> Result<(), CompareError> {
    let lines = Description::shipped().map(|description| {
        let description = description?;
        let Description { name, about, install, .. } = &description;
        // A script that starts a broker is there even when the broker is not.
        let state = match (description.program(), description.version()) {
            (Some(_), version) if !version.is_empty() => format!("installed: {version}"),
            _ => format!("not installed; {install}"),
        };
        Ok(format!("{name:<12}  {about}\n{:<12}  {state}\n", ""))
    });
    let text = lines.collect::<Result<String, DescriptionError>>()?;
    io::stdout().lock().write_all(text.as_bytes()).map_err(CompareError::Print)
}

/// A line for whoever waits.
fn note(quiet: bool, line: &str) {
    if !quiet {
        trial::note(line, true);
    }
}
