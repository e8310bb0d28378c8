//! Messages that other brokers have lost or delivered twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::client::Client;
use crate::support::packets::{
    Connect, Publish, puback, pubcomp, pubrec, pubrel, suback, subscribe, unsubscribe,
};
use crate::support::{Server, everywhere, wait_until};
use crate::v5;
use crate::v5::properties::Properties;

/// Messages of a test about many of them.
const MESSAGES: u16 = 600;

fn message(number: u16, qos: u8) -> Publish {
    Publish::new("a", number.to_be_bytes()).qos(qos, 0)
}

fn number(message: &Publish) -> u16 {
    u16::from_be_bytes(message.payload[..].try_into().expect("two bytes"))
}

/// rmqtt#475: publications were acknowledged and lost while another connection took the session over.
/// Messages come again, but none is missing, and a new one comes after those before it.
#[test]
fn rmqtt_475_take_overs_lose_nothing() {
    everywhere(|server| {
        let mut subscriber = server.begin("subscriber");
        subscriber.subscribe("a", 1);
        let mut publisher = server.client("publisher");
        thread::scope(|scope| {
            scope.spawn(|| (0..MESSAGES).for_each(|n| publisher.publish_surely(&message(n, 1))));
            let (mut next, mut taken) = (0, 0);
            while next < MESSAGES {
                let message = subscriber.receive_publish();
                let number = number(&message);
                assert!(number <= next, "{number} came when {next} had not");
                next += u16::from(number == next);
                subscriber.send(&puback(message.identifier));
                // The older connection is still open when the newer one comes.
                if next >= 20 * (taken + 1) {
                    taken += 1;
                    subscriber = server.resume("subscriber");
                }
            }
            assert!(taken > 20);
        });
    });
}

/// rmqtt#456, mosquitto#1726: QoS 2 messages came twice when a session went on. Whatever the connection is
/// lost after, each is received once.
#[test]
fn rmqtt_456_qos_2_messages_come_once_across_reconnects() {
    everywhere(|server| {
        let mut subscriber = server.begin("subscriber");
        subscriber.subscribe("a", 2);
        let mut publisher = server.client("publisher");
        let (mut received, mut open) = (Vec::new(), Vec::new());
        for round in 0..60_u16 {
            publisher.publish_surely(&message(round, 2));
            // Up to three steps of an exchange before the connection is lost.
            for _ in 0..round % 4 {
                let packet = subscriber.receive();
                step(&mut subscriber, &packet, &mut received, &mut open);
            }
            drop(subscriber);
            server.wait_for_connections(1);
            subscriber = server.resume("subscriber");
        }
        while received.len() < 60 || !open.is_empty() {
            let packet = subscriber.receive();
            step(&mut subscriber, &packet, &mut received, &mut open);
        }
        assert_eq!(received, (0..60).collect::<Vec<_>>());
        subscriber.expect_silence();
    });
}

/// One step of a receiver by method A of MQTT 4.3.3: `open` has the identifiers it has received.
fn step(client: &mut Client, packet: &[u8], received: &mut Vec<u16>, open: &mut Vec<u16>) {
    if packet[0] == 0x62 {
        let identifier = u16::from_be_bytes([packet[2], packet[3]]);
        open.retain(|known| *known != identifier);
        client.send(&pubcomp(identifier));
        return;
    }
    let message = Publish::parse(packet);
    if !open.contains(&message.identifier) {
        received.push(number(&message));
        open.push(message.identifier);
    }
    client.send(&pubrec(message.identifier));
}

/// rmqtt#456: Packet Identifiers of the two directions are apart, whatever goes on under the same one.
#[test]
fn rmqtt_456_identifiers_of_both_directions_do_not_collide() {
    everywhere(|server| {
        let mut client = server.client("client");
        client.subscribe("a", 2);
        for identifier in [1, 2, 3] {
            client.send(&Publish::new("a", "x").qos(2, identifier).bytes());
            let mut packets = [client.receive(), client.receive()];
            packets.sort();
            let [publish, answer] = packets;
            assert_eq!(answer, pubrec(identifier));
            let delivered = Publish::parse(&publish).identifier;
            client.send(&[pubrec(delivered), pubrel(identifier)].concat());
            let mut packets = [client.receive(), client.receive()];
            packets.sort();
            assert_eq!(packets, [pubrel(delivered), pubcomp(identifier)]);
            client.send(&pubcomp(delivered));
        }
        client.expect_silence();
        assert_eq!(server.statistics().acknowledgements_unknown, 0);
    });
}

/// aedes#88, aedes#553, aedes#642: delivery stopped after a hundred messages, whose places in the inflight window were not
/// given back: by no way in which an exchange may end.
#[test]
fn aedes_88_delivery_goes_on() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a", 2);
        for number in 0..MESSAGES {
            let qos = 1 + u8::from(number % 3 > 0);
            publisher.publish_surely(&message(number, qos));
            let message = subscriber.receive5();
            assert_eq!(message.payload, number.to_be_bytes());
            match number % 3 {
                // The second ends with an error.
                1 => subscriber.send(&v5::packets::acknowledgement(0x50, message.identifier, 0x97)),
                _ => subscriber.complete5(&message),
            }
        }
        subscriber.expect_silence();
    });
}

