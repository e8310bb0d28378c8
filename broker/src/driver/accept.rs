//! New Network Connections: accepted, counted, given to a shard.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::Driver;
use crate::transport::tcp;

/// Pause after a failed accept: out of descriptors or of memory, which a busy loop will not mend.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Driver {
    /// Accepts for as long as the runtime lives.
    pub(super) async fn accept(self: Rc<Self>, listener: TcpListener) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!("cannot accept connections: {error}"),
        };
        let mut failing = false;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    failing = false;
                    self.welcome(stream, peer);
                }
                Err(error) => {
                    self.shared.count_failed_accept();
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!("cannot accept a connection, trying on: {error}");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Takes in what was accepted, if there is room.
    fn welcome(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        let permit = match self.shared.permits().take(Some(peer.ip()), self.now()) {
            Ok(permit) => permit,
            Err(limit) => return self.log.refused_connection(peer, limit),
        };
        if let Err(error) = tcp::configure(&stream) {
            return tracing::debug!("connection from {peer} failed at once: {error}");
        }
        if self.shared.group().shards() == 1 && self.shared.access().is_none() {
            self.adopt(stream, peer, permit, &[], None);
        } else {
            tokio::task::spawn_local(Rc::clone(self).find_shard(stream, peer, permit));
        }
    }
}
