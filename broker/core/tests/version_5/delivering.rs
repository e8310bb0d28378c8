//! How one publication reaches different subscribers.

use crate::broker::{Broker, client};
use crate::wire::{
    ALIAS, MESSAGE_EXPIRY, PACKET_MAXIMUM, Packet, RECEIVE_MAXIMUM, SUBSCRIPTION_IDENTIFIER,
    publish, seconds, two_bytes, user, variable,
};

const NO_LOCAL: u8 = 0x04;
const RETAIN_AS_PUBLISHED: u8 = 0x08;
const RETAIN_IF_NEW: u8 = 0x10;
const RETAIN_NEVER: u8 = 0x20;

/// [MQTT-3.3.4-3] to [MQTT-3.3.4-5].
#[test]
fn all_identifiers_of_overlapping_subscriptions_go_along() {
    let mut broker = Broker::new(1);
    let subscriber = broker.begin(&client("s"));
    for (filter, options, identifier) in
        [("a/b", 0, 268_435_455), ("a/+", 1, 0), ("a/#", 2 | RETAIN_AS_PUBLISHED, 7), ("#", 0, 7)]
    {
        broker.subscribe(subscriber, filter, options, identifier);
    }
    let other = broker.begin(&client("o"));
    broker.subscribe(other, "a/b", 2, 0);
    let old = broker.begin(&client("old").of_3_1_1());
    broker.subscribe(old, "a/#", 2, 0);
    let publisher = broker.begin(&client("p"));
    broker.publish(publisher, &publish("a/b", "x").at(2, 1).retained().with(user("k", "v")));
    let got = &broker.messages(subscriber)[0];
    assert_eq!((got.qos, got.retain), (2, true));
    let mut identifiers = got.all(SUBSCRIPTION_IDENTIFIER);
    identifiers.sort_unstable();
    assert_eq!(identifiers, [&[7][..], &[7], &[0xff, 0xff, 0xff, 0x7f]]);
    let plain = publish("a/b", "x").at(2, 1);
    assert_eq!(broker.messages(old), std::slice::from_ref(&plain));
    assert_eq!(broker.messages(other), [plain.with(user("k", "v"))]);
    // A subscription that is replaced has its new identifier, or none.
    for (filter, identifier) in [("a/b", 9), ("a/#", 0), ("#", 0)] {
        broker.subscribe(subscriber, filter, RETAIN_NEVER, identifier);
    }
    broker.take(subscriber);
    broker.publish(publisher, &publish("a/b", "y"));
    let expected = publish("a/b", "y").with(variable(SUBSCRIPTION_IDENTIFIER, 9));
    assert_eq!(broker.messages(subscriber), [expected]);
}

/// [MQTT-3.8.3-3]: on whatever connection of the Client, also after a take-over.
#[test]
fn a_client_gets_its_own_messages_unless_it_wants_none() {
    let mut broker = Broker::new(2);
    let names = [broker.name_on(0, "a"), broker.name_on(1, "b")];
    let [one, two] = [0, 1].map(|index: usize| {
        let link = broker.begin(&client(&names[index]).kept(100));
        broker.subscribe(link, "t/#", NO_LOCAL, 3);
        link
    });
    broker.subscribe(two, "t/x", 1, 4);
    broker.publish(one, &publish("t/x", "1").at(1, 1));
    assert!(matches!(broker.take(one)[..], [Packet::Acknowledgement(0x40, 1, _)]));
    let got = &broker.messages(two)[0];
    assert_eq!((got.qos, got.all(SUBSCRIPTION_IDENTIFIER).len()), (1, 2));
    broker.publish(two, &publish("t/x", "2"));
    assert_eq!(broker.payloads(one), [b"2"]);
    assert_eq!(
        broker.messages(two),
        [publish("t/x", "2").with(variable(SUBSCRIPTION_IDENTIFIER, 4))],
        "by the one subscription that has its own"
    );
    let (one, _) = broker.connect(&client(&names[0]).going_on());
    broker.publish(one, &publish("t/x", "3"));
    assert_eq!(broker.messages(one), []);
    assert_eq!(broker.payloads(two), [b"3"]);
    // What the embedder publishes is nobody's own.
    let topic = broker_core::topic::TopicName::new("t/x").expect("a Topic Name");
    let message = broker_core::Message::new(topic, *b"4", broker_core::QoS::AtMostOnce, false);
    broker.embed(one.shard, &message);
    assert_eq!(
        (broker.payloads(one), broker.payloads(two)),
        (vec![b"4".to_vec()], vec![b"4".to_vec()])
    );
}

