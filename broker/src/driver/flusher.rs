//! The end of a turn: everything that became ready leaves.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use broker_core::{CloseCause, Closed, ConnectionKey};
use tokio::io::AsyncWrite;
use tokio::task::spawn_local;

use super::Driver;
use super::link::Transport;
use super::mailbox::{Mail, Undelivered};

/// Connections that are written before others may read again. A write costs some 6 µs, so that a
/// publisher waits 1.5 ms at most; what it brings joins the output of those not yet written.
const FLUSHES_PER_TURN: usize = 256;

/// Segments of one vectored write.
pub(super) const SLICES_MAX: usize = 64;

/// Connections that were dirty when a round of writing began, and are still to be written.
#[derive(Debug, Default)]
pub(super) struct Batch {
    keys: Vec<ConnectionKey>,
    written: usize,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Driver {
    /// Goes on with a round of writing, or begins one if there is reason to.
    pub(super) fn write_some(self: &Rc<Self>, batch: &mut Batch) {
        if batch.is_empty() {
            if !self.call.is_due() {
                return;
            }
            self.call.answer();
            self.hand_on_forwards();
            self.core.borrow_mut().handle_replays(self.now());
            self.core.borrow_mut().take_dirty(&mut batch.keys);
        }
        let rest = batch.keys.get(batch.written..).unwrap_or_default();
        for &key in rest.iter().take(FLUSHES_PER_TURN) {
            self.flush(key);
        }
        batch.written += FLUSHES_PER_TURN;
        if batch.written < batch.keys.len() {
            return;
        }
        batch.keys.clear();
        batch.written = 0;
        #[cfg(feature = "slow-down")]
        self.slow_down.pay();
        self.close_finished();
        self.begin_steps();
        self.relief.notify_waiters();
        if self.core.borrow().has_work() && !self.blocked_forwards.get() {
            self.call.call();
        }
    }

    /// Writes what waits for a connection. What the socket does not take waits for the socket.
    pub(super) fn flush(self: &Rc<Self>, key: ConnectionKey) {
        let mut links = self.links.borrow_mut();
        let Some(link) = links.get_mut(key) else { return };
        if link.is_blocked {
            return;
        }
        let written = match &link.transport {
            Transport::Tcp(stream) => self.write_pending(key, stream),
            Transport::Unix(stream) => self.write_pending(key, stream),
            Transport::Duplex(layers) => self.write_duplex(key, layers),
        };
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                link.is_blocked = true;
                if let Transport::Duplex(layers) = &mut link.transport {
                    self.wait_for_socket(key, layers);
                }
            }
            Err(_) => self.lose(key, CloseCause::Lost),
        }
    }

    /// Writes until nothing waits or the socket takes no more, after which it tells when it does.
    pub(super) fn write_pending(
        &self,
        key: ConnectionKey,
        mut socket: impl Write,
    ) -> io::Result<()> {
        let mut core = self.core.borrow_mut();
        loop {
            let Some(output) = core.output(key) else { return Ok(()) };
            let written = match output.as_slice() {
                Some([]) => return Ok(()),
                Some(bytes) => socket.write(bytes)?,
                None => {
                    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                    let count = output.slices(&mut slices);
                    socket.write_vectored(&slices[..count])?
                }
            };
            core.advance(key, written);
        }
    }

    /// [`write_pending`](Self::write_pending) for a writer that may hold bytes back.
    pub(super) fn poll_write_pending(
        &self,
        context: &mut Context<'_>,
        key: ConnectionKey,
        mut writer: impl AsyncWrite + Unpin,
    ) -> Poll<io::Result<()>> {
        let mut core = self.core.borrow_mut();
        while let Some(output) = core.output(key) {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = output.slices(&mut slices);
            if count == 0 {
                break;
            }
            let slices = &slices[..count];
            let written = ready!(Pin::new(&mut writer).poll_write_vectored(context, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            core.advance(key, written);
        }
        Pin::new(&mut writer).poll_flush(context)
    }

    /// Drops the connections that have come to their end, with a last attempt to write.
    pub(super) fn close_finished(self: &Rc<Self>) {
        loop {
            let Some(Closed { key, cause, client_identifier }) =
                self.core.borrow_mut().poll_closed()
            else {
                return;
            };
            let link = self.links.borrow_mut().remove(key);
            if let Some(link) = link {
                self.log.closed(link.peer, cause, client_identifier.as_deref());
                self.part(key, link);
            }
            self.core.borrow_mut().remove(key);
        }
    }

    /// Hands each other shard what is meant for it, as one batch.
    fn hand_on_forwards(self: &Rc<Self>) {
        let mailboxes = self.shared.mailboxes();
        for shard in 0..self.shared.group().shards() {
            if shard == self.index {
                continue;
            }
            if !mailboxes.has_room(shard) {
                if !self.blocked_forwards.replace(true) {
                    spawn_local(Rc::clone(self).wait_for_mailbox(shard));
                }
                continue;
            }
            let Some(forwards) = self.core.borrow_mut().take_forwards(shard) else { continue };
            match mailboxes.try_send(shard, Mail::Forwards(forwards)) {
                Ok(()) | Err(Undelivered::Stopped) => {}
                // Another sender took the last room in between.
                Err(Undelivered::Full(mail)) => {
                    if let Mail::Forwards(forwards) = mail {
                        self.core.borrow_mut().return_forwards(shard, forwards);
                    }
                    self.call.call();
                }
            }
        }
    }

    async fn wait_for_mailbox(self: Rc<Self>, shard: usize) {
        self.shared.mailboxes().wait_for_room(shard).await;
        self.blocked_forwards.set(false);
        self.call.call();
        self.relief.notify_waiters();
    }
}
