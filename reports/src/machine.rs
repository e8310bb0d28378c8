//! What `summary.json` says about the machine.

use std::fs;
use std::path::Path;
use std::thread;

use rustix::process::{Resource, getrlimit};
use rustix::system::uname;

use crate::Machine;

/// What stands where the system does not tell.
const UNKNOWN: &str = "unknown";

impl Machine {
    /// Describes this machine and this build. `allocator` is the name of the binary's global allocator,
    /// which a library cannot know.
    ///
    /// What the system does not tell is `unknown`, or 0 where a number is asked for.
    pub fn detect(allocator: &str) -> Self {
        let kernel = uname();
        Self {
            os: format!(
                "{} {}",
                kernel.sysname().to_string_lossy(),
                kernel.release().to_string_lossy()
            ),
            cpu: read(Path::new("/proc/cpuinfo"))
                .and_then(|text| cpu_model(&text))
                .unwrap_or_else(|| UNKNOWN.to_owned()),
            cores: thread::available_parallelism()
                .map_or(0, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
            memory_bytes: read(Path::new("/proc/meminfo"))
                .and_then(|text| memory_total_bytes(&text))
                .unwrap_or(0),
            // `None` is the kernel's word for unlimited.
            open_files_max: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: env!("KELVIN_COMMIT").to_owned(),
            allocator: allocator.to_owned(),
        }
    }
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The first model that `/proc/cpuinfo` names: x86 writes `model name`, some others `Model` or `cpu model`.
fn cpu_model(text: &str) -> Option<String> {
    ["model name", "Model", "cpu model"].iter().find_map(|key| field(text, key)).map(str::to_owned)
}

/// `MemTotal` of `/proc/meminfo`, which counts in units of 1,024 bytes and calls them kB.
fn memory_total_bytes(text: &str) -> Option<u64> {
    let kibibytes: u64 = field(text, "MemTotal")?.strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

/// The value of the first `key : value` line with this key.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_model_is_found_under_each_name() {
        let x86 = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2.00GHz\n";
        assert_eq!(cpu_model(x86).as_deref(), Some("Some CPU @ 2.00GHz"));
        assert_eq!(cpu_model("Hardware\t: X\nModel\t: Board 4\n").as_deref(), Some("Board 4"));
        assert_eq!(cpu_model("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
        assert_eq!(cpu_model("model name\t:\n"), None);
    }

    #[test]
    fn the_memory_is_in_bytes() {
        let text = "MemTotal:        8010268 kB\nMemFree:         123 kB\n";
        assert_eq!(memory_total_bytes(text), Some(8_202_514_432));
        assert_eq!(memory_total_bytes("MemTotal: many kB\n"), None);
        assert_eq!(memory_total_bytes("MemTotal: 18446744073709551615 kB\n"), None);
        assert_eq!(memory_total_bytes(""), None);
    }

    #[test]
    fn this_machine_has_a_kernel_a_core_and_a_build() {
        let machine = Machine::detect("mimalloc");
        assert!(machine.os.contains(' '), "{}", machine.os);
        assert!(!machine.cpu.is_empty());
        assert!(machine.cores >= 1);
        assert!(machine.open_files_max >= 1);
        assert_eq!(machine.version, env!("CARGO_PKG_VERSION"));
        assert_eq!(machine.allocator, "mimalloc");
        let hash = machine.commit.trim_end_matches("-dirty");
        assert!(
            hash == UNKNOWN || (hash.len() >= 12 && hash.chars().all(|c| c.is_ascii_hexdigit())),
            "{hash}"
        );
    }
}
