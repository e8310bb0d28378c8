//! Verdicts on counts.

use std::fmt;

use serde::Serialize;

use crate::accepted::Accepted;
use crate::count::{Counted, Counts, INSTRUCTIONS_MARGIN};

/// What is said of a scenario, a gate, or all of them.
///
/// In the order in which the worst one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Verdict {
    Same,
    Faster,
    /// Not decided within the time that there is.
    Undecided,
    /// The tools or the machine do not allow a verdict.
    CannotMeasure,
    Slower,
}

impl Verdict {
    /// The exit status of a process that says so.
    pub(crate) const fn exit_status(self) -> u8 {
        match self {
            Self::Same | Self::Faster => 0,
            Self::Undecided | Self::CannotMeasure => 5,
            Self::Slower => 99,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Same => "SAME",
            Self::Faster => "FASTER",
            Self::Undecided => "UNDECIDED",
            Self::CannotMeasure => "CANNOT MEASURE HERE",
            Self::Slower => "SLOWER",
        })
    }
}

/// What is said of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Judgement {
    pub(crate) scenario: String,
    pub(crate) verdict: Verdict,
    /// Why, where the numbers alone do not say it.
    pub(crate) reason: String,
    pub(crate) base: Option<Counts>,
    pub(crate) new: Option<Counts>,
}

