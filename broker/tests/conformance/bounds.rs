//! Every bound of the broker at work: what is above it is refused or dropped, and counted.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::support::packets::{PINGREQ, PINGRESP, Publish, puback, pubcomp, pubrec, pubrel};
use crate::support::{everywhere_with, limits, settle};

/// A Client that is known may send more than a stranger, up to its own limit.
#[test]
fn packets_above_the_limit_close() {
    everywhere_with(&limits(|limits| limits.packet_bytes_max = 1000), |server| {
        let mut client = server.client("client");
        let fits = Publish::new("a", vec![0; 1000 - 6]);
        assert_eq!(fits.bytes().len(), 1000);
        client.subscribe("a", 0);
        client.send(&fits.bytes());
        assert_eq!(client.receive_publish(), fits);
        client.send(&Publish::new("a", vec![0; 1000 - 5]).bytes());
        client.expect_closed();
    });
}

/// rumqttd#991: one connection more than allowed is closed; the others go on.
#[test]
fn one_connection_too_many_is_closed() {
    everywhere_with(&limits(|limits| limits.connections_max = 3), |server| {
        let mut clients = ["one", "two", "three"].map(|name| server.client(name));
        for _ in 0..5 {
            server.open().expect_closed();
        }
        for client in &mut clients {
            client.expect_silence();
        }
        server.wait_for("refusals to count", |s| s.connections_refused == 5);
        drop(clients);
        server.wait_for_connections(0);
        server.client("four").expect_silence();
    });
}

/// Rounds of the exchange beside a frozen reader, and messages of a round: more in all than the
/// system's buffers take.
const ROUNDS: usize = 400;
const ROUND: usize = 50;

/// aedes#1060: one that never reads neither slows the others nor fills the memory: what is for it
/// is dropped and counted.
#[test]
fn frozen_reader_does_not_delay_others() {
    everywhere_with(&limits(|limits| limits.output_bytes_max = 128 << 10), |server| {
        let mut frozen = server.client("frozen");
        frozen.subscribe("a", 0);
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a", 0);
        let mut publisher = server.client("publisher");
        for round in 0..ROUNDS {
            let payload = |number: usize| {
                let mut payload = vec![b'x'; 1000];
                payload[..8].copy_from_slice(&(round * ROUND + number).to_be_bytes());
                payload
            };
            let packets = (0..ROUND).map(|number| Publish::new("a", payload(number)).bytes());
            publisher.send(&packets.collect::<Vec<_>>().concat());
            for number in 0..ROUND {
                assert_eq!(subscriber.receive_publish().payload, payload(number));
            }
        }
        let messages = (ROUNDS * ROUND) as u64;
        server.wait_for("each message to be delivered or to count as dropped", |s| {
            s.deliveries + s.dropped_output_full == 2 * messages
        });
        let statistics = server.statistics();
        assert!(statistics.dropped_output_full > 0, "the system's buffers took it all");
        // It is still a Client: once it reads, it gets what was kept, in order.
        let mut last = 0;
        for _ in 0..statistics.deliveries - messages {
            let payload = frozen.receive_publish().payload;
            let number = u64::from_be_bytes(payload[..8].try_into().expect("eight bytes"));
            assert!(number == 0 || number > last, "out of order");
            last = number;
        }
        frozen.expect_silence();
    });
}

/// A Client that asks and never reads the answers cannot make them pile up: it is read no more.
#[test]
fn unread_answers_stop_the_reading() {
    let limits = limits(|limits| limits.output_bytes_max = 64 << 10);
    everywhere_with(&limits, |server| {
        let mut client = server.client("client");
        let mut stream = client.stream();
        stream.set_write_timeout(Some(Duration::from_millis(500))).expect("it has this option");
        let requests = PINGREQ.repeat(32 << 10);
        let mut sent = 0;
        while sent < 16 << 20 {
            // A write may have ended within a packet.
            match stream.write(&requests[sent % 2..]) {
                Ok(count) => sent += count,
                Err(_) => break,
            }
        }
        // The figures are a tenth of a second old at most.
        thread::sleep(Duration::from_millis(300));
        let statistics = server.statistics();
        let held = statistics.bytes_received - statistics.bytes_sent;
        assert!(held < 512 << 10, "{held} bytes of answers are held");
        // Nothing is lost: all of it is answered once the answers are read.
        for _ in 0..sent / 2 {
            client.expect(&PINGRESP);
        }
        if sent % 2 == 1 {
            client.send(&PINGREQ[1..]);
            client.expect(&PINGRESP);
        }
        client.expect_silence();
    });
}

