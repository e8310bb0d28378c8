//! Gate 2: both brokers at the same time on one core, judged by `loadgen duet`.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;
use serde_json::Value;

use crate::judge::Verdict;

/// What gate 2 says.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Duet {
    pub(crate) verdict: Verdict,
    /// Why, in words.
    pub(crate) reason: String,
    /// What `loadgen duet` printed.
    pub(crate) document: Option<Value>,
}

/// Lets both brokers play; its exit status is the verdict.
pub(crate) fn judge(loadgen: &Path, base: &Path, new: &Path) -> Duet {
    let cannot = |reason: String| Duet { verdict: Verdict::CannotMeasure, reason, document: None };
    let help = Command::new(loadgen).args(["duet", "--help"]).stdin(Stdio::null()).output();
    if !help.is_ok_and(|output| output.status.success()) {
        return cannot("this build of loadgen has no `duet`".to_owned());
    }
    let output = Command::new(loadgen)
        .args(["duet", "--format", "json", "--a"])
        .arg(base)
        .arg("--b")
        .arg(new)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return cannot(format!("cannot run {}: {error}", loadgen.display())),
    };
    let document: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    let says = document.as_ref().and_then(|document| document.get("verdict")?.as_str());
    let verdict = match output.status.code() {
        Some(0) if says.is_some_and(|verdict| verdict.eq_ignore_ascii_case("faster")) => {
            Verdict::Faster
        }
        Some(0) => Verdict::Same,
        Some(99) => Verdict::Slower,
        Some(5) => Verdict::Undecided,
        _ => return cannot(format!("loadgen duet ended with {}", output.status)),
    };
    Duet { verdict, reason: says.unwrap_or_default().to_owned(), document }
}
