//! The broker as a process: its port, its memory, its end.

use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use broker::{Broker, StartError};

use crate::support::Server;

/// rmqtt#337: a port in use is an error that says so.
#[test]
fn port_in_use_is_an_error() {
    let server = Server::start(1, |builder| builder);
    let error = Broker::builder().listen(server.address()).start().expect_err("it is in use");
    let url = format!("mqtt://{}", server.address());
    assert!(matches!(&error, StartError::Listen { listener, .. } if *listener == url));
    assert!(error.to_string().contains("in use"), "{error}");
}

/// The same of the binary: one line, exit status 3.
#[test]
fn port_in_use_ends_the_binary() {
    let server = Server::start(1, |builder| builder);
    let output = Command::new(env!("CARGO_BIN_EXE_broker"))
        .args(["--bind", "127.0.0.1", "--port", &server.address().port().to_string()])
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(message.contains("in use") && message.lines().count() == 1, "{message}");
}

/// FlashMQ#77: stopping closes every connection, those before their CONNECT too, and returns.
#[test]
fn stop_closes_every_connection() {
    for shards in [1, 2, 4] {
        let server = Server::start(shards, |builder| builder);
        let mut clients = ["one", "two", "three", "four", "five"].map(|name| server.begin(name));
        let mut stranger = server.open();
        stranger.send(&[0x10]);
        let address: SocketAddr = server.address();
        let publisher = server.broker().publisher().clone();
        server.stop();
        for client in &mut clients {
            client.expect_closed();
        }
        stranger.expect_closed();
        TcpStream::connect(address).expect_err("nobody listens any more");
        publisher.publish("a", "x").expect_err("nobody takes it");
    }
}
