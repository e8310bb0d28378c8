//! What access control is told of the way by which a Client comes: listener and certificate.

use std::sync::{Arc, Mutex};

use broker::{
    Access, AccessFiles, ClientCertificates, Credentials, FileAccess, Principal, Refusal,
};

use crate::client::{Client, connect_tls, parts, soon, tls_config};
use crate::packets::{Connect, Publish, puback, suback, subscribe};
use crate::server::{Authority, Identity, SCHEMES, Server, wait_until};

/// Listener, common name, user name and password of each Client that came.
type Seen = Arc<Mutex<Vec<(String, Option<String>, Option<String>, bool)>>>;

/// Lets everybody in and notes it.
struct Notes(Seen);

impl Access for Notes {
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, Refusal> {
        let Credentials { listener, common_name, user_name, password, .. } = credentials;
        let [common_name, user_name] = [common_name, user_name].map(|name| name.map(str::to_owned));
        let seen = ((*listener).to_owned(), common_name, user_name, password.is_some());
        self.0.lock().map_err(|_| Refusal::Unavailable)?.push(seen);
        Ok(Principal::default())
    }
}

/// A CONNECT with a user name and a password.
fn connect(identifier: &str, user_name: &str) -> Connect {
    Connect {
        user_name: Some(user_name.to_owned()),
        password: Some(b"secret".to_vec()),
        ..Connect::new(identifier)
    }
}

/// A Client over TLS that shows this certificate.
async fn showing(server: &Server, identity: Option<&Identity>) -> Client {
    let config = tls_config(&server.authority, identity);
    let url = server.url("mqtts");
    let stream = connect_tls(parts(&url).1, config);
    Client::over(soon("the handshake", stream).await.expect("a handshake"))
}

#[tokio::test]
async fn the_listener_is_named() {
    for shards in [1, 3] {
        let seen = Seen::default();
        let access = Notes(Arc::clone(&seen));
        let server = Server::build(|builder, _, _| builder.shards(shards).access(access));
        for scheme in SCHEMES {
            server.client(scheme, scheme).await.expect_silence().await;
            let last = seen.lock().unwrap().pop();
            assert_eq!(last, Some((server.url(scheme), None, None, false)));
        }
    }
}

#[tokio::test]
async fn the_certificate_is_told_and_the_user_name_stays_that_of_the_connect() {
    let clients = Authority::new("clients");
    let seen = Seen::default();
    let access = Notes(Arc::clone(&seen));
    let server = Server::build(|builder, tls, folder| {
        let path = folder.write("clients.pem", &clients.certificate);
        builder.access(access).tls(tls.client_certificates(ClientCertificates::Optional, path))
    });
    let sensor = clients.issue("sensor-1");
    for (identity, common_name) in [(Some(&sensor), Some("sensor-1".to_owned())), (None, None)] {
        let mut client = showing(&server, identity).await;
        client.send(&connect("one", "alice").bytes()).await;
        client.expect(&[0x20, 2, 0, 0]).await;
        let expected = (server.url("mqtts"), common_name, Some("alice".to_owned()), true);
        assert_eq!(seen.lock().unwrap().pop(), Some(expected));
    }
}

/// The common name is the user name, in the ACL file too; what the CONNECT says is not looked at,
/// and who shows no name is refused. Listeners without certificates ask for nothing new.
#[tokio::test]
async fn a_certificate_may_stand_for_the_user_name() {
    let clients = Authority::new("clients");
    let access: Mutex<Option<Arc<FileAccess>>> = Mutex::default();
    let server = Server::build(|builder, tls, folder| {
        let path = folder.write("clients.pem", &clients.certificate);
        let tls = tls.client_certificates(ClientCertificates::Optional, path);
        let rules = "user sensor-1\ntopic readwrite one\nuser sensor-2\ntopic readwrite two\n";
        let acl_file = Some(folder.write("acl", rules));
        let files = AccessFiles {
            allow_anonymous: true,
            acl_file,
            certified_users: true,
            ..AccessFiles::default()
        };
        let files = Arc::new(FileAccess::load(files).expect("good files"));
        *access.lock().unwrap() = Some(Arc::clone(&files));
        builder.shards(2).shared_access(files).tls(tls.use_identity_as_username(true))
    });
    for (name, may, may_not) in [("sensor-1", "one", "two"), ("sensor-2", "two", "one")] {
        let mut client = showing(&server, Some(&clients.issue(name))).await;
        client.send(&connect(name, "sensor-9").bytes()).await;
        client.expect(&[0x20, 2, 0, 0]).await;
        // What may not be received is not told at subscribing, as mosquitto has it.
        client.send(&subscribe(1, &[("#", 0)])).await;
        let subscribed = client.receive().await;
        assert!(subscribed == suback(1, &[0]) || subscribed == suback(1, &[0x80]));
        client.send(&subscribe(2, &[(may, 0)])).await;
        client.expect(&suback(2, &[0])).await;
        client.send(&Publish::new(may_not, "dropped").bytes()).await;
        client.send(&Publish::new(may, "x").bytes()).await;
        assert_eq!(Publish::parse(&client.receive().await).topic, may);
        // It stays when the files are read again.
        access.lock().unwrap().as_ref().unwrap().reload().expect("good files");
        server.broker.recheck_access();
        client.expect_silence().await;
    }
    wait_until("the denials", || server.broker.statistics().publications_denied == 2).await;
    for identity in [Some(clients.issue("")), None] {
        let mut client = showing(&server, identity.as_ref()).await;
        client.send(&connect("nobody", "sensor-1").bytes()).await;
        client.expect(&[0x20, 2, 0, 4]).await;
        client.expect_closed().await;
    }
    let mut plain = server.client("mqtt", "plain").await;
    plain.send(&Publish::new("one", "dropped").qos(1, 1).bytes()).await;
    plain.expect(&puback(1)).await;
    wait_until("the denial", || server.broker.statistics().publications_denied == 3).await;
}
