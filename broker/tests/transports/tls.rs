//! Certificates, versions, reload.

use broker::{Broker, ClientCertificates, Listener, StartError, Tls, TlsVersion};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::client::{Client, connect_tls, parts, soon, tls_config};
use crate::server::{Authority, Folder, Identity, Server, write_identity};

async fn try_tls(server: &Server, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    soon("the handshake", connect_tls(parts(&server.url("mqtts")).1, config)).await
}

/// Whether a Client with this configuration is let in.
async fn is_let_in(server: &Server, config: ClientConfig) -> bool {
    let Ok(stream) = try_tls(server, config).await else { return false };
    let mut client = Client::over(stream);
    let connect = crate::packets::Connect::new("somebody").bytes();
    // In TLS 1.3 a refused client certificate shows after the client's side of the handshake.
    if let crate::client::Transport::Bytes(stream) = &mut client.transport
        && tokio::io::AsyncWriteExt::write_all(stream, &connect).await.is_err()
    {
        return false;
    }
    client.next().await == Some(vec![0x20, 2, 0, 0])
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().expect("the broker shows a certificate")[0]
        .clone()
        .into_owned()
}

fn certificate(identity: &Identity) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("a certificate in PEM")
}

#[tokio::test]
async fn a_client_that_does_not_know_the_authority_goes_away() {
    let server = Server::start(1);
    assert!(is_let_in(&server, tls_config(&server.authority, None)).await);
    assert!(!is_let_in(&server, tls_config(&Authority::new("other"), None)).await);
    server.wait_for("the count", |figures| figures.handshakes_failed == 1).await;
}

#[tokio::test]
async fn client_certificates_are_checked_as_the_configuration_says() {
    let clients = Authority::new("clients");
    let (good, bad) = (clients.issue("sensor-1"), Authority::new("others").issue("sensor-1"));
    for (demand, without, with_good, with_bad) in [
        (ClientCertificates::None, true, true, true),
        (ClientCertificates::Optional, true, true, false),
        (ClientCertificates::Required, false, true, false),
    ] {
        let server = Server::demanding(demand, &clients);
        for (identity, expected) in
            [(None, without), (Some(&good), with_good), (Some(&bad), with_bad)]
        {
            let config = tls_config(&server.authority, identity);
            assert_eq!(is_let_in(&server, config).await, expected, "{demand:?}");
        }
    }
}

#[tokio::test]
async fn the_application_protocol_is_negotiated() {
    let server = Server::start(1);
    let mut config = tls_config(&server.authority, None);
    config.alpn_protocols = vec![b"x".to_vec(), b"mqtt".to_vec()];
    let stream = try_tls(&server, config.clone()).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"mqtt"[..]));
    config.alpn_protocols = vec![b"h2".to_vec()];
    assert!(!is_let_in(&server, config.clone()).await);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let url = server.url("wss");
    let stream = connect_tls(parts(&url).1, config).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn old_versions_can_be_refused() {
    let old = |server: &Server| {
        let mut roots = RootCertStore::empty();
        let authority = server.authority.certificate.as_bytes();
        roots.add(CertificateDer::from_pem_slice(authority).unwrap()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    };
    let server = Server::start(1);
    assert!(is_let_in(&server, old(&server)).await);
    let server =
        Server::build(|builder, tls, _| builder.tls(tls.minimum_version(TlsVersion::Tls13)));
    assert!(!is_let_in(&server, old(&server)).await);
    assert!(is_let_in(&server, tls_config(&server.authority, None)).await);
}

#[tokio::test]
async fn a_reload_changes_connections_to_come_and_no_other() {
    let server = Server::start(2);
    let config = || tls_config(&server.authority, None);
    let mut old = Vec::new();
    for scheme in ["mqtts", "wss"] {
        let mut client = server.client(scheme, scheme).await;
        client.subscribe("a", 0).await;
        old.push(client);
    }
    let before = shown(&try_tls(&server, config()).await.unwrap());
    let second = server.authority.issue("second");
    write_identity(&server.folder, &second);
    server.broker.reload().unwrap();
    let new = try_tls(&server, config()).await.unwrap();
    assert_ne!(shown(&new), before);
    assert_eq!(shown(&new), certificate(&second));
    let mut new = Client::over(new);
    new.connect("new").await;
    new.publish_surely("a", b"still here", 1).await;
    for client in &mut old {
        assert_eq!(client.receive_surely().await.payload, b"still here");
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn a_failed_reload_keeps_what_was() {
    let server = Server::start(1);
    let config = || tls_config(&server.authority, None);
    let before = shown(&try_tls(&server, config()).await.unwrap());
    let other = server.authority.issue("other");
    let broken = [
        Identity { certificate: "no certificate".into(), key: other.key.clone() },
        Identity { certificate: other.certificate.clone(), key: String::new() },
        Identity { certificate: other.certificate, key: server.authority.issue("third").key },
    ];
    for identity in &broken {
        write_identity(&server.folder, identity);
        let error = server.broker.reload().unwrap_err().to_string();
        assert!(error.contains(".pem"), "{error}");
        assert_eq!(shown(&try_tls(&server, config()).await.unwrap()), before);
    }
    std::fs::remove_file(server.folder.path("certificate.pem")).unwrap();
    server.broker.reload().unwrap_err();
    assert!(is_let_in(&server, config()).await);
}

#[tokio::test]
async fn a_broker_without_usable_files_does_not_start() {
    let listener = || "mqtts://127.0.0.1:0".parse::<Listener>().unwrap();
    let error = Broker::builder().listen(listener()).start().unwrap_err();
    assert!(matches!(error, StartError::NoCertificate(_)), "{error}");
    let folder = Folder::new();
    let missing = Tls::new(folder.path("none.pem"), folder.path("none.pem"));
    let error = Broker::builder().listen(listener().with_tls(missing)).start().unwrap_err();
    assert!(matches!(error, StartError::Tls(_)), "{error}");
    assert!(error.to_string().contains("none.pem"), "{error}");
}
