//! Two brokers at the same time on the same core, pair after pair, until it is clear which needs more CPU time.
//!
//! Duet benchmarking (Bulej and others, 2020) with both sides in one run queue: what disturbs the machine disturbs
//! both alike. Brokers are started for each pair, so that the layout of memory is drawn anew each time.
//!
//! ```text
//! loads  closed loops
//! ```

mod loads;

use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Instant;

use loads::{CONTROL_FACTOR, Work};
use reports::regress::{Change, DuetLoad, DuetReport, Pair, PairSeries, Rule, SideCost, SignTest};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::cli::{DuetArgs, Format};
use crate::trial::{
    self, ChildError, Contender, ContenderError, Description, DescriptionError, LoadError, Pin,
    Request, remove,
};

/// Why there is no verdict, not even an undecided one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DuetError {
    /// A broker is not described, or wrongly.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// It runs already: its core cannot be chosen, and another instance cannot be started.
    #[error("{0} runs already; a duet starts its brokers itself")]
    Running(String),
    /// The load is wrong.
    #[error(transparent)]
    Words(#[from] LoadError),
    /// No such load.
    #[error("no load is called {0}; known are {1}; or write your own after --")]
    Load(String, String),
    /// A load over TLS, and a broker without.
    #[error(
        "{0} has no port for TLS: its command or its file must name {{tls_port}}, {{cert}} and {{key}}"
    )]
    NoTls(String),
    /// The core may not be used.
    #[error("core {0} cannot be used: {1}")]
    Core(u32, io::Error),
    /// A broker did not start or ended.
    #[error("broker {0}: {1}")]
    Broker(&'static str, ContenderError),
    /// Its CPU time cannot be read.
    #[error(
        "broker {0}: its CPU time cannot be read: a process of this user must listen on its port, and the kernel \
         keep /proc/PID/task/*/schedstat"
    )]
    Cost(&'static str),
    /// Its load failed.
    #[error("the load of broker {0}: {1}")]
    Child(&'static str, ChildError),
    /// Deliveries were lost or the sides did different work.
    #[error(
        "the sides did not do the same work: {0} and {1} deliveries of {2} and {3}; lower the rate"
    )]
    Work(u64, u64, u64, u64),
    /// A signal came.
    #[error("interrupted")]
    Interrupted,
    /// A folder, a thread or stdout.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl DuetError {
    /// Whether what was typed is at fault.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Description(_)
            | Self::Running(_)
            | Self::Load(..)
            | Self::NoTls(_)
            | Self::Core(..) => true,
            Self::Words(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// A broker and what it gets to do.
#[derive(Clone, Copy)]
struct Part<'a> {
    side: &'static str,
    broker: &'a Description,
    work: &'a Work,
}

/// How a pair is looked at.
type View = fn(Pair) -> Pair;

/// As it was.
fn plain(pair: Pair) -> Pair {
    pair
}

/// As if a delivery of B had cost 5 % more: it is counted as so much less than one.
///
/// That is no slower broker: it shows whether the noise of this machine would hide five per cent.
fn slowed(pair: Pair) -> Pair {
    let deliveries = counted_less(pair.b.deliveries, CONTROL_FACTOR);
    Pair { b: SideCost { deliveries, ..pair.b }, ..pair }
}

/// The pairs until the test had decided about them, in one view.
struct Seen {
    view: View,
    test: SignTest,
    pairs: Vec<Pair>,
}

impl Seen {
    fn new(view: View, rule: Rule) -> Self {
        Self { view, test: SignTest::new(rule), pairs: Vec::new() }
    }

    /// Takes a pair unless it has decided; says what it decides.
    fn take(&mut self, pair: Pair) -> Option<Change> {
        if self.test.outcome().is_some() {
            return None;
        }
        let pair = (self.view)(pair);
        self.pairs.push(pair);
        self.test.add(pair.log_ratio())
    }
}

/// What all pairs share.
struct Stage<'a> {
    cores: Vec<u32>,
    rule: Rule,
    directory: TempDir,
    quiet: bool,
    interrupt: &'a watch::Receiver<bool>,
}

