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
    2_u64
        .saturating_mul(10_u64.saturating_pow(u32::from(sigfig)))
        .next_power_of_two()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact below 2^53 ns, which is 104 days"
)]
fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / NANOSECONDS
}
