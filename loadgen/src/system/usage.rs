//! CPU time and memory of this process and of the broker's, from `/proc`.

use std::fs;
use std::path::Path;

use crate::units::fraction;

/// Names of the embedded broker's threads begin with this.
pub(super) const BROKER_THREADS: &str = "kelvin-shard";

/// Where the broker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BrokerProcess {
    /// On threads of this process.
    Embedded,
    /// In this process of this machine.
    Local(u32),
    /// Elsewhere, or where it cannot be seen.
    Unknown,
}

/// CPU time that was spent until now, user and system together, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// By the broker; `None` when it cannot be seen.
    pub broker_seconds: Option<f64>,
    /// By the generator.
    pub generator_seconds: f64,
}

impl Usage {
    /// Reads it.
    pub(crate) fn now(broker: BrokerProcess) -> Self {
        let own = cpu_seconds(Path::new("/proc/self/stat")).unwrap_or(0.0);
        match broker {
            BrokerProcess::Embedded => {
                let shards = embedded_broker_seconds();
                Self { broker_seconds: Some(shards), generator_seconds: own - shards }
            }
            BrokerProcess::Local(process) => Self {
                broker_seconds: cpu_seconds(Path::new(&format!("/proc/{process}/stat"))),
                generator_seconds: own,
            },
            BrokerProcess::Unknown => Self { broker_seconds: None, generator_seconds: own },
        }
    }

    /// What was spent since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        let broker = self.broker_seconds.zip(earlier.broker_seconds);
        Self {
            broker_seconds: broker.map(|(now, then)| (now - then).max(0.0)),
            generator_seconds: (self.generator_seconds - earlier.generator_seconds).max(0.0),
        }
    }
}

/// Peak resident memory of a process, or of this one, since its start.
pub(crate) fn peak_bytes(process: Option<u32>) -> Option<u64> {
    status_bytes(process, "VmHWM:")
}

/// Resident memory of a process, or of this one, now.
pub(crate) fn resident_bytes(process: Option<u32>) -> Option<u64> {
    status_bytes(process, "VmRSS:")
}

fn embedded_broker_seconds() -> f64 {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    threads
        .flatten()
        .map(|thread| thread.path())
        .filter(|path| {
            fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with(BROKER_THREADS))
        })
        .filter_map(|path| cpu_seconds(&path.join("stat")))
        .sum()
}

pub(super) fn cpu_seconds(stat: &Path) -> Option<f64> {
    let (user, system) = cpu_ticks_of(&fs::read_to_string(stat).ok()?)?;
    Some(fraction(user + system) / fraction(rustix::param::clock_ticks_per_second()))
}

/// `utime` and `stime`, the 14th and 15th field of `/proc/…/stat` (proc(5)). The second field is a
/// name in parentheses, which may hold anything.
pub(super) fn cpu_ticks_of(stat: &str) -> Option<(u64, u64)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user, system))
}

fn status_bytes(process: Option<u32>, key: &str) -> Option<u64> {
    let path = match process {
        Some(process) => format!("/proc/{process}/status"),
        None => "/proc/self/status".to_owned(),
    };
    kibibytes(&fs::read_to_string(path).ok()?, key).map(|kibibytes| kibibytes * 1024)
}

fn kibibytes(status: &str, key: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "77 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 120 34 0 0 20 0";
        assert_eq!(cpu_ticks_of(stat), Some((120, 34)));
        assert_eq!(cpu_ticks_of("nonsense"), None);
    }

    #[test]
    fn memory_is_read_by_key() {
        let status = "Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(kibibytes(status, "VmHWM:"), Some(2048));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
    }

    #[test]
    fn this_process_is_visible() {
        assert!(resident_bytes(None).unwrap() > 0);
        assert!(peak_bytes(Some(std::process::id())).unwrap() > 0);
        assert!(Usage::now(BrokerProcess::Unknown).generator_seconds >= 0.0);
        assert_eq!(Usage::now(BrokerProcess::Unknown).broker_seconds, None);
    }
}
