//! The binary `reports` as a shell sees it.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic as the tests do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use reports::{
    Config, Connecting, Counts, Cpu, Delivery, Latency, Legs, Machine, Measured, Memory,
    Percentiles, RunDirectory, SCHEMA, Summary, rfc3339,
};
use serde_json::Value;

/// A directory of one test, emptied before it.
fn directory(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    if path.exists() {
        fs::remove_dir_all(&path).unwrap();
    }
    fs::create_dir_all(&path).unwrap();
    path
}

/// Leaves a run as loadgen does, and returns its directory.
fn run(base: &Path, name: &str) -> String {
    let started = SystemTime::UNIX_EPOCH + Duration::from_hours(498_751);
    let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).unwrap();
    histogram.record_n(24_000_000, 1_000).unwrap();
    let latency = Percentiles::from_histogram(&histogram);
    let summary = Summary {
        schema: SCHEMA.to_owned(),
        started: rfc3339(started),
        complete: true,
        config: config(),
        machine: Machine::detect("system"),
        counts: Counts {
            offered: 500,
            sent: 500,
            expected: 1_000,
            delivered: 1_000,
            ..Counts::default()
        },
        latency: Latency {
            delivery: Delivery { from_due: latency, from_send: latency },
            connect: latency,
            send_lag: latency,
        },
        ledger: Vec::new(),
        legs: Legs::default(),
        connecting: Connecting::default(),
        verdict: None,
        thresholds: Vec::new(),
        broker: None,
        cpu: Cpu { broker_seconds: Some(0.001), generator_seconds: 0.002 },
        memory: Memory { broker_bytes: Some(9_000_000), generator_bytes: 10_000_000 },
        generators: Vec::new(),
        warnings: Vec::new(),
    };
    let run = RunDirectory::create(base, name, started).unwrap();
    let measured = Measured { timeline: &[], distribution: &histogram, intervals: &[], legs: &[] };
    run.write(&summary, &measured).unwrap();
    run.path().to_str().unwrap().to_owned()
}

fn config() -> Config {
    Config {
        command: "loadgen --clients 4".to_owned(),
        broker: "embedded".to_owned(),
        protocol: "3.1.1".to_owned(),
        transport: "tcp".to_owned(),
        topology: "shared".to_owned(),
        topic: "temperature".to_owned(),
        publishers: 2,
        subscribers: 2,
        qos: 0,
        sub_qos: 1,
        retain: true,
        payload_bytes: 16,
        period_seconds: 0.04,
        window: None,
        publications_per_second: 50.0,
        deliveries_per_second: 100.0,
        warmup_seconds: 1.0,
        duration_seconds: 10.0,
        measured_seconds: 10.0,
        connect_rate: None,
        threads: 1,
        seed: 1,
        scenario: None,
    }
}

fn reports(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reports"))
        .args(arguments)
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap()
}

