//! The embedding API: events in their order, and publishing from inside.

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "shared with the conformance tests, which use all of it")]
mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};

use broker::{
    Broker, CloseCause, Event, EventKinds, Limits, PublishError, Publisher, QoS, ReasonCode,
    StartError, Violation,
};

use support::Server;
use support::packets::{Connect, DISCONNECT, Publish, pubrec, pubrel};

/// What a handler was told, in a form that outlives the event.
#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Ready(Vec<SocketAddr>),
    Connected(String),
    Error(String, Violation),
    KeepAliveTimeout(String),
    Disconnected(String, CloseCause),
    Subscribed(String, String, QoS),
    Unsubscribed(String, String),
    Published { client: Option<String>, topic: String, payload: Vec<u8>, qos: QoS, retain: bool },
    Delivered(String, String, QoS),
    Acknowledged(String, String, QoS, ReasonCode),
    Ping(String),
}

impl Heard {
    fn of(event: &Event<'_>) -> Self {
        match event {
            Event::Ready { addresses } => Self::Ready(addresses.to_vec()),
            Event::ClientConnected { client } => Self::Connected(client.identifier.to_owned()),
            Event::ClientError { client, violation } => {
                Self::Error(client.identifier.to_owned(), *violation)
            }
            Event::KeepAliveTimeout { client } => {
                Self::KeepAliveTimeout(client.identifier.to_owned())
            }
            Event::ClientDisconnected { client, cause } => {
                Self::Disconnected(client.identifier.to_owned(), *cause)
            }
            Event::Subscribed { client, filter, qos } => {
                Self::Subscribed(client.identifier.to_owned(), filter.as_str().to_owned(), *qos)
            }
            Event::Unsubscribed { client, filter } => {
                Self::Unsubscribed(client.identifier.to_owned(), filter.as_str().to_owned())
            }
            Event::Published { publication, client } => Self::Published {
                client: client.map(|client| client.identifier.to_owned()),
                topic: publication.topic.as_str().to_owned(),
                payload: publication.payload.to_owned(),
                qos: publication.qos,
                retain: publication.retain,
            },
            Event::Delivered { client, publication, qos } => {
                Self::Delivered(client.identifier.to_owned(), text(publication.payload), *qos)
            }
            Event::Acknowledged { client, publication, qos, reason } => {
                let payload = text(publication.payload);
                Self::Acknowledged(client.identifier.to_owned(), payload, *qos, *reason)
            }
            Event::Ping { client } => Self::Ping(client.identifier.to_owned()),
            other => panic!("an event that this test does not know: {other:?}"),
        }
    }

    fn published(client: Option<&str>, topic: &str, payload: &str) -> Self {
        Self::Published {
            client: client.map(str::to_owned),
            topic: topic.to_owned(),
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
        }
    }
}

fn text(payload: &[u8]) -> String {
    String::from_utf8(payload.to_vec()).expect("the payloads of these tests are text")
}

/// Runs a test with 1 and 4 shards, with what the handler is told unless it asks for more.
fn listening(test: impl Fn(&Server, &mpsc::Receiver<Heard>)) {
    listening_for(EventKinds::default(), test);
}

fn listening_for(kinds: EventKinds, test: impl Fn(&Server, &mpsc::Receiver<Heard>)) {
    for shards in [1, 4] {
        let (sender, heard) = mpsc::channel();
        let server = Server::start(shards, |builder| {
            builder.event_kinds(kinds).on_event(move |_, event| {
                sender.send(Heard::of(event)).expect("the test listens");
            })
        });
        let ready = Heard::Ready(server.broker().local_addresses().to_vec());
        assert_eq!(next(&heard), ready, "the first event");
        test(&server, &heard);
        server.stop();
    }
}

fn next(heard: &mpsc::Receiver<Heard>) -> Heard {
    heard.recv_timeout(support::DEADLINE).expect("an event comes")
}

