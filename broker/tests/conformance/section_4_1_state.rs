//! MQTT 4.1 and 4.2: stored state, network connections.

use crate::support::everywhere;
use crate::support::packets::{
    DISCONNECT, PINGREQ, PINGRESP, Publish, puback, pubcomp, pubrec, pubrel, suback, subscribe,
};

/// [MQTT-4.1.0-1] Session State is stored for as long as the session lasts: subscriptions, what
/// is in flight in both directions, what waits.
#[test]
fn mqtt_4_1_0_1_session_state_is_stored() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.begin("subscriber");
        subscriber.subscribe("a", 2);
        publisher.publish_surely(&Publish::new("a", "received").qos(2, 0));
        let received = subscriber.receive_publish().identifier;
        subscriber.send(&pubrec(received));
        subscriber.expect(&pubrel(received));
        publisher.publish_surely(&Publish::new("a", "in flight").qos(1, 0));
        let in_flight = subscriber.receive_publish();
        subscriber.send(&Publish::new("b", "not released").qos(2, 5).bytes());
        subscriber.expect(&pubrec(5));
        subscriber.send(&DISCONNECT);
        subscriber.expect_closed();
        publisher.publish_surely(&Publish::new("a", "queued").qos(1, 0));

        publisher.subscribe("b", 0);
        let mut subscriber = server.resume("subscriber");
        subscriber.expect(&pubrel(received));
        assert_eq!(subscriber.receive_surely(), in_flight.duplicate());
        assert_eq!(subscriber.receive_surely().payload, b"queued");
        subscriber.send(&pubcomp(received));
        subscriber.send(&Publish::new("b", "not released").qos(2, 5).duplicate().bytes());
        subscriber.expect(&pubrec(5));
        subscriber.send(&pubrel(5));
        subscriber.expect(&pubcomp(5));
        subscriber.publish("b", "the next one");
        publisher.expect_message("b", "the next one");
        server.resume("subscriber").expect_silence();
    });
}

/// [MQTT-4.1.0-2] A session lasts at least as long as its connection.
#[test]
fn mqtt_4_1_0_2_session_lasts_as_long_as_the_connection() {
    everywhere(|server| {
        let mut publisher = server.client("publisher");
        let mut subscriber = server.client("subscriber");
        subscriber.subscribe("a", 1);
        for number in 0..1000_u16 {
            publisher.publish_surely(&Publish::new("a", number.to_be_bytes()).qos(1, 0));
            assert_eq!(subscriber.receive_surely().payload, number.to_be_bytes());
        }
    });
}

/// [MQTT-4.2.0-1] The transport is an ordered stream of bytes: packets may come in pieces of any
/// size, or many at once.
#[test]
fn mqtt_4_2_0_1_packets_may_come_in_any_pieces() {
    everywhere(|server| {
        let payload = vec![b'x'; 200];
        let bytes = [
            server.connect("client").user_name("user").bytes(),
            subscribe(1, &[("a", 0)]),
            Publish::new("b", &payload).qos(1, 2).bytes(),
            Publish::new("b", "").qos(2, 3).bytes(),
            pubrel(3),
            PINGREQ.to_vec(),
            Publish::new("a", &payload).bytes(),
            DISCONNECT.to_vec(),
        ]
        .concat();
        for piece in [1, 2, 3, 5, 7, 100, bytes.len()] {
            let mut client = server.open();
            for bytes in bytes.chunks(piece) {
                client.send(bytes);
            }
            client.expect(&[0x20, 2, 0, 0]);
            client.expect(&suback(1, &[0]));
            client.expect(&puback(2));
            client.expect(&pubrec(3));
            client.expect(&pubcomp(3));
            client.expect(&PINGRESP);
            client.expect_message("a", &payload);
            client.expect_closed();
        }
    });
}
