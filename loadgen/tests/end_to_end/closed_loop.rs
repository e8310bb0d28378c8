//! Publishers that wait for what they published: against the embedded broker, and one that loses messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reports::Judgement;

use crate::loadgen::{Folder, loadgen};
use crate::scripted::{Broker, Script};

const SHORT: &str = "--warmup 100ms -d 500ms --no-retain --quiet";

#[test]
fn every_topology_and_qos_arrives_whole() {
    for options in [
        "--topology pairs --clients 6 -q 0 --sub-qos 0 --window 3",
        "--topology pairs --clients 6 -q 1 --sub-qos 1 --window 3",
        "--topology pairs --clients 6 -q 2 --sub-qos 2 --window 3",
        "--topology pairs --clients 8 -q 1 --threads 2",
        "--topology fan-out --clients 21 --window 2",
        "--topology fan-in --clients 21 --window 1 --size 3000",
        "--clients 10",
    ] {
        let run = loadgen(&format!("{options} --rate max {SHORT}"));
        let summary = run.summary(0);
        let counts = summary.counts;
        assert!(counts.sent > 100, "{options}: {counts:?}");
        assert_eq!((counts.offered, counts.delivered), (counts.sent, counts.expected), "{options}");
        assert_eq!((counts.lost, counts.duplicate, counts.reordered), (0, 0, 0), "{options}");
        assert_ne!(summary.verdict.unwrap().verdict, Judgement::BrokerLimited, "{options}");
        assert!(summary.config.window.is_some());
        let said = |text: &String| text.starts_with("closed loop: latency is that of a saturated");
        assert!(summary.warnings.iter().any(said), "{:?}", summary.warnings);
    }
}

#[test]
fn no_more_than_the_window_is_on_its_way() {
    // The broker keeps what comes until eight publications are there: a window of seven never fills it.
    for (window, all_come) in [(8, true), (7, false)] {
        let mut held = Vec::new();
        let most = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&most);
        let route = move |_, _, packet: &[u8]| {
            held.push(packet.to_vec());
            seen.fetch_max(held.len(), Ordering::Relaxed);
            if held.len() < 8 { Vec::new() } else { std::mem::take(&mut held) }
        };
        let broker = Broker::start(Script { route: Box::new(route), ..Script::default() });
        let options = format!("--topology fan-out --subscribers 1 --rate max --window {window}");
        let run = loadgen(&format!("{options} {SHORT} --drain 0s {}", broker.options()));
        let summary = run.summary(0);
        assert_eq!(most.load(Ordering::Relaxed), window, "{window}");
        assert_eq!(summary.counts.sent > 100, all_come, "{:?}", summary.counts);
    }
}

#[test]
fn what_is_lost_does_not_hold_the_window_up() {
    // Each third is lost, and after 30 so many that nothing comes that could tell: the window of four is
    // given up as a whole.
    let route = |number: usize, _, packet: &[u8]| match number {
        30..34 => Vec::new(),
        _ if number % 3 == 2 => Vec::new(),
        _ => vec![packet.to_vec()],
    };
    let broker = Broker::start(Script { route: Box::new(route), ..Script::default() });
    let options = "--topology fan-out --subscribers 1 --rate max --window 4 --warmup 0s -d 3s";
    let run = loadgen(&format!("{options} --drain 100ms --quiet {}", broker.options()));
    let summary = run.summary(0);
    assert!(summary.counts.sent > 100, "{:?}", summary.counts);
    assert!(summary.counts.lost > 30, "{:?}", summary.counts);
    let given_up =
        |text: &String| text.starts_with("4 deliver(ies) of the closed loop did not come");
    assert!(summary.warnings.iter().any(given_up), "{:?}", summary.warnings);
}

#[test]
fn publications_that_nobody_would_hear_of_are_refused() {
    let folder = Folder::new();
    let file = folder.write(
        "unheard.toml",
        "[[group]]\nname = 'a'\nclients = 1\npublish = [{ topic = 't', rate = 'max' }]\n",
    );
    let run = loadgen(&format!("--scenario {} --quiet", file.display()));
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("subscribe to it"), "{}", run.stderr);
}
