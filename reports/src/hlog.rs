//! `latency.hlog`: one histogram per interval, as HdrHistogram's log reader, processor and analyzer take it.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError};
use hdrhistogram::serialization::{V2DeflateSerializeError, V2DeflateSerializer};

/// Nanoseconds in a millisecond: the log's readable maximum is in milliseconds, its histograms in nanoseconds.
const MAX_VALUE_DIVISOR: f64 = 1_000_000.0;

/// The line of column names that the Java writer puts before the first interval.
const LEGEND: &str =
    r#""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#;

/// One interval of the log, already in its compressed form: some kilobytes instead of the hundreds that a
/// histogram takes, so that a long run may keep them all until its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalHistogram {
    line: String,
}

/// Why an interval could not be compressed.
#[derive(Debug, thiserror::Error)]
#[error("a latency histogram could not be compressed")]
pub struct IntervalError(#[source] IntervalLogWriterError<V2DeflateSerializeError>);

impl IntervalHistogram {
    /// Compresses `histogram`, which holds nanoseconds recorded from `start` (since the start of the run)
    /// for `length`.
    ///
    /// # Errors
    /// [`IntervalError`] when the histogram has counts beyond what the format holds.
    pub fn new(
        start: Duration,
        length: Duration,
        histogram: &Histogram<u64>,
    ) -> Result<Self, IntervalError> {
        let mut text = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        IntervalLogWriterBuilder::new()
            .with_max_value_divisor(MAX_VALUE_DIVISOR)
            .begin_log_with(&mut text, &mut serializer)
            .map_err(|error| IntervalError(error.into()))?
            .write_histogram(histogram, start, length, None)
            .map_err(IntervalError)?;
        Ok(Self {
            line: last_line(&text),
        })
    }
}

/// The interval itself, without the heading that the crate's writer starts every log with.
fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.lines().next_back().unwrap_or_default().to_owned()
}

/// Writes a log of a run that began at `started`. Each comment becomes a line of its own.
///
/// # Errors
/// What the writer returns.
pub fn write_hlog(
    writer: &mut impl Write,
    started: SystemTime,
    comments: &[&str],
    intervals: &[IntervalHistogram],
) -> io::Result<()> {
    write_heading(writer, started, comments)?;
    writeln!(writer, "{LEGEND}")?;
    for interval in intervals {
        writeln!(writer, "{}", interval.line)?;
    }
    Ok(())
}

fn write_heading(
    writer: &mut impl Write,
    started: SystemTime,
    comments: &[&str],
) -> io::Result<()> {
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .with_start_time(started)
        .with_base_time(started)
        .with_max_value_divisor(MAX_VALUE_DIVISOR);
    for comment in comments {
        builder.add_comment(comment);
    }
    builder.begin_log_with(writer, &mut V2DeflateSerializer::new())?;
    Ok(())
}
