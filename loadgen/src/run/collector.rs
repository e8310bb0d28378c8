//! Puts together what the workers report: totals, a row per second, the histograms of the run.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use reports::slo::Observed;
use reports::{FROM_SEND_TAG, IntervalHistogram, Phase, TimelineRow};
use tokio::time::Instant;

use super::RunError;
use crate::output::{Exporter, Live, Progress, counts};
use crate::plan::{Offered, Schedule};
use crate::recorder::{
    Connecting, Counters, LegHistograms, Reasons, RetainedCount, Second, Totals, histogram, merge,
};
use crate::system::{BrokerProcess, BrokerSample, Usage, peak_bytes, resident_bytes};
use crate::units::{SECOND_NS, fraction, seconds};
use crate::worker::{News, Report, Setup};

/// Time between two live lines while connections are opened.
const TICK: Duration = Duration::from_secs(1);

/// Collects the reports of a run.
#[derive(Debug)]
pub(super) struct Collector {
    setup: Setup,
    broker: BrokerProcess,
    progress: Progress,
    exporter: Option<Exporter>,
    /// What was spent when the load began.
    load_usage: Usage,
    schedule: Option<Schedule>,
    stage: Stage,
    next_tick: Instant,
    /// The last running totals of each worker.
    latest: Vec<Counters>,
    /// Seconds that not every worker has reported.
    open: BTreeMap<u64, Open>,
    /// The last second that each worker has reported; `u64::MAX` when it is done.
    reported: Vec<Option<u64>>,
    previous: Row,
    offered: Offered,
    /// Publications that are due before the measured part.
    offered_before: u64,
    /// Median delivery latency of the last second in which something arrived.
    last_wait_ns: u64,
    /// Counters at the end of the last second before the measured part.
    measured_from: Counters,
    /// The first threshold that may end the run and does not hold.
    broken: Option<usize>,
    /// What the broker's memory grew by while the clients connected and subscribed.
    grown_bytes: Option<u64>,
    rows: Vec<TimelineRow>,
    intervals: Vec<IntervalHistogram>,
    results: Results,
    finished: usize,
}

/// What is collected for the summary.
#[derive(Debug)]
pub(super) struct Results {
    pub counters: Counters,
    pub from_due: Histogram<u64>,
    pub from_send: Histogram<u64>,
    pub send_lag: Histogram<u64>,
    pub own_lag: Histogram<u64>,
    pub legs: LegHistograms,
    pub connecting: Connecting,
    pub reasons: Reasons,
    pub retained: RetainedCount,
    /// Why the first connection was not opened under load.
    pub connect_failure: Option<String>,
    pub disconnect_reason: Option<String>,
    /// The last that was seen: a process that has ended has none.
    pub broker_peak_bytes: Option<u64>,
    pub warnings: Vec<String>,
}

/// How far the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connect,
    Load,
    Drain,
    Finish,
}

/// A second that is not complete.
#[derive(Debug)]
struct Open {
    samples: Second,
    /// Running totals of the workers at its end.
    counters: Vec<Option<Counters>>,
}

/// Where the row before ended.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    counters: Counters,
    usage: Usage,
    switches: Option<(u64, u64)>,
    time_ns: u64,
    offered: u64,
}

impl Default for Results {
    fn default() -> Self {
        Self {
            counters: Counters::default(),
            from_due: histogram(),
            from_send: histogram(),
            send_lag: histogram(),
            own_lag: histogram(),
            legs: LegHistograms::default(),
            connecting: Connecting::default(),
            reasons: Reasons::new(),
            retained: RetainedCount::default(),
            connect_failure: None,
            disconnect_reason: None,
            broker_peak_bytes: None,
            warnings: Vec::new(),
        }
    }
}

