//! The way out: what is due leaves in one write; what the socket does not take waits.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;

use super::Worker;
use super::connection::{Connection, Failure, PENDING_BYTES_MAX};
use crate::client::{Batch, Settled};
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

    /// Writes what is due of a publisher, at most `count_max` publications, each stamped when it
    /// is encoded. Stops where the socket does or no Packet Identifier is free: what is due then
    /// stays due. Answers how many were written.
    pub(super) fn publish_due(self: &Rc<Self>, connection: &Rc<Connection>, count_max: u32) -> u32 {
        let mut left = count_max;
        while left > 0 && !connection.blocked.get() && !connection.failed.get() {
            match self.publish_batch(connection, left) {
                0 => break,
                sent => left -= sent,
            }
        }
        count_max - left
    }

    fn publish_batch(self: &Rc<Self>, connection: &Rc<Connection>, count_max: u32) -> u32 {
        let schedule = self.pacer.borrow().schedule;
        let mut client = connection.client.borrow_mut();
        let Some(publisher) = client.publisher.as_mut() else {
            return 0;
        };
        let fit = WRITE_BYTES_MAX / publisher.packet_bytes_max();
        let fit = u32::try_from(fit).unwrap_or(1).max(1);
        let mut buffer = self.write_buffer.take();
        let now_ns = self.setup.clock.now_ns();
        let batch = publisher.encode_due(&schedule, now_ns, count_max.min(fit), &mut buffer);
        let mut sent = Settled::default();
        if batch.count > 0 {
            let written = self.write(connection, &buffer);
            let taken = written.as_ref().map_or(0, |written| written.bytes);
            sent = publisher.settle(batch, taken);
            self.record_sent(batch, sent.count, |sequence| publisher.due_ns(&schedule, sequence));
            match written {
                Ok(written) => {
                    self.keep(connection, &buffer[taken..sent.bytes], written.flushed);
                }
                Err(error) => connection.abandon(error.into()),
            }
        }
        buffer.clear();
        self.write_buffer.replace(buffer);
        sent.count
    }

    fn record_sent(&self, batch: Batch, sent: u32, due_ns: impl Fn(u32) -> u64) {
        let mut recorder = self.recorder.borrow_mut();
        for sequence in batch.first..batch.first + sent {
            let due_ns = due_ns(sequence);
            recorder.sent(due_ns, batch.encoded_ns.saturating_sub(due_ns));
        }
    }

    /// One write; a socket that is full takes 0 bytes.
    fn write(&self, connection: &Connection, bytes: &[u8]) -> io::Result<Written> {
        let written = connection.stream.borrow_mut().try_write(bytes)?;
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
        if !connection.blocked.replace(true) {
            let (worker, connection) = (Rc::clone(self), Rc::clone(connection));
            // One such task for each connection at most: it clears `blocked` before it ends.
            tokio::task::spawn_local(async move { worker.unblock(&connection).await });
        }
    }

    /// Waits until the socket takes what is pending and what has become due meanwhile.
    async fn unblock(self: &Rc<Self>, connection: &Rc<Connection>) {
        let drained = std::future::poll_fn(|context| self.poll_pending(context, connection)).await;
        if let Err(error) = drained {
            return connection.abandon(error.into());
        }
        connection.blocked.set(false);
        while self.publish_due(connection, PUBLICATIONS_PER_TURN) == PUBLICATIONS_PER_TURN {
            tokio::task::yield_now().await;
        }
    }

    /// Writes all that is pending.
    fn poll_pending(
        &self,
        context: &mut Context<'_>,
        connection: &Connection,
    ) -> Poll<io::Result<()>> {
        let mut stream = connection.stream.borrow_mut();
        let mut pending = connection.pending.borrow_mut();
        while !pending.is_empty() {
            match ready!(Pin::new(&mut *stream).poll_write(context, &pending))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => pending.advance(written),
            }
            connection.written_ns.set(self.setup.clock.now_ns());
        }
        // Idle, a connection owns no buffer.
        *pending = BytesMut::new();
        Pin::new(&mut *stream).poll_flush(context)
    }
}
