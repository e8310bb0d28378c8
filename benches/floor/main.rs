//! `floor PORT`: a relay that does next to nothing, to say what any broker must pay for its sockets.
//!
//! It frames what comes, answers CONNECT, SUBSCRIBE, PINGREQ and the handshakes of QoS 1 and 2, and appends
//! each PUBLISH as it came to the output of those who subscribed to its very Topic Name, or to the level above
//! it and `/+`. Sockets, reads, writes and batches are the broker's: one `current_thread` runtime, one read
//! buffer, each dirty connection written once when all tasks that were ready have run.
//!
//! What makes a broker is left out: it checks nothing, keeps no session, no retained message and no state of
//! a delivery, sends the Packet Identifiers of the publisher on, limits nothing and counts nothing. A Packet
//! Identifier may therefore meet itself where several publishers reach one subscriber at QoS 2.

mod frame;
mod relay;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

// For the allocator, which is that of the binaries.
use benches as _;
use relay::Relay;
use tokio::net::TcpSocket;

/// Connections that may wait to be accepted; the system lowers it to what it allows.
const BACKLOG: u32 = 65_535;

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let port =
        port.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "usage: floor PORT"))?;
    run(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), |_| {})
}

/// Relays at this address; `listening` is told which it is.
fn run(address: SocketAddr, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        listening(listener.local_addr()?);
        Rc::new(Relay::default()).serve(listener).await
    })
}
