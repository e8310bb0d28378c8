use bytes::BytesMut;
use clap::Parser;

use super::*;
use crate::cli::Cli;
use crate::mqtt::{Publish, QoS, Topic};
use crate::payload::{self, Stamp};
use crate::plan::tests_plan;
use crate::scenario::Scenario;

const TAG: RunTag = *b"abc";

fn recorder(arguments: &str) -> Recorder {
    let words = ["loadgen"].into_iter().chain(arguments.split_whitespace());
    let scenario = Scenario::resolve(&Cli::try_parse_from(words).unwrap(), String::new());
    let scenario = scenario.unwrap();
    let plan = Plan::new(&Arc::new(scenario), TAG).unwrap();
    of(plan)
}

fn of(plan: Plan) -> Recorder {
    let plan = Arc::new(plan);
    let place = plan.scenario().overview.stamp_place;
    let mut recorder = Recorder::new(&plan, TAG, place, plan.subscribers_of_worker(0, 1));
    recorder.start(Schedule { start_ns: 1000, measure_ns: 2000, end_ns: 1_000_000 });
    recorder
}

fn message<'a>(payload: &'a [u8], correlation: &'a [u8]) -> Publish<'a> {
    Publish {
        qos: QoS::AtMostOnce,
        dup: false,
        retain: false,
        topic: Topic::Name,
        identifier: 0,
        correlation,
        payload,
    }
}

fn receiver(place: usize) -> Receiver {
    Receiver { place, connected_ns: 1, subscribed_ns: Cell::new(0) }
}

fn arrive(recorder: &mut Recorder, place: usize, stamp: Stamp, retain: bool, now_ns: u64) {
    let mut payload = BytesMut::new();
    payload::write(&mut payload, 20, (TAG, &stamp), b"", 0);
    let publish = Publish { retain, ..message(&payload, b"") };
    recorder.delivery::<false>(&receiver(place), &publish, now_ns);
}

fn stamp(publisher: u32, sequence: u32) -> Stamp {
    Stamp { publisher, sequence, due_ns: 2000 + u64::from(sequence) * 1000, lag_us: 3 }
}

#[test]
fn latency_counts_from_due_and_from_send() {
    let mut recorder = recorder("--clients 4");
    arrive(&mut recorder, 1, stamp(0, 0), false, 2000 + 10_000);
    assert_eq!(recorder.counters.measured_delivered, 1);
    let second = recorder.take_second();
    assert_eq!(second.measured.delivery.max() / 1000, 10);
    assert_eq!(second.from_send.max() / 1000, 7);
    assert!(recorder.take_second().measured.delivery.is_empty());
}

#[test]
fn retained_foreign_and_impossible_messages_are_counted_apart() {
    let mut recorder = recorder("--clients 4");
    arrive(&mut recorder, 0, stamp(0, 0), true, 50_000);
    assert_eq!((recorder.counters.retained, recorder.counters.delivered), (1, 0));
    arrive(&mut recorder, 0, stamp(0, 1), false, 10);
    assert_eq!((recorder.counters.impossible, recorder.counters.delivered), (1, 1));
    recorder.delivery::<false>(&receiver(0), &message(b"21", b""), 10);
    assert_eq!(recorder.counters.foreign, 1);
    assert!(recorder.take_second().measured.delivery.is_empty());
}

#[test]
fn the_warm_up_is_in_the_ledger_but_in_no_measured_count() {
    let mut recorder = recorder("--clients 4");
    let early = Stamp { due_ns: 1500, ..stamp(1, 0) };
    arrive(&mut recorder, 0, early, false, 9000);
    arrive(&mut recorder, 0, early, false, 9000);
    arrive(&mut recorder, 0, stamp(1, 1), false, 9000);
    let counters = recorder.counters;
    assert_eq!((counters.delivered, counters.measured_delivered), (2, 1));
    assert_eq!(counters.measured_duplicate, 0);
    let second = recorder.take_second();
    assert_eq!((second.warmup.delivery.len(), second.measured.delivery.len()), (1, 1));
}

