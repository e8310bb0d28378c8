//! `peers [ROW…]`: the loads of `rows.toml` on Kelvin, on the floor and on other brokers, in turn, and what came
//! of them as a table in docs/performance.md.
//!
//! ```text
//! rows      which loads there are, and what is asked of Kelvin in each
//! figures   what is read from a run
//! document  the table, whose lines are replaced one by one
//! ```

mod document;
mod figures;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Parser;
use document::Document;
use reports::Rounds;
use rows::{Row, Rows};

/// Measures Kelvin beside the floor and other brokers, and keeps the table of docs/performance.md.
///
/// Each row is one `loadgen compare`. Brokers that are not installed are left out, and the table says so.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rows to measure, by name or by the beginning of it [default: all]
    rows: Vec<String>,
    /// Print the names of the rows, and what each is
    #[arg(long)]
    list: bool,
    /// Rounds in which everybody gets a turn
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// CPUs of the broker, and of the load, as `loadgen compare` takes them
    #[arg(long, default_value = "0")]
    broker_cpus: String,
    /// CPUs of the load
    #[arg(long, default_value = "1")]
    load_cpus: String,
    /// Brokers, of those that a row names [default: all of them]
    #[arg(long, value_delimiter = ',')]
    brokers: Vec<String>,
    /// The rows
    #[arg(long, default_value = "benches/peers/rows.toml")]
    file: PathBuf,
    /// The document with the table
    #[arg(long, default_value = "docs/performance.md")]
    document: PathBuf,
    /// Measure nothing: take the compare.json of an earlier run of the one row that is named
    #[arg(long, value_name = "FILE")]
    read: Option<PathBuf>,
    /// Folder of the runs
    #[arg(long, default_value = "reports/runs/peers")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let rows = Rows::read(&arguments.file)?;
    let chosen = rows.chosen(&arguments.rows)?;
    if arguments.list {
        for row in chosen {
            say(&format!("{:<20} {}", row.name, row.load));
        }
        return Ok(());
    }
    let mut document = Document::read(&arguments.document)?;
    for row in chosen {
        say(&format!("{}: {}", row.name, row.load));
        let words = words(row, &arguments);
        let rounds = match &arguments.read {
            Some(path) => read(path, row)?,
            None => measure(&words, &arguments.out)?,
        };
        document.set(row, &rounds, &format!("loadgen {}", words.join(" ")));
        // After each row: they take minutes.
        fs::write(&arguments.document, document.text())
            .with_context(|| arguments.document.display().to_string())?;
        say(&document.line(&row.name));
    }
    Ok(())
}

/// The arguments of `loadgen` for a row.
fn words(row: &Row, arguments: &Arguments) -> Vec<String> {
    let mut words = vec!["compare".to_owned()];
    let is_wanted = |name: &&String| {
        arguments.brokers.is_empty()
            || name.as_str() == rows::KELVIN
            || arguments.brokers.contains(name)
    };
    words.extend(row.brokers.iter().filter(is_wanted).map(|name| match name.as_str() {
        "floor" => "benches/floor/floor.toml".to_owned(),
        name => name.to_owned(),
    }));
    words.extend(["--rounds".to_owned(), arguments.rounds.to_string()]);
    words.extend(["--broker-cpus".to_owned(), arguments.broker_cpus.clone()]);
    words.extend(["--load-cpus".to_owned(), arguments.load_cpus.clone()]);
    words.push("--".to_owned());
    words.extend(row.arguments.split_whitespace().map(str::to_owned));
    words
}

/// Runs `loadgen`, which is beside this binary, and reads what it prints.
fn measure(words: &[String], out: &Path) -> Result<Rounds> {
    let own = std::env::current_exe().context("the own binary cannot be found")?;
    let loadgen = own.parent().unwrap_or_else(|| Path::new(".")).join("loadgen");
    let (compare, others) = words.split_first().context("a row needs words")?;
    let output = Command::new(&loadgen)
        .args([compare, "--format", "json", "--out"])
        .arg(out)
        .args(others)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| loadgen.display().to_string())?;
    match serde_json::from_slice(&output.stdout) {
        Ok(rounds) => Ok(rounds),
        Err(_) => bail!("loadgen measured nothing ({})", output.status),
    }
}

/// The rounds of an earlier run of this row.
fn read(path: &Path, row: &Row) -> Result<Rounds> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let rounds: Rounds = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let load: Vec<_> = row.arguments.split_whitespace().collect();
    if rounds.load != load.join(" ") {
        bail!("{}: its load is not that of {}: {}", path.display(), row.name, rounds.load);
    }
    Ok(rounds)
}

#[expect(clippy::print_stdout, reason = "what the command is for")]
fn say(line: &str) {
    println!("{line}");
}
