//! A publisher and a subscriber that keep to the rules, at QoS 0 and QoS 1.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::DEADLINE;

/// Messages of each QoS that are under way at once: fewer than the queue of a session holds.
const BURST: u64 = 5;

/// A thread with both.
pub(crate) struct Pair {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Pair {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let mut subscriber = connect(address, b"the good subscriber");
        send(
            &mut subscriber,
            b"\x82\x0a\x00\x01\x00\x05good0\x00\x82\x0a\x00\x02\x00\x05good1\x01",
        );
        assert_eq!(receive(&mut subscriber), b"\x90\x03\x00\x01\x00");
        assert_eq!(receive(&mut subscriber), b"\x90\x03\x00\x02\x01");
        let publisher = connect(address, b"the good publisher!");
        let stopping = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stopping);
        Self { stopping, thread: thread::spawn(move || exchange(publisher, subscriber, &told)) }
    }

    /// Stops when all that was sent has come; returns how many messages of each QoS that is.
    pub(crate) fn stop(self) -> u64 {
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.join().expect("the pair was not disturbed")
    }
}

/// Publishes numbers from 0 on, each at QoS 0 and at QoS 1, and receives both sequences: without a gap, a
/// repetition or another order.
fn exchange(mut publisher: TcpStream, mut subscriber: TcpStream, stopping: &AtomicBool) -> u64 {
    let mut next = 0_u64;
    while !stopping.load(Ordering::Relaxed) {
        for number in next..next + BURST {
            send(&mut publisher, &[b"\x30\x0f\x00\x05good0", &number.to_be_bytes()[..]].concat());
            let qos_1 = [b"\x32\x11\x00\x05good1\x00\x01", &number.to_be_bytes()[..]];
            send(&mut publisher, &qos_1.concat());
        }
        for _ in 0..BURST {
            assert_eq!(receive(&mut publisher), b"\x40\x02\x00\x01", "PUBACK");
        }
        let mut expected = [next; 2];
        for _ in 0..2 * BURST {
            let (qos, number) = receive_number(&mut subscriber);
            assert_eq!(number, expected[qos], "lost, repeated or out of order at QoS {qos}");
            expected[qos] += 1;
        }
        next += BURST;
        // The processors are for the others.
        thread::sleep(Duration::from_millis(1));
    }
    send(&mut publisher, b"\xe0\x00");
    send(&mut subscriber, b"\xc0\x00");
    assert_eq!(receive(&mut subscriber), b"\xd0\x00", "nothing but the answer comes at the end");
    send(&mut subscriber, b"\xe0\x00");
    next
}

/// Receives a message and acknowledges it; returns its QoS and its number.
fn receive_number(subscriber: &mut TcpStream) -> (usize, u64) {
    let packet = receive(subscriber);
    let (qos, payload) = match packet.split_at(9) {
        (b"\x30\x0f\x00\x05good0", payload) => (0, payload),
        (b"\x32\x11\x00\x05good1", rest) => {
            send(subscriber, &[0x40, 2, rest[0], rest[1]]);
            (1, &rest[2..])
        }
        _ => panic!("{packet:02x?} is no message of the pair"),
    };
    (qos, u64::from_be_bytes(payload.try_into().expect("eight bytes")))
}

fn connect(address: SocketAddr, identifier: &[u8; 19]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the broker listens");
    stream.set_nodelay(true).expect("a socket has this option");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket has this option");
    send(&mut stream, &[&b"\x10\x1f\x00\x04MQTT\x04\x02\x00\x00\x00\x13"[..], identifier].concat());
    assert_eq!(receive(&mut stream), b"\x20\x02\x00\x00", "CONNACK");
    stream
}

fn send(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("the broker takes what a good Client sends");
}

/// The next packet, which is a short one.
fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut packet = vec![0; 2];
    stream.read_exact(&mut packet).expect("the broker serves a good Client in time");
    assert!(packet[1] < 0x80, "{packet:02x?} is the front of no packet for the pair");
    packet.resize(2 + usize::from(packet[1]), 0);
    stream.read_exact(&mut packet[2..]).expect("the broker serves a good Client in time");
    packet
}
