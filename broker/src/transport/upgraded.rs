//! A connection after its upgrade to WebSocket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::duplex::{Duplex, Socket};

/// A connection with something to be read before all that comes.
#[derive(Debug)]
pub(super) struct Upgraded<S> {
    stream: S,
    front: Vec<u8>,
    read: usize,
}

impl<S: Duplex> Upgraded<S> {
    /// `front` is what has been read behind the request.
    pub(super) const fn new(stream: S, front: Vec<u8>) -> Self {
        Self { stream, front, read: 0 }
    }

    pub(super) fn socket(&mut self) -> &mut Socket {
        self.stream.socket()
    }

    pub(super) fn common_name(&self) -> Option<&str> {
        self.stream.common_name()
    }
}

impl<S: Duplex> AsyncRead for Upgraded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let front = this.front.get(this.read..).unwrap_or_default();
        if front.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let count = front.len().min(buffer.remaining());
        buffer.put_slice(&front[..count]);
        this.read += count;
        if this.read == this.front.len() {
            this.front = Vec::new();
            this.read = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Duplex> AsyncWrite for Upgraded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
