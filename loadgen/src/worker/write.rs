//! The way out: what is due leaves in one write; what the socket does not take waits.

use std::io;
use std::rc::Rc;

use super::Worker;
use super::connection::{Connection, Failure, PENDING_BYTES_MAX};
use crate::client::Batch;

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
            0
        } else {
            match self.write(connection, bytes) {
                Ok(written) => written,
                Err(error) => return connection.abandon(error.into()),
            }
        };
        if written < bytes.len() {
            self.keep(connection, &bytes[written..]);
        }
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
        let packet_bytes = publisher.packet_bytes();
        let fit = u32::try_from(WRITE_BYTES_MAX / packet_bytes).unwrap_or(1).max(1);
        let mut buffer = self.write_buffer.take();
        let now_ns = self.setup.clock.now_ns();
        let batch = publisher.encode_due(&schedule, now_ns, count_max.min(fit), &mut buffer);
        let mut sent = 0;
        if batch.count > 0 {
            let written = self.write(connection, &buffer);
            sent = publisher.settle(batch, *written.as_ref().unwrap_or(&0));
            self.record_sent(batch, sent, |sequence| publisher.due_ns(&schedule, sequence));
            match written {
                Ok(written) if written < buffer.len() => {
                    let end = sent as usize * packet_bytes;
                    self.keep(connection, &buffer[written..end]);
                }
                Ok(_) => {}
                Err(error) => connection.abandon(error.into()),
            }
        }
        buffer.clear();
        self.write_buffer.replace(buffer);
        sent
    }

    fn record_sent(&self, batch: Batch, sent: u32, due_ns: impl Fn(u32) -> u64) {
        let mut recorder = self.recorder.borrow_mut();
        for sequence in batch.first..batch.first + sent {
            let due_ns = due_ns(sequence);
            recorder.sent(due_ns, batch.encoded_ns.saturating_sub(due_ns));
        }
    }

    /// One write; a socket that is full takes 0 bytes.
    fn write(&self, connection: &Connection, bytes: &[u8]) -> io::Result<usize> {
        match connection.stream.borrow().try_write(bytes) {
            Ok(written) => {
                connection.written_ns.set(self.setup.clock.now_ns());
                Ok(written)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Keeps bytes until the socket takes them.
    fn keep(self: &Rc<Self>, connection: &Rc<Connection>, bytes: &[u8]) {
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
        loop {
            let ready = std::future::poll_fn(|context| {
                connection.stream.borrow().poll_write_ready(context)
            });
            match ready.await.and_then(|()| self.write_pending(connection)) {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => return connection.abandon(error.into()),
            }
        }
        connection.blocked.set(false);
        while self.publish_due(connection, PUBLICATIONS_PER_TURN) == PUBLICATIONS_PER_TURN {
            tokio::task::yield_now().await;
        }
    }

    /// Whether all that was pending went out.
    fn write_pending(&self, connection: &Connection) -> io::Result<bool> {
        let mut pending = connection.pending.take();
        while !pending.is_empty() {
            match self.write(connection, &pending)? {
                0 => {
                    connection.pending.replace(pending);
                    return Ok(false);
                }
                written => drop(pending.split_to(written)),
            }
        }
        Ok(true)
    }
}
