//! How bytes come and go: listeners, and what lies between a socket and its Control Packets.
//!
//! TCP and Unix sockets are read and written as they are. What has a protocol of its own below
//! MQTT, TLS or WebSocket or both, is a [`Duplex`] object.

mod certificate;
mod duplex;
mod listener;
mod tcp;
mod tls;
mod unix;
mod upgrade;
mod upgraded;
mod websocket;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mio::event::Source;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

pub(crate) use duplex::{Duplex, Socket};
pub(crate) use listener::Opened;
pub use listener::{Listener, ListenerError};
pub(crate) use tls::Credentials;
pub use tls::{ClientCertificates, Tls, TlsError, TlsVersion};
pub(crate) use unix::SocketFile;
pub(crate) use upgrade::Refusal;

use tls::Secured;

/// An open listener with what is to be known of those who come by it.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) listener: OpenListener,
    pub(crate) origin: Arc<Origin>,
}

/// The way by which a Client comes.
#[derive(Debug)]
pub(crate) struct Origin {
    /// The listener's URL, with the port that the system chose.
    pub(crate) listener: String,
    /// Whether the common name of the Client's certificate is its user name.
    pub(crate) certifies_users: bool,
}

/// An open listener on its way to the thread that accepts.
#[derive(Debug)]
pub(crate) enum OpenListener {
    Tcp(std::net::TcpListener, Protocol),
    Unix(std::os::unix::net::UnixListener),
}

/// A listener of which a shard's own queue tells when somebody comes.
#[derive(Debug)]
pub(crate) enum Acceptor {
    Tcp(mio::net::TcpListener, Protocol),
    Unix(mio::net::UnixListener),
}

/// What is spoken below MQTT. Both `None`: nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Protocol {
    pub(crate) credentials: Option<Arc<Credentials>>,
    /// The path of the WebSocket.
    pub(crate) path: Option<Arc<str>>,
}

/// A Network Connection that is ready for MQTT, on the runtime of its thread.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Duplex(Box<dyn Duplex>),
}

/// A [`Stream`] on its way to its shard, which is to watch its socket: one that is not boxed is on no
/// runtime, or not any more.
#[derive(Debug)]
pub(crate) enum Detached {
    Tcp(mio::net::TcpStream),
    Unix(mio::net::UnixStream),
    Duplex(Box<dyn Duplex>),
}

/// Who is at the other end, as far as the socket tells. Every connection has one: an address and a
/// port are 12 bytes less than a `SocketAddr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Network(IpAddr, u16),
    /// A process of this machine; `None` when the system does not name it.
    Process(Option<i32>),
}

/// Why there is nothing to speak MQTT on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("the socket cannot be watched: {0}")]
    Socket(io::Error),
    #[error("the TLS handshake failed: {0}")]
    Tls(io::Error),
    #[error("the WebSocket handshake was refused: {0}")]
    Refused(#[from] Refusal),
    #[error("the WebSocket handshake failed: {0}")]
    WebSocket(io::Error),
}

impl Peer {
    /// Its address on the network; a process of this machine has none.
    pub(crate) fn socket_address(self) -> Option<SocketAddr> {
        match self {
            Self::Network(address, port) => Some(SocketAddr::new(address, port)),
            Self::Process(_) => None,
        }
    }

    pub(crate) fn address(self) -> Option<IpAddr> {
        self.socket_address().map(|address| address.ip())
    }
}

impl From<OpenListener> for Acceptor {
    fn from(listener: OpenListener) -> Self {
        match listener {
            OpenListener::Tcp(listener, protocol) => {
                Self::Tcp(mio::net::TcpListener::from_std(listener), protocol)
            }
            OpenListener::Unix(listener) => Self::Unix(mio::net::UnixListener::from_std(listener)),
        }
    }
}

