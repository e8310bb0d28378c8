//! Whether a threshold holds.

use hdrhistogram::Histogram;

use super::{Metric, Operator, Reading, Statistic, Threshold};
use crate::percentiles::microseconds;
use crate::units::float;
use crate::{Counts, ThresholdResult};

/// Samples that must lie above a percentile before it is judged.
const SAMPLES_ABOVE_MIN: f64 = 10.0;

/// What was measured, as far as it is known.
#[derive(Debug)]
pub struct Observed<'a> {
    /// Histograms of nanoseconds under their names in [`super::LATENCIES`]. One that is not there has no
    /// samples.
    pub latencies: Vec<(&'static str, &'a Histogram<u64>)>,
    /// Counts.
    pub counts: Counts,
    /// Length of the measured part so far.
    pub seconds: f64,
}

impl Threshold {
    /// Judges it. A percentile that fewer than 10 samples exceed, an average of none, and a rate or share of
    /// nothing cannot be judged, and so do not pass.
    pub fn judge(&self, observed: &Observed<'_>) -> ThresholdResult {
        let value = self.observe(observed);
        ThresholdResult {
            threshold: self.text.clone(),
            observed: value,
            limit: self.limit,
            unit: self.unit().to_owned(),
            passed: value.is_some_and(|value| self.operator.holds(value, self.limit)),
            aborted: false,
        }
    }

    /// Whether it is known not to hold: what cannot be judged yet may still.
    pub fn is_broken(&self, observed: &Observed<'_>) -> bool {
        self.observe(observed).is_some_and(|value| !self.operator.holds(value, self.limit))
    }

    fn observe(&self, observed: &Observed<'_>) -> Option<f64> {
        match &self.metric {
            Metric::Latency(name, statistic) => {
                let name = if *name == "delivery.from_due" { "delivery" } else { name };
                let found = observed.latencies.iter().find(|(known, _)| *known == name);
                statistic.of(found.map(|(_, histogram)| *histogram))
            }
            Metric::Counter(counter, reading) => {
                let value = float((counter.value)(&observed.counts));
                match reading {
                    Reading::Count => Some(value),
                    Reading::Rate => (observed.seconds > 0.0).then(|| value / observed.seconds),
                    Reading::Share => {
                        let whole = float(counter.whole?(&observed.counts));
                        (whole > 0.0).then(|| value / whole)
                    }
                }
            }
        }
    }
}

impl Statistic {
    fn of(self, histogram: Option<&Histogram<u64>>) -> Option<f64> {
        let count = histogram.map_or(0, Histogram::len);
        if self == Self::Count {
            return Some(float(count));
        }
        let histogram = histogram.filter(|histogram| !histogram.is_empty())?;
        match self {
            Self::Count => None,
            Self::Average => Some(histogram.mean() / 1e3),
            Self::Least => Some(microseconds(histogram.min())),
            Self::Greatest => Some(microseconds(histogram.max())),
            Self::Quantile(quantile) if quantile >= 1.0 => Some(microseconds(histogram.max())),
            Self::Quantile(quantile) => {
                // A little less, for 1 - 0.999 is a little more than a thousandth.
                let above = float(count) * (1.0 - quantile) + 1e-6;
                (above >= SAMPLES_ABOVE_MIN)
                    .then(|| microseconds(histogram.value_at_quantile(quantile)))
            }
        }
    }
}

impl Operator {
    #[expect(
        clippy::float_cmp,
        reason = "counts are whole numbers, and who compares others so means it"
    )]
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::LessOrEqual => value <= limit,
            Self::Greater => value > limit,
            Self::GreaterOrEqual => value >= limit,
            Self::Equal => value == limit,
            Self::NotEqual => value != limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::histogram;

    fn judged(text: &str) -> (bool, Option<f64>) {
        let latency = histogram((1..=1_000_u64).map(|value| value * 1_000_000));
        let few = histogram([1_000_000]);
        let observed = Observed {
            latencies: vec![("delivery", &latency), ("connect", &few)],
            counts: Counts {
                expected: 1_000,
                delivered: 998,
                lost: 2,
                connected: 4,
                ..Counts::default()
            },
            seconds: 2.0,
        };
        let threshold: Threshold = text.parse().unwrap();
        let result = threshold.judge(&observed);
        let broken = threshold.is_broken(&observed);
        assert_eq!(broken, result.observed.is_some() && !result.passed, "{text}");
        (result.passed, result.observed)
    }

    #[test]
    fn a_threshold_is_met_or_not() {
        for (text, passed) in [
            ("delivery:p(99)<1s", true),
            ("delivery.from_due:p(99)<980ms", false),
            ("delivery:med<=501ms", true),
            ("delivery:avg>400ms", true),
            ("delivery:min<2ms", true),
            ("delivery:max>=1s", true),
            ("delivery:p(100)>=1s", true),
            ("delivery:count==1k", true),
            ("lost==0", false),
            ("lost!=0", true),
            ("lost<=2", true),
            ("lost<0.3%", true),
            ("lost<0.2%", false),
            ("delivered:rate==499", true),
            ("delivered:share>99.7%", true),
        ] {
            assert_eq!(judged(text).0, passed, "{text}");
        }
    }

    #[test]
    fn what_its_samples_do_not_support_does_not_pass() {
        for text in [
            "delivery:p(99.9)<10s",
            "connect:p(50)<10s",
            "puback:max<10s",
            "puback:avg<10s",
            "connect_failed:share<=1",
        ] {
            let (passed, observed) = judged(text);
            let expected = text.starts_with("connect_failed");
            assert_eq!(passed, expected, "{text}");
            assert_eq!(observed.is_some(), expected, "{text}");
        }
        assert_eq!(judged("connect:max<10s"), (true, judged("connect:max<10s").1));
        assert!(judged("puback:count==0").0);
    }

    #[test]
    fn a_threshold_of_whatever_it_is_said_of_has_its_unit() {
        let result = "delivery:max<1s".parse::<Threshold>().unwrap().judge(&Observed {
            latencies: Vec::new(),
            counts: Counts::default(),
            seconds: 0.0,
        });
        assert_eq!((result.unit.as_str(), result.observed, result.passed), ("us", None, false));
    }
}