/// [MQTT-3.3.1-12] and [MQTT-3.3.1-13]; retained messages have RETAIN = 1 in any case.
#[test]
fn retain_is_as_published_where_it_is_wanted() {
    let mut broker = Broker::new(2);
    let [keeps, clears] = [(0, RETAIN_AS_PUBLISHED), (1, 0)].map(|(shard, options)| {
        let name = broker.name_on(shard, "s");
        let link = broker.begin(&client(&name));
        broker.subscribe(link, "a", options, 0);
        link
    });
    let publisher = broker.begin(&client("p"));
    broker.publish_all(publisher, &[publish("a", "1"), publish("a", "2").retained()]);
    let flags = |broker: &mut Broker, link| -> Vec<bool> {
        broker.messages(link).into_iter().map(|message| message.retain).collect()
    };
    assert_eq!(flags(&mut broker, keeps), [false, true]);
    assert_eq!(flags(&mut broker, clears), [false, false]);
    for (options, count) in [(RETAIN_IF_NEW, 0), (RETAIN_NEVER, 0), (0, 1)] {
        broker.subscribe(clears, "a", options, 0);
        assert_eq!(flags(&mut broker, clears), vec![true; count]);
        let new = broker.begin(&client("new"));
        broker.subscribe(new, "a", options, 0);
        let expected = usize::from(options != RETAIN_NEVER);
        assert_eq!(flags(&mut broker, new), vec![true; expected]);
    }
}

/// [MQTT-3.1.2-24] and [MQTT-3.1.2-25]: dropped, counted, and as if it had been delivered.
#[test]
fn a_packet_that_is_too_large_is_passed_over() {
    let mut broker = Broker::new(1);
    let small = broker.begin(
        &client("small")
            .kept(100)
            .with(seconds(PACKET_MAXIMUM, 40))
            .with(two_bytes(RECEIVE_MAXIMUM, 1)),
    );
    let roomy = broker.begin(&client("roomy"));
    for link in [small, roomy] {
        broker.subscribe(link, "a", 1, 0);
    }
    let publisher = broker.begin(&client("p"));
    // Fixed header 2, topic 3, Packet Identifier 2, Property Length 1.
    for (length, qos) in [(32, 0), (33, 0), (33, 1), (5000, 1), (32, 1), (33, 1), (32, 1)] {
        broker.publish_all(publisher, &[publish("a", vec![b'x'; length]).at(qos, 1)]);
    }
    assert_eq!(broker.messages(roomy).len(), 7);
    let lengths = |broker: &mut Broker, link| -> Vec<usize> {
        broker.payloads(link).iter().map(Vec::len).collect()
    };
    // 34 bytes fit at QoS 0, where there is no Packet Identifier; so 33 does.
    assert_eq!(lengths(&mut broker, small), [32, 33, 32]);
    assert_eq!(broker.statistics().dropped_too_large, 2);
    broker.acknowledge(small, 0x40, 3);
    assert_eq!(lengths(&mut broker, small), [32], "it goes on behind the one that does not fit");
    assert_eq!(broker.statistics().dropped_too_large, 3);
    // What was in flight and does not fit into a packet of the next connection is done with, too.
    broker.lose(small);
    let (small, _) = broker.connect(&client("small").going_on().with(seconds(PACKET_MAXIMUM, 30)));
    assert_eq!(broker.messages(small), []);
    broker.publish_all(publisher, &[publish("a", "y").at(1, 1)]);
    assert_eq!(broker.payloads(small), [b"y"]);
}

