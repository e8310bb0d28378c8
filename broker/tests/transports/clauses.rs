//! The statements of MQTT section 6, MQTT over WebSocket, which both versions have; and of 7.1.1.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_websockets::Message;

use crate::client::{Client, next_message, parts, send_message, soon};
use crate::packets::{Connect, PINGREQ, PINGRESP, Publish, packet, subscribe};
use crate::server::{SCHEMES, Server};

/// A CONNECT of MQTT 5.0 without properties.
fn connect5(identifier: &str) -> Vec<u8> {
    let length = [0, u8::try_from(identifier.len()).expect("it is short")];
    packet(0x10, &[b"\0\x04MQTT\x05\x02\0\0\0", &length, identifier.as_bytes()])
}

/// CONNECT, SUBSCRIBE, PUBLISH and PINGREQ of a version, with all that is to come but the CONNACK.
fn conversation(version: u8) -> (Vec<u8>, Vec<u8>) {
    let (connect, subscribe, none): (_, _, &[u8]) = match version {
        4 => (Connect::new("client").bytes(), subscribe(1, &[("a", 0)]), &[]),
        _ => (connect5("client"), packet(0x82, &[b"\0\x01\0\0\x01a\0"]), &[0]),
    };
    let publish = packet(0x30, &[b"\0\x01a", none, &[b'x'; 200]]);
    let suback = packet(0x90, &[b"\0\x01", none, &[0]]);
    let sent = [connect, subscribe, publish.clone(), PINGREQ.to_vec()].concat();
    (sent, [suback, publish, PINGRESP.to_vec()].concat())
}

/// Packets split at every byte and joined, in messages of their own.
async fn split_anywhere(version: u8) {
    let server = Server::start(1);
    let (sent, expected) = conversation(version);
    for split in 0..=sent.len() {
        let mut client = server.open("ws").await;
        client.send(&sent[..split]).await;
        client.send(&sent[split..]).await;
        assert_eq!(client.receive().await[..1], [0x20]);
        let mut all = Vec::new();
        while all.len() < expected.len() {
            all.extend(client.receive().await);
        }
        assert!(all == expected, "{all:02x?} at {split}");
    }
}

/// A text message closes the connection, before the CONNECT and behind it, and is not processed.
async fn text_closes(connect: &[u8]) {
    let server = Server::start(1);
    let mut witness = server.client("mqtt", "witness").await;
    witness.subscribe("#", 0).await;
    for connects in [false, true] {
        let mut client = server.open("ws").await;
        if connects {
            client.send(connect).await;
            assert_eq!(client.receive().await[..1], [0x20]);
        }
        let publish = Publish::new("a", "x").bytes();
        let text = String::from_utf8(publish).expect("nothing in it is above 0x7f");
        send_message(client.messages(), Message::text(text)).await.expect("it is open");
        while let Some(packet) = next_binary(&mut client).await {
            assert_eq!(packet[0], 0xe0, "{packet:02x?}");
        }
    }
    server.wait_for("the count", |figures| figures.protocol_violations == 2).await;
    witness.expect_silence().await;
}

async fn next_binary(client: &mut Client) -> Option<Vec<u8>> {
    loop {
        match soon("a message", next_message(client.messages())).await {
            Some(Ok(message)) if message.is_binary() => return Some(message.as_payload().to_vec()),
            Some(Ok(_)) => {}
            None | Some(Err(_)) => return None,
        }
    }
}

/// The head of the answer to a request, in small letters.
async fn answer(server: &Server, request: &str) -> String {
    let url = server.url("ws");
    let mut stream = TcpStream::connect(parts(&url).1).await.expect("the broker listens");
    stream.write_all(request.as_bytes()).await.expect("the broker takes bytes");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(soon("an answer", stream.read_u8()).await.expect("the broker answers"));
    }
    String::from_utf8(answer).expect("the head is text").to_lowercase()
}

/// The broker chooses `mqtt` among the names that a Client offers, and takes none without.
async fn name_is_mqtt() {
    let server = Server::start(1);
    let request = |names: &str| {
        format!(
            "GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{names}\r\n"
        )
    };
    for names in ["mqtt", "chat, mqtt", "mqtt, chat", "mqttv3.1, mqtt"] {
        let names = format!("Sec-WebSocket-Protocol: {names}\r\n");
        let answer = answer(&server, &request(&names)).await;
        assert!(answer.starts_with("http/1.1 101"), "{answer}");
        assert!(answer.contains("sec-websocket-protocol: mqtt\r\n"), "{answer}");
    }
    for names in ["", "Sec-WebSocket-Protocol: chat\r\n"] {
        let answer = answer(&server, &request(names)).await;
        assert!(answer.starts_with("http/1.1 400"), "{answer}");
    }
}

/// [MQTT-6.0.0-2] Packets come in any pieces, several in one message, one in several.
#[tokio::test]
async fn mqtt_6_0_0_2_packets_are_not_aligned() {
    split_anywhere(4).await;
}

/// [MQTT-6.0.0-4] The name of the protocol that the broker chooses is `mqtt`.
#[tokio::test]
async fn mqtt_6_0_0_4_name_of_the_protocol_is_mqtt() {
    name_is_mqtt().await;
}

/// [MQTT-7.1.1-1] Each transport is ordered, lossless and goes in both directions.
#[tokio::test]
async fn mqtt_7_1_1_1_every_transport_carries_mqtt() {
    let server = Server::start(2);
    let (sent, expected) = conversation(4);
    for scheme in SCHEMES {
        let mut client = server.open(scheme).await;
        client.send(&sent).await;
        client.expect(&[0x20, 2, 0, 0]).await;
        let mut all = Vec::new();
        while all.len() < expected.len() {
            all.extend(client.receive().await);
        }
        assert!(all == expected, "{all:02x?} over {scheme}");
    }
}

/// [MQTT-6.0.0-1] Packets come in binary messages; one of text closes the connection.
#[tokio::test]
async fn mqtt5_6_0_0_1_text_closes_the_connection() {
    text_closes(&connect5("client")).await;
}

/// [MQTT-6.0.0-2] Packets come in any pieces, several in one message, one in several.
#[tokio::test]
async fn mqtt5_6_0_0_2_packets_are_not_aligned() {
    split_anywhere(5).await;
}

/// [MQTT-6.0.0-4] The name of the protocol that the broker chooses is `mqtt`.
#[tokio::test]
async fn mqtt5_6_0_0_4_name_of_the_protocol_is_mqtt() {
    name_is_mqtt().await;
}
