//! One table of what the benches and the load runs measured.

use crate::text::{absent, delivery_rate, harmless, latency_cells};
use crate::units::{count, metric, nanoseconds, rate, share};
use crate::{Bench, Summary, Throughput};

/// A row of the table: what was measured, and three figures.
type Row = [String; 4];

/// Renders benches and then load runs, in the order given, as one aligned table. Either list may be empty.
///
/// A bench has its median time, the confidence interval of it, and its throughput; a run has its median
/// delivery latency from the due time, p99 with the greatest sample, and its deliveries.
pub fn render_table(benches: &[Bench], runs: &[(String, Summary)]) -> String {
    let bench_rows: Vec<Row> = benches.iter().map(bench_row).collect();
    let run_rows: Vec<Row> = runs
        .iter()
        .map(|(name, summary)| run_row(name, summary))
        .collect();
    let mut sections = Vec::new();
    if !bench_rows.is_empty() {
        sections.push((bench_titles(benches), bench_rows));
    }
    if !run_rows.is_empty() {
        sections.push((
            ["load run", "p50", "p99 / max", "deliveries"].map(str::to_owned),
            run_rows,
        ));
    }
    let widths = widths(&sections);
    let sections: Vec<String> = sections
        .iter()
        .map(|(titles, rows)| section(titles, rows, &widths))
        .collect();
    sections.join("\n")
}

fn bench_titles(benches: &[Bench]) -> Row {
    let confidence = benches
        .first()
        .map_or(0.95, |bench| bench.median.confidence);
    let interval = format!("{:.0} % interval", confidence * 100.0);
    ["bench", "median", &interval, "throughput"].map(str::to_owned)
}

fn bench_row(bench: &Bench) -> Row {
    let name: Vec<&str> = [
        Some(bench.group.as_str()),
        bench.function.as_deref(),
        bench.value.as_deref(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let median = bench.median;
    [
        harmless(&name.join("/")),
        nanoseconds(median.estimate_ns),
        format!(
            "{} .. {}",
            nanoseconds(median.lower_ns),
            nanoseconds(median.upper_ns)
        ),
        bench.throughput.map_or_else(absent, throughput),
    ]
}

fn throughput(throughput: Throughput) -> String {
    let figure = metric(throughput.per_second);
    match throughput.unit {
        "bytes" => format!("{figure}B/s"),
        "bits" => format!("{figure}bit/s"),
        _ => format!("{figure}/s"),
    }
}

fn run_row(name: &str, summary: &Summary) -> Row {
    let [p50, _, p99, _, _, max] = latency_cells(&summary.latency.delivery.from_due);
    [
        harmless(name),
        p50,
        format!("{p99} / {max}"),
        deliveries(summary),
    ]
}

fn deliveries(summary: &Summary) -> String {
    let counts = &summary.counts;
    let per_second =
        delivery_rate(summary).map_or_else(absent, |per_second| format!("{}/s", rate(per_second)));
    let loss = match counts.lost {
        0 => "0 lost".to_owned(),
        lost => format!("{} LOST", count(lost)),
    };
    format!(
        "{per_second}, {}, {loss}",
        share(counts.delivered, counts.expected)
    )
}

fn widths(sections: &[(Row, Vec<Row>)]) -> [usize; 4] {
    let mut widths = [0; 4];
    for row in sections
        .iter()
        .flat_map(|(titles, rows)| rows.iter().chain([titles]))
    {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    widths
}

fn section(titles: &Row, rows: &[Row], widths: &[usize; 4]) -> String {
    let mut text = aligned(titles, widths);
    text.push_str(&widths.map(|width| "-".repeat(width)).join("  "));
    text.push('\n');
    for row in rows {
        text.push_str(&aligned(row, widths));
    }
    text
}

/// What was measured to the left, the figures to the right.
fn aligned([name, first, second, third]: &Row, [a, b, c, d]: &[usize; 4]) -> String {
    format!("{name:<a$}  {first:>b$}  {second:>c$}  {third:>d$}\n")
}
