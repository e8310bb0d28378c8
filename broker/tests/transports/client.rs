//! A Client on any transport that sends what it is told and says what it got.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream as _;
use futures_sink::Sink as _;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_websockets::{ClientBuilder, Config, Error, Message, WebSocketStream};

use crate::packets::{
    Connect, PINGREQ, PINGRESP, Publish, puback, pubcomp, pubrec, pubrel, suback, subscribe,
};
use crate::server::{Authority, DEADLINE, Identity};

/// Anything that bytes go through.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

pub(crate) type WebSocket = WebSocketStream<Box<dyn Bytes>>;

/// One Network Connection.
pub(crate) struct Client {
    pub(crate) transport: Transport,
    received: Vec<u8>,
}

pub(crate) enum Transport {
    Bytes(Box<dyn Bytes>),
    Messages(Box<WebSocket>),
}

/// Fails the test when the deadline is over.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Scheme, authority and path of a URL.
pub(crate) fn parts(url: &str) -> (&str, &str, &str) {
    let (scheme, rest) = url.split_once("://").expect("the URL has a scheme");
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (scheme, authority, path)
}

/// A configuration that trusts an authority and shows a certificate if it has one.
pub(crate) fn tls_config(authority: &Authority, identity: Option<&Identity>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(
            CertificateDer::from_pem_slice(authority.certificate.as_bytes())
                .expect("a certificate in PEM"),
        )
        .expect("a certificate in PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("valid settings")
        .with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = vec![
                CertificateDer::from_pem_slice(identity.certificate.as_bytes())
                    .expect("a certificate in PEM"),
            ];
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())
                .expect("a certificate in PEM");
            builder.with_client_auth_cert(chain, key).expect("the key fits")
        }
    }
}

