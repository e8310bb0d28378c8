//! The directory that a run leaves, and the four files in it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hdrhistogram::Histogram;
use jiff::Timestamp;

use crate::{
    IntervalHistogram, Summary, TimelineRow, WriteError, write_hgrm, write_hlog, write_timeline,
};

/// The record of the run, in JSON.
pub const SUMMARY_FILE: &str = "summary.json";
/// A row per second.
pub const TIMELINE_FILE: &str = "timeline.csv";
/// The distribution of the delivery latency, for HdrHistogram's plotter.
pub const DISTRIBUTION_FILE: &str = "latency.hgrm";
/// The delivery latency of each second, for HdrHistogram's log tools.
pub const INTERVALS_FILE: &str = "latency.hlog";

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

    /// Writes the four files: `latency.hgrm` from `distribution` (delivery latency from the due time, in
    /// nanoseconds), `latency.hlog` from `intervals`, `timeline.csv` and `summary.json`.
    ///
    /// The summary is written last and in one step, so where there is one, the run is whole.
    ///
    /// # Errors
    /// [`WriteError::File`] names the file and the cause; the files before it are there.
    pub fn write(
        &self,
        summary: &Summary,
        timeline: &[TimelineRow],
        distribution: &Histogram<u64>,
        intervals: &[IntervalHistogram],
    ) -> Result<(), WriteError> {
        self.write_file(TIMELINE_FILE, |file| {
            write_timeline(file, timeline).map_err(io::Error::from)
        })?;
        self.write_file(DISTRIBUTION_FILE, |file| write_hgrm(file, distribution))?;
        let comments = comments(summary);
        let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
        self.write_file(INTERVALS_FILE, |file| {
            write_hlog(file, self.started, &comments, intervals)
        })?;
        self.write_file(SUMMARY_FILE, |file| write_summary(file, summary))
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
fn comments(summary: &Summary) -> Vec<String> {
    vec![
        format!("Kelvin {} ({})", summary.machine.version, summary.machine.commit),
        "Delivery latency from the due time. Histograms hold nanoseconds and Interval_Max milliseconds."
            .to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Phase;
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
        run.write(&literal(), &timeline, &latency, &[one_second(&latency)])
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
    fn the_four_files_are_written_and_the_summary_reads_back() {
        let base = TestDirectory::new();
        let run = RunDirectory::create(base.path(), "literal", started()).unwrap();
        write(&run).unwrap();
        assert_eq!(
            files(run.path()),
            [DISTRIBUTION_FILE, INTERVALS_FILE, SUMMARY_FILE, TIMELINE_FILE]
        );
        assert_eq!(Summary::read(run.path()).unwrap(), literal());
        assert_eq!(Summary::read(&run.path().join(SUMMARY_FILE)).unwrap(), literal());
        let line_count = |name| fs::read_to_string(run.path().join(name)).unwrap().lines().count();
        assert_eq!(line_count(TIMELINE_FILE), 2);
        assert_eq!(line_count(INTERVALS_FILE), 7);
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
