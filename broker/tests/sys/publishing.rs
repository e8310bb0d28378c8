//! `$SYS` is the broker's: Clients publish nothing there.

use std::time::Duration;

use crate::support::packets::{Publish, puback, pubcomp, pubrec, pubrel};
use crate::support::{everywhere, settle};
use crate::v5::packets::{Publish as Publish5, acknowledgement};
use crate::v5::settle5;

const TOPICS: [&str; 3] = ["$SYS/broker/version", "$SYS/mine", "$SYS"];

/// As what a Client has no right to publish, [MQTT-3.3.5-2]: acknowledged, dropped, counted.
#[test]
fn mqtt_3_3_5_2_a_publish_to_sys_is_acknowledged_dropped_and_counted() {
    everywhere(|server| {
        let mut reader = server.client("reader");
        reader.subscribe("$SYS/#", 0);
        let mut client = server.client("client");
        for topic in TOPICS {
            client.publish_surely(&Publish::new(topic, "0").retain());
            client.send(&Publish::new(topic, "1").qos(1, 7).bytes());
            client.expect(&puback(7));
            client.send(&Publish::new(topic, "2").qos(2, 8).bytes());
            client.expect(&pubrec(8));
            client.send(&pubrel(8));
            client.expect(&pubcomp(8));
        }
        settle(&mut client, &mut reader);
        reader.expect_silence();
        server.wait_for("denials", |s| s.publications_denied == 9 && s.retained_messages == 0);
    });
}

/// With Reason Code 0x87, Not authorized, as mosquitto answers.
#[test]
fn mqtt5_3_4_2_1_a_publish_to_sys_is_not_authorized() {
    everywhere(|server| {
        let mut reader = server.client5("reader");
        reader.subscribe5("$SYS/#", 0);
        let mut client = server.client5("client");
        for topic in TOPICS {
            client.publish5(topic, "0");
            client.send(&Publish5::new(topic, "1").qos(1, 7).bytes());
            client.expect(&acknowledgement(0x40, 7, 0x87));
            // That ends the exchange: the identifier is free.
            for _ in ["once", "again"] {
                client.send(&Publish5::new(topic, "2").qos(2, 8).bytes());
                client.expect(&acknowledgement(0x50, 8, 0x87));
            }
        }
        client.expect_silence();
        settle5(&mut client, &mut reader);
        reader.expect_silence();
        server.wait_for("denials", |s| s.publications_denied == 12);
    });
}

#[test]
fn a_will_for_sys_is_dropped_and_counted() {
    everywhere(|server| {
        let mut reader = server.client("reader");
        reader.subscribe("$SYS/#", 0);
        drop(server.accepted(&server.connect("client").will("$SYS/broker/uptime", "x"), false));
        server.wait_for("a denial", |s| s.publications_denied == 1 && s.wills_published == 0);
        reader.expect_silence();
    });
}

/// Other topics that begin with `$` are anybody's, and `$SYS` is the embedder's too.
#[test]
fn only_sys_is_reserved_and_the_embedder_may_publish_there() {
    everywhere(|server| {
        let mut reader = server.client("reader");
        for filter in ["$SYS/#", "$SYSTEM", "$mine/#", "a/$SYS/#"] {
            reader.subscribe(filter, 0);
        }
        let mut client = server.client("client");
        for topic in ["$SYSTEM", "$mine/$SYS", "a/$SYS/b"] {
            client.publish(topic, "x");
            reader.expect_message(topic, "x");
        }
        let publisher = server.broker().publisher();
        publisher.publish("$SYS/mine", "inside").expect("the broker runs");
        reader.expect_message("$SYS/mine", "inside");
    });
}

/// They are published at QoS 2, as by mosquitto.
#[test]
fn figures_come_at_the_qos_that_was_asked_for() {
    let server =
        crate::support::Server::start(2, |builder| builder.sys_interval(Duration::from_millis(50)));
    for (name, qos) in [("zero", 0), ("one", 1), ("two", 2)] {
        let mut client = server.client(name);
        client.subscribe("$SYS/broker/version", qos);
        let message = client.receive_surely();
        assert_eq!((message.qos, message.retain), (qos, true));
    }
}
