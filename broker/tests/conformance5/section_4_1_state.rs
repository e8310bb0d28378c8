//! MQTT 5.0 4.1 to 4.6: session state, delivery, redelivery, receipt and order.

use crate::support::client::Client;
use crate::support::packets::{PINGREQ, PINGRESP, puback, pubcomp, pubrec, pubrel};
use crate::support::{Server, everywhere};
use crate::v5::packets::{Publish, acknowledgement};
use crate::v5::properties::id;
use crate::v5::settle5;

/// [MQTT-4.1.0-1] The session stays for as long as the Network Connection is open, however short
/// its Session Expiry Interval.
#[test]
fn mqtt5_4_1_0_1_session_lasts_with_the_connection() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut client = server.accepted5(&server.connect5("client").expiry(1), false);
        client.subscribe5("a", 1);
        // Another session with the same interval comes and goes in the meantime.
        drop(server.accepted5(&server.connect5("other").expiry(1), false));
        server.wait_for("the other session to end", |s| s.connections == 2 && s.sessions == 2);
        publisher.publish5_surely(&Publish::new("a", "x").qos(1, 0));
        assert_eq!(client.receive5_surely().payload, b"x");
    });
}

/// [MQTT-4.1.0-2] The session is discarded when its interval has passed without a connection: with
/// its subscriptions and messages.
#[test]
fn mqtt5_4_1_0_2_session_ends_after_its_interval() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let connect = server.connect5("client").resume().expiry(1);
        server.accepted5(&connect, false).subscribe5("a", 1);
        server.wait_for_connections(1);
        publisher.publish5_surely(&Publish::new("a", "x").qos(1, 0));
        // Back in time, it goes on and the interval begins anew.
        let mut client = server.accepted5(&connect, true);
        assert_eq!(client.receive5_surely().payload, b"x");
        drop(client);
        server.wait_for("the session to end", |statistics| statistics.sessions == 1);
        assert_eq!(server.statistics().subscriptions, 0);
        publisher.send(&Publish::new("a", "x").qos(1, 9).bytes());
        publisher.expect(&acknowledgement(0x40, 9, 0x10));
        server.accepted5(&connect, false).expect_silence();
    });
}

/// A publisher, and a subscriber to `a` at QoS 2.
fn pair(server: &Server) -> (Client, Client) {
    let mut subscriber = server.begin5("subscriber");
    subscriber.subscribe5("a", 2);
    (server.client5("publisher"), subscriber)
}

/// [MQTT-4.3.1-1] A delivery at QoS 0 is a PUBLISH at QoS 0 without DUP.
#[test]
fn mqtt5_4_3_1_1_delivery_at_qos_0() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        publisher.publish5("a", "x");
        subscriber.expect_message5("a", "x");
        subscriber.expect_silence();
    });
}

/// What is sent of one new message: an identifier of its own and no DUP.
fn new_delivery(qos: u8) {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        let mut open: Vec<u16> = Vec::new();
        for number in 0..100_u8 {
            publisher.publish5_surely(&Publish::new("a", [number]).qos(qos, 0));
            let message = subscriber.receive5();
            let expected = Publish::new("a", [number]).qos(qos, message.identifier);
            assert_eq!(message, expected);
            assert!(message.identifier != 0 && !open.contains(&message.identifier));
            open.push(message.identifier);
        }
    });
}

/// [MQTT-4.3.2-1] At QoS 1 each new message has an identifier that is not in use.
#[test]
fn mqtt5_4_3_2_1_new_message_has_an_unused_identifier() {
    new_delivery(1);
}

/// [MQTT-4.3.2-2] It goes as a PUBLISH at QoS 1 without DUP.
#[test]
fn mqtt5_4_3_2_2_first_delivery_has_no_dup() {
    new_delivery(1);
}

/// [MQTT-4.3.2-3] It is unacknowledged until PUBACK: sent again on the next Network Connection
/// before it, and not after it; a PUBREC or PUBCOMP is no PUBACK.
#[test]
fn mqtt5_4_3_2_3_message_is_kept_until_puback() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        publisher.publish5_surely(&Publish::new("a", "x").qos(1, 0));
        let message = subscriber.receive5();
        subscriber.send(&pubcomp(message.identifier));
        subscriber.expect_silence();
        let mut subscriber = server.resume5("subscriber");
        assert_eq!(subscriber.receive5_surely(), message.duplicate());
        subscriber.expect_silence();
        server.resume5("subscriber").expect_silence();
    });
}

