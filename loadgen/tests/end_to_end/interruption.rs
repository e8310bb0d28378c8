//! Ctrl-C: what was measured is written, and the exit status says so.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::ChildStderr;
use std::thread;
use std::time::{Duration, Instant};

use reports::Summary;

use rustix::process::{Pid, Signal, kill_process};

use crate::loadgen::{Folder, Run};
use crate::scripted::{Broker, Script};

/// Runs until a line of the progress holds `text`, then sends `signal`.
fn interrupted(arguments: &str, text: &str, signal: Signal) -> Run {
    let folder = Folder::new();
    let mut child = folder.start(arguments);
    let mut progress = BufReader::new(child.stderr.take().unwrap());
    let seen = wait_for(&mut progress, text);
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(process, signal).unwrap();
    let rest: Vec<String> = progress.lines().map(Result::unwrap).collect();
    let mut run = folder.wait(child);
    run.stderr = seen + &rest.join("\n");
    run
}

fn wait_for(progress: &mut BufReader<ChildStderr>, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        assert_ne!(progress.read_line(&mut seen).unwrap(), 0, "it ended: {seen}");
    }
    seen
}

#[test]
fn what_was_measured_is_written() {
    for signal in [Signal::INT, Signal::TERM] {
        let arguments = "--clients 20 --rate 100ms -d 10m --warmup 500ms";
        let run = interrupted(arguments, "measure 2 s", signal);
        let summary = run.summary(130);
        assert!(!summary.complete);
        assert!(summary.counts.delivered > 0);
        assert_eq!(summary.counts.lost, 0);
        assert_eq!(summary.counts.offered, summary.counts.sent);
        assert!(summary.config.measured_seconds > 0.5 && summary.config.measured_seconds < 60.0);
    }
}

#[test]
fn the_second_signal_kills() {
    // What is owed never comes, so the first signal waits a second for it.
    let broker = Broker::start(Script { route: Box::new(|_, _, _| vec![]), ..Script::default() });
    let arguments = format!("--clients 2 --rate 20ms -d 10m --warmup 0s {}", broker.options());
    let folder = Folder::new();
    let mut child = folder.start(&arguments);
    let mut progress = BufReader::new(child.stderr.take().unwrap());
    // Any line of the measured part: on a busy machine one may cover two seconds.
    wait_for(&mut progress, "measure ");
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    while child.try_wait().unwrap().is_none() {
        kill_process(process, Signal::INT).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    let run = folder.wait(child);
    assert_eq!(run.code, Some(130));
    assert!(Summary::read(&run.folder().unwrap()).is_err(), "nothing was written");
}

#[test]
fn before_the_load_there_is_nothing_to_write() {
    let broker = Broker::start(Script { suback: None, ..Script::default() });
    let arguments = format!("--clients 2 -d 10m {}", broker.options());
    let run = interrupted(&arguments, "connect", Signal::INT);
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert_eq!(run.folder(), None);
    assert!(run.stderr.contains("interrupted before the load began"), "{}", run.stderr);
}

#[test]
fn the_second_signal_takes_the_broker_of_a_comparison_along() {
    let folder = Folder::new();
    let pid_file = folder.path().join("pid");
    // It never listens, and does not end when it is asked to.
    let script = format!(
        "trap '' TERM; echo $$ > {0}.new; mv {0}.new {0}; while :; do sleep 0.1; done",
        pid_file.display()
    );
    let stubborn = folder.write("stubborn.toml", &format!("command = ['sh', '-c', \"{script}\"]"));
    let words = format!("{} --rounds 1 -- --clients 2 -d 300ms", stubborn.display());
    let mut child = folder.start_compare(&words);
    let number = loop {
        match fs::read_to_string(&pid_file) {
            Ok(text) => break text.trim().to_owned(),
            Err(_) => assert_eq!(child.try_wait().unwrap(), None, "it ended"),
        }
        thread::sleep(Duration::from_millis(20));
    };
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    while child.try_wait().unwrap().is_none() {
        kill_process(process, Signal::INT).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(folder.wait(child).code, Some(130));
    // One that is dead and that nobody has waited for has no command line any more.
    let command_line = format!("/proc/{number}/cmdline");
    let is_there = || fs::read(&command_line).is_ok_and(|words| !words.is_empty());
    let deadline = Instant::now() + Duration::from_mins(1);
    while is_there() {
        assert!(Instant::now() < deadline, "the broker outlived the comparison");
        thread::sleep(Duration::from_millis(20));
    }
}
