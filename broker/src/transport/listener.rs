//! Where to listen, and what is spoken there.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::tls::{Credentials, Tls};
use super::{Entrance, OpenListener, Origin, Protocol, SocketFile, tcp, unix};
use crate::builder::StartError;

/// The path of a WebSocket listener whose URL has none.
const PATH_DEFAULT: &str = "/mqtt";

/// Where to listen, written as a URL.
///
/// | URL | spoken | port by default |
/// |---|---|---|
/// | `mqtt://host:port` | MQTT | 1883 |
/// | `mqtts://host:port` | MQTT over TLS | 8883 |
/// | `ws://host:port/path` | MQTT over WebSocket | 8083 |
/// | `wss://host:port/path` | MQTT over WebSocket over TLS | 8084 |
/// | `unix:/path` | MQTT over a Unix socket | |
///
/// The path of a WebSocket is `/mqtt` by default, port 0 lets the system choose, and a host name
/// stands for all its addresses.
///
/// ```
/// let listener: broker::Listener = "wss://[::1]/chat".parse()?;
/// assert_eq!(listener.to_string(), "wss://[::1]:8084/chat");
/// # Ok::<(), broker::ListenerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    place: Place,
    tls: Option<Tls>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Network { scheme: Scheme, host: String, port: u16, path: String },
    Unix(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Mqtt,
    Mqtts,
    Ws,
    Wss,
}

/// Why a text is no URL of a listener.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot listen on {url:?}: {problem}")]
pub struct ListenerError {
    url: String,
    problem: &'static str,
}

/// What a listener has become: several sockets if its host name has several addresses.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    pub(crate) listeners: Vec<Entrance>,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) urls: Vec<String>,
    pub(crate) credentials: Vec<Arc<Credentials>>,
    pub(crate) files: Vec<SocketFile>,
}

impl Opened {
    fn add(&mut self, listener: OpenListener, url: String, certifies_users: bool) {
        let origin = Arc::new(Origin { listener: url.clone(), certifies_users });
        self.listeners.push(Entrance { listener, origin });
        self.urls.push(url);
    }
}

impl Listener {
    /// Uses these files instead of those of [`Builder::tls`](crate::Builder::tls).
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Whether only this machine can reach it: a Unix socket, or a loopback address. A host name
    /// other than `localhost` may mean any address.
    pub fn is_local(&self) -> bool {
        match &self.place {
            Place::Unix(_) => true,
            Place::Network { host, .. } => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                host.eq_ignore_ascii_case("localhost")
                    || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
            }
        }
    }

    /// Whether it speaks TLS.
    pub fn is_secure(&self) -> bool {
        matches!(&self.place, Place::Network { scheme, .. } if scheme.is_secure())
    }

    /// Reads the files that [`open`](Self::open) would read.
    pub(crate) fn check(&self, tls: Option<&Tls>) -> Result<(), StartError> {
        match &self.place {
            Place::Unix(_) => Ok(()),
            Place::Network { scheme, path, .. } => self.protocol(*scheme, path, tls).map(drop),
        }
    }

    /// Opens the sockets, which needs a look-up for a host name. `tls` is used if the listener has no files of its own.
    pub(crate) fn open(&self, tls: Option<&Tls>, opened: &mut Opened) -> Result<(), StartError> {
        let failed = |error| StartError::Listen { listener: self.to_string(), error };
        match &self.place {
            Place::Unix(path) => {
                let (listener, file) = unix::listen(path).map_err(failed)?;
                opened.add(OpenListener::Unix(listener), self.to_string(), false);
                opened.files.push(file);
            }
            Place::Network { scheme, host, port, path } => {
                let protocol = self.protocol(*scheme, path, tls)?;
                opened.credentials.extend(protocol.credentials.clone());
                let certifies_users =
                    protocol.credentials.as_ref().is_some_and(|files| files.certifies_users());
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let mut addresses: Vec<_> =
                    (host, *port).to_socket_addrs().map_err(failed)?.collect();
                // A table of hosts may name one twice.
                addresses.sort_unstable();
                addresses.dedup();
                for address in addresses {
                    let listener = tcp::listen(address).map_err(failed)?;
                    let address = listener.local_addr().map_err(failed)?;
                    let url = format!("{}://{address}{path}", scheme.name());
                    opened.addresses.push(address);
                    let listener = OpenListener::Tcp(listener, protocol.clone());
                    opened.add(listener, url, certifies_users);
                }
            }
        }
        Ok(())
    }

    fn protocol(
        &self,
        scheme: Scheme,
        path: &str,
        tls: Option<&Tls>,
    ) -> Result<Protocol, StartError> {
        let credentials = if scheme.is_secure() {
            let tls = self.tls.as_ref().or(tls);
            let tls = tls.ok_or_else(|| StartError::NoCertificate(self.to_string()))?;
            Some(Arc::new(Credentials::load(tls.clone(), scheme.application_protocol())?))
        } else {
            None
        };
        Ok(Protocol { credentials, path: scheme.is_web_socket().then(|| path.into()) })
    }
}

