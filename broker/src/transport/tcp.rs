//! TCP listeners.

use std::io;
use std::net::{SocketAddr, TcpListener};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Connections that the system holds until they are accepted; it caps this at its own limit.
const BACKLOG: i32 = 4096;

/// Opens a listener. The port is this process's alone: without `SO_REUSEPORT`, a second broker on
/// it fails instead of taking half of the clients.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if INHERITS {
        set_options(&socket)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Whether a connection has the options of its listener: two calls less for each.
const INHERITS: bool = cfg!(target_os = "linux");

/// Sets what every connection has, unless it has that from its listener.
pub(super) fn configure(stream: &TcpStream) -> io::Result<()> {
    if INHERITS { Ok(()) } else { set_options(&SockRef::from(stream)) }
}

/// No delay for small writes, and a probe that finds peers which are gone without a word when the
/// Client asked for no keep alive.
fn set_options(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_keepalive(true)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_connection_delays_nothing_and_is_probed() {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let _peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let stream = TcpStream::from_std(stream);
        configure(&stream).unwrap();
        assert!(stream.nodelay().unwrap());
        assert!(SockRef::from(&stream).keepalive().unwrap());
    }
}