/// [MQTT-4.3.2-4] A PUBLISH at QoS 1 is answered with PUBACK and its identifier.
#[test]
fn mqtt5_4_3_2_4_publish_is_answered_with_puback() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        for identifier in [1, 77, u16::MAX] {
            publisher.send(&Publish::new("a", "x").qos(1, identifier).bytes());
            publisher.expect(&puback(identifier));
            assert_eq!(subscriber.receive5_surely().payload, b"x");
        }
    });
}

/// [MQTT-4.3.2-5] After the PUBACK the identifier stands for a new message, DUP or not.
#[test]
fn mqtt5_4_3_2_5_identifier_is_new_after_puback() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        for message in [Publish::new("a", "1"), Publish::new("a", "2").duplicate()] {
            publisher.send(&message.clone().qos(1, 5).bytes());
            publisher.expect(&puback(5));
            assert_eq!(subscriber.receive5_surely().payload, message.payload);
        }
    });
}

/// [MQTT-4.3.3-1] At QoS 2 each new message has an identifier that is not in use.
#[test]
fn mqtt5_4_3_3_1_new_message_has_an_unused_identifier() {
    new_delivery(2);
}

/// [MQTT-4.3.3-2] It goes as a PUBLISH at QoS 2 without DUP.
#[test]
fn mqtt5_4_3_3_2_first_delivery_has_no_dup() {
    new_delivery(2);
}

/// [MQTT-4.3.3-3] It is unacknowledged until PUBREC: a PUBACK or PUBCOMP is none.
#[test]
fn mqtt5_4_3_3_3_message_is_kept_until_pubrec() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        publisher.publish5_surely(&Publish::new("a", "x").qos(2, 0));
        let message = subscriber.receive5();
        subscriber.send(&[puback(message.identifier), pubcomp(message.identifier)].concat());
        subscriber.expect_silence();
        let mut subscriber = server.resume5("subscriber");
        assert_eq!(subscriber.receive5_surely(), message.duplicate());
        server.resume5("subscriber").expect_silence();
    });
}

/// [MQTT-4.3.3-4] PUBREC below 0x80 is answered with PUBREL and its identifier, each time.
#[test]
fn mqtt5_4_3_3_4_pubrec_is_answered_with_pubrel() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        publisher.publish5_surely(&Publish::new("a", "x").qos(2, 0));
        let identifier = subscriber.receive5().identifier;
        for answer in [pubrec(identifier), acknowledgement(0x50, identifier, 0x10)] {
            subscriber.send(&answer);
            subscriber.expect(&pubrel(identifier));
        }
    });
}

/// [MQTT-4.3.3-5] PUBREL is unacknowledged until PUBCOMP: sent again on the next Network Connection
/// before it, and not after it.
#[test]
fn mqtt5_4_3_3_5_pubrel_is_kept_until_pubcomp() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        publisher.publish5_surely(&Publish::new("a", "x").qos(2, 0));
        let identifier = subscriber.receive5().identifier;
        subscriber.send(&pubrec(identifier));
        subscriber.expect(&pubrel(identifier));
        let mut subscriber = server.resume5("subscriber");
        subscriber.expect(&pubrel(identifier));
        subscriber.send(&pubcomp(identifier));
        subscriber.expect_silence();
        server.resume5("subscriber").expect_silence();
    });
}

/// [MQTT-4.3.3-6] After the PUBREL, the PUBLISH is not sent again.
#[test]
fn mqtt5_4_3_3_6_publish_is_not_sent_after_pubrel() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        publisher.publish5_surely(&Publish::new("a", "x").qos(2, 0));
        let identifier = subscriber.receive5().identifier;
        subscriber.send(&pubrec(identifier));
        subscriber.expect(&pubrel(identifier));
        for _ in 0..3 {
            let mut subscriber = server.resume5("subscriber");
            subscriber.expect(&pubrel(identifier));
            subscriber.expect_silence();
        }
    });
}

/// [MQTT-4.3.3-7] A message that was sent is sent again though its time is over since.
#[test]
fn mqtt5_4_3_3_7_no_expiry_once_sent() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        for qos in 1..3 {
            publisher.publish5_surely(&Publish::new("a", [qos]).expiry(1).qos(qos, 0));
            assert_eq!(subscriber.receive5().payload, [qos]);
        }
        let clock = Publish::new("clock", "x").expiry(1).retain();
        publisher.publish5_surely(&clock);
        server.wait_for("a retained message to expire", |statistics| statistics.expired > 0);
        let mut subscriber = server.resume5("subscriber");
        for qos in 1..3 {
            let message = subscriber.receive5_surely();
            assert_eq!((message.duplicate, &message.payload[..]), (true, &[qos][..]));
            let left = message.properties.number(id::MESSAGE_EXPIRY_INTERVAL);
            assert!(left.is_some_and(|left| left <= 1), "{left:?}");
        }
    });
}

