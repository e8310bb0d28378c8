//! `latency.hgrm`: the percentile distribution as text, as HdrHistogram's plotter reads it.
//!
//! The layout is that of `AbstractHistogram.outputPercentileDistribution` of the Java library; the Rust
//! crate has no writer for it. Values are milliseconds, because that is the axis the plotter labels.

use std::io::{self, Write};

use hdrhistogram::Histogram;

/// Lines for each halving of the distance to 100 %: what the Java tools write by default.
const TICKS_PER_HALF_DISTANCE: u32 = 5;

/// Nanoseconds in a millisecond.
const NANOSECONDS: f64 = 1_000_000.0;

/// Digits after the point at least, so that a microsecond still shows.
const DECIMALS_MIN: usize = 3;

/// Writes the distribution of a histogram that holds nanoseconds.
///
/// # Errors
/// What the writer returns.
pub fn write_hgrm(writer: &mut impl Write, histogram: &Histogram<u64>) -> io::Result<()> {
    let decimals = usize::from(histogram.sigfig()).max(DECIMALS_MIN);
    writeln!(
        writer,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    write_rows(writer, histogram, decimals)?;
    write_footer(writer, histogram, decimals)
}

fn write_rows(
    writer: &mut impl Write,
    histogram: &Histogram<u64>,
    decimals: usize,
) -> io::Result<()> {
    let mut total = 0_u64;
    for step in histogram.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        total = total.saturating_add(step.count_since_last_iteration());
        let value = milliseconds(step.value_iterated_to());
        let quantile = step.quantile_iterated_to();
        write!(writer, "{value:12.decimals$} {quantile:2.12} {total:10}")?;
        // 1/(1-1) is no number; the plotter leaves out a line of three columns.
        if quantile < 1.0 {
            write!(writer, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        writeln!(writer)?;
    }
    Ok(())
}

fn write_footer(
    writer: &mut impl Write,
    histogram: &Histogram<u64>,
    decimals: usize,
) -> io::Result<()> {
    writeln!(
        writer,
        "#[Mean    = {:12.decimals$}, StdDeviation   = {:12.decimals$}]",
        histogram.mean() / NANOSECONDS,
        histogram.stdev() / NANOSECONDS
    )?;
    writeln!(
        writer,
        "#[Max     = {:12.decimals$}, Total count    = {:12}]",
        milliseconds(histogram.max()),
        histogram.len()
    )?;
    writeln!(
        writer,
        "#[Buckets = {:12}, SubBuckets     = {:12}]",
        histogram.buckets(),
        sub_buckets(histogram.sigfig())
    )
}

/// Slots of one bucket: the least power of two that tells apart two values of `sigfig` digits.
fn sub_buckets(sigfig: u8) -> u64 {
    2_u64.saturating_mul(10_u64.saturating_pow(u32::from(sigfig))).next_power_of_two()
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 ns, which is 104 days")]
fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / NANOSECONDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::histogram;

    /// What version 2.1.11 of the Java library writes for the values of [`squares`].
    const BY_JAVA: &str = include_str!("../tests/golden/latency.hgrm");

    fn squares() -> Histogram<u64> {
        histogram((1..=300_u64).map(|i| i * i * 1_000).chain([2_000_000_000]))
    }

    fn text(histogram: &Histogram<u64>) -> String {
        let mut bytes = Vec::new();
        write_hgrm(&mut bytes, histogram).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// What the plotter draws: (1/(1-percentile), value) of each line of four columns that is no comment.
    fn plotted(text: &str) -> Vec<(f64, f64)> {
        text.lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|columns| columns.len() == 4 && !columns[0].starts_with('#'))
            .filter_map(|columns| Some((columns[3].parse().ok()?, columns[0].parse().ok()?)))
            .collect()
    }

    #[test]
    fn the_text_is_that_of_the_java_library() {
        assert_eq!(text(&squares()), BY_JAVA);
    }

    #[test]
    fn an_empty_histogram_has_a_heading_and_a_footer() {
        let text = text(&histogram([]));
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(text.contains("Total count    =            0]"), "{text}");
        assert_eq!(plotted(&text), []);
    }

    #[test]
    fn the_plotter_sees_a_curve_that_only_rises() {
        let points = plotted(&text(&histogram((1..=1_000_000_u64).map(|i| i * 7))));
        assert!(points.len() > 50, "{} points", points.len());
        assert!(points.is_sorted(), "{points:?}");
        let (_, last) = points.last().unwrap();
        assert!((last - 7.0).abs() < 0.01, "7,000,000 ns are 7 ms, not {last}");
    }

    #[test]
    fn a_coarse_histogram_still_shows_microseconds() {
        let mut histogram = Histogram::<u64>::new(1).unwrap();
        histogram.record(200_000).unwrap();
        assert!(text(&histogram).contains("       0.205 1.000000000000"), "{}", text(&histogram));
    }
}
