//! The rules about the generator and about the broker, with their limits and the reasons for these.

use reports::Reason;

use super::{Evidence, WorkerLoad, reason};
use crate::units::{fraction, grouped, nearest};

/// Share of the schedule that may be missed: one in a hundred changes no percentile up to the 99th.
const MISSED_SHARE: f64 = 0.01;

/// Lateness that is never held against the generator: a time slice of Linux's scheduler is 3 to 4 ms, and
/// any other process can cost one.
const LAG_TOLERATED_US: f64 = 5_000.0;

/// Lateness that always is: whatever the broker does, one in a hundred latencies is now this much too long.
const LAG_LIMIT_US: f64 = 50_000.0;

/// Share of the delivery latency that the generator's own lateness may be at the 99th percentile: past half
/// of it, the figure says more about the generator than about the broker.
const LAG_SHARE_OF_LATENCY: f64 = 0.5;

/// Share of a thread's time that it may be busy. Below it the thread still ran out of work again and again:
/// all that had come was read. Past it, what arrives waits for the generator and not for the broker, and
/// nobody can tell.
const BUSY_SHARE: f64 = 0.99;

/// Share of a thread's time that it may wait for a CPU: each such wait is read as latency of the broker, and
/// at a fifth every fifth message meets one.
const WAITING_SHARE: f64 = 0.2;

/// Part of a saturated thread's time that must be waiting, rather than work, to call it starved.
const STARVED_SHARE: f64 = 0.1;

/// Share of what is offered that must arrive. Below it, latencies grow for as long as the run lasts.
const ARRIVED_SHARE: f64 = 0.97;

/// Seconds of the offered rate that may be on their way when the measured part ends: as much is still
/// latency, of a fifth of a second; more is a queue.
const ON_ITS_WAY_SECONDS: f64 = 0.2;

/// What speaks against the generator.
pub(super) fn generator(evidence: &Evidence) -> Vec<Reason> {
    let time = worst(&evidence.workers).map(|worker| saturated(worker, evidence.workers.len()));
    let lags = [send_lag(evidence), read_lag(evidence)];
    [missed_schedule(evidence)].into_iter().chain(lags).chain([time.flatten()]).flatten().collect()
}

fn missed_schedule(evidence: &Evidence) -> Option<Reason> {
    let missed = evidence.offered.saturating_sub(evidence.reached);
    let share = fraction(missed) / fraction(evidence.offered.max(1));
    (share > MISSED_SHARE).then(|| {
        reason(
            "missed_schedule",
            format!(
                "the generator did not come to {} of {} publications in time: it sent less than was asked \
                 for; give it more CPU, or --threads",
                grouped(missed),
                grouped(evidence.offered)
            ),
            [("missed", fraction(missed)), ("missed_share", share), ("limit_share", MISSED_SHARE)],
        )
    })
}

fn send_lag(evidence: &Evidence) -> Option<Reason> {
    let lag_us = evidence.own_lag_p99_us.filter(|lag_us| *lag_us > LAG_TOLERATED_US)?;
    // Without a delivery there is no latency that the lag could be compared with.
    let latency_us = evidence.delivery_p99_us.unwrap_or(0.0);
    let relative_us = LAG_SHARE_OF_LATENCY * latency_us;
    let limit_us = relative_us.clamp(LAG_TOLERATED_US, LAG_LIMIT_US);
    (lag_us > limit_us).then(|| {
        reason(
            "send_lag",
            format!(
                "one publication in a hundred was sent {:.1} ms late by the generator itself, {:.0} % of the \
                 p99 of the delivery latency from due ({:.1} ms): these latencies are its own",
                lag_us / 1e3,
                percent(lag_us, latency_us),
                latency_us / 1e3
            ),
            [
                ("own_lag_p99_us", lag_us),
                ("limit_us", limit_us),
                ("delivery_p99_us", latency_us),
                ("period_us", evidence.period_us),
            ],
        )
    })
}

