//! Whether a run settled: the seconds of its measured part against each other.

use reports::Reason;

use super::{Second, reason};
use crate::units::{fraction, nearest};

/// Seconds that it takes to tell a trend from luck: with fewer, quartiles and thirds are single seconds.
const SECONDS_MIN: usize = 6;

/// Latency that may come and go: a time slice of a scheduler moves the median by about as much.
const TOLERATED_US: f64 = 1_000.0;

/// How far the medians of the first and of the last third may be apart, as a factor.
const TREND_FACTOR: f64 = 2.0;

/// Kendall's tau from which on latencies rise or fall rather than vary: of ten seconds in random order, one
/// run in a hundred reaches it.
const TREND_TAU: f64 = 0.6;

/// How wide the middle half of the medians of the seconds may be, in units of their median.
const LATENCY_SPREAD: f64 = 1.0;

/// How much the delivered share of each second may vary: its standard deviation.
const RATE_SPREAD: f64 = 0.1;

/// Deliveries of a second below which its rate is luck: one delivery more is a per cent.
const EXPECTED_MIN: u64 = 100;

/// What speaks against steadiness.
pub(super) fn rules(seconds: &[Second]) -> Vec<Reason> {
    let latencies: Vec<f64> = seconds.iter().filter_map(|second| second.p50_us).collect();
    [trend(&latencies), latency_spread(&latencies), rate_spread(seconds)]
        .into_iter()
        .flatten()
        .collect()
}

fn trend(latencies: &[f64]) -> Option<Reason> {
    if latencies.len() < SECONDS_MIN {
        return None;
    }
    let third = latencies.len() / 3;
    let first_us = quantile(&latencies[..third], 0.5);
    let last_us = quantile(&latencies[latencies.len() - third..], 0.5);
    let tau = kendall_tau(latencies);
    let (low, high) = (first_us.min(last_us), first_us.max(last_us));
    let moved = high > TREND_FACTOR * low && high - low > TOLERATED_US && tau.abs() >= TREND_TAU;
    moved.then(|| {
        let direction = if last_us > first_us { "rose" } else { "fell" };
        reason(
            "trend",
            format!(
                "the median latency of a second {direction} from {:.2} ms in the first third of the measured part \
                 to {:.2} ms in the last (Kendall's tau {tau:.2}): --warmup or --duration is too short, or \
                 something fills up",
                first_us / 1e3,
                last_us / 1e3
            ),
            [
                ("first_third_p50_us", first_us),
                ("last_third_p50_us", last_us),
                ("kendall_tau", tau),
                ("limit_factor", TREND_FACTOR),
                ("limit_tau", TREND_TAU),
            ],
        )
    })
}

fn latency_spread(latencies: &[f64]) -> Option<Reason> {
    if latencies.len() < SECONDS_MIN {
        return None;
    }
    let [lower, median, upper] = [0.25, 0.5, 0.75].map(|at| quantile(latencies, at));
    let spread = (upper - lower) / median.max(1.0);
    (spread > LATENCY_SPREAD && upper - lower > TOLERATED_US).then(|| {
        reason(
            "spread",
            format!(
                "the median latency of a second varied: half of the seconds lie between {:.2} and {:.2} ms",
                lower / 1e3,
                upper / 1e3
            ),
            [
                ("lower_quartile_us", lower),
                ("median_us", median),
                ("upper_quartile_us", upper),
                ("limit_quartiles_per_median", LATENCY_SPREAD),
            ],
        )
    })
}

fn rate_spread(seconds: &[Second]) -> Option<Reason> {
    let shares: Vec<f64> = seconds
        .iter()
        .filter(|second| second.expected >= EXPECTED_MIN)
        .map(|second| fraction(second.delivered) / fraction(second.expected))
        .collect();
    if shares.len() < SECONDS_MIN {
        return None;
    }
    let count = fraction(shares.len() as u64);
    let mean = shares.iter().sum::<f64>() / count;
    let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let deviation = variance.sqrt();
    (deviation > RATE_SPREAD).then(|| {
        reason(
            "spread",
            format!(
                "deliveries came in bursts: of what a second's publications owe, {:.0} % came in it on average, \
                 with a standard deviation of {:.0} %",
                mean * 100.0,
                deviation * 100.0
            ),
            [
                ("delivered_share_mean", mean),
                ("delivered_share_deviation", deviation),
                ("limit_deviation", RATE_SPREAD),
            ],
        )
    })
}

/// The value at a quantile from 0 to 1, between two where it falls between them.
fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = at * fraction(last as u64);
    let below = usize::try_from(nearest(place.floor())).unwrap_or(0).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    low + (high - low) * (place - place.floor())
}

/// Agreement of the order of the values with that of time: 1 when they only rise, -1 when they only fall.
fn kendall_tau(values: &[f64]) -> f64 {
    let mut agreement = 0.0;
    let mut pairs = 0.0;
    for (index, earlier) in values.iter().enumerate() {
        for later in &values[index + 1..] {
            pairs += 1.0;
            if later > earlier {
                agreement += 1.0;
            } else if later < earlier {
                agreement -= 1.0;
            }
        }
    }
    if pairs > 0.0 { agreement / pairs } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, want: f64) -> bool {
        (got - want).abs() < 1e-9
    }

    #[test]
    fn quantiles_lie_between_values() {
        let values = [3.0, 1.0, 2.0, 4.0];
        for (at, want) in [(0.0, 1.0), (0.5, 2.5), (0.25, 1.75), (1.0, 4.0)] {
            assert!(near(quantile(&values, at), want), "{at}");
        }
        assert!(near(quantile(&[], 0.5), 0.0));
    }

    #[test]
    fn tau_is_the_direction() {
        assert!(near(kendall_tau(&[1.0, 2.0, 3.0]), 1.0));
        assert!(near(kendall_tau(&[3.0, 2.0, 1.0]), -1.0));
        assert!(near(kendall_tau(&[1.0, 1.0, 1.0]), 0.0));
        assert!(near(kendall_tau(&[]), 0.0));
    }
}
