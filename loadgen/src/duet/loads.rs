//! The loads, and how long each lasts: a fixed amount of work.

use std::time::Duration;

use super::DuetError;
use crate::compare::{CompareError, Load, Pin};

/// Built-in loads: name and words. Rates leave a fifth of one core idle with two brokers and two generators on it.
const LOADS: [(&str, &str); 5] = [
    ("temperature", "--clients 200 --rate 250/s"),
    ("pairs-qos0", "--topology pairs --clients 40 --rate 20000/s -q 0 --sub-qos 0 --no-retain"),
    ("pairs-qos1", "--topology pairs --clients 40 --rate 8000/s -q 1 --sub-qos 1 --no-retain"),
    ("fan-out", "--topology fan-out --clients 101 --rate 300/s -q 0 --sub-qos 0 --no-retain"),
    ("idle", "--topology pairs --clients 800 --rate 8000/s -q 0 --sub-qos 0 --no-retain"),
];

/// How long a load lasts, and how much longer the control does.
const LASTS: Duration = Duration::from_secs(1);
const CONTROL_LASTS: Duration = Duration::from_millis(1_050);

/// Added deliveries of the control over those without, as the divisor of its count.
pub(super) const CONTROL_FACTOR: f64 = 1.05;

/// What the duet says about times itself.
const TAKEN: [&str; 4] = ["-d", "--duration", "--warmup", "--drain"];

/// A load in two lengths.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) name: String,
    pub(super) words: String,
    pub(super) normal: Load,
    pub(super) more: Load,
}

impl Work {
    /// What was asked for: one of the user's, some by name, or all.
    pub(super) fn all(names: &[String], words: &[String]) -> Result<Vec<Self>, DuetError> {
        if !words.is_empty() {
            return Ok(vec![Self::new("load", words)?]);
        }
        let shipped = |name: &str| {
            let (_, words) = LOADS.iter().find(|(known, _)| *known == name).ok_or_else(|| {
                DuetError::Load(name.to_owned(), LOADS.map(|(n, _)| n).join(", "))
            })?;
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            Self::new(name, &words)
        };
        if names.is_empty() {
            return LOADS.iter().map(|(name, _)| shipped(name)).collect();
        }
        names.iter().map(|name| shipped(name)).collect()
    }

    fn new(name: &str, words: &[String]) -> Result<Self, DuetError> {
        let is_taken = |word: &&String| TAKEN.contains(&word.split('=').next().unwrap_or_default());
        if let Some(taken) = words.iter().find(is_taken) {
            return Err(CompareError::Taken(taken.clone()).into());
        }
        let lasting = |time: Duration| {
            let time = format!("{}ms", time.as_millis());
            let times = ["--warmup", "0s", "--drain", "5s", "--duration", &time].map(str::to_owned);
            Load::new(&[words, &times[..]].concat(), Pin::default())
        };
        Ok(Self {
            name: name.to_owned(),
            words: words.join(" "),
            normal: lasting(LASTS)?,
            more: lasting(CONTROL_LASTS)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_load_is_one() {
        assert_eq!(Work::all(&[], &[]).unwrap().len(), LOADS.len());
        let error = Work::all(&["pears".to_owned()], &[]).unwrap_err().to_string();
        assert!(error.contains("pears") && error.contains("pairs-qos1"), "{error}");
    }

    #[test]
    fn times_are_not_the_loads_to_say() {
        let words = ["--clients", "10", "--duration=3s"].map(str::to_owned);
        let error = Work::all(&[], &words).unwrap_err();
        assert!(error.is_usage(), "{error}");
    }
}
