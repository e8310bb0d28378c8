//! Opening the connections: a bounded number of handshakes at a time, each with a deadline.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::Connection;
use super::{Worker, template};
use crate::client::{Client, ClientError, Event, Publisher};
use crate::mqtt::{Decoder, EncodeError, ReturnCode};

/// Handshakes at a time for each worker: enough to keep both sides busy, and below the 100 that some
/// listeners queue; beyond it, a connection waits a second for its next attempt.
const HANDSHAKES_MAX: usize = 64;

/// From the start of the TCP connection to the CONNACK at most.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// Connections that one source address can open to one port: Linux has 28,232 ports for them.
const CONNECTIONS_FROM_ONE_ADDRESS: u32 = 28_000;

/// Connections from each source address once several are needed; other programs use ports too.
const CONNECTIONS_PER_ADDRESS: u32 = 20_000;

/// A CONNACK is 4 bytes, and nothing may follow it before a subscription.
const HANDSHAKE_BYTES: usize = 256;

/// Why a connection was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens there.
    #[error(
        "cannot connect to {0}: connection refused; is a broker running there? Leave --broker out \
         to use the embedded one"
    )]
    Absent(SocketAddr),
    /// TCP failed.
    #[error("cannot connect to {address}: {source}")]
    Io {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No local port is free.
    #[error(
        "cannot connect to {0}: every local port is in use; lower --clients, or wait a minute \
         until the ports of an earlier run are free"
    )]
    Ports(SocketAddr),
    /// The broker closed the connection instead of answering.
    #[error("the broker at {0} closed the connection instead of answering CONNECT")]
    Closed(SocketAddr),
    /// The broker refused the connection.
    #[error("the broker at {address} refused CONNECT: {code} (return code {})", *.code as u8)]
    Refused {
        /// Where.
        address: SocketAddr,
        /// Why.
        code: ReturnCode,
    },
    /// The broker sent something else.
    #[error("the handshake with {address} failed: {source}")]
    Protocol {
        /// Where.
        address: SocketAddr,
        /// What.
        source: ClientError,
    },
    /// The broker did not answer.
    #[error("the broker at {0} did not answer CONNECT within 10 s")]
    Deadline(SocketAddr),
}

impl Worker {
    /// Opens the connections one after the other until one fails, as fast as the bound on
    /// handshakes and `--connect-rate` allow. Each then reads until it ends.
    pub(super) async fn connect_all(self: Rc<Self>) {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        let workers = f64::from(self.setup.scenario.threads);
        let interval =
            self.setup.scenario.connect_rate.map(|rate| Duration::from_secs_f64(workers / rate));
        let start = Instant::now();
        for (place, turn) in (0..self.places()).zip(0..) {
            if let Some(interval) = interval {
                sleep_until(start + interval * turn).await;
            }
            let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else {
                return;
            };
            if self.connect_stopped.get() {
                return;
            }
            tokio::task::spawn_local(Rc::clone(&self).serve(place, permit));
        }
    }

    /// One client from its connection to its end.
    async fn serve(self: Rc<Self>, place: usize, permit: OwnedSemaphorePermit) {
        // In a box, so that the handshake's state is freed when it is over.
        let handshake = Box::pin(timeout(HANDSHAKE_DEADLINE, self.handshake(place)));
        let address = self.setup.address;
        let connection = match handshake.await {
            Ok(Ok(connection)) => Rc::new(connection),
            Ok(Err(error)) => return self.failed(error),
            Err(_elapsed) => return self.failed(ConnectError::Deadline(address)),
        };
        if let Some(free) = self.connections.borrow_mut().get_mut(place) {
            *free = Some(Rc::clone(&connection));
        }
        drop(permit);
        let end = self.read(&connection).await;
        connection.failed.set(true);
        let failure = connection.failure.take().map(|failure| failure.to_string());
        self.closed(place, failure.unwrap_or_else(|| end.to_string()));
    }

    fn failed(&self, error: ConnectError) {
        self.recorder.borrow_mut().counters.connect_failed += 1;
        if !self.connect_stopped.replace(true) {
            self.connect_failure.replace(Some(error));
        }
    }

