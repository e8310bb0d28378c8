//! `latency.hlog`: one histogram per interval, as HdrHistogram's log reader, processor and analyzer take it.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};
use hdrhistogram::serialization::{V2DeflateSerializeError, V2DeflateSerializer};

/// Nanoseconds in a millisecond: the log's readable maximum is in milliseconds, its histograms in nanoseconds.
const MAX_VALUE_DIVISOR: f64 = 1_000_000.0;

/// Tag of the intervals whose latency counts from the moment of sending.
pub const FROM_SEND_TAG: &str = "from_send";

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
        Self::with_tag(None, start, length, histogram)
    }

    /// The same under a tag, which tells apart what was measured; one with a comma, a space or a line end,
    /// which the format does not allow, is left out.
    ///
    /// # Errors
    /// [`IntervalError`] when the histogram has counts beyond what the format holds.
    pub fn tagged(
        tag: &str,
        start: Duration,
        length: Duration,
        histogram: &Histogram<u64>,
    ) -> Result<Self, IntervalError> {
        Self::with_tag(Tag::new(tag), start, length, histogram)
    }

    fn with_tag(
        tag: Option<Tag<'_>>,
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
            .write_histogram(histogram, start, length, tag)
            .map_err(IntervalError)?;
        Ok(Self { line: last_line(&text) })
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::fixture::histogram;

    const STARTED: Duration = Duration::from_millis(1_795_503_600_123);

    fn log(intervals: &[IntervalHistogram]) -> String {
        let mut bytes = Vec::new();
        let comments = ["Kelvin, of a test", "in\ntwo lines"];
        write_hlog(&mut bytes, SystemTime::UNIX_EPOCH + STARTED, &comments, intervals).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Decodes base64, so that the test does not rest on the encoder it tests.
    fn decoded(text: &str) -> Vec<u8> {
        let digit = |c: u8| match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => panic!("{c} is not base64"),
        };
        let mut bytes = Vec::new();
        let (mut bits, mut held) = (0_u32, 0);
        for c in text.bytes().filter(|&c| c != b'=') {
            bits = (bits << 6) | u32::from(digit(c));
            held += 6;
            if held >= 8 {
                held -= 8;
                bytes.push(u8::try_from((bits >> held) & 0xff).unwrap());
            }
        }
        bytes
    }

    #[test]
    fn the_intervals_read_back_as_they_were() {
        let histograms: Vec<Histogram<u64>> = vec![
            histogram((1..=1_000_u64).map(|i| i * i * 1_000)),
            histogram([]),
            histogram([25_000_000]),
        ];
        let intervals: Vec<IntervalHistogram> = (5_u64..)
            .zip(&histograms)
            .map(|(second, histogram)| {
                let start = Duration::from_secs(second);
                IntervalHistogram::new(start, Duration::from_secs(1), histogram).unwrap()
            })
            .collect();
        let text = log(&intervals);
        let mut read = Vec::new();
        for (number, entry) in IntervalLogIterator::new(text.as_bytes()).enumerate() {
            match entry.unwrap() {
                LogEntry::StartTime(time) => assert_eq!((number, time), (0, STARTED)),
                LogEntry::BaseTime(time) => assert_eq!((number, time), (1, STARTED)),
                LogEntry::Interval(interval) => {
                    assert_eq!(interval.start_timestamp().as_secs(), 3 + number as u64);
                    assert_eq!(interval.duration(), Duration::from_secs(1));
                    assert!(interval.tag().is_none());
                    let bytes = decoded(interval.encoded_histogram());
                    let histogram: Histogram<u64> =
                        Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                    let milliseconds = crate::units::float(histogram.max()) / 1e6;
                    assert!((interval.max() - milliseconds).abs() < 0.001, "{}", interval.max());
                    read.push(histogram);
                }
            }
        }
        assert_eq!(read, histograms);
    }

    #[test]
    fn the_heading_stands_above_the_legend_and_the_intervals() {
        let interval =
            IntervalHistogram::new(Duration::ZERO, Duration::from_secs(1), &histogram([1_000_000]));
        let text = log(&[interval.unwrap()]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..7],
            [
                "#Kelvin, of a test",
                "#in",
                "#two lines",
                "#[StartTime: 1795503600.123 (seconds since epoch)]",
                "#[BaseTime: 1795503600.123 (seconds since epoch)]",
                "#[MaxValueDivisor: 1000000.000]",
                LEGEND,
            ]
        );
        assert!(lines[7].starts_with("0.000,1.000,1.000,HISTFAAAA"), "{}", lines[7]);
        assert_eq!(lines.len(), 8);
    }

    #[test]
    fn a_kept_interval_is_small() {
        let interval = IntervalHistogram::new(
            Duration::ZERO,
            Duration::from_secs(1),
            &histogram((1..=100_000_u64).map(|i| i * 300)),
        );
        let size = interval.unwrap().line.len();
        assert!(size < 16_384, "{size} bytes");
    }
}
