//! Runs of several generators, added up.

use std::net::{Ipv4Addr, SocketAddr};

use reports::Summary;

use crate::loadgen::{Folder, loadgen};

#[test]
fn two_generators_against_one_broker_are_one_run() {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let broker = broker::Broker::builder().listen(any_port).start().unwrap();
    let address = *broker.local_addresses().first().unwrap();
    let load = |name: &str| {
        let folder = Folder::new();
        let child = folder.start(&format!(
            "--broker mqtt://{address} --clients 4 --rate 50ms -d 1s --warmup 0s --name {name} \
             --threshold delivered>0"
        ));
        (folder, child)
    };
    let [left, right] = ["left", "right"].map(load).map(|(folder, child)| folder.wait(child));
    let summaries = [left.summary(0), right.summary(0)];
    let [left_folder, right_folder] = [&left, &right].map(|run| run.folder().unwrap());
    let folder = Folder::new();
    let child = folder.start_bare(&format!(
        "merge {} right={} --out {} --name both",
        left_folder.display(),
        right_folder.display(),
        folder.path().display()
    ));
    let merged = folder.wait(child);
    assert_eq!(merged.code, Some(0), "{}", merged.stderr);
    let directory = merged.folder().unwrap();
    assert_eq!(merged.stdout, format!("{}\n", directory.display()));
    assert!(directory.join(reports::PAGE_FILE).is_file());
    let both = Summary::read(&directory).unwrap();
    let delivered: u64 = summaries.iter().map(|summary| summary.counts.delivered).sum();
    assert_eq!(both.counts.delivered, delivered);
    assert_eq!(
        both.generators.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(),
        ["left", "right"]
    );
    let threshold = both.thresholds.first().unwrap();
    assert!(threshold.passed, "{threshold:?}");
    // Both ran at one time or did not, as the machine had it: either way the broker is not a riddle.
    let told = both.broker.is_some_and(|broker| broker.pid == std::process::id());
    let absent = both.warnings.iter().any(|text| text.contains("broker's process"));
    assert!(told != absent, "{both:?}");
}

#[test]
fn what_does_not_add_up_is_said() {
    let help = loadgen_bare("merge --help");
    assert_eq!(help.0, Some(0));
    assert!(help.1.contains("[NAME=]DIR") && help.1.contains("Exit status"), "{}", help.1);
    assert_eq!(loadgen_bare("merge one").0, Some(2));
    let run = loadgen("--clients 2 --rate 50ms -d 300ms --warmup 0s");
    let folder = run.folder().unwrap();
    let out = run.into_folder();
    let words = format!("merge {0} b={0} --out {1}", folder.display(), out.path().display());
    let (code, _, stderr) = loadgen_bare(&words);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("only runs against one broker add up"), "{stderr}");
}

fn loadgen_bare(words: &str) -> (Option<i32>, String, String) {
    let folder = Folder::new();
    let child = folder.start_bare(words);
    let run = folder.wait(child);
    (run.code, run.stdout, run.stderr)
}
