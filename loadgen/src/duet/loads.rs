//! The loads, and how long each lasts.

use super::DuetError;
use crate::secrets::command_line;
use crate::trial::{Load, Owner};

/// Built-in loads: name and words.
///
/// All are closed loops. At a fixed rate it is luck how much work waits when a broker is woken, and so what a
/// delivery costs: a pair then has several times the noise, and a busy machine may lose deliveries. Nor is one
/// here whose deliveries leave in great batches: at a quarter of a microsecond each, copies of the same binary were
/// seen to differ by more than the margin.
const LOADS: [(&str, &str); 3] = [
    (
        "pairs-qos0",
        "--topology pairs --clients 40 --rate max --window 20 -q 0 --sub-qos 0 --no-retain",
    ),
    (
        "pairs-qos1",
        "--topology pairs --clients 40 --rate max --window 20 -q 1 --sub-qos 1 --no-retain",
    ),
    (
        "fan-out",
        "--topology fan-out --clients 1001 --rate max --window 1 -q 0 --sub-qos 0 --no-retain",
    ),
];

/// How long a load lasts.
const LASTS: &str = "1s";

/// What a delivery of the built-in control costs more: it is counted as so much less than one.
///
/// The control is no slower broker: it shows whether the noise of this machine would hide five per cent.
pub(super) const CONTROL_FACTOR: f64 = 1.05;

/// Brokers and times are the duet's to say.
const OWNER: Owner = Owner {
    name: "duet",
    has_broker: true,
    further: &[("-d", ""), ("--duration", ""), ("--warmup", ""), ("--drain", "")],
};

/// A load.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) name: String,
    pub(super) words: String,
    pub(super) load: Load,
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
        let load = Load::new(words, OWNER)?.and(&["--warmup", "0s", "--drain", "5s", "-d", LASTS]);
        Ok(Self { name: name.to_owned(), words: command_line(words.iter().cloned()), load })
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
