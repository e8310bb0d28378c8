//! What has brought other brokers down, or made them lose messages or memory: each a test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use broker::{Broker, StartError};

use crate::support::client::Client;
use crate::support::packets::{
    Connect, PINGREQ, PINGRESP, Publish, field, packet, puback, pubcomp, pubrec, pubrel, subscribe,
};
use crate::support::{Server, everywhere, everywhere_with, limits, settle};

/// CVE-2017-7651, CVE-2023-0809: a stranger announces a huge packet. It is refused by its header
/// alone, so that nothing is held for it.
#[test]
fn huge_announcements_of_strangers_are_refused_at_once() {
    everywhere(|server| {
        let headers = [
            &[0x10, 0xff, 0xff, 0xff, 0x7f][..],
            // One byte above the limit for a CONNECT of 256 KiB.
            &[0x10, 0x80, 0x80, 0x10],
            &[0x30, 0xff, 0xff, 0xff, 0x7f],
            &[0x10, 0xff, 0xff, 0xff, 0xff, 0x01],
        ];
        for header in headers {
            let mut client = server.open();
            client.send(header);
            client.expect_closed();
        }
        server.wait_for("violations to count", |s| s.protocol_violations == 4);
    });
}

/// Those who say nothing, or never come to the end of their CONNECT, are closed and counted.
#[test]
fn strangers_who_do_not_connect_are_closed() {
    let limits = limits(|limits| limits.connect_timeout = Duration::from_millis(300));
    everywhere_with(&limits, |server| {
        let mut silent = server.open();
        let mut slow = server.open();
        slow.send(&server.connect("slow").bytes()[..9]);
        silent.expect_closed();
        slow.expect_closed();
        server.wait_for("time-outs to count", |s| s.connect_timeouts == 2 && s.connections == 0);
    });
}

/// Connections that end before their CONNECT leave nothing behind, and are counted.
#[test]
fn strangers_who_leave_are_forgotten() {
    everywhere(|server| {
        for length in [0, 1, 5] {
            let mut client = server.open();
            client.send(&server.connect("client").bytes()[..length]);
        }
        server.wait_for("them to count", |s| {
            (s.connections_opened, s.connections_lost, s.connections) == (3, 3, 0)
        });
    });
}

/// CVE-2021-28166: packets that only a Server sends.
#[test]
fn packets_of_a_server_close() {
    everywhere(|server| {
        let packets =
            [vec![0x20, 2, 0, 0], vec![0x90, 3, 0, 1, 0], vec![0xb0, 2, 0, 1], PINGRESP.to_vec()];
        for bytes in packets {
            let mut stranger = server.open();
            stranger.send(&bytes);
            stranger.expect_closed();
            let mut client = server.client("client");
            client.send(&bytes);
            client.expect_closed();
        }
        server.wait_for("violations to count", |s| s.protocol_violations == 8);
    });
}

/// CVE-2023-28366: QoS 2 messages that are never released, again and again under one identifier.
#[test]
fn repeated_qos_2_identifiers_hold_one_message() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        witness.subscribe("a", 0);
        let mut client = server.client("client");
        let message = Publish::new("a", vec![b'x'; 1000]).qos(2, 1).bytes();
        for _ in 0..20 {
            client.send(&message.repeat(50));
            for _ in 0..50 {
                client.expect(&pubrec(1));
            }
        }
        client.publish("a", "next");
        assert_eq!(witness.receive_publish().payload, vec![b'x'; 1000]);
        witness.expect_message("a", "next");
        server.wait_for("duplicates to count", |s| s.duplicates_received == 999);
    });
}

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

/// Rounds of the exchange beside a frozen reader, and messages of a round: more in all than the
/// aedes#1060: one that never reads neither slows the others nor fills the memory: what is for it
/// mosquitto#3096: a subscription that matches more retained messages than a queue may hold gets
/// A message of megabytes comes through whole, in pieces and beside small ones.
#[test]
fn large_messages_come_through() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a", 2);
        for (qos, size) in [(0, 2047), (0, 2048), (1, 2049), (2, 70_000), (0, 5 << 20)] {
            let payload: Vec<u8> =
                (0..size).map(|n: u32| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
            publisher.publish("a", "before");
            publisher.send(&Publish::new("a", &payload).qos(qos, 1).bytes());
            publisher.publish("a", "after");
            subscriber.expect_message("a", "before");
            let message = subscriber.receive_publish();
            assert_eq!((message.qos, message.payload == payload), (qos, true));
            subscriber.expect_message("a", "after");
            match qos {
                0 => {}
                1 => publisher.expect(&puback(1)),
                _ => {
                    publisher.expect(&pubrec(1));
                    publisher.send(&pubrel(1));
                    publisher.expect(&pubcomp(1));
                }
            }
        }
    });
}

