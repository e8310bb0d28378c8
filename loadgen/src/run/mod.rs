//! The phases of a run: connect, subscribe, warm-up, measure, drain, disconnect. Each has a
//! deadline.

mod collector;
mod error;
mod evidence;
mod result;
mod target;

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reports::slo::write_junit;
use reports::{Machine, RunDirectory, Summary, WriteError};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use collector::Collector;
pub use error::RunError;
use evidence::Threads;
use result::outcome;
use target::Broker;
pub use target::TargetError;

use crate::clock::Clock;
use crate::output::{self, Exporter, Measured, Progress, Throughput};
use crate::payload::run_tag;
use crate::plan::{Offered, Plan, SEND_GRACE_NS, Schedule};
use crate::preflight::Preflight;
use crate::scenario::{Group, Scenario, Target};
use crate::system::{BrokerSample, Usage, raise_open_files};
use crate::transport::Address;
use crate::units::{SECOND_NS, nanoseconds};
use crate::verdict::WorkerLoad;
use crate::worker::{self, Command, Handle, Report, Setup};

/// Reports that may wait for the main thread, for each worker.
const REPORTS_MAX: usize = 64;

/// Time to open all connections, beside what `--connect-rate` asks for.
const CONNECT_BASE: Duration = Duration::from_secs(30);
/// Time for each further connection: a broker that takes longer takes a minute for 3,000.
const CONNECT_EACH: Duration = Duration::from_millis(20);

/// Time until every subscription is acknowledged, and for each.
const SUBSCRIBE_BASE: Duration = Duration::from_secs(10);
const SUBSCRIBE_EACH: Duration = Duration::from_millis(10);

/// From the command to publish until the first publication is due: the command must have arrived.
const START_DELAY_NS: u64 = SECOND_NS / 10;

/// How long deliveries that are owed are waited for when the run was interrupted, at most.
const DRAIN_INTERRUPTED_NS: u64 = SECOND_NS;

/// How much longer than the drain deliveries are listened for, to tell late ones from lost ones.
const OVERTIME: Duration = Duration::from_secs(1);

/// How long the workers may take to end.
const FINISH: Duration = Duration::from_secs(5);

/// How a run that could be carried out ended. Of several that are true, the last here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As planned.
    Complete,
    /// A threshold did not hold.
    ThresholdFailed,
    /// The generator was the limit, so that no figure is the broker's.
    GeneratorLimited,
    /// By a signal; what was measured until then is written.
    Interrupted,
}

/// A run that ended, and what it left.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// What it measured.
    pub summary: Summary,
    /// Deliveries that arrived in the measured part, whenever they were due.
    pub arrived: u64,
    /// Share of the measured part that each thread of the generator was busy.
    pub busy: Vec<f64>,
}

/// Prints the plan in numbers, as far as it can be told without a broker, and whether it can work.
pub fn dry_run(scenario: &Scenario) -> Result<(), RunError> {
    let address = match &scenario.target {
        Target::Embedded { .. } => Address::Network(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        Target::External(endpoint) => target::address(endpoint)?,
    };
    let scenario = &Arc::new(scenario.clone());
    let plan = Plan::new(scenario, run_tag(scenario.seed, 0))?;
    let preflight = Preflight::check(scenario, &plan, &address)?;
    raise_open_files(scenario.clients(), matches!(scenario.target, Target::Embedded { .. }))?;
    let text = format!("{}\n{preflight}\n", output::announcement(scenario, &plan, &address));
    output::print_text(&text).map_err(RunError::Print)
}

/// Carries out a scenario and leaves its files. `allocator` names the binary's, for the record;
/// metrics are served at `prometheus` while it lasts; `interrupt` turns true when the run has to end.
pub fn run(
    scenario: Scenario,
    allocator: &str,
    prometheus: Option<SocketAddr>,
    interrupt: watch::Receiver<bool>,
) -> Result<Finished, RunError> {
    let embedded = matches!(scenario.target, Target::Embedded { .. });
    raise_open_files(scenario.clients(), embedded)?;
    let machine = Machine::detect(allocator);
    let broker = Broker::start(&scenario)?;
    let scenario = Arc::new(scenario);
    let started = SystemTime::now();
    let since_epoch = started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let tag = run_tag(scenario.seed, nanoseconds(since_epoch));
    let plan = Plan::new(&scenario, tag)?;
    let preflight = Preflight::check(&scenario, &plan, broker.dialer().address())?;
    let setup = Setup {
        plan: Arc::new(plan),
        dialer: broker.dialer().clone(),
        doors: Broker::doors(&scenario)?,
        clock: Clock::start(),
        tag,
        scenario,
    };
    let mut run = Run::new(setup, started, &preflight, machine, broker, interrupt)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RunError::Start)?;
    runtime.block_on(async {
        if let Some(address) = prometheus {
            run.export(address).await?;
        }
        run.carry_out().await
    })
}

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    Done,
    Deadline,
    Interrupted,
    AllGone,
    /// A threshold that may end the run does not hold.
    Threshold,
}

