//! Handshakes that go wrong.

use std::time::Duration;

use broker::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{parts, soon};
use crate::server::Server;

const REQUEST: &str = "GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

/// All that comes in answer to a request.
async fn answer(server: &Server, request: &[u8]) -> String {
    let url = server.url("ws");
    let mut stream = TcpStream::connect(parts(&url).1).await.expect("the broker listens");
    stream.write_all(request).await.expect("the broker takes bytes");
    let mut answer = Vec::new();
    soon("an answer", stream.read_to_end(&mut answer)).await.expect("the broker answers");
    String::from_utf8(answer).expect("the answer is text")
}

#[tokio::test]
async fn a_request_for_something_else_is_answered_and_counted() {
    let server = Server::start(1);
    let many = "x: y\r\n".repeat(100);
    let long = format!("x: {}\r\n", "y".repeat(10_000));
    let cases = [
        ("GET /mqtt", "GET /other", "404 Not Found"),
        ("GET /mqtt", "GET http://:x/\u{7f}?", "400 Bad Request"),
        ("GET /mqtt", "GET //", "404 Not Found"),
        ("GET /mqtt", "GET http://[", "404 Not Found"),
        ("Upgrade: websocket\r\n", "", "426 Upgrade Required"),
        ("Version: 13", "Version: 7", "426 Upgrade Required"),
        ("GET", "POST", "426 Upgrade Required"),
        ("Sec-WebSocket-Protocol: mqtt\r\n", "", "400 Bad Request"),
        ("Protocol: mqtt", "Protocol: chat", "400 Bad Request"),
        ("Host: a\r\n", &many, "431 Request Header Fields Too Large"),
        ("Host: a\r\n", &long, "431 Request Header Fields Too Large"),
        ("GET", "\u{1}\u{2}", "400 Bad Request"),
    ];
    for (index, (from, to, status)) in cases.iter().enumerate() {
        let answer = answer(&server, REQUEST.replace(from, to).as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{to}: {answer}");
        let count = index as u64 + 1;
        server.wait_for("the count", |figures| figures.handshakes_failed == count).await;
    }
    server.wait_for("the end", |figures| figures.connections == 0).await;
    server.client("ws", "after").await;
}

#[tokio::test]
async fn bytes_behind_the_request_are_not_lost() {
    let server = Server::start(1);
    let url = server.url("ws");
    let mut stream = TcpStream::connect(parts(&url).1).await.unwrap();
    // A masked binary frame with the mask 0: a CONNECT.
    let connect = crate::packets::Connect::new("early").bytes();
    let length = u8::try_from(connect.len()).unwrap();
    let frame = [&[0x82, 0x80 | length, 0, 0, 0, 0][..], &connect].concat();
    stream.write_all(&[REQUEST.as_bytes(), &frame].concat()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(&[0x82, 4, 0x20, 2, 0, 0]) {
        assert!(soon("CONNACK", stream.read_buf(&mut answer)).await.unwrap() > 0, "{answer:?}");
    }
    // The example of RFC 6455, section 1.3.
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.to_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="));
}

#[tokio::test]
async fn who_is_slow_is_let_go() {
    let mut limits = Limits::default();
    limits.handshake_timeout = Duration::from_millis(100);
    limits.handshakes_max = 1;
    for shards in [1, 2] {
        let server = Server::start_with(shards, limits.clone());
        let mut slow = Vec::new();
        for scheme in ["mqtts", "ws", "wss"] {
            let url = server.url(scheme);
            let mut stream = TcpStream::connect(parts(&url).1).await.unwrap();
            stream
                .write_all(if scheme == "ws" { b"GET /mq" } else { b"\x16\x03\x01" })
                .await
                .unwrap();
            slow.push(stream);
        }
        for mut stream in slow {
            let mut bytes = Vec::new();
            // Bytes that were not read make it a reset.
            let end = soon("the end", stream.read_to_end(&mut bytes)).await;
            assert!(end.is_err() || bytes.is_empty());
        }
        server.wait_for("the count", |figures| figures.handshake_timeouts == 3).await;
        server.wait_for("the end", |figures| figures.connections == 0).await;
        server.client("wss", "after").await;
    }
}

#[tokio::test]
async fn no_connect_after_the_handshake_is_a_matter_of_time_too() {
    let mut limits = Limits::default();
    limits.connect_timeout = Duration::from_millis(100);
    for shards in [1, 2] {
        let server = Server::start_with(shards, limits.clone());
        for (index, scheme) in crate::server::SCHEMES.into_iter().enumerate() {
            server.open(scheme).await.expect_closed().await;
            let count = index as u64 + 1;
            server.wait_for("the count", |figures| figures.connect_timeouts == count).await;
        }
    }
}
