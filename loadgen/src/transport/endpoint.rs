//! The URL of a broker.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The path of a WebSocket when none is named.
const PATH_DEFAULT: &str = "/mqtt";

/// What is spoken below MQTT. In a scenario it is written as reports name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// `mqtt://`: TCP.
    Tcp,
    /// `mqtts://`: TLS.
    Tls,
    /// `ws://`: WebSocket.
    #[serde(rename = "ws")]
    WebSocket,
    /// `wss://`: WebSocket over TLS.
    #[serde(rename = "wss")]
    SecureWebSocket,
    /// `unix:`: a Unix socket.
    Unix,
}

impl Scheme {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "mqtt" | "tcp" => Some(Self::Tcp),
            "mqtts" | "ssl" | "tls" => Some(Self::Tls),
            "ws" => Some(Self::WebSocket),
            "wss" => Some(Self::SecureWebSocket),
            _ => None,
        }
    }

    /// Whether TLS is part of it.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::SecureWebSocket)
    }

    /// Whether WebSocket is part of it.
    pub fn is_web_socket(self) -> bool {
        matches!(self, Self::WebSocket | Self::SecureWebSocket)
    }

    /// As reports name it: `config.transport` of `summary.json`.
    pub fn transport(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::WebSocket => "ws",
            Self::SecureWebSocket => "wss",
            Self::Unix => "unix",
        }
    }

    /// The same with TLS, to be typed instead.
    pub fn secured(self) -> &'static str {
        match self {
            Self::WebSocket | Self::SecureWebSocket => "wss",
            Self::Tcp | Self::Tls | Self::Unix => "mqtts",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "mqtt",
            Self::Tls => "mqtts",
            Self::WebSocket => "ws",
            Self::SecureWebSocket => "wss",
            Self::Unix => "unix",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Tcp | Self::Unix => 1883,
            Self::Tls => 8883,
            Self::WebSocket => 8083,
            Self::SecureWebSocket => 8084,
        }
    }
}

/// A broker, as its URL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What is spoken below MQTT.
    pub scheme: Scheme,
    /// Where.
    pub place: Place,
}

/// Where a broker is, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A TCP port.
    Network {
        /// Host name or address, without brackets.
        host: String,
        /// TCP port.
        port: u16,
        /// Path of a WebSocket; empty for anything else.
        path: String,
    },
    /// A Unix socket.
    Path(PathBuf),
}

/// Why a text is no URL of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndpointError {
    /// Another scheme.
    Scheme,
    /// User and password are not in the URL.
    Login,
    /// No host, a port that is none, a path where there is none.
    Form,
}

impl Endpoint {
    /// MQTT over TCP.
    pub fn tcp(host: &str, port: Option<u16>) -> Self {
        let port = port.unwrap_or_else(|| Scheme::Tcp.port());
        let place = Place::Network { host: host.to_owned(), port, path: String::new() };
        Self { scheme: Scheme::Tcp, place }
    }

    /// Another door of the same broker: this transport, on this port, at this path. What is not said is as
    /// usual for the transport, and as it is for `self` where that has the same. `None` for a Unix socket without a
    /// path, and for a path of TCP or TLS.
    pub(crate) fn door(
        &self,
        scheme: Scheme,
        port: Option<u16>,
        path: Option<&str>,
    ) -> Option<Self> {
        let place = match (scheme, path) {
            (Scheme::Unix, path) => Place::Path(PathBuf::from(path?)),
            (Scheme::Tcp | Scheme::Tls, Some(_)) => return None,
            (_, path) => {
                let (host, own_port, own_path) = match &self.place {
                    Place::Network { host, port, path } => (host.as_str(), *port, path.as_str()),
                    // Whoever listens on a Unix socket is on this machine.
                    Place::Path(_) => ("127.0.0.1", 0, ""),
                };
                let is_own = self.scheme == scheme;
                let usual = if is_own { own_port } else { scheme.port() };
                let path = match path {
                    Some(path) if path.starts_with('/') => path.to_owned(),
                    Some(path) => format!("/{path}"),
                    None if !scheme.is_web_socket() => String::new(),
                    None if is_own => own_path.to_owned(),
                    None => PATH_DEFAULT.to_owned(),
                };
                Place::Network { host: host.to_owned(), port: port.unwrap_or(usual), path }
            }
        };
        Some(Self { scheme, place })
    }

