//! Holds the tables of clauses against the tests that there are, and `docs/conformance.md` against
//! both. Writes that file anew when the environment has `UPDATE_CONFORMANCE=1`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A version of MQTT with its tests.
struct Suite {
    version: &'static str,
    specification: &'static str,
    folder: &'static str,
    /// What the names of its tests begin with.
    prefix: &'static str,
    /// Numbers of the statements of each section, as the specification's appendix has them.
    sections: &'static [(&'static str, RangeInclusive<usize>)],
}

const SUITES: [Suite; 2] = [
    Suite {
        version: "3.1.1",
        specification: "https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html",
        folder: "conformance",
        prefix: "fn mqtt_",
        sections: &[
            ("1.5.3", 1..=3),
            ("2.2.2", 1..=2),
            ("2.3.1", 1..=7),
            ("3.1.0", 1..=2),
            ("3.1.2", 1..=24),
            ("3.1.3", 1..=11),
            ("3.1.4", 1..=5),
            ("3.2.0", 1..=1),
            ("3.2.2", 1..=6),
            ("3.3.1", 1..=12),
            ("3.3.2", 1..=3),
            ("3.3.4", 1..=1),
            ("3.3.5", 1..=2),
            ("3.6.1", 1..=1),
            ("3.8.1", 1..=1),
            ("3.8.3", 1..=4),
            ("3.8.4", 1..=6),
            ("3.9.3", 1..=2),
            ("3.10.1", 1..=1),
            ("3.10.3", 1..=2),
            ("3.10.4", 1..=6),
            ("3.12.4", 1..=1),
            ("3.14.1", 1..=1),
            ("3.14.4", 1..=3),
            ("4.1.0", 1..=2),
            ("4.2.0", 1..=1),
            ("4.3.1", 1..=1),
            ("4.3.2", 1..=2),
            ("4.3.3", 1..=2),
            ("4.4.0", 1..=1),
            ("4.5.0", 1..=2),
            ("4.6.0", 1..=6),
            ("4.7.1", 1..=3),
            ("4.7.2", 1..=1),
            ("4.7.3", 1..=4),
            ("4.8.0", 1..=2),
            ("6.0.0", 1..=4),
            ("7.0.0", 1..=2),
            ("7.1.1", 1..=1),
            ("7.1.2", 1..=1),
        ],
    },
    Suite {
        version: "5.0",
        specification: "https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html",
        folder: "conformance5",
        prefix: "fn mqtt5_",
        sections: &[
            ("1.5.4", 1..=3),
            ("1.5.5", 1..=1),
            ("1.5.7", 1..=1),
            ("2.1.3", 1..=1),
            ("2.2.1", 2..=6),
            ("2.2.2", 1..=1),
            ("3.1.0", 1..=2),
            ("3.1.2", 1..=30),
            ("3.1.3", 1..=12),
            ("3.1.4", 1..=6),
            ("3.2.0", 1..=2),
            ("3.2.2", 1..=22),
            ("3.3.1", 1..=13),
            ("3.3.2", 1..=20),
            ("3.3.4", 1..=10),
            ("3.4.2", 1..=3),
            ("3.5.2", 1..=3),
            ("3.6.1", 1..=1),
            ("3.6.2", 1..=3),
            ("3.7.2", 1..=3),
            ("3.8.1", 1..=1),
            ("3.8.3", 1..=5),
            ("3.8.4", 1..=8),
            ("3.9.2", 1..=2),
            ("3.9.3", 1..=2),
            ("3.10.1", 1..=1),
            ("3.10.3", 1..=2),
            ("3.10.4", 1..=6),
            ("3.11.2", 1..=2),
            ("3.11.3", 1..=2),
            ("3.12.4", 1..=1),
            ("3.14.0", 1..=1),
            ("3.14.1", 1..=1),
            ("3.14.2", 1..=4),
            ("3.14.4", 1..=3),
            ("3.15.1", 1..=1),
            ("3.15.2", 1..=3),
            ("4.1.0", 1..=2),
            ("4.2", 1..=1),
            ("4.3.1", 1..=1),
            ("4.3.2", 1..=5),
            ("4.3.3", 1..=13),
            ("4.4.0", 1..=2),
            ("4.5.0", 1..=2),
            ("4.6.0", 1..=6),
            ("4.7.0", 1..=1),
            ("4.7.1", 1..=2),
            ("4.7.2", 1..=1),
            ("4.7.3", 1..=4),
            ("4.8.2", 1..=6),
            ("4.9.0", 1..=3),
            ("4.12.0", 1..=7),
            ("4.12.1", 1..=2),
            ("4.13.1", 1..=1),
            ("4.13.2", 1..=1),
            ("6.0.0", 1..=4),
        ],
    },
];

/// A test whose name begins with the number of a clause.
struct Test {
    clause: String,
    name: String,
    documentation: String,
}

impl Suite {
    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(self.folder)
    }

    /// Clause and status of each row of the table.
    fn rows(&self) -> Vec<(String, String)> {
        let table = read(&self.path().join("clauses.csv"));
        let rows = table.lines().skip(1).map(|row| row.split_once(',').expect("two columns"));
        rows.map(|(clause, status)| (clause.to_owned(), status.to_owned())).collect()
    }

    /// Names and contents of its files.
    fn sources(&self) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.path()).expect("the folder of the tests is there");
        let paths = entries.map(|entry| entry.expect("it can be listed").path());
        let mut sources: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                (stem, read(&path))
            })
            .collect();
        sources.sort();
        sources
    }

    fn tests(&self) -> Vec<Test> {
        let mut tests = Vec::new();
        for (_, source) in self.sources() {
            let mut documentation = String::new();
            for line in source.lines() {
                if let Some(text) = line.strip_prefix("/// ") {
                    documentation.push_str(text);
                    documentation.push(' ');
                } else if let Some(rest) = line.strip_prefix(self.prefix) {
                    let numbers: Vec<_> = rest.splitn(5, '_').take(4).collect();
                    let clause = format!("MQTT-{}-{}", numbers[..3].join("."), numbers[3]);
                    let name = line.trim_start_matches("fn ").split('(').next();
                    let name = name.unwrap_or_default().to_owned();
                    tests.push(Test { clause, name, documentation: documentation.clone() });
                } else if !line.starts_with('#') {
                    documentation.clear();
                }
            }
        }
        tests
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {path:?}: {error}"))
}

