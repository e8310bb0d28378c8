//! A search in words: a line for each trial, and the answer as a sentence.

use super::{Answer, Search, Trial};
use crate::Judgement;
use crate::text::{absent, harmless, threshold_text};
use crate::units::{count, microseconds, rate, trimmed};

/// What helps a generator that is the limit.
const CURE: &str = "To ask for more, give the load --threads, keep other work off its machine, put the broker on \
                    another one, or fewer clients in one generator and several generators";

impl Trial {
    /// Titles above [`Trial::line`].
    pub fn titles() -> String {
        line(["trial", "phase", "pubs/s", "deliveries/s", "p50", "p99", "p99.9", "lost"], "result")
    }

    /// The trial as a line of a table for a terminal.
    pub fn line(&self) -> String {
        let latency = |value: Option<f64>| value.map_or_else(absent, microseconds);
        let cells = [
            &count(self.number.into()),
            self.phase.name(),
            &rate_text(self.offered),
            &self.delivered_per_second.map_or_else(absent, rate),
            &latency(self.p50_us),
            &latency(self.p99_us),
            &latency(self.p999_us),
            &count(self.lost),
        ];
        line(cells, &self.result())
    }

    /// Whether it held, and which part of the condition did not.
    pub fn result(&self) -> String {
        match self.passed {
            Some(true) => "held".to_owned(),
            Some(false) => format!("not held: {}", self.broken()),
            None => match self.verdict {
                Some(Judgement::GeneratorLimited) => Judgement::GeneratorLimited.name().to_owned(),
                _ => format!("no result: {}", self.broken()),
            },
        }
    }

    /// The parts of the condition that did not hold, with what was measured.
    pub(crate) fn broken(&self) -> String {
        let broken = self.thresholds.iter().filter(|result| !result.passed).map(threshold_text);
        broken.collect::<Vec<_>>().join(", ")
    }
}

fn line(cells: [&str; 8], result: &str) -> String {
    let [number, phase, offered, delivered, p50, p99, p999, lost] = cells;
    format!(
        "{number:>5}  {phase:<7} {offered:>9} {delivered:>12} {p50:>8} {p99:>8} {p999:>8} {lost:>9}  {result}"
    )
}

/// A rate with as many digits as it has, for those below 10 are no whole numbers.
pub(crate) fn rate_text(per_second: f64) -> String {
    if per_second >= 100.0 { rate(per_second) } else { trimmed(per_second) }
}

impl Search {
    /// The trials at the rate of the answer.
    fn there(&self) -> impl Iterator<Item = &Trial> {
        self.trials
            .iter()
            .filter(|trial| Some(trial.offered.to_bits()) == self.rate.map(f64::to_bits))
    }

    /// The last trial that did not hold at the least rate above that of the answer.
    fn above(&self) -> Option<&Trial> {
        let rate = self.rate?;
        let did_not = self.trials.iter().rev().filter(|trial| trial.passed != Some(true));
        let above = did_not.filter(|trial| trial.offered > rate);
        above.min_by(|a, b| a.offered.total_cmp(&b.offered))
    }

    /// The greatest rate that held, below all that did not.
    pub fn held_so_far(&self) -> Option<f64> {
        let rates = |passed| {
            let trials = self.trials.iter().filter(move |trial| trial.passed == Some(passed));
            trials.map(|trial| trial.offered)
        };
        let failed = rates(false).fold(f64::INFINITY, f64::min);
        rates(true).filter(|rate| *rate < failed).max_by(f64::total_cmp)
    }

    fn so_far(&self) -> String {
        match self.held_so_far() {
            Some(best) => format!("; the condition held at {}/s before", rate_text(best)),
            None => String::new(),
        }
    }