#[test]
fn duplicates_and_disorder_are_told_for_each_pair() {
    let mut recorder = recorder("--clients 4");
    for (publisher, place, sequence) in [(0, 0, 1), (0, 0, 0), (0, 0, 0), (1, 0, 0), (0, 1, 1)] {
        arrive(&mut recorder, place, stamp(publisher, sequence), false, 90_000);
    }
    let counters = recorder.counters;
    assert_eq!(counters.measured_delivered, 4);
    assert_eq!((counters.measured_reordered, counters.measured_duplicate), (1, 1));
}

#[test]
fn duplicates_with_dup_and_gaps_are_told_apart() {
    let mut recorder = recorder("--clients 4");
    let mut again = |sequence, dup| {
        let mut payload = BytesMut::new();
        payload::write(&mut payload, 20, (TAG, &stamp(0, sequence)), b"", 0);
        let publish = Publish { dup, ..message(&payload, b"") };
        recorder.delivery::<false>(&receiver(0), &publish, 90_000);
    };
    for (sequence, dup) in [(0, false), (0, true), (0, false), (5, false), (2, false)] {
        again(sequence, dup);
    }
    let counters = recorder.counters();
    let duplicates = (counters.measured_duplicate, counters.measured_duplicate_with_dup);
    assert_eq!(duplicates, (2, 1));
    assert_eq!((counters.skipped, counters.caught_up), (4, 1));
}

#[test]
fn a_damaged_message_is_no_delivery_and_not_foreign() {
    let mut recorder = recorder("--clients 4");
    let mut payload = BytesMut::new();
    payload::write(&mut payload, 20, (TAG, &stamp(0, 0)), b"", 0);
    payload[0] = b'3';
    recorder.delivery::<false>(&receiver(0), &message(&payload, b""), 90_000);
    let counters = recorder.counters();
    assert_eq!((counters.corrupted, counters.foreign, counters.delivered), (1, 0, 0));
}

#[test]
fn deliveries_are_in_time_late_or_too_late() {
    let mut recorder = recorder("--clients 4");
    for (sequence, stage) in (0..).zip([Stage::Load, Stage::Drain, Stage::After]) {
        recorder.enter(stage);
        arrive(&mut recorder, 0, stamp(0, sequence), false, 90_000);
        recorder.counters();
    }
    let counters = recorder.counters();
    assert_eq!((counters.late_in_drain, counters.late_after_drain), (1, 1));
    assert_eq!(counters.measured_delivered, 3);
}

#[test]
fn what_a_subscriber_is_not_owed_is_misrouted() {
    let mut pairs = recorder("--topology pairs --clients 4");
    arrive(&mut pairs, 1, stamp(0, 0), false, 90_000);
    arrive(&mut pairs, 1, stamp(1, 0), false, 90_000);
    assert_eq!((pairs.counters.misrouted, pairs.counters.delivered), (1, 1));
    let mut shared = recorder("--clients 4");
    arrive(&mut shared, 0, stamp(2, 0), false, 90_000);
    arrive(&mut shared, 0, stamp(0, u32::MAX), false, 90_000);
    assert_eq!(shared.counters.misrouted, 2);
}

#[test]
fn a_stamp_beside_a_plain_payload_is_as_good() {
    let mut recorder = recorder("--clients 4 -V 5 --payload plain");
    let text = payload::stamp_text(TAG, &stamp(0, 0), b"21", 2);
    recorder.delivery::<false>(&receiver(0), &message(b"21", &text), 12_000);
    recorder.delivery::<false>(&receiver(0), &message(b"21", b""), 12_000);
    let counters = recorder.counters;
    assert_eq!((counters.measured_delivered, counters.foreign), (1, 1));
    assert_eq!(recorder.take_second().measured.delivery.max() / 1000, 10);
}

#[test]
fn without_a_stamp_deliveries_are_counted_and_nothing_else() {
    let mut recorder = recorder("--clients 4 --payload plain");
    recorder.delivery::<false>(&receiver(0), &message(b"21", b""), 12_000);
    recorder.delivery::<false>(&receiver(0), &message(b"hello", b""), 12_000);
    let counters = recorder.counters;
    assert_eq!((counters.delivered, counters.foreign), (1, 1));
    assert!(recorder.take_second().measured.delivery.is_empty());
}

