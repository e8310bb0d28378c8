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
    let run_rows: Vec<Row> = runs.iter().map(|(name, summary)| run_row(name, summary)).collect();
    let mut sections = Vec::new();
    if !bench_rows.is_empty() {
        sections.push((bench_titles(benches), bench_rows));
    }
    if !run_rows.is_empty() {
        sections
            .push((["load run", "p50", "p99 / max", "deliveries"].map(str::to_owned), run_rows));
    }
    let widths = widths(&sections);
    let sections: Vec<String> =
        sections.iter().map(|(titles, rows)| section(titles, rows, &widths)).collect();
    sections.join("\n")
}

fn bench_titles(benches: &[Bench]) -> Row {
    let confidence = benches.first().map_or(0.95, |bench| bench.median.confidence);
    let interval = format!("{:.0} % interval", confidence * 100.0);
    ["bench", "median", &interval, "throughput"].map(str::to_owned)
}

fn bench_row(bench: &Bench) -> Row {
    let name: Vec<&str> =
        [Some(bench.group.as_str()), bench.function.as_deref(), bench.value.as_deref()]
            .into_iter()
            .flatten()
            .collect();
    let median = bench.median;
    [
        harmless(&name.join("/")),
        nanoseconds(median.point_ns),
        format!("{} .. {}", nanoseconds(median.lower_ns), nanoseconds(median.upper_ns)),
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
    [harmless(name), p50, format!("{p99} / {max}"), deliveries(summary)]
}

fn deliveries(summary: &Summary) -> String {
    let counts = &summary.counts;
    let per_second =
        delivery_rate(summary).map_or_else(absent, |per_second| format!("{}/s", rate(per_second)));
    let loss = match counts.lost {
        0 => "0 lost".to_owned(),
        lost => format!("{} LOST", count(lost)),
    };
    format!("{per_second}, {}, {loss}", share(counts.delivered, counts.expected))
}

fn widths(sections: &[(Row, Vec<Row>)]) -> [usize; 4] {
    let mut widths = [0; 4];
    for row in sections.iter().flat_map(|(titles, rows)| rows.iter().chain([titles])) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Estimate;
    use crate::fixture::{literal, overloaded};

    fn bench(value: &str, nanoseconds: f64, throughput: Option<Throughput>) -> Bench {
        Bench {
            group: "topic".to_owned(),
            function: Some("exact".to_owned()),
            value: Some(value.to_owned()),
            median: Estimate {
                point_ns: nanoseconds,
                lower_ns: nanoseconds * 0.9,
                upper_ns: nanoseconds * 1.1,
                confidence: 0.95,
            },
            throughput,
        }
    }

    #[test]
    fn benches_and_runs_share_one_table() {
        let benches = [
            bench("1000", 34.12, Some(Throughput { unit: "elements", per_second: 29_308_323.6 })),
            bench("1000000", 1_250.0, Some(Throughput { unit: "bytes", per_second: 2.5e9 })),
            bench("none", 999_700.0, None),
        ];
        let runs = [("kelvin".to_owned(), literal()), ("other".to_owned(), overloaded())];
        assert_eq!(
            render_table(&benches, &runs),
            "\
bench                 median       95 % interval                          throughput
-------------------  -------  ------------------  ----------------------------------
topic/exact/1000     34.1 ns  30.7 ns .. 37.5 ns                            29.3 M/s
topic/exact/1000000  1.25 µs  1.12 µs .. 1.38 µs                           2.50 GB/s
topic/exact/none     1.00 ms   900 µs .. 1.10 ms                                   -

load run                 p50           p99 / max                          deliveries
-------------------  -------  ------------------  ----------------------------------
kelvin               8.20 ms   24.1 ms / 41.2 ms          2,083,333/s, 100 %, 0 lost
other                8.20 ms   24.1 ms / 41.2 ms  100,000/s, 5.00 %, 57,000,000 LOST
"
        );
    }

    #[test]
    fn either_half_may_be_missing() {
        assert_eq!(render_table(&[], &[]), "");
        let only_runs = render_table(&[], &[("kelvin".to_owned(), literal())]);
        assert!(only_runs.starts_with("load run"), "{only_runs}");
        let only_benches = render_table(&[bench("1", 1.0, None)], &[]);
        assert_eq!(only_benches.lines().count(), 3, "{only_benches}");
    }
}
