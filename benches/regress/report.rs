//! What a comparison leaves: text, Markdown, JSON, JUnit.

use std::collections::BTreeMap;

use reports::junit::{Case, CaseStatus, junit};
use reports::regress::DuetReport;
use serde::Serialize;

use crate::baseline::Toolchain;
use crate::callgrind;
use crate::count::Counted;
use crate::duet::Duet;
use crate::judge::{Judgement, Verdict};

/// Functions that are shown of a scenario that became slower.
const FUNCTIONS_MAX: usize = 12;

/// The scenario whose held bytes are those of a connection.
const CONNECTIONS: &str = "join/1000";

/// A whole comparison.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) schema: &'static str,
    pub(crate) verdict: Verdict,
    /// What was compared with: a commit, or the kept counts.
    pub(crate) base: String,
    pub(crate) toolchain: Toolchain,
    pub(crate) notes: Vec<String>,
    /// Gate 1.
    pub(crate) counts: Vec<Judgement>,
    /// Gate 2; absent in the short form.
    pub(crate) duet: Option<Duet>,
    /// Functions of the scenarios that became slower: instructions before and after.
    pub(crate) functions: BTreeMap<String, Vec<(String, u64, u64)>>,
}

impl Comparison {
    /// Adds the functions in which scenarios became slower.
    pub(crate) fn explain(&mut self, base: &Counted, new: &Counted) {
        for judgement in self.counts.iter().filter(|j| j.verdict == Verdict::Slower) {
            let of = |side: &Counted| side.profiles.get(&judgement.scenario).cloned();
            if let (Some(base), Some(new)) = (of(base), of(new)) {
                let rows = callgrind::differences(&base, &new, FUNCTIONS_MAX);
                self.functions.insert(judgement.scenario.clone(), rows);
            }
        }
    }

    /// The verdict of all gates.
    pub(crate) fn decide(&mut self) {
        let counts = self.counts.iter().map(|judgement| judgement.verdict);
        let duet = self.duet.as_ref().map(|duet| duet.verdict);
        self.verdict = counts.chain(duet).max().unwrap_or(Verdict::CannotMeasure);
    }

    /// A table in Markdown, for a job's summary, with a line in front that says it all.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("## {}: compared with {}\n\n", self.verdict, self.base);
        for note in &self.notes {
            push(&mut text, format_args!("> {note}\n"));
        }
        text.push_str("\n### Gate 1, counts\n\n");
        let telling = |judgement: &&Judgement| {
            judgement.verdict != Verdict::Same || !judgement.reason.is_empty()
        };
        let shown: Vec<_> = self.counts.iter().filter(telling).collect();
        let same = self.counts.len() - shown.len();
        if !shown.is_empty() {
            text.push_str(
                "| scenario | verdict | instructions | change | allocations | system calls | |\n",
            );
            text.push_str("|---|---|--:|--:|--:|--:|---|\n");
        }
        for judgement in shown {
            push(&mut text, format_args!("{}\n", row(judgement)));
        }
        push(&mut text, format_args!("\n{same} of {} scenarios: SAME.\n", self.counts.len()));
        for (scenario, rows) in &self.functions {
            push(
                &mut text,
                format_args!("\n{scenario}, by function (instructions without callees):\n\n"),
            );
            text.push_str("| function | before | now | |\n|---|--:|--:|--:|\n");
            for (function, base, new) in rows {
                let change = i128::from(*new) - i128::from(*base);
                let function = function.replace('|', "\\|");
                push(&mut text, format_args!("| `{function}` | {base} | {new} | {change:+} |\n"));
            }
        }
        if let Some(duet) = &self.duet {
            push(
                &mut text,
                format_args!("\n### Gate 2, duet: {}\n\n{}\n", duet.verdict, duet.reason),
            );
            text.push('\n');
            text.push_str(&duet.document.as_ref().map(DuetReport::markdown).unwrap_or_default());
        }
        text.push_str(&self.witnesses());
        text
    }

    /// Gate 3, which never fails.
    fn witnesses(&self) -> String {
        let mut text = String::from("\n### Witnesses, not judged\n\n");
        let judgement = self.counts.iter().find(|judgement| judgement.scenario == CONNECTIONS);
        let bytes = |counts: Option<&crate::count::Counts>| {
            counts.map_or_else(
                || "-".to_owned(),
                |c| {
                    (c.held_bytes / i64::try_from(c.operations.max(1)).unwrap_or(i64::MAX))
                        .to_string()
                },
            )
        };
        if let Some(judgement) = judgement {
            push(
                &mut text,
                format_args!(
                    "Bytes of broker-core for each idle subscriber: {} before, {} now.\n",
                    bytes(judgement.base.as_ref()),
                    bytes(judgement.new.as_ref())
                ),
            );
        }
        text
    }

    /// JUnit XML: one case for each scenario and one for gate 2.
    pub(crate) fn junit(&self) -> anyhow::Result<String> {
        let counts = self.counts.iter().map(|j| case(&j.scenario, j.verdict, &j.reason));
        let duet = self.duet.iter().map(|duet| case("duet", duet.verdict, &duet.reason));
        Ok(junit("regress", "regress", counts.chain(duet))?)
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.push_str(&arguments.to_string());
}

fn row(judgement: &Judgement) -> String {
    let Judgement { scenario, verdict, reason, base, new } = judgement;
    let both = |of: &dyn Fn(&crate::count::Counts) -> Option<u64>| {
        let side = |counts: &Option<crate::count::Counts>| {
            counts.as_ref().and_then(of).map_or_else(|| "-".to_owned(), |count| count.to_string())
        };
        let (base, new) = (side(base), side(new));
        if base == new { base } else { format!("{base} -> {new}") }
    };
    let growth =
        judgement.growth().map_or_else(|| "-".to_owned(), |g| format!("{:+.2} %", g * 100.0));
    let instructions = both(&|counts| Some(counts.instructions));
    let allocations = both(&|counts| Some(counts.allocations));
    let system_calls = both(&|counts| counts.system_calls);
    format!(
        "| {scenario} | {verdict} | {instructions} | {growth} | {allocations} | {system_calls} | {reason} |"
    )
}

fn case(name: &str, verdict: Verdict, reason: &str) -> Case {
    let status = match verdict {
        Verdict::Same | Verdict::Faster => CaseStatus::Passed,
        Verdict::Slower => CaseStatus::Failed,
        Verdict::Undecided | Verdict::CannotMeasure => CaseStatus::Skipped,
    };
    Case { name: name.to_owned(), status, text: format!("{verdict}: {reason}") }
}
