//! From a description to a running broker.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use broker_core::{Event, Limits, ShardGroup};

use crate::access::{Access, AccessControl};
use crate::broker::Broker;
use crate::driver::{self, Mailboxes, Shared};
use crate::publisher::Publisher;
use crate::transport::tcp;

/// What a [`Broker`] is started with.
#[must_use]
pub struct Builder {
    listen: Vec<SocketAddr>,
    shards: usize,
    limits: Limits,
    seed: Option<u64>,
    handler: Option<Handler>,
    access: Option<Arc<dyn Access>>,
}

/// What an embedder does on an event, on the thread of the shard on which it happens.
pub(crate) type Handler = Arc<dyn Fn(&Publisher, &Event<'_>) + Send + Sync>;

/// Why a [`Broker`] did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A listener could not be opened.
    #[error("cannot listen on {address}: {}", describe(error))]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// A thread or its runtime could not be made.
    #[error("cannot start a shard: {0}")]
    Shard(io::Error),
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use by another process".into(),
        io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need privileges".into(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".into(),
        _ => error.to_string(),
    }
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            listen: Vec::new(),
            shards: 1,
            limits: Limits::default(),
            seed: None,
            handler: None,
            access: None,
        }
    }

    /// Adds a TCP listener. Port 0 lets the system choose one.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen.push(address);
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

    /// Fixes the seed of the hash tables, so that a run can be repeated instruction by
    /// instruction. Without it the seed is random, and clients cannot choose colliding names.
    pub fn hash_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Calls `handler` on every event, on the thread of the shard on which it happens and before
    /// the next packet there: it must not wait. To publish, use the [`Publisher`] it is given.
    pub fn on_event(
        mut self,
        handler: impl Fn(&Publisher, &Event<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.handler = Some(Arc::new(handler));
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

    /// Opens the listeners and starts the threads.
    pub fn start(self) -> Result<Broker, StartError> {
        let mut listeners = Vec::with_capacity(self.listen.len());
        for &address in &self.listen {
            let listener =
                tcp::listen(address).map_err(|error| StartError::Listen { address, error })?;
            listeners.push(listener);
        }
        let addresses: Vec<SocketAddr> =
            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let seed = self.seed.unwrap_or_else(random_seed);
        let group = Arc::new(ShardGroup::new(self.shards, seed));
        let (mailboxes, inboxes) = Mailboxes::new(self.shards);
        let publisher = Publisher::new(Arc::clone(&group), mailboxes.clone());
        let access = self.access.map(AccessControl::new);
        let shared = Shared::new(group, self.limits, mailboxes, publisher, self.handler, access);
        let shared = Arc::new(shared);
        shared.emit(&Event::Ready { addresses: &addresses });
        let threads = start_threads(&shared, inboxes, listeners)?;
        Ok(Broker::new(addresses, shared, threads))
    }
}

/// Starts one thread per shard and waits until each has its runtime. Shard 0 accepts.
fn start_threads(
    shared: &Arc<Shared>,
    inboxes: Vec<driver::Inbox>,
    listeners: Vec<TcpListener>,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let mut listeners = Some(listeners);
    let mut threads = Vec::with_capacity(inboxes.len());
    let (started, starts) = mpsc::sync_channel(inboxes.len());
    for (index, inbox) in inboxes.into_iter().enumerate() {
        let shared = Arc::clone(shared);
        let listeners = listeners.take().unwrap_or_default();
        let started = started.clone();
        let thread = std::thread::Builder::new()
            .name(format!("kelvin-shard-{index}"))
            .spawn(move || driver::run(shared, index, inbox, listeners, &started))
            .map_err(StartError::Shard)?;
        threads.push(thread);
    }
    drop(started);
    for result in starts.iter().take(threads.len()) {
        result.map_err(StartError::Shard)?;
    }
    Ok(threads)
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
            .finish_non_exhaustive()
    }
}
