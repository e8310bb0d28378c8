//! The timeline cut into as many slices as a chart has room for: a run of an hour is drawn like one of a minute.
//!
//! Rates of a slice are means over it, levels are its highest, and percentiles come from its merged histogram:
//! percentiles are never averaged.

use hdrhistogram::Histogram;

use super::chart::Band;
use crate::percentiles::microseconds;
use crate::run::accumulate;
use crate::units::float;
use crate::{FROM_SEND_TAG, Phase, Run, TimelineRow};

/// Slices of a chart at most: two units of the drawing each.
pub(super) const SLICES_MAX: u32 = 240;

/// Rows that cover less say more about the clock than about the run.
const ROW_SECONDS_MIN: f64 = 0.2;

/// Samples above a percentile that make it worth drawing.
const SAMPLES_ABOVE_MIN: f64 = 10.0;

/// Percentiles over time: p50, p90, p99, p99.9, and the maximum.
pub(crate) const QUANTILES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];

/// A run cut into slices.
#[derive(Debug)]
pub(crate) struct Slices {
    /// Seconds since the start of the run at which the last slice ends.
    pub(crate) end: f64,
    /// Seconds of one slice.
    pub(crate) width: f64,
    /// In order of time; slices without a row are left out.
    pub(crate) list: Vec<Slice>,
    /// Histograms of the log that could not be unpacked.
    pub(crate) damaged: usize,
}

/// A stretch of a run.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) from: f64,
    pub(crate) to: f64,
    seconds: f64,
    totals: Totals,
    /// Delivery latency from due, in nanoseconds, of the measured part.
    pub(crate) latency: Option<Histogram<u64>>,
    /// The same from send.
    from_send: Option<Histogram<u64>>,
    /// Highest of each in the slice.
    pub(crate) connected: u64,
    pub(crate) backlog: u64,
    pub(crate) send_lag_us: Option<f64>,
    pub(crate) broker_bytes: Option<u64>,
    pub(crate) generator_bytes: Option<u64>,
}

#[derive(Debug, Default)]
struct Totals {
    offered: u64,
    sent: u64,
    expected: u64,
    delivered: u64,
    broker_cpu: Option<f64>,
    generator_cpu: Option<f64>,
}

impl Slices {
    /// Cuts a run into slices of whole seconds.
    pub(crate) fn of(run: &Run) -> Self {
        let end = run.timeline.iter().map(|row| row.t_seconds).fold(0.0, f64::max);
        Self::until(run, end)
    }

    /// The same with an end of its own, so that several runs have the same slices.
    pub(crate) fn until(run: &Run, end: f64) -> Self {
        let width = (end / f64::from(SLICES_MAX)).ceil().max(1.0);
        let mut list: Vec<Slice> = Vec::new();
        let mut before = 0.0;
        for row in &run.timeline {
            let seconds = (row.t_seconds - before).min(1.0);
            before = row.t_seconds;
            let from = ((row.t_seconds - 1e-6).max(0.0) / width).floor() * width;
            match list.last_mut() {
                Some(current) if current.from >= from => current.add(row, seconds),
                _ if row.t_seconds.is_finite() => list.push(Slice::new(from, width, row, seconds)),
                _ => {}
            }
        }
        let mut cut = Self { end, width, list, damaged: 0 };
        cut.add_latencies(run);
        cut
    }

    fn add_latencies(&mut self, run: &Run) {
        for interval in &run.intervals {
            let end = (interval.start + interval.length).as_secs_f64() - 1e-6;
            let place = self.list.partition_point(|slice| slice.to <= end);
            let slice = self.list.get_mut(place).zip(interval.histogram());
            let added = slice.is_some_and(|(slice, histogram)| match interval.tag.as_deref() {
                None => accumulate(&mut slice.latency, &histogram),
                Some(FROM_SEND_TAG) => accumulate(&mut slice.from_send, &histogram),
                // Somebody else's, and not drawn.
                Some(_) => true,
            });
            self.damaged += usize::from(!added);
        }
    }

    /// The middle of each slice.
    pub(crate) fn places(&self) -> Vec<f64> {
        self.list.iter().map(|slice| f64::midpoint(slice.from, slice.to)).collect()
    }

    /// A value of each slice.
    pub(crate) fn values(&self, value: impl Fn(&Slice) -> Option<f64>) -> Vec<Option<f64>> {
        self.list.iter().map(value).collect()
    }

    /// The parts of the run that are not measured.
    pub(crate) fn bands(run: &Run) -> Vec<Band> {
        let mut bands: Vec<Band> = Vec::new();
        let mut before = 0.0;
        for row in &run.timeline {
            let label = match row.phase {
                Phase::Connect => Some("connecting"),
                Phase::Warmup => Some("warm-up"),
                Phase::Measure => None,
                Phase::Drain => Some("drain"),
            };
            if let Some(label) = label {
                match bands.last_mut() {
                    Some(band) if band.label == label => band.to = row.t_seconds,
                    _ => bands.push(Band { from: before, to: row.t_seconds, label }),
                }
            }
            before = row.t_seconds;
        }
        bands
    }
}

impl Slice {
    fn new(from: f64, width: f64, row: &TimelineRow, seconds: f64) -> Self {
        let mut slice = Self {
            from,
            to: from + width,
            seconds: 0.0,
            totals: Totals::default(),
            latency: None,
            from_send: None,
            connected: 0,
            backlog: 0,
            send_lag_us: None,
            broker_bytes: None,
            generator_bytes: None,
        };
        slice.add(row, seconds);
        slice
    }

