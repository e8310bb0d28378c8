//! Reads `summary.json` back.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{ReadError, SCHEMA, SUMMARY_FILE, Summary};

/// Far above any file that is read here: a summary takes some kilobytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

impl Summary {
    /// Reads a summary. `path` is the file, or the directory of a run.
    ///
    /// # Errors
    /// [`ReadError`] names the file: it is absent, is no summary, or is of another schema.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let path = summary_path(path);
        // The schema comes first: of another version's file the rest may well be unreadable.
        let Schema { schema } = read_json(&path)?;
        if schema != SCHEMA {
            return Err(ReadError::Schema { path, found: schema, expected: SCHEMA });
        }
        read_json(&path)
    }
}

#[derive(Deserialize)]
struct Schema {
    schema: String,
}

pub(crate) fn summary_path(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(SUMMARY_FILE) } else { path.to_owned() }
}

/// Reads a JSON file of bounded size.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ReadError> {
    let text = read_bounded(path, FILE_BYTES_MAX)?;
    serde_json::from_slice(&text)
        .map_err(|source| ReadError::Json { path: path.to_owned(), source })
}

/// Reads a whole file, unless it is larger than `limit_bytes`.
pub(crate) fn read_bounded(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, ReadError> {
    let file_error = |source| ReadError::File { path: path.to_owned(), source };
    let mut text = Vec::new();
    File::open(path)
        .map_err(file_error)?
        .take(limit_bytes + 1)
        .read_to_end(&mut text)
        .map_err(file_error)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > limit_bytes {
        return Err(ReadError::TooLarge { path: path.to_owned(), limit_bytes });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::fixture::TestDirectory;

    fn error_of(text: &str) -> ReadError {
        let directory = TestDirectory::new();
        fs::write(directory.path().join(SUMMARY_FILE), text).unwrap();
        let error = Summary::read(directory.path()).unwrap_err();
        assert!(error.to_string().contains(SUMMARY_FILE), "{error}");
        error
    }

    #[test]
    fn what_is_no_summary_is_told_from_another_schema() {
        assert!(matches!(error_of("{"), ReadError::Json { .. }));
        assert!(matches!(error_of("{\"started\": 1}"), ReadError::Json { .. }));
        let other = error_of("{\"schema\": \"kelvin/run/v9\", \"counts\": 1}");
        assert!(matches!(&other, ReadError::Schema { found, .. } if found == "kelvin/run/v9"));
        let same = error_of(&format!("{{\"schema\": \"{SCHEMA}\"}}"));
        assert!(matches!(same, ReadError::Json { .. }));
    }

    #[test]
    fn a_file_that_is_absent_or_huge_is_an_error() {
        let directory = TestDirectory::new();
        let absent = Summary::read(directory.path()).unwrap_err();
        assert!(matches!(absent, ReadError::File { .. }), "{absent}");
        let path = directory.path().join("huge");
        File::create(&path).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
        let huge = Summary::read(&path).unwrap_err();
        assert!(matches!(huge, ReadError::TooLarge { .. }), "{huge}");
    }
}
