//! How long sessions and Will Messages wait, MQTT 5.0 3.1.2.11.2 and 3.1.3.2.2, by simulated time.

use std::time::Duration;

use crate::broker::{Broker, Connect, Link, client};
use crate::wire::{
    ASSIGNED_IDENTIFIER, MESSAGE_EXPIRY, Packet, Publish, SESSION_EXPIRY, WILL_DELAY, publish,
    seconds, user,
};

const SECOND: Duration = Duration::from_secs(1);

/// A Client that sees all Wills.
fn observer(broker: &mut Broker) -> Link {
    let link = broker.begin(&client("observer"));
    broker.subscribe(link, "will", 0, 0);
    link
}

fn will(delay: u32) -> Publish {
    publish("will", "gone").with(seconds(WILL_DELAY, delay))
}

/// Whether a session is there; ends it.
fn is_kept(broker: &mut Broker, name: &str) -> bool {
    let (link, present) = broker.connect(&client(name).going_on());
    broker.disconnect(link, 0, &[]);
    present
}

#[test]
fn a_session_ends_when_its_time_is_over_and_not_before() {
    for (expiry, waited, kept) in
        [(0, 0, false), (10, 9, true), (10, 10, false), (200, 199, true), (200, 200, false)]
    {
        for lost in [true, false] {
            let mut broker = Broker::new(1);
            let link = broker.begin(&client("c").kept(expiry));
            broker.subscribe(link, "a", 1, 0);
            if lost {
                broker.lose(link);
            } else {
                broker.disconnect(link, 0, &[]);
            }
            broker.pass(SECOND * waited);
            assert_eq!(broker.statistics().sessions, u64::from(kept), "{expiry} {waited}");
            assert_eq!(broker.statistics().subscriptions, u64::from(kept));
            assert_eq!(is_kept(&mut broker, "c"), kept);
            assert_eq!(broker.statistics().sessions, 0);
        }
    }
}

#[test]
fn a_session_without_end_outlives_years() {
    let mut broker = Broker::new(1);
    for (name, connect) in
        [("new", client("new").kept(u32::MAX)), ("old", client("old").of_3_1_1().going_on())]
    {
        let link = broker.begin(&connect);
        broker.lose(link);
        broker.pass(SECOND * 100_000_000);
        assert!(is_kept(&mut broker, name));
    }
}

/// Each connection says anew how long; timers of the times before mean nothing.
#[test]
fn a_client_that_comes_back_stops_the_clock() {
    let mut broker = Broker::new(1);
    let link = broker.begin(&client("c").kept(100));
    broker.lose(link);
    broker.pass(SECOND * 90);
    let (link, present) = broker.connect(&client("c").going_on().kept(1000));
    assert!(present);
    broker.pass(SECOND * 500);
    broker.lose(link);
    broker.pass(SECOND * 900);
    let (link, present) = broker.connect(&client("c").going_on().kept(20));
    assert!(present);
    broker.lose(link);
    broker.pass(SECOND * 20);
    assert_eq!(broker.statistics().sessions, 0);
    broker.pass(SECOND * 60);
    assert!(broker.shards[0].poll_timeout().is_none(), "no timer is left");
}

/// Ten times within one millisecond: the timers of all of them are due at once.
#[test]
fn coming_and_going_in_no_time_leaves_one_session_and_one_will() {
    let mut broker = Broker::new(1);
    let observer = observer(&mut broker);
    for number in 0..10 {
        let (link, present) = broker.connect(&client("c").going_on().kept(50).will(will(7)));
        assert_eq!(present, number > 0);
        broker.lose(link);
    }
    broker.pass(SECOND * 49);
    assert_eq!(broker.payloads(observer), [b"gone"]);
    assert_eq!(broker.statistics().sessions, 2);
    broker.pass(SECOND);
    assert_eq!(broker.statistics().sessions, 1);
    assert_eq!((broker.messages(observer), broker.statistics().wills_published), (vec![], 1));
}

/// The new connection decides, not the one that it takes over.
#[test]
fn a_take_over_keeps_the_session_that_has_time_left() {
    let mut broker = Broker::new(1);
    let first = broker.begin(&client("c").kept(100));
    let (second, present) = broker.connect(&client("c").going_on());
    assert!(present);
    assert_eq!(broker.take(first), [Packet::Disconnect(0x8e)]);
    broker.lose(second);
    assert_eq!(broker.statistics().sessions, 0, "the second one kept it for no time");
    // A session that ends with its connection ends with the take-over.
    broker.begin(&client("c"));
    broker.begin(&client("c").going_on().kept(5));
    // And whoever starts clean ends it, however long it was to be kept, [MQTT-3.1.2-4].
    broker.begin(&client("c").kept(u32::MAX));
    assert_eq!(broker.statistics().sessions, 1);
}

