//! `reports`: tables and pages of what benches and load runs measured.

mod regress_cli;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use reports::arguments::{MergeArgs, NamedPath, parse_run, run_name};
use reports::{
    Bench, PAGE_FILE, Run, Summary, read_benches, render_comparison, render_html,
    render_html_comparison, render_markdown, render_table,
};
use serde::Serialize;

/// The value of `schema` in the JSON that `table` and `side-by-side` print.
const TABLE_SCHEMA: &str = "kelvin/table/v1";

/// The page of several runs, when nobody names one.
const COMPARISON_FILE: &str = "compare.html";

/// What was asked for could not be made.
const EXIT_FAILED: u8 = 3;

/// Tables and pages of what benches and load runs measured.
///
/// Exit status: 0 done, 2 wrong usage, 3 a file or directory is absent or cannot be read.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One table of criterion's measurements, followed by load runs.
    ///
    /// A bench shows its median time, the confidence interval of the median, and its throughput. A run shows
    /// its delivery latency from the due time and its deliveries.
    Table {
        /// Directory that criterion keeps its measurements in [default: target/criterion, or where
        /// `CARGO_TARGET_DIR` says].
        #[arg(long, value_name = "DIRECTORY", conflicts_with = "no_benches")]
        criterion: Option<PathBuf>,
        /// Leave the benches out.
        #[arg(long, requires = "runs")]
        no_benches: bool,
        #[command(flatten)]
        runs: OptionalRuns,
        /// How to print it.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// A markdown table of load runs, one row each: for a README.
    SideBySide {
        #[command(flatten)]
        runs: Runs,
        /// How to print it.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// One page to look at: of a run, or of several beside each other, the first as the baseline.
    ///
    /// The page is one file that opens offline. Prints where it is.
    Html {
        /// Directories or `summary.json` of runs, and the names to show.
        #[arg(value_name = "[NAME=]PATH", value_parser = parse_run, required = true)]
        runs: Vec<NamedPath>,
        /// Where to write it [default: report.html in the directory of the run; compare.html for several]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// A run as markdown, for an issue or a pull request.
    Markdown {
        /// Directory or `summary.json` of the run.
        #[arg(value_name = "PATH")]
        run: PathBuf,
    },
    /// Judges saved runs against saved runs: FASTER, SAME, SLOWER or UNDECIDED for each figure.
    ///
    /// A verdict needs eight runs of each side that took turns. Exit status: 0 faster or the same, 99 slower,
    /// 5 undecided.
    Compare(regress_cli::CompareArgs),
    /// A history of figures over commits, and where their level changed (E-divisive, p at most 0.001).
    Trend(regress_cli::TrendArgs),
    /// Adds up the runs of several generators against one broker and writes a run of all of them.
    ///
    /// Counts add up, percentiles come from the merged histograms. Prints where it is.
    Merge(MergeArgs),
}

#[derive(clap::Args)]
struct OptionalRuns {
    /// Directory or `summary.json` of a run, and the name to show; may be repeated.
    #[arg(id = "runs", long = "run", value_name = "[NAME=]PATH", value_parser = parse_run)]
    list: Vec<NamedPath>,
}

#[derive(clap::Args)]
struct Runs {
    /// Directory or `summary.json` of a run, and the name to show; may be repeated.
    #[arg(id = "runs", long = "run", value_name = "[NAME=]PATH", value_parser = parse_run, required = true)]
    list: Vec<NamedPath>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Aligned text.
    Human,
    /// One JSON document.
    Json,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Table<'a> {
    schema: &'static str,
    benches: &'a [Bench],
    runs: Vec<NamedSummary<'a>>,
}

#[derive(Serialize)]
struct NamedSummary<'a> {
    name: &'a str,
    summary: &'a Summary,
}

fn main() -> ExitCode {
    let answered = match Arguments::parse().command {
        Command::Compare(args) => regress_cli::compare(&args),
        command => answer(command).map(regress_cli::done),
    };
    match answered.and_then(|(text, status)| print(&text).map(|()| status)) {
        Ok(status) => status,
        Err(error) => {
            // Nothing is left to be done when standard error is closed too.
            drop(writeln!(io::stderr(), "reports: {error:#}"));
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn answer(command: Command) -> anyhow::Result<String> {
    match command {
        Command::Table { criterion, no_benches, runs, format } => {
            let benches = if no_benches {
                Vec::new()
            } else {
                read_benches(&criterion.unwrap_or_else(criterion_directory))?
            };
            let runs = read_runs(&runs.list)?;
            match format {
                Format::Human => Ok(render_table(&benches, &runs)),
                Format::Json => json(&benches, &runs),
            }
        }
        Command::SideBySide { runs, format } => {
            let runs = read_runs(&runs.list)?;
            match format {
                Format::Human => Ok(render_comparison(&runs)),
                Format::Json => json(&[], &runs),
            }
        }
        Command::Html { runs, out } => page(&runs, out),
        Command::Markdown { run } => Ok(render_markdown(&Summary::read(&run)?)),
        Command::Merge(arguments) => Ok(format!("{}\n", arguments.carry_out()?.path().display())),
        // Its exit status is its answer: `main` has it.
        Command::Compare(args) => regress_cli::compare(&args).map(|(text, _)| text),
        Command::Trend(args) => regress_cli::trend(&args),
    }
}

/// Writes the page of one run or of several, and says where.
fn page(runs: &[NamedPath], out: Option<PathBuf>) -> anyhow::Result<String> {
    let (page, default) = match runs {
        [named] => {
            let run = Run::read(&named.path)?;
            // A run that nobody named has the name of its directory, as in the page that loadgen wrote.
            let named_by_hand = named.name != run_name(&named.path.to_string_lossy());
            let name = if named_by_hand { named.name.clone() } else { run.name.clone() };
            let run = Run { name, ..run };
            let directory =
                if named.path.is_dir() { Some(named.path.as_path()) } else { named.path.parent() };
            (render_html(&run), directory.unwrap_or_else(|| Path::new(".")).join(PAGE_FILE))
        }
        several => (render_html_comparison(&whole_runs(several)?), PathBuf::from(COMPARISON_FILE)),
    };
    let path = out.unwrap_or(default);
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(format!("{}\n", path.display()))
}

fn whole_runs(runs: &[NamedPath]) -> anyhow::Result<Vec<Run>> {
    let read = |named: &NamedPath| {
        let run = Run::read(&named.path)?;
        Ok(Run { name: named.name.clone(), ..run })
    };
    runs.iter().map(read).collect()
}

fn read_runs(runs: &[NamedPath]) -> anyhow::Result<Vec<(String, Summary)>> {
    runs.iter().map(|run| Ok((run.name.clone(), Summary::read(&run.path)?))).collect()
}

fn json(benches: &[Bench], runs: &[(String, Summary)]) -> anyhow::Result<String> {
    let runs = runs.iter().map(|(name, summary)| NamedSummary { name, summary }).collect();
    let table = Table { schema: TABLE_SCHEMA, benches, runs };
    let mut text = serde_json::to_string_pretty(&table).context("the table is no JSON")?;
    text.push('\n');
    Ok(text)
}

/// Where criterion writes when nobody tells it.
fn criterion_directory() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from("target"), PathBuf::from)
        .join("criterion")
}

/// Prints to standard output; a reader that has read enough, such as `head`, is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
