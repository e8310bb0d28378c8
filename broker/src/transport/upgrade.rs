//! From HTTP to WebSocket, RFC 6455 section 4.2.
//!
//! The request is read and judged here, so that it is bounded and each fault gets its own answer.
//! Of what the peer wrote, the library gets to see nothing but the key: some of the targets that
//! an HTTP parser lets pass make it panic.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_websockets::{Error, Limits, ServerBuilder};

use super::HandshakeError;
use super::duplex::Duplex;
use super::upgraded::Upgraded;
use super::websocket::WebSocket;

/// Bytes of a request that are read before it is refused.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// Header fields of a request.
const FIELDS_MAX: usize = 64;

/// Bytes of what follows a refused request that are read, so that the peer gets the answer and
/// not a reset.
const REST_BYTES_MAX: u64 = 64 << 10;

/// Length of a nonce of 16 bytes in Base64.
const KEY_LENGTH: usize = 24;

/// Names of the sub-protocol, best first: that of MQTT 3.1.1 and 5, [MQTT-6.0.0-3], and that of
/// MQTT 3.1.
const PROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request is no HTTP/1.1")]
    Malformed,
    #[error("the request has more than {HEAD_BYTES_MAX} bytes or {FIELDS_MAX} header fields")]
    TooLarge,
    #[error("the path of the request is not that of the listener")]
    Path,
    #[error("the request does not ask for WebSocket, version 13")]
    NoUpgrade,
    #[error("the request has no valid Sec-WebSocket-Key")]
    Key,
    #[error("the request does not offer the sub-protocol mqtt")]
    Protocol,
}

/// What an accepted request says.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    /// Where it ends.
    size: usize,
    key: String,
    protocol: &'static str,
}

/// Reads the request and answers it.
pub(super) async fn accept<S: Duplex>(
    mut stream: S,
    path: &str,
    bytes_max: usize,
) -> Result<WebSocket<S>, HandshakeError> {
    let mut head = Vec::new();
    let request = match read_request(&mut stream, &mut head, path).await {
        Ok(request) => request,
        Err(HandshakeError::Refused(refusal)) => {
            if let Err(error) = refuse(&mut stream, refusal).await {
                tracing::debug!("a refusal was not sent: {error}");
            }
            return Err(refusal.into());
        }
        Err(error) => return Err(error),
    };
    let mut front = request.for_library().into_bytes();
    front.extend(head.drain(request.size..));
    let upgraded = Upgraded::new(stream, front);
    let (name, value) = ("sec-websocket-protocol".parse(), request.protocol.parse());
    let (Ok(name), Ok(value)) = (name, value) else { return Err(Refusal::Protocol.into()) };
    let accepted = ServerBuilder::new()
        .limits(Limits::default().max_payload_len(Some(bytes_max)))
        .add_header(name, value)
        .map_err(failed)?
        .accept(upgraded)
        .await;
    let (_, stream) = accepted.map_err(failed)?;
    Ok(WebSocket::new(stream))
}

