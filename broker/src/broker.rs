//! The handle of a running broker.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use broker_core::Statistics;

use crate::driver::{self, Shared};
use crate::publisher::Publisher;
use crate::transport::{Credentials, SocketFile, TlsError};

/// A running broker. Dropping it stops it.
#[derive(Debug)]
pub struct Broker {
    places: Places,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Where a broker listens, for as long as it does.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) urls: Vec<String>,
    pub(crate) credentials: Vec<Arc<Credentials>>,
    pub(crate) files: Vec<SocketFile>,
}

impl Broker {
    pub(crate) const fn new(
        places: Places,
        shared: Arc<Shared>,
        threads: Vec<JoinHandle<()>>,
    ) -> Self {
        Self { places, shared, threads }
    }

    /// Where it listens, with the ports that the system chose. Unix sockets are not among them.
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.places.addresses
    }

    /// Where it listens and what it speaks there, as URLs that [`Listener`](crate::Listener) reads,
    /// with the ports that the system chose.
    pub fn local_urls(&self) -> &[String] {
        &self.places.urls
    }

    /// Reads the certificates and keys of all listeners again. They hold for connections to come;
    /// those that are open go on. If anything is wrong with any of them, nothing changes.
    pub fn reload(&self) -> Result<(), TlsError> {
        Credentials::reload(&self.places.credentials)
    }

    /// Publishes from inside the broker.
    pub fn publisher(&self) -> &Publisher {
        self.shared.publisher()
    }

    /// Asks access control again for all that it has granted: to be called when its answers have
    /// changed. Within a tenth of a second Clients that may not be here are closed, and
    /// subscriptions, waiting messages and retained messages that are not allowed any more are
    /// removed; [`Statistics`] counts each.
    pub fn recheck_access(&self) {
        self.shared.recheck_access();
    }

    /// What all shards counted, as of a tenth of a second ago at most.
    pub fn statistics(&self) -> Statistics {
        self.shared.statistics()
    }

    /// Closes every connection and waits until the threads have ended. No Will is published.
    pub fn stop(mut self) {
        self.halt();
    }

    fn halt(&mut self) {
        self.shared.request_stop();
        driver::join(self.threads.drain(..));
        self.places.files.clear();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.halt();
    }
}
