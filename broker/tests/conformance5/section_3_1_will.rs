//! MQTT 5.0 3.1.2.5 to 3.1.2.7 and 3.1.3.2: the Will Message, its delay and its properties.

use std::net::Shutdown;

use crate::support::client::Client;
use crate::support::packets::{Publish as Publish311, field};
use crate::support::{Server, everywhere};
use crate::v5::packets::{Connect, Publish, disconnect};
use crate::v5::properties::{Properties, id};
use crate::v5::{NEVER, on_one_shard, settle5};

/// A Will whose delay is this number of seconds.
fn delayed(seconds: u32) -> Publish {
    let properties = Properties::new().four_bytes(id::WILL_DELAY_INTERVAL, seconds);
    Publish::new("will", "gone").properties(properties)
}

/// Makes sure that the broker publishes nothing now that somebody else has been heard.
fn nothing_yet(server: &Server, witness: &mut Client) {
    let mut marker = server.client5("marker");
    settle5(&mut marker, witness);
    witness.expect_silence();
    marker.send(&disconnect(0, &Properties::new()));
    marker.expect_closed();
}

/// [MQTT-3.1.2-7] The Will is kept for as long as the Network Connection lasts, and belongs to the
/// session: with a delay, it waits there.
#[test]
fn mqtt5_3_1_2_7_will_is_stored_with_the_session() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("will", 0);
        let connect = server.connect5("client").expiry(1).will(delayed(1000));
        let client = server.accepted5(&connect, false);
        nothing_yet(server, &mut witness);
        drop(client);
        server.wait_for_connections(1);
        // It waits for the end of the session.
        witness.expect_message5("will", "gone");
        server.wait_for("the session to end", |statistics| statistics.sessions == 1);
    });
}

/// [MQTT-3.1.2-8] The Will is published when the connection ends in any way but DISCONNECT with
/// Reason Code 0: at once where there is no delay, or where the session ends with it.
#[test]
fn mqtt5_3_1_2_8_will_is_published() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("will", 0);
        for will in [Publish::new("will", "gone"), delayed(1000)] {
            let connect = server.connect5("client").will(will);
            drop(server.accepted5(&connect, false));
            witness.expect_message5("will", "gone");

            let client = server.accepted5(&connect, false);
            client.stream().shutdown(Shutdown::Write).expect("it is open");
            witness.expect_message5("will", "gone");

            let mut client = server.accepted5(&connect, false);
            client.send(&[0xff]);
            witness.expect_message5("will", "gone");

            for reason in [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x98, 0x99] {
                let mut client = server.accepted5(&connect, false);
                client.send(&disconnect(reason, &Properties::new()));
                client.expect_closed();
                witness.expect_message5("will", "gone");
            }

            let older = server.accepted5(&connect, false);
            let newer = server.client5("client");
            witness.expect_message5("will", "gone");
            drop((older, newer));
            server.wait_for_connections(1);
        }
        witness.expect_silence();
    });
}

/// [MQTT-3.1.2-8] With a delay it is published when that is over, and not before.
#[test]
fn mqtt5_3_1_2_8_will_is_published_after_its_delay() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("will", 0);
        let connect = server.connect5("client").expiry(NEVER).will(delayed(1));
        drop(server.accepted5(&connect, false));
        server.wait_for_connections(1);
        witness.expect_message5("will", "gone");
        // The session goes on without it.
        drop(server.resume5("client"));
        server.wait_for_connections(1);
        nothing_yet(server, &mut witness);
        // DISCONNECT with Will Message waits as well.
        let mut client = server.accepted5(&connect.resume(), true);
        client.send(&disconnect(0x04, &Properties::new()));
        client.expect_closed();
        witness.expect_message5("will", "gone");
    });
}

/// [MQTT-3.1.2-9] With the Will Flag, properties, topic and payload are there.
#[test]
fn mqtt5_3_1_2_9_will_fields_are_present() {
    on_one_shard(|server| {
        let (identifier, topic) = (field(b"client"), field(b"will"));
        let fields = [
            vec![],
            vec![0],
            [&[0], &topic[..]].concat(),
            [&[0], &topic[..], &[0, 9]].concat(),
            // Topic and payload without properties: the length of the topic is read as one.
            [&topic[..], &field(b"gone")].concat(),
        ];
        for will in fields {
            let payload = [&identifier[..], &will].concat();
            server.refuses5(&Connect::new("").bytes_with(0x06, &payload), 0x81);
        }
    });
}

/// [MQTT-3.1.2-10] A Will that was published, or given up by DISCONNECT, is gone.
#[test]
fn mqtt5_3_1_2_10_will_is_published_once() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("will", 0);
        let connect = server.connect5("client").resume().expiry(NEVER);
        let with_will = connect.clone().will(Publish::new("will", "gone"));
        drop(server.accepted5(&with_will, false));
        witness.expect_message5("will", "gone");
        drop(server.resume5("client"));
        server.wait_for_connections(1);
        let mut client = server.accepted5(&with_will, true);
        client.send(&disconnect(0, &Properties::new()));
        client.expect_closed();
        drop(server.resume5("client"));
        server.wait_for_connections(1);
        nothing_yet(server, &mut witness);
        assert_eq!(server.statistics().wills_published, 1);
    });
}

/// [MQTT-3.1.2-11] Without the Will Flag, Will QoS is zero.
#[test]
fn mqtt5_3_1_2_11_will_qos_without_will_is_malformed() {
    on_one_shard(|server| {
        for flags in [0x0a, 0x12, 0x1a] {
            server.refuses5(&Connect::new("").bytes_with(flags, &field(b"client")), 0x81);
        }
    });
}

