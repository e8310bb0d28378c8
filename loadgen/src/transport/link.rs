//! A connection that is ready for MQTT, as a worker has it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Duplex, Stream};

/// Where the bytes of a connection come from and go to.
#[derive(Debug)]
pub(crate) enum Link {
    /// The bytes of the socket are those of MQTT: whoever watches it may read and write at once.
    Tcp(std::net::TcpStream),
    /// Likewise.
    Unix(std::os::unix::net::UnixStream),
    /// TLS or WebSocket, which know their own state: the runtime watches their socket.
    Layers(Box<dyn Duplex>),
}

/// What came of one attempt to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes that were taken.
    pub bytes: usize,
    /// Whether all bytes that were ever taken are on their way.
    pub flushed: bool,
}

impl Link {
    /// Takes a plain socket away from the runtime.
    pub(crate) fn new(stream: Stream) -> io::Result<Self> {
        Ok(match stream {
            Stream::Tcp(stream) => Self::Tcp(stream.into_std()?),
            Stream::Unix(stream) => Self::Unix(stream.into_std()?),
            Stream::Duplex(stream) => Self::Layers(stream),
        })
    }

    /// The socket, if nothing lies between it and MQTT.
    pub(crate) fn socket(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Tcp(stream) => Some(stream.as_fd()),
            Self::Unix(stream) => Some(stream.as_fd()),
            Self::Layers(_) => None,
        }
    }

    /// Reads once. `context` is woken when layers that have nothing now have something.
    #[inline]
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => at_once(|| stream.read(buffer)),
            Self::Unix(stream) => at_once(|| stream.read(buffer)),
            Self::Layers(stream) => {
                let mut free = ReadBuf::new(buffer);
                ready!(Pin::new(stream).poll_read(context, &mut free))?;
                Poll::Ready(Ok(free.filled().len()))
            }
        }
    }

    /// Writes what is taken at once. Nobody is woken when more can be.
    #[inline]
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<Written> {
        let taken = match self {
            Self::Tcp(stream) => at_once(|| stream.write(bytes)),
            Self::Unix(stream) => at_once(|| stream.write(bytes)),
            Self::Layers(stream) => return try_write(&mut **stream, bytes),
        };
        match taken {
            Poll::Ready(taken) => Ok(Written { bytes: taken?, flushed: true }),
            Poll::Pending => Ok(Written { bytes: 0, flushed: true }),
        }
    }

    /// Writes once, like [`poll_read`](Self::poll_read).
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => at_once(|| stream.write(bytes)),
            Self::Unix(stream) => at_once(|| stream.write(bytes)),
            Self::Layers(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    /// Sends what layers have taken and hold back.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            Self::Layers(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    /// Ends both directions at once.
    pub(crate) fn shutdown(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            Self::Layers(stream) => SockRef::from(stream.socket()).shutdown(Shutdown::Both),
        }
    }
}

/// A call that does not wait.
#[inline]
fn at_once(mut call: impl FnMut() -> io::Result<usize>) -> Poll<io::Result<usize>> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return Poll::Ready(done),
        }
    }
}

fn try_write(stream: &mut dyn Duplex, bytes: &[u8]) -> io::Result<Written> {
    let context = &mut Context::from_waker(Waker::noop());
    let mut taken = 0;
    // TLS takes a record at a time.
    while taken < bytes.len() {
        match Pin::new(&mut *stream).poll_write(context, &bytes[taken..]) {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(count)) => taken += count,
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => break,
        }
    }
    let flushed = match Pin::new(stream).poll_flush(context) {
        Poll::Ready(flushed) => flushed.map(|()| true)?,
        Poll::Pending => false,
    };
    Ok(Written { bytes: taken, flushed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_socket_is_not_boxed() {
        assert!(size_of::<Link>() <= 24);
    }
}
