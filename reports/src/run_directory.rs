//! The directory that a run leaves, and the files in it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use jiff::Timestamp;

use crate::{
    IntervalError, IntervalHistogram, Phase, Run, Summary, TimelineRow, WriteError, render_html,
    render_markdown, write_hgrm, write_hlog, write_timeline,
};

/// The record of the run, in JSON.
pub const SUMMARY_FILE: &str = "summary.json";
/// A row per second.
pub const TIMELINE_FILE: &str = "timeline.csv";
/// The distribution of the delivery latency, for HdrHistogram's plotter.
pub const DISTRIBUTION_FILE: &str = "latency.hgrm";
/// The delivery latency of each second, for HdrHistogram's log tools.
pub const INTERVALS_FILE: &str = "latency.hlog";

/// Each leg of the measured part as one tagged histogram, for merging without loss.
pub const LEGS_FILE: &str = "legs.hlog";

/// The report to look at.
pub const PAGE_FILE: &str = "report.html";
/// The report to paste.
pub const MARKDOWN_FILE: &str = "report.md";

/// What a run measured, beside its summary. Histograms hold nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// A row per second.
    pub timeline: &'a [TimelineRow],
    /// Delivery latency from the due time, of the whole measured part.
    pub distribution: &'a Histogram<u64>,
    /// The same, one histogram per second.
    pub intervals: &'a [IntervalHistogram],
    /// Legs of the way by name (`from_send`, `send_lag`, `connect`, `puback` …), as in `summary.json`, of the whole measured part.
    pub legs: &'a [(&'a str, &'a Histogram<u64>)],
}

/// Runs of one name and one second that find a directory of their own.
const NUMBER_MAX: u32 = 1_000;

/// What of a run's name goes into the directory's.
const NAME_CHARACTERS_MAX: usize = 64;

/// A directory that belongs to one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDirectory {
    path: PathBuf,
    started: SystemTime,
}

impl RunDirectory {
    /// Makes `<base>/<UTC time>-<name>/`, for example `reports/runs/20261124T070000Z-literal/`, and `base`
    /// itself when it is not there. Where that directory exists already, `-2`, `-3` … is appended.
    ///
    /// Of `name`, the first 64 characters are taken, and what is no ASCII letter, digit, `.`, `_` or `-`
    /// becomes `-`.
    ///
    /// # Errors
    /// [`WriteError`] when a directory cannot be made, or a thousand runs of that second and name are there.
    pub fn create(base: &Path, name: &str, started: SystemTime) -> Result<Self, WriteError> {
        fs::create_dir_all(base)
            .map_err(|source| WriteError::CreateDirectory { path: base.to_owned(), source })?;
        let stem =
            format!("{}-{}", timestamp(started).strftime("%Y%m%dT%H%M%SZ"), plain_name(name));
        for number in 1..=NUMBER_MAX {
            let path = base.join(numbered(&stem, number));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, started }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(WriteError::CreateDirectory { path, source }),
            }
        }
        Err(WriteError::NamesTaken { path: base.join(stem), tried: NUMBER_MAX - 1 })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the files: `timeline.csv`, `latency.hgrm`, `latency.hlog`, `legs.hlog` and `summary.json`; then
    /// makes `report.html` and `report.md` from them.
    ///
    /// The summary is written in one step after all that it sums up, so where there is one, the run is whole.
    /// The reports can be made again at any time.
    ///
    /// # Errors
    /// [`WriteError`] names the file and the cause; the files before it are there.
    pub fn write(&self, summary: &Summary, measured: &Measured<'_>) -> Result<(), WriteError> {
        self.write_file(TIMELINE_FILE, |file| {
            write_timeline(file, measured.timeline).map_err(io::Error::from)
        })?;
        self.write_file(DISTRIBUTION_FILE, |file| write_hgrm(file, measured.distribution))?;
        self.write_log(INTERVALS_FILE, summary, FROM_DUE, measured.intervals)?;
        let legs = legs(summary, measured)
            .map_err(|error| self.file_error(LEGS_FILE, io::Error::other(error)))?;
        self.write_log(LEGS_FILE, summary, LEGS, &legs)?;
        self.write_file(SUMMARY_FILE, |file| write_summary(file, summary))?;
        self.write_reports()
    }

    /// Makes `report.html` and `report.md` from the files that are there.
    fn write_reports(&self) -> Result<(), WriteError> {
        let run = Run::read(&self.path)?;
        self.write_file(PAGE_FILE, |file| file.write_all(render_html(&run).as_bytes()))?;
        self.write_file(MARKDOWN_FILE, |file| {
            file.write_all(render_markdown(&run.summary).as_bytes())
        })
    }

    fn write_log(
        &self,
        name: &str,
        summary: &Summary,
        comment: &str,
        intervals: &[IntervalHistogram],
    ) -> Result<(), WriteError> {
        let version = format!("Kelvin {} ({})", summary.machine.version, summary.machine.commit);
        let comments = [version.as_str(), comment];
        self.write_file(name, |file| write_hlog(file, self.started, &comments, intervals))
    }

    fn file_error(&self, name: &str, source: io::Error) -> WriteError {
        WriteError::File { path: self.path.join(name), source }
    }

    /// Writes one file under a temporary name and then gives it its own.
    fn write_file(
        &self,
        name: &str,
        fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let path = self.path.join(name);
        let unfinished = self.path.join(format!(".{name}.unfinished"));
        let written = File::create(&unfinished).and_then(|file| {
            let mut writer = BufWriter::new(file);
            fill(&mut writer)?;
            writer.flush()?;
            fs::rename(&unfinished, &path)
        });
        written.map_err(|source| {
            // Half a file helps nobody; that it cannot be removed either says no more than the first error.
            drop(fs::remove_file(&unfinished));
            WriteError::File { path, source }
        })
    }
}