#[test]
fn totals_of_workers_add_up() {
    let mut one = Counters { sent: 1, unexpected: 2, ..Counters::default() };
    one.add(&Counters { sent: 10, connected: 5, ..Counters::default() });
    let sum = Counters { sent: 11, connected: 5, unexpected: 2, ..Counters::default() };
    assert_eq!(one, sum);
}

/// Three topics, published at QoS 2, 1 and 0, for three subscribers at QoS 0, 1 and 2 in this order.
fn mixed() -> Recorder {
    let publisher = |qos| {
        format!(
            "[[group]]\nname = 'p{qos}'\nclients = 1\npublish = [{{ topic = 't/{qos}', qos = {qos} }}]\n"
        )
    };
    let subscriber = |qos| {
        format!(
            "[[group]]\nname = 's{qos}'\nclients = 1\nsubscribe = [{{ filter = 't/+', qos = {qos} }}]\n"
        )
    };
    let groups =
        [publisher(2), publisher(1), publisher(0), subscriber(0), subscriber(1), subscriber(2)];
    of(tests_plan(&groups.concat()))
}

/// Of each QoS what `take` takes.
fn of_each(recorder: &mut Recorder, take: impl Fn(&QoSCounters) -> u64) -> [u64; 3] {
    recorder.counters().at.each_ref().map(take)
}

#[test]
fn each_qos_has_a_row_of_what_is_owed_and_came() {
    let mut recorder = mixed();
    // Of the warm-up, which owes nothing that counts; then one of each.
    recorder.sent(0, 1500, 0);
    for stream in [0, 0, 1, 2] {
        recorder.sent(stream, 2000, 0);
    }
    assert_eq!(of_each(&mut recorder, |at| at.owed), [2 + 1 + 3, 2 + 2, 2]);
    for (place, sequence) in [(0, 0), (1, 0), (2, 0), (1, 1), (1, 1), (2, 2), (2, 1), (2, 1)] {
        arrive(&mut recorder, place, stamp(0, sequence), false, 90_000);
    }
    assert_eq!(of_each(&mut recorder, |at| at.delivered), [1, 2, 3]);
    assert_eq!(of_each(&mut recorder, |at| at.duplicate), [0, 1, 1]);
    assert_eq!(of_each(&mut recorder, |at| at.reordered), [0, 0, 1]);
    arrive(&mut recorder, 2, stamp(1, 0), false, 90_000);
    arrive(&mut recorder, 2, stamp(2, 0), false, 90_000);
    assert_eq!(of_each(&mut recorder, |at| at.delivered), [2, 3, 3], "the lower QoS of both");
}

#[test]
fn what_is_late_or_damaged_is_in_its_row_too() {
    let mut recorder = mixed();
    for stage in [Stage::Load, Stage::Drain, Stage::After] {
        recorder.enter(stage);
        let sequence = recorder.counters().delivered;
        arrive(&mut recorder, 1, stamp(0, u32::try_from(sequence).unwrap()), false, 90_000);
    }
    assert_eq!(of_each(&mut recorder, |at| at.late_after_drain), [0, 1, 0]);
    assert_eq!(of_each(&mut recorder, |at| at.late_after_drain), [0, 1, 0], "asked again");
    let mut payload = BytesMut::new();
    payload::write(&mut payload, 20, (TAG, &stamp(0, 9)), b"", 0);
    payload[0] = b'3';
    let damaged = Publish { qos: QoS::ExactlyOnce, ..message(&payload, b"") };
    recorder.delivery::<false>(&receiver(2), &damaged, 90_000);
    assert_eq!(of_each(&mut recorder, |at| at.corrupted), [0, 0, 1]);
}

#[test]
fn where_all_is_of_one_qos_its_row_is_the_totals() {
    let mut recorder = recorder("--clients 4 -q 2 --sub-qos 1");
    assert!(matches!(recorder.slots, Slots::Dense { qos: QoS::AtLeastOnce, .. }));
    for _ in 0..3 {
        recorder.sent(0, 2000, 0);
    }
    for sequence in [1, 0, 0] {
        arrive(&mut recorder, 0, stamp(0, sequence), false, 90_000);
    }
    let row =
        QoSCounters { owed: 6, delivered: 2, duplicate: 1, reordered: 1, ..QoSCounters::default() };
    assert_eq!(recorder.counters().at, [QoSCounters::default(), row, QoSCounters::default()]);
}
