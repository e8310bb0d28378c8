//! The search for the highest rate, with trials that are as short as they can be.

use std::fs;
use std::io::{BufRead, BufReader};

use reports::{Answer, KNEE_FILE, PAGE_FILE, SEARCH_FILE, Search, SearchPhase, Summary};
use rustix::process::{Pid, Signal, kill_process};

use crate::loadgen::{Folder, Run};
use crate::scripted::{Broker, Script};

const LOAD: &str = "-- --topology pairs --clients 4 -d 400ms --warmup 0s --drain 1s";

fn run(words: &str) -> Run {
    let folder = Folder::new();
    let child = folder.start_command("search", words);
    folder.wait(child)
}

fn record(run: &Run) -> Search {
    let folder = run.folder().unwrap_or_else(|| panic!("no files: {}", run.stderr));
    serde_json::from_str(&fs::read_to_string(folder.join(SEARCH_FILE)).unwrap()).unwrap()
}

/// Whether the machine was too busy for a generator to say anything: the answer says so then, and the exit
/// status with it.
fn was_too_busy(run: &Run, search: &Search) -> bool {
    let is_limited = matches!(search.answer, Answer::GeneratorLimit | Answer::NotAsked);
    if is_limited {
        assert_eq!(run.code, Some(4), "{}", run.stderr);
    }
    is_limited
}

#[test]
fn the_upper_bound_holds() {
    let run = run(&format!("--slo lost==0 --from 20 --to 50/s --confirm 1 {LOAD}"));
    let search = record(&run);
    let folder = run.folder().unwrap();
    let page = fs::read_to_string(folder.join(PAGE_FILE)).unwrap();
    let mut knee = csv::Reader::from_path(folder.join(KNEE_FILE)).unwrap();
    assert_eq!(knee.records().map(Result::unwrap).count(), search.trials.len());
    for trial in &search.trials {
        let summary = Summary::read(&folder.join(&trial.run)).unwrap();
        assert!((summary.config.publications_per_second - trial.offered).abs() < 0.01);
        assert_eq!(summary.thresholds, trial.thresholds);
        assert!(page.contains(&format!("{}/report.html", trial.run)));
    }
    if was_too_busy(&run, &search) {
        return;
    }
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!((search.answer, search.rate), (Answer::AtLeast, Some(50.0)));
    // A trial for which the machine had no time is made again.
    let held: Vec<_> = search
        .trials
        .iter()
        .filter(|trial| trial.passed == Some(true))
        .map(|trial| (trial.phase, trial.offered))
        .collect();
    let expected = [
        (SearchPhase::Bracket, 20.0),
        (SearchPhase::Bracket, 40.0),
        (SearchPhase::Bracket, 50.0),
        (SearchPhase::Confirm, 50.0),
    ];
    assert_eq!(held, expected);
    assert!(run.stdout.starts_with("lost==0 holds at 50 publications/s"), "{}", run.stdout);
    assert!(run.stdout.contains(PAGE_FILE), "{}", run.stdout);
    assert_eq!(run.stderr.matches("  held").count(), 4, "{}", run.stderr);
}

#[test]
fn what_never_holds_does_not_hold_even_at_the_lowest_rate() {
    let run = run(&format!("--slo delivered:count>1M --from 20 --format json {LOAD} --rate 3s"));
    let search = record(&run);
    assert_eq!(serde_json::from_str::<Search>(&run.stdout).unwrap(), search);
    if was_too_busy(&run, &search) {
        return;
    }
    assert_eq!(run.code, Some(99), "{}", run.stderr);
    assert_eq!((search.answer, search.rate), (Answer::NotEven, Some(20.0)));
    assert_eq!(search.trials.last().and_then(|trial| trial.passed), Some(false));
}

#[test]
fn a_broker_that_loses_messages_at_a_rate_is_found_out() {
    // Enough for a trial or two at the lowest rate: from then on it delivers nothing.
    let broker = Broker::start(Script {
        route: Box::new(
            |number, _, packet| {
                if number <= 12 { vec![packet.to_vec()] } else { vec![] }
            },
        ),
        ..Script::default()
    });
    let load = "-- --topology pairs --clients 2 -d 400ms --warmup 0s --drain 200ms";
    let options = broker.options();
    let run = run(&format!("--slo lost==0 --from 10 --confirm 0 --tolerance 50% {load} {options}"));
    let search = record(&run);
    if was_too_busy(&run, &search) {
        return;
    }
    assert!(matches!(search.answer, Answer::Highest | Answer::NotEven), "{}", run.stderr);
    let failed = search.trials.iter().find(|trial| trial.passed == Some(false)).unwrap();
    assert!(failed.lost > 0 && failed.offered >= 10.0, "{}", run.stderr);
}

#[test]
fn what_makes_no_sense_is_said_before_a_trial() {
    for (words, part) in [
        ("--slo lost==0 --from 9 --to 5", "--from 9/s is above --to 5/s"),
        ("--slo lost==0 --to 5/s -- --rate 10/s", "name a lower --from"),
        ("--slo lost==0 -- --threshold lost==0", "write --slo before the --"),
        ("--slo lost==0 --start kelvin -- -h a", "-h belongs to the search"),
        ("--slo lost==0 --start kelvim", "did you mean kelvin?"),
        ("--slo lost==0 -- --rate x", "the load after -- is not understood"),
    ] {
        let run = run(words);
        assert_eq!(run.code, Some(2), "{words}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{words}: {}", run.stderr);
        assert!(run.folder().is_none(), "{words}");
    }
}

#[test]
fn a_trial_that_cannot_be_carried_out_ends_the_search() {
    let run = run("--slo lost==0 -- --clients 2 -h 127.0.0.1 -p 9");
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert_eq!(record(&run).answer, Answer::Broken);
    assert!(run.stdout.contains("could not be carried out"), "{}", run.stdout);
    assert!(run.stdout.contains("127.0.0.1:9"), "{}", run.stdout);
}

#[test]
fn what_is_known_is_written_when_a_signal_comes() {
    let folder = Folder::new();
    let load = "-- --topology pairs --clients 2 -d 300ms --warmup 0s";
    let words = format!("--slo delivered:count>=0 --from 10 --to 10 --confirm 100 {load}");
    let mut child = folder.start_command("search", &words);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.ends_with("  held") || line.ends_with("LIMITED")));
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(process, Signal::INT).unwrap();
    lines.for_each(drop);
    let run = folder.wait(child);
    assert_eq!(run.code, Some(130));
    let search = record(&run);
    assert_eq!(search.answer, Answer::Interrupted);
    assert!(!search.trials.is_empty());
    assert!(run.stdout.starts_with("interrupted"), "{}", run.stdout);
}