/// What is known when the load ends, before the drain.
#[derive(Clone, Debug)]
struct Load {
    ended: Waited,
    stopped_ns: u64,
    /// CPU time of the measured part.
    usage: Usage,
    throughput: Throughput,
    broker: BrokerSample,
    /// CPU time of the broker from the first publication to the last delivery.
    loaded_cpu_seconds: Option<f64>,
    /// What each thread of the generator did in the measured part.
    workers: Vec<WorkerLoad>,
    /// Deliveries that were owed and had not come when it began.
    backlog_before: u64,
}

/// A run in progress.
#[derive(Debug)]
struct Run {
    setup: Setup,
    machine: Machine,
    broker: Broker,
    /// What the broker was before the first client connected.
    before: BrokerSample,
    interrupt: watch::Receiver<bool>,
    reports: mpsc::Receiver<Report>,
    workers: Vec<Handle>,
    collector: Collector,
    started: SystemTime,
}

impl Run {
    fn new(
        setup: Setup,
        started: SystemTime,
        preflight: &Preflight,
        machine: Machine,
        mut broker: Broker,
        interrupt: watch::Receiver<bool>,
    ) -> Result<Self, RunError> {
        let mut progress = Progress::new(setup.scenario.quiet);
        progress.note(&output::announcement(&setup.scenario, &setup.plan, setup.dialer.address()));
        progress.note(&preflight.to_string());
        // Before the workers begin to connect. A process that listens already is found before it answers.
        broker.locate();
        let before = BrokerSample::now(broker.process());
        let threads = setup.scenario.threads;
        let (sender, reports) = mpsc::channel(REPORTS_MAX * usize::from(threads));
        let workers = (0..u32::from(threads))
            .map(|number| worker::start(number, setup.clone(), sender.clone()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            collector: Collector::new(&setup, progress),
            setup,
            machine,
            broker,
            before,
            interrupt,
            reports,
            workers,
            started,
        })
    }

    /// Serves metrics, and says where: the port may have been left open.
    async fn export(&mut self, address: SocketAddr) -> Result<(), RunError> {
        let exporter = Exporter::start(address)
            .await
            .map_err(|source| RunError::Prometheus { address, source })?;
        self.collector.note(&format!("metrics at http://{}/metrics", exporter.address()));
        self.collector.export(exporter);
        Ok(())
    }

    async fn carry_out(mut self) -> Result<Finished, RunError> {
        self.connect().await?;
        self.broker.locate();
        self.collector.set_broker(self.broker.process());
        self.subscribe().await?;
        let after = BrokerSample::now(self.broker.process());
        self.collector.set_connected(self.before.resident_bytes, after.resident_bytes);
        // Before the load, so that a folder that cannot be written costs no measurement.
        let directory = self.directory()?;
        let idle = BrokerSample::now(self.broker.process());
        let schedule = self.start_load();
        let mut load = self.load(&schedule).await?;
        let ended = load.ended;
        self.drain(&schedule, ended).await?;
        let loaded = BrokerSample::now(self.broker.process()).since(idle);
        load.loaded_cpu_seconds = loaded.exact_cpu_seconds;
        self.finish().await?;
        self.broker.stop();
        let arrived = load.throughput.arrived;
        let busy = load.workers.iter().map(|worker| worker.busy).collect();
        let measured = self.measured(&schedule, &load);
        let (summary, path) = self.write(&directory, &measured)?;
        let outcome = match ended {
            Waited::Interrupted => Outcome::Interrupted,
            Waited::AllGone => {
                return Err(RunError::AllGone { reason: measured.disconnect_reason, path });
            }
            Waited::Done | Waited::Deadline | Waited::Threshold => outcome(&summary),
        };
        Ok(Finished { outcome, summary, arrived, busy })
    }