#[test]
fn events_of_a_client_come_in_order() {
    listening(|server, heard| {
        let identifier = server.identifier("client");
        let mut client = server.client("client");
        client.subscribe("a/+", 1);
        client.publish("a/b", "hello");
        client.expect_message("a/b", "hello");
        client.publish_surely(&Publish::new("other", "kept").qos(1, 0).retain());
        client.unsubscribe("a/+");
        client.unsubscribe("never subscribed");
        client.send(&DISCONNECT);
        client.expect_closed();
        let expected = [
            Heard::Connected(identifier.clone()),
            Heard::Subscribed(identifier.clone(), "a/+".into(), QoS::AtLeastOnce),
            Heard::published(Some(&identifier), "a/b", "hello"),
            Heard::Published {
                client: Some(identifier.clone()),
                topic: "other".into(),
                payload: b"kept".to_vec(),
                qos: QoS::AtLeastOnce,
                retain: true,
            },
            Heard::Unsubscribed(identifier.clone(), "a/+".into()),
            Heard::Disconnected(identifier, CloseCause::Disconnect),
        ];
        for event in expected {
            assert_eq!(next(heard), event);
        }
        heard.try_recv().expect_err("nothing else was to be told");
    });
}

#[test]
fn every_end_has_its_cause() {
    listening(|server, heard| {
        let identifier = server.identifier("client");
        let connected = Heard::Connected(identifier.clone());
        let end = |cause: fn(&CloseCause) -> bool| match next(heard) {
            Heard::Disconnected(who, why) => {
                assert_eq!(who, identifier);
                assert!(cause(&why), "{why:?}");
            }
            other => panic!("{other:?} instead of the end"),
        };
        drop(server.client("client"));
        assert_eq!(next(heard), connected);
        end(|cause| *cause == CloseCause::Lost);

        let error = |violation: fn(&Violation) -> bool| match next(heard) {
            Heard::Error(who, what) => {
                assert_eq!(who, identifier);
                assert!(violation(&what), "{what:?}");
            }
            other => panic!("{other:?} instead of the error"),
        };
        server.client("client").send(&[0xff]);
        assert_eq!(next(heard), connected);
        error(|violation| matches!(violation, Violation::Malformed(_)));
        end(|cause| matches!(cause, CloseCause::Violation(Violation::Malformed(_))));

        let mut client = server.client("client");
        client.send(&server.connect("client").bytes());
        assert_eq!(next(heard), connected);
        error(|violation| *violation == Violation::SecondConnect);
        end(|cause| *cause == CloseCause::Violation(Violation::SecondConnect));

        let first = server.client("client");
        assert_eq!(next(heard), connected);
        let second = server.client("client");
        end(|cause| *cause == CloseCause::TakenOver);
        assert_eq!(next(heard), connected);
        drop((first, second));
        end(|cause| *cause == CloseCause::Lost);

        let silent = server.accepted(&server.connect("client").keep_alive(1), false);
        assert_eq!(next(heard), connected);
        assert_eq!(next(heard), Heard::KeepAliveTimeout(identifier.clone()));
        end(|cause| *cause == CloseCause::KeepAliveTimeout);
        drop(silent);
    });
}

#[test]
fn stopping_is_a_cause_too() {
    for shards in [1, 4] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&heard);
        let server = Server::start(shards, |builder| {
            builder.on_event(move |_, event| {
                writer.lock().expect("no panic").push(Heard::of(event));
            })
        });
        let connect = server.connect("client").will("will/topic", "gone");
        let client = server.accepted(&connect, false);
        let identifier = server.identifier("client");
        server.stop();
        drop(client);
        let heard = heard.lock().expect("no panic");
        // No Will: who stops the broker has not lost the Client.
        let expected = [
            Heard::Connected(identifier.clone()),
            Heard::Disconnected(identifier, CloseCause::Shutdown),
        ];
        assert_eq!(heard[1..], expected);
    }
}

#[test]
fn strangers_and_refused_clients_make_no_events() {
    listening(|server, heard| {
        server.open().send(&[0]);
        let mut refused = server.open();
        refused.send(&Connect::new("").kept().bytes());
        refused.expect(&[0x20, 2, 0, 2]);
        refused.expect_closed();
        server.wait_for_connections(0);
        heard.try_recv().expect_err("nothing was to be told");
    });
}

