//! What the run is worth, first of all, and what was asked of it.

use maud::{Markup, html};

use crate::units::{microseconds, rate, trimmed};
use crate::{Judgement, Summary, ThresholdResult};

/// How a verdict looks: its colour, and a sign that says the same without colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Warn,
    Bad,
    Odd,
    None,
}

/// The banner at the top of a report: the verdict with its reasons, thresholds, warnings.
pub(super) fn banner(summary: &Summary) -> Markup {
    let (tone, means) = judged(summary);
    let reasons = summary.verdict.as_ref().map(|verdict| verdict.reasons.as_slice());
    html! {
        section.verdict.(class(tone)) aria-label="Verdict" {
            p.word { (sign(tone)) span { (word(summary)) } }
            p.means { (means) }
            @if let Some(reasons) = reasons.filter(|reasons| !reasons.is_empty()) {
                ul { @for reason in reasons { li { (reason.text) } } }
            }
            @if !summary.complete && summary.verdict.is_some() {
                p.means { "The run was interrupted: the figures cover what was measured until then." }
            }
        }
        (thresholds(&summary.thresholds))
        (warnings(summary))
    }
}

fn judged(summary: &Summary) -> (Tone, &'static str) {
    match summary.verdict.as_ref().map(|verdict| verdict.verdict) {
        Some(Judgement::Valid) => (
            Tone::Good,
            "The generator kept its schedule and the broker kept up: the figures are the broker's.",
        ),
        Some(Judgement::GeneratorLimited) => (
            Tone::Warn,
            "The generator did not keep its schedule: the figures are its own, not the broker's.",
        ),
        Some(Judgement::BrokerLimited) => {
            (Tone::Bad, "The generator kept its schedule, and the broker did not keep up.")
        }
        Some(Judgement::Unstable) => {
            (Tone::Odd, "The run did not settle: another one like it may give other figures.")
        }
        None if !summary.complete => (Tone::Bad, "The figures cover what was measured until then."),
        None => (Tone::None, "Nobody judged this run."),
    }
}

/// The verdict in a word, as the summary has it.
pub(super) fn word(summary: &Summary) -> &'static str {
    match &summary.verdict {
        Some(verdict) => verdict.verdict.name(),
        None if !summary.complete => "INTERRUPTED",
        None => "No verdict",
    }
}

/// The class of its colours.
pub(super) fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
        Tone::Odd => "odd",
        Tone::None => "none",
    }
}

/// A sign for those who do not see the colour.
pub(super) fn sign(tone: Tone) -> Markup {
    let path = match tone {
        Tone::Good => "M9 17l5 5 9-12",
        Tone::Warn => "M16 8v10M16 23v.5",
        Tone::Bad => "M10 10l12 12M22 10L10 22",
        Tone::Odd => "M6 17c3-7 6-7 10 0s7 7 10 0",
        Tone::None => "M9 16h14",
    };
    html! {
        svg viewBox="0 0 32 32" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" {
            circle cx="16" cy="16" r="14" {}
            path d=(path) {}
        }
    }
}

/// What was asked of the run, and whether it held.
fn thresholds(thresholds: &[ThresholdResult]) -> Markup {
    html! {
        @if !thresholds.is_empty() {
            p {}
            div.table {
                table {
                    caption { "Thresholds" }
                    thead { tr { th scope="col" { "Asked" } th.n scope="col" { "Measured" } th.n scope="col" { "Held" } } }
                    tbody {
                        @for threshold in thresholds {
                            tr.alarm[!threshold.passed] {
                                th scope="row" {
                                    (threshold.threshold)
                                    @if threshold.aborted { small { "ended the run early" } }
                                }
                                td.n { (observed(threshold)) }
                                td.n { @if threshold.passed { span.ok { "✓ yes" } } @else { span.no { "✗ no" } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What was measured, with its unit.
pub(crate) fn observed(threshold: &ThresholdResult) -> String {
    match (threshold.observed, threshold.unit.as_str()) {
        (None, _) => "too few samples".to_owned(),
        (Some(value), "us") => microseconds(value),
        (Some(value), "/s") => format!("{}/s", rate(value)),
        (Some(value), unit) => format!("{} {unit}", trimmed(value)).trim_end().to_owned(),
    }
}

fn warnings(summary: &Summary) -> Markup {
    html! {
        @if !summary.warnings.is_empty() {
            ul.warnings aria-label="Warnings" {
                @for warning in &summary.warnings { li { (warning) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;
    use crate::fixture::{literal, overloaded};

    #[test]
    fn each_judgement_has_a_colour_and_a_sign_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for (judgement, class) in [
            (Some(Judgement::Valid), "verdict good"),
            (Some(Judgement::GeneratorLimited), "verdict warn"),
            (Some(Judgement::BrokerLimited), "verdict bad"),
            (Some(Judgement::Unstable), "verdict odd"),
            (None, "verdict none"),
        ] {
            let mut summary = literal();
            summary.verdict = judgement.map(|verdict| Verdict { verdict, reasons: Vec::new() });
            let text = banner(&summary).into_string();
            assert!(text.contains(class), "{text}");
            assert!(text.contains(judgement.map_or("No verdict", Judgement::name)), "{text}");
            let (tone, _) = judged(&summary);
            assert!(seen.insert(sign(tone).into_string()));
        }
    }

    #[test]
    fn reasons_thresholds_and_warnings_stand_below() {
        let mut summary = overloaded();
        summary.thresholds = vec![ThresholdResult {
            threshold: "delivery:p(99)<50ms".to_owned(),
            observed: Some(61_000.0),
            limit: 50_000.0,
            unit: "us".to_owned(),
            passed: false,
            aborted: true,
        }];
        let text = banner(&summary).into_string();
        for part in [
            "delivery:p(99)&lt;50ms",
            "61.0 ms",
            "✗ no",
            "ended the run early",
            "interrupted",
            "closed 3 Network",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
