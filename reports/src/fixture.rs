//! What the tests of this package share: a whole summary, and directories that vanish.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;

use crate::{
    BrokerUse, Config, Connecting, Contract, Counts, Cpu, Delivery, Finding, IntervalHistogram,
    Judgement, Latency, Legs, Machine, Measured, Memory, Opened, Percentiles, Phase, Reason,
    RunDirectory, SCHEMA, Summary, TimelineRow, Verdict,
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
        ledger: vec![Contract {
            qos: 0,
            expected: 62_500_000,
            delivered: 62_500_000,
            ..Contract::default()
        }],
        latency: literal_latency(),
        legs: literal_legs(),
        connecting: Connecting { before_load: Opened::new(5_000, 0.4), under_load: None },
        verdict: Some(Verdict {
            verdict: Judgement::Valid,
            reasons: vec![Reason {
                code: "kept_up".to_owned(),
                text: "all of 2,083,333 deliveries/s arrived".to_owned(),
                evidence: [("delivered_per_second".to_owned(), 2_083_333.3)].into(),
            }],
        }),
        thresholds: Vec::new(),
        cpu: Cpu { broker_seconds: Some(16.25), generator_seconds: 20.5 },
        memory: Memory { broker_bytes: None, generator_bytes: 142_000_000 },
        generators: Vec::new(),
        broker: Some(BrokerUse {
            pid: 4711,
            cpu_seconds: Some(16.25),
            user_seconds: Some(6.25),
            system_seconds: Some(10.0),
            cpu_us_per_delivery: Some(0.26),
            voluntary_context_switches: Some(31_000),
            involuntary_context_switches: Some(2_400),
            ..BrokerUse::default()
        }),
        warnings: Vec::new(),
    }
}

/// The same with deliveries at every QoS, of which those at QoS 1 were not kept.
pub(crate) fn mixed() -> Summary {
    let row = |qos, expected, lost| Contract {
        qos,
        expected,
        delivered: expected - lost,
        lost,
        ..Contract::default()
    };
    let broken = Contract {
        delivered: 19_990,
        lost: 6,
        duplicate: 7,
        duplicate_with_dup: 3,
        reordered: 2,
        corrupted: 1,
        late_after_drain: 4,
        findings: vec![Finding {
            code: "lost".to_owned(),
            count: 6,
            text: "6 deliveries never came".to_owned(),
        }],
        ..row(1, 20_000, 0)
    };
    Summary { ledger: vec![row(0, 40_000, 10), broken, row(2, 1_000_000, 0)], ..literal() }
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
        broker: None,
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
        window: None,
        publications_per_second: 833.333_333,
        deliveries_per_second: 2_083_333.333,
        warmup_seconds: 5.0,
        duration_seconds: 30.0,
        measured_seconds: 30.0,
        connect_rate: None,
        threads: 1,
        seed: 1,
        scenario: None,
    }
}

fn literal_latency() -> Latency {
    let delivery = percentiles(
        62_500_000,
        9_800.25,
        [Some(8_200.0), Some(16_450.0), Some(24_100.0), Some(31_000.0), Some(36_800.0)],
        41_230.0,
    );
    Latency {
        delivery: Delivery {
            from_due: delivery,
            from_send: Percentiles { p50: Some(8_100.0), ..delivery },
        },
        connect: percentiles(
            5_000,
            900.0,
            [Some(812.5), Some(1_400.0), Some(2_300.0), None, None],
            3_000.0,
        ),
        send_lag: percentiles(
            25_000,
            40.0,
            [Some(22.0), Some(61.0), Some(150.0), Some(900.0), None],
            1_240.0,
        ),
    }
}

fn literal_legs() -> Legs {
    let whole = literal_latency().connect;
    Legs {
        tcp_connect: Percentiles { p50: Some(312.5), ..whole },
        connack: Percentiles { p50: Some(500.0), ..whole },
        suback: percentiles(
            2_500,
            200.0,
            [Some(180.0), Some(250.0), Some(400.0), None, None],
            612.0,
        ),
        pingresp: percentiles(12, 70.0, [None; 5], 95.0),
        ..Legs::default()
    }
}

/// The minimum is a tenth of the mean.
fn percentiles(count: u64, mean: f64, quantiles: [Option<f64>; 5], max: f64) -> Percentiles {
    let [p50, p90, p99, p999, p9999] = quantiles;
    let (min, mean, max) = (Some(mean / 10.0), Some(mean), Some(max));
    Percentiles { count, min, mean, p50, p90, p99, p999, p9999, max }
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
    let started = SystemTime::UNIX_EPOCH + Duration::from_hours(498_751);
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
        let length = Duration::from_secs(1);
        intervals.push(IntervalHistogram::new(start, length, latency).unwrap());
        // Half of the latency of each is that of the generator.
        let mut from_send = histogram([]);
        for step in latency.iter_recorded() {
            from_send.record_n(step.value_iterated_to() / 2, step.count_at_value()).unwrap();
        }
        let tagged = IntervalHistogram::tagged(crate::FROM_SEND_TAG, start, length, &from_send);
        intervals.push(tagged.unwrap());
    }
    let run = RunDirectory::create(base, "literal", started).unwrap();
    let measured = Measured {
        timeline: &timeline,
        distribution: &total,
        intervals: &intervals,
        legs: &[
            ("from_send", &total),
            ("send_lag", &histogram((1..=1_000).map(|i| i * 1_000))),
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
