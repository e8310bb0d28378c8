//! Brokers that take turns: those that run, those that are started, and those that fail.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use reports::{ROUNDS_FILE, Rounds};

use crate::loadgen::{Folder, Run};

const SHORT: &str = "-- --clients 4 --rate 50ms -d 300ms --warmup 0s";

fn embedded() -> (broker::Broker, String) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let broker = broker::Broker::builder().listen(any_port).start().unwrap();
    let address = *broker.local_addresses().first().unwrap();
    (broker, format!("mqtt://{address}"))
}

fn compare(words: &str) -> Run {
    let folder = Folder::new();
    let child = folder.start_compare(words);
    folder.wait(child)
}

fn rounds(run: &Run) -> Rounds {
    let folder = run.folder().unwrap_or_else(|| panic!("no files: {}", run.stderr));
    serde_json::from_str(&fs::read_to_string(folder.join(ROUNDS_FILE)).unwrap()).unwrap()
}

#[test]
fn brokers_take_turns() {
    let (_one, first) = embedded();
    let (_two, second) = embedded();
    let run = compare(&format!("a={first} b={second} --rounds 2 {SHORT}"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let turns: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("round")).collect();
    assert_eq!(turns, ["round 1 of 2: a", "round 1 of 2: b", "round 2 of 2: a", "round 2 of 2: b"]);
    let rounds = rounds(&run);
    for side in &rounds.sides {
        let numbers: Vec<u32> = side.runs.iter().map(|(round, _)| *round).collect();
        assert_eq!(numbers, [1, 2]);
        for (_, summary) in &side.runs {
            assert_eq!(summary.counts.lost, 0);
            assert_eq!(summary.counts.delivered, summary.counts.expected);
            assert!(summary.counts.delivered > 0);
        }
    }
    assert_eq!(run.stdout, rounds.markdown());
    let file = |name: &str| fs::read_to_string(run.folder().unwrap().join(name)).unwrap();
    let page = file(reports::PAGE_FILE);
    for part in
        ["a, b under one load", "id=\"distribution\"", "id=\"broker-memory\"", "loadgen compare"]
    {
        assert!(page.contains(part), "{part}");
    }
    // The distribution is of the runs that are in the folder.
    assert!(page.contains("<desc id=\"distribution-description\">a: p50 "));
    assert_eq!(file(reports::ROUNDS_CSV_FILE).lines().count(), 5, "titles and two rounds of two");
    let pasted = file(reports::MARKDOWN_FILE);
    assert!(pasted.starts_with("### a, b under one load\n"), "{pasted}");
    assert!(pasted.contains("--clients 4 --rate 50ms"), "{pasted}");
}

#[test]
fn a_broker_that_fails_does_not_stop_the_others() {
    let (_broker, url) = embedded();
    let folder = Folder::new();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let dies =
        file("dies.toml", "command = ['sh', '-c', 'echo no room for port {port} >&2; exit 7']");
    let absent = file("absent.toml", "command = ['no-such-broker']\ninstall = 'build it'");
    let run = compare(&format!("good={url} {dies} {absent} --rounds 1 {SHORT}"));
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let rounds = rounds(&run);
    let [ended, missing] = &rounds.failures[..] else {
        panic!("{:?}", rounds.failures);
    };
    assert_eq!((ended.broker.as_str(), ended.round), ("dies", 1));
    assert!(ended.reason.contains("exit status: 7"), "{}", ended.reason);
    assert!(ended.reason.contains("no room for port "), "{}", ended.reason);
    assert_eq!(missing.reason, "no-such-broker is not installed: build it");
    assert_eq!(rounds.sides.first().unwrap().runs.len(), 1);
    assert!(run.stdout.contains("- absent in round 1: no-such-broker is not installed"));
}

#[test]
fn what_makes_no_sense_is_said_before_a_broker_starts() {
    for (words, part) in [
        ("mosquito", "did you mean mosquitto?"),
        ("a=mqtt://127.0.0.1:1 a=mqtt://127.0.0.1:2", "two brokers are called a"),
        ("kelvin -- --broker mqtt://a:1", "--broker belongs to the comparison"),
        ("kelvin -- --rate x", "the load after -- is not understood"),
    ] {
        let run = compare(words);
        assert_eq!(run.code, Some(2), "{words}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{words}: {}", run.stderr);
        assert!(run.folder().is_none(), "{words}");
    }
}

#[test]
fn a_password_of_the_load_is_in_no_file() {
    let (_broker, url) = embedded();
    let run = compare(&format!("a={url} --rounds 1 {SHORT} --user gertrude -P hunter2"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let folder = run.folder().unwrap();
    for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.is_file() {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains("hunter2") && !text.contains("gertrude"), "{}", file.display());
        }
    }
}

#[test]
fn nothing_measured_is_an_error_with_the_reason() {
    let run = compare(&format!("gone=mqtt://127.0.0.1:9 --rounds 1 {SHORT}"));
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("error: no broker could be measured"), "{}", run.stderr);
    assert!(run.stderr.contains("127.0.0.1:9"), "{}", run.stderr);
}
