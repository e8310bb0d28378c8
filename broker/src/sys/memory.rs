//! The memory of the process. What the allocator holds for the program cannot be asked of every
//! allocator; what the system has given to the process can.

use std::fs;

/// Physical memory of this process, embedder included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident_bytes: u64,
    /// The most it ever was.
    pub(crate) resident_bytes_max: u64,
}

impl Memory {
    /// Asks the system; `None` where it does not say, which is anywhere but on Linux.
    pub(crate) fn of_this_process() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/status").ok()?)
    }

    fn parse(status: &str) -> Option<Self> {
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            kibibytes.checked_mul(1024)
        };
        let (resident_bytes, resident_bytes_max) = (bytes("VmRSS:")?, bytes("VmHWM:")?);
        Some(Self { resident_bytes, resident_bytes_max })
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn what_the_system_says_is_read() {
        let status = "Name:\tbroker\nVmHWM:\t    9000 kB\nVmRSS:\t    8192 kB\nThreads:\t1\n";
        let memory = Memory::parse(status).expect("both lines are there");
        assert_eq!((memory.resident_bytes, memory.resident_bytes_max), (8_388_608, 9_216_000));
        for damaged in
            ["", "VmHWM: 1 kB", "VmHWM: 1 kB\nVmRSS: 2 pages", "VmHWM: x kB\nVmRSS: 1 kB"]
        {
            assert_eq!(Memory::parse(damaged), None, "{damaged}");
        }
    }
}