impl Judgement {
    /// Growth of the instructions as a share; `None` without two sides.
    pub(crate) fn growth(&self) -> Option<f64> {
        let (base, new) = (self.base.as_ref()?, self.new.as_ref()?);
        Some(share(base.instructions, new.instructions))
    }
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 instructions")]
fn share(base: u64, new: u64) -> f64 {
    // In this order exactly one per cent is no more than one per cent.
    (new as f64 - base as f64) / base as f64
}

/// Judges every scenario of both sides, in the order of the new one.
pub(crate) fn judge(base: &Counted, new: &Counted, accepted: &Accepted) -> Vec<Judgement> {
    let of =
        |side: &Counted, name: &str| side.scenarios.iter().find(|c| c.scenario == name).cloned();
    let mut judgements: Vec<_> = new
        .scenarios
        .iter()
        .map(|counts| judge_scenario(of(base, &counts.scenario), counts.clone(), accepted))
        .collect();
    for counts in &base.scenarios {
        if of(new, &counts.scenario).is_none() {
            judgements.push(judge_removed(counts.clone(), accepted));
        }
    }
    for judgement in &mut judgements {
        let unsteady = [("before", base), ("now", new)].into_iter().find_map(|(when, side)| {
            side.unsteady.get(&judgement.scenario).map(|text| (when, text))
        });
        if let Some((when, text)) = unsteady {
            judgement.verdict = Verdict::Slower;
            judgement.reason = format!("not deterministic {when}: two runs cost {text}");
        }
    }
    judgements
}

fn judge_removed(counts: Counts, accepted: &Accepted) -> Judgement {
    let (verdict, reason) = match accepted.removal(&counts.scenario) {
        Some(reason) => (Verdict::Same, format!("removed: {reason}")),
        None => (Verdict::Slower, "the scenario is gone, and nobody has accepted that".to_owned()),
    };
    Judgement { scenario: counts.scenario.clone(), verdict, reason, base: Some(counts), new: None }
}

fn judge_scenario(base: Option<Counts>, new: Counts, accepted: &Accepted) -> Judgement {
    let scenario = new.scenario.clone();
    let Some(base) = base else {
        let reason = "new: there is nothing to compare it with".to_owned();
        return Judgement { scenario, verdict: Verdict::Same, reason, base: None, new: Some(new) };
    };
    let mut verdict = Verdict::Same;
    let mut reasons = Vec::new();
    for (metric, base, new, margin) in metrics(&base, &new) {
        let growth = share(base.max(1), new.max(u64::from(base == 0)));
        if new > base && (base == 0 || growth > margin) {
            if let Some(reason) = accepted.level(&scenario, metric, new) {
                reasons.push(format!("{metric} accepted: {reason}"));
                continue;
            }
            verdict = Verdict::Slower;
            reasons.push(format!("{metric} {base} -> {new}"));
        } else if new < base && -growth > margin {
            verdict = verdict.max(Verdict::Faster);
            reasons.push(format!("{metric} {base} -> {new}"));
        }
    }
    let reason = reasons.join(", ");
    Judgement { scenario, verdict, reason, base: Some(base), new: Some(new) }
}

/// What is judged: its name, before, now, and the share by which it may grow.
fn metrics(base: &Counts, new: &Counts) -> Vec<(&'static str, u64, u64, f64)> {
    let mut metrics = vec![
        ("instructions", base.instructions, new.instructions, INSTRUCTIONS_MARGIN),
        ("allocations", base.allocations, new.allocations, 0.0),
    ];
    if let (Some(base), Some(new)) = (base.system_calls, new.system_calls) {
        metrics.push(("system_calls", base, new, 0.0));
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(instructions: u64, allocations: u64, system_calls: u64) -> Counts {
        Counts {
            scenario: "fan_out".into(),
            operations: 100,
            instructions,
            allocations,
            system_calls: Some(system_calls),
            allocated_bytes: 0,
            held_bytes: 0,
            written_bytes: 5_000,
        }
    }

    fn counted(counts: Counts) -> Counted {
        Counted { scenarios: vec![counts], ..Counted::default() }
    }

    fn verdict(base: Counts, new: Counts) -> Verdict {
        judge(&counted(base), &counted(new), &Accepted::default())[0].verdict
    }

    #[test]
    fn more_than_one_per_cent_is_slower_and_less_is_the_same() {
        let base = counts(100_000, 100, 50);
        assert_eq!(verdict(base.clone(), counts(100_000, 100, 50)), Verdict::Same);
        assert_eq!(verdict(base.clone(), counts(101_000, 100, 50)), Verdict::Same);
        assert_eq!(verdict(base.clone(), counts(101_001, 100, 50)), Verdict::Slower);
        assert_eq!(verdict(base, counts(98_999, 100, 50)), Verdict::Faster);
    }

    #[test]
    fn one_allocation_or_system_call_more_is_slower_whatever_else_became_faster() {
        let base = counts(100_000, 100, 50);
        assert_eq!(verdict(base.clone(), counts(90_000, 101, 50)), Verdict::Slower);
        assert_eq!(verdict(base.clone(), counts(90_000, 100, 51)), Verdict::Slower);
        assert_eq!(verdict(base, counts(100_000, 99, 50)), Verdict::Faster);
        assert_eq!(verdict(counts(100_000, 0, 0), counts(100_000, 1, 0)), Verdict::Slower);
    }

    #[test]
    fn a_scenario_that_differs_from_itself_fails_by_its_name() {
        let mut base = counted(counts(100_000, 100, 50));
        base.unsteady.insert("fan_out".into(), "100000 and 100007 instructions".into());
        let new = counted(counts(100_000, 100, 50));
        let judgements = judge(&base, &new, &Accepted::default());
        assert_eq!(judgements[0].verdict, Verdict::Slower);
        assert!(judgements[0].reason.starts_with("not deterministic before"));
    }

    #[test]
    fn a_scenario_that_is_new_passes_and_one_that_is_gone_does_not() {
        let (none, one) = (Counted::default(), counted(counts(1, 0, 0)));
        assert_eq!(judge(&none, &one, &Accepted::default())[0].verdict, Verdict::Same);
        let gone = judge(&one, &none, &Accepted::default());
        assert_eq!((gone.len(), gone[0].verdict), (1, Verdict::Slower));
    }

    #[test]
    fn what_was_accepted_passes_up_to_its_level() {
        let accepted: Accepted = toml::from_str(
            "[[accepted]]\nscenario = 'fan_out'\nmetric = 'instructions'\nlevel = 120000\nreason = 'safer'\ndate = '2026-11-28'\n",
        )
        .unwrap();
        let base = counted(counts(100_000, 100, 50));
        let at = |instructions, allocations| {
            let new = counted(counts(instructions, allocations, 50));
            judge(&base, &new, &accepted)[0].clone()
        };
        assert_eq!(at(120_000, 100).verdict, Verdict::Same);
        assert!(at(120_000, 100).reason.contains("safer"));
        assert_eq!(at(121_500, 100).verdict, Verdict::Slower);
        assert_eq!(at(120_000, 101).verdict, Verdict::Slower);
    }

    #[test]
    fn the_worst_verdict_decides() {
        let all = [
            Verdict::Same,
            Verdict::Faster,
            Verdict::Undecided,
            Verdict::CannotMeasure,
            Verdict::Slower,
        ];
        assert!(all.is_sorted());
        assert_eq!(all.map(Verdict::exit_status), [0, 0, 5, 5, 99]);
    }
}
