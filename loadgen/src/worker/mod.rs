//! One thread with thousands of clients: it connects them, subscribes, publishes what is due,
//! reads what arrives, and reports.
//!
//! ```text
//! connect    opens the connections, a bounded number of handshakes at a time
//! handshake  one of them, up to the CONNACK
//! life       clients that come and go by plan
//! clients    what a client says and publishes, made from the plan
//! connection one socket: reads into the worker's buffer, writes, keeps what did not fit
//! known      deliveries that were read before
//! drive      the loop: publishes what is due, reads what came, sleeps
//! readiness  which sockets have bytes or take some
//! pacer      decides which publications are due, in the order of their due times
//! probe      samples how long what has arrived waits to be read
//! closed_loop publishes when what was published has arrived
//! keep_alive sends PINGREQ where nothing else was sent
//! control    takes commands from the main thread and reports to it
//! ```

mod clients;
mod closed_loop;
mod connect;
mod connection;
mod control;
mod drive;
mod handshake;
mod keep_alive;
mod known;
mod life;
mod pacer;
mod probe;
mod read;
mod readiness;
mod timer;
mod write;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use bytes::BytesMut;
use tokio::sync::{Notify, mpsc};

use connection::Connection;
use drive::Alarm;
pub(crate) use handshake::ConnectError;
use known::Known;
use pacer::Pacer;
use readiness::Queue;

use crate::client::{Batch, Templates};
use crate::clock::Clock;
use crate::mqtt::{Decoder, EncodeError, Version};
use crate::payload::RunTag;
use crate::plan::{Plan, Schedule};
use crate::recorder::{Counters, Recorder, Second, Totals};
use crate::scenario::Scenario;
use crate::transport::Dialer;

/// What the names of the workers' threads begin with.
pub(crate) const THREAD_NAME: &str = "kelvin-load-";

/// Where one read goes. All connections share it, so that an idle one owns no buffer. Larger than
/// a socket's receive buffer usually is, and small enough to stay in the second-level cache.
const READ_BUFFER_BYTES: usize = 128 * 1024;

/// Commands that may wait for a worker. The main thread sends one for each phase.
const COMMANDS_MAX: usize = 8;

/// Packets that a broker may send, besides deliveries: a retained message of another program.
const PACKET_BYTES_MIN: usize = 1024 * 1024;

/// What every worker needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// What to do.
    pub scenario: Arc<Scenario>,
    /// Who does what.
    pub plan: Arc<Plan>,
    /// Opens connections to the broker where the scenario says it is.
    pub dialer: Dialer,
    /// The same for each group that has a door of its own.
    pub doors: Arc<[Option<Dialer>]>,
    /// The clock of the run.
    pub clock: Clock,
    /// Tells this run's messages from others.
    pub tag: RunTag,
}

/// What the main thread tells a worker to do next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    /// Send every SUBSCRIBE.
    Subscribe,
    /// Publish by this schedule.
    Start(Schedule),
    /// Publish nothing that is due from `stop_ns` on, and report more often.
    Drain {
        /// The end of the load.
        stop_ns: u64,
    },
    /// What arrives from now on is too late.
    Overtime,
    /// Send DISCONNECT, report, end.
    Finish,
}

/// What a worker tells the main thread.
#[derive(Debug)]
pub(crate) struct Report {
    /// Which worker.
    pub worker: u32,
    /// Running totals at this moment.
    pub counters: Counters,
    /// What else there is to tell.
    pub news: News,
}

/// What a [`Report`] brings besides running totals.
#[derive(Debug)]
pub(crate) enum News {
    /// Nothing.
    None,
    /// The samples of second `index` of the load, or of several that end with it.
    Second {
        /// 0 for the first second after the start of the schedule.
        index: u64,
        /// What was sampled.
        samples: Box<Second>,
    },
    /// A connection could not be opened, and no further one will be tried.
    ConnectFailed(ConnectError),
    /// Why the first connection of this worker ended during the run.
    Disconnected(String),
    /// The worker is done. No report follows.
    Finished(Box<Totals>),
    /// The worker could not go on. No report follows.
    Failed(WorkerError),
}

