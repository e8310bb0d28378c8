//! Wald's sequential probability ratio test on the signs of pairs, in both directions.
//!
//! A pair is *up* when `b/a > 1 + margin`, *down* when `b/a < 1/(1 + margin)`. For each direction: H0, at
//! most half of the pairs go there; H1, four of five do. Wrong H1 in 0.1 %, wrong H0 in 5 % of the cases where H1
//! holds exactly (Wald: Sequential Tests of Statistical Hypotheses, 1945). No variance is estimated and the size
//! of an outlier does not count. SLOWER needs 15 pairs at least.
//!
//! Noise takes signs to one half, where the test accepts that nothing differs. So SAME also needs an interval of the
//! median that excludes what must be found: on a machine where pairs scatter it takes more of them.

use serde::{Deserialize, Serialize};

use super::interval::{RatioInterval, median_sequence};

/// What a comparison says about B, seen from A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum Change {
    /// B needs less, by more than the margin.
    Faster,
    /// The difference is within the margin.
    Same,
    /// B needs more, by more than the margin.
    Slower,
    /// Too little evidence for any of them.
    Undecided,
    /// The controls failed: this machine cannot tell at this moment.
    CannotMeasure,
}

impl Change {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Faster => "FASTER",
            Self::Same => "SAME",
            Self::Slower => "SLOWER",
            Self::Undecided => "UNDECIDED",
            Self::CannotMeasure => "CANNOT-MEASURE",
        }
    }

    /// Exit status of a program that says so: 0, 99 for slower, 5 without a decision.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Faster | Self::Same => 0,
            Self::Slower => 99,
            Self::Undecided | Self::CannotMeasure => 5,
        }
    }
}

/// What is decided how.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Relative difference that does not matter: 0.02 for 2 %.
    pub margin: f64,
    /// Relative difference that must be found: SAME has to exclude it.
    pub found: f64,
    /// Chance that a pair goes one way when H1 holds.
    pub p1: f64,
    /// Chance of H1 where H0 holds, at most.
    pub alpha: f64,
    /// Chance of H0 where H1 holds, at most.
    pub beta: f64,
    /// Pairs before a decision is told, so that there is an interval beside it.
    pub pairs_min: u32,
    /// Pairs after which the outcome is [`Change::Undecided`].
    pub pairs_max: u32,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            margin: 0.02,
            found: 0.05,
            p1: 0.8,
            alpha: 0.001,
            beta: 0.05,
            pairs_min: 8,
            pairs_max: 60,
        }
    }
}

/// One direction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct OneWay {
    log_ratio: f64,
    decided: Option<bool>,
}

impl OneWay {
    fn add(&mut self, yes: bool, rule: &Rule) {
        if self.decided.is_some() {
            return;
        }
        self.log_ratio += if yes { rule.p1 / 0.5 } else { (1.0 - rule.p1) / 0.5 }.ln();
        if self.log_ratio >= ((1.0 - rule.beta) / rule.alpha).ln() {
            self.decided = Some(true);
        } else if self.log_ratio <= (rule.beta / (1.0 - rule.alpha)).ln() {
            self.decided = Some(false);
        }
    }
}

/// The test while pairs come in.
#[derive(Clone, Debug)]
pub struct SignTest {
    rule: Rule,
    up: OneWay,
    down: OneWay,
    log_ratios: Vec<f64>,
}

impl SignTest {
    /// A test without pairs.
    pub fn new(rule: Rule) -> Self {
        Self { rule, up: OneWay::default(), down: OneWay::default(), log_ratios: Vec::new() }
    }

    /// Takes the next pair as `ln(b/a)`; says the outcome when no more pairs are needed.
    ///
    /// What is no number counts as neither up nor down.
    pub fn add(&mut self, log_ratio: f64) -> Option<Change> {
        let edge = self.rule.margin.ln_1p();
        self.log_ratios.push(log_ratio);
        self.up.add(log_ratio > edge, &self.rule);
        self.down.add(log_ratio < -edge, &self.rule);
        self.outcome()
    }

    /// Pairs so far.
    pub fn pairs(&self) -> u32 {
        u32::try_from(self.log_ratios.len()).unwrap_or(u32::MAX)
    }

    /// The outcome; `None` while it is open.
    pub fn outcome(&self) -> Option<Change> {
        let pairs = self.pairs();
        if pairs < self.rule.pairs_min.min(self.rule.pairs_max) {
            return None;
        }
        match (self.up.decided, self.down.decided) {
            (Some(true), _) => Some(Change::Slower),
            (_, Some(true)) => Some(Change::Faster),
            (Some(false), Some(false)) if self.excludes_what_must_be_found() => Some(Change::Same),
            _ if pairs >= self.rule.pairs_max => Some(Change::Undecided),
            _ => None,
        }
    }

