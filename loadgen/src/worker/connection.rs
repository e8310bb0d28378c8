//! One Network Connection and what belongs to it.

use std::cell::{Cell, RefCell};
use std::io;

use crate::client::Client;
use crate::mqtt::EncodeError;
use crate::recorder::{Leg, Receiver, Recorder};
use crate::transport::Stream;
use bytes::BytesMut;

/// Bytes that may wait for a socket, besides one publication: acknowledgements that the broker
/// does not read. 64 Ki of them are every Packet Identifier four times.
pub(super) const PENDING_BYTES_MAX: usize = 1024 * 1024;

/// Why a connection was given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("a write failed: {0}")]
    Write(#[from] io::Error),
    #[error("the broker did not read a mebibyte of acknowledgements")]
    Unread,
    #[error("the broker did not answer PINGREQ within the Keep Alive")]
    Silent,
    #[error(transparent)]
    Encode(EncodeError),
    #[error("the broker sent DISCONNECT: {0}")]
    Disconnected(String),
}

/// A connection. Idle, it owns no buffer.
#[derive(Debug)]
pub(super) struct Connection {
    /// Who receives on it.
    pub receiver: Receiver,
    /// Bytes per second that are read at most; `u32::MAX` for all that come.
    pub read_bytes_per_second: u32,
    pub stream: RefCell<Stream>,
    pub client: RefCell<Client>,
    /// The beginning of a packet whose end has not arrived.
    pub partial: RefCell<Vec<u8>>,
    /// What the socket did not take.
    pub pending: RefCell<BytesMut>,
    /// The socket does not take more now; a task waits until it does.
    pub blocked: Cell<bool>,
    /// It failed: nothing more is written, and its reader is about to notice.
    pub failed: Cell<bool>,
    /// Why it failed, when it was not its reader who noticed first.
    pub failure: RefCell<Option<Failure>>,
    /// When something was last written.
    pub written_ns: Cell<u64>,
    /// Keep Alive, the broker's if it has said one; 0 for none.
    pub keep_alive_seconds: u16,
    /// When a PINGREQ was written since which nothing was heard; 0 when none was.
    pub ping_ns: Cell<u64>,
    /// When the SUBSCRIBE or the PINGREQ was written that is not answered yet; 0 when none is.
    pub asked_ns: Cell<u64>,
}

impl Connection {
    pub(super) fn new(
        receiver: Receiver,
        stream: Stream,
        client: Client,
        partial: Vec<u8>,
        keep_alive_seconds: u16,
    ) -> Self {
        let written_ns = Cell::new(receiver.connected_ns);
        Self {
            receiver,
            read_bytes_per_second: u32::MAX,
            stream: RefCell::new(stream),
            client: RefCell::new(client),
            partial: RefCell::new(partial),
            pending: RefCell::new(BytesMut::new()),
            blocked: Cell::new(false),
            failed: Cell::new(false),
            failure: RefCell::new(None),
            written_ns,
            keep_alive_seconds,
            ping_ns: Cell::new(0),
            asked_ns: Cell::new(0),
        }
    }

    /// What was asked is answered.
    pub(super) fn answered(&self, leg: Leg, now_ns: u64, recorder: &mut Recorder) {
        match self.asked_ns.replace(0) {
            // A PINGRESP to a PINGREQ that found another question open.
            0 => {}
            asked_ns => recorder.leg(leg, now_ns.saturating_sub(asked_ns)),
        }
    }

    /// Whether all that was published is acknowledged and written.
    pub(super) fn is_settled(&self) -> bool {
        let client = self.client.borrow();
        let acknowledged = client.publisher.as_ref().is_none_or(|one| one.is_settled());
        acknowledged && self.pending.borrow().is_empty()
    }

    /// Says why it is about to end, unless that is known.
    pub(super) fn explain(&self, failure: Failure) {
        self.failure.borrow_mut().get_or_insert(failure);
    }

    /// Gives it up: its reader sees the end of the stream and does the rest.
    pub(super) fn abandon(&self, failure: Failure) {
        if !self.failed.replace(true) {
            self.explain(failure);
            // A socket that is closed already cannot be shut down, and need not.
            drop(self.stream.borrow().shutdown());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_client_is_small() {
        assert!(size_of::<Connection>() <= 336, "{} bytes", size_of::<Connection>());
    }
}
