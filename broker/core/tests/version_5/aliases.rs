//! Topic Aliases, MQTT 5.0 3.3.2.3.4.

use broker_core::Limits;

use crate::broker::{Broker, client};
use crate::wire::{ALIAS, ALIAS_MAXIMUM, Packet, publish, two_bytes};

/// What an alias stands for changes when it comes with another topic, and holds for one connection
/// and one direction.
#[test]
fn an_alias_of_a_client_stands_for_its_last_topic() {
    let mut broker = Broker::new(1);
    let subscriber = broker.begin(&client("s"));
    broker.subscribe(subscriber, "#", 0, 0);
    let publisher = broker.begin(&client("p"));
    let other = broker.begin(&client("o"));
    let alias = |number| two_bytes(ALIAS, number);
    broker.publish(publisher, &publish("a", "1").with(alias(64)));
    broker.publish(publisher, &publish("", "2").with(alias(64)));
    broker.publish(other, &publish("o", "3").with(alias(64)));
    broker.publish(publisher, &publish("b", "4").with(alias(1)));
    broker.publish(publisher, &publish("", "5").with(alias(64)));
    broker.publish(publisher, &publish("c", "6").with(alias(64)));
    broker.publish(publisher, &publish("", "7").with(alias(64)).at(2, 1));
    broker.publish(publisher, &publish("", "8").with(alias(1)));
    let got: Vec<_> =
        broker.messages(subscriber).into_iter().map(|m| (m.topic, m.payload)).collect();
    let expected = [
        ("a", "1"),
        ("a", "2"),
        ("o", "3"),
        ("b", "4"),
        ("a", "5"),
        ("c", "6"),
        ("c", "7"),
        ("b", "8"),
    ];
    let expected = expected.map(|(topic, payload)| (topic.to_owned(), payload.as_bytes().to_vec()));
    assert_eq!(got, expected);
    // The aliases end with the connection, [MQTT-3.3.2-7].
    let publisher = broker.connect(&client("p").going_on()).0;
    broker.publish(publisher, &publish("", "9").with(alias(1)));
    assert_eq!(broker.take(publisher), [Packet::Disconnect(0x82)]);
    assert_eq!(broker.messages(subscriber), []);
}

#[test]
fn an_alias_that_cannot_be_closes_the_connection() {
    let mut broker = Broker::new(1);
    for (number, reason) in [(65, 0x94), (u16::MAX, 0x94), (0, 0x94), (7, 0x82)] {
        let link = broker.begin(&client("p"));
        let topic = if number == 7 { "" } else { "a" };
        broker.publish(link, &publish(topic, "x").with(two_bytes(ALIAS, number)));
        assert_eq!(broker.take(link), [Packet::Disconnect(reason)], "{number}");
    }
}

/// The first topics get the aliases; the topic itself goes along once. It is as if there were none.
#[test]
fn a_client_that_takes_aliases_gets_a_topic_once() {
    let mut broker = Broker::new(1);
    let subscriber = broker.begin(&client("s").with(two_bytes(ALIAS_MAXIMUM, 2)).kept(100));
    broker.subscribe(subscriber, "#", 1, 0);
    let publisher = broker.begin(&client("p"));
    let topics = ["a", "b", "a", "c", "b", "a", "c"];
    let sent = [("a", 1), ("b", 2), ("", 1), ("c", 0), ("", 2), ("", 1), ("c", 0)];
    for (qos, sent) in
        [(0, sent), (1, sent.map(|(topic, alias)| (if alias > 0 { "" } else { topic }, alias)))]
    {
        for topic in topics {
            broker.publish(publisher, &publish(topic, topic).at(qos, 1));
        }
        let got = broker.messages(subscriber);
        assert_eq!(got.len(), topics.len());
        for ((message, topic), (name, alias)) in got.iter().zip(topics).zip(sent) {
            assert_eq!((&*message.topic, &*message.payload), (name, topic.as_bytes()));
            let number: &[u8] = &[0, alias];
            let expected = if alias > 0 { vec![number] } else { vec![] };
            assert_eq!(message.all(ALIAS), expected);
        }
    }
    // Another connection knows none of them, what is sent again included.
    let (subscriber, _) = broker.connect(&client("s").going_on().with(two_bytes(ALIAS_MAXIMUM, 1)));
    let got: Vec<_> = broker.messages(subscriber).into_iter().map(|m| m.topic).collect();
    assert_eq!(got, ["a", "b", "", "c", "b", "", "c"]);
}

/// A message that did not go out has told the Client nothing.
#[test]
fn an_alias_that_was_dropped_is_told_again() {
    let mut limits = Limits::default();
    limits.output_bytes_max = 100;
    let mut broker = Broker::with_limits(1, &limits);
    let subscriber = broker.begin(&client("s").with(two_bytes(ALIAS_MAXIMUM, 5)));
    broker.subscribe(subscriber, "#", 0, 0);
    let publisher = broker.begin(&client("p"));
    broker.publish(publisher, &publish("x", [b'x'; 80]));
    broker.publish(publisher, &publish("a", [b'y'; 80]));
    assert_eq!(broker.statistics().dropped_output_full, 1);
    assert_eq!(broker.messages(subscriber).len(), 1);
    broker.publish(publisher, &publish("a", "z"));
    let got = broker.messages(subscriber);
    assert_eq!((&*got[0].topic, got[0].all(ALIAS)), ("a", vec![&[0, 2][..]]));
}