impl Collector {
    pub(super) fn new(setup: &Setup, progress: Progress) -> Self {
        let workers = usize::from(setup.scenario.threads);
        Self {
            setup: setup.clone(),
            broker: BrokerProcess::Unknown,
            progress,
            exporter: None,
            load_usage: Usage::default(),
            schedule: None,
            stage: Stage::Connect,
            next_tick: Instant::now() + TICK,
            latest: vec![Counters::default(); workers],
            open: BTreeMap::new(),
            reported: vec![None; workers],
            previous: Row::default(),
            offered: Offered::new(&setup.plan),
            offered_before: 0,
            last_wait_ns: 0,
            measured_from: Counters::default(),
            broken: None,
            grown_bytes: None,
            rows: Vec::new(),
            intervals: Vec::new(),
            results: Results::default(),
            finished: 0,
        }
    }

    /// Says whose CPU time and memory are the broker's.
    pub(super) fn set_broker(&mut self, broker: BrokerProcess) {
        self.broker = broker;
    }

    /// Resident memory of the broker before the first client connected, and when all had subscribed.
    pub(super) fn set_connected(&mut self, before: Option<u64>, after: Option<u64>) {
        self.grown_bytes = after.zip(before).map(|(after, before)| after.saturating_sub(before));
    }

    /// What the broker's memory grew by for each connection.
    pub(super) fn bytes_per_connection(&self) -> Option<u64> {
        self.grown_bytes.map(|bytes| bytes / u64::from(self.setup.scenario.clients().max(1)))
    }

    /// Lets a monitor see what the run does.
    pub(super) fn export(&mut self, exporter: Exporter) {
        let scenario = &self.setup.scenario;
        let publications = scenario.publications_per_second();
        let deliveries = self.setup.plan.deliveries_per_second();
        exporter.update(|snapshot| {
            snapshot.clients = u64::from(scenario.clients());
            snapshot.publications_per_second = publications;
            snapshot.deliveries_per_second = deliveries;
        });
        self.exporter = Some(exporter);
    }

    /// The load begins.
    pub(super) fn start(&mut self, schedule: Schedule) {
        self.schedule = Some(schedule);
        self.offered_before = Offered::new(&self.setup.plan).before(&schedule, schedule.measure_ns);
        self.stage = Stage::Load;
        self.previous = Row {
            usage: Usage::now(self.broker),
            switches: BrokerSample::now(self.broker).switches,
            time_ns: schedule.start_ns,
            counters: Counters {
                // Those that came since the last row belong to the next one.
                retained: self.previous.counters.retained,
                ..self.counters()
            },
            offered: 0,
        };
        self.load_usage = self.previous.usage;
    }

    /// The load ends.
    pub(super) fn drain(&mut self) {
        self.stage = Stage::Drain;
    }

    /// The connections end because the run does.
    pub(super) fn finish(&mut self) {
        self.stage = Stage::Finish;
    }