    async fn connect(&mut self) -> Result<(), RunError> {
        let clients = self.setup.plan.clients_before_load(|_| true);
        let paced = self.setup.scenario.connect_rate.map_or(0.0, |rate| f64::from(clients) / rate);
        let time = CONNECT_BASE
            + CONNECT_EACH * clients
            + Duration::from_secs_f64(paced)
            + Duration::from_nanos(self.setup.plan.connect_ns());
        let all = u64::from(clients);
        let waited = self.wait(time, |collector| collector.counters().opened >= all).await?;
        self.before_load(waited, "connected", self.collector.counters().opened, all, time)
    }

    async fn subscribe(&mut self) -> Result<(), RunError> {
        self.command(Command::Subscribe);
        let is_subscriber = |group: &Group| !group.subscribe.is_empty();
        let subscribers = self.setup.plan.clients_before_load(is_subscriber);
        let time = SUBSCRIBE_BASE + SUBSCRIBE_EACH * subscribers;
        let all = u64::from(subscribers);
        let waited = self.wait(time, |collector| collector.counters().subscribed >= all).await?;
        self.before_load(waited, "subscribed", self.collector.counters().subscribed, all, time)
    }

    fn before_load(
        &self,
        waited: Waited,
        what: &'static str,
        done: u64,
        all: u64,
        time: Duration,
    ) -> Result<(), RunError> {
        match waited {
            Waited::Done => Ok(()),
            Waited::Interrupted => Err(RunError::Interrupted),
            // Thresholds are looked at under load only.
            Waited::Deadline | Waited::Threshold => {
                Err(RunError::Deadline { what, done, all, seconds: time.as_secs() })
            }
            Waited::AllGone => Err(self.lost()),
        }
    }

    fn lost(&self) -> RunError {
        RunError::Lost {
            count: self.collector.counters().disconnected,
            clients: u64::from(self.setup.scenario.clients()),
            reason: self.collector.disconnect_reason().unwrap_or("no reason is known").to_owned(),
        }
    }

    fn start_load(&mut self) -> Schedule {
        let scenario = &self.setup.scenario;
        let start_ns = self.setup.clock.now_ns() + START_DELAY_NS;
        let schedule = Schedule::new(start_ns, scenario.warmup_ns, scenario.duration_ns);
        self.collector.start(schedule);
        self.command(Command::Start(schedule));
        schedule
    }

    /// Warm-up and measured part.
    async fn load(&mut self, schedule: &Schedule) -> Result<Load, RunError> {
        let mut ended = self.wait_until(schedule.measure_ns, |_| false).await?;
        let (before, usage) = (self.collector.counters(), Usage::now(self.broker.process()));
        let (broker, threads) = (BrokerSample::now(self.broker.process()), Threads::now());
        if ended == Waited::Deadline {
            ended = self.wait_until(schedule.end_ns, |_| false).await?;
        }
        let counters = self.collector.counters();
        let spun_ns = counters.spun_ns - before.spun_ns;
        Ok(Load {
            broker: BrokerSample::now(self.broker.process()).since(broker),
            loaded_cpu_seconds: None,
            workers: Threads::now().since(&threads, spun_ns),
            backlog_before: before.owed.saturating_sub(before.delivered),
            ended,
            stopped_ns: self.setup.clock.now_ns().min(schedule.end_ns),
            usage: Usage::now(self.broker.process()).since(usage),
            throughput: Throughput {
                arrived: counters.delivered.saturating_sub(before.delivered),
                backlog: counters.owed.saturating_sub(counters.delivered),
                last_wait_ns: self.collector.last_wait_ns(),
            },
        })
    }

