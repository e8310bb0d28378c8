//! Which rate to try next, and what is known in the end: pure.
//!
//! Between the greatest rate that held and the least that did not lies the answer. Doubling finds two such
//! rates, the geometric mean narrows them down, and because a single trial may be luck, the rate that is
//! found has to hold again. Each rate has three digits: more would claim what no trial can show.

use reports::{Answer, SearchPhase};

/// Failed confirmations after which the search gives up: what holds only now and then has no rate.
const FAILURES_MAX: u32 = 5;

/// Far above what any machine sends.
pub(super) const RATE_MAX: f64 = 1e9;

/// Between what and how closely is searched. Rates are publications per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    /// The first rate.
    pub(super) start: f64,
    /// The lowest rate; at most `start`.
    pub(super) lowest: f64,
    /// The highest rate; at least `start`.
    pub(super) highest: f64,
    /// How far the rates that held and that did not may be apart in the end, as a share of the lower one.
    pub(super) tolerance: f64,
    /// How often the rate that is found has to hold again.
    pub(super) confirmations: u32,
}

/// What came of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The condition held.
    Held,
    /// It did not.
    Failed,
    /// The generator did not keep its schedule, so that the broker was not asked.
    Limited,
    /// Everything came, and it was too little to judge by.
    TooFew,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// Try this rate.
    Try(f64, SearchPhase),
    /// Nothing: this is the answer. The rate is the one that it is about.
    Done(Answer, f64),
}

/// What a rate above the best one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Above {
    Failed,
    Limited,
}

/// What has been learned so far.
#[derive(Clone, Debug)]
pub(super) struct Strategy {
    range: Range,
    /// The greatest rate that held.
    best: Option<f64>,
    /// The least rate that did not, and why.
    above: Option<(f64, Above)>,
    /// The greatest rate at which too little came to judge by.
    too_few: Option<f64>,
    next: Step,
    /// Trials of this rate just now that were not taken at their word.
    repeats: u32,
    /// Trials of the confirmation that held at this rate, and confirmations that failed.
    held: u32,
    failures: u32,
}

impl Strategy {
    pub(super) fn new(range: Range) -> Self {
        Self {
            range,
            best: None,
            above: None,
            too_few: None,
            next: Step::Try(range.start, SearchPhase::Bracket),
            repeats: 0,
            held: 0,
            failures: 0,
        }
    }

    /// What to do next.
    pub(super) fn next(&self) -> Step {
        self.next
    }

    /// Takes in what came of the trial that was asked for; after the end, nothing changes.
    pub(super) fn learn(&mut self, outcome: Outcome) {
        let Step::Try(rate, phase) = self.next else { return };
        if self.repeats < self.chances(outcome) {
            self.repeats += 1;
            return;
        }
        self.repeats = 0;
        self.next = match phase {
            SearchPhase::Confirm => self.confirmed(rate, outcome),
            SearchPhase::Bracket | SearchPhase::Bisect => {
                match outcome {
                    Outcome::Held => self.best = Some(rate),
                    Outcome::TooFew if self.best.is_none() => self.too_few = Some(rate),
                    Outcome::Failed | Outcome::TooFew => self.above = Some((rate, Above::Failed)),
                    Outcome::Limited => self.above = Some((rate, Above::Limited)),
                }
                self.narrow()
            }
        };
    }

    /// How often a trial is made again before this outcome is believed.
    fn chances(&self, outcome: Outcome) -> u32 {
        match outcome {
            // A busy second makes any generator late, and before anything held it would end the search.
            Outcome::Limited if self.best.is_none() && self.above.is_none() => 3,
            Outcome::Limited => 1,
            // Below the first rate that fails the search stays for good, however far above the limit is.
            Outcome::Failed if self.above.is_none() => 1,
            Outcome::Failed | Outcome::Held | Outcome::TooFew => 0,
        }
    }

