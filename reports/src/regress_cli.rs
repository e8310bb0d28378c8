//! `reports compare` and `reports trend`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use reports::regress::{Change, History, HistoryRow, compare_saved, read_figures};
use reports::{SUMMARY_FILE, Summary, render_trend, rfc3339};

/// How a comparison is printed.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum CompareFormat {
    /// A markdown table.
    Markdown,
    /// One JSON document.
    Json,
    /// JUnit XML.
    Junit,
}

#[derive(Args)]
pub(crate) struct CompareArgs {
    /// `summary.json`, the directory of a run, or a directory of runs.
    base: PathBuf,
    /// The same, of what is judged.
    new: PathBuf,
    /// Difference that does not matter, in per cent.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    margin: f64,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = CompareFormat::Markdown)]
    format: CompareFormat,
}

#[derive(Args)]
pub(crate) struct TrendArgs {
    /// CSV with the columns commit, date, machine, and one for each metric.
    history: PathBuf,
    /// Append a row from a file of figures first: JSON of numbers, or CSV of a name and figures.
    #[arg(long, value_name = "FILE", requires_all = ["commit", "machine"])]
    append: Option<PathBuf>,
    /// The commit of the appended row.
    #[arg(long)]
    commit: Option<String>,
    /// The machine of the appended row; `any` for what is the same on all.
    #[arg(long)]
    machine: Option<String>,
    /// Write a page as well.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// The text and the exit status of a comparison.
pub(crate) fn compare(args: &CompareArgs) -> anyhow::Result<(String, ExitCode)> {
    anyhow::ensure!((0.0..=100.0).contains(&args.margin), "--margin is per cent from 0 to 100");
    let report = compare_saved(&runs(&args.base)?, &runs(&args.new)?, args.margin / 100.0);
    let text = match args.format {
        CompareFormat::Markdown => report.markdown(),
        CompareFormat::Json => serde_json::to_string_pretty(&report)? + "\n",
        CompareFormat::Junit => report.junit()?,
    };
    Ok((text, ExitCode::from(report.verdict().exit_status())))
}

fn runs(path: &Path) -> anyhow::Result<Vec<Summary>> {
    if !path.is_dir() || path.join(SUMMARY_FILE).is_file() {
        return Ok(vec![Summary::read(path)?]);
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.join(SUMMARY_FILE).is_file());
    paths.sort();
    anyhow::ensure!(!paths.is_empty(), "no run is in {}", path.display());
    paths.iter().map(|path| Ok(Summary::read(path)?)).collect()
}

/// The text of a history.
pub(crate) fn trend(args: &TrendArgs) -> anyhow::Result<String> {
    let history = if let Some(figures) = &args.append {
        let mut history =
            if args.history.exists() { History::read(&args.history)? } else { History::default() };
        let row = HistoryRow {
            commit: args.commit.clone().unwrap_or_default(),
            date: rfc3339(std::time::SystemTime::now()),
            machine: args.machine.clone().unwrap_or_default(),
            values: Vec::new(),
        };
        history.append(row, &read_figures(figures)?);
        history.write(&args.history)?;
        history
    } else {
        History::read(&args.history)?
    };
    if let Some(path) = &args.html {
        fs::write(path, render_trend(&history))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(table(&history))
}

fn table(history: &History) -> String {
    let mut lines = Vec::new();
    for machine in history.machines() {
        for (metric, name) in history.metrics.iter().enumerate() {
            let rows = history.column(metric, machine).len();
            let changes = history.changes(metric, machine);
            lines.push(format!(
                "{name} on {machine}: {rows} rows, {} change(s) of level\n",
                changes.len()
            ));
            lines.extend(changes.iter().map(|change| {
                let commit = history.rows.get(change.row).map_or("", |row| row.commit.as_str());
                let percent = 100.0 * (change.after / change.before - 1.0);
                format!("  at {commit}: {} to {} ({percent:+.2} %)\n", change.before, change.after)
            }));
        }
    }
    lines.concat()
}

/// Nothing was judged.
pub(crate) fn done(text: String) -> (String, ExitCode) {
    (text, ExitCode::from(Change::Same.exit_status()))
}
