//! The ledger, the verdict and the thresholds of several runs.

use std::collections::BTreeMap;

use crate::slo::{Observed, Threshold};
use crate::{Contract, Finding, Judgement, Reason, Run, ThresholdResult, Verdict};

/// The contracts of all runs by their QoS. Findings keep the name of the run they were made in.
pub(super) fn ledger(runs: &[Run]) -> Vec<Contract> {
    let mut ledger: BTreeMap<u8, Contract> = BTreeMap::new();
    for run in runs {
        for contract in &run.summary.ledger {
            let sum = ledger
                .entry(contract.qos)
                .or_insert_with(|| Contract { qos: contract.qos, ..Contract::default() });
            add(sum, contract);
            sum.findings.extend(contract.findings.iter().map(|finding| Finding {
                text: format!("{}: {}", run.name, finding.text),
                ..finding.clone()
            }));
        }
    }
    ledger.into_values().collect()
}

fn add(sum: &mut Contract, contract: &Contract) {
    for (sum, count) in [
        (&mut sum.expected, contract.expected),
        (&mut sum.delivered, contract.delivered),
        (&mut sum.lost, contract.lost),
        (&mut sum.duplicate, contract.duplicate),
        (&mut sum.duplicate_with_dup, contract.duplicate_with_dup),
        (&mut sum.reordered, contract.reordered),
        (&mut sum.corrupted, contract.corrupted),
        (&mut sum.late_after_drain, contract.late_after_drain),
    ] {
        *sum = sum.saturating_add(count);
    }
}

/// The worst verdict of all runs, with the reasons of each under its name; none when a run has none.
pub(super) fn verdict(runs: &[Run]) -> Option<Verdict> {
    let verdicts: Vec<(&str, &Verdict)> = runs
        .iter()
        .map(|run| Some((run.name.as_str(), run.summary.verdict.as_ref()?)))
        .collect::<Option<_>>()?;
    let (_, worst) = verdicts.iter().max_by_key(|(_, verdict)| weight(verdict.verdict))?;
    let reasons = verdicts
        .iter()
        .flat_map(|(name, verdict)| {
            verdict.reasons.iter().map(move |reason| Reason {
                text: format!("{name}: {}", reason.text),
                ..reason.clone()
            })
        })
        .collect();
    Some(Verdict { verdict: worst.verdict, reasons })
}

/// A generator that was the limit makes the figures of all doubtful; then the broker; then unrest.
fn weight(judgement: Judgement) -> u8 {
    match judgement {
        Judgement::Valid => 0,
        Judgement::Unstable => 1,
        Judgement::BrokerLimited => 2,
        Judgement::GeneratorLimited => 3,
    }
}

/// The thresholds that all runs had, judged by what all saw; or why there are none.
pub(super) fn thresholds(
    runs: &[Run],
    observed: &Observed<'_>,
) -> (Vec<ThresholdResult>, Option<String>) {
    let asked = |run: &Run| -> Vec<String> {
        run.summary.thresholds.iter().map(|result| result.threshold.clone()).collect()
    };
    let first = runs.first().map(asked).unwrap_or_default();
    if runs.iter().any(|run| asked(run) != first) {
        let reason = "thresholds are left out: the runs did not have the same thresholds";
        return (Vec::new(), Some(reason.to_owned()));
    }
    let judged = first.iter().enumerate().map(|(index, text)| {
        // What ended one of the runs early failed, whatever the sum says.
        let aborted =
            runs.iter().any(|run| run.summary.thresholds.get(index).is_some_and(|r| r.aborted));
        let result = text.parse::<Threshold>().map(|threshold| threshold.judge(observed))?;
        Ok(ThresholdResult { aborted, passed: result.passed && !aborted, ..result })
    });
    match judged.collect::<Result<Vec<_>, crate::slo::ThresholdError>>() {
        Ok(judged) => (judged, None),
        Err(error) => {
            (Vec::new(), Some(format!("thresholds are left out, for one is not known: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{TestDirectory, histogram, leave_run, literal, mixed};

    fn run(name: &str, summary: &crate::Summary) -> Run {
        let base = TestDirectory::new();
        let read = Run::read(&leave_run(base.path(), summary, &[histogram([1_000; 99])])).unwrap();
        Run { name: name.to_owned(), ..read }
    }

    #[test]
    fn each_qos_adds_up_by_itself() {
        let ledger = ledger(&[run("a", &mixed()), run("b", &literal()), run("c", &mixed())]);
        let rows: Vec<_> = ledger.iter().map(|row| (row.qos, row.expected, row.lost)).collect();
        assert_eq!(rows, [(0, 62_580_000, 20), (1, 40_000, 12), (2, 2_000_000, 0)]);
        let one = &ledger[1];
        assert_eq!((one.duplicate, one.duplicate_with_dup, one.reordered), (14, 6, 4));
        assert_eq!((one.corrupted, one.late_after_drain), (2, 8));
        let texts: Vec<_> = one.findings.iter().map(|finding| finding.text.as_str()).collect();
        assert_eq!(texts, ["a: 6 deliveries never came", "c: 6 deliveries never came"]);
    }
}
