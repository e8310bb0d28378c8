//! What a run measured, put together when it has ended.

use reports::slo::Observed;
use reports::{Ceiling, Judgement, Memory, Summary, ThresholdResult};

use super::collector::Results;
use super::{Load, Outcome, Run, Waited, evidence};
use crate::output::{self, Measured};
use crate::payload::StampPlace;
use crate::plan::{Offered, Schedule};
use crate::recorder::{Counters, QoSCounters};
use crate::system::peak_bytes;
use crate::units::seconds;
use crate::verdict::judge;

impl Run {
    pub(super) fn measured(&mut self, schedule: &Schedule, load: &Load) -> Measured {
        // Before the results are taken, among which the warnings are.
        let ceiling_per_thread = self.ceiling_per_thread();
        let results = self.collector.take_results();
        let window = schedule.measure_ns..load.stopped_ns.max(schedule.measure_ns);
        let mut offered = Offered::new(&self.setup.plan);
        let before = offered.before(schedule, window.start);
        let offered = offered.before(schedule, window.end) - before;
        // A worker may have sent what became due while the interruption was on its way.
        let offered = offered.max(results.counters.measured_sent);
        let evidence = evidence::evidence(&evidence::Seen {
            window: &window,
            period_ns: self.setup.scenario.overview.period_ns,
            offered,
            results: &results,
            load,
            rows: self.collector.timeline().0,
            closed_loop: self.setup.plan.has_closed_loop(),
            ceiling_per_thread,
        });
        let bytes_per_connection = self.collector.bytes_per_connection();
        let aborted_by = self.collector.broken_threshold();
        Measured {
            thresholds: self.thresholds(&results, offered, window.end - window.start, aborted_by),
            started: self.started,
            complete: load.ended == Waited::Deadline,
            machine: self.machine.clone(),
            length_ns: window.end - window.start,
            offered,
            counters: match self.setup.scenario.overview.stamp_place {
                StampPlace::Nowhere => attributed(&results.counters),
                StampPlace::Payload | StampPlace::Correlation | StampPlace::Mixed => {
                    results.counters
                }
            },
            retained: results.retained,
            connect_failure: results.connect_failure,
            reasons: results.reasons,
            from_due: results.from_due,
            from_send: results.from_send,
            send_lag: results.send_lag,
            legs: results.legs,
            connecting: results.connecting,
            usage: load.usage,
            broker: evidence::broker_use(
                self.broker.process(),
                load,
                results.counters.measured_delivered,
                bytes_per_connection,
                self.collector.timeline().0,
            ),
            verdict: judge(&evidence),
            throughput: load.throughput,
            memory: Memory {
                broker_bytes: results.broker_peak_bytes,
                generator_bytes: peak_bytes(None).unwrap_or(0),
            },
            disconnect_reason: results.disconnect_reason,
            warnings: results.warnings,
        }
    }

    fn thresholds(
        &self,
        results: &Results,
        offered: u64,
        length_ns: u64,
        aborted_by: Option<usize>,
    ) -> Vec<ThresholdResult> {
        let scenario = &self.setup.scenario;
        let mut latencies = vec![
            ("delivery", &results.from_due),
            ("delivery.from_send", &results.from_send),
            ("send_lag", &results.send_lag),
        ];
        latencies.extend(results.legs.each());
        let observed = Observed {
            latencies,
            counts: output::counts(offered, &results.counters),
            seconds: seconds(length_ns),
        };
        let judged = scenario.options.thresholds.iter().enumerate().map(|(index, threshold)| {
            let aborted = aborted_by == Some(index);
            let mut result = threshold.judge(&observed);
            // What ended the run failed, even if what came in the drain made good for it.
            result.passed &= !aborted;
            ThresholdResult { aborted, ..result }
        });
        judged.collect()
    }

    /// What a calibration on this machine found, if there was one. A file that cannot be read is no reason to
    /// fail, and is told.
    fn ceiling_per_thread(&mut self) -> Option<f64> {
        let path = Ceiling::path().filter(|path| path.exists())?;
        match Ceiling::read(&path, &self.machine) {
            Ok(ceiling) => ceiling.map(|ceiling| ceiling.deliveries_per_second),
            Err(error) => {
                self.collector.warn(format!("the ceiling of this generator is not known: {error}"));
                None
            }
        }
    }
}

/// How a run ended that nobody cut short.
pub(super) fn outcome(summary: &Summary) -> Outcome {
    let judgement = summary.verdict.as_ref().map(|verdict| verdict.verdict);
    if judgement == Some(Judgement::GeneratorLimited) {
        Outcome::GeneratorLimited
    } else if summary.thresholds.iter().any(|threshold| !threshold.passed) {
        Outcome::ThresholdFailed
    } else {
        Outcome::Complete
    }
}

/// Deliveries without a stamp, told apart as well as can be: those of the warm-up came first, and
/// what came beyond what is owed came twice. Which QoS they were owed at nobody knows, so that all are
/// held to the least.
fn attributed(counters: &Counters) -> Counters {
    let warmup = counters.owed.saturating_sub(counters.measured_owed);
    let measured = counters.delivered.saturating_sub(warmup);
    let (delivered, duplicate) =
        (measured.min(counters.measured_owed), measured.saturating_sub(counters.measured_owed));
    let least = counters.at.iter().position(|counted| counted.owed > 0).unwrap_or(0);
    let mut at = [QoSCounters::default(); 3];
    if let Some(counted) = at.get_mut(least) {
        *counted = QoSCounters {
            owed: counters.measured_owed,
            delivered,
            duplicate,
            ..QoSCounters::default()
        };
    }
    Counters { measured_delivered: delivered, measured_duplicate: duplicate, at, ..*counters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_without_a_stamp_belong_to_the_warm_up_first() {
        let counters = |delivered| {
            attributed(&Counters { owed: 100, measured_owed: 80, delivered, ..Counters::default() })
        };
        let told = |delivered| {
            let counters = counters(delivered);
            (counters.measured_delivered, counters.measured_duplicate)
        };
        assert_eq!(told(100), (80, 0));
        assert_eq!(told(90), (70, 0));
        assert_eq!(told(10), (0, 0));
        assert_eq!(told(103), (80, 3));
    }

    #[test]
    fn deliveries_without_a_stamp_are_held_to_the_least_qos_that_is_owed() {
        let owed = |owed| QoSCounters { owed, ..QoSCounters::default() };
        let counters = Counters {
            owed: 80,
            measured_owed: 80,
            delivered: 70,
            at: [owed(0), owed(50), owed(30)],
            ..Counters::default()
        };
        let row = QoSCounters { owed: 80, delivered: 70, ..QoSCounters::default() };
        let none = QoSCounters::default();
        assert_eq!(attributed(&counters).at, [none, row, none]);
    }
}
