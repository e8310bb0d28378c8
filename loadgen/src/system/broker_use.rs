//! What the broker's process spends: CPU time, memory, context switches.

use std::fs;
use std::path::{Path, PathBuf};

use super::threads::schedstat;
use super::usage::{BROKER_THREADS, BrokerProcess, cpu_ticks_of, peak_bytes, resident_bytes};
use crate::units::{fraction, seconds};

/// What the broker has spent until now. What the system does not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BrokerSample {
    /// CPU time outside the kernel and in it.
    pub cpu: Option<(f64, f64)>,
    /// CPU time of all threads that are there now, to the nanosecond: `cpu` has ticks of 10 ms.
    pub exact_cpu_seconds: Option<f64>,
    /// Context switches of all threads that are there now, voluntary and involuntary.
    pub switches: Option<(u64, u64)>,
    /// Resident memory; `None` of an embedded broker, which has none of its own.
    pub resident_bytes: Option<u64>,
    /// Its peak since the process began, likewise.
    pub peak_bytes: Option<u64>,
}

impl BrokerSample {
    /// Reads it.
    pub(crate) fn now(broker: BrokerProcess) -> Self {
        match broker {
            BrokerProcess::Unknown => Self::default(),
            BrokerProcess::Embedded => {
                let threads = threads(Path::new("/proc/self/task"), BROKER_THREADS);
                Self {
                    cpu: cpu(&threads),
                    exact_cpu_seconds: exact_cpu_seconds(&threads),
                    switches: switches(&threads),
                    ..Self::default()
                }
            }
            BrokerProcess::Local(process) => {
                let root = PathBuf::from(format!("/proc/{process}"));
                let threads = threads(&root.join("task"), "");
                Self {
                    // Of the process, which knows of threads that have ended too.
                    cpu: cpu(std::slice::from_ref(&root)),
                    exact_cpu_seconds: exact_cpu_seconds(&threads),
                    switches: switches(&threads),
                    resident_bytes: resident_bytes(Some(process)),
                    peak_bytes: peak_bytes(Some(process)),
                }
            }
        }
    }

    /// CPU time and context switches since `earlier`; memory as it is now.
    pub(crate) fn since(self, earlier: Self) -> Self {
        let cpu = self.cpu.zip(earlier.cpu);
        let exact = self.exact_cpu_seconds.zip(earlier.exact_cpu_seconds);
        let switches = self.switches.zip(earlier.switches);
        Self {
            cpu: cpu.map(|(now, then)| ((now.0 - then.0).max(0.0), (now.1 - then.1).max(0.0))),
            exact_cpu_seconds: exact.map(|(now, then)| (now - then).max(0.0)),
            switches: switches
                .map(|(now, then)| (now.0.saturating_sub(then.0), now.1.saturating_sub(then.1))),
            ..self
        }
    }
}

/// Folders in `/proc` of the threads whose names begin with `prefix`.
fn threads(tasks: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(threads) = fs::read_dir(tasks) else {
        return Vec::new();
    };
    let paths = threads.flatten().map(|entry| entry.path());
    paths
        .filter(|path| {
            prefix.is_empty()
                || fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with(prefix))
        })
        .collect()
}

fn cpu(paths: &[PathBuf]) -> Option<(f64, f64)> {
    let ticks = fraction(rustix::param::clock_ticks_per_second());
    let each: Option<Vec<_>> = paths
        .iter()
        .map(|path| cpu_ticks_of(&fs::read_to_string(path.join("stat")).ok()?))
        .collect();
    let each = each.filter(|each| !each.is_empty())?;
    let sum = |part: fn(&(u64, u64)) -> u64| fraction(each.iter().map(part).sum()) / ticks;
    Some((sum(|ticks| ticks.0), sum(|ticks| ticks.1)))
}

/// Nothing where the kernel does not keep it. A thread that has ended took its time with it.
fn exact_cpu_seconds(threads: &[PathBuf]) -> Option<f64> {
    let each = threads
        .iter()
        .filter_map(|path| schedstat(&fs::read_to_string(path.join("schedstat")).ok()?));
    let spent_ns: u64 = each.map(|(run_ns, _)| run_ns).sum();
    (spent_ns > 0).then(|| seconds(spent_ns))
}

/// Of a thread that ends meanwhile nothing is counted.
fn switches(threads: &[PathBuf]) -> Option<(u64, u64)> {
    let each = threads
        .iter()
        .filter_map(|path| context_switches(&fs::read_to_string(path.join("status")).ok()?));
    each.reduce(|sum, one| (sum.0 + one.0, sum.1 + one.1))
}

fn context_switches(status: &str) -> Option<(u64, u64)> {
    let field = |key: &str| {
        status.lines().find_map(|line| line.strip_prefix(key))?.trim().parse::<u64>().ok()
    };
    Some((field("voluntary_ctxt_switches:")?, field("nonvoluntary_ctxt_switches:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_switches_are_read_by_key() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n";
        assert_eq!(context_switches(status), Some((150, 545)));
        assert_eq!(context_switches("Name:\tx\n"), None);
    }

    #[test]
    fn a_process_of_this_machine_is_seen_and_another_is_not() {
        let sample = BrokerSample::now(BrokerProcess::Local(std::process::id()));
        assert!(sample.cpu.is_some() && sample.switches.is_some());
        assert!(sample.resident_bytes.is_some() && sample.peak_bytes >= sample.resident_bytes);
        assert_eq!(BrokerSample::now(BrokerProcess::Unknown), BrokerSample::default());
        assert!(sample.exact_cpu_seconds > Some(0.0));
        let spent = sample.since(sample);
        assert_eq!((spent.cpu, spent.switches), (Some((0.0, 0.0)), Some((0, 0))));
    }
}