/// What a successful call prints.
fn printed(arguments: &[&str]) -> String {
    let output = reports(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a call with this exit status says, on one line of standard error.
fn refused(arguments: &[&str], status: i32) -> String {
    let output = reports(arguments);
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn runs_stand_side_by_side_under_their_names() {
    let base = directory("side-by-side");
    let (first, second) = (run(&base, "literal"), run(&base, "literal"));
    let table = printed(&[
        "side-by-side",
        "--run",
        &first,
        "--run",
        &format!("mosquitto={second}"),
        "--run",
        &format!("{second}/summary.json"),
    ]);
    let names: Vec<&str> =
        table.lines().skip(2).filter_map(|line| line.split('|').nth(1)).map(str::trim).collect();
    assert_eq!(names, ["literal", "mosquitto", "literal-2"]);
    assert!(table.contains("|      100 % |") || table.contains(" 100 % |"), "{table}");
}

#[test]
fn the_table_has_benches_and_runs_in_both_formats() {
    let base = directory("table");
    let run = run(&base, "smoke");
    let new = base.join("criterion/codec/publish/new");
    fs::create_dir_all(&new).unwrap();
    fs::write(
        new.join("benchmark.json"),
        r#"{"group_id": "codec", "function_id": "publish", "value_str": null,
            "throughput": {"Elements": 1}}"#,
    )
    .unwrap();
    fs::write(
        new.join("estimates.json"),
        r#"{"median": {"point_estimate": 12.5, "confidence_interval":
            {"confidence_level": 0.95, "lower_bound": 12.25, "upper_bound": 12.75}}}"#,
    )
    .unwrap();
    let criterion = base.join("criterion").to_str().unwrap().to_owned();

    let arguments = ["table", "--criterion", &criterion, "--run", &run];
    let text = printed(&arguments);
    assert!(text.lines().any(|line| line.starts_with("codec/publish")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("smoke ")), "{text}");

    let json: Value =
        serde_json::from_str(&printed(&[&arguments[..], &["--format", "json"]].concat())).unwrap();
    assert_eq!(json["benches"][0]["median"]["point_ns"], 12.5);
    assert_eq!(json["benches"][0]["throughput"]["per_second"], 8e7);
    assert_eq!(json["runs"][0]["name"], "smoke");
    assert_eq!(json["runs"][0]["summary"]["counts"]["delivered"], 1_000);

    let only_runs = printed(&["table", "--no-benches", "--run", &run]);
    assert!(only_runs.starts_with("load run"), "{only_runs}");
}

#[test]
fn pages_are_written_where_they_are_asked_for() {
    let base = directory("pages");
    let (first, second) = (run(&base, "literal"), run(&base, "literal"));
    let own = format!("{first}/report.html");
    let written = fs::read(&own).unwrap();
    fs::remove_file(&own).unwrap();
    assert_eq!(printed(&["html", &first]), format!("{own}\n"));
    assert_eq!(fs::read(&own).unwrap().len(), written.len(), "the same run gives the same page");
    let out = base.join("compare.html").to_str().unwrap().to_owned();
    let names = format!("mosquitto={second}");
    assert_eq!(printed(&["html", &first, &names, "--out", &out]), format!("{out}\n"));
    assert!(fs::read_to_string(&out).unwrap().contains("2 runs compared"));
    let text = printed(&["markdown", &first]);
    assert_eq!(text, fs::read_to_string(format!("{first}/report.md")).unwrap());
    let error = refused(&["html", &first, "--out", &format!("{out}/x")], 3);
    assert!(error.contains("cannot write"), "{error}");
}

#[test]
fn runs_of_generators_are_merged_or_the_reason_is_told() {
    let base = directory("merge");
    let (first, second) = (run(&base, "a"), run(&base, "b"));
    let out = base.join("merged").to_str().unwrap().to_owned();
    let error = refused(&["merge", &first, &second, "--out", &out], 3);
    assert!(error.contains("a broker of its own"), "{error}");
    refused(&["merge", &first], 2);
    for run in [&first, &second] {
        let path = format!("{run}/summary.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"embedded\"", "\"mqtt://192.0.2.1:1883\"")).unwrap();
    }
    let error = refused(&["merge", &first, &second, "--out", &out], 3);
    assert!(error.contains("no histogram of the leg `from_send`"), "{error}");
}

#[test]
fn what_is_not_there_is_said_on_one_line() {
    let base = directory("absent");
    let absent = base.join("absent").to_str().unwrap().to_owned();
    for arguments in [
        vec!["table", "--criterion", &absent],
        vec!["table", "--no-benches", "--run", &absent],
        vec!["side-by-side", "--run", &absent],
    ] {
        let error = refused(&arguments, 3);
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.starts_with("reports: ") && error.contains(&absent), "{error}");
    }
}

#[test]
fn wrong_usage_is_told_apart() {
    for arguments in [
        vec![],
        vec!["side-by-side"],
        vec!["side-by-side", "--run", "=x"],
        vec!["side-by-side", "--run", "x="],
        vec!["table", "--no-benches"],
        vec!["table", "--format", "xml"],
    ] {
        assert!(!refused(&arguments, 2).is_empty());
    }
}
