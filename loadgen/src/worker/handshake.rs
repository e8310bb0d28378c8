//! From the first byte to the CONNACK, and why it may not come to that.

use std::io;
use std::net::IpAddr;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Worker;
use crate::client::{Client, ClientError, Event, Flow};
use crate::mqtt::{Connect, Decoder, EncodeError, Refusal, ServerLimits};
use crate::transport::{Address, Dialer, Link, OpenError, Stream};

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

/// What a handshake leads to, beside the client that knows it.
#[derive(Debug)]
pub(super) struct Accepted {
    pub link: Link,
    /// What arrived after the CONNACK.
    pub rest: Vec<u8>,
    pub limits: ServerLimits,
    pub at_ns: u64,
}

impl Worker {
    /// What opens the connections of the client in this place.
    pub(super) fn dialer(&self, place: usize) -> &Dialer {
        let client = self.clients.get(place).copied().unwrap_or(0);
        let (group, _) = self.setup.plan.group_of(client);
        let door = self.setup.doors.get(group).and_then(Option::as_ref);
        door.unwrap_or(&self.setup.dialer)
    }

    /// Opens a connection with `dialer` for a client, from this source address if it matters, up to the CONNACK.
    pub(super) async fn handshake(
        &self,
        client: &mut Client,
        connect: &Connect,
        dialer: &Dialer,
        source: Option<IpAddr>,
    ) -> Result<Accepted, ConnectError> {
        let address = || dialer.address().clone();
        let protocol = |source| ConnectError::Protocol { address: address(), source };
        let encode = |error: EncodeError| protocol(ClientError::Encode(error));
        let io = |error| failure(address(), error);
        let connect = connect.encode().map_err(encode)?;
        let started_ns = self.setup.clock.now_ns();
        let opened = dialer.open(source).await;
        let (mut stream, opening) = opened.map_err(|error| refused(address(), error))?;
        let opened_ns = self.setup.clock.now_ns();
        stream.write_all(&connect).await.map_err(io)?;
        stream.flush().await.map_err(io)?;
        let mut decoder = Decoder::new(client.version(), CONNACK_BYTES_MAX);
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
                    return Err(ConnectError::Refused { address: address(), refusal });
                }
                Event::Connected(limits) => {
                    self.check(client, &limits, dialer.address())?;
                    self.recorder.borrow_mut().connected(
                        &opening,
                        now_ns - opened_ns,
                        now_ns - started_ns,
                        now_ns,
                    );
                    let rest = received.split_off(length);
                    let link = Link::new(stream).map_err(io)?;
                    return Ok(Accepted { link, rest, limits, at_ns: now_ns });
                }
                _ => return Err(protocol(ClientError::OutOfPlace("packet before CONNACK"))),
            }
        }
    }

    /// Whether the broker takes what the client is about to publish.
    fn check(
        &self,
        client: &Client,
        limits: &ServerLimits,
        address: &Address,
    ) -> Result<(), ConnectError> {
        let flows = client.publisher.iter().flat_map(|publisher| publisher.flows());
        for templates in flows.filter_map(Flow::form) {
            let packet_bytes = templates.packet_bytes_max();
            let limit = if templates.qos() > limits.maximum_qos {
                let most = limits.maximum_qos.number();
                format!("publications of QoS {most} at most; use --qos {most}")
            } else if templates.retain() && !limits.retain_available {
                "no publications with RETAIN = 1; use --no-retain".to_owned()
            } else if packet_bytes as u64 > u64::from(limits.packet_bytes_max) {
                let most = limits.packet_bytes_max;
                format!(
                    "packets of {most} bytes at most, and these are {packet_bytes}; lower --size"
                )
            } else {
                if templates.alias().is_some() && limits.topic_alias_maximum == 0 {
                    self.recorder.borrow_mut().counters.unaliased += 1;
                }
                continue;
            };
            return Err(ConnectError::Limit { address: address.clone(), limit });
        }
        Ok(())
    }
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
