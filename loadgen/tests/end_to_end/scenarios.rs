//! Every shipped scenario against the embedded broker in a short form, and what one says of itself.

use reports::Summary;

use crate::loadgen::{Folder, loadgen};

/// Runs it for two seconds: nothing that is judged may be lost, and nothing is to be warned of.
fn short(name: &str, flags: &str) -> Summary {
    let summary = played(name, flags);
    assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
    summary
}

/// The same where there is something to warn of.
fn played(name: &str, flags: &str) -> Summary {
    let run = loadgen(&format!("--scenario {name} --duration 2s --warmup 0s --quiet {flags}"));
    let summary = run.summary(0);
    let counts = summary.counts;
    assert!(summary.complete);
    assert_eq!(summary.config.topology, name);
    assert_eq!((counts.sent, counts.lost), (counts.offered, 0), "{summary:#?}");
    assert_eq!((counts.duplicate, counts.reordered), (0, 0), "{summary:#?}");
    assert_eq!((counts.foreign, counts.impossible, counts.disconnected), (0, 0, 0));
    summary
}

#[test]
fn temperature() {
    let summary = short("temperature", "--clients 20 --rate 100ms");
    assert_eq!(summary.counts.expected, 2000);
}

#[test]
fn fan_in() {
    let summary = short("fan-in", "--clients 21 --rate 100ms");
    assert_eq!((summary.config.publishers, summary.config.subscribers), (20, 1));
    assert_eq!(summary.counts.expected, 400);
}

#[test]
fn fan_out() {
    let summary = short("fan-out", "--clients 21 --rate 50/s");
    assert_eq!(summary.counts.expected, 100 * 20);
}

#[test]
fn pairs() {
    let summary = short("pairs", "--clients 20 --rate 1000/s");
    assert_eq!(summary.counts.expected, 2000);
}

#[test]
fn mostly_idle() {
    let summary = played("mostly-idle", "--clients 52");
    assert_eq!((summary.config.publishers, summary.config.subscribers), (2, 52));
    assert!(summary.counts.expected > 0);
    let warnings = summary.warnings.join("\n");
    assert!(warnings.starts_with("closed loop: ") && summary.warnings.len() == 1, "{warnings}");
}

#[test]
fn connect_storm() {
    let summary = short("connect-storm", "--clients 110");
    assert!(summary.counts.expected > 0);
    assert_eq!(summary.counts.connected, 110, "the crowd came");
    let connecting = summary.connecting;
    let count = |opened: Option<reports::Opened>| opened.map(|opened| opened.count);
    assert_eq!([connecting.before_load, connecting.under_load].map(count), [Some(1), Some(109)]);
    let seconds = connecting.under_load.map_or(0.0, |opened| opened.seconds);
    let most = summary.config.measured_seconds;
    assert!((0.0..most).contains(&seconds) && seconds > 0.0, "{connecting:?}");
}

#[test]
fn churn() {
    let summary = short("churn", "--clients 30");
    assert_eq!(summary.counts.expected, 10 * 4, "the residents'");
    assert!(summary.counts.not_judged > 0, "the visitors'");
    assert!(summary.counts.connected > 50, "they came again: {}", summary.counts.connected);
    assert!(summary.counts.left > 20);
}

#[test]
fn reconnect_storm() {
    let summary = short("reconnect-storm", "--clients 110");
    assert!(summary.counts.left >= 100 && summary.counts.connected >= 210);
    assert!(summary.counts.not_judged > 0 && summary.counts.expected > 0);
}

#[test]
fn persistent_sessions() {
    let summary = short("persistent-sessions", "--clients 20");
    assert_eq!(summary.counts.expected, 10 * 20, "all is owed");
    assert_eq!(summary.counts.not_judged, 0);
    assert!(summary.counts.left > 10);
}

#[test]
fn slow_consumers() {
    let summary = short("slow-consumers", "--clients 33");
    assert!(summary.counts.expected > 0 && summary.counts.not_judged > 0);
}

#[test]
fn retained_flood() {
    let summary = short("retained-flood", "--clients 51");
    assert_eq!(summary.counts.connected, 51);
    assert!(summary.counts.retained >= 50, "{}", summary.counts.retained);
}

#[test]
fn shared_group() {
    let summary = short("shared-group", "--clients 24 --threads 2");
    assert_eq!(summary.counts.expected, summary.counts.sent, "one of the members each");
}

#[test]
fn wills() {
    let summary = short("wills", "--clients 40");
    assert!(summary.counts.wills_expected > 20, "{:?}", summary.counts);
    assert_eq!(summary.counts.wills, summary.counts.wills_expected);
}

#[test]
fn mixed_city() {
    let summary = short("mixed-city", "--clients 100 --threads 2");
    assert_eq!(summary.config.protocol, "3.1.1, 5");
    assert!(summary.counts.expected > 0 && summary.counts.not_judged > 0);
}

#[test]
fn all_of_them_are_listed_and_shown() {
    let run = loadgen_alone("scenarios");
    assert_eq!(run.lines().count(), 14);
    for line in run.lines() {
        let name = line.split(' ').next().unwrap();
        let text = loadgen_alone(&format!("scenarios show {name}"));
        assert!(text.starts_with("# ") && text.contains("[[group]]"), "{name}: {text}");
    }
}

/// What the binary prints, without a folder for files.
fn loadgen_alone(arguments: &str) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_run_can_be_replayed_from_its_summary() {
    let folder = Folder::new();
    let child = folder
        .start("--scenario mixed-city --clients 60 --duration 1s --warmup 0s --seed 7 --quiet");
    let first = folder.wait(child);
    let path = first.folder().unwrap();
    let second = loadgen(&format!("--replay {} --quiet", path.display()));
    let (first, second) = (first.summary(0), second.summary(0));
    assert!(first.config.scenario.is_some());
    assert_eq!(first.config.scenario, second.config.scenario);
    assert_eq!(first.counts.offered, second.counts.offered);
    assert_eq!(second.config.topology, "mixed-city");
    assert_eq!(second.config.seed, 7);
}

#[test]
fn a_file_that_is_wrong_is_exit_status_2_and_names_the_line() {
    let folder = Folder::new();
    let path = folder
        .write("wrong.toml", "[[group]]\nname = 'a'\nclients = 1\npublish = [{ topc = 'x' }]\n");
    let child = folder.start(&format!("--scenario {}", path.display()));
    let run = folder.wait(child);
    assert_eq!(run.code, Some(2));
    let expected = "line 4: unknown key `group.publish.topc`; did you mean `topic`?";
    assert!(run.stderr.contains(expected), "{}", run.stderr);

    let run = loadgen("--scenario chrun");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("did you mean churn?"), "{}", run.stderr);
}