fn read_lag(evidence: &Evidence) -> Option<Reason> {
    let (median_us, p99_us) = evidence.read_lag_us;
    let at =
        [("p50", median_us, evidence.delivery_p50_us), ("p99", p99_us, evidence.delivery_p99_us)];
    let (name, lag_us, latency_us) = at.into_iter().find_map(|(name, lag_us, latency_us)| {
        let (lag_us, latency_us) = lag_us.zip(latency_us)?;
        let much = lag_us > LAG_TOLERATED_US && lag_us > LAG_SHARE_OF_LATENCY * latency_us;
        much.then_some((name, lag_us, latency_us))
    })?;
    Some(reason(
        "read_lag",
        format!(
            "what had arrived waited {:.1} ms at {name} for the generator to read it, {:.0} % of the {name} of the \
             delivery latency ({:.1} ms): give it more CPU, or --threads",
            lag_us / 1e3,
            percent(lag_us, latency_us),
            latency_us / 1e3
        ),
        [
            ("read_lag_us", lag_us),
            ("delivery_us", latency_us),
            ("limit_share", LAG_SHARE_OF_LATENCY),
            ("tolerated_us", LAG_TOLERATED_US),
        ],
    ))
}

/// The thread with the least time to spare.
pub(super) fn worst(workers: &[WorkerLoad]) -> Option<WorkerLoad> {
    workers.iter().copied().max_by(|a, b| taken(*a).total_cmp(&taken(*b)))
}

fn taken(worker: WorkerLoad) -> f64 {
    worker.busy + worker.waiting.unwrap_or(0.0)
}

pub(super) fn saturated(worker: WorkerLoad, threads: usize) -> Option<Reason> {
    let waiting = worker.waiting.unwrap_or(0.0);
    let no_time_left = taken(worker) > BUSY_SHARE;
    let figures = [
        ("busy_share", worker.busy),
        ("run_queue_wait_share", waiting),
        ("busy_limit_share", BUSY_SHARE),
        ("run_queue_wait_limit_share", WAITING_SHARE),
    ];
    if waiting > WAITING_SHARE || (no_time_left && waiting > STARVED_SHARE) {
        return Some(reason(
            "run_queue_wait",
            format!(
                "a thread of the generator was ready to run and had no CPU for {:.0} % of the time, and ran \
                 for {:.0} %: something else used its core",
                waiting * 100.0,
                worker.busy * 100.0
            ),
            figures,
        ));
    }
    no_time_left.then(|| {
        reason(
            "generator_cpu",
            format!(
                "a thread of the generator was busy {:.0} % of the time, so that messages waited for it; try \
                 --threads {}",
                worker.busy * 100.0,
                threads + 1
            ),
            figures,
        )
    })
}

/// What speaks against the broker, provided that the generator kept its schedule.
pub(super) fn broker(evidence: &Evidence) -> Vec<Reason> {
    [backlog(evidence), below_offered(evidence), not_taken(evidence)]
        .into_iter()
        .flatten()
        .collect()
}

fn backlog(evidence: &Evidence) -> Option<Reason> {
    let grown = evidence.backlog_after.saturating_sub(evidence.backlog_before);
    let offered_rate = per_second(evidence.deliveries_offered, evidence);
    let seconds = fraction(grown) / offered_rate.max(1.0);
    let behind = seconds > ON_ITS_WAY_SECONDS
        && fraction(evidence.arrived) < ARRIVED_SHARE * fraction(evidence.deliveries_offered);
    behind.then(|| {
        reason(
            "backlog",
            format!(
                "the broker fell behind: {} deliveries were owed at the end of the measured part and {} at its \
                 beginning",
                grouped(evidence.backlog_after),
                grouped(evidence.backlog_before)
            ),
            [
                ("backlog_before", fraction(evidence.backlog_before)),
                ("backlog_after", fraction(evidence.backlog_after)),
                ("grown_seconds", seconds),
                ("limit_seconds", ON_ITS_WAY_SECONDS),
            ],
        )
    })
}

