//! WebSocket below MQTT.

use std::time::Duration;

use broker::Limits;
use tokio::net::TcpStream;
use tokio_websockets::{CloseCode, Message};

use crate::client::{Client, next_message, parts, send_message, soon, upgrade};
use crate::packets::{Connect, Publish};
use crate::server::Server;

/// A Client whose messages leave in frames of this size.
async fn fragmenting(server: &Server, protocol: &str, frame_size: usize) -> Client {
    let url = server.url("ws");
    let (_, address, path) = parts(&url);
    let stream = Box::new(TcpStream::connect(address).await.expect("the broker listens"));
    Client::over_messages(
        upgrade(stream, path, protocol, frame_size).await.expect("the broker takes the upgrade"),
    )
}

/// The code in the close frame that ends the connection.
async fn close_code(client: &mut Client) -> CloseCode {
    loop {
        let message = soon("a close frame", next_message(client.messages())).await;
        let message = message.expect("the connection is open").expect("the connection is open");
        if let Some((code, _)) = message.as_close() {
            return code;
        }
    }
}

#[tokio::test]
async fn messages_may_be_fragmented() {
    let server = Server::start(1);
    for frame_size in [1, 2, 7, 1000] {
        let mut client = fragmenting(&server, "mqtt", frame_size).await;
        client.connect("fragments").await;
        client.subscribe("a", 1).await;
        client.publish_surely("b", &[7; 5000], 2).await;
        client.send(&Publish::new("a", [8; 5000]).bytes()).await;
        assert_eq!(client.receive_surely().await.payload, [8; 5000]);
    }
}

#[tokio::test]
async fn the_name_of_the_older_protocol_is_accepted() {
    let server = Server::start(1);
    fragmenting(&server, "mqttv3.1", 100).await.connect("old").await;
    fragmenting(&server, "chat, mqtt", 100).await.connect("choosy").await;
}

#[tokio::test]
async fn mqtt_6_0_0_1_text_closes_the_connection() {
    let server = Server::start(1);
    for (count, connects) in [(1, false), (2, true)] {
        let mut client = server.open("ws").await;
        if connects {
            client.connect("writer").await;
        }
        send_message(client.messages(), Message::text("temperature".to_owned())).await.unwrap();
        assert_eq!(close_code(&mut client).await, CloseCode::UNSUPPORTED_DATA);
        client.expect_closed().await;
        server.wait_for("the count", |figures| figures.protocol_violations == count).await;
    }
    server.wait_for("the end", |figures| figures.connections == 0).await;
}

#[tokio::test]
async fn pings_are_answered_and_close_is_closed() {
    let server = Server::start(2);
    let mut client = server.client("ws", "pinging").await;
    for payload in [&b""[..], b"are you there?"] {
        send_message(client.messages(), Message::ping(payload.to_vec())).await.unwrap();
        let answer = soon("a pong", next_message(client.messages())).await.unwrap().unwrap();
        assert!(answer.is_pong());
        assert_eq!(&**answer.as_payload(), payload);
    }
    client.expect_silence().await;
    let close = Message::close(Some(CloseCode::NORMAL_CLOSURE), "");
    send_message(client.messages(), close).await.unwrap();
    assert_eq!(close_code(&mut client).await, CloseCode::NORMAL_CLOSURE);
    client.expect_closed().await;
    server.wait_for("the end", |figures| figures.connections == 0).await;
    server.wait_for("the count", |figures| figures.connections_lost == 1).await;
    assert_eq!(server.broker.statistics().protocol_violations, 0);
}

#[tokio::test]
async fn a_broker_that_stops_says_so() {
    let server = Server::start(1);
    let mut client = server.client("ws", "left").await;
    server.broker.stop();
    assert_eq!(close_code(&mut client).await, CloseCode::NORMAL_CLOSURE);
}