/// Many packets in one write are all handled, in order.
#[test]
fn ten_thousand_packets_in_one_write() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a", 0);
        let message = |number: u16| Publish::new("a", number.to_be_bytes());
        let packets: Vec<_> = (0..10_000).map(|number| message(number).bytes()).collect();
        publisher.send(&packets.concat());
        for number in 0..10_000 {
            assert_eq!(subscriber.receive_publish(), message(number));
        }
    });
}

/// A thousand connections that come and go, in every way, leave nothing behind.
#[test]
fn connections_that_come_and_go_leave_nothing() {
    everywhere(|server| {
        for round in 0..20 {
            let mut clients: Vec<_> = (0..50)
                .map(|number| server.accepted(&Connect::new(&format!("c{number}")), false))
                .collect();
            for (number, client) in clients.iter_mut().enumerate() {
                client.subscribe(&format!("a/{number}/+"), 1);
                match (number + round) % 3 {
                    0 => client.send(&[0xe0, 0]),
                    1 => client.send(&[0xff]),
                    _ => {}
                }
            }
        }
        server.wait_for("all to be gone", |s| {
            // Each shard's figures are from a moment of its own: those of the start are zero, too.
            (s.connections, s.sessions, s.subscriptions, s.connections_opened) == (0, 0, 0, 1000)
        });
        let statistics = server.statistics();
        assert_eq!(statistics.connects_accepted, 1000);
        let ends = statistics.disconnects
            + statistics.connections_lost
            + statistics.protocol_violations
            + statistics.take_overs;
        assert_eq!(ends, 1000, "each end counts once: {statistics:?}");
    });
}

/// Many connections that fight for one identifier: one is left, with one session.
#[test]
fn fight_for_an_identifier_has_one_winner() {
    everywhere(|server| {
        let address = server.address();
        let connect = server.connect("client").kept().bytes();
        let mut fighters = Vec::new();
        for _ in 0..8 {
            let connect = connect.clone();
            fighters.push(thread::spawn(move || -> Vec<Client> {
                let fight = |_| {
                    let mut client = Client::open(address);
                    client.send(&connect);
                    let connack = client.next();
                    assert!(connack.is_none_or(|connack| connack[3] == 0));
                    client
                };
                (0..10).map(fight).collect()
            }));
        }
        let clients: Vec<Client> =
            fighters.into_iter().flat_map(|fighter| fighter.join().expect("no panic")).collect();
        server.wait_for("one to be left", |s| {
            (s.connections, s.sessions, s.take_overs) == (1, 1, 79)
        });
        let left = clients.into_iter().filter(|client| {
            let mut stream = client.stream();
            stream.write_all(&PINGREQ).is_ok() && stream.read(&mut [0; 2]).is_ok_and(|n| n > 0)
        });
        assert_eq!(left.count(), 1);
    });
}

/// Noise from everywhere does not disturb a pair that keeps to the rules.
#[test]
fn noise_does_not_disturb_a_good_pair() {
    everywhere(|server| {
        let mut random = fastrand::Rng::with_seed(7);
        let mut one = server.client("one");
        let mut other = server.client("other");
        for _ in 0..150 {
            let mut noise: Vec<u8> = (0..random.usize(1..200)).map(|_| random.u8(..)).collect();
            match random.u8(0..3) {
                // As a stranger, as a Client, and as one that changes a bit of a good packet.
                0 => server.open().send_in_vain(&noise),
                1 => server.client("noise").send_in_vain(&noise),
                _ => {
                    noise.truncate(50);
                    let mut bytes = subscribe(1, &[("a/+", 1)]);
                    bytes.extend(packet(0x32, &[&field(b"a/b"), &[0, 2], &noise]));
                    let index = random.usize(..bytes.len());
                    bytes[index] ^= 1 << random.u8(0..8);
                    server.client("noise").send_in_vain(&bytes);
                }
            }
            settle(&mut one, &mut other);
        }
        drop(one);
        drop(other);
        server.wait_for("all to be gone", |s| (s.connections, s.sessions) == (0, 0));
    });
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
