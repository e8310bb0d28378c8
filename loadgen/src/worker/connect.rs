//! Opening the connections: before the load one after the other, a bounded number of handshakes at a
//! time; under load when the scenario says so.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use super::Worker;
use super::connection::{Connection, End};
use super::handshake::{Accepted, ConnectError};
use crate::client::{Client, ClientError, Memory};
use crate::mqtt::{Encoder, Version};
use crate::recorder::Receiver;
use crate::scenario::{Connecting, Meeting};
use crate::transport::{Address, CONNECTIONS_PER_SOURCE, Link};

/// Handshakes at a time for each worker: enough to keep both sides busy, and below the 100 that some
/// listeners queue; beyond it, a connection waits a second for its next attempt.
const HANDSHAKES_MAX: usize = 64;

/// From the start of the connection to the CONNACK at most.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

impl Worker {
    /// Opens the connections. Those of groups that say nothing about it come one after the other until
    /// one fails, as fast as the bound on handshakes and `--connect-rate` allow; the others when their
    /// group says so. Each then reads until it ends.
    pub(super) async fn connect_all(self: Rc<Self>) {
        let plan = &self.setup.plan;
        let mut usual = Vec::new();
        let mut last = None;
        for (place, client) in self.clients.iter().enumerate() {
            let (number, _) = plan.group_of(*client);
            let group = plan.group(number);
            let is_usual = group.presence.start_ns.is_none()
                && group.connect == Connecting { arrival: Meeting::Spread, interval_ns: 0 };
            if is_usual {
                usual.push(place);
            } else if last.replace(number) != Some(number) {
                tokio::task::spawn_local(Rc::clone(&self).connect_group(number));
            }
        }
        self.connect_in_turn(usual).await;
    }

    async fn connect_in_turn(self: Rc<Self>, places: Vec<usize>) {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        let workers = f64::from(self.setup.scenario.threads);
        let interval =
            self.setup.scenario.connect_rate.map(|rate| Duration::from_secs_f64(workers / rate));
        let start = Instant::now();
        for (place, turn) in places.into_iter().zip(0..) {
            if let Some(interval) = interval {
                sleep_until(start + interval * turn).await;
            }
            let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else {
                return;
            };
            if self.connect_stopped.get() {
                return;
            }
            tokio::task::spawn_local(Rc::clone(&self).serve(place, Some(permit)));
        }
    }

    /// Opens the connections of a group at its own times.
    async fn connect_group(self: Rc<Self>, number: usize) {
        let plan = &self.setup.plan;
        let offsets = plan.connect_offsets(number);
        let first_client = plan.clients_of_group(number).start;
        let start = match plan.group(number).presence.start_ns {
            None => Instant::now(),
            Some(start_ns) => {
                let schedule = self.load_started().await;
                let now_ns = self.setup.clock.now_ns();
                let wait_ns = schedule.at(start_ns).saturating_sub(now_ns);
                Instant::now() + Duration::from_nanos(wait_ns)
            }
        };
        for (place, client) in self.clients.iter().enumerate() {
            if plan.group_of(*client).0 != number {
                continue;
            }
            let offset_ns = offsets.get((client - first_client) as usize).copied().unwrap_or(0);
            sleep_until(start + Duration::from_nanos(offset_ns)).await;
            if self.connect_stopped.get() || self.finishing.get() {
                return;
            }
            tokio::task::spawn_local(Rc::clone(&self).serve(place, None));
        }
    }

    /// One client from its first connection to its last end.
    async fn serve(self: Rc<Self>, place: usize, permit: Option<OwnedSemaphorePermit>) {
        let client = self.clients.get(place).copied().unwrap_or(0);
        if let Some(life) = self.setup.plan.life(client) {
            return Box::pin(self.live(place, life, permit)).await;
        }
        let mut memory = Memory::default();
        let Some(connection) = Box::pin(self.open(place, &mut memory, 0)).await else {
            return;
        };
        drop(permit);
        if !connection.is_watched() {
            let end = self.read(&connection).await;
            self.ended(place, &connection, &end);
        }
    }

    /// A connection of the client in this place that its plan ends `leaves_ns` into the load. When it
    /// cannot be opened, the memory is what it was.
    pub(super) async fn open(
        self: &Rc<Self>,
        place: usize,
        memory: &mut Memory,
        leaves_ns: u64,
    ) -> Option<Rc<Connection>> {
        let (mut client, connect) = match self.client(place, leaves_ns, memory) {
            Ok(both) => both,
            Err(error) => {
                let source = ClientError::Encode(error);
                let address = self.dialer(place).address().clone();
                self.failed(ConnectError::Protocol { address, source });
                return None;
            }
        };
        let dialer = self.dialer(place);
        let handshake = self.handshake(&mut client, &connect, dialer, self.source(place));
        // In a box, so that its state is freed when it is over.
        let error = match Box::pin(timeout(HANDSHAKE_DEADLINE, handshake)).await {
            Ok(Ok(accepted)) => match self.watch(place, &accepted.link) {
                Ok(()) => return Some(self.accepted(place, client, accepted)),
                Err(source) => ConnectError::Io { address: dialer.address().clone(), source },
            },
            Ok(Err(error)) => error,
            Err(_elapsed) => ConnectError::Deadline(dialer.address().clone()),
        };
        client.remember(memory);
        self.failed(error);
        None
    }

