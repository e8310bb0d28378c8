//! A broker with every transport, and certificates made for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use broker::{Broker, Builder, ClientCertificates, Limits, Listener, Statistics, Tls};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::client::Client;

/// How long anything may take before a test gives up. Never reached when all is well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Every transport by the name of its scheme.
pub(crate) const SCHEMES: [&str; 5] = ["mqtt", "mqtts", "ws", "wss", "unix"];

/// A folder that is removed at the end.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("kelvin-transports-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder is there");
    }
}

/// A certificate and its key in PEM.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Who issues certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).expect("valid parameters");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = parameters.self_signed(&key).expect("a certificate can be made").pem();
        Self { issuer: Issuer::new(parameters, key), certificate }
    }

    pub(crate) fn issue(&self, common_name: &str) -> Identity {
        let mut parameters =
            CertificateParams::new(vec!["localhost".to_owned()]).expect("valid parameters");
        parameters.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate =
            parameters.signed_by(&key, &self.issuer).expect("a certificate can be made");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// A running broker.
pub(crate) struct Server {
    pub(crate) broker: Broker,
    pub(crate) authority: Authority,
    pub(crate) folder: Folder,
}

impl Server {
    /// On every transport.
    pub(crate) fn start(shards: usize) -> Self {
        Self::start_with(shards, Limits::default())
    }

    pub(crate) fn start_with(shards: usize, limits: Limits) -> Self {
        Self::build(|builder, _, _| builder.shards(shards).limits(limits))
    }

    /// With what `configure` does to the builder, given the files of TLS.
    pub(crate) fn build(configure: impl FnOnce(Builder, Tls, &Folder) -> Builder) -> Self {
        let folder = Folder::new();
        let authority = Authority::new("authority");
        let tls = write_identity(&folder, &authority.issue("first"));
        let builder = SCHEMES.iter().fold(Broker::builder().tls(tls.clone()), |builder, scheme| {
            builder.listen(match *scheme {
                "unix" => unix_listener(&folder.path("socket")),
                scheme => {
                    format!("{scheme}://127.0.0.1:0").parse::<Listener>().expect("a valid URL")
                }
            })
        });
        let broker = configure(builder, tls, &folder).start().expect("the broker starts");
        Self { broker, authority, folder }
    }

    /// One that asks for client certificates.
    pub(crate) fn demanding(demand: ClientCertificates, clients: &Authority) -> Self {
        Self::build(|builder, tls, folder| {
            let path = folder.write("clients.pem", &clients.certificate);
            let tls = tls.client_certificates(demand, path);
            builder.tls(tls)
        })
    }

    /// The URL of a transport.
    pub(crate) fn url(&self, scheme: &str) -> String {
        let begins = |url: &&String| url.split(':').next() == Some(scheme);
        self.broker
            .local_urls()
            .iter()
            .find(begins)
            .expect("the broker has every transport")
            .clone()
    }

    /// A connected Client with a clean session.
    pub(crate) async fn client(&self, scheme: &str, identifier: &str) -> Client {
        let mut client = self.open(scheme).await;
        client.connect(identifier).await;
        client
    }

    /// A connection on which no Control Packet has been sent.
    pub(crate) async fn open(&self, scheme: &str) -> Client {
        Client::open(&self.url(scheme), &self.authority).await
    }

    /// Waits until the statistics say what they should.
    pub(crate) async fn wait_for(&self, what: &str, holds: impl Fn(&Statistics) -> bool) {
        wait_until(what, || holds(&self.broker.statistics())).await;
    }
}

pub(crate) fn unix_listener(path: &Path) -> Listener {
    format!("unix:{}", path.display()).parse().expect("a valid text")
}

pub(crate) fn write_identity(folder: &Folder, identity: &Identity) -> Tls {
    let certificate = folder.write("certificate.pem", &identity.certificate);
    Tls::new(certificate, folder.write("key.pem", &identity.key))
}

/// Waits for a condition, with a deadline.
pub(crate) async fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