    /// Whether the end has begun, so that an interruption changes nothing.
    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.stage, Stage::Drain | Stage::Finish)
    }

    /// Running totals of all workers.
    pub(super) fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for counters in &self.latest {
            sum.add(counters);
        }
        sum
    }

    /// Workers that are done.
    pub(super) fn finished(&self) -> usize {
        self.finished
    }

    /// Why the first connection ended during the run.
    pub(super) fn disconnect_reason(&self) -> Option<&str> {
        self.results.disconnect_reason.as_deref()
    }

    /// Whether waiting on is pointless: a connection ended before the load, or all did since.
    pub(super) fn is_hopeless(&self) -> bool {
        let counters = self.counters();
        match self.stage {
            // The reason comes with a later report than the count.
            Stage::Connect => counters.disconnected > 0 && self.results.disconnect_reason.is_some(),
            // Clients that come and go may all be away.
            Stage::Load | Stage::Drain => {
                counters.connected == 0 && !self.setup.plan.has_absences()
            }
            Stage::Finish => false,
        }
    }

    /// Median delivery latency of the last second in which something arrived.
    pub(super) fn last_wait_ns(&self) -> u64 {
        self.last_wait_ns
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.results.warnings.push(warning);
    }

    /// A line that stays on stderr.
    pub(super) fn note(&mut self, line: &str) {
        self.progress.note(line);
    }

    /// Takes a report.
    pub(super) fn take(&mut self, report: Report) -> Result<(), RunError> {
        let worker = report.worker as usize;
        if let Some(latest) = self.latest.get_mut(worker)
            && !matches!(report.news, News::Failed(_))
        {
            *latest = report.counters;
        }
        match report.news {
            News::None => {}
            News::Second { index, samples } => {
                self.take_second(worker, index, &samples, &report.counters);
            }
            News::ConnectFailed(source) => {
                return Err(RunError::Connect {
                    opened: self.counters().opened,
                    clients: u64::from(self.setup.scenario.clients()),
                    source,
                });
            }
            News::Disconnected(reason) => {
                self.results.disconnect_reason.get_or_insert(reason);
            }
            News::Finished(totals) => self.take_totals(worker, &totals),
            News::Failed(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn take_second(&mut self, worker: usize, index: u64, samples: &Second, counters: &Counters) {
        let workers = self.latest.len();
        let open = self
            .open
            .entry(index)
            .or_insert_with(|| Open { samples: Second::default(), counters: vec![None; workers] });
        open.samples.add(samples);
        if let Some(place) = open.counters.get_mut(worker) {
            *place = Some(*counters);
        }
        self.report(worker, index);
    }

    fn take_totals(&mut self, worker: usize, totals: &Totals) {
        merge(&mut self.results.own_lag, &totals.own_lag);
        self.results.legs.add(&totals.legs);
        self.results.connecting.add(&totals.connecting);
        self.results.retained.owed += totals.retained.owed;
        self.results.retained.missing += totals.retained.missing;
        if let Some(failure) = &totals.connect_failure {
            self.results.connect_failure.get_or_insert_with(|| failure.clone());
        }
        for (reason, count) in &totals.reasons {
            *self.results.reasons.entry(*reason).or_default() += count;
        }
        self.finished += 1;
        self.report(worker, u64::MAX);
    }

    /// Closes the seconds that every worker has reported.
    fn report(&mut self, worker: usize, index: u64) {
        if let Some(reported) = self.reported.get_mut(worker) {
            *reported = Some(index);
        }
        let Some(Some(complete)) = self.reported.iter().min().copied() else {
            return;
        };
        while let Some(entry) = self.open.first_entry() {
            if *entry.key() > complete {
                return;
            }
            let (index, open) = entry.remove_entry();
            self.close(index, &open);
        }
    }

    /// Makes the row, the interval and the live line of a second.
    fn close(&mut self, index: u64, open: &Open) {
        let Some(schedule) = self.schedule else {
            return;
        };
        merge(&mut self.results.from_due, &open.samples.measured.delivery);
        merge(&mut self.results.from_send, &open.samples.from_send);
        merge(&mut self.results.send_lag, &open.samples.measured.send_lag);
        let nominal_ns = schedule.start_ns + (index + 1) * SECOND_NS;
        // The last second may be a short one.
        let end_ns = nominal_ns.min(self.setup.clock.now_ns()).max(self.previous.time_ns);
        let mut counters = Counters::default();
        for (reported, latest) in open.counters.iter().zip(&self.latest) {
            counters.add(reported.as_ref().unwrap_or(latest));
        }
        let now = Row {
            counters,
            usage: Usage::now(self.broker),
            switches: BrokerSample::now(self.broker).switches,
            time_ns: end_ns,
            offered: self.offered.before(&schedule, end_ns),
        };
        let row = self.row(&schedule, &now, open);
        self.show(&row, &now, open);
        self.expose(&row, &now, open);
        self.sample_peak();
        if !open.samples.delivery().is_empty() {
            self.last_wait_ns = open.samples.delivery().value_at_quantile(0.5);
        }
        self.rows.push(row);
        self.keep_interval(&now, open);
        self.previous = now;
        self.look_at_thresholds(&schedule, &now);
    }

    /// Whether the run has to end early.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some() && self.stage == Stage::Load
    }

    /// The threshold that ended the run, by its number.
    pub(super) fn broken_threshold(&self) -> Option<usize> {
        self.broken
    }

    /// Looks for a threshold that may end the run and does not hold.
    fn look_at_thresholds(&mut self, schedule: &Schedule, now: &Row) {
        if now.time_ns <= schedule.measure_ns {
            self.measured_from = now.counters;
            return;
        }
        if self.stage != Stage::Load || self.broken.is_some() {
            return;
        }
        let length_ns = now.time_ns - schedule.measure_ns;
        let offered = now.offered.saturating_sub(self.offered_before);
        let mut counts = counts(offered, &now.counters);
        // What is merely on its way is not lost: a later message of the same publisher must have come.
        let open = |counters: &Counters| counters.skipped.saturating_sub(counters.caught_up);
        counts.lost = open(&now.counters).saturating_sub(open(&self.measured_from));
        let observed = Observed {
            latencies: vec![
                ("delivery", &self.results.from_due),
                ("send_lag", &self.results.send_lag),
            ],
            counts,
            seconds: seconds(length_ns),
        };
        let length = Duration::from_nanos(length_ns);
        self.broken = self.setup.scenario.options.thresholds.iter().position(|threshold| {
            threshold.aborts_after().is_some_and(|delay| length >= delay)
                && threshold.is_broken(&observed)
        });
    }

    fn row(&self, schedule: &Schedule, now: &Row, open: &Open) -> TimelineRow {
        let (counters, before) = (&now.counters, &self.previous.counters);
        let mut row = TimelineRow::new(seconds(now.time_ns), phase(schedule, now.time_ns));
        row.connected = counters.connected;
        row.offered = now.offered.saturating_sub(self.previous.offered);
        row.sent = counters.sent.saturating_sub(before.sent);
        row.expected = counters.owed.saturating_sub(before.owed);
        row.delivered = counters.delivered.saturating_sub(before.delivered);
        row.backlog = counters.owed.saturating_sub(counters.delivered);
        row.duplicate = counters.measured_duplicate.saturating_sub(before.measured_duplicate);
        row.reordered = counters.measured_reordered.saturating_sub(before.measured_reordered);
        row.retained = counters.retained.saturating_sub(before.retained);
        row.disconnected = counters.disconnected.saturating_sub(before.disconnected);
        row.set_latency(open.samples.delivery(), open.samples.send_lag());
        let length = fraction(now.time_ns - self.previous.time_ns) / 1e9;
        if length > 0.0 {
            let spent = now.usage.since(self.previous.usage);
            row.broker_cpu_percent = spent.broker_seconds.map(|spent| spent / length * 100.0);
            row.generator_cpu_percent = Some(spent.generator_seconds / length * 100.0);
        }
        if let Some((now, then)) = now.switches.zip(self.previous.switches) {
            row.broker_voluntary_switches = Some(now.0.saturating_sub(then.0));
            row.broker_involuntary_switches = Some(now.1.saturating_sub(then.1));
        }
        row.generator_rss_bytes = resident_bytes(None);
        if let BrokerProcess::Local(process) = self.broker {
            row.broker_rss_bytes = resident_bytes(Some(process));
        }
        row
    }

    fn expose(&self, row: &TimelineRow, now: &Row, open: &Open) {
        let Some(exporter) = &self.exporter else {
            return;
        };
        let spent = now.usage.since(self.load_usage);
        exporter.update(|snapshot| {
            // What was sent was due, even when it was sent between the end of the second and the report.
            let totals = (now.offered.max(now.counters.sent), now.counters);
            snapshot.second(row, totals, open.samples.delivery(), open.samples.send_lag());
            snapshot.spent(spent.broker_seconds, spent.generator_seconds);
        });
    }

    fn show(&mut self, row: &TimelineRow, now: &Row, open: &Open) {
        if self.stage == Stage::Finish {
            return;
        }
        self.progress.live(&Live {
            phase: row.phase,
            elapsed_seconds: row.t_seconds,
            connected: (row.connected, u64::from(self.setup.scenario.clients())),
            planned_seconds: self.planned_seconds(),
            sent: (row.sent, row.offered),
            delivered: (row.delivered, row.expected),
            backlog: row.backlog,
            disconnected: now.counters.disconnected,
            delivery: open.samples.delivery(),
        });
    }

    /// How long the run will last, the drain excepted.
    fn planned_seconds(&self) -> Option<f64> {
        self.schedule.map(|schedule| seconds(schedule.end_ns))
    }

    fn keep_interval(&mut self, now: &Row, open: &Open) {
        let samples = &open.samples.measured.delivery;
        if samples.is_empty() {
            return;
        }
        let start = Duration::from_nanos(self.previous.time_ns);
        let length = Duration::from_nanos(now.time_ns - self.previous.time_ns);
        let from_send = &open.samples.from_send;
        for interval in [
            IntervalHistogram::new(start, length, samples),
            IntervalHistogram::tagged(FROM_SEND_TAG, start, length, from_send),
        ] {
            match interval {
                Ok(interval) => self.intervals.push(interval),
                Err(error) => self.warn(format!("a second is missing in latency.hlog: {error}")),
            }
        }
    }

    fn sample_peak(&mut self) {
        if let BrokerProcess::Local(process) = self.broker
            && let Some(bytes) = peak_bytes(Some(process))
        {
            self.results.broker_peak_bytes = Some(bytes);
        }
    }

    /// When [`Collector::tick`] wants to be called.
    pub(super) fn next_tick(&self) -> Instant {
        self.next_tick
    }

    /// Shows progress where no worker reports seconds yet.
    pub(super) fn tick(&mut self) {
        self.next_tick += TICK;
        if self.stage != Stage::Connect {
            return;
        }
        let counters = self.counters();
        let now_ns = self.setup.clock.now_ns();
        let mut row = TimelineRow::new(seconds(now_ns), Phase::Connect);
        row.connected = counters.connected;
        row.retained = counters.retained.saturating_sub(self.previous.counters.retained);
        self.previous.counters = counters;
        if let Some(exporter) = &self.exporter {
            exporter.update(|snapshot| snapshot.connecting(&counters));
        }
        self.progress.live(&Live {
            phase: Phase::Connect,
            elapsed_seconds: row.t_seconds,
            connected: (counters.connected, u64::from(self.setup.scenario.clients())),
            planned_seconds: None,
            sent: (0, 0),
            delivered: (0, 0),
            backlog: 0,
            disconnected: counters.disconnected,
            delivery: &self.results.from_due,
        });
        self.rows.push(row);
    }

    /// What is collected for the summary. Seconds that a worker did not report are in it.
    pub(super) fn take_results(&mut self) -> Results {
        while let Some((index, open)) = self.open.pop_first() {
            self.close(index, &open);
        }
        self.progress.clear();
        let mut results = std::mem::take(&mut self.results);
        results.counters = self.counters();
        results
    }

    /// The rows and the intervals.
    pub(super) fn timeline(&self) -> (&[TimelineRow], &[IntervalHistogram]) {
        (&self.rows, &self.intervals)
    }
}

/// What the run did in the second that ended at this time.
fn phase(schedule: &Schedule, time_ns: u64) -> Phase {
    if time_ns <= schedule.measure_ns {
        Phase::Warmup
    } else if time_ns <= schedule.end_ns {
        Phase::Measure
    } else {
        Phase::Drain
    }
}
