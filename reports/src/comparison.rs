//! Several runs side by side, as a markdown table.

use crate::Summary;
use crate::markdown::{cell, table};
use crate::text::{absent, cpu_per_delivery, delivery_rate, latency_cells};
use crate::units::{bytes, count, microseconds, rate, share};

/// The columns: figures that decide between brokers.
const COLUMNS: [&str; 9] = [
    "run",
    "deliveries/s",
    "delivered of expected",
    "lost",
    "p50",
    "p99",
    "max",
    "broker CPU per delivery",
    "broker memory",
];

/// Renders runs as the rows of one markdown table, in the order given, each with its name first. Latencies
/// are from the due time; what is not known, or what too few samples support, is `-`.
pub fn render_comparison(runs: &[(String, Summary)]) -> String {
    let titles = COLUMNS.map(str::to_owned).to_vec();
    let rows = runs.iter().map(|(name, summary)| row(name, summary).to_vec());
    table(&[titles].into_iter().chain(rows).collect::<Vec<_>>())
}

fn row(name: &str, summary: &Summary) -> [String; COLUMNS.len()] {
    let counts = &summary.counts;
    let [p50, _, p99, _, _, max] = latency_cells(&summary.latency.delivery.from_due);
    let deliveries = delivery_rate(summary).map_or_else(absent, rate);
    let cpu = summary
        .cpu
        .broker_seconds
        .and_then(|seconds| cpu_per_delivery(seconds, counts.delivered))
        .map_or_else(absent, microseconds);
    [
        cell(name),
        deliveries,
        share(counts.delivered, counts.expected),
        count(counts.lost),
        p50,
        p99,
        max,
        cpu,
        broker_memory(summary),
    ]
}

/// An embedded broker has no memory of its own: the process is shown, and that it is the whole.
fn broker_memory(summary: &Summary) -> String {
    match (summary.memory.broker_bytes, summary.cpu.broker_seconds) {
        (Some(size), _) => bytes(size),
        (None, Some(_)) => format!("{} with generator", bytes(summary.memory.generator_bytes)),
        (None, None) => absent(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{literal, overloaded};

    #[test]
    fn runs_stand_side_by_side() {
        let mut separate = literal();
        separate.memory.broker_bytes = Some(78_000_000);
        let runs = [
            ("embedded".to_owned(), literal()),
            ("separate".to_owned(), separate),
            ("other | 2\n".to_owned(), overloaded()),
        ];
        assert_eq!(
            render_comparison(&runs),
            "\
| run         | deliveries/s | delivered of expected |       lost |     p50 |     p99 |     max | broker CPU per delivery |         broker memory |
|-------------|-------------:|----------------------:|-----------:|--------:|--------:|--------:|------------------------:|----------------------:|
| embedded    |    2,083,333 |                 100 % |          0 | 8.20 ms | 24.1 ms | 41.2 ms |                0.260 µs | 142 MB with generator |
| separate    |    2,083,333 |                 100 % |          0 | 8.20 ms | 24.1 ms | 41.2 ms |                0.260 µs |               78.0 MB |
| other \\| 2\u{fffd} |      100,000 |                5.00 % | 57,000,000 | 8.20 ms | 24.1 ms | 41.2 ms |                       - |                     - |
"
        );
    }

    #[test]
    fn without_runs_there_is_a_heading() {
        assert_eq!(render_comparison(&[]).lines().count(), 2);
    }
}