    fn excludes_what_must_be_found(&self) -> bool {
        let found = 1.0 + self.rule.found;
        match median_sequence(&self.log_ratios) {
            Some(RatioInterval { low: Some(low), high: Some(high), .. }) => {
                1.0 / found < low && high < found
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::random::Random;
    use super::*;

    /// Student's t with 2 degrees of freedom: no variance at all, so worse than any machine seen.
    fn heavy(random: &mut Random) -> f64 {
        let u = random.unit();
        (2.0 * u - 1.0) / (2.0 * u * (1.0 - u)).sqrt()
    }

    fn run(random: &mut Random, shift: f64, scale: f64) -> (Change, u32) {
        let mut test = SignTest::new(Rule::default());
        loop {
            if let Some(change) = test.add(shift.ln_1p() + scale * heavy(random)) {
                return (change, test.pairs());
            }
        }
    }

    fn count(seed: u64, runs: u32, shift: f64, scale: f64, wanted: Change) -> u32 {
        let mut random = Random::new(seed);
        (0..runs).map(|_| u32::from(run(&mut random, shift, scale).0 == wanted)).sum()
    }

    #[test]
    fn the_same_is_hardly_ever_slower_or_faster() {
        // 0.8 % is the noise of a pair on a busy machine; 5 % is a machine that should not be used.
        assert_eq!(count(1, 20_000, 0.0, 0.008, Change::Slower), 0);
        assert_eq!(count(2, 20_000, 0.0, 0.008, Change::Faster), 0);
        assert!(count(3, 20_000, 0.0, 0.05, Change::Slower) <= 2);
    }

    #[test]
    fn at_the_edge_of_the_margin_the_level_holds() {
        // Exactly H0: half of the pairs are up. Alpha is 0.1 %; three standard deviations above it is 34.
        assert!(count(4, 20_000, 0.02, 0.008, Change::Slower) <= 34);
    }

    #[test]
    fn five_percent_is_found_in_both_directions() {
        assert!(count(5, 2_000, 0.05, 0.008, Change::Slower) >= 1_960);
        assert!(count(6, 2_000, 1.0 / 1.05 - 1.0, 0.008, Change::Faster) >= 1_960);
        assert!(count(7, 2_000, 0.10, 0.008, Change::Slower) >= 1_990);
    }

    #[test]
    fn the_same_excludes_what_must_be_found() {
        let mut test = SignTest::new(Rule::default());
        // Eight pairs would do, but their interval is from the least to the greatest, and the first is far off.
        let mut ratios = [0.06].into_iter().chain([0.0; 59]);
        assert_eq!(ratios.find_map(|ratio| test.add(ratio)), Some(Change::Same));
        assert_eq!(test.pairs(), 12);
        // Five per cent with so much noise that three of four pairs are not up.
        let mut test = SignTest::new(Rule::default());
        let outcome = (0..60).find_map(|pair| test.add(if pair % 4 < 2 { 0.06 } else { -0.06 }));
        assert_eq!(outcome, Some(Change::Undecided));
    }

    #[test]
    fn slower_takes_fifteen_pairs_and_same_takes_eight() {
        let pairs = |ratio: f64| {
            let mut test = SignTest::new(Rule::default());
            while test.add(ratio).is_none() {}
            (test.outcome(), test.pairs())
        };
        assert_eq!(pairs(0.05), (Some(Change::Slower), 15));
        assert_eq!(pairs(-0.05), (Some(Change::Faster), 15));
        assert_eq!(pairs(0.0), (Some(Change::Same), 8));
    }

    /// Pairs of a quiet machine and of a loud one.
    fn ratios() -> impl Strategy<Value = Vec<f64>> {
        (0.01..0.1_f64).prop_flat_map(|width| prop::collection::vec(-width..width, 60))
    }

    proptest! {
        /// The model: the sums of both directions from the whole list, stopped where they first cross.
        #[test]
        fn it_is_the_sum_of_signs(ratios in ratios()) {
            let mut test = SignTest::new(Rule::default());
            let outcome = ratios.iter().find_map(|ratio| test.add(*ratio));
            let crossed = |is: &dyn Fn(f64) -> bool, until: usize| {
                let mut sum = 0.0_f64;
                ratios.iter().take(until).find_map(|ratio| {
                    sum += if is(*ratio) { 1.6_f64.ln() } else { 0.4_f64.ln() };
                    (sum >= 950.0_f64.ln()).then_some(true)
                        .or_else(|| (sum <= (0.05_f64 / 0.999).ln()).then_some(false))
                })
            };
            let edge = 1.02_f64.ln();
            let is_narrow = |until: usize| {
                let interval = median_sequence(&ratios[..until]).unwrap();
                interval.low.is_some_and(|low| low > 1.0 / 1.05) && interval.high.is_some_and(|high| high < 1.05)
            };
            let at = |until| {
                match (crossed(&|r| r > edge, until), crossed(&|r| r < -edge, until)) {
                    (Some(true), _) => Some(Change::Slower),
                    (_, Some(true)) => Some(Change::Faster),
                    (Some(false), Some(false)) if is_narrow(until) => Some(Change::Same),
                    _ => None,
                }
            };
            let expected = (8..=60).find_map(at).unwrap_or(Change::Undecided);
            prop_assert_eq!(outcome, Some(expected));
        }

        /// Sides exchanged, verdict exchanged.
        #[test]
        fn it_is_symmetric(ratios in ratios()) {
            let mut there = SignTest::new(Rule::default());
            let mut back = SignTest::new(Rule::default());
            let forth = ratios.iter().find_map(|ratio| there.add(*ratio));
            let reverse = ratios.iter().find_map(|ratio| back.add(-*ratio));
            let mirrored = match forth {
                Some(Change::Slower) => Some(Change::Faster),
                Some(Change::Faster) => Some(Change::Slower),
                other => other,
            };
            prop_assert_eq!(reverse, mirrored);
        }
    }
}