    fn add(&mut self, row: &TimelineRow, seconds: f64) {
        self.seconds += seconds.max(0.0);
        let totals = &mut self.totals;
        totals.offered = totals.offered.saturating_add(row.offered);
        totals.sent = totals.sent.saturating_add(row.sent);
        totals.expected = totals.expected.saturating_add(row.expected);
        totals.delivered = totals.delivered.saturating_add(row.delivered);
        let weighted = |sum: Option<f64>, percent: Option<f64>| {
            percent.map(|percent| sum.unwrap_or(0.0) + percent * seconds).or(sum)
        };
        totals.broker_cpu = weighted(totals.broker_cpu, row.broker_cpu_percent);
        totals.generator_cpu = weighted(totals.generator_cpu, row.generator_cpu_percent);
        self.connected = self.connected.max(row.connected);
        self.backlog = self.backlog.max(row.backlog);
        self.send_lag_us = highest(self.send_lag_us, row.send_lag_p99_us);
        self.broker_bytes = self.broker_bytes.max(row.broker_rss_bytes);
        self.generator_bytes = self.generator_bytes.max(row.generator_rss_bytes);
    }

    fn rate(&self, total: u64) -> Option<f64> {
        (self.seconds >= ROW_SECONDS_MIN).then(|| float(total) / self.seconds)
    }

    /// Publications per second that the schedule called for.
    pub(crate) fn offered(&self) -> Option<f64> {
        self.rate(self.totals.offered)
    }

    /// Publications per second that were written.
    pub(crate) fn sent(&self) -> Option<f64> {
        self.rate(self.totals.sent)
    }

    /// Deliveries per second that became owed.
    pub(crate) fn expected(&self) -> Option<f64> {
        self.rate(self.totals.expected)
    }

    /// Deliveries per second that came.
    pub(crate) fn delivered(&self) -> Option<f64> {
        self.rate(self.totals.delivered)
    }

    /// The broker's CPU time in per cent of a core.
    pub(crate) fn broker_cpu(&self) -> Option<f64> {
        self.totals
            .broker_cpu
            .filter(|_| self.seconds >= ROW_SECONDS_MIN)
            .map(|sum| sum / self.seconds)
    }

    /// The generator's.
    pub(crate) fn generator_cpu(&self) -> Option<f64> {
        let sum = self.totals.generator_cpu.filter(|_| self.seconds >= ROW_SECONDS_MIN)?;
        Some(sum / self.seconds)
    }

    /// A percentile of the delivery latency in microseconds, when enough samples lie above it.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<f64> {
        supported(self.latency.as_ref()?, quantile)
    }

    /// The same of the latency from send.
    pub(crate) fn quantile_from_send(&self, quantile: f64) -> Option<f64> {
        supported(self.from_send.as_ref()?, quantile)
    }
}

fn supported(latency: &Histogram<u64>, quantile: f64) -> Option<f64> {
    let above = float(latency.len()) * (1.0 - quantile);
    let is_supported = quantile >= 1.0 && !latency.is_empty() || above >= SAMPLES_ABOVE_MIN;
    is_supported.then(|| microseconds(latency.value_at_quantile(quantile)))
}

fn highest(first: Option<f64>, second: Option<f64>) -> Option<f64> {
    match (first, second) {
        (Some(first), Some(second)) => Some(first.max(second)),
        (one, None) | (None, one) => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{TestDirectory, histogram, leave_run, literal};

    fn run(seconds: &[Histogram<u64>]) -> Run {
        let base = TestDirectory::new();
        Run::read(&leave_run(base.path(), &literal(), seconds)).unwrap()
    }

    #[test]
    fn a_short_run_has_a_slice_per_second() {
        let slices = Slices::of(&run(&[histogram([24_000_000; 30]), histogram([31_000_000])]));
        assert_eq!(slices.list.len(), 5);
        let last = slices.list.last().unwrap();
        assert!((last.delivered().unwrap() - 2_083_333.0).abs() < 1.0);
        assert_eq!((last.quantile(0.5), last.quantile(1.0)), (None, Some(31_014.911)));
        assert!(slices.list[3].quantile(0.5).is_some());
        assert_eq!((slices.damaged, slices.list[0].latency.is_none()), (0, true));
        // The fixture sends half of the time later than it is due.
        assert_eq!(last.quantile_from_send(1.0), Some(15_507.455));
    }

    #[test]
    fn a_long_run_is_thinned_and_its_percentiles_are_those_of_the_merged_samples() {
        // Every hundredth second is slow: a mean of medians would show it.
        let seconds: Vec<_> = (0..500_u64)
            .map(|second| histogram([if second % 50 == 0 { 900_000_000 } else { 1_000_000 }; 40]))
            .collect();
        let slices = Slices::of(&run(&seconds));
        assert!(slices.list.len() <= 240 && slices.list.len() > 150, "{}", slices.list.len());
        let medians = slices.values(|slice| slice.quantile(0.5));
        assert!(medians.iter().flatten().all(|&median| median < 1_100.0), "{medians:?}");
        let slow = slices.values(|slice| slice.quantile(1.0));
        assert_eq!(slow.iter().flatten().filter(|&&max| max > 800_000.0).count(), 10);
        let samples: u64 =
            slices.list.iter().filter_map(|slice| slice.latency.as_ref()).map(Histogram::len).sum();
        assert_eq!(samples, 20_000);
    }

    #[test]
    fn what_is_not_measured_is_a_band() {
        let run = run(&[histogram([1_000_000])]);
        let bands: Vec<_> = Slices::bands(&run).iter().map(|b| (b.from, b.to, b.label)).collect();
        assert_eq!(bands, [(0.0, 2.0, "connecting"), (2.0, 3.0, "warm-up")]);
    }
}
