//! TLS, by rustls with ring.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Duplex, OpenError};

/// Where systems keep the authorities that they trust, in one file: Debian, Red Hat, SUSE, Alpine.
const SYSTEM_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What was asked for about TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM file of the authorities that may vouch for the broker.
    pub authorities: Option<PathBuf>,
    /// PEM files of the client's certificate chain and its private key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Takes whatever certificate the broker shows.
    pub insecure: bool,
}

impl TlsOptions {
    /// The first option that is given.
    pub fn given(&self) -> Option<&'static str> {
        if self.authorities.is_some() {
            Some("--cafile")
        } else if self.identity.is_some() {
            Some("--cert")
        } else if self.insecure {
            Some("--insecure")
        } else {
            None
        }
    }
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM of what it should be.
    #[error("{option} {path} cannot be used: {reason}", path = .path.display())]
    File {
        /// The option that named it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No authority can vouch for the broker.
    #[error(
        "this system has no list of trusted authorities where it is looked for; name one with \
         --cafile, or use --insecure to trust whatever certificate the broker shows"
    )]
    NoAuthorities,
    /// The host of the URL cannot be in a certificate.
    #[error("'{0}' is neither a DNS name nor an address, so no certificate can be for it")]
    Host(String),
    /// Certificate and key do not fit, or rustls refuses them.
    #[error("--cert and --key cannot be used: {0}")]
    Identity(rustls::Error),
    /// rustls refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

/// Speaks TLS to one broker.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    host: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Tls {
    pub(super) fn new(host: &str, options: &TlsOptions) -> Result<Self, TlsError> {
        let server_name = ServerName::try_from(host.to_owned());
        let host = server_name.map_err(|_| TlsError::Host(host.to_owned()))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?;
        let builder = if options.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Credulous { provider }))
        } else {
            builder.with_root_certificates(authorities(options)?)
        };
        let mut config = match &options.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates("--cert", certificate)?, private_key(key)?)
                .map_err(TlsError::Identity)?,
        };
        // Each client stands for a machine of its own, which has no session to resume.
        config.resumption = Resumption::disabled();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), host })
    }

    pub(super) async fn connect(
        &self,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, OpenError> {
        self.connector.connect(self.host.clone(), stream).await.map_err(OpenError::Tls)
    }
}

impl Duplex for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

fn authorities(options: &TlsOptions) -> Result<RootCertStore, TlsError> {
    let system = || {
        let known = SYSTEM_AUTHORITIES.map(Path::new);
        known.into_iter().find(|path| fs::exists(path).unwrap_or(false)).map(Path::to_owned)
    };
    let path = options.authorities.clone().or_else(system).ok_or(TlsError::NoAuthorities)?;
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates("--cafile", &path)?);
    if added == 0 {
        let reason = "none of its certificates can be an authority".to_owned();
        return Err(TlsError::File { option: "--cafile", path, reason });
    }
    Ok(store)
}

fn certificates(
    option: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fault = |reason: String| TlsError::File { option, path: path.to_owned(), reason };
    let text = fs::read(path).map_err(|error| fault(error.to_string()))?;
    let all: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| fault(error.to_string()))?;
    if all.is_empty() {
        return Err(fault("there is no certificate in it".to_owned()));
    }
    Ok(all)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let fault = |reason: String| TlsError::File { option: "--key", path: path.to_owned(), reason };
    let text = fs::read(path).map_err(|error| fault(error.to_string()))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| fault(error.to_string()))
}

/// Believes every certificate; only that the broker holds its key is still checked.
#[derive(Debug)]
struct Credulous {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
