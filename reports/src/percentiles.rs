//! From a histogram to the percentiles of `summary.json`.

use hdrhistogram::Histogram;

use crate::Percentiles;

/// Nanoseconds in a microsecond.
const NANOSECONDS: f64 = 1_000.0;

/// Samples that must lie above a percentile before it means more than the luck of one run.
const SAMPLES_ABOVE_MIN: u64 = 10;

/// The percentiles with how many samples there are for each that exceeds them.
const QUANTILES: [(f64, u64); 5] =
    [(0.5, 2), (0.9, 10), (0.99, 100), (0.999, 1_000), (0.9999, 10_000)];

impl Percentiles {
    /// Reads the percentiles of a histogram that holds nanoseconds. What its samples do not support
    /// is left out, everything of an empty one.
    pub fn from_histogram(histogram: &Histogram<u64>) -> Self {
        let count = histogram.len();
        if count == 0 {
            return Self::default();
        }
        let [p50, p90, p99, p999, p9999] = QUANTILES.map(|(quantile, one_in)| {
            is_supported(count, one_in).then(|| microseconds(histogram.value_at_quantile(quantile)))
        });
        Self {
            count,
            min: Some(microseconds(histogram.min())),
            mean: Some(histogram.mean() / NANOSECONDS),
            p50,
            p90,
            p99,
            p999,
            p9999,
            max: Some(microseconds(histogram.max())),
        }
    }

    /// p50, p90, p99, p99.9, p99.99 and the maximum in microseconds; `None` where fewer than 10 samples lie
    /// above the percentile, so that it says nothing about the next run.
    pub fn supported(&self) -> [Option<f64>; 6] {
        let [p50, p90, p99, p999, p9999] =
            QUANTILES.map(|(_, one_in)| is_supported(self.count, one_in));
        [
            self.p50.filter(|_| p50),
            self.p90.filter(|_| p90),
            self.p99.filter(|_| p99),
            self.p999.filter(|_| p999),
            self.p9999.filter(|_| p9999),
            self.max.filter(|_| self.count > 0),
        ]
    }
}

/// Whether so many samples support the percentile that one in `one_in` of them exceeds.
fn is_supported(count: u64, one_in: u64) -> bool {
    count / one_in >= SAMPLES_ABOVE_MIN
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
            let got = got.unwrap();
            assert!((got - want).abs() <= want / 1_000.0, "{got} is not {want} within 0.1 %");
        }
    }

    #[test]
    fn a_percentile_needs_ten_samples_above_it() {
        for (count, shown) in [(0, 0), (1, 1), (19, 1), (20, 2), (999, 3), (1_000, 4), (100_000, 6)]
        {
            let mut histogram = Histogram::<u64>::new(3).unwrap();
            histogram.record_n(1_000, count).unwrap();
            let percentiles = Percentiles::from_histogram(&histogram);
            let got = percentiles.supported().iter().flatten().count();
            assert_eq!(got, shown, "of {count} samples");
            let any = Some(1.0);
            let of_before =
                Percentiles { p50: any, p90: any, p99: any, p999: any, p9999: any, ..percentiles };
            assert_eq!(of_before.supported().iter().flatten().count(), shown);
        }
    }

    #[test]
    fn an_empty_histogram_gives_nothing() {
        let histogram = Histogram::<u64>::new(3).unwrap();
        assert_eq!(Percentiles::from_histogram(&histogram), Percentiles::default());
    }
}
