//! Opening the connections: a bounded number of handshakes at a time, each with a deadline.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::Connection;
use super::read::End;
use super::{Worker, packet_bytes_max, templates};
use crate::client::{Client, ClientError, Event, Publisher, TOPIC_ALIASES_MAX};
use crate::mqtt::{
    Connect, Decoder, EncodeError, Encoder, Refusal, ServerLimits, Version, WillMessage,
};
use crate::scenario::CLIENT_NUMBER;
use crate::transport::{Address, OpenError, Stream};

/// Handshakes at a time for each worker: enough to keep both sides busy, and below the 100 that some
/// listeners queue; beyond it, a connection waits a second for its next attempt.
const HANDSHAKES_MAX: usize = 64;

/// From the start of the connection to the CONNACK at most.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// Connections that one source address can open to one port: Linux has 28,232 ports for them.
const CONNECTIONS_FROM_ONE_ADDRESS: u32 = 28_000;

/// Connections from each source address once several are needed; other programs use ports too.
const CONNECTIONS_PER_ADDRESS: u32 = 20_000;

/// Bytes of a read in the handshake. A CONNACK of MQTT 3 is 4 bytes, and nothing may follow it before
/// a subscription.
const HANDSHAKE_BYTES: usize = 256;

/// Bytes of a CONNACK of MQTT 5 at most: room for a few properties with texts.
const CONNACK_BYTES_MAX: usize = 64 * 1024;

