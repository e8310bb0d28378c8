//! Thresholds, exit statuses, the plan without a run, the calibration.

use std::fs;
use std::path::Path;

use crate::loadgen::{Folder, loadgen};
use crate::scripted::{Broker, Script};

const SHORT: &str = "--clients 4 --rate 20ms -d 600ms --warmup 100ms --quiet";

#[test]
fn a_threshold_that_fails_is_exit_status_99_and_stands_in_the_summary() {
    let options = format!("{SHORT} --threshold delivered:count>1k --threshold lost==0");
    let summary = loadgen(&options).summary(99);
    let passed: Vec<_> = summary.thresholds.iter().map(|result| result.passed).collect();
    assert_eq!(passed, [false, true]);
    assert!(summary.complete);
    let passing = format!("{SHORT} --threshold lost==0 --threshold connect:max<60s");
    assert!(loadgen(&passing).summary(0).thresholds.iter().all(|result| result.passed));
}

#[test]
fn junit_has_a_case_for_each_threshold_and_the_verdict() {
    let name = format!("junit-{}.xml", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let options = format!("{SHORT} --threshold lost==0 --junit {}", path.display());
    loadgen(&options).summary(0);
    let xml = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(xml.contains("<testcase name=\"lost==0\""), "{xml}");
    assert!(xml.contains("<testcase name=\"verdict\""), "{xml}");
}

#[test]
fn a_threshold_that_may_abort_ends_the_run() {
    let lossy = Script {
        route: Box::new(
            |number, _, packet| if number == 20 { vec![] } else { vec![packet.to_vec()] },
        ),
        ..Script::default()
    };
    let broker = Broker::start(lossy);
    let options = "--topology fan-out --subscribers 1 --rate 10ms -d 50s --warmup 0s --quiet";
    let run = loadgen(&format!("{options} {} --threshold lost==0,abort", broker.options()));
    let summary = run.summary(99);
    assert!(!summary.complete && summary.config.measured_seconds < 49.0);
    assert!(summary.thresholds[0].aborted && !summary.thresholds[0].passed);
    assert_eq!(summary.counts.lost, 1);
}

#[test]
fn a_wrong_threshold_is_exit_status_2_and_names_what_is_right() {
    let run = loadgen("--threshold losst==0");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("did you mean `lost`?"), "{}", run.stderr);
}

#[test]
fn a_dry_run_tells_the_plan_and_connects_to_nobody() {
    let run = loadgen("--dry-run --clients 5000 --rate 3s -h 127.0.0.1 -p 9");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("deliveries    2,083,333/s"), "{}", run.stdout);
    assert!(run.folder().is_none());
    let run = loadgen("--dry-run --topology pairs --clients 500000 -h 192.0.2.1");
    assert!(run.error().contains("--ifaddr"), "{}", run.error());
}

#[test]
fn a_run_says_what_it_is_worth_and_what_the_broker_spent() {
    let summary = loadgen(SHORT).summary(0);
    assert!(summary.verdict.is_some_and(|verdict| !verdict.reasons.is_empty()));
    let broker = summary.broker.unwrap();
    assert!(broker.cpu_seconds.is_some() && broker.voluntary_context_switches.is_some());
    assert_eq!(broker.resident_peak_bytes, None, "an embedded broker has no memory of its own");
}

#[test]
fn several_source_addresses_are_used_in_turn() {
    let broker = Broker::start(Script::default());
    let options = broker.options();
    loadgen(&format!("{SHORT} {options} --ifaddr 127.0.0.2,127.0.0.3")).summary(0);
    let peers = broker.peers();
    let from = |address: &str| peers.iter().filter(|peer| peer.ip().to_string() == address).count();
    assert_eq!((from("127.0.0.2"), from("127.0.0.3")), (2, 2));
}

#[test]
fn a_calibration_is_kept_and_cited() {
    let folder = Folder::new();
    let child = folder.start_bare("calibrate -d 300ms");
    let run = folder.wait(child);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("deliveries/s or sends"), "{}", run.stdout);
    let folder = run.into_folder();
    assert!(folder.path().join("kelvin/ceiling.json").is_file());
    let child = folder.start(&format!("{SHORT} --format json"));
    let run = folder.wait(child);
    assert!(run.stdout.contains("that this generator took from a sink"), "{}", run.stdout);
}
