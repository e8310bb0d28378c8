//! New Network Connections: accepted, counted, given to a shard.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use tokio::time::Instant;

use super::Driver;
use super::arrival::Arrival;
use super::readiness::Registrar;
use crate::transport::{Acceptor, Detached, Entrance, Origin, Peer, Protocol};

/// Pause after a failed accept: out of descriptors or of memory, which a busy loop will not mend.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections of one listener that are accepted before others have their turn.
const ACCEPTS_PER_TURN: usize = 128;

/// The listeners of a shard, by the numbers that its queue knows them by.
#[derive(Debug, Default)]
pub(super) struct Doors(Vec<Door>);

#[derive(Debug)]
struct Door {
    acceptor: Acceptor,
    origin: Arc<Origin>,
    state: DoorState,
    /// Whether the last accept failed.
    is_failing: bool,
}

/// Whether anybody waits at a door. A listener's events are edges: what one of them said is not said again.
#[derive(Clone, Copy, Debug)]
enum DoorState {
    Quiet,
    Ready,
    LockedUntil(Instant),
}

impl Doors {
    pub(super) fn open(entrances: Vec<Entrance>, registrar: &Registrar) -> Self {
        let mut doors = Vec::with_capacity(entrances.len());
        for Entrance { listener, origin } in entrances {
            let mut acceptor = Acceptor::from(listener);
            match registrar.register_listener(acceptor.source(), doors.len()) {
                Ok(()) => {}
                Err(error) => {
                    tracing::error!("cannot accept connections: {error}");
                    continue;
                }
            }
            doors.push(Door { acceptor, origin, state: DoorState::Quiet, is_failing: false });
        }
        Self(doors)
    }

    /// Notes that somebody waits at a door.
    pub(super) fn knock(&mut self, number: usize) {
        if let Some(door) = self.0.get_mut(number)
            && matches!(door.state, DoorState::Quiet)
        {
            door.state = DoorState::Ready;
        }
    }

    /// Whether there may be somebody to be let in now.
    pub(super) fn are_ready(&self) -> bool {
        self.0.iter().any(|door| matches!(door.state, DoorState::Ready))
    }

    /// When a door is to be tried again.
    pub(super) fn next(&self) -> Option<Instant> {
        let locked = self.0.iter().filter_map(|door| match door.state {
            DoorState::LockedUntil(until) => Some(until),
            DoorState::Quiet | DoorState::Ready => None,
        });
        locked.min()
    }

    /// Has doors tried again whose pause is over.
    pub(super) fn unlock(&mut self, now: Instant) {
        for door in &mut self.0 {
            if matches!(door.state, DoorState::LockedUntil(until) if until <= now) {
                door.state = DoorState::Ready;
            }
        }
    }

    /// Lets in who waits.
    pub(super) fn accept(&mut self, driver: &Rc<Driver>) {
        for door in &mut self.0 {
            if matches!(door.state, DoorState::Ready) {
                door.accept(driver);
            }
        }
    }
}

impl Door {
    fn accept(&mut self, driver: &Rc<Driver>) {
        for _ in 0..ACCEPTS_PER_TURN {
            match self.acceptor.accept() {
                Ok((stream, peer)) => {
                    self.is_failing = false;
                    driver.welcome(&self.acceptor, &self.origin, stream, peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.state = DoorState::Quiet;
                    return;
                }
                Err(error) => {
                    driver.shared.count_failed_accept();
                    if !std::mem::replace(&mut self.is_failing, true) {
                        tracing::error!("cannot accept a connection, trying on: {error}");
                    }
                    self.state = DoorState::LockedUntil(Instant::now() + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }
}

impl Driver {
    /// Takes in what was accepted, if there is room.
    fn welcome(
        self: &Rc<Self>,
        acceptor: &Acceptor,
        origin: &Arc<Origin>,
        stream: Detached,
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
            (Detached::Tcp(stream), Some(protocol)) => {
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
                self.take_in(Detached::Duplex(duplex), arrival);
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

    fn take_in(self: &Rc<Self>, stream: Detached, arrival: Arrival) {
        if self.shared.group().shards() == 1 && self.shared.access().is_none() {
            return self.adopt(stream, arrival, &[], None);
        }
        match stream.attach() {
            Ok(stream) => {
                tokio::task::spawn_local(Rc::clone(self).find_shard(stream, arrival));
            }
            Err(error) => tracing::error!("connection from {} got lost: {error}", arrival.peer),
        }
    }
}