/// Why a connection was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens there.
    #[error(
        "cannot connect to {0}: connection refused; is a broker running there? Leave --broker out \
         to use the embedded one"
    )]
    Absent(Address),
    /// TCP failed.
    #[error("cannot connect to {address}: {source}")]
    Io {
        /// Where.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// No local port is free.
    #[error(
        "cannot connect to {0}: every local port is in use; lower --clients, or wait a minute \
         until the ports of an earlier run are free"
    )]
    Ports(Address),
    /// The broker closed the connection instead of answering.
    #[error("the broker at {0} closed the connection instead of answering CONNECT")]
    Closed(Address),
    /// The broker refused the connection.
    #[error("the broker at {address} refused CONNECT: {refusal}")]
    Refused {
        /// Where.
        address: Address,
        /// Why.
        refusal: Refusal,
    },
    /// The broker takes no such publications.
    #[error("the broker at {address} takes {limit}")]
    Limit {
        /// Where.
        address: Address,
        /// What it takes, and what to type.
        limit: String,
    },
    /// TLS or WebSocket could not be agreed on.
    #[error("cannot connect to {address}: {reason}")]
    Handshake {
        /// Where.
        address: Address,
        /// Why.
        reason: String,
    },
    /// The broker sent something else.
    #[error("the handshake with {address} failed: {source}")]
    Protocol {
        /// Where.
        address: Address,
        /// What.
        source: ClientError,
    },
    /// The broker did not answer.
    #[error("the broker at {0} did not answer CONNECT within 10 s")]
    Deadline(Address),
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
        let connection = match handshake.await {
            Ok(Ok(connection)) => Rc::new(connection),
            Ok(Err(error)) => return self.failed(error),
            Err(_elapsed) => return self.failed(ConnectError::Deadline(self.address())),
        };
        if let Some(free) = self.connections.borrow_mut().get_mut(place) {
            *free = Some(Rc::clone(&connection));
        }
        drop(permit);
        let end = self.read(&connection).await;
        if let End::Client(error) = &end {
            self.complain(&connection, error);
        }
        connection.failed.set(true);
        let failure = connection.failure.take().map(|failure| failure.to_string());
        self.closed(place, failure.unwrap_or_else(|| end.to_string()));
    }

    /// Tells a broker of MQTT 5 what was wrong, section 4.13.
    fn complain(self: &Rc<Self>, connection: &Rc<Connection>, error: &ClientError) {
        let mut packet = BytesMut::new();
        let encoded = Encoder::new(&mut packet).disconnect_because(error.reason_code());
        if self.setup.scenario.version == Version::V5 && encoded.is_ok() {
            self.send(connection, &packet);
        }
    }

    fn failed(&self, error: ConnectError) {
        self.recorder.borrow_mut().counters.connect_failed += 1;
        if !self.connect_stopped.replace(true) {
            self.connect_failure.replace(Some(error));
        }
    }

    fn address(&self) -> Address {
        self.setup.dialer.address().clone()
    }

    async fn handshake(&self, place: usize) -> Result<Connection, ConnectError> {
        let protocol = |source| ConnectError::Protocol { address: self.address(), source };
        let encode = |error: EncodeError| protocol(ClientError::Encode(error));
        let io = |error| failure(self.address(), error);
        let (mut client, connect) = self.client(place).map_err(encode)?;
        let connect = connect.encode().map_err(encode)?;
        let started_ns = self.setup.clock.now_ns();
        let opened = self.setup.dialer.open(self.source(place)).await;
        let (mut stream, opening) = opened.map_err(|error| refused(self.address(), error))?;
        let opened_ns = self.setup.clock.now_ns();
        stream.write_all(&connect).await.map_err(io)?;
        stream.flush().await.map_err(io)?;
        let mut decoder = Decoder::new(self.setup.scenario.version, CONNACK_BYTES_MAX);
        let mut received = Vec::new();
        loop {
            read_some(&mut stream, &mut received).await.map_err(io)?;
            let Some((packet, length)) =
                decoder.next(&received).map_err(|error| protocol(error.into()))?
            else {
                continue;
            };
            let now_ns = self.setup.clock.now_ns();
            match client.handle(packet, now_ns, &mut BytesMut::new()).map_err(protocol)? {
                Event::Refused(answer) => {
                    let refusal = answer.refusal().ok_or_else(|| {
                        protocol(ClientError::OutOfPlace("CONNACK that says nothing"))
                    })?;
                    return Err(ConnectError::Refused { address: self.address(), refusal });
                }
                Event::Connected(limits) => {
                    self.check(&client, &limits)?;
                    self.recorder.borrow_mut().connected(
                        &opening,
                        now_ns - opened_ns,
                        now_ns - started_ns,
                    );
                    let subscriber = place.saturating_sub(self.publishers.len());
                    let rest = received.split_off(length);
                    let keep_alive_seconds = limits
                        .keep_alive_seconds
                        .unwrap_or(self.setup.scenario.connection.keep_alive_seconds);
                    return Ok(Connection::new(
                        subscriber,
                        stream,
                        client,
                        rest,
                        keep_alive_seconds,
                        now_ns,
                    ));
                }
                _ => return Err(protocol(ClientError::OutOfPlace("packet before CONNACK"))),
            }
        }
    }

    /// Whether the broker takes what the client is about to publish.
    fn check(&self, client: &Client, limits: &ServerLimits) -> Result<(), ConnectError> {
        let Some(publisher) = &client.publisher else {
            return Ok(());
        };
        let scenario = &self.setup.scenario;
        let packet_bytes = publisher.packet_bytes_max();
        let limit = if scenario.qos > limits.maximum_qos {
            let most = limits.maximum_qos.number();
            format!("publications of QoS {most} at most; use --qos {most}")
        } else if scenario.retain && !limits.retain_available {
            "no publications with RETAIN = 1; use --no-retain".to_owned()
        } else if packet_bytes as u64 > u64::from(limits.packet_bytes_max) {
            let most = limits.packet_bytes_max;
            format!("packets of {most} bytes at most, and these are {packet_bytes}; lower --size")
        } else {
            if scenario.topic_alias && limits.topic_alias_maximum == 0 {
                self.recorder.borrow_mut().counters.unaliased += 1;
            }
            return Ok(());
        };
        Err(ConnectError::Limit { address: self.address(), limit })
    }

    /// The client for this place and its CONNECT. The Client Identifier has at most 23 characters,
    /// all that a server must take `[MQTT-3.1.3-5]`.
    fn client(&self, place: usize) -> Result<(Client, Connect), EncodeError> {
        let setup = &self.setup;
        let version = setup.scenario.version;
        let tag = String::from_utf8_lossy(&setup.tag);
        if let Some(&number) = self.publishers.get(place) {
            let templates = match &self.templates {
                Some(shared) => Rc::clone(shared),
                None => templates(setup, number)?,
            };
            let publisher = Publisher::new(
                number,
                setup.plan.offset_ns(number),
                templates,
                setup.tag,
                setup.scenario.seed,
                setup.scenario.inflight_max,
            );
            let client = Client::new(version, Some(Box::new(publisher)));
            return Ok((client, self.connect_packet(format!("kelvin-{tag}-p-{number}"), number)));
        }
        let number = self.subscribers.get(place - self.publishers.len()).copied().unwrap_or(0);
        let identifier = format!("kelvin-{tag}-s-{number}");
        Ok((Client::new(version, None), self.connect_packet(identifier, number)))
    }

    fn connect_packet(&self, identifier: String, number: u32) -> Connect {
        let scenario = &self.setup.scenario;
        let connection = &scenario.connection;
        let number = number.to_string();
        let numbered = |text: &str| text.replace(CLIENT_NUMBER, &number);
        let is_new = scenario.version == Version::V5;
        Connect {
            version: scenario.version,
            identifier,
            clean: connection.clean,
            keep_alive_seconds: connection.keep_alive_seconds,
            user: numbered(&connection.user),
            password: numbered(&connection.password),
            will: connection.will.as_ref().map(|will| WillMessage {
                topic: numbered(&will.topic),
                payload: numbered(&will.payload),
                qos: will.qos,
                retain: will.retain,
            }),
            session_expiry_seconds: connection.session_expiry_seconds,
            topic_alias_maximum: if is_new && scenario.topic_alias { TOPIC_ALIASES_MAX } else { 0 },
            packet_bytes_max: u32::try_from(packet_bytes_max(scenario)).unwrap_or(u32::MAX),
        }
    }

    /// The source address for this place: a loopback broker is reached from as many addresses as
    /// its connections need ports; any other from the one that the system chooses.
    fn source(&self, place: usize) -> Option<IpAddr> {
        let clients = self.setup.scenario.clients();
        let is_loopback_v4 = match self.setup.dialer.address() {
            Address::Network(address) => address.is_ipv4() && address.ip().is_loopback(),
            Address::Unix(_) => false,
        };
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

fn failure(address: Address, source: io::Error) -> ConnectError {
    match source.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::Absent(address),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => ConnectError::Ports(address),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => ConnectError::Closed(address),
        _ => ConnectError::Io { address, source },
    }
}

