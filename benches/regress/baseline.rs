//! Counts that are kept in the repository: `reports/baselines/counts.csv`.
//!
//! They hold for what they were made with. The first lines say what that was, and nothing is compared where it
//! differs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::count::{Counts, run};

/// What counts depend on besides the source.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Toolchain {
    /// First line of `rustc -vV`, and the host.
    pub(crate) rustc: String,
    /// The C library, whose functions are counted too.
    pub(crate) libc: String,
    /// Its version decides which instructions of the processor a program sees.
    pub(crate) valgrind: String,
    /// Vector instructions for which the C library has functions of its own.
    pub(crate) vectors: String,
}

impl Toolchain {
    /// What is here.
    pub(crate) fn detect() -> anyhow::Result<Self> {
        let rustc = run(Command::new("rustc").arg("-vV"))?;
        let version = rustc.lines().next().unwrap_or_default();
        let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        let libc = run(Command::new("getconf").arg("GNU_LIBC_VERSION")).unwrap_or_default();
        let valgrind = run(Command::new("valgrind").arg("--version")).unwrap_or_default();
        let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = flags.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
        let vectors = ["avx2", "erms", "fsrm", "avx512vl"].into_iter();
        let vectors: Vec<_> =
            vectors.filter(|v| flags.split_whitespace().any(|flag| flag == *v)).collect();
        Ok(Self {
            rustc: format!("{version} {host}"),
            libc: libc.trim().to_owned(),
            valgrind: valgrind.trim().to_owned(),
            vectors: vectors.join(" "),
        })
    }

    fn lines(&self) -> [(&'static str, &str); 4] {
        [
            ("rustc", &self.rustc),
            ("libc", &self.libc),
            ("valgrind", &self.valgrind),
            ("vectors", &self.vectors),
        ]
    }

    /// What differs between two of them, in words; empty when nothing does.
    pub(crate) fn difference(&self, other: &[(String, String)]) -> String {
        let kept =
            |key: &str| other.iter().find(|(k, _)| k == key).map_or("?", |(_, v)| v.as_str());
        let differing = self.lines().into_iter().filter(|(key, value)| kept(key) != *value);
        let texts: Vec<_> = differing
            .map(|(key, value)| format!("{key} {:?} and here {value:?}", kept(key)))
            .collect();
        texts.join(", ")
    }
}

/// A file of counts.
pub(crate) struct Baseline {
    made_with: Vec<(String, String)>,
    pub(crate) counts: Vec<Counts>,
}

impl Baseline {
    /// Reads the file; `None` when there is none.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let made_with = text
            .lines()
            .filter_map(|line| line.strip_prefix("# ")?.split_once(": "))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
        let counts = reader.deserialize().collect::<Result<Vec<Counts>, _>>();
        let counts = counts.with_context(|| path.display().to_string())?;
        ensure!(!counts.is_empty(), "{} has no counts", path.display());
        Ok(Some(Self { made_with, counts }))
    }

    /// Why its counts cannot be compared with those made here; empty when they can.
    pub(crate) fn difference(&self, here: &Toolchain) -> String {
        here.difference(&self.made_with)
    }
}

/// Writes the file.
pub(crate) fn write(path: &Path, toolchain: &Toolchain, counts: &[Counts]) -> anyhow::Result<()> {
    let mut text =
        String::from("# Written by `just baseline`: what each counted scenario costs.\n");
    for (key, value) in toolchain.lines() {
        writeln!(text, "# {key}: {value}")?;
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    for counts in counts {
        writer.serialize(counts)?;
    }
    text.push_str(&String::from_utf8(writer.into_inner()?)?);
    fs::write(path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(rustc: &str) -> Toolchain {
        Toolchain {
            rustc: rustc.into(),
            libc: "glibc 2.36".into(),
            valgrind: "valgrind-3.19.0".into(),
            vectors: "avx2 erms".into(),
        }
    }

    #[test]
    fn what_is_written_is_read_and_another_compiler_is_told() {
        let line = r#"{"scenario":"a","operations":1,"allocations":2,"allocated_bytes":3,"held_bytes":-4,"written_bytes":5}"#;
        let counts: Counts = serde_json::from_str(line).unwrap();
        let path = std::env::temp_dir().join(format!("kelvin-counts-{}.csv", std::process::id()));
        write(&path, &toolchain("rustc 1.95.0"), std::slice::from_ref(&counts)).unwrap();
        let baseline = Baseline::read(&path).unwrap().unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(baseline.counts, [counts]);
        assert_eq!(baseline.difference(&toolchain("rustc 1.95.0")), "");
        assert!(baseline.difference(&toolchain("rustc 1.96.0")).contains("1.96.0"));
        assert!(Baseline::read(&path).unwrap().is_none());
    }
}