    /// The least and the greatest rate that was tried.
    pub(crate) fn span(&self) -> (f64, f64) {
        let rates = || self.trials.iter().map(|trial| trial.offered);
        (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max))
    }

    /// What was asked, in a line.
    pub(crate) fn asked(&self) -> String {
        let highest = self
            .highest
            .map_or_else(|| "upwards".to_owned(), |rate| format!("to {}", rate_text(rate)));
        format!(
            "from {} publications/s {highest}, to within {:.0} %, confirmed {} time(s)",
            rate_text(self.lowest),
            self.tolerance * 100.0,
            self.confirmations
        )
    }
}

/// The answer with its evidence, and what to do about it.
pub(super) fn sentence(search: &Search, cause: &str) -> String {
    let condition = search.conditions.join(" and ");
    let shown = search.rate.map_or_else(absent, rate_text);
    let deliveries = search.there().find_map(|trial| trial.delivered_per_second);
    let at = match deliveries {
        Some(deliveries) => format!("{shown} publications/s ({} deliveries/s)", rate(deliveries)),
        None => format!("{shown} publications/s"),
    };
    let last = search.there().last().map(Trial::broken).unwrap_or_default();
    let text = match search.answer {
        Answer::Highest => {
            let above = search.above().map(|trial| {
                format!(", and not at {}/s ({})", rate_text(trial.offered), trial.broken())
            });
            let held = search.there().filter(|trial| trial.passed == Some(true)).count();
            let above = above.unwrap_or_default();
            format!("{condition} holds up to {at}: in {held} trial(s) there{above}")
        }
        Answer::AtLeast => {
            format!(
                "{condition} holds at {at}, the upper bound of the search: raise --to to find the limit"
            )
        }
        Answer::GeneratorLimit => format!(
            "{condition} holds at {at}; above that the generator is the limit, not the broker ({}). {CURE}",
            search.above().map(|trial| trial.reasons.join("; ")).unwrap_or_default()
        ),
        Answer::NotEven => format!(
            "{condition} does not hold even at {at}, the lowest rate of the search ({last})"
        ),
        Answer::NotAsked => format!(
            "the limit of the broker is not known: at {at} the generator is the limit ({}){}. {CURE}",
            search.there().last().map(|trial| trial.reasons.join("; ")).unwrap_or_default(),
            search.so_far()
        ),
        Answer::Unconfirmed => format!(
            "no rate can be named: {condition} held at higher rates once and not again, and not at {shown}/s \
             ({last}). Trials differ too much: make them longer (-d), or see what else runs on the machines"
        ),
        Answer::TooFew => format!(
            "no rate can be named: a trial at {at} is too short to judge by ({last}). Make trials longer (-d), \
             or ask for a percentile that fewer samples support"
        ),
        Answer::Broken => {
            format!("the trial at {at} could not be carried out: {cause}{}", search.so_far())
        }
        Answer::Interrupted => match search.rate {
            Some(_) => format!("interrupted; {condition} held at {at} so far, unconfirmed"),
            None => format!("interrupted before {condition} held at any rate"),
        },
    };
    harmless(&text)
}

/// What the figures at the rate of the answer say beside the condition.
pub(super) fn doubts(search: &Search) -> Vec<String> {
    if !matches!(search.answer, Answer::Highest | Answer::AtLeast | Answer::GeneratorLimit) {
        return Vec::new();
    }
    let judged = |verdict| search.there().filter(|trial| trial.verdict == Some(verdict)).count();
    [
        (
            Judgement::BrokerLimited,
            "the condition held, yet the broker did not keep up: what it owes grows, and a longer trial would \
             fail; ask for lost==0 or bound the latency more closely",
        ),
        (Judgement::Unstable, "the figures did not settle: make trials longer (-d, --warmup)"),
    ]
    .into_iter()
    .filter(|(verdict, _)| judged(*verdict) > 0)
    .map(|(verdict, means)| {
        let (those, all) = (judged(verdict), search.there().count());
        format!("{those} of {all} trial(s) at this rate are {}: {means}", verdict.name())
    })
    .collect()
}
