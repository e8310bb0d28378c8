//! The load as it was typed, and one run of it as a process of its own: so that no run inherits another's memory.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use std::{env, thread};

use clap::Parser;
use reports::Summary;
use reports::slo::Threshold;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

use super::pin::Pin;
use crate::cli::Cli;
use crate::rate::Rate;
use crate::scenario::Scenario;
use crate::secrets::command_line;
use crate::transport::Endpoint;

/// What only whoever starts the runs can say to them.
const TAKEN: [&str; 4] = ["--out", "--name", "--format", "--dry-run"];

/// What cannot be said where a broker is started for each run.
const BROKER: [&str; 5] = ["--broker", "--host", "-h", "--port", "-p"];

/// Between two looks whether the run has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// The process could not be started or watched.
    #[error("the load could not be started: {0}")]
    Process(#[from] io::Error),
    /// It ended without a summary.
    #[error("{0}")]
    Failed(String),
    /// A signal came.
    #[error("interrupted")]
    Interrupted,
}

/// Why the words of a load are none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The load says what is not its to say.
    #[error("{word} belongs to the {owner} and cannot be given for the load{cure}")]
    Taken {
        /// What was typed.
        word: String,
        /// Whose it is.
        owner: &'static str,
        /// What to write instead; may be empty.
        cure: &'static str,
    },
    /// The command line of the load is wrong.
    #[error("the load after -- is not understood: {0}")]
    NotUnderstood(String),
    /// Where the own binary is.
    #[error("the own binary cannot be found: {0}")]
    Binary(#[source] io::Error),
}

impl LoadError {
    /// Whether what was typed is at fault.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Binary(_))
    }
}

/// Who starts runs of a load, and what is theirs to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    /// In error messages.
    pub(crate) name: &'static str,
    /// Whether the broker is started for each run, or named outside of the load.
    pub(crate) has_broker: bool,
    /// Further flags that are theirs, each with what to write instead.
    pub(crate) further: &'static [(&'static str, &'static str)],
}

/// What one run gets beside the load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// Where its folder is made.
    pub(crate) directory: &'a Path,
    /// Its name.
    pub(crate) name: &'a str,
    /// Publications per second of all publishers together, instead of the load's own.
    pub(crate) rate: Option<f64>,
    /// What is judged at its end.
    pub(crate) thresholds: &'a [Threshold],
}

/// A load, checked.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    binary: PathBuf,
    pin: Pin,
    words: Vec<String>,
    scenario: Scenario,
}

impl Load {
    /// Checks the words of the load before anything is started.
    pub(crate) fn new(words: &[String], owner: Owner) -> Result<Self, LoadError> {
        for word in words {
            let word = word.split('=').next().unwrap_or_default();
            let further = owner.further.iter().find(|(name, _)| *name == word);
            let is_taken = TAKEN.contains(&word) || owner.has_broker && BROKER.contains(&word);
            if is_taken || further.is_some() {
                return Err(LoadError::Taken {
                    word: word.to_owned(),
                    owner: owner.name,
                    cure: further.map_or("", |(_, cure)| cure),
                });
            }
        }
        let line = ["loadgen"].into_iter().chain(words.iter().map(String::as_str));
        let cli = Cli::try_parse_from(line).map_err(|error| {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            LoadError::NotUnderstood(line.trim_start_matches("error: ").to_owned())
        })?;
        if cli.command.is_some() {
            let words = words.join(" ");
            return Err(LoadError::NotUnderstood(format!("{words} is no load")));
        }
        let scenario = Scenario::resolve(&cli, String::new())
            .map_err(|error| LoadError::NotUnderstood(error.to_string()))?;
        let binary = env::current_exe().map_err(LoadError::Binary)?;
        Ok(Self { binary, pin: Pin::default(), words: words.to_vec(), scenario })
    }

