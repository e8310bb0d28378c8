//! The relay over real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::*;
use crate::frame::Frame;

struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// The next packet.
    fn next(&mut self) -> Vec<u8> {
        loop {
            if let Some(frame) = Frame::first(&self.received) {
                let packet = frame.bytes.to_vec();
                self.received.drain(..packet.len());
                return packet;
            }
            let mut buffer = [0; 4096];
            let length = self.stream.read(&mut buffer).unwrap();
            assert_ne!(length, 0, "the relay closed the connection");
            self.received.extend_from_slice(&buffer[..length]);
        }
    }

    fn ask(&mut self, packet: &[u8]) -> Vec<u8> {
        self.stream.write_all(packet).unwrap();
        self.next()
    }

    fn subscribed(address: SocketAddr, filter: &str) -> Self {
        let mut client = Self::connected(address);
        assert_eq!(client.ask(&benches::subscribe(filter, 1)), [0x90, 3, 0, 1, 1]);
        client
    }

    fn connected(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut client = Self { stream, received: Vec::new() };
        assert_eq!(client.ask(&benches::connect("c")), [0x20, 2, 0, 0]);
        client
    }
}

fn relay() -> SocketAddr {
    let (told, address) = mpsc::channel();
    // Ends with the process.
    thread::spawn(move || {
        run(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), move |address| told.send(address).unwrap())
    });
    address.recv().unwrap()
}

#[test]
fn a_publication_reaches_whoever_subscribed_to_its_name_or_its_siblings() {
    let address = relay();
    let mut same = Client::subscribed(address, "a/b");
    let mut sibling = Client::subscribed(address, "a/+");
    let mut other = Client::subscribed(address, "a/c");
    let mut publisher = Client::connected(address);
    let mut packet = benches::publish("a/b", benches::READING, None);
    packet[0] |= 1;
    publisher.stream.write_all(&packet).unwrap();
    packet[0] &= !1;
    assert_eq!(same.next(), packet);
    assert_eq!(sibling.next(), packet);
    assert_eq!(other.ask(&[0xc0, 0]), [0xd0, 0], "nothing else came before");
}

#[test]
fn the_handshakes_of_qos_1_and_2_are_answered() {
    let address = relay();
    let mut subscriber = Client::subscribed(address, "a");
    let mut publisher = Client::connected(address);
    let mut packet = benches::publish("a", b"x", Some(7));
    assert_eq!(publisher.ask(&packet), [0x40, 2, 0, 7]);
    assert_eq!(subscriber.next(), packet);
    packet[0] = 0x34;
    assert_eq!(publisher.ask(&packet), [0x50, 2, 0, 7]);
    assert_eq!(publisher.ask(&[0x62, 2, 0, 7]), [0x70, 2, 0, 7]);
    assert_eq!(subscriber.next(), packet);
    assert_eq!(subscriber.ask(&[0x50, 2, 0, 7]), [0x62, 2, 0, 7]);
    assert_eq!(subscriber.ask(&[0x70, 2, 0, 7, 0xc0, 0]), [0xd0, 0], "PUBCOMP needs no answer");
}

#[test]
fn a_packet_that_comes_in_pieces_leaves_whole() {
    let address = relay();
    let mut subscriber = Client::subscribed(address, "a");
    let mut publisher = Client::connected(address);
    let packet = benches::publish("a", &vec![b'x'; 300_000], None);
    let (first, second) = packet.split_at(3);
    publisher.stream.write_all(first).unwrap();
    // Time for the relay to read it alone; when it has not, this says nothing and fails nothing.
    assert_eq!(subscriber.ask(&[0xc0, 0]), [0xd0, 0]);
    publisher.stream.write_all(second).unwrap();
    assert_eq!(subscriber.next(), packet);
}
