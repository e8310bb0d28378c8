//! Scripted scenarios that cost the same number of instructions, allocations and system calls every time.
//!
//! `counted list` names them; `counted run NAME…` runs some, or all when none is named. Each is prepared and
//! run once, which is not counted, and then once within [`measured`]. There callgrind counts instructions
//! (`--toggle-collect`), the allocator of this binary counts itself, and two calls of `getppid` show a tracer where
//! the system calls to be counted begin and end. Nothing in here is random and nothing looks at a clock: seeds are
//! fixed, and the time of the loopback scenarios stands still.
//!
//! The package stands alone so that it can be laid over another commit: both sides of a comparison run the
//! same scenarios.

mod allocator;
mod codec;
#[cfg(feature = "loopback")]
mod loopback;
mod packets;
mod shard;
mod topics;

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::process::ExitCode;

use allocator::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What is counted. Returns the bytes that it wrote, for connections or into buffers.
type Work = Box<dyn FnMut() -> usize>;

/// One scenario.
struct Scenario {
    /// Its name, such as `decode/v4/publish_qos0`.
    name: String,
    /// How often the operation that it is named after happens in it.
    operations: usize,
    /// Makes what is not counted: connections, trees of filters, packets.
    prepare: Box<dyn FnOnce() -> Work>,
}

impl Scenario {
    fn new<W: FnMut() -> usize + 'static>(
        name: impl Into<String>,
        operations: usize,
        prepare: impl FnOnce() -> W + 'static,
    ) -> Self {
        let prepare = Box::new(move || Box::new(prepare()) as Work);
        Self { name: name.into(), operations, prepare }
    }
}

/// All scenarios, in the order in which they run.
fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    codec::add(&mut scenarios);
    topics::add(&mut scenarios);
    shard::add(&mut scenarios);
    #[cfg(feature = "loopback")]
    loopback::add(&mut scenarios);
    scenarios
}

/// The function that callgrind counts in, by its name.
#[inline(never)]
fn measured(work: &mut dyn FnMut() -> usize) -> usize {
    black_box(work())
}

/// Runs one scenario; returns what it counted as a line of JSON.
fn run(scenario: Scenario) -> String {
    let Scenario { name, operations, prepare } = scenario;
    let mut work = prepare();
    work();
    let before = allocator::counts();
    mark();
    let bytes = measured(&mut *work);
    mark();
    let after = allocator::counts();
    let (allocations, allocated_bytes, held_bytes) = (
        after.allocations - before.allocations,
        after.allocated_bytes - before.allocated_bytes,
        after.held_bytes - before.held_bytes,
    );
    format!(
        r#"{{"scenario":"{name}","operations":{operations},"allocations":{allocations},"allocated_bytes":{allocated_bytes},"held_bytes":{held_bytes},"written_bytes":{bytes}}}"#
    )
}

/// A system call that does nothing and that nothing else here makes.
fn mark() {
    black_box(rustix::process::getppid());
}

fn answer(arguments: &[String]) -> Result<String, Box<dyn Error>> {
    let scenarios = scenarios();
    let mut lines = String::new();
    match arguments {
        [command] if command == "list" => {
            for scenario in scenarios {
                writeln!(lines, "{}", scenario.name)?;
            }
        }
        [command, names @ ..] if command == "run" => {
            if let Some(name) = names.iter().find(|name| scenarios.iter().all(|s| s.name != **name))
            {
                return Err(
                    format!("there is no scenario {name:?}; `counted list` names them").into()
                );
            }
            for scenario in scenarios {
                if names.is_empty() || names.contains(&scenario.name) {
                    writeln!(lines, "{}", run(scenario))?;
                }
            }
        }
        _ => return Err("usage: counted list | counted run [NAME…]".into()),
    }
    Ok(lines)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let printed =
        answer(&arguments).and_then(|lines| Ok(io::stdout().write_all(lines.as_bytes())?));
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done when standard error is closed too.
            drop(writeln!(io::stderr(), "counted: {error}"));
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own() {
        let mut names: Vec<_> = scenarios().into_iter().map(|scenario| scenario.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn what_is_not_there_is_not_run() {
        let error = answer(&["run".into(), "encode/v9/publish".into()]).unwrap_err();
        assert!(error.to_string().contains("encode/v9/publish"));
        assert!(answer(&[]).is_err());
    }
}
