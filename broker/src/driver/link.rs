//! What the driver keeps of a Network Connection: where to write, whom to name, what to stop.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::net::{tcp, unix};
use tokio::task::AbortHandle;

use super::permit::ConnectionPermit;
use crate::transport::{Duplex, Peer};

/// The driver's half of a Network Connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) writer: Writer,
    pub(super) peer: Peer,
    pub(super) reader: AbortHandle,
    /// The task that waits until a full socket takes bytes again.
    pub(super) waiter: Option<AbortHandle>,
    pub(super) _permit: ConnectionPermit,
}

/// What the flusher writes to.
#[derive(Debug)]
pub(super) enum Writer {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
    Duplex(SharedDuplex),
}

/// A connection that its reading task and the flusher share. Never borrowed across a wait.
pub(super) type SharedDuplex = Rc<RefCell<Box<dyn Duplex>>>;

impl Link {
    /// Ends its tasks.
    pub(super) fn abort_tasks(&self) {
        self.reader.abort();
        if let Some(waiter) = &self.waiter {
            waiter.abort();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.abort_tasks();
    }
}
