//! What goes in on one transport comes out on another.

use broker::Limits;

use crate::client::Client;
use crate::packets::{Connect, DISCONNECT, Publish, packet, puback, suback, subscribe};
use crate::server::{SCHEMES, Server};

async fn exchange(from: &mut Client, to: &mut Client, payload: &[u8]) {
    for qos in 0..3 {
        from.publish_surely("temperature", payload, qos).await;
        let message = to.receive_surely().await;
        assert_eq!((message.qos, message.topic.as_str()), (qos, "temperature"));
        assert!(message.payload == payload, "{} bytes came", message.payload.len());
    }
}

#[tokio::test]
async fn every_transport_delivers_at_every_qos() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut tcp = server.client("mqtt", "tcp").await;
        for scheme in SCHEMES {
            let mut one = server.client(scheme, "one").await;
            one.subscribe("temperature", 2).await;
            exchange(&mut tcp, &mut one, b"23").await;
            let mut other = server.client(scheme, "other").await;
            exchange(&mut other, &mut one, b"24").await;
            one.send(&DISCONNECT).await;
            one.expect_closed().await;
            tcp.subscribe("temperature", 2).await;
            exchange(&mut other, &mut tcp, b"25").await;
            tcp.send(&DISCONNECT).await;
            tcp = server.client("mqtt", "tcp").await;
        }
        let statistics = server.broker.statistics();
        assert_eq!(statistics.handshakes_failed, 0);
        assert_eq!(statistics.protocol_violations, 0);
    }
}

#[tokio::test]
async fn a_mebibyte_passes_whole() {
    let payload: Vec<u8> = (0..1 << 20).map(|index: u32| (index % 251) as u8).collect();
    let server = Server::start(2);
    for scheme in SCHEMES {
        let mut one = server.client(scheme, "one").await;
        one.subscribe("temperature", 2).await;
        let mut other = server.client(scheme, "other").await;
        exchange(&mut other, &mut one, &payload).await;
    }
}

#[tokio::test]
async fn a_reader_that_waits_gets_everything_in_order() {
    const MESSAGES: usize = 2_000;
    let mut limits = Limits::default();
    limits.output_bytes_max = 64 << 20;
    for shards in [1, 2] {
        let server = Server::start_with(shards, limits.clone());
        for scheme in SCHEMES {
            let mut reader = server.client(scheme, "reader").await;
            reader.subscribe("temperature", 0).await;
            let mut writer = server.client(scheme, "writer").await;
            for number in 0..MESSAGES {
                // Some are small enough to be copied, some large enough to be shared.
                let mut payload = number.to_be_bytes().to_vec();
                payload.resize(if number % 2 == 0 { 100 } else { 10_000 }, 1);
                writer.send(&Publish::new("temperature", payload).bytes()).await;
            }
            writer.expect_silence().await;
            for number in 0..MESSAGES {
                let message = Publish::parse(&reader.receive().await);
                assert_eq!(message.payload[..8], number.to_be_bytes(), "{scheme}");
            }
            reader.expect_silence().await;
        }
        assert_eq!(server.broker.statistics().dropped_output_full, 0);
    }
}

/// TCP and Unix sockets are read into the buffer of the packet; TLS and WebSocket copy once more.
#[tokio::test]
async fn large_packets_come_whole_with_what_is_behind_them() {
    let server = Server::start(2);
    for scheme in SCHEMES {
        let mut client = server.client(scheme, "large").await;
        client.subscribe("a", 0).await;
        for size in [40_000, 65_536, 300_000, 1_500_000] {
            let large = vec![7; size];
            let bytes = [
                Publish::new("a", &large).bytes(),
                Publish::new("a", "behind").bytes(),
                Publish::new("a", &large).bytes(),
            ]
            .concat();
            for piece in bytes.chunks(99_999) {
                client.send(piece).await;
            }
            for expected in [&*large, b"behind", &*large] {
                let received = Publish::parse(&client.receive().await).payload;
                assert!(received == expected, "{scheme}: {} bytes", received.len());
            }
        }
    }
}

