//! The names, the units and the numbers.

use std::fmt;

use hdrhistogram::Histogram;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use reports::{Phase, TimelineRow};

use super::Shared;
use crate::recorder::Counters;
use crate::units::fraction;

/// Upper bounds of the buckets in seconds: a delivery on one machine takes less than a millisecond, and a broker
/// that does not keep up lets it wait for many seconds.
const BUCKETS: [f64; 17] = [
    50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3,
    1.0, 2.5, 5.0, 10.0,
];

/// What a scrape reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// What the run does.
    phase: Option<Phase>,
    /// Clients of the run.
    pub clients: u64,
    /// Publications per second that the scenario asks for.
    pub publications_per_second: f64,
    /// Deliveries per second that follow from it.
    pub deliveries_per_second: f64,
    offered: u64,
    counters: Counters,
    delivery: Buckets,
    send_lag: Buckets,
    /// CPU seconds since the load began.
    broker_cpu_seconds: Option<f64>,
    generator_cpu_seconds: f64,
    broker_bytes: Option<u64>,
    generator_bytes: Option<u64>,
}

/// Samples by their bucket, the last for those above all bounds.
#[derive(Clone, Debug, Default)]
struct Buckets {
    counts: [u64; BUCKETS.len() + 1],
    sum_seconds: f64,
}

impl Snapshot {
    /// Clients are being connected.
    pub(crate) fn connecting(&mut self, counters: &Counters) {
        self.phase = Some(Phase::Connect);
        self.counters = *counters;
    }

    /// A second of the load has ended: its row, the running totals, and its samples in nanoseconds.
    pub(crate) fn second(
        &mut self,
        row: &TimelineRow,
        (offered, counters): (u64, Counters),
        delivery: &Histogram<u64>,
        send_lag: &Histogram<u64>,
    ) {
        self.phase = Some(row.phase);
        // Counters are of the moment of the report, a little after the second has ended.
        self.offered = offered.max(counters.sent);
        self.counters = counters;
        self.delivery.add(delivery);
        self.send_lag.add(send_lag);
        self.broker_bytes = row.broker_rss_bytes;
        self.generator_bytes = row.generator_rss_bytes;
    }

    /// CPU time since the load began.
    pub(crate) fn spent(&mut self, broker_seconds: Option<f64>, generator_seconds: f64) {
        self.broker_cpu_seconds = broker_seconds;
        self.generator_cpu_seconds = generator_seconds;
    }

    fn counts(&self) -> [(&'static str, &'static str, u64); 12] {
        let counters = &self.counters;
        [
            ("expected_publications", "Publications that the schedule called for", self.offered),
            ("publications", "Publications that were written to a socket", counters.sent),
            ("expected_deliveries", "Deliveries that the publications sent owe", counters.owed),
            (
                "deliveries",
                "Deliveries that came, each publication once for each subscriber",
                counters.delivered,
            ),
            (
                "duplicates",
                "Deliveries of the measured part that came again",
                counters.measured_duplicate,
            ),
            (
                "reordered",
                "Deliveries of the measured part that came after a later one of their publisher",
                counters.measured_reordered,
            ),
            ("retained", "Messages that came with RETAIN = 1", counters.retained),
            (
                "foreign",
                "Messages on a measured topic that this run did not publish",
                counters.foreign,
            ),
            (
                "rejected_publications",
                "Publications that the broker refused with a Reason Code",
                counters.rejected,
            ),
            ("opened_connections", "Network Connections that were opened", counters.opened),
            (
                "failed_connections",
                "Network Connections that could not be opened or were refused",
                counters.connect_failed,
            ),
            (
                "lost_connections",
                "Network Connections that ended during the run",
                counters.disconnected,
            ),
        ]
    }

    fn levels(&self) -> [(&'static str, &'static str, Option<f64>); 8] {
        let backlog = self.counters.owed.saturating_sub(self.counters.delivered);
        let bytes = |bytes: Option<u64>| bytes.map(fraction);
        [
            ("expected_connections", "Clients of the run", Some(fraction(self.clients))),
            (
                "connections",
                "Network Connections that are open",
                Some(fraction(self.counters.connected)),
            ),
            (
                "expected_publications_per_second",
                "Publications per second that the scenario asks for",
                Some(self.publications_per_second),
            ),
            (
                "expected_deliveries_per_second",
                "Deliveries per second that follow from it",
                Some(self.deliveries_per_second),
            ),
            (
                "backlog_deliveries",
                "Deliveries that are owed and have not come",
                Some(fraction(backlog)),
            ),
            (
                "broker_resident_bytes",
                "Resident memory of the broker's process, when it is on this machine",
                bytes(self.broker_bytes),
            ),
            (
                "generator_resident_bytes",
                "Resident memory of the generator, an embedded broker included",
                bytes(self.generator_bytes),
            ),
            (
                "phase",
                "What the run does: 0 connecting, 1 warm-up, 2 measured, 3 drain",
                self.phase.map(number),
            ),
        ]
    }
}