    /// Has the queue tell of a socket. Layers are read by the task of their client.
    fn watch(&self, place: usize, link: &Link) -> io::Result<()> {
        link.socket().map_or(Ok(()), |socket| self.queue.watch(socket, place))
    }

    fn accepted(
        self: &Rc<Self>,
        place: usize,
        client: Client,
        accepted: Accepted,
    ) -> Rc<Connection> {
        let Accepted { link, rest, limits, at_ns } = accepted;
        let number = self.clients.get(place).copied().unwrap_or(0);
        let group = self.setup.plan.group(self.setup.plan.group_of(number).0);
        let receiver = Receiver {
            place: self.subscribers.binary_search(&number).unwrap_or(usize::MAX),
            connected_ns: at_ns,
            subscribed_ns: std::cell::Cell::new(0),
        };
        let keep_alive = limits.keep_alive_seconds.unwrap_or(group.connection.keep_alive_seconds);
        let mut connection = Connection::new(receiver, link, client, rest, keep_alive);
        if let Some(rate) = group.read_bytes_per_second {
            connection.read_bytes_per_second = rate;
        }
        if connection.is_watched() && self.setup.plan.life(number).is_some() {
            connection.owner = Some(Box::default());
        }
        let connection = Rc::new(connection);
        if let Some(free) = self.connections.borrow_mut().get_mut(place) {
            *free = Some(Rc::clone(&connection));
        }
        if connection.is_watched() {
            self.receive_early(place, &connection);
        }
        connection
    }

    /// The connection in this place ended, and not by plan.
    pub(super) fn ended(self: &Rc<Self>, place: usize, connection: &Rc<Connection>, end: &End) {
        if let End::Client(error) = end {
            self.complain(connection, error);
        }
        connection.failed.set(true);
        let failure = connection.failure.take().map(|failure| failure.to_string());
        self.closed(place, failure.unwrap_or_else(|| end.to_string()));
    }

    /// Tells a broker of MQTT 5 what was wrong, section 4.13.
    fn complain(self: &Rc<Self>, connection: &Rc<Connection>, error: &ClientError) {
        let mut packet = BytesMut::new();
        let encoded = Encoder::new(&mut packet).disconnect_because(error.reason_code());
        if connection.client.borrow().version() == Version::V5 && encoded.is_ok() {
            self.send(connection, &packet);
        }
    }

    /// A connection was not opened: before the load no further one is tried, under load it is counted.
    fn failed(&self, error: ConnectError) {
        let mut recorder = self.recorder.borrow_mut();
        recorder.counters.connect_failed += 1;
        if self.load.get().is_some() {
            recorder.connect_failure.get_or_insert_with(|| error.to_string());
        } else if !self.connect_stopped.replace(true) {
            self.connect_failure.replace(Some(error));
        }
    }

    /// The source address for this place: one of those that were asked for; else a loopback broker is
    /// reached from as many addresses as
    /// its connections need ports; any other from the one that the system chooses.
    fn source(&self, place: usize) -> Option<IpAddr> {
        let workers = u32::from(self.setup.scenario.threads);
        let number = u32::try_from(place).unwrap_or(u32::MAX).saturating_mul(workers);
        let number = number.saturating_add(self.number);
        let chosen = &self.setup.scenario.options.source_addresses;
        if !chosen.is_empty() {
            return chosen.get(number as usize % chosen.len()).copied();
        }
        let clients = self.setup.scenario.clients();
        let is_loopback_v4 = match self.dialer(place).address() {
            Address::Network(address) => address.is_ipv4() && address.ip().is_loopback(),
            Address::Unix(_) => false,
        };
        if clients <= CONNECTIONS_PER_SOURCE || !is_loopback_v4 {
            return None;
        }
        source_address(number)
    }
}

/// The loopback address for the connection with this number.
fn source_address(number: u32) -> Option<IpAddr> {
    let host = number / CONNECTIONS_PER_SOURCE + 1;
    let base = u32::from(Ipv4Addr::LOCALHOST) - 1;
    // Every address of 127.0.0.0/8 is this machine.
    (host < 1 << 24).then(|| IpAddr::V4(Ipv4Addr::from(base + host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_address_serves_14000_connections() {
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(source_address(0), address("127.0.0.1"));
        assert_eq!(source_address(13_999), address("127.0.0.1"));
        assert_eq!(source_address(14_000), address("127.0.0.2"));
        assert_eq!(source_address(1_000_000), address("127.0.0.72"));
    }
}
