//! What the figures say is what the broker did: every fault that is put in is found, with its right count.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use reports::{Contract, Summary};

use crate::loadgen::{Folder, loadgen};
use crate::scripted::{Broker, Script};
use crate::witness;

/// One publisher, 30 publications of QoS 1, all measured, one subscriber.
const ONE_PAIR: &str = "--topology fan-out --subscribers 1 -q 1 --sub-qos 1 --rate 20ms -d 600ms \
                        --warmup 0s --drain 1s --quiet";

fn run(options: &str, script: Script) -> Summary {
    let broker = Broker::start(script);
    let run = loadgen(&format!("{options} {}", broker.options()));
    let summary = run.summary(0);
    let counts = &summary.counts;
    assert_eq!(counts.expected, counts.delivered + counts.lost + counts.late_after_drain);
    summary
}

/// A broker that acknowledges publications at once.
fn routed(route: impl FnMut(usize, usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Script {
    Script { suback: Some(1), route: Box::new(route), answer: puback, ..Script::default() }
}

/// PUBACK for a PUBLISH of QoS 1, PUBREC for one of QoS 2; nothing for one of QoS 0.
fn puback(packet: &[u8]) -> Vec<u8> {
    let kind = match qos_of(packet) {
        0 => return Vec::new(),
        1 => 0x40,
        _ => 0x50,
    };
    let topic = 2 + usize::from(packet[3]);
    vec![kind, 2, packet[2 + topic], packet[3 + topic]]
}

fn qos_of(packet: &[u8]) -> u8 {
    packet[0] >> 1 & 3
}

/// The last character of the Topic Name.
fn topic_end(packet: &[u8]) -> char {
    char::from(packet[3 + usize::from(packet[3])])
}

fn again(packet: &[u8]) -> Vec<u8> {
    let mut again = packet.to_vec();
    again[0] |= 8;
    again
}

fn findings(contract: &Contract) -> Vec<(&str, u64)> {
    contract.findings.iter().map(|finding| (finding.code.as_str(), finding.count)).collect()
}

#[test]
fn duplicates_are_told_apart_by_dup_and_are_findings_at_qos_1() {
    let summary = run(
        ONE_PAIR,
        routed(|number, _, packet| match number {
            3 => vec![packet.to_vec(), packet.to_vec()],
            4 | 5 => vec![packet.to_vec(), again(packet)],
            _ => vec![packet.to_vec()],
        }),
    );
    let counts = &summary.counts;
    assert_eq!((counts.duplicate, counts.duplicate_with_dup, counts.delivered), (3, 2, 30));
    let [contract] = &summary.ledger[..] else { panic!("{:?}", summary.ledger) };
    assert_eq!((contract.qos, findings(contract)), (1, vec![("duplicate", 3)]));
    assert_eq!((summary.legs.puback.count, counts.unacknowledged), (30, 0));
}

#[test]
fn a_loss_is_a_finding_at_qos_1_and_none_at_qos_0() {
    let lossy = |number, _, packet: &[u8]| match number {
        8 => vec![],
        _ => vec![packet.to_vec()],
    };
    let summary = run(ONE_PAIR, routed(lossy));
    assert_eq!(findings(&summary.ledger[0]), [("lost", 1)]);
    let summary = run(&ONE_PAIR.replace("-q 1", "-q 0"), routed(lossy));
    assert_eq!((summary.counts.lost, summary.ledger[0].qos), (1, 0));
    assert_eq!(findings(&summary.ledger[0]), []);
}

/// Two topics, published at QoS 1 and 2, for subscribers at QoS 0, 1 and 2: 30 of each, all measured.
const MIXED: &str = "\
    [[group]]\nname = 'publisher'\nclients = 1\nversion = '3.1.1'\npublish = [\n\
    { topic = 'm/1', qos = 1, rate = '20ms' }, { topic = 'm/2', qos = 2, rate = '20ms' }]\n\
    [[group]]\nname = 'zero'\nclients = 1\nversion = '3.1.1'\nsubscribe = [{ filter = 'm/+' }]\n\
    [[group]]\nname = 'one'\nclients = 1\nversion = '3.1.1'\nsubscribe = [{ filter = 'm/+', qos = 1 }]\n\
    [[group]]\nname = 'two'\nclients = 1\nversion = '3.1.1'\nsubscribe = [{ filter = 'm/+', qos = 2 }]";

fn run_mixed(
    mut route: impl FnMut(u8, char, usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> Summary {
    let mut seen: HashMap<(usize, char), usize> = HashMap::new();
    let script = routed(move |_, subscriber, packet| {
        let number = seen.entry((subscriber, topic_end(packet))).or_default();
        *number += 1;
        route(qos_of(packet), topic_end(packet), *number - 1, packet)
    });
    let folder = Folder::new();
    let file = folder.write("mixed.toml", MIXED);
    let options = format!("--scenario {} -d 600ms --warmup 0s --drain 1s --quiet", file.display());
    run(&options, Script { grants: true, ..script })
}

/// Of each row: QoS, owed, delivered, lost, duplicate, with DUP, reordered, corrupted.
fn rows(summary: &Summary) -> Vec<[u64; 8]> {
    let rows = summary.ledger.iter().map(|row| {
        [
            u64::from(row.qos),
            row.expected,
            row.delivered,
            row.lost,
            row.duplicate,
            row.duplicate_with_dup,
            row.reordered,
            row.corrupted,
        ]
    });
    rows.collect()
}

#[test]
fn mqtt_3_8_4_6_each_delivery_is_in_the_row_of_the_lower_qos() {
    let summary = run_mixed(|_, _, _, packet| vec![packet.to_vec()]);
    assert_eq!(
        rows(&summary),
        [[0, 60, 60, 0, 0, 0, 0, 0], [1, 90, 90, 0, 0, 0, 0, 0], [2, 30, 30, 0, 0, 0, 0, 0]]
    );
    assert!(summary.ledger.iter().all(|row| row.findings.is_empty()), "{:?}", summary.ledger);
}

#[test]
fn each_fault_is_in_the_row_of_its_qos_and_judged_by_what_is_promised_there() {
    let mut held = Vec::new();
    let summary = run_mixed(move |qos, topic, number, packet| match (qos, topic, number) {
        (0, '2', 3) | (1, '2', 4) | (2, '2', 9) => vec![],
        (0, '2', 5) | (1, '2', 8) => vec![packet.to_vec(); 2],
        (1, '2', 6) => vec![packet.to_vec(), again(packet)],
        (1, '2', 10) => {
            held = packet.to_vec();
            vec![]
        }
        (1, '2', 11) => vec![packet.to_vec(), held.clone()],
        (2, '2', 7) => {
            // A second message: the first has another Packet Identifier.
            let mut second = packet.to_vec();
            second[4 + usize::from(packet[3])] |= 0x80;
            vec![packet.to_vec(), second]
        }
        (2, '2', 12) => {
            let mut damaged = packet.to_vec();
            damaged[packet.len() - 33] ^= 1;
            vec![damaged]
        }
        _ => vec![packet.to_vec()],
    });
    assert_eq!(
        rows(&summary),
        [[0, 60, 59, 1, 1, 0, 0, 0], [1, 90, 89, 1, 2, 1, 1, 0], [2, 30, 28, 2, 1, 0, 0, 1]]
    );
    let [zero, one, two] = &summary.ledger[..] else { panic!("{:?}", summary.ledger) };
    assert_eq!(findings(zero), [("duplicate", 1)]);
    assert_eq!(findings(one), [("lost", 1), ("duplicate", 2), ("reordered", 1)]);
    assert_eq!(findings(two), [("lost", 2), ("duplicate", 1), ("corrupted", 1)]);
    let counts = &summary.counts;
    assert_eq!((counts.expected, counts.lost, counts.duplicate), (180, 4, 4), "the sums");
}

#[test]
fn damaged_payloads_are_counted_apart_from_foreign_ones() {
    let summary = run(
        ONE_PAIR,
        routed(|number, _, packet| {
            let mut damaged = packet.to_vec();
            let payload = packet.len() - 33;
            match number {
                // Temperature, sequence number, due time, and the end is missing.
                2 => damaged[payload] ^= 1,
                3 => damaged[payload + 12] ^= 1,
                4 => damaged[payload + 20] ^= 1,
                5 => {
                    damaged.truncate(packet.len() - 1);
                    damaged[1] -= 1;
                }
                6 => return vec![packet.to_vec(), b"\x30\x0f\x00\x0btemperature23".to_vec()],
                _ => {}
            }
            vec![damaged]
        }),
    );
    let counts = &summary.counts;
    assert_eq!((counts.corrupted, counts.foreign), (4, 1));
    assert_eq!((counts.lost, counts.duplicate, counts.reordered), (4, 0, 0));
    assert_eq!(findings(&summary.ledger[0]), [("lost", 4), ("corrupted", 4)]);
}

#[test]
fn one_in_a_thousand_lost_repeated_or_overtaken_is_found() {
    let mut held = Vec::new();
    let options =
        "--topology fan-out --subscribers 2 --rate 1ms -d 3s --warmup 0s --drain 2s --quiet";
    let summary = run(
        options,
        routed(move |number, subscriber, packet| match (number % 1000, subscriber) {
            (500, _) => vec![],
            (600, 0) => vec![packet.to_vec(), packet.to_vec()],
            (700, 1) => {
                held = packet.to_vec();
                vec![]
            }
            (701, 1) => vec![packet.to_vec(), held.clone()],
            _ => vec![packet.to_vec()],
        }),
    );
    let counts = &summary.counts;
    assert_eq!((counts.offered, counts.sent, counts.expected), (3000, 3000, 6000));
    assert_eq!((counts.lost, counts.duplicate, counts.reordered), (6, 3, 3));
    assert_eq!(findings(&summary.ledger[0]), [("duplicate", 3), ("reordered", 3)]);
}

#[test]
fn a_stall_of_a_second_shows_in_the_percentiles_and_not_only_in_the_maximum() {
    let options =
        "--topology fan-out --subscribers 5 --rate 1ms -d 3s --warmup 0s --drain 3s --quiet";
    let summary = run(
        options,
        routed(|number, subscriber, packet| {
            if (number, subscriber) == (1000, 0) {
                thread::sleep(Duration::from_secs(1));
            }
            vec![packet.to_vec()]
        }),
    );
    let due = summary.latency.delivery.from_due;
    assert_eq!((due.count, summary.counts.lost), (15_000, 0));
    assert!(due.p99 >= Some(800_000.0), "{due:?}");
    assert!(due.p999 >= Some(950_000.0), "{due:?}");
}

#[test]
fn a_late_acknowledgement_shows_in_its_own_leg() {
    let script = Script {
        answer: |packet| {
            // The 11th: only it has Packet Identifier 11.
            if puback(packet)[3] == 11 {
                thread::sleep(Duration::from_millis(300));
            }
            puback(packet)
        },
        ..routed(|_, _, packet| vec![packet.to_vec()])
    };
    let puback = run(ONE_PAIR, script).legs.puback;
    assert_eq!(puback.count, 30);
    assert!(puback.max >= Some(300_000.0), "{puback:?}");
    assert_eq!(puback.p99, None, "30 samples do not support it");
}

#[test]
fn an_acknowledgement_that_never_comes_is_counted() {
    let answer = |packet: &[u8]| {
        let puback = puback(packet);
        if puback[3] == 11 { Vec::new() } else { puback }
    };
    let summary = run(ONE_PAIR, Script { answer, ..routed(|_, _, packet| vec![packet.to_vec()]) });
    assert_eq!((summary.counts.unacknowledged, summary.counts.lost), (1, 0));
}

#[test]
fn what_comes_after_the_drain_is_neither_delivered_nor_lost() {
    let options = ONE_PAIR.replace("--drain 1s", "--drain 100ms");
    let summary = run(
        &options,
        routed(|number, _, packet| {
            if number == 29 {
                thread::sleep(Duration::from_millis(500));
            }
            vec![packet.to_vec()]
        }),
    );
    let counts = &summary.counts;
    assert_eq!((counts.delivered, counts.lost, counts.late_after_drain), (29, 0, 1));
}

#[test]
fn a_broker_that_reads_slowly_falls_behind_and_is_told_so() {
    let options =
        "--topology fan-out --subscribers 1 --rate 2ms -d 2s --warmup 0s --drain 10ms --quiet";
    let summary = run(
        options,
        routed(|_, _, packet| {
            thread::sleep(Duration::from_millis(10));
            vec![packet.to_vec()]
        }),
    );
    let verdict = summary.verdict.unwrap();
    let codes: Vec<_> = verdict.reasons.iter().map(|reason| reason.code.as_str()).collect();
    assert!(codes.contains(&"backlog"), "{codes:?}");
    assert!(codes.contains(&"deliveries_below_offered"), "{codes:?}");
}

#[test]
fn an_independent_client_counts_the_same() {
    let anywhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let server = broker::Broker::builder().listen(anywhere).start().unwrap();
    let address = server.local_addresses()[0];
    let load = witness::Load {
        broker: address,
        publishers: 10,
        subscribers: 10,
        period: Duration::from_millis(20),
        warmup: Duration::from_millis(200),
        duration: Duration::from_secs(1),
        beside: None,
    };
    let seen = witness::play(&load).unwrap();
    let options = "-c 20 --rate 20ms --warmup 200ms -d 1s --sub-qos 0 --no-retain --quiet";
    let run = loadgen(&format!("{options} -h 127.0.0.1 -p {}", address.port()));
    let counts = run.summary(0).counts;
    assert_eq!((seen.sent, seen.delivered), (counts.sent, counts.delivered));
    assert_eq!((seen.sent, seen.delivered), (500, 5000));
    assert!(seen.quantile(990) >= seen.quantile(500) && seen.quantile(500).is_some());
    server.stop();
}
