//! One Network Connection: its reading task, and what the flusher needs to write to it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use broker_core::{Admission, ConnectionKey};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::AbortHandle;

use super::mailbox::HandedOver;
use super::permit::ConnectionPermit;
use super::{Driver, READ_BYTES};

/// Output of one turn above which reading pauses until it is written: one publication may become
/// thousands of deliveries, and memory must not run ahead of the sockets.
const FRESH_OUTPUT_MAX: usize = 32 << 20;

/// The driver's half of a Network Connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) writer: Rc<OwnedWriteHalf>,
    pub(super) peer: SocketAddr,
    reader: AbortHandle,
    /// The task that waits until a full socket takes bytes again.
    pub(super) waiter: Option<AbortHandle>,
    _permit: ConnectionPermit,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.abort();
        if let Some(waiter) = &self.waiter {
            waiter.abort();
        }
    }
}

impl Driver {
    /// Makes a connection this shard's own. `received` is what has been read from it, `admission`
    /// what was made of the credentials in there.
    pub(super) fn adopt(
        self: &Rc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        permit: ConnectionPermit,
        received: &[u8],
        admission: Option<Admission>,
    ) {
        let now = self.now();
        let key = self.core.borrow_mut().open(now);
        if let Some(admission) = admission {
            self.core.borrow_mut().admit(key, admission);
        }
        let (reader, writer) = stream.into_split();
        let task = tokio::task::spawn_local(Rc::clone(self).serve(key, reader));
        let link = Link {
            writer: Rc::new(writer),
            peer,
            reader: task.abort_handle(),
            waiter: None,
            _permit: permit,
        };
        self.links.borrow_mut().insert(key, link);
        if !received.is_empty() {
            self.core.borrow_mut().handle_bytes(now, key, received);
            self.wake_flusher();
        }
    }

    pub(super) fn receive_connection(self: &Rc<Self>, handed_over: HandedOver) {
        let HandedOver { stream, peer, permit, received, admission } = handed_over;
        match TcpStream::from_std(stream) {
            Ok(stream) => self.adopt(stream, peer, permit, &received, admission),
            Err(error) => tracing::error!("connection from {peer} got lost: {error}"),
        }
    }

    async fn serve(self: Rc<Self>, key: ConnectionKey, mut reader: OwnedReadHalf) {
        loop {
            while self.is_congested() {
                self.relief.notified().await;
            }
            if let Some(writer) = self.backlogged(key)
                && writer.writable().await.is_err()
            {
                return self.lose(key);
            }
            match poll_fn(|context| self.poll_receive(context, key, Pin::new(&mut reader))).await {
                Ok(0) | Err(_) => return self.lose(key),
                // There is more: let the others have their turn first.
                Ok(READ_BYTES) => tokio::task::yield_now().await,
                Ok(_) => {}
            }
        }
    }

    /// Reads once and hands the bytes to the core before anybody else uses the scratch buffer.
    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        key: ConnectionKey,
        reader: Pin<&mut OwnedReadHalf>,
    ) -> Poll<io::Result<usize>> {
        let mut scratch = self.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(reader.poll_read(context, &mut buffer))?;
        let received = buffer.filled();
        if !received.is_empty() {
            self.core.borrow_mut().handle_bytes(self.now(), key, received);
            self.wake_flusher();
        }
        Poll::Ready(Ok(received.len()))
    }

    /// The writing half of a connection with more output than the limit. That is no delivery at
    /// QoS 0: its Client asks and does not read the answers, or has a window of large messages.
    /// One read for each time that the socket takes bytes lets it go on, and its keep alive too.
    fn backlogged(&self, key: ConnectionKey) -> Option<Rc<OwnedWriteHalf>> {
        let pending = self.core.borrow().output(key)?.pending();
        if pending <= self.shared.limits().output_bytes_max {
            return None;
        }
        self.links.borrow().get(key).map(|link| Rc::clone(&link.writer))
    }

    /// Whether connections should stop reading until the flusher has run.
    fn is_congested(&self) -> bool {
        self.blocked_forwards.get() || self.core.borrow().fresh_output() > FRESH_OUTPUT_MAX
    }
}