/// Runs the duets of all loads, prints them, and returns the verdict.
///
/// # Errors
/// [`DuetError`] says what could not be started, read or compared.
pub fn duet(args: &DuetArgs, interrupt: &watch::Receiver<bool>) -> Result<Change, DuetError> {
    let [a, b] = [started(&args.a)?, started(&args.b)?];
    let control = args.control.as_deref().map(started).transpose()?;
    let brokers: Vec<_> = [&a, &b].into_iter().chain(&control).collect();
    let works = Work::all(&args.load, &args.words, &brokers)?;
    let directory = tempfile::Builder::new().prefix("kelvin-duet-").tempdir()?;
    let stage = Stage {
        cores: cores(args.core)?,
        rule: Rule { margin: args.margin, pairs_max: args.pairs, ..Rule::default() },
        directory,
        quiet: args.quiet,
        interrupt,
    };
    let loads = works.iter().map(|work| stage.load(work, &a, &b, control.as_ref()));
    let loads = loads.collect::<Result<Vec<_>, _>>();
    let control = args.control.clone();
    let control = control.unwrap_or_else(|| "A with 5 % added to its figure".to_owned());
    let report = DuetReport::new([args.a.clone(), args.b.clone(), control], stage.rule, loads?);
    let text = match args.format {
        Format::Human => report.markdown(),
        Format::Json => report.json(),
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(report.verdict),
    }
}

/// A broker that is started: a command has spaces, anything else is what `compare` takes.
fn started(typed: &str) -> Result<Description, DuetError> {
    let description = if typed.contains(char::is_whitespace) {
        Description::command(typed)?
    } else {
        Description::find(typed)?
    };
    if description.is_running() {
        Err(DuetError::Running(typed.to_owned()))
    } else {
        Ok(description)
    }
}

fn cores(wanted: Option<u32>) -> Result<Vec<u32>, DuetError> {
    let allowed = sched_getaffinity(None).map_err(io::Error::from)?;
    let is_allowed = |core: &u32| usize::try_from(*core).is_ok_and(|core| allowed.is_set(core));
    let all: Vec<u32> = (0..1024).filter(is_allowed).collect();
    match wanted {
        Some(core) if all.contains(&core) => Ok(vec![core]),
        Some(core) => Err(DuetError::Core(core, io::ErrorKind::NotFound.into())),
        None => Ok(all),
    }
}

