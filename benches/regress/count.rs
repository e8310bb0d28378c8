//! Runs the counted scenarios of one binary.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::callgrind::{self, Profile};

/// Growth of the instructions that is a slowdown, as a share.
pub(crate) const INSTRUCTIONS_MARGIN: f64 = 0.01;

/// The function of `counted` in which callgrind counts.
const MEASURED: &str = "counted::measured";

/// The call that `counted` makes before and after what is counted.
const MARK: &str = "getppid(";

/// Scenarios whose system calls are counted; the others make none.
const LOOPBACK: &str = "loopback/";

/// What one scenario costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) scenario: String,
    /// How often the operation that it is named after happens in it.
    pub(crate) operations: u64,
    #[serde(default)]
    pub(crate) instructions: u64,
    pub(crate) allocations: u64,
    /// Those of the loopback scenarios; `None` where they were not counted.
    #[serde(default)]
    pub(crate) system_calls: Option<u64>,
    pub(crate) allocated_bytes: u64,
    /// Bytes that are still held after it. Some scenarios give back what they had before.
    pub(crate) held_bytes: i64,
    pub(crate) written_bytes: u64,
}

/// What was counted in two runs of the same binary.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) scenarios: Vec<Counts>,
    pub(crate) profiles: BTreeMap<String, Profile>,
    /// Scenarios that cost something else the second time, and what.
    pub(crate) unsteady: BTreeMap<String, String>,
}

