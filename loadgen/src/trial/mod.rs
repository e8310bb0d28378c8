//! One run as a process of its own, and the broker that it may need: what a comparison and a search are made of.
//!
//! ```text
//! description  how a broker is started, from a TOML file
//! contender    a broker that runs
//! load         the load as it was typed, and one run of it
//! pin          on which CPUs they run
//! ```

mod contender;
mod description;
mod load;
mod pin;

use std::path::Path;
use std::{fs, io};

pub(crate) use contender::Contender;
pub use contender::ContenderError;
pub use description::{Description, DescriptionError};
pub use load::{ChildError, LoadError};
pub(crate) use load::{Load, Owner, Request};
pub(crate) use pin::Pin;
use reports::Summary;
use tokio::sync::watch;

/// Why there is no run.
pub(crate) enum Ended {
    /// A signal came.
    Interrupted,
    /// The reason.
    Failed(String),
}

/// Starts the broker, runs the load against it once, and stops the broker.
pub(crate) fn measure(
    (description, pin): (&Description, &Pin),
    load: &Load,
    request: &Request<'_>,
    interrupt: &watch::Receiver<bool>,
) -> Result<Summary, Ended> {
    let contender = Contender::start(description, pin, interrupt).map_err(|error| match error {
        ContenderError::Interrupted => Ended::Interrupted,
        error => Ended::Failed(error.to_string()),
    })?;
    let ran = load.run(Some(contender.endpoint()), request, interrupt);
    // A broker that died explains a run that failed better than the run itself does.
    let ended = contender.stop();
    match ran {
        Ok(summary) => Ok(summary),
        Err(ChildError::Interrupted) => Err(Ended::Interrupted),
        Err(error) => Err(Ended::Failed(match ended {
            Some(ended) => format!("{error}; the broker {ended}"),
            None => error.to_string(),
        })),
    }
}

/// A line for whoever waits. A terminal that went away is no reason to stop measuring.
pub(crate) fn note(line: &str, bold: bool) {
    use io::{IsTerminal, Write};
    let mut stderr = io::stderr().lock();
    let line = if bold && stderr.is_terminal() {
        format!("\x1b[1m{line}\x1b[0m\n")
    } else {
        format!("{line}\n")
    };
    drop(stderr.write_all(line.as_bytes()));
}

/// Removes a directory of ours; what is left in the folder for temporary files harms nobody.
pub(crate) fn remove(directory: &Path) {
    drop(fs::remove_dir_all(directory));
}