/// A session's queue has an end: what comes after it is dropped and counted, the oldest stay.
#[test]
fn session_queue_is_bounded() {
    let limits = limits(|limits| {
        limits.queued_messages_max = 10;
        limits.queued_bytes_max = 100;
    });
    everywhere_with(&limits, |server| {
        server.begin("subscriber").subscribe("a", 1);
        server.wait_for_connections(0);
        let mut publisher = server.client("publisher");
        for number in 0..25_u8 {
            publisher.publish_surely(&Publish::new("a", [number]).qos(1, 0));
        }
        server.wait_for("drops to count", |s| s.dropped_queue_full == 15);
        let mut subscriber = server.resume("subscriber");
        for number in 0..10 {
            assert_eq!(subscriber.receive_surely().payload, [number]);
        }
        subscriber.expect_silence();
        drop(subscriber);
        server.wait_for_connections(1);
        // By bytes: two of 40 and their topics fit into 100.
        for _ in 0..3 {
            publisher.publish_surely(&Publish::new("a", [b'x'; 40]).qos(2, 0));
        }
        server.wait_for("drops to count", |s| s.dropped_queue_full == 16);
    });
}

/// A Client that acknowledges nothing has no more than the window in flight.
#[test]
fn inflight_window_is_bounded() {
    everywhere_with(&limits(|limits| limits.inflight_max = 5), |server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a", 2);
        for number in 0..12_u8 {
            publisher.publish_surely(&Publish::new("a", [number]).qos(1 + number % 2, 0));
        }
        settle(&mut publisher, &mut server.client("other"));
        let first: Vec<_> = (0..5).map(|_| subscriber.receive_publish()).collect();
        subscriber.expect_silence();
        // A PUBREC frees nothing yet; PUBACK and PUBCOMP do.
        subscriber.send(&pubrec(first[1].identifier));
        subscriber.expect(&pubrel(first[1].identifier));
        subscriber.expect_silence();
        subscriber.send(&pubcomp(first[1].identifier));
        assert_eq!(subscriber.receive_publish().payload, [5]);
        subscriber.send(&puback(first[0].identifier));
        assert_eq!(subscriber.receive_publish().payload, [6]);
        subscriber.expect_silence();
    });
}

/// FlashMQ#156: retained messages have a limit; replacing and removing works at it.
#[test]
fn retained_messages_are_bounded() {
    everywhere_with(&limits(|limits| limits.retained_messages_max = 3), |server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        for topic in ["a/1", "a/2", "a/3", "a/4", "a/5"] {
            publisher.retain(topic, "old");
        }
        publisher.retain("a/1", "new");
        settle(&mut publisher, &mut subscriber);
        subscriber.subscribe("a/#", 0);
        let mut found: Vec<_> = (0..3).map(|_| subscriber.receive_publish().topic).collect();
        found.sort();
        assert_eq!(found, ["a/1", "a/2", "a/3"]);
        subscriber.expect_silence();
        server.wait_for("drops to count", |s| s.dropped_retained_full >= 2);
        // A message that is not retained is delivered all the same.
        publisher.retain("a/6", "x");
        subscriber.expect_message("a/6", "x");
        publisher.retain("a/2", "");
        subscriber.expect_message("a/2", "");
        publisher.retain("a/7", "x");
        subscriber.expect_message("a/7", "x");
        subscriber.unsubscribe("a/#");
        subscriber.subscribe("a/7", 0);
        assert_eq!(subscriber.receive_publish(), Publish::new("a/7", "x").retain());
    });
}

/// mosquitto#3096: a subscription that matches more retained messages than a queue may hold gets
/// all of them, one window after another, [MQTT-3.3.1-6].
#[test]
fn many_retained_messages_all_come() {
    everywhere_with(&limits(|limits| limits.queued_messages_max = 50), |server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        let topic = |number: u16| format!("a/{number}");
        for number in 1..=2000 {
            publisher.send(&Publish::new(&topic(number), "x").qos(1, number).retain().bytes());
        }
        for number in 1..=2000 {
            publisher.expect(&puback(number));
        }
        settle(&mut publisher, &mut subscriber);
        subscriber.subscribe("a/#", 1);
        let mut found: Vec<_> = (0..2000).map(|_| subscriber.receive_surely().topic).collect();
        let mut expected: Vec<_> = (1..=2000).map(topic).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        subscriber.expect_silence();
        assert_eq!(server.statistics().dropped_queue_full, 0);
    });
}
