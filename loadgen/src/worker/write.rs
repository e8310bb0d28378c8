//! The way out: what is due leaves in one write; what the socket does not take waits.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};

use super::Worker;
use super::connection::{Connection, Failure, PENDING_BYTES_MAX};
use crate::client::Batch;
use crate::transport::Written;

/// Bytes of publications that one write carries at most: a socket's send buffer takes about this.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// Publications of a publisher that was blocked, before others get their turn.
const PUBLICATIONS_PER_TURN: u32 = 4096;

impl Worker {
    /// Writes Control Packets, or keeps them until the socket takes them.
    pub(super) fn send(self: &Rc<Self>, connection: &Rc<Connection>, bytes: &[u8]) {
        if connection.failed.get() {
            return;
        }
        let written = if connection.blocked.get() {
            Written { bytes: 0, flushed: true }
        } else {
            match self.write(connection, bytes) {
                Ok(written) => written,
                Err(error) => return connection.abandon(error.into()),
            }
        };
        self.keep(connection, &bytes[written.bytes..], written.flushed);
    }

    /// Writes what is due of one flow of a publisher, at most `count_max` publications, each stamped
    /// when it is encoded. Stops where the socket does or no Packet Identifier is free: what is due
    /// then stays due. Answers how many were written.
    pub(super) fn publish_due(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        flow: usize,
        count_max: u32,
    ) -> u32 {
        let mut left = count_max;
        while left > 0 && !connection.blocked.get() && !connection.failed.get() {
            match self.publish_batch(connection, flow, left) {
                0 => break,
                sent => left -= sent,
            }
        }
        count_max - left
    }

    /// The same for all flows of a publisher that could go on, at most `count_max` of each. Answers
    /// whether some of a flow may be left.
    pub(super) fn publish_all_due(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        count_max: u32,
    ) -> bool {
        let client = connection.client.borrow();
        let flows = client.publisher.as_ref().map_or(0, |publisher| publisher.flows().len());
        drop(client);
        let mut is_left = false;
        for flow in 0..flows {
            is_left |= self.publish_due(connection, flow, count_max) == count_max;
        }
        is_left
    }

    fn publish_batch(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        flow: usize,
        count_max: u32,
    ) -> u32 {
        let schedule = self.pacer.borrow().schedule;
        let mut client = connection.client.borrow_mut();
        let Some(publisher) = client.publisher.as_mut() else {
            return 0;
        };
        let fit = WRITE_BYTES_MAX / publisher.packet_bytes_max(flow);
        let fit = u32::try_from(fit).unwrap_or(1).max(1);
        let mut buffer = self.write_buffer.take();
        let mut batch = self.batch.take();
        batch.begin(self.setup.clock.now_ns());
        publisher.encode_due(flow, &schedule, count_max.min(fit), &mut buffer, &mut batch);
        if !buffer.is_empty() {
            let written = self.write(connection, &buffer);
            let taken = written.as_ref().map_or(0, |written| written.bytes);
            let counted = publisher.settle(flow, &mut batch, taken);
            self.record_sent(&batch);
            match written {
                Ok(written) => {
                    self.keep(connection, &buffer[taken..counted], written.flushed);
                }
                Err(error) => connection.abandon(error.into()),
            }
        }
        let sent = batch.publications().len();
        buffer.clear();
        self.write_buffer.replace(buffer);
        self.batch.replace(batch);
        u32::try_from(sent).unwrap_or(u32::MAX)
    }

    fn record_sent(&self, batch: &Batch) {
        let mut recorder = self.recorder.borrow_mut();
        for sent in batch.publications() {
            let lag_ns = batch.encoded_ns.saturating_sub(sent.due_ns);
            recorder.sent(sent.stream, sent.due_ns, lag_ns);
            recorder.counters.to_acknowledge += u64::from(sent.acknowledged);
        }
    }

    /// One write; a socket that is full takes 0 bytes.
    fn write(&self, connection: &Connection, bytes: &[u8]) -> io::Result<Written> {
        let written = connection.link.borrow_mut().try_write(bytes)?;
        if written.bytes > 0 {
            connection.written_ns.set(self.setup.clock.now_ns());
        }
        Ok(written)
    }

    /// Keeps bytes until the socket takes them, and what lies above it until it is flushed.
    fn keep(self: &Rc<Self>, connection: &Rc<Connection>, bytes: &[u8], flushed: bool) {
        if bytes.is_empty() && flushed {
            return;
        }
        let mut pending = connection.pending.borrow_mut();
        if !bytes.is_empty() && pending.len() + bytes.len() > PENDING_BYTES_MAX.max(bytes.len()) {
            return connection.abandon(Failure::Unread);
        }
        pending.extend_from_slice(bytes);
        if !connection.blocked.replace(true) && !connection.is_watched() {
            let (worker, connection) = (Rc::clone(self), Rc::clone(connection));
            // One such task for each connection at most: it clears `blocked` before it ends.
            tokio::task::spawn_local(async move { worker.unblock(&connection).await });
        }
    }

    /// Waits until layers take what is pending and what has become due meanwhile.
    async fn unblock(self: &Rc<Self>, connection: &Rc<Connection>) {
        let drained = std::future::poll_fn(|context| self.poll_pending(context, connection)).await;
        if let Err(error) = drained {
            return connection.abandon(error.into());
        }
        connection.blocked.set(false);
        self.publish_rest(connection).await;
    }

    /// A socket that was full takes bytes again, or tells why not.
    pub(super) fn resume(self: &Rc<Self>, connection: &Rc<Connection>) {
        match self.poll_pending(&mut Context::from_waker(Waker::noop()), connection) {
            // It is told of again.
            Poll::Pending => {}
            Poll::Ready(Err(error)) => connection.abandon(error.into()),
            Poll::Ready(Ok(())) => {
                connection.blocked.set(false);
                if self.publish_all_due(connection, PUBLICATIONS_PER_TURN) {
                    let (worker, connection) = (Rc::clone(self), Rc::clone(connection));
                    // It ends where the socket is full again.
                    tokio::task::spawn_local(async move { worker.publish_rest(&connection).await });
                }
            }
        }
    }

    /// Publishes what has become due meanwhile, in turn with the others.
    async fn publish_rest(self: &Rc<Self>, connection: &Rc<Connection>) {
        while self.publish_all_due(connection, PUBLICATIONS_PER_TURN) {
            tokio::task::yield_now().await;
        }
    }

    /// Writes all that is pending.
    fn poll_pending(
        &self,
        context: &mut Context<'_>,
        connection: &Connection,
    ) -> Poll<io::Result<()>> {
        let mut link = connection.link.borrow_mut();
        let mut pending = connection.pending.borrow_mut();
        while !pending.is_empty() {
            match ready!(link.poll_write(context, &pending))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => pending.advance(written),
            }
            connection.written_ns.set(self.setup.clock.now_ns());
        }
        // Idle, a connection owns no buffer.
        *pending = BytesMut::new();
        link.poll_flush(context)
    }
}
