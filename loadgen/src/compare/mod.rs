//! One load against several brokers, in turn and again and again: A B C A B C.
//!
//! Machines drift: what runs an hour later runs on another machine. So the brokers take turns, each
//! round has one figure of every broker, and ratios are formed within a round.
//!
//! ```text
//! description  how a broker is started, from a TOML file
//! contender    a broker that runs
//! child        one run of the load, as a process of its own
//! pin          on which CPUs they run
//! ```

mod child;
mod contender;
mod description;
mod pin;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use reports::{PAGE_FILE, ROUNDS_SCHEMA, RoundFailure, Rounds, Side, WriteError};
use tokio::sync::watch;

pub use child::ChildError;
pub(crate) use child::Load;
pub(crate) use contender::Contender;
pub use contender::ContenderError;
pub use description::{Description, DescriptionError};
pub(crate) use pin::Pin;

use crate::cli::{CompareArgs, Format};
use crate::secrets::redacted;

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
    /// The load says what is the comparison's to say.
    #[error("{0} belongs to the comparison and cannot be given for the load")]
    Taken(String),
    /// The command line of the load is wrong.
    #[error("the load after -- is not understood: {0}")]
    Load(String),
    /// Where the own binary is.
    #[error("the own binary cannot be found: {0}")]
    Binary(#[source] io::Error),
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
        matches!(
            self,
            Self::Description(_) | Self::Twice(_) | Self::Taken(_) | Self::Load(_) | Self::Cpus(_)
        )
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
    let load = Load::new(&args.load, load_pin)?;
    let directory = directory(&args.out)?;
    let mut rounds = Rounds {
        schema: ROUNDS_SCHEMA.to_owned(),
        load: redacted(load.words().iter().cloned()).join(" "),
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
            match measure((description, &broker_pin), &load, &directory, round, interrupt) {
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

/// Why there is no run of a broker in a round.
enum Ended {
    Interrupted,
    Failed(String),
}

fn measure(
    (description, pin): (&Description, &Pin),
    load: &Load,
    directory: &Path,
    round: u32,
    interrupt: &watch::Receiver<bool>,
) -> Result<reports::Summary, Ended> {
    let failed = |reason: String| Ended::Failed(reason);
    let contender = Contender::start(description, pin, interrupt).map_err(|error| match error {
        ContenderError::Interrupted => Ended::Interrupted,
        error => failed(error.to_string()),
    })?;
    let name = format!("{}-{round}", description.name);
    let ran = load.run(contender.endpoint(), directory, &name, interrupt);
    // A broker that died explains a run that failed better than the run itself does.
    let ended = contender.stop();
    match ran {
        Ok(summary) => Ok(summary),
        Err(ChildError::Interrupted) => Err(Ended::Interrupted),
        Err(error) => Err(failed(match ended {
            Some(ended) => format!("{error}; the broker {ended}"),
            None => error.to_string(),
        })),
    }
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

/// A line for whoever waits. A terminal that went away is no reason to stop measuring.
pub(crate) fn note(quiet: bool, line: &str) {
    if !quiet {
        let mut stderr = io::stderr().lock();
        let line = if stderr.is_terminal() {
            format!("\x1b[1m{line}\x1b[0m\n")
        } else {
            format!("{line}\n")
        };
        drop(stderr.write_all(line.as_bytes()));
    }
}

/// Removes a directory of ours; what is left in the folder for temporary files harms nobody.
pub(crate) fn remove(directory: &Path) {
    drop(fs::remove_dir_all(directory));
}
