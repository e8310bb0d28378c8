//! The flags of listeners and of TLS.

use std::path::PathBuf;

use broker::Listener;
use clap::Args;

use crate::config::{Demand, TlsConfig, Version};

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

    /// Oldest version of TLS [default: 1.2]
    #[arg(long, value_name = "VERSION", help_heading = "TLS")]
    tls_min_version: Option<Version>,

    /// Seconds from the opening of a connection to the end of its TLS and WebSocket handshakes
    /// [default: 10]
    #[arg(long, value_name = "SECONDS", help_heading = "Limits")]
    pub(crate) handshake_timeout: Option<u64>,
}

impl ListenArguments {
    pub(crate) const fn is_given(&self) -> bool {
        !self.listen.is_empty()
    }

    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listen.iter()
    }

    /// Replaces what a file says of TLS when flags name a certificate.
    pub(crate) fn set_tls(&self, config: &mut TlsConfig) {
        if self.tls_cert.is_some() {
            config.certificate_file.clone_from(&self.tls_cert);
            config.key_file.clone_from(&self.tls_key);
            config.client_authority_file.clone_from(&self.tls_client_ca);
            config.client_certificates = self.tls_client_certificates;
        }
        if let Some(version) = self.tls_min_version {
            config.minimum_version = version;
        }
    }
}
