//! Large packets over real sockets: they come whole however they are cut, what is around them comes
//! too, and most of their bytes are read into the buffer that they are written from.

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "shared with the conformance tests, which use all of it")]
mod support;

use support::client::Client;
use support::packets::{Connect, Publish};
use support::{Server, everywhere};

/// The most that one read copies.
const READ_BYTES: u64 = 64 << 10;

/// The most that is read before it is known how a packet begins, and behind the one before it.
const FRONT_BYTES: u64 = 512;

/// Payloads of a stream: small ones among large ones, packets that end where a read does.
const SIZES: [usize; 14] = [
    65_536,
    0,
    1,
    40_000,
    65_536 - 8,
    65_536 - 9,
    512 - 6,
    300_000,
    33_000,
    100,
    1_100_000,
    2,
    70_000,
    3,
];

fn stream() -> (Vec<Vec<u8>>, Vec<u8>) {
    let payloads: Vec<_> = (1..).zip(SIZES).map(|(fill, size)| vec![fill; size]).collect();
    let packets = payloads.iter().map(|payload| Publish::new("t", payload).bytes());
    let bytes = packets.collect::<Vec<_>>().concat();
    (payloads, bytes)
}

fn expect_all(subscriber: &mut Client, payloads: &[Vec<u8>]) {
    for (number, payload) in payloads.iter().enumerate() {
        let received = subscriber.receive_publish();
        assert!(received.payload == *payload, "message {number} of {} bytes", payload.len());
    }
    subscriber.expect_silence();
}

#[test]
fn packets_come_whole_however_they_are_cut() {
    let (payloads, bytes) = stream();
    everywhere(|server| {
        let (mut publisher, mut subscriber) = (server.client("publisher"), server.client("reader"));
        subscriber.subscribe("t", 0);
        for piece in [bytes.len(), 1_000_003, 65_537, 65_536, 4_093, 513, 512, 511] {
            for piece in bytes.chunks(piece) {
                publisher.send(piece);
            }
            expect_all(&mut subscriber, &payloads);
        }
        assert_eq!(server.statistics().dropped_output_full, 0);
    });
}

/// Each piece is taken in before the next one leaves.
#[test]
fn packets_come_whole_in_pieces_far_between() {
    let (payloads, bytes) = stream();
    let server = Server::start(1, |builder| builder);
    let (mut publisher, mut subscriber) = (server.client("publisher"), server.client("reader"));
    subscriber.subscribe("t", 0);
    let before = server.statistics().bytes_received;
    let mut sent = before;
    let mut rest = &*bytes;
    for piece in
        [1, 1, 1, 65_000, 1_000, 3, 20_000, 20_001, 65_536, 65_535, 300_000, 900_000, 1 << 20]
    {
        let (front, behind) = rest.split_at(piece.min(rest.len()));
        publisher.send(front);
        sent += front.len() as u64;
        rest = behind;
        server.wait_for("the bytes", |statistics| statistics.bytes_received >= sent);
    }
    publisher.send(rest);
    expect_all(&mut subscriber, &payloads);
}

/// What is copied of the packets of one connection: once what a read brings, and of each packet its front.
#[test]
fn large_packets_are_read_in_place() {
    const PUBLICATIONS: u64 = 30;
    for (qos, at_once) in [(0, true), (1, false), (2, false), (1, true)] {
        let server = Server::start(1, |builder| builder);
        let (mut publisher, mut subscriber) = (server.client("publisher"), server.client("reader"));
        subscriber.subscribe("t", 0);
        let payload = vec![7; 64 << 10];
        let message = Publish { qos, ..Publish::new("t", &payload) };
        if at_once {
            let identifiers = 1..=u16::try_from(PUBLICATIONS).expect("a small number");
            let packets =
                identifiers.map(|number| Publish::new("t", &payload).qos(qos, number).bytes());
            publisher.send(&packets.collect::<Vec<_>>().concat());
        }
        for _ in 0..PUBLICATIONS {
            if !at_once {
                publisher.publish_surely(&message);
            }
            assert!(subscriber.receive_publish().payload == payload);
        }
        let sent = PUBLICATIONS * (64 << 10);
        server.wait_for("the figures", |statistics| statistics.payload_bytes_received == sent);
        let statistics = server.statistics();
        let copied = statistics.bytes_received - statistics.bytes_received_in_place;
        // CONNECT, SUBSCRIBE, acknowledgements: some bytes more.
        let bound = READ_BYTES + PUBLICATIONS * (FRONT_BYTES + 8) + 1_000;
        assert!(copied <= bound, "QoS {qos}, {at_once}: {copied} of {sent} bytes, above {bound}");
    }
}

#[test]
fn mqtt_3_3_2_2_a_wildcard_in_the_topic_of_a_large_packet_closes_the_connection() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = (server.client("publisher"), server.client("reader"));
        subscriber.subscribe("#", 0);
        publisher.publish("t", vec![1; 100_000]);
        subscriber.expect_message("t", vec![1; 100_000]);
        publisher.send_in_vain(&Publish::new("t/#", vec![1; 200_000]).bytes());
        publisher.expect_closed();
        subscriber.expect_silence();
    });
}

#[test]
fn a_connection_that_ends_within_a_large_packet_publishes_its_will_and_no_part_of_it() {
    everywhere(|server| {
        let mut subscriber = server.client("reader");
        subscriber.subscribe("#", 0);
        for sent in [3, 4, 5_000, 65_536, 65_540, 299_999] {
            let connect: Connect = server.connect("publisher").will("will", "gone");
            let mut publisher = server.accepted(&connect, false);
            publisher.send(&Publish::new("t", vec![1; 300_000]).bytes()[..sent]);
            drop(publisher);
            subscriber.expect_message("will", "gone");
        }
        subscriber.expect_silence();
        server.wait_for_connections(1);
    });
}

/// Whoever floods with large packets takes turns with the others.
#[test]
fn a_flood_of_large_packets_does_not_hold_up_others() {
    let server = Server::start(1, |builder| builder);
    let mut flooder = server.client("flooder");
    let (mut other, mut reader) = (server.client("other"), server.client("reader"));
    reader.subscribe("other", 1);
    let packet = Publish::new("nobody", vec![1; 3_000_000]).bytes();
    let flood = std::thread::spawn(move || {
        for _ in 0..100 {
            flooder.send(&packet);
        }
    });
    for _ in 0..100 {
        other.publish_surely(&Publish::new("other", "here").qos(1, 1));
        assert_eq!(reader.receive_surely().payload, b"here");
    }
    flood.join().expect("all is taken");
    server.wait_for("the flood", |statistics| statistics.publications_received == 200);
}
