//! Much of everything, coming and going.

use std::io::{Read, Write};
use std::thread;

use crate::support::client::Client;
use crate::support::packets::{
    Connect, PINGREQ, Publish, field, packet, puback, pubcomp, pubrec, pubrel, subscribe,
};
use crate::support::{everywhere, settle};

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
