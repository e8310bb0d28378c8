//! CPU time of a group of processes, from `/proc`, to the nanosecond.

use std::fs;
use std::path::Path;

/// What a process group spent until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) cpu_nanoseconds: u64,
    pub(super) involuntary_switches: u64,
}

impl Cost {
    /// Adds up all threads of all processes of the group. `None` when none is left.
    ///
    /// `/proc/PID/stat` counts ticks of 10 ms, which is 4 % of a pair; `schedstat` counts nanoseconds. A thread
    /// that ended took its time with it.
    pub(super) fn of_group(group: u32) -> Option<Self> {
        let mut found = None;
        for process in fs::read_dir("/proc").ok()?.flatten() {
            let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
            if group_of(&stat) != Some(group) {
                continue;
            }
            let cost: &mut Self = found.get_or_insert_default();
            for thread in fs::read_dir(process.path().join("task")).into_iter().flatten().flatten()
            {
                let thread = Self::of_thread(&thread.path()).unwrap_or_default();
                cost.cpu_nanoseconds += thread.cpu_nanoseconds;
                cost.involuntary_switches += thread.involuntary_switches;
            }
        }
        found
    }

    fn of_thread(thread: &Path) -> Option<Self> {
        let schedule = fs::read_to_string(thread.join("schedstat")).ok()?;
        let status = fs::read_to_string(thread.join("status")).ok()?;
        let switches =
            status.lines().find_map(|l| l.strip_prefix("nonvoluntary_ctxt_switches:"))?;
        Some(Self {
            cpu_nanoseconds: schedule.split_whitespace().next()?.parse().ok()?,
            involuntary_switches: switches.trim().parse().ok()?,
        })
    }

    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            cpu_nanoseconds: self.cpu_nanoseconds.saturating_sub(earlier.cpu_nanoseconds),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(earlier.involuntary_switches),
        }
    }
}

/// The process group in a line of `/proc/PID/stat`: the third field after the name in brackets.
fn group_of(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_found_behind_any_name() {
        assert_eq!(group_of("12 (a) b (c) S 1 77 77 0"), Some(77));
        assert_eq!(group_of("12"), None);
    }

    #[test]
    fn work_of_this_process_shows() {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let group = group_of(&stat).unwrap();
        let before = Cost::of_group(group).unwrap();
        let mut sum = 0_u64;
        while Cost::of_group(group).unwrap().since(before).cpu_nanoseconds < 1_000_000 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert_eq!(Cost::of_group(0x7fff_ffff), None);
    }
}