/// [MQTT-4.3.3-8] A PUBLISH at QoS 2 is answered with PUBREC and its identifier.
#[test]
fn mqtt5_4_3_3_8_publish_is_answered_with_pubrec() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        for identifier in [1, 77, u16::MAX] {
            publisher.send(&Publish::new("a", "x").qos(2, identifier).bytes());
            publisher.expect(&pubrec(identifier));
            assert_eq!(subscriber.receive5_surely().payload, b"x");
        }
    });
}

/// [MQTT-4.3.3-10] Until PUBREL the same identifier is the same message: answered with PUBREC, on
/// another Network Connection as well, and delivered once.
#[test]
fn mqtt5_4_3_3_10_duplicates_are_not_delivered() {
    everywhere(|server| {
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a", 2);
        let mut publisher = server.begin5("publisher");
        let message = Publish::new("a", "once").qos(2, 5);
        publisher.send(&message.bytes());
        publisher.expect(&pubrec(5));
        publisher.send(&message.clone().duplicate().bytes());
        publisher.expect(&pubrec(5));
        let mut publisher = server.resume5("publisher");
        publisher.send(&message.duplicate().bytes());
        publisher.expect(&pubrec(5));
        publisher.send(&pubrel(5));
        publisher.expect(&pubcomp(5));
        assert_eq!(subscriber.receive5_surely().payload, b"once");
        publisher.publish5("a", "marker");
        subscriber.expect_message5("a", "marker");
    });
}

/// [MQTT-4.3.3-11] PUBREL is answered with PUBCOMP and its identifier, each time.
#[test]
fn mqtt5_4_3_3_11_pubrel_is_answered_with_pubcomp() {
    everywhere(|server| {
        let (mut publisher, _subscriber) = pair(server);
        publisher.send(&Publish::new("a", "x").qos(2, 0x0102).bytes());
        publisher.expect(&pubrec(0x0102));
        publisher.send(&pubrel(0x0102));
        publisher.expect(&pubcomp(0x0102));
        publisher.send(&pubrel(0x0102));
        publisher.expect(&acknowledgement(0x70, 0x0102, 0x92));
    });
}

/// [MQTT-4.3.3-12] After PUBCOMP the identifier stands for a new message.
#[test]
fn mqtt5_4_3_3_12_identifier_is_new_after_pubcomp() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        for payload in ["1", "2", "3"] {
            publisher.send(&Publish::new("a", payload).qos(2, 5).bytes());
            publisher.expect(&pubrec(5));
            publisher.send(&pubrel(5));
            publisher.expect(&pubcomp(5));
            assert_eq!(subscriber.receive5_surely().payload, payload.as_bytes());
        }
    });
}

/// [MQTT-4.3.3-13] The exchange with the publisher goes on though the message has expired.
#[test]
fn mqtt5_4_3_3_13_exchange_goes_on_after_expiry() {
    everywhere(|server| {
        let mut publisher = server.begin5("publisher");
        server.begin5("subscriber").subscribe5("a", 2);
        server.wait_for_connections(1);
        let message = Publish::new("a", "x").expiry(1).qos(2, 5);
        publisher.send(&message.bytes());
        publisher.expect(&pubrec(5));
        publisher.publish5_surely(&Publish::new("clock", "x").expiry(1).retain());
        server.wait_for("a retained message to expire", |statistics| statistics.expired > 0);
        publisher.send(&message.duplicate().bytes());
        publisher.expect(&pubrec(5));
        publisher.send(&pubrel(5));
        publisher.expect(&pubcomp(5));
        server.resume5("subscriber").expect_silence();
    });
}

