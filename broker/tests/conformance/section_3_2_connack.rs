//! MQTT 3.2: CONNACK.

use crate::support::packets::{Connect, DISCONNECT, Publish};
use crate::support::{everywhere, settle};

/// [MQTT-3.2.0-1] The first packet of the broker is a CONNACK, even when messages wait.
#[test]
fn mqtt_3_2_0_1_connack_comes_first() {
    everywhere(|server| {
        let mut subscriber = server.begin("subscriber");
        let mut publisher = server.client("publisher");
        subscriber.subscribe("a", 1);
        publisher.publish_surely(&Publish::new("a", "in flight").qos(1, 0));
        subscriber.receive_publish();
        drop(subscriber);
        server.wait_for_connections(1);
        publisher.publish_surely(&Publish::new("a", "queued").qos(1, 0));
        let mut subscriber = server.open();
        subscriber.send(&server.connect("subscriber").kept().bytes());
        subscriber.expect(&[0x20, 2, 1, 0]);
        assert_eq!(subscriber.receive_publish().payload, b"in flight");
        assert_eq!(subscriber.receive_publish().payload, b"queued");
    });
}

/// [MQTT-3.2.2-1] With Clean Session 1, Session Present is 0.
#[test]
fn mqtt_3_2_2_1_clean_session_is_never_present() {
    everywhere(|server| {
        server.begin("client").expect_silence();
        server.accepted(&server.connect("client"), false).expect_silence();
    });
}

/// [MQTT-3.2.2-2] With Clean Session 0, Session Present is 1 when there is a session.
#[test]
fn mqtt_3_2_2_2_stored_session_is_present() {
    everywhere(|server| {
        let mut client = server.begin("client");
        client.send(&DISCONNECT);
        client.expect_closed();
        server.accepted(&server.connect("client").kept(), true).expect_silence();
        server.accepted(&server.connect("client").kept(), true).expect_silence();
    });
}

/// [MQTT-3.2.2-3] Session Present is 0 when there is none.
#[test]
fn mqtt_3_2_2_3_new_session_is_not_present() {
    everywhere(|server| {
        server.accepted(&server.connect("client").kept(), false).expect_silence();
        server.accepted(&server.connect("other").kept(), false).expect_silence();
    });
}

/// [MQTT-3.2.2-4] With a return code other than 0, Session Present is 0.
#[test]
fn mqtt_3_2_2_4_refusal_has_no_session_present() {
    everywhere(|server| {
        server.begin("client").expect_silence();
        let mut client = server.open();
        let connect = server.connect("client").kept();
        client.send(&Connect { protocol: ("MQTT", 3), ..connect }.bytes());
        client.expect(&[0x20, 2, 0, 1]);
    });
}

/// [MQTT-3.2.2-5] After a return code other than 0 the broker closes; an older connection with
/// the same identifier is left alone.
#[test]
fn mqtt_3_2_2_5_refusal_closes() {
    everywhere(|server| {
        let mut good = server.client("client");
        for connect in
            [Connect { protocol: ("MQTT", 3), ..server.connect("client") }, Connect::new("").kept()]
        {
            let mut client = server.open();
            client.send(&connect.bytes());
            assert_ne!(client.receive()[3], 0);
            client.expect_closed();
        }
        good.expect_silence();
        server.wait_for("refusals to count", |statistics| statistics.connects_refused == 2);
    });
}

/// [MQTT-3.2.2-6] Where no return code fits, the broker closes without a CONNACK.
#[test]
fn mqtt_3_2_2_6_no_fitting_return_code_closes_silently() {
    everywhere(|server| {
        let mut good = server.client("good");
        let mut other = server.client("other");
        let connect = server.connect("bad");
        let mut client = server.open();
        client.send(&connect.bytes_with(0x03, &connect.payload()));
        client.expect_closed();
        settle(&mut good, &mut other);
    });
}
