//! The way in: one read into the worker's buffer, all whole packets in it, one answer.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::sleep;

use super::Worker;
use super::connection::{Connection, End, Failure};
use crate::client::{ClientError, Event};
use crate::mqtt::{Encoder, Topic, Version};
use crate::recorder::{Leg, Refused};

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

/// A read that found bytes.
#[derive(Clone, Copy, Debug)]
struct Received {
    bytes: usize,
    /// There was no room for more, so there may be more.
    is_full: bool,
}

impl Worker {
    /// Waits until the connection ends, and reads it meanwhile unless the queue has it read.
    pub(super) async fn read(self: &Rc<Self>, connection: &Rc<Connection>) -> End {
        if let Some(owner) = &connection.owner {
            return owner.end().await;
        }
        if let Err(end) = self.take_early(connection) {
            return end;
        }
        loop {
            let read = std::future::poll_fn(|context| self.poll_read(context, connection));
            let received = match read.await {
                Ok(received) => received,
                Err(end) => return end,
            };
            if let Some(pause) = self.pause_after(connection, received) {
                // In a box: its timer would be a part of every client's task, and few read slowly.
                Box::pin(sleep(pause)).await;
            }
        }
    }

    /// The same for a socket that the queue watches, before its first event.
    pub(super) fn receive_early(self: &Rc<Self>, place: usize, connection: &Rc<Connection>) {
        if let Err(end) = self.take_early(connection) {
            self.over(place, connection, end);
        }
    }

    /// Reads a socket that has something, or may have, once.
    #[inline]
    pub(super) fn receive(self: &Rc<Self>, place: usize, connection: &Rc<Connection>) {
        if connection.is_paused.get() || connection.is_over.get() {
            return;
        }
        match self.poll_read(&mut Context::from_waker(Waker::noop()), connection) {
            // The queue tells when there is something.
            Poll::Pending => {}
            Poll::Ready(Err(end)) => self.over(place, connection, end),
            Poll::Ready(Ok(received)) => {
                if let Some(pause) = self.pause_after(connection, received) {
                    self.read_later(place, connection, pause);
                } else if (received.is_full || connection.has_ended.get())
                    && !connection.is_owed.replace(true)
                {
                    self.owed_reads.borrow_mut().push_back(place);
                }
            }
        }
    }

    /// How long a client that reads slowly waits before its next read.
    #[inline]
    fn pause_after(&self, connection: &Connection, received: Received) -> Option<Duration> {
        let per_second = connection.read_bytes_per_second;
        if per_second == u32::MAX || self.finishing.get() {
            return None;
        }
        let bytes = u32::try_from(received.bytes).unwrap_or(u32::MAX);
        Some(Duration::from_secs(1).mul_f64(f64::from(bytes) / f64::from(per_second)))
    }

    fn read_later(self: &Rc<Self>, place: usize, connection: &Rc<Connection>, pause: Duration) {
        connection.is_paused.set(true);
        let (worker, connection) = (Rc::clone(self), Rc::clone(connection));
        tokio::task::spawn_local(async move {
            sleep(pause).await;
            connection.is_paused.set(false);
            worker.receive(place, &connection);
        });
    }

    /// The end of a socket was found.
    fn over(self: &Rc<Self>, place: usize, connection: &Rc<Connection>, end: End) {
        connection.is_over.set(true);
        match &connection.owner {
            Some(owner) => owner.tell(end),
            None => self.ended(place, connection, &end),
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

    /// One read, and all whole packets that came with it.
    fn poll_read(
        self: &Rc<Self>,
        context: &mut Context<'_>,
        connection: &Rc<Connection>,
    ) -> Poll<Result<Received, End>> {
        let mut buffer = self.read_buffer.borrow_mut();
        let mut partial = connection.partial.take();
        // A packet that outgrows half of the shared buffer is gathered in its connection's own.
        let shared = partial.len() <= buffer.len() / 2;
        let start = if shared { partial.len() } else { 0 };
        buffer[..start].copy_from_slice(&partial[..start]);
        let end = buffer.len().min(start + read_bytes_max(connection));
        let read = connection.link.borrow_mut().poll_read(context, &mut buffer[start..end]);
        let length = match read {
            Poll::Pending => {
                connection.partial.replace(partial);
                return Poll::Pending;
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(End::Io(error))),
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(End::Closed)),
            Poll::Ready(Ok(length)) => length,
        };
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
        Poll::Ready(Ok(Received { bytes: length, is_full: start + length == end }))
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
                while let Some(found) = known.find(version, &bytes[taken..]) {
                    taken += found.length;
                    if let Some(identifier) = found.identifier {
                        let mut encoder = Encoder::new(answer);
                        encoder.puback(identifier.get()).map_err(ClientError::Encode)?;
                    }
                    recorder.arrived::<CLOSED>(&connection.receiver, &found.stamp, false, now_ns);
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
