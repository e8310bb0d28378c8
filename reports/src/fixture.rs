//! What the tests of this package share: a whole summary, and directories that vanish.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;

use crate::{
    Config, Counts, Cpu, Delivery, IntervalHistogram, Latency, Machine, Measured, Memory,
    Percentiles, Phase, RunDirectory, SCHEMA, Summary, TimelineRow,
};

/// The temperature pattern with 5,000 clients, all of it delivered by an embedded broker.
pub(crate) fn literal() -> Summary {
    Summary {
        schema: SCHEMA.to_owned(),
        started: "2026-11-24T07:00:00.000Z".to_owned(),
        complete: true,
        config: literal_config(),
        machine: Machine {
            os: "Linux 6.1.0".to_owned(),
            cpu: "Some CPU @ 2.00GHz".to_owned(),
            cores: 2,
            memory_bytes: 8_202_514_432,
            open_files_max: 1_048_576,
            version: "0.1.0".to_owned(),
            commit: "0123456789ab".to_owned(),
            allocator: "mimalloc".to_owned(),
        },
        counts: Counts {
            offered: 25_000,
            sent: 25_000,
            expected: 62_500_000,
            delivered: 62_500_000,
            connected: 5_000,
            ..Counts::default()
        },
        latency: literal_latency(),
        cpu: Cpu { broker_seconds: Some(16.25), generator_seconds: 20.5 },
        memory: Memory { broker_bytes: None, generator_bytes: 142_000_000 },
        generators: Vec::new(),
        warnings: Vec::new(),
    }
}

/// The same against a broker elsewhere that does not keep up, interrupted by hand.
pub(crate) fn overloaded() -> Summary {
    let literal = literal();
    Summary {
        complete: false,
        config: Config { broker: "mqtt://10.0.0.7:1883".to_owned(), ..literal.config },
        counts: Counts {
            sent: 24_000,
            expected: 60_000_000,
            delivered: 3_000_000,
            lost: 57_000_000,
            duplicate: 12,
            retained: 2_500,
            disconnected: 3,
            ..literal.counts
        },
        cpu: Cpu { broker_seconds: None, ..literal.cpu },
        warnings: vec![
            "the broker closed 3 Network Connections while the load ran, and what was on its way to \
             them counts as lost"
                .to_owned(),
        ],
        ..literal
    }
}

fn literal_config() -> Config {
    Config {
        command: "loadgen --clients 5000 --rate 3s".to_owned(),
        broker: "embedded".to_owned(),
        protocol: "3.1.1".to_owned(),
        transport: "tcp".to_owned(),
        topology: "shared".to_owned(),
        topic: "temperature".to_owned(),
        publishers: 2_500,
        subscribers: 2_500,
        qos: 0,
        sub_qos: 1,
        retain: true,
        payload_bytes: 16,
        period_seconds: 3.0,
        publications_per_second: 833.333_333,
        deliveries_per_second: 2_083_333.333,
        warmup_seconds: 5.0,
        duration_seconds: 30.0,
        measured_seconds: 30.0,
        connect_rate: None,
        threads: 1,
        seed: 1,
    }
}

fn literal_latency() -> Latency {
    let delivery = Percentiles {
        count: 62_500_000,
        mean: 9_800.25,
        p50: 8_200.0,
        p90: 16_450.0,
        p99: 24_100.0,
        p999: 31_000.0,
        p9999: 36_800.0,
        max: 41_230.0,
    };
    Latency {
        delivery: Delivery {
            from_due: delivery,
            from_send: Percentiles { p50: 8_100.0, ..delivery },
        },
        connect: Percentiles {
            count: 5_000,
            mean: 900.0,
            p50: 812.5,
            p90: 1_400.0,
            p99: 2_300.0,
            p999: 2_900.0,
            p9999: 3_000.0,
            max: 3_000.0,
        },
        send_lag: Percentiles {
            count: 25_000,
            mean: 40.0,
            p50: 22.0,
            p90: 61.0,
            p99: 150.0,
            p999: 900.0,
            p9999: 1_100.0,
            max: 1_240.0,
        },
    }
}

/// A histogram of nanoseconds with the bounds that loadgen uses.
pub(crate) fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
    for value in values {
        histogram.record(value).unwrap();
    }
    histogram
}

/// Leaves a run whose measured seconds had these delivery latencies, after two seconds of connecting and one
/// of warm-up, and returns its directory.
pub(crate) fn leave_run(base: &Path, summary: &Summary, seconds: &[Histogram<u64>]) -> PathBuf {
    let started = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_503_600_000);
    let mut total = histogram([]);
    let mut timeline = vec![
        TimelineRow { connected: 2_600, ..TimelineRow::new(1.0, Phase::Connect) },
        TimelineRow { connected: 5_000, ..TimelineRow::new(2.0, Phase::Connect) },
        row(3.0, Phase::Warmup, &histogram([9_000_000])),
    ];
    let mut intervals = Vec::new();
    for (start, latency) in (3_u64..).zip(seconds) {
        total.add(latency).unwrap();
        timeline.push(row(crate::units::float(start + 1), Phase::Measure, latency));
        let start = Duration::from_secs(start);
        intervals.push(IntervalHistogram::new(start, Duration::from_secs(1), latency).unwrap());
    }
    let run = RunDirectory::create(base, "literal", started).unwrap();
    let measured = Measured {
        timeline: &timeline,
        distribution: &total,
        intervals: &intervals,
        legs: &[
            ("from-send", &total),
            ("send-lag", &histogram((1..=1_000).map(|i| i * 1_000))),
            ("connect", &histogram((1..=5_000).map(|i| 200_000 + i * 900))),
        ],
    };
    run.write(summary, &measured).unwrap();
    run.path().to_owned()
}

fn row(t_seconds: f64, phase: Phase, latency: &Histogram<u64>) -> TimelineRow {
    let mut row = TimelineRow {
        connected: 5_000,
        offered: 833,
        sent: 833,
        expected: 2_083_333,
        delivered: 2_083_333,
        backlog: 1_234,
        broker_cpu_percent: Some(53.5),
        generator_cpu_percent: Some(41.0),
        generator_rss_bytes: Some(115_000_000),
        ..TimelineRow::new(t_seconds, phase)
    };
    row.set_latency(latency, latency);
    row
}

/// A directory of one test, removed with the value.
pub(crate) struct TestDirectory(PathBuf);

impl TestDirectory {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kelvin-reports-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
