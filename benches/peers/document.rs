//! The table in docs/performance.md: a line for each row, between two marks, and below it a line with its command.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use reports::{Rounds, Side};

use crate::figures::{self, Figure, median_of, number, times};
use crate::rows::{KELVIN, Row};

const BEGIN: &str = "<!-- peers: begin; made by `just peers` -->";
const END: &str = "<!-- peers: end -->";

const HEAD: &str = "| row | load | asked | Kelvin | the floor | others, and how many times as good Kelvin is | |\n\
                    |---|---|---|---|---|---|---|\n";

/// The commands are long, and looked at one at a time: a page shows them when asked.
const FOLD: &str = "<details>\n<summary>The command of each row</summary>\n\n";
const FOLD_END: &str = "\n</details>\n";

/// The text around the table, its lines and its commands.
#[derive(Debug)]
pub(crate) struct Document {
    before: String,
    after: String,
    lines: Vec<(String, String)>,
    commands: Vec<(String, String)>,
}

impl Document {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let Some((before, rest)) = text.split_once(BEGIN) else {
            bail!("there is no line {BEGIN}");
        };
        let Some((table, after)) = rest.split_once(END) else {
            bail!("there is no line {END}");
        };
        let keyed = |mark: &str| {
            let lines = table.lines().filter_map(|line| {
                let (name, _) = line.strip_prefix(mark)?.split_once('`')?;
                Some((name.to_owned(), line.to_owned()))
            });
            lines.collect()
        };
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
            lines: keyed("| `"),
            commands: keyed("- `"),
        })
    }

    pub(crate) fn text(&self) -> String {
        let join = |lines: &[(String, String)]| {
            lines.iter().flat_map(|(_, line)| [line.as_str(), "\n"]).collect::<String>()
        };
        let (lines, commands) = (join(&self.lines), join(&self.commands));
        let commands = format!("{FOLD}{commands}{FOLD_END}");
        format!("{}{BEGIN}\n\n{HEAD}{lines}\n{commands}\n{END}{}", self.before, self.after)
    }

    /// The line of a row.
    pub(crate) fn line(&self, name: &str) -> String {
        self.lines
            .iter()
            .find(|(key, _)| key == name)
            .map_or_else(String::new, |(_, line)| line.clone())
    }

    /// Replaces a row, or adds it.
    pub(crate) fn set(&mut self, row: &Row, rounds: &Rounds, command: &str) {
        replace(&mut self.lines, &row.name, line(row, rounds));
        replace(&mut self.commands, &row.name, format!("- `{}`: `{command}`", row.name));
    }
}

fn replace(lines: &mut Vec<(String, String)>, name: &str, line: String) {
    match lines.iter_mut().find(|(key, _)| key == name) {
        Some((_, old)) => *old = line,
        None => lines.push((name.to_owned(), line)),
    }
}

fn line(row: &Row, rounds: &Rounds) -> String {
    let kelvin = figures::side(rounds, KELVIN);
    let floor = figures::side(rounds, "floor");
    let others =
        rounds.sides.iter().filter(|side| !["floor", KELVIN].contains(&side.name.as_str()));
    let others: Vec<_> = others.map(|side| other(row, kelvin, side)).collect();
    let cells = [
        format!("`{}`", row.name),
        row.load.clone(),
        asked(row),
        kelvin.map_or_else(absent, |side| values(row, side)),
        floor.map_or_else(absent, |side| beside_the_floor(row, kelvin, side)),
        if others.is_empty() { absent() } else { others.join("<br>") },
        judged(row, rounds),
    ];
    format!("| {} |", cells.join(" | "))
}

fn absent() -> String {
    "-".to_owned()
}

/// What the row asks of Kelvin.
fn asked(row: &Row) -> String {
    let most = row.at_most.iter().map(|(figure, most)| format!("<= {}", figure.shown(*most)));
    let times = row.times.iter().map(|(name, times)| format!(">= {} x {name}", short(*times)));
    let all: Vec<_> = most.chain(times).collect();
    if all.is_empty() { "not behind".to_owned() } else { all.join("; ") }
}

fn short(times: f64) -> String {
    number(times).trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn values(row: &Row, side: &Side) -> String {
    let shown =
        row.figures.iter().filter_map(|figure| Some(figure.shown(median_of(side, *figure)?)));
    let shown: Vec<_> = shown.collect();
    if shown.is_empty() { absent() } else { shown.join(", ") }
}

fn beside_the_floor(row: &Row, kelvin: Option<&Side>, floor: &Side) -> String {
    // What Kelvin costs is said as so many times the floor.
    let cost = row.figures.iter().find(|figure| matches!(figure, Figure::Cpu | Figure::Connection));
    let share = cost.copied().and_then(|cost| times(floor, kelvin?, cost));
    let share = share.map_or_else(String::new, |share| format!(" ({} x the floor)", number(share)));
    format!("{}{share}", values(row, floor))
}

fn other(row: &Row, kelvin: Option<&Side>, side: &Side) -> String {
    let ratio = kelvin.and_then(|kelvin| times(kelvin, side, row.figures[0]));
    let ratio = ratio.map_or_else(String::new, |ratio| format!(" (**{} x**)", number(ratio)));
    format!("{}: {}{ratio}", side.name, values(row, side))
}

/// Whether Kelvin is where the row wants it.
fn judged(row: &Row, rounds: &Rounds) -> String {
    let Some(kelvin) = figures::side(rounds, KELVIN).filter(|side| !side.runs.is_empty()) else {
        return "not measured".to_owned();
    };
    let mut faults = Vec::new();
    for (figure, most) in &row.at_most {
        if median_of(kelvin, *figure).is_none_or(|value| value > *most) {
            faults.push(format!("above {}", figure.shown(*most)));
        }
    }
    for side in &rounds.sides {
        let least = match row.times.get(&side.name) {
            Some(times) => *times,
            None if side.name == "floor" || side.name == KELVIN => continue,
            None => 1.0,
        };
        if times(kelvin, side, row.figures[0]).is_some_and(|times| times < least) {
            faults.push(format!("below {} x {}", short(least), side.name));
        }
    }
    if faults.is_empty() { "holds".to_owned() } else { faults.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_replaced_and_the_text_around_it_stays() {
        let commands = format!("{FOLD}- `a`: `x`\n{FOLD_END}");
        let text = format!("before\n{BEGIN}\n\n{HEAD}| `a` | 1 |\n\n{commands}\n{END}\nafter\n");
        let mut document = Document::parse(&text).unwrap();
        assert_eq!(document.text(), text);
        replace(&mut document.lines, "a", "| `a` | 2 |".to_owned());
        replace(&mut document.lines, "b", "| `b` | 3 |".to_owned());
        assert_eq!(document.text(), text.replace("| `a` | 1 |", "| `a` | 2 |\n| `b` | 3 |"));
        assert!(Document::parse("nothing").is_err());
    }

    #[test]
    fn bounds_are_written_short() {
        assert_eq!((short(4.5), short(20.0), short(1.0)), ("4.5".into(), "20".into(), "1".into()));
    }
}
