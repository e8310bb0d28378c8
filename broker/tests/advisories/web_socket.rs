//! WebSocket frames and Control Packets that begin and end at different places.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use broker::{Broker, Listener};

use crate::support::packets::{Connect, Publish, subscribe};
use crate::support::{DEADLINE, wait_until};

const UPGRADE: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

/// A Client that makes its frames by hand, and reads what is in the broker's.
struct WebSocket {
    stream: TcpStream,
    /// MQTT that was received.
    received: Vec<u8>,
}

impl WebSocket {
    fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket has this option");
        stream.write_all(UPGRADE).expect("the broker takes bytes");
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("the broker answers");
            answer.extend(byte);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101 "));
        Self { stream, received: Vec::new() }
    }

    /// Sends one binary frame.
    fn send(&mut self, payload: &[u8]) {
        assert!(payload.len() < 126, "a short frame");
        let mask = [1, 2, 3, 4];
        let masked = payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask);
        let mut frame = vec![0x82, 0x80 | u8::try_from(payload.len()).unwrap_or_default()];
        frame.extend(mask.into_iter().chain(masked));
        self.stream.write_all(&frame).expect("the broker takes bytes");
    }

    /// Receives exactly these bytes, in whatever frames.
    #[track_caller]
    fn expect(&mut self, expected: &[u8]) {
        while self.received.len() < expected.len() {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head).expect("the broker sends a frame");
            assert_eq!((head[0], head[1] & 0x80), (0x82, 0), "a short, binary, unmasked frame");
            let mut payload = vec![0; usize::from(head[1])];
            self.stream.read_exact(&mut payload).expect("the broker sends all of it");
            self.received.extend(payload);
        }
        let rest = self.received.split_off(expected.len());
        assert_eq!(std::mem::replace(&mut self.received, rest), expected);
    }
}

fn start(shards: usize) -> (Broker, SocketAddr) {
    let listener: Listener = "ws://127.0.0.1:0".parse().expect("a valid URL");
    let broker = Broker::builder().listen(listener).shards(shards).start().expect("a free port");
    let address = broker.local_addresses()[0];
    (broker, address)
}

/// CVE-2026-25627: a Remaining Length that is longer than the frame made the broker read past its end. The
/// packet goes on in the next frame, or never.
#[test]
fn cve_2026_25627_packets_may_be_longer_than_their_frame() {
    for shards in [1, 2] {
        let (broker, address) = start(shards);
        let mut client = WebSocket::open(address);
        client.send(&Connect::new("client").bytes());
        client.expect(&[0x20, 2, 0, 0]);
        client.send(&subscribe(1, &[("a", 0)]));
        client.expect(&[0x90, 3, 0, 1, 0]);
        let publish = Publish::new("a", [b'x'; 60]).bytes();
        for cut in 1..publish.len() {
            let (front, back) = publish.split_at(cut);
            client.send(front);
            client.send(&[]);
            client.send(back);
            client.expect(&publish);
        }
        // Announces 16 MiB and ends: nothing is published.
        let mut liar = WebSocket::open(address);
        liar.send(&Connect::new("liar").bytes());
        liar.expect(&[0x20, 2, 0, 0]);
        liar.send(&[0x30, 0xfb, 0xff, 0xff, 0x07, 0, 1, b'a', b'x']);
        drop(liar);
        wait_until("the liar to be gone", || broker.statistics().connections == 1);
        client.send(&[0xc0, 0]);
        client.expect(&[0xd0, 0]);
    }
}

/// The other way round: many packets in one frame, and the front of the next.
#[test]
fn frames_may_be_longer_than_their_packets() {
    let (_broker, address) = start(1);
    let mut client = WebSocket::open(address);
    let publish = Publish::new("a", "x").bytes();
    let all = [&Connect::new("client").bytes(), &subscribe(1, &[("a", 0)])[..], &publish.repeat(5)];
    let all = all.concat();
    let (front, back) = all.split_at(all.len() - 1);
    client.send(front);
    client.send(back);
    let expected = [&[0x20, 2, 0, 0, 0x90, 3, 0, 1, 0][..], &publish.repeat(5)].concat();
    client.expect(&expected);
}
