//! The histograms of a run: nanoseconds, 1 µs to 1 hour, three significant digits.

use hdrhistogram::Histogram;

use crate::units::SECOND_NS;

/// Smaller samples share the lowest bucket: below the clock's and the scheduler's resolution.
const LOWEST_NS: u64 = 1000;
/// Longer samples read as this, and are still counted.
const HIGHEST_NS: u64 = 3600 * SECOND_NS;
const SIGNIFICANT_DIGITS: u8 = 3;

/// An empty histogram of nanoseconds.
pub(crate) fn histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("the bounds are constants that HdrHistogram allows: {error:?}"),
    }
}

/// Latencies of the same publications.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    /// From due to arrival.
    pub delivery: Histogram<u64>,
    /// From due to sent.
    pub send_lag: Histogram<u64>,
}

/// What was sampled since the last time somebody looked, about a second ago.
#[derive(Clone, Debug)]
pub(crate) struct Second {
    /// Of publications that were due in the measured part.
    pub measured: Samples,
    /// Of those that were due before.
    pub warmup: Samples,
    /// From sent to arrival, of the measured part.
    pub from_send: Histogram<u64>,
}

impl Default for Second {
    fn default() -> Self {
        Self { measured: Samples::default(), warmup: Samples::default(), from_send: histogram() }
    }
}

impl Default for Samples {
    fn default() -> Self {
        Self { delivery: histogram(), send_lag: histogram() }
    }
}

impl Samples {
    /// Adds another worker's.
    pub(crate) fn add(&mut self, other: &Self) {
        merge(&mut self.delivery, &other.delivery);
        merge(&mut self.send_lag, &other.send_lag);
    }

    fn reset(&mut self) {
        self.delivery.reset();
        self.send_lag.reset();
    }
}

impl Second {
    /// Adds another worker's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.measured.add(&other.measured);
        self.warmup.add(&other.warmup);
        merge(&mut self.from_send, &other.from_send);
    }

    /// Delivery latencies of the measured publications, or of the warm-up's while only those
    /// arrive.
    pub(crate) fn delivery(&self) -> &Histogram<u64> {
        shown(&self.measured.delivery, &self.warmup.delivery)
    }

    /// Send lags, likewise.
    pub(crate) fn send_lag(&self) -> &Histogram<u64> {
        shown(&self.measured.send_lag, &self.warmup.send_lag)
    }

    pub(super) fn take(&mut self) -> Self {
        let taken = self.clone();
        self.measured.reset();
        self.warmup.reset();
        self.from_send.reset();
        taken
    }
}

fn shown<'a>(measured: &'a Histogram<u64>, warmup: &'a Histogram<u64>) -> &'a Histogram<u64> {
    if measured.is_empty() { warmup } else { measured }
}

/// Adds `other`, which has the same bounds.
pub(crate) fn merge(total: &mut Histogram<u64>, other: &Histogram<u64>) {
    if !other.is_empty() && total.add(other).is_err() {
        unreachable!("all histograms of a run have the same bounds");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_fits_and_longer_saturates() {
        let mut histogram = histogram();
        histogram.saturating_record(2 * HIGHEST_NS);
        histogram.saturating_record(0);
        assert_eq!(histogram.len(), 2);
        assert!(histogram.max() >= HIGHEST_NS);
    }

    #[test]
    fn taking_empties() {
        let mut second = Second::default();
        second.warmup.delivery.saturating_record(5000);
        assert_eq!(second.take().delivery().len(), 1);
        assert!(second.take().delivery().is_empty());
    }
}
