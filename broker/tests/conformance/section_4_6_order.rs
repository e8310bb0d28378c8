//! MQTT 4.6: message ordering.

use crate::support::client::Client;
use crate::support::everywhere;
use crate::support::packets::{Publish, puback, pubcomp, pubrec, pubrel};

/// Messages of one test: beyond the inflight window, so that some wait.
const MESSAGES: u16 = 600;

/// [MQTT-4.6.0-1] Messages are sent again in the order in which they were sent first.
#[test]
fn mqtt_4_6_0_1_redelivery_keeps_the_order() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.begin("subscriber");
        subscriber.subscribe("#", 2);
        for number in 0..40_u8 {
            let message = Publish::new(&format!("a/{}", number % 3), [number]);
            publisher.publish_surely(&message.qos(1 + number % 2, 0));
        }
        let messages: Vec<Publish> = (0..40).map(|_| subscriber.receive_publish()).collect();
        // Those in between are acknowledged.
        let (kept, gone): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|m| m.payload[0] % 5 > 1);
        for message in gone.iter().filter(|message| message.qos == 1).rev() {
            subscriber.send(&puback(message.identifier));
        }
        subscriber.expect_silence();
        let mut subscriber = server.resume("subscriber");
        let again: Vec<Publish> = (0..40 - gone.iter().filter(|m| m.qos == 1).count())
            .map(|_| subscriber.receive_publish())
            .collect();
        assert!(again.is_sorted_by_key(|message| message.payload[0]), "out of order: {again:?}");
        assert!(kept.iter().all(|message| again.contains(&message.clone().duplicate())));
    });
}

/// [MQTT-4.6.0-2] PUBACKs come in the order of the PUBLISH packets.
#[test]
fn mqtt_4_6_0_2_pubacks_are_in_order() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let identifiers: Vec<u16> = (1..200).rev().collect();
        let packets = identifiers.iter().map(|&id| Publish::new("a", "x").qos(1, id).bytes());
        publisher.send(&packets.collect::<Vec<_>>().concat());
        for identifier in identifiers {
            publisher.expect(&puback(identifier));
        }
    });
}

/// [MQTT-4.6.0-3] PUBRECs come in the order of the PUBLISH packets.
#[test]
fn mqtt_4_6_0_3_pubrecs_are_in_order() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let identifiers: Vec<u16> = (1..200).rev().collect();
        let packets = identifiers.iter().map(|&id| Publish::new("a", "x").qos(2, id).bytes());
        publisher.send(&packets.collect::<Vec<_>>().concat());
        for &identifier in &identifiers {
            publisher.expect(&pubrec(identifier));
        }
        let releases = identifiers.iter().map(|&identifier| pubrel(identifier));
        publisher.send(&releases.collect::<Vec<_>>().concat());
        for identifier in identifiers {
            publisher.expect(&pubcomp(identifier));
        }
    });
}

/// [MQTT-4.6.0-4] PUBRELs come in the order of the PUBREC packets, now and after a reconnect in
/// the order of the messages.
#[test]
fn mqtt_4_6_0_4_pubrels_are_in_order() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.begin("subscriber");
        subscriber.subscribe("a", 2);
        for number in 0..30_u8 {
            publisher.publish_surely(&Publish::new("a", [number]).qos(2, 0));
        }
        let identifiers: Vec<u16> =
            (0..30).map(|_| subscriber.receive_publish().identifier).collect();
        let received: Vec<_> = identifiers.iter().map(|&id| pubrec(id)).collect();
        subscriber.send(&received.concat());
        for &identifier in &identifiers {
            subscriber.expect(&pubrel(identifier));
        }
        let mut subscriber = server.resume("subscriber");
        for &identifier in &identifiers {
            subscriber.expect(&pubrel(identifier));
        }
    });
}

/// Publishes numbers at one QoS as fast as the broker takes them.
fn publish_numbers(publisher: &mut Client, topic: &str, qos: u8) {
    let message = |n: u16| Publish::new(topic, n.to_be_bytes()).qos(qos, n + 1).bytes();
    let packets: Vec<_> = (0..MESSAGES).map(message).collect();
    publisher.send(&packets.concat());
    for identifier in 1..=MESSAGES {
        match qos {
            0 => {}
            1 => publisher.expect(&puback(identifier)),
            _ => {
                publisher.expect(&pubrec(identifier));
                publisher.send(&pubrel(identifier));
            }
        }
    }
    if qos == 2 {
        for identifier in 1..=MESSAGES {
            publisher.expect(&pubcomp(identifier));
        }
    }
}

/// [MQTT-4.6.0-5] Each topic is an ordered one, for as many publishers as there are.
#[test]
fn mqtt_4_6_0_5_every_topic_is_ordered() {
    everywhere(|server| {
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a/#", 0);
        let mut publishers = ["one", "two", "three"].map(|name| server.client(name));
        for (publisher, topic) in publishers.iter_mut().zip(["a/1", "a/2", "a/2/3"]) {
            publish_numbers(publisher, topic, 0);
        }
        let mut next = std::collections::BTreeMap::new();
        for _ in 0..3 * MESSAGES {
            let message = subscriber.receive_publish();
            let expected = next.entry(message.topic).or_insert(0_u16);
            assert_eq!(message.payload, expected.to_be_bytes());
            *expected += 1;
        }
    });
}

/// [MQTT-4.6.0-6] A subscriber gets the messages of a Client in the order in which they came, at
/// each topic and QoS, though most of them have to wait for acknowledgements.
#[test]
fn mqtt_4_6_0_6_messages_of_a_client_stay_in_order() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a", 2);
        for qos in 0..3 {
            publish_numbers(&mut publisher, "a", qos);
            let mut released = Vec::new();
            for number in 0..MESSAGES {
                let message = loop {
                    let packet = subscriber.receive();
                    if packet[0] >> 4 == 3 {
                        break Publish::parse(&packet);
                    }
                    assert_eq!(packet[0], 0x62, "a PUBREL");
                    subscriber.send(&pubcomp(u16::from_be_bytes([packet[2], packet[3]])));
                    released.push(packet);
                };
                assert_eq!((message.payload, message.qos), (number.to_be_bytes().to_vec(), qos));
                match qos {
                    0 => {}
                    1 => subscriber.send(&puback(message.identifier)),
                    _ => subscriber.send(&pubrec(message.identifier)),
                }
            }
            while qos == 2 && released.len() < usize::from(MESSAGES) {
                let packet = subscriber.receive();
                assert_eq!(packet[0], 0x62, "a PUBREL");
                subscriber.send(&pubcomp(u16::from_be_bytes([packet[2], packet[3]])));
                released.push(packet);
            }
        }
        subscriber.expect_silence();
    });
}
