//! One Network Connection: its reading task, and what the flusher needs to write to it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use broker_core::{Admission, CloseCause, ConnectionKey, Output, Shard, Violation};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{tcp, unix};
use tokio::task::spawn_local;

use super::Driver;
use super::arrival::Arrival;
use super::link::{Link, SharedDuplex, Writer};
use super::mailbox::HandedOver;
use super::share::{Share, Work};
use crate::transport::Stream;

/// Output of one turn above which reading pauses until it is written: one publication may become
/// thousands of deliveries, and memory must not run ahead of the sockets.
const FRESH_OUTPUT_MAX: usize = 32 << 20;

/// What a connection's task reads from.
trait Reader: AsyncRead + Unpin {
    /// Whether it is to be told that its peer has become a Client.
    fn awaits_admission(&self) -> bool {
        false
    }

    fn admit(&self, _bytes_max: usize) {}
}

impl Reader for tcp::OwnedReadHalf {}
impl Reader for unix::OwnedReadHalf {}

struct DuplexReader {
    duplex: SharedDuplex,
    admitted: Cell<bool>,
}

impl Reader for DuplexReader {
    fn awaits_admission(&self) -> bool {
        !self.admitted.get()
    }

    fn admit(&self, bytes_max: usize) {
        self.admitted.set(true);
        self.duplex.borrow_mut().admit(bytes_max);
    }
}

impl AsyncRead for DuplexReader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.duplex.borrow_mut()).poll_read(context, buffer)
    }
}

impl Driver {
    /// Makes a connection this shard's own. `received` is what has been read from it, `admission`
    /// what was made of the credentials in there.
    pub(super) fn adopt(
        self: &Rc<Self>,
        stream: Stream,
        arrival: Arrival,
        received: &[u8],
        admission: Option<Admission>,
    ) {
        let Arrival { peer, permit, since, .. } = arrival;
        let key = self.core.borrow_mut().open(since);
        if let Some(admission) = admission {
            self.core.borrow_mut().admit(key, admission);
        }
        let driver = Rc::clone(self);
        let (task, writer) = match stream {
            Stream::Tcp(stream) => {
                let (reader, writer) = stream.into_split();
                (spawn_local(driver.serve(key, reader)), Writer::Tcp(writer))
            }
            Stream::Unix(stream) => {
                let (reader, writer) = stream.into_split();
                (spawn_local(driver.serve(key, reader)), Writer::Unix(writer))
            }
            Stream::Duplex(duplex) => {
                let duplex = Rc::new(RefCell::new(duplex));
                let admitted = Cell::new(false);
                let reader = DuplexReader { duplex: Rc::clone(&duplex), admitted };
                (spawn_local(driver.serve(key, reader)), Writer::Duplex(duplex))
            }
        };
        let reader = task.abort_handle();
        let link = Link { writer, peer, reader, waiter: None, _permit: permit };
        self.links.borrow_mut().insert(key, link);
        if !received.is_empty() {
            self.core.borrow_mut().handle_bytes(self.now(), key, received);
            self.wake_flusher();
        }
    }

    pub(super) fn receive_connection(self: &Rc<Self>, handed_over: HandedOver) {
        let HandedOver { stream, arrival, received, admission } = handed_over;
        match stream.attach() {
            Ok(stream) => self.adopt(stream, arrival, &received, admission),
            Err(error) => tracing::error!("connection from {} got lost: {error}", arrival.peer),
        }
    }

    async fn serve<R: Reader>(self: Rc<Self>, key: ConnectionKey, mut reader: R) {
        let mut share = Share::WHOLE;
        loop {
            while self.is_congested() {
                self.relief.notified().await;
            }
            if self.is_backlogged(key) {
                self.until_output_moves(key).await;
            }
            let bytes_max = share.bytes();
            match poll_fn(|context| self.poll_receive(context, key, &mut reader, &mut share)).await
            {
                Ok(0) => return self.lose(key, CloseCause::Lost),
                Err(error) => return self.lose(key, cause_of(&error)),
                // There is more: let the others have their turn first.
                Ok(bytes) if bytes == bytes_max => tokio::task::yield_now().await,
                Ok(_) => {}
            }
        }
    }

    /// Reads once and hands the bytes to the core before anybody else uses the scratch buffer.
    fn poll_receive<R: Reader>(
        &self,
        context: &mut Context<'_>,
        key: ConnectionKey,
        reader: &mut R,
        share: &mut Share,
    ) -> Poll<io::Result<usize>> {
        if reader.awaits_admission() && self.core.borrow().is_client(key) {
            reader.admit(self.shared.limits().packet_bytes_max);
        }
        let mut scratch = self.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch[..share.bytes()]);
        ready!(Pin::new(reader).poll_read(context, &mut buffer))?;
        let received = buffer.filled();
        if !received.is_empty() {
            let mut core = self.core.borrow_mut();
            let before = work(&core);
            core.handle_bytes(self.now(), key, received);
            *share = Share::next(received.len(), before, work(&core));
            drop(core);
            self.wake_flusher();
        }
        Poll::Ready(Ok(received.len()))
    }

    /// Whether a full socket holds up more output than the limit. That is no delivery at QoS 0: its
    /// Client asks and does not read the answers, or has a window of large messages. One read for
    /// each time that the socket takes bytes lets it go on, and its keep alive too.
    fn is_backlogged(&self, key: ConnectionKey) -> bool {
        let core = self.core.borrow();
        let pending = core.output(key).map_or(0, Output::pending);
        pending > self.shared.limits().output_bytes_max
            && self.links.borrow().get(key).is_some_and(|link| link.waiter.is_some())
    }

    /// Waits until the task that waits for the socket has got some output off.
    async fn until_output_moves(&self, key: ConnectionKey) {
        let mut waits = false;
        poll_fn(|context| {
            if std::mem::replace(&mut waits, true) {
                return Poll::Ready(());
            }
            self.held_up.borrow_mut().insert(key, context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// To be called when the socket of a connection has taken bytes after it had been full. There
    /// may be room for more retained messages.
    pub(super) fn note_output_moves(&self, key: ConnectionKey) {
        self.wake_flusher();
        if let Some(waker) = self.held_up.borrow_mut().remove(key) {
            waker.wake();
        }
    }

    /// Whether connections should stop reading until the flusher has run.
    fn is_congested(&self) -> bool {
        self.blocked_forwards.get() || self.core.borrow().fresh_output() > FRESH_OUTPUT_MAX
    }
}

fn work(core: &Shard) -> Work {
    Work { publications: core.publications_received(), output: core.fresh_output() }
}

/// A socket alone never finds fault with what it reads.
pub(super) fn cause_of(error: &io::Error) -> CloseCause {
    if error.kind() == io::ErrorKind::InvalidData {
        tracing::debug!("protocol violation below MQTT: {error}");
        return Violation::Transport.into();
    }
    CloseCause::Lost
}
