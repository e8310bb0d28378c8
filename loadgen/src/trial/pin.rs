//! On which CPUs a process of a comparison runs.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::description::program;

/// Runs programs on some CPUs, or on any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pin {
    /// `taskset`, which becomes the program that it starts, and the list that it is given.
    to: Option<(PathBuf, String)>,
}

impl Pin {
    /// To these CPUs; to any when none are named.
    pub(crate) fn to(cpus: Option<&str>) -> io::Result<Self> {
        let Some(cpus) = cpus else {
            return Ok(Self::default());
        };
        let absent = "taskset, which --broker-cpus and --load-cpus need, is not installed";
        let taskset =
            program("taskset").ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, absent))?;
        // A CPU that this machine does not have is told before anything is measured.
        let tried = Command::new(&taskset).args(["-c", cpus, "true"]).output()?;
        if tried.status.success() {
            return Ok(Self { to: Some((taskset, cpus.to_owned())) });
        }
        let words = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
        Err(io::Error::other(format!("CPUs {cpus} cannot be used: {words}")))
    }

    /// The command that runs this program there.
    pub(super) fn command(&self, program: &Path) -> Command {
        match &self.to {
            None => Command::new(program),
            Some((taskset, cpus)) => {
                let mut command = Command::new(taskset);
                command.args(["-c", cpus]).arg(program);
                command
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_that_is_not_there_is_an_error_before_anything_runs() {
        assert!(Pin::to(None).unwrap().command(Path::new("x")).get_args().next().is_none());
        // Without taskset there is an error as well.
        let error = Pin::to(Some("99999")).unwrap_err().to_string();
        assert!(error.contains("99999") || error.contains("not installed"), "{error}");
    }
}
