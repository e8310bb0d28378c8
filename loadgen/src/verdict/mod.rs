//! What a run is worth: pure, from evidence to a verdict. docs/measuring.md says the same in words.
//!
//! The generator is judged first, because nothing can be said of a broker that was not loaded as the schedule
//! asks; then the broker, because a run that it does not keep up with is never steady; then steadiness.

mod closed_loop;
mod rules;
mod steadiness;

use std::collections::BTreeMap;

use reports::{Judgement, Reason, Verdict};

/// What a verdict is made of, all of it of the measured part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// How long it was.
    pub length_seconds: f64,
    /// Time between two publications of one publisher.
    pub period_us: f64,
    /// Publications that the schedule called for.
    pub offered: u64,
    /// Those of them that the generator came to, whether or not their socket took them.
    pub reached: u64,
    /// Those of them that were written.
    pub sent: u64,
    /// 99th percentile of how late the generator came to a publication, when its samples support it.
    pub own_lag_p99_us: Option<f64>,
    /// Greatest of them.
    pub own_lag_max_us: Option<f64>,
    /// Median and 99th percentile of how long what had arrived waited to be read.
    pub read_lag_us: (Option<f64>, Option<f64>),
    /// Median and 99th percentile of the delivery latency from due, likewise.
    pub delivery_p50_us: Option<f64>,
    pub delivery_p99_us: Option<f64>,
    /// The generator's threads.
    pub workers: Vec<WorkerLoad>,
    /// Deliveries that the offered publications owe.
    pub deliveries_offered: u64,
    /// Deliveries that arrived meanwhile, whenever they were due.
    pub arrived: u64,
    /// Deliveries that were owed and had not come when the measured part began.
    pub backlog_before: u64,
    /// The same when it ended.
    pub backlog_after: u64,
    /// CPU time of the broker for each second; 1 is one core.
    pub broker_cores: Option<f64>,
    /// Whole seconds, in order.
    pub seconds: Vec<Second>,
    /// Whether publishers waited for what they published before: then nothing is offered that is not sent,
    /// and a limit is what is looked for.
    pub closed_loop: bool,
    /// Deliveries per second that one thread of this generator can take on this machine.
    pub ceiling_per_thread: Option<f64>,
}

/// What one thread of the generator did with its time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct WorkerLoad {
    /// Share of it on a CPU, without what it spent waiting for the next due time.
    pub busy: f64,
    /// Share of it in a run queue: ready, and without a CPU.
    pub waiting: Option<f64>,
}

/// One second of the measured part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Second {
    /// Deliveries that what was sent in it owes.
    pub expected: u64,
    /// Deliveries that came in it.
    pub delivered: u64,
    /// Median delivery latency.
    pub p50_us: Option<f64>,
}

/// Judges a run.
pub(crate) fn judge(evidence: &Evidence) -> Verdict {
    let (generator, broker) = if evidence.closed_loop {
        (closed_loop::generator(evidence), Vec::new())
    } else {
        (rules::generator(evidence), rules::broker(evidence))
    };
    let unsteady = steadiness::rules(&evidence.seconds);
    let (verdict, mut reasons) = if !generator.is_empty() {
        (Judgement::GeneratorLimited, [generator, broker].concat())
    } else if !broker.is_empty() {
        (Judgement::BrokerLimited, broker)
    } else if !unsteady.is_empty() {
        (Judgement::Unstable, unsteady)
    } else {
        let reason = if evidence.closed_loop { closed_loop::limit } else { rules::kept_up };
        (Judgement::Valid, vec![reason(evidence)])
    };
    reasons.extend(rules::ceiling(evidence));
    Verdict { verdict, reasons }
}