#[tokio::test]
async fn packets_may_come_byte_by_byte() {
    let server = Server::start(2);
    for scheme in SCHEMES {
        let mut client = server.open(scheme).await;
        let bytes = [
            Connect::new("split").bytes(),
            subscribe(1, &[("a", 1)]),
            Publish::new("a", "split").qos(1, 2).bytes(),
        ]
        .concat();
        for byte in bytes {
            client.send(&[byte]).await;
        }
        client.expect(&[0x20, 2, 0, 0]).await;
        client.expect(&suback(1, &[1])).await;
        assert_eq!(client.receive_surely().await.payload, b"split", "{scheme}");
        client.expect(&puback(2)).await;
    }
}

#[tokio::test]
async fn packets_may_be_split_anywhere_and_joined() {
    let server = Server::start(1);
    let bytes = [
        Connect::new("joined").bytes(),
        subscribe(1, &[("a", 0)]),
        Publish::new("a", "x".repeat(200)).bytes(),
        vec![0xc0, 0],
    ]
    .concat();
    for scheme in SCHEMES {
        for split in 0..=bytes.len() {
            let mut client = server.open(scheme).await;
            client.send(&bytes[..split]).await;
            client.send(&bytes[split..]).await;
            client.expect(&[0x20, 2, 0, 0]).await;
            client.expect(&suback(1, &[0])).await;
            assert_eq!(Publish::parse(&client.receive().await).payload.len(), 200);
            client.expect(&[0xd0, 0]).await;
            client.send(&DISCONNECT).await;
        }
    }
}

#[tokio::test]
async fn a_refused_client_reads_why() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        for scheme in SCHEMES {
            for number in 0..4 {
                let mut client = server.open(scheme).await;
                let body = [&b"\0\x04MQTT\x03\x02\0\0\0\x02r"[..], &[b'0' + number]].concat();
                client.send(&packet(0x10, &[&body])).await;
                client.expect(&[0x20, 2, 0, 1]).await;
                client.expect_closed().await;
            }
        }
    }
}

#[tokio::test]
async fn a_will_is_published_when_the_transport_ends() {
    let server = Server::start(2);
    let mut observer = server.client("mqtt", "observer").await;
    observer.subscribe("will", 0).await;
    for scheme in SCHEMES {
        let mut client = server.open(scheme).await;
        client.send(&Connect::new("mortal").will("will", scheme).bytes()).await;
        client.expect(&[0x20, 2, 0, 0]).await;
        drop(client);
        let will = Publish::parse(&observer.receive().await);
        assert_eq!(will.payload, scheme.as_bytes());
    }
}

/// A shard sleeps elsewhere while it has connections with layers, and goes back when they are gone.
#[tokio::test]
async fn connections_with_layers_come_and_go_beside_plain_ones() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut reader = server.client("mqtt", "reader").await;
        reader.subscribe("temperature", 2).await;
        let mut writer = server.client("mqtt", "writer").await;
        let mut busy = server.client("mqtt", "busy").await;
        // Never silent, so that the others have no turn but theirs.
        let noise = tokio::spawn(async move {
            loop {
                busy.publish_surely("noise", b"23", 0).await;
            }
        });
        for scheme in SCHEMES {
            let mut other = server.client(scheme, "other").await;
            other.subscribe("temperature", 2).await;
            exchange(&mut writer, &mut other, b"24").await;
            for _ in 0..3 {
                reader.receive_surely().await;
            }
            other.send(&DISCONNECT).await;
            other.expect_closed().await;
            exchange(&mut writer, &mut reader, b"25").await;
            // The shards look at their clocks at least once more.
            let publications = server.broker.statistics().publications_received;
            exchange(&mut writer, &mut reader, b"26").await;
            let newer = |figures: &broker::Statistics| figures.publications_received > publications;
            server.wait_for("newer figures", newer).await;
            exchange(&mut writer, &mut reader, b"27").await;
        }
        noise.abort();
    }
}
