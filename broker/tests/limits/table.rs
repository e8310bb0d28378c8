//! `docs/limits.md` says what is so: the settings and defaults of the example file, counters that
//! there are, tests that there are and that look at those counters.

use std::fs;
use std::path::{Path, PathBuf};

use broker::Statistics;

const TABLE: &str = include_str!("../../../docs/limits.md");
const EXAMPLE: &str = include_str!("../../kelvin.example.toml");

/// A line of the table.
struct Row<'a> {
    setting: &'a str,
    default: &'a str,
    counters: Vec<&'a str>,
    tests: Vec<&'a str>,
}

/// What stands between backquotes.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn rows() -> Vec<Row<'static>> {
    let lines = TABLE.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, setting, default, _, counters, tests, _] = cells[..] else {
                panic!("five columns, not {line}");
            };
            let (setting, counters) = (quoted(setting)[0], quoted(counters));
            Row { setting, default, counters, tests: quoted(tests) }
        })
        .collect()
}

#[test]
fn settings_and_defaults_are_those_of_the_example() {
    let (_, limits) = EXAMPLE.split_once("[limits]").expect("it has the section");
    let settings = limits
        .lines()
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .filter_map(|line| line.split_once(" = "));
    let documented: Vec<_> = rows().iter().map(|row| (row.setting, row.default)).collect();
    assert_eq!(documented, settings.collect::<Vec<_>>());
}

#[test]
fn counters_are_figures() {
    let names: Vec<_> = Statistics::default().iter().map(|(name, _)| name).collect();
    for row in rows() {
        assert!(!row.counters.is_empty(), "{} is not counted", row.setting);
        for counter in row.counters {
            assert!(names.contains(&counter), "{counter} is no figure of Statistics");
        }
    }
}

#[test]
fn tests_are_there_and_look_at_the_counters() {
    let mut sources = String::new();
    read_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut sources);
    for row in rows() {
        assert!(!row.tests.is_empty(), "{} is not tested", row.setting);
        let bodies: Vec<&str> = row.tests.iter().map(|test| body(&sources, test)).collect();
        for counter in row.counters {
            let looks = bodies.iter().any(|body| body.contains(counter));
            assert!(looks, "no test of {} looks at {counter}", row.setting);
        }
    }
}

/// A function of the sources, up to the brace at the start of a line.
fn body<'a>(sources: &'a str, name: &str) -> &'a str {
    let start = sources.find(&format!("fn {name}(")).unwrap_or_else(|| panic!("no test {name}"));
    let rest = &sources[start..];
    &rest[..rest.find("\n}\n").expect("it ends")]
}

fn read_sources(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path: PathBuf = entry.expect("it can be read").path();
        if path.is_dir() && !path.ends_with("interop") {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path).expect("it can be read"));
        }
    }
}