#[test]
fn wills_and_messages_from_inside_have_no_client() {
    listening(|server, heard| {
        let identifier = server.identifier("client");
        let connect = server.connect("client").will("will/topic", "gone");
        drop(server.accepted(&connect, false));
        assert_eq!(next(heard), Heard::Connected(identifier.clone()));
        assert_eq!(next(heard), Heard::Disconnected(identifier, CloseCause::Lost));
        assert_eq!(next(heard), Heard::published(None, "will/topic", "gone"));
        server.broker().publisher().publish("inside", "hello").expect("the broker runs");
        assert_eq!(next(heard), Heard::published(None, "inside", "hello"));
    });
}

#[test]
fn a_repeated_qos_2_message_is_told_once() {
    listening(|server, heard| {
        let mut client = server.client("client");
        for _ in 0..3 {
            client.send(&Publish::new("a", "x").qos(2, 7).bytes());
            client.expect(&pubrec(7));
        }
        client.send(&pubrel(7));
        client.publish("a", "next");
        client.send(&DISCONNECT);
        next(heard);
        assert!(matches!(next(heard), Heard::Published { qos: QoS::ExactlyOnce, .. }));
        let identifier = server.identifier("client");
        assert_eq!(next(heard), Heard::published(Some(&identifier), "a", "next"));
    });
}

/// From one Client to itself, so that one shard tells of all of it in order.
#[test]
fn deliveries_and_acknowledgements_are_told_to_whom_asks() {
    let kinds = EventKinds::DELIVERED | EventKinds::ACKNOWLEDGED;
    listening_for(kinds, |server, heard| {
        let who = server.identifier("client");
        let mut client = server.client("client");
        client.subscribe("a", 2);
        for (payload, qos) in [("zero", 0), ("one", 1), ("two", 2)] {
            client.send(&Publish::new("a", payload).qos(qos, 9).bytes());
        }
        assert_eq!(next(heard), Heard::Connected(who.clone()));
        assert_eq!(next(heard), Heard::Subscribed(who.clone(), "a".into(), QoS::ExactlyOnce));
        let delivered = |payload: &str, qos| Heard::Delivered(who.clone(), payload.to_owned(), qos);
        assert_eq!(next(heard), delivered("zero", QoS::AtMostOnce));
        assert_eq!(next(heard), delivered("one", QoS::AtLeastOnce));
        assert_eq!(next(heard), delivered("two", QoS::ExactlyOnce));
        let mut messages = Vec::new();
        while messages.len() < 3 {
            let packet = client.receive();
            if packet[0] >> 4 == 3 {
                messages.push(Publish::parse(&packet));
            }
        }
        // Twice, and one that nothing waits for: told once.
        for _ in 0..2 {
            client.send(&support::packets::puback(messages[1].identifier));
            client.send(&pubrec(messages[2].identifier));
        }
        client.send(&pubrec(999));
        client.send(&support::packets::pubcomp(messages[2].identifier));
        client.send(&DISCONNECT);
        let acknowledged = |payload: &str, qos| {
            Heard::Acknowledged(who.clone(), payload.to_owned(), qos, ReasonCode::Success)
        };
        assert_eq!(next(heard), acknowledged("one", QoS::AtLeastOnce));
        assert_eq!(next(heard), acknowledged("two", QoS::ExactlyOnce));
        assert_eq!(next(heard), Heard::Disconnected(who.clone(), CloseCause::Disconnect));
    });
}

