//! MQTT over WebSocket, MQTT section 6: Control Packets in binary messages, split or joined as the
//! broker likes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream as _;
use futures_sink::Sink as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Error, Message, Payload, WebSocketStream};

use super::{Duplex, OpenError};

/// The sub-protocol that both sides name `[MQTT-6.0.0-3]`.
const SUB_PROTOCOL: &str = "mqtt";

/// The header that names it.
const SUB_PROTOCOL_HEADER: &str = "sec-websocket-protocol";

/// A connection whose handshake is over.
#[derive(Debug)]
pub(super) struct WebSocket<S> {
    stream: WebSocketStream<S>,
    /// The message that is being read, and how much of it has been.
    front: Option<Payload>,
    read: usize,
    /// What the next read is to return.
    failure: Option<io::Error>,
}

/// Upgrades a connection.
pub(super) async fn connect<S: Duplex>(url: &str, stream: S) -> Result<WebSocket<S>, OpenError> {
    let builder = ClientBuilder::new().uri(url).map_err(|error| refused(&error))?;
    let (Ok(name), Ok(value)) = (SUB_PROTOCOL_HEADER.parse(), SUB_PROTOCOL.parse()) else {
        unreachable!("both are constants that HTTP allows");
    };
    let builder = builder.add_header(name, value).map_err(|error| refused(&error))?;
    let (stream, response) = builder.connect_on(stream).await.map_err(|error| match error {
        Error::Io(error) => OpenError::Io(error),
        error => refused(&error),
    })?;
    let agreed = response.headers().get(SUB_PROTOCOL_HEADER);
    if agreed.is_none_or(|agreed| agreed.as_bytes() != SUB_PROTOCOL.as_bytes()) {
        let text = "the broker did not agree to the sub-protocol 'mqtt'; is the path right?";
        return Err(OpenError::WebSocket(text.to_owned()));
    }
    Ok(WebSocket { stream, front: None, read: 0, failure: None })
}

fn refused(error: &dyn std::error::Error) -> OpenError {
    OpenError::WebSocket(error.to_string())
}

impl<S: Duplex> WebSocket<S> {
    /// The next binary message; `None` at the end. The library answers pings when it is polled
    /// again.
    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Payload>>> {
        loop {
            match ready!(Pin::new(&mut self.stream).poll_next(context)) {
                None => return Poll::Ready(Ok(None)),
                Some(Err(error)) => return Poll::Ready(Err(into_io(error))),
                Some(Ok(message)) if message.is_binary() => {
                    return Poll::Ready(Ok(Some(message.into_payload())));
                }
                Some(Ok(message)) if message.is_text() => {
                    let error = "the broker sent a WebSocket text frame [MQTT-6.0.0-1]";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
                }
                Some(Ok(_)) => {}
            }
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
    fn socket(&self) -> &TcpStream {
        self.stream.get_ref().socket()
    }
}

impl<S: Duplex> AsyncRead for WebSocket<S> {
    /// Fills the buffer with what has come in any number of messages.
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
            if filled && buffer.remaining() == 0 {
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
    /// Takes the bytes as one message, once all before it have left.
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut this = self;
        ready!(this.as_mut().poll_flush(context))?;
        let message = Message::binary(Payload::from(bytes.to_vec()));
        Pin::new(&mut this.stream).start_send(message).map_err(into_io)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context).map_err(into_io)
    }

    /// Goes through the closing handshake.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context).map_err(into_io)
    }
}