#[tokio::test]
async fn a_message_is_as_long_as_a_packet_may_be() {
    let mut limits = Limits::default();
    limits.connect_packet_bytes_max = 1000;
    limits.packet_bytes_max = 100_000;
    for shards in [1, 2] {
        let server = Server::start_with(shards, limits.clone());
        let mut stranger = server.open("ws").await;
        stranger.send(&[0x10; 1001]).await;
        assert_eq!(close_code(&mut stranger).await, CloseCode::MESSAGE_TOO_BIG);
        // In fragments too.
        let mut stranger = fragmenting(&server, "mqtt", 10).await;
        stranger.send(&[0x10; 1001]).await;
        assert_eq!(close_code(&mut stranger).await, CloseCode::MESSAGE_TOO_BIG);
        // A Client is admitted before the message that follows its CONNECT is read.
        let mut client = server.open("ws").await;
        client.send(&Connect::new("client").bytes()).await;
        client.send(&Publish::new("a", vec![0; 99_000]).bytes()).await;
        client.expect(&[0x20, 2, 0, 0]).await;
        client.expect_silence().await;
        client.send(&[0xc0, 0].repeat(50_001)).await;
        assert_eq!(close_code(&mut client).await, CloseCode::MESSAGE_TOO_BIG);
        server.wait_for("the end", |figures| figures.connections == 0).await;
    }
}

#[tokio::test]
async fn lengths_that_disagree_do_no_harm() {
    let server = Server::start(1);
    let mut other = server.client("ws", "other").await;
    other.subscribe("a", 0).await;
    // The packet is longer than its message: the rest comes in the next one, or never.
    let mut client = server.client("ws", "client").await;
    let packet = Publish::new("a", [1; 100]).bytes();
    client.send(&packet[..50]).await;
    other.expect_silence().await;
    client.send(&packet[50..]).await;
    assert_eq!(other.receive_surely().await.payload, [1; 100]);
    client.send(&packet[..50]).await;
    drop(client);
    // The message is longer than its packet: what follows is the next packet, and not a valid one.
    let mut client = server.client("ws", "client").await;
    client.send(&[&packet[..], &[0; 10]].concat()).await;
    assert_eq!(other.receive_surely().await.payload, [1; 100]);
    client.expect_closed().await;
    // Messages without anything in them.
    let mut client = server.client("ws", "client").await;
    for _ in 0..100 {
        client.send(&[]).await;
    }
    client.expect_silence().await;
    other.expect_silence().await;
}

#[tokio::test]
async fn what_became_ready_together_leaves_in_one_message() {
    let server = Server::start(1);
    for scheme in ["ws", "wss"] {
        let mut reader = server.client(scheme, "reader").await;
        reader.subscribe("a", 0).await;
        let mut writer = server.client("mqtt", "writer").await;
        writer.send(&Publish::new("a", "23").bytes().repeat(100)).await;
        let (mut messages, mut bytes) = (0, 0);
        while bytes < 700 {
            let message = soon("messages", next_message(reader.messages())).await;
            bytes += message.unwrap().unwrap().as_payload().len();
            messages += 1;
        }
        assert!(messages < 10, "{messages} messages for one write of 100 packets");
    }
}

#[tokio::test]
async fn who_pings_and_does_not_read_is_held_up() {
    let server = Server::start(1);
    let mut flooding = server.client("ws", "flooding").await;
    let mut blocked = false;
    // 128 MiB of pings; what the system buffers on the way is far less.
    for _ in 0..1 << 20 {
        let ping = send_message(flooding.messages(), Message::ping(vec![0; 125]));
        if tokio::time::timeout(Duration::from_secs(1), ping).await.is_err() {
            blocked = true;
            break;
        }
    }
    assert!(blocked, "the broker took in all pings");
    let mut other = server.client("ws", "other").await;
    other.subscribe("a", 1).await;
    other.publish_surely("b", b"", 1).await;
    other.expect_silence().await;
}

#[tokio::test]
async fn two_hundred_clients_get_every_message() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut readers = Vec::new();
        for number in 0..200 {
            let mut reader = server.client("ws", &format!("reader{number}")).await;
            reader.subscribe("temperature", 1).await;
            readers.push(reader);
        }
        let mut writer = server.client("ws", "writer").await;
        for number in 0..10_u8 {
            writer.publish_surely("temperature", &[number], 1).await;
        }
        for reader in &mut readers {
            for number in 0..10_u8 {
                assert_eq!(reader.receive_surely().await.payload, [number]);
            }
        }
    }
}