    /// Waits for what is owed.
    async fn drain(&mut self, schedule: &Schedule, ended: Waited) -> Result<(), RunError> {
        let drain_ns = match ended {
            Waited::Interrupted | Waited::Threshold => {
                self.setup.scenario.drain_ns.min(DRAIN_INTERRUPTED_NS)
            }
            Waited::AllGone => 0,
            Waited::Done | Waited::Deadline => self.setup.scenario.drain_ns,
        };
        let clock = self.setup.clock;
        let now_ns = clock.now_ns();
        let stop_ns = now_ns.min(schedule.end_ns);
        self.collector.drain();
        self.command(Command::Drain { stop_ns });
        let planned = Offered::new(&self.setup.plan).before(schedule, stop_ns);
        let deadline_ns = now_ns + drain_ns;
        let waited = self.wait_until(deadline_ns, |collector| {
            let counters = collector.counters();
            let all_sent = counters.sent >= planned || clock.now_ns() > stop_ns + SEND_GRACE_NS;
            all_sent
                && counters.acknowledged >= counters.to_acknowledge
                && counters.delivered >= counters.owed
                && counters.wills >= counters.wills_owed
        });
        if waited.await? == Waited::Done || ended != Waited::Deadline {
            return Ok(());
        }
        // Something is missing: is it lost, or only later than anybody should wait?
        self.command(Command::Overtime);
        let all = |collector: &Collector| {
            let counters = collector.counters();
            counters.delivered >= counters.owed && counters.wills >= counters.wills_owed
        };
        self.wait(OVERTIME, all).await?;
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), RunError> {
        self.command(Command::Finish);
        self.collector.finish();
        let workers = self.workers.len();
        let waited = self.wait(FINISH, |collector| collector.finished() == workers).await?;
        if waited != Waited::Done {
            self.collector.warn(format!(
                "{} of the generator's {workers} threads did not end in time: their latencies \
                 from send and of connecting are left out",
                workers - self.collector.finished()
            ));
        }
        Ok(())
    }

    fn command(&mut self, command: Command) {
        for worker in &self.workers {
            // A worker that takes no commands has failed, and its report says why.
            worker.send(command);
        }
    }

    async fn wait_until(
        &mut self,
        time_ns: u64,
        done: impl FnMut(&Collector) -> bool,
    ) -> Result<Waited, RunError> {
        let now_ns = self.setup.clock.now_ns();
        self.wait(Duration::from_nanos(time_ns.saturating_sub(now_ns)), done).await
    }

    /// Takes reports until `done`, at most for `time`.
    async fn wait(
        &mut self,
        time: Duration,
        mut done: impl FnMut(&Collector) -> bool,
    ) -> Result<Waited, RunError> {
        let deadline = Instant::now() + time;
        loop {
            if done(&self.collector) {
                return Ok(Waited::Done);
            }
            tokio::select! {
                biased;
                report = self.reports.recv() => match report {
                    Some(report) => self.collector.take(report)?,
                    None => return Ok(Waited::AllGone),
                },
                () = interrupted(&mut self.interrupt), if !self.collector.is_stopping() => {
                    return Ok(Waited::Interrupted);
                }
                () = sleep_until(deadline) => return Ok(Waited::Deadline),
                () = sleep_until(self.collector.next_tick()) => self.collector.tick(),
            }
            if self.collector.is_hopeless() {
                return Ok(Waited::AllGone);
            }
            if self.collector.is_broken() {
                return Ok(Waited::Threshold);
            }
        }
    }

    fn directory(&self) -> Result<RunDirectory, RunError> {
        let scenario = &self.setup.scenario;
        Ok(RunDirectory::create(&scenario.out, &scenario.name, self.started)?)
    }

    /// Writes the files and prints the summary, the latter even when the disk is full.
    fn write(
        &mut self,
        directory: &RunDirectory,
        measured: &Measured,
    ) -> Result<(Summary, PathBuf), RunError> {
        let scenario = &self.setup.scenario;
        let summary = output::summarize(scenario, &self.setup.plan, measured);
        let (rows, intervals) = self.collector.timeline();
        let mut legs = vec![("from_send", &measured.from_send), ("send_lag", &measured.send_lag)];
        legs.extend(measured.legs.each());
        let files = reports::Measured {
            timeline: rows,
            distribution: &measured.from_due,
            intervals,
            legs: &legs,
        };
        let written = directory.write(&summary, &files);
        let path = directory.path().to_owned();
        if written.is_ok() {
            self.collector.note(&format!("files in {}", path.display()));
        }
        if !scenario.options.silent {
            output::print(&summary, scenario.format).map_err(RunError::Print)?;
        }
        written?;
        if let Some(path) = &scenario.options.junit {
            let file = File::create(path).and_then(|file| write_junit(file, &summary));
            file.map_err(|source| WriteError::File { path: path.clone(), source })?;
        }
        Ok((summary, path))
    }
}

/// Returns when the run has to end; never when nobody can ask for it any more.
async fn interrupted(interrupt: &mut watch::Receiver<bool>) {
    if interrupt.wait_for(|asked| *asked).await.is_err() {
        std::future::pending::<()>().await;
    }
}
