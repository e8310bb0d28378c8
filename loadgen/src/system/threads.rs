//! What the threads of a process did with their time.

use std::fs;
use std::path::Path;

use crate::units::seconds;

/// What one thread did since it began.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ThreadTime {
    /// Identifier of the thread.
    pub id: u32,
    /// Name of the thread, at most 15 characters.
    pub name: String,
    /// Time on a CPU.
    pub run_seconds: f64,
    /// Time in a run queue: ready to run, and waiting for a CPU. `None` when the kernel does not tell.
    pub wait_seconds: Option<f64>,
}

/// The threads of this process whose names begin with `prefix`.
pub(crate) fn own_threads(prefix: &str) -> Vec<ThreadTime> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            let name = fs::read_to_string(path.join("comm")).ok()?.trim_end().to_owned();
            if !name.starts_with(prefix) {
                return None;
            }
            let id = entry.file_name().to_str()?.parse().ok()?;
            let (run_seconds, wait_seconds) = thread_time(&path)?;
            Some(ThreadTime { id, name, run_seconds, wait_seconds })
        })
        .collect()
}

/// CPU time, to the nanosecond where the kernel keeps it, and time in a run queue.
fn thread_time(path: &Path) -> Option<(f64, Option<f64>)> {
    let coarse = || super::usage::cpu_seconds(&path.join("stat"));
    match fs::read_to_string(path.join("schedstat")).ok().as_deref().and_then(schedstat) {
        Some((run_ns, wait_ns)) if run_ns > 0 => Some((seconds(run_ns), Some(seconds(wait_ns)))),
        Some((_, wait_ns)) => Some((coarse()?, Some(seconds(wait_ns)))),
        None => Some((coarse()?, None)),
    }
}

/// The first two fields: nanoseconds on a CPU, nanoseconds in a run queue (sched-stats of the kernel).
pub(super) fn schedstat(text: &str) -> Option<(u64, u64)> {
    let mut fields = text.split_whitespace().map(str::parse);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedstat_is_run_time_and_wait_time() {
        assert_eq!(schedstat("12345 678 9\n"), Some((12_345, 678)));
        assert_eq!(schedstat("x 1 2"), None);
        assert_eq!(schedstat(""), None);
    }

    #[test]
    fn a_thread_of_this_process_is_found_by_name() {
        let name = "kelvin-find-me";
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                std::hint::spin_loop();
            }
        });
        // A thread names itself when it runs.
        let started = std::time::Instant::now();
        let mut found = own_threads(name);
        while found.first().is_none_or(|thread| thread.run_seconds == 0.0) {
            assert!(started.elapsed().as_secs() < 60, "{found:?}");
            found = own_threads(name);
        }
        drop(stop);
        thread.unwrap().join().unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].run_seconds > 0.0);
    }
}