impl Acceptor {
    /// What a queue is to watch.
    pub(crate) fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(listener, _) => listener,
            Self::Unix(listener) => listener,
        }
    }

    /// Accepts a connection that waits. Needs the runtime of this thread.
    pub(crate) fn accept(&self) -> io::Result<(Detached, Peer)> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, address) = listener.accept()?;
                Ok((Detached::Tcp(stream), Peer::from(address)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                // What asks for the process without a runtime takes it for granted that there is one, which does
                // not hold across the borders of containers.
                let stream = UnixStream::from_std(stream.into())?;
                let process = stream.peer_cred().ok().and_then(|credentials| credentials.pid());
                let stream = mio::net::UnixStream::from_std(stream.into_std()?);
                Ok((Detached::Unix(stream), Peer::Process(process)))
            }
        }
    }

    /// What is to be spoken first on a connection of this listener.
    pub(crate) const fn protocol(&self) -> Option<&Protocol> {
        match self {
            Self::Tcp(_, protocol) if !protocol.is_plain() => Some(protocol),
            Self::Tcp(..) | Self::Unix(_) => None,
        }
    }
}

impl Protocol {
    const fn is_plain(&self) -> bool {
        self.credentials.is_none() && self.path.is_none()
    }

    /// Goes through the handshakes, on the runtime of this thread. `bytes_max` bounds a WebSocket message until the Client is
    /// admitted.
    pub(crate) async fn accept(
        &self,
        stream: mio::net::TcpStream,
        bytes_max: usize,
    ) -> Result<Box<dyn Duplex>, HandshakeError> {
        let stream = TcpStream::from_std(stream.into()).map_err(HandshakeError::Socket)?;
        let socket = Socket::new(stream);
        match (&self.credentials, &self.path) {
            (None, None) => Ok(Box::new(socket)),
            (None, Some(path)) => Ok(Box::new(upgrade::accept(socket, path, bytes_max).await?)),
            (Some(credentials), path) => {
                let secured =
                    Secured::accept(credentials, socket).await.map_err(HandshakeError::Tls)?;
                match path {
                    None => Ok(Box::new(secured)),
                    Some(path) => Ok(Box::new(upgrade::accept(secured, path, bytes_max).await?)),
                }
            }
        }
    }
}

impl Detached {
    /// Sets what every connection has.
    pub(crate) fn configure(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => tcp::configure(stream),
            Self::Unix(_) | Self::Duplex(_) => Ok(()),
        }
    }

    /// Joins the runtime of this thread.
    pub(crate) fn attach(self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream.into())?),
            Self::Unix(stream) => Stream::Unix(UnixStream::from_std(stream.into())?),
            Self::Duplex(mut duplex) => {
                duplex.socket().attach()?;
                Stream::Duplex(duplex)
            }
        })
    }
}

impl Stream {
    /// Takes sockets that are read as they are off the runtime of this thread: a shard watches them
    /// itself. Layers stay on it.
    pub(crate) fn release(self) -> io::Result<Detached> {
        Ok(match self {
            Self::Tcp(stream) => Detached::Tcp(mio::net::TcpStream::from_std(stream.into_std()?)),
            Self::Unix(stream) => {
                Detached::Unix(mio::net::UnixStream::from_std(stream.into_std()?))
            }
            Self::Duplex(duplex) => Detached::Duplex(duplex),
        })
    }

    /// Takes leave of the runtime of this thread.
    pub(crate) fn detach(self) -> io::Result<Detached> {
        let mut detached = self.release()?;
        if let Detached::Duplex(duplex) = &mut detached {
            duplex.socket().detach()?;
        }
        Ok(detached)
    }

    /// The common name in the certificate that the peer has shown.
    pub(crate) fn common_name(&self) -> Option<&str> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => None,
            Self::Duplex(duplex) => duplex.common_name(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Duplex(duplex) => Pin::new(duplex).poll_read(context, buffer),
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::Network(address.ip(), address.port())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address, port) => SocketAddr::new(*address, *port).fmt(f),
            Self::Process(Some(process)) => write!(f, "process {process}"),
            Self::Process(None) => f.write_str("a process of this machine"),
        }
    }
}