fn below_offered(evidence: &Evidence) -> Option<Reason> {
    let (arrived, offered) = (fraction(evidence.arrived), fraction(evidence.deliveries_offered));
    let offered_rate = per_second(evidence.deliveries_offered, evidence);
    let short =
        arrived < ARRIVED_SHARE * offered && offered - arrived > ON_ITS_WAY_SECONDS * offered_rate;
    short.then(|| {
        let arrived_rate = per_second(evidence.arrived, evidence);
        let cpu = evidence
            .broker_cores
            .map_or_else(String::new, |cores| format!("; it used {cores:.2} cores"));
        reason(
            "deliveries_below_offered",
            format!(
                "{} of {} deliveries/s arrived{cpu}",
                grouped(nearest(arrived_rate)),
                grouped(nearest(offered_rate))
            ),
            [
                ("arrived_per_second", arrived_rate),
                ("offered_per_second", offered_rate),
                ("limit_share", ARRIVED_SHARE),
            ],
        )
    })
}

fn not_taken(evidence: &Evidence) -> Option<Reason> {
    let refused = evidence.reached.min(evidence.offered).saturating_sub(evidence.sent);
    let share = fraction(refused) / fraction(evidence.offered.max(1));
    (share > MISSED_SHARE).then(|| {
        reason(
            "not_taken",
            format!(
                "{} of {} publications were due and not sent, because the broker did not read them, had not \
                 acknowledged those before, or had closed the connection",
                grouped(refused),
                grouped(evidence.offered)
            ),
            [("not_taken", fraction(refused)), ("not_taken_share", share), ("limit_share", MISSED_SHARE)],
        )
    })
}

/// What speaks for a run against which nothing does.
pub(super) fn kept_up(evidence: &Evidence) -> Reason {
    let offered_rate = per_second(evidence.deliveries_offered, evidence);
    let worker = worst(&evidence.workers).unwrap_or_default();
    let lag = match evidence.own_lag_p99_us.or(evidence.own_lag_max_us) {
        Some(lag_us) => format!("{:.2} ms late at most", lag_us / 1e3),
        None => "in time".to_owned(),
    };
    let read = evidence.read_lag_us.0.map_or_else(String::new, |lag_us| {
        format!(", read what had come {:.2} ms after it at p50", lag_us / 1e3)
    });
    reason(
        "kept_up",
        format!(
            "the generator was {lag} at p99{read}, and busy {:.0} % of the time; the broker delivered what was \
             offered, {}/s",
            worker.busy * 100.0,
            grouped(nearest(offered_rate))
        ),
        [
            ("own_lag_p99_us", evidence.own_lag_p99_us.unwrap_or(0.0)),
            ("read_lag_p50_us", evidence.read_lag_us.0.unwrap_or(0.0)),
            ("busy_share", worker.busy),
            ("run_queue_wait_share", worker.waiting.unwrap_or(0.0)),
            ("offered_per_second", offered_rate),
            ("arrived_per_second", per_second(evidence.arrived, evidence)),
        ],
    )
}

/// How much of what this generator can do the run asked of it.
pub(super) fn ceiling(evidence: &Evidence) -> Option<Reason> {
    let ceiling = evidence.ceiling_per_thread? * fraction(evidence.workers.len().max(1) as u64);
    let arrived = per_second(evidence.arrived, evidence);
    Some(reason(
        "ceiling",
        format!(
            "{} deliveries/s arrived, {:.0} % of the {}/s that this generator took from a sink on this machine",
            grouped(nearest(arrived)),
            percent(arrived, ceiling),
            grouped(nearest(ceiling))
        ),
        [("arrived_per_second", arrived), ("ceiling_per_second", ceiling)],
    ))
}

pub(super) fn per_second(count: u64, evidence: &Evidence) -> f64 {
    if evidence.length_seconds > 0.0 { fraction(count) / evidence.length_seconds } else { 0.0 }
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole * 100.0 } else { 100.0 }
}
