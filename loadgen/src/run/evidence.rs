//! From what was collected to the evidence of a verdict.

use std::ops::Range;

use reports::{BrokerUse, Phase, TimelineRow};

use super::Load;
use super::collector::Results;
use crate::clock::Clock;
use crate::recorder::{Counters, Leg};
use crate::system::{BrokerProcess, ThreadTime, own_threads};
use crate::units::{fraction, nearest, seconds};
use crate::verdict::{Evidence, Second, WorkerLoad};
use crate::worker::THREAD_NAME;

/// The generator's threads at one moment.
pub(super) struct Threads {
    clock: Clock,
    threads: Vec<ThreadTime>,
}

impl Threads {
    pub(super) fn now() -> Self {
        Self { clock: Clock::start(), threads: own_threads(THREAD_NAME) }
    }

    /// What each did since `earlier`, without the `spun_ns` that all together spent looking at the clock.
    pub(super) fn since(&self, earlier: &Self, spun_ns: u64) -> Vec<WorkerLoad> {
        let length = seconds(earlier.clock.now_ns()).max(1e-9);
        let spun = seconds(spun_ns) / fraction(self.threads.len().max(1) as u64);
        let before = |id| earlier.threads.iter().find(|thread| thread.id == id);
        let pairs = self.threads.iter().filter_map(|now| Some((now, before(now.id)?)));
        pairs
            .map(|(now, before)| WorkerLoad {
                busy: ((now.run_seconds - before.run_seconds - spun) / length).clamp(0.0, 1.0),
                waiting: now
                    .wait_seconds
                    .zip(before.wait_seconds)
                    .map(|(now, before)| ((now - before) / length).clamp(0.0, 1.0)),
            })
            .collect()
    }
}

/// What a run leaves to judge it by.
pub(super) struct Seen<'a> {
    /// The measured part.
    pub window: &'a Range<u64>,
    pub period_ns: u64,
    /// Publications that were due in it.
    pub offered: u64,
    pub results: &'a Results,
    pub load: &'a Load,
    pub rows: &'a [TimelineRow],
    /// Whether publishers waited for what they published before.
    pub closed_loop: bool,
    /// Deliveries per second that a thread can take, when that is known.
    pub ceiling_per_thread: Option<f64>,
}

pub(super) fn evidence(seen: &Seen<'_>) -> Evidence {
    let length_seconds = seconds(seen.window.end - seen.window.start);
    let counters = &seen.results.counters;
    let percentiles = reports::Percentiles::from_histogram;
    let own_lag = percentiles(&seen.results.own_lag);
    let from_due = percentiles(&seen.results.from_due);
    let read_lag = seen.results.legs.get(Leg::ReadLag).map(percentiles).unwrap_or_default();
    let broker_seconds = seen.load.usage.broker_seconds;
    Evidence {
        length_seconds,
        period_us: fraction(seen.period_ns) / 1e3,
        offered: seen.offered,
        reached: counters.measured_reached,
        sent: counters.measured_sent,
        own_lag_p99_us: own_lag.p99,
        own_lag_max_us: own_lag.max,
        read_lag_us: (read_lag.p50, read_lag.p99),
        delivery_p50_us: from_due.p50,
        delivery_p99_us: from_due.p99,
        workers: seen.load.workers.clone(),
        deliveries_offered: deliveries_offered(seen.offered, counters),
        arrived: seen.load.throughput.arrived,
        backlog_before: seen.load.backlog_before,
        backlog_after: seen.load.throughput.backlog,
        broker_cores: broker_seconds
            .filter(|_| length_seconds > 0.0)
            .map(|spent| spent / length_seconds),
        seconds: whole_seconds(seen.rows),
        closed_loop: seen.closed_loop,
        ceiling_per_thread: seen.ceiling_per_thread,
    }
}

/// What the publications that were due owe, by what those that were sent do.
fn deliveries_offered(offered: u64, counters: &Counters) -> u64 {
    if counters.measured_sent == 0 {
        return offered;
    }
    let each = fraction(counters.measured_owed) / fraction(counters.measured_sent);
    nearest(fraction(offered) * each)
}

/// Seconds that lie in the measured part from their beginning to their end: the first that ends in it began in
/// the warm-up, unless there is none.
fn whole_seconds(rows: &[TimelineRow]) -> Vec<Second> {
    let pairs = rows.windows(2).filter(|pair| {
        pair.iter().all(|row| row.phase == Phase::Measure)
            && pair[1].t_seconds - pair[0].t_seconds > 0.9
    });
    pairs
        .map(|pair| Second {
            expected: pair[1].expected,
            delivered: pair[1].delivered,
            p50_us: pair[1].p50_us,
        })
        .collect()
}

/// What the broker's process spent, for the record.
pub(super) fn broker_use(
    process: BrokerProcess,
    load: &Load,
    delivered: u64,
    bytes_per_connection: Option<u64>,
    rows: &[TimelineRow],
) -> Option<BrokerUse> {
    let pid = match process {
        BrokerProcess::Unknown => return None,
        BrokerProcess::Embedded => std::process::id(),
        BrokerProcess::Local(pid) => pid,
    };
    let spent = &load.broker;
    let measured = rows.iter().filter(|row| row.phase == Phase::Measure);
    let resident: Vec<u64> = measured.filter_map(|row| row.broker_rss_bytes).collect();
    let cpu_seconds = spent.cpu.map(|(user, system)| user + system);
    Some(BrokerUse {
        pid,
        cpu_seconds,
        user_seconds: spent.cpu.map(|cpu| cpu.0),
        system_seconds: spent.cpu.map(|cpu| cpu.1),
        cpu_us_per_delivery: cpu_seconds
            .filter(|_| delivered > 0)
            .map(|spent| spent * 1e6 / fraction(delivered)),
        loaded_cpu_seconds: load.loaded_cpu_seconds,
        resident_peak_bytes: spent.peak_bytes,
        resident_mean_bytes: (!resident.is_empty())
            .then(|| resident.iter().sum::<u64>() / resident.len() as u64),
        bytes_per_connection,
        voluntary_context_switches: spent.switches.map(|switches| switches.0),
        involuntary_context_switches: spent.switches.map(|switches| switches.1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_of_the_measured_part_are_judged() {
        let row = |t_seconds, phase, delivered| TimelineRow {
            delivered,
            ..TimelineRow::new(t_seconds, phase)
        };
        let rows = [
            row(1.0, Phase::Warmup, 1),
            row(2.0, Phase::Measure, 2),
            row(3.0, Phase::Measure, 3),
            row(4.0, Phase::Measure, 4),
            row(4.3, Phase::Measure, 5),
            row(5.3, Phase::Drain, 6),
        ];
        let delivered: Vec<_> =
            whole_seconds(&rows).iter().map(|second| second.delivered).collect();
        assert_eq!(delivered, [3, 4]);
    }

    #[test]
    fn what_was_not_sent_is_offered_too() {
        let counters = Counters { measured_sent: 10, measured_owed: 50, ..Counters::default() };
        assert_eq!(deliveries_offered(20, &counters), 100);
        assert_eq!(deliveries_offered(20, &Counters::default()), 20);
    }
}