/// [MQTT-3.3.4-9]: the smaller of the two windows holds.
#[test]
fn no_more_is_in_flight_than_the_client_takes() {
    let mut broker = Broker::new(1);
    let connect = client("s").kept(100).with(two_bytes(RECEIVE_MAXIMUM, 3));
    let subscriber = broker.begin(&connect);
    broker.subscribe(subscriber, "a", 2, 0);
    let publisher = broker.begin(&client("p"));
    for (number, qos) in [(1, 1), (2, 2), (3, 1), (4, 2), (5, 0)] {
        broker.publish_all(publisher, &[publish("a", number.to_string()).at(qos, number)]);
        broker.acknowledge(publisher, 0x62, number);
        broker.take(publisher);
    }
    let got = broker.messages(subscriber);
    assert_eq!(got.iter().map(|m| &*m.payload).collect::<Vec<_>>(), [b"1", b"2", b"3", b"5"]);
    // PUBREC does not open the window, PUBCOMP does.
    broker.acknowledge(subscriber, 0x50, got[1].identifier);
    assert_eq!(broker.take(subscriber), [Packet::Acknowledgement(0x62, got[1].identifier, 0)]);
    broker.acknowledge(subscriber, 0x70, got[1].identifier);
    assert_eq!(broker.payloads(subscriber), [b"4"]);
    // One by one on the next connection.
    broker.lose(subscriber);
    let connect = client("s").going_on().with(two_bytes(RECEIVE_MAXIMUM, 1));
    let (subscriber, _) = broker.connect(&connect);
    for (payload, first) in [(b"1", 0x40), (b"3", 0x40), (b"4", 0x50)] {
        let got = broker.messages(subscriber);
        assert_eq!(got.len(), 1);
        assert_eq!((&*got[0].payload, got[0].duplicate), (&payload[..], true));
        broker.acknowledge(subscriber, first, got[0].identifier);
    }
    assert!(matches!(broker.take(subscriber)[..], [Packet::Acknowledgement(0x62, _, 0)]));
}

/// Properties go from 5.0 to 5.0; 3.1.1 has none and adds none.
#[test]
fn versions_meet() {
    let mut broker = Broker::new(2);
    let names = [broker.name_on(0, "new"), broker.name_on(1, "old")];
    let new = broker.begin(&client(&names[0]));
    let old = broker.begin(&client(&names[1]).of_3_1_1());
    for link in [new, old] {
        broker.subscribe(link, "t", 1, 0);
    }
    for payload in [vec![b'x'; 3], vec![b'x'; 5000]] {
        let plain = publish("t", &payload);
        let full = plain
            .clone()
            .with(seconds(MESSAGE_EXPIRY, 10))
            .with(user("k", "v"))
            .with(user("k", "w"));
        broker.publish(new, &full.clone().with(two_bytes(ALIAS, 3)));
        assert_eq!(broker.messages(new), [full]);
        assert_eq!(broker.messages(old), std::slice::from_ref(&plain));
        broker.publish(old, &plain);
        assert_eq!(broker.messages(new), std::slice::from_ref(&plain));
        assert_eq!(broker.messages(old), [plain]);
    }
}

/// A session of 5.0 that a Client of 3.1.1 goes on with, and the other way round.
#[test]
fn a_session_goes_on_in_another_version() {
    let mut broker = Broker::new(1);
    let subscriber = broker.begin(&client("s").kept(100));
    broker.subscribe(subscriber, "t", 1 | RETAIN_AS_PUBLISHED, 5);
    broker.lose(subscriber);
    let publisher = broker.begin(&client("p"));
    let message = publish("t", "1").at(1, 1).with(user("k", "v"));
    broker.publish_all(publisher, std::slice::from_ref(&message));
    let (old, present) = broker.connect(&client("s").of_3_1_1().going_on());
    assert!(present);
    assert_eq!(broker.messages(old), [publish("t", "1").at(1, 1)]);
    broker.lose(old);
    let (new, present) = broker.connect(&client("s").going_on());
    assert!(present);
    let again = &broker.messages(new)[0];
    assert!(again.duplicate);
    assert_eq!(again.properties, [user("k", "v"), variable(SUBSCRIPTION_IDENTIFIER, 5)]);
}

/// [MQTT-1.5.5-1]: a Remaining Length takes as few bytes as it needs; before 5.0 nothing says so.
#[test]
fn a_remaining_length_that_is_too_long_is_malformed_at_5_0() {
    let mut broker = Broker::new(1);
    let new = broker.begin(&client("new"));
    broker.send(new, b"\xc0\x80\x00");
    assert_eq!(broker.take(new), [Packet::Disconnect(0x81)]);
    let old = broker.begin(&client("old").of_3_1_1());
    broker.send(old, b"\xc0\x80\x00");
    assert_eq!(broker.take(old), [Packet::Pingresp]);
}
