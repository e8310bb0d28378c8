//! The flags of listeners and of TLS.

use std::path::PathBuf;
use std::time::Duration;

use broker::{ClientCertificates, Limits, Listener, Tls, TlsVersion};
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct ListenArguments {
    /// Where to listen and what to speak there, repeatable: mqtt://, mqtts://, ws://, wss://
    /// followed by host, port and, for ws and wss, path; or unix: followed by a path
    ///
    /// Ports by default: 1883, 8883, 8083, 8084; path by default: /mqtt. Without --port and
    /// --bind, there is no other listener.
    #[arg(short, long, value_name = "URL")]
    listen: Vec<Listener>,

    /// PEM file of the certificate chain for mqtts:// and wss://; SIGHUP reads it again
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = "TLS")]
    tls_cert: Option<PathBuf>,

    /// PEM file of its private key
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    tls_key: Option<PathBuf>,

    /// PEM file of the authorities that issue client certificates
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    tls_client_ca: Option<PathBuf>,

    /// Whether clients show a certificate [default: required with --tls-client-ca, else none]
    #[arg(long, value_name = "WHEN", requires = "tls_client_ca", help_heading = "TLS")]
    tls_client_certificates: Option<Demand>,

    /// Oldest version of TLS
    #[arg(long, value_name = "VERSION", default_value = "1.2", help_heading = "TLS")]
    tls_min_version: Version,

    /// Seconds from the opening of a connection to the end of its TLS and WebSocket handshakes
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().handshake_timeout.as_secs(), help_heading = "Limits")]
    handshake_timeout: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Demand {
    None,
    Optional,
    Required,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Version {
    #[value(name = "1.2")]
    Tls12,
    #[value(name = "1.3")]
    Tls13,
}

impl ListenArguments {
    pub(crate) const fn is_given(&self) -> bool {
        !self.listen.is_empty()
    }

    pub(crate) const fn handshake_timeout(&self) -> Duration {
        Duration::from_secs(self.handshake_timeout)
    }

    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listen.iter()
    }

    pub(crate) fn tls(&self) -> Option<Tls> {
        let tls = Tls::new(self.tls_cert.as_ref()?, self.tls_key.as_ref()?);
        let tls = tls.minimum_version(match self.tls_min_version {
            Version::Tls12 => TlsVersion::Tls12,
            Version::Tls13 => TlsVersion::Tls13,
        });
        let Some(authority) = &self.tls_client_ca else { return Some(tls) };
        let demand = match self.tls_client_certificates {
            Some(Demand::None) => ClientCertificates::None,
            Some(Demand::Optional) => ClientCertificates::Optional,
            Some(Demand::Required) | None => ClientCertificates::Required,
        };
        Some(tls.client_certificates(demand, authority))
    }
}
