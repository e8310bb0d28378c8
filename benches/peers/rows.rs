//! The rows: loads, and what is asked of Kelvin in each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::figures::Figure;

/// The broker that is measured beside the others.
pub(crate) const KELVIN: &str = "kelvin";

/// The file of rows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rows {
    #[serde(rename = "row")]
    all: Vec<Row>,
}

/// A load, and what is asked of Kelvin.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// Its key in the table.
    pub(crate) name: String,
    /// The load in words.
    pub(crate) load: String,
    /// As it is typed after `loadgen`.
    pub(crate) arguments: String,
    /// Who is measured, Kelvin first.
    pub(crate) brokers: Vec<String>,
    /// What is shown. Ratios are those of the first figure.
    pub(crate) figures: Vec<Figure>,
    /// What Kelvin's figures must not be above, in the unit that the figure is shown in.
    #[serde(default)]
    pub(crate) at_most: BTreeMap<Figure, f64>,
    /// How many times as good as a broker Kelvin must be by the first figure. Of those that are not named
    /// it must not be behind.
    #[serde(default)]
    pub(crate) times: BTreeMap<String, f64>,
}

impl Rows {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let rows: Self = toml::from_str(text)?;
        for row in &rows.all {
            if row.brokers.first().map(String::as_str) != Some(KELVIN) || row.figures.is_empty() {
                bail!(
                    "{}: the first broker must be kelvin, and figures must not be empty",
                    row.name
                );
            }
        }
        Ok(rows)
    }

    /// Those of these names, or whose names begin like them where none has the very name; all when nothing
    /// is said.
    pub(crate) fn chosen(&self, names: &[String]) -> Result<Vec<&Row>> {
        for name in names {
            if !self.all.iter().any(|row| row.name.starts_with(name)) {
                bail!("there is no row {name}; --list prints all");
            }
        }
        let is_meant = |row: &Row, name: &String| {
            let is_exact = self.all.iter().any(|other| other.name == *name);
            if is_exact { row.name == *name } else { row.name.starts_with(name) }
        };
        let is_chosen =
            |row: &&Row| names.is_empty() || names.iter().any(|name| is_meant(row, name));
        Ok(self.all.iter().filter(is_chosen).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_this_repository_are_rows() {
        let rows = Rows::parse(include_str!("rows.toml")).unwrap();
        assert!(rows.all.len() > 10);
        assert_eq!(rows.chosen(&[]).unwrap().len(), rows.all.len());
        assert_eq!(rows.chosen(&["literal".to_owned()]).unwrap().len(), 1);
        assert_eq!(rows.chosen(&["idle".to_owned()]).unwrap().len(), 1, "its very name");
        assert_eq!(rows.chosen(&["pairs-10-qos".to_owned()]).unwrap().len(), 3);
        let error = rows.chosen(&["nothing".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("--list"), "{error}");
        let mut names: Vec<_> = rows.all.iter().map(|row| &row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), rows.all.len(), "each row has a name of its own");
    }
}
