//! `regress`: did this change make Kelvin slower? docs/regression.md tells how it knows.

mod accepted;
mod baseline;
mod callgrind;
mod count;
mod duet;
mod judge;
mod report;
mod sides;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

use accepted::Accepted;
use baseline::{Baseline, Toolchain};
use count::{Counted, count, is_installed};
use judge::Verdict;
use report::Comparison;
use sides::{Places, git, say};

/// The value of `schema` in the JSON.
const SCHEMA: &str = "kelvin/regress/v1";

const ACCEPTED: &str = "reports/baselines/accepted.toml";
const COUNTS: &str = "reports/baselines/counts.csv";

/// How often each binary counts: twice, to see whether it counts the same.
const RUNS: usize = 2;

/// What was asked for could not be done.
const EXIT_FAILED: u8 = 3;

/// Judges whether a change made Kelvin slower.
///
/// Builds the commit to compare with and the working tree with the same compiler, flags and lock file, then
/// judges: gate 1, instructions, allocations and system calls of scripted scenarios, counted twice on each side; gate 2,
/// CPU time of both brokers at the same time on one core (`loadgen duet`). Witnesses are printed and never judged. Needs
/// valgrind, and strace for the system calls.
///
/// Exit status: 0 the same or faster, 99 slower (a scenario that counts differently twice, or is gone, too), 5
/// undecided or not to be measured here, 2 wrong usage, 3 could not be carried out.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Task>,
    #[command(flatten)]
    comparison: Options,
}

#[derive(Subcommand)]
enum Task {
    /// Counts the working tree and writes reports/baselines/counts.csv.
    Baseline,
}

#[derive(Args)]
struct Options {
    /// Commit to compare with [default: the merge base with main; on main the commit before].
    base: Option<String>,
    /// Gate 1 alone, against the kept counts where they were made with the same tools, else against the commit.
    #[arg(long)]
    short: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,
    /// File for the table in Markdown, in addition.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// File for the JSON document, in addition.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// File for JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Builds the working tree slow on purpose, to see whether it is found: codec or matching and per cent of what
    /// those cost, or allocation or syscall and how many more for each delivery; several with commas between.
    #[arg(long, value_name = "PLACE:NUMBER")]
    inject: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A table in Markdown.
    Markdown,
    /// One JSON document.
    Json,
}

fn main() -> ExitCode {
    let Arguments { command, comparison } = Arguments::parse();
    let done = match command {
        Some(Task::Baseline) => refresh_baseline().map(|()| Verdict::Same),
        None => compare(&comparison),
    };
    match done {
        Ok(verdict) => ExitCode::from(verdict.exit_status()),
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn refresh_baseline() -> anyhow::Result<()> {
    let places = Places::find()?;
    let toolchain = Toolchain::detect()?;
    let built = places.build_new(None)?;
    let counted = count(&built.counted, &places.work.join("new/counts"), RUNS)?;
    if let Some((scenario, text)) = counted.unsteady.first_key_value() {
        bail!("{scenario} is not deterministic: two runs cost {text}");
    }
    baseline::write(&places.root.join(COUNTS), &toolchain, &counted.scenarios)
}

fn compare(options: &Options) -> anyhow::Result<Verdict> {
    let places = Places::find()?;
    let accepted = Accepted::read(&places.root.join(ACCEPTED))?;
    let mut comparison = Comparison {
        schema: SCHEMA,
        verdict: Verdict::CannotMeasure,
        base: String::new(),
        toolchain: Toolchain::detect()?,
        notes: Vec::new(),
        counts: Vec::new(),
        duet: None,
        functions: BTreeMap::new(),
    };
    if is_installed("valgrind") {
        gate_1(options, &places, &accepted, &mut comparison)?;
    } else {
        comparison.notes.push("valgrind is not installed: nothing was counted".to_owned());
    }
    if !options.short {
        gate_2(options, &places, &mut comparison)?;
    }
    comparison.decide();
    if comparison.counts.is_empty() {
        comparison.verdict = comparison.verdict.max(Verdict::CannotMeasure);
    }
    publish(options, &comparison)?;
    Ok(comparison.verdict)
}

fn gate_1(
    options: &Options,
    places: &Places,
    accepted: &Accepted,
    comparison: &mut Comparison,
) -> anyhow::Result<()> {
    let Some(base) = count_base(options, places, comparison)? else { return Ok(()) };
    let built = places.build_new(options.inject.as_deref())?;
    say("counting the working tree");
    let new = count(&built.counted, &places.work.join("new/counts"), RUNS)?;
    if !is_installed("strace") {
        comparison.notes.push("strace is not installed: system calls were not counted".to_owned());
    }
    comparison.counts = judge::judge(&base, &new, accepted);
    comparison.explain(&base, &new);
    Ok(())
}

/// The counts to compare with; `None`, with a note, where there is nothing to compare with.
fn count_base(
    options: &Options,
    places: &Places,
    comparison: &mut Comparison,
) -> anyhow::Result<Option<Counted>> {
    if options.short && options.base.is_none() {
        match Baseline::read(&places.root.join(COUNTS))? {
            Some(kept) if kept.difference(&comparison.toolchain).is_empty() => {
                COUNTS.clone_into(&mut comparison.base);
                return Ok(Some(Counted { scenarios: kept.counts, ..Counted::default() }));
            }
            Some(kept) => {
                let difference = kept.difference(&comparison.toolchain);
                let note =
                    format!("cannot compare with {COUNTS}, which was made with {difference}");
                comparison.notes.push(note);
            }
            None => comparison.notes.push(format!("there is no {COUNTS}")),
        }
    }
    let commit = match places.base(options.base.as_deref()) {
        Ok(commit) => commit,
        // A clone of one commit, as CI makes it, has nothing to compare with.
        Err(error) if options.base.is_none() => {
            comparison.notes.push(format!("{error:#}"));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    comparison.base = git(&places.root, &["log", "-1", "--format=%h %s", &commit])?;
    let built = places.build_base(&commit)?;
    comparison.notes.extend(built.note);
    say("counting the commit to compare with");
    count(&built.counted, &places.work.join(&commit).join("counts"), RUNS).map(Some)
}

fn gate_2(options: &Options, places: &Places, comparison: &mut Comparison) -> anyhow::Result<()> {
    let commit = places.base(options.base.as_deref())?;
    let brokers = places.build_brokers(&commit)?;
    say("duet of both brokers");
    comparison.duet = Some(duet::judge(&places.loadgen(), &brokers));
    Ok(())
}

fn publish(options: &Options, comparison: &Comparison) -> anyhow::Result<()> {
    let json = || serde_json::to_string_pretty(comparison).map(|text| text + "\n");
    let files = [
        (&options.markdown, Ok(comparison.markdown())),
        (&options.json, json().context("the comparison is no JSON")),
        (&options.junit, comparison.junit()),
    ];
    for (path, text) in files {
        if let Some(path) = path {
            fs::write(path, text?).with_context(|| path.display().to_string())?;
        }
    }
    let text = match options.format {
        Format::Markdown => comparison.markdown(),
        Format::Json => json()?,
    };
    io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
