//! Connections with a protocol of their own below MQTT.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection whose bytes are not those of its socket.
///
/// What it has taken it may hold back until it is flushed; what it takes after a `Pending` flush
/// is bounded.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {
    /// The socket below.
    fn socket(&mut self) -> &mut Socket;

    /// Raises the bound of what the peer may send at once: it is a Client now.
    fn admit(&mut self, _bytes_max: usize) {}

    /// The common name in the certificate that the peer has shown, if it has shown one.
    fn common_name(&self) -> Option<&str> {
        None
    }
}

impl fmt::Debug for dyn Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex").field("common_name", &self.common_name()).finish_non_exhaustive()
    }
}

/// A TCP socket below other layers, which can move from one runtime to another.
#[derive(Debug)]
pub(crate) enum Socket {
    Attached(TcpStream),
    Detached(std::net::TcpStream),
    /// The change of runtimes failed.
    Lost,
}

impl Socket {
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self::Attached(stream)
    }

    pub(crate) fn detach(&mut self) -> io::Result<()> {
        if let Self::Attached(stream) = std::mem::replace(self, Self::Lost) {
            *self = Self::Detached(stream.into_std()?);
        }
        Ok(())
    }

    /// Joins the runtime of this thread, if it is on none.
    pub(crate) fn attach(&mut self) -> io::Result<()> {
        *self = match std::mem::replace(self, Self::Lost) {
            Self::Detached(stream) => Self::Attached(TcpStream::from_std(stream)?),
            other => other,
        };
        Ok(())
    }

    fn stream(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpStream>> {
        match self.get_mut() {
            Self::Attached(stream) => Ok(Pin::new(stream)),
            Self::Detached(_) | Self::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Duplex for Socket {
    fn socket(&mut self) -> &mut Socket {
        self
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}