/// Why a worker could not go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The thread or its runtime could not be made.
    #[error("a thread of the generator could not be started: {0}")]
    Start(#[source] io::Error),
    /// The queue of its sockets or one of its timers failed.
    #[error("the generator cannot see what its sockets have: {0}")]
    Queue(#[source] io::Error),
    /// A packet could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// A running worker.
#[derive(Debug)]
pub(crate) struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    /// Sends a command. A worker that is gone has reported why.
    pub(crate) fn send(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }
}

/// Starts worker `number` on a thread of its own. The thread ends after [`News::Finished`] or
/// [`News::Failed`], or soon after its handle or the receiver of `reports` is dropped.
pub(crate) fn start(
    number: u32,
    setup: Setup,
    reports: mpsc::Sender<Report>,
) -> Result<Handle, WorkerError> {
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    thread::Builder::new()
        .name(format!("{THREAD_NAME}{number}"))
        .spawn(move || {
            if let Err(error) = run(number, &setup, inbox, reports.clone()) {
                let report = Report {
                    worker: number,
                    counters: Counters::default(),
                    news: News::Failed(error),
                };
                // Nobody listens any more: nothing to tell.
                drop(reports.blocking_send(report));
            }
        })
        .map_err(WorkerError::Start)?;
    Ok(Handle { commands })
}

fn run(
    number: u32,
    setup: &Setup,
    inbox: mpsc::Receiver<Command>,
    reports: mpsc::Sender<Report>,
) -> Result<(), WorkerError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .map_err(WorkerError::Start)?;
    let worker = Worker::new(number, setup).map_err(WorkerError::Queue)?;
    if let Some(windows) = worker.windows() {
        worker.recorder.borrow_mut().close_loop(windows);
    }
    let worker = Rc::new(worker);
    runtime.block_on(control::run(worker, inbox, reports))
}

/// Everything that one thread owns.
#[derive(Debug)]
struct Worker {
    number: u32,
    setup: Setup,
    /// The clients that are this worker's, in ascending order: their places are those in here.
    clients: Box<[u32]>,
    /// Those of them that subscribe.
    subscribers: Box<[u32]>,
    /// One for each client; `None` before, after, and while it is away.
    connections: RefCell<Box<[Option<Rc<Connection>>]>>,
    recorder: RefCell<Recorder>,
    /// For MQTT 3 and for MQTT 5.
    decoders: [RefCell<Decoder>; 2],
    known: RefCell<Known>,
    read_buffer: RefCell<Box<[u8]>>,
    /// Where packets are encoded before they are written. Empty between two uses.
    write_buffer: RefCell<BytesMut>,
    /// The publications that are being written. Empty between two uses.
    batch: RefCell<Batch>,
    pacer: RefCell<Pacer>,
    /// Whether some publisher waits for what it published to arrive.
    is_closed_loop: bool,
    /// What the publications by an entry have in common, where clients do not differ.
    templates: RefCell<HashMap<usize, Rc<[Templates]>>>,
    /// The schedule, from the start of the load on.
    load: Cell<Option<Schedule>>,
    /// Tells clients that come and go that the load begins.
    started: Notify,
    /// When the next publication is due; `u64::MAX` when none is. Read after every read.
    next_due_ns: Cell<u64>,
    /// Wakes the worker then.
    alarm: Alarm,
    /// Tells of sockets and timers.
    queue: Queue,
    /// Tasks of the runtime that end with the worker.
    lasting_tasks: Cell<usize>,
    /// Clients whose sockets may still have something, by place, each once.
    owed_reads: RefCell<VecDeque<usize>>,
    /// Connections that end now end because the run does.
    finishing: Cell<bool>,
    /// A connection could not be opened, so no further one is tried.
    connect_stopped: Cell<bool>,
    /// Why it could not, until it is reported.
    connect_failure: RefCell<Option<ConnectError>>,
    /// Why the first connection ended during the run.
    disconnect_reason: RefCell<Option<String>>,
}

