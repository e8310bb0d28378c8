//! The highest rate at which a condition holds.
//!
//! ```text
//! strategy  which rate to try next, and what is known in the end: pure
//! ```

mod strategy;

use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use reports::{
    Answer, Judgement, PAGE_FILE, RunDirectory, SEARCH_SCHEMA, Search, SearchPhase, Summary, Trial,
    WriteError, rfc3339,
};
use strategy::{Outcome, RATE_MAX, Range, Step, Strategy, rounded};
use tokio::sync::watch;

use crate::cli::{Format, SearchArgs};
use crate::trial::{
    ChildError, Description, DescriptionError, Ended, Load, LoadError, Owner, Pin, Request,
    measure, note,
};
use crate::units::seconds;

/// Rate to which a search goes down that was given no lower bound.
const LOWEST: f64 = 1.0;

/// Why there is no search.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The load is none.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The broker to start is not described, or wrongly.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// A load without publications has no rate.
    #[error(
        "the load publishes nothing, or without a rate (max), so that there is none to begin with"
    )]
    NothingPublished,
    /// The bounds are the wrong way round.
    #[error(
        "--from {from}/s is above --to {to}/s{}",
        if *.is_own { "; the former is the rate of the load: name a lower --from" } else { "" }
    )]
    Bounds {
        /// The lower bound.
        from: f64,
        /// The upper one.
        to: f64,
        /// Whether the lower bound was not typed.
        is_own: bool,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The answer could not be printed.
    #[error("the answer cannot be printed: {0}")]
    Print(#[source] io::Error),
}

impl SearchError {
    /// Whether what was typed is at fault.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Load(error) => error.is_usage(),
            Self::Description(_) | Self::NothingPublished | Self::Bounds { .. } => true,
            Self::Write(_) | Self::Print(_) => false,
        }
    }
}

/// Searches, and leaves the trials, the knee and the answer.
pub fn search(args: &SearchArgs, interrupt: &watch::Receiver<bool>) -> Result<Answer, SearchError> {
    let owner = Owner {
        name: "search",
        has_broker: args.start.is_some(),
        further: &[("--threshold", ": write --slo before the --")],
    };
    let load = Load::new(&args.load, owner)?;
    let range = range(args, load.scenario().publications_per_second())?;
    let description = args.start.as_deref().map(Description::find).transpose()?;
    let started = SystemTime::now();
    let name = format!("search-{}", load.scenario().title);
    let directory = RunDirectory::create(&args.out, &name, started)?;
    let broker = match &description {
        Some(description) => format!("{}, started for each trial", description.name),
        None => load.scenario().target.to_string(),
    };
    let mut record = Search {
        schema: SEARCH_SCHEMA.to_owned(),
        started: rfc3339(started),
        load: load.line(),
        broker,
        conditions: args.slo.iter().map(|slo| slo.text().to_owned()).collect(),
        lowest: range.lowest,
        highest: args.to,
        tolerance: range.tolerance,
        confirmations: range.confirmations,
        trials: Vec::new(),
        answer: Answer::Interrupted,
        rate: None,
        sentence: String::new(),
        warnings: Vec::new(),
    };
    let trials = Trials { args, load: &load, description, directory: directory.path(), interrupt };
    trials.announce(&record);
    trials.carry_out(Strategy::new(range), &mut record);
    record.write(directory.path())?;
    print(&record, directory.path(), args.format).map_err(SearchError::Print)?;
    Ok(record.answer)
}

/// What the bounds mean for a load with a rate of its own.
fn range(args: &SearchArgs, own: f64) -> Result<Range, SearchError> {
    if own <= 0.0 {
        return Err(SearchError::NothingPublished);
    }
    let (from, highest) = (args.from.unwrap_or(own), args.to.unwrap_or(RATE_MAX));
    if from > highest {
        return Err(SearchError::Bounds { from, to: highest, is_own: args.from.is_none() });
    }
    // What is typed is taken as it is.
    let start = args.from.unwrap_or_else(|| rounded(own).min(highest));
    Ok(Range {
        start,
        lowest: args.from.unwrap_or_else(|| start.min(LOWEST)),
        highest,
        tolerance: args.tolerance,
        confirmations: args.confirm,
    })
}

