//! The way in: one read into the worker's buffer, all whole packets in it, one answer.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::sleep;

use super::Worker;
use super::connection::{Connection, Failure};
use crate::client::{ClientError, Event};
use crate::mqtt::{Topic, Version};
use crate::recorder::{Leg, Refused};

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

/// Bytes of one read at most: of a client that reads slowly those of a tenth of a second, so that it
/// reads evenly.
#[inline]
fn read_bytes_max(connection: &Connection) -> usize {
    match connection.read_bytes_per_second {
        u32::MAX => usize::MAX >> 1,
        rate => usize::try_from(rate / 10).unwrap_or(usize::MAX).max(1),
    }
}

/// Whether something happened that lets a publisher go on.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    acknowledged: bool,
}

impl Worker {
    /// Reads until the connection ends.
    pub(super) async fn read(self: &Rc<Self>, connection: &Rc<Connection>) -> End {
        if let Err(end) = self.take_early(connection) {
            return end;
        }
        loop {
            let read = std::future::poll_fn(|context| self.poll_read(context, connection));
            let length = match read.await {
                Ok(length) => length,
                Err(end) => return end,
            };
            let per_second = connection.read_bytes_per_second;
            if per_second != u32::MAX && !self.finishing.get() {
                let length = u32::try_from(length).unwrap_or(u32::MAX);
                let pause =
                    Duration::from_secs(1).mul_f64(f64::from(length) / f64::from(per_second));
                // In a box: its timer would be a part of every client's task, and few read slowly.
                Box::pin(sleep(pause)).await;
            }
        }
    }

    /// What came together with the CONNACK: messages that waited in the session.
    fn take_early(self: &Rc<Self>, connection: &Rc<Connection>) -> Result<(), End> {
        let early = connection.partial.take();
        if early.is_empty() {
            return Ok(());
        }
        let taken = self.take_packets(connection, &early, self.setup.clock.now_ns())?;
        connection.partial.replace(early[taken..].to_vec());
        Ok(())
    }

    /// One read. `poll_read` and not `try_read`: tokio then knows from a short read that the socket
    /// is empty, and saves the call that would find out.
    fn poll_read(
        self: &Rc<Self>,
        context: &mut Context<'_>,
        connection: &Rc<Connection>,
    ) -> Poll<Result<usize, End>> {
        let mut buffer = self.read_buffer.borrow_mut();
        let mut partial = connection.partial.take();
        // A packet that outgrows half of the shared buffer is gathered in its connection's own.
        let shared = partial.len() <= buffer.len() / 2;
        let start = if shared { partial.len() } else { 0 };
        buffer[..start].copy_from_slice(&partial[..start]);
        let end = buffer.len().min(start + read_bytes_max(connection));
        let mut free = ReadBuf::new(&mut buffer[start..end]);
        let read = Pin::new(&mut *connection.stream.borrow_mut()).poll_read(context, &mut free);
        let length = free.filled().len();
        match read {
            Poll::Pending => {
                connection.partial.replace(partial);
                return Poll::Pending;
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(End::Io(error))),
            Poll::Ready(Ok(())) if length == 0 => return Poll::Ready(Err(End::Closed)),
            Poll::Ready(Ok(())) => {}
        }
        let now_ns = self.setup.clock.now_ns();
        let bytes = if shared {
            &buffer[..start + length]
        } else {
            partial.extend_from_slice(&buffer[..length]);
            &partial[..]
        };
        let taken = self.take_packets(connection, bytes, now_ns)?;
        let rest = bytes[taken..].to_vec();
        drop(buffer);
        connection.partial.replace(rest);
        self.catch_up(now_ns);
        Poll::Ready(Ok(length))
    }

    /// Handles every whole packet; answers how many bytes they were.
    fn take_packets(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        bytes: &[u8],
        now_ns: u64,
    ) -> Result<usize, End> {
        let mut answer = self.write_buffer.take();
        let mut seen = Seen::default();
        let taken = if self.is_closed_loop {
            self.take_each::<true>(connection, bytes, now_ns, &mut answer, &mut seen)
        } else {
            self.take_each::<false>(connection, bytes, now_ns, &mut answer, &mut seen)
        };
        if !answer.is_empty() {
            self.send(connection, &answer);
            answer.clear();
        }
        self.write_buffer.replace(answer);
        if seen.acknowledged {
            // Bounded by the Packet Identifiers that are free now.
            self.publish_all_due(connection, u32::MAX);
        }
        if self.is_closed_loop {
            self.publish_opened();
        }
        taken
    }

    fn take_each<const CLOSED: bool>(
        &self,
        connection: &Connection,
        bytes: &[u8],
        now_ns: u64,
        answer: &mut BytesMut,
        seen: &mut Seen,
    ) -> Result<usize, End> {
        let mut client = connection.client.borrow_mut();
        let version = client.version();
        let mut decoder = self.decoder(version).borrow_mut();
        let mut recorder = self.recorder.borrow_mut();
        let mut known = self.known.borrow_mut();
        let mut taken = 0;
        connection.ping_ns.set(0);
        loop {
            if client.is_subscribed() {
                while let Some((stamp, length)) = known.find(version, &bytes[taken..]) {
                    taken += length;
                    recorder.arrived::<CLOSED>(&connection.receiver, &stamp, false, now_ns);
                }
            }
            let next = decoder.next(&bytes[taken..]).map_err(ClientError::Decode)?;
            let Some((packet, length)) = next else { break };
            let frame = &bytes[taken..taken + length];
            taken += length;
            match client.handle(packet, now_ns, answer)? {
                Event::Delivery(publish) => {
                    let receiver = &connection.receiver;
                    let stamp = recorder.delivery::<CLOSED>(receiver, &publish, now_ns);
                    if let (Some(stamp), Topic::Name) = (stamp, publish.topic) {
                        known.learn(version, frame, stamp);
                    }
                }
                Event::Nothing => {}
                Event::Acknowledged(answered) => {
                    seen.acknowledged = true;
                    recorder.answered(answered, now_ns);
                }
                Event::Received(answered) => recorder.answered(answered, now_ns),
                Event::Pong => connection.answered(Leg::PingResp, now_ns, &mut recorder),
                Event::Rejected(code) => {
                    seen.acknowledged = true;
                    recorder.refused(Refused::Publication, code);
                }
                Event::Unexpected => recorder.counters.unexpected += 1,
                Event::Subscribed => {
                    recorder.counters.subscribed += 1;
                    connection.answered(Leg::SubAck, now_ns, &mut recorder);
                }
                Event::NotSubscribed(reason) => {
                    recorder.counters.not_subscribed += 1;
                    return Err(End::NotSubscribed(match version {
                        Version::V5 => format!(": {reason}"),
                        Version::V31 | Version::V311 => String::new(),
                    }));
                }
                Event::Disconnected(reason) => {
                    recorder.refused(Refused::Connection, reason.code);
                    connection.explain(Failure::Disconnected(reason.to_string()));
                }
                Event::Connected(_) | Event::Refused(_) => return Err(End::Connected),
            }
        }
        Ok(taken)
    }
}
