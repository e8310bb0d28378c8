//! What a generator can do on a machine, kept from a calibration for the verdicts of later runs.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::read::read_json;
use crate::{Machine, ReadError, WriteError};

/// The value of [`Ceiling::schema`].
const SCHEMA: &str = "kelvin/ceiling/v1";

/// What one thread of the generator can do when nothing else is the limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// Always `kelvin/ceiling/v1`.
    pub schema: String,
    /// When it was measured, RFC 3339 in UTC.
    pub measured: String,
    /// The machine and the build. A ceiling of another one says nothing.
    pub machine: Machine,
    /// Deliveries that one thread takes in a second of CPU time.
    pub deliveries_per_second: f64,
    /// Publications that one thread sends in a second of CPU time.
    pub publications_per_second: f64,
}

impl Ceiling {
    /// A ceiling that was measured now.
    pub fn new(
        measured: String,
        machine: Machine,
        deliveries_per_second: f64,
        publications_per_second: f64,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            measured,
            machine,
            deliveries_per_second,
            publications_per_second,
        }
    }

    /// Where it is kept: `$XDG_DATA_HOME/kelvin/ceiling.json`, or below `~/.local/share`; `None` when neither
    /// variable is set.
    pub fn path() -> Option<PathBuf> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let data = variable("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/share")))?;
        Some(data.join("kelvin/ceiling.json"))
    }

    /// Reads the one at `path`, when it is of this machine and build.
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be read or is no ceiling.
    pub fn read(path: &Path, machine: &Machine) -> Result<Option<Self>, ReadError> {
        let ceiling: Self = read_json(path)?;
        Ok((ceiling.schema == SCHEMA && same(&ceiling.machine, machine)).then_some(ceiling))
    }

    /// Writes it to `path`, whose folder is made.
    ///
    /// # Errors
    /// [`WriteError`] names the file or folder and the cause.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| WriteError::CreateDirectory {
                path: folder.to_owned(),
                source,
            })?;
        }
        let file_error = |source| WriteError::File { path: path.to_owned(), source };
        let text = serde_json::to_string_pretty(self).map_err(|error| file_error(error.into()))?;
        fs::write(path, text + "\n").map_err(file_error)
    }
}

/// The same processor, kernel and build.
fn same(a: &Machine, b: &Machine) -> bool {
    let key = |machine: &Machine| {
        let Machine { os, cpu, cores, version, commit, allocator, .. } = machine.clone();
        (os, cpu, cores, version, commit, allocator)
    };
    key(a) == key(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{TestDirectory, literal};

    #[test]
    fn a_ceiling_is_of_its_machine_and_build() {
        let directory = TestDirectory::new();
        let path = directory.path().join("below/ceiling.json");
        let machine = literal().machine;
        let ceiling =
            Ceiling::new("2026-11-24T07:00:00.000Z".to_owned(), machine.clone(), 3e6, 5e5);
        ceiling.write(&path).unwrap();
        assert_eq!(Ceiling::read(&path, &machine).unwrap(), Some(ceiling));
        let more_memory = Machine { memory_bytes: 1, ..machine.clone() };
        assert!(Ceiling::read(&path, &more_memory).unwrap().is_some());
        let other = Machine { commit: "other".to_owned(), ..machine.clone() };
        assert_eq!(Ceiling::read(&path, &other).unwrap(), None);
        assert!(Ceiling::read(directory.path(), &machine).is_err());
    }
}
