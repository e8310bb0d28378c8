//! New Network Connections: accepted, counted, given to a shard.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::Driver;
use super::arrival::Arrival;
use crate::transport::{Acceptor, Entrance, Origin, Peer, Protocol, Stream};

/// Pause after a failed accept: out of descriptors or of memory, which a busy loop will not mend.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Driver {
    /// Accepts for as long as the runtime lives.
    pub(super) async fn accept(self: Rc<Self>, entrance: Entrance) {
        let Entrance { listener, origin } = entrance;
        let acceptor = match listener.attach() {
            Ok(acceptor) => acceptor,
            Err(error) => return tracing::error!("cannot accept connections: {error}"),
        };
        let mut failing = false;
        loop {
            match acceptor.accept().await {
                Ok((stream, peer)) => {
                    failing = false;
                    self.welcome(&acceptor, &origin, stream, peer);
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
    fn welcome(
        self: &Rc<Self>,
        acceptor: &Acceptor,
        origin: &Arc<Origin>,
        stream: Stream,
        peer: Peer,
    ) {
        let permit = match self.shared.permits().take(peer.address(), self.now()) {
            Ok(permit) => permit,
            Err(limit) => return self.log.refused_connection(peer, limit),
        };
        if let Err(error) = stream.configure() {
            return tracing::debug!("connection from {peer} failed at once: {error}");
        }
        let origin = Arc::clone(origin);
        let arrival = Arrival { peer, permit, origin, since: self.now() };
        match (stream, acceptor.protocol()) {
            (Stream::Tcp(stream), Some(protocol)) => {
                let protocol = protocol.clone();
                let handshake = Rc::clone(self).shake_hands(stream, arrival, protocol);
                tokio::task::spawn_local(handshake);
            }
            (stream, _) => self.take_in(stream, arrival),
        }
    }

    /// Speaks what lies below MQTT, within its deadline.
    async fn shake_hands(
        self: Rc<Self>,
        stream: TcpStream,
        mut arrival: Arrival,
        protocol: Protocol,
    ) {
        let peer = arrival.peer;
        let limits = self.shared.limits();
        let handshake = async {
            let _turn = self.handshakes.acquire().await;
            protocol.accept(stream, limits.connect_packet_bytes_max).await
        };
        match tokio::time::timeout(limits.handshake_timeout, handshake).await {
            Ok(Ok(duplex)) => {
                if let Some(name) = duplex.common_name() {
                    tracing::debug!("{peer} shows a certificate of {name:?}");
                }
                arrival.since = self.now();
                self.take_in(Stream::Duplex(duplex), arrival);
            }
            Ok(Err(error)) => {
                self.shared.count_failed_handshake();
                self.log.failed_handshake(peer, &error);
            }
            Err(_) => {
                self.shared.count_handshake_timeout();
                self.log.failed_handshake(peer, &"the handshake was not over in time");
            }
        }
    }

    fn take_in(self: &Rc<Self>, stream: Stream, arrival: Arrival) {
        if self.shared.group().shards() == 1 && self.shared.access().is_none() {
            match stream.release() {
                Ok(stream) => self.adopt(stream, arrival, &[], None),
                Err(error) => tracing::error!("connection from {} got lost: {error}", arrival.peer),
            }
        } else {
            tokio::task::spawn_local(Rc::clone(self).find_shard(stream, arrival));
        }
    }
}