fn failed(error: Error) -> HandshakeError {
    HandshakeError::WebSocket(match error {
        Error::Io(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
    })
}

async fn read_request<S: Duplex>(
    stream: &mut S,
    head: &mut Vec<u8>,
    path: &str,
) -> Result<Request, HandshakeError> {
    loop {
        if let Some(request) = judge(head, path)? {
            return Ok(request);
        }
        let room = HEAD_BYTES_MAX.saturating_sub(head.len());
        if room == 0 {
            return Err(Refusal::TooLarge.into());
        }
        let mut limited = (&mut *stream).take(room as u64);
        if limited.read_buf(head).await.map_err(HandshakeError::WebSocket)? == 0 {
            return Err(HandshakeError::WebSocket(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

/// `None` when the request has not come to its end.
fn judge(head: &[u8], path: &str) -> Result<Option<Request>, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let size = match request.parse(head) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLarge),
        Err(_) => return Err(Refusal::Malformed),
    };
    if request.version != Some(1) {
        return Err(Refusal::Malformed);
    }
    let target = request.path.unwrap_or_default();
    if target.split('?').next() != Some(path) {
        return Err(Refusal::Path);
    }
    let fields = &*request.headers;
    let asks = request.method == Some("GET")
        && lists(fields, "Upgrade").any(|name| name.eq_ignore_ascii_case("websocket"))
        && lists(fields, "Connection").any(|name| name.eq_ignore_ascii_case("upgrade"))
        && lists(fields, "Sec-WebSocket-Version").any(|version| version == "13");
    if !asks {
        return Err(Refusal::NoUpgrade);
    }
    let key = lists(fields, "Sec-WebSocket-Key").next().filter(|key| is_key(key));
    let key = key.ok_or(Refusal::Key)?.to_owned();
    let protocol = PROTOCOLS
        .into_iter()
        .find(|&name| lists(fields, "Sec-WebSocket-Protocol").any(|offer| offer == name))
        .ok_or(Refusal::Protocol)?;
    Ok(Some(Request { size, key, protocol }))
}

/// The members of a list that may stand in several fields, RFC 9110 section 5.6.1.
fn lists<'a>(
    fields: &'a [httparse::Header<'a>],
    name: &'a str,
) -> impl Iterator<Item = &'a str> + use<'a> {
    fields
        .iter()
        .filter(move |field| field.name.eq_ignore_ascii_case(name))
        .filter_map(|field| std::str::from_utf8(field.value).ok())
        .flat_map(|value| value.split(',').map(str::trim))
}

fn is_key(key: &str) -> bool {
    key.len() == KEY_LENGTH
        && key.ends_with("==")
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
}

impl Request {
    /// The request with nothing of the peer's but its key.
    fn for_library(&self) -> String {
        format!(
            "GET / HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n",
            self.key
        )
    }
}

impl Refusal {
    const fn status(self) -> &'static str {
        match self {
            Self::Malformed | Self::Key | Self::Protocol => "400 Bad Request",
            Self::TooLarge => "431 Request Header Fields Too Large",
            Self::Path => "404 Not Found",
            Self::NoUpgrade => "426 Upgrade Required",
        }
    }

    fn response(self) -> String {
        let upgrade = match self {
            Self::NoUpgrade => {
                "Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            }
            _ => "Connection: close\r\n",
        };
        let reason = self.to_string();
        format!(
            "HTTP/1.1 {}\r\n{upgrade}Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{reason}\n",
            self.status(),
            reason.len() + 1,
        )
    }
}

async fn refuse<S: Duplex>(stream: &mut S, refusal: Refusal) -> io::Result<()> {
    stream.write_all(refusal.response().as_bytes()).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(REST_BYTES_MAX), &mut tokio::io::sink()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: x, mqtt\r\n\r\n";

    fn judged(from: &str, to: &str) -> Result<Option<Request>, Refusal> {
        judge(REQUEST.replace(from, to).as_bytes(), "/mqtt")
    }

    #[test]
    fn a_request_is_accepted_with_what_it_offers() {
        let request = judged("", "").unwrap().unwrap();
        assert_eq!((request.size, request.protocol), (REQUEST.len(), "mqtt"));
        assert_eq!(request.key, "dGhlIHNhbXBsZSBub25jZQ==");
        let older = judged("x, mqtt", "mqttv3.1").unwrap().unwrap();
        assert_eq!(older.protocol, "mqttv3.1");
        let apart = judged("x, mqtt", "mqttv3.1\r\nsec-websocket-protocol:mqtt").unwrap().unwrap();
        assert_eq!(apart.protocol, "mqtt");
        assert!(judged("/mqtt", "/mqtt?token=1").unwrap().is_some());
    }

    #[test]
    fn each_fault_has_its_answer() {
        for (from, to, refusal) in [
            ("GET /mqtt", "GET /other", Refusal::Path),
            ("GET /mqtt", "GET /mqttx", Refusal::Path),
            ("GET /mqtt", "POST /mqtt", Refusal::NoUpgrade),
            ("Upgrade: websocket\r\n", "", Refusal::NoUpgrade),
            ("keep-alive, Upgrade", "close", Refusal::NoUpgrade),
            ("Version: 13", "Version: 8", Refusal::NoUpgrade),
            ("Q==", "", Refusal::Key),
            ("Q==", "\"==", Refusal::Key),
            ("x, mqtt", "x, MQTT", Refusal::Protocol),
            ("Sec-WebSocket-Protocol", "Other", Refusal::Protocol),
            ("HTTP/1.1", "HTTP/1.0", Refusal::Malformed),
            ("GET /mqtt", "\u{10}\0", Refusal::Malformed),
            ("Host: a", &("x: y\r\n".repeat(64) + "Host: a"), Refusal::TooLarge),
        ] {
            assert_eq!(judged(from, to), Err(refusal), "{from} -> {to}");
        }
    }

    #[test]
    fn the_end_of_the_request_is_waited_for() {
        for size in 0..REQUEST.len() {
            assert_eq!(judge(&REQUEST.as_bytes()[..size], "/mqtt"), Ok(None));
        }
    }
}
