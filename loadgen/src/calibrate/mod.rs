//! What this generator can do on this machine, with nothing behind it that could be the limit.
//!
//! It runs as always, on one thread, against a sink in its own process: overloaded with deliveries first, then
//! with publications. What it took in a second of its CPU time is its ceiling.

mod sink;

use std::time::SystemTime;

use clap::Parser;
use reports::{Ceiling, rfc3339};
use tokio::sync::watch;

use crate::cli::{CalibrateArgs, Cli};
use crate::output;
use crate::run::{Finished, RunError, run};
use crate::scenario::{Scenario, ScenarioError};
use crate::units::{fraction, grouped, nearest};
use sink::{Mode, Sink};

/// 2.5 million deliveries a second to 500 subscribers: more than a thread takes.
const DELIVERIES: &str = "--publishers 500 --subscribers 500 --rate 10000/s";

/// A million publications a second from 500 publishers, likewise.
const PUBLICATIONS: &str = "--publishers 500 --subscribers 1 --rate 1000000/s";

/// Why there is no ceiling.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// The sink could not be started.
    #[error("the sink could not be started: {0}")]
    Sink(#[source] std::io::Error),
    /// A run of the calibration is not valid.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Its command line is not.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// A run could not be carried out.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The run used no CPU time that could be seen.
    #[error("the CPU time of the generator's thread is not known: is /proc mounted?")]
    NoCpuTime,
    /// There is no place to keep it.
    #[error("neither XDG_DATA_HOME nor HOME is set, so that there is no place to keep the ceiling")]
    NoPlace,
    /// It could not be kept.
    #[error(transparent)]
    Write(#[from] reports::WriteError),
}

/// Calibrates, keeps the ceiling and prints it.
///
/// # Errors
/// [`CalibrateError`] says why there is none.
pub fn calibrate(
    arguments: &CalibrateArgs,
    allocator: &str,
    interrupt: &watch::Receiver<bool>,
) -> Result<Ceiling, CalibrateError> {
    let path = Ceiling::path().ok_or(CalibrateError::NoPlace)?;
    let part = |load, mode| measure(load, mode, arguments, allocator, interrupt);
    let (deliveries, finished) = part(DELIVERIES, Mode::FanOut)?;
    let deliveries_per_second = fraction(finished.arrived) / deliveries;
    let (publications, finished) = part(PUBLICATIONS, Mode::Swallow)?;
    let publications_per_second = fraction(finished.summary.counts.sent) / publications;
    let machine = finished.summary.machine;
    let now = rfc3339(SystemTime::now());
    let ceiling = Ceiling::new(now, machine, deliveries_per_second, publications_per_second);
    ceiling.write(&path)?;
    let text = format!(
        "one thread of this generator takes {} deliveries/s or sends {} publications/s on this machine\n\
         kept in {}\n",
        grouped(nearest(deliveries_per_second)),
        grouped(nearest(publications_per_second)),
        path.display()
    );
    output::print_text(&text).map_err(RunError::Print)?;
    Ok(ceiling)
}

/// Runs one part; answers the CPU seconds of the generator's thread, and the run.
fn measure(
    load: &str,
    mode: Mode,
    arguments: &CalibrateArgs,
    allocator: &str,
    interrupt: &watch::Receiver<bool>,
) -> Result<(f64, Finished), CalibrateError> {
    let sink = Sink::start(mode).map_err(CalibrateError::Sink)?;
    let folder = tempfile::Builder::new().prefix("kelvin-calibrate-").tempdir();
    let folder = folder.map_err(CalibrateError::Sink)?;
    let line = format!(
        "loadgen -h 127.0.0.1 -p {} {load} --no-retain --sub-qos 0 --warmup 1s --drain 0s --quiet --threads 1",
        sink.port()
    );
    let mut scenario = Scenario::resolve(&Cli::try_parse_from(line.split_whitespace())?, line)?;
    scenario.duration_ns = crate::units::nanoseconds(arguments.duration).max(1);
    folder.path().clone_into(&mut scenario.out);
    scenario.options.silent = true;
    let finished = run(scenario, allocator, None, interrupt.clone());
    let finished = finished?;
    let busy: f64 = finished.busy.iter().sum();
    let seconds = busy * finished.summary.config.measured_seconds;
    if seconds > 0.0 { Ok((seconds, finished)) } else { Err(CalibrateError::NoCpuTime) }
}