impl Scheme {
    fn from_name(name: &str) -> Option<Self> {
        [Self::Mqtt, Self::Mqtts, Self::Ws, Self::Wss]
            .into_iter()
            .find(|scheme| name.eq_ignore_ascii_case(scheme.name()))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
            Self::Ws => 8083,
            Self::Wss => 8084,
        }
    }

    const fn is_secure(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }

    const fn is_web_socket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// What TLS names the protocol above it, RFC 7301. A browser asks for HTTP.
    const fn application_protocol(self) -> &'static [u8] {
        if self.is_web_socket() { b"http/1.1" } else { b"mqtt" }
    }
}

impl FromStr for Listener {
    type Err = ListenerError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let place =
            Place::parse(url).map_err(|problem| ListenerError { url: url.to_owned(), problem })?;
        Ok(Self { place, tls: None })
    }
}

impl Place {
    fn parse(url: &str) -> Result<Self, &'static str> {
        if let Some(path) = url.strip_prefix("unix:") {
            let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
            if path.is_empty() || path.contains('\0') {
                return Err("a path must follow, such as unix:/run/broker.socket");
            }
            return Ok(Self::Unix(path.into()));
        }
        let (scheme, rest) = url
            .split_once("://")
            .ok_or("it begins with none of mqtt://, mqtts://, ws://, wss:// and unix:/")?;
        let scheme = Scheme::from_name(scheme)
            .ok_or("the scheme is none of mqtt, mqtts, ws, wss and unix")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = parse_authority(authority)?;
        let path = match path {
            "" | "/" if !scheme.is_web_socket() => "",
            "" => PATH_DEFAULT,
            _ if !scheme.is_web_socket() => return Err("only ws:// and wss:// have a path"),
            path if path.bytes().any(|byte| !byte.is_ascii_graphic() || b"?#".contains(&byte)) => {
                return Err("the path has a space, a control character, a query or a fragment");
            }
            path => path,
        };
        Ok(Self::Network {
            scheme,
            host: host.to_owned(),
            port: port.unwrap_or_else(|| scheme.port()),
            path: path.to_owned(),
        })
    }
}

/// Host, in brackets if it is an IPv6 address, and port.
fn parse_authority(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    if authority.contains('@') {
        return Err("a listener has no user; leave out what stands before @");
    }
    let port_start = match authority.rfind(':') {
        Some(colon) if authority.find(']').is_none_or(|bracket| bracket < colon) => colon,
        _ => authority.len(),
    };
    let (host, port) = authority.split_at(port_start);
    if host.is_empty() {
        return Err("there is no host; 0.0.0.0 or [::] means every address of this machine");
    }
    if host.contains(':') {
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if address.is_none_or(|address| address.parse::<std::net::Ipv6Addr>().is_err()) {
            return Err("an IPv6 address stands in brackets, such as [::1]:1883");
        }
    }
    let port = match port.strip_prefix(':') {
        None => None,
        Some(port) => Some(port.parse().map_err(|_| "the port is no number from 0 to 65535")?),
    };
    Ok((host, port))
}

impl From<SocketAddr> for Listener {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        let place = Place::Network {
            scheme: Scheme::Mqtt,
            host,
            port: address.port(),
            path: String::new(),
        };
        Self { place, tls: None }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
            Place::Network { scheme, host, port, path } => {
                write!(f, "{}://{host}:{port}{path}", scheme.name())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(url: &str) -> String {
        url.parse::<Listener>().unwrap().to_string()
    }

    #[test]
    fn ports_and_paths_have_defaults() {
        assert_eq!(canonical("mqtt://127.0.0.1"), "mqtt://127.0.0.1:1883");
        assert_eq!(canonical("mqtts://localhost"), "mqtts://localhost:8883");
        assert_eq!(canonical("ws://0.0.0.0"), "ws://0.0.0.0:8083/mqtt");
        assert_eq!(canonical("wss://[::]:443/chat"), "wss://[::]:443/chat");
        assert_eq!(canonical("MQTT://[::1]:0/"), "mqtt://[::1]:0");
        assert_eq!(canonical("unix:/run/broker.socket"), "unix:/run/broker.socket");
        assert_eq!(canonical("unix:///run/broker.socket"), "unix:/run/broker.socket");
        assert_eq!(canonical("unix:broker.socket"), "unix:broker.socket");
    }

    #[test]
    fn an_address_is_a_listener() {
        for address in ["127.0.0.1:0", "[::1]:1883"] {
            let listener = Listener::from(address.parse::<SocketAddr>().unwrap());
            assert_eq!(listener.to_string(), format!("mqtt://{address}"));
        }
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        for (url, problem) in [
            ("127.0.0.1:1883", "begins with none of"),
            ("http://127.0.0.1", "scheme"),
            ("mqtt://:1883", "no host"),
            ("mqtt://", "no host"),
            ("mqtt://::1:1883", "in brackets"),
            ("mqtt://[::1", "in brackets"),
            ("mqtt://host:65536", "port"),
            ("mqtt://host:", "port"),
            ("mqtt://me@host", "no user"),
            ("mqtt://host/path", "only ws://"),
            ("ws://host/a b", "space"),
            ("ws://host/a?b", "query"),
            ("unix:", "path must follow"),
        ] {
            let error = url.parse::<Listener>().unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains(url), "{error}");
        }
    }
}