#[test]
fn the_tables_list_every_clause_once_and_in_order() {
    for suite in SUITES {
        let expected = suite.sections.iter().flat_map(|(section, numbers)| {
            numbers.clone().map(move |number| format!("MQTT-{section}-{number}"))
        });
        let listed: Vec<_> = suite.rows().into_iter().map(|(clause, _)| clause).collect();
        assert_eq!(listed, expected.collect::<Vec<_>>());
    }
}

#[test]
fn every_clause_has_tests_or_a_reason() {
    for suite in SUITES {
        let tested: BTreeSet<_> = suite.tests().into_iter().map(|test| test.clause).collect();
        let rows = suite.rows();
        for (clause, status) in &rows {
            if status == "client-only" {
                // A Client's duty may still have a test of what the broker does about it.
                continue;
            }
            let is_tested = status == "tested";
            assert!(is_tested || status.len() > 20, "{clause}: {status:?} is no reason");
            assert_eq!(tested.contains(clause), is_tested, "{clause}: {status}");
        }
        let listed: BTreeSet<_> = rows.into_iter().map(|(clause, _)| clause).collect();
        let unknown: Vec<_> = tested.difference(&listed).collect();
        assert!(unknown.is_empty(), "tests of clauses that are not in the table: {unknown:?}");
    }
}

#[test]
fn every_test_names_its_clause_in_its_documentation() {
    for test in SUITES.iter().flat_map(Suite::tests) {
        let Test { clause, name, documentation } = test;
        assert!(documentation.starts_with(&format!("[{clause}] ")), "{name}: {documentation:?}");
    }
}

#[test]
fn every_file_of_tests_is_compiled() {
    for suite in SUITES {
        let sources = suite.sources();
        let main = sources.iter().find(|(stem, _)| stem == "main").expect("there is a main.rs");
        for (stem, _) in sources.iter().filter(|(stem, _)| stem != "main") {
            assert!(main.1.contains(&format!("mod {stem};\n")), "main.rs has no mod {stem}");
        }
    }
}

#[test]
fn the_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let document = document();
    if env::var_os("UPDATE_CONFORMANCE").is_some_and(|value| value == "1") {
        fs::write(&path, document).expect("the document can be written");
        return;
    }
    assert!(
        fs::read_to_string(&path).is_ok_and(|written| written == document),
        "docs/conformance.md is not what the tests say; write it anew with\n    \
         UPDATE_CONFORMANCE=1 cargo test -p broker --test clauses"
    );
}

fn document() -> String {
    let mut text = String::from(
        "# Conformance\n\n\
         Which normative statements of MQTT the broker is tested for, one by one, over real sockets \
         with packets made by hand; and why the rest are not. Generated from the names of the tests \
         and the tables beside them:\n\n\
         ```sh\nUPDATE_CONFORMANCE=1 cargo test -p broker --test clauses   # writes this file anew\n\
         cargo test -p broker --test conformance                    # runs the tests of 3.1.1\n\
         cargo test -p broker --test conformance5                   # runs those of 5.0\n```\n\n\
         *client* is a statement about Clients alone; where a test is named beside it, the test \
         shows what the broker does about a Client that does not keep it.\n",
    );
    text.push_str("\n| version | statements | tested | client | not tested, with the reason |\n");
    text.push_str("|---|---|---|---|---|\n");
    for suite in SUITES {
        let statuses: Vec<_> = suite.rows().into_iter().map(|(_, status)| status).collect();
        let count = |wanted: &str| statuses.iter().filter(|status| *status == wanted).count();
        let (all, tested, client) = (statuses.len(), count("tested"), count("client-only"));
        let rest = all - tested - client;
        let row = format!("| {} | {all} | {tested} | {client} | {rest} |\n", suite.version);
        text.push_str(&row);
    }
    for suite in SUITES {
        write_table(&suite, &mut text).expect("a string takes everything");
    }
    text
}

fn write_table(suite: &Suite, text: &mut String) -> std::fmt::Result {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for test in suite.tests() {
        names.entry(test.clause).or_default().push(format!("`{}`", test.name));
    }
    writeln!(text, "\n## MQTT {}\n", suite.version)?;
    writeln!(
        text,
        "Numbers are those of the [specification]({}); the tests are in `broker/tests/{}`.\n",
        suite.specification, suite.folder
    )?;
    text.push_str("| statement | tests, or why there are none |\n|---|---|\n");
    for (clause, status) in suite.rows() {
        let tests = names.get(&clause).map(|names| names.join(", "));
        let cell = match (status.as_str(), tests) {
            ("client-only", None) => "*client*".to_owned(),
            ("client-only", Some(tests)) => format!("*client*; {tests}"),
            (_, Some(tests)) => tests,
            (reason, None) => reason.to_owned(),
        };
        writeln!(text, "| {clause} | {cell} |")?;
    }
    Ok(())
}