/// NanoMQ#2412, mosquitto#2349, mosquitto#2811: what waits for a session that is away comes when it is back, all of it
/// and in order, however often it goes again in between.
#[test]
fn nanomq_2412_what_waits_comes_after_a_reconnect() {
    everywhere(|server| {
        server.begin("subscriber").subscribe("a", 1);
        server.wait_for_connections(0);
        let mut publisher = server.client("publisher");
        for number in 0..MESSAGES {
            publisher.publish_surely(&message(number, 1));
        }
        let mut next = 0;
        while next < MESSAGES {
            let mut subscriber = server.resume("subscriber");
            let end = MESSAGES.min(next + 100);
            while next < end {
                assert_eq!(number(&subscriber.receive_surely()), next);
                next += 1;
            }
            // All acknowledgements have come when the answer does.
            subscriber.send(&[0xc0, 0]);
            while subscriber.receive() != [0xd0, 0] {}
            drop(subscriber);
            server.wait_for_connections(1);
        }
        server.resume("subscriber").expect_silence();
        assert_eq!(server.statistics().dropped_queue_full, 0);
    });
}

/// Messages of a shared subscription were lost when a member left while they came. Each goes to one member,
/// also when one of the two gives its subscription up at the same time.
#[test]
fn shared_subscriptions_lose_nothing_when_members_leave() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut stays = server.client5("stays");
        stays.subscribe5("$share/g/a", 1);
        for round in 0..30 {
            let mut leaves = server.client5(["one", "two", "three"][round % 3]);
            leaves.subscribe5("$share/g/a", 1);
            for number in 0..10 {
                publisher.publish_surely(&message(number, 1));
                if number == 5 {
                    leaves.send(&v5::packets::unsubscribe(7, &Properties::new(), &["$share/g/a"]));
                }
            }
            let mut received = Vec::new();
            wait_until("each message to come to one of the two", || {
                received.extend(messages_so_far(&mut stays));
                received.extend(messages_so_far(&mut leaves));
                received.len() >= 10
            });
            received.sort_unstable();
            assert_eq!(received, (0..10).collect::<Vec<_>>());
            leaves.send(&[0xe0, 0]);
            leaves.expect_closed();
        }
    });
}

/// What comes before the answer to a ping, acknowledged.
fn messages_so_far(client: &mut Client) -> Vec<u16> {
    client.send(&[0xc0, 0]);
    let mut messages = Vec::new();
    loop {
        let packet = client.receive();
        match packet[0] >> 4 {
            3 => {
                let message = v5::packets::Publish::parse(&packet);
                client.complete5(&message);
                messages
                    .push(u16::from_be_bytes(message.payload[..].try_into().expect("two bytes")));
            }
            13 => return messages,
            _ => {}
        }
    }
}

/// CVE-2025-59946, NanoMQ#1863: the list of subscribers changed while a message went to it.
#[test]
fn cve_2025_59946_subscriptions_may_change_while_messages_go() {
    everywhere(|server| {
        let mut witness = server.client("witness");
        witness.subscribe("a", 1);
        let mut publisher = server.client("publisher");
        let over = AtomicBool::new(false);
        let address = server.address();
        thread::scope(|scope| {
            for number in 0..4 {
                let over = &over;
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        come_and_go(address, number);
                    }
                });
            }
            for number in 0..MESSAGES {
                publisher.publish_surely(&message(number, 1));
                assert_eq!(self::number(&witness.receive_surely()), number);
            }
            over.store(true, Ordering::Relaxed);
        });
        server.wait_for("the others to be gone", |s| (s.connections, s.subscriptions) == (2, 1));
    });
}

/// Subscribes to the same as the others in several ways, gives some of it up and leaves without a word.
fn come_and_go(address: std::net::SocketAddr, number: u8) {
    let mut client = Client::open(address);
    client.send(&Connect::new(&format!("comes and goes {number}")).bytes());
    client.send(&subscribe(1, &[("a", 1), ("#", 0), ("+", 2), ("$share/g/a", 1)]));
    client.send(&unsubscribe(2, &["#", "$share/g/a"]));
    client.expect(&[0x20, 2, 0, 0]);
    let answer = suback(1, &[1, 0, 2, 1]);
    while client.receive() != answer {}
}

/// moquette#608: sessions that are kept and not, in turns, left their queues behind.
#[test]
fn moquette_608_clean_and_kept_sessions_in_turns_leave_nothing() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        for _ in 0..30 {
            server.begin("subscriber").subscribe("a", 1);
            server.wait_for_connections(1);
            publisher.publish_surely(&message(1, 1));
            // Ends the kept session, which had one message waiting.
            let mut clean = server.client("subscriber");
            clean.expect_silence();
            drop(clean);
            server.wait_for("the session to be gone", |s| (s.sessions, s.subscriptions) == (1, 0));
            server.wait_for_connections(1);
        }
    });
}

/// mochi#340: one session that is away and whose queue is full keeps nobody else from their messages.
#[test]
fn mochi_340_a_full_queue_delays_nobody() {
    everywhere(|server| {
        server.begin("away").subscribe("a", 1);
        server.wait_for_connections(0);
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a", 1);
        let mut publisher = server.client("publisher");
        let messages = 1_500;
        for number in 0..messages {
            publisher.publish_surely(&message(number, 1));
            assert_eq!(self::number(&subscriber.receive_surely()), number);
        }
        let waits = 1_000;
        server.wait_for("drops to count", |s| s.dropped_queue_full == u64::from(messages - waits));
        check_waiting(server, waits);
    });
}

/// The oldest are there.
fn check_waiting(server: &Server, waits: u16) {
    let mut away = server.resume("away");
    for expected in 0..waits {
        assert_eq!(number(&away.receive_surely()), expected);
    }
    away.expect_silence();
}