/// The connection was not even ready for MQTT.
fn refused(address: Address, error: OpenError) -> ConnectError {
    match error {
        OpenError::Io(source) => failure(address, source),
        OpenError::Tls(source) => ConnectError::Handshake {
            address,
            reason: match source.kind() {
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                    "the broker closed the connection in the TLS handshake; does it speak TLS on \
                     this port?"
                        .to_owned()
                }
                _ => format!("the TLS handshake failed: {source}{}", cure(&source)),
            },
        },
        OpenError::WebSocket(reason) => ConnectError::Handshake {
            address,
            reason: format!("the WebSocket handshake failed: {reason}"),
        },
    }
}

/// What to type where the broker's certificate is the reason.
fn cure(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_)) => {
            "; name its authority with --cafile, or trust it blindly with --insecure"
        }
        _ => "",
    }
}

/// Appends what arrives next.
async fn read_some(stream: &mut Stream, received: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; HANDSHAKE_BYTES];
    match stream.read(&mut buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        length => {
            received.extend_from_slice(&buffer[..length]);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::ReturnCode;

    #[test]
    fn each_source_address_serves_20000_connections() {
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(source_address(0), address("127.0.0.1"));
        assert_eq!(source_address(19_999), address("127.0.0.1"));
        assert_eq!(source_address(20_000), address("127.0.0.2"));
        assert_eq!(source_address(1_000_000), address("127.0.0.51"));
    }

    #[test]
    fn an_absent_broker_is_named_with_the_cure() {
        let address = Address::Network("127.0.0.1:1883".parse().unwrap());
        let error = failure(address.clone(), io::ErrorKind::ConnectionRefused.into());
        assert_eq!(
            error.to_string(),
            "cannot connect to 127.0.0.1:1883: connection refused; is a broker running there? \
             Leave --broker out to use the embedded one"
        );
        let refusal = Refusal::ReturnCode(ReturnCode::NotAuthorized);
        let refusal = ConnectError::Refused { address, refusal };
        let text = "the broker at 127.0.0.1:1883 refused CONNECT: not authorized (return code 5)";
        assert_eq!(refusal.to_string(), text);
    }
}
