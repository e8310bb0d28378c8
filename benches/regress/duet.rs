//! Gate 2: both brokers at the same time on one core, judged by `loadgen duet`.

use std::path::Path;
use std::process::{Command, Stdio};

use reports::regress::{Change, DuetReport};
use serde::Serialize;

use crate::judge::Verdict;
use crate::sides::Brokers;

/// What gate 2 says.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Duet {
    pub(crate) verdict: Verdict,
    /// Why there is none, in words.
    pub(crate) reason: String,
    /// What `loadgen duet` printed.
    pub(crate) document: Option<DuetReport>,
}

/// Lets both brokers play.
pub(crate) fn judge(loadgen: &Path, brokers: &Brokers) -> Duet {
    let cannot = |reason: String| Duet { verdict: Verdict::CannotMeasure, reason, document: None };
    let output = Command::new(loadgen)
        .args(["duet", "--format", "json"])
        .args(["--a", &command(&brokers.base), "--b", &command(&brokers.new)])
        .args(["--control", &command(&brokers.control)])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return cannot(format!("cannot run {}: {error}", loadgen.display())),
    };
    read(&output.stdout)
        .unwrap_or_else(|| cannot(format!("loadgen duet ended with {}", output.status)))
}

/// The command that starts a broker of ours.
fn command(broker: &Path) -> String {
    format!(
        "'{}' --port {{port}} --listen mqtts://127.0.0.1:{{tls_port}} --tls-cert {{cert}} --tls-key {{key}} --quiet",
        broker.display()
    )
}

fn read(printed: &[u8]) -> Option<Duet> {
    let document: DuetReport = serde_json::from_slice(printed).ok()?;
    let verdict = match document.verdict {
        Change::Faster => Verdict::Faster,
        Change::Same => Verdict::Same,
        Change::Slower => Verdict::Slower,
        Change::Undecided => Verdict::Undecided,
        Change::CannotMeasure => Verdict::CannotMeasure,
    };
    let loads = document.loads.iter().filter(|load| load.verdict == document.verdict);
    let names: Vec<_> = loads.map(|load| load.name.as_str()).collect();
    Some(Duet { verdict, reason: names.join(", "), document: Some(document) })
}

#[cfg(test)]
mod tests {
    use reports::regress::{DuetLoad, PairSeries, Rule};

    use super::*;

    #[test]
    fn the_worst_load_is_named() {
        let series = |change| PairSeries::new(change, Vec::new());
        let load = |name: &str, change| {
            DuetLoad::judge(name, "", [Change::Same, Change::Slower, change].map(series))
        };
        let loads = vec![load("pairs", Change::Same), load("idle", Change::Slower)];
        let names = ["old", "new", "slow"].map(str::to_owned);
        let duet = read(DuetReport::new(names, Rule::default(), loads).json().as_bytes());
        let duet = duet.expect("what loadgen prints");
        assert_eq!((duet.verdict, duet.reason.as_str()), (Verdict::Slower, "idle"));
        assert!(read(b"error: no").is_none());
    }
}
