//! One Network Connection and what belongs to it.

use std::cell::{Cell, RefCell};
use std::io;

use crate::client::{Client, ClientError};
use crate::mqtt::EncodeError;
use crate::recorder::{Leg, Receiver, Recorder};
use crate::transport::Link;
use bytes::BytesMut;
use tokio::sync::Notify;

/// Bytes that may wait for a socket, besides one publication: acknowledgements that the broker
/// does not read. 64 Ki of them are every Packet Identifier four times.
pub(super) const PENDING_BYTES_MAX: usize = 1024 * 1024;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("the broker closed the connection")]
    Closed,
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the broker refused the subscription{0}")]
    NotSubscribed(String),
    #[error("the broker answered a CONNECT that was already answered")]
    Connected,
}

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

/// How the task of a client that comes and goes learns of the end of its socket.
#[derive(Debug, Default)]
pub(super) struct Owner {
    end: RefCell<Option<End>>,
    told: Notify,
}

impl Owner {
    pub(super) fn tell(&self, end: End) {
        self.end.borrow_mut().get_or_insert(end);
        self.told.notify_one();
    }

    /// Waits for the end. May be dropped and called again.
    pub(super) async fn end(&self) -> End {
        loop {
            let told = self.told.notified();
            if let Some(end) = self.end.take() {
                return end;
            }
            told.await;
        }
    }
}

/// A connection. Idle, it owns no buffer.
#[derive(Debug)]
pub(super) struct Connection {
    /// Who receives on it.
    pub receiver: Receiver,
    /// Bytes per second that are read at most; `u32::MAX` for all that come.
    pub read_bytes_per_second: u32,
    pub link: RefCell<Link>,
    pub client: RefCell<Client>,
    /// The beginning of a packet whose end has not arrived.
    pub partial: RefCell<Vec<u8>>,
    /// Reads wait for a moment, so that it reads as slowly as it should.
    pub is_paused: Cell<bool>,
    /// The socket has another read coming.
    pub is_owed: Cell<bool>,
    /// The socket will not have more than it has, so it is read until its end is found.
    pub has_ended: Cell<bool>,
    /// The end was found.
    pub is_over: Cell<bool>,
    /// The task that waits for the end; `None` of a socket whose end is handled where it is found.
    pub owner: Option<Box<Owner>>,
    /// What the socket did not take.
    pub pending: RefCell<BytesMut>,
    /// The socket does not take more now. When it does, the queue tells, or the task that waits for layers.
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
        link: Link,
        client: Client,
        partial: Vec<u8>,
        keep_alive_seconds: u16,
    ) -> Self {
        let written_ns = Cell::new(receiver.connected_ns);
        Self {
            receiver,
            read_bytes_per_second: u32::MAX,
            link: RefCell::new(link),
            client: RefCell::new(client),
            partial: RefCell::new(partial),
            is_paused: Cell::new(false),
            is_owed: Cell::new(false),
            has_ended: Cell::new(false),
            is_over: Cell::new(false),
            owner: None,
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

    /// Whether the worker's queue watches its socket.
    pub(super) fn is_watched(&self) -> bool {
        self.link.borrow().socket().is_some()
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
            drop(self.link.borrow().shutdown());
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