    /// After a trial of the bracket or the bisection.
    fn narrow(&mut self) -> Step {
        match (self.best, self.above) {
            (Some(best), None) if best >= self.range.highest => self.confirm(best),
            (Some(rate), None) => self.higher(rate),
            (None, None) => match self.too_few {
                Some(rate) if rate >= self.range.highest => Step::Done(Answer::TooFew, rate),
                Some(rate) => self.higher(rate),
                None => Step::Try(self.range.start, SearchPhase::Bracket),
            },
            (None, Some((above, reason))) => self.lower(above, reason),
            (Some(best), Some((above, _))) => match self.between(best, above) {
                Some(rate) => Step::Try(rate, SearchPhase::Bisect),
                None => self.confirm(best),
            },
        }
    }

    fn higher(&self, rate: f64) -> Step {
        Step::Try(rounded(rate * 2.0).min(self.range.highest), SearchPhase::Bracket)
    }

    fn lower(&self, above: f64, reason: Above) -> Step {
        if let Some(rate) = self.too_few {
            return Step::Done(Answer::TooFew, rate);
        }
        if above <= self.range.lowest {
            let answer = match reason {
                Above::Failed => Answer::NotEven,
                Above::Limited => Answer::NotAsked,
            };
            return Step::Done(answer, above);
        }
        Step::Try(rounded(above / 2.0).max(self.range.lowest), SearchPhase::Bracket)
    }

    /// The rate to try between two; none when they are close enough.
    fn between(&self, best: f64, above: f64) -> Option<f64> {
        let middle = rounded((best * above).sqrt());
        let is_wide = above / best > 1.0 + self.range.tolerance;
        (is_wide && middle > best && middle < above).then_some(middle)
    }

    fn confirm(&mut self, rate: f64) -> Step {
        self.held = 0;
        if self.range.confirmations == 0 {
            return self.found(rate);
        }
        Step::Try(rate, SearchPhase::Confirm)
    }

    fn confirmed(&mut self, rate: f64, outcome: Outcome) -> Step {
        if outcome == Outcome::Held {
            self.held += 1;
            if self.held < self.range.confirmations {
                return Step::Try(rate, SearchPhase::Confirm);
            }
            self.best = Some(rate);
            return self.found(rate);
        }
        self.failures += 1;
        let reason = if outcome == Outcome::Limited { Above::Limited } else { Above::Failed };
        self.above = Some((rate, reason));
        self.best = None;
        if self.failures >= FAILURES_MAX || rate <= self.range.lowest {
            let answer = match reason {
                Above::Failed => Answer::Unconfirmed,
                Above::Limited => Answer::NotAsked,
            };
            return Step::Done(answer, rate);
        }
        // What a busy generator can ask varies more than what a broker holds, and is not what is searched: the
        // steps away from it double.
        let steps = match reason {
            Above::Failed => 1.0,
            Above::Limited => 2_f64.powf(f64::from(self.failures - 1)),
        };
        let back = rounded(rate / (1.0 + self.range.tolerance).powf(steps)).min(rate * 0.999);
        self.confirm(back.max(self.range.lowest))
    }

    fn found(&self, rate: f64) -> Step {
        let answer = match self.above {
            None => Answer::AtLeast,
            Some((_, Above::Limited)) => Answer::GeneratorLimit,
            Some((_, Above::Failed)) => Answer::Highest,
        };
        Step::Done(answer, rate)
    }
}