/// Goes through a TLS handshake.
pub(crate) async fn connect_tls(
    address: &str,
    config: ClientConfig,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").expect("a valid name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Goes through a WebSocket handshake; each message leaves in frames of at most this size.
pub(crate) async fn upgrade(
    stream: Box<dyn Bytes>,
    path: &str,
    protocol: &str,
    frame_size: usize,
) -> Result<WebSocket, Error> {
    let (stream, response) = ClientBuilder::new()
        .uri(&format!("ws://localhost{path}"))
        .expect("valid settings")
        .config(Config::default().frame_size(frame_size))
        .add_header(
            "sec-websocket-protocol".parse().expect("a valid text"),
            protocol.parse().expect("a valid text"),
        )?
        .connect_on(stream)
        .await?;
    let chosen =
        response.headers().get("sec-websocket-protocol").expect("the broker names the protocol");
    assert!(protocol.contains(chosen.to_str().expect("the name is ASCII")));
    Ok(stream)
}

impl Client {
    pub(crate) async fn open(url: &str, authority: &Authority) -> Self {
        if let Some(path) = url.strip_prefix("unix:") {
            return Self::over(UnixStream::connect(path).await.expect("the broker listens"));
        }
        let (scheme, address, path) = parts(url);
        let stream: Box<dyn Bytes> = if scheme == "mqtts" || scheme == "wss" {
            let config = tls_config(authority, None);
            Box::new(
                soon("the handshake", connect_tls(address, config))
                    .await
                    .expect("the broker takes the handshake"),
            )
        } else {
            let stream = TcpStream::connect(address).await.expect("the broker listens");
            stream.set_nodelay(true).expect("a socket has this option");
            Box::new(stream)
        };
        if path.is_empty() {
            return Self::over(stream);
        }
        let upgraded = upgrade(stream, path, "mqtt", 4 << 20);
        Self::over_messages(
            soon("the upgrade", upgraded).await.expect("the broker takes the upgrade"),
        )
    }

    pub(crate) fn over(stream: impl Bytes + 'static) -> Self {
        Self { transport: Transport::Bytes(Box::new(stream)), received: Vec::new() }
    }

    pub(crate) fn over_messages(stream: WebSocket) -> Self {
        Self { transport: Transport::Messages(Box::new(stream)), received: Vec::new() }
    }

    /// The WebSocket below.
    pub(crate) fn messages(&mut self) -> &mut WebSocket {
        match &mut self.transport {
            Transport::Messages(stream) => stream,
            Transport::Bytes(_) => panic!("no WebSocket"),
        }
    }

    /// Sends bytes, as one message where there are messages.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        match &mut self.transport {
            Transport::Bytes(stream) => {
                soon("bytes to leave", stream.write_all(bytes))
                    .await
                    .expect("the broker takes bytes");
                soon("bytes to leave", stream.flush()).await.expect("the broker takes bytes");
            }
            Transport::Messages(stream) => {
                let message = Message::binary(bytes.to_vec());
                soon("a message to leave", send_message(stream, message))
                    .await
                    .expect("the broker takes bytes");
            }
        }
    }

    /// The next packet, whole; `None` when the broker has closed the connection.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(size) = packet_size(&self.received) {
                let rest = self.received.split_off(size);
                return Some(std::mem::replace(&mut self.received, rest));
            }
            match &mut self.transport {
                Transport::Bytes(stream) => {
                    match soon("bytes", stream.read_buf(&mut self.received)).await {
                        Ok(0) | Err(_) => return None,
                        Ok(_) => {}
                    }
                }
                Transport::Messages(stream) => {
                    match soon("a message", next_message(stream)).await {
                        Some(Ok(message)) if message.is_binary() => {
                            self.received.extend_from_slice(message.as_payload());
                        }
                        Some(Ok(message)) if message.is_text() => panic!("the broker sent text"),
                        Some(Ok(_)) => {}
                        None | Some(Err(_)) => return None,
                    }
                }
            }
        }
    }

    pub(crate) async fn receive(&mut self) -> Vec<u8> {
        self.next().await.expect("the broker keeps the connection open")
    }

    /// Receives exactly this packet.
    pub(crate) async fn expect(&mut self, packet: &[u8]) {
        let received = self.receive().await;
        assert_eq!(received, packet, "received {received:02x?}, not {packet:02x?}");
    }

    pub(crate) async fn connect(&mut self, identifier: &str) {
        self.send(&Connect::new(identifier).bytes()).await;
        self.expect(&[0x20, 2, 0, 0]).await;
    }

    pub(crate) async fn subscribe(&mut self, filter: &str, qos: u8) {
        self.send(&subscribe(1, &[(filter, qos)])).await;
        self.expect(&suback(1, &[qos])).await;
    }

    /// Publishes and goes through the acknowledgements; at QoS 0 a ping tells that it is taken.
    pub(crate) async fn publish_surely(&mut self, topic: &str, payload: &[u8], qos: u8) {
        self.send(&Publish::new(topic, payload).qos(qos, 7).bytes()).await;
        match qos {
            0 => self.expect_silence().await,
            1 => self.expect(&puback(7)).await,
            _ => {
                self.expect(&pubrec(7)).await;
                self.send(&pubrel(7)).await;
                self.expect(&pubcomp(7)).await;
            }
        }
    }

    /// Receives a message and goes through the acknowledgements.
    pub(crate) async fn receive_surely(&mut self) -> Publish {
        let message = Publish::parse(&self.receive().await);
        match message.qos {
            0 => {}
            1 => self.send(&puback(message.identifier)).await,
            _ => {
                self.send(&pubrec(message.identifier)).await;
                self.expect(&pubrel(message.identifier)).await;
                self.send(&pubcomp(message.identifier)).await;
            }
        }
        message
    }

    /// Makes sure that the connection is open and that nothing but the answer has come on it.
    pub(crate) async fn expect_silence(&mut self) {
        self.send(&PINGREQ).await;
        self.expect(&PINGRESP).await;
    }

    /// Receives the end of the connection and nothing before it.
    pub(crate) async fn expect_closed(&mut self) {
        let packet = self.next().await;
        assert_eq!(packet, None, "the broker sent {packet:02x?} instead of closing");
    }
}

pub(crate) async fn send_message(stream: &mut WebSocket, message: Message) -> Result<(), Error> {
    poll_fn(|context| Pin::new(&mut *stream).poll_ready(context)).await?;
    Pin::new(&mut *stream).start_send(message)?;
    poll_fn(|context| Pin::new(&mut *stream).poll_flush(context)).await
}

pub(crate) async fn next_message(stream: &mut WebSocket) -> Option<Result<Message, Error>> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("received", &self.received).finish_non_exhaustive()
    }
}

/// The size of the packet at the front, if all of it is there.
fn packet_size(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (index, &byte) in bytes.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7f) << (7 * (index - 1));
        if byte & 0x80 == 0 {
            let size = index + 1 + length;
            return (bytes.len() >= size).then_some(size);
        }
    }
    None
}
