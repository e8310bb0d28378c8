//! The end of a turn: everything that became ready leaves.

use std::io::{self, IoSlice};
use std::rc::Rc;

use broker_core::{Closed, ConnectionKey};
use socket2::SockRef;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::task::yield_now;

use super::Driver;
use super::mailbox::{Mail, Undelivered};

/// Connections that are written before others may read again. A write costs some 6 µs, so that a
/// publisher waits 1.5 ms at most; what it brings joins the output of those not yet written.
const FLUSHES_PER_TURN: usize = 256;

/// Segments of one vectored write.
const SLICES_MAX: usize = 64;

/// Flushes whenever there is work, for as long as the runtime lives.
pub(super) async fn run(driver: Rc<Driver>) {
    let mut dirty = Vec::new();
    loop {
        driver.work.notified().await;
        // Tasks that are ready now run first and add to the batch.
        yield_now().await;
        loop {
            driver.hand_on_forwards();
            driver.core.borrow_mut().take_dirty(&mut dirty);
            for (index, key) in dirty.drain(..).enumerate() {
                if index % FLUSHES_PER_TURN == FLUSHES_PER_TURN - 1 {
                    yield_now().await;
                }
                driver.flush(key);
            }
            driver.close_finished();
            driver.relief.notify_waiters();
            if !driver.core.borrow().has_work() || driver.blocked_forwards.get() {
                break;
            }
            yield_now().await;
        }
    }
}

impl Driver {
    /// Writes what waits for a connection. What the socket does not take waits for the socket.
    pub(super) fn flush(self: &Rc<Self>, key: ConnectionKey) {
        let mut links = self.links.borrow_mut();
        let Some(link) = links.get_mut(key) else { return };
        if link.waiter.is_some() {
            return;
        }
        match self.write_pending(key, &link.writer) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let writer = Rc::clone(&link.writer);
                let task = tokio::task::spawn_local(Rc::clone(self).resume(key, writer));
                link.waiter = Some(task.abort_handle());
            }
            Err(_) => self.lose(key),
        }
    }

    /// Goes on with a connection once its socket takes bytes again.
    async fn resume(self: Rc<Self>, key: ConnectionKey, writer: Rc<OwnedWriteHalf>) {
        if writer.writable().await.is_err() {
            return self.lose(key);
        }
        if let Some(link) = self.links.borrow_mut().get_mut(key) {
            link.waiter = None;
        }
        self.flush(key);
    }

    fn write_pending(&self, key: ConnectionKey, writer: &OwnedWriteHalf) -> io::Result<()> {
        let mut core = self.core.borrow_mut();
        loop {
            let Some(output) = core.output(key) else { return Ok(()) };
            let written = match output.as_slice() {
                Some([]) => return Ok(()),
                Some(bytes) => writer.try_write(bytes)?,
                None => {
                    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                    let count = output.slices(&mut slices);
                    writer.try_write_vectored(&slices[..count])?
                }
            };
            core.advance(key, written);
        }
    }

    /// Writes what waits, past the runtime: it does not know yet of a socket which has just come
    /// from another shard that it takes bytes, and a refused Client is to read why.
    fn write_last(&self, key: ConnectionKey, writer: &OwnedWriteHalf) -> io::Result<()> {
        let socket = SockRef::from(writer.as_ref());
        let mut core = self.core.borrow_mut();
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let Some(output) = core.output(key) else { return Ok(()) };
            let count = output.slices(&mut slices);
            if count == 0 {
                return Ok(());
            }
            let written = socket.send_vectored(&slices[..count])?;
            core.advance(key, written);
        }
    }

    /// Drops the connections that have come to their end, with a last attempt to write.
    pub(super) fn close_finished(&self) {
        loop {
            let Some(Closed { key, cause, client_identifier }) =
                self.core.borrow_mut().poll_closed()
            else {
                return;
            };
            let link = self.links.borrow_mut().remove(key);
            if let Some(link) = link {
                if let Err(error) = self.write_last(key, &link.writer) {
                    tracing::debug!("last bytes to {} were not written: {error}", link.peer);
                }
                self.log.closed(link.peer, cause, client_identifier.as_deref());
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
                    tokio::task::spawn_local(Rc::clone(self).wait_for_mailbox(shard));
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
                    self.work.notify_one();
                }
            }
        }
    }

    async fn wait_for_mailbox(self: Rc<Self>, shard: usize) {
        self.shared.mailboxes().wait_for_room(shard).await;
        self.blocked_forwards.set(false);
        self.work.notify_one();
        self.relief.notify_waiters();
    }
}