    pub(crate) fn parse(url: &str) -> Result<Self, EndpointError> {
        if let Some(path) = url.strip_prefix("unix:") {
            return unix(path);
        }
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (Scheme::parse(scheme).ok_or(EndpointError::Scheme)?, rest),
            None => (Scheme::Tcp, url),
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(EndpointError::Login);
        }
        // An IPv6 address stands in brackets: its colons do not begin a port.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| EndpointError::Form)?)
            }
            _ => (authority, scheme.port()),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let path = match (scheme.is_web_socket(), path) {
            (true, "" | "/") => PATH_DEFAULT,
            (true, path) => path,
            (false, "" | "/") => "",
            (false, _) => return Err(EndpointError::Form),
        };
        let is_strange = |character: char| {
            character.is_whitespace() || matches!(character, '[' | ']' | '#' | '?')
        };
        if host.is_empty() || host.contains(is_strange) || path.contains(char::is_whitespace) {
            return Err(EndpointError::Form);
        }
        let place = Place::Network { host: host.to_owned(), port, path: path.to_owned() };
        Ok(Self { scheme, place })
    }
}

/// `unix:/path` and `unix:///path`.
fn unix(path: &str) -> Result<Endpoint, EndpointError> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if !path.starts_with('/') {
        return Err(EndpointError::Form);
    }
    Ok(Endpoint { scheme: Scheme::Unix, place: Place::Path(path.into()) })
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.name();
        match &self.place {
            Place::Path(path) => write!(f, "{scheme}:{}", path.display()),
            Place::Network { host, port, path } if host.contains(':') => {
                write!(f, "{scheme}://[{host}]:{port}{path}")
            }
            Place::Network { host, port, path } => write!(f, "{scheme}://{host}:{port}{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_has_other_doors_on_the_same_host() {
        let broker = |url: &str| Endpoint::parse(url).unwrap();
        let door = |url: &str, scheme, port, path| {
            broker(url).door(scheme, port, path).map(|door| door.to_string())
        };
        let some = |url: &str| Some(url.to_owned());
        let home = "mqtt://a:1884";
        assert_eq!(door(home, Scheme::WebSocket, None, None), some("ws://a:8083/mqtt"));
        assert_eq!(door(home, Scheme::WebSocket, Some(9), Some("x")), some("ws://a:9/x"));
        assert_eq!(door(home, Scheme::Tcp, None, None), some("mqtt://a:1884"));
        assert_eq!(door(home, Scheme::Tls, None, None), some("mqtts://a:8883"));
        assert_eq!(door(home, Scheme::Unix, None, Some("/run/x")), some("unix:/run/x"));
        assert_eq!(door("wss://a/q", Scheme::SecureWebSocket, None, None), some("wss://a:8084/q"));
        assert_eq!(door("unix:/run/x", Scheme::Tcp, None, None), some("mqtt://127.0.0.1:1883"));
        assert_eq!(door(home, Scheme::Unix, None, None), None);
        assert_eq!(door(home, Scheme::Tcp, None, Some("x")), None);
    }

    fn shown(url: &str) -> Result<String, EndpointError> {
        Endpoint::parse(url).map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn each_scheme_has_its_port_and_path() {
        for (url, expected) in [
            ("mqtt://a:1884", "mqtt://a:1884"),
            ("mqtt://a/", "mqtt://a:1883"),
            ("tcp://a", "mqtt://a:1883"),
            ("a:7", "mqtt://a:7"),
            ("a", "mqtt://a:1883"),
            ("mqtt://[::1]:7", "mqtt://[::1]:7"),
            ("mqtt://[::1]", "mqtt://[::1]:1883"),
            ("mqtts://a", "mqtts://a:8883"),
            ("ws://a", "ws://a:8083/mqtt"),
            ("ws://a:80/", "ws://a:80/mqtt"),
            ("wss://a/path/b?x=1", "wss://a:8084/path/b?x=1"),
            ("unix:/run/mqtt", "unix:/run/mqtt"),
            ("unix:///run/mqtt", "unix:/run/mqtt"),
        ] {
            assert_eq!(shown(url).as_deref(), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_is_no_broker_is_refused() {
        for url in
            ["mqtt://", "mqtt://a:b", "mqtt://a/b", "", "mqtt://:1", "unix:", "unix:a", "a b"]
        {
            assert_eq!(shown(url), Err(EndpointError::Form), "{url}");
        }
        assert_eq!(shown("http://a"), Err(EndpointError::Scheme));
        assert_eq!(shown("mqtt://u:p@a"), Err(EndpointError::Login));
    }
}
