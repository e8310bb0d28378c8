//! TCP listeners.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

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
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Sets what every connection has: no delay for small writes, and a probe that finds peers which
/// are gone without a word when the Client asked for no keep alive.
pub(super) fn configure(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    socket2::SockRef::from(stream).set_keepalive(true)
}
