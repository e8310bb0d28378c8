//! Messages that are of use for a time only, MQTT 5.0 3.3.2.3.3.

use std::time::Duration;

use crate::broker::{Broker, client};
use crate::wire::{MESSAGE_EXPIRY, Publish, RECEIVE_MAXIMUM, publish, seconds, two_bytes};

const SECOND: Duration = Duration::from_secs(1);

fn short(payload: &str, expiry: u32) -> Publish {
    publish("a", payload).at(1, 1).with(seconds(MESSAGE_EXPIRY, expiry))
}

/// [MQTT-3.3.2-5] and [MQTT-3.3.2-6]: what waits too long is deleted, the rest says what is left.
#[test]
fn a_message_that_waits_loses_its_time() {
    let mut broker = Broker::new(1);
    let subscriber = broker.begin(&client("s").kept(1000));
    broker.subscribe(subscriber, "a", 1, 0);
    broker.lose(subscriber);
    let publisher = broker.begin(&client("p"));
    let publications = [short("1", 10), short("2", 30), publish("a", "3").at(1, 1), short("4", 11)];
    broker.publish_all(publisher, &publications);
    broker.pass(SECOND * 10 + SECOND / 2);
    let (subscriber, _) = broker.connect(&client("s").going_on());
    let got: Vec<_> =
        broker.messages(subscriber).into_iter().map(|m| (m.expiry(), m.payload)).collect();
    let expected = [(Some(SECOND * 20), "2"), (None, "3"), (Some(SECOND), "4")];
    assert_eq!(got, expected.map(|(expiry, payload)| (expiry, payload.as_bytes().to_vec())));
    assert_eq!(broker.statistics().expired, 1);
}

/// What is behind a closed window waits; what was sent once is sent again whatever the time.
#[test]
fn what_was_sent_does_not_expire() {
    let mut broker = Broker::new(1);
    let subscriber = broker.begin(&client("s").kept(1000).with(two_bytes(RECEIVE_MAXIMUM, 1)));
    broker.subscribe(subscriber, "a", 1, 0);
    let publisher = broker.begin(&client("p"));
    broker.publish_all(publisher, &[short("1", 5), short("2", 5), short("3", 50)]);
    assert_eq!(broker.payloads(subscriber), [b"1"]);
    broker.pass(SECOND * 5);
    broker.lose(subscriber);
    let (subscriber, _) =
        broker.connect(&client("s").going_on().with(two_bytes(RECEIVE_MAXIMUM, 1)));
    let again = broker.messages(subscriber);
    assert_eq!((&*again[0].payload, again[0].duplicate), (&b"1"[..], true));
    broker.acknowledge(subscriber, 0x40, again[0].identifier);
    assert_eq!(broker.payloads(subscriber), [b"3"]);
    assert_eq!(broker.statistics().expired, 1);
}

#[test]
fn a_retained_message_expires_on_every_shard() {
    let mut broker = Broker::new(2);
    let publisher = broker.begin(&client("p"));
    broker.publish_all(publisher, &[short("1", 5).retained(), publish("b", "2").retained()]);
    let seen = |broker: &mut Broker, shard: usize| {
        let name = broker.name_on(shard, "s");
        let link = broker.begin(&client(&name));
        broker.subscribe(link, "#", 0, 0);
        let mut got: Vec<_> =
            broker.messages(link).into_iter().map(|m| (m.expiry(), m.payload)).collect();
        got.sort_unstable();
        got
    };
    broker.pass(SECOND * 3 + SECOND / 2);
    for shard in 0..2 {
        assert_eq!(
            seen(&mut broker, shard),
            [(None, b"2".to_vec()), (Some(SECOND * 2), b"1".to_vec())]
        );
    }
    // A message without an end, and one that comes later, take its place.
    broker.publish_all(publisher, &[short("3", 5).retained()]);
    broker.pass(SECOND * 3);
    for shard in 0..2 {
        assert_eq!(seen(&mut broker, shard).len(), 2, "the old deadline means nothing");
    }
    broker.pass(SECOND * 2);
    for shard in 0..2 {
        assert_eq!(seen(&mut broker, shard), [(None, b"2".to_vec())]);
        assert_eq!(broker.shards[shard].statistics().retained_messages, 1);
    }
    broker.pass(SECOND * 10);
    assert!(broker.shards.iter().all(|shard| shard.poll_timeout().is_none()));
}

/// An interval of zero: of use to those who are there, kept for nobody.
#[test]
fn a_message_without_time_is_delivered_and_not_kept() {
    let mut broker = Broker::new(1);
    let subscriber = broker.begin(&client("s"));
    broker.subscribe(subscriber, "a", 0, 0);
    let absent = broker.begin(&client("absent").kept(100));
    broker.subscribe(absent, "a", 1, 0);
    broker.lose(absent);
    let publisher = broker.begin(&client("p"));
    broker.publish_all(publisher, &[short("1", 0).retained()]);
    assert_eq!(broker.messages(subscriber)[0].expiry(), Some(Duration::ZERO));
    broker.subscribe(subscriber, "a", 0, 0);
    assert_eq!(broker.messages(subscriber), []);
    let (absent, _) = broker.connect(&client("absent").going_on());
    assert_eq!(broker.messages(absent), []);
}
