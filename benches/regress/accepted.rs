//! Slowdowns that somebody has accepted, with the reason: `reports/baselines/accepted.toml`.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::count::INSTRUCTIONS_MARGIN;

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    #[serde(default)]
    accepted: Vec<Entry>,
    #[serde(default)]
    removed: Vec<Removal>,
}

/// A figure that may be as high as it says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    scenario: String,
    metric: Metric,
    level: u64,
    reason: String,
    date: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Metric {
    Instructions,
    Allocations,
    SystemCalls,
}

/// A scenario that was taken away.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    scenario: String,
    reason: String,
    date: String,
}

impl Metric {
    const fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Allocations => "allocations",
            Self::SystemCalls => "system_calls",
        }
    }
}

impl Accepted {
    /// Reads the file; without one nothing is accepted.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let accepted: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        let levels = accepted.accepted.iter().map(|level| (&level.reason, &level.date));
        let removals = accepted.removed.iter().map(|removal| (&removal.reason, &removal.date));
        for (reason, date) in levels.chain(removals) {
            ensure!(
                !reason.trim().is_empty() && !date.trim().is_empty(),
                "{}: an entry has no reason or no date",
                path.display()
            );
        }
        Ok(accepted)
    }

    /// Why `value` of `metric` is accepted in `scenario`; `None` when it is not.
    pub(crate) fn level(&self, scenario: &str, metric: &str, value: u64) -> Option<&str> {
        let entry = self.accepted.iter().find(|entry| {
            entry.scenario == scenario && entry.metric.name() == metric && value <= entry.most()
        })?;
        Some(&entry.reason)
    }

    /// Why `scenario` was removed, if that is accepted.
    pub(crate) fn removal(&self, scenario: &str) -> Option<&str> {
        let removal = self.removed.iter().find(|removal| removal.scenario == scenario)?;
        Some(&removal.reason)
    }
}

impl Entry {
    /// Instructions may be above the level by as much as they may be above another commit's.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number below 2^53"
    )]
    fn most(&self) -> u64 {
        match self.metric {
            Metric::Instructions => (self.level as f64 * (1.0 + INSTRUCTIONS_MARGIN)) as u64,
            Metric::Allocations | Metric::SystemCalls => self.level,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_and_metrics_are_errors() {
        for text in [
            "[[accepted]]\nscenario='a'\nmetric='instructions'\nlevel=1\nreason='r'\ndate='d'\nscenraio='b'\n",
            "[[accepted]]\nscenario='a'\nmetric='time'\nlevel=1\nreason='r'\ndate='d'\n",
            "[[accepted]]\nscenario='a'\nmetric='instructions'\nlevel=1\ndate='d'\n",
            "[all]\n",
        ] {
            assert!(toml::from_str::<Accepted>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_file_of_this_repository_can_be_read() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reports/baselines/accepted.toml");
        assert!(path.exists());
        Accepted::read(&path).unwrap();
    }
}