/// What waits is delivered when it is sent, not when it begins to wait; again, if need be.
#[test]
fn a_delivery_is_told_when_it_goes_out() {
    listening_for(EventKinds::DELIVERED, |server, heard| {
        let who = server.identifier("subscriber");
        let mut subscriber = server.begin("subscriber");
        subscriber.subscribe("a", 1);
        drop(subscriber);
        server.wait_for_connections(0);
        let mut publisher = server.client("publisher");
        publisher.publish_surely(&Publish::new("a", "kept").qos(1, 0));
        publisher.retain("r", "retained");
        let delivered = |payload: &str, qos| Heard::Delivered(who.clone(), payload.to_owned(), qos);
        let until = |event: &Heard| while next(heard) != *event {};
        until(&Heard::Connected(server.identifier("publisher")));
        heard.try_recv().expect_err("nothing was delivered");
        for _ in ["not acknowledged", "again"] {
            let mut subscriber = server.resume("subscriber");
            assert_eq!(next(heard), Heard::Connected(who.clone()));
            assert_eq!(subscriber.receive_publish().payload, b"kept");
            assert_eq!(next(heard), delivered("kept", QoS::AtLeastOnce));
            drop(subscriber);
            assert_eq!(next(heard), Heard::Disconnected(who.clone(), CloseCause::Lost));
        }
        let mut subscriber = server.resume("subscriber");
        subscriber.receive_surely();
        support::wait_until("the retained message", || {
            subscriber.send(&support::packets::subscribe(9, &[("r", 0)]));
            subscriber.receive();
            subscriber.send(&support::packets::PINGREQ);
            let packet = subscriber.receive();
            let is_publish = packet[0] >> 4 == 3;
            if is_publish {
                subscriber.receive();
            }
            is_publish
        });
        until(&delivered("retained", QoS::AtMostOnce));
    });
}

/// A shared subscription and a fan-out to several shards.
#[test]
fn every_subscriber_that_gets_a_message_is_told() {
    listening_for(EventKinds::DELIVERED, |server, heard| {
        let mut clients = ["one", "two", "three", "four"].map(|name| server.client(name));
        let mut expected = Vec::new();
        for (client, name) in clients.iter_mut().zip(["one", "two", "three", "four"]) {
            client.subscribe("a", 0);
            expected.push(Heard::Delivered(server.identifier(name), "x".into(), QoS::AtMostOnce));
        }
        clients[3].unsubscribe("a");
        clients[3].subscribe("$share/group/a", 1);
        // A subscription to a group is known to its home a moment after its SUBACK.
        support::wait_until("a message to the group", || {
            clients[0].publish("a", "x");
            clients[0].expect_message("a", "x");
            clients[3].send(&support::packets::PINGREQ);
            clients[3].receive()[0] >> 4 == 3
        });
        while !expected.is_empty() {
            let event = next(heard);
            expected.retain(|expected| *expected != event);
        }
    });
}

#[test]
fn pings_are_told_to_whom_asks_and_publications_are_not_to_whom_does_not() {
    listening_for(EventKinds::PING, |server, heard| {
        let who = server.identifier("client");
        let mut client = server.client("client");
        client.publish("a", "x");
        client.expect_silence();
        client.expect_silence();
        client.send(&DISCONNECT);
        let expected = [
            Heard::Connected(who.clone()),
            Heard::Ping(who.clone()),
            Heard::Ping(who.clone()),
            Heard::Disconnected(who, CloseCause::Disconnect),
        ];
        for event in expected {
            assert_eq!(next(heard), event);
        }
    });
}

#[test]
fn kinds_of_events_add_up() {
    let all =
        EventKinds::PUBLISHED | EventKinds::DELIVERED | EventKinds::ACKNOWLEDGED | EventKinds::PING;
    assert_eq!(all, EventKinds::ALL);
    assert!(all.contains(EventKinds::PING) && !EventKinds::NONE.contains(EventKinds::PING));
    assert!(!EventKinds::PING.contains(all));
}

#[test]
fn messages_from_outside_the_handler_reach_subscribers_in_order() {
    listening(|server, _| {
        let mut subscribers = ["one", "two", "three"].map(|name| server.client(name));
        for subscriber in &mut subscribers {
            subscriber.subscribe("inside/#", 2);
        }
        let publisher = server.broker().publisher().clone();
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        for number in 0..90_u8 {
            let qos = qos[usize::from(number % 3)];
            publisher.publish_with("inside/a", [number], qos, false).expect("the broker runs");
        }
        for subscriber in &mut subscribers {
            let mut released = 0;
            for number in 0..90 {
                let message = loop {
                    let packet = subscriber.receive();
                    if packet[0] >> 4 == 3 {
                        break Publish::parse(&packet);
                    }
                    assert_eq!(packet[0], 0x62, "a PUBREL");
                    released += 1;
                };
                assert_eq!((&message.payload[..], message.qos), (&[number][..], number % 3));
                if message.qos == 2 {
                    subscriber.send(&pubrec(message.identifier));
                }
            }
            for _ in released..30 {
                assert_eq!(subscriber.receive()[0], 0x62, "a PUBREL");
            }
        }
    });
}

