//! How bytes come and go: TCP and Unix sockets as they are; TLS, WebSocket and both as one kind of
//! object over a TCP socket.

mod endpoint;
mod link;
mod tls;
mod web_socket;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

pub(crate) use endpoint::{Endpoint, EndpointError, Place, Scheme};
pub(crate) use link::{Link, Written};
use tls::Tls;
pub(crate) use tls::{TlsError, TlsOptions};

/// Time between two attempts to reach a Unix socket whose listener is behind.
const UNIX_RETRY: Duration = Duration::from_millis(5);

/// Connections to one port that a source address of this machine opens. Linux has 28,232 ports for them and takes every other one first:
/// when that half is used up, each connection looks through all of it (measured: 14,000 of 18,000 in the first second, 570 in each after).
pub(crate) const CONNECTIONS_PER_SOURCE: u32 = 14_000;

/// Where a broker is, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP port.
    Network(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Opens connections to one broker.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    address: Address,
    tls: Option<Tls>,
    /// URL of the WebSocket.
    web_socket: Option<Arc<str>>,
}

/// How long each step took to a connection that is ready for MQTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opening {
    /// The TCP connection; `None` of a Unix socket.
    pub tcp: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// The upgrade to WebSocket.
    pub web_socket: Option<Duration>,
}

/// Why a connection was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the TLS handshake failed: {0}")]
    Tls(io::Error),
    #[error("the WebSocket handshake failed: {0}")]
    WebSocket(String),
}

impl Dialer {
    /// Speaks MQTT on the socket itself.
    pub(crate) fn plain(address: Address) -> Self {
        Self { address, tls: None, web_socket: None }
    }

    /// Speaks what the scheme of `endpoint` says.
    pub(crate) fn new(
        endpoint: &Endpoint,
        address: Address,
        options: &TlsOptions,
    ) -> Result<Self, TlsError> {
        let tls = match (&endpoint.place, endpoint.scheme.is_secure()) {
            (Place::Network { host, .. }, true) => Some(Tls::new(host, options)?),
            _ => None,
        };
        let web_socket = endpoint.scheme.is_web_socket().then(|| endpoint.to_string().into());
        Ok(Self { address, tls, web_socket })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Opens a connection, from this source address if it matters. All that lies below MQTT has
    /// been agreed on when it is there.
    pub(crate) async fn open(
        &self,
        source: Option<IpAddr>,
    ) -> Result<(Stream, Opening), OpenError> {
        let mut steps = Steps(Instant::now());
        let mut opening = Opening::default();
        let stream = match &self.address {
            Address::Unix(path) => {
                return Ok((Stream::Unix(connect_unix(path).await?), opening));
            }
            Address::Network(address) => connect(*address, source).await?,
        };
        opening.tcp = Some(steps.step());
        let stream = match (&self.tls, &self.web_socket) {
            (None, None) => Stream::Tcp(stream),
            (Some(tls), None) => {
                let stream = tls.connect(stream).await?;
                opening.tls = Some(steps.step());
                Stream::Duplex(Box::new(stream))
            }
            (None, Some(url)) => {
                let stream = web_socket::connect(url, stream).await?;
                opening.web_socket = Some(steps.step());
                Stream::Duplex(Box::new(stream))
            }
            (Some(tls), Some(url)) => {
                let stream = tls.connect(stream).await?;
                opening.tls = Some(steps.step());
                let stream = web_socket::connect(url, stream).await?;
                opening.web_socket = Some(steps.step());
                Stream::Duplex(Box::new(stream))
            }
        };
        Ok((stream, opening))
    }
}

/// Times steps that follow each other.
struct Steps(Instant);

impl Steps {
    fn step(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now))
    }
}

async fn connect(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source {
        // Else a port that an earlier run left in TIME_WAIT could not be used.
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A Unix socket whose listener is behind refuses at once, where TCP would try again. The caller has
/// a deadline.
async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(UNIX_RETRY).await;
            }
            result => return result,
        }
    }
}

/// A connection whose bytes are not those of its socket.
///
/// It may hold back what it has taken until it is flushed; how much is bounded.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin {
    /// The socket below.
    fn socket(&self) -> &TcpStream;
}

impl fmt::Debug for dyn Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Duplex").field(self.socket()).finish()
    }
}

impl Duplex for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

/// A connection that was just opened: the runtime watches it until MQTT has been agreed on.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Duplex(Box<dyn Duplex>),
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Duplex(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Duplex(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
            Self::Duplex(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Duplex(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_comes_from_the_source_address_that_was_chosen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let source: IpAddr = "127.0.0.2".parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stream = runtime.block_on(connect(address, Some(source))).unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), source);
    }

    #[test]
    fn a_unix_socket_whose_listener_is_behind_is_waited_for() {
        let name = format!("kelvin-loadgen-queue-{}.socket", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let listener = listener.unwrap();
        listener.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let first = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let in_vain = tokio::time::timeout(10 * UNIX_RETRY, connect_unix(&path)).await;
            assert!(in_vain.is_err(), "the queue holds one");
            listener.accept().unwrap();
            connect_unix(&path).await.unwrap();
        });
        drop(first);
        std::fs::remove_file(path).unwrap();
    }
}