/// Whether a program can be run here.
pub(crate) fn is_installed(program: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// Counts every scenario `runs` times; files go to `directory`.
pub(crate) fn count(binary: &Path, directory: &Path, runs: usize) -> anyhow::Result<Counted> {
    let (first, profiles) = count_once(binary, directory)?;
    let mut unsteady = BTreeMap::new();
    for _ in 1..runs {
        let (again, _) = count_once(binary, directory)?;
        for (a, b) in first.iter().zip(&again).filter(|(a, b)| !is_steady(a, b)) {
            unsteady.insert(a.scenario.clone(), describe_difference(a, b));
        }
    }
    Ok(Counted { scenarios: first, profiles, unsteady })
}

/// Whether two runs cost the same. Over loopback one part of a thousand may differ, a tenth of what is judged: when
/// the kernel hands over its bytes is not all ours to fix, and a run beside builds was 340 instructions of 1.5 million off.
fn is_steady(a: &Counts, b: &Counts) -> bool {
    let tolerated = if a.scenario.starts_with(LOOPBACK) { a.instructions / 1_000 } else { 0 };
    let others = |counts: &Counts| Counts { instructions: 0, ..counts.clone() };
    a.instructions.abs_diff(b.instructions) <= tolerated && others(a) == others(b)
}

fn describe_difference(a: &Counts, b: &Counts) -> String {
    let calls = |counts: &Counts| counts.system_calls.unwrap_or(0);
    let all = [
        ("instructions", a.instructions, b.instructions),
        ("allocations", a.allocations, b.allocations),
        ("system calls", calls(a), calls(b)),
        ("allocated bytes", a.allocated_bytes, b.allocated_bytes),
        ("written bytes", a.written_bytes, b.written_bytes),
    ];
    let differing = all.iter().filter(|(_, a, b)| a != b);
    let texts: Vec<_> = differing.map(|(name, a, b)| format!("{a} and {b} {name}")).collect();
    if texts.is_empty() { "different bytes held".to_owned() } else { texts.join(", ") }
}

fn count_once(
    binary: &Path,
    directory: &Path,
) -> anyhow::Result<(Vec<Counts>, BTreeMap<String, Profile>)> {
    let out = directory.join("callgrind");
    remove_dumps(directory)?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--cache-sim=no", "--collect-atstart=no"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .args([format!("--toggle-collect={MEASURED}"), format!("--dump-after={MEASURED}")])
        .arg(binary)
        .arg("run");
    let mut counts = read_counts(&run(&mut command)?)?;
    let mut profiles = BTreeMap::new();
    for (number, counts) in (1..).zip(&mut counts) {
        let path = directory.join(format!("callgrind.{number}"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let profile = callgrind::parse(&text).unwrap_or_default();
        ensure!(
            profile.instructions > 0,
            "callgrind counted nothing in {}: the function {MEASURED} was not found, see {}",
            counts.scenario,
            path.display()
        );
        counts.instructions = profile.instructions;
        profiles.insert(counts.scenario.clone(), profile);
    }
    if is_installed("strace") {
        for counts in counts.iter_mut().filter(|c| c.scenario.starts_with(LOOPBACK)) {
            counts.system_calls = Some(count_system_calls(binary, directory, &counts.scenario)?);
        }
    }
    Ok((counts, profiles))
}

fn remove_dumps(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.file_stem().is_some_and(|stem| stem == "callgrind") {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn count_system_calls(binary: &Path, directory: &Path, scenario: &str) -> anyhow::Result<u64> {
    let out = directory.join("strace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&out).arg(binary).args(["run", scenario]);
    run(&mut command)?;
    let text = fs::read_to_string(&out).with_context(|| out.display().to_string())?;
    let calls = between_marks(&text);
    calls.with_context(|| format!("the marks around {scenario} are not in {}", out.display()))
}

/// Counts the calls of the marking thread between its two marks.
fn between_marks(trace: &str) -> Option<u64> {
    let mut calls = trace.lines().filter_map(|line| line.split_once(' '));
    let (thread, _) = calls.find(|(_, call)| call.trim_start().starts_with(MARK))?;
    let mut count = 0;
    for (_, call) in calls.filter(|(by, _)| *by == thread) {
        let call = call.trim_start();
        if call.starts_with(MARK) {
            return Some(count);
        }
        // A call that another thread's interrupted is told twice, signals begin with `---`.
        if !call.starts_with('<') && !call.starts_with('-') && !call.starts_with('+') {
            count += 1;
        }
    }
    None
}

/// Runs a command and returns what it printed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = error.lines().collect();
        let last = lines[lines.len().saturating_sub(20)..].join("\n");
        bail!("{command:?} ended with {}:\n{last}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn read_counts(lines: &str) -> anyhow::Result<Vec<Counts>> {
    let read = |line| serde_json::from_str(line).with_context(|| format!("no counts: {line}"));
    lines.lines().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_count_between_the_marks_and_on_their_thread() {
        let trace = "10 getppid() = 1\n10 read(3) = 5\n11 futex(0x1) = 0\n10 epoll_wait(4 <unfinished ...>\n\
            10 <... epoll_wait resumed>) = 1\n10 --- SIGCHLD ---\n10 getppid() = 1\n10 close(3) = 0\n";
        assert_eq!(between_marks(trace), Some(2));
        assert_eq!(between_marks("10 getppid() = 1\n10 read(3) = 5\n"), None);
        assert_eq!(between_marks(""), None);
    }

    #[test]
    fn only_the_kernel_may_change_the_instructions_and_by_a_tenth_of_what_is_judged() {
        let counts = |scenario: &str, instructions, allocations| Counts {
            scenario: scenario.to_owned(),
            operations: 1,
            instructions,
            allocations,
            system_calls: None,
            allocated_bytes: 0,
            held_bytes: 0,
            written_bytes: 0,
        };
        let over_loopback = counts("loopback/qos1", 1_459_663, 5);
        assert!(is_steady(&over_loopback, &counts("loopback/qos1", 1_460_003, 5)));
        assert!(!is_steady(&over_loopback, &counts("loopback/qos1", 1_461_123, 5)));
        assert!(!is_steady(&over_loopback, &counts("loopback/qos1", 1_459_663, 6)));
        assert!(!is_steady(&counts("decode", 100_000, 0), &counts("decode", 100_001, 0)));
    }
}