/// [MQTT-3.1.2-12] Will QoS is 0, 1 or 2, and holds; 3 is malformed.
#[test]
fn mqtt5_3_1_2_12_will_qos_is_used() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("will", 2);
        for qos in 0..3 {
            let will = Publish::new("will", [0, 255]).qos(qos, 0);
            drop(server.accepted5(&server.connect5("client").will(will), false));
            let will = witness.receive5_surely();
            assert_eq!((will.qos, &will.payload[..]), (qos, &[0, 255][..]));
        }
        let connect = Connect::new("client").will(Publish::new("will", "gone").qos(3, 0));
        server.refuses5(&connect.bytes(), 0x81);
    });
}

/// [MQTT-3.1.2-13] Without the Will Flag, Will Retain is zero.
#[test]
fn mqtt5_3_1_2_13_will_retain_without_will_is_malformed() {
    on_one_shard(|server| {
        server.refuses5(&Connect::new("").bytes_with(0x22, &field(b"client")), 0x81);
    });
}

/// What a Will leaves for a subscriber who comes later.
fn left(server: &Server, retain: bool) -> Option<Publish> {
    let mut late = server.client5("late");
    late.subscribe5("will", 0);
    let will = Publish { retain, ..Publish::new("will", "gone") };
    drop(server.accepted5(&server.connect5("client").will(will), false));
    late.expect_message5("will", "gone");
    late.unsubscribe5("will");
    settle5(&mut server.client5("client"), &mut late);
    late.subscribe5("will", 0);
    late.send(&[0xc0, 0]);
    let packet = late.receive();
    (packet[0] >> 4 == 3).then(|| Publish::parse(&packet))
}

/// [MQTT-3.1.2-14] Without Will Retain the Will is not retained.
#[test]
fn mqtt5_3_1_2_14_will_without_retain_is_not_retained() {
    everywhere(|server| assert_eq!(left(server, false), None));
}

/// [MQTT-3.1.2-15] With Will Retain it is.
#[test]
fn mqtt5_3_1_2_15_will_with_retain_is_retained() {
    everywhere(|server| {
        assert_eq!(left(server, true), Some(Publish::new("will", "gone").retain()));
    });
}

/// [MQTT-3.1.3-9] A Client that is back before the delay is over has no Will published: that of
/// its new Network Connection takes its place.
#[test]
fn mqtt5_3_1_3_9_will_is_dropped_when_the_client_is_back() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("will", 0);
        let connect = server.connect5("client").resume().expiry(NEVER);
        drop(server.accepted5(&connect.clone().will(delayed(1)), false));
        server.wait_for_connections(1);
        let client = server.resume5("client");
        // Another Will with the same delay, of later, is published first.
        let other = Publish { payload: b"other".to_vec(), ..delayed(1) };
        drop(server.accepted5(&server.connect5("other").expiry(NEVER).will(other), false));
        witness.expect_message5("will", "other");
        nothing_yet(server, &mut witness);
        drop(client);

        // A take-over is no end of the session either.
        let older = server.accepted5(&connect.will(delayed(1000)), true);
        let newer = server.resume5("client");
        nothing_yet(server, &mut witness);
        drop((older, newer));
    });
}

/// [MQTT-3.1.3-9] With Clean Start the old session ends, and its Will is published at once.
#[test]
fn mqtt5_3_1_3_9_clean_start_publishes_the_will() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("will", 0);
        let connect = server.connect5("client").expiry(NEVER).will(delayed(1000));
        drop(server.accepted5(&connect, false));
        server.wait_for_connections(1);
        let older = server.accepted5(&connect, false);
        witness.expect_message5("will", "gone");
        let newer = server.client5("client");
        witness.expect_message5("will", "gone");
        drop((older, newer));
    });
}

/// [MQTT-3.1.3-10] User Properties of the Will keep their order, and go along with the other
/// properties; the delay does not.
#[test]
fn mqtt5_3_1_3_10_properties_of_the_will_are_published() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        let mut old = server.client("old");
        witness.subscribe5("will", 0);
        old.subscribe("will", 0);
        let kept = Properties::new()
            .user("b", "1")
            .byte(id::PAYLOAD_FORMAT_INDICATOR, 1)
            .user("a", "2")
            .string(id::CONTENT_TYPE, "text/plain")
            .user("b", "1")
            .string(id::RESPONSE_TOPIC, "answers")
            .string(id::CORRELATION_DATA, [0, 255])
            .user("", "");
        let sent = kept.clone().four_bytes(id::WILL_DELAY_INTERVAL, 0);
        let will = Publish::new("will", "gone").properties(sent).expiry(100);
        drop(server.accepted5(&server.connect5("client").will(will), false));
        let will = witness.receive5();
        assert_eq!(will.properties.number(id::MESSAGE_EXPIRY_INTERVAL), Some(100));
        assert_eq!(will.properties.without(id::MESSAGE_EXPIRY_INTERVAL), kept);
        assert_eq!(old.receive_publish(), Publish311::new("will", "gone"));
    });
}

/// [MQTT-3.1.3-11] The Will Topic is a string, and a Topic Name.
#[test]
fn mqtt5_3_1_3_11_will_topic_is_checked() {
    on_one_shard(|server| {
        for (topic, reason) in [(&b"a\xff"[..], 0x81), (b"a\0b", 0x81), (b"a/#", 0x90)] {
            let will = [&[0], &field(topic)[..], &field(b"gone")].concat();
            let payload = [&field(b"client")[..], &will].concat();
            server.refuses5(&Connect::new("").bytes_with(0x06, &payload), reason);
        }
    });
}
