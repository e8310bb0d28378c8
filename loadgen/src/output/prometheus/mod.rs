//! `--prometheus`: what the run does, for a monitor to scrape while it does it.
//!
//! Every figure of what came stands beside the figure of what was expected, so that an alert needs no arithmetic
//! about the scenario. Numbers are copied once a second; a scrape takes nothing from the clients.

mod metrics;
mod server;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

pub(crate) use metrics::Snapshot;

/// The endpoint, and what it tells.
#[derive(Debug)]
pub(crate) struct Exporter {
    address: SocketAddr,
    shared: Shared,
}

/// What the run writes and a scrape reads.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Snapshot>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        // Numbers of a second are whole numbers, whoever panicked while writing them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exporter {
    /// Listens on `address` and answers scrapes on the runtime of the caller, until that ends.
    pub(crate) async fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Shared::default();
        let mut registry = Registry::with_prefix("loadgen");
        registry.register_collector(Box::new(shared.clone()));
        tokio::spawn(server::serve(listener, Arc::new(registry)));
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what the next scrape reads.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.shared.lock());
    }
}