fn reason<const N: usize>(code: &str, text: String, evidence: [(&str, f64); N]) -> Reason {
    let evidence: BTreeMap<_, _> =
        evidence.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Reason { code: code.to_owned(), text, evidence }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1,000 publications/s to 100 subscribers for 10 s, and nothing wrong.
    fn calm() -> Evidence {
        Evidence {
            length_seconds: 10.0,
            period_us: 1_000_000.0,
            offered: 10_000,
            reached: 10_000,
            sent: 10_000,
            own_lag_p99_us: Some(150.0),
            own_lag_max_us: Some(900.0),
            read_lag_us: (Some(90.0), Some(400.0)),
            delivery_p50_us: Some(700.0),
            delivery_p99_us: Some(2_000.0),
            workers: vec![WorkerLoad { busy: 0.4, waiting: Some(0.02) }],
            deliveries_offered: 1_000_000,
            arrived: 999_800,
            backlog_before: 100,
            backlog_after: 300,
            broker_cores: Some(0.3),
            seconds: vec![
                Second { expected: 100_000, delivered: 100_000, p50_us: Some(700.0) };
                10
            ],
            closed_loop: false,
            ceiling_per_thread: None,
        }
    }

    fn judged(change: impl FnOnce(&mut Evidence)) -> (Judgement, Vec<String>) {
        let mut evidence = calm();
        change(&mut evidence);
        let Verdict { verdict, reasons } = judge(&evidence);
        for reason in &reasons {
            assert!(!reason.evidence.is_empty(), "{reason:?}");
            assert!(reason.evidence.values().all(|value| value.is_finite()), "{reason:?}");
        }
        (verdict, reasons.into_iter().map(|reason| reason.code).collect())
    }

    fn latencies(evidence: &mut Evidence, of: impl Fn(usize) -> f64) {
        for (index, second) in evidence.seconds.iter_mut().enumerate() {
            second.p50_us = Some(of(index));
        }
    }

    #[test]
    fn a_run_in_which_everybody_kept_up_is_valid() {
        assert_eq!(judged(|_| {}), (Judgement::Valid, vec!["kept_up".to_owned()]));
    }

    #[test]
    fn what_limits_the_generator_is_named() {
        type Change = fn(&mut Evidence);
        let table: [(&str, Change); 8] = [
            ("missed_schedule", |e| (e.reached, e.sent) = (9_800, 9_800)),
            ("send_lag", |e| e.own_lag_p99_us = Some(60_000.0)),
            ("read_lag", |e| {
                e.delivery_p50_us = Some(20_000.0);
                e.read_lag_us.0 = Some(11_000.0);
            }),
            ("read_lag", |e| {
                e.delivery_p99_us = Some(20_000.0);
                e.read_lag_us.1 = Some(11_000.0);
            }),
            ("send_lag", |e| {
                // Less than any limit of its own, and yet most of what is read as the broker's latency.
                e.own_lag_p99_us = Some(6_000.0);
                e.delivery_p99_us = Some(8_000.0);
            }),
            ("generator_cpu", |e| e.workers.push(WorkerLoad { busy: 0.995, waiting: None })),
            ("run_queue_wait", |e| e.workers[0].waiting = Some(0.3)),
            ("run_queue_wait", |e| {
                e.workers[0] = WorkerLoad { busy: 0.845, waiting: Some(0.15) };
            }),
        ];
        for (code, change) in table {
            let (verdict, codes) = judged(change);
            assert_eq!((verdict, codes[0].as_str()), (Judgement::GeneratorLimited, code));
        }
    }

    #[test]
    fn what_limits_the_broker_is_named_as_long_as_the_generator_kept_up() {
        type Change = fn(&mut Evidence);
        let table: [(&[&str], Change); 3] = [
            (&["backlog", "deliveries_below_offered"], |e| {
                (e.arrived, e.backlog_after) = (600_000, 400_000);
            }),
            // At QoS 0 a broker drops instead.
            (&["deliveries_below_offered"], |e| e.arrived = 900_000),
            (&["not_taken"], |e| {
                e.sent = 9_000;
            }),
        ];
        for (expected, change) in table {
            let (verdict, codes) = judged(change);
            assert_eq!(verdict, Judgement::BrokerLimited, "{expected:?}");
            assert_eq!(codes, expected);
            let (verdict, codes) = judged(|evidence| {
                change(evidence);
                evidence.workers[0].busy = 0.999;
            });
            assert_eq!(verdict, Judgement::GeneratorLimited);
            assert_eq!(codes[0], "generator_cpu");
            assert_eq!(codes[1..], *expected, "the broker's side is told too");
        }
    }

    #[test]
    fn in_a_closed_loop_the_generator_is_the_limit_when_it_alone_is_saturated() {
        type Change = fn(&mut Evidence);
        let table: [(Judgement, &str, Change); 6] = [
            (Judgement::Valid, "broker_saturated", |e| e.broker_cores = Some(0.97)),
            (Judgement::Valid, "window", |_| {}),
            (Judgement::GeneratorLimited, "generator_cpu", |e| e.workers[0].busy = 0.995),
            (Judgement::GeneratorLimited, "generator_cpu", |e| {
                (e.workers[0].busy, e.broker_cores) = (0.995, None);
            }),
            (Judgement::GeneratorLimited, "run_queue_wait", |e| e.workers[0].waiting = Some(0.4)),
            (Judgement::Valid, "broker_saturated", |e| {
                (e.workers[0].busy, e.broker_cores) = (0.995, Some(0.97));
            }),
        ];
        for (expected, code, change) in table {
            let (verdict, codes) = judged(|e| {
                e.closed_loop = true;
                // Nothing of this means anything here.
                (e.reached, e.own_lag_p99_us) = (0, Some(60_000.0));
                change(e);
            });
            assert_eq!((verdict, codes[0].as_str()), (expected, code));
        }
    }

    #[test]
    fn what_a_short_run_leaves_on_its_way_is_no_backlog() {
        // 40 ms of deliveries at the end of one second.
        let (verdict, _) = judged(|e| {
            e.length_seconds = 1.0;
            (e.offered, e.reached, e.sent) = (1_000, 1_000, 1_000);
            (e.deliveries_offered, e.arrived) = (100_000, 96_000);
            (e.backlog_before, e.backlog_after) = (0, 4_000);
            e.seconds.truncate(1);
        });
        assert_eq!(verdict, Judgement::Valid);
    }

    #[test]
    fn a_trend_and_a_wide_spread_are_unstable() {
        let (verdict, codes) = judged(|e| {
            latencies(e, |index| 700.0 + 500.0 * f64::from(u8::try_from(index).unwrap()));
        });
        assert_eq!((verdict, codes[0].as_str()), (Judgement::Unstable, "trend"));
        let (verdict, codes) =
            judged(|e| latencies(e, |index| if index % 2 == 0 { 900.0 } else { 9_000.0 }));
        assert_eq!((verdict, codes[0].as_str()), (Judgement::Unstable, "spread"));
        let (verdict, codes) = judged(|e| {
            for (index, second) in e.seconds.iter_mut().enumerate() {
                second.delivered = if index % 2 == 0 { 70_000 } else { 130_000 };
            }
        });
        assert_eq!((verdict, codes[0].as_str()), (Judgement::Unstable, "spread"));
    }

    #[test]
    fn little_latency_may_vary_and_few_seconds_say_nothing() {
        let (verdict, _) =
            judged(|e| latencies(e, |index| if index % 2 == 0 { 90.0 } else { 900.0 }));
        assert_eq!(verdict, Judgement::Valid, "less than a millisecond is the scheduler's");
        let (verdict, _) = judged(|e| {
            latencies(e, |index| if index % 2 == 0 { 900.0 } else { 9_000.0 });
            e.seconds.truncate(5);
        });
        assert_eq!(verdict, Judgement::Valid);
    }

    #[test]
    fn a_ceiling_is_cited_whatever_the_verdict() {
        let (_, codes) = judged(|e| e.ceiling_per_thread = Some(400_000.0));
        assert_eq!(codes, ["kept_up", "ceiling"]);
        let verdict = judge(&Evidence { ceiling_per_thread: Some(400_000.0), ..calm() });
        assert!(verdict.reasons[1].text.contains("25 %"), "{verdict:?}");
    }

    #[test]
    fn nothing_measured_is_no_reason_to_panic() {
        let verdict = judge(&Evidence::default());
        assert_eq!(verdict.verdict, Judgement::Valid);
    }
}
