//! From a description to a running broker.

use std::fmt;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use broker_core::{Event, EventKinds, Features, Limits, ShardGroup};

use crate::access::{Access, AccessControl};
use crate::broker::{Broker, Places};
use crate::driver::{self, Duties, Mailboxes, Offer, ReadinessQueue, Shared};
use crate::publisher::Publisher;
use crate::transport::{Listener, Opened, Tls, TlsError};

/// What a [`Broker`] is started with.
#[must_use]
pub struct Builder {
    listen: Vec<Listener>,
    tls: Option<Tls>,
    shards: usize,
    limits: Limits,
    features: Features,
    seed: Option<u64>,
    handler: Option<Handler>,
    event_kinds: EventKinds,
    sys_interval: Option<Duration>,
    access: Option<Arc<dyn Access>>,
}

/// What an embedder does on an event, on the thread of the shard on which it happens.
type Handler = Arc<dyn Fn(&Publisher, &Event<'_>) + Send + Sync>;

/// An embedder that listens.
pub(crate) struct Listening {
    pub(crate) handler: Handler,
    pub(crate) kinds: EventKinds,
}

/// Why a [`Broker`] did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A listener could not be opened.
    #[error("cannot listen on {listener}: {}", describe(error))]
    Listen {
        /// Where, as a URL.
        listener: String,
        /// Why.
        error: io::Error,
    },
    /// A listener speaks TLS and no files are given.
    #[error("cannot listen on {0}: TLS needs a certificate and its key")]
    NoCertificate(String),
    /// The files of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A thread or its runtime could not be made.
    #[error("cannot start a shard: {0}")]
    Shard(io::Error),
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        // What this package itself finds out has its own words.
        _ if error.get_ref().is_some() => error.to_string(),
        io::ErrorKind::AddrInUse => "the port is in use by another process".into(),
        io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need privileges".into(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".into(),
        _ => error.to_string(),
    }
}

