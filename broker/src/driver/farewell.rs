//! The last bytes of a connection, and the closing handshakes of TLS and WebSocket.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use broker_core::ConnectionKey;
use tokio::task::spawn_local;

use super::Driver;
use super::flusher::SLICES_MAX;
use super::link::SharedDuplex;
use super::link::{Link, Transport};
use crate::transport::Stream;

/// Time that a peer has for the end of a closing handshake. Its connection counts until then.
const FAREWELL: Duration = Duration::from_secs(2);

impl Driver {
    /// Writes what waits for a connection that has ended, as far as its socket takes it, and
    /// closes it.
    pub(super) fn part(self: &Rc<Self>, key: ConnectionKey, link: Link) {
        let written = match &link.transport {
            Transport::Tcp(stream) => self.write_pending(key, stream),
            Transport::Unix(stream) => self.write_pending(key, stream),
            Transport::Duplex(layers) => {
                layers.abort_tasks();
                let duplex = Rc::clone(&layers.duplex);
                self.say_farewell(key, link, &duplex);
                return;
            }
        };
        if let Err(error) = written {
            tracing::debug!("last bytes to {} were not written: {error}", link.peer);
        }
    }

    /// Closes at once if the socket lets it, else in a task of its own.
    fn say_farewell(self: &Rc<Self>, key: ConnectionKey, link: Link, duplex: &SharedDuplex) {
        let mut context = Context::from_waker(Waker::noop());
        let mut borrowed = duplex.borrow_mut();
        let rest = match self.poll_write_pending(&mut context, key, &mut **borrowed) {
            Poll::Ready(Ok(())) => {
                if Pin::new(&mut **borrowed).poll_shutdown(&mut context).is_ready() {
                    return;
                }
                Vec::new()
            }
            Poll::Ready(Err(error)) => {
                return tracing::debug!("last bytes to {} were not written: {error}", link.peer);
            }
            Poll::Pending => self.take_rest(key),
        };
        drop(borrowed);
        spawn_local(async move {
            let Transport::Duplex(layers) = &link.transport else { return };
            match tokio::time::timeout(FAREWELL, close(&layers.duplex, &rest)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!("{} was not closed in form: {error}", link.peer),
                Err(_) => tracing::debug!("{} did not end its connection in time", link.peer),
            }
        });
    }

    /// What still waits for a connection; the core bounds it.
    fn take_rest(&self, key: ConnectionKey) -> Vec<u8> {
        let mut core = self.core.borrow_mut();
        let mut rest = Vec::new();
        while let Some(output) = core.output(key) {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = output.slices(&mut slices);
            if count == 0 {
                break;
            }
            let before = rest.len();
            for slice in &slices[..count] {
                rest.extend_from_slice(slice);
            }
            core.advance(key, rest.len() - before);
        }
        rest
    }
}

/// Closes a connection that no shard has adopted.
pub(super) async fn close_stream(stream: Stream) {
    if let Stream::Duplex(mut duplex) = stream {
        let closed = poll_fn(|context| Pin::new(&mut *duplex).poll_shutdown(context));
        match tokio::time::timeout(FAREWELL, closed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("a connection was not closed in form: {error}"),
            Err(_) => tracing::debug!("a peer did not end its connection in time"),
        }
    }
}

async fn close(duplex: &SharedDuplex, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        let written =
            poll_fn(|context| Pin::new(&mut **duplex.borrow_mut()).poll_write(context, rest));
        rest = match written.await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => rest.get(count..).unwrap_or_default(),
        };
    }
    poll_fn(|context| Pin::new(&mut **duplex.borrow_mut()).poll_flush(context)).await?;
    poll_fn(|context| Pin::new(&mut **duplex.borrow_mut()).poll_shutdown(context)).await
}