fn number(phase: Phase) -> f64 {
    match phase {
        Phase::Connect => 0.0,
        Phase::Warmup => 1.0,
        Phase::Measure => 2.0,
        Phase::Drain => 3.0,
    }
}

impl Buckets {
    fn add(&mut self, histogram: &Histogram<u64>) {
        for step in histogram.iter_recorded() {
            let seconds = fraction(step.value_iterated_to()) / 1e9;
            let count = step.count_at_value();
            let place = BUCKETS.partition_point(|&bound| bound < seconds);
            if let Some(bucket) = self.counts.get_mut(place) {
                *bucket = bucket.saturating_add(count);
            }
            self.sum_seconds += seconds * fraction(count);
        }
    }

    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        // The library adds them up.
        let bounds = BUCKETS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counts).collect();
        let count = self.counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        encoder.encode_histogram::<NoLabelSet>(self.sum_seconds, count, &buckets, None)
    }
}

impl Collector for Shared {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.lock().clone();
        for (name, help, value) in snapshot.counts() {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            metric.encode_counter::<NoLabelSet, u64, u64>(&value, None)?;
        }
        for (name, help, value) in [
            (
                "broker_cpu_seconds",
                "CPU time of the broker since the load began",
                snapshot.broker_cpu_seconds,
            ),
            (
                "generator_cpu_seconds",
                "CPU time of the generator since the load began",
                Some(snapshot.generator_cpu_seconds),
            ),
        ] {
            if let Some(value) = value {
                let mut metric =
                    encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
                metric.encode_counter::<NoLabelSet, f64, u64>(&value, None)?;
            }
        }
        for (name, help, value) in snapshot.levels() {
            if let Some(value) = value {
                let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                metric.encode_gauge(&value)?;
            }
        }
        let help = "From the moment that a publication was due to its arrival at one subscriber";
        snapshot.delivery.encode(encoder.encode_descriptor(
            "delivery_latency_seconds",
            help,
            None,
            MetricType::Histogram,
        )?)?;
        let help = "From the moment that a publication was due to the moment that it was sent";
        snapshot.send_lag.encode(encoder.encode_descriptor(
            "send_lag_seconds",
            help,
            None,
            MetricType::Histogram,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::recorder::histogram;

    fn scraped(shared: &Shared) -> String {
        let mut registry = Registry::with_prefix("loadgen");
        registry.register_collector(Box::new(shared.clone()));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn expected_stands_next_to_actual_and_buckets_add_up() {
        let shared = Shared::default();
        let mut delivery = histogram();
        for microseconds in [40, 60, 60, 20_000_000] {
            delivery.saturating_record(microseconds * 1_000);
        }
        let counters =
            Counters { sent: 8, owed: 80, delivered: 78, connected: 10, ..Counters::default() };
        let row = TimelineRow {
            generator_rss_bytes: Some(1_000),
            ..TimelineRow::new(1.0, Phase::Measure)
        };
        shared.lock().clients = 10;
        for _ in 0..2 {
            shared.lock().second(&row, (9, counters), &delivery, &histogram());
        }
        let text = scraped(&shared);
        for line in [
            "loadgen_expected_publications_total 9",
            "loadgen_publications_total 8",
            "loadgen_expected_deliveries_total 80",
            "loadgen_deliveries_total 78",
            "loadgen_backlog_deliveries 2.0",
            "loadgen_expected_connections 10.0",
            "loadgen_phase 2.0",
            "loadgen_delivery_latency_seconds_bucket{le=\"0.00005\"} 2",
            "loadgen_delivery_latency_seconds_bucket{le=\"0.0001\"} 6",
            "loadgen_delivery_latency_seconds_bucket{le=\"10.0\"} 6",
            "loadgen_delivery_latency_seconds_bucket{le=\"+Inf\"} 8",
            "loadgen_delivery_latency_seconds_count 8",
            "loadgen_send_lag_seconds_count 0",
        ] {
            assert!(text.lines().any(|l| l == line), "no line `{line}` in\n{text}");
        }
        assert!(!text.contains("broker_resident_bytes "), "what is unknown is not told");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn a_sample_on_a_bound_belongs_to_its_bucket() {
        let mut buckets = Buckets::default();
        let mut exact = Histogram::<u64>::new(5).unwrap();
        exact.record(50_000).unwrap();
        buckets.add(&exact);
        assert_eq!(buckets.counts[0], 1);
    }
}