/// To three digits.
pub(super) fn rounded(rate: f64) -> f64 {
    let unit = 10_f64.powf(rate.log10().floor() - 2.0);
    // Twice, for a unit below 1 is no exact fraction.
    let digits = (rate / unit).round();
    if unit >= 1.0 { digits * unit.round() } else { digits / (1.0 / unit).round() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    const RANGE: Range =
        Range { start: 1000.0, lowest: 1.0, highest: RATE_MAX, tolerance: 0.05, confirmations: 2 };

    /// Far more than any search needs.
    const TRIALS_MAX: usize = 200;

    fn search(
        range: Range,
        mut broker: impl FnMut(f64) -> Outcome,
    ) -> (Answer, f64, Vec<(f64, SearchPhase)>) {
        let mut strategy = Strategy::new(range);
        let mut trials = Vec::new();
        loop {
            match strategy.next() {
                Step::Done(answer, rate) => return (answer, rate, trials),
                Step::Try(rate, phase) => {
                    trials.push((rate, phase));
                    assert!(trials.len() < TRIALS_MAX, "no end: {trials:?}");
                    strategy.learn(broker(rate));
                }
            }
        }
    }

    fn below(knee: f64) -> impl FnMut(f64) -> Outcome {
        move |rate| if rate <= knee { Outcome::Held } else { Outcome::Failed }
    }

    #[test]
    fn it_doubles_then_narrows_then_confirms() {
        let (answer, rate, trials) = search(RANGE, below(5300.0));
        assert_eq!((answer, rate), (Answer::Highest, 5190.0));
        let rates: Vec<f64> = trials.iter().map(|(rate, _)| *rate).collect();
        assert_eq!(
            rates,
            [
                1000.0, 2000.0, 4000.0, 8000.0, 8000.0, 5660.0, 4760.0, 5190.0, 5420.0, 5190.0,
                5190.0
            ]
        );
    }

    #[test]
    fn the_upper_bound_may_hold_and_the_lower_one_may_not() {
        let range = Range { highest: 3000.0, lowest: 500.0, ..RANGE };
        let (answer, rate, trials) = search(range, below(1e6));
        assert_eq!((answer, rate, trials.len()), (Answer::AtLeast, 3000.0, 5));
        let (answer, rate, trials) = search(range, below(1.0));
        assert_eq!((answer, rate, trials.len()), (Answer::NotEven, 500.0, 3));
    }

    #[test]
    fn the_generators_limit_is_not_the_brokers() {
        let limit =
            |limit: f64| move |rate| if rate <= limit { Outcome::Held } else { Outcome::Limited };
        let (answer, rate, _) = search(RANGE, limit(4100.0));
        assert_eq!(answer, Answer::GeneratorLimit);
        assert!((3900.0..=4100.0).contains(&rate), "{rate}");
        assert_eq!(search(Range { lowest: 400.0, ..RANGE }, limit(1.0)).0, Answer::NotAsked);
        // Late once is late by chance.
        let mut trials = 0;
        let (answer, rate, _) = search(RANGE, |rate| {
            trials += 1;
            if trials % 3 == 1 { Outcome::Limited } else { below(5300.0)(rate) }
        });
        assert_eq!((answer, rate), (Answer::Highest, 5190.0));
    }

    #[test]
    fn a_generator_that_tires_is_told_from_a_broker_that_fails() {
        // What was sent once is too much for a confirmation; the steps back reach what is not.
        let mut trials = 0;
        let (answer, rate, _) = search(RANGE, |rate| {
            trials += 1;
            let limit = if trials < 8 { 8000.0 } else { 6500.0 };
            if rate <= limit { Outcome::Held } else { Outcome::Limited }
        });
        assert_eq!(answer, Answer::GeneratorLimit);
        assert!((4000.0..=6500.0).contains(&rate), "{rate}");
        let mut trials = 0;
        let (answer, _, _) = search(RANGE, |rate| {
            trials += 1;
            if trials < 8 && rate <= 8000.0 { Outcome::Held } else { Outcome::Limited }
        });
        assert_eq!(answer, Answer::NotAsked);
    }

    #[test]
    fn too_little_to_judge_by_leads_upwards() {
        let few = |least: f64, knee: f64| {
            move |rate| if rate < least { Outcome::TooFew } else { below(knee)(rate) }
        };
        let (answer, rate, _) = search(RANGE, few(3000.0, 9000.0));
        assert_eq!(answer, Answer::Highest);
        assert!((8500.0..=9000.0).contains(&rate), "{rate}");
        assert_eq!(search(RANGE, few(3000.0, 2000.0)).0, Answer::TooFew);
        assert_eq!(search(RANGE, |_| Outcome::TooFew).0, Answer::TooFew);
    }

    #[test]
    fn what_holds_once_and_never_again_is_unconfirmed() {
        let mut seen = std::collections::BTreeSet::new();
        let (answer, _, trials) = search(RANGE, |rate| {
            let is_new = seen.insert(rate.to_bits());
            if is_new && trials_hold(rate) { Outcome::Held } else { Outcome::Failed }
        });
        let confirmations = trials.iter().filter(|(_, phase)| *phase == SearchPhase::Confirm);
        assert!(confirmations.count() >= 5, "{trials:?}");
        assert_eq!(answer, Answer::Unconfirmed);
    }

    fn trials_hold(rate: f64) -> bool {
        rate <= 4000.0
    }

    #[test]
    fn one_unlucky_trial_does_not_end_the_climb() {
        for unlucky in 1..=5 {
            let mut trials = 0;
            let (answer, rate, _) = search(RANGE, |rate| {
                trials += 1;
                if trials == unlucky { Outcome::Failed } else { below(53_000.0)(rate) }
            });
            assert_eq!(answer, Answer::Highest);
            assert!((50_000.0..=53_000.0).contains(&rate), "{rate}");
        }
    }

    #[test]
    fn without_confirmations_the_search_ends_with_the_bracket() {
        let (answer, rate, trials) = search(Range { confirmations: 0, ..RANGE }, below(5300.0));
        assert_eq!((answer, rate, trials.len()), (Answer::Highest, 5190.0, 9));
    }

    #[test]
    fn rates_have_three_digits() {
        for (rate, shown) in [
            (1234.5, "1230"),
            (99.96, "100"),
            (0.123_45, "0.123"),
            (7.777, "7.78"),
            (54_545.0, "54500"),
        ] {
            assert_eq!(rounded(rate).to_string(), shown);
        }
    }

    proptest! {
        /// A broker that holds with certainty below its knee, never above, and by luck within the noise.
        #[test]
        fn the_knee_is_found_whatever_the_noise(
            knee in 2.0..1e7_f64,
            start in 1.0..1e6_f64,
            noise in 0.0..0.2_f64,
            tolerance in 0.01..0.3_f64,
            confirmations in 0..4_u32,
            luck in proptest::collection::vec(any::<bool>(), TRIALS_MAX),
        ) {
            let range =
                Range { start, lowest: start.min(1.0), tolerance, confirmations, ..RANGE };
            let mut luck = luck.into_iter();
            let (answer, rate, trials) = search(range, |rate| {
                let lucky = luck.next().unwrap_or(false);
                let holds = rate <= knee * (1.0 - noise) || rate <= knee * (1.0 + noise) && lucky;
                if holds { Outcome::Held } else { Outcome::Failed }
            });
            prop_assert!(trials.len() <= 80, "{}", trials.len());
            prop_assert!(trials.iter().all(|(rate, _)| (range.lowest..=RATE_MAX).contains(rate)));
            match answer {
                Answer::Highest => {
                    // Never above what can hold; and below what must hold by no more than the tolerance, once
                    // for the bracket and once for a step back, and the rounding.
                    prop_assert!(rate <= knee * (1.0 + noise));
                    let least = knee * (1.0 - noise) / (1.0 + tolerance).powi(2) * 0.97;
                    prop_assert!(rate >= least, "{rate} below {least}");
                    let held = trials.iter().rev().take_while(|(tried, phase)| {
                        *phase == SearchPhase::Confirm && tried.to_bits() == rate.to_bits()
                    });
                    prop_assert_eq!(u32::try_from(held.count()).unwrap(), confirmations);
                }
                Answer::Unconfirmed => prop_assert!(noise > 0.0),
                other => prop_assert!(false, "{other:?}"),
            }
        }

        #[test]
        fn any_broker_comes_to_an_end(
            outcomes in proptest::collection::vec(0..4_u8, TRIALS_MAX),
            start in 0.01..1e9_f64,
            tolerance in 0.01..1.0_f64,
        ) {
            let range = Range { start, lowest: start.min(0.01), tolerance, ..RANGE };
            let mut outcomes = outcomes.into_iter();
            search(range, |_| match outcomes.next() {
                Some(0) => Outcome::Held,
                Some(1) => Outcome::Limited,
                Some(2) => Outcome::TooFew,
                _ => Outcome::Failed,
            });
        }
    }
}