/// Writes `summary.json`: indented, for people as well.
///
/// # Errors
/// What the writer returns.
pub fn write_summary(mut writer: impl Write, summary: &Summary) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut writer, summary)?;
    writeln!(writer)
}

/// A time as [`Summary::started`] has it: RFC 3339 in UTC, to the millisecond.
pub fn rfc3339(time: SystemTime) -> String {
    format!("{:.3}", timestamp(time))
}

/// A clock outside the years -9999 to 9999 reads as the epoch: a wrong clock must not cost the measurement.
fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn numbered(stem: &str, number: u32) -> String {
    if number == 1 { stem.to_owned() } else { format!("{stem}-{number}") }
}

fn plain_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .take(NAME_CHARACTERS_MAX)
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .collect();
    if plain.is_empty() { "run".to_owned() } else { plain }
}

/// What stands above the intervals.
const FROM_DUE: &str = "Delivery latency from the due time, and under the tag from_send from the moment of sending. Histograms hold nanoseconds and Interval_Max milliseconds.";
/// What stands above the legs.
const LEGS: &str =
    "Legs of the measured part. Histograms hold nanoseconds and Interval_Max milliseconds.";

/// The legs as intervals that cover the measured part.
fn legs(
    summary: &Summary,
    measured: &Measured<'_>,
) -> Result<Vec<IntervalHistogram>, IntervalError> {
    let length = Duration::try_from_secs_f64(summary.config.measured_seconds).unwrap_or_default();
    let start = measured
        .timeline
        .iter()
        .rfind(|row| matches!(row.phase, Phase::Connect | Phase::Warmup))
        .and_then(|row| Duration::try_from_secs_f64(row.t_seconds).ok())
        .unwrap_or_default();
    [("from_due", measured.distribution)]
        .iter()
        .chain(measured.legs)
        .map(|(name, histogram)| IntervalHistogram::tagged(name, start, length, histogram))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{TestDirectory, histogram, literal};

    /// 2026-11-24 07:00:00.25 UTC.
    fn started() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_503_600_250)
    }

    fn files(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn write(run: &RunDirectory) -> Result<(), WriteError> {
        let latency = histogram([24_000_000, 31_000_000]);
        let timeline = [TimelineRow::new(1.0, Phase::Measure)];
        let measured = Measured {
            timeline: &timeline,
            distribution: &latency,
            intervals: &[one_second(&latency)],
            legs: &[("connect", &latency)],
        };
        run.write(&literal(), &measured)
    }

    fn one_second(latency: &Histogram<u64>) -> IntervalHistogram {
        IntervalHistogram::new(Duration::from_secs(5), Duration::from_secs(1), latency).unwrap()
    }

    #[test]
    fn a_run_has_a_directory_of_its_own_even_in_the_same_second() {
        let base = TestDirectory::new();
        let below = base.path().join("not/there yet");
        let names: Vec<String> = (0..3)
            .map(|_| RunDirectory::create(&below, "literal", started()).unwrap())
            .map(|run| run.path().file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            names,
            [
                "20261124T070000Z-literal",
                "20261124T070000Z-literal-2",
                "20261124T070000Z-literal-3"
            ]
        );
    }

    #[test]
    fn a_name_cannot_leave_the_base() {
        for (name, directory) in
            [("../../etc/x", "..-..-etc-x"), ("a b\n", "a-b-"), ("", "run"), ("größe", "gr--e")]
        {
            let base = TestDirectory::new();
            RunDirectory::create(base.path(), name, started()).unwrap();
            assert_eq!(files(base.path()), [format!("20261124T070000Z-{directory}")]);
        }
        assert_eq!(plain_name(&"x".repeat(1_000)).len(), NAME_CHARACTERS_MAX);
    }

    #[test]
    fn the_files_are_written_and_the_summary_reads_back() {
        let base = TestDirectory::new();
        let run = RunDirectory::create(base.path(), "literal", started()).unwrap();
        write(&run).unwrap();
        assert_eq!(
            files(run.path()),
            [
                DISTRIBUTION_FILE,
                INTERVALS_FILE,
                LEGS_FILE,
                PAGE_FILE,
                MARKDOWN_FILE,
                SUMMARY_FILE,
                TIMELINE_FILE
            ]
        );
        assert_eq!(Summary::read(run.path()).unwrap(), literal());
        assert_eq!(Summary::read(&run.path().join(SUMMARY_FILE)).unwrap(), literal());
        let line_count = |name| fs::read_to_string(run.path().join(name)).unwrap().lines().count();
        assert_eq!(line_count(TIMELINE_FILE), 2);
        assert_eq!(line_count(INTERVALS_FILE), 7);
        assert_eq!(line_count(LEGS_FILE), 8);
        assert!(line_count(DISTRIBUTION_FILE) > 5);
    }

    #[test]
    fn an_error_names_the_file_and_the_cause_and_no_summary_claims_a_whole_run() {
        let base = TestDirectory::new();
        let run = RunDirectory::create(base.path(), "literal", started()).unwrap();
        // A directory in the place of a file cannot be replaced by one, whoever runs the test.
        fs::create_dir_all(run.path().join(INTERVALS_FILE).join("x")).unwrap();
        let error = write(&run).unwrap_err();
        assert!(matches!(error, WriteError::File { .. }), "{error}");
        assert!(error.to_string().contains(INTERVALS_FILE), "{error}");
        assert_eq!(files(run.path()), [DISTRIBUTION_FILE, INTERVALS_FILE, TIMELINE_FILE]);
    }

    #[test]
    fn a_base_that_is_a_file_is_an_error() {
        let base = TestDirectory::new();
        let file = base.path().join("file");
        fs::write(&file, "").unwrap();
        let error = RunDirectory::create(&file, "literal", started()).unwrap_err();
        assert!(matches!(error, WriteError::CreateDirectory { .. }), "{error}");
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(rfc3339(started()), "2026-11-24T07:00:00.250Z");
    }
}