/// [MQTT-4.4.0-1] What is unacknowledged is sent again when the Client comes back with Clean Start
/// 0, with the same identifiers; and at no other time.
#[test]
fn mqtt5_4_4_0_1_unacknowledged_is_sent_again() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        for qos in [1, 2, 2] {
            publisher.publish5_surely(&Publish::new("a", [qos]).qos(qos, 0));
        }
        let messages = [(); 3].map(|()| subscriber.receive5());
        subscriber.send(&pubrec(messages[1].identifier));
        subscriber.expect(&pubrel(messages[1].identifier));
        for _ in 0..3 {
            subscriber.send(&PINGREQ);
            subscriber.expect(&PINGRESP);
        }
        for _ in 0..2 {
            let mut subscriber = server.resume5("subscriber");
            assert_eq!(subscriber.receive5(), messages[0].clone().duplicate());
            subscriber.expect(&pubrel(messages[1].identifier));
            assert_eq!(subscriber.receive5(), messages[2].clone().duplicate());
            subscriber.expect_silence();
        }
    });
}

/// [MQTT-4.4.0-2] A message that is refused with 0x80 or more is acknowledged.
#[test]
fn mqtt5_4_4_0_2_refused_message_is_not_sent_again() {
    everywhere(|server| {
        let (mut publisher, mut subscriber) = pair(server);
        for qos in 1..3 {
            publisher.publish5_surely(&Publish::new("a", [qos]).qos(qos, 0));
            let identifier = subscriber.receive5().identifier;
            let first = if qos == 1 { 0x40 } else { 0x50 };
            subscriber.send(&acknowledgement(first, identifier, 0x83));
        }
        subscriber.expect_silence();
        server.resume5("subscriber").expect_silence();
    });
}

/// [MQTT-4.5.0-1] A message is added to the session of each Client with a subscription that
/// matches, connected or not.
#[test]
fn mqtt5_4_5_0_1_message_is_added_to_sessions() {
    everywhere(|server| {
        let names = ["one", "two", "three", "four"];
        for name in names {
            server.begin5(name).subscribe5("a", 1);
        }
        server.wait_for_connections(0);
        let mut publisher = server.client5("publisher");
        for number in 0..5_u8 {
            publisher.publish5_surely(&Publish::new("a", [number]).qos(1, 0));
        }
        for name in names {
            let mut client = server.resume5(name);
            for number in 0..5_u8 {
                assert_eq!(client.receive5_surely().payload, [number]);
            }
        }
    });
}

/// [MQTT-4.6.0-5] Messages of one publisher come in their order, for each topic and QoS.
#[test]
fn mqtt5_4_6_0_5_order_is_kept() {
    everywhere(|server| {
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("a", 2);
        let mut publisher = server.client5("publisher");
        let numbers = 0..500_u16;
        let packets: Vec<_> = numbers
            .clone()
            .flat_map(|n| {
                (0..3).map(move |q| {
                    Publish::new("a", n.to_be_bytes()).qos(q, 2 * n + 1 + u16::from(q > 1))
                })
            })
            .map(|message| message.bytes())
            .collect();
        publisher.send(&packets.concat());
        let mut next = [0; 3];
        while next != [numbers.end; 3] {
            let packet = subscriber.receive();
            if packet[0] == 0x62 {
                subscriber.send(&pubcomp(u16::from_be_bytes([packet[2], packet[3]])));
                continue;
            }
            let message = Publish::parse(&packet);
            let number = &mut next[usize::from(message.qos)];
            assert_eq!(message.payload, number.to_be_bytes(), "at QoS {}", message.qos);
            *number += 1;
            match message.qos {
                0 => {}
                1 => subscriber.send(&puback(message.identifier)),
                _ => subscriber.send(&pubrec(message.identifier)),
            }
        }
    });
}

/// [MQTT-4.6.0-6] That holds for every topic and for all that a session has kept.
#[test]
fn mqtt5_4_6_0_6_every_topic_is_ordered() {
    everywhere(|server| {
        let mut subscriber = server.begin5("subscriber");
        subscriber.subscribe5("#", 2);
        drop(subscriber);
        server.wait_for_connections(0);
        let mut publisher = server.client5("publisher");
        for number in 0..60_u8 {
            let topic = format!("a/{}", number % 3);
            publisher.publish5_surely(&Publish::new(&topic, [number]).qos(1 + number % 2, 0));
        }
        let mut subscriber = server.resume5("subscriber");
        let first = (0..60).map(|_| subscriber.receive5()).collect::<Vec<_>>();
        assert!(first.iter().map(|message| message.payload[0]).eq(0..60));
        let mut subscriber = server.resume5("subscriber");
        for message in first {
            assert_eq!(subscriber.receive5(), message.duplicate());
        }
        subscriber.unsubscribe5("#");
        settle5(&mut publisher, &mut subscriber);
    });
}
