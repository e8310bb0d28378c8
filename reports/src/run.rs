//! Everything that a run left, read back from its directory.

use std::path::Path;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use crate::read::{read_bounded, summary_path};
use crate::{INTERVALS_FILE, LEGS_FILE, ReadError, Summary, TIMELINE_FILE, TimelineRow};

/// Far above the log of a day, whose seconds take some kilobytes each.
const LOG_BYTES_MAX: u64 = 1 << 30;

/// Far above the timeline of a week, whose rows take some hundred bytes.
const TIMELINE_BYTES_MAX: u64 = 1 << 28;

/// A run as its files tell it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name of its directory.
    pub name: String,
    /// The record.
    pub summary: Summary,
    /// A row per second; empty when the run left none.
    pub timeline: Vec<TimelineRow>,
    /// Delivery latency, an interval per second of the measured part: from due without a tag, and from send under
    /// [`crate::FROM_SEND_TAG`], which runs from before have not.
    pub intervals: Vec<Interval>,
    /// Each leg of the measured part, tagged with its name; empty for runs from before there were any.
    pub legs: Vec<Interval>,
}

/// One histogram of a log, in its compressed form: an hour of seconds, unpacked, would not fit into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// What was measured, where the log tells several things apart.
    pub tag: Option<String>,
    /// When it began, since the start of the run.
    pub start: Duration,
    /// How long it was.
    pub length: Duration,
    compressed: String,
}

impl Run {
    /// Reads a run. `path` is its directory, or the `summary.json` in it.
    ///
    /// The summary has to be there. What else is absent leaves its part of a report empty, so that a summary
    /// alone can still be read.
    ///
    /// # Errors
    /// [`ReadError`] names the file that is absent, too large, or not what it should be.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let summary_file = summary_path(path);
        let summary = Summary::read(&summary_file)?;
        let directory = summary_file.parent().unwrap_or_else(|| Path::new("."));
        Ok(Self {
            name: directory_name(directory),
            summary,
            timeline: read_timeline(&directory.join(TIMELINE_FILE))?,
            intervals: read_hlog(&directory.join(INTERVALS_FILE))?,
            legs: read_hlog(&directory.join(LEGS_FILE))?,
        })
    }

    /// A run of which nothing is known but its summary.
    pub(crate) fn alone(summary: Summary) -> Self {
        let name = summary.config.topology.clone();
        Self { name, summary, timeline: Vec::new(), intervals: Vec::new(), legs: Vec::new() }
    }

    /// Whether the run left a histogram of this leg.
    pub fn has_leg(&self, name: &str) -> bool {
        self.legs.iter().any(|leg| leg.tag.as_deref() == Some(name))
    }

    /// The histogram of a leg, in nanoseconds; `None` when the run did not leave it or it cannot be unpacked.
    pub fn leg(&self, name: &str) -> Option<Histogram<u64>> {
        self.legs.iter().find(|leg| leg.tag.as_deref() == Some(name))?.histogram()
    }
}

impl Interval {
    /// Unpacks the histogram, which holds nanoseconds; `None` when the log is damaged there.
    pub fn histogram(&self) -> Option<Histogram<u64>> {
        let bytes = Base64::decode_vec(&self.compressed).ok()?;
        Deserializer::new().deserialize(&mut bytes.as_slice()).ok()
    }
}

/// The last part of the path as the file system knows it: `.` has a name too.
fn directory_name(directory: &Path) -> String {
    let resolved = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    resolved
        .file_name()
        .map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn read_timeline(path: &Path) -> Result<Vec<TimelineRow>, ReadError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = read_bounded(path, TIMELINE_BYTES_MAX)?;
    csv::Reader::from_reader(text.as_slice())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|source| ReadError::Table { path: path.to_owned(), source })
}

fn read_hlog(path: &Path) -> Result<Vec<Interval>, ReadError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = read_bounded(path, LOG_BYTES_MAX)?;
    let mut intervals = Vec::new();
    for entry in IntervalLogIterator::new(&text) {
        let entry = entry.map_err(|error| ReadError::Log {
            path: path.to_owned(),
            reason: format!("{error:?}"),
        })?;
        if let LogEntry::Interval(interval) = entry {
            intervals.push(Interval {
                tag: interval.tag().map(|tag| tag.as_str().to_owned()),
                start: interval.start_timestamp(),
                length: interval.duration(),
                compressed: interval.encoded_histogram().to_owned(),
            });
        }
    }
    Ok(intervals)
}

/// Adds `other` to `total`, whatever their bounds; false when the sum would not fit.
pub(crate) fn accumulate(total: &mut Option<Histogram<u64>>, other: &Histogram<u64>) -> bool {
    if let Some(total) = total {
        return total.add(other).is_ok();
    }
    let mut first = other.clone();
    first.auto(true);
    *total = Some(first);
    true
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::fixture::{TestDirectory, histogram, leave_run, literal};
    use crate::{Phase, SUMMARY_FILE};

    #[test]
    fn a_run_reads_back_whole() {
        let base = TestDirectory::new();
        let seconds = [histogram([24_000_000]), histogram([31_000_000, 2_000_000])];
        let path = leave_run(base.path(), &literal(), &seconds);
        let run = Run::read(&path).unwrap();
        assert_eq!(run.name, path.file_name().unwrap().to_str().unwrap());
        assert_eq!(run.summary, literal());
        assert!(run.timeline.iter().any(|row| row.phase == Phase::Measure));
        let from_due = run.intervals.iter().filter(|interval| interval.tag.is_none());
        let read: Vec<_> = from_due.filter_map(Interval::histogram).collect();
        assert_eq!(read, seconds);
        assert_eq!(run.leg("from_due").unwrap().len(), 3);
        assert_eq!(run.leg("no_such_leg"), None);
        assert_eq!(Run::read(&path.join(SUMMARY_FILE)).unwrap().name, run.name);
    }

    #[test]
    fn a_summary_alone_is_a_run_too() {
        let base = TestDirectory::new();
        let path = leave_run(base.path(), &literal(), &[]);
        for file in [TIMELINE_FILE, INTERVALS_FILE, LEGS_FILE] {
            fs::remove_file(path.join(file)).unwrap();
        }
        let run = Run::read(&path).unwrap();
        assert!(run.timeline.is_empty() && run.intervals.is_empty() && run.legs.is_empty());
    }

    #[test]
    fn damage_is_an_error_that_names_the_file_or_a_histogram_less() {
        let base = TestDirectory::new();
        let path = leave_run(base.path(), &literal(), &[histogram([24_000_000])]);
        let log = fs::read_to_string(path.join(INTERVALS_FILE)).unwrap();
        fs::write(path.join(INTERVALS_FILE), log.replace("HISTFAAAA", "HISTFAAA!")).unwrap();
        assert_eq!(Run::read(&path).unwrap().intervals[0].histogram(), None);
        for file in [TIMELINE_FILE, INTERVALS_FILE] {
            fs::write(path.join(file), "t_seconds,phase\nx,y\n").unwrap();
            let error = Run::read(&path).unwrap_err().to_string();
            assert!(error.contains(file), "{error}");
            fs::remove_file(path.join(file)).unwrap();
        }
    }

    #[test]
    fn histograms_of_different_bounds_add_up() {
        let mut total = None;
        assert!(accumulate(&mut total, &Histogram::new_with_bounds(1_000, 1_000_000, 2).unwrap()));
        assert!(accumulate(&mut total, &histogram([50_000_000_000])));
        assert_eq!(total.unwrap().len(), 1);
    }
}
