//! One run of the load, as a process of its own: so that no run inherits another's memory.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use std::{env, thread};

use clap::Parser;
use reports::Summary;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

use super::CompareError;
use super::pin::Pin;
use crate::cli::Cli;
use crate::scenario::Scenario;
use crate::transport::Endpoint;

/// What the comparison itself says to every run.
const TAKEN: [&str; 8] =
    ["--broker", "--host", "-h", "--port", "-p", "--out", "--name", "--format"];

/// Between two looks whether the run has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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

/// The load that every broker gets.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    binary: PathBuf,
    pin: Pin,
    words: Vec<String>,
}

impl Load {
    /// Checks the words of the load before anything is started.
    pub(crate) fn new(words: &[String], pin: Pin) -> Result<Self, CompareError> {
        let name = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
        if let Some(taken) =
            words.iter().map(|word| name(word)).find(|word| TAKEN.contains(&word.as_str()))
        {
            return Err(CompareError::Taken(taken));
        }
        let line = ["loadgen"].into_iter().chain(words.iter().map(String::as_str));
        let cli = Cli::try_parse_from(line).map_err(|error| {
            let text = error.to_string();
            CompareError::Load(
                text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
            )
        })?;
        Scenario::resolve(&cli, String::new())
            .map_err(|error| CompareError::Load(error.to_string()))?;
        let binary = env::current_exe().map_err(CompareError::Binary)?;
        Ok(Self { binary, pin, words: words.to_vec() })
    }

    /// The words as typed.
    pub(super) fn words(&self) -> &[String] {
        &self.words
    }

    /// Runs it once.
    pub(crate) fn run(
        &self,
        endpoint: &Endpoint,
        directory: &Path,
        name: &str,
        interrupt: &watch::Receiver<bool>,
    ) -> Result<Summary, ChildError> {
        let mut arguments: Vec<OsString> = self.words.iter().map(OsString::from).collect();
        arguments.extend(["--broker", &endpoint.to_string(), "--name", name].map(OsString::from));
        arguments.extend(["--format", "json", "--quiet", "--out"].map(OsString::from));
        arguments.push(directory.into());
        let mut child = self
            .pin
            .command(&self.binary)
            .args(arguments)
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

    fn load(words: &str) -> Result<Load, CompareError> {
        Load::new(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>(), Pin::default())
    }

    #[test]
    fn the_load_is_checked_before_a_broker_starts() {
        assert_eq!(load("--clients 50 --rate 1s").unwrap().words().len(), 4);
        for (words, part) in [
            ("--broker mqtt://a:1", "--broker belongs to the comparison"),
            ("--clients 50 -p 1883", "-p belongs to the comparison"),
            ("--out=x", "--out belongs to the comparison"),
            ("--clint 50", "unexpected argument '--clint'"),
            ("--clients 1", "is not understood"),
        ] {
            let error = load(words).map(drop).unwrap_err().to_string();
            assert!(error.contains(part), "{words}: {error}");
        }
    }
}
