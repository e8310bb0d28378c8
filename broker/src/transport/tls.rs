//! TLS by rustls: the files, and the connections secured with them.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, VerifierBuilderError, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate;
use super::duplex::{Duplex, Socket};

/// The files and settings of TLS. The files are read when the broker starts and on
/// [`Broker::reload`](crate::Broker::reload).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    client_authority: Option<PathBuf>,
    client_certificates: ClientCertificates,
    certifies_users: bool,
    minimum_version: TlsVersion,
}

/// Whether Clients show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked for one.
    #[default]
    None,
    /// They may. One that does not come from the authority ends the handshake.
    Optional,
    /// They must.
    Required,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    #[default]
    Tls12,
    /// TLS 1.3, RFC 8446.
    Tls13,
}

/// Why the files of TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or has not what it should have, in PEM.
    #[error("cannot read {what} from {}: {error}", path.display())]
    Read {
        /// What it should have.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        error: pem::Error,
    },
    /// The certificate chain and the key do not fit each other or cannot be used.
    #[error("cannot use the certificate in {} with the key in {}: {error}", certificate.display(), key.display())]
    Unusable {
        /// The file of the chain.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        error: rustls::Error,
    },
    /// A certificate of the authority is no certificate.
    #[error("cannot use the authority in {} to check client certificates: {error}", path.display())]
    Authority {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: rustls::Error,
    },
    /// No check can be made of the authority's certificates.
    #[error("cannot check client certificates: {0}")]
    Verifier(#[from] VerifierBuilderError),
    /// Client certificates are asked for without anything to check them against.
    #[error("client certificates need the file of the authority that issues them")]
    NoAuthority,
}

impl Tls {
    /// `certificate` has the chain, the broker's own certificate first; `key` has its private key
    /// in PKCS#8, PKCS#1 or SEC1. Both are in PEM.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_authority: None,
            client_certificates: ClientCertificates::None,
            certifies_users: false,
            minimum_version: TlsVersion::Tls12,
        }
    }

    /// Asks Clients for a certificate issued by one of the authorities whose certificates are in
    /// the PEM file `authority`.
    #[must_use]
    pub fn client_certificates(
        self,
        client_certificates: ClientCertificates,
        authority: impl Into<PathBuf>,
    ) -> Self {
        Self { client_certificates, client_authority: Some(authority.into()), ..self }
    }

    /// Takes the common name of the certificate that a Client shows as its user name, proved by the
    /// certificate; the user name and password of its CONNECT are not looked at. A Client without
    /// such a name has none, and [`Access`](crate::Access) is told so.
    #[must_use]
    pub fn use_identity_as_username(self, certifies_users: bool) -> Self {
        Self { certifies_users, ..self }
    }

    /// Refuses Clients that offer older versions only.
    #[must_use]
    pub fn minimum_version(self, minimum_version: TlsVersion) -> Self {
        Self { minimum_version, ..self }
    }

    /// Reads the files and tells whether they can be used.
    pub fn check(&self) -> Result<(), TlsError> {
        self.load(&[]).map(drop)
    }

    fn load(&self, application_protocol: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = read_certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| TlsError::Read {
            what: "a private key",
            path: self.key.clone(),
            error,
        })?;
        let unusable = |error| TlsError::Unusable {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            error,
        };
        let versions = match self.minimum_version {
            TlsVersion::Tls12 => &[&TLS13, &TLS12][..],
            TlsVersion::Tls13 => &[&TLS13],
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(unusable)?
            .with_client_cert_verifier(self.verifier()?)
            .with_single_cert(chain, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![application_protocol.to_vec()];
        Ok(Arc::new(config))
    }

    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        if self.client_certificates == ClientCertificates::None {
            return Ok(Arc::new(NoClientAuth));
        }
        let path = self.client_authority.as_ref().ok_or(TlsError::NoAuthority)?;
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(path)? {
            roots
                .add(certificate)
                .map_err(|error| TlsError::Authority { path: path.clone(), error })?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = match self.client_certificates {
            ClientCertificates::Required => builder,
            ClientCertificates::None | ClientCertificates::Optional => {
                builder.allow_unauthenticated()
            }
        };
        Ok(builder.build()?)
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    certificates
        .and_then(|certificates: Vec<_>| {
            if certificates.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(certificates) }
        })
        .map_err(|error| TlsError::Read { what: "certificates", path: path.to_owned(), error })
}

/// The files of one listener as they were last read.
#[derive(Debug)]
pub(crate) struct Credentials {
    tls: Tls,
    application_protocol: &'static [u8],
    config: RwLock<Arc<ServerConfig>>,
}

impl Credentials {
    pub(crate) fn load(tls: Tls, application_protocol: &'static [u8]) -> Result<Self, TlsError> {
        let config = RwLock::new(tls.load(application_protocol)?);
        Ok(Self { tls, application_protocol, config })
    }

    /// Reads the files of all listeners again and uses them for handshakes to come; if any of them
    /// cannot be used, nothing changes.
    pub(crate) fn reload(all: &[Arc<Self>]) -> Result<(), TlsError> {
        let load = |one: &Arc<Self>| one.tls.load(one.application_protocol);
        let configs = all.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        for (one, config) in all.iter().zip(configs) {
            *one.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        }
        Ok(())
    }

    /// Whether the certificate of a Client tells its user name.
    pub(super) const fn certifies_users(&self) -> bool {
        self.tls.certifies_users
    }

    fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

/// A connection secured by TLS.
#[derive(Debug)]
pub(crate) struct Secured {
    stream: TlsStream<Socket>,
    common_name: Option<Box<str>>,
}

impl Secured {
    /// Goes through the handshake.
    pub(super) async fn accept(credentials: &Credentials, socket: Socket) -> io::Result<Self> {
        let stream = credentials.acceptor().accept(socket).await?;
        let (_, connection) = stream.get_ref();
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        let common_name = shown.and_then(|shown| certificate::common_name(shown)).map(Into::into);
        Ok(Self { stream, common_name })
    }
}

impl Duplex for Secured {
    fn socket(&mut self) -> &mut Socket {
        self.stream.get_mut().0
    }

    fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