impl Stage<'_> {
    fn load(
        &self,
        work: &Work,
        a: &Description,
        b: &Description,
        control: Option<&Description>,
    ) -> Result<DuetLoad, DuetError> {
        let part = |side, broker| Part { side, broker, work };
        let say = |what: &str| self.note(&format!("{}: {what}", work.name));
        // Without the controls there is no verdict, so that the rest would be played for nothing.
        let not_played = || PairSeries::broken("not played".to_owned(), Vec::new());
        let itself = [part("A", a), part("another A", a)];
        let [same, found] = match control {
            None => {
                say("A against itself, and with 5 % more");
                self.series(itself, [plain, slowed])?
            }
            Some(control) => {
                say("A against itself");
                let [same] = self.series(itself, [plain])?;
                if same.outcome == Change::Same {
                    say("the control");
                    let [found] =
                        self.series([part("B", b), part("B slowed", control)], [plain])?;
                    [same, found]
                } else {
                    [same, not_played()]
                }
            }
        };
        let duet = if (same.outcome, found.outcome) == (Change::Same, Change::Slower) {
            say("A against B");
            let [duet] = self.series([part("A", a), part("B", b)], [plain])?;
            duet
        } else {
            not_played()
        };
        Ok(DuetLoad::judge(&work.name, &work.words, [same, found, duet]))
    }

    /// Pairs until the test has decided about each view of them.
    fn series<const VIEWS: usize>(
        &self,
        parts: [Part<'_>; 2],
        views: [View; VIEWS],
    ) -> Result<[PairSeries; VIEWS], DuetError> {
        let mut seen = views.map(|view| Seen::new(view, self.rule));
        let mut number = 0;
        while seen.iter().any(|seen| seen.test.outcome().is_none()) {
            // Each core sees both orders: A first on 0, on 1; B first on 0, on 1.
            let core = self.cores.get(number % self.cores.len()).copied().unwrap_or(0);
            let a_first = (number / self.cores.len()).is_multiple_of(2);
            let pair = match self.pair(parts, core, a_first) {
                // Another load may still tell.
                Err(unequal @ DuetError::Work(..)) => {
                    self.note(&format!("  {unequal}"));
                    return Ok(seen.map(|seen| PairSeries::broken(unequal.to_string(), seen.pairs)));
                }
                pair => pair?,
            };
            number += 1;
            self.note(&format!("  pair {number}: {:+.2} %", 100.0 * pair.log_ratio().exp_m1()));
            for seen in &mut seen {
                if let Some(outcome) = seen.take(pair) {
                    self.note(&format!("  {} after {number} pairs", outcome.name()));
                }
            }
        }
        Ok(seen.map(|seen| {
            let outcome = seen.test.outcome().unwrap_or(Change::Undecided);
            PairSeries::new(outcome, seen.pairs)
        }))
    }

    /// A line for whoever waits.
    fn note(&self, line: &str) {
        if !self.quiet {
            trial::note(line, true);
        }
    }

    fn pair(&self, parts: [Part<'_>; 2], core: u32, a_first: bool) -> Result<Pair, DuetError> {
        // What is started by a thread inherits its core.
        let on_core = || pin(core);
        thread::scope(|scope| {
            let driver = scope.spawn(|| {
                on_core()?;
                self.pair_here(parts, core, a_first)
            });
            driver.join().unwrap_or_else(|_| Err(io::Error::other("a pair broke off").into()))
        })
    }

    fn pair_here(&self, parts: [Part<'_>; 2], core: u32, a_first: bool) -> Result<Pair, DuetError> {
        let start = |part: &Part<'_>| {
            Contender::start(part.broker, &Pin::default(), self.interrupt).map_err(|error| {
                match error {
                    ContenderError::Interrupted => DuetError::Interrupted,
                    error => DuetError::Broker(part.side, error),
                }
            })
        };
        let [part_a, part_b] = parts;
        let (a, b);
        if a_first {
            a = start(&part_a)?;
            b = start(&part_b)?;
        } else {
            b = start(&part_b)?;
            a = start(&part_a)?;
        }
        let begun = Instant::now();
        let [run_a, run_b] = thread::scope(|scope| {
            let run = |part: Part<'_>, broker: &Contender| {
                let request = Request {
                    directory: self.directory.path(),
                    name: "duet",
                    rate: None,
                    thresholds: &[],
                };
                let endpoint = broker.tls().filter(|_| part.work.is_secure);
                let endpoint = endpoint.unwrap_or_else(|| broker.endpoint());
                let ran = part.work.load.run(Some(endpoint), &request, self.interrupt);
                ran.map_err(|error| match error {
                    ChildError::Interrupted => DuetError::Interrupted,
                    error => DuetError::Child(part.side, error),
                })
            };
            let (first, second) =
                if a_first { ((part_a, &a), (part_b, &b)) } else { ((part_b, &b), (part_a, &a)) };
            let other = scope.spawn(move || run(first.0, first.1));
            let second = run(second.0, second.1);
            let first =
                other.join().unwrap_or_else(|_| Err(io::Error::other("a load broke off").into()));
            if a_first { [first, second] } else { [second, first] }
        });
        let wall_seconds = begun.elapsed().as_secs_f64();
        let (run_a, run_b) = (run_a?, run_b?);
        clear(self.directory.path());
        complete(&run_a, &run_b)?;
        let (a, b) = (side_cost(&part_a, &run_a)?, side_cost(&part_b, &run_b)?);
        let generators = run_a.cpu.generator_seconds + run_b.cpu.generator_seconds;
        let cpu_seconds = a.cpu_seconds + b.cpu_seconds + generators;
        Ok(Pair { core, a_first, a, b, cpu_seconds, wall_seconds })
    }
}

/// Both sides delivered what they owed, so that they did the same.
fn complete(a: &reports::Summary, b: &reports::Summary) -> Result<(), DuetError> {
    let owed = |run: &reports::Summary| run.counts.expected.max(1);
    if a.counts.delivered == owed(a) && b.counts.delivered == owed(b) {
        return Ok(());
    }
    Err(DuetError::Work(a.counts.delivered, b.counts.delivered, owed(a), owed(b)))
}

/// What the broker spent on deliveries: from the first publication to the last delivery, without those who connect,
/// subscribe and leave.
fn side_cost(part: &Part<'_>, run: &reports::Summary) -> Result<SideCost, DuetError> {
    let spent = run.broker.as_ref();
    Ok(SideCost {
        cpu_seconds: spent
            .and_then(|spent| spent.loaded_cpu_seconds)
            .ok_or(DuetError::Cost(part.side))?,
        deliveries: run.counts.delivered,
        involuntary_switches: spent
            .and_then(|spent| spent.involuntary_context_switches)
            .ok_or(DuetError::Cost(part.side))?,
    })
}

fn pin(core: u32) -> Result<(), DuetError> {
    let mut set = CpuSet::new();
    set.set(usize::try_from(core).unwrap_or_default());
    sched_setaffinity(None, &set).map_err(|error| DuetError::Core(core, error.into()))
}

/// The files of the loads: nobody reads them.
fn clear(directory: &Path) {
    for run in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        remove(&run.path());
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "exact below 2^53 deliveries"
)]
fn counted_less(delivered: u64, factor: f64) -> u64 {
    (delivered as f64 / factor).round() as u64
}
