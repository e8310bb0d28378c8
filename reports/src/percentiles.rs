//! From a histogram to the percentiles of `summary.json`.

use hdrhistogram::Histogram;

use crate::Percentiles;

/// Nanoseconds in a microsecond.
const NANOSECONDS: f64 = 1_000.0;

/// Samples that must lie above a percentile before it means more than the luck of one run.
const SAMPLES_ABOVE_MIN: u64 = 10;

impl Percentiles {
    /// Reads the percentiles of a histogram that holds nanoseconds. An empty one gives all zeros.
    pub fn from_histogram(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| microseconds(histogram.value_at_quantile(quantile));
        Self {
            count: histogram.len(),
            mean: histogram.mean() / NANOSECONDS,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: microseconds(histogram.max()),
        }
    }

    /// p50, p90, p99, p99.9, p99.99 and the maximum in microseconds; `None` where fewer than 10 samples lie
    /// above the percentile, so that it says nothing about the next run.
    pub fn supported(&self) -> [Option<f64>; 6] {
        // 1 sample in `one_in` lies above the percentile.
        let supported =
            |value, one_in: u64| (self.count / one_in >= SAMPLES_ABOVE_MIN).then_some(value);
        [
            supported(self.p50, 2),
            supported(self.p90, 10),
            supported(self.p99, 100),
            supported(self.p999, 1_000),
            supported(self.p9999, 10_000),
            (self.count > 0).then_some(self.max),
        ]
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 ns, which is 104 days")]
pub(crate) fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / NANOSECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_microseconds_within_the_precision_of_the_histogram() {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).unwrap();
        for microsecond in 1..=100_000_u64 {
            histogram.record(microsecond * 1_000).unwrap();
        }
        let percentiles = Percentiles::from_histogram(&histogram);
        assert_eq!(percentiles.count, 100_000);
        for (got, want) in [
            (percentiles.mean, 50_000.5),
            (percentiles.p50, 50_000.0),
            (percentiles.p90, 90_000.0),
            (percentiles.p99, 99_000.0),
            (percentiles.p999, 99_900.0),
            (percentiles.p9999, 99_990.0),
            (percentiles.max, 100_000.0),
        ] {
            assert!((got - want).abs() <= want / 1_000.0, "{got} is not {want} within 0.1 %");
        }
    }

    #[test]
    fn a_percentile_needs_ten_samples_above_it() {
        for (count, shown) in [(0, 0), (1, 1), (19, 1), (20, 2), (999, 3), (1_000, 4), (100_000, 6)]
        {
            let percentiles = Percentiles { count, ..Percentiles::default() };
            let got = percentiles.supported().iter().flatten().count();
            assert_eq!(got, shown, "of {count} samples");
        }
    }

    #[test]
    fn an_empty_histogram_gives_zeros() {
        let histogram = Histogram::<u64>::new(3).unwrap();
        assert_eq!(Percentiles::from_histogram(&histogram), Percentiles::default());
    }
}
