//! Several runs side by side, as a markdown table.

use crate::Summary;
use crate::text::{absent, cpu_per_delivery, delivery_rate, harmless, latency_cells};
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
    let rows: Vec<[String; COLUMNS.len()]> =
        runs.iter().map(|(name, summary)| row(name, summary)).collect();
    let titles = COLUMNS.map(str::to_owned);
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|column| {
            rows.iter()
                .chain([&titles])
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = markdown_row(&titles, &widths);
    text.push_str(&rule(&widths));
    for row in &rows {
        text.push_str(&markdown_row(row, &widths));
    }
    text
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

/// A name that cannot break the table.
fn cell(name: &str) -> String {
    harmless(name).replace('|', "\\|")
}

/// One row: the name to the left, figures to the right.
fn markdown_row(cells: &[String], widths: &[usize]) -> String {
    let cells: String = cells
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(index, (cell, &width))| match index {
            0 => format!("| {cell:<width$} "),
            _ => format!("| {cell:>width$} "),
        })
        .collect();
    format!("{cells}|\n")
}

fn rule(widths: &[usize]) -> String {
    let cells: String = widths
        .iter()
        .enumerate()
        .map(|(index, &width)| match index {
            0 => format!("|-{}-", "-".repeat(width)),
            _ => format!("|-{}:", "-".repeat(width)),
        })
        .collect();
    format!("{cells}|\n")
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