/// What all trials share.
struct Trials<'a> {
    args: &'a SearchArgs,
    load: &'a Load,
    description: Option<Description>,
    directory: &'a Path,
    interrupt: &'a watch::Receiver<bool>,
}

impl Trials<'_> {
    /// What is searched, and how long a trial takes.
    fn announce(&self, record: &Search) {
        let scenario = self.load.scenario();
        let length = seconds(scenario.warmup_ns.saturating_add(scenario.duration_ns));
        self.note(&format!("{} on broker {}", record.conditions.join(" and "), record.broker));
        self.note(&format!(
            "each trial loads the broker for {length} s; -d and --warmup after the -- change that",
        ));
        self.note(&Trial::titles());
    }

    /// Tries what the strategy asks for, to its end.
    fn carry_out(&self, mut strategy: Strategy, record: &mut Search) {
        for number in 1.. {
            let (rate, phase) = match strategy.next() {
                Step::Try(rate, phase) => (rate, phase),
                Step::Done(answer, rate) => return record.conclude(answer, Some(rate), ""),
            };
            if *self.interrupt.borrow() {
                return record.conclude(Answer::Interrupted, record.held_so_far(), "");
            }
            match self.measure(number, phase, rate) {
                Ok((trial, outcome)) => {
                    self.note(&trial.line());
                    record.trials.push(trial);
                    strategy.learn(outcome);
                }
                Err(Ended::Interrupted) => {
                    return record.conclude(Answer::Interrupted, record.held_so_far(), "");
                }
                Err(Ended::Failed(cause)) => {
                    return record.conclude(Answer::Broken, Some(rate), &cause);
                }
            }
        }
    }

    fn measure(
        &self,
        number: u32,
        phase: SearchPhase,
        rate: f64,
    ) -> Result<(Trial, Outcome), Ended> {
        let name = format!("trial-{number}");
        let request = Request {
            directory: self.directory,
            name: &name,
            rate: Some(rate),
            thresholds: &self.args.slo,
        };
        let summary = match &self.description {
            Some(description) => {
                let broker = (description, &Pin::default());
                measure(broker, self.load, &request, self.interrupt)?
            }
            None => self.load.run(None, &request, self.interrupt).map_err(|error| match error {
                ChildError::Interrupted => Ended::Interrupted,
                error => Ended::Failed(error.to_string()),
            })?,
        };
        let run = folder_of(self.directory, &name);
        let outcome = outcome(&summary);
        let mut trial = Trial::of(number, phase, rate, &run, &summary);
        trial.passed = match outcome {
            Outcome::Held => Some(true),
            Outcome::Failed => Some(false),
            Outcome::Limited | Outcome::TooFew => None,
        };
        Ok((trial, outcome))
    }

    fn note(&self, line: &str) {
        if !self.args.quiet {
            note(line, false);
        }
    }
}

/// What a run says about the condition.
fn outcome(summary: &Summary) -> Outcome {
    let verdict = summary.verdict.as_ref().map(|verdict| verdict.verdict);
    if verdict == Some(Judgement::GeneratorLimited) {
        return Outcome::Limited;
    }
    let mut broken = summary.thresholds.iter().filter(|threshold| !threshold.passed).peekable();
    if broken.peek().is_none() {
        return Outcome::Held;
    }
    // Where everything came, samples are missing because few were asked for, not because of the broker.
    let came = summary.counts.delivered >= summary.counts.expected;
    if came && broken.all(|threshold| threshold.observed.is_none()) {
        return Outcome::TooFew;
    }
    Outcome::Failed
}

/// The folder of the run of this name; its own name begins with the time.
fn folder_of(directory: &Path, name: &str) -> String {
    let ending = format!("-{name}");
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.find(|found| found.ends_with(&ending)).unwrap_or_default()
}

fn print(record: &Search, directory: &Path, format: Format) -> io::Result<()> {
    let text = match format {
        Format::Json => record.json(),
        Format::Human => {
            let warnings = record.warnings.iter().map(|warning| format!("warning: {warning}\n"));
            let page = directory.join(PAGE_FILE);
            let warnings: String = warnings.collect();
            format!("{}.\n{warnings}The knee: {}\n", record.sentence, page.display())
        }
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
