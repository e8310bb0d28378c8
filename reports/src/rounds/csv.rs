//! `rounds.csv`: every round as a row.

use serde::Serialize;

use super::{RoundFailure, Rounds, Side, broker_cpu, verdict};
use crate::Summary;
use crate::text::delivery_rate;

/// A row. Latencies are microseconds from the due time; what is not known is an empty field.
#[derive(Debug, Default, Serialize)]
struct Row<'a> {
    broker: &'a str,
    version: &'a str,
    round: u32,
    started: &'a str,
    verdict: &'a str,
    offered: Option<u64>,
    sent: Option<u64>,
    expected: Option<u64>,
    delivered: Option<u64>,
    lost: Option<u64>,
    duplicate: Option<u64>,
    reordered: Option<u64>,
    deliveries_per_second: Option<f64>,
    p50_us: Option<f64>,
    p90_us: Option<f64>,
    p99_us: Option<f64>,
    p999_us: Option<f64>,
    p9999_us: Option<f64>,
    max_us: Option<f64>,
    connect_p99_us: Option<f64>,
    send_lag_p99_us: Option<f64>,
    broker_cpu_seconds: Option<f64>,
    broker_cpu_us_per_delivery: Option<f64>,
    broker_memory_bytes: Option<u64>,
    generator_cpu_seconds: Option<f64>,
    /// Why there is no result.
    failure: &'a str,
}

impl Rounds {
    /// Every round as a row of comma-separated values, the titles first. A round that failed has its reason.
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let measured = self.sides.iter().flat_map(|side| {
            side.runs.iter().map(move |(round, summary)| Row::of(side, *round, summary))
        });
        let failed = self.failures.iter().map(|failure| Row::failed(self, failure));
        let mut rows: Vec<Row<'_>> = measured.chain(failed).collect();
        rows.sort_by_key(|row| row.round);
        for row in rows {
            // Into memory, and every row has the same fields: nothing can fail.
            let _infallible = writer.serialize(row);
        }
        let text = writer.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl<'a> Row<'a> {
    fn of(side: &'a Side, round: u32, summary: &'a Summary) -> Self {
        let counts = &summary.counts;
        let due = summary.latency.delivery.from_due.supported();
        Self {
            broker: &side.name,
            version: &side.version,
            round,
            started: &summary.started,
            verdict: verdict(summary),
            offered: Some(counts.offered),
            sent: Some(counts.sent),
            expected: Some(counts.expected),
            delivered: Some(counts.delivered),
            lost: Some(counts.lost),
            duplicate: Some(counts.duplicate),
            reordered: Some(counts.reordered),
            deliveries_per_second: delivery_rate(summary),
            p50_us: due[0],
            p90_us: due[1],
            p99_us: due[2],
            p999_us: due[3],
            p9999_us: due[4],
            max_us: due[5],
            connect_p99_us: summary.latency.connect.supported()[2],
            send_lag_p99_us: summary.latency.send_lag.supported()[2],
            broker_cpu_seconds: summary.cpu.broker_seconds,
            broker_cpu_us_per_delivery: broker_cpu(summary),
            broker_memory_bytes: summary.memory.broker_bytes,
            generator_cpu_seconds: Some(summary.cpu.generator_seconds),
            failure: "",
        }
    }

    fn failed(rounds: &'a Rounds, failure: &'a RoundFailure) -> Self {
        let side = rounds.sides.iter().find(|side| side.name == failure.broker);
        Self {
            broker: &failure.broker,
            version: side.map_or("", |side| &side.version),
            round: failure.round,
            failure: &failure.reason,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rounds::tests::rounds;

    #[test]
    fn every_round_is_a_row_and_a_failure_too() {
        let text = rounds().csv();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let titles = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let cell = |row: usize, title: &str| {
            rows[row].get(titles.iter().position(|other| other == title).unwrap()).unwrap()
        };
        let order: Vec<_> =
            (0..rows.len()).map(|row| (cell(row, "round"), cell(row, "broker"))).collect();
        assert_eq!(
            order,
            [("1", "kelvin"), ("1", "absent | one"), ("2", "kelvin"), ("2", "other")]
        );
        assert_eq!(cell(1, "failure"), "it is not installed");
        assert_eq!((cell(1, "p99_us"), cell(1, "delivered")), ("", ""));
        assert_eq!((cell(3, "p99_us"), cell(3, "version")), ("400000.0", "2.0"));
        assert_eq!(cell(2, "broker_memory_bytes"), "26800000");
    }
}
