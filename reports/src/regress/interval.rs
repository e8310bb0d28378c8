//! Intervals that go with a verdict.

use serde::{Deserialize, Serialize};

use super::random::Random;

/// Ratio B/A and what it is uncertain by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatioInterval {
    /// The best guess.
    pub ratio: f64,
    /// The true one is above this; absent when too few pairs say so.
    pub low: Option<f64>,
    /// The true one is below this; absent when too few pairs say so.
    pub high: Option<f64>,
}

/// Resamples of a bootstrap.
const RESAMPLES: usize = 4_000;

/// The median; `None` of nothing. What is no number is left out.
pub fn median(figures: &[f64]) -> Option<f64> {
    let sorted = sorted(figures);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> =
        figures.iter().copied().filter(|figure| figure.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The median ratio of pairs given as `ln(b/a)`, with an interval that is right with 95 % **whenever one stops**.
///
/// Under the true median each sign is a fair coin. Its mixture martingale with the uniform prior is
/// `2^n / ((n + 1) C(n, k))` with k pairs below (Robbins: Statistical Methods Related to the Law of the Iterated
/// Logarithm, 1970), and by Ville's inequality it reaches 20 in at most 5 % of all sequences. The interval is of
/// those medians that it has not refuted. It assumes no distribution; below eight pairs it is unbounded.
pub fn median_sequence(log_ratios: &[f64]) -> Option<RatioInterval> {
    let sorted = sorted(log_ratios);
    let n = sorted.len();
    let ratio = median(&sorted)?.exp();
    // The greatest k whose k pairs on one side of a candidate refute it.
    let refuting = (0..n / 2).take_while(|k| log_martingale(n, *k) >= 20.0_f64.ln()).last();
    let bound = |at: Option<usize>| at.and_then(|at| sorted.get(at)).map(|value| value.exp());
    Some(RatioInterval { ratio, low: bound(refuting), high: bound(refuting.map(|k| n - 1 - k)) })
}

#[expect(clippy::cast_precision_loss, reason = "tens of pairs")]
fn log_martingale(n: usize, k: usize) -> f64 {
    let log_choose: f64 = (0..k).map(|i| ((n - i) as f64 / (i + 1) as f64).ln()).sum();
    n as f64 * std::f64::consts::LN_2 - ((n + 1) as f64).ln() - log_choose
}

/// The ratio of the medians of two samples, with a percentile bootstrap interval (Efron 1979) of confidence
/// `confidence`. The same samples and seed give the same interval.
pub fn median_ratio(a: &[f64], b: &[f64], confidence: f64, seed: u64) -> Option<RatioInterval> {
    let positive = |figure: Option<f64>| figure.filter(|figure| *figure > 0.0);
    let (base, new) = (positive(median(a))?, positive(median(b))?);
    let mut random = Random::new(seed);
    let mut resample = |from: &[f64]| {
        let drawn: Vec<f64> =
            (0..from.len()).filter_map(|_| from.get(random.below(from.len())).copied()).collect();
        positive(median(&drawn))
    };
    let ratios: Vec<f64> =
        (0..RESAMPLES).filter_map(|_| Some((resample(b)? / resample(a)?).ln())).collect();
    let ratios = sorted(&ratios);
    let bound = |share: f64| ratios.get(place(share, ratios.len())).map(|value| value.exp());
    let tail = (1.0 - confidence) / 2.0;
    Some(RatioInterval { ratio: new / base, low: bound(tail), high: bound(1.0 - tail) })
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index below some thousands"
)]
fn place(share: f64, len: usize) -> usize {
    (share * len.saturating_sub(1) as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, f64::NAN, 1.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
    }

    #[test]
    fn eight_pairs_bound_the_median_and_seven_do_not() {
        let pairs: Vec<f64> = (1..=8).map(f64::from).collect();
        let interval = median_sequence(&pairs).unwrap();
        assert_eq!((interval.low, interval.high), (Some(1.0_f64.exp()), Some(8.0_f64.exp())));
        let interval = median_sequence(&pairs[..7]).unwrap();
        assert_eq!((interval.low, interval.high), (None, None));
    }

    #[test]
    fn the_sequence_covers_at_every_moment_of_19_in_20_sequences() {
        let mut random = Random::new(11);
        let missed = (0..300)
            .filter(|_| {
                let mut pairs = Vec::new();
                (0..60).any(|_| {
                    let u = random.unit();
                    pairs.push((u / (1.0 - u)).ln());
                    let interval = median_sequence(&pairs).unwrap();
                    interval.low.is_some_and(|low| low > 1.0)
                        || interval.high.is_some_and(|high| high < 1.0)
                })
            })
            .count();
        assert!(missed <= 15, "{missed} of 300 sequences");
    }

    #[test]
    fn the_bootstrap_covers_the_ratio() {
        let mut random = Random::new(12);
        let mut sample = |scale: f64| -> Vec<f64> {
            (0..20).map(|_| scale * (1.0 + 0.02 * (random.unit() - 0.5))).collect()
        };
        let (a, b) = (sample(100.0), sample(110.0));
        let interval = median_ratio(&a, &b, 0.99, 1).unwrap();
        assert!(interval.low.unwrap() > 1.08 && interval.high.unwrap() < 1.12, "{interval:?}");
        assert!(interval.low.unwrap() < 1.1 && interval.high.unwrap() > 1.1, "{interval:?}");
        assert_eq!(median_ratio(&[0.0], &b, 0.99, 1), None);
    }
}