    async fn handshake(&self, place: usize) -> Result<Connection, ConnectError> {
        let address = self.setup.address;
        let protocol = |source| ConnectError::Protocol { address, source };
        let encode = |error: EncodeError| protocol(ClientError::Encode(error));
        let (mut client, identifier) = self.client(place).map_err(encode)?;
        let connect = Client::connect(&identifier).map_err(encode)?;
        let started_ns = self.setup.clock.now_ns();
        let io = |source| failure(address, source);
        let stream = open(address, self.source(place)).await.map_err(io)?;
        write_all(&stream, &connect).await.map_err(io)?;
        let mut decoder = Decoder::new(HANDSHAKE_BYTES);
        let mut received = Vec::new();
        loop {
            read_some(&stream, &mut received).await.map_err(io)?;
            let Some((packet, length)) =
                decoder.next(&received).map_err(|error| protocol(error.into()))?
            else {
                continue;
            };
            match client.handle(packet, &mut BytesMut::new()).map_err(protocol)? {
                Event::Refused(code) => return Err(ConnectError::Refused { address, code }),
                Event::Connected => {
                    let now_ns = self.setup.clock.now_ns();
                    self.recorder.borrow_mut().connected(now_ns - started_ns);
                    let subscriber = place.saturating_sub(self.publishers.len());
                    let rest = received.split_off(length);
                    let new = Connection::new(subscriber, stream, client, rest, now_ns);
                    return Ok(new);
                }
                _ => return Err(protocol(ClientError::OutOfPlace("packet before CONNACK"))),
            }
        }
    }

    /// The client for this place and its Client Identifier, which has at most 23 characters, all
    /// that a server must take `[MQTT-3.1.3-5]`.
    fn client(&self, place: usize) -> Result<(Client, String), EncodeError> {
        let setup = &self.setup;
        let tag = String::from_utf8_lossy(&setup.tag);
        if let Some(&number) = self.publishers.get(place) {
            let template = match &self.template {
                Some(shared) => Rc::clone(shared),
                None => template(setup, number)?,
            };
            let offset_ns = setup.plan.offset_ns(number);
            let publisher =
                Publisher::new(number, offset_ns, template, setup.tag, setup.scenario.seed);
            let identifier = format!("kelvin-{tag}-p-{number}");
            return Ok((Client::new(Some(Box::new(publisher))), identifier));
        }
        let number = self.subscribers.get(place - self.publishers.len()).copied().unwrap_or(0);
        Ok((Client::new(None), format!("kelvin-{tag}-s-{number}")))
    }

    /// The source address for this place: a loopback broker is reached from as many addresses as
    /// its connections need ports; any other from the one that the system chooses.
    fn source(&self, place: usize) -> Option<IpAddr> {
        let clients = self.setup.scenario.clients();
        let is_loopback_v4 = matches!(self.setup.address.ip(), IpAddr::V4(ip) if ip.is_loopback());
        if clients <= CONNECTIONS_FROM_ONE_ADDRESS || !is_loopback_v4 {
            return None;
        }
        let workers = u32::from(self.setup.scenario.threads);
        let number = u32::try_from(place).unwrap_or(u32::MAX).saturating_mul(workers);
        source_address(number.saturating_add(self.number))
    }
}

/// The loopback address for the connection with this number.
fn source_address(number: u32) -> Option<IpAddr> {
    let host = number / CONNECTIONS_PER_ADDRESS + 1;
    let base = u32::from(Ipv4Addr::LOCALHOST) - 1;
    // Every address of 127.0.0.0/8 is this machine.
    (host < 1 << 24).then(|| IpAddr::V4(Ipv4Addr::from(base + host)))
}

fn failure(address: SocketAddr, source: io::Error) -> ConnectError {
    match source.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::Absent(address),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => ConnectError::Ports(address),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => ConnectError::Closed(address),
        _ => ConnectError::Io { address, source },
    }
}

async fn open(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
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

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Appends what arrives next.
async fn read_some(stream: &TcpStream, received: &mut Vec<u8>) -> io::Result<()> {
    loop {
        stream.readable().await?;
        let mut buffer = [0; HANDSHAKE_BYTES];
        match stream.try_read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                received.extend_from_slice(&buffer[..length]);
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_address_serves_20000_connections() {
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(source_address(0), address("127.0.0.1"));
        assert_eq!(source_address(19_999), address("127.0.0.1"));
        assert_eq!(source_address(20_000), address("127.0.0.2"));
        assert_eq!(source_address(1_000_000), address("127.0.0.51"));
    }

    #[test]
    fn a_connection_comes_from_the_source_address_that_was_chosen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stream = runtime.block_on(open(address, source_address(20_000))).unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), source_address(20_000).unwrap());
    }

    #[test]
    fn an_absent_broker_is_named_with_the_cure() {
        let address = "127.0.0.1:1883".parse().unwrap();
        let error = failure(address, io::ErrorKind::ConnectionRefused.into());
        assert_eq!(
            error.to_string(),
            "cannot connect to 127.0.0.1:1883: connection refused; is a broker running there? \
             Leave --broker out to use the embedded one"
        );
        let refusal = ConnectError::Refused { address, code: ReturnCode::NotAuthorized };
        let text = "the broker at 127.0.0.1:1883 refused CONNECT: not authorized (return code 5)";
        assert_eq!(refusal.to_string(), text);
    }
}
