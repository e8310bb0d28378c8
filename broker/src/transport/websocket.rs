//! MQTT over WebSocket, MQTT section 6: Control Packets in binary messages, split or joined as
//! the peer likes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_websockets::{CloseCode, Error, Limits, Message, Payload, WebSocketStream};

use super::duplex::{Duplex, Socket};
use super::upgraded::Upgraded;

/// Bytes of output in one message. What waits above it goes into further ones; so much is held
/// here while the socket takes nothing.
const MESSAGE_BYTES_MAX: usize = 256 << 10;

/// A connection whose handshake is over.
pub(crate) struct WebSocket<S> {
    stream: WebSocketStream<Upgraded<S>>,
    /// The message that is being read, and how much of it has been.
    front: Option<Payload>,
    read: usize,
    /// What the next read is to return.
    failure: Option<io::Error>,
    /// Whether a pong waits to be sent.
    pong: bool,
    /// Whether messages above the limit of strangers may come.
    admitted: bool,
    /// A socket wakes one writer only. The one that waits for it wakes the other one.
    writer: Option<Waker>,
    reader: Option<Waker>,
}

impl<S: Duplex> WebSocket<S> {
    pub(super) const fn new(stream: WebSocketStream<Upgraded<S>>) -> Self {
        Self {
            stream,
            front: None,
            read: 0,
            failure: None,
            pong: false,
            admitted: false,
            writer: None,
            reader: None,
        }
    }

    /// The next binary message; `None` at the end.
    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Payload>>> {
        loop {
            if self.pong {
                // No more is read before: peers that ping and do not read are held up.
                ready!(self.poll_pong(context))?;
            }
            let message = match ready!(Pin::new(&mut self.stream).poll_next(context)) {
                None => return Poll::Ready(Ok(None)),
                Some(Err(error)) => return Poll::Ready(Err(self.refuse(error))),
                Some(Ok(message)) => message,
            };
            if message.is_binary() {
                return Poll::Ready(Ok(Some(message.into_payload())));
            } else if message.is_text() {
                self.close(CloseCode::UNSUPPORTED_DATA, "MQTT needs binary frames");
                let error = "a WebSocket text frame came [MQTT-6.0.0-1]";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
            }
            self.pong |= message.is_ping();
        }
    }

    fn poll_pong(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let waker = self.writer.as_ref().unwrap_or_else(|| context.waker()).clone();
        match Pin::new(&mut self.stream).poll_flush(&mut Context::from_waker(&waker)) {
            Poll::Pending => {
                self.reader = Some(context.waker().clone());
                Poll::Pending
            }
            Poll::Ready(flushed) => {
                self.pong = false;
                if let Some(writer) = self.writer.take() {
                    writer.wake();
                }
                Poll::Ready(flushed.map_err(into_io))
            }
        }
    }

    fn poll_flushed(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Pending => {
                self.writer = Some(context.waker().clone());
                Poll::Pending
            }
            Poll::Ready(flushed) => {
                self.writer = None;
                self.pong = false;
                if let Some(reader) = self.reader.take() {
                    reader.wake();
                }
                Poll::Ready(flushed.map_err(into_io))
            }
        }
    }

    /// Tells the peer about an error that the library leaves to us.
    fn refuse(&mut self, error: Error) -> io::Error {
        if let Error::PayloadTooLong { .. } = error {
            self.close(CloseCode::MESSAGE_TOO_BIG, "too many bytes in one message");
        }
        into_io(error)
    }

    /// Begins to close, unless that has begun.
    fn close(&mut self, code: CloseCode, reason: &str) {
        let message = Message::close(Some(code), reason);
        if let Err(error) = Pin::new(&mut self.stream).start_send(message) {
            tracing::trace!("no close frame: {error}");
        }
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
    }
}

impl<S: Duplex> Duplex for WebSocket<S> {
    fn socket(&mut self) -> &mut Socket {
        self.stream.get_mut().socket()
    }

    fn admit(&mut self, bytes_max: usize) {
        self.admitted = true;
        *self.stream.limits_mut() = Limits::default().max_payload_len(Some(bytes_max));
    }

    fn common_name(&self) -> Option<&str> {
        self.stream.get_ref().common_name()
    }
}

impl<S: Duplex> AsyncRead for WebSocket<S> {
    /// Fills the buffer with what has come in any number of messages. Of a stranger it takes one
    /// at a time, so that the next one is read under the limit of Clients if this one makes it one.
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(failure) = this.failure.take() {
            return Poll::Ready(Err(failure));
        }
        let before = buffer.filled().len();
        loop {
            if let Some(front) = &this.front {
                let rest = front.get(this.read..).unwrap_or_default();
                let count = rest.len().min(buffer.remaining());
                buffer.put_slice(&rest[..count]);
                if count < rest.len() {
                    this.read += count;
                    return Poll::Ready(Ok(()));
                }
                (this.front, this.read) = (None, 0);
            }
            let filled = buffer.filled().len() > before;
            if filled && (buffer.remaining() == 0 || !this.admitted) {
                return Poll::Ready(Ok(()));
            }
            match this.poll_message(context) {
                Poll::Ready(Ok(Some(message))) => this.front = Some(message),
                Poll::Ready(Ok(None)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) if filled => {
                    this.failure = Some(error);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if filled => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<S: Duplex> AsyncWrite for WebSocket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    /// Takes the bytes as one message, once all before it have left.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_flushed(context))?;
        let size = slices.iter().map(|slice| slice.len()).sum::<usize>().min(MESSAGE_BYTES_MAX);
        let mut message = Vec::with_capacity(size);
        for slice in slices {
            let count = slice.len().min(size - message.len());
            message.extend_from_slice(&slice[..count]);
        }
        Pin::new(&mut this.stream).start_send(Message::binary(message)).map_err(into_io)?;
        Poll::Ready(Ok(size))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_flushed(context)
    }

    /// Goes through the closing handshake.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(context).map_err(into_io)
    }
}
