//! Command lines that several binaries share.

use std::path::PathBuf;

use clap::Args;

use crate::{MergeError, Run, RunDirectory, merge};

/// A run as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// The name to show.
    pub name: String,
    /// Its directory, or the `summary.json` in it.
    pub path: PathBuf,
}

/// Which runs add up, and where the sum goes.
#[derive(Args, Clone, Debug)]
pub struct MergeArgs {
    /// Directories of runs, and the names to show; at least two.
    #[arg(value_name = "[NAME=]DIR", value_parser = parse_run, required = true, num_args = 2..)]
    pub runs: Vec<NamedPath>,
    /// Folder in which the run gets its own.
    #[arg(long, value_name = "DIR", default_value = "reports/runs")]
    pub out: PathBuf,
    /// Name of the run, at the end of its folder's name.
    #[arg(long, value_name = "NAME", default_value = "merged")]
    pub name: String,
}

impl MergeArgs {
    /// Adds up the runs and writes the run of all of them.
    ///
    /// # Errors
    /// [`MergeError`] says which run cannot be read, what differs, or what could not be written.
    pub fn carry_out(&self) -> Result<RunDirectory, MergeError> {
        let read = |named: &NamedPath| -> Result<Run, MergeError> {
            Ok(Run { name: named.name.clone(), ..Run::read(&named.path)? })
        };
        let runs = self.runs.iter().map(read).collect::<Result<Vec<Run>, MergeError>>()?;
        merge(&runs, &self.out, &self.name)
    }
}

/// Reads `NAME=PATH`, or a path that names the run itself.
///
/// # Errors
/// A sentence, when there is no name or no path.
pub fn parse_run(argument: &str) -> Result<NamedPath, String> {
    let (name, path) = match argument.split_once('=') {
        Some((name, path)) => (name.to_owned(), PathBuf::from(path)),
        None => (run_name(argument), PathBuf::from(argument)),
    };
    if name.is_empty() || path.as_os_str().is_empty() {
        return Err("write a path, or a name, `=` and a path".to_owned());
    }
    Ok(NamedPath { name, path })
}

/// `literal` of `reports/runs/20261124T070000Z-literal/summary.json`.
pub fn run_name(path: &str) -> String {
    let directory =
        path.trim_end_matches('/').trim_end_matches("/summary.json").trim_end_matches('/');
    let name = directory.rsplit('/').next().unwrap_or(directory);
    match name.split_once('-') {
        Some((time, rest)) if time.ends_with('Z') && !rest.is_empty() => rest.to_owned(),
        _ => name.to_owned(),
    }
}