#[test]
fn retained_messages_from_inside_are_retained() {
    listening(|server, _| {
        let publisher = server.broker().publisher();
        publisher.publish_with("a", "kept", QoS::AtLeastOnce, true).expect("the broker runs");
        publisher.publish("$SYS/load", "7").expect("`$` topics are open to the embedder");
        // It is on one shard now, and a moment later on the others.
        server.wait_for("it to be retained", |statistics| statistics.retained_messages == 1);
        for name in ["one", "two", "three", "four"] {
            support::wait_until("the retained message", || {
                let mut client = server.client(name);
                client.subscribe("#", 0);
                client.send(&[0xc0, 0]);
                let packet = client.receive();
                let is_publish = packet[0] >> 4 == 3;
                if is_publish {
                    assert_eq!(Publish::parse(&packet), Publish::new("a", "kept").retain());
                }
                is_publish
            });
        }
    });
}

#[test]
fn handlers_publish_from_inside() {
    for shards in [1, 4] {
        let server = Server::start(shards, |builder| {
            builder.on_event(|publisher, event| match event {
                Event::ClientConnected { client } => {
                    publisher.publish("$connected", client.identifier).expect("it is taken");
                }
                // What the tutorial's server does: an echo to another topic.
                Event::Published { publication, client: Some(_) } => {
                    publisher.publish("echo", publication.payload).expect("it is taken");
                }
                _ => {}
            })
        });
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("echo", 0);
        subscriber.subscribe("$connected", 0);
        let mut publisher = server.client("publisher");
        // Its own comes too, if it subscribed before that was routed.
        let publisher_identifier = server.identifier("publisher").into_bytes();
        while subscriber.receive_publish().payload != publisher_identifier {}
        for number in 0..200_u8 {
            publisher.publish("a", [number]);
            subscriber.expect_message("echo", [number]);
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let server = Server::start(1, |builder| builder);
    let publisher: Publisher = server.broker().publisher().clone();
    for topic in ["", "a/+", "#", "a\0", &"a".repeat(65_536)] {
        let error = publisher.publish(topic, "x").expect_err("it is no Topic Name");
        assert!(matches!(error, PublishError::Topic(_)), "{error}");
    }
    server.stop();
    assert_eq!(publisher.publish("a", "x"), Err(PublishError::Stopped));

    let nowhere = SocketAddr::from(([192, 0, 2, 1], 0));
    let error = Broker::builder().listen(nowhere).start().expect_err("it is not ours");
    let url = format!("mqtt://{nowhere}");
    assert!(matches!(&error, StartError::Listen { listener, .. } if *listener == url), "{error}");
}

#[test]
fn a_broker_without_listeners_takes_messages() {
    let (sender, heard) = mpsc::channel();
    let broker = Broker::builder()
        .shards(2)
        .limits(Limits::default())
        .on_event(move |_, event| sender.send(Heard::of(event)).expect("the test listens"))
        .start()
        .expect("nothing is in its way");
    assert_eq!(next(&heard), Heard::Ready(Vec::new()));
    broker.publisher().publish("a", "x").expect("the broker runs");
    assert_eq!(next(&heard), Heard::published(None, "a", "x"));
    drop(broker);
    // The handler is gone with the broker.
    heard.recv_timeout(support::DEADLINE).expect_err("no more events");
}

#[test]
fn several_listeners_are_one_broker() {
    let server = Server::start(2, |builder| builder.listen(SocketAddr::from(([127, 0, 0, 1], 0))));
    let addresses = server.broker().local_addresses().to_vec();
    assert_eq!(addresses.len(), 2);
    let mut subscriber = server.client("subscriber");
    subscriber.subscribe("a", 0);
    let mut publisher = support::client::Client::open(addresses[1]);
    publisher.send(&server.connect("publisher").bytes());
    publisher.expect(&[0x20, 2, 0, 0]);
    publisher.publish("a", "across");
    subscriber.expect_message("a", "across");
}