#[test]
fn a_disconnect_may_change_how_long_the_session_is_kept() {
    for (connect, disconnect, sessions) in [(100, 0, 0), (1, 100, 1), (100, u32::MAX, 1)] {
        let mut broker = Broker::new(1);
        let link = broker.begin(&client("c").kept(connect));
        broker.disconnect(link, 0, &[seconds(SESSION_EXPIRY, disconnect)]);
        assert_eq!(broker.take(link), []);
        broker.pass(SECOND * 50);
        assert_eq!(broker.statistics().sessions, sessions, "{connect} {disconnect}");
    }
    // From zero to anything else is a Protocol Error, 3.14.2.2.2.
    let mut broker = Broker::new(1);
    let observer = observer(&mut broker);
    let link = broker.begin(&client("c").will(will(0)));
    broker.disconnect(link, 0, &[seconds(SESSION_EXPIRY, 5)]);
    assert_eq!(broker.take(link), [Packet::Disconnect(0x82)]);
    assert_eq!(broker.payloads(observer), [b"gone"], "the connection did not end well");
}

/// When the Will of a Client goes out whose connection is lost, if it does.
fn will_after(connect: &Connect) -> Option<u32> {
    let mut broker = Broker::new(1);
    let observer = observer(&mut broker);
    let link = broker.begin(connect);
    broker.lose(link);
    (0..1000).find(|&second| {
        if second > 0 {
            broker.pass(SECOND);
        }
        !broker.messages(observer).is_empty()
    })
}

/// [MQTT-3.1.3-9] and 3.1.3.2.2: after its delay or with the session, whichever is first.
#[test]
fn a_will_waits_for_its_delay_and_for_no_longer_than_the_session() {
    for (expiry, delay, after) in [
        (0, 0, 0),
        (0, 10, 0),
        (10, 0, 0),
        (100, 10, 10),
        (10, 100, 10),
        (90, 61, 61),
        (130, 900, 130),
        (u32::MAX, 130, 130),
    ] {
        let connect = client("c").kept(expiry).will(will(delay));
        assert_eq!(will_after(&connect), Some(after), "{expiry} {delay}");
    }
    let old = client("c").of_3_1_1().going_on().will(publish("will", "gone"));
    assert_eq!(will_after(&old), Some(0));
}

#[test]
fn a_client_that_is_back_in_time_stops_its_will() {
    let mut broker = Broker::new(1);
    let observer = observer(&mut broker);
    let link = broker.begin(&client("c").kept(100).will(will(10)));
    broker.lose(link);
    broker.pass(SECOND * 9);
    let (link, _) = broker.connect(&client("c").going_on().kept(100));
    broker.pass(SECOND * 100);
    broker.lose(link);
    broker.pass(SECOND * 200);
    assert_eq!(broker.messages(observer), []);
    // A take-over is a return in time as well; a clean start ends the session, and so the wait.
    for (connect, wills) in [(client("d").going_on(), 0), (client("d"), 1)] {
        broker.connect(&client("d").kept(100).will(will(10)));
        broker.connect(&connect);
        broker.pass(SECOND * 20);
        assert_eq!(broker.messages(observer).len(), wills);
    }
}

/// [MQTT-3.14.4-3]: only DISCONNECT with Reason Code 0 takes the Will back.
#[test]
fn a_disconnect_may_ask_for_the_will() {
    for (reason, wills) in [(0, 0), (4, 1), (0x80, 1)] {
        let mut broker = Broker::new(1);
        let observer = observer(&mut broker);
        let link = broker.begin(&client("c").kept(5).will(will(3)));
        broker.disconnect(link, reason, &[]);
        broker.pass(SECOND * 2);
        assert_eq!(broker.messages(observer), []);
        broker.pass(SECOND * 10);
        assert_eq!(broker.messages(observer).len(), wills, "{reason}");
    }
}

/// Its properties go along; its Message Expiry Interval begins with its publication, 3.1.3.2.4.
#[test]
fn a_will_has_the_properties_of_a_message() {
    let mut broker = Broker::new(1);
    let observer = observer(&mut broker);
    let will = will(10).with(seconds(MESSAGE_EXPIRY, 5)).with(user("k", "v")).at(1, 0).retained();
    let link = broker.begin(&client("c").kept(100).will(will));
    broker.lose(link);
    broker.pass(SECOND * 14);
    let expected = publish("will", "gone").with(seconds(MESSAGE_EXPIRY, 5)).with(user("k", "v"));
    assert_eq!(broker.messages(observer), std::slice::from_ref(&expected));
    broker.subscribe(observer, "will", 0, 0);
    let mut left = expected.retained();
    left.properties[0] = seconds(MESSAGE_EXPIRY, 1);
    assert_eq!(broker.messages(observer), [left]);
    broker.pass(SECOND);
    assert_eq!(broker.statistics().retained_messages, 0);
}

#[test]
fn a_client_without_a_name_is_told_the_one_it_gets() {
    let mut broker = Broker::new(1);
    let links = [0, 1].map(|_| broker.begin_unnamed());
    let [first, second] = links.map(|properties| {
        let name = properties.into_iter().find(|(id, _)| *id == ASSIGNED_IDENTIFIER);
        String::from_utf8(name.expect("a name").1[2..].to_vec()).expect("UTF-8")
    });
    assert_ne!(first, second);
    assert_eq!(broker.statistics().sessions, 2);
    // It comes back with it.
    let (_, present) = broker.connect(&client(&first).going_on());
    assert!(present);
}
