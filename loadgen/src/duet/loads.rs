//! The loads, and how long each lasts.

use super::DuetError;
use crate::secrets::command_line;
use crate::trial::{Description, Load, Owner};

/// Built-in loads: name and words.
///
/// All are closed loops. At a fixed rate it is luck how much work waits when a broker is woken, and so what a
/// delivery costs: a pair then has several times the noise, and a busy machine may lose deliveries. Nor is one
/// here whose deliveries leave in batches of any size: at QoS 0, `temperature` is up to three times as noisy as with
/// acknowledgements, which keep the sides in step.
const LOADS: [(&str, &str); 6] = [
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
        "--topology fan-out --clients 101 --rate max --window 1 -q 0 --sub-qos 0 --no-retain",
    ),
    (
        "temperature",
        "--topology shared --clients 100 --rate max --window 1 -q 1 --sub-qos 1 --no-retain",
    ),
    ("mostly-idle", "--scenario mostly-idle"),
    (
        PAIRS_TLS,
        "--topology pairs --clients 40 --rate max --window 20 -q 0 --sub-qos 0 --no-retain",
    ),
];

/// The load that speaks TLS.
const PAIRS_TLS: &str = "pairs-tls";

/// How long a load lasts.
const LASTS: &str = "1s";

/// What a delivery of the built-in control costs more.
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
    /// Whether TLS is spoken.
    pub(super) is_secure: bool,
}

impl Work {
    /// What was asked for: one of the user's, some by name, or all that the brokers can play.
    pub(super) fn all(
        names: &[String],
        words: &[String],
        brokers: &[&Description],
    ) -> Result<Vec<Self>, DuetError> {
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
        let without_tls = brokers.iter().find(|broker| !broker.has_tls());
        if names.is_empty() {
            let all = LOADS.iter().filter(|(name, _)| *name != PAIRS_TLS || without_tls.is_none());
            return all.map(|(name, _)| shipped(name)).collect();
        }
        match without_tls {
            Some(broker) if names.iter().any(|name| name == PAIRS_TLS) => {
                Err(DuetError::NoTls(broker.name.clone()))
            }
            _ => names.iter().map(|name| shipped(name)).collect(),
        }
    }

    fn new(name: &str, words: &[String]) -> Result<Self, DuetError> {
        let mut load =
            Load::new(words, OWNER)?.and(&["--warmup", "0s", "--drain", "5s", "-d", LASTS]);
        let is_secure = name == PAIRS_TLS;
        if is_secure {
            // The certificate is made anew for each broker that is started.
            load = load.and(&["--insecure"]);
        }
        let words = command_line(words.iter().cloned());
        Ok(Self { name: name.to_owned(), words, load, is_secure })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_load_is_one() {
        assert_eq!(Work::all(&[], &[], &[]).unwrap().len(), LOADS.len());
        let error = Work::all(&["pears".to_owned()], &[], &[]).unwrap_err().to_string();
        assert!(error.contains("pears") && error.contains("pairs-qos1"), "{error}");
    }

    #[test]
    fn times_are_not_the_loads_to_say() {
        let words = ["--clients", "10", "--duration=3s"].map(str::to_owned);
        let error = Work::all(&[], &words, &[]).unwrap_err();
        assert!(error.is_usage(), "{error}");
    }
}
