//! Each fault of a broker is found, with its right count.

use std::thread;
use std::time::Duration;

use reports::Summary;

use crate::loadgen::loadgen;
use crate::scripted::{Broker, Script};

/// One publisher, 30 publications, all measured.
const ONE_PUBLISHER: &str =
    "--topology fan-out --rate 20ms -d 600ms --warmup 0s --drain 1s --quiet";

fn run(subscribers: u32, script: Script) -> Summary {
    let broker = Broker::start(script);
    let options = broker.options();
    let run = loadgen(&format!("{ONE_PUBLISHER} --subscribers {subscribers} {options}"));
    let summary = run.summary(0);
    let counts = summary.counts;
    assert!(summary.complete);
    assert_eq!((counts.offered, counts.sent), (30, 30));
    assert_eq!(counts.expected, 30 * u64::from(subscribers));
    assert_eq!(counts.lost, counts.expected - counts.delivered);
    assert_eq!(counts.impossible, 0);
    summary
}

fn routed(route: impl FnMut(usize, usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Script {
    Script { route: Box::new(route), ..Script::default() }
}

#[test]
fn a_broker_that_behaves_loses_nothing() {
    let summary = run(3, Script::default());
    let counts = summary.counts;
    assert_eq!((counts.delivered, counts.duplicate, counts.reordered), (90, 0, 0));
    assert_eq!((counts.connected, counts.disconnected), (4, 0));
    assert_eq!(summary.latency.delivery.from_due.count, 90);
    assert_eq!(summary.latency.delivery.from_send.count, 90);
    assert_eq!(summary.latency.send_lag.count, 30);
    assert_eq!(summary.latency.connect.count, 4);
    assert!(summary.latency.delivery.from_due.max >= summary.latency.delivery.from_send.max);
}

#[test]
fn messages_that_are_lost_in_the_middle_are_counted() {
    let script = routed(|number, subscriber, packet| match (number, subscriber) {
        (5 | 6 | 17, 0) | (9, 1) => vec![],
        _ => vec![packet.to_vec()],
    });
    let counts = run(2, script).counts;
    assert_eq!((counts.lost, counts.duplicate, counts.reordered), (4, 0, 0));
}

#[test]
fn messages_that_are_lost_at_the_end_are_counted() {
    let script = routed(|number, _, packet| match number {
        20.. => vec![],
        _ => vec![packet.to_vec()],
    });
    let counts = run(1, script).counts;
    assert_eq!((counts.delivered, counts.lost), (20, 10));
}

#[test]
fn messages_that_come_twice_are_counted_and_hide_no_loss() {
    let script = routed(|number, _, packet| match number {
        3 | 4 => vec![packet.to_vec(); 3],
        8..12 => vec![],
        _ => vec![packet.to_vec()],
    });
    let counts = run(1, script).counts;
    assert_eq!((counts.lost, counts.duplicate, counts.reordered), (4, 4, 0));
}

#[test]
fn messages_that_overtake_each_other_are_counted() {
    let mut held = Vec::new();
    let script = routed(move |number, _, packet| match number {
        7 | 8 => {
            held.push(packet.to_vec());
            vec![]
        }
        9 => vec![packet.to_vec(), held.remove(1), held.remove(0)],
        _ => vec![packet.to_vec()],
    });
    let counts = run(1, script).counts;
    assert_eq!((counts.lost, counts.duplicate, counts.reordered), (0, 0, 2));
}

#[test]
fn a_stall_shows_in_the_latency_from_due() {
    let script = routed(|number, _, packet| {
        if number == 10 {
            thread::sleep(Duration::from_millis(400));
        }
        vec![packet.to_vec()]
    });
    let latency = run(1, script).latency.delivery;
    assert!(latency.from_due.max >= Some(400_000.0), "{latency:?}");
}

#[test]
fn old_and_foreign_messages_are_in_no_latency() {
    let mut greeting = b"\x31\x0f\x00\x0btemperature23".to_vec();
    greeting.extend_from_slice(b"\x30\x0f\x00\x0btemperature24");
    let summary = run(2, Script { greeting, ..Script::default() });
    assert_eq!((summary.counts.retained, summary.counts.foreign), (2, 2));
    assert_eq!((summary.counts.delivered, summary.counts.lost), (60, 0));
    assert_eq!(summary.latency.delivery.from_due.count, 60);
    assert!(summary.warnings.iter().any(|warning| warning.contains("another program or run")));
}

#[test]
fn a_connection_that_ends_is_counted_and_the_run_goes_on() {
    let script = Script { close_after: Some((9, vec![1])), ..Script::default() };
    let summary = run(2, script);
    assert_eq!((summary.counts.disconnected, summary.counts.lost), (1, 20));
    let warning = "1 connection(s) ended during the run; the first: the broker closed";
    assert!(summary.warnings.iter().any(|text| text.starts_with(warning)), "{summary:?}");
}

#[test]
fn when_all_connections_end_the_run_ends_and_writes_what_it_has() {
    let broker = Broker::start(Script { close_after: Some((9, vec![])), ..Script::default() });
    let arguments = "--topology fan-out --rate 20ms -d 60s --warmup 0s --quiet --subscribers 2";
    let run = loadgen(&format!("{arguments} {}", broker.options()));
    assert!(run.error().starts_with("every connection ended during the run"), "{}", run.error());
    let summary = run.summary(3);
    assert!(!summary.complete);
    assert_eq!(summary.counts.disconnected, 3);
    assert!(summary.counts.sent >= 10);
    assert!(summary.config.measured_seconds < 30.0);
}

#[test]
fn bytes_that_are_no_packet_end_the_connection_only() {
    let script = routed(|number, subscriber, packet| match (number, subscriber) {
        (4, 0) => vec![b"\x36\x05\x00\x01t\x00\x01".to_vec()],
        _ => vec![packet.to_vec()],
    });
    let summary = run(2, script);
    assert_eq!((summary.counts.disconnected, summary.counts.lost), (1, 26));
    assert!(summary.warnings.iter().any(|text| text.contains("malformed PUBLISH")), "{summary:?}");
}