    /// The same with these words of the owner.
    pub(crate) fn and(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// The same on these CPUs.
    pub(crate) fn on(self, pin: Pin) -> Self {
        Self { pin, ..self }
    }

    /// The words as typed, on a line that a shell reads so; without what nobody else may read.
    pub(crate) fn line(&self) -> String {
        command_line(self.words.iter().cloned())
    }

    /// What they mean.
    pub(crate) fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Runs it once, against the broker at `endpoint` or, without one, the broker that it names itself.
    pub(crate) fn run(
        &self,
        endpoint: Option<&Endpoint>,
        request: &Request<'_>,
        interrupt: &watch::Receiver<bool>,
    ) -> Result<Summary, ChildError> {
        let mut child = self
            .pin
            .command(&self.binary)
            .args(self.arguments(endpoint, request))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (summary, words) = thread::scope(|scope| {
            let stdout = scope.spawn(|| read(stdout));
            let stderr = scope.spawn(|| read(stderr));
            let interrupted = watch_child(&mut child, interrupt)?;
            let (stdout, stderr) = (stdout.join(), stderr.join());
            if interrupted {
                return Err(ChildError::Interrupted);
            }
            Ok((stdout.unwrap_or_default(), stderr.unwrap_or_default()))
        })?;
        serde_json::from_str(&summary).map_err(|_| {
            let last = words.lines().rev().find(|line| !line.is_empty());
            let reason = last.unwrap_or("the load ended without a summary");
            ChildError::Failed(reason.trim_start_matches("error: ").to_owned())
        })
    }

    fn arguments(&self, endpoint: Option<&Endpoint>, request: &Request<'_>) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = self.words.iter().map(OsString::from).collect();
        let mut add = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        if let Some(endpoint) = endpoint {
            add("--broker", endpoint.to_string().into());
        }
        if let Some(rate) = request.rate {
            add("--rate", Rate::Total(rate).to_string().into());
        }
        for threshold in request.thresholds {
            add("--threshold", threshold.text().into());
        }
        add("--name", request.name.into());
        add("--format", "json".into());
        add("--out", request.directory.into());
        arguments.push("--quiet".into());
        arguments
    }
}

fn read(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What can be read before an error is still worth something.
    drop(pipe.map(|mut pipe| pipe.read_to_end(&mut bytes)));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for the end; passes a signal on. Returns whether there was one.
fn watch_child(child: &mut Child, interrupt: &watch::Receiver<bool>) -> io::Result<bool> {
    let mut told = false;
    while child.try_wait()?.is_none() {
        if *interrupt.borrow() && !told {
            told = true;
            if let Some(process) = Pid::from_raw(child.id().cast_signed()) {
                let _has_just_ended = kill_process(process, Signal::TERM);
            }
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(words: &str, has_broker: bool) -> Result<Load, LoadError> {
        let owner =
            Owner { name: "comparison", has_broker, further: &[("--threshold", "; write --slo")] };
        Load::new(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>(), owner)
    }

    #[test]
    fn the_load_is_checked_before_a_broker_starts() {
        assert_eq!(load("--clients 50 --rate 1s", true).unwrap().line(), "--clients 50 --rate 1s");
        assert!(load("--clients 50 -p 1883", false).is_ok());
        for (words, part) in [
            ("--broker mqtt://a:1", "--broker belongs to the comparison"),
            ("--clients 50 -p 1883", "-p belongs to the comparison"),
            ("--out=x", "--out belongs to the comparison"),
            ("--threshold lost==0", "cannot be given for the load; write --slo"),
            ("--clint 50", "unexpected argument '--clint'"),
            ("--clients 1", "is not understood"),
            ("calibrate", "calibrate is no load"),
        ] {
            let error = load(words, true).map(drop).unwrap_err().to_string();
            assert!(error.contains(part), "{words}: {error}");
        }
    }

    #[test]
    fn a_run_gets_the_last_word_on_the_rate() {
        let load = load("--clients 50 --rate 1s --topology pairs", true).unwrap();
        let thresholds = ["lost==0".parse().unwrap()];
        let request = Request {
            directory: Path::new("x"),
            name: "trial-1",
            rate: Some(2500.0),
            thresholds: &thresholds,
        };
        let words = load.arguments(None, &request);
        let words = words.iter().map(|word| word.to_str().unwrap());
        let cli = Cli::parse_from(["loadgen"].into_iter().chain(words));
        assert_eq!(cli.messages.rate, Some(Rate::Total(2500.0)));
        assert_eq!(cli.judgement.threshold, thresholds);
    }
}