impl Worker {
    fn new(number: u32, setup: &Setup) -> io::Result<Self> {
        let queue = Queue::new()?;
        let workers = u32::from(setup.scenario.threads);
        let clients = setup.plan.clients_of_worker(number, workers);
        let subscribers = setup.plan.subscribers_of_worker(number, workers);
        let stamp_place = setup.scenario.overview.stamp_place;
        let bytes_max = packet_bytes_max(&setup.scenario);
        let decoder = |version| RefCell::new(Decoder::new(version, bytes_max));
        Ok(Self {
            number,
            alarm: Alarm::new(&queue)?,
            queue,
            owed_reads: RefCell::default(),
            connections: RefCell::new(clients.iter().map(|_| None).collect()),
            recorder: RefCell::new(Recorder::new(
                &setup.plan,
                setup.tag,
                stamp_place,
                subscribers.clone(),
            )),
            decoders: [decoder(Version::V311), decoder(Version::V5)],
            known: RefCell::new(Known::new(setup.plan.fans_out())),
            read_buffer: RefCell::new(vec![0; READ_BUFFER_BYTES].into_boxed_slice()),
            write_buffer: RefCell::new(BytesMut::new()),
            batch: RefCell::new(Batch::default()),
            is_closed_loop: setup.plan.has_closed_loop(),
            lasting_tasks: Cell::new(0),
            pacer: RefCell::new(Pacer::new(&setup.plan, &clients)),
            templates: RefCell::new(HashMap::new()),
            load: Cell::new(None),
            started: Notify::new(),
            next_due_ns: Cell::new(u64::MAX),
            finishing: Cell::new(false),
            connect_stopped: Cell::new(false),
            connect_failure: RefCell::new(None),
            disconnect_reason: RefCell::new(None),
            clients: clients.into_boxed_slice(),
            subscribers: subscribers.into_boxed_slice(),
            setup: setup.clone(),
        })
    }

    /// Reads what a client of this version receives.
    #[inline]
    fn decoder(&self, version: Version) -> &RefCell<Decoder> {
        let [old, new] = &self.decoders;
        match version {
            Version::V31 | Version::V311 => old,
            Version::V5 => new,
        }
    }

    /// The connection in this place, while it is open.
    fn connection(&self, place: usize) -> Option<Rc<Connection>> {
        self.connections.borrow().get(place).cloned().flatten()
    }

    /// All places.
    fn places(&self) -> usize {
        self.clients.len()
    }

    /// The connection in this place ended as it was planned.
    fn left(&self, place: usize, connection: &Connection) {
        connection.failed.set(true);
        if let Some(connection) = self.connections.borrow_mut().get_mut(place) {
            *connection = None;
        }
        let counters = &mut self.recorder.borrow_mut().counters;
        counters.connected = counters.connected.saturating_sub(1);
        counters.left += 1;
    }

    /// The connection in this place ended.
    fn closed(&self, place: usize, reason: String) {
        if let Some(connection) = self.connections.borrow_mut().get_mut(place) {
            *connection = None;
        }
        let counters = &mut self.recorder.borrow_mut().counters;
        counters.connected = counters.connected.saturating_sub(1);
        if !self.finishing.get() {
            counters.disconnected += 1;
            self.disconnect_reason.borrow_mut().get_or_insert(reason);
        }
    }
}

/// Bytes of a packet, without its fixed header, that every client takes.
fn packet_bytes_max(scenario: &Scenario) -> usize {
    PACKET_BYTES_MIN.max(2 * scenario.overview.payload_bytes)
}