impl Broker {
    /// Starts to describe a broker.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            listen: Vec::new(),
            tls: None,
            shards: 1,
            limits: Limits::default(),
            features: Features::default(),
            seed: None,
            handler: None,
            event_kinds: EventKinds::default(),
            sys_interval: None,
            access: None,
        }
    }

    /// Adds a listener: a socket address for MQTT over TCP, or any [`Listener`]. Port 0 lets the
    /// system choose one.
    pub fn listen(mut self, listener: impl Into<Listener>) -> Self {
        self.listen.push(listener.into());
        self
    }

    /// Sets the files of TLS for all listeners that have none of their own.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets the number of shards, each a thread named `kelvin-shard-N`; 0 counts as 1, the default.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards.max(1);
        self
    }

    /// Sets the bounds of memory and time.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what the broker offers of MQTT, and what it tells Clients of itself.
    pub fn features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// Fixes the seed of the hash tables, so that a run can be repeated instruction by
    /// instruction. Without it the seed is random, and clients cannot choose colliding names.
    pub fn hash_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Calls `handler` on events, on the thread of the shard on which they happen and before the
    /// next packet there: it must not wait, and nothing is queued or lost in between. To publish,
    /// use the [`Publisher`] it is given.
    pub fn on_event(
        mut self,
        handler: impl Fn(&Publisher, &Event<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.handler = Some(Arc::new(handler));
        self
    }

    /// Chooses which of the events that come once for each packet the handler is called on:
    /// [`EventKinds::PUBLISHED`] alone unless this is said. Others cost nothing.
    pub fn event_kinds(mut self, kinds: EventKinds) -> Self {
        self.event_kinds = kinds;
        self
    }

    /// Publishes what the broker counts, retained under `$SYS/broker`, at the start and then every
    /// `interval`, each topic when it has changed: the topics of mosquitto 2.0, and every figure of
    /// [`Statistics`](broker_core::Statistics) by its name under `$SYS/broker/statistics`. Zero, the default, is never.
    /// `heap/current` and `heap/maximum` are the resident memory of the process, on Linux alone.
    pub fn sys_interval(mut self, interval: Duration) -> Self {
        self.sys_interval = (!interval.is_zero()).then_some(interval);
        self
    }

    /// Lets `access` decide who may come in and what they may do. Without it everybody may do
    /// everything.
    pub fn access(self, access: impl Access) -> Self {
        self.shared_access(Arc::new(access))
    }

    /// [`access`](Self::access) for one that is used elsewhere too, such as to reload it.
    pub fn shared_access(mut self, access: Arc<dyn Access>) -> Self {
        self.access = Some(access);
        self
    }

    /// Reads the files of TLS, also when no listener needs them yet, and tells whether
    /// [`start`](Self::start) could use them. Opens nothing.
    pub fn check(&self) -> Result<(), StartError> {
        if let Some(tls) = &self.tls {
            tls.check()?;
        }
        self.listen.iter().try_for_each(|listener| listener.check(self.tls.as_ref()))
    }

    /// Opens the listeners and starts the threads.
    pub fn start(self) -> Result<Broker, StartError> {
        let Prepared { places, shared, seats, duties } = self.prepare()?;
        let threads = start_threads(&shared, seats, duties)?;
        Ok(Broker::new(places, shared, threads))
    }

    /// Opens the listeners and leaves it to the caller to run the broker, which has one shard then: nothing
    /// happens but while the future is polled, and it must be polled where tasks can be spawned that stay on
    /// their thread (tokio's `LocalRuntime` or `LocalSet`). It ends after [`Broker::stop`].
    ///
    /// For those who want broker and Clients on one thread under one clock, so that a run can be repeated
    /// step by step.
    pub fn start_local(
        mut self,
    ) -> Result<(Broker, impl Future<Output = ()> + 'static), StartError> {
        self.shards = 1;
        let Prepared { places, shared, seats, mut duties } = self.prepare()?;
        let broker = Broker::new(places, Arc::clone(&shared), Vec::new());
        let run = async move {
            for (inbox, queue) in seats {
                let duties = std::mem::take(&mut duties);
                driver::serve(Arc::clone(&shared), 0, inbox, queue, duties, false).await;
            }
        };
        Ok((broker, run))
    }

    fn prepare(self) -> Result<Prepared, StartError> {
        let mut opened = Opened::default();
        for listener in &self.listen {
            listener.open(self.tls.as_ref(), &mut opened)?;
        }
        let Opened { listeners, addresses, urls, credentials, files } = opened;
        let seed = self.seed.unwrap_or_else(random_seed);
        let group = Arc::new(ShardGroup::new(self.shards, seed));
        let queues: io::Result<Vec<_>> = (0..self.shards).map(|_| ReadinessQueue::new()).collect();
        let queues = queues.map_err(StartError::Shard)?;
        let (mailboxes, inboxes) = Mailboxes::new(queues.iter().map(ReadinessQueue::bell));
        let publisher = Publisher::new(Arc::clone(&group), mailboxes.clone());
        let access = self.access.map(AccessControl::new);
        let listening = self.handler.map(|handler| Listening { handler, kinds: self.event_kinds });
        let offer = Offer { limits: self.limits, features: self.features };
        let shared = Shared::new(group, offer, mailboxes, publisher, listening, access);
        let shared = Arc::new(shared);
        shared.emit(&Event::Ready { addresses: &addresses });
        let duties = Duties { listeners, sys_interval: self.sys_interval };
        let places = Places { addresses, urls, credentials, files };
        let seats = inboxes.into_iter().zip(queues).collect();
        Ok(Prepared { places, shared, seats, duties })
    }
}

/// A broker that listens and does not run yet.
struct Prepared {
    places: Places,
    shared: Arc<Shared>,
    seats: Vec<Seat>,
    duties: Duties,
}

/// What a shard has of its own before it begins.
type Seat = (driver::Inbox, ReadinessQueue);

/// Starts one thread per shard and waits until each has its runtime. The first one has the duties.
/// When one of them cannot start, the others end.
fn start_threads(
    shared: &Arc<Shared>,
    seats: Vec<Seat>,
    duties: Duties,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let mut threads = Vec::with_capacity(seats.len());
    let started = try_start_threads(shared, seats, duties, &mut threads);
    match started {
        Ok(()) => Ok(threads),
        Err(error) => {
            shared.request_stop();
            driver::join(threads);
            Err(StartError::Shard(error))
        }
    }
}

fn try_start_threads(
    shared: &Arc<Shared>,
    seats: Vec<Seat>,
    duties: Duties,
    threads: &mut Vec<JoinHandle<()>>,
) -> io::Result<()> {
    let mut duties = Some(duties);
    let (started, starts) = mpsc::sync_channel(seats.len());
    for (index, (inbox, queue)) in seats.into_iter().enumerate() {
        let shared = Arc::clone(shared);
        let duties = duties.take().unwrap_or_default();
        let started = started.clone();
        let thread = std::thread::Builder::new()
            .name(format!("kelvin-shard-{index}"))
            .spawn(move || driver::run(shared, index, inbox, queue, duties, &started))?;
        threads.push(thread);
    }
    drop(started);
    starts.iter().take(threads.len()).collect()
}

/// From the standard library's randomly keyed hasher: no further dependency, and good enough
/// against chosen collisions.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("listen", &self.listen)
            .field("shards", &self.shards)
            .field("limits", &self.limits)
            .field("features", &self.features)
            .finish_non_exhaustive()
    }
}
