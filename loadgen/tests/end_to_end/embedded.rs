//! Against the embedded broker: every topology and every QoS arrives whole, and so do the files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use reports::{Summary, TimelineRow};

use crate::loadgen::{Run, loadgen};

fn whole(arguments: &str) -> (Run, Summary) {
    let run = loadgen(&format!("{arguments} --quiet"));
    let summary = run.summary(0);
    let counts = summary.counts;
    assert!(summary.complete);
    assert!(counts.offered > 0);
    assert_eq!(counts.sent, counts.offered);
    assert_eq!(counts.delivered, counts.expected);
    assert_eq!((counts.lost, counts.duplicate, counts.reordered), (0, 0, 0));
    assert_eq!((counts.foreign, counts.impossible, counts.disconnected), (0, 0, 0));
    (run, summary)
}

#[test]
fn the_shared_topic_leaves_four_files_that_parse() {
    let (run, summary) = whole("--clients 50 --rate 100ms --duration 2s --warmup 500ms");
    assert_eq!(summary.counts.offered, 500);
    assert_eq!(summary.counts.expected, 12_500);
    assert_eq!(summary.config.broker, "embedded");
    assert!(summary.cpu.broker_seconds.is_some());
    let folder = run.folder().unwrap();

    let rows = timeline(&folder);
    assert!(rows.len() >= 3, "{rows:?}");
    let delivered: u64 = rows.iter().map(|row| row.delivered).sum();
    assert_eq!(delivered, 12_500 + 125 * 25, "the warm-up included");
    assert_eq!(rows.iter().map(|row| row.offered).sum::<u64>(), 625);
    assert_eq!(rows.last().unwrap().backlog, 0);

    // The measured part begins and ends in the middle of a second.
    assert_eq!(intervals(&folder), 6, "three from due and three from send");
    let distribution = read(&folder.join(reports::DISTRIBUTION_FILE));
    assert!(distribution.contains("Total count    =        12500]"), "{distribution}");
}

#[test]
fn pairs_arrive_at_every_qos() {
    for (qos, sub_qos) in [(0, 0), (1, 1), (2, 2), (2, 1)] {
        let options = format!("--qos {qos} --sub-qos {sub_qos} --topology pairs --clients 8");
        let (_, summary) = whole(&format!("{options} --rate 2000/s -d 1s --warmup 200ms"));
        let legs = summary.legs;
        assert_eq!(summary.latency.connect.count, 8);
        assert_eq!((legs.tcp_connect.count, legs.connack.count, legs.suback.count), (8, 8, 4));
        assert_eq!((legs.tls_handshake.count, legs.web_socket_handshake.count), (0, 0));
        let acknowledged = |answer| if answer == qos { 2000 } else { 0 };
        assert_eq!(legs.puback.count, acknowledged(1));
        assert_eq!((legs.pubrec.count, legs.pubcomp.count), (acknowledged(2), acknowledged(2)));
    }
}

#[test]
fn every_version_arrives_at_every_qos() {
    for version in ["3.1", "3.1.1", "5"] {
        for qos in 0..=2 {
            let options = format!("-V {version} --qos {qos} --sub-qos {qos} --clients 8");
            let (_, summary) = whole(&format!("{options} --rate 50ms -d 600ms --warmup 100ms"));
            assert_eq!(
                (summary.config.protocol.as_str(), summary.config.transport.as_str()),
                (version, "tcp")
            );
            assert_eq!(summary.latency.delivery.from_due.count, summary.counts.delivered);
        }
    }
}

#[test]
fn a_stamp_beside_a_plain_payload_gives_latencies() {
    let (_, summary) =
        whole("-V 5 --payload plain --clients 20 --rate 50ms -d 1s --warmup 100ms --qos 1");
    assert_eq!(summary.counts.expected, 2000);
    assert_eq!(summary.latency.delivery.from_due.count, 2000);
    assert_eq!(summary.config.payload_bytes, 2);
    assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
}

#[test]
fn plain_payloads_of_mqtt_3_are_counted_and_the_summary_says_so() {
    let (_, summary) = whole("--payload plain --clients 20 --rate 50ms -d 1s --warmup 300ms");
    assert_eq!((summary.counts.expected, summary.counts.lost), (2000, 0));
    assert_eq!(summary.latency.delivery.from_due.count, 0);
    let said = |text: &String| text.starts_with("plain payloads have no stamp at MQTT 3.1.1");
    assert!(summary.warnings.iter().any(said), "{:?}", summary.warnings);
}

#[test]
fn aliases_properties_wills_and_sessions_change_nothing_about_what_arrives() {
    whole(
        "-V 5 --topic-alias --user-property site=%i --user-property a=b --session-expiry 1s \
         --no-clean --will-topic will/%i --will-payload gone --will-qos 1 --will-retain -k 1s \
         -u user%i -P secret --inflight 2 --qos 2 --topology pairs --clients 8 --rate 50ms \
         -d 2s --warmup 100ms",
    );
}

#[test]
fn users_and_passwords_are_in_no_file() {
    let (run, summary) =
        whole("--clients 4 --rate 100ms -d 300ms --warmup 0s -u someone --password=hidden-one");
    assert!(
        summary.config.command.contains("-u '***' '--password=***'"),
        "{}",
        summary.config.command
    );
    for file in std::fs::read_dir(run.folder().unwrap()).unwrap() {
        let text = read(&file.unwrap().path());
        assert!(!text.contains("someone") && !text.contains("hidden-one"));
    }
}

#[test]
fn fan_in_and_fan_out_arrive() {
    let (_, summary) = whole("--topology fan-in --clients 21 --rate 50ms -d 1s --warmup 100ms");
    assert_eq!((summary.counts.offered, summary.counts.expected), (400, 400));
    let fan_out = "--topology fan-out --clients 21 --rate 50/s -d 1s --warmup 100ms --size 2000";
    let (_, summary) = whole(fan_out);
    assert_eq!((summary.counts.offered, summary.counts.expected), (50, 1000));
}

#[test]
fn several_threads_and_shards_and_large_messages_arrive() {
    whole("--clients 30 --rate 50ms -d 1s --warmup 100ms --threads 3 --broker-shards 2");
    whole("--clients 4 --rate 200ms -d 1s --warmup 100ms --size 300000");
}

#[test]
fn json_is_alone_on_stdout() {
    let (run, summary) =
        whole("--clients 4 --rate 100ms -d 500ms --warmup 0s --format json --no-retain");
    let printed: Summary = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(printed, summary);
    assert!(!printed.config.retain);
}

#[test]
fn the_human_summary_is_on_stdout() {
    let (run, _) = whole("--clients 4 --rate 100ms -d 500ms --warmup 0s");
    assert!(run.stdout.contains("from due"), "{}", run.stdout);
}

fn timeline(folder: &Path) -> Vec<TimelineRow> {
    let mut table = csv::Reader::from_path(folder.join(reports::TIMELINE_FILE)).unwrap();
    table.deserialize().map(Result::unwrap).collect()
}

/// Intervals in `latency.hlog`.
fn intervals(folder: &Path) -> usize {
    let log = read(&folder.join(reports::INTERVALS_FILE));
    IntervalLogIterator::new(log.as_bytes())
        .map(Result::unwrap)
        .filter(|entry| matches!(entry, LogEntry::Interval(_)))
        .count()
}

fn read(path: &Path) -> String {
    let mut text = String::new();
    File::open(path).unwrap().read_to_string(&mut text).unwrap();
    text
}
